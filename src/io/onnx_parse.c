/* onnx_parse.c: an ONNX file taken apart into a description and a list of tensors. See onnx.h for what the description holds.
 *
 * The large messages (model, graph, node, attribute, tensor) are walked field by field where they lie in the file (wire.h). Those fields
 * that the schema knows are gathered, without the large ones, and unpacked by protobuf-c; the parts in between are descended into
 * by hand, at most four deep: graphs inside of attributes are not looked into, so there is no recursion. Numbers of tensors are
 * never copied. So memory and time follow the size of the file, and nothing that it only claims.
 */
#include "io/onnx_parse.h"

#include "core/alloc.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

enum cs_status cs_onnx_damaged(const struct cs_onnx_parse *parse, const char *what, struct cs_error *error)
{
	return cs_fail(
		error, CS_ERR_FORMAT, "'%s' is damaged or cut off: its %s cannot be read", parse->file->name, what);
}

enum cs_status cs_onnx_too_much(const struct cs_onnx_parse *parse, const char *what, struct cs_error *error)
{
	return cs_fail(error, CS_ERR_MEMORY, "'%s' has more or longer %s than any model has", parse->file->name, what);
}

static enum cs_status gather(
	struct cs_onnx_gathering *to, const struct cs_wire_field *field, const uint8_t *end, struct cs_error *error)
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

enum cs_status cs_onnx_sift(struct cs_onnx_parse *parse, struct cs_wire message, uint32_t keep, cs_onnx_part part,
	void *context, const char *what, struct cs_onnx_gathering *to, struct cs_error *error)
{
	struct cs_wire_field field;
	enum cs_status status = CS_OK;

	while (!status && cs_wire_next(&message, &field)) {
		if (field.number < 32 && keep >> field.number & 1)
			status = gather(to, &field, message.at, error);
		else if (part)
			status = part(parse, &field, context, error);
	}
	return !status && message.damaged ? cs_onnx_damaged(parse, what, error) : status;
}

enum cs_status cs_onnx_put_text(
	struct cs_onnx_parse *parse, json_t *object, const char *key, const char *text, struct cs_error *error)
{
	size_t length = text ? strlen(text) : 0;
	json_t *value;

	if (length > CS_ONNX_MOST_NAME)
		return cs_onnx_too_much(parse, "names", error);
	parse->text += length + 16;
	if (parse->text > CS_ONNX_MOST_TEXT)
		return cs_onnx_too_much(parse, "parts", error);
	value = json_string(text ? text : "");
	if (!value)
		return cs_fail(
			error, CS_ERR_FORMAT, "'%s' is damaged: a name in it is not text (UTF-8)", parse->file->name);
	if (key ? json_object_set_new(object, key, value) : json_array_append_new(object, value))
		return cs_fail_memory(error, "an ONNX file");
	return CS_OK;
}

enum cs_status cs_onnx_put(
	struct cs_onnx_parse *parse, json_t *object, const char *key, json_t *value, struct cs_error *error)
{
	parse->text += 24;
	if (parse->text > CS_ONNX_MOST_TEXT) {
		json_decref(value);
		return cs_onnx_too_much(parse, "parts", error);
	}
	if (!value || (key ? json_object_set_new(object, key, value) : json_array_append_new(object, value)))
		return cs_fail_memory(error, "an ONNX file");
	return CS_OK;
}

/* --- nodes --- */

/* What an attribute holds beside what protobuf-c unpacks. */
struct large {
	int tensor; /* its index, or -1 */
	const char *other; /* what it is that is not looked into */
	int64_t numbers; /* in its lists; more than CS_ONNX_MOST_VALUES are left where they are */
};

static enum cs_status take_large(
	struct cs_onnx_parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	struct large *large = context;

	switch (field->number) {
	case 5:
		if (field->type != CS_WIRE_BYTES)
			return cs_onnx_damaged(parse, "nodes", error);
		large->tensor = parse->file->count;
		return cs_onnx_parse_tensor(parse, cs_wire_body(field), false, NULL, error);
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
	if (attribute->n_ints > CS_ONNX_MOST_VALUES || attribute->n_floats > CS_ONNX_MOST_VALUES)
		return json_pack("{s:s}", "other", "a long list of numbers");
	if (attribute->has_s && (attribute->type == 3 || attribute->type == 0)) {
		json_t *text = attribute->s.len <= CS_ONNX_MOST_NAME
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
	struct cs_onnx_parse *parse, struct cs_wire message, json_t *attributes, struct cs_error *error)
{
	const uint32_t keep = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7 | 1u << 8 | 1u << 20 | 1u << 21;
	struct large large = {.tensor = -1};
	struct cs_onnx_gathering rest = {0};
	Onnx__AttributeProto *attribute = NULL;
	enum cs_status status = cs_onnx_sift(parse, message, keep, take_large, &large, "nodes", &rest, error);

	if (!status) {
		attribute = onnx__attribute_proto__unpack(NULL, rest.size, rest.bytes);
		status = attribute ? CS_OK : cs_onnx_damaged(parse, "nodes", error);
	}
	if (!status && attribute->name && strlen(attribute->name) > CS_ONNX_MOST_NAME)
		status = cs_onnx_too_much(parse, "names", error);
	if (!status) {
		parse->text +=
			24 * (attribute->n_ints + attribute->n_floats) + (attribute->has_s ? attribute->s.len : 0) + 64;
		status = cs_onnx_put(
			parse, attributes, attribute->name ? attribute->name : "", value_of(attribute, &large), error);
	}
	if (attribute)
		onnx__attribute_proto__free_unpacked(attribute, NULL);
	cs_free(rest.bytes);
	return status;
}

static enum cs_status take_attribute(
	struct cs_onnx_parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	if (field->number != 5)
		return CS_OK;
	if (field->type != CS_WIRE_BYTES)
		return cs_onnx_damaged(parse, "nodes", error);
	return parse_attribute(parse, cs_wire_body(field), context, error);
}

static enum cs_status put_names(struct cs_onnx_parse *parse, json_t *object, const char *key, char **names,
	size_t count, struct cs_error *error)
{
	json_t *list = json_array();
	enum cs_status status = cs_onnx_put(parse, object, key, list, error);

	if (!status && count > CS_ONNX_MOST_LINKS)
		status = cs_onnx_too_much(parse, "inputs and outputs of a node", error);
	for (size_t i = 0; i < count && !status; i++)
		status = cs_onnx_put_text(parse, list, NULL, names[i], error);
	return status;
}

static enum cs_status parse_node(struct cs_onnx_parse *parse, struct cs_wire message, struct cs_error *error)
{
	const uint32_t keep = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7;
	struct cs_onnx_gathering rest = {0};
	Onnx__NodeProto *node = NULL;
	json_t *object = json_object(), *attributes = json_object();
	enum cs_status status;

	if (json_array_size(parse->nodes) >= CS_ONNX_MOST_PARTS) {
		json_decref(object);
		json_decref(attributes);
		return cs_onnx_too_much(parse, "nodes", error);
	}
	status = cs_onnx_put(parse, parse->nodes, NULL, object, error);
	if (status)
		json_decref(attributes);
	else
		status = cs_onnx_put(parse, object, "attributes", attributes, error);
	if (!status)
		status = cs_onnx_sift(parse, message, keep, take_attribute, attributes, "nodes", &rest, error);
	if (!status) {
		node = onnx__node_proto__unpack(NULL, rest.size, rest.bytes);
		status = node ? CS_OK : cs_onnx_damaged(parse, "nodes", error);
	}
	if (!status)
		status = cs_onnx_put_text(parse, object, "name", node->name, error);
	if (!status)
		status = cs_onnx_put_text(parse, object, "op", node->op_type, error);
	if (!status)
		status = cs_onnx_put_text(parse, object, "domain", node->domain, error);
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

static enum cs_status describe_values(struct cs_onnx_parse *parse, const char *key, Onnx__ValueInfoProto **values,
	size_t count, struct cs_error *error)
{
	json_t *list = json_array();
	enum cs_status status = cs_onnx_put(parse, parse->root, key, list, error);

	if (!status && count > CS_ONNX_MOST_PARTS)
		status = cs_onnx_too_much(parse, "inputs and outputs", error);
	for (size_t i = 0; i < count && !status; i++) {
		const Onnx__TensorType *type = values[i]->type ? values[i]->type->tensor_type : NULL;
		const Onnx__TensorShape *shape = type ? type->shape : NULL;
		json_t *object = json_object(), *dims;

		status = cs_onnx_put(parse, list, NULL, object, error);
		if (!status)
			status = cs_onnx_put_text(parse, object, "name", values[i]->name, error);
		if (!status)
			status = cs_onnx_put(parse, object, "type", json_integer(type ? type->elem_type : 0), error);
		if (status || !shape)
			continue;
		if (shape->n_dim > CS_ONNX_MOST_RANK)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"'%.80s' has %zu dimensions; convscope reads up to %d",
				values[i]->name ? values[i]->name : "", shape->n_dim, CS_ONNX_MOST_RANK);
		status = cs_onnx_put(parse, object, "dims", dims = json_array(), error);
		for (size_t k = 0; k < shape->n_dim && !status; k++) {
			const Onnx__Dimension *dim = shape->dim[k];

			if (dim->has_dim_value)
				status = cs_onnx_put(parse, dims, NULL, json_integer(dim->dim_value), error);
			else if (dim->dim_param && *dim->dim_param)
				status = cs_onnx_put_text(parse, dims, NULL, dim->dim_param, error);
			else
				status = cs_onnx_put(parse, dims, NULL, json_null(), error);
		}
	}
	return status;
}

static enum cs_status take_graph_part(
	struct cs_onnx_parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	(void)context;
	if (field->number == 15)
		parse->sparse++;
	if (field->number != 1)
		return CS_OK;
	if (field->type != CS_WIRE_BYTES)
		return cs_onnx_damaged(parse, "nodes", error);
	return parse_node(parse, cs_wire_body(field), error);
}

/* Initialisers come first in the list of tensors. */
static enum cs_status take_initialiser(
	struct cs_onnx_parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	(void)context;
	if (field->number != 5)
		return CS_OK;
	if (field->type != CS_WIRE_BYTES)
		return cs_onnx_damaged(parse, "weights", error);
	return cs_onnx_parse_tensor(parse, cs_wire_body(field), true, NULL, error);
}

static enum cs_status parse_graph(struct cs_onnx_parse *parse, struct cs_error *error)
{
	const uint32_t keep = 1u << 2 | 1u << 11 | 1u << 12;
	struct cs_onnx_gathering rest = {0};
	Onnx__GraphProto *graph = NULL;
	enum cs_status status = cs_onnx_sift(parse, parse->graph, 0, take_initialiser, NULL, "graph", &rest, error);

	if (!status)
		status = cs_onnx_sift(parse, parse->graph, keep, take_graph_part, NULL, "graph", &rest, error);
	if (!status) {
		graph = onnx__graph_proto__unpack(NULL, rest.size, rest.bytes);
		status = graph ? CS_OK : cs_onnx_damaged(parse, "graph", error);
	}
	if (!status && parse->sparse)
		status = cs_fail(error, CS_ERR_UNSUPPORTED, "'%s' has sparse weights; convscope reads dense ones",
			parse->file->name);
	if (!status)
		status = cs_onnx_put_text(parse, parse->root, "graph", graph->name, error);
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
	struct cs_onnx_parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error)
{
	(void)context;
	if (field->number == 7 && field->type != CS_WIRE_BYTES)
		return cs_onnx_damaged(parse, "graph", error);
	if (field->number == 7) {
		parse->graph = cs_wire_body(field);
		parse->graphs++;
	}
	parse->functions += field->number == 25;
	return CS_OK;
}

static enum cs_status describe_model(struct cs_onnx_parse *parse, const Onnx__ModelProto *model, struct cs_error *error)
{
	json_t *opsets = json_array(), *metadata = json_object();
	char *producer = cs_format("%.200s%s%.40s", model->producer_name ? model->producer_name : "",
		model->producer_version ? " " : "", model->producer_version ? model->producer_version : "");
	enum cs_status status = cs_onnx_put(parse, parse->root, "opsets", opsets, error);

	if (status)
		json_decref(metadata);
	else
		status = cs_onnx_put(parse, parse->root, "metadata", metadata, error);
	if (!status)
		status = cs_onnx_put(parse, parse->root, "ir", json_integer(model->ir_version), error);
	if (!status)
		status = cs_onnx_put(parse, parse->root, "functions", json_integer(parse->functions), error);
	if (!status)
		status = producer ? cs_onnx_put_text(parse, parse->root, "producer", producer, error)
				  : cs_fail_memory(error, "an ONNX file");
	for (size_t i = 0; i < model->n_opset_import && !status; i++) {
		json_t *pair = json_array();

		status = cs_onnx_put(parse, opsets, NULL, pair, error);
		if (!status)
			status = cs_onnx_put_text(parse, pair, NULL, model->opset_import[i]->domain, error);
		if (!status)
			status = cs_onnx_put(parse, pair, NULL, json_integer(model->opset_import[i]->version), error);
	}
	for (size_t i = 0; i < model->n_metadata_props && !status; i++) {
		const char *key = model->metadata_props[i]->key, *value = model->metadata_props[i]->value;

		if (!key || strncmp(key, "convscope.", 10) || strlen(key) > 64)
			continue;
		parse->text += value ? strlen(value) : 0;
		status = cs_onnx_put(parse, metadata, key, json_string(value ? value : ""), error);
	}
	cs_free(producer);
	return status;
}

enum cs_status cs_onnx_parse(struct cs_onnx *file, struct cs_error *error)
{
	const uint32_t keep = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 8 | 1u << 14;
	struct cs_onnx_parse parse = {
		.file = file, .root = json_object(), .tensors = json_array(), .nodes = json_array()};
	struct cs_wire message = {.at = file->bytes, .end = file->bytes + file->size};
	struct cs_onnx_gathering rest = {0};
	Onnx__ModelProto *model = NULL;
	enum cs_status status = CS_OK;

	if (!parse.root || !parse.tensors || !parse.nodes)
		status = cs_fail_memory(error, "an ONNX file");
	if (!status)
		status = cs_onnx_sift(&parse, message, keep, take_model_part, NULL, "model", &rest, error);
	if (!status && parse.graphs != 1)
		status = cs_fail(
			error, CS_ERR_FORMAT, "'%s' has %d graphs: an ONNX model has one", file->name, parse.graphs);
	if (!status) {
		model = onnx__model_proto__unpack(NULL, rest.size, rest.bytes);
		status = model ? CS_OK : cs_onnx_damaged(&parse, "model", error);
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
		else if (strlen(file->text) > 2 * (size_t)CS_ONNX_MOST_TEXT)
			status = cs_onnx_too_much(&parse, "parts", error);
	}
	if (model)
		onnx__model_proto__free_unpacked(model, NULL);
	cs_free(rest.bytes);
	json_decref(parse.root);
	json_decref(parse.tensors);
	json_decref(parse.nodes);
	return status;
}
