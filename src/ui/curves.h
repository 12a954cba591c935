/* curves.h: the learning curves of one run or of several as lines of a figure: smoothed, or those that differ by their seed alone as their
 * mean and a band.
 *
 * x is the number of epochs done. Until two epochs are, the points within them are the curve.
 */
#ifndef CS_UI_CURVES_H
#define CS_UI_CURVES_H

#include "figure/plot.h"
#include "ui/follow.h"

enum cs_quantity { CS_QUANTITY_ACCURACY, CS_QUANTITY_LOSS, CS_QUANTITIES };

enum { CS_CURVE_RUNS = 24, CS_CURVES_WIDTH = 900, CS_CURVES_HEIGHT = 560 /* pixels of an exported figure */ };

/* What is known of a run, and how it is called. */
struct cs_curve_run {
	char name[64];
	const struct cs_followed *followed; /* NULL: nothing read yet */
};

/* A line of a figure. */
struct cs_line {
	char name[80];
	double *x, *y, *low, *high; /* [count]; low and high NULL: no band */
	long count;
	struct cs_rgb colour;
};

struct cs_lines {
	struct cs_line *lines;
	int count;
};

/* How they are to be made. */
struct cs_curve_options {
	enum cs_quantity quantity;
	int smoothing; /* epochs of a running mean; under 2: none */
	bool grouped; /* runs of one kind as mean and band (one standard deviation) */
};

/* One run: training and validation. Several: validation, or where there is none training, a line each. Errors: CS_ERR_MEMORY. */
enum cs_status cs_curves_lines(const struct cs_curve_run *runs, int count, struct cs_curve_options options,
	struct cs_lines *out, struct cs_error *error);
void cs_lines_fini(struct cs_lines *lines);

/* The lines as series of a plot: series[lines->count] is written, borrowed from them. */
void cs_lines_series(const struct cs_lines *lines, struct cs_series *series);

/* The value of a line at x (that of the nearest point); NaN where it has none. */
double cs_line_at(const struct cs_line *line, double x);

/* Write what a figure of curves shows: stem-accuracy and stem-loss as .png and .svg, stem.csv with the lines, and of the first run all rows of
 * its history as stem.hdf5. What fails leaves nothing behind. */
enum cs_status cs_curves_export(const struct cs_plot plots[CS_QUANTITIES], const struct cs_lines lines[CS_QUANTITIES],
	const struct cs_curves *history, const char *stem, struct cs_error *error);

#endif
