/* analyses.c: see analyses.h. */
#include "ui/analyses.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "run/run.h"
#include "ui/record.h"
#include "ui/view.h"
#include "ui/words.h"
#include "work/reading.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double last_wait = 3; /* s at the end of the program for those that do not heed a cancel */

struct cs_analyses {
	struct cs_analysis *all;
	int count; /* -1: not known yet */
	struct cs_error trouble;
	struct cs_work *listing;
	struct cs_analysis_run *runs;
};

/* ---- the list ---- */

struct listing {
	const struct cs_ui_hooks *hooks;
	char *text;
};

static void release_listing(void *context)
{
	struct listing *listing = context;

	cs_free(listing->text);
	cs_free(listing);
}

static enum cs_status make_list(struct cs_job *job, void *context, struct cs_error *error)
{
	struct listing *listing = context;

	(void)job;
	return listing->hooks->analyses(listing->hooks->context, &listing->text, error);
}

struct cs_analyses *cs_session_analyses(struct cs_session *session)
{
	if (!session->analyses) {
		session->analyses = cs_calloc(1, sizeof *session->analyses);
		if (!session->analyses)
			return NULL;
		session->analyses->count = -1;
		cs_analyses_list(session);
	}
	return session->analyses;
}

void cs_analyses_list(struct cs_session *session)
{
	struct cs_analyses *analyses = cs_session_analyses(session);
	struct listing *listing;

	if (!analyses || analyses->listing)
		return;
	if (!session->hooks || !session->hooks->analyses) {
		analyses->count = 0;
		cs_fail(&analyses->trouble, CS_ERR_UNSUPPORTED, "there is no Lua here to run analyses");
		return;
	}
	listing = cs_calloc(1, sizeof *listing);
	if (!listing)
		return;
	listing->hooks = session->hooks;
	cs_work_start(session->works, NULL, make_list, listing, release_listing, &analyses->listing, NULL);
}

static void free_list(struct cs_analysis *all, int count)
{
	for (int i = 0; i < count; i++) {
		for (int k = 0; k < all[i].option_count; k++) {
			cs_free(all[i].options[k].key);
			cs_free(all[i].options[k].standard);
			cs_free(all[i].options[k].given);
		}
		cs_free(all[i].options);
		cs_free(all[i].name);
		cs_free(all[i].title);
	}
	cs_free(all);
}

/* A line: name, title, key=value ..., with tabs between. False without memory. */
static bool read_line(char *line, struct cs_analysis *analysis)
{
	char *name = strsep(&line, "\t"), *title = strsep(&line, "\t"), *word;

	*analysis = (struct cs_analysis){.broken = title && *title == '!'};
	analysis->name = cs_strdup(name);
	analysis->title = cs_strdup(title ? title + analysis->broken : "");
	while ((word = strsep(&line, "\t")) != NULL) {
		struct cs_analysis_option *more =
			cs_realloc(analysis->options, (size_t)analysis->option_count + 1, sizeof *more);
		char *key = strsep(&word, "=");

		if (!more)
			return false;
		analysis->options = more;
		more += analysis->option_count++;
		*more = (struct cs_analysis_option){.key = cs_strdup(key), .standard = cs_strdup(word ? word : "")};
		if (!more->key || !more->standard)
			return false;
	}
	return analysis->name && analysis->title;
}

/* Options that were set before the list was read anew. */
static void keep_given(struct cs_analysis *fresh, struct cs_analysis *old, int old_count)
{
	for (int i = 0; i < old_count; i++) {
		if (strcmp(old[i].name, fresh->name) != 0)
			continue;
		for (int k = 0; k < fresh->option_count; k++) {
			for (int j = 0; j < old[i].option_count; j++) {
				if (strcmp(old[i].options[j].key, fresh->options[k].key) == 0) {
					fresh->options[k].given = old[i].options[j].given;
					old[i].options[j].given = NULL;
				}
			}
		}
	}
}

static void take_list(struct cs_analyses *analyses, char *text)
{
	struct cs_analysis *all;
	int room = 1, count = 0;
	char *line;

	for (const char *at = text; *at; at++)
		room += *at == '\n';
	all = cs_calloc((size_t)room, sizeof *all);
	while (all && (line = strsep(&text, "\n")) != NULL) {
		if (*line && read_line(line, &all[count])) {
			keep_given(&all[count], analyses->all, analyses->count);
			count++;
		}
	}
	if (!all)
		return;
	free_list(analyses->all, analyses->count);
	analyses->all = all;
	analyses->count = count;
}

struct cs_analysis *cs_analyses_all(struct cs_session *session, int *count)
{
	struct cs_analyses *analyses = cs_session_analyses(session);

	*count = analyses ? analyses->count : -1;
	return analyses ? analyses->all : NULL;
}

struct cs_analysis *cs_analyses_find(struct cs_session *session, const char *name)
{
	int count;
	struct cs_analysis *all = cs_analyses_all(session, &count);

	for (int i = 0; i < count; i++) {
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	}
	return NULL;
}

const struct cs_error *cs_analyses_trouble(struct cs_session *session)
{
	return &cs_session_analyses(session)->trouble;
}

/* ---- runs ---- */

struct errand {
	const struct cs_ui_hooks *hooks;
	char *name, *model, *dataset, *directory, *options;
	int threads;
};

static void release_errand(void *context)
{
	struct errand *errand = context;

	cs_free(errand->name);
	cs_free(errand->model);
	cs_free(errand->dataset);
	cs_free(errand->directory);
	cs_free(errand->options);
	cs_free(errand);
}

static enum cs_status analyze(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;
	const struct cs_ui_analysis what = {.name = errand->name,
		.model = errand->model,
		.dataset = errand->dataset,
		.directory = errand->directory,
		.options = errand->options,
		.threads = errand->threads};

	return errand->hooks->analyze(errand->hooks->context, &what, job, error);
}

/* The directory for results of the open model, to be freed. */
static char *directory_of(const struct cs_session *session)
{
	bool within;

	return session->opened ? cs_run_results(session->opened->target, &within) : NULL;
}

char *cs_analyses_path(const struct cs_session *session, const char *name)
{
	char *directory = directory_of(session), *path = directory ? cs_format("%s/%s.hdf5", directory, name) : NULL;

	cs_free(directory);
	return path;
}

struct cs_analysis_run *cs_analyses_run(struct cs_session *session, const char *name)
{
	struct cs_analyses *analyses = cs_session_analyses(session);

	for (struct cs_analysis_run *run = analyses ? analyses->runs : NULL; run && session->opened; run = run->next) {
		if (strcmp(run->name, name) == 0 && strcmp(run->target, session->opened->target) == 0)
			return run;
	}
	return NULL;
}

/* Lines "key=value" of what was set. */
static char *given_options(const struct cs_analysis *analysis)
{
	char *text = cs_strdup("");

	for (int i = 0; text && analysis && i < analysis->option_count; i++) {
		char *longer;

		if (!analysis->options[i].given)
			continue;
		longer = cs_format("%s%s=%s\n", text, analysis->options[i].key, analysis->options[i].given);
		cs_free(text);
		text = longer;
	}
	return text;
}

static struct cs_analysis_run *new_run(struct cs_session *session, const char *name)
{
	struct cs_analysis_run *run = cs_calloc(1, sizeof *run);

	if (!run)
		return NULL;
	run->name = cs_strdup(name);
	run->target = cs_strdup(session->opened->target);
	run->path = cs_analyses_path(session, name);
	run->since = cs_now();
	if (run->name && run->target && run->path)
		return run;
	cs_free(run->name);
	cs_free(run->target);
	cs_free(run->path);
	cs_free(run);
	return NULL;
}

static void free_run(struct cs_analysis_run *run)
{
	cs_work_drop(run->work);
	cs_free(run->name);
	cs_free(run->target);
	cs_free(run->path);
	cs_free(run);
}

/* The one that ended before on the same model gives way. */
static void forget_ended(struct cs_analyses *analyses, const struct cs_analysis_run *for_run)
{
	struct cs_analysis_run **at = &analyses->runs;

	while (*at) {
		struct cs_analysis_run *run = *at;

		if (!run->work && strcmp(run->name, for_run->name) == 0 && strcmp(run->target, for_run->target) == 0) {
			*at = run->next;
			free_run(run);
		} else {
			at = &run->next;
		}
	}
}

static struct errand *new_errand(struct cs_session *session, const char *name)
{
	struct errand *errand = cs_calloc(1, sizeof *errand);

	if (!errand)
		return NULL;
	errand->hooks = session->hooks;
	errand->name = cs_strdup(name);
	errand->model = cs_strdup(session->opened->target);
	errand->dataset = cs_strdup(session->opened->data->spec);
	errand->directory = directory_of(session);
	errand->options = given_options(cs_analyses_find(session, name));
	errand->threads = session->request->threads;
	if (errand->name && errand->model && errand->dataset && errand->directory && errand->options)
		return errand;
	release_errand(errand);
	return NULL;
}

bool cs_analyses_start(struct cs_session *session, const char *name)
{
	struct cs_analyses *analyses = cs_session_analyses(session);
	struct cs_analysis_run *run = cs_analyses_run(session, name);
	const struct cs_analysis *analysis = cs_analyses_find(session, name);
	struct errand *errand;
	struct cs_error error;
	char why[300];

	if (run && run->work) {
		cs_session_say(session, CS_STYLE_TEXT, "%s is running already", name);
		return false;
	}
	if (!session->hooks || !session->hooks->analyze || !analyses) {
		cs_session_say(session, CS_STYLE_WARN, "there is no Lua here to run analyses");
		return false;
	}
	if (analysis && analysis->broken) {
		cs_session_say(session, CS_STYLE_BAD, "%s %s", name, analysis->title);
		return false;
	}
	if (!cs_session_has_images(session)) {
		cs_session_why_not(session, why, sizeof why);
		cs_session_say(session, CS_STYLE_WARN, "%s", why);
		return false;
	}
	run = new_run(session, name);
	errand = run ? new_errand(session, name) : NULL;
	if (!errand) {
		if (run)
			free_run(run);
		cs_session_say(session, CS_STYLE_BAD, "not enough memory for an analysis");
		return false;
	}
	cs_record_analysis(session, name, errand->options, errand->directory);
	if (cs_work_start(session->works, "analysing", analyze, errand, release_errand, &run->work, &error)) {
		run->work = NULL;
		free_run(run);
		cs_session_complain(session, &error);
		return false;
	}
	forget_ended(analyses, run);
	run->next = analyses->runs;
	analyses->runs = run;
	cs_session_say(session, CS_STYLE_TEXT, "%s runs in the background: look at something else meanwhile", name);
	return true;
}

bool cs_analyses_cancel(struct cs_session *session, const char *name)
{
	struct cs_analysis_run *run = cs_analyses_run(session, name);

	if (!run || !run->work) {
		cs_session_say(session, CS_STYLE_TEXT, "%s is not running", name);
		return false;
	}
	cs_work_cancel(run->work);
	run->stopping = true;
	cs_session_say(session, CS_STYLE_TEXT, "%s is being cancelled", name);
	return true;
}

static void run_ended(struct cs_session *session, struct cs_analysis_run *run)
{
	char took[40];

	run->took = cs_now() - run->since;
	if (cs_work_result(run->work, &run->error) == CS_OK) {
		run->error.status = CS_OK;
		cs_session_say(session, CS_STYLE_GOOD, "%s is done in %s: %s", run->name,
			cs_words_seconds(run->took, took, sizeof took), run->path);
	} else if (run->error.status == CS_ERR_CANCELLED) {
		cs_session_say(session, CS_STYLE_TEXT, "%s", run->error.message);
	} else {
		cs_session_complain(session, &run->error);
	}
	cs_work_drop(run->work);
	run->work = NULL;
}

bool cs_analyses_tick(struct cs_session *session)
{
	struct cs_analyses *analyses = session->analyses;
	bool news = false;

	if (!analyses)
		return false;
	if (analyses->listing && cs_work_finished(analyses->listing)) {
		struct listing *listing = cs_work_context(analyses->listing);

		if (cs_work_result(analyses->listing, &analyses->trouble) == CS_OK) {
			analyses->trouble.status = CS_OK;
			take_list(analyses, listing->text);
		} else if (analyses->count < 0) {
			analyses->count = 0;
		}
		cs_work_drop(analyses->listing);
		analyses->listing = NULL;
		news = true;
	}
	for (struct cs_analysis_run *run = analyses->runs; run; run = run->next) {
		if (run->work && cs_work_finished(run->work)) {
			run_ended(session, run);
			news = true;
		}
	}
	return news;
}

/* Those that do not heed being cancelled (a script in a call of its own) would hold up the end of the program. */
static void await_runs(struct cs_analyses *analyses)
{
	double end = cs_now() + last_wait;

	for (struct cs_analysis_run *run = analyses->runs; run; run = run->next) {
		if (run->work)
			cs_work_cancel(run->work);
	}
	for (struct cs_analysis_run *run = analyses->runs; run; run = run->next) {
		while (run->work && !cs_work_finished(run->work) && cs_now() < end)
			usleep(10000);
		if (run->work && !cs_work_finished(run->work)) {
			fprintf(stderr, "convscope: analysis %s did not stop and was cut off\n", run->name);
			_exit(1);
		}
	}
}

void cs_analyses_free(struct cs_analyses *analyses)
{
	if (!analyses)
		return;
	await_runs(analyses);
	while (analyses->runs) {
		struct cs_analysis_run *run = analyses->runs;

		analyses->runs = run->next;
		free_run(run);
	}
	cs_work_drop(analyses->listing);
	free_list(analyses->all, analyses->count);
	cs_free(analyses);
}

double cs_analyses_progress(struct cs_analysis_run *run, char *text, unsigned size)
{
	return run->work ? cs_work_progress(run->work, text, size) : -1;
}

/* ---- for screens of one analysis ---- */

enum cs_status cs_analyses_read(
	struct cs_session *session, const char *name, struct cs_reading **out, struct cs_error *error)
{
	char *path = cs_analyses_path(session, name);
	enum cs_status status = path ? cs_reading_new(session->works, path, out, error)
				     : cs_fail(error, CS_ERR_NOT_FOUND, "no model is open");

	cs_free(path);
	return status;
}
