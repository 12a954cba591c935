/* workers.h: a pool of threads that share out numbered tasks.
 *
 * What is computed never depends on the number of threads: a caller splits work into a number of tasks that follows from
 * shapes alone, each task writes outputs of its own, and sums over tasks are taken afterwards in task order.
 */
#ifndef CS_CORE_WORKERS_H
#define CS_CORE_WORKERS_H

#include "core/status.h"

struct cs_workers;

/* One task: `task` in 0 .. tasks-1, `worker` in 0 .. cs_workers_count()-1 (for scratch memory of its own). */
typedef void (*cs_task)(void *context, int task, int worker);

/* A pool of `threads` threads, the caller's included; 0 means one for each processor this process may run on (its affinity
 * mask and cgroup limit). A pool of 1 starts no thread. */
enum cs_status cs_workers_new(int threads, struct cs_workers **out, struct cs_error *error);
void cs_workers_free(struct cs_workers *workers);

int cs_workers_count(const struct cs_workers *workers);

/* Run task 0 .. tasks-1 and return when all are done; the calling thread works too. Several threads may call at once: one
 * waits for the other. Not to be called from inside a task. `workers` NULL runs them here, as worker 0. */
void cs_workers_run(struct cs_workers *workers, int tasks, cs_task run, void *context);

/* Processors this process may use. */
int cs_processors(void);

#endif
