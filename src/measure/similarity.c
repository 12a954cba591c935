/* similarity.c: correlation, structural similarity and edge similarity. See similarity.h.
 *
 * SSIM's window is separable: local means of a, b, aa, bb and ab are Gaussian averages along rows, then along columns, over
 * windows that lie wholly inside, so that no border rule has to be invented.
 */
#include "measure/similarity.h"

#include "core/alloc.h"
#include "measure/gradient.h"

#include <math.h>

enum { WINDOW = 11, MAPS = 5 };

static double mean_of(const float *x, int64_t n)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += (double)x[i];
	return sum / (double)n;
}

double cs_similarity_correlation(const float *a, const float *b, int64_t n)
{
	double ma, mb, aa = 0, bb = 0, ab = 0;

	if (n < 2)
		return NAN;
	ma = mean_of(a, n);
	mb = mean_of(b, n);
	for (int64_t i = 0; i < n; i++) {
		double x = (double)a[i] - ma, y = (double)b[i] - mb;

		aa += x * x;
		bb += y * y;
		ab += x * y;
	}
	/* rounding leaves a constant with a little variance */
	if (!(aa > 1e-14 * (double)n * ma * ma) || !(bb > 1e-14 * (double)n * mb * mb))
		return NAN;
	return fmin(1, fmax(-1, ab / sqrt(aa * bb)));
}

void cs_similarity_standardise(const float *x, int64_t n, float *out)
{
	double mean = n ? mean_of(x, n) : 0, square = 0, factor;

	for (int64_t i = 0; i < n; i++)
		square += ((double)x[i] - mean) * ((double)x[i] - mean);
	factor = square > 1e-14 * (double)n * mean * mean ? 1 / sqrt(square / (double)n) : 0;
	for (int64_t i = 0; i < n; i++)
		out[i] = (float)(((double)x[i] - mean) * factor);
}

static void kernel_of(int size, double *kernel)
{
	double sum = 0;

	for (int i = 0; i < size; i++) {
		double d = (i - size / 2) / 1.5;

		kernel[i] = exp(-0.5 * d * d);
		sum += kernel[i];
	}
	for (int i = 0; i < size; i++)
		kernel[i] /= sum;
}

static double span_of(const float *a, const float *b, int64_t n)
{
	double low = INFINITY, high = -INFINITY;

	for (int64_t i = 0; i < n; i++) {
		low = fmin(low, fmin((double)a[i], (double)b[i]));
		high = fmax(high, fmax((double)a[i], (double)b[i]));
	}
	return high - low;
}

/* One channel: rows[MAPS][h, w - size + 1] is scratch. */
static double ssim_channel(const float *a, const float *b, int h, int w, int c, const int size[2],
	double kernels[2][WINDOW], double range, double *rows)
{
	int ow = w - size[1] + 1, oh = h - size[0] + 1;
	double c1 = 0.01 * range * 0.01 * range, c2 = 0.03 * range * 0.03 * range, sum = 0;

	for (int y = 0; y < h; y++) {
		for (int x = 0; x < ow; x++) {
			double s[MAPS] = {0};

			for (int k = 0; k < size[1]; k++) {
				double p = (double)a[((int64_t)y * w + x + k) * c],
				       q = (double)b[((int64_t)y * w + x + k) * c];
				double weight = kernels[1][k];

				s[0] += weight * p;
				s[1] += weight * q;
				s[2] += weight * p * p;
				s[3] += weight * q * q;
				s[4] += weight * p * q;
			}
			for (int m = 0; m < MAPS; m++)
				rows[((int64_t)y * ow + x) * MAPS + m] = s[m];
		}
	}
	for (int y = 0; y < oh; y++) {
		for (int x = 0; x < ow; x++) {
			double s[MAPS] = {0}, va, vb, cov;

			for (int k = 0; k < size[0]; k++) {
				for (int m = 0; m < MAPS; m++)
					s[m] += kernels[0][k] * rows[((int64_t)(y + k) * ow + x) * MAPS + m];
			}
			va = fmax(0, s[2] - s[0] * s[0]);
			vb = fmax(0, s[3] - s[1] * s[1]);
			cov = s[4] - s[0] * s[1];
			sum += (2 * s[0] * s[1] + c1) * (2 * cov + c2) /
				((s[0] * s[0] + s[1] * s[1] + c1) * (va + vb + c2));
		}
	}
	return sum / ((double)oh * ow);
}

static int odd_window(int side)
{
	return side >= WINDOW ? WINDOW : side - 1 + side % 2;
}

enum cs_status cs_similarity_ssim(
	const float *a, const float *b, int h, int w, int c, double range, double *out, struct cs_error *error)
{
	int size[2] = {odd_window(h), odd_window(w)};
	double kernel[2][WINDOW], sum = 0, *rows;

	if (range <= 0)
		range = span_of(a, b, (int64_t)h * w * c);
	if (!(range > 0)) {
		*out = NAN;
		return CS_OK;
	}
	rows = cs_calloc((size_t)h * (size_t)(w - size[1] + 1) * MAPS, sizeof *rows);
	if (!rows)
		return cs_fail_memory(error, "the windows of a structural similarity");
	kernel_of(size[0], kernel[0]);
	kernel_of(size[1], kernel[1]);
	for (int k = 0; k < c; k++)
		sum += ssim_channel(a + k, b + k, h, w, c, size, kernel, range, rows);
	cs_free(rows);
	*out = sum / c;
	return CS_OK;
}

enum cs_status cs_similarity_edges(
	const float *a, const float *b, int h, int w, int c, double *out, struct cs_error *error)
{
	int64_t n = (int64_t)h * w;
	float *maps = cs_calloc((size_t)n * 2, sizeof *maps);

	if (!maps)
		return cs_fail_memory(error, "the edges of two pictures");
	cs_gradient_sobel(a, h, w, c, maps);
	cs_gradient_sobel(b, h, w, c, maps + n);
	*out = cs_similarity_correlation(maps, maps + n, n);
	cs_free(maps);
	return CS_OK;
}
