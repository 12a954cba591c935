/* Models as files of our own: what stands beside the network, how a name finds its file, what is told of bad files. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/log.h"
#include "io/file.h"
#include "io/h5.h"
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64], path[256], warnings[2000];

static void keep_warnings(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	if (level == CS_LOG_WARNING)
		snprintf(warnings, sizeof warnings, "%s", line);
}

static int set_up(void **state)
{
	(void)state;
	cs_log_to(keep_warnings, NULL);
	strcpy(directory, "/tmp/test_model.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

static const char *in_directory(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void write_text(const char *name, const char *text)
{
	struct cs_error error;

	assert_int_equal(cs_file_write(in_directory(name), text, strlen(text), &error), CS_OK);
}

static struct cs_model *make_model(void)
{
	struct cs_layer_spec s[2] = {
		cs_layer_spec_default(cs_layer_kind("flatten")), cs_layer_spec_default(cs_layer_kind("dense"))};
	struct cs_network *network;
	struct cs_model *model;
	struct cs_error error;

	s[1].features = 3;
	assert_int_equal(cs_network_new(CS_SHAPE(2, 2, 3), s, 2, 1, &network, &error), CS_OK);
	assert_int_equal(cs_model_new(network, &model, &error), CS_OK);
	return model;
}

static void what_a_model_knows_comes_back(void **state)
{
	char text[6][40] = {"n01", "n02", "n03", "goldfish", "Käfer", "a long class name, with commas"};
	char *ids[] = {text[0], text[1], text[2]}, *names[] = {text[3], text[4], text[5]};
	struct cs_model *model = make_model(), *back;
	struct cs_error error;

	(void)state;
	model->preprocess = (struct cs_preprocess){
		.scale = 0x1.010102p-8f, .mean = {0.1f, 0.2f, 0.3f}, .deviation = {0.9f, 1.1f, 1.3f}, .bgr = true};
	model->preprocess_known = true;
	snprintf(model->network->name, sizeof model->network->name, "seed");
	assert_int_equal(cs_model_set_classes(model, 3, ids, names, &error), CS_OK);
	assert_int_equal(cs_model_set_dataset(model, "shapes:count=10", &error), CS_OK);
	assert_int_equal(cs_model_save(model, in_directory("m.hdf5"), &error), CS_OK);
	if (cs_model_load(path, NULL, &back, &error))
		fail_msg("%s", error.message);
	assert_memory_equal(&back->preprocess, &model->preprocess, sizeof model->preprocess);
	assert_true(back->preprocess_known);
	assert_string_equal(back->network->name, "seed");
	assert_string_equal(back->dataset, "shapes:count=10");
	assert_string_equal(back->path, path);
	assert_int_equal(back->class_count, 3);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(back->class_ids[i], ids[i]);
		assert_string_equal(back->class_names[i], names[i]);
	}
	cs_model_free(model);
	cs_model_free(back);
}

static void a_model_that_says_nothing_gets_the_default(void **state)
{
	struct cs_preprocess expected = cs_preprocess_default();
	struct cs_model *model = make_model(), *back;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_model_save(model, in_directory("plain.hdf5"), &error), CS_OK);
	assert_int_equal(cs_model_load(path, NULL, &back, &error), CS_OK);
	assert_false(back->preprocess_known);
	assert_memory_equal(&back->preprocess, &expected, sizeof expected);
	assert_null(back->class_names);
	assert_null(back->dataset);
	cs_model_free(model);
	cs_model_free(back);
}

static void a_thousand_classes_fit(void **state)
{
	struct cs_layer_spec dense = cs_layer_spec_default(cs_layer_kind("dense"));
	struct cs_network *network;
	struct cs_model *model, *back;
	struct cs_error error;
	char *names[1000], text[1000][120];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(text[i], sizeof text[i],
			"class number %d with a name as long as those of ImageNet tend to be, and longer", i);
		names[i] = text[i];
	}
	dense.features = 1000;
	assert_int_equal(cs_network_new(CS_SHAPE(2), &dense, 1, 1, &network, &error), CS_OK);
	assert_int_equal(cs_model_new(network, &model, &error), CS_OK);
	assert_int_equal(cs_model_set_classes(model, 1000, names, names, &error), CS_OK);
	assert_int_equal(cs_model_save(model, in_directory("thousand.hdf5"), &error), CS_OK);
	if (cs_model_load(path, NULL, &back, &error))
		fail_msg("%s", error.message);
	assert_string_equal(back->class_names[999], names[999]);
	cs_model_free(model);
	cs_model_free(back);
}

static void saving_leaves_no_temporary_files_and_keeps_the_old_on_failure(void **state)
{
	struct cs_model *model = make_model();
	struct cs_error error;
	char command[200];

	(void)state;
	assert_int_equal(cs_model_save(model, in_directory("kept.hdf5"), &error), CS_OK);
	snprintf(command, sizeof command, "test -z \"$(ls '%s' | grep tmp-)\"", directory);
	assert_int_equal(system(command), 0);
	assert_int_not_equal(cs_model_save(model, "/nonexistent/m.hdf5", &error), CS_OK);
	assert_non_null(strstr(error.message, "/nonexistent/m.hdf5"));
	cs_model_free(model);
}

static void names_find_files_runs_and_installed_models(void **state)
{
	struct cs_error error;
	char *found;

	(void)state;
	setenv("CONVSCOPE_MODELS", in_directory("installed"), 1);
	assert_int_equal(cs_file_make_directories(path, &error), CS_OK);
	assert_int_equal(cs_file_make_directories(in_directory("run"), &error), CS_OK);
	write_text("file.h5", "x");
	write_text("installed/best-of-all.hdf5", "x");
	write_text("installed/another.hdf5", "x");

	assert_int_equal(cs_model_resolve(in_directory("file.h5"), &found, &error), CS_OK);
	assert_string_equal(found, path);
	cs_free(found);
	assert_int_equal(cs_model_resolve("best-of-all", &found, &error), CS_OK);
	assert_string_equal(found, in_directory("installed/best-of-all.hdf5"));
	cs_free(found);

	assert_int_equal(cs_model_resolve(in_directory("run"), &found, &error), CS_ERR_NOT_FOUND);
	assert_non_null(strstr(error.message, "best.hdf5"));
	write_text("run/last.hdf5", "x");
	assert_int_equal(cs_model_resolve(in_directory("run"), &found, &error), CS_OK);
	assert_string_equal(found, in_directory("run/last.hdf5"));
	cs_free(found);
	write_text("run/best.hdf5", "x");
	assert_int_equal(cs_model_resolve(in_directory("run"), &found, &error), CS_OK);
	assert_string_equal(found, in_directory("run/best.hdf5"));
	cs_free(found);

	assert_int_equal(cs_model_resolve("best-of-al", &found, &error), CS_ERR_NOT_FOUND);
	assert_non_null(strstr(error.message, "'best-of-al'"));
	assert_non_null(strstr(error.message, "another, best-of-all"));

	/* with the record of its training, an installed model is a directory, and stands for a run */
	assert_int_equal(cs_file_make_directories(in_directory("installed/trained"), &error), CS_OK);
	assert_int_equal(cs_file_make_directories(in_directory("installed/no-model"), &error), CS_OK);
	write_text("installed/trained/best.hdf5", "x");
	assert_int_equal(cs_model_resolve("trained", &found, &error), CS_OK);
	assert_string_equal(found, in_directory("installed/trained/best.hdf5"));
	cs_free(found);
	found = cs_model_installed_run("trained");
	assert_string_equal(found, in_directory("installed/trained"));
	cs_free(found);
	assert_null(cs_model_installed_run("another"));
	assert_null(cs_model_installed_run("no-model"));
	assert_null(cs_model_installed_run("../installed/trained"));
	assert_int_equal(cs_model_resolve("no-model", &found, &error), CS_ERR_NOT_FOUND);
	assert_non_null(strstr(error.message, "(another, best-of-all, trained)"));
	unsetenv("CONVSCOPE_MODELS");
	setenv("XDG_DATA_HOME", in_directory("data"), 1);
	assert_int_equal(cs_file_make_directories(in_directory("data/convscope/models/mine"), &error), CS_OK);
	write_text("data/convscope/models/mine/best.hdf5", "x");
	assert_int_equal(cs_model_resolve("mine", &found, &error), CS_OK);
	assert_string_equal(found, in_directory("data/convscope/models/mine/best.hdf5"));
	cs_free(found);
	unsetenv("XDG_DATA_HOME");
}

static void what_is_no_model_is_called_by_its_name(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "is empty"},
		{"PK\3\4 cut short", "zip"},
		{"version https://git-lfs", "Git LFS pointer"},
		{"\n <!DOCTYPE html>", "web page"},
		{"hello",
			"is not an HDF5 file, a .keras file or an ONNX file, which models are read from: save it as "
			"one of them"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cs_model *model;
		struct cs_error error;

		write_text("wrong", cases[i].text);
		assert_int_not_equal(cs_model_load(in_directory("wrong"), NULL, &model, &error), CS_OK);
		if (!strstr(error.message, cases[i].says))
			fail_msg("case %zu: %s", i, error.message);
	}
}

static void weights_that_are_no_numbers_load_with_a_warning(void **state)
{
	struct cs_model *model = make_model(), *back;
	struct cs_error error;

	(void)state;
	cs_layer_param(&model->network->layers[1], "kernel")->value.data[5] = INFINITY;
	assert_int_equal(cs_model_save(model, in_directory("inf.hdf5"), &error), CS_OK);
	warnings[0] = '\0';
	assert_int_equal(cs_model_load(path, NULL, &back, &error), CS_OK);
	assert_non_null(strstr(warnings, "'dense1' holds weights that are NaN or infinite"));
	cs_model_free(model);
	cs_model_free(back);
}

/* Change one thing in a good file; the message must name layer and fault. */
static void damaged_files_are_refused_by_layer(void **state)
{
	static const struct {
		const char *group, *weight;
		int64_t rows, columns;
		const char *says;
	} cases[] = {
		{"/model_weights/dense1/dense1/kernel:0", "transposed", 3, 12,
			"layer 'dense1' (Dense): its kernel is 3x12 in the file, but the architecture asks for 12x3"},
		{"/model_weights/dense1/dense1/kernel:0", "larger", 12, 4, "its kernel is 12x4"},
	};
	struct cs_model *model = make_model();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cs_tensor tensor;
		struct cs_model *back;
		struct cs_error error;
		struct cs_h5 *file;

		assert_int_equal(cs_model_save(model, in_directory("bad.hdf5"), &error), CS_OK);
		assert_int_equal(cs_h5_open(path, CS_H5_WRITE, &file, &error), CS_OK);
		assert_int_equal(cs_tensor_init(&tensor, CS_SHAPE(cases[i].rows, cases[i].columns), &error), CS_OK);
		assert_int_equal(cs_h5_write_tensor(file, cases[i].group, &tensor, &error), CS_OK);
		assert_int_equal(cs_h5_close(file, &error), CS_OK);
		cs_tensor_fini(&tensor);
		assert_int_not_equal(cs_model_load(path, NULL, &back, &error), CS_OK);
		if (!strstr(error.message, cases[i].says))
			fail_msg("%s", error.message);
	}
	cs_model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_model_knows_comes_back),
		cmocka_unit_test(a_model_that_says_nothing_gets_the_default),
		cmocka_unit_test(a_thousand_classes_fit),
		cmocka_unit_test(saving_leaves_no_temporary_files_and_keeps_the_old_on_failure),
		cmocka_unit_test(names_find_files_runs_and_installed_models),
		cmocka_unit_test(what_is_no_model_is_called_by_its_name),
		cmocka_unit_test(weights_that_are_no_numbers_load_with_a_warning),
		cmocka_unit_test(damaged_files_are_refused_by_layer),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
