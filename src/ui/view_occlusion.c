/* view_occlusion.c: where the evidence lies. For one image, live: the input, what the probability of its class loses when a square hides
 * each place, and what the strongest feature of a layer loses. For the data set, from the analysis: how much of the evidence lies on the
 * objects, and the classes and pictures where the background decides.
 */
#include "core/alloc.h"
#include "ui/analyses.h"
#include "ui/grid.h"
#include "ui/invite.h"
#include "ui/legend.h"
#include "ui/lens.h"
#include "ui/record.h"
#include "ui/view.h"
#include "ui/words.h"
#include "work/occlude.h"
#include "work/reading.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 2, PANELS = 3 };

struct occlusion {
	int64_t position; /* in the split */
	int64_t image;
	int column; /* the layer, among the opened model's */
	int64_t feature; /* -1: the strongest */
	struct cs_occlude *work;
	struct cs_occlude_answer answer;
	unsigned version;
	bool told; /* that it failed */
	bool summary; /* the data set is shown, not the image */
	struct cs_reading *reading;
	struct cs_grid grid;
};

static int layer_of(const struct cs_view *view)
{
	return view->session->opened->layers[((const struct occlusion *)view->state)->column];
}

/* Begin anew on what is chosen. */
static void restart(struct cs_view *view)
{
	struct occlusion *state = view->state;
	struct cs_occlude_question question = {
		.image = state->image, .layer = layer_of(view), .feature = state->feature};
	struct cs_error error;

	cs_occlude_drop(state->work);
	state->work = NULL;
	state->version = 0;
	state->told = false;
	cs_occlude_answer_fini(&state->answer);
	state->answer = (struct cs_occlude_answer){.feature = -1, .class = -1};
	if (cs_occlude_start(view->session->works, view->session->opened, &question, &state->work, &error))
		cs_session_complain(view->session, &error);
}

static enum cs_status open_occlusion(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_image_argument *from = argument;
	struct occlusion *state = view->state;
	struct cs_opened *opened = view->session->opened;
	enum cs_status status;

	state->grid.sorted = -1;
	state->feature = -1;
	if (!cs_session_has_images(view->session))
		return cs_fail(error, CS_ERR_NOT_FOUND, "the images are not open yet");
	if (opened->layer_count == 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "this network has no layer with features");
	state->image = from && from->image >= 0 ? from->image : opened->images[0];
	state->position = cs_opened_position(opened, state->image);
	state->column = opened->layer_count - 1;
	for (int i = 0; from && from->layer >= 0 && i < opened->layer_count; i++) {
		if (opened->layers[i] == from->layer)
			state->column = i;
	}
	if (!(from && from->layer >= 0) && state->column > 0 &&
		opened->layers[state->column] == cs_session_network(view->session)->layer_count - 1)
		state->column--; /* the last layer with maps, not the class scores */
	state->feature = from && from->layer >= 0 ? from->feature : -1;
	status = cs_analyses_read(view->session, "occlusion", &state->reading, error);
	if (!status)
		restart(view);
	return status;
}

static bool tick_occlusion(struct cs_view *view)
{
	struct occlusion *state = view->state;
	struct cs_analysis_run *run = cs_analyses_run(view->session, "occlusion");
	bool news = state->summary && run && run->work;
	struct cs_error error;
	unsigned version;

	if (cs_reading_tick(state->reading)) {
		cs_grid_set(&state->grid, cs_reading_result(state->reading));
		news = true;
	}
	if (!state->work)
		return news;
	version = cs_occlude_version(state->work);
	if (version != state->version) {
		struct cs_occlude_answer answer;

		if (cs_occlude_answer(state->work, &answer)) {
			cs_occlude_answer_fini(&state->answer);
			state->answer = answer;
		}
		state->version = version;
		news = true;
	}
	if (!state->told && cs_occlude_finished(state->work)) {
		state->told = true;
		if (cs_occlude_result(state->work, &error))
			cs_session_complain(view->session, &error);
		news = true;
	}
	return news;
}

/* ---- one image ---- */

static void draw_title(struct cs_view *view)
{
	struct occlusion *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	struct cs_sample sample;
	char name[64];
	int used = 1 + cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "occlusion");

	cs_opened_sample(session->opened, state->image, &sample);
	used += 2 + cs_screen_put(screen, 0, used + 2, -1, CS_STYLE_TEXT, "image %" PRId64 " ", state->image);
	used += cs_screen_put(screen, 0, used, -1, CS_STYLE_TITLE, "%s",
		cs_opened_label(session->opened, sample.label, name, sizeof name));
	if (screen->columns - used > 44)
		cs_screen_put_right(screen, 0, screen->columns - 1, CS_STYLE_DIM, "a square of %d pixels, %s%d apart",
			state->answer.size, state->answer.stride ? "steps " : "", state->answer.stride);
}

/* Ask for what is shown: the input and the two maps. */
static void collect(struct cs_view *view, struct cs_exhibit exhibits[PANELS])
{
	struct occlusion *state = view->state;
	struct cs_tile_key key = cs_lens_key(view->session, CS_TILE_IMAGE, 0, state->image);

	memset(exhibits, 0, PANELS * sizeof *exhibits);
	snprintf(exhibits[0].name, sizeof exhibits[0].name, "input");
	snprintf(exhibits[1].name, sizeof exhibits[1].name, "lost-probability");
	snprintf(exhibits[2].name, sizeof exhibits[2].name, "lost-activation");
	cs_lens_ask(view->session, &key, &exhibits[0]);
	if (state->answer.stride > 0) {
		exhibits[1].numbers = state->answer.class >= 0 ? &state->answer.probability : NULL;
		exhibits[1].value = state->answer.whole;
		exhibits[2].numbers = &state->answer.activation;
		exhibits[2].value = state->answer.fires;
	}
	cs_lens_draw(view->session, exhibits, PANELS);
}

static void draw_panel(struct cs_view *view, int which, const struct cs_exhibit *exhibit, struct cs_area area)
{
	struct occlusion *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_occlude_answer *answer = &state->answer;
	struct cs_area covered;
	char name[64], value[40];
	int row;

	if (which == 0)
		cs_screen_put(screen, area.row - 1, area.column, area.columns, CS_STYLE_TITLE, "input");
	else if (which == 1)
		cs_screen_put(screen, area.row - 1, area.column, area.columns, CS_STYLE_TITLE, "%s",
			answer->class < 0 ? "no class"
					  : cs_opened_class(session->opened, answer->class, name, sizeof name));
	else
		cs_screen_put(screen, area.row - 1, area.column, area.columns, CS_STYLE_TITLE, "%s %s%" PRId64,
			cs_layer_name(cs_session_network(session), layer_of(view)), area.columns > 22 ? "feature " : "",
			answer->feature < 0 ? 0 : answer->feature);
	covered = cs_lens_show(session, area, CS_ANCHOR_LEFT, exhibit);
	row = exhibit->picture.rgb ? covered.row + covered.rows : area.row + area.rows;
	if (which == 0 || answer->stride == 0)
		return;
	if (exhibit->limit > 0)
		cs_legend_show(session, row, area.column, area.columns, cs_colormap_find("diverging"),
			-(double)exhibit->limit, (double)exhibit->limit);
	cs_screen_put(screen, row + 1, area.column, area.columns, CS_STYLE_DIM,
		which == 1 ? "lost of %s" : "lost of %s", cs_words_value((double)exhibit->value, value, sizeof value));
}

static void draw_image(struct cs_view *view)
{
	struct cs_session *session = view->session;
	struct cs_exhibit exhibits[PANELS];
	int across = session->screen.columns >= 48 ? PANELS : 1, width = (session->screen.columns - 1) / across - 2;
	int rows = session->body_rows - HEAD - 1 - 2;

	draw_title(view);
	collect(view, exhibits);
	for (int i = 0; i < across && rows > 0; i++) {
		int which = across == 1 ? 1 : i; /* the map matters most */

		draw_panel(view, which, &exhibits[which], (struct cs_area){HEAD + 1, 1 + i * (width + 2), rows, width});
	}
	cs_screen_put(&session->screen, 1, 1, -1, CS_STYLE_DIM,
		"warm where hiding a place costs, cold where it helps%s",
		session->screen.columns > 70 ? "; Tab: the whole data set" : "");
	for (int i = 0; i < PANELS; i++)
		cs_picture_fini(&exhibits[i].picture);
}

/* ---- the data set ---- */

static void draw_summary(struct cs_view *view)
{
	struct occlusion *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_result *result = cs_reading_result(state->reading);
	int row = 2;

	cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "occlusion");
	cs_screen_put(screen, 0, 12, -1, CS_STYLE_TEXT, "where the evidence lies, over the data set");
	if (!result) {
		cs_invite_draw(session, "occlusion", state->reading, 2);
		return;
	}
	cs_invite_origin(session, "occlusion", state->reading, 1);
	for (int i = 0; i < result->note_count && row < session->body_rows - 6; i++)
		row += cs_screen_put_lines(
			screen, row, session->body_rows - 6, 1, screen->columns - 2, CS_STYLE_TEXT, result->notes[i]);
	row += row + 6 < session->body_rows;
	cs_grid_draw(
		session, &state->grid, (struct cs_area){row, 1, session->body_rows - row, screen->columns - 2}, true);
}

static void draw_occlusion(struct cs_view *view)
{
	if (((struct occlusion *)view->state)->summary)
		draw_summary(view);
	else
		draw_image(view);
}

/* ---- keys ---- */

static void go(struct cs_view *view, int64_t position)
{
	struct occlusion *state = view->state;
	struct cs_opened *opened = view->session->opened;

	position = position < 0 ? 0 : position >= opened->image_count ? opened->image_count - 1 : position;
	if (position == state->position)
		return;
	state->position = position;
	state->image = opened->images[position];
	state->feature = -1;
	restart(view);
}

/* The image of the row under the cursor, as the analysis numbered it; -1: the row is none. */
static int64_t image_of_row(const struct occlusion *state)
{
	const struct cs_result_column *column = cs_result_column(state->grid.result, "image");
	int64_t row = cs_grid_row(&state->grid);

	return column && column->numbers && row >= 0 && !isnan(column->numbers[row]) ? (int64_t)column->numbers[row]
										     : -1;
}

static bool act_summary(struct cs_view *view, enum cs_action action)
{
	struct occlusion *state = view->state;
	int64_t image;

	if (cs_invite_act(view->session, "occlusion", action))
		return true;
	if (action == CS_ACTION_TABLE) {
		cs_view_push(view->session, &cs_view_result, &(struct cs_result_argument){"occlusion"});
		return true;
	}
	if (action != CS_ACTION_ENTER)
		return cs_grid_act(view->session, &state->grid, action);
	image = image_of_row(state);
	if (image < 0)
		cs_session_say(view->session, CS_STYLE_TEXT, "this row is no picture: those at the end are");
	else
		cs_view_push(view->session, &cs_view_image,
			&(struct cs_image_argument){.image = image, .layer = -1, .feature = -1});
	return true;
}

static bool act_occlusion(struct cs_view *view, enum cs_action action, int argument)
{
	struct occlusion *state = view->state;
	struct cs_opened *opened = view->session->opened;

	(void)argument;
	if (action == CS_ACTION_NEXT_PANE) {
		state->summary = !state->summary;
		return true;
	}
	if (state->summary)
		return act_summary(view, action);
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
		go(view, action == CS_ACTION_END ? opened->image_count - 1 : 0);
		return true;
	case CS_ACTION_LAYER_NEXT:
	case CS_ACTION_LAYER_PREVIOUS:
		state->column = (state->column + (action == CS_ACTION_LAYER_NEXT ? 1 : opened->layer_count - 1)) %
			opened->layer_count;
		state->feature = -1;
		restart(view);
		return true;
	case CS_ACTION_ENTER:
		cs_view_push(view->session, &cs_view_image,
			&(struct cs_image_argument){
				.image = state->image, .layer = layer_of(view), .feature = state->answer.feature});
		return true;
	case CS_ACTION_START:
		state->summary = true; /* it is the data set that takes a run */
		return act_summary(view, action);
	default:
		return false;
	}
}

static bool select_occlusion(struct cs_view *view, int64_t index)
{
	struct occlusion *state = view->state;
	bool there = state->grid.table.cursor == index;

	state->grid.table.cursor = (int)index;
	return there;
}

/* "f17": a feature of the layer; a number: an image; in the summary: a row. */
static void find_occlusion(struct cs_view *view, const char *text, int step)
{
	struct occlusion *state = view->state;
	bool feature = text[0] == 'f' && text[1] >= '0' && text[1] <= '9';
	char *end;
	int64_t number = strtoll(text + feature, &end, 10), most;

	if (state->summary) {
		if (!cs_grid_find(&state->grid, text, step))
			cs_session_say(view->session, CS_STYLE_WARN, "no row holds '%s'", text);
		return;
	}
	most = cs_layer_features(&cs_session_network(view->session)->layers[layer_of(view)]);
	if (*end == '\0' && feature && number < most) {
		state->feature = number;
		restart(view);
	} else if (*end == '\0' && !feature && cs_opened_position(view->session->opened, number) >= 0) {
		go(view, cs_opened_position(view->session->opened, number));
	} else {
		cs_session_say(view->session, CS_STYLE_WARN,
			"expected the number of an image, or f0 to f%" PRId64 " for a feature", most - 1);
	}
}

static void record_occlusion(struct cs_view *view, const char *stem)
{
	struct occlusion *state = view->state;
	struct cs_session *session = view->session;
	char image[1200], layer[200], quoted[1200], feature[40] = "";

	if (state->feature >= 0)
		snprintf(feature, sizeof feature, ", %" PRId64, state->feature);
	cs_record_quote(cs_session_network(session)->layers[layer_of(view)].spec.name, layer, sizeof layer);
	cs_record_image(session, state->image, image, sizeof image);
	cs_record_choices(session);
	cs_record_line(session,
		"do\n"
		"  local image = %s\n"
		"  local found = assert(cs.occlusion_map(model, image, %s%s))\n"
		"  local sheet = cs.sheet(model, { columns = %d, shared = shared })\n"
		"  sheet:image(\"input\", image)\n"
		"  if found.class then sheet:numbers(\"lost-probability\", found.probability, found.whole) else "
		"sheet:skip \"lost-probability\" end\n"
		"  sheet:numbers(\"lost-activation\", found.activation, found.fires)\n"
		"  assert(sheet:save(%s))\n"
		"end",
		image, layer, feature, PANELS, cs_record_quote(stem, quoted, sizeof quoted));
}

static enum cs_status export_occlusion(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct occlusion *state = view->state;
	struct cs_exhibit exhibits[PANELS];
	enum cs_status status;

	if (state->summary && !state->grid.result)
		return cs_fail(error, CS_ERR_NOT_FOUND, "there is no result to export yet");
	if (state->summary) {
		status = cs_grid_save(&state->grid, stem, message, size, error);
		if (!status)
			cs_record_grid(view->session, "occlusion", &state->grid, stem);
		return status;
	}
	collect(view, exhibits);
	status = cs_lens_save(exhibits, PANELS, PANELS, stem, message, size, error);
	if (!status)
		record_occlusion(view, stem);
	for (int i = 0; i < PANELS; i++)
		cs_picture_fini(&exhibits[i].picture);
	return status;
}

static void label_occlusion(struct cs_view *view, char *text, size_t size)
{
	const struct occlusion *state = view->state;

	if (state->summary)
		snprintf(text, size, "occlusion-summary");
	else
		snprintf(text, size, "occlusion-image%" PRId64, state->image);
}

static void close_occlusion(struct cs_view *view)
{
	struct occlusion *state = view->state;

	cs_occlude_drop(state->work);
	cs_occlude_answer_fini(&state->answer);
	cs_grid_fini(&state->grid);
	cs_reading_free(state->reading);
}

const struct cs_view_ops cs_view_occlusion = {
	.name = "occlusion",
	.context = CS_ON_OCCLUSION,
	.size = sizeof(struct occlusion),
	.open = open_occlusion,
	.draw = draw_occlusion,
	.act = act_occlusion,
	.tick = tick_occlusion,
	.find = find_occlusion,
	.select = select_occlusion,
	.export = export_occlusion,
	.label = label_occlusion,
	.close = close_occlusion,
	.wake = 1000,
};
