/* view_confusion.c: which classes the network takes for which, over all images of the split: counted live while they are
 * classified in the background.
 *
 * Three sizes of the matrix: the whole of it as a picture, a small block a cell, or a number a cell. Rows are true classes, columns what
 * they are taken for; both stand in one order. Beside it the most frequent confusions, as a list with a cursor of its own. Colours show the
 * share of a class' images; their range ends at the largest confusion, since the diagonal would drown all others.
 */
#include "core/alloc.h"
#include "figure/plot.h"
#include "ui/chart.h"
#include "ui/confusion_counts.h"
#include "ui/csv.h"
#include "ui/legend.h"
#include "ui/record.h"
#include "ui/table.h"
#include "ui/view.h"
#include "ui/words.h"
#include "work/verdicts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 3, FOOT = 1, SIDE = 38, SIDE_FROM = 76, MOST_CLASSES = 4096, NAMES = 14 };

static const int cell_columns[CS_CONFUSION_SIZES] = {0, 2, 5};
static const char *const order_names[CS_CONFUSION_ORDERS] = {"class", "error", "name"};

static struct cs_opened *opened_of(const struct cs_view *view)
{
	return view->session->opened;
}

static enum cs_status open_confusion(struct cs_view *view, const void *argument, struct cs_error *error)
{
	struct cs_confusion_state *state = view->state;
	size_t classes;

	(void)argument;
	if (!cs_session_has_images(view->session))
		return cs_fail(error, CS_ERR_NOT_FOUND, "the images are not open yet");
	if (cs_network_output(cs_session_network(view->session)).rank != 1)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "this network ends in maps: it names no classes to confuse");
	state->classes = cs_verdicts_classes(opened_of(view));
	if (state->classes > MOST_CLASSES)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "a matrix of %d classes: expected at most %d", state->classes,
			MOST_CLASSES);
	classes = (size_t)state->classes;
	state->cells = cs_calloc(classes * classes, sizeof *state->cells);
	state->of = cs_calloc(classes, sizeof *state->of);
	state->order = cs_calloc(classes, sizeof *state->order);
	if (!state->cells || !state->of || !state->order)
		return cs_fail_memory(error, "a confusion matrix");
	state->by = CS_CONFUSION_BY_INDEX;
	cs_confusion_count(view);
	return cs_verdicts_start(view->session->works, opened_of(view), &state->asking, error);
}

static bool tick_confusion(struct cs_view *view)
{
	struct cs_confusion_state *state = view->state;
	bool ended = cs_work_finished(state->asking);
	int64_t seen = cs_verdicts_known(opened_of(view));

	if (state->ended || (!ended && seen == state->counted))
		return false;
	if (ended) {
		state->ended = true;
		if (cs_work_result(state->asking, &state->trouble) == CS_OK)
			state->trouble.status = CS_OK;
		else
			cs_session_complain(view->session, &state->trouble);
	}
	state->counted = seen;
	cs_confusion_count(view);
	return true;
}

/* ---- drawing ---- */

static const char *name_of(const struct cs_view *view, int c, char *text, size_t size)
{
	return cs_opened_label(opened_of(view), c, text, size);
}

/* The largest share that is no right answer: where the colours end. */
static double top_share(const struct cs_confusion_state *state)
{
	double most = 0;

	for (int t = 0; t < state->classes; t++) {
		for (int s = 0; s < state->classes; s++) {
			if (s != t && state->of[t])
				most = fmax(most, (double)cs_confusion_cell(state, t, s) / (double)state->of[t]);
		}
	}
	return most > 0 ? most : 1;
}

static float share_at(const struct cs_confusion_state *state, int row, int column)
{
	int truth = state->order[row];

	return state->of[truth]
		? (float)((double)cs_confusion_cell(state, truth, state->order[column]) / (double)state->of[truth])
		: 0;
}

static struct cs_rgb mix(struct cs_rgb a, struct cs_rgb b, int percent)
{
	return (struct cs_rgb){(uint8_t)((a.r * (100 - percent) + b.r * percent) / 100),
		(uint8_t)((a.g * (100 - percent) + b.g * percent) / 100),
		(uint8_t)((a.b * (100 - percent) + b.b * percent) / 100)};
}

/* All of it as a picture, the row and the column of the cursor lit up. */
static void draw_whole(struct cs_view *view, struct cs_area area, double top)
{
	struct cs_confusion_state *state = view->state;
	const struct cs_colormap *map = cs_colormap_find("heat");
	struct cs_rgb light = {90, 200, 255};
	struct cs_picture picture = {0};

	if (cs_picture_init(&picture, state->classes, state->classes, NULL))
		return;
	for (int r = 0; r < state->classes; r++) {
		for (int c = 0; c < state->classes; c++) {
			struct cs_rgb colour = cs_colormap_at(map, share_at(state, r, c), 0, (float)top);

			if ((r == state->row) != (c == state->column))
				colour = mix(colour, light, 45);
			memcpy(picture.rgb + 3 * ((size_t)r * (size_t)state->classes + (size_t)c), &colour, 3);
		}
	}
	cs_graphics_place(view->session->graphics, area, CS_ANCHOR_LEFT, &picture);
	cs_picture_fini(&picture);
}

static void draw_cell(struct cs_view *view, int row, int column, int r, int c, double top)
{
	struct cs_confusion_state *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	int wide = cell_columns[state->size];
	float share = share_at(state, r, c);
	struct cs_rgb ground = cs_colormap_at(cs_colormap_find("heat"), share, 0, (float)top);
	double light = 0.2126 * ground.r + 0.7152 * ground.g + 0.0722 * ground.b;
	struct cs_rgb ink = light > 115 ? (struct cs_rgb){0, 0, 0} : (struct cs_rgb){255, 255, 255};
	bool cursor = r == state->row && c == state->column, coloured = screen->colours >= 256;
	int64_t count = cs_confusion_cell(state, state->order[r], state->order[c]);
	char text[24] = "";

	if (state->size == CS_CONFUSION_NUMBERS && count > 0)
		snprintf(text, sizeof text, "%*" PRId64, wide - 1, count);
	for (int k = 0; k < wide; k++) {
		uint32_t character = (size_t)k < strlen(text) ? (uint32_t)(unsigned char)text[k] : ' ';

		if (state->size == CS_CONFUSION_BLOCKS && !coloured && count > 0)
			character = cs_legend_weight((double)share / top);
		cs_screen_cell(
			screen, row, column + k, character, coloured ? &ink : NULL, coloured ? &ground : NULL, r == c);
	}
	if (cursor)
		cs_screen_shade(screen, row, column, wide, CS_STYLE_SELECT);
}

static void draw_blocks(struct cs_view *view, struct cs_area area, double top)
{
	struct cs_confusion_state *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	int wide = cell_columns[state->size], names = area.columns > 60 ? NAMES : 8;
	int across = (area.columns - names - 1) / wide, down = area.rows - 1;
	char name[64];

	across = across < 1 ? 1 : across > state->classes ? state->classes : across;
	down = down < 1 ? 1 : down > state->classes ? state->classes : down;
	state->top = state->top > state->row ? state->row : state->top;
	state->top = state->top < state->row - down + 1 ? state->row - down + 1 : state->top;
	state->left = state->left > state->column ? state->column : state->left;
	state->left = state->left < state->column - across + 1 ? state->column - across + 1 : state->left;
	for (int i = 0; i < down && state->top + i < state->classes; i++) {
		int r = state->top + i, row = area.row + 1 + i;

		cs_screen_put(screen, row, area.column, names, r == state->row ? CS_STYLE_TITLE : CS_STYLE_DIM, "%s",
			name_of(view, state->order[r], name, sizeof name));
		for (int k = 0; k < across && state->left + k < state->classes; k++)
			draw_cell(view, row, area.column + names + 1 + k * wide, r, state->left + k, top);
	}
	cs_screen_put(screen, area.row, area.column + names + 1 + (state->column - state->left) * wide,
		area.columns - names - 1 - (state->column - state->left) * wide, CS_STYLE_TITLE, "%s",
		name_of(view, state->order[state->column], name, sizeof name));
}

static void draw_list(struct cs_view *view, struct cs_area area)
{
	struct cs_confusion_state *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	char a[64], b[64];

	cs_screen_put(screen, area.row, area.column, area.columns, CS_STYLE_DIM, "most often taken for another");
	cs_table_settle(&state->list, area.rows - 1);
	for (int i = 0; i < area.rows - 1 && state->list.top + i < state->list.count; i++) {
		const struct cs_confusion_pair *pair = &state->pairs[state->list.top + i];
		int row = area.row + 1 + i, half = (area.columns - 9) / 2;

		cs_screen_put(screen, row, area.column, 5, CS_STYLE_TEXT, "%4" PRId64, pair->count);
		cs_screen_put(screen, row, area.column + 5, half, CS_STYLE_TEXT, "%s",
			name_of(view, pair->truth, a, sizeof a));
		cs_screen_put(screen, row, area.column + 6 + half, half + 2, CS_STYLE_BAD, "→ %s",
			name_of(view, pair->said, b, sizeof b));
		cs_spots_add(&view->session->spots, (struct cs_area){row, area.column, 1, area.columns}, CS_SPOT_ITEM,
			state->list.top + i);
		if (state->in_list && state->list.top + i == state->list.cursor)
			cs_screen_shade(screen, row, area.column, area.columns, CS_STYLE_SELECT);
	}
	if (state->list.count == 0)
		cs_screen_put(screen, area.row + 1, area.column, area.columns, CS_STYLE_DIM, "none so far");
}

/* "goldfish taken for orange: 3 of 50 images (6.0 %)" */
static void draw_cursor(struct cs_view *view, int row)
{
	struct cs_confusion_state *state = view->state;
	int truth = state->order[state->row], said = state->order[state->column];
	int64_t count = cs_confusion_cell(state, truth, said), of = state->of[truth];
	char a[64], b[64];

	if (truth == said)
		cs_screen_put(&view->session->screen, row, 1, -1, CS_STYLE_TEXT,
			"%s is known: %" PRId64 " of %" PRId64 " images (%.1f %%)", name_of(view, truth, a, sizeof a),
			count, of, of ? 100.0 * (double)count / (double)of : 0.0);
	else
		cs_screen_put(&view->session->screen, row, 1, -1, CS_STYLE_TEXT,
			"%s taken for %s: %" PRId64 " of %" PRId64 " images (%.1f %%) · the other way %" PRId64,
			name_of(view, truth, a, sizeof a), name_of(view, said, b, sizeof b), count, of,
			of ? 100.0 * (double)count / (double)of : 0.0, cs_confusion_cell(state, said, truth));
}

static void draw_title(struct cs_view *view)
{
	struct cs_confusion_state *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	char count[40], all[40];
	int used = 1 + cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "confusion");

	cs_words_count(opened_of(view)->image_count, all, sizeof all);
	cs_words_count(state->known, count, sizeof count);
	if (state->known < opened_of(view)->image_count)
		used += cs_screen_put(screen, 0, used + 2, -1, CS_STYLE_TEXT, "%s of %s %s images so far", count, all,
				cs_split_name(opened_of(view)->split)) +
			2;
	else
		used += cs_screen_put(screen, 0, used + 2, -1, CS_STYLE_TEXT, "%s %s images", all,
				cs_split_name(opened_of(view)->split)) +
			2;
	if (state->labelled)
		used += cs_screen_put(screen, 0, used, -1, CS_STYLE_TEXT, " · accuracy %.1f %%",
			100.0 * (double)state->right / (double)state->labelled);
	if (screen->columns - used > 26)
		cs_screen_put_right(screen, 0, screen->columns - 1, CS_STYLE_DIM, "%d classes by %s ▾", state->classes,
			order_names[state->by]);
}

/* The largest size at which all classes fit, unless one was chosen. */
static void choose_size(struct cs_confusion_state *state, struct cs_area area)
{
	if (state->sized)
		return;
	state->size = state->classes + 1 > area.rows                                              ? CS_CONFUSION_WHOLE
		: state->classes * cell_columns[CS_CONFUSION_NUMBERS] + NAMES + 1 <= area.columns ? CS_CONFUSION_NUMBERS
		: state->classes * cell_columns[CS_CONFUSION_BLOCKS] + NAMES + 1 <= area.columns  ? CS_CONFUSION_BLOCKS
												  : CS_CONFUSION_WHOLE;
}

static void draw_confusion(struct cs_view *view)
{
	struct cs_confusion_state *state = view->state;
	struct cs_session *session = view->session;
	int columns = session->screen.columns, side = columns < SIDE_FROM ? 0 : columns >= 110 ? SIDE + 10 : SIDE, used;
	struct cs_area area = {HEAD - 1, 1, session->body_rows - HEAD + 1 - FOOT, columns - 2 - side};
	double top = top_share(state);

	draw_title(view);
	draw_cursor(view, 1);
	if (!side && state->in_list) {
		draw_list(view, area);
		return;
	}
	if (area.rows < 2)
		return;
	choose_size(state, area);
	if (state->size == CS_CONFUSION_WHOLE)
		draw_whole(view, area, top);
	else
		draw_blocks(view, area, top);
	used = cs_legend_show(session, area.row + area.rows, 1, 32, cs_colormap_find("heat"), 0, top);
	if (used)
		cs_screen_put(&session->screen, area.row + area.rows, 2 + used, columns - side - used - 4, CS_STYLE_DIM,
			"of the class");
	if (side)
		draw_list(view, (struct cs_area){area.row, columns - side + 1, area.rows + 1, side - 2});
}

/* ---- keys ---- */

static void show_images(struct cs_view *view, int truth, int said)
{
	struct cs_opened *opened = opened_of(view);
	int64_t *images = cs_alloc((size_t)opened->image_count * sizeof *images), count = 0;
	char title[200], a[64], b[64];

	if (!images)
		return;
	for (int64_t i = 0; i < opened->image_count; i++) {
		if (cs_verdict(opened, i) == said && cs_dataset_label(opened->data, opened->images[i]) == truth)
			images[count++] = opened->images[i];
	}
	snprintf(title, sizeof title, truth == said ? "%s, known" : "%s taken for %s",
		name_of(view, truth, a, sizeof a), name_of(view, said, b, sizeof b));
	if (count == 0)
		cs_session_say(view->session, CS_STYLE_TEXT, "no image here");
	else
		cs_view_push(view->session, &cs_view_gallery,
			&(struct cs_gallery_argument){.title = title, .images = images, .count = count});
	cs_free(images);
}

static bool move(struct cs_confusion_state *state, enum cs_action action, int page)
{
	int last = state->classes - 1;

	switch (action) {
	case CS_ACTION_UP:
		state->row--;
		break;
	case CS_ACTION_DOWN:
		state->row++;
		break;
	case CS_ACTION_LEFT:
		state->column--;
		break;
	case CS_ACTION_RIGHT:
		state->column++;
		break;
	case CS_ACTION_PAGE_UP:
		state->row -= page;
		break;
	case CS_ACTION_PAGE_DOWN:
		state->row += page;
		break;
	case CS_ACTION_HOME:
		state->row = state->column = 0;
		break;
	case CS_ACTION_END:
		state->row = state->column = last;
		break;
	default:
		return false;
	}
	state->row = state->row < 0 ? 0 : state->row > last ? last : state->row;
	state->column = state->column < 0 ? 0 : state->column > last ? last : state->column;
	return true;
}

/* The matrix' cursor follows the list's. */
static void follow_list(struct cs_confusion_state *state)
{
	if (state->list.cursor < 0 || state->list.cursor >= state->pair_count)
		return;
	for (int i = 0; i < state->classes; i++) {
		if (state->order[i] == state->pairs[state->list.cursor].truth)
			state->row = i;
		if (state->order[i] == state->pairs[state->list.cursor].said)
			state->column = i;
	}
}

static bool act_confusion(struct cs_view *view, enum cs_action action, int argument)
{
	struct cs_confusion_state *state = view->state;
	int page = view->session->body_rows - HEAD - 1;

	(void)argument;
	page = page < 1 ? 1 : page;
	switch (action) {
	case CS_ACTION_NEXT_PANE:
		state->in_list = !state->in_list;
		if (state->in_list)
			follow_list(state);
		return true;
	case CS_ACTION_SORT:
		state->by = (state->by + 1) % CS_CONFUSION_ORDERS;
		cs_confusion_sort(view);
		cs_session_say(view->session, CS_STYLE_TEXT, "classes by %s", order_names[state->by]);
		return true;
	case CS_ACTION_ZOOM_IN:
	case CS_ACTION_ZOOM_OUT:
		state->sized = true;
		if (action == CS_ACTION_ZOOM_IN)
			state->size += state->size < CS_CONFUSION_SIZES - 1;
		else
			state->size -= state->size > 0;
		return true;
	case CS_ACTION_ENTER:
		show_images(view, state->order[state->row], state->order[state->column]);
		return true;
	default:
		break;
	}
	if (!state->in_list)
		return move(state, action, page);
	if (!cs_table_move(&state->list, action, page))
		return false;
	follow_list(state);
	return true;
}

static bool select_pair(struct cs_view *view, int64_t index)
{
	struct cs_confusion_state *state = view->state;
	bool there = state->in_list && state->list.cursor == index;

	state->in_list = true;
	state->list.cursor = (int)index;
	follow_list(state);
	return there;
}

/* A class: its row, and what it is most taken for. */
static void find_class(struct cs_view *view, const char *text, int step)
{
	struct cs_confusion_state *state = view->state;
	char name[64];

	for (int i = 0; i < state->classes; i++) {
		int from = step < 0 ? state->row - 1 - i : state->row + i + (step > 0);
		int at = (from % state->classes + state->classes) % state->classes, best = -1;

		if (!strcasestr(name_of(view, state->order[at], name, sizeof name), text))
			continue;
		state->row = state->column = at;
		for (int c = 0; c < state->classes; c++) {
			if (c != at && cs_confusion_cell(state, state->order[at], state->order[c]) > 0 &&
				(best < 0 ||
					cs_confusion_cell(state, state->order[at], state->order[c]) >
						cs_confusion_cell(state, state->order[at], state->order[best])))
				best = c;
		}
		state->column = best < 0 ? at : best;
		state->in_list = false;
		return;
	}
	cs_session_say(view->session, CS_STYLE_WARN, "no class is called '%s'", text);
}

static enum cs_status save_counts(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct cs_confusion_state *state = view->state;
	struct cs_csv csv;
	char name[64];

	cs_csv_init(&csv, NULL);
	cs_csv_text(&csv, "true class");
	for (int c = 0; c < state->classes; c++)
		cs_csv_text(&csv, name_of(view, state->order[c], name, sizeof name));
	cs_csv_end_row(&csv);
	for (int r = 0; r < state->classes; r++) {
		cs_csv_text(&csv, name_of(view, state->order[r], name, sizeof name));
		for (int c = 0; c < state->classes; c++)
			cs_csv_count(&csv, cs_confusion_cell(state, state->order[r], state->order[c]));
		cs_csv_end_row(&csv);
	}
	return cs_csv_save(&csv, stem, message, size, error);
}

static enum cs_status save_matrix(const struct cs_confusion_state *state, const char *stem, struct cs_error *error)
{
	float *shares = cs_alloc((size_t)state->classes * (size_t)state->classes * sizeof *shares);
	struct cs_plot plot = {.title = "confusion: share of a class' images",
		.x_label = "taken for",
		.y_label = "true class",
		.cells = shares,
		.cell_rows = state->classes,
		.cell_columns = state->classes};
	enum cs_status status;

	for (int r = 0; shares && r < state->classes; r++) {
		for (int c = 0; c < state->classes; c++)
			shares[r * state->classes + c] = share_at(state, r, c);
	}
	status = shares ? cs_chart_save(&plot, stem, error) : cs_fail_memory(error, "an export");
	cs_free(shares);
	return status;
}

static enum cs_status export_confusion(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	enum cs_status status = save_counts(view, stem, message, size, error);
	char quoted[1200];

	if (!status) {
		status = save_matrix(view->state, stem, error);
		if (status)
			cs_csv_drop(stem);
	}
	if (status)
		return status;
	snprintf(message, size, "wrote %s.csv, .png and .svg", stem);
	cs_record_export(view->session, "confusion(model, data.%s, %s, { order = \"%s\" }",
		cs_split_name(opened_of(view)->split), cs_record_quote(stem, quoted, sizeof quoted),
		order_names[((const struct cs_confusion_state *)view->state)->by]);
	return CS_OK;
}

static void label_confusion(struct cs_view *view, char *text, size_t size)
{
	(void)view;
	snprintf(text, size, "confusion");
}

static void close_confusion(struct cs_view *view)
{
	struct cs_confusion_state *state = view->state;

	cs_work_drop(state->asking);
	cs_free(state->cells);
	cs_free(state->of);
	cs_free(state->order);
	cs_free(state->pairs);
}

const struct cs_view_ops cs_view_confusion = {
	.name = "confusion",
	.context = CS_ON_CONFUSION,
	.size = sizeof(struct cs_confusion_state),
	.open = open_confusion,
	.draw = draw_confusion,
	.act = act_confusion,
	.tick = tick_confusion,
	.find = find_class,
	.select = select_pair,
	.export = export_confusion,
	.label = label_confusion,
	.close = close_confusion,
};
