/* mosaic.c: see mosaic.h. */
#include "ui/mosaic.h"

#include "figure/montage.h"
#include "ui/legend.h"
#include "ui/words.h"

#include <math.h>
#include <string.h>

enum { COMFORTABLE = 64, SYMBOL_ROWS = 6, GAP = 1, NUMBERS_FROM = 4, ZOOM = 8 };

/* Rows of a tile: about so many pixels, or rows of symbols, changed by the zoom. */
static int tile_rows(const struct cs_session *session, const struct cs_mosaic *mosaic, int available)
{
	const struct cs_graphics *graphics = session->graphics;
	int rows = cs_graphics_has_pixels(graphics) ? (COMFORTABLE + graphics->cell_height - 1) / graphics->cell_height
						    : SYMBOL_ROWS;

	rows += 2 * mosaic->zoom;
	rows = rows > available - 1 ? available - 1 : rows;
	return rows < 2 ? 2 : rows;
}

static struct cs_tensor tile_of(const struct cs_tensor *numbers, int64_t i)
{
	const int64_t *dim = numbers->shape.dim;

	return cs_tensor_view(numbers->data + i * dim[1] * dim[2] * dim[3], CS_SHAPE(dim[1], dim[2], dim[3]));
}

static float limit_of(const struct cs_tensor *numbers)
{
	struct cs_range range = cs_tensor_range(numbers);

	return fmaxf(fabsf(range.min), fabsf(range.max));
}

static void show_scale(struct cs_session *session, const struct cs_tensor *numbers, float low, float high, float limit,
	struct cs_area area)
{
	struct cs_screen *screen = &session->screen;
	int row = area.row + area.rows - 1, used = 0;
	char a[40], b[40];

	if (session->shared) {
		if (numbers->shape.dim[3] == 3)
			used = cs_screen_put(screen, row, area.column, area.columns, CS_STYLE_DIM,
				"one scale: grey is 0, full colour ±%s", cs_words_value((double)limit, a, sizeof a));
		else
			used = cs_legend_show(session, row, area.column, area.columns, cs_colormap_find("diverging"),
				-(double)limit, (double)limit);
		return;
	}
	(void)used;
	cs_screen_put(screen, row, area.column, area.columns, CS_STYLE_DIM, "each on its own scale, ±%s to ±%s",
		cs_words_value((double)low, a, sizeof a), cs_words_value((double)high, b, sizeof b));
}

void cs_mosaic_show(struct cs_session *session, const struct cs_tensor *numbers, int columns, struct cs_area area,
	struct cs_mosaic *mosaic)
{
	int64_t count = numbers->shape.dim[0];
	int rows = tile_rows(session, mosaic, area.rows - 1), wide = cs_graphics_columns(session->graphics, rows);
	float limit = limit_of(numbers), low = INFINITY, high = 0;
	struct cs_screen *screen = &session->screen;

	if (area.rows < 4 || area.columns < 6)
		return;
	wide = wide * (int)numbers->shape.dim[2] / (int)(numbers->shape.dim[1] ? numbers->shape.dim[1] : 1);
	wide = wide < 2 ? 2 : wide > area.columns ? area.columns : wide;
	mosaic->across = (area.columns + GAP) / (wide + GAP);
	mosaic->across = mosaic->across < 1 ? 1 : mosaic->across;
	if (columns > 0 && columns < mosaic->across)
		mosaic->across = columns;
	mosaic->down = (area.rows - 1) / (rows + 1) < 1 ? 1 : (area.rows - 1) / (rows + 1);
	mosaic->rows = (count + mosaic->across - 1) / mosaic->across;
	if (mosaic->first > mosaic->rows - mosaic->down)
		mosaic->first = mosaic->rows - mosaic->down;
	mosaic->first = mosaic->first < 0 ? 0 : mosaic->first;
	for (int place = 0; place < mosaic->across * mosaic->down; place++) {
		int64_t i = mosaic->first * mosaic->across + place;
		struct cs_area at = {area.row + place / mosaic->across * (rows + 1),
			area.column + place % mosaic->across * (wide + GAP), rows, wide};
		struct cs_scale scale = {.kind = session->shared ? CS_SCALE_FIXED : CS_SCALE_OWN, .limit = limit};
		struct cs_picture picture = {0};
		struct cs_tensor tile;
		char text[40];
		float used = 0;

		if (i >= count)
			break;
		tile = tile_of(numbers, i);
		if (session->shared && limit == 0)
			scale.kind = CS_SCALE_OWN;
		if (cs_montage_image(&tile, scale, cs_colormap_find("diverging"), &picture, &used, NULL))
			continue;
		cs_graphics_place(session->graphics, at, CS_ANCHOR_LEFT, &picture);
		cs_picture_fini(&picture);
		low = fminf(low, used);
		high = fmaxf(high, used);
		if (!session->shared && wide >= NUMBERS_FROM)
			cs_screen_put(screen, at.row + rows, at.column, wide, CS_STYLE_DIM, "%s%s", wide > 5 ? "±" : "",
				cs_words_value_in((double)used, wide > 5 ? wide - 1 : wide, text, sizeof text));
	}
	show_scale(session, numbers, low, high, limit, area);
	if (mosaic->rows > mosaic->down)
		cs_screen_put_right(screen, area.row + area.rows - 1, area.column + area.columns, CS_STYLE_DIM,
			"rows %lld-%lld of %lld", (long long)mosaic->first,
			(long long)(mosaic->first + mosaic->down - 1), (long long)mosaic->rows);
}

bool cs_mosaic_act(struct cs_mosaic *mosaic, enum cs_action action)
{
	switch (action) {
	case CS_ACTION_UP:
		mosaic->first--;
		break;
	case CS_ACTION_DOWN:
		mosaic->first++;
		break;
	case CS_ACTION_PAGE_UP:
		mosaic->first -= mosaic->down;
		break;
	case CS_ACTION_PAGE_DOWN:
		mosaic->first += mosaic->down;
		break;
	case CS_ACTION_HOME:
		mosaic->first = 0;
		break;
	case CS_ACTION_END:
		mosaic->first = mosaic->rows;
		break;
	case CS_ACTION_ZOOM_IN:
		mosaic->zoom += mosaic->zoom < ZOOM;
		break;
	case CS_ACTION_ZOOM_OUT:
		mosaic->zoom -= mosaic->zoom > -2;
		break;
	default:
		return false;
	}
	mosaic->first = mosaic->first > mosaic->rows - 1 ? mosaic->rows - 1 : mosaic->first;
	mosaic->first = mosaic->first < 0 ? 0 : mosaic->first;
	return true;
}
