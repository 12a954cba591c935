/* arrays_read.c: arrays of numbers as images and labels. See arrays.h.
 *
 * Labels, names and the range of the numbers are looked at when the catalogue is made, which a valid cache saves. Labels are checked against
 * their images, and all is read in rows, so that memory follows from one image and not from what the file says of itself.
 */
#include "data/arrays.h"

#include "core/alloc.h"
#include "core/log.h"
#include "data/labels.h"
#include "data/stored.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLES = 64, MAX_FLAT_CLASSES = 1 << 16, LABEL_BLOCK = 1 << 20 };

/* The array called `name`, its shape and kind; false when there is none. */
static bool has(const struct cs_arrays *a, void *file, char *const *names, const char *wanted, const char **name,
	struct cs_shape *shape, char *kind)
{
	*name = cs_arrays_name(names, wanted);
	return *name && a->ops->info(file, *name, shape, kind, NULL) == CS_OK;
}

/* --- what numbers mean --- */

static int64_t numbers_of(const struct cs_arrays *a)
{
	return (int64_t)a->width * a->height * a->channels;
}

/* The least and the greatest number of images spread over all sections. */
static enum cs_status sample_range(
	const struct cs_arrays *a, void *file, float *low, float *high, struct cs_error *error)
{
	int64_t numbers = numbers_of(a);
	float *row = cs_alloc((size_t)numbers * sizeof *row);
	enum cs_status status = row ? CS_OK : cs_fail_memory(error, "an image");

	*low = INFINITY;
	*high = -INFINITY;
	for (int k = 0; k < a->sections && !status; k++) {
		const struct cs_array_section *s = &a->section[k];
		int64_t samples = s->count < SAMPLES ? s->count : SAMPLES;

		for (int64_t i = 0; i < samples && !status; i++) {
			status = a->ops->rows(file, s->images, i * s->count / samples, 1, row, error);
			for (int64_t j = 0; j < numbers && !status; j++) {
				*low = row[j] < *low ? row[j] : *low;
				*high = row[j] > *high ? row[j] : *high;
			}
		}
	}
	cs_free(row);
	return status;
}

static enum cs_status find_scale(struct cs_arrays *a, void *file, struct cs_error *error)
{
	const struct cs_array_section *s = &a->section[0];
	bool whole = s->kind != 'f';
	float low, high;
	enum cs_status status;

	a->scale = 1;
	a->shift = 0;
	if (s->kind == 'b') {
		a->scale = 255;
		return CS_OK;
	}
	status = sample_range(a, file, &low, &high, error);
	if (status)
		return status;
	if (low > high)
		return cs_fail(error, CS_ERR_FORMAT, "'%s': %s holds no numbers that are finite", a->given, s->images);
	if (whole && low >= 0 && high > 255 && high <= 65535)
		a->scale = 1.0f / 257;
	else if (!whole && low >= 0 && high <= 1)
		a->scale = 255;
	else if (!whole && low >= -1 && low < 0 && high <= 1)
		a->scale = a->shift = 127.5f;
	else if (low < 0 || high > 255.5f)
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s': %s holds numbers from %g to %g: expected pixels of 0 to 255%s", a->given, s->images,
			(double)low, (double)high, whole ? " (or 65535)" : ", of 0 to 1, or of -1 to 1");
	return CS_OK;
}

/* --- the catalogue --- */

static bool one_hot(const float *row, int64_t columns, int32_t *label)
{
	*label = -1;
	for (int64_t k = 0; k < columns; k++) {
		if (row[k] == 1 && *label < 0)
			*label = (int32_t)k;
		else if (row[k] != 0)
			return false;
	}
	return *label >= 0;
}

static enum cs_status read_labels(
	const struct cs_arrays *a, void *file, const struct cs_array_section *s, int32_t *out, struct cs_error *error)
{
	struct cs_shape shape;
	char kind = '?', text[CS_SHAPE_TEXT];
	int64_t columns, step;
	float *rows;
	enum cs_status status = a->ops->info(file, s->labels, &shape, &kind, error);

	if (status)
		return status;
	columns = shape.rank == 2 ? shape.dim[1] : 1;
	if (shape.rank < 1 || shape.rank > 2 || shape.dim[0] != s->count || columns < 1 || columns > MAX_FLAT_CLASSES ||
		!strchr("fib", kind))
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s': %s is %s%s, but %s holds %" PRId64 " images: expected a label of each", a->given,
			s->labels, cs_shape_text(&shape, text, sizeof text), kind == 's' ? " of text" : "", s->images,
			s->count);
	step = LABEL_BLOCK / columns > 0 ? LABEL_BLOCK / columns : 1;
	step = step < s->count ? step : s->count;
	rows = cs_alloc((size_t)(step * columns) * sizeof *rows);
	if (!rows)
		return cs_fail_memory(error, "labels");
	for (int64_t first = 0; first < s->count && !status; first += step) {
		int64_t count = first + step < s->count ? step : s->count - first;

		status = a->ops->rows(file, s->labels, first, count, rows, error);
		for (int64_t i = 0; i < count && !status; i++) {
			float value = rows[i * columns];

			if (columns > 1 ? !one_hot(rows + i * columns, columns, &out[first + i])
					: !(value >= -1 && value < CS_LABELS_MAX && value == floorf(value)))
				status = cs_fail(error, CS_ERR_FORMAT,
					"'%s': label %g of image %" PRId64 " in %s: expected %s", a->given,
					(double)value, first + i, s->labels,
					columns > 1 ? "rows of 0 with a single 1"
						    : "whole numbers from 0 (-1: unknown)");
			else if (columns == 1)
				out[first + i] = (int32_t)value;
		}
	}
	cs_free(rows);
	return status;
}

/* An array with `columns` whole numbers an image of the one section; NULL in *out where the file has none. */
static enum cs_status read_column(const struct cs_arrays *a, void *file, char *const *names, const char *wanted,
	int64_t columns, float **out, struct cs_error *error)
{
	const char *name;
	struct cs_shape shape;
	char kind, text[CS_SHAPE_TEXT];
	enum cs_status status;

	*out = NULL;
	if (a->section[0].part >= 0 || !has(a, file, names, wanted, &name, &shape, &kind) || !strchr("fib", kind))
		return CS_OK;
	if (shape.rank < 1 || shape.dim[0] != a->section[0].count ||
		cs_shape_count(&shape) != a->section[0].count * columns)
		return cs_fail(error, CS_ERR_FORMAT, "'%s': %s is %s, but %s holds %" PRId64 " images", a->given, name,
			cs_shape_text(&shape, text, sizeof text), a->section[0].images, a->section[0].count);
	*out = cs_alloc((size_t)cs_shape_count(&shape) * sizeof **out);
	if (!*out)
		return cs_fail_memory(error, "a table of a data set");
	status = a->ops->rows(file, name, 0, shape.dim[0], *out, error);
	if (status) {
		cs_free(*out);
		*out = NULL;
	}
	return status;
}

static enum cs_status read_text(const struct cs_arrays *a, void *file, char *const *names, const char *wanted,
	char ***list, int *count, struct cs_error *error)
{
	const char *name;
	struct cs_shape shape;
	enum cs_status status;
	char kind;

	*list = NULL;
	*count = 0;
	if (!has(a, file, names, wanted, &name, &shape, &kind) || kind != 's')
		return CS_OK;
	status = a->ops->strings(file, name, list, count, error);
	/* Names end up on terminals. */
	for (int i = 0; !status && i < *count; i++)
		cs_status_plain((*list)[i]);
	return status;
}

struct tables {
	int32_t *labels; /* of all images */
	float *parts, *boxes;
	char **names, **class_ids, **class_names;
	int name_count, id_count, class_name_count;
};

static void tables_free(struct tables *t)
{
	cs_free(t->labels);
	cs_free(t->parts);
	cs_free(t->boxes);
	cs_free(t->names);
	cs_free(t->class_ids);
	cs_free(t->class_names);
}

static enum cs_status read_tables(const struct cs_arrays *a, void *file, struct tables *t, struct cs_error *error)
{
	const struct cs_array_section *last = &a->section[a->sections - 1];
	int64_t total = last->first + last->count;
	char **names = NULL;
	int count;
	enum cs_status status = a->ops->list(file, &names, &count, error);

	if (status)
		return status;
	t->labels = cs_alloc((size_t)total * sizeof *t->labels);
	if (!t->labels)
		status = cs_fail_memory(error, "labels");
	for (int k = 0; k < a->sections && !status; k++) {
		const struct cs_array_section *s = &a->section[k];

		status = s->labels ? read_labels(a, file, s, t->labels + s->first, error)
				   : cs_fail(error, CS_ERR_FORMAT, "'%s' has no labels: expected y beside %s", a->given,
					     s->images);
	}
	if (!status && !(status = read_column(a, file, names, "split", 1, &t->parts, error)) &&
		!(status = read_column(a, file, names, "box", 4, &t->boxes, error)) &&
		!(status = read_text(a, file, names, "name", &t->names, &t->name_count, error)) &&
		!(status = read_text(a, file, names, "class_ids", &t->class_ids, &t->id_count, error)))
		status = read_text(a, file, names, "class_names", &t->class_names, &t->class_name_count, error);
	if (!status && !t->class_names)
		status = read_text(a, file, names, "label_names", &t->class_names, &t->class_name_count, error);
	cs_free(names);
	return status;
}

static enum cs_status add_images(const struct cs_arrays *a, const struct cs_array_section *s, const struct tables *t,
	struct cs_catalogue *out, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	for (int64_t i = 0; i < s->count && !status; i++) {
		int64_t item = s->first + i;
		struct cs_entry entry = {.label = t->labels[item], .item = item};

		if (t->parts && !(t->parts[i] == 0 || t->parts[i] == 1 || t->parts[i] == 2))
			return cs_fail(error, CS_ERR_FORMAT,
				"'%s': split of image %" PRId64 " is %g: expected 0 (train), 1 (val) or 2 (test)",
				a->given, i, (double)t->parts[i]);
		entry.part = t->parts  ? (enum cs_split_kind)t->parts[i]
			: s->part >= 0 ? (enum cs_split_kind)s->part
				       : CS_SPLIT_TRAIN;
		entry.has_box = t->boxes && t->boxes[4 * i + 2] > t->boxes[4 * i];
		for (int k = 0; k < 4; k++)
			entry.box[k] = entry.has_box ? t->boxes[4 * i + k] : 0;
		entry.name = s->part >= 0   ? cs_format("%s %" PRId64, cs_split_name((enum cs_split_kind)s->part), i)
			: i < t->name_count ? cs_strdup(t->names[i])
					    : cs_format("image %" PRId64, i);
		status = cs_catalogue_add(out, &entry, error);
	}
	return status;
}

static enum cs_status arrays_catalogue(void *context, struct cs_catalogue *out, struct cs_error *error)
{
	struct cs_arrays *a = context;
	const struct cs_array_section *last = &a->section[a->sections - 1];
	struct tables t = {0};
	void *file = NULL;
	enum cs_status status = cs_arrays_begin(a, &file, error);

	if (status)
		return status;
	status = read_tables(a, file, &t, error);
	if (!status)
		status = cs_labels_classes(&(struct cs_labels){.given = a->given,
						   .label = t.labels,
						   .count = last->first + last->count,
						   .ids = t.class_ids,
						   .id_count = t.id_count,
						   .names = t.class_names,
						   .name_count = t.class_name_count,
						   .sparse = a->sparse_names},
			out, error);
	if (!status)
		status = find_scale(a, file, error);
	out->fixed = t.parts != NULL;
	for (int k = 0; k < a->sections && !status; k++)
		status = add_images(a, &a->section[k], &t, out, error);
	cs_arrays_end(a, file);
	tables_free(&t);
	return status;
}

/* --- pictures --- */

struct reader {
	const struct cs_arrays *arrays;
	void *file;
	float *rows; /* a block of images */
	int64_t block; /* images in a full one */
	int64_t first, count; /* what it holds now */
	int section;
};

static void arrays_reader_free(void *reader)
{
	struct reader *r = reader;

	if (r->file)
		cs_arrays_end(r->arrays, r->file);
	cs_free(r->rows);
	cs_free(r);
}

static enum cs_status arrays_reader_new(void *context, void **reader, struct cs_error *error)
{
	const struct cs_arrays *a = context;
	struct reader *r = cs_calloc(1, sizeof *r);
	int64_t bytes = numbers_of(a) * (int64_t)sizeof(float);
	enum cs_status status;

	if (!r)
		return cs_fail_memory(error, "reading images");
	r->arrays = a;
	r->block = a->ops->block / bytes > 1 ? a->ops->block / bytes : 1;
	r->rows = cs_alloc((size_t)(r->block * bytes));
	status = r->rows ? cs_arrays_begin(a, &r->file, error) : cs_fail_memory(error, "an image");
	if (status)
		arrays_reader_free(r);
	else
		*reader = r;
	return status;
}

/* The numbers of one image: of the block that is there, or of the next one. */
static enum cs_status fetch(struct reader *r, int64_t item, const float **out, struct cs_error *error)
{
	const struct cs_arrays *a = r->arrays;
	int64_t index;
	int section = 0;

	while (section + 1 < a->sections && item >= a->section[section + 1].first)
		section++;
	index = item - a->section[section].first;
	if (section != r->section || index < r->first || index >= r->first + r->count) {
		int64_t left = a->section[section].count - index;
		enum cs_status status;

		r->count = 0;
		status = a->ops->rows(
			r->file, a->section[section].images, index, left < r->block ? left : r->block, r->rows, error);
		if (status)
			return status;
		r->section = section;
		r->first = index;
		r->count = left < r->block ? left : r->block;
	}
	*out = r->rows + (index - r->first) * numbers_of(a);
	return CS_OK;
}

static enum cs_status arrays_picture(void *reader, int64_t item, struct cs_picture *out, struct cs_error *error)
{
	struct reader *r = reader;
	const struct cs_arrays *a = r->arrays;
	int64_t pixels = (int64_t)a->width * a->height;
	int64_t step = a->planes ? 1 : a->channels, plane = a->planes ? pixels : 1;
	const float *from;
	enum cs_status status = fetch(r, item, &from, error);

	if (!status)
		status = cs_picture_init(out, a->width, a->height, error);
	if (status)
		return status;
	for (int64_t i = 0; i < pixels; i++) {
		for (int k = 0; k < 3; k++) {
			int64_t at =
				a->transposed && a->width == a->height ? i % a->width * a->width + i / a->width : i;
			float x = from[at * step + (a->channels == 3 ? k * plane : 0)] * a->scale + a->shift;

			if (!isfinite(x)) {
				cs_picture_fini(out);
				return cs_fail(error, CS_ERR_FORMAT, "image %" PRId64 " holds NaN or infinity", item);
			}
			out->rgb[3 * i + k] = !(x > 0) ? 0 : x >= 255 ? 255 : (uint8_t)lrintf(x);
		}
	}
	return CS_OK;
}

enum cs_status cs_arrays_open(struct cs_dataset *data, const char *kind, const char *real, uint64_t fingerprint,
	struct cs_arrays *arrays, const struct cs_data_options *options, struct cs_job *job, struct cs_error *error)
{
	const struct cs_source source = {
		.kind = kind,
		.path = real,
		.fingerprint = fingerprint,
		.context = arrays,
		.catalogue = arrays_catalogue,
		.reader_new = arrays_reader_new,
		.picture = arrays_picture,
		.reader_free = arrays_reader_free,
	};
	enum cs_status status = cs_arrays_init(arrays, error);

	if (!status)
		status = cs_stored_open_sized(data, &source, arrays->width, arrays->height, options, job, error);
	cs_arrays_fini(arrays);
	return status;
}
