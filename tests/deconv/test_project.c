/* What cs_project promises beyond its numbers: windows, workers, batches, silence, refusals, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/cpu.h"
#include "core/job.h"
#include "tests/deconv/deconv_case.h"

enum { MANY = 70, IMAGES = 2 };

static const struct cs_rule deconvnet = {.switches = true, .rectify = true};

/* conv, pool, conv, pool, dropout, conv, pool, flatten, dense: the shape of the seed network, small. */
static struct cs_network *small_seed(enum cs_activation activation)
{
	struct cs_layer_spec specs[] = {
		case_conv(52, 5, activation),
		case_pool(&cs_maxpool_layer, 3, 0),
		case_conv(36, 3, activation),
		case_pool(&cs_maxpool_layer, 2, 0),
		cs_layer_spec_default(&cs_dropout_layer),
		case_conv(24, 3, activation),
		case_pool(&cs_maxpool_layer, 2, 0),
		cs_layer_spec_default(&cs_flatten_layer),
		case_dense(10, CS_SOFTMAX),
	};
	struct cs_network *network;

	assert_int_equal(cs_network_new(CS_SHAPE(40, 46, 3), specs, 9, 3, &network, NULL), CS_OK);
	case_randomise(network, 3);
	return network;
}

static void draw_targets(const struct cs_trace *trace, struct cs_target *targets, int count)
{
	struct cs_random random = case_random(9);

	for (int t = 0; t < count; t++)
		targets[t] = case_target(
			&random, trace, t % 2 ? 5 : (int)case_between(&random, 0, trace->network->layer_count - 1));
}

static void project(const struct cs_trace *trace, const struct cs_target *targets, int count, struct cs_rule rule,
	struct cs_tensor *out, struct cs_projection *infos)
{
	struct cs_error error;

	if (cs_project(trace, targets, count, rule, out, infos, NULL, &error))
		fail_msg("%s", error.message);
}

static void projections_are_the_same_bits_for_any_number_of_workers(void **state)
{
	struct cs_network *network = small_seed(CS_RELU);
	size_t bytes = MANY * (size_t)cs_shape_count(&network->input) * sizeof(float);
	struct cs_target targets[MANY];
	struct cs_projection infos[3][MANY];
	struct cs_tensor out[3];

	(void)state;
	for (int w = 0; w < 3; w++) {
		struct cs_workers *workers;
		struct cs_trace *trace;

		assert_int_equal(cs_workers_new(1 << w, &workers, NULL), CS_OK);
		trace = case_trace(network, CS_TRACE_ALL, IMAGES, workers, 4);
		out[w] = case_pictures(network, MANY);
		draw_targets(trace, targets, MANY);
		project(trace, targets, MANY, deconvnet, &out[w], infos[w]);
		cs_trace_free(trace);
		cs_workers_free(workers);
	}
	assert_memory_equal(out[0].data, out[1].data, bytes);
	assert_memory_equal(out[0].data, out[2].data, bytes);
	for (int t = 0; t < MANY; t++) {
		assert_true(infos[0][t].norm == infos[1][t].norm && infos[0][t].norm == infos[2][t].norm);
		assert_true(infos[0][t].min == infos[2][t].min && infos[0][t].max == infos[2][t].max);
	}
	for (int w = 0; w < 3; w++)
		cs_tensor_fini(&out[w]);
	cs_network_free(network);
}

static void a_batch_of_targets_equals_its_targets_one_by_one(void **state)
{
	struct cs_network *network = small_seed(CS_RELU);
	struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, IMAGES, NULL, 4);
	int64_t count = cs_shape_count(&network->input);
	struct cs_tensor all = case_pictures(network, MANY), one = case_pictures(network, 1);
	double *expected = calloc((size_t)count, sizeof *expected);
	struct cs_target targets[MANY];
	struct cs_projection infos[MANY], info;

	(void)state;
	draw_targets(trace, targets, MANY);
	for (int r = 0; r < 8; r++) {
		struct cs_rule rule;

		cs_rule_parse(cs_rule_names[r], &rule, NULL);
		project(trace, targets, MANY, rule, &all, infos);
		for (int t = 0; t < MANY; t++) {
			project(trace, &targets[t], 1, rule, &one, &info);
			for (int64_t i = 0; i < count; i++)
				expected[i] = (double)one.data[i];
			assert_true(case_difference(all.data + t * count, expected, count) < 2e-6);
			assert_true(infos[t].value == info.value && infos[t].row == info.row &&
				infos[t].column == info.column);
		}
	}
	free(expected);
	cs_tensor_fini(&all);
	cs_tensor_fini(&one);
	cs_trace_free(trace);
	cs_network_free(network);
}

/* The same unit from its own window and from a whole map in which it is the only one alive. */
static void a_window_gives_what_the_whole_map_gives(void **state)
{
	static const int layers[] = {0, 1, 2, 3, 5, 6};

	(void)state;
	for (int n = 0; n < 12; n++) {
		struct cs_network *network = small_seed(n % 2 ? CS_RELU : CS_ELU);
		struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, IMAGES, NULL, (uint64_t)n);
		struct cs_tensor narrow = case_pictures(network, 1), wide = case_pictures(network, 1);
		int64_t count = cs_shape_count(&network->input);
		double *expected = calloc((size_t)count, sizeof *expected);
		struct cs_target target = {.image = 1, .layer = layers[n / 2], .feature = 7, .at = CS_AT_MAX};
		int64_t size = cs_shape_count(&network->layers[target.layer].out);
		float *values = trace->slots[target.layer].out.data + size;
		int64_t channels = network->layers[target.layer].out.dim[2],
			width = network->layers[target.layer].out.dim[1];
		struct cs_projection info;
		struct cs_rule rule = deconvnet;

		rule.mask = n % 3 == 0;
		do
			project(trace, &target, 1, rule, &narrow, &info);
		while (info.silent && ++target.feature < channels);
		assert_false(info.silent);
		for (int64_t p = 0; p < size / channels; p++) {
			if (p != info.row * width + info.column)
				values[p * channels + target.feature] = 0;
		}
		target.at = CS_AT_MAP;
		project(trace, &target, 1, rule, &wide, NULL);
		for (int64_t i = 0; i < count; i++)
			expected[i] = (double)wide.data[i];
		assert_true(case_difference(narrow.data, expected, count) < 2e-6);
		free(expected);
		cs_tensor_fini(&narrow);
		cs_tensor_fini(&wide);
		cs_trace_free(trace);
		cs_network_free(network);
	}
}

static void nothing_lies_outside_the_part_of_the_input_that_is_reported(void **state)
{
	struct cs_network *network = small_seed(CS_ELU);
	struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, IMAGES, NULL, 4);
	struct cs_tensor out = case_pictures(network, MANY);
	struct cs_target targets[MANY];
	struct cs_projection infos[MANY];

	(void)state;
	draw_targets(trace, targets, MANY);
	project(trace, targets, MANY, (struct cs_rule){.switches = true}, &out, infos);
	for (int t = 0; t < MANY; t++) {
		const struct cs_projection *info = &infos[t];
		struct cs_field field = cs_network_field(network, targets[t].layer);
		float low = 0, high = 0;
		double norm = 0;

		for (int64_t i = 0; i < 40 * 46 * 3; i++) {
			float x = out.data[t * 40 * 46 * 3 + i];
			int64_t row = i / 3 / 46, column = i / 3 % 46;

			if (row < info->top || row >= info->bottom || column < info->left || column >= info->right)
				assert_true(x == 0);
			low = x < low ? x : low;
			high = x > high ? x : high;
			norm += (double)x * (double)x;
		}
		if (info->min < 0 || info->max > 0) {
			assert_true(info->min <= low && info->max >= high);
			assert_true(info->min == low || low == 0);
			assert_true(info->max == high || high == 0);
		}
		assert_true(fabs(info->norm - sqrt(norm)) <= 1e-6 * sqrt(norm));
		if (info->row >= 0 && targets[t].layer < 7) { /* the receptive field of the unit, no padding here */
			assert_int_equal(info->top, field.start[0] + info->row * field.step[0]);
			assert_int_equal(info->left, field.start[1] + info->column * field.step[1]);
			assert_int_equal(info->bottom - info->top, field.size[0]);
			assert_int_equal(info->right - info->left, field.size[1]);
		} else {
			assert_int_equal(info->top, 0);
			assert_true(info->bottom <= 40 && info->right <= 46);
		}
	}
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	cs_network_free(network);
}

static void a_silent_feature_is_said_to_be_silent(void **state)
{
	struct cs_network *network = small_seed(CS_RELU);
	struct cs_trace *trace;
	struct cs_tensor out = case_pictures(network, 4);
	struct cs_target targets[4] = {
		{.layer = 2, .feature = 5, .at = CS_AT_MAX},
		{.layer = 2, .feature = 5, .at = CS_AT_MAP},
		{.layer = 2, .feature = 5, .at = CS_AT_MAX, .signal = CS_SIGNAL_ONE},
		{.layer = 2, .feature = 6, .at = CS_AT_MAX},
	};
	struct cs_projection infos[4];
	int64_t count = cs_shape_count(&network->input);

	(void)state;
	cs_layer_param(&network->layers[2], "bias")->value.data[5] = -1e6f;
	trace = case_trace(network, CS_TRACE_ALL, IMAGES, NULL, 4);
	project(trace, targets, 4, deconvnet, &out, infos);
	for (int t = 0; t < 2; t++) {
		assert_true(infos[t].silent && infos[t].value == 0 && infos[t].norm == 0);
		for (int64_t i = 0; i < count; i++)
			assert_true(out.data[t * count + i] == 0);
	}
	assert_false(infos[2].silent);
	assert_true(infos[2].norm > 0 && infos[2].row == 0 && infos[2].column == 0);
	assert_false(infos[3].silent);
	assert_true(infos[3].value > 0 && infos[3].norm > 0);
	assert_int_equal(infos[1].row, -1);
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	cs_network_free(network);
}

static void the_strongest_position_is_the_first_of_equals_and_never_nan(void **state)
{
	struct cs_layer_spec conv = case_conv(2, 1, CS_LINEAR);
	struct cs_network *network;
	struct cs_trace *trace;
	int64_t row, column;
	float value;
	float *values;

	(void)state;
	assert_int_equal(cs_network_new(CS_SHAPE(3, 4, 1), &conv, 1, 1, &network, NULL), CS_OK);
	trace = case_trace(network, CS_TRACE_ALL, 2, NULL, 1);
	values = trace->slots[0].out.data + 24;
	for (int i = 0; i < 12; i++)
		values[2 * i + 1] = (float)(i % 7) - 10;
	values[2 * 0 + 1] = NAN;
	cs_strongest(trace, 0, 1, 1, &row, &column, &value);
	assert_true(row == 1 && column == 2 && value == -4);
	values[2 * 9 + 1] = values[2 * 11 + 1] = 3;
	cs_strongest(trace, 0, 1, 1, &row, &column, &value);
	assert_true(row == 2 && column == 1 && value == 3);
	for (int i = 0; i < 12; i++)
		values[2 * i + 1] = NAN;
	cs_strongest(trace, 0, 1, 1, &row, &column, &value);
	assert_true(row == 0 && column == 0 && isnan(value));
	cs_trace_free(trace);
	cs_network_free(network);
}

static void refuse(const struct cs_trace *trace, struct cs_target target, enum cs_status expected, const char *word)
{
	struct cs_tensor out = case_pictures(trace->network, 1);
	struct cs_error error = {0};

	assert_int_equal(cs_project(trace, &target, 1, deconvnet, &out, NULL, NULL, &error), expected);
	if (!strstr(error.message, word))
		fail_msg("'%s' does not name '%s'", error.message, word);
	for (int64_t i = 0; i < cs_tensor_count(&out); i++)
		assert_true(out.data[i] == 1e30f);
	cs_tensor_fini(&out);
}

static void targets_that_do_not_exist_are_refused_with_the_range(void **state)
{
	struct cs_network *network = small_seed(CS_RELU);
	struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, IMAGES, NULL, 4);
	struct cs_trace *narrow = case_trace(network, CS_TRACE_OUTPUT, IMAGES, NULL, 4);

	(void)state;
	refuse(trace, (struct cs_target){.layer = 9}, CS_ERR_ARGUMENT, "0 to 8");
	refuse(trace, (struct cs_target){.layer = -1}, CS_ERR_ARGUMENT, "0 to 8");
	refuse(trace, (struct cs_target){.image = 2}, CS_ERR_ARGUMENT, "0 to 1");
	refuse(trace, (struct cs_target){.layer = 2, .feature = 36}, CS_ERR_ARGUMENT, "0 to 35");
	refuse(trace, (struct cs_target){.layer = 2, .feature = -2}, CS_ERR_ARGUMENT, "conv2");
	refuse(trace, (struct cs_target){.layer = 2, .feature = -1}, CS_ERR_ARGUMENT, "map");
	refuse(trace, (struct cs_target){.layer = 2, .at = CS_AT_POSITION, .row = 10}, CS_ERR_ARGUMENT, "rows 0 to 9");
	refuse(trace, (struct cs_target){.layer = 2, .at = CS_AT_POSITION, .column = -1}, CS_ERR_ARGUMENT,
		"columns 0 to 11");
	refuse(narrow, (struct cs_target){.layer = 2}, CS_ERR_ARGUMENT, "every layer");
	cs_trace_free(trace);
	cs_trace_free(narrow);
	cs_network_free(network);
}

static void a_softmax_inside_the_way_is_refused(void **state)
{
	struct cs_layer_spec specs[] = {case_conv(4, 1, CS_SOFTMAX), case_conv(3, 1, CS_RELU)};
	struct cs_network *network;
	struct cs_trace *trace;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_network_new(CS_SHAPE(4, 4, 1), specs, 2, 1, &network, NULL), CS_OK);
	trace = case_trace(network, CS_TRACE_ALL, 1, NULL, 1);
	refuse(trace, (struct cs_target){.layer = 1}, CS_ERR_UNSUPPORTED, "layer 0");
	assert_int_equal(cs_project_check(network, 1, &error), CS_ERR_UNSUPPORTED);
	assert_int_equal(cs_project_check(network, 0, &error), CS_OK);
	assert_int_equal(cs_project_check(network, 2, &error), CS_ERR_ARGUMENT);
	cs_trace_free(trace);
	cs_network_free(network);
}

static void a_kind_that_cannot_be_reversed_is_named(void **state)
{
	struct cs_layer_spec conv = case_conv(4, 1, CS_RELU);
	struct cs_layer_ops stranger = cs_conv_layer;
	struct cs_network *network;
	struct cs_trace *trace;

	(void)state;
	conv.ops = &stranger; /* behaves as a convolution, but has no row in the table of inverses */
	assert_int_equal(cs_network_new(CS_SHAPE(4, 4, 1), &conv, 1, 1, &network, NULL), CS_OK);
	trace = case_trace(network, CS_TRACE_ALL, 1, NULL, 1);
	refuse(trace, (struct cs_target){.layer = 0}, CS_ERR_UNSUPPORTED, "layer 0 (conv 1x1, 4 features");
	cs_trace_free(trace);
	cs_network_free(network);
}

static void a_training_pass_is_refused(void **state)
{
	struct cs_network *network = small_seed(CS_RELU);
	struct cs_trace *trace = case_trace(network, CS_TRACE_TRAIN, 1, NULL, 1);
	struct cs_tensor images = cs_tensor_view(trace->input.data, CS_SHAPE(1, 40, 46, 3));

	(void)state;
	cs_network_forward_training(trace, &images, 1, 1);
	refuse(trace, (struct cs_target){.layer = 2}, CS_ERR_ARGUMENT, "inference");
	cs_trace_free(trace);
	cs_network_free(network);
}

static void every_failed_allocation_is_reported(void **state)
{
	struct cs_network *network = small_seed(CS_RELU);
	struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, IMAGES, NULL, 4);
	struct cs_tensor out = case_pictures(network, MANY);
	struct cs_target targets[MANY];
	struct cs_error error;
	enum cs_status status = CS_ERR_MEMORY;
	int failures = 0;

	(void)state;
	draw_targets(trace, targets, MANY);
	for (long nth = 1; status; nth++) {
		cs_alloc_fail_after(nth);
		status = cs_project(trace, targets, MANY, deconvnet, &out, NULL, NULL, &error);
		cs_alloc_fail_after(0);
		if (status) {
			assert_int_equal(status, CS_ERR_MEMORY);
			assert_true(strlen(error.message) > 10);
			failures++;
		}
	}
	assert_in_range(failures, 8, 30);
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	cs_network_free(network);
}

static void a_cancelled_job_ends_it(void **state)
{
	struct cs_network *network = small_seed(CS_RELU);
	struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, 1, NULL, 4);
	struct cs_tensor out = case_pictures(network, 1);
	struct cs_target target = {.layer = 5, .feature = 1, .at = CS_AT_MAX, .signal = CS_SIGNAL_ONE};
	struct cs_error error;
	struct cs_job job;

	(void)state;
	cs_job_init(&job);
	assert_int_equal(cs_project(trace, &target, 1, deconvnet, &out, NULL, &job, &error), CS_OK);
	cs_job_cancel(&job);
	assert_int_equal(cs_project(trace, &target, 1, deconvnet, &out, NULL, &job, &error), CS_ERR_CANCELLED);
	cs_job_fini(&job);
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	cs_network_free(network);
}

static void no_targets_is_no_work(void **state)
{
	struct cs_network *network = small_seed(CS_RELU);
	struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, 1, NULL, 4);
	struct cs_tensor out = case_pictures(network, 1);

	(void)state;
	project(trace, NULL, 0, deconvnet, &out, NULL);
	assert_true(out.data[0] == 1e30f);
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	cs_network_free(network);
}

/* Each instruction set that this machine has gives the same pictures up to rounding. */
static void instruction_sets_agree(void **state)
{
	static const char *const names[] = {"portable", "avx2", "avx512"};
	struct cs_network *network = small_seed(CS_RELU);
	struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, IMAGES, NULL, 4);
	struct cs_tensor first = case_pictures(network, MANY), out = case_pictures(network, MANY);
	int64_t count = cs_shape_count(&network->input);
	double *expected = calloc((size_t)(MANY * count), sizeof *expected);
	char *before = getenv("CONVSCOPE_ISA") ? strdup(getenv("CONVSCOPE_ISA")) : NULL;
	struct cs_target targets[MANY];

	(void)state;
	draw_targets(trace, targets, MANY);
	for (int isa = 0; isa <= (int)cs_cpu_isa(); isa++) {
		setenv("CONVSCOPE_ISA", names[isa], 1);
		project(trace, targets, MANY, deconvnet, isa ? &out : &first, NULL);
		for (int64_t i = 0; !isa && i < MANY * count; i++)
			expected[i] = (double)first.data[i];
		for (int t = 0; isa && t < MANY; t++)
			assert_true(case_difference(out.data + t * count, expected + t * count, count) < 2e-6);
	}
	if (before)
		setenv("CONVSCOPE_ISA", before, 1);
	else
		unsetenv("CONVSCOPE_ISA");
	free(before);
	free(expected);
	cs_tensor_fini(&first);
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	cs_network_free(network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(projections_are_the_same_bits_for_any_number_of_workers),
		cmocka_unit_test(a_batch_of_targets_equals_its_targets_one_by_one),
		cmocka_unit_test(a_window_gives_what_the_whole_map_gives),
		cmocka_unit_test(nothing_lies_outside_the_part_of_the_input_that_is_reported),
		cmocka_unit_test(a_silent_feature_is_said_to_be_silent),
		cmocka_unit_test(the_strongest_position_is_the_first_of_equals_and_never_nan),
		cmocka_unit_test(targets_that_do_not_exist_are_refused_with_the_range),
		cmocka_unit_test(a_softmax_inside_the_way_is_refused),
		cmocka_unit_test(a_kind_that_cannot_be_reversed_is_named),
		cmocka_unit_test(a_training_pass_is_refused),
		cmocka_unit_test(every_failed_allocation_is_reported),
		cmocka_unit_test(a_cancelled_job_ends_it),
		cmocka_unit_test(no_targets_is_no_work),
		cmocka_unit_test(instruction_sets_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
