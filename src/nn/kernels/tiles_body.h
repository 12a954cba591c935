/* tiles_body.h: minimal filtering in two dimensions: tiles and kernels to their points and back, and the transposes of all that.
 *
 * A tile stands in registers while it is small. What is written, or read, is spread over as many places as there are points:
 * it is asked for ahead, or, where it would not stay in the caches anyhow, written past them.
 */
#ifndef CS_NN_KERNELS_TILES_BODY_H
#define CS_NN_KERNELS_TILES_BODY_H

#include "nn/kernels/filtering.h"

/* What tile_in() will want soon and the processor does not foresee, both being spread over many pages: the same pixels of the block
 * after the next, and where tiles to come go. */
enum { TILES_AHEAD = 8, BLOCKS_AHEAD = 2 };

/* Where a tile is read from: a block of channels of a map, its cell (0,0) at (y,x), which may lie outside. */
struct tile_source {
	const float *in;
	const struct cs_shape *shape;
	int64_t y, x, channel, valid;
	int inside; /* all of it, and the block is whole */
};

/* `points` pixels of row i. */
INLINE void tile_row(const struct tile_source *s, int points, int i, vec *d)
{
	int64_t h = s->shape->dim[0], w = s->shape->dim[1], c = s->shape->dim[2], y = s->y + i;
	const float *from = s->in + (y * w + s->x) * c + s->channel;

	if (s->inside) {
#pragma GCC unroll 8
		for (int j = 0; j < points; j++)
			d[j] = vload(from + j * c);
		return;
	}
#pragma GCC unroll 8
	for (int j = 0; j < points; j++) {
		int there = y >= 0 && y < h && s->x + j >= 0 && s->x + j < w;

		d[j] = there ? vload_part(from + j * c, s->valid) : vset(0);
	}
}

/* Ask for row i of the block after the next: each pixel once. Neighbouring tiles share two rows and columns, of which each asks for one;
 * one, with a stride, that the upper and left one asks for. */
INLINE void tile_row_ahead(const struct filtering *f, const struct tile_source *s, int points, int i)
{
	const int last = f == &s3_3 ? points : points - 1;
	int64_t h = s->shape->dim[0], w = s->shape->dim[1], c = s->shape->dim[2];
	const float *from = s->in + ((s->y + i) * w + s->x) * c + s->channel + BLOCKS_AHEAD * LANES;

	if ((i == 0 && s->y > 0) || (i == last && s->y + points < h))
		return;
	if (s->x == 0)
		__builtin_prefetch(from, 0, 2);
#pragma GCC unroll 8
	for (int j = 1; j < last; j++)
		__builtin_prefetch(from + j * c, 0, 2);
	if (last < points && s->x + points == w)
		__builtin_prefetch(from + last * c, 0, 2);
}

INLINE void tile_in_small(const struct filtering *f, int points, const struct tile_source *s, int ahead, float *out,
	int64_t point, bool streamed)
{
	vec d[MOST_POINTS * MOST_POINTS], e[MOST_POINTS * MOST_POINTS];

#pragma GCC unroll 8
	for (int i = 0; i < points; i++)
		tile_row(s, points, i, d + i * points);
	for (int i = 0; ahead && s->inside && i < points; i++)
		tile_row_ahead(f, s, points, i);
#pragma GCC unroll 8
	for (int j = 0; j < points; j++)
		inputs(f, points, d + j, points, e + j, points);
#pragma GCC unroll 8
	for (int p = 0; p < points; p++) {
		vec row[MOST_POINTS];

		inputs(f, points, e + p * points, 1, row, 1);
#pragma GCC unroll 8
		for (int q = 0; q < points; q++) {
			float *to = out + (p * points + q) * point;

			if (streamed) {
				vstream(to, row[q]);
				continue;
			}
			vstore(to, row[q]);
			if (ahead)
				__builtin_prefetch(to + TILES_AHEAD * LANES, 1, 2);
		}
	}
}

/* More points than there are registers for: a row at a time, then a column at a time. */
INLINE void tile_in_large(const struct filtering *f, int points, const struct tile_source *s, int ahead, float *out,
	int64_t point, bool streamed)
{
	vec e[MOST_POINTS * MOST_POINTS];

	for (int i = 0; i < points; i++) {
		vec d[MOST_POINTS];

		tile_row(s, points, i, d);
		if (ahead && s->inside)
			tile_row_ahead(f, s, points, i);
		inputs(f, points, d, 1, e + i * points, 1);
	}
	for (int q = 0; q < points; q++) {
		vec column[MOST_POINTS];

		inputs(f, points, e + q, points, column, 1);
#pragma GCC unroll 8
		for (int p = 0; p < points; p++) {
			float *to = out + (p * points + q) * point;

			if (streamed) {
				vstream(to, column[p]);
				continue;
			}
			vstore(to, column[p]);
			if (ahead)
				__builtin_prefetch(to + TILES_AHEAD * LANES, 1, 2);
		}
	}
}

/* One tile, its cell (0,0) at (y,x): channels first .. end - 1. */
INLINE void tile_in(const struct filtering *f, int points, const float *in, const struct cs_shape *shape, int64_t first,
	int64_t end, int64_t y, int64_t x, float *out, int64_t point, int64_t plane, const bool streamed)
{
	int one_block = end - first <= LANES;
	int64_t h = shape->dim[0], w = shape->dim[1], c = shape->dim[2];
	int inside = y >= 0 && x >= 0 && y + points <= h && x + points <= w;

	for (int64_t k = first; k < end; k += LANES, out += plane) {
		struct tile_source s = {in, shape, y, x, k, c - k < LANES ? c - k : LANES, 0};
		int ahead = one_block && k + BLOCKS_AHEAD * LANES < c;

		s.inside = inside && s.valid == LANES;
		if (points > 7) {
			if (s.inside)
				tile_in_large(f, points, &s, ahead, out, point, streamed);
			else
				tile_in_large(f, points, &s, 0, out, point, streamed);
		} else if (s.inside) {
			tile_in_small(f, points, &s, ahead, out, point, streamed);
		} else {
			tile_in_small(f, points, &s, 0, out, point, streamed);
		}
	}
}

INLINE void tile_in_of(enum cs_filtering f, const float *in, const struct cs_shape *shape, int64_t first, int64_t end,
	int64_t y, int64_t x, float *out, int64_t point, int64_t plane, const bool streamed)
{
	switch (f) {
	case CS_F3_3:
		tile_in(&f3_3, 5, in, shape, first, end, y, x, out, point, plane, streamed);
		break;
	case CS_F4_3:
		tile_in(&f4_3, 6, in, shape, first, end, y, x, out, point, plane, streamed);
		break;
	case CS_F6_3:
		tile_in(&f6_3, 8, in, shape, first, end, y, x, out, point, plane, streamed);
		break;
	case CS_S3_3:
		tile_in(&s3_3, 7, in, shape, first, end, y, x, out, point, plane, streamed);
		break;
	default:
		tile_in(&f2_3, 4, in, shape, first, end, y, x, out, point, plane, streamed);
	}
}

/* Block by block where a block's tiles stand together, tile by tile where its blocks do: what is written one after the other lies
 * so, too. */
static void tiles_in(enum cs_filtering f, const float *in, const struct cs_shape *shape, const int64_t before[2],
	const int64_t tiles[2], float *out, int64_t point, int64_t plane, int64_t tile, bool streamed)
{
	int64_t c = shape->dim[2], step = tile < plane ? LANES : c;
	int64_t pixels = (int64_t)cs_filtering_sizes[f].outputs * cs_filtering_sizes[f].stride;

	for (int64_t k = 0; k < c; k += step, out += plane) {
		int64_t end = k + step < c ? k + step : c;

		for (int64_t t = 0; t < tiles[0] * tiles[1]; t++) {
			int64_t y = t / tiles[1] * pixels - before[0], x = t % tiles[1] * pixels - before[1];

			tile_in_of(f, in, shape, k, end, y, x, out + t * tile, point, plane, streamed);
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

/* `next`: how far on the tile stands that will be read later, or 0. */
INLINE void tile_out(const struct filtering *f, int m, int points, const float *in, int64_t point, vec bias, float *out,
	int64_t pitch, int64_t next)
{
	vec d[MOST_POINTS * MOST_POINTS], e[MOST_OUTPUTS * MOST_POINTS];

#pragma GCC unroll 64
	for (int p = 0; p < points * points; p++)
		d[p] = vload(in + p * point);
#pragma GCC unroll 8
	for (int q = 0; q < points; q++)
		outputs(f, m, points, d + q, points, e + q, points);
	if (next) {
#pragma GCC unroll 64
		for (int p = 0; p < points * points; p++)
			__builtin_prefetch(in + p * point + next);
	}
#pragma GCC unroll 4
	for (int y = 0; y < m; y++) {
		vec row[MOST_OUTPUTS];

		outputs(f, m, points, e + y * points, 1, row, 1);
#pragma GCC unroll 4
		for (int x = 0; x < m; x++)
			vstore(out + (y * pitch + x) * LANES, row[x] + bias);
	}
}

/* More points than there are registers for. */
INLINE void tile_out_large(const struct filtering *f, int m, int points, const float *in, int64_t point, vec bias,
	float *out, int64_t pitch, int64_t next)
{
	vec e[MOST_OUTPUTS * MOST_POINTS];

	for (int q = 0; q < points; q++) {
		vec d[MOST_POINTS], column[MOST_OUTPUTS];

#pragma GCC unroll 8
		for (int p = 0; p < points; p++)
			d[p] = vload(in + (p * points + q) * point);
		if (next) {
#pragma GCC unroll 8
			for (int p = 0; p < points; p++)
				__builtin_prefetch(in + (p * points + q) * point + next);
		}
		outputs(f, m, points, d, 1, column, 1);
#pragma GCC unroll 6
		for (int y = 0; y < m; y++)
			e[y * points + q] = column[y];
	}
	for (int y = 0; y < m; y++) {
		vec row[MOST_OUTPUTS];

		outputs(f, m, points, e + y * points, 1, row, 1);
#pragma GCC unroll 6
		for (int x = 0; x < m; x++)
			vstore(out + (y * pitch + x) * LANES, row[x] + bias);
	}
}

static void tiles_out(enum cs_filtering f, const float *in, int64_t point, const int64_t tiles[2], const float *bias,
	float *out, int64_t next)
{
	int64_t m = cs_filtering_sizes[f].outputs, pitch = tiles[1] * m;
	vec added = bias ? vload(bias) : vset(0);

	for (int64_t row = 0; row < tiles[0]; row++) {
		for (int64_t column = 0; column < tiles[1]; column++, in += LANES) {
			float *to = out + (row * pitch + column) * m * LANES;

			if (f == CS_F3_3)
				tile_out(&f3_3, 3, 5, in, point, added, to, pitch, next);
			else if (f == CS_F4_3)
				tile_out(&f4_3, 4, 6, in, point, added, to, pitch, next);
			else if (f == CS_F6_3)
				tile_out_large(&f6_3, 6, 8, in, point, added, to, pitch, next);
			else if (f == CS_S3_3)
				tile_out(&s3_3, 3, 7, in, point, added, to, pitch, next);
			else
				tile_out(&f2_3, 2, 4, in, point, added, to, pitch, next);
		}
	}
}

INLINE void tiles_weights_one(const struct filtering *f, int taps, int points, const float *g, int64_t row,
	int64_t column, int64_t n, float *out, int64_t point, const bool streamed)
{
	vec e[MOST_POINTS * MOST_TAPS];

#pragma GCC unroll 4
	for (int j = 0; j < taps; j++) {
		vec w[MOST_TAPS];

#pragma GCC unroll 4
		for (int i = 0; i < taps; i++)
			w[i] = vload_part(g + i * row + j * column, n);
#pragma GCC unroll 8
		for (int p = 0; p < points; p++)
			e[p * taps + j] = combine(f->g[p], taps, w, 1);
	}
#pragma GCC unroll 8
	for (int p = 0; p < points; p++) {
#pragma GCC unroll 8
		for (int q = 0; q < points; q++) {
			vec value = combine(f->g[q], taps, e + p * taps, 1);

			if (streamed)
				vstream(out + (p * points + q) * point, value);
			else
				vstore(out + (p * points + q) * point, value);
		}
	}
}

static void tiles_weights(enum cs_filtering f, const float *g, int64_t row, int64_t column, int64_t n, float *out,
	int64_t point, bool streamed)
{
	if (f == CS_F3_3)
		tiles_weights_one(&f3_3, 3, 5, g, row, column, n, out, point, streamed);
	else if (f == CS_F4_3)
		tiles_weights_one(&f4_3, 3, 6, g, row, column, n, out, point, streamed);
	else if (f == CS_F6_3)
		tiles_weights_one(&f6_3, 3, 8, g, row, column, n, out, point, streamed);
	else if (f == CS_S3_3)
		tiles_weights_one(&s3_3, 3, 7, g, row, column, n, out, point, streamed);
	else
		tiles_weights_one(&f2_3, 3, 4, g, row, column, n, out, point, streamed);
}

static void settle(void)
{
	_mm_sfence();
}

#endif
