/* filtering.h: the matrices of minimal filtering, the code that applies them, and whole lines. Tiles are in tiles_body.h.
 *
 * For outputs y[i] = sum of d[i + k] * g[k], F(m, r) computes m outputs of r taps as y = A ((G g) * (B d)), with m + r - 1
 * products instead of m r. The matrices follow from points a_j at which polynomials are evaluated, infinity the last
 * (Toom-Cook): A[i][j] = a_j^i; B's row j holds the coefficients of the product of (x - a_l) over l != j; G[j][k] = a_j^k
 * over that product at a_j. Rows of B are scaled to whole numbers and G's by the inverse. Points stay small, because
 * errors grow with their powers: 0, 1, -1 | 1/2 | 2, -2; larger tiles have pairs of their own.
 *
 * Where index 1 is point 1 it has A[i][1] = 1: what is added to its products is added to every output, which is how the bias of a
 * line can come in for nothing. Two dimensions are the same along rows and then columns.
 */
#ifndef CS_NN_KERNELS_FILTERING_H
#define CS_NN_KERNELS_FILTERING_H

#include "nn/kernels/blocked.h"
#include "nn/kernels/plane_body.h"
#include "nn/kernels/vector.h"

enum { MOST_OUTPUTS = 6, MOST_TAPS = 5, MOST_POINTS = 10, MOST_PAIRS = 4 };

struct filtering {
	int pairs; /* of opposite points: 1 and 2, 3 and 4, and so on */
	int even; /* points are 0, pairs and infinity, nothing else: B's rows of a pair then differ in the signs of their odd columns */
	float a[MOST_OUTPUTS][MOST_POINTS];
	float b[MOST_POINTS][MOST_POINTS];
	float g[MOST_POINTS][MOST_TAPS];
};

static const struct filtering f2_3 = {
	.pairs = 1,
	.a = {{1, 1, 1, 0}, {0, 1, -1, 1}},
	.b = {{-1, 0, 1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
	.g = {{-1, 0, 0}, {.5f, .5f, .5f}, {.5f, -.5f, .5f}, {0, 0, 1}},
};

static const struct filtering f3_3 = {
	.pairs = 1,
	.a = {{1, 1, 1, 1, 0}, {0, 1, -1, .5f, 0}, {0, 1, 1, .25f, 1}},
	.b = {{1, -2, -1, 2, 0}, {0, -1, 1, 2, 0}, {0, 1, -3, 2, 0}, {0, -1, 0, 1, 0}, {0, 1, -2, -1, 2}},
	.g = {{1, 0, 0}, {.5f, .5f, .5f}, {-1 / 6.f, 1 / 6.f, -1 / 6.f}, {-8 / 3.f, -4 / 3.f, -2 / 3.f}, {0, 0, .5f}},
};

static const struct filtering f3_5 = {
	.pairs = 2,
	.a = {{1, 1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, .5f, 0}, {0, 1, 1, 4, 4, .25f, 1}},
	.b = {{-4, 8, 5, -10, -1, 2, 0}, {0, 4, -4, -9, 1, 2, 0}, {0, -4, 12, -7, -3, 2, 0}, {0, 2, -3, -4, 3, 2, 0},
		{0, -2, 5, 0, -5, 2, 0}, {0, 4, 0, -5, 0, 1, 0}, {0, -4, 8, 5, -10, -1, 2}},
	.g = {{-.25f, 0, 0, 0, 0}, {-1 / 6.f, -1 / 6.f, -1 / 6.f, -1 / 6.f, -1 / 6.f},
		{1 / 18.f, -1 / 18.f, 1 / 18.f, -1 / 18.f, 1 / 18.f}, {1 / 72.f, 1 / 36.f, 1 / 18.f, 1 / 9.f, 2 / 9.f},
		{-1 / 120.f, 1 / 60.f, -1 / 30.f, 1 / 15.f, -2 / 15.f},
		{32 / 45.f, 16 / 45.f, 8 / 45.f, 4 / 45.f, 2 / 45.f}, {0, 0, 0, 0, .5f}},
};

/* Points 0, 3/4, -3/4, 3/2, -3/2: two pairs whose powers stay near 1 lose a third of the digits that 1 and 2 do. */
static const struct filtering f4_3 = {
	.pairs = 2,
	.even = 1,
	.a = {{1, 1, 1, 1, 1, 0}, {0, .75f, -.75f, 1.5f, -1.5f, 0}, {0, .5625f, .5625f, 2.25f, 2.25f, 0},
		{0, .421875f, -.421875f, 3.375f, -3.375f, 1}},
	.b = {{1.265625f, 0, -2.8125f, 0, 1, 0}, {0, -1.6875f, -2.25f, .75f, 1, 0}, {0, 1.6875f, -2.25f, -.75f, 1, 0},
		{0, -.84375f, -.5625f, 1.5f, 1, 0}, {0, .84375f, -.5625f, -1.5f, 1, 0},
		{0, 1.265625f, 0, -2.8125f, 0, 1}},
	.g = {{64 / 81.f, 0, 0}, {-128 / 243.f, -32 / 81.f, -8 / 27.f}, {-128 / 243.f, 32 / 81.f, -8 / 27.f},
		{32 / 243.f, 16 / 81.f, 8 / 27.f}, {32 / 243.f, -16 / 81.f, 8 / 27.f}, {0, 0, 1}},
};

/* Points 0, 1, -1, 9/16, -9/16, 7/4, -7/4: of such sets, the one that enlarges the errors of its products least. */
static const struct filtering f6_3 = {
	.pairs = 3,
	.even = 1,
	.a = {{1, 1, 1, 1, 1, 1, 1, 0}, {0, 1, -1, .5625f, -.5625f, 1.75f, -1.75f, 0},
		{0, 1, 1, .31640625f, .31640625f, 3.0625f, 3.0625f, 0},
		{0, 1, -1, .177978515625f, -.177978515625f, 5.359375f, -5.359375f, 0},
		{0, 1, 1, .1001129150390625f, .1001129150390625f, 9.37890625f, 9.37890625f, 0},
		{0, 1, -1, 59049 / 1048576.f, -59049 / 1048576.f, 16.4130859375f, -16.4130859375f, 1}},
	.b = {{-.968994140625f, 0, 4.347900390625f, 0, -4.37890625f, 0, 1, 0},
		{0, .968994140625f, .968994140625f, -3.37890625f, -3.37890625f, 1, 1, 0},
		{0, -.968994140625f, .968994140625f, 3.37890625f, -3.37890625f, -1, 1, 0},
		{0, 1.72265625f, 3.0625f, -2.28515625f, -4.0625f, .5625f, 1, 0},
		{0, -1.72265625f, 3.0625f, 2.28515625f, -4.0625f, -.5625f, 1, 0},
		{0, .5537109375f, .31640625f, -2.3037109375f, -1.31640625f, 1.75f, 1, 0},
		{0, -.5537109375f, .31640625f, 2.3037109375f, -1.31640625f, -1.75f, 1, 0},
		{0, -.968994140625f, 0, 4.347900390625f, 0, -4.37890625f, 0, 1}},
	.g = {{-4096 / 3969.f, 0, 0}, {-2048 / 5775.f, -2048 / 5775.f, -2048 / 5775.f},
		{-2048 / 5775.f, 2048 / 5775.f, -2048 / 5775.f}, {8388608 / 9965025.f, 524288 / 1107225.f, 32768 / 123025.f},
		{8388608 / 9965025.f, -524288 / 1107225.f, 32768 / 123025.f}, {32768 / 1136751.f, 8192 / 162393.f, 2048 / 23199.f},
		{32768 / 1136751.f, -8192 / 162393.f, 2048 / 23199.f}, {0, 0, 1}},
};

/* Points 0, 1, -1, 1/2, -1/2, 5/4, -5/4, 5/2, -5/2, chosen likewise: for lines, whose factors come in once. */
static const struct filtering f6_5 = {
	.pairs = 4,
	.even = 1,
	.a = {{1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, {0, 1, -1, .5f, -.5f, 1.25f, -1.25f, 2.5f, -2.5f, 0},
		{0, 1, 1, .25f, .25f, 1.5625f, 1.5625f, 6.25f, 6.25f, 0},
		{0, 1, -1, .125f, -.125f, 1.953125f, -1.953125f, 15.625f, -15.625f, 0},
		{0, 1, 1, .0625f, .0625f, 2.44140625f, 2.44140625f, 39.0625f, 39.0625f, 0},
		{0, 1, -1, .03125f, -.03125f, 3.0517578125f, -3.0517578125f, 97.65625f, -97.65625f, 1}},
	.b = {{2.44140625f, 0, -14.16015625f, 0, 19.78125f, 0, -9.0625f, 0, 1, 0},
		{0, -2.44140625f, -2.44140625f, 11.71875f, 11.71875f, -8.0625f, -8.0625f, 1, 1, 0},
		{0, 2.44140625f, -2.44140625f, -11.71875f, 11.71875f, 8.0625f, -8.0625f, -1, 1, 0},
		{0, -4.8828125f, -9.765625f, 8.7890625f, 17.578125f, -4.40625f, -8.8125f, .5f, 1, 0},
		{0, 4.8828125f, -9.765625f, -8.7890625f, 17.578125f, 4.40625f, -8.8125f, -.5f, 1, 0},
		{0, -1.953125f, -1.5625f, 10.078125f, 8.0625f, -9.375f, -7.5f, 1.25f, 1, 0},
		{0, 1.953125f, -1.5625f, -10.078125f, 8.0625f, 9.375f, -7.5f, -1.25f, 1, 0},
		{0, -.9765625f, -.390625f, 5.5078125f, 2.203125f, -7.03125f, -2.8125f, 2.5f, 1, 0},
		{0, .9765625f, -.390625f, -5.5078125f, 2.203125f, 7.03125f, -2.8125f, -2.5f, 1, 0},
		{0, 2.44140625f, 0, -14.16015625f, 0, 19.78125f, 0, -9.0625f, 0, 1}},
	.g = {{256 / 625.f, 0, 0, 0, 0}, {128 / 567.f, 128 / 567.f, 128 / 567.f, 128 / 567.f, 128 / 567.f},
		{128 / 567.f, -128 / 567.f, 128 / 567.f, -128 / 567.f, 128 / 567.f},
		{-64 / 189.f, -32 / 189.f, -16 / 189.f, -8 / 189.f, -4 / 189.f},
		{-64 / 189.f, 32 / 189.f, -16 / 189.f, 8 / 189.f, -4 / 189.f},
		{-32768 / 354375.f, -8192 / 70875.f, -2048 / 14175.f, -512 / 2835.f, -128 / 567.f},
		{-32768 / 354375.f, 8192 / 70875.f, -2048 / 14175.f, 512 / 2835.f, -128 / 567.f},
		{64 / 118125.f, 32 / 23625.f, 16 / 4725.f, 8 / 945.f, 4 / 189.f},
		{64 / 118125.f, -32 / 23625.f, 16 / 4725.f, -8 / 945.f, 4 / 189.f}, {0, 0, 0, 0, 1}},
};

/* Stride 2: points 0, 1, -1 and infinity of the even pixels, and the odd ones as they are. */
static const struct filtering s3_3 = {
	.pairs = 1,
	.a = {{1, 1, 1, 0, 1, 0, 0}, {0, 1, -1, 0, 0, 1, 0}, {0, 1, 1, 1, 0, 0, 1}},
	.b = {{1, 0, 0, 0, -1, 0, 0}, {0, 0, 1, 0, 1, 0, 0}, {0, 0, -1, 0, 1, 0, 0}, {0, 0, -1, 0, 0, 0, 1},
		{0, 1, 0, 0, 0, 0, 0}, {0, 0, 0, 1, 0, 0, 0}, {0, 0, 0, 0, 0, 1, 0}},
	.g = {{1, 0, 0}, {.5f, 0, .5f}, {.5f, 0, -.5f}, {0, 0, 1}, {0, 1, 0}, {0, 1, 0}, {0, 1, 0}},
};

/* One row of a matrix times x: sum of row[j] * x[j * step] over n. The rows are constants and the loops unrolled, so that zeros
 * cost nothing and ones are plain additions. */
INLINE vec combine(const float *row, int n, const vec *x, int step)
{
	vec sum = vset(0);
	int begun = 0;

#pragma GCC unroll 10
	for (int j = 0; j < n; j++) {
		if (row[j] == 0)
			continue;
		if (begun)
			sum += row[j] * x[j * step];
		else
			sum = row[j] * x[j * step];
		begun = 1;
	}
	return sum;
}

/* The columns of one row that have one parity. */
INLINE vec combine_half(const float *row, int first, int n, const vec *x, int step)
{
	vec sum = vset(0);
	int begun = 0;

#pragma GCC unroll 5
	for (int j = first; j < n; j += 2) {
		if (row[j] == 0)
			continue;
		if (begun)
			sum += row[j] * x[j * step];
		else
			sum = row[j] * x[j * step];
		begun = 1;
	}
	return sum;
}

/* Pixels x[0], x[step], ... to all points y[0], y[to], ... */
INLINE void inputs(const struct filtering *f, int points, const vec *x, int step, vec *y, int to)
{
	if (f->even) {
		y[0] = combine(f->b[0], points, x, step);
#pragma GCC unroll 4
		for (int i = 1; i < points - 1; i += 2) {
			vec even = combine_half(f->b[i], 0, points, x, step), odd = combine_half(f->b[i], 1, points, x, step);

			y[i * to] = even + odd;
			y[(i + 1) * to] = even - odd;
		}
		y[(points - 1) * to] = combine(f->b[points - 1], points, x, step);
		return;
	}
#pragma GCC unroll 10
	for (int p = 0; p < points; p++)
		y[p * to] = combine(f->b[p], points, x, step);
}

/* Points back to m outputs y[0], y[step], ... Even powers of opposite points are equal and odd ones opposite: sums and differences
 * of a pair serve all rows. Written out as they are rounded: a pass that pools must have the bits of one that does not. */
INLINE void outputs(const struct filtering *f, int m, int points, const vec *q, int from_step, vec *y, int step)
{
	vec pair[MOST_PAIRS][2]; /* sum, difference */

#pragma GCC unroll 4
	for (int i = 0; i < f->pairs; i++) {
		pair[i][0] = q[(2 * i + 1) * from_step] + q[(2 * i + 2) * from_step];
		pair[i][1] = q[(2 * i + 1) * from_step] - q[(2 * i + 2) * from_step];
	}
#pragma GCC unroll 6
	for (int row = 0; row < m; row++) {
		vec sum = f->a[row][1] * pair[0][row % 2];

#pragma GCC unroll 4
		for (int i = 1; i < f->pairs; i++)
			sum = vfused(vset(f->a[row][2 * i + 1]), pair[i][row % 2], sum);
#pragma GCC unroll 10
		for (int j = 2 * f->pairs + 1; j < points; j++) {
			if (f->a[row][j] != 0)
				sum = vfused(vset(f->a[row][j]), q[j * from_step], sum);
		}
		if (f->a[row][0] != 0)
			sum += q[0];
		y[row * step] = sum;
	}
}

INLINE float combine_one(const float *row, int n, const float *x, int64_t step)
{
	float sum = 0;

#pragma GCC unroll 10
	for (int j = 0; j < n; j++) {
		if (row[j] != 0)
			sum += row[j] * x[j * step];
	}
	return sum;
}

INLINE void lines_in_one(const struct filtering *f, int m, int points, const float *row, int64_t width, int64_t tiles,
	int64_t step, float *out, int64_t point, int64_t plane)
{
	if (step == 1) {
		for (int64_t t = 0; t < tiles; t++) {
			for (int64_t c = 0; c < width; c++) {
#pragma GCC unroll 10
				for (int p = 0; p < points; p++)
					out[p * point + c * plane + t] =
						combine_one(f->b[p], points, row + t * m * width + c, width);
			}
		}
		return;
	}
	for (int64_t t = 0; t < tiles; t++) {
		for (int64_t b = 0; b < width / LANES; b++) {
			vec d[MOST_POINTS];

#pragma GCC unroll 10
			for (int p = 0; p < points; p++)
				d[p] = vload(row + (t * m + p) * width + b * LANES);
#pragma GCC unroll 10
			for (int p = 0; p < points; p++)
				vstore(out + p * point + b * plane + t * LANES, combine(f->b[p], points, d, 1));
		}
	}
}

static void lines_in(enum cs_filtering f, const float *row, int64_t width, int64_t tiles, int64_t step, float *out,
	int64_t point, int64_t plane)
{
	switch (f) {
	case CS_F6_5:
		lines_in_one(&f6_5, 6, 10, row, width, tiles, step, out, point, plane);
		break;
	case CS_F3_5:
		lines_in_one(&f3_5, 3, 7, row, width, tiles, step, out, point, plane);
		break;
	case CS_F6_3:
		lines_in_one(&f6_3, 6, 8, row, width, tiles, step, out, point, plane);
		break;
	default:
		lines_in_one(&f3_3, 3, 5, row, width, tiles, step, out, point, plane);
	}
}

INLINE void lines_out_one(
	const struct filtering *f, int m, int points, const float *in, int64_t point, int64_t n, float *out)
{
	for (int64_t i = 0; i < n; i++, in += LANES, out += m * LANES) {
		vec q[MOST_POINTS], y[MOST_OUTPUTS];

#pragma GCC unroll 10
		for (int p = 0; p < points; p++)
			q[p] = vload(in + p * point);
		outputs(f, m, points, q, 1, y, 1);
#pragma GCC unroll 6
		for (int x = 0; x < m; x++)
			vstore(out + x * LANES, y[x]);
	}
}

static void lines_out(enum cs_filtering f, const float *in, int64_t point, int64_t n, float *out)
{
	switch (f) {
	case CS_F6_5:
		lines_out_one(&f6_5, 6, 10, in, point, n, out);
		break;
	case CS_F3_5:
		lines_out_one(&f3_5, 3, 7, in, point, n, out);
		break;
	case CS_F6_3:
		lines_out_one(&f6_3, 6, 8, in, point, n, out);
		break;
	default:
		lines_out_one(&f3_3, 3, 5, in, point, n, out);
	}
}

/* What lines_pool is asked for, but its sizes that are constants. */
struct pooling {
	const float *in;
	int64_t point, pitch, n;
	bool rectified, streamed;
	int64_t valid;
	float *out;
	cs_switch *switches;
	int64_t channels;
};

/* A row of a window, `wide` outputs from y on, against what won so far. */
INLINE void pool_row(const int wide, const int row, const vec *y, vec *best, vcell *cell)
{
#pragma GCC unroll 6
	for (int x = 0; x < wide; x++) {
		vmask wins = vwins(y[x], *best);

		if (x == 0 && row == 0) {
			*best = y[0];
			continue;
		}
		*best = vchoose(wins, y[x], *best);
		*cell = vcell_choose(wins, vcell_set(row * wide + x), *cell);
	}
}

/* Tiles of m outputs, each of m / wide windows. */
INLINE void lines_pool_rows(const struct filtering *f, const int m, const int points, const int wide, const int rows,
	const int normed, const float *const norm[3], const struct pooling *p)
{
	enum { MOST = 3 };
	const float *in = p->in;
	float *out = p->out;
	const int across = m / wide;
	vec mean = vset(0), factor = vset(1), offset = vset(0);

	if (normed) {
		mean = vload_part(norm[0], p->valid);
		factor = vload_part(norm[1], p->valid);
		offset = vload_part(norm[2], p->valid);
	}
	for (int64_t i = 0; i < p->n; i += across, in += LANES) {
		vec best[MOST];
		vcell cell[MOST];

#pragma GCC unroll 3
		for (int w = 0; w < across; w++) {
			best[w] = vset(0);
			cell[w] = vcell_set(0);
		}
#pragma GCC unroll 4
		for (int r = 0; r < rows; r++) {
			vec q[MOST_POINTS], y[MOST_OUTPUTS];

#pragma GCC unroll 10
			for (int k = 0; k < points; k++)
				q[k] = vload(in + k * p->point + r * p->pitch * LANES);
			outputs(f, m, points, q, 1, y, 1);
#pragma GCC unroll 6
			for (int x = 0; normed && x < m; x++)
				y[x] = (y[x] - mean) * factor + offset;
#pragma GCC unroll 3
			for (int w = 0; w < across; w++)
				pool_row(wide, r, y + w * wide, &best[w], &cell[w]);
		}
#pragma GCC unroll 3
		for (int w = 0; w < across; w++) {
			if (i + w >= p->n)
				break;
			if (p->rectified) {
				cell[w] = vcell_choose(vdead(best[w]), vcell_set(0), cell[w]);
				best[w] = vrectify(best[w]);
			}
			if (p->streamed)
				vstream(out, best[w]);
			else
				vstore_part(out, best[w], p->valid);
			if (p->switches)
				vcell_store(p->switches + (i + w) * p->channels, cell[w], p->valid);
			out += p->channels;
		}
	}
}

/* Square windows have their loop unrolled. */
INLINE void lines_pool_one(const struct filtering *f, const int m, const int points, const int wide, int64_t rows,
	const int normed, const float *const norm[3], const struct pooling *p)
{
	if (rows == wide)
		lines_pool_rows(f, m, points, wide, wide, normed, norm, p);
	else
		lines_pool_rows(f, m, points, wide, (int)rows, normed, norm, p);
}

INLINE void lines_pool_all(enum cs_filtering f, int64_t wide, int64_t rows, const int normed,
	const float *const norm[3], const struct pooling *p)
{
	if (f == CS_F6_5 && wide == 3)
		lines_pool_one(&f6_5, 6, 10, 3, rows, normed, norm, p);
	else if (f == CS_F6_5)
		lines_pool_one(&f6_5, 6, 10, 2, rows, normed, norm, p);
	else if (f == CS_F3_5)
		lines_pool_one(&f3_5, 3, 7, 3, rows, normed, norm, p);
	else if (f == CS_F6_3 && wide == 3)
		lines_pool_one(&f6_3, 6, 8, 3, rows, normed, norm, p);
	else if (f == CS_F6_3)
		lines_pool_one(&f6_3, 6, 8, 2, rows, normed, norm, p);
	else
		lines_pool_one(&f3_3, 3, 5, 3, rows, normed, norm, p);
}

static void lines_pool(enum cs_filtering f, int64_t wide, int64_t rows, const float *in, int64_t point, int64_t pitch,
	int64_t n, const float *const norm[3], bool rectified, int64_t valid, float *out, cs_switch *switches,
	int64_t channels, bool streamed)
{
	const struct pooling p = {
		.in = in,
		.point = point,
		.pitch = pitch,
		.n = n,
		.rectified = rectified,
		.streamed = streamed && streamable(out, channels, valid),
		.valid = valid,
		.out = out,
		.switches = switches,
		.channels = channels,
	};

	if (norm)
		lines_pool_all(f, wide, rows, 1, norm, &p);
	else
		lines_pool_all(f, wide, rows, 0, norm, &p);
}

INLINE void lines_weights_one(const struct filtering *f, int taps, int points, const float *g, int64_t stride,
	int64_t n, float *out, int64_t point)
{
	vec w[MOST_TAPS];

#pragma GCC unroll 10
	for (int k = 0; k < taps; k++)
		w[k] = vload_part(g + k * stride, n);
#pragma GCC unroll 10
	for (int p = 0; p < points; p++)
		vstore(out + p * point, combine(f->g[p], taps, w, 1));
}

static void lines_weights(enum cs_filtering f, const float *g, int64_t stride, int64_t n, float *out, int64_t point)
{
	switch (f) {
	case CS_F6_5:
		lines_weights_one(&f6_5, 5, 10, g, stride, n, out, point);
		break;
	case CS_F3_5:
		lines_weights_one(&f3_5, 5, 7, g, stride, n, out, point);
		break;
	case CS_F6_3:
		lines_weights_one(&f6_3, 3, 8, g, stride, n, out, point);
		break;
	default:
		lines_weights_one(&f3_3, 3, 5, g, stride, n, out, point);
	}
}

#endif
