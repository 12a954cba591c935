/* plot_canvas.h: the drawing that plot_cairo.c lays out and plot_marks.c fills. For these two alone. */
#ifndef CS_FIGURE_PLOT_CANVAS_H
#define CS_FIGURE_PLOT_CANVAS_H

#include "figure/plot_internal.h"

#include <cairo.h>

/* One drawing in work. Lengths in pixels (points for SVG), y downwards. */
struct cs_canvas {
	cairo_t *cr;
	const struct cs_plot *plot;
	struct cs_plot_range range;
	double width, height, font, line;
	double left, top, right, bottom; /* the plot area */
	struct cs_rgb paper, ink, faint, soft;
	struct cs_plot_tick x_ticks[CS_PLOT_TICKS], y_ticks[CS_PLOT_TICKS];
	int x_count, y_count;
	bool labels_at_ends; /* of the lines; else a row above */
	double label_width; /* a shape before the name included */
	bool shapes; /* lines have shapes at their points, and before their names */
	bool slanted; /* category names do not fit their slots */
};

/* Colour and font of what is drawn next. */
void cs_canvas_colour(const struct cs_canvas *canvas, struct cs_rgb colour, double alpha);
void cs_canvas_font(const struct cs_canvas *canvas, double size, bool bold);

/* Text with its anchor at a share of its width (0 left, 0.5 centre, 1 right), y its baseline; and its width. */
void cs_canvas_text(const struct cs_canvas *canvas, const char *text, double x, double y, double anchor);
double cs_canvas_text_width(const struct cs_canvas *canvas, const char *text);

/* Where a fraction of the plot area is. */
double cs_canvas_x(const struct cs_canvas *canvas, double fraction);
double cs_canvas_y(const struct cs_canvas *canvas, double fraction);

/* A colour that is to be read as text or a thin line: yellow on white and deep blue on black are moved towards the middle. */
struct cs_rgb cs_canvas_readable(const struct cs_canvas *canvas, struct cs_rgb colour);

/* The shape of a series' mark in the colour that is set, about a place. */
void cs_canvas_shape(const struct cs_canvas *canvas, const struct cs_series *series, double x, double y);

/* There was room for the data alone. */
bool cs_canvas_bare(const struct cs_canvas *canvas);

/* A heat map whose rows and columns have names. */
bool cs_canvas_names_rows(const struct cs_plot *plot);

/* The data: all series, clipped to the plot area; or the heat map with its numbers and its scale. Errors: CS_ERR_MEMORY. */
enum cs_status cs_canvas_series(const struct cs_canvas *canvas, struct cs_error *error);
enum cs_status cs_canvas_cells(const struct cs_canvas *canvas, struct cs_error *error);

#endif
