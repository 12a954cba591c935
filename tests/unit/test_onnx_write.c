/* ONNX files that convscope writes, read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "onnx_case.h"

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
	made->preprocess = (struct cs_preprocess){.scale = 1 / 255.f,
		.mean = {0.485f, 0.456f, 0.406f},
		.deviation = {0.229f, 0.224f, 0.225f},
		.bgr = true};
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
		cmocka_unit_test(a_round_trip_keeps_every_layer_and_every_bit),
		cmocka_unit_test(a_round_trip_keeps_what_the_model_knows),
		cmocka_unit_test(a_network_that_ends_flat_is_written_and_read),
		cmocka_unit_test(memory_that_runs_out_is_an_error),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
