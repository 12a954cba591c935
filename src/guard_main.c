/* guard_main.c: convscope-reader, the helper that reads HDF5 and ONNX files nobody vouches for. See io/guard.h.
 *
 * It is started by convscope with three descriptors in place: the file, read-only; a socket; the window of shared memory. Before it
 * looks at a byte of the file it gives up what it will not need: all other descriptors, the right to open or write files, and,
 * by a seccomp filter, every system call but those for memory, for reading that one descriptor and for talking on the socket.
 * Calls outside the list fail with EPERM, so a library that tries one gets an error it can handle; and memory is never executable.
 *
 *	convscope-reader NAME BYTES SECONDS     name of the file for messages; address space, processor time
 */
#include "core/alloc.h"
#include "io/guard_protocol.h"
#include "io/h5.h"
#include "io/onnx.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sanitizers map terabytes, and read /proc and write to stderr when they have something to say. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__)) && !SANITIZED
#define FILTERED 1
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#else
#define FILTERED 0
#endif

#if SANITIZED
/* That the library crashes on some files is known and what this program is for: it dies of it plainly here too, and convscope reports
 * it. What a sanitizer finds otherwise, in our code, is said as ever. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_abort=0:detect_leaks=0:replace_intrin=0";
}

const char *__asan_default_suppressions(void);
const char *__asan_default_suppressions(void)
{
	return "interceptor_via_lib:libhdf5\n";
}
#endif

/* --- giving up --- */

static bool limit(int resource, rlim_t value)
{
	struct rlimit limits = {value, value}, now;

	if (getrlimit(resource, &now) == 0 && now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
		limits.rlim_cur = limits.rlim_max = now.rlim_max;
	return setrlimit(resource, &limits) == 0;
}

static bool limit_all(const char *bytes, const char *seconds)
{
	unsigned long long memory = strtoull(bytes, NULL, 10), time = strtoull(seconds, NULL, 10);

	/* No file can be written or grown, none opened (those that are open stay), no process started. */
	return memory && time && (SANITIZED || limit(RLIMIT_AS, memory)) && limit(RLIMIT_CPU, time + 1) &&
		limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && (SANITIZED || limit(RLIMIT_NOFILE, 0));
}

/* Leave the three descriptors and nothing else: 0, 1 and 2 become /dev/null, others are closed. */
static bool close_others(void)
{
	int null = open("/dev/null", O_RDWR);
	bool closed = false;

	if (null < 0)
		return false;
	for (int i = 0; i < (SANITIZED ? 2 : 3); i++)
		if (dup2(null, i) < 0)
			return false;
#ifdef SYS_close_range
	closed = syscall(SYS_close_range, CS_GUARD_WINDOW + 1, ~0u, 0) == 0;
#endif
	if (!closed) {
		long last = sysconf(_SC_OPEN_MAX);

		for (int i = CS_GUARD_WINDOW + 1; i < (last > 0 && last < 65536 ? last : 65536); i++)
			close(i);
	}
	return true;
}

#if FILTERED

#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DENY SECCOMP_RET_ERRNO | EPERM
/* Allowed unless the third argument, as the low word has it, holds PROT_EXEC. The number is loaded anew afterwards. */
#define ALLOW_UNLESS_CODE(call) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 4), \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, args[2])), \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), BPF_STMT(BPF_RET | BPF_K, DENY), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static bool filter(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
#ifdef __x86_64__
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
#else
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 1, 0),
#endif
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		/* On x86-64 the calls of the x32 interface have other numbers and so are denied with the rest. */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(__NR_pread64),
		ALLOW(__NR_recvfrom),
		ALLOW(__NR_sendto),
		ALLOW_UNLESS_CODE(__NR_mmap),
		ALLOW_UNLESS_CODE(__NR_mprotect),
		ALLOW(__NR_munmap),
		ALLOW(__NR_mremap),
		ALLOW(__NR_madvise),
		ALLOW(__NR_brk),
		ALLOW(__NR_fstat),
#ifdef __NR_newfstatat
		ALLOW(__NR_newfstatat), /* what later C libraries make of fstat */
#endif
		ALLOW(__NR_futex),
		ALLOW(__NR_getrandom),
		ALLOW(__NR_clock_gettime),
		ALLOW(__NR_gettimeofday),
		ALLOW(__NR_getpid),
		ALLOW(__NR_gettid),
		ALLOW(__NR_rt_sigreturn),
		ALLOW(__NR_rt_sigprocmask),
		ALLOW(__NR_restart_syscall),
		ALLOW(__NR_exit),
		ALLOW(__NR_exit_group),
		BPF_STMT(BPF_RET | BPF_K, DENY),
	};
	struct sock_fprog list = {.len = sizeof program / sizeof *program, .filter = program};

	/* A kernel built without seccomp: the limits must do. */
	if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL)
		return true;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &list) == 0;
}

#else

static bool filter(void)
{
	return true;
}

#endif

/* --- answering --- */

/* The window's front, mapped once. */
static char *front;

/* `bytes` of the window, as far as the program made it; NULL with an error otherwise. Given back by unmap_window(). */
static void *map_window(const struct cs_guard_request *request, uint64_t bytes, struct cs_error *error)
{
	uint64_t end;
	void *window;

	if (__builtin_add_overflow(request->offset, bytes, &end) || end > request->room) {
		cs_fail(error, CS_ERR_MEMORY, "'%.300s' is larger than it said, or than text may be", request->path);
		return NULL;
	}
	if (end <= CS_GUARD_FRONT)
		return front + request->offset;
	window = request->offset
		? MAP_FAILED
		: mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, CS_GUARD_WINDOW, 0);
	if (window == MAP_FAILED) {
		cs_fail(error, CS_ERR_MEMORY, "not enough memory to read '%.300s'", request->path);
		return NULL;
	}
	return window;
}

static void unmap_window(void *window, uint64_t bytes)
{
	if ((char *)window < front || (char *)window > front + CS_GUARD_FRONT)
		munmap(window, bytes);
}

static size_t type_size(enum cs_h5_type type)
{
	return type == CS_H5_U8 ? 1 : type == CS_H5_I32 || type == CS_H5_F32 ? 4 : 8;
}

static enum cs_status answer_rows(struct cs_h5 *file, const struct cs_guard_request *request, int64_t first,
	int64_t count, struct cs_shape shape, struct cs_guard_reply *reply, struct cs_error *error)
{
	enum cs_status status;
	void *window;

	shape.dim[0] = count;
	reply->bytes = (uint64_t)cs_shape_count(&shape) * sizeof(float);
	window = map_window(request, reply->bytes, error);
	if (!window)
		return CS_ERR_MEMORY;
	status = cs_h5_read_rows(file, request->path, first, count, window, error);
	unmap_window(window, reply->bytes);
	return status;
}

static enum cs_status answer_array(struct cs_h5 *file, const struct cs_guard_request *request,
	struct cs_guard_reply *reply, struct cs_error *error)
{
	enum cs_h5_type type = request->type;
	enum cs_status status = cs_h5_info(file, request->path, &reply->shape, NULL, error);
	void *data = NULL, *window = NULL;

	if (status)
		return status;
	/* Weights, which may be large, go straight into the window. */
	if (type == CS_H5_F32 && reply->shape.rank > 0 && cs_shape_count(&reply->shape) > 0)
		return answer_rows(file, request, 0, reply->shape.dim[0], reply->shape, reply, error);
	status = cs_h5_read_array(file, request->path, type, request->limit, &data, &reply->shape, error);
	if (status)
		return status;
	reply->bytes = (uint64_t)cs_shape_count(&reply->shape) * type_size(type);
	window = map_window(request, reply->bytes, error);
	if (window) {
		memcpy(window, data, reply->bytes);
		unmap_window(window, reply->bytes);
	}
	cs_free(data);
	return window ? CS_OK : CS_ERR_MEMORY;
}

/* Strings one after the other, each with its NUL. */
static enum cs_status put_strings(const struct cs_guard_request *request, char *const *list, int count,
	struct cs_guard_reply *reply, struct cs_error *error)
{
	char *window, *at;

	for (int i = 0; i < count; i++)
		reply->bytes += strlen(list[i]) + 1;
	reply->count = count;
	window = at = map_window(request, reply->bytes, error);
	if (!window)
		return CS_ERR_MEMORY;
	for (int i = 0; i < count; i++)
		at = stpcpy(at, list[i]) + 1;
	unmap_window(window, reply->bytes);
	return CS_OK;
}

static enum cs_status answer(struct cs_h5 *file, const struct cs_guard_request *request, struct cs_guard_reply *reply,
	struct cs_error *error)
{
	const char *path = request->path, *attribute = request->attribute ? request->name : NULL;
	enum cs_status status = CS_OK;
	char **list = NULL, *text = NULL, kind;
	int count = 0;

	switch ((enum cs_guard_op)request->op) {
	case CS_GUARD_EXISTS:
		reply->truth = cs_h5_exists(file, path);
		break;
	case CS_GUARD_IS_GROUP:
		reply->truth = cs_h5_is_group(file, path);
		break;
	case CS_GUARD_HAS_ATTRIBUTE:
		reply->truth = cs_h5_has_attribute(file, path, request->name);
		break;
	case CS_GUARD_INFO:
		status = cs_h5_info(file, path, &reply->shape, &kind, error);
		reply->kind = status ? '?' : kind;
		reply->count = status ? 0 : cs_h5_grain(file, path);
		reply->address = status ? -1 : cs_h5_address(file, path);
		break;
	case CS_GUARD_ARRAY:
		status = answer_array(file, request, reply, error);
		break;
	case CS_GUARD_ROWS: {
		struct cs_shape shape;

		status = cs_h5_info(file, path, &shape, NULL, error);
		if (!status && (shape.rank == 0 || request->count < 0))
			status = cs_fail(error, CS_ERR_ARGUMENT, "'%.300s' has no rows", path);
		if (!status)
			status = answer_rows(file, request, request->first, request->count, shape, reply, error);
		break;
	}
	case CS_GUARD_STRING:
		status = cs_h5_read_string(file, path, attribute, &text, error);
		if (!status)
			status = put_strings(request, &text, 1, reply, error);
		break;
	case CS_GUARD_LIST:
	case CS_GUARD_STRINGS:
		status = request->op == CS_GUARD_LIST ? cs_h5_list(file, path, &list, &count, error)
						      : cs_h5_read_strings(file, path, attribute, &list, &count, error);
		if (!status)
			status = put_strings(request, list, count, reply, error);
		break;
	case CS_GUARD_NUMBER:
		status = cs_h5_read_number(file, path, attribute, &reply->number, error);
		break;
	default:
		status = cs_fail(error, CS_ERR_ARGUMENT, "convscope-reader knows no question %u", request->op);
	}
	cs_free(list);
	cs_free(text);
	return status;
}

/* --- answering about an ONNX file (io/onnx.c): its description, and its tensors by number --- */

static enum cs_status answer_numbers(struct cs_onnx *file, int index, const struct cs_guard_request *request,
	int64_t first, int64_t count, struct cs_guard_reply *reply, struct cs_error *error)
{
	bool floats = request->op == CS_GUARD_ROWS || request->type == CS_H5_F32;
	enum cs_status status;
	void *window;

	if (!floats && request->type != CS_H5_I64)
		return cs_fail(error, CS_ERR_ARGUMENT, "'%.300s' is read as float32 or as int64", request->path);
	if (request->op == CS_GUARD_ARRAY && count > request->limit)
		return cs_fail(error, CS_ERR_MEMORY, "'%.300s' has more numbers than were expected", request->path);
	reply->shape = CS_SHAPE(count);
	reply->bytes = (uint64_t)count * (floats ? sizeof(float) : sizeof(int64_t));
	window = map_window(request, reply->bytes, error);
	if (!window)
		return CS_ERR_MEMORY;
	status = floats ? cs_onnx_slice(file, index, first, count, window, error)
			: cs_onnx_integer_slice(file, index, first, count, window, error);
	unmap_window(window, reply->bytes);
	return status;
}

static enum cs_status answer_onnx(struct cs_onnx *file, const struct cs_guard_request *request,
	struct cs_guard_reply *reply, struct cs_error *error)
{
	int64_t count, address, first = request->op == CS_GUARD_ROWS ? request->first : 0;
	char *text = NULL;
	enum cs_status status;
	int index = -1, end = 0;

	if (request->op == CS_GUARD_STRING && !strcmp(request->path, "description")) {
		status = cs_onnx_describe(file, &text, error);
		if (!status)
			status = put_strings(request, &text, 1, reply, error);
		cs_free(text);
		return status;
	}
	if (sscanf(request->path, "tensor/%d%n", &index, &end) != 1 || request->path[end] || index < 0 ||
		index >= cs_onnx_count(file))
		return cs_fail(error, CS_ERR_NOT_FOUND, "there is no '%.300s'", request->path);
	reply->kind = cs_onnx_kind(file, index, &count, &address);
	switch ((enum cs_guard_op)request->op) {
	case CS_GUARD_INFO:
		reply->shape = CS_SHAPE(count);
		reply->count = 1;
		reply->address = address;
		return CS_OK;
	case CS_GUARD_ARRAY:
	case CS_GUARD_ROWS:
		if (request->op == CS_GUARD_ROWS)
			count = request->count;
		return count < 0 || count > INT64_MAX / 8
			? cs_fail(error, CS_ERR_ARGUMENT, "'%.300s' has no such rows", request->path)
			: answer_numbers(file, index, request, first, count, reply, error);
	default:
		return cs_fail(
			error, CS_ERR_ARGUMENT, "convscope-reader knows no question %u about ONNX files", request->op);
	}
}

static bool say(struct cs_guard_reply *reply, enum cs_status status, const struct cs_error *error)
{
	reply->status = status;
	if (status) {
		reply->bytes = 0;
		reply->count = 0;
		reply->shape = (struct cs_shape){0};
		snprintf(reply->message, sizeof reply->message, "%s", error->message);
	}
	return send(CS_GUARD_SOCKET, reply, sizeof *reply, MSG_NOSIGNAL) == sizeof *reply;
}

int main(int count, char **arguments)
{
	static struct cs_guard_request request;
	struct cs_guard_reply reply = {0};
	struct cs_error error = {0};
	struct cs_h5 *file = NULL;
	struct cs_onnx *onnx = NULL;
	enum cs_status status;
	ssize_t got;

	if (count != 4 || fcntl(CS_GUARD_WINDOW, F_GETFD) < 0) {
		fputs("convscope-reader: started by convscope to read one file in confinement; not for use by hand\n",
			stderr);
		return 2;
	}
	front = mmap(NULL, CS_GUARD_FRONT, PROT_READ | PROT_WRITE, MAP_SHARED, CS_GUARD_WINDOW, 0);
	if (front == MAP_FAILED || !close_others() || !limit_all(arguments[2], arguments[3]) || !filter()) {
		cs_fail(&error, CS_ERR_IO, "'%s': convscope-reader cannot confine itself: %s", arguments[1],
			strerror(errno));
		say(&reply, error.status, &error);
		_exit(1);
	}
	status = cs_onnx_recognise_descriptor(CS_GUARD_FILE)
		? cs_onnx_open_descriptor(CS_GUARD_FILE, arguments[1], &onnx, &error)
		: cs_h5_open_descriptor(CS_GUARD_FILE, arguments[1], &file, &error);
	if (!say(&reply, status, &error) || status)
		_exit(1);
	while ((got = recv(CS_GUARD_SOCKET, &request, sizeof request, 0)) == sizeof request) {
		request.path[sizeof request.path - 1] = request.name[sizeof request.name - 1] = '\0';
		memset(&reply, 0, sizeof reply);
		memset(&error, 0, sizeof error);
		status = onnx ? answer_onnx(onnx, &request, &reply, &error) : answer(file, &request, &reply, &error);
		if (!say(&reply, status, &error))
			break;
	}
	/* Without exit handlers: the library's would look at the file once more. */
	_exit(0);
}
