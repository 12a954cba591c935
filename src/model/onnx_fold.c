/* onnx_fold.c: nodes of an ONNX graph that compute constants: shapes, and weights under another shape. See onnx_import.h.
 *
 * Exporters write x.view(x.size(0), -1) as Shape, Gather, Unsqueeze, Concat and Reshape. Such chains are worked out here over
 * short lists of integers, in which CS_ONNX_BATCH stands for the number of images: it may be passed on, not computed with. Of large
 * constants only the shape changes; their numbers stay where they are.
 */
#include "core/alloc.h"
#include "model/onnx_import.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096 /* numbers in a constant that is computed */ };

/* The result of a node, and the inputs it is made from. */
struct folding {
	struct cs_onnx_import *import;
	const struct cs_onnx_node *node;
	struct cs_onnx_constant out;
};

typedef enum cs_status (*fold)(struct folding *, struct cs_error *);

static struct cs_onnx_constant *input(const struct folding *f, int i)
{
	return i < f->node->in_count && f->node->values[i] ? &f->node->values[i]->constant : NULL;
}

static enum cs_status missing(const struct folding *f, struct cs_error *error)
{
	return cs_onnx_fail(f->node, CS_ERR_FORMAT, error, "lacks an input");
}

/* The integers of input i. */
static enum cs_status integers(const struct folding *f, int i, struct cs_onnx_constant **out, struct cs_error *error)
{
	struct cs_onnx_constant *constant = input(f, i);
	enum cs_status status;

	if (!constant)
		return missing(f, error);
	status = cs_onnx_need_integers(f->import, constant, error);
	if (status)
		return cs_error_prefix(error, "node '%.120s' (%.60s): its input %d", f->node->name, f->node->op, i);
	*out = constant;
	return CS_OK;
}

/* Room for a result of integers. */
static enum cs_status make(struct folding *f, int rank, int64_t count, struct cs_error *error)
{
	if (count > MOST)
		return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error,
			"computes %" PRId64 " constants; convscope does up to %d", count, MOST);
	f->out.rank = rank;
	f->out.count = count;
	if (rank == 1)
		f->out.dims[0] = count;
	f->out.integer = true;
	f->out.integers = cs_calloc((size_t)count + 1, sizeof *f->out.integers);
	return f->out.integers ? CS_OK : cs_fail_memory(error, "an ONNX graph");
}

/* The input's numbers as they are. */
static enum cs_status copy(struct folding *f, struct cs_error *error)
{
	const struct cs_onnx_constant *from = input(f, 0);
	enum cs_status status = CS_OK;

	if (!from)
		return missing(f, error);
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

static enum cs_status fold_constant(struct folding *f, struct cs_error *error)
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
	status = make(f, json_is_array(value), (int64_t)count, error);
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
static enum cs_status fold_shape(struct folding *f, struct cs_error *error)
{
	const struct cs_onnx_value *value = f->node->values[0];
	int64_t dims[CS_ONNX_MAX_RANK], start = 0, end = INT64_MAX, rank;
	enum cs_status status;

	if (!value)
		return missing(f, error);
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
	status = make(f, 1, end - start, error);
	for (int64_t i = start; i < end && !status; i++)
		f->out.integers[i - start] = dims[i];
	return status;
}

static enum cs_status fold_gather(struct folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *data, *at;
	enum cs_status status = integers(f, 0, &data, error);

	if (!status)
		status = integers(f, 1, &at, error);
	if (!status && data->rank != 1)
		status = cs_onnx_fail(
			f->node, CS_ERR_UNSUPPORTED, error, "picks from a table; convscope picks from lists");
	if (!status)
		status = make(f, at->rank ? 1 : 0, at->count, error);
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

static enum cs_status fold_concat(struct folding *f, struct cs_error *error)
{
	int64_t count = 0, at = 0;
	struct cs_onnx_constant *part;
	enum cs_status status = CS_OK;

	for (int i = 0; i < f->node->in_count && !status; i++) {
		status = integers(f, i, &part, error);
		if (!status && part->rank > 1)
			status =
				cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error, "joins tables; convscope joins lists");
		count += status ? 0 : part->count;
	}
	if (!status)
		status = make(f, 1, count, error);
	for (int i = 0; i < f->node->in_count && !status; i++) {
		part = input(f, i);
		memcpy(f->out.integers + at, part->integers, (size_t)part->count * sizeof *part->integers);
		at += part->count;
	}
	return status;
}

/* Of each axis of a table of integers: from where, in which steps, how many. */
struct cut {
	int64_t first[CS_ONNX_MAX_RANK], step[CS_ONNX_MAX_RANK], count[CS_ONNX_MAX_RANK];
};

/* One axis of a cut as Slice means it: negative bounds count from the end, bounds outside mean the edge. */
static bool cut_axis(struct cut *cut, int64_t axis, int64_t size, int64_t start, int64_t end, int64_t step)
{
	int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;

	if (step == 0 || step == INT64_MIN)
		return false;
	start = start < 0 ? (start < -size ? low : start + size) : start;
	end = end < 0 ? (end < -size ? low : end + size) : end;
	start = start > high ? high : start;
	end = end > high ? high : end;
	cut->first[axis] = start;
	cut->step[axis] = step;
	if (step > 0)
		cut->count[axis] = end > start ? (end - start - 1) / step + 1 : 0;
	else
		cut->count[axis] = start > end ? (start - end - 1) / -step + 1 : 0;
	return true;
}

static enum cs_status fold_slice(struct folding *f, struct cs_error *error)
{
	static const char *const keys[] = {"starts", "ends", "axes", "steps"};
	int64_t lists[4][CS_ONNX_MAX_RANK], at[CS_ONNX_MAX_RANK] = {0}, total = 1;
	struct cut cut;
	int counts[4];
	struct cs_onnx_constant *data;
	enum cs_status status = integers(f, 0, &data, error);

	for (int i = 0; i < 4 && !status; i++)
		status =
			cs_onnx_list(f->import, f->node, keys[i], i + 1, lists[i], CS_ONNX_MAX_RANK, &counts[i], error);
	if (status)
		return status;
	if (counts[0] < 0 || counts[1] != counts[0] || (counts[2] >= 0 && counts[2] != counts[0]) ||
		(counts[3] >= 0 && counts[3] != counts[0]))
		return cs_onnx_fail(f->node, CS_ERR_FORMAT, error, "has lists of different lengths");
	for (int i = 0; i < data->rank; i++)
		cut_axis(&cut, i, data->dims[i], 0, data->dims[i], 1);
	for (int i = 0; i < counts[0]; i++) {
		int64_t axis = counts[2] >= 0 ? lists[2][i] : i;

		axis = axis < 0 ? axis + data->rank : axis;
		if (axis < 0 || axis >= data->rank ||
			!cut_axis(&cut, axis, data->dims[axis], lists[0][i], lists[1][i],
				counts[3] >= 0 ? lists[3][i] : 1))
			return cs_onnx_fail(f->node, CS_ERR_FORMAT, error,
				"cuts along an axis that is not there, or in steps of 0");
	}
	for (int i = 0; i < data->rank; i++)
		total *= cut.count[i];
	status = make(f, data->rank, total, error);
	if (!status)
		memcpy(f->out.dims, cut.count, sizeof f->out.dims);
	for (int64_t n = 0; !status && n < total; n++) {
		int64_t from = 0;

		for (int i = 0; i < data->rank; i++)
			from = from * data->dims[i] + cut.first[i] + at[i] * cut.step[i];
		f->out.integers[n] = data->integers[from];
		for (int i = data->rank - 1; i >= 0 && ++at[i] == cut.count[i]; i--)
			at[i] = 0;
	}
	return status;
}

static enum cs_status fold_cast(struct folding *f, struct cs_error *error)
{
	int64_t type = 0;
	enum cs_status status = cs_onnx_int(f->node, "to", &type, error);

	if (!status)
		status = copy(f, error);
	if (status)
		return status;
	/* Between floats numbers are read as float32 whatever they are; whole numbers stay so, and can be read as floats. */
	if (!f->out.integer && cs_onnx_is_integer((int)type)) {
		struct cs_onnx_constant *from = input(f, 0);

		status = cs_onnx_need_floats(f->import, from, error);
		cs_onnx_constant_fini(&f->out);
		if (!status)
			status = make(f, from->rank, from->count, error);
		memcpy(f->out.dims, from->dims, sizeof f->out.dims);
		f->out.tensor = -1;
		for (int64_t i = 0; i < from->count && !status; i++)
			f->out.integers[i] = isfinite(from->floats[i]) && fabsf(from->floats[i]) < 9e18f
				? (int64_t)from->floats[i]
				: 0;
	}
	return status;
}

/* Another shape for the same numbers. */
static enum cs_status reshaped(struct folding *f, const int64_t *dims, int rank, struct cs_error *error)
{
	struct cs_onnx_constant *from = input(f, 0);
	int64_t count = 1;
	enum cs_status status = CS_OK;

	if (rank > CS_ONNX_MAX_RANK)
		return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error, "gives a constant %d dimensions", rank);
	/* What was turned must be turned before it can be read in another shape. */
	if (from && from->turned)
		status = cs_onnx_need_floats(f->import, from, error);
	if (!status && from && from->turned)
		from->tensor = -1;
	if (!status)
		status = copy(f, error);
	if (status)
		return status;
	f->out.turned = false;
	f->out.rank = rank;
	for (int i = 0; i < rank; i++) {
		f->out.dims[i] = dims[i];
		if (dims[i] < 0 || __builtin_mul_overflow(count, dims[i], &count))
			count = -1;
	}
	if (count != f->out.count)
		return cs_onnx_fail(f->node, CS_ERR_FORMAT, error,
			"gives %" PRId64 " constants a shape of another size", f->out.count);
	return CS_OK;
}

static enum cs_status fold_reshape(struct folding *f, struct cs_error *error)
{
	int64_t dims[CS_ONNX_MAX_RANK], known = 1;
	int count, open = -1;
	const struct cs_onnx_constant *from = input(f, 0);
	enum cs_status status = cs_onnx_list(f->import, f->node, "shape", 1, dims, CS_ONNX_MAX_RANK, &count, error);

	if (status)
		return status;
	if (!from || count < 0)
		return missing(f, error);
	for (int i = 0; i < count; i++) {
		if (dims[i] == 0 && i < from->rank)
			dims[i] = from->dims[i];
		if (dims[i] == -1)
			open = i;
		else if (__builtin_mul_overflow(known, dims[i], &known))
			known = 0;
	}
	if (open >= 0)
		dims[open] = known > 0 ? from->count / known : -1;
	return reshaped(f, dims, count, error);
}

/* Unsqueeze and Squeeze of constants: axes of 1 come and go. */
static enum cs_status fold_axes(struct folding *f, bool more, struct cs_error *error)
{
	int64_t axes[CS_ONNX_MAX_RANK] = {0}, dims[2 * CS_ONNX_MAX_RANK];
	const struct cs_onnx_constant *from = input(f, 0);
	bool named[2 * CS_ONNX_MAX_RANK] = {false};
	int count, rank, kept = 0, next = 0;
	enum cs_status status = cs_onnx_list(f->import, f->node, "axes", 1, axes, CS_ONNX_MAX_RANK, &count, error);

	if (status)
		return status;
	if (!from || (more && count < 0))
		return missing(f, error);
	rank = more ? from->rank + count : from->rank;
	for (int i = 0; i < count; i++) {
		int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];

		if (axis < 0 || axis >= rank || (!more && from->dims[axis] != 1))
			return cs_onnx_fail(f->node, CS_ERR_FORMAT, error, "has no axis %" PRId64, axes[i]);
		named[axis] = true;
	}
	for (int i = 0; i < rank; i++) {
		if (more)
			dims[kept++] = named[i] || next >= from->rank ? 1 : from->dims[next++];
		else if (count < 0 ? from->dims[i] != 1 : !named[i])
			dims[kept++] = from->dims[i];
	}
	return reshaped(f, dims, kept, error);
}

static enum cs_status fold_unsqueeze(struct folding *f, struct cs_error *error)
{
	return fold_axes(f, true, error);
}

static enum cs_status fold_squeeze(struct folding *f, struct cs_error *error)
{
	return fold_axes(f, false, error);
}

/* A short table of integers with its axes in another order. */
static enum cs_status turn_integers(struct folding *f, const int64_t *order, struct cs_error *error)
{
	int64_t strides[CS_ONNX_MAX_RANK], at[CS_ONNX_MAX_RANK] = {0}, stride = 1;
	struct cs_onnx_constant *from;
	enum cs_status status = integers(f, 0, &from, error);

	if (!status)
		status = make(f, from->rank, from->count, error);
	if (status)
		return status;
	for (int i = from->rank - 1; i >= 0; i--) {
		strides[i] = stride;
		stride *= from->dims[i];
	}
	for (int i = 0; i < from->rank; i++)
		f->out.dims[i] = from->dims[order[i]];
	for (int64_t n = 0; n < from->count; n++) {
		int64_t source = 0;

		for (int i = 0; i < from->rank; i++)
			source += at[i] * strides[order[i]];
		f->out.integers[n] = from->integers[source];
		for (int i = from->rank - 1; i >= 0 && ++at[i] == f->out.dims[i]; i--)
			at[i] = 0;
	}
	return CS_OK;
}

static enum cs_status fold_transpose(struct folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *from = input(f, 0);
	int64_t order[CS_ONNX_MAX_RANK];
	bool seen[CS_ONNX_MAX_RANK] = {false};
	enum cs_status status = CS_OK;

	if (!from)
		return missing(f, error);
	for (int i = 0; i < from->rank; i++)
		order[i] = from->rank - 1 - i;
	status = cs_onnx_ints(f->node, "perm", from->rank, 0, from->rank - 1, order, error);
	for (int i = 0; i < from->rank && !status; i++) {
		if (seen[order[i]])
			status = cs_onnx_fail(f->node, CS_ERR_FORMAT, error, "names an axis twice");
		seen[order[i]] = true;
	}
	if (!status && from->rank > 1 && from->integer && (from->tensor < 0 || from->count <= MOST))
		return turn_integers(f, order, error);
	if (!status && from->rank > 1 && (from->tensor < 0 || from->turned))
		status = cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error, "turns a constant that was computed");
	if (!status)
		status = copy(f, error);
	if (status || from->rank <= 1)
		return status;
	memcpy(f->out.from, from->dims, sizeof f->out.from);
	f->out.turned = true;
	for (int i = 0; i < from->rank; i++) {
		f->out.axes[i] = (int)order[i];
		f->out.dims[i] = from->dims[order[i]];
	}
	return CS_OK;
}

/* Sums and products of integers; of floats, where both are short. */
static enum cs_status fold_arithmetic(struct folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *a = input(f, 0), *b = input(f, 1);
	const char *op = f->node->op;
	enum cs_status status;

	if (!a || !b)
		return missing(f, error);
	if (a->count > MOST || b->count > MOST || (a->count != b->count && a->count != 1 && b->count != 1))
		return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error,
			"computes weights from constants: export the model with constants folded "
			"(do_constant_folding)");
	if (!a->integer || !b->integer) {
		float *sum;

		status = cs_onnx_need_floats(f->import, a, error);
		if (!status)
			status = cs_onnx_need_floats(f->import, b, error);
		if (!status)
			status = make(f, 0, a->count > b->count ? a->count : b->count, error);
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
		status = integers(f, 0, &a, error);
		if (!status)
			status = integers(f, 1, &b, error);
		if (!status)
			status = make(f, 0, a->count > b->count ? a->count : b->count, error);
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
static enum cs_status fold_fill(struct folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *shape, one = {.tensor = -1};
	int64_t count = 1;
	float value = 0;
	enum cs_status status = integers(f, 0, &shape, error);

	for (int64_t i = 0; !status && i < shape->count; i++) {
		if (i >= CS_ONNX_MAX_RANK || shape->integers[i] < 0 ||
			__builtin_mul_overflow(count, shape->integers[i], &count) || count > MOST)
			return cs_onnx_fail(
				f->node, CS_ERR_UNSUPPORTED, error, "makes a constant of more than %d numbers", MOST);
	}
	if (!status && json_object_get(f->node->attributes, "value")) {
		status = cs_onnx_attribute_tensor(f->import, f->node, "value", &one, error);
		if (!status)
			status = cs_onnx_scalar(f->import, f->node, &one, &value, error);
	}
	if (!status)
		status = make(f, (int)shape->count, count, error);
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

/* One number as often as a shape says; a constant that has the shape already. */
static enum cs_status fold_expand(struct folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *from = input(f, 0), *shape;
	int64_t dims[CS_ONNX_MAX_RANK], count = 1;
	enum cs_status status = integers(f, 1, &shape, error);

	if (!status && !from)
		status = missing(f, error);
	for (int64_t i = 0; !status && i < shape->count; i++) {
		if (i >= CS_ONNX_MAX_RANK || shape->integers[i] < 1 ||
			__builtin_mul_overflow(count, shape->integers[i], &count))
			return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error,
				"repeats a constant to a shape that has no fixed size");
		dims[i] = shape->integers[i];
	}
	if (status)
		return status;
	if (count == from->count)
		return reshaped(f, dims, (int)shape->count, error);
	if (from->count != 1 || count > CS_ONNX_MOST_INTEGERS || count > f->import->limit - f->import->computed)
		return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error, "repeats more than one number");
	status = cs_onnx_need_floats(f->import, from, error);
	if (status)
		return cs_error_prefix(error, "node '%.120s' (%.60s): its input", f->node->name, f->node->op);
	f->import->computed += count;
	f->out.rank = (int)shape->count;
	f->out.count = count;
	memcpy(f->out.dims, dims, sizeof f->out.dims);
	f->out.floats = cs_calloc((size_t)count, sizeof *f->out.floats);
	if (!f->out.floats)
		return cs_fail_memory(error, "an ONNX graph");
	for (int64_t i = 0; i < count; i++)
		f->out.floats[i] = from->floats[0];
	return CS_OK;
}

static enum cs_status fold_product(struct folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *data;
	int64_t product = 1, keep = 1;
	enum cs_status status = integers(f, 0, &data, error);

	if (!status)
		status = cs_onnx_int(f->node, "keepdims", &keep, error);
	for (int64_t i = 0; !status && i < data->count; i++) {
		if (data->integers[i] == CS_ONNX_BATCH || __builtin_mul_overflow(product, data->integers[i], &product))
			return cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error, "computes with the number of images");
	}
	if (!status)
		status = make(f, keep != 0, 1, error);
	if (!status)
		f->out.integers[0] = product;
	return status;
}

static const struct {
	const char *op;
	fold fold;
} folds[] = {
	{"Constant", fold_constant},
	{"Identity", copy},
	{"Cast", fold_cast},
	{"CastLike", copy},
	{"Expand", fold_expand},
	{"Shape", fold_shape},
	{"Gather", fold_gather},
	{"Concat", fold_concat},
	{"Slice", fold_slice},
	{"Reshape", fold_reshape},
	{"Unsqueeze", fold_unsqueeze},
	{"Squeeze", fold_squeeze},
	{"Transpose", fold_transpose},
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
	struct folding f = {.import = import, .node = node, .out = {.tensor = -1}};
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
