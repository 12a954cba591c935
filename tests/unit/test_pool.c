/* test_pool.c: max, average and global pools: their numbers, their switches as pool.h defines them, and their transposes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/pool.h"
#include "tests/unit/layer_case.h"
#include "tests/unit/reference.h"

static struct cs_layer_spec pool_spec(const struct cs_layer_ops *ops, int64_t window, int64_t stride)
{
	struct cs_layer_spec spec = case_spec(ops);

	spec.window[0] = spec.window[1] = window;
	spec.stride[0] = spec.stride[1] = stride;
	return spec;
}

/* The definition, read aloud: maximum and switch of one window of one channel. */
static void reference_window(const struct cs_layer *l, const float *plane, int64_t row, int64_t column, int64_t channel,
	float *max, cs_switch *cell)
{
	int64_t h = l->in.dim[0], w = l->in.dim[1], c = l->in.dim[2];
	bool found = false;

	for (int64_t i = 0; i < l->spec.window[0] * l->spec.window[1]; i++) {
		int64_t y = row * l->spec.stride[0] - l->pad_top + i / l->spec.window[1];
		int64_t x = column * l->spec.stride[1] - l->pad_left + i % l->spec.window[1];
		float value;

		if (y < 0 || y >= h || x < 0 || x >= w)
			continue;
		value = plane[(y * w + x) * c + channel];
		if (!found || (!isnan(*max) && (isnan(value) || value > *max))) {
			*max = value;
			*cell = (cs_switch)i;
		}
		found = true;
	}
	assert_true(found);
}

static void check_against_definition(struct layer_case *c)
{
	const struct cs_layer *l = &c->layer;
	int64_t oh = l->out.dim[0], ow = l->out.dim[1], channels = l->out.dim[2];
	int64_t image_size = cs_shape_count(&l->in);
	double *d_in = reference_doubles(c->in_size);

	case_forward(c);
	case_backward(c);
	for (int64_t i = 0; i < c->out_size; i++) {
		int64_t channel = i % channels, column = i / channels % ow, row = i / channels / ow % oh;
		int64_t image = i / channels / ow / oh, position;
		cs_switch cell = 0;
		float max = 0;

		reference_window(l, c->in + image * image_size, row, column, channel, &max, &cell);
		assert_int_equal(c->pass.switches[i], cell);
		assert_memory_equal(&c->out[i], &max, sizeof max);
		position = cs_pool_position(l, row, column, cell);
		assert_in_range(position, 0, l->in.dim[0] * l->in.dim[1] - 1);
		d_in[image * image_size + position * channels + channel] += c->d_out_given[i];
	}
	case_compare("unpooled gradient", c->d_in, d_in, c->in_size, 1e-6);
	free(d_in);
}

/* Few distinct values, so that ties are everywhere; sometimes all zero, sometimes a NaN. */
static void make_ties(struct layer_case *c, struct cs_random *random)
{
	uint32_t values = 1 + cs_random_below(random, 4);
	bool nans = cs_random_below(random, 4) == 0;

	for (int64_t i = 0; i < c->in_size; i++) {
		c->in[i] = (float)cs_random_below(random, values);
		if (nans && cs_random_below(random, 20) == 0)
			c->in[i] = NAN;
	}
}

static struct cs_shape random_map(struct cs_random *random, const struct cs_layer_spec *spec)
{
	int64_t dim[2];

	for (int axis = 0; axis < 2; axis++)
		dim[axis] = (spec->padding == CS_PADDING_SAME ? 1 : spec->window[axis]) + cs_random_below(random, 12);
	return CS_SHAPE(dim[0], dim[1], CASE_PICK(random, 1, 2, 3, 8, 15, 16, 17, 40));
}

static struct cs_layer_spec random_pool(struct cs_random *random, const struct cs_layer_ops *ops)
{
	struct cs_layer_spec spec = case_spec(ops);

	for (int axis = 0; axis < 2; axis++) {
		spec.window[axis] = CASE_PICK(random, 1, 2, 2, 3, 3, 4, 7);
		spec.stride[axis] = CASE_PICK(random, 0, 0, 1, 2, 3, 5, 9);
	}
	spec.padding = cs_random_below(random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
	return spec;
}

static void random_windows_follow_the_definition(void **state)
{
	struct cs_random random = case_random(1);

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct cs_layer_spec spec = random_pool(&random, &cs_maxpool_layer);
		struct layer_case c;

		case_open(&c, &spec, random_map(&random, &spec), 1 + (int)cs_random_below(&random, 5), 2, &random);
		if (cs_random_below(&random, 2))
			make_ties(&c, &random);
		check_against_definition(&c);
		case_close(&c);
	}
}

static void open_small(
	struct layer_case *c, const struct cs_layer_spec *spec, int64_t h, int64_t w, const float *values)
{
	struct cs_random random = case_random(2);

	case_open(c, spec, CS_SHAPE(h, w, 1), 1, 0, &random);
	memcpy(c->in, values, (size_t)(h * w) * sizeof *values);
	for (int64_t i = 0; i < c->out_size; i++)
		c->d_out_given[i] = (float)(i + 1);
}

static void ties_go_to_the_first_cell(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 2, 2);
	const float values[] = {0, 0, 1, 2, 0, 0, 2, 2};
	struct layer_case c;

	(void)state;
	open_small(&c, &spec, 2, 4, values);
	case_forward(&c);
	assert_int_equal(c.pass.switches[0], 0); /* all zero */
	assert_int_equal(c.pass.switches[1], 1); /* three twos: the first in row-major order */
	case_close(&c);
}

static void negative_zero_and_zero_are_a_tie(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 2, 2);
	const float values[] = {-0.0f, 0.0f, 0.0f, -0.0f};
	struct layer_case c;

	(void)state;
	open_small(&c, &spec, 2, 2, values);
	case_forward(&c);
	assert_int_equal(c.pass.switches[0], 0);
	case_close(&c);
}

static void nan_wins_its_window_and_the_first_nan_stays(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 2, 2);
	const float values[] = {1, NAN, INFINITY, NAN, NAN, 9, 9, -INFINITY};
	struct layer_case c;

	(void)state;
	open_small(&c, &spec, 2, 4, values);
	case_forward(&c);
	assert_true(isnan(c.out[0]) && isnan(c.out[1]));
	assert_int_equal(c.pass.switches[0], 1);
	assert_int_equal(c.pass.switches[1], 1);
	case_close(&c);
}

static void windows_of_minus_infinity_have_their_first_cell(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 2, 2);
	const float values[] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
	struct layer_case c;

	(void)state;
	open_small(&c, &spec, 2, 2, values);
	case_forward(&c);
	assert_true(c.out[0] == -INFINITY);
	assert_int_equal(c.pass.switches[0], 0);
	case_close(&c);
}

static void padding_never_wins(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 3, 1);
	const float values[] = {-4, -3, -2, -1};
	struct layer_case c;

	(void)state;
	spec.padding = CS_PADDING_SAME;
	open_small(&c, &spec, 2, 2, values);
	check_against_definition(&c);
	for (int i = 0; i < 4; i++)
		assert_true(c.out[i] == -1); /* not the zeros outside */
	/* the cell is counted within the window, parts outside the map included */
	assert_int_equal(c.pass.switches[0], 8);
	assert_int_equal(c.pass.switches[3], 4);
	case_close(&c);
}

static void windows_of_zeros_have_their_first_cell_inside_the_map(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 3, 1);
	const float values[4] = {0};
	struct layer_case c;

	(void)state;
	spec.padding = CS_PADDING_SAME;
	open_small(&c, &spec, 2, 2, values);
	case_forward(&c);
	assert_int_equal(c.pass.switches[0], 4); /* the window begins one row and one column outside */
	assert_int_equal(c.pass.switches[1], 3);
	assert_int_equal(c.pass.switches[2], 1);
	assert_int_equal(c.pass.switches[3], 0);
	case_close(&c);
}

static void overlapping_windows_add_when_unpooled(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 2, 1);
	const float values[] = {0, 0, 0, 0, 7, 0, 0, 0, 0};
	const float expected[] = {0, 0, 0, 0, 1 + 2 + 3 + 4, 0, 0, 0, 0};
	struct layer_case c;

	(void)state;
	open_small(&c, &spec, 3, 3, values);
	case_forward(&c);
	case_backward(&c);
	assert_memory_equal(c.d_in, expected, sizeof expected);
	case_close(&c);
}

static void cells_no_window_sees_get_no_gradient(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 1, 2);
	const float values[] = {5, 6, 7, 8, 9, 10, 11, 12, 13};
	const float expected[] = {1, 0, 2, 0, 0, 0, 3, 0, 4};
	struct layer_case c;

	(void)state;
	open_small(&c, &spec, 3, 3, values);
	case_forward(&c);
	case_backward(&c);
	assert_memory_equal(c.d_in, expected, sizeof expected);
	case_close(&c);
}

static void switches_are_optional(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 3, 2);
	struct cs_random random = case_random(3);
	struct layer_case c;
	float *with;

	(void)state;
	case_open(&c, &spec, CS_SHAPE(9, 11, 5), 3, 0, &random);
	with = case_floats(c.out_size);
	case_forward(&c);
	memcpy(with, c.out, (size_t)c.out_size * sizeof *with);
	cs_free(c.pass.switches);
	c.pass.switches = NULL;
	case_forward(&c);
	assert_memory_equal(with, c.out, (size_t)c.out_size * sizeof *with);
	cs_free(with);
	case_close(&c);
}

static void windows_too_large_for_a_switch_are_refused(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 256, 0);
	struct cs_error error;
	struct layer_case c;

	(void)state;
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(300, 300, 1), &error), CS_ERR_SHAPE); /* 65536 cells */
	assert_non_null(strstr(error.message, "256x256"));
	spec.window[1] = 255;
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(300, 300, 1), &error), CS_OK);
	spec = case_spec(&cs_global_maxpool_layer);
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(256, 256, 1), &error), CS_ERR_SHAPE);
	assert_non_null(strstr(error.message, "256x256"));
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(255, 257, 1), &error), CS_OK);
}

static void the_largest_window_has_a_right_switch(void **state)
{
	struct cs_layer_spec spec = case_spec(&cs_global_maxpool_layer);
	struct cs_random random = case_random(4);
	struct layer_case c;

	(void)state;
	case_open(&c, &spec, CS_SHAPE(255, 257, 2), 1, 0, &random);
	c.in[65534 * 2 + 1] = 100;
	case_forward(&c);
	assert_int_equal(c.pass.switches[1], 65534);
	case_close(&c);
}

static void shape_errors_say_what_was_found_and_what_to_do(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 3, 0);
	struct cs_error error;
	struct layer_case c;

	(void)state;
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(2, 9, 64), &error), CS_ERR_SHAPE);
	assert_non_null(strstr(error.message, "needs at least 3x3 pixels, but layer 2 leaves 2x9x64"));
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(64), &error), CS_ERR_SHAPE);
	spec.stride[0] = -1;
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(9, 9, 1), &error), CS_ERR_ARGUMENT);
	spec = pool_spec(&cs_avgpool_layer, 0, 1);
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(9, 9, 1), &error), CS_ERR_ARGUMENT);
	spec = case_spec(&cs_global_avgpool_layer);
	assert_int_equal(case_shape(&c, &spec, CS_SHAPE(64), &error), CS_ERR_SHAPE);
}

static void threads_do_not_change_a_bit(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_maxpool_layer, 3, 2);

	(void)state;
	case_same_bits(&spec, CS_SHAPE(19, 20, 33), 5);
	spec.ops = &cs_avgpool_layer;
	case_same_bits(&spec, CS_SHAPE(19, 20, 33), 5);
	spec.ops = &cs_global_avgpool_layer;
	case_same_bits(&spec, CS_SHAPE(19, 20, 33), 5);
	spec.ops = &cs_global_maxpool_layer;
	case_same_bits(&spec, CS_SHAPE(19, 20, 33), 5);
}

/* Mean over the cells inside the map, and its transpose, in double precision. */
static void check_average(struct layer_case *c)
{
	const struct cs_layer *l = &c->layer;
	bool global = l->out.rank == 1;
	int64_t h = l->in.dim[0], w = l->in.dim[1], channels = l->in.dim[2];
	int64_t oh = global ? 1 : l->out.dim[0], ow = global ? 1 : l->out.dim[1];
	double *out = reference_doubles(c->out_size), *d_in = reference_doubles(c->in_size);

	case_forward(c);
	case_backward(c);
	for (int64_t i = 0; i < c->out_size; i++) {
		int64_t channel = i % channels, column = i / channels % ow, row = i / channels / ow % oh;
		int64_t image = i / channels / ow / oh, cells = 0;

		for (int pass = 0; pass < 2; pass++) {
			for (int64_t k = 0; k < l->spec.window[0] * l->spec.window[1]; k++) {
				int64_t y = row * l->spec.stride[0] - l->pad_top + k / l->spec.window[1];
				int64_t x = column * l->spec.stride[1] - l->pad_left + k % l->spec.window[1];
				int64_t at = ((image * h + y) * w + x) * channels + channel;

				if (y < 0 || y >= h || x < 0 || x >= w)
					continue;
				if (pass == 0) {
					cells++;
					out[i] += c->in[at];
				} else {
					d_in[at] += (double)c->d_out_given[i] / (double)cells;
				}
			}
		}
		out[i] /= (double)cells;
	}
	case_compare("means", c->out, out, c->out_size, 1e-6);
	case_compare("shares", c->d_in, d_in, c->in_size, 1e-6);
	free(out);
	free(d_in);
}

static void random_averages_match_double_precision(void **state)
{
	struct cs_random random = case_random(5);

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct cs_layer_spec spec = random_pool(&random, i % 4 ? &cs_avgpool_layer : &cs_global_avgpool_layer);
		struct layer_case c;

		case_open(&c, &spec, random_map(&random, &spec), 1 + (int)cs_random_below(&random, 5), 2, &random);
		check_average(&c);
		case_close(&c);
	}
}

static void padding_does_not_count_in_an_average(void **state)
{
	struct cs_layer_spec spec = pool_spec(&cs_avgpool_layer, 3, 1);
	const float values[] = {1, 1, 1, 1};
	struct layer_case c;

	(void)state;
	spec.padding = CS_PADDING_SAME;
	open_small(&c, &spec, 2, 2, values);
	case_forward(&c);
	for (int i = 0; i < 4; i++)
		assert_true(c.out[i] == 1);
	case_close(&c);
}

static void global_maximum_keeps_its_position(void **state)
{
	struct cs_random random = case_random(6);

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct cs_layer_spec spec = case_spec(&cs_global_maxpool_layer);
		int64_t h = 1 + cs_random_below(&random, 9), w = 1 + cs_random_below(&random, 9);
		struct layer_case c;

		case_open(&c, &spec, CS_SHAPE(h, w, CASE_PICK(&random, 1, 3, 16, 33)), 3, 2, &random);
		if (i % 2)
			make_ties(&c, &random);
		assert_int_equal(c.layer.out.rank, 1);
		case_forward(&c);
		case_backward(&c);
		for (int64_t k = 0; k < c.out_size; k++) {
			int64_t channels = c.layer.in.dim[2], image = k / channels;
			cs_switch cell = 0;
			float max = 0;

			reference_window(&c.layer, c.in + image * h * w * channels, 0, 0, k % channels, &max, &cell);
			assert_int_equal(c.pass.switches[k], cell);
			assert_int_equal(cs_pool_position(&c.layer, 0, 0, cell), cell);
			for (int64_t p = 0; p < h * w; p++)
				assert_true(c.d_in[(image * h * w + p) * channels + k % channels] ==
					(p == cell ? c.d_out_given[k] : 0));
		}
		case_close(&c);
	}
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_windows_follow_the_definition),
		cmocka_unit_test(ties_go_to_the_first_cell),
		cmocka_unit_test(negative_zero_and_zero_are_a_tie),
		cmocka_unit_test(nan_wins_its_window_and_the_first_nan_stays),
		cmocka_unit_test(windows_of_minus_infinity_have_their_first_cell),
		cmocka_unit_test(padding_never_wins),
		cmocka_unit_test(windows_of_zeros_have_their_first_cell_inside_the_map),
		cmocka_unit_test(overlapping_windows_add_when_unpooled),
		cmocka_unit_test(cells_no_window_sees_get_no_gradient),
		cmocka_unit_test(switches_are_optional),
		cmocka_unit_test(windows_too_large_for_a_switch_are_refused),
		cmocka_unit_test(the_largest_window_has_a_right_switch),
		cmocka_unit_test(shape_errors_say_what_was_found_and_what_to_do),
		cmocka_unit_test(threads_do_not_change_a_bit),
		cmocka_unit_test(random_averages_match_double_precision),
		cmocka_unit_test(padding_does_not_count_in_an_average),
		cmocka_unit_test(global_maximum_keeps_its_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return case_every_isa(run);
}
