/* Training runs: the same bits however they are interrupted and however many threads; ends of every kind. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/log.h"
#include "io/file.h"
#include "run/run.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char directory[64];
static struct cs_dataset *data;
static char warnings[4000];

static void keep_warnings(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	if (level == CS_LOG_WARNING)
		snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n", line);
}

static int set_up(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_error error;

	(void)state;
	cs_log_to(keep_warnings, NULL);
	strcpy(directory, "/tmp/test_run.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	if (cs_dataset_open("shapes:count=150,size=16,classes=4,seed=5", &options, NULL, &data, &error)) {
		fprintf(stderr, "%s\n", error.message);
		return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	cs_dataset_close(data);
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

/* conv, batch norm, pool, dropout, dense: whatever keeps state or draws random numbers is in it. */
static struct cs_model *make_model(int size, enum cs_initialiser initialiser)
{
	struct cs_layer_spec s[7];
	struct cs_network *network;
	struct cs_model *model;
	struct cs_error error;

	s[0] = cs_layer_spec_default(cs_layer_kind("conv"));
	s[0].features = 6;
	s[0].kernel[0] = s[0].kernel[1] = 3;
	s[0].activation = CS_RELU;
	s[1] = cs_layer_spec_default(cs_layer_kind("batchnorm"));
	s[2] = cs_layer_spec_default(cs_layer_kind("maxpool"));
	s[3] = cs_layer_spec_default(cs_layer_kind("dropout"));
	s[3].rate = 0.3f;
	s[4] = cs_layer_spec_default(cs_layer_kind("flatten"));
	s[5] = cs_layer_spec_default(cs_layer_kind("dense"));
	s[5].features = 8;
	s[5].activation = CS_RELU;
	s[6] = cs_layer_spec_default(cs_layer_kind("dense"));
	s[6].features = 4;
	s[6].activation = CS_SOFTMAX;
	for (int i = 0; i < 7; i++)
		s[i].initialiser = initialiser;
	assert_int_equal(cs_network_new(CS_SHAPE(size, size, 3), s, 7, 11, &network, &error), CS_OK);
	assert_int_equal(cs_model_new(network, &model, &error), CS_OK);
	return model;
}

static struct cs_run_options make_options(const char *name)
{
	static char path[64][128];
	static int next;
	struct cs_run_options options = cs_run_options_default();

	if (name) {
		snprintf(path[next], sizeof path[next], "%s/%s", directory, name);
		options.directory = path[next];
		next = (next + 1) % 64;
	}
	options.epochs = 3;
	options.batch = 16;
	options.seed = 3;
	options.threads = 1;
	options.optimizer.rate = 0.02f;
	options.optimizer.average = 0.8f;
	options.schedule = cs_schedule_default(CS_COSINE);
	options.schedule.warmup = 4;
	options.augment.flip = true;
	options.augment.shift = 2;
	options.augment.rotate = 10;
	options.augment.saturation = 0.5f;
	return options;
}

static void train(
	struct cs_model *model, const struct cs_run_options *options, bool resume, struct cs_run_summary *summary)
{
	struct cs_error error = {0};

	if (cs_run_train(model, data, options, resume, NULL, summary, &error))
		fail_msg("%s", error.message);
}

static void assert_same_weights(const struct cs_network *a, const struct cs_network *b)
{
	assert_int_equal(a->layer_count, b->layer_count);
	for (int i = 0; i < a->layer_count; i++) {
		for (int k = 0; k < a->layers[i].param_count; k++) {
			const struct cs_tensor *x = &a->layers[i].params[k].value;

			if (memcmp(x->data, b->layers[i].params[k].value.data,
				    (size_t)cs_tensor_count(x) * sizeof(float)))
				fail_msg("%s/%s differs", a->layers[i].spec.name, a->layers[i].params[k].name);
		}
	}
}

/* What does not depend on the clock. */
static void assert_same_curves(const char *a, const char *b)
{
	struct cs_curves x, y;
	struct cs_error error;

	assert_int_equal(cs_history_read(a, &x, &error), CS_OK);
	assert_int_equal(cs_history_read(b, &y, &error), CS_OK);
	assert_int_equal(x.epoch_count, y.epoch_count);
	for (int64_t i = 0; i < x.epoch_count; i++) {
		/* epoch, train and validation loss and accuracies, rate */
		if (memcmp(&x.epochs[i], &y.epochs[i], 7 * sizeof(double)))
			fail_msg("epoch %lld differs", (long long)i);
	}
	cs_curves_fini(&x);
	cs_curves_fini(&y);
}

static void assert_same_files(const char *a, const char *b, const char *name)
{
	struct cs_model *x, *y;
	struct cs_error error;
	char path[200];

	snprintf(path, sizeof path, "%s/%s", a, name);
	assert_int_equal(cs_model_load(path, NULL, &x, &error), CS_OK);
	snprintf(path, sizeof path, "%s/%s", b, name);
	assert_int_equal(cs_model_load(path, NULL, &y, &error), CS_OK);
	assert_same_weights(x->network, y->network);
	assert_memory_equal(&x->preprocess, &y->preprocess, sizeof x->preprocess);
	cs_model_free(x);
	cs_model_free(y);
}

struct stopper {
	int64_t step; /* stop once this step is reached */
	bool validating; /* stop in the middle of validation instead */
	double checkpointed;
	struct cs_run_news last;
};

static bool watch(void *context, const struct cs_run_news *news)
{
	struct stopper *stopper = context;

	stopper->last = *news;
	if (stopper->validating && news->epoch == 1 && !strcmp(news->phase, "validating"))
		return false;
	return stopper->step < 0 || news->step < stopper->step;
}

/* The reference, made once. */
static const char *uninterrupted(void)
{
	static struct cs_run_options options;
	struct cs_run_summary summary;
	struct cs_model *model;

	if (options.directory)
		return options.directory;
	options = make_options("whole");
	model = make_model(16, CS_INIT_DEFAULT);
	train(model, &options, false, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	assert_int_equal(summary.epochs, 3);
	assert_true(summary.best_epoch >= 0);
	cs_model_free(model);
	return options.directory;
}

static void a_run_leaves_its_files(void **state)
{
	static const char *const names[] = {"config.json", "summary.json", "best.hdf5", "last.hdf5", "history.hdf5",
		"history.csv", "points.csv", "log.txt"};
	const char *whole = uninterrupted();

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[200];

		snprintf(path, sizeof path, "%s/%s", whole, names[i]);
		if (!cs_file_exists(path))
			fail_msg("%s is missing", path);
	}
}

/* Stopped after a given step, again and again, each time by a process-like fresh start from the files alone. */
static void resumed_run_equals_uninterrupted_run(void **state)
{
	static const int64_t stops[][3] = {{1, 3, 8}, {7, 8, 9}, {5, 16, 23}};
	const char *whole = uninterrupted();

	(void)state;
	for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
		char name[16];
		struct cs_run_options options;
		struct cs_run_summary summary;
		struct stopper stopper = {0};

		snprintf(name, sizeof name, "stop%zu", i);
		options = make_options(name);
		options.watch = watch;
		options.context = &stopper;
		for (int k = 0; k < 4; k++) {
			/* A model of other weights: all must come from the checkpoint. */
			struct cs_model *model = make_model(16, k ? CS_INIT_GLOROT : CS_INIT_DEFAULT);

			stopper.step = k < 3 ? stops[i][k] : -1;
			train(model, &options, k > 0, &summary);
			assert_int_equal(summary.end, k < 3 ? CS_RUN_STOPPED : CS_RUN_COMPLETE);
			if (k < 3) {
				assert_int_equal(stopper.last.step, stops[i][k]);
				assert_non_null(strstr(summary.message, "go on with convscope train --resume -o "));
			}
			cs_model_free(model);
		}
		assert_same_files(whole, options.directory, "last.hdf5");
		assert_same_files(whole, options.directory, "best.hdf5");
		assert_same_curves(whole, options.directory);
	}
}

static void a_stop_during_validation_repeats_the_validation(void **state)
{
	struct cs_run_options options = make_options("validating");
	struct stopper stopper = {.step = -1, .validating = true};
	struct cs_run_summary summary;
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);

	(void)state;
	options.watch = watch;
	options.context = &stopper;
	train(model, &options, false, &summary);
	assert_int_equal(summary.end, CS_RUN_STOPPED);
	assert_int_equal(stopper.last.batch, stopper.last.batches);
	stopper.validating = false;
	train(model, &options, true, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	cs_model_free(model);
	assert_same_files(uninterrupted(), options.directory, "last.hdf5");
	assert_same_curves(uninterrupted(), options.directory);
}

static void threads_do_not_change_a_bit(void **state)
{
	static const int threads[] = {2, 4};
	const char *whole = uninterrupted();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct cs_run_options options = make_options(i ? "four" : "two");
		struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
		struct cs_run_summary summary;

		options.threads = threads[i];
		train(model, &options, false, &summary);
		cs_model_free(model);
		assert_same_files(whole, options.directory, "last.hdf5");
		assert_same_curves(whole, options.directory);
	}
}

static void a_signal_stops_after_the_batch_and_says_how_to_go_on(void **state)
{
	struct cs_run_options options = make_options("signal");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;

	(void)state;
	cs_run_catch_signals(true);
	raise(SIGTERM);
	train(model, &options, false, &summary);
	cs_run_catch_signals(false);
	assert_int_equal(summary.end, CS_RUN_STOPPED);
	assert_non_null(strstr(summary.message, "stopped by SIGTERM in epoch 0"));
	/* The request is spent. */
	train(model, &options, true, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	assert_same_files(uninterrupted(), options.directory, "last.hdf5");
	cs_model_free(model);
}

static bool kill_at_step(void *context, const struct cs_run_news *news)
{
	if (news->step == *(int64_t *)context)
		raise(SIGKILL);
	return true;
}

static void a_killed_run_goes_on_from_its_last_checkpoint(void **state)
{
	struct cs_run_options options = make_options("killed");
	struct cs_run_summary summary;
	struct cs_model *model;
	int64_t step = 13;
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		struct cs_error error;

		model = make_model(16, CS_INIT_DEFAULT);
		options.watch = kill_at_step;
		options.context = &step;
		cs_run_train(model, data, &options, false, NULL, &summary, &error);
		_exit(0);
	}
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	model = make_model(16, CS_INIT_ZEROS);
	train(model, &options, true, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	cs_model_free(model);
	assert_same_files(uninterrupted(), options.directory, "last.hdf5");
	assert_same_curves(uninterrupted(), options.directory);
}

static void resuming_before_the_first_checkpoint_starts_over_and_a_finished_run_stays(void **state)
{
	struct cs_run_options options = make_options("early");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary, again;

	(void)state;
	train(model, &options, true, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	train(model, &options, true, &again);
	assert_int_equal(again.end, CS_RUN_COMPLETE);
	assert_true(again.best_val_accuracy == summary.best_val_accuracy);
	assert_true(again.seconds == summary.seconds);
	assert_string_equal(again.message, summary.message);
	cs_model_free(model);
}

static void an_old_run_is_not_overwritten_unasked(void **state)
{
	struct cs_run_options options = make_options("whole");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	struct cs_error error;

	(void)state;
	uninterrupted();
	assert_int_equal(cs_run_train(model, data, &options, false, NULL, &summary, &error), CS_ERR_EXISTS);
	assert_non_null(strstr(error.message, "holds a run already"));
	cs_model_free(model);
}

static void overwriting_clears_what_the_old_run_left(void **state)
{
	struct cs_run_options options = make_options("overwritten");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	char figures[200], figure[220], analyses[200], other[220];
	struct cs_error error;

	(void)state;
	train(model, &options, false, &summary);
	/* a link in the place of a folder leads to what is not the run's */
	snprintf(analyses, sizeof analyses, "%s/analyses", options.directory);
	snprintf(other, sizeof other, "%s-other/kept.csv", options.directory);
	*strrchr(other, '/') = '\0';
	assert_int_equal(cs_file_make_directories(other, &error), CS_OK);
	assert_int_equal(symlink(other, analyses), 0);
	other[strlen(other)] = '/';
	assert_int_equal(cs_file_write(other, "x", 1, &error), CS_OK);
	snprintf(figures, sizeof figures, "%s/figures", options.directory);
	snprintf(figure, sizeof figure, "%s/curve.png", figures);
	assert_int_equal(cs_file_make_directories(figures, &error), CS_OK);
	assert_int_equal(cs_file_write(figure, "x", 1, &error), CS_OK);
	cs_model_free(model);
	model = make_model(16, CS_INIT_DEFAULT);
	options.overwrite = true;
	train(model, &options, false, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	assert_false(cs_file_exists(figure));
	assert_true(cs_file_exists(other));
	assert_same_curves(uninterrupted(), options.directory);
	cs_model_free(model);
}

static void without_validation_images_the_training_loss_decides(void **state)
{
	struct cs_run_options options = make_options("unvalidated");
	struct cs_data_options opening = cs_data_options_default();
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT), *best;
	struct cs_run_summary summary;
	struct cs_curves curves;
	struct cs_dataset *bare;
	struct cs_error error;
	int64_t lowest = 0;

	(void)state;
	assert_int_equal(
		cs_dataset_open("shapes:count=100,size=16,classes=4,val=0", &opening, NULL, &bare, &error), CS_OK);
	assert_int_equal(bare->split[CS_SPLIT_VAL].count, 0);
	warnings[0] = '\0';
	if (cs_run_train(model, bare, &options, false, NULL, &summary, &error))
		fail_msg("%s", error.message);
	assert_non_null(strstr(warnings, "has no validation images"));
	assert_int_equal(cs_history_read(options.directory, &curves, &error), CS_OK);
	for (int64_t i = 1; i < curves.epoch_count; i++) {
		assert_true(isnan(curves.epochs[i].val_accuracy));
		if (curves.epochs[i].train_loss < curves.epochs[lowest].train_loss)
			lowest = i;
	}
	assert_int_equal(summary.best_epoch, lowest);
	assert_true(isnan(summary.best_val_accuracy));
	assert_int_equal(cs_model_load(options.directory, NULL, &best, &error), CS_OK);
	assert_non_null(strstr(best->path, "best.hdf5"));
	cs_model_free(best);
	cs_curves_fini(&curves);
	cs_dataset_close(bare);
	cs_model_free(model);
}

static void a_run_goes_on_only_as_it_began(void **state)
{
	struct cs_run_options options = make_options("changed");
	struct stopper stopper = {.step = 2};
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	struct cs_error error;

	(void)state;
	options.watch = watch;
	options.context = &stopper;
	options.config = "{\"asked\": \"for this\"}";
	train(model, &options, false, &summary);
	options.batch = 8;
	assert_int_equal(cs_run_train(model, data, &options, true, NULL, &summary, &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "batches of 16, not 8"));
	options.batch = 16;
	options.seed++;
	assert_int_equal(cs_run_train(model, data, &options, true, NULL, &summary, &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "seed"));
	cs_model_free(model);
}

static bool try_second(void *context, const struct cs_run_news *news)
{
	struct cs_run_options options = *(struct cs_run_options *)context;
	struct cs_run_state state;
	struct cs_run_summary summary;
	struct cs_model *model;
	struct cs_error error;

	if (news->step != 2)
		return true;
	options.watch = NULL;
	model = make_model(16, CS_INIT_DEFAULT);
	assert_int_equal(cs_run_train(model, data, &options, true, NULL, &summary, &error), CS_ERR_EXISTS);
	assert_non_null(strstr(error.message, "is training into"));
	cs_model_free(model);
	assert_int_equal(cs_run_inspect(options.directory, &state, &error), CS_OK);
	assert_true(state.alive);
	assert_false(state.finished);
	return false;
}

static void two_runs_never_share_a_directory(void **state)
{
	struct cs_run_options options = make_options("locked");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	struct cs_run_state seen;
	struct cs_error error;

	(void)state;
	options.watch = try_second;
	options.context = &options;
	train(model, &options, false, &summary);
	assert_int_equal(summary.end, CS_RUN_STOPPED);
	assert_int_equal(cs_run_inspect(options.directory, &seen, &error), CS_OK);
	assert_false(seen.alive);
	cs_model_free(model);
}

/* What stands in the place of a run's file in a directory from elsewhere is not written through, nor waited for. */
static void links_and_pipes_in_a_run_are_refused_and_what_they_lead_to_stays(void **state)
{
	static const char *const names[] = {
		"log.txt", "lock", "config.json", "summary.json", "best.hdf5", "last.hdf5", "history.hdf5", "history.csv", "points.csv"};
	struct cs_run_options options = make_options("linked");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	char victim[200], place[240], *bytes;
	size_t size;
	struct cs_error error;

	(void)state;
	snprintf(victim, sizeof victim, "%s-victim", options.directory);
	assert_int_equal(cs_file_make_directories(options.directory, &error), CS_OK);
	assert_int_equal(cs_file_write(victim, "precious", 8, &error), CS_OK);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(place, sizeof place, "%s/%s", options.directory, names[i]);
		for (int pipe = 0; pipe < 2; pipe++) {
			struct cs_run_state seen;

			(void)unlink(place); /* the lock, which every attempt leaves */
			assert_int_equal(pipe ? mkfifo(place, 0600) : symlink(victim, place), 0);
			assert_int_equal(cs_run_train(model, data, &options, true, NULL, &summary, &error), CS_ERR_IO);
			if (!strstr(error.message, pipe ? "is a pipe" : "is a symbolic link") || !strstr(error.message, names[i]))
				fail_msg("%s: %s", place, error.message);
			(void)cs_run_inspect(options.directory, &seen, &error); /* which does not wait */
			assert_int_equal(unlink(place), 0);
		}
		assert_int_equal(cs_file_read(victim, 100, &bytes, &size, &error), CS_OK);
		assert_string_equal(bytes, "precious");
		cs_free(bytes);
	}
	cs_model_free(model);
}

static void patience_ends_a_run_that_no_longer_improves(void **state)
{
	struct cs_run_options options = make_options("patience");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	struct cs_error error;
	struct cs_run_state seen;

	(void)state;
	options.epochs = 50;
	options.patience = 2;
	options.optimizer.rate = 1e-30f; /* nothing ever changes but the moving statistics */
	for (int i = 0; i < model->network->layer_count; i++)
		model->network->layers[i].frozen = true;
	train(model, &options, false, &summary);
	assert_int_equal(summary.end, CS_RUN_PATIENCE);
	assert_int_equal(summary.best_epoch, 0);
	assert_int_equal(summary.epochs, 3);
	assert_int_equal(cs_run_inspect(options.directory, &seen, &error), CS_OK);
	assert_true(seen.finished);
	assert_int_equal(seen.best_epoch, 0);
	assert_int_equal(seen.epochs, 50);
	cs_model_free(model);
}

static void a_diverging_run_stops_with_advice_and_keeps_its_best(void **state)
{
	struct cs_run_options options = make_options("diverged");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT), *best;
	struct cs_run_summary summary;
	struct cs_error error;

	(void)state;
	options.epochs = 6;
	options.schedule = cs_schedule_default(CS_STEP); /* from nothing to far too much, after the first epoch */
	options.schedule.every = 1;
	options.schedule.factor = 1e36;
	options.schedule.warmup = 0;
	options.optimizer.rate = 1e-3f;
	assert_int_equal(cs_run_train(model, data, &options, false, NULL, &summary, &error), CS_ERR_NUMERIC);
	assert_int_equal(summary.end, CS_RUN_DIVERGED);
	assert_non_null(strstr(error.message, "became NaN or infinite in epoch 1, batch "));
	assert_non_null(strstr(error.message, "lower the rate"));
	assert_non_null(strstr(error.message, "of epoch 0, is kept in"));
	assert_int_equal(cs_model_load(options.directory, NULL, &best, &error), CS_OK);
	assert_int_equal(cs_network_first_bad_layer(best->network), -1);
	assert_int_equal(best->class_count, 4);
	assert_true(best->preprocess_known);
	cs_model_free(best);
	cs_model_free(model);
}

static void zero_weights_train_but_are_warned_of(void **state)
{
	struct cs_run_options options = make_options(NULL);
	struct cs_model *model = make_model(16, CS_INIT_ZEROS);
	struct cs_run_summary summary;

	(void)state;
	warnings[0] = '\0';
	options.epochs = 1;
	train(model, &options, false, &summary);
	assert_non_null(strstr(warnings, "ln(4) = 1.386"));
	assert_true(fabs(summary.last_train_loss - log(4)) < 0.1);
	cs_model_free(model);
}

static void a_layer_that_dies_in_training_is_named(void **state)
{
	struct cs_run_options options = make_options(NULL);
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_param *bias = cs_layer_param(&model->network->layers[5], "bias");
	struct cs_run_summary summary;

	(void)state;
	warnings[0] = '\0';
	options.epochs = 8;
	options.optimizer.rate = 1e-6f;
	for (int64_t i = 0; i < cs_tensor_count(&bias->value); i++)
		bias->value.data[i] = -1e6f;
	train(model, &options, false, &summary);
	assert_non_null(strstr(warnings, "layer 'dense1' has gone silent"));
	cs_model_free(model);
}

static void sizes_that_do_not_fit_are_named_both(void **state)
{
	struct cs_run_options options = make_options("misfit");
	struct cs_model *model = make_model(20, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_run_train(model, data, &options, false, NULL, &summary, &error), CS_ERR_SHAPE);
	assert_non_null(strstr(error.message, "20x20x3"));
	assert_non_null(strstr(error.message, "16x16"));
	assert_false(cs_file_exists(options.directory));
	cs_model_free(model);
}

/* A full disk, played by a limit on the size of files. */
static void a_full_disk_is_told_and_the_old_checkpoint_stands(void **state)
{
	struct cs_run_options options = make_options("full");
	struct stopper stopper = {.step = 5};
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	int status;
	pid_t child;

	(void)state;
	options.watch = watch;
	options.context = &stopper;
	train(model, &options, false, &summary);
	child = fork();
	if (child == 0) {
		struct rlimit limit = {20000, 20000};
		struct cs_error error = {0};
		enum cs_status end;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		stopper.step = 7;
		end = cs_run_train(model, data, &options, true, NULL, &summary, &error);
		if (end != CS_ERR_IO || !strstr(error.message, "last.hdf5"))
			fprintf(stderr, "status %d: %s\n", end, error.message);
		_exit(end == CS_ERR_IO && strstr(error.message, "last.hdf5") ? 0 : 1);
	}
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	stopper.step = -1;
	train(model, &options, true, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	cs_model_free(model);
	assert_same_files(uninterrupted(), options.directory, "last.hdf5");
}

/* Also where what is scored are the averaged weights: they are what the caller is left with. */
static void the_last_score_equals_an_evaluation(void **state)
{
	const struct cs_split *split = &data->split[CS_SPLIT_VAL];
	struct cs_run_options options = make_options("scored");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	struct cs_curves curves;
	struct cs_trace *trace;
	struct cs_loss loss;
	struct cs_error error;
	float *scores = cs_calloc((size_t)split->count * 4, sizeof *scores);
	int correct = 0;

	(void)state;
	train(model, &options, false, &summary);
	assert_int_equal(cs_trace_new(model->network, CS_TRACE_OUTPUT, 16, NULL, &trace, &error), CS_OK);
	assert_int_equal(
		cs_run_evaluate(model, data, split->images, split->count, trace, NULL, &loss, scores, &error), CS_OK);
	assert_int_equal(cs_history_read(options.directory, &curves, &error), CS_OK);
	assert_int_equal(loss.count, split->count);
	assert_true(loss.sum / loss.count == curves.epochs[2].val_loss);
	assert_true((double)loss.correct / loss.count == curves.epochs[2].val_accuracy);
	for (int64_t i = 0; i < split->count; i++)
		correct += cs_argmax(scores + 4 * i, 4) == cs_dataset_label(data, split->images[i]);
	assert_int_equal(correct, loss.correct);
	cs_curves_fini(&curves);
	cs_trace_free(trace);
	cs_model_free(model);
	cs_free(scores);
}

static void a_thousand_runs_are_listed_quickly(void **state)
{
	struct timespec a, b;
	struct cs_run_state seen;
	struct cs_error error;
	double seconds;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(cs_run_inspect(uninterrupted(), &seen, &error), CS_OK);
	clock_gettime(CLOCK_MONOTONIC, &b);
	seconds = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
	print_message("1,000 runs: %.0f ms\n", 1e3 * seconds);
	assert_true(seconds < 3);
	assert_true(seen.finished);
	assert_int_equal(seen.epoch, 3);
	assert_int_equal(cs_run_inspect(directory, &seen, &error), CS_ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_leaves_its_files),
		cmocka_unit_test(resumed_run_equals_uninterrupted_run),
		cmocka_unit_test(a_stop_during_validation_repeats_the_validation),
		cmocka_unit_test(threads_do_not_change_a_bit),
		cmocka_unit_test(a_signal_stops_after_the_batch_and_says_how_to_go_on),
		cmocka_unit_test(a_killed_run_goes_on_from_its_last_checkpoint),
		cmocka_unit_test(resuming_before_the_first_checkpoint_starts_over_and_a_finished_run_stays),
		cmocka_unit_test(an_old_run_is_not_overwritten_unasked),
		cmocka_unit_test(overwriting_clears_what_the_old_run_left),
		cmocka_unit_test(without_validation_images_the_training_loss_decides),
		cmocka_unit_test(a_run_goes_on_only_as_it_began),
		cmocka_unit_test(two_runs_never_share_a_directory),
		cmocka_unit_test(links_and_pipes_in_a_run_are_refused_and_what_they_lead_to_stays),
		cmocka_unit_test(patience_ends_a_run_that_no_longer_improves),
		cmocka_unit_test(a_diverging_run_stops_with_advice_and_keeps_its_best),
		cmocka_unit_test(zero_weights_train_but_are_warned_of),
		cmocka_unit_test(a_layer_that_dies_in_training_is_named),
		cmocka_unit_test(sizes_that_do_not_fit_are_named_both),
		cmocka_unit_test(a_full_disk_is_told_and_the_old_checkpoint_stands),
		cmocka_unit_test(the_last_score_equals_an_evaluation),
		cmocka_unit_test(a_thousand_runs_are_listed_quickly),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
