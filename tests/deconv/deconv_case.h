/* deconv_case.h: what the tests of the deconv room share: networks with every parameter drawn at random, traces of them, and
 * a reference for projections that is written by the definitions alone: whole maps, double precision, one number at a time.
 *
 * The reference takes activations from the trace (a mask and a switch are decisions of the forward pass, which both sides
 * must share) but finds its switches itself, in the maps that reach the pools.
 */
#ifndef CS_TESTS_DECONV_CASE_H
#define CS_TESTS_DECONV_CASE_H

#include "core/random.h"
#include "deconv/project.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CASE_MAX_LAYERS = 12 };

static inline struct cs_random case_random(uint64_t seed)
{
	struct cs_random random;

	cs_random_init(&random, seed, CS_RANDOM_USER, 0, 0);
	return random;
}

static inline int64_t case_between(struct cs_random *random, int64_t low, int64_t high)
{
	return low + (int64_t)cs_random_below(random, (uint32_t)(high - low + 1));
}

static inline bool case_chance(struct cs_random *random, float share)
{
	return cs_random_uniform(random) < share;
}

/* Every parameter at random: biases and batch norm's statistics too, gammas of both signs. */
static inline void case_randomise(struct cs_network *network, uint64_t seed)
{
	struct cs_random random = case_random(seed);

	for (int i = 0; i < network->layer_count; i++) {
		struct cs_layer *layer = &network->layers[i];

		for (int p = 0; p < layer->param_count; p++) {
			struct cs_param *param = &layer->params[p];
			int64_t count = cs_tensor_count(&param->value);
			float spread = strcmp(param->name, "kernel")
				? 0.5f
				: sqrtf(2.0f * (float)layer->spec.features / (float)count);

			for (int64_t k = 0; k < count; k++)
				param->value.data[k] = strcmp(param->name, "moving_variance")
					? spread * cs_random_normal(&random)
					: cs_random_between(&random, 0.2f, 2);
		}
	}
}

static inline void case_fill(struct cs_random *random, float *values, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		values[i] = cs_random_normal(random);
}

static inline enum cs_activation case_activation(struct cs_random *random)
{
	static const enum cs_activation all[] = {
		CS_LINEAR, CS_RELU, CS_RELU, CS_RELU, CS_LEAKY_RELU, CS_ELU, CS_SIGMOID, CS_TANH};

	return all[cs_random_below(random, sizeof all / sizeof *all)];
}

static inline struct cs_layer_spec case_conv(int64_t features, int64_t kernel, enum cs_activation activation)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_conv_layer);

	spec.features = features;
	spec.kernel[0] = spec.kernel[1] = kernel;
	spec.activation = activation;
	spec.alpha = activation == CS_LEAKY_RELU ? 0.2f : 1.0f;
	return spec;
}

static inline struct cs_layer_spec case_pool(const struct cs_layer_ops *ops, int64_t window, int64_t stride)
{
	struct cs_layer_spec spec = cs_layer_spec_default(ops);

	spec.window[0] = spec.window[1] = window;
	spec.stride[0] = spec.stride[1] = stride;
	return spec;
}

static inline struct cs_layer_spec case_dense(int64_t units, enum cs_activation activation)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_dense_layer);

	spec.features = units;
	spec.activation = activation;
	spec.alpha = 0.7f;
	return spec;
}

/* A layer for maps, of any kind that works on maps. */
static inline struct cs_layer_spec case_map_layer(struct cs_random *random)
{
	static const struct cs_layer_ops *const kinds[] = {&cs_conv_layer, &cs_conv_layer, &cs_conv_layer,
		&cs_maxpool_layer, &cs_maxpool_layer, &cs_avgpool_layer, &cs_activation_layer, &cs_batchnorm_layer,
		&cs_dropout_layer, &cs_zeropad_layer, &cs_rescale_layer};
	struct cs_layer_spec spec = cs_layer_spec_default(kinds[cs_random_below(random, sizeof kinds / sizeof *kinds)]);

	spec.activation = case_activation(random);
	spec.alpha = cs_random_between(random, 0.1f, 1);
	spec.padding = case_chance(random, 0.5f) ? CS_PADDING_SAME : CS_PADDING_VALID;
	spec.rate = 0.4f;
	spec.factor = cs_random_between(random, -2, 2);
	spec.offset = 0.3f;
	spec.features = case_chance(random, 0.2f) ? case_between(random, 40, 70) : case_between(random, 1, 12);
	for (int axis = 0; axis < 2; axis++) {
		spec.kernel[axis] = case_between(random, 1, 4);
		spec.window[axis] = case_between(random, 1, 3);
		spec.stride[axis] = case_between(random, 1, spec.ops == &cs_conv_layer ? 2 : 3);
	}
	for (int side = 0; side < 4; side++)
		spec.border[side] = case_between(random, 0, 2);
	return spec;
}

/* A random network of up to seven map layers and, mostly, something on top; NULL when what was drawn does not fit. */
static inline struct cs_network *case_network(uint64_t seed)
{
	struct cs_random random = case_random(seed);
	struct cs_layer_spec specs[CASE_MAX_LAYERS];
	struct cs_network *network = NULL;
	struct cs_shape input =
		CS_SHAPE(case_between(&random, 6, 17), case_between(&random, 6, 17), case_between(&random, 1, 4));
	int count = (int)case_between(&random, 2, 7), n = 0;

	while (n < count)
		specs[n++] = case_map_layer(&random);
	switch (cs_random_below(&random, 5)) {
	case 0:
		break;
	case 1:
		specs[n++] = cs_layer_spec_default(&cs_global_avgpool_layer);
		break;
	case 2:
		specs[n++] = cs_layer_spec_default(&cs_global_maxpool_layer);
		specs[n++] = case_dense(7, CS_SOFTMAX);
		break;
	default:
		specs[n++] = cs_layer_spec_default(&cs_flatten_layer);
		specs[n++] = case_dense(9, case_activation(&random));
		specs[n++] = cs_layer_spec_default(&cs_batchnorm_layer);
		specs[n++] = case_dense(5, CS_SOFTMAX);
	}
	if (cs_network_new(input, specs, n, 1, &network, NULL))
		return NULL;
	case_randomise(network, seed);
	return network;
}

/* A trace of `count` random images. */
static inline struct cs_trace *case_trace(
	const struct cs_network *network, enum cs_trace_kind kind, int count, struct cs_workers *workers, uint64_t seed)
{
	struct cs_random random = case_random(seed + 77);
	struct cs_shape shape = {.rank = network->input.rank + 1, .dim = {count}};
	struct cs_tensor images;
	struct cs_trace *trace = NULL;

	memcpy(shape.dim + 1, network->input.dim, (size_t)network->input.rank * sizeof *shape.dim);
	if (cs_tensor_init(&images, shape, NULL))
		abort();
	case_fill(&random, images.data, cs_tensor_count(&images));
	if (cs_trace_new(network, kind, count, workers, &trace, NULL))
		abort();
	cs_network_forward(trace, &images);
	cs_tensor_fini(&images);
	return trace;
}

/* Room for `count` pictures, full of what must be overwritten. */
static inline struct cs_tensor case_pictures(const struct cs_network *network, int count)
{
	struct cs_shape shape = {.rank = network->input.rank + 1, .dim = {count}};
	struct cs_tensor out;

	memcpy(shape.dim + 1, network->input.dim, (size_t)network->input.rank * sizeof *shape.dim);
	if (cs_tensor_init(&out, shape, NULL))
		abort();
	for (int64_t i = 0; i < cs_tensor_count(&out); i++)
		out.data[i] = 1e30f;
	return out;
}

static inline bool case_is_softmax(const struct cs_layer *layer)
{
	return (layer->ops == &cs_conv_layer || layer->ops == &cs_dense_layer || layer->ops == &cs_activation_layer) &&
		layer->spec.activation == CS_SOFTMAX;
}

/* A layer's numbers for one image: its output, or the scores before a softmax. */
static inline const float *case_values(const struct cs_trace *trace, int layer, int image)
{
	const struct cs_layer *l = &trace->network->layers[layer];
	const float *all = case_is_softmax(l) ? trace->slots[layer].aux : trace->slots[layer].out.data;

	return all + image * cs_shape_count(&l->out);
}

static inline const float *case_input(const struct cs_trace *trace, int layer, int image)
{
	return layer ? trace->slots[layer - 1].out.data + image * cs_shape_count(&trace->network->layers[layer].in)
		     : trace->input.data + image * cs_shape_count(&trace->network->input);
}

static inline void case_sizes(const struct cs_shape *shape, int64_t size[3])
{
	size[0] = shape->rank == 3 ? shape->dim[0] : 1;
	size[1] = shape->rank == 3 ? shape->dim[1] : 1;
	size[2] = shape->rank == 3 ? shape->dim[2] : cs_shape_count(shape);
}

/* What a target starts with, over its whole layer; silent targets start with nothing. */
static inline double *case_start(const struct cs_trace *trace, const struct cs_target *target)
{
	const struct cs_shape *shape = &trace->network->layers[target->layer].out;
	const float *values = case_values(trace, target->layer, target->image);
	double *signal = calloc((size_t)cs_shape_count(shape), sizeof *signal);
	int64_t size[3], best = -1;
	bool alive = target->signal == CS_SIGNAL_ONE;

	case_sizes(shape, size);
	for (int64_t p = 0; p < size[0] * size[1]; p++) {
		if (target->feature >= 0 &&
			(best < 0 || values[p * size[2] + target->feature] > values[best * size[2] + target->feature]))
			best = p;
	}
	for (int64_t i = 0; i < cs_shape_count(shape); i++) {
		int64_t p = i / size[2];
		bool in = target->feature < 0 || i % size[2] == target->feature;

		if (target->at == CS_AT_MAX)
			in = in && p == best;
		if (target->at == CS_AT_POSITION)
			in = in && p == target->row * size[1] + target->column;
		if (in) {
			signal[i] = target->signal == CS_SIGNAL_ONE ? 1 : (double)values[i];
			alive = alive || signal[i] > 0;
		}
	}
	if (!alive)
		memset(signal, 0, (size_t)cs_shape_count(shape) * sizeof *signal);
	return signal;
}

static inline double case_derivative(enum cs_activation activation, double alpha, double y)
{
	switch (activation) {
	case CS_RELU:
		return y > 0;
	case CS_LEAKY_RELU:
		return y > 0 ? 1 : alpha;
	case CS_ELU:
		return y > 0 ? 1 : y + alpha;
	case CS_SIGMOID:
		return y * (1 - y);
	case CS_TANH:
		return 1 - y * y;
	default:
		return 1;
	}
}

static inline void case_reverse_activation(
	const struct cs_layer *l, const float *out, struct cs_rule rule, double *signal)
{
	if (l->spec.activation == CS_LINEAR || l->spec.activation == CS_SOFTMAX)
		return;
	for (int64_t i = 0; i < cs_shape_count(&l->out); i++) {
		if (rule.rectify && signal[i] < 0)
			signal[i] = 0;
		if (rule.mask)
			signal[i] *= case_derivative(l->spec.activation, (double)l->spec.alpha, (double)out[i]);
	}
}

/* Convolution, every output with every input of its window. */
static inline void case_reverse_conv(const struct cs_layer *l, const double *signal, double *below)
{
	const float *kernel = cs_layer_param(l, "kernel")->value.data;
	int64_t h = l->in.dim[0], w = l->in.dim[1], cin = l->in.dim[2], ow = l->out.dim[1], cout = l->out.dim[2];

	for (int64_t i = 0; i < cs_shape_count(&l->out); i++) {
		int64_t f = i % cout, ox = i / cout % ow, oy = i / cout / ow;

		for (int64_t ky = 0; ky < l->spec.kernel[0]; ky++)
			for (int64_t kx = 0; kx < l->spec.kernel[1]; kx++)
				for (int64_t c = 0; c < cin; c++) {
					int64_t y = oy * l->spec.stride[0] + ky - l->pad_top,
						x = ox * l->spec.stride[1] + kx - l->pad_left;

					if (y >= 0 && y < h && x >= 0 && x < w)
						below[(y * w + x) * cin + c] += signal[i] *
							(double)kernel[((ky * l->spec.kernel[1] + kx) * cin + c) *
									cout +
								f];
				}
	}
}

static inline void case_reverse_dense(const struct cs_layer *l, const double *signal, double *below)
{
	const float *kernel = cs_layer_param(l, "kernel")->value.data;

	for (int64_t i = 0; i < l->in.dim[0]; i++)
		for (int64_t f = 0; f < l->out.dim[0]; f++)
			below[i] += signal[f] * (double)kernel[i * l->out.dim[0] + f];
}

/* Pools of every kind, one window and channel at a time; the winner is looked for in the map itself. */
static inline void case_reverse_pool(
	const struct cs_layer *l, const float *in, bool switches, const double *signal, double *below)
{
	bool max = l->ops == &cs_maxpool_layer || l->ops == &cs_global_maxpool_layer;
	bool global = l->ops == &cs_global_avgpool_layer || l->ops == &cs_global_maxpool_layer;
	int64_t h = l->in.dim[0], w = l->in.dim[1], c_count = l->in.dim[2], ow = global ? 1 : l->out.dim[1];
	int64_t rows = global ? h : l->spec.window[0], columns = global ? w : l->spec.window[1];

	for (int64_t i = 0; i < cs_shape_count(&l->out); i++) {
		int64_t c = i % c_count;
		int64_t top = global ? 0 : i / c_count / ow * l->spec.stride[0] - l->pad_top;
		int64_t left = global ? 0 : i / c_count % ow * l->spec.stride[1] - l->pad_left;
		int64_t best = -1, cells = 0;

		for (int64_t y = top; y < top + rows; y++)
			for (int64_t x = left; x < left + columns; x++) {
				if (y < 0 || y >= h || x < 0 || x >= w)
					continue;
				cells++;
				if (best < 0 || in[(y * w + x) * c_count + c] > in[best * c_count + c])
					best = y * w + x;
			}
		if (max && !switches) {
			int64_t y = top + (rows - 1) / 2, x = left + (columns - 1) / 2;

			y = y < 0 ? 0 : y >= h ? h - 1 : y;
			x = x < 0 ? 0 : x >= w ? w - 1 : x;
			best = y * w + x;
		}
		if (max) {
			below[best * c_count + c] += signal[i];
			continue;
		}
		for (int64_t y = top; y < top + rows; y++)
			for (int64_t x = left; x < left + columns; x++)
				if (y >= 0 && y < h && x >= 0 && x < w)
					below[(y * w + x) * c_count + c] += signal[i] / (double)cells;
	}
}

/* Kinds that map numbers one to one. */
static inline void case_reverse_plain(const struct cs_layer *l, const double *signal, double *below)
{
	int64_t channels = l->out.dim[l->out.rank - 1];

	for (int64_t i = 0; i < cs_shape_count(&l->out); i++) {
		int64_t at = i;
		double factor = 1;

		if (l->ops == &cs_batchnorm_layer) {
			const struct cs_param *gamma = cs_layer_param(l, "gamma");
			double variance = (double)cs_layer_param(l, "moving_variance")->value.data[i % channels];

			factor = (gamma ? (double)gamma->value.data[i % channels] : 1) /
				sqrt(variance + (double)l->spec.epsilon);
		} else if (l->ops == &cs_rescale_layer) {
			factor = (double)l->spec.factor;
		} else if (l->ops == &cs_zeropad_layer) {
			int64_t y = i / channels / l->out.dim[1] - l->spec.border[0];
			int64_t x = i / channels % l->out.dim[1] - l->spec.border[2];

			if (y < 0 || y >= l->in.dim[0] || x < 0 || x >= l->in.dim[1])
				continue;
			at = (y * l->in.dim[1] + x) * channels + i % channels;
		}
		below[at] += signal[i] * factor;
	}
}

/* The projection of a target by the definitions: the network's input, in doubles; the caller frees. */
static inline double *case_reference(const struct cs_trace *trace, const struct cs_target *target, struct cs_rule rule)
{
	double *signal = case_start(trace, target);

	for (int i = target->layer; i >= 0; i--) {
		const struct cs_layer *l = &trace->network->layers[i];
		const float *out = trace->slots[i].out.data + target->image * cs_shape_count(&l->out);
		double *below = calloc((size_t)cs_shape_count(&l->in), sizeof *below);

		if (l->ops == &cs_conv_layer || l->ops == &cs_dense_layer || l->ops == &cs_activation_layer)
			case_reverse_activation(l, out, rule, signal);
		if (l->ops == &cs_conv_layer)
			case_reverse_conv(l, signal, below);
		else if (l->ops == &cs_dense_layer)
			case_reverse_dense(l, signal, below);
		else if (l->ops == &cs_maxpool_layer || l->ops == &cs_avgpool_layer ||
			l->ops == &cs_global_avgpool_layer || l->ops == &cs_global_maxpool_layer)
			case_reverse_pool(l, case_input(trace, i, target->image), rule.switches, signal, below);
		else
			case_reverse_plain(l, signal, below);
		free(signal);
		signal = below;
	}
	return signal;
}

/* Largest difference between a picture and its reference, as a share of the reference's largest number. */
static inline double case_difference(const float *picture, const double *reference, int64_t count)
{
	double worst = 0, largest = 0;

	for (int64_t i = 0; i < count; i++) {
		double difference = fabs((double)picture[i] - reference[i]);

		worst = difference > worst || isnan(difference) ? difference : worst;
		largest = fabs(reference[i]) > largest ? fabs(reference[i]) : largest;
	}
	return largest > 0 ? worst / largest : worst;
}

/* A target drawn at random from a layer. */
static inline struct cs_target case_target(struct cs_random *random, const struct cs_trace *trace, int layer)
{
	struct cs_target target = {.image = (int)case_between(random, 0, trace->count - 1), .layer = layer};
	int64_t size[3];

	case_sizes(&trace->network->layers[layer].out, size);
	target.feature = case_between(random, 0, size[2] - 1);
	target.at = (enum cs_at)cs_random_below(random, 3);
	target.signal = (enum cs_signal)cs_random_below(random, 2);
	if (target.at == CS_AT_MAP && case_chance(random, 0.5f))
		target.feature = -1;
	target.row = case_between(random, 0, size[0] - 1);
	target.column = case_between(random, 0, size[1] - 1);
	return target;
}

#endif
