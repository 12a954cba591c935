/* sixel.h: a picture as the bytes of a DEC sixel terminal. */
#ifndef CS_TERM_SIXEL_H
#define CS_TERM_SIXEL_H

#include "io/picture.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes that grow. `failed`: there was no memory. Free `data` with cs_free. */
struct cs_bytes {
	char *data;
	size_t length, room;
	bool failed;
};

void cs_bytes_add(struct cs_bytes *bytes, const char *text);

/* Append the device control string of `picture`, in at most `colours` (2 .. 256) colours of its own. */
enum cs_status cs_sixel_encode(
	const struct cs_picture *picture, int colours, struct cs_bytes *bytes, struct cs_error *error);

/* The size at which a picture of width x height is shown in most_width x most_height pixels: as large as fits, in whole multiples where that
 * costs less than 15 % of the width. */
void cs_sixel_size(int most_width, int most_height, int width, int height, int *out_width, int *out_height);

#endif
