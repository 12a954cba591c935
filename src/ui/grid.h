/* grid.h: the table of a result on the screen: rows and columns scroll, the column under the cursor sorts, CSV for export. */
#ifndef CS_UI_GRID_H
#define CS_UI_GRID_H

#include "figure/result.h"
#include "ui/session.h"
#include "ui/table.h"

/* Zeroed at first, then cs_grid_set(). */
struct cs_grid {
	const struct cs_result *result; /* borrowed */
	struct cs_table table;
	int64_t *order; /* [rows] */
	int *widths; /* [columns] */
	int column, left; /* the cursor's, and the first on the screen */
	int sorted; /* which column, or -1: as written */
	bool ascending;
	int page; /* rows as drawn last */
};

/* Show this result from now on (NULL: none); the cursor stays where it can. False without memory. */
bool cs_grid_set(struct cs_grid *grid, const struct cs_result *result);
void cs_grid_fini(struct cs_grid *grid);

/* `focused`: the cursor is shown. */
void cs_grid_draw(struct cs_session *session, struct cs_grid *grid, struct cs_area area, bool focused);

/* Moving, and sorting by the column under the cursor: largest first, smallest first, as written. */
bool cs_grid_act(struct cs_session *session, struct cs_grid *grid, enum cs_action action);

/* To the row that holds a text; false when none does. */
bool cs_grid_find(struct cs_grid *grid, const char *text, int step);

/* The result's row under the cursor; -1: none. */
int64_t cs_grid_row(const struct cs_grid *grid);

/* Sort by the column of that name, largest first. */
void cs_grid_sort(struct cs_grid *grid, const char *column, bool ascending);

/* All rows in the order shown, to STEM.csv; the message says so. */
enum cs_status cs_grid_save(
	const struct cs_grid *grid, const char *stem, char *message, size_t size, struct cs_error *error);

#endif
