/* probe.h: what the terminal at the other end can show.
 *
 * Questions go out in one write, the device attributes (DA1) last: every terminal answers those, so their answer is the
 * fence behind which nothing more will come. Answers arrive as replies (replies.h), before the screen is taken or, from a slow
 * terminal, later among the keys.
 */
#ifndef CS_TERM_PROBE_H
#define CS_TERM_PROBE_H

#include "core/status.h"
#include "term/replies.h"

#include <stdbool.h>

enum cs_wish { CS_WISH_AUTO, CS_WISH_SIXEL, CS_WISH_SYMBOLS, CS_WISH_ASCII };

enum cs_protocol { CS_PROTOCOL_SYMBOLS, CS_PROTOCOL_ASCII, CS_PROTOCOL_SIXEL };

/* What is known of the terminal. */
struct cs_probe {
	enum cs_wish wish;
	bool utf8; /* characters beyond ASCII may be written */
	bool multiplexer; /* tmux or screen stand between */
	bool passthrough; /* pictures are to go through tmux, wrapped */
	bool asked; /* questions went out */
	bool answered; /* DA1 came back */
	bool sixel; /* it holds a 4 */
	char attributes[CS_REPLY_BYTES]; /* DA1 as it came, "?62;4;22" */
	int rows, columns; /* TIOCGWINSZ */
	int window_width, window_height; /* its pixels; 0: unknown */
	int said_cell_width, said_cell_height; /* CSI 16 t */
	int area_width, area_height; /* CSI ? 2 ; 1 S: what pictures may use now */
	int limit_width, limit_height; /* CSI ? 2 ; 4 S: what they may use at most */
	int area_answers;
	int background; /* 0 unknown, 1 dark, 2 light */

	/* The conclusion, by cs_probe_conclude(): */
	enum cs_protocol protocol;
	int cell_width, cell_height; /* pixels; 10x20 when unknown */
	bool cell_known;
	int most_width, most_height; /* of one picture */
	char why[200]; /* one clause: "device attributes hold 4 (sixel)" */
};

/* The wish behind "auto", "sixel", "symbols", "ascii"; NULL: CONVSCOPE_GRAPHICS, else auto. */
enum cs_status cs_probe_wish(const char *graphics, enum cs_wish *wish, struct cs_error *error);

/* What needs no question: environment, character set of the locale, window size. Keeps the answers had so far. */
void cs_probe_look(struct cs_probe *probe, int fd);

/* The questions to write, "" where none are worth asking; they end with DA1 when there are any. Forgets earlier answers. */
const char *cs_probe_questions(struct cs_probe *probe);

/* Take in an answer. Returns true for DA1: the fence. */
bool cs_probe_answer(struct cs_probe *probe, const struct cs_reply *reply);

/* Decide, from all that is known so far. */
void cs_probe_conclude(struct cs_probe *probe);

/* Ask through fd 0 and 1 in raw mode and wait for the fence, at most `milliseconds`; true when it came. The terminal is left as it was. Keys
 * typed ahead are put into `typed` (at most size - 1 bytes, NUL-terminated), cursor keys as "ESC [ A"; half an answer stays in `replies`, which begins
 * as zeros, to be gone on with. */
bool cs_probe_ask(
	struct cs_probe *probe, int milliseconds, struct cs_replies *replies, char *typed, size_t size);

/* "sixel", "symbols", "ascii". */
const char *cs_protocol_name(enum cs_protocol protocol);

#endif
