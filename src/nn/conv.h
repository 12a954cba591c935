/* conv.h: two-dimensional convolution, and the algorithms that can compute it.
 *
 * A convolution is shaped and described in conv.c; what computes it forward is a row in a list of algorithms, one file each.
 * cs_conv_algorithm_in() asks them in turn and takes the first that suits the layer, the instruction set and the precision: the choice
 * depends on nothing else, so planning and running cannot disagree, and a pass that keeps every map has the same bits as one
 * that fuses. The last row, im2col + GEMM, suits every layer.
 *
 * An algorithm that `fuses` can run what follows as part of its own pass: layers that work number by number (activations, and in
 * inference batch norms), and a max-pool behind them. Maps between them are then written only where somebody asked to
 * keep them, by the same operations in the same order: bits and switches do not depend on who asks. Backward,
 * a convolution by itself is two dense products (conv_gemm.c); of stride 1, its data gradient is a convolution again (conv_mirror.c), and
 * minimal filtering has transposes (conv_winograd_weights.c, conv_points_data.c). One with its max-pool is given the
 * pooled gradient and works on live cells only (conv_sparse.c).
 */
#ifndef CS_NN_CONV_H
#define CS_NN_CONV_H

#include "nn/kernels/blocked.h"
#include "nn/kernels/kernels.h"
#include "nn/layer.h"

/* One way to compute a convolution forward. */
struct cs_conv_algorithm {
	const char *name; /* for `info --plan`: "im2col + GEMM" */
	bool fuses;
	enum cs_precision precision; /* is only asked when the pass is planned in it */

	/* Can it, and is it the better choice here? Writes the reason into why[size] when it says yes; in another precision than float32,
	 * when it says no as well. */
	bool (*suits)(const struct cs_layer *conv, const struct cs_kernels *kernels, char *why, size_t size);

	/* Raise need->per_worker and need->shared to what forward takes, with the max-pool that is fused, or NULL. */
	void (*plan)(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need);

	/* out = activation(in * kernel + bias), and where pass->stages and pass->next are set what they make of it (cs_conv_emit). A
	 * softmax is left to the caller: out then holds the scores. */
	void (*forward)(const struct cs_layer *conv, struct cs_pass *pass);
};

/* The algorithm for this layer on the chosen instruction set, in float32 or in the precision that a pass is planned in. `why` may be
 * NULL. */
const struct cs_conv_algorithm *cs_conv_algorithm(const struct cs_layer *conv, char *why, size_t size);
const struct cs_conv_algorithm *cs_conv_algorithm_in(
	enum cs_precision precision, const struct cs_layer *conv, char *why, size_t size);

extern const struct cs_conv_algorithm cs_conv_tiles, cs_conv_points, cs_conv_winograd, cs_conv_lines, cs_conv_direct,
	cs_conv_gemm;

/* Backward of a convolution by itself: from pass->d_out, with respect to the scores already (before the activation), to
 * d_params[0] and d_in where they are not NULL. The bias gradient is the caller's. */
void cs_conv_gemm_plan_backward(const struct cs_layer *conv, struct cs_need *need);
void cs_conv_gemm_backward(const struct cs_layer *conv, struct cs_pass *pass);

/* Backward of a convolution with its max-pool where cs_conv_sparse_suits says no and its own algorithm is the last row: from
 * pass->d_next_out. Everything, the bias gradient included. */
void cs_conv_gemm_plan_pooled(const struct cs_layer *conv, struct cs_need *need);
void cs_conv_gemm_backward_pooled(const struct cs_layer *conv, struct cs_pass *pass);

/* The data gradient alone, for stride 1 where there are fast convolutions: from pass->d_out to pass->d_in. */
bool cs_conv_mirror_suits(const struct cs_layer *conv);
void cs_conv_mirror_plan(const struct cs_layer *conv, struct cs_need *need);
void cs_conv_mirror_backward(const struct cs_layer *conv, struct cs_pass *pass);

/* The same for a stride of 2, where the layer runs as cs_conv_points. */
bool cs_conv_points_data_suits(const struct cs_layer *conv);
void cs_conv_points_data_plan(const struct cs_layer *conv, struct cs_need *need);
void cs_conv_points_data_backward(const struct cs_layer *conv, struct cs_pass *pass);

/* The weight gradient alone, for most layers that run as cs_conv_winograd or cs_conv_points: from pass->in and pass->d_out to d_params[0]. */
bool cs_conv_winograd_weights_suits(const struct cs_layer *conv);
void cs_conv_winograd_weights_plan(const struct cs_layer *conv, struct cs_need *need);
void cs_conv_winograd_weights_backward(const struct cs_layer *conv, struct cs_pass *pass);

/* Multiplications a channel and feature in tiles of this size, where a direct convolution takes 9 an output; and are there so many
 * fewer that the transforms are paid for? For 3x3 and the filtering's stride. */
int64_t cs_conv_filtering_cost(const struct cs_layer *conv, enum cs_filtering f);
bool cs_conv_filtering_pays(const struct cs_layer *conv, enum cs_filtering f);

/* The tiles with the least work for a 3x3 layer of stride 1 or 2, on the way forward. */
enum cs_filtering cs_conv_filtering_of(const struct cs_layer *conv);

/* Backward of a convolution with its max-pool, from pass->d_next_out, with respect to the scores at the cells that won.
 * Suits: windows must not overlap so much that nothing is sparse, and the instruction set must have the loops. */
bool cs_conv_sparse_suits(const struct cs_layer *conv, const struct cs_layer *pool);
void cs_conv_sparse_plan_backward(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need);
void cs_conv_sparse_backward(const struct cs_layer *conv, struct cs_pass *pass);

/* Its weight and bias gradients alone, for few channels and where most cells live: from pass->d_next_out, which becomes the gradient
 * with respect to the scores for all activations but the rectifier, to d_params, in memory[] of as many floats as the plan returns. */
bool cs_conv_cells_suits(const struct cs_layer *conv);
int64_t cs_conv_cells_plan(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need);
void cs_conv_cells_backward(const struct cs_layer *conv, struct cs_pass *pass, float *memory);

/* Transformed weights that a trace keeps from pass to pass (pass->kept): marks of the kernel they were made of, as large as so many floats,
 * then the weights. Nobody need say that parameters changed: every pass looks at all of them, which costs a fraction of a transform.
 * Are the marks those of the kernel as it is? Sets them to that: where they were not, the caller makes the weights anew. */
enum { CS_CONV_KEPT_MARKS = 32 };
bool cs_conv_kept_is_fresh(const struct cs_layer *conv, const struct cs_pass *pass);

/* Raise *need to so many floats. */
static inline void cs_conv_raise(size_t *need, int64_t floats)
{
	size_t bytes = (size_t)floats * sizeof(float);

	if (*need < bytes)
		*need = bytes;
}

#endif
