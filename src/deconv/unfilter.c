/* unfilter.c: going back through a convolution or dense layer: its activation, then the transposed kernel.
 *
 * A dense layer is a 1 x 1 convolution of a 1 x 1 map here. Each signal's window grows to all that its positions reach, padding
 * included, so that no block needs clipping while it is added; afterwards the window is cut to the map.
 *
 * Two ways lead down, and the signal itself decides which:
 *   sparse  at most one number in CS_SPARSE is alive, and packed weights are at hand: sums over living entries (sparse.c). The
 *           kernel was packed for the whole call where that pays, or the signals of the group use so few features that
 *           these are packed here (a unit that starts at this layer uses one).
 *   dense   the positions of all other signals in the group that are alive at all are rows of one matrix product with the
 *           kernel, so that OpenBLAS gets matrices also where each signal is small; the products' rows are then added
 *           into the maps.
 */
#include "core/gemm.h"
#include "deconv/walk.h"
#include "nn/kernels/kernels.h"

#include <string.h>

/* Numbers in the operands and the product of a block of rows, and the fewest rows worth a product. */
enum { PRODUCT = 1 << 20, LEAST_ROWS = 8 };

/* The filter of a layer, and one signal's place under it. */
struct filter {
	const float *kernel;
	struct cs_cut cut;
	int64_t stride[2];
	struct cs_map below;
};

struct block {
	float *origin; /* of the place at the window's corner */
	int64_t step[2], pitch;
};

static struct filter filter_of(const struct cs_layer *layer)
{
	struct filter filter = {
		.kernel = cs_layer_param(layer, "kernel")->value.data,
		.cut = cs_sparse_cut(layer),
		.stride = {1, 1},
		.below = cs_map_of(&layer->in),
	};

	if (layer->ops == &cs_conv_layer) {
		filter.stride[0] = layer->spec.stride[0];
		filter.stride[1] = layer->spec.stride[1];
	}
	return filter;
}

int64_t cs_unfilter_rows(const struct cs_layer *layer)
{
	struct cs_cut cut = cs_sparse_cut(layer);
	int64_t kernel = cut.rows * cut.columns * cut.in;
	int64_t rows = PRODUCT / (kernel > cut.features ? kernel : cut.features);

	return rows < LEAST_ROWS ? LEAST_ROWS : rows;
}

bool cs_unfilter_expects_sparse(const struct cs_network *network, int layer)
{
	if (network->layers[layer].ops != &cs_conv_layer)
		return false;
	for (int above = layer + 1; above < network->layer_count; above++) {
		const struct cs_layer *l = &network->layers[above];

		if (l->ops == &cs_maxpool_layer)
			return l->spec.stride[0] * l->spec.stride[1] >= CS_SPARSE;
		if (l->ops == &cs_global_maxpool_layer)
			return true;
		if (l->ops != &cs_activation_layer && l->ops != &cs_dropout_layer && l->ops != &cs_batchnorm_layer &&
			l->ops != &cs_rescale_layer)
			return false;
	}
	return false;
}

/* The map below a signal, zeroed, and where its blocks stand. The signal's own form is still the one above. */
static struct block prepare(const struct filter *filter, const struct cs_patch *patch, struct cs_span *window)
{
	int64_t rows = cs_span_rows(&patch->window), columns = cs_span_columns(&patch->window);
	int64_t height = (rows - 1) * filter->stride[0] + filter->cut.rows;
	int64_t width = (columns - 1) * filter->stride[1] + filter->cut.columns;
	struct block block = {
		.origin = cs_patch_room(patch),
		.pitch = width * filter->below.channels,
	};

	if (rows == 0 || columns == 0)
		height = width = 0;
	block.step[0] = filter->stride[0] * block.pitch;
	block.step[1] = filter->stride[1] * filter->below.channels;
	window->bottom = window->top + height;
	window->right = window->left + width;
	memset(block.origin, 0, (size_t)(height * block.pitch) * sizeof(float));
	return block;
}

/* The features that listed signals use, into scratch.chosen, with scratch.marks[feature] = number in it; more than
 * walk->few: that many + 1, and the marks are clean. */
static int choose(struct cs_walk *walk)
{
	struct cs_walk_scratch *scratch = &walk->scratch;
	int chosen = 0;

	for (int s = 0; s < walk->count && chosen <= walk->few; s++) {
		const struct cs_patch *patch = &walk->patches[s];

		if (!patch->listed)
			continue;
		for (int64_t p = 0; p < patch->place_count && chosen <= walk->few; p++) {
			const struct cs_place *place = &patch->places[p];
			const struct cs_entry *entries = patch->entries + place->first;

			for (int64_t i = 0; i < place->count && chosen <= walk->few; i++) {
				if (scratch->marks[entries[i].channel] >= 0)
					continue;
				if (chosen < walk->few) {
					scratch->marks[entries[i].channel] = chosen;
					scratch->chosen[chosen] = entries[i].channel;
				}
				chosen++;
			}
		}
	}
	if (chosen > walk->few) {
		for (int i = 0; i < walk->few; i++)
			scratch->marks[scratch->chosen[i]] = -1;
	}
	return chosen;
}

/* Entries are about to be used up: let their channels count in the small pack. */
static void renumber(struct cs_walk *walk, int chosen)
{
	struct cs_walk_scratch *scratch = &walk->scratch;

	for (int s = 0; s < walk->count; s++) {
		struct cs_patch *patch = &walk->patches[s];

		if (!patch->listed)
			continue;
		for (int64_t p = 0; p < patch->place_count; p++) {
			struct cs_entry *entries = patch->entries + patch->places[p].first;

			for (int64_t i = 0; i < patch->places[p].count; i++)
				entries[i].channel = scratch->marks[entries[i].channel];
		}
	}
	for (int i = 0; i < chosen; i++)
		scratch->marks[scratch->chosen[i]] = -1;
}

/* Weights for the listed signals of the group and how many features they hold; NULL when there are none. */
static const float *packed(
	struct cs_walk *walk, const struct cs_layer *layer, const struct filter *filter, int64_t *features)
{
	const struct cs_pack *pack = &walk->packs[layer->index];
	int chosen;

	*features = filter->cut.features;
	if (pack->weights)
		return pack->weights;
	chosen = choose(walk);
	if (chosen > walk->few)
		return NULL;
	for (int64_t panel = 0; panel < filter->cut.panels; panel++)
		cs_sparse_pack(
			&filter->cut, filter->kernel, panel, walk->scratch.chosen, chosen, walk->scratch.few_weights);
	renumber(walk, chosen);
	*features = chosen;
	return walk->scratch.few_weights;
}

static void filter_listed(struct cs_walk *walk, const struct filter *filter, const struct block *blocks,
	const float *weights, int64_t features)
{
	for (int64_t panel = 0; panel < filter->cut.panels; panel++) {
		for (int s = 0; s < walk->count; s++) {
			if (walk->patches[s].listed)
				cs_sparse_panel(walk->isa, &filter->cut, panel, weights, features, &walk->patches[s],
					blocks[s].step, blocks[s].origin, blocks[s].pitch);
		}
	}
}

/* Multiply the rows gathered so far and add each product into its map. */
static int64_t flush(struct cs_walk *walk, const struct filter *filter, const struct block *blocks, int64_t count)
{
	const struct cs_kernels *kernels = cs_kernels();
	struct cs_walk_scratch *scratch = &walk->scratch;
	int64_t width = filter->cut.columns * filter->cut.in, all = width * filter->cut.rows;

	cs_gemm(false, true, count, all, filter->cut.features, scratch->rows, filter->cut.features, filter->kernel,
		filter->cut.features, 0, scratch->columns, all);
	for (int64_t r = 0; r < count; r++) {
		const struct cs_walk_row *row = &scratch->row_list[r];

		for (int64_t i = 0; i < filter->cut.rows; i++)
			kernels->add(width, scratch->columns + r * all + i * width,
				row->block + i * blocks[row->patch].pitch);
	}
	return 0;
}

static bool any_alive(const float *values, int64_t count)
{
	for (int64_t i = 0; i < count; i++) {
		if (values[i] != 0)
			return true;
	}
	return false;
}

static int64_t filter_dense(struct cs_walk *walk, const struct filter *filter, const struct block *blocks, int s,
	int64_t limit, int64_t used)
{
	const struct cs_patch *patch = &walk->patches[s];
	int64_t features = filter->cut.features, columns = cs_span_columns(&patch->window);
	int64_t positions = cs_span_area(&patch->window);

	for (int64_t p = 0; p < positions; p++) {
		const float *values = patch->values + p * features;

		if (!any_alive(values, features))
			continue;
		memcpy(walk->scratch.rows + used * features, values, (size_t)features * sizeof *values);
		walk->scratch.row_list[used++] = (struct cs_walk_row){
			.patch = s,
			.block = blocks[s].origin + p / columns * blocks[s].step[0] + p % columns * blocks[s].step[1],
		};
		if (used == limit)
			used = flush(walk, filter, blocks, used);
	}
	return used;
}

/* A listed signal for which no packed weights are at hand. */
static int64_t filter_places(struct cs_walk *walk, const struct filter *filter, const struct block *blocks, int s,
	int64_t limit, int64_t used)
{
	const struct cs_patch *patch = &walk->patches[s];
	int64_t features = filter->cut.features;

	for (int64_t p = 0; p < patch->place_count; p++) {
		const struct cs_place *place = &patch->places[p];
		const struct cs_entry *entries = patch->entries + place->first;
		float *row = walk->scratch.rows + used * features;

		if (place->count == 0)
			continue;
		memset(row, 0, (size_t)features * sizeof *row);
		for (int64_t i = 0; i < place->count; i++)
			row[entries[i].channel] = entries[i].value;
		walk->scratch.row_list[used++] = (struct cs_walk_row){
			.patch = s,
			.block = blocks[s].origin + (place->row - patch->window.top) * blocks[s].step[0] +
				(place->column - patch->window.left) * blocks[s].step[1],
		};
		if (used == limit)
			used = flush(walk, filter, blocks, used);
	}
	return used;
}

void cs_unfilter(struct cs_walk *walk, const struct cs_layer *layer)
{
	struct filter filter = filter_of(layer);
	struct block blocks[CS_WALK_GROUP];
	struct cs_span windows[CS_WALK_GROUP];
	int64_t limit = cs_unfilter_rows(layer), used = 0, features;
	const float *weights;

	cs_rectify(walk, layer);
	for (int s = 0; s < walk->count; s++) {
		cs_patch_list(&walk->patches[s]);
		windows[s] = cs_span_below(layer, walk->patches[s].window);
		blocks[s] = prepare(&filter, &walk->patches[s], &windows[s]);
	}
	weights = packed(walk, layer, &filter, &features);
	if (weights)
		filter_listed(walk, &filter, blocks, weights, features);
	for (int s = 0; s < walk->count; s++) {
		if (!walk->patches[s].listed)
			used = filter_dense(walk, &filter, blocks, s, limit, used);
		else if (!weights)
			used = filter_places(walk, &filter, blocks, s, limit, used);
	}
	if (used)
		flush(walk, &filter, blocks, used);
	for (int s = 0; s < walk->count; s++) {
		walk->patches[s].values = blocks[s].origin;
		walk->patches[s].listed = false;
		walk->patches[s].map = filter.below;
		walk->patches[s].window = windows[s];
		cs_patch_crop(&walk->patches[s]);
	}
}
