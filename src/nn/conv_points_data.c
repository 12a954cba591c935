/* conv_points_data.c: the data gradient of 3x3 convolutions of stride 2, by minimal filtering point by point. See conv.h.
 *
 * conv_points.c computes y = A ((G g) * (B d)), tile by tile; the gradient of d is B' ((G g) * (A' dy)), with transposes marked, and
 * sums over features where the convolution sums over channels. So the same three sweeps run with other transforms: the
 * output's gradient is spread to the points, each point is one product [tiles of the group, features] * [features,
 * channels], and a last sweep takes the points to tiles of the input's gradient. Those overlap by a row and a column, and are
 * added up in a plane of one channel block of one image.
 *
 * Layouts: Z[point][feature block][tile][lanes], U[point][channel group][feature][lanes of the group],
 * M[point][channel block][tile][lanes]; the kernel is exchanged first, [tap][feature][channel].
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"

#include <string.h>

enum {
	GROUP_BYTES = 48 << 20, /* Z and M of a group of images, about */
	SPLITS = 2, /* ranges of channels a point */
	OUT_SPLITS = 4, /* and an image on the way out */
};

struct grid {
	const struct cs_blocked *blocked;
	int64_t m, step, points; /* outputs and pixels a tile; points squared: how many products */
	int64_t lanes, wide, width; /* of a group of channel blocks */
	int64_t feature_blocks, groups;
	int64_t rows, columns, tiles; /* of tiles, of one image */
	int64_t images; /* a group */
	int64_t plane_rows, plane_columns; /* pixels that the tiles of an image reach */
	int64_t plane, z_point, m_point, u_point; /* distances in floats; Z's and M's blocks are both `plane` apart */
};

static struct grid measure(const struct cs_layer *conv, int count)
{
	struct grid g = {.blocked = cs_kernels()->blocked};
	const struct cs_filtering_size *size = &cs_filtering_sizes[CS_S3_3];
	int64_t c = conv->in.dim[2];

	g.m = size->outputs;
	g.step = g.m * size->stride;
	g.points = (int64_t)size->points * size->points;
	g.lanes = g.blocked->lanes;
	g.wide = c > g.lanes ? 2 : 1;
	g.width = g.wide * g.lanes;
	g.feature_blocks = cs_divide_up(conv->out.dim[2], g.lanes);
	g.groups = cs_divide_up(c, g.width);
	g.rows = cs_divide_up(conv->out.dim[0], g.m);
	g.columns = cs_divide_up(conv->out.dim[1], g.m);
	g.tiles = g.rows * g.columns;
	g.plane_rows = g.rows * g.step + 1;
	g.plane_columns = g.columns * g.step + 1;
	g.images = GROUP_BYTES /
		(g.points * g.tiles * (g.feature_blocks + g.groups * g.wide) * g.lanes * (int64_t)sizeof(float));
	g.images = cs_most(1, cs_least(count, g.images));
	g.plane = g.images * g.tiles * g.lanes;
	g.z_point = g.feature_blocks * g.plane + g.lanes * (g.feature_blocks * g.images * g.tiles % 2 == 0);
	g.m_point = g.groups * g.wide * g.plane + g.lanes * (g.groups * g.wide * g.images * g.tiles % 2 == 0);
	g.u_point = g.groups * g.feature_blocks * g.lanes * g.width;
	return g;
}

bool cs_conv_points_data_suits(const struct cs_layer *conv)
{
	return conv->spec.stride[0] == 2 && cs_conv_algorithm(conv, NULL, 0) == &cs_conv_points;
}

/* What lies in the layer's shared memory, in floats: offsets of the feature blocks (64-bit), the exchanged kernel, U, Z, M. */
struct layout {
	int64_t exchanged, u, z, m, end;
};

static struct layout lay_out(const struct grid *g, const struct cs_layer *conv)
{
	struct layout at;

	at.exchanged = cs_divide_up(2 * g->feature_blocks, 16) * 16;
	at.u = at.exchanged + cs_divide_up(cs_tensor_count(&conv->params[0].value), 16) * 16;
	at.z = at.u + g->points * g->u_point;
	at.m = at.z + g->points * g->z_point;
	at.end = at.m + g->points * g->m_point;
	return at;
}

void cs_conv_points_data_plan(const struct cs_layer *conv, struct cs_need *need)
{
	struct grid g = measure(conv, need->batch);

	cs_conv_raise(&need->shared, lay_out(&g, conv).end);
	cs_conv_raise(&need->per_worker, g.plane_rows * g.plane_columns * g.lanes);
}

struct job {
	const struct cs_layer *conv;
	const struct cs_pass *pass;
	struct grid g;
	int64_t first, images; /* of the group at work */
	int64_t splits;
	int64_t *offsets;
	float *exchanged, *u, *z, *m;
};

/* One tap: [channels, features] transposed. */
static void exchange_task(void *context, int tap, int worker)
{
	const struct job *job = context;
	int64_t c = job->conv->in.dim[2], f = job->conv->out.dim[2];
	const float *from = job->conv->params[0].value.data + tap * c * f;
	float *to = job->exchanged + tap * c * f;

	(void)worker;
	cs_kernels()->transpose(from, f, c, f, to, c);
}

/* Transform the weights of one group of channels. */
static void weights_task(void *context, int group, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	int64_t c = job->conv->in.dim[2], f = job->conv->out.dim[2];
	float *to = job->u + group * g->feature_blocks * g->lanes * g->width;

	(void)worker;
	for (int64_t k = 0; k < g->feature_blocks * g->lanes; k++) {
		for (int64_t w = 0; w < g->wide; w++) {
			int64_t channel = group * g->width + w * g->lanes, valid = cs_least(g->lanes, c - channel);
			float *out = to + k * g->width + w * g->lanes;

			if (k < f && valid > 0) {
				g->blocked->tiles_weights(CS_S3_3, job->exchanged + k * c + channel, 3 * c * f, c * f,
					valid, out, g->u_point, false);
				continue;
			}
			for (int64_t p = 0; p < g->points; p++)
				memset(out + p * g->u_point, 0, (size_t)g->lanes * sizeof *out);
		}
	}
}

static void spread_task(void *context, int image, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	const struct cs_shape *out = &job->conv->out;
	int64_t tiles[2] = {g->rows, g->columns};

	(void)worker;
	g->blocked->tiles_spread(CS_S3_3, job->pass->d_out + (job->first + image) * cs_shape_count(out), out, 0, tiles,
		job->z + image * g->tiles * g->lanes, g->z_point, 2 * g->plane, g->plane, g->lanes);
}

static void product_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	int64_t point = task / job->splits, split = task % job->splits;

	(void)worker;
	for (int64_t k = g->groups * split / job->splits; k < g->groups * (split + 1) / job->splits; k++) {
		struct cs_product product = {
			.rows = job->images * g->tiles,
			.step = g->lanes,
			.terms = g->feature_blocks,
			.a = job->z + point * g->z_point,
			.offsets = job->offsets,
			.b = job->u + point * g->u_point + k * g->feature_blocks * g->lanes * g->width,
			.out = job->m + point * g->m_point + k * g->wide * g->plane,
			.row = g->lanes,
			.gap = g->plane,
			.wide = (int)g->wide,
		};

		g->blocked->product(&product);
	}
}

/* Some channel blocks of one image: what lies inside the map; zero where no tile reaches. */
static void gather_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	const struct cs_layer *conv = job->conv;
	int64_t h = conv->in.dim[0], w = conv->in.dim[1], c = conv->in.dim[2], blocks = cs_divide_up(c, g->lanes);
	int64_t image = task / OUT_SPLITS, split = task % OUT_SPLITS, tiles[2] = {g->rows, g->columns};
	int64_t columns = cs_least(w, g->plane_columns - conv->pad_left);
	float *plane = (float *)(job->pass->worker_scratch + (size_t)worker * job->pass->worker_stride);

	for (int64_t b = blocks * split / OUT_SPLITS; b < blocks * (split + 1) / OUT_SPLITS; b++) {
		int64_t valid = cs_least(g->lanes, c - b * g->lanes);

		memset(plane, 0, (size_t)(g->plane_rows * g->plane_columns * g->lanes) * sizeof *plane);
		g->blocked->tiles_gather(CS_S3_3, job->m + b * g->plane + image * g->tiles * g->lanes, g->m_point,
			tiles, plane, g->plane_columns);
		for (int64_t y = 0; y < h; y++) {
			float *to = job->pass->d_in + ((job->first + image) * h + y) * w * c + b * g->lanes;
			int64_t seen = y + conv->pad_top < g->plane_rows ? columns : 0;

			g->blocked->unblock(
				plane + ((y + conv->pad_top) * g->plane_columns + conv->pad_left) * g->lanes, seen, 1,
				seen, valid, to, c, false);
			for (int64_t x = seen; x < w; x++)
				memset(to + x * c, 0, (size_t)valid * sizeof *to);
		}
	}
}

void cs_conv_points_data_backward(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct job job = {.conv = conv, .pass = pass, .g = measure(conv, pass->count)};
	const struct grid *g = &job.g;
	struct layout at = lay_out(g, conv);
	float *shared = (float *)pass->shared;

	job.splits = cs_least(SPLITS, g->groups);
	job.offsets = (int64_t *)pass->shared;
	job.exchanged = shared + at.exchanged;
	job.u = shared + at.u;
	job.z = shared + at.z;
	job.m = shared + at.m;
	for (int64_t b = 0; b < g->feature_blocks; b++)
		job.offsets[b] = b * g->plane;
	cs_workers_run(pass->workers, 9, exchange_task, &job);
	cs_workers_run(pass->workers, (int)g->groups, weights_task, &job);
	for (job.first = 0; job.first < pass->count; job.first += g->images) {
		job.images = cs_least(g->images, pass->count - job.first);
		cs_workers_run(pass->workers, (int)job.images, spread_task, &job);
		cs_workers_run(pass->workers, (int)(g->points * job.splits), product_task, &job);
		cs_workers_run(pass->workers, (int)(job.images * OUT_SPLITS), gather_task, &job);
	}
}
