/* whiten.c: the covariance of the training images, and the whitening that it asks for. See whiten.h.
 *
 * Whole: CHUNK pictures are read side by side by all threads, then their products are added to the covariance block of rows by block of rows;
 * chunks follow one another, so each of its numbers is one sum in the order of the images. A chunk's products are float32, their sum float64.
 * Filter: the images are divided into shards; each adds up, in float64, the products of channels at every frequency of its pictures' DCT. Shards
 * are added in their order. The moments are about the channel's mean, which is the lowest frequency's alone.
 */
#include "data/whiten.h"

#include "core/alloc.h"
#include "core/eigen.h"
#include "core/gemm.h"
#include "core/workers.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { CHUNK = 256, READ = 16, BLOCK = 128, SHARDS = 64 };

/* What the sums of all shards may take. */
static const int64_t shard_bytes = 256 << 20;

struct fit {
	const struct cs_dataset *data;
	const int64_t *images;
	int64_t count;
	const struct cs_preprocess *preprocess;
	int channels;
	int64_t numbers; /* of one picture */
	struct cs_job *job;
	struct cs_workers *workers;
	uint8_t *rgb; /* a picture a worker */
	float *scratch; /* whole: [BLOCK,numbers] a worker; filter: a picture a worker */
	atomic_bool stop;
	atomic_flag failed;
	enum cs_status status; /* of the first failure, behind `failed` */
	struct cs_error error;

	/* whole */
	float *chunk; /* [CHUNK,numbers] */
	int64_t first, some; /* images of the chunk in work */
	double *sums, *products; /* [numbers], [numbers,numbers], its upper triangle */

	/* filter */
	struct cs_whitening *bases;
	int shards, pairs;
	double *shard; /* a shard: sums [channels], then moments [height * width,pairs] */
	int64_t shard_numbers;
	atomic_int_fast64_t done;
};

enum cs_status cs_whiten_check(float epsilon, struct cs_error *error)
{
	if (epsilon >= 1e-8f && epsilon <= 100)
		return CS_OK;
	return cs_fail(error, CS_ERR_ARGUMENT,
		"zca is %g: expected the epsilon of ZCA whitening, 1e-8 to 100 (%g unless said), in variances of normalised pixels",
		(double)epsilon, (double)CS_WHITEN_EPSILON);
}

static bool stopped(struct fit *fit)
{
	return atomic_load_explicit(&fit->stop, memory_order_relaxed) || cs_job_cancelled(fit->job);
}

/* One picture as numbers; false when it could not be read, which is kept. */
static bool read_image(struct fit *fit, int64_t i, int worker, float *out)
{
	int64_t pixels = (int64_t)fit->data->width * fit->data->height;
	uint8_t *rgb = fit->rgb + 3 * pixels * worker;
	struct cs_error error;
	enum cs_status status = cs_dataset_pixels(fit->data, fit->images[i], rgb, &error);

	if (!status) {
		cs_preprocess_pixels(fit->preprocess, rgb, pixels, fit->channels, out);
		return true;
	}
	if (!atomic_flag_test_and_set(&fit->failed)) {
		fit->status = status;
		fit->error = error;
	}
	atomic_store(&fit->stop, true);
	return false;
}

/* How the work ended, when it ended early. */
static enum cs_status ended(struct fit *fit, struct cs_error *error)
{
	if (fit->status) {
		if (error)
			*error = fit->error;
		return fit->status;
	}
	return cs_job_cancelled(fit->job)
		? cs_fail(error, CS_ERR_CANCELLED, "cancelled while the whitening of '%s' was fitted", fit->data->spec)
		: CS_OK;
}

/* ---- whole ---- */

static void read_task(void *context, int task, int worker)
{
	struct fit *fit = context;
	int64_t end = (int64_t)(task + 1) * READ < fit->some ? (int64_t)(task + 1) * READ : fit->some;

	for (int64_t i = (int64_t)task * READ; i < end && !stopped(fit); i++) {
		if (!read_image(fit, fit->first + i, worker, fit->chunk + i * fit->numbers))
			return;
	}
}

static void product_task(void *context, int task, int worker)
{
	struct fit *fit = context;
	int64_t n = fit->numbers, from = (int64_t)task * BLOCK, rows = n - from < BLOCK ? n - from : BLOCK, columns = n - from;
	float *block = fit->scratch + (int64_t)worker * BLOCK * n;

	cs_gemm(true, false, rows, columns, fit->some, fit->chunk + from, n, fit->chunk + from, n, 0, block, columns);
	for (int64_t r = 0; r < rows; r++) {
		double *to = fit->products + (from + r) * n + from;

		for (int64_t c = 0; c < columns; c++)
			to[c] += (double)block[r * columns + c];
		for (int64_t i = 0; i < fit->some; i++)
			fit->sums[from + r] += (double)fit->chunk[i * n + from + r];
	}
}

static enum cs_status add_up_whole(struct fit *fit, struct cs_error *error)
{
	int64_t n = fit->numbers;

	for (fit->first = 0; fit->first < fit->count; fit->first += CHUNK) {
		enum cs_status status;

		fit->some = fit->count - fit->first < CHUNK ? fit->count - fit->first : CHUNK;
		cs_workers_run(fit->workers, (int)((fit->some + READ - 1) / READ), read_task, fit);
		status = ended(fit, error);
		if (status)
			return status;
		cs_workers_run(fit->workers, (int)((n + BLOCK - 1) / BLOCK), product_task, fit);
		cs_job_progress(fit->job, 0.7 * (double)(fit->first + fit->some) / (double)fit->count,
			"measuring how %lld numbers vary together", (long long)n);
	}
	return ended(fit, error);
}

static enum cs_status fit_whole(struct fit *fit, float epsilon, struct cs_whitening **out, struct cs_error *error)
{
	int64_t n = fit->numbers;
	double *values = cs_alloc((size_t)n * sizeof *values);
	float *mean = cs_alloc((size_t)n * sizeof *mean), *axes = NULL, *gain = cs_alloc((size_t)n * sizeof *gain);
	enum cs_status status = CS_OK;

	fit->chunk = cs_alloc((size_t)(CHUNK * n) * sizeof *fit->chunk);
	fit->sums = cs_calloc((size_t)n, sizeof *fit->sums);
	fit->products = cs_calloc((size_t)n, (size_t)n * sizeof *fit->products);
	if (!values || !mean || !gain || !fit->chunk || !fit->sums || !fit->products)
		status = cs_fail_memory(error, "the covariance of the training images");
	if (!status)
		status = add_up_whole(fit, error);
	for (int64_t i = 0; !status && i < n; i++) {
		fit->sums[i] /= (double)fit->count;
		mean[i] = (float)fit->sums[i];
	}
	for (int64_t i = 0; !status && i < n; i++) {
		for (int64_t j = i; j < n; j++)
			fit->products[i * n + j] = fit->products[i * n + j] / (double)fit->count - fit->sums[i] * fit->sums[j];
	}
	if (!status) {
		cs_job_progress(fit->job, 0.7, "finding the axes of %lld numbers", (long long)n);
		status = cs_eigen_symmetric((int)n, fit->products, values, error);
	}
	if (!status) {
		axes = cs_alloc((size_t)(n * n) * sizeof *axes);
		status = axes ? CS_OK : cs_fail_memory(error, "a whitening");
	}
	for (int64_t i = 0; !status && i < n * n; i++)
		axes[i] = (float)fit->products[i];
	for (int64_t i = 0; !status && i < n; i++)
		gain[i] = (float)(1 / sqrt(fmax(values[i], 0) + (double)epsilon));
	if (!status)
		status = cs_whitening_new(CS_WHITENING_WHOLE, fit->data->height, fit->data->width, fit->channels, epsilon, mean, axes,
			gain, out, error);
	cs_free(values);
	cs_free(mean);
	cs_free(axes);
	cs_free(gain);
	return status;
}

/* ---- filter ---- */

static void shard_task(void *context, int task, int worker)
{
	struct fit *fit = context;
	int64_t first = task * fit->count / fit->shards, end = (task + 1) * fit->count / fit->shards;
	int64_t frequencies = (int64_t)fit->data->width * fit->data->height;
	float *picture = fit->scratch + (int64_t)worker * fit->numbers;
	double *sums = fit->shard + task * fit->shard_numbers, *moments = sums + fit->channels;

	for (int64_t i = first; i < end; i++) {
		if (stopped(fit) || !read_image(fit, i, worker, picture))
			return;
		cs_whitening_dct(fit->bases, false, picture);
		for (int c = 0; c < fit->channels; c++)
			sums[c] += (double)picture[c];
		for (int64_t f = 0; f < frequencies; f++) {
			const float *at = picture + f * fit->channels;
			double *to = moments + f * fit->pairs;

			for (int a = 0; a < fit->channels; a++) {
				for (int b = a; b < fit->channels; b++)
					*to++ += (double)at[a] * (double)at[b];
			}
		}
	}
	cs_job_progress(fit->job, (double)(atomic_fetch_add(&fit->done, end - first) + end - first) / (double)fit->count,
		"measuring how neighbouring pixels vary together");
}

/* One frequency's covariance, as pairs a <= b, to its inverse root. */
static enum cs_status inverse_root(const double *pairs, int channels, double epsilon, float *gain, struct cs_error *error)
{
	double matrix[9], values[3];
	enum cs_status status;

	for (int a = 0; a < channels; a++) {
		for (int b = a; b < channels; b++)
			matrix[a * channels + b] = matrix[b * channels + a] = *pairs++;
	}
	status = cs_eigen_symmetric(channels, matrix, values, error);
	for (int a = 0; !status && a < channels; a++) {
		for (int b = 0; b < channels; b++) {
			double sum = 0;

			for (int k = 0; k < channels; k++)
				sum += matrix[k * channels + a] * matrix[k * channels + b] / sqrt(fmax(values[k], 0) + epsilon);
			gain[a * channels + b] = (float)sum;
		}
	}
	return status;
}

/* The shards together, in the first: means and covariances. */
static void add_shards(struct fit *fit, float *mean)
{
	double *all = fit->shard, *dc = all + fit->channels, size = sqrt((double)fit->data->width * fit->data->height);
	double average[3] = {0};

	for (int s = 1; s < fit->shards; s++) {
		for (int64_t i = 0; i < fit->shard_numbers; i++)
			all[i] += fit->shard[s * fit->shard_numbers + i];
	}
	for (int64_t i = 0; i < fit->shard_numbers; i++)
		all[i] /= (double)fit->count;
	for (int c = 0; c < fit->channels; c++) {
		average[c] = all[c];
		mean[c] = (float)(average[c] / size); /* the lowest frequency is the sum over sqrt(pixels) */
	}
	for (int a = 0; a < fit->channels; a++) {
		for (int b = a; b < fit->channels; b++)
			*dc++ -= average[a] * average[b];
	}
}

static enum cs_status fit_filter(struct fit *fit, float epsilon, struct cs_whitening **out, struct cs_error *error)
{
	int h = fit->data->height, w = fit->data->width, c = fit->channels;
	int64_t frequencies = (int64_t)h * w;
	float *gain = cs_calloc((size_t)(frequencies * c), (size_t)c * sizeof *gain), mean[3] = {0};
	enum cs_status status = gain ? CS_OK : cs_fail_memory(error, "a whitening");

	for (int64_t i = 0; !status && i < frequencies * c; i++)
		gain[i * c + i % c] = 1;
	if (!status)
		status = cs_whitening_new(CS_WHITENING_FILTER, h, w, c, epsilon, mean, NULL, gain, &fit->bases, error);
	fit->pairs = c * (c + 1) / 2;
	fit->shard_numbers = c + frequencies * fit->pairs;
	fit->shards = (int)(shard_bytes / (fit->shard_numbers * (int64_t)sizeof(double)));
	fit->shards = fit->shards > SHARDS ? SHARDS : fit->shards < 1 ? 1 : fit->shards;
	if (!status) {
		fit->shard = cs_calloc((size_t)fit->shards, (size_t)fit->shard_numbers * sizeof *fit->shard);
		status = fit->shard ? CS_OK : cs_fail_memory(error, "the covariance of the training images");
	}
	if (!status) {
		cs_workers_run(fit->workers, fit->shards, shard_task, fit);
		status = ended(fit, error);
	}
	if (!status)
		add_shards(fit, mean);
	for (int64_t f = 0; !status && f < frequencies; f++)
		status = inverse_root(fit->shard + c + f * fit->pairs, c, (double)epsilon, gain + f * c * c, error);
	if (!status)
		status = cs_whitening_new(CS_WHITENING_FILTER, h, w, c, epsilon, mean, NULL, gain, out, error);
	cs_free(gain);
	return status;
}

enum cs_status cs_whiten_fit(const struct cs_dataset *data, const struct cs_preprocess *preprocess, int channels, float epsilon,
	struct cs_job *job, struct cs_whitening **out, struct cs_error *error)
{
	const struct cs_split *split = &data->split[CS_SPLIT_TRAIN];
	bool whole = cs_whitening_kind_for(data->height, data->width, channels) == CS_WHITENING_WHOLE;
	struct fit fit = {.data = data,
		.images = split->images,
		.count = split->count,
		.preprocess = preprocess,
		.channels = channels,
		.numbers = (int64_t)data->height * data->width * channels,
		.job = job,
		.failed = ATOMIC_FLAG_INIT};
	size_t workers;
	enum cs_status status = cs_whiten_check(epsilon, error);

	if (status)
		return status;
	if (split->count == 0)
		return cs_fail(error, CS_ERR_ARGUMENT, "'%s' has no training images to fit a whitening to", data->spec);
	if (data->height > CS_WHITENING_SIDE_LIMIT || data->width > CS_WHITENING_SIDE_LIMIT)
		return cs_fail(error, CS_ERR_ARGUMENT, "no ZCA whitening of pictures of %dx%d: the largest side is %d", data->height,
			data->width, CS_WHITENING_SIDE_LIMIT);
	status = cs_workers_new(0, &fit.workers, error);
	if (status)
		return status;
	workers = (size_t)cs_workers_count(fit.workers);
	fit.rgb = cs_calloc(workers, 3 * (size_t)data->width * (size_t)data->height);
	fit.scratch = cs_calloc(workers, (whole ? BLOCK : 1) * (size_t)fit.numbers * sizeof *fit.scratch);
	if (!fit.rgb || !fit.scratch)
		status = cs_fail_memory(error, "fitting a whitening");
	else
		status = whole ? fit_whole(&fit, epsilon, out, error) : fit_filter(&fit, epsilon, out, error);
	cs_free(fit.rgb);
	cs_free(fit.scratch);
	cs_free(fit.chunk);
	cs_free(fit.sums);
	cs_free(fit.products);
	cs_free(fit.shard);
	cs_whitening_free(fit.bases);
	cs_workers_free(fit.workers);
	return status;
}
