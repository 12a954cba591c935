/* guard.c: the program's side of reading untrusted files: start the helper, ask, check every answer. See guard.h.
 *
 * Time is counted in ticks of waiting, not by the clock: a job that is stopped (Ctrl-Z) or a machine that sleeps does not
 * use it up.
 */
#include "io/guard.h"

#include "core/alloc.h"
#include "io/guard_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
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
enum { TICK_MS = 100, TICKS = 40, TICKS_EACH = 10 };
#define FILE_EACH ((int64_t)4 << 20)
#define MEMORY ((int64_t)256 << 20)
#define MEMORY_RATIO 8
#define WINDOW ((uint64_t)64 << 20)

enum { PAGE = 4096, HUGE_PAGES = 4 << 20 };

struct cs_guard {
	pthread_mutex_t lock;
	char *name; /* of the file, for messages */
	pid_t pid; /* 0: ended and buried */
	int socket, window, file;
	int64_t size; /* of the file */
	uint64_t room; /* bytes in the window */
	const char *front; /* the first of them, mapped */
	int64_t ticks, seconds; /* left to wait; given in all */
	struct cs_error lost; /* status CS_OK while the helper lives */
};

/* --- the end of the helper --- */

/* End the process, if there still is one, and learn how it ended. */
static int bury(struct cs_guard *guard)
{
	int ended = guard->pid ? cs_guard_process_end(guard->pid) : -1;

	guard->pid = 0;
	return ended;
}

enum end { DIED, HANGS, LIES };

/* The helper is of no more use: end it and remember why. */
static enum cs_status lose(struct cs_guard *guard, enum end end, struct cs_error *error)
{
	struct cs_error *lost = &guard->lost;
	int ended = bury(guard);

	if (end == HANGS || (ended >= 0 && WIFSIGNALED(ended) && WTERMSIG(ended) == SIGXCPU))
		cs_fail(lost, CS_ERR_FORMAT,
			"'%s': reading it took over %lld s and was given up: the file is damaged, or the disk very "
			"slow",
			guard->name, (long long)guard->seconds);
	else if (end == LIES)
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

static bool wait_for_reply(struct cs_guard *guard)
{
	struct pollfd poll_socket = {.fd = guard->socket, .events = POLLIN};

	while (guard->ticks > 0) {
		int got = poll(&poll_socket, 1, TICK_MS);

		if (got > 0)
			return true;
		if (got < 0 && errno != EINTR)
			return false;
		guard->ticks--;
	}
	return false;
}

/* A reply is well-formed; a bad one is the helper's end. Its error, if it is one, is passed on. */
static enum cs_status take_reply(struct cs_guard *guard, struct cs_guard_reply *reply, struct cs_error *error)
{
	ssize_t got;

	if (!wait_for_reply(guard))
		return lose(guard, HANGS, error);
	got = recv(guard->socket, reply, sizeof *reply, MSG_DONTWAIT);
	if (got <= 0)
		return lose(guard, DIED, error);
	if (got != sizeof *reply || reply->status < CS_OK || reply->status > CS_ERR_CANCELLED ||
		reply->bytes > guard->room || reply->count < 0 || reply->count > INT_MAX || reply->shape.rank < 0 ||
		reply->shape.rank > CS_MAX_RANK)
		return lose(guard, LIES, error);
	for (int64_t i = 0, count = 1; i < reply->shape.rank; i++) {
		int64_t side = reply->shape.dim[i];

		if (side < 0 || __builtin_mul_overflow(count, side ? side : 1, &count) || count > INT64_MAX / 8)
			return lose(guard, LIES, error);
	}
	if (reply->status == CS_OK)
		return CS_OK;
	reply->message[sizeof reply->message - 1] = '\0';
	return cs_fail(error, (enum cs_status)reply->status, "%s", reply->message);
}

/* Send a request of which the caller has filled what is special to it. The lock is held. */
static enum cs_status send_request(struct cs_guard *guard, struct cs_guard_request *request, enum cs_guard_op op,
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
		return lose(guard, DIED, error);
	return CS_OK;
}

/* A request and its reply. */
static enum cs_status ask(struct cs_guard *guard, struct cs_guard_request *request, enum cs_guard_op op,
	const char *path, const char *attribute, struct cs_guard_reply *reply, struct cs_error *error)
{
	enum cs_status status = send_request(guard, request, op, path, attribute, error);

	return status ? status : take_reply(guard, reply, error);
}

/* --- the window --- */

/* Copy the first `bytes` of the window, which the reply filled. */
static enum cs_status copy_window(const struct cs_guard *guard, void *to, uint64_t bytes, struct cs_error *error)
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

/* See that the window holds `bytes`. It never shrinks: the seal keeps the helper from pulling it away under our feet. */
static enum cs_status make_room(struct cs_guard *guard, uint64_t bytes, struct cs_error *error)
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
	status = take_reply(guard, &reply, error);
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

/* --- questions --- */

bool cs_guard_truth(struct cs_guard *guard, enum cs_guard_op op, const char *path, const char *attribute)
{
	struct cs_guard_request request = {0};
	struct cs_guard_reply reply;
	bool truth;

	pthread_mutex_lock(&guard->lock);
	truth = ask(guard, &request, op, path, attribute, &reply, NULL) == CS_OK && reply.truth == 1;
	pthread_mutex_unlock(&guard->lock);
	return truth;
}

static enum cs_status info_of(struct cs_guard *guard, const char *path, struct cs_shape *shape, char *kind,
	int64_t *grain, int64_t *address, struct cs_error *error)
{
	struct cs_guard_request request = {0};
	struct cs_guard_reply reply;
	enum cs_status status = ask(guard, &request, CS_GUARD_INFO, path, NULL, &reply, error);

	if (status)
		return status;
	if (shape)
		*shape = reply.shape;
	if (grain)
		*grain = reply.count;
	if (address)
		*address = reply.address;
	if (kind)
		*kind = reply.kind == 'f' || reply.kind == 'i' || reply.kind == 's' ? (char)reply.kind : '?';
	return CS_OK;
}

enum cs_status cs_guard_info(
	struct cs_guard *guard, const char *path, struct cs_shape *shape, char *kind, struct cs_error *error)
{
	enum cs_status status;

	pthread_mutex_lock(&guard->lock);
	status = info_of(guard, path, shape, kind, NULL, NULL, error);
	pthread_mutex_unlock(&guard->lock);
	return status;
}

static size_t type_size(enum cs_h5_type type)
{
	return type == CS_H5_U8 ? 1 : type == CS_H5_I32 || type == CS_H5_F32 ? 4 : 8;
}

static enum cs_status check_limit(const struct cs_guard *guard, const char *path, const struct cs_shape *shape,
	int64_t limit, struct cs_error *error)
{
	char text[CS_SHAPE_TEXT];

	if (cs_shape_count(shape) <= limit)
		return CS_OK;
	return cs_fail(error, CS_ERR_MEMORY, "'%s': '%.300s' has %s numbers, over the limit of %lld", guard->name, path,
		cs_shape_text(shape, text, sizeof text), (long long)limit);
}

/* Have the helper put a whole data set into the window; nothing is allocated here. The reply's shape and bytes agree. */
static enum cs_status fill_window(struct cs_guard *guard, const char *path, enum cs_h5_type type, int64_t limit,
	const struct cs_shape *shape, struct cs_guard_reply *reply, struct cs_error *error)
{
	struct cs_guard_request request = {.type = type, .limit = limit};
	uint64_t bytes = (uint64_t)cs_shape_count(shape) * type_size(type);
	enum cs_status status = make_room(guard, bytes, error);

	if (!status)
		status = ask(guard, &request, CS_GUARD_ARRAY, path, NULL, reply, error);
	if (!status && (!cs_shape_equal(shape, &reply->shape) || reply->bytes != bytes))
		status = lose(guard, LIES, error);
	return status;
}

/* A tensor that is about to be written all over: the zeros of cs_tensor_init would cost as much as reading. */
static enum cs_status unwritten(struct cs_shape shape, struct cs_tensor *out, struct cs_error *error)
{
	size_t bytes = (size_t)cs_shape_count(&shape) * sizeof(float);
	float *data = cs_alloc(bytes);

	if (!data)
		return cs_fail_memory(error, "a tensor of an HDF5 file");
	if (bytes >= HUGE_PAGES)
		madvise((void *)(((uintptr_t)data + PAGE - 1) & ~(uintptr_t)(PAGE - 1)), bytes - PAGE, MADV_HUGEPAGE);
	*out = (struct cs_tensor){.shape = shape, .data = data, .owned = true};
	return CS_OK;
}

/* In slices of `step` rows. The helper has checked the whole data set when the first of them comes, and only then memory is
 * taken; one request is always ahead of the copying. */
static enum cs_status read_slices(struct cs_guard *guard, const char *path, struct cs_shape shape, int64_t step,
	struct cs_tensor *out, struct cs_error *error)
{
	struct cs_guard_request request = {.count = step};
	int64_t rows = shape.dim[0], row = cs_shape_count(&shape) / rows;
	struct cs_tensor tensor = {0};
	struct cs_guard_reply reply;
	enum cs_status status = send_request(guard, &request, CS_GUARD_ROWS, path, NULL, error);

	for (int64_t first = 0; first < rows && !status; first += step) {
		int64_t count = first + step < rows ? step : rows - first;
		const char *slice = guard->front + request.offset;

		status = take_reply(guard, &reply, error);
		if (!status && reply.bytes != (uint64_t)(count * row) * sizeof(float))
			status = lose(guard, LIES, error);
		if (!status && first == 0)
			status = unwritten(shape, &tensor, error);
		if (!status && first + step < rows) {
			request.first = first + step;
			request.count = request.first + step < rows ? step : rows - request.first;
			request.offset ^= CS_GUARD_SLICE;
			status = send_request(guard, &request, CS_GUARD_ROWS, path, NULL, error);
		}
		if (!status)
			memcpy(tensor.data + first * row, slice, reply.bytes);
	}
	if (status)
		cs_tensor_fini(&tensor);
	else
		*out = tensor;
	return status;
}

/* Straight out of the file, without the helper: it has said where the numbers are, and numbers are all that is taken from there. Wherever
 * it points, it is this file, which it could have copied from as well. */
static enum cs_status read_file(const struct cs_guard *guard, const char *path, struct cs_shape shape, int64_t address,
	struct cs_tensor *out, struct cs_error *error)
{
	size_t left = (size_t)cs_shape_count(&shape) * sizeof(float);
	struct cs_tensor tensor = {0};
	enum cs_status status = unwritten(shape, &tensor, error);
	char *to = (char *)tensor.data;

	while (!status && left) {
		ssize_t got = pread(guard->file, to, left, (off_t)address);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			status = cs_fail(error, CS_ERR_IO, "'%s': cannot read '%.300s': %s", guard->name, path,
				got ? strerror(errno) : "the file has become shorter");
			break;
		}
		to += got;
		address += got;
		left -= (size_t)got;
	}
	if (status)
		cs_tensor_fini(&tensor);
	else
		*out = tensor;
	return status;
}

enum cs_status cs_guard_read_tensor(
	struct cs_guard *guard, const char *path, int64_t limit, struct cs_tensor *out, struct cs_error *error)
{
	struct cs_tensor tensor = {0};
	struct cs_guard_reply reply;
	int64_t grain, address, row, step = 0;
	struct cs_shape shape;
	enum cs_status status;

	pthread_mutex_lock(&guard->lock);
	status = info_of(guard, path, &shape, NULL, &grain, &address, error);
	if (!status)
		status = check_limit(guard, path, &shape, limit, error);
	if (!status && shape.rank && cs_shape_count(&shape) > CS_GUARD_SLICE / (int64_t)sizeof(float) && grain > 0) {
		row = cs_shape_count(&shape) / shape.dim[0];
		step = CS_GUARD_SLICE / (int64_t)sizeof(float) / row / grain * grain;
	}
	if (!status && shape.rank && address > 0 && address <= guard->size &&
		cs_shape_count(&shape) <= (guard->size - address) / (int64_t)sizeof(float)) {
		status = read_file(guard, path, shape, address, &tensor, error);
	} else if (!status && step > 0) {
		status = read_slices(guard, path, shape, step, &tensor, error);
	} else if (!status) {
		status = fill_window(guard, path, CS_H5_F32, limit, &shape, &reply, error);
		if (!status)
			status = unwritten(shape, &tensor, error);
		if (!status)
			status = copy_window(guard, tensor.data, reply.bytes, error);
	}
	pthread_mutex_unlock(&guard->lock);
	if (status)
		cs_tensor_fini(&tensor);
	else
		*out = tensor;
	return status;
}

enum cs_status cs_guard_read_array(struct cs_guard *guard, const char *path, enum cs_h5_type type, int64_t limit,
	void **data, struct cs_shape *shape, struct cs_error *error)
{
	struct cs_guard_reply reply;
	struct cs_shape found;
	enum cs_status status;
	void *block = NULL;

	pthread_mutex_lock(&guard->lock);
	status = info_of(guard, path, &found, NULL, NULL, NULL, error);
	if (!status)
		status = check_limit(guard, path, &found, limit, error);
	if (!status)
		status = fill_window(guard, path, type, limit, &found, &reply, error);
	if (!status) {
		block = cs_alloc(reply.bytes);
		status = block ? copy_window(guard, block, reply.bytes, error)
			       : cs_fail_memory(error, "a table of an HDF5 file");
	}
	pthread_mutex_unlock(&guard->lock);
	if (status) {
		cs_free(block);
		return status;
	}
	*data = block;
	if (shape)
		*shape = reply.shape;
	return CS_OK;
}

enum cs_status cs_guard_read_rows(
	struct cs_guard *guard, const char *path, int64_t first, int64_t count, float *out, struct cs_error *error)
{
	struct cs_guard_request request = {.first = first, .count = count};
	struct cs_guard_reply reply;
	struct cs_shape shape;
	uint64_t bytes = 0;
	enum cs_status status;

	pthread_mutex_lock(&guard->lock);
	status = info_of(guard, path, &shape, NULL, NULL, NULL, error);
	if (!status &&
		(shape.rank == 0 || first < 0 || count < 0 || first > shape.dim[0] || count > shape.dim[0] - first))
		status = cs_fail(error, CS_ERR_ARGUMENT,
			"'%s': '%.300s' has %lld rows; %lld rows from row %lld on are not there", guard->name, path,
			(long long)(shape.rank ? shape.dim[0] : 0), (long long)count, (long long)first);
	if (!status) {
		shape.dim[0] = count;
		bytes = (uint64_t)cs_shape_count(&shape) * sizeof *out;
		status = make_room(guard, bytes, error);
	}
	if (!status && bytes) {
		status = ask(guard, &request, CS_GUARD_ROWS, path, NULL, &reply, error);
		if (!status && reply.bytes != bytes)
			status = lose(guard, LIES, error);
		if (!status)
			status = copy_window(guard, out, bytes, error);
	}
	pthread_mutex_unlock(&guard->lock);
	return status;
}

/* The text of a reply, copied before it is looked at: `count` strings, each with its NUL, and not a byte more. */
static enum cs_status copy_text(
	struct cs_guard *guard, const struct cs_guard_reply *reply, size_t before, char **out, struct cs_error *error)
{
	char *block = cs_alloc(before + reply->bytes);
	int64_t ends = 0;
	enum cs_status status;

	if (!block)
		return cs_fail_memory(error, "the text of an HDF5 file");
	status = copy_window(guard, block + before, reply->bytes, error);
	for (uint64_t i = 0; !status && i < reply->bytes; i++)
		ends += block[before + i] == '\0';
	if (!status && (ends != reply->count || (reply->bytes && block[before + reply->bytes - 1] != '\0')))
		status = lose(guard, LIES, error);
	if (status)
		cs_free(block);
	else
		*out = block;
	return status;
}

enum cs_status cs_guard_read_string(
	struct cs_guard *guard, const char *path, const char *attribute, char **text, struct cs_error *error)
{
	struct cs_guard_request request = {0};
	struct cs_guard_reply reply;
	enum cs_status status;

	pthread_mutex_lock(&guard->lock);
	status = ask(guard, &request, CS_GUARD_STRING, path, attribute, &reply, error);
	if (!status && reply.count != 1)
		status = lose(guard, LIES, error);
	if (!status)
		status = copy_text(guard, &reply, 0, text, error);
	pthread_mutex_unlock(&guard->lock);
	return status;
}

enum cs_status cs_guard_read_strings(struct cs_guard *guard, enum cs_guard_op op, const char *path,
	const char *attribute, char ***out, int *count, struct cs_error *error)
{
	struct cs_guard_request request = {0};
	struct cs_guard_reply reply;
	enum cs_status status;
	char *block = NULL;

	pthread_mutex_lock(&guard->lock);
	status = ask(guard, &request, op, path, attribute, &reply, error);
	if (!status && (uint64_t)reply.count > reply.bytes)
		status = lose(guard, LIES, error);
	if (!status)
		status = copy_text(guard, &reply, ((size_t)reply.count + 1) * sizeof(char *), &block, error);
	pthread_mutex_unlock(&guard->lock);
	if (!status) {
		char **list = (char **)(void *)block;
		char *at = block + ((size_t)reply.count + 1) * sizeof(char *);

		for (int64_t i = 0; i < reply.count; i++, at += strlen(at) + 1)
			list[i] = at;
		list[reply.count] = NULL;
		*out = list;
		*count = (int)reply.count;
	}
	return status;
}

enum cs_status cs_guard_read_number(
	struct cs_guard *guard, const char *path, const char *attribute, double *value, struct cs_error *error)
{
	struct cs_guard_request request = {0};
	struct cs_guard_reply reply;
	enum cs_status status;

	pthread_mutex_lock(&guard->lock);
	status = ask(guard, &request, CS_GUARD_NUMBER, path, attribute, &reply, error);
	pthread_mutex_unlock(&guard->lock);
	if (!status)
		*value = reply.number;
	return status;
}
