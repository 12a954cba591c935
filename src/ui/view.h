/* view.h: what a screen is: a const row of functions, and a place in a stack.
 *
 * The main loop draws the topmost view, hands it the actions its keys stand for, and lets it look after its background work. All of
 * it happens on the main thread and must return at once: whatever takes longer than a few milliseconds is work (work.h).
 */
#ifndef CS_UI_VIEW_H
#define CS_UI_VIEW_H

#include "ui/keys.h"
#include "ui/session.h"

struct cs_view;

struct cs_view_ops {
	const char *name; /* "layer" */
	enum cs_context context; /* which keys work here */
	size_t size; /* of the state that view->state points to, zeroed */

	/* Begin. `argument` is the view's own, valid during the call; the caller frees the view when this fails. */
	enum cs_status (*open)(struct cs_view *view, const void *argument, struct cs_error *error);

	/* Draw all but the hint line and the status line: rows 0 .. session->body_rows - 1. The screen is blank. */
	void (*draw)(struct cs_view *view);

	/* Do what a key stands for; false when it means nothing here (the main loop knows some actions itself). */
	bool (*act)(struct cs_view *view, enum cs_action action, int argument);

	/* Look after the background work; true when there is something new to draw. Called often while anything runs. May be NULL. */
	bool (*tick)(struct cs_view *view);

	/* A text was typed at the find prompt; again with step -1 or 1 for n and N (0: first). May be NULL. */
	void (*find)(struct cs_view *view, const char *text, int step);

	/* A line was typed at a prompt that the view opened with the sign '='; may be empty. May be NULL. */
	void (*typed)(struct cs_view *view, const char *text);

	/* A filter (sign '&') while it is typed, after each key; NULL: it was given up. May be NULL. */
	void (*filter)(struct cs_view *view, const char *text);

	/* Put the cursor on an item, as it was named to cs_spots_add(); true when it was there already (the press then opens it). May be
	 * NULL. */
	bool (*select)(struct cs_view *view, int64_t index);

	/* Anything else the mouse does over a spot of the view's own (NULL: over none); false: not of interest. May be NULL. */
	bool (*point)(struct cs_view *view, const struct cs_pointer *pointer, const struct cs_spot *spot);

	/* Write what is shown to files that begin with `stem`; the message says which. May be NULL: nothing to export. */
	enum cs_status (*export)(
		struct cs_view *view, const char *stem, char *message, size_t size, struct cs_error *error);

	/* The name of what is shown, for file names: "conv2-feature17". */
	void (*label)(struct cs_view *view, char *text, size_t size);

	/* Drop the work, free what `state` holds (not state itself). Safe after a failed open. */
	void (*close)(struct cs_view *view);

	/* Milliseconds after which `tick` wants to be called though no work runs; 0: never. */
	int wake;
};

struct cs_view {
	const struct cs_view_ops *ops;
	struct cs_session *session;
	void *state;
	struct cs_view *below;
};

/* Put a view on top; an error becomes the status line's message. */
bool cs_view_push(struct cs_session *session, const struct cs_view_ops *ops, const void *argument);
/* Back to the one below; the last one ends the browser. */
void cs_view_pop(struct cs_session *session);
/* Put a view in the place of the topmost one: moving between layers, features, images. */
bool cs_view_replace(struct cs_session *session, const struct cs_view_ops *ops, const void *argument);

/* What the views are opened with. */
struct cs_runs_argument {
	const char *directory;
};
struct cs_run_argument {
	const char *directory;
	const char *const *others; /* further runs in the same figure; NULL: none */
	int other_count;
};
struct cs_layer_argument {
	int layer; /* in the network */
	int64_t feature; /* where the cursor begins */
	enum cs_order sort; /* 0: the strongest first */
};
struct cs_feature_argument {
	int layer;
	int64_t feature;
};
struct cs_image_argument {
	int64_t image; /* of the data set; -1: the first */
	int layer; /* -1: the last one with features */
	int64_t feature; /* -1: the strongest */
};
struct cs_result_argument {
	const char *name; /* of the analysis */
};
struct cs_gallery_argument {
	const char *title;
	const int64_t *images; /* copied */
	int64_t count;
	const char *const *captions; /* [count] copied; NULL: the class, and what it is taken for */
};
struct cs_compare_argument {
	const char *target; /* the model to compare the open one with: a file or a run */
};
struct cs_text_argument {
	const char *title, *text; /* copied */
};
struct cs_help_argument {
	enum cs_context context;
	const char *screen; /* its name */
};

extern const struct cs_view_ops cs_view_runs, cs_view_run, cs_view_network, cs_view_layer, cs_view_feature,
	cs_view_image, cs_view_images, cs_view_analyses, cs_view_result, cs_view_gallery, cs_view_confusion,
	cs_view_colour, cs_view_noise, cs_view_occlusion, cs_view_compare, cs_view_help, cs_view_text;

#endif
