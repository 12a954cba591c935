/* quality.c: see quality.h. Sums are float64, in the order of the pixels. */
#include "measure/quality.h"

#include "core/alloc.h"
#include "measure/gradient.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* The response of Immerkaer's mask [1 -2 1; -2 4 -2; 1 -2 1] at an inner pixel. */
static double residue(const float *at, int w)
{
	const float *up = at - w, *down = at + w;

	return (double)up[-1] - 2 * (double)up[0] + (double)up[1] - 2 * (double)at[-1] + 4 * (double)at[0] - 2 * (double)at[1] +
		(double)down[-1] - 2 * (double)down[0] + (double)down[1];
}

static int rising(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

double cs_quality_noise(const float *plane, int h, int w, double skipped)
{
	int64_t count = (int64_t)h * w, used = 0;
	float *edges = NULL, *sorted = NULL;
	float limit = INFINITY;
	double sum = 0;

	if (h < 3 || w < 3)
		return NAN;
	if (skipped > 0) {
		edges = cs_alloc((size_t)count * sizeof *edges);
		sorted = cs_alloc((size_t)count * sizeof *sorted);
		if (!edges || !sorted) {
			cs_free(edges);
			cs_free(sorted);
			return NAN;
		}
		cs_gradient_sobel(plane, h, w, 1, edges);
		for (int64_t i = 0; i < count; i++)
			sorted[i] = edges[i];
		qsort(sorted, (size_t)count, sizeof *sorted, rising);
		limit = sorted[(int64_t)((1 - (skipped < 1 ? skipped : 1)) * (double)(count - 1))];
	}
	for (int y = 1; y < h - 1; y++) {
		for (int x = 1; x < w - 1; x++) {
			int64_t at = (int64_t)y * w + x;

			if (edges && edges[at] > limit)
				continue;
			sum += fabs(residue(plane + at, w));
			used++;
		}
	}
	cs_free(edges);
	cs_free(sorted);
	return used ? sqrt(M_PI / 2) * sum / (6 * (double)used) : NAN;
}

static double variance(double sum, double square, double n)
{
	return square / n - sum / n * (sum / n);
}

double cs_quality_sharpness(const float *plane, int h, int w)
{
	double sum = 0, square = 0, all = 0, all_square = 0, contrast;

	if (h < 3 || w < 3)
		return NAN;
	for (int64_t i = 0; i < (int64_t)h * w; i++) {
		all += (double)plane[i];
		all_square += (double)plane[i] * (double)plane[i];
	}
	contrast = variance(all, all_square, (double)h * w);
	if (!(contrast > 1e-9 * (all_square / ((double)h * w) + 1e-30)))
		return NAN;
	for (int y = 1; y < h - 1; y++) {
		for (int x = 1; x < w - 1; x++) {
			const float *at = plane + (int64_t)y * w + x;
			double l = (double)at[-w] + (double)at[w] + (double)at[-1] + (double)at[1] - 4 * (double)at[0];

			sum += l;
			square += l * l;
		}
	}
	return variance(sum, square, (double)(h - 2) * (w - 2)) / contrast;
}
