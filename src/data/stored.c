/* stored.c: data sets whose pixels lie in a cache. See stored.h.
 *
 * The cache knows for each image which part of the source it came from; which images are held out depends on shares and seed and is
 * drawn at each opening. So another seed costs nothing.
 */
#include "data/stored.h"

#include "core/alloc.h"
#include "core/hash.h"
#include "core/name.h"
#include "core/log.h"
#include "data/cache.h"
#include "data/pairs.h"
#include "data/split.h"
#include "data/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OWN_PAIRS = 4 };

enum cs_status cs_stored_options(const struct cs_data_options *given, const char *what, const struct cs_pair *more,
	struct cs_data_options *out, struct cs_error *error)
{
	struct cs_data_options o = *given;
	static const char *const fits[] = {"crop", "stretch", NULL};
	int size = 0, fit = (int)o.fit;
	struct cs_pair pairs[OWN_PAIRS + 6] = {
		{.key = "size", .kind = 'i', .value = &size, .low = 1, .high = 4096},
		{.key = "fit", .kind = 'w', .value = &fit, .words = fits},
		{.key = "seed", .kind = 'u', .value = &o.seed},
		{.key = "val", .kind = 'f', .value = &o.val_share, .low = 0, .high = 0.9},
		{.key = "test", .kind = 'f', .value = &o.test_share, .low = 0, .high = 0.9},
	};
	enum cs_status status;

	for (int i = 0; more && more[i].key && i < OWN_PAIRS; i++)
		pairs[5 + i] = more[i];
	status = cs_pairs_read(given->pairs, pairs, what, error);
	if (status)
		return status;
	if (size) {
		o.size = size;
		o.width = o.height = 0;
	}
	o.fit = (enum cs_fit)fit;
	*out = o;
	return CS_OK;
}

enum cs_status cs_stored_path(const char *path, char **real, struct cs_error *error)
{
	char *resolved = realpath(path, NULL);

	if (!resolved)
		return cs_fail_errno(error, "cannot open", path);
	*real = cs_strdup(resolved);
	free(resolved); /* realpath's own */
	return *real ? CS_OK : cs_fail_memory(error, "a file name");
}

enum cs_status cs_stored_fingerprint(const char *real, uint64_t *fingerprint, struct cs_error *error)
{
	struct stat about;
	int64_t facts[3];

	if (stat(real, &about) != 0)
		return cs_fail_errno(error, "cannot open", real);
	facts[0] = (int64_t)about.st_size;
	facts[1] = (int64_t)about.st_mtim.tv_sec;
	facts[2] = (int64_t)about.st_mtim.tv_nsec;
	*fingerprint = cs_hash_bytes(CS_HASH_BEGIN, real, strlen(real) + 1);
	*fingerprint = cs_hash_bytes(*fingerprint, facts, sizeof facts);
	return CS_OK;
}

int64_t cs_stored_size(const char *real)
{
	struct stat about;

	return stat(real, &about) == 0 ? (int64_t)about.st_size : 0;
}

bool cs_stored_is_picture(const void *bytes, size_t size)
{
	return (size >= 3 && memcmp(bytes, "\xFF\xD8\xFF", 3) == 0) ||
		(size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1A\n", 8) == 0);
}

static enum cs_status copy_classes(struct cs_dataset *data, const struct cs_store *s, struct cs_error *error)
{
	data->class_count = s->class_count;
	data->class_ids = cs_calloc((size_t)s->class_count, sizeof *data->class_ids);
	data->class_names = cs_calloc((size_t)s->class_count, sizeof *data->class_names);
	if (!data->class_ids || !data->class_names)
		return cs_fail_memory(error, "the classes of a data set");
	for (int i = 0; i < s->class_count; i++) {
		data->class_ids[i] = cs_name_plain(s->strings + s->class_ids[i]);
		data->class_names[i] = cs_name_plain(s->strings + s->class_names[i]);
		if (!data->class_ids[i] || !data->class_names[i])
			return cs_fail_memory(error, "the classes of a data set");
	}
	return CS_OK;
}

/* Name what was left out; with `strict` that is an error. */
static enum cs_status tell_skipped(
	const struct cs_store *s, const char *path, const struct cs_data_options *options, struct cs_error *error)
{
	enum { NAMED = 20 };

	if (s->skipped == 0)
		return CS_OK;
	if (options->strict)
		return cs_fail(error, CS_ERR_FORMAT,
			"%" PRId64 " of the pictures of '%s' cannot be read, the first is %s (%s): mend or remove "
			"them, or open it "
			"without strict",
			s->skipped, path, s->strings + s->skipped_names[0], s->strings + s->skipped_reasons[0]);
	for (int64_t i = 0; i < s->skipped && i < NAMED; i++) {
		const char *name = s->strings + s->skipped_names[i], *reason = s->strings + s->skipped_reasons[i];

		/* messages of the decoder name the picture already */
		if (strstr(reason, name))
			cs_warn("skipped: %s", reason);
		else
			cs_warn("skipped %s: %s", name, reason);
	}
	cs_warn("skipped %" PRId64 " corrupt picture%s of '%s'%s", s->skipped, s->skipped == 1 ? "" : "s", path,
		s->skipped > NAMED ? "; only the first are named" : "");
	return CS_OK;
}

static enum cs_status make_splits(struct cs_dataset *data, const struct cs_store *s, const char *path,
	const struct cs_data_options *options, struct cs_error *error)
{
	int64_t *list = cs_alloc((size_t)s->count * sizeof *list);
	int *labels = cs_alloc((size_t)s->count * sizeof *labels);
	int64_t have[CS_SPLIT_COUNT] = {0};
	struct cs_census census = {0};
	enum cs_status status;

	if (!list || !labels) {
		status = cs_fail_memory(error, "the splits of a data set");
		goto out;
	}
	status = cs_census_init(&census, s->class_count, error);
	if (status)
		goto out;
	for (int64_t i = 0; i < s->count; i++) {
		cs_census_add(&census, s->parts[i], s->labels[i]);
		have[s->parts[i]]++;
	}
	status = cs_census_check(&census, data->class_ids, path, options->strict, true, error);
	for (int part = 0; part < CS_SPLIT_COUNT && !status; part++) {
		int64_t count = 0;

		if (part == CS_SPLIT_TRAIN && !s->fixed)
			continue;
		for (int64_t i = 0; i < s->count; i++) {
			if (s->parts[i] == part)
				list[count++] = i;
		}
		status = cs_split_add(&data->split[part], list, count, error);
	}
	if (!status && !s->fixed) {
		int64_t count = 0;

		for (int64_t i = 0; i < s->count; i++) {
			if (s->parts[i] != CS_SPLIT_TRAIN)
				continue;
			labels[count] = s->labels[i];
			list[count++] = i;
		}
		status = cs_split_by_class(data, list, labels, count, have[CS_SPLIT_VAL] ? 0 : options->val_share,
			have[CS_SPLIT_TEST] ? 0 : options->test_share, options->seed, error);
	}
out:
	cs_census_fini(&census);
	cs_free(list);
	cs_free(labels);
	return status;
}

enum cs_status cs_stored_open(struct cs_dataset *data, const struct cs_source *source, int own,
	const struct cs_data_options *options, struct cs_job *job, struct cs_error *error)
{
	struct cs_cache_options cache = {.fit = options->fit, .strict = options->strict, .no_cache = options->no_cache};
	struct cs_store *store = cs_calloc(1, sizeof *store);
	enum cs_status status;

	if (!store)
		return cs_fail_memory(error, "a data set");
	cache.width = options->width ? options->width : options->size ? options->size : own;
	cache.height = options->height ? options->height : options->size ? options->size : own;
	status = cs_cache_open(source, &cache, job, store, error);
	if (status) {
		cs_free(store);
		return status;
	}
	data->state = store; /* from here on closing frees it */
	data->width = store->width;
	data->height = store->height;
	data->count = store->count;
	data->skipped = store->skipped;
	status = tell_skipped(store, source->path, options, error);
	if (!status)
		status = copy_classes(data, store, error);
	if (!status)
		status = make_splits(data, store, source->path, options, error);
	return status;
}

enum cs_status cs_stored_open_sized(struct cs_dataset *data, const struct cs_source *source, int width, int height,
	const struct cs_data_options *options, struct cs_job *job, struct cs_error *error)
{
	struct cs_data_options sized = *options;

	if (!sized.size && !sized.width && width <= 4096 && height <= 4096) {
		sized.width = width;
		sized.height = height;
	}
	return cs_stored_open(data, source, 64, &sized, job, error);
}

static const uint8_t *pixels_of(const struct cs_store *s, int64_t image)
{
	return s->pixels + s->slots[image] * s->width * s->height * 3;
}

enum cs_status cs_stored_pixels(const struct cs_dataset *data, int64_t image, uint8_t *rgb, struct cs_error *error)
{
	const struct cs_store *s = data->state;

	(void)error;
	memcpy(rgb, pixels_of(s, image), (size_t)s->width * (size_t)s->height * 3);
	return CS_OK;
}

void cs_stored_sample(const struct cs_dataset *data, int64_t image, struct cs_sample *out)
{
	const struct cs_store *s = data->state;

	out->label = s->labels[image];
	out->has_box = s->boxes[image].right > 0;
	out->box = s->boxes[image];
	out->name = s->strings + s->names[image];
}

int cs_stored_label(const struct cs_dataset *data, int64_t image)
{
	return ((const struct cs_store *)data->state)->labels[image];
}

bool cs_stored_sums(const struct cs_dataset *data, int64_t image, uint64_t sum[3], uint64_t square[3])
{
	const struct cs_sums *sums = &((const struct cs_store *)data->state)->sums[image];

	memcpy(sum, sums->sum, sizeof sums->sum);
	memcpy(square, sums->square, sizeof sums->square);
	return true;
}

void cs_stored_close(struct cs_dataset *data)
{
	if (!data->state)
		return;
	cs_store_close(data->state);
	cs_free(data->state);
	data->state = NULL;
}
