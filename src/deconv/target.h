/* target.h: checking what is to be projected, and finding where it stands. */
#ifndef CS_DECONV_TARGET_H
#define CS_DECONV_TARGET_H

#include "deconv/patch.h"

/* A target, found in its trace. */
struct cs_target_place {
	int64_t row, column; /* -1 for whole maps and layers */
	float value; /* the activation there; of maps and layers the largest; NaN when there is nothing else */
	bool silent;
	struct cs_span window; /* where the signal starts, in the layer's map */
	int64_t entries; /* numbers of a signal that starts as a list; 0: it starts dense (a whole layer) */
};

/* Does the target exist? Errors: CS_ERR_ARGUMENT naming the range. */
enum cs_status cs_target_check(const struct cs_trace *trace, const struct cs_target *target, struct cs_error *error);

/* Find `count` targets; neighbours in the list that lie on the same map of one image share a sweep over it. */
void cs_target_find(
	const struct cs_trace *trace, const struct cs_target *targets, int count, struct cs_target_place *places);

/* Put the signal into its layer's map, as a list or, for a whole layer, dense. */
void cs_target_start(const struct cs_trace *trace, const struct cs_target *target, const struct cs_target_place *place,
	struct cs_patch *patch);

#endif
