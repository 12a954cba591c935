/* Histograms of activations and class selectivity, against counts made by hand. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "deconv/habits.h"

#include <math.h>
#include <string.h>

static void bins_hold_every_image_whatever_comes(void **state)
{
	struct cs_habits h;
	float values[] = {0.4f, -1, 0, 3.9f, 7.5f, 100, 0.1f};
	int total = 0;

	(void)state;
	assert_int_equal(cs_habits_init(&h, 1, 2, NULL), CS_OK);
	for (int i = 0; i < 7; i++)
		cs_habits_add(&h, &values[i], 0);
	for (int i = 0; i < CS_HABIT_BINS; i++)
		total += h.bins[i];
	assert_int_equal(total, 7);
	assert_true(h.width[0] * CS_HABIT_BINS == 128); /* the power of two above 100 */
	assert_int_equal(h.bins[0], 5); /* all below 5.33 */
	assert_int_equal(h.bins[1], 1); /* 7.5 */
	assert_int_equal(h.bins[18], 1); /* 100 / 5.33 */
	cs_habits_fini(&h);
}

static void the_order_of_images_changes_no_histogram(void **state)
{
	struct cs_habits a, b;

	(void)state;
	cs_habits_init(&a, 1, 2, NULL);
	cs_habits_init(&b, 1, 2, NULL);
	for (int i = 0; i < 200; i++) {
		float up = (float)(i * i) / 97, down = (float)((199 - i) * (199 - i)) / 97;

		cs_habits_add(&a, &up, 0);
		cs_habits_add(&b, &down, 0);
	}
	assert_true(a.width[0] == b.width[0]);
	assert_memory_equal(a.bins, b.bins, CS_HABIT_BINS * sizeof *a.bins);
	cs_habits_fini(&a);
	cs_habits_fini(&b);
}

static void a_feature_of_one_class_is_selective_and_one_of_all_is_not(void **state)
{
	struct cs_habits h;
	int best;

	(void)state;
	cs_habits_init(&h, 3, 3, NULL);
	for (int i = 0; i < 30; i++) {
		float strongest[3] = {i % 3 == 1 ? 2.0f : -0.5f, 1, i % 3 == 2 ? 3.0f : 1.0f};

		cs_habits_add(&h, strongest, i % 3);
	}
	assert_true(cs_habits_selectivity(&h, 0, &best) == 1);
	assert_int_equal(best, 1);
	assert_true(cs_habits_selectivity(&h, 1, &best) == 0);
	assert_true(fabs(cs_habits_selectivity(&h, 2, &best) - 0.5) < 1e-9); /* (3 - 1) / (3 + 1) */
	assert_int_equal(best, 2);
	cs_habits_fini(&h);
}

static void what_is_not_known_is_no_number(void **state)
{
	float silent[1] = {-1}, nan[1] = {NAN};
	struct cs_habits h;
	int best;

	(void)state;
	cs_habits_init(&h, 1, 4, NULL);
	assert_true(isnan(cs_habits_selectivity(&h, 0, &best)));
	for (int i = 0; i < 20; i++) {
		cs_habits_add(&h, silent, i % 4);
		cs_habits_add(&h, nan, i % 4);
		cs_habits_add(&h, silent, -1);
	}
	assert_true(isnan(cs_habits_selectivity(&h, 0, &best)));
	assert_int_equal(best, -1);
	assert_true(h.width[0] == 0);
	assert_int_equal(h.bins[0], 40); /* NaN is left out */
	cs_habits_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bins_hold_every_image_whatever_comes),
		cmocka_unit_test(the_order_of_images_changes_no_histogram),
		cmocka_unit_test(a_feature_of_one_class_is_selective_and_one_of_all_is_not),
		cmocka_unit_test(what_is_not_known_is_no_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
