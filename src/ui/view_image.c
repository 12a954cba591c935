/* view_image.c: any image of the data set, and beside it what the layers take from it.
 *
 * One column a layer; one of them has the cursor. In each, one feature is projected: the strongest on this image, or as many
 * places behind it as the person went down, or a fixed one after it was named or come from. What is projected of it is its strongest position, its
 * whole map, or instead of a feature the whole layer.
 */
#include "core/alloc.h"
#include "core/random.h"
#include "ui/lens.h"
#include "ui/view.h"
#include "ui/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 3, FOOT = 1, AROUND = 3, MOST = 12, LEAST_COLUMNS = 15, LEAST_ROWS = 8, RANKED = 12 };

enum what { WHAT_STRONGEST, WHAT_MAP, WHAT_LAYER, WHATS };

static const char *const what_names[WHATS] = {
	"the feature's strongest position", "the feature's whole map", "the whole layer"};

struct image {
	int64_t position; /* in the split */
	int column; /* the layer with the cursor, among the opened model's */
	int *rank; /* [layers] places behind the strongest */
	int64_t *fixed; /* [layers] a feature by number, or -1 */
	enum what what;
	int zoom; /* columns fewer than would fit well */
	int extra; /* a layer that is not among those with features, or -1 */
	struct cs_random random;
	unsigned version; /* of the scan, whose predictions `w` uses */
};

/* One column as it is drawn. */
struct panel {
	int layer;
	int64_t feature; /* -1: not known yet, or the whole layer */
	float strength; /* its largest activation */
	bool known;
};

static int layer_count(const struct cs_view *view)
{
	return view->session->opened->layer_count + (((const struct image *)view->state)->extra >= 0);
}

static int layer_at(const struct cs_view *view, int column)
{
	const struct image *state = view->state;

	return column < view->session->opened->layer_count ? view->session->opened->layers[column] : state->extra;
}

static int64_t image_of(const struct cs_view *view)
{
	return view->session->opened->images[((const struct image *)view->state)->position];
}

static enum cs_status open_image(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_image_argument *from = argument;
	struct image *state = view->state;
	struct cs_opened *opened = view->session->opened;
	int columns;

	state->extra = -1;
	if (!cs_session_has_images(view->session))
		return cs_fail(error, CS_ERR_NOT_FOUND, "the images are not open yet");
	columns = opened->layer_count + 1;
	state->rank = cs_calloc((size_t)columns, sizeof *state->rank);
	state->fixed = cs_calloc((size_t)columns, sizeof *state->fixed);
	if (!state->rank || !state->fixed)
		return cs_fail_memory(error, "an image");
	for (int i = 0; i < columns; i++)
		state->fixed[i] = -1;
	state->position = from->image < 0 ? 0 : cs_opened_position(opened, from->image);
	if (state->position < 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "image %" PRId64 " is not in the %s split", from->image,
			cs_split_name(opened->split));
	state->column = opened->layer_count - 1;
	if (from->layer >= 0) {
		for (state->column = 0;
			state->column < opened->layer_count && opened->layers[state->column] != from->layer;)
			state->column++;
		if (state->column == opened->layer_count)
			state->extra = from->layer;
		state->fixed[state->column] = from->feature;
	} else if (state->column > 0 &&
		layer_at(view, state->column) == cs_session_network(view->session)->layer_count - 1) {
		state->column--; /* the last layer with maps, not the class scores */
	}
	state->column = state->column < 0 ? 0 : state->column;
	cs_random_init(&state->random, 0, CS_RANDOM_USER, 0, 0);
	return layer_count(view) ? CS_OK : cs_fail(error, CS_ERR_NOT_FOUND, "this network has no layer with features");
}

static bool tick_image(struct cs_view *view)
{
	struct image *state = view->state;
	struct cs_scan *scan = cs_session_scan(view->session, layer_at(view, 0));
	unsigned version = scan ? cs_scan_version(scan) : 0;

	state->version = version;
	return false; /* its own pictures do not depend on the scan */
}

struct ranked {
	float value;
	int64_t feature;
};

static int by_strength(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->feature < y->feature ? -1 : x->feature > y->feature;
}

/* The features of a layer by their strongest activation on this image; NULL while that is not known. To be freed. */
static struct ranked *rank(struct cs_view *view, int layer, int64_t *count)
{
	struct cs_tile_key key = cs_lens_key(view->session, CS_TILE_MAXIMA, layer, image_of(view));
	const struct cs_tile *tile = cs_tiles_want(view->session->tiles, &key);
	struct ranked *list;

	if (!tile || tile->status)
		return NULL;
	*count = cs_tensor_count(&tile->numbers);
	list = cs_alloc((size_t)*count * sizeof *list);
	for (int64_t f = 0; list && f < *count; f++) {
		list[f].feature = f;
		list[f].value = isnan(tile->numbers.data[f]) ? -INFINITY : tile->numbers.data[f];
	}
	if (list)
		qsort(list, (size_t)*count, sizeof *list, by_strength);
	return list;
}

/* Which feature a column shows. */
static struct panel find_panel(struct cs_view *view, int column)
{
	struct image *state = view->state;
	struct panel panel = {.layer = layer_at(view, column), .feature = -1};
	int64_t count;
	struct ranked *list = rank(view, panel.layer, &count);

	if (!list)
		return panel;
	panel.known = true;
	if (state->fixed[column] >= 0) {
		panel.feature = state->fixed[column];
		for (int64_t i = 0; i < count; i++) {
			if (list[i].feature == panel.feature)
				panel.strength = list[i].value;
		}
	} else if (count) {
		int64_t at = state->rank[column] < count ? state->rank[column] : count - 1;

		panel.feature = list[at].feature;
		panel.strength = list[at].value;
	}
	cs_free(list);
	return panel;
}

static void ask(struct cs_view *view, const struct panel *panel, struct cs_exhibit *exhibit)
{
	struct image *state = view->state;
	struct cs_tile_key key = cs_lens_key(view->session, CS_TILE_PROJECTION, panel->layer, image_of(view));
	const char *name = cs_session_network(view->session)->layers[panel->layer].spec.name;

	if (state->what == WHAT_LAYER) {
		key.feature = -1;
		key.at = CS_AT_MAP;
		snprintf(exhibit->name, sizeof exhibit->name, "%.50s", name);
	} else {
		if (!panel->known)
			return;
		key.feature = panel->feature;
		key.at = state->what == WHAT_MAP ? CS_AT_MAP : CS_AT_MAX;
		snprintf(exhibit->name, sizeof exhibit->name, "%.40s-feature%" PRId64, name, panel->feature);
	}
	cs_lens_ask(view->session, &key, exhibit);
}

static void draw_title(struct cs_view *view)
{
	struct image *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_network *network = cs_session_network(session);
	struct cs_tile_key key = cs_lens_key(session, CS_TILE_SCORES, network->layer_count - 1, image_of(view));
	const struct cs_tile *scores = cs_tiles_want(session->tiles, &key);
	struct ranked best[5];
	struct cs_sample sample;
	char name[64];
	int used, count = 0;
	int64_t classes;

	cs_dataset_sample(session->opened->data, image_of(view), &sample);
	used = 1 + cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "image %" PRId64, image_of(view));
	used += cs_screen_put(screen, 0, used, -1, CS_STYLE_DIM, " of %s (%" PRId64 " of %" PRId64 ") ",
		cs_split_name(session->opened->split), state->position, session->opened->image_count);
	used += cs_screen_put(screen, 0, used, -1, CS_STYLE_TITLE, "%s",
		cs_opened_label(session->opened, sample.label, name, sizeof name));
	if (!scores || scores->status || network->layers[network->layer_count - 1].out.rank != 1)
		return;
	classes = cs_tensor_count(&scores->numbers);
	for (int64_t c = 0; c < classes; c++) { /* the best five, by insertion */
		struct ranked now = {scores->numbers.data[c], c};

		for (int i = 0; i < 5; i++) {
			if (i == count) {
				best[count++] = now;
				break;
			}
			if (now.value > best[i].value) {
				struct ranked old = best[i];

				best[i] = now;
				now = old;
			}
		}
	}
	used += cs_screen_put(screen, 0, used, -1, CS_STYLE_DIM, " → ");
	for (int i = 0; i < count && used < screen->columns - 8; i++) {
		bool right = best[i].feature == sample.label;

		if (i && best[i].value < 0.005f)
			break;
		used += cs_screen_put(screen, 0, used, -1,
			i                          ? CS_STYLE_DIM
				: sample.label < 0 ? CS_STYLE_TEXT
				: right            ? CS_STYLE_GOOD
						   : CS_STYLE_BAD,
			"%s%s %.2f", i ? ", " : "",
			cs_opened_class(session->opened, best[i].feature, name, sizeof name), (double)best[i].value);
	}
}

static void draw_subtitle(struct cs_view *view)
{
	struct image *state = view->state;
	struct cs_session *session = view->session;

	cs_screen_put(&session->screen, 1, 1, -1, CS_STYLE_DIM, "%s · rule %s · signal %s%s", what_names[state->what],
		cs_rule_names[session->rule], session->signal == CS_SIGNAL_VALUE ? "value" : "one",
		session->shared ? " · one scale" : "");
}

/* The strongest features of the layer under the cursor, the shown one marked. */
static void draw_ranking(struct cs_view *view, int row)
{
	struct image *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	int layer = layer_at(view, state->column);
	const struct cs_layer *at = &cs_session_network(view->session)->layers[layer];
	bool classes = at->out.rank == 1 && layer == cs_session_network(view->session)->layer_count - 1;
	struct panel panel = find_panel(view, state->column);
	int64_t count = 0, first;
	struct ranked *list = rank(view, layer, &count);
	char value[40], name[64];
	int used;

	used = 1 + cs_screen_put(screen, row, 1, -1, CS_STYLE_DIM, "strongest in %s  ", at->spec.name);
	if (!list)
		return;
	first = state->fixed[state->column] >= 0 || state->rank[state->column] < 4 ? 0 : state->rank[state->column] - 3;
	for (int64_t i = first; i < count && i < first + RANKED && used < screen->columns - 12; i++) {
		bool shown = list[i].feature == panel.feature && state->what != WHAT_LAYER;

		if (classes)
			used += cs_screen_put(screen, row, used, -1, shown ? CS_STYLE_SELECT : CS_STYLE_TEXT, "%s",
				cs_opened_class(view->session->opened, list[i].feature, name, sizeof name));
		else
			used += cs_screen_put(screen, row, used, -1, shown ? CS_STYLE_SELECT : CS_STYLE_TEXT,
				"%" PRId64, list[i].feature);
		used += cs_screen_put(screen, row, used, -1, CS_STYLE_DIM, " %s  ",
			cs_words_value((double)list[i].value, value, sizeof value));
	}
	cs_free(list);
}

static void draw_panel(struct cs_view *view, const struct panel *panel, const struct cs_exhibit *exhibit, bool selected,
	struct cs_area area)
{
	struct image *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_layer *layer = &cs_session_network(session)->layers[panel->layer];
	struct cs_area covered;
	char value[40], limit[40];
	int row;

	cs_screen_put(screen, area.row - 1, area.column, area.columns, selected ? CS_STYLE_SELECT : CS_STYLE_TITLE,
		"%s%s", layer->spec.name, selected ? " " : "");
	covered = cs_lens_show(session, area, CS_ANCHOR_LEFT, exhibit);
	row = exhibit->picture.rgb ? covered.row + covered.rows : area.row + area.rows;
	if (state->what == WHAT_LAYER)
		cs_screen_put(screen, row, area.column, area.columns, CS_STYLE_TEXT, "all %" PRId64 " features",
			cs_layer_features(layer));
	else if (panel->known)
		cs_screen_put(screen, row, area.column, area.columns, CS_STYLE_TEXT, "%s%" PRId64 "  %s",
			area.columns < 16              ? ""
				: layer->out.rank == 1 ? "unit "
						       : "feature ",
			panel->feature, cs_words_value((double)panel->strength, value, sizeof value));
	if (exhibit->limit > 0)
		cs_screen_put(screen, row + 1, area.column, area.columns, CS_STYLE_DIM, "scale ±%s",
			cs_words_value((double)exhibit->limit, limit, sizeof limit));
	else if (exhibit->silent)
		cs_screen_put(screen, row + 1, area.column, area.columns, CS_STYLE_WARN, "silent here");
}

/* How the pictures are arranged: `count` of them, the input first, `across` a row, each in `area` and three rows of text around it. */
struct grid {
	int count, across;
	struct cs_area area; /* of the first */
};

/* The arrangement in which `count` pictures are largest. */
static struct grid arrange(const struct cs_view *view, int count)
{
	const struct cs_session *session = view->session;
	int width = session->screen.columns - 1, height = session->body_rows - HEAD + 1 - FOOT, best = -1;
	struct grid grid = {.count = count, .across = count};

	for (int across = 1; across <= count; across++) {
		int down = (count + across - 1) / across, columns = width / across - 2, rows = height / down - AROUND,
		    side;

		if (columns < LEAST_COLUMNS && across > 1)
			break;
		side = cs_graphics_columns(session->graphics, rows);
		side = side < columns ? side : columns;
		if (rows > 0 && side >= best) { /* equally large: rather side by side */
			best = side;
			grid.across = across;
			grid.area = (struct cs_area){HEAD, 1, rows, columns};
		}
	}
	return grid;
}

/* All layers beside the input where they stay readable, fewer (the cursor's among them) where not or where zoomed in. */
static struct grid choose_grid(const struct cs_view *view)
{
	const struct image *state = view->state;
	int all = layer_count(view) + 1, count = all < MOST ? all : MOST;
	struct grid grid;

	count -= state->zoom < count - 2 ? state->zoom : count - 2;
	grid = arrange(view, count < 2 ? 2 : count);
	while (grid.count > 2 && (grid.area.rows < LEAST_ROWS || grid.area.columns < LEAST_COLUMNS))
		grid = arrange(view, grid.count - 1);
	return grid;
}

static struct cs_area place(const struct grid *grid, int i)
{
	struct cs_area area = grid->area;

	area.row += i / grid->across * (area.rows + AROUND);
	area.column += i % grid->across * (area.columns + 2);
	return area;
}

/* The layers beside the input: a window of them that holds the cursor's. */
static int first_panel(const struct cs_view *view, int panels)
{
	const struct image *state = view->state;
	int first = state->column - panels + 1;

	return first < 0 ? 0 : first;
}

static void draw_image(struct cs_view *view)
{
	struct image *state = view->state;
	struct cs_session *session = view->session;
	struct grid grid = choose_grid(view);
	int panels = grid.count - 1, first = first_panel(view, panels);
	struct cs_exhibit *exhibits = cs_calloc((size_t)grid.count, sizeof *exhibits);
	struct panel shown[MOST];
	struct cs_tile_key key;

	draw_title(view);
	draw_subtitle(view);
	if (!exhibits)
		return;
	key = cs_lens_key(session, CS_TILE_IMAGE, 0, image_of(view));
	cs_lens_ask(session, &key, &exhibits[0]);
	for (int i = 0; i < panels; i++) {
		shown[i] = find_panel(view, first + i);
		ask(view, &shown[i], &exhibits[i + 1]);
	}
	cs_lens_draw(session, exhibits, grid.count);
	if (grid.area.rows > 0) {
		struct cs_area area = place(&grid, 0);

		cs_screen_put(&session->screen, area.row - 1, area.column, area.columns, CS_STYLE_TITLE, "input");
		cs_lens_show(session, area, CS_ANCHOR_LEFT, &exhibits[0]);
		for (int i = 0; i < panels; i++)
			draw_panel(view, &shown[i], &exhibits[i + 1], first + i == state->column, place(&grid, i + 1));
	}
	draw_ranking(view, session->body_rows - 1);
	cs_lens_free(exhibits, grid.count);
}

static void go(struct cs_view *view, int64_t position)
{
	struct image *state = view->state;
	int64_t count = view->session->opened->image_count;

	state->position = position < 0 ? 0 : position >= count ? count - 1 : position;
}

static void next_class(struct cs_view *view)
{
	struct image *state = view->state;
	const struct cs_opened *opened = view->session->opened;
	int classes = opened->data->class_count, label = cs_dataset_label(opened->data, image_of(view));

	for (int step = 1; step <= classes; step++) {
		int wanted = (label + step) % classes;

		for (int64_t i = 0; i < opened->image_count; i++) {
			if (cs_dataset_label(opened->data, opened->images[i]) == wanted) {
				state->position = i;
				return;
			}
		}
	}
}

static void next_wrong(struct cs_view *view)
{
	struct image *state = view->state;
	const struct cs_opened *opened = view->session->opened;
	int64_t looked = 0;

	for (int64_t step = 1; step <= opened->image_count; step++) {
		int64_t i = (state->position + step) % opened->image_count;
		int word = atomic_load(&opened->predicted[i]);

		if (word < 0)
			continue;
		looked++;
		if (word != cs_dataset_label(opened->data, opened->images[i])) {
			state->position = i;
			return;
		}
	}
	cs_session_say(view->session, CS_STYLE_TEXT,
		"none of the %" PRId64 " images looked at so far is taken for something else", looked);
}

/* Up and down: through the features of the cursor's layer, by how strongly they fire here. */
static void change_rank(struct cs_view *view, int step)
{
	struct image *state = view->state;
	int64_t count = cs_layer_features(&cs_session_network(view->session)->layers[layer_at(view, state->column)]);
	int *place = &state->rank[state->column];

	if (state->fixed[state->column] >= 0) { /* start from where the fixed one stands */
		struct ranked *list = rank(view, layer_at(view, state->column), &count);

		for (int64_t i = 0; list && i < count; i++) {
			if (list[i].feature == state->fixed[state->column])
				*place = (int)i;
		}
		cs_free(list);
		state->fixed[state->column] = -1;
	}
	*place = *place + step < 0 ? 0 : *place + step >= count ? (int)count - 1 : *place + step;
	if (state->what == WHAT_LAYER)
		state->what = WHAT_STRONGEST;
}

static void change_column(struct cs_view *view, int to)
{
	struct image *state = view->state;
	int count = layer_count(view);

	state->column = (to + count) % count;
}

static void to_layer(struct cs_view *view, int digit)
{
	if (digit < view->session->opened->layer_count)
		change_column(view, digit);
	else
		cs_session_say(view->session, CS_STYLE_WARN, "there are %d layers with features",
			view->session->opened->layer_count);
}

static void open_feature(struct cs_view *view)
{
	struct image *state = view->state;
	struct panel panel = find_panel(view, state->column);

	if (panel.known)
		cs_view_push(view->session, &cs_view_feature,
			&(struct cs_feature_argument){.layer = panel.layer, .feature = panel.feature});
}

static bool act_image(struct cs_view *view, enum cs_action action, int argument)
{
	struct image *state = view->state;
	int64_t count = view->session->opened->image_count;

	switch (action) {
	case CS_ACTION_LEFT:
	case CS_ACTION_RIGHT:
		go(view, state->position + (action == CS_ACTION_RIGHT ? 1 : -1));
		return true;
	case CS_ACTION_PAGE_UP:
	case CS_ACTION_PAGE_DOWN:
		go(view, state->position + (action == CS_ACTION_PAGE_DOWN ? 10 : -10));
		return true;
	case CS_ACTION_HOME:
	case CS_ACTION_END:
		go(view, action == CS_ACTION_END ? count - 1 : 0);
		return true;
	case CS_ACTION_UP:
	case CS_ACTION_DOWN:
		change_rank(view, action == CS_ACTION_DOWN ? 1 : -1);
		return true;
	case CS_ACTION_NEXT_PANE:
	case CS_ACTION_LAYER_NEXT:
		change_column(view, state->column + 1);
		return true;
	case CS_ACTION_LAYER_PREVIOUS:
		change_column(view, state->column - 1);
		return true;
	case CS_ACTION_LAYER:
		to_layer(view, argument);
		return true;
	case CS_ACTION_WHAT:
		state->what = (state->what + 1) % WHATS;
		return true;
	case CS_ACTION_RANDOM:
		go(view, cs_random_below(&state->random, (uint32_t)count));
		return true;
	case CS_ACTION_CLASS:
		next_class(view);
		return true;
	case CS_ACTION_WRONG:
		next_wrong(view);
		return true;
	case CS_ACTION_ZOOM_IN:
		state->zoom += state->zoom < layer_count(view) - 1;
		return true;
	case CS_ACTION_ZOOM_OUT:
		state->zoom -= state->zoom > 0;
		return true;
	case CS_ACTION_ENTER:
		open_feature(view);
		return true;
	default:
		return false;
	}
}

/* "f17" is a feature of the layer under the cursor, a number is an image, a word a class. */
static void find_image(struct cs_view *view, const char *text, int step)
{
	struct image *state = view->state;
	const struct cs_opened *opened = view->session->opened;
	bool feature = text[0] == 'f' && text[1] >= '0' && text[1] <= '9';
	char *end, name[64];
	int64_t number = strtoll(text + feature, &end, 10);

	if (feature && *end == '\0') {
		int64_t count =
			cs_layer_features(&cs_session_network(view->session)->layers[layer_at(view, state->column)]);

		if (number < count)
			state->fixed[state->column] = number;
		else
			cs_session_say(view->session, CS_STYLE_WARN, "no feature %" PRId64 ": expected 0 to %" PRId64,
				number, count - 1);
		return;
	}
	if (!feature && *end == '\0') {
		int64_t position = cs_opened_position(opened, number);

		if (position < 0)
			cs_session_say(view->session, CS_STYLE_WARN, "image %" PRId64 " is not in the %s split", number,
				cs_split_name(opened->split));
		else
			state->position = position;
		return;
	}
	for (int64_t i = 0; i < opened->image_count; i++) {
		int64_t from = step < 0 ? state->position - 1 - i : state->position + i + (step > 0);
		int64_t at = (from % opened->image_count + opened->image_count) % opened->image_count;

		if (strcasestr(cs_opened_label(
				       opened, cs_dataset_label(opened->data, opened->images[at]), name, sizeof name),
			    text)) {
			state->position = at;
			return;
		}
	}
	cs_session_say(
		view->session, CS_STYLE_WARN, "no class is called '%s'; a number finds an image, f17 a feature", text);
}

static enum cs_status export_image(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct cs_session *session = view->session;
	int panels = layer_count(view);
	struct cs_exhibit *exhibits = cs_calloc((size_t)panels + 1, sizeof *exhibits);
	struct cs_tile_key key = cs_lens_key(session, CS_TILE_IMAGE, 0, image_of(view));
	enum cs_status status;

	if (!exhibits)
		return cs_fail_memory(error, "an export");
	snprintf(exhibits[0].name, sizeof exhibits[0].name, "input");
	cs_lens_ask(session, &key, &exhibits[0]);
	for (int i = 0; i < panels; i++) {
		struct panel panel = find_panel(view, i);

		ask(view, &panel, &exhibits[i + 1]);
	}
	cs_lens_draw(session, exhibits, panels + 1);
	status = cs_lens_export(session, exhibits, panels + 1, panels + 1, stem, message, size, error);
	cs_lens_free(exhibits, panels + 1);
	return status;
}

static void label_image(struct cs_view *view, char *text, size_t size)
{
	snprintf(text, size, "image%" PRId64 "-%s", image_of(view), cs_rule_names[view->session->rule]);
}

static void close_image(struct cs_view *view)
{
	struct image *state = view->state;

	cs_free(state->rank);
	cs_free(state->fixed);
}

const struct cs_view_ops cs_view_image = {
	.name = "image",
	.context = CS_ON_IMAGE,
	.size = sizeof(struct image),
	.open = open_image,
	.draw = draw_image,
	.act = act_image,
	.tick = tick_image,
	.find = find_image,
	.export = export_image,
	.label = label_image,
	.close = close_image,
};
