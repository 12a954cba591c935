/* curves_export.h: learning curves as series of a figure, and as files. */
#ifndef CS_UI_CURVES_EXPORT_H
#define CS_UI_CURVES_EXPORT_H

#include "figure/plot.h"
#include "run/curves.h"

enum { CS_CURVES_WIDTH = 900, CS_CURVES_HEIGHT = 560 /* pixels of an exported figure */ };

/* The lines as series of a plot: series[lines->count] is written, borrowed from them. */
void cs_lines_series(const struct cs_lines *lines, struct cs_series *series);

/* Write what a figure of curves shows: stem-accuracy and stem-loss as .png and .svg, stem.csv with the lines, and of the first run all rows of
 * its history as stem.hdf5. What fails leaves nothing behind. */
enum cs_status cs_curves_export(const struct cs_plot plots[CS_QUANTITIES], const struct cs_lines lines[CS_QUANTITIES],
	const struct cs_curves *history, const char *stem, struct cs_error *error);

#endif
