/* target.c: what is to be projected: does it exist, where does it stand, which signal starts there. See target.h.
 *
 * The values of a layer are its output, or the class scores where it ends in a softmax.
 */
#include "deconv/target.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum cs_status cs_target_check(const struct cs_trace *trace, const struct cs_target *target, struct cs_error *error)
{
	const struct cs_network *network = trace->network;
	const struct cs_layer *layer;
	struct cs_map map;

	if (target->layer < 0 || target->layer >= network->layer_count)
		return cs_fail(error, CS_ERR_ARGUMENT, "no layer %d: this network has layers 0 to %d", target->layer,
			network->layer_count - 1);
	layer = &network->layers[target->layer];
	map = cs_map_of(&layer->out);
	if (target->image < 0 || target->image >= trace->count)
		return cs_fail(error, CS_ERR_ARGUMENT, "no image %d: the trace holds images 0 to %d", target->image,
			trace->count - 1);
	if (target->feature < -1 || target->feature >= map.channels)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"no feature %" PRId64 ": layer '%s' has features 0 to %" PRId64 " (-1 is the whole layer)",
			target->feature, layer->spec.name, map.channels - 1);
	if (target->feature == -1 && target->at != CS_AT_MAP)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"the whole of layer '%s' is projected as a map; for one position choose a feature, 0 to "
			"%" PRId64,
			layer->spec.name, map.channels - 1);
	if (target->at == CS_AT_POSITION &&
		(target->row < 0 || target->row >= map.height || target->column < 0 || target->column >= map.width))
		return cs_fail(error, CS_ERR_ARGUMENT,
			"no position %" PRId64 ",%" PRId64 ": the maps of layer '%s' have rows 0 to %" PRId64
			" and columns 0 to %" PRId64,
			target->row, target->column, layer->spec.name, map.height - 1, map.width - 1);
	return CS_OK;
}

/* The largest of n numbers `step` apart, NaN skipped: its number, or -1 when there is none. */
static int64_t largest(const float *values, int64_t n, int64_t step)
{
	int64_t best = -1;

	for (int64_t i = 0; i < n; i++) {
		if (!isnan(values[i * step]) && (best < 0 || values[i * step] > values[best * step]))
			best = i;
	}
	return best;
}

void cs_strongest(const struct cs_trace *trace, int layer, int image, int64_t feature, int64_t *row, int64_t *column,
	float *value)
{
	struct cs_map map = cs_map_of(&trace->network->layers[layer].out);
	const float *values = cs_patch_values(trace, layer, image) + feature;
	int64_t best = largest(values, map.height * map.width, map.channels);

	*value = best < 0 ? NAN : values[best * map.channels];
	*row = best < 0 ? 0 : best / map.width;
	*column = best < 0 ? 0 : best % map.width;
}

struct cs_target_place cs_target_find(const struct cs_trace *trace, const struct cs_target *target)
{
	struct cs_map map = cs_map_of(&trace->network->layers[target->layer].out);
	const float *values = cs_patch_values(trace, target->layer, target->image);
	struct cs_target_place place = {.row = -1, .column = -1, .window = cs_span_whole(&map)};
	int64_t best;

	if (target->at == CS_AT_MAP) {
		if (target->feature < 0) {
			best = largest(values, cs_map_count(&map), 1);
			place.value = best < 0 ? NAN : values[best];
		} else {
			best = largest(values + target->feature, map.height * map.width, map.channels);
			place.value = best < 0 ? NAN : values[best * map.channels + target->feature];
			place.entries = map.height * map.width;
		}
	} else {
		place.row = target->row;
		place.column = target->column;
		place.value = values[(target->row * map.width + target->column) * map.channels + target->feature];
		if (target->at == CS_AT_MAX)
			cs_strongest(trace, target->layer, target->image, target->feature, &place.row, &place.column,
				&place.value);
		place.window = (struct cs_span){place.row, place.column, place.row + 1, place.column + 1};
		place.entries = 1;
	}
	place.silent = target->signal == CS_SIGNAL_VALUE && !(place.value > 0);
	return place;
}

void cs_target_start(const struct cs_trace *trace, const struct cs_target *target, const struct cs_target_place *place,
	struct cs_patch *patch)
{
	struct cs_map map = cs_map_of(&trace->network->layers[target->layer].out);
	const float *values = cs_patch_values(trace, target->layer, target->image);
	bool one = target->signal == CS_SIGNAL_ONE;

	patch->image = target->image;
	patch->map = map;
	patch->window = place->window;
	patch->values = patch->rooms[0];
	patch->place_count = 0;
	patch->listed = place->entries > 0;
	if (!patch->listed) {
		for (int64_t i = 0; i < cs_map_count(&map); i++)
			patch->values[i] = one ? 1 : values[i];
		return;
	}
	for (int64_t row = place->window.top; row < place->window.bottom; row++) {
		for (int64_t column = place->window.left; column < place->window.right; column++) {
			float value = one ? 1 : values[(row * map.width + column) * map.channels + target->feature];
			int64_t n = patch->place_count;

			if (value == 0)
				continue;
			patch->entries[n] = (struct cs_entry){(int32_t)target->feature, value};
			patch->places[patch->place_count++] = (struct cs_place){(int32_t)row, (int32_t)column, n, 1};
		}
	}
}
