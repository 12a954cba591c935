/* ONNX files that convscope writes, read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_case.h"
#include "onnx_case.h"

static struct cs_model *model_of(struct cs_network *network)
{
	struct cs_model *made;
	struct cs_error error;

	assert_int_equal(cs_model_new(network, &made, &error), CS_OK);
	return made;
}

static void a_round_trip_keeps_every_layer_and_every_bit(void **state)
{
	struct cs_model *made = model_of(case_every_kind(false)), *back;
	const char *path = path_of("round.onnx");
	struct cs_error error;

	(void)state;
	if (cs_model_write(made, path, &error) || cs_model_load(path, NULL, &back, &error))
		fail_msg("%s", error.message);
	case_assert_same(made->network, back->network);
	assert_false(back->preprocess_known);
	cs_model_free(back);
	cs_model_free(made);
}

static void a_round_trip_keeps_what_the_model_knows(void **state)
{
	struct cs_layer_spec s[2] = {case_spec("global_maxpool", "strongest"), case_spec("dense", "out")};
	char id[] = "n2", fish[] = "goldfish, \"carp\"",
	     monkey[] = "\xc3\xa4"
			"ffchen";
	char *ids[] = {fish, id}, *names[] = {fish, monkey};
	const char *path = path_of("known.onnx");
	struct cs_model *made, *back;
	struct cs_error error;

	(void)state;
	s[1].features = 2;
	made = model_of(case_network(CS_SHAPE(4, 5, 3), s, 2));
	assert_int_equal(cs_model_set_classes(made, 2, ids, names, &error), CS_OK);
	assert_int_equal(cs_model_set_dataset(made, "shapes:count=5", &error), CS_OK);
	made->preprocess = (struct cs_preprocess){.scale = 1 / 255.f,
		.mean = {0.485f, 0.456f, 0.406f},
		.deviation = {0.229f, 0.224f, 0.225f},
		.bgr = true};
	made->preprocess_known = true;
	assert_int_equal(cs_model_write(made, path, &error), CS_OK);
	assert_int_equal(cs_model_load(path, NULL, &back, &error), CS_OK);
	case_assert_same(made->network, back->network);
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
	struct cs_layer_spec s[2] = {case_spec("conv", "c"), case_spec("flatten", "f")};
	const char *path = path_of("flat.onnx");
	struct cs_model *made, *back;
	struct cs_error error;

	(void)state;
	s[0].features = 3;
	s[0].kernel[0] = s[0].kernel[1] = 2;
	made = model_of(case_network(CS_SHAPE(4, 5, 2), s, 2));
	if (cs_model_write(made, path, &error) || cs_model_load(path, NULL, &back, &error))
		fail_msg("%s", error.message);
	case_assert_same(made->network, back->network);
	cs_model_free(back);
	cs_model_free(made);
}

static void memory_that_runs_out_is_an_error(void **state)
{
	struct cs_model *made = model_of(case_every_kind(false));
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
