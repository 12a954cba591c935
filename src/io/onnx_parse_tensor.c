/* onnx_parse_tensor.c: a TensorProto described, and where its numbers are. See onnx_parse.h.
 *
 * Numbers are counted where they lie and compared with what the shape says; none is copied.
 */
#include "io/onnx_parse.h"

#include "core/alloc.h"

#include <inttypes.h>
#include <string.h>

static json_t *add_tensor(struct cs_onnx_parse *parse, const struct cs_onnx_numbers *numbers)
{
	struct cs_onnx *file = parse->file;
	json_t *object;

	if (file->count == file->capacity) {
		int capacity = 2 * file->capacity + 16;
		struct cs_onnx_numbers *grown = cs_realloc(file->tensors, (size_t)capacity, sizeof *grown);

		if (!grown)
			return NULL;
		file->tensors = grown;
		file->capacity = capacity;
	}
	object = json_object();
	if (!object || json_array_append_new(parse->tensors, object))
		return NULL;
	file->tensors[file->count++] = *numbers;
	return object;
}

/* A field of a TensorProto that is not gathered: numbers. */
static enum cs_status take_numbers(
	struct cs_onnx_parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	struct cs_wire *raw = context;

	(void)parse;
	(void)error;
	if (field->number == 9 && field->type == CS_WIRE_BYTES)
		*raw = cs_wire_body(field);
	return CS_OK;
}

/* How many numbers there should be, and whether the file holds them. */
static enum cs_status count_numbers(
	const Onnx__TensorProto *tensor, struct cs_wire raw, struct cs_onnx_numbers *numbers, struct cs_error *error)
{
	int width = cs_onnx_width(numbers->type);
	int64_t found;

	numbers->count = 1;
	if (tensor->n_dims > CS_ONNX_MOST_RANK)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "tensor '%.80s' has %zu dimensions; convscope reads up to %d",
			tensor->name ? tensor->name : "", tensor->n_dims, CS_ONNX_MOST_RANK);
	for (size_t i = 0; i < tensor->n_dims; i++) {
		if (tensor->dims[i] < 0 || __builtin_mul_overflow(numbers->count, tensor->dims[i], &numbers->count) ||
			numbers->count > INT64_MAX / 16)
			return cs_fail(error, CS_ERR_FORMAT,
				"tensor '%.80s' has a dimension of %" PRId64 ": the file is damaged",
				tensor->name ? tensor->name : "", tensor->dims[i]);
	}
	if (!width || numbers->external)
		return CS_OK;
	if (raw.at) {
		found = (raw.end - raw.at) % width ? -1 : (raw.end - raw.at) / width;
		numbers->raw = raw.at;
	} else {
		found = cs_onnx_typed_count(numbers->body, numbers->type);
		numbers->raw = found >= 0 ? cs_onnx_typed_run(numbers->body, numbers->type, found) : NULL;
	}
	if (found != numbers->count)
		return cs_fail(error, CS_ERR_FORMAT,
			"tensor '%.80s' says it has %" PRId64
			" numbers, but the file holds %s: it is damaged or cut off",
			tensor->name ? tensor->name : "", numbers->count,
			found < 0       ? "a broken piece"
				: found ? "another number of them"
					: "none");
	return CS_OK;
}

static enum cs_status describe_external(
	struct cs_onnx_parse *parse, Onnx__TensorProto *tensor, json_t *object, struct cs_error *error)
{
	json_t *external = json_object();
	enum cs_status status = cs_onnx_put(parse, object, "external", external, error);

	for (size_t i = 0; i < tensor->n_external_data && i < 16 && !status; i++) {
		const char *key = tensor->external_data[i]->key;

		if (key && (!strcmp(key, "location") || !strcmp(key, "offset") || !strcmp(key, "length")))
			status = cs_onnx_put_text(parse, external, key, tensor->external_data[i]->value, error);
	}
	return status;
}

enum cs_status cs_onnx_parse_tensor(
	struct cs_onnx_parse *parse, struct cs_wire message, bool initialiser, json_t **out, struct cs_error *error)
{
	const uint32_t keep = 1u << 1 | 1u << 2 | 1u << 8 | 1u << 13 | 1u << 14;
	struct cs_onnx_numbers numbers = {.body = message};
	struct cs_onnx_gathering rest = {0};
	struct cs_wire raw = {0};
	Onnx__TensorProto *tensor = NULL;
	json_t *object, *dims = NULL;
	enum cs_status status;

	if (parse->file->count >= CS_ONNX_MOST_PARTS)
		return cs_onnx_too_much(parse, "tensors", error);
	status = cs_onnx_sift(parse, message, keep, take_numbers, &raw, "weights", &rest, error);
	if (!status) {
		tensor = onnx__tensor_proto__unpack(NULL, rest.size, rest.bytes);
		status = tensor ? CS_OK : cs_onnx_damaged(parse, "weights", error);
	}
	if (status)
		goto out;
	numbers.type = tensor->data_type;
	numbers.external = tensor->data_location == 1;
	status = count_numbers(tensor, raw, &numbers, error);
	if (status)
		goto out;
	object = add_tensor(parse, &numbers);
	if (!object) {
		status = cs_fail_memory(error, "an ONNX file");
		goto out;
	}
	status = cs_onnx_put_text(parse, object, "name", tensor->name, error);
	if (!status)
		status = cs_onnx_put(parse, object, "dims", dims = json_array(), error);
	for (size_t i = 0; i < tensor->n_dims && !status; i++)
		status = cs_onnx_put(parse, dims, NULL, json_integer(tensor->dims[i]), error);
	if (!status)
		status = cs_onnx_put(parse, object, "type", json_integer(numbers.type), error);
	if (!status)
		status = cs_onnx_put_text(parse, object, "kind",
			!cs_onnx_width(numbers.type)               ? "?"
				: cs_onnx_is_integer(numbers.type) ? "i"
								   : "f",
			error);
	if (!status)
		status = cs_onnx_put(parse, object, "count", json_integer(numbers.count), error);
	if (!status)
		status = cs_onnx_put(parse, object, "initialiser", json_boolean(initialiser), error);
	if (!status && numbers.external)
		status = describe_external(parse, tensor, object, error);
	if (!status && out)
		*out = object;
out:
	if (tensor)
		onnx__tensor_proto__free_unpacked(tensor, NULL);
	cs_free(rest.bytes);
	return status;
}
