/* conv_mirror.c: the data gradient of a convolution of stride 1, as a convolution. See conv.h.
 *
 * What an input pixel sends forward through tap (y,x) comes back through it: the gradient is the output's gradient convolved
 * with the kernel turned by half a circle, its channels and features exchanged, padded by what the kernel reaches over the
 * map's rim. So every algorithm that computes convolutions forward computes gradients, too: a layer is made up that looks as
 * they expect one, and the algorithm that suits it runs.
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"

bool cs_conv_mirror_suits(const struct cs_layer *conv)
{
	return cs_kernels()->blocked && conv->spec.stride[0] == 1 && conv->spec.stride[1] == 1;
}

/* The made-up layer: what came out goes in. Its weights are not there yet. */
static struct cs_layer mirror_of(const struct cs_layer *conv)
{
	struct cs_layer mirror = *conv;

	mirror.in = conv->out;
	mirror.out = conv->in;
	mirror.pad_top = conv->spec.kernel[0] - 1 - conv->pad_top;
	mirror.pad_left = conv->spec.kernel[1] - 1 - conv->pad_left;
	mirror.spec.features = conv->in.dim[2];
	mirror.spec.activation = CS_LINEAR;
	mirror.spec.bias = false;
	return mirror;
}

static int64_t kernel_size(const struct cs_layer *conv)
{
	return cs_divide_up(cs_tensor_count(&conv->params[0].value), 16) * 16;
}

void cs_conv_mirror_plan(const struct cs_layer *conv, struct cs_need *need)
{
	struct cs_layer mirror = mirror_of(conv);
	struct cs_need own = {.batch = need->batch};

	cs_conv_algorithm(&mirror, NULL, 0)->plan(&mirror, NULL, &own);
	if (need->per_worker < own.per_worker)
		need->per_worker = own.per_worker;
	cs_conv_raise(&need->shared, kernel_size(conv) + cs_divide_up((int64_t)own.shared, (int64_t)sizeof(float)));
}

struct job {
	const struct cs_layer *conv;
	float *turned;
};

/* One tap: [channels, features] transposed to the opposite tap. */
static void turn_task(void *context, int tap, int worker)
{
	const struct job *job = context;
	int64_t taps = job->conv->spec.kernel[0] * job->conv->spec.kernel[1];
	int64_t c = job->conv->in.dim[2], f = job->conv->out.dim[2];
	const float *from = job->conv->params[0].value.data + tap * c * f;
	float *to = job->turned + (taps - 1 - tap) * c * f;

	(void)worker;
	cs_kernels()->transpose(from, f, c, f, to, c);
}

void cs_conv_mirror_backward(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct cs_layer mirror = mirror_of(conv);
	struct job job = {conv, (float *)pass->shared};
	struct cs_pass back = {
		.count = pass->count,
		.in = pass->d_out,
		.out = pass->d_in,
		.workers = pass->workers,
		.worker_scratch = pass->worker_scratch,
		.worker_stride = pass->worker_stride,
		.shared = (char *)(job.turned + kernel_size(conv)),
	};

	mirror.params[0].value.data = job.turned;
	cs_workers_run(pass->workers, (int)(conv->spec.kernel[0] * conv->spec.kernel[1]), turn_task, &job);
	cs_conv_algorithm(&mirror, NULL, 0)->forward(&mirror, &back);
}
