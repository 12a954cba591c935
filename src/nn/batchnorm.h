/* batchnorm.h: batch normalisation as its constants, for layers that apply it to their own map as it leaves the registers.
 *
 * Whoever applies it computes (x - mean) * factor + offset with the instruction set's own loop (cs_kernels.normalise or
 * cs_blocked.affine), which give the same bits.
 */
#ifndef CS_NN_BATCHNORM_H
#define CS_NN_BATCHNORM_H

#include "nn/layer.h"

/* One a channel; factor is gamma / sqrt(variance + epsilon), offset is beta. */
struct cs_norm {
	const float *mean, *factor, *offset;
};

/* The constants that stand in a pass's aux. */
struct cs_norm cs_batchnorm_constants(const struct cs_layer *norm, const void *aux);

/* Put those of inference there, from the moving statistics. */
void cs_batchnorm_from_moving(const struct cs_layer *norm, void *aux);

#endif
