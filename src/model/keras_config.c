/* keras_config.c: a network's architecture as the JSON that Keras 2 writes, and Keras 3 still reads; and as Keras 3 writes it. See keras.h.
 *
 * In the first form the model is a Sequential that begins with an InputLayer carrying batch_input_shape. Keras 3 calls that key by another
 * name; in its form there is no InputLayer, and the model itself carries build_input_shape, which both understand. There every object says
 * which module it is of. A config holds only keys that every
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

/* Say which module an object is of, as Keras 3 does; takes and returns it. */
static json_t *of_module(json_t *object, const char *module)
{
	json_object_set_new(object, "module", json_string(module));
	json_object_set_new(object, "registered_name", json_null());
	return object;
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

static json_t *batch_shape(const struct cs_network *network)
{
	json_t *shape = json_pack("[n]");

	for (int i = 0; i < network->input.rank; i++)
		json_array_append_new(shape, json_integer(network->input.dim[i]));
	return shape;
}

static json_t *input_layer(const struct cs_network *network)
{
	/* Keras wants layer names to be unique. */
	const char *name = cs_network_find(network, "input_1") < 0 ? "input_1" : "convscope_input";

	return json_pack("{s:s, s:{s:o, s:s, s:b, s:s}}", "class_name", "InputLayer", "config", "batch_input_shape",
		batch_shape(network), "dtype", "float32", "sparse", 0, "name", name);
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

void cs_keras_snake(const char *class_name, char *out, size_t size)
{
	size_t used = 0;

	for (const char *at = class_name; *at && used + 3 < size; at++) {
		bool upper = *at >= 'A' && *at <= 'Z', word = at[1] >= 'a' && at[1] <= 'z';
		bool after = at > class_name && at[-1] >= 'a' && at[-1] <= 'z';

		if (upper && at > class_name && (word || after))
			out[used++] = '_';
		out[used++] = upper ? (char)(*at - 'A' + 'a') : *at;
	}
	out[used] = '\0';
}

const char *cs_keras_split_class(const struct cs_layer *layer)
{
	return layer->spec.activation == CS_LEAKY_RELU ? "LeakyReLU" : "ELU";
}

const char *cs_keras_class(const struct cs_layer *layer)
{
	return layer->ops == &cs_activation_layer && needs_layer(&layer->spec) ? cs_keras_split_class(layer)
									       : layer->ops->keras;
}

/* One more entry of the list of layers; takes the config. */
static bool add_entry(json_t *layers, const char *class_name, json_t *config, bool three)
{
	json_t *entry, *init;

	for (int i = 0; i < 2 && three; i++) {
		init = json_object_get(config, i ? "bias_initializer" : "kernel_initializer");
		if (init)
			of_module(init, "keras.initializers");
	}
	entry = json_pack("{s:s, s:o}", "class_name", class_name, "config", config);
	return entry && !json_array_append_new(layers, three ? of_module(entry, "keras.layers") : entry);
}

static enum cs_status add_layers(
	const struct cs_network *network, bool three, json_t *layers, json_t *fused, struct cs_error *error)
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
		if (!add_entry(layers, class_name, config, three))
			return cs_fail_memory(error, "a model's configuration");
		if (!cs_keras_splits(layer))
			continue;
		cs_keras_split_name(network, i, name, sizeof name);
		config = activation_layer(layer, name, &class_name);
		if (!add_entry(layers, class_name, config, three) ||
			json_object_set_new(fused, name, json_true()))
			return cs_fail_memory(error, "a model's configuration");
	}
	return CS_OK;
}

/* Keras' own name for a model may have anything but slashes. */
static json_t *model_name(const struct cs_network *network)
{
	char name[CS_NAME_SIZE];

	snprintf(name, sizeof name, "%s", network->name[0] ? network->name : "sequential");
	for (char *at = name; *at; at++)
		*at = *at == '/' ? '_' : *at;
	return json_string(name);
}

/* The model as text, our own key in it where layers were split; takes `root`, which is NULL without memory. */
static enum cs_status write_text(json_t *root, json_t *fused, char **json, struct cs_error *error)
{
	char *text;

	if (root && json_object_size(fused))
		json_object_set_new(root, "convscope", json_pack("{s:O}", "fused", fused));
	text = root ? json_dumps(root, 0) : NULL;
	*json = text ? cs_strdup(text) : NULL;
	free(text);
	json_decref(root);
	return *json ? CS_OK : cs_fail_memory(error, "a model's configuration (are the layers' names UTF-8?)");
}

enum cs_status cs_keras_config3(const struct cs_network *network, char **json, struct cs_error *error)
{
	json_t *layers = json_array(), *fused = json_object(), *root;
	enum cs_status status = add_layers(network, true, layers, fused, error);

	if (status)
		goto out;
	root = json_pack("{s:s, s:s, s:{s:o, s:b, s:s, s:O, s:o}, s:n, s:{s:o}}", "module", "keras", "class_name",
		"Sequential", "config", "name", model_name(network), "trainable", 1, "dtype", "float32", "layers", layers,
		"build_input_shape", batch_shape(network), "registered_name", "build_config", "input_shape",
		batch_shape(network));
	status = write_text(root, fused, json, error);
out:
	json_decref(layers);
	json_decref(fused);
	return status;
}

enum cs_status cs_keras_config(const struct cs_network *network, char **json, struct cs_error *error)
{
	json_t *layers = json_array(), *fused = json_object(), *root;
	enum cs_status status = CS_OK;

	if (json_array_append_new(layers, input_layer(network)))
		status = cs_fail_memory(error, "a model's configuration");
	if (!status)
		status = add_layers(network, false, layers, fused, error);
	if (status)
		goto out;
	root = json_pack("{s:s, s:{s:s, s:O}, s:s, s:s}", "class_name", "Sequential", "config", "name",
		network->name[0] ? network->name : "sequential", "layers", layers, "keras_version", CS_KERAS_VERSION,
		"backend", "tensorflow");
	status = write_text(root, fused, json, error);
out:
	json_decref(layers);
	json_decref(fused);
	return status;
}
