/* start.c: beginning or taking up a run, and releasing it. See run_state.h.
 *
 * A new run measures the training split's mean and deviation into the model, writes config.json and begins its curves. A run
 * that is taken up has all of that in last.hdf5: weights, optimiser, position, partial sums and curves; what the history
 * files hold beyond that checkpoint belongs to work that will be done again, so they are written anew.
 */
#include "run/run_state.h"

#include "core/alloc.h"
#include "data/whiten.h"
#include "io/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct cs_run_options cs_run_options_default(void)
{
	struct cs_run_options options = {
		.epochs = 40,
		.batch = 32,
		.patience = 20,
		.optimizer = cs_optimizer_default(CS_SGD),
		.schedule = cs_schedule_default(CS_CONSTANT),
		.teacher_share = 0.5f,
	};

	options.optimizer.rate = 0.01f;
	options.optimizer.momentum = 0.9f;
	return options;
}

static enum cs_status check(const struct cs_run_options *options, const struct cs_dataset *data, struct cs_error *error)
{
	if (options->epochs < 1 || options->batch < 1 || options->patience < 0)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"cannot train for %d epochs in batches of %d with patience %d: expected at least 1, 1 and 0",
			options->epochs, options->batch, options->patience);
	if (!(options->smoothing >= 0 && options->smoothing < 1))
		return cs_fail(error, CS_ERR_ARGUMENT, "label smoothing is %g; expected 0 to below 1",
			(double)options->smoothing);
	if (cs_optimizer_check(&options->optimizer, error))
		return error ? error->status : CS_ERR_ARGUMENT;
	if (cs_augment_check(&options->augment, error))
		return error ? error->status : CS_ERR_ARGUMENT;
	if (options->zca != 0 && cs_whiten_check(options->zca, error))
		return error ? error->status : CS_ERR_ARGUMENT;
	if (options->zca != 0 && options->fixed_preprocess)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"zca fits a whitening anew, but this network is to keep its pre-processing (keep_preprocess): "
			"ask for one of the two");
	if (data->split[CS_SPLIT_TRAIN].count < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "'%s' has no training images", data->spec);
	if (data->class_count < 2)
		return cs_fail(error, CS_ERR_ARGUMENT, "'%s' has %d class; there is nothing to tell apart", data->spec,
			data->class_count);
	return CS_OK;
}

/* Can the teacher teach this run? Asked before an old run is overwritten. */
static enum cs_status check_teacher(const struct cs_run *run, struct cs_error *error)
{
	const struct cs_run_options *o = &run->options;
	struct cs_preprocess fed = o->fixed_preprocess ? run->model->preprocess : cs_preprocess_default();

	if (o->zca > 0)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"the network is to whiten its pictures (zca), which its teacher does not: ask for one of the "
			"two");
	return cs_teacher_check(o->teacher, run->data, &run->model->network->input, &fed, o->teacher_share, error);
}

/* Put what a checkpoint holds into the caller's model: in place where the network is the same, so that traces of it stay
 * valid; else the network is replaced. Takes `from`. */
static void adopt(struct cs_model *model, struct cs_model *from)
{
	struct cs_network *a = model->network, *b = from->network;
	bool same = a->layer_count == b->layer_count && cs_shape_equal(&a->input, &b->input);
	struct cs_model old;

	for (int i = 0; i < b->layer_count && same; i++) {
		same = a->layers[i].ops == b->layers[i].ops &&
			!strcmp(a->layers[i].spec.name, b->layers[i].spec.name) &&
			a->layers[i].param_count == b->layers[i].param_count &&
			a->layers[i].spec.activation == b->layers[i].spec.activation &&
			cs_shape_equal(&a->layers[i].out, &b->layers[i].out);
		for (int k = 0; same && k < b->layers[i].param_count; k++)
			same = cs_shape_equal(&a->layers[i].params[k].value.shape, &b->layers[i].params[k].value.shape);
	}
	for (int i = 0; i < b->layer_count && same; i++) {
		a->layers[i].frozen = b->layers[i].frozen;
		for (int k = 0; k < b->layers[i].param_count; k++)
			memcpy(a->layers[i].params[k].value.data, b->layers[i].params[k].value.data,
				(size_t)cs_tensor_count(&b->layers[i].params[k].value) * sizeof(float));
	}
	old = *model;
	*model = *from;
	*from = old;
	if (same) {
		model->network = a;
		from->network = b;
	}
	model->network->precision = a->precision;
	cs_model_free(from);
}

/* The teacher in few words: whose weights, and how much it says. Empty: none. */
enum { TEACHER_TEXT = 60 };
static void teacher_text(const struct cs_run_options *options, char text[TEACHER_TEXT])
{
	*text = '\0';
	if (options->teacher)
		snprintf(text, TEACHER_TEXT, "%016" PRIx64 ", share %g", cs_model_mark(options->teacher),
			(double)options->teacher_share);
}

/* A run that goes on must go on as it began, or "bit for bit" would be a lie nobody notices. */
static enum cs_status check_same(const struct cs_run *run, struct cs_error *error)
{
	json_t *config = cs_run_read_json(run->directory.path, "config.json"), *facts = json_object_get(config, "run");
	const json_t *batch = json_object_get(facts, "batch"), *seed = json_object_get(facts, "seed");
	const json_t *images = json_object_get(facts, "images");
	const char *have_precision = cs_precision_name(run->model->network->precision);
	const char *precision = json_string_value(json_object_get(facts, "precision"));
	const char *taught = json_string_value(json_object_get(facts, "teacher"));
	char teacher[TEACHER_TEXT];
	int64_t have = run->data->split[CS_SPLIT_TRAIN].count;
	enum cs_status status = CS_OK;

	teacher_text(&run->options, teacher);
	if (json_is_integer(batch) && json_integer_value(batch) != run->options.batch)
		status = cs_fail(error, CS_ERR_ARGUMENT,
			"'%s' was begun with batches of %" PRId64
			", not %d: a run goes on with the batch it began with",
			run->directory.path, (int64_t)json_integer_value(batch), run->options.batch);
	else if (json_is_integer(seed) && (uint64_t)json_integer_value(seed) != run->options.seed)
		status = cs_fail(error, CS_ERR_ARGUMENT,
			"'%s' was begun with seed %" PRIu64 ", not %" PRIu64
			": a run goes on with the seed it began with",
			run->directory.path, (uint64_t)json_integer_value(seed), run->options.seed);
	else if (json_is_integer(images) && json_integer_value(images) != have)
		status = cs_fail(error, CS_ERR_ARGUMENT,
			"'%s' was begun with %" PRId64 " training images, but '%s' now has %" PRId64,
			run->directory.path, (int64_t)json_integer_value(images), run->data->spec, have);
	else if (strcmp(precision ? precision : cs_precision_name(CS_FP32), have_precision) != 0)
		status = cs_fail(error, CS_ERR_ARGUMENT,
			"'%s' was begun in precision %.20s, not %s: a run goes on in the precision it began with",
			run->directory.path, precision ? precision : cs_precision_name(CS_FP32), have_precision);
	else if (strcmp(taught ? taught : "", teacher) != 0)
		status = cs_fail(error, CS_ERR_ARGUMENT,
			"'%s' was begun %s: a run goes on with the teacher it began with, its weights and its share of "
			"the targets",
			run->directory.path,
			!taught             ? "without a teacher"
				: !*teacher ? "with a teacher, which is missing now"
					    : "with another teacher");
	json_decref(config);
	return status;
}

/* The summary of a run that is over; remade from the checkpoint where summary.json was lost. */
static void old_summary(const struct cs_run *run, struct cs_run_summary *summary)
{
	const struct cs_progress *p = &run->progress;

	if (!cs_run_read_summary(run->directory.path, summary, NULL))
		return;
	*summary = (struct cs_run_summary){
		.end = p->epoch < run->options.epochs ? CS_RUN_PATIENCE : CS_RUN_COMPLETE,
		.epochs = p->epoch,
		.best_epoch = p->best_epoch,
		.best_val_accuracy = p->best_accuracy,
		.best_val_loss = p->best_loss,
		.last_train_accuracy = NAN,
		.last_train_loss = NAN,
		.seconds = p->seconds,
	};
	snprintf(summary->message, sizeof summary->message, "finished after %" PRId64 " epochs", p->epoch);
}

/* Load last.hdf5. *found is false where there is none. */
static enum cs_status take_up(struct cs_run *run, bool *found, struct cs_error *error)
{
	char *path = cs_run_file(&run->directory, "last.hdf5");
	struct cs_model *model = NULL;
	enum cs_status status;

	*found = false;
	if (!path)
		return cs_fail_memory(error, "a path");
	if (!cs_file_exists(path)) {
		cs_free(path);
		return CS_OK;
	}
	status = check_same(run, error);
	if (!status)
		status = cs_checkpoint_load(path, &model, &run->progress, error);
	if (!status)
		status = cs_checkpoint_load_curves(path, &run->curves, error);
	if (!status) {
		adopt(run->model, model);
		*found = true;
	} else {
		cs_model_free(model);
	}
	run->epoch_capacity = run->curves.epoch_count;
	run->point_capacity = run->curves.point_count;
	cs_free(path);
	return status;
}

/* Mean and deviation of the training split into the model. */
static enum cs_status measure(struct cs_run *run, struct cs_error *error)
{
	struct cs_preprocess *pre = &run->model->preprocess;
	struct cs_run_news news = {
		.epochs = run->options.epochs,
		.batches = run->batches,
		.eta = -1,
		.patience = run->options.patience,
		.phase = "measuring mean",
	};
	float mean[3], deviation[3];
	enum cs_status status;

	if (run->options.watch && !run->options.watch(run->options.context, &news))
		return cs_fail(error, CS_ERR_CANCELLED, "stopped before the first batch");
	status = cs_dataset_statistics(run->data, run->job, mean, deviation, error);
	if (status)
		return status;
	cs_model_set_whitening(run->model, NULL);
	*pre = cs_preprocess_default();
	if (run->model->network->input.dim[2] == 1) {
		/* Of the luma: its mean follows from the channels'; its deviation is theirs where they agree, as in grey images. */
		static const float weight[3] = {0.299f, 0.587f, 0.114f};
		float m = 0, d = 0;

		for (int k = 0; k < 3; k++) {
			m += weight[k] * mean[k];
			d += weight[k] * deviation[k];
		}
		for (int k = 0; k < 3; k++) {
			mean[k] = m;
			deviation[k] = d;
		}
	}
	for (int k = 0; k < 3; k++) {
		pre->mean[k] = mean[k];
		/* A channel that never changes is left as it is. */
		pre->deviation[k] = deviation[k] > 1e-6f ? deviation[k] : 1;
	}
	run->model->preprocess_known = true;
	return CS_OK;
}

/* The whitening that was asked for, of pixels as measure() left them. */
static enum cs_status whiten(struct cs_run *run, struct cs_error *error)
{
	const struct cs_shape *in = &run->model->network->input;
	const struct cs_split *split = &run->data->split[CS_SPLIT_TRAIN];
	struct cs_whitening *whitening = NULL;
	struct cs_run_news news = {
		.epochs = run->options.epochs,
		.batches = run->batches,
		.eta = -1,
		.patience = run->options.patience,
		.phase = "fitting whitening",
	};
	enum cs_status status;

	if (run->options.watch && !run->options.watch(run->options.context, &news))
		return cs_fail(error, CS_ERR_CANCELLED, "stopped before the first batch");
	status = cs_whiten_fit(
		run->data, &run->model->preprocess, (int)in->dim[2], run->options.zca, run->job, &whitening, error);
	if (status)
		return status;
	cs_model_set_whitening(run->model, whitening);
	if (whitening->kind == CS_WHITENING_WHOLE && split->count < cs_shape_count(in))
		cs_run_log(&run->directory, true,
			"ZCA whitening of %" PRId64 " numbers was fitted to %" PRId64
			" images: what none of them has is amplified %.0fx; more images or a larger zca would amplify "
			"less noise",
			cs_shape_count(in), split->count, 1 / sqrt((double)whitening->epsilon));
	return CS_OK;
}

/* What config.json says of the run so far; NULL where there is none. The caller's. */
static json_t *described(const struct cs_run *run)
{
	json_t *config = cs_run_read_json(run->directory.path, "config.json");
	json_t *facts = json_incref(json_object_get(config, "run"));

	json_decref(config);
	return facts;
}

static enum cs_status describe(const struct cs_run *run, time_t begun, struct cs_error *error)
{
	const struct cs_run_options *o = &run->options;
	json_t *facts = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:i, s:s, s:f, s:s, s:I, s:s}",
		"network", run->model->network->name, "dataset", run->data->spec, "precision",
		cs_precision_name(run->model->network->precision), "epochs", o->epochs, "batch", o->batch, "patience",
		o->patience, "seed", (json_int_t)o->seed, "batches", (json_int_t)run->batches, "images",
		(json_int_t)run->data->split[CS_SPLIT_TRAIN].count, "classes", run->data->class_count, "optimizer",
		o->optimizer.kind == CS_ADAM ? "adam" : "sgd", "rate", (double)o->optimizer.rate, "schedule",
		cs_schedule_name(o->schedule.kind), "begun", (json_int_t)begun, "version", CS_VERSION);
	char teacher[TEACHER_TEXT];

	teacher_text(o, teacher);
	if (facts && *teacher)
		json_object_set_new(facts, "teacher", json_string(teacher));
	return cs_run_write_config(&run->directory, o->config, facts, error);
}

static enum cs_status make_engine(struct cs_run *run, struct cs_error *error)
{
	const struct cs_run_options *o = &run->options;
	const struct cs_split *split = run->data->split;
	struct cs_network *network = run->model->network;
	struct cs_loader_options loading = {
		.batch = o->batch,
		.channels = (int)network->input.dim[2],
		.shuffle = true,
		.seed = o->seed,
		.preprocess = run->model->preprocess,
		.augment = o->augment,
		.ahead = 8,
	};
	enum cs_status status = cs_workers_new(o->threads, &run->workers, error);

	if (status)
		return status;
	loading.threads = cs_workers_count(run->workers) >= 4 ? 2 : 1;
	status = cs_optimizer_new(&o->optimizer, network, &run->optimizer, error);
	if (!status)
		status = cs_trace_new(network, CS_TRACE_TRAIN, o->batch, run->workers, &run->train, error);
	if (!status && cs_run_validates(run))
		status = cs_trace_new(network, CS_TRACE_OUTPUT, o->batch, run->workers, &run->val, error);
	if (!status && o->teacher)
		status = cs_teacher_new(o->teacher, &run->model->preprocess, o->teacher_share, o->batch, run->workers,
			&run->teacher, error);
	if (!status)
		status = cs_loader_new(run->data, split[CS_SPLIT_TRAIN].images, split[CS_SPLIT_TRAIN].count, &loading,
			&run->loader, error);
	return status;
}

/* A lesson the first batches would teach slowly. */
static void warn_of_death(struct cs_run *run)
{
	if (!cs_network_is_dead(run->model->network))
		return;
	run->health.warned = true;
	cs_run_log(&run->directory, true,
		"all weights before a ReLU are zero, so that no gradient ever reaches them: the loss will stay at "
		"ln(%d) = %.3f; "
		"choose another initialiser (he, glorot)",
		run->data->class_count, log(run->data->class_count));
}

static enum cs_status begin(struct cs_run *run, struct cs_error *error)
{
	struct cs_model *model = run->model;
	enum cs_status status = CS_OK;

	run->progress = (struct cs_progress){.best_epoch = -1, .best_accuracy = NAN, .best_loss = NAN};
	if (!run->options.fixed_preprocess)
		status = measure(run, error);
	if (!status && run->options.zca > 0)
		status = whiten(run, error);
	if (!status)
		status = cs_model_set_classes(
			model, run->data->class_count, run->data->class_ids, run->data->class_names, error);
	if (!status)
		status = cs_model_set_dataset(model, run->data->spec, error);
	if (!status && run->directory.path)
		status = describe(run, time(NULL), error);
	return status;
}

/* A run that goes on says for how many epochs: more may be asked for than when it began. */
static enum cs_status describe_longer(const struct cs_run *run, struct cs_error *error)
{
	json_t *facts = described(run);
	time_t begun = json_integer_value(json_object_get(facts, "begun"));
	json_t *epochs = json_object_get(facts, "epochs");
	bool differs = epochs && json_integer_value(epochs) != run->options.epochs;

	json_decref(facts);
	return differs ? describe(run, begun, error) : CS_OK;
}

/* A run that is over goes on where more epochs are asked for than it has seen, unless it had stopped improving. */
static bool is_over(const struct cs_run *run)
{
	const struct cs_progress *p = &run->progress;
	bool tired = run->options.patience && p->since_best >= run->options.patience;

	return p->finished && (tired || p->epoch >= run->options.epochs);
}

enum cs_status cs_run_start(struct cs_run *run, struct cs_model *model, const struct cs_dataset *data,
	const struct cs_run_options *options, bool resume, struct cs_job *job, bool *finished,
	struct cs_run_summary *summary, struct cs_error *error)
{
	bool found = false;
	char *path;
	enum cs_status status;

	*run = (struct cs_run){.model = model, .data = data, .options = *options, .job = job, .directory.lock = -1};
	*finished = false;
	run->began = run->last_checkpoint = cs_now();
	run->phase = "training";
	status = check(options, data, error);
	/* A network that does not fit is told before an old run is overwritten; a resumed one is replaced first. */
	if (!status && !(resume && options->directory))
		status = cs_run_check_fit(model->network, data, error);
	if (!status && options->teacher)
		status = check_teacher(run, error);
	if (!status && options->directory)
		status = cs_run_directory_open(&run->directory, options->directory, resume, options->overwrite, error);
	if (status)
		return status;
	run->batches = (data->split[CS_SPLIT_TRAIN].count + options->batch - 1) / options->batch;
	run->steps = run->batches * options->epochs;
	if (resume && options->directory)
		status = take_up(run, &found, error);
	if (!status && found && is_over(run)) {
		old_summary(run, summary);
		*finished = true;
		cs_run_finish(run);
		return CS_OK;
	}
	if (!status)
		status = cs_run_check_fit(model->network, data, error);
	if (!status && found && (run->progress.batch > run->batches || run->progress.epoch >= options->epochs))
		status = cs_fail(error, CS_ERR_ARGUMENT,
			"the checkpoint in '%s' was written after %" PRId64 " epochs and %" PRId64
			" batches, but the run is to have %d epochs of %" PRId64 " batches",
			run->directory.path, run->progress.epoch, run->progress.batch, options->epochs, run->batches);
	if (!status && !found)
		status = begin(run, error);
	if (!status)
		status = make_engine(run, error);
	if (!status && found) {
		path = cs_run_file(&run->directory, "last.hdf5");
		status = path ? cs_checkpoint_load_optimizer(path, run->optimizer, error)
			      : cs_fail_memory(error, "a path");
		cs_free(path);
	}
	run->progress.finished = false;
	if (!status && found)
		status = describe_longer(run, error);
	if (!status && run->directory.path) {
		/* How it ended is not known any more. */
		path = cs_run_file(&run->directory, "summary.json");
		if (path)
			unlink(path);
		cs_free(path);
		status = cs_history_create(run->directory.path, run->curves.epochs, run->curves.epoch_count,
			run->curves.points, run->curves.point_count, &run->history, error);
	}
	if (status) {
		cs_run_finish(run);
		return status;
	}
	run->before = run->progress.seconds;
	if (found)
		cs_run_log(&run->directory, false,
			"resumed in epoch %" PRId64 " after %" PRId64 " of %" PRId64 " batches",
			run->progress.epoch + 1, run->progress.batch, run->batches);
	else
		cs_run_log(&run->directory, false,
			"training '%s' on '%s': %" PRId64 " images, %d classes, %d epochs of %" PRId64 " batches",
			model->network->name, data->spec, data->split[CS_SPLIT_TRAIN].count, data->class_count,
			options->epochs, run->batches);
	if (!cs_run_validates(run))
		cs_run_log(&run->directory, true,
			"'%s' has no validation images: the best epoch is chosen by training loss", data->spec);
	warn_of_death(run);
	return CS_OK;
}

void cs_run_finish(struct cs_run *run)
{
	cs_loader_free(run->loader);
	cs_trace_free(run->train);
	cs_trace_free(run->val);
	cs_optimizer_free(run->optimizer);
	cs_teacher_free(run->teacher);
	cs_workers_free(run->workers);
	cs_history_close(run->history, NULL);
	cs_curves_fini(&run->curves);
	cs_run_directory_close(&run->directory);
}

enum cs_status cs_run_checkpoint(struct cs_run *run, struct cs_error *error)
{
	char *path;
	enum cs_status status;

	run->progress.seconds = run->before + cs_now() - run->began;
	run->last_checkpoint = cs_now();
	if (!run->directory.path)
		return CS_OK;
	path = cs_run_file(&run->directory, "last.hdf5");
	if (!path)
		return cs_fail_memory(error, "a path");
	status = cs_checkpoint_save_with(path, run->model, run->optimizer, &run->progress, &run->curves, error);
	cs_free(path);
	return status;
}

/* Room for one more row. */
static bool room(void **rows, int64_t count, int64_t *capacity, size_t size)
{
	int64_t wanted = *capacity ? 2 * *capacity : 64;
	void *grown;

	if (count < *capacity)
		return true;
	grown = cs_realloc(*rows, (size_t)wanted, size);
	if (!grown)
		return false;
	*rows = grown;
	*capacity = wanted;
	return true;
}

enum cs_status cs_run_keep_epoch(struct cs_run *run, const struct cs_epoch *epoch, struct cs_error *error)
{
	void *rows = run->curves.epochs;

	if (!room(&rows, run->curves.epoch_count, &run->epoch_capacity, sizeof *epoch))
		return cs_fail_memory(error, "the history");
	run->curves.epochs = rows;
	run->curves.epochs[run->curves.epoch_count++] = *epoch;
	return CS_OK;
}

enum cs_status cs_run_keep_point(struct cs_run *run, const struct cs_point *point, struct cs_error *error)
{
	void *rows = run->curves.points;

	if (!room(&rows, run->curves.point_count, &run->point_capacity, sizeof *point))
		return cs_fail_memory(error, "the history");
	run->curves.points = rows;
	run->curves.points[run->curves.point_count++] = *point;
	return CS_OK;
}
