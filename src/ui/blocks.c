/* blocks.c: see blocks.h. */
#include "ui/blocks.h"

#include "nn/activation.h"
#include "ui/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 64 };

/* "5×5", or with `square` sides one number: "1". */
static void pair(const int64_t sides[2], bool square, char *text, size_t size)
{
	if (square && sides[0] == sides[1])
		snprintf(text, size, "%" PRId64, sides[0]);
	else
		snprintf(text, size, "%" PRId64 "×%" PRId64, sides[0], sides[1]);
}

/* "→20" behind the sizes so far, where the map's size changes. */
static void add_size(const struct cs_layer *layer, struct cs_block *block)
{
	size_t used = strlen(block->sizes);
	const char *last = NULL;
	char text[24];

	if (layer->out.rank != 3)
		return;
	for (const char *next = strstr(block->sizes, "→"); next; next = strstr(next + 1, "→"))
		last = next;
	pair(layer->out.dim, true, text, sizeof text);
	if (strcmp(last ? last + strlen("→") : block->sizes, text) == 0)
		return;
	snprintf(block->sizes + used, sizeof block->sizes - used, "%s%s", used ? "→" : "", text);
}

static void begin(const struct cs_layer *layer, struct cs_block *block)
{
	bool conv = layer->ops == &cs_conv_layer;

	*block = (struct cs_block){.layer = layer->index, .maps = layer->spec.features};
	strcpy(block->kernel, "-");
	strcpy(block->stride, "-");
	strcpy(block->padding, "-");
	strcpy(block->pool, "-");
	strcpy(block->dropout, "-");
	if (conv) {
		pair(layer->spec.kernel, false, block->kernel, sizeof block->kernel);
		pair(layer->spec.stride, true, block->stride, sizeof block->stride);
		strcpy(block->padding, layer->spec.padding == CS_PADDING_SAME ? "same" : "valid");
	}
	snprintf(block->activation, sizeof block->activation, "%s", cs_activation_name(layer->spec.activation));
	add_size(layer, block);
}

/* What stands behind a layer with weights. */
static void follow(const struct cs_layer *layer, struct cs_block *block)
{
	const struct cs_layer_ops *ops = layer->ops;
	int64_t stride[2] = {layer->spec.stride[0], layer->spec.stride[1]};
	size_t used;

	if (ops == &cs_activation_layer)
		snprintf(block->activation, sizeof block->activation, "%s", cs_activation_name(layer->spec.activation));
	else if (ops == &cs_dropout_layer)
		snprintf(block->dropout, sizeof block->dropout, "%g", (double)layer->spec.rate);
	else if (ops == &cs_batchnorm_layer)
		block->normalised = true;
	else if (ops == &cs_global_avgpool_layer || ops == &cs_global_maxpool_layer)
		snprintf(block->pool, sizeof block->pool, "%s, all", ops == &cs_global_maxpool_layer ? "max" : "mean");
	else if (ops == &cs_maxpool_layer || ops == &cs_avgpool_layer) {
		used = (size_t)snprintf(block->pool, sizeof block->pool, "%s ", ops == &cs_maxpool_layer ? "max" : "mean");
		pair(layer->spec.window, false, block->pool + used, sizeof block->pool - used);
		if (stride[0] && (stride[0] != layer->spec.window[0] || stride[1] != layer->spec.window[1])) {
			used = strlen(block->pool);
			snprintf(block->pool + used, sizeof block->pool - used, "/");
			pair(stride, true, block->pool + used + 1, sizeof block->pool - used - 1);
		}
	}
	add_size(layer, block);
}

int cs_blocks_of(const struct cs_network *network, struct cs_block *blocks, int most)
{
	int count = 0;

	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *layer = &network->layers[i];

		if (layer->ops == &cs_conv_layer || layer->ops == &cs_dense_layer) {
			if (count < most)
				begin(layer, &blocks[count]);
			count++;
		} else if (count > 0 && count <= most) {
			follow(layer, &blocks[count - 1]);
		}
	}
	return count;
}

/* Columns of the table: where each begins, and what it needs to be seen at all. */
static const struct {
	const char *head;
	int column, width, from; /* shown from so many columns of screen on */
} columns[] = {
	{"block", 4, 11, 0},
	{"maps", 15, 6, 0},
	{"kernel", 22, 7, 0},
	{"stride", 29, 7, 40},
	{"pool", 36, 9, 48},
	{"dropout", 46, 8, 58},
	{"map", 54, 11, 66},
	{"activation", 66, 11, 80},
	{"padding", 78, 8, 90},
};

enum { COLUMNS = sizeof columns / sizeof *columns };

int cs_blocks_show(struct cs_session *session, const struct cs_network *network, int row, int rows)
{
	struct cs_screen *screen = &session->screen;
	struct cs_block blocks[MOST];
	int count = cs_blocks_of(network, blocks, MOST), shown = count < MOST ? count : MOST;

	if (rows < 2 || count == 0)
		return 0;
	if (shown > rows - 1)
		shown = rows - 2 < 1 ? 1 : rows - 2;
	for (int c = 0; c < COLUMNS; c++) {
		if (screen->columns >= columns[c].from)
			cs_screen_put(screen, row, columns[c].column, columns[c].width, CS_STYLE_DIM, "%s", columns[c].head);
	}
	for (int i = 0; i < shown; i++) {
		const struct cs_block *block = &blocks[i];
		char maps[24], activation[48];
		const char *texts[COLUMNS] = {network->layers[block->layer].spec.name, maps, block->kernel, block->stride,
			block->pool, block->dropout, block->sizes, activation, block->padding};

		snprintf(maps, sizeof maps, "%" PRId64, block->maps);
		snprintf(activation, sizeof activation, "%s%s", block->activation, block->normalised ? " + norm" : "");
		for (int c = 0; c < COLUMNS; c++) {
			if (screen->columns >= columns[c].from)
				cs_screen_put(screen, row + 1 + i, columns[c].column, columns[c].width, CS_STYLE_TEXT, "%s",
					texts[c]);
		}
	}
	if (shown < count)
		cs_screen_put(screen, row + 1 + shown, 4, -1, CS_STYLE_DIM, "and %d more", count - shown);
	return 1 + shown + (shown < count);
}
