/* guard.h: HDF5 and ONNX files from anywhere, read by a process of their own.
 *
 * libhdf5 was not made for files that mean harm: some crash it, some send it round in circles, some point outside. So such a file
 * is opened here, read-only, and its descriptor is handed to a small program, convscope-reader (guard_main.c), which runs under limits of
 * memory and time and, where the system has seccomp, may do nothing but compute, read that descriptor and answer. It is asked
 * for one thing at a time, as cs_h5_* would be, and answers with plain numbers and text in shared memory. Of large tensors that lie in
 * the file as plain float32 it says only where; the program reads those numbers itself.
 *
 * What is gained: whatever the library can be brought to do, it is done in a process that holds nothing but the file. What it answers is
 * checked (shapes, sizes, ends of strings) and copied before it is looked at, so a helper that has been taken over can lie about the
 * contents of its file and do no more. A helper that dies, hangs or asks for too much is one error; the file is then lost, and
 * every later question gets the same error.
 *
 * What is not: without seccomp (another system than Linux on x86-64 or aarch64, or a sanitizer's build) the limits alone hold.
 * Zip files (.keras) are unpacked by the program itself.
 *
 * The helper is found in $CONVSCOPE_READER, beside the running program or the shared module that holds this code, in libexec/convscope of
 * their prefix, and where it was installed.
 *
 * Use it through cs_h5_open_foreign() (h5.h), not directly. One thread at a time is let in.
 */
#ifndef CS_IO_GUARD_H
#define CS_IO_GUARD_H

#include "core/tensor.h"
#include "io/guard_protocol.h"
#include "io/h5.h"

struct cs_guard;

/* Open the file and start a helper on it. Errors: CS_ERR_NOT_FOUND (file or helper), CS_ERR_FORMAT, CS_ERR_IO. */
enum cs_status cs_guard_open(const char *path, struct cs_guard **out, struct cs_error *error);
/* The same for an open file, of which it keeps a descriptor of its own. */
enum cs_status cs_guard_open_descriptor(
	int descriptor, const char *name, struct cs_guard **out, struct cs_error *error);
void cs_guard_close(struct cs_guard *guard);

/* CS_OK while the helper lives, else the error of its end. After a question that cannot fail (cs_guard_truth) ask this before
 * believing a `no`. */
enum cs_status cs_guard_lost(struct cs_guard *guard, struct cs_error *error);

/* As the cs_h5_* of the same name. `attribute` is NULL where there is none. */
bool cs_guard_truth(struct cs_guard *guard, enum cs_guard_op op, const char *path, const char *attribute);
enum cs_status cs_guard_info(
	struct cs_guard *guard, const char *path, struct cs_shape *shape, char *kind, struct cs_error *error);
enum cs_status cs_guard_read_tensor(
	struct cs_guard *guard, const char *path, int64_t limit, struct cs_tensor *out, struct cs_error *error);
enum cs_status cs_guard_read_rows(
	struct cs_guard *guard, const char *path, int64_t first, int64_t count, float *out, struct cs_error *error);
enum cs_status cs_guard_read_array(struct cs_guard *guard, const char *path, enum cs_h5_type type, int64_t limit,
	void **data, struct cs_shape *shape, struct cs_error *error);
enum cs_status cs_guard_read_string(
	struct cs_guard *guard, const char *path, const char *attribute, char **text, struct cs_error *error);
/* LIST (attribute NULL) or STRINGS. */
enum cs_status cs_guard_read_strings(struct cs_guard *guard, enum cs_guard_op op, const char *path,
	const char *attribute, char ***list, int *count, struct cs_error *error);
enum cs_status cs_guard_read_number(
	struct cs_guard *guard, const char *path, const char *attribute, double *value, struct cs_error *error);

#endif
