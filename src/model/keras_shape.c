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

	if (layer->constant_count)
		return 0;
	if (layer->normalization) {
		names[0] = "mean";
		names[1] = "variance";
		shapes[0] = shapes[1] = CS_SHAPE(channels);
		return 2;
	}
	if (spec->ops == &cs_conv_layer && layer->one_by_one) {
		names[count] = "kernel";
		shapes[count++] = CS_SHAPE(channels, spec->features);
	} else if (spec->ops == &cs_conv_layer) {
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

/* Does nothing, but keeps its name. */
static void make_identity(struct cs_layer_spec *spec)
{
	char name[CS_NAME_SIZE];

	memcpy(name, spec->name, sizeof name);
	*spec = cs_layer_spec_default(&cs_activation_layer);
	memcpy(spec->name, name, sizeof name);
}

/* The shape a Reshape leaves, with its -1 filled in, as Keras has it; false when it does not fit. */
static bool target_shape(const struct cs_keras_layer *layer, int64_t target[3])
{
	int64_t count = cs_shape_count(&layer->in), known = 1;
	int open = -1;

	for (int i = 0; i < layer->target_rank && i < 3; i++) {
		target[i] = layer->target[i];
		if (target[i] < 0 && open >= 0)
			return false;
		if (target[i] < 0)
			open = i;
		else if (__builtin_mul_overflow(known, target[i], &known) || known > count)
			return false;
	}
	if (open >= 0)
		target[open] = count / known;
	return layer->target_rank < 4 && (open < 0 ? known == count : count % known == 0);
}

/* A Reshape that flattens is a flatten, one that changes nothing is nothing. Others move numbers between places of a map. */
static enum cs_status settle_reshape(
	const struct cs_keras_plan *plan, struct cs_keras_layer *layer, struct cs_error *error)
{
	const struct cs_shape *in = &layer->in;
	int64_t target[3] = {0}, now[3] = {in->dim[0], in->dim[1], in->dim[2]};
	bool fits = target_shape(layer, target);

	if (in->rank == 3 && plan->channels_first) {
		now[0] = in->dim[2];
		now[1] = in->dim[0];
		now[2] = in->dim[1];
	}
	if (fits && layer->target_rank == 1)
		return CS_OK;
	if (fits && layer->target_rank == 3 && in->rank == 3 && !memcmp(target, now, sizeof now)) {
		make_identity(&layer->spec);
		return CS_OK;
	}
	return cs_fail(error, CS_ERR_UNSUPPORTED,
		"layer '%.80s' (%.40s) makes a map of another shape: convscope reshapes to a row of numbers, and an input of "
		"numbers to a map, alone",
		layer->name, layer->class_name);
}

/* What depends on the shape of the input: classes that stand for one of several layers of ours. */
static enum cs_status settle(const struct cs_keras_plan *plan, struct cs_keras_layer *layer, struct cs_error *error)
{
	struct cs_layer_spec *spec = &layer->spec;

	if (layer->reshape)
		return settle_reshape(plan, layer, error);
	if (layer->resize) {
		if (layer->in.rank != 3 || layer->in.dim[0] != layer->target[0] || layer->in.dim[1] != layer->target[1])
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"layer '%.80s' (%.40s) makes maps of %" PRId64 "x%" PRId64 " of maps of %" PRId64
				"x%" PRId64 ", which convscope cannot do",
				layer->name, layer->class_name, layer->target[0], layer->target[1], layer->in.dim[0],
				layer->in.rank == 3 ? layer->in.dim[1] : 1);
		return CS_OK;
	}
	if (layer->keepdims && layer->in.rank == 3) {
		spec->ops = spec->ops == &cs_global_avgpool_layer ? &cs_avgpool_layer : &cs_maxpool_layer;
		for (int axis = 0; axis < 2; axis++)
			spec->window[axis] = spec->stride[axis] = layer->in.dim[axis];
	}
	if (spec->ops == &cs_dense_layer && layer->in.rank == 3 && !plan->channels_first) {
		spec->ops = &cs_conv_layer;
		for (int axis = 0; axis < 2; axis++)
			spec->kernel[axis] = spec->stride[axis] = 1;
		spec->padding = CS_PADDING_VALID;
		layer->one_by_one = true;
	}
	return CS_OK;
}

/* layer->out from layer->in. */
static enum cs_status shape_one(
	const struct cs_keras_plan *plan, struct cs_keras_layer *layer, struct cs_error *error)
{
	enum cs_status status = settle(plan, layer, error);
	const struct cs_layer_spec *spec = &layer->spec;
	const struct cs_layer_ops *ops = spec->ops;
	bool spatial = ops == &cs_conv_layer || ops == &cs_maxpool_layer || ops == &cs_avgpool_layer ||
		ops == &cs_global_avgpool_layer || ops == &cs_global_maxpool_layer || ops == &cs_zeropad_layer;
	double volume = 1;

	layer->out = layer->in;
	if (status)
		return status;
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
		/* channels_first asks Keras to bring the first axis to the end: in a channels-last map, the rows. */
		if (layer->layout == 1 && !plan->channels_first && layer->in.rank == 3 && layer->in.dim[0] > 1 &&
			cs_shape_count(&layer->in) > layer->in.dim[0])
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"layer '%.80s' (%.40s) flattens channels_last maps as channels_first, which convscope "
				"cannot do",
				layer->name, layer->class_name);
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

/* One layout for the whole model, or a refusal that names the first layer that differs. A Flatten counts where no other layer says one. */
static enum cs_status choose_layout(struct cs_keras_plan *plan, struct cs_error *error)
{
	int first = -1;
	bool flattened = false;

	for (int i = 0; i < plan->count; i++) {
		const struct cs_keras_layer *layer = &plan->layers[i];

		flattened = flattened || (layer->layout == 1 && layer->spec.ops == &cs_flatten_layer);
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
	plan->channels_first = first >= 0 ? plan->layers[first].layout == 1 : flattened;
	return CS_OK;
}

/* The first layer that moves numbers or mixes them; -1 when there is none. */
static int first_that_matters(const struct cs_keras_plan *plan)
{
	for (int i = 0; i < plan->count; i++) {
		const struct cs_layer_spec *spec = &plan->layers[i].spec;
		bool nothing = spec->ops == &cs_dropout_layer || (spec->ops == &cs_rescale_layer) ||
			(spec->ops == &cs_activation_layer && spec->activation != CS_SOFTMAX && !plan->layers[i].resize);

		if (!nothing)
			return i;
	}
	return -1;
}

/* Rows and columns that the architecture leaves open: those asked for, or what the model itself resizes pictures to. */
static enum cs_status fill_open(struct cs_keras_plan *plan, const int64_t size[2], struct cs_error *error)
{
	int rows = plan->channels_first ? 1 : 0, channels = plan->channels_first ? 0 : 2;
	int first = first_that_matters(plan);
	bool resizes = first >= 0 && plan->layers[first].resize;

	if (plan->rank == 3 && plan->dims[channels] && (!plan->dims[rows] || !plan->dims[rows + 1])) {
		for (int i = 0; i < 2; i++) {
			int64_t *side = &plan->dims[rows + i];

			if (!*side && size && size[i])
				*side = size[i];
			else if (!*side && resizes)
				*side = plan->layers[first].target[i];
			if (!*side)
				return cs_fail(error, CS_ERR_ARGUMENT,
					"%s: it leaves open how large pictures are; say so with --size N or --size "
					"ROWSxCOLUMNS",
					plan->said);
		}
	}
	for (int i = 0; i < plan->rank; i++) {
		if (!plan->dims[i])
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"%s, expected how many numbers or channels there are, and not left open", plan->said);
	}
	return CS_OK;
}

/* plan->input from what Keras says; all layers are known here. */
static enum cs_status choose_input(struct cs_keras_plan *plan, const int64_t size[2], struct cs_error *error)
{
	const int64_t *dims = plan->dims;
	int first = first_that_matters(plan);
	const struct cs_keras_layer *reshape = first >= 0 && plan->layers[first].reshape ? &plan->layers[first] : NULL;
	enum cs_status status;

	if (plan->rank > 3)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"%s, expected rows, columns and channels, or one row of numbers", plan->said);
	status = fill_open(plan, size, error);
	if (status)
		return status;
	if ((double)dims[0] * (double)(plan->rank > 1 ? dims[1] : 1) * (double)(plan->rank > 2 ? dims[2] : 1) >
		(double)CS_KERAS_MAX_VOLUME)
		return cs_fail(error, CS_ERR_MEMORY, "%s, expected at most 2^28 numbers an image", plan->said);
	if (plan->rank == 3 && plan->channels_first)
		plan->input = CS_SHAPE(dims[1], dims[2], dims[0]);
	else if (plan->rank == 3)
		plan->input = CS_SHAPE(dims[0], dims[1], dims[2]);
	else if (plan->rank == 2)
		plan->input = CS_SHAPE(dims[0], dims[1], 1);
	else
		plan->input = CS_SHAPE(dims[0]);
	/* Numbers that the model itself makes a picture of, or rows and columns without channels, are a picture from the start. */
	if (plan->rank < 3 && reshape && reshape->target_rank == 3) {
		struct cs_keras_layer whole = *reshape;
		int64_t target[3];

		whole.in = CS_SHAPE(cs_shape_count(&plan->input));
		if (target_shape(&whole, target) && !plan->channels_first)
			plan->input = CS_SHAPE(target[0], target[1], target[2]);
		else if (target_shape(&whole, target) && target[0] == 1)
			plan->input = CS_SHAPE(target[1], target[2], 1);
	} else if (plan->rank == 2 && (first < 0 || plan->layers[first].spec.ops != &cs_flatten_layer)) {
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"%s, expected rows, columns and channels, or one row of numbers", plan->said);
	}
	return CS_OK;
}

/* Batch norm and softmax count axes with the batch in front; only the channels' own axis is ours. */
static enum cs_status check_axis(
	const struct cs_keras_plan *plan, const struct cs_keras_layer *layer, struct cs_error *error)
{
	int rank = layer->in.rank + 1;
	int channels = layer->in.rank == 3 && plan->channels_first ? 1 : rank - 1;
	int axis = layer->axis == INT_MIN ? rank - 1
		: layer->axis == INT_MAX  ? channels
		: layer->axis < 0         ? layer->axis + rank
					  : layer->axis;
	bool per_channel = layer->spec.ops == &cs_batchnorm_layer ||
		(layer->spec.activation == CS_SOFTMAX && layer->spec.ops != &cs_flatten_layer);

	if (layer->constant_count > 1 && layer->constant_count != layer->in.dim[layer->in.rank - 1])
		return cs_fail(error, CS_ERR_SHAPE, "layer '%.80s' (%.40s) has numbers for %" PRId64
			" channels, but its input has %" PRId64, layer->name, layer->class_name, layer->constant_count,
			layer->in.dim[layer->in.rank - 1]);
	if (!per_channel || axis == channels)
		return CS_OK;
	return cs_fail(error, CS_ERR_UNSUPPORTED,
		"layer '%.80s' (%.40s) works along axis %d: convscope does so along the channels (axis %d) alone",
		layer->name, layer->class_name, axis, channels);
}

enum cs_status cs_keras_plan_shape(struct cs_keras_plan *plan, const int64_t size[2], struct cs_error *error)
{
	struct cs_shape shape;
	int64_t permute[3] = {0};
	enum cs_status status = choose_layout(plan, error);

	if (!status)
		status = choose_input(plan, size, error);
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
		status = shape_one(plan, layer, error);
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

/* The numbers of an architecture into the batch norm that stands for its Rescaling or Normalization. */
static void fill_constants(const struct cs_keras_layer *from, struct cs_layer *to)
{
	bool scaled = from->spec.scale;
	struct cs_param *first = cs_layer_param(to, scaled ? "gamma" : "moving_mean");
	struct cs_param *second = cs_layer_param(to, scaled ? "beta" : "moving_variance");
	struct cs_param *unit = scaled ? cs_layer_param(to, "moving_variance") : NULL;
	int64_t channels = from->in.dim[from->in.rank - 1];

	for (int64_t i = 0; from->constant_count && first && second && i < channels; i++) {
		int64_t k = from->constant_count == 1 ? 0 : i;

		first->value.data[i] = from->constants[0][k];
		second->value.data[i] = from->constants[1][k];
		if (unit)
			unit->value.data[i] = 1;
	}
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
		fill_constants(&plan->layers[i], &network->layers[i]);
	}
	snprintf(network->name, sizeof network->name, "%s", plan->name);
	*out = network;
out:
	cs_free(specs);
	return status;
}
