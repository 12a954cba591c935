/* view_help.c: the key table as a screen, and longer texts (what Lua printed). */
#include "core/alloc.h"
#include "ui/view.h"

#include <stdio.h>
#include <string.h>

/* A text that scrolls; help makes its own from the table. */
struct text {
	char *title;
	char **lines;
	int count, room, top;
};

static bool add_line(struct text *text, char *line)
{
	if (!line)
		return false;
	if (text->count == text->room) {
		int room = text->room ? 2 * text->room : 64;
		char **lines = cs_realloc(text->lines, (size_t)room, sizeof *lines);

		if (!lines) {
			cs_free(line);
			return false;
		}
		text->lines = lines;
		text->room = room;
	}
	text->lines[text->count++] = line;
	return true;
}

static void close_text(struct cs_view *view)
{
	struct text *text = view->state;

	for (int i = 0; i < text->count; i++)
		cs_free(text->lines[i]);
	cs_free(text->lines);
	cs_free(text->title);
}

static int page(const struct cs_view *view)
{
	int rows = view->session->body_rows - 2;

	return rows < 1 ? 1 : rows;
}

static bool scroll_text(struct cs_view *view, enum cs_action action, int argument)
{
	struct text *text = view->state;
	int last = text->count - page(view);

	(void)argument;
	switch (action) {
	case CS_ACTION_UP:
		text->top--;
		break;
	case CS_ACTION_DOWN:
		text->top++;
		break;
	case CS_ACTION_PAGE_UP:
		text->top -= page(view);
		break;
	case CS_ACTION_PAGE_DOWN:
		text->top += page(view);
		break;
	case CS_ACTION_HOME:
		text->top = 0;
		break;
	case CS_ACTION_END:
		text->top = last;
		break;
	default:
		return false;
	}
	text->top = text->top > last ? last : text->top;
	text->top = text->top < 0 ? 0 : text->top;
	return true;
}

static void draw_frame(struct cs_view *view)
{
	const struct text *text = view->state;
	struct cs_screen *screen = &view->session->screen;

	cs_screen_put(screen, 0, 1, screen->columns - 14, CS_STYLE_TITLE, "%s", text->title);
	if (text->count > page(view))
		cs_screen_put_right(screen, 0, screen->columns - 1, CS_STYLE_DIM, "%d-%d of %d", text->top + 1,
			text->top + page(view) < text->count ? text->top + page(view) : text->count, text->count);
}

static void draw_text(struct cs_view *view)
{
	const struct text *text = view->state;

	draw_frame(view);
	for (int i = 0; i < page(view) && text->top + i < text->count; i++)
		cs_screen_put(&view->session->screen, 2 + i, 1, -1, CS_STYLE_TEXT, "%s", text->lines[text->top + i]);
}

static enum cs_status open_text(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_text_argument *from = argument;
	struct text *text = view->state;
	const char *at = from->text;

	text->title = cs_strdup(from->title);
	while (text->title && *at) {
		size_t length = strcspn(at, "\n");

		if (!add_line(text, cs_strndup(at, length)))
			return cs_fail_memory(error, "a text");
		at += length + (at[length] == '\n');
	}
	return text->title ? CS_OK : cs_fail_memory(error, "a text");
}

static void label_text(struct cs_view *view, char *label, size_t size)
{
	(void)view;
	snprintf(label, size, "text");
}

static void find_text(struct cs_view *view, const char *what, int step)
{
	struct text *text = view->state;
	int from = text->top + (step < 0 ? -1 : step > 0 ? 1 : 0);

	for (int i = 0; i < text->count; i++) {
		int at = ((step < 0 ? from - i : from + i) % text->count + text->count) % text->count;

		if (strcasestr(text->lines[at], what)) {
			text->top = at;
			return;
		}
	}
	cs_session_say(view->session, CS_STYLE_WARN, "'%s' is not in this text", what);
}

const struct cs_view_ops cs_view_text = {
	.name = "text",
	.context = CS_ON_TEXT,
	.size = sizeof(struct text),
	.open = open_text,
	.draw = draw_text,
	.act = scroll_text,
	.find = find_text,
	.label = label_text,
	.close = close_text,
};

/* "b, F2": the keys of a binding. */
static void keys_text(const struct cs_binding *binding, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < CS_MAX_KEYS && binding->keys[i] && used + 1 < size; i++) {
		char name[16];
		const char *key = binding->action == CS_ACTION_LAYER && binding->keys[i] == '1'
			? "1-9"
			: cs_key_name(binding->keys[i], name, sizeof name);

		if (strstr(text, key) && strlen(key) > 1)
			continue; /* Enter has three codes */
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", key);
	}
}

static bool add_bindings(struct text *text, enum cs_context context, bool own)
{
	for (const struct cs_binding *at = cs_bindings(); at->action; at++) {
		bool everywhere = (at->contexts & ~(unsigned)CS_ON_TEXT) == (CS_ON_ALL & ~(unsigned)CS_ON_TEXT);
		char keys[64];

		if (everywhere == own || (own && !(at->contexts & context)))
			continue;
		keys_text(at, keys, sizeof keys);
		if (!add_line(text, cs_format("%s\t%s\t%s", keys, at->name, at->help)))
			return false;
	}
	return true;
}

static enum cs_status open_help(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_help_argument *from = argument;
	struct text *text = view->state;
	bool good;

	text->title = cs_format("help · keys of the %s screen, and of all screens", from->screen);
	good = text->title && add_bindings(text, from->context, true) && add_line(text, cs_strdup("")) &&
		add_bindings(text, from->context, false) && add_line(text, cs_strdup("")) &&
		add_line(text,
			cs_strdup("Numbers count from 0. Pictures of projections: mid-grey is 0, and the numbers below "
				  "a picture")) &&
		add_line(text,
			cs_strdup("are the limit of its scale. Keys can be changed in ~/.config/convscope/keys: a line "
				  "is an")) &&
		add_line(text,
			cs_strdup("action's name (in the middle above) and its keys. CONVSCOPE_GRAPHICS=sixel, symbols "
				  "or ascii")) &&
		add_line(text, cs_strdup("overrides what the terminal says of itself."));
	return good ? CS_OK : cs_fail_memory(error, "the help");
}

static void draw_help(struct cs_view *view)
{
	const struct text *text = view->state;
	struct cs_screen *screen = &view->session->screen;
	bool wide = screen->columns >= 100;

	draw_frame(view);
	for (int i = 0; i < page(view) && text->top + i < text->count; i++) {
		const char *line = text->lines[text->top + i], *name = strchr(line, '\t'), *help = strrchr(line, '\t');

		if (!name) {
			cs_screen_put(screen, 2 + i, 1, -1, CS_STYLE_DIM, "%s", line);
			continue;
		}
		cs_screen_put(screen, 2 + i, 1, 20, CS_STYLE_KEY, "%.*s", (int)(name - line), line);
		cs_screen_put(screen, 2 + i, 22, 14, CS_STYLE_DIM, "%.*s", (int)(help - name - 1), name + 1);
		cs_screen_put(screen, 2 + i, wide ? 40 : 38, -1, CS_STYLE_TEXT, "%s", help + 1);
	}
}

const struct cs_view_ops cs_view_help = {
	.name = "help",
	.context = CS_ON_TEXT,
	.size = sizeof(struct text),
	.open = open_help,
	.draw = draw_help,
	.act = scroll_text,
	.find = find_text,
	.label = label_text,
	.close = close_text,
};
