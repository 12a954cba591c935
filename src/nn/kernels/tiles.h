/* tiles.h: the inner loops of convolutions in bfloat16, on the matrix tiles of a processor that has them (AMX).
 *
 * A tile is a register of 16 rows of 64 bytes. One instruction multiplies a tile of 16 positions x 32 channels with one of 32 channels
 * x 16 features and adds the products, in float32, to a tile of 16 x 16 sums. Factors are bfloat16: a float32 whose last 16 bits have
 * been rounded off (to the nearest, ties to even), which leaves 8 binary digits. Numbers below 2^-126 count as 0.
 *
 * Weights stand as the instruction wants them, pairs of channels side by side: [16 pairs][16 features][2], 1 KB a tile.
 */
#ifndef CS_NN_KERNELS_TILES_H
#define CS_NN_KERNELS_TILES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CS_TILE_ROWS = 16, /* positions, or pairs of channels */
	CS_TILE_CHANNELS = 32,
	CS_TILE_FEATURES = 16,
	CS_TILE_WEIGHTS = CS_TILE_CHANNELS * CS_TILE_FEATURES, /* numbers in a tile of weights */
};

/* For each position r and feature n of two neighbouring blocks of 16:
 *   out[n / 16][r][n % 16] = start[n] + sum over terms t and channels i < 32 of a[offsets[t] + r * row + i] * b[t][n / 16][i][n % 16] */
struct cs_tile_product {
	int64_t rows; /* a multiple of CS_TILE_ROWS */
	int64_t terms;
	const uint16_t *a;
	int64_t row; /* numbers from position to position: a multiple of 32 */
	const int64_t *offsets; /* [terms] */
	const uint16_t *b; /* [terms][2] tiles of weights */
	const float *start; /* [2 * 16] */
	float *out;
	int64_t gap; /* from the first block's sums to the second's */
};

struct cs_tiles {
	/* A thread sets its tiles up before it multiplies, and lets go of them afterwards, so that the system has less to save. */
	void (*begin)(void);
	void (*end)(void);

	void (*product)(const struct cs_tile_product *product);

	/* n positions of `channels` numbers, `pixel` floats apart, to rows of `width` bfloat16 with zeros behind them. width is a
	 * multiple of 32. */
	void (*round)(const float *in, int64_t n, int64_t pixel, int64_t channels, int64_t width, uint16_t *out);

	/* n windows of one row: to[i * row + k] = from[i * step + k] for k < width, and `tail` < 32 zeros behind them. */
	void (*widen)(
		const uint16_t *from, int64_t n, int64_t step, int64_t width, int64_t tail, uint16_t *to, int64_t row);

	/* A tile of weights from `channels` <= 32 rows of `features` <= 16 numbers, `row` floats apart. */
	void (*weights)(const float *from, int64_t row, int64_t channels, int64_t features, uint16_t *to);
};

/* NULL where the program was not compiled for such a processor. Whether this one has tiles is cs_cpu_take_amx()'s to say. */
const struct cs_tiles *cs_tiles(void);

#endif
