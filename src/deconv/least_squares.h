/* least_squares.h: the input of a convolution or dense layer that explains its output best. */
#ifndef CS_DECONV_LEAST_SQUARES_H
#define CS_DECONV_LEAST_SQUARES_H

#include "nn/layer.h"

struct cs_solver {
	int iterations; /* at most, 0: the transposed kernel alone, x = W^T z */
	double tolerance; /* ends when the gradient's norm has fallen to this share of its first */
	double damping; /* 0: none; else what |x|^2 costs beside the misfit, in units of what W makes of a typical direction (Tikhonov): noise that
			 * only faint directions could explain is left alone */
};

struct cs_solution {
	int iterations; /* done */
	double residual; /* what of z is left unexplained: the norm of z - W x over that of z, where z is known */
};

/* x that minimises |W x - z|, W being the layer's linear part (a conv or dense layer: no bias, no activation), over the entries of z that are `known`; of all
 * such x the smallest.
 *
 * z         [layer->out] float32, borrowed
 * known     [layer->out] bytes, 0 where z says nothing; NULL: all is known
 * x         [layer->in] float32, written
 * Errors    CS_ERR_MEMORY.
 * Source    conjugate gradients on the normal equations (CGLS; Hestenes & Stiefel 1952, Bjoerck 1996), from 0. */
enum cs_status cs_least_squares(const struct cs_layer *layer, const float *z, const uint8_t *known,
	const struct cs_solver *solver, struct cs_workers *workers, float *x, struct cs_solution *solution,
	struct cs_error *error);

#endif
