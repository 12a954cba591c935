/* augment.c: what is drawn for one copy of one image, and the order of the changes. See augment.h.
 *
 * All draws are made in a fixed order whether they are used or not: switching one change on or off leaves the others as they
 * were.
 */
#include "data/augment.h"

#include "core/random.h"
#include "data/jitter.h"
#include "data/warp.h"

#include <math.h>
#include <string.h>

static const uint8_t hole = 128;

enum cs_status cs_augment_check(const struct cs_augment *augment, struct cs_error *error)
{
	const struct {
		const char *what, *expected;
		double value;
		bool good;
	} fields[] = {
		{"shift", "0 to 4096 pixels", augment->shift, augment->shift >= 0 && augment->shift <= 4096},
		{"rotate", "0 to 360 degrees", (double)augment->rotate, augment->rotate >= 0 && augment->rotate <= 360},
		{"crop", "the smallest share of the area, 0.01 to 1, or 0 for none", (double)augment->crop,
			augment->crop == 0 || (augment->crop >= 0.01f && augment->crop <= 1)},
		{"brightness", "0 to 1", (double)augment->brightness,
			augment->brightness >= 0 && augment->brightness <= 1},
		{"contrast", "0 to 1", (double)augment->contrast, augment->contrast >= 0 && augment->contrast <= 1},
		{"saturation", "0 to 1", (double)augment->saturation,
			augment->saturation >= 0 && augment->saturation <= 1},
		{"hue", "0 to 180 degrees", (double)augment->hue, augment->hue >= 0 && augment->hue <= 180},
		{"cutout", "0 to 4096 pixels", augment->cutout, augment->cutout >= 0 && augment->cutout <= 4096},
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (!fields[i].good)
			return cs_fail(error, CS_ERR_ARGUMENT, "the augmentation's %s is %g: expected %s",
				fields[i].what, fields[i].value, fields[i].expected);
	}
	return CS_OK;
}

static bool warps(const struct cs_augment *augment)
{
	return augment->rotate > 0 || (augment->crop > 0 && augment->crop < 1);
}

static bool colours(const struct cs_augment *augment)
{
	return augment->brightness > 0 || augment->contrast > 0 || augment->saturation > 0 || augment->hue > 0;
}

bool cs_augment_active(const struct cs_augment *augment)
{
	return augment->flip || augment->flip_vertical || augment->shift > 0 || augment->cutout > 0 || warps(augment) ||
		colours(augment);
}

static inline int clamp(int x, int high)
{
	return x < 0 ? 0 : x > high ? high : x;
}

/* What was drawn for one copy. */
struct draw {
	bool flip, flip_vertical;
	int across, down; /* pixels */
	float angle; /* degrees */
	float window[4]; /* of the crop, in pixels: left, top, width, height */
	struct cs_jitter jitter;
	int hole[2]; /* its centre: column, row */
};

/* A window of a share of the area in [crop, 1], of a ratio in [3/4, 4/3] as far as the picture has room for it. */
static void draw_window(struct cs_random *random, float crop, int width, int height, float window[4])
{
	bool whole = !(crop > 0 && crop < 1);
	float share = cs_random_between(random, whole ? 1 : crop, 1), bent = whole ? 0 : logf(4.0f / 3);
	float ratio = expf(cs_random_between(random, -bent, bent));
	float left = cs_random_uniform(random), top = cs_random_uniform(random);
	float w = sqrtf(share * ratio) * (float)width, h = sqrtf(share / ratio) * (float)height;

	window[2] = w > (float)width ? (float)width : w;
	window[3] = h > (float)height ? (float)height : h;
	window[0] = left * ((float)width - window[2]);
	window[1] = top * ((float)height - window[3]);
}

static struct draw draw(
	const struct cs_augment *augment, uint64_t seed, uint32_t epoch, int64_t image, int width, int height)
{
	uint32_t range = augment->shift > 0 ? 2 * (uint32_t)augment->shift + 1 : 1;
	struct cs_random random;
	struct draw d = {0};
	uint32_t coins;

	cs_random_init(&random, seed, CS_RANDOM_AUGMENT, epoch, (uint64_t)image);
	coins = cs_random_u32(&random);
	d.flip = augment->flip && (coins >> 31);
	d.flip_vertical = augment->flip_vertical && (coins >> 30 & 1);
	d.across = (int)cs_random_below(&random, range) - (int)(range / 2);
	d.down = (int)cs_random_below(&random, range) - (int)(range / 2);
	d.across = clamp(d.across + width - 1, 2 * width - 2) - (width - 1);
	d.angle = cs_random_between(&random, -augment->rotate, augment->rotate);
	draw_window(&random, augment->crop, width, height, d.window);
	d.jitter.brightness = cs_random_between(&random, 1 - augment->brightness, 1 + augment->brightness);
	d.jitter.contrast = cs_random_between(&random, 1 - augment->contrast, 1 + augment->contrast);
	d.jitter.saturation = cs_random_between(&random, 1 - augment->saturation, 1 + augment->saturation);
	d.jitter.hue = cs_random_between(&random, -augment->hue, augment->hue);
	d.hole[0] = (int)cs_random_below(&random, (uint32_t)width);
	d.hole[1] = (int)cs_random_below(&random, (uint32_t)height);
	return d;
}

/* out[x] = in[x - shift], edges repeated; mirrored afterwards when `flip`. */
static void move_row(const uint8_t *in, int width, int shift, bool flip, uint8_t *out)
{
	int first = clamp(shift, width), end = clamp(width + shift, width);

	if (!flip) {
		for (int x = 0; x < first; x++)
			memcpy(out + 3 * x, in, 3);
		memcpy(out + 3 * first, in + 3 * (first - shift), 3 * (size_t)(end - first));
		for (int x = end; x < width; x++)
			memcpy(out + 3 * x, in + 3 * (width - 1), 3);
		return;
	}
	for (int x = 0; x < width; x++) {
		const uint8_t *from = in + 3 * clamp(width - 1 - x - shift, width - 1);

		out[3 * x] = from[0];
		out[3 * x + 1] = from[1];
		out[3 * x + 2] = from[2];
	}
}

/* Shift and mirror: whole pixels. */
static void move(const struct draw *d, int width, int height, const uint8_t *rgb, uint8_t *out)
{
	for (int y = 0; y < height; y++) {
		int from = clamp((d->flip_vertical ? height - 1 - y : y) - d->down, height - 1);

		move_row(rgb + 3 * (int64_t)from * width, width, d->across, d->flip, out + 3 * (int64_t)y * width);
	}
}

/* Mirror, shift, rotation and crop as one map from places of the copy to places of the original. */
static void warp(const struct draw *d, int width, int height, const uint8_t *rgb, uint8_t *out)
{
	double turn = (double)d->angle * M_PI / 180, cosine = cos(turn), sine = sin(turn);
	double sx = (double)d->window[2] / width, sy = (double)d->window[3] / height;
	double fx = d->flip ? -1 : 1, fy = d->flip_vertical ? -1 : 1;
	double cx = (double)(d->window[0] + d->window[2] / 2), cy = (double)(d->window[1] + d->window[3] / 2);
	struct cs_warp map = {
		.column = {fx * sx * cosine, -fy * sy * sine},
		.row = {fx * sx * sine, fy * sy * cosine},
	};

	/* a place p of the copy, from its centre, is mirrored, shifted back and carried to the window's middle */
	map.column[2] = cx - (map.column[0] * fx * d->across + map.column[1] * fy * d->down) -
		(map.column[0] * width + map.column[1] * height) / 2;
	map.row[2] = cy - (map.row[0] * fx * d->across + map.row[1] * fy * d->down) -
		(map.row[0] * width + map.row[1] * height) / 2;
	cs_warp_apply(&map, width, height, rgb, out);
}

static void cut(const struct draw *d, int side, int width, int height, uint8_t *out)
{
	int left = clamp(d->hole[0] - side / 2, width), right = clamp(d->hole[0] - side / 2 + side, width);
	int top = clamp(d->hole[1] - side / 2, height), bottom = clamp(d->hole[1] - side / 2 + side, height);

	for (int y = top; y < bottom; y++)
		memset(out + 3 * ((int64_t)y * width + left), hole, 3 * (size_t)(right - left));
}

void cs_augment_apply(const struct cs_augment *augment, uint64_t seed, uint32_t epoch, int64_t image, int width,
	int height, const uint8_t *rgb, uint8_t *out)
{
	struct draw d = draw(augment, seed, epoch, image, width, height);

	if (warps(augment))
		warp(&d, width, height, rgb, out);
	else
		move(&d, width, height, rgb, out);
	if (colours(augment))
		cs_jitter_apply(&d.jitter, (int64_t)width * height, out);
	if (augment->cutout > 0)
		cut(&d, augment->cutout, width, height, out);
}
