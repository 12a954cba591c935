/* keras_config.c: a network's architecture as the JSON that Keras 2 writes, and Keras 3 still reads. See keras.h.
 *
 * The model is a Sequential that begins with an InputLayer carrying batch_input_shape. A config holds only keys that every
 * Keras since 2.0 takes. What a plain activation name cannot say (the slope of a leaky ReLU, an ELU's scale) is written as a
 * layer of its own behind the convolution; our own key "convscope" beside "config", which Keras ignores, lists such layers,
 * so that reading the file back gives the very network that was written.
 */
#include "core/alloc.h"
#include "model/keras.h"
#include "model/keras_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest decimal that is this float: 0.3 rather than 0.30000001192092896. */
static json_t *number(float value)
{
	char text[40];

	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, (double)value);
		if (strtof(text, NULL) == value)
			break;
	}
	return json_real(strtod(text, NULL));
}

static json_t *pair(const int64_t values[2])
{
	return json_pack("[I,I]", (json_int_t)values[0], (json_int_t)values[1]);
}

static const char *padding_name(enum cs_padding padding)
{
	return padding == CS_PADDING_SAME ? "same" : "valid";
}

/* True when the activation needs a layer of its own. */
static bool needs_layer(const struct cs_layer_spec *spec)
{
	return spec->activation == CS_LEAKY_RELU || (spec->activation == CS_ELU && spec->alpha != 1);
}

static json_t *initialiser(const struct cs_layer_spec *spec)
{
	bool rectified = spec->activation == CS_RELU || spec->activation == CS_LEAKY_RELU || spec->activation == CS_ELU;
	const char *name = rectified ? "HeNormal" : "GlorotUniform";

	switch (spec->initialiser) {
	case CS_INIT_DEFAULT:
		break;
	case CS_INIT_HE:
		name = "HeNormal";
		break;
	case CS_INIT_GLOROT:
		name = "GlorotUniform";
		break;
	case CS_INIT_LECUN:
		name = "LecunNormal";
		break;
	case CS_INIT_NORMAL:
		/* sqrt(1 / fan_in) is LeCun's; Keras' truncates the tails, which matters to no one who reads weights. */
		if (spec->deviation > 0)
			return json_pack("{s:s, s:{s:f, s:o, s:n}}", "class_name", "RandomNormal", "config", "mean",
				0.0, "stddev", number(spec->deviation), "seed");
		name = "LecunNormal";
		break;
	case CS_INIT_ZEROS:
		return json_pack("{s:s, s:{}}", "class_name", "Zeros", "config");
	}
	return json_pack("{s:s, s:{s:n}}", "class_name", name, "config", "seed");
}

/* The keys that every layer has. */
static json_t *base(const struct cs_layer *layer, const char *name)
{
	return json_pack("{s:s, s:b, s:s}", "name", name, "trainable", layer->frozen ? 0 : 1, "dtype", "float32");
}

static json_t *activation_layer(const struct cs_layer *layer, const char *name, const char **class_name)
{
	const struct cs_layer_spec *spec = &layer->spec;
	json_t *config = base(layer, name);

	if (spec->activation == CS_LEAKY_RELU) {
		*class_name = "LeakyReLU";
		json_object_set_new(config, "alpha", number(spec->alpha));
	} else if (spec->activation == CS_ELU && spec->alpha != 1) {
		*class_name = "ELU";
		json_object_set_new(config, "alpha", number(spec->alpha));
	} else {
		*class_name = "Activation";
		json_object_set_new(config, "activation", json_string(cs_activation_name(spec->activation)));
	}
	return config;
}

static void add_kernel_keys(const struct cs_layer_spec *spec, json_t *config)
{
	json_object_set_new(
		config, "activation", json_string(needs_layer(spec) ? "linear" : cs_activation_name(spec->activation)));
	json_object_set_new(config, "use_bias", json_boolean(spec->bias));
	json_object_set_new(config, "kernel_initializer", initialiser(spec));
	json_object_set_new(config, "bias_initializer", json_pack("{s:s, s:{}}", "class_name", "Zeros", "config"));
}

/* The config of one layer; NULL when memory ran out. *class_name receives Keras' word, NULL for a kind Keras has no word for. */
static json_t *layer_config(const struct cs_layer *layer, const char **class_name)
{
	const struct cs_layer_spec *spec = &layer->spec;
	const struct cs_layer_ops *ops = layer->ops;
	json_t *config;

	*class_name = ops->keras;
	if (ops == &cs_activation_layer)
		return activation_layer(layer, spec->name, class_name);
	config = base(layer, spec->name);
	if (ops == &cs_conv_layer) {
		json_object_set_new(config, "filters", json_integer(spec->features));
		json_object_set_new(config, "kernel_size", pair(spec->kernel));
		json_object_set_new(config, "strides", pair(spec->stride));
		json_object_set_new(config, "padding", json_string(padding_name(spec->padding)));
		json_object_set_new(config, "data_format", json_string("channels_last"));
		json_object_set_new(config, "dilation_rate", json_pack("[i,i]", 1, 1));
		add_kernel_keys(spec, config);
	} else if (ops == &cs_dense_layer) {
		json_object_set_new(config, "units", json_integer(spec->features));
		add_kernel_keys(spec, config);
	} else if (ops == &cs_maxpool_layer || ops == &cs_avgpool_layer) {
		int64_t stride[2] = {
			spec->stride[0] ? spec->stride[0] : spec->window[0],
			spec->stride[1] ? spec->stride[1] : spec->window[1],
		};

		json_object_set_new(config, "pool_size", pair(spec->window));
		json_object_set_new(config, "strides", pair(stride));
		json_object_set_new(config, "padding", json_string(padding_name(spec->padding)));
		json_object_set_new(config, "data_format", json_string("channels_last"));
	} else if (ops == &cs_global_avgpool_layer || ops == &cs_global_maxpool_layer || ops == &cs_flatten_layer) {
		json_object_set_new(config, "data_format", json_string("channels_last"));
	} else if (ops == &cs_dropout_layer) {
		json_object_set_new(config, "rate", number(spec->rate));
	} else if (ops == &cs_batchnorm_layer) {
		json_object_set_new(config, "axis", json_integer(-1));
		json_object_set_new(config, "momentum", number(spec->momentum));
		json_object_set_new(config, "epsilon", number(spec->epsilon));
		json_object_set_new(config, "center", json_boolean(spec->centre));
		json_object_set_new(config, "scale", json_boolean(spec->scale));
	} else if (ops == &cs_zeropad_layer) {
		json_object_set_new(config, "padding",
			json_pack("[[I,I],[I,I]]", (json_int_t)spec->border[0], (json_int_t)spec->border[1],
				(json_int_t)spec->border[2], (json_int_t)spec->border[3]));
		json_object_set_new(config, "data_format", json_string("channels_last"));
	} else if (ops == &cs_rescale_layer) {
		json_object_set_new(config, "scale", number(spec->factor));
		json_object_set_new(config, "offset", number(spec->offset));
	} else {
		*class_name = NULL;
	}
	return config;
}

static json_t *input_layer(const struct cs_network *network)
{
	json_t *shape = json_pack("[n]");
	/* Keras wants layer names to be unique. */
	const char *name = cs_network_find(network, "input_1") < 0 ? "input_1" : "convscope_input";

	for (int i = 0; i < network->input.rank; i++)
		json_array_append_new(shape, json_integer(network->input.dim[i]));
	return json_pack("{s:s, s:{s:o, s:s, s:b, s:s}}", "class_name", "InputLayer", "config", "batch_input_shape",
		shape, "dtype", "float32", "sparse", 0, "name", name);
}

void cs_keras_split_name(const struct cs_network *network, int layer, char *name, size_t size)
{
	const char *own = network->layers[layer].spec.name;

	snprintf(name, size, "%s_activation", own);
	for (int i = 0; cs_network_find(network, name) >= 0; i++)
		snprintf(name, size, "%s_activation_%d", own, i);
}

bool cs_keras_splits(const struct cs_layer *layer)
{
	return (layer->ops == &cs_conv_layer || layer->ops == &cs_dense_layer) && needs_layer(&layer->spec);
}

static enum cs_status add_layers(
	const struct cs_network *network, json_t *layers, json_t *fused, struct cs_error *error)
{
	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *layer = &network->layers[i];
		const char *class_name;
		json_t *config = layer_config(layer, &class_name);
		char name[2 * CS_NAME_SIZE];

		if (!class_name) {
			json_decref(config);
			return cs_fail(error, CS_ERR_UNSUPPORTED, "layer %d '%s' (%s) has no counterpart in Keras", i,
				layer->spec.name, layer->ops->type);
		}
		if (json_array_append_new(layers, json_pack("{s:s, s:o}", "class_name", class_name, "config", config)))
			return cs_fail_memory(error, "a model's configuration");
		if (!cs_keras_splits(layer))
			continue;
		cs_keras_split_name(network, i, name, sizeof name);
		config = activation_layer(layer, name, &class_name);
		if (json_array_append_new(
			    layers, json_pack("{s:s, s:o}", "class_name", class_name, "config", config)) ||
			json_object_set_new(fused, name, json_true()))
			return cs_fail_memory(error, "a model's configuration");
	}
	return CS_OK;
}

enum cs_status cs_keras_config(const struct cs_network *network, char **json, struct cs_error *error)
{
	json_t *layers = json_array(), *fused = json_object(), *root = NULL;
	enum cs_status status = CS_OK;
	char *text = NULL;

	if (json_array_append_new(layers, input_layer(network)))
		status = cs_fail_memory(error, "a model's configuration");
	if (!status)
		status = add_layers(network, layers, fused, error);
	if (status)
		goto out;
	root = json_pack("{s:s, s:{s:s, s:O}, s:s, s:s}", "class_name", "Sequential", "config", "name",
		network->name[0] ? network->name : "sequential", "layers", layers, "keras_version", CS_KERAS_VERSION,
		"backend", "tensorflow");
	if (root && json_object_size(fused))
		json_object_set_new(root, "convscope", json_pack("{s:O}", "fused", fused));
	text = root ? json_dumps(root, 0) : NULL;
	*json = text ? cs_strdup(text) : NULL;
	if (!*json)
		status = cs_fail_memory(error, "a model's configuration (are the layers' names UTF-8?)");
	free(text);
out:
	json_decref(root);
	json_decref(layers);
	json_decref(fused);
	return status;
}
