/* What passes through whole networks compute: dropout, batch norm, scores, where gradients end, and learning by heart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trace_case.h"

#include "core/alloc.h"

#include <math.h>
#include <stdlib.h>

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
		cmocka_unit_test(backward_stops_below_the_deepest_layer_that_learns),
		cmocka_unit_test(scores_are_what_the_softmax_was_given),
		cmocka_unit_test(dropout_drops_its_share_and_keeps_the_mean),
		cmocka_unit_test(dropout_masks_depend_on_seed_step_layer_and_image_alone),
		cmocka_unit_test(batch_norm_normalises_and_remembers),
		cmocka_unit_test(a_flatten_may_come_first),
		cmocka_unit_test(a_network_learns_a_few_pictures_by_heart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
