/* habits.c: see habits.h. */
#include "deconv/habits.h"

#include "core/alloc.h"

#include <math.h>
#include <string.h>

enum { MOST_SUMS = 1 << 20, LEAST_IMAGES = 3 };

enum cs_status cs_habits_init(struct cs_habits *habits, int64_t features, int classes, struct cs_error *error)
{
	struct cs_habits h = {.features = features};

	h.classes = classes > 1 && features <= MOST_SUMS / classes ? classes : 0;
	h.bins = cs_calloc((size_t)features * CS_HABIT_BINS, sizeof *h.bins);
	h.width = cs_calloc((size_t)features, sizeof *h.width);
	h.sums = cs_calloc((size_t)features * (size_t)h.classes + 1, sizeof *h.sums);
	h.of = cs_calloc((size_t)h.classes + 1, sizeof *h.of);
	if (!h.bins || !h.width || !h.sums || !h.of) {
		cs_habits_fini(&h);
		return cs_fail_memory(error, "the habits of features");
	}
	*habits = h;
	return CS_OK;
}

void cs_habits_fini(struct cs_habits *habits)
{
	cs_free(habits->bins);
	cs_free(habits->width);
	cs_free(habits->sums);
	cs_free(habits->of);
	*habits = (struct cs_habits){0};
}

/* Bins twice as wide: pairs become one. */
static void widen(int32_t *bins, float *width)
{
	for (int i = 0; i < CS_HABIT_BINS / 2; i++)
		bins[i] = bins[2 * i] + bins[2 * i + 1];
	memset(bins + CS_HABIT_BINS / 2, 0, CS_HABIT_BINS / 2 * sizeof *bins);
	*width *= 2;
}

static void count(int32_t *bins, float *width, float value)
{
	int at = 0;

	if (value > 0 && isfinite(value)) {
		if (*width == 0) /* a power of two, so that doubling meets every feature's in the same places */
			*width = exp2f(ceilf(log2f(value))) / CS_HABIT_BINS;
		while (value >= *width * CS_HABIT_BINS)
			widen(bins, width);
		at = (int)(value / *width);
		at = at < CS_HABIT_BINS ? at : CS_HABIT_BINS - 1;
	}
	bins[at]++;
}

void cs_habits_add(struct cs_habits *habits, const float *strongest, int label)
{
	bool known = label >= 0 && label < habits->classes;

	for (int64_t f = 0; f < habits->features; f++) {
		if (isnan(strongest[f]))
			continue;
		count(habits->bins + f * CS_HABIT_BINS, &habits->width[f], strongest[f]);
		if (known && strongest[f] > 0 && isfinite(strongest[f]))
			habits->sums[f * habits->classes + label] += strongest[f];
	}
	if (known)
		habits->of[label]++;
}

void cs_habits_copy(struct cs_habits *to, const struct cs_habits *from)
{
	memcpy(to->bins, from->bins, (size_t)from->features * CS_HABIT_BINS * sizeof *to->bins);
	memcpy(to->width, from->width, (size_t)from->features * sizeof *to->width);
	memcpy(to->sums, from->sums, (size_t)from->features * (size_t)from->classes * sizeof *to->sums);
	memcpy(to->of, from->of, (size_t)from->classes * sizeof *to->of);
}

double cs_habits_selectivity(const struct cs_habits *habits, int64_t feature, int *best_class)
{
	const float *sums = habits->sums + feature * habits->classes;
	double total = 0, best = -1, rest;
	int64_t images = 0;
	int at = -1;

	for (int c = 0; c < habits->classes; c++) {
		total += (double)sums[c];
		images += habits->of[c];
		if (habits->of[c] >= LEAST_IMAGES && (double)sums[c] / habits->of[c] > best) {
			best = (double)sums[c] / habits->of[c];
			at = c;
		}
	}
	if (best_class)
		*best_class = best > 0 ? at : -1;
	if (at < 0 || best <= 0 || images == habits->of[at])
		return NAN;
	rest = (total - (double)sums[at]) / (double)(images - habits->of[at]);
	return (best - rest) / (best + rest);
}
