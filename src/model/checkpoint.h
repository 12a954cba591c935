/* checkpoint.h: a model file with the state of its training, so that a run goes on bit for bit. */
#ifndef CS_MODEL_CHECKPOINT_H
#define CS_MODEL_CHECKPOINT_H

#include "model/history.h"
#include "model/model.h"
#include "nn/loss.h"
#include "nn/optimizer.h"

/* Where a run stands. Doubles and integers are stored exactly. */
struct cs_progress {
	int64_t epoch; /* the epoch in work, or the next one when `batch` is 0 */
	int64_t batch; /* batches of that epoch already done */
	int64_t step; /* optimiser steps in all */
	int64_t best_epoch; /* -1: none yet */
	double best_accuracy;
	int64_t since_best; /* epochs without improvement: patience */
	struct cs_loss partial; /* running sums of the epoch in work */
	double seconds; /* spent so far */
	bool finished;
	double best_loss; /* validation loss of the best epoch, for ties; training loss where there is no validation split */
};

/* model + optimiser state + progress + history rows up to here, in one file, written safely. optimizer may be NULL. */
enum cs_status cs_checkpoint_save(const char *path, const struct cs_model *model, struct cs_optimizer *optimizer,
	const struct cs_progress *progress, struct cs_error *error);

/* The same with the rows of the history up to here (may be NULL). */
enum cs_status cs_checkpoint_save_with(const char *path, const struct cs_model *model, struct cs_optimizer *optimizer,
	const struct cs_progress *progress, const struct cs_curves *curves, struct cs_error *error);

/* Read back; the optimiser was made for the same architecture (CS_ERR_SHAPE otherwise). */
enum cs_status cs_checkpoint_load(
	const char *path, struct cs_model **model, struct cs_progress *progress, struct cs_error *error);
enum cs_status cs_checkpoint_load_optimizer(const char *path, struct cs_optimizer *optimizer, struct cs_error *error);
/* The history rows; none where the file has none. */
enum cs_status cs_checkpoint_load_curves(const char *path, struct cs_curves *curves, struct cs_error *error);

#endif
