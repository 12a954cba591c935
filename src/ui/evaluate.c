/* evaluate.c: see evaluate.h. The state is made by the scripting room at the first line; before a line it is told what is looked at, so that
 * `model` and `data` stand for that.
 */
#include "ui/evaluate.h"

#include "core/alloc.h"
#include "ui/record.h"
#include "ui/view.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line of Lua on its way. */
struct errand {
	const struct cs_ui_hooks *hooks;
	char *look; /* the line that says what is looked at; NULL: as before */
	char *line, *text;
	bool complete; /* the line is not to be run but to be completed */
	bool record; /* how a script says it is wanted too: */
	char *statement;
};

static void release_errand(void *context)
{
	struct errand *errand = context;

	cs_free(errand->look);
	cs_free(errand->line);
	cs_free(errand->text);
	cs_free(errand->statement);
	cs_free(errand);
}

/* A call of the library's prompt with the line as its argument. */
static enum cs_status ask(struct errand *errand, const char *function, char **answer, struct cs_error *error)
{
	char quoted[4 * CS_PROMPT_BYTES];
	char *line = cs_format("return require(\"convscope.prompt\").%s(%s)", function,
		cs_record_quote(errand->line, quoted, sizeof quoted));
	enum cs_status status = line ? errand->hooks->evaluate(errand->hooks->context, line, answer, error)
				     : cs_fail_memory(error, "a line of Lua");

	cs_free(line);
	return status;
}

static enum cs_status evaluate(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;
	char *told = NULL;
	enum cs_status status;

	cs_job_progress(job, -1, "running Lua");
	if (errand->look)
		errand->hooks->evaluate(errand->hooks->context, errand->look, &told, error);
	cs_free(told);
	if (errand->complete)
		return ask(errand, "complete", &errand->text, error);
	status = errand->hooks->evaluate(errand->hooks->context, errand->line, &errand->text, error);
	if (!status && errand->record && ask(errand, "statement", &errand->statement, NULL))
		errand->statement = NULL;
	return status;
}

/* The line that tells the prompt what is looked at, when that is another thing than before; NULL else. */
static char *look(struct cs_session *session)
{
	const struct cs_opened *opened = session->opened;
	char target[1200], spec[1200];
	bool images = cs_session_has_images(session);

	if (!cs_session_has_model(session) || (session->lua_looks == opened && session->lua_images == images))
		return NULL;
	session->lua_looks = opened;
	session->lua_images = images;
	cs_record_quote(opened->target, target, sizeof target);
	if (!images)
		return cs_format("require(\"convscope.prompt\").look(%s)", target);
	return cs_format("require(\"convscope.prompt\").look(%s, %s, %d, %d)", target,
		cs_record_quote(opened->data->spec, spec, sizeof spec), opened->data->width, opened->data->height);
}

static bool start(struct cs_session *session, const char *line, bool complete, struct cs_work **work)
{
	struct errand *errand = cs_calloc(1, sizeof *errand);
	struct cs_error error;

	if (!errand)
		return false;
	errand->hooks = session->hooks;
	errand->line = cs_strdup(line);
	errand->complete = complete;
	errand->record = session->record != NULL;
	errand->look = look(session);
	if (!errand->line) {
		release_errand(errand);
		return false;
	}
	if (cs_work_start(session->works, complete ? NULL : "running Lua", evaluate, errand, release_errand, work, &error)) {
		cs_session_complain(session, &error);
		return false;
	}
	return true;
}

void cs_evaluate_start(struct cs_session *session, const char *line)
{
	if (!session->hooks || !session->hooks->evaluate)
		cs_session_say(session, CS_STYLE_WARN, "Lua is not available here");
	else if (session->lua || session->completing)
		cs_session_say(session, CS_STYLE_WARN, "the line before is still running");
	else
		start(session, line, false, &session->lua);
}

static void ended(struct cs_session *session)
{
	struct errand *errand = cs_work_context(session->lua);
	struct cs_error error = {0};

	if (cs_work_result(session->lua, &error)) {
		if (strchr(error.message, '\n'))
			cs_view_push(session, &cs_view_text, &(struct cs_text_argument){errand->line, error.message});
		else
			cs_session_complain(session, &error);
	} else {
		if (errand->statement) {
			errand->statement[strcspn(errand->statement, "\n")] = '\0';
			cs_record_line(session, "%s", errand->statement);
		}
		if (errand->text && strchr(errand->text, '\n') && strchr(errand->text, '\n')[1]) {
			cs_view_push(session, &cs_view_text, &(struct cs_text_argument){errand->line, errand->text});
		} else {
			char *text = errand->text ? errand->text : errand->line;

			text[strcspn(text, "\n")] = '\0';
			cs_session_say(session, CS_STYLE_TEXT, "%s", *text ? text : "done");
		}
	}
	cs_work_drop(session->lua);
	session->lua = NULL;
}

bool cs_evaluate_tick(struct cs_session *session)
{
	if (!session->lua || !cs_work_finished(session->lua))
		return false;
	ended(session);
	return true;
}

void cs_evaluate_complete(struct cs_session *session, const char *line)
{
	if (session->hooks && session->hooks->evaluate && !session->lua && !session->completing)
		start(session, line, true, &session->completing);
}

char *cs_evaluate_completed(struct cs_session *session, char *asked)
{
	struct errand *errand;
	char *words;

	if (!session->completing || !cs_work_finished(session->completing))
		return NULL;
	errand = cs_work_context(session->completing);
	snprintf(asked, CS_PROMPT_BYTES, "%s", errand->line);
	words = cs_work_result(session->completing, NULL) == CS_OK ? errand->text : NULL;
	errand->text = NULL;
	cs_work_drop(session->completing);
	session->completing = NULL;
	return words ? words : cs_strdup("");
}

void cs_evaluate_fini(struct cs_session *session)
{
	struct cs_work *work = session->lua ? session->lua : session->completing;

	for (int i = 0; work && !cs_work_finished(work) && i < 100; i++)
		usleep(10000);
	if (work && !cs_work_finished(work)) {
		fprintf(stderr, "convscope: a line of Lua was still running and was cut off\n");
		_exit(1);
	}
}
