/* csv.c: see csv.h. */
#include "ui/csv.h"

#include "core/alloc.h"
#include "io/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cs_csv_init(struct cs_csv *csv, const char *columns)
{
	*csv = (struct cs_csv){0};
	csv->out = open_memstream(&csv->text, &csv->length);
	if (csv->out && columns)
		fprintf(csv->out, "%s\n", columns);
}

/* The comma before a cell that is not the row's first. */
static bool next(struct cs_csv *csv)
{
	if (csv->out && csv->begun)
		fputc(',', csv->out);
	csv->begun = true;
	return csv->out != NULL;
}

void cs_csv_text(struct cs_csv *csv, const char *text)
{
	bool quoted = text && strpbrk(text, ",\"\r\n") != NULL;

	if (!next(csv) || !text)
		return;
	if (quoted)
		fputc('"', csv->out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', csv->out);
		fputc(*text, csv->out);
	}
	if (quoted)
		fputc('"', csv->out);
}

void cs_csv_count(struct cs_csv *csv, int64_t number)
{
	if (next(csv))
		fprintf(csv->out, "%" PRId64, number);
}

void cs_csv_number(struct cs_csv *csv, double number)
{
	if (next(csv) && !isnan(number))
		fprintf(csv->out, "%.9g", number);
}

void cs_csv_end_row(struct cs_csv *csv)
{
	if (csv->out)
		fputc('\n', csv->out);
	csv->begun = false;
}

enum cs_status cs_csv_save(struct cs_csv *csv, const char *stem, char *message, size_t size, struct cs_error *error)
{
	char *path = cs_format("%s.csv", stem);
	bool whole = csv->out && !ferror(csv->out);
	enum cs_status status;

	if (csv->out)
		whole = fclose(csv->out) == 0 && whole;
	status = path && whole ? cs_file_write(path, csv->text, csv->length, error) : cs_fail_memory(error, "a table");
	if (!status && message)
		snprintf(message, size, "wrote %s", path);
	free(csv->text);
	cs_free(path);
	*csv = (struct cs_csv){0};
	return status;
}

void cs_csv_drop(const char *stem)
{
	char *path = cs_format("%s.csv", stem);

	if (path)
		unlink(path);
	cs_free(path);
}
