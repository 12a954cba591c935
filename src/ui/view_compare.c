/* view_compare.c: two models on the same images: how many each knows and whether the difference is more than chance, the pictures that the
 * one gained and lost against the other, and what one feature of both sees in one picture, on one scale.
 *
 * A is the model that was kept for the comparison, B the one that is open: what B gained and lost against A.
 */
#include "core/alloc.h"
#include "ui/csv.h"
#include "ui/legend.h"
#include "ui/lens.h"
#include "ui/record.h"
#include "ui/rival.h"
#include "ui/table.h"
#include "ui/view.h"
#include "ui/words.h"
#include "work/verdicts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 4, SIDE_FROM = 64, LIST = 36, PICTURES = 3 };

enum pane { GAINED, LOST, SEEN, PANES };

struct compare {
	struct cs_rival
		*rival; /* NULL while the model that is open has no images yet, or when the two cannot be compared */
	bool begun;
	char *target; /* of A */
	enum pane pane;
	struct cs_table lists[2];
	int column; /* the layer, among the opened model's */
	int64_t feature; /* -1: the strongest of B */
};

static int layer_of(const struct cs_view *view)
{
	return view->session->opened->layers[((const struct compare *)view->state)->column];
}

/* The list on the screen, and its cursor. */
static const int64_t *list_of(const struct compare *state, enum pane pane, int64_t *count)
{
	return pane == LOST ? cs_rival_lost(state->rival, count) : cs_rival_gained(state->rival, count);
}

static int64_t current(struct compare *state)
{
	enum pane pane = state->pane == LOST ? LOST : GAINED;
	int64_t count;
	const int64_t *list = list_of(state, pane, &count);
	int at = state->lists[pane].cursor;

	return at >= 0 && at < count ? list[at] : -1;
}

/* Once the model that is open has its images. */
static enum cs_status begin(struct cs_view *view, struct cs_error *error)
{
	struct compare *state = view->state;
	struct cs_opened *opened = view->session->opened;

	state->begun = true;
	if (opened->layer_count == 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "this network has no layer with features");
	if (cs_network_output(cs_session_network(view->session)).rank != 1)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "this network ends in maps: it names no classes to compare");
	state->column = opened->layer_count - 1;
	if (state->column > 0 && opened->layers[state->column] == cs_session_network(view->session)->layer_count - 1)
		state->column--;
	return cs_rival_new(view->session, state->target, &state->rival, error);
}

static enum cs_status open_compare(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_compare_argument *from = argument;
	struct compare *state = view->state;

	state->feature = -1;
	state->target = cs_strdup(from->target);
	if (!state->target)
		return cs_fail_memory(error, "a comparison");
	return cs_session_has_images(view->session) ? begin(view, error) : CS_OK;
}

static bool tick_compare(struct cs_view *view)
{
	struct compare *state = view->state;
	struct cs_error error;
	bool news;

	if (!state->begun && cs_session_has_images(view->session) && begin(view, &error))
		cs_session_complain(view->session, &error);
	if (!state->rival)
		return false;
	news = cs_rival_tick(state->rival);
	for (int i = 0; news && i < 2; i++) {
		int64_t count;

		list_of(state, (enum pane)i, &count);
		state->lists[i].count = (int)count;
	}
	return news;
}

/* ---- drawing ---- */

/* The other model, once it can be looked at. */
static struct cs_opened *other_of(const struct compare *state)
{
	return state->rival ? cs_rival_opened(state->rival) : NULL;
}

static void draw_head(struct cs_view *view)
{
	struct compare *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_agreement *agreement;
	struct cs_agreement_difference difference;
	char count[40], all[40], why[500];
	int64_t images;
	double p;
	int used;

	used = 1 + cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "compare");
	cs_screen_put(screen, 0, used + 2, -1, CS_STYLE_TEXT, "A %s   B %s", state->target,
		session->opened ? session->opened->target : "?");
	if (!other_of(state)) {
		if (state->rival)
			cs_rival_why_not(state->rival, why, sizeof why);
		else
			cs_session_why_not(session, why, sizeof why);
		cs_screen_put(screen, 2, 1, -1, strstr(why, "...") ? CS_STYLE_DIM : CS_STYLE_BAD, "%s", why);
		return;
	}
	agreement = cs_rival_agreement(state->rival);
	difference = cs_agreement_difference(agreement);
	p = cs_agreement_p(agreement);
	images = cs_agreement_images(agreement);
	cs_words_count(images, count, sizeof count);
	cs_words_count(session->opened->image_count, all, sizeof all);
	if (images == 0) {
		cs_screen_put(screen, 1, 1, -1, CS_STYLE_DIM, "asking both about every image ...");
		return;
	}
	used = 1 + cs_screen_put(screen, 1, 1, -1, CS_STYLE_TEXT, "%s", count);
	if (images < session->opened->image_count)
		used += cs_screen_put(screen, 1, used, -1, CS_STYLE_TEXT, "/%s", all);
	cs_screen_put(screen, 1, used, -1, CS_STYLE_TEXT,
		" %s images: A %.1f %%, B %.1f %% · B - A %+.1f points [%+.1f, %+.1f]",
		cs_split_name(session->opened->split), 100 * cs_agreement_first(agreement),
		100 * cs_agreement_second(agreement), 100 * difference.mean, 100 * difference.low,
		100 * difference.high);
	used = snprintf(why, sizeof why, "McNemar p = %.2g: %s", p, p < 0.05 ? "more than chance" : "could be chance");
	snprintf(why + used, sizeof why - (size_t)used,
		" · both %" PRId64 ", A alone %" PRId64 ", B alone %" PRId64 ", neither %" PRId64, agreement->both,
		agreement->first, agreement->second, agreement->neither);
	if (cs_screen_width(screen, why) > screen->columns - 2) /* no room for all four */
		snprintf(why + used, sizeof why - (size_t)used, " · A alone %" PRId64 ", B alone %" PRId64,
			agreement->first, agreement->second);
	cs_screen_put(screen, 2, 1, -1, p < 0.05 ? CS_STYLE_GOOD : CS_STYLE_TEXT, "%s", why);
}

static void draw_list(struct cs_view *view, enum pane pane, struct cs_area area)
{
	struct compare *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	struct cs_opened *other = cs_rival_opened(state->rival);
	struct cs_table *table = &state->lists[pane];
	int64_t count;
	const int64_t *list = list_of(state, pane, &count);
	char a[64], b[64];

	cs_screen_put(screen, area.row, area.column, area.columns, state->pane == pane ? CS_STYLE_TITLE : CS_STYLE_DIM,
		pane == GAINED ? "gained: %" PRId64 " that B alone knows" : "lost: %" PRId64 " that A alone knows",
		count);
	table->count = (int)count;
	cs_table_settle(table, area.rows - 1);
	for (int i = 0; i < area.rows - 1 && table->top + i < count; i++) {
		int64_t image = list[table->top + i], position = cs_opened_position(session->opened, image);
		int label = cs_dataset_label(session->opened->data, image), row = area.row + 1 + i;
		int wrong = pane == GAINED ? cs_verdict(other, position) : cs_verdict(session->opened, position);

		cs_screen_put(screen, row, area.column, 7, CS_STYLE_DIM, "%6" PRId64, image);
		cs_screen_put(screen, row, area.column + 7, (area.columns - 10) / 2, CS_STYLE_TEXT, "%s",
			cs_opened_label(session->opened, label, a, sizeof a));
		cs_screen_put(screen, row, area.column + 8 + (area.columns - 10) / 2, (area.columns - 10) / 2 + 2,
			CS_STYLE_BAD, "%s %s",
			pane == GAINED ? "A:" : "B:", cs_opened_class(session->opened, wrong, b, sizeof b));
		cs_spots_add(&session->spots, (struct cs_area){row, area.column, 1, area.columns}, CS_SPOT_ITEM,
			(table->top + i) * 2 + (pane == LOST));
		if (state->pane == pane && table->top + i == table->cursor)
			cs_screen_shade(screen, row, area.column, area.columns, CS_STYLE_SELECT);
	}
}

/* The feature that is looked at: the one asked for, else B's strongest on this image; -1: not known yet. */
static int64_t feature_of(struct cs_view *view, int64_t image)
{
	struct compare *state = view->state;
	struct cs_tile_key key = cs_lens_key(view->session, CS_TILE_MAXIMA, layer_of(view), image);
	const struct cs_tile *tile;
	int64_t best = -1, count;

	if (state->feature >= 0)
		return state->feature;
	tile = cs_tiles_want(view->session->tiles, &key);
	if (!tile || tile->status)
		return -1;
	count = cs_tensor_count(&tile->numbers);
	for (int64_t f = 0; f < count; f++) {
		if (!isnan(tile->numbers.data[f]) && (best < 0 || tile->numbers.data[f] > tile->numbers.data[best]))
			best = f;
	}
	return best;
}

/* The input, and the two projections on one scale. Returns the feature. */
static int64_t collect(struct cs_view *view, int64_t image, struct cs_exhibit exhibits[PICTURES])
{
	struct compare *state = view->state;
	struct cs_session *session = view->session;
	struct cs_tiles *tiles = session->tiles;
	int second = cs_rival_layer(state->rival, layer_of(view));
	int64_t feature = feature_of(view, image);
	struct cs_tile_key key = cs_lens_key(session, CS_TILE_IMAGE, 0, image);

	memset(exhibits, 0, PICTURES * sizeof *exhibits);
	snprintf(exhibits[0].name, sizeof exhibits[0].name, "input");
	snprintf(exhibits[1].name, sizeof exhibits[1].name, "A");
	snprintf(exhibits[2].name, sizeof exhibits[2].name, "B");
	cs_lens_ask(session, &key, &exhibits[0]);
	if (feature < 0)
		return feature;
	key = cs_lens_key(session, CS_TILE_PROJECTION, layer_of(view), image);
	key.feature = feature;
	key.at = CS_AT_MAX;
	cs_lens_ask(session, &key, &exhibits[2]);
	if (second >= 0 &&
		feature < cs_layer_features(&cs_rival_opened(state->rival)->model->network->layers[second])) {
		key.layer = second;
		session->tiles = cs_rival_tiles(state->rival); /* the same question to the other */
		cs_lens_ask(session, &key, &exhibits[1]);
		session->tiles = tiles;
	}
	return feature;
}

static void draw_seen(struct cs_view *view, struct cs_area area)
{
	struct compare *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_layer *layer = &cs_session_network(session)->layers[layer_of(view)];
	int64_t image = current(state), feature;
	struct cs_exhibit exhibits[PICTURES];
	int across = area.columns >= 54 ? 3 : 2, wide = area.columns / across - 2, rows = area.rows - 4;
	struct cs_area last = {0}; /* where a picture stands: what has none has its word in the same room */
	char value[40];

	if (image < 0) {
		cs_screen_put(screen, area.row, area.column, area.columns, CS_STYLE_DIM,
			"no picture to look at in this list");
		return;
	}
	feature = collect(view, image, exhibits);
	cs_lens_draw_shared(exhibits, PICTURES);
	cs_screen_put(screen, area.row, area.column, area.columns, state->pane == SEEN ? CS_STYLE_TITLE : CS_STYLE_DIM,
		"image %" PRId64 " · %s %s %" PRId64 " · rule %s · one scale", image,
		cs_layer_name(cs_session_network(session), layer->index), layer->out.rank == 1 ? "unit" : "feature",
		feature < 0 ? 0 : feature, cs_rule_names[session->rule]);
	for (int i = 0; i < across && rows > 0; i++) {
		int which = across == 3 ? i : i + 1;
		struct cs_area place = {area.row + 2, area.column + i * (wide + 2), rows, wide};
		struct cs_exhibit *exhibit = &exhibits[which];
		struct cs_area covered;

		cs_screen_put(screen, place.row - 1, place.column, wide, CS_STYLE_TITLE, "%s",
			which == 0           ? "input"
				: which == 1 ? "A"
					     : "B");
		if (which == 1 && !exhibit->tile && cs_rival_layer(state->rival, layer_of(view)) < 0) {
			cs_screen_put(screen, place.row, place.column, wide, CS_STYLE_WARN, "has no such layer");
			continue;
		}
		if (!exhibit->picture.rgb && last.rows > 0) {
			place.rows = last.rows;
			place.columns = last.columns;
		}
		covered = cs_lens_show(session, place, CS_ANCHOR_LEFT, exhibit);
		if (exhibit->picture.rgb)
			last = covered;
		if (which > 0 && exhibit->numbers)
			cs_screen_put(screen,
				exhibit->picture.rgb    ? covered.row + covered.rows
					: last.rows > 0 ? place.row + place.rows
							: place.row + 1,
				place.column, wide, CS_STYLE_TEXT, "%s",
				cs_words_value((double)exhibit->value, value, sizeof value));
		if (which == across - 1 + (across == 2) && exhibit->limit > 0)
			cs_screen_put(screen, area.row + area.rows - 1, area.column, area.columns, CS_STYLE_DIM,
				"both: mid-grey is 0, full colour ±%s",
				cs_words_value((double)exhibit->limit, value, sizeof value));
	}
	for (int i = 0; i < PICTURES; i++)
		cs_picture_fini(&exhibits[i].picture);
}

/* Rows for the upper of the two lists, heads and a free row between them included: half, more where the other one is short. */
static int rows_gained(struct compare *state, int rows)
{
	int64_t gained, lost;

	list_of(state, GAINED, &gained);
	list_of(state, LOST, &lost);
	if (gained + 2 < rows / 2)
		return (int)gained + 2;
	if (lost + 1 < rows - rows / 2)
		return rows - (int)lost - 1;
	return rows / 2;
}

static void draw_compare(struct cs_view *view)
{
	struct compare *state = view->state;
	struct cs_session *session = view->session;
	int rows = session->body_rows - HEAD, columns = session->screen.columns;
	struct cs_tiles *tiles = state->rival ? cs_rival_tiles(state->rival) : NULL;

	draw_head(view);
	if (!other_of(state) || rows < 2)
		return;
	cs_tiles_begin(tiles);
	if (columns >= SIDE_FROM + 20) {
		int upper = rows_gained(state, rows);

		draw_list(view, GAINED, (struct cs_area){HEAD, 1, upper - 1, LIST});
		draw_list(view, LOST, (struct cs_area){HEAD + upper, 1, rows - upper, LIST});
		draw_seen(view, (struct cs_area){HEAD, LIST + 4, rows, columns - LIST - 5});
	} else if (state->pane == SEEN) {
		draw_seen(view, (struct cs_area){HEAD, 1, rows, columns - 2});
	} else {
		draw_list(view, state->pane, (struct cs_area){HEAD, 1, rows, columns - 2});
	}
	cs_tiles_end(tiles);
}

/* ---- keys ---- */

static void show_all(struct cs_view *view)
{
	struct compare *state = view->state;
	enum pane pane = state->pane == LOST ? LOST : GAINED;
	int64_t count;
	const int64_t *list = list_of(state, pane, &count);

	cs_view_push(view->session, &cs_view_gallery,
		&(struct cs_gallery_argument){.title = pane == GAINED ? "gained: B alone knows" : "lost: A alone knows",
			.images = list,
			.count = count});
}

static void change_layer(struct cs_view *view, int column)
{
	struct compare *state = view->state;
	int count = view->session->opened->layer_count;

	state->column = (column + count) % count;
	state->feature = -1;
}

static bool act_compare(struct cs_view *view, enum cs_action action, int argument)
{
	struct compare *state = view->state;
	struct cs_table *table = &state->lists[state->pane == LOST ? LOST : GAINED];
	int64_t image;

	if (!other_of(state))
		return false;
	image = current(state);
	switch (action) {
	case CS_ACTION_NEXT_PANE:
		state->pane = (state->pane + 1) % (view->session->screen.columns >= SIDE_FROM + 20 ? 2 : PANES);
		return true;
	case CS_ACTION_LAYER_NEXT:
	case CS_ACTION_LAYER_PREVIOUS:
		change_layer(view, state->column + (action == CS_ACTION_LAYER_NEXT ? 1 : -1));
		return true;
	case CS_ACTION_LAYER:
		if (argument < view->session->opened->layer_count)
			change_layer(view, argument);
		return true;
	case CS_ACTION_LEFT:
	case CS_ACTION_RIGHT: {
		int64_t features = cs_layer_features(&cs_session_network(view->session)->layers[layer_of(view)]);
		int64_t feature = image >= 0 ? feature_of(view, image) : -1;

		if (feature >= 0)
			state->feature = (feature + (action == CS_ACTION_RIGHT ? 1 : features - 1)) % features;
		return true;
	}
	case CS_ACTION_IMAGES:
		show_all(view);
		return true;
	case CS_ACTION_ENTER:
		if (image >= 0)
			cs_view_push(view->session, &cs_view_image,
				&(struct cs_image_argument){
					.image = image, .layer = layer_of(view), .feature = feature_of(view, image)});
		return true;
	default:
		return cs_table_move(table, action, view->session->body_rows - HEAD - 1);
	}
}

static bool select_compare(struct cs_view *view, int64_t index)
{
	struct compare *state = view->state;
	enum pane pane = index % 2 ? LOST : GAINED;
	bool there = state->pane == pane && state->lists[pane].cursor == index / 2;

	state->pane = pane;
	state->lists[pane].cursor = (int)(index / 2);
	return there;
}

/* "f17": a feature; a number: an image of the list. */
static void find_compare(struct cs_view *view, const char *text, int step)
{
	struct compare *state = view->state;
	bool feature = text[0] == 'f' && text[1] >= '0' && text[1] <= '9';
	char *end;
	int64_t number = strtoll(text + feature, &end, 10), count;
	const int64_t *list;

	(void)step;
	if (!other_of(state))
		return;
	list = list_of(state, state->pane == LOST ? LOST : GAINED, &count);
	if (*end == '\0' && feature &&
		number < cs_layer_features(&cs_session_network(view->session)->layers[layer_of(view)])) {
		state->feature = number;
		return;
	}
	for (int64_t i = 0; *end == '\0' && !feature && i < count; i++) {
		if (list[i] == number) {
			state->lists[state->pane == LOST ? LOST : GAINED].cursor = (int)i;
			return;
		}
	}
	cs_session_say(
		view->session, CS_STYLE_WARN, "expected the number of an image in this list, or f17 for a feature");
}

/* What both say to each image that both were asked about. */
static enum cs_status save_verdicts(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct cs_opened *opened = view->session->opened, *other = other_of(view->state);
	struct cs_csv csv;
	char name[64];

	cs_csv_init(&csv, "image,class,A,B,A_right,B_right");
	for (int64_t i = 0; i < opened->image_count; i++) {
		int label = cs_dataset_label(opened->data, opened->images[i]), a = cs_verdict(opened, i),
		    b = cs_verdict(other, i);

		if (a < 0 || b < 0)
			continue;
		cs_csv_count(&csv, opened->images[i]);
		cs_csv_text(&csv, cs_opened_label(opened, label, name, sizeof name));
		cs_csv_text(&csv, cs_opened_class(opened, a, name, sizeof name));
		cs_csv_text(&csv, cs_opened_class(opened, b, name, sizeof name));
		cs_csv_count(&csv, a == label);
		cs_csv_count(&csv, b == label);
		cs_csv_end_row(&csv);
	}
	return cs_csv_save(&csv, stem, message, size, error);
}

/* The script opens the other model, with images of its size where that is another one. */
static void record_verdicts(struct cs_view *view, const char *stem)
{
	const struct cs_opened *opened = view->session->opened, *other = other_of(view->state);
	char target[1200], spec[1200], quoted[1200];
	const char *split = cs_split_name(opened->split);

	cs_record_line(
		view->session, "other = assert(cs.load(%s))", cs_record_quote(other->target, target, sizeof target));
	if (other->data->width != opened->data->width || other->data->height != opened->data->height)
		cs_record_line(view->session, "others = assert(cs.dataset(%s, { width = %d, height = %d }))",
			cs_record_quote(other->data->spec, spec, sizeof spec), other->data->width, other->data->height);
	else
		cs_record_line(view->session, "others = data");
	cs_record_export(view->session, "comparison(other, model, data.%s, %s, others.%s", split,
		cs_record_quote(stem, quoted, sizeof quoted), split);
}

/* The pictures beside the table, behind what record_verdicts() wrote. */
static void record_seen(struct cs_view *view, int64_t image, int64_t feature, const char *stem)
{
	struct compare *state = view->state;
	struct cs_session *session = view->session;
	int second = cs_rival_layer(state->rival, layer_of(view));
	char layer[200], others[200], quoted[1200];

	cs_record_quote(cs_session_network(session)->layers[layer_of(view)].spec.name, layer, sizeof layer);
	cs_record_quote(cs_rival_opened(state->rival)->model->network->layers[second].spec.name, others, sizeof others);
	cs_record_choices(session);
	cs_record_line(session,
		"do\n"
		"  local sheet = cs.sheet(model, { columns = %d, rule = rule, signal = signal, shared = true })\n"
		"  sheet:image(\"input\", data:images(%" PRId64 ", 1))\n"
		"  sheet:of(other):projection(\"A\", others:images(%" PRId64 ", 1), %s, { feature = %" PRId64 " })\n"
		"  sheet:of(model):projection(\"B\", data:images(%" PRId64 ", 1), %s, { feature = %" PRId64 " })\n"
		"  assert(sheet:save(%s))\n"
		"end",
		PICTURES, image, image, others, feature, image, layer, feature,
		cs_record_quote(stem, quoted, sizeof quoted));
}

/* The table, and the pictures that are on the screen: the input and what the feature of either sees in it. */
static enum cs_status export_compare(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct compare *state = view->state;
	struct cs_exhibit exhibits[PICTURES];
	char pictures[300] = "";
	enum cs_status status;
	int64_t feature;

	if (!other_of(state))
		return cs_fail(error, CS_ERR_NOT_FOUND, "there is nothing to compare yet");
	status = save_verdicts(view, stem, message, size, error);
	if (!status)
		record_verdicts(view, stem);
	if (status || current(state) < 0)
		return status;
	feature = collect(view, current(state), exhibits);
	cs_lens_draw_shared(exhibits, PICTURES);
	if (exhibits[1].picture.rgb && exhibits[2].picture.rgb) {
		status = cs_lens_save(exhibits, PICTURES, PICTURES, stem, pictures, sizeof pictures, error);
		if (status) {
			cs_csv_drop(stem);
		} else {
			snprintf(message, size, "wrote %s.csv, .png and .hdf5", stem);
			record_seen(view, current(state), feature, stem);
		}
	}
	for (int i = 0; i < PICTURES; i++)
		cs_picture_fini(&exhibits[i].picture);
	return status;
}

static void label_compare(struct cs_view *view, char *text, size_t size)
{
	(void)view;
	snprintf(text, size, "compare");
}

static void close_compare(struct cs_view *view)
{
	struct compare *state = view->state;

	cs_rival_free(state->rival);
	cs_free(state->target);
}

const struct cs_view_ops cs_view_compare = {
	.name = "compare",
	.context = CS_ON_COMPARE,
	.size = sizeof(struct compare),
	.open = open_compare,
	.draw = draw_compare,
	.act = act_compare,
	.tick = tick_compare,
	.find = find_compare,
	.select = select_compare,
	.export = export_compare,
	.label = label_compare,
	.close = close_compare,
};
