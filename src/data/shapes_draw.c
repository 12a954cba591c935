/* shapes_draw.c: painting a scene: its object, texture, shade and grain over the ground.
 *
 * An object is a signed distance: negative inside, in units of its radius, in its own frame (x to the right, y up, before
 * rotation). Coverage of a pixel follows from the distance of its centre to the outline, which gives smooth edges for any
 * size; the mask is coverage of at least one half, so that mask and picture agree by construction. Distances need be
 * exact near the outline only.
 */
#include "data/shapes.h"

#include <math.h>
#include <string.h>

static const float shadow_reach = 0.3f; /* of the soft shadow around an object, in radii */

static inline float clamp01(float x)
{
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

static inline float star(float x, float y)
{
	const float sine = 0.58778525f, cosine = 0.80901699f; /* of 36 degrees */
	const float inner = 0.46f, height = 1.06f;

	/* fold the ten half points into one */
	for (int i = 0; i < 2; i++) {
		float over;

		x = fabsf(x);
		over = x * cosine - y * sine;
		if (over > 0) {
			x -= 2 * over * cosine;
			y += 2 * over * sine;
		}
	}
	x = fabsf(x);
	{
		/* the outline from the tip (0, height) to the notch */
		float ex = inner * sine, ey = inner * cosine - height;

		return (ex * (y - height) - ey * x) / sqrtf(ex * ex + ey * ey);
	}
}

static inline float heart(float x, float y)
{
	const float half = 0.55f; /* a square on its tip, and a disc on each of its upper sides */
	float right = (x + y + 0.1f) * 0.70710678f;
	float left = (y + 0.1f - x) * 0.70710678f;
	float square = fmaxf(fabsf(right), fabsf(left)) - half;
	float a = sqrtf((right - half) * (right - half) + left * left) - half;
	float b = sqrtf((left - half) * (left - half) + right * right) - half;

	return fminf(square, fminf(a, b));
}

static inline float distance(int figure, float x, float y)
{
	switch (figure) {
	case CS_FIGURE_DISC:
		return sqrtf(x * x + y * y) - 0.88f;
	case CS_FIGURE_SQUARE:
		return fmaxf(fabsf(x), fabsf(y)) - 0.78f;
	case CS_FIGURE_TRIANGLE:
		return fmaxf(fabsf(x) * 0.8660254f + (y + 0.12f) * 0.5f, -(y + 0.12f)) - 0.56f;
	case CS_FIGURE_RING:
		return fabsf(sqrtf(x * x + y * y) - 0.70f) - 0.235f;
	case CS_FIGURE_CROSS: {
		float far = fmaxf(fabsf(x), fabsf(y)), near = fminf(fabsf(x), fabsf(y));

		return fmaxf(far - 0.96f, near - 0.30f);
	}
	case CS_FIGURE_STAR:
		return star(x, y);
	case CS_FIGURE_HEART:
		return heart(x, y);
	default: { /* a crescent, open to the right */
		float moon = sqrtf((x - 0.06f) * (x - 0.06f) + y * y) - 0.95f;
		float bite = 0.74f - sqrtf((x - 0.46f) * (x - 0.46f) + y * y);

		return fmaxf(moon, bite);
	}
	}
}

/* A wave of period 1 between -1 and 1, straight between its extremes; x above -64. */
static inline float wave(float x)
{
	float t = x + 64;

	t -= (float)(int)t;
	return 4 * fabsf(t - 0.5f) - 1;
}

/* How much of a pixel is light (1) or dark (0) texture, at (x, y) of the object's frame; `pixels` are those of a radius. */
static inline float texture(const struct cs_scene *s, int kind, float x, float y, float pixels)
{
	float u = x * s->weave[0] + y * s->weave[1];
	float v = y * s->weave[0] - x * s->weave[1];
	float a, b;

	switch (kind) {
	case CS_TEXTURE_STRIPED:
		return clamp01(0.5f + wave(u * 1.9f + s->phase[0]) * pixels / (4 * 1.9f));
	case CS_TEXTURE_CHECKED:
		a = wave(u * 1.35f + s->phase[0]) * pixels / (4 * 1.35f);
		b = wave(v * 1.35f + s->phase[1]) * pixels / (4 * 1.35f);
		a = fmaxf(-0.5f, fminf(0.5f, a));
		b = fmaxf(-0.5f, fminf(0.5f, b));
		return 0.5f + 2 * a * b;
	case CS_TEXTURE_DOTTED:
		a = 1 + wave(u * 1.9f + s->phase[0]); /* 0 in the middle of a dot, 2 between dots */
		b = 1 + wave(v * 1.9f + s->phase[1]);
		return clamp01(0.5f + (sqrtf(a * a + b * b) - 1.05f) * pixels / (4 * 1.9f));
	case CS_TEXTURE_GRIDDED:
		a = fminf(wave(u * 1.9f + s->phase[0]), wave(v * 1.9f + s->phase[1]));
		return clamp01(0.5f + (a + 0.42f) * pixels / (4 * 1.9f));
	case CS_TEXTURE_ZIGZAG:
		a = wave(u * 1.9f + s->phase[0] + 0.24f * wave(v * 1.5f + s->phase[1]));
		return clamp01(0.5f + a * pixels / (4 * 2.4f));
	case CS_TEXTURE_RINGED:
		return clamp01(0.5f + wave(sqrtf(x * x + y * y) * 2.2f + s->phase[0]) * pixels / (4 * 2.2f));
	case CS_TEXTURE_SPECKLED: {
		float p = (u + 8) * 5 + s->phase[0], q = (v + 8) * 5 + s->phase[1];
		uint32_t cell = (uint32_t)(int)p * 0x01000193u + (uint32_t)(int)q * 0x00010DCDu;

		return cs_shapes_hash(cell ^ s->key) % 5 > 1 ? 1.0f : 0.0f;
	}
	default:
		return 1;
	}
}

struct frame {
	int left, right, top, bottom; /* pixels that the object or its shadow may touch */
};

static struct frame frame_of(const struct cs_scene *s, int width, int height, float reach)
{
	float r = s->radius * (1.1f + reach) + 1;
	struct frame f = {
		.left = (int)floorf(s->x - r),
		.right = (int)ceilf(s->x + r) + 1,
		.top = (int)floorf(s->y - r),
		.bottom = (int)ceilf(s->y + r) + 1,
	};

	f.left = f.left < 0 ? 0 : f.left;
	f.top = f.top < 0 ? 0 : f.top;
	f.right = f.right > width ? width : f.right;
	f.bottom = f.bottom > height ? height : f.bottom;
	return f;
}

/* The object's part of pixels left .. right-1 of a row, over rgb whose first pixel is `origin`. */
static void paint_object(const struct cs_scene *s, int row, int left, int right, int origin, float *rgb)
{
	int figure = s->value[CS_FACTOR_SHAPE], kind = s->value[CS_FACTOR_TEXTURE];
	float scale = 1 / s->radius;
	float dy = (s->y - (float)row - 0.5f) * scale;

	for (int column = left; column < right; column++) {
		float *pixel = rgb + 3 * (column - origin);
		float dx = ((float)column + 0.5f - s->x) * scale;
		float x = dx * s->cosine + dy * s->sine;
		float y = dy * s->cosine - dx * s->sine;
		float d = distance(figure, x, y);
		float cover, t, light;

		if (d >= shadow_reach)
			continue;
		if (d > 0) {
			float shade = 1 - d / shadow_reach;

			shade = 1 - 0.42f * shade * shade;
			for (int k = 0; k < 3; k++)
				pixel[k] *= shade;
		}
		cover = clamp01(0.5f - d * s->radius);
		if (cover <= 0)
			continue;
		t = texture(s, kind, x, y, s->radius);
		light = 1 + 0.13f * (dy - dx); /* from the top left */
		for (int k = 0; k < 3; k++) {
			float colour = (s->dark[k] + (s->light[k] - s->dark[k]) * t) * light;

			pixel[k] += (colour - pixel[k]) * cover;
		}
	}
}

static void finish(const struct cs_scene *s, const float *grain, int count, const float *rgb, uint8_t *out)
{
	float scale = 255 * s->brightness;

	for (int i = 0; i < count; i++) {
		float x = rgb[i] * scale + (grain ? grain[i] : 0) + 0.5f;

		x = x > 0 ? x : 0;
		out[i] = (uint8_t)(int)(x < 255 ? x : 255);
	}
}

void cs_shapes_paint(const struct cs_scene *s, int width, int height, const float *grain, uint8_t *rgb)
{
	struct frame f = frame_of(s, width, height, shadow_reach);
	float run[3 * CS_SHAPES_RUN];
	uint32_t draw = s->key;

	for (int row = 0; row < height; row++) {
		for (int left = 0; left < width; left += CS_SHAPES_RUN) {
			int count = width - left < CS_SHAPES_RUN ? width - left : CS_SHAPES_RUN;
			int from = f.left > left ? f.left : left;
			int to = f.right < left + count ? f.right : left + count;
			const float *noise = NULL;

			cs_shapes_ground(s, width, height, left, row, count, run);
			if (row >= f.top && row < f.bottom)
				paint_object(s, row, from, to, left, run);
			if (grain) {
				draw = cs_shapes_hash(draw + 0x9E3779B9u);
				noise = grain + draw % (CS_SHAPES_GRAIN - 3 * CS_SHAPES_RUN);
			}
			finish(s, noise, 3 * count, run, rgb + 3 * ((int64_t)row * width + left));
		}
	}
}

static inline bool inside(const struct cs_scene *s, int column, int row)
{
	float dx = ((float)column + 0.5f - s->x) / s->radius;
	float dy = (s->y - (float)row - 0.5f) / s->radius;

	return distance(s->value[CS_FACTOR_SHAPE], dx * s->cosine + dy * s->sine, dy * s->cosine - dx * s->sine) <= 0;
}

void cs_shapes_mask(const struct cs_scene *s, int width, int height, uint8_t *mask)
{
	struct frame f = frame_of(s, width, height, 0);

	memset(mask, 0, (size_t)width * (size_t)height);
	for (int row = f.top; row < f.bottom; row++)
		for (int column = f.left; column < f.right; column++)
			mask[(int64_t)row * width + column] = inside(s, column, row);
}

bool cs_shapes_box(const struct cs_scene *s, int width, int height, struct cs_box *box)
{
	struct frame f = frame_of(s, width, height, 0);
	struct cs_box b = {.left = width, .top = height};

	for (int row = f.top; row < f.bottom; row++) {
		for (int column = f.left; column < f.right; column++) {
			if (!inside(s, column, row))
				continue;
			b.left = column < b.left ? column : b.left;
			b.right = column + 1 > b.right ? column + 1 : b.right;
			b.top = row < b.top ? row : b.top;
			b.bottom = row + 1;
		}
	}
	if (b.right == 0)
		return false;
	*box = b;
	return true;
}
