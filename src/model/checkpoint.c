/* checkpoint.c: a model file that a run can be taken up from. See checkpoint.h.
 *
 * Beside what model.c writes:
 * /convscope/training/integers    int64, in the order of `integers` below
 * /convscope/training/doubles     float64, likewise
 * /convscope/training/optimizer/conv1/kernel/momentum    the optimiser's tensors
 * /convscope/training/epochs, points                     the history up to here
 *
 * Names are stored beside the numbers, for people with h5dump; places are what counts, and new ones come at the end.
 */
#include "model/checkpoint.h"

#include "core/alloc.h"
#include "model/model_internal.h"

#include <stdio.h>
#include <string.h>

#define TRAINING "/convscope/training"

static const char *const integer_names[] = {
	"epoch",
	"batch",
	"step",
	"best_epoch",
	"since_best",
	"partial_correct",
	"partial_correct5",
	"partial_count",
	"finished",
	"optimizer_steps",
};
static const char *const double_names[] = {"best_accuracy", "best_loss", "partial_sum", "seconds"};

enum { INTEGERS = sizeof integer_names / sizeof *integer_names, DOUBLES = sizeof double_names / sizeof *double_names };

struct save {
	struct cs_optimizer *optimizer;
	const struct cs_progress *progress;
	const struct cs_curves *curves;
};

static enum cs_status write_numbers(struct cs_h5 *file, const struct save *save, struct cs_error *error)
{
	const struct cs_progress *p = save->progress;
	const int64_t integers[INTEGERS] = {
		p->epoch,
		p->batch,
		p->step,
		p->best_epoch,
		p->since_best,
		p->partial.correct,
		p->partial.correct5,
		p->partial.count,
		p->finished,
		save->optimizer ? cs_optimizer_steps(save->optimizer) : 0,
	};
	const double doubles[DOUBLES] = {p->best_accuracy, p->best_loss, p->partial.sum, p->seconds};
	enum cs_status status =
		cs_h5_write_array(file, TRAINING "/integers", CS_H5_I64, CS_SHAPE(INTEGERS), integers, error);

	if (!status)
		status = cs_h5_write_strings(file, TRAINING "/integers", "names", integer_names, INTEGERS, error);
	if (!status)
		status = cs_h5_write_array(file, TRAINING "/doubles", CS_H5_F64, CS_SHAPE(DOUBLES), doubles, error);
	if (!status)
		status = cs_h5_write_strings(file, TRAINING "/doubles", "names", double_names, DOUBLES, error);
	return status;
}

static enum cs_status write_training(struct cs_h5 *file, const void *context, struct cs_error *error)
{
	const struct save *save = context;
	int states = save->optimizer ? cs_optimizer_state_count(save->optimizer) : 0;
	enum cs_status status = cs_h5_make_group(file, TRAINING, error);

	if (!status)
		status = write_numbers(file, save, error);
	for (int i = 0; i < states && !status; i++) {
		char name[256], path[300];
		const struct cs_tensor *tensor = cs_optimizer_state(save->optimizer, i, name, sizeof name);

		snprintf(path, sizeof path, TRAINING "/optimizer/%s", name);
		status = cs_h5_write_tensor(file, path, tensor, error);
	}
	if (!status && save->curves && save->curves->epoch_count)
		status = cs_h5_write_array(file, TRAINING "/epochs", CS_H5_F64,
			CS_SHAPE(save->curves->epoch_count, sizeof(struct cs_epoch) / sizeof(double)),
			save->curves->epochs, error);
	if (!status && save->curves && save->curves->point_count)
		status = cs_h5_write_array(file, TRAINING "/points", CS_H5_F64,
			CS_SHAPE(save->curves->point_count, sizeof(struct cs_point) / sizeof(double)),
			save->curves->points, error);
	return status;
}

enum cs_status cs_checkpoint_save_with(const char *path, const struct cs_model *model, struct cs_optimizer *optimizer,
	const struct cs_progress *progress, const struct cs_curves *curves, struct cs_error *error)
{
	struct save save = {optimizer, progress, curves};

	return cs_model_save_with(model, path, write_training, &save, error);
}

enum cs_status cs_checkpoint_save(const char *path, const struct cs_model *model, struct cs_optimizer *optimizer,
	const struct cs_progress *progress, struct cs_error *error)
{
	return cs_checkpoint_save_with(path, model, optimizer, progress, NULL, error);
}

static enum cs_status read_numbers(
	struct cs_h5 *file, struct cs_progress *progress, int64_t *optimizer_steps, struct cs_error *error)
{
	int64_t *integers = NULL;
	double *doubles = NULL;
	void *data = NULL;
	struct cs_shape shape;
	enum cs_status status;

	if (!cs_h5_exists(file, TRAINING "/integers"))
		return cs_fail(error, CS_ERR_FORMAT,
			"it is a model without the state of its training: nothing to resume from");
	status = cs_h5_read_array(file, TRAINING "/integers", CS_H5_I64, 64, &data, &shape, error);
	if (status)
		return status;
	integers = data;
	if (cs_shape_count(&shape) < INTEGERS) {
		status = cs_fail(error, CS_ERR_FORMAT, "the state of its training is of another version");
		goto out;
	}
	status = cs_h5_read_array(file, TRAINING "/doubles", CS_H5_F64, 64, &data, &shape, error);
	if (status)
		goto out;
	doubles = data;
	if (cs_shape_count(&shape) < DOUBLES || integers[0] < 0 || integers[1] < 0 || integers[2] < 0) {
		status = cs_fail(error, CS_ERR_FORMAT, "the state of its training is not valid");
		goto out;
	}
	*progress = (struct cs_progress){
		.epoch = integers[0],
		.batch = integers[1],
		.step = integers[2],
		.best_epoch = integers[3],
		.since_best = integers[4],
		.partial =
			{
				.sum = doubles[2],
				.correct = (int)integers[5],
				.correct5 = (int)integers[6],
				.count = (int)integers[7],
			},
		.finished = integers[8] != 0,
		.best_accuracy = doubles[0],
		.best_loss = doubles[1],
		.seconds = doubles[3],
	};
	*optimizer_steps = integers[9];
out:
	cs_free(integers);
	cs_free(doubles);
	return status;
}

enum cs_status cs_checkpoint_load(
	const char *path, struct cs_model **model, struct cs_progress *progress, struct cs_error *error)
{
	struct cs_h5 *file = NULL;
	int64_t steps;
	enum cs_status status = cs_h5_open_foreign(path, &file, error);

	if (status)
		return status;
	status = read_numbers(file, progress, &steps, error);
	if (!status)
		status = cs_model_read(file, path, NULL, model, error);
	if (status)
		cs_error_prefix(error, "%s", path);
	cs_h5_close(file, NULL);
	return status;
}

/* One tensor of the state; shapes must agree before anything is read. */
static enum cs_status read_state(struct cs_h5 *file, const char *name, struct cs_tensor *into, struct cs_error *error)
{
	char path[300], text[CS_SHAPE_TEXT], expected[CS_SHAPE_TEXT], kind;
	struct cs_tensor tensor = {0};
	struct cs_shape shape;
	enum cs_status status;

	snprintf(path, sizeof path, TRAINING "/optimizer/%s", name);
	if (!cs_h5_exists(file, path))
		return cs_fail(error, CS_ERR_SHAPE,
			"the optimiser's state has no '%s': it was made by another optimiser or for "
			"another network",
			name);
	status = cs_h5_info(file, path, &shape, &kind, error);
	if (status)
		return status;
	if (!cs_shape_equal(&shape, &into->shape))
		return cs_fail(error, CS_ERR_SHAPE,
			"the optimiser's '%s' is %s in the file, but the network asks for %s", name,
			cs_shape_text(&shape, text, sizeof text),
			cs_shape_text(&into->shape, expected, sizeof expected));
	status = cs_h5_read_tensor(file, path, cs_tensor_count(into), &tensor, error);
	if (status)
		return status;
	memcpy(into->data, tensor.data, (size_t)cs_tensor_count(into) * sizeof(float));
	cs_tensor_fini(&tensor);
	return CS_OK;
}

enum cs_status cs_checkpoint_load_optimizer(const char *path, struct cs_optimizer *optimizer, struct cs_error *error)
{
	struct cs_progress progress;
	struct cs_h5 *file = NULL;
	int64_t steps = 0;
	enum cs_status status = cs_h5_open_foreign(path, &file, error);

	if (status)
		return status;
	status = read_numbers(file, &progress, &steps, error);
	for (int i = 0; i < cs_optimizer_state_count(optimizer) && !status; i++) {
		char name[256];
		struct cs_tensor *tensor = cs_optimizer_state(optimizer, i, name, sizeof name);

		status = read_state(file, name, tensor, error);
	}
	if (status)
		cs_error_prefix(error, "%s", path);
	else
		cs_optimizer_set_steps(optimizer, steps);
	cs_h5_close(file, NULL);
	return status;
}

/* A table of rows of `columns` doubles, NULL where there is none. */
static enum cs_status read_rows(
	struct cs_h5 *file, const char *path, int64_t columns, void **rows, int64_t *count, struct cs_error *error)
{
	struct cs_shape shape;
	enum cs_status status;

	*rows = NULL;
	*count = 0;
	if (!cs_h5_exists(file, path))
		return CS_OK;
	status = cs_h5_read_array(file, path, CS_H5_F64, (int64_t)1 << 28, rows, &shape, error);
	if (status)
		return status;
	if (shape.rank != 2 || shape.dim[1] != columns) {
		cs_free(*rows);
		*rows = NULL;
		return cs_fail(error, CS_ERR_FORMAT, "the history in '%s' is of another version", path);
	}
	*count = shape.dim[0];
	return CS_OK;
}

enum cs_status cs_checkpoint_load_curves(const char *path, struct cs_curves *curves, struct cs_error *error)
{
	struct cs_curves found = {0};
	struct cs_h5 *file = NULL;
	enum cs_status status = cs_h5_open_foreign(path, &file, error);
	void *rows;

	if (status)
		return status;
	status = read_rows(
		file, TRAINING "/epochs", sizeof(struct cs_epoch) / sizeof(double), &rows, &found.epoch_count, error);
	found.epochs = status ? NULL : rows;
	if (!status) {
		status = read_rows(file, TRAINING "/points", sizeof(struct cs_point) / sizeof(double), &rows,
			&found.point_count, error);
		found.points = status ? NULL : rows;
	}
	if (status) {
		cs_curves_fini(&found);
		cs_error_prefix(error, "%s", path);
	} else {
		*curves = found;
	}
	cs_h5_close(file, NULL);
	return status;
}
