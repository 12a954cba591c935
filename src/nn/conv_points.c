/* conv_points.c: 3x3 convolutions by minimal filtering, point by point over the whole batch. See conv.h, kernels/filtering.h.
 *
 * conv_winograd.c takes an image through all points while its tiles are in the cache, and reads every point's weights for it. Where
 * channels are many the weights are what does not fit: there a group of images is transformed first, then each point is one
 * product [tiles of the group, channels] * [channels, features] whose weights are read once, and a last sweep transforms
 * back, image by image, through stages and pool. Strides of 2 always take this way. What no cache holds until it is read is
 * written past them.
 *
 * Layouts: V[point][channel block][tile][lanes], U[point][feature group][channel][lanes of the group],
 * M[point][feature block][tile][lanes]. Points are an odd number of cache lines apart.
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	MANY_WEIGHTS =
		1 << 18, /* numbers at all points that the second-level cache has no room for, beside the tiles */
	GROUP_BYTES = 64 << 20, /* V and M of a group of images, about */
	MANY_IMAGES = 8, /* from here on an image is a task on the way in */
	SPLITS = 2, /* ranges of features a point */
	OUT_SPLITS = 4, /* and an image on the way out */
};

struct grid {
	const struct cs_blocked *blocked;
	enum cs_filtering filtering;
	int64_t m, points; /* points squared: how many products */
	int64_t lanes, wide;
	int64_t channel_blocks, groups; /* groups of `wide` feature blocks */
	int64_t rows, columns, tiles; /* of tiles, of one image */
	int64_t image; /* floats of V and M for one */
	int64_t images; /* a group */
	int64_t v_plane, v_point, m_plane, m_point, u_point; /* distances in floats */
};

static struct grid measure(const struct cs_layer *conv, int count, const struct cs_kernels *kernels)
{
	struct grid g = {.blocked = kernels->blocked, .filtering = cs_conv_filtering_of(conv)};
	int64_t f = conv->out.dim[2], points = cs_filtering_sizes[g.filtering].points, most;

	g.m = cs_filtering_sizes[g.filtering].outputs;
	g.points = points * points;
	g.lanes = g.blocked->lanes;
	g.wide = f > g.lanes ? 2 : 1;
	g.channel_blocks = cs_divide_up(conv->in.dim[2], g.lanes);
	g.groups = cs_divide_up(f, g.wide * g.lanes);
	g.rows = cs_divide_up(conv->out.dim[0], g.m);
	g.columns = cs_divide_up(conv->out.dim[1], g.m);
	g.tiles = g.rows * g.columns;
	g.image = g.points * g.tiles * (g.channel_blocks + g.groups * g.wide) * g.lanes;
	most = cs_most(1, GROUP_BYTES / (g.image * (int64_t)sizeof(float)));
	g.images = cs_divide_up(count, cs_divide_up(count, most)); /* groups of one size */
	g.v_plane = g.m_plane = g.images * g.tiles * g.lanes;
	g.v_point = g.channel_blocks * g.v_plane + g.lanes * (g.channel_blocks * g.images * g.tiles % 2 == 0);
	g.m_point = g.groups * g.wide * g.m_plane + g.lanes * (g.groups * g.wide * g.images * g.tiles % 2 == 0);
	g.u_point = g.groups * g.channel_blocks * g.lanes * g.wide * g.lanes;
	return g;
}

static bool points_suits(const struct cs_layer *conv, const struct cs_kernels *kernels, char *why, size_t size)
{
	const struct cs_layer_spec *spec = &conv->spec;
	int64_t direct = conv->out.dim[0] * conv->out.dim[1] * 9;
	enum cs_filtering f;
	struct grid g;

	if (!kernels->blocked || spec->kernel[0] != 3 || spec->kernel[1] != 3 || spec->stride[0] != spec->stride[1] ||
		spec->stride[0] > 2)
		return false;
	if (conv->in.dim[2] < kernels->blocked->lanes || conv->out.dim[2] < kernels->blocked->lanes)
		return false;
	f = cs_conv_filtering_of(conv);
	g = measure(conv, 1, kernels);
	if (!cs_conv_filtering_pays(conv, f))
		return false;
	/* here V and M are written and read, there the weights are read for every image or two */
	if (spec->stride[0] == 1 && (g.points * g.u_point < MANY_WEIGHTS || g.points * g.u_point * 2 < g.image * 3))
		return false;
	snprintf(why, size, "%.2f times fewer multiplications, in tiles of %dx%d, a point of the batch at a time",
		(double)direct / (double)cs_conv_filtering_cost(conv, f), cs_filtering_sizes[f].outputs,
		cs_filtering_sizes[f].outputs);
	return true;
}

/* What lies in the layer's shared memory, in floats: offsets of the channel blocks (64-bit), the packed bias, V, M; and U where it is not
 * kept. */
struct layout {
	int64_t bias, u, v, m, end;
};

static struct layout lay_out(const struct grid *g, bool keeps)
{
	struct layout at;

	at.bias = cs_divide_up(2 * g->channel_blocks, 16) * 16;
	at.u = at.bias + g->groups * g->wide * g->lanes;
	at.v = at.u + (keeps ? 0 : g->points * g->u_point);
	at.m = at.v + g->points * g->v_point;
	at.end = at.m + g->points * g->m_point;
	return at;
}

static void points_plan(const struct cs_layer *conv, const struct cs_layer *pool, struct cs_need *need)
{
	struct grid g = measure(conv, need->batch, cs_kernels());

	(void)pool;
	cs_conv_raise(&need->shared, lay_out(&g, need->keeps).end);
	if (need->keeps)
		cs_conv_raise(&need->kept, CS_CONV_KEPT_MARKS + g.points * g.u_point);
	cs_conv_raise(&need->per_worker, g.tiles * g.m * g.m * g.lanes);
}

struct job {
	const struct cs_layer *conv;
	const struct cs_pass *pass;
	struct grid g;
	struct cs_bands bands; /* one: the whole map */
	int64_t first, images; /* of the group at work */
	int64_t bands_in; /* of an image on the way in */
	bool streams[2]; /* U, V: past the caches */
	int64_t splits;
	int64_t *offsets;
	float *bias, *u, *v, *m;
};

/* Transform the weights of one feature group. */
static void weights_task(void *context, int group, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	const struct cs_layer *conv = job->conv;
	int64_t c = conv->in.dim[2], f = conv->out.dim[2], width = g->wide * g->lanes;
	float *to = job->u + group * g->channel_blocks * g->lanes * width;

	(void)worker;
	for (int64_t k = 0; k < g->channel_blocks * g->lanes; k++) {
		for (int64_t w = 0; w < g->wide; w++) {
			int64_t feature = group * width + w * g->lanes, valid = cs_least(g->lanes, f - feature);
			const float *taps = conv->params[0].value.data + k * f + feature;
			float *out = to + k * width + w * g->lanes;

			if (k < c && valid > 0) {
				g->blocked->tiles_weights(
					g->filtering, taps, 3 * c * f, c * f, valid, out, g->u_point, job->streams[0]);
				continue;
			}
			for (int64_t p = 0; p < g->points; p++)
				memset(out + p * g->u_point, 0, (size_t)g->lanes * sizeof *out);
		}
	}
	g->blocked->settle();
}

/* Some rows of tiles of one image. */
static void in_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	const struct cs_layer *conv = job->conv;
	int64_t image = task / job->bands_in, band = task % job->bands_in, row = g->rows * band / job->bands_in;
	int64_t tiles[2] = {g->rows * (band + 1) / job->bands_in - row, g->columns};
	int64_t before[2] = {conv->pad_top - row * g->m * cs_filtering_sizes[g->filtering].stride, conv->pad_left};

	(void)worker;
	g->blocked->tiles_in(g->filtering, job->pass->in + (job->first + image) * cs_shape_count(&conv->in), &conv->in,
		before, tiles, job->v + (image * g->tiles + row * g->columns) * g->lanes, g->v_point, g->v_plane,
		g->lanes, job->streams[1]);
	g->blocked->settle();
}

static void product_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	int64_t point = task / job->splits, split = task % job->splits, width = g->wide * g->lanes;

	(void)worker;
	for (int64_t k = g->groups * split / job->splits; k < g->groups * (split + 1) / job->splits; k++) {
		struct cs_product product = {
			.rows = job->images * g->tiles,
			.step = g->lanes,
			.terms = g->channel_blocks,
			.a = job->v + point * g->v_point,
			.offsets = job->offsets,
			.b = job->u + point * g->u_point + k * g->channel_blocks * g->lanes * width,
			.out = job->m + point * g->m_point + k * g->wide * g->m_plane,
			.row = g->lanes,
			.gap = g->m_plane,
			.wide = (int)g->wide,
		};

		g->blocked->product(&product);
	}
}

static void out_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	int64_t image = task / OUT_SPLITS, split = task % OUT_SPLITS,
		blocks = cs_divide_up(job->conv->out.dim[2], g->lanes);
	int64_t tiles[2] = {g->rows, g->columns};
	struct cs_band band = cs_conv_band(&job->bands, 0);
	float *plane = (float *)(job->pass->worker_scratch + (size_t)worker * job->pass->worker_stride);

	for (int64_t b = blocks * split / OUT_SPLITS; b < blocks * (split + 1) / OUT_SPLITS; b++) {
		g->blocked->tiles_out(g->filtering, job->m + b * g->m_plane + image * g->tiles * g->lanes, g->m_point,
			tiles, job->bias + b * g->lanes, plane,
			b + 1 < blocks * (split + 1) / OUT_SPLITS ? g->m_plane : 0);
		cs_conv_emit(&job->bands, &band, g->blocked, job->pass, job->first + image, b * g->lanes,
			plane + band.top * g->columns * g->m * g->lanes, g->columns * g->m);
	}
}

static void points_forward(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct job job = {.conv = conv, .pass = pass, .g = measure(conv, pass->count, cs_kernels())};
	const struct grid *g = &job.g;
	struct layout at = lay_out(g, pass->kept != NULL);
	float *shared = (float *)pass->shared;

	job.bands = cs_conv_bands(conv, pass->next, cs_conv_keeps_map(pass), INT32_MAX);
	job.bands_in = pass->count < MANY_IMAGES ? g->rows : 1;
	job.splits = cs_least(SPLITS, g->groups);
	job.streams[0] = cs_conv_streams(g->points * g->u_point);
	job.streams[1] = cs_conv_streams(g->points * g->v_point);
	job.offsets = (int64_t *)pass->shared;
	job.bias = shared + at.bias;
	job.u = pass->kept ? (float *)pass->kept + CS_CONV_KEPT_MARKS : shared + at.u;
	job.v = shared + at.v;
	job.m = shared + at.m;
	for (int64_t b = 0; b < g->channel_blocks; b++)
		job.offsets[b] = b * g->v_plane;
	cs_conv_pack_bias(conv, g->groups * g->wide * g->lanes, job.bias);
	if (!pass->kept || !cs_conv_kept_is_fresh(conv, pass))
		cs_workers_run(pass->workers, (int)g->groups, weights_task, &job);
	for (job.first = 0; job.first < pass->count; job.first += g->images) {
		job.images = cs_least(g->images, pass->count - job.first);
		cs_workers_run(pass->workers, (int)(job.images * job.bands_in), in_task, &job);
		cs_workers_run(pass->workers, (int)(g->points * job.splits), product_task, &job);
		cs_workers_run(pass->workers, (int)(job.images * OUT_SPLITS), out_task, &job);
	}
}

const struct cs_conv_algorithm cs_conv_points = {
	.name = "Winograd by points",
	.fuses = true,
	.suits = points_suits,
	.plan = points_plan,
	.forward = points_forward,
};
