/* conv_sparse.c: backward through a max-pool and the convolution before it, over live cells only. See conv.h.
 *
 * A max-pool sends gradient to one cell of each window at most, and a rectifier or dropout stops much of that: of the map's cells
 * a tenth or less are live. Every feature's live cells of every image are listed once (where in the input their window
 * begins, and the gradient); an entry then costs one product a tap, for `lanes` input channels at a time:
 *
 * weights  taps += value * input. A task owns a block of channels and a range of features, and walks the images in order.
 * data     input gradient += value * taps. A task owns a block of channels of one image, in a plane of its own.
 *
 * No sum is shared between tasks. With fewer channels than lanes, the pixels of one kernel row stand in for channels: they lie
 * together in memory, and only the kernel's rows remain as taps ("folded"). Strides cost nothing: they are in the offsets.
 *
 * Where so many cells of a batch are live that listing them costs more than it saves, and no data gradient asks for the
 * lists, conv_cells.c goes back instead.
 *
 * Lists take room for the worst case, so images go through in groups that bound it. Entries are listed in an order that
 * keeps neighbouring windows apart: they would otherwise wait for each other's sums on their way through memory.
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"
#include "nn/pool.h"

#include <string.h>

enum {
	LIST_BYTES = 16 << 20, /* all lists of a group of images, at worst */
	WEIGHT_TASKS = 16, /* at least, where features allow it */
	DENSE = 40, /* percent of cells that live, from which on they are not listed */
	SAMPLE = 8, /* images, of which one is looked at */
};

struct sparse {
	const struct cs_kernels *kernels;
	const struct cs_blocked *blocked;
	const struct cs_layer *conv, *pool;
	int64_t lanes, f;
	bool folded;
	int64_t blocks; /* of channels; 1 when folded */
	int64_t rows, columns; /* of taps: kernel rows; kernel columns, or vectors of a folded kernel row */
	int64_t taps; /* floats of one feature's: rows * columns * lanes */
	int64_t height, width; /* of the padded input that is seen, in pixels */
	int64_t pixel, row, plane; /* floats */
	int64_t cells, window; /* of the pool's output plane, of its window */
	int64_t images; /* a group */
	int64_t feature_blocks, ranges; /* features by lanes; ranges of those blocks */
};

static struct sparse measure(const struct cs_layer *conv, const struct cs_layer *pool, int count)
{
	const int64_t *kernel = conv->spec.kernel, *stride = conv->spec.stride;
	int64_t c = conv->in.dim[2];
	struct sparse s = {
		.kernels = cs_kernels(),
		.conv = conv,
		.pool = pool,
		.f = conv->out.dim[2],
		.rows = kernel[0],
		.height = (conv->out.dim[0] - 1) * stride[0] + kernel[0],
		.width = (conv->out.dim[1] - 1) * stride[1] + kernel[1],
		.cells = pool->out.dim[0] * pool->out.dim[1],
		.window = pool->spec.window[0] * pool->spec.window[1],
	};

	s.blocked = s.kernels->blocked;
	s.lanes = s.blocked->lanes;
	s.folded = c < s.lanes;
	s.blocks = s.folded ? 1 : cs_divide_up(c, s.lanes);
	s.columns = s.folded ? cs_divide_up(kernel[1] * c, s.lanes) : kernel[1];
	s.taps = s.rows * s.columns * s.lanes;
	s.pixel = s.folded ? c : s.lanes;
	s.row = s.width * s.pixel;
	s.plane = cs_divide_up(s.height * s.row, 16) * 16 + s.lanes; /* folded taps reach past the last pixel */
	s.images = cs_most(1, cs_least(count, LIST_BYTES / (s.cells * s.f * (int64_t)sizeof(struct cs_live))));
	s.feature_blocks = cs_divide_up(s.f, s.lanes);
	s.ranges = cs_least(cs_divide_up(WEIGHT_TASKS, s.blocks), s.feature_blocks);
	return s;
}

bool cs_conv_sparse_suits(const struct cs_layer *conv, const struct cs_layer *pool)
{
	struct sparse s;

	if (!cs_kernels()->blocked || pool->spec.stride[0] * pool->spec.stride[1] < 3)
		return false;
	s = measure(conv, pool, 1);
	return s.plane < INT32_MAX / 2 && s.cells * s.f < INT32_MAX;
}

/* What lies in the layer's shared memory, in floats; end is its size. */
struct layout {
	int64_t order, base, within, heads, lists, bias, inputs, kernel, gradient, end;
};

static struct layout lay_out(const struct sparse *s, int count)
{
	struct layout at = {0};
	int64_t size[] = {s->cells, s->cells, s->window, s->images * (s->f + 1), 2 * s->images * s->cells * s->f,
		count * s->f, s->folded ? s->images * s->plane : 0, s->blocks * s->f * s->taps,
		s->blocks * s->f * s->taps};
	int64_t *to[] = {
		&at.order, &at.base, &at.within, &at.heads, &at.lists, &at.bias, &at.inputs, &at.kernel, &at.gradient};

	for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
		*to[i] = at.end;
		at.end += cs_divide_up(size[i], 16) * 16;
	}
	return at;
}

void cs_conv_sparse_plan_backward(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need)
{
	struct sparse s = measure(conv, pool, need->batch);
	int64_t end = lay_out(&s, need->batch).end;

	if (cs_conv_cells_suits(conv))
		end += cs_conv_cells_plan(conv, pool, need);
	cs_conv_raise(&need->shared, end);
	cs_conv_raise(&need->per_worker, s.plane);
}

struct job {
	struct sparse s;
	struct layout at;
	struct cs_pass *pass;
	float *memory;
	int64_t first, images; /* of the group at work */
	int64_t weight_tasks;
};

static float *scratch(const struct job *job, int worker)
{
	return (float *)(job->pass->worker_scratch + (size_t)worker * job->pass->worker_stride);
}

/* The lists of features first .. end - 1 of the group's image i. */
static struct cs_lists lists_of(const struct job *job, int64_t i, int64_t first, int64_t end)
{
	const struct sparse *s = &job->s;

	return (struct cs_lists){
		.live = (const struct cs_live *)(job->memory + job->at.lists) + i * s->cells * s->f,
		.heads = (const uint32_t *)(job->memory + job->at.heads) + i * (s->f + 1) + first,
		.features = end - first,
		.rows = (int)s->rows,
		.columns = (int)s->columns,
		.row = s->row,
	};
}

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* The order of cells, and the offsets of windows and of the cells in them. Negative where a pool's window begins outside: the sum
 * with a cell inside never is. */
static void fill_tables(const struct job *job)
{
	const struct sparse *s = &job->s;
	const struct cs_layer *pool = s->pool;
	uint32_t *order = (uint32_t *)(job->memory + job->at.order);
	int32_t *base = (int32_t *)(job->memory + job->at.base), *within = (int32_t *)(job->memory + job->at.within);
	int64_t down = s->conv->spec.stride[0] * s->row, across = s->conv->spec.stride[1] * s->pixel;
	int64_t ow = pool->out.dim[1], step = s->cells > 7 ? 7 : 1;

	while (common_divisor(s->cells, step) != 1)
		step++;
	for (int64_t q = 0; q < s->cells; q++) {
		order[q] = (uint32_t)(q * step % s->cells);
		base[q] = (int32_t)((q / ow * pool->spec.stride[0] - pool->pad_top) * down +
			(q % ow * pool->spec.stride[1] - pool->pad_left) * across);
	}
	for (int64_t i = 0; i < s->window; i++)
		within[i] = (int32_t)(i / pool->spec.window[1] * down + i % pool->spec.window[1] * across);
}

/* The input of one image, padded, or one block of its channels. */
static void fill_plane(const struct sparse *s, const float *in, int64_t block, float *plane)
{
	const struct cs_layer *conv = s->conv;
	int64_t h = conv->in.dim[0], w = conv->in.dim[1], c = conv->in.dim[2];
	int64_t rows = cs_least(h, s->height - conv->pad_top), columns = cs_least(w, s->width - conv->pad_left);
	bool covered = conv->pad_top == 0 && conv->pad_left == 0 && rows == s->height && columns == s->width;

	if (!covered || s->folded)
		memset(plane, 0, (size_t)s->plane * sizeof *plane);
	for (int64_t y = 0; y < rows; y++) {
		float *to = plane + (y + conv->pad_top) * s->row + conv->pad_left * s->pixel;

		if (s->folded)
			memcpy(to, in + y * w * c, (size_t)(columns * c) * sizeof *to);
		else
			s->blocked->block(in + y * w * c + block * s->lanes, 1, columns, c,
				cs_least(s->lanes, c - block * s->lanes), to, columns);
	}
}

/* One image: derivative of the activation, bias gradient. */
static void derive(const struct job *job, int64_t image)
{
	const struct sparse *s = &job->s;
	int64_t pooled = image * s->cells * s->f;
	float *gradient = job->pass->d_next_out + pooled;

	s->kernels->derive(
		s->conv->spec.activation, s->conv->spec.alpha, job->pass->next_out + pooled, gradient, s->cells * s->f);
	s->kernels->column_sums(s->cells, s->f, gradient, job->memory + job->at.bias + image * s->f);
}

/* One of the images that are looked at: how many of its gradients are not zero, and how many of its outputs. They are noted where the bias
 * gradients will be. */
static int64_t *lives_of(const struct job *job, int64_t looked_at)
{
	return (int64_t *)(job->memory + job->at.bias) + 2 * looked_at;
}

static void live_task(void *context, int task, int worker)
{
	const struct job *job = context;
	int64_t n = job->s.cells * job->s.f, first = (int64_t)task * SAMPLE * n, *lives = lives_of(job, task);

	(void)worker;
	lives[0] = job->s.blocked->live_total(job->pass->d_next_out + first, n);
	lives[1] = job->s.blocked->live_total(job->pass->next_out + first, n);
}

/* Do most of the batch's cells live, as far as every SAMPLE-th image tells: those whose gradient is not zero, and whose output is not,
 * where a rectifier has stopped them? */
static bool most_live(struct job *job)
{
	int64_t looked_at = cs_divide_up(job->pass->count, SAMPLE);
	double gradients = 0, outputs = 0, all = (double)(looked_at * job->s.cells * job->s.f);

	cs_workers_run(job->pass->workers, (int)looked_at, live_task, job);
	for (int64_t i = 0; i < looked_at; i++) {
		gradients += (double)lives_of(job, i)[0];
		outputs += (double)lives_of(job, i)[1];
	}
	return gradients * outputs * 100 >= all * all * DENSE;
}

/* One image of the group: derivative and bias gradient, lists; folded: its padded input. */
static void prepare_task(void *context, int task, int worker)
{
	struct job *job = context;
	const struct sparse *s = &job->s;
	struct cs_pass *pass = job->pass;
	int64_t image = job->first + task, pooled = image * s->cells * s->f;
	float *gradient = pass->d_next_out + pooled;
	uint32_t *heads = (uint32_t *)(job->memory + job->at.heads) + task * (s->f + 1);
	struct cs_live *lists = (struct cs_live *)(job->memory + job->at.lists) + task * s->cells * s->f;

	(void)worker;
	derive(job, image);
	heads[0] = 0;
	for (int64_t k = 0; k < s->f; k += s->lanes) {
		int64_t valid = cs_least(s->lanes, s->f - k);
		struct cs_live *to[16];

		s->blocked->live_count(gradient + k, s->cells, s->f, valid, heads + k + 1);
		for (int64_t i = k; i < k + valid; i++) {
			heads[i + 1] += heads[i];
			to[i - k] = lists + heads[i];
		}
		s->blocked->live_list(gradient + k, pass->next_switches + pooled + k, s->cells, s->f, valid,
			(const uint32_t *)(job->memory + job->at.order), (const int32_t *)(job->memory + job->at.base),
			(const int32_t *)(job->memory + job->at.within), to);
	}
	if (s->folded && pass->d_params[0])
		fill_plane(s, pass->in + image * cs_shape_count(&s->conv->in), 0,
			job->memory + job->at.inputs + task * s->plane);
}

static void weights_task(const struct job *job, int64_t task, int worker)
{
	const struct sparse *s = &job->s;
	int64_t block = task / s->ranges, range = task % s->ranges;
	int64_t first = s->feature_blocks * range / s->ranges * s->lanes;
	int64_t end = cs_least(s->f, s->feature_blocks * (range + 1) / s->ranges * s->lanes);
	float *gradient = job->memory + job->at.gradient + (block * s->f + first) * s->taps;
	int64_t size = cs_shape_count(&s->conv->in);

	if (job->first == 0)
		memset(gradient, 0, (size_t)((end - first) * s->taps) * sizeof *gradient);
	for (int64_t i = 0; i < job->images; i++) {
		const float *plane = job->memory + job->at.inputs + i * s->plane;
		struct cs_lists lists = lists_of(job, i, first, end);

		if (!s->folded) {
			const float *in = job->pass->in + (job->first + i) * size;

			fill_plane(s, in, block, scratch(job, worker));
			plane = scratch(job, worker);
			if (i + 1 < job->images) {
				lists.ahead = in + size + block * s->lanes;
				lists.apart = s->conv->in.dim[2];
				lists.wanted = size / lists.apart;
			}
		}
		s->blocked->collect(&lists, gradient, plane);
	}
}

/* A finished plane of the gradient into d_in: what lies inside the map; zero where no window reaches. */
static void write_plane(const struct sparse *s, const float *plane, int64_t block, bool streamed, float *d_in)
{
	const struct cs_layer *conv = s->conv;
	int64_t h = conv->in.dim[0], w = conv->in.dim[1], c = conv->in.dim[2];
	int64_t rows = cs_least(h, s->height - conv->pad_top), columns = cs_least(w, s->width - conv->pad_left);
	int64_t valid = s->folded ? c : cs_least(s->lanes, c - block * s->lanes);

	for (int64_t y = 0; y < h; y++) {
		const float *from = plane + (y + conv->pad_top) * s->row + conv->pad_left * s->pixel;
		float *to = d_in + y * w * c + block * s->lanes;
		int64_t seen = y < rows ? columns : 0;

		if (s->folded)
			memcpy(to, from, (size_t)(seen * c) * sizeof *to);
		else
			s->blocked->unblock(from, seen, 1, seen, valid, to, c, streamed);
		for (int64_t x = seen; x < w; x++)
			memset(to + x * c, 0, (size_t)valid * sizeof *to);
	}
}

static void data_task(const struct job *job, int64_t task, int worker)
{
	const struct sparse *s = &job->s;
	int64_t block = task / job->images, i = task % job->images, size = cs_shape_count(&s->conv->in);
	const float *kernel = job->memory + job->at.kernel + block * s->f * s->taps;
	float *plane = scratch(job, worker);
	struct cs_lists lists = lists_of(job, i, 0, s->f);

	memset(plane, 0, (size_t)s->plane * sizeof *plane);
	s->blocked->scatter(&lists, kernel, plane);
	write_plane(
		s, plane, block, cs_conv_streams(job->pass->count * size), job->pass->d_in + (job->first + i) * size);
	s->blocked->settle();
}

static void group_task(void *context, int task, int worker)
{
	const struct job *job = context;

	if (task < job->weight_tasks)
		weights_task(job, task, worker);
	else
		data_task(job, task - job->weight_tasks, worker);
}

/* Which weights tap (r,c) of a block holds: rows of the kernel [kernel rows * kernel columns * channels, features], from the
 * returned one on, `valid` of them. */
static int64_t kernel_rows(const struct sparse *s, int64_t block, int64_t r, int64_t c, int64_t *valid)
{
	int64_t kw = s->conv->spec.kernel[1], channels = s->conv->in.dim[2];

	if (s->folded) {
		*valid = cs_least(s->lanes, kw * channels - c * s->lanes);
		return r * kw * channels + c * s->lanes;
	}
	*valid = cs_least(s->lanes, channels - block * s->lanes);
	return (r * kw + c) * channels + block * s->lanes;
}

/* Weights of one block and kernel row, to the lists' layout [feature][row][column][lanes]. */
static void pack_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct sparse *s = &job->s;
	int64_t block = task / s->rows, r = task % s->rows;
	float *to = job->memory + job->at.kernel + block * s->f * s->taps;

	(void)worker;
	for (int64_t c = 0; c < s->columns; c++) {
		int64_t valid, row = kernel_rows(s, block, r, c, &valid);
		const float *from = s->conv->params[0].value.data + row * s->f;

		float *tap = to + (r * s->columns + c) * s->lanes;

		for (int64_t k = 0; valid < s->lanes && k < s->f; k++)
			memset(tap + k * s->taps, 0, (size_t)s->lanes * sizeof *tap);
		s->kernels->transpose(from, s->f, valid, s->f, tap, s->taps);
	}
}

/* And the gradient back. */
static void unpack_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct sparse *s = &job->s;
	int64_t block = task / s->rows, r = task % s->rows;
	const float *from = job->memory + job->at.gradient + block * s->f * s->taps;

	(void)worker;
	for (int64_t c = 0; c < s->columns; c++) {
		int64_t valid, row = kernel_rows(s, block, r, c, &valid);
		float *to = job->pass->d_params[0] + row * s->f;

		s->kernels->transpose(from + (r * s->columns + c) * s->lanes, s->taps, s->f, valid, to, s->f);
	}
}

/* Group by group: lists, then what they feed. */
static void by_lists(struct job *job)
{
	const struct sparse *s = &job->s;
	struct cs_pass *pass = job->pass;

	fill_tables(job);
	if (pass->d_in)
		cs_workers_run(pass->workers, (int)(s->blocks * s->rows), pack_task, job);
	for (job->first = 0; job->first < pass->count; job->first += s->images) {
		job->images = cs_least(s->images, pass->count - job->first);
		cs_workers_run(pass->workers, (int)job->images, prepare_task, job);
		cs_workers_run(pass->workers, (int)(job->weight_tasks + (pass->d_in ? s->blocks * job->images : 0)),
			group_task, job);
	}
	if (pass->d_params[0])
		cs_workers_run(pass->workers, (int)(s->blocks * s->rows), unpack_task, job);
}

void cs_conv_sparse_backward(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct job job = {.s = measure(conv, pass->next, pass->count), .pass = pass, .memory = (float *)pass->shared};
	const struct sparse *s = &job.s;

	job.at = lay_out(s, pass->count);
	job.weight_tasks = pass->d_params[0] ? s->blocks * s->ranges : 0;
	if (pass->d_params[0] && !pass->d_in && cs_conv_cells_suits(conv) && most_live(&job)) {
		cs_conv_cells_backward(conv, pass, job.memory + job.at.end);
		return;
	}
	by_lists(&job);
	if (conv->spec.bias && pass->d_params[1])
		s->kernels->column_sums(pass->count, s->f, job.memory + job.at.bias, pass->d_params[1]);
}
