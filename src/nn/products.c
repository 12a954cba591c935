/* products.c: two dense products. See products.h.
 *
 * k is cut into chunks. Of a chunk, A is brought into the form that the product's strided operand takes (a transposed A has it
 * already; a plain one is cut into blocks of `lanes` columns), and B is packed two vectors of columns at a time, which then
 * stay in the first-level cache while all of A goes by.
 */
#include "nn/products.h"

#include "core/gemm.h"
#include "nn/kernels/blocked.h"

#include <string.h>

enum { CHUNK = 256, MOST_WIDE = 32 };

int64_t cs_product_scratch(int64_t m)
{
	return 2 * CHUNK + (CHUNK + m) * MOST_WIDE + m * CHUNK;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A chunk of rows of B, to [height][width]: zeros beyond. */
static void pack(const float *b, int64_t ldb, int64_t rows, int64_t columns, int64_t height, int64_t width, float *to)
{
	if (columns < width || rows < height)
		memset(to, 0, (size_t)(height * width) * sizeof *to);
	for (int64_t r = 0; r < rows; r++)
		memcpy(to + r * width, b + r * ldb, (size_t)columns * sizeof *to);
}

static void copy_columns(const float *from, int64_t from_row, int64_t m, int64_t columns, float *to, int64_t to_row)
{
	for (int64_t r = 0; r < m; r++)
		memcpy(to + r * to_row, from + r * from_row, (size_t)columns * sizeof *to);
}

struct scratch {
	int64_t *offsets; /* [CHUNK] */
	float *packed; /* [CHUNK][MOST_WIDE]: of B */
	float *tail; /* [m][MOST_WIDE]: columns beyond the last whole group */
	float *blocks; /* [CHUNK / lanes][m][lanes]: of a plain A */
};

static struct scratch cut(float *memory, int64_t m)
{
	struct scratch s = {.offsets = (int64_t *)memory, .packed = memory + 2 * CHUNK};

	s.tail = s.packed + CHUNK * MOST_WIDE;
	s.blocks = s.tail + m * MOST_WIDE;
	return s;
}

/* One chunk: C (+)= `product`'s A times rows of B. `rows` is what B has, product->terms * step what A has. */
static void chunk(const struct cs_blocked *blocked, const struct scratch *s, struct cs_product *product, int64_t n,
	const float *b, int64_t ldb, int64_t rows, bool add, float *c, int64_t ldc)
{
	int64_t width = 2 * blocked->lanes, m = product->rows;

	product->b = s->packed;
	product->offsets = s->offsets;
	product->gap = blocked->lanes;
	product->wide = 2;
	product->add = add;
	for (int64_t column = 0; column < n; column += width) {
		int64_t columns = least(width, n - column);
		bool whole = columns == width;

		product->out = whole ? c + column : s->tail;
		product->row = whole ? ldc : width;
		pack(b + column, ldb, rows, columns, product->terms * product->step, width, s->packed);
		if (!whole && add) {
			memset(s->tail, 0, (size_t)(m * width) * sizeof(float));
			copy_columns(c + column, ldc, m, columns, s->tail, width);
		}
		blocked->product(product);
		if (!whole)
			copy_columns(s->tail, width, m, columns, c + column, ldc);
	}
}

void cs_product_outer(const struct cs_kernels *kernels, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
	const float *b, int64_t ldb, bool add, float *c, int64_t ldc, float *scratch)
{
	struct scratch s = cut(scratch, m);

	if (!kernels->blocked) {
		cs_gemm(true, false, m, n, k, a, lda, b, ldb, add ? 1 : 0, c, ldc);
		return;
	}
	for (int64_t i = 0; i < CHUNK; i++)
		s.offsets[i] = i * lda;
	for (int64_t first = 0; first < k; first += CHUNK) {
		int64_t rows = least(CHUNK, k - first);
		struct cs_product product = {.rows = m, .step = 1, .terms = rows, .a = a + first * lda};

		chunk(kernels->blocked, &s, &product, n, b + first * ldb, ldb, rows, add || first, c, ldc);
	}
}

void cs_product_plain(const struct cs_kernels *kernels, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
	const float *b, int64_t ldb, float *c, int64_t ldc, float *scratch)
{
	const struct cs_blocked *blocked = kernels->blocked;
	struct scratch s = cut(scratch, m);

	if (!blocked) {
		cs_gemm(false, false, m, n, k, a, lda, b, ldb, 0, c, ldc);
		return;
	}
	for (int64_t i = 0; i < CHUNK; i++)
		s.offsets[i] = i * m * blocked->lanes;
	for (int64_t first = 0; first < k; first += CHUNK) {
		int64_t rows = least(CHUNK, k - first), terms = (rows + blocked->lanes - 1) / blocked->lanes;
		struct cs_product product = {.rows = m, .step = blocked->lanes, .terms = terms, .a = s.blocks};

		for (int64_t t = 0; t < terms; t++)
			blocked->block(a + first + t * blocked->lanes, 1, m, lda,
				least(blocked->lanes, rows - t * blocked->lanes), s.blocks + s.offsets[t], m);
		chunk(blocked, &s, &product, n, b + first * ldb, ldb, rows, first > 0, c, ldc);
	}
}
