/* settings.h: the user's file of settings, $XDG_CONFIG_HOME/convscope/config (~/.config/convscope/config). Each line is a name and a word:
 *     background  light      # dark, light or auto (unless said: what the terminal answers)
 *     graphics    symbols    # auto, sixel, symbols or ascii, as --graphics and CONVSCOPE_GRAPHICS, which go first
 *     memory      32         # MB of pictures and projections that are kept for the way back to a screen
 *     mouse       off        # on (unless said) or off: the terminal keeps the mouse for selecting text
 *     passthrough on         # pictures through tmux, which must allow it (set -g allow-passthrough on); off unless said
 * '#' begins a comment. What keys do stands in a file of its own (keys.h).
 */
#ifndef CS_UI_SETTINGS_H
#define CS_UI_SETTINGS_H

#include "core/status.h"

#include <stdbool.h>

struct cs_settings {
	int background; /* 0: ask the terminal; 1 dark, 2 light */
	char graphics[16]; /* "" where nothing is said */
	bool mouse, passthrough;
	int memory; /* MB of pictures and projections kept */
};

/* Read a file; the user's own when `path` is NULL (missing: fine). Errors name the line; what was said before it holds. */
enum cs_status cs_settings_load(const char *path, struct cs_settings *settings, struct cs_error *error);

#endif
