/* tree.h: the files of a folder, a zip or a tar, as one list: what reads data sets need not know which it is. */
#ifndef CS_DATA_TREE_H
#define CS_DATA_TREE_H

#include "io/picture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cs_tree_file {
	char *path; /* from the root, forward slashes; a directory's ends in one */
	int64_t size; /* in a zip: as it promises */
	int64_t time; /* of the last change, in nanoseconds; 0 in a zip or tar */
	int64_t member; /* number in the zip, place in the unpacked tar, -1 in a folder */
	int64_t packed; /* bytes in the zip; else as `size` */
};

/* Files and directories ordered by directory (bytes), and in one directory by name with numbers by their value: a2 before
 * a10. Hidden ones (".git", "__MACOSX", "Thumbs.db") are left out. */
struct cs_tree {
	char *root; /* path of the zip or tar, or of the folder that the paths begin from */
	bool zip; /* one file: a zip or a tar */
	bool tar;
	int unpacked; /* the files of a tar one after the other, in a file without a name */
	struct cs_archive *archive; /* the zip, open as it was listed: for its readers to borrow */
	struct cs_tree_file *files;
	int64_t count;
};

/* A folder, a zip or a tar? Looks at its first bytes. */
bool cs_tree_recognise(const char *path);

/* List a folder (symbolic links are followed, but not in circles), a zip, or a tar, which is unpacked for it (into memory with `memory`). What
 * climbs out of a zip or tar or begins at the root is left out. Errors: CS_ERR_NOT_FOUND, CS_ERR_IO, CS_ERR_FORMAT for a broken zip or tar,
 * CS_ERR_MEMORY. */
enum cs_status cs_tree_open(const char *path, bool memory, struct cs_tree *out, struct cs_error *error);
/* The same of a folder, but only what is in itself, not below; for telling quickly what it is. */
enum cs_status cs_tree_open_top(const char *path, struct cs_tree *out, struct cs_error *error);
void cs_tree_close(struct cs_tree *tree);

/* The file of exactly this path, or NULL. */
const struct cs_tree_file *cs_tree_find(const struct cs_tree *tree, const char *path);

/* The number of the first file in or below `directory` ("a/b/"); they follow each other. Of the next one when there is none. */
int64_t cs_tree_first(const struct cs_tree *tree, const char *directory);

/* Keep what is inside `directory` ("a/b/") and leave that out of the paths; the root of a folder moves there. Errors: CS_ERR_MEMORY. */
enum cs_status cs_tree_enter(struct cs_tree *tree, const char *directory, struct cs_error *error);

/* Enter the outermost directory while it is the only one there, holds directories itself, and is not called by one of `stops`
 * (NULL-ended, any case): "animals/cat/1.png" becomes "cat/1.png". Files beside it are left out too. */
enum cs_status cs_tree_strip(struct cs_tree *tree, const char *const *stops, struct cs_error *error);

/* A number that changes with any name, size or time in the tree. */
uint64_t cs_tree_hash(const struct cs_tree *tree);

/* Reads files of a tree; one a thread. */
struct cs_tree_reader;
enum cs_status cs_tree_reader_new(const struct cs_tree *tree, struct cs_tree_reader **out, struct cs_error *error);
void cs_tree_reader_free(struct cs_tree_reader *reader);

/* The bytes of a file, valid until the next call; NUL-terminated (not counted). Errors: CS_ERR_MEMORY over the limit. */
enum cs_status cs_tree_read(struct cs_tree_reader *reader, const struct cs_tree_file *file, size_t limit,
	const char **bytes, size_t *size, struct cs_error *error);

/* A file of a zip or tar, unpacked to the end of `fd`; *size says how many bytes. Errors: CS_ERR_MEMORY over the limit. */
enum cs_status cs_tree_unpack(struct cs_tree_reader *reader, const struct cs_tree_file *file, int64_t limit, int fd,
	int64_t *size, struct cs_error *error);

/* The first bytes of a file, at most `size`; returns how many. */
size_t cs_tree_peek(struct cs_tree_reader *reader, const struct cs_tree_file *file, char *bytes, size_t size);

/* The three functions of struct cs_source for pictures that are files of a tree: items are numbers of files, `context` is a struct that
 * begins with its struct cs_tree. */
enum cs_status cs_tree_pictures_new(void *context, void **reader, struct cs_error *error);
enum cs_status cs_tree_pictures_read(void *reader, int64_t item, struct cs_picture *out, struct cs_error *error);
void cs_tree_pictures_free(void *reader);

#endif
