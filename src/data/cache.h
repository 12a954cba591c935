/* cache.h: decoded images on disk, mapped into memory: decoding happens once.
 *
 * One file holds one source at one size: a header, the pixels of every picture as raw RGB bytes, and tables (labels, parts,
 * boxes, names, classes, each image's sums, what was skipped), so that nothing else of the source need be read again. It is
 * valid as long as its fingerprint is the source's; a truncated, foreign or stale file is made anew. It is written under
 * another name, synced and renamed, so that readers only ever see whole files; two processes that want the same one wait
 * for each other by a lock beside it.
 *
 * Where the cache directory cannot be written, images are held in memory, and a warning names the directory.
 */
#ifndef CS_DATA_CACHE_H
#define CS_DATA_CACHE_H

#include "data/catalogue.h"
#include "data/sums.h"

/* A decoded data set, mapped or in memory. Strings are offsets into `strings`. Read-only for everybody. */
struct cs_store {
	int width, height;
	int64_t count; /* images */
	int64_t skipped; /* corrupt pictures left out */
	int class_count;
	bool fixed; /* see struct cs_catalogue */

	const uint8_t *pixels; /* [slots][height,width,3] */
	const int64_t *slots; /* [count] where an image's pixels are */
	const struct cs_sums *sums; /* [count] */
	const struct cs_box *boxes; /* [count]; right 0: none */
	const int32_t *labels; /* [count] */
	const uint8_t *parts; /* [count] enum cs_split_kind */
	const uint64_t *names; /* [count] */
	const uint64_t *class_ids, *class_names; /* [class_count] */
	const uint64_t *skipped_names, *skipped_reasons; /* [skipped] */
	const char *strings;

	void *map; /* of the whole file, or of the pixels alone when in memory */
	size_t map_size;
	void *tables; /* owned when in memory, else NULL */
};

struct cs_cache_options {
	int width, height;
	enum cs_fit fit;
	bool strict; /* the first corrupt picture is an error */
	bool no_cache; /* decode into memory, touch no disk */
};

/* The decoded images of a source: mapped from the cache, which is made first if need be. Errors: those of the source's
 * catalogue; CS_ERR_FORMAT when no picture can be read, or one with `strict`; CS_ERR_MEMORY when there is neither disk nor memory;
 * CS_ERR_CANCELLED. */
enum cs_status cs_cache_open(const struct cs_source *source, const struct cs_cache_options *options, struct cs_job *job,
	struct cs_store *out, struct cs_error *error);
void cs_store_close(struct cs_store *store);

/* Is there a cache of this source, at any size? Reads a page of it; for telling quickly what a large file is. */
bool cs_cache_knows(const struct cs_source *source);

/* The file a source at this size is cached in, to be freed; NULL without memory. */
char *cs_cache_path(const struct cs_source *source, int width, int height);

#endif
