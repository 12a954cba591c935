/* browse.h: the browser's front door; the only header of this room that main.c includes. */
#ifndef CS_UI_BROWSE_H
#define CS_UI_BROWSE_H

#include "core/status.h"

struct cs_job;

/* An analysis to be run. Strings are borrowed. */
struct cs_ui_analysis {
	const char *name, *model, *dataset;
	const char *directory; /* for the result, NAME.hdf5; made */
	const char *options; /* lines "key=value" */
	int threads;
};

/* What the browser asks of the scripting room, joined by main.c: neither includes the other. */
struct cs_ui_hooks {
	void *context;
	/* Run a line of Lua in the browser's state; the printed text comes back, to be freed with cs_free. */
	enum cs_status (*evaluate)(void *context, const char *line, char **text, struct cs_error *error);

	/* The analyses there are, a line each: name, title, "key=value" options, with tabs between; a title that begins with '!' is why
	 * it cannot be used. To be freed with cs_free. Called in a background thread, as is: */
	enum cs_status (*analyses)(void *context, char **text, struct cs_error *error);

	/* Run one and write its result. The job is told how far it is, and may be cancelled. */
	enum cs_status (*analyze)(
		void *context, const struct cs_ui_analysis *what, struct cs_job *job, struct cs_error *error);
};

struct cs_ui_request {
	/* Model file, run directory, directory of runs, installed model; NULL: the newest run here, else the installed models. */
	const char *target;
	const char *dataset; /* NULL: the one the model was trained on, else shapes (and says so) */
	const char *graphics; /* "auto", "sixel", "symbols", "ascii"; NULL: CONVSCOPE_GRAPHICS or auto */
	int threads;
};

/* Run until the user quits. Errors before the screen is taken (no terminal, TERM=dumb, nothing to browse) come back as one line. */
enum cs_status cs_ui_browse(
	const struct cs_ui_request *request, const struct cs_ui_hooks *hooks, struct cs_error *error);

#endif
