/* avx512.c: the inner loops for processors with AVX-512 (F, BW, VL, DQ). See kernels.h, blocked.h.
 *
 * The loops are the *_body.h files', compiled here for this instruction set alone; no flag of the build makes other files need
 * it. The table is asked for only where the processor has it.
 */
#include "nn/kernels/instruction_sets.h"

#if defined(__x86_64__)

#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,popcnt")

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

void cs_product_12x2_avx512(const float *a, const int64_t *offsets, int64_t terms, const float *b, float *out,
	int64_t row, int64_t gap, const float *start, int64_t add);

/* Twelve rows at a time by product_avx512.S where they are many; the rest, and other forms, as compiled. */
static void product_piece(const struct cs_product *p)
{
	struct cs_product rest = *p;

	if (p->wide == 2 && p->step == LANES) {
		/* five rows or fewer share a tile with twelve others, evenly */
		for (; rest.rows >= 18 || rest.rows == 12; rest.rows -= 12) {
			cs_product_12x2_avx512(rest.a, p->offsets, p->terms, p->b, rest.out,
				p->row * (int64_t)sizeof(float), p->gap * (int64_t)sizeof(float), p->start, p->add);
			rest.a += 12 * LANES;
			rest.out += 12 * p->row;
		}
	}
	if (rest.rows > 0)
		product_compiled(&rest);
}

static void product_scheduled(const struct cs_product *p)
{
	product_pieces(p, product_piece);
}

static const struct cs_blocked blocked = {
	.lanes = LANES,
	.product = product_scheduled,
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

const struct cs_kernels cs_kernels_avx512 = {
	.isa = CS_ISA_AVX512,
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
