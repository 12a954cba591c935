/* guard.c: the program's side of reading untrusted files: start the helper, ask, check the form of every answer. See guard.h;
 * the questions are in guard_read.c.
 *
 * Time is counted in ticks of waiting, not by the clock: a job that is stopped (Ctrl-Z) or a machine that sleeps does not
 * use it up.
 */
#include "io/guard_internal.h"

#include "core/alloc.h"
#include "io/guard_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define READER CS_GUARD_READER

/* Waiting: four seconds, and one more for each 4 MB, for slow disks. Memory: what a small model unpacks to, and eight times
 * the file. The window begins with room for all the text a model can have; its pages are taken when they are written. */
enum { TICK_MS = 100, TICKS = 40, TICKS_EACH = 10, PATIENCE = 15 };
#define FILE_EACH ((int64_t)4 << 20)
#define MEMORY ((int64_t)256 << 20)
#define MEMORY_RATIO 8
#define WINDOW ((uint64_t)64 << 20)

/* --- the end of the helper --- */

/* End the process, if there still is one, and learn how it ended. */
static int bury(struct cs_guard *guard)
{
	int ended = guard->pid ? cs_guard_process_end(guard->pid) : -1;

	guard->pid = 0;
	return ended;
}

enum cs_status cs_guard_lose(struct cs_guard *guard, enum cs_guard_end end, struct cs_error *error)
{
	struct cs_error *lost = &guard->lost;
	int ended = bury(guard);

	if (end == CS_GUARD_HANGS || (ended >= 0 && WIFSIGNALED(ended) && WTERMSIG(ended) == SIGXCPU))
		cs_fail(lost, CS_ERR_FORMAT,
			"'%s': reading it took over %lld s and was given up: the file is damaged, or the disk very "
			"slow",
			guard->name, (long long)guard->seconds);
	else if (end == CS_GUARD_LIES)
		cs_fail(lost, CS_ERR_FORMAT, "'%s': " READER " gave an answer that makes no sense: the file is damaged",
			guard->name);
	else if (ended >= 0 && WIFSIGNALED(ended))
		cs_fail(lost, CS_ERR_FORMAT,
			"'%s' is damaged: the process that reads it was ended by signal %d (%s); nothing else was "
			"touched",
			guard->name, WTERMSIG(ended), strsignal(WTERMSIG(ended)));
	else
		cs_fail(lost, CS_ERR_FORMAT, "'%s': " READER ", which reads it, ended with status %d", guard->name,
			ended >= 0 ? WEXITSTATUS(ended) : -1);
	if (error)
		*error = *lost;
	return lost->status;
}

/* --- one question, one answer --- */

/* A helper for which no processor is free is not slow: of a background analysis it has a low priority, and may wait for long. That time
 * is given back, to the limit of PATIENCE times what it has. */
static void give_back(struct cs_guard *guard)
{
	int64_t waited = guard->pid ? cs_guard_process_starved(guard->pid) : 0, most = PATIENCE * 1000 * guard->seconds;

	waited = waited < most ? waited : most;
	if (waited - guard->starved >= TICK_MS) {
		guard->ticks += (waited - guard->starved) / TICK_MS;
		guard->starved = waited;
	}
}

static bool wait_for_reply(struct cs_guard *guard)
{
	struct pollfd poll_socket = {.fd = guard->socket, .events = POLLIN};

	while (guard->ticks > 0) {
		int got = poll(&poll_socket, 1, TICK_MS);

		if (got > 0)
			return true;
		if (got < 0 && errno != EINTR)
			return false;
		if (--guard->ticks == 0)
			give_back(guard);
	}
	return false;
}

enum cs_status cs_guard_take_reply(struct cs_guard *guard, struct cs_guard_reply *reply, struct cs_error *error)
{
	ssize_t got;

	if (!wait_for_reply(guard))
		return cs_guard_lose(guard, CS_GUARD_HANGS, error);
	got = recv(guard->socket, reply, sizeof *reply, MSG_DONTWAIT);
	if (got <= 0)
		return cs_guard_lose(guard, CS_GUARD_DIED, error);
	if (got != sizeof *reply || reply->status < CS_OK || reply->status > CS_ERR_CANCELLED ||
		reply->bytes > guard->room || reply->count < 0 || reply->count > INT_MAX || reply->shape.rank < 0 ||
		reply->shape.rank > CS_MAX_RANK)
		return cs_guard_lose(guard, CS_GUARD_LIES, error);
	for (int64_t i = 0, count = 1; i < reply->shape.rank; i++) {
		int64_t side = reply->shape.dim[i];

		if (side < 0 || __builtin_mul_overflow(count, side ? side : 1, &count) || count > INT64_MAX / 8)
			return cs_guard_lose(guard, CS_GUARD_LIES, error);
	}
	if (reply->status == CS_OK)
		return CS_OK;
	reply->message[sizeof reply->message - 1] = '\0';
	return cs_fail(error, (enum cs_status)reply->status, "%s", reply->message);
}

enum cs_status cs_guard_send_request(struct cs_guard *guard, struct cs_guard_request *request, enum cs_guard_op op,
	const char *path, const char *attribute, struct cs_error *error)
{
	if (guard->lost.status) {
		if (error)
			*error = guard->lost;
		return guard->lost.status;
	}
	if (strlen(path) >= CS_GUARD_TEXT || (attribute && strlen(attribute) >= CS_GUARD_TEXT))
		return cs_fail(error, CS_ERR_NOT_FOUND, "'%s' has no '%.300s'", guard->name, path);
	request->op = op;
	request->room = guard->room;
	request->attribute = attribute != NULL;
	memcpy(request->path, path, strlen(path) + 1);
	if (attribute)
		memcpy(request->name, attribute, strlen(attribute) + 1);
	if (send(guard->socket, request, sizeof *request, MSG_NOSIGNAL) != sizeof *request)
		return cs_guard_lose(guard, CS_GUARD_DIED, error);
	return CS_OK;
}

enum cs_status cs_guard_ask(struct cs_guard *guard, struct cs_guard_request *request, enum cs_guard_op op,
	const char *path, const char *attribute, struct cs_guard_reply *reply, struct cs_error *error)
{
	enum cs_status status = cs_guard_send_request(guard, request, op, path, attribute, error);

	return status ? status : cs_guard_take_reply(guard, reply, error);
}

/* --- the window --- */

enum cs_status cs_guard_copy_window(const struct cs_guard *guard, void *to, uint64_t bytes, struct cs_error *error)
{
	void *window;

	if (!bytes)
		return CS_OK;
	if (bytes <= CS_GUARD_FRONT) {
		memcpy(to, guard->front, bytes);
		return CS_OK;
	}
	window = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, guard->window, 0);
	if (window == MAP_FAILED)
		return cs_fail(error, CS_ERR_MEMORY, "not enough memory to read '%s'", guard->name);
	memcpy(to, window, bytes);
	munmap(window, bytes);
	return CS_OK;
}

enum cs_status cs_guard_make_room(struct cs_guard *guard, uint64_t bytes, struct cs_error *error)
{
	if (bytes <= guard->room)
		return CS_OK;
	if (bytes > INT64_MAX || ftruncate(guard->window, (off_t)bytes))
		return cs_fail(error, CS_ERR_MEMORY, "not enough memory to read '%s'", guard->name);
	guard->room = bytes;
	return CS_OK;
}

/* --- opening and closing --- */

static void close_all(int *descriptors, int count)
{
	for (int i = 0; i < count; i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
}

/* Descriptors come above those that the helper expects, so that putting them in place overwrites none of them. */
static int lift(int descriptor)
{
	int lifted;

	if (descriptor < 0 || descriptor > CS_GUARD_WINDOW)
		return descriptor;
	lifted = fcntl(descriptor, F_DUPFD_CLOEXEC, CS_GUARD_WINDOW + 1);
	close(descriptor);
	return lifted;
}

void cs_guard_close(struct cs_guard *guard)
{
	if (!guard)
		return;
	bury(guard);
	if (guard->socket >= 0)
		close(guard->socket);
	if (guard->window >= 0)
		close(guard->window);
	if (guard->file >= 0)
		close(guard->file);
	if (guard->front)
		munmap((void *)(uintptr_t)guard->front, CS_GUARD_FRONT);
	pthread_mutex_destroy(&guard->lock);
	cs_free(guard->name);
	cs_free(guard);
}

/* Takes the descriptor of the file. */
static enum cs_status start(int file, const char *name, struct cs_guard **out, struct cs_error *error)
{
	struct cs_guard *guard = cs_calloc(1, sizeof *guard);
	int given[3] = {file, -1, -1}, pair[2] = {-1, -1};
	struct cs_guard_reply reply;
	enum cs_status status = CS_OK;
	int64_t units;
	struct stat info;

	if (!guard) {
		close(file);
		return cs_fail_memory(error, "an HDF5 file");
	}
	guard->socket = guard->window = guard->file = -1;
	pthread_mutex_init(&guard->lock, NULL);
	guard->name = cs_strdup(name);
	if (!guard->name) {
		status = cs_fail_memory(error, "an HDF5 file");
		goto out;
	}
	if (fstat(file, &info)) {
		status = cs_fail_errno(error, "cannot read", name);
		goto out;
	}
	units = info.st_size / FILE_EACH;
	guard->ticks = TICKS + TICKS_EACH * units;
	guard->seconds = guard->ticks * TICK_MS / 1000;
	guard->room = WINDOW;
	guard->window = lift(memfd_create("convscope", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (guard->window < 0 || ftruncate(guard->window, WINDOW) ||
		fcntl(guard->window, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		status = cs_fail_errno(error, "cannot make a channel to the process that reads", name);
		goto out;
	}
	guard->front = mmap(NULL, CS_GUARD_FRONT, PROT_READ, MAP_SHARED, guard->window, 0);
	if (guard->front == MAP_FAILED) {
		guard->front = NULL;
		close_all(pair, 2);
		status = cs_fail_memory(error, "a channel to the process that reads a file");
		goto out;
	}
	guard->socket = lift(pair[0]);
	given[0] = lift(file);
	given[1] = lift(pair[1]);
	guard->file = given[0] < 0 ? -1 : fcntl(given[0], F_DUPFD_CLOEXEC, 0);
	guard->size = info.st_size;
	given[2] = guard->window;
	if (guard->socket < 0 || guard->file < 0 || given[0] < 0 || given[1] < 0) {
		status = cs_fail_errno(error, "cannot make a channel to the process that reads", name);
		goto out;
	}
	status = cs_guard_process_start(
		name, MEMORY + MEMORY_RATIO * info.st_size, guard->seconds, given, &guard->pid, error);
	if (status)
		goto out;
	close_all(given, 2); /* so that the helper's end is seen */
	given[0] = given[1] = -1;
	status = cs_guard_take_reply(guard, &reply, error);
out:
	close_all(given, 2);
	if (status)
		cs_guard_close(guard);
	else
		*out = guard;
	return status;
}

enum cs_status cs_guard_open(const char *path, struct cs_guard **out, struct cs_error *error)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat info;

	if (file < 0)
		return cs_fail_errno(error, "cannot open", path);
	if (fstat(file, &info) || !S_ISREG(info.st_mode)) {
		if (S_ISDIR(info.st_mode))
			errno = EISDIR;
		else
			errno = EINVAL;
		close(file);
		return cs_fail_errno(error, "cannot read", path);
	}
	return start(file, path, out, error);
}

enum cs_status cs_guard_open_descriptor(int descriptor, const char *name, struct cs_guard **out, struct cs_error *error)
{
	int file = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);

	return file < 0 ? cs_fail_errno(error, "cannot read", name) : start(file, name, out, error);
}

enum cs_status cs_guard_lost(struct cs_guard *guard, struct cs_error *error)
{
	enum cs_status status;

	pthread_mutex_lock(&guard->lock);
	status = guard->lost.status;
	if (status && error)
		*error = guard->lost;
	pthread_mutex_unlock(&guard->lock);
	return status;
}
