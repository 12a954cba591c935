/* onnx_external.c: weights that an ONNX model keeps in a file beside itself. See onnx.h.
 *
 * Which file that is, the model says, and the model is not trusted. So the name must be a plain one in the model's own directory; it
 * is opened without following a link and without waiting for a pipe, and must be a regular file that holds the bytes that are
 * asked for. All that is ever taken from it is numbers.
 */
#include "core/alloc.h"
#include "io/file.h"
#include "io/onnx_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

static enum cs_status open_beside(
	const char *model, const char *location, int *out, int64_t *size, struct cs_error *error)
{
	const char *slash = strrchr(model, '/');
	char *path;
	struct stat info;
	int file;

	if (!strncmp(location, "./", 2))
		location += 2;
	if (!*location || *location == '.' || strchr(location, '/') || strchr(location, '\\'))
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"its weights are in '%.200s': convscope reads such files only from beside the model, by a "
			"plain name",
			location);
	path = cs_format("%.*s%s", slash ? (int)(slash - model) + 1 : 0, model, location);
	if (!path)
		return cs_fail_memory(error, "a path");
	file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (file < 0) {
		enum cs_status status = errno == ELOOP ? cs_fail(error, CS_ERR_UNSUPPORTED,
								 "its weights are in '%s', which is a symbolic link: "
								 "put the file itself beside the model",
								 path)
			: errno == ENOENT
			? cs_fail(error, CS_ERR_NOT_FOUND,
				  "its weights are in '%s', which is not there: keep the files of a model together",
				  path)
			: cs_fail_errno(error, "cannot open its weights", path);

		cs_free(path);
		return status;
	}
	if (fstat(file, &info) || !S_ISREG(info.st_mode)) {
		close(file);
		cs_fail(error, CS_ERR_FORMAT, "its weights are in '%s', which is no file", path);
		cs_free(path);
		return CS_ERR_FORMAT;
	}
	cs_free(path);
	*out = file;
	*size = info.st_size;
	return CS_OK;
}

enum cs_status cs_onnx_external_size(const char *model, const char *location, int64_t *size, struct cs_error *error)
{
	int file;
	enum cs_status status = open_beside(model, location, &file, size, error);

	if (!status)
		close(file);
	return status;
}

static bool read_all(int file, void *to, size_t left, int64_t at)
{
	char *bytes = to;

	while (left) {
		ssize_t got = pread(file, bytes, left, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		bytes += got;
		at += got;
		left -= (size_t)got;
	}
	return true;
}

enum cs_status cs_onnx_external(const char *model, const char *location, int64_t offset, int type, int64_t count,
	struct cs_tensor *out, struct cs_error *error)
{
	int64_t size, bytes, width = cs_onnx_width(type), each;
	struct cs_tensor tensor = {0};
	uint8_t *piece = NULL;
	int file;
	enum cs_status status = open_beside(model, location, &file, &size, error);

	if (status)
		return status;
	if (!width || offset < 0 || count < 0 || __builtin_mul_overflow(count, width, &bytes) || offset > size ||
		bytes > size - offset) {
		status = cs_fail(error, CS_ERR_FORMAT,
			"'%.200s' beside the model is too short for the weights that should be in it: it is cut off, "
			"or of another model",
			location);
		goto out;
	}
	status = cs_tensor_init(&tensor, CS_SHAPE(count), error);
	piece = status ? NULL : cs_alloc(PIECE);
	if (!status && !piece)
		status = cs_fail_memory(error, "the weights of an ONNX model");
	each = PIECE / width;
	for (int64_t first = 0; first < count && !status; first += each) {
		int64_t now = count - first < each ? count - first : each;

		if (!read_all(file, piece, (size_t)(now * width), offset + first * width))
			status = cs_fail(error, CS_ERR_IO, "cannot read '%.200s' beside the model", location);
		else
			cs_onnx_raw_floats(piece, type, now, tensor.data + first);
	}
out:
	close(file);
	cs_free(piece);
	if (status)
		cs_tensor_fini(&tensor);
	else
		*out = tensor;
	return status;
}
