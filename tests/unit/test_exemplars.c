/* test_exemplars.c: the strongest images of each feature, against a search of everything at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/random.h"
#include "deconv/exemplars.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = 70, ROWS = 5, COLUMNS = 4, IMAGES = 40, TOP = 3 };

/* A network of one layer with FEATURES maps of ROWS x COLUMNS; tests write the maps themselves. */
static struct cs_network *maps_network(void)
{
	struct cs_layer_spec conv = cs_layer_spec_default(&cs_conv_layer);
	struct cs_network *network;

	conv.features = FEATURES;
	conv.kernel[0] = conv.kernel[1] = 1;
	assert_int_equal(cs_network_new(CS_SHAPE(ROWS, COLUMNS, 1), &conv, 1, 1, &network, NULL), CS_OK);
	return network;
}

static struct cs_trace *maps_trace(const struct cs_network *network, int capacity, struct cs_workers *workers)
{
	struct cs_trace *trace;

	assert_int_equal(cs_trace_new(network, CS_TRACE_ALL, capacity, workers, &trace, NULL), CS_OK);
	return trace;
}

/* Values on a coarse grid, so that equals are common; feature 5 is never above 0, feature 6 holds NaNs. */
static float value_of(int64_t image, int64_t position, int64_t feature)
{
	struct cs_random random;
	float value;

	cs_random_init(&random, 4, CS_RANDOM_USER, (uint32_t)image, (uint64_t)(position * FEATURES + feature));
	value = (float)(int)(cs_random_normal(&random) * 4) / 4;
	if (feature == 5)
		return -fabsf(value);
	return feature == 6 && cs_random_below(&random, 3) == 0 ? NAN : value;
}

static void fill(struct cs_trace *trace, const int64_t *index, int count)
{
	float *out = trace->slots[0].out.data;

	trace->count = count;
	for (int i = 0; i < count; i++)
		for (int64_t p = 0; p < ROWS * COLUMNS; p++)
			for (int64_t f = 0; f < FEATURES; f++)
				*out++ = value_of(index[i], p, f);
}

/* Stream all images in the order given, `batch` at a time. */
static struct cs_exemplars collect(const int64_t *order, int batch, int threads)
{
	struct cs_network *network = maps_network();
	struct cs_workers *workers;
	struct cs_exemplars exemplars;
	struct cs_trace *trace;

	assert_int_equal(cs_workers_new(threads, &workers, NULL), CS_OK);
	trace = maps_trace(network, batch, workers);
	assert_int_equal(cs_exemplars_init(&exemplars, network, 0, TOP, NULL), CS_OK);
	for (int first = 0; first < IMAGES; first += batch) {
		int count = IMAGES - first < batch ? IMAGES - first : batch;

		fill(trace, order + first, count);
		cs_exemplars_add(&exemplars, trace, order + first);
	}
	cs_trace_free(trace);
	cs_workers_free(workers);
	cs_network_free(network);
	return exemplars;
}

static void in_order(int64_t *order)
{
	for (int i = 0; i < IMAGES; i++)
		order[i] = i;
}

/* The strongest position of a feature on an image; false when all is NaN. */
static bool strongest(int64_t image, int64_t feature, struct cs_exemplar *item)
{
	bool any = false;

	for (int64_t p = 0; p < ROWS * COLUMNS; p++) {
		float value = value_of(image, p, feature);

		if (isnan(value) || (any && value <= item->value))
			continue;
		*item = (struct cs_exemplar){image, p / COLUMNS, p % COLUMNS, value};
		any = true;
	}
	return any;
}

static int by_rank(const void *a, const void *b)
{
	const struct cs_exemplar *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return (x->image > y->image) - (x->image < y->image);
}

static void lists_hold_the_strongest_images_in_order(void **state)
{
	int64_t order[IMAGES];
	struct cs_exemplars e;

	(void)state;
	in_order(order);
	e = collect(order, 7, 1);
	assert_int_equal(e.features, FEATURES);
	assert_int_equal(e.seen, IMAGES);
	for (int64_t f = 0; f < FEATURES; f++) {
		struct cs_exemplar all[IMAGES];
		int alive = 0;
		double sum = 0;

		for (int64_t i = 0; i < IMAGES; i++) {
			struct cs_exemplar item;

			if (!strongest(i, f, &item))
				continue;
			sum += (double)item.value;
			if (item.value > 0)
				all[alive++] = item;
		}
		qsort(all, (size_t)alive, sizeof *all, by_rank);
		assert_int_equal(e.fired[f], alive);
		assert_true(fabs(e.sum[f] - sum) < 1e-9);
		assert_int_equal(e.counts[f], alive < TOP ? alive : TOP);
		for (int i = 0; i < e.counts[f]; i++) {
			const struct cs_exemplar *item = &e.items[f * TOP + i];

			assert_int_equal(item->image, all[i].image);
			assert_int_equal(item->row, all[i].row);
			assert_int_equal(item->column, all[i].column);
			assert_true(item->value == all[i].value);
		}
	}
	cs_exemplars_fini(&e);
}

static void silent_features_have_empty_lists(void **state)
{
	int64_t order[IMAGES];
	struct cs_exemplars e;

	(void)state;
	in_order(order);
	e = collect(order, 16, 2);
	assert_int_equal(e.counts[5], 0);
	assert_int_equal(e.fired[5], 0);
	cs_exemplars_fini(&e);
}

static void batches_order_and_threads_do_not_matter(void **state)
{
	int64_t order[IMAGES];
	struct cs_random random;
	struct cs_exemplars first, other;

	(void)state;
	in_order(order);
	first = collect(order, 7, 1);
	for (int threads = 1; threads <= 4; threads *= 2) {
		cs_random_init(&random, (uint64_t)threads, CS_RANDOM_USER, 0, 0);
		cs_random_shuffle(&random, order, IMAGES);
		other = collect(order, 5 * threads, threads);
		assert_memory_equal(first.counts, other.counts, sizeof *first.counts * FEATURES);
		assert_memory_equal(first.fired, other.fired, sizeof *first.fired * FEATURES);
		for (int64_t f = 0; f < FEATURES; f++) {
			for (int i = 0; i < first.counts[f]; i++) {
				assert_int_equal(first.items[f * TOP + i].image, other.items[f * TOP + i].image);
				assert_int_equal(first.items[f * TOP + i].row, other.items[f * TOP + i].row);
				assert_int_equal(first.items[f * TOP + i].column, other.items[f * TOP + i].column);
			}
		}
		cs_exemplars_fini(&other);
	}
	cs_exemplars_fini(&first);
}

static void images_are_listed_once_and_ascending(void **state)
{
	int64_t order[IMAGES], *images, count;
	bool wanted[IMAGES] = {false};
	struct cs_exemplars e;

	(void)state;
	in_order(order);
	e = collect(order, 9, 1);
	for (int64_t f = 0; f < FEATURES; f++) {
		for (int i = 0; i < e.counts[f]; i++)
			wanted[e.items[f * TOP + i].image] = true;
	}
	assert_int_equal(cs_exemplars_images(&e, &images, &count, NULL), CS_OK);
	for (int64_t i = 0; i < count; i++) {
		assert_true(wanted[images[i]]);
		wanted[images[i]] = false;
		assert_true(i == 0 || images[i] > images[i - 1]);
	}
	for (int i = 0; i < IMAGES; i++)
		assert_false(wanted[i]);
	cs_free(images);
	cs_exemplars_fini(&e);
}

static void an_exemplar_is_what_a_projection_finds(void **state)
{
	struct cs_layer_spec specs[] = {cs_layer_spec_default(&cs_conv_layer), cs_layer_spec_default(&cs_flatten_layer),
		cs_layer_spec_default(&cs_dense_layer)};
	struct cs_network *network;
	struct cs_exemplars e;
	struct cs_tensor images;
	struct cs_trace *trace;
	struct cs_random random;
	const int64_t index[4] = {10, 11, 12, 13};

	(void)state;
	specs[0].features = 6;
	specs[0].kernel[0] = specs[0].kernel[1] = 3;
	specs[0].activation = CS_RELU;
	specs[2].features = 5;
	specs[2].activation = CS_SOFTMAX;
	assert_int_equal(cs_network_new(CS_SHAPE(9, 8, 2), specs, 3, 1, &network, NULL), CS_OK);
	assert_int_equal(cs_tensor_init(&images, CS_SHAPE(4, 9, 8, 2), NULL), CS_OK);
	cs_random_init(&random, 1, CS_RANDOM_USER, 0, 0);
	for (int64_t i = 0; i < cs_tensor_count(&images); i++)
		images.data[i] = cs_random_normal(&random);
	trace = maps_trace(network, 4, NULL);
	cs_network_forward(trace, &images);
	for (int layer = 0; layer < 3; layer += 2) {
		assert_int_equal(cs_exemplars_init(&e, network, layer, 4, NULL), CS_OK);
		cs_exemplars_add(&e, trace, index);
		for (int64_t f = 0; f < e.features; f++) {
			for (int i = 0; i < e.counts[f]; i++) {
				const struct cs_exemplar *item = &e.items[f * 4 + i];
				int64_t row, column;
				float value;

				cs_strongest(trace, layer, (int)item->image - 10, f, &row, &column, &value);
				assert_true(row == item->row && column == item->column && value == item->value);
			}
		}
		cs_exemplars_fini(&e);
	}
	cs_trace_free(trace);
	cs_tensor_fini(&images);
	cs_network_free(network);
}

static void impossible_requests_are_refused(void **state)
{
	struct cs_network *network = maps_network();
	struct cs_exemplars e;
	struct cs_error error;
	enum cs_status status = CS_ERR_MEMORY;
	int failures = 0;

	(void)state;
	assert_int_equal(cs_exemplars_init(&e, network, 1, 9, &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "0 to 0"));
	assert_int_equal(cs_exemplars_init(&e, network, 0, 0, &error), CS_ERR_ARGUMENT);
	for (long nth = 1; status; nth++) {
		cs_alloc_fail_after(nth);
		status = cs_exemplars_init(&e, network, 0, 9, &error);
		cs_alloc_fail_after(0);
		failures += status == CS_ERR_MEMORY;
	}
	assert_int_equal(failures, 4);
	cs_exemplars_fini(&e);
	cs_network_free(network);
}

/* conv, pool, conv, pool: one pool sees every cell, the other not. Images repeat themselves, so that equals are common. */
static struct cs_network *pooled_network(int64_t window, int64_t stride, enum cs_padding padding)
{
	struct cs_layer_spec specs[4];
	struct cs_network *network;

	for (int i = 0; i < 4; i++)
		specs[i] = cs_layer_spec_default(i % 2 ? &cs_maxpool_layer : &cs_conv_layer);
	for (int i = 0; i < 4; i += 2) {
		specs[i].features = i ? 20 : 70;
		specs[i].kernel[0] = specs[i].kernel[1] = 3;
		specs[i].activation = CS_RELU;
		specs[i].padding = i ? CS_PADDING_SAME : CS_PADDING_VALID;
	}
	specs[1].window[0] = specs[1].window[1] = window;
	specs[1].stride[0] = specs[1].stride[1] = stride;
	specs[1].padding = padding;
	specs[3].window[0] = specs[3].window[1] = 2;
	specs[3].stride[0] = specs[3].stride[1] = 3;
	assert_int_equal(cs_network_new(CS_SHAPE(14, 20, 2), specs, 4, 3, &network, NULL), CS_OK);
	return network;
}

static void a_search_that_reads_pools_finds_the_same(void **state)
{
	static const struct {
		int64_t window, stride;
		enum cs_padding padding;
		bool sees;
	} pools[] = {{2, 2, CS_PADDING_VALID, true}, {3, 3, CS_PADDING_VALID, true}, {3, 2, CS_PADDING_SAME, true},
		{5, 5, CS_PADDING_VALID, false}, {2, 3, CS_PADDING_SAME, false}};
	enum { BATCH = 12, SIZE = 14 * 20 * 2 };

	(void)state;
	for (size_t k = 0; k < sizeof pools / sizeof *pools; k++) {
		struct cs_network *network = pooled_network(pools[k].window, pools[k].stride, pools[k].padding);
		bool wanted[4] = {!cs_exemplars_see_pool(network, 0), false, !cs_exemplars_see_pool(network, 2)};
		float *pixels = cs_alloc(BATCH * SIZE * sizeof *pixels);
		struct cs_tensor images = cs_tensor_view(pixels, CS_SHAPE(BATCH, 14, 20, 2));
		struct cs_exemplars found[2][2];
		struct cs_trace *trace[2];
		int64_t index[BATCH];

		assert_int_equal(wanted[0], !pools[k].sees);
		assert_true(wanted[2]);
		assert_int_equal(cs_trace_new(network, CS_TRACE_ALL, BATCH, NULL, &trace[0], NULL), CS_OK);
		assert_int_equal(cs_trace_new_wanted(network, wanted, BATCH, NULL, &trace[1], NULL), CS_OK);
		for (int t = 0; t < 2; t++) {
			for (int l = 0; l < 2; l++)
				assert_int_equal(cs_exemplars_init(&found[t][l], network, 2 * l, TOP, NULL), CS_OK);
		}
		for (int pass = 0; pass < 4; pass++) {
			struct cs_random random;

			cs_random_init(&random, 8, CS_RANDOM_USER, (uint32_t)pass, 0);
			for (int i = 0; i < BATCH * SIZE; i++)
				pixels[i] = i / SIZE % 3 ? cs_random_normal(&random)
							 : (float)cs_random_below(&random, 2) * (float)(i % 2);
			for (int i = 0; i < BATCH * SIZE; i++) { /* the right half as the left: equals wherever one looks */
				int column = i / 2 % 20;

				if (i / SIZE % 2 && column >= 10)
					pixels[i] = pixels[i - 20];
			}
			for (int i = 0; i < BATCH; i++)
				index[i] = pass * BATCH + i;
			for (int t = 0; t < 2; t++) {
				cs_network_forward_to(trace[t], &images, 2);
				for (int l = 0; l < 2; l++)
					cs_exemplars_add(&found[t][l], trace[t], index);
			}
		}
		for (int l = 0; l < 2; l++) {
			const struct cs_exemplars *a = &found[0][l], *b = &found[1][l];

			for (int64_t f = 0; f < a->features; f++) {
				assert_int_equal(a->counts[f], b->counts[f]);
				assert_int_equal(a->fired[f], b->fired[f]);
				assert_true(a->sum[f] == b->sum[f]);
				for (int i = 0; i < a->counts[f]; i++) {
					const struct cs_exemplar *x = &a->items[f * TOP + i], *y = &b->items[f * TOP + i];

					assert_true(x->image == y->image && x->row == y->row && x->column == y->column &&
						x->value == y->value);
				}
			}
		}
		for (int t = 0; t < 2; t++) {
			for (int l = 0; l < 2; l++)
				cs_exemplars_fini(&found[t][l]);
			cs_trace_free(trace[t]);
		}
		cs_free(pixels);
		cs_network_free(network);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_hold_the_strongest_images_in_order),
		cmocka_unit_test(silent_features_have_empty_lists),
		cmocka_unit_test(batches_order_and_threads_do_not_matter),
		cmocka_unit_test(images_are_listed_once_and_ascending),
		cmocka_unit_test(an_exemplar_is_what_a_projection_finds),
		cmocka_unit_test(impossible_requests_are_refused),
		cmocka_unit_test(a_search_that_reads_pools_finds_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
