/* tensor.c: shapes and float32 storage. See tensor.h. */
#include "core/tensor.h"

#include "core/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

int64_t cs_shape_count(const struct cs_shape *shape)
{
	int64_t count = 1;

	for (int i = 0; i < shape->rank; i++)
		count *= shape->dim[i];
	return count;
}

bool cs_shape_equal(const struct cs_shape *a, const struct cs_shape *b)
{
	if (a->rank != b->rank)
		return false;
	for (int i = 0; i < a->rank; i++) {
		if (a->dim[i] != b->dim[i])
			return false;
	}
	return true;
}

const char *cs_shape_text(const struct cs_shape *shape, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "scalar");
	for (int i = 0; i < shape->rank && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, i ? "x%" PRId64 : "%" PRId64, shape->dim[i]);
	return text;
}

enum cs_status cs_tensor_init(struct cs_tensor *tensor, struct cs_shape shape, struct cs_error *error)
{
	char text[CS_SHAPE_TEXT];
	size_t bytes = sizeof(float);
	float *data;

	for (int i = 0; i < shape.rank; i++) {
		assert(shape.dim[i] >= 0);
		if (__builtin_mul_overflow(bytes, (size_t)shape.dim[i], &bytes))
			return cs_fail(error, CS_ERR_MEMORY, "a tensor of %s numbers is too large",
				cs_shape_text(&shape, text, sizeof text));
	}
	data = cs_alloc_large(bytes);
	if (!data)
		return cs_fail(error, CS_ERR_MEMORY, "not enough memory for a tensor of %s numbers (%.1f MB)",
			cs_shape_text(&shape, text, sizeof text), (double)bytes / 1e6);
	*tensor = (struct cs_tensor){.shape = shape, .data = data, .owned = true};
	return CS_OK;
}

struct cs_tensor cs_tensor_view(float *data, struct cs_shape shape)
{
	return (struct cs_tensor){.shape = shape, .data = data, .owned = false};
}

struct cs_tensor cs_tensor_slice(const struct cs_tensor *tensor, int64_t first, int64_t count)
{
	struct cs_tensor slice = *tensor;

	assert(tensor->shape.rank > 0 && first >= 0 && first + count <= tensor->shape.dim[0]);
	slice.shape.dim[0] = 1;
	slice.data += first * cs_shape_count(&slice.shape);
	slice.shape.dim[0] = count;
	slice.owned = false;
	return slice;
}

void cs_tensor_fini(struct cs_tensor *tensor)
{
	if (tensor->owned)
		cs_free(tensor->data);
	*tensor = (struct cs_tensor){0};
}

struct cs_range cs_tensor_range(const struct cs_tensor *tensor)
{
	struct cs_range range = {.min = INFINITY, .max = -INFINITY};
	int64_t count = cs_tensor_count(tensor);
	double sum = 0;

	for (int64_t i = 0; i < count; i++) {
		float x = tensor->data[i];

		if (isnan(x)) {
			range.nans++;
			continue;
		}
		range.min = x < range.min ? x : range.min;
		range.max = x > range.max ? x : range.max;
		sum += (double)x * x;
	}
	if (range.nans == count)
		range.min = range.max = 0;
	range.norm = sqrt(sum);
	return range;
}
