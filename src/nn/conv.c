/* conv.c: the convolution layer: its shape, its choice of algorithm, and what all algorithms share. See conv.h.
 *
 * A kernel [rows,columns,in,out] is slid over the map without being flipped (a cross-correlation, as in every framework). The
 * activation follows the bias inside the layer. Backward of a convolution by itself, its derivative and the bias gradient are
 * taken here, in one sweep over the output's gradient; fused with a max-pool, conv_sparse.c takes both on the pooled map.
 *
 * aux of a softmax: the scores, [batch,rows,columns,features].
 */
#include "nn/conv.h"

#include "nn/batchnorm.h"
#include "nn/conv_bands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct cs_conv_algorithm *const algorithms[] = {
	&cs_conv_tiles,
	&cs_conv_points,
	&cs_conv_winograd,
	&cs_conv_lines,
	&cs_conv_direct,
	&cs_conv_gemm,
};

const struct cs_conv_algorithm *cs_conv_algorithm_in(
	enum cs_precision precision, const struct cs_layer *conv, char *why, size_t size)
{
	enum { TEXT = sizeof(((struct cs_need *)0)->why) };
	const struct cs_kernels *kernels = cs_kernels();
	char text[TEXT], refused[TEXT] = "";

	for (size_t i = 0;; i++) {
		const struct cs_conv_algorithm *algorithm = algorithms[i];
		bool other = algorithm->precision != CS_FP32;

		if (other && algorithm->precision != precision)
			continue;
		if (algorithm->suits(conv, kernels, text, sizeof text)) {
			if (why && (size_t)snprintf(why, size, "%s%s%s", text, refused[0] ? "; " : "", refused) >= size)
				snprintf(why, size, "%s", text);
			return algorithm;
		}
		if (other)
			memcpy(refused, text, sizeof refused);
	}
}

const struct cs_conv_algorithm *cs_conv_algorithm(const struct cs_layer *conv, char *why, size_t size)
{
	return cs_conv_algorithm_in(CS_FP32, conv, why, size);
}

/* What is wrong with the specification by itself. */
static enum cs_status check_spec(const struct cs_layer_spec *spec, struct cs_error *error)
{
	if (spec->features < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "has %" PRId64 " features; it needs at least 1", spec->features);
	if (spec->kernel[0] < 1 || spec->kernel[1] < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "has a kernel of %" PRId64 "x%" PRId64 "; it needs at least 1x1",
			spec->kernel[0], spec->kernel[1]);
	if (spec->stride[0] < 1 || spec->stride[1] < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "has a stride of %" PRId64 ",%" PRId64 "; it needs at least 1",
			spec->stride[0], spec->stride[1]);
	if (spec->activation == CS_LEAKY_RELU && !(spec->alpha >= 0))
		return cs_fail(error, CS_ERR_ARGUMENT, "has leaky_relu with alpha %g; the slope must not be negative",
			(double)spec->alpha);
	return CS_OK;
}

static enum cs_status conv_shape(struct cs_layer *layer, struct cs_error *error)
{
	const struct cs_layer_spec *spec = &layer->spec;
	char from[CS_SOURCE_TEXT];
	enum cs_status status = check_spec(spec, error);
	int64_t oh, ow;

	if (status)
		return status;
	cs_layer_source(layer, from, sizeof from);
	if (layer->in.rank != 3)
		return cs_fail(error, CS_ERR_SHAPE,
			"needs a map of rows x columns x channels, but %s; put it before the flatten", from);
	oh = cs_window_output(layer->in.dim[0], spec->kernel[0], spec->stride[0], spec->padding, &layer->pad_top);
	ow = cs_window_output(layer->in.dim[1], spec->kernel[1], spec->stride[1], spec->padding, &layer->pad_left);
	if (oh < 1 || ow < 1)
		return cs_fail(error, CS_ERR_SHAPE,
			"needs at least %" PRId64 "x%" PRId64
			" pixels, but %s; use padding = \"same\" or one pooling less",
			spec->kernel[0], spec->kernel[1], from);
	layer->out = CS_SHAPE(oh, ow, spec->features);
	status = cs_layer_add_param(layer, "kernel",
		CS_SHAPE(spec->kernel[0], spec->kernel[1], layer->in.dim[2], spec->features), true, true, error);
	if (!status && spec->bias)
		status = cs_layer_add_param(layer, "bias", CS_SHAPE(spec->features), true, false, error);
	return status;
}

/* How a layer goes back, for `info --plan`. */
static void describe_back(const struct cs_layer *layer, const struct cs_layer *pool, char *text, size_t size)
{
	if (pool && !cs_conv_sparse_suits(layer, pool)) {
		snprintf(text, size, "a shard of images at a time, their maps' gradients in scratch");
		return;
	}
	if (pool) {
		snprintf(text, size,
			"sparse: one cell in %" PRId64 " of the pool's input at most carries gradient; live ones are "
			"listed, by each batch's own count",
			pool->spec.stride[0] * pool->spec.stride[1]);
		return;
	}
	snprintf(text, size, "data by %s; weights by %s",
		cs_conv_mirror_suits(layer)                ? "a convolution with the turned kernel"
			: cs_conv_points_data_suits(layer) ? "the filtering's transpose"
							   : "GEMM + col2im",
		cs_conv_winograd_weights_suits(layer) ? "minimal filtering" : "GEMM over widened rows");
}

static void plan(const struct cs_layer *layer, const struct cs_layer *pool, struct cs_need *need)
{
	const struct cs_conv_algorithm *algorithm =
		cs_conv_algorithm_in(need->precision, layer, need->why, sizeof need->why);
	size_t bias_parts = (size_t)need->batch * (size_t)layer->spec.features * sizeof(float);

	need->algorithm = algorithm->name;
	algorithm->plan(layer, pool, need);
	if (!need->training)
		return;
	describe_back(layer, pool, need->back, sizeof need->back);
	if (pool && cs_conv_sparse_suits(layer, pool))
		cs_conv_sparse_plan_backward(layer, pool, need);
	else if (pool)
		cs_conv_gemm_plan_pooled(layer, need);
	if (pool)
		return;
	if (layer->spec.bias && need->shared < bias_parts)
		need->shared = bias_parts;
	cs_conv_gemm_plan_backward(layer, need);
	if (cs_conv_mirror_suits(layer))
		cs_conv_mirror_plan(layer, need);
	if (cs_conv_points_data_suits(layer))
		cs_conv_points_data_plan(layer, need);
	if (cs_conv_winograd_weights_suits(layer))
		cs_conv_winograd_weights_plan(layer, need);
}

static void conv_plan(const struct cs_layer *layer, struct cs_need *need)
{
	if (layer->spec.activation == CS_SOFTMAX)
		need->aux = (size_t)need->batch * (size_t)cs_shape_count(&layer->out) * sizeof(float);
	plan(layer, NULL, need);
}

/* Can a layer behind this convolution be a stage of its pass, the first one or a later one? */
static bool is_stage(const struct cs_layer *conv, const struct cs_layer *layer, bool first, bool training)
{
	if (layer->ops == &cs_activation_layer)
		return layer->spec.activation != CS_SOFTMAX &&
			(!training || (first && conv->spec.activation == CS_LINEAR));
	return layer->ops == &cs_batchnorm_layer && !training;
}

/* Is there a way back through the pool and the convolution at once? */
static bool back_through_pool(enum cs_precision precision, const struct cs_layer *conv, const struct cs_layer *pool)
{
	return cs_conv_sparse_suits(conv, pool) || cs_conv_algorithm_in(precision, conv, NULL, 0) == &cs_conv_gemm;
}

static int conv_fuse(const struct cs_layer *layer, int count, struct cs_need *need)
{
	int stages = 0;
	const struct cs_layer *pool = NULL;
	size_t used;

	if (layer->spec.activation == CS_SOFTMAX || !cs_conv_algorithm_in(need->precision, layer, NULL, 0)->fuses)
		return 0;
	while (stages < cs_least(count, CS_MAX_STAGES) &&
		is_stage(layer, layer + 1 + stages, stages == 0, need->training))
		stages++;
	if (stages < count && layer[1 + stages].ops == &cs_maxpool_layer &&
		(!need->training || back_through_pool(need->precision, layer, layer + 1 + stages)))
		pool = layer + 1 + stages;
	if (!stages && !pool)
		return 0;
	plan(layer, pool, need);
	used = strlen(need->why);
	snprintf(need->why + used, sizeof need->why - used, ";%s%s%s", stages ? " the next as computed" : "",
		stages && pool ? "," : "", pool ? " pooled as computed" : "");
	return stages + (pool != NULL);
}

/* An activation behind a linear convolution whose own map nobody keeps is the convolution's: then *made_up is the layer, and it leaves
 * the stages of *pass. */
static const struct cs_layer *take_activation(
	const struct cs_layer *layer, struct cs_layer *made_up, struct cs_pass *pass)
{
	const struct cs_pass_stage *stage = &pass->stages[0];

	if (layer->spec.activation != CS_LINEAR || pass->stage_count == 0 || pass->out ||
		stage->layer->ops != &cs_activation_layer)
		return layer;
	*made_up = *layer;
	made_up->spec.activation = stage->layer->spec.activation;
	made_up->spec.alpha = stage->layer->spec.alpha;
	pass->out = stage->out;
	pass->stage_count--;
	memmove(pass->stages, pass->stages + 1, sizeof pass->stages - sizeof *pass->stages);
	return made_up;
}

struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
	const struct cs_kernels *kernels;
	float *bias_parts; /* [count,features], or NULL */
};

static void softmax_image(void *context, int image, int worker)
{
	struct job *job = context;
	int64_t positions = job->layer->out.dim[0] * job->layer->out.dim[1], width = job->layer->out.dim[2];
	float *out = job->pass->out + image * positions * width;

	(void)worker;
	memcpy((float *)job->pass->aux + image * positions * width, out, (size_t)(positions * width) * sizeof *out);
	cs_activate(CS_SOFTMAX, 0, out, positions, width);
}

static void conv_forward(const struct cs_layer *layer, struct cs_pass *given)
{
	struct cs_pass own = *given, *pass = &own;
	struct cs_layer made_up;

	layer = take_activation(layer, &made_up, pass);
	for (int i = 0; i < pass->stage_count; i++) {
		if (pass->stages[i].layer->ops == &cs_batchnorm_layer)
			cs_batchnorm_from_moving(pass->stages[i].layer, pass->stages[i].aux);
	}
	cs_conv_algorithm_in(pass->precision, layer, NULL, 0)->forward(layer, pass);
	if (layer->spec.activation == CS_SOFTMAX) {
		struct job job = {.layer = layer, .pass = pass};

		cs_workers_run(pass->workers, pass->count, softmax_image, &job);
	}
}

/* One image: through the derivative of the activation, and its share of the bias gradient. */
static void derivative_image(void *context, int image, int worker)
{
	struct job *job = context;
	const struct cs_layer *layer = job->layer;
	int64_t positions = layer->out.dim[0] * layer->out.dim[1], width = layer->out.dim[2];
	float *d_out = job->pass->d_out + image * positions * width;

	(void)worker;
	if (layer->spec.activation != CS_SOFTMAX)
		job->kernels->derive(layer->spec.activation, layer->spec.alpha,
			job->pass->out + image * positions * width, d_out, positions * width);
	else if (!job->pass->d_out_is_logits)
		cs_activate_backward(
			CS_SOFTMAX, 0, job->pass->out + image * positions * width, d_out, positions, width);
	if (job->bias_parts)
		job->kernels->column_sums(positions, width, d_out, job->bias_parts + image * width);
}

static void conv_backward(const struct cs_layer *given, struct cs_pass *given_pass)
{
	struct cs_pass own = *given_pass, *pass = &own;
	struct cs_layer made_up;
	const struct cs_layer *layer = take_activation(given, &made_up, pass);
	bool bias = layer->spec.bias && pass->d_params[1];
	struct job job = {
		.layer = layer,
		.pass = pass,
		.kernels = cs_kernels(),
		.bias_parts = bias ? (float *)pass->shared : NULL,
	};
	struct cs_pass dense = *pass;

	if (pass->next && cs_conv_sparse_suits(layer, pass->next))
		cs_conv_sparse_backward(layer, pass);
	else if (pass->next)
		cs_conv_gemm_backward_pooled(layer, pass);
	if (pass->next)
		return;
	cs_workers_run(pass->workers, pass->count, derivative_image, &job);
	if (bias)
		job.kernels->column_sums(pass->count, layer->spec.features, job.bias_parts, pass->d_params[1]);
	if (pass->d_in && cs_conv_mirror_suits(layer)) {
		cs_conv_mirror_backward(layer, pass);
		dense.d_in = NULL;
	} else if (pass->d_in && cs_conv_points_data_suits(layer)) {
		cs_conv_points_data_backward(layer, pass);
		dense.d_in = NULL;
	}
	if (pass->d_params[0] && cs_conv_winograd_weights_suits(layer)) {
		cs_conv_winograd_weights_backward(layer, pass);
		dense.d_params[0] = NULL;
	}
	if (dense.d_in || dense.d_params[0])
		cs_conv_gemm_backward(layer, &dense);
}

static void conv_describe(const struct cs_layer *layer, char *text, size_t size)
{
	const struct cs_layer_spec *spec = &layer->spec;
	char stride[48] = "", activation[32] = "";

	if (spec->stride[0] != spec->stride[1])
		snprintf(stride, sizeof stride, ", stride %" PRId64 ",%" PRId64, spec->stride[0], spec->stride[1]);
	else if (spec->stride[0] != 1)
		snprintf(stride, sizeof stride, ", stride %" PRId64, spec->stride[0]);
	if (spec->activation != CS_LINEAR)
		snprintf(activation, sizeof activation, ", %s", cs_activation_name(spec->activation));
	snprintf(text, size, "conv %" PRId64 "x%" PRId64 ", %" PRId64 " feature%s%s%s%s", spec->kernel[0],
		spec->kernel[1], spec->features, spec->features == 1 ? "" : "s", stride,
		spec->padding == CS_PADDING_SAME ? ", same" : "", activation);
}

static int64_t conv_macs(const struct cs_layer *layer)
{
	return cs_shape_count(&layer->out) * layer->spec.kernel[0] * layer->spec.kernel[1] * layer->in.dim[2];
}

static void conv_geometry(const struct cs_layer *layer, int64_t window[2], int64_t stride[2], int64_t before[2])
{
	for (int axis = 0; axis < 2; axis++) {
		window[axis] = layer->spec.kernel[axis];
		stride[axis] = layer->spec.stride[axis];
	}
	before[0] = layer->pad_top;
	before[1] = layer->pad_left;
}

const struct cs_layer_ops cs_conv_layer = {
	.type = "conv",
	.stem = "conv",
	.keras = "Conv2D",
	.shape = conv_shape,
	.plan = conv_plan,
	.fuse = conv_fuse,
	.forward = conv_forward,
	.backward = conv_backward,
	.describe = conv_describe,
	.macs = conv_macs,
	.geometry = conv_geometry,
};
