/* h5_internal.h: what the h5*.c files share. Nobody else includes it, or hdf5.h.
 *
 * Every public function takes the lock once and calls only functions of this header below it. Functions here expect the
 * lock to be held.
 */
#ifndef CS_IO_H5_INTERNAL_H
#define CS_IO_H5_INTERNAL_H

#include "io/guard.h"
#include "io/h5.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

/* The best that deflate can do, with some air: what is stored cannot unpack to more than this many times its size. */
enum { CS_H5_BEST_RATIO = 1100 };

struct cs_h5 {
	hid_t file;
	char *name; /* for messages */
	enum cs_h5_mode mode;
	struct cs_guard *guard; /* a foreign file: its helper answers for us, and `file` is -1; else NULL */
};

/* The one lock of the process; the first to take it sets the library up. Not recursive. */
void cs_h5_lock(void);
void cs_h5_unlock(void);

/* An error whose sentence ends with what the library said, if it said anything: "'m.h5': <sentence>: <library>". To be called
 * right after the call that failed, before any other call clears the library's memory of it. */
enum cs_status cs_h5_fail(const struct cs_h5 *file, struct cs_error *error, enum cs_status status, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* What is said of a file that is no HDF5. CS_ERR_FORMAT. */
enum cs_status cs_h5_refuse(const char *name, struct cs_error *error);

/* Copy the innermost message of the library's error stack, or "" where there is none. */
void cs_h5_complaint(char *text, size_t size);

/* There is an object under `path`, reached without leaving the file. */
bool cs_h5_path_exists(const struct cs_h5 *file, const char *path);

/* Open the data set at `path`; refuses groups, external and virtual storage, and filters that are not built in. Nothing outside the
 * file is opened. */
enum cs_status cs_h5_open_data(const struct cs_h5 *file, const char *path, hid_t *out, struct cs_error *error);

/* The library's name for numbers of ours, and the bytes of one. */
hid_t cs_h5_memory_type(enum cs_h5_type type);
size_t cs_h5_type_size(enum cs_h5_type type);

/* The shape of an open data set; no data space at all counts as an empty vector. */
enum cs_status cs_h5_shape_of(
	const struct cs_h5 *file, const char *path, hid_t data, struct cs_shape *shape, struct cs_error *error);

/* The memory space and, in *in_file, the selection for `count` rows from `first` on. */
hid_t cs_h5_select_rows(hid_t data, const struct cs_shape *shape, int64_t first, int64_t count, hid_t *in_file);

/* Remove what stands under `path`, if anything, and see that the group above it exists. */
enum cs_status cs_h5_make_way(const struct cs_h5 *file, const char *path, struct cs_error *error);

/* A group under `path`, and those above it, unless something is there already. */
enum cs_status cs_h5_need_group(const struct cs_h5 *file, const char *path, struct cs_error *error);

/* Property lists for new links (UTF-8) and new data sets (no time stamps: equal data, equal bytes). */
hid_t cs_h5_link_properties(void);
hid_t cs_h5_data_properties(void);

#endif
