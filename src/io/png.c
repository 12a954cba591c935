/* png.c: PNG in and out, by libpng.
 *
 * libpng leaves by longjmp() when something is wrong. Everything that must outlive such a jump lives in a struct of the
 * caller's frame that is reached through a pointer, never in a local variable of the function that calls setjmp(), so no
 * value can be clobbered.
 *
 * A header may lie: sides are checked before libpng sees the file, and so is whether the file could hold that many
 * pixels at all (deflate packs at most 1032 to 1). Chunks that say nothing about pixels (text, profiles) are skipped unread.
 */
#include "io/png.h"

#include "core/alloc.h"
#include "io/file.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

enum { SIGNATURE = 8, HEADER_END = 33, CHUNK_LIMIT = 8 << 20, CHUNKS_KEPT = 128 };

bool cs_png_recognise(const uint8_t *bytes, size_t size)
{
	return size >= SIGNATURE && png_sig_cmp(bytes, 0, SIGNATURE) == 0;
}

static png_voidp png_memory(png_structp png, png_alloc_size_t size)
{
	(void)png;
	return cs_alloc(size);
}

static void png_release(png_structp png, png_voidp memory)
{
	(void)png;
	cs_free(memory);
}

/* One pass over a PNG file, reading or writing. */
struct coder {
	png_structp png;
	png_infop info;
	char message[160];

	const uint8_t *bytes; /* reading */
	size_t size, at;
	struct cs_picture picture;

	char *packed; /* writing */
	size_t packed_size, packed_capacity;
	png_text *text;
	int texts;

	png_bytep *rows;
};

static void on_error(png_structp png, png_const_charp message)
{
	struct coder *coder = png_get_error_ptr(png);

	snprintf(coder->message, sizeof coder->message, "%s", message);
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
	(void)png;
	(void)message;
}

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
	struct coder *coder = png_get_io_ptr(png);

	if (count > coder->size - coder->at)
		png_error(png, "the data ends early");
	memcpy(to, coder->bytes + coder->at, count);
	coder->at += count;
}

static uint32_t big_endian(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* What the header claims, checked before anything is allocated. */
static enum cs_status check_header(const uint8_t *bytes, size_t size, const char *name, struct cs_error *error)
{
	static const uint8_t channels[7] = {1, 0, 3, 1, 2, 0, 4};
	uint64_t width, height, packed;

	if (size < HEADER_END || memcmp(bytes + 12, "IHDR", 4) != 0)
		return cs_fail(error, CS_ERR_FORMAT, "'%s': corrupt or truncated PNG: no header", name);
	width = big_endian(bytes + 16);
	height = big_endian(bytes + 20);
	if (width == 0 || height == 0)
		return cs_fail(error, CS_ERR_FORMAT, "'%s': corrupt PNG: it says it has %llux%llu pixels", name,
			(unsigned long long)width, (unsigned long long)height);
	if (width > CS_PICTURE_MAX_SIDE || height > CS_PICTURE_MAX_SIDE || width * height > CS_PICTURE_MAX_PIXELS)
		return cs_fail(error, CS_ERR_MEMORY,
			"'%s' says it has %llux%llu pixels, over the limit of %d a side and %lld in all", name,
			(unsigned long long)width, (unsigned long long)height, CS_PICTURE_MAX_SIDE,
			(long long)CS_PICTURE_MAX_PIXELS);
	if (bytes[24] > 16 || bytes[25] > 6)
		return CS_OK; /* libpng says what is wrong */
	packed = height * ((width * bytes[24] * channels[bytes[25]] + 7) / 8);
	if (packed / 1032 > size)
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s': corrupt or truncated PNG: %zu bytes cannot hold %llux%llu pixels", name, size,
			(unsigned long long)width, (unsigned long long)height);
	return CS_OK;
}

/* False after an error, which is in coder->message; an empty message means no memory. */
static bool read_picture(struct coder *coder)
{
	png_structp png = coder->png;
	png_infop info = coder->info;
	size_t row;

	if (setjmp(png_jmpbuf(png)))
		return false;
	png_set_read_fn(png, coder, read_bytes);
	png_set_user_limits(png, CS_PICTURE_MAX_SIDE, CS_PICTURE_MAX_SIDE);
	png_set_chunk_malloc_max(png, CHUNK_LIMIT);
	png_set_chunk_cache_max(png, CHUNKS_KEPT);
	/* -1: everything that is not needed to decode pixels, known to libpng or not. */
	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
	png_read_info(png, info);
	png_set_strip_16(png);
	png_set_palette_to_rgb(png);
	png_set_expand_gray_1_2_4_to_8(png);
	png_set_gray_to_rgb(png);
	png_set_strip_alpha(png);
	png_set_interlace_handling(png);
	png_read_update_info(png, info);
	coder->picture.width = (int)png_get_image_width(png, info);
	coder->picture.height = (int)png_get_image_height(png, info);
	row = (size_t)coder->picture.width * 3;
	if (png_get_rowbytes(png, info) != row)
		png_error(png, "a pixel format that is not known");
	coder->picture.rgb = cs_alloc(row * (size_t)coder->picture.height);
	coder->rows = cs_alloc((size_t)coder->picture.height * sizeof *coder->rows);
	if (!coder->picture.rgb || !coder->rows)
		return false;
	for (int y = 0; y < coder->picture.height; y++)
		coder->rows[y] = coder->picture.rgb + row * (size_t)y;
	png_read_image(png, coder->rows);
	return true;
}

enum cs_status cs_png_decode(
	const uint8_t *bytes, size_t size, const char *name, struct cs_picture *out, struct cs_error *error)
{
	struct coder coder = {.bytes = bytes, .size = size};
	enum cs_status status = check_header(bytes, size, name, error);

	if (status != CS_OK)
		return status;
	coder.png = png_create_read_struct_2(
		PNG_LIBPNG_VER_STRING, &coder, on_error, on_warning, NULL, png_memory, png_release);
	coder.info = coder.png ? png_create_info_struct(coder.png) : NULL;
	if (coder.info && read_picture(&coder)) {
		*out = coder.picture;
		coder.picture.rgb = NULL;
	} else if (!coder.message[0] || strstr(coder.message, "emory")) {
		status = cs_fail(error, CS_ERR_MEMORY, "not enough memory for the picture '%s'", name);
	} else {
		status = cs_fail(error, CS_ERR_FORMAT, "'%s': corrupt or truncated PNG: %s", name, coder.message);
	}
	cs_free(coder.picture.rgb);
	cs_free(coder.rows);
	png_destroy_read_struct(&coder.png, &coder.info, NULL);
	return status;
}

static void write_bytes(png_structp png, png_bytep from, size_t count)
{
	struct coder *coder = png_get_io_ptr(png);

	if (count > coder->packed_capacity - coder->packed_size) {
		size_t wanted = coder->packed_capacity + count > 2 * coder->packed_capacity
			? coder->packed_capacity + count
			: 2 * coder->packed_capacity;
		char *larger = cs_realloc(coder->packed, wanted, 1);

		if (!larger)
			png_error(png, "out of memory");
		coder->packed = larger;
		coder->packed_capacity = wanted;
	}
	memcpy(coder->packed + coder->packed_size, from, count);
	coder->packed_size += count;
}

static void flush_nothing(png_structp png)
{
	(void)png;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/* Pairs of key and value as libpng wants them. False without memory. */
static bool gather_text(struct coder *coder, const char *const *text)
{
	int pairs = 0;

	while (text && text[2 * pairs])
		pairs++;
	if (pairs == 0)
		return true;
	coder->text = cs_calloc((size_t)pairs, sizeof *coder->text);
	if (!coder->text)
		return false;
	for (int i = 0; i < pairs; i++) {
		coder->text[i].compression =
			is_ascii(text[2 * i + 1]) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
		coder->text[i].key = (char *)(uintptr_t)text[2 * i]; /* libpng copies and never writes there */
		coder->text[i].text = (char *)(uintptr_t)text[2 * i + 1];
	}
	coder->texts = pairs;
	return true;
}

static bool write_picture(struct coder *coder, const struct cs_picture *picture)
{
	png_structp png = coder->png;

	if (setjmp(png_jmpbuf(png)))
		return false;
	png_set_write_fn(png, coder, write_bytes, flush_nothing);
	png_set_IHDR(png, coder->info, (png_uint_32)picture->width, (png_uint_32)picture->height, 8, PNG_COLOR_TYPE_RGB,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	if (coder->texts)
		png_set_text(png, coder->info, coder->text, coder->texts);
	png_write_info(png, coder->info);
	for (int y = 0; y < picture->height; y++)
		png_write_row(png, picture->rgb + (size_t)y * (size_t)picture->width * 3);
	png_write_end(png, coder->info);
	return true;
}

enum cs_status cs_picture_encode(
	const struct cs_picture *picture, const char *const *text, char **bytes, size_t *size, struct cs_error *error)
{
	struct coder coder = {0};
	enum cs_status status = CS_OK;

	if (picture->width <= 0 || picture->height <= 0)
		return cs_fail(error, CS_ERR_ARGUMENT, "a picture of %dx%d pixels cannot be written", picture->width,
			picture->height);
	coder.png = png_create_write_struct_2(
		PNG_LIBPNG_VER_STRING, &coder, on_error, on_warning, NULL, png_memory, png_release);
	coder.info = coder.png ? png_create_info_struct(coder.png) : NULL;
	if (coder.info && gather_text(&coder, text) && write_picture(&coder, picture)) {
		*bytes = coder.packed;
		*size = coder.packed_size;
		coder.packed = NULL;
	} else if (!coder.message[0] || strstr(coder.message, "emory")) {
		status = cs_fail_memory(error, "a PNG file");
	} else {
		status = cs_fail(error, CS_ERR_ARGUMENT, "cannot make a PNG file: %s", coder.message);
	}
	cs_free(coder.packed);
	cs_free(coder.text);
	png_destroy_write_struct(&coder.png, &coder.info);
	return status;
}

enum cs_status cs_picture_save(
	const struct cs_picture *picture, const char *path, const char *const *text, struct cs_error *error)
{
	char *bytes = NULL;
	size_t size = 0;
	enum cs_status status = cs_picture_encode(picture, text, &bytes, &size, error);

	if (status != CS_OK) {
		cs_error_prefix(error, "cannot write '%s'", path);
		return status;
	}
	status = cs_file_write(path, bytes, size, error);
	cs_free(bytes);
	return status;
}
