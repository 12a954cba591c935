/* blob.h: a file as bytes that any thread reads at any place: as it lies there or, where it is packed, unpacked once. */
#ifndef CS_DATA_BLOB_H
#define CS_DATA_BLOB_H

#include "data/place.h"

#include <pthread.h>

struct cs_blob {
	int fd;
	int64_t size;
	char *name; /* for messages */
};

/* A file of the file system, or of a tree. What is packed by gzip, or lies in a zip, is unpacked into a file without a name (in memory with
 * `memory`). Errors: CS_ERR_NOT_FOUND, CS_ERR_IO, CS_ERR_FORMAT, CS_ERR_MEMORY (it unpacks to more than pictures would). */
enum cs_status cs_blob_open(const char *path, bool memory, struct cs_blob *out, struct cs_error *error);
enum cs_status cs_blob_of(struct cs_tree_reader *reader, const struct cs_tree *tree, const struct cs_tree_file *file,
	bool memory, struct cs_blob *out, struct cs_error *error);
void cs_blob_close(struct cs_blob *blob);

/* The files of a tree as blobs, each opened when it is first wanted; any thread may want one. */
struct cs_blobs {
	struct cs_tree tree;
	struct cs_place *lender; /* whose tree it is; NULL: their own */
	struct cs_tree_reader *reader;
	struct cs_blob *blobs; /* [tree.count] name NULL: not yet opened */
	bool memory;
	pthread_mutex_t lock;
};

/* The files of a folder, zip or tar, for a data set that is a few files: a folder's own or, where it has none but one folder, that one's, and so on a
 * few times over. A file gives the folder around it. `real` is the place's path. Errors: those of cs_tree_open(). */
enum cs_status cs_blobs_open(
	struct cs_blobs *blobs, struct cs_place *place, const char *real, bool memory, struct cs_error *error);
/* The same for telling quickly what a place is, with what it lends: false for a tar, and for what holds more files than such a data set has. */
bool cs_blobs_look(struct cs_blobs *blobs, struct cs_place *place);
void cs_blobs_fini(struct cs_blobs *blobs);
/* The blob of file number `file`. */
enum cs_status cs_blobs_need(struct cs_blobs *blobs, int64_t file, struct cs_blob **out, struct cs_error *error);

/* `size` bytes from `at` on; CS_ERR_FORMAT where the file ends before. */
enum cs_status cs_blob_read(const struct cs_blob *blob, int64_t at, void *bytes, size_t size, struct cs_error *error);

/* The first bytes, unpacked; returns how many, at most `size`. Reads no more than it needs. */
size_t cs_blob_peek(const char *path, void *bytes, size_t size);
size_t cs_blob_peek_of(struct cs_tree_reader *reader, const struct cs_tree *tree, const struct cs_tree_file *file,
	void *bytes, size_t size);

#endif
