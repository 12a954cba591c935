/* pages.c: see pages.h. */
#include "ui/pages.h"

enum { COMFORTABLE = 80, SYMBOL_ROWS = 5 };

int cs_pages_rows(const struct cs_graphics *graphics, int zoom)
{
	int rows = cs_graphics_has_pixels(graphics) ? (COMFORTABLE + graphics->cell_height / 2) / graphics->cell_height
						    : SYMBOL_ROWS;

	return rows + 2 * zoom;
}

int cs_pages_fit(struct cs_pages *pages, const struct cs_pages_room *room, int rows)
{
	int columns = cs_graphics_columns(room->graphics, rows);

	columns = columns < room->least_columns ? room->least_columns : columns;
	pages->across = (room->columns + CS_PAGES_GAP) / (columns + CS_PAGES_GAP);
	pages->across = pages->across < 1 ? 1 : pages->across;
	pages->down = room->rows / (rows + 1) < 1 ? 1 : room->rows / (rows + 1);
	return columns;
}

int cs_pages_grow(const struct cs_pages *pages, const struct cs_pages_room *room, int rows)
{
	struct cs_pages tried = *pages;
	int best = rows;

	for (int more = rows + 1; more < room->rows; more++) {
		cs_pages_fit(&tried, room, more);
		if ((int64_t)tried.across * tried.down >= tried.count)
			best = more;
	}
	return best;
}

static int64_t page_of(const struct cs_pages *pages)
{
	return (int64_t)pages->across * pages->down;
}

int cs_pages_number(const struct cs_pages *pages)
{
	return (int)(pages->cursor / page_of(pages));
}

int cs_pages_total(const struct cs_pages *pages)
{
	return (int)((pages->count + page_of(pages) - 1) / page_of(pages));
}

int64_t cs_pages_first(const struct cs_pages *pages)
{
	return cs_pages_number(pages) * page_of(pages);
}

int cs_pages_shown(const struct cs_pages *pages)
{
	int64_t left = pages->count - cs_pages_first(pages);

	return (int)(left < page_of(pages) ? left : page_of(pages));
}

struct cs_area cs_pages_area(
	const struct cs_pages *pages, const struct cs_pages_room *room, int place, int rows, int columns)
{
	return (struct cs_area){room->head + place / pages->across * (rows + 1),
		1 + place % pages->across * (columns + CS_PAGES_GAP), rows, columns};
}

bool cs_pages_move(struct cs_pages *pages, enum cs_action action)
{
	int64_t to = pages->cursor;

	switch (action) {
	case CS_ACTION_LEFT:
		to--;
		break;
	case CS_ACTION_RIGHT:
		to++;
		break;
	case CS_ACTION_UP:
		to -= pages->across;
		break;
	case CS_ACTION_DOWN:
		to += pages->across;
		break;
	case CS_ACTION_PAGE_UP:
		to -= page_of(pages);
		break;
	case CS_ACTION_PAGE_DOWN:
		to += page_of(pages);
		break;
	case CS_ACTION_HOME:
		to = 0;
		break;
	case CS_ACTION_END:
		to = pages->count - 1;
		break;
	default:
		return false;
	}
	if (to < 0)
		to = action == CS_ACTION_PAGE_UP ? 0 : pages->cursor;
	if (to >= pages->count)
		to = action == CS_ACTION_PAGE_DOWN || action == CS_ACTION_DOWN ? pages->count - 1 : pages->cursor;
	pages->cursor = to < 0 ? 0 : to;
	return true;
}
