/* onnx_parse.c: an ONNX file taken apart into a description and a list of tensors. See onnx.h for what the description holds.
 *
 * The large messages (model, graph, node, attribute, tensor) are walked field by field where they lie in the file (wire.h). Those fields
 * that the schema knows are gathered, without the large ones, and unpacked by protobuf-c; the parts in between are descended into
 * by hand, at most four deep: graphs inside of attributes are not looked into, so there is no recursion. Numbers of tensors are
 * never copied. So memory and time follow the size of the file, and nothing that it only claims.
 */
#include "io/onnx_internal.h"

#include "core/alloc.h"
#include "io/onnx.pb-c.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

/* What a model has in practice is far below. */
enum {
	MOST_PARTS = 1 << 16, /* nodes; tensors */
	MOST_LINKS = 256, /* inputs, or outputs, of one node */
	MOST_VALUES = 64, /* numbers in an attribute that are handed over */
	MOST_NAME = 2048,
	MOST_RANK = 8,
	MOST_TEXT = 16 << 20, /* the description */
};

/* What is being made. */
struct parse {
	struct cs_onnx *file;
	json_t *root, *tensors, *nodes;
	struct cs_wire graph;
	int graphs, functions, sparse;
	size_t text; /* bytes that the description takes, about */
};

/* A message without its large parts, as protobuf-c wants it: in one piece. */
struct gathering {
	uint8_t *bytes;
	size_t size, capacity;
};

static enum cs_status damaged(const struct parse *parse, const char *what, struct cs_error *error)
{
	return cs_fail(
		error, CS_ERR_FORMAT, "'%s' is damaged or cut off: its %s cannot be read", parse->file->name, what);
}

static enum cs_status too_much(const struct parse *parse, const char *what, struct cs_error *error)
{
	return cs_fail(error, CS_ERR_MEMORY, "'%s' has more or longer %s than any model has", parse->file->name, what);
}

static enum cs_status gather(
	struct gathering *to, const struct cs_wire_field *field, const uint8_t *end, struct cs_error *error)
{
	size_t size = (size_t)(end - field->start);

	if (to->size + size > to->capacity) {
		size_t capacity = 2 * (to->size + size) + 256;
		uint8_t *grown = cs_realloc(to->bytes, capacity, 1);

		if (!grown)
			return cs_fail_memory(error, "an ONNX file");
		to->bytes = grown;
		to->capacity = capacity;
	}
	memcpy(to->bytes + to->size, field->start, size);
	to->size += size;
	return CS_OK;
}

/* Gather the fields of `message` whose bit is set in `keep`. The others are passed to `part`, which may be NULL. */
typedef enum cs_status (*take_part)(
	struct parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error);

static enum cs_status sift(struct parse *parse, struct cs_wire message, uint32_t keep, take_part part, void *context,
	const char *what, struct gathering *to, struct cs_error *error)
{
	struct cs_wire_field field;
	enum cs_status status = CS_OK;

	while (!status && cs_wire_next(&message, &field)) {
		if (field.number < 32 && keep >> field.number & 1)
			status = gather(to, &field, message.at, error);
		else if (part)
			status = part(parse, &field, context, error);
	}
	return !status && message.damaged ? damaged(parse, what, error) : status;
}

/* A string of the file as JSON. What is not UTF-8 cannot be a name. */
static enum cs_status put_text(
	struct parse *parse, json_t *object, const char *key, const char *text, struct cs_error *error)
{
	size_t length = text ? strlen(text) : 0;
	json_t *value;

	if (length > MOST_NAME)
		return too_much(parse, "names", error);
	parse->text += length + 16;
	if (parse->text > MOST_TEXT)
		return too_much(parse, "parts", error);
	value = json_string(text ? text : "");
	if (!value)
		return cs_fail(
			error, CS_ERR_FORMAT, "'%s' is damaged: a name in it is not text (UTF-8)", parse->file->name);
	if (key ? json_object_set_new(object, key, value) : json_array_append_new(object, value))
		return cs_fail_memory(error, "an ONNX file");
	return CS_OK;
}

static enum cs_status put(struct parse *parse, json_t *object, const char *key, json_t *value, struct cs_error *error)
{
	parse->text += 24;
	if (parse->text > MOST_TEXT) {
		json_decref(value);
		return too_much(parse, "parts", error);
	}
	if (!value || (key ? json_object_set_new(object, key, value) : json_array_append_new(object, value)))
		return cs_fail_memory(error, "an ONNX file");
	return CS_OK;
}

/* --- tensors --- */

static json_t *add_tensor(struct parse *parse, const struct cs_onnx_numbers *numbers)
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
	struct parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
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
	if (tensor->n_dims > MOST_RANK)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "tensor '%.80s' has %zu dimensions; convscope reads up to %d",
			tensor->name ? tensor->name : "", tensor->n_dims, MOST_RANK);
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
	struct parse *parse, Onnx__TensorProto *tensor, json_t *object, struct cs_error *error)
{
	json_t *external = json_object();
	enum cs_status status = put(parse, object, "external", external, error);

	for (size_t i = 0; i < tensor->n_external_data && i < 16 && !status; i++) {
		const char *key = tensor->external_data[i]->key;

		if (key && (!strcmp(key, "location") || !strcmp(key, "offset") || !strcmp(key, "length")))
			status = put_text(parse, external, key, tensor->external_data[i]->value, error);
	}
	return status;
}

static enum cs_status parse_tensor(
	struct parse *parse, struct cs_wire message, bool initialiser, json_t **out, struct cs_error *error)
{
	const uint32_t keep = 1u << 1 | 1u << 2 | 1u << 8 | 1u << 13 | 1u << 14;
	struct cs_onnx_numbers numbers = {.body = message};
	struct gathering rest = {0};
	struct cs_wire raw = {0};
	Onnx__TensorProto *tensor = NULL;
	json_t *object, *dims = NULL;
	enum cs_status status;

	if (parse->file->count >= MOST_PARTS)
		return too_much(parse, "tensors", error);
	status = sift(parse, message, keep, take_numbers, &raw, "weights", &rest, error);
	if (!status) {
		tensor = onnx__tensor_proto__unpack(NULL, rest.size, rest.bytes);
		status = tensor ? CS_OK : damaged(parse, "weights", error);
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
	status = put_text(parse, object, "name", tensor->name, error);
	if (!status)
		status = put(parse, object, "dims", dims = json_array(), error);
	for (size_t i = 0; i < tensor->n_dims && !status; i++)
		status = put(parse, dims, NULL, json_integer(tensor->dims[i]), error);
	if (!status)
		status = put(parse, object, "type", json_integer(numbers.type), error);
	if (!status)
		status = put_text(parse, object, "kind",
			!cs_onnx_width(numbers.type)               ? "?"
				: cs_onnx_is_integer(numbers.type) ? "i"
								   : "f",
			error);
	if (!status)
		status = put(parse, object, "count", json_integer(numbers.count), error);
	if (!status)
		status = put(parse, object, "initialiser", json_boolean(initialiser), error);
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

/* --- nodes --- */

/* What an attribute holds beside what protobuf-c unpacks. */
struct large {
	int tensor; /* its index, or -1 */
	const char *other; /* what it is that is not looked into */
	int64_t numbers; /* in its lists; more than MOST_VALUES are left where they are */
};

static enum cs_status take_large(
	struct parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	struct large *large = context;

	switch (field->number) {
	case 5:
		if (field->type != CS_WIRE_BYTES)
			return damaged(parse, "nodes", error);
		large->tensor = parse->file->count;
		return parse_tensor(parse, cs_wire_body(field), false, NULL, error);
	case 6:
	case 11:
		large->other = "a graph";
		break;
	case 9:
		large->other = "a list of words";
		break;
	case 10:
		large->other = "a list of tensors";
		break;
	case 14:
	case 15:
		large->other = "a type";
		break;
	case 22:
	case 23:
		large->other = "a sparse tensor";
		break;
	}
	return CS_OK;
}

/* The value of an attribute; its type is said since 2017, before that by what is there. */
static json_t *value_of(const Onnx__AttributeProto *attribute, const struct large *large)
{
	json_t *list;

	if (large->tensor >= 0)
		return json_pack("{s:i}", "tensor", large->tensor);
	if (large->other)
		return json_pack("{s:s}", "other", large->other);
	if (attribute->ref_attr_name && *attribute->ref_attr_name)
		return json_pack("{s:s}", "other", "a parameter of a function");
	if (attribute->n_ints > MOST_VALUES || attribute->n_floats > MOST_VALUES)
		return json_pack("{s:s}", "other", "a long list of numbers");
	if (attribute->has_s && (attribute->type == 3 || attribute->type == 0)) {
		json_t *text = attribute->s.len <= MOST_NAME
			? json_stringn((const char *)attribute->s.data, attribute->s.len)
			: NULL;

		return text ? text : json_pack("{s:s}", "other", "bytes");
	}
	/* JSON has no words for these two */
	if ((attribute->type == 1 || attribute->type == 0) && attribute->has_f && isinf(attribute->f))
		return json_pack("{s:s}", "real", attribute->f > 0 ? "inf" : "-inf");
	if (attribute->type == 1 || (attribute->type == 0 && attribute->has_f))
		return isnan(attribute->f) ? json_pack("{s:s}", "other", "not a number")
					   : json_real((double)attribute->f);
	if (attribute->type == 2 || (attribute->type == 0 && attribute->has_i))
		return json_integer(attribute->i);
	list = json_array();
	for (size_t i = 0; list && i < attribute->n_ints; i++)
		json_array_append_new(list, json_integer(attribute->ints[i]));
	for (size_t i = 0; list && i < attribute->n_floats; i++)
		json_array_append_new(
			list, isfinite(attribute->floats[i]) ? json_real((double)attribute->floats[i]) : json_null());
	return list;
}

static enum cs_status parse_attribute(
	struct parse *parse, struct cs_wire message, json_t *attributes, struct cs_error *error)
{
	const uint32_t keep = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7 | 1u << 8 | 1u << 20 | 1u << 21;
	struct large large = {.tensor = -1};
	struct gathering rest = {0};
	Onnx__AttributeProto *attribute = NULL;
	enum cs_status status = sift(parse, message, keep, take_large, &large, "nodes", &rest, error);

	if (!status) {
		attribute = onnx__attribute_proto__unpack(NULL, rest.size, rest.bytes);
		status = attribute ? CS_OK : damaged(parse, "nodes", error);
	}
	if (!status && attribute->name && strlen(attribute->name) > MOST_NAME)
		status = too_much(parse, "names", error);
	if (!status) {
		parse->text +=
			24 * (attribute->n_ints + attribute->n_floats) + (attribute->has_s ? attribute->s.len : 0) + 64;
		status = put(
			parse, attributes, attribute->name ? attribute->name : "", value_of(attribute, &large), error);
	}
	if (attribute)
		onnx__attribute_proto__free_unpacked(attribute, NULL);
	cs_free(rest.bytes);
	return status;
}

static enum cs_status take_attribute(
	struct parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	if (field->number != 5)
		return CS_OK;
	if (field->type != CS_WIRE_BYTES)
		return damaged(parse, "nodes", error);
	return parse_attribute(parse, cs_wire_body(field), context, error);
}

static enum cs_status put_names(
	struct parse *parse, json_t *object, const char *key, char **names, size_t count, struct cs_error *error)
{
	json_t *list = json_array();
	enum cs_status status = put(parse, object, key, list, error);

	if (!status && count > MOST_LINKS)
		status = too_much(parse, "inputs and outputs of a node", error);
	for (size_t i = 0; i < count && !status; i++)
		status = put_text(parse, list, NULL, names[i], error);
	return status;
}

static enum cs_status parse_node(struct parse *parse, struct cs_wire message, struct cs_error *error)
{
	const uint32_t keep = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7;
	struct gathering rest = {0};
	Onnx__NodeProto *node = NULL;
	json_t *object = json_object(), *attributes = json_object();
	enum cs_status status;

	if (json_array_size(parse->nodes) >= MOST_PARTS) {
		json_decref(object);
		json_decref(attributes);
		return too_much(parse, "nodes", error);
	}
	status = put(parse, parse->nodes, NULL, object, error);
	if (status)
		json_decref(attributes);
	else
		status = put(parse, object, "attributes", attributes, error);
	if (!status)
		status = sift(parse, message, keep, take_attribute, attributes, "nodes", &rest, error);
	if (!status) {
		node = onnx__node_proto__unpack(NULL, rest.size, rest.bytes);
		status = node ? CS_OK : damaged(parse, "nodes", error);
	}
	if (!status)
		status = put_text(parse, object, "name", node->name, error);
	if (!status)
		status = put_text(parse, object, "op", node->op_type, error);
	if (!status)
		status = put_text(parse, object, "domain", node->domain, error);
	if (!status)
		status = put_names(parse, object, "in", node->input, node->n_input, error);
	if (!status)
		status = put_names(parse, object, "out", node->output, node->n_output, error);
	if (node)
		onnx__node_proto__free_unpacked(node, NULL);
	cs_free(rest.bytes);
	return status;
}

/* --- the graph and the model --- */

static enum cs_status describe_values(
	struct parse *parse, const char *key, Onnx__ValueInfoProto **values, size_t count, struct cs_error *error)
{
	json_t *list = json_array();
	enum cs_status status = put(parse, parse->root, key, list, error);

	if (!status && count > MOST_PARTS)
		status = too_much(parse, "inputs and outputs", error);
	for (size_t i = 0; i < count && !status; i++) {
		const Onnx__TensorType *type = values[i]->type ? values[i]->type->tensor_type : NULL;
		const Onnx__TensorShape *shape = type ? type->shape : NULL;
		json_t *object = json_object(), *dims;

		status = put(parse, list, NULL, object, error);
		if (!status)
			status = put_text(parse, object, "name", values[i]->name, error);
		if (!status)
			status = put(parse, object, "type", json_integer(type ? type->elem_type : 0), error);
		if (status || !shape)
			continue;
		if (shape->n_dim > MOST_RANK)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"'%.80s' has %zu dimensions; convscope reads up to %d",
				values[i]->name ? values[i]->name : "", shape->n_dim, MOST_RANK);
		status = put(parse, object, "dims", dims = json_array(), error);
		for (size_t k = 0; k < shape->n_dim && !status; k++) {
			const Onnx__Dimension *dim = shape->dim[k];

			if (dim->has_dim_value)
				status = put(parse, dims, NULL, json_integer(dim->dim_value), error);
			else if (dim->dim_param && *dim->dim_param)
				status = put_text(parse, dims, NULL, dim->dim_param, error);
			else
				status = put(parse, dims, NULL, json_null(), error);
		}
	}
	return status;
}

static enum cs_status take_graph_part(
	struct parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	(void)context;
	if (field->number == 15)
		parse->sparse++;
	if (field->number != 1)
		return CS_OK;
	if (field->type != CS_WIRE_BYTES)
		return damaged(parse, "nodes", error);
	return parse_node(parse, cs_wire_body(field), error);
}

/* Initialisers come first in the list of tensors. */
static enum cs_status take_initialiser(
	struct parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	(void)context;
	if (field->number != 5)
		return CS_OK;
	if (field->type != CS_WIRE_BYTES)
		return damaged(parse, "weights", error);
	return parse_tensor(parse, cs_wire_body(field), true, NULL, error);
}

static enum cs_status parse_graph(struct parse *parse, struct cs_error *error)
{
	const uint32_t keep = 1u << 2 | 1u << 11 | 1u << 12;
	struct gathering rest = {0};
	Onnx__GraphProto *graph = NULL;
	enum cs_status status = sift(parse, parse->graph, 0, take_initialiser, NULL, "graph", &rest, error);

	if (!status)
		status = sift(parse, parse->graph, keep, take_graph_part, NULL, "graph", &rest, error);
	if (!status) {
		graph = onnx__graph_proto__unpack(NULL, rest.size, rest.bytes);
		status = graph ? CS_OK : damaged(parse, "graph", error);
	}
	if (!status && parse->sparse)
		status = cs_fail(error, CS_ERR_UNSUPPORTED, "'%s' has sparse weights; convscope reads dense ones",
			parse->file->name);
	if (!status)
		status = put_text(parse, parse->root, "graph", graph->name, error);
	if (!status)
		status = describe_values(parse, "inputs", graph->input, graph->n_input, error);
	if (!status)
		status = describe_values(parse, "outputs", graph->output, graph->n_output, error);
	if (graph)
		onnx__graph_proto__free_unpacked(graph, NULL);
	cs_free(rest.bytes);
	return status;
}

static enum cs_status take_model_part(
	struct parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	(void)context;
	if (field->number == 7 && field->type != CS_WIRE_BYTES)
		return damaged(parse, "graph", error);
	if (field->number == 7) {
		parse->graph = cs_wire_body(field);
		parse->graphs++;
	}
	parse->functions += field->number == 25;
	return CS_OK;
}

static enum cs_status describe_model(struct parse *parse, const Onnx__ModelProto *model, struct cs_error *error)
{
	json_t *opsets = json_array(), *metadata = json_object();
	char *producer = cs_format("%.200s%s%.40s", model->producer_name ? model->producer_name : "",
		model->producer_version ? " " : "", model->producer_version ? model->producer_version : "");
	enum cs_status status = put(parse, parse->root, "opsets", opsets, error);

	if (status)
		json_decref(metadata);
	else
		status = put(parse, parse->root, "metadata", metadata, error);
	if (!status)
		status = put(parse, parse->root, "ir", json_integer(model->ir_version), error);
	if (!status)
		status = put(parse, parse->root, "functions", json_integer(parse->functions), error);
	if (!status)
		status = producer ? put_text(parse, parse->root, "producer", producer, error)
				  : cs_fail_memory(error, "an ONNX file");
	for (size_t i = 0; i < model->n_opset_import && !status; i++) {
		json_t *pair = json_array();

		status = put(parse, opsets, NULL, pair, error);
		if (!status)
			status = put_text(parse, pair, NULL, model->opset_import[i]->domain, error);
		if (!status)
			status = put(parse, pair, NULL, json_integer(model->opset_import[i]->version), error);
	}
	for (size_t i = 0; i < model->n_metadata_props && !status; i++) {
		const char *key = model->metadata_props[i]->key, *value = model->metadata_props[i]->value;

		if (!key || strncmp(key, "convscope.", 10) || strlen(key) > 64)
			continue;
		parse->text += value ? strlen(value) : 0;
		status = put(parse, metadata, key, json_string(value ? value : ""), error);
	}
	cs_free(producer);
	return status;
}

enum cs_status cs_onnx_parse(struct cs_onnx *file, struct cs_error *error)
{
	const uint32_t keep = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 8 | 1u << 14;
	struct parse parse = {.file = file, .root = json_object(), .tensors = json_array(), .nodes = json_array()};
	struct cs_wire message = {.at = file->bytes, .end = file->bytes + file->size};
	struct gathering rest = {0};
	Onnx__ModelProto *model = NULL;
	enum cs_status status = CS_OK;

	if (!parse.root || !parse.tensors || !parse.nodes)
		status = cs_fail_memory(error, "an ONNX file");
	if (!status)
		status = sift(&parse, message, keep, take_model_part, NULL, "model", &rest, error);
	if (!status && parse.graphs != 1)
		status = cs_fail(
			error, CS_ERR_FORMAT, "'%s' has %d graphs: an ONNX model has one", file->name, parse.graphs);
	if (!status) {
		model = onnx__model_proto__unpack(NULL, rest.size, rest.bytes);
		status = model ? CS_OK : damaged(&parse, "model", error);
	}
	if (!status)
		status = describe_model(&parse, model, error);
	if (!status)
		status = parse_graph(&parse, error);
	if (!status) {
		if (json_object_set(parse.root, "tensors", parse.tensors) ||
			json_object_set(parse.root, "nodes", parse.nodes))
			status = cs_fail_memory(error, "an ONNX file");
	}
	if (!status) {
		file->text = json_dumps(parse.root, JSON_COMPACT | JSON_REAL_PRECISION(17));
		if (!file->text)
			status = cs_fail_memory(error, "an ONNX file");
		else if (strlen(file->text) > 2 * (size_t)MOST_TEXT)
			status = too_much(&parse, "parts", error);
	}
	if (model)
		onnx__model_proto__free_unpacked(model, NULL);
	cs_free(rest.bytes);
	json_decref(parse.root);
	json_decref(parse.tensors);
	json_decref(parse.nodes);
	return status;
}
