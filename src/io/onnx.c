/* onnx.c: ONNX files opened, here or by the helper, and their numbers handed out. See onnx.h.
 *
 * The helper maps the file and takes it apart (onnx_parse.c). The program asks it for the description as the string "description" and
 * for the numbers of a tensor as the data set "tensor/17"; float32 that lies in the file as it is, it reads there itself.
 */
#include "io/onnx.h"

#include "core/alloc.h"
#include "io/onnx_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Fields of a ModelProto, by number: those that are numbers, those that are bytes. */
#define NUMBERS (1u << 1 | 1u << 5)
#define BYTES (1u << 2 | 1u << 3 | 1u << 4 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 14 | 1u << 20 | 1u << 25 | 1u << 26)

enum { GRAPH = 7, MOST_FIELDS = 4096 };

bool cs_onnx_recognise_descriptor(int descriptor)
{
	off_t at = 0;

	for (int i = 0; i < MOST_FIELDS; i++) {
		uint8_t bytes[CS_WIRE_HEAD];
		struct cs_wire_field field;
		ssize_t got = pread(descriptor, bytes, sizeof bytes, at);
		size_t head = got > 0 ? cs_wire_head(bytes, bytes + got, &field) : 0;
		uint32_t known = !head                 ? 0
			: field.type == CS_WIRE_VARINT ? NUMBERS
			: field.type == CS_WIRE_BYTES  ? BYTES
						       : 0;

		if (!head || field.number > 31 || !(known >> field.number & 1))
			return false;
		/* A graph that is cut off is still one. */
		if (field.number == GRAPH)
			return true;
		if (field.type == CS_WIRE_BYTES && field.value > INT32_MAX)
			return false;
		at += (off_t)head + (field.type == CS_WIRE_BYTES ? (off_t)field.value : 0);
	}
	return false;
}

bool cs_onnx_recognise(const char *path)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat info;
	bool known = descriptor >= 0 && !fstat(descriptor, &info) && S_ISREG(info.st_mode) &&
		cs_onnx_recognise_descriptor(descriptor);

	if (descriptor >= 0)
		close(descriptor);
	return known;
}

/* --- opening and closing --- */

static enum cs_status make(const char *name, struct cs_onnx **out, struct cs_error *error)
{
	struct cs_onnx *file = cs_calloc(1, sizeof *file);

	if (file)
		file->name = cs_strdup(name);
	if (!file || !file->name) {
		cs_free(file);
		return cs_fail_memory(error, "an ONNX file");
	}
	*out = file;
	return CS_OK;
}

void cs_onnx_close(struct cs_onnx *file)
{
	if (!file)
		return;
	cs_guard_close(file->guard);
	if (file->mapped)
		munmap((void *)(uintptr_t)file->bytes, file->size);
	for (int i = 0; i < file->count; i++)
		cs_free(file->tensors[i].floats);
	cs_free(file->tensors);
	free(file->text); /* jansson's */
	cs_free(file->name);
	cs_free(file);
}

enum cs_status cs_onnx_open_foreign(const char *path, struct cs_onnx **out, struct cs_error *error)
{
	struct cs_onnx *file = NULL;
	enum cs_status status = make(path, &file, error);

	if (status)
		return status;
	status = cs_guard_open(path, &file->guard, error);
	if (status)
		cs_onnx_close(file);
	else
		*out = file;
	return status;
}

enum cs_status cs_onnx_open_image(
	const void *bytes, size_t size, const char *name, struct cs_onnx **out, struct cs_error *error)
{
	struct cs_onnx *file = NULL;
	enum cs_status status = make(name, &file, error);

	if (status)
		return status;
	file->bytes = bytes;
	file->size = size;
	status = cs_onnx_parse(file, error);
	if (status)
		cs_onnx_close(file);
	else
		*out = file;
	return status;
}

enum cs_status cs_onnx_open_descriptor(int descriptor, const char *name, struct cs_onnx **out, struct cs_error *error)
{
	struct cs_onnx *file = NULL;
	struct stat info;
	void *bytes;
	enum cs_status status;

	if (fstat(descriptor, &info) || !S_ISREG(info.st_mode) || info.st_size == 0)
		return cs_fail(error, CS_ERR_FORMAT, "'%s' is empty, or no file", name);
	bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
	if (bytes == MAP_FAILED)
		return cs_fail_errno(error, "cannot read", name);
	status = make(name, &file, error);
	if (status) {
		munmap(bytes, (size_t)info.st_size);
		return status;
	}
	file->bytes = bytes;
	file->size = (size_t)info.st_size;
	file->mapped = true;
	status = cs_onnx_parse(file, error);
	if (status)
		cs_onnx_close(file);
	else
		*out = file;
	return status;
}

enum cs_status cs_onnx_open(const char *path, struct cs_onnx **out, struct cs_error *error)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum cs_status status;

	if (descriptor < 0)
		return cs_fail_errno(error, "cannot open", path);
	status = cs_onnx_open_descriptor(descriptor, path, out, error);
	close(descriptor);
	return status;
}

enum cs_status cs_onnx_describe(struct cs_onnx *file, char **json, struct cs_error *error)
{
	if (file->guard)
		return cs_guard_read_string(file->guard, "description", NULL, json, error);
	*json = cs_strdup(file->text);
	return *json ? CS_OK : cs_fail_memory(error, "an ONNX file");
}

/* --- numbers --- */

int cs_onnx_count(const struct cs_onnx *file)
{
	return file->count;
}

char cs_onnx_kind(const struct cs_onnx *file, int index, int64_t *count, int64_t *address)
{
	const struct cs_onnx_numbers *numbers = &file->tensors[index];

	*count = numbers->count;
	*address = numbers->raw && numbers->type == CS_ONNX_FLOAT && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		? numbers->raw - file->bytes
		: -1;
	return numbers->external || !cs_onnx_width(numbers->type) ? '?' : cs_onnx_is_integer(numbers->type) ? 'i' : 'f';
}

static enum cs_status check_slice(
	const struct cs_onnx *file, int index, int64_t first, int64_t count, struct cs_error *error)
{
	const struct cs_onnx_numbers *numbers = index >= 0 && index < file->count ? &file->tensors[index] : NULL;

	if (!numbers || numbers->external || !cs_onnx_width(numbers->type))
		return cs_fail(error, CS_ERR_UNSUPPORTED, "'%s' has no tensor %d whose numbers can be read", file->name,
			index);
	if (first < 0 || count < 0 || first > numbers->count || count > numbers->count - first)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"'%s': tensor %d has %lld numbers; %lld from %lld on are not there", file->name, index,
			(long long)numbers->count, (long long)count, (long long)first);
	return CS_OK;
}

enum cs_status cs_onnx_slice(
	struct cs_onnx *file, int index, int64_t first, int64_t count, float *out, struct cs_error *error)
{
	struct cs_onnx_numbers *numbers;
	enum cs_status status = check_slice(file, index, first, count, error);

	if (status || !count)
		return status;
	numbers = &file->tensors[index];
	if (numbers->raw) {
		cs_onnx_raw_floats(numbers->raw + first * cs_onnx_width(numbers->type), numbers->type, count, out);
		return CS_OK;
	}
	/* Numbers of unequal sizes are unpacked once: counting to the nth takes as long. */
	if (!numbers->floats) {
		numbers->floats = cs_alloc((size_t)numbers->count * sizeof(float));
		if (!numbers->floats)
			return cs_fail_memory(error, "the numbers of an ONNX file");
		cs_onnx_typed_floats(numbers->body, numbers->type, numbers->floats);
	}
	memcpy(out, numbers->floats + first, (size_t)count * sizeof *out);
	return CS_OK;
}

enum cs_status cs_onnx_integer_slice(
	struct cs_onnx *file, int index, int64_t first, int64_t count, int64_t *out, struct cs_error *error)
{
	const struct cs_onnx_numbers *numbers;
	enum cs_status status = check_slice(file, index, first, count, error);

	if (status || !count)
		return status;
	numbers = &file->tensors[index];
	if (!cs_onnx_is_integer(numbers->type))
		return cs_fail(error, CS_ERR_FORMAT, "'%s': tensor %d holds %s, whole numbers were expected",
			file->name, index, cs_onnx_type_name(numbers->type));
	if (numbers->raw)
		cs_onnx_raw_integers(numbers->raw + first * cs_onnx_width(numbers->type), numbers->type, count, out);
	else
		cs_onnx_typed_integers(numbers->body, numbers->type, first, count, out);
	return CS_OK;
}

enum cs_status cs_onnx_floats(
	struct cs_onnx *file, int index, int64_t count, struct cs_tensor *out, struct cs_error *error)
{
	struct cs_tensor tensor = {0};
	char path[32];
	enum cs_status status;

	if (!file->guard) {
		status = check_slice(file, index, 0, count, error);
		if (!status)
			status = cs_tensor_init(&tensor, CS_SHAPE(count), error);
		if (!status)
			status = cs_onnx_slice(file, index, 0, count, tensor.data, error);
	} else {
		snprintf(path, sizeof path, "tensor/%d", index);
		status = cs_guard_read_tensor(file->guard, path, count, &tensor, error);
	}
	if (!status && cs_tensor_count(&tensor) != count)
		status = cs_fail(error, CS_ERR_FORMAT, "'%s': tensor %d has not the %lld numbers it should have",
			file->name, index, (long long)count);
	if (status)
		cs_tensor_fini(&tensor);
	else
		*out = tensor;
	return status;
}

enum cs_status cs_onnx_integers(struct cs_onnx *file, int index, int64_t count, int64_t **out, struct cs_error *error)
{
	struct cs_shape shape = {0};
	void *block = NULL;
	char path[32];
	enum cs_status status;

	if (count > CS_ONNX_MOST_INTEGERS)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"'%s': a table of %lld whole numbers; convscope reads up to %d", file->name, (long long)count,
			CS_ONNX_MOST_INTEGERS);
	if (!file->guard) {
		block = cs_alloc((size_t)(count > 0 ? count : 1) * sizeof(int64_t));
		status = block ? cs_onnx_integer_slice(file, index, 0, count, block, error)
			       : cs_fail_memory(error, "the numbers of an ONNX file");
	} else {
		snprintf(path, sizeof path, "tensor/%d", index);
		status = cs_guard_read_array(file->guard, path, CS_H5_I64, count, &block, &shape, error);
		if (!status && cs_shape_count(&shape) != count)
			status =
				cs_fail(error, CS_ERR_FORMAT, "'%s': tensor %d has not the %lld numbers it should have",
					file->name, index, (long long)count);
	}
	if (status)
		cs_free(block);
	else
		*out = block;
	return status;
}
