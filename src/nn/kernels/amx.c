/* amx.c: convolutions in bfloat16 on AMX tiles. See tiles.h.
 *
 * A product keeps four tiles of sums (32 positions x 32 features) and feeds them from two tiles of positions and two of weights, so
 * that every tile that is loaded serves twice. The compiler's tile intrinsics do not say which memory they read: what is read must
 * have been written before the call.
 */
#include "nn/kernels/tiles.h"

#include <stddef.h>

#if defined(__x86_64__)

#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16")

#include <immintrin.h>

/* As LDTILECFG reads it: palette 1, eight tiles of 16 rows of 64 bytes. */
struct configuration {
	uint8_t palette, start_row, reserved[14];
	uint16_t bytes[16];
	uint8_t rows[16];
};

static const struct configuration configuration = {
	.palette = 1,
	.bytes = {64, 64, 64, 64, 64, 64, 64, 64},
	.rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

static void begin(void)
{
	_tile_loadconfig(&configuration);
}

static void end(void)
{
	_tile_release();
}

enum { CELL = CS_TILE_FEATURES * sizeof(float) }; /* bytes */

static void product(const struct cs_tile_product *p)
{
	const size_t row = (size_t)p->row * sizeof *p->a;
	int64_t r = 0;

	for (; r + 2 * CS_TILE_ROWS <= p->rows; r += 2 * CS_TILE_ROWS) {
		const uint16_t *a = p->a + r * p->row, *b = p->b;
		float *out = p->out + r * CS_TILE_FEATURES;

		_tile_loadd(0, p->start, 0);
		_tile_loadd(1, p->start + CS_TILE_FEATURES, 0);
		_tile_loadd(2, p->start, 0);
		_tile_loadd(3, p->start + CS_TILE_FEATURES, 0);
		for (int64_t t = 0; t < p->terms; t++, b += 2 * CS_TILE_WEIGHTS) {
			const uint16_t *from = a + p->offsets[t];

			_tile_loadd(6, b, 64);
			_tile_loadd(4, from, row);
			_tile_loadd(7, b + CS_TILE_WEIGHTS, 64);
			_tile_dpbf16ps(0, 4, 6);
			_tile_loadd(5, from + CS_TILE_ROWS * p->row, row);
			_tile_dpbf16ps(1, 4, 7);
			_tile_dpbf16ps(2, 5, 6);
			_tile_dpbf16ps(3, 5, 7);
		}
		_tile_stored(0, out, CELL);
		_tile_stored(1, out + p->gap, CELL);
		_tile_stored(2, out + CS_TILE_ROWS * CS_TILE_FEATURES, CELL);
		_tile_stored(3, out + p->gap + CS_TILE_ROWS * CS_TILE_FEATURES, CELL);
	}
	if (r < p->rows) {
		const uint16_t *a = p->a + r * p->row, *b = p->b;
		float *out = p->out + r * CS_TILE_FEATURES;

		_tile_loadd(0, p->start, 0);
		_tile_loadd(1, p->start + CS_TILE_FEATURES, 0);
		for (int64_t t = 0; t < p->terms; t++, b += 2 * CS_TILE_WEIGHTS) {
			_tile_loadd(4, a + p->offsets[t], row);
			_tile_loadd(6, b, 64);
			_tile_loadd(7, b + CS_TILE_WEIGHTS, 64);
			_tile_dpbf16ps(0, 4, 6);
			_tile_dpbf16ps(1, 4, 7);
		}
		_tile_stored(0, out, CELL);
		_tile_stored(1, out + p->gap, CELL);
	}
}

/* The first n of 16 lanes. */
static inline __mmask16 first(int64_t n)
{
	return n >= 16 ? (__mmask16)0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1);
}

static void round_to(const float *in, int64_t n, int64_t pixel, int64_t channels, int64_t width, uint16_t *out)
{
	for (int64_t i = 0; i < n; i++, in += pixel, out += width) {
		for (int64_t c = 0; c < width; c += CS_TILE_CHANNELS) {
			__m512 low = _mm512_maskz_loadu_ps(first(channels - c), in + c);
			__m512 high = _mm512_maskz_loadu_ps(first(channels - c - 16), in + c + 16);

			_mm512_storeu_si512(out + c, (__m512i)_mm512_cvtne2ps_pbh(high, low));
		}
	}
}

static void widen(
	const uint16_t *from, int64_t n, int64_t step, int64_t width, int64_t tail, uint16_t *to, int64_t row)
{
	int64_t whole = (width - 1) / CS_TILE_CHANNELS * CS_TILE_CHANNELS;
	__mmask32 rest = (__mmask32)((1ull << (width - whole)) - 1), zeros = (__mmask32)((1ull << tail) - 1);

	for (int64_t i = 0; i < n; i++, from += step, to += row) {
		for (int64_t k = 0; k < whole; k += CS_TILE_CHANNELS)
			_mm512_storeu_si512(to + k, _mm512_loadu_si512(from + k));
		_mm512_mask_storeu_epi16(to + whole, rest, _mm512_maskz_loadu_epi16(rest, from + whole));
		if (zeros)
			_mm512_mask_storeu_epi16(to + width, zeros, _mm512_setzero_si512());
	}
}

static void weights(const float *from, int64_t row, int64_t channels, int64_t features, uint16_t *to)
{
	__mmask16 valid = first(features);

	for (int64_t c = 0; c < CS_TILE_CHANNELS; c += 2, to += 2 * CS_TILE_FEATURES) {
		__m512 even = _mm512_maskz_loadu_ps(c < channels ? valid : 0, from + c * row);
		__m512 odd = _mm512_maskz_loadu_ps(c + 1 < channels ? valid : 0, from + (c + 1) * row);
		__m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
		__m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));

		_mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
	}
}

static const struct cs_tiles tiles = {
	.begin = begin,
	.end = end,
	.product = product,
	.round = round_to,
	.widen = widen,
	.weights = weights,
};

const struct cs_tiles *cs_tiles(void)
{
	return &tiles;
}

#else

const struct cs_tiles *cs_tiles(void)
{
	return NULL;
}

#endif
