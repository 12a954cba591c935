/* initialise.c: weight initialisers. See initialise.h.
 *
 * Each kernel is drawn from a stream of its own, in storage order, so that neither the other layers nor the number of
 * threads change it.
 */
#include "nn/initialise.h"

#include "core/random.h"

#include <math.h>
#include <string.h>

enum cs_activation cs_effective_activation(const struct cs_network *network, int layer)
{
	const struct cs_layer *own = &network->layers[layer];

	if (own->spec.activation != CS_LINEAR)
		return own->spec.activation;
	for (int i = layer + 1; i < network->layer_count; i++) {
		const struct cs_layer *next = &network->layers[i];

		if (next->ops == &cs_activation_layer && next->spec.activation != CS_LINEAR)
			return next->spec.activation;
		if (next->ops == &cs_conv_layer || next->ops == &cs_dense_layer)
			break;
	}
	return CS_LINEAR;
}

static bool rectifies(enum cs_activation activation)
{
	return activation == CS_RELU || activation == CS_LEAKY_RELU || activation == CS_ELU;
}

static void fill(struct cs_tensor *tensor, float value)
{
	int64_t n = cs_tensor_count(tensor);

	for (int64_t i = 0; i < n; i++)
		tensor->data[i] = value;
}

/* Box and Muller, both of each pair, in single precision: a network of 40 million weights starts in half a second. */
static void fill_normal(struct cs_tensor *tensor, struct cs_random *random, double deviation)
{
	int64_t n = cs_tensor_count(tensor);
	float scale = (float)deviation;

	for (int64_t i = 0; i < n; i += 2) {
		float u = ((float)cs_random_u32(random) + 0.5f) * 0x1p-32f,
		      angle = (float)cs_random_u32(random) * 0x1p-32f;
		float radius = scale * sqrtf(-2 * logf(u)), sine, cosine;

		sincosf(6.2831853f * angle, &sine, &cosine);
		tensor->data[i] = radius * cosine;
		if (i + 1 < n)
			tensor->data[i + 1] = radius * sine;
	}
}

static void fill_uniform(struct cs_tensor *tensor, struct cs_random *random, double limit)
{
	int64_t n = cs_tensor_count(tensor);

	for (int64_t i = 0; i < n; i++)
		tensor->data[i] = cs_random_between(random, (float)-limit, (float)limit);
}

/* kernel [...,in,out]: what one output sums over, and what one input feeds. */
static void fill_kernel(const struct cs_layer_spec *spec, enum cs_activation activation, struct cs_tensor *kernel,
	struct cs_random *random)
{
	int last = kernel->shape.rank - 1;
	double count = (double)cs_tensor_count(kernel);
	double fan_in = count / (double)kernel->shape.dim[last];
	double fan_out = last > 0 ? count / (double)kernel->shape.dim[last - 1] : count;
	enum cs_initialiser kind = spec->initialiser;

	if (kind == CS_INIT_DEFAULT)
		kind = rectifies(activation) ? CS_INIT_HE : CS_INIT_GLOROT;
	switch (kind) {
	case CS_INIT_HE:
		fill_normal(kernel, random, sqrt(2 / fan_in));
		break;
	case CS_INIT_LECUN:
		fill_normal(kernel, random, sqrt(1 / fan_in));
		break;
	case CS_INIT_NORMAL:
		fill_normal(kernel, random, spec->deviation > 0 ? spec->deviation : sqrt(1 / fan_in));
		break;
	case CS_INIT_GLOROT:
		fill_uniform(kernel, random, sqrt(6 / (fan_in + fan_out)));
		break;
	case CS_INIT_ZEROS:
	case CS_INIT_DEFAULT:
		fill(kernel, 0);
		break;
	}
}

void cs_initialise(struct cs_network *network, uint64_t seed)
{
	for (int i = 0; i < network->layer_count; i++) {
		struct cs_layer *layer = &network->layers[i];

		for (int p = 0; p < layer->param_count; p++) {
			struct cs_param *param = &layer->params[p];
			struct cs_random random;

			cs_random_init(&random, seed, CS_RANDOM_INITIALISE, (uint32_t)p, (uint64_t)i);
			if (strcmp(param->name, "kernel") == 0)
				fill_kernel(&layer->spec, cs_effective_activation(network, i), &param->value, &random);
			else if (strcmp(param->name, "gamma") == 0 || strcmp(param->name, "moving_variance") == 0)
				fill(&param->value, 1);
			else
				fill(&param->value, 0);
		}
	}
}
