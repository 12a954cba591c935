/* gzip.h: unpacking gzip files (zlib), whole or their first bytes, out of an open file that is read at given places. */
#ifndef CS_IO_GZIP_H
#define CS_IO_GZIP_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool cs_gzip_recognise(const void *bytes, size_t size);

/* Of the packed bytes at..at+size of `from`: at most `room` unpacked ones. Returns how many; fewer also where the file is damaged. */
size_t cs_gzip_peek(int from, int64_t at, int64_t size, void *bytes, size_t room);

/* All of them, into `to` where it stands; *unpacked says how many. Members one after the other are one file. Errors: CS_ERR_FORMAT
 * (damaged, cut off), CS_ERR_MEMORY (more than `limit`), CS_ERR_IO. `name` is for messages. */
enum cs_status cs_gzip_unpack(int from, int64_t at, int64_t size, int64_t limit, int to, const char *name,
	int64_t *unpacked, struct cs_error *error);

#endif
