/* activation.c: the non-linearities on plain arrays. See activation.h.
 *
 * Comparisons are written so that NaN falls on the side that keeps it: "x <= 0 ? 0 : x" passes NaN on where "x > 0 ? x : 0"
 * would hide it. Loops run over flat arrays without branches that depend on the kind, so that a compiler can vectorise
 * them; the exponential kinds call libm.
 */
#include "nn/activation.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {
	[CS_LINEAR] = "linear",
	[CS_RELU] = "relu",
	[CS_LEAKY_RELU] = "leaky_relu",
	[CS_ELU] = "elu",
	[CS_SIGMOID] = "sigmoid",
	[CS_TANH] = "tanh",
	[CS_SOFTMAX] = "softmax",
};

enum { KINDS = sizeof names / sizeof *names };

const char *cs_activation_name(enum cs_activation activation)
{
	return names[activation];
}

bool cs_activation_parse(const char *name, enum cs_activation *activation)
{
	for (int i = 0; i < KINDS; i++) {
		if (strcmp(name, names[i]) == 0) {
			*activation = (enum cs_activation)i;
			return true;
		}
	}
	return false;
}

/* The exponent is never positive, so nothing overflows; large |x| end in 0 and 1 exactly. */
static inline float sigmoid(float x)
{
	float e = expf(-fabsf(x));

	return (x < 0 ? e : 1.0f) / (1.0f + e);
}

/* Shifted by the row's maximum. A NaN in a row makes the whole row NaN, and so does a row of -inf or one that holds
 * +inf: none of them has a distribution. */
static void softmax_row(float *x, int64_t width)
{
	float max = x[0];
	float sum = 0;

	for (int64_t i = 1; i < width; i++)
		max = x[i] > max ? x[i] : max;
	for (int64_t i = 0; i < width; i++) {
		x[i] = expf(x[i] - max);
		sum += x[i];
	}
	sum = 1.0f / sum;
	for (int64_t i = 0; i < width; i++)
		x[i] *= sum;
}

void cs_activate(enum cs_activation activation, float alpha, float *values, int64_t rows, int64_t width)
{
	int64_t n = rows * width;

	switch (activation) {
	case CS_LINEAR:
		break;
	case CS_RELU:
		for (int64_t i = 0; i < n; i++)
			values[i] = values[i] <= 0 ? 0 : values[i];
		break;
	case CS_LEAKY_RELU:
		for (int64_t i = 0; i < n; i++)
			values[i] *= values[i] <= 0 ? alpha : 1.0f;
		break;
	case CS_ELU:
		for (int64_t i = 0; i < n; i++)
			values[i] = values[i] < 0 ? alpha * expm1f(values[i]) : values[i];
		break;
	case CS_SIGMOID:
		for (int64_t i = 0; i < n; i++)
			values[i] = sigmoid(values[i]);
		break;
	case CS_TANH:
		for (int64_t i = 0; i < n; i++)
			values[i] = tanhf(values[i]);
		break;
	case CS_SOFTMAX:
		for (int64_t row = 0; row < rows; row++)
			softmax_row(values + row * width, width);
		break;
	}
}

static void softmax_row_backward(const float *y, float *g, int64_t width)
{
	float dot = 0;

	for (int64_t i = 0; i < width; i++)
		dot += y[i] * g[i];
	for (int64_t i = 0; i < width; i++)
		g[i] = y[i] * (g[i] - dot);
}

void cs_activate_backward(
	enum cs_activation activation, float alpha, const float *outputs, float *gradient, int64_t rows, int64_t width)
{
	int64_t n = rows * width;

	switch (activation) {
	case CS_LINEAR:
		break;
	case CS_RELU:
		/* chosen, not multiplied: the dead side gives 0 whatever comes back, infinities included */
		for (int64_t i = 0; i < n; i++)
			gradient[i] = outputs[i] > 0 ? gradient[i] : 0;
		break;
	case CS_LEAKY_RELU:
		for (int64_t i = 0; i < n; i++)
			gradient[i] *= outputs[i] > 0 ? 1.0f : alpha;
		break;
	case CS_ELU:
		for (int64_t i = 0; i < n; i++)
			gradient[i] *= outputs[i] > 0 ? 1.0f : outputs[i] + alpha;
		break;
	case CS_SIGMOID:
		for (int64_t i = 0; i < n; i++)
			gradient[i] *= outputs[i] * (1.0f - outputs[i]);
		break;
	case CS_TANH:
		for (int64_t i = 0; i < n; i++)
			gradient[i] *= 1.0f - outputs[i] * outputs[i];
		break;
	case CS_SOFTMAX:
		for (int64_t row = 0; row < rows; row++)
			softmax_row_backward(outputs + row * width, gradient + row * width, width);
		break;
	}
}
