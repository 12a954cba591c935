/* flatten.c: a map [h,w,c] as a row [h*w*c]: the same numbers in the same order, as Keras' Flatten with channels last.
 *
 * The plan lets output and input share memory wherever it can, so that mostly nothing is left to do.
 */
#include "nn/layer.h"

#include <stdio.h>
#include <string.h>

static enum cs_status flatten_shape(struct cs_layer *layer, struct cs_error *error)
{
	(void)error;
	layer->out = CS_SHAPE(cs_shape_count(&layer->in));
	return CS_OK;
}

static void flatten_plan(const struct cs_layer *layer, struct cs_need *need)
{
	(void)layer;
	need->view = true;
	need->in_place = true;
	need->d_in_place = true;
	need->algorithm = "view";
	snprintf(need->why, sizeof need->why, "the same memory under another shape");
}

static void flatten_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	if (pass->out != pass->in)
		memcpy(pass->out, pass->in, (size_t)(pass->count * cs_shape_count(&layer->in)) * sizeof(float));
}

static void flatten_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	if (pass->d_in && pass->d_in != pass->d_out)
		memcpy(pass->d_in, pass->d_out, (size_t)(pass->count * cs_shape_count(&layer->in)) * sizeof(float));
}

static void flatten_describe(const struct cs_layer *layer, char *text, size_t size)
{
	(void)layer;
	snprintf(text, size, "flatten");
}

/* A unit is one element of the map, but as part of a row it stands for the whole of it. */
static void flatten_geometry(const struct cs_layer *layer, int64_t window[2], int64_t stride[2], int64_t before[2])
{
	window[0] = layer->in.dim[0];
	window[1] = layer->in.rank == 3 ? layer->in.dim[1] : 1;
	stride[0] = stride[1] = 1;
	before[0] = before[1] = 0;
}

const struct cs_layer_ops cs_flatten_layer = {
	.type = "flatten",
	.stem = "flatten",
	.keras = "Flatten",
	.shape = flatten_shape,
	.plan = flatten_plan,
	.forward = flatten_forward,
	.backward = flatten_backward,
	.describe = flatten_describe,
	.geometry = flatten_geometry,
};
