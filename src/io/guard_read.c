/* guard_read.c: what the helper is asked for, and the numbers and text of its answers. See guard.h.
 *
 * An answer is believed as far as its shape, bytes and strings agree with each other and with what was asked; what does not agree is
 * the end of the helper. Memory is taken when the helper has checked that the file holds so much.
 */
#include "io/guard_internal.h"

#include "core/alloc.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, HUGE_PAGES = 4 << 20 };

bool cs_guard_truth(struct cs_guard *guard, enum cs_guard_op op, const char *path, const char *attribute)
{
	struct cs_guard_request request = {0};
	struct cs_guard_reply reply;
	bool truth;

	pthread_mutex_lock(&guard->lock);
	truth = cs_guard_ask(guard, &request, op, path, attribute, &reply, NULL) == CS_OK && reply.truth == 1;
	pthread_mutex_unlock(&guard->lock);
	return truth;
}

static enum cs_status info_of(struct cs_guard *guard, const char *path, struct cs_shape *shape, char *kind,
	int64_t *grain, int64_t *address, struct cs_error *error)
{
	struct cs_guard_request request = {0};
	struct cs_guard_reply reply;
	enum cs_status status = cs_guard_ask(guard, &request, CS_GUARD_INFO, path, NULL, &reply, error);

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
	enum cs_status status = cs_guard_make_room(guard, bytes, error);

	if (!status)
		status = cs_guard_ask(guard, &request, CS_GUARD_ARRAY, path, NULL, reply, error);
	if (!status && (!cs_shape_equal(shape, &reply->shape) || reply->bytes != bytes))
		status = cs_guard_lose(guard, CS_GUARD_LIES, error);
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
	enum cs_status status = cs_guard_send_request(guard, &request, CS_GUARD_ROWS, path, NULL, error);

	for (int64_t first = 0; first < rows && !status; first += step) {
		int64_t count = first + step < rows ? step : rows - first;
		const char *slice = guard->front + request.offset;

		status = cs_guard_take_reply(guard, &reply, error);
		if (!status && reply.bytes != (uint64_t)(count * row) * sizeof(float))
			status = cs_guard_lose(guard, CS_GUARD_LIES, error);
		if (!status && first == 0)
			status = unwritten(shape, &tensor, error);
		if (!status && first + step < rows) {
			request.first = first + step;
			request.count = request.first + step < rows ? step : rows - request.first;
			request.offset ^= CS_GUARD_SLICE;
			status = cs_guard_send_request(guard, &request, CS_GUARD_ROWS, path, NULL, error);
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
			status = cs_guard_copy_window(guard, tensor.data, reply.bytes, error);
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
		status = block ? cs_guard_copy_window(guard, block, reply.bytes, error)
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
		status = cs_guard_make_room(guard, bytes, error);
	}
	if (!status && bytes) {
		status = cs_guard_ask(guard, &request, CS_GUARD_ROWS, path, NULL, &reply, error);
		if (!status && reply.bytes != bytes)
			status = cs_guard_lose(guard, CS_GUARD_LIES, error);
		if (!status)
			status = cs_guard_copy_window(guard, out, bytes, error);
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
	status = cs_guard_copy_window(guard, block + before, reply->bytes, error);
	for (uint64_t i = 0; !status && i < reply->bytes; i++)
		ends += block[before + i] == '\0';
	if (!status && (ends != reply->count || (reply->bytes && block[before + reply->bytes - 1] != '\0')))
		status = cs_guard_lose(guard, CS_GUARD_LIES, error);
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
	status = cs_guard_ask(guard, &request, CS_GUARD_STRING, path, attribute, &reply, error);
	if (!status && reply.count != 1)
		status = cs_guard_lose(guard, CS_GUARD_LIES, error);
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
	status = cs_guard_ask(guard, &request, op, path, attribute, &reply, error);
	if (!status && (uint64_t)reply.count > reply.bytes)
		status = cs_guard_lose(guard, CS_GUARD_LIES, error);
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
	status = cs_guard_ask(guard, &request, CS_GUARD_NUMBER, path, attribute, &reply, error);
	pthread_mutex_unlock(&guard->lock);
	if (!status)
		*value = reply.number;
	return status;
}
