/* globalpool.c: global average and global max pooling: one number a channel.
 *
 * A global max-pool is a max-pool whose window is the whole map, and shapes itself so: its switches, row * width + column, mean
 * what pool.h says and cs_pool_position() reads them. The output has rank 1, [channels].
 */
#include "nn/kernels/kernels.h"
#include "nn/pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CELLS = 65535 };

struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
	const struct cs_kernels *kernels;
};

/* The window and stride of a global pool are set to the map, whatever the specification said. */
static enum cs_status global_shape(struct cs_layer *layer, struct cs_error *error)
{
	char from[CS_SOURCE_TEXT];

	cs_layer_source(layer, from, sizeof from);
	if (layer->in.rank != 3)
		return cs_fail(error, CS_ERR_SHAPE,
			"needs a map of rows x columns x channels, but %s; put it before the flatten", from);
	for (int axis = 0; axis < 2; axis++)
		layer->spec.window[axis] = layer->spec.stride[axis] = layer->in.dim[axis];
	layer->pad_top = layer->pad_left = 0;
	layer->out = CS_SHAPE(layer->in.dim[2]);
	return CS_OK;
}

static enum cs_status max_shape(struct cs_layer *layer, struct cs_error *error)
{
	enum cs_status status = global_shape(layer, error);
	int64_t h = layer->in.dim[0], w = layer->in.dim[1];

	if (!status && (h > MAX_CELLS || w > MAX_CELLS || h * w > MAX_CELLS))
		status = cs_fail(error, CS_ERR_SHAPE,
			"sees a map of %" PRId64 "x%" PRId64
			" cells; its switches can tell %d apart: put a maxpool before it",
			h, w, MAX_CELLS);
	return status;
}

static void global_describe(const struct cs_layer *layer, char *text, size_t size)
{
	snprintf(text, size, "%s", layer->ops->type);
}

static void average_plan(const struct cs_layer *layer, struct cs_need *need)
{
	(void)layer;
	need->algorithm = "global average";
	snprintf(need->why, sizeof need->why, "the only form");
}

static void average_image(void *context, int image, int worker)
{
	struct job *job = context;
	int64_t cells = job->layer->in.dim[0] * job->layer->in.dim[1], c = job->layer->in.dim[2];
	float *out = job->pass->out + image * c;

	(void)worker;
	job->kernels->column_sums(cells, c, job->pass->in + image * cells * c, out);
	for (int64_t k = 0; k < c; k++)
		out[k] *= 1.0f / (float)cells;
}

static void average_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, cs_kernels()};

	cs_workers_run(pass->workers, pass->count, average_image, &job);
}

static void average_image_backward(void *context, int image, int worker)
{
	struct job *job = context;
	int64_t cells = job->layer->in.dim[0] * job->layer->in.dim[1], c = job->layer->in.dim[2];
	const float *d_out = job->pass->d_out + image * c;
	float *d_in = job->pass->d_in + image * cells * c;
	float share = 1.0f / (float)cells;

	(void)worker;
	for (int64_t k = 0; k < c; k++)
		d_in[k] = d_out[k] * share;
	for (int64_t i = 1; i < cells; i++)
		memcpy(d_in + i * c, d_in, (size_t)c * sizeof *d_in);
}

static void average_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, NULL};

	if (pass->d_in)
		cs_workers_run(pass->workers, pass->count, average_image_backward, &job);
}

/* The max-pool kernel reads a rank-3 output: the same numbers, one cell a map. */
static struct cs_layer as_pool(const struct cs_layer *layer)
{
	struct cs_layer pool = *layer;

	pool.out = CS_SHAPE(1, 1, layer->in.dim[2]);
	return pool;
}

static void max_plan(const struct cs_layer *layer, struct cs_need *need)
{
	need->switches = (size_t)need->batch * (size_t)layer->in.dim[2];
	need->algorithm = "global max";
	snprintf(need->why, sizeof need->why, "a max-pool whose window is the map");
}

static void max_image(void *context, int image, int worker)
{
	struct job *job = context;
	int64_t c = job->layer->in.dim[2];
	cs_switch *switches = job->pass->switches;

	(void)worker;
	job->kernels->maxpool(job->layer, job->pass->in + image * cs_shape_count(&job->layer->in),
		job->pass->out + image * c, switches ? switches + image * c : NULL);
}

static void max_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct cs_layer pool = as_pool(layer);
	struct job job = {&pool, pass, cs_kernels()};

	cs_workers_run(pass->workers, pass->count, max_image, &job);
}

static void max_image_backward(void *context, int image, int worker)
{
	struct job *job = context;
	int64_t size = cs_shape_count(&job->layer->in), c = job->layer->in.dim[2];
	const cs_switch *switches = job->pass->switches + image * c;
	const float *d_out = job->pass->d_out + image * c;
	float *d_in = job->pass->d_in + image * size;

	(void)worker;
	memset(d_in, 0, (size_t)size * sizeof *d_in);
	for (int64_t k = 0; k < c; k++)
		d_in[switches[k] * c + k] = d_out[k];
}

static void max_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, NULL};

	if (pass->d_in)
		cs_workers_run(pass->workers, pass->count, max_image_backward, &job);
}

const struct cs_layer_ops cs_global_avgpool_layer = {
	.type = "global_avgpool",
	.stem = "global_avgpool",
	.keras = "GlobalAveragePooling2D",
	.shape = global_shape,
	.plan = average_plan,
	.forward = average_forward,
	.backward = average_backward,
	.describe = global_describe,
	.geometry = cs_pool_geometry,
};

const struct cs_layer_ops cs_global_maxpool_layer = {
	.type = "global_maxpool",
	.stem = "global_maxpool",
	.keras = "GlobalMaxPooling2D",
	.shape = max_shape,
	.plan = max_plan,
	.forward = max_forward,
	.backward = max_backward,
	.describe = global_describe,
	.geometry = cs_pool_geometry,
};
