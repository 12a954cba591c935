/* test_dataset.c: one word opens a data set; exporting and opening again changes nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "data_case.h"
#include "io/h5.h"

#include <math.h>

static void an_unknown_word_names_the_choices(void **state)
{
	struct cs_dataset *data = NULL;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_dataset_open("tiny-imagnet", NULL, NULL, &data, &error), CS_ERR_NOT_FOUND);
	assert_string_equal(error.message,
		"no dataset 'tiny-imagnet': expected shapes, a folder of class folders, CIFAR's .bin files, MNIST's idx files, "
		"an .npz file, an .h5 file or tiny-imagenet-200.zip");
	case_text("some.txt", "text");
	assert_int_equal(cs_dataset_open(case_path("some.txt"), NULL, NULL, &data, &error), CS_ERR_FORMAT);
	assert_non_null(strstr(error.message, "is not a data set: expected shapes"));
	assert_null(data);
}

static void a_path_may_hold_colons_and_pairs_may_follow_it(void **state)
{
	struct cs_dataset *data;
	char spec[400];

	(void)state;
	case_classes("odd:name", 2, 10, 8);
	data = case_open(case_path("odd:name"), NULL);
	assert_int_equal(data->split[CS_SPLIT_VAL].count, 2);
	cs_dataset_close(data);
	snprintf(spec, sizeof spec, "%s:size=16,val=0.5", case_path("odd:name"));
	data = case_open(spec, NULL);
	assert_string_equal(data->spec, spec);
	assert_int_equal(data->width, 16);
	assert_int_equal(data->split[CS_SPLIT_VAL].count, 10);
	cs_dataset_close(data);
}

static void sizes_out_of_range_are_refused(void **state)
{
	struct cs_data_options options = cs_data_options_default();

	(void)state;
	options.size = 5000;
	assert_non_null(strstr(case_refused("shapes", &options), "1 to 4096 a side"));
	options.size = 0;
	options.width = 32;
	assert_non_null(strstr(case_refused("shapes", &options), "together"));
}

static void an_export_opens_as_the_same_data_set(void **state)
{
	struct cs_dataset *data = case_open("shapes:count=120,size=20,cause=position,seed=4", NULL), *again;
	struct cs_error error;
	float mean[3], deviation[3], mean_again[3], deviation_again[3];

	(void)state;
	assert_int_equal(cs_dataset_export(data, case_path("s.h5"), NULL, &error), CS_OK);
	again = case_open(case_path("s.h5"), NULL);
	assert_string_equal(again->ops->name, "h5");
	assert_int_equal(again->count, 120);
	assert_int_equal(again->width, 20);
	assert_int_equal(again->class_count, 8);
	for (int c = 0; c < 8; c++) {
		assert_string_equal(again->class_ids[c], data->class_ids[c]);
		assert_string_equal(again->class_names[c], data->class_names[c]);
	}
	for (int kind = 0; kind < CS_SPLIT_COUNT; kind++) {
		assert_int_equal(again->split[kind].count, data->split[kind].count);
		assert_memory_equal(again->split[kind].images, data->split[kind].images,
			(size_t)data->split[kind].count * sizeof(int64_t));
	}
	for (int i = 0; i < 120; i++) {
		uint8_t x[1200], y[1200];
		struct cs_sample a, b;

		cs_dataset_sample(data, i, &a);
		cs_dataset_sample(again, i, &b);
		assert_int_equal(a.label, b.label);
		assert_string_equal(a.name, b.name);
		assert_true(b.has_box);
		assert_memory_equal(&a.box, &b.box, sizeof a.box);
		cs_dataset_pixels(data, i, x, NULL);
		cs_dataset_pixels(again, i, y, NULL);
		assert_memory_equal(x, y, sizeof x);
	}
	assert_int_equal(cs_dataset_statistics(data, NULL, mean, deviation, &error), CS_OK);
	assert_int_equal(cs_dataset_statistics(again, NULL, mean_again, deviation_again, &error), CS_OK);
	assert_memory_equal(mean, mean_again, sizeof mean);
	assert_memory_equal(deviation, deviation_again, sizeof mean);
	cs_dataset_close(data);
	cs_dataset_close(again);
}

static void an_export_that_cannot_be_written_leaves_nothing(void **state)
{
	struct cs_dataset *data = case_open("shapes:count=20,size=16", NULL);
	struct cs_error error;
	struct cs_job job;

	(void)state;
	assert_int_not_equal(cs_dataset_export(data, case_path("nowhere/s.h5"), NULL, &error), CS_OK);
	cs_job_init(&job);
	cs_job_cancel(&job);
	assert_int_equal(cs_dataset_export(data, case_path("s.h5"), &job, &error), CS_ERR_CANCELLED);
	cs_job_fini(&job);
	assert_int_equal(rmdir(case_root), 0); /* empty: nothing was left behind */
	assert_int_equal(mkdir(case_root, 0777), 0);
	cs_dataset_close(data);
}

static void files_of_others_need_images_and_labels_alone(void **state)
{
	enum { N = 40, SIDE = 6 };
	static float x[N * SIDE * SIDE];
	static int32_t y[N];
	struct cs_h5 *file = NULL;
	struct cs_error error;
	struct cs_dataset *data;
	uint8_t rgb[SIDE * SIDE * 3];

	(void)state;
	for (int i = 0; i < N * SIDE * SIDE; i++)
		x[i] = (float)(i % 256) / 255;
	for (int i = 0; i < N; i++)
		y[i] = i % 4;
	assert_int_equal(cs_h5_open(case_path("x.h5"), CS_H5_CREATE, &file, &error), CS_OK);
	assert_int_equal(cs_h5_write_array(file, "/x", CS_H5_F32, CS_SHAPE(N, SIDE, SIDE, 1), x, &error), CS_OK);
	assert_int_equal(cs_h5_write_array(file, "/y", CS_H5_I32, CS_SHAPE(N), y, &error), CS_OK);
	assert_int_equal(cs_h5_close(file, &error), CS_OK);
	data = case_open(case_path("x.h5"), NULL);
	assert_int_equal(data->class_count, 4);
	assert_string_equal(data->class_names[3], "3");
	assert_int_equal(data->split[CS_SPLIT_TRAIN].count, 32);
	assert_int_equal(data->split[CS_SPLIT_VAL].count, 4);
	assert_int_equal(cs_dataset_pixels(data, 11, rgb, NULL), CS_OK);
	for (int p = 0; p < SIDE * SIDE; p++) {
		for (int k = 0; k < 3; k++)
			assert_int_equal(rgb[3 * p + k], (11 * SIDE * SIDE + p) % 256);
	}
	cs_dataset_close(data);
	/* labels beside the images, and none at all */
	assert_int_equal(cs_h5_open(case_path("bad.h5"), CS_H5_CREATE, &file, &error), CS_OK);
	assert_int_equal(cs_h5_write_array(file, "/x", CS_H5_F32, CS_SHAPE(N, SIDE, SIDE, 1), x, &error), CS_OK);
	assert_int_equal(cs_h5_write_array(file, "/y", CS_H5_I32, CS_SHAPE(N - 1), y, &error), CS_OK);
	assert_int_equal(cs_h5_close(file, &error), CS_OK);
	assert_non_null(strstr(case_refused(case_path("bad.h5"), NULL), "y is 39, but x holds 40 images"));
	assert_int_equal(cs_h5_open(case_path("none.h5"), CS_H5_CREATE, &file, &error), CS_OK);
	assert_int_equal(cs_h5_close(file, &error), CS_OK);
	assert_non_null(strstr(case_refused(case_path("none.h5"), NULL), "is not a data set: it holds nothing; expected images in x"));
}

static void statistics_of_shapes_do_not_depend_on_threads(void **state)
{
	struct cs_dataset *data = case_open("shapes:count=300,size=16", NULL);
	const struct cs_split *split = &data->split[CS_SPLIT_TRAIN];
	uint64_t sum[3] = {0}, square[3] = {0};
	float mean[3], deviation[3];
	struct cs_error error;
	double n = (double)split->count * 256;

	(void)state;
	for (int64_t i = 0; i < split->count; i++) {
		uint8_t rgb[768];

		cs_dataset_pixels(data, split->images[i], rgb, NULL);
		for (int k = 0; k < 768; k++) {
			sum[k % 3] += rgb[k];
			square[k % 3] += (uint64_t)rgb[k] * rgb[k];
		}
	}
	assert_int_equal(cs_dataset_statistics(data, NULL, mean, deviation, &error), CS_OK);
	for (int k = 0; k < 3; k++) {
		double m = (double)sum[k] / n;

		assert_true(mean[k] == (float)(m / 255));
		assert_true(fabs(deviation[k] - sqrt((double)square[k] / n - m * m) / 255) < 1e-7);
	}
	cs_dataset_close(data);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, case_begin, case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(an_unknown_word_names_the_choices),
		WITH_ROOT(a_path_may_hold_colons_and_pairs_may_follow_it),
		WITH_ROOT(sizes_out_of_range_are_refused),
		WITH_ROOT(an_export_opens_as_the_same_data_set),
		WITH_ROOT(an_export_that_cannot_be_written_leaves_nothing),
		WITH_ROOT(files_of_others_need_images_and_labels_alone),
		WITH_ROOT(statistics_of_shapes_do_not_depend_on_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
