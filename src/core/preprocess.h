/* preprocess.h: how pixels become the numbers a network sees. Stored in the model file, applied wherever it is used.
 *
 * A pixel p in 0..255 of channel k becomes (p * scale - mean[k]) / deviation[k]; channels are R, G, B, or B, G, R when
 * `bgr` is set (mean and deviation then follow the network's order, B first). Images are resized so that the shorter side
 * fits, then cropped at the centre; a grey network (1 channel) sees the Rec. 601 luma.
 */
#ifndef CS_CORE_PREPROCESS_H
#define CS_CORE_PREPROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct cs_preprocess {
	float scale;        /* 1/255 for the usual [0, 1] */
	float mean[3];      /* subtracted after scaling */
	float deviation[3]; /* divided by; never 0 */
	bool bgr;
};

/* Pixels divided by 255, nothing subtracted: what a model that says nothing gets. */
struct cs_preprocess cs_preprocess_default(void);

/* pixels [h,w,3] RGB -> out [h,w,channels] with channels 1 or 3. */
void cs_preprocess_apply(const struct cs_preprocess *pre, const uint8_t *pixels, int64_t count, int channels, float *out);

/* The inverse, for display: numbers [count,channels] -> RGB bytes, clamped to 0..255 and rounded. */
void cs_preprocess_undo(const struct cs_preprocess *pre, const float *in, int64_t count, int channels, uint8_t *pixels);

#endif
