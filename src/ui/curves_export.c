/* curves_export.c: learning curves as series and as files. See curves_export.h. */
#include "ui/curves_export.h"

#include "core/alloc.h"
#include "ui/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const quantity_names[CS_QUANTITIES] = {"accuracy", "loss"};

void cs_lines_series(const struct cs_lines *lines, struct cs_series *series)
{
	for (int i = 0; i < lines->count; i++) {
		const struct cs_line *line = &lines->lines[i];

		series[i] = (struct cs_series){
			.kind = CS_SERIES_LINE,
			.name = line->name,
			.x = line->x,
			.y = line->y,
			.low = line->low,
			.high = line->high,
			.count = line->count,
			.colour = cs_series_colour(i),
			.mark = i,
		};
	}
}

/* One row a point of a line. */
static enum cs_status save_table(const struct cs_lines lines[CS_QUANTITIES], const char *stem, struct cs_error *error)
{
	struct cs_csv csv;

	cs_csv_init(&csv, "quantity,line,epochs,value,low,high");
	for (int q = 0; q < CS_QUANTITIES; q++) {
		for (int i = 0; i < lines[q].count; i++) {
			const struct cs_line *line = &lines[q].lines[i];

			for (long k = 0; k < line->count; k++) {
				cs_csv_text(&csv, quantity_names[q]);
				cs_csv_text(&csv, line->name);
				cs_csv_number(&csv, line->x[k]);
				cs_csv_number(&csv, line->y[k]);
				cs_csv_number(&csv, line->low ? line->low[k] : NAN);
				cs_csv_number(&csv, line->low ? line->high[k] : NAN);
				cs_csv_end_row(&csv);
			}
		}
	}
	return cs_csv_save(&csv, stem, NULL, 0, error);
}

enum cs_status cs_curves_export(const struct cs_plot plots[CS_QUANTITIES], const struct cs_lines lines[CS_QUANTITIES],
	const struct cs_curves *history, const char *stem, struct cs_error *error)
{
	char *paths[2 * CS_QUANTITIES + 2] = {NULL};
	enum cs_status status = CS_OK;
	int made = 0;

	for (int q = 0; q < CS_QUANTITIES && !status; q++) {
		for (int svg = 0; svg < 2 && !status; svg++) {
			char *path = cs_format("%s-%s.%s", stem, quantity_names[q], svg ? "svg" : "png");

			if (!path)
				status = cs_fail_memory(error, "a path");
			else
				status = svg
					? cs_plot_save_svg(&plots[q], CS_CURVES_WIDTH, CS_CURVES_HEIGHT, path, error)
					: cs_plot_save_png(&plots[q], CS_CURVES_WIDTH, CS_CURVES_HEIGHT, path, error);
			paths[made++] = path;
		}
	}
	for (int numbers = 0; numbers < 2 && !status; numbers++) {
		char *path = cs_format("%s.%s", stem, numbers ? "hdf5" : "csv");

		if (!path)
			status = cs_fail_memory(error, "a path");
		else
			status = numbers ? cs_curves_save(history, path, error) : save_table(lines, stem, error);
		paths[made++] = path;
	}
	for (int i = 0; i < made; i++) {
		if (status && i < made - 1 && paths[i])
			unlink(paths[i]);
		cs_free(paths[i]);
	}
	return status;
}
