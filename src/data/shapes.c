/* shapes.c: the built-in procedural data set: its factors, classes and catalogue.
 *
 * Sample i is a pure function of (seed, i): nothing is stored, any thread may ask for any sample, and a larger count
 * leaves the earlier samples as they were. The class goes round in shuffled blocks, so that classes are balanced in any long
 * stretch of samples; all other factors are uniform and independent of it and of each other. So what a network should have learnt
 * is known: the one factor that decides the class.
 *
 * Only the names of samples that were asked for are kept, made once by whoever asks first.
 */
#include "data/shapes.h"

#include "core/alloc.h"
#include "core/random.h"
#include "data/pairs.h"
#include "data/place.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { MAX_CLASSES = 9, MIN_SIDE = 16, MAX_SIDE = 4096, DEFAULT_COUNT = 10000 };

/* Streams of CS_RANDOM_SHAPES beside the samples' own. */
enum { STREAM_SAMPLE, STREAM_ORDER, STREAM_GRAIN };

static const char *const factor_names[] = {"shape", "colour", "texture", "background", "position", NULL};

static const char *const value_names[CS_FACTOR_COUNT][MAX_CLASSES + 1] = {
	[CS_FACTOR_SHAPE] = {"disc", "square", "triangle", "ring", "cross", "star", "heart", "crescent"},
	[CS_FACTOR_COLOUR] = {"red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"},
	[CS_FACTOR_TEXTURE] = {"plain", "striped", "checked", "dotted", "gridded", "zigzag", "ringed", "speckled"},
	[CS_FACTOR_BACKGROUND] = {"wall", "dusk", "sky", "grass", "sand", "sea", "night", "brick"},
	[CS_FACTOR_POSITION] = {"top left", "top right", "bottom left", "bottom right", "top", "bottom", "left",
		"right", "centre"},
};
static const int value_counts[CS_FACTOR_COUNT] = {8, 8, 8, 8, 9};

/* Hue in turns, saturation, value. */
static const float hues[8][3] = {
	{0.000f, 0.92f, 0.90f}, /* red */
	{0.078f, 0.96f, 1.00f}, /* orange */
	{0.155f, 0.90f, 0.98f}, /* yellow */
	{0.345f, 0.85f, 0.78f}, /* green */
	{0.505f, 0.85f, 0.92f}, /* cyan */
	{0.620f, 0.88f, 0.92f}, /* blue */
	{0.765f, 0.80f, 0.72f}, /* purple */
	{0.905f, 0.52f, 1.00f}, /* pink */
};

/* Column and row of a position's cell, in thirds from the centre. */
static const signed char cells[MAX_CLASSES][2] = {
	{-1, -1}, {1, -1}, {-1, 1}, {1, 1}, {0, -1}, {0, 1}, {-1, 0}, {1, 0}, {0, 0}};

struct shapes {
	int cause; /* enum cs_factor */
	uint64_t seed;
	float *grain; /* [CS_SHAPES_GRAIN], NULL without noise */
	_Atomic(const char *) *names; /* [count], NULL until asked for */
};

static void colour_of(float hue, float saturation, float value, float rgb[3])
{
	for (int k = 0; k < 3; k++) {
		float t = hue + (k == 0 ? 1 : k == 1 ? 2.0f / 3 : 1.0f / 3);
		float ramp;

		t = (t - floorf(t)) * 6;
		ramp = fminf(1, fmaxf(0, fabsf(t - 3) - 1));
		rgb[k] = value * (1 - saturation + saturation * ramp);
	}
}

/* A unit vector at most `spread` radians to either side of the angle `middle`. */
static void direction(struct cs_random *random, float middle, float spread, float out[2])
{
	float angle = middle + cs_random_between(random, -spread, spread);

	out[0] = cosf(angle);
	out[1] = sinf(angle);
}

static int label_of(const struct cs_dataset *data, int64_t image)
{
	const struct shapes *shapes = data->state;
	struct cs_random random;
	int64_t order[MAX_CLASSES];

	for (int i = 0; i < data->class_count; i++)
		order[i] = i;
	cs_random_init(&random, shapes->seed, CS_RANDOM_SHAPES, STREAM_ORDER, (uint64_t)(image / data->class_count));
	cs_random_shuffle(&random, order, data->class_count);
	return (int)order[image % data->class_count];
}

/* Every number is drawn whether it is used or not, always in this order: one factor's value never shifts another's draw. */
static void scene_of(const struct cs_dataset *data, int64_t image, struct cs_scene *s)
{
	const struct shapes *shapes = data->state;
	float side = (float)(data->width < data->height ? data->width : data->height);
	struct cs_random random;
	float angle, jitter[2], saturation, value, hue, margin;

	cs_random_init(&random, shapes->seed, CS_RANDOM_SHAPES, STREAM_SAMPLE, (uint64_t)image);
	for (int i = 0; i < CS_FACTOR_COUNT; i++)
		s->value[i] = (int)cs_random_below(&random, (uint32_t)value_counts[i]);
	s->value[shapes->cause] = label_of(data, image);
	s->key = cs_random_u32(&random);

	s->radius = side * cs_random_between(&random, 0.21f, 0.27f);
	jitter[0] = cs_random_between(&random, -0.055f, 0.055f);
	jitter[1] = cs_random_between(&random, -0.055f, 0.055f);
	margin = s->radius + 0.5f;
	s->x = (float)data->width * (0.5f + 0.225f * (float)cells[s->value[CS_FACTOR_POSITION]][0] + jitter[0]);
	s->y = (float)data->height * (0.5f + 0.225f * (float)cells[s->value[CS_FACTOR_POSITION]][1] + jitter[1]);
	s->x = fminf((float)data->width - margin, fmaxf(margin, s->x));
	s->y = fminf((float)data->height - margin, fmaxf(margin, s->y));
	angle = cs_random_between(&random, -0.3f, 0.3f);
	s->cosine = cosf(angle);
	s->sine = sinf(angle);

	hue = hues[s->value[CS_FACTOR_COLOUR]][0] + cs_random_between(&random, -0.012f, 0.012f);
	saturation = hues[s->value[CS_FACTOR_COLOUR]][1] * cs_random_between(&random, 0.92f, 1.04f);
	value = hues[s->value[CS_FACTOR_COLOUR]][2] * cs_random_between(&random, 0.92f, 1.0f);
	colour_of(hue, fminf(saturation, 1), value, s->light);
	colour_of(hue, fminf(saturation, 1), value * 0.44f, s->dark);
	direction(&random, 0.6f, 0.35f, s->weave); /* aslant: any direction would make textures hard to tell apart */
	s->phase[0] = cs_random_uniform(&random);
	s->phase[1] = cs_random_uniform(&random);

	s->brightness = cs_random_between(&random, 0.86f, 1.08f);
	hue = cs_random_uniform(&random);
	value = cs_random_uniform(&random);
	direction(&random, 0, 3.1415927f, s->tilt);
	if (s->value[CS_FACTOR_BACKGROUND] == CS_GROUND_WALL) {
		colour_of(hue, 0.10f, 0.42f + 0.42f * value, s->sky);
	} else { /* from indigo to the afterglow */
		colour_of(0.62f + 0.20f * hue, 0.42f, 0.40f + 0.12f * value, s->sky);
		colour_of(0.98f + 0.12f * value, 0.42f, 0.86f, s->low);
	}
}

static const char *name_of(const struct cs_dataset *data, int64_t image, const struct cs_scene *s)
{
	struct shapes *shapes = data->state;
	const char *name = atomic_load_explicit(&shapes->names[image], memory_order_acquire);
	const char *made;

	if (name)
		return name;
	made = cs_format("shapes %" PRId64 ": %s %s %s on %s", image,
		value_names[CS_FACTOR_COLOUR][s->value[CS_FACTOR_COLOUR]],
		value_names[CS_FACTOR_TEXTURE][s->value[CS_FACTOR_TEXTURE]],
		value_names[CS_FACTOR_SHAPE][s->value[CS_FACTOR_SHAPE]],
		value_names[CS_FACTOR_BACKGROUND][s->value[CS_FACTOR_BACKGROUND]]);
	if (!made)
		return "shapes";
	if (atomic_compare_exchange_strong(&shapes->names[image], &name, made))
		return made;
	cs_free((void *)made); /* another thread was first */
	return name;
}

static bool shapes_recognise(struct cs_place *place)
{
	return strcmp(place->name, "shapes") == 0;
}

static enum cs_status make_classes(struct cs_dataset *data, int cause, struct cs_error *error)
{
	data->class_ids = cs_calloc((size_t)data->class_count, sizeof *data->class_ids);
	data->class_names = cs_calloc((size_t)data->class_count, sizeof *data->class_names);
	if (!data->class_ids || !data->class_names)
		return cs_fail_memory(error, "the classes of shapes");
	for (int i = 0; i < data->class_count; i++) {
		data->class_names[i] = cs_strdup(value_names[cause][i]);
		data->class_ids[i] = cs_strdup(value_names[cause][i]);
		if (!data->class_names[i] || !data->class_ids[i])
			return cs_fail_memory(error, "the classes of shapes");
		for (char *c = data->class_ids[i]; *c; c++)
			*c = *c == ' ' ? '-' : *c;
	}
	return CS_OK;
}

static enum cs_status make_grain(struct shapes *shapes, float noise, struct cs_error *error)
{
	struct cs_random random;

	if (noise <= 0)
		return CS_OK;
	shapes->grain = cs_alloc(CS_SHAPES_GRAIN * sizeof *shapes->grain);
	if (!shapes->grain)
		return cs_fail_memory(error, "the noise of shapes");
	cs_random_init(&random, shapes->seed, CS_RANDOM_SHAPES, STREAM_GRAIN, 0);
	for (int i = 0; i < CS_SHAPES_GRAIN; i++)
		shapes->grain[i] = 255 * noise * cs_random_normal(&random);
	return CS_OK;
}

static enum cs_status make_splits(
	struct cs_dataset *data, const struct cs_data_options *options, uint64_t seed, struct cs_error *error)
{
	int64_t *pool = cs_alloc((size_t)data->count * sizeof *pool);
	int *labels = cs_alloc((size_t)data->count * sizeof *labels);
	enum cs_status status;

	if (!pool || !labels) {
		status = cs_fail_memory(error, "the splits of shapes");
		goto out;
	}
	for (int64_t i = 0; i < data->count; i++) {
		pool[i] = i;
		labels[i] = label_of(data, i);
	}
	status = cs_split_by_class(
		data, pool, labels, data->count, options->val_share, options->test_share, seed, error);
out:
	cs_free(pool);
	cs_free(labels);
	return status;
}

static enum cs_status shapes_open(struct cs_dataset *data, struct cs_place *place, const struct cs_data_options *options,
	struct cs_job *job, struct cs_error *error)
{
	struct cs_data_options asked = *options;
	int64_t count = DEFAULT_COUNT;
	int cause = CS_FACTOR_SHAPE, classes = 8;
	float noise = 0.03f;
	const struct cs_pair pairs[] = {
		{.key = "count", .kind = 'l', .value = &count, .low = 1, .high = 1e7},
		{.key = "size", .kind = 'i', .value = &asked.size, .low = MIN_SIDE, .high = MAX_SIDE},
		{.key = "cause", .kind = 'w', .value = &cause, .words = factor_names},
		{.key = "classes", .kind = 'i', .value = &classes, .low = 2, .high = MAX_CLASSES},
		{.key = "noise", .kind = 'f', .value = &noise, .low = 0, .high = 1},
		{.key = "seed", .kind = 'u', .value = &asked.seed},
		{.key = "val", .kind = 'f', .value = &asked.val_share, .low = 0, .high = 0.9},
		{.key = "test", .kind = 'f', .value = &asked.test_share, .low = 0, .high = 0.9},
		{0},
	};
	struct shapes *shapes;
	enum cs_status status;

	(void)place;
	(void)job;
	status = cs_pairs_read(options->pairs, pairs, "shapes", error);
	if (status)
		return status;
	if (classes > value_counts[cause])
		return cs_fail(error, CS_ERR_ARGUMENT, "shapes: classes=%d: there are %d values of cause=%s", classes,
			value_counts[cause], factor_names[cause]);
	data->width = data->height = asked.size ? asked.size : 64;
	if (asked.size == options->size && options->width && options->height) {
		data->width = options->width;
		data->height = options->height;
	}
	if (data->width < MIN_SIDE || data->height < MIN_SIDE || data->width > MAX_SIDE || data->height > MAX_SIDE)
		return cs_fail(error, CS_ERR_ARGUMENT, "shapes: %dx%d pixels: expected %d to %d a side", data->width,
			data->height, MIN_SIDE, MAX_SIDE);
	data->count = count;
	data->class_count = classes;
	data->state = shapes = cs_calloc(1, sizeof *shapes);
	if (!shapes)
		return cs_fail_memory(error, "shapes");
	shapes->cause = cause;
	shapes->seed = asked.seed;
	shapes->names = cs_calloc((size_t)count, sizeof *shapes->names);
	if (!shapes->names)
		return cs_fail_memory(error, "the names of shapes");
	status = make_classes(data, cause, error);
	if (!status)
		status = make_grain(shapes, noise, error);
	if (!status)
		status = make_splits(data, &asked, asked.seed, error);
	return status;
}

static enum cs_status shapes_pixels(const struct cs_dataset *data, int64_t image, uint8_t *rgb, struct cs_error *error)
{
	const struct shapes *shapes = data->state;
	struct cs_scene scene;

	(void)error;
	scene_of(data, image, &scene);
	cs_shapes_paint(&scene, data->width, data->height, shapes->grain, rgb);
	return CS_OK;
}

static void shapes_sample(const struct cs_dataset *data, int64_t image, struct cs_sample *out)
{
	struct cs_scene scene;

	scene_of(data, image, &scene);
	out->label = scene.value[((struct shapes *)data->state)->cause];
	out->has_box = cs_shapes_box(&scene, data->width, data->height, &out->box);
	out->name = name_of(data, image, &scene);
}

static void shapes_mask(const struct cs_dataset *data, int64_t image, uint8_t *mask)
{
	struct cs_scene scene;

	scene_of(data, image, &scene);
	cs_shapes_mask(&scene, data->width, data->height, mask);
}

static void shapes_close(struct cs_dataset *data)
{
	struct shapes *shapes = data->state;

	if (!shapes)
		return;
	for (int64_t i = 0; shapes->names && i < data->count; i++)
		cs_free((void *)atomic_load(&shapes->names[i]));
	cs_free(shapes->names);
	cs_free(shapes->grain);
	cs_free(shapes);
}

int cs_shapes_factor(const struct cs_dataset *data, int64_t image, enum cs_factor factor)
{
	struct cs_scene scene;

	assert(data->ops == &cs_shapes_dataset);
	scene_of(data, image, &scene);
	return scene.value[factor];
}

const struct cs_dataset_ops cs_shapes_dataset = {
	.name = "shapes",
	.expects = "shapes",
	.recognise = shapes_recognise,
	.open = shapes_open,
	.pixels = shapes_pixels,
	.sample = shapes_sample,
	.mask = shapes_mask,
	.close = shapes_close,
	.label = label_of,
};
