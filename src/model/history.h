/* history.h: the learning curves of a run: history.hdf5 (SWMR: read while it is written) and history.csv beside it. */
#ifndef CS_MODEL_HISTORY_H
#define CS_MODEL_HISTORY_H

#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

/* One finished epoch; NaN where there is nothing (no validation split). */
struct cs_epoch {
	double epoch; /* from 0 */
	double train_loss, train_accuracy;
	double val_loss, val_accuracy, val_top5;
	double rate; /* learning rate at its end */
	double images_per_second; /* training */
	double seconds; /* wall time of the epoch, validation included */
	double time; /* seconds since 1970 at its end */
};

/* A point inside an epoch, every few seconds: running means of the epoch so far. */
struct cs_point {
	double step; /* optimiser steps since the start */
	double epoch; /* with fraction */
	double loss, accuracy;
	double rate;
	double images_per_second;
};

struct cs_history;

/* Writing. Create starts both files afresh; `keep` rows of each table (may be NULL, 0) come first: resuming. */
enum cs_status cs_history_create(const char *directory, const struct cs_epoch *epochs, int64_t epoch_count,
	const struct cs_point *points, int64_t point_count, struct cs_history **out, struct cs_error *error);
enum cs_status cs_history_add_epoch(struct cs_history *history, const struct cs_epoch *epoch, struct cs_error *error);
enum cs_status cs_history_add_point(struct cs_history *history, const struct cs_point *point, struct cs_error *error);
enum cs_status cs_history_close(struct cs_history *history, struct cs_error *error);

/* Reading, also while another process writes; falls back to the CSV where the HDF5 cannot be read. */
struct cs_curves {
	struct cs_epoch *epochs;
	int64_t epoch_count;
	struct cs_point *points;
	int64_t point_count;
};
enum cs_status cs_history_read(const char *directory, struct cs_curves *out, struct cs_error *error);
/* The epochs of the trainings that a published run went on from, numbered through: before-1-history.csv, before-2-history.csv, ... beside its own. No
 * error where there are none. */
enum cs_status cs_history_read_before(const char *directory, struct cs_curves *out, struct cs_error *error);
void cs_curves_fini(struct cs_curves *curves);

/* Write all rows to an HDF5 file: /epochs and /points, float64, one row each; an attribute `columns` names the columns. */
enum cs_status cs_curves_save(const struct cs_curves *curves, const char *path, struct cs_error *error);

#endif
