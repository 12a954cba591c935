/* patch.c: windows and the two forms of a signal. See patch.h. */
#include "deconv/patch.h"

#include <string.h>

static int64_t at_least(int64_t x, int64_t least)
{
	return x < least ? least : x;
}

static int64_t at_most(int64_t x, int64_t most)
{
	return x > most ? most : x;
}

struct cs_span cs_span_clip(struct cs_span span, const struct cs_map *map)
{
	span.top = at_least(span.top, 0);
	span.left = at_least(span.left, 0);
	span.bottom = at_most(span.bottom, map->height);
	span.right = at_most(span.right, map->width);
	if (span.top >= span.bottom || span.left >= span.right)
		return (struct cs_span){0};
	return span;
}

struct cs_span cs_span_below(const struct cs_layer *layer, struct cs_span out)
{
	int64_t window[2] = {1, 1}, stride[2] = {1, 1}, before[2] = {0, 0};

	if (cs_span_area(&out) == 0)
		return (struct cs_span){0};
	if (layer->ops->geometry)
		layer->ops->geometry(layer, window, stride, before);
	return (struct cs_span){
		.top = out.top * stride[0] - before[0],
		.left = out.left * stride[1] - before[1],
		.bottom = (out.bottom - 1) * stride[0] - before[0] + window[0],
		.right = (out.right - 1) * stride[1] - before[1] + window[1],
	};
}

enum cs_activation cs_patch_activation(const struct cs_layer *layer)
{
	if (layer->ops == &cs_conv_layer || layer->ops == &cs_dense_layer || layer->ops == &cs_activation_layer)
		return layer->spec.activation;
	return CS_LINEAR;
}

const float *cs_patch_values(const struct cs_trace *trace, int layer, int image)
{
	const struct cs_slot *slot = &trace->slots[layer];
	const struct cs_layer *l = &trace->network->layers[layer];
	const float *values = cs_patch_activation(l) == CS_SOFTMAX ? slot->aux : slot->out.data;

	return values + image * cs_shape_count(&l->out);
}

void cs_patch_spread(struct cs_patch *patch)
{
	int64_t columns = cs_span_columns(&patch->window), channels = patch->map.channels;

	if (!patch->listed)
		return;
	patch->values = patch->rooms[0];
	memset(patch->values, 0, (size_t)cs_patch_count(patch) * sizeof *patch->values);
	for (int64_t p = 0; p < patch->place_count; p++) {
		const struct cs_place *place = &patch->places[p];
		int64_t position = (place->row - patch->window.top) * columns + place->column - patch->window.left;
		const struct cs_entry *entries = patch->entries + place->first;

		for (int64_t i = 0; i < place->count; i++)
			patch->values[position * channels + entries[i].channel] = entries[i].value;
	}
	patch->listed = false;
}

static int64_t alive(const float *values, int64_t count)
{
	int64_t sum = 0;

	for (int64_t i = 0; i < count; i++)
		sum += values[i] != 0;
	return sum;
}

/* Append what is alive at one position. */
static int64_t list_position(const float *values, int64_t channels, struct cs_entry *entries)
{
	int64_t n = 0;

	for (int64_t c = 0; c < channels; c++) {
		if (values[c] != 0)
			entries[n++] = (struct cs_entry){(int32_t)c, values[c]};
	}
	return n;
}

void cs_patch_list(struct cs_patch *patch)
{
	int64_t count = cs_patch_count(patch), channels = patch->map.channels, used = 0;
	const float *values = patch->values;

	if (patch->listed || alive(values, count) * CS_SPARSE > count)
		return;
	patch->place_count = 0;
	for (int64_t row = patch->window.top; row < patch->window.bottom; row++) {
		for (int64_t column = patch->window.left; column < patch->window.right; column++, values += channels) {
			int64_t n = list_position(values, channels, patch->entries + used);

			if (n == 0)
				continue;
			patch->places[patch->place_count++] = (struct cs_place){(int32_t)row, (int32_t)column, used, n};
			used += n;
		}
	}
	patch->listed = true;
	patch->positive = false;
}

void cs_patch_crop(struct cs_patch *patch)
{
	struct cs_span old = patch->window, kept = cs_span_clip(old, &patch->map);
	int64_t from = cs_span_columns(&old) * patch->map.channels, to = cs_span_columns(&kept) * patch->map.channels;
	const float *first = patch->values +
		((kept.top - old.top) * cs_span_columns(&old) + kept.left - old.left) * patch->map.channels;

	patch->window = kept;
	if (memcmp(&old, &kept, sizeof old) == 0)
		return;
	for (int64_t row = 0; row < cs_span_rows(&kept); row++)
		memmove(patch->values + row * to, first + row * from, (size_t)to * sizeof *patch->values);
}
