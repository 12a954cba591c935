/* layer_case.h: one layer on the bench: shaped, planned and run by hand, without network or trace.
 *
 * Every buffer has exactly the planned size and memory of its own, so that the address sanitizer sees a write beyond it, and
 * outputs start as NaN, so that what a layer forgets to write shows. Comparisons are relative to the largest number of the
 * reference, as the errors of sums are.
 */
#ifndef CS_TESTS_LAYER_CASE_H
#define CS_TESTS_LAYER_CASE_H

#include "core/alloc.h"
#include "core/random.h"
#include "nn/layer.h"

#include "core/cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct layer_case {
	struct cs_layer layer;
	struct cs_need need;
	struct cs_pass pass;
	struct cs_workers *workers;
	int64_t in_size, out_size; /* numbers in the whole batch */
	float *in, *out, *d_out, *d_in;
	float *d_out_given; /* what backward is given afresh each time: layers may overwrite theirs */
};

/* The tests' own stream: reproducible, and named by the test. */
static inline struct cs_random case_random(uint64_t seed)
{
	struct cs_random random;

	cs_random_init(&random, seed, CS_RANDOM_USER, 0, 0);
	return random;
}

static inline int64_t case_pick(struct cs_random *random, const int64_t *from, int count)
{
	return from[cs_random_below(random, (uint32_t)count)];
}
#define CASE_PICK(random, ...) \
	case_pick(random, (const int64_t[]){__VA_ARGS__}, \
		(int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))

static inline float *case_floats(int64_t n)
{
	float *floats = cs_alloc((size_t)n * sizeof *floats);

	assert_non_null(floats);
	for (int64_t i = 0; i < n; i++)
		floats[i] = NAN;
	return floats;
}

static inline void case_fill(struct cs_random *random, float *values, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		values[i] = cs_random_normal(random);
}

/* A specification with everything that matters to the computing kinds at its plain default. */
static inline struct cs_layer_spec case_spec(const struct cs_layer_ops *ops)
{
	return (struct cs_layer_spec){.ops = ops,
		.features = 1,
		.kernel = {1, 1},
		.window = {2, 2},
		.stride = {1, 1},
		.alpha = 0.3f,
		.bias = true};
}

/* Shape alone; the status is the caller's to judge. */
static inline enum cs_status case_shape(
	struct layer_case *c, const struct cs_layer_spec *spec, struct cs_shape in, struct cs_error *error)
{
	*c = (struct layer_case){.layer = {.ops = spec->ops, .spec = *spec, .index = 3, .in = in}};
	return spec->ops->shape(&c->layer, error);
}

/* Shape, plan for `batch` images in a precision and fill everything at random; a pass is of `batch` images too. `threads` 0: no pool. */
static inline void case_open_in(enum cs_precision precision, struct layer_case *c, const struct cs_layer_spec *spec,
	struct cs_shape in, int batch, int threads, struct cs_random *random)
{
	struct cs_error error = {0};
	size_t count;

	if (case_shape(c, spec, in, &error) != CS_OK)
		fail_msg("%s", error.message);
	if (threads && cs_workers_new(threads, &c->workers, &error) != CS_OK)
		fail_msg("%s", error.message);
	c->need = (struct cs_need){.batch = batch, .training = true, .precision = precision};
	c->layer.ops->plan(&c->layer, &c->need);
	assert_non_null(c->need.algorithm);
	assert_true(c->need.why[0]);
	c->in_size = batch * cs_shape_count(&in);
	c->out_size = batch * cs_shape_count(&c->layer.out);
	c->in = case_floats(c->in_size);
	c->out = case_floats(c->out_size);
	c->d_in = case_floats(c->in_size);
	c->d_out = case_floats(c->out_size);
	c->d_out_given = case_floats(c->out_size);
	case_fill(random, c->in, c->in_size);
	case_fill(random, c->d_out_given, c->out_size);
	count = (size_t)cs_workers_count(c->workers);
	c->pass = (struct cs_pass){.count = batch,
		.training = true,
		.precision = precision,
		.in = c->in,
		.out = c->out,
		.d_out = c->d_out,
		.d_in = c->d_in,
		.workers = c->workers,
		.worker_stride = (c->need.per_worker + 63) / 64 * 64};
	if (c->need.per_worker) /* the last worker's share ends where the plan says, without the rounding */
		c->pass.worker_scratch = cs_alloc((count - 1) * c->pass.worker_stride + c->need.per_worker);
	if (c->need.shared)
		c->pass.shared = cs_alloc(c->need.shared);
	if (c->need.aux)
		c->pass.aux = cs_alloc(c->need.aux);
	if (c->need.switches)
		c->pass.switches = cs_alloc(c->need.switches * sizeof(cs_switch));
	for (int i = 0; i < c->layer.param_count; i++) {
		struct cs_tensor *value = &c->layer.params[i].value;

		case_fill(random, value->data, cs_tensor_count(value));
		c->pass.d_params[i] = case_floats(cs_tensor_count(value));
	}
}

static inline void case_open(struct layer_case *c, const struct cs_layer_spec *spec, struct cs_shape in, int batch,
	int threads, struct cs_random *random)
{
	case_open_in(CS_FP32, c, spec, in, batch, threads, random);
}

static inline void case_close(struct layer_case *c)
{
	float *floats[] = {c->in, c->out, c->d_in, c->d_out, c->d_out_given};

	for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
		cs_free(floats[i]);
	for (int i = 0; i < c->layer.param_count; i++) {
		cs_tensor_fini(&c->layer.params[i].value);
		cs_free(c->pass.d_params[i]);
	}
	cs_free(c->pass.worker_scratch);
	cs_free(c->pass.shared);
	cs_free(c->pass.aux);
	cs_free(c->pass.switches);
	cs_workers_free(c->workers);
}

static inline void case_forward(struct layer_case *c)
{
	c->layer.ops->forward(&c->layer, &c->pass);
}

static inline void case_backward(struct layer_case *c)
{
	memcpy(c->d_out, c->d_out_given, (size_t)c->out_size * sizeof(float));
	c->layer.ops->backward(&c->layer, &c->pass);
}

/* |found - expected| at most `tolerance` of the largest expected number, everywhere. */
static inline void case_compare(
	const char *what, const float *found, const double *expected, int64_t n, double tolerance)
{
	double largest = 0, worst = 0;
	int64_t at = 0;

	for (int64_t i = 0; i < n; i++) {
		double error = fabs(found[i] - expected[i]);

		largest = fabs(expected[i]) > largest ? fabs(expected[i]) : largest;
		if (!(error <= worst)) {
			worst = error;
			at = i;
		}
	}
	if (!(worst <= tolerance * (largest > 0 ? largest : 1)))
		fail_msg("%s: number %lld of %lld is %g, expected %g (largest %g, error %.2g of it)", what,
			(long long)at, (long long)n, (double)found[at], expected[at], largest,
			worst / (largest > 0 ? largest : 1));
}

/* Sum of outputs weighted by d_out_given: the scalar whose gradient a backward pass with that d_out is. */
static inline double case_objective(struct layer_case *c)
{
	double sum = 0;

	case_forward(c);
	for (int64_t i = 0; i < c->out_size; i++)
		sum += (double)c->out[i] * c->d_out_given[i];
	return sum;
}

/* Central differences of the objective at about 40 of the n numbers at `values` against `gradient`: signed, relative to the
 * largest of the gradient. Where the slopes to both sides disagree, a kink lies within the step: such numbers are passed over,
 * and must be few. */
static inline void case_differences(struct layer_case *c, const char *what, float *values, const float *gradient,
	int64_t n, float step, double tolerance)
{
	int64_t stride = n / 40 + 1, tried = 0, kinks = 0;
	double here = case_objective(c), largest = 0;

	for (int64_t i = 0; i < n; i++)
		largest = fabs((double)gradient[i]) > largest ? fabs((double)gradient[i]) : largest;
	for (int64_t i = 0; i < n; i += stride) {
		float before = values[i];
		double up, down, above, below, slope;

		values[i] = before + step;
		above = (double)values[i] - (double)before;
		up = case_objective(c);
		values[i] = before - step;
		below = (double)before - (double)values[i];
		down = case_objective(c);
		values[i] = before;
		slope = (up - down) / (above + below);
		tried++;
		if (fabs((up - here) / above - (here - down) / below) > tolerance * largest)
			kinks++;
		else if (!(fabs(slope - (double)gradient[i]) <= tolerance * largest))
			fail_msg("%s: the gradient of number %lld is %g, differences say %g (largest %g)", what,
				(long long)i, (double)gradient[i], slope, largest);
	}
	if (kinks * 5 > tried)
		fail_msg("%s: %lld kinks among %lld numbers", what, (long long)kinks, (long long)tried);
}

/* Forward and backward with 1, 2 and 4 threads leave the same bits in everything they write. */
static inline void case_same_bits(const struct cs_layer_spec *spec, struct cs_shape in, int batch)
{
	const int threads[] = {1, 2, 4};
	struct layer_case first, c;

	for (int t = 0; t < 3; t++) {
		struct cs_random random = case_random(17);

		case_open(&c, spec, in, batch, threads[t], &random);
		case_forward(&c);
		case_backward(&c);
		if (t == 0) {
			first = c;
			continue;
		}
		assert_memory_equal(c.out, first.out, (size_t)c.out_size * sizeof(float));
		assert_memory_equal(c.d_in, first.d_in, (size_t)c.in_size * sizeof(float));
		for (int i = 0; i < c.layer.param_count; i++)
			assert_memory_equal(c.pass.d_params[i], first.pass.d_params[i],
				(size_t)cs_tensor_count(&c.layer.params[i].value) * sizeof(float));
		if (c.need.switches)
			assert_memory_equal(c.pass.switches, first.pass.switches, c.need.switches * sizeof(cs_switch));
		case_close(&c);
	}
	case_close(&first);
}

/* Run a program's tests once for every instruction set of this machine, each in a process of its own (the choice is made once per
 * process). Must be asked before anything is computed. With CONVSCOPE_ISA set, that one alone. */
static inline int case_every_isa(int (*run)(void))
{
	int failed = 0;

	if (getenv("CONVSCOPE_ISA"))
		return run();
	for (enum cs_isa isa = CS_ISA_PORTABLE; isa <= cs_cpu_isa(); isa++) {
		int status = 0;
		pid_t child;

		fflush(stdout);
		child = fork();
		if (child == 0) {
			setenv("CONVSCOPE_ISA", cs_isa_name(isa), 1);
			printf("%s:\n", cs_isa_name(isa));
			exit(run() ? 1 : 0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
			WEXITSTATUS(status) != 0) {
			printf("%s: failed\n", cs_isa_name(isa));
			failed++;
		}
	}
	return failed;
}

#endif
