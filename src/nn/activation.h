/* activation.h: the non-linearities, forward and backward, on plain arrays.
 *
 * Derivatives are taken from the output alone (y > 0 for ReLU, y(1-y) for the sigmoid, 1-y*y for tanh, y > 0 ? 1 : y + alpha for
 * ELU, y > 0 ? 1 : alpha for leaky ReLU), so that a pass keeps one map, not two. Softmax runs over the last dimension.
 * At 0, ReLU's and leaky ReLU's derivative is that of the negative side. NaN passes through every one of them.
 */
#ifndef CS_NN_ACTIVATION_H
#define CS_NN_ACTIVATION_H

#include <stdbool.h>
#include <stdint.h>

enum cs_activation {
	CS_LINEAR,
	CS_RELU,
	CS_LEAKY_RELU, /* alpha: slope of the negative side */
	CS_ELU,        /* alpha (exp(x) - 1) for x < 0 */
	CS_SIGMOID,
	CS_TANH,
	CS_SOFTMAX,
};

const char *cs_activation_name(enum cs_activation activation); /* "relu", "leaky_relu", ...; Keras' names */
bool cs_activation_parse(const char *name, enum cs_activation *activation);

/* values[rows,width], in place. Width matters to softmax alone. */
void cs_activate(enum cs_activation activation, float alpha, float *values, int64_t rows, int64_t width);

/* gradient[rows,width] *= derivative, given the outputs of cs_activate (softmax: the Jacobian of each row). */
void cs_activate_backward(enum cs_activation activation, float alpha, const float *outputs, float *gradient, int64_t rows,
	int64_t width);

#endif
