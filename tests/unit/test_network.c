/* Building networks: shapes, names, errors, limits, and what is said of a network without running it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network_case.h"

#include "core/alloc.h"
#include "nn/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void expect_error(
	struct cs_shape input, const struct cs_layer_spec *specs, int count, enum cs_status status, const char *part)
{
	struct cs_network *network = NULL;
	struct cs_error error = {0};
	enum cs_status found = cs_network_new(input, specs, count, 1, &network, &error);

	if (found != status || !strstr(error.message, part))
		fail_msg("expected %s with '%s', got %s: %s", cs_status_name(status), part, cs_status_name(found),
			error.message);
	assert_int_equal(error.status, status);
	assert_null(network);
}

/* The seed network of the house plan: 64 -> 60 -> 20 -> 18 -> 9 -> 9 -> 7 -> 3 -> 1152 -> 200. */
static struct cs_network *seed_network(void)
{
	struct cs_layer_spec dropout = plain(&cs_dropout_layer);

	return build(CS_SHAPE(64, 64, 3),
		(struct cs_layer_spec[]){conv(512, 5, CS_RELU), maxpool(3), conv(256, 3, CS_RELU), maxpool(2), dropout,
			conv(128, 3, CS_RELU), maxpool(2), plain(&cs_flatten_layer), dense(200, CS_SOFTMAX)},
		9);
}

static void the_seed_network_has_its_known_sizes(void **state)
{
	static const char *const names[] = {
		"conv1", "pool1", "conv2", "pool2", "dropout1", "conv3", "pool3", "flatten1", "dense1"};
	static const char *const shapes[] = {
		"60x60x512", "20x20x512", "18x18x256", "9x9x256", "9x9x256", "7x7x128", "3x3x128", "1152", "200"};
	struct cs_network *network = seed_network();
	int64_t macs = 0;

	(void)state;
	for (int i = 0; i < network->layer_count; i++) {
		char text[CS_SHAPE_TEXT];

		assert_string_equal(network->layers[i].spec.name, names[i]);
		assert_string_equal(cs_shape_text(&network->layers[i].out, text, sizeof text), shapes[i]);
		assert_int_equal(network->layers[i].index, i);
		macs += cs_layer_macs(&network->layers[i]);
	}
	assert_int_equal(cs_layer_params(&network->layers[0]), 75 * 512 + 512);
	assert_int_equal(cs_network_params(network),
		75 * 512 + 512 + 9 * 512 * 256 + 256 + 9 * 256 * 128 + 128 + 1152 * 200 + 200);
	assert_int_equal(cs_layer_macs(&network->layers[0]), 3600 * 75 * 512);
	assert_int_equal(macs, 3600 * 75 * 512 + 324 * 4608 * 256 + 49 * 2304 * 128 + 1152 * 200);
	cs_network_free(network);
}

static void receptive_fields_follow_windows_strides_and_padding(void **state)
{
	struct cs_network *network = seed_network();
	struct cs_layer_spec same = conv(4, 3, CS_RELU), pad = plain(&cs_zeropad_layer), strided = conv(4, 5, CS_RELU);
	struct cs_field field = cs_network_field(network, 0);

	(void)state;
	assert_int_equal(field.size[0], 5);
	assert_int_equal(field.step[1], 1);
	field = cs_network_field(network, 1); /* 5 + 2 */
	assert_int_equal(field.size[0], 7);
	assert_int_equal(field.step[0], 3);
	field = cs_network_field(network, 6); /* 7 +2*3=13 +3=16 +2*6=28 +6=34 */
	assert_int_equal(field.size[0], 34);
	assert_int_equal(field.step[0], 12);
	assert_int_equal(field.start[0], 0);
	field = cs_network_field(network, 8);
	assert_int_equal(field.size[0], 64);
	assert_int_equal(field.size[1], 64);
	assert_int_equal(field.start[1], 0);
	field = cs_network_field(network, 7);
	assert_int_equal(field.size[1], 64);
	cs_network_free(network);

	same.padding = CS_PADDING_SAME;
	memcpy(pad.border, (int64_t[]){2, 0, 1, 0}, sizeof pad.border);
	strided.stride[0] = 2;
	strided.stride[1] = 3;
	network = build(
		CS_SHAPE(32, 48, 3), (struct cs_layer_spec[]){strided, pad, same, plain(&cs_global_avgpool_layer)}, 4);
	field = cs_network_field(network, 2);
	assert_int_equal(field.size[0], 5 + 2 * 2);
	assert_int_equal(field.size[1], 5 + 2 * 3);
	assert_int_equal(field.step[1], 3);
	assert_int_equal(field.start[0], -(2 + 1) * 2);
	assert_int_equal(field.start[1], -(1 + 1) * 3);
	field = cs_network_field(network, 3);
	assert_int_equal(field.size[0], 32);
	assert_int_equal(field.size[1], 48);
	cs_network_free(network);
}

static void same_padding_puts_the_odd_cell_behind(void **state)
{
	int64_t before;

	(void)state;
	assert_int_equal(cs_window_output(7, 3, 1, CS_PADDING_SAME, &before), 7);
	assert_int_equal(before, 1);
	assert_int_equal(cs_window_output(7, 4, 1, CS_PADDING_SAME, &before), 7);
	assert_int_equal(before, 1); /* 3 in all: 1 before, 2 behind */
	assert_int_equal(cs_window_output(8, 3, 2, CS_PADDING_SAME, &before), 4);
	assert_int_equal(before, 0); /* 1 in all: behind */
	assert_int_equal(cs_window_output(5, 2, 3, CS_PADDING_SAME, &before), 2);
	assert_int_equal(before, 0);
	assert_int_equal(cs_window_output(9, 2, 2, CS_PADDING_VALID, &before), 4);
	assert_int_equal(before, 0);
	assert_int_equal(cs_window_output(2, 3, 1, CS_PADDING_VALID, &before), 0);
}

static void shape_errors_name_the_layer_and_both_shapes(void **state)
{
	struct cs_layer_spec specs[] = {conv(8, 3, CS_RELU), maxpool(2), conv(8, 3, CS_RELU), conv(128, 5, CS_RELU),
		plain(&cs_flatten_layer), dense(3, CS_LINEAR)};

	(void)state;
	expect_error(CS_SHAPE(10, 10, 3), specs, 4, CS_ERR_SHAPE,
		"layer 3 (conv 5x5, 128 features, relu) needs at least 5x5 pixels, but layer 2 leaves 2x2x8");
	expect_error(
		CS_SHAPE(2, 10, 3), specs, 4, CS_ERR_SHAPE, "layer 0 (conv 3x3, 8 features, relu) needs at least 3x3");
	expect_error(CS_SHAPE(2, 10, 3), specs, 4, CS_ERR_SHAPE, "but the input is 2x10x3");
	expect_error(CS_SHAPE(10), specs, 4, CS_ERR_SHAPE, "but the input is 10");
	expect_error(CS_SHAPE(10, 10, 3), (struct cs_layer_spec[]){specs[0], specs[5]}, 2, CS_ERR_SHAPE, "flatten");
	expect_error(CS_SHAPE(10, 10, 3), (struct cs_layer_spec[]){plain(&cs_flatten_layer), plain(&cs_zeropad_layer)},
		2, CS_ERR_SHAPE,
		"layer 1 (zero padding 0) needs a map of rows x columns x channels, but layer 0 leaves 300");
	expect_error(CS_SHAPE(0, 10, 3), specs, 4, CS_ERR_SHAPE, "the network's input is 0x10x3");
	expect_error(CS_SHAPE(4, 4), specs, 4, CS_ERR_SHAPE, "the network's input is 4x4");
	expect_error(CS_SHAPE(10, 10, 3), specs, 0, CS_ERR_ARGUMENT, "a network of 0 layers");
}

static void fields_out_of_range_are_refused_with_the_layer(void **state)
{
	struct cs_layer_spec spec;

	(void)state;
	spec = plain(&cs_dropout_layer);
	spec.rate = 1;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "layer 0 (dropout 1) has a rate of 1");
	spec.rate = NAN;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "rate");
	spec = plain(&cs_batchnorm_layer);
	spec.epsilon = 0;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "epsilon");
	spec = plain(&cs_batchnorm_layer);
	spec.momentum = 1.5f;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "momentum of 1.5");
	spec = plain(&cs_zeropad_layer);
	spec.border[2] = -1;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "left border of -1");
	spec = plain(&cs_rescale_layer);
	spec.factor = INFINITY;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "factor inf");
	spec = conv(-3, 3, CS_LINEAR);
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "-3");
	spec = conv(3, 3, CS_LINEAR);
	spec.stride[0] = 0;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "stride");
	spec = conv(3, 3, CS_LEAKY_RELU);
	spec.alpha = -0.5f;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "alpha -0.5");
	spec = conv(3, 3, CS_LINEAR);
	spec.deviation = -1;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "deviation -1");
	spec.ops = NULL;
	expect_error(CS_SHAPE(4, 4, 1), &spec, 1, CS_ERR_ARGUMENT, "layer 0 has no kind");
}

/* Processor time: the machine may be busy with other tests. */
static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void absurd_sizes_are_refused_at_once(void **state)
{
	const int64_t big = 2000000000;
	struct cs_layer_spec same = conv(8, big, CS_RELU), border = plain(&cs_zeropad_layer), huge_border = border;
	struct cs_layer_spec *many = calloc(100000, sizeof *many);
	double begin = seconds();

	(void)state;
	same.padding = CS_PADDING_SAME;
	for (int side = 0; side < 4; side++) {
		border.border[side] = big;
		huge_border.border[side] = INT64_MAX;
	}
	for (int i = 0; i < 100000; i++)
		many[i] = plain(&cs_flatten_layer);
	expect_error(CS_SHAPE(big, big, 3), &same, 1, CS_ERR_SHAPE, "2000000000x2000000000x3");
	expect_error(CS_SHAPE(INT64_MAX, INT64_MAX, INT64_MAX), &same, 1, CS_ERR_SHAPE, "the network's input");
	expect_error(CS_SHAPE(8, 8, 3), &same, 1, CS_ERR_MEMORY, "layer 0 (conv 2000000000x2000000000");
	expect_error(CS_SHAPE(8, 8, 3), (struct cs_layer_spec[]){conv(INT64_MAX, 3, CS_RELU)}, 1, CS_ERR_ARGUMENT,
		"layer 0");
	expect_error(CS_SHAPE(8, 8, 3), (struct cs_layer_spec[]){conv(big, 3, CS_RELU)}, 1, CS_ERR_MEMORY,
		"kernel of 3x3x3x2000000000");
	expect_error(CS_SHAPE(40000, 40000, 1),
		(struct cs_layer_spec[]){plain(&cs_flatten_layer), dense(100000, CS_LINEAR)}, 2, CS_ERR_MEMORY,
		"layer 1 (dense, 100000 units) cannot be held");
	expect_error(CS_SHAPE(8, 8, 3), &border, 1, CS_ERR_SHAPE, "would give 4000000008x4000000008x3");
	expect_error(CS_SHAPE(8, 8, 3), &huge_border, 1, CS_ERR_ARGUMENT, "layer 0");
	expect_error(CS_SHAPE(8, 8, 3),
		&(struct cs_layer_spec){.ops = &cs_maxpool_layer, .window = {big, big}, .alpha = NAN}, 1, CS_ERR_SHAPE,
		"layer 0");
	expect_error(
		CS_SHAPE(8, 8, 3), many, 100000, CS_ERR_ARGUMENT, "a network of 100000 layers: expected 1 to 4096");
	expect_error(CS_SHAPE(30000, 30000, 2),
		(struct cs_layer_spec[]){(same.kernel[0] = same.kernel[1] = 3001, same)}, 1, CS_ERR_SHAPE,
		"would give");
	same.features = 1;
	expect_error(CS_SHAPE(30000, 30000, 1), &same, 1, CS_ERR_ARGUMENT, "multiply-accumulates");
	assert_true(seconds() - begin < 2);
	free(many);
}

static void a_deep_network_is_built_quickly(void **state)
{
	struct cs_layer_spec *specs = calloc(CS_MAX_LAYERS, sizeof *specs);
	struct cs_network *network;
	double begin = seconds();
	struct cs_field field;

	(void)state;
	for (int i = 0; i < CS_MAX_LAYERS; i++) {
		specs[i] = maxpool(2);
		specs[i].padding = CS_PADDING_SAME;
	}
	network = build(CS_SHAPE(1, 1, 1), specs, CS_MAX_LAYERS);
	assert_string_equal(network->layers[CS_MAX_LAYERS - 1].spec.name, "pool4096");
	field = cs_network_field(network, CS_MAX_LAYERS - 1); /* saturates instead of overflowing */
	assert_true(field.size[0] > 0 && field.step[0] > 0);
	assert_true(seconds() - begin < 3);
	cs_network_free(network);
	free(specs);
}

static void names_are_filled_in_and_unique(void **state)
{
	struct cs_layer_spec flatten = plain(&cs_flatten_layer);
	struct cs_network *network = build(CS_SHAPE(16, 16, 3),
		(struct cs_layer_spec[]){named(conv(2, 3, CS_RELU), "conv2"), conv(2, 3, CS_RELU), conv(2, 3, CS_RELU),
			maxpool(2), flatten, dense(4, CS_LINEAR)},
		6);
	struct cs_error error;
	int layer = -1;

	(void)state;
	assert_string_equal(network->layers[1].spec.name, "conv3"); /* the second, but conv2 is taken */
	assert_string_equal(network->layers[2].spec.name, "conv4");
	assert_string_equal(network->layers[3].spec.name, "pool1");
	assert_int_equal(cs_network_find(network, "dense1"), 5);
	assert_int_equal(cs_network_find(network, "dense"), -1);
	assert_int_equal(cs_network_find_or_fail(network, "pool1", &layer, &error), CS_OK);
	assert_int_equal(layer, 3);
	assert_int_equal(cs_network_find_or_fail(network, "conv7", &layer, &error), CS_ERR_NOT_FOUND);
	assert_string_equal(
		error.message, "no layer 'conv7': expected one of conv2, conv3, conv4, pool1, flatten1, dense1");
	assert_int_equal(layer, 3);
	cs_network_free(network);

	expect_error(CS_SHAPE(9, 9, 1), (struct cs_layer_spec[]){named(maxpool(2), "a"), named(maxpool(2), "a")}, 2,
		CS_ERR_ARGUMENT, "layers 0 and 1 are both named 'a'");
	expect_error(
		CS_SHAPE(9, 9, 1), (struct cs_layer_spec[]){named(maxpool(2), "a/b")}, 1, CS_ERR_ARGUMENT, "no slash");
	expect_error(CS_SHAPE(9, 9, 1), (struct cs_layer_spec[]){named(maxpool(2), "..")}, 1, CS_ERR_ARGUMENT, "'..'");
}

static void a_long_list_of_names_is_cut(void **state)
{
	struct cs_layer_spec specs[200];
	struct cs_network *network;
	struct cs_error error;
	int layer;

	(void)state;
	for (int i = 0; i < 200; i++)
		specs[i] = plain(&cs_dropout_layer);
	network = build(CS_SHAPE(4), specs, 200);
	assert_int_equal(cs_network_find_or_fail(network, "x", &layer, &error), CS_ERR_NOT_FOUND);
	assert_non_null(strstr(error.message, "(200 layers)"));
	cs_network_free(network);
}

static void the_end_of_a_classifier_is_found(void **state)
{
	struct cs_layer_spec flatten = plain(&cs_flatten_layer), softmax = plain(&cs_activation_layer);
	const struct {
		struct cs_layer_spec specs[3];
		int count, softmax;
	} cases[] = {
		{{flatten, dense(3, CS_SOFTMAX)}, 2, 1},
		{{flatten, dense(3, CS_LINEAR)}, 2, -1},
		{{conv(3, 4, CS_SOFTMAX), flatten}, 2, 0},
		{{conv(3, 3, CS_SOFTMAX), flatten}, 2, -1}, /* four positions, four softmaxes */
		{{conv(3, 4, CS_SOFTMAX), plain(&cs_dropout_layer)}, 2, -1},
	};
	struct cs_network *network;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		network = build(CS_SHAPE(4, 4, 2), cases[i].specs, cases[i].count);
		assert_int_equal(cs_network_softmax(network), cases[i].softmax);
		cs_network_free(network);
	}
	softmax.activation = CS_SOFTMAX;
	network = build(CS_SHAPE(5), &softmax, 1);
	assert_int_equal(cs_network_softmax(network), 0);
	cs_network_free(network);
}

static void alpha_takes_keras_default_of_its_activation(void **state)
{
	struct cs_layer_spec given = conv(2, 1, CS_LEAKY_RELU);
	struct cs_network *network;

	(void)state;
	given.alpha = 0.125f;
	network = build(CS_SHAPE(4, 4, 2),
		(struct cs_layer_spec[]){conv(2, 1, CS_LEAKY_RELU), conv(2, 1, CS_ELU), given, conv(2, 1, CS_RELU)}, 4);
	assert_true(network->layers[0].spec.alpha == 0.3f);
	assert_true(network->layers[1].spec.alpha == 1.0f);
	assert_true(network->layers[2].spec.alpha == 0.125f);
	assert_true(network->layers[3].spec.alpha == 0.0f);
	cs_network_free(network);
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
	struct cs_layer_spec specs[] = {conv(4, 3, CS_RELU), plain(&cs_batchnorm_layer), maxpool(2),
		plain(&cs_flatten_layer), dense(3, CS_SOFTMAX)};
	long n = 1;

	(void)state;
	for (;; n++) {
		struct cs_network *network = NULL, *copy = NULL;
		struct cs_error error = {0};
		enum cs_status status;

		cs_alloc_fail_after(n);
		status = cs_network_new(CS_SHAPE(9, 9, 3), specs, 5, 1, &network, &error);
		if (!status)
			status = cs_network_copy(network, &copy, &error);
		cs_alloc_fail_after(0);
		cs_network_free(network);
		cs_network_free(copy);
		if (!status)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
		assert_non_null(strstr(error.message, "memory"));
	}
	assert_true(n > 15); /* two networks of 8 parameters each */
}

static void more_than_the_machine_has_is_refused(void **state)
{
	struct cs_error error;
	size_t available = cs_memory_available();

	(void)state;
	assert_true(available > 1 << 20);
	assert_int_equal(cs_memory_check(1000, "it", &error), CS_OK);
	if (available == SIZE_MAX)
		skip();
	assert_int_equal(cs_memory_check(available * 2, "the plan", &error), CS_ERR_MEMORY);
	assert_non_null(strstr(error.message, "the plan takes "));
}

static void kinds_are_found_by_their_type(void **state)
{
	(void)state;
	for (int i = 0; cs_layer_kinds[i]; i++) {
		const struct cs_layer_ops *ops = cs_layer_kinds[i];

		assert_ptr_equal(cs_layer_kind(ops->type), ops);
		assert_true(ops->type && ops->stem && ops->keras && ops->shape && ops->plan && ops->forward &&
			ops->backward && ops->describe);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(cs_layer_kinds[j]->keras, ops->keras);
	}
	assert_null(cs_layer_kind("convolution"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_seed_network_has_its_known_sizes),
		cmocka_unit_test(receptive_fields_follow_windows_strides_and_padding),
		cmocka_unit_test(same_padding_puts_the_odd_cell_behind),
		cmocka_unit_test(shape_errors_name_the_layer_and_both_shapes),
		cmocka_unit_test(fields_out_of_range_are_refused_with_the_layer),
		cmocka_unit_test(absurd_sizes_are_refused_at_once),
		cmocka_unit_test(a_deep_network_is_built_quickly),
		cmocka_unit_test(names_are_filled_in_and_unique),
		cmocka_unit_test(a_long_list_of_names_is_cut),
		cmocka_unit_test(the_end_of_a_classifier_is_found),
		cmocka_unit_test(alpha_takes_keras_default_of_its_activation),
		cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
		cmocka_unit_test(more_than_the_machine_has_is_refused),
		cmocka_unit_test(kinds_are_found_by_their_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
