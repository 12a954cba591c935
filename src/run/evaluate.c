/* evaluate.c: loss and accuracy of a list of images. See run.h.
 *
 * Images are read ahead by a loader, in the order of the list, without shuffling; sums are taken in that order, so that the
 * figures do not depend on threads.
 */
#include "run/run_internal.h"

#include <inttypes.h>
#include <string.h>

enum cs_status cs_run_check_fit(const struct cs_network *network, const struct cs_dataset *data, struct cs_error *error)
{
	const struct cs_shape *in = &network->input;
	struct cs_shape out = cs_network_output(network);
	char text[CS_SHAPE_TEXT];

	cs_shape_text(in, text, sizeof text);
	if (in->rank != 3 || (in->dim[2] != 1 && in->dim[2] != 3))
		return cs_fail(error, CS_ERR_SHAPE,
			"the network takes %s numbers; to train or test on images it must take height x width x 3 (or "
			"1)",
			text);
	if (in->dim[0] != data->height || in->dim[1] != data->width)
		return cs_fail(error, CS_ERR_SHAPE,
			"the network takes %s images, but those of '%s' are %dx%d; open the data set with size %" PRId64
			" or build the network for %d",
			text, data->spec, data->height, data->width, in->dim[0], data->height);
	if (out.rank != 1 || out.dim[0] != data->class_count)
		return cs_fail(error, CS_ERR_SHAPE,
			"the network gives %s scores, but '%s' has %d classes: its last layer must have %d units",
			cs_shape_text(&out, text, sizeof text), data->spec, data->class_count, data->class_count);
	return CS_OK;
}

enum cs_status cs_evaluate(const struct cs_evaluation *e, struct cs_loss *loss, struct cs_error *error)
{
	struct cs_loader_options options = {
		.batch = e->trace->capacity,
		.channels = (int)e->model->network->input.dim[2],
		.seed = e->seed,
		.preprocess = e->model->preprocess,
		.augment = e->augment,
		.threads = e->threads,
	};
	int64_t classes = e->data->class_count, done = 0, batches;
	struct cs_loader *loader = NULL;
	struct cs_loss sum = {0};
	enum cs_status status = cs_loader_new(e->data, e->images, e->count, &options, &loader, error);

	if (status)
		return status;
	batches = cs_loader_batches(loader);
	cs_loader_start(loader, 0, 0);
	for (int64_t i = 0; i < batches; i++) {
		struct cs_error problem = {0};
		const struct cs_batch *batch = cs_loader_next(loader, &problem);
		struct cs_tensor images;
		struct cs_loss part;

		if (!batch) {
			status = cs_fail(error, problem.status ? problem.status : CS_ERR_IO, "%s",
				problem.status ? problem.message : "the data set ended early");
			break;
		}
		images = cs_tensor_slice(&batch->images, 0, batch->count);
		cs_network_forward(e->trace, &images);
		status = cs_loss_cross_entropy(e->trace, batch, 0, &part, error);
		if (status)
			break;
		sum.sum += part.sum;
		sum.correct += part.correct;
		sum.correct5 += part.correct5;
		sum.count += part.count;
		if (e->scores)
			memcpy(e->scores + done * classes, cs_trace_scores(e->trace),
				(size_t)(batch->count * classes) * sizeof(float));
		done += batch->count;
		cs_job_progress(
			e->job, (double)done / (double)e->count, "%" PRId64 " of %" PRId64 " images", done, e->count);
		if (cs_job_cancelled(e->job) || (e->go_on && !e->go_on(e->context, i + 1, batches))) {
			status = cs_fail(error, CS_ERR_CANCELLED, "stopped after %" PRId64 " of %" PRId64 " images",
				done, e->count);
			break;
		}
	}
	cs_loader_free(loader);
	if (!status)
		*loss = sum;
	return status;
}

enum cs_status cs_run_evaluate(const struct cs_model *model, const struct cs_dataset *data, const int64_t *images,
	int64_t count, struct cs_trace *trace, struct cs_job *job, struct cs_loss *loss, float *scores,
	struct cs_error *error)
{
	struct cs_evaluation evaluation = {
		.model = model,
		.data = data,
		.images = images,
		.count = count,
		.trace = trace,
		.job = job,
		.scores = scores,
	};
	enum cs_status status = cs_run_check_fit(model->network, data, error);

	if (status)
		return status;
	if (count < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "there are no images to test on: '%s' has none in that split",
			data->spec);
	return cs_evaluate(&evaluation, loss, error);
}
