/* Cross-entropy and what is counted beside it. Gradients: tests/grad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 7, ROOM = 4 };

/* A network that hands its input through: what goes in are the scores. */
struct bench {
	struct cs_network *network;
	struct cs_trace *trace;
	struct cs_tensor scores;
	struct cs_batch batch;
	int labels[ROOM];
	float targets[ROOM * CLASSES];
};

static void bench_init(struct bench *b, const float *scores, int count, enum cs_activation activation)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_activation_layer);

	*b = (struct bench){0};
	spec.activation = activation;
	assert_int_equal(cs_network_new(CS_SHAPE(CLASSES), &spec, 1, 1, &b->network, NULL), CS_OK);
	assert_int_equal(cs_trace_new(b->network, CS_TRACE_TRAIN, ROOM, NULL, &b->trace, NULL), CS_OK);
	assert_int_equal(cs_tensor_init(&b->scores, CS_SHAPE(count, CLASSES), NULL), CS_OK);
	memcpy(b->scores.data, scores, (size_t)(count * CLASSES) * sizeof *scores);
	b->batch = (struct cs_batch){.labels = b->labels, .count = count};
	cs_network_forward(b->trace, &b->scores);
}

static void bench_fini(struct bench *b)
{
	cs_tensor_fini(&b->scores);
	cs_trace_free(b->trace);
	cs_network_free(b->network);
}

static struct cs_loss loss_of(struct bench *b, float smoothing)
{
	struct cs_loss loss = {0};
	struct cs_error error = {0};

	if (cs_loss_cross_entropy(b->trace, &b->batch, smoothing, &loss, &error))
		fail_msg("%s", error.message);
	return loss;
}

static void equal_scores_cost_the_logarithm_of_the_classes(void **state)
{
	static const float scores[2 * CLASSES];
	struct bench b;
	struct cs_loss loss;

	(void)state;
	bench_init(&b, scores, 2, CS_SOFTMAX);
	b.labels[1] = 6;
	loss = loss_of(&b, 0);
	assert_true(fabs(loss.sum - 2 * log(CLASSES)) < 1e-12);
	assert_int_equal(loss.count, 2);
	loss = loss_of(&b, 0.3f);
	assert_true(fabs(loss.sum - 2 * log(CLASSES)) < 1e-6);
	bench_fini(&b);
}

static void huge_scores_neither_overflow_nor_vanish(void **state)
{
	const float scores[2 * CLASSES] = {3e38f, -3e38f, 0, 0, 0, 0, 0, 1e4f, 1e4f - 2, -1e30f, 0, 0, 0, 0};
	struct bench b;
	struct cs_loss loss;
	const float *d;

	(void)state;
	bench_init(&b, scores, 2, CS_LINEAR);
	b.labels[0] = 0;
	b.labels[1] = 1;
	loss = loss_of(&b, 0);
	assert_true(fabs(loss.sum - (2 + log1p(exp(-2)))) < 1e-9);
	assert_int_equal(loss.correct, 1);
	d = b.trace->slots[0].d_out;
	for (int k = 0; k < 2 * CLASSES; k++)
		assert_true(isfinite(d[k]));
	assert_true(fabs((double)d[8] - 0.5 * (1 / (1 + exp(2)) - 1)) < 1e-7);
	bench_fini(&b);
}

static void a_score_that_is_no_number_shows_in_the_loss(void **state)
{
	const float bad[] = {NAN, INFINITY};

	(void)state;
	for (int k = 0; k < 2; k++) {
		for (int at = 0; at < CLASSES; at++) {
			float scores[CLASSES] = {0};
			struct bench b;

			scores[at] = bad[k];
			bench_init(&b, scores, 1, CS_LINEAR);
			b.labels[0] = 2;
			assert_true(isnan(loss_of(&b, 0).sum));
			bench_fini(&b);
		}
	}
}

static void the_first_of_equals_counts(void **state)
{
	const float scores[4 * CLASSES] = {
		1, 2, 2, 0, 0, 0, 0, /* label 1: right */
		1, 2, 2, 0, 0, 0, 0, /* label 2: second */
		0, 0, 0, 0, 0, 0, 0, /* label 4: fifth of seven equals */
		0, 0, 0, 0, 0, 0, 0, /* label 5: sixth */
	};
	struct bench b;
	struct cs_loss loss;

	(void)state;
	bench_init(&b, scores, 4, CS_SOFTMAX);
	memcpy(b.labels, (int[]){1, 2, 4, 5}, sizeof b.labels);
	loss = loss_of(&b, 0);
	assert_int_equal(loss.correct, 1);
	assert_int_equal(loss.correct5, 3);
	assert_int_equal(loss.count, 4);
	bench_fini(&b);
	assert_int_equal(cs_argmax((const float[]){1, 3, 3}, 3), 1);
	assert_int_equal(cs_argmax((const float[]){NAN, -1, 3}, 3), 2);
	assert_int_equal(cs_argmax((const float[]){NAN, NAN}, 2), 0);
	assert_int_equal(cs_argmax((const float[]){-INFINITY}, 1), 0);
}

static void images_without_a_label_do_not_count(void **state)
{
	const float scores[2 * CLASSES] = {1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	struct bench b;
	struct cs_loss one, both;

	(void)state;
	bench_init(&b, scores, 2, CS_SOFTMAX);
	both = loss_of(&b, 0);
	b.labels[1] = -1;
	one = loss_of(&b, 0);
	assert_int_equal(one.count, 1);
	assert_int_equal(one.correct, 1);
	assert_true(fabs(2 * one.sum - both.sum) < 1e-12);
	for (int k = 0; k < CLASSES; k++)
		assert_true(b.trace->slots[0].d_out[CLASSES + k] == 0);
	assert_true(b.trace->slots[0].d_out[0] < -0.5f); /* the mean is over labelled images */
	b.labels[0] = -1;
	one = loss_of(&b, 0);
	assert_true(one.count == 0 && one.sum == 0);
	bench_fini(&b);
}

static void soft_targets_take_the_place_of_labels(void **state)
{
	const float scores[CLASSES] = {1, 2, 3, 0, 0, 0, 0};
	struct bench b;
	struct cs_loss loss;
	double total = exp(1) + exp(2) + exp(3) + 4;

	(void)state;
	bench_init(&b, scores, 1, CS_SOFTMAX);
	b.batch.targets = b.targets;
	b.targets[1] = 0.25f;
	b.targets[2] = 0.75f;
	b.labels[0] = -1;
	loss = loss_of(&b, 0);
	assert_true(fabs(loss.sum - (log(total) - 0.25 * 2 - 0.75 * 3)) < 1e-6);
	assert_int_equal(loss.count, 1);
	assert_int_equal(loss.correct, 1); /* the heaviest target */
	b.labels[0] = 1;
	assert_int_equal(loss_of(&b, 0).correct, 0);
	b.batch.labels = NULL;
	assert_int_equal(loss_of(&b, 0).correct, 1);
	bench_fini(&b);
}

static void labels_that_do_not_fit_are_named(void **state)
{
	static const float scores[CLASSES];
	int64_t index[] = {4711};
	struct cs_error error;
	struct cs_loss loss = {.count = 17};
	struct bench b;

	(void)state;
	bench_init(&b, scores, 1, CS_SOFTMAX);
	b.labels[0] = 7;
	b.batch.index = index;
	assert_int_equal(cs_loss_cross_entropy(b.trace, &b.batch, 0, &loss, &error), CS_ERR_SHAPE);
	assert_non_null(
		strstr(error.message, "image 4711 has label 7, but the network tells 7 classes apart (0 to 6)"));
	assert_int_equal(loss.count, 17);
	b.labels[0] = 0;
	assert_int_equal(cs_loss_cross_entropy(b.trace, &b.batch, 1, &loss, &error), CS_ERR_ARGUMENT);
	b.batch.count = 2;
	assert_int_equal(cs_loss_cross_entropy(b.trace, &b.batch, 0, &loss, &error), CS_ERR_SHAPE);
	b.batch.count = 1;
	b.batch.labels = NULL;
	assert_int_equal(cs_loss_cross_entropy(b.trace, &b.batch, 0, &loss, &error), CS_ERR_SHAPE);
	bench_fini(&b);
}

static void a_network_that_ends_in_a_map_has_no_classes(void **state)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_maxpool_layer);
	struct cs_network *network = NULL;
	struct cs_trace *trace = NULL;
	struct cs_tensor images;
	struct cs_error error;
	struct cs_loss loss;
	int label = 0;
	struct cs_batch batch = {.labels = &label, .count = 1};

	(void)state;
	assert_int_equal(cs_network_new(CS_SHAPE(4, 4, 3), &spec, 1, 1, &network, &error), CS_OK);
	assert_int_equal(cs_trace_new(network, CS_TRACE_TRAIN, 1, NULL, &trace, &error), CS_OK);
	assert_int_equal(cs_tensor_init(&images, CS_SHAPE(1, 4, 4, 3), NULL), CS_OK);
	cs_network_forward(trace, &images);
	assert_int_equal(cs_loss_cross_entropy(trace, &batch, 0, &loss, &error), CS_ERR_SHAPE);
	assert_non_null(strstr(error.message, "the network ends in 2x2x3"));
	cs_tensor_fini(&images);
	cs_trace_free(trace);
	cs_network_free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_scores_cost_the_logarithm_of_the_classes),
		cmocka_unit_test(huge_scores_neither_overflow_nor_vanish),
		cmocka_unit_test(a_score_that_is_no_number_shows_in_the_loss),
		cmocka_unit_test(the_first_of_equals_counts),
		cmocka_unit_test(images_without_a_label_do_not_count),
		cmocka_unit_test(soft_targets_take_the_place_of_labels),
		cmocka_unit_test(labels_that_do_not_fit_are_named),
		cmocka_unit_test(a_network_that_ends_in_a_map_has_no_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
