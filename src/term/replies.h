/* replies.h: telling a terminal's answers from a person's keys, one character at a time.
 *
 * A terminal answers a question through the same wire as the keyboard: ESC [ ? 6 3 ; 4 c. ncurses knows no such key and
 * hands the characters on one by one. This parser takes them; what turns out to be no answer after all comes back as the
 * keys it was. It reads nothing and knows no clock: whoever feeds it also says when the wire has been silent.
 */
#ifndef CS_TERM_REPLIES_H
#define CS_TERM_REPLIES_H

#include <stdbool.h>
#include <stddef.h>

enum { CS_REPLY_PARAMS = 24, CS_REPLY_BYTES = 128 };

/* An answer. */
struct cs_reply {
	char kind; /* the final letter ('c', 't', 'S', 'n', 'R'), or ']' for a colour answer */
	bool question; /* ESC [ ? ... */
	int params[CS_REPLY_PARAMS];
	int count;
	char text[CS_REPLY_BYTES]; /* what stood between the introducer and the end */
};

enum cs_reply_state { CS_REPLY_IDLE, CS_REPLY_ESCAPE, CS_REPLY_CSI, CS_REPLY_STRING, CS_REPLY_STRING_ESCAPE };

struct cs_replies {
	enum cs_reply_state state;
	char introducer; /* of a string: ']' or 'P' */
	char bytes[CS_REPLY_BYTES];
	size_t length;
	bool overlong;
};

enum cs_reply_word {
	CS_REPLY_IS_KEY, /* not part of an answer: a key as it stands */
	CS_REPLY_IS_MORE, /* taken; perhaps an answer */
	CS_REPLY_IS_DONE, /* *reply is filled */
	CS_REPLY_WAS_ESC, /* the escape before was a key of its own, and so is this character */
	CS_REPLY_WAS_ONE, /* the escape before was a key of its own; this one, too, may begin an answer */
};

enum cs_reply_word cs_replies_feed(struct cs_replies *replies, unsigned character, struct cs_reply *reply);

/* The wire has been silent for a while. True when a lone escape was waiting: it was the Esc key. An unfinished answer is kept
 * until `give_up`, then dropped. */
bool cs_replies_silence(struct cs_replies *replies, bool give_up);

static inline bool cs_replies_waiting(const struct cs_replies *replies)
{
	return replies->state != CS_REPLY_IDLE;
}

#endif
