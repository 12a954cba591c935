/* view_feature.c: one feature: the nine images that excite it most, each as the patch its unit saw and as what the feature
 * took from it, projected back.
 */
#include "core/alloc.h"
#include "core/clock.h"
#include "ui/lens.h"
#include "ui/spark.h"
#include "ui/view.h"
#include "ui/words.h"
#include "work/closeup.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEAD = 2,
	FOOT = 2,
	CLOSE = 3 /* more rows of numbers where there is room */,
	CLOSE_FROM = 20,
	EACH = 2 /* pictures of an exemplar: patch, projection */
};

struct feature {
	int layer;
	int64_t feature, features;
	int cursor; /* which exemplar */
	int across; /* as drawn last */
	int zoom; /* fewer, larger ones */
	unsigned version;
	struct cs_closeup *closeup;
	struct cs_close_answer answer;
	unsigned close_version;
	double since; /* when this feature came up */
};

static const double stay = 0.3; /* s on a feature before it is looked at closely */
enum { ENOUGH = 500 /* images seen, so that the exemplars are worth it */ };

static const struct cs_layer *layer_of(const struct cs_view *view)
{
	return &cs_session_network(view->session)->layers[((const struct feature *)view->state)->layer];
}

static enum cs_status open_feature(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_feature_argument *from = argument;
	struct feature *state = view->state;

	if (!cs_session_has_model(view->session))
		return cs_fail(error, CS_ERR_NOT_FOUND, "no model is open");
	state->layer = from->layer;
	state->feature = from->feature;
	state->features = cs_layer_features(layer_of(view));
	state->across = 3;
	state->since = cs_now();
	return CS_OK;
}

static struct cs_scan *scan_of(const struct cs_view *view)
{
	return cs_session_scan(view->session, ((const struct feature *)view->state)->layer);
}

/* Look closely at the feature, at its exemplars of now, unless that is under way or done. */
static bool look_closely(struct cs_view *view, struct cs_scan *scan)
{
	struct feature *state = view->state;
	struct cs_session *session = view->session;
	struct cs_close_question question;
	struct cs_feature_numbers numbers;
	int64_t total;
	unsigned version;

	if (scan && cs_now() - state->since > stay &&
		(cs_scan_finished(scan) || cs_scan_seen(scan, &total) >= ENOUGH) &&
		cs_scan_feature(scan, state->layer, state->feature, &numbers) && numbers.count > 0) {
		memset(&question, 0, sizeof question);
		question.layer = state->layer;
		question.feature = state->feature;
		question.rule = session->rule;
		question.count = numbers.count < CS_CLOSE_IMAGES ? numbers.count : CS_CLOSE_IMAGES;
		memcpy(question.images, numbers.top, (size_t)question.count * sizeof *question.images);
		if (!state->closeup ||
			(!cs_closeup_asks(state->closeup, &question) &&
				(cs_scan_finished(scan) || !cs_closeup_about(state->closeup, &question)))) {
			cs_closeup_drop(state->closeup);
			state->closeup = NULL;
			state->answer = (struct cs_close_answer){0};
			state->close_version = 0;
			cs_closeup_start(session->works, session->opened, &question, &state->closeup, NULL);
		}
	}
	version = state->closeup ? cs_closeup_version(state->closeup) : 0;
	if (version == state->close_version)
		return false;
	state->close_version = version;
	cs_closeup_answer(state->closeup, &state->answer);
	return true;
}

static void forget_closeup(struct feature *state)
{
	cs_closeup_drop(state->closeup);
	state->closeup = NULL;
	state->answer = (struct cs_close_answer){0};
	state->close_version = 0;
	state->since = cs_now();
}

static bool tick_feature(struct cs_view *view)
{
	struct feature *state = view->state;
	struct cs_scan *scan = scan_of(view);
	unsigned version = scan ? cs_scan_version(scan) : 0;
	bool news = version != state->version;

	news |= look_closely(view, scan);

	state->version = version;
	return news;
}

static void ask(struct cs_view *view, const struct cs_exemplar *top, int rank, struct cs_exhibit pair[EACH])
{
	struct feature *state = view->state;
	struct cs_session *session = view->session;
	struct cs_tile_key key = cs_lens_key(session, CS_TILE_PATCH, state->layer, top->image);

	key.row = top->row;
	key.column = top->column;
	snprintf(pair[0].name, sizeof pair[0].name, "%d-image-%" PRId64 "-patch", rank, top->image);
	cs_lens_ask(session, &key, &pair[0]);
	key = cs_lens_key(session, CS_TILE_PROJECTION, state->layer, top->image);
	key.row = top->row;
	key.column = top->column;
	key.feature = state->feature;
	key.at = CS_AT_POSITION;
	key.cropped = 1;
	snprintf(pair[1].name, sizeof pair[1].name, "%d-image-%" PRId64 "-seen", rank, top->image);
	cs_lens_ask(session, &key, &pair[1]);
	pair[1].value = top->value;
}

static void draw_title(struct cs_view *view, int64_t seen)
{
	struct feature *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	char name[64], count[40];
	int used;

	used = 1 +
		cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "%s · %s %" PRId64,
			cs_layer_name(cs_session_network(session), state->layer),
			layer_of(view)->out.rank == 1 ? "unit" : "feature", state->feature);
	if (layer_of(view)->out.rank == 1 && state->layer == cs_session_network(session)->layer_count - 1)
		used += cs_screen_put(screen, 0, used, -1, CS_STYLE_TITLE, " · %s",
			cs_opened_class(session->opened, state->feature, name, sizeof name));
	cs_screen_put(screen, 0, used + 3, -1, CS_STYLE_TEXT, "strongest %d of %s images", CS_SCAN_TOP,
		cs_words_count(seen, count, sizeof count));
	if (screen->columns - used > 62)
		cs_screen_put_right(screen, 0, screen->columns - 1, CS_STYLE_DIM, "rule %s  signal %s%s",
			cs_rule_names[session->rule], session->signal == CS_SIGNAL_VALUE ? "value" : "one",
			session->shared ? "  one scale" : "");
}

/* Rows at the bottom. */
static int foot(const struct cs_view *view)
{
	return view->session->body_rows >= CLOSE_FROM ? FOOT + CLOSE : FOOT;
}

static void draw_numbers(
	struct cs_view *view, const struct cs_feature_numbers *numbers, int64_t seen, const struct cs_exhibit *exhibits)
{
	struct feature *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_exemplar *top = &numbers->top[state->cursor];
	char a[40], b[40], c[40], name[64];
	struct cs_sample sample;
	int row = session->body_rows - foot(view);

	cs_dataset_sample(session->opened->data, top->image, &sample);
	cs_screen_put(screen, row, 1, -1, CS_STYLE_TEXT,
		"fires on %.1f %% · mean %s · here %s, scale ±%s: image %" PRId64 ", %s, row %" PRId64
		", column %" PRId64,
		100.0 * (double)numbers->fired / (double)(seen ? seen : 1), cs_words_value(numbers->mean, a, sizeof a),
		cs_words_value((double)top->value, b, sizeof b),
		cs_words_value((double)exhibits[EACH * state->cursor + 1].limit, c, sizeof c), top->image,
		cs_opened_label(session->opened, sample.label, name, sizeof name), top->row, top->column);
}

/* The habits of the feature: how strongly it fires how often, for which class. */
static void draw_habits(struct cs_view *view, const struct cs_feature_numbers *numbers, int row)
{
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	float counts[CS_HABIT_BINS];
	char top[40], name[64];
	int column;

	if (numbers->width <= 0)
		return;
	for (int i = 0; i < CS_HABIT_BINS; i++)
		counts[i] = sqrtf((float)numbers->bins[i]); /* rare ones are what one looks for */
	column = 1 + cs_screen_put(screen, row, 1, -1, CS_STYLE_DIM, "activation 0 ");
	column += cs_spark_show(session, row, column, CS_HABIT_BINS, counts, CS_HABIT_BINS, 0, NULL);
	column += cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, " %s",
		cs_words_value((double)numbers->width * CS_HABIT_BINS, top, sizeof top));
	if (!isnan(numbers->selectivity))
		cs_screen_put(screen, row, column + 3, -1, CS_STYLE_TEXT,
			"selects %s: %.2f (0 all classes alike, 1 one alone)",
			cs_opened_label(session->opened, numbers->best_class, name, sizeof name), numbers->selectivity);
}

/* How it answers to colour and noise, on these images. */
static void draw_responses(struct cs_view *view, int row)
{
	const struct feature *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_close_answer *answer = &state->answer;
	struct cs_rgb colours[CS_CLOSE_HUES];
	int column = 1;

	if (!answer->has_response) {
		cs_screen_put(screen, row, 1, -1, CS_STYLE_DIM, "colour and noise: %s",
			state->closeup ? "looking closer ..." : "when all images were seen");
		return;
	}
	for (int k = 0; k < CS_CLOSE_HUES; k++)
		colours[k] = cs_hue_colour(360.0 * k / CS_CLOSE_HUES);
	column += cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "hues turned ");
	column += cs_spark_show(session, row, column, CS_CLOSE_HUES, answer->hue, CS_CLOSE_HUES, 0, colours);
	column += cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, "   without ");
	for (int c = 0; c < 3; c++)
		column += cs_screen_put(
			screen, row, column, -1, CS_STYLE_TEXT, "%c %.2f  ", "RGB"[c], 1 - (double)answer->lost[c]);
	column += cs_screen_put(screen, row, column, -1, CS_STYLE_DIM, " noise");
	for (int k = 0; k < CS_CLOSE_LEVELS; k++)
		column += cs_screen_put(screen, row, column, -1, CS_STYLE_TEXT, " %.2f", (double)answer->noise[k]);
	cs_screen_put(screen, row, column + 1, -1, CS_STYLE_DIM, "of its response at %g %g %g %g",
		(double)cs_close_levels[0], (double)cs_close_levels[1], (double)cs_close_levels[2],
		(double)cs_close_levels[3]);
}

static void draw_trust(struct cs_view *view, int row)
{
	const struct feature *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	const struct cs_close_answer *answer = &state->answer;

	if (!answer->has_trust) {
		cs_screen_put(screen, row, 1, -1, CS_STYLE_DIM, "redrawn image or learnt feature? %s",
			state->closeup ? "projecting from randomised networks ..." : "...");
		return;
	}
	if (isnan(answer->alike)) {
		cs_screen_put(screen, row, 1, -1, CS_STYLE_DIM,
			"redrawn image or learnt feature? nothing to compare: a projection is empty");
		return;
	}
	cs_screen_put(screen, row, 1, -1, answer->alike >= 0.5 ? CS_STYLE_WARN : CS_STYLE_TEXT,
		"redrawn image or learnt feature? %.2f ± %.2f like the randomised network: %s", answer->alike,
		(answer->high - answer->low) / 2,
		answer->alike >= 0.5            ? "mostly the image redrawn, read with care"
			: answer->alike >= 0.25 ? "partly the image redrawn"
						: "learnt");
}

static void draw_one(struct cs_view *view, const struct cs_exhibit pair[EACH], const struct cs_exemplar *top, int rank,
	struct cs_area area)
{
	struct feature *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	int half = (area.columns - 3) / 2, row = area.row + area.rows - 1, used;
	struct cs_area left, right;
	struct cs_sample sample;
	char value[40], name[64];

	left = cs_lens_show(
		session, (struct cs_area){area.row, area.column, area.rows - 1, half}, CS_ANCHOR_LEFT, &pair[0]);
	right = cs_lens_show(session, (struct cs_area){area.row, left.column + left.columns + 1, area.rows - 1, half},
		CS_ANCHOR_LEFT, &pair[1]);
	cs_dataset_sample(session->opened->data, top->image, &sample);
	if (left.columns > 0 && left.rows < area.rows - 1) /* captions go right below what is there */
		row = area.row + (left.rows > right.rows ? left.rows : right.rows);
	used = cs_screen_put(screen, row, area.column, -1, CS_STYLE_TITLE, "%s",
		cs_words_value((double)top->value, value, sizeof value));
	cs_screen_put(screen, row, area.column + used + 1, area.columns - used - 2, CS_STYLE_TEXT, "%s",
		cs_opened_label(session->opened, sample.label, name, sizeof name));
	if (rank == state->cursor)
		cs_screen_shade(screen, row, area.column, area.columns - 2, CS_STYLE_SELECT);
}

/* Rows and columns of the grid: three by three, or what `zoom` leaves of it. */
static int grid(const struct feature *state)
{
	int across = 3 - state->zoom;

	return across < 1 ? 1 : across > 5 ? 5 : across;
}

static struct cs_exhibit *collect(struct cs_view *view, const struct cs_feature_numbers *numbers)
{
	struct cs_exhibit *exhibits = cs_calloc((size_t)EACH * CS_SCAN_TOP, sizeof *exhibits);

	for (int i = 0; exhibits && i < numbers->count; i++)
		ask(view, &numbers->top[i], i, &exhibits[EACH * i]);
	if (exhibits)
		cs_lens_draw(view->session, exhibits, EACH * numbers->count);
	return exhibits;
}

static void draw_feature(struct cs_view *view)
{
	struct feature *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	struct cs_scan *scan = scan_of(view);
	struct cs_feature_numbers numbers = {0};
	struct cs_exhibit *exhibits;
	int64_t seen = 0, total = 0;
	int down, rows, columns, first;
	char why[500];

	if (scan) {
		seen = cs_scan_seen(scan, &total);
		cs_scan_feature(scan, state->layer, state->feature, &numbers);
	}
	draw_title(view, seen);
	if (!scan || numbers.count == 0) {
		cs_session_why_not(session, why, sizeof why);
		cs_screen_put(screen, HEAD, 1, -1, scan && seen ? CS_STYLE_WARN : CS_STYLE_DIM, "%s",
			!scan               ? why
				: seen == 0 ? "looking for the first images ..."
					    : "silent: it fires on none of them");
		return;
	}
	state->across = grid(state);
	state->cursor = state->cursor >= numbers.count ? numbers.count - 1 : state->cursor;
	down = state->across > 3 ? 2 : state->across;
	rows = (session->body_rows - HEAD - foot(view)) / down;
	columns = (screen->columns - 1) / state->across;
	first = state->cursor / (state->across * down) * (state->across * down);
	exhibits = collect(view, &numbers);
	if (!exhibits)
		return;
	for (int i = first; i < numbers.count && i < first + state->across * down && rows >= 3; i++) {
		int place = i - first;

		draw_one(view, &exhibits[EACH * i], &numbers.top[i], i,
			(struct cs_area){HEAD + place / state->across * rows, 1 + place % state->across * columns, rows,
				columns});
	}
	draw_numbers(view, &numbers, seen, exhibits);
	if (foot(view) > FOOT) {
		draw_habits(view, &numbers, session->body_rows - foot(view) + 1);
		draw_responses(view, session->body_rows - foot(view) + 2);
		draw_trust(view, session->body_rows - foot(view) + 3);
	}
	cs_lens_free(exhibits, EACH * CS_SCAN_TOP);
}

/* The next feature in the order of the layer's screen. */
static void change_feature(struct cs_view *view, int64_t step)
{
	struct feature *state = view->state;
	struct cs_session *session = view->session;
	bool ordered = session->order && session->order_layer == state->layer;
	int64_t place = state->feature;

	for (int64_t i = 0; ordered && i < state->features; i++) {
		if (session->order[i] == state->feature)
			place = i;
	}
	place = place + step < 0 ? 0 : place + step >= state->features ? state->features - 1 : place + step;
	state->feature = ordered ? session->order[place] : place;
	state->cursor = 0;
	forget_closeup(state);
	session->looked_layer = state->layer;
	session->looked_feature = state->feature;
}

static bool act_feature(struct cs_view *view, enum cs_action action, int argument)
{
	struct feature *state = view->state;
	struct cs_session *session = view->session;
	struct cs_feature_numbers numbers = {0};
	int to = state->cursor, layer;

	(void)argument;
	if (scan_of(view))
		cs_scan_feature(scan_of(view), state->layer, state->feature, &numbers);
	switch (action) {
	case CS_ACTION_LEFT:
	case CS_ACTION_RIGHT:
		to += action == CS_ACTION_LEFT ? -1 : 1;
		break;
	case CS_ACTION_UP:
	case CS_ACTION_DOWN:
		to += action == CS_ACTION_UP ? -state->across : state->across;
		break;
	case CS_ACTION_HOME:
		to = 0;
		break;
	case CS_ACTION_END:
		to = numbers.count - 1;
		break;
	case CS_ACTION_PAGE_UP:
	case CS_ACTION_PAGE_DOWN:
		change_feature(view, action == CS_ACTION_PAGE_UP ? -1 : 1);
		return true;
	case CS_ACTION_ENTER:
		if (state->cursor < numbers.count)
			cs_view_push(session, &cs_view_image,
				&(struct cs_image_argument){.image = numbers.top[state->cursor].image,
					.layer = state->layer,
					.feature = state->feature});
		return true;
	case CS_ACTION_ZOOM_IN:
		state->zoom += state->zoom < 2;
		return true;
	case CS_ACTION_ZOOM_OUT:
		state->zoom -= state->zoom > -2;
		return true;
	case CS_ACTION_LAYER_NEXT:
	case CS_ACTION_LAYER_PREVIOUS:
		layer = cs_session_layer_step(session, state->layer, action == CS_ACTION_LAYER_NEXT ? 1 : -1);
		if (layer >= 0)
			cs_view_replace(session, &cs_view_feature, &(struct cs_feature_argument){.layer = layer});
		return true;
	default:
		return false;
	}
	if (to >= 0 && to < numbers.count)
		state->cursor = to;
	return true;
}

static void find_feature(struct cs_view *view, const char *text, int step)
{
	struct feature *state = view->state;
	char *end;
	int64_t feature = strtoll(text, &end, 10);

	(void)step;
	if (*end || end == text || feature < 0 || feature >= state->features) {
		cs_session_say(view->session, CS_STYLE_WARN, "no feature '%s': expected 0 to %" PRId64, text,
			state->features - 1);
		return;
	}
	state->feature = feature;
	state->cursor = 0;
	forget_closeup(state);
	view->session->looked_layer = state->layer;
	view->session->looked_feature = feature;
}

static enum cs_status export_feature(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct feature *state = view->state;
	struct cs_feature_numbers numbers = {0};
	struct cs_exhibit *exhibits;
	enum cs_status status;

	if (!scan_of(view) || !cs_scan_feature(scan_of(view), state->layer, state->feature, &numbers) ||
		numbers.count == 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "there is nothing to export: the feature is silent so far");
	exhibits = collect(view, &numbers);
	if (!exhibits)
		return cs_fail_memory(error, "an export");
	status = cs_lens_export(view->session, exhibits, EACH * numbers.count, EACH * 3, stem, message, size, error);
	cs_lens_free(exhibits, EACH * CS_SCAN_TOP);
	return status;
}

static void label_feature(struct cs_view *view, char *text, size_t size)
{
	const struct feature *state = view->state;

	snprintf(text, size, "%s-feature%" PRId64 "-%s", cs_layer_name(cs_session_network(view->session), state->layer),
		state->feature, cs_rule_names[view->session->rule]);
}

static void close_feature(struct cs_view *view)
{
	cs_closeup_drop(((struct feature *)view->state)->closeup);
}

const struct cs_view_ops cs_view_feature = {
	.name = "feature",
	.context = CS_ON_FEATURE,
	.size = sizeof(struct feature),
	.open = open_feature,
	.draw = draw_feature,
	.act = act_feature,
	.tick = tick_feature,
	.find = find_feature,
	.export = export_feature,
	.label = label_feature,
	.close = close_feature,
	.wake = 200,
};
