/* view_run.c: one run: its learning curves as they grow, how far it is, the end of its log. */
#include "core/alloc.h"
#include "core/clock.h"
#include "figure/plot.h"
#include "ui/chart.h"
#include "ui/chrome.h"
#include "ui/curves_export.h"
#include "ui/record.h"
#include "ui/view.h"
#include "ui/window.h"
#include "ui/words.h"
#include "work/follow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAKE_MS = 1000, WIDE = 66, SMOOTHINGS = 4 };

static const int smoothings[SMOOTHINGS] = {0, 3, 9, 27};
static const char *const titles[CS_QUANTITIES] = {"accuracy, %", "loss"};

struct figure {
	struct cs_lines lines;
	struct cs_chart chart;
};

struct run {
	char *directories[CS_CURVE_RUNS];
	struct cs_follower *followers[CS_CURVE_RUNS];
	char names[CS_CURVE_RUNS][64];
	int count;
	struct figure figures[CS_QUANTITIES];
	unsigned version; /* of the lines and of how they are drawn */
	int pane; /* the one shown where there is room for one */
	bool log_y;
	bool tail; /* the log takes the place of the plots */
	int smoothing; /* in smoothings */
	bool apart; /* runs of one kind each for themselves */
	bool reading; /* values are read off at `at`, an epoch */
	double at;
	double x_low, x_high; /* the part of the epochs that is shown; both 0: all */
	double tried; /* when the model was asked for last */
};

/* The lines anew, from what is known of all runs. */
static void make_lines(struct run *run)
{
	struct cs_curve_run from[CS_CURVE_RUNS];

	for (int i = 0; i < run->count; i++) {
		const struct cs_followed *latest = cs_follower_latest(run->followers[i]);

		memcpy(from[i].name, run->names[i], sizeof from[i].name);
		from[i].curves = latest ? &latest->curves : NULL;
		from[i].before = latest ? &latest->before : NULL;
		from[i].kind = latest ? latest->kind : 0;
	}
	for (int q = 0; q < CS_QUANTITIES; q++) {
		struct cs_lines lines;

		if (cs_curves_lines(from, run->count,
			    (struct cs_curve_options){(enum cs_quantity)q, smoothings[run->smoothing], !run->apart},
			    &lines, NULL))
			continue;
		cs_lines_fini(&run->figures[q].lines);
		run->figures[q].lines = lines;
	}
	run->version++;
}

static struct cs_plot make_plot(const struct run *run, int which, const struct cs_series *series, int count, bool dark)
{
	return (struct cs_plot){
		.title = titles[which],
		.x_label = "epoch",
		.series = series,
		.series_count = count,
		.zero = which == CS_QUANTITY_ACCURACY && run->x_high == 0,
		.log_y = which == CS_QUANTITY_LOSS && run->log_y,
		.x_low = run->x_low,
		.x_high = run->x_high,
		.dark = dark,
	};
}

/* "a" of "runs/a": runs in one figure are told apart by the end of their paths. */
static enum cs_status add_run(struct cs_view *view, const char *directory, struct cs_error *error)
{
	struct run *run = view->state;
	const char *slash = strrchr(directory, '/');

	snprintf(run->names[run->count], sizeof run->names[0], "%s", slash && slash[1] ? slash + 1 : directory);
	run->directories[run->count] = cs_strdup(directory);
	if (!run->directories[run->count])
		return cs_fail_memory(error, "a run");
	return cs_follower_new(view->session->works, directory, &run->followers[run->count++], error);
}

static enum cs_status open_run(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_run_argument *from = argument;
	struct run *run = view->state;
	enum cs_status status;

	status = add_run(view, from->directory, error);
	for (int i = 0; i < from->other_count && run->count < CS_CURVE_RUNS && !status; i++)
		status = add_run(view, from->others[i], error);
	return status;
}

/* The model is opened as soon as there is one. */
static void want_model(struct cs_view *view, const struct cs_followed *latest)
{
	struct run *run = view->state;
	struct cs_error error;

	if (!latest->has_model || (run->tried > 0 && cs_now() - run->tried < 5))
		return;
	if (run->tried > 0 && view->session->stage != CS_STAGE_FAILED)
		return;
	run->tried = cs_now();
	if (cs_session_open(view->session, run->directories[0], &error))
		cs_session_complain(view->session, &error);
}

static bool tick_run(struct cs_view *view)
{
	struct run *run = view->state;
	bool news = false;

	for (int i = 0; i < run->count; i++)
		news |= cs_follower_tick(run->followers[i]);
	if (!news)
		return false;
	make_lines(run);
	if (cs_follower_latest(run->followers[0]))
		want_model(view, cs_follower_latest(run->followers[0]));
	return true;
}

static void draw_title(struct cs_view *view, const struct cs_followed *latest)
{
	const struct run *run = view->state;
	struct cs_screen *screen = &view->session->screen;
	const struct cs_run_state *state = &latest->state;
	long long in_work = state->epoch < state->epochs ? state->epoch + 1 : state->epochs; /* counted from 1 */
	char eta[40], text[160];
	int room;
	enum cs_style style = CS_STYLE_TEXT;

	if (run->count > 1) {
		cs_screen_put(screen, 0, 1, screen->columns - 2, CS_STYLE_TITLE, "convscope  %d runs: %s, %s%s",
			run->count, run->names[0], run->names[1], run->count > 2 ? ", ..." : "");
		return;
	}
	if (!latest->there) {
		style = CS_STYLE_BAD;
		snprintf(text, sizeof text, "this run was removed");
	} else if (state->alive) {
		style = CS_STYLE_GOOD;
		if (cs_followed_eta(latest) >= 0)
			snprintf(text, sizeof text, "training · epoch %lld/%lld · ETA %s", in_work,
				(long long)state->epochs, cs_words_seconds(cs_followed_eta(latest), eta, sizeof eta));
		else
			snprintf(text, sizeof text, "training · epoch %lld/%lld", in_work, (long long)state->epochs);
	} else {
		style = state->finished ? CS_STYLE_TEXT : CS_STYLE_WARN;
		snprintf(text, sizeof text, "%s · %lld of %lld epochs", state->finished ? "done" : "stopped",
			(long long)latest->curves.epoch_count, (long long)state->epochs);
	}
	if (latest->there && latest->before.epoch_count > 0) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof text - used, " after %lld before", (long long)latest->before.epoch_count);
	}
	room = screen->columns - 2 - cs_screen_width(screen, "convscope  ") - cs_screen_width(screen, text) - 2;
	cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "convscope");
	cs_screen_put(screen, 0, 12, room, CS_STYLE_TITLE, "%s", cs_words_path_end(run->directories[0], room));
	cs_screen_put_right(screen, 0, screen->columns - 1, style, "%s", text);
}

/* A dot where a value is read off. */
static int add_marks(const struct run *run, const struct figure *figure, struct cs_series *series, double *x, double *y)
{
	int count = figure->lines.count;

	for (int i = 0; run->reading && i < figure->lines.count; i++) {
		x[i] = run->at;
		y[i] = cs_line_at(&figure->lines.lines[i], run->at);
		series[count++] = (struct cs_series){
			.kind = CS_SERIES_POINTS, .x = &x[i], .y = &y[i], .count = 1, .colour = cs_series_colour(i)};
	}
	return count;
}

static void draw_figure(struct cs_view *view, int which, struct cs_area area)
{
	struct run *run = view->state;
	struct figure *figure = &run->figures[which];
	struct cs_series series[2 * (2 * CS_CURVE_RUNS)];
	double x[2 * CS_CURVE_RUNS], y[2 * CS_CURVE_RUNS];
	struct cs_plot plot;

	cs_lines_series(&figure->lines, series);
	plot = make_plot(run, which, series, add_marks(run, figure, series, x, y), view->session->screen.dark);
	cs_chart_show(view->session, &plot, run->version, area, &figure->chart);
	cs_spots_add(&view->session->spots, area, CS_SPOT_PLOT, which);
}

/* What is read off: "epoch 12: accuracy train 41.2 val 38.9". */
static void draw_reading(struct cs_view *view, int row)
{
	struct run *run = view->state;
	struct cs_screen *screen = &view->session->screen;
	char value[40];
	int used = 1 + cs_screen_put(screen, row, 1, -1, CS_STYLE_TITLE, "epoch %g: ", run->at);

	for (int q = 0; q < CS_QUANTITIES; q++) {
		used += cs_screen_put(screen, row, used, -1, CS_STYLE_DIM, "%s", q ? " · loss" : "accuracy");
		for (int i = 0; i < run->figures[q].lines.count; i++) {
			const struct cs_line *line = &run->figures[q].lines.lines[i];

			used += cs_screen_put(screen, row, used, -1, CS_STYLE_TEXT, " %s %s", line->name,
				cs_words_value(cs_line_at(line, run->at), value, sizeof value));
		}
	}
}

static void draw_numbers(struct cs_view *view, const struct cs_followed *latest, int row)
{
	const struct run *run = view->state;
	struct cs_screen *screen = &view->session->screen;
	const struct cs_curves *curves = &latest->curves;
	const struct cs_run_state *state = &latest->state;
	char text[300] = "", number[40];
	size_t used = 0;
	double rate = NAN, speed = NAN;
	int column = 1;
	int64_t since = curves->epoch_count - 1 - state->best_epoch;

	if (curves->epoch_count) {
		rate = curves->epochs[curves->epoch_count - 1].rate;
		speed = curves->epochs[curves->epoch_count - 1].images_per_second;
	}
	if (curves->point_count && state->alive) {
		rate = curves->points[curves->point_count - 1].rate;
		speed = curves->points[curves->point_count - 1].images_per_second;
	}
	if (state->best_epoch >= 0 && !isnan(state->best_val_accuracy))
		used += (size_t)snprintf(text + used, sizeof text - used, "best %.1f %% at epoch %lld",
			100 * state->best_val_accuracy,
			(long long)latest->before.epoch_count + state->best_epoch + 1); /* as the axis counts */
	if (!isnan(speed) && used < sizeof text)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%.0f images/s", used ? " · " : "", speed);
	if (!isnan(rate) && used < sizeof text)
		used += (size_t)snprintf(text + used, sizeof text - used, "%srate %s", used ? " · " : "",
			cs_words_value(rate, number, sizeof number));
	if (state->best_epoch >= 0 && since > 0 && used < sizeof text)
		snprintf(text + used, sizeof text - used, " · %lld epoch%s since the best", (long long)since,
			since == 1 ? "" : "s");
	if (run->count > 1) /* of which run this is, and the log below */
		column +=
			cs_screen_put(screen, row, column, screen->columns / 2, CS_STYLE_TITLE, "%s:", run->names[0]) +
			1;
	cs_screen_put(screen, row, column, -1, CS_STYLE_TEXT, "%s", text);
}

/* On two rows where one is too short, as far as there are `rows`. */
static void draw_layers(struct cs_view *view, int row, int rows)
{
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	int column = 9;
	char why[300];

	cs_screen_put(screen, row, 1, -1, CS_STYLE_DIM, "layers");
	if (!cs_session_has_model(session)) {
		cs_session_why_not(session, why, sizeof why);
		cs_screen_put(
			screen, row, column, -1, CS_STYLE_DIM, "%s", session->opened ? why : "no model is saved yet");
		return;
	}
	for (int i = 0; i < session->opened->layer_count; i++) {
		const struct cs_layer *layer = &cs_session_network(session)->layers[session->opened->layers[i]];
		struct cs_scan *scan = session->scan_count ? session->scans[0] : NULL;
		int64_t silent = cs_scan_silent(scan, layer->index);
		char text[100];
		int wide = 2 +
			snprintf(text, sizeof text, "%s %lld", cs_layer_name(cs_session_network(session), layer->index),
				(long long)cs_layer_features(layer));

		wide += silent > 0 ? 14 : 0;
		if (column > 9 &&
			column + wide + (rows > 1 || i + 1 == session->opened->layer_count ? 0 : 4) >
				screen->columns - 1) {
			if (rows-- <= 1) {
				cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "…");
				return;
			}
			row++;
			column = 9;
		}
		column += cs_screen_put(screen, row, column, -1, CS_STYLE_KEY, "%d ", i + 1);
		column += cs_screen_put(screen, row, column, -1, CS_STYLE_TEXT, "%s", text);
		if (silent > 0)
			column += cs_screen_put(
				screen, row, column, -1, CS_STYLE_WARN, " (%lld silent)", (long long)silent);
		column += 2;
	}
}

static void draw_log(struct cs_view *view, const struct cs_followed *latest, int row, int rows)
{
	const char *log = latest->log ? latest->log : "";
	size_t from = strlen(log), end;

	while (from > 0 && log[from - 1] == '\n')
		from--;
	end = from;
	for (int lines = 0; from > 0; from--) {
		if (log[from - 1] == '\n' && ++lines >= rows)
			break;
	}
	for (int i = 0; i < rows && from < end; i++) {
		size_t length = strcspn(log + from, "\n");

		cs_screen_put(&view->session->screen, row + i, 1, -1, CS_STYLE_DIM, "%.*s",
			length > 900 ? 900 : (int)length, log + from);
		from += length + 1;
	}
}

/* What the first run has come to, once all of them were read; NULL before: figures without some of the runs are none of them all. */
static const struct cs_followed *all_read(const struct run *run)
{
	for (int i = 1; i < run->count; i++) {
		if (!cs_follower_latest(run->followers[i]))
			return NULL;
	}
	return cs_follower_latest(run->followers[0]);
}

static void draw_run(struct cs_view *view)
{
	struct run *run = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_followed *latest = all_read(run);
	int rows = session->body_rows,
	    log_rows = rows > 30 ? 4
		: rows > 18      ? 2
		: rows > 12      ? 1
				 : 0,
	    below, plot_rows, half;

	if (!latest) {
		cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "convscope  %s", run->directories[0]);
		cs_screen_put(screen, 2, 1, -1, CS_STYLE_DIM, "reading the history ...");
		return;
	}
	draw_title(view, latest);
	if (run->tail) {
		draw_log(view, latest, 2, rows - 2);
		return;
	}
	below = 2 + log_rows + (log_rows > 0);
	plot_rows = rows - 2 - below - 1;
	half = screen->columns / 2;
	if (latest->curves.epoch_count == 0 && latest->curves.point_count == 0) {
		cs_screen_put(screen, 2, 1, -1, CS_STYLE_DIM, "%s",
			latest->trouble.status ? latest->trouble.message : "no epoch is finished yet");
	} else if (screen->columns >= WIDE) {
		draw_figure(view, 0, (struct cs_area){2, 1, plot_rows, half - 2});
		draw_figure(view, 1, (struct cs_area){2, half + 1, plot_rows, screen->columns - half - 2});
	} else {
		draw_figure(view, run->pane, (struct cs_area){1, 0, plot_rows + 1, screen->columns});
	}
	if (run->reading)
		draw_reading(view, rows - below);
	else
		draw_numbers(view, latest, rows - below);
	draw_layers(view, rows - below + 1, log_rows ? 2 : 1);
	draw_log(view, latest, rows - log_rows, log_rows);
}

/* The last epoch of any line. */
static double last_epoch(const struct run *run)
{
	double last = 1;

	for (int i = 0; i < run->figures[0].lines.count; i++) {
		const struct cs_line *line = &run->figures[0].lines.lines[i];

		if (line->count && line->x[line->count - 1] > last)
			last = line->x[line->count - 1];
	}
	return last;
}

static void read_at(struct run *run, double at)
{
	double last = last_epoch(run);

	run->reading = true;
	run->at = at < 1 ? 1 : at > last ? last : at;
	run->version++;
}

/* Show the epochs low .. high; all of them when that is nearly what it is. */
static void zoom_to(struct run *run, double low, double high)
{
	double last = last_epoch(run);

	low = low < 0 ? 0 : low;
	high = high > last ? last : high;
	if (high - low < 1)
		high = low + 1;
	if (low < 0.5 && high > last - 0.5)
		low = high = 0;
	run->x_low = low;
	run->x_high = high;
	run->version++;
}

static void zoom(struct run *run, double factor, double about)
{
	double low = run->x_low, high = run->x_high > 0 ? run->x_high : last_epoch(run);

	zoom_to(run, about - (about - low) * factor, about + (high - about) * factor);
}

static void read_next(struct run *run, int step)
{
	read_at(run, run->reading ? floor(run->at + 0.5) + step : step > 0 ? 1 : last_epoch(run));
}

static bool act_run(struct cs_view *view, enum cs_action action, int argument)
{
	struct run *run = view->state;
	double middle = run->reading ? run->at : (run->x_low + (run->x_high > 0 ? run->x_high : last_epoch(run))) / 2;

	(void)argument;
	switch (action) {
	case CS_ACTION_ENTER:
		return cs_chrome_network(view->session);
	case CS_ACTION_NEXT_PANE:
		run->pane = (run->pane + 1) % CS_QUANTITIES;
		return true;
	case CS_ACTION_LOG_SCALE:
		run->log_y = !run->log_y;
		run->version++;
		cs_session_say(view->session, CS_STYLE_TEXT,
			run->log_y ? "loss on a logarithmic axis" : "loss on a linear axis");
		return true;
	case CS_ACTION_SMOOTH:
		run->smoothing = (run->smoothing + 1) % SMOOTHINGS;
		make_lines(run);
		if (run->smoothing)
			cs_session_say(view->session, CS_STYLE_TEXT, "running means over %d epochs",
				smoothings[run->smoothing]);
		else
			cs_session_say(view->session, CS_STYLE_TEXT, "curves as they are");
		return true;
	case CS_ACTION_GROUP:
		run->apart = !run->apart;
		make_lines(run);
		cs_session_say(view->session, CS_STYLE_TEXT,
			run->apart ? "each run for itself"
				   : "runs that differ by their seed alone: mean, and a standard deviation about it");
		return true;
	case CS_ACTION_LEFT:
	case CS_ACTION_RIGHT:
		read_next(run, action == CS_ACTION_RIGHT ? 1 : -1);
		return true;
	case CS_ACTION_ZOOM_IN:
	case CS_ACTION_ZOOM_OUT:
		zoom(run, action == CS_ACTION_ZOOM_IN ? 0.5 : 2, middle);
		return true;
	case CS_ACTION_TAIL:
		run->tail = !run->tail;
		return true;
	default:
		return false;
	}
}

/* A press reads off, a drag zooms into what it spans, the wheel zooms about where it is. */
static bool point_run(struct cs_view *view, const struct cs_pointer *pointer, const struct cs_spot *spot)
{
	struct run *run = view->state;
	const struct cs_chart *chart;
	double at[2], from[2], x, x_from;

	if (!spot || spot->kind != CS_SPOT_PLOT)
		return false;
	chart = &run->figures[spot->index].chart;
	if (!cs_chart_place(chart, pointer->row, pointer->column, at) ||
		!cs_chart_place(chart, pointer->from_row, pointer->from_column, from))
		return true;
	x = chart->frame.x_low + at[0] * (chart->frame.x_high - chart->frame.x_low);
	x_from = chart->frame.x_low + from[0] * (chart->frame.x_high - chart->frame.x_low);
	if (pointer->kind == CS_POINTER_WHEEL)
		zoom(run, pointer->step < 0 ? 0.8 : 1.25, x);
	else if (pointer->kind == CS_POINTER_RELEASE && abs(pointer->column - pointer->from_column) > 1)
		zoom_to(run, fmin(x, x_from), fmax(x, x_from));
	else
		read_at(run, floor(x + 0.5));
	return true;
}

/* The script makes them anew from the histories. */
static void record_run(struct cs_view *view, const char *stem)
{
	struct run *run = view->state;
	char *directories = cs_strdup("");
	char quoted[1200];

	for (int i = 0; i < run->count && directories; i++) {
		char *longer = cs_format("%s%s%s", directories, i ? ", " : "",
			cs_record_quote(run->directories[i], quoted, sizeof quoted));

		cs_free(directories);
		directories = longer;
	}
	if (directories)
		cs_record_export(view->session,
			"curves({ %s }, %s, { smooth = %d, apart = %s, log_y = %s, x_low = %.17g, x_high = %.17g }",
			directories, cs_record_quote(stem, quoted, sizeof quoted), smoothings[run->smoothing],
			run->apart ? "true" : "false", run->log_y ? "true" : "false", run->x_low, run->x_high);
	cs_free(directories);
}

static enum cs_status export_run(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	const struct run *run = view->state;
	const struct cs_followed *latest = all_read(run);
	struct cs_series series[CS_QUANTITIES][2 * CS_CURVE_RUNS];
	struct cs_lines lines[CS_QUANTITIES];
	struct cs_plot plots[CS_QUANTITIES];
	enum cs_status status;

	if (!latest)
		return cs_fail(error, CS_ERR_NOT_FOUND,
			"the history is still being read: export it when the curves are on the screen");
	if (latest->curves.epoch_count == 0 && latest->curves.point_count == 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "there are no curves yet");
	for (int q = 0; q < CS_QUANTITIES; q++) {
		lines[q] = run->figures[q].lines;
		cs_lines_series(&lines[q], series[q]);
		plots[q] = make_plot(run, q, series[q], lines[q].count, false);
	}
	status = cs_curves_export(plots, lines, &latest->curves, stem, error);
	if (status)
		return status;
	snprintf(message, size, "wrote %s-accuracy.png, %s-loss.png, both as .svg, %s.csv and .hdf5", stem, stem, stem);
	record_run(view, stem);
	return CS_OK;
}

static void label_run(struct cs_view *view, char *text, size_t size)
{
	(void)view;
	snprintf(text, size, "curves");
}

static void close_run(struct cs_view *view)
{
	struct run *run = view->state;

	for (int i = 0; i < run->count; i++)
		cs_follower_free(run->followers[i]);
	for (int q = 0; q < CS_QUANTITIES; q++) {
		cs_lines_fini(&run->figures[q].lines);
		cs_chart_fini(&run->figures[q].chart);
	}
	for (int i = 0; i < CS_CURVE_RUNS; i++)
		cs_free(run->directories[i]);
}

const struct cs_view_ops cs_view_run = {
	.name = "run",
	.context = CS_ON_RUN,
	.size = sizeof(struct run),
	.open = open_run,
	.draw = draw_run,
	.act = act_run,
	.tick = tick_run,
	.point = point_run,
	.export = export_run,
	.label = label_run,
	.close = close_run,
	.wake = WAKE_MS,
};
