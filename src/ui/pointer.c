/* pointer.c: see pointer.h. */
#include "ui/pointer.h"

enum { MOTION = 32, WHEEL = 64 };

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

bool cs_pointer_take(
	struct cs_spots *spots, int button, int row, int column, bool released, struct cs_pointer *pointer)
{
	*pointer = (struct cs_pointer){.row = row, .column = column};
	if (button & WHEEL) {
		pointer->kind = CS_POINTER_WHEEL;
		pointer->step = button & 1 ? 1 : -1;
		return (button & 3) < 2 && !released;
	}
	if (button & MOTION) {
		pointer->kind = CS_POINTER_DRAG;
		if (!spots->pressed)
			return false;
	} else if (released) {
		pointer->kind = CS_POINTER_RELEASE;
		if (!spots->pressed)
			return false;
		spots->pressed = false;
	} else if ((button & 3) == 0) {
		pointer->kind = CS_POINTER_PRESS;
		spots->pressed = true;
		spots->from_row = row;
		spots->from_column = column;
	} else {
		return false; /* the other buttons */
	}
	pointer->from_row = spots->from_row;
	pointer->from_column = spots->from_column;
	return true;
}
