/* colour.h: colours of pixels [count,3], RGB, 0 .. 255: brightness, hue, gains of channels. `in` and `out` may be the same. */
#ifndef CS_MEASURE_COLOUR_H
#define CS_MEASURE_COLOUR_H

#include <stdint.h>

/* Luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, into out[count]. */
void cs_colour_luminance(const float *rgb, int64_t count, float *out);

/* Every channel replaced by the luma. */
void cs_colour_grey(const float *in, int64_t count, float *out);

/* The hue turned by so many degrees around the wheel, saturation and value kept (HSV, Smith 1978): 120 makes red green. Values
 * outside 0 .. 255 are clamped first, since hue has no meaning there. */
void cs_colour_rotate(const float *in, int64_t count, float degrees, float *out);

/* Each channel multiplied by its gain and clamped to 0 .. 255. A gain of 0 takes the channel away. */
void cs_colour_gain(const float *in, int64_t count, const float gain[3], float *out);

/* Channels in another order: out channel k is in channel order[k], each 0 .. 2. */
void cs_colour_reorder(const float *in, int64_t count, const int order[3], float *out);

#endif
