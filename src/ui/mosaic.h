/* mosaic.h: a tensor of small pictures as tiles on the screen, in pages, each on a scale of its own or all on one, with the numbers. */
#ifndef CS_UI_MOSAIC_H
#define CS_UI_MOSAIC_H

#include "ui/session.h"

/* How it is looked at. Zeroed at first. */
struct cs_mosaic {
	int zoom; /* larger or smaller tiles */
	int64_t first; /* first tile row on the page */
	int across, down; /* as drawn last */
	int64_t rows; /* of tiles in all */
};

/* Draw [n,h,w,c] numbers into an area: tiles above, the scale in its last row. `columns` tiles a row as the maker meant it (0: as many as
 * fit); fewer where they do not fit. */
void cs_mosaic_show(struct cs_session *session, const struct cs_tensor *numbers, int columns, struct cs_area area,
	struct cs_mosaic *mosaic);

/* Up, down, pages, zoom; false for what it has no use for. */
bool cs_mosaic_act(struct cs_mosaic *mosaic, enum cs_action action);

#endif
