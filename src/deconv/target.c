/* target.c: what is to be projected: does it exist, where does it stand, which signal starts there. See target.h.
 *
 * The values of a layer are its output, or the class scores where it ends in a softmax.
 */
#include "deconv/target.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { AT_ONCE = 16 }; /* features of one sweep */

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

/* The largest of n numbers, NaN skipped; NaN when there is no other. */
static float largest(const float *values, int64_t n)
{
	float best = NAN;

	for (int64_t i = 0; i < n; i++)
		best = values[i] > best || isnan(best) ? values[i] : best;
	return best;
}

/* The strongest positions of several features in one sweep: neighbouring features share cache lines. */
static void sweep(const float *values, const struct cs_map *map, const struct cs_target *targets, int count,
	struct cs_target_place *places)
{
	int64_t best[AT_ONCE];
	float value[AT_ONCE];

	for (int t = 0; t < count; t++) {
		best[t] = -1;
		value[t] = NAN;
	}
	for (int64_t p = 0; p < map->height * map->width; p++, values += map->channels) {
		for (int t = 0; t < count; t++) {
			float v = values[targets[t].feature];

			if (v > value[t] || (best[t] < 0 && !isnan(v))) {
				best[t] = p;
				value[t] = v;
			}
		}
	}
	for (int t = 0; t < count; t++) {
		int64_t p = best[t] < 0 ? 0 : best[t];

		places[t] =
			(struct cs_target_place){.row = p / map->width, .column = p % map->width, .value = value[t]};
	}
}

void cs_strongest(const struct cs_trace *trace, int layer, int image, int64_t feature, int64_t *row, int64_t *column,
	float *value)
{
	struct cs_map map = cs_map_of(&trace->network->layers[layer].out);
	struct cs_target target = {.feature = feature};
	struct cs_target_place place;

	sweep(cs_patch_values(trace, layer, image), &map, &target, 1, &place);
	*value = place.value;
	*row = place.row;
	*column = place.column;
}

/* From the strongest position of the target's feature, or the layer's largest value, to what is projected. */
static void settle(
	const struct cs_target *target, const struct cs_map *map, const float *values, struct cs_target_place *place)
{
	if (target->at == CS_AT_POSITION) {
		place->row = target->row;
		place->column = target->column;
		place->value = values[(target->row * map->width + target->column) * map->channels + target->feature];
	}
	place->window = (struct cs_span){place->row, place->column, place->row + 1, place->column + 1};
	place->entries = 1;
	if (target->at == CS_AT_MAP) {
		place->row = place->column = -1;
		place->window = cs_span_whole(map);
		place->entries = target->feature < 0 ? 0 : cs_span_area(&place->window);
	}
	place->silent = target->signal == CS_SIGNAL_VALUE && !(place->value > 0);
}

static bool needs_sweep(const struct cs_target *target)
{
	return target->feature >= 0 && target->at != CS_AT_POSITION;
}

void cs_target_find(
	const struct cs_trace *trace, const struct cs_target *targets, int count, struct cs_target_place *places)
{
	for (int first = 0, last; first < count; first = last) {
		const struct cs_target *target = &targets[first];
		struct cs_map map = cs_map_of(&trace->network->layers[target->layer].out);
		const float *values = cs_patch_values(trace, target->layer, target->image);

		last = first + 1;
		if (needs_sweep(target)) {
			while (last < count && last - first < AT_ONCE && needs_sweep(&targets[last]) &&
				targets[last].layer == target->layer && targets[last].image == target->image)
				last++;
			sweep(values, &map, target, last - first, &places[first]);
		} else if (target->feature < 0) {
			places[first].value = largest(values, cs_map_count(&map));
		}
		for (int t = first; t < last; t++)
			settle(&targets[t], &map, values, &places[t]);
	}
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
	patch->positive = false;
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
