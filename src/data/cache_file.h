/* cache_file.h: the layout of a cache file, between the one who writes it (cache_build.c) and who reads it (cache_file.c).
 *
 * header (one page) | pixels | tables. All numbers are the machine's own; `order` tells a foreign one apart. Each table
 * begins at a multiple of 8 bytes from the first, in the order of struct cs_store: sums, slots, names, class ids, class
 * names, skipped names, skipped reasons, boxes, labels, parts, strings.
 */
#ifndef CS_DATA_CACHE_FILE_H
#define CS_DATA_CACHE_FILE_H

#include "data/cache.h"

enum { CS_CACHE_VERSION = 1, CS_CACHE_PAGE = 4096 };
#define CS_CACHE_MAGIC "CSPIXELS"
#define CS_CACHE_ORDER 0x01020304u

struct cs_cache_header {
	char magic[8];
	uint32_t version, order;
	uint64_t fingerprint;
	uint64_t tables_hash;
	uint32_t width, height;
	uint64_t slots, count, skipped, classes;
	uint64_t tables_at, tables_size, file_size, strings_size;
	uint32_t fixed, reserved;
	char kind[16];
	char path[1024]; /* of the source, for people */
	uint64_t header_hash; /* of all before it */
};

/* Fill the pointers of `store` from its counts and a block of tables; returns the size that the tables need with that many bytes of
 * strings. `base` NULL only measures. */
uint64_t cs_cache_layout(struct cs_store *store, const void *base, uint64_t strings_size);

/* A hash for large blocks: 8 bytes a step. */
uint64_t cs_cache_hash(const void *bytes, uint64_t size);
uint64_t cs_cache_header_hash(const struct cs_cache_header *header);

/* Does this header belong to a cache of the source as it is now? What is wrong, or NULL. */
const char *cs_cache_header_fault(const struct cs_cache_header *header, const struct cs_source *source);

/* Map a cache file that fits this source and size. CS_ERR_NOT_FOUND: there is none; CS_ERR_FORMAT: it is truncated, foreign or
 * stale (the message says which). */
enum cs_status cs_cache_map(const char *path, const struct cs_source *source, int width, int height,
	struct cs_store *out, struct cs_error *error);

/* Decode all of a source into the file `path`, opened anew by the caller as `fd`, or into memory when `fd` is negative (then `out` is
 * filled). *disk_failed tells an error of that file (full, read-only) from one of the source. */
enum cs_status cs_cache_build(const struct cs_source *source, const struct cs_cache_options *options, int fd,
	const char *path, struct cs_job *job, struct cs_store *out, bool *disk_failed, struct cs_error *error);

#endif
