/* transpose_body.h: matrices transposed, a square of vectors at a time.
 *
 * Interleaving the first half of n vectors with the second moves the highest bit of a number's row to the lowest of its column, and
 * the others up by one; after log2(n) times rows and columns have changed places.
 */
#ifndef CS_NN_KERNELS_TRANSPOSE_BODY_H
#define CS_NN_KERNELS_TRANSPOSE_BODY_H

#include "nn/kernels/vector.h"

INLINE void interleave(vec a, vec b, vec *low, vec *high)
{
#if defined(__AVX512F__)
	const vindex first = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
	const vindex second = {8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
#else
	const vindex first = {0, 8, 1, 9, 2, 10, 3, 11}, second = {4, 12, 5, 13, 6, 14, 7, 15};
#endif

	*low = __builtin_shuffle(a, b, first);
	*high = __builtin_shuffle(a, b, second);
}

INLINE void turn(vec *rows)
{
	vec next[LANES];

#pragma GCC unroll 4
	for (int n = 1; n < LANES; n *= 2) {
#pragma GCC unroll 8
		for (int i = 0; i < LANES / 2; i++)
			interleave(rows[i], rows[i + LANES / 2], &next[2 * i], &next[2 * i + 1]);
#pragma GCC unroll 16
		for (int i = 0; i < LANES; i++)
			rows[i] = next[i];
	}
}

static void transpose(
	const float *from, int64_t from_row, int64_t rows, int64_t columns, float *to, int64_t to_row)
{
	for (int64_t r = 0; r < rows; r += LANES) {
		int64_t height = rows - r < LANES ? rows - r : LANES;

		for (int64_t c = 0; c < columns; c += LANES) {
			int64_t width = columns - c < LANES ? columns - c : LANES;
			vec square[LANES];

			if (height == LANES && width == LANES) {
#pragma GCC unroll 16
				for (int i = 0; i < LANES; i++)
					square[i] = vload(from + (r + i) * from_row + c);
				turn(square);
#pragma GCC unroll 16
				for (int i = 0; i < LANES; i++)
					vstore(to + (c + i) * to_row + r, square[i]);
				continue;
			}
			for (int i = 0; i < LANES; i++)
				square[i] = i < height ? vload_part(from + (r + i) * from_row + c, width) : vset(0);
			turn(square);
			for (int i = 0; i < width; i++)
				vstore_part(to + (c + i) * to_row + r, square[i], height);
		}
	}
}

#endif
