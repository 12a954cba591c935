/* plot_cells_put.c: characters and texts in the cells of a plot. See plot_cells.h. */
#include "figure/plot_cells.h"

#include <math.h>

const struct cs_rgb cs_cells_grey = {138, 138, 138};

/* One UTF-8 character; *text moves on. Broken bytes show as '?'. */
static uint32_t next_character(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	int more = at[0] < 0x80 ? 0 : at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc0 ? 1 : -1;
	uint32_t character = more == 0 ? at[0] : more == 1 ? at[0] & 0x1f : more == 2 ? at[0] & 0x0f : at[0] & 0x07;

	if (more < 0) {
		*text += 1;
		return '?';
	}
	for (int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			*text += i;
			return '?';
		}
		character = character << 6 | (at[i] & 0x3f);
	}
	*text += more + 1;
	return character;
}

int cs_cells_length(const char *text)
{
	int length = 0;

	while (*text) {
		next_character(&text);
		length++;
	}
	return length;
}

struct cs_cell *cs_cells_at(const struct cs_cell_screen *screen, int column, int row)
{
	if (column < 0 || row < 0 || column >= screen->columns || row >= screen->rows)
		return NULL;
	return &screen->cells[(size_t)row * (size_t)screen->columns + (size_t)column];
}

void cs_cells_put(const struct cs_cell_screen *screen, int column, int row, uint32_t character, struct cs_rgb colour)
{
	struct cs_cell *cell = cs_cells_at(screen, column, row);

	if (cell)
		*cell = (struct cs_cell){
			.character = screen->ascii && character > 126 ? '?' : character, .colour = colour};
}

int cs_cells_put_text(const struct cs_cell_screen *screen, int column, int row, int end, const char *text,
	struct cs_rgb colour, bool bold)
{
	while (*text && column < end) {
		struct cs_cell *cell;

		cs_cells_put(screen, column, row, next_character(&text), colour);
		cell = cs_cells_at(screen, column, row);
		if (cell)
			cell->bold = bold;
		column++;
	}
	return column;
}

int cs_cells_row(const struct cs_cell_screen *screen, double fraction)
{
	int row = screen->bottom - 1 - (int)floor(fraction * (screen->bottom - screen->top));

	return row < screen->top ? screen->top : row >= screen->bottom ? screen->bottom - 1 : row;
}

int cs_cells_column(const struct cs_cell_screen *screen, double fraction)
{
	int column = screen->left + (int)floor(fraction * (screen->right - screen->left));

	return column >= screen->right ? screen->right - 1 : column < screen->left ? screen->left : column;
}
