/* pool.c: the max-pool layer. pool.h defines its switches; the kernel table finds them.
 *
 * Backward, each output's gradient goes to the cell that won.
 */
#include "nn/pool.h"

#include "nn/kernels/kernels.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAX_CELLS = 65535 };

enum cs_status cs_pool_shape(struct cs_layer *layer, struct cs_error *error)
{
	struct cs_layer_spec *spec = &layer->spec;
	char from[CS_SOURCE_TEXT];
	int64_t oh, ow;

	cs_layer_source(layer, from, sizeof from);
	if (layer->in.rank != 3)
		return cs_fail(error, CS_ERR_SHAPE,
			"needs a map of rows x columns x channels, but %s; put it before the flatten", from);
	if (spec->window[0] < 1 || spec->window[1] < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "has a window of %" PRId64 "x%" PRId64 "; it needs at least 1x1",
			spec->window[0], spec->window[1]);
	for (int axis = 0; axis < 2; axis++) {
		if (spec->stride[axis] == 0)
			spec->stride[axis] = spec->window[axis];
		if (spec->stride[axis] < 1)
			return cs_fail(error, CS_ERR_ARGUMENT,
				"has a stride of %" PRId64 "; it needs at least 1, or 0 for the window's own size",
				spec->stride[axis]);
	}
	oh = cs_window_output(layer->in.dim[0], spec->window[0], spec->stride[0], spec->padding, &layer->pad_top);
	ow = cs_window_output(layer->in.dim[1], spec->window[1], spec->stride[1], spec->padding, &layer->pad_left);
	if (oh < 1 || ow < 1)
		return cs_fail(error, CS_ERR_SHAPE,
			"needs at least %" PRId64 "x%" PRId64
			" pixels, but %s; use padding = \"same\" or one pooling less",
			spec->window[0], spec->window[1], from);
	layer->out = CS_SHAPE(oh, ow, layer->in.dim[2]);
	return CS_OK;
}

void cs_pool_describe(const char *kind, const struct cs_layer *layer, char *text, size_t size)
{
	const struct cs_layer_spec *spec = &layer->spec;
	char stride[48] = "";

	if (spec->stride[0] != spec->window[0] || spec->stride[1] != spec->window[1]) {
		if (spec->stride[0] == spec->stride[1])
			snprintf(stride, sizeof stride, ", stride %" PRId64, spec->stride[0]);
		else
			snprintf(stride, sizeof stride, ", stride %" PRId64 ",%" PRId64, spec->stride[0],
				spec->stride[1]);
	}
	snprintf(text, size, "%s %" PRId64 "x%" PRId64 "%s%s", kind, spec->window[0], spec->window[1], stride,
		spec->padding == CS_PADDING_SAME ? ", same" : "");
}

void cs_pool_geometry(const struct cs_layer *layer, int64_t window[2], int64_t stride[2], int64_t before[2])
{
	for (int axis = 0; axis < 2; axis++) {
		window[axis] = layer->spec.window[axis];
		stride[axis] = layer->spec.stride[axis];
	}
	before[0] = layer->pad_top;
	before[1] = layer->pad_left;
}

static enum cs_status maxpool_shape(struct cs_layer *layer, struct cs_error *error)
{
	const struct cs_layer_spec *spec = &layer->spec;
	enum cs_status status = cs_pool_shape(layer, error);

	/* each factor first, so that the product cannot overflow */
	if (!status &&
		(spec->window[0] > MAX_CELLS || spec->window[1] > MAX_CELLS ||
			spec->window[0] * spec->window[1] > MAX_CELLS))
		status = cs_fail(error, CS_ERR_SHAPE,
			"has a window of %" PRId64 "x%" PRId64
			" cells; its switches can tell %d apart: use a smaller window, or two pools",
			spec->window[0], spec->window[1], MAX_CELLS);
	return status;
}

static void maxpool_plan(const struct cs_layer *layer, struct cs_need *need)
{
	need->switches = (size_t)need->batch * (size_t)cs_shape_count(&layer->out);
	need->algorithm = "max-pool";
	snprintf(need->why, sizeof need->why, "%s windows", cs_pool_overlaps(layer) ? "overlapping" : "separate");
}

struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
	const struct cs_kernels *kernels;
};

static void forward_image(void *context, int image, int worker)
{
	struct job *job = context;
	int64_t in = cs_shape_count(&job->layer->in), out = cs_shape_count(&job->layer->out);
	cs_switch *switches = job->pass->switches;

	(void)worker;
	job->kernels->maxpool(job->layer, job->pass->in + image * in, job->pass->out + image * out,
		switches ? switches + image * out : NULL);
}

static void maxpool_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, cs_kernels()};

	cs_workers_run(pass->workers, pass->count, forward_image, &job);
}

static void backward_image(void *context, int image, int worker)
{
	struct job *job = context;
	int64_t in = cs_shape_count(&job->layer->in), out = cs_shape_count(&job->layer->out);

	(void)worker;
	job->kernels->maxpool_back(job->layer, job->pass->d_out + image * out, job->pass->switches + image * out,
		job->pass->d_in + image * in);
}

static void maxpool_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, cs_kernels()};

	if (pass->d_in)
		cs_workers_run(pass->workers, pass->count, backward_image, &job);
}

static void maxpool_describe(const struct cs_layer *layer, char *text, size_t size)
{
	cs_pool_describe("maxpool", layer, text, size);
}

const struct cs_layer_ops cs_maxpool_layer = {
	.type = "maxpool",
	.stem = "pool",
	.keras = "MaxPooling2D",
	.shape = maxpool_shape,
	.plan = maxpool_plan,
	.forward = maxpool_forward,
	.backward = maxpool_backward,
	.describe = maxpool_describe,
	.geometry = cs_pool_geometry,
};
