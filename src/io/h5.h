/* h5.h: HDF5 as convscope uses it. The only room and file that include hdf5.h are io and h5*.c.
 *
 * HDF5's C library is not thread-safe as packaged: every call here takes one process-wide lock. Errors of the library are turned
 * into sentences; its own printing is off.
 */
#ifndef CS_IO_H5_H
#define CS_IO_H5_H

#include "core/tensor.h"

#include <stdint.h>

struct cs_h5;

enum cs_h5_mode { CS_H5_READ, CS_H5_READ_SWMR, CS_H5_CREATE, CS_H5_WRITE, CS_H5_CREATE_SWMR /* latest format */ };

/* Does an open file begin as an HDF5 file does? Nothing of it is parsed. */
bool cs_h5_recognise(int descriptor);

/* Open or create (CREATE replaces a file: write to a cs_file_temporary() name and commit). What a killed SWMR writer left opens with
 * READ_SWMR alone. Errors: CS_ERR_NOT_FOUND, CS_ERR_FORMAT ("'x' is not an HDF5 file"), CS_ERR_IO. */
enum cs_status cs_h5_open(const char *path, enum cs_h5_mode mode, struct cs_h5 **out, struct cs_error *error);
/* Open for reading a file that came from elsewhere, in a process of its own (guard.h): whatever the file does to the HDF5 library, it ends
 * as an error here. Everything below that reads serves such files; what writes refuses. cs_h5_open's errors, and CS_ERR_NOT_FOUND
 * where the helper program is missing. */
enum cs_status cs_h5_open_foreign(const char *path, struct cs_h5 **out, struct cs_error *error);
/* Likewise an open file, of which a descriptor of its own is kept; `name` is for messages. */
enum cs_status cs_h5_open_foreign_descriptor(
	int descriptor, const char *name, struct cs_h5 **out, struct cs_error *error);
/* How a foreign file was lost (its process died, hung, answered nonsense): the error to report, where a `no` of the questions below was only
 * that. CS_OK otherwise. */
enum cs_status cs_h5_lost(struct cs_h5 *file, struct cs_error *error);
/* Open for reading through a descriptor, which stays the caller's and must outlive the file. The library opens nothing itself. For
 * the helper program. */
enum cs_status cs_h5_open_descriptor(int descriptor, const char *name, struct cs_h5 **out, struct cs_error *error);
/* Flush and close; reports what could not be written. */
enum cs_status cs_h5_close(struct cs_h5 *file, struct cs_error *error);

/* Paths are absolute inside the file, "/model_weights/conv1". Groups on the way are made when writing. */
bool cs_h5_exists(struct cs_h5 *file, const char *path);
bool cs_h5_is_group(struct cs_h5 *file, const char *path);
enum cs_status cs_h5_make_group(struct cs_h5 *file, const char *path, struct cs_error *error);

/* Names in a group, in alphabetical order, into a NULL-ended array (one block: free it alone with cs_free). */
enum cs_status cs_h5_list(struct cs_h5 *file, const char *group, char ***names, int *count, struct cs_error *error);

/* Shape and element type of a data set, without reading it. Kinds: 'f' floating, 'i' integer, 's' string, '?' other. */
enum cs_status cs_h5_info(struct cs_h5 *file, const char *path, struct cs_shape *shape, char *kind, struct cs_error *error);

/* How many rows are best read together: a chunk's, 1 where rows lie one after the other, 0 where that cannot be said. */
int64_t cs_h5_grain(struct cs_h5 *file, const char *path);
/* Where in the file the numbers of a data set begin, when they lie there one after the other as this machine's float32; else -1. */
int64_t cs_h5_address(struct cs_h5 *file, const char *path);

/* Any floating or integer type into float32; at most `limit` numbers (CS_ERR_MEMORY over it, before anything is allocated). Refuses external and
 * virtual storage. Rank over CS_MAX_RANK is CS_ERR_UNSUPPORTED. */
enum cs_status cs_h5_read_tensor(struct cs_h5 *file, const char *path, int64_t limit, struct cs_tensor *out,
	struct cs_error *error);
/* Rows first .. first+count-1 of the first dimension, into out[count,...] that the caller sized. */
enum cs_status cs_h5_read_rows(struct cs_h5 *file, const char *path, int64_t first, int64_t count, float *out,
	struct cs_error *error);
/* Write functions replace what stands under `path`. */
enum cs_status cs_h5_write_tensor(struct cs_h5 *file, const char *path, const struct cs_tensor *tensor, struct cs_error *error);

/* Typed arrays of one dimension or more, for tables and bytes. */
enum cs_h5_type { CS_H5_U8, CS_H5_I32, CS_H5_I64, CS_H5_F32, CS_H5_F64 };
enum cs_status cs_h5_write_array(struct cs_h5 *file, const char *path, enum cs_h5_type type, struct cs_shape shape,
	const void *data, struct cs_error *error);
enum cs_status cs_h5_read_array(struct cs_h5 *file, const char *path, enum cs_h5_type type, int64_t limit, void **data,
	struct cs_shape *shape, struct cs_error *error);

/* The same in pieces: the whole made first, its numbers not yet said, then rows first..first+count-1 written. */
enum cs_status cs_h5_make_array(
	struct cs_h5 *file, const char *path, enum cs_h5_type type, struct cs_shape shape, struct cs_error *error);
enum cs_status cs_h5_write_rows(struct cs_h5 *file, const char *path, enum cs_h5_type type, int64_t first, int64_t count,
	const void *rows, struct cs_error *error);

/* A data set of rank 1 (columns 0) or 2 that grows by rows: made empty and chunked, appended to, flushed (SWMR readers then see it). */
enum cs_status cs_h5_make_growing(struct cs_h5 *file, const char *path, enum cs_h5_type type, int64_t columns,
	struct cs_error *error);
enum cs_status cs_h5_append(struct cs_h5 *file, const char *path, enum cs_h5_type type, const void *rows, int64_t count,
	struct cs_error *error);
enum cs_status cs_h5_start_swmr(struct cs_h5 *file, struct cs_error *error); /* after the layout is made */
enum cs_status cs_h5_flush(struct cs_h5 *file, struct cs_error *error);
enum cs_status cs_h5_refresh(struct cs_h5 *file, const char *path, struct cs_error *error); /* a SWMR reader looks again */

/* Strings: data sets or attributes; fixed or variable length, any padding; NUL-terminated copies to free. `attribute` NULL =
 * the data set itself. An attribute on "/" is the file's. */
enum cs_status cs_h5_read_string(struct cs_h5 *file, const char *path, const char *attribute, char **text, struct cs_error *error);
enum cs_status cs_h5_write_string(struct cs_h5 *file, const char *path, const char *attribute, const char *text, struct cs_error *error);
/* A list of strings (an empty list of any type is an empty list); NULL-ended, one block. */
enum cs_status cs_h5_read_strings(struct cs_h5 *file, const char *path, const char *attribute, char ***list, int *count,
	struct cs_error *error);
/* Fixed-length, NUL-padded, as h5py writes numpy bytes: what every Keras reads. An empty list is an empty float64 array, as numpy
 * makes it. In files made here an attribute may exceed 64 KiB; in older ones that is an error that says so. */
enum cs_status cs_h5_write_strings(struct cs_h5 *file, const char *path, const char *attribute, const char *const *list, int count,
	struct cs_error *error);
bool cs_h5_has_attribute(struct cs_h5 *file, const char *path, const char *attribute);
enum cs_status cs_h5_read_number(struct cs_h5 *file, const char *path, const char *attribute, double *value, struct cs_error *error);
enum cs_status cs_h5_write_number(struct cs_h5 *file, const char *path, const char *attribute, double value, struct cs_error *error);

#endif
