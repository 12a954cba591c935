/* network_case.h: networks of a few layers, in one line each. */
#ifndef CS_TESTS_NETWORK_CASE_H
#define CS_TESTS_NETWORK_CASE_H

#include "nn/network.h"

#include <stdio.h>

static inline struct cs_layer_spec conv(int64_t features, int64_t kernel, enum cs_activation activation)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_conv_layer);

	spec.features = features;
	spec.kernel[0] = spec.kernel[1] = kernel;
	spec.activation = activation;
	return spec;
}

static inline struct cs_layer_spec dense(int64_t units, enum cs_activation activation)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_dense_layer);

	spec.features = units;
	spec.activation = activation;
	return spec;
}

static inline struct cs_layer_spec maxpool(int64_t window)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_maxpool_layer);

	spec.window[0] = spec.window[1] = window;
	return spec;
}

static inline struct cs_layer_spec activation(enum cs_activation kind)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_activation_layer);

	spec.activation = kind;
	return spec;
}

static inline struct cs_layer_spec plain(const struct cs_layer_ops *ops)
{
	return cs_layer_spec_default(ops);
}

static inline struct cs_layer_spec named(struct cs_layer_spec spec, const char *name)
{
	snprintf(spec.name, sizeof spec.name, "%s", name);
	return spec;
}

static inline struct cs_network *build(struct cs_shape input, const struct cs_layer_spec *specs, int count)
{
	struct cs_network *network = NULL;
	struct cs_error error = {0};

	if (cs_network_new(input, specs, count, 1, &network, &error))
		fail_msg("%s", error.message);
	return network;
}

#endif
