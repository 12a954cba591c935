/* test_conv.c: the convolution layer against double precision, over random shapes, and what its contract promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/layer_case.h"
#include "tests/unit/reference.h"

static const double TOLERANCE = 1e-5;

static struct cs_layer_spec conv_spec(int64_t rows, int64_t columns, int64_t features, int64_t stride)
{
	struct cs_layer_spec spec = case_spec(&cs_conv_layer);

	spec.kernel[0] = rows;
	spec.kernel[1] = columns;
	spec.features = features;
	spec.stride[0] = spec.stride[1] = stride;
	return spec;
}

/* Weights scaled so that scores stay near 1, where every activation bends. */
static void calm(struct layer_case *c)
{
	struct cs_tensor *kernel = &c->layer.params[0].value;
	int64_t n = cs_tensor_count(kernel);
	float scale = 1.0f / sqrtf((float)(n / c->layer.spec.features));

	for (int64_t i = 0; i < n; i++)
		kernel->data[i] *= scale;
}

static void compare_with_reference(struct layer_case *c)
{
	const struct cs_layer *l = &c->layer;
	int64_t f = l->out.dim[2], weights = cs_tensor_count(&l->params[0].value);
	double *scores = reference_doubles(c->out_size), *out = reference_doubles(c->out_size);
	double *d = reference_doubles(c->out_size), *d_in = reference_doubles(c->in_size);
	double *d_kernel = reference_doubles(weights), *d_bias = reference_doubles(f);

	calm(c);
	case_forward(c);
	case_backward(c);
	reference_conv(l, c->pass.count, c->in, scores);
	memcpy(out, scores, (size_t)c->out_size * sizeof *out);
	for (int64_t i = 0; i < c->out_size; i++)
		d[i] = c->d_out_given[i];
	for (int64_t i = 0; i < c->out_size; i += f) {
		reference_activate(l->spec.activation, (double)l->spec.alpha, out + i, f);
		/* where rounding decides the side of a kink, the reference follows the engine */
		for (int64_t k = i; k < i + f && l->spec.activation != CS_LINEAR; k++) {
			if (fabs(scores[k]) < 1e-5)
				scores[k] = c->out[k] > 0 ? 1e-9 : -1e-9;
		}
		reference_activate_backward(l->spec.activation, (double)l->spec.alpha, scores + i, d + i, f);
	}
	reference_conv_backward(l, c->pass.count, c->in, d, d_in, d_kernel, d_bias);
	case_compare("outputs", c->out, out, c->out_size, TOLERANCE);
	case_compare("data gradient", c->d_in, d_in, c->in_size, TOLERANCE);
	case_compare("weight gradient", c->pass.d_params[0], d_kernel, weights, TOLERANCE);
	if (l->spec.bias)
		case_compare("bias gradient", c->pass.d_params[1], d_bias, f, TOLERANCE);
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
	for (int i = 0; i < 300; i++) {
		struct cs_layer_spec spec =
			conv_spec(CASE_PICK(&random, 1, 2, 3, 4, 5), CASE_PICK(&random, 1, 2, 3, 5, 7), 1, 1);
		struct layer_case c;
		int64_t h, w;

		spec.features = CASE_PICK(&random, 1, 2, 3, 8, 15, 16, 17, 33, 48);
		spec.stride[0] = CASE_PICK(&random, 1, 1, 1, 2, 3, 6);
		spec.stride[1] = CASE_PICK(&random, 1, 1, 1, 2, 4);
		spec.padding = cs_random_below(&random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
		spec.activation = (enum cs_activation)cs_random_below(&random, CS_SOFTMAX + 1);
		spec.bias = cs_random_below(&random, 4) != 0;
		h = (spec.padding == CS_PADDING_SAME ? 1 : spec.kernel[0]) + cs_random_below(&random, 13);
		w = (spec.padding == CS_PADDING_SAME ? 1 : spec.kernel[1]) + cs_random_below(&random, 13);
		case_open(&c, &spec, CS_SHAPE(h, w, CASE_PICK(&random, 1, 2, 3, 4, 16, 31, 32, 33, 70)),
			1 + (int)cs_random_below(&random, 5), 2, &random);
		compare_with_reference(&c);
		case_close(&c);
	}
}

/* The shapes that minimal filtering takes, in two dimensions and along rows: maps that tiles do not divide, channels and
 * features that lanes do not. */
static void filtered_shapes_match_double_precision(void **state)
{
	struct cs_random random = case_random(9);

	(void)state;
	for (int i = 0; i < 120; i++) {
		int64_t kernel = i % 3 ? 3 : 5, rows = kernel == 5 || i % 4 ? kernel : CASE_PICK(&random, 1, 2, 7);
		struct cs_layer_spec spec = conv_spec(rows, kernel, CASE_PICK(&random, 8, 16, 17, 24, 33, 50, 64), 1);
		struct layer_case c;

		spec.padding = cs_random_below(&random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
		spec.activation = cs_random_below(&random, 2) ? CS_RELU : CS_LINEAR;
		if (rows == 3 && kernel == 3 && i % 2)
			spec.stride[0] = spec.stride[1] = 2;
		case_open(&c, &spec,
			CS_SHAPE(rows + cs_random_below(&random, 15), kernel + cs_random_below(&random, 15),
				CASE_PICK(&random, 3, 8, 15, 16, 17, 32, 40, 65)),
			1 + (int)cs_random_below(&random, 5), 2, &random);
		compare_with_reference(&c);
		case_close(&c);
	}
}

/* Shapes that reach every way of cutting the work: strips, groups of images, ranges of features and of channels. */
static void every_way_of_splitting_matches_double_precision(void **state)
{
	static const struct {
		int64_t h, w, c, kernel, features, stride;
		int batch;
	} shapes[] = {
		{64, 64, 3, 5, 24, 1, 3}, /* strips, shards */
		{50, 61, 20, 3, 9, 1, 2}, /* strips of unequal height */
		{20, 20, 150, 3, 40, 1, 2}, /* ranges of channels */
		{4, 4, 64, 3, 300, 1, 5}, /* groups of images, ranges of features */
		{1, 1, 33, 1, 513, 1, 5}, /* 1x1 maps */
		{40, 40, 40, 1, 17, 1, 2}, /* pointwise, in strips */
		{40, 40, 8, 1, 17, 1, 2}, /* pointwise, by shards */
		{40, 40, 40, 1, 17, 3, 2}, /* 1x1 with a stride is not pointwise */
		{33, 1, 7, 3, 5, 2, 4}, /* one column */
		{48, 50, 64, 3, 36, 1, 6}, /* tiles in bands, images in groups */
		{9, 9, 130, 3, 130, 1, 7}, /* a point of the batch at a time */
		{8, 11, 128, 3, 136, 1, 3}, {19, 24, 70, 3, 40, 2, 9}, /* and with a stride */
		{20, 19, 33, 3, 36, 2, 4}, {80, 79, 64, 3, 66, 2, 10}, /* images in groups */
		{20, 20, 512, 3, 48, 1, 2}, {14, 13, 1024, 3, 32, 1, 2}, /* sums of many channels at many points */
	};
	struct cs_random random = case_random(2);

	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		struct cs_layer_spec spec =
			conv_spec(shapes[i].kernel, shapes[i].kernel, shapes[i].features, shapes[i].stride);
		struct layer_case c;

		spec.activation = CS_RELU;
		spec.padding = shapes[i].w < shapes[i].kernel || i % 2 ? CS_PADDING_SAME : CS_PADDING_VALID;
		case_open(&c, &spec, CS_SHAPE(shapes[i].h, shapes[i].w, shapes[i].c), shapes[i].batch, 2, &random);
		compare_with_reference(&c);
		case_close(&c);
	}
}

static void gradients_match_finite_differences(void **state)
{
	struct cs_random random = case_random(3);

	(void)state;
	for (int activation = CS_LINEAR; activation <= CS_SOFTMAX; activation++) {
		struct cs_layer_spec spec = conv_spec(3, 2, 4, 2);
		struct layer_case c;
		struct cs_tensor *kernel, *bias;

		spec.padding = CS_PADDING_SAME;
		spec.activation = (enum cs_activation)activation;
		case_open(&c, &spec, CS_SHAPE(6, 5, 3), 2, 0, &random);
		calm(&c);
		kernel = &c.layer.params[0].value;
		bias = &c.layer.params[1].value;
		case_forward(&c);
		case_backward(&c);
		case_differences(&c, "data", c.in, c.d_in, c.in_size, 2e-3f, 5e-3);
		case_differences(&c, "kernel", kernel->data, c.pass.d_params[0], cs_tensor_count(kernel), 2e-3f, 5e-3);
		case_differences(&c, "bias", bias->data, c.pass.d_params[1], cs_tensor_count(bias), 2e-3f, 5e-3);
		case_close(&c);
	}
}

static void threads_do_not_change_a_bit(void **state)
{
	struct cs_layer_spec spec = conv_spec(3, 3, 20, 1);

	(void)state;
	spec.activation = CS_RELU;
	case_same_bits(&spec, CS_SHAPE(50, 50, 3), 5);
	case_same_bits(&spec, CS_SHAPE(9, 9, 40), 5);
	spec.stride[0] = 2; /* neither filtered nor mirrored */
	case_same_bits(&spec, CS_SHAPE(19, 9, 40), 5);
	spec.stride[1] = 2;
	case_same_bits(&spec, CS_SHAPE(19, 9, 40), 5);
	spec.stride[0] = spec.stride[1] = 1;
	spec.activation = CS_SOFTMAX;
	case_same_bits(&spec, CS_SHAPE(3, 3, 40), 7);
}

static void fewer_images_than_planned_give_the_same_numbers(void **state)
{
	struct cs_layer_spec spec = conv_spec(3, 3, 5, 1);
	struct cs_random random = case_random(4);
	struct layer_case c;
	float *all;
	size_t image;

	(void)state;
	case_open(&c, &spec, CS_SHAPE(40, 40, 4), 4, 2, &random);
	image = (size_t)(c.out_size / 4) * sizeof(float);
	all = case_floats(c.out_size);
	case_forward(&c);
	memcpy(all, c.out, (size_t)c.out_size * sizeof *all);
	c.pass.count = 1;
	case_forward(&c);
	assert_memory_equal(c.out, all, image);
	cs_free(all);
	case_close(&c);
}

static void softmax_keeps_its_scores_and_takes_gradients_of_them(void **state)
{
	struct cs_layer_spec spec = conv_spec(2, 2, 6, 1);
	struct cs_random random = case_random(5);
	struct layer_case c;
	double *scores, *d, *d_in, *d_kernel, *d_bias;

	(void)state;
	spec.activation = CS_SOFTMAX;
	case_open(&c, &spec, CS_SHAPE(4, 5, 3), 3, 2, &random);
	calm(&c);
	scores = reference_doubles(c.out_size);
	d = reference_doubles(c.out_size);
	d_in = reference_doubles(c.in_size);
	d_kernel = reference_doubles(2 * 2 * 3 * 6);
	d_bias = reference_doubles(6);
	c.pass.d_out_is_logits = true;
	case_forward(&c);
	case_backward(&c);
	reference_conv(&c.layer, 3, c.in, scores);
	case_compare("scores", c.pass.aux, scores, c.out_size, TOLERANCE);
	for (int64_t i = 0; i < c.out_size; i++)
		d[i] = c.d_out_given[i];
	reference_conv_backward(&c.layer, 3, c.in, d, d_in, d_kernel, d_bias);
	case_compare("data gradient", c.d_in, d_in, c.in_size, TOLERANCE);
	case_compare("weight gradient", c.pass.d_params[0], d_kernel, 2 * 2 * 3 * 6, TOLERANCE);
	free(scores);
	free(d);
	free(d_in);
	free(d_kernel);
	free(d_bias);
	case_close(&c);
}

static void gradients_nobody_wants_are_left_alone(void **state)
{
	struct cs_layer_spec spec = conv_spec(3, 3, 4, 1);
	struct cs_random random = case_random(6);
	struct layer_case c;
	float *d_kernel;

	(void)state;
	case_open(&c, &spec, CS_SHAPE(6, 6, 3), 2, 0, &random);
	case_forward(&c);
	case_backward(&c);
	d_kernel = case_floats(3 * 3 * 3 * 4);
	memcpy(d_kernel, c.pass.d_params[0], 3 * 3 * 3 * 4 * sizeof *d_kernel);
	c.pass.d_in = NULL; /* the first layer */
	case_backward(&c);
	assert_memory_equal(c.pass.d_params[0], d_kernel, 3 * 3 * 3 * 4 * sizeof *d_kernel);
	c.pass.d_in = c.d_in;
	cs_free(c.pass.d_params[0]); /* a frozen layer */
	cs_free(c.pass.d_params[1]);
	c.pass.d_params[0] = c.pass.d_params[1] = NULL;
	case_backward(&c);
	cs_free(d_kernel);
	case_close(&c);
}

static void nan_is_seen_in_every_output_that_sees_it(void **state)
{
	struct cs_layer_spec spec = conv_spec(3, 3, 2, 1);
	struct cs_random random = case_random(7);
	struct layer_case c;

	(void)state;
	spec.activation = CS_RELU;
	case_open(&c, &spec, CS_SHAPE(5, 5, 1), 1, 0, &random);
	c.in[0] = NAN;
	case_forward(&c);
	assert_true(isnan(c.out[0]) && isnan(c.out[1]));
	for (int i = 2; i < 18; i++)
		assert_false(isnan(c.out[i]));
	case_close(&c);
}

static void shape_errors_say_what_was_found_and_what_to_do(void **state)
{
	struct cs_layer_spec spec = conv_spec(3, 3, 128, 1);
	struct cs_error error;
	struct layer_case c;

	(void)state;
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(2, 2, 64), &error), CS_ERR_SHAPE);
	assert_non_null(strstr(error.message, "needs at least 3x3 pixels, but layer 2 leaves 2x2x64"));
	assert_non_null(strstr(error.message, "padding = \"same\""));
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(64), &error), CS_ERR_SHAPE);
	assert_non_null(strstr(error.message, "before the flatten"));
	spec.stride[1] = 0;
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(8, 8, 1), &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "stride"));
	spec = conv_spec(3, 0, 128, 1);
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(8, 8, 1), &error), CS_ERR_ARGUMENT);
	spec = conv_spec(3, 3, 0, 1);
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(8, 8, 1), &error), CS_ERR_ARGUMENT);
}

static void descriptions_and_counts_are_right(void **state)
{
	struct cs_layer_spec spec = conv_spec(5, 5, 512, 1);
	struct cs_random random = case_random(8);
	int64_t window[2], stride[2], before[2];
	struct layer_case c;
	char text[200];

	(void)state;
	spec.activation = CS_RELU;
	case_open(&c, &spec, CS_SHAPE(64, 64, 3), 1, 0, &random);
	c.layer.ops->describe(&c.layer, text, sizeof text);
	assert_string_equal(text, "conv 5x5, 512 features, relu");
	assert_int_equal(c.layer.ops->macs(&c.layer), 60 * 60 * 75 * 512);
	case_close(&c);
	spec = conv_spec(3, 4, 1, 2);
	spec.padding = CS_PADDING_SAME;
	case_open(&c, &spec, CS_SHAPE(8, 9, 3), 1, 0, &random);
	c.layer.ops->describe(&c.layer, text, sizeof text);
	assert_string_equal(text, "conv 3x4, 1 feature, stride 2, same");
	c.layer.ops->geometry(&c.layer, window, stride, before);
	assert_true(window[0] == 3 && window[1] == 4 && stride[0] == 2 && stride[1] == 2);
	assert_true(before[0] == 0 && before[1] == 1); /* TensorFlow puts the odd row at the bottom */
	case_close(&c);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_shapes_match_double_precision),
		cmocka_unit_test(filtered_shapes_match_double_precision),
		cmocka_unit_test(every_way_of_splitting_matches_double_precision),
		cmocka_unit_test(gradients_match_finite_differences),
		cmocka_unit_test(threads_do_not_change_a_bit),
		cmocka_unit_test(fewer_images_than_planned_give_the_same_numbers),
		cmocka_unit_test(softmax_keeps_its_scores_and_takes_gradients_of_them),
		cmocka_unit_test(gradients_nobody_wants_are_left_alone),
		cmocka_unit_test(nan_is_seen_in_every_output_that_sees_it),
		cmocka_unit_test(shape_errors_say_what_was_found_and_what_to_do),
		cmocka_unit_test(descriptions_and_counts_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return case_every_isa(run);
}
