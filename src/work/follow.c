/* follow.c: see follow.h. The files are read in the background, once a second while the run is alive, else every three seconds;
 * the curves only when their file has changed. */
#include "work/follow.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "io/file.h"
#include "run/curves.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOG_BYTES = 16 << 10 };

struct stamp {
	double when;
	long long size;
};

struct errand {
	char *directory;
	struct stamp known; /* of the history that the follower has already */
	struct stamp stamp;
	bool curves_new;
	struct cs_followed followed;
};

struct cs_follower {
	struct cs_works *works;
	char *directory;
	struct cs_work *work;
	struct cs_followed latest;
	struct stamp stamp;
	bool any;
	double read;
};

static void clear(struct cs_followed *followed)
{
	cs_curves_fini(&followed->curves);
	cs_curves_fini(&followed->before);
	cs_free(followed->log);
	*followed = (struct cs_followed){0};
}

static void release(void *context)
{
	struct errand *errand = context;

	clear(&errand->followed);
	cs_free(errand->directory);
	cs_free(errand);
}

static struct stamp stamp_of(const char *directory, const char *name)
{
	char *path = cs_file_join(directory, name);
	struct stamp stamp = {0};
	struct stat info;

	if (path && stat(path, &info) == 0)
		stamp = (struct stamp){
			(double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec, (long long)info.st_size};
	cs_free(path);
	return stamp;
}

static char *end_of_log(const char *directory)
{
	char *path = cs_file_join(directory, "log.txt"), *text = NULL;
	int64_t size = 0;
	int file = -1;

	if (path && cs_file_open(path, &file, &size, NULL) == CS_OK) {
		int64_t from = size > LOG_BYTES ? size - LOG_BYTES : 0;

		text = cs_calloc(1, LOG_BYTES + 1);
		if (text && cs_file_read_at(file, path, from, text, (size_t)(size - from), NULL))
			text[0] = '\0'; /* it has become shorter: the next look will do */
		close(file);
	}
	cs_free(path);
	return text;
}

static enum cs_status read_run(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;
	struct cs_followed *followed = &errand->followed;

	(void)job;
	(void)error;
	followed->there = cs_run_inspect(errand->directory, &followed->state, NULL) == CS_OK;
	followed->has_model =
		stamp_of(errand->directory, "best.hdf5").size > 0 || stamp_of(errand->directory, "last.hdf5").size > 0;
	followed->started = stamp_of(errand->directory, "config.json").when;
	followed->kind = cs_run_kind(errand->directory);
	followed->log = end_of_log(errand->directory);
	errand->stamp = stamp_of(errand->directory, "history.hdf5");
	if (errand->stamp.size == 0)
		errand->stamp = stamp_of(errand->directory, "history.csv");
	if (errand->stamp.size > 0 &&
		(errand->stamp.size != errand->known.size || errand->stamp.when != errand->known.when ||
			followed->state.alive)) {
		errand->curves_new = cs_history_read(errand->directory, &followed->curves, &followed->trouble) == CS_OK;
		if (errand->curves_new)
			followed->trouble.status = CS_OK;
		if (errand->curves_new)
			cs_history_read_before(errand->directory, &followed->before, NULL);
	}
	return CS_OK;
}

enum cs_status cs_follower_new(
	struct cs_works *works, const char *directory, struct cs_follower **out, struct cs_error *error)
{
	struct cs_follower *follower = cs_calloc(1, sizeof *follower);

	if (follower)
		follower->directory = cs_strdup(directory);
	if (!follower || !follower->directory) {
		cs_free(follower);
		return cs_fail_memory(error, "a run");
	}
	follower->works = works;
	*out = follower;
	return CS_OK;
}

void cs_follower_free(struct cs_follower *follower)
{
	if (!follower)
		return;
	cs_work_drop(follower->work);
	clear(&follower->latest);
	cs_free(follower->directory);
	cs_free(follower);
}

static void start(struct cs_follower *follower)
{
	struct errand *errand = cs_calloc(1, sizeof *errand);

	if (!errand)
		return;
	errand->known = follower->stamp;
	errand->directory = cs_strdup(follower->directory);
	if (!errand->directory) {
		cs_free(errand);
		return;
	}
	cs_work_start(follower->works, NULL, read_run, errand, release, &follower->work, NULL);
}

static void take(struct cs_follower *follower, struct errand *errand)
{
	struct cs_followed *from = &errand->followed, *to = &follower->latest;

	if (!errand->curves_new) { /* the old ones hold */
		cs_curves_fini(&from->curves);
		cs_curves_fini(&from->before);
		from->curves = to->curves;
		from->before = to->before;
		to->curves = to->before = (struct cs_curves){0};
	}
	if (!from->there)
		from->state = to->state;
	clear(to);
	*to = *from;
	*from = (struct cs_followed){0};
	if (errand->curves_new)
		follower->stamp = errand->stamp;
	follower->any = true;
}

bool cs_follower_tick(struct cs_follower *follower)
{
	double wait = follower->latest.state.alive ? 1 : 3;

	if (!follower->work) {
		if (!follower->any || cs_now() - follower->read >= wait)
			start(follower);
		return false;
	}
	if (!cs_work_finished(follower->work))
		return false;
	take(follower, cs_work_context(follower->work));
	cs_work_drop(follower->work);
	follower->work = NULL;
	follower->read = cs_now();
	return true;
}

const struct cs_followed *cs_follower_latest(const struct cs_follower *follower)
{
	return follower->any ? &follower->latest : NULL;
}

double cs_followed_epochs(const struct cs_followed *followed)
{
	const struct cs_curves *curves = &followed->curves;
	double done = (double)curves->epoch_count;

	if (curves->point_count && curves->points[curves->point_count - 1].epoch > done)
		done = curves->points[curves->point_count - 1].epoch;
	return done;
}

double cs_followed_eta(const struct cs_followed *followed)
{
	const struct cs_curves *curves = &followed->curves;
	double done = cs_followed_epochs(followed), left = (double)followed->state.epochs - done, each;

	if (!followed->state.alive || left <= 0)
		return -1;
	if (curves->epoch_count)
		each = curves->epochs[curves->epoch_count - 1].seconds;
	else if (done > 0.02 && followed->started > 0)
		each = ((double)time(NULL) - followed->started) / done;
	else
		return -1;
	return left * each;
}
