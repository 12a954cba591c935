/* conv_winograd.c: 3x3 convolutions of stride 1 by minimal filtering in two dimensions. See conv.h, kernels/filtering.h.
 *
 * The map is cut into tiles of m x m outputs. Tiles, with the rim their outputs see, and kernels are transformed; at each of
 * the (m + 2)^2 points the convolution is then a plain product [tiles, channels] * [channels, features], whose result is transformed
 * back: 9 m^2 multiplications become (m + 2)^2, a saving of 2.25 for m = 2, 3.24 for m = 3 and 4 for m = 4. The m that leaves the least
 * work, with the tiles that stick out, is taken.
 *
 * A task takes one band of rows of one image, or several whole images where maps are small, so that a point's weights are
 * read once for many tiles. Layouts: V[point][channel block][tile][lanes], U[point][feature group][channel][lanes of the
 * group], M[point][feature block][tile][lanes]. Points are an odd number of cache lines apart, or all of them would fall into
 * the same lines of the caches.
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	TILES = 128, /* of one task, about: enough to pay for reading the weights */
	MANY_IMAGES = 8, /* tasks there should be before images are put together */
};

struct grid {
	const struct cs_blocked *blocked;
	enum cs_filtering filtering;
	int64_t m, points; /* points squared: how many products */
	int64_t lanes, wide;
	int64_t channel_blocks, groups; /* groups of `wide` feature blocks */
	int64_t columns; /* of tiles */
	struct cs_bands bands;
	int64_t rows; /* of tiles a band, at most */
	int64_t images; /* a task */
	int64_t splits; /* tasks over features, where images are few */
	int64_t u_point, v_plane, v_point, m_plane, m_point; /* distances in floats */
};

static struct grid measure(
	const struct cs_layer *conv, const struct cs_layer *pool, bool map, int count, const struct cs_kernels *kernels)
{
	struct grid g = {
		.blocked = kernels->blocked, .filtering = cs_conv_filtering_of(conv), .splits = 1, .images = 1};
	int64_t f = conv->out.dim[2], tiles;

	g.m = cs_filtering_sizes[g.filtering].outputs;
	g.points = (int64_t)cs_filtering_sizes[g.filtering].points * cs_filtering_sizes[g.filtering].points;
	g.lanes = g.blocked->lanes;
	g.wide = f > g.lanes ? 2 : 1;
	g.channel_blocks = cs_divide_up(conv->in.dim[2], g.lanes);
	g.groups = cs_divide_up(f, g.wide * g.lanes);
	g.columns = cs_divide_up(conv->out.dim[1], g.m);
	g.bands = cs_conv_bands(conv, pool, map, cs_most(1, TILES / g.columns) * g.m);
	/* a band may begin within a tile */
	g.rows = g.bands.count == 1 ? cs_divide_up(g.bands.rows, g.m) : cs_divide_up(g.bands.rows, g.m) + 1;
	tiles = g.rows * g.columns;
	/* a power of two, so that batches of the usual sizes fall into even numbers of tasks */
	while (g.bands.count == 1 && 2 * g.images <= cs_least(TILES / tiles, count / MANY_IMAGES))
		g.images *= 2;
	if (cs_divide_up(count, g.images) * g.bands.count < 4)
		g.splits = cs_least(4, g.groups);
	g.v_plane = g.images * tiles * g.lanes;
	g.v_point = g.channel_blocks * g.v_plane + g.lanes * (g.channel_blocks * g.images * tiles % 2 == 0);
	g.m_plane = g.v_plane;
	g.m_point = g.groups * g.wide * g.m_plane + g.lanes * (g.groups * g.wide * g.images * tiles % 2 == 0);
	g.u_point = g.groups * g.channel_blocks * g.lanes * g.wide * g.lanes + g.lanes;
	return g;
}

static bool winograd_suits(const struct cs_layer *conv, const struct cs_kernels *kernels, char *why, size_t size)
{
	const struct cs_layer_spec *spec = &conv->spec;
	enum cs_filtering f = cs_conv_filtering_of(conv);
	int64_t direct = conv->out.dim[0] * conv->out.dim[1] * 9;

	if (!kernels->blocked || spec->kernel[0] != 3 || spec->kernel[1] != 3 || spec->stride[0] != 1 ||
		spec->stride[1] != 1)
		return false;
	if (conv->in.dim[2] < kernels->blocked->lanes || conv->out.dim[2] < kernels->blocked->lanes)
		return false;
	if (!cs_conv_filtering_pays(conv, f))
		return false;
	snprintf(why, size, "%.2f times fewer multiplications, in tiles of %dx%d",
		(double)direct / (double)cs_conv_filtering_cost(conv, f), cs_filtering_sizes[f].outputs,
		cs_filtering_sizes[f].outputs);
	return true;
}

/* Offsets of the channel blocks, the packed bias, the weights: what all tasks share. Where they begin, in floats. */
static int64_t bias_at(const struct grid *g)
{
	return cs_divide_up(2 * g->channel_blocks, 16) * 16;
}

static int64_t weights_at(const struct grid *g)
{
	return bias_at(g) + g->groups * g->wide * g->lanes;
}

static void winograd_plan(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need)
{
	for (int map = 0; map < 2; map++) {
		struct grid g = measure(conv, pool, map, need->batch, cs_kernels());
		int64_t plane = g.rows * g.m * g.columns * g.m * g.lanes;

		cs_conv_raise(&need->shared, weights_at(&g) + (need->keeps ? 0 : g.points * g.u_point));
		if (need->keeps)
			cs_conv_raise(&need->kept, CS_CONV_KEPT_MARKS + g.points * g.u_point);
		cs_conv_raise(&need->per_worker, g.points * (g.v_point + g.m_point) + plane);
	}
}

struct job {
	const struct cs_layer *conv;
	const struct cs_pass *pass;
	struct grid g;
	int64_t *offsets;
	float *bias, *weights;
};

/* Transform the weights of one feature group. */
static void weights_task(void *context, int group, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	const struct cs_layer *conv = job->conv;
	int64_t c = conv->in.dim[2], f = conv->out.dim[2], width = g->wide * g->lanes, first = group * width;
	float *to = job->weights + group * g->channel_blocks * g->lanes * width;

	(void)worker;
	for (int64_t k = 0; k < g->channel_blocks * g->lanes; k++, to += width) {
		const float *taps = conv->params[0].value.data + k * f + first;

		for (int64_t w = 0; w < width; w += g->lanes) {
			int64_t valid = cs_least(g->lanes, f - first - w);

			if (k < c && valid > 0) {
				g->blocked->tiles_weights(
					g->filtering, taps + w, 3 * c * f, c * f, valid, to + w, g->u_point, false);
				continue;
			}
			for (int64_t p = 0; p < g->points; p++)
				memset(to + w + p * g->u_point, 0, (size_t)g->lanes * sizeof *to);
		}
	}
}

static void tiles_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	const struct cs_layer *conv = job->conv;
	int64_t split = task % g->splits, unit = task / g->splits;
	int64_t image = unit / g->bands.count * g->images, images = cs_least(g->images, job->pass->count - image);
	struct cs_band band = cs_conv_band(&g->bands, unit % g->bands.count);
	int64_t first = band.top / g->m, tiles[2] = {cs_divide_up(band.bottom, g->m) - first, g->columns};
	int64_t before[2] = {conv->pad_top - first * g->m, conv->pad_left}, n = tiles[0] * tiles[1];
	int64_t group = g->groups * split / g->splits, end = g->groups * (split + 1) / g->splits;
	int64_t width = g->wide * g->lanes;
	float *v = (float *)(job->pass->worker_scratch + (size_t)worker * job->pass->worker_stride);
	float *products = v + g->points * g->v_point, *plane = products + g->points * g->m_point;

	for (int64_t i = 0; i < images; i++)
		g->blocked->tiles_in(g->filtering, job->pass->in + (image + i) * cs_shape_count(&conv->in), &conv->in,
			before, tiles, v + i * n * g->lanes, g->v_point, g->v_plane, g->lanes, false);
	for (int64_t p = 0; p < g->points; p++) {
		for (int64_t k = group; k < end; k++) {
			struct cs_product product = {
				.rows = images * n,
				.step = g->lanes,
				.terms = g->channel_blocks,
				.a = v + p * g->v_point,
				.offsets = job->offsets,
				.b = job->weights + p * g->u_point + k * g->channel_blocks * g->lanes * width,
				.out = products + p * g->m_point + k * g->wide * g->m_plane,
				.row = g->lanes,
				.gap = g->m_plane,
				.wide = (int)g->wide,
			};

			g->blocked->product(&product);
		}
	}
	for (int64_t i = 0; i < images; i++) {
		for (int64_t b = group * g->wide; b < end * g->wide && b * g->lanes < conv->out.dim[2]; b++) {
			g->blocked->tiles_out(g->filtering, products + b * g->m_plane + i * n * g->lanes, g->m_point,
				tiles, job->bias + b * g->lanes, plane, 0);
			cs_conv_emit(&g->bands, &band, g->blocked, job->pass, image + i, b * g->lanes,
				plane + (band.top - first * g->m) * g->columns * g->m * g->lanes, g->columns * g->m);
		}
	}
}

static void winograd_forward(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct job job = {.conv = conv, .pass = pass};

	job.g = measure(conv, pass->next, cs_conv_keeps_map(pass), pass->count, cs_kernels());
	job.offsets = (int64_t *)pass->shared;
	job.bias = (float *)pass->shared + bias_at(&job.g);
	job.weights =
		pass->kept ? (float *)pass->kept + CS_CONV_KEPT_MARKS : (float *)pass->shared + weights_at(&job.g);
	for (int64_t b = 0; b < job.g.channel_blocks; b++)
		job.offsets[b] = b * job.g.v_plane;
	cs_conv_pack_bias(conv, job.g.groups * job.g.wide * job.g.lanes, job.bias);
	if (!pass->kept || !cs_conv_kept_is_fresh(conv, pass))
		cs_workers_run(pass->workers, (int)job.g.groups, weights_task, &job);
	cs_workers_run(pass->workers, (int)(cs_divide_up(pass->count, job.g.images) * job.g.bands.count * job.g.splits),
		tiles_task, &job);
}

const struct cs_conv_algorithm cs_conv_winograd = {
	.name = "Winograd 3x3",
	.fuses = true,
	.suits = winograd_suits,
	.plan = winograd_plan,
	.forward = winograd_forward,
};
