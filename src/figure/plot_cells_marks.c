/* plot_cells_marks.c: what stands in the plot area of a plot in character cells: braille dots (2x4 to a cell) for curves and points, eighth blocks
 * for bars, full ones for heat maps. In ASCII a cell is one dot. See plot_cells.h.
 */
#include "figure/plot_cells.h"

#include "core/alloc.h"

#include <math.h>
#include <stdlib.h>

/* The dots of one series: braille patterns, or one a cell in ASCII. */
struct dots {
	const struct cs_cell_screen *screen;
	int per_x, per_y; /* dots a cell */
	int width, height;
	struct cs_rgb colour;
	uint32_t mark; /* ASCII */
	int on, off; /* dots of a dash and of the gap behind it; off 0: an unbroken line */
};

static void set_dot(const struct dots *dots, int x, int y)
{
	static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
	struct cs_cell *cell;

	if (x < 0 || y < 0 || x >= dots->width || y >= dots->height)
		return;
	cell = cs_cells_at(dots->screen, dots->screen->left + x / dots->per_x, dots->screen->top + y / dots->per_y);
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

/* `drawn` counts the dots of the line so far. */
static void draw_segment(const struct dots *dots, double x0, double y0, double x1, double y1, int *drawn)
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

		if (dots->off == 0 || *drawn % (dots->on + dots->off) < dots->on)
			set_dot(dots, x, y);
		if (x == to_x && y == to_y)
			return; /* the next segment begins with this dot */
		++*drawn;
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
	int drawn = 0;
	enum cs_status status = cs_plot_path(series, y, &dots->screen->range, dots->width, &points, &count, error);

	for (size_t i = 0; status == CS_OK && i < count; i++) {
		bool starts = points[i].move || i == 0;

		draw_segment(dots, points[starts ? i : i - 1].x, points[starts ? i : i - 1].y, points[i].x, points[i].y,
			&drawn);
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

uint32_t cs_cells_mark(const struct cs_series *series)
{
	static const char marks[] = "*ox#%@&=";
	int mark = (series->mark < 0 ? 0 : series->mark) % (int)(sizeof marks - 1);

	return series->kind == CS_SERIES_POINTS && mark == 0 ? '+' : (unsigned char)marks[mark];
}

static struct dots dots_of(const struct cs_cell_screen *screen, const struct cs_series *series)
{
	static const int dashes[][2] = {{0, 0}, {5, 3}, {2, 2}, {9, 3}};
	struct dots dots = {.screen = screen, .per_x = screen->ascii ? 1 : 2, .per_y = screen->ascii ? 1 : 4};

	dots.width = (screen->right - screen->left) * dots.per_x;
	dots.height = (screen->bottom - screen->top) * dots.per_y;
	dots.colour = series->colour;
	dots.mark = cs_cells_mark(series);
	if (!screen->ascii) { /* which has characters for that */
		dots.on = dashes[cs_plot_dashes(screen->plot, series)][0];
		dots.off = dashes[cs_plot_dashes(screen->plot, series)][1];
	}
	return dots;
}

/* A bar of `length` (in eighths of a cell) upwards or to the right. */
static void draw_bar(
	const struct cs_cell_screen *screen, int column, int row, bool upwards, int eighths, struct cs_rgb colour)
{
	for (; eighths > 0; eighths -= 8) {
		int part = eighths > 8 ? 8 : eighths;

		if (screen->ascii) {
			if (part >= 4)
				cs_cells_put(screen, column, row, '*', colour);
		} else {
			cs_cells_put(screen, column, row, upwards ? 0x2580 + (uint32_t)part : 0x2590 - (uint32_t)part,
				colour);
		}
		row -= upwards;
		column += !upwards;
	}
}

void cs_cells_flat_bars(const struct cs_cell_screen *screen)
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
				cs_cells_put_text(
					screen, 0, row, screen->left - 1, plot->categories[slot], cs_cells_grey, false);
			if (slot < series->count && isfinite(series->y[slot])) {
				share = series->y[slot] / screen->range.y_high;
				eighths = (int)lrint(fmax(0, share) * 8 * (screen->right - screen->left));
				draw_bar(screen, screen->left, row, false, eighths, series->colour);
				cs_plot_number(text, sizeof text, "%.*g", 3, series->y[slot]);
				cs_cells_put_text(screen, screen->left + (eighths + 7) / 8 + 1, row, screen->columns,
					text, cs_cells_grey, false);
			}
			row++;
		}
}

static void draw_upright_bars(const struct cs_cell_screen *screen, const struct cs_series *series, int rank)
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
				cs_cells_put(screen, screen->left + column, screen->bottom - 1 - row,
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

void cs_cells_heat_map(const struct cs_cell_screen *screen)
{
	static const char ramp[] = " .:-=+*#%@";
	const struct cs_plot *plot = screen->plot;
	int width = screen->right - screen->left, height = screen->bottom - screen->top;
	float low = (float)screen->range.y_low, high = (float)screen->range.y_high;

	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			float value = mean_cell(plot, x, width, y, height);
			double share = isnan(value) ? 0 : fmin(1, fmax(0, (value - low) / (high - low)));

			cs_cells_put(screen, screen->left + x, screen->top + y,
				!screen->ascii         ? 0x2588
					: isnan(value) ? '?'
						       : (uint32_t)ramp[(int)(share * 9.999)],
				cs_colormap_at(cs_plot_map(plot), value, low, high));
		}
}

enum cs_status cs_cells_series(const struct cs_cell_screen *screen, struct cs_error *error)
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

				dim.colour = between(series->colour, cs_cells_grey);
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
