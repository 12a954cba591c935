/* plot.h: one description of a figure, two renderers: cairo (PNG, SVG, pixels for sixel) and character cells (braille).
 *
 * A plot is curves, bars or a heat map over axes with ticks at round numbers. What is described once looks the same in the
 * report, in the terminal with pictures and in the terminal without.
 */
#ifndef CS_FIGURE_PLOT_H
#define CS_FIGURE_PLOT_H

#include "core/status.h"
#include "figure/colormap.h"
#include "io/picture.h"

#include <stdbool.h>

enum cs_series_kind { CS_SERIES_LINE, CS_SERIES_POINTS, CS_SERIES_BARS };

struct cs_series {
	enum cs_series_kind kind;
	const char *name;         /* in the legend */
	const double *x, *y;      /* [count]; NaN breaks a line; x NULL: 0, 1, 2, ... */
	const double *low, *high; /* [count] a band around it, or NULL */
	long count;
	struct cs_rgb colour;
	/* Tells it from the others besides its colour, 0, 1, 2, ...: a shape at the points of a line that has few, dashes from the eighth
	 * on (where colours repeat), a character of its own in ASCII. */
	int mark;
};

/* Where a renderer put the data: for reading a figure off, or zooming into it. */
struct cs_plot_frame {
	double left, right, top, bottom; /* of the data area, as shares of the width and of the height from above */
	double x_low, x_high; /* the numbers at its left and right */
};

struct cs_plot {
	const char *title, *x_label, *y_label; /* NULL: none */
	const struct cs_series *series;
	int series_count;
	bool log_y;
	bool zero;                /* the y axis includes 0 */
	double x_low, x_high, y_low, y_high; /* both 0: from the data */
	const char *const *categories; /* names under bars, [count of the first series], or NULL; of a square heat map, of its rows and
	                                * columns */
	const float *cells;       /* a heat map [cell_rows,cell_columns] instead of series, row 0 on top; y_low .. y_high is then the range
	                           * of its colours (with a "diverging" map and negative numbers: symmetric about 0) */
	int cell_rows, cell_columns;
	const struct cs_colormap *map; /* NULL: "heat" */
	bool dark;                /* light on dark */
	bool few_colours;         /* in cells: lines are dashed from the second on */
	struct cs_plot_frame *frame; /* NULL, or written when the plot is drawn */
};

/* Render with cairo. */
enum cs_status cs_plot_picture(const struct cs_plot *plot, int width, int height, struct cs_picture *out, struct cs_error *error);
enum cs_status cs_plot_save_png(const struct cs_plot *plot, int width, int height, const char *path, struct cs_error *error);
enum cs_status cs_plot_save_svg(const struct cs_plot *plot, int width, int height, const char *path, struct cs_error *error);

/* Render into character cells [rows,columns]: each cell a Unicode code point (braille for curves, text for axes; with `ascii`
 * a character a series and text) and a colour (series colour, or grey for axes). */
struct cs_cell {
	uint32_t character;
	struct cs_rgb colour;
	bool bold;
};
enum cs_status cs_plot_cells(const struct cs_plot *plot, int columns, int rows, bool ascii, struct cs_cell *cells,
	struct cs_error *error);

/* Up to `most` round numbers that span low..high (1, 2, 5 times a power of ten; powers of ten when log). */
int cs_plot_ticks(double low, double high, bool log, int most, double *ticks);
/* A tick as text, with as many digits as the step needs. */
void cs_plot_tick_text(double tick, double step, char *text, int size);

#endif
