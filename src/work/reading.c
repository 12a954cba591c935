/* reading.c: see reading.h. The stamp of the file says whether it is another one; what was read last stays until the next is whole. */
#include "work/reading.h"

#include "core/alloc.h"
#include "core/clock.h"

#include <string.h>
#include <sys/stat.h>

static const double look_every = 1.0;

struct stamp {
	double when;
	long long size;
	unsigned long long node;
};

struct errand {
	char *path;
	struct stamp known, stamp;
	struct cs_result *result; /* NULL: nothing new, or none */
	struct cs_error trouble;
};

struct cs_reading {
	struct cs_works *works;
	char *path;
	struct cs_work *work;
	struct cs_result *result;
	struct cs_error trouble;
	struct stamp stamp;
	bool looked;
	unsigned version;
	double last;
};

static void release(void *context)
{
	struct errand *errand = context;

	cs_result_free(errand->result);
	cs_free(errand->path);
	cs_free(errand);
}

static bool same(const struct stamp *a, const struct stamp *b)
{
	return a->when == b->when && a->size == b->size && a->node == b->node;
}

static enum cs_status look(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;
	struct stat info;

	(void)job;
	(void)error;
	if (stat(errand->path, &info) == 0)
		errand->stamp = (struct stamp){(double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec,
			(long long)info.st_size, (unsigned long long)info.st_ino};
	if (errand->stamp.size == 0 || same(&errand->stamp, &errand->known))
		return CS_OK;
	if (cs_result_read(errand->path, &errand->result, &errand->trouble) == CS_OK)
		errand->trouble.status = CS_OK;
	return CS_OK;
}

enum cs_status cs_reading_new(struct cs_works *works, const char *path, struct cs_reading **out, struct cs_error *error)
{
	struct cs_reading *reading = cs_calloc(1, sizeof *reading);

	if (!reading || !(reading->path = cs_strdup(path))) {
		cs_free(reading);
		return cs_fail_memory(error, "a result");
	}
	reading->works = works;
	reading->last = -1;
	*out = reading;
	return CS_OK;
}

void cs_reading_free(struct cs_reading *reading)
{
	if (!reading)
		return;
	cs_work_drop(reading->work);
	cs_result_free(reading->result);
	cs_free(reading->path);
	cs_free(reading);
}

static void start(struct cs_reading *reading)
{
	struct errand *errand = cs_calloc(1, sizeof *errand);

	reading->last = cs_now();
	if (!errand || !(errand->path = cs_strdup(reading->path))) {
		cs_free(errand);
		return;
	}
	errand->known = reading->stamp;
	cs_work_start(reading->works, NULL, look, errand, release, &reading->work, NULL);
}

bool cs_reading_tick(struct cs_reading *reading)
{
	struct errand *errand;
	bool news;

	if (!reading->work) {
		if (reading->last < 0 || cs_now() - reading->last >= look_every)
			start(reading);
		return false;
	}
	if (!cs_work_finished(reading->work))
		return false;
	errand = cs_work_context(reading->work);
	news = !reading->looked || !same(&errand->stamp, &reading->stamp);
	if (news) {
		struct cs_result *old = reading->result;

		reading->result = errand->result;
		errand->result = old;
		reading->trouble = errand->trouble;
		reading->stamp = errand->stamp;
		reading->looked = true;
		reading->version++;
	}
	cs_work_drop(reading->work);
	reading->work = NULL;
	return news;
}

const struct cs_result *cs_reading_result(const struct cs_reading *reading)
{
	return reading ? reading->result : NULL;
}

unsigned cs_reading_version(const struct cs_reading *reading)
{
	return reading ? reading->version : 0;
}

bool cs_reading_looked(const struct cs_reading *reading)
{
	return reading && reading->looked;
}

const struct cs_error *cs_reading_trouble(const struct cs_reading *reading)
{
	return &reading->trouble;
}

double cs_reading_stamp(const struct cs_reading *reading)
{
	return reading ? reading->stamp.when : 0;
}
