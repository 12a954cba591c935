/* follow.h: reading a run again and again, while perhaps another process writes it. */
#ifndef CS_WORK_FOLLOW_H
#define CS_WORK_FOLLOW_H

#include "model/history.h"
#include "run/run.h"
#include "work/work.h"

enum { CS_LOG_LINES = 200 };

/* What was read. */
struct cs_followed {
	bool there; /* false: the directory is gone; `state` is the last one known */
	bool has_model; /* best.hdf5 or last.hdf5 can be opened */
	struct cs_run_state state;
	struct cs_curves curves;
	struct cs_curves before; /* the epochs of the trainings it went on from, where their record is there */
	double started; /* seconds since 1970 at which config.json was written; 0: unknown */
	uint64_t
		kind; /* what config.json asked for but for seeds: runs that share it differ by their seed alone; 0: unknown */
	char *log; /* the end of log.txt, NUL-terminated, or NULL */
	struct cs_error trouble; /* status CS_OK: none; else why the curves could not be read */
};

struct cs_follower;

/* Begin to follow a run directory. */
enum cs_status cs_follower_new(
	struct cs_works *works, const char *directory, struct cs_follower **out, struct cs_error *error);
void cs_follower_free(struct cs_follower *follower);

/* Look after it: start reading when it is time, take in what was read. True when there is something new. */
bool cs_follower_tick(struct cs_follower *follower);

/* The latest; NULL before anything was read. Valid until the next tick. */
const struct cs_followed *cs_follower_latest(const struct cs_follower *follower);

/* Seconds to the end of a running training; negative when that cannot be said. */
double cs_followed_eta(const struct cs_followed *followed);

/* Epochs done so far, with fraction. */
double cs_followed_epochs(const struct cs_followed *followed);

#endif
