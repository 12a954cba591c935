/* Each stage of going back, alone, on maps of 4 x 4 that were worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/deconv/deconv_case.h"

/* The projection of one target of a network over one picture, all sizes as the network has them. */
static void project(const struct cs_layer_spec *specs, int count, struct cs_shape input,
	void (*weights)(struct cs_network *), const float *image, struct cs_target target, const char *rule_name,
	float *picture)
{
	struct cs_network *network;
	struct cs_trace *trace;
	struct cs_shape shape = {.rank = 4, .dim = {1, input.dim[0], input.dim[1], input.dim[2]}};
	struct cs_tensor images = cs_tensor_view((float *)image, shape), out = cs_tensor_view(picture, shape);
	struct cs_error error = {0};
	struct cs_rule rule;

	if (cs_network_new(input, specs, count, 1, &network, &error))
		fail_msg("%s", error.message);
	if (weights)
		weights(network);
	assert_int_equal(cs_trace_new(network, CS_TRACE_ALL, 1, NULL, &trace, NULL), CS_OK);
	cs_network_forward(trace, &images);
	assert_int_equal(cs_rule_parse(rule_name, &rule, NULL), CS_OK);
	if (cs_project(trace, &target, 1, rule, &out, NULL, NULL, &error))
		fail_msg("%s", error.message);
	cs_trace_free(trace);
	cs_network_free(network);
}

static void same(const float *picture, const float *expected, int count)
{
	for (int i = 0; i < count; i++) {
		if (fabsf(picture[i] - expected[i]) > 1e-6f * (1 + fabsf(expected[i])))
			fail_msg("number %d is %g, expected %g", i, (double)picture[i], (double)expected[i]);
	}
}

static const struct cs_target whole = {.layer = 0, .feature = -1, .at = CS_AT_MAP, .signal = CS_SIGNAL_VALUE};

static const float ramp[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void set_kernel(struct cs_network *network, int layer, const float *numbers)
{
	struct cs_param *kernel = cs_layer_param(&network->layers[layer], "kernel");

	memcpy(kernel->value.data, numbers, (size_t)cs_tensor_count(&kernel->value) * sizeof(float));
}

static void weights_1234(struct cs_network *network)
{
	set_kernel(network, 0, (const float[]){1, 2, 3, 4});
}

static void unfiltering_lays_the_kernel_down_where_the_unit_stands(void **state)
{
	struct cs_layer_spec conv = case_conv(1, 2, CS_RELU);
	struct cs_target target = {.layer = 0, .at = CS_AT_POSITION, .row = 1, .column = 2, .signal = CS_SIGNAL_ONE};
	float picture[16];

	(void)state;
	project(&conv, 1, CS_SHAPE(4, 4, 1), weights_1234, ramp, target, "deconvnet", picture);
	same(picture, (const float[]){0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0}, 16);
}

static void unfiltering_scales_with_the_activation(void **state)
{
	struct cs_layer_spec conv = case_conv(1, 2, CS_RELU);
	struct cs_target target = {.layer = 0, .at = CS_AT_MAX};
	float picture[16];

	/* the strongest window is the last: 11 + 2*12 + 3*15 + 4*16 = 144 */
	(void)state;
	project(&conv, 1, CS_SHAPE(4, 4, 1), weights_1234, ramp, target, "deconvnet", picture);
	same(picture, (const float[]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 144, 288, 0, 0, 432, 576}, 16);
}

static void blocks_of_neighbouring_units_add(void **state)
{
	struct cs_layer_spec conv = case_conv(1, 2, CS_RELU);
	struct cs_target target = {.layer = 0, .feature = 0, .at = CS_AT_MAP, .signal = CS_SIGNAL_ONE};
	float picture[16];

	(void)state;
	project(&conv, 1, CS_SHAPE(4, 4, 1), weights_1234, ramp, target, "gradient", picture);
	same(picture, (const float[]){1, 3, 3, 2, 4, 10, 10, 6, 4, 10, 10, 6, 3, 7, 7, 4}, 16);
}

static void a_stride_leaves_blocks_apart(void **state)
{
	struct cs_layer_spec conv = case_conv(1, 2, CS_RELU);
	struct cs_target target = {.layer = 0, .feature = 0, .at = CS_AT_MAP, .signal = CS_SIGNAL_ONE};
	float picture[16];

	(void)state;
	conv.stride[0] = conv.stride[1] = 2;
	project(&conv, 1, CS_SHAPE(4, 4, 1), weights_1234, ramp, target, "gradient", picture);
	same(picture, (const float[]){1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4}, 16);
}

static void weights_centred(struct cs_network *network)
{
	set_kernel(network, 0, (const float[]){1, 2, 3, 4, 5, 6, 7, 8, 9});
}

static void what_falls_outside_under_same_padding_is_cut(void **state)
{
	struct cs_layer_spec conv = case_conv(1, 3, CS_RELU);
	struct cs_target target = {.layer = 0, .at = CS_AT_POSITION, .row = 0, .column = 3, .signal = CS_SIGNAL_ONE};
	float picture[16];

	(void)state;
	conv.padding = CS_PADDING_SAME;
	project(&conv, 1, CS_SHAPE(4, 4, 1), weights_centred, ramp, target, "gradient", picture);
	same(picture, (const float[]){0, 0, 4, 5, 0, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0}, 16);
}

static void unpooling_puts_each_maximum_where_it_was(void **state)
{
	static const float image[16] = {1, 9, 2, 3, 4, 5, 8, 6, 7, 1, 2, 4, 3, 2, 1, 3};
	struct cs_layer_spec pool = case_pool(&cs_maxpool_layer, 2, 2);
	float picture[16];

	(void)state;
	project(&pool, 1, CS_SHAPE(4, 4, 1), NULL, image, whole, "deconvnet", picture);
	same(picture, (const float[]){0, 9, 0, 0, 0, 0, 8, 0, 7, 0, 0, 4, 0, 0, 0, 0}, 16);
}

static void without_switches_the_centre_rounded_down_gets_the_signal(void **state)
{
	static const float image[16] = {1, 9, 2, 3, 4, 5, 8, 6, 7, 1, 2, 4, 3, 2, 1, 3};
	struct cs_layer_spec pool = case_pool(&cs_maxpool_layer, 2, 2);
	float picture[16];

	(void)state;
	project(&pool, 1, CS_SHAPE(4, 4, 1), NULL, image, whole, "r", picture);
	same(picture, (const float[]){9, 0, 8, 0, 0, 0, 0, 0, 7, 0, 4, 0, 0, 0, 0, 0}, 16);
	pool.window[0] = pool.window[1] = 3;
	pool.stride[0] = pool.stride[1] = 1;
	project(&pool, 1, CS_SHAPE(4, 4, 1), NULL, image, whole, "none", picture);
	same(picture, (const float[]){0, 0, 0, 0, 0, 9, 9, 0, 0, 8, 8, 0, 0, 0, 0, 0}, 16);
}

static void a_centre_outside_the_map_moves_inside(void **state)
{
	struct cs_layer_spec pool = case_pool(&cs_maxpool_layer, 4, 4);
	float picture[15];

	/* 5 rows under 'same' with windows of 4: rows -1..2 and 3..6; centres 0 and 4. 3 columns: -0..3, centre 1 */
	(void)state;
	pool.padding = CS_PADDING_SAME;
	project(&pool, 1, CS_SHAPE(5, 3, 1), NULL, ramp, whole, "none", picture);
	same(picture, (const float[]){0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 0}, 15);
	pool.window[0] = 2;
	pool.window[1] = 1;
	pool.stride[0] = 3;
	pool.stride[1] = 1;
	/* 1 row, window of 2 from row 0 on: its centre is row 0 */
	project(&pool, 1, CS_SHAPE(1, 3, 1), NULL, ramp, whole, "none", picture);
	same(picture, (const float[]){1, 2, 3}, 3);
}

static void overlapping_windows_add_when_unpooled(void **state)
{
	static const float image[16] = {0, 0, 0, 0, 0, 9, 1, 0, 0, 2, 3, 0, 0, 0, 0, 5};
	struct cs_layer_spec pool = case_pool(&cs_maxpool_layer, 2, 1);
	float picture[16];

	/* maxima: 9 9 1 / 9 9 3 / 2 3 5 */
	(void)state;
	project(&pool, 1, CS_SHAPE(4, 4, 1), NULL, image, whole, "gradient", picture);
	same(picture, (const float[]){0, 0, 0, 0, 0, 36, 1, 0, 0, 2, 6, 0, 0, 0, 0, 5}, 16);
}

static void tied_windows_give_to_their_first_cell(void **state)
{
	static const float image[16] = {7, 7, 0, 7, 7, 7, 7, 7, 0, 0, 3, 3, 0, 4, 3, 3};
	struct cs_layer_spec pool = case_pool(&cs_maxpool_layer, 2, 2);
	float picture[16];

	(void)state;
	project(&pool, 1, CS_SHAPE(4, 4, 1), NULL, image, whole, "deconvnet", picture);
	same(picture, (const float[]){7, 0, 0, 7, 0, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0}, 16);
}

static void tied_overlapping_windows_add_in_their_first_cells(void **state)
{
	static const float image[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct cs_layer_spec pool = case_pool(&cs_maxpool_layer, 3, 1);
	float picture[16];

	(void)state;
	project(&pool, 1, CS_SHAPE(4, 4, 1), NULL, image, whole, "deconvnet", picture);
	same(picture, (const float[]){1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 16);
	pool.padding = CS_PADDING_SAME; /* windows from -1 to 4: the first cell inside the map */
	project(&pool, 1, CS_SHAPE(4, 4, 1), NULL, image, whole, "deconvnet", picture);
	same(picture, (const float[]){4, 2, 2, 0, 2, 1, 1, 0, 2, 1, 1, 0, 0, 0, 0, 0}, 16);
}

static void average_pooling_shares_out_over_cells_inside_the_map(void **state)
{
	struct cs_layer_spec pool = case_pool(&cs_avgpool_layer, 3, 2);
	struct cs_target target = {.layer = 0, .feature = 0, .at = CS_AT_MAP, .signal = CS_SIGNAL_ONE};
	const float a = 1.0f / 9, b = 1.0f / 6, c = 1.0f / 4;
	float picture[16];

	/* rows 0..2 and 2..3 */
	(void)state;
	pool.padding = CS_PADDING_SAME;
	project(&pool, 1, CS_SHAPE(4, 4, 1), NULL, ramp, target, "deconvnet", picture);
	same(picture,
		(const float[]){a, a, a + b, b, a, a, a + b, b, a + b, a + b, a + b + b + c, b + c, b, b, b + c, c},
		16);
}

/* Layer 0: one input, two features with weights 1 and 5; layer 1: one feature, 1 times the first, -1 times the second. */
static void weights_negative_unit(struct cs_network *network)
{
	set_kernel(network, 0, (const float[]){1, 5});
	set_kernel(network, 1, (const float[]){1, -1});
	cs_layer_param(&network->layers[1], "bias")->value.data[0] = 100;
}

static void signals_are_rectified_before_they_are_filtered(void **state)
{
	struct cs_layer_spec specs[] = {case_conv(2, 1, CS_RELU), case_conv(1, 1, CS_RELU)};
	struct cs_target target = {.layer = 1, .at = CS_AT_POSITION, .row = 2, .column = 1, .signal = CS_SIGNAL_ONE};
	float picture[16], expected[16] = {0};

	/* above layer 0 the signal is (1, -1). Rectified there, 1 comes down; unrectified, 1 - 5 = -4, which rectified after the
	 * filter would be 0 */
	(void)state;
	expected[9] = 1;
	project(specs, 2, CS_SHAPE(4, 4, 1), weights_negative_unit, ramp, target, "deconvnet", picture);
	same(picture, expected, 16);
	expected[9] = -4;
	project(specs, 2, CS_SHAPE(4, 4, 1), weights_negative_unit, ramp, target, "gradient", picture);
	same(picture, expected, 16);
	project(specs, 2, CS_SHAPE(4, 4, 1), weights_negative_unit, ramp, target, "none", picture);
	same(picture, expected, 16);
}

static void weights_dead_unit(struct cs_network *network)
{
	set_kernel(network, 0, (const float[]){1, -5});
	set_kernel(network, 1, (const float[]){2, 3});
}

static void a_mask_closes_units_that_were_not_alive(void **state)
{
	struct cs_layer_spec specs[] = {case_conv(2, 1, CS_RELU), case_conv(1, 1, CS_RELU)};
	struct cs_target target = {.layer = 1, .at = CS_AT_POSITION, .row = 0, .column = 3, .signal = CS_SIGNAL_ONE};
	float picture[16], expected[16] = {0};

	/* the second feature of layer 0 is below 0 everywhere */
	(void)state;
	expected[3] = 2;
	project(specs, 2, CS_SHAPE(4, 4, 1), weights_dead_unit, ramp, target, "guided", picture);
	same(picture, expected, 16);
	expected[3] = 2 - 15;
	project(specs, 2, CS_SHAPE(4, 4, 1), weights_dead_unit, ramp, target, "deconvnet", picture);
	same(picture, expected, 16);
}

static float first_weight, second_weight;

static void weights_of_a_pair(struct cs_network *network)
{
	set_kernel(network, 0, (const float[]){1});
	set_kernel(network, 2, (const float[]){first_weight, second_weight});
}

static void unpooling_comes_before_rectifying(void **state)
{
	/* two pooled cells, one with each sign, whose windows share the 9: what meets there is added, then rectified */
	struct cs_layer_spec specs[] = {
		case_conv(1, 1, CS_RELU), case_pool(&cs_maxpool_layer, 2, 1), case_conv(1, 1, CS_LINEAR)};
	struct cs_target target = {.layer = 2, .feature = 0, .at = CS_AT_POSITION, .signal = CS_SIGNAL_ONE};
	static const float image[16] = {0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	float picture[16], expected[16] = {0};

	(void)state;
	specs[2].kernel[1] = 2;
	first_weight = 3;
	second_weight = -1;
	expected[5] = 2;
	project(specs, 3, CS_SHAPE(4, 4, 1), weights_of_a_pair, image, target, "deconvnet", picture);
	same(picture, expected, 16);
	first_weight = 1;
	second_weight = -3;
	expected[5] = 0;
	project(specs, 3, CS_SHAPE(4, 4, 1), weights_of_a_pair, image, target, "deconvnet", picture);
	same(picture, expected, 16);
	expected[5] = -2;
	project(specs, 3, CS_SHAPE(4, 4, 1), weights_of_a_pair, image, target, "s", picture);
	same(picture, expected, 16);
}

static void batchnorm_values(struct cs_network *network)
{
	struct cs_layer *layer = &network->layers[0];

	memcpy(cs_layer_param(layer, "gamma")->value.data, (const float[]){3, -2}, 2 * sizeof(float));
	memcpy(cs_layer_param(layer, "beta")->value.data, (const float[]){50, 60}, 2 * sizeof(float));
	memcpy(cs_layer_param(layer, "moving_mean")->value.data, (const float[]){7, 8}, 2 * sizeof(float));
	memcpy(cs_layer_param(layer, "moving_variance")->value.data, (const float[]){3.5f, 24.5f}, 2 * sizeof(float));
}

static void batch_norm_multiplies_and_drops_its_shift(void **state)
{
	struct cs_layer_spec norm = cs_layer_spec_default(&cs_batchnorm_layer);
	struct cs_target target = whole;
	float picture[8];

	(void)state;
	norm.epsilon = 0.5f;
	target.signal = CS_SIGNAL_ONE;
	project(&norm, 1, CS_SHAPE(2, 2, 2), batchnorm_values, ramp, target, "gradient", picture);
	same(picture, (const float[]){1.5f, -0.4f, 1.5f, -0.4f, 1.5f, -0.4f, 1.5f, -0.4f}, 8);
}

static void rescaling_multiplies_by_its_factor_alone(void **state)
{
	struct cs_layer_spec rescale = cs_layer_spec_default(&cs_rescale_layer);
	struct cs_target target = {.layer = 0, .at = CS_AT_POSITION, .row = 1, .column = 1, .signal = CS_SIGNAL_ONE};
	float picture[4];

	(void)state;
	rescale.factor = 0.25f;
	rescale.offset = 3;
	project(&rescale, 1, CS_SHAPE(2, 2, 1), NULL, ramp, target, "deconvnet", picture);
	same(picture, (const float[]){0, 0, 0, 0.25f}, 4);
}

static void borders_are_cut_off(void **state)
{
	struct cs_layer_spec border = cs_layer_spec_default(&cs_zeropad_layer);
	float picture[16];
	struct cs_target target = {.layer = 0, .at = CS_AT_POSITION, .row = 0, .column = 0, .signal = CS_SIGNAL_ONE};

	(void)state;
	border.border[0] = border.border[3] = 1;
	border.border[1] = border.border[2] = 2;
	project(&border, 1, CS_SHAPE(4, 4, 1), NULL, ramp, whole, "deconvnet", picture);
	same(picture, ramp, 16);
	project(&border, 1, CS_SHAPE(4, 4, 1), NULL, ramp, target, "deconvnet", picture);
	same(picture, (const float[16]){0}, 16);
}

static void dense_weights(struct cs_network *network)
{
	float numbers[16 * 2];

	for (int i = 0; i < 16; i++) {
		numbers[2 * i] = (float)i;
		numbers[2 * i + 1] = -1;
	}
	set_kernel(network, 1, numbers);
}

static void a_class_score_is_projected_from_before_the_softmax(void **state)
{
	struct cs_layer_spec specs[] = {cs_layer_spec_default(&cs_flatten_layer), case_dense(2, CS_SOFTMAX)};
	struct cs_target target = {.layer = 1, .feature = 0, .at = CS_AT_MAX};
	float picture[16], expected[16];
	float score = 0;

	(void)state;
	for (int i = 0; i < 16; i++)
		score += (float)i * ramp[i];
	for (int i = 0; i < 16; i++)
		expected[i] = score * (float)i;
	project(specs, 2, CS_SHAPE(4, 4, 1), dense_weights, ramp, target, "deconvnet", picture);
	same(picture, expected, 16);
	target.feature = 1;
	target.signal = CS_SIGNAL_ONE;
	for (int i = 0; i < 16; i++)
		expected[i] = -1;
	project(specs, 2, CS_SHAPE(4, 4, 1), dense_weights, ramp, target, "deconvnet", picture);
	same(picture, expected, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unfiltering_lays_the_kernel_down_where_the_unit_stands),
		cmocka_unit_test(unfiltering_scales_with_the_activation),
		cmocka_unit_test(blocks_of_neighbouring_units_add),
		cmocka_unit_test(a_stride_leaves_blocks_apart),
		cmocka_unit_test(what_falls_outside_under_same_padding_is_cut),
		cmocka_unit_test(unpooling_puts_each_maximum_where_it_was),
		cmocka_unit_test(without_switches_the_centre_rounded_down_gets_the_signal),
		cmocka_unit_test(a_centre_outside_the_map_moves_inside),
		cmocka_unit_test(overlapping_windows_add_when_unpooled),
		cmocka_unit_test(tied_windows_give_to_their_first_cell),
		cmocka_unit_test(tied_overlapping_windows_add_in_their_first_cells),
		cmocka_unit_test(average_pooling_shares_out_over_cells_inside_the_map),
		cmocka_unit_test(signals_are_rectified_before_they_are_filtered),
		cmocka_unit_test(a_mask_closes_units_that_were_not_alive),
		cmocka_unit_test(unpooling_comes_before_rectifying),
		cmocka_unit_test(batch_norm_multiplies_and_drops_its_shift),
		cmocka_unit_test(rescaling_multiplies_by_its_factor_alone),
		cmocka_unit_test(borders_are_cut_off),
		cmocka_unit_test(a_class_score_is_projected_from_before_the_softmax),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
