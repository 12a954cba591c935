/* conv_cells.c: weight and bias gradients of a convolution of few channels with its max-pool, where most cells live. See conv.h.
 *
 * With fewer channels than lanes, what an output sees of one input row, [kernel columns x channels], is one vector or a few.
 * The rows that one row of the pool's windows sees are widened to such vectors, one an output, aligned; then every cell of
 * the pool adds its gradient times the vectors of the cell that won, zeros included: nothing is listed. A rectifier's derivative
 * is taken on the way.
 *
 * Sums are kept for a fixed number of shards of the batch, which are added in order at the end; a task is a shard and a
 * range of features. Layouts: widened[row][output column][vectors][lanes], sums[feature][kernel row][vectors][lanes], totals[feature].
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"
#include "nn/pool.h"

#include <string.h>

enum {
	SHARDS = 8,
	RANGES = 4, /* of feature blocks, at most */
};

struct cells {
	const struct cs_blocked *blocked;
	const struct cs_layer *conv, *pool;
	int64_t lanes, f;
	int64_t seen; /* kernel columns x channels */
	int64_t vectors; /* that hold them */
	int64_t width, row; /* floats of an output, of a widened row */
	int64_t rows; /* of the input that a row of windows sees */
	int64_t taps; /* floats of one feature's sums */
	int64_t blocks, ranges; /* of features */
	int64_t window; /* cells */
};

static struct cells measure(const struct cs_layer *conv, const struct cs_layer *pool)
{
	const int64_t *kernel = conv->spec.kernel;
	struct cells c = {
		.blocked = cs_kernels()->blocked,
		.conv = conv,
		.pool = pool,
		.f = conv->out.dim[2],
		.seen = kernel[1] * conv->in.dim[2],
		.rows = (pool->spec.window[0] - 1) * conv->spec.stride[0] + kernel[0],
		.window = pool->spec.window[0] * pool->spec.window[1],
	};

	c.lanes = c.blocked->lanes;
	c.vectors = cs_divide_up(c.seen, c.lanes);
	c.width = c.vectors * c.lanes;
	c.row = conv->out.dim[1] * c.width;
	c.taps = kernel[0] * c.width;
	c.blocks = cs_divide_up(c.f, c.lanes);
	c.ranges = cs_least(RANGES, c.blocks);
	return c;
}

bool cs_conv_cells_suits(const struct cs_layer *conv)
{
	return conv->in.dim[2] < cs_kernels()->blocked->lanes;
}

/* What lies in shared memory, in floats: the cells of a window, the columns of windows, the shards' sums. */
static int64_t columns_at(const struct cells *c)
{
	return cs_divide_up(c->window, 16) * 16;
}

static int64_t sums_at(const struct cells *c)
{
	return columns_at(c) + cs_divide_up(c->pool->out.dim[1], 16) * 16;
}

int64_t cs_conv_cells_plan(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need)
{
	struct cells c = measure(conv, pool);

	/* widened rows, and one padded row */
	cs_conv_raise(&need->per_worker,
		c.rows * c.row + (conv->out.dim[1] - 1) * conv->spec.stride[1] * conv->in.dim[2] + c.width + c.lanes);
	return sums_at(&c) + SHARDS * c.f * (c.taps + (int64_t)(sizeof(double) / sizeof(float)));
}

struct job {
	struct cells c;
	const struct cs_pass *pass;
	int32_t *within, *columns;
	float *sums;
	double *totals; /* a sum of many that cancel */
};

/* The derivative of another activation than the rectifier, one image. */
static void derive_task(void *context, int image, int worker)
{
	const struct job *job = context;
	int64_t n = cs_shape_count(&job->c.pool->out);

	(void)worker;
	cs_kernels()->derive(job->c.conv->spec.activation, job->c.conv->spec.alpha, job->pass->next_out + image * n,
		job->pass->d_next_out + image * n, n);
}

/* Where in the widened rows the cells of a window lie, and where a row's windows begin. Windows may begin outside, their
 * winning cell is inside. */
static void fill_tables(const struct job *job)
{
	const struct cells *c = &job->c;
	const struct cs_layer_spec *pool = &c->pool->spec;

	for (int64_t i = 0; i < c->window; i++)
		job->within[i] = (int32_t)(i / pool->window[1] * c->conv->spec.stride[0] * c->row +
			i % pool->window[1] * c->width);
	for (int64_t i = 0; i < c->pool->out.dim[1]; i++)
		job->columns[i] = (int32_t)((i * pool->stride[1] - c->pool->pad_left) * c->width);
}

/* The rows that windows of row `row` of the pool see, of one image. */
static void widen(const struct cells *c, const float *in, int64_t row, float *padded, float *to)
{
	const struct cs_layer *conv = c->conv;
	int64_t h = conv->in.dim[0], w = conv->in.dim[1], channels = conv->in.dim[2], ow = conv->out.dim[1];
	int64_t step = conv->spec.stride[1] * channels, size = (ow - 1) * step + c->width, left = conv->pad_left;
	int64_t end = cs_least(size, (left + w) * channels) - left * channels;
	int64_t y = (row * c->pool->spec.stride[0] - c->pool->pad_top) * conv->spec.stride[0] - conv->pad_top;

	memset(padded, 0, (size_t)size * sizeof *padded);
	for (int64_t r = 0; r < c->rows; r++, y++, to += c->row) {
		if (y < 0 || y >= h) {
			memset(to, 0, (size_t)c->row * sizeof *to);
			continue;
		}
		memcpy(padded + left * channels, in + y * w * channels, (size_t)end * sizeof *to);
		c->blocked->widen(padded, step, ow, c->seen, to);
	}
}

static void shard_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct cells *c = &job->c;
	const struct cs_pass *pass = job->pass;
	int64_t shard = task / c->ranges, range = task % c->ranges, oh = c->pool->out.dim[0], ow = c->pool->out.dim[1];
	int64_t first = c->blocks * range / c->ranges * c->lanes;
	int64_t last = cs_least(c->f, c->blocks * (range + 1) / c->ranges * c->lanes);
	float *widened = (float *)(pass->worker_scratch + (size_t)worker * pass->worker_stride);
	float *padded = widened + c->rows * c->row, *sums = job->sums + shard * c->f * c->taps;
	double *totals = job->totals + shard * c->f;
	const float *outputs = c->conv->spec.activation == CS_RELU ? pass->next_out : NULL;

	memset(sums + first * c->taps, 0, (size_t)((last - first) * c->taps) * sizeof *sums);
	memset(totals + first, 0, (size_t)(last - first) * sizeof *totals);
	for (int64_t image = pass->count * shard / SHARDS; image < pass->count * (shard + 1) / SHARDS; image++) {
		for (int64_t row = 0; row < oh; row++) {
			widen(c, pass->in + image * cs_shape_count(&c->conv->in), row, padded, widened);
			for (int64_t k = first; k < last; k += c->lanes) {
				int64_t at = (image * oh + row) * ow * c->f + k;

				c->blocked->collect_cells(pass->d_next_out + at, outputs ? outputs + at : NULL,
					pass->next_switches + at, ow, c->f, cs_least(c->lanes, last - k), job->columns,
					job->within, c->window, (int)c->conv->spec.kernel[0], (int)c->vectors, widened,
					c->row, sums + k * c->taps, totals + k);
			}
		}
	}
}

/* One row of the kernel: shards added in order, and transposed to [kernel columns x channels, features]. */
static void add_task(void *context, int row, int worker)
{
	const struct job *job = context;
	const struct cells *c = &job->c;
	float *to = job->pass->d_params[0] + row * c->seen * c->f;

	(void)worker;
	for (int64_t k = 0; k < c->f; k++) {
		const float *from = job->sums + k * c->taps + row * c->width;

		for (int64_t i = 0; i < c->seen; i++) {
			float sum = from[i];

			for (int64_t shard = 1; shard < SHARDS; shard++)
				sum += from[shard * c->f * c->taps + i];
			to[i * c->f + k] = sum;
		}
	}
}

void cs_conv_cells_backward(const struct cs_layer *conv, struct cs_pass *pass, float *memory)
{
	struct job job = {.c = measure(conv, pass->next), .pass = pass};

	job.within = (int32_t *)memory;
	job.columns = (int32_t *)memory + columns_at(&job.c);
	job.sums = memory + sums_at(&job.c);
	job.totals = (double *)(job.sums + SHARDS * job.c.f * job.c.taps);
	fill_tables(&job);
	if (conv->spec.activation != CS_RELU && conv->spec.activation != CS_LINEAR)
		cs_workers_run(pass->workers, pass->count, derive_task, &job);
	cs_workers_run(pass->workers, (int)(SHARDS * job.c.ranges), shard_task, &job);
	cs_workers_run(pass->workers, (int)conv->spec.kernel[0], add_task, &job);
	for (int64_t k = 0; conv->spec.bias && pass->d_params[1] && k < job.c.f; k++) {
		double total = 0;

		for (int64_t shard = 0; shard < SHARDS; shard++)
			total += job.totals[shard * job.c.f + k];
		pass->d_params[1][k] = (float)total;
	}
}
