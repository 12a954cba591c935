/* test_split.c: held-out images are stratified, disjoint and drawn by seed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "data/dataset.h"

#include <string.h>

enum { CLASSES = 5, COUNT = 1000 };

static int64_t pool[COUNT];
static int labels[COUNT];

/* Class c has 50, 100, 200, 300, 350 images; numbers are not 0 .. n-1 and not in order of class. */
static int fill(void **state)
{
	static const int ends[CLASSES] = {50, 150, 350, 650, 1000};

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		int mixed = i * 387 % COUNT, c = 0;

		while (mixed >= ends[c])
			c++;
		labels[i] = c;
		pool[i] = 3 * i + 7;
	}
	return 0;
}

static struct cs_dataset split(float val, float test, uint64_t seed, enum cs_status *status)
{
	struct cs_dataset data = {.class_count = CLASSES};
	struct cs_error error;

	*status = cs_split_by_class(&data, pool, labels, COUNT, val, test, seed, &error);
	return data;
}

static void release(struct cs_dataset *data)
{
	for (int i = 0; i < CS_SPLIT_COUNT; i++)
		cs_free(data->split[i].images);
}

static void parts_are_disjoint_complete_and_stratified(void **state)
{
	static const int sizes[CLASSES] = {50, 100, 200, 300, 350};
	enum cs_status status;
	struct cs_dataset data = split(0.1f, 0.2f, 5, &status);
	int seen[COUNT] = {0}, per[CS_SPLIT_COUNT][CLASSES] = {{0}};

	(void)state;
	assert_int_equal(status, CS_OK);
	for (int kind = 0; kind < CS_SPLIT_COUNT; kind++) {
		for (int64_t i = 0; i < data.split[kind].count; i++) {
			int64_t at = (data.split[kind].images[i] - 7) / 3;

			assert_int_equal(pool[at], data.split[kind].images[i]);
			assert_int_equal(seen[at]++, 0);
			per[kind][labels[at]]++;
			assert_true(i == 0 || data.split[kind].images[i] > data.split[kind].images[i - 1]);
		}
	}
	for (int c = 0; c < CLASSES; c++) {
		assert_int_equal(per[CS_SPLIT_VAL][c], sizes[c] / 10);
		assert_int_equal(per[CS_SPLIT_TEST][c], sizes[c] / 5);
		assert_int_equal(per[CS_SPLIT_TRAIN][c], sizes[c] - sizes[c] / 10 - sizes[c] / 5);
	}
	release(&data);
}

static void the_seed_alone_decides_who_is_held_out(void **state)
{
	enum cs_status status;
	struct cs_dataset a = split(0.1f, 0.1f, 5, &status), b = split(0.1f, 0.1f, 5, &status);
	struct cs_dataset c = split(0.1f, 0.1f, 6, &status);

	(void)state;
	assert_int_equal(a.split[CS_SPLIT_VAL].count, c.split[CS_SPLIT_VAL].count);
	assert_memory_equal(a.split[CS_SPLIT_VAL].images, b.split[CS_SPLIT_VAL].images,
		(size_t)a.split[CS_SPLIT_VAL].count * sizeof(int64_t));
	assert_memory_not_equal(a.split[CS_SPLIT_VAL].images, c.split[CS_SPLIT_VAL].images,
		(size_t)a.split[CS_SPLIT_VAL].count * sizeof(int64_t));
	release(&a);
	release(&b);
	release(&c);
}

static void a_test_share_leaves_the_validation_images_as_they_were(void **state)
{
	enum cs_status status;
	struct cs_dataset a = split(0.1f, 0, 5, &status), b = split(0.1f, 0.3f, 5, &status);

	(void)state;
	assert_int_equal(a.split[CS_SPLIT_TEST].count, 0);
	assert_memory_equal(a.split[CS_SPLIT_VAL].images, b.split[CS_SPLIT_VAL].images,
		(size_t)a.split[CS_SPLIT_VAL].count * sizeof(int64_t));
	release(&a);
	release(&b);
}

static void small_classes_keep_an_image_for_training(void **state)
{
	static const int64_t few[] = {0, 1, 2, 3, 4, 5};
	static const int of[] = {0, 1, 1, 2, 2, 2};
	struct cs_dataset data = {.class_count = 3};
	struct cs_error error;
	int train[3] = {0};

	(void)state;
	assert_int_equal(cs_split_by_class(&data, few, of, 6, 0.1f, 0.1f, 1, &error), CS_OK);
	for (int64_t i = 0; i < data.split[CS_SPLIT_TRAIN].count; i++)
		train[of[data.split[CS_SPLIT_TRAIN].images[i]]]++;
	assert_int_equal(train[0], 1);
	assert_int_equal(train[1], 1);
	assert_int_equal(train[2], 1);
	assert_int_equal(data.split[CS_SPLIT_VAL].count, 2);
	assert_int_equal(data.split[CS_SPLIT_TEST].count, 1);
	release(&data);
}

static void shares_that_leave_nothing_to_train_on_are_refused(void **state)
{
	struct cs_dataset data = {.class_count = CLASSES};
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_split_by_class(&data, pool, labels, COUNT, 0.5f, 0.5f, 1, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_split_by_class(&data, pool, labels, COUNT, -0.1f, 0, 1, &error), CS_ERR_ARGUMENT);
	release(&data);
}

static void names_of_splits_go_both_ways(void **state)
{
	(void)state;
	for (int i = 0; i < CS_SPLIT_COUNT; i++) {
		enum cs_split_kind kind;

		assert_true(cs_split_parse(cs_split_name((enum cs_split_kind)i), &kind));
		assert_int_equal(kind, i);
	}
	assert_false(cs_split_parse("dev", &(enum cs_split_kind){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_disjoint_complete_and_stratified),
		cmocka_unit_test(the_seed_alone_decides_who_is_held_out),
		cmocka_unit_test(a_test_share_leaves_the_validation_images_as_they_were),
		cmocka_unit_test(small_classes_keep_an_image_for_training),
		cmocka_unit_test(shares_that_leave_nothing_to_train_on_are_refused),
		cmocka_unit_test(names_of_splits_go_both_ways),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
