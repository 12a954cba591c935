/* statistics.h: how sure a number is: bootstrap intervals, permutation tests, rank tests, false discovery rate.
 *
 * Everything random comes from the stream (seed, CS_RANDOM_BOOTSTRAP, what, resample): the same seed gives the same bits. NaN is
 * a missing value: it is left out, and a column with nothing left is NaN. Tables are [n,columns], row-major: a row an image, a column
 * a feature; all columns of one resample use the same rows, so that what is compared is compared on the same images.
 */
#ifndef CS_MEASURE_STATISTICS_H
#define CS_MEASURE_STATISTICS_H

#include "core/status.h"

#include <stdint.h>

struct cs_interval {
	double mean, low, high;
};

/* The mean of each column and its percentile bootstrap interval.
 *
 * resamples   1000 are enough for 95 %; at least 10
 * confidence  0.95; between 0 and 1
 * Errors      CS_ERR_ARGUMENT for options out of range or n < 1, CS_ERR_MEMORY.
 * Source      Efron 1979; Efron & Tibshirani 1993, section 13.3 (the percentile interval).
 */
enum cs_status cs_statistics_bootstrap(const float *values, int64_t n, int64_t columns, int resamples,
	double confidence, uint64_t seed, struct cs_interval *out, struct cs_error *error);

struct cs_paired {
	double mean; /* of the differences */
	double effect; /* Cohen's d of paired samples: mean over the differences' standard deviation (n - 1); 0 when all are 0 */
	double p; /* two-sided */
};

/* Is the mean of paired differences[n,columns] other than 0? A permutation test that turns the signs at random:
 * p = (1 + permutations at least as far from 0) / (1 + permutations). Errors: as above.
 * Source: Fisher 1935; Phipson & Smyth 2010 for the 1 +. */
enum cs_status cs_statistics_paired(const float *differences, int64_t n, int64_t columns, int permutations,
	uint64_t seed, struct cs_paired *out, struct cs_error *error);

struct cs_ranks {
	double p; /* two-sided */
	double area; /* the chance that an a is above a b, ties counted half: 0.5 is no difference */
};

/* Mann and Whitney's test of a[m] against b[n]: the normal approximation with corrections for ties and continuity, good from
 * about 8 values each. NaNs are left out; with no values on a side, or all equal, p is 1. Errors: CS_ERR_MEMORY. */
enum cs_status cs_statistics_mann_whitney(
	const float *a, int64_t m, const float *b, int64_t n, struct cs_ranks *out, struct cs_error *error);

/* Benjamini and Hochberg's adjusted p-values (1995): the smallest false discovery rate at which each is called significant. NaNs
 * stay NaN and are not counted. p and q [n], may be the same. Errors: CS_ERR_MEMORY. */
enum cs_status cs_statistics_fdr(const double *p, int64_t n, double *q, struct cs_error *error);

#endif
