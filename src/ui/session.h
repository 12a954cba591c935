/* session.h: what the screens share: the terminal, the opened model, the background work, the choices that hold everywhere.
 */
#ifndef CS_UI_SESSION_H
#define CS_UI_SESSION_H

#include "term/graphics.h"
#include "term/probe.h"
#include "term/screen.h"
#include "ui/ahead.h"
#include "ui/browse.h"
#include "ui/keys.h"
#include "ui/pointer.h"
#include "ui/prompt.h"
#include "ui/settings.h"
#include "work/gallery.h"
#include "work/opened.h"
#include "work/scan.h"
#include "work/tiles.h"
#include "work/work.h"

struct cs_view;
struct cs_analyses;
struct cs_reading;

enum { CS_SCANS = 8, CS_CHOICES = 2000 };

struct cs_record;

struct cs_session {
	const struct cs_ui_request *request;
	const struct cs_ui_hooks *hooks;
	struct cs_probe probe;
	struct cs_screen screen;
	struct cs_graphics *graphics;
	struct cs_works *works;
	struct cs_prompt prompt;
	struct cs_ahead ahead; /* keys that wait for the model */
	struct cs_view *top;
	int body_rows; /* rows that a view may draw */
	bool dirty; /* draw soon */
	bool quit;
	bool redraw; /* repaint everything and ask the terminal anew */
	struct cs_settings settings;
	struct cs_spots spots; /* what the mouse can hit */

	/* What the prompt is busy with; NULL: nothing. */
	struct cs_work *lua; /* the line of Lua that runs */
	struct cs_work *completing; /* the line that is to be completed */
	struct cs_work *picture; /* the picture file that is read */
	char choices[CS_CHOICES]; /* how the line could go on */
	const void *lua_looks; /* what Lua was told is looked at */
	bool lua_images;
	struct cs_record *record; /* the script that is recorded */
	struct cs_reading *colour; /* the colour analysis of the open model; NULL before it was asked for */
	struct cs_analyses *analyses; /* NULL before one was asked for */

	/* The model that is looked at; NULL before one is. */
	struct cs_opened *opened;
	struct cs_work *opening;
	enum cs_stage stage; /* as last seen */
	double stamp; /* when its file was written, seconds since 1970 */
	char *run; /* its run directory, or NULL */
	struct cs_tiles *tiles; /* from CS_STAGE_READY on */
	struct cs_scan *scans[CS_SCANS];
	int scan_count;

	struct cs_gallery gallery; /* the images in the order that is gone through */
	struct cs_work *verdicts; /* classifying them all; NULL: not begun */
	bool verdicts_told; /* that they are complete */
	char *kept; /* a model to compare others with, as a target; NULL: none */

	/* How things are looked at, on every screen. */
	int rule; /* in cs_rule_names */
	enum cs_signal signal;
	bool shared; /* one scale for all pictures of a screen */
	int64_t *order; /* the features of order_layer as its screen had them last, or NULL */
	int order_layer;
	int looked_layer; /* the feature that was looked at last, for the cursor of its layer's screen; -1: none */
	int64_t looked_feature;

	/* What the status line says. */
	char message[600];
	enum cs_style message_style;
	double message_until; /* 0: nothing */
	char busy[220]; /* what runs in the background, as last seen */
	int busy_count;
	char found[CS_PROMPT_BYTES]; /* what was looked for last */
};

enum cs_status cs_session_init(struct cs_session *session, const struct cs_ui_request *request,
	const struct cs_ui_hooks *hooks, struct cs_error *error);
/* Stop all work, wait for it, release. */
void cs_session_fini(struct cs_session *session);

/* Put a sentence on the status line for a while; NULL error: CS_STYLE_TEXT. */
void cs_session_say(struct cs_session *session, enum cs_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void cs_session_complain(struct cs_session *session, const struct cs_error *error);

/* Open a model file or run directory in the background, unless it is the one that is open and its file is the same still; the old one
 * is let go. */
enum cs_status cs_session_open(struct cs_session *session, const char *target, struct cs_error *error);

/* See how far the opening is, take in finished tiles; true when there is something new to draw. */
bool cs_session_tick(struct cs_session *session);

/* The model can be looked at; its images too. */
bool cs_session_has_model(const struct cs_session *session);
bool cs_session_has_images(const struct cs_session *session);
/* One sentence on why not (yet). */
void cs_session_why_not(struct cs_session *session, char *text, size_t size);

/* The scan that covers a layer, started when there is none; NULL while there are no images. */
struct cs_scan *cs_session_scan(struct cs_session *session, int layer);

/* What the colour analysis found about the open model, followed from now on; NULL without a model. */
struct cs_reading *cs_session_colour(struct cs_session *session);

/* The layer that the key `digit` (from 0) stands for, or the one `step` after `layer` among those; -1: none. */
int cs_session_layer(const struct cs_session *session, int digit);
int cs_session_layer_step(const struct cs_session *session, int layer, int step);

/* The next rule; the other signal. They say so. */
void cs_session_next_rule(struct cs_session *session);
void cs_session_next_signal(struct cs_session *session);
void cs_session_toggle_shared(struct cs_session *session);

/* Put the images into an order; verdicts are asked for where the order needs them. */
void cs_session_order_images(struct cs_session *session, enum cs_gallery_order order, const char *filter);

const struct cs_network *cs_session_network(const struct cs_session *session);

#endif
