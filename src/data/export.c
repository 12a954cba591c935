/* export.c: a data set into one HDF5 file. See cs_dataset_export in dataset.h.
 *
 * The file keeps each image in its place, so that image numbers stay what they were. Pixels go from the source to the file a few hundred images
 * at a time; only labels, splits, boxes and names are held. The file is written under another name and renamed.
 */
#include "data/dataset.h"

#include "core/alloc.h"
#include "io/h5_save.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of images that are written together. */
enum { SLICE = 8 << 20 };

struct columns {
	int32_t *labels, *boxes;
	uint8_t *parts;
	const char **names;
	bool any_box;
};

static void columns_free(struct columns *c)
{
	cs_free(c->labels);
	cs_free(c->boxes);
	cs_free(c->parts);
	cs_free(c->names);
}

static enum cs_status columns_fill(const struct cs_dataset *data, struct columns *c, struct cs_error *error)
{
	size_t count = (size_t)data->count;

	c->labels = cs_alloc(count * sizeof *c->labels);
	c->boxes = cs_alloc(count * 4 * sizeof *c->boxes);
	c->parts = cs_alloc(count);
	c->names = cs_alloc(count * sizeof *c->names);
	if (!c->labels || !c->boxes || !c->parts || !c->names)
		return cs_fail(error, CS_ERR_MEMORY, "not enough memory to export %zu images", count);
	for (int64_t i = 0; i < data->count; i++) {
		struct cs_sample sample;

		cs_dataset_sample(data, i, &sample);
		c->labels[i] = sample.label;
		c->names[i] = sample.name ? sample.name : "";
		c->boxes[4 * i] = sample.has_box ? sample.box.left : 0;
		c->boxes[4 * i + 1] = sample.has_box ? sample.box.top : 0;
		c->boxes[4 * i + 2] = sample.has_box ? sample.box.right : 0;
		c->boxes[4 * i + 3] = sample.has_box ? sample.box.bottom : 0;
		c->any_box |= sample.has_box;
	}
	memset(c->parts, CS_SPLIT_TEST, count);
	for (int kind = 0; kind < CS_SPLIT_COUNT; kind++) {
		for (int64_t i = 0; i < data->split[kind].count; i++)
			c->parts[data->split[kind].images[i]] = (uint8_t)kind;
	}
	return CS_OK;
}

static enum cs_status write_pixels(
	const struct cs_dataset *data, struct cs_h5 *file, struct cs_job *job, struct cs_error *error)
{
	int64_t image = (int64_t)data->width * data->height * 3;
	int64_t step = SLICE / image > 0 ? SLICE / image : 1;
	uint8_t *slice = cs_alloc((size_t)(step * image));
	enum cs_status status = slice ? cs_h5_make_array(file, "/x", CS_H5_U8,
						CS_SHAPE(data->count, data->height, data->width, 3), error)
				      : cs_fail_memory(error, "the images of a data set");

	for (int64_t first = 0; first < data->count && !status; first += step) {
		int64_t count = first + step < data->count ? step : data->count - first;

		for (int64_t i = 0; i < count && !status; i++) {
			if (cs_job_cancelled(job))
				status = cs_fail(
					error, CS_ERR_CANCELLED, "cancelled while '%s' was being exported", data->spec);
			else
				status = cs_dataset_pixels(data, first + i, slice + i * image, error);
		}
		if (!status)
			status = cs_h5_write_rows(file, "/x", CS_H5_U8, first, count, slice, error);
		cs_job_progress(job, (double)(first + count) / (double)data->count,
			"writing image %" PRId64 " of %" PRId64, first + count, data->count);
	}
	cs_free(slice);
	return status;
}

/* What write_all() writes. */
struct export {
	const struct cs_dataset *data;
	const struct columns *columns;
	struct cs_job *job;
};

static enum cs_status write_all(struct cs_h5 *file, void *context, struct cs_error *error)
{
	const struct export *export = context;
	const struct cs_dataset *data = export->data;
	const struct columns *c = export->columns;
	int64_t n = data->count;
	enum cs_status status;

	/* one step after another, until one fails */
	if ((status = write_pixels(data, file, export->job, error)) ||
		(status = cs_h5_write_array(file, "/y", CS_H5_I32, CS_SHAPE(n), c->labels, error)) ||
		(status = cs_h5_write_array(file, "/split", CS_H5_U8, CS_SHAPE(n), c->parts, error)) ||
		(c->any_box &&
			(status = cs_h5_write_array(file, "/box", CS_H5_I32, CS_SHAPE(n, 4), c->boxes, error))) ||
		(status = cs_h5_write_strings(file, "/name", NULL, c->names, (int)n, error)) ||
		(status = cs_h5_write_strings(
			 file, "/class_ids", NULL, (const char *const *)data->class_ids, data->class_count, error)) ||
		(status = cs_h5_write_strings(
			 file, "/class_names", NULL, (const char *const *)data->class_names, data->class_count, error)))
		return status;
	return cs_h5_write_string(file, "/", "source", data->spec, error);
}

enum cs_status cs_dataset_export(
	const struct cs_dataset *data, const char *path, struct cs_job *job, struct cs_error *error)
{
	struct columns columns = {0};
	struct export export = {data, &columns, job};
	enum cs_status status = columns_fill(data, &columns, error);

	if (!status)
		status = cs_h5_save(path, write_all, &export, error);
	if (!status)
		cs_job_progress(job, 1, "wrote %s", path);
	columns_free(&columns);
	return status;
}
