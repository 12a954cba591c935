/* Training runs: the same bits however they are interrupted and however many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_case.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
	assert_non_null(strstr(summary.message, "stopped by SIGTERM in epoch 1 after 0 of "));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resumed_run_equals_uninterrupted_run),
		cmocka_unit_test(a_stop_during_validation_repeats_the_validation),
		cmocka_unit_test(threads_do_not_change_a_bit),
		cmocka_unit_test(a_signal_stops_after_the_batch_and_says_how_to_go_on),
		cmocka_unit_test(a_killed_run_goes_on_from_its_last_checkpoint),
		cmocka_unit_test(resuming_before_the_first_checkpoint_starts_over_and_a_finished_run_stays),
		cmocka_unit_test(a_run_goes_on_only_as_it_began),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
