/* view_result.c: whatever an analysis wrote: its table, its curves, bars, heat maps, mosaics, pictures and sentences, one part at a
 * time, or the table beside a figure where there is room. Knows no analysis by name.
 *
 * Parts are numbered: the sentences (with the first figure below them, where there is room), the table (where there is one), then the figures. A figure that is zoomed, with keys or by spanning
 * a part of it with the mouse, is shown through a window, a part of its width and height, that the cursor keys move.
 */
#include "core/alloc.h"
#include "figure/montage.h"
#include "io/h5.h"
#include "ui/analyses.h"
#include "ui/chart.h"
#include "ui/grid.h"
#include "ui/invite.h"
#include "ui/legend.h"
#include "ui/mosaic.h"
#include "ui/record.h"
#include "ui/view.h"
#include "ui/window.h"
#include "work/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 3, WIDE = 110, LEAST_BELOW = 9 /* rows for a figure below the sentences */ };

enum part_kind { PART_NOTES, PART_TABLE, PART_FIGURE };

struct result {
	char name[64];
	struct cs_reading *reading;
	struct cs_grid grid;
	struct cs_mosaic mosaic;
	struct cs_chart chart;
	unsigned version; /* of what is shown */
	int part;
	struct cs_window window; /* the part of a figure that is shown */
	struct cs_area picture; /* where a figure that is a picture stands */
	bool log_y;
	int scroll; /* of the sentences */
};

static const struct cs_result *result_of(const struct cs_view *view)
{
	return cs_reading_result(((const struct result *)view->state)->reading);
}

/* The parts there are, and what one of them is. */
static int part_count(const struct cs_result *result)
{
	return result ? (result->note_count > 0) + (result->column_count > 0) + result->figure_count : 0;
}

static enum part_kind part_of(const struct cs_result *result, int part, int *figure)
{
	if (result->note_count > 0 && part-- == 0)
		return PART_NOTES;
	if (result->column_count > 0 && part-- == 0)
		return PART_TABLE;
	*figure = part;
	return PART_FIGURE;
}

static enum cs_status open_result(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_result_argument *from = argument;
	struct result *state = view->state;

	snprintf(state->name, sizeof state->name, "%s", from->name);
	state->grid.sorted = -1;
	return cs_analyses_read(view->session, from->name, &state->reading, error);
}

static bool tick_result(struct cs_view *view)
{
	struct result *state = view->state;
	struct cs_analysis_run *run = cs_analyses_run(view->session, state->name);

	if (!cs_reading_tick(state->reading))
		return run && run->work;
	cs_grid_set(&state->grid, result_of(view));
	if (state->part >= part_count(result_of(view)))
		state->part = 0;
	state->version++;
	return true;
}

static void to_part(struct result *state, int part)
{
	state->part = part;
	state->window = (struct cs_window){0};
	state->log_y = false;
	state->mosaic = (struct cs_mosaic){0};
	state->version++;
}

/* ---- drawing ---- */

static void draw_title(struct cs_view *view)
{
	struct result *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	const struct cs_result *result = result_of(view);
	int used, figure, count = part_count(result);
	const char *what = "";

	used = 1 + cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "%s", state->name);
	if (!result)
		return;
	if (count > 0)
		switch (part_of(result, state->part, &figure)) {
		case PART_NOTES:
			what = "in words";
			break;
		case PART_TABLE:
			what = "table";
			break;
		case PART_FIGURE:
			what = result->figures[figure].name;
			break;
		}
	cs_screen_put(screen, 0, used + 2, screen->columns - used - 2 - (count > 1 ? 26 : 2), CS_STYLE_TEXT, "%s",
		result->title);
	if (count > 1)
		cs_screen_put_right(
			screen, 0, screen->columns - 1, CS_STYLE_DIM, "%.30s %d/%d", what, state->part + 1, count);
}

/* Returns the row below the last one. */
static int draw_notes(struct cs_view *view, struct cs_area area)
{
	struct result *state = view->state;
	const struct cs_result *result = result_of(view);
	int row = area.row;

	if (state->scroll > result->note_count - 1)
		state->scroll = result->note_count - 1;
	if (state->scroll < 0)
		state->scroll = 0;
	for (int i = state->scroll; i < result->note_count && row < area.row + area.rows; i++) {
		cs_screen_put(&view->session->screen, row, area.column, -1, CS_STYLE_DIM,
			view->session->screen.utf8 ? "·" : "-");
		row += cs_screen_put_lines(&view->session->screen, row, area.row + area.rows, area.column + 2,
			area.columns - 3 < 500 ? area.columns - 3 : 500, CS_STYLE_TEXT, result->notes[i]);
	}
	if (state->scroll > 0)
		cs_screen_put_right(&view->session->screen, area.row, area.column + area.columns, CS_STYLE_DIM, "^");
	return row;
}

/* The part of a heat map that is in the window, to be freed. */
static float *cut_cells(const struct cs_plot *plot, const double from[2], const double to[2], struct cs_plot *out)
{
	int left = (int)(from[0] * plot->cell_columns), right = (int)ceil(to[0] * plot->cell_columns - 1e-9);
	int top = (int)(from[1] * plot->cell_rows), bottom = (int)ceil(to[1] * plot->cell_rows - 1e-9);
	float *cells = cs_alloc((size_t)(right - left) * (size_t)(bottom - top) * sizeof *cells);

	for (int r = top; cells && r < bottom; r++)
		memcpy(cells + (size_t)(r - top) * (size_t)(right - left),
			plot->cells + (size_t)r * (size_t)plot->cell_columns + left,
			(size_t)(right - left) * sizeof *cells);
	out->cells = cells;
	out->cell_rows = bottom - top;
	out->cell_columns = right - left;
	out->categories = NULL;
	return cells;
}

/* The range of a whole heat map's colours, kept when a part of it is shown. */
static void cell_range(const struct cs_plot *plot, double *low, double *high)
{
	*low = INFINITY;
	*high = -INFINITY;
	for (int i = 0; i < plot->cell_rows * plot->cell_columns; i++) {
		if (isfinite(plot->cells[i])) {
			*low = fmin(*low, (double)plot->cells[i]);
			*high = fmax(*high, (double)plot->cells[i]);
		}
	}
	if (!(*low < *high))
		*low = *high = 0;
}

static void x_range(const struct cs_plot *plot, double *low, double *high)
{
	*low = INFINITY;
	*high = -INFINITY;
	for (int s = 0; s < plot->series_count; s++) {
		for (long i = 0; i < plot->series[s].count; i++) {
			double x = plot->series[s].x ? plot->series[s].x[i] : (double)i;

			if (isfinite(x)) {
				*low = fmin(*low, x);
				*high = fmax(*high, x);
			}
		}
	}
}

static void draw_plot(struct cs_view *view, const struct cs_plot *from_file, struct cs_area area)
{
	struct result *state = view->state;
	struct cs_plot plot = *from_file;
	double from[2], to[2], low, high;
	float *cells = NULL;

	cs_window_get(&state->window, from, to);
	plot.log_y ^= state->log_y;
	if (!cs_window_is_whole(&state->window) && plot.cells) {
		if (plot.y_low == 0 && plot.y_high == 0)
			cell_range(&plot, &plot.y_low, &plot.y_high);
		cells = cut_cells(from_file, from, to, &plot);
		if (!cells)
			return;
	} else if (!cs_window_is_whole(&state->window)) {
		x_range(&plot, &low, &high);
		if (low < high) {
			plot.x_low = low + from[0] * (high - low);
			plot.x_high = low + to[0] * (high - low);
		}
	}
	cs_chart_show(view->session, &plot, state->version, area, &state->chart);
	cs_free(cells);
}

static void draw_picture(struct cs_view *view, const struct cs_picture *whole, struct cs_area area)
{
	struct result *state = view->state;
	struct cs_picture part = {0};
	double from[2], to[2];

	cs_window_get(&state->window, from, to);
	if (cs_window_is_whole(&state->window)) {
		state->picture = cs_graphics_place(view->session->graphics, area, CS_ANCHOR_LEFT, whole);
		return;
	}
	if (cs_picture_init(&part, (int)ceil((to[0] - from[0]) * whole->width),
		    (int)ceil((to[1] - from[1]) * whole->height), NULL))
		return;
	cs_picture_paste(&part, whole, -(int)(from[0] * whole->width), -(int)(from[1] * whole->height));
	state->picture = cs_graphics_place(view->session->graphics, area, CS_ANCHOR_LEFT, &part);
	cs_picture_fini(&part);
}

/* Which part of a figure is shown, when it is not all of it. */
static void draw_part(struct cs_view *view, const struct cs_result_figure *figure, struct cs_area area)
{
	const struct result *state = view->state;
	bool curves = figure->kind == CS_RESULT_PLOT && !figure->plot.cells;
	double from[2], to[2];
	char rows[60] = "";

	if (cs_window_is_whole(&state->window))
		return;
	cs_window_get(&state->window, from, to);
	if (!curves)
		snprintf(rows, sizeof rows, ", %.0f-%.0f %% of the height", 100 * from[1], 100 * to[1]);
	cs_screen_put_right(&view->session->screen, area.row - 1, area.column + area.columns, CS_STYLE_DIM,
		"%.0f-%.0f %% of the width%s", 100 * from[0], 100 * to[0], rows);
}

static void draw_figure(struct cs_view *view, const struct cs_result_figure *figure, struct cs_area area)
{
	struct result *state = view->state;

	if (figure->caption && area.row >= HEAD)
		cs_screen_put(&view->session->screen, area.row - 1, area.column, area.columns, CS_STYLE_DIM, "%s",
			figure->caption);
	switch (figure->kind) {
	case CS_RESULT_PLOT:
		draw_plot(view, &figure->plot, area);
		break;
	case CS_RESULT_MOSAIC:
		cs_mosaic_show(view->session, figure->mosaic, figure->columns, area, &state->mosaic);
		break;
	case CS_RESULT_PICTURE:
		draw_picture(view, &figure->picture, area);
		break;
	}
	if (figure->kind != CS_RESULT_MOSAIC) {
		cs_spots_add(&view->session->spots, area, CS_SPOT_PLOT, figure->kind);
		draw_part(view, figure, area);
	}
}

static void draw_result(struct cs_view *view)
{
	struct result *state = view->state;
	struct cs_session *session = view->session;
	const struct cs_result *result = result_of(view);
	struct cs_area area = {HEAD, 1, session->body_rows - HEAD, session->screen.columns - 2};
	int figure, below;

	draw_title(view);
	if (!result) {
		cs_invite_draw(session, state->name, state->reading, HEAD - 1);
		return;
	}
	cs_invite_origin(session, state->name, state->reading, 1);
	if (session->body_rows < 6) {
		area.row = 1;
		area.rows = session->body_rows - 1;
	}
	if (part_count(result) == 0) {
		cs_screen_put(&session->screen, HEAD, 1, -1, CS_STYLE_DIM, "the result is empty");
		return;
	}
	switch (part_of(result, state->part, &figure)) {
	case PART_NOTES:
		below = draw_notes(view, area) + 2; /* a free row, and one for the caption */
		if (result->figure_count > 0 && session->body_rows - below >= LEAST_BELOW)
			draw_figure(view, &result->figures[0],
				(struct cs_area){below, area.column, session->body_rows - below, area.columns});
		break;
	case PART_TABLE:
		cs_grid_draw(session, &state->grid, area, true);
		break;
	case PART_FIGURE:
		if (session->screen.columns >= WIDE && result->column_count > 0) {
			int half = area.columns * 2 / 5;

			cs_grid_draw(
				session, &state->grid, (struct cs_area){area.row, area.column, area.rows, half}, false);
			area.column += half + 2;
			area.columns -= half + 2;
		}
		draw_figure(view, &result->figures[figure], area);
		break;
	}
}

/* ---- keys ---- */

static bool act_window(struct result *state, enum cs_action action)
{
	if (!cs_window_act(&state->window, action))
		return false;
	state->version++;
	return true;
}

static bool act_part(struct cs_view *view, enum cs_action action)
{
	struct result *state = view->state;
	const struct cs_result *result = result_of(view);
	int figure;

	switch (part_of(result, state->part, &figure)) {
	case PART_TABLE:
		return cs_grid_act(view->session, &state->grid, action);
	case PART_NOTES:
		state->scroll += action == CS_ACTION_DOWN ? 1 : action == CS_ACTION_UP ? -1 : 0;
		return action == CS_ACTION_DOWN || action == CS_ACTION_UP;
	case PART_FIGURE:
		if (result->figures[figure].kind == CS_RESULT_MOSAIC)
			return cs_mosaic_act(&state->mosaic, action);
		if (action == CS_ACTION_LOG_SCALE && result->figures[figure].kind == CS_RESULT_PLOT) {
			state->log_y = !state->log_y;
			state->version++;
			return true;
		}
		return act_window(state, action);
	}
	return false;
}

static bool act_result(struct cs_view *view, enum cs_action action, int argument)
{
	struct result *state = view->state;
	int count = part_count(result_of(view));

	(void)argument;
	if (cs_invite_act(view->session, state->name, action))
		return true;
	if (count == 0)
		return false;
	if (action == CS_ACTION_NEXT_PANE) {
		to_part(state, (state->part + 1) % count);
		return true;
	}
	if (act_part(view, action))
		return true;
	if (action == CS_ACTION_LEFT || action == CS_ACTION_RIGHT) {
		to_part(state, (state->part + (action == CS_ACTION_LEFT ? count - 1 : 1)) % count);
		return true;
	}
	return false;
}

static bool select_result(struct cs_view *view, int64_t index)
{
	struct result *state = view->state;

	state->grid.table.cursor = (int)index;
	return false; /* a row opens nothing */
}

/* A drag spans the part of a figure to show, the wheel zooms. */
static bool point_result(struct cs_view *view, const struct cs_pointer *pointer, const struct cs_spot *spot)
{
	struct result *state = view->state;
	const struct cs_area *area = &state->picture;
	double at[2];

	if (!spot || spot->kind != CS_SPOT_PLOT)
		return false;
	if (spot->index == CS_RESULT_PICTURE) {
		if (area->columns < 1 || area->rows < 1)
			return true;
		at[0] = (pointer->column + 0.5 - area->column) / area->columns;
		at[1] = (pointer->row + 0.5 - area->row) / area->rows;
	} else if (!cs_chart_place(&state->chart, pointer->row, pointer->column, at)) {
		return true;
	}
	state->version += cs_window_point(&state->window, pointer, at);
	return true;
}

static void find_result(struct cs_view *view, const char *text, int step)
{
	struct result *state = view->state;

	if (!cs_grid_find(&state->grid, text, step))
		cs_session_say(view->session, CS_STYLE_WARN, "no row of the table holds '%s'", text);
}

/* ---- export ---- */

static enum cs_status save_mosaic(const struct cs_result_figure *figure, const char *stem, struct cs_error *error)
{
	struct cs_scale scale = {.kind = CS_SCALE_OWN};
	struct cs_picture picture = {0};
	char *png = cs_format("%s.png", stem), *h5 = cs_format("%s.hdf5", stem);
	struct cs_h5 *file = NULL;
	enum cs_status status = png && h5 ? CS_OK : cs_fail_memory(error, "a path");

	if (!status)
		status = cs_montage_mosaic(figure->mosaic, scale, cs_colormap_find("diverging"), figure->columns, 2, 2,
			&picture, NULL, error);
	if (!status)
		status = cs_picture_save(&picture, png, NULL, error);
	if (!status)
		status = cs_h5_open(h5, CS_H5_CREATE, &file, error);
	if (!status) {
		status = cs_h5_write_tensor(file, "/x", figure->mosaic, error);
		if (cs_h5_close(file, status ? NULL : error) && !status)
			status = CS_ERR_IO;
	}
	cs_picture_fini(&picture);
	cs_free(png);
	cs_free(h5);
	return status;
}

static enum cs_status save_figure(
	const struct cs_result_figure *figure, const char *stem, char *message, size_t size, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	char *png;

	switch (figure->kind) {
	case CS_RESULT_PLOT:
		status = cs_chart_save(&figure->plot, stem, error);
		snprintf(message, size, "wrote %s.png and .svg", stem);
		break;
	case CS_RESULT_MOSAIC:
		status = save_mosaic(figure, stem, error);
		snprintf(message, size, "wrote %s.png and .hdf5", stem);
		break;
	case CS_RESULT_PICTURE:
		png = cs_format("%s.png", stem);
		status = png ? cs_picture_save(&figure->picture, png, NULL, error) : cs_fail_memory(error, "a path");
		snprintf(message, size, "wrote %s.png", stem);
		cs_free(png);
		break;
	}
	return status;
}

static enum cs_status export_result(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct result *state = view->state;
	const struct cs_result *result = result_of(view);
	enum cs_status status;
	char part[40];
	int figure;

	if (part_count(result) == 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "there is no result to export yet");
	if (part_of(result, state->part, &figure) != PART_FIGURE) {
		status = cs_grid_save(&state->grid, stem, message, size, error);
		if (!status)
			cs_record_grid(view->session, state->name, &state->grid, stem);
		return status;
	}
	status = save_figure(&result->figures[figure], stem, message, size, error);
	snprintf(part, sizeof part, "{ figure = %d }", figure);
	if (!status)
		cs_record_result(view->session, state->name, "result", stem, part);
	return status;
}

static void label_result(struct cs_view *view, char *text, size_t size)
{
	const struct result *state = view->state;
	const struct cs_result *result = result_of(view);
	int figure;

	if (part_count(result) > 0 && part_of(result, state->part, &figure) == PART_FIGURE)
		snprintf(text, size, "%s-%.60s", state->name, result->figures[figure].name);
	else
		snprintf(text, size, "%s", state->name);
}

static void close_result(struct cs_view *view)
{
	struct result *state = view->state;

	cs_grid_fini(&state->grid);
	cs_chart_fini(&state->chart);
	cs_reading_free(state->reading);
}

const struct cs_view_ops cs_view_result = {
	.name = "result",
	.context = CS_ON_RESULT,
	.size = sizeof(struct result),
	.open = open_result,
	.draw = draw_result,
	.act = act_result,
	.tick = tick_result,
	.find = find_result,
	.select = select_result,
	.point = point_result,
	.export = export_result,
	.label = label_result,
	.close = close_result,
	.wake = 1000,
};
