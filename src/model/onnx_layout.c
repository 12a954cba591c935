/* onnx_layout.c: nodes of an ONNX graph that change how the flow is laid out and compute nothing. See onnx_import.h.
 *
 * Our maps are always h,w,c; ONNX has n,c,h,w, or n,h,w,c between two transposes. What a node does to its layout is only remembered;
 * it shows in the one place where memory becomes a row: a flatten in c,h,w order leaves the order for the weights behind it.
 */
#include "model/onnx_import.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void cs_onnx_dims(const struct cs_onnx_flow *flow, int64_t dims[3])
{
	const struct cs_shape *shape = &flow->shape;

	for (int i = 0; i < flow->rank - 1; i++)
		dims[i] = shape->rank == 3 ? shape->dim[flow->order[i]] : i == flow->place ? shape->dim[0] : 1;
}

int cs_onnx_axis(const struct cs_onnx_flow *flow, int which)
{
	if (flow->shape.rank == 1)
		return flow->place + 1;
	for (int i = 0; i < 3; i++) {
		if (flow->order[i] == which)
			return i + 1;
	}
	return 0;
}

bool cs_onnx_channels_first(const struct cs_onnx_flow *flow)
{
	return flow->shape.rank == 3 && flow->order[0] == 2 && flow->order[1] == 0;
}

static const int first[3] = {2, 0, 1}, last[3] = {0, 1, 2};

const char *cs_onnx_dims_text(const struct cs_onnx_flow *flow, char *text, size_t size)
{
	struct cs_shape shape = {.rank = flow->rank - 1};

	cs_onnx_dims(flow, shape.dim);
	return cs_shape_text(&shape, text, size);
}

static enum cs_status refuse(
	const struct cs_onnx_node *node, const struct cs_onnx_flow *flow, const char *why, struct cs_error *error)
{
	char text[CS_SHAPE_TEXT];

	return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
		"%s (an image is %s here); convscope flattens maps, and turns them between "
		"channels first and last",
		why, cs_onnx_dims_text(flow, text, sizeof text));
}

/* Of a map channels first or last; of a row only the rank changes. */
enum cs_status cs_onnx_to_row(struct cs_onnx_import *import, const struct cs_onnx_node *node, int rank,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	struct cs_onnx_layer *layer;
	enum cs_status status;

	if (flow->shape.rank == 3) {
		int64_t cells = flow->shape.dim[0] * flow->shape.dim[1], channels = flow->shape.dim[2];

		if (!cs_onnx_channels_first(flow) && memcmp(flow->order, last, sizeof last) && cells > 1)
			return refuse(node, flow, "flattens a map whose axes are in another order", error);
		status = cs_onnx_layer(import, &cs_flatten_layer, node, NULL, flow, &layer, error);
		if (status)
			return status;
		if (cs_onnx_channels_first(flow) && cells > 1 && channels > 1)
			memcpy(flow->permute, flow->shape.dim, sizeof flow->permute);
		flow->shape = CS_SHAPE(cells * channels);
	}
	flow->rank = rank;
	flow->place = 0;
	return CS_OK;
}

/* The flow as dims[count] of one image, the same numbers in the same order. */
static enum cs_status view(struct cs_onnx_import *import, const struct cs_onnx_node *node, const int64_t *dims,
	int count, struct cs_onnx_flow *flow, struct cs_error *error)
{
	int64_t now[3], n = cs_shape_count(&flow->shape);
	bool map = flow->shape.rank == 3;

	cs_onnx_dims(flow, now);
	if (count == flow->rank - 1 && !memcmp(now, dims, (size_t)count * sizeof *dims))
		return CS_OK;
	if (count == 1)
		return cs_onnx_to_row(import, node, 2, flow, error);
	/* a map of one channel, or of one cell, is the same channels first and last */
	if (map && count == 3 && (flow->shape.dim[2] == 1 || flow->shape.dim[0] * flow->shape.dim[1] == 1)) {
		struct cs_onnx_flow other = *flow;

		for (int i = 0; i < 2; i++) {
			memcpy(other.order, i ? last : first, sizeof other.order);
			cs_onnx_dims(&other, now);
			if (!memcmp(now, dims, sizeof now)) {
				*flow = other;
				return CS_OK;
			}
		}
	}
	/* a row, or a map of one cell, whose other dimensions are 1 */
	if (count > 1 && count <= 3 && (dims[0] == n || dims[count - 1] == n)) {
		bool cell = map && count == 3 && flow->shape.dim[0] * flow->shape.dim[1] == 1;
		enum cs_status status = cell ? CS_OK : cs_onnx_to_row(import, node, count + 1, flow, error);

		if (status)
			return status;
		if (cell)
			memcpy(flow->order, dims[0] == n ? first : last, sizeof flow->order);
		flow->place = dims[0] == n ? 0 : count - 1;
		return CS_OK;
	}
	return refuse(node, flow, "gives the numbers a shape that is none of a map or a row", error);
}

enum cs_status cs_onnx_flatten(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	int64_t axis = 1;
	enum cs_status status = cs_onnx_int(node, "axis", &axis, error);

	if (status)
		return status;
	if (axis != 1 && axis != 1 - flow->rank)
		return refuse(node, flow, "flattens images into one another", error);
	return cs_onnx_to_row(import, node, 2, flow, error);
}

enum cs_status cs_onnx_reshape(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	int64_t target[CS_ONNX_MAX_RANK], now[3], known = 1, numbers = cs_shape_count(&flow->shape), allow_zero = 0;
	int count, open = -1;
	enum cs_status status = cs_onnx_list(import, node, "shape", 1, target, CS_ONNX_MAX_RANK, &count, error);

	if (!status)
		status = cs_onnx_int(node, "allowzero", &allow_zero, error);
	if (status)
		return status;
	if (count < 2)
		return refuse(node, flow, "gives the numbers of all images one shape", error);
	cs_onnx_dims(flow, now);
	for (int i = 0; i < count; i++) {
		if (target[i] == 0 && !allow_zero && i < flow->rank)
			target[i] = i ? now[i - 1] : CS_ONNX_BATCH;
		if (i && target[i] == -1 && open < 0)
			open = i;
		else if (i && (target[i] < 1 || __builtin_mul_overflow(known, target[i], &known)))
			return refuse(node, flow, "gives the numbers a shape that does not fit", error);
	}
	if (open > 0)
		target[open] = known && numbers % known == 0 ? numbers / known : 0;
	/* the images stay apart: the first dimension is theirs */
	if ((open > 0 ? target[open] * known : known) != numbers || (open > 0 && target[0] == -1) ||
		(target[0] != CS_ONNX_BATCH && target[0] != -1 && target[0] != import->batch))
		return refuse(node, flow, "gives the numbers a shape that does not fit, or mixes images", error);
	return view(import, node, target + 1, count - 1, flow, error);
}

/* Squeeze leaves out axes of 1; without a list all of them. */
enum cs_status cs_onnx_squeeze(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	int64_t axes[CS_ONNX_MAX_RANK], now[3], dims[3];
	bool gone[4] = {false};
	int count, kept = 0;
	enum cs_status status = cs_onnx_list(import, node, "axes", 1, axes, CS_ONNX_MAX_RANK, &count, error);

	if (status)
		return status;
	cs_onnx_dims(flow, now);
	for (int i = 0; i < count; i++) {
		int64_t axis = axes[i] < 0 ? axes[i] + flow->rank : axes[i];

		if (axis < 1 || axis >= flow->rank || now[axis - 1] != 1)
			return refuse(node, flow, "takes an axis away that is not of size 1", error);
		gone[axis] = true;
	}
	for (int i = 1; i < flow->rank; i++) {
		if (count < 0 ? now[i - 1] != 1 : !gone[i])
			dims[kept++] = now[i - 1];
	}
	if (kept == 0)
		dims[kept++] = 1;
	return view(import, node, dims, kept, flow, error);
}

enum cs_status cs_onnx_unsqueeze(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	int64_t axes[CS_ONNX_MAX_RANK], now[3], dims[CS_ONNX_MAX_RANK + 3];
	bool added[CS_ONNX_MAX_RANK + 4] = {false};
	int count, rank, next = 0;
	enum cs_status status = cs_onnx_list(import, node, "axes", 1, axes, CS_ONNX_MAX_RANK, &count, error);

	if (status)
		return status;
	rank = flow->rank + (count > 0 ? count : 0);
	for (int i = 0; i < count; i++) {
		int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];

		if (axis < 1 || axis >= rank || added[axis])
			return refuse(node, flow, "adds an axis before the images'", error);
		added[axis] = true;
	}
	cs_onnx_dims(flow, now);
	for (int i = 1; i < rank; i++)
		dims[i - 1] = added[i] ? 1 : now[next++];
	return view(import, node, dims, rank - 1, flow, error);
}

enum cs_status cs_onnx_transpose(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	int64_t perm[4] = {0};
	int order[3];
	enum cs_status status;

	(void)import;
	for (int i = 0; i < flow->rank; i++)
		perm[i] = flow->rank - 1 - i;
	status = cs_onnx_ints(node, "perm", flow->rank, 0, flow->rank - 1, perm, error);
	if (status)
		return status;
	for (int i = 0; i < flow->rank; i++) {
		for (int k = 0; k < i; k++) {
			if (perm[i] == perm[k])
				return cs_onnx_fail(node, CS_ERR_FORMAT, error, "names an axis twice");
		}
	}
	if (perm[0] == 0 && flow->shape.rank == 3) {
		for (int i = 0; i < 3; i++)
			order[i] = flow->order[perm[i + 1] - 1];
		memcpy(flow->order, order, sizeof order);
		return CS_OK;
	}
	for (int i = 1; i < flow->rank && perm[0] == 0; i++) {
		if (perm[i] == flow->place + 1) {
			flow->place = i - 1;
			return CS_OK;
		}
	}
	return refuse(node, flow, "turns the axes in another way", error);
}
