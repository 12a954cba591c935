/* analyses.h: the analyses there are, written in Lua by us or by the user: listed, started on the model that is open, watched, cancelled.
 *
 * One that was started belongs to the browser, not to a screen: it goes on whatever is looked at meanwhile, at the lowest priority,
 * until it ends or is cancelled. Its result is a file (figure/result.h), which any screen can show.
 */
#ifndef CS_UI_ANALYSES_H
#define CS_UI_ANALYSES_H

#include "ui/session.h"

struct cs_analysis_option {
	char *key, *standard;
	char *given; /* what the person asked for; NULL: the standard */
};

struct cs_analysis {
	char *name, *title;
	bool broken; /* the file cannot be used: the title says why */
	struct cs_analysis_option *options;
	int option_count;
};

/* One that was started. */
struct cs_analysis_run {
	char *name, *target;
	char *path; /* of the result */
	struct cs_work *work; /* NULL: it has ended */
	bool stopping; /* cancelled, and not ended yet */
	double since, took; /* seconds */
	struct cs_error error; /* how it ended */
	struct cs_analysis_run *next;
};

struct cs_analyses;

/* What the session keeps, made when first asked for; NULL without memory. */
struct cs_analyses *cs_session_analyses(struct cs_session *session);
void cs_analyses_free(struct cs_analyses *analyses);

/* Look anew at which there are (in the background); what was set for options stays. */
void cs_analyses_list(struct cs_session *session);

/* Take in what ended, with a word on the status line; true when there is something new. */
bool cs_analyses_tick(struct cs_session *session);

/* Those there are, by name; *count -1: not known yet. The list changes at cs_analyses_tick() alone. */
struct cs_analysis *cs_analyses_all(struct cs_session *session, int *count);
struct cs_analysis *cs_analyses_find(struct cs_session *session, const char *name);
/* Why the list could not be made; status CS_OK: it could. */
const struct cs_error *cs_analyses_trouble(struct cs_session *session);

/* The run of that name on the open model that was started last; NULL: none was. */
struct cs_analysis_run *cs_analyses_run(struct cs_session *session, const char *name);

/* Start on the open model and its images, with the options that are set; one that runs already is left alone. A word on the status line
 * says what became of it. */
bool cs_analyses_start(struct cs_session *session, const char *name);
bool cs_analyses_cancel(struct cs_session *session, const char *name);

/* Where the result of an analysis of the open model lies: RUN/analyses/NAME.hdf5, or for a model that is no run's
 * convscope-analyses/MODEL/NAME.hdf5 here. To be freed; NULL without a model or memory. */
char *cs_analyses_path(const struct cs_session *session, const char *name);

struct cs_reading;

/* Start reading its result. */
enum cs_status cs_analyses_read(
	struct cs_session *session, const char *name, struct cs_reading **out, struct cs_error *error);

/* How far a run is: "43 % hue +30", and the fraction, negative where unknown. */
double cs_analyses_progress(struct cs_analysis_run *run, char *text, unsigned size);

#endif
