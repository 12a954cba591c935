/* test_measure_statistics.c: intervals that cover, tests that reject what they should and no more, adjusted p-values by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/random.h"
#include "measure/statistics.h"

#include <math.h>
#include <string.h>

static void normal(uint64_t stream, float mean, float *out, int n)
{
	struct cs_random random;

	cs_random_init(&random, 7, CS_RANDOM_USER, 0, stream);
	for (int i = 0; i < n; i++)
		out[i] = mean + cs_random_normal(&random);
}

static void intervals_cover_the_mean_about_as_often_as_promised(void **state)
{
	int covered = 0;

	(void)state;
	for (int t = 0; t < 300; t++) {
		struct cs_interval x;
		float values[60];

		normal((uint64_t)t, 3, values, 60);
		assert_int_equal(cs_statistics_bootstrap(values, 60, 1, 300, 0.9, (uint64_t)t, &x, NULL), CS_OK);
		assert_true(x.low <= x.mean && x.mean <= x.high);
		covered += x.low <= 3 && 3 <= x.high;
	}
	assert_in_range(covered, 247,
		288); /* 270 of 300, give or take 3.5 deviations, percentile intervals being a little narrow */
}

static void an_interval_is_as_wide_as_the_standard_error_says(void **state)
{
	float values[400];
	struct cs_interval x;

	(void)state;
	normal(1, 0, values, 400);
	assert_int_equal(cs_statistics_bootstrap(values, 400, 1, 2000, 0.95, 0, &x, NULL), CS_OK);
	assert_true(fabs((x.high - x.low) / (2 * 1.96 / 20) - 1) < 0.15);
}

static void equal_seeds_give_equal_bits_and_others_do_not(void **state)
{
	struct cs_interval a, b, c;
	float values[30];

	(void)state;
	normal(2, 0, values, 30);
	cs_statistics_bootstrap(values, 30, 1, 100, 0.95, 5, &a, NULL);
	cs_statistics_bootstrap(values, 30, 1, 100, 0.95, 5, &b, NULL);
	cs_statistics_bootstrap(values, 30, 1, 100, 0.95, 6, &c, NULL);
	assert_memory_equal(&a, &b, sizeof a);
	assert_true(a.low != c.low);
}

static void missing_values_are_left_out(void **state)
{
	const float values[8] = {1, NAN, 1, NAN, NAN, NAN, 1, NAN}; /* [4,2] */
	struct cs_interval x[2];
	struct cs_paired p[2];

	(void)state;
	assert_int_equal(cs_statistics_bootstrap(values, 4, 2, 50, 0.95, 0, x, NULL), CS_OK);
	assert_true(x[0].mean == 1 && x[0].low == 1 && x[0].high == 1);
	assert_true(isnan(x[1].mean) && isnan(x[1].low) && isnan(x[1].high));
	assert_int_equal(cs_statistics_paired(values, 4, 2, 50, 0, p, NULL), CS_OK);
	assert_true(p[0].mean == 1 && isnan(p[1].p));
}

static void a_paired_test_rejects_a_true_null_as_often_as_its_level(void **state)
{
	int rejected = 0;

	(void)state;
	for (int t = 0; t < 400; t++) {
		struct cs_paired x;
		float values[20];

		normal(1000 + (uint64_t)t, 0, values, 20);
		assert_int_equal(cs_statistics_paired(values, 20, 1, 199, (uint64_t)t, &x, NULL), CS_OK);
		rejected += x.p <= 0.05;
	}
	assert_in_range(rejected, 5, 36); /* 20 of 400, deviation 4.4 */
}

static void a_paired_test_agrees_with_all_sign_changes_of_three_pairs(void **state)
{
	const float values[3] = {1, 2, 3}; /* of 8 sign changes only +++ and --- are as far from 0: p = 1/4 */
	struct cs_paired x;

	(void)state;
	assert_int_equal(cs_statistics_paired(values, 3, 1, 20000, 1, &x, NULL), CS_OK);
	assert_true(fabs(x.p - 0.25) < 0.015);
	assert_true(x.mean == 2 && fabs(x.effect - 2) < 1e-9);
}

static void ranks_by_hand(void **state)
{
	const float a[4] = {1, 2, 2, 5}, b[3] = {2, 6, NAN};
	struct cs_ranks x;

	(void)state;
	/* pairs (a above b, ties half): against 2: 0, .5, .5, 1; against 6: none; of 8 */
	assert_int_equal(cs_statistics_mann_whitney(a, 4, b, 3, &x, NULL), CS_OK);
	assert_true(fabs(x.area - 0.25) < 1e-12);
	assert_true(x.p > 0.3 && x.p <= 1);
	assert_int_equal(cs_statistics_mann_whitney(a, 4, b, 0, &x, NULL), CS_OK);
	assert_true(x.p == 1 && isnan(x.area));
}

static void rank_tests_see_a_shift_and_none_where_there_is_none(void **state)
{
	float a[50], b[50];
	struct cs_ranks x;

	(void)state;
	normal(11, 1, a, 50);
	normal(12, 0, b, 50);
	cs_statistics_mann_whitney(a, 50, b, 50, &x, NULL);
	assert_true(x.p < 1e-3 && x.area > 0.65);
	cs_statistics_mann_whitney(a, 50, a, 50, &x, NULL);
	assert_true(x.p == 1 && x.area == 0.5);
}

static void adjusted_p_values_by_hand(void **state)
{
	const double p[6] = {0.04, 0.01, NAN, 0.03, 0.5, 0.02};
	const double expected[6] = {0.05, 0.05, NAN, 0.05, 0.5, 0.05};
	double q[6];

	(void)state;
	assert_int_equal(cs_statistics_fdr(p, 6, q, NULL), CS_OK);
	for (int i = 0; i < 6; i++)
		assert_true(isnan(expected[i]) ? isnan(q[i]) : fabs(q[i] - expected[i]) < 1e-12);
}

static void bad_options_are_refused_in_words(void **state)
{
	struct cs_interval x;
	struct cs_error error;
	float value = 1;

	(void)state;
	assert_int_equal(cs_statistics_bootstrap(&value, 0, 1, 100, 0.95, 0, &x, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_statistics_bootstrap(&value, 1, 1, 5, 0.95, 0, &x, &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "5 resamples"));
	assert_int_equal(cs_statistics_bootstrap(&value, 1, 1, 100, 95, 0, &x, &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "0.95"));
}

static void running_out_of_memory_is_reported_at_every_allocation(void **state)
{
	float values[4] = {1, 2, 3, 4};
	double p[2] = {0.1, 0.2};
	struct cs_interval x;
	struct cs_paired y;
	struct cs_ranks z;

	(void)state;
	for (long nth = 1; nth <= 4; nth++) {
		cs_alloc_fail_after(nth);
		assert_int_equal(cs_statistics_bootstrap(values, 4, 1, 10, 0.9, 0, &x, NULL), CS_ERR_MEMORY);
		cs_alloc_fail_after(nth);
		assert_int_equal(cs_statistics_paired(values, 4, 1, 10, 0, &y, NULL), CS_ERR_MEMORY);
	}
	cs_alloc_fail_after(1);
	assert_int_equal(cs_statistics_mann_whitney(values, 2, values, 2, &z, NULL), CS_ERR_MEMORY);
	assert_int_equal(cs_statistics_fdr(p, 2, p, NULL), CS_ERR_MEMORY);
	cs_alloc_fail_after(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intervals_cover_the_mean_about_as_often_as_promised),
		cmocka_unit_test(an_interval_is_as_wide_as_the_standard_error_says),
		cmocka_unit_test(equal_seeds_give_equal_bits_and_others_do_not),
		cmocka_unit_test(missing_values_are_left_out),
		cmocka_unit_test(a_paired_test_rejects_a_true_null_as_often_as_its_level),
		cmocka_unit_test(a_paired_test_agrees_with_all_sign_changes_of_three_pairs),
		cmocka_unit_test(ranks_by_hand),
		cmocka_unit_test(rank_tests_see_a_shift_and_none_where_there_is_none),
		cmocka_unit_test(adjusted_p_values_by_hand),
		cmocka_unit_test(bad_options_are_refused_in_words),
		cmocka_unit_test(running_out_of_memory_is_reported_at_every_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
