/* dropout_body.h: dropout's masks, eight or four blocks of the random stream (core/random.c) at a time, and their application. */
#ifndef CS_NN_KERNELS_DROPOUT_BODY_H
#define CS_NN_KERNELS_DROPOUT_BODY_H

#include "nn/kernels/kernels.h"
#include "nn/kernels/vector.h"

#include <string.h>

/* Philox 4x32-10 with a block a 64-bit lane, and of each number of a block the lower half of the lane. */
INLINE void philox_blocks(const uint32_t key_in[2], vlong x[4])
{
	uint32_t key[2] = {key_in[0], key_in[1]};

#pragma GCC unroll 10
	for (int round = 0; round < 10; round++) {
		vlong a = vlong_times(x[0], 0xD2511F53u), b = vlong_times(x[2], 0xCD9E8D57u);
		vlong y0 = (b >> 32) ^ x[1] ^ (uint64_t)key[0], y2 = (a >> 32) ^ x[3] ^ (uint64_t)key[1];

		x[1] = b;
		x[3] = a;
		x[0] = y0;
		x[2] = y2;
		key[0] += 0x9E3779B9u;
		key[1] += 0xBB67AE85u;
	}
}

static void dropout_mask(const struct cs_random *stream, uint32_t threshold, int64_t n, uint8_t *keep)
{
	enum { BLOCKS = LANES / 2, BYTES = BLOCKS * 8 };
	vlong first;

	for (int i = 0; i < BLOCKS; i++)
		first[i] = (uint64_t)i;
	for (int64_t i = 0; i < n; i += BYTES) {
		vlong x[4], bytes = first ^ first;

		x[0] = first + (uint64_t)(i / 8);
		for (int j = 1; j < 4; j++)
			x[j] = (first ^ first) + (uint64_t)stream->counter[j];
		philox_blocks(stream->key, x);
#pragma GCC unroll 8
		for (int half = 0; half < 8; half++) {
			vlong value = (x[half / 2] >> (half % 2 * 16)) & 0xffff;

			/* the difference is negative where it is dropped */
			bytes |= (((value - (uint64_t)threshold) >> 63) ^ 1) << (half * 8);
		}
		memcpy(keep + i, &bytes, (size_t)(n - i < BYTES ? n - i : BYTES));
	}
}

static void dropout(const uint8_t *keep, float factor, const float *from, float *to, int64_t n)
{
	int64_t i = 0;

	for (; i + LANES <= n; i += LANES)
		vstore(to + i, vchoose(vkept(keep + i), vload(from + i) * factor, vset(0)));
	for (; i < n; i++)
		to[i] = keep[i] ? from[i] * factor : 0;
}

#endif
