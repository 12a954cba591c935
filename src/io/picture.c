/* picture.c: 8-bit RGB pictures in memory, and which decoder a file needs. See picture.h.
 *
 * The format follows from the first bytes; a name is only for messages. Formats that are not read are still named, so that a person
 * knows what they have.
 */
#include "io/picture.h"

#include "core/alloc.h"
#include "io/file.h"
#include "io/jpeg.h"
#include "io/png.h"

#include <stdio.h>
#include <string.h>

/* The largest picture file that is read into memory. */
enum { FILE_LIMIT = 512 << 20 };

enum cs_status cs_picture_init(struct cs_picture *picture, int width, int height, struct cs_error *error)
{
	uint8_t *rgb;

	if (width <= 0 || height <= 0 || width > CS_PICTURE_MAX_SIDE || height > CS_PICTURE_MAX_SIDE ||
		(int64_t)width * height > CS_PICTURE_MAX_PIXELS)
		return cs_fail(error, CS_ERR_ARGUMENT,
			"a picture of %dx%d pixels cannot be made: sides are 1 to %d, and at most %lld pixels in all",
			width, height, CS_PICTURE_MAX_SIDE, (long long)CS_PICTURE_MAX_PIXELS);
	rgb = cs_calloc((size_t)width * (size_t)height, 3);
	if (!rgb)
		return cs_fail_memory(error, "a picture");
	*picture = (struct cs_picture){.width = width, .height = height, .rgb = rgb};
	return CS_OK;
}

void cs_picture_fini(struct cs_picture *picture)
{
	cs_free(picture->rgb);
	*picture = (struct cs_picture){0};
}

struct signature {
	const char *bytes;
	size_t size;
	const char *what;
};

static const struct signature others[] = {
	{"GIF8", 4, "a GIF file"},
	{"II*\0", 4, "a TIFF file"},
	{"MM\0*", 4, "a TIFF file"},
	{"BM", 2, "a BMP file"},
	{"RIFF", 4, "a RIFF file (WebP?)"},
	{"<svg", 4, "an SVG file"},
	{"<?xml", 5, "an XML file (SVG?)"},
	{"%PDF", 4, "a PDF file"},
	{"\x89HDF", 4, "an HDF5 file"},
	{"PK\3\4", 4, "a zip file"},
	{"version https://git-lfs", 23, "a Git LFS pointer: the picture itself was not downloaded"},
};

static enum cs_status refuse(const uint8_t *bytes, size_t size, const char *name, struct cs_error *error)
{
	char start[3 * 8 + 1] = "";

	if (size == 0)
		return cs_fail(error, CS_ERR_FORMAT, "not a PNG or JPEG file: '%s' is empty", name);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (size >= others[i].size && memcmp(bytes, others[i].bytes, others[i].size) == 0)
			return cs_fail(
				error, CS_ERR_FORMAT, "not a PNG or JPEG file: '%s' is %s", name, others[i].what);
	for (size_t i = 0; i < size && i < 8; i++)
		snprintf(start + 3 * i, 4, "%02x ", bytes[i]);
	return cs_fail(error, CS_ERR_FORMAT, "not a PNG or JPEG file: '%s' begins with the bytes %s(%zu in all)", name,
		start, size);
}

enum cs_status cs_picture_decode(
	const void *bytes, size_t size, const char *name, struct cs_picture *out, struct cs_error *error)
{
	if (cs_png_recognise(bytes, size))
		return cs_png_decode(bytes, size, name, out, error);
	if (cs_jpeg_recognise(bytes, size))
		return cs_jpeg_decode(bytes, size, name, out, error);
	return refuse(bytes, size, name, error);
}

enum cs_status cs_picture_load(const char *path, struct cs_picture *out, struct cs_error *error)
{
	char *bytes = NULL;
	size_t size = 0;
	enum cs_status status = cs_file_read(path, FILE_LIMIT, &bytes, &size, error);

	if (status == CS_OK)
		status = cs_picture_decode(bytes, size, path, out, error);
	cs_free(bytes);
	return status;
}

void cs_picture_paste(struct cs_picture *to, const struct cs_picture *from, int left, int top)
{
	int64_t x0 = left > 0 ? left : 0;
	int64_t y0 = top > 0 ? top : 0;
	int64_t x1 = (int64_t)left + from->width < to->width ? (int64_t)left + from->width : to->width;
	int64_t y1 = (int64_t)top + from->height < to->height ? (int64_t)top + from->height : to->height;

	if (x0 >= x1)
		return;
	for (int64_t y = y0; y < y1; y++)
		memcpy(to->rgb + 3 * (y * to->width + x0), from->rgb + 3 * ((y - top) * from->width + (x0 - left)),
			(size_t)(x1 - x0) * 3);
}
