/* window.c: see window.h. */
#include "ui/window.h"

#include <math.h>

/* No part is smaller than this share of the whole. */
static const double least = 1.0 / 64;

bool cs_window_is_whole(const struct cs_window *window)
{
	return window->size[0] == 0;
}

void cs_window_get(const struct cs_window *window, double from[2], double to[2])
{
	bool whole = cs_window_is_whole(window);

	for (int k = 0; k < 2; k++) {
		from[k] = whole ? 0 : window->from[k];
		to[k] = whole ? 1 : window->from[k] + window->size[k];
	}
}

/* Of that size, about a centre, inside of the whole. */
static void put(struct cs_window *window, const double centre[2], const double size[2])
{
	bool whole = size[0] >= 0.98 && size[1] >= 0.98;

	for (int k = 0; k < 2; k++) {
		window->size[k] = whole ? 0 : fmin(1, fmax(least, size[k]));
		window->from[k] = whole ? 0 : fmin(1 - window->size[k], fmax(0, centre[k] - window->size[k] / 2));
	}
}

void cs_window_set(struct cs_window *window, const double a[2], const double b[2])
{
	double centre[2], size[2];

	for (int k = 0; k < 2; k++) {
		double low = fmax(0, fmin(a[k], b[k])), high = fmin(1, fmax(a[k], b[k]));

		centre[k] = (low + high) / 2;
		size[k] = fmax(0, high - low);
	}
	put(window, centre, size);
}

/* So that what lies at `about` stays where it is. */
static void zoom(struct cs_window *window, double factor, const double about[2])
{
	double from[2], to[2], centre[2], size[2];

	cs_window_get(window, from, to);
	for (int k = 0; k < 2; k++) {
		size[k] = fmin(1, fmax(least, (to[k] - from[k]) * factor));
		centre[k] = about[k] + ((from[k] + to[k]) / 2 - about[k]) * size[k] / (to[k] - from[k]);
	}
	put(window, centre, size);
}

bool cs_window_act(struct cs_window *window, enum cs_action action)
{
	double from[2], to[2], middle[2];
	int along = action == CS_ACTION_UP || action == CS_ACTION_DOWN;
	double step = action == CS_ACTION_LEFT || action == CS_ACTION_UP ? -0.25 : 0.25;

	cs_window_get(window, from, to);
	for (int k = 0; k < 2; k++)
		middle[k] = (from[k] + to[k]) / 2;
	switch (action) {
	case CS_ACTION_ZOOM_IN:
	case CS_ACTION_ZOOM_OUT:
		zoom(window, action == CS_ACTION_ZOOM_IN ? 0.5 : 2, middle);
		return true;
	case CS_ACTION_LEFT:
	case CS_ACTION_RIGHT:
	case CS_ACTION_UP:
	case CS_ACTION_DOWN:
		if (cs_window_is_whole(window))
			return false;
		middle[along] += step * window->size[along];
		put(window, middle, (double[2]){window->size[0], window->size[1]});
		return true;
	default:
		return false;
	}
}

bool cs_window_point(struct cs_window *window, const struct cs_pointer *pointer, const double at[2])
{
	double from[2], to[2], place[2];

	cs_window_get(window, from, to);
	for (int k = 0; k < 2; k++)
		place[k] = from[k] + fmin(1, fmax(0, at[k])) * (to[k] - from[k]);
	switch (pointer->kind) {
	case CS_POINTER_WHEEL:
		zoom(window, pointer->step < 0 ? 0.8 : 1.25, place);
		return true;
	case CS_POINTER_PRESS:
		window->drawing = true;
		window->corner[0] = place[0];
		window->corner[1] = place[1];
		return false;
	case CS_POINTER_RELEASE:
		if (!window->drawing)
			return false;
		window->drawing = false;
		if (pointer->column - pointer->from_column >= -1 && pointer->column - pointer->from_column <= 1)
			return false; /* a press that trembled */
		if (pointer->row == pointer->from_row) { /* along the width alone */
			window->corner[1] = from[1];
			place[1] = to[1];
		}
		cs_window_set(window, window->corner, place);
		return true;
	default:
		return false;
	}
}

bool cs_chart_place(const struct cs_chart *chart, int row, int column, double at[2])
{
	const struct cs_plot_frame *frame = &chart->frame;

	if (chart->area.columns < 1 || chart->area.rows < 1 || frame->right <= frame->left || frame->bottom <= frame->top)
		return false;
	at[0] = ((column + 0.5 - chart->area.column) / chart->area.columns - frame->left) / (frame->right - frame->left);
	at[1] = ((row + 0.5 - chart->area.row) / chart->area.rows - frame->top) / (frame->bottom - frame->top);
	return true;
}
