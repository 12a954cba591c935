/* symbols.h: a picture as a grid of characters. */
#ifndef CS_TERM_SYMBOLS_H
#define CS_TERM_SYMBOLS_H

#include "io/picture.h"

#include <chafa.h>
#include <stdbool.h>

/* The picture drawn into columns x rows characters of the given pixel size, in `colours` (0, 8, 256 or 1 << 24) colours. To be released with
 * chafa_canvas_unref(). */
ChafaCanvas *cs_symbols_canvas(const struct cs_picture *picture, int columns, int rows, int cell_width, int cell_height,
	int colours, bool ascii, bool dark);

/* The largest columns x rows within the limits that keeps the picture's proportions. */
void cs_symbols_size(int most_columns, int most_rows, int cell_width, int cell_height, int width, int height,
	int *columns, int *rows);

#endif
