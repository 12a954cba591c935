/* cache_file.c: reading a cache file. See cache_file.h.
 *
 * Nothing of a file is believed before it was checked: its size against the header, header and tables against their hashes, and
 * every label, slot and offset against its bounds. The pixels themselves are not read: that would take longer than
 * all else, and a file takes its name only after it was synced.
 */
#include "data/cache_file.h"

#include "core/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t cs_cache_hash(const void *bytes, uint64_t size)
{
	const unsigned char *at = bytes;
	uint64_t hash = 0x9E3779B97F4A7C15u ^ size;

	for (; size >= 8; size -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
		hash ^= hash >> 32;
	}
	for (; size > 0; size--)
		hash = (hash ^ *at++) * 0xD6E8FEB86659FD93u;
	return hash ^ hash >> 29;
}

uint64_t cs_cache_header_hash(const struct cs_cache_header *header)
{
	return cs_cache_hash(header, offsetof(struct cs_cache_header, header_hash));
}

static const void *take(const char *base, uint64_t *at, uint64_t count, uint64_t size)
{
	const void *here = base ? base + *at : NULL;

	*at += (count * size + 7) & ~(uint64_t)7;
	return here;
}

uint64_t cs_cache_layout(struct cs_store *s, const void *base, uint64_t strings_size)
{
	uint64_t at = 0, count = (uint64_t)s->count, classes = (uint64_t)s->class_count, skipped = (uint64_t)s->skipped;

	s->sums = take(base, &at, count, sizeof *s->sums);
	s->slots = take(base, &at, count, sizeof *s->slots);
	s->names = take(base, &at, count, sizeof *s->names);
	s->class_ids = take(base, &at, classes, sizeof *s->class_ids);
	s->class_names = take(base, &at, classes, sizeof *s->class_names);
	s->skipped_names = take(base, &at, skipped, sizeof *s->skipped_names);
	s->skipped_reasons = take(base, &at, skipped, sizeof *s->skipped_reasons);
	s->boxes = take(base, &at, count, sizeof *s->boxes);
	s->labels = take(base, &at, count, sizeof *s->labels);
	s->parts = take(base, &at, count, sizeof *s->parts);
	s->strings = take(base, &at, strings_size, 1);
	return at;
}

const char *cs_cache_header_fault(const struct cs_cache_header *h, const struct cs_source *source)
{
	const uint64_t limit = (uint64_t)1 << 40;

	if (memcmp(h->magic, CS_CACHE_MAGIC, sizeof h->magic) != 0)
		return "it is not a cache of convscope";
	if (h->version != CS_CACHE_VERSION || h->order != CS_CACHE_ORDER)
		return "another version or machine made it";
	if (h->header_hash != cs_cache_header_hash(h) || h->slots > limit || h->count > h->slots ||
		h->skipped > h->slots || h->classes > 1 << 24 || h->strings_size > limit || h->tables_size > limit)
		return "its header is damaged";
	if (h->fingerprint != source->fingerprint || strncmp(h->kind, source->kind, sizeof h->kind) != 0)
		return "its source has changed";
	return NULL;
}

static bool offsets_fit(const uint64_t *offsets, int64_t count, uint64_t size)
{
	for (int64_t i = 0; i < count; i++) {
		if (offsets[i] >= size)
			return false;
	}
	return true;
}

static bool tables_fit(const struct cs_store *s, const struct cs_cache_header *h)
{
	for (int64_t i = 0; i < s->count; i++) {
		const struct cs_box *b = &s->boxes[i];

		if (s->slots[i] < 0 || s->slots[i] >= (int64_t)h->slots || s->labels[i] < -1 ||
			s->labels[i] >= s->class_count || s->parts[i] >= CS_SPLIT_COUNT)
			return false;
		if (b->right &&
			(b->left < 0 || b->top < 0 || b->left >= b->right || b->top >= b->bottom ||
				b->right > s->width || b->bottom > s->height))
			return false;
	}
	return h->strings_size > 0 && s->strings[h->strings_size - 1] == '\0' &&
		offsets_fit(s->names, s->count, h->strings_size) &&
		offsets_fit(s->class_ids, s->class_count, h->strings_size) &&
		offsets_fit(s->class_names, s->class_count, h->strings_size) &&
		offsets_fit(s->skipped_names, s->skipped, h->strings_size) &&
		offsets_fit(s->skipped_reasons, s->skipped, h->strings_size);
}

/* What is wrong with the mapped file, or NULL when nothing is; then `s` is filled. */
static const char *fault_of(
	const char *map, uint64_t size, const struct cs_source *source, int width, int height, struct cs_store *s)
{
	struct cs_cache_header h;
	const char *fault;
	uint64_t pixels;

	if (size < CS_CACHE_PAGE)
		return "it is truncated";
	memcpy(&h, map, sizeof h);
	fault = cs_cache_header_fault(&h, source);
	if (fault)
		return fault;
	if (h.width != (uint32_t)width || h.height != (uint32_t)height)
		return "it is of another size";
	pixels = h.slots * h.width * h.height * 3;
	*s = (struct cs_store){
		.width = width,
		.height = height,
		.count = (int64_t)h.count,
		.skipped = (int64_t)h.skipped,
		.class_count = (int)h.classes,
		.fixed = h.fixed != 0,
		.pixels = (const uint8_t *)map + CS_CACHE_PAGE,
	};
	if (h.file_size != size || h.tables_at > size || h.tables_at < CS_CACHE_PAGE + pixels || h.tables_at % 8 ||
		h.tables_at + h.tables_size != size)
		return "it is truncated";
	if (cs_cache_layout(s, map + h.tables_at, h.strings_size) != h.tables_size ||
		cs_cache_hash(map + h.tables_at, h.tables_size) != h.tables_hash || !tables_fit(s, &h))
		return "its tables are damaged";
	return NULL;
}

enum cs_status cs_cache_map(const char *path, const struct cs_source *source, int width, int height,
	struct cs_store *out, struct cs_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct cs_store store = {0};
	struct stat about;
	const char *fault;
	void *map;

	if (fd < 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "there is no cache '%s' (%s)", path, strerror(errno));
	if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size < CS_CACHE_PAGE) {
		close(fd);
		return cs_fail(error, CS_ERR_FORMAT, "the cache '%s' cannot be used: it is truncated", path);
	}
	map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return cs_fail_errno(error, "cannot map", path);
	fault = fault_of(map, (uint64_t)about.st_size, source, width, height, &store);
	if (fault) {
		munmap(map, (size_t)about.st_size);
		return cs_fail(error, CS_ERR_FORMAT, "the cache '%s' cannot be used: %s", path, fault);
	}
	store.map = map;
	store.map_size = (size_t)about.st_size;
	*out = store;
	return CS_OK;
}

void cs_store_close(struct cs_store *store)
{
	if (store->map)
		munmap(store->map, store->map_size);
	cs_free(store->tables);
	*store = (struct cs_store){0};
}
