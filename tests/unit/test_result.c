/* Result files of analyses: read as they say they are, and parts that make no sense left out. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "figure/result.h"
#include "io/h5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(path, "/tmp/test_result.XXXXXX");
	return close(mkstemp(path));
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static struct cs_h5 *begin(void)
{
	struct cs_h5 *file;

	assert_int_equal(cs_h5_open(path, CS_H5_CREATE, &file, NULL), CS_OK);
	assert_int_equal(cs_h5_write_number(file, "/", "convscope_result", 1, NULL), CS_OK);
	assert_int_equal(cs_h5_write_string(file, "/", "title", "a title", NULL), CS_OK);
	return file;
}

static void write_numbers(struct cs_h5 *file, const char *name, struct cs_shape shape, const float *numbers)
{
	struct cs_tensor tensor = cs_tensor_view((float *)numbers, shape);

	assert_int_equal(cs_h5_write_tensor(file, name, &tensor, NULL), CS_OK);
}

static struct cs_result *end(struct cs_h5 *file)
{
	struct cs_result *result;
	struct cs_error error;

	assert_int_equal(cs_h5_close(file, NULL), CS_OK);
	if (cs_result_read(path, &result, &error))
		fail_msg("%s", error.message);
	return result;
}

static void columns_come_in_their_order_with_numbers_or_texts(void **state)
{
	const char *names[] = {"zebra", "images/s"}, *words[] = {"one", "two"};
	struct cs_h5 *file = begin();
	struct cs_result *result;
	char text[40];

	(void)state;
	cs_h5_write_strings(file, "/column_names", NULL, names, 2, NULL);
	cs_h5_write_strings(file, "/columns/zebra", NULL, words, 2, NULL);
	write_numbers(file, "/columns/images per s", CS_SHAPE(2), (float[]){1.5f, NAN});
	result = end(file);
	assert_string_equal(result->title, "a title");
	assert_string_equal(result->dataset, "");
	assert_int_equal(result->column_count, 2);
	assert_int_equal(result->rows, 2);
	assert_string_equal(result->columns[0].texts[1], "two");
	assert_non_null(cs_result_column(result, "images/s"));
	assert_string_equal(cs_result_cell(&result->columns[1], 0, text, sizeof text), "1.5");
	assert_string_equal(cs_result_cell(&result->columns[1], 1, text, sizeof text), ""); /* no number */
	assert_int_equal(result->left_out, 0);
	cs_result_free(result);
}

static void a_plot_has_its_series_and_axes(void **state)
{
	const char *words[] = {"red", "green", "blue"};
	struct cs_h5 *file = begin();
	struct cs_result *result;
	const struct cs_plot *plot;

	(void)state;
	write_numbers(file, "/figures/000/series/000/y", CS_SHAPE(3), (float[]){1, 2, 3});
	cs_h5_write_string(file, "/figures/000/series/000", "kind", "bars", NULL);
	cs_h5_write_string(file, "/figures/000/series/000", "colour", "1,2,3", NULL);
	write_numbers(file, "/figures/000/series/001/y", CS_SHAPE(2), (float[]){5, 6});
	write_numbers(file, "/figures/000/series/001/x", CS_SHAPE(3), (float[]){5, 6, 7}); /* of another length: none */
	cs_h5_write_string(file, "/figures/000/series/001", "name", "late", NULL);
	cs_h5_write_strings(file, "/figures/000/categories", NULL, words, 3, NULL);
	cs_h5_write_string(file, "/figures/000", "kind", "plot", NULL);
	cs_h5_write_string(file, "/figures/000", "name", "a plot", NULL);
	cs_h5_write_string(file, "/figures/000", "y_label", "much", NULL);
	cs_h5_write_number(file, "/figures/000", "log_y", 1, NULL);
	result = end(file);
	assert_int_equal(result->figure_count, 1);
	assert_int_equal(result->figures[0].kind, CS_RESULT_PLOT);
	plot = &result->figures[0].plot;
	assert_string_equal(plot->y_label, "much");
	assert_true(plot->log_y);
	assert_int_equal(plot->series_count, 2);
	assert_int_equal(plot->series[0].kind, CS_SERIES_BARS);
	assert_int_equal(plot->series[0].colour.g, 2);
	assert_string_equal(plot->categories[2], "blue");
	assert_null(plot->series[1].x);
	assert_string_equal(plot->series[1].name, "late");
	cs_result_free(result);
}

static void a_mosaic_points_to_its_tensor(void **state)
{
	struct cs_h5 *file = begin();
	struct cs_result *result;
	float numbers[2 * 3 * 3] = {0};

	(void)state;
	numbers[17] = 4;
	write_numbers(file, "/tensors/tiles", CS_SHAPE(2, 3, 3, 1), numbers);
	cs_h5_make_group(file, "/figures/000", NULL);
	cs_h5_write_string(file, "/figures/000", "kind", "mosaic", NULL);
	cs_h5_write_string(file, "/figures/000", "name", "tiles", NULL);
	cs_h5_write_string(file, "/figures/000", "tensor", "/tensors/tiles", NULL);
	cs_h5_write_number(file, "/figures/000", "columns", 2, NULL);
	result = end(file);
	assert_int_equal(result->figure_count, 1);
	assert_ptr_equal(result->figures[0].mosaic, cs_result_tensor(result, "tiles"));
	assert_int_equal(result->figures[0].columns, 2);
	assert_true(result->figures[0].mosaic->data[17] == 4);
	cs_result_free(result);
}

static void what_makes_no_sense_is_left_out_and_counted(void **state)
{
	const char *names[] = {"good", "short", "missing"};
	struct cs_h5 *file = begin();
	struct cs_result *result;

	(void)state;
	cs_h5_write_strings(file, "/column_names", NULL, names, 3, NULL);
	write_numbers(file, "/columns/good", CS_SHAPE(3), (float[]){1, 2, 3});
	write_numbers(file, "/columns/short", CS_SHAPE(2), (float[]){1, 2});
	cs_h5_make_group(file, "/figures/000", NULL);
	cs_h5_write_string(file, "/figures/000", "kind", "hologram", NULL);
	cs_h5_write_string(file, "/figures/000", "name", "x", NULL);
	cs_h5_make_group(file, "/figures/001", NULL);
	cs_h5_write_string(file, "/figures/001", "kind", "mosaic", NULL);
	cs_h5_write_string(file, "/figures/001", "name", "y", NULL);
	cs_h5_write_string(file, "/figures/001", "tensor", "/tensors/nowhere", NULL);
	result = end(file);
	assert_int_equal(result->column_count, 1);
	assert_int_equal(result->figure_count, 0);
	assert_int_equal(result->left_out, 4);
	cs_result_free(result);
}

static void other_files_are_refused_with_a_word(void **state)
{
	struct cs_result *result;
	struct cs_h5 *file;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_h5_open(path, CS_H5_CREATE, &file, NULL), CS_OK);
	cs_h5_make_group(file, "/model_weights", NULL);
	cs_h5_close(file, NULL);
	assert_int_equal(cs_result_read(path, &result, &error), CS_ERR_FORMAT);
	assert_non_null(strstr(error.message, "run the analysis again"));
	assert_int_equal(cs_result_read("/nowhere.hdf5", &result, &error), CS_ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(columns_come_in_their_order_with_numbers_or_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_plot_has_its_series_and_axes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_mosaic_points_to_its_tensor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_makes_no_sense_is_left_out_and_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_files_are_refused_with_a_word, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
