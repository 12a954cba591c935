/* Model files that real Keras wrote, as references have it, and broken ones: every sample at hand in CS_SHARED_DIR. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "io/h5.h"
#include "model/model.h"
#include "nn/trace.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *shared(void)
{
	const char *path = getenv("CS_SHARED_DIR");

	if (!path) {
		print_message("CS_SHARED_DIR is not set: no files of real Keras to read\n");
		skip();
	}
	return path;
}

static void compare(const char *file, const char *what, const float *ours, const struct cs_tensor *reference)
{
	struct cs_range range = cs_tensor_range(reference);
	double scale = fmax(1e-3, fmax(fabs(range.min), fabs(range.max))), worst = 0;

	for (int64_t i = 0; i < cs_tensor_count(reference); i++)
		worst = fmax(worst, fabs(ours[i] - reference->data[i]) / scale);
	if (!(worst <= 1e-5))
		fail_msg("%s: %s differs by %g of its range", file, what, worst);
}

/* h,w,c -> c,h,w: what a flatten of a channels-first model leaves. */
static bool is_flattened(const struct cs_network *network, int layer)
{
	return network->layers[layer].ops == &cs_flatten_layer;
}

/* Returns the number of layers compared. */
static int compare_model(const char *name, const struct cs_model *model, struct cs_h5 *reference, bool skip_flatten)
{
	struct cs_tensor x, y;
	struct cs_trace *trace;
	struct cs_error error;
	int compared = 0;
	const struct cs_network *network = model->network;

	assert_int_equal(cs_h5_read_tensor(reference, "/x", 1 << 26, &x, &error), CS_OK);
	assert_int_equal(cs_h5_read_tensor(reference, "/y", 1 << 26, &y, &error), CS_OK);
	if (cs_trace_new(network, CS_TRACE_ALL, (int)x.shape.dim[0], NULL, &trace, &error))
		fail_msg("%s: %s", name, error.message);
	cs_network_forward(trace, &x);
	compare(name, "y", trace->slots[network->layer_count - 1].out.data, &y);
	for (int i = 0; i < network->layer_count; i++) {
		struct cs_tensor layer;
		char path[160];

		snprintf(path, sizeof path, "/layers/%s", network->layers[i].spec.name);
		if (!cs_h5_exists(reference, path) || (skip_flatten && is_flattened(network, i)))
			continue;
		assert_int_equal(cs_h5_read_tensor(reference, path, 1 << 26, &layer, &error), CS_OK);
		assert_int_equal(cs_tensor_count(&layer), x.shape.dim[0] * cs_shape_count(&network->layers[i].out));
		compare(name, network->layers[i].spec.name, trace->slots[i].out.data, &layer);
		cs_tensor_fini(&layer);
		compared++;
	}
	cs_trace_free(trace);
	cs_tensor_fini(&x);
	cs_tensor_fini(&y);
	return compared;
}

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (file) {
		size_t size = fread(text, 1, (1 << 20) - 1, file);

		text[size] = '\0';
		fclose(file);
	}
	return text;
}

/* A model file of `folder` (of weights alone, with the architecture beside it) and its reference, whose name is `name`, .ref.h5 from `end` on. */
static struct cs_model *load_beside(
	const char *folder, const char *name, const char *end, const char *path, bool weights, struct cs_h5 **reference)
{
	struct cs_model_options options = {0};
	struct cs_model *model;
	struct cs_error error;
	char other[1100], *arch = NULL;

	if (weights) {
		snprintf(other, sizeof other, "%s/%.*s.arch.json", folder, (int)(end - name), name);
		options.arch = arch = read_text(other);
	}
	if (cs_model_load(path, &options, &model, &error))
		fail_msg("%s", error.message);
	snprintf(other, sizeof other, "%s/%s", folder, name);
	assert_int_equal(cs_h5_open(other, CS_H5_READ, reference, &error), CS_OK);
	free(arch);
	return model;
}

static void real_keras_models_answer_as_keras_says(void **state)
{
	char folder[512], path[1024];
	const struct dirent *entry;
	int models = 0, layers = 0;
	DIR *dir;

	(void)state;
	snprintf(folder, sizeof folder, "%s/data/keras", shared());
	dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char *end = strstr(entry->d_name, ".ref.h5");
		struct cs_model *model;
		struct cs_h5 *reference;
		int compared;

		if (!end)
			continue;
		snprintf(path, sizeof path, "%s/%.*s.h5", folder, (int)(end - entry->d_name), entry->d_name);
		if (access(path, R_OK)) /* a .keras zip alone */
			snprintf(path, sizeof path, "%s/%.*s.keras", folder, (int)(end - entry->d_name), entry->d_name);
		model = load_beside(folder, entry->d_name, end, path, entry->d_name[0] == 'w', &reference);
		compared = compare_model(entry->d_name, model, reference, entry->d_name[0] == 'w');
		/* The reference of channels_first names layers of a network that was made equal to it: only y can be compared. */
		assert_true(compared > 0 || !strncmp(entry->d_name, "channels_first", 14));
		layers += compared;
		models++;
		cs_h5_close(reference, NULL);
		cs_model_free(model);
	}
	closedir(dir);
	print_message("%d models, %d layers compared\n", models, layers);
	assert_true(models >= 15);
}

/* One network, saved in every form by real Keras: the same answers from each. */
static void zips_and_weights_alone_answer_alike(void **state)
{
	static const char *const forms[] = {".keras", ".weights.h5"};
	char folder[512], path[1024];
	const struct dirent *entry;
	int models = 0;
	DIR *dir;

	(void)state;
	snprintf(folder, sizeof folder, "%s/data/keras", shared());
	dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char *end = strstr(entry->d_name, ".ref.h5");

		for (int form = 0; end && form < 2; form++) {
			struct cs_model *model;
			struct cs_h5 *reference;
			struct cs_error error;

			snprintf(path, sizeof path, "%s/%.*s%s", folder, (int)(end - entry->d_name), entry->d_name,
				forms[form]);
			if (access(path, R_OK))
				continue;
			if (form == 1) {
				assert_int_not_equal(cs_model_load(path, NULL, &model, &error), CS_OK);
				assert_non_null(strstr(error.message, "--arch"));
			}
			model = load_beside(folder, entry->d_name, end, path, form == 1, &reference);
			compare_model(path, model, reference, false);
			models++;
			cs_h5_close(reference, NULL);
			cs_model_free(model);
		}
	}
	closedir(dir);
	print_message("%d .keras and .weights.h5 files compared\n", models);
	assert_true(models >= 8);
}

/* Broken and hostile files, whatever is at hand: each refused in one line, quickly, or loaded with a warning. Some make libhdf5 itself
 * crash, in the process that reads for us. */
static void malformed_files_are_refused_in_one_line(void **state)
{
	char folder[512], path[1024];
	const struct dirent *entry;
	int files = 0;
	DIR *dir;

	(void)state;
	snprintf(folder, sizeof folder, "%s/data/malformed", shared());
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		struct cs_model *model = NULL;
		struct cs_error error = {0};
		clock_t start = clock();

		if (!strstr(entry->d_name, ".h5") && !strstr(entry->d_name, ".keras"))
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (!cs_model_load(path, NULL, &model, &error)) {
			if (strncmp(entry->d_name, "27_", 3) && strncmp(entry->d_name, "17_", 3))
				fail_msg("%s was read", path);
			cs_model_free(model);
		} else if (!*error.message || strchr(error.message, '\n')) {
			fail_msg("%s: '%s'", path, error.message);
		}
		assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5);
		files++;
	}
	if (dir)
		closedir(dir);
	print_message("%d malformed files\n", files);
	assert_true(files > 0);
}

static void what_cannot_be_read_is_refused_in_one_line(void **state)
{
	static const struct {
		const char *file, *says;
	} cases[] = {
		{"keras/u1_lstm.h5", "LSTM"},
		{"keras/residual_add.h5", "Add"},
		{"keras/w10_th_theano.h5", "--arch"},
		{"keras/j_lfs_pointer.keras", "Git LFS"},
		{"keras/j_not_hdf5.h5", "web page"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cs_model *model = NULL;
		struct cs_error error = {0};
		char path[512];

		snprintf(path, sizeof path, "%s/data/%s", shared(), cases[i].file);
		if (access(path, R_OK))
			continue;
		if (!cs_model_load(path, NULL, &model, &error))
			fail_msg("%s was read", path);
		if (!strstr(error.message, cases[i].says) || strchr(error.message, '\n') || !*error.message)
			fail_msg("%s: '%s'", path, error.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_keras_models_answer_as_keras_says),
		cmocka_unit_test(zips_and_weights_alone_answer_alike),
		cmocka_unit_test(malformed_files_are_refused_in_one_line),
		cmocka_unit_test(what_cannot_be_read_is_refused_in_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
