/* test_dense.c: the fully connected layer against double precision and finite differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/kernels/kernels.h"
#include "tests/unit/layer_case.h"
#include "tests/unit/reference.h"

static const double TOLERANCE = 1e-5;

static struct cs_layer_spec dense_spec(int64_t units, enum cs_activation activation)
{
	struct cs_layer_spec spec = case_spec(&cs_dense_layer);

	spec.features = units;
	spec.activation = activation;
	return spec;
}

static void calm(struct layer_case *c)
{
	struct cs_tensor *kernel = &c->layer.params[0].value;

	for (int64_t i = 0; i < cs_tensor_count(kernel); i++)
		kernel->data[i] /= sqrtf((float)c->layer.in.dim[0]);
}

static void compare_with_reference(struct layer_case *c)
{
	const struct cs_layer *l = &c->layer;
	int64_t in = l->in.dim[0], units = l->out.dim[0];
	const float *kernel = l->params[0].value.data;
	double *scores = reference_doubles(c->out_size), *out = reference_doubles(c->out_size);
	double *d = reference_doubles(c->out_size), *d_in = reference_doubles(c->in_size);
	double *d_kernel = reference_doubles(in * units), *d_bias = reference_doubles(units);

	calm(c);
	case_forward(c);
	case_backward(c);
	for (int64_t image = 0; image < c->pass.count; image++) {
		double *s = scores + image * units, *g = d + image * units;
		const float *x = c->in + image * in;

		for (int64_t u = 0; u < units; u++) {
			s[u] = l->spec.bias ? l->params[1].value.data[u] : 0;
			g[u] = c->d_out_given[image * units + u];
		}
		for (int64_t i = 0; i < in; i++) {
			for (int64_t u = 0; u < units; u++)
				s[u] += (double)x[i] * kernel[i * units + u];
		}
		memcpy(out + image * units, s, (size_t)units * sizeof *s);
		reference_activate(l->spec.activation, (double)l->spec.alpha, out + image * units, units);
		for (int64_t u = 0; u < units && l->spec.activation != CS_LINEAR; u++) {
			if (fabs(s[u]) < 1e-5)
				s[u] = c->out[image * units + u] > 0 ? 1e-9 : -1e-9;
		}
		if (!c->pass.d_out_is_logits)
			reference_activate_backward(l->spec.activation, (double)l->spec.alpha, s, g, units);
		for (int64_t i = 0; i < in; i++) {
			for (int64_t u = 0; u < units; u++) {
				d_kernel[i * units + u] += (double)x[i] * g[u];
				d_in[image * in + i] += (double)kernel[i * units + u] * g[u];
			}
		}
		for (int64_t u = 0; u < units; u++)
			d_bias[u] += g[u];
	}
	case_compare("outputs", c->out, out, c->out_size, TOLERANCE);
	case_compare("data gradient", c->d_in, d_in, c->in_size, TOLERANCE);
	case_compare("weight gradient", c->pass.d_params[0], d_kernel, in * units, TOLERANCE);
	if (l->spec.bias)
		case_compare("bias gradient", c->pass.d_params[1], d_bias, units, TOLERANCE);
	if (l->spec.activation == CS_SOFTMAX)
		case_compare("scores", c->pass.aux, scores, c->out_size, TOLERANCE);
	free(scores);
	free(out);
	free(d);
	free(d_in);
	free(d_kernel);
	free(d_bias);
}

static void random_shapes_match_double_precision(void **state)
{
	struct cs_random random = case_random(1);

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct cs_layer_spec spec = dense_spec(CASE_PICK(&random, 1, 2, 10, 63, 64, 65, 200),
			(enum cs_activation)cs_random_below(&random, CS_SOFTMAX + 1));
		struct layer_case c;

		spec.bias = cs_random_below(&random, 4) != 0;
		case_open(&c, &spec, CS_SHAPE(CASE_PICK(&random, 1, 3, 64, 129, 300)),
			1 + (int)cs_random_below(&random, 5), 2, &random);
		c.pass.d_out_is_logits = spec.activation == CS_SOFTMAX && cs_random_below(&random, 2);
		compare_with_reference(&c);
		case_close(&c);
	}
}

static void layers_split_over_many_tasks_match_double_precision(void **state)
{
	struct cs_layer_spec spec = dense_spec(1111, CS_RELU);
	struct cs_random random = case_random(2);
	struct layer_case c;

	(void)state;
	case_open(&c, &spec, CS_SHAPE(2777), 9, 2, &random);
	compare_with_reference(&c);
	case_close(&c);
}

static void gradients_match_finite_differences(void **state)
{
	struct cs_random random = case_random(3);

	(void)state;
	for (int activation = CS_LINEAR; activation <= CS_SOFTMAX; activation++) {
		struct cs_layer_spec spec = dense_spec(7, (enum cs_activation)activation);
		struct layer_case c;

		case_open(&c, &spec, CS_SHAPE(11), 3, 0, &random);
		calm(&c);
		case_forward(&c);
		case_backward(&c);
		case_differences(&c, "data", c.in, c.d_in, c.in_size, 2e-3f, 5e-3);
		case_differences(&c, "kernel", c.layer.params[0].value.data, c.pass.d_params[0], 77, 2e-3f, 5e-3);
		case_differences(&c, "bias", c.layer.params[1].value.data, c.pass.d_params[1], 7, 2e-3f, 5e-3);
		case_close(&c);
	}
}

static void threads_do_not_change_a_bit(void **state)
{
	struct cs_layer_spec spec = dense_spec(500, CS_SOFTMAX);

	(void)state;
	case_same_bits(&spec, CS_SHAPE(1152), 32);
	spec.activation = CS_RELU;
	spec.features = 10;
	case_same_bits(&spec, CS_SHAPE(9000), 3);
}

/* What OpenBLAS computes may be rounded otherwise from one number of rows to the next; the instruction set's own loops may not. */
static void an_image_has_the_same_bits_in_any_batch(void **state)
{
	enum { IN = 1152, UNITS = 500, IMAGES = 33 };
	struct cs_layer_spec spec = dense_spec(UNITS, CS_RELU);
	struct cs_random random = case_random(5);
	struct layer_case c;
	float *all;

	(void)state;
	if (!cs_kernels()->blocked)
		skip();
	all = case_floats(IMAGES * UNITS);
	case_open(&c, &spec, CS_SHAPE(IN), IMAGES, 2, &random);
	case_forward(&c);
	memcpy(all, c.out, IMAGES * UNITS * sizeof *all);
	for (int first = 0, count = 1; first < IMAGES; first += count, count = count * 2 + 1) {
		c.pass.in = c.in + first * IN;
		c.pass.count = first + count > IMAGES ? IMAGES - first : count;
		case_forward(&c);
		assert_memory_equal(all + first * UNITS, c.out, (size_t)(c.pass.count * UNITS) * sizeof *all);
	}
	cs_free(all);
	case_close(&c);
}

static void gradients_nobody_wants_are_left_alone(void **state)
{
	struct cs_layer_spec spec = dense_spec(4, CS_RELU);
	struct cs_random random = case_random(4);
	struct layer_case c;

	(void)state;
	case_open(&c, &spec, CS_SHAPE(6), 2, 0, &random);
	case_forward(&c);
	c.pass.d_in = NULL;
	cs_free(c.pass.d_params[1]);
	c.pass.d_params[1] = NULL;
	case_backward(&c);
	assert_false(isnan(c.pass.d_params[0][0]));
	assert_true(isnan(c.d_in[0]));
	case_close(&c);
}

static void a_map_is_refused_with_the_advice_to_flatten(void **state)
{
	struct cs_layer_spec spec = dense_spec(10, CS_LINEAR);
	struct cs_error error;
	struct layer_case c;

	(void)state;
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(3, 3, 128), &error), CS_ERR_SHAPE);
	assert_non_null(strstr(error.message, "layer 2 leaves 3x3x128; put a flatten before it"));
	spec.features = 0;
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(3), &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "0 units"));
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_shapes_match_double_precision),
		cmocka_unit_test(layers_split_over_many_tasks_match_double_precision),
		cmocka_unit_test(gradients_match_finite_differences),
		cmocka_unit_test(threads_do_not_change_a_bit),
		cmocka_unit_test(an_image_has_the_same_bits_in_any_batch),
		cmocka_unit_test(gradients_nobody_wants_are_left_alone),
		cmocka_unit_test(a_map_is_refused_with_the_advice_to_flatten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return case_every_isa(run);
}
