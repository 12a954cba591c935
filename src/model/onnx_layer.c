/* onnx_layer.c: the layers that an ONNX graph becomes: their names, and which constants are their weights. See onnx_import.h.
 *
 * A layer is called what its node is called, a path that mostly ends in the operator ("/features/0/Conv"), or what PyTorch's module is that has
 * its weights ("features.0.weight"); where neither says more than the operator, it is left to be numbered.
 */
#include "core/alloc.h"
#include "model/onnx_import.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* "Conv", "Conv_12", "Conv2D", "convolution": begins like the operator. */
static bool like_operator(const char *name, size_t length, const char *op)
{
	size_t known = strlen(op);

	return length >= known && !strncasecmp(name, op, known);
}

/* "Conv", "Conv_12": no more than the operator. */
static bool only_operator(const char *name, size_t length, const char *op)
{
	size_t known = strlen(op);

	if (length < known || strncmp(name, op, known))
		return false;
	return length == known || (name[known] == '_' && strspn(name + known + 1, "0123456789") >= length - known - 1);
}

void cs_onnx_base(const struct cs_onnx_import *import, const struct cs_onnx_node *node, const char *weights,
	char base[CS_NAME_SIZE])
{
	const char *from = node->name, *slash;
	size_t length = strlen(from), weight = weights ? strlen(weights) : 0, size;

	if (import->ours) {
		length = strcspn(from, "/");
	} else if (weight > 7 && !strcmp(weights + weight - 7, ".weight")) {
		/* PyTorch: the module's own name */
		from = weights;
		length = weight - 7;
	} else {
		if (*from == '/') {
			from++;
			length--;
		}
		slash = memrchr(from, '/', length);
		if (slash && like_operator(slash + 1, length - (size_t)(slash + 1 - from), node->op)) {
			/* module/Operator */
			length = (size_t)(slash - from);
			slash = memrchr(from, '/', length);
		}
		if (slash) {
			length -= (size_t)(slash + 1 - from);
			from = slash + 1;
		}
		/* PyTorch's newer exporter names nodes by their operators in another tongue */
		if (only_operator(from, length, node->op) || !strncmp(from, "node_", 5))
			length = 0;
	}
	size = length < CS_NAME_SIZE - 1 ? length : CS_NAME_SIZE - 1;
	/* not in the middle of a character */
	while (size && size < length && ((unsigned char)from[size] & 0xc0) == 0x80)
		size--;
	for (size_t i = 0; i < size; i++)
		base[i] = from[i] == '/' || (unsigned char)from[i] < 0x20 || from[i] == 0x7f ? '_' : from[i];
	base[size] = '\0';
	if (!strcmp(base, ".") || !strcmp(base, ".."))
		*base = '\0';
}

enum cs_status cs_onnx_layer(struct cs_onnx_import *import, const struct cs_layer_ops *ops,
	const struct cs_onnx_node *node, const char *weights, const struct cs_onnx_flow *flow,
	struct cs_onnx_layer **out, struct cs_error *error)
{
	struct cs_onnx_layer *layer;

	if (import->layer_count >= CS_MAX_LAYERS)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "the graph has more than %d layers", CS_MAX_LAYERS);
	if (import->layer_count == import->layer_capacity) {
		int capacity = 2 * import->layer_capacity + 16;
		struct cs_onnx_layer *grown = cs_realloc(import->layers, (size_t)capacity, sizeof *grown);

		if (!grown)
			return cs_fail_memory(error, "an ONNX graph");
		import->layers = grown;
		import->layer_capacity = capacity;
	}
	layer = &import->layers[import->layer_count++];
	*layer = (struct cs_onnx_layer){.spec = cs_layer_spec_default(ops)};
	layer->spec.bias = false;
	memcpy(layer->permute, flow->permute, sizeof layer->permute);
	cs_onnx_base(import, node, weights, layer->base);
	*out = layer;
	return CS_OK;
}

enum cs_status cs_onnx_check_floating(const struct cs_onnx_node *node, const struct cs_onnx_constant *constant,
	const char *what, struct cs_error *error)
{
	if (!constant->integer)
		return CS_OK;
	return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "has a %s of %s; expected floating-point numbers", what,
		constant->tensor >= 0 ? cs_onnx_type_name(constant->type) : "integers");
}

enum cs_status cs_onnx_weigh(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_layer *layer, const char *param, int input, enum cs_onnx_order order, int64_t count,
	struct cs_error *error)
{
	struct cs_onnx_value *value = input < node->in_count ? node->values[input] : NULL;
	enum cs_status status;

	if (!value || value->flows)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "has a %s that is no constant", param);
	status = cs_onnx_check_floating(node, &value->constant, param, error);
	if (status)
		return status;
	if (value->constant.count != count)
		return cs_onnx_fail(node, CS_ERR_SHAPE, error, "has a %s of %" PRId64 " numbers; expected %" PRId64,
			param, value->constant.count, count);
	status = cs_onnx_check_there(import, &value->constant, error);
	if (status)
		return cs_error_prefix(error, "node '%.120s' (%.60s): its %s", node->name, node->op, param);
	layer->weights[layer->weight_count++] = (struct cs_onnx_weight){param, (int)(value - import->values), order, 1};
	return CS_OK;
}
