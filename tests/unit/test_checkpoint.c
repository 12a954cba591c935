/* Checkpoints: everything that training needs comes back, bit for bit, and nothing else is taken for one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/random.h"
#include "model/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int set_up(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/test_checkpoint.XXXXXX");
	fd = mkstemp(path);
	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static struct cs_model *make_model(int64_t units)
{
	struct cs_layer_spec s[3] = {
		cs_layer_spec_default(cs_layer_kind("conv")),
		cs_layer_spec_default(cs_layer_kind("flatten")),
		cs_layer_spec_default(cs_layer_kind("dense")),
	};
	struct cs_network *network;
	struct cs_model *model;
	struct cs_error error;

	s[0].features = 4;
	s[0].kernel[0] = s[0].kernel[1] = 2;
	s[2].features = units;
	assert_int_equal(cs_network_new(CS_SHAPE(5, 5, 3), s, 3, 9, &network, &error), CS_OK);
	assert_int_equal(cs_model_new(network, &model, &error), CS_OK);
	return model;
}

static struct cs_optimizer *make_optimizer(enum cs_optimizer_kind kind, const struct cs_network *network)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(kind);
	struct cs_optimizer *optimizer;
	struct cs_error error;

	spec.momentum = 0.9f;
	assert_int_equal(cs_optimizer_new(&spec, network, &optimizer, &error), CS_OK);
	return optimizer;
}

static const struct cs_progress progress = {
	.epoch = 3,
	.batch = 17,
	.step = ((int64_t)1 << 53) + 1, /* no double holds it */
	.best_epoch = 2,
	.best_accuracy = 0.1 + 0.2,
	.since_best = 1,
	.partial = {.sum = 1.0 / 3, .correct = 5, .correct5 = 9, .count = 11},
	.seconds = 1e-300,
	.best_loss = 0x1.fffffffffffffp-3,
};

static void everything_comes_back_bit_for_bit(void **state)
{
	(void)state;
	for (int kind = CS_SGD; kind <= CS_ADAM; kind++) {
		struct cs_model *model = make_model(3), *back;
		struct cs_optimizer *optimizer = make_optimizer((enum cs_optimizer_kind)kind, model->network), *again;
		struct cs_epoch epoch = {.epoch = 0, .val_loss = NAN, .train_loss = 0.1};
		struct cs_point points[2] = {{.step = 1}, {.step = 2, .loss = 1.0 / 7}};
		struct cs_curves curves = {&epoch, 1, points, 2}, found;
		struct cs_progress at;
		struct cs_random random;
		struct cs_error error;

		cs_random_init(&random, 1, CS_RANDOM_USER, 0, 0);
		assert_true(cs_optimizer_state_count(optimizer) > 0);
		for (int i = 0; i < cs_optimizer_state_count(optimizer); i++) {
			char name[256];
			struct cs_tensor *tensor = cs_optimizer_state(optimizer, i, name, sizeof name);

			for (int64_t k = 0; k < cs_tensor_count(tensor); k++)
				tensor->data[k] = cs_random_normal(&random);
		}
		cs_optimizer_set_steps(optimizer, 12345678901);
		if (cs_checkpoint_save_with(path, model, optimizer, &progress, &curves, &error))
			fail_msg("%s", error.message);
		if (cs_checkpoint_load(path, &back, &at, &error))
			fail_msg("%s", error.message);
		assert_memory_equal(&at.partial.sum, &progress.partial.sum, sizeof(double));
		assert_true(at.epoch == progress.epoch && at.batch == progress.batch && at.step == progress.step);
		assert_true(at.best_epoch == 2 && at.since_best == 1 && !at.finished);
		assert_true(at.best_accuracy == progress.best_accuracy && at.best_loss == progress.best_loss);
		assert_true(at.seconds == progress.seconds);
		assert_true(at.partial.correct == 5 && at.partial.correct5 == 9 && at.partial.count == 11);

		again = make_optimizer((enum cs_optimizer_kind)kind, back->network);
		assert_int_equal(cs_checkpoint_load_optimizer(path, again, &error), CS_OK);
		assert_int_equal(cs_optimizer_steps(again), 12345678901);
		for (int i = 0; i < cs_optimizer_state_count(optimizer); i++) {
			char name[256];
			struct cs_tensor *a = cs_optimizer_state(optimizer, i, name, sizeof name);
			struct cs_tensor *b = cs_optimizer_state(again, i, name, sizeof name);

			assert_memory_equal(a->data, b->data, (size_t)cs_tensor_count(a) * sizeof(float));
		}
		assert_int_equal(cs_checkpoint_load_curves(path, &found, &error), CS_OK);
		assert_int_equal(found.epoch_count, 1);
		assert_int_equal(found.point_count, 2);
		assert_true(isnan(found.epochs[0].val_loss) && found.epochs[0].train_loss == 0.1);
		assert_memory_equal(found.points, points, sizeof points);
		cs_curves_fini(&found);
		cs_optimizer_free(optimizer);
		cs_optimizer_free(again);
		cs_model_free(model);
		cs_model_free(back);
	}
}

static void another_architecture_or_optimiser_is_refused(void **state)
{
	struct cs_model *model = make_model(3), *other = make_model(4);
	struct cs_optimizer *sgd = make_optimizer(CS_SGD, model->network);
	struct cs_optimizer *wider = make_optimizer(CS_SGD, other->network),
			    *adam = make_optimizer(CS_ADAM, model->network);
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_checkpoint_save(path, model, sgd, &progress, &error), CS_OK);
	assert_int_equal(cs_checkpoint_load_optimizer(path, wider, &error), CS_ERR_SHAPE);
	assert_non_null(strstr(error.message, "dense1/kernel"));
	assert_int_equal(cs_checkpoint_load_optimizer(path, adam, &error), CS_ERR_SHAPE);
	cs_optimizer_free(sgd);
	cs_optimizer_free(wider);
	cs_optimizer_free(adam);
	cs_model_free(model);
	cs_model_free(other);
}

static void a_checkpoint_is_a_model_but_a_model_is_no_checkpoint(void **state)
{
	struct cs_model *model = make_model(3), *back;
	struct cs_progress at;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_checkpoint_save(path, model, NULL, &progress, &error), CS_OK);
	assert_int_equal(cs_model_load(path, NULL, &back, &error), CS_OK);
	cs_model_free(back);
	assert_int_equal(cs_model_save(model, path, &error), CS_OK);
	assert_int_equal(cs_checkpoint_load(path, &back, &at, &error), CS_ERR_FORMAT);
	assert_non_null(strstr(error.message, "nothing to resume from"));
	cs_model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_comes_back_bit_for_bit),
		cmocka_unit_test(another_architecture_or_optimiser_is_refused),
		cmocka_unit_test(a_checkpoint_is_a_model_but_a_model_is_no_checkpoint),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
