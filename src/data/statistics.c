/* statistics.c: mean and deviation of the training images. See cs_dataset_statistics in dataset.h.
 *
 * The sums of bytes and of their squares are whole numbers, so they are exact and their order does not matter: the same bits
 * for any number of threads. A stored data set keeps each image's sums in its cache, which makes any split a matter of
 * milliseconds; the others are read (or drawn) once, in shards of a fixed number of images.
 */
#include "data/dataset.h"

#include "core/alloc.h"
#include "core/workers.h"
#include "data/sums.h"

#include <math.h>
#include <stdatomic.h>

enum { SHARD = 64 };

struct work {
	const struct cs_dataset *data;
	const struct cs_split *split;
	struct cs_job *job;
	uint8_t *scratch; /* a picture a worker */
	struct cs_sums *shards;
	atomic_int_fast64_t done;
	atomic_bool stop;
	enum cs_status status; /* of the first failure, behind `failed` */
	struct cs_error error;
	atomic_flag failed;
};

void cs_sums_of(const uint8_t *rgb, int64_t pixels, uint64_t sum[3], uint64_t square[3])
{
	for (int k = 0; k < 3; k++)
		sum[k] = square[k] = 0;
	/* 65,536 squares of bytes fit 32 bits, and 32-bit sums are quicker */
	for (int64_t first = 0; first < pixels; first += 1 << 16) {
		int64_t end = pixels - first < 1 << 16 ? pixels : first + (1 << 16);
		uint32_t s[3] = {0}, q[3] = {0};

		for (int64_t i = first; i < end; i++) {
			for (int k = 0; k < 3; k++) {
				uint32_t p = rgb[3 * i + k];

				s[k] += p;
				q[k] += p * p;
			}
		}
		for (int k = 0; k < 3; k++) {
			sum[k] += s[k];
			square[k] += q[k];
		}
	}
}

static void shard_task(void *context, int task, int worker)
{
	struct work *work = context;
	const struct cs_dataset *data = work->data;
	int64_t pixels = (int64_t)data->width * data->height;
	int64_t first = (int64_t)task * SHARD;
	int64_t end = first + SHARD < work->split->count ? first + SHARD : work->split->count;
	uint8_t *rgb = work->scratch + (int64_t)worker * 3 * pixels;
	struct cs_sums *shard = &work->shards[task];

	for (int64_t i = first; i < end; i++) {
		int64_t image = work->split->images[i];
		struct cs_sums one;
		struct cs_error error;
		enum cs_status status;

		if (atomic_load_explicit(&work->stop, memory_order_relaxed) || cs_job_cancelled(work->job))
			return;
		if (!data->ops->sums || !data->ops->sums(data, image, one.sum, one.square)) {
			status = cs_dataset_pixels(data, image, rgb, &error);
			if (status) {
				if (!atomic_flag_test_and_set(&work->failed)) {
					work->status = status;
					work->error = error;
				}
				atomic_store(&work->stop, true);
				return;
			}
			cs_sums_of(rgb, pixels, one.sum, one.square);
		}
		for (int k = 0; k < 3; k++) {
			shard->sum[k] += one.sum[k];
			shard->square[k] += one.square[k];
		}
	}
	cs_job_progress(work->job,
		(double)(atomic_fetch_add(&work->done, end - first) + end - first) / (double)work->split->count,
		"measuring the mean of %lld images", (long long)work->split->count);
}

static void finish(const struct work *work, int shards, float mean[3], float deviation[3])
{
	double n = (double)work->split->count * work->data->width * work->data->height;

	for (int k = 0; k < 3; k++) {
		uint64_t sum = 0, square = 0;
		double m, variance;

		for (int i = 0; i < shards; i++) {
			sum += work->shards[i].sum[k];
			square += work->shards[i].square[k];
		}
		m = (double)sum / n;
		variance = (double)square / n - m * m;
		mean[k] = (float)(m / 255);
		deviation[k] = (float)(sqrt(variance > 0 ? variance : 0) / 255);
		/* a channel that never changes is not to be divided by */
		if (!(deviation[k] > 1e-6f))
			deviation[k] = 1;
	}
}

enum cs_status cs_dataset_statistics(
	const struct cs_dataset *data, struct cs_job *job, float mean[3], float deviation[3], struct cs_error *error)
{
	const struct cs_split *split = &data->split[CS_SPLIT_TRAIN];
	struct work work = {.data = data, .split = split, .job = job, .failed = ATOMIC_FLAG_INIT};
	struct cs_workers *workers = NULL;
	int shards = (int)((split->count + SHARD - 1) / SHARD);
	enum cs_status status;

	if (split->count == 0)
		return cs_fail(
			error, CS_ERR_ARGUMENT, "'%s' has no training images to measure the mean of", data->spec);
	status = cs_workers_new(0, &workers, error);
	if (status)
		return status;
	work.shards = cs_calloc((size_t)shards, sizeof *work.shards);
	work.scratch = cs_calloc((size_t)cs_workers_count(workers), 3 * (size_t)data->width * (size_t)data->height);
	if (!work.shards || !work.scratch) {
		status = cs_fail_memory(error, "the mean of a data set");
		goto out;
	}
	cs_workers_run(workers, shards, shard_task, &work);
	if (work.status) {
		if (error)
			*error = work.error;
		status = work.status;
	} else if (cs_job_cancelled(job)) {
		status = cs_fail(error, CS_ERR_CANCELLED, "cancelled while the mean of '%s' was measured", data->spec);
	} else {
		finish(&work, shards, mean, deviation);
	}
out:
	cs_free(work.scratch);
	cs_free(work.shards);
	cs_workers_free(workers);
	return status;
}
