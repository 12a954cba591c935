/* avx2.c: the inner loops for processors with AVX2 and FMA. See kernels.h, blocked.h.
 *
 * The loops are the *_body.h files', compiled here for this instruction set alone; no flag of the build makes other files need
 * it. The table is asked for only where the processor has it.
 */
#include "nn/kernels/instruction_sets.h"

#if defined(__x86_64__)

#pragma GCC target("avx2,fma,popcnt")

#include "nn/kernels/affine_body.h"
#include "nn/kernels/basic_body.h"
#include "nn/kernels/dropout_body.h"
#include "nn/kernels/filtering.h"
#include "nn/kernels/lines_body.h"
#include "nn/kernels/plane_body.h"
#include "nn/kernels/product_body.h"
#include "nn/kernels/sparse_body.h"
#include "nn/kernels/tiles_body.h"
#include "nn/kernels/transpose_body.h"

static const struct cs_blocked blocked = {
	.lanes = LANES,
	.product = product,
	.lines = lines,
	.lines_in = lines_in,
	.lines_out = lines_out,
	.lines_pool = lines_pool,
	.lines_weights = lines_weights,
	.tiles_in = tiles_in,
	.tiles_out = tiles_out,
	.tiles_spread = tiles_spread,
	.tiles_gather = tiles_gather,
	.tiles_collect = tiles_collect,
	.tiles_weights = tiles_weights,
	.settle = settle,
	.affine = affine,
	.rectify = rectify,
	.unblock = unblock,
	.block = block,
	.maxpool_block = maxpool_block,
	.live_total = live_total,
	.live_count = live_count,
	.live_list = live_list,
	.scatter = scatter,
	.collect = collect,
	.widen = widen,
	.collect_cells = collect_cells,
};

const struct cs_kernels cs_kernels_avx2 = {
	.isa = CS_ISA_AVX2,
	.im2col = cs_portable_im2col,
	.col2im = col2im,
	.bias_activate = bias_activate,
	.normalise = normalise,
	.normalise_back = normalise_back,
	.moments = moments,
	.norm_maxpool = norm_maxpool,
	.maxpool = maxpool,
	.maxpool_back = maxpool_back,
	.add = add,
	.axpy = axpy,
	.column_sums = column_sums,
	.derive = derive,
	.transpose = transpose,
	.dropout_mask = dropout_mask,
	.dropout = dropout,
	.blocked = &blocked,
};

#endif
