/* jpeg.h: the JPEG half of picture.h, for picture.c alone. */
#ifndef CS_IO_JPEG_H
#define CS_IO_JPEG_H

#include "io/picture.h"

#include <stdbool.h>
#include <stddef.h>

/* The bytes begin with a JPEG's start-of-image marker and the first byte of another. */
bool cs_jpeg_recognise(const uint8_t *bytes, size_t size);

/* As cs_picture_decode(), for bytes that cs_jpeg_recognise() knows. */
enum cs_status cs_jpeg_decode(
	const uint8_t *bytes, size_t size, const char *name, struct cs_picture *out, struct cs_error *error);

#endif
