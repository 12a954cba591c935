/* Optimisers against steps computed by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "nn/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A dense layer 2 -> 2 with bias whose gradients the test sets itself. */
struct bench {
	struct cs_network *network;
	struct cs_trace *trace;
	struct cs_optimizer *optimizer;
	float *kernel, *bias, *d_kernel, *d_bias;
};

static void bench_init(struct bench *b, const struct cs_optimizer_spec *spec)
{
	struct cs_layer_spec layer = cs_layer_spec_default(&cs_dense_layer);
	struct cs_error error;

	layer.features = 2;
	assert_int_equal(cs_network_new(CS_SHAPE(2), &layer, 1, 1, &b->network, &error), CS_OK);
	assert_int_equal(cs_trace_new(b->network, CS_TRACE_TRAIN, 1, NULL, &b->trace, &error), CS_OK);
	assert_int_equal(cs_optimizer_new(spec, b->network, &b->optimizer, &error), CS_OK);
	b->kernel = b->network->layers[0].params[0].value.data;
	b->bias = b->network->layers[0].params[1].value.data;
	b->d_kernel = b->trace->slots[0].d_params[0];
	b->d_bias = b->trace->slots[0].d_params[1];
	memcpy(b->kernel, (float[]){1, -2, 3, 0.5f}, 4 * sizeof(float));
	memcpy(b->bias, (float[]){0.25f, -1}, 2 * sizeof(float));
	memcpy(b->d_kernel, (float[]){0.5f, 1, -2, 0}, 4 * sizeof(float));
	memcpy(b->d_bias, (float[]){4, -0.125f}, 2 * sizeof(float));
}

static void bench_fini(struct bench *b)
{
	cs_optimizer_free(b->optimizer);
	cs_trace_free(b->trace);
	cs_network_free(b->network);
}

static void expect(float found, double expected)
{
	if (!(fabs((double)found - expected) <= 2e-6 * (1 + fabs(expected))))
		fail_msg("%.9g, expected %.9g", (double)found, expected);
}

static void plain_descent_goes_against_the_gradient(void **state)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);
	struct bench b;

	(void)state;
	bench_init(&b, &spec);
	assert_int_equal(cs_optimizer_state_count(b.optimizer), 0);
	cs_optimizer_step(b.optimizer, b.network, b.trace, 0.1f);
	expect(b.kernel[0], 1 - 0.1 * 0.5);
	expect(b.kernel[1], -2 - 0.1);
	expect(b.kernel[2], 3 + 0.2);
	expect(b.kernel[3], 0.5);
	expect(b.bias[0], 0.25 - 0.4);
	expect(b.bias[1], -1 + 0.0125);
	assert_int_equal(cs_optimizer_steps(b.optimizer), 1);
	bench_fini(&b);
}

static void momentum_carries_on(void **state)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);
	struct bench b;
	double w = 1, v = 0;

	(void)state;
	spec.momentum = 0.9f;
	bench_init(&b, &spec);
	for (int step = 0; step < 4; step++) {
		float g = 0.5f - (float)step;

		b.d_kernel[0] = g;
		v = 0.9 * v - 0.1 * (double)g;
		w += v;
		cs_optimizer_step(b.optimizer, b.network, b.trace, 0.1f);
		expect(b.kernel[0], w);
	}
	bench_fini(&b);
}

static void nesterov_looks_ahead(void **state)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);
	struct bench b;
	double w = 1, v = 0;

	(void)state;
	spec.momentum = 0.9f;
	spec.nesterov = true;
	bench_init(&b, &spec);
	for (int step = 0; step < 4; step++) {
		float g = 0.5f - (float)step;

		b.d_kernel[0] = g;
		v = 0.9 * v - 0.1 * (double)g;
		w += 0.9 * v - 0.1 * (double)g;
		cs_optimizer_step(b.optimizer, b.network, b.trace, 0.1f);
		expect(b.kernel[0], w);
	}
	bench_fini(&b);
}

static void adam_corrects_its_bias(void **state)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_ADAM);
	struct bench b;
	double w = 1, m = 0, v = 0;

	(void)state;
	bench_init(&b, &spec);
	for (int step = 1; step <= 5; step++) {
		float g = 0.5f - 0.3f * (float)step;

		b.d_kernel[0] = g;
		m = 0.9 * m + 0.1 * (double)g;
		v = 0.999 * v + 0.001 * (double)g * (double)g;
		w -= 0.01 * sqrt(1 - pow(0.999, step)) / (1 - pow(0.9, step)) * m / (sqrt(v) + 1e-7);
		cs_optimizer_step(b.optimizer, b.network, b.trace, 0.01f);
		expect(b.kernel[0], w);
		if (step == 1)
			expect(b.kernel[0], 1 - 0.01); /* the first step is the rate, whatever the gradient */
	}
	bench_fini(&b);
}

static void decay_is_decoupled_and_spares_biases(void **state)
{
	(void)state;
	for (int kind = CS_SGD; kind <= CS_ADAM; kind++) {
		struct cs_optimizer_spec spec = cs_optimizer_default((enum cs_optimizer_kind)kind);
		struct bench b;

		spec.weight_decay = 0.5f;
		bench_init(&b, &spec);
		memset(b.d_kernel, 0, 4 * sizeof(float));
		memset(b.d_bias, 0, 2 * sizeof(float));
		cs_optimizer_step(b.optimizer, b.network, b.trace, 0.1f);
		expect(b.kernel[0], 1 * (1 - 0.1 * 0.5));
		expect(b.kernel[2], 3 * (1 - 0.1 * 0.5));
		expect(b.bias[0], 0.25);
		bench_fini(&b);
	}
}

static void gradients_are_clipped_together(void **state)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);
	double norm = sqrt(0.25 + 1 + 4 + 16 + 0.125 * 0.125);
	struct bench b;

	(void)state;
	spec.clip_norm = 2;
	bench_init(&b, &spec);
	cs_optimizer_step(b.optimizer, b.network, b.trace, 1);
	expect(b.kernel[1], -2 - 2 / norm);
	expect(b.bias[0], 0.25 - 4 * 2 / norm);
	bench_fini(&b);
	spec.clip_norm = 5; /* above the norm: nothing happens */
	bench_init(&b, &spec);
	cs_optimizer_step(b.optimizer, b.network, b.trace, 1);
	expect(b.kernel[1], -3);
	bench_fini(&b);
}

static void frozen_layers_stay_as_they_are(void **state)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);
	struct bench b;

	(void)state;
	spec.momentum = 0.9f;
	spec.weight_decay = 0.1f;
	spec.clip_norm = 1;
	bench_init(&b, &spec);
	b.network->layers[0].frozen = true;
	cs_optimizer_step(b.optimizer, b.network, b.trace, 1);
	assert_true(b.kernel[0] == 1 && b.kernel[2] == 3 && b.bias[0] == 0.25f);
	b.network->layers[0].frozen = false;
	cs_optimizer_step(b.optimizer, b.network, b.trace, 1);
	assert_true(b.kernel[0] != 1);
	bench_fini(&b);
}

static void state_put_back_continues_the_same_way(void **state)
{
	(void)state;
	for (int kind = CS_SGD; kind <= CS_ADAM; kind++) {
		struct cs_optimizer_spec spec = cs_optimizer_default((enum cs_optimizer_kind)kind);
		struct bench a, b;
		char name[200], other[200];

		spec.momentum = 0.9f;
		bench_init(&a, &spec);
		bench_init(&b, &spec);
		for (int step = 0; step < 3; step++)
			cs_optimizer_step(a.optimizer, a.network, a.trace, 0.01f);
		assert_int_equal(cs_optimizer_state_count(a.optimizer), kind == CS_ADAM ? 4 : 2);
		for (int i = 0; i < cs_optimizer_state_count(a.optimizer); i++) {
			struct cs_tensor *from = cs_optimizer_state(a.optimizer, i, name, sizeof name);
			struct cs_tensor *to = cs_optimizer_state(b.optimizer, i, other, sizeof other);

			assert_string_equal(name, other);
			assert_true(cs_shape_equal(&from->shape, &to->shape));
			memcpy(to->data, from->data, (size_t)cs_tensor_count(from) * sizeof(float));
		}
		cs_optimizer_set_steps(b.optimizer, cs_optimizer_steps(a.optimizer));
		memcpy(b.kernel, a.kernel, 4 * sizeof(float));
		memcpy(b.bias, a.bias, 2 * sizeof(float));
		cs_optimizer_step(a.optimizer, a.network, a.trace, 0.01f);
		cs_optimizer_step(b.optimizer, b.network, b.trace, 0.01f);
		assert_memory_equal(a.kernel, b.kernel, 4 * sizeof(float));
		assert_memory_equal(a.bias, b.bias, 2 * sizeof(float));
		cs_optimizer_state(a.optimizer, 0, name, sizeof name);
		assert_string_equal(name, "dense1/kernel/momentum");
		cs_optimizer_state(a.optimizer, 1, name, sizeof name);
		assert_string_equal(name, kind == CS_ADAM ? "dense1/kernel/velocity" : "dense1/bias/momentum");
		bench_fini(&a);
		bench_fini(&b);
	}
}

static void averages_follow_the_weights_and_can_take_their_place(void **state)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);
	double kernel = 1, average = 0;
	struct bench b;
	char name[200];

	(void)state;
	spec.average = 0.5f;
	bench_init(&b, &spec);
	cs_optimizer_exchange_average(b.optimizer, b.network); /* there is none yet */
	expect(b.kernel[0], 1);
	for (int t = 1; t <= 15; t++) {
		double decay = fmin(0.5, (t - 1) / (t + 9.0));

		cs_optimizer_step(b.optimizer, b.network, b.trace, 0.1f);
		kernel -= 0.1 * 0.5;
		average = decay * average + (1 - decay) * kernel;
		expect(b.kernel[0], kernel);
		cs_optimizer_exchange_average(b.optimizer, b.network);
		expect(b.kernel[0], average);
		cs_optimizer_exchange_average(b.optimizer, b.network);
	}
	expect(b.kernel[0], kernel);
	assert_int_equal(cs_optimizer_state_count(b.optimizer), 2);
	expect(cs_optimizer_state(b.optimizer, 0, name, sizeof name)->data[0], average);
	assert_string_equal(name, "dense1/kernel/average");
	bench_fini(&b);
}

static void frozen_layers_and_batch_statistics_are_averaged_too(void **state)
{
	struct cs_layer_spec specs[2] = {
		cs_layer_spec_default(cs_layer_kind("conv")), cs_layer_spec_default(cs_layer_kind("batchnorm"))};
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);
	struct cs_tensor in;
	struct cs_optimizer *optimizer;
	struct cs_network *network;
	struct cs_trace *trace;
	struct cs_error error;
	float weight, mean[2], before;
	char name[200];

	(void)state;
	specs[0].features = 1;
	specs[0].kernel[0] = specs[0].kernel[1] = 1;
	spec.average = 0.25f;
	spec.momentum = 0.9f;
	assert_int_equal(cs_network_new(CS_SHAPE(2, 2, 1), specs, 2, 1, &network, &error), CS_OK);
	assert_int_equal(cs_trace_new(network, CS_TRACE_TRAIN, 1, NULL, &trace, &error), CS_OK);
	assert_int_equal(cs_optimizer_new(&spec, network, &optimizer, &error), CS_OK);
	assert_int_equal(cs_tensor_init(&in, CS_SHAPE(1, 2, 2, 1), &error), CS_OK);
	memcpy(in.data, (float[]){1, 2, 3, 4}, 4 * sizeof(float));
	/* kernel, bias, gamma, beta with momentum and average; the moving mean and variance with an average */
	assert_int_equal(cs_optimizer_state_count(optimizer), 4 * 2 + 2);
	cs_optimizer_state(optimizer, 9, name, sizeof name);
	assert_non_null(strstr(name, "/average"));
	network->layers[0].frozen = true;
	weight = network->layers[0].params[0].value.data[0];
	for (int t = 0; t < 2; t++) {
		cs_network_forward_training(trace, &in, 1, (uint32_t)t);
		cs_network_backward(trace, false, NULL);
		cs_optimizer_step(optimizer, network, trace, 0.1f);
		mean[t] = network->layers[1].params[2].value.data[0];
	}
	before = mean[1];
	cs_optimizer_exchange_average(optimizer, network);
	expect(network->layers[0].params[0].value.data[0], (double)weight);
	/* a step sees the statistics that stood before it: the mean after step 1 counts 10/11 or more in the average after step 2 */
	assert_true(fabsf(network->layers[1].params[2].value.data[0]) < fabsf(before));
	assert_true(fabsf(network->layers[1].params[2].value.data[0]) > 0.5f * fabsf(mean[0]));
	cs_tensor_fini(&in);
	cs_optimizer_free(optimizer);
	cs_trace_free(trace);
	cs_network_free(network);
}

static void nonsense_is_refused_by_name(void **state)
{
	struct cs_optimizer_spec spec;
	struct cs_optimizer *optimizer = NULL;
	struct cs_error error;
	struct bench b;

	(void)state;
	spec = cs_optimizer_default(CS_SGD);
	bench_init(&b, &spec);
	spec.momentum = 1;
	assert_int_equal(cs_optimizer_new(&spec, b.network, &optimizer, &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "momentum is 1"));
	spec = cs_optimizer_default(CS_SGD);
	spec.rate = NAN;
	assert_int_equal(cs_optimizer_new(&spec, b.network, &optimizer, &error), CS_ERR_ARGUMENT);
	spec = cs_optimizer_default(CS_ADAM);
	spec.beta2 = -1;
	assert_int_equal(cs_optimizer_new(&spec, b.network, &optimizer, &error), CS_ERR_ARGUMENT);
	spec = cs_optimizer_default(CS_ADAM);
	spec.weight_decay = -1;
	assert_int_equal(cs_optimizer_new(&spec, b.network, &optimizer, &error), CS_ERR_ARGUMENT);
	assert_null(optimizer);
	bench_fini(&b);
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_ADAM);
	struct bench b;
	long n = 1;

	(void)state;
	bench_init(&b, &spec);
	for (;; n++) {
		struct cs_optimizer *optimizer = NULL;
		struct cs_error error = {0};
		enum cs_status status;

		cs_alloc_fail_after(n);
		status = cs_optimizer_new(&spec, b.network, &optimizer, &error);
		cs_alloc_fail_after(0);
		cs_optimizer_free(optimizer);
		if (!status)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
	}
	assert_int_equal(n, 9); /* the struct, three lists, two states of two parameters */
	bench_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_descent_goes_against_the_gradient),
		cmocka_unit_test(momentum_carries_on),
		cmocka_unit_test(nesterov_looks_ahead),
		cmocka_unit_test(adam_corrects_its_bias),
		cmocka_unit_test(decay_is_decoupled_and_spares_biases),
		cmocka_unit_test(gradients_are_clipped_together),
		cmocka_unit_test(frozen_layers_stay_as_they_are),
		cmocka_unit_test(state_put_back_continues_the_same_way),
		cmocka_unit_test(averages_follow_the_weights_and_can_take_their_place),
		cmocka_unit_test(frozen_layers_and_batch_statistics_are_averaged_too),
		cmocka_unit_test(nonsense_is_refused_by_name),
		cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
