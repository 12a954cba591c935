/* window.h: the part of a figure that is looked at, chosen with keys or with the mouse; and where in a figure the mouse is.
 *
 * Positions are shares of the whole figure: 0, 0 its left upper corner, 1, 1 the right lower one. Of curves the width alone counts.
 */
#ifndef CS_UI_WINDOW_H
#define CS_UI_WINDOW_H

#include "ui/chart.h"
#include "ui/keys.h"
#include "ui/pointer.h"

/* Zeroed: the whole figure. */
struct cs_window {
	double from[2], size[2]; /* along x and y; size 0: all of it */
	bool drawing; /* a part is being spanned with the mouse: */
	double corner[2]; /* it begins here */
};

bool cs_window_is_whole(const struct cs_window *window);
/* Where it begins and ends. */
void cs_window_get(const struct cs_window *window, double from[2], double to[2]);
/* Show what lies between two corners, in any order; the whole when that is nearly what it is. */
void cs_window_set(struct cs_window *window, const double a[2], const double b[2]);

/* Zoom keys and, while a part is shown, the cursor keys; false: not for the window. */
bool cs_window_act(struct cs_window *window, enum cs_action action);

/* The mouse over the figure: a drag spans the part to show, the wheel zooms about where it is. `at` is the place under the pointer, as
 * shares of what is shown. False: nothing changed. */
bool cs_window_point(struct cs_window *window, const struct cs_pointer *pointer, const double at[2]);

/* Where in the data area of the plot drawn last a cell is, as shares of what is shown (beyond 0 .. 1 outside of it). False: no plot
 * stands there. */
bool cs_chart_place(const struct cs_chart *chart, int row, int column, double at[2]);

#endif
