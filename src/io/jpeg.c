/* jpeg.c: JPEG decoding, by libjpeg.
 *
 * libjpeg leaves by longjmp() when something is wrong; as in png.c, what must outlive the jump lives in a struct of the
 * caller's frame. libjpeg treats damaged data as a warning and goes on with grey: here such warnings are errors, except
 * those that leave the pixels whole (stray bytes between markers, an odd Adobe transform).
 *
 * A file of a few kilobytes can ask for much: sides are checked before decoding starts, the coefficients that a progressive file keeps and
 * its pixels are limited to 216 MiB together, and a file of more than 500 scans is refused.
 */
#include "io/jpeg.h"

#include "core/alloc.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

enum { MEMORY_LIMIT = 216 << 20, SCAN_LIMIT = 500 };

bool cs_jpeg_recognise(const uint8_t *bytes, size_t size)
{
	return size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

struct decoder {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf jump;
	enum cs_status status;
	char message[JMSG_LENGTH_MAX];
	struct cs_picture picture;
	JSAMPARRAY cmyk; /* one row, libjpeg's memory */
};

static _Noreturn void leave(struct decoder *decoder)
{
	longjmp(decoder->jump, 1);
}

static void on_error(j_common_ptr jpeg)
{
	struct decoder *decoder = jpeg->client_data;

	jpeg->err->format_message(jpeg, decoder->message);
	if (jpeg->err->msg_code == JERR_NO_BACKING_STORE)
		snprintf(decoder->message, sizeof decoder->message,
			"it is progressive: its coefficients and pixels take more than %d MiB; save it as a baseline JPEG",
			MEMORY_LIMIT >> 20);
	decoder->status = CS_ERR_FORMAT;
	if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY || jpeg->err->msg_code == JERR_NO_BACKING_STORE)
		decoder->status = CS_ERR_MEMORY;
	leave(decoder);
}

static void on_message(j_common_ptr jpeg, int level)
{
	if (level >= 0)
		return;
	switch (jpeg->err->msg_code) {
	case JWRN_HIT_MARKER:
	case JWRN_JPEG_EOF:
	case JWRN_HUFF_BAD_CODE:
	case JWRN_ARITH_BAD_CODE:
	case JWRN_MUST_RESYNC:
	case JWRN_NOT_SEQUENTIAL:
		on_error(jpeg);
		break;
	default:
		break;
	}
}

static void on_progress(j_common_ptr jpeg)
{
	struct decoder *decoder = jpeg->client_data;

	if (decoder->jpeg.input_scan_number > SCAN_LIMIT) {
		snprintf(decoder->message, sizeof decoder->message, "more than %d scans", SCAN_LIMIT);
		decoder->status = CS_ERR_FORMAT;
		leave(decoder);
	}
}

/* Four components to RGB. Ink is stored inverted (255 = none), as Adobe's programs write it. Files without Adobe's marker do not
 * say; they are read alike, as Pillow does, so that Keras and convscope see the same picture. */
static void from_cmyk(const uint8_t *in, int width, uint8_t *out)
{
	for (int x = 0; x < width; x++, in += 4, out += 3)
		for (int k = 0; k < 3; k++)
			out[k] = (uint8_t)((in[k] * in[3] + 127) / 255);
}

static void widen_grey(uint8_t *row, int width)
{
	for (int x = width - 1; x >= 0; x--)
		row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = row[x];
}

/* False after an error, which is in decoder->status and message. */
static bool read_picture(struct decoder *decoder, const uint8_t *bytes, size_t size)
{
	struct jpeg_decompress_struct *jpeg = &decoder->jpeg;

	if (setjmp(decoder->jump))
		return false;
	jpeg_create_decompress(jpeg);
	jpeg->client_data = decoder;
	jpeg->progress = &decoder->progress;
	jpeg_mem_src(jpeg, bytes, size);
	jpeg_read_header(jpeg, TRUE);
	if (jpeg->image_width > CS_PICTURE_MAX_SIDE || jpeg->image_height > CS_PICTURE_MAX_SIDE ||
		(int64_t)jpeg->image_width * jpeg->image_height > CS_PICTURE_MAX_PIXELS) {
		decoder->status = CS_ERR_MEMORY;
		return false;
	}
	/* at least 24 MiB, for no picture has over 192 MiB of pixels */
	jpeg->mem->max_memory_to_use = MEMORY_LIMIT - (long)jpeg->image_width * jpeg->image_height * 3;
	switch (jpeg->jpeg_color_space) {
	case JCS_GRAYSCALE:
		jpeg->out_color_space = JCS_GRAYSCALE;
		break;
	case JCS_CMYK:
	case JCS_YCCK:
		jpeg->out_color_space = JCS_CMYK;
		break;
	case JCS_RGB:
	case JCS_YCbCr:
		jpeg->out_color_space = JCS_RGB;
		break;
	default:
		decoder->status = CS_ERR_UNSUPPORTED;
		return false;
	}
	jpeg_start_decompress(jpeg);
	if (jpeg->out_color_space == JCS_CMYK)
		decoder->cmyk = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
	decoder->picture.width = (int)jpeg->output_width;
	decoder->picture.height = (int)jpeg->output_height;
	decoder->picture.rgb = cs_alloc((size_t)jpeg->output_width * jpeg->output_height * 3);
	if (!decoder->picture.rgb) {
		snprintf(decoder->message, sizeof decoder->message, "not enough memory");
		decoder->status = CS_ERR_MEMORY;
		return false;
	}
	while (jpeg->output_scanline < jpeg->output_height) {
		uint8_t *row = decoder->picture.rgb + (size_t)jpeg->output_scanline * jpeg->output_width * 3;
		JSAMPROW to = decoder->cmyk ? decoder->cmyk[0] : row;

		jpeg_read_scanlines(jpeg, &to, 1);
		if (decoder->cmyk)
			from_cmyk(to, decoder->picture.width, row);
		else if (jpeg->out_color_space == JCS_GRAYSCALE)
			widen_grey(row, decoder->picture.width);
	}
	jpeg_finish_decompress(jpeg);
	return true;
}

enum cs_status cs_jpeg_decode(
	const uint8_t *bytes, size_t size, const char *name, struct cs_picture *out, struct cs_error *error)
{
	struct decoder decoder = {.status = CS_OK};

	decoder.jpeg.err = jpeg_std_error(&decoder.errors);
	decoder.jpeg.client_data = &decoder;
	decoder.errors.error_exit = on_error;
	decoder.errors.emit_message = on_message;
	decoder.progress.progress_monitor = on_progress;
	if (read_picture(&decoder, bytes, size)) {
		*out = decoder.picture;
		decoder.picture.rgb = NULL;
	} else if (decoder.message[0] && decoder.status == CS_ERR_MEMORY) {
		cs_fail(error, CS_ERR_MEMORY, "not enough memory for the picture '%s', %ux%u pixels (%s)", name,
			decoder.jpeg.image_width, decoder.jpeg.image_height, decoder.message);
	} else if (decoder.message[0]) {
		cs_fail(error, CS_ERR_FORMAT, "'%s': corrupt or truncated JPEG: %s", name, decoder.message);
	} else if (decoder.status == CS_ERR_MEMORY) {
		cs_fail(error, CS_ERR_MEMORY,
			"'%s' says it has %ux%u pixels, over the limit of %d a side and %lld in all", name,
			decoder.jpeg.image_width, decoder.jpeg.image_height, CS_PICTURE_MAX_SIDE,
			(long long)CS_PICTURE_MAX_PIXELS);
	} else {
		cs_fail(error, CS_ERR_UNSUPPORTED,
			"'%s' is a JPEG of %d components: only grey, RGB, YCbCr and CMYK are read", name,
			decoder.jpeg.num_components);
	}
	cs_free(decoder.picture.rgb);
	jpeg_destroy_decompress(&decoder.jpeg);
	return decoder.status;
}
