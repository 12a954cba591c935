/* onnx_ops.c: what each operator of an ONNX graph does to the flow: dense layers, activations, norms, arithmetic with constants; and
 * the table of all that are known. See onnx_import.h.
 *
 * An activation joins the convolution or dense layer before it, as Keras writes them; a constant that is added to one that has no bias
 * becomes its bias. x * a + b with single numbers is a rescaling; with one number a channel, a batch norm whose statistics do nothing.
 */
#include "core/alloc.h"
#include "core/log.h"
#include "model/onnx_import.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static struct cs_onnx_layer *last(struct cs_onnx_import *import)
{
	return import->layer_count ? &import->layers[import->layer_count - 1] : NULL;
}

/* May `node` still change the last layer, which is of that kind? In our own files, only where it was one layer when it was written. */
static bool continues(struct cs_onnx_import *import, const struct cs_onnx_node *node, const struct cs_layer_ops *ops)
{
	const struct cs_onnx_layer *layer = last(import);
	char base[CS_NAME_SIZE];

	if (!layer || layer->spec.ops != ops || layer->spec.activation != CS_LINEAR)
		return false;
	if (!import->ours)
		return true;
	cs_onnx_base(import, node, NULL, base);
	return !strcmp(base, layer->base);
}

/* --- dense layers --- */

static enum cs_status add_dense(struct cs_onnx_import *import, const struct cs_onnx_node *node, bool turned,
	float factor, struct cs_onnx_flow *flow, struct cs_error *error)
{
	struct cs_onnx_constant *kernel;
	char text[CS_SHAPE_TEXT];
	int64_t in, out;
	struct cs_onnx_layer *layer;
	enum cs_status status;

	if (flow->shape.rank != 1 || flow->rank != 2)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"takes images of %s; convscope has dense layers of rows (put a Flatten before it)",
			cs_onnx_dims_text(flow, text, sizeof text));
	if (node->in_count < 2 || !node->values[1] || node->values[1]->flows)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "multiplies with what is no constant");
	kernel = &node->values[1]->constant;
	in = kernel->dims[turned ? 1 : 0];
	out = kernel->dims[turned ? 0 : 1];
	if (kernel->rank != 2 || in != flow->shape.dim[0] || out < 1)
		return cs_onnx_fail(node, CS_ERR_SHAPE, error,
			"has weights for %" PRId64 " numbers, but its input has %" PRId64, kernel->rank == 2 ? in : 0,
			flow->shape.dim[0]);
	/* turned twice is not at all */
	if (kernel->turned && kernel->tensor >= 0 && !kernel->floats) {
		kernel->turned = false;
		turned = !turned;
		kernel->dims[0] = kernel->from[0];
		kernel->dims[1] = kernel->from[1];
	}
	status = cs_onnx_layer(import, &cs_dense_layer, node, node->in[1], flow, &layer, error);
	if (!status)
		status = cs_onnx_weigh(
			import, node, layer, "kernel", 1, turned ? CS_ONNX_OUT_IN : CS_ONNX_IN_OUT, in * out, error);
	if (status)
		return status;
	layer->spec.features = out;
	layer->weights[0].factor = factor;
	*flow = (struct cs_onnx_flow){.rank = 2, .shape = CS_SHAPE(out)};
	return CS_OK;
}

static enum cs_status gemm(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	int64_t turn_a = 0, turn_b = 0;
	float alpha = 1, beta = 1;
	struct cs_onnx_layer *layer;
	enum cs_status status = cs_onnx_int(node, "transA", &turn_a, error);

	if (!status)
		status = cs_onnx_int(node, "transB", &turn_b, error);
	if (!status)
		status = cs_onnx_float(node, "alpha", &alpha, error);
	if (!status)
		status = cs_onnx_float(node, "beta", &beta, error);
	if (!status && turn_a)
		status = cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "multiplies across images (transA)");
	if (!status)
		status = add_dense(import, node, turn_b != 0, alpha, flow, error);
	if (status || node->in_count < 3 || !node->values[2] || beta == 0)
		return status;
	layer = last(import);
	layer->spec.bias = true;
	status = cs_onnx_weigh(import, node, layer, "bias", 2, CS_ONNX_VECTOR, layer->spec.features, error);
	if (!status)
		layer->weights[1].factor = beta;
	return status;
}

static enum cs_status matmul(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	return add_dense(import, node, false, 1, flow, error);
}

/* --- activations --- */

static enum cs_status activate(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	enum cs_activation activation, float alpha, struct cs_onnx_flow *flow, struct cs_error *error)
{
	struct cs_onnx_layer *layer = last(import);
	enum cs_status status = CS_OK;

	if (activation == CS_LEAKY_RELU && !(alpha >= 0 && alpha < INFINITY))
		return cs_onnx_fail(
			node, CS_ERR_UNSUPPORTED, error, "has a slope of %g; convscope takes 0 or more", (double)alpha);
	if (!continues(import, node, &cs_conv_layer) && !continues(import, node, &cs_dense_layer))
		status = cs_onnx_layer(import, &cs_activation_layer, node, NULL, flow, &layer, error);
	if (status)
		return status;
	layer->spec.activation = activation;
	layer->spec.alpha = alpha;
	flow->positive = activation == CS_RELU || activation == CS_SIGMOID || activation == CS_SOFTMAX;
	return CS_OK;
}

static enum cs_status simple(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	return activate(import, node,
		!strcmp(node->op, "Relu")              ? CS_RELU
			: !strcmp(node->op, "Sigmoid") ? CS_SIGMOID
						       : CS_TANH,
		0, flow, error);
}

static enum cs_status sloped(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	bool elu = *node->op == 'E';
	float alpha = elu ? 1 : 0.01f;
	enum cs_status status = cs_onnx_float(node, "alpha", &alpha, error);

	return status ? status : activate(import, node, elu ? CS_ELU : CS_LEAKY_RELU, alpha, flow, error);
}

static enum cs_status prelu(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	struct cs_onnx_constant *slope = node->in_count > 1 && node->values[1] ? &node->values[1]->constant : NULL;
	enum cs_status status;

	if (!slope || slope->count < 1 || slope->count > CS_ONNX_MOST_INTEGERS)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "has no slope");
	status = cs_onnx_check_floating(node, slope, "slope", error);
	if (status)
		return status;
	status = cs_onnx_need_floats(import, slope, error);
	if (status)
		return cs_error_prefix(error, "node '%.120s' (%.60s): its slope", node->name, node->op);
	for (int64_t i = 1; i < slope->count; i++) {
		if (slope->floats[i] != slope->floats[0])
			return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
				"has a slope for each channel; convscope has one for all (LeakyRelu)");
	}
	return activate(import, node, CS_LEAKY_RELU, slope->floats[0], flow, error);
}

static enum cs_status softmax(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	int64_t axis = import->opset < 13 ? 1 : -1, channels = cs_onnx_axis(flow, 2);
	bool whole = import->opset < 13; /* from the axis on, all at once */
	enum cs_status status = cs_onnx_int(node, "axis", &axis, error);

	if (status)
		return status;
	axis = axis < 0 ? axis + flow->rank : axis;
	if (axis != channels ||
		(whole && flow->shape.rank == 3 && axis < 3 && flow->shape.dim[0] * flow->shape.dim[1] > 1))
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"works along axis %" PRId64 "; convscope's goes along the channels (%" PRId64 ")", axis,
			channels);
	if (*node->op == 'L')
		cs_warn("node '%s' (LogSoftmax) is read as Softmax: the network puts out probabilities, not their "
			"logarithms",
			node->name);
	return activate(import, node, CS_SOFTMAX, 0, flow, error);
}

/* Limits below and above, as attributes or inputs; those that are not there are infinite. */
static enum cs_status clip(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	float limits[2] = {-INFINITY, INFINITY};
	enum cs_status status = CS_OK;

	for (int i = 0; i < 2 && !status; i++) {
		const char *key = i ? "max" : "min";

		if (i + 1 < node->in_count && node->values[i + 1])
			status = cs_onnx_scalar(import, node, &node->values[i + 1]->constant, &limits[i], error);
		else if (json_is_number(json_object_get(node->attributes, key)))
			status = cs_onnx_float(node, key, &limits[i], error);
	}
	if (status)
		return status;
	if (limits[1] < 1e30f || (limits[0] != 0 && limits[0] > -1e30f))
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"keeps its input between %g and %g (as ReLU6 does); convscope has relu, from 0 without an "
			"upper limit",
			(double)limits[0], (double)limits[1]);
	return limits[0] == 0 ? activate(import, node, CS_RELU, 0, flow, error) : CS_OK;
}

/* max(x, 0) */
static enum cs_status maximum(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	float floor = 0;
	int other = node->in_count == 2 && node->values[0] && !node->values[0]->flows ? 0 : 1;
	enum cs_status status = node->in_count == 2 && node->values[other]
		? cs_onnx_scalar(import, node, &node->values[other]->constant, &floor, error)
		: cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "takes the maximum of other than two");

	if (!status && floor != 0)
		status = cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"takes the maximum with %g; convscope does with 0 (relu)", (double)floor);
	return status ? status : activate(import, node, CS_RELU, 0, flow, error);
}

/* --- norms and arithmetic --- */

static enum cs_status batchnorm(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	static const char *const params[] = {NULL, "gamma", "beta", "moving_mean", "moving_variance"};
	int64_t training = 0, spatial = 1, channels = flow->shape.dim[flow->shape.rank - 1];
	float epsilon = 1e-5f, momentum = 0.9f;
	struct cs_onnx_layer *layer;
	enum cs_status status = cs_onnx_int(node, "training_mode", &training, error);

	if (!status)
		status = cs_onnx_int(node, "spatial", &spatial, error);
	if (!status)
		status = cs_onnx_float(node, "epsilon", &epsilon, error);
	if (!status)
		status = cs_onnx_float(node, "momentum", &momentum, error);
	if (status)
		return status;
	if (training)
		return cs_onnx_fail(
			node, CS_ERR_UNSUPPORTED, error, "is in training mode: export the model after eval()");
	if (cs_onnx_axis(flow, 2) != 1 || (!spatial && flow->shape.rank == 3))
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "normalises other than each channel");
	status = cs_onnx_layer(import, &cs_batchnorm_layer, node, node->in[1], flow, &layer, error);
	if (status)
		return status;
	layer->spec.epsilon = epsilon > 0 ? epsilon : 1e-12f;
	layer->spec.momentum = momentum;
	for (int i = 1; i <= 4 && !status; i++)
		status = cs_onnx_weigh(import, node, layer, params[i], i, CS_ONNX_VECTOR, channels, error);
	flow->positive = false;
	return status;
}

/* Does a constant have one number for each channel of the flow, in the channels' place? */
static bool along_channels(const struct cs_onnx_import *import, const struct cs_onnx_node *node,
	const struct cs_onnx_flow *flow, const struct cs_onnx_constant *constant)
{
	int64_t channels = flow->shape.dim[flow->shape.rank - 1], axis = -1;
	int place = cs_onnx_axis(flow, 2);

	if (constant->count != channels)
		return false;
	/* before 2017, the axis was said */
	if (import->opset < 7 && !cs_onnx_int(node, "axis", &axis, &(struct cs_error){0}) && axis >= 0 &&
		constant->rank == 1)
		return axis == place;
	if (constant->rank > flow->rank)
		return false;
	for (int i = 0; i < constant->rank; i++) {
		int at = flow->rank - constant->rank + i;

		if (constant->dims[i] != (at == place ? channels : 1))
			return false;
	}
	/* a constant that is shorter than the place is 1 there */
	return flow->rank - constant->rank <= place || channels == 1;
}

/* A bias of its own for a layer that has none yet. */
static bool takes_bias(struct cs_onnx_import *import, const struct cs_onnx_node *node, bool channels, char op)
{
	const struct cs_onnx_layer *layer = last(import);

	return op == 'A' && channels && !import->ours &&
		(continues(import, node, &cs_conv_layer) || continues(import, node, &cs_dense_layer)) &&
		!layer->spec.bias;
}

/* scale and shift of x, number by number, under one more operation. */
static void compose(char op, float number, float *scale, float *shift)
{
	switch (op) {
	case 'A':
		*shift += number;
		break;
	case 'S':
		*shift -= number;
		break;
	case 'M':
		*scale *= number;
		*shift *= number;
		break;
	default:
		*scale /= number;
		*shift /= number;
	}
}

static enum cs_status per_channel(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_constant *constant, struct cs_onnx_flow *flow, struct cs_error *error)
{
	int64_t channels = constant->count, h = flow->permute[0], w = flow->permute[1], c = flow->permute[2];
	struct cs_onnx_layer *layer = last(import);
	enum cs_status status = CS_OK;

	if (!continues(import, node, &cs_batchnorm_layer) || !layer->scale || layer->channels != channels) {
		status = cs_onnx_layer(import, &cs_batchnorm_layer, node, NULL, flow, &layer, error);
		if (status)
			return status;
		layer->spec.epsilon = 1e-12f;
		layer->channels = channels;
		layer->scale = cs_calloc((size_t)channels, sizeof(float));
		layer->shift = cs_calloc((size_t)channels, sizeof(float));
		if (!layer->scale || !layer->shift)
			return cs_fail_memory(error, "a model's layers");
		for (int64_t i = 0; i < channels; i++)
			layer->scale[i] = 1;
	}
	for (int64_t i = 0; i < channels; i++) {
		int64_t from = h ? (i % c * h + i / (w * c)) * w + i / c % w : i;

		compose(*node->op, constant->floats[from], &layer->scale[i], &layer->shift[i]);
	}
	return status;
}

static enum cs_status arithmetic(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	int live = node->values[0] && node->values[0]->flows ? 0 : 1;
	struct cs_onnx_value *value = node->in_count == 2 ? node->values[1 - live] : NULL;
	char op = *node->op, text[CS_SHAPE_TEXT];
	struct cs_onnx_layer *layer = last(import);
	bool channels;
	enum cs_status status;

	if (!value)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "has %d inputs; expected two", node->in_count);
	channels = along_channels(import, node, flow, &value->constant);
	if ((value->constant.count != 1 && !channels) || value->constant.rank > 8)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"has %" PRId64
			" constants for images of %s; convscope does this with one number, or one for each channel",
			value->constant.count, cs_onnx_dims_text(flow, text, sizeof text));
	if (takes_bias(import, node, channels, op)) {
		layer->spec.bias = true;
		return cs_onnx_weigh(
			import, node, layer, "bias", 1 - live, CS_ONNX_VECTOR, value->constant.count, error);
	}
	status = cs_onnx_check_floating(node, &value->constant, "constant", error);
	if (status)
		return status;
	status = cs_onnx_need_floats(import, &value->constant, error);
	if (status)
		return cs_error_prefix(error, "node '%.120s' (%.60s): a constant", node->name, node->op);
	for (int64_t i = 0; i < value->constant.count; i++) {
		if (!isfinite(value->constant.floats[i]) || (op == 'D' && value->constant.floats[i] == 0))
			return cs_onnx_fail(
				node, CS_ERR_UNSUPPORTED, error, "computes with %g", (double)value->constant.floats[i]);
	}
	flow->positive = false;
	if (value->constant.count > 1) {
		if (live == 1 && (op == 'S' || op == 'D'))
			return cs_onnx_fail(
				node, CS_ERR_UNSUPPORTED, error, "subtracts or divides a constant by the picture");
		return per_channel(import, node, &value->constant, flow, error);
	}
	if (live == 1 && op == 'D')
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "divides a constant by the picture");
	if (!continues(import, node, &cs_rescale_layer))
		status = cs_onnx_layer(import, &cs_rescale_layer, node, NULL, flow, &layer, error);
	if (status)
		return status;
	/* a - x is -x + a */
	if (live == 1 && op == 'S') {
		compose('M', -1, &layer->spec.factor, &layer->spec.offset);
		op = 'A';
	}
	compose(op, value->constant.floats[0], &layer->spec.factor, &layer->spec.offset);
	return CS_OK;
}

/* --- what leaves things as they are --- */

static enum cs_status nothing(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	struct cs_onnx_layer *layer;

	/* in our own files it is a linear activation: a layer */
	return import->ours ? cs_onnx_layer(import, &cs_activation_layer, node, NULL, flow, &layer, error) : CS_OK;
}

static enum cs_status cast(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	int64_t type = 1;
	enum cs_status status = cs_onnx_int(node, "to", &type, error);

	(void)import;
	(void)flow;
	if (!status && (!cs_onnx_width((int)type) || cs_onnx_is_integer((int)type)))
		status = cs_onnx_fail(
			node, CS_ERR_UNSUPPORTED, error, "rounds the picture to %s", cs_onnx_type_name((int)type));
	return status;
}

static enum cs_status dropout(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	float rate = 0.5f, training = 0;
	struct cs_onnx_layer *layer;
	enum cs_status status = cs_onnx_float(node, "ratio", &rate, error);

	if (!status && node->in_count > 1 && node->values[1])
		status = cs_onnx_scalar(import, node, &node->values[1]->constant, &rate, error);
	if (!status && node->in_count > 2 && node->values[2])
		status = cs_onnx_scalar(import, node, &node->values[2]->constant, &training, error);
	if (!status && training != 0)
		status = cs_onnx_fail(
			node, CS_ERR_UNSUPPORTED, error, "is in training mode: export the model after eval()");
	if (!status && !(rate >= 0 && rate < 1))
		status = cs_onnx_fail(node, CS_ERR_FORMAT, error, "drops a share of %g", (double)rate);
	if (!status)
		status = cs_onnx_layer(import, &cs_dropout_layer, node, NULL, flow, &layer, error);
	if (!status)
		layer->spec.rate = rate;
	return status;
}

/* --- the table --- */

static const struct {
	const char *op;
	bool either; /* the flow may come in by any input; else by the first alone */
	cs_onnx_op apply;
} operators[] = {
	{"Conv", false, cs_onnx_conv},
	{"Gemm", false, gemm},
	{"MatMul", false, matmul},
	{"Relu", false, simple},
	{"LeakyRelu", false, sloped},
	{"PRelu", false, prelu},
	{"Elu", false, sloped},
	{"Sigmoid", false, simple},
	{"Tanh", false, simple},
	{"Softmax", false, softmax},
	{"LogSoftmax", false, softmax},
	{"Clip", false, clip},
	{"Max", true, maximum},
	{"MaxPool", false, cs_onnx_pool},
	{"AveragePool", false, cs_onnx_pool},
	{"GlobalAveragePool", false, cs_onnx_global},
	{"GlobalMaxPool", false, cs_onnx_global},
	{"ReduceMean", false, cs_onnx_reduce},
	{"ReduceMax", false, cs_onnx_reduce},
	{"BatchNormalization", false, batchnorm},
	{"Add", true, arithmetic},
	{"Sub", true, arithmetic},
	{"Mul", true, arithmetic},
	{"Div", true, arithmetic},
	{"Dropout", false, dropout},
	{"Pad", false, cs_onnx_pad},
	{"Flatten", false, cs_onnx_flatten},
	{"Reshape", false, cs_onnx_reshape},
	{"Squeeze", false, cs_onnx_squeeze},
	{"Unsqueeze", false, cs_onnx_unsqueeze},
	{"Transpose", false, cs_onnx_transpose},
	{"Identity", false, nothing},
	{"Cast", false, cast},
	{"CastLike", false, nothing},
};

enum cs_status cs_onnx_apply(struct cs_onnx_import *import, const struct cs_onnx_node *node, int live,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		if (strcmp(node->op, operators[i].op))
			continue;
		if (live && !operators[i].either)
			return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
				"takes the picture as its input %d; expected as the first", live);
		return operators[i].apply(import, node, flow, error);
	}
	return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
		"is not supported; supported are Conv, Gemm, MatMul, Relu, LeakyRelu, Elu, Sigmoid, Tanh, Softmax, "
		"MaxPool, AveragePool, "
		"global pools, BatchNormalization, Add, Sub, Mul and Div with constants, Dropout, Pad, Flatten, "
		"Reshape, Transpose and "
		"Identity");
}
