/* legend.h: which colour is which number: a bar with its numbers, for every screen that draws numbers as colours. */
#ifndef CS_UI_LEGEND_H
#define CS_UI_LEGEND_H

#include "ui/session.h"

/* "-0.8 <colours> 0.8" at (row, column), at most `width` columns; characters of rising weight where colours are few. Returns the
 * columns used; 0 where there is no room or nothing to say (low >= high). */
int cs_legend_show(struct cs_session *session, int row, int column, int width, const struct cs_colormap *map,
	double low, double high);

/* The character that stands for a share 0 .. 1 where colours are few. */
uint32_t cs_legend_weight(double share);

#endif
