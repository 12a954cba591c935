/* pointer.c: see pointer.h. */
#include "ui/pointer.h"

#include <curses.h>

void cs_spots_clear(struct cs_spots *spots)
{
	spots->count = 0;
}

void cs_spots_add(struct cs_spots *spots, struct cs_area area, enum cs_spot_kind kind, int64_t index)
{
	if (spots->count < CS_SPOTS && area.rows > 0 && area.columns > 0)
		spots->spots[spots->count++] = (struct cs_spot){area, kind, index};
}

const struct cs_spot *cs_spots_at(const struct cs_spots *spots, int row, int column)
{
	for (int i = spots->count - 1; i >= 0; i--) {
		struct cs_area area = spots->spots[i].area;

		if (row >= area.row && row < area.row + area.rows && column >= area.column &&
			column < area.column + area.columns)
			return &spots->spots[i];
	}
	return NULL;
}

bool cs_pointer_read(struct cs_spots *spots, struct cs_pointer *pointer)
{
	MEVENT event;

	if (getmouse(&event) != OK)
		return false;
	*pointer = (struct cs_pointer){.row = event.y, .column = event.x};
	if (event.bstate & (BUTTON4_PRESSED | BUTTON5_PRESSED)) {
		pointer->kind = CS_POINTER_WHEEL;
		pointer->step = event.bstate & BUTTON4_PRESSED ? -1 : 1;
		return true;
	}
	if (event.bstate & BUTTON1_PRESSED) {
		pointer->kind = CS_POINTER_PRESS;
		spots->pressed = true;
		spots->from_row = event.y;
		spots->from_column = event.x;
	} else if (event.bstate & BUTTON1_RELEASED) {
		pointer->kind = CS_POINTER_RELEASE;
		if (!spots->pressed)
			return false;
		spots->pressed = false;
	} else if ((event.bstate & REPORT_MOUSE_POSITION) && spots->pressed) {
		pointer->kind = CS_POINTER_DRAG;
	} else {
		return false;
	}
	pointer->from_row = spots->from_row;
	pointer->from_column = spots->from_column;
	return true;
}
