/* test_stages.c: a convolution that runs the activations, batch norms and pool behind it itself: the same bits as layer after layer,
 * whatever a trace keeps, in whatever order people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/trace.h"
#include "tests/unit/layer_case.h"

enum { MOST = 8, IMAGES = 3 };

static struct cs_network *build(struct cs_shape input, const struct cs_layer_spec *specs, int count)
{
	struct cs_network *network = NULL;
	struct cs_error error = {0};

	if (cs_network_new(input, specs, count, 3, &network, &error))
		fail_msg("%s", error.message);
	return network;
}

static struct cs_trace *trace_of(const struct cs_network *network, enum cs_trace_kind kind, struct cs_workers *workers)
{
	struct cs_trace *trace = NULL;
	struct cs_error error = {0};

	if (cs_trace_new(network, kind, IMAGES, workers, &trace, &error))
		fail_msg("%s", error.message);
	return trace;
}

/* Moving statistics that have moved, gammas of either sign and 0. */
static void fill_norms(struct cs_network *network, struct cs_random *random)
{
	for (int i = 0; i < network->layer_count; i++) {
		struct cs_layer *layer = &network->layers[i];

		for (int p = 0; layer->ops == &cs_batchnorm_layer && p < layer->param_count; p++) {
			struct cs_tensor *value = &layer->params[p].value;
			bool variance = strcmp(layer->params[p].name, "moving_variance") == 0;

			case_fill(random, value->data, cs_tensor_count(value));
			for (int64_t k = 0; variance && k < cs_tensor_count(value); k++)
				value->data[k] = 0.1f + fabsf(value->data[k]);
			if (strcmp(layer->params[p].name, "gamma") == 0)
				value->data[0] = 0;
		}
	}
}

/* Layer `i` by itself, from the trace's map before it: is what the trace holds what it gives? */
static void check_alone(const struct cs_trace *trace, int i)
{
	const struct cs_layer *layer = &trace->network->layers[i];
	const struct cs_slot *slot = &trace->slots[i];
	struct cs_need need = {.batch = IMAGES};
	struct cs_pass pass = {.count = IMAGES, .in = i ? trace->slots[i - 1].out.data : trace->input.data};
	int64_t n = IMAGES * cs_shape_count(&layer->out);

	layer->ops->plan(layer, &need);
	pass.out = case_floats(n);
	pass.aux = cs_alloc(need.aux + 1);
	pass.worker_scratch = cs_alloc(need.per_worker + 1);
	pass.shared = cs_alloc(need.shared + 1);
	pass.switches = cs_alloc(need.switches * sizeof(cs_switch) + 1);
	layer->ops->forward(layer, &pass);
	assert_memory_equal(slot->out.data, pass.out, (size_t)n * sizeof(float));
	if (slot->switches)
		assert_memory_equal(slot->switches, pass.switches, (size_t)n * sizeof(cs_switch));
	cs_free(pass.out);
	cs_free(pass.aux);
	cs_free(pass.worker_scratch);
	cs_free(pass.shared);
	cs_free(pass.switches);
}

static void check_network(struct cs_network *network, struct cs_random *random)
{
	struct cs_shape shape = {
		.rank = 4, .dim = {IMAGES, network->input.dim[0], network->input.dim[1], network->input.dim[2]}};
	struct cs_trace *all, *output, *train;
	struct cs_workers *workers = NULL;
	int last = network->layer_count - 1;
	struct cs_tensor images;
	size_t bytes;

	assert_int_equal(cs_tensor_init(&images, shape, NULL), CS_OK);
	assert_int_equal(cs_workers_new(2, &workers, NULL), CS_OK);
	case_fill(random, images.data, cs_tensor_count(&images));
	all = trace_of(network, CS_TRACE_ALL, NULL);
	output = trace_of(network, CS_TRACE_OUTPUT, workers);
	train = trace_of(network, CS_TRACE_TRAIN, workers);
	cs_network_forward(all, &images);
	cs_network_forward(output, &images);
	cs_network_forward(train, &images);
	for (int i = 0; i <= last; i++) {
		const struct cs_slot *a = &all->slots[i], *t = &train->slots[i];
		size_t n = (size_t)(IMAGES * cs_shape_count(&network->layers[i].out));

		check_alone(all, i);
		if (t->out.data)
			assert_memory_equal(a->out.data, t->out.data, n * sizeof(float));
		if (t->switches)
			assert_memory_equal(a->switches, t->switches, n * sizeof(cs_switch));
	}
	bytes = (size_t)(IMAGES * cs_shape_count(&network->layers[last].out)) * sizeof(float);
	assert_memory_equal(all->slots[last].out.data, output->slots[last].out.data, bytes);
	cs_trace_free(all);
	cs_trace_free(output);
	cs_trace_free(train);
	cs_workers_free(workers);
	cs_tensor_fini(&images);
}

static struct cs_layer_spec random_stage(struct cs_random *random)
{
	struct cs_layer_spec spec =
		cs_layer_spec_default(cs_random_below(random, 2) ? &cs_batchnorm_layer : &cs_activation_layer);

	spec.activation =
		(enum cs_activation)CASE_PICK(random, CS_RELU, CS_RELU, CS_RELU, CS_LINEAR, CS_LEAKY_RELU, CS_TANH);
	spec.centre = cs_random_below(random, 4) != 0;
	spec.scale = cs_random_below(random, 4) != 0;
	return spec;
}

static void chains_behind_a_convolution_agree_with_layer_after_layer(void **state)
{
	struct cs_random random = case_random(1);
	int gathered = 0;

	(void)state;
	for (int round = 0; round < 250; round++) {
		struct cs_layer_spec specs[MOST] = {cs_layer_spec_default(&cs_conv_layer)};
		struct cs_layer_spec *conv = &specs[0];
		int64_t kernel = CASE_PICK(&random, 1, 3, 3, 5), h = 13 + cs_random_below(&random, 20),
			w = 13 + cs_random_below(&random, 20);
		int count = 1, stages = (int)cs_random_below(&random, 5);
		struct cs_network *network;
		struct cs_trace *trace;

		conv->features = CASE_PICK(&random, 1, 5, 16, 17, 33, 40);
		conv->kernel[0] = conv->kernel[1] = kernel;
		conv->stride[0] = conv->stride[1] = CASE_PICK(&random, 1, 1, 1, 2);
		conv->padding = cs_random_below(&random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
		conv->activation = (enum cs_activation)CASE_PICK(&random, CS_LINEAR, CS_LINEAR, CS_RELU, CS_ELU);
		conv->bias = cs_random_below(&random, 4) != 0;
		while (count <= stages)
			specs[count++] = random_stage(&random);
		if (cs_random_below(&random, 4)) {
			specs[count] = cs_layer_spec_default(
				cs_random_below(&random, 4) ? &cs_maxpool_layer : &cs_avgpool_layer);
			specs[count].window[0] = specs[count].window[1] = CASE_PICK(&random, 2, 3, 3);
			specs[count].padding = cs_random_below(&random, 3) ? CS_PADDING_VALID : CS_PADDING_SAME;
			count++;
		}
		if (cs_random_below(&random, 2))
			specs[count++] = random_stage(&random);
		network = build(CS_SHAPE(h, w, CASE_PICK(&random, 1, 3, 16, 20)), specs, count);
		fill_norms(network, &random);
		trace = trace_of(network, CS_TRACE_OUTPUT, NULL);
		for (int i = 1; i < count; i++)
			gathered += strcmp(trace->slots[i].need.algorithm, "fused") == 0;
		cs_trace_free(trace);
		check_network(network, &random);
		cs_network_free(network);
	}
	print_message("%d layers were run by the convolution before them\n", gathered);
	assert_true(gathered > 100);
}

/* Sizes that reach bands of rows and pooling straight from the products. */
static void large_maps_agree_with_layer_after_layer(void **state)
{
	struct cs_random random = case_random(2);

	(void)state;
	for (int kernel = 3; kernel <= 5; kernel += 2) {
		struct cs_layer_spec specs[] = {cs_layer_spec_default(&cs_conv_layer),
			cs_layer_spec_default(&cs_batchnorm_layer), cs_layer_spec_default(&cs_activation_layer),
			cs_layer_spec_default(&cs_maxpool_layer)};
		struct cs_network *network;

		specs[0].features = 70;
		specs[0].kernel[0] = specs[0].kernel[1] = kernel;
		specs[2].activation = CS_RELU;
		specs[3].window[0] = specs[3].window[1] = specs[3].stride[0] = specs[3].stride[1] = 3;
		network = build(CS_SHAPE(64, 64, kernel == 3 ? 32 : 3), specs, 4);
		fill_norms(network, &random);
		check_network(network, &random);
		cs_network_free(network);
	}
}

/* A network's chain with a layer that does nothing between any two, which nobody runs with another. */
static int apart(const struct cs_layer_spec *specs, int count, struct cs_layer_spec *out)
{
	int n = 0;

	for (int i = 0; i < count; i++) {
		out[n++] = specs[i];
		out[n] = cs_layer_spec_default(&cs_rescale_layer);
		out[n].factor = 1;
		out[n++].offset = 0;
	}
	return n;
}

/* One step there and back; d_input[IMAGES, input]. */
static struct cs_trace *step_of(struct cs_network *network, const struct cs_tensor *images, const float *d_out,
	bool training, struct cs_workers *workers, float *d_input)
{
	struct cs_trace *trace = trace_of(network, CS_TRACE_TRAIN, workers);
	int last = network->layer_count - 1;

	if (training)
		cs_network_forward_training(trace, images, 1, 1);
	else
		cs_network_forward(trace, images);
	memcpy(trace->slots[last].d_out, d_out,
		(size_t)(IMAGES * cs_shape_count(&network->layers[last].out)) * sizeof *d_out);
	cs_network_backward(trace, false, d_input);
	return trace;
}

/* A batch norm takes a constant away again: the gradient of a shift before it is what rounding leaves, and compared with nothing. */
static void compare_floats(const char *what, const float *found, const float *expected, int64_t n)
{
	double *wide = malloc((size_t)n * sizeof *wide), largest = 0;

	for (int64_t i = 0; i < n; i++) {
		wide[i] = (double)expected[i];
		largest = fabs(wide[i]) > largest ? fabs(wide[i]) : largest;
		assert_true(isfinite(found[i]));
	}
	if (largest > 1e-3)
		case_compare(what, found, wide, n, 2e-5);
	free(wide);
}

static void check_training(const struct cs_layer_spec *specs, int count, struct cs_shape in, bool training, bool frozen,
	struct cs_random *random)
{
	struct cs_layer_spec all[2 * MOST];
	struct cs_network *together = build(in, specs, count), *alone = build(in, all, apart(specs, count, all));
	struct cs_shape shape = {.rank = 4, .dim = {IMAGES, in.dim[0], in.dim[1], in.dim[2]}};
	struct cs_trace *a, *b, *c;
	struct cs_workers *workers = NULL;
	struct cs_tensor images;
	int64_t n = IMAGES * cs_shape_count(&together->layers[count - 1].out), size = IMAGES * cs_shape_count(&in);
	float *d_out = case_floats(n), *d_in[3] = {case_floats(size), case_floats(size), case_floats(size)};

	fill_norms(together, random);
	for (int i = 0; i < count; i++) {
		together->layers[i].frozen = alone->layers[2 * i].frozen =
			frozen && specs[i].ops == &cs_batchnorm_layer;
		for (int p = 0; p < together->layers[i].param_count; p++)
			memcpy(alone->layers[2 * i].params[p].value.data, together->layers[i].params[p].value.data,
				(size_t)cs_tensor_count(&together->layers[i].params[p].value) * sizeof(float));
	}
	assert_int_equal(cs_tensor_init(&images, shape, NULL), CS_OK);
	assert_int_equal(cs_workers_new(3, &workers, NULL), CS_OK);
	case_fill(random, images.data, size);
	case_fill(random, d_out, n);
	a = step_of(together, &images, d_out, training, workers, d_in[0]);
	b = step_of(alone, &images, d_out, training, NULL, d_in[1]);
	c = step_of(together, &images, d_out, training, NULL, d_in[2]);
	assert_memory_equal(a->slots[count - 1].out.data, b->slots[2 * count - 1].out.data, (size_t)n * sizeof(float));
	compare_floats("data gradient", d_in[0], d_in[1], size);
	assert_memory_equal(d_in[0], d_in[2], (size_t)size * sizeof(float));
	for (int i = 0; i < count; i++) {
		for (int p = 0; p < together->layers[i].param_count; p++) {
			const struct cs_param *param = &together->layers[i].params[p];
			int64_t numbers = cs_tensor_count(&param->value);

			if (!param->trainable || together->layers[i].frozen)
				continue;
			compare_floats(param->name, a->slots[i].d_params[p], b->slots[2 * i].d_params[p], numbers);
			assert_memory_equal(
				a->slots[i].d_params[p], c->slots[i].d_params[p], (size_t)numbers * sizeof(float));
		}
		if (specs[i].ops == &cs_batchnorm_layer)
			assert_memory_equal(a->slots[i].aux, b->slots[2 * i].aux,
				5 * (size_t)together->layers[i].in.dim[2] * sizeof(float));
	}
	cs_trace_free(a);
	cs_trace_free(b);
	cs_trace_free(c);
	cs_workers_free(workers);
	cs_tensor_fini(&images);
	for (int i = 0; i < 3; i++)
		cs_free(d_in[i]);
	cs_free(d_out);
	cs_network_free(together);
	cs_network_free(alone);
}

/* What a chain of layers learns does not depend on which of them run as one. */
static void chains_learn_as_layer_after_layer(void **state)
{
	struct cs_random random = case_random(3);

	(void)state;
	for (int round = 0; round < 150; round++) {
		struct cs_layer_spec specs[MOST] = {cs_layer_spec_default(&cs_conv_layer)};
		int64_t h = 22 + cs_random_below(&random, 12), w = 22 + cs_random_below(&random, 12);
		int count = 1;

		specs[0].features = CASE_PICK(&random, 1, 5, 16, 17, 33, 40);
		specs[0].kernel[0] = specs[0].kernel[1] = CASE_PICK(&random, 1, 3, 3, 5);
		specs[0].padding = cs_random_below(&random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
		specs[0].activation = cs_random_below(&random, 4) ? CS_LINEAR : CS_RELU;
		for (int i = 0; i < 2; i++) {
			if (cs_random_below(&random, 5))
				specs[count++] = cs_layer_spec_default(&cs_batchnorm_layer);
			if (cs_random_below(&random, 4)) {
				specs[count] = cs_layer_spec_default(&cs_activation_layer);
				specs[count++].activation = (enum cs_activation)CASE_PICK(
					&random, CS_RELU, CS_RELU, CS_RELU, CS_TANH, CS_LEAKY_RELU);
			}
			if (i || cs_random_below(&random, 2)) {
				specs[count] = cs_layer_spec_default(
					cs_random_below(&random, 4) ? &cs_maxpool_layer : &cs_avgpool_layer);
				specs[count].window[0] = specs[count].window[1] = CASE_PICK(&random, 2, 3);
				specs[count].stride[0] = CASE_PICK(&random, 0, 0, 1, 2);
				specs[count].stride[1] = CASE_PICK(&random, 0, 0, 2, 3);
				specs[count++].padding =
					cs_random_below(&random, 3) ? CS_PADDING_VALID : CS_PADDING_SAME;
			}
		}
		check_training(specs, count, CS_SHAPE(h, w, CASE_PICK(&random, 1, 3, 16, 20)),
			cs_random_below(&random, 4) != 0, cs_random_below(&random, 5) == 0, &random);
	}
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_behind_a_convolution_agree_with_layer_after_layer),
		cmocka_unit_test(large_maps_agree_with_layer_after_layer),
		cmocka_unit_test(chains_learn_as_layer_after_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return case_every_isa(run);
}
