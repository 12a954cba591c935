/* similarity.h: how alike two pictures or maps are. All take packed float32 numbers; none depends on threads.
 *
 * A comparison that has no answer (a constant picture correlates with nothing) is NaN, never 0: analyses count it as missing.
 */
#ifndef CS_MEASURE_SIMILARITY_H
#define CS_MEASURE_SIMILARITY_H

#include "core/status.h"

#include <stdint.h>

/* Pearson's correlation of a[n] and b[n], -1 .. 1. NaN when either is constant, has a NaN, or n < 2. */
double cs_similarity_correlation(const float *a, const float *b, int64_t n);

/* The structural similarity index of a and b [h,w,c]: the mean over channels and over all windows that lie inside.
 *
 * range   what the pixels may span (255 for bytes); 0: the span of the two pictures together.
 * Window  Gaussian, 11x11, sigma 1.5, K1 = 0.01, K2 = 0.03; in pictures smaller than 11 the largest odd window that fits.
 * Result  1 for equal pictures, NaN for a span of 0 (both are one constant).
 * Errors  CS_ERR_MEMORY.
 * Source  Wang, Bovik, Sheikh, Simoncelli 2004, "Image quality assessment: from error visibility to structural similarity".
 */
enum cs_status cs_similarity_ssim(
	const float *a, const float *b, int h, int w, int c, double range, double *out, struct cs_error *error);

/* Edge similarity: the correlation of the two pictures' gradient magnitudes (gradient.h). Errors: CS_ERR_MEMORY. */
enum cs_status cs_similarity_edges(
	const float *a, const float *b, int h, int w, int c, double *out, struct cs_error *error);

/* Shift and scale x[n] to mean 0 and deviation 1 into out, so that pictures of unlike units can be compared; a constant becomes
 * zeros. */
void cs_similarity_standardise(const float *x, int64_t n, float *out);

#endif
