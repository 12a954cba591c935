/* test_whole.c: whole networks, random ones of every kind of layer, on every instruction set of the machine: outputs and all gradients
 * within 1e-4 of the largest of double precision's, which makes the same decisions. Networks in which rounding settles a near-tie
 * otherwise say nothing and are left out; they are few. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "tests/grad/backward.h"
#include "tests/unit/layer_case.h"

#include <stdio.h>

enum { NETWORKS = 100, IMAGES = 4, MOST = 24 };

static const double TOLERANCE = 1e-4;

struct plan {
	struct cs_shape input;
	struct cs_layer_spec specs[MOST];
	int count;
};

static struct cs_layer_spec *append(struct plan *p, const struct cs_layer_ops *ops)
{
	assert_true(p->count < MOST);
	p->specs[p->count] = cs_layer_spec_default(ops);
	return &p->specs[p->count++];
}

static enum cs_activation any_activation(struct cs_random *random)
{
	return (enum cs_activation)CASE_PICK(random, CS_RELU, CS_RELU, CS_RELU, CS_LINEAR, CS_LEAKY_RELU, CS_ELU, CS_TANH,
		CS_SIGMOID);
}

static enum cs_padding any_padding(struct cs_random *random)
{
	return cs_random_below(random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
}

/* A convolution, perhaps normalised, and perhaps pooled. */
static void append_block(struct plan *p, struct cs_random *random)
{
	struct cs_layer_spec *conv = append(p, &cs_conv_layer), *pool;
	bool norm = cs_random_below(random, 3) == 0;

	conv->features = CASE_PICK(random, 3, 8, 16, 17, 24, 33, 40);
	conv->kernel[0] = conv->kernel[1] = CASE_PICK(random, 1, 2, 3, 3, 3, 3, 5);
	if (cs_random_below(random, 6) == 0)
		conv->kernel[0] = CASE_PICK(random, 1, 2, 4);
	conv->stride[0] = conv->stride[1] = CASE_PICK(random, 1, 1, 1, 1, 2);
	conv->padding = any_padding(random);
	conv->activation = norm ? CS_LINEAR : any_activation(random);
	conv->bias = cs_random_below(random, 4) != 0;
	if (norm) {
		append(p, &cs_batchnorm_layer)->centre = cs_random_below(random, 4) != 0;
		append(p, &cs_activation_layer)->activation = any_activation(random);
	}
	if (cs_random_below(random, 3) == 0)
		return;
	pool = append(p, cs_random_below(random, 4) ? &cs_maxpool_layer : &cs_avgpool_layer);
	pool->window[0] = pool->window[1] = CASE_PICK(random, 2, 2, 3);
	pool->stride[0] = pool->stride[1] = CASE_PICK(random, 2, 2, 2, 3);
	pool->padding = any_padding(random);
	if (cs_random_below(random, 3) == 0)
		append(p, &cs_dropout_layer)->rate = 0.3f;
}

static struct plan any_plan(struct cs_random *random)
{
	struct plan p = {.input = CS_SHAPE(9 + cs_random_below(random, 15), 9 + cs_random_below(random, 15),
				 CASE_PICK(random, 1, 3, 3, 4, 16, 20))};
	int blocks = 1 + (int)cs_random_below(random, 3);

	if (cs_random_below(random, 5) == 0) {
		struct cs_layer_spec *rescale = append(&p, &cs_rescale_layer);

		rescale->factor = -1.5f;
		rescale->offset = 0.25f;
	}
	if (cs_random_below(random, 5) == 0)
		memcpy(append(&p, &cs_zeropad_layer)->border, (int64_t[]){1, 2, 0, 3}, 4 * sizeof(int64_t));
	while (blocks--)
		append_block(&p, random);
	if (cs_random_below(random, 3))
		append(&p, &cs_flatten_layer);
	else
		append(&p, cs_random_below(random, 2) ? &cs_global_avgpool_layer : &cs_global_maxpool_layer);
	if (cs_random_below(random, 2)) {
		struct cs_layer_spec *dense = append(&p, &cs_dense_layer);

		dense->features = CASE_PICK(random, 5, 16, 37);
		dense->activation = any_activation(random);
	}
	append(&p, &cs_dense_layer)->features = 7;
	p.specs[p.count - 1].activation = cs_random_below(random, 3) ? CS_SOFTMAX : CS_LINEAR;
	return p;
}

/* Biases, betas, gammas and moving statistics away from where they start. */
static void stir(struct cs_network *network, struct cs_random *random)
{
	for (int i = 0; i < network->layer_count; i++) {
		for (int p = 0; p < network->layers[i].param_count; p++) {
			struct cs_param *param = &network->layers[i].params[p];
			bool positive = strcmp(param->name, "gamma") == 0 || strcmp(param->name, "moving_variance") == 0;

			for (int64_t k = 0; strcmp(param->name, "kernel") != 0 && k < cs_tensor_count(&param->value); k++)
				param->value.data[k] = positive ? cs_random_between(random, 0.5f, 1.5f)
								: cs_random_between(random, -0.3f, 0.3f);
		}
	}
}

/* Does engine and reference agree on which numbers are positive and which cells won? */
static bool same_decisions(const struct ref *ref, const struct cs_trace *trace)
{
	for (int i = 0; i < ref->network->layer_count; i++) {
		const struct cs_layer *l = &ref->network->layers[i];
		const struct cs_slot *slot = &trace->slots[i];
		const double *in = i ? ref->out[i - 1] : ref->in;
		int64_t n = ref->count * cs_shape_count(&l->out);

		for (int64_t k = 0; slot->out.data && k < n; k++) {
			if ((ref->out[i][k] > 0) != (slot->out.data[k] > 0))
				return false;
		}
		for (int64_t k = 0; l->ops == &cs_maxpool_layer && k < n; k++) {
			int64_t c = k % l->out.dim[2], x = k / l->out.dim[2] % l->out.dim[1];
			int64_t y = k / l->out.dim[2] / l->out.dim[1] % l->out.dim[0], image = k / cs_shape_count(&l->out);
			int64_t position = cs_pool_position(l, y, x, slot->switches[k]);

			if (in[image * cs_shape_count(&l->in) + position * l->in.dim[2] + c] != ref->out[i][k])
				return false;
		}
	}
	return true;
}

static double largest(const double *x, int64_t n, double least)
{
	for (int64_t k = 0; k < n; k++)
		least = fmax(least, fabs(x[k]));
	return least;
}

static void compare(const char *network, const char *what, const float *found, const double *expected, int64_t n, double scale)
{
	scale = largest(expected, n, scale);
	for (int64_t k = 0; k < n; k++) {
		if (!(fabs((double)found[k] - expected[k]) <= TOLERANCE * scale))
			fail_msg("%s: %s[%lld] is %.9g, expected %.9g (largest %.3g, error %.2g of it)", network, what, (long long)k,
				(double)found[k], expected[k], scale, fabs((double)found[k] - expected[k]) / scale);
	}
}

/* All gradients; those that are zero by nature (a bias before batch norm) are measured against the others. */
static void compare_gradients(
	const char *name, const struct ref *ref, struct ref_gradients *g, const struct cs_trace *trace, const float *d_input)
{
	int64_t in = ref->count * cs_shape_count(&ref->network->input);
	double scale = largest(g->in, in, 0);

	for (int i = 0; i < ref->network->layer_count; i++) {
		for (int p = 0; p < ref->network->layers[i].param_count; p++)
			scale = largest(g->params[i][p], cs_tensor_count(&ref->network->layers[i].params[p].value), scale);
	}
	compare(name, "d_input", d_input, g->in, in, scale / 10);
	for (int i = 0; i < ref->network->layer_count; i++) {
		const struct cs_layer *l = &ref->network->layers[i];

		for (int p = 0; p < l->param_count; p++) {
			char what[160];

			snprintf(what, sizeof what, "%s/%s", l->spec.name, l->params[p].name);
			if (l->params[p].trainable)
				compare(name, what, trace->slots[i].d_params[p], g->params[i][p],
					cs_tensor_count(&l->params[p].value), scale / 10);
		}
	}
}

/* False where a near-tie was settled otherwise. */
static bool check(const struct cs_network *network, bool training, struct cs_workers *workers, struct cs_random *random,
	const char *name)
{
	struct cs_shape out = cs_network_output(network);
	int64_t in_size = IMAGES * cs_shape_count(&network->input), out_size = IMAGES * cs_shape_count(&out);
	struct ref ref = ref_new(network, IMAGES, training);
	struct ref_gradients g = ref_gradients_new(&ref);
	float *images = case_floats(in_size), *d_input = case_floats(in_size);
	double *d_last = calloc((size_t)out_size, sizeof *d_last);
	struct cs_tensor view = cs_tensor_view(images, CS_SHAPE(IMAGES, network->input.dim[0], network->input.dim[1],
							       network->input.dim[2]));
	struct cs_trace *trace = NULL;
	struct cs_error error;
	bool same;

	if (cs_trace_new(network, CS_TRACE_TRAIN, IMAGES, workers, &trace, &error))
		fail_msg("%s", error.message);
	case_fill(random, images, in_size);
	for (int64_t k = 0; k < in_size; k++)
		ref.in[k] = (double)images[k];
	for (int i = 0; i < network->layer_count; i++)
		ref.keep[i] = network->layers[i].ops == &cs_dropout_layer ? trace->slots[i].aux : NULL;
	if (training)
		cs_network_forward_training(trace, &view, 5, 7);
	else
		cs_network_forward(trace, &view);
	ref_forward(&ref);
	same = same_decisions(&ref, trace);
	if (same) {
		for (int i = 0; i < network->layer_count; i++) {
			if (trace->slots[i].out.data)
				compare(name, network->layers[i].spec.name, trace->slots[i].out.data, ref.out[i],
					IMAGES * cs_shape_count(&network->layers[i].out), 1e-3);
		}
		for (int64_t k = 0; k < out_size; k++) {
			trace->slots[network->layer_count - 1].d_out[k] = cs_random_between(random, -1, 1);
			d_last[k] = (double)trace->slots[network->layer_count - 1].d_out[k];
		}
		cs_network_backward(trace, false, d_input);
		ref_backward(&ref, d_last, &g);
		compare_gradients(name, &ref, &g, trace, d_input);
	}
	cs_trace_free(trace);
	cs_free(images);
	cs_free(d_input);
	free(d_last);
	ref_gradients_free(&ref, &g);
	ref_free(&ref);
	return same;
}

static void random_networks_agree_with_double_precision(void **state)
{
	struct cs_random random = case_random(31);
	struct cs_workers *workers = NULL;
	struct cs_error error;
	int compared = 0, built = 0;

	(void)state;
	assert_int_equal(cs_workers_new(2, &workers, &error), CS_OK);
	for (uint64_t seed = 1; built < NETWORKS; seed++) {
		struct plan p = any_plan(&random);
		struct cs_network *network = NULL;
		char name[64];

		assert_true(seed < 10 * NETWORKS);
		if (cs_network_new(p.input, p.specs, p.count, seed, &network, &error))
			continue; /* nothing left to pool */
		built++;
		stir(network, &random);
		for (int training = 0; training < 2; training++) {
			snprintf(name, sizeof name, "network %d in %s", (int)seed, training ? "training" : "inference");
			compared += check(network, training, workers, &random, name);
		}
		cs_network_free(network);
	}
	cs_workers_free(workers);
	print_message("%d of %d passes compared\n", compared, 2 * NETWORKS);
	assert_true(compared * 10 > 2 * NETWORKS * 8);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_networks_agree_with_double_precision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return case_every_isa(run);
}
