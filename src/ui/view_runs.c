/* view_runs.c: the runs there are, and how they went. The list is read again in the background every few seconds. */
#include "core/alloc.h"
#include "core/clock.h"
#include "run/curves.h"
#include "ui/csv.h"
#include "ui/record.h"
#include "ui/table.h"
#include "ui/view.h"
#include "ui/words.h"
#include "work/runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFRESH_MS = 3000, HEAD = 3, OTHERS = 57, LEAST_WIDE = 18 };

enum column { BY_NAME, BY_STATE, BY_EPOCH, BY_ACCURACY, BY_AGE, BY_MODEL, COLUMNS };

static const char *const column_names[COLUMNS] = {"run", "state", "epoch", "best val", "written", "model"};

/* How the rows stand: a column, and whether the other way round. Each column begins with what one looks for first. */
struct order {
	enum column column;
	bool back;
};

/* Reading the list, in the background. */
struct errand {
	char *directory;
	bool quick;
	struct cs_run_list before, list;
};

struct runs {
	char *directory;
	struct cs_run_list list;
	int *shown; /* [shown_count] the runs that the filter lets through */
	int shown_count;
	struct cs_table table;
	struct order order;
	char filter[128], before[128]; /* before: what it was when the prompt was opened */
	bool filtering;
	bool chosen; /* the cursor has been put somewhere; until then it is on the first row */
	char **marked; /* [marked_count] paths, in the order in which they were marked */
	int marked_count;
	struct cs_work *work;
	double read; /* when the list was read last; 0: never */
	int wide; /* where the columns behind the names begin */
};

static void release_errand(void *context)
{
	struct errand *errand = context;

	cs_run_list_fini(&errand->before);
	cs_run_list_fini(&errand->list);
	cs_free(errand->directory);
	cs_free(errand);
}

static enum cs_status read_list(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;

	return cs_run_list_read(errand->directory, &errand->before, errand->quick, job, &errand->list, error);
}

static void start_reading(struct cs_view *view)
{
	struct runs *runs = view->state;
	struct errand *errand = cs_calloc(1, sizeof *errand);
	struct cs_error error;

	if (!errand)
		return;
	errand->directory = cs_strdup(runs->directory);
	errand->quick = runs->read == 0; /* names first */
	if (!errand->directory || cs_run_list_copy(&runs->list, &errand->before, NULL)) {
		release_errand(errand);
		return;
	}
	if (cs_work_start(view->session->works, NULL, read_list, errand, release_errand, &runs->work, &error))
		cs_session_complain(view->session, &error);
}

static enum cs_status open_runs(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_runs_argument *from = argument;
	struct runs *runs = view->state;

	runs->directory = cs_strdup(from->directory);
	runs->order.column = BY_AGE;
	if (!runs->directory)
		return cs_fail_memory(error, "a list of runs");
	start_reading(view);
	return CS_OK;
}

static int by_number(double x, double y)
{
	if (isnan(x) || isnan(y))
		return isnan(x) - isnan(y);
	return x > y ? -1 : x < y;
}

static int state_rank(const struct cs_run_state *run)
{
	return run->alive ? 0 : run->finished ? 1 : 2;
}

static int compare_by(const struct cs_run_state *x, const struct cs_run_state *y, enum column column)
{
	switch (column) {
	case BY_STATE:
		return state_rank(x) - state_rank(y);
	case BY_EPOCH:
		return by_number((double)x->epoch, (double)y->epoch);
	case BY_ACCURACY:
		return by_number(x->best_val_accuracy, y->best_val_accuracy);
	case BY_AGE:
		return by_number(x->modified, y->modified);
	case BY_MODEL:
		return strcmp(x->model, y->model) ? strcmp(x->model, y->model) : strcmp(x->dataset, y->dataset);
	default:
		return strcmp(x->path, y->path);
	}
}

static int compare(const void *a, const void *b, void *context)
{
	const struct runs *runs = context;
	const struct cs_run_state *x = &runs->list.runs[*(const int *)a], *y = &runs->list.runs[*(const int *)b];
	int word = compare_by(x, y, runs->order.column);

	if (word)
		return runs->order.back ? -word : word;
	return strcmp(x->path, y->path);
}

static bool passes(const struct runs *runs, const struct cs_run_state *run)
{
	return !runs->filter[0] || strcasestr(run->path, runs->filter) || strcasestr(run->model, runs->filter) ||
		strcasestr(run->dataset, runs->filter);
}

static const struct cs_run_state *run_at(const struct runs *runs, int row)
{
	return row >= 0 && row < runs->shown_count ? &runs->list.runs[runs->shown[row]] : NULL;
}

static const struct cs_run_state *current(const struct runs *runs)
{
	return run_at(runs, runs->table.cursor);
}

/* Filter and sort, and keep the cursor on the run it was on. */
static void sort(struct runs *runs, const char *path)
{
	int *shown = cs_alloc((size_t)(runs->list.count + 1) * sizeof *shown);

	if (!shown)
		return;
	cs_free(runs->shown);
	runs->shown = shown;
	runs->shown_count = 0;
	for (int i = 0; i < runs->list.count; i++) {
		if (passes(runs, &runs->list.runs[i]))
			shown[runs->shown_count++] = i;
	}
	qsort_r(shown, (size_t)runs->shown_count, sizeof *shown, compare, runs);
	runs->table.count = runs->shown_count;
	for (int i = 0; path && *path && i < runs->shown_count; i++) {
		if (strcmp(run_at(runs, i)->path, path) == 0)
			runs->table.cursor = i;
	}
	if (!runs->chosen)
		runs->table.cursor = 0;
}

static void sort_again(struct runs *runs)
{
	char path[sizeof runs->list.runs->path] = "";

	if (current(runs))
		memcpy(path, current(runs)->path, sizeof path);
	sort(runs, path);
}

/* ---- marks ---- */

static int mark_of(const struct runs *runs, const char *path)
{
	for (int i = 0; i < runs->marked_count; i++) {
		if (strcmp(runs->marked[i], path) == 0)
			return i;
	}
	return -1;
}

static void mark(struct cs_view *view, const struct cs_run_state *run)
{
	struct runs *runs = view->state;
	int at = mark_of(runs, run->path);
	char **larger;

	if (at >= 0) {
		cs_free(runs->marked[at]);
		runs->marked_count--;
		memmove(runs->marked + at, runs->marked + at + 1,
			(size_t)(runs->marked_count - at) * sizeof *runs->marked);
		return;
	}
	if (runs->marked_count == CS_CURVE_RUNS) {
		cs_session_say(
			view->session, CS_STYLE_WARN, "%d runs are marked, the most for one figure", CS_CURVE_RUNS);
		return;
	}
	larger = cs_realloc(runs->marked, (size_t)runs->marked_count + 1, sizeof *runs->marked);
	if (!larger)
		return;
	runs->marked = larger;
	larger[runs->marked_count] = cs_strdup(run->path);
	runs->marked_count += larger[runs->marked_count] != NULL;
}

/* The two runs that are marked, or the one that is and the one under the cursor: the same images through both. */
static void compare_marked(struct cs_view *view, const struct cs_run_state *run)
{
	struct runs *runs = view->state;
	const char *second = runs->marked_count == 2 ? runs->marked[1] : run ? run->path : NULL;
	struct cs_error error;

	if (runs->marked_count < 1 || runs->marked_count > 2 || !second || strcmp(runs->marked[0], second) == 0) {
		cs_session_say(view->session, CS_STYLE_TEXT, "mark two runs to compare them, or one and go to another");
		return;
	}
	if (cs_session_open(view->session, second, &error))
		cs_session_complain(view->session, &error);
	else
		cs_view_push(view->session, &cs_view_compare, &(struct cs_compare_argument){runs->marked[0]});
}

/* The run under the cursor; with marks, those in one figure. */
static void open_figure(struct cs_view *view)
{
	struct runs *runs = view->state;
	const struct cs_run_state *run = current(runs);
	struct cs_run_argument argument = {0};

	if (!run)
		return;
	argument.directory = run->path;
	if (runs->marked_count > 0) {
		argument.directory = runs->marked[0];
		argument.others = (const char *const *)runs->marked + 1;
		argument.other_count = runs->marked_count - 1;
	}
	cs_view_push(view->session, &cs_view_run, &argument);
}

static bool tick_runs(struct cs_view *view)
{
	struct runs *runs = view->state;
	struct cs_error error;
	bool quick = false;

	if (!runs->work) {
		if (runs->read > 0 && cs_now() - runs->read < 0.001 * REFRESH_MS)
			return false;
		start_reading(view);
		return false;
	}
	if (!cs_work_finished(runs->work))
		return false;
	if (cs_work_result(runs->work, &error)) {
		cs_session_complain(view->session, &error);
	} else {
		struct errand *errand = cs_work_context(runs->work);
		struct cs_run_list old = runs->list;
		char path[sizeof old.runs->path] = "";

		if (current(runs))
			memcpy(path, current(runs)->path, sizeof path);
		runs->list = errand->list;
		errand->list = old;
		quick = errand->quick;
		sort(runs, path);
	}
	cs_work_drop(runs->work);
	runs->work = NULL;
	runs->read = cs_now();
	if (quick)
		start_reading(view); /* now what is in them */
	return true;
}

static const char *short_name(const struct runs *runs, const struct cs_run_state *run)
{
	size_t length = strlen(runs->directory);

	if (strncmp(run->path, runs->directory, length) == 0 && run->path[length] == '/')
		return run->path + length + 1;
	return run->path;
}

static void draw_run(struct cs_view *view, int row, int place, bool selected)
{
	const struct runs *runs = view->state;
	const struct cs_run_state *run = run_at(runs, place);
	bool known = runs->list.known[runs->shown[place]];
	struct cs_screen *screen = &view->session->screen;
	int wide = runs->wide;
	char age[48];

	if (mark_of(runs, run->path) >= 0)
		cs_screen_put(screen, row, 0, 1, CS_STYLE_KEY, "●");
	cs_screen_put(screen, row, 1, wide - 2, CS_STYLE_TEXT, "%s", short_name(runs, run));
	if (!known)
		cs_screen_put(screen, row, wide, 9, CS_STYLE_DIM, "...");
	else if (run->alive)
		cs_screen_put(screen, row, wide, 9, CS_STYLE_GOOD, "training");
	else
		cs_screen_put(screen, row, wide, 9, run->finished ? CS_STYLE_TEXT : CS_STYLE_WARN, "%s",
			run->finished ? "done" : "stopped");
	if (known)
		cs_screen_put_right(screen, row, wide + 17, CS_STYLE_TEXT, run->epochs > 0 ? "%lld/%lld" : "%lld",
			(long long)run->epoch, (long long)run->epochs);
	if (run->best_epoch >= 0 && !isnan(run->best_val_accuracy))
		cs_screen_put_right(screen, row, wide + 26, CS_STYLE_TITLE, "%.1f %%", 100 * run->best_val_accuracy);
	cs_screen_put_right(screen, row, wide + 40, CS_STYLE_DIM, "%s", cs_words_age(run->modified, age, sizeof age));
	cs_screen_put(screen, row, wide + 42, -1, CS_STYLE_TEXT, "%s%s%s", run->model, run->model[0] ? " · " : "",
		run->dataset);
	if (selected)
		cs_screen_shade(screen, row, 0, screen->columns, CS_STYLE_SELECT);
}

static void draw_head(struct cs_view *view, int column, enum column which, bool right)
{
	const struct runs *runs = view->state;
	struct cs_screen *screen = &view->session->screen;
	enum cs_style style = runs->order.column == which ? CS_STYLE_KEY : CS_STYLE_DIM;
	const char *name = which == BY_EPOCH ? "epochs" : column_names[which]; /* as many as are done */
	int width = (int)strlen(name), at = right ? column - width : column;

	cs_screen_put(screen, 2, at, width, style, "%s", name);
	cs_spots_add(&view->session->spots, (struct cs_area){2, at, 1, width}, CS_SPOT_HEAD, which);
}

static void draw_title(struct cs_view *view)
{
	const struct runs *runs = view->state;
	struct cs_screen *screen = &view->session->screen;
	char marks[40] = "", some[40] = "";
	int used;

	used = 1 +
		cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "convscope  %s",
			strcmp(runs->directory, ".") == 0 ? "runs here" : runs->directory);
	if (runs->filter[0])
		cs_screen_put(screen, 0, used + 2, -1, CS_STYLE_KEY, "filter: %s", runs->filter);
	if (runs->marked_count)
		snprintf(marks, sizeof marks, "%d marked · ", runs->marked_count);
	if (runs->shown_count != runs->list.count)
		snprintf(some, sizeof some, "%d of ", runs->shown_count);
	cs_screen_put_right(screen, 0, screen->columns - 1, CS_STYLE_DIM, "%s%s%d %s · sort: %s %s", marks, some,
		runs->list.count, runs->list.count == 1 ? "run" : "runs", column_names[runs->order.column],
		runs->order.back ? "▴" : "▾");
}

/* Names take what the longest of them needs, as far as there is room beside the other columns. */
static int name_columns(const struct runs *runs, const struct cs_screen *screen)
{
	int most = screen->columns - OTHERS > LEAST_WIDE ? screen->columns - OTHERS : LEAST_WIDE, wide = LEAST_WIDE;

	for (int i = 0; i < runs->shown_count && wide < most; i++) {
		int needed = 4 + cs_screen_width(screen, short_name(runs, run_at(runs, i)));

		wide = needed > wide ? needed : wide;
	}
	return wide < most ? wide : most;
}

static void draw_runs(struct cs_view *view)
{
	struct runs *runs = view->state;
	struct cs_screen *screen = &view->session->screen;
	int page = view->session->body_rows - HEAD, wide;

	draw_title(view);
	if (page < 1)
		return;
	wide = runs->wide = name_columns(runs, screen);
	draw_head(view, 1, BY_NAME, false);
	draw_head(view, wide, BY_STATE, false);
	draw_head(view, wide + 17, BY_EPOCH, true);
	draw_head(view, wide + 26, BY_ACCURACY, true);
	draw_head(view, wide + 40, BY_AGE, true);
	draw_head(view, wide + 42, BY_MODEL, false);
	cs_table_settle(&runs->table, page);
	for (int i = 0; i < page && runs->table.top + i < runs->shown_count; i++) {
		draw_run(view, HEAD + i, runs->table.top + i, runs->table.top + i == runs->table.cursor);
		cs_spots_add(&view->session->spots, (struct cs_area){HEAD + i, 0, 1, screen->columns}, CS_SPOT_ITEM,
			runs->table.top + i);
	}
	if (runs->shown_count == 0)
		cs_screen_put(screen, HEAD, 1, -1, CS_STYLE_DIM, "%s",
			runs->read == 0           ? "looking for runs ..."
				: runs->filter[0] ? "no run holds that"
						  : "no runs are left here");
}

static void sort_by(struct cs_view *view, enum column column, bool back)
{
	struct runs *runs = view->state;

	runs->order = (struct order){column, back};
	sort_again(runs);
}

static bool act_runs(struct cs_view *view, enum cs_action action, int argument)
{
	struct runs *runs = view->state;
	const struct cs_run_state *run = current(runs);

	(void)argument;
	if (cs_table_move(&runs->table, action, view->session->body_rows - HEAD)) {
		runs->chosen = true;
		return true;
	}
	switch (action) {
	case CS_ACTION_ENTER:
	case CS_ACTION_RIGHT:
		runs->chosen = true;
		open_figure(view);
		return true;
	case CS_ACTION_SORT:
		sort_by(view, (runs->order.column + 1) % COLUMNS, false);
		return true;
	case CS_ACTION_SORT_BACK:
		sort_by(view, runs->order.column, !runs->order.back);
		return true;
	case CS_ACTION_COMPARE_MARKED:
		compare_marked(view, run);
		return true;
	case CS_ACTION_MARK:
		if (run) {
			runs->chosen = true;
			mark(view, run);
			cs_table_move(&runs->table, CS_ACTION_DOWN, view->session->body_rows - HEAD);
		}
		return true;
	default:
		return false;
	}
}

static bool select_run(struct cs_view *view, int64_t index)
{
	struct runs *runs = view->state;
	bool there = runs->table.cursor == (int)index;

	runs->chosen = true;
	runs->table.cursor = (int)index;
	return there;
}

/* The head of a column sorts by it, once more the other way round. */
static bool point_runs(struct cs_view *view, const struct cs_pointer *pointer, const struct cs_spot *spot)
{
	struct runs *runs = view->state;
	bool again;

	if (pointer->kind != CS_POINTER_PRESS || !spot || spot->kind != CS_SPOT_HEAD)
		return false;
	again = runs->order.column == (enum column)spot->index;
	sort_by(view, (enum column)spot->index, again && !runs->order.back);
	return true;
}

static void filter_runs(struct cs_view *view, const char *text)
{
	struct runs *runs = view->state;

	if (!runs->filtering)
		memcpy(runs->before, runs->filter, sizeof runs->before);
	runs->filtering = view->session->prompt.active;
	snprintf(runs->filter, sizeof runs->filter, "%s", text ? text : runs->before);
	sort_again(runs);
}

static const char *row_text(void *context, int row)
{
	struct runs *runs = context;

	return short_name(runs, run_at(runs, row));
}

static void find_run(struct cs_view *view, const char *text, int step)
{
	struct runs *runs = view->state;
	int row = cs_table_find(&runs->table, text, step, row_text, runs);

	if (row < 0)
		cs_session_say(view->session, CS_STYLE_WARN, "no run is called '%s'", text);
	else
		select_run(view, row);
}

static enum cs_status export_runs(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	const struct runs *runs = view->state;
	char directory[1200], quoted[1200], filter[600];
	enum cs_status status;
	struct cs_csv csv;

	cs_csv_init(&csv, "run,state,epoch,epochs,best_epoch,best_val_accuracy,modified,model,dataset");
	for (int i = 0; i < runs->shown_count; i++) {
		const struct cs_run_state *run = run_at(runs, i);

		cs_csv_text(&csv, run->path);
		cs_csv_text(&csv, run->alive ? "training" : run->finished ? "done" : "stopped");
		cs_csv_count(&csv, run->epoch);
		cs_csv_count(&csv, run->epochs);
		cs_csv_count(&csv, run->best_epoch);
		cs_csv_number(&csv, run->best_val_accuracy);
		cs_csv_count(&csv, (int64_t)run->modified);
		cs_csv_text(&csv, run->model);
		cs_csv_text(&csv, run->dataset);
		cs_csv_end_row(&csv);
	}
	status = cs_csv_save(&csv, stem, message, size, error);
	if (!status)
		cs_record_export(view->session, "runs(%s, %s, { sort = \"%s\", back = %s, filter = %s }",
			cs_record_quote(runs->directory, directory, sizeof directory),
			cs_record_quote(stem, quoted, sizeof quoted), column_names[runs->order.column],
			runs->order.back ? "true" : "false", cs_record_quote(runs->filter, filter, sizeof filter));
	return status;
}

static void label_runs(struct cs_view *view, char *text, size_t size)
{
	(void)view;
	snprintf(text, size, "runs");
}

static void close_runs(struct cs_view *view)
{
	struct runs *runs = view->state;

	cs_work_drop(runs->work);
	cs_run_list_fini(&runs->list);
	for (int i = 0; i < runs->marked_count; i++)
		cs_free(runs->marked[i]);
	cs_free(runs->marked);
	cs_free(runs->shown);
	cs_free(runs->directory);
}

const struct cs_view_ops cs_view_runs = {
	.name = "runs",
	.context = CS_ON_RUNS,
	.size = sizeof(struct runs),
	.open = open_runs,
	.draw = draw_runs,
	.act = act_runs,
	.tick = tick_runs,
	.select = select_run,
	.point = point_runs,
	.filter = filter_runs,
	.find = find_run,
	.export = export_runs,
	.label = label_runs,
	.close = close_runs,
	.wake = REFRESH_MS,
};
