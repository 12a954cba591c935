/* inverse.c: the table of kinds that can be reversed, and the kinds that need a few lines. See walk.h.
 *
 * All are linear in the weights: batch norm multiplies by gamma / sqrt(variance + epsilon) with its moving variance, rescaling by its
 * factor; shifts play no part, and dropout is off.
 */
#include "deconv/walk.h"

#include <math.h>

static void identity(struct cs_walk *walk, const struct cs_layer *layer)
{
	(void)walk;
	(void)layer;
}

/* Multiply a signal by factors[channels], or by `factor` when that is NULL. */
static void scale(struct cs_patch *patch, const float *factors, float factor)
{
	int64_t channels = patch->map.channels, positions = cs_span_area(&patch->window);

	if (patch->listed) {
		patch->positive = false;
		for (int64_t p = 0; p < patch->place_count; p++) {
			struct cs_entry *entries = patch->entries + patch->places[p].first;

			for (int64_t i = 0; i < patch->places[p].count; i++)
				entries[i].value *= factors ? factors[entries[i].channel] : factor;
		}
		return;
	}
	for (int64_t p = 0; p < positions; p++) {
		for (int64_t c = 0; c < channels; c++)
			patch->values[p * channels + c] *= factors ? factors[c] : factor;
	}
}

static void rescale(struct cs_walk *walk, const struct cs_layer *layer)
{
	for (int i = 0; i < walk->count; i++)
		scale(&walk->patches[i], NULL, layer->spec.factor);
}

static void batchnorm(struct cs_walk *walk, const struct cs_layer *layer)
{
	const struct cs_param *gamma = cs_layer_param(layer, "gamma");
	const float *variance = cs_layer_param(layer, "moving_variance")->value.data;
	float *factors = walk->scratch.factors;
	int64_t channels = cs_map_of(&layer->out).channels;

	for (int64_t c = 0; c < channels; c++)
		factors[c] = (gamma ? gamma->value.data[c] : 1.0f) / sqrtf(variance[c] + layer->spec.epsilon);
	for (int i = 0; i < walk->count; i++)
		scale(&walk->patches[i], factors, 1);
}

/* A row of numbers becomes the map it was. */
static void flatten(struct cs_walk *walk, const struct cs_layer *layer)
{
	for (int i = 0; i < walk->count; i++) {
		struct cs_patch *patch = &walk->patches[i];

		cs_patch_spread(patch);
		patch->map = cs_map_of(&layer->in);
		if (cs_span_area(&patch->window))
			patch->window = cs_span_whole(&patch->map);
	}
}

/* Cut the border off. */
static void zeropad(struct cs_walk *walk, const struct cs_layer *layer)
{
	for (int i = 0; i < walk->count; i++) {
		struct cs_patch *patch = &walk->patches[i];

		cs_patch_spread(patch);
		patch->map = cs_map_of(&layer->in);
		patch->window = cs_span_below(layer, patch->window);
		cs_patch_crop(patch);
	}
}

static const struct cs_inverse inverses[] = {
	{.kind = &cs_conv_layer, .reverse = cs_unfilter},
	{.kind = &cs_dense_layer, .reverse = cs_unfilter},
	{.kind = &cs_maxpool_layer, .reverse = cs_unpool_max},
	{.kind = &cs_global_maxpool_layer, .reverse = cs_unpool_max},
	{.kind = &cs_avgpool_layer, .reverse = cs_unpool_average},
	{.kind = &cs_global_avgpool_layer, .reverse = cs_unpool_average},
	{.kind = &cs_activation_layer, .reverse = cs_rectify},
	{.kind = &cs_batchnorm_layer, .reverse = batchnorm},
	{.kind = &cs_rescale_layer, .reverse = rescale},
	{.kind = &cs_flatten_layer, .reverse = flatten},
	{.kind = &cs_zeropad_layer, .reverse = zeropad},
	{.kind = &cs_dropout_layer, .reverse = identity},
};

const struct cs_inverse *cs_inverse_of(const struct cs_layer *layer)
{
	for (size_t i = 0; i < sizeof inverses / sizeof *inverses; i++) {
		if (inverses[i].kind == layer->ops)
			return &inverses[i];
	}
	return NULL;
}

enum cs_status cs_project_check(const struct cs_network *network, int layer, struct cs_error *error)
{
	char text[160];

	if (layer < 0 || layer >= network->layer_count)
		return cs_fail(error, CS_ERR_ARGUMENT, "no layer %d: this network has layers 0 to %d", layer,
			network->layer_count - 1);
	for (int i = layer; i >= 0; i--) {
		const struct cs_layer *l = &network->layers[i];

		cs_layer_describe(l, text, sizeof text);
		if (!cs_inverse_of(l))
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"layer %d (%s) cannot be projected back through; project a layer before it", i, text);
		if (i < layer && cs_patch_activation(l) == CS_SOFTMAX)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"layer %d (%s) ends in a softmax, which is never reversed; project this layer itself "
				"or one before it",
				i, text);
	}
	return CS_OK;
}
