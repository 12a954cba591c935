/* plot_internal.h: what the two renderers of plot.h share: ranges, positions, paths, labels. All positions are fractions of the plot
 * area, x to the right and y upwards, 0 to 1 inside it.
 */
#ifndef CS_FIGURE_PLOT_INTERNAL_H
#define CS_FIGURE_PLOT_INTERNAL_H

#include "figure/plot.h"

#include <stddef.h>

/* The most labels beside a figure; further series go without. */
enum { CS_PLOT_LABELS = 24, CS_PLOT_LABEL_SIZE = 80, CS_PLOT_TICKS = 16 };

struct cs_plot_range {
	double x_low, x_high, y_low, y_high; /* low < high always */
	bool log_y;
	bool whole_x; /* all x are whole numbers: no ticks between */
	bool bars; /* there are bars: x counts slots, each one wide */
	bool empty; /* nothing to draw */
	int bar_series;
	long slots; /* bars of the longest series */
	long names; /* slots that have a category name: names are as many as the first series has values */
};

/* Ranges of the axes; of a heat map, y is the range of its colours. */
struct cs_plot_range cs_plot_ranges(const struct cs_plot *plot);

/* Where a number is along an axis; NaN where it cannot be drawn (not finite, or not positive on a log axis). */
double cs_plot_along_x(const struct cs_plot_range *range, double x);
double cs_plot_along_y(const struct cs_plot_range *range, double y);

/* Ticks of an axis with their texts; returns how many. `most` is at most CS_PLOT_TICKS. */
struct cs_plot_tick {
	double at; /* fraction */
	char text[32];
};
int cs_plot_x_ticks(const struct cs_plot_range *range, int most, struct cs_plot_tick *ticks);
int cs_plot_y_ticks(const struct cs_plot_range *range, int most, struct cs_plot_tick *ticks);

/* A line thinned to what `columns` pixel columns can show: of each run of points in one column the first, lowest, highest and
 * last. `move` starts a new piece (after a NaN). To be freed with cs_free. */
struct cs_plot_point {
	double x, y;
	bool move;
};
enum cs_status cs_plot_path(const struct cs_series *series, const double *y, const struct cs_plot_range *range,
	int columns, struct cs_plot_point **points, size_t *count, struct cs_error *error);

double cs_series_x(const struct cs_series *series, long i);

/* A line with so few points, among others, that each of them gets the shape of its mark. */
bool cs_plot_has_shapes(const struct cs_plot *plot, const struct cs_series *series);
/* How a line is broken: 0 not at all, 1, 2, 3. */
int cs_plot_dashes(const struct cs_plot *plot, const struct cs_series *series);

/* The last point that can be drawn, or -1. */
long cs_series_last(const struct cs_series *series, const struct cs_plot_range *range);

/* "name 41.2": the name and, for a line, its last value. Returns text. */
const char *cs_plot_label(const struct cs_series *series, const struct cs_plot_range *range, char *text, size_t size);

/* Move labels at y[count] (any unit) apart so that neighbours are `gap` from each other inside low..high, keeping their order. */
void cs_plot_spread(double *y, int count, double gap, double low, double high);

/* printf of one number that has a point whatever the locale. */
const char *cs_plot_number(char *text, size_t size, const char *format, int digits, double value);

/* The colour of a cell of the heat map; `map` as chosen for this plot. */
const struct cs_colormap *cs_plot_map(const struct cs_plot *plot);

#endif
