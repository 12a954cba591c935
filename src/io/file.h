/* file.h: whole files and safe writing. */
#ifndef CS_IO_FILE_H
#define CS_IO_FILE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read a whole file (at most `limit` bytes) into memory the caller frees; *bytes gets a terminating NUL that is not counted. A pipe is read
 * while somebody writes to it; a directory or a device is an error. */
enum cs_status cs_file_read(const char *path, size_t limit, char **bytes, size_t *size, struct cs_error *error);

/* The same of a regular file alone, which never waits: for files that are somebody's, in a place that must hold no pipe. */
enum cs_status cs_file_read_regular(const char *path, size_t limit, char **bytes, size_t *size, struct cs_error *error);

/* The first bytes of a regular file, at most `size`; returns how many: 0 when it cannot be read or is no regular file. Never waits. */
size_t cs_file_peek(const char *path, void *bytes, size_t size);

/* Open a regular file for reading, and its size. Errors: CS_ERR_NOT_FOUND, CS_ERR_IO (also a directory, a device, a pipe). */
enum cs_status cs_file_open(const char *path, int *fd, int64_t *size, struct cs_error *error);
/* Read exactly `size` bytes from `at` on; CS_ERR_FORMAT where the file ends before. `path` is for the message. */
enum cs_status cs_file_read_at(
	int fd, const char *path, int64_t at, void *bytes, size_t size, struct cs_error *error);

/* Write all of `bytes` where an open file stands. */
enum cs_status cs_file_append(int fd, const char *path, const void *bytes, size_t size, struct cs_error *error);

/* Write to `path` by way of a temporary file in the same directory: written, synced, renamed. A device or pipe is written
 * directly; of a symbolic link the target is replaced. */
enum cs_status cs_file_write(const char *path, const void *bytes, size_t size, struct cs_error *error);

/* Why `path` cannot be written, after a failed open() or mkdir() in its directory (errno): also that this directory is not there. */
enum cs_status cs_file_cannot_write(const char *path, struct cs_error *error);

/* A name for such a temporary file, "path.tmp-<pid>-<n>", to be freed. And the commit: fsync, rename, fsync the directory;
 * when that fails the temporary file is removed. */
char *cs_file_temporary(const char *path);
/* The name that a temporary file is to take, of its own path: for messages. To be freed; NULL without memory. */
char *cs_file_wanted(const char *temporary);
enum cs_status cs_file_commit(const char *temporary, const char *path, struct cs_error *error);

/* mkdir -p. */
enum cs_status cs_file_make_directories(const char *path, struct cs_error *error);

bool cs_file_exists(const char *path);
bool cs_file_is_directory(const char *path);

/* $XDG_CACHE_HOME/convscope or ~/.cache/convscope (made), "<dir>/<name>", to be freed. NULL without memory. */
char *cs_file_cache(const char *name);
/* An open file without a name, gone when it is closed: in the cache directory or, with `memory` and where there is no such
 * directory, in memory. -1 with errno when there is neither. */
int cs_file_nameless(bool memory);
/* dir/name with one slash, to be freed. */
char *cs_file_join(const char *directory, const char *name);

#endif
