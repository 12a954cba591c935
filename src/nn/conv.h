/* conv.h: two-dimensional convolution, and the algorithms that can compute it.
 *
 * A convolution is shaped and described in conv.c; what computes it is a row in a list of algorithms, one file each.
 * cs_conv_algorithm() asks them in turn and takes the first that suits the layer and the instruction set: the choice depends
 * on nothing else, so planning and running cannot disagree. The last row, im2col + GEMM, suits every layer.
 */
#ifndef CS_NN_CONV_H
#define CS_NN_CONV_H

#include "nn/kernels/kernels.h"
#include "nn/layer.h"

/* One way to compute a convolution. */
struct cs_conv_algorithm {
	const char *name; /* for `info --plan`: "im2col + GEMM" */

	/* Can it, and is it the better choice here? Writes the reason into why[size] when it says yes. */
	bool (*suits)(const struct cs_layer *conv, const struct cs_kernels *kernels, char *why, size_t size);

	/* Raise need->per_worker and need->shared to what forward (and, when need->training, backward) takes. */
	void (*plan)(const struct cs_layer *conv, struct cs_need *need);

	/* out = activation(in * kernel + bias). A softmax is left to the caller: out then holds the scores. */
	void (*forward)(const struct cs_layer *conv, struct cs_pass *pass);

	/* From pass->d_out, with respect to the scores already (before the activation), to d_params[0] and d_in where they
	 * are not NULL. The bias gradient is the caller's. */
	void (*backward)(const struct cs_layer *conv, struct cs_pass *pass);
};

/* The algorithm for this layer on the chosen instruction set. `why` may be NULL. */
const struct cs_conv_algorithm *cs_conv_algorithm(const struct cs_layer *conv, char *why, size_t size);

extern const struct cs_conv_algorithm cs_conv_gemm;

#endif
