/* archive_write.h: making zip files (libzip). */
#ifndef CS_IO_ARCHIVE_WRITE_H
#define CS_IO_ARCHIVE_WRITE_H

#include "core/status.h"

#include <stddef.h>

/* A member to be: bytes in memory, or the content of a file. */
struct cs_archive_part {
	const char *name; /* with forward slashes */
	const void *bytes;
	size_t size;
	const char *file; /* NULL: bytes */
};

/* Write a zip of these parts to `path`, safely (temporary, sync, rename). Parts are stored as they are: weights hardly shrink, and a reader
 * finds them where they lie. Errors: CS_ERR_IO, CS_ERR_MEMORY. */
enum cs_status cs_archive_write(
	const char *path, const struct cs_archive_part *parts, int count, struct cs_error *error);

#endif
