/* activation_layer.c: a non-linearity as a layer of its own. The functions are in activation.c.
 *
 * aux of a softmax: its input, the scores, [batch,...] as in every softmax kind.
 */
#include "nn/kernels/kernels.h"
#include "nn/layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum cs_status activation_shape(struct cs_layer *layer, struct cs_error *error)
{
	/* derivatives are taken from the output: a negative slope would leave two inputs for one output */
	if (layer->spec.activation == CS_LEAKY_RELU && !(layer->spec.alpha >= 0))
		return cs_fail(error, CS_ERR_ARGUMENT, "has leaky_relu with alpha %g; the slope must not be negative",
			(double)layer->spec.alpha);
	layer->out = layer->in;
	return CS_OK;
}

static void activation_plan(const struct cs_layer *layer, struct cs_need *need)
{
	need->in_place = true;
	need->d_in_place = true;
	if (layer->spec.activation == CS_SOFTMAX)
		need->aux = (size_t)need->batch * (size_t)cs_shape_count(&layer->out) * sizeof(float);
	need->algorithm = "element by element";
	snprintf(need->why, sizeof need->why, "an image a task");
}

struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
	int64_t count, width; /* of one image; of one softmax */
};

static void forward_image(void *context, int image, int worker)
{
	struct job *job = context;
	struct cs_pass *pass = job->pass;
	const struct cs_layer_spec *spec = &job->layer->spec;
	size_t bytes = (size_t)job->count * sizeof(float);
	const float *in = pass->in + image * job->count;
	float *out = pass->out + image * job->count;

	(void)worker;
	if (spec->activation == CS_SOFTMAX)
		memcpy((float *)pass->aux + image * job->count, in, bytes);
	if (out != in)
		memcpy(out, in, bytes);
	if (spec->activation == CS_SOFTMAX)
		cs_activate(CS_SOFTMAX, 0, out, job->count / job->width, job->width);
	else
		cs_kernels()->bias_activate(spec->activation, spec->alpha, NULL, out, 1, job->count);
}

static void backward_image(void *context, int image, int worker)
{
	struct job *job = context;
	struct cs_pass *pass = job->pass;
	const struct cs_layer_spec *spec = &job->layer->spec;
	const float *d_out = pass->d_out + image * job->count;
	float *d_in = pass->d_in + image * job->count;

	(void)worker;
	if (d_in != d_out)
		memcpy(d_in, d_out, (size_t)job->count * sizeof(float));
	if (spec->activation != CS_SOFTMAX)
		cs_kernels()->derive(spec->activation, spec->alpha, pass->out + image * job->count, d_in, job->count);
	else if (!pass->d_out_is_logits)
		cs_activate_backward(
			CS_SOFTMAX, 0, pass->out + image * job->count, d_in, job->count / job->width, job->width);
}

static struct job job_of(const struct cs_layer *layer, struct cs_pass *pass)
{
	return (struct job){layer, pass, cs_shape_count(&layer->out), layer->out.dim[layer->out.rank - 1]};
}

static void activation_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = job_of(layer, pass);

	cs_workers_run(pass->workers, pass->count, forward_image, &job);
}

static void activation_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = job_of(layer, pass);

	if (pass->d_in)
		cs_workers_run(pass->workers, pass->count, backward_image, &job);
}

static void activation_describe(const struct cs_layer *layer, char *text, size_t size)
{
	const struct cs_layer_spec *spec = &layer->spec;

	if (spec->activation == CS_LEAKY_RELU || spec->activation == CS_ELU)
		snprintf(text, size, "activation %s %g", cs_activation_name(spec->activation), (double)spec->alpha);
	else
		snprintf(text, size, "activation %s", cs_activation_name(spec->activation));
}

const struct cs_layer_ops cs_activation_layer = {
	.type = "activation",
	.stem = "activation",
	.keras = "Activation",
	.shape = activation_shape,
	.plan = activation_plan,
	.forward = activation_forward,
	.backward = activation_backward,
	.describe = activation_describe,
};
