/* complete.h: Tab at a prompt: what could stand where the cursor is. */
#ifndef CS_UI_COMPLETE_H
#define CS_UI_COMPLETE_H

#include "ui/session.h"

/* Complete the last word before the cursor as far as it is clear; what is left to choose from stands in session->choices. Paths are
 * looked up at once; names of Lua are asked for in the background, and taken in by cs_complete_tick(). Inside a string the names of
 * layers, classes and rules are offered. */
void cs_complete(struct cs_session *session);

/* True when there is something new to draw. */
bool cs_complete_tick(struct cs_session *session);

/* Forget the choices: another key was pressed. */
void cs_complete_forget(struct cs_session *session);

#endif
