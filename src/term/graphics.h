/* graphics.h: pictures on a screen of characters.
 *
 * A view places pictures anew each time it draws; this file finds out what of that is already on the screen. Two back ends
 * stand behind a small table of functions: `symbols` writes characters into ncurses' own screen, `sixel` leaves a hole there
 * and sends pixels past ncurses once the text is out.
 *
 * The hole is made of marked cells, spaces with a colour pair of their own: ncurses thinks them blank but different from
 * ordinary blanks, so whatever replaces a picture also erases it. A picture of the same place and size is overwritten as it
 * stands; one of another size gets another mark, so that ncurses clears the cells first.
 *
 * Pictures are fenced: after each burst the terminal is asked for its attributes (DA1), and nothing more is sent until it
 * has answered, for a slow link hides its delay behind write(). What was replaced meanwhile is never sent.
 */
#ifndef CS_TERM_GRAPHICS_H
#define CS_TERM_GRAPHICS_H

#include "io/picture.h"
#include "term/probe.h"
#include "term/screen.h"

/* A rectangle of cells. */
struct cs_area {
	int row, column, rows, columns;
};

/* Where in its area a picture goes that does not fill it. */
enum cs_anchor { CS_ANCHOR_CENTRE, CS_ANCHOR_LEFT };

/* One picture of a frame. */
struct cs_placed {
	struct cs_area cells; /* what it covers */
	int width, height; /* in pixels, sixel only */
	uint64_t hash; /* of its contents */
	int mark; /* which mark its cells carry */
	bool shown; /* it is on the screen as it should be */
	struct cs_picture pixels; /* scaled, waiting to be sent; empty once it was */
};

struct cs_graphics;

/* A way of showing pictures. */
struct cs_graphics_ops {
	const char *name;

	/* Cells and pixels that a picture of width x height takes in `area` when it is as large as fits. */
	void (*fit)(const struct cs_graphics *graphics, struct cs_area area, int width, int height,
		struct cs_placed *placed);

	/* Put it into ncurses' screen (symbols), or the hole for it (sixel). */
	void (*draw)(struct cs_graphics *graphics, struct cs_placed *placed, const struct cs_picture *picture);

	/* Send what waits, after the text is out. NULL: nothing to send. */
	void (*send)(struct cs_graphics *graphics);
};

struct cs_graphics {
	const struct cs_graphics_ops *ops;
	struct cs_screen *screen;
	bool ascii;
	bool passthrough; /* what is sent goes wrapped through tmux */
	int cell_width, cell_height, most_width, most_height;
	struct cs_placed *now, *last; /* this frame's pictures, and the one before's */
	int now_count, now_room, last_count, last_room;
	uint8_t *marks; /* [rows,columns] the marks of the last frame, 0: none */
	int marks_rows, marks_columns;
	double fence; /* when the last question was asked; 0: no answer is due */
	size_t burst; /* bytes of the last burst */
	double rate; /* bytes a second the terminal was seen to take; 0: unknown */
	bool gone; /* writing failed */
};

extern const struct cs_graphics_ops cs_graphics_sixel, cs_graphics_symbols;

/* Symbols at first, until cs_graphics_choose() knows better. The screen is borrowed. */
enum cs_status cs_graphics_new(struct cs_screen *screen, struct cs_graphics **out, struct cs_error *error);
void cs_graphics_free(struct cs_graphics *graphics);

/* Take the protocol and the sizes from a probe. True when anything changed: everything is to be drawn again. */
bool cs_graphics_choose(struct cs_graphics *graphics, const struct cs_probe *probe);

/* A frame: begin, place, end. cs_graphics_end comes after ncurses' refresh(). */
void cs_graphics_begin(struct cs_graphics *graphics);
void cs_graphics_end(struct cs_graphics *graphics);

/* Show `picture` as large as fits into `area`, keeping its proportions: repeated pixels when it grows, area averages when it shrinks. Returns the
 * cells it covers, for captions. The last row of the screen is left alone. No text may be written over it in the same frame. */
struct cs_area cs_graphics_place(
	struct cs_graphics *graphics, struct cs_area area, enum cs_anchor anchor, const struct cs_picture *picture);

/* The pixels an area has (for drawing a figure to measure), capped as pictures are; symbols: two pixels a cell, one above the other. */
void cs_graphics_pixels(const struct cs_graphics *graphics, struct cs_area area, int *width, int *height);

/* Columns that are as wide as `rows` rows are high: for square tiles. */
int cs_graphics_columns(const struct cs_graphics *graphics, int rows);

/* True when pixels are shown, not symbols. */
bool cs_graphics_has_pixels(const struct cs_graphics *graphics);

/* Nothing that was shown is there any more (resize, endwin): send everything again. */
void cs_graphics_forget(struct cs_graphics *graphics);

/* Some picture waits to be sent; -1 when none does, else the milliseconds after which to try again. */
int cs_graphics_waiting(const struct cs_graphics *graphics);

/* The answer to the fence came. Returns false when none was due. */
bool cs_graphics_answered(struct cs_graphics *graphics);

#endif
