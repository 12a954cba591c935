/* onnx_constant.c: the constants of an ONNX graph: found by name, read when their numbers are needed. See onnx_import.h. */
#include "core/alloc.h"
#include "model/onnx_import.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct cs_onnx_value *cs_onnx_find(struct cs_onnx_import *import, const char *name)
{
	const json_t *index = json_object_get(import->by_name, name);

	return index ? &import->values[json_integer_value(index)] : NULL;
}

enum cs_status cs_onnx_add(
	struct cs_onnx_import *import, const char *name, struct cs_onnx_value **out, struct cs_error *error)
{
	if (json_object_get(import->by_name, name))
		return cs_fail(error, CS_ERR_FORMAT, "two values are named '%.80s': the file is damaged", name);
	if (import->count == import->capacity) {
		int capacity = 2 * import->capacity + 64;
		struct cs_onnx_value *grown = cs_realloc(import->values, (size_t)capacity, sizeof *grown);

		if (!grown)
			return cs_fail_memory(error, "an ONNX graph");
		import->values = grown;
		import->capacity = capacity;
	}
	if (json_object_set_new(import->by_name, name, json_integer(import->count)))
		return cs_fail_memory(error, "an ONNX graph");
	*out = &import->values[import->count++];
	**out = (struct cs_onnx_value){.name = name, .constant.tensor = -1};
	return CS_OK;
}

/* Shape, type and place of tensor `index` of the description, none of which is trusted. */
static enum cs_status take_tensor(const json_t *tensor, int index, struct cs_onnx_constant *out, struct cs_error *error)
{
	const json_t *dims = json_object_get(tensor, "dims"), *external = json_object_get(tensor, "external");
	const char *name = cs_onnx_text(json_object_get(tensor, "name"));
	const char *offset = cs_onnx_text(json_object_get(external, "offset"));
	const char *length = cs_onnx_text(json_object_get(external, "length"));

	*out = (struct cs_onnx_constant){.tensor = index, .rank = (int)json_array_size(dims), .count = 1};
	if (!json_is_array(dims) || json_array_size(dims) > CS_ONNX_MAX_RANK)
		return cs_fail(error, CS_ERR_FORMAT, "tensor '%.80s' has no shape", name);
	for (int i = 0; i < out->rank; i++) {
		out->dims[i] = json_integer_value(json_array_get(dims, (size_t)i));
		if (out->dims[i] < 0 || __builtin_mul_overflow(out->count, out->dims[i], &out->count) ||
			out->count > INT64_MAX / 16)
			return cs_fail(
				error, CS_ERR_FORMAT, "tensor '%.80s' has a dimension of %" PRId64, name, out->dims[i]);
	}
	out->type = (int)json_integer_value(json_object_get(tensor, "type"));
	out->integer = cs_onnx_is_integer(out->type);
	if (external) {
		char *end;

		out->location = cs_onnx_text(json_object_get(external, "location"));
		out->offset = *offset ? strtoll(offset, &end, 10) : 0;
		if (*offset && (*end || out->offset < 0))
			return cs_fail(
				error, CS_ERR_FORMAT, "tensor '%.80s' begins at '%.40s' in its file", name, offset);
		if (*length && cs_onnx_width(out->type) &&
			(strtoll(length, &end, 10) != out->count * cs_onnx_width(out->type) || *end))
			return cs_fail(error, CS_ERR_FORMAT,
				"tensor '%.80s' of %" PRId64 " numbers has '%.40s' bytes in its file", name, out->count,
				length);
	}
	return CS_OK;
}

enum cs_status cs_onnx_add_initialisers(struct cs_onnx_import *import, struct cs_error *error)
{
	const json_t *tensors = json_object_get(import->root, "tensors");
	enum cs_status status = CS_OK;

	for (size_t i = 0; i < json_array_size(tensors) && !status; i++) {
		const json_t *tensor = json_array_get(tensors, i);
		struct cs_onnx_value *value;

		if (!json_is_true(json_object_get(tensor, "initialiser")))
			continue;
		status = cs_onnx_add(import, cs_onnx_text(json_object_get(tensor, "name")), &value, error);
		if (!status)
			status = take_tensor(tensor, (int)i, &value->constant, error);
	}
	return status;
}

/* A tensor inside of an attribute. */
enum cs_status cs_onnx_attribute_tensor(struct cs_onnx_import *import, const struct cs_onnx_node *node, const char *key,
	struct cs_onnx_constant *out, struct cs_error *error)
{
	const json_t *index = json_object_get(json_object_get(node->attributes, key), "tensor");
	const json_t *tensor = json_array_get(
		json_object_get(import->root, "tensors"), index ? (size_t)json_integer_value(index) : SIZE_MAX);

	if (!tensor)
		return cs_onnx_fail(node, CS_ERR_FORMAT, error, "has no tensor '%s'", key);
	return take_tensor(tensor, (int)json_integer_value(index), out, error);
}

/* --- numbers --- */

/* There are bytes for `count` numbers in the file beside the model; each such file raises the limit once. */
static enum cs_status check_external(
	struct cs_onnx_import *import, const struct cs_onnx_constant *constant, struct cs_error *error)
{
	const json_t *known = json_object_get(import->locations, constant->location);
	int64_t size = known ? json_integer_value(known) : 0, bytes;
	enum cs_status status = known ? CS_OK : cs_onnx_external_size(import->path, constant->location, &size, error);

	if (status)
		return status;
	if (!known && json_object_set_new(import->locations, constant->location, json_integer(size)))
		return cs_fail_memory(error, "an ONNX graph");
	if (!known && __builtin_add_overflow(import->limit, size, &import->limit))
		import->limit = INT64_MAX;
	if (__builtin_mul_overflow(constant->count, (int64_t)cs_onnx_width(constant->type), &bytes) ||
		constant->offset > size || bytes > size - constant->offset)
		return cs_fail(error, CS_ERR_FORMAT,
			"'%.200s' beside the model is too short for the weights that should be in it: it is cut off, "
			"or of another "
			"model",
			constant->location);
	return CS_OK;
}

enum cs_status cs_onnx_check_there(
	struct cs_onnx_import *import, const struct cs_onnx_constant *constant, struct cs_error *error)
{
	if (constant->tensor >= 0 && !cs_onnx_width(constant->type))
		return cs_fail(error, CS_ERR_UNSUPPORTED, "holds %s (type %d), which convscope does not read",
			cs_onnx_type_name(constant->type), constant->type);
	return constant->location ? check_external(import, constant, error) : CS_OK;
}

/* to[...] with axis i of `constant` being axis axes[i] of from[...]. */
static void turn(const struct cs_onnx_constant *constant, const float *from, float *to)
{
	int64_t strides[CS_ONNX_MAX_RANK], step[CS_ONNX_MAX_RANK], at[CS_ONNX_MAX_RANK] = {0}, source = 0, stride = 1;
	int rank = constant->rank;

	for (int i = rank - 1; i >= 0; i--) {
		strides[i] = stride;
		stride *= constant->from[i];
	}
	for (int i = 0; i < rank; i++)
		step[i] = strides[constant->axes[i]];
	for (int64_t n = 0; n < constant->count; n++) {
		to[n] = from[source];
		for (int i = rank - 1; i >= 0; i--) {
			source += step[i];
			if (++at[i] < constant->dims[i])
				break;
			source -= step[i] * constant->dims[i];
			at[i] = 0;
		}
	}
}

enum cs_status cs_onnx_load(struct cs_onnx_import *import, const struct cs_onnx_constant *constant,
	struct cs_tensor *out, struct cs_error *error)
{
	struct cs_tensor tensor = {0}, turned = {0};
	enum cs_status status = cs_onnx_check_there(import, constant, error);

	if (status)
		return status;
	if (constant->tensor < 0 || constant->floats) {
		status = cs_tensor_init(&tensor, CS_SHAPE(constant->count), error);
		for (int64_t i = 0; i < constant->count && !status; i++)
			tensor.data[i] = constant->floats ? constant->floats[i] : (float)constant->integers[i];
	} else if (constant->location) {
		status = cs_onnx_external(import->path, constant->location, constant->offset, constant->type,
			constant->count, &tensor, error);
	} else {
		status = cs_onnx_floats(import->file, constant->tensor, constant->count, &tensor, error);
	}
	if (!status && constant->turned && constant->tensor >= 0 && !constant->floats) {
		status = cs_tensor_init(&turned, tensor.shape, error);
		if (!status)
			turn(constant, tensor.data, turned.data);
		cs_tensor_fini(&tensor);
		tensor = turned;
	}
	if (!status)
		*out = tensor;
	return status;
}

enum cs_status cs_onnx_need_integers(
	struct cs_onnx_import *import, struct cs_onnx_constant *constant, struct cs_error *error)
{
	if (constant->integers)
		return CS_OK;
	if (!constant->integer || constant->tensor < 0 || constant->location || constant->turned ||
		constant->count > 4096)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "is not a short list of whole numbers in the file itself");
	return cs_onnx_integers(import->file, constant->tensor, constant->count, &constant->integers, error);
}

enum cs_status cs_onnx_need_floats(
	struct cs_onnx_import *import, struct cs_onnx_constant *constant, struct cs_error *error)
{
	struct cs_tensor tensor = {0};
	enum cs_status status;

	if (constant->floats)
		return CS_OK;
	if (constant->count > import->limit - import->computed)
		return cs_fail(error, CS_ERR_MEMORY, "is too large a constant to compute with");
	import->computed += constant->count;
	status = cs_onnx_load(import, constant, &tensor, error);
	if (status)
		return status;
	constant->floats = tensor.data; /* taken */
	return CS_OK;
}

enum cs_status cs_onnx_scalar(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_constant *constant, float *out, struct cs_error *error)
{
	enum cs_status status;

	if (constant->count != 1)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"takes %" PRId64 " numbers where convscope takes one", constant->count);
	status = cs_onnx_need_floats(import, constant, error);
	if (status)
		return cs_error_prefix(error, "node '%.120s' (%.60s): a constant", node->name, node->op);
	*out = constant->floats[0];
	return CS_OK;
}

void cs_onnx_constant_fini(struct cs_onnx_constant *constant)
{
	cs_free(constant->integers);
	cs_free(constant->floats);
	constant->integers = NULL;
	constant->floats = NULL;
}
