/* onnx_weights.c: the weights of an ONNX file in our order. See onnx_import.h.
 *
 * Kernels of convolutions are (out, in, rows, columns) there and (rows, columns, in, out) here; those of dense layers (in, out) or
 * (out, in). Behind a flatten that counted c,h,w, rows of dense kernels and vectors of batch norms are put in h,w,c order.
 */
#include "core/alloc.h"
#include "model/onnx_import.h"

#include <inttypes.h>
#include <string.h>

/* Where number i of a row of ours, h,w,c, stands in a row of theirs, c,h,w. */
static int64_t theirs(const int64_t permute[3], int64_t i)
{
	int64_t h = permute[0], w = permute[1], c = permute[2];

	return permute[0] ? (i % c * h + i / (w * c)) * w + i / c % w : i;
}

static void fill_conv(const float *from, float *to, const struct cs_shape *shape)
{
	int64_t cells = shape->dim[0] * shape->dim[1], in = shape->dim[2], out = shape->dim[3];

	for (int64_t cell = 0; cell < cells; cell++) {
		for (int64_t i = 0; i < in; i++) {
			for (int64_t o = 0; o < out; o++)
				*to++ = from[(o * in + i) * cells + cell];
		}
	}
}

/* In blocks, so that neither side is walked across its rows for long. */
static void fill_turned(const float *from, float *to, int64_t in, int64_t out, const int64_t permute[3])
{
	enum { BLOCK = 32 };

	for (int64_t i0 = 0; i0 < in; i0 += BLOCK) {
		for (int64_t o0 = 0; o0 < out; o0 += BLOCK) {
			for (int64_t i = i0; i < in && i < i0 + BLOCK; i++) {
				int64_t source = theirs(permute, i);

				for (int64_t o = o0; o < out && o < o0 + BLOCK; o++)
					to[i * out + o] = from[o * in + source];
			}
		}
	}
}

static void fill(const struct cs_onnx_layer *layer, const struct cs_onnx_weight *weight, const float *from,
	const struct cs_param *param)
{
	static const int64_t none[3];
	float *to = param->value.data;
	const struct cs_shape *shape = &param->value.shape;
	const int64_t *permute =
		layer->spec.ops == &cs_dense_layer && weight->order == CS_ONNX_VECTOR ? none : layer->permute;

	switch (weight->order) {
	case CS_ONNX_OIHW:
		fill_conv(from, to, shape);
		break;
	case CS_ONNX_OUT_IN:
		fill_turned(from, to, shape->dim[0], shape->dim[1], permute);
		break;
	case CS_ONNX_IN_OUT:
		for (int64_t i = 0; i < shape->dim[0]; i++)
			memcpy(to + i * shape->dim[1], from + theirs(permute, i) * shape->dim[1],
				(size_t)shape->dim[1] * sizeof *to);
		break;
	case CS_ONNX_VECTOR:
		for (int64_t i = 0; i < shape->dim[0]; i++)
			to[i] = from[theirs(permute, i)];
		break;
	}
	if (weight->factor != 1) {
		for (int64_t i = 0; i < cs_shape_count(shape); i++)
			to[i] *= weight->factor;
	}
}

/* x * scale + shift as a batch norm whose statistics do nothing. */
static void fill_scale(const struct cs_onnx_layer *layer, const struct cs_layer *made)
{
	size_t bytes = (size_t)layer->channels * sizeof(float);
	struct cs_param *variance = cs_layer_param(made, "moving_variance");

	memcpy(cs_layer_param(made, "gamma")->value.data, layer->scale, bytes);
	memcpy(cs_layer_param(made, "beta")->value.data, layer->shift, bytes);
	for (int64_t i = 0; i < layer->channels; i++)
		variance->value.data[i] = 1;
}

enum cs_status cs_onnx_fill(struct cs_onnx_import *import, struct cs_network *network, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	for (int i = 0; i < network->layer_count && !status; i++) {
		const struct cs_onnx_layer *layer = &import->layers[i];

		if (layer->scale)
			fill_scale(layer, &network->layers[i]);
		for (int k = 0; k < layer->weight_count && !status; k++) {
			const struct cs_onnx_weight *weight = &layer->weights[k];
			const struct cs_onnx_value *value = &import->values[weight->value];
			struct cs_param *param = cs_layer_param(&network->layers[i], weight->param);
			struct cs_tensor tensor = {0};

			if (!param || cs_tensor_count(&param->value) != value->constant.count)
				return cs_fail(error, CS_ERR_SHAPE,
					"layer '%s' takes a %s of another size than '%.80s', which has %" PRId64
					" numbers",
					network->layers[i].spec.name, weight->param, value->name,
					value->constant.count);
			status = cs_onnx_load(import, &value->constant, &tensor, error);
			if (status)
				cs_error_prefix(error, "weights '%.80s'", value->name);
			else
				fill(layer, weight, tensor.data, param);
			cs_tensor_fini(&tensor);
		}
	}
	return status;
}
