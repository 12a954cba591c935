/* preprocess.c: pixels to network input and back. See preprocess.h. */
#include "core/preprocess.h"

#include <math.h>

struct cs_preprocess cs_preprocess_default(void)
{
	return (struct cs_preprocess){.scale = 1.0f / 255.0f, .deviation = {1, 1, 1}};
}

void cs_preprocess_apply(const struct cs_preprocess *pre, const uint8_t *pixels, int64_t count, int channels, float *out)
{
	for (int64_t i = 0; i < count; i++, pixels += 3, out += channels) {
		if (channels == 1) {
			float luma = 0.299f * pixels[0] + 0.587f * pixels[1] + 0.114f * pixels[2];

			out[0] = (luma * pre->scale - pre->mean[0]) / pre->deviation[0];
			continue;
		}
		for (int k = 0; k < 3; k++)
			out[k] = ((float)pixels[pre->bgr ? 2 - k : k] * pre->scale - pre->mean[k]) / pre->deviation[k];
	}
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
