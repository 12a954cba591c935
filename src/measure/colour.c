/* colour.c: brightness, hue and gains. See colour.h. */
#include "measure/colour.h"

#include <math.h>

static float clamp(float x)
{
	return fminf(255, fmaxf(0, x));
}

static float luma(const float *rgb)
{
	return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

void cs_colour_luminance(const float *rgb, int64_t count, float *out)
{
	for (int64_t i = 0; i < count; i++)
		out[i] = luma(rgb + i * 3);
}

void cs_colour_grey(const float *in, int64_t count, float *out)
{
	for (int64_t i = 0; i < count; i++)
		out[i * 3] = out[i * 3 + 1] = out[i * 3 + 2] = luma(in + i * 3);
}

/* Hue in sixths of the wheel, 0 .. 6; 0 for greys. */
static float hue_of(const float rgb[3], float high, float chroma)
{
	float hue;

	if (chroma <= 0)
		return 0;
	if (high == rgb[0])
		hue = (rgb[1] - rgb[2]) / chroma;
	else if (high == rgb[1])
		hue = 2 + (rgb[2] - rgb[0]) / chroma;
	else
		hue = 4 + (rgb[0] - rgb[1]) / chroma;
	return hue < 0 ? hue + 6 : hue;
}

void cs_colour_rotate(const float *in, int64_t count, float degrees, float *out)
{
	for (int64_t i = 0; i < count; i++, in += 3, out += 3) {
		float rgb[3] = {clamp(in[0]), clamp(in[1]), clamp(in[2])};
		float high = fmaxf(rgb[0], fmaxf(rgb[1], rgb[2])), low = fminf(rgb[0], fminf(rgb[1], rgb[2]));
		float hue = hue_of(rgb, high, high - low) + degrees / 60;

		/* channel k falls from high to low and back as the hue goes round: the distance from its own hue, 0, 2 or 4 */
		for (int k = 0; k < 3; k++) {
			float away = fmodf(hue - 2 * (float)k, 6);

			away = away < 0 ? away + 6 : away;
			away = away > 3 ? 6 - away : away;
			out[k] = low + (high - low) * fminf(1, fmaxf(0, 2 - away));
		}
	}
}

void cs_colour_gain(const float *in, int64_t count, const float gain[3], float *out)
{
	for (int64_t i = 0; i < count * 3; i++)
		out[i] = clamp(in[i] * gain[i % 3]);
}

void cs_colour_reorder(const float *in, int64_t count, const int order[3], float *out)
{
	for (int64_t i = 0; i < count; i++, in += 3, out += 3) {
		float rgb[3] = {in[0], in[1], in[2]};

		for (int k = 0; k < 3; k++)
			out[k] = rgb[order[k]];
	}
}
