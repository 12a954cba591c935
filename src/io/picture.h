/* picture.h: 8-bit RGB pictures, read and written by content, not by file name. */
#ifndef CS_IO_PICTURE_H
#define CS_IO_PICTURE_H

#include "core/tensor.h"

#include <stdint.h>

/* rgb[height,width,3], row-major. */
struct cs_picture {
	int width, height;
	uint8_t *rgb; /* owned */
};

/* Limits that bound what an untrusted file can ask for: 64 megapixels, 30000 a side. */
enum { CS_PICTURE_MAX_SIDE = 30000 };
#define CS_PICTURE_MAX_PIXELS (64LL << 20)

/* A black picture. Errors: CS_ERR_MEMORY, CS_ERR_ARGUMENT over the limits. */
enum cs_status cs_picture_init(struct cs_picture *picture, int width, int height, struct cs_error *error);
void cs_picture_fini(struct cs_picture *picture);

/* Decode PNG or JPEG by its first bytes. Grey is widened, alpha is dropped, 16 bits keep the high byte, CMYK JPEGs are
 * converted (inverted, as Adobe writes them), EXIF orientation is ignored, gamma and colour profiles are ignored. Truncated data is an
 * error. Errors: CS_ERR_FORMAT ("not a PNG or JPEG file: ..."), CS_ERR_MEMORY over the limits; `name` is for the message. */
enum cs_status cs_picture_decode(const void *bytes, size_t size, const char *name, struct cs_picture *out,
	struct cs_error *error);
enum cs_status cs_picture_load(const char *path, struct cs_picture *out, struct cs_error *error);

/* Write a PNG to a temporary file beside `path` and rename it: no half-written picture is ever seen. `text` are pairs key, value
 * (ended by NULL) stored as tEXt chunks: the numbers behind the picture. May be NULL. */
enum cs_status cs_picture_save(const struct cs_picture *picture, const char *path, const char *const *text,
	struct cs_error *error);

/* The same PNG in memory (to be freed), for pictures inside other files. */
enum cs_status cs_picture_encode(const struct cs_picture *picture, const char *const *text, char **bytes, size_t *size,
	struct cs_error *error);

/* Resize so that the shorter side fits, then crop at the centre (area average when shrinking, bilinear when growing). */
enum cs_status cs_picture_fit(const struct cs_picture *in, int width, int height, struct cs_picture *out,
	struct cs_error *error);

/* Resize without keeping the aspect. `smooth` false repeats pixels (for magnifying small pictures). */
enum cs_status cs_picture_resize(const struct cs_picture *in, int width, int height, bool smooth, struct cs_picture *out,
	struct cs_error *error);

/* Copy `from` into `to` at (left, top), clipped. */
void cs_picture_paste(struct cs_picture *to, const struct cs_picture *from, int left, int top);

#endif
