/* runs.h: which runs there are. */
#ifndef CS_WORK_RUNS_H
#define CS_WORK_RUNS_H

#include "core/job.h"
#include "run/run.h"

#include <stdbool.h>

struct cs_run_list {
	struct cs_run_state *runs;
	double *stamps; /* [count] when the newest of its files was written: what has not changed is not read again */
	bool *known; /* [count] false: seen so far, but not looked into */
	int count;
};

/* The run that was changed last among the sub-directories of `directory`; its path, to be freed; NULL when there is none. Cheap. */
char *cs_newest_run(const char *directory);

/* All runs among the sub-directories, in the order of their paths. What `before` knows and has not changed is taken over; NULL: nothing is
 * known. `quick`: names and dates alone, so that a long list is there at once. */
enum cs_status cs_run_list_read(const char *directory, const struct cs_run_list *before, bool quick,
	struct cs_job *job, struct cs_run_list *out, struct cs_error *error);
/* A copy, for a reader in the background. */
enum cs_status cs_run_list_copy(const struct cs_run_list *from, struct cs_run_list *out, struct cs_error *error);
void cs_run_list_fini(struct cs_run_list *list);

#endif
