/* ahead.h: keys that come before what they ask for is there.
 *
 * A model is opened in the background, and who knows the way presses the next keys without looking. A key that asks for what is still on its
 * way is kept and heeded when it has come, with those pressed within a second after it. Later keys are heeded at once, and what waited is forgotten:
 * the person has changed their mind. So does the Esc key at any time.
 */
#ifndef CS_UI_AHEAD_H
#define CS_UI_AHEAD_H

#include <stdbool.h>

struct cs_session;

enum { CS_AHEAD = 16 };

struct cs_ahead {
	int keys[CS_AHEAD];
	int count;
	double since; /* when the first came */
	int stage; /* how far the opening was then */
	bool ready; /* it has come: the keys follow one after the other */
	bool missed; /* the key at hand asked for what is not there yet */
};

/* What a key asks for is not there: says why on the status line. Where it is on its way the key is kept. `images`: they are needed, not only the
 * model. */
void cs_ahead_miss(struct cs_session *session, bool images);

/* Before a key is heeded: true when it is to wait behind another. */
bool cs_ahead_waits(struct cs_session *session, int key);

/* After it was heeded: keep it if it missed what it asked for. */
void cs_ahead_keep(struct cs_session *session, int key);

/* After the screen was drawn (a cursor moves only among what has been): heed the first key that waited, when the opening has got further. True when there
 * was one. */
bool cs_ahead_next(struct cs_session *session);

#endif
