/* onnx_windows.c: convolutions, pools and padding of an ONNX graph. See onnx_import.h.
 *
 * ONNX pads each side by any number; our windows are 'valid' or 'same' as TensorFlow has it. What is neither becomes a layer of zeros
 * before the window. For an average that counts the padding this is exact; for a maximum it is where nothing is below zero, since a
 * padded cell then never exceeds what is there. Other cases are refused.
 */
#include "model/onnx_import.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST_SIDE = 4096, MOST_PADDING = 1 << 16 };

/* How a window moves over the map. */
struct window {
	int64_t size[2], stride[2];
	int64_t before[2], after[2]; /* what is read beyond the map's edges */
	bool padded; /* the file says that there is padding, needed or not */
	bool beyond; /* a window reaches past the padding: ceil_mode */
	enum cs_padding padding;
	bool fits; /* valid or same says it all; else zeros must come before */
};

static enum cs_status need_map(const struct cs_onnx_node *node, const struct cs_onnx_flow *flow, struct cs_error *error)
{
	char text[CS_SHAPE_TEXT];

	if (cs_onnx_channels_first(flow))
		return CS_OK;
	return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
		"takes images of %s; convscope expects maps here, channels x rows x columns",
		cs_onnx_dims_text(flow, text, sizeof text));
}

/* The attributes that say where windows stand, resolved against the map at hand. */
static enum cs_status place(
	const struct cs_onnx_node *node, const struct cs_onnx_flow *flow, struct window *w, struct cs_error *error)
{
	const char *automatic = cs_onnx_word(node, "auto_pad", "NOTSET");
	int64_t pads[4] = {0}, dilations[2] = {1, 1}, ceiling = 0;
	bool valid = true, same = true;
	enum cs_status status;

	w->stride[0] = w->stride[1] = 1;
	status = cs_onnx_ints(node, "strides", 2, 1, MOST_SIDE, w->stride, error);
	if (!status)
		status = cs_onnx_ints(node, "pads", 4, 0, MOST_PADDING, pads, error);
	if (!status)
		status = cs_onnx_ints(node, "dilations", 2, 1, MOST_SIDE, dilations, error);
	if (!status)
		status = cs_onnx_int(node, "ceil_mode", &ceiling, error);
	if (status)
		return status;
	if (dilations[0] != 1 || dilations[1] != 1)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"is dilated by %" PRId64 "x%" PRId64 "; convscope knows no dilation", dilations[0],
			dilations[1]);
	for (int axis = 0; axis < 2; axis++) {
		int64_t in = flow->shape.dim[axis], k = w->size[axis], s = w->stride[axis], begin = pads[axis],
			end = pads[axis + 2];
		int64_t same_out = (in + s - 1) / s, total = (same_out - 1) * s + k - in, out;

		total = total > 0 ? total : 0;
		if (!strcmp(automatic, "SAME_UPPER") || !strcmp(automatic, "SAME_LOWER")) {
			begin = automatic[5] == 'U' ? total / 2 : total - total / 2;
			end = total - begin;
		} else if (!strcmp(automatic, "VALID")) {
			begin = end = 0;
		} else if (strcmp(automatic, "NOTSET") && *automatic) {
			return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "has auto_pad = %.40s", automatic);
		}
		w->padded = w->padded || begin || end;
		if (in + begin + end < k) {
			char text[CS_SHAPE_TEXT];

			return cs_onnx_fail(node, CS_ERR_SHAPE, error,
				"has a window of %" PRId64 "x%" PRId64 ", larger than its images of %s", w->size[0],
				w->size[1], cs_onnx_dims_text(flow, text, sizeof text));
		}
		out = (in + begin + end - k + (ceiling ? s - 1 : 0)) / s + 1;
		if (ceiling && (out - 1) * s >= in + begin)
			out--; /* the last window must begin inside */
		w->before[axis] = begin;
		w->after[axis] = (out - 1) * s + k - in - begin;
		w->after[axis] = w->after[axis] > 0 ? w->after[axis] : 0;
		w->beyond = w->beyond || w->after[axis] > end;
		valid = valid && !begin && !w->after[axis];
		same = same && out == same_out && begin == total / 2 && w->after[axis] == total - total / 2;
	}
	w->fits = valid || same;
	w->padding = valid ? CS_PADDING_VALID : CS_PADDING_SAME;
	return CS_OK;
}

static enum cs_status add_zeros(struct cs_onnx_import *import, const struct cs_onnx_node *node, const int64_t border[4],
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	struct cs_onnx_layer *layer;
	enum cs_status status = cs_onnx_layer(import, &cs_zeropad_layer, node, NULL, flow, &layer, error);

	if (status)
		return status;
	/* the window behind it has the better claim on the name */
	if (strcmp(node->op, "Pad"))
		*layer->base = '\0';
	memcpy(layer->spec.border, border, sizeof layer->spec.border);
	flow->shape.dim[0] += border[0] + border[1];
	flow->shape.dim[1] += border[2] + border[3];
	return CS_OK;
}

static enum cs_status add_border(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct window *w,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	int64_t border[4] = {w->before[0], w->after[0], w->before[1], w->after[1]};

	if (w->fits)
		return CS_OK;
	w->padding = CS_PADDING_VALID;
	return add_zeros(import, node, border, flow, error);
}

/* The map's size behind a window. */
static void advance(struct cs_onnx_flow *flow, const struct window *w)
{
	for (int axis = 0; axis < 2; axis++) {
		int64_t before;

		flow->shape.dim[axis] =
			cs_window_output(flow->shape.dim[axis], w->size[axis], w->stride[axis], w->padding, &before);
	}
}

/* A 1x1 convolution of what a global pool left is a dense layer. */
static enum cs_status conv_of_row(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_flow *flow, const struct cs_onnx_constant *kernel, struct cs_error *error)
{
	int64_t pads[4] = {0}, n = flow->shape.dim[0], out = kernel->dims[0];
	struct cs_onnx_layer *layer;
	enum cs_status status = cs_onnx_ints(node, "pads", 4, 0, MOST_PADDING, pads, error);

	if (status)
		return status;
	if (flow->rank != 4 || flow->place != 0 || kernel->dims[1] != n || kernel->dims[2] != 1 ||
		kernel->dims[3] != 1 || pads[0] || pads[1] || pads[2] || pads[3])
		return need_map(node, flow, error);
	status = cs_onnx_layer(import, &cs_dense_layer, node, node->in[1], flow, &layer, error);
	if (status)
		return status;
	layer->spec.features = out;
	layer->spec.bias = node->in_count > 2 && node->values[2];
	status = cs_onnx_weigh(import, node, layer, "kernel", 1, CS_ONNX_OUT_IN, n * out, error);
	if (!status && layer->spec.bias)
		status = cs_onnx_weigh(import, node, layer, "bias", 2, CS_ONNX_VECTOR, out, error);
	flow->shape.dim[0] = out;
	flow->positive = false;
	return status;
}

enum cs_status cs_onnx_conv(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	const struct cs_onnx_constant *kernel;
	int64_t groups = 1, declared[2], channels;
	struct window w = {0};
	struct cs_onnx_layer *layer;
	enum cs_status status = cs_onnx_int(node, "group", &groups, error);

	if (status)
		return status;
	if (node->in_count < 2 || !node->values[1] || node->values[1]->flows)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "has a kernel that is no constant");
	kernel = &node->values[1]->constant;
	if (kernel->rank != 4)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"has a kernel of %d dimensions; convscope convolves pictures", kernel->rank);
	if (groups != 1)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"has %" PRId64 " groups; convscope knows no grouped convolutions", groups);
	if (flow->shape.rank == 1)
		return conv_of_row(import, node, flow, kernel, error);
	status = need_map(node, flow, error);
	if (status)
		return status;
	channels = flow->shape.dim[2];
	for (int i = 0; i < 4; i++) {
		if (kernel->dims[i] < 1 || (i > 1 && kernel->dims[i] > MOST_SIDE))
			return cs_onnx_fail(node, CS_ERR_FORMAT, error,
				"has a kernel of %" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64, kernel->dims[0],
				kernel->dims[1], kernel->dims[2], kernel->dims[3]);
	}
	memcpy(w.size, kernel->dims + 2, sizeof w.size);
	memcpy(declared, w.size, sizeof declared);
	status = cs_onnx_ints(node, "kernel_shape", 2, 1, MOST_SIDE, declared, error);
	if (!status && (memcmp(declared, w.size, sizeof declared) || kernel->dims[1] != channels))
		status = cs_onnx_fail(node, CS_ERR_SHAPE, error,
			"has a kernel for %" PRId64 " channels of %" PRId64 "x%" PRId64
			" cells, but its input has %" PRId64 " channels",
			kernel->dims[1], w.size[0], w.size[1], channels);
	if (!status)
		status = place(node, flow, &w, error);
	if (!status)
		status = add_border(import, node, &w, flow, error);
	if (!status)
		status = cs_onnx_layer(import, &cs_conv_layer, node, node->in[1], flow, &layer, error);
	if (status)
		return status;
	layer->spec.features = kernel->dims[0];
	memcpy(layer->spec.kernel, w.size, sizeof w.size);
	memcpy(layer->spec.stride, w.stride, sizeof w.stride);
	layer->spec.padding = w.padding;
	layer->spec.bias = node->in_count > 2 && node->values[2];
	status = cs_onnx_weigh(import, node, layer, "kernel", 1, CS_ONNX_OIHW, kernel->count, error);
	if (!status && layer->spec.bias)
		status = cs_onnx_weigh(import, node, layer, "bias", 2, CS_ONNX_VECTOR, kernel->dims[0], error);
	advance(flow, &w);
	flow->shape.dim[2] = kernel->dims[0];
	flow->positive = false;
	return status;
}

enum cs_status cs_onnx_pool(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	bool max = *node->op == 'M', counts;
	int64_t count_padding = 0;
	struct window w = {0};
	struct cs_onnx_layer *layer;
	enum cs_status status = cs_onnx_int(node, "count_include_pad", &count_padding, error);

	if (!status)
		status = cs_onnx_ints(node, "kernel_shape", 2, 1, MOST_SIDE, w.size, error);
	if (status)
		return status;
	if (!w.size[0])
		return cs_onnx_fail(node, CS_ERR_FORMAT, error,
			"has no kernel_shape: it is damaged, or pools something else than pictures");
	/* adaptive pools of PyTorch to the size that is there already leave this behind */
	if (flow->shape.rank == 1 && flow->rank == 4 && w.size[0] == 1 && w.size[1] == 1)
		return CS_OK;
	status = need_map(node, flow, error);
	if (!status)
		status = place(node, flow, &w, error);
	if (status)
		return status;
	if (w.size[0] == 1 && w.size[1] == 1 && w.stride[0] == 1 && w.stride[1] == 1 && !w.padded)
		return CS_OK;
	counts = !max && count_padding && w.padded;
	if (max ? !w.fits && !flow->positive : counts ? w.beyond : !w.fits)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"pads its %s by %" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64
			" (top, left, bottom, right): convscope pools without padding or with 'same' (as TensorFlow "
			"pads)%s",
			max ? "maximum" : "average", w.before[0], w.before[1], w.after[0], w.after[1],
			max ? ", and otherwise only behind a ReLU" : "");
	w.fits = w.fits && !counts;
	status = add_border(import, node, &w, flow, error);
	if (!status)
		status = cs_onnx_layer(
			import, max ? &cs_maxpool_layer : &cs_avgpool_layer, node, NULL, flow, &layer, error);
	if (status)
		return status;
	memcpy(layer->spec.window, w.size, sizeof w.size);
	memcpy(layer->spec.stride, w.stride, sizeof w.stride);
	layer->spec.padding = w.padding;
	advance(flow, &w);
	return CS_OK;
}

/* Zeros around the map; around nothing else. */
enum cs_status cs_onnx_pad(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	const char *mode = cs_onnx_word(node, "mode", "constant");
	int64_t pads[2 * CS_ONNX_MAX_RANK], axes[CS_ONNX_MAX_RANK] = {0, 1, 2, 3}, border[4] = {0}, rows, columns;
	int count, named = -1;
	float value = 0;
	enum cs_status status = cs_onnx_list(
		import, node, import->opset < 2 ? "paddings" : "pads", 1, pads, 2 * CS_ONNX_MAX_RANK, &count, error);

	if (!status)
		status = cs_onnx_list(import, node, "axes", 3, axes, CS_ONNX_MAX_RANK, &named, error);
	if (!status)
		status = cs_onnx_float(node, "value", &value, error);
	if (!status && node->in_count > 2 && node->values[2])
		status = cs_onnx_scalar(import, node, &node->values[2]->constant, &value, error);
	if (status)
		return status;
	if (strcmp(mode, "constant") || value != 0)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "pads with %s; convscope pads with zeros",
			strcmp(mode, "constant") ? mode : "another number than 0");
	named = named < 0 ? flow->rank : named;
	if (count != 2 * named)
		return cs_onnx_fail(node, CS_ERR_FORMAT, error, "has %d pads for %d axes", count, named);
	rows = cs_onnx_axis(flow, 0);
	columns = cs_onnx_axis(flow, 1);
	for (int i = 0; i < count; i++) {
		int64_t axis = axes[i % named] < 0 ? axes[i % named] + flow->rank : axes[i % named];

		if (pads[i] == 0)
			continue;
		if (flow->shape.rank != 3 || (axis != rows && axis != columns) || pads[i] < 0 || pads[i] > MOST_PADDING)
			return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
				"pads axis %" PRId64 " by %" PRId64
				"; convscope pads rows and columns of maps, by 0 or more",
				axis, pads[i]);
		border[(axis == columns ? 2 : 0) + (i >= named)] = pads[i];
	}
	if (!border[0] && !border[1] && !border[2] && !border[3])
		return CS_OK;
	return add_zeros(import, node, border, flow, error);
}

static enum cs_status pool_all(struct cs_onnx_import *import, const struct cs_onnx_node *node, bool max, int rank,
	struct cs_onnx_flow *flow, struct cs_error *error)
{
	struct cs_onnx_layer *layer;
	enum cs_status status = cs_onnx_layer(
		import, max ? &cs_global_maxpool_layer : &cs_global_avgpool_layer, node, NULL, flow, &layer, error);

	flow->place = rank == 2 ? 0 : cs_onnx_axis(flow, 2) - 1;
	flow->shape = CS_SHAPE(flow->shape.dim[2]);
	flow->rank = rank;
	return status;
}

enum cs_status cs_onnx_global(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	enum cs_status status;

	if (flow->shape.rank == 1 && flow->rank == 4 && flow->place == 0)
		return CS_OK; /* one cell already */
	status = need_map(node, flow, error);
	return status ? status : pool_all(import, node, !strcmp(node->op, "GlobalMaxPool"), 4, flow, error);
}

/* A mean or a maximum over rows and columns. */
enum cs_status cs_onnx_reduce(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_onnx_flow *flow,
	struct cs_error *error)
{
	int64_t axes[CS_ONNX_MAX_RANK], keep = 1;
	int count;
	bool seen[2] = {false, false}, other = false;
	enum cs_status status = cs_onnx_list(import, node, "axes", 1, axes, CS_ONNX_MAX_RANK, &count, error);

	if (!status)
		status = cs_onnx_int(node, "keepdims", &keep, error);
	if (status)
		return status;
	for (int i = 0; i < count; i++) {
		int64_t axis = axes[i] < 0 ? axes[i] + flow->rank : axes[i];

		if (axis == cs_onnx_axis(flow, 0))
			seen[0] = true;
		else if (axis == cs_onnx_axis(flow, 1))
			seen[1] = true;
		else
			other = true;
	}
	if (flow->shape.rank != 3 || !seen[0] || !seen[1] || other)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"reduces other axes than rows and columns of a map, which is what convscope does");
	return pool_all(import, node, !strcmp(node->op, "ReduceMax"), keep ? 4 : 2, flow, error);
}
