/* screen.h: text on the screen, in a few styles that mean something, clipped to its place, whatever characters and colours
 * the terminal has.
 *
 * Rows and columns count from 0 at the top left. Text is UTF-8; where the locale has no UTF-8 each character is written as
 * its nearest ASCII. Control characters in names from files are shown as '?', so that no file name can command the terminal.
 */
#ifndef CS_TERM_SCREEN_H
#define CS_TERM_SCREEN_H

#include "figure/colormap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cs_style {
	CS_STYLE_TEXT,
	CS_STYLE_TITLE, /* bold */
	CS_STYLE_DIM, /* what is there to be looked up, not to be read */
	CS_STYLE_KEY, /* a key to press */
	CS_STYLE_SELECT, /* where the cursor is */
	CS_STYLE_GOOD, /* running, right */
	CS_STYLE_WARN, /* silent, dead, replaced by something else */
	CS_STYLE_BAD, /* failed, wrong */
	CS_STYLE_COUNT,
};

struct cs_graphics;

struct cs_screen {
	int rows, columns;
	bool utf8;
	bool dark; /* light text on dark ground, as far as one knows */
	int colours; /* 0: none; 8, 16, 256; 1 << 24: direct */
	struct cs_graphics *graphics;
};

/* Learn what the terminal has; the size again after a resize. */
void cs_screen_init(struct cs_screen *screen, bool utf8, bool dark);
void cs_screen_measure(struct cs_screen *screen);

/* Write at (row, column), at most `width` columns (negative: to the right edge). Returns the columns used. Outside the screen nothing
 * is written. Text that is cut ends in an ellipsis. */
int cs_screen_put(struct cs_screen *screen, int row, int column, int width, enum cs_style style, const char *format,
	...) __attribute__((format(printf, 6, 7)));

/* The same, ending at `column` (exclusive); nothing where that would come too close to what stands there already. */
void cs_screen_put_right(struct cs_screen *screen, int row, int column, enum cs_style style, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* A sentence in lines of `width` columns, broken between words, from `row` to before `end`. Returns the rows used. */
int cs_screen_put_lines(
	struct cs_screen *screen, int row, int end, int column, int width, enum cs_style style, const char *text);

/* Columns a text takes. */
int cs_screen_width(const struct cs_screen *screen, const char *text);

/* Give `width` columns of a row a style, keeping their text: the cursor bar of lists. */
void cs_screen_shade(struct cs_screen *screen, int row, int column, int width, enum cs_style style);

/* A bar of `share` (0..1) of `width` columns, in eighths of a column where there is UTF-8. */
void cs_screen_bar(struct cs_screen *screen, int row, int column, int width, double share, enum cs_style style);

/* One character in a colour of its own; `ground` NULL: the terminal's. */
void cs_screen_cell(struct cs_screen *screen, int row, int column, uint32_t character, const struct cs_rgb *colour,
	const struct cs_rgb *ground, bool bold);

/* The terminal's nearest colour, and a colour pair; -1 stands for the terminal's own colour. */
int cs_screen_colour(const struct cs_screen *screen, struct cs_rgb colour);
int cs_screen_pair(const struct cs_screen *screen, int colour, int ground);

/* The character to write for `character` in this locale. */
uint32_t cs_screen_character(const struct cs_screen *screen, uint32_t character);

/* The next character of UTF-8 text; moves *text on. 0 at the end; broken bytes and control characters are '?'. */
uint32_t cs_utf8_next(const char **text);
/* Append one to text[size] at *length. */
void cs_utf8_put(char *text, size_t size, size_t *length, uint32_t character);

#endif
