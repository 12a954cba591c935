/* sparse_body.h: gradients that came back through a max-pool: at most one live cell a window and channel, mostly fewer.
 *
 * The live cells of a feature are listed once; then every list entry costs one product a tap and block of channels, the taps'
 * vectors staying in registers for a whole list.
 */
#ifndef CS_NN_KERNELS_SPARSE_BODY_H
#define CS_NN_KERNELS_SPARSE_BODY_H

#include "nn/kernels/blocked.h"
#include "nn/kernels/vector.h"

#include <string.h>

/* Cells of one block lie a whole cell of channels apart, too far for the processor to foresee: so many are asked for ahead. */
enum { AHEAD = 16 };

static void live_count(const float *gradient, int64_t cells, int64_t features, int64_t valid, uint32_t *counts)
{
	vcell count = vcell_set(0);
	uint32_t all[LANES];

	for (int64_t q = 0; q < cells; q++)
		count = vcell_count(count, vload_part(gradient + q * features, valid));
	memcpy(all, &count, sizeof all);
	memcpy(counts, all, (size_t)valid * sizeof *counts);
}

static void live_list(const float *gradient, const cs_switch *switches, int64_t cells, int64_t features, int64_t valid,
	const uint32_t *order, const int32_t *base, const int32_t *within, struct cs_live *const *lists)
{
	struct cs_live *next[LANES];

	for (int64_t i = 0; i < valid; i++)
		next[i] = lists[i];
	for (int64_t k = 0; k < cells; k++) {
		int64_t q = order[k];
		const float *g = gradient + q * features;
		const cs_switch *cell = switches + q * features;
		unsigned live = vlive(vload_part(g, valid));

		for (; live; live &= live - 1) {
			int i = __builtin_ctz(live);

			*next[i]++ = (struct cs_live){(uint32_t)(base[q] + within[cell[i]]), g[i]};
		}
	}
}

INLINE void scatter_one(const int rows, const int columns, const struct cs_live *live, int64_t n, const float *taps,
	int64_t tap_row, float *map, int64_t row)
{
	vec w[16];

#pragma GCC unroll 5
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (int c = 0; c < columns; c++)
			w[r * columns + c] = vload(taps + r * tap_row + c * LANES);
	}
	for (const struct cs_live *end = live + n; live < end; live++) {
		vec value = vset(live->value);
		float *to = map + live->offset;

#pragma GCC unroll 5
		for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
			for (int c = 0; c < columns; c++)
				vstore(to + r * row + c * LANES,
					vload(to + r * row + c * LANES) + value * w[r * columns + c]);
		}
	}
}

INLINE void collect_one(const int rows, const int columns, const struct cs_live *live, int64_t n, float *taps,
	int64_t tap_row, const float *map, int64_t row)
{
	vec sum[16];

#pragma GCC unroll 5
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (int c = 0; c < columns; c++)
			sum[r * columns + c] = vload(taps + r * tap_row + c * LANES);
	}
	for (const struct cs_live *end = live + n; live < end; live++) {
		vec value = vset(live->value);
		const float *from = map + live->offset;

#pragma GCC unroll 5
		for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
			for (int c = 0; c < columns; c++)
				sum[r * columns + c] += value * vload(from + r * row + c * LANES);
		}
	}
#pragma GCC unroll 5
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (int c = 0; c < columns; c++)
			vstore(taps + r * tap_row + c * LANES, sum[r * columns + c]);
	}
}

static void live_block(const float *gradient, const cs_switch *switches, int64_t cells, int64_t features, int64_t valid,
	const int32_t *base, const int32_t *within, float *values, int32_t *offsets)
{
	for (int64_t q = 0; q < cells; q++, values += LANES, offsets += LANES) {
		__builtin_prefetch(gradient + (q + AHEAD) * features);
		__builtin_prefetch(switches + (q + AHEAD) * features);
		vstore(values, vload_part(gradient + q * features, valid));
		vcell_places(within, vcell_load(switches + q * features, valid), base[q], offsets);
	}
}

INLINE void collect_block_one(const int rows, const int columns, const float *values, const int32_t *offsets, int64_t n,
	float *taps, int64_t tap_row, const float *map, int64_t row)
{
	vec sum[16];

#pragma GCC unroll 5
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (int c = 0; c < columns; c++)
			sum[r * columns + c] = vload(taps + r * tap_row + c * LANES);
	}
	for (int64_t i = 0; i < n; i++) {
		vec value = vset(values[i * LANES]);
		const float *from = map + offsets[i * LANES];

#pragma GCC unroll 5
		for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
			for (int c = 0; c < columns; c++)
				sum[r * columns + c] += value * vload(from + r * row + c * LANES);
		}
	}
#pragma GCC unroll 5
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (int c = 0; c < columns; c++)
			vstore(taps + r * tap_row + c * LANES, sum[r * columns + c]);
	}
}

#define SIZES(call) \
	switch (columns * 8 + rows) { \
	case 8 + 1: \
		call(1, 1); \
		break; \
	case 8 + 2: \
		call(2, 1); \
		break; \
	case 8 + 3: \
		call(3, 1); \
		break; \
	case 8 + 4: \
		call(4, 1); \
		break; \
	case 8 + 5: \
		call(5, 1); \
		break; \
	case 16 + 1: \
		call(1, 2); \
		break; \
	case 16 + 2: \
		call(2, 2); \
		break; \
	case 16 + 3: \
		call(3, 2); \
		break; \
	case 24 + 1: \
		call(1, 3); \
		break; \
	case 24 + 2: \
		call(2, 3); \
		break; \
	case 24 + 3: \
		call(3, 3); \
		break; \
	}

static void scatter(const struct cs_live *live, int64_t n, int rows, int columns, const float *taps, int64_t tap_row,
	float *map, int64_t row)
{
#define CALL(r, c) scatter_one(r, c, live, n, taps, tap_row, map, row)
	SIZES(CALL)
#undef CALL
}

static void collect(const struct cs_live *live, int64_t n, int rows, int columns, float *taps, int64_t tap_row,
	const float *map, int64_t row)
{
#define CALL(r, c) collect_one(r, c, live, n, taps, tap_row, map, row)
	SIZES(CALL)
#undef CALL
}

static void collect_block(const float *values, const int32_t *offsets, int64_t n, int rows, int columns, float *taps,
	int64_t tap_row, const float *map, int64_t row)
{
#define CALL(r, c) collect_block_one(r, c, values, offsets, n, taps, tap_row, map, row)
	SIZES(CALL)
#undef CALL
}

#endif
