/* cache.c: finding, making and sharing the cache of a source. See cache.h.
 *
 * Who finds no valid file takes the lock beside it, looks again (another process may have made it meanwhile), and makes it. The
 * lock is flock(2): it goes with its process, however that ends. Where locks do not work, two may make the same file; the last
 * rename wins, and both are right. What is being written has no name where the file system can do that, so that nothing of it is left however the
 * program ends; elsewhere it is a temporary file, and those of makers that were killed are removed by the next one who holds the lock.
 */
#include "data/cache.h"

#include "core/alloc.h"
#include "core/hash.h"
#include "core/log.h"
#include "data/cache_file.h"
#include "data/tree.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* "<16 digits>.pixels", by kind and path. */
static char *ending_of(const struct cs_source *source)
{
	uint64_t hash = cs_hash_bytes(CS_HASH_BEGIN, source->path, strlen(source->path) + 1);

	return cs_format("-%016" PRIx64 ".pixels", cs_hash_bytes(hash, source->kind, strlen(source->kind)));
}

char *cs_cache_path(const struct cs_source *source, int width, int height)
{
	const char *slash = strrchr(source->path, '/');
	const char *base = slash && slash[1] ? slash + 1 : "root";
	char *ending = ending_of(source);
	char *name = ending ? cs_format("%.80s-%dx%d%s", base, width, height, ending) : NULL;
	char *path = name ? cs_file_cache(name) : NULL;

	cs_free(ending);
	cs_free(name);
	return path;
}

static bool header_matches(int directory, const char *name, const struct cs_source *source)
{
	struct cs_cache_header header;
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	bool matches = fd >= 0 && read(fd, &header, sizeof header) == (ssize_t)sizeof header &&
		cs_cache_header_fault(&header, source) == NULL;

	if (fd >= 0)
		close(fd);
	return matches;
}

bool cs_cache_knows(const struct cs_source *source)
{
	char *directory = cs_file_cache(""), *ending = ending_of(source);
	DIR *stream = directory && ending ? opendir(directory) : NULL;
	struct dirent *entry;
	bool known = false;

	while (stream && !known && (entry = readdir(stream)) != NULL) {
		size_t length = strlen(entry->d_name);

		known = length > strlen(ending) && strcmp(entry->d_name + length - strlen(ending), ending) == 0 &&
			header_matches(dirfd(stream), entry->d_name, source);
	}
	if (stream)
		closedir(stream);
	cs_free(directory);
	cs_free(ending);
	return known;
}

/* 0 when held, -1 when there can be none, 1 when cancelled. */
static int hold_lock(int fd, const struct cs_source *source, struct cs_job *job)
{
	bool told = false;

	for (;;) {
		struct timespec pause = {.tv_nsec = 100000000};

		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return -1;
		if (!told)
			cs_info("waiting for another convscope that is decoding '%s'", source->path);
		told = true;
		cs_job_progress(job, -1, "waiting for another convscope that is decoding %s", source->path);
		if (cs_job_cancelled(job))
			return 1;
		nanosleep(&pause, NULL);
	}
}

/* Remove "<cache>.tmp-*": whoever wrote them would hold the lock that we hold. */
static void remove_leftovers(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? cs_strndup(path, (size_t)(slash - path)) : NULL;
	char *prefix = slash ? cs_format("%s.tmp-", slash + 1) : NULL;
	DIR *stream = directory && prefix ? opendir(directory) : NULL;
	struct dirent *entry;

	while (stream && (entry = readdir(stream)) != NULL) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			unlinkat(dirfd(stream), entry->d_name, 0);
	}
	if (stream)
		closedir(stream);
	cs_free(directory);
	cs_free(prefix);
}

static enum cs_status in_memory(const struct cs_source *source, const struct cs_cache_options *options,
	struct cs_job *job, struct cs_store *out, struct cs_error *error)
{
	bool disk;

	return cs_cache_build(source, options, -1, NULL, job, out, &disk, error);
}

/* A file without a name in the folder that `path` will lie in; -1 where there is no such thing, or it could not be given a name afterwards. */
static int open_nameless(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? cs_strndup(path, (size_t)(slash - path) + 1) : cs_strndup(".", 1);
	int fd = directory && access("/proc/self/fd", X_OK) == 0 ? open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666) : -1;

	cs_free(directory);
	return fd;
}

/* Call it so. */
static enum cs_status name_it(int fd, const char *name, struct cs_error *error)
{
	char self[40];

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	unlink(name); /* of a process of the same number that was killed */
	if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) != 0)
		return cs_fail_errno(error, "cannot write", name);
	return CS_OK;
}

/* Decode into a file without a name, or a temporary one, and give it its name. */
static enum cs_status make_file(const struct cs_source *source, const struct cs_cache_options *options,
	const char *path, struct cs_job *job, bool *disk_failed, struct cs_error *error)
{
	char *temporary = cs_file_temporary(path);
	struct cs_store none;
	enum cs_status status;
	bool nameless;
	int fd;

	*disk_failed = false;
	if (!temporary)
		return cs_fail_memory(error, "a file name");
	fd = open_nameless(path);
	nameless = fd >= 0;
	if (!nameless)
		fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		*disk_failed = true;
		status = cs_fail_errno(error, "cannot write", path);
		goto out;
	}
	status = cs_cache_build(source, options, fd, temporary, job, &none, disk_failed, error);
	if (nameless && !status) {
		status = name_it(fd, temporary, error);
		*disk_failed = status != CS_OK;
	}
	if (close(fd) != 0 && !status) {
		*disk_failed = true;
		status = cs_fail_errno(error, "cannot write", path);
	}
	if (status) {
		unlink(temporary);
	} else {
		cs_job_progress(job, 1, "keeping the decoded images");
		status = cs_file_commit(temporary, path, error);
		*disk_failed = status != CS_OK;
	}
out:
	cs_free(temporary);
	return status;
}

/* With the lock held or impossible: look again, make, map. */
static enum cs_status make_and_map(const struct cs_source *source, const struct cs_cache_options *options,
	const char *path, bool locked, struct cs_job *job, struct cs_store *out, bool *disk_failed,
	struct cs_error *error)
{
	struct cs_error fault;
	enum cs_status status = cs_cache_map(path, source, options->width, options->height, out, &fault);

	*disk_failed = false;
	if (!status)
		return CS_OK;
	if (status == CS_ERR_FORMAT)
		cs_info("%s; it is made anew", fault.message);
	if (locked)
		remove_leftovers(path);
	status = make_file(source, options, path, job, disk_failed, error);
	if (status)
		return status;
	status = cs_cache_map(path, source, options->width, options->height, out, error);
	*disk_failed = status != CS_OK;
	return status;
}

static enum cs_status open_cached(const struct cs_source *source, const struct cs_cache_options *options,
	const char *path, struct cs_job *job, struct cs_store *out, bool *disk_failed, struct cs_error *error)
{
	char *lock_path;
	enum cs_status status;
	int lock, held;

	*disk_failed = false;
	if (cs_cache_map(path, source, options->width, options->height, out, NULL) == CS_OK)
		return CS_OK;
	lock_path = cs_format("%s.lock", path);
	if (!lock_path)
		return cs_fail_memory(error, "a file name");
	lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	cs_free(lock_path);
	if (lock < 0) {
		*disk_failed = true;
		return cs_fail_errno(error, "cannot write", path);
	}
	held = hold_lock(lock, source, job);
	if (held > 0)
		status = cs_fail(
			error, CS_ERR_CANCELLED, "cancelled while waiting for the images of '%s'", source->path);
	else
		status = make_and_map(source, options, path, held == 0, job, out, disk_failed, error);
	close(lock);
	return status;
}

enum cs_status cs_cache_open(const struct cs_source *source, const struct cs_cache_options *options, struct cs_job *job,
	struct cs_store *out, struct cs_error *error)
{
	struct cs_error reason;
	struct cs_source other;
	enum cs_status status;
	bool disk_failed;
	char *path, *slash;

	if (options->no_cache)
		return in_memory(source, options, job, out, error);
	if (options->fit != CS_FIT_CROP) { /* other pixels: another source, as far as the cache is concerned */
		other = *source;
		other.kind = "stretched";
		source = &other;
	}
	path = cs_cache_path(source, options->width, options->height);
	if (!path)
		return cs_fail_memory(error, "a file name");
	status = open_cached(source, options, path, job, out, &disk_failed, &reason);
	if (status && disk_failed) {
		const char *colon = strrchr(reason.message, ':');

		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
		cs_warn("cannot keep decoded images in '%s' (%s): they are decoded into memory for now", path,
			colon && colon[1] ? colon + 2 : reason.message);
		status = in_memory(source, options, job, out, &reason);
	}
	if (status && error)
		*error = reason;
	cs_free(path);
	return status;
}
