/* view_analyses.c: the analyses there are, ours and the user's: what each asks, whether a result lies there, how far one is.
 *
 * Two panes: the list, and the options of the one under the cursor (below it, or beside it where there is room). Which results exist is
 * looked up in the background.
 */
#include "core/alloc.h"
#include "core/clock.h"
#include "ui/analyses.h"
#include "ui/invite.h"
#include "ui/table.h"
#include "ui/view.h"
#include "ui/words.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { HEAD = 3, WAKE_MS = 1000, WIDE = 100, SIDE = 44, BELOW = 9, MOST = 256, TITLE = 16 };

/* Looking which results there are. */
struct errand {
	int count;
	char *paths[MOST];
	double stamps[MOST]; /* when written; 0: none */
};

struct analyses {
	struct cs_table table, options;
	bool in_options;
	char name[64]; /* under the cursor, to stay on it when the list changes */
	struct cs_work *work;
	double looked;
	double stamps[MOST]; /* in the order of the list, as looked up last */
	int known;
};

static void release(void *context)
{
	struct errand *errand = context;

	for (int i = 0; i < errand->count; i++)
		cs_free(errand->paths[i]);
	cs_free(errand);
}

static enum cs_status look(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;

	(void)error;
	for (int i = 0; i < errand->count && !cs_job_cancelled(job); i++) {
		struct stat info;

		if (errand->paths[i] && stat(errand->paths[i], &info) == 0)
			errand->stamps[i] = (double)info.st_mtim.tv_sec;
	}
	return CS_OK;
}

static void start_looking(struct cs_view *view)
{
	struct analyses *state = view->state;
	struct errand *errand = cs_calloc(1, sizeof *errand);
	int count;
	struct cs_analysis *all = cs_analyses_all(view->session, &count);

	state->looked = cs_now();
	if (!errand)
		return;
	for (int i = 0; i < count && i < MOST; i++)
		errand->paths[errand->count++] = cs_analyses_path(view->session, all[i].name);
	cs_work_start(view->session->works, NULL, look, errand, release, &state->work, NULL);
}

static enum cs_status open_analyses(struct cs_view *view, const void *argument, struct cs_error *error)
{
	(void)argument;
	if (!cs_session_analyses(view->session))
		return cs_fail_memory(error, "the list of analyses");
	cs_analyses_list(view->session);
	return CS_OK;
}

static struct cs_analysis *current(const struct cs_view *view)
{
	const struct analyses *state = view->state;
	int count;
	struct cs_analysis *all = cs_analyses_all(view->session, &count);

	return state->table.cursor >= 0 && state->table.cursor < count ? &all[state->table.cursor] : NULL;
}

static bool any_running(struct cs_view *view)
{
	int count;
	struct cs_analysis *all = cs_analyses_all(view->session, &count);

	for (int i = 0; i < count; i++) {
		struct cs_analysis_run *run = cs_analyses_run(view->session, all[i].name);

		if (run && run->work)
			return true;
	}
	return false;
}

/* The list may have changed: stay on the one that the cursor was on. */
static void follow_list(struct cs_view *view)
{
	struct analyses *state = view->state;
	int count;
	struct cs_analysis *all = cs_analyses_all(view->session, &count);

	state->table.count = count < 0 ? 0 : count;
	for (int i = 0; i < count && state->name[0]; i++) {
		if (strcmp(all[i].name, state->name) == 0)
			state->table.cursor = i;
	}
	if (state->table.cursor < 0 && count > 0)
		state->table.cursor = 0;
}

static bool tick_analyses(struct cs_view *view)
{
	struct analyses *state = view->state;
	bool news = any_running(view);
	int count;

	cs_analyses_all(view->session, &count);
	if (count >= 0 && count != state->table.count) {
		follow_list(view);
		state->looked = 0;
		news = true;
	}
	if (!state->work) {
		if (count > 0 && (state->looked == 0 || cs_now() - state->looked > 0.001 * WAKE_MS))
			start_looking(view);
	} else if (cs_work_finished(state->work)) {
		struct errand *errand = cs_work_context(state->work);

		news |= errand->count != state->known ||
			memcmp(state->stamps, errand->stamps, sizeof state->stamps) != 0;
		memcpy(state->stamps, errand->stamps, sizeof state->stamps);
		state->known = errand->count;
		cs_work_drop(state->work);
		state->work = NULL;
	}
	return news;
}

static void draw_row(struct cs_view *view, int row, int i, int width, bool selected)
{
	struct analyses *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	int count, title = TITLE, result = width - 18;
	struct cs_analysis *analysis = &cs_analyses_all(session, &count)[i];
	struct cs_analysis_run *run = cs_analyses_run(session, analysis->name);
	char text[240], age[48];

	if (result < title + 12)
		result = width - 9;
	cs_screen_put(screen, row, 1, TITLE - 2, CS_STYLE_TITLE, "%s", analysis->name);
	if (run && run->work) {
		double done = cs_analyses_progress(run, text, sizeof text);

		if (run->stopping)
			cs_screen_put(screen, row, result, width - result, CS_STYLE_TEXT, "cancelling");
		else if (done >= 0)
			cs_screen_put(screen, row, result, width - result, CS_STYLE_GOOD, "%.0f %%", 100 * done);
		else
			cs_screen_put(screen, row, result, width - result, CS_STYLE_GOOD, "running");
		if (!run->stopping && done >= 0 && width - result >= 14)
			cs_screen_bar(screen, row, result + 5, width - result - 6, done, CS_STYLE_GOOD);
	} else if (run && run->error.status && run->error.status != CS_ERR_CANCELLED) {
		cs_screen_put(screen, row, result, width - result, CS_STYLE_BAD, "failed");
	} else if (i < state->known && state->stamps[i] > 0) {
		cs_screen_put(screen, row, result, width - result, CS_STYLE_TEXT, "%s",
			cs_words_age(state->stamps[i], age, sizeof age));
	}
	if (result - title > 6)
		cs_screen_put(screen, row, title, result - title - 1, analysis->broken ? CS_STYLE_BAD : CS_STYLE_TEXT,
			"%s", analysis->title);
	cs_spots_add(&session->spots, (struct cs_area){row, 0, 1, width}, CS_SPOT_ITEM, i);
	if (selected)
		cs_screen_shade(screen, row, 0, width, state->in_options ? CS_STYLE_TITLE : CS_STYLE_SELECT);
}

/* The options, and what became of the last run. */
static void draw_options(struct cs_view *view, struct cs_area area)
{
	struct analyses *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_analysis *analysis = current(view);
	struct cs_analysis_run *run = analysis ? cs_analyses_run(session, analysis->name) : NULL;
	int row = area.row, page;
	char text[240];

	if (!analysis)
		return;
	if (area.rows >= BELOW) /* what the table has no room for */
		row += (area.rows > 2 * BELOW) +
			cs_screen_put_lines(screen, row, row + (area.rows > 2 * BELOW ? 4 : 2), area.column,
				area.columns, CS_STYLE_TEXT, analysis->title);
	cs_screen_put(screen, row++, area.column, area.columns, CS_STYLE_DIM, "options of %s%s", analysis->name,
		analysis->option_count ? "" : ": none");
	if (run && (run->work || run->error.status)) {
		if (run->work)
			cs_analyses_progress(run, text, sizeof text);
		cs_screen_put(screen, area.row + area.rows - 1, area.column, area.columns,
			run->work                                       ? CS_STYLE_GOOD
				: run->error.status == CS_ERR_CANCELLED ? CS_STYLE_DIM
									: CS_STYLE_BAD,
			"%s", run->work ? text : run->error.message);
		area.rows--;
	}
	page = area.row + area.rows - row;
	state->options.count = analysis->option_count;
	cs_table_settle(&state->options, page);
	for (int i = 0; i < page && state->options.top + i < analysis->option_count; i++, row++) {
		const struct cs_analysis_option *option = &analysis->options[state->options.top + i];

		cs_screen_put(screen, row, area.column, 14, CS_STYLE_TEXT, "%s", option->key);
		cs_screen_put(screen, row, area.column + 15, area.columns - 15,
			option->given ? CS_STYLE_GOOD : CS_STYLE_TEXT, "%s%s",
			option->given ? option->given : option->standard, option->given ? "  (set)" : "");
		if (state->in_options && state->options.top + i == state->options.cursor)
			cs_screen_shade(screen, row, area.column, area.columns, CS_STYLE_SELECT);
	}
}

static void draw_analyses(struct cs_view *view)
{
	struct analyses *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	bool wide = screen->columns >= WIDE;
	int below = !wide && session->body_rows - HEAD >= 2 * BELOW ? BELOW + 1 : 0;
	int width = wide ? screen->columns - SIDE - 2 : screen->columns, page = session->body_rows - HEAD - below;
	int count;
	char why[500], *path;

	cs_analyses_all(session, &count);
	cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "analyses");
	cs_session_why_not(session, why, sizeof why);
	if (cs_session_has_images(session))
		snprintf(why, sizeof why, "%s · %s", session->opened->target, session->opened->data->spec);
	cs_screen_put(screen, 0, 11, -1, CS_STYLE_DIM, "of %s", why);
	if (count < 0 || cs_analyses_trouble(session)->status) {
		cs_screen_put(screen, HEAD - 1, 1, -1, count < 0 ? CS_STYLE_DIM : CS_STYLE_BAD, "%s",
			count < 0 ? "looking which there are ..." : cs_analyses_trouble(session)->message);
		return;
	}
	if (!below && !wide && state->in_options) { /* no room for both */
		draw_options(view, (struct cs_area){1, 1, session->body_rows - 1, screen->columns - 2});
		return;
	}
	if (page < 1)
		return;
	cs_screen_put(screen, HEAD - 1, 1, 13, CS_STYLE_DIM, "analysis");
	cs_screen_put(screen, HEAD - 1, TITLE, width - 21 - TITLE, CS_STYLE_DIM, "what it asks");
	cs_screen_put(screen, HEAD - 1, width - 18 < 27 ? width - 9 : width - 18, -1, CS_STYLE_DIM, "result");
	follow_list(view);
	cs_table_settle(&state->table, page);
	for (int i = 0; i < page && state->table.top + i < count; i++)
		draw_row(view, HEAD + i, state->table.top + i, width, state->table.top + i == state->table.cursor);
	if (wide)
		draw_options(view, (struct cs_area){HEAD - 1, width + 1, session->body_rows - HEAD, SIDE});
	else if (below)
		draw_options(view, (struct cs_area){session->body_rows - below + 1, 1, below - 1, screen->columns - 2});
	path = current(view) ? cs_analyses_path(session, current(view)->name) : NULL;
	if (wide && path)
		cs_screen_put(screen, session->body_rows - 1, width + 1, SIDE, CS_STYLE_DIM, "%s",
			cs_words_path_end(path, SIDE));
	cs_free(path);
}

static void open_current(struct cs_view *view)
{
	struct analyses *state = view->state;
	const struct cs_analysis *analysis = current(view);
	struct cs_analysis_run *run = analysis ? cs_analyses_run(view->session, analysis->name) : NULL;

	if (!analysis)
		return;
	if ((state->table.cursor < state->known && state->stamps[state->table.cursor] > 0) ||
		(run && (run->work || run->error.status == CS_OK)))
		cs_view_push(view->session, &cs_view_result, &(struct cs_result_argument){analysis->name});
	else
		cs_analyses_start(view->session, analysis->name);
}

static void edit(struct cs_view *view)
{
	struct analyses *state = view->state;
	const struct cs_analysis *analysis = current(view);
	const struct cs_analysis_option *option;

	if (!analysis || state->options.cursor < 0 || state->options.cursor >= analysis->option_count)
		return;
	option = &analysis->options[state->options.cursor];
	cs_prompt_open(&view->session->prompt, '=');
	cs_prompt_set(&view->session->prompt, option->given ? option->given : option->standard);
	cs_session_say(view->session, CS_STYLE_TEXT, "%s", option->key);
}

static void typed_analyses(struct cs_view *view, const char *text)
{
	struct analyses *state = view->state;
	struct cs_analysis *analysis = current(view);
	struct cs_analysis_option *option;

	if (!analysis || state->options.cursor < 0 || state->options.cursor >= analysis->option_count)
		return;
	option = &analysis->options[state->options.cursor];
	cs_free(option->given);
	option->given = *text && strcmp(text, option->standard) != 0 ? cs_strdup(text) : NULL;
	cs_session_say(view->session, CS_STYLE_TEXT, option->given ? "%s is set to %s" : "%s is %s, as it was",
		option->key, option->given ? option->given : option->standard);
}

static bool act_analyses(struct cs_view *view, enum cs_action action, int argument)
{
	struct analyses *state = view->state;
	struct cs_analysis *analysis = current(view);

	(void)argument;
	if (analysis && cs_invite_act(view->session, analysis->name, action)) {
		state->looked = 0;
		return true;
	}
	if (action == CS_ACTION_NEXT_PANE || (action == CS_ACTION_LEFT && state->in_options) ||
		(action == CS_ACTION_RIGHT && !state->in_options)) {
		state->in_options = !state->in_options && analysis && analysis->option_count > 0;
		return true;
	}
	if (state->in_options) {
		if (action == CS_ACTION_ENTER)
			edit(view);
		else if (action == CS_ACTION_BACK)
			state->in_options = false;
		else
			return cs_table_move(&state->options, action, BELOW);
		return true;
	}
	if (cs_table_move(&state->table, action, view->session->body_rows - HEAD)) {
		analysis = current(view);
		snprintf(state->name, sizeof state->name, "%s", analysis ? analysis->name : "");
		state->options.cursor = 0;
		return true;
	}
	if (action != CS_ACTION_ENTER)
		return false;
	open_current(view);
	return true;
}

static bool select_analysis(struct cs_view *view, int64_t index)
{
	struct analyses *state = view->state;
	bool there = !state->in_options && state->table.cursor == index;
	const struct cs_analysis *analysis;

	state->in_options = false;
	state->table.cursor = (int)index;
	analysis = current(view);
	snprintf(state->name, sizeof state->name, "%s", analysis ? analysis->name : "");
	return there;
}

static const char *row_text(void *context, int row)
{
	return ((struct cs_analysis *)context)[row].name;
}

static void find_analysis(struct cs_view *view, const char *text, int step)
{
	struct analyses *state = view->state;
	int count, row;
	struct cs_analysis *all = cs_analyses_all(view->session, &count);

	row = count > 0 ? cs_table_find(&state->table, text, step, row_text, all) : -1;
	if (row < 0) {
		cs_session_say(view->session, CS_STYLE_WARN, "no analysis is called '%s'", text);
		return;
	}
	state->table.cursor = row;
	snprintf(state->name, sizeof state->name, "%s", all[row].name);
}

static void label_analyses(struct cs_view *view, char *text, size_t size)
{
	(void)view;
	snprintf(text, size, "analyses");
}

static void close_analyses(struct cs_view *view)
{
	cs_work_drop(((struct analyses *)view->state)->work);
}

const struct cs_view_ops cs_view_analyses = {
	.name = "analyses",
	.context = CS_ON_ANALYSES,
	.size = sizeof(struct analyses),
	.open = open_analyses,
	.draw = draw_analyses,
	.act = act_analyses,
	.tick = tick_analyses,
	.find = find_analysis,
	.typed = typed_analyses,
	.select = select_analysis,
	.label = label_analyses,
	.close = close_analyses,
	.wake = WAKE_MS,
};
