/* Planning and running: what is kept, what is shared, what a pass may and may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trace_case.h"

#include "core/alloc.h"
#include "nn/kernels/kernels.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

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
		cmocka_unit_test(two_traces_of_one_network_run_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
