/* hostile_case.h: good files made bad, and what is thought of how they were taken. Changes are drawn from fixed seeds, so that a failure is the same
 * the next time; the file that made one is kept and named. */
#ifndef CS_TESTS_HOSTILE_CASE_H
#define CS_TESTS_HOSTILE_CASE_H

#include "data_case.h"

#include "core/random.h"

#include <hdf5.h>
#include <time.h>

enum { MOST = 1 << 18 };

static uint8_t good[MOST], bad[MOST];
static size_t good_size;
static int refused, taken;

static inline double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static inline void put(const char *name, const void *bytes, size_t size)
{
	FILE *file = fopen(case_path(name), "wb");

	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
		abort();
}

static inline void keep_good(const char *name)
{
	FILE *file = fopen(case_path(name), "rb");

	good_size = file ? fread(good, 1, sizeof good, file) : 0;
	if (!good_size || good_size == sizeof good)
		abort();
	fclose(file);
}

/* One sentence, or no error. */
static inline void judge(const char *what, const char *path, enum cs_status status, const struct cs_error *error)
{
	if (!status) {
		taken++;
		return;
	}
	refused++;
	if (!*error->message || strpbrk(error->message, "\n\r\t\033") || status == CS_ERR_CANCELLED)
		fail_msg("%s (%s): status %d, '%s'", what, path, (int)status, error->message);
}

/* --- changing --- */

static struct cs_random draw;

static inline size_t below(size_t count)
{
	return cs_random_below(&draw, (uint32_t)count);
}

/* The good file with bits turned, fields that lie, parts gone, doubled or moved. */
static inline size_t change(void)
{
	static const uint8_t lies[][8] = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0}, {0, 0, 0, 0x80},
		{0xff, 0xff, 0xff, 0x7f}, {1, 0, 0, 0, 0, 0, 0, 0x80}, {0, 0, 0, 0, 1}, {0x60},
		{0xfe, 0xff, 0xff, 0xff}};
	size_t size = good_size;

	memcpy(bad, good, size);
	for (size_t n = below(6) + 1; n; n--) {
		size_t at = below(size), length = below(size - at < 64 ? size - at : 64) + 1;

		length = length < size - at ? length : size - at;
		switch (below(7)) {
		case 0:
		case 1:
			bad[at] ^= (uint8_t)(1u << below(8));
			break;
		case 2:
			bad[at] = (uint8_t)below(256);
			break;
		case 3:
			at &= ~(size_t)3;
			memcpy(bad + at, lies[below(8)], size - at < 8 ? size - at : below(2) ? 4 : 8);
			break;
		case 4:
			memmove(bad + below(size - length + 1), bad + at, length);
			break;
		case 5:
			if (size > 64) {
				memmove(bad + at, bad + at + length, size - at - length);
				size -= length;
			}
			break;
		default:
			if (size + length < MOST) {
				memmove(bad + at + length, bad + at, size - at);
				size += length;
			}
		}
	}
	return size;
}

/* `count` changed files, and the file cut at as many places; as long as `seconds` allow, for sanitizers are slow. */
static inline void try_changed(
	const char *name, int count, double seconds, void (*open)(const char *what, const char *name))
{
	double end = now() + seconds;
	char what[80];
	int i;

	cs_random_init(&draw, 7, CS_RANDOM_SHAPES, 0, good_size);
	refused = taken = 0;
	for (i = 0; i < count && now() < end; i++) {
		size_t size = i % 4 == 3 ? below(good_size) : change();
		double before = now();

		if (i % 4 == 3)
			memcpy(bad, good, size);
		snprintf(what, sizeof what, "change %d of %s", i, name);
		put(name, bad, size);
		open(what, name);
		if (now() - before > 15)
			fail_msg("%s took %.1f s", what, now() - before);
	}
	print_message("%s: %d changed files, %d refused\n", name, i, refused);
	assert_true(refused > 0);
}

static inline void need_reader(void)
{
	const char *reader = getenv("CONVSCOPE_READER");

	if (!reader || access(reader, X_OK)) {
		print_message("skipped: no convscope-reader (set CONVSCOPE_READER)\n");
		skip();
	}
}

/* --- data sets of HDF5 --- */

static inline hid_t open_for_change(const char *name)
{
	hid_t file = H5Fopen(case_path(name), H5F_ACC_RDWR, H5P_DEFAULT);

	assert_true(file >= 0);
	return file;
}

static inline void make_data(hid_t file, const char *path, hid_t type, int rank, const hsize_t *dims, hid_t creation)
{
	hid_t space = H5Screate_simple(rank, dims, NULL), links = H5Pcreate(H5P_LINK_CREATE), data;

	H5Ldelete(file, path, H5P_DEFAULT);
	H5Pset_create_intermediate_group(links, 1);
	data = H5Dcreate2(file, path, type, space, links, creation, H5P_DEFAULT);
	assert_true(data >= 0);
	H5Dclose(data);
	H5Pclose(links);
	H5Sclose(space);
}

static inline void elsewhere(hid_t file, const char *path, int rank, const hsize_t *dims, const char *target)
{
	hid_t creation = H5Pcreate(H5P_DATASET_CREATE);

	H5Pset_external(creation, target, 0, H5F_UNLIMITED);
	make_data(file, path, H5T_NATIVE_FLOAT, rank, dims, creation);
	H5Pclose(creation);
}

static inline void filtered(hid_t file, const char *path, int rank, const hsize_t *dims)
{
	hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
	unsigned values[1] = {0};

	H5Pset_chunk(creation, rank, dims);
	H5Pset_filter(creation, 32015, H5Z_FLAG_OPTIONAL, 1, values);
	make_data(file, path, H5T_NATIVE_FLOAT, rank, dims, creation);
	H5Pclose(creation);
}

static inline void chunked(hid_t file, const char *path, int rank, const hsize_t *dims, const hsize_t *chunk)
{
	hid_t creation = H5Pcreate(H5P_DATASET_CREATE);

	H5Pset_chunk(creation, rank, chunk);
	H5Pset_deflate(creation, 9);
	make_data(file, path, H5T_NATIVE_FLOAT, rank, dims, creation);
	H5Pclose(creation);
}

#endif
