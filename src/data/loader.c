/* loader.c: reading ahead. See loader.h.
 *
 * Batches are numbered; batch k of an epoch lives in slot k % slots. Each thread draws the next number under the lock, fills
 * that slot without it, and marks it ready. A number is drawn only while its slot is free: at most `ahead` batches beyond the
 * one the caller holds. What goes into a batch depends on the epoch's order and on k alone, so threads decide nothing.
 *
 * A restart raises the floor: threads that are still filling finish first (a batch takes milliseconds), then the order is
 * replaced while nobody reads it.
 */
#include "data/loader.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/random.h"
#include "core/whitening.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { DEFAULT_AHEAD = 4 };

struct slot {
	struct cs_batch batch;
	bool ready;
	enum cs_status status;
	struct cs_error error;
};

struct cs_loader {
	const struct cs_dataset *data;
	struct cs_loader_options options;
	int64_t *images, *order; /* [count]: as given, and as shuffled for this epoch */
	int64_t count, batches;
	uint32_t epoch;

	pthread_mutex_t lock; /* guards what follows; `order` and `epoch` change only while `busy` is 0 */
	pthread_cond_t room, ready, idle;
	struct slot *slots;
	int slot_count;
	int64_t next_fill; /* the number the next thread draws */
	int64_t next_serve; /* the number cs_loader_next gives out next */
	int busy; /* threads that are filling */
	bool restarting, quit;
	double waited;

	pthread_t *threads;
	int started;
	uint8_t *scratch; /* two pictures a thread */
};

struct thread_start {
	struct cs_loader *loader;
	int index;
};

static enum cs_status fill(
	struct cs_loader *l, int64_t number, struct cs_batch *batch, uint8_t *scratch, struct cs_error *error)
{
	const struct cs_loader_options *o = &l->options;
	int width = l->data->width, height = l->data->height;
	int64_t pixels = (int64_t)width * height, first = number * o->batch;
	uint8_t *plain = scratch, *changed = scratch + 3 * pixels;
	bool augmented = cs_augment_active(&o->augment);

	batch->count = (int)(l->count - first < o->batch ? l->count - first : o->batch);
	for (int i = 0; i < batch->count; i++) {
		int64_t image = l->order[first + i];
		enum cs_status status = cs_dataset_pixels(l->data, image, plain, error);

		if (status)
			return status;
		if (augmented)
			cs_augment_apply(&o->augment, o->seed, l->epoch, image, width, height, plain, changed);
		cs_preprocess_pixels(&o->preprocess, augmented ? changed : plain, pixels, o->channels,
			batch->images.data + i * pixels * o->channels);
		batch->labels[i] = cs_dataset_label(l->data, image);
		batch->index[i] = image;
	}
	if (o->preprocess.whitening)
		cs_whitening_apply(o->preprocess.whitening, batch->count, batch->images.data);
	return CS_OK;
}

/* Called with the lock held: may a thread draw a number? The slot of the batch that the caller holds is not free. */
static bool may_fill(const struct cs_loader *l)
{
	return !l->restarting && l->next_fill < l->batches && l->next_fill < l->next_serve + l->slot_count - 1;
}

static void *thread_main(void *argument)
{
	struct thread_start start = *(struct thread_start *)argument;
	struct cs_loader *l = start.loader;
	uint8_t *scratch = l->scratch + (int64_t)start.index * 6 * l->data->width * l->data->height;

	cs_free(argument);
	pthread_mutex_lock(&l->lock);
	for (;;) {
		int64_t number;
		struct slot *slot;

		while (!l->quit && !may_fill(l))
			pthread_cond_wait(&l->room, &l->lock);
		if (l->quit)
			break;
		number = l->next_fill++;
		slot = &l->slots[number % l->slot_count];
		l->busy++;
		pthread_mutex_unlock(&l->lock);

		slot->status = fill(l, number, &slot->batch, scratch, &slot->error);

		pthread_mutex_lock(&l->lock);
		slot->ready = true;
		pthread_cond_broadcast(&l->ready);
		if (--l->busy == 0)
			pthread_cond_broadcast(&l->idle);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static enum cs_status start_threads(struct cs_loader *l, struct cs_error *error)
{
	sigset_t all, before;
	enum cs_status status = CS_OK;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; i < l->options.threads; i++) {
		struct thread_start *start = cs_alloc(sizeof *start);

		if (!start) {
			status = cs_fail_memory(error, "a thread");
			break;
		}
		*start = (struct thread_start){l, i};
		if (pthread_create(&l->threads[i], NULL, thread_main, start) != 0) {
			cs_free(start);
			/* one is enough to go on with */
			if (l->started == 0)
				status = cs_fail(error, CS_ERR_MEMORY,
					"the system does not give convscope a thread to load images with");
			break;
		}
		l->started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return status;
}

static enum cs_status allocate(struct cs_loader *l, const int64_t *images, struct cs_error *error)
{
	const struct cs_dataset *data = l->data;
	size_t pixels = (size_t)data->width * (size_t)data->height;

	l->images = cs_calloc((size_t)l->count, sizeof *l->images);
	l->order = cs_calloc((size_t)l->count, sizeof *l->order);
	l->slots = cs_calloc((size_t)l->slot_count, sizeof *l->slots);
	l->threads = cs_calloc((size_t)l->options.threads, sizeof *l->threads);
	l->scratch = cs_calloc((size_t)l->options.threads, 6 * pixels);
	if (!l->images || !l->order || !l->slots || !l->threads || !l->scratch)
		return cs_fail_memory(error, "loading images ahead");
	if (l->count)
		memcpy(l->images, images, (size_t)l->count * sizeof *images);
	for (int i = 0; i < l->slot_count; i++) {
		enum cs_status status = cs_batch_init(&l->slots[i].batch, l->options.batch,
			CS_SHAPE(data->height, data->width, l->options.channels), error);

		if (status)
			return status;
	}
	return CS_OK;
}

enum cs_status cs_loader_new(const struct cs_dataset *data, const int64_t *images, int64_t count,
	const struct cs_loader_options *options, struct cs_loader **out, struct cs_error *error)
{
	struct cs_loader *l;
	enum cs_status status;

	if (options->batch < 1 || (options->channels != 1 && options->channels != 3) || options->threads < 0 ||
		options->ahead < 0 || count < 0)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"a loader of batches of %d images with %d channels: expected at least 1, and 1 or 3",
			options->batch, options->channels);
	l = cs_calloc(1, sizeof *l);
	if (!l)
		return cs_fail_memory(error, "loading images ahead");
	l->data = data;
	l->options = *options;
	l->options.threads = options->threads ? options->threads : 1;
	l->slot_count = (options->ahead ? options->ahead : DEFAULT_AHEAD) + 1;
	l->count = count;
	l->batches = (count + options->batch - 1) / options->batch;
	l->next_fill = l->next_serve = l->batches; /* nothing to do until the first start */
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->room, NULL);
	pthread_cond_init(&l->ready, NULL);
	pthread_cond_init(&l->idle, NULL);
	status = allocate(l, images, error);
	if (!status)
		status = start_threads(l, error);
	if (status)
		cs_loader_free(l);
	else
		*out = l;
	return status;
}

void cs_loader_free(struct cs_loader *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->quit = true;
	pthread_cond_broadcast(&l->room);
	pthread_mutex_unlock(&l->lock);
	for (int i = 0; i < l->started; i++)
		pthread_join(l->threads[i], NULL);
	for (int i = 0; l->slots && i < l->slot_count; i++)
		cs_batch_fini(&l->slots[i].batch);
	pthread_cond_destroy(&l->idle);
	pthread_cond_destroy(&l->ready);
	pthread_cond_destroy(&l->room);
	pthread_mutex_destroy(&l->lock);
	cs_free(l->scratch);
	cs_free(l->threads);
	cs_free(l->slots);
	cs_free(l->order);
	cs_free(l->images);
	cs_free(l);
}

int64_t cs_loader_batches(const struct cs_loader *l)
{
	return l->batches;
}

void cs_loader_start(struct cs_loader *l, uint32_t epoch, int64_t first)
{
	assert(first >= 0 && first <= l->batches);
	pthread_mutex_lock(&l->lock);
	l->restarting = true;
	while (l->busy)
		pthread_cond_wait(&l->idle, &l->lock);
	if (l->count)
		memcpy(l->order, l->images, (size_t)l->count * sizeof *l->order);
	if (l->options.shuffle) {
		struct cs_random random;

		cs_random_init(&random, l->options.seed, CS_RANDOM_SHUFFLE, epoch, 0);
		cs_random_shuffle(&random, l->order, l->count);
	}
	for (int i = 0; i < l->slot_count; i++)
		l->slots[i].ready = false;
	l->epoch = epoch;
	l->next_fill = l->next_serve = first;
	l->waited = 0;
	l->restarting = false;
	pthread_cond_broadcast(&l->room);
	pthread_mutex_unlock(&l->lock);
}

const struct cs_batch *cs_loader_next(struct cs_loader *l, struct cs_error *error)
{
	const struct cs_batch *batch = NULL;
	struct slot *slot;

	if (error)
		error->status = CS_OK;
	pthread_mutex_lock(&l->lock);
	if (l->next_serve < l->batches) {
		slot = &l->slots[l->next_serve % l->slot_count];
		if (!slot->ready) {
			double begin = cs_now();

			while (!slot->ready)
				pthread_cond_wait(&l->ready, &l->lock);
			l->waited += cs_now() - begin;
		}
		if (slot->status) {
			/* stays: whoever asks again is told again */
			if (error)
				*error = slot->error;
		} else {
			/* with this the slot of the batch before becomes free, no sooner */
			slot->ready = false;
			batch = &slot->batch;
			l->next_serve++;
			pthread_cond_broadcast(&l->room);
		}
	}
	pthread_mutex_unlock(&l->lock);
	return batch;
}

double cs_loader_waited(const struct cs_loader *l)
{
	return l->waited; /* written by the caller's own thread alone */
}

enum cs_status cs_loader_read(const struct cs_dataset *data, const int64_t *images, int count, int channels,
	const struct cs_preprocess *preprocess, struct cs_batch *batch, struct cs_error *error)
{
	struct cs_shape shape = CS_SHAPE(data->height, data->width, channels);
	int64_t pixels = (int64_t)data->width * data->height;
	bool made = batch->images.data == NULL;
	uint8_t *rgb = cs_alloc((size_t)pixels * 3);
	enum cs_status status = CS_OK;

	assert(count >= 1 && (channels == 1 || channels == 3));
	if (!rgb) {
		status = cs_fail_memory(error, "an image");
		goto out;
	}
	if (made)
		status = cs_batch_init(batch, count, shape, error);
	if (status) {
		made = false;
		goto out;
	}
	assert(batch->images.shape.dim[0] >= count && batch->images.shape.dim[1] == data->height &&
		batch->images.shape.dim[2] == data->width && batch->images.shape.dim[3] == channels);
	for (int i = 0; i < count; i++) {
		status = cs_dataset_pixels(data, images[i], rgb, error);
		if (status)
			goto out;
		cs_preprocess_pixels(preprocess, rgb, pixels, channels, batch->images.data + i * pixels * channels);
		batch->labels[i] = cs_dataset_label(data, images[i]);
		batch->index[i] = images[i];
	}
	if (preprocess->whitening)
		cs_whitening_apply(preprocess->whitening, count, batch->images.data);
	batch->count = count;
out:
	if (status && made)
		cs_batch_fini(batch);
	cs_free(rgb);
	return status;
}
