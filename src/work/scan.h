/* scan.h: which images excite the features of a model's layers most: looked for in the background, shown while it goes on.
 *
 * A bounded number of images (2,000 of the split that is browsed, chosen at random, always the same) runs through the network once for
 * all layers that are to be looked at. On the way the network's word on each image is noted.
 */
#ifndef CS_WORK_SCAN_H
#define CS_WORK_SCAN_H

#include "deconv/exemplars.h"
#include "deconv/habits.h"
#include "work/opened.h"
#include "work/work.h"

enum { CS_SCAN_IMAGES = 2000, CS_SCAN_TOP = 9 };

struct cs_scan;

/* Numbers of one feature over the images seen so far. */
struct cs_feature_numbers {
	struct cs_exemplar top[CS_SCAN_TOP];
	int count; /* places taken; 0: silent so far */
	int64_t fired; /* images on which it was above 0 */
	double mean; /* of its strongest activation, over all images */
	int32_t bins[CS_HABIT_BINS]; /* images by strongest activation, each bin `width` wide; width 0: nothing above 0 */
	float width;
	double selectivity; /* for a class (habits.h); NaN: not known */
	int best_class; /* -1: none */
};

/* Red, green and blue come from the colour analysis (tint.h), the others from the scan. */
enum cs_order {
	CS_ORDER_STRONGEST,
	CS_ORDER_FIRED,
	CS_ORDER_MEAN,
	CS_ORDER_SELECTIVE,
	CS_ORDER_INDEX,
	CS_ORDER_RED,
	CS_ORDER_GREEN,
	CS_ORDER_BLUE,
	CS_ORDER_COUNT,
};

/* Start scanning these layers of a model whose images are ready. */
enum cs_status cs_scan_start(struct cs_works *works, struct cs_opened *opened, const int *layers, int count,
	struct cs_scan **out, struct cs_error *error);
/* Stop it and forget it. NULL is fine. */
void cs_scan_drop(struct cs_scan *scan);

bool cs_scan_has(const struct cs_scan *scan, int layer);
/* Grows with each publication; and the images seen, of how many. */
unsigned cs_scan_version(struct cs_scan *scan);
int64_t cs_scan_seen(struct cs_scan *scan, int64_t *total);
bool cs_scan_finished(struct cs_scan *scan);

/* Read one feature's numbers; false when the layer is not part of the scan. */
bool cs_scan_feature(struct cs_scan *scan, int layer, int64_t feature, struct cs_feature_numbers *out);

/* Features that never fired so far; -1 while too few images were seen to say (under 200, or all if there are fewer). */
int64_t cs_scan_silent(struct cs_scan *scan, int layer);

/* The features of a layer in an order: order[features] is written. Equals stay in index order. */
void cs_scan_sort(struct cs_scan *scan, int layer, enum cs_order by, int64_t *order);

const char *cs_order_name(enum cs_order order);

#endif
