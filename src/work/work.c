/* work.c: a list of jobs. See work.h. Used by the main thread alone. */
#include "work/work.h"

#include "core/alloc.h"
#include "core/clock.h"

#include <stdio.h>
#include <unistd.h>

struct cs_work {
	struct cs_job job;
	const char *what;
	void *context;
	void (*release)(void *context);
	bool dropped;
	struct cs_work *next;
};

struct cs_works {
	struct cs_work *first;
};

enum cs_status cs_works_new(struct cs_works **out, struct cs_error *error)
{
	*out = cs_calloc(1, sizeof **out);
	return *out ? CS_OK : cs_fail_memory(error, "background work");
}

static void release(struct cs_work *work)
{
	cs_job_fini(&work->job);
	if (work->release)
		work->release(work->context);
	cs_free(work);
}

bool cs_works_stop(struct cs_works *works, double seconds)
{
	double end = cs_now() + seconds;
	bool some = works != NULL;

	for (struct cs_work *work = works ? works->first : NULL; work; work = work->next)
		cs_job_cancel(&work->job);
	while (some) {
		some = false;
		for (struct cs_work *work = works->first; work; work = work->next)
			some |= !cs_job_finished(&work->job);
		if (!some || cs_now() > end)
			break;
		usleep(2000);
	}
	return !some;
}

void cs_works_free(struct cs_works *works)
{
	if (!works)
		return;
	for (struct cs_work *work = works->first; work; work = work->next)
		cs_job_cancel(&work->job);
	while (works->first) {
		struct cs_work *work = works->first;

		works->first = work->next;
		release(work);
	}
	cs_free(works);
}

enum cs_status cs_work_start(struct cs_works *works, const char *what, cs_job_work run, void *context,
	void (*release_context)(void *context), struct cs_work **out, struct cs_error *error)
{
	struct cs_work *work = cs_calloc(1, sizeof *work);
	enum cs_status status =
		work ? cs_job_start(&work->job, run, context, error) : cs_fail_memory(error, "background work");

	if (status) {
		cs_free(work);
		if (release_context)
			release_context(context);
		return status;
	}
	work->what = what;
	work->context = context;
	work->release = release_context;
	work->next = works->first;
	works->first = work;
	*out = work;
	return CS_OK;
}

bool cs_work_finished(struct cs_work *work)
{
	return cs_job_finished(&work->job);
}

enum cs_status cs_work_result(struct cs_work *work, struct cs_error *error)
{
	return cs_job_join(&work->job, error);
}

void *cs_work_context(struct cs_work *work)
{
	return work->context;
}

void cs_work_cancel(struct cs_work *work)
{
	cs_job_cancel(&work->job);
}

double cs_work_progress(struct cs_work *work, char *text, unsigned size)
{
	return cs_job_snapshot(&work->job, text, size);
}

void cs_work_drop(struct cs_work *work)
{
	if (!work)
		return;
	cs_job_cancel(&work->job);
	work->dropped = true;
}

void cs_works_reap(struct cs_works *works)
{
	struct cs_work **at = &works->first;

	while (*at) {
		struct cs_work *work = *at;

		if (work->dropped && cs_job_finished(&work->job)) {
			*at = work->next;
			release(work);
		} else {
			at = &work->next;
		}
	}
}

bool cs_works_any(const struct cs_works *works)
{
	return works->first != NULL;
}

int cs_works_busy(struct cs_works *works, char *text, unsigned size)
{
	int count = 0;

	if (size)
		text[0] = '\0';
	for (struct cs_work *work = works->first; work; work = work->next) {
		char line[200];
		double done;

		if (work->dropped || !work->what || cs_job_finished(&work->job))
			continue;
		if (count++ == 0) {
			done = cs_job_snapshot(&work->job, line, sizeof line);
			if (done >= 0)
				snprintf(text, size, "%s %.0f %%", line[0] ? line : work->what, 100 * done);
			else
				snprintf(text, size, "%s", line[0] ? line : work->what);
		}
	}
	return count;
}
