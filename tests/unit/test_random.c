/* Random streams: reproducible, distinct, and distributed as promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/random.h"

#include <math.h>
#include <string.h>

/* The published known answers of Philox 4x32-10 for counter and key of zeros: the generator is the one that was analysed. */
static void philox_gives_its_published_numbers(void **state)
{
	struct cs_random random = {.left = 0};
	static const uint32_t zeros[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
	static const uint32_t ones[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(cs_random_u32(&random), zeros[i]);
	memset(&random, 0xff, sizeof random);
	random.left = 0;
	for (int i = 0; i < 4; i++)
		assert_int_equal(cs_random_u32(&random), ones[i]);
}

static void a_stream_is_what_its_name_says(void **state)
{
	struct cs_random a, b;

	(void)state;
	cs_random_init(&a, 42, CS_RANDOM_AUGMENT, 3, 17);
	for (int i = 0; i < 1000; i++)
		cs_random_u32(&a);
	cs_random_init(&a, 42, CS_RANDOM_AUGMENT, 3, 17);
	cs_random_init(&b, 42, CS_RANDOM_AUGMENT, 3, 17);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(cs_random_u32(&a), cs_random_u32(&b));
}

static void every_part_of_the_name_matters(void **state)
{
	const struct {
		uint64_t seed;
		enum cs_purpose purpose;
		uint32_t epoch;
		uint64_t index;
	} names[] = {
		{1, CS_RANDOM_SHUFFLE, 0, 0},
		{2, CS_RANDOM_SHUFFLE, 0, 0},
		{1ull << 40 | 1, CS_RANDOM_SHUFFLE, 0, 0},
		{1, CS_RANDOM_AUGMENT, 0, 0},
		{1, CS_RANDOM_SHUFFLE, 1, 0},
		{1, CS_RANDOM_SHUFFLE, 0, 1},
		{1, CS_RANDOM_SHUFFLE, 0, 1ull << 32},
	};
	enum { N = sizeof names / sizeof *names };
	uint32_t first[N][4];

	(void)state;
	for (int i = 0; i < N; i++) {
		struct cs_random random;

		cs_random_init(&random, names[i].seed, names[i].purpose, names[i].epoch, names[i].index);
		for (int k = 0; k < 4; k++)
			first[i][k] = cs_random_u32(&random);
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(first[i], first[j], sizeof *first);
	}
}

static void uniform_numbers_fill_their_range_evenly(void **state)
{
	enum { N = 200000, BINS = 20 };
	struct cs_random random;
	int bins[BINS] = {0};
	double chi = 0;

	(void)state;
	cs_random_init(&random, 1, CS_RANDOM_USER, 0, 0);
	for (int i = 0; i < N; i++) {
		float x = cs_random_uniform(&random);

		assert_true(x >= 0 && x < 1);
		bins[(int)(x * BINS)]++;
	}
	for (int i = 0; i < BINS; i++)
		chi += pow(bins[i] - (double)N / BINS, 2) / ((double)N / BINS);
	assert_true(chi < 50); /* 19 degrees of freedom: exceeded once in 7,000 */
	for (int i = 0; i < 1000; i++) {
		float x = cs_random_between(&random, -3, 2);

		assert_true(x >= -3 && x < 2);
	}
}

static void numbers_below_a_bound_are_unbiased(void **state)
{
	enum { N = 210000, BOUND = 7 };
	struct cs_random random;
	int bins[BOUND] = {0};
	double chi = 0;

	(void)state;
	cs_random_init(&random, 1, CS_RANDOM_USER, 0, 1);
	for (int i = 0; i < N; i++) {
		uint32_t x = cs_random_below(&random, BOUND);

		assert_true(x < BOUND);
		bins[x]++;
	}
	for (int i = 0; i < BOUND; i++)
		chi += pow(bins[i] - (double)N / BOUND, 2) / ((double)N / BOUND);
	assert_true(chi < 25); /* 6 degrees of freedom */
	assert_int_equal(cs_random_below(&random, 1), 0);
	for (int i = 0; i < 1000; i++)
		assert_true(cs_random_below(&random, 0xc0000001u) < 0xc0000001u);
}

static void normal_numbers_have_their_moments(void **state)
{
	enum { N = 200000 };
	struct cs_random random;
	double moment[5] = {0};

	(void)state;
	cs_random_init(&random, 1, CS_RANDOM_USER, 0, 2);
	for (int i = 0; i < N; i++) {
		double x = (double)cs_random_normal(&random);

		assert_true(isfinite(x));
		for (int k = 1; k < 5; k++)
			moment[k] += pow(x, k) / N;
	}
	assert_true(fabs(moment[1]) < 0.012); /* five standard errors each */
	assert_true(fabs(moment[2] - 1) < 0.016);
	assert_true(fabs(moment[3]) < 0.044);
	assert_true(fabs(moment[4] - 3) < 0.11);
}

static void a_shuffle_keeps_every_item_and_favours_no_place(void **state)
{
	enum { N = 5, ROUNDS = 50000 };
	int counts[N][N] = {{0}};
	double chi = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct cs_random random;
		int64_t items[N];
		unsigned seen = 0;

		cs_random_init(&random, 1, CS_RANDOM_SHUFFLE, (uint32_t)round, 0);
		for (int i = 0; i < N; i++)
			items[i] = i;
		cs_random_shuffle(&random, items, N);
		for (int i = 0; i < N; i++) {
			seen |= 1u << items[i];
			counts[items[i]][i]++;
		}
		assert_int_equal(seen, (1u << N) - 1);
	}
	for (int i = 0; i < N; i++) {
		for (int k = 0; k < N; k++)
			chi += pow(counts[i][k] - (double)ROUNDS / N, 2) / ((double)ROUNDS / N);
	}
	assert_true(chi < 45); /* 16 degrees of freedom */
	cs_random_shuffle(&(struct cs_random){0}, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(philox_gives_its_published_numbers),
		cmocka_unit_test(a_stream_is_what_its_name_says),
		cmocka_unit_test(every_part_of_the_name_matters),
		cmocka_unit_test(uniform_numbers_fill_their_range_evenly),
		cmocka_unit_test(numbers_below_a_bound_are_unbiased),
		cmocka_unit_test(normal_numbers_have_their_moments),
		cmocka_unit_test(a_shuffle_keeps_every_item_and_favours_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
