/* preprocess.c: pixels to network input and back. See preprocess.h. */
#include "core/preprocess.h"

#include "core/whitening.h"

#include <assert.h>
#include <math.h>

struct cs_preprocess cs_preprocess_default(void)
{
	return (struct cs_preprocess){.scale = 1.0f / 255.0f, .deviation = {1, 1, 1}};
}

static inline float apply_one(const struct cs_preprocess *pre, float x, int k)
{
	return (x * pre->scale - pre->mean[k]) / pre->deviation[k];
}

static void apply_grey(const struct cs_preprocess *pre, const uint8_t *pixels, int64_t count, float *out)
{
	for (int64_t i = 0; i < count; i++, pixels += 3)
		out[i] = apply_one(pre, 0.299f * pixels[0] + 0.587f * pixels[1] + 0.114f * pixels[2], 0);
}

/* There are only 256 values a channel: each is computed once, then looked up. The bits are those of computing each. */
static void apply_colour(const struct cs_preprocess *pre, const uint8_t *pixels, int64_t count, float *out)
{
	float table[3][256];
	int first = pre->bgr ? 2 : 0, last = 2 - first;

	for (int k = 0; k < 3; k++)
		for (int x = 0; x < 256; x++)
			table[k][x] = apply_one(pre, (float)x, k);
	for (int64_t i = 0; i < count; i++, pixels += 3, out += 3) {
		out[0] = table[0][pixels[first]];
		out[1] = table[1][pixels[1]];
		out[2] = table[2][pixels[last]];
	}
}

void cs_preprocess_pixels(const struct cs_preprocess *pre, const uint8_t *pixels, int64_t count, int channels, float *out)
{
	if (channels == 1)
		apply_grey(pre, pixels, count, out);
	else
		apply_colour(pre, pixels, count, out);
}

void cs_preprocess_apply(const struct cs_preprocess *pre, const uint8_t *pixels, int64_t count, int channels, float *out)
{
	cs_preprocess_pixels(pre, pixels, count, channels, out);
	if (!pre->whitening)
		return;
	assert(count == (int64_t)pre->whitening->height * pre->whitening->width && channels == pre->whitening->channels);
	cs_whitening_apply(pre->whitening, 1, out);
}

static uint8_t byte(float x)
{
	if (!(x > 0)) /* also NaN */
		return 0;
	return x >= 255 ? 255 : (uint8_t)lrintf(x);
}

void cs_preprocess_undo(const struct cs_preprocess *pre, const float *in, int64_t count, int channels, uint8_t *pixels)
{
	for (int64_t i = 0; i < count; i++, in += channels, pixels += 3) {
		for (int k = 0; k < 3; k++) {
			int from = channels == 1 ? 0 : k;
			float x = (in[from] * pre->deviation[from] + pre->mean[from]) / pre->scale;

			pixels[channels == 3 && pre->bgr ? 2 - k : k] = byte(x);
		}
	}
}
