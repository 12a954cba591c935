/* conv_planes.c: convolutions computed straight from planes of the input, without widening it. See conv.h.
 *
 * The input of one image is laid out as planes of cells in which neighbouring outputs see neighbouring cells, so that a
 * row of a product is a position, and each tap of the kernel an offset. Two algorithms differ in what their planes are:
 *
 * direct  Any kernel and stride. A plane a phase of the stride: cell (y,x) of plane (py,px) is pixel (y * stride + py, x * stride +
 *         px) of the padded input, so that outputs are one cell apart whatever the stride.
 * lines   Kernels 3 or 5 wide, stride 1. Minimal filtering along rows: a plane a point of the transform, a cell a tile of m
 *         outputs; taps remain along columns alone. F(3,5) needs 7 products for 15, F(6,5) 10 for 30.
 *
 * With few channels every channel has planes of its own (`step` 1), with many they stand together by `lanes`. A task is an image;
 * bands of rows are small enough for their products to stay in the first-level cache on the way to bias, activation and
 * pooling. Layouts: V[point or phase][channel block][row][column][step] (direct: block first), weights
 * [feature group][point][block][ky][kx][step][lanes of the group].
 */
#include "nn/batchnorm.h"
#include "nn/conv.h"
#include "nn/conv_bands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	PRODUCTS = 8192, /* numbers of one band's products, about */
	FEW_IMAGES = 4, /* below, features are split over tasks, too */
};

struct planes {
	const struct cs_blocked *blocked;
	bool lines;
	enum cs_filtering filtering;
	int64_t m, points; /* outputs of a cell, products; 1 and 1 for direct */
	int64_t lanes, wide, step;
	int64_t blocks; /* of `step` channels */
	int64_t width; /* channels of a pixel in a padded row: blocks * step */
	int64_t groups; /* of `wide` feature blocks */
	int64_t rows, columns; /* of a plane */
	int64_t plane; /* floats of one */
	int64_t phases[2]; /* direct: the stride; lines: 1,1 */
	int64_t point; /* lines: floats from point to point */
	int64_t terms; /* of a product */
	int64_t weights; /* floats of one group's weights at one point */
	int64_t pixels; /* of a padded input row */
	struct cs_bands bands;
	int64_t gap; /* floats from one block's products to the next's */
	int64_t splits;
	bool few; /* lines: so few channels that they have products of their own */
	bool pools; /* lines: tiles are windows of the pool side by side, and pooled as they are transformed back */
};

/* Products of a row filtered by f, for each channel. */
static int64_t row_cost(const struct cs_layer *conv, enum cs_filtering f)
{
	return cs_divide_up(conv->out.dim[1], cs_filtering_sizes[f].outputs) * cs_filtering_sizes[f].points;
}

/* The tiles with the least work, for 3 or 5 taps. The large ones cost a digit: they are for few channels, whose sums are short, and
 * where they save enough. */
static enum cs_filtering filtering_of(const struct cs_layer *conv, const struct cs_blocked *blocked)
{
	bool five = conv->spec.kernel[1] == 5;
	enum cs_filtering small = five ? CS_F3_5 : CS_F3_3, large = five ? CS_F6_5 : CS_F6_3;

	if (conv->in.dim[2] >= blocked->lanes)
		return small;
	return row_cost(conv, large) * 10 <= row_cost(conv, small) * 9 ? large : small;
}

/* Is every tile some windows of the pool side by side, and nothing wanted but what wins? */
static bool tiles_are_windows(
	const struct planes *p, const struct cs_layer *conv, const struct cs_layer *pool, bool map)
{
	int64_t wide;

	if (!p->lines || !pool || map)
		return false;
	wide = pool->spec.window[1];
	return pool->pad_top == 0 && pool->pad_left == 0 && (wide == 3 || (wide == 2 && p->m == 6)) &&
		pool->spec.stride[1] == wide && pool->spec.window[0] == pool->spec.stride[0] &&
		pool->out.dim[1] * wide <= conv->out.dim[1] &&
		pool->out.dim[0] * pool->spec.window[0] <= conv->out.dim[0];
}

static struct planes measure(const struct cs_layer *conv, const struct cs_layer *pool, bool map, int count, bool lines,
	const struct cs_kernels *kernels)
{
	const int64_t *kernel = conv->spec.kernel, *stride = conv->spec.stride;
	int64_t c = conv->in.dim[2], oh = conv->out.dim[0], ow = conv->out.dim[1], f = conv->out.dim[2];
	struct planes p = {.blocked = kernels->blocked, .lines = lines, .m = 1, .points = 1, .splits = 1};

	p.lanes = p.blocked->lanes;
	p.step = c < p.lanes ? 1 : p.lanes;
	p.few = lines && p.step == 1 && (kernel[0] == 3 || kernel[0] == 5);
	p.wide = f > p.lanes && !p.few ? 2 : 1;
	p.blocks = cs_divide_up(c, p.step);
	p.width = p.blocks * p.step;
	p.phases[0] = p.phases[1] = 1;
	if (lines) {
		p.filtering = filtering_of(conv, p.blocked);
		p.m = cs_filtering_sizes[p.filtering].outputs;
		p.points = cs_filtering_sizes[p.filtering].points;
		p.columns = cs_divide_up(ow, p.m);
		p.rows = oh + kernel[0] - 1;
		p.pixels = (p.columns - 1) * p.m + p.points;
		p.terms = p.blocks * kernel[0];
	} else {
		p.phases[0] = stride[0];
		p.phases[1] = stride[1];
		p.columns = ow + (kernel[1] - 1) / stride[1];
		p.rows = oh + (kernel[0] - 1) / stride[0];
		p.pixels = p.columns * stride[1];
		p.terms = p.blocks * kernel[0] * kernel[1];
	}
	p.groups = cs_divide_up(f, p.wide * p.lanes);
	p.plane = p.rows * p.columns * p.step;
	p.point = p.blocks * p.plane + 16;
	p.weights = p.terms * p.step * p.wide * p.lanes;
	p.bands = cs_conv_bands(conv, pool, map, PRODUCTS / (p.points * p.wide * p.lanes * p.columns));
	p.gap = (p.bands.rows * p.columns + 1) * p.lanes;
	if (count < FEW_IMAGES)
		p.splits = cs_least(FEW_IMAGES, p.groups);
	p.pools = tiles_are_windows(&p, conv, pool, map);
	return p;
}

static bool lines_suits(const struct cs_layer *conv, const struct cs_kernels *kernels, char *why, size_t size)
{
	const struct cs_layer_spec *spec = &conv->spec;
	int64_t direct = conv->out.dim[1] * spec->kernel[1], taps = spec->kernel[1], filtered;
	enum cs_filtering f;

	if (!kernels->blocked || (taps != 3 && taps != 5) || spec->stride[0] != 1 || spec->stride[1] != 1)
		return false;
	f = filtering_of(conv, kernels->blocked);
	filtered = row_cost(conv, f);
	if (filtered * 5 > direct * 4)
		return false;
	snprintf(why, size, "%.2f times fewer multiplications, %s outputs of a row at a time",
		(double)direct / (double)filtered, cs_filtering_sizes[f].outputs == 6 ? "six" : "three");
	return true;
}

static bool direct_suits(const struct cs_layer *conv, const struct cs_kernels *kernels, char *why, size_t size)
{
	(void)conv;
	if (!kernels->blocked)
		return false;
	snprintf(why, size, "read where it lies, no widening");
	return true;
}

/* Floats of what tasks share, in this order: offsets (64-bit), biases, zeros as wide, weights. */
static int64_t bias_at(const struct planes *p)
{
	return cs_divide_up(2 * p->terms, 16) * 16;
}

static int64_t weights_at(const struct planes *p)
{
	return bias_at(p) + p->groups * p->wide * p->lanes;
}

static int64_t input_size(const struct planes *p)
{
	return cs_divide_up(p->lines ? p->points * p->point : p->point * p->phases[0] * p->phases[1], 16) * 16;
}

static int64_t products_size(const struct planes *p)
{
	return p->points * p->wide * p->gap;
}

static int64_t cells_size(const struct planes *p)
{
	return p->lines ? p->bands.rows * p->columns * p->m * p->lanes : 0;
}

static void plan(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need, bool lines)
{
	for (int map = 0; map < 2; map++) {
		struct planes p = measure(conv, pool, map, need->batch, lines, cs_kernels());

		cs_conv_raise(&need->shared, weights_at(&p) + p.groups * p.points * p.weights);
		cs_conv_raise(
			&need->per_worker, input_size(&p) + products_size(&p) + cells_size(&p) + p.pixels * p.width);
	}
}

static void lines_plan(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need)
{
	plan(conv, pool, need, true);
}

static void direct_plan(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need)
{
	plan(conv, pool, need, false);
}

struct job {
	const struct cs_layer *conv;
	const struct cs_pass *pass;
	struct planes p;
	struct cs_conv_plain plain; /* where the products are pooled */
	bool streams; /* the pooled map past the caches */
	int64_t *offsets;
	float *bias, *weights;
};

/* Where each term of a product begins in V, in the order of the packed weights. */
static void fill_offsets(const struct job *job)
{
	const struct planes *p = &job->p;
	const int64_t *kernel = job->conv->spec.kernel;
	int64_t *to = job->offsets;

	for (int64_t b = 0; b < p->blocks; b++) {
		for (int64_t ky = 0; ky < kernel[0]; ky++) {
			if (p->lines) {
				*to++ = b * p->plane + ky * p->columns * p->step;
				continue;
			}
			for (int64_t kx = 0; kx < kernel[1]; kx++) {
				int64_t phase =
					(b * p->phases[0] + ky % p->phases[0]) * p->phases[1] + kx % p->phases[1];

				*to++ = phase * p->plane +
					(ky / p->phases[0] * p->columns + kx / p->phases[1]) * p->step;
			}
		}
	}
}

/* Pack, and for lines transform, the weights of one feature group; and its bias. */
static void weights_task(void *context, int group, int worker)
{
	const struct job *job = context;
	const struct planes *p = &job->p;
	const struct cs_layer *conv = job->conv;
	int64_t c = conv->in.dim[2], f = conv->out.dim[2], width = p->wide * p->lanes, kh = conv->spec.kernel[0];
	int64_t kw = conv->spec.kernel[1], columns = p->lines ? 1 : kw;
	float *to = job->weights + group * p->points * p->weights;

	(void)worker;
	memset(to, 0, (size_t)(p->points * p->weights) * sizeof *to);
	for (int64_t w = 0; w < p->wide; w++) {
		int64_t feature = group * width + w * p->lanes, valid = cs_most(0, cs_least(p->lanes, f - feature));
		float *bias = job->bias + feature;

		for (int64_t i = 0; i < p->lanes; i++)
			bias[i] = conv->spec.bias && i < valid ? conv->params[1].value.data[feature + i] : 0;
		for (int64_t i = 0; valid && i < p->terms * p->step; i++) {
			int64_t tap = i / p->step, kx = tap % columns, ky = tap / columns % kh;
			int64_t channel = tap / columns / kh * p->step + i % p->step;
			const float *from = conv->params[0].value.data + ((ky * kw + kx) * c + channel) * f + feature;

			if (channel >= c)
				continue;
			if (p->lines)
				p->blocked->lines_weights(
					p->filtering, from, c * f, valid, to + i * width + w * p->lanes, p->weights);
			else
				memcpy(to + i * width + w * p->lanes, from, (size_t)valid * sizeof *to);
		}
	}
}

/* Row y of the padded input into row[pixels][width]; false where it lies outside the map. */
static bool padded_row(const struct job *job, const float *in, int64_t y, float *row)
{
	const struct planes *p = &job->p;
	int64_t h = job->conv->in.dim[0], w = job->conv->in.dim[1], c = job->conv->in.dim[2],
		left = job->conv->pad_left;
	int64_t end = cs_least(p->pixels, left + w);

	y -= job->conv->pad_top;
	if (y < 0 || y >= h)
		return false;
	memset(row, 0, (size_t)(left * p->width) * sizeof *row);
	if (c == p->width) {
		memcpy(row + left * c, in + y * w * c, (size_t)((end - left) * c) * sizeof *row);
	} else {
		for (int64_t x = left; x < end; x++) {
			memcpy(row + x * p->width, in + (y * w + x - left) * c, (size_t)c * sizeof *row);
			memset(row + x * p->width + c, 0, (size_t)(p->width - c) * sizeof *row);
		}
	}
	memset(row + end * p->width, 0, (size_t)((p->pixels - end) * p->width) * sizeof *row);
	return true;
}

/* One padded row into the planes of its phase. */
static void place_row(const struct planes *p, const float *row, int64_t y, float *v)
{
	for (int64_t b = 0; b < p->blocks; b++) {
		for (int64_t px = 0; px < p->phases[1]; px++) {
			float *to = v + ((b * p->phases[0] + y % p->phases[0]) * p->phases[1] + px) * p->plane +
				y / p->phases[0] * p->columns * p->step;
			const float *from = row + px * p->width + b * p->step;
			int64_t pixel = p->phases[1] * p->width;

			if (p->step == 1) {
				for (int64_t x = 0; x < p->columns; x++)
					to[x] = from[x * pixel];
			} else {
				p->blocked->block(from, 1, p->columns, pixel, p->step, to, p->columns);
			}
		}
	}
}

static void fill_planes(const struct job *job, int64_t image, float *row, float *v)
{
	const struct planes *p = &job->p;
	const float *in = job->pass->in + image * cs_shape_count(&job->conv->in);

	for (int64_t y = 0; y < p->rows * p->phases[0]; y++) {
		if (!padded_row(job, in, y, row))
			memset(row, 0, (size_t)(p->pixels * p->width) * sizeof *row);
		if (p->lines)
			p->blocked->lines_in(p->filtering, row, p->width, p->columns, p->step,
				v + y * p->columns * p->step, p->point, p->plane);
		else
			place_row(p, row, y, v);
	}
}

/* The windows of one band of one feature block, straight from its products. */
static void pool_products(
	const struct job *job, const struct cs_band *band, int64_t image, int64_t feature, const float *products)
{
	const struct planes *p = &job->p;
	const struct cs_layer *pool = job->pass->next;
	int64_t ow = pool->out.dim[1], f = pool->out.dim[2], rows = pool->spec.window[0];
	const float *norm[3] = {0};

	if (job->plain.norm) {
		struct cs_norm constants = cs_batchnorm_constants(job->plain.norm, job->plain.norm_aux);

		norm[0] = constants.mean + feature;
		norm[1] = constants.factor + feature;
		norm[2] = constants.offset + feature;
	}
	for (int64_t row = band->pool_top; row < band->pool_bottom; row++) {
		int64_t at = (image * pool->out.dim[0] + row) * ow * f + feature;

		p->blocked->lines_pool(p->filtering, pool->spec.window[1], rows,
			products + (row - band->pool_top) * rows * p->columns * p->lanes, p->wide * p->gap, p->columns,
			ow, job->plain.norm ? norm : NULL, job->plain.rectified, cs_least(p->lanes, f - feature),
			job->pass->next_out + at, job->pass->next_switches ? job->pass->next_switches + at : NULL, f,
			job->streams);
	}
}

/* A band's products of one feature group, all points of them: n positions. */
static void multiply(
	const struct job *job, int64_t group, const struct cs_band *band, int64_t n, const float *v, float *products)
{
	const struct planes *p = &job->p;
	const float *a = v + band->top * p->columns * p->step, *bias = job->bias + group * p->wide * p->lanes;
	const float *weights = job->weights + group * p->points * p->weights;

	if (p->few) {
		struct cs_lines lines = {
			.taps = (int)job->conv->spec.kernel[0],
			.points = (int)p->points,
			.channels = p->blocks,
			.rows = band->bottom - band->top,
			.tiles = p->columns,
			.a = a,
			.b = weights,
			.point = p->point,
			.plane = p->plane,
			.start = bias,
			.out = products,
			.gap = p->gap,
		};

		p->blocked->lines(&lines);
		return;
	}
	for (int64_t point = 0; point < p->points; point++) {
		struct cs_product product = {
			.rows = n,
			.step = p->step,
			.terms = p->terms,
			.a = a + point * p->point,
			.offsets = job->offsets,
			.b = weights + point * p->weights,
			.start = !p->lines || point == 1 ? bias : NULL,
			.out = products + point * p->wide * p->gap,
			.row = p->lanes,
			.gap = p->gap,
			.wide = (int)p->wide,
		};

		p->blocked->product(&product);
	}
}

static void image_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct planes *p = &job->p;
	int64_t image = task / p->splits, split = task % p->splits, f = job->conv->out.dim[2],
		width = p->wide * p->lanes;
	float *v = (float *)(job->pass->worker_scratch + (size_t)worker * job->pass->worker_stride);
	float *products = v + input_size(p), *cells = products + products_size(p), *row = cells + cells_size(p);

	fill_planes(job, image, row, v);
	for (int64_t group = p->groups * split / p->splits; group < p->groups * (split + 1) / p->splits; group++) {
		for (int64_t i = 0; i < p->bands.count; i++) {
			struct cs_band band = cs_conv_band(&p->bands, i);
			/* the last row's positions behind the last output would read past the planes */
			int64_t n = (band.bottom - band.top - 1) * p->columns +
				(p->lines ? p->columns : job->conv->out.dim[1]);

			multiply(job, group, &band, n, v, products);
			for (int64_t w = 0; w < p->wide && group * width + w * p->lanes < f; w++) {
				float *block = products + w * p->gap;

				if (p->pools) {
					pool_products(job, &band, image, group * width + w * p->lanes, block);
					continue;
				}
				if (p->lines) {
					p->blocked->lines_out(p->filtering, block, p->wide * p->gap, n, cells);
					block = cells;
				}
				cs_conv_emit(&p->bands, &band, p->blocked, job->pass, image,
					group * width + w * p->lanes, block, p->columns * p->m);
			}
		}
	}
	if (job->streams)
		p->blocked->settle();
}

static void forward(const struct cs_layer *conv, struct cs_pass *pass, bool lines)
{
	struct job job = {.conv = conv, .pass = pass};

	job.p = measure(conv, pass->next, cs_conv_keeps_map(pass), pass->count, lines, cs_kernels());
	job.p.pools = job.p.pools && cs_conv_is_plain(conv, pass, &job.plain);
	job.streams = job.p.pools && cs_conv_streams(pass->count * cs_shape_count(&pass->next->out));
	job.offsets = (int64_t *)pass->shared;
	job.bias = (float *)pass->shared + bias_at(&job.p);
	job.weights = (float *)pass->shared + weights_at(&job.p);
	fill_offsets(&job);
	cs_workers_run(pass->workers, (int)job.p.groups, weights_task, &job);
	cs_workers_run(pass->workers, (int)(pass->count * job.p.splits), image_task, &job);
}

static void lines_forward(const struct cs_layer *conv, struct cs_pass *pass)
{
	forward(conv, pass, true);
}

static void direct_forward(const struct cs_layer *conv, struct cs_pass *pass)
{
	forward(conv, pass, false);
}

const struct cs_conv_algorithm cs_conv_lines = {
	.name = "Winograd by rows",
	.fuses = true,
	.suits = lines_suits,
	.plan = lines_plan,
	.forward = lines_forward,
};

const struct cs_conv_algorithm cs_conv_direct = {
	.name = "direct",
	.fuses = true,
	.suits = direct_suits,
	.plan = direct_plan,
	.forward = direct_forward,
};
