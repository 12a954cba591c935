/* replies.c: a state machine for ECMA-48 control sequences coming from a terminal. See replies.h.
 *
 * States: idle -> ESC -> [ parameters final          (CSI: device attributes, sizes)
 *                     -> ] or P text, ended by BEL or ESC \   (OSC, DCS: colours)
 * Everything else after ESC was the Esc key followed by another key.
 */
#include "term/replies.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { ESCAPE = 27, BELL = 7 };

static void keep(struct cs_replies *replies, unsigned character)
{
	if (replies->length + 1 < sizeof replies->bytes)
		replies->bytes[replies->length++] = (char)character;
	else
		replies->overlong = true;
}

static void read_numbers(struct cs_reply *reply)
{
	const char *at = reply->text;

	reply->question = *at == '?';
	while (*at && reply->count < CS_REPLY_PARAMS) {
		if (!isdigit((unsigned char)*at)) {
			at++;
			continue;
		}
		long number = strtol(at, (char **)&at, 10);

		reply->params[reply->count++] = number > 1000000 ? 1000000 : (int)number;
	}
}

static enum cs_reply_word finish(struct cs_replies *replies, char kind, struct cs_reply *reply)
{
	bool overlong = replies->overlong;

	*reply = (struct cs_reply){.kind = kind};
	memcpy(reply->text, replies->bytes, replies->length);
	*replies = (struct cs_replies){0};
	if (overlong)
		return CS_REPLY_IS_MORE; /* swallowed: no answer of ours is that long */
	read_numbers(reply);
	return CS_REPLY_IS_DONE;
}

static enum cs_reply_word after_escape(struct cs_replies *replies, unsigned character)
{
	switch (character) {
	case ESCAPE: /* the Esc key, and an answer right behind it */
		return CS_REPLY_WAS_ONE;
	case '[':
		replies->state = CS_REPLY_CSI;
		return CS_REPLY_IS_MORE;
	case ']':
	case 'P':
		replies->state = CS_REPLY_STRING;
		replies->introducer = (char)character;
		return CS_REPLY_IS_MORE;
	default:
		*replies = (struct cs_replies){0};
		return CS_REPLY_WAS_ESC;
	}
}

enum cs_reply_word cs_replies_feed(struct cs_replies *replies, unsigned character, struct cs_reply *reply)
{
	switch (replies->state) {
	case CS_REPLY_IDLE:
		if (character != ESCAPE)
			return CS_REPLY_IS_KEY;
		replies->state = CS_REPLY_ESCAPE;
		return CS_REPLY_IS_MORE;
	case CS_REPLY_ESCAPE:
		return after_escape(replies, character);
	case CS_REPLY_CSI:
		if (character >= 0x40 && character <= 0x7e)
			return finish(replies, (char)character, reply);
		if (character < 0x20 || character > 0x3f) { /* no control sequence: drop what was one so far */
			*replies = (struct cs_replies){0};
			return cs_replies_feed(replies, character, reply);
		}
		keep(replies, character);
		return CS_REPLY_IS_MORE;
	case CS_REPLY_STRING:
		if (character == BELL)
			return finish(replies, replies->introducer, reply);
		if (character == ESCAPE)
			replies->state = CS_REPLY_STRING_ESCAPE;
		else
			keep(replies, character);
		return CS_REPLY_IS_MORE;
	case CS_REPLY_STRING_ESCAPE:
		return finish(replies, replies->introducer, reply);
	}
	return CS_REPLY_IS_KEY;
}

bool cs_replies_silence(struct cs_replies *replies, bool give_up)
{
	if (replies->state == CS_REPLY_ESCAPE) {
		*replies = (struct cs_replies){0};
		return true;
	}
	if (give_up)
		*replies = (struct cs_replies){0};
	return false;
}
