/* test_whitening.c: ZCA whitening takes the covariance of training pictures to the identity, is undone exactly, does not depend on threads, and
 * comes back from a file as it was. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/random.h"
#include "data/loader.h"
#include "data/whiten.h"
#include "data_case.h"
#include "io/h5.h"
#include "model/model.h"

#include <math.h>
#include <sched.h>

enum { SMALL = 16, LARGE = 36 }; /* sides: 16x16x3 is whitened whole, 36x36x3 by the filter */

static struct cs_dataset *small, *large;
static const struct cs_preprocess pre = {.scale = 1.0f / 255, .mean = {0.4f, 0.5f, 0.6f}, .deviation = {0.2f, 0.3f, 0.4f}};

static int open_both(void **state)
{
	(void)state;
	small = case_open("shapes:count=1500,size=16,seed=2", NULL);
	large = case_open("shapes:count=300,size=36,seed=2", NULL);
	return case_begin(state);
}

static int close_both(void **state)
{
	cs_dataset_close(small);
	cs_dataset_close(large);
	return case_end(state);
}

static struct cs_whitening *fit(const struct cs_dataset *data, int channels, float epsilon)
{
	struct cs_whitening *out = NULL;
	struct cs_error error;

	assert_int_equal(cs_whiten_fit(data, &pre, channels, epsilon, NULL, &out, &error), CS_OK);
	return out;
}

/* The training pictures as a network that whitens sees them: [count,height,width,channels]. */
static float *training(const struct cs_dataset *data, int channels, const struct cs_whitening *whitening)
{
	const struct cs_split *split = &data->split[CS_SPLIT_TRAIN];
	struct cs_preprocess with = pre;
	struct cs_batch batch = {0};
	struct cs_error error;
	float *out;

	with.whitening = whitening;
	assert_int_equal(cs_loader_read(data, split->images, (int)split->count, channels, &with, &batch, &error), CS_OK);
	out = cs_alloc((size_t)cs_tensor_count(&batch.images) * sizeof *out);
	assert_non_null(out);
	memcpy(out, batch.images.data, (size_t)cs_tensor_count(&batch.images) * sizeof *out);
	cs_batch_fini(&batch);
	return out;
}

static void whole_pictures_have_the_identity_as_covariance(void **state)
{
	int64_t count = small->split[CS_SPLIT_TRAIN].count, n = SMALL * SMALL;
	struct cs_whitening *w = fit(small, 1, 1e-6f);
	float *x = training(small, 1, w);

	(void)state;
	assert_int_equal(w->kind, CS_WHITENING_WHOLE);
	for (int64_t a = 0; a < n; a++) {
		double mean = 0;

		for (int64_t i = 0; i < count; i++)
			mean += (double)x[i * n + a];
		assert_true(fabs(mean / (double)count) < 0.01);
		for (int64_t b = 0; b <= a; b++) {
			double sum = 0;

			for (int64_t i = 0; i < count; i++)
				sum += (double)x[i * n + a] * (double)x[i * n + b];
			assert_true(fabs(sum / (double)count - (a == b)) < 0.02);
		}
	}
	cs_free(x);
	cs_whitening_free(w);
}

/* What has so little variance that epsilon rules keeps it; what has much more is whitened. */
static void filtered_pictures_have_the_identity_at_every_frequency(void **state)
{
	int64_t count = large->split[CS_SPLIT_TRAIN].count, n = LARGE * LARGE * 3;
	struct cs_whitening *w = fit(large, 3, 1e-7f);
	float *x = training(large, 3, w);

	(void)state;
	assert_int_equal(w->kind, CS_WHITENING_FILTER);
	for (int64_t i = 0; i < count; i++)
		cs_whitening_dct(w, false, x + i * n);
	for (int64_t f = 0; f < LARGE * LARGE; f++) {
		for (int a = 0; a < 3; a++) {
			for (int b = 0; b <= a; b++) {
				double sum = 0;

				for (int64_t i = 0; i < count; i++)
					sum += (double)x[i * n + 3 * f + a] * (double)x[i * n + 3 * f + b];
				assert_true(fabs(sum / (double)count - (a == b)) < 0.02);
			}
		}
	}
	cs_free(x);
	cs_whitening_free(w);
}

static void neighbours_of_a_filtered_picture_no_longer_agree(void **state)
{
	int64_t count = large->split[CS_SPLIT_TRAIN].count;
	struct cs_whitening *w = fit(large, 1, CS_WHITEN_EPSILON);
	double before = 0;

	(void)state;
	for (int pass = 0; pass < 2; pass++) {
		float *x = training(large, 1, pass ? w : NULL);
		double product = 0, square = 0, sum = 0;
		int64_t n = 0;

		for (int64_t i = 0; i < count * LARGE * LARGE; i++) {
			if (i % LARGE == LARGE - 1)
				continue;
			product += (double)x[i] * (double)x[i + 1];
			square += (double)x[i] * (double)x[i];
			sum += (double)x[i];
			n++;
		}
		product = (product / (double)n - sum * sum / (double)n / (double)n) /
			(square / (double)n - sum * sum / (double)n / (double)n);
		if (!pass)
			before = product;
		assert_true(pass ? fabs(product) < 0.5 * before : product > 0.5);
		cs_free(x);
	}
	cs_whitening_free(w);
}

static void undoing_restores_pictures_and_directions(void **state)
{
	(void)state;
	for (int k = 0; k < 4; k++) {
		const struct cs_dataset *data = k & 1 ? large : small;
		int channels = k & 2 ? 1 : 3;
		int64_t n = (int64_t)data->width * data->height * channels, count = data->split[CS_SPLIT_TRAIN].count;
		struct cs_whitening *w = fit(data, channels, 1e-4f);
		float *plain = training(data, channels, NULL), *seen = training(data, channels, w);
		float *direction = cs_alloc((size_t)(2 * n) * sizeof *direction);
		struct cs_random random;

		cs_whitening_undo(w, count, true, seen);
		for (int64_t i = 0; i < count * n; i++)
			assert_true(fabsf(plain[i] - seen[i]) < 2e-3f);
		/* a direction in the whitened space: the difference of two inputs comes back as the difference of two pictures */
		cs_random_init(&random, 4, CS_RANDOM_USER, 0, (uint64_t)k);
		for (int64_t i = 0; i < n; i++)
			direction[i] = direction[n + i] = cs_random_between(&random, -1, 1);
		cs_whitening_undo(w, 1, false, direction);
		for (int64_t i = 0; i < n; i++)
			direction[i] += w->mean[i % cs_whitening_means(w->kind, w->height, w->width, w->channels)];
		cs_whitening_apply(w, 1, direction);
		for (int64_t i = 0; i < n; i++)
			assert_true(fabsf(direction[i] - direction[n + i]) < 2e-3f);
		cs_free(direction);
		cs_free(plain);
		cs_free(seen);
		cs_whitening_free(w);
	}
}

static void one_thread_fits_the_same_bits_as_all(void **state)
{
	cpu_set_t before, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	}
	for (int k = 0; k < 2; k++) {
		const struct cs_dataset *data = k ? large : small;
		struct cs_whitening *many = fit(data, 3, 0.01f), *single;

		assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
		single = fit(data, 3, 0.01f);
		assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
		assert_memory_equal(many->gain, single->gain,
			(size_t)cs_whitening_gains(many->kind, many->height, many->width, 3) * sizeof(float));
		assert_memory_equal(many->mean, single->mean,
			(size_t)cs_whitening_means(many->kind, many->height, many->width, 3) * sizeof(float));
		if (many->axes)
			assert_memory_equal(many->axes, single->axes, (size_t)(SMALL * SMALL * 3) * SMALL * SMALL * 3 * sizeof(float));
		cs_whitening_free(many);
		cs_whitening_free(single);
	}
}

static struct cs_model *model_of(int side, struct cs_whitening *whitening)
{
	struct cs_layer_spec s[2] = {
		cs_layer_spec_default(cs_layer_kind("flatten")), cs_layer_spec_default(cs_layer_kind("dense"))};
	struct cs_network *network;
	struct cs_model *model;
	struct cs_error error;

	s[1].features = 2;
	assert_int_equal(cs_network_new(CS_SHAPE(side, side, 3), s, 2, 1, &network, &error), CS_OK);
	assert_int_equal(cs_model_new(network, &model, &error), CS_OK);
	model->preprocess = pre;
	model->preprocess_known = true;
	cs_model_set_whitening(model, whitening);
	return model;
}

static void a_model_that_was_read_whitens_as_the_one_that_was_saved(void **state)
{
	static const char *const endings[] = {"hdf5", "keras"};

	(void)state;
	for (int k = 0; k < 4; k++) {
		const struct cs_dataset *data = k & 1 ? large : small;
		int64_t n = (int64_t)data->width * data->height * 3;
		struct cs_model *model = model_of(data->width, fit(data, 3, 0.02f)), *back;
		float *a = training(data, 3, model->whitening), *b;
		char path[300];
		struct cs_error error;

		snprintf(path, sizeof path, "%s/model-%d.%s", case_root, k, endings[k / 2]);
		assert_int_equal(cs_model_write(model, path, &error), CS_OK);
		assert_int_equal(cs_model_load(path, NULL, &back, &error), CS_OK);
		assert_non_null(back->whitening);
		assert_ptr_equal(back->preprocess.whitening, back->whitening);
		assert_true(back->whitening->epsilon == 0.02f);
		b = training(data, 3, back->whitening);
		assert_memory_equal(a, b, (size_t)(data->split[CS_SPLIT_TRAIN].count * n) * sizeof *a);
		cs_free(a);
		cs_free(b);
		cs_model_free(model);
		cs_model_free(back);
	}
}

static void onnx_files_are_refused_a_whitening(void **state)
{
	struct cs_model *model = model_of(SMALL, fit(small, 3, 0.02f));
	char path[300];
	struct cs_error error;

	(void)state;
	snprintf(path, sizeof path, "%s/model.onnx", case_root);
	assert_int_equal(cs_model_write(model, path, &error), CS_ERR_UNSUPPORTED);
	assert_non_null(strstr(error.message, "ZCA"));
	assert_false(cs_file_exists(path));
	cs_model_free(model);
}

static void files_with_a_broken_whitening_are_refused(void **state)
{
	static const struct {
		const char *array;
		float value;
		int64_t count;
	} damage[] = {
		{"gain", 0, SMALL * SMALL * 3},
		{"gain", NAN, SMALL * SMALL * 3},
		{"gain", 1, SMALL * SMALL},
		{"mean", INFINITY, SMALL * SMALL * 3},
		{"axes", 1, 5},
		{"epsilon", NAN, 1},
	};

	(void)state;
	for (size_t k = 0; k < sizeof damage / sizeof *damage; k++) {
		struct cs_model *model = model_of(SMALL, fit(small, 3, 0.02f)), *back = NULL;
		char path[300], array[100];
		float numbers[SMALL * SMALL * 3];
		struct cs_h5 *file;
		struct cs_error error;

		snprintf(path, sizeof path, "%s/broken-%d.hdf5", case_root, (int)k);
		snprintf(array, sizeof array, "/convscope/whitening/%s", damage[k].array);
		assert_int_equal(cs_model_save(model, path, &error), CS_OK);
		for (int64_t i = 0; i < damage[k].count; i++)
			numbers[i] = damage[k].value;
		assert_int_equal(cs_h5_open(path, CS_H5_WRITE, &file, &error), CS_OK);
		assert_int_equal(
			cs_h5_write_array(file, array, CS_H5_F32, CS_SHAPE(damage[k].count), numbers, &error), CS_OK);
		assert_int_equal(cs_h5_close(file, &error), CS_OK);
		assert_int_equal(cs_model_load(path, NULL, &back, &error), CS_ERR_FORMAT);
		assert_null(strchr(error.message, '\n'));
		cs_model_free(model);
	}
}

static void a_loader_gives_what_reading_gives(void **state)
{
	const struct cs_split *split = &large->split[CS_SPLIT_TRAIN];
	struct cs_whitening *w = fit(large, 3, 0.01f);
	float *expected = training(large, 3, w);
	struct cs_loader_options options = {.batch = 7, .channels = 3, .preprocess = pre, .threads = 2};
	struct cs_loader *loader = NULL;
	const struct cs_batch *batch;
	struct cs_error error;
	int64_t done = 0, n = LARGE * LARGE * 3;

	(void)state;
	options.preprocess.whitening = w;
	assert_int_equal(cs_loader_new(large, split->images, split->count, &options, &loader, &error), CS_OK);
	cs_loader_start(loader, 0, 0);
	while ((batch = cs_loader_next(loader, &error))) {
		assert_memory_equal(batch->images.data, expected + done * n, (size_t)(batch->count * n) * sizeof(float));
		done += batch->count;
	}
	assert_int_equal(done, split->count);
	cs_loader_free(loader);
	cs_free(expected);
	cs_whitening_free(w);
}

static void a_cancelled_fit_says_so(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct cs_whitening *out = NULL;
		struct cs_error error;
		struct cs_job job;

		cs_job_init(&job);
		cs_job_cancel(&job);
		assert_int_equal(cs_whiten_fit(k ? large : small, &pre, 3, 0.01f, &job, &out, &error), CS_ERR_CANCELLED);
		assert_null(out);
		cs_job_fini(&job);
	}
}

/* Every allocation on the way fails once: an error, no whitening, nothing lost (the sanitizers watch). */
static void running_out_of_memory_is_reported(void **state)
{
	struct cs_dataset *few = case_open("shapes:count=40,size=16,seed=2", NULL), *wide = case_open("shapes:count=24,size=36,seed=2", NULL);

	(void)state;
	for (int k = 0; k < 2; k++) {
		int failed = 0;

		for (long nth = 1; nth <= 40; nth++) {
			struct cs_whitening *out = NULL;
			struct cs_error error;
			enum cs_status status;

			cs_alloc_fail_after(nth);
			status = cs_whiten_fit(k ? wide : few, &pre, 1, 0.01f, NULL, &out, &error);
			cs_alloc_fail_after(0);
			assert_true(status == CS_OK || status == CS_ERR_MEMORY);
			assert_true((status == CS_OK) == (out != NULL));
			failed += status != CS_OK;
			cs_whitening_free(out);
		}
		assert_true(failed >= 5);
	}
	cs_dataset_close(few);
	cs_dataset_close(wide);
}

static void an_epsilon_that_is_none_is_refused(void **state)
{
	static const float bad[] = {0, -1, 1000, NAN};

	(void)state;
	for (int k = 0; k < 4; k++) {
		struct cs_whitening *out = NULL;
		struct cs_error error;

		assert_int_equal(cs_whiten_fit(small, &pre, 3, bad[k], NULL, &out, &error), CS_ERR_ARGUMENT);
		assert_null(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_pictures_have_the_identity_as_covariance),
		cmocka_unit_test(filtered_pictures_have_the_identity_at_every_frequency),
		cmocka_unit_test(neighbours_of_a_filtered_picture_no_longer_agree),
		cmocka_unit_test(undoing_restores_pictures_and_directions),
		cmocka_unit_test(one_thread_fits_the_same_bits_as_all),
		cmocka_unit_test(a_model_that_was_read_whitens_as_the_one_that_was_saved),
		cmocka_unit_test(onnx_files_are_refused_a_whitening),
		cmocka_unit_test(files_with_a_broken_whitening_are_refused),
		cmocka_unit_test(a_loader_gives_what_reading_gives),
		cmocka_unit_test(a_cancelled_fit_says_so),
		cmocka_unit_test(running_out_of_memory_is_reported),
		cmocka_unit_test(an_epsilon_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, open_both, close_both);
}
