/* trace_case.h: a network with a bit of everything, traces of it and images for it. */
#ifndef CS_TESTS_TRACE_CASE_H
#define CS_TESTS_TRACE_CASE_H

#include "network_case.h"

#include "core/random.h"
#include "nn/loss.h"
#include "nn/optimizer.h"

#include <string.h>

enum { CAPACITY = 6 };

/* A bit of everything: layers in place, views, batch norm, dropout, padding, pools. */
static inline struct cs_network *mixed_network(void)
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

static inline struct cs_trace *trace_of(
	const struct cs_network *network, enum cs_trace_kind kind, int capacity, struct cs_workers *workers)
{
	struct cs_trace *trace = NULL;
	struct cs_error error = {0};

	if (cs_trace_new(network, kind, capacity, workers, &trace, &error))
		fail_msg("%s", error.message);
	return trace;
}

static inline struct cs_tensor images_for(const struct cs_network *network, int count, uint64_t seed)
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

#endif
