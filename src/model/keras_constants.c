/* keras_constants.c: Keras' layers whose numbers stand in the architecture: Rescaling and Normalization. See keras_plan.h.
 *
 * With one number for all channels they are a rescale layer of ours; with one a channel, a batch norm that nothing trains.
 */
#include "core/alloc.h"
#include "model/keras_plan.h"

#include <limits.h>

/* One number, or one a channel, also where they are wrapped: [[0.5, 0.25, 2]], {"value": [...]}. *list is to be freed; *count
 * is 0 where the key is missing. */
static enum cs_status read_list(struct cs_keras_where where, const json_t *config, const char *key, float **list,
	int64_t *count, struct cs_error *error)
{
	const json_t *value = json_object_get(config, key), *inner = value;
	bool valid = true;

	*list = NULL;
	*count = 0;
	for (int depth = 0; depth < 6; depth++) {
		if (json_is_object(inner) && json_object_get(inner, "value"))
			inner = json_object_get(inner, "value");
		else if (json_is_object(inner))
			inner = json_object_get(json_object_get(inner, "config"), "value");
		else if (json_array_size(inner) == 1 && !json_is_number(json_array_get(inner, 0)))
			inner = json_array_get(inner, 0);
	}
	if (!value || json_is_null(value))
		return CS_OK;
	*count = json_is_number(inner) ? 1 : (int64_t)json_array_size(inner);
	if (*count < 1 || *count > CS_KERAS_MAX_FEATURES)
		return cs_keras_unexpected(where, key, value, "a number, or one a channel", CS_ERR_UNSUPPORTED, error);
	*list = cs_calloc((size_t)*count, sizeof **list);
	if (!*list)
		return cs_fail_memory(error, "a layer");
	for (int64_t i = 0; i < *count; i++) {
		const json_t *one = json_is_number(inner) ? inner : json_array_get(inner, (size_t)i);
		double number = json_number_value(one);

		valid = valid && json_is_number(one) && number > -1e30 && number < 1e30;
		(*list)[i] = (float)number;
	}
	if (valid)
		return CS_OK;
	cs_free(*list);
	*list = NULL;
	return cs_keras_unexpected(where, key, value, "a number, or one a channel", CS_ERR_FORMAT, error);
}

/* A list of one is stretched to `count`. */
static enum cs_status stretch(float **list, int64_t *have, int64_t count, float standard, struct cs_error *error)
{
	float *longer, value = *have ? **list : standard;

	if (*have == count)
		return CS_OK;
	if (*have > 1)
		return CS_ERR_SHAPE;
	longer = cs_realloc(*list, (size_t)count, sizeof *longer);
	if (!longer)
		return cs_fail_memory(error, "a layer");
	for (int64_t i = 0; i < count; i++)
		longer[i] = value;
	*list = longer;
	*have = count;
	return CS_OK;
}

/* Two lists of numbers, one a channel, as constants of a batch norm. */
static enum cs_status fill_pair(struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config,
	const char *first, float standard, const char *second, float standard2, struct cs_error *error)
{
	int64_t a = 0, b = 0, count;
	enum cs_status status = read_list(where, config, first, &layer->constants[0], &a, error);

	if (!status)
		status = read_list(where, config, second, &layer->constants[1], &b, error);
	count = a > b ? a : b;
	if (status || !count)
		return status;
	status = stretch(&layer->constants[0], &a, count, standard, error);
	if (!status)
		status = stretch(&layer->constants[1], &b, count, standard2, error);
	if (status == CS_ERR_SHAPE)
		return cs_fail(error, CS_ERR_FORMAT, "layer '%.80s' (%.40s) has %lld numbers of %s, but %lld of %s",
			where.name, where.class_name, (long long)a, first, (long long)b, second);
	layer->constant_count = count;
	return status;
}

/* Batch norm adds something to the variance; so little that a variance of 1 stays 1, and the floor that Keras puts under a deviation. */
static struct cs_layer_spec affine(bool scaled)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_batchnorm_layer);

	spec.scale = spec.centre = scaled;
	spec.epsilon = 1e-14f;
	return spec;
}

/* Keras' Normalization, whose numbers stand in the architecture or, when it was adapted to data, among the weights. */
enum cs_status cs_keras_normalization(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	const json_t *axis = json_object_get(config, "axis");
	enum cs_status status;

	layer->spec = affine(false);
	if (json_array_size(axis) == 1)
		axis = json_array_get(axis, 0);
	if (json_is_integer(axis) && json_integer_value(axis) >= -4 && json_integer_value(axis) <= 3)
		layer->axis = (int)json_integer_value(axis);
	else if (axis && !json_is_null(axis) && !(json_is_array(axis) && !json_array_size(axis)))
		return cs_keras_unexpected(where, "axis", axis, "one axis", CS_ERR_UNSUPPORTED, error);
	if (json_is_true(json_object_get(config, "invert")))
		return cs_keras_lacks(where, "invert", error);
	status = fill_pair(layer, where, config, "mean", 0, "variance", 1, error);
	layer->normalization = !layer->constant_count;
	/* One number for all: any axis is the channels'. */
	if (!status && (layer->constant_count == 1 || !axis || json_is_null(axis) || json_is_array(axis)))
		layer->axis = INT_MAX;
	return status;
}

enum cs_status cs_keras_rescaling(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	enum cs_status status = fill_pair(layer, where, config, "scale", 1, "offset", 0, error);

	if (status)
		return status;
	if (layer->constant_count > 1) {
		layer->spec = affine(true);
		return CS_OK;
	}
	for (int i = 0; i < 2 && layer->constant_count; i++) {
		*(i ? &layer->spec.offset : &layer->spec.factor) = layer->constants[i][0];
		cs_free(layer->constants[i]);
		layer->constants[i] = NULL;
	}
	layer->constant_count = 0;
	return CS_OK;
}
