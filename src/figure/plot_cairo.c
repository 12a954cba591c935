/* plot_cairo.c: the plot model drawn with cairo, as pixels, PNG or SVG.
 *
 * The manner: little ink that is not data. A thin grey axis below, faint lines at the ticks, no frame; names stand in their colour at
 * the end of their line where there is room, else in one row above; everything scales with the picture so that it reads the
 * same at 400x240 and at 1600x900.
 */
#include "figure/plot_internal.h"

#include "core/alloc.h"
#include "io/file.h"

#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <string.h>

enum { PIECE = 24, MANY_DOTS = 2000 };

/* One drawing in work. Lengths in pixels (points for SVG), y downwards. */
struct canvas {
	cairo_t *cr;
	const struct cs_plot *plot;
	struct cs_plot_range range;
	double width, height, font, line;
	double left, top, right, bottom; /* the plot area */
	struct cs_rgb paper, ink, faint, soft;
	struct cs_plot_tick x_ticks[CS_PLOT_TICKS], y_ticks[CS_PLOT_TICKS];
	int x_count, y_count;
	bool labels_at_ends; /* of the lines; else a row above */
	double label_width;
	bool slanted; /* category names do not fit their slots */
};

static void set_colour(const struct canvas *canvas, struct cs_rgb colour, double alpha)
{
	cairo_set_source_rgba(canvas->cr, colour.r / 255.0, colour.g / 255.0, colour.b / 255.0, alpha);
}

static void set_font(const struct canvas *canvas, double size, bool bold)
{
	cairo_select_font_face(canvas->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
		bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(canvas->cr, size);
}

static double text_width(const struct canvas *canvas, const char *text)
{
	cairo_text_extents_t extents;

	cairo_text_extents(canvas->cr, text, &extents);
	return extents.x_advance;
}

/* Text with its anchor at a share of its width (0 left, 0.5 centre, 1 right), y its baseline. */
static void put_text(const struct canvas *canvas, const char *text, double x, double y, double anchor)
{
	cairo_move_to(canvas->cr, x - anchor * text_width(canvas, text), y);
	cairo_show_text(canvas->cr, text);
}

/* Half-way between two pixels is where a thin line is sharp. */
static double crisp(double at)
{
	return floor(at) + 0.5;
}

static double at_x(const struct canvas *canvas, double fraction)
{
	return canvas->left + fraction * (canvas->right - canvas->left);
}

static double at_y(const struct canvas *canvas, double fraction)
{
	return canvas->bottom - fraction * (canvas->bottom - canvas->top);
}

/* A colour that is to be read as text or a thin line: yellow on white and deep blue on black are moved towards the middle. */
static struct cs_rgb readable(const struct canvas *canvas, struct cs_rgb colour)
{
	double light = (0.2126 * colour.r + 0.7152 * colour.g + 0.0722 * colour.b) / 255;
	double share = canvas->plot->dark ? (light < 0.45 ? 0.35 : 0) : (light > 0.65 ? 0.25 : 0);
	double towards = canvas->plot->dark ? 255 : 0;

	colour.r = (uint8_t)lrint(colour.r + share * (towards - colour.r));
	colour.g = (uint8_t)lrint(colour.g + share * (towards - colour.g));
	colour.b = (uint8_t)lrint(colour.b + share * (towards - colour.b));
	return colour;
}

/* Does a series get a name? Bars alone do not need one: the axis says it. */
static bool has_label(const struct canvas *canvas, const struct cs_series *series)
{
	if (!series->name || series->count <= 0)
		return false;
	return series->kind == CS_SERIES_LINE || canvas->plot->series_count > 1;
}

/* Where names go, and how wide they are. */
static void choose_labels(struct canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	char text[CS_PLOT_LABEL_SIZE];
	bool lines = true;
	int count = 0;

	canvas->label_width = 0;
	for (int i = 0; !plot->cells && i < plot->series_count; i++) {
		double width;

		if (!has_label(canvas, &plot->series[i]))
			continue;
		lines = lines && plot->series[i].kind == CS_SERIES_LINE;
		width = text_width(canvas, cs_plot_label(&plot->series[i], &canvas->range, text, sizeof text));
		canvas->label_width = width > canvas->label_width ? width : canvas->label_width;
		count++;
	}
	canvas->labels_at_ends = lines && count > 0 && count <= CS_PLOT_LABELS &&
		canvas->label_width < 0.3 * canvas->width && count * canvas->font * 1.15 < 0.7 * canvas->height;
}

static bool needs_legend_row(const struct canvas *canvas)
{
	return canvas->label_width > 0 && !canvas->labels_at_ends;
}

/* The names under bars, or beside the rows and columns of a heat map. */
static double widest_category(const struct canvas *canvas, long count)
{
	double widest = 0;

	for (long i = 0; i < count && i < 400; i++) {
		double width = text_width(canvas, canvas->plot->categories[i]);

		widest = width > widest ? width : widest;
	}
	return widest;
}

static bool names_rows(const struct cs_plot *plot)
{
	return plot->cells && plot->categories && plot->cell_rows == plot->cell_columns;
}

static double margin_below(struct canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double margin = 1.6 * canvas->font + (plot->x_label ? 1.6 * canvas->font : 0.3 * canvas->font);
	long slots = plot->cells ? plot->cell_columns : canvas->range.slots;

	if (plot->categories && slots > 0 && (canvas->range.bars || names_rows(plot))) {
		double widest = widest_category(canvas, slots);

		canvas->slanted = widest > 0.92 * (canvas->right - canvas->left) / (double)slots;
		if (canvas->slanted)
			margin += fmin(0.7 * widest, 0.3 * canvas->height);
	}
	return margin;
}

static double margin_left(const struct canvas *canvas)
{
	double widest = 0;

	if (names_rows(canvas->plot))
		widest = fmin(widest_category(canvas, canvas->plot->cell_rows), 0.25 * canvas->width);
	else
		for (int i = 0; i < canvas->y_count; i++)
			widest = fmax(widest, text_width(canvas, canvas->y_ticks[i].text));
	return widest + 1.2 * canvas->font;
}

/* Row numbers of a heat map, 0 at the top, as ticks. */
static int row_ticks(const struct cs_plot *plot, int most, struct cs_plot_tick *ticks)
{
	struct cs_plot_range rows = {.x_low = -0.5, .x_high = plot->cell_rows - 0.5, .whole_x = true};
	int count = cs_plot_x_ticks(&rows, most, ticks);

	for (int i = 0; i < count; i++)
		ticks[i].at = 1 - ticks[i].at;
	return count;
}

static void lay_out(struct canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double font = canvas->font;

	set_font(canvas, font, false);
	choose_labels(canvas);
	canvas->top = 0.8 * font;
	if (plot->title)
		canvas->top += 1.7 * font;
	if (plot->y_label)
		canvas->top += 1.5 * font;
	if (needs_legend_row(canvas))
		canvas->top += 1.5 * font;
	canvas->right = canvas->width - font;
	if (canvas->labels_at_ends)
		canvas->right -= canvas->label_width + 0.2 * font;
	canvas->bottom = canvas->height - 3 * font;
	if (plot->cells) {
		canvas->y_count = row_ticks(plot, (int)((canvas->bottom - canvas->top) / (2 * font)), canvas->y_ticks);
		canvas->right -= 4.5 * font; /* the colour scale */
	} else {
		canvas->y_count = cs_plot_y_ticks(
			&canvas->range, (int)fmin(7, (canvas->bottom - canvas->top) / (2.6 * font)), canvas->y_ticks);
	}
	canvas->left = margin_left(canvas);
	canvas->bottom = canvas->height - margin_below(canvas);
	canvas->x_count = cs_plot_x_ticks(
		&canvas->range, (int)fmin(11, (canvas->right - canvas->left) / (5 * font)), canvas->x_ticks);
	if (canvas->range.empty)
		canvas->x_count = canvas->y_count = 0;
	if (canvas->right - canvas->left < 3 * font || canvas->bottom - canvas->top < 2 * font) {
		/* No room for anything but the data. */
		canvas->left = canvas->top = 0;
		canvas->right = canvas->width;
		canvas->bottom = canvas->height;
		canvas->x_count = canvas->y_count = 0;
		canvas->labels_at_ends = false;
		canvas->label_width = 0;
	}
}

static bool bare(const struct canvas *canvas)
{
	return canvas->left == 0;
}

static void draw_titles(const struct canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double y = 0.8 * canvas->font;

	if (bare(canvas))
		return;
	if (plot->title) {
		set_font(canvas, 1.15 * canvas->font, true);
		set_colour(canvas, canvas->ink, 1);
		put_text(canvas, plot->title, 0.6 * canvas->font, y + canvas->font, 0);
		y += 1.7 * canvas->font;
	}
	set_font(canvas, canvas->font, false);
	set_colour(canvas, canvas->soft, 1);
	if (plot->y_label)
		put_text(canvas, plot->y_label, 0.6 * canvas->font, y + 0.8 * canvas->font, 0);
	if (plot->x_label)
		put_text(canvas, plot->x_label, (canvas->left + canvas->right) / 2,
			canvas->height - 0.55 * canvas->font, 0.5);
}

static void draw_y_axis(const struct canvas *canvas)
{
	set_font(canvas, canvas->font, false);
	for (int i = 0; i < canvas->y_count; i++) {
		double y = at_y(canvas, canvas->y_ticks[i].at);

		if (!canvas->plot->cells) {
			set_colour(canvas, canvas->faint, 1);
			cairo_move_to(canvas->cr, canvas->left, crisp(y));
			cairo_line_to(canvas->cr, canvas->right, crisp(y));
			cairo_stroke(canvas->cr);
		}
		set_colour(canvas, canvas->soft, 1);
		put_text(
			canvas, canvas->y_ticks[i].text, canvas->left - 0.5 * canvas->font, y + 0.35 * canvas->font, 1);
	}
}

static void draw_category(const struct canvas *canvas, const char *name, double x)
{
	double y = canvas->bottom + 0.3 * canvas->font;

	if (!canvas->slanted) {
		put_text(canvas, name, x, canvas->bottom + 1.25 * canvas->font, 0.5);
		return;
	}
	cairo_save(canvas->cr);
	cairo_translate(canvas->cr, x + 0.3 * canvas->font, y + 0.5 * canvas->font);
	cairo_rotate(canvas->cr, -0.75);
	put_text(canvas, name, 0, 0, 1);
	cairo_restore(canvas->cr);
}

static void draw_x_axis(const struct canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	bool named = plot->categories && (canvas->range.bars || names_rows(plot));
	long slots = plot->cells ? plot->cell_columns : canvas->range.slots;

	set_font(canvas, canvas->font, false);
	set_colour(canvas, canvas->soft, 1);
	if (named && !bare(canvas)) {
		double slot = (canvas->right - canvas->left) / (canvas->range.x_high - canvas->range.x_low);
		long every = canvas->slanted ? (long)ceil(1.1 * canvas->font / slot) : 1;

		for (long i = 0; i < slots; i += every)
			draw_category(
				canvas, plot->categories[i], at_x(canvas, cs_plot_along_x(&canvas->range, (double)i)));
	}
	for (int i = 0; !named && i < canvas->x_count; i++) {
		double x = at_x(canvas, canvas->x_ticks[i].at);

		put_text(canvas, canvas->x_ticks[i].text, x, canvas->bottom + 1.35 * canvas->font, 0.5);
		if (!plot->cells) {
			cairo_move_to(canvas->cr, crisp(x), canvas->bottom);
			cairo_line_to(canvas->cr, crisp(x), canvas->bottom + 0.3 * canvas->font);
			cairo_stroke(canvas->cr);
		}
	}
	if (!plot->cells) {
		cairo_move_to(canvas->cr, canvas->left, crisp(canvas->bottom));
		cairo_line_to(canvas->cr, canvas->right, crisp(canvas->bottom));
		cairo_stroke(canvas->cr);
	}
}

static enum cs_status trace_path(const struct canvas *canvas, const struct cs_series *series, const double *y,
	struct cs_plot_point **points, size_t *count, struct cs_error *error)
{
	int columns = (int)fmax(1, canvas->right - canvas->left);

	return cs_plot_path(series, y, &canvas->range, columns, points, count, error);
}

/* The area between low and high, piece by piece. */
static enum cs_status draw_band(const struct canvas *canvas, const struct cs_series *series, struct cs_error *error)
{
	struct cs_plot_point *low = NULL, *high = NULL;
	size_t lows = 0, highs = 0;
	enum cs_status status = trace_path(canvas, series, series->low, &low, &lows, error);

	if (status == CS_OK)
		status = trace_path(canvas, series, series->high, &high, &highs, error);
	set_colour(canvas, series->colour, canvas->plot->dark ? 0.32 : 0.2);
	for (size_t i = 0, k = 0; status == CS_OK && i < highs && k < lows;) {
		size_t i_end = i + 1, k_end = k + 1;

		while (i_end < highs && !high[i_end].move)
			i_end++;
		while (k_end < lows && !low[k_end].move)
			k_end++;
		for (size_t p = i; p < i_end; p++)
			cairo_line_to(canvas->cr, at_x(canvas, high[p].x), at_y(canvas, high[p].y));
		for (size_t p = k_end; p > k; p--)
			cairo_line_to(canvas->cr, at_x(canvas, low[p - 1].x), at_y(canvas, low[p - 1].y));
		cairo_close_path(canvas->cr);
		cairo_fill(canvas->cr);
		i = i_end;
		k = k_end;
	}
	cs_free(low);
	cs_free(high);
	return status;
}

static enum cs_status draw_line(const struct canvas *canvas, const struct cs_series *series, struct cs_error *error)
{
	struct cs_plot_point *points = NULL;
	size_t count = 0;
	enum cs_status status = trace_path(canvas, series, series->y, &points, &count, error);

	if (status != CS_OK)
		return status;
	set_colour(canvas, readable(canvas, series->colour), 1);
	cairo_set_line_width(canvas->cr, canvas->line);
	for (size_t i = 0; i < count; i++) {
		double x = at_x(canvas, points[i].x), y = at_y(canvas, points[i].y);
		bool alone = points[i].move && (i + 1 == count || points[i + 1].move);

		if (alone) {
			cairo_new_sub_path(canvas->cr);
			cairo_move_to(canvas->cr, x, y);
			cairo_close_path(canvas->cr); /* a round cap makes it a dot */
		} else if (points[i].move) {
			cairo_move_to(canvas->cr, x, y);
		} else {
			cairo_line_to(canvas->cr, x, y);
		}
		/* A stroke's cost grows faster than its length where it crosses itself, so long ones are drawn in pieces. */
		if (i % PIECE == PIECE - 1) {
			cairo_stroke(canvas->cr);
			cairo_move_to(canvas->cr, x, y);
		}
	}
	cairo_stroke(canvas->cr);
	cairo_new_path(canvas->cr);
	cs_free(points);
	return CS_OK;
}

/* Dots; where thousands fall on one spot it is drawn once. */
static enum cs_status draw_points(const struct canvas *canvas, const struct cs_series *series, struct cs_error *error)
{
	int columns = (int)(canvas->right - canvas->left) + 1, rows = (int)(canvas->bottom - canvas->top) + 1;
	double radius = (series->count > 300 ? 0.8 : 1.5) * canvas->line;
	unsigned char *seen = cs_calloc((size_t)columns, (size_t)rows);

	if (!seen)
		return cs_fail_memory(error, "a plot");
	set_colour(canvas, readable(canvas, series->colour), series->count > 300 ? 0.7 : 0.9);
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
			cairo_rectangle(
				canvas->cr, floor(at_x(canvas, x)), floor(at_y(canvas, y)), ceil(radius), ceil(radius));
		else
			cairo_arc(canvas->cr, at_x(canvas, x), at_y(canvas, y), radius, 0, 6.2832);
		cairo_fill(canvas->cr);
	}
	cs_free(seen);
	return CS_OK;
}

static void draw_whisker(const struct canvas *canvas, double x, double low, double high, double half)
{
	double from = at_y(canvas, cs_plot_along_y(&canvas->range, low));
	double to = at_y(canvas, cs_plot_along_y(&canvas->range, high));

	if (isnan(from) || isnan(to))
		return;
	set_colour(canvas, canvas->ink, 0.8);
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
static void draw_bars(const struct canvas *canvas, const struct cs_series *series, int rank)
{
	double slot = (canvas->right - canvas->left) / (canvas->range.x_high - canvas->range.x_low);
	double wide = (slot > 4 ? 0.72 : 1) * slot / canvas->range.bar_series;
	double zero = cs_plot_along_y(&canvas->range, canvas->range.log_y ? canvas->range.y_low : 0);
	char text[32];

	set_font(canvas, 0.9 * canvas->font, false);
	zero = fmin(1, fmax(0, zero));
	for (long i = 0; i < series->count; i++) {
		double x = at_x(canvas, cs_plot_along_x(&canvas->range, (double)i)) +
			wide * (rank - 0.5 * canvas->range.bar_series);
		double y = cs_plot_along_y(&canvas->range, series->y[i]);
		double top = at_y(canvas, y);

		if (isnan(y))
			continue;
		set_colour(canvas, series->colour, 0.9);
		cairo_rectangle(canvas->cr, x, top, wide, at_y(canvas, zero) - top);
		cairo_fill(canvas->cr);
		if (series->low && series->high) {
			draw_whisker(canvas, x + wide / 2, series->low[i], series->high[i],
				fmin(wide / 4, canvas->font / 3));
			continue;
		}
		cs_plot_number(text, sizeof text, "%.*g", 3, series->y[i]);
		if (series->y[i] >= 0 && text_width(canvas, text) < wide && canvas->range.slots <= 40) {
			set_colour(canvas, canvas->soft, 1);
			put_text(canvas, text, x + wide / 2, top - 0.3 * canvas->font, 0.5);
		}
	}
}

static enum cs_status draw_series(const struct canvas *canvas, struct cs_error *error)
{
	const struct cs_plot *plot = canvas->plot;
	enum cs_status status = CS_OK;
	int bars = 0;

	cairo_save(canvas->cr);
	cairo_rectangle(canvas->cr, canvas->left, canvas->top - canvas->line,
		canvas->right - canvas->left + canvas->line,
		canvas->bottom - canvas->top + canvas->line + (bare(canvas) ? 1 : 0));
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
	return status;
}

static void draw_end_labels(const struct canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double y[CS_PLOT_LABELS];
	int which[CS_PLOT_LABELS];
	char text[CS_PLOT_LABEL_SIZE];
	int count = 0;

	set_font(canvas, canvas->font, false);
	for (int i = 0; i < plot->series_count && count < CS_PLOT_LABELS; i++) {
		long last = cs_series_last(&plot->series[i], &canvas->range);
		double at;

		if (!has_label(canvas, &plot->series[i]) || last < 0)
			continue;
		at = fmin(1, fmax(0, cs_plot_along_y(&canvas->range, plot->series[i].y[last])));
		y[count] = at_y(canvas, at);
		which[count++] = i;
	}
	cs_plot_spread(y, count, 1.15 * canvas->font, canvas->top, canvas->bottom);
	for (int i = 0; i < count; i++) {
		set_colour(canvas, readable(canvas, plot->series[which[i]].colour), 1);
		put_text(canvas, cs_plot_label(&plot->series[which[i]], &canvas->range, text, sizeof text),
			canvas->right + 0.5 * canvas->font, y[i] + 0.35 * canvas->font, 0);
	}
}

/* Swatch and name, one after the other, as many as fit. */
static void draw_legend_row(const struct canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double x = canvas->left, y = canvas->top - 0.75 * canvas->font;
	char text[CS_PLOT_LABEL_SIZE];

	set_font(canvas, canvas->font, false);
	for (int i = 0; i < plot->series_count; i++) {
		double width;

		if (!has_label(canvas, &plot->series[i]))
			continue;
		cs_plot_label(&plot->series[i], &canvas->range, text, sizeof text);
		width = text_width(canvas, text) + 2.2 * canvas->font;
		if (x + width > canvas->width && x > canvas->left)
			break;
		set_colour(canvas, readable(canvas, plot->series[i].colour), 1);
		cairo_rectangle(canvas->cr, x, y - 0.62 * canvas->font, 0.7 * canvas->font, 0.7 * canvas->font);
		cairo_fill(canvas->cr);
		put_text(canvas, text, x + canvas->font, y, 0);
		x += width;
	}
}

/* Fill a rectangle with the rows of an RGB24 surface, unblurred. */
static enum cs_status paint_cells(const struct canvas *canvas, const float *cells, int rows, int columns, double x,
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
static void write_cells(const struct canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double wide = (canvas->right - canvas->left) / plot->cell_columns;
	double high = (canvas->bottom - canvas->top) / plot->cell_rows;
	char text[32];

	set_font(canvas, 0.9 * canvas->font, false);
	if (wide < 3.2 * canvas->font || high < 1.4 * canvas->font)
		return;
	for (int r = 0; r < plot->cell_rows; r++)
		for (int c = 0; c < plot->cell_columns; c++) {
			float x = plot->cells[r * plot->cell_columns + c];
			struct cs_rgb under = cs_colormap_at(
				cs_plot_map(plot), x, (float)canvas->range.y_low, (float)canvas->range.y_high);
			double light = 0.2126 * under.r + 0.7152 * under.g + 0.0722 * under.b;

			cs_plot_number(text, sizeof text, "%.*g", 3, x);
			set_colour(
				canvas, light > 115 ? (struct cs_rgb){0, 0, 0} : (struct cs_rgb){255, 255, 255}, 0.9);
			put_text(canvas, text, canvas->left + (c + 0.5) * wide,
				canvas->top + (r + 0.5) * high + 0.32 * canvas->font, 0.5);
		}
}

/* The bar that says which number has which colour. */
static enum cs_status draw_scale(const struct canvas *canvas, struct cs_error *error)
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
	set_font(canvas, canvas->font, false);
	set_colour(canvas, canvas->soft, 1);
	for (int i = 0; i < count; i++)
		put_text(canvas, ticks[i].text, x + wide + 0.4 * canvas->font,
			at_y(canvas, ticks[i].at) + 0.35 * canvas->font, 0);
	return status;
}

static enum cs_status draw_cells(const struct canvas *canvas, struct cs_error *error)
{
	const struct cs_plot *plot = canvas->plot;
	enum cs_status status = paint_cells(canvas, plot->cells, plot->cell_rows, plot->cell_columns, canvas->left,
		canvas->top, canvas->right - canvas->left, canvas->bottom - canvas->top, error);

	if (status != CS_OK || bare(canvas))
		return status;
	write_cells(canvas);
	if (names_rows(plot)) {
		double high = (canvas->bottom - canvas->top) / plot->cell_rows;
		int every = (int)ceil(1.1 * canvas->font / high);

		set_font(canvas, canvas->font, false);
		set_colour(canvas, canvas->soft, 1);
		for (int r = 0; r < plot->cell_rows; r += every)
			put_text(canvas, plot->categories[r], canvas->left - 0.5 * canvas->font,
				canvas->top + (r + 0.5) * high + 0.35 * canvas->font, 1);
	}
	return draw_scale(canvas, error);
}

static enum cs_status draw(cairo_t *cr, const struct cs_plot *plot, int width, int height, struct cs_error *error)
{
	struct canvas canvas = {.cr = cr, .plot = plot, .width = width, .height = height};
	enum cs_status status = CS_OK;

	canvas.range = cs_plot_ranges(plot);
	canvas.font = fmin(24, fmax(10.5, sqrt((double)width * height) / 50));
	canvas.line = fmax(1.3, canvas.font / 8);
	canvas.paper = plot->dark ? (struct cs_rgb){22, 22, 26} : (struct cs_rgb){255, 255, 255};
	canvas.ink = plot->dark ? (struct cs_rgb){235, 235, 235} : (struct cs_rgb){25, 25, 25};
	canvas.soft = plot->dark ? (struct cs_rgb){165, 165, 170} : (struct cs_rgb){95, 95, 95};
	canvas.faint = plot->dark ? (struct cs_rgb){46, 46, 52} : (struct cs_rgb){232, 232, 232};
	set_colour(&canvas, canvas.paper, 1);
	cairo_paint(cr);
	cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
	cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
	lay_out(&canvas);
	draw_titles(&canvas);
	cairo_set_line_width(cr, 1);
	if (!(names_rows(plot) && plot->cells))
		draw_y_axis(&canvas);
	if (canvas.range.empty) {
		set_font(&canvas, canvas.font, false);
		set_colour(&canvas, canvas.soft, 1);
		put_text(&canvas, "no data", (canvas.left + canvas.right) / 2, (canvas.top + canvas.bottom) / 2, 0.5);
	} else if (plot->cells) {
		status = draw_cells(&canvas, error);
	} else {
		status = draw_series(&canvas, error);
	}
	cairo_set_line_width(cr, 1);
	draw_x_axis(&canvas);
	if (canvas.labels_at_ends)
		draw_end_labels(&canvas);
	else if (needs_legend_row(&canvas))
		draw_legend_row(&canvas);
	if (status == CS_OK && cairo_status(cr) != CAIRO_STATUS_SUCCESS)
		status = cs_fail(error, CS_ERR_MEMORY, "a plot of %dx%d pixels cannot be drawn: %s", width, height,
			cairo_status_to_string(cairo_status(cr)));
	return status;
}

enum cs_status cs_plot_picture(
	const struct cs_plot *plot, int width, int height, struct cs_picture *out, struct cs_error *error)
{
	struct cs_picture picture = {0};
	cairo_surface_t *surface;
	enum cs_status status = cs_picture_init(&picture, width, height, error);
	cairo_t *cr;

	if (status != CS_OK)
		return status;
	surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
	cr = cairo_create(surface);
	status = draw(cr, plot, width, height, error);
	cairo_destroy(cr);
	cairo_surface_flush(surface);
	for (int y = 0; status == CS_OK && y < height; y++) {
		const unsigned char *row = cairo_image_surface_get_data(surface) +
			(size_t)y * (size_t)cairo_image_surface_get_stride(surface);
		uint8_t *to = picture.rgb + 3 * (size_t)y * (size_t)width;

		for (int x = 0; x < width; x++, to += 3) {
			uint32_t pixel;

			memcpy(&pixel, row + 4 * x, 4);
			to[0] = (uint8_t)(pixel >> 16);
			to[1] = (uint8_t)(pixel >> 8);
			to[2] = (uint8_t)pixel;
		}
	}
	cairo_surface_destroy(surface);
	if (status == CS_OK)
		*out = picture;
	else
		cs_picture_fini(&picture);
	return status;
}

enum cs_status cs_plot_save_png(
	const struct cs_plot *plot, int width, int height, const char *path, struct cs_error *error)
{
	struct cs_picture picture = {0};
	enum cs_status status = cs_plot_picture(plot, width, height, &picture, error);

	if (status == CS_OK)
		status = cs_picture_save(&picture, path, NULL, error);
	cs_picture_fini(&picture);
	return status;
}

/* SVG text on its way into memory. */
struct stream {
	char *bytes;
	size_t size, capacity;
};

static cairo_status_t collect(void *context, const unsigned char *bytes, unsigned length)
{
	struct stream *stream = context;

	if (length > stream->capacity - stream->size) {
		size_t wanted = 2 * stream->capacity + length;
		char *larger = cs_realloc(stream->bytes, wanted, 1);

		if (!larger)
			return CAIRO_STATUS_NO_MEMORY;
		stream->bytes = larger;
		stream->capacity = wanted;
	}
	memcpy(stream->bytes + stream->size, bytes, length);
	stream->size += length;
	return CAIRO_STATUS_SUCCESS;
}

enum cs_status cs_plot_save_svg(
	const struct cs_plot *plot, int width, int height, const char *path, struct cs_error *error)
{
	struct stream stream = {0};
	cairo_surface_t *surface;
	enum cs_status status;
	cairo_t *cr;

	if (width <= 0 || height <= 0 || width > CS_PICTURE_MAX_SIDE || height > CS_PICTURE_MAX_SIDE)
		return cs_fail(error, CS_ERR_ARGUMENT, "a plot of %dx%d pixels cannot be drawn", width, height);
	surface = cairo_svg_surface_create_for_stream(collect, &stream, width, height);
	cr = cairo_create(surface);
	status = draw(cr, plot, width, height, error);
	cairo_destroy(cr);
	cairo_surface_finish(surface);
	if (status == CS_OK && cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
		status = cs_fail_memory(error, "an SVG file");
	cairo_surface_destroy(surface);
	if (status == CS_OK)
		status = cs_file_write(path, stream.bytes, stream.size, error);
	cs_free(stream.bytes);
	return status;
}
