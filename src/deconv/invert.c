/* invert.c: undoing one layer after the other. See invert.h.
 *
 * The state of the walk is a map and, beside it, a byte for each number: is it known? A kind of layer takes both to what went into it;
 * kinds that compute are rows of a table. After a solved layer everything is known again, clamped to what the activation below can put out.
 */
#include "deconv/invert.h"

#include "core/alloc.h"
#include "nn/pool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Sigmoid and tanh reach the ends of their range only by rounding: a float32 apart from 1. */
static const float edge = 6e-8f;

struct inverting {
	const struct cs_trace *trace;
	int image;
	const struct cs_solver *solver;
	float *map, *below; /* of the layer in work: its output, its input */
	uint8_t *known, *known_below;
	struct cs_solution *solution; /* where the layer's goes, or NULL */
	struct cs_error *error;
};

/* y back through an activation, in place; what the activation lost is forgotten. */
static void deactivate(enum cs_activation activation, float alpha, int64_t n, float *y, uint8_t *known)
{
	for (int64_t i = 0; i < n; i++) {
		float low;

		switch (activation) {
		case CS_LINEAR:
		case CS_SOFTMAX: /* its scores stood in the trace */
			break;
		case CS_RELU:
			known[i] = known[i] && y[i] > 0;
			break;
		case CS_LEAKY_RELU:
			if (y[i] < 0 && alpha > 0)
				y[i] /= alpha;
			else
				known[i] = known[i] && (y[i] > 0 || alpha > 0);
			break;
		case CS_ELU:
			low = -alpha * (1 - edge);
			if (y[i] < 0)
				y[i] = log1pf(fmaxf(y[i], low) / alpha);
			break;
		case CS_SIGMOID:
			y[i] = fminf(fmaxf(y[i], edge), 1 - edge);
			y[i] = logf(y[i]) - log1pf(-y[i]);
			break;
		case CS_TANH:
			y[i] = atanhf(fminf(fmaxf(y[i], edge - 1), 1 - edge));
			break;
		}
	}
}

static float alpha_of(const struct cs_layer *layer)
{
	if (!isnan(layer->spec.alpha))
		return layer->spec.alpha;
	return layer->spec.activation == CS_LEAKY_RELU ? 0.3f : 1;
}

static void keep(struct inverting *v, const struct cs_layer *layer)
{
	memcpy(v->below, v->map, (size_t)cs_shape_count(&layer->in) * sizeof *v->below);
	memcpy(v->known_below, v->known, (size_t)cs_shape_count(&layer->in));
}

static enum cs_status same(struct inverting *v, const struct cs_layer *layer)
{
	keep(v, layer);
	return CS_OK;
}

static enum cs_status activation(struct inverting *v, const struct cs_layer *layer)
{
	deactivate(layer->spec.activation, alpha_of(layer), cs_shape_count(&layer->out), v->map, v->known);
	keep(v, layer);
	return CS_OK;
}

static enum cs_status solve(struct inverting *v, const struct cs_layer *layer)
{
	int64_t features = layer->out.dim[layer->out.rank - 1], n = cs_shape_count(&layer->out);
	struct cs_solution solution;
	enum cs_status status;

	deactivate(layer->spec.activation, alpha_of(layer), n, v->map, v->known);
	for (int64_t i = 0; layer->spec.bias && i < n; i++)
		v->map[i] -= layer->params[1].value.data[i % features];
	status = cs_least_squares(layer, v->map, v->known, v->solver, v->trace->workers, v->below, &solution, v->error);
	if (!status && v->solution)
		*v->solution = solution;
	memset(v->known_below, 1, (size_t)cs_shape_count(&layer->in));
	return status;
}

static enum cs_status batchnorm(struct inverting *v, const struct cs_layer *layer)
{
	const struct cs_param *gamma = cs_layer_param(layer, "gamma"), *beta = cs_layer_param(layer, "beta");
	const float *mean = cs_layer_param(layer, "moving_mean")->value.data;
	const float *variance = cs_layer_param(layer, "moving_variance")->value.data;
	int64_t features = layer->out.dim[layer->out.rank - 1], n = cs_shape_count(&layer->out);

	for (int64_t i = 0; i < n; i++) {
		int64_t c = i % features;
		float g = gamma ? gamma->value.data[c] : 1;

		v->map[i] -= beta ? beta->value.data[c] : 0;
		v->map[i] = g == 0 ? 0 : v->map[i] / g;
		v->known[i] = v->known[i] && g != 0;
		v->map[i] = v->map[i] * sqrtf(variance[c] + layer->spec.epsilon) + mean[c];
	}
	keep(v, layer);
	return CS_OK;
}

static enum cs_status rescale(struct inverting *v, const struct cs_layer *layer)
{
	for (int64_t i = 0; i < cs_shape_count(&layer->out); i++)
		v->map[i] = (v->map[i] - layer->spec.offset) / layer->spec.factor;
	keep(v, layer);
	return CS_OK;
}

static enum cs_status crop(struct inverting *v, const struct cs_layer *layer)
{
	int64_t row = layer->in.dim[1] * layer->in.dim[2];

	for (int64_t y = 0; y < layer->in.dim[0]; y++) {
		int64_t from = ((y + layer->pad_top) * layer->out.dim[1] + layer->pad_left) * layer->out.dim[2];

		memcpy(v->below + y * row, v->map + from, (size_t)row * sizeof *v->below);
		memcpy(v->known_below + y * row, v->known + from, (size_t)row);
	}
	return CS_OK;
}

/* Nothing is known below until something is put there. */
static void clear(struct inverting *v, const struct cs_layer *layer)
{
	memset(v->below, 0, (size_t)cs_shape_count(&layer->in) * sizeof *v->below);
	memset(v->known_below, 0, (size_t)cs_shape_count(&layer->in));
}

static enum cs_status maxpool(struct inverting *v, const struct cs_layer *layer)
{
	int64_t channels = layer->out.dim[2], n = cs_shape_count(&layer->out);
	const cs_switch *switches = v->trace->slots[layer->index].switches + v->image * n;

	clear(v, layer);
	for (int64_t i = 0; i < n; i++) {
		int64_t cell = i / channels, row = cell / layer->out.dim[1], column = cell % layer->out.dim[1];
		int64_t to = cs_pool_position(layer, row, column, switches[i]) * channels + i % channels;

		if (!v->known[i])
			continue;
		v->below[to] = v->map[i];
		v->known_below[to] = 1;
	}
	return CS_OK;
}

/* Each cell is the mean of the windows it lies in. */
static enum cs_status avgpool(struct inverting *v, const struct cs_layer *layer)
{
	const int64_t *out = layer->out.dim, *in = layer->in.dim;
	const int64_t *window = layer->spec.window, *stride = layer->spec.stride;

	clear(v, layer);
	for (int64_t i = 0; i < out[0] * out[1] * out[2]; i++) {
		int64_t c = i % out[2], top = i / out[2] / out[1] * stride[0] - layer->pad_top;
		int64_t left = i / out[2] % out[1] * stride[1] - layer->pad_left;

		for (int64_t y = top < 0 ? 0 : top; v->known[i] && y < top + window[0] && y < in[0]; y++) {
			for (int64_t x = left < 0 ? 0 : left; x < left + window[1] && x < in[1]; x++) {
				uint8_t *seen = &v->known_below[(y * in[1] + x) * in[2] + c];
				float *to = &v->below[(y * in[1] + x) * in[2] + c];

				if (*seen < 255)
					++*seen;
				*to += (v->map[i] - *to) / (float)*seen;
			}
		}
	}
	return CS_OK;
}

static enum cs_status global_average(struct inverting *v, const struct cs_layer *layer)
{
	int64_t channels = layer->in.dim[2];

	for (int64_t i = 0; i < cs_shape_count(&layer->in); i++) {
		v->below[i] = v->map[i % channels];
		v->known_below[i] = v->known[i % channels];
	}
	return CS_OK;
}

static const struct {
	const struct cs_layer_ops *kind;
	enum cs_status (*undo)(struct inverting *v, const struct cs_layer *layer);
} table[] = {
	{&cs_conv_layer, solve},
	{&cs_dense_layer, solve},
	{&cs_maxpool_layer, maxpool},
	{&cs_avgpool_layer, avgpool},
	{&cs_global_avgpool_layer, global_average},
	{&cs_flatten_layer, same},
	{&cs_activation_layer, activation},
	{&cs_dropout_layer, same},
	{&cs_batchnorm_layer, batchnorm},
	{&cs_zeropad_layer, crop},
	{&cs_rescale_layer, rescale},
};

static int row_of(const struct cs_layer *layer)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (table[i].kind == layer->ops)
			return (int)i;
	}
	return -1;
}

enum cs_status cs_invert_check(const struct cs_network *network, int layer, struct cs_error *error)
{
	if (layer < 0 || layer >= network->layer_count)
		return cs_fail(
			error, CS_ERR_ARGUMENT, "no layer %d: there are 0 to %d", layer, network->layer_count - 1);
	for (int i = layer; i >= 0; i--) {
		const struct cs_layer *l = &network->layers[i];
		const char *why = NULL;

		if (row_of(l) < 0)
			why = "loses where its numbers came from";
		else if (l->spec.activation == CS_SOFTMAX && i < layer)
			why = "is a softmax, whose scores cannot be found again";
		else if (l->ops == &cs_rescale_layer && l->spec.factor == 0)
			why = "multiplies by 0";
		if (why)
			return cs_fail(error, CS_ERR_UNSUPPORTED, "layer '%s' (%s) cannot be inverted: it %s",
				l->spec.name, l->ops->type, why);
	}
	return CS_OK;
}

/* The numbers to begin with: the layer's output, of a softmax the scores before it. */
static const float *outputs(const struct cs_trace *trace, int layer, int64_t count, int image)
{
	const struct cs_slot *slot = &trace->slots[layer];
	bool softmax = trace->network->layers[layer].spec.activation == CS_SOFTMAX;

	return (softmax ? (const float *)slot->aux : slot->out.data) + image * count;
}

/* What was found is an activation's output: within what that can put out. */
static void clamp_to_range(const struct cs_network *network, int layer, int64_t n, float *map)
{
	enum cs_activation kind = CS_LINEAR;

	while (layer >= 0 && kind == CS_LINEAR) {
		const struct cs_layer *l = &network->layers[layer--];

		kind = l->spec.activation;
		if (kind == CS_LINEAR && l->ops != &cs_maxpool_layer && l->ops != &cs_avgpool_layer &&
			l->ops != &cs_dropout_layer && l->ops != &cs_flatten_layer &&
			l->ops != &cs_global_avgpool_layer)
			return;
	}
	for (int64_t i = 0; i < n; i++) {
		if (kind == CS_RELU || kind == CS_SIGMOID)
			map[i] = fmaxf(map[i], 0);
		if (kind == CS_SIGMOID || kind == CS_TANH)
			map[i] = fminf(map[i], 1);
		if (kind == CS_TANH)
			map[i] = fmaxf(map[i], -1);
	}
}

enum cs_status cs_invert(const struct cs_trace *trace, int image, int layer, const struct cs_solver *solver, float *out,
	struct cs_inversion *inversion, struct cs_job *job, struct cs_error *error)
{
	const struct cs_network *network = trace->network;
	struct inverting v = {.trace = trace, .image = image, .solver = solver, .error = error};
	int64_t most = cs_shape_count(&network->input);
	enum cs_status status = cs_invert_check(network, layer, error);

	if (!status && (image < 0 || image >= trace->count))
		status = cs_fail(
			error, CS_ERR_ARGUMENT, "no image %d in the trace: there are 0 to %d", image, trace->count - 1);
	if (status)
		return status;
	for (int i = 0; i <= layer; i++) {
		int64_t count = cs_shape_count(&network->layers[i].out);

		most = count > most ? count : most;
	}
	v.map = cs_alloc((size_t)most * sizeof *v.map);
	v.below = cs_alloc((size_t)most * sizeof *v.below);
	v.known = cs_alloc((size_t)most);
	v.known_below = cs_alloc((size_t)most);
	if (!v.map || !v.below || !v.known || !v.known_below) {
		status = cs_fail_memory(error, "an inversion");
		goto out;
	}
	most = cs_shape_count(&network->layers[layer].out);
	memcpy(v.map, outputs(trace, layer, most, image), (size_t)most * sizeof *v.map);
	memset(v.known, 1, (size_t)most);
	for (int i = layer; i >= 0 && !status; i--) {
		const struct cs_layer *l = &network->layers[i];
		float *map = v.map;
		uint8_t *known = v.known;

		if (cs_job_cancelled(job)) {
			status = cs_fail(error, CS_ERR_CANCELLED, "stopped at layer '%s'", l->spec.name);
			break;
		}
		v.solution = inversion && inversion->layers ? &inversion->layers[i] : NULL;
		status = table[row_of(l)].undo(&v, l);
		if (!status && (l->ops == &cs_conv_layer || l->ops == &cs_dense_layer))
			clamp_to_range(network, i - 1, cs_shape_count(&l->in), v.below);
		v.map = v.below;
		v.below = map;
		v.known = v.known_below;
		v.known_below = known;
	}
	if (!status)
		memcpy(out, v.map, (size_t)cs_shape_count(&network->input) * sizeof *out);
out:
	cs_free(v.map);
	cs_free(v.below);
	cs_free(v.known);
	cs_free(v.known_below);
	return status;
}
