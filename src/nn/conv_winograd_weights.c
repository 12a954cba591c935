/* conv_winograd_weights.c: the dense weight gradient of 3x3 convolutions of stride 1 or 2, by minimal filtering. See conv.h.
 *
 * conv_winograd.c computes y = A ((G g) * (B d)), tile by tile; the gradient of g is therefore G' (sum over tiles of (A' dy) * (B
 * d)), with transposes marked: at each point one product over all tiles of the batch, [channels, tiles] * [tiles, features],
 * and a last transform of the sums to the kernel's nine taps. Tiles are 2x2 here whatever the forward pass takes: sums over
 * a whole batch are long, and the larger tiles' factors would cost them a digit (1e-5 of the largest weight's gradient).
 *
 * Images go through in groups that bound the memory: in each, tiles are transformed, then every point adds its product to its
 * sums; tasks own points and ranges of features, and groups come in order. Layouts: V[point][tile][channels],
 * Z[point][feature group][tile][2 lanes], sums[point][feature group][channels][2 lanes].
 */
#include "nn/conv.h"
#include "nn/conv_bands.h"

enum {
	GROUP_BYTES = 16 << 20, /* V and Z of a group of images, about */
	BAND = 64, /* tiles a task of the transforms takes, about */
	CHUNK = 256, /* tiles of a product */
	RANGES = 4, /* of feature groups, at most */
};

struct grid {
	const struct cs_blocked *blocked;
	enum cs_filtering filtering;
	int64_t m, points, lanes;
	int64_t channels; /* filled up to whole blocks */
	int64_t groups, ranges; /* of two feature blocks */
	int64_t rows, columns; /* of tiles an image */
	int64_t band, bands; /* rows of tiles a task */
	int64_t images; /* a group */
	int64_t v_point, z_plane, z_point, sum_plane, sum_point; /* distances in floats */
};

/* Stride 2 has one size of tile, with factors as small as those of 2x2. */
static enum cs_filtering filtering_of(const struct cs_layer *conv)
{
	return conv->spec.stride[0] == 2 ? CS_S3_3 : CS_F2_3;
}

static struct grid measure(const struct cs_layer *conv, int count)
{
	struct grid g = {.blocked = cs_kernels()->blocked, .filtering = filtering_of(conv)};
	int64_t points = cs_filtering_sizes[g.filtering].points, tiles;

	g.m = cs_filtering_sizes[g.filtering].outputs;
	g.points = points * points;
	g.lanes = g.blocked->lanes;
	g.channels = cs_divide_up(conv->in.dim[2], g.lanes) * g.lanes;
	g.groups = cs_divide_up(conv->out.dim[2], 2 * g.lanes);
	g.ranges = cs_least(RANGES, g.groups);
	g.rows = cs_divide_up(conv->out.dim[0], g.m);
	g.columns = cs_divide_up(conv->out.dim[1], g.m);
	g.band = cs_most(1, cs_least(g.rows, BAND / g.columns));
	g.bands = cs_divide_up(g.rows, g.band);
	tiles = g.rows * g.columns;
	g.images = GROUP_BYTES / (g.points * tiles * (g.channels + g.groups * 2 * g.lanes) * (int64_t)sizeof(float));
	g.images = cs_most(1, cs_least(count, g.images));
	/* points an odd number of cache lines apart */
	g.v_point = g.images * tiles * g.channels + 16;
	g.z_plane = g.images * tiles * 2 * g.lanes;
	g.z_point = g.groups * g.z_plane + 16;
	g.sum_plane = g.channels * 2 * g.lanes;
	g.sum_point = g.groups * g.sum_plane + 16;
	return g;
}

bool cs_conv_winograd_weights_suits(const struct cs_layer *conv)
{
	const struct cs_conv_algorithm *algorithm = cs_conv_algorithm(conv, NULL, 0);

	return (algorithm == &cs_conv_winograd || algorithm == &cs_conv_points) &&
		cs_conv_filtering_pays(conv, filtering_of(conv));
}

void cs_conv_winograd_weights_plan(const struct cs_layer *conv, struct cs_need *need)
{
	struct grid g = measure(conv, need->batch);

	cs_conv_raise(&need->shared, 2 * CHUNK + g.points * (g.v_point + g.z_point + g.sum_point));
}

struct job {
	const struct cs_layer *conv;
	const struct cs_pass *pass;
	struct grid g;
	int64_t *offsets;
	float *v, *z, *sums;
	int64_t first, images; /* of the group at work */
};

/* A band of tiles of one image: of the input, then of the gradient. */
static void transform_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	const struct cs_layer *conv = job->conv;
	int64_t image = task / g->bands, row = task % g->bands * g->band;
	int64_t tiles[2] = {cs_least(g->band, g->rows - row), g->columns};
	int64_t before[2] = {conv->pad_top - row * g->m * cs_filtering_sizes[g->filtering].stride, conv->pad_left};
	int64_t tile = (image * g->rows + row) * g->columns;

	(void)worker;
	g->blocked->tiles_in(g->filtering, job->pass->in + (job->first + image) * cs_shape_count(&conv->in), &conv->in,
		before, tiles, job->v + tile * g->channels, g->v_point, g->lanes, g->channels, false);
	g->blocked->tiles_spread(g->filtering, job->pass->d_out + (job->first + image) * cs_shape_count(&conv->out),
		&conv->out, row, tiles, job->z + tile * 2 * g->lanes, g->z_point, g->z_plane, g->lanes, 2 * g->lanes);
}

/* One point, one range of features: the group's tiles, added to those before. */
static void product_task(void *context, int task, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	int64_t point = task / g->ranges, range = task % g->ranges, n = job->images * g->rows * g->columns;

	(void)worker;
	for (int64_t first = 0; first < n; first += CHUNK) {
		for (int64_t k = g->groups * range / g->ranges; k < g->groups * (range + 1) / g->ranges; k++) {
			struct cs_product product = {
				.rows = g->channels,
				.step = 1,
				.terms = cs_least(CHUNK, n - first),
				.a = job->v + point * g->v_point + first * g->channels,
				.offsets = job->offsets,
				.b = job->z + point * g->z_point + k * g->z_plane + first * 2 * g->lanes,
				.out = job->sums + point * g->sum_point + k * g->sum_plane,
				.row = 2 * g->lanes,
				.gap = g->lanes,
				.add = job->first > 0 || first > 0,
				.wide = 2,
			};

			g->blocked->product(&product);
		}
	}
}

/* The sums of one feature group to the taps. */
static void collect_task(void *context, int group, int worker)
{
	const struct job *job = context;
	const struct grid *g = &job->g;
	int64_t c = job->conv->in.dim[2], f = job->conv->out.dim[2];

	(void)worker;
	for (int64_t w = 0; w < 2; w++) {
		int64_t feature = (group * 2 + w) * g->lanes, valid = cs_least(g->lanes, f - feature);

		for (int64_t k = 0; valid > 0 && k < c; k++)
			g->blocked->tiles_collect(g->filtering,
				job->sums + group * g->sum_plane + (k * 2 + w) * g->lanes, g->sum_point, valid,
				job->pass->d_params[0] + k * f + feature, 3 * c * f, c * f);
	}
}

void cs_conv_winograd_weights_backward(const struct cs_layer *conv, struct cs_pass *pass)
{
	struct job job = {.conv = conv, .pass = pass, .g = measure(conv, pass->count)};
	const struct grid *g = &job.g;

	job.offsets = (int64_t *)pass->shared;
	job.v = (float *)pass->shared + 2 * CHUNK;
	job.z = job.v + g->points * g->v_point;
	job.sums = job.z + g->points * g->z_point;
	for (int64_t i = 0; i < CHUNK; i++)
		job.offsets[i] = i * g->channels;
	for (job.first = 0; job.first < pass->count; job.first += g->images) {
		job.images = cs_least(g->images, pass->count - job.first);
		cs_workers_run(pass->workers, (int)(job.images * g->bands), transform_task, &job);
		cs_workers_run(pass->workers, (int)(g->points * g->ranges), product_task, &job);
	}
	cs_workers_run(pass->workers, (int)g->groups, collect_task, &job);
}
