/* tarball.h: tar files, packed by gzip or not (libarchive): their regular files one after the other, as a data set is published. */
#ifndef CS_IO_TARBALL_H
#define CS_IO_TARBALL_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A tar of the kind that is read (ustar, pax, GNU), by its first bytes. */
bool cs_tarball_recognise(const char *path);

/* A regular file: its name, size and first bytes (HEAD, fewer when it is shorter). False ends the walk. */
enum { CS_TARBALL_HEAD = 16 };
typedef bool cs_tarball_visit(void *context, const char *name, int64_t size, const unsigned char *head, size_t head_size);

/* Visit the files in their order, at most `most` of them, without unpacking more than it takes to come by. */
enum cs_status cs_tarball_walk(
	const char *path, int64_t most, cs_tarball_visit *visit, void *context, struct cs_error *error);

/* Unpack all regular files into `fd`, one after the other; add() is told each one's name, where it lies and its size, and may fail. Links,
 * devices and directories are passed over. Errors: CS_ERR_FORMAT (damaged, cut off), CS_ERR_MEMORY (over `limit` bytes or 16 million
 * files), CS_ERR_IO, add()'s. */
enum cs_status cs_tarball_unpack(const char *path, int64_t limit, int fd,
	enum cs_status (*add)(void *context, const char *name, int64_t at, int64_t size, struct cs_error *error),
	void *context, struct cs_error *error);

#endif
