/* gradient.h: where a picture changes: gradient magnitude, and maps brought to a layer's resolution to be compared with it. */
#ifndef CS_MEASURE_GRADIENT_H
#define CS_MEASURE_GRADIENT_H

#include <stdint.h>

/* Sobel's gradient magnitude of image[h,w,c] into out[h,w], in units of the image a pixel: the root of the sum over channels of
 * gx^2 + gy^2, so that an edge between two colours of one brightness counts too. Border pixels are repeated outwards. */
void cs_gradient_sobel(const float *image, int h, int w, int c, float *out);

/* Where the cells of a layer look: cell (r, c) sees `size` pixels from start + r * step on, rows first. */
struct cs_windows {
	int rows, columns;
	int64_t start[2], step[2], size[2];
};

/* The mean of map[h,w] over each cell's window, the part inside the picture, into out[rows,columns]; a window wholly outside is
 * 0. Allocates nothing. */
void cs_gradient_windows(const float *map, int h, int w, const struct cs_windows *windows, float *out);

#endif
