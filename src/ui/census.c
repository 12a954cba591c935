/* census.c: see census.h. Only outputs are wanted, so that the pass may fuse what it can. */
#include "ui/census.h"

#include "core/alloc.h"
#include "data/loader.h"
#include "nn/loss.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BATCH = 16, NICE = 12 };

struct cs_census {
	struct cs_opened *opened;
	struct cs_work *work;
	atomic_llong seen;
};

static void release(void *context)
{
	struct cs_census *census = context;

	cs_opened_release(census->opened);
	cs_free(census);
}

/* The next images without an answer, their positions in where[]; moves *from on. */
static int choose(struct cs_opened *opened, int64_t *from, int64_t images[BATCH], int64_t where[BATCH])
{
	int count = 0;

	for (; *from < opened->image_count && count < BATCH; ++*from) {
		if (cs_predicted(opened, *from) >= 0)
			continue;
		where[count] = *from;
		images[count++] = opened->images[*from];
	}
	return count;
}

static enum cs_status ask(struct cs_census *census, struct cs_trace *trace, struct cs_job *job, struct cs_error *error)
{
	struct cs_opened *opened = census->opened;
	const struct cs_network *network = opened->model->network;
	int64_t classes = network->layers[network->layer_count - 1].out.dim[0];
	int64_t images[BATCH], where[BATCH], from = 0;
	struct cs_batch batch = {0};
	enum cs_status status = CS_OK;
	int count;

	while (!status && (count = choose(opened, &from, images, where)) > 0) {
		struct cs_tensor part;
		const float *scores;

		if (cs_job_cancelled(job)) {
			status = CS_ERR_CANCELLED;
			break;
		}
		status = cs_loader_read(opened->data, images, count, (int)network->input.dim[2],
			&opened->model->preprocess, &batch, error);
		if (status)
			break;
		part = cs_tensor_slice(&batch.images, 0, count);
		cs_network_forward(trace, &part);
		scores = cs_trace_scores(trace);
		for (int i = 0; i < count; i++)
			atomic_store(&opened->predicted[where[i]], cs_argmax(scores + i * classes, classes));
		atomic_fetch_add(&census->seen, count);
		cs_job_progress(job, (double)from / (double)opened->image_count, "asking about every image");
		cs_batch_fini(&batch);
		memset(&batch, 0, sizeof batch);
	}
	cs_batch_fini(&batch);
	return status;
}

static enum cs_status work(struct cs_job *job, void *context, struct cs_error *error)
{
	struct cs_census *census = context;
	struct cs_workers *workers = NULL;
	struct cs_trace *trace = NULL;
	enum cs_status status;

	cs_job_progress(job, 0, "asking about every image");
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* the pool's threads inherit it */
	status = cs_workers_new(census->opened->threads, &workers, error);
	if (!status)
		status = cs_trace_new(
			census->opened->model->network, CS_TRACE_OUTPUT, BATCH, workers, &trace, error);
	if (!status)
		status = ask(census, trace, job, error);
	cs_trace_free(trace);
	cs_workers_free(workers);
	return status;
}

enum cs_status cs_census_start(
	struct cs_works *works, struct cs_opened *opened, struct cs_census **out, struct cs_error *error)
{
	const struct cs_network *network = opened->model->network;
	struct cs_census *census;
	enum cs_status status;

	if (network->layers[network->layer_count - 1].out.rank != 1)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "this network ends in maps: it names no classes");
	census = cs_calloc(1, sizeof *census);
	if (!census)
		return cs_fail_memory(error, "the answers to every image");
	atomic_init(&census->seen, 0);
	census->opened = cs_opened_use(opened);
	status = cs_work_start(works, "asking about every image", work, census, release, &census->work, error);
	if (!status)
		*out = census;
	return status;
}

void cs_census_drop(struct cs_census *census)
{
	if (census)
		cs_work_drop(census->work);
}

int64_t cs_census_seen(struct cs_census *census)
{
	return atomic_load(&census->seen);
}

bool cs_census_finished(struct cs_census *census)
{
	return cs_work_finished(census->work);
}

enum cs_status cs_census_result(struct cs_census *census, struct cs_error *error)
{
	return cs_work_result(census->work, error);
}

int cs_census_classes(const struct cs_opened *opened)
{
	const struct cs_network *network = opened->model->network;
	int64_t named = network->layers[network->layer_count - 1].out.dim[0];

	return named > opened->data->class_count ? (int)named : opened->data->class_count;
}
