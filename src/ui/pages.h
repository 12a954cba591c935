/* pages.h: many tiles, a page of them at a time, with a cursor: how large they are, which are on the page, where the keys take the cursor. */
#ifndef CS_UI_PAGES_H
#define CS_UI_PAGES_H

#include "term/graphics.h"
#include "ui/keys.h"

enum { CS_PAGES_GAP = 2 }; /* columns between two tiles; below each is a row of text */

/* Where tiles go: from column 1, below what stands in `head` rows. */
struct cs_pages_room {
	const struct cs_graphics *graphics;
	int head, rows, columns;
	int least_columns; /* of a tile, for the text below it */
};

/* Set count, and across and down to 1; the rest zeroed at first. */
struct cs_pages {
	int64_t count, cursor;
	int across, down; /* tiles of a page as fitted last */
};

/* Rows of a comfortable tile, about eighty pixels or five rows of symbols, and `zoom` times two more. */
int cs_pages_rows(const struct cs_graphics *graphics, int zoom);

/* Tiles of `rows` rows, as many as the room takes; returns the columns of one. */
int cs_pages_fit(struct cs_pages *pages, const struct cs_pages_room *room, int rows);

/* The most rows, from `rows` up, with which all are on one page; `rows` where they are not. */
int cs_pages_grow(const struct cs_pages *pages, const struct cs_pages_room *room, int rows);

/* Which page, from 0, the cursor is on, and how many pages there are. */
int cs_pages_number(const struct cs_pages *pages);
int cs_pages_total(const struct cs_pages *pages);

/* Of the page with the cursor: its first tile, and how many there are on it. */
int64_t cs_pages_first(const struct cs_pages *pages);
int cs_pages_shown(const struct cs_pages *pages);

/* Of the tile at this place on the page, `rows` by `columns` as fitted; its text is in the row below. */
struct cs_area cs_pages_area(
	const struct cs_pages *pages, const struct cs_pages_room *room, int place, int rows, int columns);

/* Arrows, pages, home and end. False: no such key. */
bool cs_pages_move(struct cs_pages *pages, enum cs_action action);

#endif
