/* symbols.c: pictures as characters, by libchafa, into ncurses' own cells. See graphics.h.
 *
 * Half blocks only, where there is colour: finer ones look ragged in common fonts. Colours are those the terminal has: direct, 240 of 256
 * (the first sixteen are the user's), 8, or none; without UTF-8, letters.
 */
#include "term/symbols.h"
#include "term/graphics.h"

#include <chafa.h>
#include <curses.h>

static ChafaCanvasMode mode_of(int colours)
{
	if (colours >= 1 << 24)
		return CHAFA_CANVAS_MODE_TRUECOLOR;
	if (colours >= 256)
		return CHAFA_CANVAS_MODE_INDEXED_240;
	if (colours >= 8)
		return CHAFA_CANVAS_MODE_INDEXED_8;
	return CHAFA_CANVAS_MODE_FGBG;
}

ChafaCanvas *cs_symbols_canvas(const struct cs_picture *picture, int columns, int rows, int cell_width, int cell_height,
	int colours, bool ascii, bool dark)
{
	ChafaSymbolMap *map = chafa_symbol_map_new();
	ChafaCanvasConfig *config = chafa_canvas_config_new();
	ChafaCanvas *canvas;

	chafa_set_n_threads(1); /* threads are ours to start: these would take our signals */
	if (ascii)
		chafa_symbol_map_add_by_tags(map, CHAFA_SYMBOL_TAG_ASCII);
	else
		chafa_symbol_map_add_by_tags(map,
			(ChafaSymbolTags)(CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_SOLID | CHAFA_SYMBOL_TAG_HALF |
				(colours ? 0 : CHAFA_SYMBOL_TAG_QUAD | CHAFA_SYMBOL_TAG_STIPPLE)));
	chafa_canvas_config_set_symbol_map(config, map);
	chafa_canvas_config_set_geometry(config, columns, rows);
	chafa_canvas_config_set_cell_geometry(config, cell_width, cell_height);
	chafa_canvas_config_set_canvas_mode(config, mode_of(colours));
	chafa_canvas_config_set_work_factor(config, 0.5f);
	chafa_canvas_config_set_fg_color(config, dark ? 0xffffff : 0x000000);
	chafa_canvas_config_set_bg_color(config, dark ? 0x000000 : 0xffffff);
	if (colours < 256) /* few colours: dots stand for those between */
		chafa_canvas_config_set_dither_mode(config, CHAFA_DITHER_MODE_ORDERED);
	canvas = chafa_canvas_new(config);
	chafa_canvas_draw_all_pixels(
		canvas, CHAFA_PIXEL_RGB8, picture->rgb, picture->width, picture->height, picture->width * 3);
	chafa_canvas_config_unref(config);
	chafa_symbol_map_unref(map);
	return canvas;
}

void cs_symbols_size(int most_columns, int most_rows, int cell_width, int cell_height, int width, int height,
	int *columns, int *rows)
{
	int64_t wide = (int64_t)most_columns * cell_width, high = (int64_t)most_rows * cell_height;

	if (wide * height <= high * width) {
		*columns = most_columns;
		*rows = (int)((height * wide + (int64_t)width * cell_height / 2) / ((int64_t)width * cell_height));
	} else {
		*rows = most_rows;
		*columns = (int)((width * high + (int64_t)height * cell_width / 2) / ((int64_t)height * cell_width));
	}
	*columns = *columns < 1 ? 1 : *columns > most_columns ? most_columns : *columns;
	*rows = *rows < 1 ? 1 : *rows > most_rows ? most_rows : *rows;
}

static void symbols_fit(
	const struct cs_graphics *graphics, struct cs_area area, int width, int height, struct cs_placed *placed)
{
	cs_symbols_size(area.columns, area.rows, graphics->cell_width, graphics->cell_height, width, height,
		&placed->cells.columns, &placed->cells.rows);
	placed->width = placed->cells.columns;
	placed->height = placed->cells.rows;
}

/* chafa's colour, a pen of the palette or packed RGB, as ncurses counts them; -1: the terminal's own. */
static int colour_of(const struct cs_screen *screen, int raw)
{
	if (raw < 0 || screen->colours == 0)
		return -1;
	if (screen->colours >= 1 << 24)
		return cs_screen_colour(
			screen, (struct cs_rgb){(uint8_t)(raw >> 16), (uint8_t)(raw >> 8), (uint8_t)raw});
	return raw;
}

static void symbols_draw(struct cs_graphics *graphics, struct cs_placed *placed, const struct cs_picture *picture)
{
	const struct cs_screen *screen = graphics->screen;
	ChafaCanvas *canvas = cs_symbols_canvas(picture, placed->cells.columns, placed->cells.rows,
		graphics->cell_width, graphics->cell_height, screen->colours, graphics->ascii, screen->dark);

	for (int row = 0; row < placed->cells.rows; row++) {
		for (int column = 0; column < placed->cells.columns; column++) {
			gunichar character = chafa_canvas_get_char_at(canvas, column, row);
			wchar_t text[2] = {(wchar_t)(character ? character : ' '), 0};
			cchar_t cell;
			int colour, ground, pair;

			chafa_canvas_get_raw_colors_at(canvas, column, row, &colour, &ground);
			pair = cs_screen_pair(screen, colour_of(screen, colour), colour_of(screen, ground));
			if (setcchar(&cell, text, A_NORMAL, 0, &pair) == OK)
				mvadd_wch(placed->cells.row + row, placed->cells.column + column, &cell);
		}
	}
	chafa_canvas_unref(canvas);
	placed->shown = true;
}

const struct cs_graphics_ops cs_graphics_symbols = {
	.name = "symbols",
	.fit = symbols_fit,
	.draw = symbols_draw,
};
