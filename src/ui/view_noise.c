/* view_noise.c: what noise, blur and JPEG do to a network, from the result of the noise analysis: accuracy, drift of activations and
 * likeness of reconstructions against the level, by layer, one kind of damage at a time; and sample pictures.
 */
#include "core/alloc.h"
#include "ui/analyses.h"
#include "ui/chart.h"
#include "ui/csv.h"
#include "ui/invite.h"
#include "ui/mosaic.h"
#include "ui/record.h"
#include "ui/view.h"
#include "ui/window.h"
#include "ui/words.h"
#include "work/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 3, MEASURES = 3, PANES = MEASURES + 1, MOST_KINDS = 16, MOST_LINES = 40, ONE = 76, TWO = 130 };

static const char *const measures[MEASURES] = {"accuracy", "activation drift", "reconstruction similarity"};

/* What undamaged pictures have of each. */
static const double undamaged[MEASURES] = {NAN, 0, 1};

/* A line of a chart: one layer. */
struct line {
	const char *layer;
	double *x, *y, *low, *high; /* [count] */
	long count;
};

struct figure {
	struct line lines[MOST_LINES];
	int count;
	struct cs_chart chart;
};

struct noise {
	struct cs_reading *reading;
	const char *kinds[MOST_KINDS]; /* in the result */
	int kind_count, kind;
	int pane;
	struct figure figures[MEASURES]; /* of the kind shown */
	struct cs_window window; /* the part of the levels that is shown */
	struct cs_mosaic mosaic;
	unsigned version;
};

/* The columns of the analysis' table; all there, or none of it can be drawn. */
struct columns {
	const struct cs_result_column *kind, *level, *layer, *measure, *mean, *low, *high;
};

static bool find_columns(const struct cs_result *result, struct columns *c)
{
	c->kind = cs_result_column(result, "kind");
	c->level = cs_result_column(result, "level");
	c->layer = cs_result_column(result, "layer");
	c->measure = cs_result_column(result, "measure");
	c->mean = cs_result_column(result, "mean");
	c->low = cs_result_column(result, "low");
	c->high = cs_result_column(result, "high");
	return c->kind && c->kind->texts && c->level && c->level->numbers && c->layer && c->layer->texts &&
		c->measure && c->measure->texts && c->mean && c->mean->numbers && c->low && c->low->numbers &&
		c->high && c->high->numbers;
}

/* Kinds of damage that have a level; what the natural quality of pictures does is none. */
static void find_kinds(struct noise *state, const struct cs_result *result)
{
	struct columns c;

	state->kind_count = 0;
	if (!find_columns(result, &c))
		return;
	for (int64_t i = 0; i < result->rows; i++) {
		int at = 0;

		if (!(c.level->numbers[i] > 0))
			continue;
		while (at < state->kind_count && strcmp(state->kinds[at], c.kind->texts[i]) != 0)
			at++;
		if (at == state->kind_count && at < MOST_KINDS)
			state->kinds[state->kind_count++] = c.kind->texts[i];
	}
	if (state->kind >= state->kind_count)
		state->kind = 0;
}

static void clear(struct figure *figure)
{
	for (int i = 0; i < figure->count; i++)
		cs_free(figure->lines[i].x);
	figure->count = 0;
}

static struct line *line_of(struct figure *figure, const char *layer, int64_t room)
{
	struct line *line;

	for (int i = 0; i < figure->count; i++) {
		if (strcmp(figure->lines[i].layer, layer) == 0)
			return &figure->lines[i];
	}
	if (figure->count == MOST_LINES)
		return NULL;
	line = &figure->lines[figure->count];
	*line = (struct line){.layer = layer};
	line->x = cs_alloc((size_t)(4 * (room + 1)) * sizeof *line->x);
	if (!line->x)
		return NULL;
	line->y = line->x + room + 1;
	line->low = line->y + room + 1;
	line->high = line->low + room + 1;
	figure->count++;
	return line;
}

static void add(struct line *line, double x, double mean, double low, double high)
{
	long at = line->count++;

	/* levels may come in any order, drawn from left to right */
	for (; at > 0 && line->x[at - 1] > x; at--) {
		line->x[at] = line->x[at - 1];
		line->y[at] = line->y[at - 1];
		line->low[at] = line->low[at - 1];
		line->high[at] = line->high[at - 1];
	}
	line->x[at] = x;
	line->y[at] = mean;
	line->low[at] = low;
	line->high[at] = high;
}

/* Where undamaged pictures stand on the axis of levels: JPEG's level is its quality. */
static double clean_level(const char *kind)
{
	return strcmp(kind, "jpeg") == 0 ? 100 : 0;
}

static void make_figure(struct noise *state, const struct cs_result *result, const struct columns *c, int which)
{
	struct figure *figure = &state->figures[which];
	const char *kind = state->kinds[state->kind];

	clear(figure);
	for (int64_t i = 0; i < result->rows; i++) {
		bool clean = strcmp(c->kind->texts[i], "none") == 0;
		struct line *line;

		if (strcmp(c->measure->texts[i], measures[which]) != 0 ||
			(!clean && strcmp(c->kind->texts[i], kind) != 0))
			continue;
		line = line_of(figure, c->layer->texts[i], result->rows);
		if (!line)
			continue;
		if (line->count == 0 && !clean && isfinite(undamaged[which]))
			add(line, clean_level(kind), undamaged[which], undamaged[which], undamaged[which]);
		add(line, clean ? clean_level(kind) : (double)c->level->numbers[i], (double)c->mean->numbers[i],
			(double)c->low->numbers[i], (double)c->high->numbers[i]);
	}
}

static void make_figures(struct cs_view *view)
{
	struct noise *state = view->state;
	const struct cs_result *result = cs_reading_result(state->reading);
	struct columns c;

	state->version++;
	for (int i = 0; i < MEASURES; i++)
		clear(&state->figures[i]);
	if (!result || state->kind_count == 0 || !find_columns(result, &c))
		return;
	for (int i = 0; i < MEASURES; i++)
		make_figure(state, result, &c, i);
}

static enum cs_status open_noise(struct cs_view *view, const void *argument, struct cs_error *error)
{
	(void)argument;
	return cs_analyses_read(view->session, "noise", &((struct noise *)view->state)->reading, error);
}

static bool tick_noise(struct cs_view *view)
{
	struct noise *state = view->state;
	struct cs_analysis_run *run = cs_analyses_run(view->session, "noise");

	if (!cs_reading_tick(state->reading))
		return run && run->work;
	state->kind_count = 0;
	if (cs_reading_result(state->reading))
		find_kinds(state, cs_reading_result(state->reading));
	make_figures(view);
	return true;
}

/* ---- drawing ---- */

static int make_series(const struct figure *figure, struct cs_series series[MOST_LINES])
{
	for (int i = 0; i < figure->count; i++) {
		const struct line *line = &figure->lines[i];

		series[i] = (struct cs_series){.kind = CS_SERIES_LINE,
			.name = line->layer,
			.x = line->x,
			.y = line->y,
			.low = line->low,
			.high = line->high,
			.count = line->count,
			.colour = cs_series_colour(i),
			.mark = i};
	}
	return figure->count;
}

/* What the levels of a kind of damage are, and in which unit; exports.lua has the same words. */
static const char *level_of(const char *kind)
{
	static const char *const known[][2] = {{"gaussian", "sd of full range"},
		{"salt_pepper", "share of pixels"}, {"blur", "sigma, pixels"}, {"jpeg", "quality, of 100"}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(known[i][0], kind) == 0)
			return known[i][1];
	}
	return kind;
}

static struct cs_plot make_plot(const struct noise *state, int which, const struct cs_series *series, int count)
{
	return (struct cs_plot){.title = measures[which],
		.x_label = level_of(state->kinds[state->kind]),
		.series = series,
		.series_count = count,
		.zero = true};
}

static const struct cs_result_figure *samples(const struct cs_result *result)
{
	for (int i = 0; i < result->figure_count; i++) {
		if (result->figures[i].kind == CS_RESULT_MOSAIC)
			return &result->figures[i];
	}
	return NULL;
}

/* "accuracy 0.97 to 0.31, conv1 drift ...": the ends of the first lines, for those who read rather than look. */
static void draw_words(struct cs_view *view, int row)
{
	struct noise *state = view->state;
	const struct figure *figure = &state->figures[0];
	struct cs_screen *screen = &view->session->screen;
	const struct line *line = figure->count ? &figure->lines[0] : NULL;
	bool falls = strcmp(state->kinds[state->kind], "jpeg") == 0; /* severity grows to the left */
	char a[40], b[40], level[40], text[200];

	if (!line || line->count < 2)
		return;
	snprintf(text, sizeof text, "%s: accuracy %s without, %s at %s (%s)",
		state->kinds[state->kind], cs_words_value(line->y[falls ? line->count - 1 : 0], a, sizeof a),
		cs_words_value(line->y[falls ? 0 : line->count - 1], b, sizeof b),
		cs_words_value(line->x[falls ? 0 : line->count - 1], level, sizeof level),
		level_of(state->kinds[state->kind]));
	/* in as many rows as it needs where there is room for nothing else */
	cs_screen_put_lines(screen, row, view->session->body_rows > 6 ? row + 1 : view->session->body_rows, 1,
		screen->columns - 2, CS_STYLE_TEXT, text);
}

/* The levels in the window: one for all charts, so that they stay comparable. */
static void zoom(const struct noise *state, struct cs_plot *plot)
{
	double from[2], to[2], low = INFINITY, high = -INFINITY;

	for (int s = 0; s < plot->series_count; s++) {
		for (long i = 0; i < plot->series[s].count; i++) {
			low = fmin(low, plot->series[s].x[i]);
			high = fmax(high, plot->series[s].x[i]);
		}
	}
	if (cs_window_is_whole(&state->window) || !(low < high))
		return;
	cs_window_get(&state->window, from, to);
	plot->x_low = low + from[0] * (high - low);
	plot->x_high = low + to[0] * (high - low);
}

static void draw_charts(struct cs_view *view, struct cs_area area)
{
	struct noise *state = view->state;
	int across = area.columns >= TWO ? 3 : area.columns >= ONE ? 2 : 1, wide = area.columns / across;

	for (int i = 0; i < across; i++) {
		int which = (state->pane + i) % MEASURES;
		struct cs_series series[MOST_LINES];
		int count = make_series(&state->figures[which], series);
		struct cs_plot plot = make_plot(state, which, series, count);
		struct cs_area place = {area.row, area.column + i * wide, area.rows, wide - (i + 1 < across)};

		zoom(state, &plot);
		cs_chart_show(view->session, &plot, state->version, place, &state->figures[which].chart);
		cs_spots_add(&view->session->spots, place, CS_SPOT_PLOT, which);
	}
}

static void draw_noise(struct cs_view *view)
{
	struct noise *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_result *result = cs_reading_result(state->reading);
	struct cs_area area = {HEAD, 1, session->body_rows - HEAD, screen->columns - 2};
	int used;

	used = 1 + cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "noise");
	if (!result) {
		cs_screen_put(screen, 0, used + 2, -1, CS_STYLE_TEXT,
			"accuracy, drift and reconstructions by level and layer");
		cs_invite_draw(session, "noise", state->reading, 2);
		return;
	}
	if (session->body_rows > 4)
		cs_invite_origin(session, "noise", state->reading, 1);
	if (state->kind_count == 0) {
		cs_screen_put(screen, 2, 1, -1, CS_STYLE_WARN,
			"this result has no levels of noise: [r] runs the analysis anew");
		return;
	}
	for (int i = 0; i < state->kind_count; i++)
		used += 2 +
			cs_screen_put(screen, 0, used + 2, -1, i == state->kind ? CS_STYLE_SELECT : CS_STYLE_DIM, "%s",
				state->kinds[i]);
	draw_words(view, session->body_rows > 4 ? 2 : 1);
	if (session->body_rows <= 6)
		return; /* the words have it all */
	if (state->pane == MEASURES && samples(result)) {
		const struct cs_result_figure *figure = samples(result);

		cs_screen_put(screen, 2, 1, -1, CS_STYLE_TEXT, "%-*s", screen->columns - 2,
			figure->caption ? figure->caption : figure->name);
		cs_mosaic_show(session, figure->mosaic, figure->columns, area, &state->mosaic);
		return;
	}
	draw_charts(view, area);
}

/* ---- keys ---- */

static bool act_noise(struct cs_view *view, enum cs_action action, int argument)
{
	struct noise *state = view->state;
	const struct cs_result *result = cs_reading_result(state->reading);

	(void)argument;
	if (cs_invite_act(view->session, "noise", action))
		return true;
	if (action == CS_ACTION_TABLE) {
		cs_view_push(view->session, &cs_view_result, &(struct cs_result_argument){"noise"});
		return true;
	}
	if (!result || state->kind_count == 0)
		return false;
	if (action == CS_ACTION_NEXT_PANE) {
		state->pane = (state->pane + 1) % (samples(result) ? PANES : MEASURES);
		return true;
	}
	if (action == CS_ACTION_LEFT || action == CS_ACTION_RIGHT) {
		state->kind =
			(state->kind + (action == CS_ACTION_RIGHT ? 1 : state->kind_count - 1)) % state->kind_count;
		state->window = (struct cs_window){0};
		make_figures(view);
		return true;
	}
	if (state->pane == MEASURES)
		return cs_mosaic_act(&state->mosaic, action);
	if (!cs_window_act(&state->window, action))
		return false;
	state->version++;
	return true;
}

/* A drag over a chart spans the levels to show, in all charts; the wheel zooms. */
static bool point_noise(struct cs_view *view, const struct cs_pointer *pointer, const struct cs_spot *spot)
{
	struct noise *state = view->state;
	double at[2];

	if (!spot || spot->kind != CS_SPOT_PLOT)
		return false;
	if (cs_chart_place(&state->figures[spot->index].chart, pointer->row, pointer->column, at)) {
		at[1] = 0.5;
		state->version += cs_window_point(&state->window, pointer, at);
	}
	return true;
}

/* What the charts show, a row a point. */
static enum cs_status save_numbers(const struct noise *state, const char *stem, struct cs_error *error)
{
	struct cs_csv csv;

	cs_csv_init(&csv, "kind,measure,layer,level,mean,low,high");
	for (int i = 0; i < MEASURES; i++) {
		for (int l = 0; l < state->figures[i].count; l++) {
			const struct line *line = &state->figures[i].lines[l];

			for (long k = 0; k < line->count; k++) {
				const double numbers[] = {line->x[k], line->y[k], line->low[k], line->high[k]};

				cs_csv_text(&csv, state->kinds[state->kind]);
				cs_csv_text(&csv, measures[i]);
				cs_csv_text(&csv, line->layer);
				for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
					cs_csv_number(&csv, numbers[n]);
				cs_csv_end_row(&csv);
			}
		}
	}
	return cs_csv_save(&csv, stem, NULL, 0, error);
}

static enum cs_status export_noise(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	static const char *const words[MEASURES] = {"accuracy", "drift", "similarity"};
	struct noise *state = view->state;
	enum cs_status status;
	char kind[200];
	int i = 0;

	if (!cs_reading_result(state->reading) || state->kind_count == 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "there is no result to export yet");
	status = save_numbers(state, stem, error);
	for (; i < MEASURES && !status; i++) {
		struct cs_series series[MOST_LINES];
		int count = make_series(&state->figures[i], series);
		struct cs_plot plot = make_plot(state, i, series, count);
		char *part = cs_format("%s-%s", stem, words[i]);

		status = part ? cs_chart_save(&plot, part, error) : cs_fail_memory(error, "a path");
		cs_free(part);
	}
	if (status && i > 0)
		cs_csv_drop(stem);
	while (status && i-- > 1) {
		char *part = cs_format("%s-%s", stem, words[i - 1]);

		if (part)
			cs_chart_drop(part);
		cs_free(part);
	}
	if (!status) {
		snprintf(message, size, "wrote %s.csv, and %s-accuracy, -drift and -similarity, .png and .svg", stem,
			stem);
		cs_record_result(view->session, "noise", "noise", stem,
			cs_record_quote(state->kinds[state->kind], kind, sizeof kind));
	}
	return status;
}

static void label_noise(struct cs_view *view, char *text, size_t size)
{
	const struct noise *state = view->state;

	snprintf(text, size, "noise-%s", state->kind_count ? state->kinds[state->kind] : "none");
}

static void close_noise(struct cs_view *view)
{
	struct noise *state = view->state;

	for (int i = 0; i < MEASURES; i++) {
		clear(&state->figures[i]);
		cs_chart_fini(&state->figures[i].chart);
	}
	cs_reading_free(state->reading);
}

const struct cs_view_ops cs_view_noise = {
	.name = "noise",
	.context = CS_ON_NOISE,
	.size = sizeof(struct noise),
	.open = open_noise,
	.draw = draw_noise,
	.act = act_noise,
	.tick = tick_noise,
	.point = point_noise,
	.export = export_noise,
	.label = label_noise,
	.close = close_noise,
	.wake = 1000,
};
