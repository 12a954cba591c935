/* batchnorm.h: batch normalisation as its constants, for layers that apply it to their own map as it leaves the registers.
 *
 * Whoever applies it computes (x - mean) * factor + offset with the instruction set's own loop (cs_kernels.normalise or
 * cs_blocked.affine), which give the same bits.
 */
#ifndef CS_NN_BATCHNORM_H
#define CS_NN_BATCHNORM_H

#include "nn/layer.h"

/* One a channel; inverse is 1 / sqrt(variance + epsilon), factor gamma times that, offset is beta. */
struct cs_norm {
	const float *mean, *inverse, *factor, *offset;
};

/* The constants that stand in a pass's aux. */
struct cs_norm cs_batchnorm_constants(const struct cs_layer *norm, const void *aux);

/* Put those of inference there, from the moving statistics; or those of the pass: of its batch where it trains, from pass->in. The
 * second takes pass->shared. */
void cs_batchnorm_from_moving(const struct cs_layer *norm, void *aux);
void cs_batchnorm_take_statistics(const struct cs_layer *norm, struct cs_pass *pass);

/* Bytes of aux that those take. */
size_t cs_batchnorm_aux(const struct cs_layer *norm);

/* Are the statistics of a pass its batch's own, so that gradients pass through them? */
bool cs_batchnorm_uses_batch(const struct cs_layer *norm, const struct cs_pass *pass);

/* Sums over all cells of the gradient and of its products with the normal input, [2,channels], to the parameters' gradients that
 * are wanted. */
void cs_batchnorm_write_gradients(const struct cs_layer *norm, struct cs_pass *pass, const double *sums);

/* What the batch's statistics send back to every cell, whatever its own gradient, from those sums over so many cells:
 * (x - mean) * slope + constant, [channels] each. Rounded once, because a bias before the norm adds up what all cells lose. */
void cs_batchnorm_shares(
	const struct cs_norm *norm, const double *sums, double cells, int64_t channels, float *slope, float *constant);

/* norm_pool.c: training through a batch norm, an activation that suits or none, and a max-pool, as one pass: pass->stages and
 * pass->next, as in struct cs_pass. What they take of aux beyond the batch norm's own, and of shared, in bytes. */
bool cs_norm_pool_suits(enum cs_activation activation);
size_t cs_norm_pool_aux(const struct cs_layer *pool, int batch);
size_t cs_norm_pool_shared(const struct cs_layer *norm);
void cs_norm_pool_forward(const struct cs_layer *norm, struct cs_pass *pass);
void cs_norm_pool_backward(const struct cs_layer *norm, struct cs_pass *pass);

#endif
