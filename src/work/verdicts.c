/* verdicts.c: see verdicts.h. */
#include "work/verdicts.h"

#include "nn/loss.h"

#include <math.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICE = 15 };

/* The share of the softmax that the strongest class has, in parts per million. */
static int confidence_of(const float *scores, int64_t classes, int best)
{
	double sum = 0;

	for (int64_t c = 0; c < classes; c++)
		sum += exp((double)scores[c] - (double)scores[best]);
	return (int)(1e6 / sum);
}

void cs_verdicts_note(struct cs_opened *opened, const struct cs_pass_kept *pass)
{
	const float *scores;
	int64_t classes;

	if (pass->depth != opened->model->network->layer_count - 1 || pass->head.layers[pass->depth].out.rank != 1)
		return;
	scores = cs_trace_scores(pass->trace);
	classes = pass->head.layers[pass->depth].out.dim[0];
	for (int i = 0; i < pass->count; i++) {
		int64_t position = cs_opened_position(opened, pass->images[i]);
		int best = cs_argmax(scores + i * classes, classes);

		if (position < 0)
			continue;
		atomic_store(&opened->confidence[position], confidence_of(scores + i * classes, classes, best));
		atomic_store(&opened->predicted[position], best);
	}
}

static void release(void *opened)
{
	cs_opened_release(opened);
}

static enum cs_status work(struct cs_job *job, void *context, struct cs_error *error)
{
	struct cs_opened *opened = context;
	struct cs_workers *workers = NULL;
	struct cs_pass_kept *pass = NULL;
	int64_t images[CS_PASS_MOST];
	enum cs_status status;
	int count = 0;

	cs_job_progress(job, 0, "classifying all images");
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* the pool's threads inherit it */
	status = cs_workers_new(opened->threads, &workers, error);
	if (!status)
		status = cs_pass_new(opened->model->network, opened->model->network->layer_count - 1, CS_PASS_MOST,
			workers, &pass, error);
	for (int64_t i = 0; !status && i < opened->image_count; i++) {
		if (atomic_load(&opened->predicted[i]) < 0)
			images[count++] = opened->images[i];
		if (count < CS_PASS_MOST && (count == 0 || i + 1 < opened->image_count))
			continue;
		if (cs_job_cancelled(job)) {
			status = CS_ERR_CANCELLED;
			break;
		}
		status = cs_opened_forward(opened, pass, images, count, error);
		if (!status)
			cs_verdicts_note(opened, pass);
		count = 0;
		cs_job_progress(job, (double)(i + 1) / (double)opened->image_count, "classifying all images");
	}
	cs_pass_free(pass);
	cs_workers_free(workers);
	return status;
}

enum cs_status cs_verdicts_start(
	struct cs_works *works, struct cs_opened *opened, struct cs_work **out, struct cs_error *error)
{
	return cs_work_start(works, "classifying all images", work, cs_opened_use(opened), release, out, error);
}

int64_t cs_verdicts_known(struct cs_opened *opened)
{
	int64_t known = 0;

	for (int64_t i = 0; i < opened->image_count; i++)
		known += cs_verdict(opened, i) >= 0;
	return known;
}

int cs_verdicts_classes(const struct cs_opened *opened)
{
	const struct cs_network *network = opened->model->network;
	int64_t named = network->layers[network->layer_count - 1].out.dim[0];

	return named > opened->data->class_count ? (int)named : opened->data->class_count;
}
