/* conv_bands.h: what the blocked convolutions share: cutting a map into bands of rows, and what becomes of a finished band.
 *
 * A band is a range of the map's rows, with the range of rows of the fused max-pool that it completes. Bands overlap by the
 * rows that two pool windows share; those are computed twice, to the same bits. Without a map to keep, rows that no
 * window sees are left out.
 */
#ifndef CS_NN_CONV_BANDS_H
#define CS_NN_CONV_BANDS_H

#include "nn/kernels/blocked.h"
#include "nn/kernels/kernels.h"

struct cs_bands {
	const struct cs_layer *conv, *pool; /* pool may be NULL */
	bool map; /* is the map itself wanted, or what becomes of it before the pool */
	int64_t count;
	int64_t height; /* rows of the pool a band, or of the map without one */
	int64_t rows; /* rows of the map a band, at most */
};

struct cs_band {
	int64_t top, bottom; /* rows of the map, bottom one past the last */
	int64_t pool_top, pool_bottom;
};

/* Cut so that a band has about `rows` rows of the map, at least one of the pool. */
struct cs_bands cs_conv_bands(const struct cs_layer *conv, const struct cs_layer *pool, bool map, int64_t rows);
struct cs_band cs_conv_band(const struct cs_bands *bands, int64_t i);

/* Does somebody keep the map of such a pass, or that of one of its stages? */
bool cs_conv_keeps_map(const struct cs_pass *pass);

/* What stands between a pass's bias and its pool, where that is no more than one batch norm and one rectifier, in this order. */
struct cs_conv_plain {
	const struct cs_layer *norm; /* or NULL */
	const void *norm_aux;
	bool rectified;
};

/* False where it is more, or another activation. */
bool cs_conv_is_plain(const struct cs_layer *conv, const struct cs_pass *pass, struct cs_conv_plain *plain);

/* The biases, zero where there are none, to whole blocks: `width` numbers. */
void cs_conv_pack_bias(const struct cs_layer *conv, int64_t width, float *to);

/* A finished band of one feature block, cells [bottom - top][pitch][lanes], bias added: activate it, keep it, take it through the
 * stages, pool it. */
void cs_conv_emit(const struct cs_bands *bands, const struct cs_band *band, const struct cs_blocked *blocked,
	const struct cs_pass *pass, int64_t image, int64_t feature, float *cells, int64_t pitch);

/* Will the caches have lost what a pass writes before it is read, so many floats in all? */
static inline bool cs_conv_streams(int64_t floats)
{
	return floats > 1 << 20;
}

static inline int64_t cs_least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t cs_most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static inline int64_t cs_divide_up(int64_t a, int64_t b)
{
	return (a + b - 1) / b;
}

#endif
