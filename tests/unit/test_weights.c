/* The weights of a new network: what they are drawn from, what they depend on, and whether training could change them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network_case.h"

#include "nn/initialise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Mean and deviation of a parameter's numbers. */
static void moments(const struct cs_tensor *tensor, double *mean, double *deviation)
{
	int64_t n = cs_tensor_count(tensor);
	double sum = 0, squares = 0;

	for (int64_t i = 0; i < n; i++)
		sum += (double)tensor->data[i];
	*mean = sum / (double)n;
	for (int64_t i = 0; i < n; i++)
		squares += pow((double)tensor->data[i] - *mean, 2);
	*deviation = sqrt(squares / (double)n);
}

static void initial_weights_have_their_deviation(void **state)
{
	struct cs_layer_spec conv_relu = conv(64, 5, CS_RELU), conv_tanh = conv(64, 5, CS_TANH),
			     lecun = conv(64, 5, CS_RELU);
	struct cs_layer_spec normal = conv(64, 5, CS_RELU), small = conv(64, 5, CS_RELU), zeros = conv(64, 5, CS_RELU);
	struct cs_layer_spec elu = plain(&cs_activation_layer);
	const double fan = 25 * 8, out = 25 * 64;
	double mean, deviation;

	(void)state;
	lecun.initialiser = CS_INIT_LECUN;
	normal.initialiser = small.initialiser = CS_INIT_NORMAL;
	small.deviation = 0.001f;
	zeros.initialiser = CS_INIT_ZEROS;
	elu.activation = CS_ELU;
	const struct {
		struct cs_layer_spec spec, behind;
		double deviation;
	} cases[] = {
		{conv_relu, maxpool(2), sqrt(2 / fan)},
		{conv_tanh, maxpool(2), sqrt(2 / (fan + out))},
		{conv(64, 5, CS_LINEAR), maxpool(2), sqrt(2 / (fan + out))},
		{conv(64, 5, CS_LINEAR), elu, sqrt(2 / fan)}, /* the rectifier stands behind */
		{lecun, maxpool(2), sqrt(1 / fan)},
		{normal, maxpool(2), sqrt(1 / fan)},
		{small, maxpool(2), 0.001},
		{zeros, maxpool(2), 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cs_network *network =
			build(CS_SHAPE(9, 9, 8), (struct cs_layer_spec[]){cases[i].spec, cases[i].behind}, 2);

		moments(&network->layers[0].params[0].value, &mean, &deviation);
		assert_true(fabs(deviation - cases[i].deviation) <= 0.03 * cases[i].deviation);
		assert_true(fabs(mean) <= 0.05 * cases[i].deviation);
		moments(&network->layers[0].params[1].value, &mean, &deviation);
		assert_true(mean == 0 && deviation == 0);
		cs_network_free(network);
	}
}

static void batch_norm_starts_as_the_identity(void **state)
{
	struct cs_network *network = build(CS_SHAPE(4, 4, 6), (struct cs_layer_spec[]){plain(&cs_batchnorm_layer)}, 1);
	static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
	static const float starts[] = {1, 0, 0, 1};

	(void)state;
	for (int p = 0; p < 4; p++) {
		struct cs_param *param = &network->layers[0].params[p];

		assert_string_equal(param->name, names[p]);
		assert_int_equal(param->trainable, p < 2);
		assert_false(param->decays);
		for (int k = 0; k < 6; k++)
			assert_true(param->value.data[k] == starts[p]);
	}
	cs_network_free(network);
}

static void weights_depend_on_the_seed_and_the_layer_alone(void **state)
{
	struct cs_layer_spec specs[] = {conv(4, 3, CS_RELU), conv(4, 3, CS_RELU)};
	struct cs_network *a = build(CS_SHAPE(9, 9, 4), specs, 2), *b = build(CS_SHAPE(9, 9, 4), specs, 2), *c = NULL;
	size_t bytes = 9 * 4 * 4 * sizeof(float);
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_network_new(CS_SHAPE(9, 9, 4), specs, 2, 2, &c, &error), CS_OK);
	assert_memory_equal(a->layers[1].params[0].value.data, b->layers[1].params[0].value.data, bytes);
	assert_memory_not_equal(a->layers[0].params[0].value.data, a->layers[1].params[0].value.data, bytes);
	assert_memory_not_equal(a->layers[0].params[0].value.data, c->layers[0].params[0].value.data, bytes);
	cs_network_free(a);
	cs_network_free(b);
	cs_network_free(c);
}

static void a_copy_shares_nothing(void **state)
{
	struct cs_network *network = build(CS_SHAPE(9, 9, 4),
		(struct cs_layer_spec[]){named(conv(4, 3, CS_RELU), "first"), plain(&cs_batchnorm_layer), maxpool(2)},
		3);
	struct cs_network *copy = NULL;
	struct cs_error error;

	(void)state;
	snprintf(network->name, sizeof network->name, "mine");
	network->layers[0].frozen = true;
	network->layers[1].params[2].value.data[3] = 7;
	assert_int_equal(cs_network_copy(network, &copy, &error), CS_OK);
	assert_string_equal(copy->name, "mine");
	assert_string_equal(copy->layers[0].spec.name, "first");
	assert_string_equal(copy->layers[2].spec.name, "pool1");
	assert_true(copy->layers[0].frozen);
	assert_true(copy->layers[1].params[2].value.data[3] == 7);
	assert_memory_equal(copy->layers[0].params[0].value.data, network->layers[0].params[0].value.data, 36 * 4 * 4);
	assert_ptr_not_equal(copy->layers[0].params[0].value.data, network->layers[0].params[0].value.data);
	network->layers[0].params[0].value.data[0] += 1;
	assert_true(copy->layers[0].params[0].value.data[0] != network->layers[0].params[0].value.data[0]);
	cs_network_free(network);
	cs_network_free(copy);
}

static bool dead(const struct cs_layer_spec *specs, int count)
{
	struct cs_network *network = build(CS_SHAPE(12, 12, 2), specs, count);
	bool is = cs_network_is_dead(network);

	cs_network_free(network);
	return is;
}

static struct cs_layer_spec zeros(struct cs_layer_spec spec)
{
	spec.initialiser = CS_INIT_ZEROS;
	return spec;
}

static void networks_that_cannot_learn_are_recognised(void **state)
{
	struct cs_layer_spec flatten = plain(&cs_flatten_layer), relu = plain(&cs_activation_layer),
			     top = dense(3, CS_SOFTMAX);
	struct cs_layer_spec norm = plain(&cs_batchnorm_layer);

	(void)state;
	relu.activation = CS_RELU;
	assert_false(dead((struct cs_layer_spec[]){conv(4, 3, CS_RELU), flatten, top}, 3));
	assert_true(dead((struct cs_layer_spec[]){zeros(conv(4, 3, CS_RELU)), flatten, zeros(top)}, 3));
	assert_true(dead((struct cs_layer_spec[]){zeros(conv(4, 3, CS_RELU)), flatten, top}, 3));
	assert_true(dead((struct cs_layer_spec[]){zeros(conv(4, 3, CS_LINEAR)), norm, relu, flatten, top}, 5));
	assert_true(dead((struct cs_layer_spec[]){zeros(conv(4, 3, CS_TANH)), flatten, zeros(top)}, 3));
	assert_false(dead((struct cs_layer_spec[]){zeros(conv(4, 3, CS_TANH)), flatten, top}, 3));
	assert_false(
		dead((struct cs_layer_spec[]){conv(4, 3, CS_RELU), flatten, zeros(top)}, 3)); /* logistic regression */
	assert_false(dead((struct cs_layer_spec[]){zeros(conv(4, 3, CS_SIGMOID)), flatten, zeros(top)}, 3));
	assert_false(dead((struct cs_layer_spec[]){flatten, zeros(top)}, 2));
}

static void bad_numbers_are_found_in_the_first_layer_that_has_them(void **state)
{
	struct cs_network *network = build(CS_SHAPE(9, 9, 2),
		(struct cs_layer_spec[]){
			conv(4, 3, CS_RELU), maxpool(2), conv(2, 2, CS_RELU), plain(&cs_batchnorm_layer)},
		4);

	(void)state;
	assert_int_equal(cs_network_first_bad_layer(network), -1);
	network->layers[3].params[3].value.data[1] = INFINITY;
	assert_int_equal(cs_network_first_bad_layer(network), 3);
	network->layers[2].params[1].value.data[0] = NAN;
	assert_int_equal(cs_network_first_bad_layer(network), 2);
	cs_network_free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial_weights_have_their_deviation),
		cmocka_unit_test(batch_norm_starts_as_the_identity),
		cmocka_unit_test(weights_depend_on_the_seed_and_the_layer_alone),
		cmocka_unit_test(a_copy_shares_nothing),
		cmocka_unit_test(networks_that_cannot_learn_are_recognised),
		cmocka_unit_test(bad_numbers_are_found_in_the_first_layer_that_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
