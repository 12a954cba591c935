/* history.c: learning curves as HDF5 tables that others may read while they grow. See history.h.
 *
 * history.hdf5   /epochs [n,10] and /points [n,6] float64, each with its column names in the attribute "columns"; SWMR
 * history.csv    the epochs as text, points.csv the points: for people, spreadsheets, and where SWMR does not work (NFS)
 *
 * A writer that was killed leaves an HDF5 file that cannot be opened for writing again, so nothing is ever reopened: resuming
 * writes a new file with the rows it keeps under a temporary name and renames it over the old one while it is open. Readers
 * that hold the old file see no more growth and open again; reading a directory anew always finds a whole file.
 */
#include "model/history.h"

#include "core/alloc.h"
#include "io/file.h"
#include "io/h5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Both row types are plain sequences of doubles: a row is a struct is an array. */
enum {
	EPOCH_COLUMNS = sizeof(struct cs_epoch) / sizeof(double),
	POINT_COLUMNS = sizeof(struct cs_point) / sizeof(double)
};

struct table {
	const char *path; /* in the HDF5 file */
	const char *csv;
	int columns;
	const char *const *names;
};

static const char *const epoch_names[] = {
	"epoch",
	"train_loss",
	"train_accuracy",
	"val_loss",
	"val_accuracy",
	"val_top5",
	"rate",
	"images_per_second",
	"seconds",
	"time",
};

static const char *const point_names[] = {"step", "epoch", "loss", "accuracy", "rate", "images_per_second"};

_Static_assert(EPOCH_COLUMNS == sizeof epoch_names / sizeof *epoch_names, "a name for each column");
_Static_assert(POINT_COLUMNS == sizeof point_names / sizeof *point_names, "a name for each column");

static const struct table tables[2] = {
	{"/epochs", "history.csv", EPOCH_COLUMNS, epoch_names},
	{"/points", "points.csv", POINT_COLUMNS, point_names},
};

struct cs_history {
	struct cs_h5 *file;
	FILE *csv[2];
};

/* Rows in memory, at most: a curve of over sixteen million rows is no curve of ours. */
enum { MAX_ROWS = 1 << 24 };
#define MAX_CSV ((size_t)1 << 30)

/* The shortest text that reads back as this double. */
static void print_number(FILE *out, double value)
{
	char text[40];

	for (int digits = 6; digits <= 17; digits += digits < 15 ? 9 : 1) {
		snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value || value != value)
			break;
	}
	fputs(text, out);
}

static void print_rows(FILE *out, const double *rows, int64_t count, int columns)
{
	for (int64_t i = 0; i < count; i++) {
		for (int k = 0; k < columns; k++) {
			if (k)
				fputc(',', out);
			/* An empty field says "nothing", as spreadsheets have it. */
			if (!isnan(rows[i * columns + k]))
				print_number(out, rows[i * columns + k]);
		}
		fputc('\n', out);
	}
}

static enum cs_status create_csv(const char *directory, const struct table *table, const double *rows, int64_t count,
	FILE **out, struct cs_error *error)
{
	char *path = cs_file_join(directory, table->csv), *temporary = path ? cs_file_temporary(path) : NULL;
	enum cs_status status = CS_OK;
	FILE *file = NULL;

	if (!temporary) {
		status = cs_fail_memory(error, "the history");
		goto out;
	}
	file = fopen(temporary, "we");
	if (!file) {
		status = cs_fail_errno(error, "cannot write", path);
		goto out;
	}
	for (int k = 0; k < table->columns; k++)
		fprintf(file, k ? ",%s" : "%s", table->names[k]);
	fputc('\n', file);
	print_rows(file, rows, count, table->columns);
	if (fflush(file) || ferror(file))
		status = cs_fail_errno(error, "cannot write", path);
	if (!status)
		status = cs_file_commit(temporary, path, error);
	if (status) {
		fclose(file);
		unlink(temporary);
		goto out;
	}
	*out = file;
out:
	cs_free(path);
	cs_free(temporary);
	return status;
}

static enum cs_status create_h5(const char *directory, const void *const rows[2], const int64_t counts[2],
	struct cs_h5 **out, struct cs_error *error)
{
	char *path = cs_file_join(directory, "history.hdf5"), *temporary = path ? cs_file_temporary(path) : NULL;
	struct cs_h5 *file = NULL;
	enum cs_status status;

	if (!temporary) {
		status = cs_fail_memory(error, "the history");
		goto out;
	}
	status = cs_h5_open(temporary, CS_H5_CREATE_SWMR, &file, error);
	for (int i = 0; i < 2 && !status; i++) {
		status = cs_h5_make_growing(file, tables[i].path, CS_H5_F64, tables[i].columns, error);
		if (!status)
			status = cs_h5_write_strings(
				file, tables[i].path, "columns", tables[i].names, tables[i].columns, error);
		if (!status && counts[i])
			status = cs_h5_append(file, tables[i].path, CS_H5_F64, rows[i], counts[i], error);
	}
	if (!status)
		status = cs_h5_start_swmr(file, error);
	if (!status)
		status = cs_h5_flush(file, error);
	if (!status)
		status = cs_file_commit(temporary, path, error);
	if (status) {
		if (file)
			cs_h5_close(file, NULL);
		unlink(temporary);
		goto out;
	}
	*out = file;
out:
	cs_free(path);
	cs_free(temporary);
	return status;
}

enum cs_status cs_history_create(const char *directory, const struct cs_epoch *epochs, int64_t epoch_count,
	const struct cs_point *points, int64_t point_count, struct cs_history **out, struct cs_error *error)
{
	const void *const rows[2] = {epochs, points};
	const int64_t counts[2] = {epochs ? epoch_count : 0, points ? point_count : 0};
	struct cs_history *history = cs_calloc(1, sizeof *history);
	enum cs_status status;

	if (!history)
		return cs_fail_memory(error, "the history");
	status = create_h5(directory, rows, counts, &history->file, error);
	for (int i = 0; i < 2 && !status; i++)
		status = create_csv(directory, &tables[i], rows[i], counts[i], &history->csv[i], error);
	if (status) {
		cs_history_close(history, NULL);
		return status;
	}
	*out = history;
	return CS_OK;
}

static enum cs_status add(struct cs_history *history, int table, const double *row, struct cs_error *error)
{
	FILE *csv = history->csv[table];
	enum cs_status status = cs_h5_append(history->file, tables[table].path, CS_H5_F64, row, 1, error);

	if (!status)
		status = cs_h5_flush(history->file, error);
	if (status)
		return status;
	print_rows(csv, row, 1, tables[table].columns);
	if (fflush(csv) || ferror(csv))
		return cs_fail_errno(error, "cannot write", tables[table].csv);
	return CS_OK;
}

enum cs_status cs_history_add_epoch(struct cs_history *history, const struct cs_epoch *epoch, struct cs_error *error)
{
	return add(history, 0, (const double *)epoch, error);
}

enum cs_status cs_history_add_point(struct cs_history *history, const struct cs_point *point, struct cs_error *error)
{
	return add(history, 1, (const double *)point, error);
}

enum cs_status cs_history_close(struct cs_history *history, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	if (!history)
		return CS_OK;
	if (history->file)
		status = cs_h5_close(history->file, error);
	for (int i = 0; i < 2; i++) {
		if (history->csv[i] && fclose(history->csv[i]) && !status)
			status = cs_fail_errno(error, "cannot write", tables[i].csv);
	}
	cs_free(history);
	return status;
}

/* Rows of another version may be wider or narrower: columns keep their places, new ones come at the end; what is missing
 * is NaN. */
static enum cs_status fit_rows(
	const double *from, int64_t count, int64_t width, int columns, double **out, struct cs_error *error)
{
	double *rows = cs_calloc((size_t)count, (size_t)columns * sizeof *rows);

	if (!rows)
		return cs_fail_memory(error, "the history");
	for (int64_t i = 0; i < count; i++) {
		for (int k = 0; k < columns; k++)
			rows[i * columns + k] = k < width ? from[i * width + k] : NAN;
	}
	*out = rows;
	return CS_OK;
}

static enum cs_status read_h5_table(
	struct cs_h5 *file, const struct table *table, double **rows, int64_t *count, struct cs_error *error)
{
	struct cs_shape shape;
	void *data = NULL;
	enum cs_status status = cs_h5_read_array(
		file, table->path, CS_H5_F64, (int64_t)MAX_ROWS * table->columns, &data, &shape, error);

	if (status)
		return status;
	if (shape.rank != 2)
		status = cs_fail(error, CS_ERR_FORMAT, "the table %s of the history has rank %d, expected 2",
			table->path, shape.rank);
	else
		status = fit_rows(data, shape.dim[0], shape.dim[1], table->columns, rows, error);
	if (!status)
		*count = shape.dim[0];
	cs_free(data);
	return status;
}

static enum cs_status read_h5(const char *path, double *rows[2], int64_t counts[2], struct cs_error *error)
{
	struct cs_h5 *file;
	enum cs_status status = cs_h5_open_foreign(path, &file, error); /* also while it is being written */

	if (status)
		return status;
	for (int i = 0; i < 2 && !status; i++)
		status = read_h5_table(file, &tables[i], &rows[i], &counts[i], error);
	cs_h5_close(file, NULL);
	if (status) {
		cs_free(rows[0]);
		cs_free(rows[1]);
		rows[0] = rows[1] = NULL;
	}
	return status;
}

/* One line of numbers into row[columns]; false for a header or a line that is not whole. */
static bool parse_line(const char *line, const char *end, int columns, double *row)
{
	for (int k = 0; k < columns; k++) {
		char *after;

		if (line < end && *line != ',') {
			row[k] = strtod(line, &after);
			if (after == line)
				return false;
			line = after;
		} else {
			row[k] = NAN;
		}
		if (k == columns - 1)
			return line == end || *line == ',';
		if (line >= end || *line != ',')
			return false;
		line++;
	}
	return true;
}

static enum cs_status read_csv(const char *directory, const char *name, const struct table *table, double **out,
	int64_t *count, struct cs_error *error)
{
	char *path = cs_file_join(directory, name), *bytes = NULL;
	double *rows = NULL;
	int64_t lines = 0, done = 0;
	size_t size;
	enum cs_status status;

	if (!path)
		return cs_fail_memory(error, "the history");
	status = cs_file_read_regular(path, MAX_CSV, &bytes, &size, error);
	if (status)
		goto out;
	for (size_t i = 0; i < size; i++)
		lines += bytes[i] == '\n';
	rows = cs_calloc((size_t)lines + 1, (size_t)table->columns * sizeof *rows);
	if (!rows) {
		status = cs_fail_memory(error, "the history");
		goto out;
	}
	/* A last line without its end is still being written. */
	for (char *line = bytes, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (parse_line(line, end, table->columns, rows + done * table->columns))
			done++;
	}
	*out = rows;
	*count = done;
out:
	cs_free(bytes);
	cs_free(path);
	return status;
}

enum cs_status cs_history_read(const char *directory, struct cs_curves *out, struct cs_error *error)
{
	char *path = cs_file_join(directory, "history.hdf5");
	double *rows[2] = {NULL, NULL};
	int64_t counts[2] = {0, 0};
	enum cs_status status;

	if (!path)
		return cs_fail_memory(error, "the history");
	status = read_h5(path, rows, counts, error);
	if (status) {
		status = read_csv(directory, tables[0].csv, &tables[0], &rows[0], &counts[0], NULL);
		if (!status && read_csv(directory, tables[1].csv, &tables[1], &rows[1], &counts[1], NULL))
			counts[1] = 0;
		/* What the reader is told is why the HDF5 file could not be read. */
		if (status && error)
			status = error->status;
	}
	cs_free(path);
	if (status)
		return status;
	*out = (struct cs_curves){
		.epochs = (struct cs_epoch *)rows[0],
		.epoch_count = counts[0],
		.points = (struct cs_point *)rows[1],
		.point_count = counts[1],
	};
	return CS_OK;
}

enum cs_status cs_history_read_before(const char *directory, struct cs_curves *out, struct cs_error *error)
{
	struct cs_epoch *all = NULL;
	int64_t count = 0;
	char name[40];

	for (int stage = 1;; stage++) {
		struct cs_epoch *larger;
		double *rows = NULL;
		int64_t more = 0;

		snprintf(name, sizeof name, "before-%d-history.csv", stage);
		if (read_csv(directory, name, &tables[0], &rows, &more, NULL))
			break;
		larger = cs_realloc(all, (size_t)(count + more) + 1, sizeof *all);
		if (!larger) {
			cs_free(rows);
			cs_free(all);
			return cs_fail_memory(error, "the history");
		}
		all = larger;
		memcpy(all + count, rows, (size_t)more * sizeof *all);
		for (int64_t i = count; i < count + more; i++)
			all[i].epoch = (double)i;
		count += more;
		cs_free(rows);
	}
	*out = (struct cs_curves){.epochs = all, .epoch_count = count};
	return CS_OK;
}

void cs_curves_fini(struct cs_curves *curves)
{
	cs_free(curves->epochs);
	cs_free(curves->points);
	*curves = (struct cs_curves){0};
}
