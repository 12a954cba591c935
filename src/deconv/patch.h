/* patch.h: the patch of a map that a signal stands on, on its way back through a network for one target.
 *
 * A unit of a deep layer sees a small part of the maps below it. A signal therefore has a window: the rows and columns of the
 * map in which it can be different from 0. Inside the window it has one of two forms:
 *
 *   dense   values[rows,columns,channels] of the window, packed
 *   listed  places, each a position of the map with the channels that are not 0 there; a position occurs once, and so
 *           does a channel at a position. Unpooling leaves such lists: one cell of a window at most is alive in a channel.
 *
 * Maps of rank 1 (dense layers, flattened maps) count as 1 x 1 x n.
 */
#ifndef CS_DECONV_PATCH_H
#define CS_DECONV_PATCH_H

#include "deconv/project.h"

/* A shape seen as a map. */
struct cs_map {
	int64_t height, width, channels;
};

/* Part of a map; ends are exclusive. Empty where top == bottom or left == right. */
struct cs_span {
	int64_t top, left, bottom, right;
};

/* `value` of one channel of a place. */
struct cs_entry {
	int32_t channel;
	float value;
};

struct cs_place {
	int32_t row, column; /* in the map */
	int64_t first; /* of its entries */
	int64_t count;
};

struct cs_patch {
	int image; /* in the trace */
	int64_t target; /* which of cs_project's targets */
	struct cs_map map;
	struct cs_span window;
	bool listed;
	bool positive; /* listed, and nothing in the list is below 0: rectifying changes nothing */
	float *values; /* dense: one of the two rooms */
	struct cs_place *places; /* listed */
	int64_t place_count;
	struct cs_entry *entries;
	float *rooms[2]; /* memory of this signal's own, for two forms in turn */
};

/* A shape of rank 3 or 1 as a map. */
static inline struct cs_map cs_map_of(const struct cs_shape *shape)
{
	if (shape->rank == 3)
		return (struct cs_map){shape->dim[0], shape->dim[1], shape->dim[2]};
	return (struct cs_map){1, 1, cs_shape_count(shape)};
}

static inline int64_t cs_map_count(const struct cs_map *map)
{
	return map->height * map->width * map->channels;
}

static inline int64_t cs_span_rows(const struct cs_span *span)
{
	return span->bottom - span->top;
}

static inline int64_t cs_span_columns(const struct cs_span *span)
{
	return span->right - span->left;
}

static inline int64_t cs_span_area(const struct cs_span *span)
{
	return cs_span_rows(span) * cs_span_columns(span);
}

static inline struct cs_span cs_span_whole(const struct cs_map *map)
{
	return (struct cs_span){0, 0, map->height, map->width};
}

/* The part inside the map; {0,0,0,0} when nothing is. */
struct cs_span cs_span_clip(struct cs_span span, const struct cs_map *map);

/* The part of a layer's input that the part `out` of its output sees, padding included (not clipped). */
struct cs_span cs_span_below(const struct cs_layer *layer, struct cs_span out);

/* What a layer's features say about one image: its output, or the scores before it where it ends in a softmax. */
const float *cs_patch_values(const struct cs_trace *trace, int layer, int image);

/* Does this layer end in an activation, and which? CS_LINEAR where there is none. */
enum cs_activation cs_patch_activation(const struct cs_layer *layer);

/* Numbers in the window. */
static inline int64_t cs_patch_count(const struct cs_patch *patch)
{
	return cs_span_area(&patch->window) * patch->map.channels;
}

/* The room that the signal does not stand in, for its next dense form. */
static inline float *cs_patch_room(const struct cs_patch *patch)
{
	return patch->values == patch->rooms[0] ? patch->rooms[1] : patch->rooms[0];
}

/* Turn a listed signal into a dense one; a dense one stays. */
void cs_patch_spread(struct cs_patch *patch);

/* Turn a dense signal into a listed one when no more than one number in CS_SPARSE is alive; a listed one stays. */
enum { CS_SPARSE = 4 };
void cs_patch_list(struct cs_patch *patch);

/* Keep the part of the window inside the map. Dense signals only. */
void cs_patch_crop(struct cs_patch *patch);

#endif
