/* onnx_fold_shape.c: constants of an ONNX graph cut, turned or under another shape. See onnx_fold.h.
 *
 * Numbers of weights stay where they are: a shape and an order of axes are noted. Short tables of integers are moved.
 */
#include "core/alloc.h"
#include "model/onnx_fold.h"

#include <inttypes.h>
#include <string.h>

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

enum cs_status cs_onnx_fold_slice(struct cs_onnx_folding *f, struct cs_error *error)
{
	static const char *const keys[] = {"starts", "ends", "axes", "steps"};
	int64_t lists[4][CS_ONNX_MAX_RANK], at[CS_ONNX_MAX_RANK] = {0}, total = 1;
	struct cut cut;
	int counts[4];
	struct cs_onnx_constant *data;
	enum cs_status status = cs_onnx_fold_integers(f, 0, &data, error);

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
	status = cs_onnx_fold_make(f, data->rank, total, error);
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

/* Another shape for the same numbers. */
static enum cs_status reshaped(struct cs_onnx_folding *f, const int64_t *dims, int rank, struct cs_error *error)
{
	struct cs_onnx_constant *from = cs_onnx_fold_input(f, 0);
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
		status = cs_onnx_fold_copy(f, error);
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

enum cs_status cs_onnx_fold_reshape(struct cs_onnx_folding *f, struct cs_error *error)
{
	int64_t dims[CS_ONNX_MAX_RANK], known = 1;
	int count, open = -1;
	const struct cs_onnx_constant *from = cs_onnx_fold_input(f, 0);
	enum cs_status status = cs_onnx_list(f->import, f->node, "shape", 1, dims, CS_ONNX_MAX_RANK, &count, error);

	if (status)
		return status;
	if (!from || count < 0)
		return cs_onnx_fold_missing(f, error);
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
static enum cs_status fold_axes(struct cs_onnx_folding *f, bool more, struct cs_error *error)
{
	int64_t axes[CS_ONNX_MAX_RANK] = {0}, dims[2 * CS_ONNX_MAX_RANK];
	const struct cs_onnx_constant *from = cs_onnx_fold_input(f, 0);
	bool named[2 * CS_ONNX_MAX_RANK] = {false};
	int count, rank, kept = 0, next = 0;
	enum cs_status status = cs_onnx_list(f->import, f->node, "axes", 1, axes, CS_ONNX_MAX_RANK, &count, error);

	if (status)
		return status;
	if (!from || (more && count < 0))
		return cs_onnx_fold_missing(f, error);
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

enum cs_status cs_onnx_fold_unsqueeze(struct cs_onnx_folding *f, struct cs_error *error)
{
	return fold_axes(f, true, error);
}

enum cs_status cs_onnx_fold_squeeze(struct cs_onnx_folding *f, struct cs_error *error)
{
	return fold_axes(f, false, error);
}

/* A short table of integers with its axes in another order. */
static enum cs_status turn_integers(struct cs_onnx_folding *f, const int64_t *order, struct cs_error *error)
{
	int64_t strides[CS_ONNX_MAX_RANK], at[CS_ONNX_MAX_RANK] = {0}, stride = 1;
	struct cs_onnx_constant *from;
	enum cs_status status = cs_onnx_fold_integers(f, 0, &from, error);

	if (!status)
		status = cs_onnx_fold_make(f, from->rank, from->count, error);
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

enum cs_status cs_onnx_fold_transpose(struct cs_onnx_folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *from = cs_onnx_fold_input(f, 0);
	int64_t order[CS_ONNX_MAX_RANK];
	bool seen[CS_ONNX_MAX_RANK] = {false};
	enum cs_status status = CS_OK;

	if (!from)
		return cs_onnx_fold_missing(f, error);
	for (int i = 0; i < from->rank; i++)
		order[i] = from->rank - 1 - i;
	status = cs_onnx_ints(f->node, "perm", from->rank, 0, from->rank - 1, order, error);
	for (int i = 0; i < from->rank && !status; i++) {
		if (seen[order[i]])
			status = cs_onnx_fail(f->node, CS_ERR_FORMAT, error, "names an axis twice");
		seen[order[i]] = true;
	}
	if (!status && from->rank > 1 && from->integer && (from->tensor < 0 || from->count <= CS_ONNX_FOLD_MOST))
		return turn_integers(f, order, error);
	if (!status && from->rank > 1 && (from->tensor < 0 || from->turned))
		status = cs_onnx_fail(f->node, CS_ERR_UNSUPPORTED, error, "turns a constant that was computed");
	if (!status)
		status = cs_onnx_fold_copy(f, error);
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

/* One number as often as a shape says; a constant that has the shape already. */
enum cs_status cs_onnx_fold_expand(struct cs_onnx_folding *f, struct cs_error *error)
{
	struct cs_onnx_constant *from = cs_onnx_fold_input(f, 0), *shape;
	int64_t dims[CS_ONNX_MAX_RANK], count = 1;
	enum cs_status status = cs_onnx_fold_integers(f, 1, &shape, error);

	if (!status && !from)
		status = cs_onnx_fold_missing(f, error);
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
