/* layer.c: the kinds of layers there are, and what all of them share while they are shaped. See layer.h. */
#include "nn/layer.h"

#include "nn/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct cs_layer_ops *const cs_layer_kinds[] = {
	&cs_conv_layer,
	&cs_maxpool_layer,
	&cs_avgpool_layer,
	&cs_global_avgpool_layer,
	&cs_global_maxpool_layer,
	&cs_dense_layer,
	&cs_flatten_layer,
	&cs_activation_layer,
	&cs_dropout_layer,
	&cs_batchnorm_layer,
	&cs_zeropad_layer,
	&cs_rescale_layer,
	NULL,
};

const struct cs_layer_ops *cs_layer_kind(const char *type)
{
	for (int i = 0; cs_layer_kinds[i]; i++) {
		if (strcmp(cs_layer_kinds[i]->type, type) == 0)
			return cs_layer_kinds[i];
	}
	return NULL;
}

struct cs_layer_spec cs_layer_spec_default(const struct cs_layer_ops *ops)
{
	bool pools = ops == &cs_maxpool_layer || ops == &cs_avgpool_layer;

	return (struct cs_layer_spec){
		.ops = ops,
		.window = {2, 2},
		.stride = {pools ? 0 : 1, pools ? 0 : 1},
		.padding = CS_PADDING_VALID,
		.activation = CS_LINEAR,
		.alpha = NAN,
		.bias = true,
		.rate = 0.5f,
		.epsilon = 1e-3f,
		.momentum = 0.99f,
		.centre = true,
		.scale = true,
		.factor = 1,
		.initialiser = CS_INIT_DEFAULT,
	};
}

/* Multiply-accumulates of one layer for one image: an hour of work for a fast machine. */
#define MAX_MACS 1e15

enum cs_status cs_layer_check_size(const struct cs_layer *layer, int64_t kernel, struct cs_error *error)
{
	char in[CS_SOURCE_TEXT], out[CS_SHAPE_TEXT];
	int64_t count = 1;
	bool fits = layer->out.rank >= 1 && layer->out.rank <= 3;
	double macs;

	for (int i = 0; fits && i < layer->out.rank; i++)
		fits = layer->out.dim[i] > 0 && !__builtin_mul_overflow(count, layer->out.dim[i], &count) &&
			count <= CS_MAX_OUTPUTS;
	cs_shape_text(&layer->out, out, sizeof out);
	if (!fits)
		return cs_fail(error, CS_ERR_SHAPE, "would give %s, more than %" PRId64 " numbers an image; %s", out,
			CS_MAX_OUTPUTS, cs_layer_source(layer, in, sizeof in));
	/* every output position of a kernel [..., in, out] costs the whole kernel */
	macs = (double)count / (double)layer->out.dim[layer->out.rank - 1] * (double)kernel;
	if (macs > MAX_MACS)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"needs %.2g multiply-accumulates an image to go from %s to %s; use a smaller kernel or a "
			"stride",
			macs, cs_shape_text(&layer->in, in, sizeof in), out);
	return CS_OK;
}

enum cs_status cs_layer_add_param(struct cs_layer *layer, const char *name, struct cs_shape shape, bool trainable,
	bool decays, struct cs_error *error)
{
	char text[CS_SHAPE_TEXT], what[CS_SHAPE_TEXT + 64];
	size_t bytes = sizeof(float);
	struct cs_param *param;
	enum cs_status status;

	assert(layer->param_count < CS_MAX_PARAMS);
	cs_shape_text(&shape, text, sizeof text);
	for (int i = 0; i < shape.rank; i++) {
		if (shape.dim[i] < 1 || __builtin_mul_overflow(bytes, (size_t)shape.dim[i], &bytes) ||
			bytes > PTRDIFF_MAX)
			return cs_fail(error, CS_ERR_MEMORY, "needs a %s of %s numbers, which no machine can hold",
				name, text);
	}
	snprintf(what, sizeof what, "cannot be held: its %s of %s numbers", name, text);
	status = cs_memory_check(bytes, what, error);
	if (!status)
		status = cs_layer_check_size(layer, cs_shape_count(&shape), error);
	if (status)
		return status;
	param = &layer->params[layer->param_count];
	status = cs_tensor_init(&param->value, shape, error);
	if (status)
		return cs_fail(error, status, "cannot be held: not enough memory for its %s of %s numbers (%.1f MB)",
			name, text, (double)bytes / 1e6);
	param->name = name;
	param->trainable = trainable;
	param->decays = decays;
	layer->param_count++;
	return CS_OK;
}

struct cs_param *cs_layer_param(const struct cs_layer *layer, const char *name)
{
	for (int i = 0; i < layer->param_count; i++) {
		if (strcmp(layer->params[i].name, name) == 0)
			return (struct cs_param *)&layer->params[i];
	}
	return NULL;
}

const char *cs_layer_source(const struct cs_layer *layer, char *text, size_t size)
{
	char shape[CS_SHAPE_TEXT];

	cs_shape_text(&layer->in, shape, sizeof shape);
	if (layer->index > 0)
		snprintf(text, size, "layer %d leaves %s", layer->index - 1, shape);
	else
		snprintf(text, size, "the input is %s", shape);
	return text;
}

int64_t cs_window_output(int64_t in, int64_t window, int64_t stride, enum cs_padding padding, int64_t *before)
{
	int64_t out, total;

	assert(window > 0 && stride > 0);
	*before = 0;
	if (in < 1)
		return 0;
	if (padding == CS_PADDING_VALID)
		return in < window ? 0 : (in - window) / stride + 1;
	out = (in + stride - 1) / stride;
	total = (out - 1) * stride + window - in;
	*before = total > 0 ? total / 2 : 0;
	return out;
}
