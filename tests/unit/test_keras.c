/* Reading and writing networks as Keras does: the architecture's JSON, its weights, refusals. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "directory_case.h"
#include "model_case.h"

#include "core/alloc.h"
#include "core/log.h"
#include "io/h5.h"
#include "model/keras.h"
#include "model/model.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void an_architecture_survives_its_json(void **state)
{
	struct cs_network *network = case_every_kind(true), *back;
	struct cs_error error;
	char *json;

	(void)state;
	network->layers[2].frozen = true;
	assert_int_equal(cs_keras_config(network, &json, &error), CS_OK);
	assert_non_null(strstr(json, "batch_input_shape"));
	if (cs_keras_parse(json, &back, &error))
		fail_msg("%s", error.message);
	case_assert_same_layers(network, back);
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
	struct cs_network *network = case_every_kind(true), *back;
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
	case_assert_same(network, back);
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

/* What stands in files in more than one way is the same. */
static void words_for_the_same_are_read_alike(void **state)
{
	struct cs_network *network;
	struct cs_error error;

	(void)state;
	/* TensorFlow's own function keeps its own name. */
	if (cs_keras_parse(SEQUENTIAL(CONV("\"filters\": 8, \"kernel_size\": 3, \"activation\": \"softmax_v2\"")), &network, &error))
		fail_msg("%s", error.message);
	assert_int_equal(network->layers[0].spec.activation, CS_SOFTMAX);
	cs_network_free(network);
	/* Where a flatten alone says how maps are laid out, it says so for the model. */
	if (cs_keras_parse("{\"class_name\": \"Sequential\", \"config\": {\"name\": \"m\", \"layers\": ["
			   "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 3, 8, 9], \"name\": \"in\"}}, "
			   "{\"class_name\": \"BatchNormalization\", \"config\": {\"name\": \"norm\", \"axis\": 1}}, "
			   "{\"class_name\": \"Flatten\", \"config\": {\"name\": \"flat\", \"data_format\": \"channels_first\"}}]}}",
		    &network, &error))
		fail_msg("%s", error.message);
	assert_true(cs_shape_equal(&network->input, &CS_SHAPE(8, 9, 3)));
	cs_network_free(network);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_architecture_survives_its_json),
		cmocka_unit_test(a_file_keeps_every_bit_of_every_weight),
		cmocka_unit_test(words_for_the_same_are_read_alike),
		cmocka_unit_test(wrong_architectures_are_refused_by_name),
		cmocka_unit_test(deep_and_long_architectures_end_quickly),
		cmocka_unit_test(functional_chains_are_read_in_their_own_order),
		cmocka_unit_test(graphs_that_are_no_chain_are_refused),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
