/* ONNX files that are refused, and what hostile ones get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "onnx_case.h"

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

/* A tensor of `count` ones, int32. */
static void whole_numbers(const char *name, int rank, const int64_t *dims, int count)
{
	struct bytes *made = tensor_of(name, 6, rank, dims);
	int32_t ones[256];

	for (int i = 0; i < count; i++)
		ones[i] = 1;
	blob(made, 9, ones, (size_t)count * sizeof *ones);
	part(&graph, 5, made);
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
	start();
	whole_numbers("w", DIMS(F, C, 2, 3), F * C * 6);
	one("Conv", "x w");
	assert_refused(CS_ERR_UNSUPPORTED, "node 'y' (Conv) has a kernel of int32; expected floating-point numbers");
	start();
	whole_numbers("b", DIMS(F), F);
	one("Conv", "x k b");
	assert_refused(CS_ERR_UNSUPPORTED, "node 'y' (Conv) has a bias of int32");
	start();
	whole_numbers("two", DIMS(1), 1);
	one("Mul", "x two");
	assert_refused(CS_ERR_UNSUPPORTED, "node 'y' (Mul) has a constant of int32");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_supported_is_refused_by_name),
		cmocka_unit_test(what_makes_no_sense_is_refused_by_name),
		cmocka_unit_test(every_way_to_cut_a_file_off_is_survived),
		cmocka_unit_test(every_byte_may_be_wrong),
		cmocka_unit_test(a_file_that_is_cut_off_says_so),
		cmocka_unit_test(graphs_in_graphs_are_not_followed),
		cmocka_unit_test(layers_cannot_share_weights_without_end),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
