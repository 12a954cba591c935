/* screen.c: text into ncurses cells. See screen.h. */
#include "term/screen.h"

#include <curses.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* What to write where there is no UTF-8. */
static const struct {
	uint32_t from;
	char to;
} plain[] = {
	{0x00b7, '-'},
	{0x00d7, 'x'},
	{0x2013, '-'},
	{0x2014, '-'},
	{0x2018, '\''},
	{0x2019, '\''},
	{0x201c, '"'},
	{0x201d, '"'},
	{0x2026, '~'},
	{0x2190, '<'},
	{0x2191, '^'},
	{0x2192, '>'},
	{0x2193, 'v'},
	{0x2212, '-'},
	{0x2500, '-'},
	{0x2502, '|'},
	{0x250a, '|'},
	{0x251c, '|'},
	{0x2524, '|'},
	{0x253c, '+'},
	{0x2588, '#'},
	{0x2591, '.'},
	{0x2592, ':'},
	{0x2593, '#'},
	{0x25b4, '^'},
	{0x25b8, '>'},
	{0x25be, 'v'},
	{0x25cf, '*'},
	{0x25cb, 'o'},
	{0x2713, '+'},
	{0x2717, 'x'},
	{0x2248, '~'},
	{0x2265, '>'},
	{0x2264, '<'},
};

void cs_screen_init(struct cs_screen *screen, bool utf8, bool dark)
{
	screen->utf8 = utf8;
	screen->dark = dark;
	screen->colours = 0;
	if (has_colors() && !getenv("NO_COLOR")) {
		screen->colours = COLORS;
		if (tigetflag("RGB") > 0 || COLORS > 256)
			screen->colours = 1 << 24;
		if (screen->colours < 8 || COLOR_PAIRS < 16)
			screen->colours = 0;
	}
	cs_screen_measure(screen);
}

void cs_screen_measure(struct cs_screen *screen)
{
	getmaxyx(stdscr, screen->rows, screen->columns);
}

uint32_t cs_screen_character(const struct cs_screen *screen, uint32_t character)
{
	if (character < 0x20 || (character >= 0x7f && character < 0xa0))
		return '?';
	if (screen->utf8 || character < 0x7f)
		return wcwidth((wchar_t)character) < 0 ? '?' : character;
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		if (plain[i].from == character)
			return (uint32_t)plain[i].to;
	}
	if (character >= 0x2581 && character <= 0x258f) /* eighths of a bar */
		return '#';
	if (character >= 0x2800 && character <= 0x28ff)
		return '*';
	return '?';
}

uint32_t cs_utf8_next(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	int more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc2 ? 1 : 0;
	uint32_t character = *at;

	if (!*at)
		return 0;
	(*text)++;
	if (*at < 0x80)
		return *at < 0x20 || *at == 0x7f ? '?' : *at;
	if (!more || *at > 0xf4)
		return '?';
	character &= 0x3fu >> more;
	for (int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return '?';
		character = character << 6 | (at[i] & 0x3f);
	}
	*text += more;
	if ((character >= 0x80 && character < 0xa0) || (more > 1 && character < (more == 2 ? 0x800u : 0x10000u)) ||
		(character >= 0xd800 && character < 0xe000) || character > 0x10ffff)
		return '?';
	return character;
}

void cs_utf8_put(char *text, size_t size, size_t *length, uint32_t character)
{
	unsigned char bytes[4];
	size_t count = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

	if (*length + count >= size)
		return;
	if (count == 1)
		bytes[0] = (unsigned char)character;
	for (size_t i = count; count > 1 && i-- > 0; character >>= 6)
		bytes[i] = (unsigned char)(i ? 0x80 | (character & 0x3f) : (0xf00u >> count & 0xff) | character);
	memcpy(text + *length, bytes, count);
	*length += count;
	text[*length] = '\0';
}

int cs_screen_pair(const struct cs_screen *screen, int colour, int ground)
{
	int pair;

	if (screen->colours == 0 || (colour < 0 && ground < 0))
		return 0;
	pair = alloc_pair(colour, ground);
	return pair < 0 ? 0 : pair;
}

/* The 6x6x6 cube and the grey ramp of 256 colours, which no user redefines. */
static int nearest_256(struct cs_rgb c)
{
	static const int level[] = {0, 95, 135, 175, 215, 255};
	const int channel[] = {c.r, c.g, c.b};
	int at[3], far = 0, grey, far_grey = 0;

	for (int k = 0; k < 3; k++) {
		at[k] = 0;
		for (int i = 1; i < 6; i++) {
			if (abs(level[i] - channel[k]) < abs(level[at[k]] - channel[k]))
				at[k] = i;
		}
		far += (level[at[k]] - channel[k]) * (level[at[k]] - channel[k]);
	}
	grey = ((c.r + c.g + c.b) / 3 - 3) / 10;
	grey = grey < 0 ? 0 : grey > 23 ? 23 : grey;
	for (int k = 0; k < 3; k++)
		far_grey += (8 + 10 * grey - channel[k]) * (8 + 10 * grey - channel[k]);
	return far_grey < far ? 232 + grey : 16 + 36 * at[0] + 6 * at[1] + at[2];
}

int cs_screen_colour(const struct cs_screen *screen, struct cs_rgb c)
{
	int high = c.r > c.g ? c.r : c.g, low = c.r < c.g ? c.r : c.g;

	if (screen->colours >= 1 << 24) {
		int packed = c.r << 16 | c.g << 8 | c.b;

		return packed < 8 ? 16 : packed; /* the first eight are the ANSI colours */
	}
	if (screen->colours >= 256)
		return nearest_256(c);
	high = high > c.b ? high : c.b;
	low = low < c.b ? low : c.b;
	if (high - low < 48)
		return high > 96 ? -1 : COLOR_BLACK;
	return (c.r > (high + low) / 2 ? COLOR_RED : 0) | (c.g > (high + low) / 2 ? COLOR_GREEN : 0) |
		(c.b > (high + low) / 2 ? COLOR_BLUE : 0);
}

static void style_of(const struct cs_screen *screen, enum cs_style style, attr_t *attributes, int *pair)
{
	static const struct {
		attr_t attributes;
		attr_t without; /* where there is no colour */
		int colour;
	} styles[CS_STYLE_COUNT] = {
		[CS_STYLE_TEXT] = {A_NORMAL, A_NORMAL, -1},
		[CS_STYLE_TITLE] = {A_BOLD, A_BOLD, -1},
		[CS_STYLE_DIM] = {A_DIM, A_NORMAL, -1},
		[CS_STYLE_KEY] = {A_BOLD, A_BOLD, COLOR_CYAN},
		[CS_STYLE_SELECT] = {A_REVERSE, A_REVERSE, -1},
		[CS_STYLE_GOOD] = {A_NORMAL, A_BOLD, COLOR_GREEN},
		[CS_STYLE_WARN] = {A_NORMAL, A_UNDERLINE, COLOR_YELLOW},
		[CS_STYLE_BAD] = {A_BOLD, A_REVERSE, COLOR_RED},
	};
	int colour = styles[style].colour;

	*attributes = screen->colours ? styles[style].attributes : styles[style].without;
	if (style == CS_STYLE_KEY && !screen->dark)
		colour = COLOR_BLUE;
	if (style == CS_STYLE_WARN && !screen->dark)
		colour = COLOR_MAGENTA; /* yellow on white cannot be read */
	*pair = cs_screen_pair(screen, colour, -1);
}

static void put_character(int row, int column, uint32_t character, attr_t attributes, int pair)
{
	wchar_t text[2] = {(wchar_t)character, 0};
	cchar_t cell;

	if (setcchar(&cell, text, attributes, 0, &pair) == OK)
		mvadd_wch(row, column, &cell);
}

static int columns_of(uint32_t character)
{
	int width = character < 0x7f ? 1 : wcwidth((wchar_t)character);

	return width < 0 ? 1 : width;
}

/* "+-" for a plus-minus sign where there is no UTF-8: both are two bytes. */
static void spell_out(const struct cs_screen *screen, char *text)
{
	for (char *at = text; !screen->utf8 && (at = strstr(at, "±")); at += 2)
		memcpy(at, "+-", 2);
}

int cs_screen_width(const struct cs_screen *screen, const char *text)
{
	uint32_t character;
	int width = 0;

	while ((character = cs_utf8_next(&text)) != 0)
		width += !screen->utf8 && character == 0x00b1 ? 2 : columns_of(cs_screen_character(screen, character));
	return width;
}

static int put_text(struct cs_screen *screen, int row, int column, int width, enum cs_style style, const char *text)
{
	int room = screen->columns - column, used = 0, need = cs_screen_width(screen, text), pair;
	attr_t attributes;
	uint32_t character;

	if (row < 0 || row >= screen->rows || column < 0 || room <= 0)
		return 0;
	if (width < 0 || width > room)
		width = room;
	style_of(screen, style, &attributes, &pair);
	while ((character = cs_utf8_next(&text)) != 0) {
		uint32_t shown = cs_screen_character(screen, character);
		int wide = columns_of(shown);

		if (wide == 0)
			continue;
		if (need > width && used + wide > width - 1) {
			if (used < width)
				put_character(
					row, column + used++, cs_screen_character(screen, 0x2026), attributes, pair);
			break;
		}
		put_character(row, column + used, shown, attributes, pair);
		used += wide;
	}
	return used;
}

int cs_screen_put(
	struct cs_screen *screen, int row, int column, int width, enum cs_style style, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	spell_out(screen, text);
	return put_text(screen, row, column, width, style, text);
}

/* Blank so far? What lies left of the screen counts as blank. */
static bool is_free(const struct cs_screen *screen, int row, int column, int width)
{
	cchar_t cell;

	for (int i = column < 0 ? 0 : column; i < column + width && i < screen->columns; i++) {
		wchar_t text[CCHARW_MAX + 1];
		attr_t attributes;
		short pair;

		if (mvin_wch(row, i, &cell) != OK || getcchar(&cell, text, &attributes, &pair, NULL) != OK ||
			text[0] != L' ')
			return false;
	}
	return true;
}

void cs_screen_put_right(struct cs_screen *screen, int row, int column, enum cs_style style, const char *format, ...)
{
	char text[1024];
	va_list args;
	int width;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	spell_out(screen, text);
	width = cs_screen_width(screen, text);
	if (width <= column && is_free(screen, row, column - width - 1, width + 1))
		put_text(screen, row, column - width, width, style, text);
}

void cs_screen_shade(struct cs_screen *screen, int row, int column, int width, enum cs_style style)
{
	attr_t attributes;
	int pair;

	if (row < 0 || row >= screen->rows || column >= screen->columns || width <= 0)
		return;
	style_of(screen, style, &attributes, &pair);
	mvchgat(row, column, width, attributes, (short)pair, &pair);
}

void cs_screen_bar(struct cs_screen *screen, int row, int column, int width, double share, enum cs_style style)
{
	int eighths = (int)(share * width * 8 + 0.5), pair;
	attr_t attributes;

	if (row < 0 || row >= screen->rows || !(share > 0))
		return;
	eighths = eighths > width * 8 ? width * 8 : eighths == 0 ? 1 : eighths;
	style_of(screen, style, &attributes, &pair);
	for (int i = 0; i * 8 < eighths && column + i < screen->columns; i++) {
		int part = eighths - i * 8 < 8 ? eighths - i * 8 : 8;

		if (!screen->utf8 && part < 4)
			break;
		put_character(row, column + i, cs_screen_character(screen, 0x2590u - (uint32_t)part), attributes, pair);
	}
}

void cs_screen_cell(struct cs_screen *screen, int row, int column, uint32_t character, const struct cs_rgb *colour,
	const struct cs_rgb *ground, bool bold)
{
	int pair;

	if (row < 0 || row >= screen->rows || column < 0 || column >= screen->columns)
		return;
	pair = cs_screen_pair(screen, colour ? cs_screen_colour(screen, *colour) : -1,
		ground ? cs_screen_colour(screen, *ground) : -1);
	put_character(row, column, cs_screen_character(screen, character), bold ? A_BOLD : A_NORMAL, pair);
}

int cs_screen_put_lines(
	struct cs_screen *screen, int row, int end, int column, int width, enum cs_style style, const char *text)
{
	int from = row;

	while (*text && row < end) {
		size_t length = strlen(text), cut = 0;
		char line[512];
		const char *at = text;
		int columns = 0;

		while (*at && columns < width) {
			const char *before = at;

			if (*before == ' ')
				cut = (size_t)(before - text);
			cs_utf8_next(&at);
			columns++;
		}
		if (!*at)
			cut = length;
		else if (cut == 0)
			cut = (size_t)(at - text);
		snprintf(line, sizeof line, "%.*s", (int)(cut < sizeof line ? cut : sizeof line - 1), text);
		cs_screen_put(screen, row++, column, width, style, "%s", line);
		text += cut;
		while (*text == ' ')
			text++;
	}
	return row - from;
}
