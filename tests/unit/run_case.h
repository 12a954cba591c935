/* run_case.h: a small data set, a model with whatever keeps state in it, and runs of it in a directory that is gone afterwards. */
#ifndef CS_TESTS_RUN_CASE_H
#define CS_TESTS_RUN_CASE_H

#include "directory_case.h"

#include "core/alloc.h"
#include "core/log.h"
#include "io/file.h"
#include "run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cs_dataset *data;
static char warnings[4000];

static inline void keep_warnings(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	if (level == CS_LOG_WARNING)
		snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n", line);
}

static inline int set_up(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_error error;

	cs_log_to(keep_warnings, NULL);
	if (make_directory(state))
		return -1;
	if (cs_dataset_open("shapes:count=150,size=16,classes=4,seed=5", &options, NULL, &data, &error)) {
		fprintf(stderr, "%s\n", error.message);
		return -1;
	}
	return 0;
}

static inline int tear_down(void **state)
{
	cs_dataset_close(data);
	return remove_directory(state);
}

/* 3 x 3, rectified. */
static inline struct cs_layer_spec conv_of(int features)
{
	struct cs_layer_spec spec = cs_layer_spec_default(cs_layer_kind("conv"));

	spec.features = features;
	spec.kernel[0] = spec.kernel[1] = 3;
	spec.activation = CS_RELU;
	return spec;
}

static inline struct cs_layer_spec dense_of(int units, enum cs_activation activation)
{
	struct cs_layer_spec spec = cs_layer_spec_default(cs_layer_kind("dense"));

	spec.features = units;
	spec.activation = activation;
	return spec;
}

/* A model of these layers, for pictures of size x size. */
static inline struct cs_model *model_of(const struct cs_layer_spec *specs, int count, int size, uint64_t seed)
{
	struct cs_network *network;
	struct cs_model *model;
	struct cs_error error;

	assert_int_equal(cs_network_new(CS_SHAPE(size, size, 3), specs, count, seed, &network, &error), CS_OK);
	assert_int_equal(cs_model_new(network, &model, &error), CS_OK);
	return model;
}

/* conv, batch norm, pool, dropout, dense: whatever keeps state or draws random numbers is in it. */
static inline struct cs_model *make_model(int size, enum cs_initialiser initialiser)
{
	struct cs_layer_spec s[7];

	s[0] = conv_of(6);
	s[1] = cs_layer_spec_default(cs_layer_kind("batchnorm"));
	s[2] = cs_layer_spec_default(cs_layer_kind("maxpool"));
	s[3] = cs_layer_spec_default(cs_layer_kind("dropout"));
	s[3].rate = 0.3f;
	s[4] = cs_layer_spec_default(cs_layer_kind("flatten"));
	s[5] = dense_of(8, CS_RELU);
	s[6] = dense_of(4, CS_SOFTMAX);
	for (int i = 0; i < 7; i++)
		s[i].initialiser = initialiser;
	return model_of(s, 7, size, 11);
}

static inline struct cs_run_options make_options(const char *name)
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

static inline void train(
	struct cs_model *model, const struct cs_run_options *options, bool resume, struct cs_run_summary *summary)
{
	struct cs_error error = {0};

	if (cs_run_train(model, data, options, resume, NULL, summary, &error))
		fail_msg("%s", error.message);
}

static inline void assert_same_weights(const struct cs_network *a, const struct cs_network *b)
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
static inline void assert_same_curves(const char *a, const char *b)
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

static inline void assert_same_files(const char *a, const char *b, const char *name)
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

static inline bool watch(void *context, const struct cs_run_news *news)
{
	struct stopper *stopper = context;

	stopper->last = *news;
	if (stopper->validating && news->epoch == 1 && !strcmp(news->phase, "validating"))
		return false;
	return stopper->step < 0 || news->step < stopper->step;
}

/* The reference, made once. */
static inline const char *uninterrupted(void)
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

#endif
