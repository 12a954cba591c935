/* test_confusion.c: what the confusion matrix promises about its sums, its diagonal, and ties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/random.h"
#include "measure/confusion.h"

#include <math.h>
#include <string.h>

static struct cs_confusion open_matrix(int classes)
{
	struct cs_confusion confusion;

	assert_int_equal(cs_confusion_init(&confusion, classes, NULL), CS_OK);
	return confusion;
}

static void rows_are_true_classes_and_columns_predictions(void **state)
{
	struct cs_confusion c = open_matrix(3);

	(void)state;
	cs_confusion_add(&c, 2, (const float[]){0.1f, 0.7f, 0.2f}, 1.5);
	assert_int_equal(c.cells[2 * 3 + 1], 1);
	cs_confusion_add(&c, 1, (const float[]){0.9f, 0.05f, 0.05f}, 0.5);
	assert_int_equal(c.cells[1 * 3 + 0], 1);
	assert_int_equal(c.images, 2);
	assert_true(cs_confusion_accuracy(&c) == 0);
	assert_true(cs_confusion_loss(&c) == 1);
	cs_confusion_fini(&c);
}

static void cells_sum_to_the_images_and_the_diagonal_to_the_right_ones(void **state)
{
	enum { CLASSES = 12, IMAGES = 2000 };

	struct cs_confusion c = open_matrix(CLASSES);
	struct cs_random random;
	int64_t sum = 0, trace = 0, right = 0, among5 = 0, per_class[CLASSES] = {0};
	double loss = 0;

	(void)state;
	cs_random_init(&random, 1, CS_RANDOM_USER, 0, 0);
	for (int i = 0; i < IMAGES; i++) {
		float scores[CLASSES];
		int label = (int)cs_random_below(&random, CLASSES), better = 0;

		for (int k = 0; k < CLASSES; k++)
			scores[k] = cs_random_normal(&random) + (k == label);
		for (int k = 0; k < CLASSES; k++)
			better += scores[k] > scores[label];
		right += better == 0;
		among5 += better < 5;
		per_class[label]++;
		loss += 0.25 * i;
		cs_confusion_add(&c, label, scores, 0.25 * i);
	}
	for (int row = 0; row < CLASSES; row++) {
		int64_t of_row = 0;

		for (int column = 0; column < CLASSES; column++)
			of_row += c.cells[row * CLASSES + column];
		assert_int_equal(of_row, per_class[row]);
		sum += of_row;
		trace += c.cells[row * CLASSES + row];
	}
	assert_int_equal(sum, IMAGES);
	assert_int_equal(trace, right);
	assert_true(right > 0 && right < IMAGES);
	assert_true(fabs(cs_confusion_accuracy(&c) - (double)right / IMAGES) < 1e-15);
	assert_true(fabs(cs_confusion_top5(&c) - (double)among5 / IMAGES) < 1e-15);
	assert_true(fabs(cs_confusion_loss(&c) - loss / IMAGES) < 1e-9);
	cs_confusion_fini(&c);
}

static void the_first_of_equal_scores_is_the_prediction(void **state)
{
	struct cs_confusion c = open_matrix(4);

	(void)state;
	cs_confusion_add(&c, 1, (const float[]){0, 3, 3, 1}, 0);
	cs_confusion_add(&c, 2, (const float[]){0, 3, 3, 1}, 0);
	assert_int_equal(c.cells[1 * 4 + 1], 1);
	assert_int_equal(c.cells[2 * 4 + 1], 1);
	assert_int_equal(c.correct, 1);
	cs_confusion_fini(&c);
}

static void equals_count_among_the_top_five_in_the_order_of_their_index(void **state)
{
	static const float flat[7] = {1, 1, 1, 1, 1, 1, 1};
	static const float mixed[7] = {2, 2, 9, 2, 2, 2, 2};
	struct cs_confusion c = open_matrix(7);

	(void)state;
	for (int label = 0; label < 7; label++)
		cs_confusion_add(&c, label, flat, 0);
	assert_int_equal(c.correct5, 5);
	assert_int_equal(c.correct, 1);
	/* the 9, then 0, 1, 3, 4 */
	for (int label = 0; label < 7; label++) {
		int64_t before = c.correct5;

		cs_confusion_add(&c, label, mixed, 0);
		assert_int_equal(c.correct5 - before, label < 5);
	}
	cs_confusion_fini(&c);
}

static void with_few_classes_every_image_is_among_the_top_five(void **state)
{
	struct cs_confusion c = open_matrix(2);

	(void)state;
	cs_confusion_add(&c, 1, (const float[]){5, 1}, 0);
	assert_true(cs_confusion_top5(&c) == 1);
	assert_true(cs_confusion_accuracy(&c) == 0);
	cs_confusion_fini(&c);
}

static void unlabelled_images_do_not_count(void **state)
{
	struct cs_confusion c = open_matrix(2);

	(void)state;
	cs_confusion_add(&c, -1, (const float[]){5, 1}, 7);
	assert_int_equal(c.images, 0);
	assert_true(cs_confusion_accuracy(&c) == 0 && cs_confusion_top5(&c) == 0 && cs_confusion_loss(&c) == 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(c.cells[i], 0);
	cs_confusion_fini(&c);
}

static void scores_with_nan_count_as_class_0(void **state)
{
	struct cs_confusion c = open_matrix(3);

	(void)state;
	cs_confusion_add(&c, 2, (const float[]){0, NAN, 9}, 0);
	assert_int_equal(c.cells[2 * 3 + 0], 1);
	assert_int_equal(c.correct, 0);
	assert_int_equal(c.correct5, 0);
	cs_confusion_add(&c, 0, (const float[]){NAN, NAN, NAN}, 0);
	assert_int_equal(c.cells[0], 1);
	assert_int_equal(c.correct, 1);
	assert_int_equal(c.correct5, 1);
	cs_confusion_fini(&c);
}

static void impossible_matrices_are_refused(void **state)
{
	struct cs_confusion c;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_confusion_init(&c, 0, &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "0 classes"));
	cs_alloc_fail_after(1);
	assert_int_equal(cs_confusion_init(&c, 10, &error), CS_ERR_MEMORY);
	cs_alloc_fail_after(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_true_classes_and_columns_predictions),
		cmocka_unit_test(cells_sum_to_the_images_and_the_diagonal_to_the_right_ones),
		cmocka_unit_test(the_first_of_equal_scores_is_the_prediction),
		cmocka_unit_test(equals_count_among_the_top_five_in_the_order_of_their_index),
		cmocka_unit_test(with_few_classes_every_image_is_among_the_top_five),
		cmocka_unit_test(unlabelled_images_do_not_count),
		cmocka_unit_test(scores_with_nan_count_as_class_0),
		cmocka_unit_test(impossible_matrices_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
