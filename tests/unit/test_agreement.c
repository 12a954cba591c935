/* McNemar's test and the paired difference, against numbers worked out by hand. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "measure/agreement.h"

#include <math.h>

static void images_are_counted_by_who_was_right(void **state)
{
	struct cs_agreement a = {0};

	(void)state;
	for (int i = 0; i < 10; i++)
		cs_agreement_add(&a, i < 6, i % 2 == 0);
	assert_int_equal(a.both, 3); /* 0 2 4 */
	assert_int_equal(a.first, 3); /* 1 3 5 */
	assert_int_equal(a.second, 2); /* 6 8 */
	assert_int_equal(a.neither, 2); /* 7 9 */
	assert_true(fabs(cs_agreement_first(&a) - 0.6) < 1e-12);
	assert_true(fabs(cs_agreement_second(&a) - 0.5) < 1e-12);
}

static void the_test_is_exact(void **state)
{
	struct cs_agreement five = {.both = 100, .first = 1, .second = 4, .neither = 3};
	struct cs_agreement ten = {.first = 10};
	struct cs_agreement large = {.both = 5000, .first = 400, .second = 500, .neither = 4100};

	(void)state;
	/* (1 + 5) / 32, twice */
	assert_true(fabs(cs_agreement_p(&five) - 0.375) < 1e-12);
	assert_true(fabs(cs_agreement_p(&ten) - 2.0 / 1024) < 1e-12);
	/* twice the sum of 900 choose 0 .. 400 over 2^900, in whole numbers */
	assert_true(fabs(cs_agreement_p(&large) - 0.0009564441369189461) < 1e-12);
}

static void without_a_difference_there_is_nothing_to_doubt(void **state)
{
	struct cs_agreement none = {0}, equal = {.both = 4, .first = 7, .second = 7}, same = {.both = 9, .neither = 1};

	(void)state;
	assert_true(cs_agreement_p(&none) == 1);
	assert_true(cs_agreement_p(&equal) == 1);
	assert_true(cs_agreement_p(&same) == 1);
	assert_true(isnan(cs_agreement_first(&none)));
	assert_true(isnan(cs_agreement_difference(&none).mean));
	assert_true(cs_agreement_difference(&equal).mean == 0);
}

static void the_interval_holds_the_difference_and_narrows(void **state)
{
	struct cs_agreement few = {.both = 80, .first = 5, .second = 10, .neither = 5};
	struct cs_agreement many = {.both = 8000, .first = 500, .second = 1000, .neither = 500};
	struct cs_agreement_difference a = cs_agreement_difference(&few), b = cs_agreement_difference(&many);

	(void)state;
	assert_true(fabs(a.mean - 0.05) < 1e-12 && fabs(b.mean - 0.05) < 1e-12);
	assert_true(a.low < 0 && a.high > 0.05); /* 15 images are too few to tell */
	assert_true(b.low > 0.04 && b.high < 0.06);
	/* by hand: n 102, b 5.5, c 10.5: middle 5/102, deviation sqrt(16 - 25/102)/102 */
	assert_true(fabs(a.low - (5.0 / 102 - 1.959964 * sqrt(16 - 25.0 / 102) / 102)) < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_are_counted_by_who_was_right),
		cmocka_unit_test(the_test_is_exact),
		cmocka_unit_test(without_a_difference_there_is_nothing_to_doubt),
		cmocka_unit_test(the_interval_holds_the_difference_and_narrows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
