/* test_loader.c: batches come in the order that (seed, epoch) gives, whatever the threads do. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/random.h"
#include "data/loader.h"
#include "data_case.h"

#include <math.h>
#include <stdatomic.h>

enum { SIDE = 16, PIXELS = SIDE * SIDE, BATCH = 7 };

static struct cs_dataset *shapes;

static int open_shapes(void **state)
{
	(void)state;
	shapes = case_open("shapes:count=150,size=16,seed=2", NULL);
	return 0;
}

static int close_shapes(void **state)
{
	(void)state;
	cs_dataset_close(shapes);
	return 0;
}

static struct cs_loader_options options_of(int threads, int ahead)
{
	return (struct cs_loader_options){
		.batch = BATCH,
		.channels = 3,
		.shuffle = true,
		.seed = 11,
		.preprocess = {.scale = 1.0f / 255, .mean = {0.4f, 0.5f, 0.6f}, .deviation = {0.2f, 0.3f, 0.4f}},
		.augment = {.flip = true, .shift = 2},
		.threads = threads,
		.ahead = ahead,
	};
}

static struct cs_loader *loader_of(const struct cs_split *split, const struct cs_loader_options *options)
{
	struct cs_loader *loader = NULL;
	struct cs_error error;

	assert_int_equal(cs_loader_new(shapes, split->images, split->count, options, &loader, &error), CS_OK);
	return loader;
}

/* The same by the straight way. */
static void naive(const struct cs_split *split, const struct cs_loader_options *o, uint32_t epoch, int64_t number,
	const struct cs_batch *batch)
{
	int64_t *order = cs_alloc((size_t)split->count * sizeof *order);
	uint8_t plain[PIXELS * 3], changed[PIXELS * 3];
	float expected[PIXELS * 3];
	struct cs_random random;

	memcpy(order, split->images, (size_t)split->count * sizeof *order);
	if (o->shuffle) {
		cs_random_init(&random, o->seed, CS_RANDOM_SHUFFLE, epoch, 0);
		cs_random_shuffle(&random, order, split->count);
	}
	for (int i = 0; i < batch->count; i++) {
		int64_t image = order[number * o->batch + i];

		assert_int_equal(batch->index[i], image);
		assert_int_equal(batch->labels[i], cs_dataset_label(shapes, image));
		cs_dataset_pixels(shapes, image, plain, NULL);
		cs_augment_apply(&o->augment, o->seed, epoch, image, SIDE, SIDE, plain, changed);
		for (int p = 0; p < PIXELS; p++)
			cs_preprocess_apply(
				&o->preprocess, changed + 3 * p, 1, o->channels, expected + o->channels * p);
		assert_memory_equal(batch->images.data + (int64_t)i * PIXELS * o->channels, expected,
			sizeof(float) * (size_t)(PIXELS * o->channels));
	}
	cs_free(order);
}

static void order_and_bits_are_the_naive_ones_for_any_threads(void **state)
{
	const struct cs_split *split = &shapes->split[CS_SPLIT_TRAIN];

	(void)state;
	for (int threads = 1; threads <= 4; threads++) {
		struct cs_loader_options options = options_of(threads, threads == 3 ? 1 : 0);
		struct cs_loader *loader = loader_of(split, &options);
		int64_t batches = (split->count + BATCH - 1) / BATCH;

		assert_int_equal(cs_loader_batches(loader), batches);
		for (uint32_t epoch = 0; epoch < 3; epoch++) {
			const struct cs_batch *batch;
			struct cs_error error;
			int64_t number = 0;

			cs_loader_start(loader, epoch, 0);
			while ((batch = cs_loader_next(loader, &error)) != NULL) {
				int64_t left = split->count - number * BATCH;

				assert_int_equal(batch->count, left < BATCH ? left : BATCH);
				naive(split, &options, epoch, number++, batch);
			}
			assert_int_equal(error.status, CS_OK);
			assert_int_equal(number, batches);
			assert_null(cs_loader_next(loader, &error));
		}
		cs_loader_free(loader);
	}
}

static void an_epoch_begun_in_the_middle_goes_on_the_same(void **state)
{
	const struct cs_split *split = &shapes->split[CS_SPLIT_TRAIN];
	struct cs_loader_options options = options_of(3, 0);
	struct cs_loader *loader = loader_of(split, &options);

	(void)state;
	for (int64_t first = cs_loader_batches(loader); first >= 0; first -= 5) {
		const struct cs_batch *batch;
		int64_t number = first;

		cs_loader_start(loader, 4, first);
		while ((batch = cs_loader_next(loader, NULL)) != NULL)
			naive(split, &options, 4, number++, batch);
		assert_int_equal(number, cs_loader_batches(loader));
	}
	cs_loader_free(loader);
}

static void grey_networks_and_unshuffled_order(void **state)
{
	const struct cs_split *split = &shapes->split[CS_SPLIT_VAL];
	struct cs_loader_options options = options_of(2, 2);
	struct cs_loader *loader;
	const struct cs_batch *batch;
	int64_t number = 0;

	(void)state;
	options.shuffle = false;
	options.channels = 1;
	loader = loader_of(split, &options);
	cs_loader_start(loader, 0, 0);
	while ((batch = cs_loader_next(loader, NULL)) != NULL)
		naive(split, &options, 0, number++, batch);
	assert_int_equal(number, cs_loader_batches(loader));
	cs_loader_free(loader);
}

/* Under the thread sanitizer this is where a race would show. */
static void freed_and_restarted_while_threads_are_busy(void **state)
{
	const struct cs_split *split = &shapes->split[CS_SPLIT_TRAIN];
	struct cs_loader_options options = options_of(4, 8);

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct cs_loader *loader = loader_of(split, &options);

		for (int i = 0; i < round % 5; i++) {
			cs_loader_start(loader, (uint32_t)i, i);
			for (int k = 0; k < round % 3; k++)
				naive(split, &options, (uint32_t)i, i + k, cs_loader_next(loader, NULL));
		}
		cs_loader_free(loader);
	}
}

static void a_loader_that_was_not_started_is_at_its_end(void **state)
{
	struct cs_loader_options options = options_of(1, 0);
	struct cs_loader *loader = loader_of(&shapes->split[CS_SPLIT_VAL], &options);
	struct cs_split empty = {0};

	(void)state;
	assert_null(cs_loader_next(loader, NULL));
	cs_loader_free(loader);
	loader = loader_of(&empty, &options);
	cs_loader_start(loader, 0, 0);
	assert_int_equal(cs_loader_batches(loader), 0);
	assert_null(cs_loader_next(loader, NULL));
	cs_loader_free(loader);
}

/* A source that fails at one image, and one that is slow. */
static atomic_int bad_image = -1;
static long pause_microseconds;

static enum cs_status odd_pixels(const struct cs_dataset *data, int64_t image, uint8_t *rgb, struct cs_error *error)
{
	usleep((unsigned)pause_microseconds);
	if (image == bad_image)
		return cs_fail(error, CS_ERR_IO, "image %d cannot be read", (int)image);
	memset(rgb, (int)image, (size_t)data->width * (size_t)data->height * 3);
	return CS_OK;
}

static void odd_sample(const struct cs_dataset *data, int64_t image, struct cs_sample *out)
{
	(void)data;
	out->label = (int)image % 3;
}

static const struct cs_dataset_ops odd_ops = {.name = "odd", .pixels = odd_pixels, .sample = odd_sample};

static void errors_come_out_of_next_at_their_place(void **state)
{
	struct cs_dataset data = {.ops = &odd_ops, .width = 4, .height = 4, .count = 40};
	struct cs_loader_options options = {
		.batch = 4, .channels = 3, .preprocess = cs_preprocess_default(), .threads = 3};
	struct cs_loader *loader = NULL;
	struct cs_error error;
	int64_t images[40];

	(void)state;
	for (int i = 0; i < 40; i++)
		images[i] = i;
	bad_image = 21;
	pause_microseconds = 0;
	assert_int_equal(cs_loader_new(&data, images, 40, &options, &loader, &error), CS_OK);
	cs_loader_start(loader, 0, 0);
	for (int i = 0; i < 5; i++)
		assert_non_null(cs_loader_next(loader, &error));
	for (int i = 0; i < 2; i++) {
		assert_null(cs_loader_next(loader, &error));
		assert_int_equal(error.status, CS_ERR_IO);
		assert_string_equal(error.message, "image 21 cannot be read");
	}
	bad_image = -1; /* mended: a new start goes through */
	cs_loader_start(loader, 1, 3);
	for (int i = 3; i < 10; i++)
		assert_non_null(cs_loader_next(loader, &error));
	assert_null(cs_loader_next(loader, &error));
	assert_int_equal(error.status, CS_OK);
	cs_loader_free(loader);
}

static void waiting_is_measured(void **state)
{
	struct cs_dataset data = {.ops = &odd_ops, .width = 4, .height = 4, .count = 8};
	struct cs_loader_options options = {.batch = 4, .channels = 3, .preprocess = cs_preprocess_default()};
	static const int64_t images[8] = {0, 1, 2, 3, 4, 5, 6, 7};
	struct cs_loader *loader = NULL;

	(void)state;
	bad_image = -1;
	pause_microseconds = 10000;
	assert_int_equal(cs_loader_new(&data, images, 8, &options, &loader, NULL), CS_OK);
	cs_loader_start(loader, 0, 0);
	cs_loader_next(loader, NULL);
	assert_true(cs_loader_waited(loader) > 0.03);
	usleep(300000); /* the second batch is read meanwhile */
	{
		double before = cs_loader_waited(loader);

		assert_non_null(cs_loader_next(loader, NULL));
		assert_true(cs_loader_waited(loader) - before < 0.02);
	}
	cs_loader_free(loader);
}

static void chosen_images_are_read_into_new_and_old_batches(void **state)
{
	static const int64_t images[3] = {149, 0, 77};
	struct cs_preprocess pre = cs_preprocess_default();
	struct cs_batch batch = {0};
	uint8_t rgb[PIXELS * 3], back[PIXELS * 3];
	struct cs_error error;

	(void)state;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(cs_loader_read(shapes, images, 3 - round, 3, &pre, &batch, &error), CS_OK);
		assert_int_equal(batch.count, 3 - round);
		for (int i = 0; i < batch.count; i++) {
			assert_int_equal(batch.index[i], images[i]);
			assert_int_equal(batch.labels[i], cs_dataset_label(shapes, images[i]));
			cs_dataset_pixels(shapes, images[i], rgb, NULL);
			cs_preprocess_undo(&pre, batch.images.data + (int64_t)i * PIXELS * 3, PIXELS, 3, back);
			assert_memory_equal(rgb, back, sizeof rgb);
		}
	}
	cs_batch_fini(&batch);
}

static void preprocessing_by_table_keeps_the_bits(void **state)
{
	const struct cs_preprocess pre = {
		.scale = 1.0f / 255, .mean = {.48f, .45f, .4f}, .deviation = {.27f, .26f, .28f}};
	uint8_t pixels[256 * 3];
	float out[256 * 3], reversed[256 * 3];
	struct cs_preprocess bgr = pre;

	(void)state;
	for (int i = 0; i < 256 * 3; i++)
		pixels[i] = (uint8_t)(i * 91);
	cs_preprocess_apply(&pre, pixels, 256, 3, out);
	for (int i = 0; i < 256 * 3; i++) {
		volatile float x = pixels[i]; /* one operation at a time, as written */
		volatile float scaled = x * pre.scale, centred = scaled - pre.mean[i % 3];

		assert_true(fabsf(out[i] - centred / pre.deviation[i % 3]) <= 3e-7f * (1 + fabsf(out[i])));
	}
	bgr.bgr = true;
	cs_preprocess_apply(&bgr, pixels, 256, 3, reversed);
	for (int i = 0; i < 256; i++) {
		float one[3];
		const uint8_t swapped[3] = {pixels[3 * i + 2], pixels[3 * i + 1], pixels[3 * i]};

		cs_preprocess_apply(&pre, swapped, 1, 3, one);
		assert_memory_equal(one, reversed + 3 * i, sizeof one);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_bits_are_the_naive_ones_for_any_threads),
		cmocka_unit_test(an_epoch_begun_in_the_middle_goes_on_the_same),
		cmocka_unit_test(grey_networks_and_unshuffled_order),
		cmocka_unit_test(freed_and_restarted_while_threads_are_busy),
		cmocka_unit_test(a_loader_that_was_not_started_is_at_its_end),
		cmocka_unit_test(errors_come_out_of_next_at_their_place),
		cmocka_unit_test(waiting_is_measured),
		cmocka_unit_test(chosen_images_are_read_into_new_and_old_batches),
		cmocka_unit_test(preprocessing_by_table_keeps_the_bits),
	};

	return cmocka_run_group_tests(tests, open_shapes, close_shapes);
}
