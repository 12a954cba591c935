/* exemplars.c: the strongest images of every feature, kept in short sorted lists. See exemplars.h.
 *
 * Features are independent of each other, so the work is split over blocks of features: a task walks the images of the pass
 * in their order and writes its own features' lists alone. Most images get no place in a list: where a feature's largest number stands
 * is looked up only for those that do.
 */
#include "deconv/exemplars.h"

#include "core/alloc.h"
#include "deconv/patch.h"
#include "nn/pool.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 }; /* features of a task */

struct search {
	struct cs_exemplars *exemplars;
	const struct cs_trace *trace;
	const int64_t *index;
	int at; /* the layer that is read: its pool, where it has no map of its own */
};

enum cs_status cs_exemplars_init(
	struct cs_exemplars *exemplars, const struct cs_network *network, int layer, int top, struct cs_error *error)
{
	struct cs_exemplars e = {.layer = layer, .top = top};
	enum cs_status status = CS_OK;

	if (layer < 0 || layer >= network->layer_count)
		return cs_fail(error, CS_ERR_ARGUMENT, "no layer %d: this network has layers 0 to %d", layer,
			network->layer_count - 1);
	if (top < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "the %d strongest images: expected 1 or more", top);
	e.features = cs_map_of(&network->layers[layer].out).channels;
	e.items = cs_calloc((size_t)e.features * (size_t)top, sizeof *e.items);
	e.counts = cs_calloc((size_t)e.features, sizeof *e.counts);
	e.fired = cs_calloc((size_t)e.features, sizeof *e.fired);
	e.sum = cs_calloc((size_t)e.features, sizeof *e.sum);
	if (!e.items || !e.counts || !e.fired || !e.sum) {
		status = cs_fail_memory(error, "the strongest images of each feature");
		cs_exemplars_fini(&e);
		return status;
	}
	*exemplars = e;
	return CS_OK;
}

void cs_exemplars_fini(struct cs_exemplars *exemplars)
{
	cs_free(exemplars->items);
	cs_free(exemplars->counts);
	cs_free(exemplars->fired);
	cs_free(exemplars->sum);
	*exemplars = (struct cs_exemplars){0};
}

static bool stronger(const struct cs_exemplar *a, const struct cs_exemplar *b)
{
	return a->value > b->value || (a->value == b->value && a->image < b->image);
}

static void insert(struct cs_exemplars *e, int64_t feature, const struct cs_exemplar *item)
{
	struct cs_exemplar *list = e->items + feature * e->top;
	int place = e->counts[feature];

	if (place == e->top) {
		if (!stronger(item, &list[place - 1]))
			return;
		place--;
	} else {
		e->counts[feature]++;
	}
	for (; place > 0 && stronger(item, &list[place - 1]); place--)
		list[place] = list[place - 1];
	list[place] = *item;
}

/* Would an image of that value, the last one so far, get a place? */
static bool enters(const struct cs_exemplars *e, int64_t feature, float value)
{
	return e->counts[feature] < e->top || value >= e->items[(feature + 1) * e->top - 1].value;
}

/* best[f] of `count` features: the largest number of a map, -infinity where nothing is above that. Without branches, and for a constant
 * count without a remainder, so that it runs on vectors. */
static inline void largest(const float *values, int64_t positions, int64_t channels, int64_t count, float *best)
{
	for (int64_t f = 0; f < count; f++)
		best[f] = -INFINITY;
	for (int64_t p = 0; p < positions; p++) {
		const float *row = values + p * channels;

		for (int64_t f = 0; f < count; f++)
			best[f] = row[f] > best[f] ? row[f] : best[f];
	}
}

static void largest_of_block(const float *values, int64_t positions, int64_t channels, int64_t count, float *best)
{
	if (count == BLOCK)
		largest(values, positions, channels, BLOCK, best);
	else
		largest(values, positions, channels, count, best);
}

/* Where a feature of image i has that value: the first of equals in the layer's map, also where its pool stands for it. */
static int64_t place_of(const struct search *search, int image, int64_t feature, float value)
{
	const struct cs_trace *trace = search->trace;
	int at = search->at, layer = search->exemplars->layer;
	struct cs_map map = cs_map_of(&trace->network->layers[at].out);
	const float *values = cs_patch_values(trace, at, image) + feature;
	int64_t positions = map.height * map.width, found = INT64_MAX;

	for (int64_t p = 0; p < positions; p++) {
		int64_t place = p;

		if (values[p * map.channels] != value)
			continue;
		if (at == layer)
			return p;
		place = cs_pool_position(&trace->network->layers[at], p / map.width, p % map.width,
			trace->slots[at].switches[(image * positions + p) * map.channels + feature]);
		found = place < found ? place : found;
	}
	return found;
}

static void search_block(void *context, int task, int worker)
{
	struct search *search = context;
	struct cs_exemplars *e = search->exemplars;
	const struct cs_network *network = search->trace->network;
	struct cs_map map = cs_map_of(&network->layers[search->at].out);
	int64_t width = cs_map_of(&network->layers[e->layer].out).width;
	int64_t first = (int64_t)task * BLOCK;
	int64_t count = map.channels - first < BLOCK ? map.channels - first : BLOCK;
	float best[BLOCK];

	(void)worker;
	for (int i = 0; i < search->trace->count; i++) {
		largest_of_block(cs_patch_values(search->trace, search->at, i) + first, map.height * map.width,
			map.channels, count, best);
		if (e->latest)
			memcpy(e->latest + i * e->features + first, best, (size_t)count * sizeof *best);
		for (int64_t f = 0; f < count; f++) {
			struct cs_exemplar item = {.image = search->index[i], .value = best[f]};
			int64_t place;

			if (best[f] == -INFINITY)
				continue; /* NaN and -infinity alone */
			e->sum[first + f] += best[f];
			if (!(best[f] > 0))
				continue;
			e->fired[first + f]++;
			if (!enters(e, first + f, best[f]))
				continue;
			place = place_of(search, i, first + f, best[f]);
			item.row = place / width;
			item.column = place % width;
			insert(e, first + f, &item);
		}
	}
}

bool cs_exemplars_see_pool(const struct cs_network *network, int layer)
{
	const struct cs_layer *pool = layer + 1 < network->layer_count ? &network->layers[layer + 1] : NULL;

	if (!pool || pool->ops != &cs_maxpool_layer)
		return false;
	for (int axis = 0; axis < 2; axis++) {
		int64_t before = axis == 0 ? pool->pad_top : pool->pad_left;

		if (pool->spec.stride[axis] > pool->spec.window[axis] ||
			(pool->out.dim[axis] - 1) * pool->spec.stride[axis] - before + pool->spec.window[axis] <
				pool->in.dim[axis])
			return false;
	}
	return true;
}

void cs_exemplars_add(struct cs_exemplars *exemplars, const struct cs_trace *trace, const int64_t *index)
{
	struct search search = {exemplars, trace, index, exemplars->layer};

	assert(trace->kind != CS_TRACE_OUTPUT || exemplars->layer == trace->network->layer_count - 1);
	if (!trace->slots[search.at].out.data && trace->kind != CS_TRACE_OUTPUT) {
		assert(cs_exemplars_see_pool(trace->network, exemplars->layer));
		search.at++;
	}
	cs_workers_run(trace->workers, (int)((exemplars->features + BLOCK - 1) / BLOCK), search_block, &search);
	exemplars->seen += trace->count;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

enum cs_status cs_exemplars_images(
	const struct cs_exemplars *exemplars, int64_t **images, int64_t *count, struct cs_error *error)
{
	int64_t *list = cs_alloc((size_t)exemplars->features * (size_t)exemplars->top * sizeof *list);
	int64_t all = 0, distinct = 0;

	if (!list)
		return cs_fail_memory(error, "the list of strongest images");
	for (int64_t f = 0; f < exemplars->features; f++) {
		for (int i = 0; i < exemplars->counts[f]; i++)
			list[all++] = exemplars->items[f * exemplars->top + i].image;
	}
	qsort(list, (size_t)all, sizeof *list, by_number);
	for (int64_t i = 0; i < all; i++) {
		if (i == 0 || list[i] != list[i - 1])
			list[distinct++] = list[i];
	}
	*images = list;
	*count = distinct;
	return CS_OK;
}
