/* plot_cells.c: the plot model in character cells: where things stand, axes, labels and legends (marks: plot_cells_marks.c).
 *
 * Cells are a grid of `columns` by `rows`, row 0 at the top. The plot area is a rectangle inside it: left of it tick texts and
 * the axis, below it the axis and its texts, at its right the names of the lines beside their ends. What has no room is left out,
 * the data last. In ASCII a cell is one dot.
 */
#include "figure/plot_cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool named(const struct cs_series *series, int series_count)
{
	return series->name && series->count > 0 && (series->kind == CS_SERIES_LINE || series_count > 1);
}

static int widest_label(const struct cs_cell_screen *screen, int *count, bool *lines)
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
		length = cs_cells_length(cs_plot_label(&plot->series[i], &screen->range, text, sizeof text)) +
			(screen->ascii ? 2 : 0);
		widest = length > widest ? length : widest;
		*lines = *lines && plot->series[i].kind == CS_SERIES_LINE;
		++*count;
	}
	return widest;
}

static void draw_legend(const struct cs_cell_screen *screen, int row)
{
	const struct cs_plot *plot = screen->plot;
	char text[CS_PLOT_LABEL_SIZE];
	int column = screen->left;

	for (int i = 0; i < plot->series_count && column < screen->columns; i++) {
		if (!named(&plot->series[i], plot->series_count))
			continue;
		cs_plot_label(&plot->series[i], &screen->range, text, sizeof text);
		if (column > screen->left && column + 2 + cs_cells_length(text) > screen->columns)
			return;
		cs_cells_put(screen, column, row, screen->ascii ? cs_cells_mark(&plot->series[i]) : 0x25a0,
			plot->series[i].colour);
		column = cs_cells_put_text(
			screen, column + 2, row, screen->columns, text, plot->series[i].colour, false);
		column += 2;
	}
}

static int tick_width(const struct cs_plot_tick *ticks, int count)
{
	int widest = 0;

	for (int i = 0; i < count; i++)
		widest = cs_cells_length(ticks[i].text) > widest ? cs_cells_length(ticks[i].text) : widest;
	return widest;
}

static void draw_y_axis(const struct cs_cell_screen *screen, const struct cs_plot_tick *ticks, int count)
{
	int axis = screen->left - 1;

	for (int row = screen->top; row < screen->bottom; row++)
		cs_cells_put(screen, axis, row, screen->ascii ? '|' : 0x2502, cs_cells_grey);
	for (int i = 0; i < count; i++) {
		int row = cs_cells_row(screen, ticks[i].at);

		cs_cells_put_text(
			screen, axis - cs_cells_length(ticks[i].text), row, axis, ticks[i].text, cs_cells_grey, false);
		cs_cells_put(screen, axis, row, screen->ascii ? '+' : 0x2524, cs_cells_grey);
	}
}

/* The names under upright bars, each cut to its slot. */
static void draw_names(const struct cs_cell_screen *screen)
{
	double slot = (screen->right - screen->left) / (screen->range.x_high - screen->range.x_low);

	for (long i = 0; i < screen->range.names; i++) {
		double middle = screen->left + slot * ((double)i - screen->range.x_low);
		int room = slot >= 2 ? (int)slot - 1 : 1;
		int length = cs_cells_length(screen->plot->categories[i]);
		int start = (int)floor(middle - 0.5 * (length < room ? length : room) + 0.5);

		cs_cells_put_text(screen, start, screen->bottom + 1, start + room, screen->plot->categories[i],
			cs_cells_grey, false);
	}
}

/* Where the x label goes among the numbers of `places` (column and end of each): behind the last of them, else into the widest gap that holds it;
 * -1: there is none. */
static int place_x_label(const struct cs_cell_screen *screen, int places[][2], int count)
{
	int length = cs_cells_length(screen->plot->x_label), start = screen->right - length, widest = length + 1,
	    found = -1;

	if (count > 0 && start <= places[count - 1][1])
		start = places[count - 1][1] + 1;
	if (start >= 0 && start + length <= screen->columns)
		return start;
	for (int i = 0; i + 1 < count; i++) {
		int gap = places[i + 1][0] - places[i][1];

		if (gap <= widest)
			continue;
		widest = gap;
		found = places[i][1] + (gap - length) / 2;
	}
	return found;
}

/* The numbers below the axis, kept apart, and what they are: for its sake all but the first and the last of them may go. */
static void draw_x_numbers(const struct cs_cell_screen *screen, const struct cs_plot_tick *ticks, int count)
{
	int places[CS_PLOT_TICKS][2], which[CS_PLOT_TICKS], shown = 0, label = -1;

	for (int i = 0; i < count; i++) {
		int length = cs_cells_length(ticks[i].text), start = cs_cells_column(screen, ticks[i].at) - length / 2;

		start = start + length > screen->columns ? screen->columns - length : start;
		start = start < 0 ? 0 : start;
		if (shown > 0 && start <= places[shown - 1][1])
			continue;
		which[shown] = i;
		places[shown][0] = start;
		places[shown++][1] = start + length;
	}
	if (screen->plot->x_label) {
		int ends[2][2];

		label = place_x_label(screen, places, shown);
		if (label < 0 && shown > 2) {
			memcpy(ends[0], places[0], sizeof ends[0]);
			memcpy(ends[1], places[shown - 1], sizeof ends[1]);
			label = place_x_label(screen, ends, 2);
			if (label >= 0) {
				which[1] = which[shown - 1];
				memcpy(places[1], ends[1], sizeof ends[1]);
				shown = 2;
			}
		}
	}
	for (int i = 0; i < shown; i++) {
		cs_cells_put(screen, cs_cells_column(screen, ticks[which[i]].at), screen->bottom,
			screen->ascii ? '+' : 0x252c, cs_cells_grey);
		cs_cells_put_text(screen, places[i][0], screen->bottom + 1, screen->columns, ticks[which[i]].text,
			cs_cells_grey, false);
	}
	if (label >= 0)
		cs_cells_put_text(screen, label, screen->bottom + 1, screen->columns, screen->plot->x_label,
			cs_cells_grey, false);
}

/* The line below the plot, and the row of numbers below that. */
static void draw_x_axis(const struct cs_cell_screen *screen, bool numbers)
{
	struct cs_plot_tick ticks[CS_PLOT_TICKS];
	int count = cs_plot_x_ticks(&screen->range, (screen->right - screen->left) / 6, ticks);

	cs_cells_put(screen, screen->left - 1, screen->bottom, screen->ascii ? '+' : 0x2514, cs_cells_grey);
	for (int column = screen->left; column < screen->right; column++)
		cs_cells_put(screen, column, screen->bottom, screen->ascii ? '-' : 0x2500, cs_cells_grey);
	if (!numbers)
		return;
	if (screen->plot->categories && screen->range.bars) {
		draw_names(screen);
		return;
	}
	draw_x_numbers(screen, ticks, count);
}

/* Beside a heat map: which colour is which number, in one row below. */
static void draw_scale(const struct cs_cell_screen *screen, int row)
{
	const struct cs_colormap *map = cs_plot_map(screen->plot);
	char text[32];
	int column = screen->left;

	cs_plot_number(text, sizeof text, "%.*g", 3, screen->range.y_low);
	column = cs_cells_put_text(screen, column, row, screen->columns, text, cs_cells_grey, false) + 1;
	for (int i = 0; i < 12; i++)
		cs_cells_put(screen, column++, row, screen->ascii ? (uint32_t) " .:-=+*#%@"[i * 10 / 12] : 0x2588,
			map->at[i * 255 / 11]);
	cs_plot_number(text, sizeof text, "%.*g", 3, screen->range.y_high);
	cs_cells_put_text(screen, column + 1, row, screen->columns, text, cs_cells_grey, false);
}

static void draw_end_labels(const struct cs_cell_screen *screen)
{
	const struct cs_plot *plot = screen->plot;
	double y[CS_PLOT_LABELS];
	int which[CS_PLOT_LABELS], count = 0;
	char text[CS_PLOT_LABEL_SIZE];

	for (int i = 0; i < plot->series_count && count < CS_PLOT_LABELS; i++) {
		long last = cs_series_last(&plot->series[i], &screen->range);

		if (!named(&plot->series[i], plot->series_count) || last < 0)
			continue;
		y[count] = cs_cells_row(screen, cs_plot_along_y(&screen->range, plot->series[i].y[last]));
		which[count++] = i;
	}
	cs_plot_spread(y, count, 1, screen->top, screen->bottom - 1);
	for (int i = 0; i < count; i++) {
		const struct cs_series *series = &plot->series[which[i]];
		int row = (int)lrint(y[i]), column = screen->right + 1;

		if (screen->ascii)
			cs_cells_put(screen, column, row, cs_cells_mark(series), series->colour);
		cs_cells_put_text(screen, column + (screen->ascii ? 2 : 0), row, screen->columns,
			cs_plot_label(series, &screen->range, text, sizeof text), series->colour, false);
	}
}

/* Bars lie down when each has a name and a row, and none is negative. */
static bool may_lie(const struct cs_cell_screen *screen, int rows)
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

static int widest_category(const struct cs_cell_screen *screen)
{
	int widest = 0;

	for (long i = 0; i < screen->range.names; i++) {
		int length = cs_cells_length(screen->plot->categories[i]);

		widest = length > widest ? length : widest;
	}
	return widest < screen->columns / 3 ? widest : screen->columns / 3;
}

/* The row of title and y label. */
static void draw_head(struct cs_cell_screen *screen)
{
	const struct cs_plot *plot = screen->plot;

	if (plot->title || plot->y_label) {
		int column = plot->title
			? cs_cells_put_text(screen, 0, 0, screen->columns, plot->title, cs_cells_grey, true)
			: 0;

		if (plot->y_label)
			cs_cells_put_text(screen, column + (column > 0 ? 2 : 0), 0, screen->columns, plot->y_label,
				cs_cells_grey, false);
		screen->top++;
	}
}

static enum cs_status draw(struct cs_cell_screen *screen, struct cs_error *error)
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
		cs_cells_flat_bars(screen);
		return CS_OK;
	}
	if (plot->cells && !screen->range.empty) {
		screen->bottom += numbers ? 1 : roomy ? 1 : 0;
		cs_cells_heat_map(screen);
		if (numbers)
			draw_scale(screen, screen->bottom);
		return CS_OK;
	}
	if (roomy) {
		draw_y_axis(screen, ticks, ticks_count);
		draw_x_axis(screen, numbers && !screen->range.empty);
	}
	if (screen->range.empty) {
		cs_cells_put_text(screen, (screen->left + screen->right - 7) / 2, (screen->top + screen->bottom) / 2,
			screen->columns, "no data", cs_cells_grey, false);
		return CS_OK;
	}
	if (screen->labels_at_ends)
		draw_end_labels(screen);
	return cs_cells_series(screen, error);
}

enum cs_status cs_plot_cells(
	const struct cs_plot *plot, int columns, int rows, bool ascii, struct cs_cell *cells, struct cs_error *error)
{
	struct cs_cell_screen screen = {.plot = plot, .cells = cells, .columns = columns, .rows = rows, .ascii = ascii};
	enum cs_status status;

	if (columns <= 0 || rows <= 0)
		return cs_fail(error, CS_ERR_ARGUMENT, "a plot needs at least one cell, not %dx%d", columns, rows);
	for (size_t i = 0; i < (size_t)columns * (size_t)rows; i++)
		cells[i] = (struct cs_cell){.character = ' ', .colour = cs_cells_grey};
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
