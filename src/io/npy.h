/* npy.h: NumPy's array files (.npy, and the members of .npz): the header, and elements as floats or text.
 *
 * Arrays of Python objects are pickles and are refused: nothing is ever unpickled.
 * Source: numpy.lib.format, versions 1.0 to 3.0.
 */
#ifndef CS_IO_NPY_H
#define CS_IO_NPY_H

#include "core/tensor.h"

#include <stddef.h>
#include <stdint.h>

/* The longest header that is read, and so how many bytes cs_npy_parse() may want. */
enum { CS_NPY_HEADER = 16384 };

struct cs_npy {
	struct cs_shape shape;
	char kind; /* 'f' floating, 'i' whole, 'b' boolean, 's' text, '?' other (complex, dates) */
	char type; /* NumPy's letter: f, i, u, b, S, U */
	int size; /* bytes of an element */
	bool big; /* big-endian */
	bool fortran; /* the first index runs fastest */
	int64_t data; /* where the elements begin */
	int64_t count; /* elements; count * size does not overflow */
};

/* Does it begin like one? */
bool cs_npy_recognise(const void *bytes, size_t size);

/* Read the header from the first bytes of a file. Errors: CS_ERR_FORMAT; CS_ERR_UNSUPPORTED for objects, records, more than CS_MAX_RANK
 * dimensions. `name` is for the message. */
enum cs_status cs_npy_parse(const void *bytes, size_t size, const char *name, struct cs_npy *out, struct cs_error *error);

/* `count` elements, `stride` bytes apart, as floats; of 'f', 'i' and 'b' arrays. */
void cs_npy_floats(const struct cs_npy *npy, const void *from, int64_t stride, int64_t count, float *out);

/* One element of an 's' array as UTF-8 with a NUL, cut off at `size`. */
void cs_npy_text(const struct cs_npy *npy, const void *from, char *out, size_t size);

#endif
