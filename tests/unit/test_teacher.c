/* A teacher: its share of the targets, whatever either does with pixels; runs that are taught; who cannot teach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/workers.h"
#include "data/loader.h"
#include "nn/trace.h"
#include "run/teacher.h"
#include "run_case.h"

#include <math.h>

/* conv, pool, dense: what it puts out depends on its input alone, in training too. */
static struct cs_model *make_plain(int size, int classes, uint64_t seed)
{
	struct cs_layer_spec specs[] = {conv_of(5), cs_layer_spec_default(&cs_maxpool_layer),
		cs_layer_spec_default(&cs_flatten_layer), dense_of(classes, CS_SOFTMAX)};

	return model_of(specs, 4, size, seed);
}

/* The teacher's probabilities by the plain way: the images read as it wants them. */
static void plainly(const struct cs_model *teacher, const int64_t *images, int count, double *out)
{
	struct cs_batch batch = {0};
	struct cs_trace *trace;
	struct cs_error error;
	struct cs_tensor seen;
	const float *scores;

	assert_int_equal(cs_loader_read(data, images, count, 3, &teacher->preprocess, &batch, &error), CS_OK);
	assert_int_equal(cs_trace_new(teacher->network, CS_TRACE_OUTPUT, count, NULL, &trace, &error), CS_OK);
	seen = cs_tensor_slice(&batch.images, 0, count);
	cs_network_forward(trace, &seen);
	scores = cs_trace_scores(trace);
	for (int i = 0; i < count; i++) {
		double sum = 0;

		for (int k = 0; k < 4; k++)
			sum += exp((double)scores[4 * i + k]);
		for (int k = 0; k < 4; k++)
			out[4 * i + k] = exp((double)scores[4 * i + k]) / sum;
	}
	cs_trace_free(trace);
	cs_batch_fini(&batch);
}

static void targets_are_its_answers_and_the_labels(void **state)
{
	enum { COUNT = 9 };
	struct cs_model *teacher = make_plain(16, 4, 21);
	struct cs_preprocess fed = {.scale = 1.0f / 127, .mean = {0.9f, 1.1f, 0.7f}, .deviation = {0.5f, 0.8f, 1.3f}};
	struct cs_workers *workers;
	struct cs_teacher *made;
	struct cs_batch batch = {0}, taught;
	struct cs_error error;
	int64_t images[COUNT];
	double expected[4 * COUNT], alike = 0;

	(void)state;
	teacher->preprocess = (struct cs_preprocess){
		.scale = 1.0f / 255, .mean = {0.4f, 0.5f, 0.3f}, .deviation = {0.2f, 0.3f, 0.25f}};
	for (int i = 0; i < COUNT; i++)
		images[i] = 7 * i;
	plainly(teacher, images, COUNT, expected);
	assert_int_equal(cs_workers_new(2, &workers, &error), CS_OK);
	assert_int_equal(cs_teacher_check(teacher, data, &teacher->network->input, &fed, 0.7f, &error), CS_OK);
	assert_int_equal(cs_teacher_new(teacher, &fed, 0.7f, 16, workers, &made, &error), CS_OK);
	assert_int_equal(cs_loader_read(data, images, COUNT, 3, &fed, &batch, &error), CS_OK);
	batch.labels[3] = -1;
	taught = cs_teacher_answer(made, &batch);
	assert_ptr_equal(taught.images.data, batch.images.data);
	assert_int_equal(taught.count, COUNT);
	for (int i = 0; i < COUNT; i++) {
		for (int k = 0; k < 4; k++) {
			double p = expected[4 * i + k], want = i == 3 ? p : 0.7 * p + 0.3 * (batch.labels[i] == k);

			assert_float_equal((double)taught.targets[4 * i + k], want, 2e-5);
			alike += fabs(p - 0.25);
		}
	}
	assert_true(alike > 1); /* it does tell something */
	cs_teacher_free(made);
	cs_workers_free(workers);
	cs_batch_fini(&batch);
	cs_model_free(teacher);
}

static double largest_change(const struct cs_network *a, const struct cs_network *b)
{
	double most = 0;

	for (int i = 0; i < a->layer_count; i++) {
		for (int k = 0; k < a->layers[i].param_count; k++) {
			const struct cs_tensor *x = &a->layers[i].params[k].value, *y = &b->layers[i].params[k].value;

			for (int64_t n = 0; n < cs_tensor_count(x); n++)
				most = fmax(most, fabs((double)x->data[n] - (double)y->data[n]));
		}
	}
	return most;
}

/* Where network and teacher are the same there is nothing to learn from it; of the labels there is. */
static void its_equal_learns_nothing_but_the_labels(void **state)
{
	struct cs_model *teacher = make_plain(16, 4, 5);
	double changes[2];

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct cs_model *model = make_plain(16, 4, 5);
		struct cs_run_options options = make_options(NULL);
		struct cs_run_summary summary;

		options.epochs = 1;
		options.optimizer.average = 0;
		options.fixed_preprocess = true;
		options.teacher = teacher;
		options.teacher_share = k ? 0.5f : 1;
		train(model, &options, false, &summary);
		changes[k] = largest_change(model->network, teacher->network);
		cs_model_free(model);
	}
	assert_true(changes[0] < 1e-5);
	assert_true(changes[1] > 1e-2);
	cs_model_free(teacher);
}

static void try_refused(
	struct cs_run_options *options, struct cs_model *model, enum cs_status status, const char *why, bool resume)
{
	struct cs_run_summary summary;
	struct cs_error error = {0};

	assert_int_equal(cs_run_train(model, data, options, resume, NULL, &summary, &error), status);
	if (!strstr(error.message, why))
		fail_msg("'%s' does not say '%s'", error.message, why);
}

static void a_taught_run_goes_on_with_its_teacher_alone(void **state)
{
	struct cs_model *teacher = make_plain(16, 4, 8), *other = make_plain(16, 4, 9),
			*model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_options whole = make_options("taught"), parts = make_options("parts");
	struct stopper stopper = {.step = 9};
	struct cs_run_summary summary;

	(void)state;
	whole.teacher = parts.teacher = teacher;
	whole.teacher_share = parts.teacher_share = 0.6f;
	train(model, &whole, false, &summary);
	cs_model_free(model);
	model = make_model(16, CS_INIT_DEFAULT);
	parts.watch = watch;
	parts.context = &stopper;
	train(model, &parts, false, &summary);
	assert_int_equal(summary.end, CS_RUN_STOPPED);
	stopper.step = -1;
	parts.teacher = other;
	try_refused(&parts, model, CS_ERR_ARGUMENT, "with another teacher", true);
	parts.teacher = NULL;
	try_refused(&parts, model, CS_ERR_ARGUMENT, "which is missing now", true);
	parts.teacher = teacher;
	parts.teacher_share = 0.5f;
	try_refused(&parts, model, CS_ERR_ARGUMENT, "its share of the targets", true);
	parts.teacher_share = 0.6f;
	parts.threads = 2;
	train(model, &parts, true, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	assert_same_files(whole.directory, parts.directory, "last.hdf5");
	assert_same_files(whole.directory, parts.directory, "best.hdf5");
	assert_same_curves(whole.directory, parts.directory);
	cs_model_free(model);
	cs_model_free(other);
	cs_model_free(teacher);
}

/* Each before the run that stands there is touched. */
static void who_cannot_teach_is_told_why(void **state)
{
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT), *teacher = make_plain(16, 4, 1);
	struct cs_model *smaller = make_plain(12, 4, 1), *fewer = make_plain(16, 3, 1);
	struct cs_run_options options = make_options("stands");
	char names[4][8] = {"one", "two", "three", "four"}, *ids[] = {names[0], names[1], names[2], names[3]},
	     path[200];
	struct cs_run_summary summary;
	struct cs_error error;

	(void)state;
	options.epochs = 1;
	train(model, &options, false, &summary);
	options.overwrite = true;
	options.teacher = smaller;
	try_refused(&options, model, CS_ERR_SHAPE, "the teacher takes pictures of 12x12x3", false);
	options.teacher = fewer;
	try_refused(&options, model, CS_ERR_SHAPE, "has 4 classes", false);
	options.teacher = teacher;
	options.teacher_share = 1.5f;
	try_refused(&options, model, CS_ERR_ARGUMENT, "share of the targets is 1.5", false);
	options.teacher_share = 0.5f;
	options.zca = 0.1f;
	try_refused(&options, model, CS_ERR_UNSUPPORTED, "zca", false);
	options.zca = 0;
	teacher->preprocess.bgr = true;
	try_refused(&options, model, CS_ERR_UNSUPPORTED, "channels as BGR and the network as RGB", false);
	teacher->preprocess.bgr = false;
	assert_int_equal(cs_model_set_classes(teacher, 4, ids, ids, &error), CS_OK);
	try_refused(&options, model, CS_ERR_SHAPE, "the teacher calls class 0 'one'", false);
	snprintf(path, sizeof path, "%s/best.hdf5", options.directory);
	assert_true(cs_file_exists(path));
	cs_model_free(model);
	cs_model_free(teacher);
	cs_model_free(smaller);
	cs_model_free(fewer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_its_answers_and_the_labels),
		cmocka_unit_test(its_equal_learns_nothing_but_the_labels),
		cmocka_unit_test(a_taught_run_goes_on_with_its_teacher_alone),
		cmocka_unit_test(who_cannot_teach_is_told_why),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
