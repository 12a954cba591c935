/* result.h: the result of an analysis as it lies in its HDF5 file: a table, sentences, tensors and figures, for whoever shows them.
 *
 * The file says by itself what it holds (lua/convscope/result.lua has the layout), so nothing here knows any analysis. A file of
 * unknown origin is read behind the guard (io/h5.h), within limits: what is larger is left out and counted.
 */
#ifndef CS_FIGURE_RESULT_H
#define CS_FIGURE_RESULT_H

#include "core/tensor.h"
#include "figure/plot.h"

/* Limits: a file that asks for more was not written by an analysis. */
enum { CS_RESULT_COLUMNS = 256, CS_RESULT_ROWS = 1 << 20, CS_RESULT_FIGURES = 512, CS_RESULT_SERIES = 512 };

/* A column of the table: numbers, or texts when `numbers` is NULL. */
struct cs_result_column {
	char *name;
	float *numbers; /* [rows]; NaN: could not be measured */
	char **texts; /* [rows] */
};

struct cs_result_tensor {
	char *name;
	struct cs_tensor tensor;
};

enum cs_result_kind { CS_RESULT_PLOT, CS_RESULT_MOSAIC, CS_RESULT_PICTURE };

struct cs_result_figure {
	enum cs_result_kind kind;
	char *name;
	char *caption; /* what it shows, where the name does not say it; or NULL */
	struct cs_plot plot; /* CS_RESULT_PLOT; all it points to is owned */
	const struct cs_tensor *mosaic; /* CS_RESULT_MOSAIC: [n,h,w,c], one of the tensors */
	int columns; /* tiles a row; 0: near square */
	struct cs_picture picture; /* CS_RESULT_PICTURE */
};

struct cs_result {
	char *analysis, *title, *model, *dataset, *options; /* "" where the file says nothing */
	int column_count;
	int64_t rows;
	struct cs_result_column *columns;
	char **notes; /* one block */
	int note_count;
	int tensor_count;
	struct cs_result_tensor *tensors;
	int figure_count;
	struct cs_result_figure *figures;
	int left_out; /* parts that could not be read */
};

/* Errors: CS_ERR_NOT_FOUND, CS_ERR_FORMAT when it is no result file, CS_ERR_MEMORY. */
enum cs_status cs_result_read(const char *path, struct cs_result **out, struct cs_error *error);
void cs_result_free(struct cs_result *result);

/* By name; NULL when there is none. */
const struct cs_result_column *cs_result_column(const struct cs_result *result, const char *name);
const struct cs_tensor *cs_result_tensor(const struct cs_result *result, const char *name);

/* A cell of the table as text for people; a number has four digits. Returns text[size], or the text itself. */
const char *cs_result_cell(const struct cs_result_column *column, int64_t row, char *text, size_t size);

#endif
