/* Reading and writing networks as Keras does: the architecture's JSON, weights of every dialect, refusals. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/log.h"
#include "core/random.h"
#include "io/h5.h"
#include "model/keras.h"
#include "model/model.h"
#include "nn/trace.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char directory[64];

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/test_keras.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

static struct cs_layer_spec spec(const char *type, const char *name)
{
	struct cs_layer_spec made = cs_layer_spec_default(cs_layer_kind(type));

	snprintf(made.name, sizeof made.name, "%s", name);
	return made;
}

/* One layer of every kind, with values that are not the defaults. */
static struct cs_network *every_kind(void)
{
	struct cs_layer_spec s[14];
	struct cs_network *network;
	struct cs_error error;
	struct cs_random random;
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
	s[n].epsilon = 0.01f;
	s[n++].centre = false;
	s[n++] = spec("maxpool", "max");
	s[n] = spec("conv", "second");
	s[n].features = 4;
	s[n].kernel[0] = s[n].kernel[1] = 2;
	s[n].bias = false;
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
	s[n] = spec("dropout", "drop");
	s[n++].rate = 0.25f;
	s[n] = spec("dense", "hidden");
	s[n].features = 7;
	s[n].activation = CS_ELU;
	s[n++].alpha = 2;
	s[n] = spec("dense", "scores");
	s[n++].features = 3;
	s[n] = spec("activation", "chances");
	s[n++].activation = CS_SOFTMAX;
	assert_int_equal(cs_network_new(CS_SHAPE(12, 13, 3), s, n, 7, &network, &error), CS_OK);
	/* Every parameter random, also those that begin at 0 or 1. */
	cs_random_init(&random, 3, CS_RANDOM_USER, 0, 0);
	for (int i = 0; i < network->layer_count; i++) {
		for (int k = 0; k < network->layers[i].param_count; k++) {
			struct cs_tensor *value = &network->layers[i].params[k].value;

			for (int64_t j = 0; j < cs_tensor_count(value); j++)
				value->data[j] = cs_random_between(&random, 0.1f, 1.0f);
		}
	}
	return network;
}

static void assert_same_network(const struct cs_network *a, const struct cs_network *b)
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
		assert_true(x->spec.rate == y->spec.rate);
		assert_true(x->spec.epsilon == y->spec.epsilon);
		assert_true(x->spec.factor == y->spec.factor && x->spec.offset == y->spec.offset);
		assert_int_equal(x->frozen, y->frozen);
		assert_int_equal(x->param_count, y->param_count);
		for (int k = 0; k < x->param_count; k++) {
			assert_string_equal(x->params[k].name, y->params[k].name);
			assert_true(cs_shape_equal(&x->params[k].value.shape, &y->params[k].value.shape));
		}
	}
}

static void an_architecture_survives_its_json(void **state)
{
	struct cs_network *network = every_kind(), *back;
	struct cs_error error;
	char *json;

	(void)state;
	network->layers[2].frozen = true;
	assert_int_equal(cs_keras_config(network, &json, &error), CS_OK);
	assert_non_null(strstr(json, "batch_input_shape"));
	if (cs_keras_parse(json, &back, &error))
		fail_msg("%s", error.message);
	assert_same_network(network, back);
	for (int i = 0; i < back->layer_count; i++) {
		struct cs_param *kernel = cs_layer_param(&back->layers[i], "kernel");

		if (kernel)
			assert_true(kernel->value.data[0] == 0);
	}
	cs_free(json);
	cs_network_free(network);
	cs_network_free(back);
}

static void a_file_keeps_every_bit_of_every_weight(void **state)
{
	struct cs_network *network = every_kind(), *back;
	struct cs_error error;
	struct cs_h5 *file;
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/bits.h5", directory);
	/* Values that any detour through decimals or double rounding would change. */
	network->layers[2].params[0].value.data[0] = 0x1.000002p-126f;
	network->layers[2].params[0].value.data[1] = -0.0f;
	assert_int_equal(cs_h5_open(path, CS_H5_CREATE, &file, &error), CS_OK);
	assert_int_equal(cs_keras_write(network, file, &error), CS_OK);
	assert_int_equal(cs_h5_close(file, &error), CS_OK);
	assert_int_equal(cs_h5_open(path, CS_H5_READ, &file, &error), CS_OK);
	if (cs_keras_read(file, NULL, &back, &error))
		fail_msg("%s", error.message);
	cs_h5_close(file, NULL);
	assert_same_network(network, back);
	for (int i = 0; i < network->layer_count; i++) {
		for (int k = 0; k < network->layers[i].param_count; k++) {
			const struct cs_tensor *a = &network->layers[i].params[k].value;

			assert_memory_equal(a->data, back->layers[i].params[k].value.data,
				(size_t)cs_tensor_count(a) * sizeof(float));
		}
	}
	cs_network_free(network);
	cs_network_free(back);
}

#define SEQUENTIAL(layers) \
	"{\"class_name\": \"Sequential\", \"config\": {\"name\": \"m\", \"layers\": [{\"class_name\": " \
	"\"InputLayer\", \"config\": " \
	"{\"batch_input_shape\": [null, 8, 8, 3], \"name\": \"in\"}}, " layers "]}}"
#define CONV(keys) "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c1\", " keys "}}"

#define INPUT_LAYER(shape) "{\"class_name\": \"InputLayer\", \"config\": {\"name\": \"i\", " shape "}}"
/* An input layer as asked for, in a model that was built with a good shape. */
#define BUILT(shape) \
	"{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"build_input_shape\": [null, 8, 8, 3], \"layers\": [" \
	INPUT_LAYER(shape) ", " CONV("\"filters\": 8, \"kernel_size\": 3") "]}}"

/* Every refusal is one line that says which layer and what was wrong. */
static void wrong_architectures_are_refused_by_name(void **state)
{
	static const struct {
		const char *json, *says;
		enum cs_status status;
	} cases[] = {
		{"", "not JSON", CS_ERR_FORMAT},
		{"[]", "class_name", CS_ERR_FORMAT},
		{"{\"class_name\": \"Sequential\"}", "no list of layers", CS_ERR_FORMAT},
		{SEQUENTIAL(CONV("\"filters\": -8, \"kernel_size\": [3, 3]")), "filters is -8", CS_ERR_FORMAT},
		{SEQUENTIAL(CONV("\"filters\": \"8\", \"kernel_size\": [3, 3]")), "filters is \"8\"", CS_ERR_FORMAT},
		{SEQUENTIAL(CONV("\"filters\": 8.5, \"kernel_size\": [3, 3]")), "filters is 8.5", CS_ERR_FORMAT},
		{SEQUENTIAL(CONV("\"kernel_size\": [3, 3]")), "filters is missing", CS_ERR_FORMAT},
		{SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": [3, 3, 3]")), "kernel_size is [3,3,3]",
			CS_ERR_FORMAT},
		{SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": 3, \"activation\": \"swish\"")),
			"activation is \"swish\"", CS_ERR_UNSUPPORTED},
		{SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": 3, \"dilation_rate\": 2")), "dilation",
			CS_ERR_UNSUPPORTED},
		{SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": 3, \"groups\": 4")), "groups", CS_ERR_UNSUPPORTED},
		{SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": 9")),
			"needs at least 9x9 pixels, but its input is 8x8x3", CS_ERR_SHAPE},
		{SEQUENTIAL("{\"class_name\": \"LSTM\", \"config\": {\"name\": \"lstm_1\"}}"),
			"layer 'lstm_1' is an LSTM", CS_ERR_UNSUPPORTED},
		{SEQUENTIAL("{\"class_name\": \"MaxPooling2D\", \"config\": {\"name\": \"p\", \"pool_size\": [0, 0]}}"),
			"pool_size is [0,0]", CS_ERR_FORMAT},
		{SEQUENTIAL("{\"class_name\": \"ReLU\", \"config\": {\"name\": \"r\", \"max_value\": 6.0}}"),
			"max_value", CS_ERR_UNSUPPORTED},
		{SEQUENTIAL("{\"class_name\": \"Reshape\", \"config\": {\"name\": \"r\", \"target_shape\": [4, 16, 3]}}"),
			"layer 'r' (Reshape)", CS_ERR_UNSUPPORTED},
		{SEQUENTIAL("{\"class_name\": \"Conv2D\", \"module\": \"mine\", \"config\": {\"name\": \"c\"}}"),
			"layer 'c' is a Conv2D", CS_ERR_UNSUPPORTED},
		{SEQUENTIAL("{\"class_name\": \"Rescaling\", \"config\": {\"name\": \"r\", \"scale\": [1, 2]}}"),
			"numbers for 2 channels", CS_ERR_SHAPE},
		{"{\"class_name\": \"Sequential\", \"config\": [" CONV("\"filters\": 8, \"kernel_size\": 3") "]}",
			"shape of its input", CS_ERR_FORMAT},
		{"{\"class_name\": \"Sequential\", \"config\": [" CONV(
			 "\"filters\": 8, \"kernel_size\": 3, \"batch_input_shape\": [null, null, null, 3]") "]}",
			"--size", CS_ERR_ARGUMENT},
		{"{\"class_name\": \"Sequential\", \"config\": [" CONV("\"filters\": 8, \"kernel_size\": 3, "
								       "\"batch_input_shape\": [null, 2000000000, "
								       "2000000000, 3]") "]}",
			"input shape", CS_ERR_UNSUPPORTED},
		/* Keras itself has defaults for what is missing, and none for null. */
		{SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": 3, \"strides\": null")),
			"layer 'c1' (Conv2D): strides is null, expected one or two whole numbers", CS_ERR_FORMAT},
		{SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": 3, \"padding\": null")),
			"layer 'c1' (Conv2D): padding is null, expected \"valid\" or \"same\"", CS_ERR_FORMAT},
		{SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": 3, \"use_bias\": null")),
			"layer 'c1' (Conv2D): use_bias is null, expected true or false", CS_ERR_FORMAT},
		{SEQUENTIAL("{\"class_name\": \"MaxPooling2D\", \"config\": {\"name\": \"p\", \"pool_size\": null}}"),
			"layer 'p' (MaxPooling2D): pool_size is null", CS_ERR_FORMAT},
		{SEQUENTIAL("{\"class_name\": \"ZeroPadding2D\", \"config\": {\"name\": \"z\", \"padding\": null}}"),
			"layer 'z' (ZeroPadding2D): padding is null", CS_ERR_FORMAT},
		{SEQUENTIAL("{\"class_name\": \"BatchNormalization\", \"config\": {\"name\": \"b\", \"epsilon\": null}}"),
			"layer 'b' (BatchNormalization): epsilon is null", CS_ERR_FORMAT},
		/* A shape that is none is not made good by the one the model was built with. */
		{BUILT("\"batch_shape\": \"8x8\""), "layer 'i' (InputLayer): batch_shape is \"8x8\"", CS_ERR_FORMAT},
		{BUILT("\"batch_shape\": []"), "layer 'i' (InputLayer): batch_shape is []", CS_ERR_FORMAT},
		{BUILT("\"batch_input_shape\": 8"), "layer 'i' (InputLayer): batch_input_shape is 8", CS_ERR_FORMAT},
		{BUILT("\"batch_shape\": [null, \"8\", 8, 3]"), "input shape is [null,\"8\",8,3]", CS_ERR_UNSUPPORTED},
		{SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": 3") ", " INPUT_LAYER("\"batch_shape\": [null, 6, 6, 8]")),
			"layer 'i' (InputLayer) stands behind other layers", CS_ERR_UNSUPPORTED},
		{SEQUENTIAL("{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": []}}, "
			    CONV("\"filters\": 8, \"kernel_size\": 3")),
			"layer 's' (Sequential) has no layers", CS_ERR_FORMAT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cs_network *network = NULL;
		struct cs_error error = {0};
		enum cs_status status = cs_keras_parse(cases[i].json, &network, &error);

		if (status != cases[i].status || !strstr(error.message, cases[i].says))
			fail_msg("case %zu: status %d, '%s'", i, status, error.message);
		assert_null(network);
		assert_null(strchr(error.message, '\n'));
	}
}

static char *repeat(const char *head, const char *part, int times, const char *tail)
{
	size_t size = strlen(part);
	char *text = malloc(strlen(head) + size * (size_t)times + strlen(tail) + 1), *at = stpcpy(text, head);

	for (int i = 0; i < times; i++)
		at = stpcpy(at, part);
	strcpy(at, tail);
	return text;
}

static void deep_and_long_architectures_end_quickly(void **state)
{
	char *texts[] = {
		repeat("", "[", 100000, ""),
		repeat("", "{\"class_name\": \"Sequential\", \"config\": [", 20000, ""),
		repeat("", "{\"class_name\": \"Sequential\", \"config\": [", 200, "]}]}"),
		repeat("{\"class_name\": \"Sequential\", \"config\": [",
			"{\"class_name\": \"Activation\", \"config\": {\"name\": \"a\", \"activation\": \"relu\"}},",
			100000, "{}]}"),
	};
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct cs_network *network;
		struct cs_error error;

		assert_int_not_equal(cs_keras_parse(texts[i], &network, &error), CS_OK);
		free(texts[i]);
	}
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5);
}

#define NODE(name, class, keys, inbound) \
	"{\"class_name\": \"" class "\", \"name\": \"" name "\", \"config\": {\"name\": \"" name "\"" keys \
				    "}, \"inbound_nodes\": " inbound "}"
#define FUNCTIONAL(layers, last) \
	"{\"class_name\": \"Functional\", \"config\": {\"name\": \"f\", \"layers\": [" layers \
	"], \"input_layers\": [[\"in\", 0, 0]], " \
	"\"output_layers\": [[\"" last "\", 0, 0]]}}"
#define INPUT NODE("in", "InputLayer", ", \"batch_shape\": [null, 6, 6, 2]", "[]")
#define RELU(name, inbound) NODE(name, "ReLU", "", inbound)

static void functional_chains_are_read_in_their_own_order(void **state)
{
	/* Out of order, Keras 2's and Keras 3's way of naming inputs. */
	static const char json[] = FUNCTIONAL(
		RELU("c", "[[[\"b\", 0, 0, {}]]]") ", " INPUT ", " RELU("b",
			"[{\"args\": [{\"class_name\": \"__keras_tensor__\", \"config\": {\"shape\": [null, 6, 6, 2], "
			"\"keras_history\": [\"a\", 0, 0]}}], \"kwargs\": {}}]") ", " RELU("a",
			"[[[\"in\", 0, 0, {}]]]"),
		"c");
	struct cs_network *network;
	struct cs_error error;

	(void)state;
	if (cs_keras_parse(json, &network, &error))
		fail_msg("%s", error.message);
	assert_int_equal(network->layer_count, 3);
	assert_string_equal(network->layers[0].spec.name, "a");
	assert_string_equal(network->layers[1].spec.name, "b");
	assert_string_equal(network->layers[2].spec.name, "c");
	cs_network_free(network);
}

static void graphs_that_are_no_chain_are_refused(void **state)
{
	static const struct {
		const char *json, *says;
	} cases[] = {
		{FUNCTIONAL(INPUT ", " RELU("a", "[[[\"nowhere\", 0, 0, {}]]]"), "a"),
			"'nowhere', which does not exist"},
		{FUNCTIONAL(
			 INPUT ", " RELU("a", "[[[\"in\", 0, 0, {}]]]") ", " RELU("b", "[[[\"in\", 0, 0, {}]]]"), "a"),
			"feeds more than one layer"},
		{FUNCTIONAL(INPUT ", " RELU("a", "[[[\"in\", 0, 0, {}], [\"in\", 0, 0, {}]]]"), "a"),
			"joins 2 tensors"},
		{FUNCTIONAL(INPUT ", " RELU("a", "[[[\"in\", 0, 0, {}]], [[\"a\", 0, 0, {}]]]"), "a"), "used 2 times"},
		{FUNCTIONAL(INPUT ", " RELU("a", "[[[\"b\", 0, 0, {}]]]") ", " RELU("b", "[[[\"a\", 0, 0, {}]]]"), "a"),
			"no chain"},
		{FUNCTIONAL(
			 INPUT ", " RELU("a", "[[[\"in\", 0, 0, {}]]]") ", " RELU("b", "[[[\"a\", 0, 0, {}]]]"), "a"),
			"goes on to 'b'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cs_network *network;
		struct cs_error error;

		if (!cs_keras_parse(cases[i].json, &network, &error) || !strstr(error.message, cases[i].says))
			fail_msg("case %zu: '%s'", i, error.message);
	}
}

/* --- files that real Keras wrote --- */

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

static void real_keras_models_answer_as_keras_says(void **state)
{
	char folder[512], path[1024], other[1100];
	const struct dirent *entry;
	int models = 0, layers = 0;
	DIR *dir;

	(void)state;
	snprintf(folder, sizeof folder, "%s/data/keras", shared());
	dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char *end = strstr(entry->d_name, ".ref.h5"), *arch = NULL;
		struct cs_model_options options = {0};
		struct cs_model *model;
		struct cs_h5 *reference;
		struct cs_error error;
		int compared;

		if (!end)
			continue;
		snprintf(path, sizeof path, "%s/%.*s.h5", folder, (int)(end - entry->d_name), entry->d_name);
		if (access(path, R_OK)) /* a .keras zip alone */
			snprintf(path, sizeof path, "%s/%.*s.keras", folder, (int)(end - entry->d_name), entry->d_name);
		if (entry->d_name[0] == 'w') {
			snprintf(other, sizeof other, "%s/%.*s.arch.json", folder, (int)(end - entry->d_name),
				entry->d_name);
			options.arch = arch = read_text(other);
		}
		if (cs_model_load(path, &options, &model, &error))
			fail_msg("%s", error.message);
		snprintf(other, sizeof other, "%s/%s", folder, entry->d_name);
		assert_int_equal(cs_h5_open(other, CS_H5_READ, &reference, &error), CS_OK);
		compared = compare_model(entry->d_name, model, reference, entry->d_name[0] == 'w');
		/* The reference of channels_first names layers of a network that was made equal to it: only y can be compared. */
		assert_true(compared > 0 || !strncmp(entry->d_name, "channels_first", 14));
		layers += compared;
		models++;
		cs_h5_close(reference, NULL);
		cs_model_free(model);
		free(arch);
	}
	closedir(dir);
	print_message("%d models, %d layers compared\n", models, layers);
	assert_true(models >= 15);
}

/* One network, saved in every form by real Keras: the same answers from each. */
static void zips_and_weights_alone_answer_alike(void **state)
{
	static const char *const forms[] = {".keras", ".weights.h5"};
	char folder[512], path[1024], other[1100];
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
			struct cs_model_options options = {0};
			struct cs_model *model;
			struct cs_h5 *reference;
			struct cs_error error;
			char *arch = NULL;

			snprintf(path, sizeof path, "%s/%.*s%s", folder, (int)(end - entry->d_name), entry->d_name,
				forms[form]);
			if (access(path, R_OK))
				continue;
			if (form == 1) {
				assert_int_not_equal(cs_model_load(path, NULL, &model, &error), CS_OK);
				assert_non_null(strstr(error.message, "--arch"));
				snprintf(other, sizeof other, "%s/%.*s.arch.json", folder, (int)(end - entry->d_name),
					entry->d_name);
				options.arch = arch = read_text(other);
			}
			if (cs_model_load(path, &options, &model, &error))
				fail_msg("%s", error.message);
			snprintf(other, sizeof other, "%s/%s", folder, entry->d_name);
			assert_int_equal(cs_h5_open(other, CS_H5_READ, &reference, &error), CS_OK);
			compare_model(path, model, reference, false);
			models++;
			cs_h5_close(reference, NULL);
			cs_model_free(model);
			free(arch);
		}
	}
	closedir(dir);
	print_message("%d .keras and .weights.h5 files compared\n", models);
	assert_true(models >= 8);
}

/* Broken and hostile files, whatever is at hand: each refused in one line, quickly, or loaded with a warning. */
static void malformed_files_are_refused_in_one_line(void **state)
{
	/* These make libhdf5 1.10 itself crash: they wait for the helper process that reads untrusted files. */
	static const char *const crashing[] = {"09_btree_self_child.h5", "14_heap_size_max.h5"};
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
		if (!strcmp(entry->d_name, crashing[0]) || !strcmp(entry->d_name, crashing[1])) {
			print_message("%s is left out\n", entry->d_name);
			continue;
		}
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
		cmocka_unit_test(an_architecture_survives_its_json),
		cmocka_unit_test(a_file_keeps_every_bit_of_every_weight),
		cmocka_unit_test(wrong_architectures_are_refused_by_name),
		cmocka_unit_test(deep_and_long_architectures_end_quickly),
		cmocka_unit_test(functional_chains_are_read_in_their_own_order),
		cmocka_unit_test(graphs_that_are_no_chain_are_refused),
		cmocka_unit_test(real_keras_models_answer_as_keras_says),
		cmocka_unit_test(zips_and_weights_alone_answer_alike),
		cmocka_unit_test(malformed_files_are_refused_in_one_line),
		cmocka_unit_test(what_cannot_be_read_is_refused_in_one_line),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
