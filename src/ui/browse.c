/* browse.c: the main loop. See browse.h.
 *
 * One thread draws and reads keys; it never computes. Each turn: wait for keys, signals, or the next moment at which
 * background work is worth a look; take in what came; if anything changed, draw the topmost view, let ncurses send the text, then
 * send what pictures may go. When nothing runs it sleeps until something happens.
 */
#include "ui/browse.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/log.h"
#include "io/file.h"
#include "term/terminal.h"
#include "ui/chrome.h"
#include "ui/evaluate.h"
#include "ui/view.h"
#include "work/runs.h"

#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum {
	FIRST_ANSWER = 60, /* ms the terminal has before the first drawing; later answers come among the keys */
	LATE_ANSWER = 2, /* s after which it is taken not to answer at all */
	BUSY_TURN = 40, /* ms between looks at background work */
	FRAME = 30, /* ms between drawings at least */
	TRIM = 10, /* s between returns of what the heaps hold for nothing */
	UNFINISHED = 1, /* s after which a broken answer is dropped */
};

struct browser {
	struct cs_session session;
	struct cs_replies replies;
	double replies_since;
	double asked; /* when the terminal was asked what it is; 0: no answer is due */
	double drawn, woken, trimmed;
	int old_mouse; /* characters of an old terminal's mouse report that are still to come, */
	int old[3]; /* and those that came */
	enum cs_status settings_status; /* how the user's file was read: */
	struct cs_error settings_error;
};

/* The last line that an engine room logged, for the status line. */
static struct {
	pthread_mutex_t lock;
	char line[400];
	bool fresh;
} logged = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void log_line(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	if (level < CS_LOG_WARNING)
		return;
	pthread_mutex_lock(&logged.lock);
	snprintf(logged.line, sizeof logged.line, "%s", line);
	logged.fresh = true;
	pthread_mutex_unlock(&logged.lock);
}

static void show_logged(struct cs_session *session)
{
	char line[sizeof logged.line];
	bool fresh;

	pthread_mutex_lock(&logged.lock);
	fresh = logged.fresh;
	logged.fresh = false;
	memcpy(line, logged.line, sizeof line);
	pthread_mutex_unlock(&logged.lock);
	if (fresh)
		cs_session_say(session, CS_STYLE_WARN, "%s", line);
}

static void ask_terminal(struct browser *browser)
{
	const char *questions;

	cs_probe_look(&browser->session.probe, 1);
	questions = cs_probe_questions(&browser->session.probe);
	if (*questions && cs_terminal_write(questions, strlen(questions)))
		browser->asked = cs_now();
}

static void conclude(struct browser *browser)
{
	struct cs_session *session = &browser->session;

	browser->asked = 0;
	cs_probe_conclude(&session->probe);
	if (session->probe.background && !session->settings.background)
		session->screen.dark = session->probe.background == 1;
	if (cs_graphics_choose(session->graphics, &session->probe)) {
		clearok(curscr, TRUE);
		session->dirty = true;
	}
}

/* What is typed or pointed at on the way out means nothing any more: there may be no screen left. */
static void take_key(struct browser *browser, int key)
{
	if (!browser->session.quit)
		cs_chrome_key(&browser->session, key);
}

/* Cursor keys as a terminal sends them that was not told of application mode, or does not heed it. */
static void take_plain_key(struct browser *browser, const struct cs_reply *reply)
{
	static const struct {
		char kind;
		int key;
	} keys[] = {{'A', KEY_UP}, {'B', KEY_DOWN}, {'C', KEY_RIGHT}, {'D', KEY_LEFT}, {'H', KEY_HOME}, {'F', KEY_END}};
	static const int pages[] = {KEY_PPAGE, KEY_NPAGE};

	for (size_t i = 0; i < sizeof keys / sizeof *keys && !reply->text[0]; i++) {
		if (keys[i].kind == reply->kind)
			take_key(browser, cs_key_of((unsigned)keys[i].key, true));
	}
	if (reply->kind == '~' && reply->count == 1 && (reply->params[0] == 5 || reply->params[0] == 6))
		take_key(browser, cs_key_of((unsigned)pages[reply->params[0] - 5], true));
}

/* A report of the mouse: "<button;column;row" with M (pressed) or m; from old terminals M alone, and the three numbers behind it as
 * characters. False when it is none. */
static bool take_mouse(struct browser *browser, const struct cs_reply *reply)
{
	int button, column, row;

	if (reply->kind == 'M' && !reply->text[0]) {
		browser->old_mouse = 3;
		return true;
	}
	if ((reply->kind != 'M' && reply->kind != 'm') || sscanf(reply->text, "<%d;%d;%d", &button, &column, &row) != 3)
		return false;
	if (!browser->session.quit)
		cs_chrome_point(&browser->session, button, row - 1, column - 1, reply->kind == 'm');
	return true;
}

/* The characters of an old report: each is a number and 32. */
static void take_old_mouse(struct browser *browser, unsigned character)
{
	browser->old[3 - browser->old_mouse--] = (int)character - 32;
	if (browser->old_mouse == 0) {
		bool released = (browser->old[0] & 3) == 3 && !(browser->old[0] & 64);

		cs_chrome_point(&browser->session, browser->old[0], browser->old[2] - 1, browser->old[1] - 1, released);
	}
}

/* An answer arrived among the keys. DA1 is the fence of the older of the two questions that may be open. */
static void take_answer(struct browser *browser, const struct cs_reply *reply)
{
	struct cs_session *session = &browser->session;
	bool ours;

	if (reply->kind == 'c' && reply->question) {
		ours = browser->asked > 0 &&
			(session->graphics->fence == 0 || browser->asked <= session->graphics->fence);
		if (!ours && cs_graphics_answered(session->graphics))
			return;
	}
	if (take_mouse(browser, reply))
		return;
	if (cs_probe_answer(&session->probe, reply))
		conclude(browser);
	else
		take_plain_key(browser, reply);
}

static void take_character(struct browser *browser, unsigned character)
{
	struct cs_reply reply;

	if (browser->old_mouse > 0) {
		take_old_mouse(browser, character);
		return;
	}
	switch (cs_replies_feed(&browser->replies, character, &reply)) {
	case CS_REPLY_IS_KEY:
		take_key(browser, (int)character);
		break;
	case CS_REPLY_IS_DONE:
		take_answer(browser, &reply);
		break;
	case CS_REPLY_WAS_ESC:
		take_key(browser, 27);
		take_key(browser, (int)character);
		break;
	case CS_REPLY_WAS_ONE:
		take_key(browser, 27);
		browser->replies_since = cs_now();
		break;
	case CS_REPLY_IS_MORE:
		browser->replies_since = cs_now();
		break;
	}
}

static void read_keys(struct browser *browser)
{
	wint_t key;
	int kind;

	while (!browser->session.quit && (kind = cs_terminal_read(&key)) != ERR) {
		if (kind == KEY_CODE_YES) {
			if (cs_replies_silence(
				    &browser->replies, true)) /* Esc, and a key of many bytes right behind it */
				take_key(browser, 27);
			if (key != KEY_RESIZE)
				take_key(browser, cs_key_of(key, true));
		} else {
			take_character(browser, key);
		}
	}
	/* ncurses has waited 25 ms for what follows an escape: nothing did, so it was the key. */
	if (cs_replies_silence(&browser->replies, cs_now() - browser->replies_since > UNFINISHED))
		take_key(browser, 27);
}

static void resized(struct browser *browser)
{
	struct cs_session *session = &browser->session;

	cs_terminal_resize();
	cs_screen_measure(&session->screen);
	cs_graphics_forget(session->graphics);
	session->graphics->fence = 0;
	ask_terminal(browser);
	if (!browser->asked)
		conclude(browser);
	session->dirty = true;
}

static void repaint(struct browser *browser)
{
	cs_terminal_repaint();
	resized(browser);
}

static void take_events(struct browser *browser, unsigned events)
{
	if (events & CS_EVENT_QUIT) {
		browser->session.quit = true;
		return;
	}
	if (events & CS_EVENT_SUSPEND) {
		cs_terminal_suspend();
		repaint(browser);
	} else if (events & CS_EVENT_CONTINUE) {
		repaint(browser);
	} else if (events & CS_EVENT_RESIZE) {
		resized(browser);
	}
}

static void draw(struct browser *browser)
{
	struct cs_session *session = &browser->session;

	session->dirty = false;
	erase();
	cs_graphics_begin(session->graphics);
	if (session->tiles)
		cs_tiles_begin(session->tiles);
	cs_chrome_draw(session);
	if (session->tiles)
		cs_tiles_end(session->tiles);
	cs_terminal_refresh(cs_graphics_has_pixels(session->graphics));
	cs_graphics_end(session->graphics);
	browser->drawn = cs_now();
	cs_ahead_next(session);
}

static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* Milliseconds until there is something to look after; -1: nothing will happen by itself. */
static int next_turn(const struct browser *browser)
{
	const struct cs_session *session = &browser->session;
	const struct cs_view *view = session->top;
	double now = cs_now();
	int wait = -1;

	if (session->dirty)
		wait = (int)(1000 * (browser->drawn + 0.001 * FRAME - now)) + 1;
	if (session->dirty && wait < 0)
		return 0;
	if (cs_works_any(session->works))
		wait = sooner(wait, BUSY_TURN);
	wait = sooner(wait, cs_graphics_waiting(session->graphics));
	if (session->message_until > 0)
		wait = sooner(
			wait, session->message_until > now ? (int)(1000 * (session->message_until - now)) + 1 : 0);
	if (browser->asked > 0)
		wait = sooner(wait, (int)(1000 * LATE_ANSWER));
	if (cs_replies_waiting(&browser->replies))
		wait = sooner(wait, 1000 * UNFINISHED);
	if (view && view->ops->wake) {
		int left = (int)(1000 * (browser->woken - now)) + view->ops->wake;

		wait = sooner(wait, left < 0 ? 0 : left);
	}
	return wait;
}

static void look_after(struct browser *browser)
{
	struct cs_session *session = &browser->session;
	double now = cs_now();

	show_logged(session);
	if (cs_session_tick(session))
		session->dirty = true;
	if (session->top && session->top->ops->tick && session->top->ops->tick(session->top))
		session->dirty = true;
	if (cs_chrome_tick(session))
		session->dirty = true;
	browser->woken = now;
	if (now - browser->trimmed > TRIM) {
		malloc_trim(0);
		browser->trimmed = now;
	}
	if (browser->asked > 0 && now - browser->asked > LATE_ANSWER)
		conclude(browser);
}

static void loop(struct browser *browser)
{
	struct cs_session *session = &browser->session;

	while (!session->quit) {
		unsigned events = cs_terminal_wait(next_turn(browser));

		if (events & ~(unsigned)CS_EVENT_INPUT)
			take_events(browser, events);
		if (session->quit)
			break;
		read_keys(browser);
		if (session->quit)
			break;
		look_after(browser);
		if (session->redraw) {
			session->redraw = false;
			repaint(browser);
		}
		if (session->dirty && cs_now() - browser->drawn >= 0.001 * FRAME)
			draw(browser);
		else if (cs_graphics_waiting(session->graphics) == 0)
			cs_graphics_end(session->graphics);
	}
}

/* Answers that are still on their way would end up in the shell's command line: wait for them a little. */
static void await_answers(struct browser *browser)
{
	double end = cs_now() + 0.5;

	while ((browser->asked > 0 || browser->session.graphics->fence > 0) && cs_now() < end) {
		struct cs_reply reply;
		wint_t key;
		int kind;

		if (cs_terminal_wait(50) & CS_EVENT_QUIT)
			break;
		while ((kind = cs_terminal_read(&key)) != ERR) {
			if (kind == OK && cs_replies_feed(&browser->replies, key, &reply) == CS_REPLY_IS_DONE)
				take_answer(browser, &reply);
		}
	}
}

/* Where to begin: which screens, on what. Nothing is read that takes time. */
struct start {
	char *runs, *run, *model;
	const char *without; /* the directory that holds no runs, where those of installed models are shown instead */
};

static enum cs_status find_start(const char *target, struct start *start, struct cs_error *error)
{
	const char *here = cs_file_is_directory("runs") ? "runs" : ".";

	*start = (struct start){0};
	if (!target && cs_is_run(".", NULL))
		target = ".";
	if (!target) {
		start->run = cs_newest_run(here);
		start->runs = start->run ? cs_strdup(here) : cs_model_installed_runs();
		start->without = start->run ? NULL : here;
		if (start->runs)
			return CS_OK;
		return cs_fail(error, CS_ERR_NOT_FOUND,
			"nothing to browse here: no runs in '%s'; train one with `convscope train -m demo -d shapes -o "
			"runs/demo`, or name a model file or run",
			here);
	}
	if (cs_is_run(target, NULL)) {
		start->run = cs_strdup(target);
		return CS_OK;
	}
	if (cs_file_is_directory(target)) {
		char *newest = cs_newest_run(target);

		if (!newest)
			return cs_fail(error, CS_ERR_NOT_FOUND, "'%s' holds no runs and is none itself", target);
		cs_free(newest);
		start->runs = cs_strdup(target);
		return CS_OK;
	}
	if (!cs_file_exists(target))
		start->run = cs_model_installed_run(target);
	return start->run ? CS_OK : cs_model_resolve(target, &start->model, error);
}

static void open_start(struct cs_session *session, const struct start *start)
{
	struct cs_error error = {0};

	if (start->runs)
		cs_view_push(session, &cs_view_runs, &(struct cs_runs_argument){start->runs});
	if (start->without)
		cs_session_say(session, CS_STYLE_TEXT,
			"no runs in '%s': these networks are installed; convscope train makes runs", start->without);
	if (start->run)
		cs_view_push(session, &cs_view_run, &(struct cs_run_argument){.directory = start->run});
	if (start->model) {
		if (cs_session_open(session, start->model, &error))
			cs_session_complain(session, &error);
		cs_view_push(session, &cs_view_network, NULL);
	}
	if (!session->top)
		session->quit = true;
}

static enum cs_status run(struct browser *browser, const struct start *start, struct cs_error *error)
{
	struct cs_session *session = &browser->session;
	struct cs_replies half = {0}; /* what has come of an answer */
	char typed[256];
	bool answered;
	enum cs_status status;

	session->probe.passthrough = session->settings.passthrough;
	cs_probe_look(&session->probe, 1);
	answered = cs_probe_ask(&session->probe, FIRST_ANSWER, &half, typed, sizeof typed);
	status = cs_terminal_open(session->settings.mouse, error);
	if (status)
		return status;
	cs_log_to(log_line, NULL);
	cs_probe_conclude(&session->probe);
	if (session->settings.background)
		session->probe.background = session->settings.background;
	cs_screen_init(&session->screen, session->probe.utf8, session->probe.background != 2);
	status = cs_graphics_new(&session->screen, &session->graphics, error);
	if (!status) {
		struct cs_error keys;

		session->screen.graphics = session->graphics;
		cs_graphics_choose(session->graphics, &session->probe);
		if (!answered && session->probe.asked)
			browser->asked = cs_now();
		open_start(session, start);
		if (cs_keys_load(NULL, &keys))
			cs_session_complain(session, &keys);
		if (browser->settings_status)
			cs_session_complain(session, &browser->settings_error);
		for (const char *at = typed; *at && !session->quit; at++)
			take_character(browser, (unsigned char)*at);
		if (cs_replies_waiting(&half) && !cs_replies_waiting(&browser->replies)) {
			browser->replies = half;
			browser->replies_since = cs_now();
		}
		loop(browser);
		await_answers(browser);
	}
	cs_terminal_close();
	return status;
}

/* Tiles are kept long, and made by threads that come and go, between buffers that are large and short-lived. Left to itself the C library keeps
 * these in heaps too, one heap a few threads, which then can neither shrink nor be used again whole, and the program grows for hours
 * though nothing is held. So large buffers come from the system and go back to it, and there are two heaps. */
static void settle_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_ARENA_MAX, 2);
}

/* What the command line says goes first, then the environment, then the user's file. */
static const char *wished(const struct cs_ui_request *request, const struct cs_settings *settings)
{
	const char *environment = getenv("CONVSCOPE_GRAPHICS");

	if (request->graphics || (environment && *environment) || !settings->graphics[0])
		return request->graphics;
	return settings->graphics;
}

enum cs_status cs_ui_browse(
	const struct cs_ui_request *request, const struct cs_ui_hooks *hooks, struct cs_error *error)
{
	struct browser *browser = cs_calloc(1, sizeof *browser);
	struct start start = {0};
	enum cs_status status;

	if (!browser)
		return cs_fail_memory(error, "the browser");
	settle_memory();
	setlocale(LC_CTYPE, "");
	status = cs_session_init(&browser->session, request, hooks, error);
	if (!status)
		browser->settings_status = cs_settings_load(NULL, &browser->session.settings, &browser->settings_error);
	if (!status)
		status =
			cs_probe_wish(wished(request, &browser->session.settings), &browser->session.probe.wish, error);
	if (!status)
		status = cs_terminal_check(error);
	if (!status)
		status = find_start(request->target, &start, error);
	if (!status)
		status = run(browser, &start, error);
	while (browser->session.top)
		cs_view_pop(&browser->session);
	cs_evaluate_fini(&browser->session);
	cs_session_fini(&browser->session);
	cs_log_to(NULL, NULL);
	cs_free(start.runs);
	cs_free(start.run);
	cs_free(start.model);
	cs_free(browser);
	return status;
}
