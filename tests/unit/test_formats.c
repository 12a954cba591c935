/* Models through every format we write and back, and the layouts of weights that Keras had over the years, made here by hand. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "directory_case.h"

#include "core/alloc.h"
#include "core/random.h"
#include "io/file.h"
#include "io/h5.h"
#include "model/checkpoint.h"
#include "model/model.h"
#include "nn/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUST(call)                                            \
	do {                                                  \
		struct cs_error must_error = {0};             \
		struct cs_error *error = &must_error;         \
		if (call)                                     \
			fail_msg("%s", must_error.message); \
	} while (0)

static struct cs_layer_spec spec(const char *type, const char *name)
{
	struct cs_layer_spec made = cs_layer_spec_default(cs_layer_kind(type));

	snprintf(made.name, sizeof made.name, "%s", name);
	return made;
}

/* Layers with weights of every kind, an activation that is written as a layer of its own, and a name with a space. */
static struct cs_model *a_model(void)
{
	struct cs_layer_spec s[6] = {spec("conv", "first conv"), spec("batchnorm", "norm"), spec("conv", "again"),
		spec("flatten", "flat"), spec("dropout", "drop"), spec("dense", "scores")};
	char *ids[] = {(char *)"a", (char *)"b", (char *)"c"};
	char *names[] = {(char *)"first", (char *)"zw\xc3\xb6lf", (char *)"third, and last"};
	struct cs_network *network = NULL;
	struct cs_model *model = NULL;
	struct cs_random random;

	s[0].features = 3;
	s[0].kernel[0] = s[0].kernel[1] = 3;
	s[0].activation = CS_LEAKY_RELU;
	s[0].alpha = 0.0625f;
	s[2].features = 2;
	s[2].kernel[0] = s[2].kernel[1] = 2;
	s[2].bias = false;
	s[5].features = 3;
	s[5].activation = CS_SOFTMAX;
	MUST(cs_network_new(CS_SHAPE(7, 8, 3), s, 6, 1, &network, error));
	cs_random_init(&random, 3, CS_RANDOM_USER, 0, 0);
	for (int i = 0; i < network->layer_count; i++)
		for (int k = 0; k < network->layers[i].param_count; k++)
			for (int64_t j = 0; j < cs_tensor_count(&network->layers[i].params[k].value); j++)
				network->layers[i].params[k].value.data[j] = cs_random_between(&random, 0.01f, 1);
	MUST(cs_model_new(network, &model, error));
	MUST(cs_model_set_classes(model, 3, ids, names, error));
	MUST(cs_model_set_dataset(model, "shapes:count=9", error));
	model->preprocess.scale = 0.5f;
	model->preprocess.mean[1] = 0.25f;
	model->preprocess.deviation[2] = 3;
	model->preprocess.bgr = true;
	model->preprocess_known = true;
	return model;
}

static void assert_same(const struct cs_model *a, const struct cs_model *b)
{
	assert_int_equal(a->network->layer_count, b->network->layer_count);
	for (int i = 0; i < a->network->layer_count; i++) {
		const struct cs_layer *x = &a->network->layers[i], *y = &b->network->layers[i];

		assert_ptr_equal(x->ops, y->ops);
		assert_int_equal(x->spec.activation, y->spec.activation);
		assert_true(isnan(x->spec.alpha) == isnan(y->spec.alpha));
		assert_int_equal(x->param_count, y->param_count);
		for (int k = 0; k < x->param_count; k++) {
			assert_true(cs_shape_equal(&x->params[k].value.shape, &y->params[k].value.shape));
			assert_memory_equal(x->params[k].value.data, y->params[k].value.data,
				(size_t)cs_tensor_count(&x->params[k].value) * sizeof(float));
		}
	}
	assert_true(b->preprocess_known);
	assert_memory_equal(&a->preprocess, &b->preprocess, sizeof a->preprocess);
	assert_string_equal(a->dataset, b->dataset);
	assert_int_equal(a->class_count, b->class_count);
	for (int i = 0; i < a->class_count; i++) {
		assert_string_equal(a->class_names[i], b->class_names[i]);
		assert_string_equal(a->class_ids[i], b->class_ids[i]);
	}
}

static void every_bit_survives_every_format(void **state)
{
	struct cs_epoch epochs[2] = {{.epoch = 0, .train_loss = 2.5}, {.epoch = 1, .train_loss = 1.25}};
	struct cs_point points[1] = {{.step = 7}};
	struct cs_curves curves = {.epochs = epochs, .epoch_count = 2, .points = points, .point_count = 1}, back;
	struct cs_progress progress = {.epoch = 2};
	struct cs_model *model = a_model(), *from = NULL, *next = NULL;
	char *arch = NULL;
	size_t size;

	(void)state;
	MUST(cs_checkpoint_save_with(in_directory("run.hdf5"), model, NULL, &progress, &curves, error));
	MUST(cs_model_load(in_directory("run.hdf5"), NULL, &from, error));
	assert_same(model, from);
	for (const char *const *name = (const char *const[]){"a.keras", "b.h5", "c.keras", "d.h5", NULL}; *name; name++) {
		MUST(cs_model_write(from, in_directory(*name), error));
		MUST(cs_model_load(in_directory(*name), NULL, &next, error));
		assert_same(model, next);
		cs_model_free(from);
		from = next;
	}
	MUST(cs_model_write(from, in_directory("e.weights.h5"), error));
	MUST(cs_model_write(from, in_directory("e.json"), error));
	cs_model_free(from);
	MUST(cs_file_read(in_directory("e.json"), 1 << 20, &arch, &size, error));
	MUST(cs_model_load(in_directory("e.weights.h5"), &(struct cs_model_options){.arch = arch}, &from, error));
	assert_same(model, from);
	MUST(cs_model_write(from, in_directory("f.h5"), error));
	MUST(cs_checkpoint_load_curves(in_directory("f.h5"), &back, error));
	assert_int_equal(back.epoch_count, 2);
	assert_memory_equal(back.epochs, epochs, sizeof epochs);
	assert_int_equal(back.point_count, 1);
	assert_memory_equal(back.points, points, sizeof points);
	cs_curves_fini(&back);
	cs_free(arch);
	cs_model_free(from);
	cs_model_free(model);
}

static void the_ending_chooses_the_format(void **state)
{
	(void)state;
	assert_string_equal(cs_model_format_of("x.weights.h5")->ending, ".weights.h5");
	assert_string_equal(cs_model_format_of("dir.keras/x.h5")->ending, ".h5");
	assert_string_equal(cs_model_format_of("X.KERAS")->ending, ".keras");
	assert_null(cs_model_format_of("x.pt"));
	assert_null(cs_model_format_of(".h5"));
}

/* --- what is remembered of a model file --- */

/* A model file that says nothing of pixels and classes. */
static void write_silent(const char *name)
{
	struct cs_model *model = a_model();

	model->preprocess_known = false;
	MUST(cs_model_set_classes(model, 0, NULL, NULL, error));
	MUST(cs_model_save(model, in_directory(name), error));
	cs_model_free(model);
}

static void what_was_said_is_remembered_beside_the_file(void **state)
{
	char *ids[] = {(char *)"x", (char *)"y", (char *)"z"}, *before, *after;
	struct cs_model *model = NULL;
	size_t size, size_after;

	(void)state;
	write_silent("said.h5");
	MUST(cs_file_read(in_directory("said.h5"), 1 << 24, &before, &size, error));
	MUST(cs_model_load(in_directory("said.h5"), NULL, &model, error));
	assert_false(model->preprocess_known);
	assert_null(model->sidecar);
	for (int round = 1; round <= 2; round++) {
		model->preprocess.scale = 0.1f * (float)round;
		model->preprocess.mean[2] = 0.7f;
		model->preprocess.bgr = round == 1;
		model->preprocess_known = model->preprocess_remembered = true;
		MUST(cs_model_set_classes(model, 3, ids, ids, error));
		model->classes_remembered = true;
		MUST(cs_model_remember(model, error));
		assert_non_null(strstr(model->sidecar, "said.h5.convscope.json"));
		cs_model_free(model);
		MUST(cs_model_load(in_directory("said.h5"), NULL, &model, error));
		assert_true(model->preprocess_known && model->preprocess_remembered);
		assert_true(model->preprocess.scale == 0.1f * (float)round);
		assert_true(model->preprocess.mean[2] == 0.7f);
		assert_int_equal(model->preprocess.bgr, round == 1);
		assert_string_equal(model->class_names[2], "z");
	}
	cs_model_free(model);
	MUST(cs_file_read(in_directory("said.h5"), 1 << 24, &after, &size_after, error));
	assert_int_equal(size, size_after);
	assert_memory_equal(before, after, size);
	cs_free(before);
	cs_free(after);
}

static void an_architecture_given_once_is_remembered(void **state)
{
	struct cs_model *model = a_model(), *back = NULL;
	struct cs_error refusal;
	char *arch;
	size_t size;

	(void)state;
	MUST(cs_model_write(model, in_directory("alone.weights.h5"), error));
	MUST(cs_model_write(model, in_directory("alone.json"), error));
	MUST(cs_file_read(in_directory("alone.json"), 1 << 20, &arch, &size, error));
	assert_int_not_equal(cs_model_load(in_directory("alone.weights.h5"), NULL, &back, &refusal), CS_OK);
	assert_non_null(strstr(refusal.message, "--arch"));
	MUST(cs_model_load(in_directory("alone.weights.h5"), &(struct cs_model_options){.arch = arch}, &back, error));
	MUST(cs_model_remember(back, error));
	cs_model_free(back);
	MUST(cs_model_load(in_directory("alone.weights.h5"), NULL, &back, error));
	assert_same(model, back);
	cs_model_free(back);
	cs_model_free(model);
	cs_free(arch);
}

static void what_is_wrong_beside_a_model_does_not_keep_it_from_being_read(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[1]",
		"{\"scale\": \"1\"}",
		"{\"scale\": 0}",
		"{\"std\": [1, 0, 1]}",
		"{\"mean\": [1, 2]}",
		"{\"classes\": [\"a\", \"b\"]}",
		"{\"classes\": [1, 2, 3]}",
		"{\"size\": [-1, 1e99], \"architecture\": 7}",
		"{\"scale\": 1, \"scale\": 2}",
	};

	(void)state;
	write_silent("odd.h5");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct cs_model *model = NULL;

		MUST(cs_file_write(in_directory("odd.h5.convscope.json"), texts[i], strlen(texts[i]), error));
		MUST(cs_model_load(in_directory("odd.h5"), NULL, &model, error));
		assert_false(model->preprocess_known);
		assert_null(model->class_names);
		cs_model_free(model);
	}
}

/* --- layouts of old and odd files --- */

/* Numbers 1, 2, 3, ... */
static void put(struct cs_h5 *file, const char *path, struct cs_shape shape)
{
	struct cs_tensor tensor = {0};

	MUST(cs_tensor_init(&tensor, shape, error));
	for (int64_t i = 0; i < cs_tensor_count(&tensor); i++)
		tensor.data[i] = (float)(i + 1);
	MUST(cs_h5_write_tensor(file, path, &tensor, error));
	cs_tensor_fini(&tensor);
}

static struct cs_h5 *create(const char *name)
{
	struct cs_h5 *file = NULL;

	MUST(cs_h5_open(in_directory(name), CS_H5_CREATE, &file, error));
	return file;
}

static struct cs_model *load(struct cs_h5 *file, const char *name, const char *arch)
{
	struct cs_model *model = NULL;

	MUST(cs_h5_close(file, error));
	MUST(cs_model_load(in_directory(name), &(struct cs_model_options){.arch = arch}, &model, error));
	return model;
}

static const float *weights(const struct cs_model *model, int layer, const char *name)
{
	struct cs_param *param = cs_layer_param(&model->network->layers[layer], name);

	assert_non_null(param);
	return param->value.data;
}

#define TH_CONV \
	"\"nb_filter\": 2, \"nb_row\": 2, \"nb_col\": 3, \"dim_ordering\": \"th\", \"border_mode\": \"valid\""

/* A kernel of (out,in,rows,columns) that counts up, turned or not, at row, column, in, out of ours. */
static void assert_th_kernel(const float *kernel, bool turned)
{
	for (int r = 0; r < 2; r++)
		for (int c = 0; c < 3; c++)
			for (int i = 0; i < 2; i++)
				for (int o = 0; o < 2; o++) {
					int y = turned ? 1 - r : r, x = turned ? 2 - c : c;

					assert_true(kernel[((r * 3 + c) * 2 + i) * 2 + o] ==
						(float)(((o * 2 + i) * 2 + y) * 3 + x + 1));
				}
}

static void keras_0_counts_its_layers(void **state)
{
	static const char arch[] = "{\"name\": \"Sequential\", \"layers\": [{\"name\": \"Convolution2D\", \"custom_name\": \"convolution2d\", "
				   "\"input_shape\": [2, 4, 5], " TH_CONV "}, {\"name\": \"Flatten\", \"custom_name\": \"flatten\"}, "
				   "{\"name\": \"Dense\", \"custom_name\": \"dense\", \"output_dim\": 2, \"activation\": \"softmax\"}]}";
	struct cs_h5 *file = create("k0.h5");
	struct cs_model *model;

	(void)state;
	MUST(cs_h5_write_number(file, "/", "nb_layers", 3, error));
	put(file, "/layer_0/param_0", CS_SHAPE(2, 2, 2, 3));
	put(file, "/layer_0/param_1", CS_SHAPE(2));
	put(file, "/layer_2/param_0", CS_SHAPE(18, 2));
	put(file, "/layer_2/param_1", CS_SHAPE(2));
	for (int i = 0; i < 3; i++) {
		char path[16];

		snprintf(path, sizeof path, "/layer_%d", i);
		MUST(cs_h5_make_group(file, path, error));
		MUST(cs_h5_write_number(file, path, "nb_params", i == 1 ? 0 : 2, error));
	}
	model = load(file, "k0.h5", arch);
	assert_th_kernel(weights(model, 0, "kernel"), true);
	/* Rows in the order c,h,w: our second is channel 1 of the first pixel. */
	assert_true(weights(model, 2, "kernel")[0] == 1 && weights(model, 2, "kernel")[2] == 19);
	assert_string_equal(model->network->layers[2].spec.name, "dense_2");
	cs_model_free(model);
}

static void keras_1_turns_what_theano_wrote(void **state)
{
	static const char arch[] = "{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Convolution2D\", \"config\": {\"name\": \"c\", "
				   "\"batch_input_shape\": [null, 2, 4, 5], " TH_CONV "}}]}";

	(void)state;
	for (int theano = 0; theano < 2; theano++) {
		const char *names[] = {theano ? "c_W" : "c_W:0", theano ? "c_b" : "c_b:0"}, *layers[] = {"c"};
		struct cs_h5 *file = create("k1.h5");
		struct cs_model *model;
		char path[32];

		MUST(cs_h5_write_strings(file, "/", "layer_names", layers, 1, error));
		for (int i = 0; i < 2; i++) {
			snprintf(path, sizeof path, "/c/%s", names[i]);
			put(file, path, i ? CS_SHAPE(2) : CS_SHAPE(2, 2, 2, 3));
		}
		MUST(cs_h5_write_strings(file, "/c", "weight_names", names, 2, error));
		model = load(file, "k1.h5", arch);
		assert_th_kernel(weights(model, 0, "kernel"), theano);
		cs_model_free(model);
	}
}

/* Two dense layers inside a nested model and one behind it, of different sizes so that none can stand in for another. */
#define DENSE(name, units) \
	"{\"class_name\": \"Dense\", \"config\": {\"name\": \"" name "\", \"units\": " units ", \"use_bias\": false}}"
#define NESTED(inner) \
	"{\"class_name\": \"Sequential\", \"config\": {\"name\": \"whole\", \"build_input_shape\": [null, 2], \"layers\": [" inner \
	", " DENSE("last", "5") "]}}"

static void nested_models_without_a_name_are_found_by_place(void **state)
{
	static const char arch[] =
		NESTED("{\"class_name\": \"Sequential\", \"config\": [" DENSE("one", "3") ", " DENSE("two", "4") "]}");
	const char *layers[] = {"sequential_9", "last"}, *inner[] = {"one/kernel:0", "two/kernel:0"}, *outer[] = {"last/kernel:0"};
	struct cs_h5 *file = create("nameless.h5");
	struct cs_model *model;

	(void)state;
	MUST(cs_h5_write_strings(file, "/", "layer_names", layers, 2, error));
	put(file, "/sequential_9/one/kernel:0", CS_SHAPE(2, 3));
	put(file, "/sequential_9/two/kernel:0", CS_SHAPE(3, 4));
	put(file, "/last/last/kernel:0", CS_SHAPE(4, 5));
	MUST(cs_h5_write_strings(file, "/sequential_9", "weight_names", inner, 2, error));
	MUST(cs_h5_write_strings(file, "/last", "weight_names", outer, 1, error));
	model = load(file, "nameless.h5", arch);
	assert_true(weights(model, 1, "kernel")[11] == 12);
	cs_model_free(model);
}

static void layers_are_found_however_their_classes_were_counted(void **state)
{
	static const char arch[] = NESTED("{\"class_name\": \"Sequential\", \"config\": {\"name\": \"in\", \"layers\": [" DENSE(
		"one", "3") ", " DENSE("two", "4") "]}}");
	static const struct {
		const char *one, *two, *last;
	} files[] = {
		{"/layers/sequential/layers/dense/vars/0", "/layers/sequential/layers/dense_1/vars/0", "/layers/dense/vars/0"},
		{"/_layer_checkpoint_dependencies/sequential/_layer_checkpoint_dependencies/dense/vars/0",
			"/_layer_checkpoint_dependencies/sequential/_layer_checkpoint_dependencies/dense_1/vars/0",
			"/_layer_checkpoint_dependencies/dense/vars/0"},
		{"/_layer_checkpoint_dependencies/sequential/_layer_checkpoint_dependencies/dense/vars/0",
			"/_layer_checkpoint_dependencies/sequential/_layer_checkpoint_dependencies/dense_2/vars/0",
			"/_layer_checkpoint_dependencies/dense/vars/0"},
		{"/layers\\sequential\\layers\\dense/vars/0", "/layers\\sequential\\layers\\dense_1/vars/0",
			"/layers\\dense/vars/0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct cs_h5 *file = create("counted.weights.h5");
		struct cs_model *model;

		put(file, files[i].one, CS_SHAPE(2, 3));
		put(file, files[i].two, CS_SHAPE(3, 4));
		put(file, files[i].last, CS_SHAPE(4, 5));
		model = load(file, "counted.weights.h5", arch);
		assert_true(weights(model, 1, "kernel")[11] == 12);
		assert_true(weights(model, 2, "kernel")[19] == 20);
		cs_model_free(model);
	}
}

static void normalization_stands_as_a_batch_norm(void **state)
{
	static const char arch[] =
		"{\"class_name\": \"Sequential\", \"config\": {\"name\": \"n\", \"layers\": ["
		"{\"class_name\": \"Normalization\", \"config\": {\"name\": \"adapted\", \"axis\": [-1], \"batch_input_shape\": [null, 2, 2, 2]}}, "
		"{\"class_name\": \"Rescaling\", \"config\": {\"name\": \"each\", \"scale\": [0.5, 2], \"offset\": 1}}]}}";
	const float pixels[8] = {1, 0, 2, 4, 3, 8, 4, 2};
	struct cs_h5 *file = create("norm.weights.h5");
	struct cs_tensor x = {0};
	struct cs_trace *trace = NULL;
	struct cs_model *model;

	(void)state;
	put(file, "/layers/normalization/vars/0", CS_SHAPE(2));
	put(file, "/layers/normalization/vars/1", CS_SHAPE(2));
	put(file, "/layers/normalization/vars/2", (struct cs_shape){0});
	model = load(file, "norm.weights.h5", arch);
	MUST(cs_tensor_init(&x, CS_SHAPE(1, 2, 2, 2), error));
	memcpy(x.data, pixels, sizeof pixels);
	MUST(cs_trace_new(model->network, CS_TRACE_OUTPUT, 1, NULL, &trace, error));
	cs_network_forward(trace, &x);
	/* Means and variances are 1 and 2, factors a half and 2. */
	for (int i = 0; i < 8; i++) {
		double normal = i % 2 ? (pixels[i] - 2) / sqrt(2) : pixels[i] - 1;

		assert_true(fabs(trace->slots[1].out.data[i] - (normal * (i % 2 ? 2 : 0.5) + 1)) < 1e-5);
	}
	assert_true(model->network->layers[0].frozen && model->network->layers[1].frozen);
	cs_trace_free(trace);
	cs_tensor_fini(&x);
	cs_model_free(model);
}

static void an_open_input_takes_the_size_it_is_given(void **state)
{
	static const char arch[] = "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"open\", \"layers\": [{\"class_name\": \"Conv2D\", "
				   "\"config\": {\"name\": \"c\", \"batch_input_shape\": [null, null, null, 2], \"filters\": 2, \"kernel_size\": 1, "
				   "\"use_bias\": false}}]}}";
	struct cs_model_options options = {.arch = arch, .size = {6, 9}};
	struct cs_h5 *file = create("open.weights.h5");
	struct cs_model *model = NULL;
	struct cs_error refusal;

	(void)state;
	put(file, "/layers/conv2d/vars/0", CS_SHAPE(1, 1, 2, 2));
	MUST(cs_h5_close(file, error));
	MUST(cs_model_load(in_directory("open.weights.h5"), &options, &model, error));
	assert_int_equal(model->network->input.dim[0], 6);
	assert_int_equal(model->network->input.dim[1], 9);
	cs_model_free(model);
	options.size[0] = options.size[1] = 0;
	assert_int_equal(cs_model_load(in_directory("open.weights.h5"), &options, &model, &refusal), CS_ERR_ARGUMENT);
	assert_non_null(strstr(refusal.message, "--size"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit_survives_every_format),
		cmocka_unit_test(the_ending_chooses_the_format),
		cmocka_unit_test(what_was_said_is_remembered_beside_the_file),
		cmocka_unit_test(an_architecture_given_once_is_remembered),
		cmocka_unit_test(what_is_wrong_beside_a_model_does_not_keep_it_from_being_read),
		cmocka_unit_test(keras_0_counts_its_layers),
		cmocka_unit_test(keras_1_turns_what_theano_wrote),
		cmocka_unit_test(nested_models_without_a_name_are_found_by_place),
		cmocka_unit_test(layers_are_found_however_their_classes_were_counted),
		cmocka_unit_test(normalization_stands_as_a_batch_norm),
		cmocka_unit_test(an_open_input_takes_the_size_it_is_given),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
