/* archive.h: reading zip files (libzip). One reader a thread: a libzip handle is not shared. Reading the directory of a large archive takes long:
 * who has it open lends it. */
#ifndef CS_IO_ARCHIVE_H
#define CS_IO_ARCHIVE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cs_archive;

bool cs_archive_recognise(const char *path); /* begins with a zip signature */
/* Open and index an archive. Errors: CS_ERR_NOT_FOUND, CS_ERR_FORMAT (cut off, damaged), CS_ERR_MEMORY, CS_ERR_CANCELLED in the thread of a job that
 * was told to stop. */
enum cs_status cs_archive_open(const char *path, struct cs_archive **out, struct cs_error *error);
void cs_archive_close(struct cs_archive *archive);

/* A reader of an open archive for one thread, to be given back before that is closed: the archive itself while nobody else has it, else one that reads the
 * directory once more, and shares all else. Any thread. Errors: CS_ERR_MEMORY, CS_ERR_FORMAT, CS_ERR_IO where the file was changed meanwhile. */
enum cs_status cs_archive_borrow(struct cs_archive *archive, struct cs_archive **out, struct cs_error *error);
void cs_archive_give_back(struct cs_archive *reader);

/* Members, numbered from 0 in the order of the archive's directory. */
int64_t cs_archive_count(const struct cs_archive *archive);
/* A member's name, with forward slashes whatever wrote it; valid while the archive is open. NULL for other numbers. */
const char *cs_archive_name(struct cs_archive *archive, int64_t entry);
/* Bytes of a member, unpacked as it promises and packed as it lies there; 0 where the archive does not say. */
void cs_archive_sizes(struct cs_archive *archive, int64_t entry, int64_t *size, int64_t *packed);
/* The number of the first member of that name, or -1; looks through them all. */
int64_t cs_archive_find(struct cs_archive *archive, const char *name);

/* Unpack one member of at most `limit` bytes into *bytes (grown as needed; *capacity is its size; start with
 * NULL and 0; free with cs_free). Memory grows with what comes out, never with what the archive promises. Errors: CS_ERR_MEMORY
 * (over the limit), CS_ERR_FORMAT (damaged, encrypted, an unknown compression). */
enum cs_status cs_archive_read(struct cs_archive *archive, int64_t entry, size_t limit, char **bytes, size_t *capacity,
	size_t *size, struct cs_error *error);

/* The first bytes of a member, at most `size`; *got says how many. Errors: CS_ERR_FORMAT. */
enum cs_status cs_archive_peek(
	struct cs_archive *archive, int64_t entry, void *bytes, size_t size, size_t *got, struct cs_error *error);
/* Unpack one member into the open file `fd` from its beginning; *size says how many bytes came. Errors: CS_ERR_MEMORY (over the
 * limit, or more than the member's packed bytes can hold), CS_ERR_FORMAT, CS_ERR_IO. */
enum cs_status cs_archive_unpack(
	struct cs_archive *archive, int64_t entry, int64_t limit, int fd, int64_t *size, struct cs_error *error);

#endif
