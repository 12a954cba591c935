/* test_fused.c: a convolution that runs its max-pool itself: the same bits as the two one after the other, with or without the map
 * between them, and gradients over live cells against double precision that shares the switches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/pool.h"
#include "tests/unit/layer_case.h"
#include "tests/unit/reference.h"

/* A convolution case with a max-pool behind it, planned as one. */
struct pair {
	struct layer_case conv;
	struct cs_layer pool;
	struct cs_need need;
	struct cs_pass pass;
	int64_t pooled; /* numbers in the batch's pooled maps */
	float *d_given;
};

static struct cs_layer_spec conv_of(int64_t rows, int64_t columns, int64_t features, enum cs_activation activation)
{
	struct cs_layer_spec spec = case_spec(&cs_conv_layer);

	spec.kernel[0] = rows;
	spec.kernel[1] = columns;
	spec.features = features;
	spec.activation = activation;
	return spec;
}

static struct cs_layer_spec pool_of(int64_t window, int64_t stride)
{
	struct cs_layer_spec spec = case_spec(&cs_maxpool_layer);

	spec.window[0] = spec.window[1] = window;
	spec.stride[0] = spec.stride[1] = stride;
	return spec;
}

/* False, with nothing left to close, where this instruction set does not fuse the two. */
static bool pair_open(struct pair *p, const struct cs_layer_spec *conv, const struct cs_layer_spec *pool,
	struct cs_shape in, int batch, int threads, struct cs_random *random)
{
	struct cs_error error;
	size_t workers;

	*p = (struct pair){0};
	case_open(&p->conv, conv, in, batch, threads, random);
	for (int64_t i = 0, n = cs_tensor_count(&p->conv.layer.params[0].value); i < n; i++)
		p->conv.layer.params[0].value.data[i] /= sqrtf((float)(n / conv->features));
	p->pool = (struct cs_layer){.ops = pool->ops, .spec = *pool, .index = 4, .in = p->conv.layer.out};
	if (p->pool.ops->shape(&p->pool, &error) != CS_OK)
		fail_msg("%s", error.message);
	p->need = (struct cs_need){.batch = batch, .training = true};
	struct cs_layer chain[2] = {p->conv.layer, p->pool};

	if (!conv->ops->fuse(chain, 1, &p->need)) {
		case_close(&p->conv);
		return false;
	}
	p->pooled = batch * cs_shape_count(&p->pool.out);
	p->pass = p->conv.pass;
	workers = (size_t)cs_workers_count(p->pass.workers);
	p->pass.worker_stride = (p->need.per_worker + 63) / 64 * 64;
	p->pass.worker_scratch = cs_alloc((workers - 1) * p->pass.worker_stride + p->need.per_worker);
	p->pass.shared = cs_alloc(p->need.shared);
	p->pass.out = p->pass.d_out = NULL;
	p->pass.next = &p->pool;
	p->pass.next_out = case_floats(p->pooled);
	p->pass.d_next_out = case_floats(p->pooled);
	p->pass.next_switches = cs_alloc((size_t)p->pooled * sizeof(cs_switch));
	memset(p->pass.next_switches, 0xee, (size_t)p->pooled * sizeof(cs_switch));
	p->d_given = case_floats(p->pooled);
	case_fill(random, p->d_given, p->pooled);
	return true;
}

static void pair_close(struct pair *p)
{
	cs_free(p->pass.worker_scratch);
	cs_free(p->pass.shared);
	cs_free(p->pass.next_out);
	cs_free(p->pass.d_next_out);
	cs_free(p->pass.next_switches);
	cs_free(p->d_given);
	case_close(&p->conv);
}

static void pair_forward(struct pair *p)
{
	p->conv.layer.ops->forward(&p->conv.layer, &p->pass);
}

static void pair_backward(struct pair *p)
{
	memcpy(p->pass.d_next_out, p->d_given, (size_t)p->pooled * sizeof(float));
	p->conv.layer.ops->backward(&p->conv.layer, &p->pass);
}

/* Conv alone, then the pool alone: what the fused pass must reproduce to the bit, map kept or not. */
static void check_forward(struct pair *p)
{
	struct cs_pass pool = {.count = p->pass.count, .in = p->conv.out, .out = case_floats(p->pooled)};
	size_t bytes = (size_t)p->pooled * sizeof(float), map = (size_t)p->conv.out_size * sizeof(float);
	float *kept = case_floats(p->conv.out_size);

	pool.switches = cs_alloc((size_t)p->pooled * sizeof(cs_switch));
	case_forward(&p->conv);
	p->pool.ops->forward(&p->pool, &pool);
	for (int keep = 1; keep >= 0; keep--) { /* the last run leaves the state that backward starts from */
		p->pass.out = keep ? kept : NULL;
		pair_forward(p);
		assert_memory_equal(p->pass.next_out, pool.out, bytes);
		assert_memory_equal(p->pass.next_switches, pool.switches, (size_t)p->pooled * sizeof(cs_switch));
		if (keep)
			assert_memory_equal(kept, p->conv.out, map);
	}
	cs_free(kept);
	cs_free(pool.out);
	cs_free(pool.switches);
}

static void check_backward(struct pair *p, double tolerance)
{
	const struct cs_layer *conv = &p->conv.layer, *pool = &p->pool;
	int64_t f = conv->out.dim[2], oh = pool->out.dim[0], ow = pool->out.dim[1];
	int64_t plane = conv->out.dim[0] * conv->out.dim[1], weights = cs_tensor_count(&conv->params[0].value);
	double *d = reference_doubles(p->conv.out_size), *d_in = reference_doubles(p->conv.in_size);
	double *d_kernel = reference_doubles(weights), *d_bias = reference_doubles(f);

	pair_backward(p);
	for (int64_t i = 0; i < p->pooled; i++) {
		int64_t k = i % f, column = i / f % ow, row = i / f / ow % oh, image = i / f / ow / oh;
		int64_t at = (image * plane + cs_pool_position(pool, row, column, p->pass.next_switches[i])) * f + k;
		float derivative = 1;

		cs_activate_backward(conv->spec.activation, conv->spec.alpha, p->conv.out + at, &derivative, 1, 1);
		d[at] += (double)p->d_given[i] * (double)derivative;
	}
	reference_conv_backward(conv, p->pass.count, p->conv.in, d, d_in, d_kernel, d_bias);
	case_compare("data gradient", p->conv.d_in, d_in, p->conv.in_size, tolerance);
	case_compare("weight gradient", p->conv.pass.d_params[0], d_kernel, weights, tolerance);
	if (conv->spec.bias)
		case_compare("bias gradient", p->conv.pass.d_params[1], d_bias, f, tolerance);
	/* a first layer, which may take another way to the weights */
	p->pass.d_in = NULL;
	pair_backward(p);
	p->pass.d_in = p->conv.d_in;
	case_compare("weight gradient alone", p->conv.pass.d_params[0], d_kernel, weights, tolerance);
	free(d);
	free(d_in);
	free(d_kernel);
	free(d_bias);
}

static void random_pairs_agree_with_one_after_the_other(void **state)
{
	struct cs_random random = case_random(1);
	int fused = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct cs_layer_spec conv = conv_of(CASE_PICK(&random, 1, 2, 3, 3, 3, 5, 7),
			CASE_PICK(&random, 1, 2, 3, 3, 3, 5, 7), CASE_PICK(&random, 1, 3, 8, 15, 16, 17, 33, 48),
			(enum cs_activation)cs_random_below(&random, CS_SOFTMAX));
		struct cs_layer_spec pool = case_spec(&cs_maxpool_layer);
		struct cs_shape in = {.rank = 3};
		struct pair p;

		if (cs_random_below(&random, 3) == 0)
			conv.kernel[1] = conv.kernel[0];
		for (int axis = 0; axis < 2; axis++) {
			conv.stride[axis] = CASE_PICK(&random, 1, 1, 1, 1, 2, 3);
			pool.window[axis] = CASE_PICK(&random, 1, 2, 2, 3, 3, 4);
			pool.stride[axis] = CASE_PICK(&random, 1, 2, 2, 3, 3, 5);
			in.dim[axis] = conv.kernel[axis] +
				(pool.window[axis] + (int64_t)cs_random_below(&random, 12)) * conv.stride[axis];
		}
		conv.padding = cs_random_below(&random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
		pool.padding = cs_random_below(&random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
		conv.bias = cs_random_below(&random, 4) != 0;
		in.dim[2] = CASE_PICK(&random, 1, 2, 3, 4, 7, 8, 9, 16, 17, 33, 40);
		if (!pair_open(&p, &conv, &pool, in, 1 + (int)cs_random_below(&random, 5), 2, &random))
			continue;
		fused++;
		check_forward(&p);
		check_backward(&p, 1e-5);
		pair_close(&p);
	}
	print_message("%d of 300 were fused\n", fused);
}

/* Sizes that reach what small ones do not: bands of rows, groups of images, many features, kernels in pieces. */
static void large_pairs_agree_with_one_after_the_other(void **state)
{
	static const struct {
		int64_t h, w, c, kernel, features, window, stride;
		int batch;
		enum cs_padding padding;
	} shapes[] = {
		{64, 64, 3, 5, 40, 3, 3, 2, CS_PADDING_VALID}, /* the first layer of the seed network, fewer features */
		{20, 20, 64, 3, 40, 2, 2, 9, CS_PADDING_VALID}, /* its second */
		{9, 9, 40, 3, 24, 2, 2, 40, CS_PADDING_VALID}, /* its third: many images a task */
		{70, 45, 20, 3, 17, 3, 2, 2, CS_PADDING_SAME}, /* overlapping windows across bands */
		{61, 50, 16, 3, 33, 2, 3, 2, CS_PADDING_SAME}, /* gaps between windows across bands */
		{40, 64, 5, 7, 9, 4, 4, 3, CS_PADDING_SAME}, /* folded into two vectors and more */
		{30, 30, 18, 5, 70, 2, 2, 3, CS_PADDING_VALID}, /* taps in pieces */
	};
	struct cs_random random = case_random(2);

	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		struct cs_layer_spec conv = conv_of(shapes[i].kernel, shapes[i].kernel, shapes[i].features, CS_RELU);
		struct cs_layer_spec pool = pool_of(shapes[i].window, shapes[i].stride);
		struct pair p;

		conv.padding = shapes[i].padding;
		if (!pair_open(&p, &conv, &pool, CS_SHAPE(shapes[i].h, shapes[i].w, shapes[i].c), shapes[i].batch, 2,
			    &random))
			continue;
		check_forward(&p);
		check_backward(&p, 1e-5);
		pair_close(&p);
	}
}

/* All negative windows: the rectified map is zero there, and the first cell wins, though a later one was greater before. */
static void windows_where_nothing_lives_have_their_first_cell(void **state)
{
	struct cs_layer_spec conv = conv_of(3, 3, 20, CS_RELU), pool = pool_of(2, 2);
	struct cs_random random = case_random(3);
	struct pair p;

	(void)state;
	if (!pair_open(&p, &conv, &pool, CS_SHAPE(10, 10, 20), 2, 0, &random))
		skip();
	for (int i = 0; i < 20; i++)
		p.conv.layer.params[1].value.data[i] = -1000;
	pair_forward(&p);
	pair_backward(&p);
	for (int64_t i = 0; i < p.pooled; i++)
		assert_true(p.pass.next_out[i] == 0 && p.pass.next_switches[i] == 0);
	for (int64_t i = 0; i < p.conv.in_size; i++)
		assert_true(p.conv.d_in[i] == 0);
	for (int64_t i = 0; i < 3 * 3 * 20 * 20; i++)
		assert_true(p.conv.pass.d_params[0][i] == 0);
	pair_close(&p);
}

static void nan_is_seen_through_the_fused_pool(void **state)
{
	struct cs_layer_spec conv = conv_of(3, 3, 20, CS_RELU), pool = pool_of(2, 2);
	struct cs_random random = case_random(4);
	struct pair p;

	(void)state;
	if (!pair_open(&p, &conv, &pool, CS_SHAPE(8, 8, 20), 1, 0, &random))
		skip();
	for (int i = 0; i < 20; i++)
		p.conv.layer.params[1].value.data[i] = i == 7 ? NAN : -1000;
	pair_forward(&p);
	for (int64_t i = 0; i < p.pooled; i++)
		assert_true(i % 20 == 7 ? isnan(p.pass.next_out[i]) : p.pass.next_out[i] == 0);
	pair_close(&p);
}

static void gradients_nobody_wants_are_left_alone(void **state)
{
	struct cs_layer_spec conv = conv_of(3, 3, 20, CS_RELU), pool = pool_of(2, 2);
	struct cs_random random = case_random(5);
	enum { WEIGHTS = 3 * 3 * 20 * 20 };
	struct pair p;
	float *all;

	(void)state;
	if (!pair_open(&p, &conv, &pool, CS_SHAPE(8, 8, 20), 2, 2, &random))
		skip();
	all = case_floats(WEIGHTS);
	pair_forward(&p);
	pair_backward(&p);
	memcpy(all, p.conv.pass.d_params[0], WEIGHTS * sizeof *all);
	p.pass.d_in = NULL;
	p.conv.d_in[0] = NAN;
	pair_backward(&p);
	for (int64_t i = 0; i < WEIGHTS; i++)
		assert_true(fabsf(all[i] - p.conv.pass.d_params[0][i]) <= 1e-4f);
	assert_true(isnan(p.conv.d_in[0]));
	p.pass.d_in = p.conv.d_in;
	p.pass.d_params[0] = p.pass.d_params[1] = NULL;
	pair_backward(&p);
	assert_false(isnan(p.conv.d_in[0]));
	cs_free(all);
	pair_close(&p);
}

static void threads_do_not_change_a_bit(void **state)
{
	const int threads[] = {1, 2, 4};

	(void)state;
	for (int folded = 0; folded < 2; folded++) {
		struct cs_layer_spec conv = conv_of(3, 3, 50, CS_RELU), pool = pool_of(2, 2);
		struct pair first, p;

		for (int t = 0; t < 3; t++) {
			struct cs_random random = case_random(6);

			if (!pair_open(&p, &conv, &pool, CS_SHAPE(21, 23, folded ? 3 : 40), 5, threads[t], &random))
				skip();
			pair_forward(&p);
			pair_backward(&p);
			if (t == 0) {
				first = p;
				continue;
			}
			assert_memory_equal(p.pass.next_out, first.pass.next_out, (size_t)p.pooled * sizeof(float));
			assert_memory_equal(p.conv.d_in, first.conv.d_in, (size_t)p.conv.in_size * sizeof(float));
			assert_memory_equal(p.conv.pass.d_params[0], first.conv.pass.d_params[0],
				(size_t)cs_tensor_count(&p.conv.layer.params[0].value) * sizeof(float));
			assert_memory_equal(p.conv.pass.d_params[1], first.conv.pass.d_params[1], 50 * sizeof(float));
			pair_close(&p);
		}
		pair_close(&first);
	}
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_pairs_agree_with_one_after_the_other),
		cmocka_unit_test(large_pairs_agree_with_one_after_the_other),
		cmocka_unit_test(windows_where_nothing_lives_have_their_first_cell),
		cmocka_unit_test(nan_is_seen_through_the_fused_pool),
		cmocka_unit_test(gradients_nobody_wants_are_left_alone),
		cmocka_unit_test(threads_do_not_change_a_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return case_every_isa(run);
}
