/* invite.h: what a screen about one analysis shows beside its result or in the place of it: that there is none yet and how to make one, how far it
 * is, what the result was made of; and the keys that start and stop it.
 */
#ifndef CS_UI_INVITE_H
#define CS_UI_INVITE_H

#include "ui/session.h"

/* In the place of a result that is not there: that there is none, how to make one, how far it is. Returns rows used. `reading` may be NULL. */
int cs_invite_draw(struct cs_session *session, const char *name, const struct cs_reading *reading, int row);

/* One line beside a result: what it was made of, and that it is older than the model, or of other images, where it is. */
void cs_invite_origin(struct cs_session *session, const char *name, const struct cs_reading *reading, int row);

/* Start and stop, as keys ask for them; false for other actions. */
bool cs_invite_act(struct cs_session *session, const char *name, enum cs_action action);

#endif
