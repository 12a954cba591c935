/* view_gallery.c: some images of the data set, chosen for a reason: those of a cell of the confusion matrix, those that one network
 * knows and another does not. A page of them with a caption each; Enter looks at one closely.
 */
#include "core/alloc.h"
#include "ui/lens.h"
#include "ui/pages.h"
#include "ui/view.h"
#include "work/verdicts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 2, ZOOM = 8, LEAST_COLUMNS = 12 };

struct gallery {
	char *title;
	int64_t *images;
	char **captions; /* [count], NULL: what the network says */
	struct cs_pages pages; /* of images */
	int zoom;
};

static enum cs_status open_gallery(struct cs_view *view, const void *argument, struct cs_error *error)
{
	const struct cs_gallery_argument *from = argument;
	struct gallery *state = view->state;

	if (!cs_session_has_images(view->session))
		return cs_fail(error, CS_ERR_NOT_FOUND, "the images are not open yet");
	state->title = cs_strdup(from->title);
	state->images = cs_alloc((size_t)(from->count + 1) * sizeof *state->images);
	if (!state->title || !state->images)
		return cs_fail_memory(error, "a list of images");
	memcpy(state->images, from->images, (size_t)from->count * sizeof *state->images);
	state->pages = (struct cs_pages){.count = from->count, .across = 1, .down = 1};
	if (!from->captions)
		return CS_OK;
	state->captions = cs_calloc((size_t)from->count + 1, sizeof *state->captions);
	for (int64_t i = 0; state->captions && i < from->count; i++) {
		state->captions[i] = cs_strdup(from->captions[i]);
		if (!state->captions[i])
			return cs_fail_memory(error, "a list of images");
	}
	return state->captions ? CS_OK : cs_fail_memory(error, "a list of images");
}

static void ask(struct cs_view *view, int64_t i, struct cs_exhibit *exhibit)
{
	const struct gallery *state = view->state;
	struct cs_tile_key key = cs_lens_key(view->session, CS_TILE_IMAGE, 0, state->images[i]);

	snprintf(exhibit->name, sizeof exhibit->name, "image-%" PRId64, state->images[i]);
	cs_lens_ask(view->session, &key, exhibit);
}

static void draw_caption(struct cs_view *view, int64_t i, int row, int column, int width)
{
	const struct gallery *state = view->state;
	struct cs_opened *opened = view->session->opened;
	struct cs_screen *screen = &view->session->screen;
	int label = cs_dataset_label(opened->data, state->images[i]), word;
	int64_t position = cs_opened_position(opened, state->images[i]);
	char name[64], said[64];
	int used;

	if (state->captions) {
		cs_screen_put(screen, row, column, width, CS_STYLE_TEXT, "%s", state->captions[i]);
	} else {
		word = position >= 0 ? cs_verdict(opened, position) : -1;
		used = cs_screen_put(screen, row, column, width, CS_STYLE_TEXT, "%s",
			cs_opened_label(opened, label, name, sizeof name));
		if (word >= 0 && used + 3 < width)
			cs_screen_put(screen, row, column + used, width - used,
				word == label ? CS_STYLE_GOOD : CS_STYLE_BAD, "→%s",
				cs_opened_class(opened, word, said, sizeof said));
	}
	if (i == state->pages.cursor)
		cs_screen_shade(screen, row, column, width, CS_STYLE_SELECT);
}

static void draw_gallery(struct cs_view *view)
{
	struct gallery *state = view->state;
	struct cs_session *session = view->session;
	struct cs_pages_room room = {.graphics = session->graphics,
		.head = HEAD,
		.rows = session->body_rows - HEAD,
		.columns = session->screen.columns - 1,
		.least_columns = LEAST_COLUMNS};
	int rows = cs_pages_rows(session->graphics, state->zoom), columns, count;
	struct cs_exhibit *exhibits;
	int64_t first;

	cs_screen_put(&session->screen, 0, 1, -1, CS_STYLE_TITLE, "%s", state->title);
	if (state->pages.count == 0) {
		cs_screen_put(&session->screen, HEAD, 1, -1, CS_STYLE_DIM, "there are none");
		return;
	}
	rows = rows > room.rows - 1 ? room.rows - 1 : rows;
	if (rows < 1)
		return;
	if (state->zoom == 0)
		rows = cs_pages_grow(&state->pages, &room, rows);
	columns = cs_pages_fit(&state->pages, &room, rows);
	first = cs_pages_first(&state->pages);
	count = cs_pages_shown(&state->pages);
	cs_screen_put_right(&session->screen, 0, session->screen.columns - 1, CS_STYLE_DIM,
		"%" PRId64 "-%" PRId64 " of %" PRId64, first + 1, first + count, state->pages.count);
	exhibits = cs_calloc((size_t)count, sizeof *exhibits);
	if (!exhibits)
		return;
	for (int i = 0; i < count; i++)
		ask(view, first + i, &exhibits[i]);
	cs_lens_draw(session, exhibits, count);
	for (int i = 0; i < count; i++) {
		struct cs_area area = cs_pages_area(&state->pages, &room, i, rows, columns);

		cs_lens_show(session, area, CS_ANCHOR_LEFT, &exhibits[i]);
		draw_caption(view, first + i, area.row + rows, area.column, columns);
		area.rows++;
		cs_spots_add(&session->spots, area, CS_SPOT_ITEM, first + i);
	}
	cs_lens_free(exhibits, count);
}

static bool act_gallery(struct cs_view *view, enum cs_action action, int argument)
{
	struct gallery *state = view->state;

	(void)argument;
	if (cs_pages_move(&state->pages, action))
		return true;
	switch (action) {
	case CS_ACTION_ZOOM_IN:
		state->zoom += state->zoom < ZOOM;
		return true;
	case CS_ACTION_ZOOM_OUT:
		state->zoom -= state->zoom > -1;
		return true;
	case CS_ACTION_ENTER:
		if (state->pages.cursor < state->pages.count)
			cs_view_push(view->session, &cs_view_image,
				&(struct cs_image_argument){
					.image = state->images[state->pages.cursor], .layer = -1, .feature = -1});
		return true;
	default:
		return false;
	}
}

static bool select_gallery(struct cs_view *view, int64_t index)
{
	struct gallery *state = view->state;
	bool there = state->pages.cursor == index;

	state->pages.cursor = index;
	return there;
}

/* A number is an image, a word a class of the data set. */
static void find_gallery(struct cs_view *view, const char *text, int step)
{
	struct gallery *state = view->state;
	char *end, name[64];
	int64_t number = strtoll(text, &end, 10);

	for (int64_t i = 0; i < state->pages.count; i++) {
		int64_t from = step < 0 ? state->pages.cursor - 1 - i : state->pages.cursor + i + (step > 0);
		int64_t at = (from % state->pages.count + state->pages.count) % state->pages.count;
		int label = cs_dataset_label(view->session->opened->data, state->images[at]);

		if (*end == '\0' ? state->images[at] == number
				 : strcasestr(cs_opened_label(view->session->opened, label, name, sizeof name), text) !=
					NULL) {
			state->pages.cursor = at;
			return;
		}
	}
	cs_session_say(view->session, CS_STYLE_WARN, "neither an image nor a class here: '%s'", text);
}

static enum cs_status export_gallery(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	struct gallery *state = view->state;
	int64_t first = cs_pages_first(&state->pages);
	int count = cs_pages_shown(&state->pages);
	struct cs_exhibit *exhibits = cs_calloc((size_t)count + 1, sizeof *exhibits);
	enum cs_status status;

	if (!exhibits)
		return cs_fail_memory(error, "an export");
	for (int i = 0; i < count; i++)
		ask(view, first + i, &exhibits[i]);
	cs_lens_draw(view->session, exhibits, count);
	status = cs_lens_export(view->session, exhibits, count, state->pages.across, stem, message, size, error);
	cs_lens_free(exhibits, count);
	return status;
}

static void label_gallery(struct cs_view *view, char *text, size_t size)
{
	snprintf(text, size, "images-%.80s", ((const struct gallery *)view->state)->title);
}

static void close_gallery(struct cs_view *view)
{
	struct gallery *state = view->state;

	for (int64_t i = 0; state->captions && i < state->pages.count; i++)
		cs_free(state->captions[i]);
	cs_free(state->captions);
	cs_free(state->images);
	cs_free(state->title);
}

const struct cs_view_ops cs_view_gallery = {
	.name = "images",
	.context = CS_ON_GALLERY,
	.size = sizeof(struct gallery),
	.open = open_gallery,
	.draw = draw_gallery,
	.act = act_gallery,
	.find = find_gallery,
	.select = select_gallery,
	.export = export_gallery,
	.label = label_gallery,
	.close = close_gallery,
};
