/* model_case.h: networks to be written and read back, and what must be the same of them then. */
#ifndef CS_TESTS_MODEL_CASE_H
#define CS_TESTS_MODEL_CASE_H

#include "core/random.h"
#include "nn/network.h"

#include <stdio.h>
#include <string.h>

static inline struct cs_layer_spec case_spec(const char *type, const char *name)
{
	struct cs_layer_spec made = cs_layer_spec_default(cs_layer_kind(type));

	snprintf(made.name, sizeof made.name, "%s", name);
	return made;
}

/* Every parameter random, also those that begin at 0 or 1, which hide mistakes. */
static inline struct cs_network *case_network(struct cs_shape input, const struct cs_layer_spec *specs, int count)
{
	struct cs_network *network;
	struct cs_error error;
	struct cs_random random;

	if (cs_network_new(input, specs, count, 7, &network, &error))
		fail_msg("%s", error.message);
	cs_random_init(&random, 3, CS_RANDOM_USER, 0, 0);
	for (int i = 0; i < network->layer_count; i++) {
		for (int k = 0; k < network->layers[i].param_count; k++) {
			struct cs_tensor *value = &network->layers[i].params[k].value;

			for (int64_t j = 0; j < cs_tensor_count(value); j++)
				value->data[j] = cs_random_between(&random, 0.1f, 1.0f);
		}
	}
	return network;
}

/* One layer of every kind, with values that are not the defaults. With `halves` a norm lacks its beta, for which ONNX has no word. */
static inline struct cs_network *case_every_kind(bool halves)
{
	struct cs_layer_spec s[16];
	int n = 0;

	s[n] = case_spec("rescale", "rescale");
	s[n].factor = 0.3f;
	s[n++].offset = -0.7f;
	s[n] = case_spec("zeropad", "border");
	memcpy(s[n++].border, (int64_t[]){1, 0, 2, 1}, sizeof s[0].border);
	s[n] = case_spec("conv", "first");
	s[n].features = 5;
	s[n].kernel[0] = 3;
	s[n].kernel[1] = 2;
	s[n].stride[0] = 2;
	s[n].padding = CS_PADDING_SAME;
	s[n].activation = CS_LEAKY_RELU;
	s[n++].alpha = 0.125f;
	s[n] = case_spec("batchnorm", "norm");
	s[n].centre = !halves;
	s[n++].epsilon = 0.01f;
	s[n] = case_spec("maxpool", "max");
	s[n].window[0] = s[n].window[1] = 3;
	s[n].stride[0] = s[n].stride[1] = 2;
	s[n++].padding = CS_PADDING_SAME;
	s[n] = case_spec("conv", "second");
	s[n].features = 4;
	s[n].kernel[0] = s[n].kernel[1] = 2;
	s[n].bias = false;
	s[n++].activation = CS_LINEAR;
	s[n] = case_spec("activation", "squashed"); /* a layer of its own must stay one */
	s[n++].activation = CS_TANH;
	s[n] = case_spec("avgpool", "mean");
	s[n].window[0] = 2;
	s[n].window[1] = 3;
	s[n].stride[0] = s[n].stride[1] = 1;
	s[n++].padding = CS_PADDING_SAME;
	s[n] = case_spec("activation", "elu");
	s[n].activation = CS_ELU;
	s[n++].alpha = 0.5f;
	s[n++] = case_spec("flatten", "flat");
	s[n++] = case_spec("batchnorm", "flat norm");
	s[n] = case_spec("dropout", "drop");
	s[n++].rate = 0.25f;
	s[n] = case_spec("dense", "hidden");
	s[n].features = 7;
	s[n].activation = CS_ELU;
	s[n++].alpha = 2;
	s[n] = case_spec("activation", "nothing");
	s[n++].activation = CS_LINEAR;
	s[n] = case_spec("dense", "scores");
	s[n++].features = 3;
	s[n] = case_spec("activation", "chances");
	s[n++].activation = CS_SOFTMAX;
	return case_network(CS_SHAPE(12, 13, 3), s, n);
}

/* Layers, options and shapes, but for the numbers. */
static inline void case_assert_same_layers(const struct cs_network *a, const struct cs_network *b)
{
	assert_int_equal(a->layer_count, b->layer_count);
	assert_true(cs_shape_equal(&a->input, &b->input));
	for (int i = 0; i < a->layer_count; i++) {
		const struct cs_layer *x = &a->layers[i], *y = &b->layers[i];

		assert_string_equal(x->spec.name, y->spec.name);
		assert_ptr_equal(x->ops, y->ops);
		assert_true(cs_shape_equal(&x->out, &y->out));
		assert_int_equal(x->spec.activation, y->spec.activation);
		if (x->spec.activation == CS_LEAKY_RELU || x->spec.activation == CS_ELU)
			assert_true(x->spec.alpha == y->spec.alpha);
		assert_true(x->spec.rate == y->spec.rate);
		assert_true(x->spec.epsilon == y->spec.epsilon);
		assert_true(x->spec.factor == y->spec.factor && x->spec.offset == y->spec.offset);
		assert_int_equal(x->frozen, y->frozen);
		assert_int_equal(x->pad_top, y->pad_top);
		assert_int_equal(x->pad_left, y->pad_left);
		assert_int_equal(x->param_count, y->param_count);
		for (int k = 0; k < x->param_count; k++) {
			assert_string_equal(x->params[k].name, y->params[k].name);
			assert_true(cs_shape_equal(&x->params[k].value.shape, &y->params[k].value.shape));
		}
	}
}

/* Every bit of every number too. */
static inline void case_assert_same(const struct cs_network *a, const struct cs_network *b)
{
	case_assert_same_layers(a, b);
	for (int i = 0; i < a->layer_count; i++) {
		for (int k = 0; k < a->layers[i].param_count; k++) {
			const struct cs_tensor *value = &a->layers[i].params[k].value;

			assert_memory_equal(value->data, b->layers[i].params[k].value.data,
				(size_t)cs_tensor_count(value) * sizeof(float));
		}
	}
}

#endif
