/* perturb.h: pictures spoiled on purpose: noise, blur, JPEG, occlusion, shifts, turns, scrambled patches.
 *
 * Pixels are [h,w,c], 0 .. 255, and stay in that range. What is random comes from the stream (seed, CS_RANDOM_PERTURB, kind, sample):
 * image 17 gets the same noise whatever else is computed, and twice the level is twice the same noise. `in` and `out` must not
 * overlap unless it says so.
 */
#ifndef CS_MEASURE_PERTURB_H
#define CS_MEASURE_PERTURB_H

#include "core/status.h"

#include <stdint.h>

/* Normal noise of standard deviation `level`, a share of 255 (0.1 is 25.5), on every number; clamped. May work in place. */
void cs_perturb_gaussian(const float *in, int h, int w, int c, float level, uint64_t seed, uint64_t sample, float *out);

/* A share of the pixels becomes black or white, each as likely. The pixels of a smaller share are among those of a larger one. May
 * work in place. */
void cs_perturb_salt_pepper(
	const float *in, int h, int w, int c, float share, uint64_t seed, uint64_t sample, float *out);

/* Gaussian blur, sigma in pixels (0: a copy), cut off at 3 sigma, borders repeated. Errors: CS_ERR_MEMORY, CS_ERR_ARGUMENT over
 * 100 pixels. */
enum cs_status cs_perturb_blur(const float *in, int h, int w, int c, float sigma, float *out, struct cs_error *error);

/* What JPEG at `quality` 1 .. 100 does to [h,w,3]: YCbCr, 8x8 cosine transforms quantised by the tables of ITU-T T.81 annex K
 * scaled as the IJG library does. Chroma is not subsampled, and sides that are no multiple of 8 are filled by repeating the last
 * pixel. May work in place. */
void cs_perturb_jpeg(const float *in, int h, int w, int quality, float *out);

/* A square of `size` pixels with its upper left corner at (top, left), clipped to the picture, becomes `fill`[c]. In place. */
void cs_perturb_occlude(float *image, int h, int w, int c, int top, int left, int size, const float *fill);

/* out(y, x) = in at the place that a map of the plane says, bilinear, borders repeated: first turned by `degrees`
 * (counter-clockwise as seen) and scaled by `scale` about the centre, then moved by `down` and `right` pixels. */
struct cs_motion {
	float degrees, scale, down, right;
};
void cs_perturb_move(const float *in, int h, int w, int c, const struct cs_motion *motion, float *out);

/* Patches of `size` pixels in random order: local texture stays, shape goes. A rest at the right and lower border that is less than a
 * patch stays where it is. Errors: CS_ERR_MEMORY, CS_ERR_ARGUMENT for a size below 1. */
enum cs_status cs_perturb_scramble(const float *in, int h, int w, int c, int size, uint64_t seed, uint64_t sample,
	float *out, struct cs_error *error);

#endif
