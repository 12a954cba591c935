/* augment.c: flips and shifts. See augment.h.
 *
 * All draws are made in a fixed order whether they are used or not: switching one change on or off leaves the others as they
 * were. A pixel of the result is one pixel of the original, so nothing is blurred.
 */
#include "data/augment.h"

#include "core/random.h"

#include <string.h>

bool cs_augment_active(const struct cs_augment *augment)
{
	return augment->flip || augment->flip_vertical || augment->shift > 0;
}

static inline int clamp(int x, int high)
{
	return x < 0 ? 0 : x > high ? high : x;
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

void cs_augment_apply(const struct cs_augment *augment, uint64_t seed, uint32_t epoch, int64_t image, int width,
	int height, const uint8_t *rgb, uint8_t *out)
{
	uint32_t range = augment->shift > 0 ? 2 * (uint32_t)augment->shift + 1 : 1;
	struct cs_random random;
	bool flip, flip_vertical;
	int across, down;
	uint32_t coins;

	cs_random_init(&random, seed, CS_RANDOM_AUGMENT, epoch, (uint64_t)image);
	coins = cs_random_u32(&random);
	flip = augment->flip && (coins >> 31);
	flip_vertical = augment->flip_vertical && (coins >> 30 & 1);
	across = (int)cs_random_below(&random, range) - (int)(range / 2);
	down = (int)cs_random_below(&random, range) - (int)(range / 2);
	across = across > width - 1 ? width - 1 : across < 1 - width ? 1 - width : across;

	for (int y = 0; y < height; y++) {
		int from = clamp((flip_vertical ? height - 1 - y : y) - down, height - 1);

		move_row(rgb + 3 * (int64_t)from * width, width, across, flip, out + 3 * (int64_t)y * width);
	}
}
