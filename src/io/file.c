/* file.c: whole files in, whole files out.
 *
 * Writing never leaves half a file under the wanted name: bytes go to a temporary file in the same directory, are synced,
 * and take the name by rename(2). Only regular files are replaced so; a device or a pipe ("-o /dev/null" as root!) is
 * written through, and a symbolic link keeps pointing where it did while its target is replaced.
 */
#include "io/file.h"

#include "core/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_BLOCK = 64 << 10, PATIENCE_MS = 3000 };

/* Wait for a pipe to have something, or to be closed by its writers; what nobody writes to for seconds counts as empty. */
static bool wait_for_bytes(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int got;

	do
		got = poll(&poll_fd, 1, PATIENCE_MS);
	while (got < 0 && errno == EINTR);
	return got > 0;
}

/* Read until the end of the file or `limit`+1 bytes; the block always has room for the NUL. */
static enum cs_status read_all(
	int fd, const char *path, size_t limit, size_t guess, char **bytes, size_t *size, struct cs_error *error)
{
	size_t capacity = guess;
	size_t used = 0;
	char *block = cs_realloc(NULL, capacity, 1);

	if (!block)
		return cs_fail(error, CS_ERR_MEMORY, "not enough memory to read '%s' (%zu bytes)", path, guess);
	for (;;) {
		ssize_t n;

		if (used + 1 >= capacity) {
			size_t wanted = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
			char *larger = cs_realloc(block, wanted, 1);

			if (!larger) {
				cs_free(block);
				return cs_fail(error, CS_ERR_MEMORY, "not enough memory to read '%s'", path);
			}
			block = larger;
			capacity = wanted;
		}
		n = read(fd, block + used, capacity - used - 1);
		if (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_for_bytes(fd))))
			continue;
		if (n < 0) {
			cs_free(block);
			if (errno == EAGAIN)
				return cs_fail(error, CS_ERR_IO, "nothing came out of the pipe '%s'", path);
			return cs_fail_errno(error, "cannot read", path);
		}
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > limit) {
			cs_free(block);
			return cs_fail(error, CS_ERR_MEMORY, "'%s' is larger than the limit of %zu bytes", path, limit);
		}
	}
	block[used] = '\0';
	*bytes = block;
	*size = used;
	return CS_OK;
}

static enum cs_status not_a_file(const struct stat *about, const char *path, struct cs_error *error)
{
	return cs_fail(error, CS_ERR_IO, "'%s' is a %s, a file was expected", path,
		S_ISDIR(about->st_mode)            ? "directory"
			: S_ISFIFO(about->st_mode) ? "pipe"
			: S_ISSOCK(about->st_mode) ? "socket"
						   : "device");
}

static enum cs_status too_large(const char *path, int64_t size, size_t limit, struct cs_error *error)
{
	return cs_fail(error, CS_ERR_MEMORY, "'%s' has %lld bytes, more than the limit of %zu", path, (long long)size, limit);
}

size_t cs_file_peek(const char *path, void *bytes, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat about;
	ssize_t got = 0;

	if (fd < 0)
		return 0;
	if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
		got = read(fd, bytes, size);
	close(fd);
	return got > 0 ? (size_t)got : 0;
}

enum cs_status cs_file_open(const char *path, int *fd, int64_t *size, struct cs_error *error)
{
	int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum cs_status status = CS_OK;
	struct stat about;

	if (opened < 0)
		return cs_fail_errno(error, "cannot open", path);
	if (fstat(opened, &about) != 0)
		status = cs_fail_errno(error, "cannot read", path);
	else if (!S_ISREG(about.st_mode))
		status = not_a_file(&about, path, error);
	if (status) {
		close(opened);
		return status;
	}
	*fd = opened;
	*size = (int64_t)about.st_size;
	return CS_OK;
}

enum cs_status cs_file_read_at(int fd, const char *path, int64_t at, void *bytes, size_t size, struct cs_error *error)
{
	char *to = bytes;

	while (size > 0) {
		ssize_t n = pread(fd, to, size < (size_t)1 << 30 ? size : (size_t)1 << 30, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cs_fail_errno(error, "cannot read", path);
		if (n == 0)
			return cs_fail(error, CS_ERR_FORMAT, "'%s' ends too early", path);
		to += n;
		at += n;
		size -= (size_t)n;
	}
	return CS_OK;
}

int cs_file_nameless(bool memory)
{
	char *directory = memory ? NULL : cs_file_cache("");
	int fd = directory ? open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

	if (fd < 0 && directory) { /* file systems without O_TMPFILE */
		char *path = cs_format("%sunpacked-XXXXXX", directory);

		fd = path ? mkostemp(path, O_CLOEXEC) : -1;
		if (fd >= 0)
			unlink(path);
		cs_free(path);
	}
	cs_free(directory);
	return fd >= 0 ? fd : memfd_create("convscope-unpacked", MFD_CLOEXEC);
}

enum cs_status cs_file_read(const char *path, size_t limit, char **bytes, size_t *size, struct cs_error *error)
{
	enum cs_status status;
	struct stat about;
	size_t guess = FIRST_BLOCK;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe without a writer does not block */

	if (fd < 0)
		return cs_fail_errno(error, "cannot open", path);
	if (fstat(fd, &about) != 0) {
		status = cs_fail_errno(error, "cannot read", path);
	} else if (!S_ISREG(about.st_mode) && !S_ISFIFO(about.st_mode)) {
		status = not_a_file(&about, path, error);
	} else if (S_ISFIFO(about.st_mode) && !wait_for_bytes(fd)) {
		status = cs_fail(error, CS_ERR_IO, "nothing came out of the pipe '%s'", path);
	} else if (S_ISREG(about.st_mode) && (uint64_t)about.st_size > limit) {
		status = too_large(path, (int64_t)about.st_size, limit, error);
	} else {
		if (S_ISREG(about.st_mode) && about.st_size > 0)
			guess = (size_t)about.st_size + 2;
		status = read_all(fd, path, limit, guess, bytes, size, error);
	}
	close(fd);
	return status;
}

enum cs_status cs_file_read_regular(const char *path, size_t limit, char **bytes, size_t *size, struct cs_error *error)
{
	int64_t length = 0;
	int fd = -1;
	enum cs_status status = cs_file_open(path, &fd, &length, error);

	if (status)
		return status;
	if ((uint64_t)length > limit)
		status = too_large(path, length, limit, error);
	else
		status = read_all(fd, path, limit, length > 0 ? (size_t)length + 2 : FIRST_BLOCK, bytes, size, error);
	close(fd);
	return status;
}

enum cs_status cs_file_append(int fd, const char *path, const void *bytes, size_t size, struct cs_error *error)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t n = write(fd, at, size < (size_t)1 << 30 ? size : (size_t)1 << 30);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cs_fail_errno(error, "cannot write", path);
		at += n;
		size -= (size_t)n;
	}
	return CS_OK;
}

enum cs_status cs_file_cannot_write(const char *path, struct cs_error *error)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash && slash > path ? cs_strndup(path, (size_t)(slash - path)) : NULL;
	int code = errno;
	enum cs_status status;

	if (code == ENOENT && directory && !cs_file_exists(directory)) {
		status = cs_fail(error, CS_ERR_NOT_FOUND, "cannot write '%s': there is no directory '%s'", path, directory);
	} else {
		errno = code;
		status = cs_fail_errno(error, "cannot write", path);
	}
	cs_free(directory);
	return status;
}

/* What stands under `path` is something that must be written through, not replaced: a device, a pipe. */
static bool is_special(const char *path)
{
	struct stat about;

	return stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode);
}

/* `path`, or the file it points to where it is a symbolic link. To be freed; NULL without memory. */
static char *resolve(const char *path)
{
	char real[PATH_MAX];
	struct stat about;

	if (lstat(path, &about) == 0 && S_ISLNK(about.st_mode) && realpath(path, real))
		return cs_strdup(real);
	return cs_strdup(path);
}

static enum cs_status write_through(const char *path, const void *bytes, size_t size, struct cs_error *error)
{
	enum cs_status status;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return cs_fail_errno(error, "cannot open for writing", path);
	status = cs_file_append(fd, path, bytes, size, error);
	if (close(fd) != 0 && status == CS_OK)
		status = cs_fail_errno(error, "cannot write", path);
	return status;
}

enum cs_status cs_file_write(const char *path, const void *bytes, size_t size, struct cs_error *error)
{
	enum cs_status status;
	char *temporary;
	int fd;

	if (is_special(path))
		return write_through(path, bytes, size, error);
	temporary = cs_file_temporary(path);
	if (!temporary)
		return cs_fail_memory(error, "a file name");
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		status = cs_file_cannot_write(path, error);
		goto out;
	}
	status = cs_file_append(fd, path, bytes, size, error);
	if (close(fd) != 0 && status == CS_OK)
		status = cs_fail_errno(error, "cannot write", path);
	if (status == CS_OK)
		status = cs_file_commit(temporary, path, error);
	else
		unlink(temporary);
out:
	cs_free(temporary);
	return status;
}

char *cs_file_temporary(const char *path)
{
	static atomic_int serial;
	char *real = resolve(path);
	char *name = NULL;

	if (real)
		name = cs_format("%s.tmp-%ld-%d", real, (long)getpid(), atomic_fetch_add(&serial, 1));
	cs_free(real);
	return name;
}

char *cs_file_wanted(const char *temporary)
{
	const char *mark = strrchr(temporary, '.');
	bool is = mark && strncmp(mark, ".tmp-", 5) == 0;

	return is ? cs_strndup(temporary, (size_t)(mark - temporary)) : cs_strdup(temporary);
}

/* Make the new name last: fsync of its directory. Some file systems refuse that; the data is safe all the same. */
static void sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? cs_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : cs_strdup(".");
	int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	cs_free(directory);
}

enum cs_status cs_file_commit(const char *temporary, const char *path, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	char *real = resolve(path);
	int fd = -1;

	if (!real) {
		status = cs_fail_memory(error, "a file name");
		goto out;
	}
	if (cs_file_is_directory(real)) {
		status = cs_fail(error, CS_ERR_IO, "cannot write '%s': it is a directory; name a file in it", path);
		goto out;
	}
	if (is_special(real)) {
		status = cs_fail(error, CS_ERR_IO, "cannot replace '%s': it is not a regular file", path);
		goto out;
	}
	fd = open(temporary, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) {
		status = cs_fail_errno(error, "cannot write", path);
		goto out;
	}
	if (rename(temporary, real) != 0) {
		status = cs_fail_errno(error, "cannot write", path);
		goto out;
	}
	sync_directory(real);
out:
	if (fd >= 0)
		close(fd);
	if (status != CS_OK)
		unlink(temporary);
	cs_free(real);
	return status;
}

static enum cs_status make_one(const char *path, struct cs_error *error)
{
	struct stat about;

	if (mkdir(path, 0777) == 0)
		return CS_OK;
	if (errno == EEXIST || errno == EISDIR || errno == EROFS || errno == EACCES) {
		int code = errno;

		if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
			return CS_OK;
		errno = code;
		if (code == EEXIST)
			return cs_fail(error, CS_ERR_EXISTS,
				"cannot make the directory '%s': a file of that name is in the way", path);
	}
	return cs_fail_errno(error, "cannot make the directory", path);
}

enum cs_status cs_file_make_directories(const char *path, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	char *part;

	if (!*path || cs_file_is_directory(path))
		return CS_OK;
	part = cs_strdup(path);
	if (!part)
		return cs_fail_memory(error, "a file name");
	for (char *slash = part + 1; status == CS_OK && *slash; slash++) {
		if (*slash != '/' || slash[-1] == '/')
			continue;
		*slash = '\0';
		status = make_one(part, error);
		*slash = '/';
	}
	if (status == CS_OK)
		status = make_one(part, error);
	cs_free(part);
	return status;
}

bool cs_file_exists(const char *path)
{
	struct stat about;

	return stat(path, &about) == 0;
}

bool cs_file_is_directory(const char *path)
{
	struct stat about;

	return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* The directory that caches live in, by the XDG base directory specification: a relative $XDG_CACHE_HOME is ignored. */
static char *cache_directory(void)
{
	const char *home = getenv("XDG_CACHE_HOME");
	struct passwd entry;
	struct passwd *found = NULL;
	char names[4096];

	if (home && home[0] == '/')
		return cs_file_join(home, "convscope");
	home = getenv("HOME");
	if (!home || home[0] != '/') {
		home = NULL;
		if (getpwuid_r(getuid(), &entry, names, sizeof names, &found) == 0 && found && found->pw_dir[0] == '/')
			home = found->pw_dir;
	}
	if (home)
		return cs_file_join(home, ".cache/convscope");
	return cs_format("/tmp/convscope-cache-%ld", (long)getuid());
}

char *cs_file_cache(const char *name)
{
	char *directory = cache_directory();
	char *path = NULL;

	if (directory) {
		/* Where it cannot be made, writing the cache fails later and says so: a cache is never needed. */
		(void)cs_file_make_directories(directory, NULL);
		path = cs_file_join(directory, name);
	}
	cs_free(directory);
	return path;
}

char *cs_file_join(const char *directory, const char *name)
{
	size_t length = strlen(directory);

	while (length > 1 && directory[length - 1] == '/')
		length--;
	while (length > 0 && *name == '/')
		name++;
	if (length == 0)
		return cs_strdup(name);
	if (length == 1 && directory[0] == '/')
		return cs_format("/%s", name);
	return cs_format("%.*s/%s", (int)length, directory, name);
}
