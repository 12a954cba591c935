/* sources_case.h: the same small images in the forms in which others publish data sets, and whether a data set that was opened holds them. */
#ifndef CS_TESTS_SOURCES_CASE_H
#define CS_TESTS_SOURCES_CASE_H

#include "data_case.h"

#include <archive.h>
#include <archive_entry.h>

enum { N = 24, SIDE = 6, CLASSES = 3 };

static inline void put(const char *name, const void *bytes, size_t size)
{
	FILE *file;

	case_directory_of(name);
	file = fopen(case_path(name), "wb");
	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
		abort();
}

/* The pixel of image i at (y, x) in channel k. */
static inline uint8_t pixel(int i, int y, int x, int k)
{
	return (uint8_t)(i * 41 + y * 13 + x * 5 + k * 101);
}

/* Do all images hold those pixels, in order, with labels i % CLASSES? Grey ones have channel 0 everywhere. */
static inline void assert_images(const struct cs_dataset *data, int count, bool grey)
{
	uint8_t rgb[SIDE * SIDE * 3];

	assert_int_equal(data->width, SIDE);
	assert_int_equal(data->height, SIDE);
	assert_int_equal(data->count, count);
	for (int i = 0; i < count; i++) {
		assert_int_equal(cs_dataset_pixels(data, i, rgb, NULL), CS_OK);
		assert_int_equal(cs_dataset_label(data, i), i % CLASSES);
		for (int y = 0; y < SIDE; y++)
			for (int x = 0; x < SIDE; x++)
				for (int k = 0; k < 3; k++)
					assert_int_equal(rgb[(y * SIDE + x) * 3 + k], pixel(i, y, x, grey ? 0 : k));
	}
}

static struct {
	uint8_t bytes[1 << 18];
	size_t size;
} npy[4];

static inline void begin_npy(int which, const char *type, bool fortran, const char *shape)
{
	uint8_t *out = npy[which].bytes;
	int length = snprintf((char *)out + 10, 118, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", type,
		fortran ? "True" : "False", shape);

	memcpy(out, "\x93NUMPY\1\0v\0", 10);
	memset(out + 10 + length, ' ', (size_t)(117 - length));
	out[127] = '\n';
	npy[which].size = 128;
}

/* One number in a type of NumPy's. */
static inline void add_number(int which, const char *type, double value)
{
	uint8_t *out = npy[which].bytes + npy[which].size, raw[8];
	size_t size = (size_t)(type[2] - '0');

	if (type[1] == 'f' && size == 4) {
		float single = (float)value;

		memcpy(raw, &single, 4);
	} else if (type[1] == 'f') {
		memcpy(raw, &value, 8);
	} else {
		int64_t whole = (int64_t)value;

		memcpy(raw, &whole, 8);
	}
	for (size_t i = 0; i < size; i++)
		out[i] = raw[type[0] == '>' ? size - 1 - i : i];
	npy[which].size += size;
}

static inline void labels_npy(int which, const char *type)
{
	begin_npy(which, type, false, "(24,)");
	for (int i = 0; i < N; i++)
		add_number(which, type, i % CLASSES);
}

static inline void put_npz(const char *name, bool packed, const char *const *members)
{
	int code;
	zip_t *zip = zip_open(case_path(name), ZIP_CREATE | ZIP_TRUNCATE, &code);

	for (int i = 0; members[i]; i++) {
		zip_int64_t entry = zip_file_add(
			zip, members[i], zip_source_buffer(zip, npy[i].bytes, npy[i].size, 0), ZIP_FL_ENC_UTF_8);

		if (entry < 0 ||
			zip_set_file_compression(zip, (zip_uint64_t)entry, packed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0))
			abort();
	}
	if (!zip || zip_close(zip))
		abort();
}

static const char *const xy[] = {"x.npy", "y.npy", NULL};

/* Images in rows of the given order of indices: "nhwc" or "nchw", in C's or Fortran's order. */
static inline void images_npy(const char *type, bool planes, bool fortran, double scale)
{
	int dims[4] = {N, planes ? 3 : SIDE, SIDE, planes ? SIDE : 3}, index[4] = {0};

	begin_npy(0, type, fortran, planes ? "(24, 3, 6, 6)" : "(24, 6, 6, 3)");
	for (int n = 0; n < N * SIDE * SIDE * 3; n++) {
		int at = n;

		for (int d = 0; d < 4; d++) { /* the fastest index first */
			int which = fortran ? d : 3 - d;

			index[which] = at % dims[which];
			at /= dims[which];
		}
		add_number(0, type,
			scale *
				pixel(index[0], planes ? index[2] : index[1], planes ? index[3] : index[2],
					planes ? index[1] : index[3]));
	}
}

#endif
