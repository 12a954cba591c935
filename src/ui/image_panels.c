/* image_panels.c: see image_panels.h. */
#include "ui/image_panels.h"

#include "core/alloc.h"
#include "ui/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 3, FOOT = 1, AROUND = 3, MOST = 12, LEAST_COLUMNS = 15, LEAST_ROWS = 8, RULES = 8, MAGNIFIED = 256 };

int cs_panel_layers(const struct cs_view *view)
{
	return view->session->opened->layer_count + (((const struct cs_image_state *)view->state)->extra >= 0);
}

int cs_panel_layer(const struct cs_view *view, int column)
{
	const struct cs_image_state *state = view->state;

	return column < view->session->opened->layer_count ? view->session->opened->layers[column] : state->extra;
}

int cs_panel_count(const struct cs_view *view)
{
	return ((const struct cs_image_state *)view->state)->by_rule ? RULES : cs_panel_layers(view);
}

static int by_strength(const void *a, const void *b)
{
	const struct cs_ranked *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->feature < y->feature ? -1 : x->feature > y->feature;
}

/* The unit whose middle is nearest to a pixel, along one axis. */
static int64_t nearest(int64_t pixel, int64_t start, int64_t step, int64_t size, int64_t count)
{
	double at = ((double)pixel - (double)start - (double)(size - 1) / 2) / (double)(step > 0 ? step : 1);
	int64_t unit = (int64_t)floor(at + 0.5);

	return unit < 0 ? 0 : unit >= count ? count - 1 : unit;
}

void cs_panel_unit(const struct cs_view *view, int layer, int64_t *row, int64_t *column)
{
	const struct cs_image_state *state = view->state;
	const struct cs_network *network = cs_session_network(view->session);
	const struct cs_shape *out = &network->layers[layer].out;
	struct cs_field field = cs_network_field(network, layer);

	*row = out->rank == 3 ? nearest(state->row, field.start[0], field.step[0], field.size[0], out->dim[0]) : 0;
	*column = out->rank == 3 ? nearest(state->pixel, field.start[1], field.step[1], field.size[1], out->dim[1]) : 0;
}

struct cs_ranked *cs_panel_rank(struct cs_view *view, int layer, int64_t *count)
{
	const struct cs_image_state *state = view->state;
	bool unit = state->what == CS_IMAGE_UNIT;
	struct cs_tile_key key = cs_lens_key(view->session, unit ? CS_TILE_UNIT : CS_TILE_MAXIMA, layer, state->image);
	const struct cs_tile *tile;
	struct cs_ranked *list;

	if (unit)
		cs_panel_unit(view, layer, &key.row, &key.column);
	tile = cs_tiles_want(view->session->tiles, &key);
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

struct cs_panel cs_panel_find(struct cs_view *view, int i)
{
	struct cs_image_state *state = view->state;
	int column = state->by_rule ? state->column : i;
	struct cs_panel panel = {.layer = cs_panel_layer(view, column),
		.rule = state->by_rule ? i : view->session->rule,
		.feature = -1,
		.unit_row = -1,
		.unit_column = -1};
	int64_t count;
	struct cs_ranked *list = cs_panel_rank(view, panel.layer, &count);

	if (!list)
		return panel;
	panel.known = true;
	if (state->what == CS_IMAGE_UNIT) {
		int64_t at = column == state->column ? state->unit_rank : 0;

		at = at < count ? at : count - 1;
		panel.feature = list[at].feature;
		panel.strength = list[at].value;
		cs_panel_unit(view, panel.layer, &panel.unit_row, &panel.unit_column);
	} else if (state->fixed[column] >= 0) {
		panel.feature = state->fixed[column];
		for (int64_t k = 0; k < count; k++) {
			if (list[k].feature == panel.feature)
				panel.strength = list[k].value;
		}
	} else if (count) {
		int64_t at = state->rank[column] < count ? state->rank[column] : count - 1;

		panel.feature = list[at].feature;
		panel.strength = list[at].value;
	}
	cs_free(list);
	return panel;
}

void cs_panel_ask(struct cs_view *view, const struct cs_panel *panel, struct cs_exhibit *exhibit)
{
	struct cs_image_state *state = view->state;
	struct cs_tile_key key = cs_lens_key(view->session, CS_TILE_PROJECTION, panel->layer, state->image);
	const char *name = cs_layer_name(cs_session_network(view->session), panel->layer);
	char rule[40] = "";

	key.rule = panel->rule;
	if (state->by_rule)
		snprintf(rule, sizeof rule, "-%s", cs_rule_names[panel->rule]);
	if (state->what == CS_IMAGE_LAYER) {
		key.feature = -1;
		key.at = CS_AT_MAP;
		snprintf(exhibit->name, sizeof exhibit->name, "%.40s%s", name, rule);
	} else {
		if (!panel->known)
			return;
		key.feature = panel->feature;
		key.at = state->what == CS_IMAGE_MAP   ? CS_AT_MAP
			: state->what == CS_IMAGE_UNIT ? CS_AT_POSITION
						       : CS_AT_MAX;
		if (state->what == CS_IMAGE_UNIT) {
			key.row = panel->unit_row;
			key.column = panel->unit_column;
		}
		snprintf(exhibit->name, sizeof exhibit->name, "%.30s-feature%" PRId64 "%s", name, panel->feature, rule);
	}
	cs_lens_ask(view->session, &key, exhibit);
}

static void draw_panel(struct cs_view *view, const struct cs_panel *panel, const struct cs_exhibit *exhibit,
	bool selected, struct cs_area area)
{
	struct cs_image_state *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_layer *layer = &cs_session_network(session)->layers[panel->layer];
	struct cs_area covered;
	char value[40], limit[40];
	int row;

	cs_screen_put(screen, area.row - 1, area.column, area.columns, selected ? CS_STYLE_SELECT : CS_STYLE_TITLE,
		"%s%s",
		state->by_rule ? cs_rule_names[panel->rule] : cs_layer_name(cs_session_network(session), panel->layer),
		selected ? " " : "");
	covered = cs_lens_show(session, area, CS_ANCHOR_LEFT, exhibit);
	row = exhibit->picture.rgb ? covered.row + covered.rows : area.row + area.rows;
	if (state->what == CS_IMAGE_LAYER)
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

/* All panels beside the input where they stay readable, fewer (the cursor's among them) where not or where zoomed in. */
static struct grid choose_grid(const struct cs_view *view)
{
	const struct cs_image_state *state = view->state;
	int all = cs_panel_count(view) + 1, count = all < MOST ? all : MOST;
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

/* The panels beside the input: a window of them that holds the cursor's. */
static int first_panel(const struct cs_view *view, int panels)
{
	const struct cs_image_state *state = view->state;
	int first = (state->by_rule ? view->session->rule : state->column) - panels + 1;

	return first < 0 ? 0 : first;
}

static void put_pixel(struct cs_picture *picture, int64_t row, int64_t column, bool light)
{
	if (row >= 0 && column >= 0 && row < picture->height && column < picture->width)
		memset(picture->rgb + (row * picture->width + column) * 3, light ? 255 : 0, 3);
}

/* A dashed frame, black and white, so that it is seen on any picture. */
static void draw_frame(struct cs_picture *picture, int64_t top, int64_t left, int64_t bottom, int64_t right)
{
	for (int64_t column = left; column < right; column++) {
		put_pixel(picture, top, column, column / 4 % 2);
		put_pixel(picture, bottom - 1, column, column / 4 % 2);
	}
	for (int64_t row = top; row < bottom; row++) {
		put_pixel(picture, row, left, row / 4 % 2);
		put_pixel(picture, row, right - 1, row / 4 % 2);
	}
}

/* The cursor on the image, and around it what the unit under it sees: drawn into a magnified copy, so that lines are thin. */
static void mark_cursor(struct cs_view *view, struct cs_exhibit *input)
{
	struct cs_image_state *state = view->state;
	const struct cs_network *network = cs_session_network(view->session);
	int layer = cs_panel_layer(view, state->column);
	int64_t unit_row, unit_column, top, left, bottom, right;
	int longer = input->picture.width > input->picture.height ? input->picture.width : input->picture.height;
	int zoom = longer > 0 && longer < MAGNIFIED ? MAGNIFIED / longer : 1;
	struct cs_picture larger = {0};

	if (state->what != CS_IMAGE_UNIT || !input->picture.rgb ||
		cs_picture_resize(&input->picture, input->picture.width * zoom, input->picture.height * zoom, false,
			&larger, NULL))
		return;
	cs_panel_unit(view, layer, &unit_row, &unit_column);
	cs_unit_field(network, layer, unit_row, unit_column, &top, &left, &bottom, &right);
	draw_frame(&larger, top * zoom, left * zoom, bottom * zoom, right * zoom);
	for (int64_t k = -2 * zoom; k <= 2 * zoom; k++) {
		put_pixel(&larger, state->row * zoom + zoom / 2 + k, state->pixel * zoom + zoom / 2, k / 2 % 2);
		put_pixel(&larger, state->row * zoom + zoom / 2, state->pixel * zoom + zoom / 2 + k, k / 2 % 2);
	}
	cs_picture_fini(&input->picture);
	input->picture = larger;
}

void cs_panels_draw(struct cs_view *view)
{
	struct cs_image_state *state = view->state;
	struct cs_session *session = view->session;
	struct grid grid = choose_grid(view);
	int panels = grid.count - 1, first = first_panel(view, panels);
	struct cs_exhibit *exhibits = cs_calloc((size_t)grid.count, sizeof *exhibits);
	int selected = state->by_rule ? session->rule : state->column;
	struct cs_panel shown[MOST];
	struct cs_tile_key key;

	if (!exhibits)
		return;
	key = cs_lens_key(session, CS_TILE_IMAGE, 0, state->image);
	cs_lens_ask(session, &key, &exhibits[0]);
	for (int i = 0; i < panels; i++) {
		shown[i] = cs_panel_find(view, first + i);
		cs_panel_ask(view, &shown[i], &exhibits[i + 1]);
	}
	cs_lens_draw(session, exhibits, grid.count);
	mark_cursor(view, &exhibits[0]);
	if (grid.area.rows > 0) {
		struct cs_area area = place(&grid, 0);

		cs_screen_put(&session->screen, area.row - 1, area.column, area.columns, CS_STYLE_TITLE, "input");
		state->input = cs_lens_show(session, area, CS_ANCHOR_LEFT, &exhibits[0]);
		cs_spots_add(&session->spots, state->input, CS_SPOT_PICTURE, 0);
		for (int i = 0; i < panels; i++) {
			area = place(&grid, i + 1);
			draw_panel(view, &shown[i], &exhibits[i + 1], first + i == selected, area);
			area.row--;
			area.rows += AROUND - 1;
			cs_spots_add(&session->spots, area, CS_SPOT_ITEM, first + i);
		}
	}
	cs_lens_free(exhibits, grid.count);
}

struct cs_exhibit *cs_panels_collect(struct cs_view *view, int *count)
{
	struct cs_image_state *state = view->state;
	struct cs_session *session = view->session;
	int panels = cs_panel_count(view);
	struct cs_exhibit *exhibits = cs_calloc((size_t)panels + 1, sizeof *exhibits);
	struct cs_tile_key key = cs_lens_key(session, CS_TILE_IMAGE, 0, state->image);

	if (!exhibits)
		return NULL;
	snprintf(exhibits[0].name, sizeof exhibits[0].name, "input");
	cs_lens_ask(session, &key, &exhibits[0]);
	for (int i = 0; i < panels; i++) {
		struct cs_panel panel = cs_panel_find(view, i);

		cs_panel_ask(view, &panel, &exhibits[i + 1]);
	}
	cs_lens_draw(session, exhibits, panels + 1);
	*count = panels + 1;
	return exhibits;
}
