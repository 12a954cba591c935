/* norm_pool.c: training through a batch norm, the activation behind it and a max-pool, as one. See batchnorm.h.
 *
 * Between a convolution and its pool the maps are the largest of a network, and each layer by itself reads and writes them whole, forward
 * and back. As one, forward reads the map twice, for its statistics and to pool what becomes of it, and backward once: only
 * what won a window has a gradient of its own, so the sums over all cells are sums over the pooled map, with the winners'
 * inputs kept beside it; every other cell gets a share of the means, a multiple of its input and a constant, and the winners'
 * gradients are added to that row by row, while the row is in the cache. The map's normalised form is never written.
 *
 * aux: the batch norm's own, then the winners' inputs, [batch,pooled rows,pooled columns,channels].
 */
#include "nn/batchnorm.h"

#include "nn/kernels/kernels.h"
#include "nn/pool.h"

#include <stdio.h>
#include <string.h>

enum {
	SHARDS = 32, /* of images, whose sums are added in order */
	PLACES = 16, /* cells of a window whose places are looked up: 4x4 */
};

bool cs_norm_pool_suits(enum cs_activation activation)
{
	/* what is pooled is the map after the activation: one that is not exactly monotone might tie where its input does not */
	return activation == CS_RELU || activation == CS_LINEAR;
}

size_t cs_norm_pool_aux(const struct cs_layer *pool, int batch)
{
	return (size_t)batch * (size_t)cs_shape_count(&pool->out) * sizeof(float);
}

size_t cs_norm_pool_shared(const struct cs_layer *norm)
{
	size_t channels = (size_t)norm->in.dim[norm->in.rank - 1];

	return ((SHARDS + 1) * 2 * sizeof(double) + 2 * sizeof(float)) * channels;
}

struct job {
	const struct cs_layer *norm, *pool;
	const struct cs_pass *pass;
	const struct cs_kernels *kernels;
	struct cs_norm constants;
	bool rectified;
	int64_t map, pooled, c; /* numbers of one image's maps; channels */
	float *winners;
	double *sums; /* [SHARDS + 1][2][channels] */
	float *slope, *constant; /* [channels]: what a cell gets whether it won or not, (x - mean) * slope + constant */
	bool spread; /* anything at all */
};

static struct job job_of(const struct cs_layer *norm, const struct cs_pass *pass)
{
	struct job job = {
		.norm = norm,
		.pool = pass->next,
		.pass = pass,
		.kernels = cs_kernels(),
		.constants = cs_batchnorm_constants(norm, pass->aux),
		.rectified = pass->stage_count && pass->stages[0].layer->spec.activation == CS_RELU,
		.map = cs_shape_count(&norm->in),
		.pooled = cs_shape_count(&pass->next->out),
		.c = norm->in.dim[norm->in.rank - 1],
		.winners = (float *)((char *)pass->aux + cs_batchnorm_aux(norm)),
		.sums = (double *)pass->shared,
	};

	job.slope = (float *)(job.sums + (SHARDS + 1) * 2 * job.c);
	job.constant = job.slope + job.c;
	return job;
}

static void pool_image(void *context, int image, int worker)
{
	const struct job *job = context;
	const struct cs_pass *pass = job->pass;
	int64_t at = image * job->pooled;
	const float *const norm[3] = {job->constants.mean, job->constants.factor, job->constants.offset};

	(void)worker;
	job->kernels->norm_maxpool(job->pool, norm, job->rectified, pass->in + image * job->map, pass->next_out + at,
		job->winners + at, pass->next_switches + at);
}

void cs_norm_pool_forward(const struct cs_layer *norm, struct cs_pass *pass)
{
	struct job job;

	cs_batchnorm_take_statistics(norm, pass);
	job = job_of(norm, pass);
	cs_workers_run(pass->workers, pass->count, pool_image, &job);
}

/* A shard of images: through the rectifier's derivative, and the sums of the gradient and of its products with the normal input. */
static void sum_shard(void *context, int shard, int worker)
{
	const struct job *job = context;
	const struct cs_pass *pass = job->pass;
	int64_t begin = pass->count * shard / SHARDS * job->pooled,
		end = pass->count * (shard + 1) / SHARDS * job->pooled;
	const float *mean = job->constants.mean, *inverse = job->constants.inverse;
	double *restrict sum = job->sums + shard * 2 * job->c, *restrict products = sum + job->c;

	(void)worker;
	memset(sum, 0, (size_t)(2 * job->c) * sizeof *sum);
	if (job->rectified)
		job->kernels->derive(CS_RELU, 0, pass->next_out + begin, pass->d_next_out + begin, end - begin);
	for (int64_t i = begin; i < end; i += job->c) {
		const float *d = pass->d_next_out + i, *x = job->winners + i;

		for (int64_t c = 0; c < job->c; c++) {
			sum[c] += (double)d[c];
			products[c] += (double)(d[c] * ((x[c] - mean[c]) * inverse[c]));
		}
	}
}

/* How far cell `cell` of a window lies behind its first, in numbers of the map. */
static int64_t place_of(const struct cs_layer *pool, int64_t cell)
{
	return (cell / pool->spec.window[1] * pool->in.dim[1] + cell % pool->spec.window[1]) * pool->in.dim[2];
}

/* One row of windows: its winners' gradients to the cells that won. */
static void add_winners(const struct job *job, int64_t image, int64_t row, const int64_t places[], float *d_in)
{
	const struct cs_layer *pool = job->pool;
	int64_t ow = pool->out.dim[1], c = job->c;
	const float *factor = job->constants.factor;

	for (int64_t column = 0; column < ow; column++) {
		int64_t at = image * job->pooled + (row * ow + column) * c;
		const float *d = job->pass->d_next_out + at;
		const cs_switch *switches = job->pass->next_switches + at;
		int64_t corner = cs_pool_position(pool, row, column, 0) * c;

		for (int64_t k = 0; k < c; k++) {
			int64_t cell = switches[k];

			if (d[k] != 0)
				d_in[corner + (cell < PLACES ? places[cell] : place_of(pool, cell)) + k] +=
					factor[k] * d[k];
		}
	}
}

static void gradient_image(void *context, int image, int worker)
{
	const struct job *job = context;
	const struct cs_layer *pool = job->pool;
	int64_t h = pool->in.dim[0], width = pool->in.dim[1] * job->c, filled = 0;
	const float *x = job->pass->in + image * job->map;
	float *d_in = job->pass->d_in + image * job->map;
	int64_t places[PLACES];

	(void)worker;
	for (int64_t cell = 0; cell < PLACES; cell++)
		places[cell] = place_of(pool, cell);
	for (int64_t row = 0; row <= pool->out.dim[0]; row++) {
		bool last = row == pool->out.dim[0];
		int64_t bottom = last ? h : row * pool->spec.stride[0] - pool->pad_top + pool->spec.window[0];

		bottom = bottom < h ? bottom : h;
		if (bottom > filled && job->spread)
			job->kernels->normalise(job->constants.mean, job->slope, job->constant, x + filled * width,
				d_in + filled * width, (bottom - filled) * pool->in.dim[1], job->c);
		else if (bottom > filled)
			memset(d_in + filled * width, 0, (size_t)((bottom - filled) * width) * sizeof *d_in);
		filled = bottom > filled ? bottom : filled;
		if (!last)
			add_winners(job, image, row, places, d_in);
	}
}

void cs_norm_pool_backward(const struct cs_layer *norm, struct cs_pass *pass)
{
	struct job job = job_of(norm, pass);
	double *total = job.sums + SHARDS * 2 * job.c;
	double rows = (double)(pass->count * (job.map / job.c));

	cs_workers_run(pass->workers, SHARDS, sum_shard, &job);
	memset(total, 0, (size_t)(2 * job.c) * sizeof *total);
	for (int64_t shard = 0; shard < SHARDS; shard++) {
		for (int64_t c = 0; c < 2 * job.c; c++)
			total[c] += job.sums[shard * 2 * job.c + c];
	}
	cs_batchnorm_write_gradients(norm, pass, total);
	if (!pass->d_in)
		return;
	job.spread = cs_batchnorm_uses_batch(norm, pass);
	cs_batchnorm_shares(&job.constants, total, rows, job.c, job.slope, job.constant);
	cs_workers_run(pass->workers, pass->count, gradient_image, &job);
}
