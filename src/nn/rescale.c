/* rescale.c: x * factor + offset on every number: how networks made elsewhere bring pixels into their range. */
#include "nn/layer.h"

#include <math.h>
#include <stdio.h>

static enum cs_status rescale_shape(struct cs_layer *layer, struct cs_error *error)
{
	if (!isfinite(layer->spec.factor) || !isfinite(layer->spec.offset))
		return cs_fail(error, CS_ERR_ARGUMENT, "has the factor %g and the offset %g; expected finite numbers",
			(double)layer->spec.factor, (double)layer->spec.offset);
	layer->out = layer->in;
	return CS_OK;
}

static void rescale_plan(const struct cs_layer *layer, struct cs_need *need)
{
	(void)layer;
	need->in_place = true;
	need->d_in_place = true;
	need->algorithm = "element by element";
	snprintf(need->why, sizeof need->why, "an image a task");
}

struct job {
	const float *from;
	float *to;
	int64_t count; /* of one image */
	float factor, offset;
};

static void rescale_image(void *context, int image, int worker)
{
	const struct job *job = context;
	const float *from = job->from + image * job->count;
	float *to = job->to + image * job->count;

	(void)worker;
	for (int64_t i = 0; i < job->count; i++)
		to[i] = from[i] * job->factor + job->offset;
}

static void rescale_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {pass->in, pass->out, cs_shape_count(&layer->in), layer->spec.factor, layer->spec.offset};

	cs_workers_run(pass->workers, pass->count, rescale_image, &job);
}

static void rescale_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {pass->d_out, pass->d_in, cs_shape_count(&layer->in), layer->spec.factor, 0};

	if (pass->d_in)
		cs_workers_run(pass->workers, pass->count, rescale_image, &job);
}

static void rescale_describe(const struct cs_layer *layer, char *text, size_t size)
{
	snprintf(text, size, "rescale x %g %c %g", (double)layer->spec.factor, layer->spec.offset < 0 ? '-' : '+',
		fabs((double)layer->spec.offset));
}

const struct cs_layer_ops cs_rescale_layer = {
	.type = "rescale",
	.stem = "rescale",
	.keras = "Rescaling",
	.shape = rescale_shape,
	.plan = rescale_plan,
	.forward = rescale_forward,
	.backward = rescale_backward,
	.describe = rescale_describe,
};
