/* table.c: see table.h. */
#include "ui/table.h"

#include <string.h>

void cs_table_settle(struct cs_table *table, int page)
{
	page = page < 1 ? 1 : page;
	if (table->cursor >= table->count)
		table->cursor = table->count - 1;
	if (table->cursor < 0)
		table->cursor = table->count ? 0 : -1;
	if (table->top > table->cursor)
		table->top = table->cursor;
	if (table->top < table->cursor - page + 1)
		table->top = table->cursor - page + 1;
	if (table->top > table->count - page)
		table->top = table->count - page;
	if (table->top < 0)
		table->top = 0;
}

bool cs_table_move(struct cs_table *table, enum cs_action action, int page)
{
	int last = table->count - 1;

	switch (action) {
	case CS_ACTION_UP:
		table->cursor--;
		break;
	case CS_ACTION_DOWN:
		table->cursor++;
		break;
	case CS_ACTION_PAGE_UP:
		table->cursor -= page;
		break;
	case CS_ACTION_PAGE_DOWN:
		table->cursor += page;
		break;
	case CS_ACTION_HOME:
		table->cursor = 0;
		break;
	case CS_ACTION_END:
		table->cursor = last;
		break;
	default:
		return false;
	}
	table->cursor = table->cursor > last ? last : table->cursor;
	table->cursor = table->cursor < 0 ? (table->count ? 0 : -1) : table->cursor;
	return true;
}

int cs_table_find(const struct cs_table *table, const char *text, int step,
	const char *(*row_text)(void *context, int row), void *context)
{
	int from = table->cursor + step;

	for (int i = 0; i < table->count; i++) {
		int row = ((step < 0 ? from - i : from + i) % table->count + table->count) % table->count;

		if (strcasestr(row_text(context, row), text))
			return row;
	}
	return -1;
}
