/* dropout.c: in training, each activation is dropped with probability `rate` and the others grow by 1 / (1 - rate), as Keras
 * does it (inverted scaling): in inference nothing is left to do.
 *
 * The mask of an image is the stream (seed, CS_RANDOM_DROPOUT, step, layer and image) in 16-bit halves, so that it depends
 * neither on the batch's other images nor on threads. A half below rate * 65536 drops: the rate is met to within
 * 1/131072. The mask is kept, a byte an activation, for the way back.
 */
#include "nn/kernels/kernels.h"
#include "nn/layer.h"

#include "core/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum cs_status dropout_shape(struct cs_layer *layer, struct cs_error *error)
{
	if (!(layer->spec.rate >= 0 && layer->spec.rate < 1))
		return cs_fail(error, CS_ERR_ARGUMENT,
			"has a rate of %g; expected the share that is dropped, from 0 to below 1",
			(double)layer->spec.rate);
	layer->out = layer->in;
	return CS_OK;
}

static void dropout_plan(const struct cs_layer *layer, struct cs_need *need)
{
	need->in_place = true;
	need->d_in_place = true;
	if (need->training)
		need->aux = (size_t)need->batch * (size_t)cs_shape_count(&layer->out);
	need->algorithm = "mask";
	snprintf(need->why, sizeof need->why, "a byte an activation, kept for the way back");
}

struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
	int64_t count; /* of one image */
	float factor;
	const struct cs_kernels *kernels;
};

static void draw_mask(const struct job *job, int image, uint8_t *keep)
{
	uint32_t threshold = (uint32_t)lrintf(job->layer->spec.rate * 65536.0f);
	uint64_t index = (uint64_t)job->layer->index << 32 | (uint32_t)image;
	struct cs_random random;

	cs_random_init(&random, job->pass->seed, CS_RANDOM_DROPOUT, job->pass->step, index);
	job->kernels->dropout_mask(&random, threshold, job->count, keep);
}

static void forward_image(void *context, int image, int worker)
{
	const struct job *job = context;
	uint8_t *keep = (uint8_t *)job->pass->aux + image * job->count;

	(void)worker;
	draw_mask(job, image, keep);
	job->kernels->dropout(
		keep, job->factor, job->pass->in + image * job->count, job->pass->out + image * job->count, job->count);
}

static void backward_image(void *context, int image, int worker)
{
	const struct job *job = context;
	const uint8_t *keep = (const uint8_t *)job->pass->aux + image * job->count;

	(void)worker;
	job->kernels->dropout(keep, job->factor, job->pass->d_out + image * job->count,
		job->pass->d_in + image * job->count, job->count);
}

static void dropout_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, cs_shape_count(&layer->out), 1 / (1 - layer->spec.rate), cs_kernels()};

	if (pass->training && layer->spec.rate > 0)
		cs_workers_run(pass->workers, pass->count, forward_image, &job);
	else if (pass->out != pass->in)
		memcpy(pass->out, pass->in, (size_t)(pass->count * job.count) * sizeof(float));
}

static void dropout_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {layer, pass, cs_shape_count(&layer->out), 1 / (1 - layer->spec.rate), cs_kernels()};

	if (!pass->d_in)
		return;
	if (pass->training && layer->spec.rate > 0)
		cs_workers_run(pass->workers, pass->count, backward_image, &job);
	else if (pass->d_in != pass->d_out)
		memcpy(pass->d_in, pass->d_out, (size_t)(pass->count * job.count) * sizeof(float));
}

static void dropout_describe(const struct cs_layer *layer, char *text, size_t size)
{
	snprintf(text, size, "dropout %g", (double)layer->spec.rate);
}

const struct cs_layer_ops cs_dropout_layer = {
	.type = "dropout",
	.stem = "dropout",
	.keras = "Dropout",
	.shape = dropout_shape,
	.plan = dropout_plan,
	.forward = dropout_forward,
	.backward = dropout_backward,
	.describe = dropout_describe,
};
