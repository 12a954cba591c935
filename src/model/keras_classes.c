/* keras_classes.c: Keras' layer classes, of all its versions, as specifications of our layers. See keras_plan.h.
 *
 * One function per family of classes fills a specification from the layer's config; a table maps class names to them. Classes
 * whose numbers stand in the architecture are in keras_constants.c. Layers that only act in training (noise, regularisers) become linear
 * activations, so that their names remain.
 */
#include "core/alloc.h"
#include "model/keras_plan.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SUPPORTED \
	"Conv2D, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, Dense, Flatten, " \
	"Activation, ReLU, " \
	"LeakyReLU, ELU, Softmax, Dropout, BatchNormalization, ZeroPadding2D, Rescaling, Normalization, InputLayer, " \
	"layers that act in training alone, and nested chains of these"

typedef enum cs_status (*fill)(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error);

static bool is_null(const json_t *config, const char *key)
{
	const json_t *value = json_object_get(config, key);

	return !value || json_is_null(value);
}

static const struct {
	const char *keras;
	enum cs_initialiser initialiser;
} initialisers[] = {
	{"HeNormal", CS_INIT_HE},
	{"he_normal", CS_INIT_HE},
	{"GlorotUniform", CS_INIT_GLOROT},
	{"glorot_uniform", CS_INIT_GLOROT},
	{"LecunNormal", CS_INIT_LECUN},
	{"lecun_normal", CS_INIT_LECUN},
	{"RandomNormal", CS_INIT_NORMAL},
	{"Zeros", CS_INIT_ZEROS},
	{"zeros", CS_INIT_ZEROS},
};

/* The initialiser matters to training afresh alone: an unknown one is no reason to refuse a model. */
static void read_initialiser(const json_t *config, struct cs_layer_spec *spec)
{
	const json_t *value = json_object_get(config, "kernel_initializer");
	const char *name = json_string_value(json_is_object(value) ? json_object_get(value, "class_name") : value);
	const json_t *deviation = json_object_get(json_object_get(value, "config"), "stddev");

	for (size_t i = 0; name && i < sizeof initialisers / sizeof *initialisers; i++) {
		if (!strcmp(name, initialisers[i].keras))
			spec->initialiser = initialisers[i].initialiser;
	}
	if (spec->initialiser == CS_INIT_NORMAL)
		spec->deviation = json_is_number(deviation) ? (float)json_number_value(deviation) : 0.05f;
}

static enum cs_status fill_activation(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	return cs_keras_activation(
		where, json_object_get(config, "activation"), &layer->spec.activation, &layer->spec.alpha, error);
}

static enum cs_status fill_conv(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	struct cs_layer_spec *spec = &layer->spec;
	int64_t dilation[2] = {1, 1}, groups = 1;
	enum cs_status status;

	layer->keras1 = json_object_get(config, "nb_filter") != NULL;
	if (is_null(config, layer->keras1 ? "nb_filter" : "filters"))
		return cs_keras_unexpected(where, "filters", NULL, "a whole number", CS_ERR_FORMAT, error);
	if (is_null(config, layer->keras1 ? "nb_row" : "kernel_size") || (layer->keras1 && is_null(config, "nb_col")))
		return cs_keras_unexpected(where, "kernel_size", NULL, "two whole numbers", CS_ERR_FORMAT, error);
	status = cs_keras_int(where, config, "filters", "nb_filter", 1, CS_KERAS_MAX_FEATURES, &spec->features, error);
	if (!status && layer->keras1)
		status = cs_keras_int(where, config, "nb_row", NULL, 1, 4096, &spec->kernel[0], error);
	if (!status && layer->keras1)
		status = cs_keras_int(where, config, "nb_col", NULL, 1, 4096, &spec->kernel[1], error);
	if (!status && !layer->keras1)
		status = cs_keras_pair(where, config, "kernel_size", NULL, 1, 4096, spec->kernel, error);
	if (!status)
		status = cs_keras_pair(where, config, "strides", "subsample", 1, 4096, spec->stride, error);
	if (!status)
		status = cs_keras_padding(where, config, &spec->padding, error);
	if (!status)
		status = cs_keras_pair(where, config, "dilation_rate", "atrous_rate", 1, 4096, dilation, error);
	if (!status)
		status = cs_keras_int(where, config, "groups", NULL, 1, CS_KERAS_MAX_FEATURES, &groups, error);
	if (!status && (dilation[0] != 1 || dilation[1] != 1))
		status = cs_keras_lacks(where, "a dilation rate over 1", error);
	if (!status && groups != 1)
		status = cs_keras_lacks(where, "several groups", error);
	if (!status)
		status = cs_keras_bool(where, config, "use_bias", "bias", &spec->bias, error);
	if (!status)
		status = cs_keras_layout(where, config, &layer->layout, error);
	if (!status)
		status = fill_activation(layer, where, config, error);
	layer->theano_order = layer->keras1 && layer->layout == 1;
	read_initialiser(config, spec);
	return status;
}

static enum cs_status fill_dense(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	struct cs_layer_spec *spec = &layer->spec;
	enum cs_status status;

	layer->keras1 = json_object_get(config, "output_dim") != NULL;
	if (is_null(config, layer->keras1 ? "output_dim" : "units"))
		return cs_keras_unexpected(where, "units", NULL, "a whole number", CS_ERR_FORMAT, error);
	status = cs_keras_int(where, config, "units", "output_dim", 1, CS_KERAS_MAX_FEATURES, &spec->features, error);
	if (!status)
		status = cs_keras_bool(where, config, "use_bias", "bias", &spec->bias, error);
	if (!status)
		status = fill_activation(layer, where, config, error);
	read_initialiser(config, spec);
	return status;
}

static enum cs_status fill_pool(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	struct cs_layer_spec *spec = &layer->spec;
	enum cs_status status;

	spec->window[0] = spec->window[1] = 2;
	spec->stride[0] = spec->stride[1] = 0;
	status = cs_keras_pair(where, config, "pool_size", NULL, 1, 4096, spec->window, error);
	if (!status)
		status = cs_keras_pair(where, config, "strides", NULL, 1, 4096, spec->stride, error);
	if (!status)
		status = cs_keras_padding(where, config, &spec->padding, error);
	if (!status)
		status = cs_keras_layout(where, config, &layer->layout, error);
	return status;
}

static enum cs_status fill_global(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	bool keep = false;
	enum cs_status status = cs_keras_bool(where, config, "keepdims", NULL, &keep, error);

	if (!status)
		status = cs_keras_layout(where, config, &layer->layout, error);
	layer->keepdims = keep;
	return status;
}

static enum cs_status fill_flatten(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	enum cs_status status = cs_keras_layout(where, config, &layer->layout, error);

	layer->raw_flatten = layer->layout != 1;
	return status;
}

static enum cs_status fill_dropout(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	enum cs_status status = cs_keras_number(where, config, "rate", "p", &layer->spec.rate, error);

	if (!status && !(layer->spec.rate >= 0 && layer->spec.rate < 1))
		return cs_keras_unexpected(where, "rate",
			json_object_get(config, json_object_get(config, "rate") ? "rate" : "p"),
			"a share from 0 to below 1", CS_ERR_FORMAT, error);
	return status;
}

static enum cs_status fill_batchnorm(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	const json_t *axis = json_object_get(config, "axis");
	int64_t number = -1, mode = 0;
	enum cs_status status;

	if (json_array_size(axis) == 1)
		axis = json_array_get(axis, 0);
	if (axis && !json_is_null(axis)) {
		if (!json_is_integer(axis) || json_integer_value(axis) < -4 || json_integer_value(axis) > 3)
			return cs_keras_unexpected(where, "axis", axis, "one axis", CS_ERR_UNSUPPORTED, error);
		number = json_integer_value(axis);
	}
	layer->axis = (int)number;
	status = cs_keras_number(where, config, "epsilon", NULL, &layer->spec.epsilon, error);
	if (!status)
		status = cs_keras_number(where, config, "momentum", NULL, &layer->spec.momentum, error);
	if (!status)
		status = cs_keras_bool(where, config, "center", NULL, &layer->spec.centre, error);
	if (!status)
		status = cs_keras_bool(where, config, "scale", NULL, &layer->spec.scale, error);
	if (!status)
		status = cs_keras_int(where, config, "mode", NULL, 0, 2, &mode, error);
	if (!status && mode != 0)
		status = cs_keras_lacks(where, "mode 1 or 2 (statistics of the batch at hand)", error);
	if (!status && json_is_true(json_object_get(config, "renorm")))
		status = cs_keras_lacks(where, "renorm", error);
	return status;
}

static enum cs_status fill_zeropad(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	static const char *const sides[] = {"top_pad", "bottom_pad", "left_pad", "right_pad"};
	const json_t *padding = json_object_get(config, "padding");
	int64_t *border = layer->spec.border, pair[2] = {1, 1};
	enum cs_status status = CS_OK;

	border[0] = border[1] = border[2] = border[3] = 1;
	if (json_is_object(padding)) {
		for (int i = 0; i < 4 && !status; i++) {
			border[i] = 0;
			status = cs_keras_int(where, padding, sides[i], NULL, 0, 1 << 16, &border[i], error);
		}
	} else if (json_is_array(json_array_get(padding, 0))) {
		for (size_t axis = 0; axis < 2 && !status; axis++) {
			json_t *one = json_pack("{s:O}", "padding", json_array_get(padding, axis));

			status = one ? cs_keras_pair(where, one, "padding", NULL, 0, 1 << 16, border + 2 * axis, error)
				     : cs_keras_unexpected(where, "padding", padding, "((top, bottom), (left, right))",
					       CS_ERR_FORMAT, error);
			json_decref(one);
		}
	} else if (json_array_size(padding) == 4) {
		for (size_t i = 0; i < 4 && !status; i++) {
			json_t *one = json_pack("{s:O}", "padding", json_array_get(padding, i));

			status = one ? cs_keras_int(where, one, "padding", NULL, 0, 1 << 16, &border[i], error)
				     : cs_fail_memory(error, "a layer");
			json_decref(one);
		}
	} else {
		status = cs_keras_pair(where, config, "padding", NULL, 0, 1 << 16, pair, error);
		border[0] = border[1] = pair[0];
		border[2] = border[3] = pair[1];
	}
	if (!status)
		status = cs_keras_layout(where, config, &layer->layout, error);
	return status;
}

/* Keras 1 to 3 call their own shapes `target_shape` and `dims`. */
static enum cs_status fill_reshape(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	const json_t *target = json_object_get(config, "target_shape");
	size_t rank;

	if (!target)
		target = json_object_get(config, "dims");
	if (json_is_integer(target)) {
		layer->target_rank = 1;
		layer->target[0] = json_integer_value(target);
	} else {
		rank = json_array_size(target);
		if (!json_is_array(target) || rank < 1)
			return cs_keras_unexpected(
				where, "target_shape", target, "a list of sizes", CS_ERR_FORMAT, error);
		layer->target_rank = rank > 4 ? 4 : (int)rank;
		for (size_t i = 0; i < rank && i < 3; i++)
			layer->target[i] = json_integer_value(json_array_get(target, i));
	}
	for (int i = 0; i < layer->target_rank && i < 3; i++) {
		if (layer->target[i] == 0 || layer->target[i] < -1 || layer->target[i] > CS_KERAS_MAX_VOLUME)
			return cs_keras_unexpected(
				where, "target_shape", target, "sizes of 1 or more", CS_ERR_FORMAT, error);
	}
	layer->reshape = true;
	layer->raw_flatten = true;
	return CS_OK;
}

/* Resizing and CenterCrop: nothing where the size is right, or where the input's is theirs to say. */
static enum cs_status fill_resize(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	for (int i = 0; i < 2 && !status; i++)
		status =
			cs_keras_int(where, config, i ? "width" : "height", NULL, 1, 1 << 16, &layer->target[i], error);
	layer->resize = true;
	if (!status)
		status = cs_keras_layout(where, config, &layer->layout, error);
	return status;
}

/* ReLU, LeakyReLU, ELU, Softmax as layers; ThresholdedReLU, PReLU and SELU are others. */
static enum cs_status fill_relu(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	float limit = -1, threshold = 0, slope = 0;
	enum cs_status status = cs_keras_number(where, config, "max_value", NULL, &limit, error);

	if (!status)
		status = cs_keras_number(where, config, "threshold", "theta", &threshold, error);
	if (!status)
		status = cs_keras_number(where, config, "negative_slope", NULL, &slope, error);
	if (!status && limit >= 0)
		status = cs_keras_lacks(where, "a max_value", error);
	if (!status && threshold != 0)
		status = cs_keras_lacks(where, "a threshold", error);
	layer->spec.activation = slope != 0 ? CS_LEAKY_RELU : CS_RELU;
	layer->spec.alpha = slope;
	return status;
}

static enum cs_status fill_leaky_relu(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	layer->spec.activation = CS_LEAKY_RELU;
	layer->spec.alpha = 0.3f;
	return cs_keras_number(where, config, "negative_slope", "alpha", &layer->spec.alpha, error);
}

static enum cs_status fill_elu(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	layer->spec.activation = CS_ELU;
	layer->spec.alpha = 1;
	return cs_keras_number(where, config, "alpha", NULL, &layer->spec.alpha, error);
}

static enum cs_status fill_softmax(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	const json_t *axis = json_object_get(config, "axis");

	layer->spec.activation = CS_SOFTMAX;
	if (json_array_size(axis) == 1)
		axis = json_array_get(axis, 0);
	if (!axis || json_is_null(axis))
		return CS_OK;
	if (!json_is_integer(axis) || json_integer_value(axis) < -4 || json_integer_value(axis) > 3)
		return cs_keras_unexpected(where, "axis", axis, "one axis", CS_ERR_UNSUPPORTED, error);
	layer->axis = (int)json_integer_value(axis);
	return CS_OK;
}

static enum cs_status fill_nothing(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	(void)layer;
	(void)where;
	(void)config;
	(void)error;
	return CS_OK;
}

static const struct {
	const char *keras;
	const struct cs_layer_ops *ops;
	fill fill;
} classes[] = {
	{"Conv2D", &cs_conv_layer, fill_conv},
	{"Convolution2D", &cs_conv_layer, fill_conv},
	{"MaxPooling2D", &cs_maxpool_layer, fill_pool},
	{"MaxPool2D", &cs_maxpool_layer, fill_pool},
	{"AveragePooling2D", &cs_avgpool_layer, fill_pool},
	{"AvgPool2D", &cs_avgpool_layer, fill_pool},
	{"GlobalAveragePooling2D", &cs_global_avgpool_layer, fill_global},
	{"GlobalAvgPool2D", &cs_global_avgpool_layer, fill_global},
	{"GlobalMaxPooling2D", &cs_global_maxpool_layer, fill_global},
	{"GlobalMaxPool2D", &cs_global_maxpool_layer, fill_global},
	{"Dense", &cs_dense_layer, fill_dense},
	{"Flatten", &cs_flatten_layer, fill_flatten},
	{"Activation", &cs_activation_layer, fill_activation},
	{"ReLU", &cs_activation_layer, fill_relu},
	{"LeakyReLU", &cs_activation_layer, fill_leaky_relu},
	{"ELU", &cs_activation_layer, fill_elu},
	{"Softmax", &cs_activation_layer, fill_softmax},
	{"Dropout", &cs_dropout_layer, fill_dropout},
	{"BatchNormalization", &cs_batchnorm_layer, fill_batchnorm},
	{"BatchNormalizationV1", &cs_batchnorm_layer, fill_batchnorm},
	{"BatchNormalizationV2", &cs_batchnorm_layer, fill_batchnorm},
	{"ZeroPadding2D", &cs_zeropad_layer, fill_zeropad},
	{"SyncBatchNormalization", &cs_batchnorm_layer, fill_batchnorm},
	{"Rescaling", &cs_rescale_layer, cs_keras_rescaling},
	{"Normalization", &cs_batchnorm_layer, cs_keras_normalization},
	{"Reshape", &cs_flatten_layer, fill_reshape},
	{"Resizing", &cs_activation_layer, fill_resize},
	{"CenterCrop", &cs_activation_layer, fill_resize},
	{"RandomCrop", &cs_activation_layer, fill_resize},
	/* They act in training alone; names and shapes remain. */
	{"SpatialDropout2D", &cs_activation_layer, fill_nothing},
	{"AlphaDropout", &cs_activation_layer, fill_nothing},
	{"GaussianDropout", &cs_activation_layer, fill_nothing},
	{"GaussianNoise", &cs_activation_layer, fill_nothing},
	{"ActivityRegularization", &cs_activation_layer, fill_nothing},
	{"Identity", &cs_activation_layer, fill_nothing},
	{"AugMix", &cs_activation_layer, fill_nothing},
	{"CutMix", &cs_activation_layer, fill_nothing},
	{"MixUp", &cs_activation_layer, fill_nothing},
	{"RandAugment", &cs_activation_layer, fill_nothing},
	{"RandomBrightness", &cs_activation_layer, fill_nothing},
	{"RandomColorDegeneration", &cs_activation_layer, fill_nothing},
	{"RandomColorJitter", &cs_activation_layer, fill_nothing},
	{"RandomContrast", &cs_activation_layer, fill_nothing},
	{"RandomElasticTransform", &cs_activation_layer, fill_nothing},
	{"RandomErasing", &cs_activation_layer, fill_nothing},
	{"RandomFlip", &cs_activation_layer, fill_nothing},
	{"RandomGaussianBlur", &cs_activation_layer, fill_nothing},
	{"RandomGrayscale", &cs_activation_layer, fill_nothing},
	{"RandomHeight", &cs_activation_layer, fill_nothing},
	{"RandomHue", &cs_activation_layer, fill_nothing},
	{"RandomInvert", &cs_activation_layer, fill_nothing},
	{"RandomPerspective", &cs_activation_layer, fill_nothing},
	{"RandomPosterization", &cs_activation_layer, fill_nothing},
	{"RandomRotation", &cs_activation_layer, fill_nothing},
	{"RandomSaturation", &cs_activation_layer, fill_nothing},
	{"RandomSharpness", &cs_activation_layer, fill_nothing},
	{"RandomShear", &cs_activation_layer, fill_nothing},
	{"RandomTranslation", &cs_activation_layer, fill_nothing},
	{"RandomWidth", &cs_activation_layer, fill_nothing},
	{"RandomZoom", &cs_activation_layer, fill_nothing},
};

/* Keys that may be missing, but for which Keras takes no null: a model with one was not written by Keras. */
static const struct {
	fill fill;
	const char *keys[8], *expected;
} never_null[] = {
	{fill_conv, {"strides", "subsample", "dilation_rate", "atrous_rate"}, "one or two whole numbers"},
	{fill_conv, {"padding", "border_mode"}, "\"valid\" or \"same\""},
	{fill_conv, {"use_bias", "bias"}, "true or false"},
	{fill_dense, {"use_bias", "bias"}, "true or false"},
	{fill_pool, {"pool_size"}, "one or two whole numbers"},
	{fill_pool, {"padding", "border_mode"}, "\"valid\" or \"same\""},
	{fill_batchnorm, {"epsilon", "momentum"}, "a number"},
	{fill_batchnorm, {"center", "scale"}, "true or false"},
	{fill_zeropad, {"padding"}, "one or two whole numbers, or ((top, bottom), (left, right))"},
};

static enum cs_status check_nulls(
	fill class_fill, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	for (size_t i = 0; i < sizeof never_null / sizeof *never_null; i++) {
		for (const char *const *key = never_null[i].keys; never_null[i].fill == class_fill && *key; key++) {
			const json_t *value = json_object_get(config, *key);

			if (json_is_null(value))
				return cs_keras_unexpected(
					where, *key, value, never_null[i].expected, CS_ERR_FORMAT, error);
		}
	}
	return CS_OK;
}

enum cs_status cs_keras_unknown(struct cs_keras_where where, struct cs_error *error)
{
	bool vowel = where.class_name[0] && strchr("AEIOU", where.class_name[0]);

	/* As it is spoken. */
	vowel = vowel || !strncmp(where.class_name, "LSTM", 4);

	return cs_fail(error, CS_ERR_UNSUPPORTED,
		"layer '%.80s' is %s %.40s, which convscope cannot run; supported are " SUPPORTED, where.name,
		vowel ? "an" : "a", where.class_name);
}

enum cs_status cs_keras_fill(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		enum cs_status status;

		if (strcmp(where.class_name, classes[i].keras))
			continue;
		layer->spec = cs_layer_spec_default(classes[i].ops);
		status = check_nulls(classes[i].fill, where, config, error);
		return status ? status : classes[i].fill(layer, where, config, error);
	}
	return cs_keras_unknown(where, error);
}
