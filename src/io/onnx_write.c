/* onnx_write.c: a model as ONNX's protobuf message. See onnx_write.h.
 *
 * Small messages are packed by protobuf-c (onnx.proto) and kept; what stands around them, heads and sizes of the fields that hold
 * nodes, attributes and tensors, is written by hand. The numbers of tensors come last and pass through a buffer one tensor at a time, so
 * that writing takes little more memory than the largest of them.
 */
#include "io/onnx_write.h"

#include "core/alloc.h"
#include "io/file.h"
#include "io/onnx.pb-c.h"
#include "io/onnx_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { IR_VERSION = 8, MOST_METADATA = 8 };

struct buffer {
	uint8_t *bytes;
	size_t size, capacity;
};

struct tensor {
	struct buffer head; /* its TensorProto without the numbers */
	int64_t count;
	cs_onnx_numbers_of numbers;
	const void *context;
};

struct cs_onnx_writer {
	struct buffer model, nodes, values, small; /* small: tensors that are held whole */
	struct tensor *tensors;
	int count, capacity;
	bool failed; /* no memory */
};

/* --- bytes --- */

static uint8_t *room(struct cs_onnx_writer *writer, struct buffer *to, size_t size)
{
	uint8_t *at;

	if (to->size + size > to->capacity && !writer->failed) {
		size_t capacity = 2 * (to->size + size) + 256;
		uint8_t *grown = cs_realloc(to->bytes, capacity, 1);

		writer->failed = !grown;
		if (grown) {
			to->bytes = grown;
			to->capacity = capacity;
		}
	}
	if (writer->failed)
		return NULL;
	at = to->bytes + to->size;
	to->size += size;
	return at;
}

static size_t varint(uint8_t *at, uint64_t value)
{
	size_t size = 0;

	do {
		at[size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
	return size;
}

/* The head of a field that holds `size` bytes. */
static size_t head(uint8_t at[CS_WIRE_HEAD], uint32_t number, uint64_t size)
{
	size_t tag = varint(at, (uint64_t)number << 3 | CS_WIRE_BYTES);

	return tag + varint(at + tag, size);
}

static void put(struct cs_onnx_writer *writer, struct buffer *to, const void *bytes, size_t size)
{
	uint8_t *at = room(writer, to, size);

	if (at && size)
		memcpy(at, bytes, size);
}

static void put_field(struct cs_onnx_writer *writer, struct buffer *to, uint32_t number, const void *bytes, size_t size)
{
	uint8_t start[CS_WIRE_HEAD];

	put(writer, to, start, head(start, number, size));
	put(writer, to, bytes, size);
}

static void put_message(struct cs_onnx_writer *writer, struct buffer *to, const ProtobufCMessage *message)
{
	uint8_t *at = room(writer, to, protobuf_c_message_get_packed_size(message));

	if (at)
		protobuf_c_message_pack(message, at);
}

/* protobuf-c's strings are not const, but packing only reads them. */
static char *text(const char *constant)
{
	return (char *)(uintptr_t)constant;
}

/* --- parts --- */

enum cs_status cs_onnx_writer_new(
	const char *graph, const char *version, int opset, struct cs_onnx_writer **out, struct cs_error *error)
{
	struct cs_onnx_writer *writer = cs_calloc(1, sizeof *writer);
	Onnx__OperatorSetId set = ONNX__OPERATOR_SET_ID__INIT, *sets[] = {&set};
	Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
	Onnx__GraphProto values = ONNX__GRAPH_PROTO__INIT;

	if (!writer)
		return cs_fail_memory(error, "an ONNX file");
	set.domain = text("");
	set.has_version = true;
	set.version = opset;
	model.has_ir_version = true;
	model.ir_version = IR_VERSION;
	model.producer_name = text("convscope");
	model.producer_version = text(version);
	model.n_opset_import = 1;
	model.opset_import = sets;
	values.name = text(graph);
	put_message(writer, &writer->model, &model.base);
	put_message(writer, &writer->values, &values.base);
	*out = writer;
	return CS_OK;
}

void cs_onnx_writer_free(struct cs_onnx_writer *writer)
{
	if (!writer)
		return;
	for (int i = 0; i < writer->count; i++)
		cs_free(writer->tensors[i].head.bytes);
	cs_free(writer->tensors);
	cs_free(writer->model.bytes);
	cs_free(writer->nodes.bytes);
	cs_free(writer->values.bytes);
	cs_free(writer->small.bytes);
	cs_free(writer);
}

/* Messages of one kind may be packed by parts: fields that repeat add up. */
void cs_onnx_writer_metadata(struct cs_onnx_writer *writer, const char *key, const char *value)
{
	Onnx__Metadata entry = ONNX__METADATA__INIT, *entries[] = {&entry};
	Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;

	entry.key = text(key);
	entry.value = text(value);
	model.n_metadata_props = 1;
	model.metadata_props = entries;
	put_message(writer, &writer->model, &model.base);
}

void cs_onnx_writer_value(struct cs_onnx_writer *writer, bool output, const char *name, const int64_t *dims, int rank)
{
	Onnx__Dimension each[CS_MAX_RANK + 1], *list[CS_MAX_RANK + 1];
	Onnx__TensorShape shape = ONNX__TENSOR_SHAPE__INIT;
	Onnx__TensorType type = ONNX__TENSOR_TYPE__INIT;
	Onnx__TypeProto any = ONNX__TYPE_PROTO__INIT;
	Onnx__ValueInfoProto value = ONNX__VALUE_INFO_PROTO__INIT, *values[] = {&value};
	Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;

	for (int i = 0; i <= rank; i++) {
		onnx__dimension__init(&each[i]);
		list[i] = &each[i];
		each[i].has_dim_value = i > 0;
		each[i].dim_value = i ? dims[i - 1] : 0;
	}
	each[0].dim_param = text("N");
	shape.n_dim = (size_t)rank + 1;
	shape.dim = list;
	type.has_elem_type = true;
	type.elem_type = CS_ONNX_FLOAT;
	type.shape = &shape;
	any.tensor_type = &type;
	value.name = text(name);
	value.type = &any;
	if (output) {
		graph.n_output = 1;
		graph.output = values;
	} else {
		graph.n_input = 1;
		graph.input = values;
	}
	put_message(writer, &writer->values, &graph.base);
}

static void put_attribute(struct cs_onnx_writer *writer, struct buffer *node, const struct cs_onnx_attribute *attribute)
{
	/* AttributeProto.AttributeType */
	static const int types[] = {
		[CS_ONNX_INT_ATTRIBUTE] = 2, [CS_ONNX_FLOAT_ATTRIBUTE] = 1, [CS_ONNX_INTS_ATTRIBUTE] = 7};
	Onnx__AttributeProto made = ONNX__ATTRIBUTE_PROTO__INIT;
	struct buffer bytes = {0};

	made.name = text(attribute->name);
	made.has_type = true;
	made.type = types[attribute->kind];
	made.has_i = attribute->kind == CS_ONNX_INT_ATTRIBUTE;
	made.i = attribute->number;
	made.has_f = attribute->kind == CS_ONNX_FLOAT_ATTRIBUTE;
	made.f = attribute->real;
	if (attribute->kind == CS_ONNX_INTS_ATTRIBUTE) {
		made.n_ints = (size_t)attribute->count;
		made.ints = (int64_t *)(uintptr_t)attribute->list;
	}
	put_message(writer, &bytes, &made.base);
	put_field(writer, node, 5, bytes.bytes, bytes.size);
	cs_free(bytes.bytes);
}

void cs_onnx_writer_node(struct cs_onnx_writer *writer, const char *op, const char *name, const char *const *inputs,
	const char *output, const struct cs_onnx_attribute *attributes)
{
	Onnx__NodeProto made = ONNX__NODE_PROTO__INIT;
	char *outputs[] = {text(output)};
	struct buffer bytes = {0};

	made.op_type = text(op);
	made.name = text(name);
	made.input = (char **)(uintptr_t)inputs;
	while (inputs[made.n_input])
		made.n_input++;
	made.output = outputs;
	made.n_output = 1;
	put_message(writer, &bytes, &made.base);
	for (; attributes && attributes->name; attributes++)
		put_attribute(writer, &bytes, attributes);
	put_field(writer, &writer->nodes, 1, bytes.bytes, bytes.size);
	cs_free(bytes.bytes);
}

static void put_tensor_head(struct cs_onnx_writer *writer, struct buffer *to, const char *name, enum cs_onnx_type type,
	const int64_t *dims, int rank)
{
	Onnx__TensorProto made = ONNX__TENSOR_PROTO__INIT;

	made.name = text(name);
	made.has_data_type = true;
	made.data_type = (int32_t)type;
	made.n_dims = (size_t)rank;
	made.dims = (int64_t *)(uintptr_t)dims;
	put_message(writer, to, &made.base);
}

void cs_onnx_writer_tensor(struct cs_onnx_writer *writer, const char *name, const int64_t *dims, int rank,
	cs_onnx_numbers_of numbers, const void *context)
{
	struct tensor *tensor;

	if (writer->count == writer->capacity) {
		int capacity = 2 * writer->capacity + 16;
		struct tensor *grown = cs_realloc(writer->tensors, (size_t)capacity, sizeof *grown);

		if (!grown) {
			writer->failed = true;
			return;
		}
		writer->tensors = grown;
		writer->capacity = capacity;
	}
	tensor = &writer->tensors[writer->count++];
	*tensor = (struct tensor){.count = 1, .numbers = numbers, .context = context};
	for (int i = 0; i < rank; i++)
		tensor->count *= dims[i];
	put_tensor_head(writer, &tensor->head, name, CS_ONNX_FLOAT, dims, rank);
}

static void put_small(struct cs_onnx_writer *writer, const char *name, enum cs_onnx_type type, const int64_t *dims,
	int rank, const void *numbers, size_t size)
{
	struct buffer bytes = {0};

	put_tensor_head(writer, &bytes, name, type, dims, rank);
	put_field(writer, &bytes, 9, numbers, size);
	put_field(writer, &writer->small, 5, bytes.bytes, bytes.size);
	cs_free(bytes.bytes);
}

void cs_onnx_writer_number(struct cs_onnx_writer *writer, const char *name, float number)
{
	uint32_t bits;
	uint8_t bytes[4];

	memcpy(&bits, &number, sizeof bits);
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(bits >> (8 * i));
	put_small(writer, name, CS_ONNX_FLOAT, NULL, 0, bytes, sizeof bytes);
}

void cs_onnx_writer_integers(struct cs_onnx_writer *writer, const char *name, const int64_t *numbers, int count)
{
	struct buffer bytes = {0};

	for (int i = 0; i < count; i++) {
		uint8_t *at = room(writer, &bytes, 8);

		for (int k = 0; at && k < 8; k++)
			at[k] = (uint8_t)((uint64_t)numbers[i] >> (8 * k));
	}
	put_small(writer, name, CS_ONNX_INT64, (int64_t[]){count}, 1, bytes.bytes, bytes.size);
	cs_free(bytes.bytes);
}

/* --- the file --- */

/* Of a tensor: its raw_data field's head and the whole field's size, without and with the head of the field that holds it. */
static size_t tensor_size(const struct tensor *tensor, uint8_t raw[CS_WIRE_HEAD], size_t *raw_head)
{
	*raw_head = head(raw, 9, (uint64_t)tensor->count * sizeof(float));
	return tensor->head.size + *raw_head + (size_t)tensor->count * sizeof(float);
}

static bool out(FILE *file, const void *bytes, size_t size)
{
	return !size || fwrite(bytes, 1, size, file) == size;
}

/* float32 in memory -> little-endian, in place. */
static void to_little_endian(float *numbers, int64_t count)
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	for (int64_t i = 0; i < count; i++) {
		uint32_t bits;

		memcpy(&bits, numbers + i, sizeof bits);
		bits = __builtin_bswap32(bits);
		memcpy(numbers + i, &bits, sizeof bits);
	}
#else
	(void)numbers;
	(void)count;
#endif
}

static enum cs_status write_all(
	const struct cs_onnx_writer *writer, FILE *file, size_t graph, float *scratch, struct cs_error *error)
{
	uint8_t start[CS_WIRE_HEAD], raw[CS_WIRE_HEAD];
	bool good = out(file, writer->model.bytes, writer->model.size) && out(file, start, head(start, 7, graph)) &&
		out(file, writer->nodes.bytes, writer->nodes.size) &&
		out(file, writer->values.bytes, writer->values.size) &&
		out(file, writer->small.bytes, writer->small.size);

	for (int i = 0; i < writer->count && good; i++) {
		const struct tensor *tensor = &writer->tensors[i];
		size_t raw_head, size = tensor_size(tensor, raw, &raw_head);

		tensor->numbers(tensor->context, tensor->count, scratch);
		to_little_endian(scratch, tensor->count);
		good = out(file, start, head(start, 5, size)) && out(file, tensor->head.bytes, tensor->head.size) &&
			out(file, raw, raw_head) && out(file, scratch, (size_t)tensor->count * sizeof *scratch);
	}
	return good && !fflush(file) ? CS_OK : cs_fail_errno(error, "cannot write", NULL);
}

enum cs_status cs_onnx_writer_save(struct cs_onnx_writer *writer, const char *path, struct cs_error *error)
{
	size_t graph = writer->nodes.size + writer->values.size + writer->small.size, raw_head;
	uint8_t start[CS_WIRE_HEAD], raw[CS_WIRE_HEAD];
	char *temporary = NULL;
	float *scratch = NULL;
	int64_t most = 1;
	FILE *file = NULL;
	enum cs_status status = CS_OK;

	if (writer->failed)
		return cs_fail_memory(error, "an ONNX file");
	for (int i = 0; i < writer->count; i++) {
		size_t size = tensor_size(&writer->tensors[i], raw, &raw_head);

		graph += size + head(start, 5, size);
		most = writer->tensors[i].count > most ? writer->tensors[i].count : most;
	}
	if (graph + writer->model.size > INT32_MAX)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"the model takes %.1f GB: an ONNX file holds at most 2 GB; write it as .h5",
			(double)graph / 1e9);
	temporary = cs_file_temporary(path);
	scratch = cs_alloc((size_t)most * sizeof *scratch);
	if (!temporary || !scratch) {
		status = cs_fail_memory(error, "an ONNX file");
		goto out;
	}
	file = fopen(temporary, "we");
	status = file ? write_all(writer, file, graph, scratch, error)
		      : cs_file_cannot_write(path, error);
	if (file && fclose(file) && !status)
		status = cs_fail_errno(error, "cannot write", path);
	if (!status)
		status = cs_file_commit(temporary, path, error);
	else if (file)
		unlink(temporary);
out:
	cs_free(temporary);
	cs_free(scratch);
	return status;
}
