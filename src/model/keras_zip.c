/* keras_zip.c: .keras files: zips of config.json and model.weights.h5.
 *
 * Weights are unpacked block by block into a file that has no name and lies in memory, and its descriptor goes to whoever reads HDF5: they are
 * copied there once, counted and checked against the zip's sum on the way. What small files may unpack to is bounded, and what large ones may
 * is bounded by their size.
 */
#include "model/model_internal.h"

#include "core/alloc.h"
#include "io/archive.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WEIGHTS "model.weights.h5"

enum { CONFIG_LIMIT = 16 << 20, LEAST = 64 << 20, RATIO = 64 };

/* The members of a model; where there are none, what the zip is instead. */
static enum cs_status find_members(
	struct cs_archive *archive, const char *path, int64_t *config, int64_t *weights, struct cs_error *error)
{
	*config = cs_archive_find(archive, "config.json");
	*weights = cs_archive_find(archive, WEIGHTS);
	for (int64_t i = 0; *config < 0 && i < cs_archive_count(archive) && i < 64; i++) {
		const char *name = cs_archive_name(archive, i);
		size_t length = strlen(name);

		if (length >= 8 && !strcmp(name + length - 8, "data.pkl"))
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"'%s' is a PyTorch file, which holds weights without a network: export it with "
				"torch.onnx.export()",
				path);
	}
	if (*config < 0 || *weights < 0)
		return cs_fail(error, CS_ERR_FORMAT, "'%s' is a zip without %s: not a Keras model", path,
			*config < 0 ? "config.json" : WEIGHTS);
	return CS_OK;
}

static enum cs_status read_config(struct cs_archive *archive, int64_t entry, char **text, struct cs_error *error)
{
	size_t capacity = 0, size = 0;
	char *bytes = NULL;
	enum cs_status status = cs_archive_read(archive, entry, CONFIG_LIMIT, &bytes, &capacity, &size, error);

	if (!status) {
		*text = cs_strndup(bytes, size);
		if (!*text)
			status = cs_fail_memory(error, "a model's architecture");
	}
	cs_free(bytes);
	return status;
}

/* A descriptor of what the member unpacks to. */
static enum cs_status unpack_weights(
	struct cs_archive *archive, int64_t entry, const char *path, int *weights, struct cs_error *error)
{
	int64_t limit = LEAST, size;
	struct stat info;

	if (!stat(path, &info) && info.st_size > limit / RATIO)
		limit = info.st_size * RATIO;
	*weights = memfd_create("convscope-weights", MFD_CLOEXEC);
	if (*weights < 0)
		return cs_fail_errno(error, "no memory to unpack", path);
	return cs_archive_unpack(archive, entry, limit, *weights, &size, error);
}

enum cs_status cs_keras_zip_load(
	const char *path, const struct cs_model_options *given, struct cs_model **out, struct cs_error *error)
{
	struct cs_model_options options = given ? *given : (struct cs_model_options){0};
	struct cs_archive *archive = NULL;
	int64_t config_entry, weights_entry;
	char *config = NULL;
	int weights = -1;
	enum cs_status status = cs_archive_open(path, &archive, error);

	if (status)
		return status;
	status = find_members(archive, path, &config_entry, &weights_entry, error);
	if (!status)
		status = read_config(archive, config_entry, &config, error);
	if (!status)
		status = unpack_weights(archive, weights_entry, path, &weights, error);
	if (!status) {
		options.arch = config;
		status = cs_model_load_h5(path, WEIGHTS, weights, &options, out, error);
	}
	if (weights >= 0)
		close(weights);
	cs_archive_close(archive);
	cs_free(config);
	return status;
}
