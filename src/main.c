/* main.c: find the command, set up, hand over; nothing else.
 *
 * The command line is Lua on the public API (script room); the browser is the ui room. The two never include each other: they
 * are joined here.
 */
#include "core/cpu.h"
#include "script/background.h"
#include "script/script.h"
#include "term/show.h"
#include "ui/browse.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>

static struct cs_script_hooks script_hooks;

/* The browser's Lua prompt: a state of its own, made at the first line. */
static enum cs_status evaluate(void *context, const char *line, char **text, struct cs_error *error)
{
	struct lua_State **state = context;

	if (!*state)
		*state = cs_script_new(&script_hooks);
	if (!*state)
		return cs_fail_memory(error, "a Lua state");
	return cs_script_evaluate(*state, line, text, error);
}

static enum cs_status analyses(void *context, char **text, struct cs_error *error)
{
	(void)context;
	return cs_script_analyses(&script_hooks, text, error);
}

static enum cs_status analyze(
	void *context, const struct cs_ui_analysis *what, struct cs_job *job, struct cs_error *error)
{
	const struct cs_script_analysis script = {.name = what->name,
		.model = what->model,
		.dataset = what->dataset,
		.directory = what->directory,
		.options = what->options,
		.threads = what->threads};

	(void)context;
	return cs_script_analyze(&script_hooks, &script, job, error);
}

static enum cs_status browse(void *context, const char *target, const char *dataset, const char *graphics, int threads,
	struct cs_error *error)
{
	struct lua_State *prompt = NULL;
	const struct cs_ui_request request = {
		.target = target, .dataset = dataset, .graphics = graphics, .threads = threads};
	const struct cs_ui_hooks hooks = {.context = &prompt, .evaluate = evaluate, .analyses = analyses, .analyze = analyze};
	enum cs_status status = cs_ui_browse(&request, &hooks, error);

	(void)context;
	cs_script_free(prompt);
	return status;
}

static enum cs_status show(
	void *context, const struct cs_picture *picture, const char *graphics, struct cs_error *error)
{
	(void)context;
	return cs_show_picture(picture, graphics, error);
}

static char *terminal(void *context)
{
	(void)context;
	return cs_show_report();
}

static struct cs_script_hooks script_hooks = {
	.browse = browse,
	.show = show,
	.terminal = terminal,
};

int main(int argc, char **argv)
{
	struct cs_error error;
	enum cs_isa isa;

	setlocale(LC_CTYPE, ""); /* characters, never numbers */
	signal(SIGPIPE, SIG_IGN);
	if (cs_isa_chosen(&isa, &error)) {
		fprintf(stderr, "convscope: %s\n", error.message);
		return 1;
	}
	return cs_script_main(argc, argv, &script_hooks);
}
