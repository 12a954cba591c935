/* terminal.h: taking the screen and giving it back. The only file that calls newterm() and endwin().
 *
 * Whatever ends the program gives the terminal back first: leaving, SIGTERM, SIGHUP, SIGINT, and also a crash. Signals do not
 * interrupt anything: their handlers write a byte into a pipe that the main loop waits on together with the keyboard.
 */
#ifndef CS_TERM_TERMINAL_H
#define CS_TERM_TERMINAL_H

#include "core/status.h"

#include <curses.h>
#include <stdbool.h>

enum cs_event {
	CS_EVENT_INPUT = 1, /* there is something to read */
	CS_EVENT_RESIZE = 2, /* SIGWINCH */
	CS_EVENT_SUSPEND = 4, /* SIGTSTP */
	CS_EVENT_CONTINUE = 8, /* SIGCONT: perhaps under another terminal */
	CS_EVENT_QUIT = 16, /* SIGINT, SIGTERM, SIGHUP, or the terminal is gone */
};

/* Would a screen work here? Errors (CS_ERR_UNSUPPORTED), before anything is touched: no terminal, TERM unset, unknown, or one
 * without a cursor that can be placed. */
enum cs_status cs_terminal_check(struct cs_error *error);

/* Take the screen, and with `mouse` ask for mouse events where the terminal has them. Lines that libraries print to stderr are held back until the end. */
enum cs_status cs_terminal_open(bool mouse, struct cs_error *error);

/* Give it back; what was held back is printed. */
void cs_terminal_close(void);

/* Wait at most `milliseconds` (negative: for ever) for input or a signal; a set of CS_EVENT_ bits, 0 when nothing came. */
unsigned cs_terminal_wait(int milliseconds);

/* The next key (KEY_..., a character, or a piece of an answer), OK or KEY_CODE_YES as wget_wch() returns them; ERR when there is none. Never
 * waits and never draws. */
int cs_terminal_read(wint_t *key);

/* Send what changed. `line_by_line` while there are pictures that ncurses does not know of. */
void cs_terminal_refresh(bool line_by_line);

/* Stop as SIGTSTP wants it, with the terminal as the shell expects it; returns when continued. */
void cs_terminal_suspend(void);

/* Set the modes again and repaint everything: after SIGCONT, or when somebody wrote over the screen. */
void cs_terminal_repaint(void);

/* Heed the window's present size. */
void cs_terminal_resize(void);

/* Bytes past ncurses, whole or not at all; false when the terminal is gone. */
bool cs_terminal_write(const char *bytes, size_t size);

#endif
