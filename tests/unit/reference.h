/* reference.h: the layers' mathematics again, as plainly as it can be said, in double precision. The tests' measure. */
#ifndef CS_TESTS_REFERENCE_H
#define CS_TESTS_REFERENCE_H

#include "nn/layer.h"

#include <math.h>
#include <stdlib.h>

static inline double *reference_doubles(int64_t n)
{
	return calloc((size_t)(n > 0 ? n : 1), sizeof(double));
}

/* Scores of a convolution (before the activation): out[batch,oh,ow,f]. */
static inline void reference_conv(const struct cs_layer *l, int batch, const float *in, double *out)
{
	int64_t h = l->in.dim[0], w = l->in.dim[1], c = l->in.dim[2];
	int64_t oh = l->out.dim[0], ow = l->out.dim[1], f = l->out.dim[2];
	const float *kernel = l->params[0].value.data, *bias = l->spec.bias ? l->params[1].value.data : NULL;

	for (int64_t p = 0; p < batch * oh * ow; p++) {
		int64_t image = p / (oh * ow), oy = p / ow % oh, ox = p % ow;

		for (int64_t i = 0; i < f; i++)
			out[p * f + i] = bias ? bias[i] : 0;
		for (int64_t ky = 0; ky < l->spec.kernel[0]; ky++) {
			for (int64_t kx = 0; kx < l->spec.kernel[1]; kx++) {
				int64_t y = oy * l->spec.stride[0] - l->pad_top + ky;
				int64_t x = ox * l->spec.stride[1] - l->pad_left + kx;

				if (y < 0 || y >= h || x < 0 || x >= w)
					continue;
				for (int64_t k = 0; k < c; k++) {
					double value = in[((image * h + y) * w + x) * c + k];
					const float *row = kernel + ((ky * l->spec.kernel[1] + kx) * c + k) * f;

					for (int64_t i = 0; i < f; i++)
						out[p * f + i] += value * row[i];
				}
			}
		}
	}
}

/* Its gradients, from d[batch,oh,ow,f] with respect to the scores. Every output is added to: pass zeroed memory. */
static inline void reference_conv_backward(const struct cs_layer *l, int batch, const float *in, const double *d,
	double *d_in, double *d_kernel, double *d_bias)
{
	int64_t h = l->in.dim[0], w = l->in.dim[1], c = l->in.dim[2];
	int64_t oh = l->out.dim[0], ow = l->out.dim[1], f = l->out.dim[2];
	const float *kernel = l->params[0].value.data;

	for (int64_t p = 0; p < batch * oh * ow; p++) {
		int64_t image = p / (oh * ow), oy = p / ow % oh, ox = p % ow;

		for (int64_t i = 0; i < f; i++)
			d_bias[i] += d[p * f + i];
		for (int64_t ky = 0; ky < l->spec.kernel[0]; ky++) {
			for (int64_t kx = 0; kx < l->spec.kernel[1]; kx++) {
				int64_t y = oy * l->spec.stride[0] - l->pad_top + ky;
				int64_t x = ox * l->spec.stride[1] - l->pad_left + kx;

				if (y < 0 || y >= h || x < 0 || x >= w)
					continue;
				for (int64_t k = 0; k < c; k++) {
					int64_t at = ((image * h + y) * w + x) * c + k;
					int64_t row = ((ky * l->spec.kernel[1] + kx) * c + k) * f;
					double sum = 0;

					for (int64_t i = 0; i < f; i++) {
						sum += d[p * f + i] * kernel[row + i];
						d_kernel[row + i] += d[p * f + i] * in[at];
					}
					d_in[at] += sum;
				}
			}
		}
	}
}

/* An activation of one row, by its textbook formula. */
static inline void reference_activate(enum cs_activation activation, double alpha, double *x, int64_t width)
{
	double sum = 0, max = x[0];

	for (int64_t i = 0; i < width; i++)
		max = x[i] > max ? x[i] : max;
	for (int64_t i = 0; i < width; i++)
		sum += exp(x[i] - max);
	for (int64_t i = 0; i < width; i++) {
		switch (activation) {
		case CS_LINEAR:
			break;
		case CS_RELU:
			x[i] = x[i] > 0 ? x[i] : 0;
			break;
		case CS_LEAKY_RELU:
			x[i] = x[i] > 0 ? x[i] : alpha * x[i];
			break;
		case CS_ELU:
			x[i] = x[i] > 0 ? x[i] : alpha * (exp(x[i]) - 1);
			break;
		case CS_SIGMOID:
			x[i] = 1 / (1 + exp(-x[i]));
			break;
		case CS_TANH:
			x[i] = tanh(x[i]);
			break;
		case CS_SOFTMAX:
			x[i] = exp(x[i] - max) / sum;
			break;
		}
	}
}

/* d[width] with respect to the outputs becomes with respect to the inputs x[width]; the derivative is taken from x here, where the
 * engine takes it from the outputs. */
static inline void reference_activate_backward(
	enum cs_activation activation, double alpha, const double *x, double *d, int64_t width)
{
	double *y = reference_doubles(width);
	double dot = 0;

	for (int64_t i = 0; i < width; i++)
		y[i] = x[i];
	reference_activate(activation, alpha, y, width);
	for (int64_t i = 0; i < width; i++)
		dot += y[i] * d[i];
	for (int64_t i = 0; i < width; i++) {
		switch (activation) {
		case CS_LINEAR:
			break;
		case CS_RELU:
			d[i] *= x[i] > 0;
			break;
		case CS_LEAKY_RELU:
			d[i] *= x[i] > 0 ? 1 : alpha;
			break;
		case CS_ELU:
			d[i] *= x[i] > 0 ? 1 : alpha * exp(x[i]);
			break;
		case CS_SIGMOID:
			d[i] *= y[i] * (1 - y[i]);
			break;
		case CS_TANH:
			d[i] *= 1 - y[i] * y[i];
			break;
		case CS_SOFTMAX:
			d[i] = y[i] * (d[i] - dot);
			break;
		}
	}
	free(y);
}

#endif
