/* schedule.h: the learning rate as a function of the step. */
#ifndef CS_RUN_SCHEDULE_H
#define CS_RUN_SCHEDULE_H

#include "core/status.h"

#include <stdint.h>

enum cs_schedule_kind { CS_CONSTANT, CS_STEP, CS_COSINE, CS_ONE_CYCLE };

struct cs_schedule {
	enum cs_schedule_kind kind;
	int64_t warmup; /* steps of linear rise from 0 first */
	double factor; /* step: multiplied every `every` epochs (0.1) */
	int64_t every; /* step: epochs */
	double final; /* cosine, one-cycle: share of the rate at the end (0) */
	double peak_at; /* one-cycle: share of the steps at which the peak lies (0.3) */
	double start; /* one-cycle: share of the rate at the start (0.04) */
};

struct cs_schedule cs_schedule_default(enum cs_schedule_kind kind);
enum cs_status cs_schedule_parse(const char *name, enum cs_schedule_kind *kind, struct cs_error *error);
const char *cs_schedule_name(enum cs_schedule_kind kind);

/* What the base rate is multiplied with at `step` (from 0) of `steps`, `steps_per_epoch` in each epoch. */
double cs_schedule_factor(const struct cs_schedule *schedule, int64_t step, int64_t steps, int64_t steps_per_epoch);

#endif
