/* filtering.h: the matrices of minimal filtering, and the code that applies them.
 *
 * For outputs y[i] = sum of d[i + k] * g[k], F(m, r) computes m outputs of r taps as y = A ((G g) * (B d)), with m + r - 1
 * products instead of m r. The matrices follow from points a_j at which polynomials are evaluated, infinity the last
 * (Toom-Cook): A[i][j] = a_j^i; B's row j holds the coefficients of the product of (x - a_l) over l != j; G[j][k] = a_j^k
 * over that product at a_j. Rows of B are scaled to whole numbers and G's by the inverse. Points stay small, because
 * errors grow with their powers: 0, 1, -1 | 1/2 | 2, -2.
 *
 * Where point 1 is among them (index 1) it has A[i][1] = 1: what is added to its products is added to every output, which is
 * how a bias can come in for nothing. Two dimensions are the same along rows and then columns; there it is index (1,1).
 */
#ifndef CS_NN_KERNELS_FILTERING_H
#define CS_NN_KERNELS_FILTERING_H

#include "nn/kernels/blocked.h"
#include "nn/kernels/vector.h"

enum { MOST_OUTPUTS = 4, MOST_TAPS = 5, MOST_POINTS = 7 };

struct filtering {
	int pairs; /* of opposite points: 1 and 2, 3 and 4 */
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
	.a = {{1, 1, 1, 1, 1, 0}, {0, .75f, -.75f, 1.5f, -1.5f, 0}, {0, .5625f, .5625f, 2.25f, 2.25f, 0},
		{0, .421875f, -.421875f, 3.375f, -3.375f, 1}},
	.b = {{1.265625f, 0, -2.8125f, 0, 1, 0}, {0, -1.6875f, -2.25f, .75f, 1, 0}, {0, 1.6875f, -2.25f, -.75f, 1, 0},
		{0, -.84375f, -.5625f, 1.5f, 1, 0}, {0, .84375f, -.5625f, -1.5f, 1, 0},
		{0, 1.265625f, 0, -2.8125f, 0, 1}},
	.g = {{64 / 81.f, 0, 0}, {-128 / 243.f, -32 / 81.f, -8 / 27.f}, {-128 / 243.f, 32 / 81.f, -8 / 27.f},
		{32 / 243.f, 16 / 81.f, 8 / 27.f}, {32 / 243.f, -16 / 81.f, 8 / 27.f}, {0, 0, 1}},
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

#pragma GCC unroll 8
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

/* Points back to m outputs y[0], y[step], ... Even powers of opposite points are equal and odd ones opposite: sums and differences
 * of a pair serve all rows. Written out as they are rounded: a pass that pools must have the bits of one that does not. */
INLINE void outputs(const struct filtering *f, int m, int points, const vec *q, int from_step, vec *y, int step)
{
	vec pair[2][2]; /* sum, difference */

#pragma GCC unroll 2
	for (int i = 0; i < f->pairs; i++) {
		pair[i][0] = q[(2 * i + 1) * from_step] + q[(2 * i + 2) * from_step];
		pair[i][1] = q[(2 * i + 1) * from_step] - q[(2 * i + 2) * from_step];
	}
#pragma GCC unroll 4
	for (int row = 0; row < m; row++) {
		vec sum = f->a[row][1] * pair[0][row % 2];

#pragma GCC unroll 2
		for (int i = 1; i < f->pairs; i++)
			sum = vfused(vset(f->a[row][2 * i + 1]), pair[i][row % 2], sum);
#pragma GCC unroll 8
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

#pragma GCC unroll 8
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
#pragma GCC unroll 8
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

#pragma GCC unroll 8
			for (int p = 0; p < points; p++)
				d[p] = vload(row + (t * m + p) * width + b * LANES);
#pragma GCC unroll 8
			for (int p = 0; p < points; p++)
				vstore(out + p * point + b * plane + t * LANES, combine(f->b[p], points, d, 1));
		}
	}
}

static void lines_in(enum cs_filtering f, const float *row, int64_t width, int64_t tiles, int64_t step, float *out,
	int64_t point, int64_t plane)
{
	if (f == CS_F3_5)
		lines_in_one(&f3_5, 3, 7, row, width, tiles, step, out, point, plane);
	else if (f == CS_F3_3)
		lines_in_one(&f3_3, 3, 5, row, width, tiles, step, out, point, plane);
	else
		lines_in_one(&f2_3, 2, 4, row, width, tiles, step, out, point, plane);
}

INLINE void lines_out_one(
	const struct filtering *f, int m, int points, const float *in, int64_t point, int64_t n, float *out)
{
	for (int64_t i = 0; i < n; i++, in += LANES, out += m * LANES) {
		vec q[MOST_POINTS], y[MOST_OUTPUTS];

#pragma GCC unroll 8
		for (int p = 0; p < points; p++)
			q[p] = vload(in + p * point);
		outputs(f, m, points, q, 1, y, 1);
#pragma GCC unroll 4
		for (int x = 0; x < m; x++)
			vstore(out + x * LANES, y[x]);
	}
}

static void lines_out(enum cs_filtering f, const float *in, int64_t point, int64_t n, float *out)
{
	if (f == CS_F3_5)
		lines_out_one(&f3_5, 3, 7, in, point, n, out);
	else if (f == CS_F3_3)
		lines_out_one(&f3_3, 3, 5, in, point, n, out);
	else
		lines_out_one(&f2_3, 2, 4, in, point, n, out);
}

INLINE void lines_pool_rows(const struct filtering *f, int m, int points, const float *in, int64_t point, int64_t pitch,
	const int rows, int64_t n, const int normed, const float *const norm[3], bool rectified, int64_t valid,
	float *out, cs_switch *switches, int64_t channels)
{
	vec mean = vset(0), factor = vset(1), offset = vset(0);

	if (normed) {
		mean = vload_part(norm[0], valid);
		factor = vload_part(norm[1], valid);
		offset = vload_part(norm[2], valid);
	}
	for (int64_t i = 0; i < n; i++, in += LANES, out += channels) {
		vec best = vset(0);
		vcell cell = vcell_set(0);

#pragma GCC unroll 4
		for (int r = 0; r < rows; r++) {
			vec q[MOST_POINTS], y[MOST_OUTPUTS];

#pragma GCC unroll 8
			for (int p = 0; p < points; p++)
				q[p] = vload(in + p * point + r * pitch * LANES);
			outputs(f, m, points, q, 1, y, 1);
#pragma GCC unroll 4
			for (int x = 0; x < m; x++) {
				vmask wins;

				if (normed)
					y[x] = (y[x] - mean) * factor + offset;
				wins = vwins(y[x], best);
				if (x == 0 && r == 0) {
					best = y[0];
					continue;
				}
				best = vchoose(wins, y[x], best);
				cell = vcell_choose(wins, vcell_set(r * m + x), cell);
			}
		}
		if (rectified) {
			cell = vcell_choose(vdead(best), vcell_set(0), cell);
			best = vrectify(best);
		}
		vstore_part(out, best, valid);
		if (switches)
			vcell_store(switches + i * channels, cell, valid);
	}
}

/* Square windows have their loop unrolled. */
INLINE void lines_pool_one(const struct filtering *f, int m, int points, const float *in, int64_t point, int64_t pitch,
	int64_t rows, int64_t n, const int normed, const float *const norm[3], bool rectified, int64_t valid,
	float *out, cs_switch *switches, int64_t channels)
{
	if (rows == m)
		lines_pool_rows(f, m, points, in, point, pitch, m, n, normed, norm, rectified, valid, out, switches,
			channels);
	else
		lines_pool_rows(f, m, points, in, point, pitch, (int)rows, n, normed, norm, rectified, valid, out,
			switches, channels);
}

INLINE void lines_pool_all(enum cs_filtering f, const float *in, int64_t point, int64_t pitch, int64_t rows, int64_t n,
	const int normed, const float *const norm[3], bool rectified, int64_t valid, float *out, cs_switch *switches,
	int64_t channels)
{
	if (f == CS_F3_5)
		lines_pool_one(&f3_5, 3, 7, in, point, pitch, rows, n, normed, norm, rectified, valid, out, switches,
			channels);
	else if (f == CS_F3_3)
		lines_pool_one(&f3_3, 3, 5, in, point, pitch, rows, n, normed, norm, rectified, valid, out, switches,
			channels);
	else
		lines_pool_one(&f2_3, 2, 4, in, point, pitch, rows, n, normed, norm, rectified, valid, out, switches,
			channels);
}

static void lines_pool(enum cs_filtering f, const float *in, int64_t point, int64_t pitch, int64_t rows, int64_t n,
	const float *const norm[3], bool rectified, int64_t valid, float *out, cs_switch *switches, int64_t channels)
{
	if (norm)
		lines_pool_all(f, in, point, pitch, rows, n, 1, norm, rectified, valid, out, switches, channels);
	else
		lines_pool_all(f, in, point, pitch, rows, n, 0, norm, rectified, valid, out, switches, channels);
}

INLINE void lines_weights_one(const struct filtering *f, int taps, int points, const float *g, int64_t stride,
	int64_t n, float *out, int64_t point)
{
	vec w[MOST_TAPS];

#pragma GCC unroll 8
	for (int k = 0; k < taps; k++)
		w[k] = vload_part(g + k * stride, n);
#pragma GCC unroll 8
	for (int p = 0; p < points; p++)
		vstore(out + p * point, combine(f->g[p], taps, w, 1));
}

static void lines_weights(enum cs_filtering f, const float *g, int64_t stride, int64_t n, float *out, int64_t point)
{
	if (f == CS_F3_5)
		lines_weights_one(&f3_5, 5, 7, g, stride, n, out, point);
	else if (f == CS_F3_3)
		lines_weights_one(&f3_3, 3, 5, g, stride, n, out, point);
	else
		lines_weights_one(&f2_3, 3, 4, g, stride, n, out, point);
}

/* What tile_in() will want soon and the processor does not foresee, both being spread over many pages: the same pixels of the block
 * after the next, and where tiles to come go. */
enum { TILES_AHEAD = 8, BLOCKS_AHEAD = 2 };

/* One tile, in at its cell (0,0), which may lie outside the map: channels first .. end - 1. */
INLINE void tile_in(const struct filtering *f, int points, const float *in, const struct cs_shape *shape, int64_t first,
	int64_t end, int64_t y, int64_t x, float *out, int64_t point, int64_t plane)
{
	int one_block = end - first <= LANES;

	int64_t h = shape->dim[0], w = shape->dim[1], c = shape->dim[2];
	int inside = y >= 0 && x >= 0 && y + points <= h && x + points <= w;

	for (int64_t k = first; k < end; k += LANES, out += plane) {
		vec d[MOST_POINTS * MOST_POINTS], e[MOST_POINTS * MOST_POINTS];
		int64_t valid = c - k < LANES ? c - k : LANES;

		if (inside && valid == LANES) {
			const float *from = in + (y * w + x) * c + k;

#pragma GCC unroll 8
			for (int i = 0; i < points; i++) {
#pragma GCC unroll 8
				for (int j = 0; j < points; j++)
					d[i * points + j] = vload(from + (i * w + j) * c);
			}
			if (one_block && k + BLOCKS_AHEAD * LANES < c) {
				/* each pixel once: those that the tiles to the right and below do not share */
#pragma GCC unroll 8
				for (int i = 0; i < points - 2; i++) {
#pragma GCC unroll 8
					for (int j = 0; j < points - 2; j++)
						__builtin_prefetch(from + ((i + 1) * w + j + 1) * c + BLOCKS_AHEAD * LANES, 0,
							2);
				}
			}
		} else {
#pragma GCC unroll 8
			for (int i = 0; i < points; i++) {
#pragma GCC unroll 8
				for (int j = 0; j < points; j++) {
					int there = y + i >= 0 && y + i < h && x + j >= 0 && x + j < w;

					d[i * points + j] =
						there ? vload_part(in + ((y + i) * w + x + j) * c + k, valid) : vset(0);
				}
			}
		}
#pragma GCC unroll 8
		for (int i = 0; i < points; i++) {
#pragma GCC unroll 8
			for (int p = 0; p < points; p++)
				e[p * points + i] = combine(f->b[p], points, d + i, points);
		}
#pragma GCC unroll 8
		for (int p = 0; p < points; p++) {
#pragma GCC unroll 8
			for (int q = 0; q < points; q++) {
				float *to = out + (p * points + q) * point;

				vstore(to, combine(f->b[q], points, e + p * points, 1));
				if (one_block)
					__builtin_prefetch(to + TILES_AHEAD * LANES, 1, 2);
			}
		}
	}
}

/* Block by block where a block's tiles stand together, tile by tile where its blocks do: what is written one after the other lies
 * so, too. */
static void tiles_in(enum cs_filtering f, const float *in, const struct cs_shape *shape, const int64_t before[2],
	const int64_t tiles[2], float *out, int64_t point, int64_t plane, int64_t tile)
{
	int64_t c = shape->dim[2], step = tile < plane ? LANES : c;

	for (int64_t k = 0; k < c; k += step, out += plane) {
		int64_t end = k + step < c ? k + step : c;

		for (int64_t t = 0; t < tiles[0] * tiles[1]; t++) {
			int64_t row = t / tiles[1], column = t % tiles[1];
			float *to = out + t * tile;

			if (f == CS_F3_3)
				tile_in(&f3_3, 5, in, shape, k, end, row * 3 - before[0], column * 3 - before[1], to,
					point, plane);
			else if (f == CS_F4_3)
				tile_in(&f4_3, 6, in, shape, k, end, row * 4 - before[0], column * 4 - before[1], to,
					point, plane);
			else if (f == CS_S3_3)
				tile_in(&s3_3, 7, in, shape, k, end, row * 6 - before[0], column * 6 - before[1], to,
					point, plane);
			else
				tile_in(&f2_3, 4, in, shape, k, end, row * 2 - before[0], column * 2 - before[1], to,
					point, plane);
		}
	}
}

/* Column j of a matrix, of n rows `pitch` floats apart, times x. */
INLINE vec combine_column(const float *matrix, const int pitch, const int j, int n, const vec *x, int step)
{
	vec sum = vset(0);
	int begun = 0;

#pragma GCC unroll 8
	for (int i = 0; i < n; i++) {
		float factor = matrix[i * pitch + j];

		if (factor == 0)
			continue;
		if (begun)
			sum += factor * x[i * step];
		else
			sum = factor * x[i * step];
		begun = 1;
	}
	return sum;
}

/* One tile's gradient, its corner at (y,x), of all feature blocks. */
INLINE void tile_spread(const struct filtering *f, int m, int points, const float *gradient,
	const struct cs_shape *shape, int64_t y, int64_t x, float *out, int64_t point, int64_t plane, int64_t half)
{
	int64_t h = shape->dim[0], w = shape->dim[1], c = shape->dim[2];

	for (int64_t k = 0, b = 0; k < c; k += LANES, b++) {
		float *to = out + b / 2 * plane + b % 2 * half;
		vec d[MOST_OUTPUTS * MOST_OUTPUTS], e[MOST_POINTS * MOST_OUTPUTS];
		int64_t valid = c - k < LANES ? c - k : LANES;

#pragma GCC unroll 4
		for (int i = 0; i < m; i++) {
#pragma GCC unroll 4
			for (int j = 0; j < m; j++)
				d[i * m + j] = y + i < h && x + j < w
					? vload_part(gradient + ((y + i) * w + x + j) * c + k, valid)
					: vset(0);
		}
#pragma GCC unroll 4
		for (int j = 0; j < m; j++) {
#pragma GCC unroll 8
			for (int p = 0; p < points; p++)
				e[p * m + j] = combine_column(f->a[0], MOST_POINTS, p, m, d + j, m);
		}
#pragma GCC unroll 8
		for (int p = 0; p < points; p++) {
#pragma GCC unroll 8
			for (int q = 0; q < points; q++)
				vstore(to + (p * points + q) * point,
					combine_column(f->a[0], MOST_POINTS, q, m, e + p * m, 1));
		}
	}
}

static void tiles_spread(enum cs_filtering f, const float *gradient, const struct cs_shape *shape, int64_t first,
	const int64_t tiles[2], float *out, int64_t point, int64_t plane, int64_t half, int64_t tile)
{
	for (int64_t t = 0; t < tiles[0] * tiles[1]; t++, out += tile) {
		int64_t row = first + t / tiles[1], column = t % tiles[1];

		if (f == CS_F3_3)
			tile_spread(&f3_3, 3, 5, gradient, shape, row * 3, column * 3, out, point, plane, half);
		else if (f == CS_S3_3)
			tile_spread(&s3_3, 3, 7, gradient, shape, row * 3, column * 3, out, point, plane, half);
		else
			tile_spread(&f2_3, 2, 4, gradient, shape, row * 2, column * 2, out, point, plane, half);
	}
}

INLINE void tile_gather(
	const struct filtering *f, int points, const float *in, int64_t point, float *cells, int64_t pitch)
{
	vec d[MOST_POINTS * MOST_POINTS], e[MOST_POINTS * MOST_POINTS];

#pragma GCC unroll 64
	for (int p = 0; p < points * points; p++)
		d[p] = vload(in + p * point);
#pragma GCC unroll 8
	for (int q = 0; q < points; q++) {
#pragma GCC unroll 8
		for (int y = 0; y < points; y++)
			e[y * points + q] = combine_column(f->b[0], MOST_POINTS, y, points, d + q, points);
	}
#pragma GCC unroll 8
	for (int y = 0; y < points; y++) {
#pragma GCC unroll 8
		for (int x = 0; x < points; x++) {
			float *cell = cells + (y * pitch + x) * LANES;

			vstore(cell, vload(cell) + combine_column(f->b[0], MOST_POINTS, x, points, e + y * points, 1));
		}
	}
}

static void tiles_gather(
	enum cs_filtering f, const float *in, int64_t point, const int64_t tiles[2], float *cells, int64_t pitch)
{
	int64_t step = (int64_t)cs_filtering_sizes[f].outputs * cs_filtering_sizes[f].stride;

	for (int64_t t = 0; t < tiles[0] * tiles[1]; t++, in += LANES) {
		float *to = cells + (t / tiles[1] * step * pitch + t % tiles[1] * step) * LANES;

		if (f == CS_F3_3)
			tile_gather(&f3_3, 5, in, point, to, pitch);
		else if (f == CS_S3_3)
			tile_gather(&s3_3, 7, in, point, to, pitch);
		else
			tile_gather(&f2_3, 4, in, point, to, pitch);
	}
}

INLINE void tiles_collect_one(const struct filtering *f, int taps, int points, const float *in, int64_t point,
	int64_t n, float *to, int64_t row, int64_t column)
{
	vec d[MOST_POINTS * MOST_POINTS], e[MOST_TAPS * MOST_POINTS];

#pragma GCC unroll 64
	for (int p = 0; p < points * points; p++)
		d[p] = vload(in + p * point);
#pragma GCC unroll 8
	for (int q = 0; q < points; q++) {
#pragma GCC unroll 4
		for (int i = 0; i < taps; i++)
			e[i * points + q] = combine_column(f->g[0], MOST_TAPS, i, points, d + q, points);
	}
#pragma GCC unroll 4
	for (int i = 0; i < taps; i++) {
#pragma GCC unroll 4
		for (int j = 0; j < taps; j++)
			vstore_part(to + i * row + j * column,
				combine_column(f->g[0], MOST_TAPS, j, points, e + i * points, 1), n);
	}
}

static void tiles_collect(
	enum cs_filtering f, const float *in, int64_t point, int64_t n, float *taps, int64_t row, int64_t column)
{
	if (f == CS_F3_3)
		tiles_collect_one(&f3_3, 3, 5, in, point, n, taps, row, column);
	else if (f == CS_S3_3)
		tiles_collect_one(&s3_3, 3, 7, in, point, n, taps, row, column);
	else
		tiles_collect_one(&f2_3, 3, 4, in, point, n, taps, row, column);
}

INLINE void tile_out(const struct filtering *f, int m, int points, const float *in, int64_t point, vec bias, float *out,
	int64_t pitch)
{
	vec d[MOST_POINTS * MOST_POINTS], e[MOST_OUTPUTS * MOST_POINTS];

#pragma GCC unroll 64
	for (int p = 0; p < points * points; p++)
		d[p] = vload(in + p * point);
#pragma GCC unroll 8
	for (int q = 0; q < points; q++)
		outputs(f, m, points, d + q, points, e + q, points);
#pragma GCC unroll 4
	for (int y = 0; y < m; y++) {
		vec row[MOST_OUTPUTS];

		outputs(f, m, points, e + y * points, 1, row, 1);
#pragma GCC unroll 4
		for (int x = 0; x < m; x++)
			vstore(out + (y * pitch + x) * LANES, row[x] + bias);
	}
}

static void tiles_out(enum cs_filtering f, const float *in, int64_t point, const int64_t tiles[2], const float *bias,
	float *out)
{
	int64_t m = cs_filtering_sizes[f].outputs, pitch = tiles[1] * m;
	vec added = bias ? vload(bias) : vset(0);

	for (int64_t row = 0; row < tiles[0]; row++) {
		for (int64_t column = 0; column < tiles[1]; column++, in += LANES) {
			float *to = out + (row * pitch + column) * m * LANES;

			if (f == CS_F3_3)
				tile_out(&f3_3, 3, 5, in, point, added, to, pitch);
			else if (f == CS_F4_3)
				tile_out(&f4_3, 4, 6, in, point, added, to, pitch);
			else if (f == CS_S3_3)
				tile_out(&s3_3, 3, 7, in, point, added, to, pitch);
			else
				tile_out(&f2_3, 2, 4, in, point, added, to, pitch);
		}
	}
}

INLINE void tiles_weights_one(const struct filtering *f, int taps, int points, const float *g, int64_t row,
	int64_t column, int64_t n, float *out, int64_t point)
{
	vec w[MOST_TAPS * MOST_TAPS], e[MOST_POINTS * MOST_TAPS];

#pragma GCC unroll 4
	for (int i = 0; i < taps; i++) {
#pragma GCC unroll 4
		for (int j = 0; j < taps; j++)
			w[i * taps + j] = vload_part(g + i * row + j * column, n);
	}
#pragma GCC unroll 4
	for (int j = 0; j < taps; j++) {
#pragma GCC unroll 8
		for (int p = 0; p < points; p++)
			e[p * taps + j] = combine(f->g[p], taps, w + j, taps);
	}
#pragma GCC unroll 8
	for (int p = 0; p < points; p++) {
#pragma GCC unroll 8
		for (int q = 0; q < points; q++)
			vstore(out + (p * points + q) * point, combine(f->g[q], taps, e + p * taps, 1));
	}
}

static void tiles_weights(
	enum cs_filtering f, const float *g, int64_t row, int64_t column, int64_t n, float *out, int64_t point)
{
	if (f == CS_F3_3)
		tiles_weights_one(&f3_3, 3, 5, g, row, column, n, out, point);
	else if (f == CS_F4_3)
		tiles_weights_one(&f4_3, 3, 6, g, row, column, n, out, point);
	else if (f == CS_S3_3)
		tiles_weights_one(&s3_3, 3, 7, g, row, column, n, out, point);
	else
		tiles_weights_one(&f2_3, 3, 4, g, row, column, n, out, point);
}

#endif
