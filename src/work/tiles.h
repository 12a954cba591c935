/* tiles.h: the small things that screens are made of: an image, a patch of it, a projection, the network's scores; computed in the
 * background when a screen first wants them, kept while there is room.
 *
 * Each time a screen is drawn it asks for the tiles it shows; those that are missing are computed in the order they were asked for,
 * several images a pass. When the next drawing asks for other ones, the work on the old ones is dropped.
 */
#ifndef CS_WORK_TILES_H
#define CS_WORK_TILES_H

#include "deconv/project.h"
#include "io/picture.h"
#include "work/opened.h"
#include "work/work.h"

enum cs_tile_kind {
	CS_TILE_IMAGE, /* an image of the data set, as it is (picture) */
	CS_TILE_PATCH, /* the part of it that a unit sees (picture) */
	CS_TILE_PROJECTION, /* [h,w,c] numbers and what was found */
	CS_TILE_SCORES, /* [classes] the network's output on an image */
	CS_TILE_MAXIMA, /* [features] where each feature of a layer fires most on an image: how much */
	CS_TILE_UNIT, /* [features] what each feature of a layer says at one place of its map */
};

/* What is asked for. Zero the whole struct first: it is compared as bytes. */
struct cs_tile_key {
	int32_t kind, layer;
	int64_t image, feature, row, column;
	int32_t rule; /* in cs_rule_names */
	int32_t signal, at;
	int32_t cropped; /* projections: to the part of the input the unit can reach */
};

struct cs_tile {
	struct cs_tile_key key;
	struct cs_picture picture;
	struct cs_tensor numbers;
	struct cs_projection found;
	enum cs_status status; /* not CS_OK: `error` says why there is nothing */
	struct cs_error error;
	/* the cache's own: */
	struct cs_tile *next;
	uint64_t used;
	size_t bytes;
};

struct cs_tiles;

/* Tiles of one opened model; at most `bytes` are kept. */
enum cs_status cs_tiles_new(
	struct cs_works *works, struct cs_opened *opened, size_t bytes, struct cs_tiles **out, struct cs_error *error);
void cs_tiles_free(struct cs_tiles *tiles);

/* A drawing: begin, want ..., end. cs_tiles_want returns the tile, valid until the next cs_tiles_collect(), or NULL while it is missing. */
void cs_tiles_begin(struct cs_tiles *tiles);
const struct cs_tile *cs_tiles_want(struct cs_tiles *tiles, const struct cs_tile_key *key);
void cs_tiles_end(struct cs_tiles *tiles);

/* Take in what was finished; true when there was anything. */
bool cs_tiles_collect(struct cs_tiles *tiles);

/* The part of the input that the unit at (row, column) of a layer sees, clipped to the image. */
void cs_unit_field(const struct cs_network *network, int layer, int64_t row, int64_t column, int64_t *top,
	int64_t *left, int64_t *bottom, int64_t *right);

#endif
