/* outer.c: sums of outer products. See outer.h.
 *
 * A's rows lie as the product's strided operand wants them; only B is packed, a chunk of its rows and two vectors of its columns at a
 * time, which then stay in the first-level cache while all of A's columns go by.
 */
#include "nn/outer.h"

#include "core/gemm.h"
#include "nn/kernels/blocked.h"

#include <string.h>

enum { CHUNK = 256, MOST_WIDE = 32 };

int64_t cs_outer_scratch(int64_t m)
{
	return 2 * CHUNK + (CHUNK + m) * MOST_WIDE;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void pack(const float *b, int64_t ldb, int64_t rows, int64_t columns, int64_t width, float *to)
{
	for (int64_t r = 0; r < rows; r++, b += ldb, to += width) {
		memcpy(to, b, (size_t)columns * sizeof *to);
		if (columns < width)
			memset(to + columns, 0, (size_t)(width - columns) * sizeof *to);
	}
}

/* Columns beyond the last whole group: by way of `tail`[m][width]. */
static void copy_columns(const float *from, int64_t from_row, int64_t m, int64_t columns, float *to, int64_t to_row)
{
	for (int64_t r = 0; r < m; r++)
		memcpy(to + r * to_row, from + r * from_row, (size_t)columns * sizeof *to);
}

void cs_outer(const struct cs_kernels *kernels, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
	const float *b, int64_t ldb, bool add, float *c, int64_t ldc, float *scratch)
{
	const struct cs_blocked *blocked = kernels->blocked;
	int64_t *offsets = (int64_t *)scratch;
	float *packed = scratch + 2 * CHUNK, *tail = packed + CHUNK * MOST_WIDE;
	int64_t width;

	if (!blocked) {
		cs_gemm(true, false, m, n, k, a, lda, b, ldb, add ? 1 : 0, c, ldc);
		return;
	}
	width = 2 * blocked->lanes;
	for (int64_t i = 0; i < CHUNK; i++)
		offsets[i] = i * lda;
	for (int64_t first = 0; first < k; first += CHUNK) {
		int64_t rows = least(CHUNK, k - first);

		for (int64_t column = 0; column < n; column += width) {
			int64_t columns = least(width, n - column);
			bool whole = columns == width;
			struct cs_product product = {
				.rows = m,
				.step = 1,
				.terms = rows,
				.a = a + first * lda,
				.offsets = offsets,
				.b = packed,
				.out = whole ? c + column : tail,
				.row = whole ? ldc : width,
				.gap = blocked->lanes,
				.add = add || first,
				.wide = 2,
			};

			pack(b + first * ldb + column, ldb, rows, columns, width, packed);
			if (!whole && product.add) {
				memset(tail, 0, (size_t)(m * width) * sizeof *tail);
				copy_columns(c + column, ldc, m, columns, tail, width);
			}
			blocked->product(&product);
			if (!whole)
				copy_columns(tail, width, m, columns, c + column, ldc);
		}
	}
}
