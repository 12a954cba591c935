/* h5_dataset.c: data sets in one HDF5 file: reading and writing. See h5_dataset.h.
 *
 * Reading goes by way of the cache like the other sources, which makes the images of a compressed or floating-point file as
 * quick to reach as any. Rows are read one at a time: the HDF5 library works for one thread at a time anyhow. What others wrote may
 * lack all but /x and /y: missing splits are drawn, missing names are numbers. Floating-point images are taken as 0..1 when no
 * number of the first ones is above 1.
 */
#include "data/h5_dataset.h"

#include "core/alloc.h"
#include "core/log.h"
#include "data/stored.h"
#include "io/file.h"
#include "io/h5.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_IMAGES = 1 << 30, MAX_CLASSES = 1 << 20 };

struct h5_source {
	const char *given;
	char *real;
	int64_t count;
	int width, height, channels;
	float scale; /* of floating-point images, to 0..255 */
};

struct h5_reader {
	const struct h5_source *source;
	struct cs_h5 *file;
	float *row;
};

static bool h5_recognise(const char *spec)
{
	static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
	unsigned char bytes[8];
	bool found = false;
	FILE *file = cs_file_is_directory(spec) ? NULL : fopen(spec, "rbe");

	if (file) {
		found = fread(bytes, 1, sizeof bytes, file) == sizeof bytes &&
			memcmp(bytes, signature, sizeof bytes) == 0;
		fclose(file);
	}
	return found;
}

/* An array of one dimension (or `columns` in a second) with one row an image; NULL in *out where the file has none. */
static enum cs_status read_column(const struct h5_source *s, struct cs_h5 *file, const char *path, int64_t columns,
	int32_t **out, struct cs_error *error)
{
	struct cs_shape shape;
	void *data = NULL;
	enum cs_status status;

	*out = NULL;
	if (!cs_h5_exists(file, path))
		return CS_OK;
	status = cs_h5_read_array(file, path, CS_H5_I32, (int64_t)MAX_IMAGES, &data, &shape, error);
	if (status)
		return status;
	if (shape.dim[0] != s->count || cs_shape_count(&shape) != s->count * columns) {
		char text[CS_SHAPE_TEXT];

		cs_free(data);
		return cs_fail(error, CS_ERR_FORMAT, "'%s': %s is %s, but /x holds %" PRId64 " images", s->given, path,
			cs_shape_text(&shape, text, sizeof text), s->count);
	}
	*out = data;
	return CS_OK;
}

static enum cs_status read_names(struct cs_h5 *file, const char *path, char ***list, int *count, struct cs_error *error)
{
	*list = NULL;
	*count = 0;
	return cs_h5_exists(file, path) ? cs_h5_read_strings(file, path, NULL, list, count, error) : CS_OK;
}

/* Classes: those that are named, and as many more as the labels ask for. */
static enum cs_status list_classes(const struct h5_source *s, struct cs_h5 *file, const int32_t *labels,
	struct cs_catalogue *out, struct cs_error *error)
{
	char **ids = NULL, **names = NULL;
	int id_count = 0, name_count = 0;
	int32_t classes = 0;
	enum cs_status status = read_names(file, "/class_ids", &ids, &id_count, error);

	if (!status)
		status = read_names(file, "/class_names", &names, &name_count, error);
	if (status)
		goto out;
	classes = id_count > name_count ? id_count : name_count;
	for (int64_t i = 0; labels && i < s->count; i++) {
		if (labels[i] < -1 || labels[i] >= MAX_CLASSES ||
			(classes > 0 && id_count + name_count > 0 && labels[i] >= classes)) {
			status = cs_fail(error, CS_ERR_FORMAT, "'%s': label %d of image %" PRId64 ": expected -1 to %d",
				s->given, labels[i], i, (classes ? classes : MAX_CLASSES) - 1);
			goto out;
		}
	}
	if (id_count + name_count == 0) {
		for (int64_t i = 0; labels && i < s->count; i++)
			classes = labels[i] >= classes ? labels[i] + 1 : classes;
	}
	for (int c = 0; c < classes && !status; c++) {
		char number[16];
		const char *id = c < id_count ? ids[c] : number;

		snprintf(number, sizeof number, "%d", c);
		if (c >= id_count && c < name_count)
			id = names[c];
		status = cs_catalogue_class(out, id, c < name_count ? names[c] : id, error);
	}
out:
	cs_free(ids);
	cs_free(names);
	return status;
}

static enum cs_status h5_catalogue(void *context, struct cs_catalogue *out, struct cs_error *error)
{
	const struct h5_source *s = context;
	struct cs_h5 *file = NULL;
	int32_t *labels = NULL, *parts = NULL, *boxes = NULL;
	char **names = NULL;
	int name_count = 0;
	enum cs_status status = cs_h5_open(s->real, CS_H5_READ, &file, error);

	if (status)
		return status;
	if (!(status = read_column(s, file, "/y", 1, &labels, error)) &&
		!(status = read_column(s, file, "/split", 1, &parts, error)) &&
		!(status = read_column(s, file, "/box", 4, &boxes, error)) &&
		!(status = read_names(file, "/name", &names, &name_count, error)))
		status = list_classes(s, file, labels, out, error);
	if (!status && !labels)
		status = cs_fail(error, CS_ERR_FORMAT, "'%s' has no labels: expected /y beside /x", s->given);
	if (!status && out->class_count < 2)
		status = cs_fail(error, CS_ERR_FORMAT, "'%s' has %d classes: a data set needs at least two", s->given,
			out->class_count);
	out->fixed = parts != NULL;
	for (int64_t i = 0; i < s->count && !status; i++) {
		struct cs_entry entry = {.label = labels[i], .item = i};

		if (parts && (parts[i] < 0 || parts[i] >= CS_SPLIT_COUNT)) {
			status = cs_fail(error, CS_ERR_FORMAT,
				"'%s': /split of image %" PRId64 " is %d: expected 0, 1 or 2", s->given, i, parts[i]);
			break;
		}
		entry.part = parts ? (enum cs_split_kind)parts[i] : CS_SPLIT_TRAIN;
		entry.has_box = boxes && boxes[4 * i + 2] > boxes[4 * i];
		for (int k = 0; k < 4; k++)
			entry.box[k] = entry.has_box ? (float)boxes[4 * i + k] : 0;
		entry.name = i < name_count ? cs_strdup(names[i]) : cs_format("image %" PRId64, i);
		status = cs_catalogue_add(out, &entry, error);
	}
	cs_h5_close(file, NULL);
	cs_free(labels);
	cs_free(parts);
	cs_free(boxes);
	cs_free(names);
	return status;
}

static void h5_reader_free(void *reader)
{
	struct h5_reader *r = reader;

	if (r->file)
		cs_h5_close(r->file, NULL);
	cs_free(r->row);
	cs_free(r);
}

static enum cs_status h5_reader_new(void *context, void **reader, struct cs_error *error)
{
	const struct h5_source *s = context;
	struct h5_reader *r = cs_calloc(1, sizeof *r);
	enum cs_status status;

	if (!r)
		return cs_fail_memory(error, "reading images");
	r->source = s;
	r->row = cs_alloc((size_t)s->width * (size_t)s->height * (size_t)s->channels * sizeof *r->row);
	status = r->row ? cs_h5_open(s->real, CS_H5_READ, &r->file, error) : cs_fail_memory(error, "an image");
	if (status)
		h5_reader_free(r);
	else
		*reader = r;
	return status;
}

static enum cs_status h5_picture(void *reader, int64_t item, struct cs_picture *out, struct cs_error *error)
{
	struct h5_reader *r = reader;
	const struct h5_source *s = r->source;
	enum cs_status status = cs_h5_read_rows(r->file, "/x", item, 1, r->row, error);

	if (!status)
		status = cs_picture_init(out, s->width, s->height, error);
	if (status)
		return status;
	for (int64_t i = 0; i < (int64_t)s->width * s->height; i++) {
		for (int k = 0; k < 3; k++) {
			float x = r->row[i * s->channels + (s->channels == 3 ? k : 0)] * s->scale;

			out->rgb[3 * i + k] = !(x > 0) ? 0 : x >= 255 ? 255 : (uint8_t)lrintf(x);
		}
	}
	return CS_OK;
}

/* What /x is: [n,h,w,3] or [n,h,w,1], bytes or numbers. */
static enum cs_status examine(struct h5_source *s, struct cs_error *error)
{
	struct cs_h5 *file = NULL;
	struct cs_shape shape;
	char kind = '?', text[CS_SHAPE_TEXT];
	float *row = NULL;
	enum cs_status status = cs_h5_open(s->real, CS_H5_READ, &file, error);

	if (status)
		return status;
	if (!cs_h5_exists(file, "/x")) {
		status = cs_fail(error, CS_ERR_FORMAT,
			"'%s' is an HDF5 file but not a data set: expected images in /x and labels in /y, as `data "
			"export` writes "
			"them",
			s->given);
		goto out;
	}
	status = cs_h5_info(file, "/x", &shape, &kind, error);
	if (status)
		goto out;
	if (shape.rank != 4 || (shape.dim[3] != 3 && shape.dim[3] != 1) || shape.dim[0] < 1 || shape.dim[1] < 1 ||
		shape.dim[2] < 1 || shape.dim[1] > CS_PICTURE_MAX_SIDE || shape.dim[2] > CS_PICTURE_MAX_SIDE ||
		shape.dim[0] > MAX_IMAGES / 4 || (kind != 'i' && kind != 'f')) {
		status = cs_fail(error, CS_ERR_FORMAT,
			"'%s': /x is %s: expected images x height x width x 3 (or 1) of uint8 or floating-point "
			"numbers",
			s->given, cs_shape_text(&shape, text, sizeof text));
		goto out;
	}
	s->count = shape.dim[0];
	s->height = (int)shape.dim[1];
	s->width = (int)shape.dim[2];
	s->channels = (int)shape.dim[3];
	s->scale = 1;
	if (kind == 'f') {
		int64_t numbers = shape.dim[1] * shape.dim[2] * shape.dim[3];
		float high = 0;

		row = cs_alloc((size_t)numbers * sizeof *row);
		if (!row) {
			status = cs_fail_memory(error, "an image");
			goto out;
		}
		for (int64_t i = 0; i < s->count && i < 16 && !status; i++) {
			status = cs_h5_read_rows(file, "/x", i, 1, row, error);
			for (int64_t k = 0; k < numbers && !status; k++)
				high = row[k] > high ? row[k] : high;
		}
		s->scale = high <= 1 ? 255 : 1;
	}
out:
	cs_free(row);
	cs_h5_close(file, NULL);
	return status;
}

static enum cs_status h5_dataset_open(struct cs_dataset *data, const char *spec, const struct cs_data_options *given,
	struct cs_job *job, struct cs_error *error)
{
	struct h5_source s = {.given = spec};
	struct cs_source source = {
		.kind = "h5",
		.context = &s,
		.catalogue = h5_catalogue,
		.reader_new = h5_reader_new,
		.picture = h5_picture,
		.reader_free = h5_reader_free,
	};
	struct cs_data_options options;
	enum cs_status status = cs_stored_options(given, spec, &options, error);

	if (!status)
		status = cs_stored_path(spec, &s.real, error);
	if (!status)
		status = cs_stored_fingerprint(s.real, &source.fingerprint, error);
	if (!status)
		status = examine(&s, error);
	if (status)
		goto out;
	source.path = s.real;
	/* its own size, which need not be square */
	if (!options.size && !options.width && s.width <= 4096 && s.height <= 4096) {
		options.width = s.width;
		options.height = s.height;
	}
	status = cs_stored_open(data, &source, 64, &options, job, error);
out:
	cs_free(s.real);
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
