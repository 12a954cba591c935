/* pointer.h: the mouse, where there is one. What a screen draws it also names as spots, so that a press finds what it hit.
 *
 * Nothing here is needed: a terminal that sends no mouse events has keys for everything.
 */
#ifndef CS_UI_POINTER_H
#define CS_UI_POINTER_H

#include "term/graphics.h"

enum cs_pointer_kind { CS_POINTER_PRESS, CS_POINTER_DRAG, CS_POINTER_RELEASE, CS_POINTER_WHEEL };

struct cs_pointer {
	enum cs_pointer_kind kind;
	int row, column;
	int step; /* of the wheel: -1 away from the person, 1 towards them */
	int from_row, from_column; /* DRAG, RELEASE: where the button went down */
};

/* What a spot is. */
enum cs_spot_kind {
	CS_SPOT_ITEM, /* a row of a list or a tile of a page: `index` is which */
	CS_SPOT_PLOT, /* a figure: the view's own */
	CS_SPOT_PICTURE, /* an image under which there is a cursor: the view's own */
	CS_SPOT_KEY, /* a key that is named on the screen */
	CS_SPOT_HEAD, /* the head of a column: the view's own */
};

struct cs_spot {
	struct cs_area area;
	enum cs_spot_kind kind;
	int64_t index;
};

enum { CS_SPOTS = 1024 };

/* The spots of the frame on the screen. */
struct cs_spots {
	struct cs_spot spots[CS_SPOTS];
	int count;
	bool pressed; /* the button is down since: */
	int from_row, from_column;
};

void cs_spots_clear(struct cs_spots *spots);
void cs_spots_add(struct cs_spots *spots, struct cs_area area, enum cs_spot_kind kind, int64_t index);
/* The latest one at a cell; NULL: none. */
const struct cs_spot *cs_spots_at(const struct cs_spots *spots, int row, int column);

/* The event of a terminal's report: `button` with xterm's bits, row and column from 0. False when it says nothing to us. */
bool cs_pointer_take(
	struct cs_spots *spots, int button, int row, int column, bool released, struct cs_pointer *pointer);

#endif
