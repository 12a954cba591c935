/* invite.c: see invite.h. */
#include "ui/invite.h"

#include "core/clock.h"
#include "ui/analyses.h"
#include "ui/view.h"
#include "ui/words.h"
#include "work/reading.h"

#include <string.h>
#include <unistd.h>

int cs_invite_draw(struct cs_session *session, const char *name, const struct cs_reading *reading, int row)
{
	struct cs_screen *screen = &session->screen;
	struct cs_analysis_run *run = cs_analyses_run(session, name);
	char text[240], key[16], took[40];
	int from = row;

	if (run && run->work) {
		double done = cs_analyses_progress(run, text, sizeof text);

		if (run->stopping) {
			cs_screen_put(screen, row++, 1, -1, CS_STYLE_TEXT, "being cancelled  %s", text);
			return row - from;
		}
		cs_screen_put(screen, row++, 1, -1, CS_STYLE_GOOD, "running  %s", text);
		if (done >= 0) {
			double left = done > 0.02 ? (cs_now() - run->since) * (1 - done) / done : -1;

			cs_screen_bar(
				screen, row, 1, screen->columns > 60 ? 50 : screen->columns - 12, done, CS_STYLE_GOOD);
			if (left >= 0)
				cs_screen_put(screen, row, screen->columns > 60 ? 53 : screen->columns - 10, -1,
					CS_STYLE_DIM, "%.0f %%, %s left", 100 * done,
					cs_words_seconds(left, took, sizeof took));
			row++;
		}
		cs_screen_put(screen, row++, 1, -1, CS_STYLE_DIM, "[%s] stops it",
			cs_key_of_action(CS_ACTION_STOP, session->top->ops->context, key, sizeof key));
		return row - from;
	}
	if (run && run->error.status && run->error.status != CS_ERR_CANCELLED)
		row += cs_screen_put_lines(
			screen, row, screen->rows - 3, 1, screen->columns - 2, CS_STYLE_BAD, run->error.message);
	if (!reading || !cs_reading_looked(reading)) {
		cs_screen_put(screen, row++, 1, -1, CS_STYLE_DIM, "looking for a result ...");
		return row - from;
	}
	if (run && !run->error.status && run->path && !cs_reading_trouble(reading)->status &&
		access(run->path, R_OK) == 0) { /* it has just come, and is taken in a moment */
		cs_screen_put(screen, row++, 1, -1, CS_STYLE_DIM, "reading the result ...");
		return row - from;
	}
	if (cs_reading_trouble(reading)->status)
		row += cs_screen_put_lines(screen, row, screen->rows - 3, 1, screen->columns - 2, CS_STYLE_BAD,
			cs_reading_trouble(reading)->message);
	else
		cs_screen_put(
			screen, row++, 1, -1, CS_STYLE_TEXT, "There is no result of this analysis for this model yet.");
	cs_screen_put(screen, row++, 1, -1, CS_STYLE_DIM,
		"[%s] starts it; it runs in the background while you look at something else",
		cs_key_of_action(CS_ACTION_START, session->top->ops->context, key, sizeof key));
	return row - from;
}

/* Is the model's file younger than the result? */
static bool outdated(const struct cs_session *session, double stamp)
{
	return session->stamp > 0 && stamp > 0 && session->stamp > stamp;
}

void cs_invite_origin(struct cs_session *session, const char *name, const struct cs_reading *reading, int row)
{
	const struct cs_result *result = cs_reading_result(reading);
	struct cs_screen *screen = &session->screen;
	struct cs_analysis_run *run = cs_analyses_run(session, name);
	char text[240], age[48], key[16];

	if (run && run->work) {
		cs_analyses_progress(run, text, sizeof text);
		cs_screen_put(screen, row, 1, -1, run->stopping ? CS_STYLE_TEXT : CS_STYLE_GOOD, "%s  %s",
			run->stopping ? "being cancelled" : "running again", text);
		return;
	}
	if (!result)
		return;
	cs_words_age(cs_reading_stamp(reading), age, sizeof age);
	cs_key_of_action(CS_ACTION_START, session->top->ops->context, key, sizeof key);
	if (outdated(session, cs_reading_stamp(reading)))
		cs_screen_put(screen, row, 1, -1, CS_STYLE_WARN,
			"of %s: the model was trained on since; [%s] runs it again", age, key);
	else if (session->opened && session->opened->data && strcmp(result->dataset, session->opened->data->spec) != 0)
		cs_screen_put(screen, row, 1, -1, CS_STYLE_WARN, "%s, on other images: %s; [%s] runs it on these", age,
			result->dataset, key);
	else
		cs_screen_put(screen, row, 1, -1, CS_STYLE_DIM, "made %s, on %s", age, result->dataset);
}

bool cs_invite_act(struct cs_session *session, const char *name, enum cs_action action)
{
	if (action == CS_ACTION_START)
		cs_analyses_start(session, name);
	else if (action == CS_ACTION_STOP)
		cs_analyses_cancel(session, name);
	else
		return false;
	return true;
}
