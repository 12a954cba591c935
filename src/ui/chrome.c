/* chrome.c: hint line, status line, prompts, and the keys of every screen. See chrome.h. */
#include "ui/chrome.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "ui/ahead.h"
#include "ui/commands.h"
#include "ui/complete.h"
#include "ui/evaluate.h"
#include "ui/record.h"
#include "ui/view.h"

#include <stdio.h>
#include <string.h>

/* Screens too small for anything but a word. */
enum { LEAST_ROWS = 3, LEAST_COLUMNS = 12, HINTS_FROM = 9 };

bool cs_chrome_tick(struct cs_session *session)
{
	char busy[sizeof session->busy];
	bool news = false;
	int count;

	news |= cs_evaluate_tick(session);
	news |= cs_complete_tick(session);
	news |= cs_command_tick(session);
	if (session->message_until > 0 && cs_now() >= session->message_until) {
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

/* A key on the hint line: "[b] rule". */
struct hint {
	char key[24];
	const char *text;
	int first, width;
};

/* False when the binding is not for this line. */
static bool make_hint(const struct cs_session *session, const struct cs_binding *at, struct hint *hint)
{
	unsigned context = session->top->ops->context;
	char name[16];

	hint->first = cs_key_for(at, context);
	hint->text = at->hint;
	if (!(at->contexts & context) || !at->hint || !hint->first)
		return false;
	snprintf(hint->key, sizeof hint->key, "[%s]",
		at->action == CS_ACTION_LAYER && hint->first == '1' ? "1-9"
								    : cs_key_name(hint->first, name, sizeof name));
	hint->width = cs_screen_width(&session->screen, hint->key) + 1 + cs_screen_width(&session->screen, hint->text);
	return true;
}

/* What a person who is here for the first time looks for. */
static bool is_always_shown(const struct cs_binding *at)
{
	return at->action == CS_ACTION_ENTER || at->action == CS_ACTION_HELP;
}

/* What comes first: on the screens where one starts what there is to be seen, on those of an analysis what is done about it. */
static bool is_a_way(const struct cs_session *session, const struct cs_binding *at)
{
	unsigned context = session->top->ops->context;

	if (context & (CS_ON_RUN | CS_ON_NETWORK))
		return at->action == CS_ACTION_LAYER || at->action == CS_ACTION_IMAGES ||
			at->action == CS_ACTION_ANALYSES || at->action == CS_ACTION_COLOUR;
	return (context & (CS_ON_COLOUR | CS_ON_NOISE | CS_ON_OCCLUSION)) &&
		(at->action == CS_ACTION_SORT || at->action == CS_ACTION_START || at->action == CS_ACTION_TABLE);
}

static bool is_everywhere(const struct cs_binding *at)
{
	return (at->contexts & ~(unsigned)CS_ON_TEXT) == (CS_ON_ALL & ~(unsigned)CS_ON_TEXT);
}

static bool draw_hint(struct cs_session *session, int row, int *column, int end, const struct hint *hint)
{
	struct cs_screen *screen = &session->screen;
	int used;

	if (*column + hint->width > end)
		return false;
	used = cs_screen_put(screen, row, *column, -1, CS_STYLE_KEY, "%s", hint->key) + 1;
	cs_screen_put(screen, row, *column + used, -1, CS_STYLE_DIM, "%s", hint->text);
	cs_spots_add(&session->spots, (struct cs_area){row, *column, 1, hint->width}, CS_SPOT_KEY, hint->first);
	*column += hint->width + 2;
	return true;
}

/* "[b] rule  [s] signal ...": what comes first; the screen's other keys, as many as fit, then those that are always shown, then
 * the others. */
static void draw_hints(struct cs_session *session, int row)
{
	int column = 1, end = session->screen.columns - 1, kept = 0;
	struct hint hint;

	for (const struct cs_binding *at = cs_bindings(); at->action; at++) {
		if (is_always_shown(at) && make_hint(session, at, &hint))
			kept += hint.width + 2;
	}
	for (int pass = 0; pass < 4; pass++) {
		bool room = true;

		for (const struct cs_binding *at = cs_bindings(); at->action && room; at++) {
			int place = is_a_way(session, at) ? 0 : is_always_shown(at) ? 2 : is_everywhere(at) ? 3 : 1;

			if (place == pass && make_hint(session, at, &hint))
				room = draw_hint(session, row, &column, pass < 2 ? end - kept : end, &hint);
		}
	}
}

static void draw_prompt(struct cs_session *session, int row)
{
	const struct cs_prompt *prompt = &session->prompt;
	struct cs_screen *screen = &session->screen;
	char text[CS_PROMPT_BYTES];
	const char *sign = prompt->sign == '&' ? "filter "
		: prompt->sign == '>'          ? "picture file "
		: prompt->sign == '='          ? "="
		: prompt->sign == '/'          ? "/"
					       : ":";
	int left = cs_screen_put(screen, row, 0, -1, CS_STYLE_KEY, "%s", sign);
	int room = screen->columns - left - 2, from = prompt->cursor > room ? prompt->cursor - room : 0;
	const char *at = text;

	cs_prompt_text(prompt, text, sizeof text);
	for (int i = 0; i < from; i++)
		cs_utf8_next(&at);
	cs_screen_put(screen, row, left, -1, CS_STYLE_TEXT, "%s ", at);
	cs_screen_shade(screen, row, left + prompt->cursor - from, 1, CS_STYLE_SELECT);
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
	if (session->record && session->message_until == 0)
		cs_screen_put(screen, row, 1, screen->columns / 3, CS_STYLE_WARN, "● recording");
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

/* How the line could go on, in rows from `row` up to `end`, as columns allow; what does not fit ends in an ellipsis. Returns the rows that takes, whether they
 * are drawn or not. */
static int lay_choices(struct cs_session *session, int row, int end, bool draw)
{
	struct cs_screen *screen = &session->screen;
	int first = row, column = 1;

	for (const char *at = session->choices; *at;) {
		const char *gap = strstr(at, "  ");
		size_t length = gap ? (size_t)(gap - at) : strlen(at);
		char word[300];
		int wide;

		snprintf(word, sizeof word, "%.*s", (int)length, at);
		wide = cs_screen_width(screen, word);
		if (column > 1 && column + wide > screen->columns - (row + 1 == end && gap ? 3 : 1)) {
			if (row + 1 == end) {
				if (draw)
					cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "…");
				break;
			}
			row++;
			column = 1;
		}
		if (draw)
			cs_screen_put(screen, row, column, screen->columns - column - 1, CS_STYLE_TEXT, "%s", word);
		column += wide + 2;
		at += length + (gap ? 2 : 0);
	}
	return row - first + 1;
}

void cs_chrome_draw(struct cs_session *session)
{
	struct cs_screen *screen = &session->screen;
	int hints = screen->rows >= HINTS_FROM, choices = 0;

	if (screen->rows < LEAST_ROWS || screen->columns < LEAST_COLUMNS) {
		cs_screen_put(screen, 0, 0, -1, CS_STYLE_TEXT, "too small");
		return;
	}
	if (session->prompt.active && session->choices[0])
		choices = lay_choices(session, 0, screen->rows / 3, false);
	session->body_rows = screen->rows - 1 - (choices > hints ? choices : hints);
	cs_spots_clear(&session->spots);
	session->top->ops->draw(session->top);
	if (choices > 0)
		lay_choices(session, session->body_rows, session->body_rows + choices, true);
	else if (hints)
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

static void narrow(struct cs_session *session, enum cs_prompt_word word, char *text)
{
	struct cs_view *view = session->top;

	if (!view->ops->filter)
		return;
	if (word == CS_PROMPT_MORE)
		cs_prompt_text(&session->prompt, text, CS_PROMPT_BYTES);
	view->ops->filter(view, word == CS_PROMPT_LEFT ? NULL : text);
}

static void prompt_key(struct cs_session *session, int key)
{
	char text[CS_PROMPT_BYTES];
	enum cs_prompt_word word;

	session->dirty = true;
	if (key == '\t' && (session->prompt.sign == ':' || session->prompt.sign == '>')) {
		cs_complete(session);
		return;
	}
	cs_complete_forget(session);
	word = cs_prompt_key(&session->prompt, key, text);
	if (session->prompt.sign == '&')
		narrow(session, word, text);
	if (session->prompt.sign == '&' || word != CS_PROMPT_DONE)
		return;
	if (session->prompt.sign == '=') {
		if (session->top->ops->typed)
			session->top->ops->typed(session->top, text);
		return;
	}
	if (!text[0])
		return;
	if (session->prompt.sign == '>') {
		cs_command_open_picture(session, text);
		return;
	}
	if (session->prompt.sign == ':') {
		if (!cs_command(session, text))
			cs_evaluate_start(session, text);
		return;
	}
	snprintf(session->found, sizeof session->found, "%s", text);
	find(session, 0);
}

/* Leave the screens that stand for one layer, before another one is shown. */
static void leave_layer(struct cs_session *session)
{
	while (session->top->below &&
		(session->top->ops == &cs_view_layer || session->top->ops == &cs_view_feature ||
			session->top->ops == &cs_view_image || session->top->ops == &cs_view_images))
		cs_view_pop(session);
}

static void show_layer(struct cs_session *session, int digit)
{
	int layer = cs_session_layer(session, digit);

	if (!cs_session_has_model(session)) {
		cs_ahead_miss(session, false);
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
	if (!cs_session_has_images(session)) {
		cs_ahead_miss(session, true);
		return;
	}
	cs_view_push(session, &cs_view_image, &(struct cs_image_argument){.image = -1, .layer = -1, .feature = -1});
}

/* A screen of the open model; `images`: it needs them. */
static void show(struct cs_session *session, const struct cs_view_ops *ops, bool images)
{
	if (images ? cs_session_has_images(session) : cs_session_has_model(session))
		cs_view_push(session, ops, NULL);
	else
		cs_ahead_miss(session, images);
}

/* The first time a model is kept, the second time the open one is compared with it. */
static void compare(struct cs_session *session)
{
	char key[16];

	if (!cs_session_has_images(session)) {
		cs_ahead_miss(session, true);
	} else if (session->kept && strcmp(session->kept, session->opened->target) != 0) {
		cs_view_push(session, &cs_view_compare, &(struct cs_compare_argument){session->kept});
	} else {
		cs_free(session->kept);
		session->kept = cs_strdup(session->opened->target);
		cs_session_say(session, CS_STYLE_GOOD,
			"%s is kept: open another model and press [%s] to compare the two", session->opened->target,
			cs_key_of_action(CS_ACTION_COMPARE, session->top->ops->context, key, sizeof key));
	}
}

static void show_analyses(struct cs_session *session)
{
	if (!session->opened) {
		cs_ahead_miss(session, false);
		return;
	}
	cs_view_push(session, &cs_view_analyses, NULL);
}

static void show_image_list(struct cs_session *session)
{
	if (!cs_session_has_images(session)) {
		cs_ahead_miss(session, true);
		return;
	}
	if (session->top->below && session->top->below->ops == &cs_view_images) { /* it is where one came from */
		cs_view_pop(session);
		return;
	}
	cs_view_push(session, &cs_view_images, NULL);
}

static void show_network(struct cs_session *session)
{
	if (!cs_session_has_model(session)) {
		cs_ahead_miss(session, false);
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
		cs_command_export(session, NULL);
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
	case CS_ACTION_ANALYSES:
		show_analyses(session);
		break;
	case CS_ACTION_CONFUSION:
		show(session, &cs_view_confusion, true);
		break;
	case CS_ACTION_COLOUR:
		show(session, &cs_view_colour, false);
		break;
	case CS_ACTION_IMAGE_LIST:
		show_image_list(session);
		break;
	case CS_ACTION_OPEN_FILE:
		cs_prompt_open(&session->prompt, '>');
		break;
	case CS_ACTION_FILTER:
		if (ops->filter)
			cs_prompt_open(&session->prompt, '&');
		break;
	case CS_ACTION_NOISE:
		show(session, &cs_view_noise, false);
		break;
	case CS_ACTION_OCCLUSION:
		show(session, &cs_view_occlusion, true);
		break;
	case CS_ACTION_COMPARE:
		compare(session);
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

static void act(struct cs_session *session, enum cs_action action, int argument)
{
	session->dirty = true;
	if (!session->top->ops->act(session->top, action, argument))
		everywhere(session, action, argument);
}

void cs_chrome_point(struct cs_session *session, int button, int row, int column, bool released)
{
	struct cs_view *view = session->top;
	const struct cs_spot *spot;
	struct cs_pointer pointer;

	if (!cs_pointer_take(&session->spots, button, row, column, released, &pointer) || session->prompt.active)
		return;
	spot = cs_spots_at(&session->spots, pointer.kind == CS_POINTER_DRAG ? pointer.from_row : pointer.row,
		pointer.kind == CS_POINTER_DRAG ? pointer.from_column : pointer.column);
	session->dirty = true;
	if (view->ops->point && view->ops->point(view, &pointer, spot))
		return;
	if (pointer.kind == CS_POINTER_WHEEL) {
		act(session, pointer.step < 0 ? CS_ACTION_UP : CS_ACTION_DOWN, 0);
	} else if (pointer.kind == CS_POINTER_PRESS && spot && spot->kind == CS_SPOT_KEY) {
		cs_chrome_key(session, (int)spot->index);
	} else if (pointer.kind == CS_POINTER_PRESS && spot && spot->kind == CS_SPOT_ITEM && view->ops->select) {
		if (view->ops->select(view, spot->index))
			act(session, CS_ACTION_ENTER, 0);
	}
}

void cs_chrome_key(struct cs_session *session, int key)
{
	enum cs_action action;
	int argument;

	if (session->quit) /* keys that came with the one that left: the screens are gone */
		return;
	if (cs_ahead_waits(session, key))
		return;
	if (session->prompt.active) {
		prompt_key(session, key);
		return;
	}
	action = cs_key_action(key, session->top->ops->context, &argument);
	if (action != CS_ACTION_NONE)
		act(session, action, argument);
	cs_ahead_keep(session, key);
}
