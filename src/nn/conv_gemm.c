/* conv_gemm.c: convolution as a matrix product: im2col + GEMM. Suits every layer. See conv.h.
 *
 * Seen as a matrix, a map of the batch has one row a position; im2col widens each row to the window that the position
 * sees, and one product with the kernel, [window x channels, features], is the convolution. A *block* is the part of the batch
 * done by one such product: a strip of rows of one image where maps are large, so that the widened rows stay in the
 * second-level cache, and several whole images where maps are small, so that the product is tall enough to pay for
 * packing the kernel. Blocks follow from the layer's shape alone.
 *
 * With stages or a pool behind it, a task takes its images through them before it goes on, and their map lives in its scratch alone,
 * unless somebody keeps it. Backward then a shard of images at a time: each block's gradient is spread to its map in
 * scratch, and serves weights and data at once.
 *
 * Backward of a convolution by itself, the data gradient is the transpose of all this, block by block (col2im adds, so the strips of an image belong to one
 * task). The weight gradient is a sum over all positions of the batch. With many channels it is split over its outputs, one
 * task for each tap of the kernel and range of channels, and needs no private copies; with few it is split into a fixed
 * number of shards, each summing its part of the batch, which are then added in order.
 */
#include "nn/conv.h"

#include "core/gemm.h"
#include "nn/batchnorm.h"
#include "nn/products.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	CACHE = 512 << 10, /* bytes of widened rows that a strip may take */
	MIN_ROWS = 256, /* of a product, below which packing the kernel would show */
	MAX_ROWS = 2048,
	FEATURE_RANGE = 256, /* features of one task, where blocks alone are too few tasks */
	MANY_CHANNELS = 32, /* from here on the weight gradient is split over its outputs */
	CHANNEL_RANGE = 128, /* channels of one such task */
	GATHER_ROWS = 1024, /* positions it gathers at a time */
	MAX_SHARDS = 16,
	SHARD_MEMORY = 32 << 20, /* bytes of all shards together */
	POOLED_SHARD_MEMORY = 64 << 20, /* and with a pool behind, where shards share out all the work */
};

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b)
{
	return (a + b - 1) / b;
}

struct geometry {
	int64_t h, w, c, oh, ow, f;
	int64_t positions; /* oh * ow */
	int64_t k; /* numbers an output sees: kernel rows x columns x channels */
	bool pointwise; /* 1x1, stride 1: the map is its own im2col */
	int64_t images, strips; /* of a block: several images, or one image's share */
	int64_t rows; /* output rows of a strip */
	int64_t feature_ranges; /* forward: tasks a block */
	int64_t channel_ranges; /* weight gradient: tasks a tap; 0 = by shards */
	int64_t gather_channels; /* channels of such a task */
	int64_t shards;
};

static struct geometry measure(const struct cs_layer *conv)
{
	struct geometry g = {
		.h = conv->in.dim[0],
		.w = conv->in.dim[1],
		.c = conv->in.dim[2],
		.oh = conv->out.dim[0],
		.ow = conv->out.dim[1],
		.f = conv->out.dim[2],
		.images = 1,
		.strips = 1,
		.feature_ranges = 1,
	};
	int64_t target;

	g.positions = g.oh * g.ow;
	g.k = conv->spec.kernel[0] * conv->spec.kernel[1] * g.c;
	g.pointwise = conv->spec.kernel[0] == 1 && conv->spec.kernel[1] == 1 && conv->spec.stride[0] == 1 &&
		conv->spec.stride[1] == 1;
	target = least(most(CACHE / (g.k * (int64_t)sizeof(float)), MIN_ROWS), MAX_ROWS);
	if (g.positions > target)
		g.strips = least(divide_up(g.positions, target), g.oh);
	else
		g.images = most(1, target / g.positions);
	g.rows = divide_up(g.oh, g.strips);
	g.strips = divide_up(g.oh, g.rows);
	if (g.images > 1)
		g.feature_ranges = divide_up(g.f, FEATURE_RANGE);
	if (g.c >= MANY_CHANNELS) {
		g.channel_ranges = divide_up(g.c, CHANNEL_RANGE);
		g.gather_channels = divide_up(g.c, g.channel_ranges);
		g.channel_ranges = divide_up(g.c, g.gather_channels);
	} else {
		g.shards = least(most(SHARD_MEMORY / (g.k * g.f * (int64_t)sizeof(float)), 1), MAX_SHARDS);
	}
	return g;
}

static bool gemm_suits(const struct cs_layer *conv, const struct cs_kernels *kernels, char *why, size_t size)
{
	struct geometry g = measure(conv);

	(void)kernels;
	if (g.images > 1)
		snprintf(why, size, "%" PRId64 " images a product, so that it has %" PRId64 " rows", g.images,
			g.images * g.positions);
	else if (g.strips > 1)
		snprintf(why, size, "%" PRId64 " strips an image, so that %" PRId64 " widened rows stay in cache",
			g.strips, g.rows * g.ow);
	else
		snprintf(why, size, "an image a product, %" PRId64 " rows", g.positions);
	return true;
}

/* Numbers of a strip's widened rows; of the maps of a block's images. */
static int64_t widened_size(const struct geometry *g)
{
	return g->pointwise ? 0 : divide_up(g->images * g->rows * g->ow * g->k, 16) * 16;
}

static int64_t map_size(const struct geometry *g)
{
	return divide_up(g->images * g->positions * g->f, 16) * 16;
}

/* The map is asked for whenever the layer runs what is behind it, which only the pass knows. */
static void gemm_plan(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need)
{
	struct geometry g = measure(conv);

	(void)pool;
	cs_conv_raise(&need->per_worker, widened_size(&g) + map_size(&g));
}

/* Backward, a worker's scratch begins with what the products take: of all a block's rows, or of a tap's channels. */
static int64_t products_size(const struct geometry *g)
{
	int64_t weights = g->channel_ranges ? g->gather_channels : g->k;

	return divide_up(cs_product_scratch(most(weights, g->images * g->rows * g->ow)), 16) * 16;
}

void cs_conv_gemm_plan_backward(const struct cs_layer *conv, struct cs_need *need)
{
	struct geometry g = measure(conv);
	int64_t gathered = g.channel_ranges ? least(GATHER_ROWS, need->batch * g.positions) * g.gather_channels : 0;
	int64_t widened = g.images * g.rows * g.ow * g.k;

	if (g.pointwise)
		gathered = widened = 0;
	cs_conv_raise(&need->per_worker, products_size(&g) + most(gathered, widened));
	cs_conv_raise(&need->shared, (g.shards + 1) * g.k * g.f);
}

struct job {
	const struct cs_layer *conv;
	struct cs_pass *pass;
	const struct cs_kernels *kernels;
	struct geometry g;
	int weight_tasks; /* backward: these come first */
};

static float *scratch(const struct job *job, int worker)
{
	return (float *)(job->pass->worker_scratch + (size_t)worker * job->pass->worker_stride);
}

/* Rows first_row .. +rows of `images` images, widened: in place where the map serves as it is, else in columns[]. */
static const float *widen(
	const struct job *job, int64_t image, int64_t images, int64_t first_row, int64_t rows, float *columns)
{
	const struct geometry *g = &job->g;
	const float *in = job->pass->in + image * g->h * g->w * g->c;

	if (g->pointwise)
		return in + first_row * g->w * g->c;
	for (int64_t i = 0; i < images; i++)
		job->kernels->im2col(
			job->conv, in + i * g->h * g->w * g->c, first_row, rows, columns + i * rows * g->ow * g->k);
	return columns;
}

/* Rows first_row .. +rows of a block of images, one range of features, without bias; `out` is the first one's map. */
static void multiply(const struct job *job, int64_t images, int64_t first_row, int64_t rows, int64_t range,
	const float *columns, float *out)
{
	const struct geometry *g = &job->g;
	int64_t all = divide_up(g->f, g->feature_ranges), feature = range * all, features = least(all, g->f - feature);

	if (features > 0)
		cs_gemm(false, false, images * rows * g->ow, features, g->k, columns, g->k,
			job->conv->params[0].value.data + feature, g->f, 0, out + first_row * g->ow * g->f + feature,
			g->f);
}

static void forward_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct geometry *g = &job->g;
	const struct cs_layer_spec *spec = &job->conv->spec;
	const float *bias = spec->bias ? job->conv->params[1].value.data : NULL;
	enum cs_activation activation = spec->activation == CS_SOFTMAX ? CS_LINEAR : spec->activation;
	int64_t block = task / g->feature_ranges, range = task % g->feature_ranges;
	int64_t wide = divide_up(g->f, g->feature_ranges), feature = range * wide,
		features = least(wide, g->f - feature);
	int64_t image = block / g->strips * g->images, images = least(g->images, job->pass->count - image);
	int64_t row = block % g->strips * g->rows, rows = least(g->rows, g->oh - row);
	int64_t n = images * rows * g->ow;
	const float *columns = widen(job, image, images, row, rows, scratch(job, worker));
	float *map = job->pass->out + image * g->positions * g->f, *out = map + row * g->ow * g->f + feature;

	if (features < 1)
		return;
	multiply(job, images, row, rows, range, columns, map);
	if (features == g->f) {
		job->kernels->bias_activate(activation, spec->alpha, bias, out, n, g->f);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		job->kernels->bias_activate(
			activation, spec->alpha, bias ? bias + feature : NULL, out + i * g->f, 1, features);
}

/* The maps of `images` images, of which `cells` holds the products: through bias, activation, stages and pool. */
static void pass_on(const struct job *job, int64_t image, int64_t images, float *cells, float *scratch_map)
{
	const struct geometry *g = &job->g;
	const struct cs_pass *pass = job->pass;
	const struct cs_layer_spec *spec = &job->conv->spec;
	int64_t size = g->positions * g->f, n = images * g->positions;

	job->kernels->bias_activate(
		spec->activation, spec->alpha, spec->bias ? job->conv->params[1].value.data : NULL, cells, n, g->f);
	for (int i = 0; i < pass->stage_count; i++) {
		const struct cs_pass_stage *stage = &pass->stages[i];
		float *to = stage->out ? stage->out + image * size : scratch_map;

		if (stage->layer->ops == &cs_batchnorm_layer) {
			struct cs_norm norm = cs_batchnorm_constants(stage->layer, stage->aux);

			job->kernels->normalise(norm.mean, norm.factor, norm.offset, cells, to, n, g->f);
		} else {
			if (to != cells)
				memcpy(to, cells, (size_t)(images * size) * sizeof *to);
			job->kernels->bias_activate(
				stage->layer->spec.activation, stage->layer->spec.alpha, NULL, to, 1, images * size);
		}
		cells = to;
	}
	for (int64_t i = image; pass->next && i < image + images; i++) {
		int64_t pooled = i * cs_shape_count(&pass->next->out);

		job->kernels->maxpool(pass->next, cells + (i - image) * size, pass->next_out + pooled,
			pass->next_switches ? pass->next_switches + pooled : NULL);
	}
}

/* A block of whole images with what is behind the convolution. The products are those of forward_task. */
static void forward_images_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct geometry *g = &job->g;
	int64_t image = task * g->images, images = least(g->images, job->pass->count - image);
	float *widened = scratch(job, worker), *map = widened + widened_size(g), *to = map;

	if (job->pass->out)
		to = job->pass->out + image * g->positions * g->f;
	for (int64_t row = 0; row < g->oh; row += g->rows) {
		int64_t rows = least(g->rows, g->oh - row);
		const float *columns = widen(job, image, images, row, rows, widened);

		for (int64_t range = 0; range < g->feature_ranges; range++)
			multiply(job, images, row, rows, range, columns, to);
	}
	pass_on(job, image, images, to, map);
}

static void gemm_forward(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct job job = {.conv = conv, .pass = pass, .kernels = cs_kernels(), .g = measure(conv)};
	int64_t blocks = divide_up(pass->count, job.g.images);

	if (pass->next || pass->stage_count)
		cs_workers_run(pass->workers, (int)blocks, forward_images_task, &job);
	else
		cs_workers_run(pass->workers, (int)(blocks * job.g.strips * job.g.feature_ranges), forward_task, &job);
}

/* What tap (ky,kx) sees at positions first .. +n of the batch, channels channel .. +channels, packed. */
static void gather(const struct job *job, int64_t ky, int64_t kx, int64_t channel, int64_t channels, int64_t first,
	int64_t n, float *to)
{
	const struct geometry *g = &job->g;
	const struct cs_layer *conv = job->conv;
	size_t bytes = (size_t)channels * sizeof *to;

	for (int64_t i = first; i < first + n; i++, to += channels) {
		int64_t image = i / g->positions, position = i % g->positions;
		int64_t y = position / g->ow * conv->spec.stride[0] - conv->pad_top + ky;
		int64_t x = position % g->ow * conv->spec.stride[1] - conv->pad_left + kx;

		if (y < 0 || y >= g->h || x < 0 || x >= g->w)
			memset(to, 0, bytes);
		else
			memcpy(to, job->pass->in + ((image * g->h + y) * g->w + x) * g->c + channel, bytes);
	}
}

/* Weight gradient of one tap and range of channels, over the whole batch. */
static void weights_of_tap(const struct job *job, int64_t task, int worker)
{
	const struct geometry *g = &job->g;
	int64_t tap = task / g->channel_ranges, channel = task % g->channel_ranges * g->gather_channels;
	int64_t channels = least(g->gather_channels, g->c - channel), n = job->pass->count * g->positions;
	int64_t kw = job->conv->spec.kernel[1];
	float *buffer = scratch(job, worker) + products_size(g);
	float *d_kernel = job->pass->d_params[0] + (tap * g->c + channel) * g->f;

	for (int64_t first = 0; first < n; first += GATHER_ROWS) {
		int64_t rows = least(GATHER_ROWS, n - first);
		const float *seen = g->pointwise ? job->pass->in + first * g->c + channel : buffer;

		if (!g->pointwise)
			gather(job, tap / kw, tap % kw, channel, channels, first, rows, buffer);
		cs_product_outer(job->kernels, channels, g->f, rows, seen, g->pointwise ? g->c : channels,
			job->pass->d_out + first * g->f, g->f, first > 0, d_kernel, g->f, scratch(job, worker));
	}
}

/* Weight gradient over one shard of the batch's blocks. Few images leave some shards empty. */
static void weights_of_shard(const struct job *job, int64_t shard, int worker)
{
	const struct geometry *g = &job->g;
	int64_t blocks = divide_up(job->pass->count, g->images) * g->strips;
	int64_t first = blocks * shard / g->shards, end = blocks * (shard + 1) / g->shards;
	float *sum = (float *)job->pass->shared + shard * g->k * g->f;

	if (first == end)
		memset(sum, 0, (size_t)(g->k * g->f) * sizeof *sum);
	for (int64_t block = first; block < end; block++) {
		int64_t image = block / g->strips * g->images, images = least(g->images, job->pass->count - image);
		int64_t row = block % g->strips * g->rows, rows = least(g->rows, g->oh - row);
		const float *columns = widen(job, image, images, row, rows, scratch(job, worker) + products_size(g));
		const float *d_out = job->pass->d_out + (image * g->positions + row * g->ow) * g->f;

		cs_product_outer(job->kernels, g->k, g->f, images * rows * g->ow, columns, g->k, d_out, g->f,
			block > first, sum, g->f, scratch(job, worker));
	}
}

/* The kernel with rows and columns exchanged, [features, window x channels], behind the shards. */
static float *exchanged(const struct job *job)
{
	return (float *)job->pass->shared + job->g.shards * job->g.k * job->g.f;
}

/* One tap's share of it, in tiles that stay in cache. */
static void exchange_task(void *context, int tap, int worker)
{
	enum { TILE = 16 };
	const struct job *job = context;
	const struct geometry *g = &job->g;
	const float *kernel = job->conv->params[0].value.data;
	float *to = exchanged(job);
	int64_t begin = tap * g->c, end = begin + g->c;

	(void)worker;
	for (int64_t row = begin; row < end; row += TILE) {
		for (int64_t column = 0; column < g->f; column += TILE) {
			for (int64_t j = column; j < least(g->f, column + TILE); j++) {
				for (int64_t i = row; i < least(end, row + TILE); i++)
					to[j * g->k + i] = kernel[i * g->f + j];
			}
		}
	}
}

/* Data gradient of the images of one block, or of all the strips of one image. */
static void data_of_images(const struct job *job, int64_t task, int worker)
{
	const struct geometry *g = &job->g;
	int64_t image = task * g->images, images = least(g->images, job->pass->count - image);
	int64_t map = g->h * g->w * g->c;
	float *products = scratch(job, worker), *columns = products + products_size(g);
	float *d_in = job->pass->d_in + image * map;

	if (!g->pointwise)
		memset(d_in, 0, (size_t)(images * map) * sizeof *d_in);
	for (int64_t row = 0; row < g->oh; row += g->rows) {
		int64_t rows = least(g->rows, g->oh - row), n = rows * g->ow;
		const float *d_out = job->pass->d_out + (image * g->positions + row * g->ow) * g->f;
		float *to = g->pointwise ? d_in + row * g->w * g->c : columns;

		cs_product_plain(
			job->kernels, images * n, g->k, g->f, d_out, g->f, exchanged(job), g->k, to, g->k, products);
		for (int64_t i = 0; !g->pointwise && i < images; i++)
			job->kernels->col2im(job->conv, columns + i * n * g->k, row, rows, d_in + i * map);
	}
}

static void backward_task(void *context, int task, int worker)
{
	const struct job *job = context;

	if (task >= job->weight_tasks)
		data_of_images(job, task - job->weight_tasks, worker);
	else if (job->g.channel_ranges)
		weights_of_tap(job, task, worker);
	else
		weights_of_shard(job, task, worker);
}

/* A pass with its pool, backward: what lies where. A worker's scratch: products, widened rows, the block's gradient; shared: the
 * shards and the exchanged kernel as without it, then [count,features] of the bias. */
static int64_t pooled_shards(const struct geometry *g)
{
	return least(most(POOLED_SHARD_MEMORY / (g->k * g->f * (int64_t)sizeof(float)), 1), MAX_SHARDS);
}

void cs_conv_gemm_plan_pooled(const struct cs_layer *conv, struct cs_need *need)
{
	struct geometry g = measure(conv);

	g.channel_ranges = 0;
	cs_conv_raise(&need->per_worker, products_size(&g) + widened_size(&g) + map_size(&g));
	cs_conv_raise(&need->shared, (pooled_shards(&g) + 1) * g.k * g.f + need->batch * g.f);
}

/* The gradient of one block's images, at the scores, from that of their pooled maps. */
static void spread_block(const struct job *job, int64_t image, int64_t images, float *gradient)
{
	const struct geometry *g = &job->g;
	const struct cs_pass *pass = job->pass;
	const struct cs_layer *pool = pass->next;
	int64_t pooled = cs_shape_count(&pool->out);
	float *bias = exchanged(job) + g->k * g->f;

	for (int64_t i = image; i < image + images; i++) {
		float *d = pass->d_next_out + i * pooled;

		job->kernels->derive(
			job->conv->spec.activation, job->conv->spec.alpha, pass->next_out + i * pooled, d, pooled);
		job->kernels->column_sums(pooled / g->f, g->f, d, bias + i * g->f);
		job->kernels->maxpool_back(
			pool, d, pass->next_switches + i * pooled, gradient + (i - image) * g->positions * g->f);
	}
}

/* One shard's blocks, in order: weights summed up, data written. */
static void pooled_task(void *context, int shard, int worker)
{
	const struct job *job = context;
	const struct geometry *g = &job->g;
	const struct cs_pass *pass = job->pass;
	int64_t blocks = divide_up(pass->count, g->images), map = g->h * g->w * g->c;
	int64_t first = blocks * shard / g->shards, end = blocks * (shard + 1) / g->shards;
	float *products = scratch(job, worker), *widened = products + products_size(g);
	float *gradient = widened + widened_size(g), *sum = (float *)pass->shared + shard * g->k * g->f;

	if (first == end && pass->d_params[0])
		memset(sum, 0, (size_t)(g->k * g->f) * sizeof *sum);
	for (int64_t block = first; block < end; block++) {
		int64_t image = block * g->images, images = least(g->images, pass->count - image);

		spread_block(job, image, images, gradient);
		if (pass->d_in && !g->pointwise)
			memset(pass->d_in + image * map, 0, (size_t)(images * map) * sizeof(float));
		for (int64_t row = 0; row < g->oh; row += g->rows) {
			int64_t rows = least(g->rows, g->oh - row), n = rows * g->ow;
			const float *d = gradient + row * g->ow * g->f;

			if (pass->d_params[0])
				cs_product_outer(job->kernels, g->k, g->f, images * n,
					widen(job, image, images, row, rows, widened), g->k, d, g->f,
					block > first || row > 0, sum, g->f, products);
			if (pass->d_in) {
				float *to = g->pointwise ? pass->d_in + image * map + row * g->w * g->c : widened;

				cs_product_plain(job->kernels, images * n, g->k, g->f, d, g->f, exchanged(job), g->k,
					to, g->k, products);
				for (int64_t i = 0; !g->pointwise && i < images; i++)
					job->kernels->col2im(job->conv, widened + i * n * g->k, row, rows,
						pass->d_in + (image + i) * map);
			}
		}
	}
}

static void add_shards(const struct job *job)
{
	int64_t size = job->g.k * job->g.f;
	float *to = job->pass->d_params[0];

	memcpy(to, job->pass->shared, (size_t)size * sizeof *to);
	for (int64_t shard = 1; shard < job->g.shards; shard++)
		job->kernels->add(size, (const float *)job->pass->shared + shard * size, to);
}

void cs_conv_gemm_backward_pooled(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct job job = {.conv = conv, .pass = pass, .kernels = cs_kernels(), .g = measure(conv)};
	struct geometry *g = &job.g;

	g->channel_ranges = 0;
	g->shards = pooled_shards(g);
	if (pass->d_in)
		cs_workers_run(pass->workers, (int)(conv->spec.kernel[0] * conv->spec.kernel[1]), exchange_task, &job);
	cs_workers_run(pass->workers, (int)g->shards, pooled_task, &job);
	if (pass->d_params[0])
		add_shards(&job);
	if (conv->spec.bias && pass->d_params[1])
		job.kernels->column_sums(pass->count, g->f, exchanged(&job) + g->k * g->f, pass->d_params[1]);
}

void cs_conv_gemm_backward(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct job job = {.conv = conv, .pass = pass, .kernels = cs_kernels(), .g = measure(conv)};
	const struct geometry *g = &job.g;
	int64_t data_tasks = pass->d_in ? divide_up(pass->count, g->images) : 0;

	if (pass->d_params[0])
		job.weight_tasks =
			(int)(g->channel_ranges ? conv->spec.kernel[0] * conv->spec.kernel[1] * g->channel_ranges
						: g->shards);
	if (pass->d_in)
		cs_workers_run(pass->workers, (int)(conv->spec.kernel[0] * conv->spec.kernel[1]), exchange_task, &job);
	cs_workers_run(pass->workers, job.weight_tasks + (int)data_tasks, backward_task, &job);
	if (pass->d_params[0] && !g->channel_ranges)
		add_shards(&job);
}

const struct cs_conv_algorithm cs_conv_gemm = {
	.name = "im2col + GEMM",
	.fuses = true,
	.suits = gemm_suits,
	.plan = gemm_plan,
	.forward = gemm_forward,
};
