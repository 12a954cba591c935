/* Planning and running: what is kept, what is shared, what a pass may and may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/random.h"
#include "nn/kernels/kernels.h"
#include "nn/loss.h"
#include "nn/optimizer.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 6 };

static struct cs_layer_spec conv(int64_t features, int64_t kernel, enum cs_activation activation)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_conv_layer);

	spec.features = features;
	spec.kernel[0] = spec.kernel[1] = kernel;
	spec.activation = activation;
	return spec;
}

static struct cs_layer_spec dense(int64_t units, enum cs_activation activation)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_dense_layer);

	spec.features = units;
	spec.activation = activation;
	return spec;
}

static struct cs_layer_spec activation(enum cs_activation kind)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_activation_layer);

	spec.activation = kind;
	return spec;
}

static struct cs_layer_spec plain(const struct cs_layer_ops *ops)
{
	return cs_layer_spec_default(ops);
}

static struct cs_network *build(struct cs_shape input, const struct cs_layer_spec *specs, int count)
{
	struct cs_network *network = NULL;
	struct cs_error error = {0};

	if (cs_network_new(input, specs, count, 3, &network, &error))
		fail_msg("%s", error.message);
	return network;
}

/* A bit of everything: layers in place, views, batch norm, dropout, padding, pools. */
static struct cs_network *mixed_network(void)
{
	struct cs_layer_spec rescale = plain(&cs_rescale_layer), pad = plain(&cs_zeropad_layer);

	rescale.factor = 0.5f;
	rescale.offset = 0.25f;
	for (int side = 0; side < 4; side++)
		pad.border[side] = side;
	return build(CS_SHAPE(13, 11, 3),
		(struct cs_layer_spec[]){rescale, conv(24, 3, CS_RELU), plain(&cs_maxpool_layer), pad,
			conv(17, 3, CS_LINEAR), plain(&cs_batchnorm_layer), activation(CS_LEAKY_RELU),
			plain(&cs_avgpool_layer), plain(&cs_dropout_layer), plain(&cs_flatten_layer),
			dense(33, CS_TANH), plain(&cs_batchnorm_layer), plain(&cs_dropout_layer), dense(7, CS_LINEAR),
			activation(CS_SOFTMAX)},
		15);
}

static struct cs_trace *trace_of(
	const struct cs_network *network, enum cs_trace_kind kind, int capacity, struct cs_workers *workers)
{
	struct cs_trace *trace = NULL;
	struct cs_error error = {0};

	if (cs_trace_new(network, kind, capacity, workers, &trace, &error))
		fail_msg("%s", error.message);
	return trace;
}

static struct cs_tensor images_for(const struct cs_network *network, int count, uint64_t seed)
{
	struct cs_shape shape = {.rank = network->input.rank + 1, .dim = {count}};
	struct cs_tensor images;
	struct cs_random random;

	memcpy(shape.dim + 1, network->input.dim, (size_t)network->input.rank * sizeof *shape.dim);
	assert_int_equal(cs_tensor_init(&images, shape, NULL), CS_OK);
	cs_random_init(&random, seed, CS_RANDOM_USER, 0, 0);
	for (int64_t k = 0; k < cs_tensor_count(&images); k++)
		images.data[k] = cs_random_between(&random, -1, 1);
	return images;
}

static size_t out_bytes(const struct cs_network *network, int layer, int count)
{
	return (size_t)(count * cs_shape_count(&network->layers[layer].out)) * sizeof(float);
}

static void all_kinds_of_trace_give_the_same_output(void **state)
{
	struct cs_network *network = mixed_network();
	struct cs_tensor images = images_for(network, CAPACITY, 1);
	size_t input_bytes = (size_t)cs_tensor_count(&images) * sizeof(float), bytes = out_bytes(network, 14, CAPACITY);
	float *before = malloc(input_bytes);
	struct cs_trace *output = trace_of(network, CS_TRACE_OUTPUT, CAPACITY, NULL);
	struct cs_trace *all = trace_of(network, CS_TRACE_ALL, CAPACITY, NULL);
	struct cs_trace *train = trace_of(network, CS_TRACE_TRAIN, CAPACITY, NULL);

	(void)state;
	memcpy(before, images.data, input_bytes);
	cs_network_forward(output, &images);
	cs_network_forward(all, &images);
	cs_network_forward(train, &images);
	assert_memory_equal(images.data, before, input_bytes);
	assert_memory_equal(all->slots[14].out.data, output->slots[14].out.data, bytes);
	assert_memory_equal(all->slots[14].out.data, train->slots[14].out.data, bytes);
	assert_memory_equal(cs_trace_scores(all), cs_trace_scores(output), bytes);
	assert_memory_equal(cs_trace_scores(all), all->slots[13].out.data, bytes);
	for (int i = 0; i < 14; i++) {
		assert_null(output->slots[i].out.data);
		assert_non_null(all->slots[i].out.data);
		assert_int_equal(all->slots[i].out.shape.dim[0], CAPACITY);
		assert_null(all->slots[i].d_out);
		/* a training trace leaves out the maps between fused layers, and their gradients */
		assert_true(!train->slots[i].out.data == !train->slots[i].d_out);
		if (train->slots[i].out.data)
			assert_memory_equal(
				all->slots[i].out.data, train->slots[i].out.data, out_bytes(network, i, CAPACITY));
	}
	assert_non_null(all->slots[2].switches);
	assert_memory_equal(all->slots[2].switches, train->slots[2].switches,
		(size_t)CAPACITY * (size_t)cs_shape_count(&network->layers[2].out) * sizeof(cs_switch));
	assert_memory_equal(all->input.data, images.data, input_bytes);
	assert_ptr_not_equal(all->input.data, images.data);
	assert_true(output->bytes < all->bytes && all->bytes < train->bytes);
	assert_ptr_equal(all->slots[9].out.data, all->slots[8].out.data); /* flatten is a view */
	cs_trace_free(output);
	cs_trace_free(all);
	cs_trace_free(train);
	cs_tensor_fini(&images);
	cs_network_free(network);
	free(before);
}

/* A kept output may be read after the whole pass: nobody writes on it later. */
static void kept_outputs_and_gradients_do_not_overlap(void **state)
{
	struct cs_network *network = mixed_network();
	struct cs_trace *trace = trace_of(network, CS_TRACE_TRAIN, CAPACITY, NULL);

	(void)state;
	for (int i = 0; i < network->layer_count; i++) {
		const char *a = (const char *)trace->slots[i].out.data;

		if (!a)
			continue;
		assert_true(a >= trace->memory && a + out_bytes(network, i, CAPACITY) <= trace->memory + trace->bytes);
		assert_int_equal((uintptr_t)a % 64, 0);
		for (int j = 0; j < network->layer_count; j++) {
			const char *b = (const char *)trace->slots[j].out.data,
				   *d = (const char *)trace->slots[j].d_out;

			if (!b)
				continue;
			if (i != j && !(i == 8 && j == 9) && !(i == 9 && j == 8))
				assert_true(a + out_bytes(network, i, CAPACITY) <= b ||
					b + out_bytes(network, j, CAPACITY) <= a);
			assert_true(
				a + out_bytes(network, i, CAPACITY) <= d || d + out_bytes(network, j, CAPACITY) <= a);
			/* a layer reads its d_out while it writes its input's */
			if (j == i - 1 && !trace->slots[i].need.d_in_place && !trace->slots[i].need.view)
				assert_ptr_not_equal(trace->slots[i].d_out, trace->slots[j].d_out);
		}
	}
	cs_trace_free(trace);
	cs_network_free(network);
}

static void fewer_images_than_planned_give_the_same_results(void **state)
{
	struct cs_network *network = mixed_network();
	struct cs_tensor images = images_for(network, CAPACITY, 1), two = cs_tensor_slice(&images, 3, 2);
	struct cs_trace *trace = trace_of(network, CS_TRACE_ALL, CAPACITY, NULL);
	float all[CAPACITY * 7];

	(void)state;
	cs_network_forward(trace, &images);
	memcpy(all, trace->slots[14].out.data, sizeof all);
	cs_network_forward(trace, &two);
	assert_int_equal(trace->count, 2);
	assert_int_equal(trace->slots[5].out.shape.dim[0], 2);
	for (int k = 0; k < 14; k++)
		assert_true(fabsf(trace->slots[14].out.data[k] - all[21 + k]) < 1e-6f);
	cs_trace_free(trace);
	cs_tensor_fini(&images);
	cs_network_free(network);
}

static void train_some(struct cs_network *network, struct cs_trace *trace, struct cs_optimizer *optimizer, int steps)
{
	int labels[CAPACITY];

	for (int step = 0; step < steps; step++) {
		struct cs_tensor images = images_for(network, CAPACITY, (uint64_t)step + 10);
		struct cs_batch batch = {.labels = labels, .count = CAPACITY};
		struct cs_error error;
		struct cs_loss loss;

		for (int i = 0; i < CAPACITY; i++)
			labels[i] = (step + i) % 7;
		cs_network_forward_training(trace, &images, 99, (uint32_t)step);
		assert_int_equal(cs_loss_cross_entropy(trace, &batch, 0.1f, &loss, &error), CS_OK);
		assert_true(isfinite(loss.sum) && loss.sum > 0);
		cs_network_backward(trace, true, NULL);
		cs_optimizer_step(optimizer, network, trace, 0.05f);
		cs_tensor_fini(&images);
	}
}

static void the_number_of_threads_changes_no_bit(void **state)
{
	struct cs_network *networks[3];
	static const int threads[3] = {1, 2, 4};

	(void)state;
	for (int n = 0; n < 3; n++) {
		struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);
		struct cs_optimizer *optimizer = NULL;
		struct cs_workers *workers = NULL;
		struct cs_trace *trace;

		spec.momentum = 0.9f;
		spec.clip_norm = 0.5f;
		spec.weight_decay = 0.01f;
		networks[n] = mixed_network();
		assert_int_equal(cs_workers_new(threads[n], &workers, NULL), CS_OK);
		trace = trace_of(networks[n], CS_TRACE_TRAIN, CAPACITY, workers);
		assert_int_equal(cs_optimizer_new(&spec, networks[n], &optimizer, NULL), CS_OK);
		train_some(networks[n], trace, optimizer, 5);
		cs_optimizer_free(optimizer);
		cs_trace_free(trace);
		cs_workers_free(workers);
	}
	for (int i = 0; i < networks[0]->layer_count; i++) {
		for (int p = 0; p < networks[0]->layers[i].param_count; p++) {
			size_t bytes = (size_t)cs_tensor_count(&networks[0]->layers[i].params[p].value) * sizeof(float);

			for (int n = 1; n < 3; n++)
				assert_memory_equal(networks[0]->layers[i].params[p].value.data,
					networks[n]->layers[i].params[p].value.data, bytes);
		}
	}
	for (int n = 0; n < 3; n++)
		cs_network_free(networks[n]);
}

static void passes_allocate_nothing(void **state)
{
	struct cs_network *network = mixed_network();
	struct cs_tensor images = images_for(network, CAPACITY, 1);
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_ADAM);
	struct cs_optimizer *optimizer = NULL;
	struct cs_workers *workers = NULL;
	int labels[CAPACITY] = {0, 1, 2, 3, 4, 5};
	struct cs_batch batch = {.labels = labels, .count = CAPACITY};
	struct cs_trace *trace, *output;
	struct cs_error error;
	struct cs_loss loss;
	void *probe;

	(void)state;
	assert_int_equal(cs_workers_new(2, &workers, NULL), CS_OK);
	spec.clip_norm = 1;
	assert_int_equal(cs_optimizer_new(&spec, network, &optimizer, NULL), CS_OK);
	trace = trace_of(network, CS_TRACE_TRAIN, CAPACITY, workers);
	output = trace_of(network, CS_TRACE_OUTPUT, CAPACITY, workers);
	/* 1000 from now on an allocation fails; if none happens in between, exactly 999 are left */
	cs_alloc_fail_after(1000);
	cs_network_forward(output, &images);
	for (uint32_t step = 0; step < 3; step++) {
		cs_network_forward_training(trace, &images, 1, step);
		assert_int_equal(cs_loss_cross_entropy(trace, &batch, 0, &loss, &error), CS_OK);
		cs_network_backward(trace, true, NULL);
		cs_optimizer_step(optimizer, network, trace, 0.01f);
	}
	for (int i = 0; i < 999; i++) {
		probe = cs_alloc(1);
		assert_non_null(probe);
		cs_free(probe);
	}
	probe = cs_alloc(1);
	cs_alloc_fail_after(0);
	assert_null(probe);
	cs_optimizer_free(optimizer);
	cs_trace_free(trace);
	cs_trace_free(output);
	cs_workers_free(workers);
	cs_tensor_fini(&images);
	cs_network_free(network);
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
	struct cs_network *network = mixed_network();

	(void)state;
	for (int kind = CS_TRACE_OUTPUT; kind <= CS_TRACE_TRAIN; kind++) {
		long n = 1;

		for (;; n++) {
			struct cs_trace *trace = NULL;
			struct cs_error error = {0};
			enum cs_status status;

			cs_alloc_fail_after(n);
			status = cs_trace_new(network, (enum cs_trace_kind)kind, CAPACITY, NULL, &trace, &error);
			cs_alloc_fail_after(0);
			cs_trace_free(trace);
			if (!status)
				break;
			assert_int_equal(status, CS_ERR_MEMORY);
			assert_non_null(strstr(error.message, "memory"));
			assert_null(trace);
		}
		assert_int_equal(n, 7); /* plan, steps, places, trace, slots, the block; the seventh never comes */
	}
	cs_network_free(network);
}

static void absurd_batches_are_refused(void **state)
{
	struct cs_network *network = build(
		CS_SHAPE(1024, 1024, 3), (struct cs_layer_spec[]){conv(512, 3, CS_RELU), plain(&cs_maxpool_layer)}, 2);
	struct cs_trace *trace = NULL;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_trace_new(network, CS_TRACE_TRAIN, 0, NULL, &trace, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_trace_new(network, CS_TRACE_TRAIN, INT32_MAX, NULL, &trace, &error), CS_ERR_MEMORY);
	assert_non_null(strstr(error.message, "use a smaller batch"));
	assert_null(trace);
	assert_true(cs_trace_bytes(network, CS_TRACE_TRAIN, INT32_MAX, 1) > (size_t)1 << 50);
	cs_network_free(network);
}

static void training_the_seed_network_fits_in_its_budget(void **state)
{
	struct cs_layer_spec pool3 = plain(&cs_maxpool_layer), pool2 = plain(&cs_maxpool_layer);
	struct cs_network *network;
	size_t bytes, weights;

	(void)state;
	pool3.window[0] = pool3.window[1] = 3;
	network = build(CS_SHAPE(64, 64, 3),
		(struct cs_layer_spec[]){conv(512, 5, CS_RELU), pool3, conv(256, 3, CS_RELU), pool2,
			plain(&cs_dropout_layer), conv(128, 3, CS_RELU), pool2, plain(&cs_flatten_layer),
			dense(200, CS_SOFTMAX)},
		9);
	bytes = cs_trace_bytes(network, CS_TRACE_TRAIN, 32, 2);
	weights = (size_t)cs_network_params(network) * sizeof(float);
	print_message(
		"training trace %.1f MB, weights and momentum %.1f MB\n", (double)bytes / 1e6, 2e-6 * (double)weights);
	/* convolution and pool run as one, and conv1's map is nowhere whole */
	assert_true(bytes + 2 * weights < 300000000);
	cs_network_free(network);
}

/* Fill with a pattern no pass would leave. */
static void mark(float *data, int64_t n)
{
	for (int64_t k = 0; k < n; k++)
		data[k] = -12345.5f;
}

static bool marked(const float *data, int64_t n)
{
	for (int64_t k = 0; k < n; k++) {
		if (data[k] != -12345.5f)
			return false;
	}
	return true;
}

static void backward_stops_below_the_deepest_layer_that_learns(void **state)
{
	struct cs_network *network = build(CS_SHAPE(9, 9, 3),
		(struct cs_layer_spec[]){conv(4, 3, CS_TANH), conv(5, 3, CS_TANH), plain(&cs_flatten_layer),
			dense(6, CS_LINEAR), dense(3, CS_SOFTMAX)},
		5);
	struct cs_trace *trace = trace_of(network, CS_TRACE_TRAIN, 2, NULL);
	struct cs_tensor images = images_for(network, 2, 1), d_input = images_for(network, 2, 2);
	int labels[] = {0, 2};
	struct cs_batch batch = {.labels = labels, .count = 2};
	struct cs_loss loss;
	float *kernels[5], whole[5 * 5 * 5 * 6];

	(void)state;
	for (int i = 0; i < 5; i++)
		kernels[i] = trace->slots[i].d_params[0];
	cs_network_forward_training(trace, &images, 1, 1);
	assert_int_equal(cs_loss_cross_entropy(trace, &batch, 0, &loss, NULL), CS_OK);
	cs_network_backward(trace, true, NULL);
	memcpy(whole, kernels[3], sizeof whole);

	network->layers[0].frozen = network->layers[1].frozen = network->layers[4].frozen = true;
	mark(kernels[0], 9 * 3 * 4);
	mark(kernels[1], 9 * 4 * 5);
	mark(kernels[4], 18);
	mark(kernels[3], 125 * 6);
	mark(d_input.data, cs_tensor_count(&d_input));
	mark(trace->slots[2].d_out, 2 * 125); /* what the dense layer's input would get */
	assert_int_equal(cs_loss_cross_entropy(trace, &batch, 0, &loss, NULL), CS_OK);
	cs_network_backward(trace, true, NULL);
	assert_true(marked(kernels[0], 9 * 3 * 4) && marked(kernels[1], 9 * 4 * 5) && marked(kernels[4], 18));
	assert_true(marked(trace->slots[2].d_out + 2 * 3, 2 * 125 - 2 * 3)); /* the start is the last layer's as well */
	assert_memory_equal(whole, kernels[3], sizeof whole);

	/* asked for the input's gradient it goes all the way, still without touching what is frozen */
	assert_int_equal(cs_loss_cross_entropy(trace, &batch, 0, &loss, NULL), CS_OK);
	cs_network_backward(trace, true, d_input.data);
	assert_true(marked(kernels[0], 9 * 3 * 4) && marked(kernels[1], 9 * 4 * 5));
	assert_memory_equal(whole, kernels[3], sizeof whole);
	for (int64_t k = 0; k < cs_tensor_count(&d_input); k++)
		assert_true(d_input.data[k] != -12345.5f);

	/* nothing learns: nothing happens */
	network->layers[3].frozen = true;
	mark(kernels[3], 125 * 6);
	cs_network_backward(trace, true, NULL);
	assert_true(marked(kernels[3], 125 * 6));
	cs_trace_free(trace);
	cs_tensor_fini(&images);
	cs_tensor_fini(&d_input);
	cs_network_free(network);
}

static void scores_are_what_the_softmax_was_given(void **state)
{
	const struct {
		struct cs_layer_spec specs[3];
		int count;
		bool probabilities;
	} cases[] = {
		{{plain(&cs_flatten_layer), dense(5, CS_SOFTMAX)}, 2, true},
		{{plain(&cs_flatten_layer), dense(5, CS_LINEAR), activation(CS_SOFTMAX)}, 3, true},
		{{conv(5, 3, CS_SOFTMAX), plain(&cs_flatten_layer)}, 2, true},
		{{plain(&cs_flatten_layer), dense(5, CS_LINEAR)}, 2, false},
		{{plain(&cs_flatten_layer), dense(5, CS_SIGMOID)}, 2, false},
	};

	(void)state;
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		for (int kind = CS_TRACE_OUTPUT; kind <= CS_TRACE_TRAIN; kind++) {
			struct cs_network *network = build(CS_SHAPE(3, 3, 2), cases[c].specs, cases[c].count);
			struct cs_trace *trace = trace_of(network, (enum cs_trace_kind)kind, 4, NULL);
			struct cs_tensor images = images_for(network, 3, 1);
			const float *scores, *probabilities;

			cs_network_forward(trace, &images);
			scores = cs_trace_scores(trace);
			probabilities = cs_trace_probabilities(trace);
			assert_non_null(scores);
			assert_int_equal(probabilities != NULL, cases[c].probabilities);
			if (!probabilities)
				assert_ptr_equal(scores, trace->slots[cases[c].count - 1].out.data);
			for (int row = 0; probabilities && row < 3; row++) {
				double sum = 0;

				for (int k = 0; k < 5; k++)
					sum += exp((double)scores[row * 5 + k]);
				for (int k = 0; k < 5; k++)
					assert_true(fabs(exp((double)scores[row * 5 + k]) / sum -
							    (double)probabilities[row * 5 + k]) < 1e-6);
			}
			cs_trace_free(trace);
			cs_tensor_fini(&images);
			cs_network_free(network);
		}
	}
}

static void dropout_drops_its_share_and_keeps_the_mean(void **state)
{
	static const float rates[] = {0, 0.1f, 0.5f, 0.9f};

	(void)state;
	for (int r = 0; r < 4; r++) {
		struct cs_layer_spec spec = plain(&cs_dropout_layer);
		struct cs_network *network;
		struct cs_trace *trace;
		struct cs_tensor images;
		double dropped = 0, sum = 0;
		int64_t n = 4 * 99 * 101;

		spec.rate = rates[r];
		network = build(CS_SHAPE(99, 101, 1), &spec, 1);
		trace = trace_of(network, CS_TRACE_TRAIN, 4, NULL);
		images = images_for(network, 4, 1);
		for (int64_t k = 0; k < n; k++)
			images.data[k] = 1;
		cs_network_forward_training(trace, &images, 1, 1);
		for (int64_t k = 0; k < n; k++) {
			float y = trace->slots[0].out.data[k];

			assert_true(y == 0 || fabsf(y - 1 / (1 - rates[r])) < 1e-6f * y);
			dropped += y == 0;
			sum += (double)y;
		}
		/* five standard deviations of the binomial */
		assert_true(fabs(dropped / (double)n - (double)rates[r]) < 5 * sqrt(0.25 / (double)n));
		assert_true(fabs(sum / (double)n - 1) < 5 * 10 * sqrt(0.25 / (double)n));
		cs_network_forward(trace, &images); /* off in inference */
		assert_memory_equal(trace->slots[0].out.data, images.data, (size_t)n * sizeof(float));
		cs_trace_free(trace);
		cs_tensor_fini(&images);
		cs_network_free(network);
	}
}

static void dropout_masks_depend_on_seed_step_layer_and_image_alone(void **state)
{
	struct cs_network *network = build(
		CS_SHAPE(8, 8, 4), (struct cs_layer_spec[]){plain(&cs_dropout_layer), plain(&cs_dropout_layer)}, 2);
	struct cs_trace *trace = trace_of(network, CS_TRACE_TRAIN, 3, NULL);
	struct cs_tensor images = images_for(network, 3, 1), two = cs_tensor_slice(&images, 0, 2);
	unsigned char first[2 * 256], *mask = trace->slots[0].aux;

	(void)state;
	cs_network_forward_training(trace, &images, 1, 1);
	memcpy(first, mask, sizeof first);
	assert_memory_not_equal(mask, mask + 256, 256); /* images */
	assert_memory_not_equal(mask, trace->slots[1].aux, 256); /* layers */
	cs_network_forward_training(trace, &images, 1, 2); /* steps */
	assert_memory_not_equal(mask, first, 256);
	cs_network_forward_training(trace, &images, 2, 1); /* seeds */
	assert_memory_not_equal(mask, first, 256);
	cs_network_forward_training(trace, &two, 1, 1); /* not on how many there are */
	assert_memory_equal(mask, first, sizeof first);
	cs_trace_free(trace);
	cs_tensor_fini(&images);
	cs_network_free(network);
}

static void batch_norm_normalises_and_remembers(void **state)
{
	struct cs_layer_spec norm = plain(&cs_batchnorm_layer);
	struct cs_network *network;
	struct cs_trace *trace;
	struct cs_tensor images;
	const float *out;
	float *mean, *variance;
	const int rows = 5 * 30 * 20;

	(void)state;
	norm.momentum = 0.75f;
	norm.epsilon = 1e-5f;
	network = build(CS_SHAPE(30, 20, 3), &norm, 1);
	trace = trace_of(network, CS_TRACE_TRAIN, 5, NULL);
	images = images_for(network, 5, 1);
	for (int k = 0; k < rows * 3; k++)
		images.data[k] = images.data[k] * (float)(k % 3 + 1) + 1000.0f * (float)(k % 3); /* means far from 0 */
	cs_network_forward_training(trace, &images, 1, 1);
	cs_trace_update(trace, network);
	mean = cs_layer_param(&network->layers[0], "moving_mean")->value.data;
	variance = cs_layer_param(&network->layers[0], "moving_variance")->value.data;
	out = trace->slots[0].out.data;
	for (int c = 0; c < 3; c++) {
		double sum = 0, squares = 0, m = 0, v = 0;

		for (int r = 0; r < rows; r++)
			m += (double)images.data[r * 3 + c] / rows;
		for (int r = 0; r < rows; r++)
			v += pow((double)images.data[r * 3 + c] - m, 2) / rows;
		for (int r = 0; r < rows; r++) {
			sum += (double)out[r * 3 + c];
			squares += (double)out[r * 3 + c] * (double)out[r * 3 + c];
		}
		assert_true(fabs(sum / rows) < 1e-4);
		assert_true(fabs(squares / rows - v / (v + 1e-5)) < 1e-4);
		assert_true(fabs((double)mean[c] - 0.25 * m) < 1e-6 * (1 + m));
		assert_true(fabs((double)variance[c] - (0.75 + 0.25 * v)) < 1e-5);
	}
	/* inference uses them; a frozen layer uses them in training too, and leaves them alone */
	cs_network_forward(trace, &images);
	assert_true(fabs((double)out[4] -
			    ((double)images.data[4] - (double)mean[1]) / sqrt((double)variance[1] + 1e-5)) < 1e-2);
	{
		float inference = out[4], was = mean[1];

		network->layers[0].frozen = true;
		cs_network_forward_training(trace, &images, 1, 1);
		cs_trace_update(trace, network);
		assert_true(out[4] == inference && mean[1] == was);
	}
	cs_trace_free(trace);
	cs_tensor_fini(&images);
	cs_network_free(network);
}

static void *forward_often(void *argument)
{
	struct cs_trace *trace = argument;
	struct cs_tensor images = images_for(trace->network, 2, 1);

	for (int i = 0; i < 20; i++)
		cs_network_forward(trace, &images);
	cs_tensor_fini(&images);
	return NULL;
}

static void two_traces_of_one_network_run_side_by_side(void **state)
{
	struct cs_network *network = mixed_network();
	struct cs_trace *a = trace_of(network, CS_TRACE_ALL, 2, NULL), *b = trace_of(network, CS_TRACE_TRAIN, 2, NULL);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, forward_often, a), 0);
	forward_often(b);
	pthread_join(thread, NULL);
	assert_memory_equal(a->slots[14].out.data, b->slots[14].out.data, out_bytes(network, 14, 2));
	cs_trace_free(a);
	cs_trace_free(b);
	cs_network_free(network);
}

static void a_flatten_may_come_first(void **state)
{
	struct cs_network *network =
		build(CS_SHAPE(3, 3, 2), (struct cs_layer_spec[]){plain(&cs_flatten_layer), activation(CS_RELU)}, 2);
	struct cs_tensor images = images_for(network, 2, 1);

	(void)state;
	for (int kind = CS_TRACE_OUTPUT; kind <= CS_TRACE_TRAIN; kind++) {
		struct cs_trace *trace = trace_of(network, (enum cs_trace_kind)kind, 2, NULL);

		cs_network_forward(trace, &images);
		for (int k = 0; k < 36; k++)
			assert_true(trace->slots[1].out.data[k] == (images.data[k] > 0 ? images.data[k] : 0));
		cs_trace_free(trace);
	}
	cs_tensor_fini(&images);
	cs_network_free(network);
}

/* Everything together: random pictures with random labels are learnt by heart. */
static void a_network_learns_a_few_pictures_by_heart(void **state)
{
	(void)state;
	for (int kind = CS_SGD; kind <= CS_ADAM; kind++) {
		struct cs_layer_spec same = conv(8, 3, CS_LINEAR);
		struct cs_optimizer_spec spec = cs_optimizer_default((enum cs_optimizer_kind)kind);
		struct cs_optimizer *optimizer = NULL;
		int labels[CAPACITY] = {0, 1, 2, 2, 1, 0};
		struct cs_batch batch = {.labels = labels, .count = CAPACITY};
		struct cs_network *network;
		struct cs_tensor images;
		struct cs_trace *trace;
		struct cs_loss loss;
		double first = 0;

		same.padding = CS_PADDING_SAME;
		network = build(CS_SHAPE(10, 10, 2),
			(struct cs_layer_spec[]){same, plain(&cs_batchnorm_layer), activation(CS_RELU),
				plain(&cs_maxpool_layer), conv(8, 3, CS_RELU), plain(&cs_flatten_layer),
				plain(&cs_dropout_layer), dense(3, CS_SOFTMAX)},
			8);
		network->layers[6].spec.rate = 0.2f;
		images = images_for(network, CAPACITY, 4);
		trace = trace_of(network, CS_TRACE_TRAIN, CAPACITY, NULL);
		spec.momentum = 0.9f;
		assert_int_equal(cs_optimizer_new(&spec, network, &optimizer, NULL), CS_OK);
		for (uint32_t step = 0; step < 300; step++) {
			cs_network_forward_training(trace, &images, 1, step);
			assert_int_equal(cs_loss_cross_entropy(trace, &batch, 0, &loss, NULL), CS_OK);
			first = step ? first : loss.sum;
			cs_network_backward(trace, true, NULL);
			cs_optimizer_step(optimizer, network, trace, 0.01f);
		}
		cs_network_forward(trace, &images); /* moving statistics have followed */
		assert_int_equal(cs_loss_cross_entropy(trace, &batch, 0, &loss, NULL), CS_OK);
		assert_int_equal(loss.correct, CAPACITY);
		assert_true(loss.sum < 0.05 * first);
		cs_optimizer_free(optimizer);
		cs_trace_free(trace);
		cs_tensor_fini(&images);
		cs_network_free(network);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_of_trace_give_the_same_output),
		cmocka_unit_test(kept_outputs_and_gradients_do_not_overlap),
		cmocka_unit_test(fewer_images_than_planned_give_the_same_results),
		cmocka_unit_test(the_number_of_threads_changes_no_bit),
		cmocka_unit_test(passes_allocate_nothing),
		cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
		cmocka_unit_test(absurd_batches_are_refused),
		cmocka_unit_test(training_the_seed_network_fits_in_its_budget),
		cmocka_unit_test(backward_stops_below_the_deepest_layer_that_learns),
		cmocka_unit_test(scores_are_what_the_softmax_was_given),
		cmocka_unit_test(dropout_drops_its_share_and_keeps_the_mean),
		cmocka_unit_test(dropout_masks_depend_on_seed_step_layer_and_image_alone),
		cmocka_unit_test(batch_norm_normalises_and_remembers),
		cmocka_unit_test(two_traces_of_one_network_run_side_by_side),
		cmocka_unit_test(a_flatten_may_come_first),
		cmocka_unit_test(a_network_learns_a_few_pictures_by_heart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
