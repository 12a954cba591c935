/* keras_shape.c: the shapes of a Keras architecture, before a network is made of it. See keras_plan.h.
 *
 * Channels-first models become channels-last here: activations have no memory of the file, kernels are the same (Keras 2 on)
 * or are turned when read (Keras 1). Only a flatten that keeps the order of memory leaves a trace: what follows it counts its
 * inputs as c,h,w, so the rows of the next dense kernel (and the vectors of batch norms between) must be permuted.
 */
#include "core/alloc.h"
#include "model/keras_plan.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

int cs_keras_params(
	const struct cs_keras_layer *layer, const char *names[CS_MAX_PARAMS], struct cs_shape shapes[CS_MAX_PARAMS])
{
	const struct cs_layer_spec *spec = &layer->spec;
	int64_t channels = layer->in.dim[layer->in.rank - 1];
	int count = 0;

	if (spec->ops == &cs_conv_layer) {
		names[count] = "kernel";
		shapes[count++] = CS_SHAPE(spec->kernel[0], spec->kernel[1], channels, spec->features);
	} else if (spec->ops == &cs_dense_layer) {
		names[count] = "kernel";
		shapes[count++] = CS_SHAPE(channels, spec->features);
	} else if (spec->ops == &cs_batchnorm_layer) {
		if (spec->scale) {
			names[count] = "gamma";
			shapes[count++] = CS_SHAPE(channels);
		}
		if (spec->centre) {
			names[count] = "beta";
			shapes[count++] = CS_SHAPE(channels);
		}
		names[count] = "moving_mean";
		shapes[count++] = CS_SHAPE(channels);
		names[count] = "moving_variance";
		shapes[count++] = CS_SHAPE(channels);
		return count;
	}
	if (count && spec->bias) {
		names[count] = "bias";
		shapes[count++] = CS_SHAPE(spec->features);
	}
	return count;
}

static enum cs_status bad_shape(const struct cs_keras_layer *layer, const char *what, struct cs_error *error)
{
	char text[CS_SHAPE_TEXT];

	return cs_fail(error, CS_ERR_SHAPE, "layer '%.80s' (%.40s) %s, but its input is %s", layer->name,
		layer->class_name, what, cs_shape_text(&layer->in, text, sizeof text));
}

static enum cs_status window_shape(struct cs_keras_layer *layer, const int64_t window[2], struct cs_error *error)
{
	const struct cs_layer_spec *spec = &layer->spec;
	char what[120];
	int64_t before;

	for (int axis = 0; axis < 2; axis++) {
		int64_t stride = spec->stride[axis] ? spec->stride[axis] : window[axis];

		layer->out.dim[axis] =
			cs_window_output(layer->in.dim[axis], window[axis], stride, spec->padding, &before);
		if (layer->out.dim[axis] < 1) {
			snprintf(what, sizeof what, "needs at least %" PRId64 "x%" PRId64 " pixels", window[0],
				window[1]);
			return bad_shape(layer, what, error);
		}
	}
	return CS_OK;
}

/* layer->out from layer->in. */
static enum cs_status shape_one(struct cs_keras_layer *layer, struct cs_error *error)
{
	const struct cs_layer_spec *spec = &layer->spec;
	const struct cs_layer_ops *ops = spec->ops;
	bool spatial = ops == &cs_conv_layer || ops == &cs_maxpool_layer || ops == &cs_avgpool_layer ||
		ops == &cs_global_avgpool_layer || ops == &cs_global_maxpool_layer || ops == &cs_zeropad_layer;
	enum cs_status status = CS_OK;
	double volume = 1;

	layer->out = layer->in;
	if (spatial && layer->in.rank != 3)
		return bad_shape(layer, "takes maps of rows x columns x channels", error);
	if (ops == &cs_conv_layer) {
		status = window_shape(layer, spec->kernel, error);
		layer->out.dim[2] = spec->features;
	} else if (ops == &cs_maxpool_layer || ops == &cs_avgpool_layer) {
		status = window_shape(layer, spec->window, error);
	} else if (ops == &cs_global_avgpool_layer || ops == &cs_global_maxpool_layer) {
		layer->out = CS_SHAPE(layer->in.dim[2]);
	} else if (ops == &cs_zeropad_layer) {
		layer->out.dim[0] += spec->border[0] + spec->border[1];
		layer->out.dim[1] += spec->border[2] + spec->border[3];
	} else if (ops == &cs_flatten_layer) {
		layer->out = CS_SHAPE(cs_shape_count(&layer->in));
	} else if (ops == &cs_dense_layer) {
		if (layer->in.rank != 1)
			return bad_shape(layer, "takes a vector (put a Flatten before it)", error);
		layer->out = CS_SHAPE(spec->features);
	}
	for (int i = 0; i < layer->out.rank; i++)
		volume *= (double)layer->out.dim[i];
	if (!status && volume > (double)CS_KERAS_MAX_VOLUME)
		status = cs_fail(error, CS_ERR_MEMORY,
			"layer '%.80s' (%.40s) would leave %.3g numbers for one image; convscope takes up to %.3g",
			layer->name, layer->class_name, volume, (double)CS_KERAS_MAX_VOLUME);
	return status;
}

/* One layout for the whole model, or a refusal that names the first layer that differs. */
static enum cs_status choose_layout(struct cs_keras_plan *plan, struct cs_error *error)
{
	int first = -1;

	for (int i = 0; i < plan->count; i++) {
		const struct cs_keras_layer *layer = &plan->layers[i];

		if (layer->layout < 0 || layer->spec.ops == &cs_flatten_layer)
			continue;
		if (first < 0)
			first = i;
		else if (layer->layout != plan->layers[first].layout)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"layer '%.80s' (%.40s) is %s, but '%.80s' is not: convscope reads models of one layout",
				layer->name, layer->class_name, layer->layout ? "channels_first" : "channels_last",
				plan->layers[first].name);
	}
	plan->channels_first = first >= 0 && plan->layers[first].layout == 1;
	if (plan->rank == 3 && plan->channels_first)
		plan->input = CS_SHAPE(plan->dims[1], plan->dims[2], plan->dims[0]);
	else if (plan->rank == 3)
		plan->input = CS_SHAPE(plan->dims[0], plan->dims[1], plan->dims[2]);
	else
		plan->input = CS_SHAPE(plan->dims[0]);
	return CS_OK;
}

/* Batch norm and softmax count axes with the batch in front; only the channels' own axis is ours. */
static enum cs_status check_axis(
	const struct cs_keras_plan *plan, const struct cs_keras_layer *layer, struct cs_error *error)
{
	int rank = layer->in.rank + 1;
	int channels = layer->in.rank == 3 && plan->channels_first ? 1 : rank - 1;
	int axis = layer->axis == INT_MIN ? rank - 1 : layer->axis < 0 ? layer->axis + rank : layer->axis;
	bool per_channel = layer->spec.ops == &cs_batchnorm_layer ||
		(layer->spec.activation == CS_SOFTMAX && layer->spec.ops != &cs_flatten_layer);

	if (!per_channel || axis == channels)
		return CS_OK;
	return cs_fail(error, CS_ERR_UNSUPPORTED,
		"layer '%.80s' (%.40s) works along axis %d: convscope does so along the channels (axis %d) alone",
		layer->name, layer->class_name, axis, channels);
}

enum cs_status cs_keras_plan_shape(struct cs_keras_plan *plan, struct cs_error *error)
{
	struct cs_shape shape;
	int64_t permute[3] = {0};
	enum cs_status status = choose_layout(plan, error);

	if (status)
		return status;
	shape = plan->input;
	plan->params = 0;
	for (int i = 0; i < plan->count; i++) {
		struct cs_keras_layer *layer = &plan->layers[i];
		const char *names[CS_MAX_PARAMS];
		struct cs_shape shapes[CS_MAX_PARAMS];
		int params;

		layer->in = shape;
		status = shape_one(layer, error);
		if (!status)
			status = check_axis(plan, layer, error);
		if (status)
			return status;
		if (layer->spec.ops == &cs_flatten_layer && layer->in.rank == 3 && plan->channels_first &&
			layer->raw_flatten)
			memcpy(permute, layer->in.dim, sizeof permute);
		memcpy(layer->permute, permute, sizeof permute);
		if (layer->spec.ops == &cs_dense_layer)
			memset(permute, 0, sizeof permute);
		params = cs_keras_params(layer, names, shapes);
		for (int k = 0; k < params; k++)
			plan->params += cs_shape_count(&shapes[k]);
		shape = layer->out;
	}
	return CS_OK;
}

enum cs_status cs_keras_plan_network(const struct cs_keras_plan *plan, struct cs_network **out, struct cs_error *error)
{
	struct cs_layer_spec *specs = cs_calloc((size_t)plan->count, sizeof *specs);
	struct cs_network *network = NULL;
	enum cs_status status;

	if (!specs)
		return cs_fail_memory(error, "a model's layers");
	for (int i = 0; i < plan->count; i++) {
		specs[i] = plan->layers[i].spec;
		/* Whoever reads weights needs no random ones first. */
		specs[i].initialiser = CS_INIT_ZEROS;
	}
	status = cs_network_new(plan->input, specs, plan->count, 0, &network, error);
	if (status)
		goto out;
	for (int i = 0; i < plan->count; i++) {
		network->layers[i].spec.initialiser = plan->layers[i].spec.initialiser;
		network->layers[i].frozen = plan->layers[i].frozen;
	}
	snprintf(network->name, sizeof network->name, "%s", plan->name);
	*out = network;
out:
	cs_free(specs);
	return status;
}
