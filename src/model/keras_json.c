/* keras_json.c: numbers and words out of a layer's config. See keras_plan.h.
 *
 * Configurations come from strangers: every value is checked for its type and range before it is used, and an error says
 * which layer, which key, what stood there and what was expected.
 */
#include "model/keras_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum cs_status cs_keras_unexpected(struct cs_keras_where where, const char *key, const json_t *value,
	const char *expected, enum cs_status status, struct cs_error *error)
{
	char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	status = cs_fail(error, status, "layer '%.80s' (%.40s): %s is %.60s%s, expected %s", where.name,
		where.class_name, key, text ? text : "missing", text && strlen(text) > 60 ? "..." : "", expected);
	free(text);
	return status;
}

enum cs_status cs_keras_lacks(struct cs_keras_where where, const char *what, struct cs_error *error)
{
	return cs_fail(error, CS_ERR_UNSUPPORTED, "layer '%.80s' (%.40s) has %s, which convscope cannot do", where.name,
		where.class_name, what);
}

static const json_t *find(const json_t *config, const char *key, const char *old, const char **found)
{
	const json_t *value = json_object_get(config, key);

	*found = key;
	if (!value && old) {
		value = json_object_get(config, old);
		if (value)
			*found = old;
	}
	return value && !json_is_null(value) ? value : NULL;
}

/* A whole number, also one that was written as 3.0. */
static bool whole(const json_t *value, int64_t min, int64_t max, int64_t *out)
{
	int64_t number;

	if (json_is_integer(value)) {
		number = json_integer_value(value);
	} else if (json_is_real(value)) {
		double real = json_real_value(value);

		if (!(real >= -1e15 && real <= 1e15) || real != (double)(int64_t)real)
			return false;
		number = (int64_t)real;
	} else {
		return false;
	}
	if (number < min || number > max)
		return false;
	*out = number;
	return true;
}

enum cs_status cs_keras_int(struct cs_keras_where where, const json_t *config, const char *key, const char *old,
	int64_t min, int64_t max, int64_t *out, struct cs_error *error)
{
	const char *found;
	const json_t *value = find(config, key, old, &found);
	char expected[80];

	if (!value || whole(value, min, max, out))
		return CS_OK;
	snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64, min, max);
	return cs_keras_unexpected(where, found, value, expected, CS_ERR_FORMAT, error);
}

enum cs_status cs_keras_pair(struct cs_keras_where where, const json_t *config, const char *key, const char *old,
	int64_t min, int64_t max, int64_t out[2], struct cs_error *error)
{
	const char *found;
	const json_t *value = find(config, key, old, &found);
	char expected[80];
	int64_t pair[2];

	if (!value)
		return CS_OK;
	if (whole(value, min, max, &pair[0])) {
		out[0] = out[1] = pair[0];
		return CS_OK;
	}
	if (json_array_size(value) == 2 && whole(json_array_get(value, 0), min, max, &pair[0]) &&
		whole(json_array_get(value, 1), min, max, &pair[1])) {
		memcpy(out, pair, sizeof pair);
		return CS_OK;
	}
	snprintf(expected, sizeof expected, "one or two whole numbers from %" PRId64 " to %" PRId64, min, max);
	return cs_keras_unexpected(where, found, value, expected, CS_ERR_FORMAT, error);
}

enum cs_status cs_keras_number(struct cs_keras_where where, const json_t *config, const char *key, const char *old,
	float *out, struct cs_error *error)
{
	const char *found;
	const json_t *value = find(config, key, old, &found), *inner = value;

	if (!value)
		return CS_OK;
	/* Keras 2.1 wrote numpy scalars as {"type": "ndarray", "value": 0.3}. */
	if (json_is_object(inner))
		inner = json_object_get(inner, "value");
	if (!json_is_number(inner) || !(json_number_value(inner) > -1e30 && json_number_value(inner) < 1e30))
		return cs_keras_unexpected(where, found, value, "a number", CS_ERR_FORMAT, error);
	*out = (float)json_number_value(inner);
	return CS_OK;
}

enum cs_status cs_keras_bool(struct cs_keras_where where, const json_t *config, const char *key, const char *old,
	bool *out, struct cs_error *error)
{
	const char *found;
	const json_t *value = find(config, key, old, &found);

	if (!value)
		return CS_OK;
	if (json_is_boolean(value))
		*out = json_is_true(value);
	else if (json_is_integer(value) && (json_integer_value(value) == 0 || json_integer_value(value) == 1))
		*out = json_integer_value(value) == 1;
	else
		return cs_keras_unexpected(where, found, value, "true or false", CS_ERR_FORMAT, error);
	return CS_OK;
}

enum cs_status cs_keras_padding(
	struct cs_keras_where where, const json_t *config, enum cs_padding *out, struct cs_error *error)
{
	const char *found;
	const json_t *value = find(config, "padding", "border_mode", &found);
	const char *word = json_string_value(value);

	if (!value)
		return CS_OK;
	if (word && !strcmp(word, "valid"))
		*out = CS_PADDING_VALID;
	else if (word && !strcmp(word, "same"))
		*out = CS_PADDING_SAME;
	else
		return cs_keras_unexpected(
			where, found, value, "\"valid\" or \"same\"", word ? CS_ERR_UNSUPPORTED : CS_ERR_FORMAT, error);
	return CS_OK;
}

enum cs_status cs_keras_layout(struct cs_keras_where where, const json_t *config, int *out, struct cs_error *error)
{
	const char *found;
	const json_t *value = find(config, "data_format", "dim_ordering", &found);
	const char *word = json_string_value(value);

	if (!value || (word && !strcmp(word, "default")))
		return CS_OK;
	if (word && (!strcmp(word, "channels_last") || !strcmp(word, "tf")))
		*out = 0;
	else if (word && (!strcmp(word, "channels_first") || !strcmp(word, "th")))
		*out = 1;
	else
		return cs_keras_unexpected(
			where, found, value, "channels_last or channels_first", CS_ERR_FORMAT, error);
	return CS_OK;
}

enum cs_status cs_keras_activation(
	struct cs_keras_where where, const json_t *value, enum cs_activation *out, float *alpha, struct cs_error *error)
{
	static const char expected[] = "linear, relu, leaky_relu, elu, sigmoid, tanh or softmax";
	static const struct {
		const char *class_name, *word;
	} classes[] = {{"ReLU", "relu"}, {"LeakyReLU", "leaky_relu"}, {"ELU", "elu"}, {"Softmax", "softmax"}};
	const json_t *config = NULL, *name = value;
	enum cs_activation activation = CS_LINEAR;
	bool known = false;

	if (!value || json_is_null(value)) {
		*out = CS_LINEAR;
		return CS_OK;
	}
	/* Keras 3: {"class_name": "function", "config": "relu"}; either: a layer in the place of a function. */
	if (json_is_object(value)) {
		const char *class_name = json_string_value(json_object_get(value, "class_name"));

		config = json_object_get(value, "config");
		name = json_is_string(config) ? config : json_object_get(value, "class_name");
		for (size_t i = 0; class_name && i < sizeof classes / sizeof *classes; i++) {
			if (strcmp(class_name, classes[i].class_name))
				continue;
			if (json_is_object(config)) {
				float limit = -1, threshold = 0;
				enum cs_status status =
					cs_keras_number(where, config, "max_value", NULL, &limit, error);

				if (!status)
					status = cs_keras_number(where, config, "threshold", NULL, &threshold, error);
				if (status)
					return status;
				if (limit >= 0 || threshold != 0)
					return cs_keras_unexpected(
						where, "activation", value, expected, CS_ERR_UNSUPPORTED, error);
			}
			known = cs_activation_parse(classes[i].word, &activation);
			break;
		}
	}
	/* What TensorFlow's own function is called in a file. */
	if (json_is_string(name) && !strcmp(json_string_value(name), "softmax_v2"))
		known = cs_activation_parse("softmax", &activation);
	if (!known && (!json_is_string(name) || !cs_activation_parse(json_string_value(name), &activation)))
		return cs_keras_unexpected(where, "activation", value, expected,
			json_is_string(name) ? CS_ERR_UNSUPPORTED : CS_ERR_FORMAT, error);
	/* What Keras' functions take where no layer says otherwise. */
	if (activation == CS_LEAKY_RELU)
		*alpha = json_is_object(config) ? 0.3f : 0.2f;
	else if (activation == CS_ELU)
		*alpha = 1;
	else
		*alpha = 0;
	if (json_is_object(config)) {
		enum cs_status status = cs_keras_number(where, config, "negative_slope", "alpha", alpha, error);

		if (status)
			return status;
		if (activation == CS_RELU && *alpha != 0)
			activation = CS_LEAKY_RELU;
	}
	*out = activation;
	return CS_OK;
}
