/* job.h: work in the background of a program that must stay awake: progress out, cancel in.
 *
 * A job owns its data. It publishes how far it is and a line of text; whoever started it polls, and may cancel, which the
 * work notices at its next cs_job_progress() or cs_job_cancelled(). The same handle serves work that runs in the
 * foreground (cs_job_init), so that engine code takes one `struct cs_job *` (or NULL) and need not know.
 */
#ifndef CS_CORE_JOB_H
#define CS_CORE_JOB_H

#include "core/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct cs_job;

/* What a job does. Returns CS_OK, CS_ERR_CANCELLED when it noticed, or fills `error`. */
typedef enum cs_status (*cs_job_work)(struct cs_job *job, void *context, struct cs_error *error);

struct cs_job {
	atomic_bool cancel;
	atomic_bool finished;
	bool threaded;
	pthread_t thread;
	cs_job_work work;
	void *context;
	pthread_mutex_t lock; /* guards what follows */
	double done;          /* 0 .. 1, or negative when unknown */
	char text[200];
	enum cs_status status;
	struct cs_error error;
};

/* A job that runs in the calling thread: for progress and cancellation alone. */
void cs_job_init(struct cs_job *job);

/* Start `work` in a thread of its own (all signals blocked). The struct must stay where it is until cs_job_fini. */
enum cs_status cs_job_start(struct cs_job *job, cs_job_work work, void *context, struct cs_error *error);

/* Ask it to stop; returns at once. */
void cs_job_cancel(struct cs_job *job);

/* Wait for the end; returns how it ended and copies its error. */
enum cs_status cs_job_join(struct cs_job *job, struct cs_error *error);

/* Cancel, wait and release. Safe on a job that was joined. */
void cs_job_fini(struct cs_job *job);

/* For the work itself; `job` may be NULL (nobody watches). */
void cs_job_progress(struct cs_job *job, double done, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool cs_job_cancelled(struct cs_job *job);

/* The job whose thread this is was asked to stop: for what takes long and is called where no job is handed down, as the recognising of files. False in
 * threads that are no job's. */
bool cs_job_interrupted(void);
/* The same for what ends by it: CS_ERR_CANCELLED, "`what` was cancelled". */
enum cs_status cs_job_heed(const char *what, struct cs_error *error);

/* A snapshot for whoever watches: fraction done and the last text (size bytes at most). */
double cs_job_snapshot(struct cs_job *job, char *text, unsigned size);

static inline bool cs_job_finished(struct cs_job *job)
{
	return atomic_load(&job->finished);
}

#endif
