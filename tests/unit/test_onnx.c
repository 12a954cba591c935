/* ONNX files: what they mean, and the network that comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "onnx_case.h"

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

/* The dense kernel's bytes: OUT * ROW numbers. */
#define WHOLE "216"

/* The dense kernel of the small network in a file of that name. */
static void outside(const char *location, const char *offset, const char *length)
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
	entry.size = 0;
	text(&entry, 1, "length");
	text(&entry, 2, length);
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
	outside("m.onnx.data", "16", WHOLE);
	memcpy(block + 16, weights, sizeof weights);
	assert_int_equal(cs_file_write(path_of("m.onnx.data"), block, sizeof block, NULL), CS_OK);
	loaded = load();
	assert_answers(loaded);
	cs_model_free(loaded);
}

static void a_model_cannot_make_other_files_be_read(void **state)
{
	static const char *const lengths[] = {"0", "-1", "9999999999999", "99999999999999999999999", "x"};
	static const char *const elsewhere[] = {"/etc/passwd", "../passwd", "sub/file", ".hidden", "..", ""};
	char block[sizeof weights + 64] = {0}, link_path[256];

	(void)state;
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
		outside(elsewhere[i], "0", WHOLE);
		assert_refused(CS_ERR_UNSUPPORTED, "only from beside the model");
	}
	outside("nowhere.data", "0", WHOLE);
	assert_refused(CS_ERR_NOT_FOUND, "which is not there");
	assert_int_equal(cs_file_write(path_of("whole.data"), block, sizeof block, NULL), CS_OK);
	snprintf(link_path, sizeof link_path, "%s", path_of("link.data"));
	assert_int_equal(symlink(path_of("whole.data"), link_path), 0);
	outside("link.data", "0", WHOLE);
	assert_refused(CS_ERR_UNSUPPORTED, "symbolic link");
	outside("whole.data", "65", WHOLE);
	assert_refused(CS_ERR_FORMAT, "too short");
	outside("whole.data", "-4", WHOLE);
	assert_refused(CS_ERR_FORMAT, "begins at '-4'");
	outside("whole.data", "9223372036854775800", WHOLE);
	assert_refused(CS_ERR_FORMAT, "too short");
	outside("../m.onnx.data", "0", WHOLE);
	assert_refused(CS_ERR_UNSUPPORTED, "only from beside the model");
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		outside("whole.data", "0", lengths[i]);
		assert_refused(CS_ERR_FORMAT, "bytes in its file");
	}
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
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
