/* warp.c: affine resampling in fixed point. See warp.h.
 *
 * A step along a row of the result is a constant step in the original, added up in 1/65536 of a pixel from each row's own beginning.
 */
#include "data/warp.h"

#include <math.h>

enum { ONE = 1 << 16 };

static inline int64_t clamp(int64_t x, int64_t high)
{
	return x < 0 ? 0 : x > high ? high : x;
}

static inline int64_t fixed(double x)
{
	return (int64_t)llrint(x * ONE);
}

/* One pixel of the result, from the place (x, y) in 1/65536 of a pixel, counted from the middle of the first. */
static inline void sample(const uint8_t *in, int width, int height, int64_t x, int64_t y, uint8_t *out)
{
	int64_t left = clamp(x >> 16, width - 1), top = clamp(y >> 16, height - 1);
	int64_t right = clamp((x >> 16) + 1, width - 1), bottom = clamp((y >> 16) + 1, height - 1);
	int fx = (int)(x >> 8 & 255), fy = (int)(y >> 8 & 255);
	const uint8_t *a = in + 3 * (top * width + left), *b = in + 3 * (top * width + right);
	const uint8_t *c = in + 3 * (bottom * width + left), *d = in + 3 * (bottom * width + right);

	for (int k = 0; k < 3; k++) {
		int above = a[k] * (256 - fx) + b[k] * fx, below = c[k] * (256 - fx) + d[k] * fx;

		out[k] = (uint8_t)((above * (256 - fy) + below * fy + ONE / 2) >> 16);
	}
}

void cs_warp_apply(const struct cs_warp *warp, int width, int height, const uint8_t *in, uint8_t *out)
{
	int64_t dx = fixed(warp->column[0]), dy = fixed(warp->row[0]);

	for (int row = 0; row < height; row++) {
		int64_t x = fixed(warp->column[0] / 2 + warp->column[1] * (row + 0.5) + warp->column[2] - 0.5);
		int64_t y = fixed(warp->row[0] / 2 + warp->row[1] * (row + 0.5) + warp->row[2] - 0.5);

		for (int column = 0; column < width; column++, x += dx, y += dy)
			sample(in, width, height, x, y, out + 3 * ((int64_t)row * width + column));
	}
}
