/* lines_body.h: the products of minimal filtering along rows, for maps of few channels.
 *
 * With few channels a product has few terms, and what it reads is used by several of its rows: the kernel's taps run down the
 * columns, so each number of a plane counts for as many output rows as there are taps. A register tile is therefore ROWS
 * rows by a few tiles of one feature block; a channel's taps stay in registers while the numbers below them go by.
 */
#ifndef CS_NN_KERNELS_LINES_BODY_H
#define CS_NN_KERNELS_LINES_BODY_H

#include "nn/kernels/blocked.h"
#include "nn/kernels/vector.h"

#include <stddef.h>

enum { ROWS = 3, TILES_AT_ONCE = LANES == 16 ? 4 : 3 };

INLINE void lines_tile(const struct cs_lines *l, const int64_t channels, const int taps, const int rows, const int tiles,
	const float *a, const float *b, const vec *held, vec start, float *out)
{
	const int64_t plane = l->plane, pitch = l->tiles;
	vec sum[ROWS][TILES_AT_ONCE];

#pragma GCC unroll 3
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
		for (int t = 0; t < tiles; t++)
			sum[r][t] = start;
	}
#pragma GCC unroll 3
	for (int64_t c = 0; c < channels; c++, a += plane, b += taps * LANES) {
		const float *from = a;
		vec w[5];

#pragma GCC unroll 5
		for (int k = 0; k < taps; k++)
			w[k] = held ? held[c * taps + k] : vload(b + k * LANES);
#pragma GCC unroll 7
		for (int y = 0; y < rows + taps - 1; y++, from += pitch) {
#pragma GCC unroll 4
			for (int t = 0; t < tiles; t++) {
				vec x = vset(from[t]);

#pragma GCC unroll 3
				for (int r = 0; r < rows; r++) {
					if (y >= r && y < r + taps)
						sum[r][t] += x * w[y - r];
				}
			}
		}
	}
#pragma GCC unroll 3
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
		for (int t = 0; t < tiles; t++)
			vstore(out + (r * pitch + t) * LANES, sum[r][t]);
	}
}

/* `rows` rows of one point. */
INLINE void lines_rows(const struct cs_lines *l, const int64_t channels, const int taps, const int rows, const float *a,
	const float *b, vec start, float *out)
{
	int64_t groups = (l->tiles + TILES_AT_ONCE - 1) / TILES_AT_ONCE, least = l->tiles / groups,
		larger = l->tiles % groups;
	const int holds = LANES == 16 && rows == ROWS && channels == 3; /* registers for all taps of all channels */
	vec taken[15];
	const vec *held = holds ? taken : NULL;

	if (holds) {
#pragma GCC unroll 15
		for (int k = 0; k < 3 * taps; k++)
			taken[k] = vload(b + k * LANES);
	}

	/* dealt out evenly: the first `larger` groups have one more */
	for (int64_t i = 0, t = 0, n; i < groups; i++, t += n) {
		n = least + (i < larger);
		switch (n) {
		case 1:
			lines_tile(l, channels, taps, rows, 1, a + t, b, held, start, out + t * LANES);
			break;
		case 2:
			lines_tile(l, channels, taps, rows, 2, a + t, b, held, start, out + t * LANES);
			break;
		case 3:
			lines_tile(l, channels, taps, rows, 3, a + t, b, held, start, out + t * LANES);
			break;
#if defined(__AVX512F__)
		case 4:
			lines_tile(l, channels, taps, rows, 4, a + t, b, held, start, out + t * LANES);
			break;
#endif
		}
	}
}

INLINE void lines_points(const struct cs_lines *l, const int64_t channels, const int taps)
{
	for (int p = 0; p < l->points; p++) {
		const float *a = l->a + p * l->point, *b = l->b + p * channels * taps * LANES;
		float *out = l->out + p * l->gap;
		vec start = p == 1 && l->start ? vload(l->start) : vset(0);
		int64_t row = 0;

		for (; row + ROWS <= l->rows; row += ROWS)
			lines_rows(l, channels, taps, ROWS, a + row * l->tiles, b, start,
				out + row * l->tiles * LANES);
		if (l->rows - row == 2)
			lines_rows(l, channels, taps, 2, a + row * l->tiles, b, start,
				out + row * l->tiles * LANES);
		else if (l->rows - row == 1)
			lines_rows(l, channels, taps, 1, a + row * l->tiles, b, start,
				out + row * l->tiles * LANES);
	}
}

static void lines(const struct cs_lines *l)
{
	/* colour pictures have their loop unrolled */
	if (l->taps == 5 && l->channels == 3)
		lines_points(l, 3, 5);
	else if (l->taps == 5)
		lines_points(l, l->channels, 5);
	else if (l->channels == 3)
		lines_points(l, 3, 3);
	else
		lines_points(l, l->channels, 3);
}

#endif
