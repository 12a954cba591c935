/* sparse.h: a transposed convolution that touches living entries alone.
 *
 * Going back through a kernel [rows,columns,in,features], a position whose features carry g spreads sum over f of
 * g[f] * kernel[.,.,.,f] over a block of the map below. Where few f are alive, that sum is taken over them alone. For this the
 * kernel is packed: for each feature its numbers stand together, cut into lanes of 16 and panels of up to 9 lanes, so
 * that the sums of one panel stay in registers while a place's entries run by:
 *
 *   weights   panel after panel; within a panel [features][lanes][16]
 *   lane      16 neighbouring numbers of one kernel row ([columns,in] of it, packed); the last lane of a row may
 *             be short, and then is filled up with zeros, which are added like the rest: a map has room for 15 numbers
 *             behind its end
 *
 * Every sum runs over a place's entries in their order and then over places in theirs, on every instruction set; with FMA it
 * rounds less often.
 */
#ifndef CS_DECONV_SPARSE_H
#define CS_DECONV_SPARSE_H

#include "core/cpu.h"
#include "deconv/patch.h"

enum { CS_LANE = 16, CS_PANEL = 9 };

/* How a kernel is cut; follows from its shape alone. Dense layers count as kernels of 1 x 1. */
struct cs_cut {
	int64_t rows, columns, in, features;
	bool by_channel; /* the lanes of a panel are taps of the same channels; else they run along kernel rows */
	int64_t lanes, panels; /* in all */
};

/* A packed kernel; weights NULL: not packed. */
struct cs_pack {
	struct cs_cut cut;
	float *weights;
};

/* Cut the kernel of a convolution or dense layer. */
struct cs_cut cs_sparse_cut(const struct cs_layer *layer);

/* Numbers in a pack of `features` features. */
int64_t cs_sparse_size(const struct cs_cut *cut, int64_t features);

/* Pack one panel of a layer's kernel: all features, or those of `chosen` when it is not NULL. */
void cs_sparse_pack(const struct cs_cut *cut, const float *kernel, int64_t panel, const int32_t *chosen,
	int64_t features, float *weights);

/* Add one panel's share of all places of a listed signal to the map below.
 *
 * weights   the pack of `features` features; the channels of entries count in them
 * below     where the block of place (window.top, window.left) begins; the next row of the map is `pitch` numbers on
 * step      numbers from the block of one place to that of the next, down and across
 */
void cs_sparse_panel(enum cs_isa isa, const struct cs_cut *cut, int64_t panel, const float *weights, int64_t features,
	const struct cs_patch *patch, const int64_t step[2], float *below, int64_t pitch);

/* The instruction set that serves: what is chosen, or the portable form where the choice is nonsense. */
enum cs_isa cs_sparse_isa(void);

#endif
