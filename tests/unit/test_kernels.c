/* test_kernels.c: every entry of every instruction set's table that this machine can run, against the plainest form of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/kernels/kernels.h"
#include "tests/unit/layer_case.h"

#include <stdlib.h>

static const struct cs_kernels *table_of(void **state)
{
	return cs_kernels_for(*(const enum cs_isa *)*state);
}

static struct cs_layer random_conv(struct cs_random *random)
{
	struct cs_layer_spec spec = case_spec(&cs_conv_layer);
	struct cs_error error;
	struct layer_case c;
	int64_t dim[2];

	spec.padding = cs_random_below(random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
	for (int axis = 0; axis < 2; axis++) {
		spec.kernel[axis] = CASE_PICK(random, 1, 2, 3, 5);
		spec.stride[axis] = CASE_PICK(random, 1, 1, 2, 3, 7);
		dim[axis] = (spec.padding == CS_PADDING_SAME ? 1 : spec.kernel[axis]) + cs_random_below(random, 9);
	}
	assert_int_equal(
		case_shape(&c, &spec, CS_SHAPE(dim[0], dim[1], CASE_PICK(random, 1, 2, 3, 7, 16, 17, 33)), &error),
		CS_OK);
	cs_tensor_fini(&c.layer.params[0].value);
	cs_tensor_fini(&c.layer.params[1].value);
	return c.layer;
}

/* Where in the input number i of a column row at output row oy, column ox stands; -1 outside. */
static int64_t position_of(const struct cs_layer *l, int64_t oy, int64_t ox, int64_t i)
{
	int64_t c = l->in.dim[2], kw = l->spec.kernel[1];
	int64_t y = oy * l->spec.stride[0] - l->pad_top + i / c / kw,
		x = ox * l->spec.stride[1] - l->pad_left + i / c % kw;

	if (y < 0 || y >= l->in.dim[0] || x < 0 || x >= l->in.dim[1])
		return -1;
	return (y * l->in.dim[1] + x) * c + i % c;
}

static void columns_are_the_windows_and_their_transpose_adds_back(void **state)
{
	const struct cs_kernels *kernels = table_of(state);
	struct cs_random random = case_random(1);

	for (int round = 0; round < 300; round++) {
		struct cs_layer l = random_conv(&random);
		int64_t oh = l.out.dim[0], ow = l.out.dim[1], k = l.spec.kernel[0] * l.spec.kernel[1] * l.in.dim[2];
		int64_t first = cs_random_below(&random, (uint32_t)oh),
			rows = 1 + cs_random_below(&random, (uint32_t)(oh - first));
		int64_t size = cs_shape_count(&l.in);
		float *in = case_floats(size), *back = case_floats(size), *columns = case_floats(rows * ow * k);
		double *expected = calloc((size_t)size, sizeof *expected);

		case_fill(&random, in, size);
		kernels->im2col(&l, in, first, rows, columns);
		memset(back, 0, (size_t)size * sizeof *back);
		for (int64_t i = 0; i < rows * ow * k; i++) {
			int64_t at = position_of(&l, first + i / k / ow, i / k % ow, i % k);

			assert_true(columns[i] == (at < 0 ? 0 : in[at]));
			columns[i] = cs_random_normal(&random);
			if (at >= 0)
				expected[at] += columns[i];
		}
		kernels->col2im(&l, columns, first, rows, back);
		case_compare("col2im", back, expected, size, 1e-6);
		cs_free(in);
		cs_free(back);
		cs_free(columns);
		free(expected);
	}
}

static void bias_and_activation_match_the_layers_own(void **state)
{
	const struct cs_kernels *kernels = table_of(state);
	struct cs_random random = case_random(2);

	for (int kind = CS_LINEAR; kind < CS_SOFTMAX; kind++) {
		for (int64_t width = 1; width < 70; width += 3) {
			enum { ROWS = 5 };
			float *rows = case_floats(ROWS * width), *expected = case_floats(ROWS * width),
			      *bias = case_floats(width);
			bool with = width % 2;

			case_fill(&random, rows, ROWS * width);
			case_fill(&random, bias, width);
			rows[width / 2] = NAN;
			for (int64_t i = 0; i < ROWS * width; i++)
				expected[i] = rows[i] + (with ? bias[i % width] : 0);
			cs_activate((enum cs_activation)kind, 0.25f, expected, ROWS, width);
			kernels->bias_activate((enum cs_activation)kind, 0.25f, with ? bias : NULL, rows, ROWS, width);
			for (int64_t i = 0; i < ROWS * width; i++)
				assert_true(i == width / 2 ? isnan(rows[i]) : fabsf(rows[i] - expected[i]) <= 1e-6f);
			cs_free(rows);
			cs_free(expected);
			cs_free(bias);
		}
	}
}

/* Same maxima and same switches to the last bit as the portable form, which test_pool.c holds to the definition. */
static void maxima_and_switches_agree_with_the_portable_form(void **state)
{
	const struct cs_kernels *kernels = table_of(state), *portable = cs_kernels_for(CS_ISA_PORTABLE);
	struct cs_random random = case_random(3);

	for (int round = 0; round < 400; round++) {
		struct cs_layer_spec spec = case_spec(&cs_maxpool_layer);
		struct cs_error error;
		struct layer_case c;
		int64_t dim[2], n, size;
		uint32_t values = cs_random_below(&random, 6);
		float *in, *out[2];
		cs_switch *switches[2];

		spec.padding = cs_random_below(&random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
		for (int axis = 0; axis < 2; axis++) {
			spec.window[axis] = CASE_PICK(&random, 1, 2, 2, 3, 3, 5);
			spec.stride[axis] = CASE_PICK(&random, 0, 0, 1, 2, 3, 7);
			dim[axis] = (spec.padding == CS_PADDING_SAME ? 1 : spec.window[axis]) +
				cs_random_below(&random, 12);
		}
		assert_int_equal(
			case_shape(&c, &spec,
				CS_SHAPE(dim[0], dim[1], CASE_PICK(&random, 1, 2, 3, 8, 15, 16, 17, 32, 50)), &error),
			CS_OK);
		n = cs_shape_count(&c.layer.out);
		size = cs_shape_count(&c.layer.in);
		in = case_floats(size);
		for (int64_t i = 0; i < size; i++) {
			in[i] = values ? (float)cs_random_below(&random, values) : cs_random_normal(&random);
			if (round % 5 == 0 && cs_random_below(&random, 9) == 0)
				in[i] = cs_random_below(&random, 2) ? NAN : -INFINITY;
		}
		for (int form = 0; form < 2; form++) {
			out[form] = case_floats(n);
			switches[form] = cs_alloc((size_t)n * sizeof(cs_switch));
			memset(switches[form], 0xee, (size_t)n * sizeof(cs_switch));
			(form ? portable : kernels)->maxpool(&c.layer, in, out[form], switches[form]);
		}
		assert_memory_equal(out[0], out[1], (size_t)n * sizeof(float));
		assert_memory_equal(switches[0], switches[1], (size_t)n * sizeof(cs_switch));
		kernels->maxpool(&c.layer, in, out[0], NULL);
		assert_memory_equal(out[0], out[1], (size_t)n * sizeof(float));
		for (int form = 0; form < 2; form++) {
			cs_free(out[form]);
			cs_free(switches[form]);
		}
		cs_free(in);
	}
}

static void vector_sums_match_double_precision(void **state)
{
	const struct cs_kernels *kernels = table_of(state);
	struct cs_random random = case_random(4);

	for (int round = 0; round < 100; round++) {
		int64_t n = round < 70 ? round : (int64_t)cs_random_below(&random, 5000),
			width = 1 + cs_random_below(&random, 150);
		float *x = case_floats(n * width + 1), *y = case_floats(n + 1), *sums = case_floats(width);
		double *expected = calloc((size_t)(n + width), sizeof *expected);

		case_fill(&random, x, n * width);
		case_fill(&random, y, n);
		y[n] = 123;
		for (int64_t i = 0; i < n; i++)
			expected[i] = y[i] + x[i] * (1 + (double)0.75f);
		kernels->add(n, x, y);
		kernels->axpy(n, 0.75f, x, y);
		case_compare("add and axpy", y, expected, n, 1e-6);
		assert_true(y[n] == 123);
		memset(expected, 0, (size_t)width * sizeof *expected);
		for (int64_t i = 0; i < n * width; i++)
			expected[i % width] += x[i];
		kernels->column_sums(n, width, x, sums);
		case_compare("column sums", sums, expected, width, 1e-5);
		cs_free(x);
		cs_free(y);
		cs_free(sums);
		free(expected);
	}
}

/* Sums of many equal numbers would lose digits one by one if they were added one by one. */
static void long_column_sums_keep_their_digits(void **state)
{
	enum { N = 400000 };
	const struct cs_kernels *kernels = table_of(state);
	float *x = case_floats(N), sum;

	for (int64_t i = 0; i < N; i++)
		x[i] = 0.1f;
	kernels->column_sums(N, 1, x, &sum);
	assert_true(fabs(sum / (N * (double)0.1f) - 1) < 2e-5);
	cs_free(x);
}

static void transposed_matrices_have_rows_for_columns(void **state)
{
	const struct cs_kernels *kernels = table_of(state);
	struct cs_random random = case_random(5);

	for (int round = 0; round < 200; round++) {
		int64_t rows = 1 + cs_random_below(&random, 50), columns = 1 + cs_random_below(&random, 50);
		int64_t from_row = columns + cs_random_below(&random, 9), to_row = rows + cs_random_below(&random, 9);
		float *from = case_floats(rows * from_row), *to = case_floats(columns * to_row);

		case_fill(&random, from, rows * from_row);
		for (int64_t i = 0; i < columns * to_row; i++)
			to[i] = 1000;
		kernels->transpose(from, from_row, rows, columns, to, to_row);
		for (int64_t i = 0; i < columns * to_row; i++)
			assert_true(to[i] == (i % to_row < rows ? from[i % to_row * from_row + i / to_row] : 1000));
		cs_free(from);
		cs_free(to);
	}
}

static void the_chosen_table_is_one_of_this_machines(void **state)
{
	const struct cs_kernels *kernels = cs_kernels();

	(void)state;
	assert_non_null(kernels);
	assert_ptr_equal(kernels, cs_kernels());
	assert_true(kernels->isa <= cs_cpu_isa());
	assert_non_null(cs_kernels_for(CS_ISA_PORTABLE));
	for (enum cs_isa isa = CS_ISA_PORTABLE; isa <= CS_ISA_AVX512; isa++) {
		const struct cs_kernels *table = cs_kernels_for(isa);

		assert_true(!table || (table->isa <= isa && isa <= cs_cpu_isa()));
	}
}

int main(void)
{
	int failed = 0;

	for (enum cs_isa isa = CS_ISA_PORTABLE; isa <= CS_ISA_AVX512; isa++) {
		const struct CMUnitTest tests[] = {
			cmocka_unit_test_prestate(columns_are_the_windows_and_their_transpose_adds_back, &isa),
			cmocka_unit_test_prestate(bias_and_activation_match_the_layers_own, &isa),
			cmocka_unit_test_prestate(maxima_and_switches_agree_with_the_portable_form, &isa),
			cmocka_unit_test_prestate(vector_sums_match_double_precision, &isa),
			cmocka_unit_test_prestate(transposed_matrices_have_rows_for_columns, &isa),
			cmocka_unit_test_prestate(long_column_sums_keep_their_digits, &isa),
			cmocka_unit_test(the_chosen_table_is_one_of_this_machines),
		};

		if (!cs_kernels_for(isa)) {
			print_message("%s: this machine has no such kernels\n", cs_isa_name(isa));
			continue;
		}
		failed += cmocka_run_group_tests_name(cs_isa_name(isa), tests, NULL, NULL);
	}
	return failed;
}
