/* test_shapes.c: the procedural data set. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "data/shapes.h"
#include "data_case.h"

static const char *const causes[] = {"shape", "colour", "texture", "background", "position"};
static const int values[] = {8, 8, 8, 8, 9};

static struct cs_dataset *open_cause(int cause, int count, int size)
{
	char spec[100];

	snprintf(spec, sizeof spec, "shapes:cause=%s,count=%d,size=%d", causes[cause], count, size);
	return case_open(spec, NULL);
}

static void a_sample_depends_on_seed_and_index_alone(void **state)
{
	struct cs_dataset *a = case_open("shapes:count=50,seed=3", NULL),
			  *b = case_open("shapes:count=500,seed=3", NULL);
	struct cs_dataset *c = case_open("shapes:count=50,seed=4", NULL);
	uint8_t *x = cs_alloc(64 * 64 * 3), *y = cs_alloc(64 * 64 * 3);
	int differ = 0;

	(void)state;
	for (int i = 49; i >= 0; i--) {
		struct cs_sample one, two;

		assert_int_equal(cs_dataset_pixels(a, i, x, NULL), CS_OK);
		assert_int_equal(cs_dataset_pixels(b, i, y, NULL), CS_OK);
		assert_memory_equal(x, y, 64 * 64 * 3);
		cs_dataset_sample(a, i, &one);
		cs_dataset_sample(b, i, &two);
		assert_int_equal(one.label, two.label);
		assert_memory_equal(&one.box, &two.box, sizeof one.box);
		assert_string_equal(one.name, two.name);
		assert_int_equal(cs_dataset_label(a, i), one.label);
		cs_dataset_pixels(c, i, y, NULL);
		differ += memcmp(x, y, 64 * 64 * 3) != 0;
	}
	assert_int_equal(differ, 50);
	cs_free(x);
	cs_free(y);
	cs_dataset_close(a);
	cs_dataset_close(b);
	cs_dataset_close(c);
}

static void masks_fill_their_boxes_at_any_size(void **state)
{
	static const int sizes[] = {16, 33, 64, 300};

	(void)state;
	for (int s = 0; s < 4; s++) {
		struct cs_dataset *data = open_cause(0, 60, sizes[s]);
		int side = sizes[s];
		uint8_t *mask = cs_alloc((size_t)(side * side));

		assert_true(cs_dataset_has_masks(data));
		for (int i = 0; i < 60; i++) {
			struct cs_box seen = {side, side, 0, 0};
			struct cs_sample sample;
			int area = 0;

			cs_dataset_sample(data, i, &sample);
			cs_dataset_mask(data, i, mask);
			for (int y = 0; y < side; y++) {
				for (int x = 0; x < side; x++) {
					if (!mask[y * side + x])
						continue;
					area++;
					seen.left = x < seen.left ? x : seen.left;
					seen.right = x + 1 > seen.right ? x + 1 : seen.right;
					seen.top = y < seen.top ? y : seen.top;
					seen.bottom = y + 1 > seen.bottom ? y + 1 : seen.bottom;
				}
			}
			assert_true(sample.has_box);
			assert_memory_equal(&seen, &sample.box, sizeof seen);
			assert_in_range(area, side * side / 40, side * side / 3);
		}
		cs_free(mask);
		cs_dataset_close(data);
	}
}

/* The object's pixels must differ from what the same scene shows without it: take the colour cause, where the hue is known. */
static void the_object_is_painted_where_the_mask_is(void **state)
{
	struct cs_dataset *data = case_open("shapes:count=200,cause=colour,noise=0,seed=1", NULL);
	uint8_t rgb[64 * 64 * 3], mask[64 * 64];
	int right = 0, all = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		double red = 0, green = 0, blue = 0;

		if (cs_dataset_label(data, i) != 0 && cs_dataset_label(data, i) != 5)
			continue;
		cs_dataset_pixels(data, i, rgb, NULL);
		cs_dataset_mask(data, i, mask);
		for (int p = 0; p < 64 * 64; p++) {
			red += mask[p] ? rgb[3 * p] : 0;
			green += mask[p] ? rgb[3 * p + 1] : 0;
			blue += mask[p] ? rgb[3 * p + 2] : 0;
		}
		all++;
		if (cs_dataset_label(data, i) == 0)
			right += red > 2 * green && red > 2 * blue;
		else
			right += blue > 1.7 * red && blue > 1.3 * green;
	}
	assert_in_range(all, 40, 60);
	assert_int_equal(right, all);
	cs_dataset_close(data);
}

static void the_cause_decides_the_class(void **state)
{
	(void)state;
	for (int cause = 0; cause < CS_FACTOR_COUNT; cause++) {
		struct cs_dataset *data = open_cause(cause, 500, 32);

		assert_int_equal(data->class_count, 8);
		for (int i = 0; i < 500; i++)
			assert_int_equal(cs_shapes_factor(data, i, (enum cs_factor)cause), cs_dataset_label(data, i));
		cs_dataset_close(data);
	}
}

/* Chi-square of class against every other factor: with 56 or 64 degrees of freedom, 120 is far out (p < 1e-5). */
static void other_factors_are_independent_of_the_class(void **state)
{
	enum { COUNT = 8000 };

	(void)state;
	for (int cause = 0; cause < CS_FACTOR_COUNT; cause++) {
		struct cs_dataset *data = open_cause(cause, COUNT, 64);

		for (int factor = 0; factor < CS_FACTOR_COUNT; factor++) {
			int table[8][9] = {{0}};
			double chi = 0;

			if (factor == cause)
				continue;
			for (int i = 0; i < COUNT; i++)
				table[cs_dataset_label(data, i)][cs_shapes_factor(data, i, (enum cs_factor)factor)]++;
			for (int a = 0; a < 8; a++) {
				for (int b = 0; b < values[factor]; b++) {
					double expected = (double)COUNT / 8 / values[factor],
					       off = table[a][b] - expected;

					chi += off * off / expected;
				}
			}
			assert_true(chi < 120);
			assert_true(chi > 20); /* nor too even to be random */
		}
		cs_dataset_close(data);
	}
}

static void classes_are_balanced_and_splits_are_stratified(void **state)
{
	struct cs_dataset *data = case_open("shapes:classes=6,count=3000", NULL);
	static const int expected[CS_SPLIT_COUNT] = {400, 50, 50};
	uint8_t *seen = cs_calloc(3000, 1);

	(void)state;
	assert_string_equal(data->class_names[5], "star");
	for (int kind = 0; kind < CS_SPLIT_COUNT; kind++) {
		int count[6] = {0};

		for (int64_t i = 0; i < data->split[kind].count; i++) {
			int64_t image = data->split[kind].images[i];

			assert_true(i == 0 || image > data->split[kind].images[i - 1]);
			assert_int_equal(seen[image]++, 0);
			count[cs_dataset_label(data, image)]++;
		}
		for (int c = 0; c < 6; c++)
			assert_int_equal(count[c], expected[kind]);
	}
	cs_free(seen);
	cs_dataset_close(data);
}

static void names_say_what_is_to_be_seen(void **state)
{
	struct cs_dataset *data = case_open("shapes:cause=position,classes=9,count=40", NULL);
	static const char *const figures[] = {
		"disc", "square", "triangle", "ring", "cross", "star", "heart", "crescent"};

	(void)state;
	assert_string_equal(data->class_ids[0], "top-left");
	assert_string_equal(data->class_names[8], "centre");
	for (int i = 0; i < 40; i++) {
		struct cs_sample sample, again;
		char begin[40];

		cs_dataset_sample(data, i, &sample);
		cs_dataset_sample(data, i, &again);
		assert_ptr_equal(sample.name, again.name);
		snprintf(begin, sizeof begin, "shapes %d: ", i);
		assert_memory_equal(sample.name, begin, strlen(begin));
		assert_non_null(strstr(sample.name, figures[cs_shapes_factor(data, i, CS_FACTOR_SHAPE)]));
		assert_non_null(strstr(sample.name, " on "));
	}
	cs_dataset_close(data);
}

static void wrong_keys_and_values_are_named(void **state)
{
	(void)state;
	assert_string_equal(case_refused("shapes:colour=red", NULL),
		"shapes: no key 'colour': expected count, size, cause, classes, noise, seed, val, test");
	assert_non_null(strstr(case_refused("shapes:cause=hue", NULL), "expected one of shape, colour, texture"));
	assert_non_null(strstr(case_refused("shapes:count=1e12", NULL), "from 1 to"));
	assert_non_null(strstr(case_refused("shapes:count=", NULL), "has no value"));
	assert_non_null(strstr(case_refused("shapes:size=8", NULL), "from 16"));
	assert_non_null(strstr(case_refused("shapes:classes=9", NULL), "there are 8 values"));
	assert_non_null(strstr(case_refused("shapes:seed=-1", NULL), "whole number"));
	assert_non_null(strstr(case_refused("shapes:val=0.6,test=0.6", NULL), "below 1"));
	assert_non_null(strstr(case_refused("shapes:noise=nan", NULL), "from 0 to 1"));
}

static void pictures_need_not_be_square(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data;
	uint8_t *rgb = cs_alloc(40 * 700 * 3);

	(void)state;
	options.width = 700; /* wider than a painter's run */
	options.height = 40;
	options.pairs = "count=30";
	data = case_open("shapes", &options);
	for (int i = 0; i < 30; i++) {
		struct cs_sample sample;

		assert_int_equal(cs_dataset_pixels(data, i, rgb, NULL), CS_OK);
		cs_dataset_sample(data, i, &sample);
		assert_true(sample.box.left >= 0 && sample.box.top >= 0 && sample.box.right <= 700 &&
			sample.box.bottom <= 40);
	}
	cs_free(rgb);
	cs_dataset_close(data);
}

static void no_memory_is_an_error_not_a_crash(void **state)
{
	struct cs_dataset *data = NULL;
	struct cs_error error;
	enum cs_status status = CS_ERR_MEMORY;

	(void)state;
	for (long nth = 1; nth < 200 && status == CS_ERR_MEMORY; nth++) {
		cs_alloc_fail_after(nth);
		status = cs_dataset_open("shapes:count=64", NULL, NULL, &data, &error);
		cs_alloc_fail_after(0);
		assert_true(status == CS_OK || status == CS_ERR_MEMORY);
	}
	assert_int_equal(status, CS_OK);
	cs_dataset_close(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_depends_on_seed_and_index_alone),
		cmocka_unit_test(masks_fill_their_boxes_at_any_size),
		cmocka_unit_test(the_object_is_painted_where_the_mask_is),
		cmocka_unit_test(the_cause_decides_the_class),
		cmocka_unit_test(other_factors_are_independent_of_the_class),
		cmocka_unit_test(classes_are_balanced_and_splits_are_stratified),
		cmocka_unit_test(names_say_what_is_to_be_seen),
		cmocka_unit_test(wrong_keys_and_values_are_named),
		cmocka_unit_test(pictures_need_not_be_square),
		cmocka_unit_test(no_memory_is_an_error_not_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
