/* habits.h: how often a feature fires how strongly, and for which classes, collected while a data set streams by, beside the exemplars.
 *
 * Everything is about a feature's strongest activation on each image. Histograms have bins of one width that doubles when something
 * stronger comes, so that one pass suffices; neither they nor the means depend on the order of images but for that of float sums.
 */
#ifndef CS_DECONV_HABITS_H
#define CS_DECONV_HABITS_H

#include "core/status.h"

#include <stdbool.h>

#include <stdint.h>

enum { CS_HABIT_BINS = 24 };

struct cs_habits {
	int64_t features;
	int classes; /* 0: too many numbers to keep, or none are known */
	int32_t *bins; /* [features,CS_HABIT_BINS] images by strength; the first bin holds those at or below 0 too */
	float *width; /* [features] of a bin; 0: nothing above 0 yet */
	float *sums; /* [features,classes] of the strongest activation, those below 0 as 0 */
	int32_t *of; /* [classes] images */
};

enum cs_status cs_habits_init(struct cs_habits *habits, int64_t features, int classes, struct cs_error *error);
void cs_habits_fini(struct cs_habits *habits);

/* Take in one image: strongest[features]; its label, -1: unknown. NaN is left out. */
void cs_habits_add(struct cs_habits *habits, const float *strongest, int label);

/* Copy the numbers of one into another of the same sizes. */
void cs_habits_copy(struct cs_habits *to, const struct cs_habits *from);

/* Class selectivity of a feature: (best - rest) / (best + rest), `best` being the mean over the images of the class with the largest mean (of
 * at least three images) and `rest` that over all other images: 1 fires for one class alone, 0 for all alike (Morcos et al. 2018). NaN
 * where it is not known or the feature is silent. *best_class receives the class, -1: none. May be NULL. */
double cs_habits_selectivity(const struct cs_habits *habits, int64_t feature, int *best_class);

#endif
