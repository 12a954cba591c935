/* image_words.c: the text of the image screen: which image, what the network says of it, which features fire. See image_panels.h. */
#include "ui/image_panels.h"

#include "core/alloc.h"
#include "ui/words.h"

#include <inttypes.h>
#include <stdio.h>

enum { RANKED = 12 };

static const char *const what_names[CS_IMAGE_WHATS] = {"the feature's strongest position", "the feature's whole map",
	"the whole layer", "the unit under the cursor"};

int64_t cs_image_place(const struct cs_view *view)
{
	const struct cs_image_state *state = view->state;
	int64_t position = cs_opened_position(view->session->opened, state->image);

	return position < 0 ? -1 : cs_gallery_place(&view->session->gallery, position);
}

/* Where in the order: "3 of 32", "2 of 5 wrong", "a file". */
static void place_text(const struct cs_view *view, char *text, size_t size)
{
	const struct cs_image_state *state = view->state;
	const struct cs_gallery *gallery = &view->session->gallery;
	int64_t place = cs_image_place(view);

	if (cs_opened_file(view->session->opened, state->image))
		snprintf(text, size, "a file");
	else if (place < 0)
		snprintf(text, size, "not among the %" PRId64 " that are gone through", gallery->count);
	else
		snprintf(text, size, "%" PRId64 " of %" PRId64 "%s%s%s", place, gallery->count,
			gallery->order == CS_GALLERY_WRONG                 ? " wrong"
				: gallery->order == CS_GALLERY_UNSURE ? " by doubt"
				: gallery->order == CS_GALLERY_RANDOM ? " at random"
				: gallery->order == CS_GALLERY_CLASS  ? " by class"
								      : "",
			gallery->filter[0] ? " · " : "", gallery->filter);
}

/* The best five classes, by insertion. */
static int best_classes(const struct cs_tensor *scores, struct cs_ranked best[5])
{
	int64_t classes = cs_tensor_count(scores);
	int count = 0;

	for (int64_t c = 0; c < classes; c++) {
		struct cs_ranked now = {scores->data[c], c};

		for (int i = 0; i < 5; i++) {
			if (i == count) {
				best[count++] = now;
				break;
			}
			if (now.value > best[i].value) {
				struct cs_ranked old = best[i];

				best[i] = now;
				now = old;
			}
		}
	}
	return count;
}

static void draw_title(struct cs_view *view)
{
	struct cs_image_state *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_network *network = cs_session_network(session);
	struct cs_tile_key key = cs_lens_key(session, CS_TILE_SCORES, network->layer_count - 1, state->image);
	const struct cs_tile *scores = cs_tiles_want(session->tiles, &key);
	bool file = cs_opened_file(session->opened, state->image) != NULL;
	struct cs_ranked best[5];
	struct cs_sample sample;
	char name[64], place[160];
	int used, count;

	cs_opened_sample(session->opened, state->image, &sample);
	place_text(view, place, sizeof place);
	if (file)
		used = 1 + cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "%s", sample.name);
	else
		used = 1 + cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "image %" PRId64, state->image);
	if (file)
		used += cs_screen_put(screen, 0, used, -1, CS_STYLE_DIM, " (a file)");
	else
		used += cs_screen_put(screen, 0, used, -1, CS_STYLE_DIM, " of %s (%s) ",
			cs_split_name(session->opened->split), place);
	if (!file)
		used += cs_screen_put(screen, 0, used, -1, CS_STYLE_TITLE, "%s",
			cs_opened_label(session->opened, sample.label, name, sizeof name));
	if (!scores || scores->status || network->layers[network->layer_count - 1].out.rank != 1)
		return;
	count = best_classes(&scores->numbers, best);
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
	struct cs_image_state *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	struct cs_tile_key key = cs_lens_key(session, CS_TILE_IMAGE, 0, state->image);
	const struct cs_tile *input = cs_tiles_want(session->tiles, &key);

	cs_screen_put(screen, 1, 1, -1, CS_STYLE_DIM, "%s · rule %s · signal %s%s", what_names[state->what],
		state->by_rule ? "each" : cs_rule_names[session->rule],
		session->signal == CS_SIGNAL_VALUE ? "value" : "one", session->shared ? " · one scale" : "");
	if (state->what == CS_IMAGE_UNIT && input && input->picture.rgb && state->row < input->picture.height &&
		state->pixel < input->picture.width) {
		const uint8_t *rgb = input->picture.rgb + 3 * (state->row * input->picture.width + state->pixel);

		cs_screen_put_right(screen, 1, screen->columns - 1, CS_STYLE_TEXT, "pixel %d,%d (%d,%d,%d)", state->row,
			state->pixel, rgb[0], rgb[1], rgb[2]);
	}
}

/* The strongest features of the layer under the cursor, the shown one marked. */
void cs_image_draw_ranking(struct cs_view *view, int row)
{
	struct cs_image_state *state = view->state;
	struct cs_screen *screen = &view->session->screen;
	int layer = cs_panel_layer(view, state->column), from;
	const struct cs_layer *at = &cs_session_network(view->session)->layers[layer];
	bool classes = at->out.rank == 1 && layer == cs_session_network(view->session)->layer_count - 1;
	struct cs_panel panel = cs_panel_find(view, state->by_rule ? 0 : state->column);
	int64_t count = 0, first;
	struct cs_ranked *list = cs_panel_rank(view, layer, &count);
	char value[40], name[64];
	int used;

	used = 1 +
		cs_screen_put(screen, row, 1, -1, CS_STYLE_DIM, "%s %s  ",
			state->what == CS_IMAGE_UNIT ? "under the cursor in" : "strongest in",
			cs_layer_name(cs_session_network(view->session), layer));
	if (!list)
		return;
	from = state->what == CS_IMAGE_UNIT ? state->unit_rank
		: state->fixed[state->column] >= 0 ? 0
						   : state->rank[state->column];
	first = from < 4 ? 0 : from - 3;
	for (int64_t i = first; i < count && i < first + RANKED && used < screen->columns - 12; i++) {
		bool shown = list[i].feature == panel.feature && state->what != CS_IMAGE_LAYER;

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

void cs_image_draw_head(struct cs_view *view)
{
	draw_title(view);
	draw_subtitle(view);
}
