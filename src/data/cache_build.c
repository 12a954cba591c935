/* cache_build.c: decoding every picture of a source once. See cache_file.h.
 *
 * Pictures are shared out to all processors in tasks of fixed size; each lands in the slot of its number in the catalogue,
 * so that the file is the same whoever decodes what. A corrupt picture leaves its slot unused. The tables are made when all is
 * done, and the header is written last.
 */
#include "data/cache_file.h"

#include "core/alloc.h"
#include "core/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TASK = 64 };

struct build {
	const struct cs_source *source;
	const struct cs_cache_options *options;
	struct cs_job *job;
	struct cs_catalogue catalogue;
	int fd;
	const char *path;
	uint8_t *memory; /* [slots] pixels when there is no file */
	int64_t image_bytes;

	void **readers; /* one a worker, NULL until it needs one */
	struct cs_sums *sums; /* [catalogue.count], as are the next two */
	struct cs_box *boxes;
	char **reasons; /* why a picture was skipped; NULL: it was not */
	atomic_int_fast64_t done, skipped;

	atomic_bool stop;
	pthread_mutex_t lock; /* guards what follows */
	enum cs_status status;
	struct cs_error error;
	bool disk_failed;
};

/* The first failure stops everybody. */
static void give_up(struct build *b, enum cs_status status, const struct cs_error *error, bool disk)
{
	pthread_mutex_lock(&b->lock);
	if (!b->status) {
		b->status = status;
		b->error = *error;
		b->disk_failed = disk;
	}
	pthread_mutex_unlock(&b->lock);
	atomic_store(&b->stop, true);
}

static enum cs_status write_at(
	int fd, const char *path, const void *bytes, uint64_t size, uint64_t at, struct cs_error *error)
{
	const char *from = bytes;

	while (size > 0) {
		ssize_t n = pwrite(fd, from, size < 1 << 30 ? size : 1 << 30, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return cs_fail_errno(error, "cannot write", path);
		from += n;
		size -= (uint64_t)n;
		at += (uint64_t)n;
	}
	return CS_OK;
}

/* A box of the source's picture in pixels of the delivered one. */
static struct cs_box fit_box(
	const float box[4], enum cs_fit fit, int from_width, int from_height, int width, int height)
{
	float x_scale = (float)width / (float)from_width, y_scale = (float)height / (float)from_height;
	float x_cut, y_cut;
	struct cs_box b;

	if (fit == CS_FIT_CROP)
		x_scale = y_scale = fmaxf(x_scale, y_scale);
	x_cut = ((float)from_width * x_scale - (float)width) / 2;
	y_cut = ((float)from_height * y_scale - (float)height) / 2;
	b = (struct cs_box){
		.left = (int)floorf(fmaxf(0, box[0] * x_scale - x_cut + 1e-3f)),
		.top = (int)floorf(fmaxf(0, box[1] * y_scale - y_cut + 1e-3f)),
		.right = (int)ceilf(fminf((float)width, box[2] * x_scale - x_cut - 1e-3f)),
		.bottom = (int)ceilf(fminf((float)height, box[3] * y_scale - y_cut - 1e-3f)),
	};

	if (b.left >= b.right || b.top >= b.bottom)
		return (struct cs_box){0}; /* cropped away, or never a box */
	return b;
}

static enum cs_status decode(struct build *b, void *reader, int64_t slot, bool *disk, struct cs_error *error)
{
	const struct cs_entry *entry = &b->catalogue.entries[slot];
	int width = b->options->width, height = b->options->height;
	struct cs_picture picture = {0}, fitted = {0};
	const uint8_t *rgb;
	enum cs_status status = b->source->picture(reader, entry->item, &picture, error);

	*disk = false;
	if (status)
		return status;
	if (picture.width != width || picture.height != height)
		status = b->options->fit == CS_FIT_STRETCH
			? cs_picture_resize(&picture, width, height, true, &fitted, error)
			: cs_picture_fit(&picture, width, height, &fitted, error);
	if (status)
		goto out;
	rgb = fitted.rgb ? fitted.rgb : picture.rgb;
	cs_sums_of(rgb, (int64_t)width * height, b->sums[slot].sum, b->sums[slot].square);
	if (entry->has_box)
		b->boxes[slot] = fit_box(entry->box, b->options->fit, picture.width, picture.height, width, height);
	if (b->memory) {
		memcpy(b->memory + slot * b->image_bytes, rgb, (size_t)b->image_bytes);
	} else {
		*disk = true;
		status = write_at(b->fd, b->path, rgb, (uint64_t)b->image_bytes,
			CS_CACHE_PAGE + (uint64_t)(slot * b->image_bytes), error);
	}
out:
	cs_picture_fini(&picture);
	cs_picture_fini(&fitted);
	return status;
}

static void skip(struct build *b, int64_t slot, enum cs_status status, struct cs_error *error)
{
	const char *name = b->catalogue.entries[slot].name;

	/* no fault of the picture: it must not be remembered as one */
	if (status == CS_ERR_CANCELLED || strncmp(error->message, "not enough memory", 17) == 0) {
		give_up(b, status, error, false);
		return;
	}
	if (b->options->strict) {
		/* messages of the decoder begin with the name already */
		if (!strstr(error->message, name))
			cs_error_prefix(error, "%s", name);
		give_up(b, status, error, false);
		return;
	}
	b->reasons[slot] = cs_strdup(error->message);
	if (!b->reasons[slot]) {
		status = cs_fail_memory(error, "the list of corrupt pictures");
		give_up(b, status, error, false);
	}
	atomic_fetch_add(&b->skipped, 1);
}

static void decode_task(void *context, int task, int worker)
{
	struct build *b = context;
	int64_t count = b->catalogue.count, first = (int64_t)task * TASK;
	int64_t end = first + TASK < count ? first + TASK : count;
	struct cs_error error;
	enum cs_status status;

	if (atomic_load(&b->stop))
		return;
	if (!b->readers[worker]) {
		status = b->source->reader_new(b->source->context, &b->readers[worker], &error);
		if (status) {
			give_up(b, status, &error, false);
			return;
		}
	}
	for (int64_t slot = first; slot < end && !atomic_load(&b->stop); slot++) {
		bool disk;

		if (cs_job_cancelled(b->job)) {
			status = cs_fail(
				&error, CS_ERR_CANCELLED, "cancelled while '%s' was being decoded", b->source->path);
			give_up(b, status, &error, false);
			return;
		}
		status = decode(b, b->readers[worker], slot, &disk, &error);
		if (status && disk)
			give_up(b, status, &error, true);
		else if (status)
			skip(b, slot, status, &error);
	}
	{
		int64_t done = atomic_fetch_add(&b->done, end - first) + end - first;
		const char *slash = strrchr(b->source->path, '/');

		cs_job_progress(b->job, (double)done / (double)count, "decoding %s: %" PRId64 " of %" PRId64 " images",
			slash ? slash + 1 : b->source->path, done, count);
	}
}

/* Bytes of memory that can be had without pushing others out; a large number where the system does not say. */
static double free_memory(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[200];
	double kilobytes = 1e15;

	while (file && fgets(line, sizeof line, file)) {
		if (sscanf(line, "MemAvailable: %lf", &kilobytes) == 1)
			break;
	}
	if (file)
		fclose(file);
	return kilobytes * 1024;
}

static enum cs_status reserve(struct build *b, struct cs_store *out, struct cs_error *error)
{
	uint64_t bytes = (uint64_t)b->catalogue.count * (uint64_t)b->image_bytes;
	int code;

	if (b->fd >= 0) {
		/* now, not after a minute of decoding; where a file system cannot, writing will tell */
		code = fallocate(b->fd, 0, 0, (off_t)(CS_CACHE_PAGE + bytes)) == 0 ? 0 : errno;
		if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
			b->disk_failed = true;
			errno = code;
			return cs_fail_errno(error, "cannot write", b->path);
		}
		return CS_OK;
	}
	if ((double)bytes > 0.8 * free_memory())
		return cs_fail(error, CS_ERR_MEMORY,
			"the decoded images of '%s' take %.1f GB, more than memory has free: let the cache have that "
			"much on disk "
			"(XDG_CACHE_HOME may name another directory), or ask for smaller images",
			b->source->path, (double)bytes / 1e9);
	out->map_size = bytes ? bytes : 1;
	out->map = mmap(NULL, out->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (out->map == MAP_FAILED) {
		out->map = NULL;
		return cs_fail_memory(error, "decoded images");
	}
	b->memory = out->map;
	out->pixels = out->map;
	return CS_OK;
}

static uint64_t strings_size(const struct build *b)
{
	const struct cs_catalogue *c = &b->catalogue;
	uint64_t size = 1;

	for (int64_t i = 0; i < c->count; i++)
		size += strlen(c->entries[i].name) + 1 + (b->reasons[i] ? strlen(b->reasons[i]) + 1 : 0);
	for (int i = 0; i < c->class_count; i++)
		size += strlen(c->class_ids[i]) + strlen(c->class_names[i]) + 2;
	return size;
}

static uint64_t put(char *strings, uint64_t *at, const char *text)
{
	uint64_t here = *at;
	size_t size = strlen(text) + 1;

	memcpy(strings + here, text, size);
	*at += size;
	return here;
}

/* Fill the tables that `s` points to: they lie in a block of our own, so its const may be cast away. */
static void fill_tables(const struct build *b, const struct cs_store *s)
{
	const struct cs_catalogue *c = &b->catalogue;
	char *strings = (char *)s->strings;
	uint64_t at = 0;
	int64_t image = 0, skipped = 0;

	for (int64_t i = 0; i < c->count; i++) {
		if (b->reasons[i]) {
			((uint64_t *)s->skipped_names)[skipped] = put(strings, &at, c->entries[i].name);
			((uint64_t *)s->skipped_reasons)[skipped++] = put(strings, &at, b->reasons[i]);
			continue;
		}
		((struct cs_sums *)s->sums)[image] = b->sums[i];
		((int64_t *)s->slots)[image] = i;
		((struct cs_box *)s->boxes)[image] = b->boxes[i];
		((int32_t *)s->labels)[image] = c->entries[i].label;
		((uint8_t *)s->parts)[image] = (uint8_t)c->entries[i].part;
		((uint64_t *)s->names)[image++] = put(strings, &at, c->entries[i].name);
	}
	for (int i = 0; i < c->class_count; i++) {
		((uint64_t *)s->class_ids)[i] = put(strings, &at, c->class_ids[i]);
		((uint64_t *)s->class_names)[i] = put(strings, &at, c->class_names[i]);
	}
}

static enum cs_status write_file(
	struct build *b, const struct cs_store *s, uint64_t strings, uint64_t size, struct cs_error *error)
{
	union {
		struct cs_cache_header h;
		char page[CS_CACHE_PAGE];
	} first = {.page = {0}};
	struct cs_cache_header *h = &first.h;
	uint64_t pixels = (uint64_t)b->catalogue.count * (uint64_t)b->image_bytes;
	enum cs_status status;

	memcpy(h->magic, CS_CACHE_MAGIC, sizeof h->magic);
	h->version = CS_CACHE_VERSION;
	h->order = CS_CACHE_ORDER;
	h->fingerprint = b->source->fingerprint;
	h->tables_hash = cs_cache_hash(s->tables, size);
	h->width = (uint32_t)s->width;
	h->height = (uint32_t)s->height;
	h->slots = (uint64_t)b->catalogue.count;
	h->count = (uint64_t)s->count;
	h->skipped = (uint64_t)s->skipped;
	h->classes = (uint64_t)s->class_count;
	h->tables_at = (CS_CACHE_PAGE + pixels + CS_CACHE_PAGE - 1) & ~(uint64_t)(CS_CACHE_PAGE - 1);
	h->tables_size = size;
	h->file_size = h->tables_at + size;
	h->strings_size = strings;
	h->fixed = s->fixed;
	snprintf(h->kind, sizeof h->kind, "%s", b->source->kind);
	snprintf(h->path, sizeof h->path, "%s", b->source->path);
	h->header_hash = cs_cache_header_hash(h);
	status = write_at(b->fd, b->path, s->tables, size, h->tables_at, error);
	if (!status && ftruncate(b->fd, (off_t)h->file_size) != 0)
		status = cs_fail_errno(error, "cannot write", b->path);
	if (!status)
		status = write_at(b->fd, b->path, first.page, sizeof first, 0, error);
	b->disk_failed = status != CS_OK;
	return status;
}

static enum cs_status finish(struct build *b, struct cs_store *out, struct cs_error *error)
{
	uint64_t strings = strings_size(b), size;

	out->width = b->options->width;
	out->height = b->options->height;
	out->skipped = atomic_load(&b->skipped);
	out->count = b->catalogue.count - out->skipped;
	out->class_count = b->catalogue.class_count;
	out->fixed = b->catalogue.fixed;
	if (out->count == 0) {
		for (int64_t i = 0; i < b->catalogue.count; i++)
			return cs_fail(error, CS_ERR_FORMAT,
				"none of the %" PRId64 " pictures of '%s' can be read (%s)", b->catalogue.count,
				b->source->path, b->reasons[i]);
	}
	size = cs_cache_layout(out, NULL, strings);
	out->tables = cs_calloc(1, size);
	if (!out->tables)
		return cs_fail_memory(error, "the tables of a data set");
	cs_cache_layout(out, out->tables, strings);
	fill_tables(b, out);
	return b->fd >= 0 ? write_file(b, out, strings, size, error) : CS_OK;
}

static enum cs_status check(const struct build *b, struct cs_error *error)
{
	const struct cs_catalogue *c = &b->catalogue;
	struct cs_census census;
	enum cs_status status = cs_census_init(&census, c->class_count, error);

	if (status)
		return status;
	for (int64_t i = 0; i < c->count; i++)
		cs_census_add(&census, c->entries[i].part, c->entries[i].label);
	status = cs_census_check(&census, c->class_ids, b->source->path, b->options->strict, false, error);
	cs_census_fini(&census);
	return status;
}

enum cs_status cs_cache_build(const struct cs_source *source, const struct cs_cache_options *options, int fd,
	const char *path, struct cs_job *job, struct cs_store *out, bool *disk_failed, struct cs_error *error)
{
	struct build b = {
		.source = source,
		.options = options,
		.job = job,
		.fd = fd,
		.path = path,
		.image_bytes = (int64_t)options->width * options->height * 3,
	};
	struct cs_workers *workers = NULL;
	enum cs_status status;

	*out = (struct cs_store){0};
	pthread_mutex_init(&b.lock, NULL);
	cs_job_progress(job, 0, "listing %s", source->path);
	status = source->catalogue(source->context, &b.catalogue, error);
	if (!status)
		status = check(&b, error);
	if (!status)
		status = reserve(&b, out, error);
	if (!status)
		status = cs_workers_new(0, &workers, error);
	if (status)
		goto out;
	b.readers = cs_calloc((size_t)cs_workers_count(workers), sizeof *b.readers);
	b.sums = cs_calloc((size_t)b.catalogue.count, sizeof *b.sums);
	b.boxes = cs_calloc((size_t)b.catalogue.count, sizeof *b.boxes);
	b.reasons = cs_calloc((size_t)b.catalogue.count, sizeof *b.reasons);
	if (!b.readers || !b.sums || !b.boxes || !b.reasons) {
		status = cs_fail_memory(error, "the catalogue of a data set");
		goto out;
	}
	cs_workers_run(workers, (int)((b.catalogue.count + TASK - 1) / TASK), decode_task, &b);
	status = b.status;
	if (status && error)
		*error = b.error;
	if (status && fd >= 0)
		unlink(path); /* before anything that takes time: a program that is left does not wait for the rest of this */
	if (!status)
		status = finish(&b, out, error);
out:
	for (int i = 0; b.readers && i < cs_workers_count(workers); i++) {
		if (b.readers[i])
			source->reader_free(b.readers[i]);
	}
	for (int64_t i = 0; b.reasons && i < b.catalogue.count; i++)
		cs_free(b.reasons[i]);
	cs_free(b.readers);
	cs_free(b.sums);
	cs_free(b.boxes);
	cs_free(b.reasons);
	cs_workers_free(workers);
	cs_catalogue_fini(&b.catalogue);
	pthread_mutex_destroy(&b.lock);
	*disk_failed = b.disk_failed;
	/* what was written to a file is read through its mapping, like everybody's */
	if (status || fd >= 0)
		cs_store_close(out);
	return status;
}
