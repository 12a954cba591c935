/* chrome.c: hint line, status line, prompts, and the keys of every screen. See chrome.h. */
#include "ui/chrome.h"

#include "core/alloc.h"
#include "io/file.h"
#include "ui/clock.h"
#include "ui/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Screens too small for anything but a word. */
enum { LEAST_ROWS = 3, LEAST_COLUMNS = 12, HINTS_FROM = 9 };

/* A line of Lua on its way. */
struct errand {
	const struct cs_ui_hooks *hooks;
	char *line, *text;
};

static void release_errand(void *context)
{
	struct errand *errand = context;

	cs_free(errand->line);
	cs_free(errand->text);
	cs_free(errand);
}

static enum cs_status evaluate(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;

	cs_job_progress(job, -1, "running Lua");
	return errand->hooks->evaluate(errand->hooks->context, errand->line, &errand->text, error);
}

static void start_lua(struct cs_session *session, const char *line)
{
	struct cs_error error;
	struct errand *errand;

	if (!session->hooks || !session->hooks->evaluate) {
		cs_session_say(session, CS_STYLE_WARN, "Lua is not available here");
		return;
	}
	if (session->lua) {
		cs_session_say(session, CS_STYLE_WARN, "the line before is still running");
		return;
	}
	errand = cs_calloc(1, sizeof *errand);
	if (!errand)
		return;
	errand->hooks = session->hooks;
	errand->line = cs_strdup(line);
	if (!errand->line) {
		cs_free(errand);
		return;
	}
	if (cs_work_start(session->works, "running Lua", evaluate, errand, release_errand, &session->lua, &error))
		cs_session_complain(session, &error);
}

static void lua_ended(struct cs_session *session)
{
	struct errand *errand = cs_work_context(session->lua);
	struct cs_error error = {0};

	if (cs_work_result(session->lua, &error)) {
		if (strchr(error.message, '\n'))
			cs_view_push(session, &cs_view_text, &(struct cs_text_argument){errand->line, error.message});
		else
			cs_session_complain(session, &error);
	} else if (errand->text && strchr(errand->text, '\n') && strchr(errand->text, '\n')[1]) {
		cs_view_push(session, &cs_view_text, &(struct cs_text_argument){errand->line, errand->text});
	} else {
		char *text = errand->text ? errand->text : errand->line;

		text[strcspn(text, "\n")] = '\0';
		cs_session_say(session, CS_STYLE_TEXT, "%s", *text ? text : "done");
	}
	cs_work_drop(session->lua);
	session->lua = NULL;
}

bool cs_chrome_tick(struct cs_session *session)
{
	char busy[sizeof session->busy];
	bool news = false;
	int count;

	if (session->lua && cs_work_finished(session->lua)) {
		lua_ended(session);
		news = true;
	}
	if (session->message_until > 0 && cs_ui_clock() >= session->message_until) {
		session->message_until = 0;
		news = true;
	}
	count = cs_works_busy(session->works, busy, sizeof busy);
	if (count != session->busy_count || strcmp(busy, session->busy) != 0) {
		session->busy_count = count;
		memcpy(session->busy, busy, sizeof busy);
		news = true;
	}
	return news;
}

void cs_chrome_fini(struct cs_session *session)
{
	for (int i = 0; session->lua && !cs_work_finished(session->lua) && i < 100; i++)
		usleep(10000);
	if (session->lua && !cs_work_finished(session->lua)) {
		fprintf(stderr, "convscope: a line of Lua was still running and was cut off\n");
		_exit(1);
	}
}

/* "[b] rule  [s] signal ...": the screen's own keys first, as many as fit. */
static void draw_hints(struct cs_session *session, int row)
{
	struct cs_screen *screen = &session->screen;
	unsigned context = session->top->ops->context;
	int column = 1;

	for (int own = 1; own >= 0; own--) {
		for (const struct cs_binding *at = cs_bindings(); at->action; at++) {
			bool everywhere = (at->contexts & ~(unsigned)CS_ON_TEXT) == (CS_ON_ALL & ~(unsigned)CS_ON_TEXT);
			char name[16], key[24];
			int width;

			if (!(at->contexts & context) || !at->hint || !at->keys[0] || everywhere == own)
				continue;
			snprintf(key, sizeof key, "[%s]",
				at->action == CS_ACTION_LAYER && at->keys[0] == '1'
					? "1-9"
					: cs_key_name(at->keys[0], name, sizeof name));
			width = cs_screen_width(screen, key) + 1 + cs_screen_width(screen, at->hint);
			if (column + width > screen->columns - 1)
				return;
			cs_screen_put(screen, row, column, -1, CS_STYLE_KEY, "%s", key);
			cs_screen_put(screen, row, column + cs_screen_width(screen, key) + 1, -1, CS_STYLE_DIM, "%s",
				at->hint);
			column += width + 2;
		}
	}
}

static void draw_prompt(struct cs_session *session, int row)
{
	const struct cs_prompt *prompt = &session->prompt;
	struct cs_screen *screen = &session->screen;
	char text[CS_PROMPT_BYTES];
	int room = screen->columns - 3, from = prompt->cursor > room ? prompt->cursor - room : 0;
	const char *at = text;

	cs_prompt_text(prompt, text, sizeof text);
	for (int i = 0; i < from; i++)
		cs_utf8_next(&at);
	cs_screen_put(screen, row, 0, 1, CS_STYLE_KEY, "%c", prompt->sign);
	cs_screen_put(screen, row, 1, -1, CS_STYLE_TEXT, "%s ", at);
	cs_screen_shade(screen, row, 1 + prompt->cursor - from, 1, CS_STYLE_SELECT);
}

static void draw_status(struct cs_session *session, int row)
{
	struct cs_screen *screen = &session->screen;
	char busy[240];
	int count = session->busy_count, used = 0;

	if (session->prompt.active) {
		draw_prompt(session, row);
		return;
	}
	if (count > 0) {
		snprintf(busy, sizeof busy, count > 1 ? "%s (+%d)" : "%s", session->busy, count - 1);
		used = cs_screen_width(screen, busy);
		if (used < screen->columns / 2 || session->message_until == 0)
			cs_screen_put_right(screen, row, screen->columns - 1, CS_STYLE_GOOD, "%s", busy);
		else
			used = 0;
	}
	if (session->message_until > 0)
		cs_screen_put(
			screen, row, 1, screen->columns - used - 3, session->message_style, "%s", session->message);
}

void cs_chrome_draw(struct cs_session *session)
{
	struct cs_screen *screen = &session->screen;
	bool hints = screen->rows >= HINTS_FROM;

	if (screen->rows < LEAST_ROWS || screen->columns < LEAST_COLUMNS) {
		cs_screen_put(screen, 0, 0, -1, CS_STYLE_TEXT, "too small");
		return;
	}
	session->body_rows = screen->rows - (hints ? 2 : 1);
	session->top->ops->draw(session->top);
	if (hints)
		draw_hints(session, screen->rows - 2);
	draw_status(session, screen->rows - 1);
}

static void find(struct cs_session *session, int step)
{
	struct cs_view *view = session->top;

	if (!view->ops->find)
		cs_session_say(session, CS_STYLE_TEXT, "nothing to find here");
	else if (!session->found[0])
		cs_session_say(session, CS_STYLE_TEXT, "nothing was looked for yet: /");
	else
		view->ops->find(view, session->found, step);
}

static void prompt_key(struct cs_session *session, int key)
{
	char text[CS_PROMPT_BYTES];

	session->dirty = true;
	if (cs_prompt_key(&session->prompt, key, text) != CS_PROMPT_DONE || !text[0])
		return;
	if (session->prompt.sign == ':') {
		start_lua(session, text);
		return;
	}
	snprintf(session->found, sizeof session->found, "%s", text);
	find(session, 0);
}

static void export(struct cs_session *session)
{
	struct cs_view *view = session->top;
	char label[128], message[500] = "", *stem;
	struct cs_error error = {0};
	enum cs_status status = CS_OK;

	if (!view->ops->export) {
		cs_session_say(session, CS_STYLE_TEXT, "nothing to export here");
		return;
	}
	view->ops->label(view, label, sizeof label);
	for (char *at = label; *at; at++) {
		if (strchr("/\\ :*?\"<>|", *at) || (unsigned char)*at < ' ')
			*at = '_';
	}
	stem = session->run ? cs_format("%s/figures/%s", session->run, label) : cs_format("convscope-%s", label);
	if (!stem)
		return;
	if (session->run) {
		char *directory = cs_format("%s/figures", session->run);

		status = directory ? cs_file_make_directories(directory, &error) : cs_fail_memory(&error, "a path");
		cs_free(directory);
	}
	if (!status)
		status = view->ops->export(view, stem, message, sizeof message, &error);
	if (status)
		cs_session_complain(session, &error);
	else
		cs_session_say(session, CS_STYLE_GOOD, "%s", message);
	cs_free(stem);
}

/* Leave the screens that stand for one layer, before another one is shown. */
static void leave_layer(struct cs_session *session)
{
	while (session->top->below &&
		(session->top->ops == &cs_view_layer || session->top->ops == &cs_view_feature ||
			session->top->ops == &cs_view_image))
		cs_view_pop(session);
}

static void show_layer(struct cs_session *session, int digit)
{
	int layer = cs_session_layer(session, digit);
	char why[300];

	if (!cs_session_has_model(session)) {
		cs_session_why_not(session, why, sizeof why);
		cs_session_say(session, CS_STYLE_WARN, "%s", why);
		return;
	}
	if (layer < 0) {
		cs_session_say(
			session, CS_STYLE_WARN, "there are %d layers with features", session->opened->layer_count);
		return;
	}
	leave_layer(session);
	cs_view_push(session, &cs_view_layer, &(struct cs_layer_argument){.layer = layer});
}

static void show_images(struct cs_session *session)
{
	char why[300];

	if (!cs_session_has_images(session)) {
		cs_session_why_not(session, why, sizeof why);
		cs_session_say(session, CS_STYLE_WARN, "%s", why);
		return;
	}
	cs_view_push(session, &cs_view_image, &(struct cs_image_argument){.image = -1, .layer = -1, .feature = -1});
}

static void show_network(struct cs_session *session)
{
	char why[300];

	if (!cs_session_has_model(session)) {
		cs_session_why_not(session, why, sizeof why);
		cs_session_say(session, CS_STYLE_WARN, "%s", why);
		return;
	}
	for (struct cs_view *view = session->top; view; view = view->below) {
		if (view->ops != &cs_view_network)
			continue;
		while (session->top != view)
			cs_view_pop(session);
		return;
	}
	leave_layer(session);
	cs_view_push(session, &cs_view_network, NULL);
}

bool cs_chrome_network(struct cs_session *session)
{
	show_network(session);
	return true;
}

static void everywhere(struct cs_session *session, enum cs_action action, int argument)
{
	const struct cs_view_ops *ops = session->top->ops;

	switch (action) {
	case CS_ACTION_QUIT:
		session->quit = true;
		break;
	case CS_ACTION_BACK:
		cs_view_pop(session);
		break;
	case CS_ACTION_HELP:
		if (ops != &cs_view_help)
			cs_view_push(session, &cs_view_help, &(struct cs_help_argument){ops->context, ops->name});
		break;
	case CS_ACTION_LUA:
		cs_prompt_open(&session->prompt, ':');
		break;
	case CS_ACTION_FIND:
		if (ops->find)
			cs_prompt_open(&session->prompt, '/');
		break;
	case CS_ACTION_FIND_NEXT:
		find(session, 1);
		break;
	case CS_ACTION_FIND_PREVIOUS:
		find(session, -1);
		break;
	case CS_ACTION_EXPORT:
		export(session);
		break;
	case CS_ACTION_REDRAW:
		session->redraw = true;
		break;
	case CS_ACTION_LAYER:
		show_layer(session, argument);
		break;
	case CS_ACTION_LAYERS:
		show_network(session);
		break;
	case CS_ACTION_IMAGES:
		show_images(session);
		break;
	case CS_ACTION_RULE:
		cs_session_next_rule(session);
		break;
	case CS_ACTION_SIGNAL:
		cs_session_next_signal(session);
		break;
	case CS_ACTION_SHARED:
		cs_session_toggle_shared(session);
		break;
	default:
		break;
	}
}

void cs_chrome_key(struct cs_session *session, int key)
{
	enum cs_action action;
	int argument;

	if (session->prompt.active) {
		prompt_key(session, key);
		return;
	}
	action = cs_key_action(key, session->top->ops->context, &argument);
	if (action == CS_ACTION_NONE)
		return;
	session->dirty = true;
	if (!session->top->ops->act(session->top, action, argument))
		everywhere(session, action, argument);
}
