/* grid.c: see grid.h. */
#include "ui/grid.h"
#include "ui/csv.h"

#include "core/alloc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WIDE = 40, LOOKED = 4000, GAP = 2 };

void cs_grid_fini(struct cs_grid *grid)
{
	cs_free(grid->order);
	cs_free(grid->widths);
	*grid = (struct cs_grid){.sorted = -1};
}

struct by {
	const struct cs_result_column *column;
	bool ascending;
};

static int compare(const void *a, const void *b, void *context)
{
	const struct by *by = context;
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	int word;

	if (!by->column->numbers) {
		word = strcmp(by->column->texts[x], by->column->texts[y]);
		if (word)
			return by->ascending ? -word : word; /* words: a to z first */
	} else {
		float p = by->column->numbers[x], q = by->column->numbers[y];

		if (isnan(p) != isnan(q))
			return isnan(p) ? 1 : -1;
		if (p != q && !isnan(p))
			return (p > q) == by->ascending ? 1 : -1;
	}
	return x < y ? -1 : x > y;
}

static void sort(struct cs_grid *grid)
{
	for (int64_t i = 0; i < grid->result->rows; i++)
		grid->order[i] = i;
	if (grid->sorted >= 0 && grid->sorted < grid->result->column_count) {
		struct by by = {&grid->result->columns[grid->sorted], grid->ascending};

		qsort_r(grid->order, (size_t)grid->result->rows, sizeof *grid->order, compare, &by);
	}
}

static void measure(struct cs_grid *grid, const struct cs_screen *screen)
{
	const struct cs_result *result = grid->result;

	for (int c = 0; c < result->column_count; c++) {
		int wide = cs_screen_width(screen, result->columns[c].name);
		char text[40];

		for (int64_t i = 0; i < result->rows && i < LOOKED; i++) {
			int w = cs_screen_width(screen, cs_result_cell(&result->columns[c], i, text, sizeof text));

			wide = w > wide ? w : wide;
		}
		grid->widths[c] = wide > MOST_WIDE ? MOST_WIDE : wide < 1 ? 1 : wide;
	}
}

bool cs_grid_set(struct cs_grid *grid, const struct cs_result *result)
{
	bool first = grid->result == NULL;
	struct cs_table table = grid->table;
	int sorted = first ? -1 : grid->sorted, column = grid->column;
	bool ascending = grid->ascending;

	cs_grid_fini(grid);
	if (!result)
		return true;
	grid->result = result;
	grid->order = cs_alloc((size_t)(result->rows + 1) * sizeof *grid->order);
	grid->widths = cs_calloc((size_t)result->column_count + 1, sizeof *grid->widths);
	if (!grid->order || !grid->widths) {
		cs_grid_fini(grid);
		return false;
	}
	grid->table = table;
	grid->table.count = (int)result->rows;
	grid->sorted = sorted < result->column_count ? sorted : -1;
	grid->ascending = ascending;
	grid->column = column < result->column_count ? column : 0;
	sort(grid);
	return true;
}

int64_t cs_grid_row(const struct cs_grid *grid)
{
	if (!grid->result || grid->table.cursor < 0 || grid->table.cursor >= grid->result->rows)
		return -1;
	return grid->order[grid->table.cursor];
}

void cs_grid_sort(struct cs_grid *grid, const char *column, bool ascending)
{
	for (int c = 0; grid->result && c < grid->result->column_count; c++) {
		if (strcmp(grid->result->columns[c].name, column) == 0) {
			grid->sorted = grid->column = c;
			grid->ascending = ascending;
			sort(grid);
		}
	}
}

/* Keep the cursor's column in sight. */
static void settle_columns(struct cs_grid *grid, int width)
{
	int used;

	if (grid->left > grid->column)
		grid->left = grid->column;
	do {
		used = 0;
		for (int c = grid->left; c <= grid->column; c++)
			used += grid->widths[c] + GAP;
	} while (used - GAP > width && grid->left < grid->column && grid->left++ >= 0);
}

static void draw_cell(struct cs_session *session, const struct cs_grid *grid, int c, int row, int at, int room,
	enum cs_style style, const char *text)
{
	struct cs_screen *screen = &session->screen;
	int wide = cs_screen_width(screen, text);

	if (grid->result->columns[c].numbers && wide < grid->widths[c])
		at += grid->widths[c] - wide, room -= grid->widths[c] - wide;
	if (room > 0)
		cs_screen_put(screen, row, at, room < grid->widths[c] ? room : grid->widths[c], style, "%s", text);
}

void cs_grid_draw(struct cs_session *session, struct cs_grid *grid, struct cs_area area, bool focused)
{
	struct cs_screen *screen = &session->screen;
	const struct cs_result *result = grid->result;
	int end = area.column + area.columns, at = area.column;
	char text[80];

	if (!result || result->column_count == 0 || area.rows < 2)
		return;
	if (grid->widths[0] == 0)
		measure(grid, screen);
	grid->page = area.rows - 1;
	cs_table_settle(&grid->table, grid->page);
	settle_columns(grid, area.columns);
	for (int c = grid->left; c < result->column_count && at < end; at += grid->widths[c] + GAP, c++) {
		enum cs_style style = focused && c == grid->column ? CS_STYLE_KEY
			: c == grid->sorted                        ? CS_STYLE_TITLE
								   : CS_STYLE_DIM;

		draw_cell(session, grid, c, area.row, at, end - at, style, result->columns[c].name);
		for (int i = 0; i < grid->page && grid->table.top + i < grid->table.count; i++) {
			int64_t row = grid->order[grid->table.top + i];

			draw_cell(session, grid, c, area.row + 1 + i, at, end - at, CS_STYLE_TEXT,
				cs_result_cell(&result->columns[c], row, text, sizeof text));
		}
	}
	for (int i = 0; i < grid->page && grid->table.top + i < grid->table.count; i++)
		cs_spots_add(&session->spots, (struct cs_area){area.row + 1 + i, area.column, 1, area.columns},
			CS_SPOT_ITEM, grid->table.top + i);
	if (focused && grid->table.cursor >= 0)
		cs_screen_shade(screen, area.row + 1 + grid->table.cursor - grid->table.top, area.column, area.columns,
			CS_STYLE_SELECT);
}

bool cs_grid_act(struct cs_session *session, struct cs_grid *grid, enum cs_action action)
{
	if (!grid->result)
		return false;
	if (cs_table_move(&grid->table, action, grid->page < 1 ? 1 : grid->page))
		return true;
	switch (action) {
	case CS_ACTION_LEFT:
		grid->column -= grid->column > 0;
		return true;
	case CS_ACTION_RIGHT:
		grid->column += grid->column < grid->result->column_count - 1;
		return true;
	case CS_ACTION_SORT:
		if (grid->sorted != grid->column) {
			grid->sorted = grid->column;
			grid->ascending = false;
		} else if (!grid->ascending) {
			grid->ascending = true;
		} else {
			grid->sorted = -1;
		}
		sort(grid);
		if (grid->sorted < 0)
			cs_session_say(session, CS_STYLE_TEXT, "rows as they were written");
		else
			cs_session_say(session, CS_STYLE_TEXT, "sorted by %s, %s first",
				grid->result->columns[grid->sorted].name,
				!grid->result->columns[grid->sorted].numbers ? (grid->ascending ? "last" : "first")
					: grid->ascending                    ? "smallest"
									     : "largest");
		return true;
	default:
		return false;
	}
}

static const char *row_text(void *context, int place)
{
	const struct cs_grid *grid = context;
	static char text[1000];
	size_t used = 0;
	char cell[80];

	text[0] = '\0';
	for (int c = 0; c < grid->result->column_count && used + 1 < sizeof text; c++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s ",
			cs_result_cell(&grid->result->columns[c], grid->order[place], cell, sizeof cell));
	return text;
}

bool cs_grid_find(struct cs_grid *grid, const char *text, int step)
{
	int row = grid->result ? cs_table_find(&grid->table, text, step, row_text, grid) : -1;

	if (row >= 0)
		grid->table.cursor = row;
	return row >= 0;
}

enum cs_status cs_grid_save(
	const struct cs_grid *grid, const char *stem, char *message, size_t size, struct cs_error *error)
{
	const struct cs_result *result = grid->result;
	struct cs_csv csv;

	cs_csv_init(&csv, NULL);
	for (int64_t i = -1; i < result->rows; i++) {
		for (int c = 0; c < result->column_count; c++) {
			const struct cs_result_column *column = &result->columns[c];

			if (i < 0)
				cs_csv_text(&csv, column->name);
			else if (column->numbers)
				cs_csv_number(&csv, (double)column->numbers[grid->order[i]]);
			else
				cs_csv_text(&csv, column->texts[grid->order[i]]);
		}
		cs_csv_end_row(&csv);
	}
	return cs_csv_save(&csv, stem, message, size, error);
}
