/* png.h: the PNG half of picture.h, for picture.c alone. */
#ifndef CS_IO_PNG_H
#define CS_IO_PNG_H

#include "io/picture.h"

#include <stdbool.h>
#include <stddef.h>

/* The bytes begin with a PNG signature. */
bool cs_png_recognise(const uint8_t *bytes, size_t size);

/* As cs_picture_decode(), for bytes that cs_png_recognise() knows. */
enum cs_status cs_png_decode(
	const uint8_t *bytes, size_t size, const char *name, struct cs_picture *out, struct cs_error *error);

#endif
