/* plot_marks.c: what a plot shows, drawn with cairo: lines, bands, dots, bars, heat maps. Where and how large was decided in
 * plot_cairo.c.
 *
 * A line of 50,000 points is first thinned to what its pixel columns can show, so that drawing costs what can be seen.
 */
#include "figure/plot_canvas.h"

#include "core/alloc.h"

#include <math.h>
#include <string.h>

enum { PIECE = 24, MANY_DOTS = 2000 };

static enum cs_status trace_path(const struct cs_canvas *canvas, const struct cs_series *series, const double *y,
	struct cs_plot_point **points, size_t *count, struct cs_error *error)
{
	int columns = (int)fmax(1, canvas->right - canvas->left);

	return cs_plot_path(series, y, &canvas->range, columns, points, count, error);
}

/* The area between low and high, piece by piece. */
static enum cs_status draw_band(const struct cs_canvas *canvas, const struct cs_series *series, struct cs_error *error)
{
	struct cs_plot_point *low = NULL, *high = NULL;
	size_t lows = 0, highs = 0;
	enum cs_status status = trace_path(canvas, series, series->low, &low, &lows, error);

	if (status == CS_OK)
		status = trace_path(canvas, series, series->high, &high, &highs, error);
	cs_canvas_colour(canvas, series->colour, canvas->plot->dark ? 0.32 : 0.2);
	for (size_t i = 0, k = 0; status == CS_OK && i < highs && k < lows;) {
		size_t i_end = i + 1, k_end = k + 1;

		while (i_end < highs && !high[i_end].move)
			i_end++;
		while (k_end < lows && !low[k_end].move)
			k_end++;
		for (size_t p = i; p < i_end; p++)
			cairo_line_to(canvas->cr, cs_canvas_x(canvas, high[p].x), cs_canvas_y(canvas, high[p].y));
		for (size_t p = k_end; p > k; p--)
			cairo_line_to(canvas->cr, cs_canvas_x(canvas, low[p - 1].x), cs_canvas_y(canvas, low[p - 1].y));
		cairo_close_path(canvas->cr);
		cairo_fill(canvas->cr);
		i = i_end;
		k = k_end;
	}
	cs_free(low);
	cs_free(high);
	return status;
}

void cs_canvas_shape(const struct cs_canvas *canvas, const struct cs_series *series, double x, double y)
{
	/* Corners on the unit circle about it, as angles in eighths of a turn from the right; a disc has none. */
	static const struct {
		int corners;
		double first, step;
	} shapes[] = {
		{0, 0, 0}, {4, 1, 2}, {3, -2, 8 / 3.0}, {4, 0, 2}, {3, 2, 8 / 3.0}, {5, -2, 8 / 5.0}, {6, 0, 8 / 6.0}};
	int mark = series->mark < 0 ? 0 : series->mark, kinds = (int)(sizeof shapes / sizeof *shapes),
	    which = mark % kinds;
	double radius = (shapes[which].corners ? 2.6 : 2.1) * canvas->line;

	cairo_new_path(canvas->cr);
	if (shapes[which].corners == 0)
		cairo_arc(canvas->cr, x, y, radius, 0, 6.2832);
	for (int i = 0; i < shapes[which].corners; i++) {
		double angle = (shapes[which].first + i * shapes[which].step) * 0.785398;

		cairo_line_to(canvas->cr, x + radius * cos(angle), y + radius * sin(angle));
	}
	cairo_close_path(canvas->cr);
	if (mark / kinds % 2 == 0) {
		cairo_fill(canvas->cr);
		return;
	}
	cairo_set_line_width(canvas->cr, 0.8 * canvas->line); /* a ring where shapes repeat */
	cairo_stroke_preserve(canvas->cr);
	cs_canvas_colour(canvas, canvas->paper, 1);
	cairo_fill(canvas->cr);
}

static void draw_shapes(const struct cs_canvas *canvas, const struct cs_series *series)
{
	for (long i = 0; i < series->count; i++) {
		double x = cs_plot_along_x(&canvas->range, cs_series_x(series, i));
		double y = cs_plot_along_y(&canvas->range, series->y[i]);

		cs_canvas_colour(canvas, cs_canvas_readable(canvas, series->colour), 1);
		if (x >= 0 && x <= 1 && y >= 0 && y <= 1)
			cs_canvas_shape(canvas, series, cs_canvas_x(canvas, x), cs_canvas_y(canvas, y));
	}
}

/* The dashes of a line of which `done` pixels are drawn already. */
static void set_dashes(const struct cs_canvas *canvas, int style, double done)
{
	static const double dashes[][4] = {{0}, {5, 3, 5, 3}, {1, 2.5, 1, 2.5}, {7, 2.5, 1, 2.5}};
	double lengths[4];

	for (int i = 0; i < 4; i++)
		lengths[i] = dashes[style][i] * canvas->line;
	cairo_set_dash(canvas->cr, lengths, style ? 4 : 0, done);
}

static enum cs_status draw_line(const struct cs_canvas *canvas, const struct cs_series *series, struct cs_error *error)
{
	struct cs_plot_point *points = NULL;
	int style = cs_plot_dashes(canvas->plot, series);
	double done = 0, last_x = 0, last_y = 0;
	size_t count = 0;
	enum cs_status status = trace_path(canvas, series, series->y, &points, &count, error);

	if (status != CS_OK)
		return status;
	cs_canvas_colour(canvas, cs_canvas_readable(canvas, series->colour), 1);
	cairo_set_line_width(canvas->cr, canvas->line);
	set_dashes(canvas, style, 0);
	for (size_t i = 0; i < count; i++) {
		double x = cs_canvas_x(canvas, points[i].x), y = cs_canvas_y(canvas, points[i].y);
		bool alone = points[i].move && (i + 1 == count || points[i + 1].move);

		if (alone) {
			cairo_new_sub_path(canvas->cr);
			cairo_move_to(canvas->cr, x, y);
			cairo_close_path(canvas->cr); /* a round cap makes it a dot */
		} else if (points[i].move) {
			cairo_move_to(canvas->cr, x, y);
		} else {
			cairo_line_to(canvas->cr, x, y);
			done += hypot(x - last_x, y - last_y);
		}
		last_x = x;
		last_y = y;
		/* A stroke's cost grows faster than its length where it crosses itself, so long ones are drawn in pieces. */
		if (i % PIECE == PIECE - 1) {
			cairo_stroke(canvas->cr);
			set_dashes(canvas, style, done);
			cairo_move_to(canvas->cr, x, y);
		}
	}
	cairo_stroke(canvas->cr);
	cairo_new_path(canvas->cr);
	set_dashes(canvas, 0, 0);
	cs_free(points);
	return CS_OK;
}

/* Dots; where thousands fall on one spot it is drawn once. */
static enum cs_status draw_points(
	const struct cs_canvas *canvas, const struct cs_series *series, struct cs_error *error)
{
	int columns = (int)(canvas->right - canvas->left) + 1, rows = (int)(canvas->bottom - canvas->top) + 1;
	double radius = (series->count > 300 ? 0.8 : 1.5) * canvas->line;
	unsigned char *seen = cs_calloc((size_t)columns, (size_t)rows);

	if (!seen)
		return cs_fail_memory(error, "a plot");
	cs_canvas_colour(canvas, cs_canvas_readable(canvas, series->colour), series->count > 300 ? 0.7 : 0.9);
	for (long i = 0; i < series->count; i++) {
		double x = cs_plot_along_x(&canvas->range, cs_series_x(series, i));
		double y = cs_plot_along_y(&canvas->range, series->y[i]);
		unsigned char *spot;

		if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1))
			continue;
		spot = seen + (size_t)(y * (rows - 1)) * (size_t)columns + (size_t)(x * (columns - 1));
		if (*spot)
			continue;
		*spot = 1;
		if (series->count > MANY_DOTS) /* at this size nobody sees that they are square */
			cairo_rectangle(canvas->cr, floor(cs_canvas_x(canvas, x)), floor(cs_canvas_y(canvas, y)),
				ceil(radius), ceil(radius));
		else
			cairo_arc(canvas->cr, cs_canvas_x(canvas, x), cs_canvas_y(canvas, y), radius, 0, 6.2832);
		cairo_fill(canvas->cr);
	}
	cs_free(seen);
	return CS_OK;
}

static void draw_whisker(const struct cs_canvas *canvas, double x, double low, double high, double half)
{
	double from = cs_canvas_y(canvas, cs_plot_along_y(&canvas->range, low));
	double to = cs_canvas_y(canvas, cs_plot_along_y(&canvas->range, high));

	if (isnan(from) || isnan(to))
		return;
	cs_canvas_colour(canvas, canvas->ink, 0.8);
	cairo_set_line_width(canvas->cr, fmax(1, 0.5 * canvas->line));
	cairo_move_to(canvas->cr, x, from);
	cairo_line_to(canvas->cr, x, to);
	cairo_move_to(canvas->cr, x - half, from);
	cairo_line_to(canvas->cr, x + half, from);
	cairo_move_to(canvas->cr, x - half, to);
	cairo_line_to(canvas->cr, x + half, to);
	cairo_stroke(canvas->cr);
}

/* Bar series number `rank` of those there are, side by side in each slot. */
static void draw_bars(const struct cs_canvas *canvas, const struct cs_series *series, int rank)
{
	double slot = (canvas->right - canvas->left) / (canvas->range.x_high - canvas->range.x_low);
	double wide = (slot > 4 ? 0.72 : 1) * slot / canvas->range.bar_series;
	double zero = cs_plot_along_y(&canvas->range, canvas->range.log_y ? canvas->range.y_low : 0);
	char text[32];

	cs_canvas_font(canvas, 0.9 * canvas->font, false);
	zero = fmin(1, fmax(0, zero));
	for (long i = 0; i < series->count; i++) {
		double x = cs_canvas_x(canvas, cs_plot_along_x(&canvas->range, (double)i)) +
			wide * (rank - 0.5 * canvas->range.bar_series);
		double y = cs_plot_along_y(&canvas->range, series->y[i]);
		double top = cs_canvas_y(canvas, y);

		if (isnan(y))
			continue;
		cs_canvas_colour(canvas, series->colour, 0.9);
		cairo_rectangle(canvas->cr, x, top, wide, cs_canvas_y(canvas, zero) - top);
		cairo_fill(canvas->cr);
		if (series->low && series->high) {
			draw_whisker(canvas, x + wide / 2, series->low[i], series->high[i],
				fmin(wide / 4, canvas->font / 3));
			continue;
		}
		cs_plot_number(text, sizeof text, "%.*g", 3, series->y[i]);
		if (series->y[i] >= 0 && cs_canvas_text_width(canvas, text) < wide && canvas->range.slots <= 40) {
			cs_canvas_colour(canvas, canvas->soft, 1);
			cs_canvas_text(canvas, text, x + wide / 2, top - 0.3 * canvas->font, 0.5);
		}
	}
}

enum cs_status cs_canvas_series(const struct cs_canvas *canvas, struct cs_error *error)
{
	const struct cs_plot *plot = canvas->plot;
	enum cs_status status = CS_OK;
	int bars = 0;

	cairo_save(canvas->cr);
	cairo_rectangle(canvas->cr, canvas->left, canvas->top - canvas->line,
		canvas->right - canvas->left + canvas->line,
		canvas->bottom - canvas->top + canvas->line + (cs_canvas_bare(canvas) ? 1 : 0));
	cairo_clip(canvas->cr);
	for (int i = 0; status == CS_OK && i < plot->series_count; i++)
		if (plot->series[i].kind == CS_SERIES_LINE && plot->series[i].low && plot->series[i].high)
			status = draw_band(canvas, &plot->series[i], error);
	for (int i = 0; i < plot->series_count; i++)
		if (plot->series[i].kind == CS_SERIES_BARS)
			draw_bars(canvas, &plot->series[i], bars++);
	for (int i = 0; status == CS_OK && i < plot->series_count; i++) {
		if (plot->series[i].kind == CS_SERIES_LINE)
			status = draw_line(canvas, &plot->series[i], error);
		else if (plot->series[i].kind == CS_SERIES_POINTS)
			status = draw_points(canvas, &plot->series[i], error);
	}
	cairo_restore(canvas->cr);
	for (int i = 0; status == CS_OK && i < plot->series_count; i++) {
		if (cs_plot_has_shapes(plot, &plot->series[i]))
			draw_shapes(canvas, &plot->series[i]); /* whole at the edges too */
	}
	return status;
}

/* Fill a rectangle with the rows of an RGB24 surface, unblurred. */
static enum cs_status paint_cells(const struct cs_canvas *canvas, const float *cells, int rows, int columns, double x,
	double y, double width, double height, struct cs_error *error)
{
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, columns, rows);
	const struct cs_colormap *map = cs_plot_map(canvas->plot);
	unsigned char *data = cairo_image_surface_get_data(surface);
	int stride = cairo_image_surface_get_stride(surface);

	if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS) {
		cairo_surface_destroy(surface);
		return cs_fail(error, CS_ERR_MEMORY, "a heat map of %dx%d cells cannot be drawn", rows, columns);
	}
	for (int r = 0; r < rows; r++)
		for (int c = 0; c < columns; c++) {
			struct cs_rgb colour = cs_colormap_at(map, cells[(size_t)r * (size_t)columns + (size_t)c],
				(float)canvas->range.y_low, (float)canvas->range.y_high);
			uint32_t pixel = (uint32_t)colour.r << 16 | (uint32_t)colour.g << 8 | colour.b;

			memcpy(data + (size_t)r * (size_t)stride + 4 * (size_t)c, &pixel, 4);
		}
	cairo_surface_mark_dirty(surface);
	cairo_save(canvas->cr);
	cairo_rectangle(canvas->cr, x, y, width, height);
	cairo_clip(canvas->cr);
	cairo_translate(canvas->cr, x, y);
	cairo_scale(canvas->cr, width / columns, height / rows);
	cairo_set_source_surface(canvas->cr, surface, 0, 0);
	cairo_pattern_set_filter(cairo_get_source(canvas->cr), CAIRO_FILTER_NEAREST);
	cairo_paint(canvas->cr);
	cairo_restore(canvas->cr);
	cairo_surface_destroy(surface);
	return CS_OK;
}

/* The numbers themselves, where cells are large enough. */
static void write_cells(const struct cs_canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double wide = (canvas->right - canvas->left) / plot->cell_columns;
	double high = (canvas->bottom - canvas->top) / plot->cell_rows;
	char text[32];

	cs_canvas_font(canvas, 0.9 * canvas->font, false);
	if (wide < 3.2 * canvas->font || high < 1.4 * canvas->font)
		return;
	for (int r = 0; r < plot->cell_rows; r++)
		for (int c = 0; c < plot->cell_columns; c++) {
			float x = plot->cells[r * plot->cell_columns + c];
			struct cs_rgb under = cs_colormap_at(
				cs_plot_map(plot), x, (float)canvas->range.y_low, (float)canvas->range.y_high);
			double light = 0.2126 * under.r + 0.7152 * under.g + 0.0722 * under.b;

			cs_plot_number(text, sizeof text, "%.*g", 3, x);
			cs_canvas_colour(
				canvas, light > 115 ? (struct cs_rgb){0, 0, 0} : (struct cs_rgb){255, 255, 255}, 0.9);
			cs_canvas_text(canvas, text, canvas->left + (c + 0.5) * wide,
				canvas->top + (r + 0.5) * high + 0.32 * canvas->font, 0.5);
		}
}

/* The bar that says which number has which colour. */
static enum cs_status draw_scale(const struct cs_canvas *canvas, struct cs_error *error)
{
	struct cs_plot_tick ticks[CS_PLOT_TICKS];
	int most = (int)fmin(6, (canvas->bottom - canvas->top) / (2 * canvas->font));
	int count = cs_plot_y_ticks(&canvas->range, most, ticks);
	double x = canvas->right + canvas->font, wide = 0.7 * canvas->font;
	enum cs_status status;
	float ramp[256];

	for (int i = 0; i < 256; i++)
		ramp[i] = (float)(canvas->range.y_high - i / 255.0 * (canvas->range.y_high - canvas->range.y_low));
	status = paint_cells(canvas, ramp, 256, 1, x, canvas->top, wide, canvas->bottom - canvas->top, error);
	cs_canvas_font(canvas, canvas->font, false);
	cs_canvas_colour(canvas, canvas->soft, 1);
	for (int i = 0; i < count; i++)
		cs_canvas_text(canvas, ticks[i].text, x + wide + 0.4 * canvas->font,
			cs_canvas_y(canvas, ticks[i].at) + 0.35 * canvas->font, 0);
	return status;
}

enum cs_status cs_canvas_cells(const struct cs_canvas *canvas, struct cs_error *error)
{
	const struct cs_plot *plot = canvas->plot;
	enum cs_status status = paint_cells(canvas, plot->cells, plot->cell_rows, plot->cell_columns, canvas->left,
		canvas->top, canvas->right - canvas->left, canvas->bottom - canvas->top, error);

	if (status != CS_OK || cs_canvas_bare(canvas))
		return status;
	write_cells(canvas);
	if (cs_canvas_names_rows(plot)) {
		double high = (canvas->bottom - canvas->top) / plot->cell_rows;
		int every = (int)ceil(1.1 * canvas->font / high);

		cs_canvas_font(canvas, canvas->font, false);
		cs_canvas_colour(canvas, canvas->soft, 1);
		for (int r = 0; r < plot->cell_rows; r += every)
			cs_canvas_text(canvas, plot->categories[r], canvas->left - 0.5 * canvas->font,
				canvas->top + (r + 0.5) * high + 0.35 * canvas->font, 1);
	}
	return draw_scale(canvas, error);
}
