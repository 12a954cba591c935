/* reference.h: every kind of layer in double precision, by the definitions and nothing cleverer: what gradients and outputs are
 * compared with.
 *
 * A pass also folds every decision it took (which side of 0 a rectifier's input lay on, which cell won a pool) into a
 * signature. Two passes with the same signature lie on the same smooth piece of the function: a finite difference
 * between them says something about the derivative; others do not and are skipped.
 */
#ifndef CS_TESTS_GRAD_REFERENCE_H
#define CS_TESTS_GRAD_REFERENCE_H

#include "nn/pool.h"
#include "nn/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ref {
	const struct cs_network *network;
	int count; /* images */
	bool training; /* batch statistics, dropout */
	double *in; /* [count,...] */
	double **out; /* a layer: [count,...] */
	double **scores; /* a softmax layer: its input; else NULL */
	double *(*params)[CS_MAX_PARAMS];
	const unsigned char **keep; /* a dropout layer: what the engine kept */
	uint64_t signature;
};

static inline void ref_decide(struct ref *ref, uint64_t decision)
{
	ref->signature = (ref->signature ^ decision) * 0x100000001b3u;
}

static inline double ref_activation(struct ref *ref, enum cs_activation activation, double alpha, double x)
{
	switch (activation) {
	case CS_RELU:
		ref_decide(ref, x > 0);
		return x > 0 ? x : 0;
	case CS_LEAKY_RELU:
		ref_decide(ref, x > 0);
		return x > 0 ? x : alpha * x;
	case CS_ELU:
		ref_decide(ref, x > 0);
		return x > 0 ? x : alpha * expm1(x);
	case CS_SIGMOID:
		return 1 / (1 + exp(-x));
	case CS_TANH:
		return tanh(x);
	case CS_LINEAR:
	case CS_SOFTMAX:
		break;
	}
	return x;
}

static inline void ref_activate(struct ref *ref, int i)
{
	const struct cs_layer *layer = &ref->network->layers[i];
	int64_t width = layer->out.dim[layer->out.rank - 1], n = ref->count * cs_shape_count(&layer->out);
	double *y = ref->out[i];

	if (layer->spec.activation != CS_SOFTMAX) {
		for (int64_t k = 0; k < n; k++)
			y[k] = ref_activation(ref, layer->spec.activation, (double)layer->spec.alpha, y[k]);
		return;
	}
	memcpy(ref->scores[i], y, (size_t)n * sizeof *y);
	for (int64_t row = 0; row < n; row += width) {
		double highest = y[row], sum = 0;

		for (int64_t k = 0; k < width; k++)
			highest = y[row + k] > highest ? y[row + k] : highest;
		for (int64_t k = 0; k < width; k++)
			sum += y[row + k] = exp(y[row + k] - highest);
		for (int64_t k = 0; k < width; k++)
			y[row + k] /= sum;
	}
}

static inline double *ref_param(const struct ref *ref, int i, const char *name)
{
	const struct cs_param *param = cs_layer_param(&ref->network->layers[i], name);

	return param ? ref->params[i][param - ref->network->layers[i].params] : NULL;
}

/* The window of output (oy, ox) over the map `x` of one image: calls for each cell inside it. */
#define REF_WINDOW(layer, rows, columns, oy, ox) \
	for (int64_t ky = 0; ky < (rows); ky++) \
		for (int64_t kx = 0, y = (oy) * (layer)->spec.stride[0] - (layer)->pad_top + ky, x; kx < (columns); \
			kx++) \
			if (x = (ox) * (layer)->spec.stride[1] - (layer)->pad_left + kx, \
				y >= 0 && y < (layer)->in.dim[0] && x >= 0 && x < (layer)->in.dim[1])

static inline void ref_conv(struct ref *ref, int i, const double *in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	const double *w = ref_param(ref, i, "kernel"), *b = ref_param(ref, i, "bias");
	int64_t cin = l->in.dim[2], cout = l->out.dim[2], oh = l->out.dim[0], ow = l->out.dim[1];

	for (int64_t p = 0; p < ref->count * oh * ow; p++) {
		const double *image = in + p / (oh * ow) * cs_shape_count(&l->in);
		double *y_out = ref->out[i] + p * cout;

		for (int64_t f = 0; f < cout; f++)
			y_out[f] = b ? b[f] : 0;
		REF_WINDOW(l, l->spec.kernel[0], l->spec.kernel[1], p / ow % oh, p % ow)
		{
			for (int64_t c = 0; c < cin; c++)
				for (int64_t f = 0; f < cout; f++)
					y_out[f] += image[(y * l->in.dim[1] + x) * cin + c] *
						w[((ky * l->spec.kernel[1] + kx) * cin + c) * cout + f];
		}
	}
	ref_activate(ref, i);
}

static inline void ref_dense(struct ref *ref, int i, const double *in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	const double *w = ref_param(ref, i, "kernel"), *b = ref_param(ref, i, "bias");
	int64_t n_in = l->in.dim[0], n_out = l->out.dim[0];

	for (int64_t n = 0; n < ref->count; n++)
		for (int64_t f = 0; f < n_out; f++) {
			double sum = b ? b[f] : 0;

			for (int64_t k = 0; k < n_in; k++)
				sum += in[n * n_in + k] * w[k * n_out + f];
			ref->out[i][n * n_out + f] = sum;
		}
	ref_activate(ref, i);
}

static inline void ref_pool(struct ref *ref, int i, const double *in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	int64_t c_count = l->in.dim[2], oh = l->out.dim[0], ow = l->out.dim[1];
	bool max = l->ops == &cs_maxpool_layer;

	for (int64_t p = 0; p < ref->count * oh * ow; p++) {
		const double *image = in + p / (oh * ow) * cs_shape_count(&l->in);

		for (int64_t c = 0; c < c_count; c++) {
			double best = -INFINITY, sum = 0;
			int64_t cell = 0, cells = 0;

			REF_WINDOW(l, l->spec.window[0], l->spec.window[1], p / ow % oh, p % ow)
			{
				double v = image[(y * l->in.dim[1] + x) * c_count + c];

				sum += v;
				cells++;
				if (v > best) {
					best = v;
					cell = ky * l->spec.window[1] + kx;
				}
			}
			ref->out[i][p * c_count + c] = max ? best : sum / (double)cells;
			if (max)
				ref_decide(ref, (uint64_t)cell);
		}
	}
}

static inline void ref_global_pool(struct ref *ref, int i, const double *in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	int64_t c_count = l->in.dim[2], cells = l->in.dim[0] * l->in.dim[1];

	for (int64_t n = 0; n < ref->count; n++)
		for (int64_t c = 0; c < c_count; c++) {
			double best = -INFINITY, sum = 0;
			int64_t cell = 0;

			for (int64_t p = 0; p < cells; p++) {
				double v = in[(n * cells + p) * c_count + c];

				sum += v;
				if (v > best) {
					best = v;
					cell = p;
				}
			}
			if (l->ops == &cs_global_maxpool_layer)
				ref_decide(ref, (uint64_t)cell);
			ref->out[i][n * c_count + c] = l->ops == &cs_global_maxpool_layer ? best : sum / (double)cells;
		}
}

static inline void ref_batchnorm(struct ref *ref, int i, const double *in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	const double *gamma = ref_param(ref, i, "gamma"), *beta = ref_param(ref, i, "beta");
	int64_t channels = l->in.dim[l->in.rank - 1], rows = ref->count * cs_shape_count(&l->in) / channels;

	for (int64_t c = 0; c < channels; c++) {
		double mean = ref_param(ref, i, "moving_mean")[c], variance = ref_param(ref, i, "moving_variance")[c];

		if (ref->training && !l->frozen) {
			mean = variance = 0;
			for (int64_t r = 0; r < rows; r++)
				mean += in[r * channels + c] / (double)rows;
			for (int64_t r = 0; r < rows; r++)
				variance += pow(in[r * channels + c] - mean, 2) / (double)rows;
		}
		for (int64_t r = 0; r < rows; r++)
			ref->out[i][r * channels + c] = (gamma ? gamma[c] : 1) * (in[r * channels + c] - mean) /
					sqrt(variance + (double)l->spec.epsilon) +
				(beta ? beta[c] : 0);
	}
}

static inline void ref_zeropad(struct ref *ref, int i, const double *in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	int64_t h = l->out.dim[0], w = l->out.dim[1], c_count = l->out.dim[2];

	for (int64_t n = 0; n < ref->count; n++)
		for (int64_t y = 0; y < h; y++)
			for (int64_t x = 0; x < w; x++)
				for (int64_t c = 0; c < c_count; c++) {
					int64_t iy = y - l->spec.border[0], ix = x - l->spec.border[2];
					bool inside = iy >= 0 && iy < l->in.dim[0] && ix >= 0 && ix < l->in.dim[1];

					ref->out[i][((n * h + y) * w + x) * c_count + c] = inside
						? in[((n * l->in.dim[0] + iy) * l->in.dim[1] + ix) * c_count + c]
						: 0;
				}
}

static inline void ref_forward(struct ref *ref)
{
	const double *in = ref->in;

	ref->signature = 0xcbf29ce484222325u;
	for (int i = 0; i < ref->network->layer_count; i++) {
		const struct cs_layer *l = &ref->network->layers[i];
		int64_t n = ref->count * cs_shape_count(&l->out);
		double *out = ref->out[i];

		if (l->ops == &cs_conv_layer) {
			ref_conv(ref, i, in);
		} else if (l->ops == &cs_dense_layer) {
			ref_dense(ref, i, in);
		} else if (l->ops == &cs_maxpool_layer || l->ops == &cs_avgpool_layer) {
			ref_pool(ref, i, in);
		} else if (l->ops == &cs_global_avgpool_layer || l->ops == &cs_global_maxpool_layer) {
			ref_global_pool(ref, i, in);
		} else if (l->ops == &cs_batchnorm_layer) {
			ref_batchnorm(ref, i, in);
		} else if (l->ops == &cs_zeropad_layer) {
			ref_zeropad(ref, i, in);
		} else {
			memcpy(out, in, (size_t)n * sizeof *out);
			if (l->ops == &cs_activation_layer)
				ref_activate(ref, i);
			for (int64_t k = 0; l->ops == &cs_rescale_layer && k < n; k++)
				out[k] = out[k] * (double)l->spec.factor + (double)l->spec.offset;
			for (int64_t k = 0; l->ops == &cs_dropout_layer && ref->training && l->spec.rate > 0 && k < n;
				k++)
				out[k] = ref->keep[i][k] ? out[k] / (1 - (double)l->spec.rate) : 0;
		}
		in = out;
	}
}

/* Borrows the network; parameters are copied. */
static inline struct ref ref_new(const struct cs_network *network, int count, bool training)
{
	size_t layers = (size_t)network->layer_count;
	struct ref ref = {.network = network, .count = count, .training = training};

	ref.in = calloc((size_t)(count * cs_shape_count(&network->input)), sizeof(double));
	ref.out = calloc(layers, sizeof *ref.out);
	ref.scores = calloc(layers, sizeof *ref.scores);
	ref.params = calloc(layers, sizeof *ref.params);
	ref.keep = calloc(layers, sizeof *ref.keep);
	for (size_t i = 0; i < layers; i++) {
		const struct cs_layer *l = &network->layers[i];
		size_t n = (size_t)(count * cs_shape_count(&l->out));

		ref.out[i] = calloc(n, sizeof(double));
		if (l->spec.activation == CS_SOFTMAX)
			ref.scores[i] = calloc(n, sizeof(double));
		for (int p = 0; p < l->param_count; p++) {
			int64_t numbers = cs_tensor_count(&l->params[p].value);

			ref.params[i][p] = calloc((size_t)numbers, sizeof(double));
			for (int64_t k = 0; k < numbers; k++)
				ref.params[i][p][k] = (double)l->params[p].value.data[k];
		}
	}
	return ref;
}

static inline void ref_free(struct ref *ref)
{
	for (int i = 0; i < ref->network->layer_count; i++) {
		free(ref->out[i]);
		free(ref->scores[i]);
		for (int p = 0; p < CS_MAX_PARAMS; p++)
			free(ref->params[i][p]);
	}
	free(ref->in);
	free(ref->out);
	free(ref->scores);
	free(ref->params);
	free(ref->keep);
}

#endif
