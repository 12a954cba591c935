/* workspace.c: sizing and handing out the memory of a walk. See workspace.h.
 *
 * One function walks over the pieces in a fixed order; with no memory it adds up their sizes, with memory it also says where
 * each begins, so that the two cannot disagree.
 */
#include "deconv/workspace.h"

#include <string.h>

enum { ALIGNMENT = 64 };

struct pieces {
	char *memory; /* NULL: only counting */
	size_t used;
};

static void *piece(struct pieces *pieces, int64_t count, size_t size)
{
	size_t bytes = ((size_t)count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	char *memory = pieces->memory ? pieces->memory + pieces->used : NULL;

	pieces->used += bytes;
	return memory;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool is_filter(const struct cs_layer *layer)
{
	return layer->ops == &cs_conv_layer || layer->ops == &cs_dense_layer;
}

static bool is_max(const struct cs_layer *layer)
{
	return layer->ops == &cs_maxpool_layer || layer->ops == &cs_global_maxpool_layer;
}

/* The window below a layer; *numbers is what the room for it must hold, before it is cut to the map. */
static struct cs_span below(const struct cs_layer *layer, struct cs_span window, int64_t *numbers)
{
	struct cs_map map = cs_map_of(&layer->in);
	struct cs_span span = cs_span_below(layer, window);

	if (layer->ops == &cs_flatten_layer || layer->ops == &cs_dense_layer)
		span = cs_span_area(&window) ? cs_span_whole(&map) : (struct cs_span){0};
	if (!is_filter(layer))
		span = cs_span_clip(span, &map);
	*numbers = cs_span_area(&span) * map.channels;
	return cs_span_clip(span, &map);
}

struct cs_workspace_patch cs_workspace_measure(
	const struct cs_network *network, int layer, struct cs_span window, int64_t entries)
{
	struct cs_map map = cs_map_of(&network->layers[layer].out);
	struct cs_workspace_patch size = {
		.numbers = cs_span_area(&window) * map.channels,
		.places = cs_span_area(&window),
		.entries = larger(entries, cs_span_area(&window) * map.channels / CS_SPARSE),
	};

	for (int i = layer; i >= 0; i--) {
		const struct cs_layer *l = &network->layers[i];
		int64_t above = cs_span_area(&window) * cs_map_of(&l->out).channels, numbers;

		window = below(l, window, &numbers);
		size.numbers = larger(size.numbers, numbers);
		size.places = larger(size.places, cs_span_area(&window));
		size.entries = larger(size.entries, numbers / CS_SPARSE);
		if (is_max(l))
			size.entries = larger(size.entries, above);
	}
	size.numbers += CS_LANE; /* whole lanes are added at the end of a map */
	size.reach = window;
	return size;
}

static void lay_out(struct pieces *pieces, const struct cs_network *network, int layer, int few,
	const struct cs_workspace_patch *sizes, int count, struct cs_patch *patches, struct cs_walk_scratch *scratch)
{
	int64_t pooled = 0, cells = 0, channels = 0, features = 0, weights = 0, rows = 0, row_numbers = 0, products = 0;

	for (int i = 0; i < count; i++) {
		struct cs_patch *patch = &patches[i];

		patch->rooms[0] = piece(pieces, sizes[i].numbers, sizeof(float));
		patch->rooms[1] = piece(pieces, sizes[i].numbers, sizeof(float));
		patch->places = piece(pieces, sizes[i].places, sizeof *patch->places);
		patch->entries = piece(pieces, sizes[i].entries, sizeof *patch->entries);
	}
	for (int i = 0; i <= layer; i++) {
		const struct cs_layer *l = &network->layers[i];

		channels = larger(channels, cs_map_of(&l->out).channels);
		if (is_max(l)) {
			pooled = larger(pooled, cs_map_of(&l->out).channels);
			cells = larger(cells, l->spec.window[0] * l->spec.window[1]);
		}
		if (is_filter(l)) {
			struct cs_cut cut = cs_sparse_cut(l);
			int64_t limit = cs_unfilter_rows(l);

			features = larger(features, cut.features);
			weights = larger(weights, cs_sparse_size(&cut, few));
			rows = larger(rows, limit);
			row_numbers = larger(row_numbers, limit * cut.features);
			products = larger(products, limit * cut.rows * cut.columns * cut.in);
		}
	}
	scratch->found = piece(pieces, pooled, sizeof *scratch->found);
	scratch->centres = piece(pieces, pooled, sizeof *scratch->centres);
	scratch->starts = piece(pieces, cells + 1, sizeof *scratch->starts);
	scratch->factors = piece(pieces, channels, sizeof *scratch->factors);
	scratch->marks = piece(pieces, features, sizeof *scratch->marks);
	scratch->chosen = piece(pieces, few, sizeof *scratch->chosen);
	scratch->few_weights = piece(pieces, weights, sizeof *scratch->few_weights);
	scratch->rows = piece(pieces, row_numbers, sizeof *scratch->rows);
	scratch->columns = piece(pieces, products, sizeof *scratch->columns);
	scratch->row_list = piece(pieces, rows, sizeof *scratch->row_list);
	if (pieces->memory)
		memset(scratch->marks, 0xff, (size_t)features * sizeof *scratch->marks);
}

size_t cs_workspace_bytes(
	const struct cs_network *network, int layer, int few, const struct cs_workspace_patch *sizes, int count)
{
	struct pieces pieces = {0};
	struct cs_patch patches[CS_WALK_GROUP];
	struct cs_walk_scratch scratch;

	lay_out(&pieces, network, layer, few, sizes, count, patches, &scratch);
	return pieces.used;
}

void cs_workspace_hand_out(struct cs_walk *walk, int layer, const struct cs_workspace_patch *sizes, char *memory)
{
	struct pieces pieces = {.memory = memory};

	lay_out(&pieces, walk->trace->network, layer, walk->few, sizes, walk->count, walk->patches, &walk->scratch);
}
