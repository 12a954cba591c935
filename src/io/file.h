/* file.h: whole files and safe writing. */
#ifndef CS_IO_FILE_H
#define CS_IO_FILE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Read a whole file (at most `limit` bytes) into memory the caller frees; *bytes gets a terminating NUL that is not counted. */
enum cs_status cs_file_read(const char *path, size_t limit, char **bytes, size_t *size, struct cs_error *error);

/* Write to `path` by way of a temporary file in the same directory: written, synced, renamed. A device or pipe is written
 * directly; of a symbolic link the target is replaced. */
enum cs_status cs_file_write(const char *path, const void *bytes, size_t size, struct cs_error *error);

/* A name for such a temporary file, "path.tmp-<pid>-<n>", to be freed. And the commit: fsync, rename, fsync the directory;
 * when that fails the temporary file is removed. */
char *cs_file_temporary(const char *path);
enum cs_status cs_file_commit(const char *temporary, const char *path, struct cs_error *error);

/* mkdir -p. */
enum cs_status cs_file_make_directories(const char *path, struct cs_error *error);

bool cs_file_exists(const char *path);
bool cs_file_is_directory(const char *path);

/* $XDG_CACHE_HOME/convscope or ~/.cache/convscope (made), "<dir>/<name>", to be freed. NULL without memory. */
char *cs_file_cache(const char *name);
/* dir/name with one slash, to be freed. */
char *cs_file_join(const char *directory, const char *name);

#endif
