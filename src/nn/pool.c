/* pool.c: the max-pool layer. pool.h defines its switches; the kernel table finds them.
 *
 * Backward, each output's gradient goes to the cell that won. Where windows do not overlap every input cell belongs to at
 * most one window, and the gradient is *chosen* cell by cell, whole rows of channels at a time; where they do overlap it is
 * added, window by window in row-major order.
 */
#include "nn/pool.h"

#include "nn/kernels/kernels.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

/* Window (row,column) gives `d_out`[c] to the cells of d_in that won: chosen, where no other window reaches them. */
static void give_alone(const struct cs_layer *pool, int64_t row, int64_t column, const cs_switch *switches,
	const float *d_out, float *d_in)
{
	int64_t h = pool->in.dim[0], w = pool->in.dim[1], c = pool->in.dim[2];
	int64_t y = row * pool->spec.stride[0] - pool->pad_top, x = column * pool->spec.stride[1] - pool->pad_left;
	int64_t rows = pool->spec.window[0], columns = pool->spec.window[1];

	for (int64_t i = y < 0 ? -y : 0; i < rows && y + i < h; i++) {
		for (int64_t j = x < 0 ? -x : 0; j < columns && x + j < w; j++) {
			float *cell = d_in + ((y + i) * w + x + j) * c;
			cs_switch number = (cs_switch)(i * columns + j);

			for (int64_t k = 0; k < c; k++)
				cell[k] = switches[k] == number ? d_out[k] : 0;
		}
	}
}

/* The same where windows share cells: added. */
static void give_shared(const struct cs_layer *pool, int64_t row, int64_t column, const cs_switch *switches,
	const float *d_out, float *d_in)
{
	int64_t c = pool->in.dim[2];

	for (int64_t k = 0; k < c; k++)
		d_in[cs_pool_position(pool, row, column, switches[k]) * c + k] += d_out[k];
}

/* Separate windows that leave no cell of the map out write every cell, so that nothing has to be zeroed. */
static bool covers(const struct cs_layer *pool)
{
	for (int axis = 0; axis < 2; axis++) {
		int64_t before = axis ? pool->pad_left : pool->pad_top;
		int64_t end = (pool->out.dim[axis] - 1) * pool->spec.stride[axis] + pool->spec.window[axis] - before;

		if (pool->spec.stride[axis] != pool->spec.window[axis] || end < pool->in.dim[axis])
			return false;
	}
	return true;
}

static void backward_image(void *context, int image, int worker)
{
	struct job *job = context;
	const struct cs_layer *layer = job->layer;
	int64_t in = cs_shape_count(&layer->in), c = layer->in.dim[2], oh = layer->out.dim[0], ow = layer->out.dim[1];
	const cs_switch *switches = job->pass->switches + image * oh * ow * c;
	const float *d_out = job->pass->d_out + image * oh * ow * c;
	float *d_in = job->pass->d_in + image * in;
	bool overlaps = cs_pool_overlaps(layer);

	(void)worker;
	if (overlaps || !covers(layer))
		memset(d_in, 0, (size_t)in * sizeof *d_in);
	for (int64_t row = 0; row < oh; row++) {
		for (int64_t column = 0; column < ow; column++, switches += c, d_out += c)
			(overlaps ? give_shared : give_alone)(layer, row, column, switches, d_out, d_in);
	}
}

static void maxpool_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, NULL};

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
