/* commands.c: see commands.h. */
#include "ui/commands.h"

#include "core/alloc.h"
#include "io/file.h"
#include "ui/record.h"
#include "ui/view.h"
#include "work/runs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A picture file on its way in. */
struct errand {
	struct cs_opened *opened;
	char *path;
	int64_t image;
};

static void release_errand(void *context)
{
	struct errand *errand = context;

	cs_opened_release(errand->opened);
	cs_free(errand->path);
	cs_free(errand);
}

static enum cs_status read_picture(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;

	(void)job;
	return cs_opened_add_file(errand->opened, errand->path, &errand->image, error);
}

/* "~/x" as the shell means it. */
static char *whole_path(const char *path)
{
	const char *home = getenv("HOME");

	return path[0] == '~' && path[1] == '/' && home ? cs_format("%s%s", home, path + 1) : cs_strdup(path);
}

void cs_command_open_picture(struct cs_session *session, const char *path)
{
	struct errand *errand;
	struct cs_error error;
	char why[300];

	if (!cs_session_has_images(session)) {
		cs_session_why_not(session, why, sizeof why);
		cs_session_say(session, CS_STYLE_WARN, "%s", why);
		return;
	}
	if (session->picture) {
		cs_session_say(session, CS_STYLE_WARN, "the picture before is still being read");
		return;
	}
	errand = cs_calloc(1, sizeof *errand);
	if (!errand)
		return;
	errand->opened = cs_opened_use(session->opened);
	errand->path = whole_path(path);
	if (!errand->path) {
		release_errand(errand);
		return;
	}
	if (cs_work_start(
		    session->works, "reading the picture", read_picture, errand, release_errand, &session->picture, &error))
		cs_session_complain(session, &error);
}

bool cs_command_tick(struct cs_session *session)
{
	struct errand *errand;
	struct cs_error error;

	if (!session->picture || !cs_work_finished(session->picture))
		return false;
	errand = cs_work_context(session->picture);
	if (cs_work_result(session->picture, &error))
		cs_session_complain(session, &error);
	else if (errand->opened == session->opened)
		cs_view_push(session, &cs_view_image,
			&(struct cs_image_argument){.image = errand->image, .layer = -1, .feature = -1});
	cs_work_drop(session->picture);
	session->picture = NULL;
	return true;
}

static void record(struct cs_session *session, const char *argument)
{
	struct cs_error error;
	char path[64] = "session.lua";

	if (session->record && !*argument) {
		cs_record_stop(session);
		return;
	}
	for (int i = 2; !*argument && cs_file_exists(path) && i < 1000; i++)
		snprintf(path, sizeof path, "session-%d.lua", i);
	if (cs_record_start(session, *argument ? argument : path, &error))
		cs_session_complain(session, &error);
	else
		cs_session_say(session, CS_STYLE_GOOD, "recording into %s; :record again ends it",
			*argument ? argument : path);
}

static bool is_picture(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static void open_target(struct cs_session *session, const char *argument)
{
	char *path = whole_path(argument);
	struct cs_error error;

	if (!path || !*path) {
		cs_session_say(session, CS_STYLE_WARN, "open what? a picture, a model, a run or a directory of runs");
	} else if (is_picture(path)) {
		cs_command_open_picture(session, path);
	} else if (cs_is_run(path, NULL)) {
		cs_view_push(session, &cs_view_run, &(struct cs_run_argument){.directory = path});
	} else if (cs_file_is_directory(path)) {
		cs_view_push(session, &cs_view_runs, &(struct cs_runs_argument){path});
	} else {
		char *model = NULL;

		if (cs_model_resolve(path, &model, &error) || cs_session_open(session, model, &error)) {
			cs_session_complain(session, &error);
		} else {
			while (session->top && session->top->below)
				cs_view_pop(session);
			cs_view_push(session, &cs_view_network, NULL);
		}
		cs_free(model);
	}
	cs_free(path);
}

/* The directory and beginning of exported files when nothing is said: below the run, or here. */
static char *own_stem(struct cs_session *session, struct cs_error *error)
{
	struct cs_view *view = session->top;
	char label[128], *directory, *stem = NULL;

	view->ops->label(view, label, sizeof label);
	for (char *at = label; *at; at++) {
		if (strchr("/\\ :*?\"<>|", *at) || (unsigned char)*at < ' ')
			*at = '_';
	}
	if (!session->run) {
		stem = cs_format("convscope-%s", label);
		return stem ? stem : (cs_fail_memory(error, "a path"), NULL);
	}
	if (!cs_file_is_directory(session->run)) { /* it was removed while it is shown: it is not made anew */
		cs_fail(error, CS_ERR_NOT_FOUND, "the run '%s' is not there any more; :export NAME writes elsewhere",
			session->run);
		return NULL;
	}
	directory = cs_format("%s/figures", session->run);
	if (directory && cs_file_make_directories(directory, error) == CS_OK)
		stem = cs_format("%s/%s", directory, label);
	cs_free(directory);
	return stem;
}

void cs_command_export(struct cs_session *session, const char *given)
{
	struct cs_view *view = session->top;
	char message[500] = "", *stem;
	struct cs_error error = {0};

	if (!view->ops->export) {
		cs_session_say(session, CS_STYLE_TEXT, "nothing to export here");
		return;
	}
	stem = given && *given ? whole_path(given) : own_stem(session, &error);
	if (!stem || view->ops->export(view, stem, message, sizeof message, &error))
		cs_session_complain(session, &error);
	else
		cs_session_say(session, CS_STYLE_GOOD, "%s", message);
	cs_free(stem);
}

static void export(struct cs_session *session, const char *argument)
{
	cs_command_export(session, argument);
}

static const struct {
	const char *name;
	void (*run)(struct cs_session *session, const char *argument);
} commands[] = {
	{"record", record},
	{"open", open_target},
	{"export", export},
};

bool cs_command(struct cs_session *session, const char *line)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		size_t length = strlen(commands[i].name);
		char argument[CS_PROMPT_BYTES];

		if (strncmp(line, commands[i].name, length) != 0 || (line[length] != ' ' && line[length] != '\0'))
			continue;
		line += length + strspn(line + length, " ");
		if (*line == '=' || *line == '(') /* an assignment or a call: Lua */
			return false;
		snprintf(argument, sizeof argument, "%s", line);
		for (size_t end = strlen(argument); end > 0 && argument[end - 1] == ' '; end--)
			argument[end - 1] = '\0';
		commands[i].run(session, argument);
		return true;
	}
	return false;
}
