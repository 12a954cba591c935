/* Data sets in NumPy's arrays, .npy and .npz: whatever their types, orders and names, the same images; what lies is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sources_case.h"

static void arrays_of_any_type_and_order_give_the_same_images(void **state)
{
	static const struct {
		const char *type;
		double scale;
	} types[] = {{"|u1", 1}, {"<i2", 1}, {">i4", 1}, {"<i8", 1}, {"<u2", 257}, {"<f4", 1}, {">f4", 1.0 / 255},
		{"<f8", 1.0 / 255}};
	int file = 0;

	(void)state;
	for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
		for (int variant = 0; variant < 8; variant++) {
			struct cs_dataset *data;
			char name[32];

			snprintf(name, sizeof name, "%d.npz", file++);
			images_npy(types[t].type, variant & 1, variant & 2, types[t].scale);
			labels_npy(1, variant & 1 ? "<f4" : ">i8");
			put_npz(name, variant & 4, xy);
			data = case_open(case_path(name), NULL);
			assert_string_equal(data->ops->name, "npz");
			assert_images(data, N, false);
			assert_int_equal(data->split[CS_SPLIT_TRAIN].count, 18);
			cs_dataset_close(data);
		}
	}
}

static void split_arrays_keep_their_splits_and_names(void **state)
{
	static const char *const members[] = {"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy", NULL};
	struct cs_dataset *data;

	(void)state;
	begin_npy(0, "|u1", false, "(24, 6, 6)");
	begin_npy(2, "|u1", false, "(24, 6, 6)");
	for (int i = 0; i < N; i++)
		for (int p = 0; p < SIDE * SIDE; p++) {
			add_number(0, "|u1", pixel(i, p / SIDE, p % SIDE, 0));
			add_number(2, "|u1", pixel(i + N, p / SIDE, p % SIDE, 0));
		}
	labels_npy(1, "|u1");
	labels_npy(3, "|u1");
	put_npz("mnist.npz", true, members);
	data = case_open(case_path("mnist.npz"), NULL);
	assert_images(data, 2 * N, true);
	assert_int_equal(data->split[CS_SPLIT_TEST].count, N);
	assert_int_equal(data->split[CS_SPLIT_TEST].images[0], N);
	assert_int_equal(data->split[CS_SPLIT_TRAIN].count + data->split[CS_SPLIT_VAL].count, N);
	cs_dataset_close(data);
}

static void rows_with_a_single_one_are_labels(void **state)
{
	struct cs_dataset *data;

	(void)state;
	images_npy("|u1", false, false, 1);
	begin_npy(1, "<f8", false, "(24, 3)");
	for (int i = 0; i < N * CLASSES; i++)
		add_number(1, "<f8", i % CLASSES == i / CLASSES % CLASSES);
	put_npz("hot.npz", false, xy);
	data = case_open(case_path("hot.npz"), NULL);
	assert_images(data, N, false);
	cs_dataset_close(data);
}

static void pickles_are_never_loaded(void **state)
{
	(void)state;
	begin_npy(0, "|O", false, "(24,)");
	labels_npy(1, "|u1");
	put_npz("objects.npz", false, xy);
	assert_non_null(
		strstr(case_refused(case_path("objects.npz"), NULL), "pickled Python objects, which are never loaded"));
}

static void arrays_that_lie_are_refused(void **state)
{
	static const struct {
		const char *type, *shape, *says;
	} lies[] = {
		{"|u1", "(24, 6, 6, 6)", "x is 24x6x6x6: expected images x height x width x 3"},
		{"|u1", "(24, 6, 7, 3)", "is cut off"},
		{"|u1", "(24, 6, 5, 3)", "unpacks to more than the limit"},
		{"|u1", "(4000000000, 6, 6, 3)", "expected images x height"},
		{"|u1", "(200000, 1, 1, 3)", "bytes of the file can hold"},
		{"|u1", "(24, 25000, 25000, 3)", "expected images x height"},
		{"|u1", "(24, 8000, 8000, 3)", "bytes of the file can hold"},
		{"|u1", "(9223372036854775807, 9223372036854775807)", "more numbers than fit any memory"},
		{"|u1", "(4, 3333333333333333333, 7, 0)", "more numbers than fit any memory"},
		{"|u1", "(0, 6, 6, 3)", "expected images x height"},
		{"|u1", "(-1, 6, 6, 3)", "its shape is not one of numbers"},
		{"|u1", "(24, 2, 3, 2, 3, 3)", "more than 4 dimensions"},
		{"<f9", "(24, 6, 6, 3)", "something that is not numbers"},
		{"<c8", "(24, 6, 6, 3)", "something that is not numbers"},
		{"<U4", "(24, 6, 6, 3)", "of text"},
		{"<f4", "(24, 3, 3, 3)", "numbers from"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		const char *message;

		begin_npy(0, lies[i].type, false, lies[i].shape);
		for (int n = 0; n < N * SIDE * SIDE * 3; n++)
			add_number(0, "|u1", n * 7 % 256);
		labels_npy(1, "|u1");
		put_npz("lie.npz", false, xy);
		message = case_refused(case_path("lie.npz"), NULL);
		if (!strstr(message, lies[i].says))
			fail_msg("%s %s: '%s' does not say '%s'", lies[i].type, lies[i].shape, message, lies[i].says);
	}
	images_npy("|u1", false, false, 1);
	begin_npy(1, "<f4", false, "(24,)");
	for (int i = 0; i < N; i++)
		add_number(1, "<f4", i + 0.5);
	put_npz("half.npz", false, xy);
	assert_non_null(strstr(case_refused(case_path("half.npz"), NULL), "label 0.5 of image 0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			arrays_of_any_type_and_order_give_the_same_images, case_begin, case_end),
		cmocka_unit_test_setup_teardown(split_arrays_keep_their_splits_and_names, case_begin, case_end),
		cmocka_unit_test_setup_teardown(rows_with_a_single_one_are_labels, case_begin, case_end),
		cmocka_unit_test_setup_teardown(pickles_are_never_loaded, case_begin, case_end),
		cmocka_unit_test_setup_teardown(arrays_that_lie_are_refused, case_begin, case_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
