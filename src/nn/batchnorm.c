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
 * aux: mean, 1 / sqrt(variance + epsilon) and variance of the last pass, [3,channels].
 */
#include "nn/layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
	SHARDS = 32,
	SHARD_ROWS = 64, /* a shard has at least so many */
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

static void batchnorm_plan(const struct cs_layer *layer, struct cs_need *need)
{
	size_t channels = (size_t)channels_of(layer);

	need->in_place = !need->training;
	need->d_in_place = true;
	need->aux = 3 * channels * sizeof(float);
	if (need->training)
		need->shared = (SHARDS + 1) * 2 * channels * sizeof(double);
	need->algorithm = "sharded sums";
	snprintf(need->why, sizeof need->why,
		need->training ? "at most %d shards of rows, added in order" : "moving statistics", SHARDS);
}

/* The rows of a pass, cut into shards. */
struct job {
	const struct cs_layer *layer;
	struct cs_pass *pass;
	int64_t channels, rows, shard_rows;
	int shards;
	const float *gamma, *beta; /* NULL: 1 and 0 */
	const float *mean, *inverse;
	double *sums; /* [shards,2,channels], then the totals [2,channels] */
	bool batch; /* the batch's own statistics are in use */
};

static struct job job_of(const struct cs_layer *layer, struct cs_pass *pass)
{
	const struct cs_param *gamma = cs_layer_param(layer, "gamma"), *beta = cs_layer_param(layer, "beta");
	struct job job = {.layer = layer, .pass = pass, .channels = channels_of(layer)};
	float *aux = pass->aux;

	job.rows = pass->count * (cs_shape_count(&layer->in) / job.channels);
	job.shard_rows = (job.rows + SHARDS - 1) / SHARDS;
	if (job.shard_rows < SHARD_ROWS)
		job.shard_rows = SHARD_ROWS;
	job.shards = (int)((job.rows + job.shard_rows - 1) / job.shard_rows);
	job.gamma = gamma ? gamma->value.data : NULL;
	job.beta = beta ? beta->value.data : NULL;
	job.mean = aux;
	job.inverse = aux + job.channels;
	job.sums = (double *)pass->shared;
	job.batch = pass->training && !layer->frozen;
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
	int64_t channels = job->channels;
	double *restrict sum = job->sums + shard * 2 * channels;
	double *restrict squares = sum + channels;

	(void)worker;
	memset(sum, 0, (size_t)(2 * channels) * sizeof *sum);
	for (int64_t row = shard_begin(job, shard); row < shard_end(job, shard); row++) {
		const float *restrict x = job->pass->in + row * channels;

		for (int64_t c = 0; c < channels; c++) {
			sum[c] += (double)x[c];
			squares[c] += (double)x[c] * (double)x[c];
		}
	}
}

/* Sums of d_out, and of d_out times the normalised input. */
static void sum_gradient_shard(void *context, int shard, int worker)
{
	const struct job *job = context;
	int64_t channels = job->channels;
	double *restrict sum = job->sums + shard * 2 * channels;
	double *restrict products = sum + channels;

	(void)worker;
	memset(sum, 0, (size_t)(2 * channels) * sizeof *sum);
	for (int64_t row = shard_begin(job, shard); row < shard_end(job, shard); row++) {
		const float *restrict x = job->pass->in + row * channels;
		const float *restrict d = job->pass->d_out + row * channels;

		for (int64_t c = 0; c < channels; c++) {
			sum[c] += (double)d[c];
			products[c] += (double)d[c] * (double)((x[c] - job->mean[c]) * job->inverse[c]);
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

/* Mean, 1 / deviation and variance into aux. */
static void take_statistics(struct job *job)
{
	float *mean = job->pass->aux, *inverse = mean + job->channels, *variance = inverse + job->channels;
	double epsilon = (double)job->layer->spec.epsilon;
	const double *total = NULL;

	if (job->batch) {
		cs_workers_run(job->pass->workers, job->shards, sum_shard, job);
		total = add_shards(job);
	} else {
		size_t bytes = (size_t)job->channels * sizeof(float);

		memcpy(mean, cs_layer_param(job->layer, "moving_mean")->value.data, bytes);
		memcpy(variance, cs_layer_param(job->layer, "moving_variance")->value.data, bytes);
	}
	for (int64_t c = 0; c < job->channels; c++) {
		double v = (double)variance[c];

		if (total) {
			double m = total[c] / (double)job->rows;

			v = total[job->channels + c] / (double)job->rows - m * m;
			v = v < 0 ? 0 : v; /* rounding; NaN stays */
			mean[c] = (float)m;
			variance[c] = (float)v;
		}
		inverse[c] = (float)(1 / sqrt(v + epsilon));
	}
}

static void normalise_shard(void *context, int shard, int worker)
{
	const struct job *job = context;
	int64_t channels = job->channels;

	(void)worker;
	for (int64_t row = shard_begin(job, shard); row < shard_end(job, shard); row++) {
		const float *x = job->pass->in + row * channels;
		float *y = job->pass->out + row * channels;

		for (int64_t c = 0; c < channels; c++) {
			float factor = job->gamma ? job->gamma[c] * job->inverse[c] : job->inverse[c];

			y[c] = (x[c] - job->mean[c]) * factor + (job->beta ? job->beta[c] : 0.0f);
		}
	}
}

static void batchnorm_forward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = job_of(layer, pass);

	take_statistics(&job);
	cs_workers_run(pass->workers, job.shards, normalise_shard, &job);
}

/* With batch statistics: d_in = gamma * inverse * (d - mean(d) - xhat * mean(d * xhat)); without: gamma * inverse * d. */
static void gradient_shard(void *context, int shard, int worker)
{
	const struct job *job = context;
	int64_t channels = job->channels;
	const double *total = job->sums + job->shards * 2 * channels;
	double scale = 1 / (double)job->rows;

	(void)worker;
	for (int64_t row = shard_begin(job, shard); row < shard_end(job, shard); row++) {
		const float *x = job->pass->in + row * channels;
		const float *d_out = job->pass->d_out + row * channels;
		float *d_in = job->pass->d_in + row * channels;

		for (int64_t c = 0; c < channels; c++) {
			float factor = job->gamma ? job->gamma[c] * job->inverse[c] : job->inverse[c];
			float d = d_out[c];

			if (job->batch) {
				float normal = (x[c] - job->mean[c]) * job->inverse[c];

				d -= (float)(total[c] * scale) + normal * (float)(total[channels + c] * scale);
			}
			d_in[c] = factor * d;
		}
	}
}

static void batchnorm_backward(const struct cs_layer *layer, struct cs_pass *pass)
{
	struct job job = job_of(layer, pass);
	bool wanted = false;

	for (int p = 0; p < layer->param_count; p++)
		wanted |= pass->d_params[p] != NULL;
	if (wanted || (job.batch && pass->d_in)) {
		const double *total;

		cs_workers_run(pass->workers, job.shards, sum_gradient_shard, &job);
		total = add_shards(&job);
		for (int p = 0; p < layer->param_count; p++) {
			const double *gradient =
				strcmp(layer->params[p].name, "gamma") == 0 ? total + job.channels : total;

			for (int64_t c = 0; pass->d_params[p] && c < job.channels; c++)
				pass->d_params[p][c] = (float)gradient[c];
		}
	}
	if (pass->d_in)
		cs_workers_run(pass->workers, job.shards, gradient_shard, &job);
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
	.forward = batchnorm_forward,
	.backward = batchnorm_backward,
	.update = batchnorm_update,
	.describe = batchnorm_describe,
};
