/* archive.h: reading zip files (libzip). One reader a thread: a libzip handle is not shared. */
#ifndef CS_IO_ARCHIVE_H
#define CS_IO_ARCHIVE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cs_archive;

bool cs_archive_recognise(const char *path); /* begins with a zip signature */
enum cs_status cs_archive_open(const char *path, struct cs_archive **out, struct cs_error *error);
void cs_archive_close(struct cs_archive *archive);

int64_t cs_archive_count(const struct cs_archive *archive);
const char *cs_archive_name(struct cs_archive *archive, int64_t entry); /* with forward slashes; valid while open */
int64_t cs_archive_find(struct cs_archive *archive, const char *name);  /* -1 */

/* Unpack one member of at most `limit` bytes into *bytes (grown as needed; *capacity is its size; free with cs_free). */
enum cs_status cs_archive_read(struct cs_archive *archive, int64_t entry, size_t limit, char **bytes, size_t *capacity,
	size_t *size, struct cs_error *error);

#endif
