/* view_layer.c: every feature of a layer at a glance: a page of a mosaic, and the numbers of the one under the cursor.
 *
 * Features stand in an order; the page holds as many as fit. Each is shown by the image that excites it most, projected back and cut
 * to what the unit can see, or by that patch of the image itself, or, on the first layer, by its filter. The order follows the
 * exemplar scan while it runs, until the first key is pressed; then the page stands still.
 */
#include "core/alloc.h"
#include "core/clock.h"
#include "ui/feature_side.h"
#include "ui/lens.h"
#include "ui/pages.h"
#include "ui/record.h"
#include "ui/tint.h"
#include "ui/view.h"
#include "ui/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 2, SIDE = CS_FEATURE_SIDE, SIDE_FROM = 58, ZOOM = 10 };

enum kind { PROJECTIONS, PATCHES, FILTERS, KINDS };

static const char *const kind_names[KINDS] = {"projections", "patches", "filters"};
static const double sort_every = 1.5;

struct layer {
	int layer;
	int64_t *order; /* [features] */
	struct cs_pages pages; /* of features; the cursor is a place in the order */
	enum cs_order sort;
	enum kind kind;
	int zoom; /* twos of rows added to a tile's */
	bool touched; /* a key was pressed: the order stays */
	unsigned version;
	double sorted; /* when the order was made last */
	struct cs_tensor *filters; /* [features] first layers only */
};

static const struct cs_layer *layer_of(const struct cs_view *view)
{
	return &cs_session_network(view->session)->layers[((const struct layer *)view->state)->layer];
}

/* The convolution behind a first layer, if its kernels are little pictures: it reads the input's own channels. */
static const struct cs_layer *first_conv(const struct cs_network *network, int layer)
{
	for (int i = 0; i <= layer; i++) {
		const struct cs_layer *at = &network->layers[i];

		if (at->ops == &cs_conv_layer)
			return at->in.dim[2] == 1 || at->in.dim[2] == 3
				? (at->out.dim[2] == cs_layer_features(&network->layers[layer]) ? at : NULL)
				: NULL;
		if (at->ops != &cs_zeropad_layer && at->ops != &cs_rescale_layer && at->ops != &cs_dropout_layer)
			return NULL;
	}
	return NULL;
}

static bool is_first(const struct cs_network *network, int layer)
{
	int convolutions = 0;

	for (int i = 0; i <= layer; i++)
		convolutions += network->layers[i].ops == &cs_conv_layer;
	return convolutions == 1 && first_conv(network, layer) != NULL;
}

static enum cs_status cut_filters(struct cs_view *view, struct cs_error *error)
{
	struct layer *state = view->state;
	const struct cs_layer *conv = first_conv(cs_session_network(view->session), state->layer);
	const struct cs_param *kernel = cs_layer_param(conv, "kernel");
	const int64_t *dim = kernel->value.shape.dim;
	int64_t numbers = dim[0] * dim[1] * dim[2];
	bool bgr = view->session->opened->model->preprocess.bgr && dim[2] == 3;

	state->filters = cs_calloc((size_t)dim[3], sizeof *state->filters);
	if (!state->filters)
		return cs_fail_memory(error, "filters");
	for (int64_t f = 0; f < dim[3]; f++) {
		enum cs_status status = cs_tensor_init(&state->filters[f], CS_SHAPE(dim[0], dim[1], dim[2]), error);

		if (status)
			return status;
		for (int64_t i = 0; i < numbers; i++) {
			int64_t channel = i % dim[2], from = bgr ? i - channel + 2 - channel : i;

			state->filters[f].data[i] = kernel->value.data[from * dim[3] + f];
		}
	}
	return CS_OK;
}

static enum cs_status open_layer(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_layer_argument *from = argument;
	struct layer *state = view->state;

	if (!cs_session_has_model(view->session))
		return cs_fail(error, CS_ERR_NOT_FOUND, "no model is open");
	state->layer = from->layer;
	state->pages = (struct cs_pages){.count = cs_layer_features(layer_of(view)), .across = 1, .down = 1};
	state->order = cs_alloc((size_t)state->pages.count * sizeof *state->order);
	if (!state->order)
		return cs_fail_memory(error, "a layer");
	for (int64_t f = 0; f < state->pages.count; f++)
		state->order[f] = f;
	if (layer_of(view)->out.rank == 1)
		state->sort = CS_ORDER_INDEX; /* classes have an order of their own */
	if (from->sort)
		state->sort = from->sort;
	state->pages.cursor = from->feature < state->pages.count ? from->feature : 0;
	return is_first(cs_session_network(view->session), state->layer) ? cut_filters(view, error) : CS_OK;
}

static struct cs_scan *scan_of(const struct cs_view *view)
{
	return cs_session_scan(view->session, ((const struct layer *)view->state)->layer);
}

/* The cursor goes with its feature once a key was pressed, else it stays where it is. */
static void sort(struct cs_view *view)
{
	struct layer *state = view->state;
	struct cs_scan *scan = scan_of(view);
	int64_t feature = state->order[state->pages.cursor];

	if (state->sort >= CS_ORDER_RED)
		cs_tint_sort(view->session, state->layer, (int)(state->sort - CS_ORDER_RED), state->pages.count,
			state->order);
	else if (scan)
		cs_scan_sort(scan, state->layer, state->sort, state->order);
	state->sorted = cs_now();
	for (int64_t i = 0; state->touched && i < state->pages.count; i++) {
		if (state->order[i] == feature)
			state->pages.cursor = i;
	}
}

/* Back from a feature: the cursor goes to the one that was looked at last. */
static void follow_feature(struct cs_view *view)
{
	struct layer *state = view->state;
	struct cs_session *session = view->session;

	if (session->looked_layer != state->layer || session->looked_feature < 0)
		return;
	for (int64_t i = 0; i < state->pages.count; i++) {
		if (state->order[i] == session->looked_feature)
			state->pages.cursor = i;
	}
	session->looked_feature = -1;
}

static bool tick_layer(struct cs_view *view)
{
	struct layer *state = view->state;
	struct cs_scan *scan = scan_of(view);
	unsigned version = scan ? cs_scan_version(scan) : 0;

	follow_feature(view);
	if (version == state->version)
		return false;
	if (!state->touched && cs_now() - state->sorted > sort_every)
		sort(view);
	else if (cs_scan_finished(scan) && !state->touched)
		sort(view);
	state->version = version;
	return true;
}

/* What the feature under the cursor does, where there is no room for more about it. Returns the column after it. */
static int draw_strongest(struct cs_view *view)
{
	struct layer *state = view->state;
	struct cs_scan *scan = scan_of(view);
	struct cs_feature_numbers numbers;
	char value[40];

	if (!scan || !cs_scan_feature(scan, state->layer, state->order[state->pages.cursor], &numbers) ||
		numbers.count == 0)
		return 1;
	return 2 +
		cs_screen_put(&view->session->screen, 1, 1, -1, CS_STYLE_TEXT, "%" PRId64 ": %s",
			state->order[state->pages.cursor],
			cs_words_value((double)numbers.top[0].value, value, sizeof value));
}

static void draw_title(struct cs_view *view, bool side)
{
	struct layer *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_layer *layer = layer_of(view);
	struct cs_field field = cs_network_field(cs_session_network(session), state->layer);
	char text[160];
	int page = cs_pages_number(&state->pages), pages = cs_pages_total(&state->pages), used;

	used = 1 +
		cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "%s",
			cs_layer_name(cs_session_network(session), state->layer));
	if (layer->out.rank == 3)
		snprintf(text, sizeof text,
			"%" PRId64 " features · %" PRId64 "×%" PRId64 " · sees %" PRId64 "×%" PRId64 " pixels",
			state->pages.count, layer->out.dim[0], layer->out.dim[1], field.size[0], field.size[1]);
	else
		snprintf(text, sizeof text, "%" PRId64 " units · sees the whole image", state->pages.count);
	cs_screen_put(screen, 0, used + 2, -1, CS_STYLE_TEXT, "%s", text);
	if (used + 3 + cs_screen_width(screen, text) + 34 < screen->columns)
		cs_screen_put_right(screen, 0, screen->columns - 1, CS_STYLE_DIM, "sort: %s ▾  page %d/%d",
			cs_order_name(state->sort), page + 1, pages);
	else /* the features' order is what is asked for when it came from another screen */
		cs_screen_put_right(screen, 0, screen->columns - 1, CS_STYLE_DIM, "by %s ▾ %d/%d",
			cs_order_name(state->sort), page + 1, pages);
	used = side || state->kind == FILTERS ? 1 : draw_strongest(view);
	if (state->kind == FILTERS)
		cs_screen_put(screen, 1, 1, -1, CS_STYLE_DIM, "the filters themselves%s",
			session->shared ? " · one scale" : "");
	else if (state->kind == PATCHES)
		cs_screen_put(screen, 1, used, -1, CS_STYLE_DIM, "strongest image, the patch that the unit sees");
	else
		cs_screen_put(screen, 1, used, -1, CS_STYLE_DIM,
			"strongest image, projected back · rule %s · signal %s%s", cs_rule_names[session->rule],
			session->signal == CS_SIGNAL_VALUE ? "value" : "one", session->shared ? " · one scale" : "");
}

/* Ask for one feature's picture. */
static void ask(struct cs_view *view, int64_t feature, struct cs_exhibit *exhibit)
{
	struct layer *state = view->state;
	struct cs_session *session = view->session;

	snprintf(exhibit->name, sizeof exhibit->name, "%.40s-%" PRId64,
		cs_layer_name(cs_session_network(session), state->layer), feature);
	if (state->kind == FILTERS) {
		exhibit->numbers = &state->filters[feature];
		exhibit->layer = first_conv(cs_session_network(session), state->layer)->spec.name;
		exhibit->filter = feature;
		return;
	}
	cs_lens_ask_strongest(
		session, state->kind == PATCHES ? CS_TILE_PATCH : CS_TILE_PROJECTION, state->layer, feature, exhibit);
}

/* Rows of a tile: comfortable ones, changed by the zoom, stretched so that whole rows of tiles fill the page; more where all features
 * fit all the same.
 */
static int tile_rows(const struct layer *state, const struct cs_pages_room *room)
{
	int rows = cs_pages_rows(room->graphics, state->zoom), down;

	rows = rows < 2 ? 2 : rows;
	down = (room->rows + rows / 2) / (rows + 1);
	down = down < 1 ? 1 : down;
	rows = room->rows / down - 1 < 2 ? 2 : room->rows / down - 1;
	return state->zoom == 0 ? cs_pages_grow(&state->pages, room, rows) : rows;
}

static void draw_tile(struct cs_view *view, const struct cs_exhibit *exhibit, int64_t place, struct cs_area area)
{
	struct layer *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	char value[40];
	int used;

	cs_lens_show(view->session, area, CS_ANCHOR_CENTRE, exhibit);
	used = cs_screen_put(screen, area.row + area.rows, area.column, area.columns, CS_STYLE_TEXT, "%" PRId64,
		state->order[place]);
	cs_words_value_in((double)exhibit->value, area.columns - used - 1, value, sizeof value);
	if (exhibit->value > 0 && value[0])
		cs_screen_put(screen, area.row + area.rows, area.column + area.columns - cs_screen_width(screen, value),
			-1, CS_STYLE_DIM, "%s", value);
	if (place == state->pages.cursor)
		cs_screen_shade(screen, area.row + area.rows, area.column, area.columns, CS_STYLE_SELECT);
}

static void draw_layer(struct cs_view *view)
{
	struct layer *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	int side = screen->columns >= SIDE_FROM ? SIDE : 0, count;
	struct cs_pages_room room = {.graphics = session->graphics,
		.head = HEAD,
		.rows = session->body_rows - HEAD,
		.columns = screen->columns - side - 2};
	int rows = tile_rows(state, &room), columns = cs_pages_fit(&state->pages, &room, rows);
	int64_t first;
	struct cs_exhibit *exhibits;
	char why[500];

	draw_title(view, side > 0);
	if (state->kind != FILTERS && !cs_session_has_images(session)) {
		cs_session_why_not(session, why, sizeof why);
		cs_screen_put(screen, HEAD + 1, 1, -1, CS_STYLE_DIM, "%s%s", why,
			state->filters ? " (v shows the filters)" : "");
		return;
	}
	first = cs_pages_first(&state->pages);
	count = cs_pages_shown(&state->pages);
	exhibits = cs_calloc((size_t)count, sizeof *exhibits);
	if (!exhibits)
		return;
	for (int i = 0; i < count; i++)
		ask(view, state->order[first + i], &exhibits[i]);
	cs_lens_draw(session, exhibits, count);
	for (int i = 0; i < count; i++)
		draw_tile(view, &exhibits[i], first + i, cs_pages_area(&state->pages, &room, i, rows, columns));
	if (side)
		cs_feature_side_show(view->session, state->layer, state->order[state->pages.cursor],
			&exhibits[state->pages.cursor - first], screen->columns - SIDE + 1);
	cs_lens_free(exhibits, count);
}

static void next_kind(struct cs_view *view)
{
	struct layer *state = view->state;

	state->kind = (state->kind + 1) % (state->filters ? KINDS : FILTERS);
	cs_session_say(view->session, CS_STYLE_TEXT, "%s", kind_names[state->kind]);
}

static void change_layer(struct cs_view *view, int step)
{
	struct layer *state = view->state;
	int layer = cs_session_layer_step(view->session, state->layer, step);

	if (layer >= 0)
		cs_view_replace(view->session, &cs_view_layer, &(struct cs_layer_argument){.layer = layer});
}

/* The feature screen goes through the features in this order. */
static void lend_order(struct cs_view *view)
{
	struct layer *state = view->state;
	struct cs_session *session = view->session;
	int64_t *copy = cs_alloc((size_t)state->pages.count * sizeof *copy);

	if (!copy)
		return;
	memcpy(copy, state->order, (size_t)state->pages.count * sizeof *copy);
	cs_free(session->order);
	session->order = copy;
	session->order_layer = state->layer;
}

static bool knows_colour(struct cs_view *view)
{
	float lost[3];
	const char *by;

	return cs_tint_feature(view->session, ((struct layer *)view->state)->layer, 0, lost, &by);
}

static bool act_layer(struct cs_view *view, enum cs_action action, int argument)
{
	struct layer *state = view->state;
	char colour[16], start[16];

	(void)argument;
	if (cs_pages_move(&state->pages, action)) {
		state->touched = true;
		return true;
	}
	switch (action) {
	case CS_ACTION_ENTER:
		lend_order(view);
		cs_view_push(view->session, &cs_view_feature,
			&(struct cs_feature_argument){
				.layer = state->layer, .feature = state->order[state->pages.cursor]});
		return true;
	case CS_ACTION_SORT:
		do /* by colour where it is known */
			state->sort = (state->sort + 1) % CS_ORDER_COUNT;
		while (state->sort >= CS_ORDER_RED && !knows_colour(view));
		if (state->sort == CS_ORDER_STRONGEST && !knows_colour(view))
			cs_session_say(view->session, CS_STYLE_TEXT,
				"by red, green and blue too once the colour analysis has run: [%s], and there [%s]",
				cs_key_of_action(CS_ACTION_COLOUR, CS_ON_LAYER, colour, sizeof colour),
				cs_key_of_action(CS_ACTION_START, CS_ON_COLOUR, start, sizeof start));
		state->touched = false;
		state->pages.cursor = 0;
		sort(view);
		cs_record_order(view->session, state->layer, cs_order_name(state->sort));
		return true;
	case CS_ACTION_KIND:
		next_kind(view);
		return true;
	case CS_ACTION_ZOOM_IN:
		state->zoom += state->zoom < ZOOM;
		return true;
	case CS_ACTION_ZOOM_OUT:
		state->zoom -= state->zoom > -3;
		return true;
	case CS_ACTION_LAYER_NEXT:
	case CS_ACTION_LAYER_PREVIOUS:
		change_layer(view, action == CS_ACTION_LAYER_NEXT ? 1 : -1);
		return true;
	default:
		return false;
	}
}

/* A number is a feature; a word is a class, on a layer of classes. */
static void find_feature(struct cs_view *view, const char *text, int step)
{
	struct layer *state = view->state;
	char *end, name[64];
	int64_t feature = strtoll(text, &end, 10);
	bool classes =
		layer_of(view)->out.rank == 1 && state->layer == cs_session_network(view->session)->layer_count - 1;

	state->touched = true;
	for (int64_t i = 0; i < state->pages.count; i++) {
		int64_t at = step < 0 ? state->pages.cursor - 1 - i : state->pages.cursor + i + (step > 0);

		at = (at % state->pages.count + state->pages.count) % state->pages.count;
		if (*end == '\0' ? state->order[at] == feature
				 : classes &&
					strcasestr(cs_opened_class(
							   view->session->opened, state->order[at], name, sizeof name),
						text)) {
			state->pages.cursor = at;
			return;
		}
	}
	cs_session_say(view->session, CS_STYLE_WARN, "no feature '%s': expected 0 to %" PRId64 "%s", text,
		state->pages.count - 1, classes ? " or a class" : "");
}

static enum cs_status export_layer(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct layer *state = view->state;
	int64_t first = cs_pages_first(&state->pages);
	int count = cs_pages_shown(&state->pages);
	struct cs_exhibit *exhibits = cs_calloc((size_t)count, sizeof *exhibits);
	enum cs_status status;

	if (!exhibits)
		return cs_fail_memory(error, "an export");
	for (int i = 0; i < count; i++)
		ask(view, state->order[first + i], &exhibits[i]);
	cs_lens_draw(view->session, exhibits, count);
	status = cs_lens_export(view->session, exhibits, count, state->pages.across, stem, message, size, error);
	cs_lens_free(exhibits, count);
	return status;
}

static void label_layer(struct cs_view *view, char *text, size_t size)
{
	const struct layer *state = view->state;

	snprintf(text, size, "%s-%s-page%d", cs_layer_name(cs_session_network(view->session), state->layer),
		kind_names[state->kind], cs_pages_number(&state->pages) + 1);
}

static void close_layer(struct cs_view *view)
{
	struct layer *state = view->state;

	for (int64_t f = 0; state->filters && f < state->pages.count; f++)
		cs_tensor_fini(&state->filters[f]);
	cs_free(state->filters);
	cs_free(state->order);
}

const struct cs_view_ops cs_view_layer = {
	.name = "layer",
	.context = CS_ON_LAYER,
	.size = sizeof(struct layer),
	.open = open_layer,
	.draw = draw_layer,
	.act = act_layer,
	.tick = tick_layer,
	.find = find_feature,
	.export = export_layer,
	.label = label_layer,
	.close = close_layer,
};
