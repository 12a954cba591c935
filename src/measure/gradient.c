/* gradient.c: Sobel gradients and means over receptive fields. See gradient.h. */
#include "measure/gradient.h"

#include <math.h>

static int within(int i, int n)
{
	return i < 0 ? 0 : i >= n ? n - 1 : i;
}

void cs_gradient_sobel(const float *image, int h, int w, int c, float *out)
{
	for (int y = 0; y < h; y++) {
		const float *row[3];

		for (int k = 0; k < 3; k++)
			row[k] = image + (int64_t)within(y + k - 1, h) * w * c;
		for (int x = 0; x < w; x++) {
			int64_t left = (int64_t)within(x - 1, w) * c, here = (int64_t)x * c,
				right = (int64_t)within(x + 1, w) * c;
			double sum = 0;

			for (int k = 0; k < c; k++, left++, here++, right++) {
				double gx = (double)(row[0][right] - row[0][left]) +
					2 * (double)(row[1][right] - row[1][left]) +
					(double)(row[2][right] - row[2][left]);
				double gy = (double)(row[2][left] - row[0][left]) +
					2 * (double)(row[2][here] - row[0][here]) +
					(double)(row[2][right] - row[0][right]);

				sum += gx * gx + gy * gy;
			}
			out[(int64_t)y * w + x] = (float)(sqrt(sum) / 8);
		}
	}
}

static int64_t clip(int64_t i, int64_t n)
{
	return i < 0 ? 0 : i > n ? n : i;
}

void cs_gradient_windows(const float *map, int h, int w, const struct cs_windows *windows, float *out)
{
	for (int r = 0; r < windows->rows; r++) {
		int64_t top = windows->start[0] + r * windows->step[0], bottom = clip(top + windows->size[0], h);

		top = clip(top, h);
		for (int c = 0; c < windows->columns; c++) {
			int64_t left = windows->start[1] + c * windows->step[1],
				right = clip(left + windows->size[1], w);
			double sum = 0;

			left = clip(left, w);
			for (int64_t y = top; y < bottom; y++) {
				for (int64_t x = left; x < right; x++)
					sum += (double)map[y * w + x];
			}
			*out++ = bottom > top && right > left ? (float)(sum / (double)((bottom - top) * (right - left)))
							      : 0;
		}
	}
}
