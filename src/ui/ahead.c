/* ahead.c: see ahead.h. */
#include "ui/ahead.h"

#include "core/clock.h"
#include "ui/chrome.h"

#include <string.h>

enum { ESCAPE = 27 };

static const double together = 1.0; /* s within which keys belong to one intention */

void cs_ahead_miss(struct cs_session *session, bool images)
{
	char why[300];

	cs_session_why_not(session, why, sizeof why);
	cs_session_say(session, CS_STYLE_WARN, "%s", why);
	session->ahead.missed =
		session->opened && (session->stage == CS_STAGE_OPENING || (images && session->stage == CS_STAGE_MODEL));
}

/* More keys than there is room for have come between two pictures: none is lost, those that waited are heeded now. */
static void heed_all(struct cs_session *session)
{
	struct cs_ahead was = session->ahead;

	session->ahead = (struct cs_ahead){0};
	for (int i = 0; i < was.count; i++)
		cs_chrome_key(session, was.keys[i]);
	session->dirty = true;
}

bool cs_ahead_waits(struct cs_session *session, int key)
{
	struct cs_ahead *ahead = &session->ahead;

	ahead->missed = false;
	if (ahead->count == 0)
		return false;
	if (key ==
		ESCAPE) { /* takes back what waited, and no more than that; but a prompt may have been opened meanwhile */
		ahead->count = 0;
		return !session->prompt.active;
	}
	if (ahead->ready && ahead->count == CS_AHEAD)
		heed_all(session);
	if (session->quit)
		return true;
	if (!ahead->ready && (ahead->count == CS_AHEAD || cs_now() - ahead->since > together))
		ahead->count = 0;
	if (ahead->count == 0) {
		ahead->missed = false;
		return false;
	}
	ahead->keys[ahead->count++] = key;
	return true;
}

void cs_ahead_keep(struct cs_session *session, int key)
{
	struct cs_ahead *ahead = &session->ahead;

	if (!ahead->missed || ahead->count > 0)
		return;
	*ahead = (struct cs_ahead){.keys = {key}, .count = 1, .since = cs_now(), .stage = (int)session->stage};
}

bool cs_ahead_next(struct cs_session *session)
{
	struct cs_ahead *ahead = &session->ahead, was = *ahead;
	int room;

	if (was.count == 0 || (!was.ready && was.stage == (int)session->stage))
		return false;
	if (!was.ready)
		session->message_until = 0; /* it is no longer true that something is being opened */
	*ahead = (struct cs_ahead){0};
	cs_chrome_key(session, was.keys[0]);
	ahead->ready = ahead->count == 0; /* else that key waits for more, and the others behind it */
	room = was.count - 1 < CS_AHEAD - ahead->count ? was.count - 1 : CS_AHEAD - ahead->count;
	memcpy(ahead->keys + ahead->count, was.keys + 1, (size_t)room * sizeof *was.keys);
	ahead->count += room;
	session->dirty = true;
	return true;
}
