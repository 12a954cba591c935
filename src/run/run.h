/* run.h: a training run: a directory that fills with checkpoints, curves and a summary, and can be stopped and resumed
 * at any batch, bit for bit.
 */
#ifndef CS_RUN_RUN_H
#define CS_RUN_RUN_H

#include "core/job.h"
#include "data/loader.h"
#include "model/checkpoint.h"
#include "model/history.h"
#include "run/schedule.h"

struct cs_run;

/* What is told after each batch and epoch. */
struct cs_run_news {
	int64_t epoch, epochs; /* in work, from 0; in all */
	int64_t batch, batches; /* done in this epoch, of */
	int64_t step;
	double loss, accuracy; /* running means of this epoch */
	double rate;
	double images_per_second; /* over the last seconds */
	double eta; /* seconds to the end of the run, at the rate of the last minute; negative: unknown */
	const struct cs_epoch *finished; /* the epoch that just ended, or NULL after a batch */
	bool best; /* it was the best so far */
	int64_t since_best, patience;
	const char *phase; /* "training", "validating", "measuring mean", "fitting whitening" */
};

/* Return false to stop as a signal would: saved, resumable. */
typedef bool (*cs_run_watch)(void *context, const struct cs_run_news *news);

struct cs_run_options {
	const char *directory; /* NULL: train in memory only */
	int epochs, batch, patience; /* patience 0: never stop early */
	struct cs_optimizer_spec optimizer;
	struct cs_schedule schedule;
	struct cs_augment augment;
	bool augment_val;
	float zca; /* epsilon of a ZCA whitening that is fitted to the training split (data/whiten.h); 0: none */
	float smoothing;
	const struct cs_model *
		teacher; /* a model of the same pictures and classes whose answers are learnt from (teacher.h), borrowed; or NULL */
	float teacher_share; /* of the targets, 0 to 1; the rest are the labels */
	uint64_t seed;
	int threads; /* 0: all */
	bool overwrite; /* an existing run directory is replaced; else CS_ERR_EXISTS */
	bool fixed_preprocess; /* keep the model's pre-processing (fine-tuning) instead of measuring the training split */
	double checkpoint_seconds; /* last.hdf5 at least so often within an epoch; 0: 600 */
	const char *config; /* JSON of what was asked, stored as config.json and given back by --resume */
	cs_run_watch watch;
	void *context;
};

struct cs_run_options cs_run_options_default(
	void); /* 32 a batch, 40 epochs, patience 20, SGD .01 momentum .9, constant; a teacher has half of the targets */

enum cs_run_end { CS_RUN_COMPLETE, CS_RUN_PATIENCE, CS_RUN_STOPPED, CS_RUN_DIVERGED };

struct cs_run_summary {
	enum cs_run_end end;
	int64_t epochs, best_epoch; /* done; from 0 */
	double best_val_accuracy, best_val_loss;
	double last_train_accuracy, last_train_loss;
	double seconds, images_per_second;
	double loader_wait_share; /* share of the training time the engine waited for data */
	char message
		[300]; /* one sentence: "stopped by SIGINT in epoch 3; go on with convscope train --resume -o runs/a" */
};

/* Train a model on a data set. The process holds a lock on the directory: CS_ERR_EXISTS while another trains into it. The model's weights are those of the last epoch afterwards
 * (their averages, where the optimiser keeps them and the run is finished); best.hdf5 holds the best.
 * With `resume` the directory's last.hdf5 replaces model and optimiser state first (missing: starts over; finished: returns at
 * once with the old summary).
 * Errors: CS_ERR_SHAPE when data and network, or data and teacher, do not fit (both named), CS_ERR_UNSUPPORTED when network and teacher cannot be shown the
 * same pictures, CS_ERR_ARGUMENT also when a run is to go on with another teacher, CS_ERR_EXISTS, CS_ERR_IO, CS_ERR_NUMERIC when the
 * loss became NaN or infinite (epoch, batch and advice; summary->end is CS_RUN_DIVERGED and best.hdf5 stands). */
enum cs_status cs_run_train(struct cs_model *model, const struct cs_dataset *data, const struct cs_run_options *options,
	bool resume, struct cs_job *job, struct cs_run_summary *summary, struct cs_error *error);

/* Loss and accuracy of a split, by the trace given (its capacity is the batch). Fills scores [count,classes] when not NULL. */
enum cs_status cs_run_evaluate(const struct cs_model *model, const struct cs_dataset *data, const int64_t *images,
	int64_t count, struct cs_trace *trace, struct cs_job *job, struct cs_loss *loss, float *scores,
	struct cs_error *error);

/* What is known of a run directory, finished or not: for lists. Errors: CS_ERR_NOT_FOUND when it is none. */
struct cs_run_state {
	char path[1024], model[CS_NAME_SIZE], dataset[256];
	bool finished, alive; /* alive: a process is writing it now */
	int64_t epoch, epochs, best_epoch; /* done, in all; the best from 0 */
	double best_val_accuracy;
	double modified; /* seconds since 1970 */
};
enum cs_status cs_run_inspect(const char *directory, struct cs_run_state *state, struct cs_error *error);

/* Looks like a run directory: holds a configuration, a history or a checkpoint. `modified` (or NULL): when the newest of its files was
 * written, seconds since 1970. Cheap. */
bool cs_is_run(const char *directory, double *modified);

/* Where results of analyses of a model are kept and looked for, to be freed; NULL without memory. `target` is a run or a model file. `within`:
 * they are the run's own, RUN/analyses; else, of a model outside of a run or of a run that is not to be written to, they lie in convscope-analyses/NAME
 * here. */
char *cs_run_results(const char *target, bool *within);

/* Set by signal handlers (SIGINT, SIGTERM): the run ends after the batch in work. Async-signal-safe. */
void cs_run_request_stop(int signal_number);

/* Install such handlers for SIGINT and SIGTERM (signals that are ignored stay so), or put back what was there. After the
 * first signal its old effect is restored: a second one ends the program at once. For programs that handle no signals. */
void cs_run_catch_signals(bool on);

#endif
