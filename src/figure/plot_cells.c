/* plot_cells.c: the plot model in character cells: braille dots for curves (2x4 to a cell), eighth blocks for bars, text for axes.
 *
 * Cells are a grid of `columns` by `rows`, row 0 at the top. The plot area is a rectangle inside it: left of it tick texts and
 * the axis, below it the axis and its texts, at its right the names of the lines beside their ends. What has no room is left out,
 * the data last. In ASCII a cell is one dot.
 */
#include "figure/plot_internal.h"

#include "core/alloc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cs_rgb grey = {138, 138, 138};

struct screen {
	const struct cs_plot *plot;
	struct cs_plot_range range;
	struct cs_cell *cells;
	int columns, rows;
	int left, top, right, bottom; /* the plot area: columns left..right-1, rows top..bottom-1 */
	bool ascii;
	bool labels_at_ends;
	bool flat; /* bars lie on their side, one a row */
};

/* One UTF-8 character; *text moves on. Broken bytes show as '?'. */
static uint32_t next_character(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	int more = at[0] < 0x80 ? 0 : at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc0 ? 1 : -1;
	uint32_t character = more == 0 ? at[0] : more == 1 ? at[0] & 0x1f : more == 2 ? at[0] & 0x0f : at[0] & 0x07;

	if (more < 0) {
		*text += 1;
		return '?';
	}
	for (int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			*text += i;
			return '?';
		}
		character = character << 6 | (at[i] & 0x3f);
	}
	*text += more + 1;
	return character;
}

static int text_length(const char *text)
{
	int length = 0;

	while (*text) {
		next_character(&text);
		length++;
	}
	return length;
}

static struct cs_cell *cell_at(const struct screen *screen, int column, int row)
{
	if (column < 0 || row < 0 || column >= screen->columns || row >= screen->rows)
		return NULL;
	return &screen->cells[(size_t)row * (size_t)screen->columns + (size_t)column];
}

static void put(const struct screen *screen, int column, int row, uint32_t character, struct cs_rgb colour)
{
	struct cs_cell *cell = cell_at(screen, column, row);

	if (cell)
		*cell = (struct cs_cell){
			.character = screen->ascii && character > 126 ? '?' : character, .colour = colour};
}

/* Text from `column` on, cut at `end`. Returns the column after it. */
static int put_text(
	const struct screen *screen, int column, int row, int end, const char *text, struct cs_rgb colour, bool bold)
{
	while (*text && column < end) {
		struct cs_cell *cell;

		put(screen, column, row, next_character(&text), colour);
		cell = cell_at(screen, column, row);
		if (cell)
			cell->bold = bold;
		column++;
	}
	return column;
}

static bool named(const struct cs_series *series, int series_count)
{
	return series->name && series->count > 0 && (series->kind == CS_SERIES_LINE || series_count > 1);
}

static int widest_label(const struct screen *screen, int *count, bool *lines)
{
	const struct cs_plot *plot = screen->plot;
	char text[CS_PLOT_LABEL_SIZE];
	int widest = 0;

	*count = 0;
	*lines = true;
	for (int i = 0; !plot->cells && i < plot->series_count; i++) {
		int length;

		if (!named(&plot->series[i], plot->series_count))
			continue;
		length = text_length(cs_plot_label(&plot->series[i], &screen->range, text, sizeof text));
		widest = length > widest ? length : widest;
		*lines = *lines && plot->series[i].kind == CS_SERIES_LINE;
		++*count;
	}
	return widest;
}

static void draw_legend(const struct screen *screen, int row)
{
	const struct cs_plot *plot = screen->plot;
	char text[CS_PLOT_LABEL_SIZE];
	int column = screen->left;

	for (int i = 0; i < plot->series_count && column < screen->columns; i++) {
		if (!named(&plot->series[i], plot->series_count))
			continue;
		cs_plot_label(&plot->series[i], &screen->range, text, sizeof text);
		if (column > screen->left && column + 2 + text_length(text) > screen->columns)
			return;
		put(screen, column, row, screen->ascii ? '*' : 0x25a0, plot->series[i].colour);
		column = put_text(screen, column + 2, row, screen->columns, text, plot->series[i].colour, false);
		column += 2;
	}
}

static int tick_width(const struct cs_plot_tick *ticks, int count)
{
	int widest = 0;

	for (int i = 0; i < count; i++)
		widest = text_length(ticks[i].text) > widest ? text_length(ticks[i].text) : widest;
	return widest;
}

/* The row of the plot area that a fraction falls into, and the column. */
static int row_of(const struct screen *screen, double fraction)
{
	int row = screen->bottom - 1 - (int)floor(fraction * (screen->bottom - screen->top));

	return row < screen->top ? screen->top : row >= screen->bottom ? screen->bottom - 1 : row;
}

static int column_of(const struct screen *screen, double fraction)
{
	int column = screen->left + (int)floor(fraction * (screen->right - screen->left));

	return column >= screen->right ? screen->right - 1 : column < screen->left ? screen->left : column;
}

static void draw_y_axis(const struct screen *screen, const struct cs_plot_tick *ticks, int count)
{
	int axis = screen->left - 1;

	for (int row = screen->top; row < screen->bottom; row++)
		put(screen, axis, row, screen->ascii ? '|' : 0x2502, grey);
	for (int i = 0; i < count; i++) {
		int row = row_of(screen, ticks[i].at);

		put_text(screen, axis - text_length(ticks[i].text), row, axis, ticks[i].text, grey, false);
		put(screen, axis, row, screen->ascii ? '+' : 0x2524, grey);
	}
}

/* The names under upright bars, each cut to its slot. */
static void draw_names(const struct screen *screen)
{
	double slot = (screen->right - screen->left) / (screen->range.x_high - screen->range.x_low);

	for (long i = 0; i < screen->range.names; i++) {
		double middle = screen->left + slot * ((double)i - screen->range.x_low);
		int room = slot >= 2 ? (int)slot - 1 : 1;
		int length = text_length(screen->plot->categories[i]);
		int start = (int)floor(middle - 0.5 * (length < room ? length : room) + 0.5);

		put_text(screen, start, screen->bottom + 1, start + room, screen->plot->categories[i], grey, false);
	}
}

/* The line below the plot, and the row of numbers below that, numbers kept apart. */
static void draw_x_axis(const struct screen *screen, bool numbers)
{
	struct cs_plot_tick ticks[CS_PLOT_TICKS];
	int count = cs_plot_x_ticks(&screen->range, (screen->right - screen->left) / 9, ticks);
	int free_from = 0, last_end = 0;

	put(screen, screen->left - 1, screen->bottom, screen->ascii ? '+' : 0x2514, grey);
	for (int column = screen->left; column < screen->right; column++)
		put(screen, column, screen->bottom, screen->ascii ? '-' : 0x2500, grey);
	if (!numbers)
		return;
	if (screen->plot->categories && screen->range.bars) {
		draw_names(screen);
		return;
	}
	for (int i = 0; i < count; i++) {
		int column = column_of(screen, ticks[i].at);
		int length = text_length(ticks[i].text);
		int start = column - length / 2;

		start = start + length > screen->columns ? screen->columns - length : start;
		start = start < 0 ? 0 : start;
		if (start < free_from)
			continue;
		put(screen, column, screen->bottom, screen->ascii ? '+' : 0x252c, grey);
		last_end = put_text(screen, start, screen->bottom + 1, screen->columns, ticks[i].text, grey, false);
		free_from = last_end + 1;
	}
	if (screen->plot->x_label) {
		int start = screen->right - text_length(screen->plot->x_label);

		/* In the place of a number rather than on top of one. */
		start = start > free_from ? start : free_from;
		if (start + text_length(screen->plot->x_label) <= screen->columns)
			put_text(
				screen, start, screen->bottom + 1, screen->columns, screen->plot->x_label, grey, false);
	}
}

/* The dots of one series: braille patterns, or one a cell in ASCII. */
struct dots {
	const struct screen *screen;
	int per_x, per_y; /* dots a cell */
	int width, height;
	struct cs_rgb colour;
	uint32_t mark; /* ASCII */
};

static void set_dot(const struct dots *dots, int x, int y)
{
	static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
	struct cs_cell *cell;

	if (x < 0 || y < 0 || x >= dots->width || y >= dots->height)
		return;
	cell = cell_at(dots->screen, dots->screen->left + x / dots->per_x, dots->screen->top + y / dots->per_y);
	if (!cell)
		return;
	if (dots->screen->ascii) {
		cell->character = dots->mark;
	} else {
		if (cell->character < 0x2800 || cell->character > 0x28ff)
			cell->character = 0x2800;
		cell->character |= bits[y % 4][x % 2];
	}
	cell->colour = dots->colour;
	cell->bold = false;
}

/* Cut the piece of a segment that is inside 0..1 in both directions (Liang and Barsky). False when nothing is. */
static bool clip(double *x0, double *y0, double *x1, double *y1)
{
	double from = 0, to = 1, dx = *x1 - *x0, dy = *y1 - *y0;
	double p[4] = {-dx, dx, -dy, dy};
	double q[4] = {*x0, 1 - *x0, *y0, 1 - *y0};

	for (int i = 0; i < 4; i++) {
		if (p[i] == 0) {
			if (q[i] < 0)
				return false;
		} else if (p[i] < 0) {
			from = fmax(from, q[i] / p[i]);
		} else {
			to = fmin(to, q[i] / p[i]);
		}
	}
	if (from > to)
		return false;
	*x1 = *x0 + to * dx;
	*y1 = *y0 + to * dy;
	*x0 += from * dx;
	*y0 += from * dy;
	return true;
}

static int dot_x(const struct dots *dots, double x)
{
	return (int)fmin(dots->width - 1, floor(x * dots->width));
}

static int dot_y(const struct dots *dots, double y)
{
	return dots->height - 1 - (int)fmin(dots->height - 1, floor(y * dots->height));
}

static void draw_segment(const struct dots *dots, double x0, double y0, double x1, double y1)
{
	int x, y, to_x, to_y, step_x, step_y, slip, dx, dy;

	if (!clip(&x0, &y0, &x1, &y1))
		return;
	x = dot_x(dots, x0);
	y = dot_y(dots, y0);
	to_x = dot_x(dots, x1);
	to_y = dot_y(dots, y1);
	dx = abs(to_x - x);
	dy = -abs(to_y - y);
	step_x = x < to_x ? 1 : -1;
	step_y = y < to_y ? 1 : -1;
	slip = dx + dy;
	for (;;) {
		int twice = 2 * slip;

		set_dot(dots, x, y);
		if (x == to_x && y == to_y)
			return;
		if (twice >= dy) {
			slip += dy;
			x += step_x;
		}
		if (twice <= dx) {
			slip += dx;
			y += step_y;
		}
	}
}

static enum cs_status draw_curve(
	const struct dots *dots, const struct cs_series *series, const double *y, struct cs_error *error)
{
	struct cs_plot_point *points = NULL;
	size_t count = 0;
	enum cs_status status = cs_plot_path(series, y, &dots->screen->range, dots->width, &points, &count, error);

	for (size_t i = 0; status == CS_OK && i < count; i++) {
		bool starts = points[i].move || i == 0;

		draw_segment(
			dots, points[starts ? i : i - 1].x, points[starts ? i : i - 1].y, points[i].x, points[i].y);
	}
	cs_free(points);
	return status;
}

/* A band is its two edges, dotted: every other point column. */
static void draw_edges(const struct dots *dots, const struct cs_series *series, const double *edge)
{
	int last = -2;

	for (long i = 0; i < series->count; i++) {
		double x = cs_plot_along_x(&dots->screen->range, cs_series_x(series, i));
		double y = cs_plot_along_y(&dots->screen->range, edge[i]);

		if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1) || abs(dot_x(dots, x) - last) < 3)
			continue;
		last = dot_x(dots, x);
		set_dot(dots, last, dot_y(dots, y));
	}
}

static struct cs_rgb between(struct cs_rgb a, struct cs_rgb b)
{
	return (struct cs_rgb){(uint8_t)((a.r + b.r) / 2), (uint8_t)((a.g + b.g) / 2), (uint8_t)((a.b + b.b) / 2)};
}

static struct dots dots_of(const struct screen *screen, const struct cs_series *series)
{
	struct dots dots = {.screen = screen, .per_x = screen->ascii ? 1 : 2, .per_y = screen->ascii ? 1 : 4};

	dots.width = (screen->right - screen->left) * dots.per_x;
	dots.height = (screen->bottom - screen->top) * dots.per_y;
	dots.colour = series->colour;
	dots.mark = series->kind == CS_SERIES_POINTS ? '+' : '*';
	return dots;
}

/* A bar of `length` (in eighths of a cell) upwards or to the right. */
static void draw_bar(const struct screen *screen, int column, int row, bool upwards, int eighths, struct cs_rgb colour)
{
	for (; eighths > 0; eighths -= 8) {
		int part = eighths > 8 ? 8 : eighths;

		if (screen->ascii) {
			if (part >= 4)
				put(screen, column, row, '*', colour);
		} else {
			put(screen, column, row, upwards ? 0x2580 + (uint32_t)part : 0x2590 - (uint32_t)part, colour);
		}
		row -= upwards;
		column += !upwards;
	}
}

/* One row a bar: name, bar, number. */
static void draw_flat_bars(const struct screen *screen)
{
	const struct cs_plot *plot = screen->plot;
	int row = screen->top;

	for (long slot = 0; slot < screen->range.slots; slot++)
		for (int i = 0; i < plot->series_count && row < screen->bottom; i++) {
			const struct cs_series *series = &plot->series[i];
			double share;
			char text[32];
			int eighths;

			if (series->kind != CS_SERIES_BARS)
				continue;
			if (i == 0 && slot < plot->series[0].count)
				put_text(screen, 0, row, screen->left - 1, plot->categories[slot], grey, false);
			if (slot < series->count && isfinite(series->y[slot])) {
				share = series->y[slot] / screen->range.y_high;
				eighths = (int)lrint(fmax(0, share) * 8 * (screen->right - screen->left));
				draw_bar(screen, screen->left, row, false, eighths, series->colour);
				cs_plot_number(text, sizeof text, "%.*g", 3, series->y[slot]);
				put_text(screen, screen->left + (eighths + 7) / 8 + 1, row, screen->columns, text, grey,
					false);
			}
			row++;
		}
}

static void draw_upright_bars(const struct screen *screen, const struct cs_series *series, int rank)
{
	int width = screen->right - screen->left, height = screen->bottom - screen->top;
	double slot = width / (screen->range.x_high - screen->range.x_low);
	double zero = fmin(1, fmax(0, cs_plot_along_y(&screen->range, screen->range.log_y ? screen->range.y_low : 0)));
	int bars = screen->range.bar_series;

	for (long i = 0; i < series->count; i++) {
		double y = cs_plot_along_y(&screen->range, series->y[i]);
		double at = cs_plot_along_x(&screen->range, (double)i) * width;
		double bar = (slot >= 3 ? slot - 1 : slot) / bars;
		int from = (int)floor(at - bar * bars / 2 + bar * rank + 0.5);
		int to = (int)floor(at - bar * bars / 2 + bar * (rank + 1) + 0.5);

		if (isnan(y))
			continue;
		to = to > from ? to : from + 1;
		for (int column = from; column < to; column++) {
			int base = (int)lrint(zero * height);

			if (column < 0 || column >= width)
				continue;
			if (y >= zero)
				draw_bar(screen, screen->left + column, screen->bottom - 1 - base, true,
					(int)lrint((fmin(1, y) - (double)base / height) * height * 8), series->colour);
			for (int row = base - 1; y < zero && row >= (int)lrint(fmax(0, y) * height); row--)
				put(screen, screen->left + column, screen->bottom - 1 - row,
					screen->ascii ? '*' : 0x2588, series->colour);
		}
	}
}

/* The mean of the cells that one character stands for; NaN when any is NaN. */
static float mean_cell(const struct cs_plot *plot, int x, int width, int y, int height)
{
	int c0 = (int)((int64_t)x * plot->cell_columns / width),
	    c1 = (int)((int64_t)(x + 1) * plot->cell_columns / width);
	int r0 = (int)((int64_t)y * plot->cell_rows / height), r1 = (int)((int64_t)(y + 1) * plot->cell_rows / height);
	double sum = 0;

	c1 = c1 > c0 ? c1 : c0 + 1;
	r1 = r1 > r0 ? r1 : r0 + 1;
	for (int r = r0; r < r1; r++)
		for (int c = c0; c < c1; c++)
			sum += plot->cells[(size_t)r * (size_t)plot->cell_columns + (size_t)c];
	return (float)(sum / ((r1 - r0) * (c1 - c0)));
}

static void draw_heat_map(const struct screen *screen)
{
	static const char ramp[] = " .:-=+*#%@";
	const struct cs_plot *plot = screen->plot;
	int width = screen->right - screen->left, height = screen->bottom - screen->top;
	float low = (float)screen->range.y_low, high = (float)screen->range.y_high;

	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			float value = mean_cell(plot, x, width, y, height);
			double share = isnan(value) ? 0 : fmin(1, fmax(0, (value - low) / (high - low)));

			put(screen, screen->left + x, screen->top + y,
				!screen->ascii         ? 0x2588
					: isnan(value) ? '?'
						       : (uint32_t)ramp[(int)(share * 9.999)],
				cs_colormap_at(cs_plot_map(plot), value, low, high));
		}
}

/* Beside a heat map: which colour is which number, in one row below. */
static void draw_scale(const struct screen *screen, int row)
{
	const struct cs_colormap *map = cs_plot_map(screen->plot);
	char text[32];
	int column = screen->left;

	cs_plot_number(text, sizeof text, "%.*g", 3, screen->range.y_low);
	column = put_text(screen, column, row, screen->columns, text, grey, false) + 1;
	for (int i = 0; i < 12; i++)
		put(screen, column++, row, screen->ascii ? (uint32_t) " .:-=+*#%@"[i * 10 / 12] : 0x2588,
			map->at[i * 255 / 11]);
	cs_plot_number(text, sizeof text, "%.*g", 3, screen->range.y_high);
	put_text(screen, column + 1, row, screen->columns, text, grey, false);
}

static void draw_end_labels(const struct screen *screen)
{
	const struct cs_plot *plot = screen->plot;
	double y[CS_PLOT_LABELS];
	int which[CS_PLOT_LABELS], count = 0;
	char text[CS_PLOT_LABEL_SIZE];

	for (int i = 0; i < plot->series_count && count < CS_PLOT_LABELS; i++) {
		long last = cs_series_last(&plot->series[i], &screen->range);

		if (!named(&plot->series[i], plot->series_count) || last < 0)
			continue;
		y[count] = row_of(screen, cs_plot_along_y(&screen->range, plot->series[i].y[last]));
		which[count++] = i;
	}
	cs_plot_spread(y, count, 1, screen->top, screen->bottom - 1);
	for (int i = 0; i < count; i++)
		put_text(screen, screen->right + 1, (int)lrint(y[i]), screen->columns,
			cs_plot_label(&plot->series[which[i]], &screen->range, text, sizeof text),
			plot->series[which[i]].colour, false);
}

static enum cs_status draw_series(const struct screen *screen, struct cs_error *error)
{
	const struct cs_plot *plot = screen->plot;
	enum cs_status status = CS_OK;
	int bars = 0;

	for (int i = 0; !screen->flat && i < plot->series_count; i++)
		if (plot->series[i].kind == CS_SERIES_BARS)
			draw_upright_bars(screen, &plot->series[i], bars++);
	for (int i = 0; status == CS_OK && i < plot->series_count; i++) {
		const struct cs_series *series = &plot->series[i];
		struct dots dots = dots_of(screen, series);

		if (series->kind == CS_SERIES_LINE) {
			if (series->low && series->high && !screen->ascii) {
				struct dots dim = dots;

				dim.colour = between(series->colour, grey);
				draw_edges(&dim, series, series->low);
				draw_edges(&dim, series, series->high);
			}
			status = draw_curve(&dots, series, series->y, error);
		}
		for (long k = 0; series->kind == CS_SERIES_POINTS && k < series->count; k++) {
			double x = cs_plot_along_x(&screen->range, cs_series_x(series, k));
			double y = cs_plot_along_y(&screen->range, series->y[k]);

			if (x >= 0 && x <= 1 && y >= 0 && y <= 1)
				set_dot(&dots, dot_x(&dots, x), dot_y(&dots, y));
		}
	}
	return status;
}

/* Bars lie down when each has a name and a row, and none is negative. */
static bool may_lie(const struct screen *screen, int rows)
{
	const struct cs_plot *plot = screen->plot;

	if (!plot->categories || !screen->range.bars || screen->range.log_y || screen->range.y_low < 0 ||
		screen->range.slots * screen->range.bar_series > rows)
		return false;
	for (int i = 0; i < plot->series_count; i++)
		if (plot->series[i].kind != CS_SERIES_BARS || plot->series[i].count > plot->series[0].count)
			return false;
	return true;
}

static int widest_category(const struct screen *screen)
{
	int widest = 0;

	for (long i = 0; i < screen->range.names; i++) {
		int length = text_length(screen->plot->categories[i]);

		widest = length > widest ? length : widest;
	}
	return widest < screen->columns / 3 ? widest : screen->columns / 3;
}

/* The row of title and y label. */
static void draw_head(struct screen *screen)
{
	const struct cs_plot *plot = screen->plot;

	if (plot->title || plot->y_label) {
		int column = plot->title ? put_text(screen, 0, 0, screen->columns, plot->title, grey, true) : 0;

		if (plot->y_label)
			put_text(screen, column + (column > 0 ? 2 : 0), 0, screen->columns, plot->y_label, grey, false);
		screen->top++;
	}
}

static enum cs_status draw(struct screen *screen, struct cs_error *error)
{
	const struct cs_plot *plot = screen->plot;
	struct cs_plot_tick ticks[CS_PLOT_TICKS];
	int ticks_count = 0, label_count;
	bool lines;
	int label = widest_label(screen, &label_count, &lines);
	bool roomy = screen->columns >= 16 && screen->rows >= 4;
	bool numbers = screen->rows >= 6 && roomy;
	bool legend;

	screen->labels_at_ends =
		roomy && label_count > 0 && lines && label < screen->columns / 3 && label_count <= screen->rows - 3;
	legend = roomy && screen->rows >= 6 && label_count > 0 && !screen->labels_at_ends;
	if (roomy)
		draw_head(screen);
	screen->flat = may_lie(screen, screen->rows - screen->top - (legend ? 1 : 0));
	if (screen->flat) {
		screen->left = widest_category(screen) + 1;
		screen->right -= 8;
		if (screen->right <= screen->left + 4)
			screen->flat = false;
	}
	if (roomy && !screen->flat) {
		int most = (screen->rows - screen->top) / 3;

		if (screen->labels_at_ends)
			screen->right -= label + 1;
		screen->bottom -= numbers ? 2 : 1;
		if (!plot->cells && !screen->range.empty)
			ticks_count = cs_plot_y_ticks(&screen->range, most < 5 ? most : 5, ticks);
		screen->left = plot->cells ? 0 : tick_width(ticks, ticks_count) + 1;
	}
	if (legend) {
		draw_legend(screen, screen->top);
		screen->top++;
	}
	if (screen->flat) {
		draw_flat_bars(screen);
		return CS_OK;
	}
	if (plot->cells && !screen->range.empty) {
		screen->bottom += numbers ? 1 : roomy ? 1 : 0;
		draw_heat_map(screen);
		if (numbers)
			draw_scale(screen, screen->bottom);
		return CS_OK;
	}
	if (roomy) {
		draw_y_axis(screen, ticks, ticks_count);
		draw_x_axis(screen, numbers && !screen->range.empty);
	}
	if (screen->range.empty) {
		put_text(screen, (screen->left + screen->right - 7) / 2, (screen->top + screen->bottom) / 2,
			screen->columns, "no data", grey, false);
		return CS_OK;
	}
	if (screen->labels_at_ends)
		draw_end_labels(screen);
	return draw_series(screen, error);
}

enum cs_status cs_plot_cells(
	const struct cs_plot *plot, int columns, int rows, bool ascii, struct cs_cell *cells, struct cs_error *error)
{
	struct screen screen = {.plot = plot, .cells = cells, .columns = columns, .rows = rows, .ascii = ascii};
	enum cs_status status;

	if (columns <= 0 || rows <= 0)
		return cs_fail(error, CS_ERR_ARGUMENT, "a plot needs at least one cell, not %dx%d", columns, rows);
	for (size_t i = 0; i < (size_t)columns * (size_t)rows; i++)
		cells[i] = (struct cs_cell){.character = ' ', .colour = grey};
	screen.right = columns;
	screen.bottom = rows;
	screen.range = cs_plot_ranges(plot);
	status = draw(&screen, error);
	if (plot->frame)
		*plot->frame = (struct cs_plot_frame){.left = (double)screen.left / columns,
			.right = (double)screen.right / columns,
			.top = (double)screen.top / rows,
			.bottom = (double)screen.bottom / rows,
			.x_low = screen.range.x_low,
			.x_high = screen.range.x_high};
	return status;
}
