/* rectify.c: going back through an activation.
 *
 * Rectify keeps what is above 0 of the signal; mask multiplies it by the activation's derivative at the forward pass, taken
 * from the layer's output as training takes it. Neither applies to linear layers, nor to a softmax, which is never reversed.
 */
#include "deconv/walk.h"

enum { AT_ONCE = 256 };

bool cs_rectify_drops(const struct cs_walk *walk, int index)
{
	enum cs_activation activation;

	if (index < 0)
		return false;
	activation = cs_patch_activation(&walk->trace->network->layers[index]);
	return walk->rule.rectify && activation != CS_LINEAR && activation != CS_SOFTMAX;
}

static void rectify_values(float *values, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		values[i] = values[i] > 0 ? values[i] : 0;
}

static void mask_values(const struct cs_layer *layer, const float *outputs, struct cs_patch *patch)
{
	int64_t channels = patch->map.channels, width = cs_span_columns(&patch->window) * channels;
	const struct cs_span *window = &patch->window;

	for (int64_t row = 0; row < cs_span_rows(window); row++)
		cs_activate_backward(layer->spec.activation, layer->spec.alpha,
			outputs + ((window->top + row) * patch->map.width + window->left) * channels,
			patch->values + row * width, 1, width);
}

static void rectify_list(struct cs_patch *patch)
{
	if (patch->positive)
		return;
	for (int64_t p = 0; p < patch->place_count; p++) {
		struct cs_place *place = &patch->places[p];
		struct cs_entry *entries = patch->entries + place->first;
		int64_t kept = 0;

		for (int64_t i = 0; i < place->count; i++) {
			struct cs_entry entry = entries[i];

			entries[kept] = entry;
			kept += entry.value > 0;
		}
		place->count = kept;
	}
	patch->positive = true;
}

/* Entries with their outputs side by side, so that the derivative has one definition. */
static void mask_list(const struct cs_layer *layer, const float *outputs, struct cs_patch *patch)
{
	float values[AT_ONCE], there[AT_ONCE];

	for (int64_t p = 0; p < patch->place_count; p++) {
		struct cs_place *place = &patch->places[p];
		struct cs_entry *entries = patch->entries + place->first;
		const float *out = outputs + (place->row * patch->map.width + place->column) * patch->map.channels;
		int64_t kept = 0;

		for (int64_t first = 0; first < place->count; first += AT_ONCE) {
			int64_t n = place->count - first < AT_ONCE ? place->count - first : AT_ONCE;

			for (int64_t i = 0; i < n; i++) {
				values[i] = entries[first + i].value;
				there[i] = out[entries[first + i].channel];
			}
			cs_activate_backward(layer->spec.activation, layer->spec.alpha, there, values, 1, n);
			for (int64_t i = 0; i < n; i++) {
				entries[kept] = (struct cs_entry){entries[first + i].channel, values[i]};
				kept += values[i] != 0;
			}
		}
		place->count = kept;
	}
}

void cs_rectify(struct cs_walk *walk, const struct cs_layer *layer)
{
	enum cs_activation activation = cs_patch_activation(layer);

	if (activation == CS_LINEAR || activation == CS_SOFTMAX)
		return;
	for (int i = 0; i < walk->count; i++) {
		struct cs_patch *patch = &walk->patches[i];
		const float *outputs = cs_patch_values(walk->trace, layer->index, patch->image);

		if (walk->rule.rectify && patch->listed)
			rectify_list(patch);
		else if (walk->rule.rectify)
			rectify_values(patch->values, cs_patch_count(patch));
		if (walk->rule.mask && patch->listed)
			mask_list(layer, outputs, patch);
		else if (walk->rule.mask)
			mask_values(layer, outputs, patch);
	}
}
