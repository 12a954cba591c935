/* shapes_ground.c: the backgrounds of the procedural pictures: wall, dusk, sky, grass, sand, sea, night, brick.
 *
 * A ground is painted row by row, in runs of at most CS_SHAPES_RUN pixels, from a few octaves of value noise: random
 * numbers on a lattice (hashed from the scene's key, so nothing is stored) with smooth interpolation between them. All
 * lengths are relative to the picture, so that the same scene looks the same at every size. Colours stay muted: the object
 * should stand out on each of them.
 */
#include "data/shapes.h"

#include <math.h>

struct run {
	const struct cs_scene *scene;
	int count;
	float x, step; /* of the first pixel's centre and from pixel to pixel, in pictures (0..1) */
	float y; /* the same for the row */
	float depth; /* 0 at the top edge, 1 at the bottom */
};

static inline float unit_hash(uint32_t x)
{
	return (float)(cs_shapes_hash(x) >> 8) * 0x1p-24f;
}

static inline float clamp01(float x)
{
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

static inline float smooth(float t)
{
	return t * t * (3 - 2 * t);
}

static inline float lattice(uint32_t key, int column, float low, float high, uint32_t row)
{
	float a = unit_hash(key + row + (uint32_t)column * 0x01000193u);
	float b = unit_hash(key + row + 0x00010DCDu + (uint32_t)column * 0x01000193u);

	return a * low + b * high;
}

/* Value noise of `across` x `down` cells a picture, 0..1, for every pixel of the run. */
static void noise(const struct run *run, uint32_t salt, float across, float down, float *out)
{
	uint32_t key = cs_shapes_hash(run->scene->key ^ salt);
	float v = run->y * down;
	int row = (int)v;
	float high = smooth(v - (float)row);
	float step = run->step * across;
	float u = run->x * across;
	uint32_t line = (uint32_t)row * 0x00010DCDu;
	int column = (int)u;
	float a = lattice(key, column, 1 - high, high, line);
	float b = lattice(key, column + 1, 1 - high, high, line);

	for (int i = 0; i < run->count; i++) {
		float at = u + (float)i * step;
		int cell = (int)at;

		if (cell != column) {
			a = cell == column + 1 ? b : lattice(key, cell, 1 - high, high, line);
			b = lattice(key, cell + 1, 1 - high, high, line);
			column = cell;
		}
		out[i] = a + (b - a) * smooth(at - (float)cell);
	}
}

static void fill(int count, const float colour[3], float *rgb)
{
	for (int i = 0; i < count; i++)
		for (int k = 0; k < 3; k++)
			rgb[3 * i + k] = colour[k];
}

/* A gradient along the scene's tilt between its two colours. */
static void dusk(const struct run *run, float *rgb)
{
	const struct cs_scene *s = run->scene;

	for (int i = 0; i < run->count; i++) {
		float x = run->x + (float)i * run->step - 0.5f;
		float t = clamp01(0.5f + 0.8f * (x * s->tilt[0] + (run->depth - 0.5f) * s->tilt[1]));

		for (int k = 0; k < 3; k++)
			rgb[3 * i + k] = s->sky[k] + (s->low[k] - s->sky[k]) * t;
	}
}

/* Paler towards the horizon, with drifting clouds. */
static void sky(const struct run *run, float *rgb)
{
	static const float top[3] = {0.33f, 0.56f, 0.87f};
	static const float bottom[3] = {0.70f, 0.84f, 0.96f};
	float large[CS_SHAPES_RUN], small[CS_SHAPES_RUN];

	noise(run, 11, 3.2f, 4.5f, large);
	noise(run, 12, 8.5f, 11, small);
	for (int i = 0; i < run->count; i++) {
		float cloud = clamp01((0.68f * large[i] + 0.32f * small[i] - 0.50f) * 4.2f) * 0.9f;

		for (int k = 0; k < 3; k++) {
			float clear = top[k] + (bottom[k] - top[k]) * run->depth;

			rgb[3 * i + k] = clear + (0.97f - clear) * cloud;
		}
	}
}

/* Upright blades, lighter and darker, on a mottled meadow. */
static void grass(const struct run *run, float *rgb)
{
	static const float base[3] = {0.27f, 0.47f, 0.17f};
	float blades[CS_SHAPES_RUN], mottle[CS_SHAPES_RUN];

	noise(run, 21, 30, 9, blades);
	noise(run, 22, 5, 6, mottle);
	for (int i = 0; i < run->count; i++) {
		float light = 0.52f + 0.58f * blades[i] + 0.38f * mottle[i];

		rgb[3 * i] = base[0] * (light + 0.25f * (mottle[i] - 0.5f));
		rgb[3 * i + 1] = base[1] * light;
		rgb[3 * i + 2] = base[2] * light;
	}
}

/* Ripples that the wind bent, and grains. */
static void sand(const struct run *run, float *rgb)
{
	static const float base[3] = {0.83f, 0.72f, 0.52f};
	float bend[CS_SHAPES_RUN], grain[CS_SHAPES_RUN];

	noise(run, 31, 2.5f, 2.5f, bend);
	noise(run, 32, 33, 33, grain);
	for (int i = 0; i < run->count; i++) {
		float wave = run->y * 7 + bend[i] * 2.4f;
		float t = wave - (float)(int)wave;
		float ripple = smooth(t < 0.7f ? t / 0.7f : (1 - t) / 0.3f); /* slow rise, steep lee */
		float light = 0.84f + 0.14f * ripple + 0.14f * (grain[i] - 0.5f);

		for (int k = 0; k < 3; k++)
			rgb[3 * i + k] = base[k] * light;
	}
}

/* Dark water with long lying crests that catch the light. */
static void sea(const struct run *run, float *rgb)
{
	static const float deep[3] = {0.05f, 0.27f, 0.36f};
	static const float crest[3] = {0.42f, 0.66f, 0.68f};
	float swell[CS_SHAPES_RUN], chop[CS_SHAPES_RUN];

	noise(run, 41, 3.5f, 13, swell);
	noise(run, 42, 8, 26, chop);
	for (int i = 0; i < run->count; i++) {
		float t = clamp01((0.6f * swell[i] + 0.4f * chop[i] - 0.36f) * 2.1f);

		t *= t;
		for (int k = 0; k < 3; k++)
			rgb[3 * i + k] = deep[k] + (crest[k] - deep[k]) * t;
	}
}

/* Deep blue, and at most one star in each of 11 x 11 cells. */
static void night(const struct run *run, float *rgb)
{
	static const float top[3] = {0.05f, 0.06f, 0.17f};
	static const float bottom[3] = {0.15f, 0.14f, 0.31f};
	uint32_t key = cs_shapes_hash(run->scene->key ^ 51);
	float v = run->y * 11;
	int row = (int)v;

	for (int i = 0; i < run->count; i++) {
		float u = (run->x + (float)i * run->step) * 11;
		int column = (int)u;
		uint32_t cell = cs_shapes_hash(key + (uint32_t)row * 0x00010DCDu + (uint32_t)column * 0x01000193u);
		float star = 0;

		if ((cell & 7) < 3) {
			float dx = u - (float)column - 0.25f - 0.5f * (float)(cell >> 8 & 255) / 255;
			float dy = v - (float)row - 0.25f - 0.5f * (float)(cell >> 16 & 255) / 255;

			star = clamp01(1 - (dx * dx + dy * dy) * 20) * (0.3f + 0.7f * (float)(cell >> 24) / 255);
		}
		for (int k = 0; k < 3; k++) {
			float dark = top[k] + (bottom[k] - top[k]) * run->depth;

			rgb[3 * i + k] = dark + (0.95f - dark) * star;
		}
	}
}

/* Courses of bricks, each its own shade, every second one shifted by half a brick. */
static void brick(const struct run *run, float *rgb)
{
	static const float clay[3] = {0.56f, 0.31f, 0.24f};
	static const float mortar[3] = {0.66f, 0.62f, 0.57f};
	uint32_t key = cs_shapes_hash(run->scene->key ^ 61);
	float v = run->y * 9 + run->scene->tilt[1] + 1;
	int row = (int)v;
	float dy = v - (float)row;

	for (int i = 0; i < run->count; i++) {
		float u = (run->x + (float)i * run->step) * 4.5f + run->scene->tilt[0] + 1 + (row & 1 ? 0.5f : 0);
		int column = (int)u;
		float dx = u - (float)column;
		float edge = fminf(fminf(dx, 1 - dx) * 2, fminf(dy, 1 - dy));
		float t = clamp01((edge - 0.07f) * 12);
		float shade =
			0.78f + 0.44f * unit_hash(key + (uint32_t)row * 0x00010DCDu + (uint32_t)column * 0x01000193u);

		for (int k = 0; k < 3; k++)
			rgb[3 * i + k] = mortar[k] + (clay[k] * shade - mortar[k]) * t;
	}
}

void cs_shapes_ground(const struct cs_scene *scene, int width, int height, int left, int row, int count, float *rgb)
{
	/* one length for both axes: noise cells stay square in pictures that are not */
	float side = (float)(width < height ? width : height);
	struct run run = {
		.scene = scene,
		.count = count,
		.x = ((float)left + 0.5f) / side,
		.step = 1 / side,
		.y = ((float)row + 0.5f) / side,
		.depth = ((float)row + 0.5f) / (float)height,
	};

	switch ((enum cs_ground)scene->value[CS_FACTOR_BACKGROUND]) {
	case CS_GROUND_WALL:
		fill(count, scene->sky, rgb);
		break;
	case CS_GROUND_DUSK:
		dusk(&run, rgb);
		break;
	case CS_GROUND_SKY:
		sky(&run, rgb);
		break;
	case CS_GROUND_GRASS:
		grass(&run, rgb);
		break;
	case CS_GROUND_SAND:
		sand(&run, rgb);
		break;
	case CS_GROUND_SEA:
		sea(&run, rgb);
		break;
	case CS_GROUND_NIGHT:
		night(&run, rgb);
		break;
	case CS_GROUND_BRICK:
		brick(&run, rgb);
		break;
	}
}
