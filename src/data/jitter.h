/* jitter.h: the colours of a picture changed by one affine map. */
#ifndef CS_DATA_JITTER_H
#define CS_DATA_JITTER_H

#include <stdint.h>

struct cs_jitter {
	float brightness; /* all channels times this */
	float contrast; /* distances from the picture's mean luma times this */
	float saturation; /* distances from each pixel's own luma times this */
	float hue; /* degrees: rotation around the grey axis, luma kept (YIQ) */
};

/* pixels[count,3] RGB, in place; in the order of the fields. Luma is that of Rec. 601. Source: the colour jitter of torchvision, but for two deviations: values
 * are clamped to 0..255 once, at the end, and the hue turns in YIQ, not in HSV. */
void cs_jitter_apply(const struct cs_jitter *jitter, int64_t count, uint8_t *pixels);

#endif
