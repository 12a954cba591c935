/* product_body.h: the register tile that does the multiplying: rows of a strided operand times packed weights.
 *
 * A tile of R rows by W vectors lives in registers; each term loads W vectors of weights and broadcasts one number a row. R and
 * W are as large as the registers allow: 12 x 2 or 16 x 1 with 32 of them, 6 x 2 or 12 x 1 with 16. Rows are
 * dealt out evenly, so that no tile is left with one or two.
 *
 * Blocks of channels are summed in pieces of PIECE channels, and the pieces' sums added up in the output: a sum of hundreds of numbers
 * loses a digit if they are added one by one, which the transforms of minimal filtering then enlarge. A piece's weights stay in
 * the first-level cache while rows go by, ROWS_AT_ONCE of them.
 */
#ifndef CS_NN_KERNELS_PRODUCT_BODY_H
#define CS_NN_KERNELS_PRODUCT_BODY_H

#include "nn/kernels/blocked.h"
#include "nn/kernels/vector.h"

enum {
	ROWS_OF_TWO = LANES == 16 ? 12 : 6,
	ROWS_OF_ONE = LANES == 16 ? 16 : 12,
	PIECE = 32 / LANES, /* blocks */
	ROWS_AT_ONCE = 288,
};

INLINE void product_tile(const struct cs_product *p, const int R, const int W, const int64_t step, int64_t row)
{
	/* the output may lie anywhere for all the compiler knows: what is read after the first store stands in registers */
	const float *b = p->b, *in = p->a + row * step;
	const int64_t *offsets = p->offsets, terms = p->terms, gap = p->gap, out_row = p->row;
	float *out = p->out + row * out_row;
	vec sum[16][2];

#pragma GCC unroll 16
	for (int r = 0; r < R; r++) {
#pragma GCC unroll 2
		for (int w = 0; w < W; w++)
			sum[r][w] = p->start && !p->add ? vload(p->start + w * LANES) : vset(0);
	}
	for (int64_t t = 0; t < terms; t++) {
		const float *a = in + offsets[t];

#pragma GCC unroll 4
		for (int64_t i = 0; i < step; i++, b += W * LANES) {
			vec weights[2];

#pragma GCC unroll 2
			for (int w = 0; w < W; w++)
				weights[w] = vload(b + w * LANES);
#pragma GCC unroll 16
			for (int r = 0; r < R; r++) {
				vec x = vset(a[r * step + i]);

#pragma GCC unroll 2
				for (int w = 0; w < W; w++)
					sum[r][w] = vfused(x, weights[w], sum[r][w]);
			}
		}
	}
	if (p->add) {
#pragma GCC unroll 16
		for (int r = 0; r < R; r++) {
#pragma GCC unroll 2
			for (int w = 0; w < W; w++)
				sum[r][w] += vload(out + w * gap + r * out_row);
		}
	}
#pragma GCC unroll 16
	for (int r = 0; r < R; r++) {
#pragma GCC unroll 2
		for (int w = 0; w < W; w++)
			vstore(out + w * gap + r * out_row, sum[r][w]);
	}
}

#define TILE(r) \
	case r: \
		product_tile(p, r, W, step, row); \
		break

INLINE void product_tiles(const struct cs_product *p, const int W, const int64_t step)
{
	int64_t most = W == 2 ? ROWS_OF_TWO : ROWS_OF_ONE;
	int64_t tiles = (p->rows + most - 1) / most;

	for (int64_t t = 0; t < tiles; t++) {
		int64_t row = p->rows * t / tiles;

		switch (p->rows * (t + 1) / tiles - row) {
			TILE(1);
			TILE(2);
			TILE(3);
			TILE(4);
			TILE(5);
			TILE(6);
#if defined(__AVX512F__)
			TILE(7);
			TILE(8);
			TILE(9);
			TILE(10);
			TILE(11);
			TILE(12);
#endif
		default:
			/* one vector wide: the taller tiles */
			switch (W == 1 ? p->rows * (t + 1) / tiles - row : 0) {
#if !defined(__AVX512F__)
				TILE(7);
				TILE(8);
				TILE(9);
				TILE(10);
				TILE(11);
				TILE(12);
#else
				TILE(13);
				TILE(14);
				TILE(15);
				TILE(16);
#endif
			}
		}
	}
}

/* One piece, `rows` of it, by tiles as compiled. */
static void product_compiled(const struct cs_product *p)
{
	if (p->wide == 2) {
		if (p->step == 1)
			product_tiles(p, 2, 1);
		else
			product_tiles(p, 2, LANES);
	} else {
		if (p->step == 1)
			product_tiles(p, 1, 1);
		else
			product_tiles(p, 1, LANES);
	}
}

/* Piece by piece, some rows at a time. */
INLINE void product_pieces(const struct cs_product *p, void (*piece)(const struct cs_product *))
{
	int64_t parts = (p->rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;

	if (p->step == 1) {
		piece(p);
		return;
	}
	for (int64_t i = 0; i < parts; i++) {
		int64_t row = p->rows * i / parts;
		struct cs_product part = *p;

		part.rows = p->rows * (i + 1) / parts - row;
		part.out += row * p->row;
		for (int64_t term = 0; term < p->terms; term += PIECE) {
			part.a = p->a + row * p->step;
			part.offsets = p->offsets + term;
			part.terms = p->terms - term < PIECE ? p->terms - term : PIECE;
			part.b = p->b + term * p->step * p->wide * LANES;
			part.add = p->add || term > 0;
			piece(&part);
		}
	}
}

static inline __attribute__((unused)) void product(const struct cs_product *p)
{
	product_pieces(p, product_compiled);
}

#endif
