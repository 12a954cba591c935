/* view_runs.c: the runs there are, and how they went. The list is read again in the background every few seconds. */
#include "core/alloc.h"
#include "io/file.h"
#include "ui/clock.h"
#include "ui/runs.h"
#include "ui/table.h"
#include "ui/view.h"
#include "ui/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFRESH_MS = 3000, HEAD = 3 };

enum order { BY_AGE, BY_ACCURACY, BY_NAME, ORDERS };

static const char *const order_names[ORDERS] = {"newest", "accuracy", "name"};

/* Reading the list, in the background. */
struct errand {
	char *directory;
	struct cs_run_list list;
};

struct runs {
	char *directory;
	struct cs_run_list list;
	struct cs_table table;
	enum order order;
	struct cs_work *work;
	double read; /* when the list was read last; 0: never */
};

static void release_errand(void *context)
{
	struct errand *errand = context;

	cs_run_list_fini(&errand->list);
	cs_free(errand->directory);
	cs_free(errand);
}

static enum cs_status read_list(struct cs_job *job, void *context, struct cs_error *error)
{
	struct errand *errand = context;

	return cs_run_list_read(errand->directory, job, &errand->list, error);
}

static void start_reading(struct cs_view *view)
{
	struct runs *runs = view->state;
	struct errand *errand = cs_calloc(1, sizeof *errand);
	struct cs_error error;

	if (!errand)
		return;
	errand->directory = cs_strdup(runs->directory);
	if (!errand->directory) {
		cs_free(errand);
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
	if (!runs->directory)
		return cs_fail_memory(error, "a list of runs");
	start_reading(view);
	return CS_OK;
}

static int compare(const void *a, const void *b, void *context)
{
	const struct cs_run_state *x = a, *y = b;
	enum order order = *(enum order *)context;

	if (order == BY_AGE && x->modified != y->modified)
		return x->modified > y->modified ? -1 : 1;
	if (order == BY_ACCURACY && (isnan(x->best_val_accuracy) != isnan(y->best_val_accuracy)))
		return isnan(x->best_val_accuracy) ? 1 : -1;
	if (order == BY_ACCURACY && x->best_val_accuracy != y->best_val_accuracy)
		return x->best_val_accuracy > y->best_val_accuracy ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* Sort, and keep the cursor on the run it was on. */
static void sort(struct runs *runs, const char *path)
{
	qsort_r(runs->list.runs, (size_t)runs->list.count, sizeof *runs->list.runs, compare, &runs->order);
	runs->table.count = runs->list.count;
	for (int i = 0; path && i < runs->list.count; i++) {
		if (strcmp(runs->list.runs[i].path, path) == 0)
			runs->table.cursor = i;
	}
}

static const struct cs_run_state *current(const struct runs *runs)
{
	if (runs->table.cursor < 0 || runs->table.cursor >= runs->list.count)
		return NULL;
	return &runs->list.runs[runs->table.cursor];
}

static void sort_again(struct runs *runs)
{
	char path[sizeof runs->list.runs->path] = "";

	if (current(runs))
		memcpy(path, current(runs)->path, sizeof path);
	sort(runs, path);
}

static bool tick_runs(struct cs_view *view)
{
	struct runs *runs = view->state;
	struct cs_error error;

	if (!runs->work) {
		if (cs_ui_clock() - runs->read < 0.001 * REFRESH_MS)
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
		sort(runs, path);
	}
	cs_work_drop(runs->work);
	runs->work = NULL;
	runs->read = cs_ui_clock();
	return true;
}

static const char *short_name(const struct runs *runs, const struct cs_run_state *run)
{
	size_t length = strlen(runs->directory);

	if (strncmp(run->path, runs->directory, length) == 0 && run->path[length] == '/')
		return run->path + length + 1;
	return run->path;
}

static void draw_run(const struct cs_view *view, int row, const struct cs_run_state *run, bool selected)
{
	const struct runs *runs = view->state;
	struct cs_screen *screen = &view->session->screen;
	int wide = screen->columns - 62 > 18 ? screen->columns - 62 : 18;
	char age[48];

	cs_screen_put(screen, row, 1, wide - 2, CS_STYLE_TEXT, "%s", short_name(runs, run));
	if (run->alive)
		cs_screen_put(screen, row, wide, 9, CS_STYLE_GOOD, "training");
	else
		cs_screen_put(screen, row, wide, 9, run->finished ? CS_STYLE_TEXT : CS_STYLE_WARN, "%s",
			run->finished ? "done" : "stopped");
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

static void draw_runs(struct cs_view *view)
{
	struct runs *runs = view->state;
	struct cs_screen *screen = &view->session->screen;
	int page = view->session->body_rows - HEAD;
	int wide = screen->columns - 62 > 18 ? screen->columns - 62 : 18;

	cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "convscope  %s",
		strcmp(runs->directory, ".") == 0 ? "runs here" : runs->directory);
	cs_screen_put_right(screen, 0, screen->columns - 1, CS_STYLE_DIM, "%d %s · sort: %s ▾", runs->list.count,
		runs->list.count == 1 ? "run" : "runs", order_names[runs->order]);
	if (page < 1)
		return;
	cs_screen_put(screen, 2, 1, wide - 2, CS_STYLE_DIM, "run");
	cs_screen_put(screen, 2, wide, 9, CS_STYLE_DIM, "state");
	cs_screen_put_right(screen, 2, wide + 17, CS_STYLE_DIM, "epoch");
	cs_screen_put_right(screen, 2, wide + 26, CS_STYLE_DIM, "best val");
	cs_screen_put_right(screen, 2, wide + 40, CS_STYLE_DIM, "written");
	cs_screen_put(screen, 2, wide + 42, -1, CS_STYLE_DIM, "model · data");
	cs_table_settle(&runs->table, page);
	for (int i = 0; i < page && runs->table.top + i < runs->list.count; i++)
		draw_run(view, HEAD + i, &runs->list.runs[runs->table.top + i],
			runs->table.top + i == runs->table.cursor);
	if (runs->list.count == 0)
		cs_screen_put(screen, HEAD, 1, -1, CS_STYLE_DIM, "%s",
			runs->read > 0 ? "no runs are left here" : "looking for runs ...");
}

static bool act_runs(struct cs_view *view, enum cs_action action, int argument)
{
	struct runs *runs = view->state;
	const struct cs_run_state *run = current(runs);

	(void)argument;
	if (cs_table_move(&runs->table, action, view->session->body_rows - HEAD))
		return true;
	switch (action) {
	case CS_ACTION_ENTER:
	case CS_ACTION_RIGHT:
		if (run)
			cs_view_push(view->session, &cs_view_run, &(struct cs_run_argument){.directory = run->path});
		return true;
	case CS_ACTION_SORT:
		runs->order = (runs->order + 1) % ORDERS;
		sort_again(runs);
		return true;
	default:
		return false;
	}
}

static const char *row_text(void *context, int row)
{
	struct runs *runs = context;

	return short_name(runs, &runs->list.runs[row]);
}

static void find_run(struct cs_view *view, const char *text, int step)
{
	struct runs *runs = view->state;
	int row = cs_table_find(&runs->table, text, step, row_text, runs);

	if (row < 0)
		cs_session_say(view->session, CS_STYLE_WARN, "no run is called '%s'", text);
	else
		runs->table.cursor = row;
}

static enum cs_status export_runs(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	const struct runs *runs = view->state;
	char *path = cs_format("%s.csv", stem), *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	enum cs_status status = CS_ERR_MEMORY;

	if (path && out) {
		fprintf(out, "run,state,epoch,epochs,best_epoch,best_val_accuracy,modified,model,dataset\n");
		for (int i = 0; i < runs->list.count; i++) {
			const struct cs_run_state *run = &runs->list.runs[i];

			fprintf(out, "\"%s\",%s,%lld,%lld,%lld,%g,%.0f,%s,\"%s\"\n", run->path,
				run->alive              ? "training"
					: run->finished ? "done"
							: "stopped",
				(long long)run->epoch, (long long)run->epochs, (long long)run->best_epoch,
				run->best_val_accuracy, run->modified, run->model, run->dataset);
		}
	}
	if (out && fclose(out) == 0 && path)
		status = cs_file_write(path, text, length, error);
	else
		cs_fail_memory(error, "a table");
	if (!status)
		snprintf(message, size, "wrote %s", path);
	free(text);
	cs_free(path);
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
	.find = find_run,
	.export = export_runs,
	.label = label_runs,
	.close = close_runs,
	.wake = REFRESH_MS,
};
