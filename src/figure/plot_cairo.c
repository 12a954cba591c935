/* plot_cairo.c: the plot model drawn with cairo, as pixels, PNG or SVG.
 *
 * The manner: little ink that is not data. A thin grey axis below, faint lines at the ticks, no frame; names stand in their colour at
 * the end of their line where there is room, else in one row above; everything scales with the picture so that it reads the
 * same at 400x240 and at 1600x900.
 */
#include "figure/plot_canvas.h"

#include "core/alloc.h"
#include "io/file.h"

#include <cairo-svg.h>
#include <math.h>
#include <string.h>

void cs_canvas_colour(const struct cs_canvas *canvas, struct cs_rgb colour, double alpha)
{
	cairo_set_source_rgba(canvas->cr, colour.r / 255.0, colour.g / 255.0, colour.b / 255.0, alpha);
}

void cs_canvas_font(const struct cs_canvas *canvas, double size, bool bold)
{
	cairo_select_font_face(canvas->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
		bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(canvas->cr, size);
}

double cs_canvas_text_width(const struct cs_canvas *canvas, const char *text)
{
	cairo_text_extents_t extents;

	cairo_text_extents(canvas->cr, text, &extents);
	return extents.x_advance;
}

/* Text with its anchor at a share of its width (0 left, 0.5 centre, 1 right), y its baseline. */
void cs_canvas_text(const struct cs_canvas *canvas, const char *text, double x, double y, double anchor)
{
	cairo_move_to(canvas->cr, x - anchor * cs_canvas_text_width(canvas, text), y);
	cairo_show_text(canvas->cr, text);
}

/* Half-way between two pixels is where a thin line is sharp. */
static double crisp(double at)
{
	return floor(at) + 0.5;
}

double cs_canvas_x(const struct cs_canvas *canvas, double fraction)
{
	return canvas->left + fraction * (canvas->right - canvas->left);
}

double cs_canvas_y(const struct cs_canvas *canvas, double fraction)
{
	return canvas->bottom - fraction * (canvas->bottom - canvas->top);
}

/* A colour that is to be read as text or a thin line: yellow on white and deep blue on black are moved towards the middle. */
struct cs_rgb cs_canvas_readable(const struct cs_canvas *canvas, struct cs_rgb colour)
{
	double light = (0.2126 * colour.r + 0.7152 * colour.g + 0.0722 * colour.b) / 255;
	double share = canvas->plot->dark ? fmax(0, 1.2 * (0.45 - light)) : (light > 0.65 ? 0.25 : 0);
	double towards = canvas->plot->dark ? 255 : 0;

	colour.r = (uint8_t)lrint(colour.r + share * (towards - colour.r));
	colour.g = (uint8_t)lrint(colour.g + share * (towards - colour.g));
	colour.b = (uint8_t)lrint(colour.b + share * (towards - colour.b));
	return colour;
}

/* Does a series get a name? Bars alone do not need one: the axis says it. */
static bool has_label(const struct cs_canvas *canvas, const struct cs_series *series)
{
	if (!series->name || series->count <= 0)
		return false;
	return series->kind == CS_SERIES_LINE || canvas->plot->series_count > 1;
}

/* Where names go, and how wide they are. */
static void choose_labels(struct cs_canvas *canvas)
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
		width = cs_canvas_text_width(
			canvas, cs_plot_label(&plot->series[i], &canvas->range, text, sizeof text));
		canvas->label_width = width > canvas->label_width ? width : canvas->label_width;
		canvas->shapes = canvas->shapes || cs_plot_has_shapes(plot, &plot->series[i]);
		count++;
	}
	canvas->label_width += canvas->shapes ? canvas->font : 0;
	canvas->labels_at_ends = lines && count > 0 && count <= CS_PLOT_LABELS &&
		canvas->label_width < 0.3 * canvas->width && count * canvas->font * 1.15 < 0.7 * canvas->height;
}

/* Where the next swatch and name of a legend go, row by row between `left` and the right edge: at *x, *row; false for a series without a name. */
static bool legend_place(
	const struct cs_canvas *canvas, int series, double left, double *x, int *row, double *width, char *text)
{
	if (!has_label(canvas, &canvas->plot->series[series]))
		return false;
	cs_plot_label(&canvas->plot->series[series], &canvas->range, text, CS_PLOT_LABEL_SIZE);
	*width = cs_canvas_text_width(canvas, text) + 2.2 * canvas->font;
	if (*x + *width > canvas->width && *x > left) {
		*x = left;
		(*row)++;
	}
	return true;
}

/* Rows that the names take above the figure: at most a quarter of its height. */
static int legend_rows(const struct cs_canvas *canvas)
{
	double left = 4 * canvas->font, x = left, width;
	int row = 0, most = (int)fmax(1, canvas->height / 4.0 / (1.5 * canvas->font));
	char text[CS_PLOT_LABEL_SIZE];

	if (canvas->label_width <= 0 || canvas->labels_at_ends)
		return 0;
	for (int i = 0; i < canvas->plot->series_count; i++) {
		if (legend_place(canvas, i, left, &x, &row, &width, text))
			x += width;
	}
	return row + 1 < most ? row + 1 : most;
}

/* The names under bars, or beside the rows and columns of a heat map. */
static double widest_category(const struct cs_canvas *canvas, long count)
{
	double widest = 0;

	for (long i = 0; i < count && i < 400; i++) {
		double width = cs_canvas_text_width(canvas, canvas->plot->categories[i]);

		widest = width > widest ? width : widest;
	}
	return widest;
}

bool cs_canvas_names_rows(const struct cs_plot *plot)
{
	return plot->cells && plot->categories && plot->cell_rows == plot->cell_columns;
}

static double margin_below(struct cs_canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double margin = 1.6 * canvas->font + (plot->x_label ? 1.6 * canvas->font : 0.3 * canvas->font);
	long slots = plot->cells ? plot->cell_columns : canvas->range.names;

	if (plot->categories && slots > 0 && (canvas->range.bars || cs_canvas_names_rows(plot))) {
		double widest = widest_category(canvas, slots);

		canvas->slanted = widest > 0.92 * (canvas->right - canvas->left) / (double)slots;
		if (canvas->slanted)
			margin += fmin(0.7 * widest, 0.3 * canvas->height);
	}
	return margin;
}

static double margin_left(const struct cs_canvas *canvas)
{
	double widest = 0;

	if (cs_canvas_names_rows(canvas->plot))
		widest = fmin(widest_category(canvas, canvas->plot->cell_rows), 0.25 * canvas->width);
	else
		for (int i = 0; i < canvas->y_count; i++)
			widest = fmax(widest, cs_canvas_text_width(canvas, canvas->y_ticks[i].text));
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

static void lay_out(struct cs_canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double font = canvas->font;

	cs_canvas_font(canvas, font, false);
	choose_labels(canvas);
	canvas->top = 0.8 * font;
	if (plot->title)
		canvas->top += 1.7 * font;
	if (plot->y_label)
		canvas->top += 1.5 * font;
	canvas->top += 1.5 * font * legend_rows(canvas);
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

bool cs_canvas_bare(const struct cs_canvas *canvas)
{
	return canvas->left == 0;
}

static void draw_titles(const struct cs_canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double y = 0.8 * canvas->font;

	if (cs_canvas_bare(canvas))
		return;
	if (plot->title) {
		cs_canvas_font(canvas, 1.15 * canvas->font, true);
		cs_canvas_colour(canvas, canvas->ink, 1);
		cs_canvas_text(canvas, plot->title, 0.6 * canvas->font, y + canvas->font, 0);
		y += 1.7 * canvas->font;
	}
	cs_canvas_font(canvas, canvas->font, false);
	cs_canvas_colour(canvas, canvas->soft, 1);
	if (plot->y_label)
		cs_canvas_text(canvas, plot->y_label, 0.6 * canvas->font, y + 0.8 * canvas->font, 0);
	if (plot->x_label)
		cs_canvas_text(canvas, plot->x_label, (canvas->left + canvas->right) / 2,
			canvas->height - 0.55 * canvas->font, 0.5);
}

static void draw_y_axis(const struct cs_canvas *canvas)
{
	cs_canvas_font(canvas, canvas->font, false);
	for (int i = 0; i < canvas->y_count; i++) {
		double y = cs_canvas_y(canvas, canvas->y_ticks[i].at);

		if (!canvas->plot->cells) {
			cs_canvas_colour(canvas, canvas->faint, 1);
			cairo_move_to(canvas->cr, canvas->left, crisp(y));
			cairo_line_to(canvas->cr, canvas->right, crisp(y));
			cairo_stroke(canvas->cr);
		}
		cs_canvas_colour(canvas, canvas->soft, 1);
		cs_canvas_text(
			canvas, canvas->y_ticks[i].text, canvas->left - 0.5 * canvas->font, y + 0.35 * canvas->font, 1);
	}
}

static void draw_category(const struct cs_canvas *canvas, const char *name, double x)
{
	double y = canvas->bottom + 0.3 * canvas->font;

	if (!canvas->slanted) {
		cs_canvas_text(canvas, name, x, canvas->bottom + 1.25 * canvas->font, 0.5);
		return;
	}
	cairo_save(canvas->cr);
	cairo_translate(canvas->cr, x + 0.3 * canvas->font, y + 0.5 * canvas->font);
	cairo_rotate(canvas->cr, -0.75);
	cs_canvas_text(canvas, name, 0, 0, 1);
	cairo_restore(canvas->cr);
}

static void draw_x_axis(const struct cs_canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	bool named = plot->categories && (canvas->range.bars || cs_canvas_names_rows(plot));
	long slots = plot->cells ? plot->cell_columns : canvas->range.names;

	cs_canvas_font(canvas, canvas->font, false);
	cs_canvas_colour(canvas, canvas->soft, 1);
	if (named && !cs_canvas_bare(canvas)) {
		double slot = (canvas->right - canvas->left) / (canvas->range.x_high - canvas->range.x_low);
		long every = canvas->slanted ? (long)ceil(1.1 * canvas->font / slot) : 1;

		for (long i = 0; i < slots; i += every)
			draw_category(canvas, plot->categories[i],
				cs_canvas_x(canvas, cs_plot_along_x(&canvas->range, (double)i)));
	}
	for (int i = 0; !named && i < canvas->x_count; i++) {
		double x = cs_canvas_x(canvas, canvas->x_ticks[i].at);

		cs_canvas_text(canvas, canvas->x_ticks[i].text, x, canvas->bottom + 1.35 * canvas->font, 0.5);
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

static void draw_end_labels(const struct cs_canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	double y[CS_PLOT_LABELS];
	int which[CS_PLOT_LABELS];
	char text[CS_PLOT_LABEL_SIZE];
	int count = 0;

	cs_canvas_font(canvas, canvas->font, false);
	for (int i = 0; i < plot->series_count && count < CS_PLOT_LABELS; i++) {
		long last = cs_series_last(&plot->series[i], &canvas->range);
		double at;

		if (!has_label(canvas, &plot->series[i]) || last < 0)
			continue;
		at = fmin(1, fmax(0, cs_plot_along_y(&canvas->range, plot->series[i].y[last])));
		y[count] = cs_canvas_y(canvas, at);
		which[count++] = i;
	}
	cs_plot_spread(y, count, 1.15 * canvas->font, canvas->top, canvas->bottom);
	for (int i = 0; i < count; i++) {
		const struct cs_series *series = &plot->series[which[i]];
		double x = canvas->right + 0.5 * canvas->font;

		cs_canvas_colour(canvas, cs_canvas_readable(canvas, series->colour), 1);
		if (cs_plot_has_shapes(plot, series))
			cs_canvas_shape(canvas, series, x + 0.4 * canvas->font, y[i]);
		cs_canvas_colour(canvas, cs_canvas_readable(canvas, series->colour), 1);
		cs_canvas_text(canvas, cs_plot_label(series, &canvas->range, text, sizeof text),
			x + (canvas->shapes ? canvas->font : 0), y[i] + 0.35 * canvas->font, 0);
	}
}

/* Swatch and name, one after the other, as many as fit. */
static void draw_legend(const struct cs_canvas *canvas)
{
	const struct cs_plot *plot = canvas->plot;
	int rows, row = 0;
	double x = canvas->left, width;
	char text[CS_PLOT_LABEL_SIZE];

	cs_canvas_font(canvas, canvas->font, false);
	rows = legend_rows(canvas);
	for (int i = 0; i < plot->series_count; i++) {
		double y;

		if (!legend_place(canvas, i, canvas->left, &x, &row, &width, text))
			continue;
		if (row == rows)
			break;
		y = canvas->top - (0.75 + 1.5 * (rows - 1 - row)) * canvas->font;
		/* The swatch as the mark is drawn. */
		if (plot->series[i].kind == CS_SERIES_BARS)
			cs_canvas_colour(canvas, plot->series[i].colour, 0.9);
		else
			cs_canvas_colour(canvas, cs_canvas_readable(canvas, plot->series[i].colour), 1);
		if (cs_plot_has_shapes(plot, &plot->series[i])) {
			cs_canvas_shape(canvas, &plot->series[i], x + 0.35 * canvas->font, y - 0.3 * canvas->font);
		} else {
			cairo_rectangle(canvas->cr, x, y - 0.62 * canvas->font, 0.7 * canvas->font, 0.7 * canvas->font);
			cairo_fill(canvas->cr);
		}
		cs_canvas_colour(canvas, cs_canvas_readable(canvas, plot->series[i].colour), 1);
		cs_canvas_text(canvas, text, x + canvas->font, y, 0);
		x += width;
	}
}

static enum cs_status draw(cairo_t *cr, const struct cs_plot *plot, int width, int height, struct cs_error *error)
{
	struct cs_canvas canvas = {.cr = cr, .plot = plot, .width = width, .height = height};
	enum cs_status status = CS_OK;

	canvas.range = cs_plot_ranges(plot);
	canvas.font = fmin(24, fmax(10.5, sqrt((double)width * height) / 50));
	canvas.line = fmax(1.3, canvas.font / 8);
	canvas.paper = plot->dark ? (struct cs_rgb){22, 22, 26} : (struct cs_rgb){255, 255, 255};
	canvas.ink = plot->dark ? (struct cs_rgb){235, 235, 235} : (struct cs_rgb){25, 25, 25};
	canvas.soft = plot->dark ? (struct cs_rgb){165, 165, 170} : (struct cs_rgb){95, 95, 95};
	canvas.faint = plot->dark ? (struct cs_rgb){46, 46, 52} : (struct cs_rgb){232, 232, 232};
	cs_canvas_colour(&canvas, canvas.paper, 1);
	cairo_paint(cr);
	cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
	cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
	lay_out(&canvas);
	draw_titles(&canvas);
	cairo_set_line_width(cr, 1);
	if (!(cs_canvas_names_rows(plot) && plot->cells))
		draw_y_axis(&canvas);
	if (canvas.range.empty) {
		cs_canvas_font(&canvas, canvas.font, false);
		cs_canvas_colour(&canvas, canvas.soft, 1);
		cs_canvas_text(
			&canvas, "no data", (canvas.left + canvas.right) / 2, (canvas.top + canvas.bottom) / 2, 0.5);
	} else if (plot->cells) {
		status = cs_canvas_cells(&canvas, error);
	} else {
		status = cs_canvas_series(&canvas, error);
	}
	cairo_set_line_width(cr, 1);
	draw_x_axis(&canvas);
	if (plot->frame)
		*plot->frame = (struct cs_plot_frame){.left = canvas.left / canvas.width,
			.right = canvas.right / canvas.width,
			.top = canvas.top / canvas.height,
			.bottom = canvas.bottom / canvas.height,
			.x_low = canvas.range.x_low,
			.x_high = canvas.range.x_high};
	if (canvas.labels_at_ends)
		draw_end_labels(&canvas);
	else
		draw_legend(&canvas);
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
