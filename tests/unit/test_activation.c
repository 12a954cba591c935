/* test_activation.c: the non-linearities against double precision, at the edges, and their derivatives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/layer_case.h"
#include "tests/unit/reference.h"

static void every_kind_has_a_name_that_parses_back(void **state)
{
	enum cs_activation parsed;

	(void)state;
	for (int kind = CS_LINEAR; kind <= CS_SOFTMAX; kind++) {
		assert_true(cs_activation_parse(cs_activation_name((enum cs_activation)kind), &parsed));
		assert_int_equal(parsed, kind);
	}
	parsed = CS_TANH;
	assert_false(cs_activation_parse("relu6", &parsed));
	assert_false(cs_activation_parse("", &parsed));
	assert_int_equal(parsed, CS_TANH);
}

static void values_and_derivatives_match_double_precision(void **state)
{
	enum { ROWS = 50, WIDTH = 37, N = ROWS * WIDTH };
	struct cs_random random = case_random(1);
	float x[N], y[N], g[N];
	double expected[N], back[N], inputs[N];

	(void)state;
	for (int kind = CS_LINEAR; kind <= CS_SOFTMAX; kind++) {
		case_fill(&random, x, N);
		case_fill(&random, g, N);
		for (int i = 0; i < N; i++) {
			x[i] *= 3;
			expected[i] = inputs[i] = x[i];
			back[i] = g[i];
			y[i] = x[i];
		}
		cs_activate((enum cs_activation)kind, 0.3f, y, ROWS, WIDTH);
		cs_activate_backward((enum cs_activation)kind, 0.3f, y, g, ROWS, WIDTH);
		for (int row = 0; row < ROWS; row++) {
			reference_activate((enum cs_activation)kind, (double)0.3f, expected + row * WIDTH, WIDTH);
			reference_activate_backward((enum cs_activation)kind, (double)0.3f, inputs + row * WIDTH,
				back + row * WIDTH, WIDTH);
		}
		case_compare(cs_activation_name((enum cs_activation)kind), y, expected, N, 1e-6);
		case_compare(cs_activation_name((enum cs_activation)kind), g, back, N, 1e-6);
	}
}

static void small_numbers_keep_their_digits_under_elu(void **state)
{
	float x = -1e-6f;

	(void)state;
	cs_activate(CS_ELU, 1, &x, 1, 1);
	assert_true(fabs(x + 1e-6) < 1e-12); /* exp(x) - 1 would leave one digit in seven */
}

static void large_numbers_saturate_without_overflow(void **state)
{
	float sigmoid[] = {-1e30f, -200, 200, 1e30f, INFINITY, -INFINITY};
	const float halves[] = {0, 0, 1, 1, 1, 0};
	float elu[] = {-1e30f, 1e30f}, tanh_[] = {-1e30f, 1e30f};
	float softmax[] = {1e30f, 1e30f, -1e30f, 0};

	(void)state;
	cs_activate(CS_SIGMOID, 0, sigmoid, 1, 6);
	assert_memory_equal(sigmoid, halves, sizeof halves);
	cs_activate(CS_ELU, 0.5f, elu, 1, 2);
	assert_true(elu[0] == -0.5f && elu[1] == 1e30f);
	cs_activate(CS_TANH, 0, tanh_, 1, 2);
	assert_true(tanh_[0] == -1 && tanh_[1] == 1);
	cs_activate(CS_SOFTMAX, 0, softmax, 1, 4);
	assert_true(softmax[0] == 0.5f && softmax[1] == 0.5f && softmax[2] == 0 && softmax[3] == 0);
}

static void nan_passes_through_every_kind(void **state)
{
	(void)state;
	for (int kind = CS_LINEAR; kind <= CS_SOFTMAX; kind++) {
		for (int at = 0; at < 5; at++) {
			float x[] = {1, -1, 0, 2, -2};

			x[at] = NAN;
			cs_activate((enum cs_activation)kind, 0.3f, x, 1, 5);
			assert_true(isnan(x[at]));
			for (int i = 0; i < 5;
				i++) /* a row of a softmax is one thing; elsewhere neighbours stay clean */
				assert_true(kind == CS_SOFTMAX ? isnan(x[i]) : i == at || !isnan(x[i]));
		}
	}
}

static void at_zero_rectifiers_take_the_negative_side(void **state)
{
	float y[] = {0, 0}, g[] = {1, 1};

	(void)state;
	cs_activate_backward(CS_RELU, 0, y, g, 1, 1);
	cs_activate_backward(CS_LEAKY_RELU, 0.25f, y + 1, g + 1, 1, 1);
	assert_true(g[0] == 0 && g[1] == 0.25f);
}

static void dead_units_pass_nothing_back_not_even_infinity(void **state)
{
	float y[] = {0, 1}, g[] = {INFINITY, INFINITY};

	(void)state;
	cs_activate_backward(CS_RELU, 0, y, g, 1, 2);
	assert_true(g[0] == 0 && isinf(g[1]));
}

static void softmax_rows_are_distributions_of_their_own(void **state)
{
	float x[] = {0, 0, 5, 5, 5, 5};

	(void)state;
	cs_activate(CS_SOFTMAX, 0, x, 3, 2);
	for (int i = 0; i < 6; i++)
		assert_true(x[i] == 0.5f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_a_name_that_parses_back),
		cmocka_unit_test(values_and_derivatives_match_double_precision),
		cmocka_unit_test(small_numbers_keep_their_digits_under_elu),
		cmocka_unit_test(large_numbers_saturate_without_overflow),
		cmocka_unit_test(nan_passes_through_every_kind),
		cmocka_unit_test(at_zero_rectifiers_take_the_negative_side),
		cmocka_unit_test(dead_units_pass_nothing_back_not_even_infinity),
		cmocka_unit_test(softmax_rows_are_distributions_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
