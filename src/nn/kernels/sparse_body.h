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

static void live_count(const float *gradient, int64_t cells, int64_t features, int64_t valid, uint32_t *counts)
{
	vcell count = vcell_set(0);
	uint32_t all[LANES];

	for (int64_t q = 0; q < cells; q++)
		count = vcell_count(count, vload_part(gradient + q * features, valid));
	memcpy(all, &count, sizeof all);
	memcpy(counts, all, (size_t)valid * sizeof *counts);
}

static int64_t live_total(const float *gradient, int64_t n)
{
	int64_t live = 0, i = 0;

	for (; i + LANES <= n; i += LANES)
		live += __builtin_popcount(vlive(vload(gradient + i)));
	if (i < n)
		live += __builtin_popcount(vlive(vload_part(gradient + i, n - i)));
	return live;
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

INLINE void scatter_one(const int rows, const int columns, const struct cs_live *live, const struct cs_live *end,
	const float *taps, int64_t tap_row, float *map, int64_t row)
{
	vec w[16];

#pragma GCC unroll 5
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (int c = 0; c < columns; c++)
			w[r * columns + c] = vload(taps + r * tap_row + c * LANES);
	}
	for (; live < end; live++) {
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

INLINE void collect_one(const int rows, const int columns, const struct cs_live *live, const struct cs_live *end,
	float *taps, int64_t tap_row, const float *map, int64_t row)
{
	vec sum[16];

#pragma GCC unroll 5
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
		for (int c = 0; c < columns; c++)
			sum[r * columns + c] = vload(taps + r * tap_row + c * LANES);
	}
	for (; live < end; live++) {
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

/* A piece of the taps for all features, where a feature's list is not empty. */
INLINE void scatter_piece(const struct cs_lists *l, const int rows, const int columns, const float *taps, float *map)
{
	int64_t size = (int64_t)l->rows * l->columns * LANES, tap_row = l->columns * LANES, row = l->row;

	for (int64_t k = 0; k < l->features; k++, taps += size) {
		const struct cs_live *live = l->live + l->heads[k], *end = l->live + l->heads[k + 1];

		if (live < end)
			scatter_one(rows, columns, live, end, taps, tap_row, map, row);
	}
}

INLINE void collect_piece(const struct cs_lists *l, const int rows, const int columns, float *taps, const float *map)
{
	int64_t size = (int64_t)l->rows * l->columns * LANES, tap_row = l->columns * LANES, row = l->row, asked = 0;

	for (int64_t k = 0; k < l->features; k++, taps += size) {
		const struct cs_live *live = l->live + l->heads[k], *end = l->live + l->heads[k + 1];

		/* a few at a time, or they queue */
		for (int64_t until = l->wanted * (k + 1) / l->features; asked < until; asked++)
			__builtin_prefetch(l->ahead + asked * l->apart, 0, 2);
		if (live < end)
			collect_one(rows, columns, live, end, taps, tap_row, map, row);
	}
}

/* Pieces of the taps that fit the registers: 3x3 where the kernel is wide, 5x1 where it is one column. */
#define PIECES(piece) \
	int most = l->columns == 1 ? 5 : 3; \
\
	for (int r = 0; r < l->rows; r += most) { \
		for (int c = 0; c < l->columns; c += 3) { \
			int rows = l->rows - r < most ? l->rows - r : most; \
			int columns = l->columns - c < 3 ? l->columns - c : 3; \
			int64_t tap = ((int64_t)r * l->columns + c) * LANES, cell = r * l->row + c * LANES; \
\
			switch (columns * 8 + rows) { \
			case 8 + 1: \
				piece(l, 1, 1, taps + tap, map + cell); \
				break; \
			case 8 + 2: \
				piece(l, 2, 1, taps + tap, map + cell); \
				break; \
			case 8 + 3: \
				piece(l, 3, 1, taps + tap, map + cell); \
				break; \
			case 8 + 4: \
				piece(l, 4, 1, taps + tap, map + cell); \
				break; \
			case 8 + 5: \
				piece(l, 5, 1, taps + tap, map + cell); \
				break; \
			case 16 + 1: \
				piece(l, 1, 2, taps + tap, map + cell); \
				break; \
			case 16 + 2: \
				piece(l, 2, 2, taps + tap, map + cell); \
				break; \
			case 16 + 3: \
				piece(l, 3, 2, taps + tap, map + cell); \
				break; \
			case 24 + 1: \
				piece(l, 1, 3, taps + tap, map + cell); \
				break; \
			case 24 + 2: \
				piece(l, 2, 3, taps + tap, map + cell); \
				break; \
			default: \
				piece(l, 3, 3, taps + tap, map + cell); \
			} \
		} \
	}

static void scatter(const struct cs_lists *l, const float *taps, float *map)
{
	PIECES(scatter_piece)
}

static void collect(const struct cs_lists *l, float *taps, const float *map)
{
	PIECES(collect_piece)
}

#undef PIECES

static void widen(const float *row, int64_t step, int64_t n, int64_t width, float *out)
{
	for (int64_t i = 0; i < n; i++, row += step) {
		for (int64_t k = 0; k < width; k += LANES, out += LANES)
			vstore(out, vload_part(row + k, width - k < LANES ? width - k : LANES));
	}
}

/* n cells of `lanes` neighbouring features, `rows` rows of one vector. */
INLINE void cells_piece(const int rows, const int lanes, const float *values, const int32_t *places, int64_t n,
	const float *map, int64_t row, float *sums, int64_t feature, int64_t tap_row)
{
	vec sum[2][5];

#pragma GCC unroll 2
	for (int l = 0; l < lanes; l++) {
#pragma GCC unroll 5
		for (int r = 0; r < rows; r++)
			sum[l][r] = vload(sums + l * feature + r * tap_row);
	}
	for (int64_t i = 0; i < n; i++, values += LANES, places += LANES) {
#pragma GCC unroll 2
		for (int l = 0; l < lanes; l++) {
			vec value = vset(values[l]);
			const float *from = map + places[l];

#pragma GCC unroll 5
			for (int r = 0; r < rows; r++)
				sum[l][r] += value * vload(from + r * row);
		}
	}
#pragma GCC unroll 2
	for (int l = 0; l < lanes; l++) {
#pragma GCC unroll 5
		for (int r = 0; r < rows; r++)
			vstore(sums + l * feature + r * tap_row, sum[l][r]);
	}
}

INLINE void cells_rows(const int lanes, int rows, const float *values, const int32_t *places, int64_t n,
	const float *map, int64_t row, float *sums, int64_t feature, int64_t tap_row)
{
	for (; rows > 0; rows -= 5, map += 5 * row, sums += 5 * tap_row) {
		switch (rows) {
		case 1:
			cells_piece(1, lanes, values, places, n, map, row, sums, feature, tap_row);
			break;
		case 2:
			cells_piece(2, lanes, values, places, n, map, row, sums, feature, tap_row);
			break;
		case 3:
			cells_piece(3, lanes, values, places, n, map, row, sums, feature, tap_row);
			break;
		case 4:
			cells_piece(4, lanes, values, places, n, map, row, sums, feature, tap_row);
			break;
		default:
			cells_piece(5, lanes, values, places, n, map, row, sums, feature, tap_row);
		}
	}
}

static void collect_cells(const float *gradient, const float *outputs, const cs_switch *switches, int64_t cells,
	int64_t features, int64_t valid, const int32_t *columns, const int32_t *within, int64_t window, int rows,
	int vectors, const float *map, int64_t row, float *sums, double *totals)
{
	enum { AT_ONCE = 32 };
	float values[AT_ONCE * LANES];
	int32_t places[AT_ONCE * LANES];
	int64_t tap_row = vectors * LANES, feature = rows * tap_row;
	vec total = vset(0);
	float all[LANES];

	for (int64_t first = 0; first < cells; first += AT_ONCE) {
		int64_t n = cells - first < AT_ONCE ? cells - first : AT_ONCE;

		for (int64_t q = 0; q < n; q++) {
			int64_t at = (first + q) * features;
			vec g = vload_part(gradient + at, valid);

			if (outputs)
				g = vpositive(vload_part(outputs + at, valid), g);
			total += g;
			vstore(values + q * LANES, g);
			vcell_places(within, window, vcell_load(switches + at, valid), columns[first + q],
				places + q * LANES);
		}
		for (int64_t v = 0; v < vectors; v++) {
			int64_t lane = 0, asked = v > 0 ? n : 0;

			for (; lane + 2 <= valid; lane += 2) {
				/* the next features' are so far apart that nobody else asks for them; a few at a time, or they queue */
				for (int64_t end = n * (lane + 2) / valid; asked < end; asked++) {
					int64_t at = (first + asked) * features;

					__builtin_prefetch(gradient + at + LANES);
					if (outputs)
						__builtin_prefetch(outputs + at + LANES);
					__builtin_prefetch(switches + at + 2 * LANES);
				}
				cells_rows(2, rows, values + lane, places + lane, n, map + v * LANES, row,
					sums + lane * feature + v * LANES, feature, tap_row);
			}
			if (lane < valid)
				cells_rows(1, rows, values + lane, places + lane, n, map + v * LANES, row,
					sums + lane * feature + v * LANES, feature, tap_row);
		}
	}
	vstore(all, total);
	for (int64_t i = 0; i < valid; i++)
		totals[i] += (double)all[i];
}

#endif
