/* Training runs: what decides and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_case.h"

#include <math.h>

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
	assert_non_null(strstr(error.message, "became NaN or infinite in epoch 2, batch "));
	assert_non_null(strstr(error.message, "lower the rate"));
	assert_non_null(strstr(error.message, "of epoch 1, is kept in"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_validation_images_the_training_loss_decides),
		cmocka_unit_test(patience_ends_a_run_that_no_longer_improves),
		cmocka_unit_test(a_diverging_run_stops_with_advice_and_keeps_its_best),
		cmocka_unit_test(zero_weights_train_but_are_warned_of),
		cmocka_unit_test(a_layer_that_dies_in_training_is_named),
		cmocka_unit_test(sizes_that_do_not_fit_are_named_both),
		cmocka_unit_test(the_last_score_equals_an_evaluation),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
