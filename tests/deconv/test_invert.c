/* True inverses: what went in comes back where enough is known, and what comes back explains what came out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deconv/invert.h"
#include "nn/pool.h"
#include "tests/deconv/deconv_case.h"

#include <stdio.h>

static const struct cs_solver thorough = {.iterations = 400, .tolerance = 1e-7};

static struct cs_network *build(struct cs_shape input, const struct cs_layer_spec *specs, int count, uint64_t seed)
{
	struct cs_network *network = NULL;
	struct cs_error error;

	if (cs_network_new(input, specs, count, seed, &network, &error))
		fail_msg("%s", error.message);
	return network;
}

static double distance(const float *a, const float *b, int64_t n)
{
	double apart = 0, size = 0;

	for (int64_t i = 0; i < n; i++) {
		apart += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
		size += (double)b[i] * (double)b[i];
	}
	return sqrt(apart / size);
}

/* More features than a window has numbers: nothing is lost but by rounding, whatever the activation. */
static void wide_layers_give_back_what_went_in(void **state)
{
	static const enum cs_activation kinds[] = {CS_LINEAR, CS_LEAKY_RELU, CS_ELU, CS_SIGMOID, CS_TANH};

	(void)state;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct cs_layer_spec specs[6] = {case_conv(40, 3, kinds[k]), cs_layer_spec_default(&cs_batchnorm_layer),
			cs_layer_spec_default(&cs_dropout_layer), cs_layer_spec_default(&cs_rescale_layer),
			cs_layer_spec_default(&cs_flatten_layer), cs_layer_spec_default(&cs_dense_layer)};
		struct cs_inversion inversion;
		struct cs_solution solutions[6];
		struct cs_network *network;
		struct cs_trace *trace;
		float out[6 * 5 * 2];
		struct cs_error error;
		double apart;

		specs[0].padding = CS_PADDING_SAME;
		specs[3].factor = 0.5f;
		specs[3].offset = 0.25f;
		specs[5].features = 1300;
		specs[5].activation = kinds[k];
		network = build(CS_SHAPE(6, 5, 2), specs, 6, 3 + k);
		/* small numbers: where a sigmoid saturates float32 has nothing left to invert */
		for (int i = 0; i < network->layer_count; i++) {
			for (int p = 0; p < network->layers[i].param_count; p++) {
				struct cs_param *param = &network->layers[i].params[p];

				for (int64_t n = 0;
					strcmp(param->name, "kernel") == 0 && n < cs_tensor_count(&param->value); n++)
					param->value.data[n] *= 0.5f;
			}
		}
		trace = case_trace(network, CS_TRACE_ALL, 2, NULL, 7);
		inversion.layers = solutions;
		if (cs_invert(trace, 1, 5, &thorough, out, &inversion, NULL, &error))
			fail_msg("%s", error.message);
		apart = distance(out, trace->input.data + 60, 60);
		if (!(apart < 5e-3))
			fail_msg("%s: off by %g", cs_activation_name(kinds[k]), apart);
		assert_true(solutions[0].residual < 1e-3 && solutions[5].residual < 1e-3);
		cs_trace_free(trace);
		cs_network_free(network);
	}
}

/* Against the normal equations of a small layer, solved by elimination in double precision. */
static void the_known_outputs_alone_decide(void **state)
{
	enum { IN = 6, OUT = 9 };
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_dense_layer);
	uint8_t known[OUT] = {1, 1, 0, 1, 1, 1, 0, 1, 1};
	float z[OUT], x[IN];
	double matrix[IN][IN + 1] = {{0}};
	struct cs_random random = case_random(5);
	struct cs_solution solution;
	struct cs_network *network;
	struct cs_error error;
	const float *w;

	(void)state;
	spec.features = OUT;
	network = build(CS_SHAPE(IN), &spec, 1, 9);
	w = network->layers[0].params[0].value.data;
	case_fill(&random, z, OUT);
	for (int i = 0; i < IN; i++) {
		for (int o = 0; o < OUT; o++) {
			for (int j = 0; known[o] && j < IN; j++)
				matrix[i][j] += (double)w[i * OUT + o] * (double)w[j * OUT + o];
			matrix[i][IN] += known[o] * (double)w[i * OUT + o] * (double)z[o];
		}
	}
	for (int p = 0; p < IN; p++) {
		for (int i = 0; i < IN; i++) {
			double factor = i == p ? 0 : matrix[i][p] / matrix[p][p];

			for (int j = p; j <= IN; j++)
				matrix[i][j] -= factor * matrix[p][j];
		}
	}
	z[2] = 1e6f; /* not to be looked at */
	assert_int_equal(cs_least_squares(&network->layers[0], z, known, &thorough, NULL, x, &solution, &error), CS_OK);
	for (int i = 0; i < IN; i++)
		assert_true(fabs((double)x[i] - matrix[i][IN] / matrix[i][i]) < 1e-4);
	assert_true(solution.residual > 0 && solution.residual < 1);
	cs_network_free(network);
}

/* Fewer equations than numbers: of all inputs that explain them the smallest, which the input that was there is not. */
static void what_comes_back_explains_what_is_known(void **state)
{
	struct cs_layer_spec specs[2] = {case_conv(12, 3, CS_RELU), cs_layer_spec_default(&cs_maxpool_layer)};
	struct cs_network *network;
	struct cs_trace *trace, *again;
	struct cs_tensor picture;
	struct cs_error error;
	double asked = 0, missed = 0;
	int64_t n;

	(void)state;
	network = build(CS_SHAPE(9, 9, 3), specs, 2, 21);
	trace = case_trace(network, CS_TRACE_ALL, 1, NULL, 4);
	assert_int_equal(cs_tensor_init(&picture, CS_SHAPE(1, 9, 9, 3), &error), CS_OK);
	assert_int_equal(cs_invert(trace, 0, 1, &thorough, picture.data, NULL, NULL, &error), CS_OK);
	assert_int_equal(cs_trace_new(network, CS_TRACE_ALL, 1, NULL, &again, &error), CS_OK);
	cs_network_forward(again, &picture);
	n = cs_tensor_count(&trace->slots[0].out);
	for (int64_t i = 0; i < n; i++) {
		int64_t cell = i / 12, row = cell / 7, column = cell % 7, p;

		if (row / 2 > 2 || column / 2 > 2) /* beyond the pool */
			continue;
		p = (row / 2 * 3 + column / 2) * 12 + i % 12;
		if (cs_pool_position(&network->layers[1], row / 2, column / 2, trace->slots[1].switches[p]) != cell ||
			!(trace->slots[0].out.data[i] > 0))
			continue;
		asked += pow((double)trace->slots[0].out.data[i], 2);
		missed += pow((double)trace->slots[0].out.data[i] - (double)again->slots[0].out.data[i], 2);
	}
	assert_true(asked > 0);
	assert_true(missed < 1e-4 * asked);
	assert_true(distance(picture.data, trace->input.data, 243) > 0.05);
	cs_tensor_fini(&picture);
	cs_trace_free(again);
	cs_trace_free(trace);
	cs_network_free(network);
}

/* Against (W W^T + price) solved by elimination. */
static void damping_is_tikhonovs(void **state)
{
	enum { IN = 3 };
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_dense_layer);
	const struct cs_solver damped = {.iterations = 100, .tolerance = 1e-9, .damping = 0.2};
	float z[IN] = {1, 2, -1}, x[IN];
	double g[IN] = {0}, step[IN] = {0}, matrix[IN][IN + 1] = {{0}}, descent = 0, length = 0;
	struct cs_solution solution;
	struct cs_network *network;
	struct cs_error error;
	const float *w;

	(void)state;
	spec.features = IN;
	network = build(CS_SHAPE(IN), &spec, 1, 3);
	w = network->layers[0].params[0].value.data;
	for (int i = 0; i < IN; i++) {
		for (int o = 0; o < IN; o++)
			g[i] += (double)w[i * IN + o] * (double)z[o];
		descent += g[i] * g[i];
	}
	for (int o = 0; o < IN; o++) {
		for (int i = 0; i < IN; i++)
			step[o] += (double)w[i * IN + o] * g[i];
		length += step[o] * step[o];
	}
	for (int i = 0; i < IN; i++) {
		for (int j = 0; j < IN; j++) {
			for (int o = 0; o < IN; o++)
				matrix[i][j] += (double)w[i * IN + o] * (double)w[j * IN + o];
		}
		matrix[i][i] += 0.2 * length / descent;
		matrix[i][IN] = g[i];
	}
	for (int p = 0; p < IN; p++) {
		for (int i = 0; i < IN; i++) {
			double factor = i == p ? 0 : matrix[i][p] / matrix[p][p];

			for (int j = p; j <= IN; j++)
				matrix[i][j] -= factor * matrix[p][j];
		}
	}
	assert_int_equal(cs_least_squares(&network->layers[0], z, NULL, &damped, NULL, x, &solution, &error), CS_OK);
	for (int i = 0; i < IN; i++)
		assert_true(fabs((double)x[i] - matrix[i][IN] / matrix[i][i]) < 1e-4);
	cs_network_free(network);
}

static void averages_and_borders_are_undone(void **state)
{
	struct cs_layer_spec specs[2] = {
		cs_layer_spec_default(&cs_zeropad_layer), cs_layer_spec_default(&cs_avgpool_layer)};
	struct cs_network *network;
	struct cs_trace *trace;
	float out[36];
	struct cs_error error;

	(void)state;
	for (int side = 0; side < 4; side++)
		specs[0].border[side] = 2;
	specs[1].window[0] = specs[1].window[1] = 2;
	network = build(CS_SHAPE(6, 6, 1), specs, 2, 1);
	trace = case_trace(network, CS_TRACE_ALL, 1, NULL, 2);
	assert_int_equal(cs_invert(trace, 0, 1, &thorough, out, NULL, NULL, &error), CS_OK);
	for (int i = 0; i < 36; i++) {
		int corner = i / 12 * 12 + i % 6 / 2 * 2;
		const float *in = trace->input.data + corner;

		assert_true(fabsf(out[i] - (in[0] + in[1] + in[6] + in[7]) / 4) < 1e-6f);
	}
	cs_trace_free(trace);
	cs_network_free(network);
}

static void the_transposed_filter_is_the_zeroth_iterate(void **state)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_dense_layer);
	const struct cs_solver transposed = {0};
	float z[3] = {1, -2, 0.5f}, x[4];
	struct cs_solution solution;
	struct cs_network *network;
	struct cs_error error;

	(void)state;
	spec.features = 3;
	network = build(CS_SHAPE(4), &spec, 1, 2);
	assert_int_equal(
		cs_least_squares(&network->layers[0], z, NULL, &transposed, NULL, x, &solution, &error), CS_OK);
	for (int i = 0; i < 4; i++) {
		const float *w = network->layers[0].params[0].value.data + 3 * i;

		assert_true(fabsf(x[i] - (w[0] * z[0] + w[1] * z[1] + w[2] * z[2])) < 1e-5f);
	}
	cs_network_free(network);
}

static void what_cannot_be_inverted_is_named(void **state)
{
	struct cs_layer_spec specs[3] = {case_conv(4, 3, CS_SOFTMAX), cs_layer_spec_default(&cs_global_maxpool_layer),
		cs_layer_spec_default(&cs_rescale_layer)};
	struct cs_network *network = build(CS_SHAPE(5, 5, 3), specs, 3, 1);
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_invert_check(network, 0, &error), CS_OK); /* its own scores are there */
	assert_int_equal(cs_invert_check(network, 1, &error), CS_ERR_UNSUPPORTED);
	assert_non_null(strstr(error.message, network->layers[1].spec.name));
	assert_int_equal(cs_invert_check(network, 7, &error), CS_ERR_ARGUMENT);
	cs_network_free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wide_layers_give_back_what_went_in),
		cmocka_unit_test(the_known_outputs_alone_decide),
		cmocka_unit_test(what_comes_back_explains_what_is_known),
		cmocka_unit_test(damping_is_tikhonovs),
		cmocka_unit_test(averages_and_borders_are_undone),
		cmocka_unit_test(the_transposed_filter_is_the_zeroth_iterate),
		cmocka_unit_test(what_cannot_be_inverted_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
