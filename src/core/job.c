/* job.c: background work. See job.h. */
#include "core/job.h"

#include <signal.h>
#include <stdio.h>

static _Thread_local struct cs_job *current; /* the job whose thread this is */

void cs_job_init(struct cs_job *job)
{
	*job = (struct cs_job){.done = -1};
	pthread_mutex_init(&job->lock, NULL);
}

static void *job_main(void *argument)
{
	struct cs_job *job = argument;
	struct cs_error error = {0};
	enum cs_status status;

	current = job;
	status = job->work(job, job->context, &error);

	pthread_mutex_lock(&job->lock);
	job->status = status;
	job->error = error;
	pthread_mutex_unlock(&job->lock);
	atomic_store(&job->finished, true);
	return NULL;
}

enum cs_status cs_job_start(struct cs_job *job, cs_job_work work, void *context, struct cs_error *error)
{
	sigset_t all, before;
	int code;

	cs_job_init(job);
	job->work = work;
	job->context = context;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&job->thread, NULL, job_main, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code != 0) {
		pthread_mutex_destroy(&job->lock);
		return cs_fail(error, CS_ERR_MEMORY, "the system does not give convscope another thread");
	}
	job->threaded = true;
	return CS_OK;
}

void cs_job_cancel(struct cs_job *job)
{
	atomic_store(&job->cancel, true);
}

enum cs_status cs_job_join(struct cs_job *job, struct cs_error *error)
{
	enum cs_status status;

	if (job->threaded) {
		pthread_join(job->thread, NULL);
		job->threaded = false;
	}
	pthread_mutex_lock(&job->lock);
	status = job->status;
	if (error && status)
		*error = job->error;
	pthread_mutex_unlock(&job->lock);
	return status;
}

void cs_job_fini(struct cs_job *job)
{
	cs_job_cancel(job);
	cs_job_join(job, NULL);
	pthread_mutex_destroy(&job->lock);
}

void cs_job_progress(struct cs_job *job, double done, const char *format, ...)
{
	va_list args;

	if (!job)
		return;
	pthread_mutex_lock(&job->lock);
	job->done = done;
	va_start(args, format);
	vsnprintf(job->text, sizeof job->text, format, args);
	va_end(args);
	pthread_mutex_unlock(&job->lock);
}

bool cs_job_cancelled(struct cs_job *job)
{
	return job && atomic_load_explicit(&job->cancel, memory_order_relaxed);
}

bool cs_job_interrupted(void)
{
	return cs_job_cancelled(current);
}

enum cs_status cs_job_heed(const char *what, struct cs_error *error)
{
	return cs_job_interrupted() ? cs_fail(error, CS_ERR_CANCELLED, "%s was cancelled", what) : CS_OK;
}

double cs_job_snapshot(struct cs_job *job, char *text, unsigned size)
{
	double done;

	pthread_mutex_lock(&job->lock);
	done = job->done;
	if (size)
		snprintf(text, size, "%s", job->text);
	pthread_mutex_unlock(&job->lock);
	return done;
}
