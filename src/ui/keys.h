/* keys.h: what each key does, in one table: the main loop looks keys up in it, the help screen and the hint line are
 * written from it, and the user's file may bind it anew.
 *
 * The file is $XDG_CONFIG_HOME/convscope/keys (~/.config/convscope/keys). Each line is an action's name and the keys for it, as in
 *     rule  b F2
 * Keys are single characters or Left Right Up Down PageUp PageDown Home End Enter Esc Tab Space Backspace Delete F1..F12 C-a..C-z. The first line that
 * names an action takes its old keys away. '#' begins a comment.
 */
#ifndef CS_UI_KEYS_H
#define CS_UI_KEYS_H

#include "core/status.h"

#include <stdbool.h>

enum cs_action {
	CS_ACTION_NONE,
	CS_ACTION_UP,
	CS_ACTION_DOWN,
	CS_ACTION_LEFT,
	CS_ACTION_RIGHT,
	CS_ACTION_PAGE_UP,
	CS_ACTION_PAGE_DOWN,
	CS_ACTION_HOME,
	CS_ACTION_END,
	CS_ACTION_ENTER,
	CS_ACTION_BACK,
	CS_ACTION_QUIT,
	CS_ACTION_NEXT_PANE,
	CS_ACTION_LAYER, /* the argument is which, from 0 */
	CS_ACTION_LAYER_PREVIOUS,
	CS_ACTION_LAYER_NEXT,
	CS_ACTION_LAYERS, /* the layer table */
	CS_ACTION_IMAGES,
	CS_ACTION_KIND,
	CS_ACTION_SORT,
	CS_ACTION_RULE,
	CS_ACTION_SIGNAL,
	CS_ACTION_WHAT,
	CS_ACTION_SHARED,
	CS_ACTION_LOG_SCALE,
	CS_ACTION_RANDOM,
	CS_ACTION_CLASS,
	CS_ACTION_WRONG,
	CS_ACTION_ZOOM_IN,
	CS_ACTION_ZOOM_OUT,
	CS_ACTION_TAIL,
	CS_ACTION_ANALYSES,
	CS_ACTION_START,
	CS_ACTION_STOP,
	CS_ACTION_TABLE, /* all of a result */
	CS_ACTION_CONFUSION,
	CS_ACTION_COLOUR,
	CS_ACTION_NOISE,
	CS_ACTION_OCCLUSION,
	CS_ACTION_CURSOR,
	CS_ACTION_RULES,
	CS_ACTION_IMAGE_LIST,
	CS_ACTION_OPEN_FILE,
	CS_ACTION_FILTER,
	CS_ACTION_MARK,
	CS_ACTION_SORT_BACK,
	CS_ACTION_SMOOTH,
	CS_ACTION_GROUP,
	CS_ACTION_COMPARE,
	CS_ACTION_COMPARE_MARKED,
	CS_ACTION_FIND,
	CS_ACTION_FIND_NEXT,
	CS_ACTION_FIND_PREVIOUS,
	CS_ACTION_EXPORT,
	CS_ACTION_LUA,
	CS_ACTION_HELP,
	CS_ACTION_REDRAW,
	CS_ACTION_COUNT,
};

/* The screens a key works on, as bits. */
enum cs_context {
	CS_ON_RUNS = 1,
	CS_ON_RUN = 2,
	CS_ON_NETWORK = 4,
	CS_ON_LAYER = 8,
	CS_ON_FEATURE = 16,
	CS_ON_IMAGE = 32,
	CS_ON_TEXT = 64, /* help and the Lua transcript */
	CS_ON_ANALYSES = 128,
	CS_ON_RESULT = 256,
	CS_ON_GALLERY = 512, /* some images, chosen for a reason */
	CS_ON_CONFUSION = 1024,
	CS_ON_COLOUR = 2048,
	CS_ON_NOISE = 4096,
	CS_ON_OCCLUSION = 8192,
	CS_ON_COMPARE = 16384,
	CS_ON_IMAGES = 32768, /* the list */
	CS_ON_ALL = 65535,
	CS_ON_MODEL = CS_ON_NETWORK | CS_ON_LAYER | CS_ON_FEATURE | CS_ON_IMAGE | CS_ON_IMAGES,
	CS_ON_RESULTS = CS_ON_ANALYSES | CS_ON_RESULT | CS_ON_COLOUR | CS_ON_NOISE | CS_ON_OCCLUSION,
};

enum { CS_MAX_KEYS = 4 };

/* An action and its keys. Keys are ncurses' numbers; characters are below KEY_CODE (see cs_key_of). */
struct cs_binding {
	enum cs_action action;
	const char *name; /* in the user's file */
	unsigned contexts;
	const char *hint; /* one or two words for the hint line; NULL: not shown there */
	const char *help; /* a line for the help screen */
	int keys[CS_MAX_KEYS];
	bool user; /* bound by the user's file: goes before the others */
};

/* The table, in the order of the help screen; ends with action CS_ACTION_NONE. */
struct cs_binding *cs_bindings(void);

/* What `key` means on a screen; *argument is the number of a digit key. */
enum cs_action cs_key_action(int key, unsigned context, int *argument);

/* The first of a binding's keys that means its action on a screen; 0: another action has taken them all there. */
int cs_key_for(const struct cs_binding *binding, unsigned context);

/* The name of the key for an action on a screen, for sentences; "?" where it has none. Returns text or a constant. */
const char *cs_key_of_action(enum cs_action action, unsigned context, char *text, int size);

/* ncurses' number for a key code: characters and KEY_ codes in one range without collision. */
int cs_key_of(unsigned character, bool code);

/* The key's name as the file writes it. */
const char *cs_key_name(int key, char *text, int size);

/* The number of a key's name; -1 when there is no such key. */
int cs_key_parse(const char *name);

/* Back to the table as built in. */
void cs_keys_reset(void);

/* Read a file of bindings; the user's own when `path` is NULL (missing: fine). Errors name the line; lines before it hold. */
enum cs_status cs_keys_load(const char *path, struct cs_error *error);

#endif
