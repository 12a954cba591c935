/* schedule.c: the learning rate as a function of the step. See schedule.h.
 *
 * A schedule is a pure function of the step: nothing is remembered, so a resumed run has the rates of an uninterrupted one.
 * Warm-up comes first and ends where the schedule begins; cosine and one-cycle then span the steps that are left.
 */
#include "run/schedule.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {
	[CS_CONSTANT] = "constant",
	[CS_STEP] = "step",
	[CS_COSINE] = "cosine",
	[CS_ONE_CYCLE] = "one-cycle",
};

struct cs_schedule cs_schedule_default(enum cs_schedule_kind kind)
{
	return (struct cs_schedule){
		.kind = kind,
		.factor = 0.1,
		.every = 10,
		.final = 0,
		.peak_at = 0.3,
		.start = 0.04,
	};
}

enum cs_status cs_schedule_parse(const char *name, enum cs_schedule_kind *kind, struct cs_error *error)
{
	for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
		if (!strcmp(name, names[i])) {
			*kind = (enum cs_schedule_kind)i;
			return CS_OK;
		}
	}
	if (!strcmp(name, "one_cycle") || !strcmp(name, "onecycle")) {
		*kind = CS_ONE_CYCLE;
		return CS_OK;
	}
	return cs_fail(error, CS_ERR_ARGUMENT, "no schedule '%s': expected constant, step, cosine or one-cycle", name);
}

const char *cs_schedule_name(enum cs_schedule_kind kind)
{
	return names[kind];
}

/* From a at t = 0 to b at t = 1 along half a cosine. */
static double swing(double a, double b, double t)
{
	return b + (a - b) * 0.5 * (1 + cos(M_PI * t));
}

/* The schedule after its warm-up: `t` of the steps that are left are done. */
static double after_warmup(const struct cs_schedule *schedule, double t, int64_t epoch)
{
	double peak = schedule->peak_at;

	switch (schedule->kind) {
	case CS_CONSTANT:
		return 1;
	case CS_STEP:
		return pow(schedule->factor, (double)(epoch / (schedule->every > 0 ? schedule->every : 1)));
	case CS_COSINE:
		return swing(1, schedule->final, t);
	case CS_ONE_CYCLE:
		if (t < peak)
			return swing(schedule->start, 1, t / peak);
		return swing(1, schedule->final, peak < 1 ? (t - peak) / (1 - peak) : 1);
	}
	return 1;
}

double cs_schedule_factor(const struct cs_schedule *schedule, int64_t step, int64_t steps, int64_t steps_per_epoch)
{
	int64_t warmup = schedule->warmup > 0 ? schedule->warmup : 0;
	int64_t left = steps - warmup;
	double t;

	/* The rise is counted in finished steps: a first step at rate 0 would be a batch thrown away. */
	if (step < warmup)
		return after_warmup(schedule, 0, 0) * (double)(step + 1) / (double)warmup;
	t = left > 0 ? (double)(step - warmup) / (double)left : 1;
	if (t > 1)
		t = 1;
	return after_warmup(schedule, t, steps_per_epoch > 0 ? step / steps_per_epoch : 0);
}
