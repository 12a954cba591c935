/* ONNX files, encoded here byte by byte: what they mean, what is refused, and what hostile ones get. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "io/file.h"
#include "model/model.h"
#include "model/onnx.h"
#include "nn/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/test_onnx.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

/* --- protobuf, as little as it takes --- */

struct bytes {
	uint8_t data[1 << 15];
	size_t size;
};

static void varint(struct bytes *to, uint64_t value)
{
	do {
		to->data[to->size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
}

static void number(struct bytes *to, int field, int64_t value)
{
	varint(to, (uint64_t)field << 3);
	varint(to, (uint64_t)value);
}

static void blob(struct bytes *to, int field, const void *data, size_t size)
{
	varint(to, (uint64_t)field << 3 | 2);
	varint(to, size);
	memcpy(to->data + to->size, data, size);
	to->size += size;
}

static void text(struct bytes *to, int field, const char *value)
{
	blob(to, field, value, strlen(value));
}

static void part(struct bytes *to, int field, const struct bytes *message)
{
	blob(to, field, message->data, message->size);
}

/* --- ONNX --- */

/* A graph in the making: its parts are put into `graph`, and finish() makes a file of it. */
static struct bytes graph, model;

static void begin(void)
{
	graph.size = model.size = 0;
	text(&graph, 2, "g");
}

/* An input or output; a size of -1 is open. */
static void value(int field, const char *name, int rank, const int64_t *dims)
{
	static struct bytes shape, type, tensor, info;

	shape.size = type.size = tensor.size = info.size = 0;
	for (int i = 0; i < rank; i++) {
		static struct bytes dim;

		dim.size = 0;
		if (dims[i] < 0)
			text(&dim, 2, "N");
		else
			number(&dim, 1, dims[i]);
		part(&shape, 1, &dim);
	}
	number(&tensor, 1, 1);
	part(&tensor, 2, &shape);
	part(&type, 1, &tensor);
	text(&info, 1, name);
	part(&info, 2, &type);
	part(&graph, field, &info);
}

#define INPUT(name, ...) value(11, name, sizeof((int64_t[]){__VA_ARGS__}) / 8, (int64_t[]){__VA_ARGS__})
#define OUTPUT(name, ...) value(12, name, sizeof((int64_t[]){__VA_ARGS__}) / 8, (int64_t[]){__VA_ARGS__})

static struct bytes *tensor_of(const char *name, int type, int rank, const int64_t *dims)
{
	static struct bytes made;

	made.size = 0;
	for (int i = 0; i < rank; i++)
		number(&made, 1, dims[i]);
	number(&made, 2, type);
	text(&made, 8, name);
	return &made;
}

static void floats(const char *name, int rank, const int64_t *dims, const float *numbers, size_t count)
{
	struct bytes *made = tensor_of(name, 1, rank, dims);

	blob(made, 9, numbers, count * sizeof *numbers);
	part(&graph, 5, made);
}

/* FLOATS(name, (dims), numbers...) */
#define DIMS(...) \
	sizeof((int64_t[]){__VA_ARGS__}) / 8, (int64_t[]) \
	{ \
		__VA_ARGS__ \
	}
#define FLOATS(name, dims, ...) floats(name, dims, (float[]){__VA_ARGS__}, sizeof((float[]){__VA_ARGS__}) / 4)

static void integers(const char *name, int count, const int64_t *numbers)
{
	struct bytes *made = tensor_of(name, 7, 1, (int64_t[]){count});

	blob(made, 9, numbers, (size_t)count * sizeof *numbers);
	part(&graph, 5, made);
}
#define INTS(name, ...) integers(name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__})

static struct bytes attributes;

static void attribute_ints(const char *name, int count, const int64_t *numbers)
{
	struct bytes made = {.size = 0};

	text(&made, 1, name);
	for (int i = 0; i < count; i++)
		number(&made, 8, numbers[i]);
	number(&made, 20, 7);
	part(&attributes, 5, &made);
}
#define AT_INTS(name, ...) attribute_ints(name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__})

static void attribute_int(const char *name, int64_t number_of)
{
	struct bytes made = {.size = 0};

	text(&made, 1, name);
	number(&made, 3, number_of);
	number(&made, 20, 2);
	part(&attributes, 5, &made);
}

static void attribute_float(const char *name, float value_of)
{
	struct bytes made = {.size = 0};

	text(&made, 1, name);
	varint(&made, 2 << 3 | 5);
	memcpy(made.data + made.size, &value_of, 4);
	made.size += 4;
	number(&made, 20, 1);
	part(&attributes, 5, &made);
}

/* A node with the attributes gathered so far; names are separated by spaces, "-" stands for one that is left out. */
static void node(const char *op, const char *inputs, const char *output)
{
	static struct bytes made;
	char copy[256], *at = copy, *one;

	made.size = 0;
	snprintf(copy, sizeof copy, "%s", inputs);
	while ((one = strsep(&at, " ")))
		text(&made, 1, strcmp(one, "-") ? one : "");
	text(&made, 2, output);
	text(&made, 3, output);
	text(&made, 4, op);
	memcpy(made.data + made.size, attributes.data, attributes.size);
	made.size += attributes.size;
	attributes.size = 0;
	part(&graph, 1, &made);
}

static void finish_as(int opset)
{
	struct bytes set = {.size = 0};

	model.size = 0;
	number(&model, 1, 8);
	text(&model, 2, "pytorch");
	part(&model, 7, &graph);
	number(&set, 2, opset);
	part(&model, 8, &set);
}

static void finish(void)
{
	finish_as(17);
}

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static const char *save(const char *name)
{
	const char *path = path_of(name);

	assert_int_equal(cs_file_write(path, model.data, model.size, &(struct cs_error){0}), CS_OK);
	return path;
}

/* As users open it: through the helper. */
static struct cs_model *load(void)
{
	struct cs_model *made = NULL;
	struct cs_error error = {0};

	if (cs_model_load(save("m.onnx"), NULL, &made, &error))
		fail_msg("%s", error.message);
	return made;
}

static void assert_refused(enum cs_status status, const char *sentence)
{
	struct cs_model *made = NULL;
	struct cs_error error = {0};

	assert_int_equal(cs_model_load(save("bad.onnx"), NULL, &made, &error), status);
	if (!strstr(error.message, sentence))
		fail_msg("'%s' does not say '%s'", error.message, sentence);
	assert_null(strchr(error.message, '\n'));
}

/* What a network answers to one image of ours. */
static void answer(const struct cs_network *network, const float *image, float *out)
{
	struct cs_shape shape = {.rank = network->input.rank + 1, .dim = {1}};
	const struct cs_tensor *last;
	struct cs_trace *trace;
	struct cs_tensor batch;
	struct cs_error error;

	memcpy(shape.dim + 1, network->input.dim, sizeof(int64_t) * (size_t)network->input.rank);
	batch = cs_tensor_view((float *)(uintptr_t)image, shape);
	assert_int_equal(cs_trace_new(network, CS_TRACE_ALL, 1, NULL, &trace, &error), CS_OK);
	cs_network_forward(trace, &batch);
	last = &trace->slots[network->layer_count - 1].out;
	memcpy(out, last->data, (size_t)cs_tensor_count(last) * sizeof *out);
	cs_trace_free(trace);
}

static void assert_close(const float *a, const float *b, int count)
{
	for (int i = 0; i < count; i++)
		assert_true(fabsf(a[i] - b[i]) <= 1e-5f * fmaxf(1, fabsf(b[i])));
}

/* --- a small network, and what it computes in ONNX's own order --- */

enum { C = 2, H = 4, W = 5, F = 3, OUT = 2, OH = 3, OW = 3, ROW = F * OH * OW };
static float kernel[F * C * 2 * 3], bias[F], weights[OUT * ROW], offsets[OUT], picture[C * H * W];

static void invent(void)
{
	float *all[] = {kernel, bias, weights, offsets, picture};
	int sizes[] = {F * C * 6, F, OUT * ROW, OUT, C * H * W};
	unsigned seed = 7;

	for (int k = 0; k < 5; k++) {
		for (int i = 0; i < sizes[k]; i++) {
			seed = seed * 1664525u + 1013904223u;
			all[k][i] = (float)(int)(seed >> 16 & 0xff) / 64 - 2;
		}
	}
}

/* Convolution 2x3, ReLU, flatten c,h,w, dense. */
static void expected(float out[OUT])
{
	float map[ROW];

	for (int f = 0; f < F; f++) {
		for (int y = 0; y < OH; y++) {
			for (int x = 0; x < OW; x++) {
				double sum = (double)bias[f];

				for (int c = 0; c < C; c++) {
					for (int j = 0; j < 2; j++) {
						for (int i = 0; i < 3; i++)
							sum += (double)kernel[((f * C + c) * 2 + j) * 3 + i] *
								(double)picture[(c * H + y + j) * W + x + i];
					}
				}
				map[(f * OH + y) * OW + x] = sum > 0 ? (float)sum : 0;
			}
		}
	}
	for (int o = 0; o < OUT; o++) {
		double sum = (double)offsets[o];

		for (int i = 0; i < ROW; i++)
			sum += (double)weights[o * ROW + i] * (double)map[i];
		out[o] = (float)sum;
	}
}

/* The picture in our order. */
static const float *channels_last(void)
{
	static float turned[C * H * W];

	for (int c = 0; c < C; c++) {
		for (int i = 0; i < H * W; i++)
			turned[i * C + c] = picture[c * H * W + i];
	}
	return turned;
}

static void weights_of_small(void)
{
	floats("conv1.weight", DIMS(F, C, 2, 3), kernel, F * C * 6);
	floats("conv1.bias", DIMS(F), bias, F);
	floats("fc.weight", DIMS(OUT, ROW), weights, OUT * ROW);
	floats("fc.bias", DIMS(OUT), offsets, OUT);
}

static void small(void)
{
	invent();
	begin();
	INPUT("x", -1, C, H, W);
	OUTPUT("y", -1, OUT);
	weights_of_small();
	node("Conv", "x conv1.weight conv1.bias", "c");
	node("Relu", "c", "r");
	attribute_int("axis", 1);
	node("Flatten", "r", "f");
	attribute_int("transB", 1);
	node("Gemm", "f fc.weight fc.bias", "y");
	finish();
}

static void assert_answers(const struct cs_model *loaded)
{
	float ours[OUT], theirs[OUT];

	answer(loaded->network, channels_last(), ours);
	expected(theirs);
	assert_close(ours, theirs, OUT);
}

static void a_chain_answers_as_onnx_defines_it(void **state)
{
	struct cs_model *loaded;

	(void)state;
	small();
	loaded = load();
	assert_int_equal(loaded->network->layer_count, 3);
	assert_string_equal(loaded->network->layers[0].spec.name, "conv1");
	assert_int_equal(loaded->network->layers[0].spec.activation, CS_RELU);
	assert_string_equal(loaded->network->layers[2].spec.name, "fc");
	assert_answers(loaded);
	cs_model_free(loaded);
}

static void the_contents_tell_what_a_file_is_not_its_name(void **state)
{
	struct cs_model *loaded;
	struct cs_error error;

	(void)state;
	small();
	assert_int_equal(cs_model_load(save("named.h5"), NULL, &loaded, &error), CS_OK);
	assert_answers(loaded);
	cs_model_free(loaded);
	assert_false(cs_onnx_recognise(directory));
	assert_int_equal(cs_file_write(path_of("text"), "\x08\x08 plain", 8, &error), CS_OK);
	assert_false(cs_onnx_recognise(path_of("text")));
}

/* The same network as it looks between two transposes, from TensorFlow. */
static void a_graph_of_channels_last_is_the_same_network(void **state)
{
	static float turned[OUT * ROW];
	struct cs_model *loaded;

	(void)state;
	invent();
	/* rows of the dense kernel count h,w,c; stored (in, out) */
	for (int o = 0; o < OUT; o++) {
		for (int f = 0; f < F; f++) {
			for (int i = 0; i < OH * OW; i++)
				turned[(i * F + f) * OUT + o] = weights[o * ROW + f * OH * OW + i];
		}
	}
	begin();
	INPUT("x", -1, H, W, C);
	OUTPUT("y", -1, OUT);
	floats("k", DIMS(F, C, 2, 3), kernel, F * C * 6);
	floats("b", DIMS(1, F, 1, 1), bias, F);
	floats("w", DIMS(ROW, OUT), turned, OUT * ROW);
	floats("o", DIMS(OUT), offsets, OUT);
	INTS("shape", -1, ROW);
	AT_INTS("perm", 0, 3, 1, 2);
	node("Transpose", "x", "t1");
	node("Conv", "t1 k", "model/conv/Conv2D");
	node("Add", "model/conv/Conv2D b", "biased");
	node("Relu", "biased", "r");
	AT_INTS("perm", 0, 2, 3, 1);
	node("Transpose", "r", "t2");
	node("Reshape", "t2 shape", "flat");
	node("MatMul", "flat w", "m");
	node("Add", "m o", "y");
	finish_as(13);
	loaded = load();
	assert_int_equal(loaded->network->layer_count, 3);
	assert_string_equal(loaded->network->layers[0].spec.name, "conv");
	assert_true(loaded->network->layers[0].spec.bias);
	assert_answers(loaded);
	cs_model_free(loaded);
}

/* x.view(x.size(0), -1), as exporters write it. */
static void shapes_that_are_computed_are_worked_out(void **state)
{
	struct cs_model *loaded;

	(void)state;
	invent();
	begin();
	INPUT("x", -1, C, H, W);
	OUTPUT("y", -1, OUT);
	weights_of_small();
	INTS("rest", -1);
	INTS("zero", 0);
	node("Conv", "x conv1.weight conv1.bias", "c");
	node("Relu", "c", "r");
	node("Shape", "r", "s");
	node("Gather", "s zero", "n");
	node("Concat", "n rest", "target");
	node("Reshape", "r target", "f");
	attribute_int("transB", 1);
	node("Gemm", "f fc.weight fc.bias", "y");
	finish();
	loaded = load();
	assert_answers(loaded);
	cs_model_free(loaded);
}

static void parameters_that_are_constants_of_the_graph_are_the_same(void **state)
{
	struct bytes made = {.size = 0};
	struct cs_model *loaded;

	(void)state;
	invent();
	begin();
	INPUT("x", 1, C, H, W);
	OUTPUT("y", 1, OUT);
	floats("k", DIMS(F, C, 2, 3), kernel, F * C * 6);
	floats("conv1.bias", DIMS(F), bias, F);
	floats("fc.bias", DIMS(OUT), offsets, OUT);
	/* the dense kernel as a node, turned by another */
	text(&made, 1, "value");
	{
		struct bytes *tensor = tensor_of("", 1, 2, (int64_t[]){OUT, ROW});

		blob(tensor, 9, weights, sizeof weights);
		part(&made, 5, tensor);
	}
	number(&made, 20, 4);
	part(&attributes, 5, &made);
	node("Constant", "-", "w");
	AT_INTS("perm", 1, 0);
	node("Transpose", "w", "wt");
	node("Conv", "x k conv1.bias", "c");
	node("Relu", "c", "r");
	node("Flatten", "r", "f");
	node("Gemm", "f wt fc.bias", "y");
	finish();
	loaded = load();
	assert_answers(loaded);
	cs_model_free(loaded);
}

static void numbers_are_the_same_however_they_are_stored(void **state)
{
	static const float numbers[] = {1.5f, -0.25f, 1024, 0.0009765625f};
	/* the same in each type; all of these are exact even in bfloat16 */
	static const uint16_t halves[] = {0x3e00, 0xb400, 0x6400, 0x1400}, brains[] = {0x3fc0, 0xbe80, 0x4480, 0x3a80};
	static const double doubles[] = {1.5, -0.25, 1024, 0.0009765625};

	(void)state;
	for (int way = 0; way < 7; way++) {
		static const int types[] = {1, 1, 1, 10, 10, 11, 16};
		struct bytes *made, packed = {.size = 0};
		struct cs_tensor read;
		struct cs_onnx *file;
		struct cs_error error;

		begin();
		made = tensor_of("t", types[way], 1, (int64_t[]){4});
		switch (way) {
		case 0:
			blob(made, 9, numbers, sizeof numbers);
			break;
		case 1:
			blob(made, 4, numbers, sizeof numbers);
			break;
		case 2: /* two runs and one by itself */
			blob(made, 4, numbers, 2 * sizeof *numbers);
			varint(made, 4 << 3 | 5);
			memcpy(made->data + made->size, numbers + 2, 4);
			made->size += 4;
			blob(made, 4, numbers + 3, sizeof *numbers);
			break;
		case 3:
			blob(made, 9, halves, sizeof halves);
			break;
		case 4:
			for (int i = 0; i < 4; i++)
				varint(&packed, halves[i]);
			part(made, 5, &packed);
			break;
		case 5:
			blob(made, 10, doubles, sizeof doubles);
			break;
		case 6:
			blob(made, 9, brains, sizeof brains);
			break;
		}
		part(&graph, 5, made);
		finish();
		assert_int_equal(cs_onnx_open_foreign(save("numbers.onnx"), &file, &error), CS_OK);
		assert_int_equal(cs_onnx_floats(file, 0, 4, &read, &error), CS_OK);
		assert_memory_equal(read.data, numbers, sizeof numbers);
		cs_tensor_fini(&read);
		assert_int_not_equal(cs_onnx_floats(file, 0, 5, &read, &error), CS_OK);
		assert_int_not_equal(cs_onnx_floats(file, 1, 4, &read, &error), CS_OK);
		cs_onnx_close(file);
	}
}

static void padding_becomes_ours_or_zeros_before_the_window(void **state)
{
	struct cs_model *loaded;
	const struct cs_layer *layers;

	(void)state;
	invent();
	begin();
	INPUT("x", -1, C, 8, 8);
	OUTPUT("y", -1, F, 3, 2);
	floats("a", DIMS(F, C, 3, 3), (float[F * C * 9]){1}, F * C * 9);
	floats("b", DIMS(F, F, 3, 3), (float[F * F * 9]){1}, F * F * 9);
	AT_INTS("pads", 1, 1, 1, 1);
	node("Conv", "x a", "same");
	AT_INTS("pads", 1, 1, 1, 1);
	AT_INTS("strides", 2, 2);
	node("Conv", "same b", "strided");
	node("Relu", "strided", "r");
	AT_INTS("pads", 1, 0, 1, 0);
	AT_INTS("kernel_shape", 2, 2);
	AT_INTS("strides", 2, 2);
	node("MaxPool", "r", "y");
	finish();
	loaded = load();
	layers = loaded->network->layers;
	assert_int_equal(loaded->network->layer_count, 5);
	assert_int_equal(layers[0].spec.padding, CS_PADDING_SAME);
	assert_ptr_equal(layers[1].ops, &cs_zeropad_layer);
	assert_memory_equal(layers[1].spec.border, ((int64_t[]){1, 0, 1, 0}), 32);
	assert_int_equal(layers[2].spec.padding, CS_PADDING_VALID);
	assert_ptr_equal(layers[3].ops, &cs_zeropad_layer);
	assert_int_equal(layers[4].out.dim[0], 3);
	assert_int_equal(layers[4].out.dim[1], 2);
	cs_model_free(loaded);
}

static void vectors_behind_a_flatten_are_put_in_our_order(void **state)
{
	/* 2 channels of 1x2, flattened c,h,w: the batch norm scales each of the four */
	static const float image[] = {1, 10, 2, 20}; /* ours: (1,10) (2,20) */
	struct cs_model *loaded;
	float out[1];

	(void)state;
	begin();
	INPUT("x", -1, 2, 1, 2);
	OUTPUT("y", -1, 1);
	FLOATS("scale", DIMS(4), 1, 2, 3, 4);
	FLOATS("zero", DIMS(4), 0, 0, 0, 0);
	FLOATS("one", DIMS(4), 1, 1, 1, 1);
	FLOATS("w", DIMS(4, 1), 1, 100, 10000, 1000000);
	node("Flatten", "x", "f");
	attribute_float("epsilon", 1e-12f);
	node("BatchNormalization", "f scale zero zero one", "b");
	node("Gemm", "b w", "y");
	finish();
	loaded = load();
	answer(loaded->network, image, out);
	/* theirs: 1, 2, 10, 20 */
	assert_close(out, ((float[]){1 * 1 + 2 * 2 * 100 + 10 * 3 * 10000.f + 20 * 4 * 1000000.f}), 1);
	cs_model_free(loaded);
}

static void arithmetic_with_constants_is_a_rescaling_or_a_norm(void **state)
{
	static const float image[] = {3, 5, 7, 11};
	struct cs_model *loaded;
	float out[4];

	(void)state;
	begin();
	INPUT("x", -1, 2, 1, 2);
	OUTPUT("y", -1, 2, 1, 2);
	FLOATS("half", DIMS(1), 0.5f);
	FLOATS("four", DIMS(1), 4);
	FLOATS("mean", DIMS(1, 2, 1, 1), 1, 2);
	FLOATS("std", DIMS(2, 1, 1), 2, 4);
	node("Mul", "x half", "a");
	node("Sub", "four a", "b");
	node("Sub", "b mean", "c");
	node("Div", "c std", "y");
	finish();
	loaded = load();
	assert_int_equal(loaded->network->layer_count, 2);
	answer(loaded->network, image, out);
	assert_close(
		out, ((float[]){(4 - 1.5f - 1) / 2, (4 - 2.5f - 2) / 4, (4 - 3.5f - 1) / 2, (4 - 5.5f - 2) / 4}), 4);
	cs_model_free(loaded);
}

/* --- weights beside the model --- */

/* The dense kernel of the small network in a file of that name. */
static void outside(const char *location, const char *offset)
{
	struct bytes *made, entry = {.size = 0};

	invent();
	begin();
	INPUT("x", -1, C, H, W);
	OUTPUT("y", -1, OUT);
	floats("conv1.weight", DIMS(F, C, 2, 3), kernel, F * C * 6);
	floats("conv1.bias", DIMS(F), bias, F);
	floats("fc.bias", DIMS(OUT), offsets, OUT);
	made = tensor_of("fc.weight", 1, 2, (int64_t[]){OUT, ROW});
	text(&entry, 1, "location");
	text(&entry, 2, location);
	part(made, 13, &entry);
	entry.size = 0;
	text(&entry, 1, "offset");
	text(&entry, 2, offset);
	part(made, 13, &entry);
	number(made, 14, 1);
	part(&graph, 5, made);
	node("Conv", "x conv1.weight conv1.bias", "c");
	node("Relu", "c", "r");
	node("Flatten", "r", "f");
	attribute_int("transB", 1);
	node("Gemm", "f fc.weight fc.bias", "y");
	finish();
}

static void weights_beside_the_model_are_read(void **state)
{
	char block[16 + sizeof weights] = {0};
	struct cs_model *loaded;

	(void)state;
	outside("m.onnx.data", "16");
	memcpy(block + 16, weights, sizeof weights);
	assert_int_equal(cs_file_write(path_of("m.onnx.data"), block, sizeof block, NULL), CS_OK);
	loaded = load();
	assert_answers(loaded);
	cs_model_free(loaded);
}

static void a_model_cannot_make_other_files_be_read(void **state)
{
	static const char *const elsewhere[] = {"/etc/passwd", "../passwd", "sub/file", ".hidden", "..", ""};
	char block[sizeof weights + 64] = {0}, link_path[256];

	(void)state;
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
		outside(elsewhere[i], "0");
		assert_refused(CS_ERR_UNSUPPORTED, "only from beside the model");
	}
	outside("nowhere.data", "0");
	assert_refused(CS_ERR_NOT_FOUND, "which is not there");
	assert_int_equal(cs_file_write(path_of("whole.data"), block, sizeof block, NULL), CS_OK);
	snprintf(link_path, sizeof link_path, "%s", path_of("link.data"));
	assert_int_equal(symlink(path_of("whole.data"), link_path), 0);
	outside("link.data", "0");
	assert_refused(CS_ERR_UNSUPPORTED, "symbolic link");
	outside("whole.data", "65");
	assert_refused(CS_ERR_FORMAT, "too short");
	outside("whole.data", "-4");
	assert_refused(CS_ERR_FORMAT, "begins at '-4'");
	outside("whole.data", "9223372036854775800");
	assert_refused(CS_ERR_FORMAT, "too short");
	outside("../m.onnx.data", "0");
	assert_refused(CS_ERR_UNSUPPORTED, "only from beside the model");
}

/* --- what is refused --- */

/* An input of C x H x W, one node more, and what follows it. */
static void one(const char *op, const char *inputs)
{
	node(op, inputs, "y");
	finish();
}

static void start(void)
{
	invent();
	begin();
	INPUT("x", -1, C, H, W);
	OUTPUT("y", -1, 1);
	floats("k", DIMS(F, C, 2, 3), kernel, F * C * 6);
	FLOATS("six", DIMS(1), 6);
	FLOATS("zero", DIMS(1), 0);
}

static void what_is_not_supported_is_refused_by_name(void **state)
{
	(void)state;
	start();
	one("ConvTranspose", "x k");
	assert_refused(CS_ERR_UNSUPPORTED, "node 'y' (ConvTranspose) is not supported; supported are Conv, Gemm");
	start();
	attribute_int("group", 2);
	one("Conv", "x k");
	assert_refused(CS_ERR_UNSUPPORTED, "node 'y' (Conv) has 2 groups");
	start();
	AT_INTS("dilations", 2, 2);
	one("Conv", "x k");
	assert_refused(CS_ERR_UNSUPPORTED, "node 'y' (Conv) is dilated by 2x2");
	start();
	one("Clip", "x zero six");
	assert_refused(CS_ERR_UNSUPPORTED, "between 0 and 6 (as ReLU6 does)");
	start();
	AT_INTS("kernel_shape", 2, 2);
	AT_INTS("pads", 1, 1, 1, 1);
	one("MaxPool", "x");
	assert_refused(CS_ERR_UNSUPPORTED, "only behind a ReLU");
	start();
	node("Relu", "x", "a");
	node("Sigmoid", "x", "b");
	one("Mul", "a b");
	assert_refused(CS_ERR_UNSUPPORTED, "node 'b' (Sigmoid) takes 'x', and so does 'a': a branch");
	start();
	node("Relu", "x", "a");
	one("Add", "a x");
	assert_refused(CS_ERR_UNSUPPORTED, "node 'y' (Add) joins two branches ('a' and 'x')");
	start();
	one("Flatten", "x");
	assert_refused(CS_ERR_UNSUPPORTED, "flattened map");
	start();
	INPUT("x2", -1, 3);
	one("Relu", "x");
	assert_refused(CS_ERR_UNSUPPORTED, "several inputs ('x', 'x2')");
	start();
	OUTPUT("z", -1, 3);
	one("Relu", "x");
	assert_refused(CS_ERR_UNSUPPORTED, "2 outputs, the second z");
	begin();
	INPUT("x", -1, 3, -1, -1);
	OUTPUT("y", -1, 3, -1, -1);
	one("Relu", "x");
	assert_refused(CS_ERR_UNSUPPORTED, "dimension 2 of its input 'x' is left open");
	begin();
	INPUT("x", -1, 3, 16);
	OUTPUT("y", -1, 3, 16);
	one("Relu", "x");
	assert_refused(CS_ERR_UNSUPPORTED, "has 3 dimensions");
	start();
	text(&attributes, 7, "com.microsoft");
	one("FusedConv", "x k");
	assert_refused(CS_ERR_UNSUPPORTED, "of the domain 'com.microsoft'");
	start();
	attribute_float("alpha", -0.5f);
	one("LeakyRelu", "x");
	assert_refused(CS_ERR_UNSUPPORTED, "slope of -0.5");
}

static void what_makes_no_sense_is_refused_by_name(void **state)
{
	static const char word[] = "text";
	struct bytes *made, subgraph = {.size = 0}, body = {.size = 0};

	(void)state;
	start();
	one("Relu", "later");
	assert_refused(CS_ERR_FORMAT, "node 'y' (Relu) takes 'later', which nothing before it makes");
	start(); /* a circle */
	node("Relu", "b", "a");
	node("Relu", "a", "b");
	one("Relu", "b");
	assert_refused(CS_ERR_FORMAT, "node 'a' (Relu) takes 'b', which nothing before it makes");
	start(); /* itself */
	one("Relu", "y");
	assert_refused(CS_ERR_FORMAT, "which nothing before it makes");
	start(); /* names twice */
	FLOATS("k", DIMS(1), 1);
	one("Conv", "x k");
	assert_refused(CS_ERR_FORMAT, "two values are named 'k'");
	start();
	node("Relu", "x", "k");
	one("Relu", "k");
	assert_refused(CS_ERR_FORMAT, "two values are named 'k'");
	start(); /* a shape that is not what there is */
	floats("lies", DIMS(F, C, 3, 3), kernel, F * C * 6);
	one("Conv", "x lies");
	assert_refused(CS_ERR_FORMAT, "tensor 'lies' says it has 54 numbers");
	start();
	floats("huge", DIMS(1 << 30, 1 << 30, 1 << 30, 1 << 30), kernel, 1);
	one("Conv", "x huge");
	assert_refused(CS_ERR_FORMAT, "tensor 'huge' has a dimension of 1073741824");
	start();
	floats("negative", DIMS(F, C, -2, -3), kernel, F * C * 6);
	one("Conv", "x negative");
	assert_refused(CS_ERR_FORMAT, "tensor 'negative' has a dimension of -2");
	start();
	made = tensor_of("words", 8, 4, (int64_t[]){F, C, 2, 3});
	blob(made, 6, word, 4);
	part(&graph, 5, made);
	one("Conv", "x words");
	assert_refused(CS_ERR_UNSUPPORTED, "holds text");
	start();
	AT_INTS("pads", -1, 0, 0, 0);
	one("Conv", "x k");
	assert_refused(CS_ERR_FORMAT, "node 'y' (Conv) has pads = [-1,0,0,0]; expected 4 whole numbers");
	start();
	AT_INTS("strides", 0, 0);
	one("Conv", "x k");
	assert_refused(CS_ERR_FORMAT, "has strides = [0,0]");
	start();
	INTS("shape", 0, 7, 7);
	one("Reshape", "x shape");
	assert_refused(CS_ERR_UNSUPPORTED, "shape that does not fit");
	start(); /* a loop with a body, which is a graph in a graph */
	text(&body, 1, "body");
	text(&subgraph, 2, "inner");
	part(&body, 6, &subgraph);
	number(&body, 20, 5);
	part(&attributes, 5, &body);
	one("Loop", "x");
	assert_refused(CS_ERR_UNSUPPORTED, "node 'y' (Loop) is not supported");
	begin();
	model.size = 0;
	number(&model, 1, 8);
	text(&model, 2, "pytorch");
	assert_int_equal(cs_file_write(path_of("bad.onnx"), model.data, model.size, NULL), CS_OK);
	assert_false(cs_onnx_recognise(path_of("bad.onnx"))); /* no graph: no model */
}

/* --- what means harm --- */

/* Read in this process, so that the sanitizers see it; the answer may be any, but not a crash. */
static void try_here(const uint8_t *bytes, size_t size)
{
	struct cs_network *network = NULL;
	struct cs_onnx *file;
	struct cs_error error = {0};
	enum cs_status status = cs_onnx_open_image(bytes, size, "hostile", &file, &error);

	if (!status) {
		status = cs_onnx_import(file, "/nonexistent/m.onnx", 1 << 16, &network, NULL, &error);
		cs_onnx_close(file);
	}
	cs_network_free(network);
	assert_true(status == CS_OK || *error.message);
}

static void every_way_to_cut_a_file_off_is_survived(void **state)
{
	(void)state;
	small();
	for (size_t size = 0; size < model.size; size++) {
		uint8_t *exact = malloc(size ? size : 1); /* so that reading beyond is seen */

		memcpy(exact, model.data, size);
		try_here(exact, size);
		free(exact);
	}
}

static void every_byte_may_be_wrong(void **state)
{
	(void)state;
	small();
	for (size_t at = 0; at < model.size; at++) {
		static const uint8_t wrong[] = {0x01, 0x80, 0xff, 0x7f};
		uint8_t was = model.data[at];

		for (size_t i = 0; i < sizeof wrong; i++) {
			model.data[at] = was ^ wrong[i];
			try_here(model.data, model.size);
		}
		model.data[at] = was;
	}
}

static void a_file_that_is_cut_off_says_so(void **state)
{
	(void)state;
	small();
	model.size -= 200;
	assert_refused(CS_ERR_FORMAT, "damaged or cut off");
}

/* Graphs inside of attributes inside of nodes, deeper than any stack. */
static void graphs_in_graphs_are_not_followed(void **state)
{
	enum { DEPTH = 20000 };
	size_t room = DEPTH * 16 + 256, size = 0;
	uint8_t *nested = malloc(room), *at = nested + room;

	(void)state;
	/* written from the inside out: a node's attribute's graph's node ... */
	for (int i = 0; i < DEPTH; i++) {
		static const uint8_t heads[] = {1 << 3 | 2, 5 << 3 | 2, 6 << 3 | 2};

		for (int k = 2; k >= 0; k--) {
			uint8_t length[10];
			size_t n = 0, left = size;

			do {
				length[n++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
				left >>= 7;
			} while (left);
			if ((size_t)(at - nested) < n + 1)
				break;
			at -= n;
			memcpy(at, length, n);
			*--at = heads[k];
			size = (size_t)(nested + room - at);
		}
	}
	{
		uint8_t head[] = {0x08, 0x08, 7 << 3 | 2, 0, 0, 0, 0, 0};
		size_t n = 3, left = size;

		do {
			head[n++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
			left >>= 7;
		} while (left);
		at -= n;
		memcpy(at, head, n);
		try_here(at, size + n);
	}
	free(nested);
}

static void layers_cannot_share_weights_without_end(void **state)
{
	static const float big[64 * 64] = {1};

	(void)state;
	begin();
	INPUT("x", -1, 64);
	OUTPUT("y", -1, 64);
	floats("w", DIMS(64, 64), big, 64 * 64);
	for (int i = 0; i < 40; i++) {
		char from[16], to[16];

		snprintf(from, sizeof from, i ? "v%d w" : "x w", i - 1);
		snprintf(to, sizeof to, i < 39 ? "v%d" : "y", i);
		node("Gemm", from, to);
	}
	finish();
	{
		struct cs_network *network = NULL;
		struct cs_onnx *file;
		struct cs_error error;

		assert_int_equal(cs_onnx_open_image(model.data, model.size, "m", &file, &error), CS_OK);
		assert_int_equal(cs_onnx_import(file, "m", 20000, &network, NULL, &error), CS_ERR_MEMORY);
		assert_non_null(strstr(error.message, "far more than the file holds"));
		cs_onnx_close(file);
	}
}

/* --- writing, and reading back --- */

static struct cs_layer_spec spec(const char *type, const char *name)
{
	struct cs_layer_spec made = cs_layer_spec_default(cs_layer_kind(type));

	snprintf(made.name, sizeof made.name, "%s", name);
	return made;
}

/* Parameters that begin at 0 or 1 hide mistakes. */
static struct cs_model *model_of(struct cs_shape input, const struct cs_layer_spec *specs, int count)
{
	struct cs_network *network;
	struct cs_model *made;
	struct cs_error error;
	unsigned seed = 3;

	if (cs_network_new(input, specs, count, 7, &network, &error))
		fail_msg("%s", error.message);
	for (int i = 0; i < network->layer_count; i++) {
		for (int k = 0; k < network->layers[i].param_count; k++) {
			struct cs_tensor *numbers = &network->layers[i].params[k].value;

			for (int64_t j = 0; j < cs_tensor_count(numbers); j++) {
				seed = seed * 1664525u + 1013904223u;
				numbers->data[j] = (float)(seed >> 8) / (1 << 24) + 0.1f;
			}
		}
	}
	assert_int_equal(cs_model_new(network, &made, &error), CS_OK);
	return made;
}

static struct cs_model *every_kind(void)
{
	struct cs_layer_spec s[16];
	int n = 0;

	s[n] = spec("rescale", "rescale");
	s[n].factor = 0.3f;
	s[n++].offset = -0.7f;
	s[n] = spec("zeropad", "border");
	memcpy(s[n++].border, (int64_t[]){1, 0, 2, 1}, sizeof s[0].border);
	s[n] = spec("conv", "first");
	s[n].features = 5;
	s[n].kernel[0] = 3;
	s[n].kernel[1] = 2;
	s[n].stride[0] = 2;
	s[n].padding = CS_PADDING_SAME;
	s[n].activation = CS_LEAKY_RELU;
	s[n++].alpha = 0.125f;
	s[n] = spec("batchnorm", "norm");
	s[n++].epsilon = 0.01f;
	s[n] = spec("maxpool", "max");
	s[n].window[0] = s[n].window[1] = 3;
	s[n].stride[0] = s[n].stride[1] = 2;
	s[n++].padding = CS_PADDING_SAME;
	s[n] = spec("conv", "second");
	s[n].features = 4;
	s[n].kernel[0] = s[n].kernel[1] = 2;
	s[n].bias = false;
	s[n++].activation = CS_LINEAR;
	s[n] = spec("activation", "squashed"); /* a layer of its own must stay one */
	s[n++].activation = CS_TANH;
	s[n] = spec("avgpool", "mean");
	s[n].window[0] = 2;
	s[n].window[1] = 3;
	s[n].stride[0] = s[n].stride[1] = 1;
	s[n++].padding = CS_PADDING_SAME;
	s[n] = spec("activation", "elu");
	s[n].activation = CS_ELU;
	s[n++].alpha = 0.5f;
	s[n++] = spec("flatten", "flat");
	s[n++] = spec("batchnorm", "flat norm");
	s[n] = spec("dropout", "drop");
	s[n++].rate = 0.25f;
	s[n] = spec("dense", "hidden");
	s[n].features = 7;
	s[n].activation = CS_ELU;
	s[n++].alpha = 2;
	s[n] = spec("activation", "nothing");
	s[n++].activation = CS_LINEAR;
	s[n] = spec("dense", "scores");
	s[n++].features = 3;
	s[n] = spec("activation", "chances");
	s[n++].activation = CS_SOFTMAX;
	return model_of(CS_SHAPE(12, 13, 3), s, n);
}

static void assert_same(const struct cs_network *a, const struct cs_network *b)
{
	assert_int_equal(a->layer_count, b->layer_count);
	assert_true(cs_shape_equal(&a->input, &b->input));
	for (int i = 0; i < a->layer_count; i++) {
		const struct cs_layer *x = &a->layers[i], *y = &b->layers[i];

		assert_string_equal(x->spec.name, y->spec.name);
		assert_ptr_equal(x->ops, y->ops);
		assert_true(cs_shape_equal(&x->out, &y->out));
		assert_int_equal(x->spec.activation, y->spec.activation);
		if (x->spec.activation == CS_LEAKY_RELU || x->spec.activation == CS_ELU)
			assert_true(x->spec.alpha == y->spec.alpha);
		assert_true(x->spec.rate == y->spec.rate || x->ops != &cs_dropout_layer);
		assert_true(x->spec.factor == y->spec.factor && x->spec.offset == y->spec.offset);
		assert_int_equal(x->pad_top, y->pad_top);
		assert_int_equal(x->pad_left, y->pad_left);
		assert_int_equal(x->param_count, y->param_count);
		for (int k = 0; k < x->param_count; k++) {
			assert_string_equal(x->params[k].name, y->params[k].name);
			assert_memory_equal(x->params[k].value.data, y->params[k].value.data,
				(size_t)cs_tensor_count(&x->params[k].value) * sizeof(float));
		}
	}
}

static void a_round_trip_keeps_every_layer_and_every_bit(void **state)
{
	struct cs_model *made = every_kind(), *back;
	const char *path = path_of("round.onnx");
	struct cs_error error;

	(void)state;
	if (cs_model_write(made, path, &error) || cs_model_load(path, NULL, &back, &error))
		fail_msg("%s", error.message);
	assert_same(made->network, back->network);
	assert_false(back->preprocess_known);
	cs_model_free(back);
	cs_model_free(made);
}

static void a_round_trip_keeps_what_the_model_knows(void **state)
{
	struct cs_layer_spec s[2] = {spec("global_maxpool", "strongest"), spec("dense", "out")};
	char id[] = "n2", fish[] = "goldfish, \"carp\"",
	     monkey[] = "\xc3\xa4"
			"ffchen";
	char *ids[] = {fish, id}, *names[] = {fish, monkey};
	const char *path = path_of("known.onnx");
	struct cs_model *made, *back;
	struct cs_error error;

	(void)state;
	s[1].features = 2;
	made = model_of(CS_SHAPE(4, 5, 3), s, 2);
	assert_int_equal(cs_model_set_classes(made, 2, ids, names, &error), CS_OK);
	assert_int_equal(cs_model_set_dataset(made, "shapes:count=5", &error), CS_OK);
	made->preprocess = (struct cs_preprocess){.scale = 1 / 255.f, .mean = {0.485f, 0.456f, 0.406f}, .deviation = {0.229f, 0.224f, 0.225f}, .bgr = true};
	made->preprocess_known = true;
	assert_int_equal(cs_model_write(made, path, &error), CS_OK);
	assert_int_equal(cs_model_load(path, NULL, &back, &error), CS_OK);
	assert_same(made->network, back->network);
	assert_true(back->preprocess_known);
	assert_memory_equal(&made->preprocess.mean, &back->preprocess.mean, sizeof made->preprocess.mean);
	assert_memory_equal(
		&made->preprocess.deviation, &back->preprocess.deviation, sizeof made->preprocess.deviation);
	assert_true(made->preprocess.scale == back->preprocess.scale && back->preprocess.bgr);
	assert_string_equal(back->class_ids[1], "n2");
	assert_string_equal(back->class_names[0], names[0]);
	assert_string_equal(back->class_names[1], names[1]);
	assert_string_equal(back->dataset, "shapes:count=5");
	cs_model_free(back);
	cs_model_free(made);
}

/* A map that is flattened at the end comes out in our order: turned before it. */
static void a_network_that_ends_flat_is_written_and_read(void **state)
{
	struct cs_layer_spec s[2] = {spec("conv", "c"), spec("flatten", "f")};
	const char *path = path_of("flat.onnx");
	struct cs_model *made, *back;
	struct cs_error error;

	(void)state;
	s[0].features = 3;
	s[0].kernel[0] = s[0].kernel[1] = 2;
	made = model_of(CS_SHAPE(4, 5, 2), s, 2);
	if (cs_model_write(made, path, &error) || cs_model_load(path, NULL, &back, &error))
		fail_msg("%s", error.message);
	assert_same(made->network, back->network);
	cs_model_free(back);
	cs_model_free(made);
}

static void memory_that_runs_out_is_an_error(void **state)
{
	struct cs_model *made = every_kind();
	const char *path = path_of("scarce.onnx");
	enum cs_status status = CS_ERR_MEMORY;
	struct cs_error error;

	(void)state;
	for (long nth = 1; status; nth++) {
		cs_alloc_fail_after(nth);
		status = cs_model_write(made, path, &error);
		cs_alloc_fail_after(0);
		assert_true(status == CS_OK || status == CS_ERR_MEMORY);
	}
	small();
	status = CS_ERR_MEMORY;
	for (long nth = 1; status; nth++) {
		struct cs_network *network = NULL;
		struct cs_onnx *file = NULL;

		cs_alloc_fail_after(nth);
		status = cs_onnx_open_image(model.data, model.size, "m", &file, &error);
		if (!status)
			status = cs_onnx_import(file, "m", 1 << 20, &network, NULL, &error);
		cs_onnx_close(file);
		cs_network_free(network);
		cs_alloc_fail_after(0);
		assert_true(status == CS_OK || status == CS_ERR_MEMORY);
	}
	cs_model_free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_answers_as_onnx_defines_it),
		cmocka_unit_test(the_contents_tell_what_a_file_is_not_its_name),
		cmocka_unit_test(a_graph_of_channels_last_is_the_same_network),
		cmocka_unit_test(shapes_that_are_computed_are_worked_out),
		cmocka_unit_test(parameters_that_are_constants_of_the_graph_are_the_same),
		cmocka_unit_test(numbers_are_the_same_however_they_are_stored),
		cmocka_unit_test(padding_becomes_ours_or_zeros_before_the_window),
		cmocka_unit_test(vectors_behind_a_flatten_are_put_in_our_order),
		cmocka_unit_test(arithmetic_with_constants_is_a_rescaling_or_a_norm),
		cmocka_unit_test(weights_beside_the_model_are_read),
		cmocka_unit_test(a_model_cannot_make_other_files_be_read),
		cmocka_unit_test(what_is_not_supported_is_refused_by_name),
		cmocka_unit_test(what_makes_no_sense_is_refused_by_name),
		cmocka_unit_test(every_way_to_cut_a_file_off_is_survived),
		cmocka_unit_test(every_byte_may_be_wrong),
		cmocka_unit_test(a_file_that_is_cut_off_says_so),
		cmocka_unit_test(graphs_in_graphs_are_not_followed),
		cmocka_unit_test(layers_cannot_share_weights_without_end),
		cmocka_unit_test(a_round_trip_keeps_every_layer_and_every_bit),
		cmocka_unit_test(a_round_trip_keeps_what_the_model_knows),
		cmocka_unit_test(a_network_that_ends_flat_is_written_and_read),
		cmocka_unit_test(memory_that_runs_out_is_an_error),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
