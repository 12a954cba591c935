/* plot_cells.h: what the parts of the renderer in character cells share (plot_cells.c): the screen, writing on it, and the marks.
 *
 * Cells are a grid of `columns` by `rows`, row 0 at the top. The plot area is a rectangle inside it. In ASCII a cell is one dot.
 */
#ifndef CS_FIGURE_PLOT_CELLS_H
#define CS_FIGURE_PLOT_CELLS_H

#include "figure/plot_internal.h"

struct cs_cell_screen {
	const struct cs_plot *plot;
	struct cs_plot_range range;
	struct cs_cell *cells;
	int columns, rows;
	int left, top, right, bottom; /* the plot area: columns left..right-1, rows top..bottom-1 */
	bool ascii;
	bool labels_at_ends;
	bool flat; /* bars lie on their side, one a row */
};

extern const struct cs_rgb cs_cells_grey; /* of axes and texts */

/* ---- writing: plot_cells_put.c ---- */

/* How many characters a UTF-8 text has. */
int cs_cells_length(const char *text);
/* A cell, or NULL outside of the screen. */
struct cs_cell *cs_cells_at(const struct cs_cell_screen *screen, int column, int row);
/* A character; '?' for what ASCII has not. Outside of the screen nothing happens. */
void cs_cells_put(const struct cs_cell_screen *screen, int column, int row, uint32_t character, struct cs_rgb colour);
/* The character that a series is drawn with in ASCII. */
uint32_t cs_cells_mark(const struct cs_series *series);
/* Text from `column` on, cut at `end`. Returns the column after it. */
int cs_cells_put_text(const struct cs_cell_screen *screen, int column, int row, int end, const char *text,
	struct cs_rgb colour, bool bold);
/* The row of the plot area that a fraction falls into, and the column. */
int cs_cells_row(const struct cs_cell_screen *screen, double fraction);
int cs_cells_column(const struct cs_cell_screen *screen, double fraction);

/* ---- marks: plot_cells_marks.c ---- */

/* Curves, points, bands and upright bars (those only where bars do not lie on their side). Errors: CS_ERR_MEMORY. */
enum cs_status cs_cells_series(const struct cs_cell_screen *screen, struct cs_error *error);
/* One row a bar: name, bar, number. */
void cs_cells_flat_bars(const struct cs_cell_screen *screen);
/* The cells of a heat map. */
void cs_cells_heat_map(const struct cs_cell_screen *screen);

#endif
