/* run.c: the training loop. See run.h.
 *
 * All that decides the bits of the result is a function of what a checkpoint holds: weights, optimiser state, and the
 * position (epoch, batch, step) that names the batch, its augmentation, its dropout masks and its rate; the running sums of
 * the epoch in work are stored as doubles. So a run may stop after any batch and go on as if it had not. Clocks decide only
 * when points of the curves are taken and checkpoints written.
 *
 * Where the optimiser averages the weights, the averages are validated and saved as best.hdf5; last.hdf5 holds both.
 *
 * An epoch ends in this order: validation, best.hdf5, last.hdf5, history. Whoever is killed in between repeats the epoch from the
 * older last.hdf5 and writes the same again.
 */
#include "run/run_state.h"

#include "core/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const double point_every = 2, checkpoint_every = 600;

static bool wants_stop(const struct cs_run *run)
{
	return cs_run_stop_signal() || cs_job_cancelled(run->job) || run->refused;
}

static void stop_cause(char *text, size_t size)
{
	switch (cs_run_stop_signal()) {
	case 0:
		snprintf(text, size, "stopped");
		break;
	case SIGINT:
		snprintf(text, size, "stopped by SIGINT");
		break;
	case SIGTERM:
		snprintf(text, size, "stopped by SIGTERM");
		break;
	case SIGHUP:
		snprintf(text, size, "stopped by SIGHUP");
		break;
	default:
		snprintf(text, size, "stopped by signal %d", cs_run_stop_signal());
	}
}

static double mean(double sum, int count)
{
	return count ? sum / count : NAN;
}

static float rate_at(const struct cs_run *run, int64_t step)
{
	const struct cs_run_options *o = &run->options;

	return (float)((double)o->optimizer.rate * cs_schedule_factor(&o->schedule, step, run->steps, run->batches));
}

/* Seconds to the end at this rate; negative: unknown. */
static double remaining(const struct cs_run *run, double rate)
{
	int64_t images = run->data->split[CS_SPLIT_TRAIN].count, epochs = run->options.epochs - run->progress.epoch;
	double left = (double)(epochs * images) - (double)(run->progress.batch * run->options.batch);

	if (rate <= 0)
		return -1;
	/* Until one was timed: a validation pass is a third of the work an image. */
	if (run->val_seconds > 0 || !cs_run_validates(run))
		return left / rate + (double)epochs * run->val_seconds;
	return (left + (double)epochs * (double)run->data->split[CS_SPLIT_VAL].count / 3) / rate;
}

static void tell(struct cs_run *run, const struct cs_epoch *finished, bool best)
{
	const struct cs_progress *p = &run->progress;
	struct cs_run_news news = {
		.epoch = p->epoch,
		.epochs = run->options.epochs,
		.batch = p->batch,
		.batches = run->batches,
		.step = p->step,
		.loss = mean(p->partial.sum, p->partial.count),
		.accuracy = mean(p->partial.correct, p->partial.count),
		.rate = rate_at(run, p->step > 0 ? p->step - 1 : 0),
		.images_per_second = cs_speed_rate(&run->speed, CS_SPEED_NOW),
		.eta = remaining(run, cs_speed_rate(&run->speed, CS_SPEED_STEADY)),
		.finished = finished,
		.best = best,
		.since_best = p->since_best,
		.patience = run->options.patience,
		.phase = run->phase,
	};

	if (finished) {
		news.epoch = (int64_t)finished->epoch;
		news.batch = run->batches;
		news.loss = finished->train_loss;
		news.accuracy = finished->train_accuracy;
	}
	cs_job_progress(run->job, (double)p->step / (double)run->steps,
		"epoch %" PRId64 " of %d, loss %.4f, accuracy %.1f %%", news.epoch + 1, run->options.epochs, news.loss,
		100 * news.accuracy);
	if (run->options.watch && !run->options.watch(run->options.context, &news))
		run->refused = true;
}

/* The loss is no number any more. */
static enum cs_status diverged(struct cs_run *run, const char *what, struct cs_error *error)
{
	const struct cs_progress *p = &run->progress;
	char kept[200];

	if (p->best_epoch < 0)
		snprintf(kept, sizeof kept, "there is no finished epoch to fall back on");
	else if (run->directory.path)
		snprintf(kept, sizeof kept, "the best model so far, of epoch %" PRId64 ", is kept in %.120s/best.hdf5",
			p->best_epoch + 1, run->directory.path);
	else
		snprintf(kept, sizeof kept, "the best epoch was %" PRId64, p->best_epoch + 1);
	return cs_fail(error, CS_ERR_NUMERIC,
		"the %s became NaN or infinite in epoch %" PRId64 ", batch %" PRId64
		": lower the rate (it was %g), clip the gradient (clip_norm = 1) or warm up longer; %s",
		what, p->epoch + 1, p->batch + 1, (double)rate_at(run, p->step), kept);
}

static enum cs_status add_point(struct cs_run *run, struct cs_error *error)
{
	const struct cs_progress *p = &run->progress;
	struct cs_point point = {
		.step = (double)p->step,
		.epoch = (double)p->epoch + (double)p->batch / (double)run->batches,
		.loss = mean(p->partial.sum, p->partial.count),
		.accuracy = mean(p->partial.correct, p->partial.count),
		.rate = rate_at(run, p->step - 1),
		.images_per_second = cs_speed_rate(&run->speed, CS_SPEED_NOW),
	};
	enum cs_status status = cs_run_keep_point(run, &point, error);

	run->last_point = cs_now();
	if (!status && run->history)
		status = cs_history_add_point(run->history, &point, error);
	return status;
}

static void watch_health(struct cs_run *run)
{
	int layer = cs_health_check(&run->health, run->train, run->progress.step);
	int classes = run->data->class_count;

	if (layer < 0)
		return;
	cs_run_log(&run->directory, true,
		"layer '%s' has gone silent: none of its units fires on any image of a batch, so that nothing before "
		"it learns and the "
		"loss stays near ln(%d) = %.3f; lower the rate (it is %g), warm up longer or choose another "
		"initialiser",
		run->model->network->layers[layer].spec.name, classes, log(classes),
		(double)rate_at(run, run->progress.step));
}

static enum cs_status train_batch(struct cs_run *run, const struct cs_batch *batch, struct cs_error *error)
{
	struct cs_progress *p = &run->progress;
	struct cs_tensor images = cs_tensor_slice(&batch->images, 0, batch->count);
	struct cs_batch taught;
	struct cs_loss loss;
	enum cs_status status;

	if (run->teacher) {
		taught = cs_teacher_answer(run->teacher, batch);
		batch = &taught;
	}
	cs_network_forward_training(run->train, &images, run->options.seed, (uint32_t)p->step);
	status = cs_loss_cross_entropy(run->train, batch, run->options.smoothing, &loss, error);
	if (status)
		return status;
	if (!isfinite(loss.sum))
		return diverged(run, "loss", error);
	watch_health(run);
	cs_network_backward(run->train, true, NULL);
	cs_optimizer_step(run->optimizer, run->model->network, run->train, rate_at(run, p->step));
	p->partial.sum += loss.sum;
	p->partial.correct += loss.correct;
	p->partial.correct5 += loss.correct5;
	p->partial.count += loss.count;
	p->step++;
	p->batch++;
	run->images += batch->count;
	return CS_OK;
}

/* The batches of an epoch that are left. Ends early, without error, when a stop was asked for. */
static enum cs_status train_epoch(struct cs_run *run, struct cs_error *error)
{
	double every = run->options.checkpoint_seconds > 0 ? run->options.checkpoint_seconds : checkpoint_every;
	struct cs_progress *p = &run->progress;
	double begin = cs_now();
	enum cs_status status = CS_OK;

	run->phase = "training";
	cs_loader_start(run->loader, (uint32_t)p->epoch, p->batch);
	while (p->batch < run->batches && !status && !wants_stop(run)) {
		struct cs_error problem = {0};
		const struct cs_batch *batch = cs_loader_next(run->loader, &problem);
		double now;

		if (!batch) {
			status = cs_fail(error, problem.status ? problem.status : CS_ERR_IO, "%s",
				problem.status ? problem.message : "the data set ended before its epoch");
			break;
		}
		status = train_batch(run, batch, error);
		if (status)
			break;
		now = cs_now();
		cs_speed_add(&run->speed, run->training + now - begin, run->images);
		if (now - run->last_point >= point_every || p->batch == run->batches)
			status = add_point(run, error);
		if (!status && now - run->last_checkpoint >= every)
			status = cs_run_checkpoint(run, error);
		if (!status)
			tell(run, NULL, false);
	}
	run->training += cs_now() - begin;
	run->waited += cs_loader_waited(run->loader);
	return status;
}

static bool validation_goes_on(void *context, int64_t done, int64_t batches)
{
	struct cs_run *run = context;

	(void)done;
	(void)batches;
	tell(run, NULL, false);
	return !wants_stop(run);
}

/* Sets *stopped when a stop was asked for meanwhile: the epoch then stands before its validation, and resuming validates. */
static enum cs_status validate(struct cs_run *run, struct cs_epoch *epoch, bool *stopped, struct cs_error *error)
{
	const struct cs_split *split = &run->data->split[CS_SPLIT_VAL];
	struct cs_evaluation evaluation = {
		.model = run->model,
		.data = run->data,
		.images = split->images,
		.count = split->count,
		.trace = run->val,
		.seed = run->options.seed,
		.go_on = validation_goes_on,
		.context = run,
	};
	double begin = cs_now();
	struct cs_loss loss;
	enum cs_status status;

	*stopped = false;
	if (!cs_run_validates(run))
		return CS_OK;
	run->phase = "validating";
	if (run->options.augment_val)
		evaluation.augment = run->options.augment;
	cs_optimizer_exchange_average(run->optimizer, run->model->network);
	status = cs_evaluate(&evaluation, &loss, error);
	cs_optimizer_exchange_average(run->optimizer, run->model->network);
	run->phase = "training";
	if (status == CS_ERR_CANCELLED) {
		*stopped = true;
		return CS_OK;
	}
	if (status)
		return status;
	run->val_seconds = cs_now() - begin;
	epoch->val_loss = mean(loss.sum, loss.count);
	epoch->val_accuracy = mean(loss.correct, loss.count);
	epoch->val_top5 = mean(loss.correct5, loss.count);
	return isfinite(loss.sum) ? CS_OK : diverged(run, "validation loss", error);
}

/* Better by accuracy, ties by loss; without a validation split by training loss. */
static bool is_best(const struct cs_run *run, const struct cs_epoch *epoch)
{
	const struct cs_progress *p = &run->progress;

	if (p->best_epoch < 0)
		return true;
	if (!cs_run_validates(run))
		return epoch->train_loss < p->best_loss;
	return epoch->val_accuracy > p->best_accuracy ||
		(epoch->val_accuracy == p->best_accuracy && epoch->val_loss < p->best_loss);
}

static enum cs_status save_best(struct cs_run *run, struct cs_error *error)
{
	char *path;
	enum cs_status status;

	if (!run->directory.path)
		return CS_OK;
	path = cs_run_file(&run->directory, "best.hdf5");
	if (!path)
		return cs_fail_memory(error, "a path");
	cs_optimizer_exchange_average(run->optimizer, run->model->network);
	status = cs_model_save(run->model, path, error);
	cs_optimizer_exchange_average(run->optimizer, run->model->network);
	cs_free(path);
	return status;
}

static enum cs_status end_epoch(struct cs_run *run, struct cs_epoch *epoch, struct cs_error *error)
{
	const struct cs_run_options *o = &run->options;
	struct cs_progress *p = &run->progress;
	bool best = is_best(run, epoch);
	enum cs_status status;

	if (best) {
		p->best_epoch = p->epoch;
		p->best_accuracy = epoch->val_accuracy;
		p->best_loss = cs_run_validates(run) ? epoch->val_loss : epoch->train_loss;
		p->since_best = 0;
	} else {
		p->since_best++;
	}
	p->epoch++;
	p->batch = 0;
	p->partial = (struct cs_loss){0};
	p->finished = p->epoch >= o->epochs || (o->patience && p->since_best >= o->patience);
	status = cs_run_keep_epoch(run, epoch, error);
	if (!status && best)
		status = save_best(run, error);
	if (!status)
		status = cs_run_checkpoint(run, error);
	if (!status && run->history)
		status = cs_history_add_epoch(run->history, epoch, error);
	if (status)
		return status;
	cs_run_log(&run->directory, false,
		"epoch %.0f of %d: loss %.4f, accuracy %.2f %%, validation loss %.4f, accuracy %.2f %%, rate %g, %.0f "
		"images/s%s",
		epoch->epoch + 1, o->epochs, epoch->train_loss, 100 * epoch->train_accuracy, epoch->val_loss,
		100 * epoch->val_accuracy, epoch->rate, epoch->images_per_second, best ? ", best so far" : "");
	tell(run, epoch, best);
	return CS_OK;
}

/* One epoch, or what is left of it, with its validation. */
static enum cs_status one_epoch(struct cs_run *run, struct cs_error *error)
{
	struct cs_progress *p = &run->progress;
	double begin = cs_now(), training = run->training;
	int64_t images = run->images;
	struct cs_epoch epoch = {
		.epoch = (double)p->epoch,
		.val_loss = NAN,
		.val_accuracy = NAN,
		.val_top5 = NAN,
	};
	struct timespec now;
	bool stopped;
	enum cs_status status = train_epoch(run, error);

	if (status || wants_stop(run))
		return status;
	training = run->training - training;
	epoch.train_loss = mean(p->partial.sum, p->partial.count);
	epoch.train_accuracy = mean(p->partial.correct, p->partial.count);
	epoch.rate = rate_at(run, p->step - 1);
	epoch.images_per_second = training > 0 ? (double)(run->images - images) / training : NAN;
	status = validate(run, &epoch, &stopped, error);
	if (status || stopped)
		return status;
	clock_gettime(CLOCK_REALTIME, &now);
	epoch.seconds = cs_now() - begin;
	epoch.time = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
	return end_epoch(run, &epoch, error);
}

static void summarise(const struct cs_run *run, enum cs_run_end end, struct cs_run_summary *summary)
{
	const struct cs_progress *p = &run->progress;
	const struct cs_epoch *last = run->curves.epoch_count ? &run->curves.epochs[run->curves.epoch_count - 1] : NULL;

	*summary = (struct cs_run_summary){
		.end = end,
		.epochs = p->epoch,
		.best_epoch = p->best_epoch,
		.best_val_accuracy = p->best_accuracy,
		.best_val_loss = cs_run_validates(run) ? p->best_loss : NAN,
		.last_train_accuracy = last ? last->train_accuracy : NAN,
		.last_train_loss = last ? last->train_loss : NAN,
		.seconds = run->before + cs_now() - run->began,
		.images_per_second = run->training > 0 ? (double)run->images / run->training : NAN,
		.loader_wait_share = run->training > 0 ? run->waited / run->training : NAN,
	};
}

static void finished_message(const struct cs_run *run, struct cs_run_summary *summary)
{
	const struct cs_progress *p = &run->progress;
	char best[120] = "";

	if (cs_run_validates(run))
		snprintf(best, sizeof best, ", with %.2f %% validation accuracy", 100 * p->best_accuracy);
	if (p->epoch >= run->options.epochs)
		snprintf(summary->message, sizeof summary->message,
			"finished %" PRId64 " epoch%s; the best was epoch %" PRId64 "%s", p->epoch, p->epoch == 1 ? "" : "s",
			p->best_epoch + 1, best);
	else
		snprintf(summary->message, sizeof summary->message,
			"ended after %" PRId64 " epochs, %" PRId64
			" of them without improvement; the best was epoch %" PRId64 "%s",
			p->epoch, p->since_best, p->best_epoch + 1, best);
}

/* Save where the run stands and say how to go on. */
static enum cs_status stop(struct cs_run *run, struct cs_run_summary *summary, struct cs_error *error)
{
	const struct cs_progress *p = &run->progress;
	enum cs_status status = cs_run_checkpoint(run, error);
	char cause[60];

	if (status)
		return status;
	summarise(run, CS_RUN_STOPPED, summary);
	stop_cause(cause, sizeof cause);
	if (run->directory.path)
		snprintf(summary->message, sizeof summary->message,
			"%s in epoch %" PRId64 " after %" PRId64 " of %" PRId64
			" batches; go on with convscope train --resume -o %.140s",
			cause, p->epoch + 1, p->batch, run->batches, run->directory.path);
	else
		snprintf(summary->message, sizeof summary->message,
			"%s in epoch %" PRId64 " after %" PRId64 " of %" PRId64 " batches", cause, p->epoch + 1,
			p->batch, run->batches);
	return CS_OK;
}

enum cs_status cs_run_train(struct cs_model *model, const struct cs_dataset *data, const struct cs_run_options *options,
	bool resume, struct cs_job *job, struct cs_run_summary *summary, struct cs_error *error)
{
	struct cs_error local = {0}, *problem = error ? error : &local;
	struct cs_run run;
	bool finished;
	enum cs_status status, written;

	*summary = (struct cs_run_summary){.best_epoch = -1, .best_val_accuracy = NAN, .best_val_loss = NAN};
	status = cs_run_start(&run, model, data, options, resume, job, &finished, summary, problem);
	if (status || finished) {
		cs_run_clear_stop();
		return status;
	}
	while (!run.progress.finished && !status && !wants_stop(&run))
		status = one_epoch(&run, problem);
	if (!status && run.progress.finished) {
		summarise(&run, run.progress.epoch >= options->epochs ? CS_RUN_COMPLETE : CS_RUN_PATIENCE, summary);
		finished_message(&run, summary);
	} else if (!status) {
		status = stop(&run, summary, problem);
	} else if (status == CS_ERR_NUMERIC) {
		summarise(&run, CS_RUN_DIVERGED, summary);
		snprintf(summary->message, sizeof summary->message, "%.299s", problem->message);
	}
	if (status && status != CS_ERR_NUMERIC) {
		cs_run_log(&run.directory, false, "ended by an error: %s", problem->message);
		goto out;
	}
	/* an error is the caller's to tell: here it goes into log.txt alone */
	cs_run_log(&run.directory, false, "%s", summary->message);
	if (run.directory.path) {
		written = cs_run_write_summary(&run.directory, summary, run.progress.finished, status ? NULL : problem);
		status = status ? status : written;
	}
	if (run.history) {
		written = cs_history_close(run.history, status ? NULL : problem);
		status = status ? status : written;
		run.history = NULL;
	}
out:
	/* what was validated is what the caller gets */
	if (run.progress.finished)
		cs_optimizer_exchange_average(run.optimizer, run.model->network);
	cs_run_clear_stop();
	cs_run_finish(&run);
	return status;
}
