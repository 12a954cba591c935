/* image_panels.h: the pictures beside an image: what one layer each, or one rule each, takes from it. With the text around
 * them (image_words.c). For view_image.c alone.
 */
#ifndef CS_UI_IMAGE_PANELS_H
#define CS_UI_IMAGE_PANELS_H

#include "core/random.h"
#include "ui/lens.h"
#include "ui/view.h"

enum cs_image_what { CS_IMAGE_STRONGEST, CS_IMAGE_MAP, CS_IMAGE_LAYER, CS_IMAGE_UNIT, CS_IMAGE_WHATS };

/* The state of the image screen. */
struct cs_image_state {
	int64_t image; /* its number in the data set, or of a file */
	int column; /* the layer with the cursor, among the opened model's */
	int *rank; /* [layers] places behind the strongest */
	int64_t *fixed; /* [layers] a feature by number, or -1 */
	enum cs_image_what what;
	int zoom; /* columns fewer than would fit well */
	int extra; /* a layer that is not among those with features, or -1 */
	bool by_rule; /* the panels are the rules for the cursor's layer, not the layers */
	int row, pixel; /* the cursor on the image, row and column; CS_IMAGE_UNIT alone */
	int unit_rank; /* the feature under the cursor: places behind the strongest there */
	struct cs_random random;
	struct cs_area input; /* where the image stands on the screen */
};

/* One picture beside the image. */
struct cs_panel {
	int layer;
	int rule; /* in cs_rule_names */
	int64_t feature; /* -1: not known yet, or the whole layer */
	float strength; /* its largest activation, or that of its unit under the cursor */
	int64_t unit_row, unit_column; /* the unit under the cursor; -1: none is meant */
	bool known;
};

struct cs_ranked {
	float value;
	int64_t feature;
};

int cs_panel_layers(const struct cs_view *view);
int cs_panel_layer(const struct cs_view *view, int column);

/* How many panels there are to choose from: layers, or rules. */
int cs_panel_count(const struct cs_view *view);

/* The features of a layer by their strongest activation on this image, or at the unit under the cursor; NULL while that is not known. To
 * be freed. */
struct cs_ranked *cs_panel_rank(struct cs_view *view, int layer, int64_t *count);

/* The unit of a layer whose field has its middle nearest to the cursor. */
void cs_panel_unit(const struct cs_view *view, int layer, int64_t *row, int64_t *column);

struct cs_panel cs_panel_find(struct cs_view *view, int i);
void cs_panel_ask(struct cs_view *view, const struct cs_panel *panel, struct cs_exhibit *exhibit);

/* Draw the input and as many panels as stay readable. */
void cs_panels_draw(struct cs_view *view);

/* All panels as exhibits, the input first; cs_lens_free() takes them. NULL without memory. */
struct cs_exhibit *cs_panels_collect(struct cs_view *view, int *count);

/* Where the image stands in the order that is gone through; -1: it is none of those (a file, or one of another order). */
int64_t cs_image_place(const struct cs_view *view);

/* The two lines above the pictures, and the one below: the strongest features of the cursor's layer, the shown one marked. */
void cs_image_draw_head(struct cs_view *view);
void cs_image_draw_ranking(struct cs_view *view, int row);

#endif
