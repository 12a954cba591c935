/* tarball.c: tar files by libarchive, restricted to tar and gzip: nothing else that the library knows is tried on a file. See tarball.h. */
#include "io/tarball.h"

#include "core/alloc.h"
#include "io/file.h"
#include "io/gzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, MAX_FILES = 16 << 20, HEADER = 512, MAGIC_AT = 257 };

bool cs_tarball_recognise(const char *path)
{
	unsigned char header[HEADER];
	int64_t size = 0;
	size_t got;
	int fd = -1;

	if (cs_file_open(path, &fd, &size, NULL))
		return false;
	got = cs_file_read_at(fd, path, 0, header, size < HEADER ? (size_t)size : HEADER, NULL) ? 0
		: size < HEADER ? (size_t)size
				: HEADER;
	if (cs_gzip_recognise(header, got))
		got = cs_gzip_peek(fd, 0, size, header, HEADER);
	close(fd);
	return got == HEADER && memcmp(header + MAGIC_AT, "ustar", 5) == 0;
}

static enum cs_status open_tar(const char *path, int *fd, struct archive **out, struct cs_error *error)
{
	int64_t size;
	enum cs_status status = cs_file_open(path, fd, &size, error);
	struct archive *tar;

	if (status)
		return status;
	tar = archive_read_new();
	if (!tar) {
		close(*fd);
		return cs_fail_memory(error, "a tar file");
	}
	archive_read_support_filter_none(tar);
	archive_read_support_filter_gzip(tar);
	archive_read_support_format_tar(tar);
	if (archive_read_open_fd(tar, *fd, BLOCK) != ARCHIVE_OK) {
		status = cs_fail(error, CS_ERR_FORMAT, "'%s' is a damaged tar file: %s", path, archive_error_string(tar));
		archive_read_free(tar);
		close(*fd);
		return status;
	}
	*out = tar;
	return CS_OK;
}

static enum cs_status damaged(struct archive *tar, const char *path, struct cs_error *error)
{
	const char *why = archive_error_string(tar);

	return cs_fail(error, CS_ERR_FORMAT, "'%s' is a damaged or cut off tar file: %s", path, why ? why : "no reason given");
}

/* The next regular file: its name, without a leading "./"; *entry NULL at the end. */
static enum cs_status next_file(
	struct archive *tar, const char *path, struct archive_entry **entry, const char **name, struct cs_error *error)
{
	for (;;) {
		int code = archive_read_next_header(tar, entry);

		if (code == ARCHIVE_EOF) {
			*entry = NULL;
			return CS_OK;
		}
		if (code == ARCHIVE_RETRY)
			continue;
		if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
			return damaged(tar, path, error);
		*name = archive_entry_pathname_utf8(*entry);
		if (!*name)
			*name = archive_entry_pathname(*entry);
		if (!*name || !S_ISREG(archive_entry_filetype(*entry)) || archive_entry_hardlink(*entry) ||
			archive_entry_size(*entry) < 0)
			continue;
		while (strncmp(*name, "./", 2) == 0)
			*name += 2;
		return CS_OK;
	}
}

enum cs_status cs_tarball_walk(
	const char *path, int64_t most, cs_tarball_visit *visit, void *context, struct cs_error *error)
{
	struct archive *tar = NULL;
	struct archive_entry *entry = NULL;
	const char *name;
	int fd;
	enum cs_status status = open_tar(path, &fd, &tar, error);

	if (status)
		return status;
	for (int64_t i = 0; i < most; i++) {
		unsigned char head[CS_TARBALL_HEAD];
		la_ssize_t got;

		status = next_file(tar, path, &entry, &name, error);
		if (status || !entry)
			break;
		got = archive_read_data(tar, head, sizeof head);
		if (got < 0) {
			status = damaged(tar, path, error);
			break;
		}
		if (!visit(context, name, archive_entry_size(entry), head, (size_t)got))
			break;
	}
	archive_read_free(tar);
	close(fd);
	return status;
}

/* The data of one file to the end of `fd`. */
static enum cs_status copy_file(struct archive *tar, const char *path, int fd, char *block, int64_t limit, int64_t *size,
	struct cs_error *error)
{
	*size = 0;
	for (;;) {
		la_ssize_t n = archive_read_data(tar, block, BLOCK);
		enum cs_status status;

		if (n < 0)
			return damaged(tar, path, error);
		if (n == 0)
			return CS_OK;
		if (n > limit - *size)
			return cs_fail(error, CS_ERR_MEMORY, "'%s' unpacks to more than pictures would", path);
		status = cs_file_append(fd, path, block, (size_t)n, error);
		if (status)
			return status;
		*size += n;
	}
}

enum cs_status cs_tarball_unpack(const char *path, int64_t limit, int fd,
	enum cs_status (*add)(void *context, const char *name, int64_t at, int64_t size, struct cs_error *error),
	void *context, struct cs_error *error)
{
	struct archive *tar = NULL;
	struct archive_entry *entry = NULL;
	const char *name;
	char *block = cs_alloc(BLOCK);
	int64_t at = 0, count = 0;
	int from;
	enum cs_status status =
		block ? open_tar(path, &from, &tar, error) : cs_fail_memory(error, "unpacking a tar file");

	if (status) {
		cs_free(block);
		return status;
	}
	while (!(status = next_file(tar, path, &entry, &name, error)) && entry) {
		int64_t size;
		char *copy = cs_strdup(name); /* the entry's own goes with its data */

		if (!copy)
			status = cs_fail_memory(error, "a file name");
		else if (++count > MAX_FILES)
			status = cs_fail(error, CS_ERR_MEMORY, "'%s' has over %d files", path, MAX_FILES);
		if (!status)
			status = copy_file(tar, path, fd, block, limit - at, &size, error);
		if (!status)
			status = add(context, copy, at, size, error);
		cs_free(copy);
		if (status)
			break;
		at += size;
	}
	archive_read_free(tar);
	close(from);
	cs_free(block);
	return status;
}
