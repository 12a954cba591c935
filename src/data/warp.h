/* warp.h: a picture resampled through an affine map. */
#ifndef CS_DATA_WARP_H
#define CS_DATA_WARP_H

#include <stdint.h>

/* Where in the original the place (x, y) of the result lies: column a x + b y + c, row likewise. Places count in pixels from the outer corner, so
 * that the middle of the first pixel is (0.5, 0.5). */
struct cs_warp {
	double column[3], row[3];
};

/* in[height,width,3] -> out[height,width,3], not in place: each pixel from its four neighbours (bilinear), edges repeated. Positions are rounded to
 * 1/65536 of a pixel and weights to 1/256, so that every machine gives the same bytes. */
void cs_warp_apply(const struct cs_warp *warp, int width, int height, const uint8_t *in, uint8_t *out);

#endif
