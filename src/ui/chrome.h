/* chrome.h: what stands around every screen: hints, status, prompts; and the keys that mean the same everywhere. */
#ifndef CS_UI_CHROME_H
#define CS_UI_CHROME_H

#include "ui/session.h"

/* Draw the topmost view and what is around it. */
void cs_chrome_draw(struct cs_session *session);

/* A key: to the prompt when one is open, else its action to the topmost view, else to the keys of every screen. */
void cs_chrome_key(struct cs_session *session, int key);

/* What the mouse did: xterm's button number, cells from 0. */
void cs_chrome_point(struct cs_session *session, int button, int row, int column, bool released);

/* Show the layer table, or say why that cannot be. Always true, so that views can return it. */
bool cs_chrome_network(struct cs_session *session);

/* Look after the line of Lua and old messages; true when there is something new to draw. */
bool cs_chrome_tick(struct cs_session *session);

#endif
