/* run_state.h: a training run while it lasts: made by start.c, driven by run.c, closed by start.c. */
#ifndef CS_RUN_RUN_STATE_H
#define CS_RUN_RUN_STATE_H

#include "run/run_internal.h"
#include "run/teacher.h"

struct cs_run {
	struct cs_model *model; /* borrowed */
	const struct cs_dataset *data;
	struct cs_run_options options;
	struct cs_job *job;
	struct cs_run_directory directory;

	struct cs_workers *workers;
	struct cs_trace *train, *val; /* val NULL: no validation split */
	struct cs_optimizer *optimizer;
	struct cs_teacher *teacher; /* or NULL */
	struct cs_loader *loader;
	struct cs_history *history;

	struct cs_progress progress;
	struct cs_curves curves; /* all rows so far */
	int64_t epoch_capacity, point_capacity;
	int64_t batches; /* in an epoch */
	int64_t steps; /* in the whole run */

	/* this session's clock */
	double began, before; /* cs_now() at its begin; seconds of earlier sessions */
	double training; /* seconds of training proper */
	double waited; /* of those, for data */
	int64_t images; /* trained on */
	double val_seconds; /* that the last validation took; 0: none yet */
	double last_checkpoint, last_point;
	struct cs_speed speed;
	struct cs_health health;

	bool refused; /* the watch said stop */
	const char *phase;
};

/* Check, open the directory, take up or begin, make all that training needs. With *finished the run was over already and summary is
 * filled. On an error everything is released. */
enum cs_status cs_run_start(struct cs_run *run, struct cs_model *model, const struct cs_dataset *data,
	const struct cs_run_options *options, bool resume, struct cs_job *job, bool *finished,
	struct cs_run_summary *summary, struct cs_error *error);
void cs_run_finish(struct cs_run *run);

/* Save last.hdf5. */
enum cs_status cs_run_checkpoint(struct cs_run *run, struct cs_error *error);

/* Append to the curves in memory. */
enum cs_status cs_run_keep_epoch(struct cs_run *run, const struct cs_epoch *epoch, struct cs_error *error);
enum cs_status cs_run_keep_point(struct cs_run *run, const struct cs_point *point, struct cs_error *error);

static inline bool cs_run_validates(const struct cs_run *run)
{
	return run->data->split[CS_SPLIT_VAL].count > 0;
}

#endif
