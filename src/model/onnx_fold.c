/* onnx_fold.c: nodes of an ONNX graph that compute constants. See onnx_import.h; those that only lay constants out anew are in
 * onnx_fold_shape.c.
 *
 * Exporters write x.view(x.size(0), -1) as Shape, Gather, Unsqueeze, Concat and Reshape. Such chains are worked out here over
 * short lists of integers, in which CS_ONNX_BATCH stands for the number of images: it may be passed on, not computed with. Of large
 * constants only the shape changes; their numbers stay where they are.
 */
#include "model/onnx_fold.h"
#include "core/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum cs_status (*fold)(struct cs_onnx_folding *, struct cs_error *);

struct cs_onnx_constant *cs_onnx_fold_input(const struct cs_onnx_folding *f, int i)
{
	return i < f->node->in_count && f->node->values[i] ? &f->node->values[i]->constant : NULL;
}

enum cs_status cs_onnx_fold_missing(const struct cs_onnx_folding *f, struct cs_error *error)
{
	return cs_onnx_fail(f->node, CS_ERR_FORMAT, error, "lacks an input");
}

enum cs_status cs_onnx_fold_integers(
	const struct cs_onnx_folding *f, int i, struct cs_onnx_constant **out, struct cs_error *error)
{
	struct cs_onnx_constant *constant = cs_onnx_fold_input(f, i);
	enum cs_status status;

	if (!constant)
		return cs_onnx_fold_missing(f, error);
	status = cs_onnx_need_integers(f->import, constant, error);
	if (status)
		return cs_error_prefix(error, "node '%.120s' (%.60s): its input %d", f->node->name, f->node->op, i);
	*out = constant;
	return CS_OK;
}

enum cs_status cs_onnx_fold_make(struct cs_onnx_folding *f, int rank, int64_t count, struct cs_error *error)
{
	if (count > CS_ONNX_FOLD_MOST)
		return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error,
			"computes %" PRId64 " constants; convscope does up to %d", count, CS_ONNX_FOLD_MOST);
	f->out.rank = rank;
	f->out.count = count;
	if (rank == 1)
		f->out.dims[0] = count;
	f->out.integer = true;
	f->out.integers = cs_calloc((size_t)count + 1, sizeof *f->out.integers);
	return f->out.integers ? CS_OK : cs_fail_memory(error, "an ONNX graph");
}

enum cs_status cs_onnx_fold_copy(struct cs_onnx_folding *f, struct cs_error *error)
{
	const struct cs_onnx_constant *from = cs_onnx_fold_input(f, 0);
	enum cs_status status = CS_OK;

	if (!from)
		return cs_onnx_fold_missing(f, error);
	f->out = *from;
	f->out.integers = NULL;
	f->out.floats = NULL;
	if (from->tensor >= 0)
		return CS_OK;
	if (from->integers) {
		f->out.integers = cs_alloc(((size_t)from->count + 1) * sizeof *from->integers);
		status = f->out.integers ? CS_OK : cs_fail_memory(error, "an ONNX graph");
		if (!status)
			memcpy(f->out.integers, from->integers, (size_t)from->count * sizeof *from->integers);
	}
	if (from->floats && !status) {
		f->import->computed += from->count;
		if (f->import->computed > f->import->limit)
			return cs_onnx_fail(f->node, CS_ERR_MEMORY, error, "copies constants without end");
		f->out.floats = cs_alloc(((size_t)from->count + 1) * sizeof *from->floats);
		status = f->out.floats ? CS_OK : cs_fail_memory(error, "an ONNX graph");
		if (!status)
			memcpy(f->out.floats, from->floats, (size_t)from->count * sizeof *from->floats);
	}
	return status;
}

static enum cs_status fold_constant(struct cs_onnx_folding *f, struct cs_error *error)
{
	static const char *const keys[] = {"value_int", "value_ints", "value_float", "value_floats"};
	const json_t *value = NULL;
	const char *infinite;
	size_t count;
	enum cs_status status;

	if (json_object_get(f->node->attributes, "value"))
		return cs_onnx_attribute_tensor(f->import, f->node, "value", &f->out, error);
	for (int i = 0; i < 4 && !value; i++)
		value = json_object_get(f->node->attributes, keys[i]);
	infinite = json_string_value(json_object_get(value, "real"));
	if (!json_is_array(value) && !json_is_number(value) && !infinite)
		return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error, "holds no number, list or tensor");
	count = json_is_array(value) ? json_array_size(value) : 1;
	status = cs_onnx_fold_make(f, json_is_array(value), (int64_t)count, error);
	if (status)
		return status;
	f->out.floats = cs_calloc(count + 1, sizeof *f->out.floats);
	if (!f->out.floats)
		return cs_fail_memory(error, "an ONNX graph");
	for (size_t i = 0; i < count; i++) {
		const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;

		f->out.integer = f->out.integer && json_is_integer(one);
		f->out.integers[i] = json_integer_value(one);
		f->out.floats[i] = (float)json_number_value(one);
	}
	if (infinite) {
		f->out.integer = false;
		f->out.floats[0] = *infinite == '-' ? -INFINITY : INFINITY;
	}
	return CS_OK;
}

/* Of the flow too: that is what this is for. */
static enum cs_status fold_shape(struct cs_onnx_folding *f, struct cs_error *error)
{
	const struct cs_onnx_value *value = f->node->values[0];
	int64_t dims[CS_ONNX_MAX_RANK], start = 0, end = INT64_MAX, rank;
	enum cs_status status;

	if (!value)
		return cs_onnx_fold_missing(f, error);
	if (value->flows) {
		dims[0] = CS_ONNX_BATCH;
		cs_onnx_dims(&value->flow, dims + 1);
		rank = value->flow.rank;
	} else {
		rank = value->constant.rank;
		memcpy(dims, value->constant.dims, sizeof dims);
	}
	status = cs_onnx_int(f->node, "start", &start, error);
	if (!status)
		status = cs_onnx_int(f->node, "end", &end, error);
	if (status)
		return status;
	start = start < 0 ? start + rank : start;
	end = end < 0 ? end + rank : end > rank ? rank : end;
	if (start < 0 || start > end)
		start = end = 0;
	status = cs_onnx_fold_make(f, 1, end - start, error);
	for (int64_t i = start; i < end && !status; i++)
		f->out.integers[i - start] = dims[i];
	return status;
}

static enum cs_status fold_gather(struct cs_onnx_folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *data, *at;
	enum cs_status status = cs_onnx_fold_integers(f, 0, &data, error);

	if (!status)
		status = cs_onnx_fold_integers(f, 1, &at, error);
	if (!status && data->rank != 1)
		status = cs_onnx_fail(
			f->node, CS_ERR_UNSUPPORTED, error, "picks from a table; convscope picks from lists");
	if (!status)
		status = cs_onnx_fold_make(f, at->rank ? 1 : 0, at->count, error);
	for (int64_t i = 0; !status && i < at->count; i++) {
		int64_t index = at->integers[i] < 0 && at->integers[i] >= -data->count ? at->integers[i] + data->count
										       : at->integers[i];

		if (index < 0 || index >= data->count)
			return cs_onnx_fail(f->node, CS_ERR_FORMAT, error, "picks number %" PRId64 " of %" PRId64,
				at->integers[i], data->count);
		f->out.integers[i] = data->integers[index];
	}
	return status;
}

static enum cs_status fold_concat(struct cs_onnx_folding *f, struct cs_error *error)
{
	int64_t count = 0, at = 0;
	struct cs_onnx_constant *part;
	enum cs_status status = CS_OK;

	for (int i = 0; i < f->node->in_count && !status; i++) {
		status = cs_onnx_fold_integers(f, i, &part, error);
		if (!status && part->rank > 1)
			status =
				cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error, "joins tables; convscope joins lists");
		count += status ? 0 : part->count;
	}
	if (!status)
		status = cs_onnx_fold_make(f, 1, count, error);
	for (int i = 0; i < f->node->in_count && !status; i++) {
		part = cs_onnx_fold_input(f, i);
		memcpy(f->out.integers + at, part->integers, (size_t)part->count * sizeof *part->integers);
		at += part->count;
	}
	return status;
}

static enum cs_status fold_cast(struct cs_onnx_folding *f, struct cs_error *error)
{
	int64_t type = 0;
	enum cs_status status = cs_onnx_int(f->node, "to", &type, error);

	if (!status)
		status = cs_onnx_fold_copy(f, error);
	if (status)
		return status;
	/* Between floats numbers are read as float32 whatever they are; whole numbers stay so, and can be read as floats. */
	if (!f->out.integer && cs_onnx_is_integer((int)type)) {
		struct cs_onnx_constant *from = cs_onnx_fold_input(f, 0);

		status = cs_onnx_need_floats(f->import, from, error);
		cs_onnx_constant_fini(&f->out);
		if (!status)
			status = cs_onnx_fold_make(f, from->rank, from->count, error);
		memcpy(f->out.dims, from->dims, sizeof f->out.dims);
		f->out.tensor = -1;
		for (int64_t i = 0; i < from->count && !status; i++)
			f->out.integers[i] = isfinite(from->floats[i]) && fabsf(from->floats[i]) < 9e18f
				? (int64_t)from->floats[i]
				: 0;
	}
	return status;
}

/* Sums and products of integers; of floats, where both are short. */
static enum cs_status fold_arithmetic(struct cs_onnx_folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *a = cs_onnx_fold_input(f, 0), *b = cs_onnx_fold_input(f, 1);
	const char *op = f->node->op;
	enum cs_status status;

	if (!a || !b)
		return cs_onnx_fold_missing(f, error);
	if (a->count > CS_ONNX_FOLD_MOST || b->count > CS_ONNX_FOLD_MOST ||
		(a->count != b->count && a->count != 1 && b->count != 1))
		return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error,
			"computes weights from constants: export the model with constants folded "
			"(do_constant_folding)");
	if (!a->integer || !b->integer) {
		float *sum;

		status = cs_onnx_need_floats(f->import, a, error);
		if (!status)
			status = cs_onnx_need_floats(f->import, b, error);
		if (!status)
			status = cs_onnx_fold_make(f, 0, a->count > b->count ? a->count : b->count, error);
		if (status)
			return status;
		cs_free(f->out.integers);
		f->out.integers = NULL;
		f->out.integer = false;
		f->out.floats = sum = cs_calloc((size_t)f->out.count + 1, sizeof *sum);
		if (!sum)
			return cs_fail_memory(error, "an ONNX graph");
		for (int64_t i = 0; i < f->out.count; i++) {
			float x = a->floats[a->count == 1 ? 0 : i], y = b->floats[b->count == 1 ? 0 : i];

			sum[i] = *op == 'A' ? x + y : *op == 'S' ? x - y : *op == 'M' ? x * y : x / y;
		}
	} else {
		status = cs_onnx_fold_integers(f, 0, &a, error);
		if (!status)
			status = cs_onnx_fold_integers(f, 1, &b, error);
		if (!status)
			status = cs_onnx_fold_make(f, 0, a->count > b->count ? a->count : b->count, error);
		for (int64_t i = 0; !status && i < f->out.count; i++) {
			int64_t x = a->integers[a->count == 1 ? 0 : i], y = b->integers[b->count == 1 ? 0 : i],
				*sum = &f->out.integers[i];
			bool bad = x == CS_ONNX_BATCH || y == CS_ONNX_BATCH;

			/* times or divided by one, plus or minus nothing, the batch stays what it is */
			if (bad &&
				(y == ((*op == 'M' || *op == 'D') ? 1 : 0) || (x == 1 && *op == 'M') ||
					(x == 0 && *op == 'A'))) {
				*sum = CS_ONNX_BATCH;
				continue;
			}
			if (!bad)
				bad = *op == 'A'     ? __builtin_add_overflow(x, y, sum)
					: *op == 'S' ? __builtin_sub_overflow(x, y, sum)
					: *op == 'M' ? __builtin_mul_overflow(x, y, sum)
						     : y == 0 || (x == INT64_MIN && y == -1);
			if (!bad && *op == 'D')
				*sum = x / y;
			if (bad)
				return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error,
					"computes with the number of images, or past what integers hold");
		}
	}
	if (!status) {
		const struct cs_onnx_constant *longer = a->rank >= b->rank && a->count >= b->count ? a : b;

		f->out.rank = longer->rank;
		memcpy(f->out.dims, longer->dims, sizeof f->out.dims);
	}
	return status;
}

/* All the same number, of a shape that is an input. */
static enum cs_status fold_fill(struct cs_onnx_folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *shape, one = {.tensor = -1};
	int64_t count = 1;
	float value = 0;
	enum cs_status status = cs_onnx_fold_integers(f, 0, &shape, error);

	for (int64_t i = 0; !status && i < shape->count; i++) {
		if (i >= CS_ONNX_MAX_RANK || shape->integers[i] < 0 ||
			__builtin_mul_overflow(count, shape->integers[i], &count) || count > CS_ONNX_FOLD_MOST)
			return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error,
				"makes a constant of more than %d numbers", CS_ONNX_FOLD_MOST);
	}
	if (!status && json_object_get(f->node->attributes, "value")) {
		status = cs_onnx_attribute_tensor(f->import, f->node, "value", &one, error);
		if (!status)
			status = cs_onnx_scalar(f->import, f->node, &one, &value, error);
	}
	if (!status)
		status = cs_onnx_fold_make(f, (int)shape->count, count, error);
	if (!status) {
		f->out.floats = cs_calloc((size_t)count + 1, sizeof *f->out.floats);
		status = f->out.floats ? CS_OK : cs_fail_memory(error, "an ONNX graph");
	}
	for (int64_t i = 0; !status && i < count; i++) {
		f->out.floats[i] = value;
		f->out.integers[i] = isfinite(value) && fabsf(value) < 9e18f ? (int64_t)value : 0;
	}
	if (!status) {
		memcpy(f->out.dims, shape->integers, (size_t)shape->count * sizeof *f->out.dims);
		f->out.integer = one.tensor >= 0 && one.integer;
	}
	cs_onnx_constant_fini(&one);
	return status;
}

static enum cs_status fold_product(struct cs_onnx_folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *data;
	int64_t product = 1, keep = 1;
	enum cs_status status = cs_onnx_fold_integers(f, 0, &data, error);

	if (!status)
		status = cs_onnx_int(f->node, "keepdims", &keep, error);
	for (int64_t i = 0; !status && i < data->count; i++) {
		if (data->integers[i] == CS_ONNX_BATCH || __builtin_mul_overflow(product, data->integers[i], &product))
			return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error, "computes with the number of images");
	}
	if (!status)
		status = cs_onnx_fold_make(f, keep != 0, 1, error);
	if (!status)
		f->out.integers[0] = product;
	return status;
}

static const struct {
	const char *op;
	fold fold;
} folds[] = {
	{"Constant", fold_constant},
	{"Identity", cs_onnx_fold_copy},
	{"Cast", fold_cast},
	{"CastLike", cs_onnx_fold_copy},
	{"Expand", cs_onnx_fold_expand},
	{"Shape", fold_shape},
	{"Gather", fold_gather},
	{"Concat", fold_concat},
	{"Slice", cs_onnx_fold_slice},
	{"Reshape", cs_onnx_fold_reshape},
	{"Unsqueeze", cs_onnx_fold_unsqueeze},
	{"Squeeze", cs_onnx_fold_squeeze},
	{"Transpose", cs_onnx_fold_transpose},
	{"Add", fold_arithmetic},
	{"Sub", fold_arithmetic},
	{"Mul", fold_arithmetic},
	{"Div", fold_arithmetic},
	{"ConstantOfShape", fold_fill},
	{"ReduceProd", fold_product},
};

enum cs_status cs_onnx_fold(
	struct cs_onnx_import *import, const struct cs_onnx_node *node, bool *done, struct cs_error *error)
{
	struct cs_onnx_folding f = {.import = import, .node = node, .out = {.tensor = -1}};
	struct cs_onnx_value *value;
	enum cs_status status;

	*done = false;
	for (size_t i = 0; i < sizeof folds / sizeof *folds; i++) {
		if (strcmp(node->op, folds[i].op))
			continue;
		*done = true;
		status = folds[i].fold(&f, error);
		if (!status)
			status = cs_onnx_add(import, node->out, &value, error);
		if (status)
			cs_onnx_constant_fini(&f.out);
		else
			value->constant = f.out;
		return status;
	}
	return CS_OK;
}
