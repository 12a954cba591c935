/* keys.c: the table of keys, and the file that changes it. See keys.h. */
#include "ui/keys.h"

#include "core/alloc.h"
#include "io/file.h"

#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ncurses' codes and characters overlap; codes are moved above all of Unicode. */
enum { CODE = 1 << 24, ESC = 27, CTRL = 0x1f };
#define K(code) (CODE + (code))

enum {
	CS_ON_ZOOMED = CS_ON_RUN | CS_ON_LAYER | CS_ON_FEATURE | CS_ON_IMAGE | CS_ON_RESULT | CS_ON_GALLERY |
		CS_ON_CONFUSION | CS_ON_NOISE,
	CS_ON_OPENED = CS_ON_ALL & ~(CS_ON_TEXT | CS_ON_RUNS | CS_ON_ANALYSES), /* where a model is open */
};

static struct cs_binding bindings[] = {
	{CS_ACTION_ENTER, "enter", CS_ON_ALL & ~CS_ON_TEXT, "open", "open what the cursor is on",
		{'\r', '\n', K(KEY_ENTER)}, 0},
	{CS_ACTION_BACK, "back", CS_ON_ALL, NULL, "back to the screen before; from the first one: quit",
		{ESC, 'q', K(KEY_BACKSPACE), 127}, 0},
	{CS_ACTION_UP, "up", CS_ON_ALL, NULL, "up; on an image: a stronger feature", {K(KEY_UP), 'k'}, 0},
	{CS_ACTION_DOWN, "down", CS_ON_ALL, NULL, "down; on an image: a weaker feature", {K(KEY_DOWN), 'j'}, 0},
	{CS_ACTION_LEFT, "left", CS_ON_ALL, NULL, "left; on an image: the image before", {K(KEY_LEFT), 'h'}, 0},
	{CS_ACTION_RIGHT, "right", CS_ON_ALL, NULL, "right; on an image: the next image", {K(KEY_RIGHT), 'l'}, 0},
	{CS_ACTION_PAGE_UP, "page-up", CS_ON_ALL, NULL, "a page up; on a feature: the one before",
		{K(KEY_PPAGE), 'B' & CTRL, '<'}, 0},
	{CS_ACTION_PAGE_DOWN, "page-down", CS_ON_ALL, NULL, "a page down; on a feature: the next one",
		{K(KEY_NPAGE), 'F' & CTRL, ' ', '>'}, 0},
	{CS_ACTION_HOME, "home", CS_ON_ALL, NULL, "to the first", {K(KEY_HOME), 'g'}, 0},
	{CS_ACTION_END, "end", CS_ON_ALL, NULL, "to the last", {K(KEY_END), 'G'}, 0},
	{CS_ACTION_NEXT_PANE, "next-pane",
		CS_ON_NETWORK | CS_ON_IMAGE | CS_ON_RUN | (CS_ON_RESULTS & ~CS_ON_COLOUR) | CS_ON_CONFUSION |
			CS_ON_COMPARE,
		"next", "the next layer beside the image; the next plot, figure or part of the screen",
		{'\t', K(KEY_BTAB)}, 0},
	{CS_ACTION_LAYER, "layer", CS_ON_ALL & ~(CS_ON_TEXT | CS_ON_RUNS), "layer",
		"the first, second, ... layer with features", {'1'}, 0},
	{CS_ACTION_LAYER_PREVIOUS, "layer-previous", CS_ON_MODEL | CS_ON_OCCLUSION | CS_ON_COMPARE, NULL,
		"the layer before", {'['}, 0},
	{CS_ACTION_LAYER_NEXT, "layer-next", CS_ON_MODEL | CS_ON_OCCLUSION | CS_ON_COMPARE, NULL, "the layer after",
		{']'}, 0},
	{CS_ACTION_LAYERS, "layers", CS_ON_ALL & ~(CS_ON_TEXT | CS_ON_RUNS | CS_ON_NETWORK), "network",
		"the network: all layers and their numbers", {'t'}, 0},
	{CS_ACTION_IMAGES, "images", CS_ON_RUN | CS_ON_NETWORK | CS_ON_LAYER | CS_ON_FEATURE | CS_ON_COMPARE, "images",
		"look at images, and at what each layer sees in them", {'i'}, 0},
	{CS_ACTION_IMAGE_LIST, "image-list", CS_ON_ALL & ~(CS_ON_TEXT | CS_ON_RUNS | CS_ON_IMAGES), NULL,
		"the list of all images: by class, by error, by doubt, at random", {'I'}, 0},
	{CS_ACTION_OPEN_FILE, "open-file", CS_ON_ALL & ~(CS_ON_TEXT | CS_ON_RUNS | CS_ON_IMAGES), NULL,
		"look at a picture file; Tab completes its path", {'O'}, 0},
	{CS_ACTION_FILTER, "filter", CS_ON_RUNS | CS_ON_IMAGES, "filter",
		"show what holds a text alone, as it is typed", {'&'}, 0},
	{CS_ACTION_MARK, "mark", CS_ON_RUNS, "mark", "mark a run; Enter then shows all marked ones in one figure",
		{'m'}, 0},
	{CS_ACTION_SORT_BACK, "sort-back", CS_ON_RUNS | CS_ON_IMAGES, NULL, "the same order the other way round", {'O'},
		0},
	{CS_ACTION_KIND, "kind", CS_ON_LAYER, "view", "projections, image patches, or filters (first layer)", {'v'}, 0},
	{CS_ACTION_SORT, "sort",
		CS_ON_RUNS | CS_ON_IMAGES | CS_ON_LAYER | CS_ON_RESULT | CS_ON_CONFUSION | CS_ON_COLOUR, "sort",
		"another order", {'o'}, 0},
	{CS_ACTION_RULE, "rule", CS_ON_LAYER | CS_ON_FEATURE | CS_ON_IMAGE, "rule",
		"the next rule of going back to pixels: deconvnet, gradient, guided, ...", {'b'}, 0},
	{CS_ACTION_SIGNAL, "signal", CS_ON_LAYER | CS_ON_FEATURE | CS_ON_IMAGE, "signal",
		"what goes back: the activation's value, or one", {'s'}, 0},
	{CS_ACTION_WHAT, "what", CS_ON_IMAGE, "what",
		"a feature's strongest position, its whole map, or the whole layer", {'a'}, 0},
	{CS_ACTION_SHARED, "shared-scale", CS_ON_LAYER | CS_ON_FEATURE | CS_ON_IMAGE | CS_ON_RESULT, "shared scale",
		"one scale for all pictures on the screen, or each its own", {'='}, 0},
	{CS_ACTION_LOG_SCALE, "log-scale", CS_ON_RUN | CS_ON_RESULT, "log",
		"a logarithmic axis for the loss, or for the figure shown", {'y'}, 0},
	{CS_ACTION_SMOOTH, "smooth", CS_ON_RUN, "smooth", "smoother curves: none, over 3, 9, 27 epochs", {'S'}, 0},
	{CS_ACTION_GROUP, "group", CS_ON_RUN, NULL,
		"runs that differ by their seed alone: each, or their mean and band", {'M'}, 0},
	{CS_ACTION_TAIL, "log", CS_ON_RUN, "log file", "more or less of the run's log", {'L'}, 0},
	{CS_ACTION_CURSOR, "cursor", CS_ON_IMAGE, "cursor", "a cursor on the image: the unit under it is projected",
		{'.'}, 0},
	{CS_ACTION_RULES, "rules", CS_ON_IMAGE, NULL, "all rules beside the image, or all layers", {'B'}, 0},
	{CS_ACTION_RANDOM, "random", CS_ON_IMAGE, "random", "a random image", {'r'}, 0},
	{CS_ACTION_CLASS, "class", CS_ON_IMAGE, "class", "the first image of the next class", {'c'}, 0},
	{CS_ACTION_WRONG, "wrong", CS_ON_IMAGE, "wrong", "the wrong ones, the most confident first", {'w'}, 0},
	{CS_ACTION_ZOOM_IN, "zoom-in", CS_ON_ZOOMED, "zoom", "larger pictures, fewer of them", {'+'}, 0},
	{CS_ACTION_ZOOM_OUT, "zoom-out", CS_ON_ZOOMED, NULL, "smaller pictures, more of them", {'-'}, 0},
	{CS_ACTION_ANALYSES, "analyses", CS_ON_OPENED & ~CS_ON_IMAGE, "analyses",
		"the analyses: start one, see how far it is, look at its result", {'a'}, 0},
	{CS_ACTION_START, "start", CS_ON_RESULTS, "run", "run the analysis, with the options that are set", {'r'}, 0},
	{CS_ACTION_STOP, "stop", CS_ON_RESULTS, "stop", "stop the analysis that runs", {'s'}, 0},
	{CS_ACTION_TABLE, "table", CS_ON_COLOUR | CS_ON_NOISE | CS_ON_OCCLUSION, "table",
		"the whole result: its table, figures and sentences", {'T'}, 0},
	{CS_ACTION_CONFUSION, "confusion", CS_ON_OPENED & ~CS_ON_CONFUSION, "confusion",
		"which classes are taken for which, and their images", {'x'}, 0},
	{CS_ACTION_COLOUR, "colour", CS_ON_OPENED & ~CS_ON_COLOUR, "colour",
		"what the layers make of red, green, blue and hue", {'C'}, 0},
	{CS_ACTION_NOISE, "noise", CS_ON_OPENED & ~CS_ON_NOISE, "noise",
		"what noise, blur and JPEG do to accuracy, activations and reconstructions", {'Z'}, 0},
	{CS_ACTION_OCCLUSION, "occlusion", CS_ON_OPENED & ~CS_ON_OCCLUSION, "occlusion",
		"where the evidence lies: what hiding each place of an image costs", {'H'}, 0},
	{CS_ACTION_COMPARE, "compare", CS_ON_OPENED & ~CS_ON_COMPARE, "compare",
		"keep this model; on another one: compare the two on the same images", {'m'}, 0},
	{CS_ACTION_COMPARE_MARKED, "compare-marked", CS_ON_RUNS, "compare",
		"compare the two runs that are marked on the same images", {'x'}, 0},
	{CS_ACTION_FIND, "find", CS_ON_ALL, "find", "find a run, layer, feature, image or class; f17: a feature", {'/'},
		0},
	{CS_ACTION_FIND_NEXT, "find-next", CS_ON_ALL, NULL, "find the next", {'n'}, 0},
	{CS_ACTION_FIND_PREVIOUS, "find-previous", CS_ON_ALL, NULL, "find the one before", {'N'}, 0},
	{CS_ACTION_EXPORT, "export", CS_ON_ALL & ~CS_ON_TEXT, "export",
		"write this view as pictures and numbers to files", {'e'}, 0},
	{CS_ACTION_LUA, "lua", CS_ON_ALL, "Lua", "run a line of Lua", {':'}, 0},
	{CS_ACTION_HELP, "help", CS_ON_ALL, "help", "this help", {'?', K(KEY_F(1))}, 0},
	{CS_ACTION_REDRAW, "redraw", CS_ON_ALL, NULL,
		"draw the screen again and ask the terminal anew what it can show", {'L' & CTRL}, 0},
	{CS_ACTION_QUIT, "quit", CS_ON_ALL, NULL, "leave", {'Q'}, 0},
	{CS_ACTION_NONE, NULL, 0, NULL, NULL, {0}, 0},
};

enum { BINDINGS = sizeof bindings / sizeof *bindings };

static struct cs_binding built_in[BINDINGS];
static bool saved;

struct cs_binding *cs_bindings(void)
{
	return bindings;
}

void cs_keys_reset(void)
{
	if (saved)
		memcpy(bindings, built_in, sizeof bindings);
}

int cs_key_of(unsigned character, bool code)
{
	return code ? K((int)character) : (int)character;
}

static const struct cs_binding *look_up(int key, unsigned context, bool user)
{
	for (const struct cs_binding *at = bindings; at->action; at++) {
		if (at->user != user || !(at->contexts & context))
			continue;
		for (int i = 0; i < CS_MAX_KEYS && at->keys[i]; i++) {
			if (at->keys[i] == key)
				return at;
			/* "1" stands for all the digits */
			if (at->action == CS_ACTION_LAYER && at->keys[i] == '1' && key >= '1' && key <= '9')
				return at;
		}
	}
	return NULL;
}

enum cs_action cs_key_action(int key, unsigned context, int *argument)
{
	const struct cs_binding *binding = look_up(key, context, true);

	if (!binding)
		binding = look_up(key, context, false);
	*argument = key >= '1' && key <= '9' ? key - '1' : 0;
	return binding ? binding->action : CS_ACTION_NONE;
}

int cs_key_for(const struct cs_binding *binding, unsigned context)
{
	for (int i = 0; i < CS_MAX_KEYS && binding->keys[i]; i++) {
		int argument;

		if (cs_key_action(binding->keys[i], context, &argument) == binding->action)
			return binding->keys[i];
	}
	return 0;
}

const char *cs_key_of_action(enum cs_action action, unsigned context, char *text, int size)
{
	for (const struct cs_binding *at = bindings; at->action; at++) {
		int key = at->action == action && (at->contexts & context) ? cs_key_for(at, context) : 0;

		if (key)
			return cs_key_name(key, text, size);
	}
	return "?";
}

static const struct {
	const char *name;
	int key;
} names[] = {
	{"Enter", '\r'},
	{"Esc", ESC},
	{"Tab", '\t'},
	{"Space", ' '},
	{"Left", K(KEY_LEFT)},
	{"Right", K(KEY_RIGHT)},
	{"Up", K(KEY_UP)},
	{"Down", K(KEY_DOWN)},
	{"PageUp", K(KEY_PPAGE)},
	{"PageDown", K(KEY_NPAGE)},
	{"Home", K(KEY_HOME)},
	{"End", K(KEY_END)},
	{"Backspace", K(KEY_BACKSPACE)},
	{"Delete", K(KEY_DC)},
	{"Enter", '\n'},
	{"Enter", K(KEY_ENTER)},
	{"Backspace", 127},
	{"S-Tab", K(KEY_BTAB)},
};

const char *cs_key_name(int key, char *text, int size)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i].key == key)
			return names[i].name;
	}
	if (key >= K(KEY_F0) && key <= K(KEY_F0) + 12)
		snprintf(text, (size_t)size, "F%d", key - K(KEY_F0));
	else if (key > 0 && key < 32)
		snprintf(text, (size_t)size, "C-%c", key + 'a' - 1);
	else if (key >= 32 && key < 127)
		snprintf(text, (size_t)size, "%c", key);
	else
		snprintf(text, (size_t)size, "key %d", key);
	return text;
}

int cs_key_parse(const char *name)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcasecmp(names[i].name, name) == 0)
			return names[i].key;
	}
	if (strlen(name) == 1 && name[0] > ' ' && name[0] < 127)
		return name[0];
	if (strlen(name) == 3 && name[0] == 'C' && name[1] == '-' && name[2] >= 'a' && name[2] <= 'z')
		return name[2] & CTRL;
	if (name[0] == 'F' && atoi(name + 1) >= 1 && atoi(name + 1) <= 12)
		return K(KEY_F0) + atoi(name + 1);
	return -1;
}

static enum cs_status read_line(char *line, bool *taken, struct cs_error *error)
{
	char *save = NULL, *word;
	struct cs_binding *binding;
	int count = 0;

	line[strcspn(line, "#\r\n")] = '\0';
	word = strtok_r(line, " \t", &save);
	if (!word)
		return CS_OK;
	for (binding = bindings; binding->action && strcmp(binding->name, word) != 0; binding++)
		;
	if (!binding->action)
		return cs_fail(error, CS_ERR_NOT_FOUND, "no action '%s'; the help screen (?) shows their names", word);
	if (taken[binding->action]) {
		while (count < CS_MAX_KEYS && binding->keys[count])
			count++;
	}
	while ((word = strtok_r(NULL, " \t", &save)) != NULL) {
		int key = cs_key_parse(word);

		if (key < 0)
			return cs_fail(error, CS_ERR_ARGUMENT,
				"no key '%s': expected a character, Left, PageDown, Enter, Tab, Space, F5, C-r or the "
				"like",
				word);
		if (count == CS_MAX_KEYS)
			return cs_fail(
				error, CS_ERR_ARGUMENT, "more than %d keys for '%s'", CS_MAX_KEYS, binding->name);
		if (!taken[binding->action])
			memset(binding->keys, 0, sizeof binding->keys);
		taken[binding->action] = binding->user = true;
		binding->keys[count++] = key;
	}
	return CS_OK;
}

static char *own_path(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config)
		return cs_format("%s/convscope/keys", config);
	return home && *home ? cs_format("%s/.config/convscope/keys", home) : NULL;
}

enum cs_status cs_keys_load(const char *path, struct cs_error *error)
{
	char *own = path ? NULL : own_path(), *text = NULL, *save = NULL;
	const char *from = path ? path : own;
	bool taken[CS_ACTION_COUNT] = {false};
	enum cs_status status = CS_OK;
	size_t size;
	int number = 1;

	if (!saved)
		memcpy(built_in, bindings, sizeof bindings);
	saved = true;
	cs_keys_reset();
	if (!from || (!path && !cs_file_exists(from)))
		goto out;
	status = cs_file_read(from, 1 << 20, &text, &size, error);
	save = text;
	for (char *line; !status && (line = strsep(&save, "\n")) != NULL; number++) {
		status = read_line(line, taken, error);
		if (status)
			cs_error_prefix(error, "%s:%d", from, number);
	}
out:
	cs_free(text);
	cs_free(own);
	return status;
}
