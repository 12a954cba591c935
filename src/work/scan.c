/* scan.c: exemplars in the background. See scan.h.
 *
 * The work collects into lists of its own and, a few times a second, copies them into the published ones under the lock: the
 * screen never waits for a batch. It runs at a low priority, so that the screen's own questions go first.
 */
#include "work/scan.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/random.h"
#include "work/verdicts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const double publish_every = 0.25;
enum { ENOUGH = 200, NICE = 10, MOST_BYTES = 400 << 20 };

struct cs_scan {
	struct cs_opened *opened;
	struct cs_work *work;
	int *layers, count, depth;
	int64_t *images, total;
	struct cs_exemplars *mine; /* [count], the work's own */
	struct cs_habits *my_habits; /* [count], likewise */
	pthread_mutex_t lock; /* guards what follows */
	struct cs_exemplars *shown; /* [count] */
	struct cs_habits *habits; /* [count] */
	int64_t seen;
	unsigned version;
};

static void release(void *context)
{
	struct cs_scan *scan = context;

	for (int i = 0; i < scan->count; i++) {
		if (scan->mine)
			cs_exemplars_fini(&scan->mine[i]);
		if (scan->shown)
			cs_exemplars_fini(&scan->shown[i]);
		if (scan->my_habits)
			cs_habits_fini(&scan->my_habits[i]);
		if (scan->habits)
			cs_habits_fini(&scan->habits[i]);
	}
	cs_free(scan->my_habits);
	cs_free(scan->habits);
	cs_free(scan->mine);
	cs_free(scan->shown);
	cs_free(scan->layers);
	cs_free(scan->images);
	cs_opened_release(scan->opened);
	pthread_mutex_destroy(&scan->lock);
	cs_free(scan);
}

static void publish(struct cs_scan *scan)
{
	pthread_mutex_lock(&scan->lock);
	for (int i = 0; i < scan->count; i++) {
		struct cs_exemplars *to = &scan->shown[i];
		const struct cs_exemplars *from = &scan->mine[i];
		size_t features = (size_t)from->features;

		memcpy(to->items, from->items, features * (size_t)from->top * sizeof *from->items);
		memcpy(to->counts, from->counts, features * sizeof *from->counts);
		memcpy(to->fired, from->fired, features * sizeof *from->fired);
		memcpy(to->sum, from->sum, features * sizeof *from->sum);
		to->seen = from->seen;
		cs_habits_copy(&scan->habits[i], &scan->my_habits[i]);
	}
	scan->seen = scan->mine[0].seen;
	scan->version++;
	pthread_mutex_unlock(&scan->lock);
}

/* Images a pass: eight, or fewer when the network's maps are huge. */
static int batch_size(const struct cs_network *network, int threads)
{
	int batch = CS_PASS_MOST;

	while (batch > 1 && cs_trace_bytes(network, CS_TRACE_ALL, batch, threads) > MOST_BYTES)
		batch /= 2;
	return batch;
}

/* What a pass tells of every feature of a layer: exemplars, and habits. */
static void take_in(struct cs_scan *scan, int i, const struct cs_pass_kept *pass, float *latest)
{
	scan->mine[i].latest = latest;
	cs_exemplars_add(&scan->mine[i], pass->trace, pass->images);
	scan->mine[i].latest = NULL;
	for (int k = 0; k < pass->count; k++)
		cs_habits_add(&scan->my_habits[i], latest + k * scan->mine[i].features,
			cs_dataset_label(scan->opened->data, pass->images[k]));
}

/* Room for the strongest activations of one layer in one pass. */
static float *make_latest(const struct cs_scan *scan)
{
	int64_t most = 1;

	for (int i = 0; i < scan->count; i++)
		most = scan->mine[i].features > most ? scan->mine[i].features : most;
	return cs_alloc((size_t)most * CS_PASS_MOST * sizeof(float));
}

static enum cs_status work(struct cs_job *job, void *context, struct cs_error *error)
{
	struct cs_scan *scan = context;
	struct cs_workers *workers = NULL;
	struct cs_pass_kept *pass = NULL;
	float *latest = make_latest(scan);
	double published = 0;
	enum cs_status status;

	if (!latest)
		return cs_fail_memory(error, "exemplars");
	cs_job_progress(job, 0, "looking for exemplars");
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* the pool's threads inherit it */
	status = cs_workers_new(scan->opened->threads, &workers, error);
	if (!status)
		status = cs_pass_new(scan->opened->model->network, scan->depth,
			batch_size(scan->opened->model->network, cs_workers_count(workers)), workers, &pass, error);
	for (int64_t first = 0; !status && first < scan->total; first += pass->capacity) {
		int count = (int)(scan->total - first < pass->capacity ? scan->total - first : pass->capacity);

		if (cs_job_cancelled(job)) {
			status = CS_ERR_CANCELLED;
			break;
		}
		status = cs_opened_forward(scan->opened, pass, scan->images + first, count, error);
		if (status)
			break;
		for (int i = 0; i < scan->count; i++)
			take_in(scan, i, pass, latest);
		cs_verdicts_note(scan->opened, pass);
		cs_job_progress(job, (double)(first + count) / (double)scan->total, "looking for exemplars");
		if (cs_now() - published > publish_every || first + count == scan->total) {
			publish(scan);
			published = cs_now();
		}
	}
	cs_pass_free(pass);
	cs_workers_free(workers);
	cs_free(latest);
	return status;
}

static enum cs_status choose_images(struct cs_scan *scan)
{
	struct cs_opened *opened = scan->opened;
	struct cs_random random;

	scan->images = cs_alloc((size_t)opened->image_count * sizeof *scan->images);
	if (!scan->images)
		return CS_ERR_MEMORY;
	memcpy(scan->images, opened->images, (size_t)opened->image_count * sizeof *scan->images);
	cs_random_init(&random, 0, CS_RANDOM_SAMPLE, 0, 0);
	cs_random_shuffle(&random, scan->images, opened->image_count);
	scan->total = opened->image_count < CS_SCAN_IMAGES ? opened->image_count : CS_SCAN_IMAGES;
	return CS_OK;
}

enum cs_status cs_scan_start(struct cs_works *works, struct cs_opened *opened, const int *layers, int count,
	struct cs_scan **out, struct cs_error *error)
{
	struct cs_scan *scan = cs_calloc(1, sizeof *scan);
	enum cs_status status = CS_OK;

	if (!scan)
		return cs_fail_memory(error, "exemplars");
	pthread_mutex_init(&scan->lock, NULL);
	scan->opened = cs_opened_use(opened);
	scan->layers = cs_calloc((size_t)count, sizeof *scan->layers);
	scan->mine = cs_calloc((size_t)count, sizeof *scan->mine);
	scan->shown = cs_calloc((size_t)count, sizeof *scan->shown);
	scan->my_habits = cs_calloc((size_t)count, sizeof *scan->my_habits);
	scan->habits = cs_calloc((size_t)count, sizeof *scan->habits);
	if (!scan->layers || !scan->mine || !scan->shown || !scan->my_habits || !scan->habits || choose_images(scan)) {
		release(scan);
		return cs_fail_memory(error, "exemplars");
	}
	for (int i = 0; i < count && !status; i++) {
		scan->layers[i] = layers[i];
		scan->depth = layers[i] > scan->depth ? layers[i] : scan->depth;
		status = cs_exemplars_init(&scan->mine[i], opened->model->network, layers[i], CS_SCAN_TOP, error);
		if (!status)
			status = cs_exemplars_init(
				&scan->shown[i], opened->model->network, layers[i], CS_SCAN_TOP, error);
		scan->count = i + 1;
		if (!status)
			status = cs_habits_init(
				&scan->my_habits[i], scan->mine[i].features, opened->data->class_count, error);
		if (!status)
			status = cs_habits_init(
				&scan->habits[i], scan->mine[i].features, opened->data->class_count, error);
	}
	if (status) {
		release(scan);
		return status;
	}
	status = cs_work_start(works, "looking for exemplars", work, scan, release, &scan->work, error);
	if (!status)
		*out = scan;
	return status;
}

void cs_scan_drop(struct cs_scan *scan)
{
	if (scan)
		cs_work_drop(scan->work);
}

static int find(const struct cs_scan *scan, int layer)
{
	for (int i = 0; i < scan->count; i++) {
		if (scan->layers[i] == layer)
			return i;
	}
	return -1;
}

bool cs_scan_has(const struct cs_scan *scan, int layer)
{
	return scan && find(scan, layer) >= 0;
}

unsigned cs_scan_version(struct cs_scan *scan)
{
	unsigned version;

	pthread_mutex_lock(&scan->lock);
	version = scan->version;
	pthread_mutex_unlock(&scan->lock);
	return version;
}

int64_t cs_scan_seen(struct cs_scan *scan, int64_t *total)
{
	int64_t seen;

	pthread_mutex_lock(&scan->lock);
	seen = scan->seen;
	pthread_mutex_unlock(&scan->lock);
	*total = scan->total;
	return seen;
}

bool cs_scan_finished(struct cs_scan *scan)
{
	return cs_work_finished(scan->work);
}

bool cs_scan_feature(struct cs_scan *scan, int layer, int64_t feature, struct cs_feature_numbers *out)
{
	int i = scan ? find(scan, layer) : -1;
	const struct cs_exemplars *from;

	if (i < 0)
		return false;
	from = &scan->shown[i];
	pthread_mutex_lock(&scan->lock);
	out->count = from->counts[feature];
	memcpy(out->top, from->items + feature * from->top, (size_t)out->count * sizeof *out->top);
	out->fired = from->fired[feature];
	out->mean = from->seen ? from->sum[feature] / (double)from->seen : 0;
	memcpy(out->bins, scan->habits[i].bins + feature * CS_HABIT_BINS, sizeof out->bins);
	out->width = scan->habits[i].width[feature];
	out->selectivity = cs_habits_selectivity(&scan->habits[i], feature, &out->best_class);
	pthread_mutex_unlock(&scan->lock);
	return true;
}

int64_t cs_scan_silent(struct cs_scan *scan, int layer)
{
	int i = scan ? find(scan, layer) : -1;
	int64_t silent = 0;

	if (i < 0)
		return -1;
	pthread_mutex_lock(&scan->lock);
	for (int64_t f = 0; f < scan->shown[i].features; f++)
		silent += scan->shown[i].fired[f] == 0;
	if (scan->seen < ENOUGH && scan->seen < scan->total)
		silent = -1;
	pthread_mutex_unlock(&scan->lock);
	return silent;
}

struct rank {
	double value;
	int64_t feature;
};

static int by_value(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->feature < y->feature ? -1 : x->feature > y->feature;
}

/* For an order: what is not known comes last. */
static double selectivity(const struct cs_habits *habits, int64_t feature)
{
	double value = cs_habits_selectivity(habits, feature, NULL);

	return isnan(value) ? -1 : value;
}

void cs_scan_sort(struct cs_scan *scan, int layer, enum cs_order by, int64_t *order)
{
	int i = find(scan, layer);
	int64_t features = scan->shown[i].features;
	struct rank *ranks = cs_alloc((size_t)features * sizeof *ranks);

	for (int64_t f = 0; f < features; f++)
		order[f] = f;
	if (!ranks || by >= CS_ORDER_INDEX)
		goto out;
	pthread_mutex_lock(&scan->lock);
	for (int64_t f = 0; f < features; f++) {
		const struct cs_exemplars *from = &scan->shown[i];

		ranks[f].feature = f;
		ranks[f].value = by == CS_ORDER_FIRED ? (double)from->fired[f]
			: by == CS_ORDER_MEAN         ? from->sum[f]
			: by == CS_ORDER_SELECTIVE    ? selectivity(&scan->habits[i], f)
			: from->counts[f]             ? (double)from->items[f * from->top].value
						      : 0;
	}
	pthread_mutex_unlock(&scan->lock);
	qsort(ranks, (size_t)features, sizeof *ranks, by_value);
	for (int64_t f = 0; f < features; f++)
		order[f] = ranks[f].feature;
out:
	cs_free(ranks);
}

const char *cs_order_name(enum cs_order order)
{
	static const char *const names[] = {
		[CS_ORDER_STRONGEST] = "strongest",
		[CS_ORDER_FIRED] = "fires on",
		[CS_ORDER_MEAN] = "mean",
		[CS_ORDER_SELECTIVE] = "selectivity",
		[CS_ORDER_INDEX] = "index",
		[CS_ORDER_RED] = "red",
		[CS_ORDER_GREEN] = "green",
		[CS_ORDER_BLUE] = "blue",
	};

	return names[order];
}
