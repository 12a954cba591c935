/* Transformed weights that a trace keeps from pass to pass: they follow the parameters, whoever changed them and however. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/random.h"
#include "nn/kernels/kernels.h"
#include "nn/trace.h"

#include <stdio.h>
#include <string.h>

enum { IMAGES = 3 };

static struct cs_layer_spec conv(int64_t features, int64_t stride)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_conv_layer);

	spec.features = features;
	spec.kernel[0] = spec.kernel[1] = 3;
	spec.stride[0] = spec.stride[1] = stride;
	spec.activation = CS_RELU;
	return spec;
}

/* One convolution in tiles image by image, one point by point; odd numbers of channels and features. */
static struct cs_network *build(void)
{
	struct cs_layer_spec specs[] = {conv(37, 1), conv(45, 2)};
	struct cs_network *network = NULL;
	struct cs_error error = {0};

	if (cs_network_new(CS_SHAPE(21, 21, 20), specs, 2, 3, &network, &error))
		fail_msg("%s", error.message);
	return network;
}

static struct cs_trace *trace_of(const struct cs_network *network, enum cs_trace_kind kind, struct cs_workers *workers)
{
	struct cs_trace *trace = NULL;
	struct cs_error error = {0};
	bool wanted[2] = {false, true};
	enum cs_status status = kind == CS_TRACE_WANTED
		? cs_trace_new_wanted(network, wanted, IMAGES, workers, &trace, &error)
		: cs_trace_new(network, kind, IMAGES, workers, &trace, &error);

	if (status)
		fail_msg("%s", error.message);
	return trace;
}

/* The network's output, by the trace and by a new one that cannot have kept anything: the same bits? */
static bool as_if_new(struct cs_trace *trace, const struct cs_tensor *images)
{
	struct cs_trace *fresh = trace_of(trace->network, trace->kind, trace->workers);
	const struct cs_tensor *a = &trace->slots[1].out, *b = &fresh->slots[1].out;
	bool same;

	cs_network_forward(trace, images);
	cs_network_forward(fresh, images);
	same = memcmp(a->data, b->data, (size_t)cs_tensor_count(a) * sizeof(float)) == 0;
	cs_trace_free(fresh);
	return same;
}

static void negate_one(float *w, int64_t n)
{
	w[n / 2] = -w[n / 2];
}

static void negate_all(float *w, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		w[i] = -w[i];
}

static void exchange_two(float *w, int64_t n)
{
	float first = w[0];

	w[0] = w[n - 1];
	w[n - 1] = first;
}

static void last_bit(float *w, int64_t n)
{
	uint32_t bits;

	memcpy(&bits, w + n - 1, sizeof bits);
	bits ^= 1u << 18; /* one that the output shows */
	memcpy(w + n - 1, &bits, sizeof bits);
}

static void half_of_all(float *w, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		w[i] *= .5f;
}

static void nothing(float *w, int64_t n)
{
	(void)w;
	(void)n;
}

static void (*const changes[])(float *, int64_t) = {
	negate_one, negate_all, exchange_two, last_bit, half_of_all, nothing, negate_all, nothing};

static void kept_weights_follow_the_parameters(void **state)
{
	enum cs_trace_kind kinds[] = {CS_TRACE_OUTPUT, CS_TRACE_ALL, CS_TRACE_WANTED};
	struct cs_network *network = build();
	struct cs_workers *workers = NULL;
	struct cs_tensor images;
	struct cs_random random;

	(void)state;
	if (!cs_kernels()->blocked) {
		cs_network_free(network);
		skip();
	}
	assert_int_equal(cs_workers_new(2, &workers, NULL), CS_OK);
	assert_int_equal(cs_tensor_init(&images, CS_SHAPE(IMAGES, 21, 21, 20), NULL), CS_OK);
	cs_random_init(&random, 1, CS_RANDOM_USER, 0, 0);
	for (int64_t i = 0; i < cs_tensor_count(&images); i++)
		images.data[i] = cs_random_normal(&random);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct cs_trace *trace = trace_of(network, kinds[k], workers);

		assert_true(trace->slots[0].need.kept > 0 && trace->slots[1].need.kept > 0);
		assert_true(as_if_new(trace, &images));
		for (size_t c = 0; c < sizeof changes / sizeof *changes; c++) {
			for (int layer = 0; layer < 2; layer++) {
				for (int p = 0; p < 2; p++) {
					struct cs_tensor *value = &network->layers[layer].params[p].value;

					changes[c](value->data, cs_tensor_count(value));
					if (!as_if_new(trace, &images))
						fail_msg("kind %zu, change %zu of layer %d, parameter %d", k, c, layer,
							p);
				}
			}
		}
		cs_trace_free(trace);
	}
	cs_tensor_fini(&images);
	cs_workers_free(workers);
	cs_network_free(network);
}

static void a_training_trace_keeps_nothing_and_others_within_bounds(void **state)
{
	struct cs_layer_spec specs[6];
	struct cs_network *network = NULL;
	struct cs_trace *trace = NULL;
	size_t kept = 0, most = 0, one = 0;

	(void)state;
	if (!cs_kernels()->blocked)
		skip();
	for (int i = 0; i < 6; i++) {
		specs[i] = conv(384, 1);
		specs[i].padding = CS_PADDING_SAME;
	}
	assert_int_equal(cs_network_new(CS_SHAPE(12, 12, 384), specs, 6, 3, &network, NULL), CS_OK);
	assert_int_equal(cs_trace_new(network, CS_TRACE_TRAIN, 1, NULL, &trace, NULL), CS_OK);
	for (int i = 0; i < 6; i++)
		assert_int_equal(trace->slots[i].need.kept, 0);
	cs_trace_free(trace);
	assert_int_equal(cs_trace_new(network, CS_TRACE_OUTPUT, 1, NULL, &trace, NULL), CS_OK);
	for (int i = 0; i < 6; i++) {
		one = trace->slots[i].need.kept;
		kept += one;
		most = one > most ? one : most;
	}
	/* the first layers have theirs, the last has no room */
	assert_true(trace->slots[0].need.kept > 0);
	assert_int_equal(one, 0);
	assert_true(kept <= 64 << 20 && kept + most > 64 << 20);
	cs_trace_free(trace);
	cs_network_free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_weights_follow_the_parameters),
		cmocka_unit_test(a_training_trace_keeps_nothing_and_others_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
