/* csv.h: a table as a file of comma-separated values, as spreadsheets and data frames read it (RFC 4180, lines end in "\n").
 *
 * Texts with commas, quotes or line ends are quoted; a number that is not known is an empty cell. The table is made in memory and
 * written at once, so that a full disk leaves no half of it.
 */
#ifndef CS_UI_CSV_H
#define CS_UI_CSV_H

#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct cs_csv {
	FILE *out;
	char *text;
	size_t length;
	bool begun; /* the row has a cell already */
};

/* Begin; the names of the columns are the first row: "image,class" (NULL: the caller writes it). Without memory everything else does nothing, and saving says so. */
void cs_csv_init(struct cs_csv *csv, const char *columns);

/* The next cell of the row: a text (NULL: empty), a whole number, a number (NaN: empty; nine digits, so that a float comes back as it
 * was). */
void cs_csv_text(struct cs_csv *csv, const char *text);
void cs_csv_count(struct cs_csv *csv, int64_t number);
void cs_csv_number(struct cs_csv *csv, double number);
void cs_csv_end_row(struct cs_csv *csv);

/* Write to STEM.csv and release; "wrote STEM.csv" goes to message[size], which may be NULL. */
enum cs_status cs_csv_save(
	struct cs_csv *csv, const char *stem, char *message, size_t size, struct cs_error *error);

/* Take STEM.csv away again: what belongs to it could not be written. */
void cs_csv_drop(const char *stem);

#endif
