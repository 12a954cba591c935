/* view_network.c: the layer table: what each layer is, how large, what it costs, what its units see, which never fire; and below it, or
 * instead of it, the hyperparameters as papers print them, a row a block.
 */
#include "core/alloc.h"
#include "ui/blocks.h"
#include "ui/csv.h"
#include "ui/record.h"
#include "ui/table.h"
#include "ui/view.h"
#include "ui/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 3 };

struct network {
	struct cs_table table;
	bool settled;
	bool blocks; /* the hyperparameters take the place of the layers */
	unsigned version; /* of the scan as drawn last */
};

static enum cs_status open_network(struct cs_view *view, const void *argument, struct cs_error *error)
{
	(void)view;
	(void)argument;
	(void)error;
	return CS_OK;
}

static const struct cs_network *network_of(const struct cs_view *view)
{
	return cs_session_has_model(view->session) ? cs_session_network(view->session) : NULL;
}

/* The figure among the keys 1 to 9 of the block that begins with this layer, or -1. */
static int digit_of(const struct cs_view *view, int layer)
{
	for (int i = 0; i < view->session->opened->layer_count && i < 9; i++) {
		if (cs_layer_begin(network_of(view), view->session->opened->layers[i]) == layer)
			return i;
	}
	return -1;
}

static struct cs_scan *scan_of(const struct cs_view *view)
{
	if (!cs_session_has_images(view->session) || view->session->opened->layer_count == 0)
		return NULL;
	return cs_session_scan(view->session, view->session->opened->layers[0]);
}

static bool tick_network(struct cs_view *view)
{
	struct network *state = view->state;
	struct cs_scan *scan = scan_of(view);
	unsigned version = scan ? cs_scan_version(scan) : 0;
	bool news = version != state->version;

	state->version = version;
	return news;
}

static void field_text(const struct cs_network *network, int layer, char *text, size_t size)
{
	struct cs_field field = cs_network_field(network, layer);

	if (network->input.rank != 3)
		snprintf(text, size, "all");
	else if (field.size[0] >= network->input.dim[0] && field.size[1] >= network->input.dim[1])
		snprintf(text, size, "all");
	else
		snprintf(text, size, "%" PRId64 "×%" PRId64, field.size[0], field.size[1]);
}

static void shape_text(const struct cs_shape *shape, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < shape->rank && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, i ? "×%" PRId64 : "%" PRId64, shape->dim[i]);
}

/* Columns of the table, for this width. */
struct columns {
	int type, shape, params, macs, field, silent; /* right edges but for type; 0: no room */
};

enum { LEAST_NAME = 11, MOST_NAME = 24, WIDE_FROM = 90 /* columns that have room for longer names */ };

static struct columns lay_out(const struct cs_screen *screen, const struct cs_network *network)
{
	struct columns at = {.type = 0};
	int width = screen->columns, name = LEAST_NAME, most = width >= WIDE_FROM ? MOST_NAME : LEAST_NAME;

	for (int i = 0; i < network->layer_count; i++) {
		int wide = cs_screen_width(screen, network->layers[i].spec.name);

		name = wide > name ? wide : name;
	}
	at.type = 5 + (name < most ? name : most);

	at.silent = width >= 60 ? width - 2 : 0;
	at.field = at.silent ? at.silent - 7 : width - 1;
	at.macs = width >= 72 ? at.field - 7 : 0;
	at.params = width >= 50 ? (at.macs ? at.macs : at.field) - 8 : 0;
	at.shape = (at.params ? at.params : at.field) - (width >= 72 ? 11 : 9);
	return at;
}

/* A layer in words for so many columns: without the number of features or units, which the output tells, where all of it has no room. */
static void describe(const struct cs_screen *screen, const struct cs_layer *layer, int room, char *text, size_t size)
{
	static const char *const counted[] = {" features", " units"};
	char *number;

	cs_layer_describe(layer, text, size);
	number = cs_screen_width(screen, text) > room ? strstr(text, ", ") : NULL;
	for (int i = 0; number && i < 2; i++) {
		char *end = strstr(number, counted[i]);

		if (end) {
			end += strlen(counted[i]);
			memmove(number, end, strlen(end) + 1);
		}
	}
}

static void draw_layer(struct cs_view *view, int row, int i, bool selected)
{
	struct cs_screen *screen = &view->session->screen;
	const struct cs_network *network = network_of(view);
	const struct cs_layer *layer = &network->layers[i];
	struct columns at = lay_out(screen, network);
	struct cs_scan *scan = scan_of(view);
	int digit = digit_of(view, i);
	enum cs_style style = digit >= 0 ? CS_STYLE_TEXT : CS_STYLE_DIM;
	char text[160];
	int64_t silent = cs_layer_begin(network, i) == i ? cs_scan_silent(scan, cs_layer_block(network, i)) : -1;

	if (digit >= 0)
		cs_screen_put(screen, row, 1, 2, CS_STYLE_KEY, "%d", digit + 1);
	cs_screen_put(screen, row, 4, at.type - 5, style, "%s", layer->spec.name);
	describe(screen, layer, at.shape - at.type - 10, text, sizeof text);
	if (at.shape - at.type > 18)
		cs_screen_put(screen, row, at.type, at.shape - at.type - 10, style, "%s", text);
	shape_text(&layer->out, text, sizeof text);
	cs_screen_put_right(screen, row, at.shape, style, "%s", text);
	if (at.params && cs_layer_params(layer))
		cs_screen_put_right(
			screen, row, at.params, style, "%s", cs_words_count(cs_layer_params(layer), text, sizeof text));
	if (at.macs && cs_layer_macs(layer))
		cs_screen_put_right(screen, row, at.macs, style, "%s",
			cs_words_short((double)cs_layer_macs(layer), text, sizeof text));
	field_text(network, i, text, sizeof text);
	cs_screen_put_right(screen, row, at.field, style, "%s", text);
	if (at.silent && silent >= 0)
		cs_screen_put_right(screen, row, at.silent, silent ? CS_STYLE_WARN : CS_STYLE_DIM, "%" PRId64, silent);
	if (selected)
		cs_screen_shade(screen, row, 0, screen->columns, CS_STYLE_SELECT);
}

static void draw_title(struct cs_view *view)
{
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_network *network = network_of(view);
	char params[40], macs[40], shape[CS_SHAPE_TEXT];
	int64_t total = 0;

	for (int i = 0; i < network->layer_count; i++)
		total += cs_layer_macs(&network->layers[i]);
	shape_text(&network->input, shape, sizeof shape);
	cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "network  %s",
		network->name[0] ? network->name : session->opened->target);
	cs_screen_put_right(screen, 0, screen->columns - 1, CS_STYLE_TEXT, "sees %s · %s parameters · %s MACs an image",
		shape, cs_words_short((double)cs_network_params(network), params, sizeof params),
		cs_words_short((double)total, macs, sizeof macs));
}

/* Under the layers, where there is room: what silent means, and the blocks, all of them or none. */
static void draw_below(struct cs_view *view, int row)
{
	struct cs_session *session = view->session;
	const struct cs_network *network = network_of(view);
	int blocks = cs_blocks_of(network, NULL, 0);
	int64_t seen, total;

	if (scan_of(view) && row < session->body_rows) {
		seen = cs_scan_seen(scan_of(view), &total);
		if (seen)
			cs_screen_put(&session->screen, row, 4, -1, CS_STYLE_DIM,
				"silent: features that fire on none of %" PRId64 " images of the %s split", seen,
				cs_split_name(session->opened->split));
		else
			cs_screen_put(&session->screen, row, 4, -1, CS_STYLE_DIM,
				"silent: features that fire on none of the images of the %s split; none is seen yet",
				cs_split_name(session->opened->split));
	}
	if (row + 2 + 1 + blocks <= session->body_rows)
		cs_blocks_show(session, network, row + 2, 1 + blocks);
}

static void draw_network(struct cs_view *view)
{
	struct network *state = view->state;
	struct cs_session *session = view->session;
	struct cs_screen *screen = &session->screen;
	const struct cs_network *network = network_of(view);
	struct columns at;
	int page = session->body_rows - HEAD;
	char why[500];

	if (!network) {
		cs_session_why_not(session, why, sizeof why);
		cs_screen_put(screen, 0, 1, -1, CS_STYLE_TITLE, "network");
		cs_screen_put(screen, 2, 1, -1, CS_STYLE_DIM, "%s", why);
		return;
	}
	if (!state->settled && session->opened->layer_count) {
		state->table.cursor = cs_layer_begin(network, session->opened->layers[0]);
		state->settled = true;
	}
	draw_title(view);
	if (page < 1)
		return;
	if (state->blocks) {
		cs_blocks_show(session, network, 2, session->body_rows - 2);
		return;
	}
	at = lay_out(screen, network);
	cs_screen_put(screen, 2, 4, -1, CS_STYLE_DIM, "layer");
	if (at.shape - at.type > 18)
		cs_screen_put(screen, 2, at.type, -1, CS_STYLE_DIM, "type");
	cs_screen_put_right(screen, 2, at.shape, CS_STYLE_DIM, "output");
	if (at.params)
		cs_screen_put_right(screen, 2, at.params, CS_STYLE_DIM, "params");
	if (at.macs)
		cs_screen_put_right(screen, 2, at.macs, CS_STYLE_DIM, "MACs");
	cs_screen_put_right(screen, 2, at.field, CS_STYLE_DIM, "sees");
	if (at.silent)
		cs_screen_put_right(screen, 2, at.silent, CS_STYLE_DIM, "silent");
	state->table.count = network->layer_count;
	cs_table_settle(&state->table, page);
	for (int i = 0; i < page && state->table.top + i < network->layer_count; i++)
		draw_layer(view, HEAD + i, state->table.top + i, state->table.top + i == state->table.cursor);
	draw_below(view, HEAD + network->layer_count + 1);
}

static bool act_network(struct cs_view *view, enum cs_action action, int argument)
{
	struct network *state = view->state;
	const struct cs_network *network = network_of(view);

	(void)argument;
	if (action == CS_ACTION_NEXT_PANE) {
		state->blocks = !state->blocks;
		return true;
	}
	if (!network && action >= CS_ACTION_UP && action <= CS_ACTION_ENTER) { /* there is nothing to move about in yet */
		cs_ahead_miss(view->session, false);
		return true;
	}
	if (!state->blocks && cs_table_move(&state->table, action, view->session->body_rows - HEAD))
		return true;
	if (action == CS_ACTION_LAYER_NEXT || action == CS_ACTION_LAYER_PREVIOUS) {
		int step = action == CS_ACTION_LAYER_NEXT ? 1 : -1, layer = -1;

		if (network && state->table.cursor >= 0)
			layer = cs_session_layer_step(
				view->session, cs_layer_block(network, state->table.cursor), step);
		if (layer >= 0)
			state->table.cursor = cs_layer_begin(network, layer);
		return true;
	}
	if ((action == CS_ACTION_ENTER || action == CS_ACTION_RIGHT) && network && state->table.cursor >= 0)
		return cs_view_push(view->session, &cs_view_layer,
			       &(struct cs_layer_argument){.layer = cs_layer_block(network, state->table.cursor)}),
		       true;
	return action == CS_ACTION_ENTER || action == CS_ACTION_RIGHT;
}

static const char *row_text(void *context, int row)
{
	return ((const struct cs_network *)context)->layers[row].spec.name;
}

static void find_layer(struct cs_view *view, const char *text, int step)
{
	struct network *state = view->state;
	const struct cs_network *network = network_of(view);
	int row = network ? cs_table_find(&state->table, text, step, row_text, (void *)network) : -1;

	if (row < 0)
		cs_session_say(view->session, CS_STYLE_WARN, "no layer is called '%s'", text);
	else
		state->table.cursor = row;
}

static enum cs_status export_network(
	struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error)
{
	const struct cs_network *network = network_of(view);
	enum cs_status status;
	char quoted[1200];
	struct cs_csv csv;

	if (!network)
		return cs_fail(error, CS_ERR_NOT_FOUND, "no model is open");
	cs_csv_init(&csv, "layer,name,type,output,parameters,macs,field_rows,field_columns,silent");
	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *layer = &network->layers[i];
		struct cs_field field = cs_network_field(network, i);
		int64_t silent = cs_scan_silent(scan_of(view), i);
		char shape[CS_SHAPE_TEXT];

		cs_csv_count(&csv, i);
		cs_csv_text(&csv, layer->spec.name);
		cs_csv_text(&csv, layer->ops->type);
		cs_csv_text(&csv, cs_shape_text(&layer->out, shape, sizeof shape));
		cs_csv_count(&csv, cs_layer_params(layer));
		cs_csv_count(&csv, cs_layer_macs(layer));
		cs_csv_count(&csv, field.size[0]);
		cs_csv_count(&csv, field.size[1]);
		cs_csv_number(&csv, silent < 0 ? NAN : (double)silent);
		cs_csv_end_row(&csv);
	}
	status = cs_csv_save(&csv, stem, message, size, error);
	if (!status)
		cs_record_export(view->session, "network(model, %s%s, %s", scan_of(view) ? "data." : "nil",
			scan_of(view) ? cs_split_name(view->session->opened->split) : "",
			cs_record_quote(stem, quoted, sizeof quoted));
	return status;
}

static void label_network(struct cs_view *view, char *text, size_t size)
{
	(void)view;
	snprintf(text, size, "network");
}

static void close_network(struct cs_view *view)
{
	(void)view;
}

const struct cs_view_ops cs_view_network = {
	.name = "network",
	.context = CS_ON_NETWORK,
	.size = sizeof(struct network),
	.open = open_network,
	.draw = draw_network,
	.act = act_network,
	.tick = tick_network,
	.find = find_layer,
	.export = export_network,
	.label = label_network,
	.close = close_network,
};
