/* random.c: Philox 4x32-10 streams. See random.h. */
#include "core/random.h"

#include <math.h>

static const uint32_t multiplier[2] = {0xD2511F53u, 0xCD9E8D57u};
static const uint32_t weyl[2] = {0x9E3779B9u, 0xBB67AE85u};

static void philox(const uint32_t key_in[2], const uint32_t counter[4], uint32_t out[4])
{
	uint32_t key[2] = {key_in[0], key_in[1]};
	uint32_t x[4] = {counter[0], counter[1], counter[2], counter[3]};

	for (int round = 0; round < 10; round++) {
		uint64_t a = (uint64_t)multiplier[0] * x[0];
		uint64_t b = (uint64_t)multiplier[1] * x[2];
		uint32_t y0 = (uint32_t)(b >> 32) ^ x[1] ^ key[0];
		uint32_t y2 = (uint32_t)(a >> 32) ^ x[3] ^ key[1];

		x[1] = (uint32_t)b;
		x[3] = (uint32_t)a;
		x[0] = y0;
		x[2] = y2;
		key[0] += weyl[0];
		key[1] += weyl[1];
	}
	for (int i = 0; i < 4; i++)
		out[i] = x[i];
}

/* The key holds seed and purpose; the counter holds epoch, index (48 bits) and the position in the stream. */
void cs_random_init(struct cs_random *random, uint64_t seed, enum cs_purpose purpose, uint32_t epoch, uint64_t index)
{
	random->key[0] = (uint32_t)seed;
	random->key[1] = (uint32_t)(seed >> 32) ^ ((uint32_t)purpose * 0x85EBCA6Bu);
	random->counter[0] = 0;
	random->counter[1] = epoch;
	random->counter[2] = (uint32_t)index;
	random->counter[3] = (uint32_t)(index >> 32);
	random->left = 0;
}

uint32_t cs_random_u32(struct cs_random *random)
{
	if (random->left == 0) {
		philox(random->key, random->counter, random->out);
		random->counter[0]++;
		random->left = 4;
	}
	return random->out[4 - random->left--];
}

float cs_random_uniform(struct cs_random *random)
{
	return (float)(cs_random_u32(random) >> 8) * 0x1p-24f;
}

float cs_random_between(struct cs_random *random, float low, float high)
{
	return low + (high - low) * cs_random_uniform(random);
}

uint32_t cs_random_below(struct cs_random *random, uint32_t n)
{
	uint32_t limit = UINT32_MAX - UINT32_MAX % n;
	uint32_t word;

	do
		word = cs_random_u32(random);
	while (word >= limit);
	return word % n;
}

float cs_random_normal(struct cs_random *random)
{
	double u = ((double)cs_random_u32(random) + 0.5) * 0x1p-32;
	double v = (double)cs_random_u32(random) * 0x1p-32;

	return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

void cs_random_shuffle(struct cs_random *random, int64_t *items, int64_t n)
{
	for (int64_t i = n - 1; i > 0; i--) {
		int64_t j = (int64_t)cs_random_below(random, (uint32_t)(i + 1));
		int64_t item = items[i];

		items[i] = items[j];
		items[j] = item;
	}
}
