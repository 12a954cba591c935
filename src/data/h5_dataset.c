/* h5_dataset.c: data sets in one HDF5 file: the arrays of arrays.h, read by the helper program. See h5_dataset.h.
 *
 * A data set may come from anywhere, so libhdf5 never sees it in this process: each reader has a helper of its own (io/guard.h), which
 * hands over a block of images at a time. Nor is any of it kept: the cache holds the decoded images, as for the other sources.
 */
#include "data/h5_dataset.h"

#include "core/alloc.h"
#include "data/arrays.h"
#include "data/place.h"
#include "data/stored.h"
#include "io/file.h"
#include "io/h5.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 2 << 20 };

static bool h5_recognise(struct cs_place *place)
{
	static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
	unsigned char bytes[8];

	return cs_file_peek(place->name, bytes, sizeof bytes) == sizeof bytes && memcmp(bytes, signature, sizeof bytes) == 0;
}

static enum cs_status open_arrays(void *context, void **file, struct cs_error *error)
{
	struct cs_h5 *h5 = NULL;
	enum cs_status status = cs_h5_open_foreign(context, &h5, error);

	*file = h5;
	return status;
}

static void close_arrays(void *file)
{
	cs_h5_close(file, NULL);
}

static enum cs_status list_arrays(void *file, char ***names, int *count, struct cs_error *error)
{
	return cs_h5_list(file, "/", names, count, error);
}

static enum cs_status array_info(
	void *file, const char *name, struct cs_shape *shape, char *kind, struct cs_error *error)
{
	char *path = cs_format("/%s", name);
	enum cs_status status =
		path ? cs_h5_info(file, path, shape, kind, error) : cs_fail_memory(error, "the name of a data set");

	cs_free(path);
	return status;
}

static enum cs_status array_rows(
	void *file, const char *name, int64_t first, int64_t count, float *out, struct cs_error *error)
{
	char *path = cs_format("/%s", name);
	enum cs_status status = path ? cs_h5_read_rows(file, path, first, count, out, error)
				     : cs_fail_memory(error, "the name of a data set");

	cs_free(path);
	return status;
}

static enum cs_status array_strings(void *file, const char *name, char ***list, int *count, struct cs_error *error)
{
	char *path = cs_format("/%s", name);
	enum cs_status status = path ? cs_h5_read_strings(file, path, NULL, list, count, error)
				     : cs_fail_memory(error, "the name of a data set");

	cs_free(path);
	return status;
}

static const struct cs_array_ops h5_arrays = {
	.open = open_arrays,
	.close = close_arrays,
	.list = list_arrays,
	.info = array_info,
	.rows = array_rows,
	.strings = array_strings,
	.block = BLOCK,
};

static enum cs_status h5_dataset_open(struct cs_dataset *data, struct cs_place *place, const struct cs_data_options *given,
	struct cs_job *job, struct cs_error *error)
{
	const char *spec = place->name;
	struct cs_arrays arrays = {.ops = &h5_arrays, .given = spec};
	struct cs_data_options options;
	uint64_t fingerprint = 0;
	char *real = NULL;
	enum cs_status status = cs_stored_options(given, spec, NULL, &options, error);

	if (!status)
		status = cs_stored_path(spec, &real, error);
	if (!status)
		status = cs_stored_fingerprint(real, &fingerprint, error);
	arrays.context = real;
	arrays.size = status ? 0 : cs_stored_size(real);
	if (!status)
		status = cs_arrays_open(data, "h5", real, fingerprint, &arrays, &options, job, error);
	cs_free(real);
	return status;
}

const struct cs_dataset_ops cs_h5_dataset = {
	.name = "h5",
	.expects = "an .h5 file",
	.recognise = h5_recognise,
	.open = h5_dataset_open,
	.pixels = cs_stored_pixels,
	.sample = cs_stored_sample,
	.close = cs_stored_close,
	.label = cs_stored_label,
	.sums = cs_stored_sums,
};
