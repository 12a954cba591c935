/* avgpool.c: the average-pool layer.
 *
 * The mean is over the cells inside the map: what padding 'same' adds counts neither in the sum nor in the number, as in
 * TensorFlow. Backward is the transpose: each cell of a window gets its share of the output's gradient; where windows overlap
 * shares add.
 */
#include "nn/kernels/kernels.h"
#include "nn/pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
	const struct cs_kernels *kernels;
};

/* The cells of window (row,column) that lie inside the map, in map coordinates. */
struct cells {
	int64_t top, bottom, left, right; /* bottom and right are one past the last */
	float share; /* 1 / number of cells */
};

static struct cells cells_of(const struct cs_layer *pool, int64_t row, int64_t column)
{
	struct cells cells;
	int64_t y = row * pool->spec.stride[0] - pool->pad_top, x = column * pool->spec.stride[1] - pool->pad_left;
	int64_t bottom = y + pool->spec.window[0], right = x + pool->spec.window[1];

	cells.top = y < 0 ? 0 : y;
	cells.left = x < 0 ? 0 : x;
	cells.bottom = bottom > pool->in.dim[0] ? pool->in.dim[0] : bottom;
	cells.right = right > pool->in.dim[1] ? pool->in.dim[1] : right;
	cells.share = 1.0f / (float)((cells.bottom - cells.top) * (cells.right - cells.left));
	return cells;
}

static void forward_image(void *context, int image, int worker)
{
	struct job *job = context;
	const struct cs_layer *layer = job->layer;
	int64_t w = layer->in.dim[1], c = layer->in.dim[2], oh = layer->out.dim[0], ow = layer->out.dim[1];
	const float *in = job->pass->in + image * cs_shape_count(&layer->in);
	float *out = job->pass->out + image * oh * ow * c;

	(void)worker;
	for (int64_t i = 0; i < oh * ow; i++, out += c) {
		struct cells cells = cells_of(layer, i / ow, i % ow);

		memset(out, 0, (size_t)c * sizeof *out);
		for (int64_t y = cells.top; y < cells.bottom; y++) {
			for (int64_t x = cells.left; x < cells.right; x++)
				job->kernels->add(c, in + (y * w + x) * c, out);
		}
		for (int64_t k = 0; k < c; k++)
			out[k] *= cells.share;
	}
}

static void avgpool_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, cs_kernels()};

	cs_workers_run(pass->workers, pass->count, forward_image, &job);
}

static void backward_image(void *context, int image, int worker)
{
	struct job *job = context;
	const struct cs_layer *layer = job->layer;
	int64_t w = layer->in.dim[1], c = layer->in.dim[2], oh = layer->out.dim[0], ow = layer->out.dim[1];
	int64_t size = cs_shape_count(&layer->in);
	const float *d_out = job->pass->d_out + image * oh * ow * c;
	float *d_in = job->pass->d_in + image * size;

	(void)worker;
	memset(d_in, 0, (size_t)size * sizeof *d_in);
	for (int64_t i = 0; i < oh * ow; i++, d_out += c) {
		struct cells cells = cells_of(layer, i / ow, i % ow);

		for (int64_t y = cells.top; y < cells.bottom; y++) {
			for (int64_t x = cells.left; x < cells.right; x++)
				job->kernels->axpy(c, cells.share, d_out, d_in + (y * w + x) * c);
		}
	}
}

static void avgpool_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, cs_kernels()};

	if (pass->d_in)
		cs_workers_run(pass->workers, pass->count, backward_image, &job);
}

static void avgpool_plan(const struct cs_layer *layer, struct cs_need *need)
{
	(void)layer;
	need->algorithm = "average pool";
	snprintf(need->why, sizeof need->why, "the only form");
}

static void avgpool_describe(const struct cs_layer *layer, char *text, size_t size)
{
	cs_pool_describe("avgpool", layer, text, size);
}

const struct cs_layer_ops cs_avgpool_layer = {
	.type = "avgpool",
	.stem = "avgpool",
	.keras = "AveragePooling2D",
	.shape = cs_pool_shape,
	.plan = avgpool_plan,
	.forward = avgpool_forward,
	.backward = avgpool_backward,
	.describe = avgpool_describe,
	.geometry = cs_pool_geometry,
};
