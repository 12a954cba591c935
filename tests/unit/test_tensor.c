/* Tensors and shapes, and the batch made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/batch.h"
#include "core/tensor.h"

#include <math.h>
#include <string.h>

static void shapes_read_as_products(void **state)
{
	struct cs_shape scalar = {.rank = 0}, image = CS_SHAPE(64, 32, 3);
	char text[CS_SHAPE_TEXT], small[6];

	(void)state;
	assert_int_equal(image.rank, 3);
	assert_string_equal(cs_shape_text(&image, text, sizeof text), "64x32x3");
	assert_string_equal(cs_shape_text(&scalar, text, sizeof text), "scalar");
	assert_string_equal(cs_shape_text(&image, small, sizeof small), "64x32");
	assert_int_equal(cs_shape_count(&image), 64 * 32 * 3);
	assert_int_equal(cs_shape_count(&scalar), 1);
	cs_shape_text(&CS_SHAPE(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX), text, sizeof text);
	assert_int_equal(strlen(text), 4 * 19 + 3);
}

static void shapes_are_equal_when_all_sizes_are(void **state)
{
	struct cs_shape a = CS_SHAPE(2, 3), b = CS_SHAPE(2, 3), c = CS_SHAPE(3, 2), d = CS_SHAPE(2, 3, 1);

	(void)state;
	b.dim[2] = 99; /* beyond the rank: no part of the shape */
	assert_true(cs_shape_equal(&a, &b));
	assert_false(cs_shape_equal(&a, &c));
	assert_false(cs_shape_equal(&a, &d));
}

static void a_new_tensor_is_zero_aligned_and_owned(void **state)
{
	struct cs_tensor tensor = {0};

	(void)state;
	assert_int_equal(cs_tensor_init(&tensor, CS_SHAPE(2, 3, 4, 5), NULL), CS_OK);
	assert_int_equal((uintptr_t)tensor.data % 64, 0);
	assert_int_equal(cs_tensor_count(&tensor), 120);
	for (int i = 0; i < 120; i++)
		assert_true(tensor.data[i] == 0);
	assert_true(tensor.owned);
	cs_tensor_fini(&tensor);
	assert_null(tensor.data);
	cs_tensor_fini(&tensor);
}

static void an_empty_tensor_is_no_error(void **state)
{
	struct cs_tensor tensor;

	(void)state;
	assert_int_equal(cs_tensor_init(&tensor, CS_SHAPE(0, 7), NULL), CS_OK);
	assert_int_equal(cs_tensor_count(&tensor), 0);
	cs_tensor_fini(&tensor);
}

static void sizes_beyond_memory_are_refused_with_their_shape(void **state)
{
	struct cs_tensor tensor = {0};
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_tensor_init(&tensor, CS_SHAPE(1 << 30, 1 << 30, 1 << 30), &error), CS_ERR_MEMORY);
	assert_non_null(strstr(error.message, "1073741824x1073741824x1073741824"));
	cs_alloc_fail_after(1);
	assert_int_equal(cs_tensor_init(&tensor, CS_SHAPE(500, 500), &error), CS_ERR_MEMORY);
	cs_alloc_fail_after(0);
	assert_non_null(strstr(error.message, "500x500 numbers (1.0 MB)"));
	assert_null(tensor.data);
}

static void slices_and_views_share_memory(void **state)
{
	struct cs_tensor tensor, slice, view;

	(void)state;
	assert_int_equal(cs_tensor_init(&tensor, CS_SHAPE(5, 2, 3), NULL), CS_OK);
	slice = cs_tensor_slice(&tensor, 2, 2);
	assert_ptr_equal(slice.data, tensor.data + 12);
	assert_int_equal(slice.shape.dim[0], 2);
	assert_int_equal(slice.shape.dim[2], 3);
	assert_false(slice.owned);
	view = cs_tensor_view(tensor.data, CS_SHAPE(30));
	cs_tensor_fini(&slice);
	cs_tensor_fini(&view); /* frees nothing */
	tensor.data[29] = 1;
	cs_tensor_fini(&tensor);
}

static void ranges_count_nans_apart(void **state)
{
	float numbers[] = {3, NAN, -4, 0};
	struct cs_tensor tensor = cs_tensor_view(numbers, CS_SHAPE(4)), bad = cs_tensor_view(numbers + 1, CS_SHAPE(1));
	struct cs_tensor empty = cs_tensor_view(numbers, CS_SHAPE(0));
	struct cs_range range = cs_tensor_range(&tensor);

	(void)state;
	assert_true(range.min == -4 && range.max == 3 && fabs(range.norm - 5) < 1e-12);
	assert_int_equal(range.nans, 1);
	range = cs_tensor_range(&bad);
	assert_true(range.min == 0 && range.max == 0 && range.nans == 1);
	range = cs_tensor_range(&empty);
	assert_true(range.min == 0 && range.max == 0 && range.norm == 0);
}

static void a_batch_has_room_for_its_images(void **state)
{
	struct cs_batch batch;
	long n = 1;

	(void)state;
	for (;; n++) {
		struct cs_error error;
		enum cs_status status;

		cs_alloc_fail_after(n);
		status = cs_batch_init(&batch, 4, CS_SHAPE(8, 9, 3), &error);
		cs_alloc_fail_after(0);
		if (!status)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
	}
	assert_int_equal(n, 4);
	assert_true(cs_shape_equal(&batch.images.shape, &CS_SHAPE(4, 8, 9, 3)));
	assert_int_equal(batch.count, 0);
	assert_null(batch.targets);
	batch.labels[3] = 1;
	batch.index[3] = 1;
	cs_batch_fini(&batch);
	cs_batch_fini(&batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes_read_as_products),
		cmocka_unit_test(shapes_are_equal_when_all_sizes_are),
		cmocka_unit_test(a_new_tensor_is_zero_aligned_and_owned),
		cmocka_unit_test(an_empty_tensor_is_no_error),
		cmocka_unit_test(sizes_beyond_memory_are_refused_with_their_shape),
		cmocka_unit_test(slices_and_views_share_memory),
		cmocka_unit_test(ranges_count_nans_apart),
		cmocka_unit_test(a_batch_has_room_for_its_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
