/* table.h: the lists of this room: a cursor that stays on the screen, finding by name, and CSV for export. */
#ifndef CS_UI_TABLE_H
#define CS_UI_TABLE_H

#include "ui/keys.h"

#include <stdbool.h>

struct cs_table {
	int count; /* rows */
	int cursor; /* -1 only when there are none */
	int top; /* first row on the screen */
};

/* Keep the cursor in the table and on the screen of `page` rows. */
void cs_table_settle(struct cs_table *table, int page);

/* Move by a key; false when the action is no movement. */
bool cs_table_move(struct cs_table *table, enum cs_action action, int page);

/* The row that holds `text` (case does not matter), at the cursor or after it (step 0), behind it (1) or before it (-1), round the end; -1: none.
 * `row_text` gives a row's text. */
int cs_table_find(const struct cs_table *table, const char *text, int step,
	const char *(*row_text)(void *context, int row), void *context);

#endif
