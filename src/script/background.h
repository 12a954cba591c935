/* background.h: analyses for a program that must stay awake: each in a Lua state of its own, in whatever thread calls. */
#ifndef CS_SCRIPT_BACKGROUND_H
#define CS_SCRIPT_BACKGROUND_H

#include "core/job.h"
#include "script/script.h"

/* What is to be run, on what. Strings are borrowed. */
struct cs_script_analysis {
	const char *name; /* as `convscope analyze` takes it */
	const char *model; /* a model file or run directory */
	const char *dataset; /* a specification */
	const char *directory; /* where NAME.hdf5, .csv and .png files go; made */
	const char *options; /* lines "key=value"; "" */
	int threads; /* 0: all processors */
};

/* The analyses there are, the user's and the library's, one a line: name, title, "key=value" options, with tabs between, by name. A
 * file that cannot be loaded has the reason for its title, with an exclamation mark in front. To be freed with cs_free. */
enum cs_status cs_script_analyses(const struct cs_script_hooks *hooks, char **text, struct cs_error *error);

/* Run one and save its result. The calling thread gets a low priority (nice 10), and so do those it starts. What the analysis reports is
 * the job's progress; cancelling the job ends it at its next report, call or ten thousand steps of Lua: CS_ERR_CANCELLED. What it prints is lost.
 * Errors: what the analysis returned, or Lua's own message with its traceback. */
enum cs_status cs_script_analyze(const struct cs_script_hooks *hooks, const struct cs_script_analysis *what,
	struct cs_job *job, struct cs_error *error);

#endif
