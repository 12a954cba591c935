/* view_help.c: the key table as a screen, and longer texts (what Lua printed). */
#include "core/alloc.h"
#include "ui/view.h"

#include <stdio.h>
#include <string.h>

/* A text that scrolls; help makes its own from the table, for the width of the screen. */
struct text {
	char *title;
	char **lines;
	int count, room, top;
	enum cs_context of; /* help: the screen it is asked on */
	int columns; /* for which it was made */
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

static void drop_lines(struct text *text)
{
	for (int i = 0; i < text->count; i++)
		cs_free(text->lines[i]);
	cs_free(text->lines);
	text->lines = NULL;
	text->count = text->room = 0;
}

static void close_text(struct cs_view *view)
{
	struct text *text = view->state;

	drop_lines(text);
	cs_free(text->title);
}

static int page(const struct cs_view *view)
{
	int rows = view->session->body_rows - 2;

	return rows < 1 ? 1 : rows;
}

/* No further than the last line at the bottom. */
static void settle_text(struct cs_view *view)
{
	struct text *text = view->state;
	int last = text->count - page(view);

	text->top = text->top > last ? last : text->top;
	text->top = text->top < 0 ? 0 : text->top;
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
	settle_text(view);
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

/* Where the columns of help stand: keys, the action's name where there is room, what it does. */
enum { NAME = 22, SHORT = 22, LONG = 37, WITH_NAMES = 100 };

/* A row of help, and those under it that hold what does not fit beside the keys. */
static bool add_row(struct text *text, const char *keys, const char *name, const char *help)
{
	int width = text->columns - 1 - (text->columns >= WITH_NAMES ? LONG : SHORT);
	bool good = true;

	width = width < 8 ? 8 : width;
	do {
		size_t length = strlen(help), cut = length;

		if (cut > (size_t)width) {
			for (cut = (size_t)width; cut > 0 && help[cut] != ' '; cut--) {}
			cut = cut ? cut : (size_t)width;
		}
		good = add_line(text, cs_format("%s\t%s\t%.*s", keys, name, (int)cut, help));
		help += cut;
		while (*help == ' ')
			help++;
		keys = name = "";
	} while (good && *help);
	return good;
}

static bool add_bindings(struct text *text, enum cs_context context, bool own)
{
	for (const struct cs_binding *at = cs_bindings(); at->action; at++) {
		bool everywhere = (at->contexts & ~(unsigned)CS_ON_TEXT) == (CS_ON_ALL & ~(unsigned)CS_ON_TEXT);
		char keys[64];

		if (everywhere == own || (own && !(at->contexts & context)))
			continue;
		keys_text(at, keys, sizeof keys);
		if (!add_row(text, keys, at->name, at->help))
			return false;
	}
	return true;
}

/* What a person comes with, and where the answer is: keys of the screens of a model. */
static const struct {
	enum cs_action actions[3];
	const char *question;
} ways[] = {
	{{CS_ACTION_COLOUR, CS_ACTION_START, CS_ACTION_ENTER},
		"Which feature reacts to red? Measure it once; then the features of a layer, by what they lose without "
		"red."},
	{{CS_ACTION_LAYER, CS_ACTION_ENTER, CS_ACTION_IMAGES},
		"What does a feature look for? Its layer, the feature, an image."},
	{{CS_ACTION_CONFUSION, CS_ACTION_ENTER, CS_ACTION_NONE},
		"What is taken for what? The matrix, and the images of a cell."},
	{{CS_ACTION_OCCLUSION, CS_ACTION_NONE, CS_ACTION_NONE}, "Where in the image does it look?"},
};

/* The keys of `actions`, one after the other: "C r Enter". */
static void way_text(const enum cs_action actions[3], char *text, size_t size)
{
	static const enum cs_context where[3] = {CS_ON_NETWORK, CS_ON_COLOUR, CS_ON_FEATURE};
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < 3 && actions[i] != CS_ACTION_NONE && used < size; i++) {
		char name[16];
		const char *key = actions[i] == CS_ACTION_LAYER
			? "1-9"
			: cs_key_of_action(actions[i], where[i], name, sizeof name);

		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", key);
	}
}

static bool add_ways(struct text *text)
{
	bool good = true;

	for (size_t i = 0; good && i < sizeof ways / sizeof *ways; i++) {
		char keys[48];

		way_text(ways[i].actions, keys, sizeof keys);
		good = add_row(text, keys, "", ways[i].question);
	}
	return good;
}

static bool add_paragraph(struct text *text, const char *words)
{
	int width = text->columns - 2 < 76 ? text->columns - 2 : 76;
	bool good = add_line(text, cs_strdup(""));

	width = width < 8 ? 8 : width;
	while (good && *words) {
		size_t cut = strlen(words);

		if (cut > (size_t)width) {
			for (cut = (size_t)width; cut > 0 && words[cut] != ' '; cut--) {}
			cut = cut ? cut : (size_t)width;
		}
		good = add_line(text, cs_strndup(words, cut));
		words += cut;
		while (*words == ' ')
			words++;
	}
	return good;
}

static bool make_help(struct text *text, int columns)
{
	bool opened = !(text->of & (CS_ON_TEXT | CS_ON_RUNS | CS_ON_ANALYSES)); /* a model */
	bool first = text->of & (CS_ON_RUN | CS_ON_NETWORK); /* where one starts */

	drop_lines(text);
	text->columns = columns;
	return (!first || (add_ways(text) && add_line(text, cs_strdup("")))) && add_bindings(text, text->of, true) &&
		add_line(text, cs_strdup("")) && add_bindings(text, text->of, false) &&
		(first || !opened || (add_line(text, cs_strdup("")) && add_ways(text))) &&
		add_paragraph(text,
			"Numbers count from 0. Pictures of projections: mid-grey is 0, and the numbers below a picture "
			"are the "
			"limit of its scale. Keys can be changed in ~/.config/convscope/keys: a line is an action's "
			"name (on wide "
			"screens between keys and help) and its keys. CONVSCOPE_GRAPHICS=sixel, symbols or ascii "
			"overrides what the "
			"terminal says of itself.");
}

static enum cs_status open_help(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_help_argument *from = argument;
	struct text *text = view->state;

	text->of = from->context;
	text->title = cs_format("help · keys of the %s screen, and of all screens", from->screen);
	return text->title && make_help(text, view->session->screen.columns) ? CS_OK
									     : cs_fail_memory(error, "the help");
}

static void draw_help(struct cs_view *view)
{
	struct text *text = view->state;
	struct cs_screen *screen = &view->session->screen;
	bool wide = screen->columns >= WITH_NAMES;

	if (text->columns != screen->columns && !make_help(text, screen->columns))
		return;
	settle_text(view);
	draw_frame(view);
	for (int i = 0; i < page(view) && text->top + i < text->count; i++) {
		const char *line = text->lines[text->top + i], *name = strchr(line, '\t'), *help = strrchr(line, '\t');

		if (!name) {
			cs_screen_put(screen, 2 + i, 1, -1, CS_STYLE_DIM, "%s", line);
			continue;
		}
		cs_screen_put(screen, 2 + i, 1, NAME - 2, CS_STYLE_KEY, "%.*s", (int)(name - line), line);
		if (wide)
			cs_screen_put(screen, 2 + i, NAME, LONG - NAME - 1, CS_STYLE_DIM, "%.*s",
				(int)(help - name - 1), name + 1);
		cs_screen_put(screen, 2 + i, wide ? LONG : SHORT, -1, CS_STYLE_TEXT, "%s", help + 1);
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
