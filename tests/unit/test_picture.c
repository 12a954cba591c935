/* test_picture.c: PNG and JPEG by content, hostile headers, and exact resizing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/random.h"
#include "io/archive.h"
#include "io/file.h"
#include "io/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

static struct cs_error error;

static struct cs_picture noise(int width, int height)
{
	struct cs_picture picture = {0};
	struct cs_random random;

	cs_random_init(&random, 7, CS_RANDOM_USER, 0, (uint64_t)width * 1000 + (uint64_t)height);
	assert_int_equal(cs_picture_init(&picture, width, height, &error), CS_OK);
	for (int i = 0; i < width * height * 3; i++)
		picture.rgb[i] = (uint8_t)cs_random_below(&random, 256);
	return picture;
}

static void assert_same(const struct cs_picture *a, const struct cs_picture *b)
{
	assert_int_equal(a->width, b->width);
	assert_int_equal(a->height, b->height);
	assert_memory_equal(a->rgb, b->rgb, (size_t)a->width * (size_t)a->height * 3);
}

static void a_saved_picture_comes_back_with_its_text(void **state)
{
	static const char *const text[] = {"range", "-0.5 0.5", "layer", "conv3 \xc2\xb7 17", NULL};
	char path[] = "/tmp/cs-test-picture-XXXXXX";
	struct cs_picture picture = noise(31, 17), back = {0};
	char *bytes = NULL;
	size_t size = 0;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(cs_picture_save(&picture, path, text, &error), CS_OK);
	assert_int_equal(cs_picture_load(path, &back, &error), CS_OK);
	assert_same(&picture, &back);
	assert_int_equal(cs_file_read(path, 1 << 20, &bytes, &size, &error), CS_OK);
	assert_non_null(memmem(bytes, size, "range\0-0.5 0.5", 14));
	assert_non_null(memmem(bytes, size, "conv3 \xc2\xb7 17", 11));
	cs_free(bytes);
	unlink(path);
	cs_picture_fini(&picture);
	cs_picture_fini(&back);
}

static void every_failed_allocation_is_an_error(void **state)
{
	struct cs_picture picture = noise(64, 48), back = {0};
	char *bytes = NULL, *again = NULL;
	size_t size = 0, again_size = 0;
	long nth;

	(void)state;
	assert_int_equal(cs_picture_encode(&picture, NULL, &bytes, &size, &error), CS_OK);
	for (nth = 1; nth < 200; nth++) {
		enum cs_status status;

		cs_alloc_fail_after(nth);
		status = cs_picture_decode(bytes, size, "x", &back, &error);
		cs_alloc_fail_after(0);
		if (status == CS_OK)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
		assert_null(back.rgb);
	}
	assert_in_range(nth, 3, 100);
	cs_picture_fini(&back);
	for (nth = 1; nth < 200; nth++) {
		enum cs_status status;

		cs_alloc_fail_after(nth);
		status = cs_picture_encode(&picture, NULL, &again, &again_size, &error);
		cs_alloc_fail_after(0);
		if (status == CS_OK)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
	}
	assert_in_range(nth, 3, 100);
	cs_free(again);
	for (nth = 1; nth < 20; nth++) {
		enum cs_status status;

		cs_alloc_fail_after(nth);
		status = cs_picture_fit(&picture, 20, 20, &back, &error);
		cs_alloc_fail_after(0);
		if (status == CS_OK)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
	}
	assert_in_range(nth, 2, 10);
	cs_picture_fini(&back);
	cs_free(bytes);
	cs_picture_fini(&picture);
}

static void pictures_outside_the_limits_are_not_made(void **state)
{
	struct cs_picture picture = {0};

	(void)state;
	assert_int_equal(cs_picture_init(&picture, 0, 5, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_picture_init(&picture, CS_PICTURE_MAX_SIDE + 1, 1, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_picture_init(&picture, 20000, 20000, &error), CS_ERR_ARGUMENT);
	assert_null(picture.rgb);
}

static void garbage_of_every_length_is_refused(void **state)
{
	struct cs_picture picture = noise(40, 30), back = {0};
	char *bytes = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(cs_picture_encode(&picture, NULL, &bytes, &size, &error), CS_OK);
	for (size_t cut = 0; cut < size - 16; cut += cut < 64 ? 1 : 37) {
		/* A block of its own, so that a read past the end is seen. */
		char *part = cs_alloc(cut ? cut : 1);

		memcpy(part, bytes, cut);
		assert_int_equal(cs_picture_decode(part, cut, "cut", &back, &error), CS_ERR_FORMAT);
		assert_null(back.rgb);
		cs_free(part);
	}
	cs_free(bytes);
	cs_picture_fini(&picture);
}

/* Flip bytes of good files at random: any answer is right that is an answer. */
static void damage(const char *bytes, size_t size, int rounds)
{
	struct cs_random random;

	cs_random_init(&random, 3, CS_RANDOM_USER, 1, size);
	for (int round = 0; round < rounds; round++) {
		struct cs_picture back = {0};
		char *copy = cs_alloc(size);

		memcpy(copy, bytes, size);
		for (int i = 0; i < 4; i++)
			copy[cs_random_below(&random, (uint32_t)size)] = (char)cs_random_below(&random, 256);
		if (cs_picture_decode(copy, size, "flip", &back, &error) == CS_OK)
			assert_non_null(back.rgb);
		cs_picture_fini(&back);
		cs_free(copy);
	}
}

static void make_jpeg(const struct cs_picture *picture, bool progressive, unsigned char **bytes, unsigned long *size)
{
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;

	*bytes = NULL;
	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, bytes, size);
	jpeg.image_width = (JDIMENSION)picture->width;
	jpeg.image_height = (JDIMENSION)picture->height;
	jpeg.input_components = 3;
	jpeg.in_color_space = JCS_RGB;
	jpeg_set_defaults(&jpeg);
	jpeg_set_quality(&jpeg, 90, TRUE);
	if (progressive)
		jpeg_simple_progression(&jpeg);
	jpeg_start_compress(&jpeg, TRUE);
	while (jpeg.next_scanline < jpeg.image_height) {
		JSAMPROW row = picture->rgb + (size_t)jpeg.next_scanline * (size_t)picture->width * 3;

		jpeg_write_scanlines(&jpeg, &row, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
}

struct written {
	uint8_t bytes[1 << 15];
	size_t size;
};

static void append(png_structp png, png_bytep bytes, size_t size)
{
	struct written *to = png_get_io_ptr(png);

	assert_true(to->size + size <= sizeof to->bytes);
	memcpy(to->bytes + to->size, bytes, size);
	to->size += size;
}

/* `rows` as libpng takes them: samples of `depth` bits, the high byte first. With a palette every entry has a transparency of its own. */
static void make_png(int width, int height, int depth, int type, bool interlaced, png_color *palette, uint8_t *samples,
	size_t stride, struct written *to)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	png_bytep rows[64], clear = (png_byte[]){0, 40, 80, 120, 160, 200, 240, 255, 0, 40, 80, 120, 160, 200, 240, 255};

	to->size = 0;
	png_set_write_fn(png, to, append, NULL);
	png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, type,
		interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	if (palette) {
		png_set_PLTE(png, info, palette, 1 << depth);
		png_set_tRNS(png, info, clear, 1 << depth, NULL);
	}
	for (int y = 0; y < height; y++)
		rows[y] = samples + (size_t)y * stride;
	png_set_rows(png, info, rows);
	png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
	png_destroy_write_struct(&png, &info);
}

/* Interlaced or not, of 16 bits (with transparency or without), of a palette whose entries are more or less transparent: the colours that were written. */
static void pngs_of_every_kind_are_the_same_picture(void **state)
{
	enum { WIDTH = 21, HEIGHT = 19 };
	struct cs_picture picture = noise(WIDTH, HEIGHT), indexed = noise(WIDTH, HEIGHT), back;
	static uint8_t deep[HEIGHT * WIDTH * 8], packed[HEIGHT * WIDTH];
	static struct written png;
	png_color palette[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		palette[i] = (png_color){(png_byte)(17 * i), (png_byte)(255 - 9 * i), (png_byte)(i * i)};
	for (int i = 0; i < HEIGHT * WIDTH; i++) {
		int x = i % WIDTH, entry = (5 * x + i / WIDTH) % 16;

		packed[i / WIDTH * WIDTH + x / 2] |= (uint8_t)(x % 2 ? entry : entry << 4);
		memcpy(&indexed.rgb[3 * i], &palette[entry], 3);
	}
	for (int interlaced = 0; interlaced < 2; interlaced++) {
		for (int channels = 3; channels < 5; channels++) {
			for (int i = 0; i < HEIGHT * WIDTH * channels; i++) {
				deep[2 * i] = i % channels < 3 ? picture.rgb[i / channels * 3 + i % channels] : (uint8_t)i;
				deep[2 * i + 1] = (uint8_t)(7 * i);
			}
			make_png(WIDTH, HEIGHT, 16, channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGB_ALPHA, interlaced, NULL,
				deep, (size_t)WIDTH * (size_t)channels * 2, &png);
			assert_int_equal(cs_picture_decode(png.bytes, png.size, "deep", &back, &error), CS_OK);
			assert_same(&picture, &back);
			cs_picture_fini(&back);
		}
		make_png(WIDTH, HEIGHT, 4, PNG_COLOR_TYPE_PALETTE, interlaced, palette, packed, WIDTH, &png);
		assert_int_equal(cs_picture_decode(png.bytes, png.size, "palette", &back, &error), CS_OK);
		assert_same(&indexed, &back);
		cs_picture_fini(&back);
	}
	cs_picture_fini(&picture);
	cs_picture_fini(&indexed);
}

static void truncated_jpegs_are_errors(void **state)
{
	struct cs_picture picture = noise(48, 40), back = {0};
	unsigned char *bytes;
	unsigned long size;

	(void)state;
	for (int progressive = 0; progressive < 2; progressive++) {
		make_jpeg(&picture, progressive, &bytes, &size);
		assert_int_equal(cs_picture_decode(bytes, size, "whole", &back, &error), CS_OK);
		cs_picture_fini(&back);
		for (unsigned long cut = 3; cut < size - 2; cut += 29) {
			assert_int_equal(cs_picture_decode(bytes, cut, "cut", &back, &error), CS_ERR_FORMAT);
			assert_non_null(strstr(error.message, "corrupt or truncated JPEG"));
		}
		damage((char *)bytes, size, 150);
		free(bytes);
	}
	cs_picture_fini(&picture);
}

static void damaged_pngs_never_crash(void **state)
{
	struct cs_picture picture = noise(24, 20);
	char *bytes;
	size_t size;

	(void)state;
	assert_int_equal(cs_picture_encode(&picture, NULL, &bytes, &size, &error), CS_OK);
	damage(bytes, size, 300);
	cs_free(bytes);
	cs_picture_fini(&picture);
}

/* A progressive JPEG whose header promises the largest picture within limits, and has no data for it. */
static void a_promise_costs_no_memory(void **state)
{
	struct cs_picture picture = noise(16, 16), back = {0};
	struct rusage before, after;
	unsigned char *bytes, *frame;
	unsigned long size;

	(void)state;
	make_jpeg(&picture, true, &bytes, &size);
	frame = memmem(bytes, size, "\xff\xc2", 2);
	assert_non_null(frame);
	frame[5] = 8000 >> 8;
	frame[6] = 8000 & 255;
	frame[7] = 8000 >> 8;
	frame[8] = 8000 & 255;
	getrusage(RUSAGE_SELF, &before);
	assert_int_equal(cs_picture_decode(bytes, size, "promise", &back, &error), CS_ERR_MEMORY);
	assert_non_null(strstr(error.message, "8000x8000 pixels (it is progressive"));
	getrusage(RUSAGE_SELF, &after);
	assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 100 << 10);
	free(bytes);
	cs_picture_fini(&picture);
}

/* The box filter by its definition, in floating point: the mean over the rectangle an output pixel covers. */
static double box(const struct cs_picture *in, double x0, double x1, double y0, double y1, int k)
{
	double sum = 0, area = (x1 - x0) * (y1 - y0);

	for (int y = (int)y0; y < in->height && y < y1; y++) {
		double high = (y1 < y + 1 ? y1 : y + 1) - (y0 > y ? y0 : y);

		for (int x = (int)x0; x < in->width && x < x1; x++) {
			double wide = (x1 < x + 1 ? x1 : x + 1) - (x0 > x ? x0 : x);

			sum += wide * high * in->rgb[(y * in->width + x) * 3 + k];
		}
	}
	return sum / area;
}

static void shrinking_is_the_exact_area_average(void **state)
{
	static const int sizes[][4] = {
		{17, 13, 5, 4}, {64, 64, 64, 64}, {100, 3, 7, 3}, {96, 64, 64, 43}, {8, 8, 4, 2}};

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		struct cs_picture in = noise(sizes[s][0], sizes[s][1]), out = {0};
		double sx = (double)sizes[s][0] / sizes[s][2], sy = (double)sizes[s][1] / sizes[s][3];

		assert_int_equal(cs_picture_resize(&in, sizes[s][2], sizes[s][3], true, &out, &error), CS_OK);
		for (int y = 0; y < out.height; y++)
			for (int x = 0; x < out.width; x++)
				for (int k = 0; k < 3; k++) {
					double mean = box(&in, x * sx, (x + 1) * sx, y * sy, (y + 1) * sy, k);

					assert_true(out.rgb[(y * out.width + x) * 3 + k] <= mean + 0.5001);
					assert_true(out.rgb[(y * out.width + x) * 3 + k] >= mean - 0.5001);
				}
		cs_picture_fini(&in);
		cs_picture_fini(&out);
	}
}

static void growing_is_bilinear_between_pixel_centres(void **state)
{
	struct cs_picture in = {0}, out = {0};
	static const uint8_t expected[8] = {0, 10, 30, 50, 70, 90, 110, 120};

	(void)state;
	assert_int_equal(cs_picture_init(&in, 4, 1, &error), CS_OK);
	for (int x = 0; x < 4; x++)
		in.rgb[3 * x] = (uint8_t)(40 * x);
	assert_int_equal(cs_picture_resize(&in, 8, 2, true, &out, &error), CS_OK);
	for (int x = 0; x < 8; x++) {
		assert_int_equal(out.rgb[3 * x], expected[x]);
		assert_int_equal(out.rgb[3 * (8 + x)], expected[x]);
		assert_int_equal(out.rgb[3 * x + 1], 0);
	}
	cs_picture_fini(&out);
	assert_int_equal(cs_picture_resize(&in, 8, 2, false, &out, &error), CS_OK);
	for (int x = 0; x < 8; x++)
		assert_int_equal(out.rgb[3 * x], 40 * (x / 2));
	cs_picture_fini(&out);
	cs_picture_fini(&in);
}

static void fitting_keeps_the_centre(void **state)
{
	struct cs_picture in = {0}, out = {0}, middle = {0};
	int width = 30, height = 10;

	(void)state;
	assert_int_equal(cs_picture_init(&in, width, height, &error), CS_OK);
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			in.rgb[(y * width + x) * 3] = (uint8_t)(8 * x);
	assert_int_equal(cs_picture_fit(&in, 10, 10, &out, &error), CS_OK);
	for (int x = 0; x < 10; x++)
		assert_int_equal(out.rgb[3 * x], 8 * (10 + x));
	cs_picture_fini(&out);
	/* A long strip: only the part that is kept is ever computed. */
	cs_picture_fini(&in);
	in = noise(1, 4000);
	assert_int_equal(cs_picture_fit(&in, 64, 64, &out, &error), CS_OK);
	assert_int_equal(out.width, 64);
	assert_int_equal(out.height, 64);
	cs_picture_fini(&out);
	/* Equal sizes: untouched. */
	assert_int_equal(cs_picture_fit(&in, 1, 4000, &out, &error), CS_OK);
	assert_same(&in, &out);
	cs_picture_fini(&out);
	/* Fitting equals resizing where the aspect is the same. */
	cs_picture_fini(&in);
	in = noise(60, 40);
	assert_int_equal(cs_picture_fit(&in, 33, 22, &out, &error), CS_OK);
	assert_int_equal(cs_picture_resize(&in, 33, 22, true, &middle, &error), CS_OK);
	assert_same(&out, &middle);
	cs_picture_fini(&out);
	cs_picture_fini(&middle);
	cs_picture_fini(&in);
}

static void pasting_is_clipped_on_every_side(void **state)
{
	struct cs_picture from = {0}, to = {0};

	(void)state;
	assert_int_equal(cs_picture_init(&from, 4, 4, &error), CS_OK);
	memset(from.rgb, 255, 48);
	for (int top = -6; top <= 12; top++)
		for (int left = -6; left <= 12; left++) {
			int lit = 0, expected = 0;

			assert_int_equal(cs_picture_init(&to, 10, 8, &error), CS_OK);
			cs_picture_paste(&to, &from, left, top);
			for (int y = 0; y < 8; y++)
				for (int x = 0; x < 10; x++) {
					lit += to.rgb[(y * 10 + x) * 3] == 255;
					expected += x >= left && x < left + 4 && y >= top && y < top + 4;
				}
			assert_int_equal(lit, expected);
			cs_picture_fini(&to);
		}
	cs_picture_paste(&from, &from, 2147483647, -2147483647);
	cs_picture_fini(&from);
}

/* What INDEX.md of the shared pictures says of each: how far a decode may be from Pillow's, -1 for a clear error,
 * DECODES where there is nothing to compare with. */
enum { DECODES = 256 };
struct expectation {
	const char *name;
	int tolerance;
};

static const struct expectation expectations[] = {
	{"j01_rgb_420.jpg", 3},
	{"j03_rgb_422.jpg", 3},
	{"j05_progressive.jpg", 3},
	{"j07_cmyk_adobe.jpg", 3},
	{"j09_odd_17x13.jpg", 3},
	{"j11_optimized_huff.jpg", 3},
	{"j13_411.jpg", 3},
	{"j15_rgb_colorspace.jpg", 3},
	{"j17_exif_rot3.jpg", 3},
	{"j20_trunc_half.jpg", -1},
	{"j22_soi_only.jpg", -1},
	{"j24_bomb_65500.jpg", -1},
	{"j26_ncomp_mismatch.jpg", -1},
	{"j28_trailing_garbage.jpg", 3},
	{"p01_rgb8.png", 0},
	{"p03_gray16.png", 0},
	{"p05_palette8.png", 0},
	{"p07_palette1.png", 0},
	{"p09_rgba.png", 0},
	{"p11_1bit.png", 0},
	{"p13_interlaced_1x1.png", 0},
	{"p15_1x4000.png", 0},
	{"p17_gamma.png", 0},
	{"p30_bomb_ihdr.png", -1},
	{"p32_bomb_real.png", -1},
	{"p34_depth3.png", -1},
	{"p36_bad_crc.png", -1},
	{"p38_no_iend.png", 0},
	{"p40_long_idat.png", 0},
	{"p42_no_plte.png", -1},
	{"p44_ztxt_bomb.png", DECODES},
	{"x02_text.png", -1},
	{"x04_png_named.jpg", 0},
	{"x06.gif", -1},
	{"x08.tif", -1},
	{"x10_svg.png", -1},
	{"x12_bmp_bomb.bmp", -1},
};

/* A .npy of bytes, [h,w,3] or [h,w], against a picture; returns the largest difference. */
static int difference(struct cs_archive *refs, const char *name, const struct cs_picture *picture)
{
	char *member = cs_format("%s.npy", name), *bytes = NULL;
	size_t capacity = 0, size = 0, header;
	int64_t entry = cs_archive_find(refs, member);
	int height = 0, width = 0, worst = 0;

	assert_true(entry >= 0);
	assert_int_equal(cs_archive_read(refs, entry, 1 << 24, &bytes, &capacity, &size, &error), CS_OK);
	assert_true(size > 128 && memcmp(bytes, "\x93NUMPY", 6) == 0);
	header = 10 + (uint8_t)bytes[8] + 256 * (size_t)(uint8_t)bytes[9];
	bytes[header - 1] = '\0';
	assert_non_null(strstr(bytes + 10, "|u1"));
	assert_int_equal(sscanf(strstr(bytes + 10, "'shape': ("), "'shape': (%d, %d, 3)", &height, &width), 2);
	assert_int_equal(height, picture->height);
	assert_int_equal(width, picture->width);
	assert_int_equal(size - header, height * width * 3);
	for (int i = 0; i < height * width * 3; i++) {
		int d = abs((uint8_t)bytes[header + (size_t)i] - picture->rgb[i]);

		worst = d > worst ? d : worst;
	}
	cs_free(bytes);
	cs_free(member);
	return worst;
}

static void shared_pictures_get_what_their_index_says(void **state)
{
	const char *shared = getenv("CS_SHARED_DIR");
	struct cs_archive *refs;
	char *path;

	(void)state;
	if (!shared) {
		print_message("CS_SHARED_DIR is not set: skipped\n");
		skip();
	}
	path = cs_format("%s/data/images/pillow_rgb.npz", shared);
	assert_int_equal(cs_archive_open(path, &refs, &error), CS_OK);
	cs_free(path);
	for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
		const struct expectation *e = &expectations[i];
		struct cs_picture picture = {0};
		enum cs_status status;

		path = cs_format("%s/data/images/%s", shared, e->name);
		error.message[0] = '\0';
		status = cs_picture_load(path, &picture, &error);
		if (e->tolerance < 0) {
			assert_int_not_equal(status, CS_OK);
			assert_non_null(strstr(error.message, e->name));
			assert_null(strchr(error.message, '\n'));
			print_message("%s\n", error.message);
		} else {
			int worst;

			if (status != CS_OK)
				fail_msg("%s", error.message);
			worst = e->tolerance == DECODES ? 0 : difference(refs, e->name, &picture);
			if (worst > e->tolerance)
				fail_msg("%s is off by %d levels", e->name, worst);
		}
		cs_picture_fini(&picture);
		cs_free(path);
	}
	cs_archive_close(refs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_promise_costs_no_memory), /* first: it looks at the process's peak */
		cmocka_unit_test(a_saved_picture_comes_back_with_its_text),
		cmocka_unit_test(every_failed_allocation_is_an_error),
		cmocka_unit_test(pictures_outside_the_limits_are_not_made),
		cmocka_unit_test(garbage_of_every_length_is_refused),
		cmocka_unit_test(pngs_of_every_kind_are_the_same_picture),
		cmocka_unit_test(truncated_jpegs_are_errors),
		cmocka_unit_test(damaged_pngs_never_crash),
		cmocka_unit_test(shrinking_is_the_exact_area_average),
		cmocka_unit_test(growing_is_bilinear_between_pixel_centres),
		cmocka_unit_test(fitting_keeps_the_centre),
		cmocka_unit_test(pasting_is_clipped_on_every_side),
		cmocka_unit_test(shared_pictures_get_what_their_index_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
