/* statistics.c: resampling, ranks, false discoveries. See statistics.h.
 *
 * A resample is a count for each row, so that columns are swept in the order in which they lie in memory. Its stream is its own
 * number's: resample 17 is the same whatever came before.
 */
#include "measure/statistics.h"

#include "core/alloc.h"
#include "core/random.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_RESAMPLE, STREAM_SIGNS };

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static enum cs_status check(const char *what, int64_t n, int64_t columns, int times, struct cs_error *error)
{
	if (n < 1 || columns < 1 || n > UINT32_MAX)
		return cs_fail(error, CS_ERR_ARGUMENT, "%s needs at least one value", what);
	if (times < 10 || times > 1000000)
		return cs_fail(error, CS_ERR_ARGUMENT, "%s with %d resamples: expected 10 to 1000000", what, times);
	return CS_OK;
}

/* Weighted means of the columns; `weight` NULL: 1 each. */
static void means(const float *values, int64_t n, int64_t columns, const double *weight, double *sum, double *total)
{
	memset(sum, 0, sizeof *sum * (size_t)columns);
	memset(total, 0, sizeof *total * (size_t)columns);
	for (int64_t i = 0; i < n; i++) {
		const float *row = values + i * columns;
		double w = weight ? weight[i] : 1;

		if (w == 0)
			continue;
		for (int64_t k = 0; k < columns; k++) {
			bool there = !isnan(row[k]);

			sum[k] += there ? w * (double)row[k] : 0;
			total[k] += there ? w : 0;
		}
	}
	for (int64_t k = 0; k < columns; k++)
		sum[k] = total[k] != 0 ? sum[k] / total[k] : NAN;
}

/* The quantile of sorted x[n], interpolated between neighbours. */
static double quantile(const double *x, int64_t n, double share)
{
	double at = share * (double)(n - 1);
	int64_t i = (int64_t)at;

	return i + 1 < n ? x[i] + (at - (double)i) * (x[i + 1] - x[i]) : x[n - 1];
}

enum cs_status cs_statistics_bootstrap(const float *values, int64_t n, int64_t columns, int resamples,
	double confidence, uint64_t seed, struct cs_interval *out, struct cs_error *error)
{
	double *all = NULL, *weight = NULL, *sum = NULL, *column = NULL;
	enum cs_status status = check("a bootstrap", n, columns, resamples, error);

	if (status)
		return status;
	if (!(confidence > 0 && confidence < 1))
		return cs_fail(error, CS_ERR_ARGUMENT,
			"a confidence of %g: expected a number between 0 and 1, such as 0.95", confidence);
	all = cs_calloc((size_t)resamples * (size_t)columns, sizeof *all);
	weight = cs_calloc((size_t)n, sizeof *weight);
	sum = cs_calloc((size_t)columns * 2, sizeof *sum);
	column = cs_calloc((size_t)resamples, sizeof *column);
	if (!all || !weight || !sum || !column) {
		status = cs_fail_memory(error, "a bootstrap");
		goto out;
	}
	for (int r = 0; r < resamples; r++) {
		struct cs_random random;

		cs_random_init(&random, seed, CS_RANDOM_BOOTSTRAP, STREAM_RESAMPLE, (uint64_t)r);
		memset(weight, 0, sizeof *weight * (size_t)n);
		for (int64_t i = 0; i < n; i++)
			weight[cs_random_below(&random, (uint32_t)n)]++;
		means(values, n, columns, weight, all + (int64_t)r * columns, sum);
	}
	means(values, n, columns, NULL, sum, sum + columns);
	for (int64_t k = 0; k < columns; k++) {
		int64_t have = 0;

		for (int r = 0; r < resamples; r++) {
			double x = all[(int64_t)r * columns + k];

			if (!isnan(x))
				column[have++] = x;
		}
		qsort(column, (size_t)have, sizeof *column, ascending);
		out[k].mean = sum[k];
		out[k].low = have ? quantile(column, have, (1 - confidence) / 2) : NAN;
		out[k].high = have ? quantile(column, have, (1 + confidence) / 2) : NAN;
	}
out:
	cs_free(all);
	cs_free(weight);
	cs_free(sum);
	cs_free(column);
	return status;
}

static double effect_of(const float *values, int64_t n, int64_t columns, double mean)
{
	double square = 0;
	int64_t have = 0;

	for (int64_t i = 0; i < n; i++) {
		double d = (double)values[i * columns] - mean;

		if (isnan(d))
			continue;
		square += d * d;
		have++;
	}
	if (mean == 0)
		return 0;
	return have > 1 && square > 0 ? mean / sqrt(square / (double)(have - 1)) : NAN;
}

enum cs_status cs_statistics_paired(const float *differences, int64_t n, int64_t columns, int permutations,
	uint64_t seed, struct cs_paired *out, struct cs_error *error)
{
	double *observed = NULL, *turned = NULL, *total = NULL;
	int64_t *farther = NULL;
	enum cs_status status = check("a permutation test", n, columns, permutations, error);

	if (status)
		return status;
	observed = cs_calloc((size_t)columns, sizeof *observed);
	turned = cs_calloc((size_t)columns, sizeof *turned);
	total = cs_calloc((size_t)columns, sizeof *total);
	farther = cs_calloc((size_t)columns, sizeof *farther);
	if (!observed || !turned || !total || !farther) {
		status = cs_fail_memory(error, "a permutation test");
		goto out;
	}
	means(differences, n, columns, NULL, observed, total);
	for (int r = 0; r < permutations; r++) {
		struct cs_random random;

		cs_random_init(&random, seed, CS_RANDOM_BOOTSTRAP, STREAM_SIGNS, (uint64_t)r);
		memset(turned, 0, sizeof *turned * (size_t)columns);
		for (int64_t i = 0; i < n; i++) {
			const float *row = differences + i * columns;
			double sign = cs_random_u32(&random) & 1 ? 1 : -1;

			for (int64_t k = 0; k < columns; k++)
				turned[k] += isnan(row[k]) ? 0 : sign * (double)row[k];
		}
		/* a permutation that comes out at the observed value but for rounding counts */
		for (int64_t k = 0; k < columns; k++)
			farther[k] += fabs(turned[k]) >= fabs(observed[k] * total[k]) * (1 - 1e-9);
	}
	for (int64_t k = 0; k < columns; k++) {
		out[k].mean = observed[k];
		out[k].effect = effect_of(differences + k, n, columns, observed[k]);
		out[k].p = isnan(observed[k]) ? NAN : (1 + (double)farther[k]) / (1 + (double)permutations);
	}
out:
	cs_free(observed);
	cs_free(turned);
	cs_free(total);
	cs_free(farther);
	return status;
}

struct ranked {
	float value;
	bool first;
};

static int by_value(const void *a, const void *b)
{
	float x = ((const struct ranked *)a)->value, y = ((const struct ranked *)b)->value;

	return (x > y) - (x < y);
}

static int64_t gather(const float *x, int64_t n, bool first, struct ranked *out)
{
	int64_t count = 0;

	for (int64_t i = 0; i < n; i++) {
		if (!isnan(x[i]))
			out[count++] = (struct ranked){.value = x[i], .first = first};
	}
	return count;
}

enum cs_status cs_statistics_mann_whitney(
	const float *a, int64_t m, const float *b, int64_t n, struct cs_ranks *out, struct cs_error *error)
{
	struct ranked *all = cs_calloc((size_t)(m + n) + 1, sizeof *all);
	double ranks = 0, ties = 0, u, middle, variance, total;

	if (!all)
		return cs_fail_memory(error, "a rank test");
	m = gather(a, m, true, all);
	n = gather(b, n, false, all + m);
	*out = (struct cs_ranks){.p = 1, .area = m && n ? 0.5 : NAN};
	if (m == 0 || n == 0)
		goto out;
	qsort(all, (size_t)(m + n), sizeof *all, by_value);
	for (int64_t i = 0, j; i < m + n; i = j) {
		double same;

		for (j = i; j < m + n && all[j].value == all[i].value; j++)
			;
		same = (double)(j - i);
		ties += same * same * same - same;
		for (int64_t k = i; k < j; k++)
			ranks += all[k].first ? (double)(i + j + 1) / 2 : 0;
	}
	total = (double)(m + n);
	u = ranks - (double)m * (double)(m + 1) / 2;
	middle = (double)m * (double)n / 2;
	variance = (double)m * (double)n / 12 * (total + 1 - ties / (total * (total - 1)));
	out->area = u / (2 * middle);
	if (variance > 0)
		out->p = erfc(fmax(0, fabs(u - middle) - 0.5) / sqrt(2 * variance));
out:
	cs_free(all);
	return CS_OK;
}

struct tested {
	double p;
	int64_t index;
};

static int by_p(const void *a, const void *b)
{
	const struct tested *x = a, *y = b;

	return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->index > y->index) - (x->index < y->index);
}

enum cs_status cs_statistics_fdr(const double *p, int64_t n, double *q, struct cs_error *error)
{
	struct tested *all = cs_calloc((size_t)n + 1, sizeof *all);
	int64_t count = 0;
	double least = 1;

	if (!all)
		return cs_fail_memory(error, "a correction for many tests");
	for (int64_t i = 0; i < n; i++) {
		if (!isnan(p[i]))
			all[count++] = (struct tested){.p = p[i], .index = i};
		else
			q[i] = NAN;
	}
	qsort(all, (size_t)count, sizeof *all, by_p);
	for (int64_t i = count - 1; i >= 0; i--) {
		least = fmin(least, all[i].p * (double)count / (double)(i + 1));
		q[all[i].index] = least;
	}
	cs_free(all);
	return CS_OK;
}
