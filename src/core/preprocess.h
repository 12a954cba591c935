/* preprocess.h: how pixels become the numbers a network sees. Stored in the model file, applied wherever it is used.
 *
 * A pixel p in 0..255 of channel k becomes (p * scale - mean[k]) / deviation[k]; channels are R, G, B, or B, G, R when
 * `bgr` is set (mean and deviation then follow the network's order, B first). Images are resized so that the shorter side
 * fits, then cropped at the centre; a grey network (1 channel) sees the Rec. 601 luma. A whitening, where there is one, comes last.
 */
#ifndef CS_CORE_PREPROCESS_H
#define CS_CORE_PREPROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct cs_whitening;

struct cs_preprocess {
	float scale;        /* 1/255 for the usual [0, 1] */
	float mean[3];      /* subtracted after scaling */
	float deviation[3]; /* divided by; never 0 */
	bool bgr;
	const struct cs_whitening *whitening; /* of whole pictures (whitening.h), borrowed from the model; or NULL */
};

/* Pixels divided by 255, nothing subtracted: what a model that says nothing gets. */
struct cs_preprocess cs_preprocess_default(void);

/* One whole picture: pixels [h,w,3] RGB, `count` = h * w of them -> out [h,w,channels] with channels 1 or 3; a whitening must be of that shape. */
void cs_preprocess_apply(const struct cs_preprocess *pre, const uint8_t *pixels, int64_t count, int channels, float *out);

/* Likewise without the whitening, for any number of pixels: for who whitens several pictures at a time. */
void cs_preprocess_pixels(const struct cs_preprocess *pre, const uint8_t *pixels, int64_t count, int channels, float *out);

/* The inverse of cs_preprocess_pixels, for display: numbers [count,channels] -> RGB bytes, clamped to 0..255 and rounded. */
void cs_preprocess_undo(const struct cs_preprocess *pre, const float *in, int64_t count, int channels, uint8_t *pixels);

#endif
