/* evaluate.h: lines of Lua on their way through the scripting room, and back. One at a time, in the background. */
#ifndef CS_UI_EVALUATE_H
#define CS_UI_EVALUATE_H

#include "ui/session.h"

/* Run a line; what it prints comes up as a message or, when it is longer, as a screen. */
void cs_evaluate_start(struct cs_session *session, const char *line);

/* Take in what has ended; true when there is something new to draw. */
bool cs_evaluate_tick(struct cs_session *session);

/* Ask what could complete a line. Nothing happens while a line runs. */
void cs_evaluate_complete(struct cs_session *session, const char *line);
/* The words, one a line, to be freed, with the line that was asked about in asked[CS_PROMPT_BYTES]; NULL while there are none. */
char *cs_evaluate_completed(struct cs_session *session, char *asked);

/* Before the work is waited for: a line of Lua cannot be told to stop. When one still runs a second later the program ends here,
 * with the terminal restored and a word about it. */
void cs_evaluate_fini(struct cs_session *session);

#endif
