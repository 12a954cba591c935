/* zeropad.c: a border of zeros around a map: spec.border rows and columns at the top, bottom, left and right. */
#include "nn/layer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TOP, BOTTOM, LEFT, RIGHT };

static enum cs_status zeropad_shape(struct cs_layer *layer, struct cs_error *error)
{
	const int64_t *border = layer->spec.border;
	char from[CS_SOURCE_TEXT];

	if (layer->in.rank != 3)
		return cs_fail(error, CS_ERR_SHAPE,
			"needs a map of rows x columns x channels, but %s; put it before the flatten",
			cs_layer_source(layer, from, sizeof from));
	for (int side = 0; side < 4; side++) {
		if (border[side] < 0)
			return cs_fail(error, CS_ERR_ARGUMENT, "has a border of %" PRId64 "; expected 0 or more",
				border[side]);
	}
	layer->pad_top = border[TOP];
	layer->pad_left = border[LEFT];
	layer->out = CS_SHAPE(layer->in.dim[0] + border[TOP] + border[BOTTOM],
		layer->in.dim[1] + border[LEFT] + border[RIGHT], layer->in.dim[2]);
	return CS_OK;
}

static void zeropad_plan(const struct cs_layer *layer, struct cs_need *need)
{
	(void)layer;
	need->algorithm = "copy";
	snprintf(need->why, sizeof need->why, "row by row, an image a task");
}

struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
};

static void forward_image(void *context, int image, int worker)
{
	const struct job *job = context;
	const struct cs_layer *layer = job->layer;
	int64_t row = layer->in.dim[1] * layer->in.dim[2], wide = layer->out.dim[1] * layer->out.dim[2];
	const float *in = job->pass->in + image * cs_shape_count(&layer->in);
	float *out = job->pass->out + image * cs_shape_count(&layer->out);

	(void)worker;
	memset(out, 0, (size_t)cs_shape_count(&layer->out) * sizeof(float));
	out += layer->pad_top * wide + layer->pad_left * layer->in.dim[2];
	for (int64_t y = 0; y < layer->in.dim[0]; y++)
		memcpy(out + y * wide, in + y * row, (size_t)row * sizeof(float));
}

static void backward_image(void *context, int image, int worker)
{
	const struct job *job = context;
	const struct cs_layer *layer = job->layer;
	int64_t row = layer->in.dim[1] * layer->in.dim[2], wide = layer->out.dim[1] * layer->out.dim[2];
	const float *d_out = job->pass->d_out + image * cs_shape_count(&layer->out);
	float *d_in = job->pass->d_in + image * cs_shape_count(&layer->in);

	(void)worker;
	d_out += layer->pad_top * wide + layer->pad_left * layer->in.dim[2];
	for (int64_t y = 0; y < layer->in.dim[0]; y++)
		memcpy(d_in + y * row, d_out + y * wide, (size_t)row * sizeof(float));
}

static void zeropad_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass};

	cs_workers_run(pass->workers, pass->count, forward_image, &job);
}

static void zeropad_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass};

	if (pass->d_in)
		cs_workers_run(pass->workers, pass->count, backward_image, &job);
}

static void zeropad_describe(const struct cs_layer *layer, char *text, size_t size)
{
	const int64_t *b = layer->spec.border;

	if (b[TOP] == b[BOTTOM] && b[TOP] == b[LEFT] && b[TOP] == b[RIGHT])
		snprintf(text, size, "zero padding %" PRId64, b[TOP]);
	else
		snprintf(text, size, "zero padding %" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64, b[TOP], b[BOTTOM],
			b[LEFT], b[RIGHT]);
}

static void zeropad_geometry(const struct cs_layer *layer, int64_t window[2], int64_t stride[2], int64_t before[2])
{
	window[0] = window[1] = 1;
	stride[0] = stride[1] = 1;
	before[0] = layer->pad_top;
	before[1] = layer->pad_left;
}

const struct cs_layer_ops cs_zeropad_layer = {
	.type = "zeropad",
	.stem = "pad",
	.keras = "ZeroPadding2D",
	.shape = zeropad_shape,
	.plan = zeropad_plan,
	.forward = zeropad_forward,
	.backward = zeropad_backward,
	.describe = zeropad_describe,
	.geometry = zeropad_geometry,
};
