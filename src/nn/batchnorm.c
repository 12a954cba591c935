/* batchnorm.c: batch normalisation over the last dimension (Ioffe & Szegedy 2015).
 *
 * y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per channel. Training uses the batch's mean and biased variance
 * and, after the step, moves the moving statistics towards them by 1 - momentum. Inference uses the moving
 * statistics; so does a frozen layer, as in Keras. The moving variance takes the biased variance, as Keras 3 does;
 * Keras 2's fused kernel took n / (n - 1) of it.
 *
 * Sums run over all rows (batch and positions) in double precision, over a fixed number of shards of rows that depends on
 * their count alone; the shards are added in order.
 *
 * A convolution in front runs it in inference (conv_bands.c); in training it runs the activation and the pool behind it itself
 * (norm_pool.c).
 *
 * aux, [5,channels]: of the last pass the mean, 1 / sqrt(variance + epsilon), the variance, gamma times the second, and beta.
 */
#include "nn/batchnorm.h"

#include "nn/kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
	SHARDS = 32,
	SHARD_ROWS = 64, /* a shard has at least so many */
	AUX_ROWS = 5,
};

static int64_t channels_of(const struct cs_layer *layer)
{
	return layer->in.dim[layer->in.rank - 1];
}

static enum cs_status batchnorm_shape(struct cs_layer *layer, struct cs_error *error)
{
	const struct cs_layer_spec *spec = &layer->spec;
	struct cs_shape each = CS_SHAPE(channels_of(layer));
	enum cs_status status = CS_OK;

	if (!(spec->epsilon > 0) || !isfinite(spec->epsilon))
		return cs_fail(error, CS_ERR_ARGUMENT, "has an epsilon of %g; expected a small number above 0 (0.001)",
			(double)spec->epsilon);
	if (!(spec->momentum >= 0 && spec->momentum <= 1))
		return cs_fail(
			error, CS_ERR_ARGUMENT, "has a momentum of %g; expected 0 to 1 (0.99)", (double)spec->momentum);
	layer->out = layer->in;
	/* Keras' order */
	if (spec->scale)
		status = cs_layer_add_param(layer, "gamma", each, true, false, error);
	if (!status && spec->centre)
		status = cs_layer_add_param(layer, "beta", each, true, false, error);
	if (!status)
		status = cs_layer_add_param(layer, "moving_mean", each, false, false, error);
	if (!status)
		status = cs_layer_add_param(layer, "moving_variance", each, false, false, error);
	return status;
}

size_t cs_batchnorm_aux(const struct cs_layer *norm)
{
	return AUX_ROWS * (size_t)channels_of(norm) * sizeof(float);
}

static void batchnorm_plan(const struct cs_layer *layer, struct cs_need *need)
{
	size_t channels = (size_t)channels_of(layer);

	need->in_place = !need->training;
	need->d_in_place = true;
	need->aux = cs_batchnorm_aux(layer);
	if (need->training)
		need->shared = (SHARDS + 2) * 2 * channels * sizeof(double);
	need->algorithm = "sharded sums";
	snprintf(need->why, sizeof need->why,
		need->training ? "at most %d shards of rows, added in order" : "moving statistics", SHARDS);
}

/* In training, an activation behind it and a max-pool behind that. */
static int batchnorm_fuse(const struct cs_layer *layer, int count, struct cs_need *need)
{
	bool activated =
		count > 0 && layer[1].ops == &cs_activation_layer && cs_norm_pool_suits(layer[1].spec.activation);
	const struct cs_layer *pool = layer + 1 + activated;
	size_t shared = cs_norm_pool_shared(layer);

	if (!need->training || activated >= count || pool->ops != &cs_maxpool_layer)
		return 0;
	batchnorm_plan(layer, need);
	need->aux += cs_norm_pool_aux(pool, need->batch);
	need->shared = need->shared < shared ? shared : need->shared;
	snprintf(need->why, sizeof need->why, "pooled as it is normalised, back from what won");
	return activated + 1;
}

/* The rows of a pass, cut into shards. */
struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
	const struct cs_kernels *kernels;
	int64_t channels, rows, shard_rows;
	int shards;
	float *mean, *inverse, *variance, *factor, *offset; /* [channels] each, in aux */
	double *sums; /* [shards,2,channels], then the totals [2,channels] */
	float *slope, *constant; /* backward, behind the totals: what every cell gets, (x - mean) * slope + constant */
	bool batch; /* the batch's own statistics are in use */
};

bool cs_batchnorm_uses_batch(const struct cs_layer *norm, const struct cs_pass *pass)
{
	return pass->training && !norm->frozen;
}

static struct job job_of(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = {.layer = layer, .pass = pass, .kernels = cs_kernels(), .channels = channels_of(layer)};

	job.rows = pass->count * (cs_shape_count(&layer->in) / job.channels);
	job.shard_rows = (job.rows + SHARDS - 1) / SHARDS;
	if (job.shard_rows < SHARD_ROWS)
		job.shard_rows = SHARD_ROWS;
	job.shards = (int)((job.rows + job.shard_rows - 1) / job.shard_rows);
	job.mean = pass->aux;
	job.inverse = job.mean + job.channels;
	job.variance = job.inverse + job.channels;
	job.factor = job.variance + job.channels;
	job.offset = job.factor + job.channels;
	if (pass->shared) {
		job.sums = (double *)pass->shared;
		job.slope = (float *)(job.sums + (job.shards + 1) * 2 * job.channels);
		job.constant = job.slope + job.channels;
	}
	job.batch = cs_batchnorm_uses_batch(layer, pass);
	return job;
}

static int64_t shard_begin(const struct job *job, int shard)
{
	return shard * job->shard_rows;
}

static int64_t shard_end(const struct job *job, int shard)
{
	int64_t end = (shard + 1) * job->shard_rows;

	return end < job->rows ? end : job->rows;
}

static void sum_shard(void *context, int shard, int worker)
{
	const struct job *job = context;
	double *sums = job->sums + shard * 2 * job->channels;
	int64_t begin = shard_begin(job, shard), rows = shard_end(job, shard) - begin;

	(void)worker;
	memset(sums, 0, (size_t)(2 * job->channels) * sizeof *sums);
	job->kernels->moments(job->pass->in + begin * job->channels, rows, job->channels, sums);
}

/* Sums of d_out, and of d_out times the normalised input. */
static void sum_gradient_shard(void *context, int shard, int worker)
{
	const struct job *job = context;
	int64_t channels = job->channels;
	const float *restrict mean = job->mean, *restrict inverse = job->inverse;
	double *restrict sum = job->sums + shard * 2 * channels;
	double *restrict products = sum + channels;

	(void)worker;
	memset(sum, 0, (size_t)(2 * channels) * sizeof *sum);
	for (int64_t row = shard_begin(job, shard); row < shard_end(job, shard); row++) {
		const float *restrict x = job->pass->in + row * channels;
		const float *restrict d = job->pass->d_out + row * channels;

		for (int64_t c = 0; c < channels; c++) {
			sum[c] += (double)d[c];
			products[c] += (double)(d[c] * ((x[c] - mean[c]) * inverse[c]));
		}
	}
}

/* The totals stand behind the shards. */
static const double *add_shards(const struct job *job)
{
	int64_t n = 2 * job->channels;
	double *total = job->sums + job->shards * n;

	memset(total, 0, (size_t)n * sizeof *total);
	for (int shard = 0; shard < job->shards; shard++) {
		for (int64_t c = 0; c < n; c++)
			total[c] += job->sums[shard * n + c];
	}
	return total;
}

/* Mean and variance as they stand, the rest of aux. */
static void fill_constants(const struct job *job)
{
	const struct cs_param *gamma = cs_layer_param(job->layer, "gamma"), *beta = cs_layer_param(job->layer, "beta");
	double epsilon = (double)job->layer->spec.epsilon;

	for (int64_t c = 0; c < job->channels; c++) {
		job->inverse[c] = (float)(1 / sqrt((double)job->variance[c] + epsilon));
		job->factor[c] = gamma ? gamma->value.data[c] * job->inverse[c] : job->inverse[c];
		job->offset[c] = beta ? beta->value.data[c] : 0;
	}
}

static void from_moving(const struct job *job)
{
	size_t bytes = (size_t)job->channels * sizeof(float);

	memcpy(job->mean, cs_layer_param(job->layer, "moving_mean")->value.data, bytes);
	memcpy(job->variance, cs_layer_param(job->layer, "moving_variance")->value.data, bytes);
	fill_constants(job);
}

/* From sums and sums of squares over all rows, [2,channels]. */
static void from_sums(const struct job *job, const double *total)
{
	for (int64_t c = 0; c < job->channels; c++) {
		double m = total[c] / (double)job->rows;
		double v = total[job->channels + c] / (double)job->rows - m * m;

		job->mean[c] = (float)m;
		job->variance[c] = (float)(v < 0 ? 0 : v); /* rounding; NaN stays */
	}
	fill_constants(job);
}

static void take_statistics(struct job *job)
{
	if (!job->batch) {
		from_moving(job);
		return;
	}
	cs_workers_run(job->pass->workers, job->shards, sum_shard, job);
	from_sums(job, add_shards(job));
}

struct cs_norm cs_batchnorm_constants(const struct cs_layer *norm, const void *aux)
{
	const float *constants = aux;
	int64_t channels = channels_of(norm);

	return (struct cs_norm){constants, constants + channels, constants + 3 * channels, constants + 4 * channels};
}

void cs_batchnorm_from_moving(const struct cs_layer *norm, void *aux)
{
	struct cs_pass pass = {.count = 1, .aux = aux};
	struct job job = job_of(norm, &pass);

	from_moving(&job);
}

/* May run in place. */
static void normalise_shard(void *context, int shard, int worker)
{
	const struct job *job = context;
	int64_t begin = shard_begin(job, shard), rows = shard_end(job, shard) - begin;

	(void)worker;
	job->kernels->normalise(job->mean, job->factor, job->offset, job->pass->in + begin * job->channels,
		job->pass->out + begin * job->channels, rows, job->channels);
}

void cs_batchnorm_take_statistics(const struct cs_layer *norm, struct cs_pass *pass)
{
	struct job job = job_of(norm, pass);

	take_statistics(&job);
}

static void batchnorm_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = job_of(layer, pass);

	if (pass->next) {
		cs_norm_pool_forward(layer, pass);
		return;
	}
	take_statistics(&job);
	cs_workers_run(pass->workers, job.shards, normalise_shard, &job);
}

/* gamma * inverse * (d - mean(d) - normal * mean(d * normal)), the statistics being the batch's: gamma * inverse * d and a cell's share;
 * in place as above. */
static void batch_gradient_shard(void *context, int shard, int worker)
{
	const struct job *job = context;
	int64_t first = shard_begin(job, shard), at = first * job->channels;

	(void)worker;
	job->kernels->normalise_back(job->mean, job->slope, job->constant, job->factor, job->pass->in + at,
		job->pass->d_out + at, job->pass->d_in + at, shard_end(job, shard) - first, job->channels);
}

/* gamma * inverse * d, the statistics being constants. */
static void constant_gradient_shard(void *context, int shard, int worker)
{
	const struct job *job = context;
	int64_t channels = job->channels;
	const float *factor = job->factor;

	(void)worker;
	for (int64_t row = shard_begin(job, shard); row < shard_end(job, shard); row++) {
		const float *d_out = job->pass->d_out + row * channels;
		float *d_in = job->pass->d_in + row * channels;

#pragma GCC ivdep
		for (int64_t c = 0; c < channels; c++)
			d_in[c] = factor[c] * d_out[c];
	}
}

void cs_batchnorm_shares(
	const struct cs_norm *norm, const double *sums, double cells, int64_t channels, float *slope, float *constant)
{
	for (int64_t c = 0; c < channels; c++) {
		double factor = -(double)norm->factor[c] / cells;

		slope[c] = (float)(factor * (double)norm->inverse[c] * sums[channels + c]);
		constant[c] = (float)(factor * sums[c]);
	}
}

void cs_batchnorm_write_gradients(const struct cs_layer *norm, struct cs_pass *pass, const double *sums)
{
	int64_t channels = channels_of(norm);

	for (int p = 0; p < norm->param_count; p++) {
		const double *gradient = strcmp(norm->params[p].name, "gamma") == 0 ? sums + channels : sums;

		for (int64_t c = 0; pass->d_params[p] && c < channels; c++)
			pass->d_params[p][c] = (float)gradient[c];
	}
}

static void batchnorm_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = job_of(layer, pass);
	bool wanted = false;

	if (pass->next) {
		cs_norm_pool_backward(layer, pass);
		return;
	}
	for (int p = 0; p < layer->param_count; p++)
		wanted |= pass->d_params[p] != NULL;
	if (wanted || (job.batch && pass->d_in)) {
		const double *total;

		cs_workers_run(pass->workers, job.shards, sum_gradient_shard, &job);
		total = add_shards(&job);
		cs_batchnorm_shares(&(struct cs_norm){job.mean, job.inverse, job.factor, job.offset}, total,
			(double)job.rows, job.channels, job.slope, job.constant);
		cs_batchnorm_write_gradients(layer, pass, total);
	}
	if (pass->d_in)
		cs_workers_run(
			pass->workers, job.shards, job.batch ? batch_gradient_shard : constant_gradient_shard, &job);
}

static void batchnorm_update(struct cs_layer *layer, const struct cs_pass *pass)
{
	int64_t channels = channels_of(layer);
	const float *mean = pass->aux, *variance = mean + 2 * channels;
	float *moving_mean = cs_layer_param(layer, "moving_mean")->value.data;
	float *moving_variance = cs_layer_param(layer, "moving_variance")->value.data;
	float keep = layer->spec.momentum;

	for (int64_t c = 0; c < channels; c++) {
		moving_mean[c] = keep * moving_mean[c] + (1 - keep) * mean[c];
		moving_variance[c] = keep * moving_variance[c] + (1 - keep) * variance[c];
	}
}

static void batchnorm_describe(const struct cs_layer *layer, char *text, size_t size)
{
	const struct cs_layer_spec *spec = &layer->spec;

	snprintf(text, size, "batch norm%s%s", spec->scale ? "" : ", no scale", spec->centre ? "" : ", no centre");
}

const struct cs_layer_ops cs_batchnorm_layer = {
	.type = "batchnorm",
	.stem = "norm",
	.keras = "BatchNormalization",
	.shape = batchnorm_shape,
	.plan = batchnorm_plan,
	.fuse = batchnorm_fuse,
	.forward = batchnorm_forward,
	.backward = batchnorm_backward,
	.update = batchnorm_update,
	.describe = batchnorm_describe,
};
