/* backward.h: the gradients of reference.h's forward pass in double precision, layer by layer, by the chain rule and nothing
 * cleverer. Decisions (which cell won, which side of 0) are those of the pass.
 */
#ifndef CS_TESTS_GRAD_BACKWARD_H
#define CS_TESTS_GRAD_BACKWARD_H

#include "tests/grad/reference.h"

/* Gradients with respect to the parameters of each layer; NULL where there is none. */
struct ref_gradients {
	double *(*params)[CS_MAX_PARAMS];
	double *in; /* of the images */
};

static inline double *ref_gradient(const struct ref *ref, struct ref_gradients *g, int i, const char *name)
{
	const struct cs_param *param = cs_layer_param(&ref->network->layers[i], name);

	return param ? g->params[i][param - ref->network->layers[i].params] : NULL;
}

/* d: of layer i's outputs, to that of what went into its activation. */
static inline void ref_derive(const struct ref *ref, int i, double *d)
{
	const struct cs_layer *l = &ref->network->layers[i];
	int64_t width = l->out.dim[l->out.rank - 1], n = ref->count * cs_shape_count(&l->out);
	const double *y = ref->out[i];
	double alpha = (double)l->spec.alpha;

	for (int64_t row = 0; l->spec.activation == CS_SOFTMAX && row < n; row += width) {
		double sum = 0;

		for (int64_t k = row; k < row + width; k++)
			sum += d[k] * y[k];
		for (int64_t k = row; k < row + width; k++)
			d[k] = y[k] * (d[k] - sum);
	}
	for (int64_t k = 0; k < n; k++) {
		switch (l->spec.activation) {
		case CS_RELU:
			d[k] *= y[k] > 0;
			break;
		case CS_LEAKY_RELU:
			d[k] *= y[k] > 0 ? 1 : alpha;
			break;
		case CS_ELU:
			d[k] *= y[k] > 0 ? 1 : y[k] + alpha;
			break;
		case CS_SIGMOID:
			d[k] *= y[k] * (1 - y[k]);
			break;
		case CS_TANH:
			d[k] *= 1 - y[k] * y[k];
			break;
		case CS_LINEAR:
		case CS_SOFTMAX:
			break;
		}
	}
}

static inline void ref_conv_back(
	struct ref *ref, int i, const double *in, const double *d, struct ref_gradients *g, double *d_in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	const double *w = ref_param(ref, i, "kernel");
	double *dw = ref_gradient(ref, g, i, "kernel"), *db = ref_gradient(ref, g, i, "bias");
	int64_t cin = l->in.dim[2], cout = l->out.dim[2], oh = l->out.dim[0], ow = l->out.dim[1];

	for (int64_t p = 0; p < ref->count * oh * ow; p++) {
		int64_t image = p / (oh * ow) * cs_shape_count(&l->in);
		const double *dy = d + p * cout;

		for (int64_t f = 0; db && f < cout; f++)
			db[f] += dy[f];
		REF_WINDOW(l, l->spec.kernel[0], l->spec.kernel[1], p / ow % oh, p % ow)
		{
			int64_t pixel = image + (y * l->in.dim[1] + x) * cin;

			for (int64_t c = 0; c < cin; c++) {
				int64_t tap = ((ky * l->spec.kernel[1] + kx) * cin + c) * cout;

				for (int64_t f = 0; f < cout; f++) {
					dw[tap + f] += in[pixel + c] * dy[f];
					d_in[pixel + c] += w[tap + f] * dy[f];
				}
			}
		}
	}
}

static inline void ref_dense_back(
	struct ref *ref, int i, const double *in, const double *d, struct ref_gradients *g, double *d_in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	const double *w = ref_param(ref, i, "kernel");
	double *dw = ref_gradient(ref, g, i, "kernel"), *db = ref_gradient(ref, g, i, "bias");
	int64_t n_in = l->in.dim[0], n_out = l->out.dim[0];

	for (int64_t n = 0; n < ref->count; n++)
		for (int64_t f = 0; f < n_out; f++) {
			double dy = d[n * n_out + f];

			if (db)
				db[f] += dy;
			for (int64_t k = 0; k < n_in; k++) {
				dw[k * n_out + f] += in[n * n_in + k] * dy;
				d_in[n * n_in + k] += w[k * n_out + f] * dy;
			}
		}
}

static inline void ref_pool_back(struct ref *ref, int i, const double *in, const double *d, double *d_in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	int64_t channels = l->in.dim[2], oh = l->out.dim[0], ow = l->out.dim[1];
	bool max = l->ops == &cs_maxpool_layer;

	for (int64_t p = 0; p < ref->count * oh * ow; p++) {
		int64_t image = p / (oh * ow) * cs_shape_count(&l->in), cells = 0;

		REF_WINDOW(l, l->spec.window[0], l->spec.window[1], p / ow % oh, p % ow)
		cells++;
		for (int64_t c = 0; c < channels; c++) {
			bool given = false;

			REF_WINDOW(l, l->spec.window[0], l->spec.window[1], p / ow % oh, p % ow)
			{
				int64_t at = image + (y * l->in.dim[1] + x) * channels + c;

				if (!max) {
					d_in[at] += d[p * channels + c] / (double)cells;
				} else if (!given && in[at] == ref->out[i][p * channels + c]) {
					d_in[at] += d[p * channels + c];
					given = true;
				}
			}
		}
	}
}

static inline void ref_global_pool_back(struct ref *ref, int i, const double *in, const double *d, double *d_in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	int64_t channels = l->in.dim[2], cells = l->in.dim[0] * l->in.dim[1];
	bool max = l->ops == &cs_global_maxpool_layer;

	for (int64_t n = 0; n < ref->count; n++)
		for (int64_t c = 0; c < channels; c++) {
			bool given = false;

			for (int64_t p = 0; p < cells; p++) {
				int64_t at = (n * cells + p) * channels + c;

				if (!max) {
					d_in[at] += d[n * channels + c] / (double)cells;
				} else if (!given && in[at] == ref->out[i][n * channels + c]) {
					d_in[at] += d[n * channels + c];
					given = true;
				}
			}
		}
}

static inline void ref_batchnorm_back(
	struct ref *ref, int i, const double *in, const double *d, struct ref_gradients *g, double *d_in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	const double *gamma = ref_param(ref, i, "gamma");
	double *d_gamma = ref_gradient(ref, g, i, "gamma"), *d_beta = ref_gradient(ref, g, i, "beta");
	int64_t channels = l->in.dim[l->in.rank - 1], rows = ref->count * cs_shape_count(&l->in) / channels;

	for (int64_t c = 0; c < channels; c++) {
		double mean = ref_param(ref, i, "moving_mean")[c], variance = ref_param(ref, i, "moving_variance")[c];
		double sum = 0, product = 0, scale;

		if (ref->training) {
			mean = variance = 0;
			for (int64_t r = 0; r < rows; r++)
				mean += in[r * channels + c] / (double)rows;
			for (int64_t r = 0; r < rows; r++)
				variance += pow(in[r * channels + c] - mean, 2) / (double)rows;
		}
		scale = 1 / sqrt(variance + (double)l->spec.epsilon);
		for (int64_t r = 0; r < rows; r++) {
			sum += d[r * channels + c];
			product += d[r * channels + c] * (in[r * channels + c] - mean) * scale;
		}
		if (d_gamma)
			d_gamma[c] += product;
		if (d_beta)
			d_beta[c] += sum;
		for (int64_t r = 0; r < rows; r++) {
			double dy = d[r * channels + c], x = (in[r * channels + c] - mean) * scale;

			if (ref->training)
				dy -= (sum + x * product) / (double)rows;
			d_in[r * channels + c] = (gamma ? gamma[c] : 1) * scale * dy;
		}
	}
}

static inline void ref_zeropad_back(struct ref *ref, int i, const double *d, double *d_in)
{
	const struct cs_layer *l = &ref->network->layers[i];
	int64_t h = l->in.dim[0], w = l->in.dim[1], channels = l->in.dim[2];

	for (int64_t k = 0; k < ref->count * h * w * channels; k++) {
		int64_t c = k % channels, x = k / channels % w, y = k / channels / w % h, n = k / channels / w / h;

		d_in[k] = d[((n * l->out.dim[0] + y + l->spec.border[0]) * l->out.dim[1] + x + l->spec.border[2]) *
				channels +
			c];
	}
}

static inline struct ref_gradients ref_gradients_new(const struct ref *ref)
{
	const struct cs_network *network = ref->network;
	struct ref_gradients g = {.params = calloc((size_t)network->layer_count, sizeof *g.params),
		.in = calloc((size_t)(ref->count * cs_shape_count(&network->input)), sizeof(double))};

	for (int i = 0; i < network->layer_count; i++)
		for (int p = 0; p < network->layers[i].param_count; p++)
			g.params[i][p] = calloc(
				(size_t)cs_tensor_count(&network->layers[i].params[p].value), sizeof(double));
	return g;
}

static inline void ref_gradients_free(const struct ref *ref, struct ref_gradients *g)
{
	for (int i = 0; i < ref->network->layer_count; i++)
		for (int p = 0; p < CS_MAX_PARAMS; p++)
			free(g->params[i][p]);
	free(g->params);
	free(g->in);
}

/* From the gradient of the last layer's outputs, after ref_forward(). */
static inline void ref_backward(struct ref *ref, const double *d_last, struct ref_gradients *g)
{
	int last = ref->network->layer_count - 1;
	size_t size = (size_t)(ref->count * cs_shape_count(&ref->network->layers[last].out)) * sizeof(double);
	double *d = malloc(size);

	memcpy(d, d_last, size);
	for (int i = last; i >= 0; i--) {
		const struct cs_layer *l = &ref->network->layers[i];
		const double *in = i ? ref->out[i - 1] : ref->in;
		int64_t n = ref->count * cs_shape_count(&l->in);
		double *d_in = calloc((size_t)n, sizeof *d_in);

		if (l->ops == &cs_conv_layer || l->ops == &cs_dense_layer || l->ops == &cs_activation_layer)
			ref_derive(ref, i, d);
		if (l->ops == &cs_conv_layer) {
			ref_conv_back(ref, i, in, d, g, d_in);
		} else if (l->ops == &cs_dense_layer) {
			ref_dense_back(ref, i, in, d, g, d_in);
		} else if (l->ops == &cs_maxpool_layer || l->ops == &cs_avgpool_layer) {
			ref_pool_back(ref, i, in, d, d_in);
		} else if (l->ops == &cs_global_avgpool_layer || l->ops == &cs_global_maxpool_layer) {
			ref_global_pool_back(ref, i, in, d, d_in);
		} else if (l->ops == &cs_batchnorm_layer) {
			ref_batchnorm_back(ref, i, in, d, g, d_in);
		} else if (l->ops == &cs_zeropad_layer) {
			ref_zeropad_back(ref, i, d, d_in);
		} else {
			bool drops = l->ops == &cs_dropout_layer && ref->training && l->spec.rate > 0;

			for (int64_t k = 0; k < n; k++) {
				d_in[k] = d[k];
				if (l->ops == &cs_rescale_layer)
					d_in[k] *= (double)l->spec.factor;
				if (drops)
					d_in[k] = ref->keep[i][k] ? d[k] / (1 - (double)l->spec.rate) : 0;
			}
		}
		free(d);
		d = d_in;
	}
	memcpy(g->in, d, (size_t)(ref->count * cs_shape_count(&ref->network->input)) * sizeof *d);
	free(d);
}

#endif
