/* view_images.c: the list of images: what they are, what the network takes them for, how sure it is; in several orders and by class. However
 * many there are, only the rows on the screen are looked at.
 */
#include "core/alloc.h"
#include "core/clock.h"
#include "ui/csv.h"
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

enum { HEAD = 3, WAKE_MS = 1000 };

struct images {
	struct cs_table table;
	char before[64]; /* the filter before the prompt was opened */
	bool filtering;
	double made; /* when the order was made */
};

static struct cs_gallery *gallery_of(const struct cs_view *view)
{
	return &view->session->gallery;
}

/* Make the order anew; the cursor stays on its image where that is still in it. */
static void order(struct cs_view *view, enum cs_gallery_order by, const char *filter)
{
	struct images *state = view->state;
	struct cs_gallery *gallery = gallery_of(view);
	int64_t at = state->table.cursor >= 0 && state->table.cursor < gallery->count
		? gallery->positions[state->table.cursor]
		: -1;
	bool same_order = by == gallery->order;
	int64_t place;

	cs_session_order_images(view->session, by, filter);
	state->table.count = (int)gallery->count;
	place = same_order ? cs_gallery_place(gallery, at) : 0;
	state->table.cursor = place < 0 ? 0 : (int)place;
	state->made = cs_now();
}

static enum cs_status open_images(struct cs_view *view, const void *argument, struct cs_error *error)
{
	struct images *state = view->state;

	(void)argument;
	if (!cs_session_has_images(view->session))
		return cs_fail(error, CS_ERR_NOT_FOUND, "the images are not open yet");
	if (!gallery_of(view)->positions)
		cs_session_order_images(view->session, CS_GALLERY_NUMBER, "");
	state->table.count = (int)gallery_of(view)->count;
	return CS_OK;
}

/* Orders by the network's words grow while those come in. */
static bool tick_images(struct cs_view *view)
{
	struct images *state = view->state;
	struct cs_gallery *gallery = gallery_of(view);
	bool grows = gallery->order == CS_GALLERY_WRONG || gallery->order == CS_GALLERY_UNSURE;

	cs_session_scan(view->session, view->session->opened->layers[0]);
	if (cs_now() - state->made < 0.001 * WAKE_MS)
		return false;
	state->made = cs_now();
	if (grows && (!view->session->verdicts_told || gallery->verdicts < view->session->opened->image_count))
		order(view, gallery->order, gallery->filter);
	return true;
}

static void draw_row(struct cs_view *view, int row, int64_t position, bool selected)
{
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_opened *opened = session->opened;
	int word = atomic_load(&opened->predicted[position]), wide = screen->columns >= 90 ? 24 : 16;
	int sure = atomic_load(&opened->confidence[position]);
	struct cs_sample sample;
	char name[64];

	cs_opened_sample(opened, opened->images[position], &sample);
	cs_screen_put_right(screen, row, 9, CS_STYLE_TEXT, "%" PRId64, opened->images[position]);
	cs_screen_put(screen, row, 11, wide - 1, CS_STYLE_TEXT, "%s",
		cs_opened_label(opened, sample.label, name, sizeof name));
	if (word >= 0) {
		cs_screen_put(screen, row, 11 + wide, wide - 1,
			sample.label < 0               ? CS_STYLE_TEXT
				: word == sample.label ? CS_STYLE_GOOD
						       : CS_STYLE_BAD,
			"%s", cs_opened_class(opened, word, name, sizeof name));
		cs_screen_put_right(screen, row, 11 + 2 * wide + 7, CS_STYLE_TEXT, "%.1f %%", sure / 1e4);
	}
	cs_screen_put(screen, row, 11 + 2 * wide + 9, -1, CS_STYLE_DIM, "%s", sample.name ? sample.name : "");
	if (selected)
		cs_screen_shade(screen, row, 0, screen->columns, CS_STYLE_SELECT);
}

static void draw_images(struct cs_view *view)
{
	struct images *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_gallery *gallery = gallery_of(view);
	int page = session->body_rows - HEAD, wide = screen->columns >= 90 ? 24 : 16, used;
	char count[40];

	used = 1 +
		cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "images  %s %s of %s",
			cs_words_count(gallery->count, count, sizeof count),
			gallery->order == CS_GALLERY_WRONG ? "wrong ones"
				: gallery->count == 1      ? "image"
							   : "images",
			cs_split_name(session->opened->split));
	if (gallery->filter[0])
		cs_screen_put(screen, 0, used + 2, -1, CS_STYLE_KEY, "class: %s", gallery->filter);
	cs_screen_put_right(
		screen, 0, screen->columns - 1, CS_STYLE_DIM, "sort: %s ▾", cs_gallery_order_name(gallery->order));
	if (page < 1)
		return;
	cs_screen_put_right(screen, 2, 9, CS_STYLE_DIM, "number");
	cs_screen_put(screen, 2, 11, -1, CS_STYLE_DIM, "class");
	cs_screen_put(screen, 2, 11 + wide, -1, CS_STYLE_DIM, "taken for");
	cs_screen_put_right(screen, 2, 11 + 2 * wide + 7, CS_STYLE_DIM, "sure");
	state->table.count = (int)gallery->count;
	cs_table_settle(&state->table, page);
	for (int i = 0; i < page && state->table.top + i < gallery->count; i++) {
		draw_row(view, HEAD + i, gallery->positions[state->table.top + i],
			state->table.top + i == state->table.cursor);
		cs_spots_add(&session->spots, (struct cs_area){HEAD + i, 0, 1, screen->columns}, CS_SPOT_ITEM,
			state->table.top + i);
	}
	if (gallery->count == 0)
		cs_screen_put(screen, HEAD, 1, -1, CS_STYLE_DIM, "%s",
			gallery->order == CS_GALLERY_WRONG && !session->verdicts_told
				? "none so far: the images are being classified ..."
				: "there are none");
}

static bool act_images(struct cs_view *view, enum cs_action action, int argument)
{
	struct images *state = view->state;
	struct cs_gallery *gallery = gallery_of(view);

	(void)argument;
	if (cs_table_move(&state->table, action, view->session->body_rows - HEAD))
		return true;
	switch (action) {
	case CS_ACTION_ENTER:
	case CS_ACTION_RIGHT:
	case CS_ACTION_IMAGES:
		if (state->table.cursor >= 0 && state->table.cursor < gallery->count)
			cs_view_push(view->session, &cs_view_image,
				&(struct cs_image_argument){
					.image = view->session->opened->images[gallery->positions[state->table.cursor]],
					.layer = -1,
					.feature = -1});
		return true;
	case CS_ACTION_SORT:
		order(view, (gallery->order + 1) % CS_GALLERY_ORDERS, gallery->filter);
		return true;
	case CS_ACTION_SORT_BACK:
		order(view, (gallery->order + CS_GALLERY_ORDERS - 1) % CS_GALLERY_ORDERS, gallery->filter);
		return true;
	default:
		return false;
	}
}

static bool select_image(struct cs_view *view, int64_t index)
{
	struct images *state = view->state;
	bool there = state->table.cursor == (int)index;

	state->table.cursor = (int)index;
	return there;
}

static void filter_images(struct cs_view *view, const char *text)
{
	struct images *state = view->state;
	struct cs_gallery *gallery = gallery_of(view);

	if (!state->filtering)
		memcpy(state->before, gallery->filter, sizeof state->before);
	state->filtering = view->session->prompt.active;
	order(view, gallery->order, text ? text : state->before);
}

static void find_image(struct cs_view *view, const char *text, int step)
{
	struct images *state = view->state;
	struct cs_gallery *gallery = gallery_of(view);
	const struct cs_opened *opened = view->session->opened;
	char *end, name[64];
	int64_t number = strtoll(text, &end, 10);

	for (int64_t i = 0; i < gallery->count; i++) {
		int64_t at = step < 0 ? state->table.cursor - 1 - i : state->table.cursor + i + (step > 0);
		int64_t image;

		at = (at % gallery->count + gallery->count) % gallery->count;
		image = opened->images[gallery->positions[at]];
		if (*end == '\0' ? image == number
				 : strcasestr(cs_opened_label(
						      opened, cs_dataset_label(opened->data, image), name, sizeof name),
					   text) != NULL) {
			state->table.cursor = (int)at;
			return;
		}
	}
	cs_session_say(view->session, CS_STYLE_WARN, "no image '%s' in this list: a number or a part of a class", text);
}

static void record_images(struct cs_view *view, const char *stem)
{
	static const char *const orders[] = {
		"number", "class", "wrong", "unsure", "random"}; /* as cs.exports names them */
	const struct cs_gallery *gallery = gallery_of(view);
	struct cs_session *session = view->session;
	char quoted[1200], filter[400];

	cs_record_export(session, "images(model, data.%s, %s, { order = \"%s\", class = %s, asked = %s }",
		cs_split_name(session->opened->split), cs_record_quote(stem, quoted, sizeof quoted),
		orders[gallery->order], cs_record_quote(gallery->filter, filter, sizeof filter),
		cs_verdicts_known(session->opened) > 0 ? "true" : "false");
}

static enum cs_status export_images(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	const struct cs_gallery *gallery = gallery_of(view);
	const struct cs_opened *opened = view->session->opened;
	enum cs_status status;
	struct cs_csv csv;
	char name[64];

	cs_csv_init(&csv, "image,class,predicted,confidence");
	for (int64_t i = 0; i < gallery->count; i++) {
		int64_t at = gallery->positions[i];
		int label = cs_dataset_label(opened->data, opened->images[at]),
		    word = atomic_load(&opened->predicted[at]);

		cs_csv_count(&csv, opened->images[at]);
		cs_csv_text(&csv, cs_opened_label(opened, label, name, sizeof name));
		cs_csv_text(&csv, word < 0 ? NULL : cs_opened_class(opened, word, name, sizeof name));
		cs_csv_number(&csv, word < 0 ? NAN : atomic_load(&opened->confidence[at]) / 1e6);
		cs_csv_end_row(&csv);
	}
	status = cs_csv_save(&csv, stem, message, size, error);
	if (!status)
		record_images(view, stem);
	return status;
}

static void label_images(struct cs_view *view, char *text, size_t size)
{
	(void)view;
	snprintf(text, size, "images");
}

static void close_images(struct cs_view *view)
{
	(void)view;
}

const struct cs_view_ops cs_view_images = {
	.name = "images",
	.context = CS_ON_IMAGES,
	.size = sizeof(struct images),
	.open = open_images,
	.draw = draw_images,
	.act = act_images,
	.tick = tick_images,
	.select = select_image,
	.filter = filter_images,
	.find = find_image,
	.export = export_images,
	.label = label_images,
	.close = close_images,
	.wake = WAKE_MS,
};
