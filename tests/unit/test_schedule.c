/* Learning-rate schedules at points computed by hand. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "run/schedule.h"

#include <math.h>

static void assert_factor(
	const struct cs_schedule *schedule, int64_t step, int64_t steps, int64_t per_epoch, double expected)
{
	double found = cs_schedule_factor(schedule, step, steps, per_epoch);

	if (fabs(found - expected) > 1e-12)
		fail_msg("step %lld: %.15g, expected %.15g", (long long)step, found, expected);
}

static void a_constant_rate_stays(void **state)
{
	struct cs_schedule s = cs_schedule_default(CS_CONSTANT);

	(void)state;
	assert_factor(&s, 0, 100, 10, 1);
	assert_factor(&s, 99, 100, 10, 1);
}

static void warm_up_rises_in_equal_steps_and_ends_where_the_schedule_begins(void **state)
{
	struct cs_schedule s = cs_schedule_default(CS_COSINE);

	(void)state;
	s.warmup = 4;
	assert_factor(&s, 0, 104, 10, 0.25);
	assert_factor(&s, 1, 104, 10, 0.5);
	assert_factor(&s, 3, 104, 10, 1);
	assert_factor(&s, 4, 104, 10, 1);
	assert_factor(&s, 54, 104, 10, 0.5);
	assert_factor(&s, 104, 104, 10, 0);
}

static void steps_fall_by_epochs(void **state)
{
	struct cs_schedule s = cs_schedule_default(CS_STEP);

	(void)state;
	s.every = 2;
	s.factor = 0.5;
	assert_factor(&s, 19, 100, 10, 1);
	assert_factor(&s, 20, 100, 10, 0.5);
	assert_factor(&s, 39, 100, 10, 0.5);
	assert_factor(&s, 99, 100, 10, 0.0625);
}

static void cosine_swings_to_its_final_share(void **state)
{
	struct cs_schedule s = cs_schedule_default(CS_COSINE);

	(void)state;
	s.final = 0.1;
	assert_factor(&s, 0, 100, 10, 1);
	assert_factor(&s, 25, 100, 10, 0.1 + 0.9 * (1 + sqrt(0.5)) / 2);
	assert_factor(&s, 50, 100, 10, 0.55);
	assert_factor(&s, 100, 100, 10, 0.1);
}

static void one_cycle_peaks_where_it_should(void **state)
{
	struct cs_schedule s = cs_schedule_default(CS_ONE_CYCLE);

	(void)state;
	assert_factor(&s, 0, 100, 10, 0.04);
	assert_factor(&s, 15, 100, 10, 0.52);
	assert_factor(&s, 30, 100, 10, 1);
	assert_factor(&s, 65, 100, 10, 0.5);
	assert_factor(&s, 100, 100, 10, 0);
}

static void names_go_both_ways_and_others_are_refused(void **state)
{
	enum cs_schedule_kind kind;
	struct cs_error error;

	(void)state;
	for (int i = CS_CONSTANT; i <= CS_ONE_CYCLE; i++) {
		assert_int_equal(cs_schedule_parse(cs_schedule_name((enum cs_schedule_kind)i), &kind, &error), CS_OK);
		assert_int_equal(kind, i);
	}
	assert_int_equal(cs_schedule_parse("cosinus", &kind, &error), CS_ERR_ARGUMENT);
	assert_string_equal(error.message, "no schedule 'cosinus': expected constant, step, cosine or one-cycle");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_constant_rate_stays),
		cmocka_unit_test(warm_up_rises_in_equal_steps_and_ends_where_the_schedule_begins),
		cmocka_unit_test(steps_fall_by_epochs),
		cmocka_unit_test(cosine_swings_to_its_final_share),
		cmocka_unit_test(one_cycle_peaks_where_it_should),
		cmocka_unit_test(names_go_both_ways_and_others_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
