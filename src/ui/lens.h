/* lens.h: from numbers to what is looked at: pictures of tiles on an open scale, on the screen and in exported files. */
#ifndef CS_UI_LENS_H
#define CS_UI_LENS_H

#include "ui/session.h"

/* One picture among those of a screen. */
struct cs_exhibit {
	char name[80]; /* in the exported file: "conv2-17-image-4711" */
	const struct cs_tile *tile; /* NULL: still missing */
	const struct cs_tensor *numbers; /* what it is drawn from; NULL: it is a picture as it stands */
	struct cs_picture picture; /* owned */
	float limit; /* of the scale: full colour; 0: nothing but zeros */
	float value; /* the activation it stands for */
	bool silent;
	const char *layer; /* without a tile: the layer whose filter of number `filter` it is; NULL: neither */
	int64_t filter;
};

/* Where something is wanted from the tiles: makes the key. */
struct cs_tile_key cs_lens_key(const struct cs_session *session, enum cs_tile_kind kind, int layer, int64_t image);

/* Ask for a tile; the exhibit's tile, value and silence are filled when it is there. */
void cs_lens_ask(struct cs_session *session, const struct cs_tile_key *key, struct cs_exhibit *exhibit);

/* The image of the data set that excites a feature most, as the patch that it sees (CS_TILE_PATCH) or projected back and cut to that
 * (CS_TILE_PROJECTION); value and silence are filled as soon as the scan knows them. */
void cs_lens_ask_strongest(
	struct cs_session *session, enum cs_tile_kind kind, int layer, int64_t feature, struct cs_exhibit *exhibit);

/* Draw all that are there into pictures: each on its own scale, or, when the session says so, all numbers on a shared one. */
void cs_lens_draw(const struct cs_session *session, struct cs_exhibit *exhibits, int count);

/* The same, all numbers on one scale whatever the session says. */
void cs_lens_draw_shared(struct cs_exhibit *exhibits, int count);

/* Put one on the screen: the picture, or a word on why there is none ("silent", "..."). Returns the cells covered. */
struct cs_area cs_lens_show(
	struct cs_session *session, struct cs_area area, enum cs_anchor anchor, const struct cs_exhibit *exhibit);

/* Write stem.png (all pictures, `columns` a row) and stem.hdf5 (all numbers, with limits and values); the message names both, and
 * the script that is recorded does it again. */
enum cs_status cs_lens_export(struct cs_session *session, const struct cs_exhibit *exhibits, int count, int columns,
	const char *stem, char *message, size_t size, struct cs_error *error);

/* The same, without a word to the script that is recorded. */
enum cs_status cs_lens_save(const struct cs_exhibit *exhibits, int count, int columns, const char *stem, char *message,
	size_t size, struct cs_error *error);

void cs_lens_free(struct cs_exhibit *exhibits, int count);

#endif
