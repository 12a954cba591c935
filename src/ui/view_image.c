/* view_image.c: any image of the data set or picture file, and beside it what the layers (or the rules) take from it.
 *
 * One panel a layer; one of them has the cursor. In each, one feature is projected: the strongest on this image, or as many
 * places behind it as the person went down, or a fixed one after it was named or come from. What is projected of it is its strongest position, its
 * whole map, or instead of a feature the whole layer; or, with a cursor on the image, the unit under that. The panels are drawn in
 * image_panels.c, the text around them in image_words.c.
 */
#include "core/alloc.h"
#include "ui/image_panels.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JUMP = 10 };

static void show(struct cs_view *view, int64_t image)
{
	struct cs_image_state *state = view->state;

	state->image = image;
	state->unit_rank = 0;
}

static enum cs_status open_image(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_image_argument *from = argument;
	struct cs_image_state *state = view->state;
	struct cs_session *session = view->session;
	struct cs_opened *opened = session->opened;
	int columns;

	state->extra = -1;
	if (!cs_session_has_images(session))
		return cs_fail(error, CS_ERR_NOT_FOUND, "the images are not open yet");
	columns = opened->layer_count + 1;
	state->rank = cs_calloc((size_t)columns, sizeof *state->rank);
	state->fixed = cs_calloc((size_t)columns, sizeof *state->fixed);
	if (!state->rank || !state->fixed)
		return cs_fail_memory(error, "an image");
	for (int i = 0; i < columns; i++)
		state->fixed[i] = -1;
	if (!session->gallery.positions)
		cs_session_order_images(session, CS_GALLERY_NUMBER, "");
	state->image = from->image >= 0 ? from->image
		: session->gallery.count ? opened->images[session->gallery.positions[0]]
					 : opened->images[0];
	if (!cs_opened_file(opened, state->image) && cs_opened_position(opened, state->image) < 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "image %" PRId64 " is not in the %s split", from->image,
			cs_split_name(opened->split));
	state->row = opened->data->height / 2;
	state->pixel = opened->data->width / 2;
	state->column = opened->layer_count - 1;
	if (from->layer >= 0) {
		for (state->column = 0;
			state->column < opened->layer_count && opened->layers[state->column] != from->layer;)
			state->column++;
		if (state->column == opened->layer_count)
			state->extra = from->layer;
		state->fixed[state->column] = from->feature;
	} else if (state->column > 0 &&
		cs_panel_layer(view, state->column) == cs_session_network(session)->layer_count - 1) {
		state->column--; /* the last layer with maps, not the class scores */
	}
	state->column = state->column < 0 ? 0 : state->column;
	cs_random_init(&state->random, 0, CS_RANDOM_USER, 0, 0);
	return cs_panel_layers(view) ? CS_OK
				     : cs_fail(error, CS_ERR_NOT_FOUND, "this network has no layer with features");
}

static bool tick_image(struct cs_view *view)
{
	cs_session_scan(view->session, cs_panel_layer(view, 0)); /* the network's words on images come from it */
	return false;
}

static void draw_image(struct cs_view *view)
{
	cs_image_draw_head(view);
	cs_panels_draw(view);
	cs_image_draw_ranking(view, view->session->body_rows - 1);
}

/* To another place in the order; from a file, or an image of another order, to its beginning. */
static void go(struct cs_view *view, int64_t place)
{
	struct cs_session *session = view->session;
	const struct cs_gallery *gallery = &session->gallery;

	if (gallery->count == 0)
		return;
	place = place < 0 ? 0 : place >= gallery->count ? gallery->count - 1 : place;
	show(view, session->opened->images[gallery->positions[place]]);
}

static void next_class(struct cs_view *view)
{
	struct cs_image_state *state = view->state;
	const struct cs_opened *opened = view->session->opened;
	int classes = opened->data->class_count, label = -1;

	if (!cs_opened_file(opened, state->image))
		label = cs_dataset_label(opened->data, state->image);
	for (int step = 1; step <= classes; step++) {
		int wanted = (label + step) % classes;

		for (int64_t i = 0; i < opened->image_count; i++) {
			if (cs_dataset_label(opened->data, opened->images[i]) == wanted) {
				show(view, opened->images[i]);
				return;
			}
		}
	}
}

/* The wrong ones, the most confident first, and back to all of them. */
static void toggle_wrong(struct cs_view *view)
{
	struct cs_session *session = view->session;
	struct cs_gallery *gallery = &session->gallery;

	if (gallery->order == CS_GALLERY_WRONG) {
		int64_t before = cs_image_place(view);

		if (before >= 0 && before + 1 < gallery->count) {
			go(view, before + 1);
			return;
		}
		cs_session_order_images(session, CS_GALLERY_NUMBER, gallery->filter);
		cs_session_say(session, CS_STYLE_TEXT, "that was the last wrong one: all images again");
		return;
	}
	cs_session_order_images(session, CS_GALLERY_WRONG, gallery->filter);
	if (gallery->count == 0) {
		cs_session_say(session, CS_STYLE_TEXT,
			"none of the %d images looked at so far is taken for something else", gallery->verdicts);
		cs_session_order_images(session, CS_GALLERY_NUMBER, gallery->filter);
		return;
	}
	cs_session_say(session, CS_STYLE_TEXT,
		"%" PRId64 " of the %d images looked at so far are taken for something else; the most confident first",
		gallery->count, gallery->verdicts);
	go(view, 0);
}

/* Up and down: through the features of the cursor's layer, by how strongly they fire here. */
static void change_rank(struct cs_view *view, int step)
{
	struct cs_image_state *state = view->state;
	int layer = cs_panel_layer(view, state->column);
	int64_t count = cs_layer_features(&cs_session_network(view->session)->layers[layer]);
	int *place = &state->rank[state->column];

	if (state->fixed[state->column] >= 0) { /* start from where the fixed one stands */
		struct cs_ranked *list = cs_panel_rank(view, layer, &count);

		for (int64_t i = 0; list && i < count; i++) {
			if (list[i].feature == state->fixed[state->column])
				*place = (int)i;
		}
		cs_free(list);
		state->fixed[state->column] = -1;
	}
	*place = *place + step < 0 ? 0 : *place + step >= count ? (int)count - 1 : *place + step;
	if (state->what == CS_IMAGE_LAYER)
		state->what = CS_IMAGE_STRONGEST;
}

static void change_column(struct cs_view *view, int to)
{
	struct cs_image_state *state = view->state;
	int count = cs_panel_layers(view);

	state->column = (to + count) % count;
	state->unit_rank = 0;
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
	struct cs_image_state *state = view->state;
	struct cs_panel panel = cs_panel_find(view, state->by_rule ? 0 : state->column);

	if (panel.known)
		cs_view_push(view->session, &cs_view_feature,
			&(struct cs_feature_argument){.layer = panel.layer, .feature = panel.feature});
}

/* Where the evidence in this image lies, for the class and for the feature under the cursor. */
static void occlude(struct cs_view *view)
{
	const struct cs_image_state *state = view->state;
	struct cs_panel panel = cs_panel_find(view, state->by_rule ? 0 : state->column);

	cs_view_push(view->session, &cs_view_occlusion,
		&(struct cs_image_argument){.image = state->image, .layer = panel.layer, .feature = panel.feature});
}

static void put_cursor(struct cs_view *view, int row, int column)
{
	struct cs_image_state *state = view->state;
	const struct cs_dataset *data = view->session->opened->data;

	state->row = row < 0 ? 0 : row >= data->height ? data->height - 1 : row;
	state->pixel = column < 0 ? 0 : column >= data->width ? data->width - 1 : column;
	state->unit_rank = 0;
}

/* The keys that move a cursor on the image, while there is one. */
static bool act_cursor(struct cs_view *view, enum cs_action action)
{
	struct cs_image_state *state = view->state;
	const struct cs_layer *layer = &cs_session_network(view->session)->layers[cs_panel_layer(view, state->column)];
	int last = (int)cs_layer_features(layer) - 1;

	switch (action) {
	case CS_ACTION_LEFT:
	case CS_ACTION_RIGHT:
		put_cursor(view, state->row, state->pixel + (action == CS_ACTION_RIGHT ? 1 : -1));
		return true;
	case CS_ACTION_UP:
	case CS_ACTION_DOWN:
		put_cursor(view, state->row + (action == CS_ACTION_DOWN ? 1 : -1), state->pixel);
		return true;
	case CS_ACTION_PAGE_UP:
		state->unit_rank -= state->unit_rank > 0;
		return true;
	case CS_ACTION_PAGE_DOWN:
		state->unit_rank += state->unit_rank < last;
		return true;
	case CS_ACTION_BACK:
		state->what = CS_IMAGE_STRONGEST;
		return true;
	default:
		return false;
	}
}

static void toggle_cursor(struct cs_view *view)
{
	struct cs_image_state *state = view->state;

	state->what = state->what == CS_IMAGE_UNIT ? CS_IMAGE_STRONGEST : CS_IMAGE_UNIT;
	cs_session_say(view->session, CS_STYLE_TEXT,
		state->what == CS_IMAGE_UNIT
			? "arrows move the cursor on the image, Tab the layer, a page down is a weaker feature there"
			: "no cursor on the image");
}

static bool act_choice(struct cs_view *view, enum cs_action action, int argument)
{
	struct cs_image_state *state = view->state;

	switch (action) {
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
	case CS_ACTION_OCCLUSION:
		occlude(view);
		return true;
	case CS_ACTION_WHAT:
		state->what = (state->what + 1) % CS_IMAGE_UNIT;
		return true;
	case CS_ACTION_CURSOR:
		toggle_cursor(view);
		return true;
	case CS_ACTION_RULES:
		state->by_rule = !state->by_rule;
		return true;
	case CS_ACTION_ZOOM_IN:
		state->zoom += state->zoom < cs_panel_count(view) - 1;
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

static bool act_image(struct cs_view *view, enum cs_action action, int argument)
{
	struct cs_image_state *state = view->state;
	int64_t count = view->session->gallery.count;

	if (state->what == CS_IMAGE_UNIT && act_cursor(view, action))
		return true;
	switch (action) {
	case CS_ACTION_LEFT:
	case CS_ACTION_RIGHT:
		go(view, cs_image_place(view) + (action == CS_ACTION_RIGHT ? 1 : -1));
		return true;
	case CS_ACTION_PAGE_UP:
	case CS_ACTION_PAGE_DOWN:
		go(view, cs_image_place(view) + (action == CS_ACTION_PAGE_DOWN ? JUMP : -JUMP));
		return true;
	case CS_ACTION_HOME:
	case CS_ACTION_END:
		go(view, action == CS_ACTION_END ? count - 1 : 0);
		return true;
	case CS_ACTION_UP:
	case CS_ACTION_DOWN:
		change_rank(view, action == CS_ACTION_DOWN ? 1 : -1);
		return true;
	case CS_ACTION_RANDOM:
		if (count)
			go(view, cs_random_below(&state->random, (uint32_t)count));
		return true;
	case CS_ACTION_CLASS:
		next_class(view);
		return true;
	case CS_ACTION_WRONG:
		toggle_wrong(view);
		return true;
	default:
		return act_choice(view, action, argument);
	}
}

static bool select_panel(struct cs_view *view, int64_t index)
{
	struct cs_image_state *state = view->state;

	if (state->by_rule) {
		bool there = view->session->rule == (int)index;

		view->session->rule = (int)index;
		return there;
	}
	if (state->column == (int)index)
		return true;
	change_column(view, (int)index);
	return false;
}

/* The mouse on the image is the cursor; its wheel is the way through the images. */
static bool point_image(struct cs_view *view, const struct cs_pointer *pointer, const struct cs_spot *spot)
{
	struct cs_image_state *state = view->state;
	const struct cs_dataset *data = view->session->opened->data;
	struct cs_area at = state->input;

	if (pointer->kind == CS_POINTER_WHEEL) {
		go(view, cs_image_place(view) + pointer->step);
		return true;
	}
	if (!spot || spot->kind != CS_SPOT_PICTURE || at.rows < 1 || at.columns < 1)
		return false;
	if (pointer->kind == CS_POINTER_RELEASE)
		return true;
	state->what = CS_IMAGE_UNIT;
	put_cursor(view, (int)((2 * (pointer->row - at.row) + 1) * data->height / (2 * at.rows)),
		(int)((2 * (pointer->column - at.column) + 1) * data->width / (2 * at.columns)));
	return true;
}

/* "f17" is a feature of the layer under the cursor, a number is an image, a word a class. */
static void find_image(struct cs_view *view, const char *text, int step)
{
	struct cs_image_state *state = view->state;
	const struct cs_opened *opened = view->session->opened;
	bool feature = text[0] == 'f' && text[1] >= '0' && text[1] <= '9';
	int64_t count = cs_layer_features(
		&cs_session_network(view->session)->layers[cs_panel_layer(view, state->column)]);
	int64_t position = cs_opened_position(opened, state->image);
	char *end, name[64];
	int64_t number = strtoll(text + feature, &end, 10);

	if (feature && *end == '\0') {
		if (number < count)
			state->fixed[state->column] = number;
		else
			cs_session_say(view->session, CS_STYLE_WARN, "no feature %" PRId64 ": expected 0 to %" PRId64,
				number, count - 1);
		return;
	}
	if (!feature && *end == '\0') {
		if (cs_opened_position(opened, number) < 0)
			cs_session_say(view->session, CS_STYLE_WARN, "image %" PRId64 " is not in the %s split", number,
				cs_split_name(opened->split));
		else
			show(view, number);
		return;
	}
	position = position < 0 ? 0 : position;
	for (int64_t i = 0; i < opened->image_count; i++) {
		int64_t from = step < 0 ? position - 1 - i : position + i + (step > 0);
		int64_t at = (from % opened->image_count + opened->image_count) % opened->image_count;

		if (strcasestr(cs_opened_label(
				       opened, cs_dataset_label(opened->data, opened->images[at]), name, sizeof name),
			    text)) {
			show(view, opened->images[at]);
			return;
		}
	}
	cs_session_say(
		view->session, CS_STYLE_WARN, "no class is called '%s'; a number finds an image, f17 a feature", text);
}

static enum cs_status export_image(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	enum cs_status status;
	int count;
	struct cs_exhibit *exhibits = cs_panels_collect(view, &count);

	if (!exhibits)
		return cs_fail_memory(error, "an export");
	status = cs_lens_export(view->session, exhibits, count, count, stem, message, size, error);
	cs_lens_free(exhibits, count);
	return status;
}

static void label_image(struct cs_view *view, char *text, size_t size)
{
	const struct cs_image_state *state = view->state;
	struct cs_sample sample;

	if (cs_opened_file(view->session->opened, state->image)) {
		cs_opened_sample(view->session->opened, state->image, &sample);
		snprintf(text, size, "%s-%s", sample.name,
			state->by_rule ? "rules" : cs_rule_names[view->session->rule]);
	} else {
		snprintf(text, size, "image%" PRId64 "-%s", state->image,
			state->by_rule ? "rules" : cs_rule_names[view->session->rule]);
	}
}

static void close_image(struct cs_view *view)
{
	struct cs_image_state *state = view->state;

	cs_free(state->rank);
	cs_free(state->fixed);
}

const struct cs_view_ops cs_view_image = {
	.name = "image",
	.context = CS_ON_IMAGE,
	.size = sizeof(struct cs_image_state),
	.open = open_image,
	.draw = draw_image,
	.act = act_image,
	.tick = tick_image,
	.select = select_panel,
	.point = point_image,
	.find = find_image,
	.export = export_image,
	.label = label_image,
	.close = close_image,
};
