/* conv_tiles.c: convolutions in bfloat16 on matrix tiles, for passes planned with that precision. See conv.h, kernels/tiles.h.
 *
 * As in conv_planes.c a row of a product is a position and the input is laid out so that neighbouring positions see neighbouring
 * cells. Which way it is laid out depends on the channels:
 *
 * planes  Many channels. A plane a phase of the stride and block of 32 channels; each tap of the kernel is an offset. Positions
 *         run on from row to row, so a few fall between the rows' ends and are computed for nothing.
 * widened Few channels, which would leave tiles mostly empty. The window that a position sees stands as one row, the order of the
 *         kernel's own numbers, filled up to a multiple of 32.
 *
 * A task is an image, band by band of its rows (a widened one is laid out for one band at a time). Sums come out as blocks of 16
 * features, which are activated, kept and pooled as in every other algorithm. Gradients are float32 and know nothing of this.
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"
#include "nn/kernels/tiles.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	PAIR = 2 * CS_TILE_FEATURES, /* features of one product */
	SUMS = 96 << 10, /* sums of one band, about, where all features are multiplied position by position */
	FEW_SUMS = 6 << 10, /* the same for one pair of feature blocks */
	STEP = 2 * CS_TILE_ROWS, /* positions at a time */
	FEW_IMAGES = 4,
};

struct layout {
	bool widened;
	int64_t blocks; /* planes: of 32 channels */
	int64_t phases[2]; /* planes: the stride; widened: 1,1 */
	int64_t rows, columns; /* planes: of a plane; widened: of outputs */
	int64_t plane; /* numbers of one */
	int64_t width; /* widened: numbers of a position; planes: 32 */
	int64_t terms; /* of a product, 32 channels each */
	int64_t groups; /* of PAIR features */
	int64_t at_once; /* groups multiplied before the band is finished */
	int64_t pitch, padded_rows; /* widened: numbers of a row of the padded image, and its rows */
	struct cs_bands bands;
	int64_t cells; /* positions of a band, rounded up */
	int64_t splits; /* tasks over features, where images are few */
};

static bool is_widened(const struct cs_layer *conv)
{
	int64_t taps = conv->spec.kernel[0] * conv->spec.kernel[1], c = conv->in.dim[2];
	int64_t blocked = taps * cs_divide_up(c, CS_TILE_CHANNELS), dense = cs_divide_up(taps * c, CS_TILE_CHANNELS);

	return 2 * blocked > 3 * dense;
}

static struct layout measure(const struct cs_layer *conv, const struct cs_layer *pool, bool map, int count)
{
	const int64_t *kernel = conv->spec.kernel, *stride = conv->spec.stride;
	int64_t c = conv->in.dim[2], oh = conv->out.dim[0], ow = conv->out.dim[1];
	struct layout l = {.widened = is_widened(conv), .phases = {1, 1}, .blocks = 1, .splits = 1};

	l.groups = cs_divide_up(conv->out.dim[2], PAIR);
	if (l.widened) {
		l.terms = cs_divide_up(kernel[0] * kernel[1] * c, CS_TILE_CHANNELS);
		l.width = l.terms * CS_TILE_CHANNELS;
		l.rows = oh;
		l.columns = ow;
		l.pitch = ((ow - 1) * stride[1] + kernel[1]) * c;
		l.padded_rows = (oh - 1) * stride[0] + kernel[0];
	} else {
		l.blocks = cs_divide_up(c, CS_TILE_CHANNELS);
		l.terms = l.blocks * kernel[0] * kernel[1];
		l.width = CS_TILE_CHANNELS;
		l.phases[0] = stride[0];
		l.phases[1] = stride[1];
		l.rows = oh + (kernel[0] - 1) / stride[0];
		l.columns = ow + (kernel[1] - 1) / stride[1];
	}
	l.plane = l.rows * l.columns * l.width;
	if (count < FEW_IMAGES)
		l.splits = cs_least(FEW_IMAGES, l.groups);
	/* few terms: a pair of blocks at a time, so that sums are still in the first-level cache when they are pooled */
	l.at_once = l.widened ? 1 : cs_divide_up(l.groups, l.splits);
	l.bands = cs_conv_bands(conv, pool, map, (l.widened ? FEW_SUMS : SUMS / l.at_once) / (PAIR * l.columns));
	l.cells = cs_divide_up(l.bands.rows * l.columns, CS_TILE_ROWS) * CS_TILE_ROWS;
	return l;
}

static bool tiles_suits(const struct cs_layer *conv, const struct cs_kernels *kernels, char *why, size_t size)
{
	int64_t taps = conv->spec.kernel[0] * conv->spec.kernel[1], terms;

	if (!cs_tiles() || !kernels->blocked || kernels->blocked->lanes != CS_TILE_FEATURES) {
		snprintf(why, size, "no tiles with these instructions");
		return false;
	}
	if (conv->out.dim[2] < CS_TILE_FEATURES || taps * conv->in.dim[2] < CS_TILE_CHANNELS) {
		snprintf(why, size, "float32: too little to fill bfloat16 tiles");
		return false;
	}
	terms = is_widened(conv) ? cs_divide_up(taps * conv->in.dim[2], CS_TILE_CHANNELS)
				 : taps * cs_divide_up(conv->in.dim[2], CS_TILE_CHANNELS);
	snprintf(why, size, "precision bf16; %s, %" PRId64 " products of 32 numbers an output",
		is_widened(conv) ? "widened" : "read where it lies", terms);
	return true;
}

/* What tasks share, in bytes: offsets, biases, weights. */
static int64_t bias_at(const struct layout *l)
{
	return cs_divide_up(l->terms * (int64_t)sizeof(int64_t), 64) * 64;
}

static int64_t weights_at(const struct layout *l)
{
	return bias_at(l) + l->groups * PAIR * (int64_t)sizeof(float);
}

static int64_t shared_size(const struct layout *l)
{
	return weights_at(l) + l->groups * l->terms * 2 * CS_TILE_WEIGHTS * (int64_t)sizeof(uint16_t);
}

/* What a worker has for itself, in bytes: the operand, with what a product reads behind its last position; the padded image it is
 * widened from; sums. */
static int64_t padded_at(const struct layout *l)
{
	int64_t planes = l->blocks * l->phases[0] * l->phases[1] * l->rows * l->columns + CS_TILE_ROWS;
	int64_t cells = l->widened ? l->cells : planes;

	return cs_divide_up(cells * l->width * (int64_t)sizeof(uint16_t), 64) * 64 + 64;
}

static int64_t sums_at(const struct layout *l)
{
	int64_t padded = l->widened ? l->padded_rows * l->pitch : 0;

	return padded_at(l) + cs_divide_up(padded * (int64_t)sizeof(uint16_t), 64) * 64;
}

static int64_t worker_size(const struct layout *l)
{
	return sums_at(l) + l->at_once * PAIR * l->cells * (int64_t)sizeof(float);
}

static void tiles_plan(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need)
{
	/* fewer images than planned for may come, and then be cut otherwise */
	for (int few = 0; few < 2; few++) {
		for (int map = 0; map < 2; map++) {
			struct layout l = measure(conv, pool, map, few ? 1 : need->batch);

			cs_conv_raise(&need->shared, cs_divide_up(shared_size(&l), sizeof(float)));
			cs_conv_raise(&need->per_worker, cs_divide_up(worker_size(&l), sizeof(float)));
		}
	}
}

struct job {
	const struct cs_layer *conv;
	const struct cs_pass *pass;
	const struct cs_blocked *blocked;
	const struct cs_tiles *tiles;
	struct layout l;
	int64_t *offsets;
	float *bias;
	uint16_t *weights;
};

/* Where each term of a product begins in the operand, in the order of the weights. */
static void fill_offsets(const struct job *job)
{
	const struct layout *l = &job->l;
	const int64_t *kernel = job->conv->spec.kernel;
	int64_t *to = job->offsets;

	for (int64_t t = 0; l->widened && t < l->terms; t++)
		*to++ = t * CS_TILE_CHANNELS;
	for (int64_t b = 0; !l->widened && b < l->blocks; b++) {
		for (int64_t ky = 0; ky < kernel[0]; ky++) {
			for (int64_t kx = 0; kx < kernel[1]; kx++) {
				int64_t phase =
					(b * l->phases[0] + ky % l->phases[0]) * l->phases[1] + kx % l->phases[1];

				*to++ = phase * l->plane +
					(ky / l->phases[0] * l->columns + kx / l->phases[1]) * l->width;
			}
		}
	}
}

/* The weights of one group of features; and its bias. */
static void weights_task(void *context, int group, int worker)
{
	const struct job *job = context;
	const struct layout *l = &job->l;
	const struct cs_layer *conv = job->conv;
	int64_t c = conv->in.dim[2], f = conv->out.dim[2], taps = conv->spec.kernel[0] * conv->spec.kernel[1];
	uint16_t *to = job->weights + group * l->terms * 2 * CS_TILE_WEIGHTS;

	(void)worker;
	for (int64_t t = 0; t < l->terms; t++) {
		/* rows of the kernel seen as a matrix [taps * channels, features] */
		int64_t block = t / taps * CS_TILE_CHANNELS;
		int64_t first = l->widened ? t * CS_TILE_CHANNELS : t % taps * c + block;
		int64_t channels = l->widened ? taps * c - first : c - block;

		for (int64_t w = 0; w < 2; w++, to += CS_TILE_WEIGHTS) {
			int64_t feature = group * PAIR + w * CS_TILE_FEATURES;
			int64_t features = cs_most(0, cs_least(CS_TILE_FEATURES, f - feature));
			const float *from = conv->params[0].value.data + first * f + (features ? feature : 0);

			job->tiles->weights(from, f, cs_least(channels, CS_TILE_CHANNELS), features, to);
		}
	}
	for (int64_t i = group * PAIR; i < (group + 1) * PAIR; i++)
		job->bias[i] = conv->spec.bias && i < f ? conv->params[1].value.data[i] : 0;
}

/* One image to planes, its padding as zeros. */
static void fill_planes(const struct job *job, const float *in, uint16_t *v)
{
	const struct layout *l = &job->l;
	const struct cs_layer *conv = job->conv;
	int64_t h = conv->in.dim[0], w = conv->in.dim[1], c = conv->in.dim[2], stride = l->phases[1];

	for (int64_t y = 0; y < l->rows * l->phases[0]; y++) {
		int64_t row = y - conv->pad_top;

		for (int64_t b = 0; b < l->blocks; b++) {
			for (int64_t px = 0; px < stride; px++) {
				/* cells begin .. end - 1 of this row are pixels of the image */
				int64_t shift = px - conv->pad_left;
				int64_t begin = cs_most(0, shift < 0 ? cs_divide_up(-shift, stride) : 0);
				int64_t end = cs_least(l->columns, w > shift ? cs_divide_up(w - shift, stride) : 0);
				uint16_t *to = v + ((b * l->phases[0] + y % l->phases[0]) * stride + px) * l->plane +
					y / l->phases[0] * l->columns * l->width;

				if (row < 0 || row >= h || end <= begin)
					begin = end = l->columns;
				memset(to, 0, (size_t)(begin * l->width) * sizeof *to);
				if (begin < end)
					job->tiles->round(
						in + (row * w + begin * stride + shift) * c + b * CS_TILE_CHANNELS,
						end - begin, stride * c,
						cs_least(CS_TILE_CHANNELS, c - b * CS_TILE_CHANNELS), l->width,
						to + begin * l->width);
				memset(to + end * l->width, 0, (size_t)((l->columns - end) * l->width) * sizeof *to);
			}
		}
	}
}

/* One image, padded and rounded. */
static void pad(const struct job *job, const float *in, uint16_t *padded)
{
	const struct layout *l = &job->l;
	const struct cs_layer *conv = job->conv;
	int64_t h = conv->in.dim[0], w = conv->in.dim[1], c = conv->in.dim[2];
	int64_t left = conv->pad_left * c, numbers = cs_least(w * c, l->pitch - left);

	memset(padded, 0, (size_t)(l->padded_rows * l->pitch) * sizeof *padded);
	for (int64_t y = 0; y < h && y + conv->pad_top < l->padded_rows; y++) {
		uint16_t *to = padded + (y + conv->pad_top) * l->pitch + left;
		int64_t whole = numbers / CS_TILE_CHANNELS * CS_TILE_CHANNELS;
		uint16_t rest[CS_TILE_CHANNELS];

		if (whole)
			job->tiles->round(in + y * w * c, 1, 0, whole, whole, to);
		job->tiles->round(in + y * w * c + whole, 1, 0, numbers - whole, CS_TILE_CHANNELS, rest);
		memcpy(to + whole, rest, (size_t)(numbers - whole) * sizeof *to);
	}
}

/* The windows of output rows top .. bottom - 1. */
static void fill_windows(const struct job *job, const uint16_t *padded, int64_t top, int64_t bottom, uint16_t *v)
{
	const struct layout *l = &job->l;
	const struct cs_layer *conv = job->conv;
	int64_t c = conv->in.dim[2], kh = conv->spec.kernel[0], run = conv->spec.kernel[1] * c;

	for (int64_t y = top; y < bottom; y++, v += l->columns * l->width) {
		for (int64_t ky = 0; ky < kh; ky++)
			job->tiles->widen(padded + (y * conv->spec.stride[0] + ky) * l->pitch, l->columns,
				conv->spec.stride[1] * c, run, ky == kh - 1 ? l->width - kh * run : 0, v + ky * run,
				l->width);
	}
}

/* Products of one band with groups first .. end - 1: group by group at each step of positions, so that these stay in cache. */
static void multiply(const struct job *job, const struct cs_band *band, const uint16_t *v, int64_t first, int64_t end,
	float *sums)
{
	const struct layout *l = &job->l;
	int64_t positions = (band->bottom - band->top - 1) * l->columns + job->conv->out.dim[1];
	int64_t cells = cs_divide_up(positions, CS_TILE_ROWS) * CS_TILE_ROWS;

	for (int64_t r = 0; r < cells; r += STEP) {
		for (int64_t group = first; group < end; group++) {
			struct cs_tile_product product = {
				.rows = cs_least(STEP, cells - r),
				.terms = l->terms,
				.a = v + ((l->widened ? 0 : band->top * l->columns) + r) * l->width,
				.row = l->width,
				.offsets = job->offsets,
				.b = job->weights + group * l->terms * 2 * CS_TILE_WEIGHTS,
				.start = job->bias + group * PAIR,
				.out = sums + ((group - first) * 2 * l->cells + r) * CS_TILE_FEATURES,
				.gap = l->cells * CS_TILE_FEATURES,
			};

			job->tiles->product(&product);
		}
	}
}

static void image_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct layout *l = &job->l;
	int64_t image = task / l->splits, split = task % l->splits, f = job->conv->out.dim[2];
	int64_t from = l->groups * split / l->splits, to = l->groups * (split + 1) / l->splits;
	const float *in = job->pass->in + image * cs_shape_count(&job->conv->in);
	char *scratch = job->pass->worker_scratch + (size_t)worker * job->pass->worker_stride;
	uint16_t *v = (uint16_t *)scratch, *padded = (uint16_t *)(scratch + padded_at(l));
	float *sums = (float *)(scratch + sums_at(l));

	if (l->widened)
		pad(job, in, padded);
	else
		fill_planes(job, in, v);
	job->tiles->begin();
	for (int64_t i = 0; i < l->bands.count; i++) {
		struct cs_band band = cs_conv_band(&l->bands, i);

		if (l->widened)
			fill_windows(job, padded, band.top, band.bottom, v);
		for (int64_t first = from; first < to; first += l->at_once) {
			int64_t end = cs_least(to, first + l->at_once);

			multiply(job, &band, v, first, end, sums);
			for (int64_t feature = first * PAIR; feature < cs_least(f, end * PAIR);
				feature += CS_TILE_FEATURES)
				cs_conv_emit(&l->bands, &band, job->blocked, job->pass, image, feature,
					sums + (feature - first * PAIR) * l->cells, l->columns);
		}
	}
	job->tiles->end();
}

static void tiles_forward(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct job job = {.conv = conv, .pass = pass, .blocked = cs_kernels()->blocked, .tiles = cs_tiles()};

	job.l = measure(conv, pass->next, cs_conv_keeps_map(pass), pass->count);
	job.offsets = (int64_t *)pass->shared;
	job.bias = (float *)(pass->shared + bias_at(&job.l));
	job.weights = (uint16_t *)(pass->shared + weights_at(&job.l));
	fill_offsets(&job);
	cs_workers_run(pass->workers, (int)job.l.groups, weights_task, &job);
	cs_workers_run(pass->workers, (int)(pass->count * job.l.splits), image_task, &job);
}

const struct cs_conv_algorithm cs_conv_tiles = {
	.name = "bf16 tiles",
	.fuses = true,
	.precision = CS_BF16,
	.suits = tiles_suits,
	.plan = tiles_plan,
	.forward = tiles_forward,
};
