/* teacher.c: see teacher.h.
 *
 * The teacher sees the very pictures that the network sees, flipped and cropped as they are, so that what it says of them is right for them. Where
 * the two normalise pixels differently, the one's numbers become the other's: both are a factor and an offset a channel away from the pixels.
 */
#include "run/teacher.h"

#include "core/alloc.h"
#include "nn/activation.h"
#include "nn/trace.h"
#include "run/run_internal.h"

#include <string.h>

struct cs_teacher {
	struct cs_trace *trace;
	struct cs_tensor images; /* [capacity,h,w,c] in the teacher's numbers */
	float *targets; /* [capacity,classes] */
	float factor[3], offset[3];
	float share;
	int channels, classes;
};

/* The classes of the data set, in its order? Models from elsewhere do not say what theirs are called. */
static enum cs_status check_classes(const struct cs_model *model, const struct cs_dataset *data, struct cs_error *error)
{
	for (int k = 0; model->class_ids && k < data->class_count && k < model->class_count; k++) {
		if (strcmp(model->class_ids[k], data->class_ids[k]) != 0)
			return cs_fail(error, CS_ERR_SHAPE,
				"the teacher calls class %d '%.80s' and '%.300s' calls it '%.80s': it must have learnt "
				"the same classes in the same order",
				k, model->class_ids[k], data->spec, data->class_ids[k]);
	}
	return CS_OK;
}

enum cs_status cs_teacher_check(const struct cs_model *model, const struct cs_dataset *data,
	const struct cs_shape *input, const struct cs_preprocess *fed, float share, struct cs_error *error)
{
	const struct cs_preprocess *own = &model->preprocess;
	char wants[CS_SHAPE_TEXT], has[CS_SHAPE_TEXT];
	enum cs_status status;

	if (!(share >= 0 && share <= 1))
		return cs_fail(error, CS_ERR_ARGUMENT, "the teacher's share of the targets is %g; expected 0 to 1",
			(double)share);
	if (!cs_shape_equal(&model->network->input, input))
		return cs_fail(error, CS_ERR_SHAPE,
			"the teacher takes pictures of %s, the network that it is to teach %s; expected one size",
			cs_shape_text(&model->network->input, wants, sizeof wants),
			cs_shape_text(input, has, sizeof has));
	if (own->whitening || fed->whitening)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"the %s whitens its pictures: teacher and network must see them alike, so train with a teacher "
			"that does not, and without zca",
			own->whitening ? "teacher" : "network");
	if (own->bgr != fed->bgr)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"the teacher takes channels as %s and the network as %s; expected one order",
			own->bgr ? "BGR" : "RGB", fed->bgr ? "BGR" : "RGB");
	status = cs_run_check_fit(model->network, data, error);
	if (status) {
		cs_error_prefix(error, "the teacher");
		return status;
	}
	return check_classes(model, data, error);
}

enum cs_status cs_teacher_new(const struct cs_model *model, const struct cs_preprocess *fed, float share, int capacity,
	struct cs_workers *workers, struct cs_teacher **out, struct cs_error *error)
{
	const struct cs_preprocess *own = &model->preprocess;
	const struct cs_shape *input = &model->network->input;
	struct cs_shape last = cs_network_output(model->network), images;
	struct cs_teacher *teacher = cs_calloc(1, sizeof *teacher);
	enum cs_status status;

	*out = NULL;
	if (!teacher)
		return cs_fail_memory(error, "a teacher");
	teacher->share = share;
	teacher->channels = (int)input->dim[2];
	teacher->classes = (int)cs_shape_count(&last);
	for (int k = 0; k < teacher->channels; k++) {
		double ratio = (double)own->scale / (double)fed->scale;

		teacher->factor[k] = (float)((double)fed->deviation[k] * ratio / (double)own->deviation[k]);
		teacher->offset[k] =
			(float)(((double)fed->mean[k] * ratio - (double)own->mean[k]) / (double)own->deviation[k]);
	}
	images = CS_SHAPE(capacity, input->dim[0], input->dim[1], input->dim[2]);
	teacher->targets = cs_calloc((size_t)capacity * (size_t)teacher->classes, sizeof *teacher->targets);
	status = teacher->targets ? cs_tensor_init(&teacher->images, images, error)
				  : cs_fail_memory(error, "a teacher's answers");
	if (!status)
		status = cs_trace_new(model->network, CS_TRACE_OUTPUT, capacity, workers, &teacher->trace, error);
	if (status) {
		cs_teacher_free(teacher);
		return status;
	}
	*out = teacher;
	return CS_OK;
}

void cs_teacher_free(struct cs_teacher *teacher)
{
	if (!teacher)
		return;
	cs_trace_free(teacher->trace);
	cs_tensor_fini(&teacher->images);
	cs_free(teacher->targets);
	cs_free(teacher);
}

struct cs_batch cs_teacher_answer(struct cs_teacher *teacher, const struct cs_batch *batch)
{
	struct cs_tensor from = cs_tensor_slice(&batch->images, 0, batch->count),
			 to = cs_tensor_slice(&teacher->images, 0, batch->count);
	int64_t numbers = cs_tensor_count(&from);
	int channels = teacher->channels;
	struct cs_batch out = *batch;

	for (int64_t i = 0; i < numbers; i += channels) {
		for (int k = 0; k < channels; k++)
			to.data[i + k] = teacher->factor[k] * from.data[i + k] + teacher->offset[k];
	}
	cs_network_forward(teacher->trace, &to);
	memcpy(teacher->targets, cs_trace_scores(teacher->trace),
		(size_t)batch->count * (size_t)teacher->classes * sizeof *teacher->targets);
	cs_activate(CS_SOFTMAX, 0, teacher->targets, batch->count, teacher->classes);
	for (int i = 0; i < batch->count; i++) {
		float *row = teacher->targets + (int64_t)i * teacher->classes;

		if (!batch->labels || batch->labels[i] < 0)
			continue;
		for (int k = 0; k < teacher->classes; k++)
			row[k] *= teacher->share;
		row[batch->labels[i]] += 1 - teacher->share;
	}
	out.targets = teacher->targets;
	return out;
}
