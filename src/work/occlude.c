/* occlude.c: see occlude.h.
 *
 * The square has a quarter of the picture's side. Its places come in three rounds, each with half the step of the one before, so that
 * a map of the whole picture is there after a few dozen passes and then gets finer. All rounds count alike: a pixel's number is the mean over all
 * squares that hid it.
 */
#include "work/occlude.h"

#include "core/alloc.h"
#include "deconv/project.h"
#include "nn/loss.h"

#include <math.h>
#include <string.h>

enum { BATCH = 8, ROUNDS = 3, GREY = 128 };

struct cs_occlude {
	struct cs_opened *opened;
	struct cs_occlude_question question;
	struct cs_work *work;
	/* the work's own: */
	int height, width, channels;
	uint8_t *pixels; /* [h,w,3] */
	float *lost[2], *cover; /* [h,w] sums */
	pthread_mutex_t lock; /* guards what follows */
	struct cs_occlude_answer answer;
	unsigned version;
};

void cs_occlude_answer_fini(struct cs_occlude_answer *answer)
{
	cs_tensor_fini(&answer->probability);
	cs_tensor_fini(&answer->activation);
}

static void release(void *context)
{
	struct cs_occlude *o = context;

	cs_occlude_answer_fini(&o->answer);
	cs_free(o->pixels);
	cs_free(o->lost[0]);
	cs_free(o->lost[1]);
	cs_free(o->cover);
	cs_opened_release(o->opened);
	pthread_mutex_destroy(&o->lock);
	cs_free(o);
}

/* The network's probabilities of one image of the trace: a softmax over the scores. */
static float probability(const struct cs_trace *trace, int image, int64_t classes, int class)
{
	const float *scores = cs_trace_scores(trace) + image * classes;
	float most = -INFINITY;
	double sum = 0;

	for (int64_t c = 0; c < classes; c++)
		most = fmaxf(most, scores[c]);
	for (int64_t c = 0; c < classes; c++)
		sum += exp((double)(scores[c] - most));
	return (float)(exp((double)(scores[class] - most)) / sum);
}

static int64_t classes_of(const struct cs_network *network)
{
	const struct cs_shape *out = &network->layers[network->layer_count - 1].out;

	return out->rank == 1 ? out->dim[0] : 0;
}

static float fires(const struct cs_trace *trace, int layer, int image, int64_t feature)
{
	int64_t row, column;
	float value;

	cs_strongest(trace, layer, image, feature, &row, &column, &value);
	return isnan(value) ? 0 : value;
}

/* Which class and which feature, and what they are with nothing hidden. */
static void look_whole(struct cs_occlude *o, const struct cs_trace *trace)
{
	const struct cs_network *network = o->opened->model->network;
	int64_t classes = classes_of(network), features = cs_layer_features(&network->layers[o->question.layer]);
	struct cs_occlude_answer *answer = &o->answer;
	struct cs_sample sample;

	cs_opened_sample(o->opened, o->question.image, &sample);
	answer->class = -1;
	if (classes > 0) {
		answer->class = sample.label >= 0 && sample.label < classes
			? sample.label
			: cs_argmax(cs_trace_scores(trace), classes);
		answer->whole = probability(trace, 0, classes, answer->class);
	}
	answer->feature = o->question.feature;
	answer->fires = answer->feature >= 0 ? fires(trace, o->question.layer, 0, answer->feature) : -INFINITY;
	for (int64_t f = 0; f < features && o->question.feature < 0; f++) {
		float value = fires(trace, o->question.layer, 0, f);

		if (value > answer->fires) {
			answer->fires = value;
			answer->feature = f;
		}
	}
	answer->feature = answer->feature < 0 ? 0 : answer->feature;
}

struct place {
	int top, left;
};

static void hide(const struct cs_occlude *o, uint8_t *pixels, struct place at, int size)
{
	memcpy(pixels, o->pixels, (size_t)o->height * (size_t)o->width * 3);
	for (int y = at.top < 0 ? 0 : at.top; y < at.top + size && y < o->height; y++) {
		for (int x = at.left < 0 ? 0 : at.left; x < at.left + size && x < o->width; x++)
			memset(pixels + 3 * (y * o->width + x), GREY, 3);
	}
}

static void add(struct cs_occlude *o, struct place at, int size, float p, float a)
{
	for (int y = at.top < 0 ? 0 : at.top; y < at.top + size && y < o->height; y++) {
		for (int x = at.left < 0 ? 0 : at.left; x < at.left + size && x < o->width; x++) {
			o->lost[0][y * o->width + x] += p;
			o->lost[1][y * o->width + x] += a;
			o->cover[y * o->width + x] += 1;
		}
	}
}

static void publish(struct cs_occlude *o, int stride)
{
	int64_t count = (int64_t)o->height * o->width;

	pthread_mutex_lock(&o->lock);
	for (int64_t i = 0; i < count; i++) {
		float cover = o->cover[i] > 0 ? o->cover[i] : 1;

		o->answer.probability.data[i] = o->lost[0][i] / cover;
		o->answer.activation.data[i] = o->lost[1][i] / cover;
	}
	o->answer.stride = stride;
	o->version++;
	pthread_mutex_unlock(&o->lock);
}

/* Run some places through the network. */
static void try_places(struct cs_occlude *o, struct cs_trace *trace, struct cs_tensor *images, uint8_t *scratch,
	const struct place *places, int count, int size)
{
	const struct cs_model *model = o->opened->model;
	int64_t pixels = (int64_t)o->height * o->width, classes = classes_of(model->network);
	struct cs_tensor part;

	for (int i = 0; i < count; i++) {
		hide(o, scratch, places[i], size);
		cs_preprocess_apply(
			&model->preprocess, scratch, pixels, o->channels, images->data + i * pixels * o->channels);
	}
	part = cs_tensor_slice(images, 0, count);
	cs_network_forward(trace, &part);
	for (int i = 0; i < count; i++)
		add(o, places[i], size,
			o->answer.class >= 0 ? o->answer.whole - probability(trace, i, classes, o->answer.class) : 0,
			o->answer.fires - fires(trace, o->question.layer, i, o->answer.feature));
}

/* One round: all places `step` apart, but for those that the round before had (twice as far apart). */
static enum cs_status go_round(struct cs_occlude *o, struct cs_trace *trace, struct cs_tensor *images, uint8_t *scratch,
	int round, int step, struct cs_job *job)
{
	int size = o->answer.size, count = 0;
	struct place places[BATCH];

	for (int top = -size / 2, r = 0; top < o->height - size / 2; top += step, r++) {
		for (int left = -size / 2, c = 0; left < o->width - size / 2; left += step, c++) {
			if (round > 0 && r % 2 == 0 && c % 2 == 0)
				continue;
			places[count++] = (struct place){top, left};
			if (count < BATCH)
				continue;
			if (cs_job_cancelled(job))
				return CS_ERR_CANCELLED;
			try_places(o, trace, images, scratch, places, count, size);
			cs_job_progress(
				job, (double)(top + size / 2) / (double)o->height, "occluding, steps of %d", step);
			count = 0;
		}
	}
	if (count > 0)
		try_places(o, trace, images, scratch, places, count, size);
	publish(o, step);
	return CS_OK;
}

static enum cs_status occlude(struct cs_occlude *o, struct cs_pass_kept *pass, struct cs_tensor *images,
	uint8_t *scratch, struct cs_job *job, struct cs_error *error)
{
	int step = o->answer.size;
	enum cs_status status = cs_opened_forward(o->opened, pass, &o->question.image, 1, error);

	if (status)
		return status;
	pthread_mutex_lock(&o->lock);
	look_whole(o, pass->trace);
	o->version++;
	pthread_mutex_unlock(&o->lock);
	pass->count = 0; /* what follows is none of the data set's images */
	for (int round = 0; round < ROUNDS && !status && step >= 1; round++, step /= 2)
		status = go_round(o, pass->trace, images, scratch, round, step, job);
	return status;
}

static enum cs_status work(struct cs_job *job, void *context, struct cs_error *error)
{
	struct cs_occlude *o = context;
	const struct cs_network *network = o->opened->model->network;
	size_t bytes = (size_t)o->height * (size_t)o->width * 3;
	uint8_t *scratch = cs_alloc(bytes);
	struct cs_pass_kept *pass = NULL;
	struct cs_tensor images = {0};
	enum cs_status status;

	cs_job_progress(job, 0, "occluding");
	status = scratch ? cs_opened_pixels(o->opened, o->question.image, o->pixels, error)
			 : cs_fail_memory(error, "an occluded image");
	if (!status)
		status = cs_tensor_init(&images, CS_SHAPE(BATCH, o->height, o->width, o->channels), error);
	if (!status)
		status = cs_pass_new(network, network->layer_count - 1, BATCH, o->opened->workers, &pass, error);
	if (!status)
		status = occlude(o, pass, &images, scratch, job, error);
	cs_pass_free(pass);
	cs_tensor_fini(&images);
	cs_free(scratch);
	return status;
}

enum cs_status cs_occlude_start(struct cs_works *works, struct cs_opened *opened,
	const struct cs_occlude_question *question, struct cs_occlude **out, struct cs_error *error)
{
	const struct cs_shape *input = &opened->model->network->input;
	struct cs_occlude *o = cs_calloc(1, sizeof *o);
	size_t pixels = (size_t)opened->data->height * (size_t)opened->data->width;
	enum cs_status status = CS_OK;

	if (!o)
		return cs_fail_memory(error, "an occlusion map");
	pthread_mutex_init(&o->lock, NULL);
	o->opened = cs_opened_use(opened);
	o->question = *question;
	o->height = opened->data->height;
	o->width = opened->data->width;
	o->channels = (int)input->dim[2];
	o->answer.size = (o->height < o->width ? o->height : o->width) / 4;
	o->answer.size = o->answer.size < 2 ? 2 : o->answer.size;
	o->answer.class = -1;
	o->answer.feature = question->feature;
	o->pixels = cs_alloc(pixels * 3);
	o->lost[0] = cs_calloc(pixels, sizeof(float));
	o->lost[1] = cs_calloc(pixels, sizeof(float));
	o->cover = cs_calloc(pixels, sizeof(float));
	if (!o->pixels || !o->lost[0] || !o->lost[1] || !o->cover)
		status = cs_fail_memory(error, "an occlusion map");
	if (!status)
		status = cs_tensor_init(&o->answer.probability, CS_SHAPE(o->height, o->width, 1), error);
	if (!status)
		status = cs_tensor_init(&o->answer.activation, CS_SHAPE(o->height, o->width, 1), error);
	if (status) {
		release(o);
		return status;
	}
	status = cs_work_start(works, "occluding", work, o, release, &o->work, error);
	if (!status)
		*out = o;
	return status;
}

void cs_occlude_drop(struct cs_occlude *occlude)
{
	if (occlude)
		cs_work_drop(occlude->work);
}

unsigned cs_occlude_version(struct cs_occlude *occlude)
{
	unsigned version;

	pthread_mutex_lock(&occlude->lock);
	version = occlude->version;
	pthread_mutex_unlock(&occlude->lock);
	return version;
}

bool cs_occlude_answer(struct cs_occlude *occlude, struct cs_occlude_answer *out)
{
	size_t bytes = (size_t)occlude->height * (size_t)occlude->width * sizeof(float);
	struct cs_tensor p = {0}, a = {0};

	if (cs_tensor_init(&p, occlude->answer.probability.shape, NULL) ||
		cs_tensor_init(&a, occlude->answer.activation.shape, NULL)) {
		cs_tensor_fini(&p);
		return false;
	}
	pthread_mutex_lock(&occlude->lock);
	*out = occlude->answer;
	memcpy(p.data, occlude->answer.probability.data, bytes);
	memcpy(a.data, occlude->answer.activation.data, bytes);
	pthread_mutex_unlock(&occlude->lock);
	out->probability = p;
	out->activation = a;
	return true;
}

bool cs_occlude_finished(struct cs_occlude *occlude)
{
	return cs_work_finished(occlude->work);
}

enum cs_status cs_occlude_result(struct cs_occlude *occlude, struct cs_error *error)
{
	return cs_work_result(occlude->work, error);
}
