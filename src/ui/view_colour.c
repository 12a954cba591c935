/* view_colour.c: what the layers make of colour, from the result of the colour analysis: how far responses move without red, green and
 * blue, which hue excites most, who goes by colour and who by shape, and the paper's probes.
 */
#include "core/alloc.h"
#include "ui/analyses.h"
#include "ui/csv.h"
#include "ui/invite.h"
#include "ui/lens.h"
#include "ui/record.h"
#include "ui/spark.h"
#include "ui/table.h"
#include "ui/tint.h"
#include "ui/view.h"
#include "ui/words.h"
#include "work/reading.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 4, MOST_LAYERS = 64, TOP = 12, STRIP_ROWS = 3, STRIP_MOST = 8, STRIP_GAP = 2 };

static const char *const channel_names[3] = {"R", "G", "B"};
static const char *const columns[3] = {"without red", "without green", "without blue"};
static const enum cs_order orders[3] = {CS_ORDER_RED, CS_ORDER_GREEN, CS_ORDER_BLUE};

/* One layer of the result: its rows of the table. */
struct row {
	const char *name;
	int64_t first, count;
	int colour, shape, both, neither, silent;
};

struct colour {
	const struct cs_reading *reading; /* the session's */
	struct row rows[MOST_LAYERS];
	struct cs_table table; /* of the layers */
	int channel; /* by which features are sorted */
	unsigned version;
};

static const struct cs_result *result_of(const struct cs_view *view)
{
	return cs_reading_result(((const struct colour *)view->state)->reading);
}

/* The layers, in the order in which the table has them. */
static void find_rows(struct colour *state, const struct cs_result *result)
{
	const struct cs_result_column *layer = cs_result_column(result, "layer");
	const struct cs_result_column *by = cs_result_column(result, "goes by");

	state->table.count = 0;
	if (!layer || !layer->texts || !by || !by->texts)
		return;
	for (int64_t i = 0; i < result->rows; i++) {
		struct row *row = state->table.count ? &state->rows[state->table.count - 1] : NULL;

		if (!row || strcmp(row->name, layer->texts[i]) != 0) {
			if (state->table.count == MOST_LAYERS)
				break;
			row = &state->rows[state->table.count++];
			*row = (struct row){.name = layer->texts[i], .first = i};
		}
		row->count++;
		row->colour += strcmp(by->texts[i], "colour") == 0;
		row->shape += strcmp(by->texts[i], "shape") == 0;
		row->both += strcmp(by->texts[i], "both") == 0;
		row->silent += strcmp(by->texts[i], "silent") == 0;
		row->neither += strcmp(by->texts[i], "neither") == 0;
	}
}

static enum cs_status open_colour(struct cs_view *view, const void *argument, struct cs_error *error)
{
	struct colour *state = view->state;

	(void)argument;
	state->reading = cs_session_colour(view->session);
	return state->reading ? CS_OK : cs_fail(error, CS_ERR_NOT_FOUND, "no model is open");
}

static bool tick_colour(struct cs_view *view)
{
	struct colour *state = view->state;
	struct cs_analysis_run *run = cs_analyses_run(view->session, "colour");
	unsigned version;

	state->reading = cs_session_colour(view->session);
	version = cs_reading_version(state->reading);
	if (version == state->version)
		return run && run->work;
	state->version = version;
	if (result_of(view))
		find_rows(state, result_of(view));
	return true;
}

/* ---- drawing ---- */

/* Mean and half interval of one layer and channel; false when the result has none. */
static bool sensitivity(const struct cs_result *result, int layer, int channel, float *mean, float *half)
{
	const struct cs_tensor *channels = cs_result_tensor(result, "channels");
	const float *at;

	if (!channels || channels->shape.rank != 3 || channels->shape.dim[0] <= layer || channels->shape.dim[1] != 3 ||
		channels->shape.dim[2] != 3)
		return false;
	at = channels->data + (layer * 3 + channel) * 3;
	*mean = at[0];
	*half = (at[2] - at[1]) / 2;
	return true;
}

/* How a layer answers to the hues: each feature of its own largest answer, then the mean over features. */
static int hue_wheel(const struct cs_result *result, const struct row *row, float wheel[72])
{
	const struct cs_tensor *hues = cs_result_tensor(result, "hues");
	int count;

	if (!hues || hues->shape.rank != 2 || hues->shape.dim[0] < row->first + row->count || hues->shape.dim[1] > 72)
		return 0;
	count = (int)hues->shape.dim[1];
	memset(wheel, 0, (size_t)count * sizeof *wheel);
	for (int64_t f = row->first; f < row->first + row->count; f++) {
		const float *answers = hues->data + f * count;
		float most = 0;

		for (int k = 0; k < count; k++)
			most = fmaxf(most, answers[k]);
		for (int k = 0; k < count && most > 0; k++)
			wheel[k] += fmaxf(0, answers[k]) / most / (float)row->count;
	}
	return count;
}

static void draw_row(struct cs_view *view, const struct cs_result *result, int i, int at, float largest, bool selected)
{
	struct cs_screen *screen = &view->session->screen;
	const struct row *row = &((struct colour *)view->state)->rows[i];
	int wide = screen->columns >= 100 ? 20 : screen->columns >= 66 ? 14 : 9, column = 11, count;
	float mean, half, wheel[72];

	cs_screen_put(screen, at, 1, 9, CS_STYLE_TITLE, "%s", row->name);
	for (int c = 0; c < 3; c++, column += wide + 2) {
		int bar = wide - 11;

		if (!sensitivity(result, i, c, &mean, &half) || column + wide > screen->columns)
			continue;
		if (bar > 0)
			cs_screen_bar(
				screen, at, column, bar, largest > 0 ? (double)(mean / largest) : 0, CS_STYLE_TEXT);
		bar = bar > 0 ? bar + 1 : 0;
		cs_screen_put(screen, at, column + bar, wide - bar, CS_STYLE_TEXT, wide >= 14 ? "%.2f ±%.2f" : "%.2f",
			(double)mean, (double)half);
	}
	count = hue_wheel(result, row, wheel);
	if (count > 0 && column + count < screen->columns) {
		struct cs_rgb colours[72];

		for (int k = 0; k < count; k++)
			colours[k] = cs_hue_colour(360.0 * k / count);
		cs_spark_show(view->session, at, column, screen->columns - column - 1, wheel, count, 0, colours);
	}
	cs_spots_add(&view->session->spots, (struct cs_area){at, 0, 1, screen->columns}, CS_SPOT_ITEM, i);
	if (selected)
		cs_screen_shade(screen, at, 0, 10, CS_STYLE_SELECT);
}

static void draw_head(struct cs_view *view)
{
	struct cs_screen *screen = &view->session->screen;
	int wide = screen->columns >= 100 ? 20 : screen->columns >= 66 ? 14 : 9;

	cs_screen_put(screen, HEAD - 1, 1, 9, CS_STYLE_DIM, "layer");
	for (int c = 0; c < 3; c++)
		cs_screen_put(screen, HEAD - 1, 11 + c * (wide + 2), wide,
			((struct colour *)view->state)->channel == c ? CS_STYLE_TITLE : CS_STYLE_DIM, "%s%s",
			channel_names[c], ((struct colour *)view->state)->channel == c ? " ▾" : "");
	cs_screen_put(screen, HEAD - 1, 11 + 3 * (wide + 2), -1, CS_STYLE_DIM, "hue that excites most");
}

/* How many of the features in that order lose anything that is known, at most `most`. */
static int known_losses(const struct colour *state, const struct cs_result *result, const int64_t *order, int most)
{
	const struct row *row = &state->rows[state->table.cursor];
	int count = 0;

	while (count < most && count < row->count &&
		!isnan(cs_tint_lost(result, row->first + order[count], state->channel)))
		count++;
	return count;
}

/* "19 92 %": a feature of the layer under the cursor, and what share of its response goes without the channel. Returns columns. */
static int draw_loss(
	struct cs_view *view, const struct cs_result *result, int64_t feature, int at, int column, int room)
{
	struct colour *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	const struct cs_result_column *lost = cs_result_column(result, columns[state->channel]);
	int used = cs_screen_put(screen, at, column, room, CS_STYLE_TEXT, "%" PRId64, feature);
	char share[24];

	snprintf(share, sizeof share, " %.0f %%",
		100 * (double)lost->numbers[state->rows[state->table.cursor].first + feature]);
	if (used + (int)strlen(share) <= room) /* whole, or not at all */
		used += cs_screen_put(screen, at, column + used, -1, CS_STYLE_DIM, "%s", share);
	return used;
}

/* Rows of pictures in a strip of so many rows: patches, and below them projections where there is room for both. */
static int strip_kinds(int rows)
{
	return rows - 2 >= 2 * STRIP_ROWS ? 2 : 1;
}

/* The features of the layer under the cursor that lose most without the channel: in words, or what so many kinds of pictures below are. */
static void draw_features(struct cs_view *view, const struct cs_result *result, const int64_t *order, int at, int kinds)
{
	static const char *const shown[] = {
		"", " strongest patch, answer to the hues", " strongest patch, what of it is seen, answer to the hues"};
	struct colour *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	int count = known_losses(state, result, order, TOP), used;

	used = 1 +
		cs_screen_put(screen, at, 1, -1, CS_STYLE_DIM, "%s, most lost %s:%s",
			state->rows[state->table.cursor].name, columns[state->channel], shown[kinds]);
	for (int i = 0; i < count && kinds == 0 && used < screen->columns - 12; i++)
		used += 2 + draw_loss(view, result, order[i], at, used + 2, screen->columns - used - 2);
}

/* What a feature answers to the hues, over so many cells as it has room. */
static void draw_hues(struct cs_view *view, const struct cs_result *result, int64_t row, struct cs_area area)
{
	const struct cs_tensor *hues = cs_result_tensor(result, "hues");
	struct cs_rgb colours[72];
	float answers[72];
	int cells = area.columns < 72 ? area.columns : 72;

	if (!hues || hues->shape.rank != 2 || hues->shape.dim[0] <= row || hues->shape.dim[1] < 1)
		return;
	for (int k = 0; k < cells; k++) {
		int64_t at = k * hues->shape.dim[1] / cells;

		answers[k] = hues->data[row * hues->shape.dim[1] + at];
		colours[k] = cs_hue_colour(360.0 * (double)at / (double)hues->shape.dim[1]);
	}
	cs_spark_show(view->session, area.row, area.column, cells, answers, cells, 0, colours);
}

/* Those features as pictures: the patch that excites each most, below it what of that is seen where there is room for both, and its answer to
 * the hues. */
static void draw_strip(
	struct cs_view *view, const struct cs_result *result, const int64_t *order, int layer, struct cs_area area)
{
	struct colour *state = view->state;
	struct cs_session *session = view->session;
	const struct row *row = &state->rows[state->table.cursor];
	int kinds = strip_kinds(area.rows), rows = (area.rows - 2) / kinds, wide, count;
	struct cs_exhibit *exhibits;

	rows = rows > STRIP_MOST ? STRIP_MOST : rows;
	wide = cs_graphics_columns(session->graphics, rows);
	count = known_losses(state, result, order, (area.columns + STRIP_GAP) / (wide + STRIP_GAP));
	exhibits = count ? cs_calloc((size_t)(kinds * count), sizeof *exhibits) : NULL;
	if (!exhibits)
		return;
	for (int i = 0; i < kinds * count; i++)
		cs_lens_ask_strongest(
			session, i < count ? CS_TILE_PATCH : CS_TILE_PROJECTION, layer, order[i % count], &exhibits[i]);
	cs_lens_draw(session, exhibits, kinds * count);
	for (int i = 0; i < kinds * count; i++) {
		struct cs_area at = {
			area.row + 1 + i / count * rows, area.column + i % count * (wide + STRIP_GAP), rows, wide};

		cs_lens_show(session, at, CS_ANCHOR_LEFT, &exhibits[i]);
		cs_spots_add(&session->spots, at, CS_SPOT_ITEM, MOST_LAYERS + order[i % count]);
		if (i >= count)
			continue;
		draw_loss(view, result, order[i], area.row, at.column, wide);
		draw_hues(view, result, row->first + order[i],
			(struct cs_area){area.row + 1 + kinds * rows, at.column, 1, wide});
	}
	cs_lens_free(exhibits, kinds * count);
}

static void draw_counts(struct cs_view *view, int at)
{
	struct colour *state = view->state;
	const struct row *row = &state->rows[state->table.cursor];
	char of[64];

	snprintf(of, sizeof of,
		view->session->screen.columns >= 100 ? " of %" PRId64 " features (FDR 5 %%)" : " of %" PRId64,
		row->count);
	cs_screen_put(&view->session->screen, at, 1, -1, CS_STYLE_TEXT,
		"colour or shape?  %s: %d colour, %d shape, %d both, %d neither, %d silent%s", row->name, row->colour,
		row->shape, row->both, row->neither, row->silent, of);
}

static const struct cs_plot *probes_of(const struct cs_result *result)
{
	for (int i = 0; i < result->figure_count; i++) {
		const struct cs_plot *plot = &result->figures[i].plot;

		if (strcmp(result->figures[i].name, "probes") == 0 && plot->series_count > 0 && plot->categories)
			return plot;
	}
	return NULL;
}

/* "probes  turquoise car 0.63  yellow banana 0.73 ..." as bars where there is room. */
static void draw_probes(struct cs_view *view, const struct cs_plot *plot, int at, int rows)
{
	struct cs_screen *screen = &view->session->screen;
	const struct cs_series *bars = &plot->series[0];
	int bar = screen->columns - 42 < 40 ? screen->columns - 42 : 40;
	double most = 0;

	cs_screen_put(screen, at, 1, -1, CS_STYLE_DIM, "probes  %s, over the answer to white",
		plot->title ? plot->title : "");
	for (long k = 0; k < bars->count; k++)
		most = fmax(most, bars->y[k]);
	for (int k = 0; k < bars->count && k + 1 < rows; k++) {
		int row = at + 1 + k;

		cs_screen_put(screen, row, 3, 18, CS_STYLE_TEXT, "%s", plot->categories[k]);
		if (bar > 4)
			cs_screen_bar(screen, row, 22, bar, most > 0 ? bars->y[k] / most : 0, CS_STYLE_TEXT);
		cs_screen_put(screen, row, bar > 4 ? 23 + bar : 22, -1, CS_STYLE_TEXT, "%.2f", bars->y[k]);
		if (bars->low && bars->high)
			cs_screen_put(screen, row, bar > 4 ? 29 + bar : 28, -1, CS_STYLE_DIM, "%.2f to %.2f",
				bars->low[k], bars->high[k]);
	}
}

/* The layer of the network that the row under the cursor is about, after all that belongs to it; -1: none. */
static int layer_of(const struct cs_view *view)
{
	const struct colour *state = view->state;
	int found;

	if (!cs_session_has_model(view->session) || state->table.cursor < 0 ||
		state->table.cursor >= state->table.count)
		return -1;
	found = cs_network_find(cs_session_network(view->session), state->rows[state->table.cursor].name);
	return found < 0 ? found : cs_layer_block(cs_session_network(view->session), found);
}

/* The layer under the cursor: what its features go by, those that lose most by number and, where there is room, as pictures; and the probes. */
static void draw_layer(struct cs_view *view, const struct cs_result *result, int at)
{
	struct colour *state = view->state;
	struct cs_session *session = view->session;
	const struct row *row = &state->rows[state->table.cursor];
	const struct cs_plot *probes = probes_of(result);
	int rows = session->body_rows - at - 3,
	    below = probes ? (int)fmin(TOP, (double)probes->series[0].count) + 1 : 0;
	int64_t *order = cs_alloc((size_t)row->count * sizeof *order);
	int layer = layer_of(view);

	if (at + 1 >= session->body_rows || !order)
		rows = 0;
	else
		draw_counts(view, at);
	if (rows > 0 && cs_tint_rank(result, row->first, row->count, state->channel, order)) {
		bool shown = layer >= 0 && cs_session_has_images(session) &&
			cs_layer_features(&cs_session_network(session)->layers[layer]) == row->count &&
			rows - below >= STRIP_ROWS + 2;

		draw_features(view, result, order, at + 1, shown ? strip_kinds(rows - below) : 0);
		if (shown) {
			draw_strip(view, result, order, layer,
				(struct cs_area){at + 2, 1, rows - below, session->screen.columns - 2});
			at += rows - below;
			rows = below;
		}
	}
	if (probes && rows > 2)
		draw_probes(view, probes, at + 3, rows);
	cs_free(order);
}

/* The layer under the cursor in words, where there is room for nothing else. */
static void draw_few(struct cs_view *view, const struct cs_result *result)
{
	struct colour *state = view->state;
	const struct row *row = &state->rows[state->table.cursor];
	float mean[3] = {NAN, NAN, NAN}, half;
	char text[200];

	for (int c = 0; c < 3; c++)
		sensitivity(result, state->table.cursor, c, &mean[c], &half);
	snprintf(text, sizeof text, "%s: R %.2f G %.2f B %.2f; %d colour, %d shape, %d both", row->name, (double)mean[0],
		(double)mean[1], (double)mean[2], row->colour, row->shape, row->both);
	cs_screen_put_lines(&view->session->screen, 1, view->session->body_rows, 1, view->session->screen.columns - 2,
		CS_STYLE_TEXT, text);
}

static void draw_colour(struct cs_view *view)
{
	struct colour *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_result *result = result_of(view);
	int page = session->body_rows - HEAD;
	float largest = 0, mean, half;

	cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "colour");
	cs_screen_put(
		screen, 0, 9, -1, CS_STYLE_TEXT, "how far responses move without red, green, blue; 95 %% intervals");
	if (!result) {
		cs_invite_draw(session, "colour", state->reading, 2);
		return;
	}
	if (state->table.count > 0 && page < 1) {
		cs_table_settle(&state->table, 1);
		draw_few(view, result);
		return;
	}
	cs_invite_origin(session, "colour", state->reading, 1);
	if (state->table.count == 0) {
		cs_screen_put(screen, 2, 1, -1, CS_STYLE_WARN,
			"this result has no table of features: [r] runs the analysis anew");
		return;
	}
	for (int i = 0; i < state->table.count; i++) {
		for (int c = 0; c < 3; c++) {
			if (sensitivity(result, i, c, &mean, &half))
				largest = fmaxf(largest, mean);
		}
	}
	if (page > 12)
		page = state->table.count < page - 10 ? state->table.count : page - 10;
	cs_table_settle(&state->table, page);
	draw_head(view);
	for (int i = 0; i < page && state->table.top + i < state->table.count; i++)
		draw_row(view, result, state->table.top + i, HEAD + i, largest,
			state->table.top + i == state->table.cursor);
	draw_layer(view, result, HEAD + (state->table.count < page ? state->table.count : page) + 1);
}

/* ---- keys ---- */

static void open_features(struct cs_view *view)
{
	struct colour *state = view->state;
	int layer = layer_of(view);

	if (!cs_session_has_model(view->session) || state->table.cursor < 0 ||
		state->table.cursor >= state->table.count)
		return;
	if (layer < 0)
		cs_session_say(view->session, CS_STYLE_WARN, "this model has no layer '%s'",
			state->rows[state->table.cursor].name);
	else
		cs_view_push(view->session, &cs_view_layer,
			&(struct cs_layer_argument){.layer = layer, .sort = orders[state->channel]});
}

static bool act_colour(struct cs_view *view, enum cs_action action, int argument)
{
	struct colour *state = view->state;

	(void)argument;
	if (cs_invite_act(view->session, "colour", action))
		return true;
	switch (action) {
	case CS_ACTION_SORT:
	case CS_ACTION_RIGHT:
		state->channel = (state->channel + 1) % 3;
		return true;
	case CS_ACTION_LEFT:
		state->channel = (state->channel + 2) % 3;
		return true;
	case CS_ACTION_ENTER:
		open_features(view);
		return true;
	case CS_ACTION_TABLE:
		cs_view_push(view->session, &cs_view_result, &(struct cs_result_argument){"colour"});
		return true;
	default:
		return cs_table_move(&state->table, action, view->session->body_rows - HEAD);
	}
}

static bool select_colour(struct cs_view *view, int64_t index)
{
	struct colour *state = view->state;
	bool there = state->table.cursor == index;
	int layer = layer_of(view);

	if (index >= MOST_LAYERS) {
		if (layer >= 0)
			cs_view_push(view->session, &cs_view_feature,
				&(struct cs_feature_argument){.layer = layer, .feature = index - MOST_LAYERS});
		return false;
	}
	state->table.cursor = (int)index;
	return there;
}

static enum cs_status export_colour(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct colour *state = view->state;
	const struct cs_result *result = result_of(view);
	enum cs_status status;
	struct cs_csv csv;

	if (!result)
		return cs_fail(error, CS_ERR_NOT_FOUND, "there is no result to export yet");
	cs_csv_init(&csv, "layer,red,red_half,green,green_half,blue,blue_half,colour,shape,both,neither,silent");
	for (int i = 0; i < state->table.count; i++) {
		const struct row *row = &state->rows[i];
		const int counts[] = {row->colour, row->shape, row->both, row->neither, row->silent};

		cs_csv_text(&csv, row->name);
		for (int c = 0; c < 3; c++) {
			float mean = NAN, half = NAN;
			bool known = sensitivity(result, i, c, &mean, &half);

			cs_csv_number(&csv, known ? (double)mean : NAN);
			cs_csv_number(&csv, known ? (double)half : NAN);
		}
		for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
			cs_csv_count(&csv, counts[k]);
		cs_csv_end_row(&csv);
	}
	status = cs_csv_save(&csv, stem, message, size, error);
	if (!status)
		cs_record_result(view->session, "colour", "colour", stem, "");
	return status;
}

static void label_colour(struct cs_view *view, char *text, size_t size)
{
	(void)view;
	snprintf(text, size, "colour-layers");
}

static void close_colour(struct cs_view *view)
{
	(void)view;
}

const struct cs_view_ops cs_view_colour = {
	.name = "colour",
	.context = CS_ON_COLOUR,
	.size = sizeof(struct colour),
	.open = open_colour,
	.draw = draw_colour,
	.act = act_colour,
	.tick = tick_colour,
	.select = select_colour,
	.export = export_colour,
	.label = label_colour,
	.close = close_colour,
	.wake = 1000,
};
