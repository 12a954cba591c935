/* view_run.c: one run: its learning curves as they grow, how far it is, the end of its log. */
#include "core/alloc.h"
#include "figure/plot.h"
#include "io/h5.h"
#include "ui/chart.h"
#include "ui/chrome.h"
#include "ui/clock.h"
#include "ui/follow.h"
#include "ui/view.h"
#include "ui/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WAKE_MS = 1000, WIDE = 66, PLOTS = 2 };

/* A curve as the plot wants it. */
struct curve {
	double *x, *y;
	long count;
};

struct figure {
	struct curve train, val;
	struct cs_chart chart;
};

struct run {
	char *directory;
	struct cs_follower *follower;
	struct figure figures[PLOTS]; /* accuracy in percent, loss */
	unsigned version; /* of the curves */
	int pane; /* the one shown where there is room for one */
	bool log_y;
	bool tail; /* the log takes the place of the plots */
	double tried; /* when the model was asked for last */
};

static void clear_curve(struct curve *curve)
{
	cs_free(curve->x);
	cs_free(curve->y);
	*curve = (struct curve){0};
}

static bool make_room(struct curve *curve, int64_t count)
{
	clear_curve(curve);
	curve->x = cs_alloc((size_t)(count + 1) * sizeof *curve->x);
	curve->y = cs_alloc((size_t)(count + 1) * sizeof *curve->y);
	return curve->x && curve->y;
}

static void add(struct curve *curve, double x, double y)
{
	curve->x[curve->count] = x;
	curve->y[curve->count++] = y;
}

/* x is the number of epochs done. Until two epochs are, the points within them are the curve. */
static void make_curves(struct run *run, const struct cs_curves *from)
{
	for (int plot = 0; plot < PLOTS; plot++) {
		struct figure *figure = &run->figures[plot];
		bool few = from->epoch_count < 2;

		if (!make_room(&figure->train, from->epoch_count + from->point_count) ||
			!make_room(&figure->val, from->epoch_count)) {
			clear_curve(&figure->train);
			clear_curve(&figure->val);
			continue;
		}
		for (int64_t i = 0; i < from->point_count && few; i++)
			add(&figure->train, from->points[i].epoch,
				plot ? from->points[i].loss : 100 * from->points[i].accuracy);
		for (int64_t i = 0; i < from->epoch_count; i++) {
			const struct cs_epoch *epoch = &from->epochs[i];

			if (!few)
				add(&figure->train, epoch->epoch + 1,
					plot ? epoch->train_loss : 100 * epoch->train_accuracy);
			add(&figure->val, epoch->epoch + 1, plot ? epoch->val_loss : 100 * epoch->val_accuracy);
		}
		if (!few && from->point_count &&
			from->points[from->point_count - 1].epoch > (double)from->epoch_count) {
			const struct cs_point *last = &from->points[from->point_count - 1];

			add(&figure->train, last->epoch, plot ? last->loss : 100 * last->accuracy);
		}
	}
	run->version++;
}

static int make_series(const struct figure *figure, struct cs_series series[2])
{
	bool any_val = false;
	int count = 0;

	for (long i = 0; i < figure->val.count; i++)
		any_val |= !isnan(figure->val.y[i]);
	series[count++] = (struct cs_series){
		.kind = CS_SERIES_LINE,
		.name = "train",
		.x = figure->train.x,
		.y = figure->train.y,
		.count = figure->train.count,
		.colour = cs_series_colour(0),
	};
	if (any_val)
		series[count++] = (struct cs_series){
			.kind = figure->val.count > 1 ? CS_SERIES_LINE : CS_SERIES_POINTS,
			.name = "val",
			.x = figure->val.x,
			.y = figure->val.y,
			.count = figure->val.count,
			.colour = cs_series_colour(1),
		};
	return count;
}

static struct cs_plot make_plot(const struct run *run, int which, const struct cs_series *series, int count, bool dark)
{
	return (struct cs_plot){
		.title = which ? "loss" : "accuracy, %",
		.x_label = "epochs",
		.series = series,
		.series_count = count,
		.zero = which == 0,
		.log_y = which && run->log_y,
		.dark = dark,
	};
}

static enum cs_status open_run(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_run_argument *from = argument;
	struct run *run = view->state;

	run->directory = cs_strdup(from->directory);
	if (!run->directory)
		return cs_fail_memory(error, "a run");
	return cs_follower_new(view->session->works, run->directory, &run->follower, error);
}

/* The model is opened as soon as there is one. */
static void want_model(struct cs_view *view, const struct cs_followed *latest)
{
	struct run *run = view->state;
	struct cs_error error;

	if (!latest->has_model || (run->tried > 0 && cs_ui_clock() - run->tried < 5))
		return;
	if (run->tried > 0 && view->session->stage != CS_STAGE_FAILED)
		return;
	run->tried = cs_ui_clock();
	if (cs_session_open(view->session, run->directory, &error))
		cs_session_complain(view->session, &error);
}

static bool tick_run(struct cs_view *view)
{
	struct run *run = view->state;
	const struct cs_followed *latest;

	if (!cs_follower_tick(run->follower))
		return false;
	latest = cs_follower_latest(run->follower);
	make_curves(run, &latest->curves);
	want_model(view, latest);
	return true;
}

static void draw_title(struct cs_view *view, const struct cs_followed *latest)
{
	const struct run *run = view->state;
	struct cs_screen *screen = &view->session->screen;
	const struct cs_run_state *state = &latest->state;
	char eta[40], text[160];
	enum cs_style style = CS_STYLE_TEXT;

	cs_screen_put(screen, 0, 1, screen->columns / 2, CS_STYLE_TITLE, "convscope  %s", run->directory);
	if (!latest->there) {
		style = CS_STYLE_BAD;
		snprintf(text, sizeof text, "this run was removed");
	} else if (state->alive) {
		style = CS_STYLE_GOOD;
		if (cs_followed_eta(latest) >= 0)
			snprintf(text, sizeof text, "training · epoch %lld/%lld · ETA %s", (long long)state->epoch,
				(long long)state->epochs, cs_words_seconds(cs_followed_eta(latest), eta, sizeof eta));
		else
			snprintf(text, sizeof text, "training · epoch %lld/%lld", (long long)state->epoch,
				(long long)state->epochs);
	} else {
		style = state->finished ? CS_STYLE_TEXT : CS_STYLE_WARN;
		snprintf(text, sizeof text, "%s · %lld of %lld epochs", state->finished ? "done" : "stopped",
			(long long)latest->curves.epoch_count, (long long)state->epochs);
	}
	cs_screen_put_right(screen, 0, screen->columns - 1, style, "%s", text);
}

static void draw_figure(struct cs_view *view, int which, struct cs_area area)
{
	struct run *run = view->state;
	struct figure *figure = &run->figures[which];
	struct cs_series series[2];
	struct cs_plot plot = make_plot(run, which, series, make_series(figure, series), view->session->screen.dark);

	cs_chart_show(view->session, &plot, 2 * run->version + run->log_y, area, &figure->chart);
}

static void draw_numbers(struct cs_view *view, const struct cs_followed *latest, int row)
{
	struct cs_screen *screen = &view->session->screen;
	const struct cs_curves *curves = &latest->curves;
	const struct cs_run_state *state = &latest->state;
	char text[300] = "", number[40];
	size_t used = 0;
	double rate = NAN, speed = NAN;
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
			100 * state->best_val_accuracy, (long long)state->best_epoch);
	if (!isnan(speed) && used < sizeof text)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%.0f images/s", used ? " · " : "", speed);
	if (!isnan(rate) && used < sizeof text)
		used += (size_t)snprintf(text + used, sizeof text - used, "%srate %s", used ? " · " : "",
			cs_words_value(rate, number, sizeof number));
	if (state->best_epoch >= 0 && curves->epoch_count && used < sizeof text)
		snprintf(text + used, sizeof text - used, " · %lld epoch%s since", (long long)since,
			since == 1 ? "" : "s");
	cs_screen_put(screen, row, 1, -1, CS_STYLE_TEXT, "%s", text);
}

static void draw_layers(struct cs_view *view, int row)
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
	for (int i = 0; i < session->opened->layer_count && column < screen->columns - 8; i++) {
		const struct cs_layer *layer = &cs_session_network(session)->layers[session->opened->layers[i]];
		struct cs_scan *scan = session->scan_count ? session->scans[0] : NULL;
		int64_t silent = cs_scan_silent(scan, layer->index);

		column += cs_screen_put(screen, row, column, -1, CS_STYLE_KEY, "%d ", i + 1);
		column += cs_screen_put(screen, row, column, -1, CS_STYLE_TEXT, "%s %lld", layer->spec.name,
			(long long)cs_layer_features(layer));
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

static void draw_run(struct cs_view *view)
{
	struct run *run = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_followed *latest = cs_follower_latest(run->follower);
	int rows = session->body_rows,
	    log_rows = rows > 30 ? 4
		: rows > 18      ? 2
		: rows > 12      ? 1
				 : 0,
	    below, plot_rows, half;

	if (!latest) {
		cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "convscope  %s", run->directory);
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
	draw_numbers(view, latest, rows - below);
	draw_layers(view, rows - below + 1);
	draw_log(view, latest, rows - log_rows, log_rows);
}

static bool act_run(struct cs_view *view, enum cs_action action, int argument)
{
	struct run *run = view->state;

	(void)argument;
	switch (action) {
	case CS_ACTION_ENTER:
		return cs_chrome_network(view->session);
	case CS_ACTION_NEXT_PANE:
		run->pane = (run->pane + 1) % PLOTS;
		return true;
	case CS_ACTION_LOG_SCALE:
		run->log_y = !run->log_y;
		cs_session_say(view->session, CS_STYLE_TEXT,
			run->log_y ? "loss on a logarithmic axis" : "loss on a linear axis");
		return true;
	case CS_ACTION_TAIL:
		run->tail = !run->tail;
		return true;
	default:
		return false;
	}
}

static enum cs_status save_numbers(const struct cs_curves *curves, const char *path, struct cs_error *error)
{
	struct cs_h5 *file = NULL;
	enum cs_status status = cs_h5_open(path, CS_H5_CREATE, &file, error);

	if (status)
		return status;
	if (curves->epoch_count)
		status = cs_h5_write_array(file, "/epochs", CS_H5_F64,
			CS_SHAPE(curves->epoch_count, (int64_t)(sizeof(struct cs_epoch) / sizeof(double))),
			curves->epochs, error);
	if (!status && curves->epoch_count)
		status = cs_h5_write_string(file, "/epochs", "columns",
			"epoch train_loss train_accuracy val_loss val_accuracy val_top5 rate images_per_second seconds "
			"time",
			error);
	if (!status && curves->point_count)
		status = cs_h5_write_array(file, "/points", CS_H5_F64,
			CS_SHAPE(curves->point_count, (int64_t)(sizeof(struct cs_point) / sizeof(double))),
			curves->points, error);
	if (!status && curves->point_count)
		status = cs_h5_write_string(
			file, "/points", "columns", "step epoch loss accuracy rate images_per_second", error);
	if (cs_h5_close(file, status ? NULL : error) && !status)
		status = CS_ERR_IO;
	return status;
}

static enum cs_status export_run(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	const struct run *run = view->state;
	const struct cs_followed *latest = cs_follower_latest(run->follower);
	enum cs_status status = CS_OK;
	char *path;

	if (!latest || (latest->curves.epoch_count == 0 && latest->curves.point_count == 0))
		return cs_fail(error, CS_ERR_NOT_FOUND, "there are no curves yet");
	for (int which = 0; which < PLOTS && !status; which++) {
		struct cs_series series[2];
		struct cs_plot plot = make_plot(run, which, series, make_series(&run->figures[which], series), false);

		path = cs_format("%s-%s.png", stem, which ? "loss" : "accuracy");
		status = path ? cs_plot_save_png(&plot, 900, 560, path, error) : cs_fail_memory(error, "a path");
		cs_free(path);
	}
	path = cs_format("%s.hdf5", stem);
	if (!status)
		status = path ? save_numbers(&latest->curves, path, error) : cs_fail_memory(error, "a path");
	cs_free(path);
	if (!status)
		snprintf(message, size, "wrote %s-accuracy.png, %s-loss.png and %s.hdf5", stem, stem, stem);
	return status;
}

static void label_run(struct cs_view *view, char *text, size_t size)
{
	(void)view;
	snprintf(text, size, "curves");
}

static void close_run(struct cs_view *view)
{
	struct run *run = view->state;

	cs_follower_free(run->follower);
	for (int i = 0; i < PLOTS; i++) {
		clear_curve(&run->figures[i].train);
		clear_curve(&run->figures[i].val);
		cs_chart_fini(&run->figures[i].chart);
	}
	cs_free(run->directory);
}

const struct cs_view_ops cs_view_run = {
	.name = "run",
	.context = CS_ON_RUN,
	.size = sizeof(struct run),
	.open = open_run,
	.draw = draw_run,
	.act = act_run,
	.tick = tick_run,
	.export = export_run,
	.label = label_run,
	.close = close_run,
	.wake = WAKE_MS,
};
