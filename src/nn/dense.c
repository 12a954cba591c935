/* dense.c: the fully connected layer: out = activation(in * kernel + bias), kernel [in,out], over the batch at once.
 *
 * Forward is split over ranges of units, backward over ranges of inputs: a range of inputs owns its rows of the weight
 * gradient and its columns of the data gradient, so that no sum is shared between tasks. Ranges are sized by the work in
 * them, from shapes and the number of images alone. Forward, by the instruction set's own loops, an image's numbers do not
 * depend on what else is in its batch; portable C leaves that to OpenBLAS.
 *
 * aux of a softmax: the scores, [batch,units].
 */
#include "nn/kernels/kernels.h"
#include "nn/layer.h"
#include "nn/products.h"

#include "core/gemm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	TASK_MACS = 1 << 21, /* multiply-accumulates of a task, at least */
	MIN_RANGE = 64, /* units or inputs of a task: narrower products waste the GEMM */
};

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static enum cs_status dense_shape(struct cs_layer *layer, struct cs_error *error)
{
	const struct cs_layer_spec *spec = &layer->spec;
	char from[CS_SOURCE_TEXT];
	enum cs_status status;

	if (spec->features < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "has %" PRId64 " units; it needs at least 1", spec->features);
	if (spec->activation == CS_LEAKY_RELU && !(spec->alpha >= 0))
		return cs_fail(error, CS_ERR_ARGUMENT, "has leaky_relu with alpha %g; the slope must not be negative",
			(double)spec->alpha);
	cs_layer_source(layer, from, sizeof from);
	if (layer->in.rank != 1)
		return cs_fail(
			error, CS_ERR_SHAPE, "needs a plain row of numbers, but %s; put a flatten before it", from);
	layer->out = CS_SHAPE(spec->features);
	status = cs_layer_add_param(layer, "kernel", CS_SHAPE(layer->in.dim[0], spec->features), true, true, error);
	if (!status && spec->bias)
		status = cs_layer_add_param(layer, "bias", CS_SHAPE(spec->features), true, false, error);
	return status;
}

/* How many of `all` columns a task takes when each costs `macs`. */
static int64_t range_of(int64_t all, int64_t macs)
{
	int64_t range = (TASK_MACS / (macs > 0 ? macs : 1) + MIN_RANGE) / MIN_RANGE * MIN_RANGE;

	return least(range, all);
}

static void dense_plan(const struct cs_layer *layer, struct cs_need *need)
{
	int64_t range = range_of(layer->out.dim[0], need->batch * layer->in.dim[0]);

	if (layer->spec.activation == CS_SOFTMAX)
		need->aux = (size_t)need->batch * (size_t)layer->out.dim[0] * sizeof(float);
	need->per_worker = (size_t)cs_product_scratch(need->batch) * sizeof(float);
	need->algorithm = "GEMM";
	snprintf(need->why, sizeof need->why, "the batch at once, %" PRId64 " units a task", range);
}

struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
	const struct cs_kernels *kernels;
	int64_t range;
};

static void forward_range(void *context, int task, int worker)
{
	struct job *job = context;
	const struct cs_layer *layer = job->layer;
	struct cs_pass *pass = job->pass;
	int64_t in = layer->in.dim[0], all = layer->out.dim[0];
	int64_t first = task * job->range, units = least(job->range, all - first);
	const float *bias = layer->spec.bias ? layer->params[1].value.data + first : NULL;
	enum cs_activation activation = layer->spec.activation == CS_SOFTMAX ? CS_LINEAR : layer->spec.activation;

	cs_product_plain(job->kernels, pass->count, units, in, pass->in, in, layer->params[0].value.data + first, all,
		pass->out + first, all, (float *)(pass->worker_scratch + (size_t)worker * pass->worker_stride));
	for (int64_t image = 0; image < pass->count; image++)
		job->kernels->bias_activate(
			activation, layer->spec.alpha, bias, pass->out + image * all + first, 1, units);
}

static int tasks_of(int64_t all, int64_t range)
{
	return (int)((all + range - 1) / range);
}

static void dense_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	int64_t units = layer->out.dim[0];
	struct job job = {layer, pass, cs_kernels(), range_of(units, pass->count * layer->in.dim[0])};

	cs_workers_run(pass->workers, tasks_of(units, job.range), forward_range, &job);
	if (layer->spec.activation == CS_SOFTMAX) {
		memcpy(pass->aux, pass->out, (size_t)(pass->count * units) * sizeof(float));
		cs_activate(CS_SOFTMAX, 0, pass->out, pass->count, units);
	}
}

static void backward_range(void *context, int task, int worker)
{
	struct job *job = context;
	struct cs_pass *pass = job->pass;
	int64_t in = job->layer->in.dim[0], units = job->layer->out.dim[0];
	int64_t first = task * job->range, inputs = least(job->range, in - first);

	(void)worker;
	if (pass->d_params[0])
		cs_gemm(true, false, inputs, units, pass->count, pass->in + first, in, pass->d_out, units, 0,
			pass->d_params[0] + first * units, units);
	if (pass->d_in)
		cs_gemm(false, true, pass->count, inputs, units, pass->d_out, units,
			job->layer->params[0].value.data + first * units, units, 0, pass->d_in + first, in);
}

static void dense_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	int64_t in = layer->in.dim[0], units = layer->out.dim[0];
	struct job job = {layer, pass, cs_kernels(), range_of(in, 2 * pass->count * units)};

	if (!pass->d_out_is_logits)
		cs_activate_backward(
			layer->spec.activation, layer->spec.alpha, pass->out, pass->d_out, pass->count, units);
	if (layer->spec.bias && pass->d_params[1])
		job.kernels->column_sums(pass->count, units, pass->d_out, pass->d_params[1]);
	cs_workers_run(pass->workers, tasks_of(in, job.range), backward_range, &job);
}

static void dense_describe(const struct cs_layer *layer, char *text, size_t size)
{
	const struct cs_layer_spec *spec = &layer->spec;

	snprintf(text, size, "dense, %" PRId64 " unit%s%s%s", spec->features, spec->features == 1 ? "" : "s",
		spec->activation == CS_LINEAR ? "" : ", ",
		spec->activation == CS_LINEAR ? "" : cs_activation_name(spec->activation));
}

static int64_t dense_macs(const struct cs_layer *layer)
{
	return layer->in.dim[0] * layer->out.dim[0];
}

/* A unit sees the whole input. */
static void dense_geometry(const struct cs_layer *layer, int64_t window[2], int64_t stride[2], int64_t before[2])
{
	window[0] = layer->in.dim[0];
	window[1] = 1;
	stride[0] = stride[1] = 1;
	before[0] = before[1] = 0;
}

const struct cs_layer_ops cs_dense_layer = {
	.type = "dense",
	.stem = "dense",
	.keras = "Dense",
	.shape = dense_shape,
	.plan = dense_plan,
	.forward = dense_forward,
	.backward = dense_backward,
	.describe = dense_describe,
	.macs = dense_macs,
	.geometry = dense_geometry,
};
