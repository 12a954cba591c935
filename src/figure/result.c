/* result.c: reading result files. See result.h.
 *
 * What is missing or odd in one part (a column of another length, a figure of an unknown kind) leaves that part out and counts it;
 * only a file that is no result at all is an error.
 */
#include "figure/result.h"

#include "core/alloc.h"
#include "io/h5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NUMBERS = 64 << 20, MOST_CELLS = 1 << 22, PATH = 600 };

static char *text_of(struct cs_h5 *file, const char *path, const char *attribute)
{
	char *text = NULL;

	if (cs_h5_has_attribute(file, path, attribute))
		cs_h5_read_string(file, path, attribute, &text, NULL);
	return text;
}

static double number_of(struct cs_h5 *file, const char *path, const char *attribute, double missing)
{
	double value = missing;

	if (cs_h5_has_attribute(file, path, attribute) && cs_h5_read_number(file, path, attribute, &value, NULL))
		value = missing;
	return value;
}

/* "group/name", the slashes of the name as the writer replaced them. */
static const char *place(char path[PATH], const char *group, const char *name)
{
	size_t used = strlen(group);

	used = used < PATH - 2 ? used : PATH - 2;
	memcpy(path, group, used);
	path[used++] = '/';
	for (; *name && used + 6 < PATH; name++) {
		if (*name == '/') {
			memcpy(path + used, " per ", 5);
			used += 5;
		} else {
			path[used++] = *name;
		}
	}
	path[used] = '\0';
	return path;
}

static bool read_column(struct cs_h5 *file, struct cs_result *result, const char *name)
{
	struct cs_result_column *column = &result->columns[result->column_count];
	char path[PATH], kind;
	struct cs_shape shape;
	int64_t rows;

	place(path, "/columns", name);
	if (cs_h5_info(file, path, &shape, &kind, NULL) || shape.rank > 1)
		return false;
	*column = (struct cs_result_column){.name = cs_strdup(name)};
	if (!column->name)
		return false;
	if (kind == 's') {
		int count = 0;

		if (cs_h5_read_strings(file, path, NULL, &column->texts, &count, NULL))
			goto bad;
		rows = count;
	} else {
		struct cs_tensor numbers = {0};

		if (cs_h5_read_tensor(file, path, CS_RESULT_ROWS, &numbers, NULL))
			goto bad;
		rows = cs_tensor_count(&numbers);
		column->numbers = cs_alloc((size_t)rows * sizeof(float));
		if (column->numbers)
			memcpy(column->numbers, numbers.data, (size_t)rows * sizeof(float));
		cs_tensor_fini(&numbers);
		if (!column->numbers)
			goto bad;
	}
	if (rows > CS_RESULT_ROWS || (result->column_count > 0 && rows != result->rows))
		goto bad;
	result->rows = rows;
	result->column_count++;
	return true;
bad:
	cs_free(column->name);
	cs_free(column->numbers);
	cs_free(column->texts);
	*column = (struct cs_result_column){0};
	return false;
}

static void read_columns(struct cs_h5 *file, struct cs_result *result)
{
	char **names = NULL;
	int count = 0;

	if (!cs_h5_exists(file, "/column_names") ||
		cs_h5_read_strings(file, "/column_names", NULL, &names, &count, NULL))
		return;
	result->columns = cs_calloc((size_t)count + 1, sizeof *result->columns);
	for (int i = 0; i < count && result->columns; i++) {
		if (result->column_count == CS_RESULT_COLUMNS || !read_column(file, result, names[i]))
			result->left_out++;
	}
	cs_free(names);
}

static void read_tensors(struct cs_h5 *file, struct cs_result *result)
{
	int64_t room = MOST_NUMBERS;
	char **names = NULL;
	int count = 0;

	if (!cs_h5_is_group(file, "/tensors") || cs_h5_list(file, "/tensors", &names, &count, NULL))
		return;
	result->tensors = cs_calloc((size_t)count + 1, sizeof *result->tensors);
	for (int i = 0; i < count && result->tensors; i++) {
		struct cs_result_tensor *entry = &result->tensors[result->tensor_count];
		char path[PATH];

		place(path, "/tensors", names[i]);
		entry->name = cs_strdup(names[i]);
		if (!entry->name || cs_h5_read_tensor(file, path, room, &entry->tensor, NULL)) {
			cs_free(entry->name);
			entry->name = NULL;
			result->left_out++;
			continue;
		}
		room -= cs_tensor_count(&entry->tensor);
		result->tensor_count++;
	}
	cs_free(names);
}

/* A vector as doubles, to be freed; NULL when there is none of that many (-1: of any) numbers. */
static double *read_numbers(struct cs_h5 *file, const char *path, long *count)
{
	struct cs_tensor numbers = {0};
	double *out = NULL;
	int64_t found;

	if (!cs_h5_exists(file, path) || cs_h5_read_tensor(file, path, CS_RESULT_ROWS, &numbers, NULL))
		return NULL;
	found = cs_tensor_count(&numbers);
	if (*count < 0 || found == *count)
		out = cs_alloc((size_t)found * sizeof *out);
	for (int64_t i = 0; out && i < found; i++)
		out[i] = (double)numbers.data[i];
	cs_tensor_fini(&numbers);
	if (out)
		*count = (long)found;
	return out;
}

static bool read_series(struct cs_h5 *file, const char *at, int i, struct cs_series *series)
{
	char path[PATH], *kind, *colour;
	unsigned r, g, b;
	long count = -1;

	*series = (struct cs_series){.colour = cs_series_colour(i), .mark = i};
	place(path, at, "y");
	series->y = read_numbers(file, path, &count);
	if (!series->y)
		return false;
	series->count = count;
	place(path, at, "x");
	series->x = read_numbers(file, path, &count);
	place(path, at, "low");
	series->low = read_numbers(file, path, &count);
	place(path, at, "high");
	series->high = read_numbers(file, path, &count);
	series->name = text_of(file, at, "name");
	kind = text_of(file, at, "kind");
	colour = text_of(file, at, "colour");
	if (kind)
		series->kind = strcmp(kind, "bars") == 0 ? CS_SERIES_BARS
			: strcmp(kind, "points") == 0    ? CS_SERIES_POINTS
							 : CS_SERIES_LINE;
	if (colour && sscanf(colour, "%u,%u,%u", &r, &g, &b) == 3)
		series->colour = (struct cs_rgb){(uint8_t)r, (uint8_t)g, (uint8_t)b};
	cs_free(kind);
	cs_free(colour);
	return true;
}

static void read_all_series(struct cs_h5 *file, const char *at, struct cs_result *result, struct cs_plot *plot)
{
	char group[PATH], path[PATH], **names = NULL;
	struct cs_series *series;
	int count = 0;

	place(group, at, "series");
	if (!cs_h5_is_group(file, group) || cs_h5_list(file, group, &names, &count, NULL))
		return;
	series = cs_calloc((size_t)count + 1, sizeof *series);
	plot->series = series;
	for (int i = 0; i < count && series; i++) {
		place(path, group, names[i]);
		if (plot->series_count == CS_RESULT_SERIES ||
			!read_series(file, path, plot->series_count, &series[plot->series_count])) {
			result->left_out++;
			continue;
		}
		plot->series_count++;
	}
	cs_free(names);
}

static void read_cells(struct cs_h5 *file, const char *path, struct cs_plot *plot)
{
	struct cs_tensor cells = {0};
	float *copy;

	if (!cs_h5_exists(file, path) || cs_h5_read_tensor(file, path, MOST_CELLS, &cells, NULL))
		return;
	copy = cells.shape.rank == 2 && cs_tensor_count(&cells) > 0
		? cs_alloc((size_t)cs_tensor_count(&cells) * sizeof *copy)
		: NULL;
	if (copy) {
		memcpy(copy, cells.data, (size_t)cs_tensor_count(&cells) * sizeof *copy);
		plot->cells = copy;
		plot->cell_rows = (int)cells.shape.dim[0];
		plot->cell_columns = (int)cells.shape.dim[1];
	}
	cs_tensor_fini(&cells);
}

static bool read_plot(struct cs_h5 *file, const char *at, struct cs_result *result, struct cs_plot *plot)
{
	char path[PATH], **names = NULL, *map = text_of(file, at, "map");
	int count = 0;

	plot->title = text_of(file, at, "title");
	plot->x_label = text_of(file, at, "x_label");
	plot->y_label = text_of(file, at, "y_label");
	plot->log_y = number_of(file, at, "log_y", 0) != 0;
	plot->zero = number_of(file, at, "zero", 0) != 0;
	plot->x_low = number_of(file, at, "x_low", 0);
	plot->x_high = number_of(file, at, "x_high", 0);
	plot->y_low = number_of(file, at, "y_low", 0);
	plot->y_high = number_of(file, at, "y_high", 0);
	plot->map = map ? cs_colormap_find(map) : NULL;
	cs_free(map);
	read_all_series(file, at, result, plot);
	place(path, at, "cells");
	read_cells(file, path, plot);
	place(path, at, "categories");
	if (cs_h5_exists(file, path) && cs_h5_read_strings(file, path, NULL, &names, &count, NULL) == CS_OK) {
		bool fits = plot->cells ? count == plot->cell_rows && count == plot->cell_columns
					: plot->series_count > 0 && count == plot->series[0].count;

		if (fits)
			plot->categories = (const char *const *)names;
		else
			cs_free(names);
	}
	return plot->cells || plot->series_count > 0;
}

static void free_plot(struct cs_plot *plot)
{
	for (int i = 0; i < plot->series_count; i++) {
		cs_free((void *)plot->series[i].x);
		cs_free((void *)plot->series[i].y);
		cs_free((void *)plot->series[i].low);
		cs_free((void *)plot->series[i].high);
		cs_free((void *)plot->series[i].name);
	}
	cs_free((void *)plot->series);
	cs_free((void *)plot->cells);
	cs_free((void *)plot->categories);
	cs_free((void *)plot->title);
	cs_free((void *)plot->x_label);
	cs_free((void *)plot->y_label);
	*plot = (struct cs_plot){0};
}

static bool read_mosaic(
	struct cs_h5 *file, const char *at, const struct cs_result *result, struct cs_result_figure *figure)
{
	char *from = text_of(file, at, "tensor");
	bool good = from && strncmp(from, "/tensors/", 9) == 0;

	if (good)
		figure->mosaic = cs_result_tensor(result, from + 9);
	figure->columns = (int)number_of(file, at, "columns", 0);
	cs_free(from);
	return good && figure->mosaic && figure->mosaic->shape.rank == 4 && cs_tensor_count(figure->mosaic) > 0;
}

static bool read_picture(struct cs_h5 *file, const char *at, struct cs_result_figure *figure)
{
	struct cs_shape shape = {0};
	char path[PATH];
	void *bytes = NULL;
	bool good;

	place(path, at, "pixels");
	if (cs_h5_read_array(file, path, CS_H5_U8, MOST_NUMBERS, &bytes, &shape, NULL))
		return false;
	good = shape.rank == 3 && shape.dim[2] == 3 &&
		cs_picture_init(&figure->picture, (int)shape.dim[1], (int)shape.dim[0], NULL) == CS_OK;
	if (good)
		memcpy(figure->picture.rgb, bytes, (size_t)cs_shape_count(&shape));
	cs_free(bytes);
	return good;
}

static bool read_figure(struct cs_h5 *file, const char *at, struct cs_result *result, struct cs_result_figure *figure)
{
	char *kind = text_of(file, at, "kind");
	bool good = false;

	figure->name = text_of(file, at, "name");
	figure->caption = text_of(file, at, "caption");
	if (kind && figure->name) {
		figure->kind = strcmp(kind, "plot") == 0 ? CS_RESULT_PLOT
			: strcmp(kind, "mosaic") == 0    ? CS_RESULT_MOSAIC
							 : CS_RESULT_PICTURE;
		good = figure->kind == CS_RESULT_PLOT      ? read_plot(file, at, result, &figure->plot)
			: figure->kind == CS_RESULT_MOSAIC ? read_mosaic(file, at, result, figure)
			: strcmp(kind, "picture") == 0     ? read_picture(file, at, figure)
							   : false;
	}
	cs_free(kind);
	if (!good) {
		free_plot(&figure->plot);
		cs_picture_fini(&figure->picture);
		cs_free(figure->name);
		cs_free(figure->caption);
		*figure = (struct cs_result_figure){0};
	}
	return good;
}

static void read_figures(struct cs_h5 *file, struct cs_result *result)
{
	char **names = NULL;
	int count = 0;

	if (!cs_h5_is_group(file, "/figures") || cs_h5_list(file, "/figures", &names, &count, NULL))
		return;
	result->figures = cs_calloc((size_t)count + 1, sizeof *result->figures);
	for (int i = 0; i < count && result->figures; i++) {
		char path[PATH];

		place(path, "/figures", names[i]);
		if (result->figure_count < CS_RESULT_FIGURES &&
			read_figure(file, path, result, &result->figures[result->figure_count]))
			result->figure_count++;
		else
			result->left_out++;
	}
	cs_free(names);
}

static char *word_of(struct cs_h5 *file, const char *attribute)
{
	char *text = text_of(file, "/", attribute);

	return text ? text : cs_strdup("");
}

enum cs_status cs_result_read(const char *path, struct cs_result **out, struct cs_error *error)
{
	struct cs_result *result;
	struct cs_h5 *file;
	enum cs_status status = cs_h5_open_foreign(path, &file, error);

	if (status)
		return status;
	result = cs_calloc(1, sizeof *result);
	if (!result) {
		cs_h5_close(file, NULL);
		return cs_fail_memory(error, "a result");
	}
	if (!cs_h5_has_attribute(file, "/", "convscope_result")) {
		status = cs_h5_lost(file, error);
		if (!status)
			status = cs_fail(error, CS_ERR_FORMAT,
				"'%s' is no result of an analysis, or of an older version: run the analysis again",
				path);
		goto out;
	}
	result->analysis = word_of(file, "analysis");
	result->title = word_of(file, "title");
	result->model = word_of(file, "model");
	result->dataset = word_of(file, "dataset");
	result->options = word_of(file, "options");
	read_columns(file, result);
	if (cs_h5_exists(file, "/notes"))
		cs_h5_read_strings(file, "/notes", NULL, &result->notes, &result->note_count, NULL);
	read_tensors(file, result);
	read_figures(file, result);
	status = cs_h5_lost(file, error);
	if (!status && !(result->analysis && result->title && result->model && result->dataset && result->options))
		status = cs_fail_memory(error, "a result");
out:
	cs_h5_close(file, NULL);
	if (status)
		cs_result_free(result);
	else
		*out = result;
	return status;
}

void cs_result_free(struct cs_result *result)
{
	if (!result)
		return;
	for (int i = 0; i < result->column_count; i++) {
		cs_free(result->columns[i].name);
		cs_free(result->columns[i].numbers);
		cs_free(result->columns[i].texts);
	}
	for (int i = 0; i < result->figure_count; i++) {
		free_plot(&result->figures[i].plot);
		cs_picture_fini(&result->figures[i].picture);
		cs_free(result->figures[i].name);
		cs_free(result->figures[i].caption);
	}
	for (int i = 0; i < result->tensor_count; i++) {
		cs_tensor_fini(&result->tensors[i].tensor);
		cs_free(result->tensors[i].name);
	}
	cs_free(result->columns);
	cs_free(result->figures);
	cs_free(result->tensors);
	cs_free(result->notes);
	cs_free(result->analysis);
	cs_free(result->title);
	cs_free(result->model);
	cs_free(result->dataset);
	cs_free(result->options);
	cs_free(result);
}

const struct cs_result_column *cs_result_column(const struct cs_result *result, const char *name)
{
	for (int i = 0; result && i < result->column_count; i++) {
		if (strcmp(result->columns[i].name, name) == 0)
			return &result->columns[i];
	}
	return NULL;
}

const struct cs_tensor *cs_result_tensor(const struct cs_result *result, const char *name)
{
	for (int i = 0; result && i < result->tensor_count; i++) {
		if (strcmp(result->tensors[i].name, name) == 0)
			return &result->tensors[i].tensor;
	}
	return NULL;
}

const char *cs_result_cell(const struct cs_result_column *column, int64_t row, char *text, size_t size)
{
	double value;

	if (column->texts)
		return column->texts[row];
	value = (double)column->numbers[row];
	if (isnan(value))
		return "";
	if (value == floor(value) && fabs(value) < 1e7)
		snprintf(text, size, "%.0f", value);
	else
		snprintf(text, size, "%.4g", value);
	return text;
}
