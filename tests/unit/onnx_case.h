/* onnx_case.h: what the tests of ONNX files share: files encoded byte by byte, a small network whose answers are worked out here in ONNX's own
 * order, and a directory for them. */
#ifndef CS_TESTS_UNIT_ONNX_CASE_H
#define CS_TESTS_UNIT_ONNX_CASE_H

#include "core/alloc.h"
#include "io/file.h"
#include "model/model.h"
#include "model/onnx.h"
#include "nn/trace.h"

#include "directory_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- protobuf, as little as it takes --- */

struct bytes {
	uint8_t data[1 << 15];
	size_t size;
};

static inline void varint(struct bytes *to, uint64_t value)
{
	do {
		to->data[to->size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
}

static inline void number(struct bytes *to, int field, int64_t value)
{
	varint(to, (uint64_t)field << 3);
	varint(to, (uint64_t)value);
}

static inline void blob(struct bytes *to, int field, const void *data, size_t size)
{
	varint(to, (uint64_t)field << 3 | 2);
	varint(to, size);
	memcpy(to->data + to->size, data, size);
	to->size += size;
}

static inline void text(struct bytes *to, int field, const char *value)
{
	blob(to, field, value, strlen(value));
}

static inline void part(struct bytes *to, int field, const struct bytes *message)
{
	blob(to, field, message->data, message->size);
}

/* --- ONNX --- */

/* A graph in the making: its parts are put into `graph`, and finish() makes a file of it. */
static struct bytes graph, model;

static inline void begin(void)
{
	graph.size = model.size = 0;
	text(&graph, 2, "g");
}

/* An input or output; a size of -1 is open. */
static inline void value(int field, const char *name, int rank, const int64_t *dims)
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

static inline struct bytes *tensor_of(const char *name, int type, int rank, const int64_t *dims)
{
	static struct bytes made;

	made.size = 0;
	for (int i = 0; i < rank; i++)
		number(&made, 1, dims[i]);
	number(&made, 2, type);
	text(&made, 8, name);
	return &made;
}

static inline void floats(const char *name, int rank, const int64_t *dims, const float *numbers, size_t count)
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

static inline void integers(const char *name, int count, const int64_t *numbers)
{
	struct bytes *made = tensor_of(name, 7, 1, (int64_t[]){count});

	blob(made, 9, numbers, (size_t)count * sizeof *numbers);
	part(&graph, 5, made);
}
#define INTS(name, ...) integers(name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__})

static struct bytes attributes;

static inline void attribute_ints(const char *name, int count, const int64_t *numbers)
{
	struct bytes made = {.size = 0};

	text(&made, 1, name);
	for (int i = 0; i < count; i++)
		number(&made, 8, numbers[i]);
	number(&made, 20, 7);
	part(&attributes, 5, &made);
}
#define AT_INTS(name, ...) attribute_ints(name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__})

static inline void attribute_int(const char *name, int64_t number_of)
{
	struct bytes made = {.size = 0};

	text(&made, 1, name);
	number(&made, 3, number_of);
	number(&made, 20, 2);
	part(&attributes, 5, &made);
}

static inline void attribute_float(const char *name, float value_of)
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
static inline void node(const char *op, const char *inputs, const char *output)
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

static inline void finish_as(int opset)
{
	struct bytes set = {.size = 0};

	model.size = 0;
	number(&model, 1, 8);
	text(&model, 2, "pytorch");
	part(&model, 7, &graph);
	number(&set, 2, opset);
	part(&model, 8, &set);
}

static inline void finish(void)
{
	finish_as(17);
}

static inline const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static inline const char *save(const char *name)
{
	const char *path = path_of(name);

	assert_int_equal(cs_file_write(path, model.data, model.size, &(struct cs_error){0}), CS_OK);
	return path;
}

/* As users open it: through the helper. */
static inline struct cs_model *load(void)
{
	struct cs_model *made = NULL;
	struct cs_error error = {0};

	if (cs_model_load(save("m.onnx"), NULL, &made, &error))
		fail_msg("%s", error.message);
	return made;
}

static inline void assert_refused(enum cs_status status, const char *sentence)
{
	struct cs_model *made = NULL;
	struct cs_error error = {0};

	assert_int_equal(cs_model_load(save("bad.onnx"), NULL, &made, &error), status);
	if (!strstr(error.message, sentence))
		fail_msg("'%s' does not say '%s'", error.message, sentence);
	assert_null(strchr(error.message, '\n'));
}

/* What a network answers to one image of ours. */
static inline void answer(const struct cs_network *network, const float *image, float *out)
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

static inline void assert_close(const float *a, const float *b, int count)
{
	for (int i = 0; i < count; i++)
		assert_true(fabsf(a[i] - b[i]) <= 1e-5f * fmaxf(1, fabsf(b[i])));
}

/* --- a small network, and what it computes in ONNX's own order --- */

enum { C = 2, H = 4, W = 5, F = 3, OUT = 2, OH = 3, OW = 3, ROW = F * OH * OW };
static float kernel[F * C * 2 * 3], bias[F], weights[OUT * ROW], offsets[OUT], picture[C * H * W];

static inline void invent(void)
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
static inline void expected(float out[OUT])
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
static inline const float *channels_last(void)
{
	static float turned[C * H * W];

	for (int c = 0; c < C; c++) {
		for (int i = 0; i < H * W; i++)
			turned[i * C + c] = picture[c * H * W + i];
	}
	return turned;
}

static inline void weights_of_small(void)
{
	floats("conv1.weight", DIMS(F, C, 2, 3), kernel, F * C * 6);
	floats("conv1.bias", DIMS(F), bias, F);
	floats("fc.weight", DIMS(OUT, ROW), weights, OUT * ROW);
	floats("fc.bias", DIMS(OUT), offsets, OUT);
}

static inline void small(void)
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

static inline void assert_answers(const struct cs_model *loaded)
{
	float ours[OUT], theirs[OUT];

	answer(loaded->network, channels_last(), ours);
	expected(theirs);
	assert_close(ours, theirs, OUT);
}

#endif
