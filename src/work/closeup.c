/* closeup.c: see closeup.h. */
#include "work/closeup.h"

#include "core/alloc.h"
#include "measure/colour.h"
#include "measure/perturb.h"
#include "measure/similarity.h"
#include "measure/statistics.h"
#include "nn/initialise.h"
#include "work/tiles.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BATCH = 8, NICE = 10, SEEDS = 3, CHANGES = 1 + 3 + CS_CLOSE_HUES + CS_CLOSE_LEVELS };

const float cs_close_levels[CS_CLOSE_LEVELS] = {0.05f, 0.1f, 0.2f, 0.4f};

struct cs_closeup {
	struct cs_opened *opened;
	struct cs_close_question question;
	struct cs_work *work;
	pthread_mutex_t lock; /* guards what follows */
	struct cs_close_answer answer;
	unsigned version;
};

static void release(void *context)
{
	struct cs_closeup *closeup = context;

	cs_opened_release(closeup->opened);
	pthread_mutex_destroy(&closeup->lock);
	cs_free(closeup);
}

/* Number `change` of what is done to an image: nothing, a channel taken away, hues turned, noise. */
static void apply(const float *pixels, int h, int w, int change, int64_t image, float *out)
{
	int64_t count = (int64_t)h * w;
	float gain[3] = {1, 1, 1};

	if (change == 0) {
		memcpy(out, pixels, (size_t)count * 3 * sizeof *out);
	} else if (change < 4) {
		gain[change - 1] = 0;
		cs_colour_gain(pixels, count, gain, out);
	} else if (change < 4 + CS_CLOSE_HUES) {
		cs_colour_rotate(pixels, count, 360.0f * (float)(change - 4) / CS_CLOSE_HUES, out);
	} else {
		cs_perturb_gaussian(
			pixels, h, w, 3, cs_close_levels[change - 4 - CS_CLOSE_HUES], 0, (uint64_t)image, out);
	}
}

/* All changes of one image through the network; adds up the feature's responses. */
static enum cs_status try_image(struct cs_closeup *closeup, struct cs_trace *trace, struct cs_tensor *batch,
	const struct cs_exemplar *exemplar, double sums[CHANGES], struct cs_job *job, struct cs_error *error)
{
	const struct cs_opened *opened = closeup->opened;
	int h = opened->data->height, w = opened->data->width;
	int64_t count = (int64_t)h * w, channels = opened->model->network->input.dim[2];
	uint8_t *bytes = cs_alloc((size_t)count * 3);
	float *pixels = cs_alloc((size_t)count * 3 * sizeof *pixels),
	      *changed = cs_alloc((size_t)count * 3 * sizeof *changed);
	enum cs_status status = bytes && pixels && changed ? CS_OK : cs_fail_memory(error, "a look at a feature");

	if (!status)
		status = cs_opened_pixels(opened, exemplar->image, bytes, error);
	for (int64_t i = 0; !status && i < 3 * count; i++)
		pixels[i] = bytes[i];
	for (int first = 0; !status && first < CHANGES; first += BATCH) {
		int some = CHANGES - first < BATCH ? CHANGES - first : BATCH;
		struct cs_tensor part = cs_tensor_slice(batch, 0, some);

		for (int i = 0; i < some; i++) {
			apply(pixels, h, w, first + i, exemplar->image, changed);
			for (int64_t k = 0; k < 3 * count; k++)
				bytes[k] = (uint8_t)lrintf(fminf(255, fmaxf(0, changed[k])));
			cs_preprocess_apply(&opened->model->preprocess, bytes, count, (int)channels,
				batch->data + i * count * channels);
		}
		cs_network_forward(trace, &part);
		for (int i = 0; i < some; i++) {
			int64_t row, column;
			float value;

			cs_strongest(
				trace, closeup->question.layer, i, closeup->question.feature, &row, &column, &value);
			sums[first + i] += isnan(value) ? 0 : fmax(0, (double)value);
		}
		if (cs_job_cancelled(job))
			status = CS_ERR_CANCELLED;
	}
	cs_free(bytes);
	cs_free(pixels);
	cs_free(changed);
	return status;
}

static enum cs_status look_at_responses(
	struct cs_closeup *closeup, struct cs_workers *workers, struct cs_job *job, struct cs_error *error)
{
	const struct cs_shape *input = &closeup->opened->model->network->input;
	struct cs_pass_kept *pass = NULL;
	struct cs_tensor batch = {0};
	double sums[CHANGES] = {0};
	enum cs_status status =
		cs_pass_new(closeup->opened->model->network, closeup->question.layer, BATCH, workers, &pass, error);

	if (!status)
		status = cs_tensor_init(&batch, CS_SHAPE(BATCH, input->dim[0], input->dim[1], input->dim[2]), error);
	for (int i = 0; i < closeup->question.count && !status; i++) {
		status = try_image(closeup, pass->trace, &batch, &closeup->question.images[i], sums, job, error);
		cs_job_progress(job, 0.5 * (i + 1) / closeup->question.count, "looking closer");
	}
	if (!status && sums[0] > 0) {
		pthread_mutex_lock(&closeup->lock);
		for (int c = 0; c < 3; c++)
			closeup->answer.lost[c] = (float)(1 - sums[1 + c] / sums[0]);
		for (int k = 0; k < CS_CLOSE_HUES; k++)
			closeup->answer.hue[k] = (float)(sums[4 + k] / sums[0]);
		for (int k = 0; k < CS_CLOSE_LEVELS; k++)
			closeup->answer.noise[k] = (float)(sums[4 + CS_CLOSE_HUES + k] / sums[0]);
		closeup->answer.has_response = true;
		closeup->version++;
		pthread_mutex_unlock(&closeup->lock);
	}
	cs_pass_free(pass);
	cs_tensor_fini(&batch);
	return status;
}

/* ---- learnt or redrawn ---- */

/* The network with fresh weights from the second convolution on; all of them where the feature's is the first. */
static enum cs_status randomise(
	const struct cs_network *network, int layer, uint64_t seed, struct cs_network **out, struct cs_error *error)
{
	enum cs_status status = cs_network_copy(network, out, error);
	int first = -1, count = 0;

	if (status)
		return status;
	for (int i = 0; i <= layer; i++) {
		if (network->layers[i].ops == &cs_conv_layer || network->layers[i].ops == &cs_dense_layer) {
			first = first < 0 ? i : first;
			count++;
		}
	}
	cs_initialise(*out, seed);
	for (int i = 0; count > 1 && i <= first; i++) {
		const struct cs_layer *from = &network->layers[i];
		struct cs_layer *to = &(*out)->layers[i];

		for (int p = 0; p < from->param_count; p++)
			memcpy(to->params[p].value.data, from->params[p].value.data,
				(size_t)cs_tensor_count(&from->params[p].value) * sizeof(float));
	}
	return CS_OK;
}

/* The unit of each exemplar projected back from this network, into out[count,h,w,c]. */
static enum cs_status project_all(struct cs_closeup *closeup, const struct cs_network *network,
	struct cs_workers *workers, struct cs_tensor *out, struct cs_job *job, struct cs_error *error)
{
	const struct cs_close_question *question = &closeup->question;
	int64_t numbers = cs_shape_count(&network->input);
	struct cs_pass_kept *pass = NULL;
	struct cs_rule rule;
	enum cs_status status = cs_rule_parse(cs_rule_names[question->rule], &rule, error);

	if (!status)
		status = cs_pass_new(network, question->layer, 1, workers, &pass, error);
	for (int i = 0; i < question->count && !status; i++) {
		struct cs_target target = {.layer = question->layer,
			.feature = question->feature,
			.at = CS_AT_POSITION,
			.row = question->images[i].row,
			.column = question->images[i].column,
			.signal = CS_SIGNAL_ONE};
		struct cs_tensor one = cs_tensor_view(out->data + i * numbers,
			CS_SHAPE(1, network->input.dim[0], network->input.dim[1], network->input.dim[2]));

		status = cs_opened_forward(closeup->opened, pass, &question->images[i].image, 1, error);
		if (!status)
			status = cs_project(pass->trace, &target, 1, rule, &one, NULL, job, error);
		if (!status && cs_job_cancelled(job))
			status = CS_ERR_CANCELLED;
	}
	cs_pass_free(pass);
	return status;
}

/* How alike two projections of one exemplar are, over the part of the input that its unit sees. */
static enum cs_status compare(struct cs_closeup *closeup, int i, const struct cs_tensor *a, const struct cs_tensor *b,
	double *out, struct cs_error *error)
{
	const struct cs_network *network = closeup->opened->model->network;
	int64_t width = network->input.dim[1], channels = network->input.dim[2], top, left, bottom, right, n = 0;
	int64_t numbers = cs_shape_count(&network->input);
	float *x, *y;

	cs_unit_field(network, closeup->question.layer, closeup->question.images[i].row,
		closeup->question.images[i].column, &top, &left, &bottom, &right);
	x = cs_alloc((size_t)((bottom - top) * (right - left) * channels) * sizeof *x);
	y = cs_alloc((size_t)((bottom - top) * (right - left) * channels) * sizeof *y);
	for (int64_t row = top; x && y && row < bottom; row++) {
		size_t bytes = (size_t)((right - left) * channels) * sizeof(float);

		memcpy(x + n, a->data + i * numbers + (row * width + left) * channels, bytes);
		memcpy(y + n, b->data + i * numbers + (row * width + left) * channels, bytes);
		n += (right - left) * channels;
	}
	*out = x && y ? cs_similarity_correlation(x, y, n) : NAN;
	n = x && y ? n : -1;
	cs_free(x);
	cs_free(y);
	return n < 0 ? cs_fail_memory(error, "a look at a feature") : CS_OK;
}

static enum cs_status look_at_trust(
	struct cs_closeup *closeup, struct cs_workers *workers, struct cs_job *job, struct cs_error *error)
{
	const struct cs_network *network = closeup->opened->model->network;
	const struct cs_shape *input = &network->input;
	struct cs_shape shape = CS_SHAPE(closeup->question.count, input->dim[0], input->dim[1], input->dim[2]);
	double sums[CS_CLOSE_IMAGES] = {0};
	float alike[CS_CLOSE_IMAGES];
	int counts[CS_CLOSE_IMAGES] = {0};
	struct cs_tensor own = {0}, other = {0};
	struct cs_interval interval;
	enum cs_status status = cs_tensor_init(&own, shape, error);

	if (!status)
		status = cs_tensor_init(&other, shape, error);
	if (!status)
		status = project_all(closeup, network, workers, &own, job, error);
	for (int seed = 1; seed <= SEEDS && !status; seed++) {
		struct cs_network *fresh = NULL;

		status = randomise(network, closeup->question.layer, (uint64_t)seed, &fresh, error);
		if (!status)
			status = project_all(closeup, fresh, workers, &other, job, error);
		for (int i = 0; i < closeup->question.count && !status; i++) {
			double r;

			status = compare(closeup, i, &own, &other, &r, error);
			if (!status && !isnan(r)) {
				sums[i] += r;
				counts[i]++;
			}
		}
		cs_network_free(fresh);
		cs_job_progress(job, 0.5 + 0.5 * seed / SEEDS, "looking closer");
	}
	for (int i = 0; i < closeup->question.count; i++)
		alike[i] = counts[i] ? (float)(sums[i] / counts[i]) : NAN;
	if (!status)
		status = cs_statistics_bootstrap(alike, closeup->question.count, 1, 1000, 0.95, 0, &interval, error);
	if (!status) {
		pthread_mutex_lock(&closeup->lock);
		closeup->answer.alike = interval.mean;
		closeup->answer.low = interval.low;
		closeup->answer.high = interval.high;
		closeup->answer.has_trust = true;
		closeup->version++;
		pthread_mutex_unlock(&closeup->lock);
	}
	cs_tensor_fini(&own);
	cs_tensor_fini(&other);
	return status;
}

static enum cs_status work(struct cs_job *job, void *context, struct cs_error *error)
{
	struct cs_closeup *closeup = context;
	struct cs_workers *workers = NULL;
	enum cs_status status;

	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* the pool's threads inherit it */
	status = cs_workers_new(closeup->opened->threads, &workers, error);
	if (!status)
		status = look_at_responses(closeup, workers, job, error);
	if (!status)
		status = look_at_trust(closeup, workers, job, error);
	cs_workers_free(workers);
	return status;
}

enum cs_status cs_closeup_start(struct cs_works *works, struct cs_opened *opened,
	const struct cs_close_question *question, struct cs_closeup **out, struct cs_error *error)
{
	struct cs_closeup *closeup = cs_calloc(1, sizeof *closeup);
	enum cs_status status;

	if (!closeup)
		return cs_fail_memory(error, "a look at a feature");
	pthread_mutex_init(&closeup->lock, NULL);
	closeup->opened = cs_opened_use(opened);
	closeup->question = *question;
	status = cs_work_start(works, "looking closer", work, closeup, release, &closeup->work, error);
	if (!status)
		*out = closeup;
	return status;
}

void cs_closeup_drop(struct cs_closeup *closeup)
{
	if (closeup)
		cs_work_drop(closeup->work);
}

bool cs_closeup_about(const struct cs_closeup *closeup, const struct cs_close_question *question)
{
	const struct cs_close_question *own = &closeup->question;

	return own->layer == question->layer && own->feature == question->feature && own->rule == question->rule;
}

bool cs_closeup_asks(const struct cs_closeup *closeup, const struct cs_close_question *question)
{
	const struct cs_close_question *own = &closeup->question;

	if (!cs_closeup_about(closeup, question) || own->count != question->count)
		return false;
	for (int i = 0; i < own->count; i++) {
		if (own->images[i].image != question->images[i].image ||
			own->images[i].row != question->images[i].row ||
			own->images[i].column != question->images[i].column)
			return false;
	}
	return true;
}

unsigned cs_closeup_version(struct cs_closeup *closeup)
{
	unsigned version;

	pthread_mutex_lock(&closeup->lock);
	version = closeup->version;
	pthread_mutex_unlock(&closeup->lock);
	return version;
}

void cs_closeup_answer(struct cs_closeup *closeup, struct cs_close_answer *out)
{
	pthread_mutex_lock(&closeup->lock);
	*out = closeup->answer;
	pthread_mutex_unlock(&closeup->lock);
}
