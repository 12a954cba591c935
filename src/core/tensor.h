/* tensor.h: float32 numbers with a shape, and nothing else.
 *
 * Layout at every public boundary: activations and images [n,h,w,c] (NHWC), convolution kernels [kh,kw,in,out] (HWIO),
 * dense kernels [in,out], vectors [n]; row-major, packed, the last dimension fastest. As Keras writes them.
 */
#ifndef CS_CORE_TENSOR_H
#define CS_CORE_TENSOR_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CS_MAX_RANK = 4 };

struct cs_shape {
	int rank; /* 0 .. CS_MAX_RANK */
	int64_t dim[CS_MAX_RANK];
};

struct cs_tensor {
	struct cs_shape shape;
	float *data; /* 64-byte aligned when owned */
	bool owned;  /* false for a view of somebody else's memory */
};

#define CS_SHAPE(...) \
	((struct cs_shape){.rank = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .dim = {__VA_ARGS__}})

int64_t cs_shape_count(const struct cs_shape *shape);
bool cs_shape_equal(const struct cs_shape *a, const struct cs_shape *b);

/* "64x64x3" into text[size]; returns text. A rank of 0 reads "scalar". */
enum { CS_SHAPE_TEXT = 96 };
const char *cs_shape_text(const struct cs_shape *shape, char *text, size_t size);

/* A zeroed tensor that owns its memory. Errors: CS_ERR_MEMORY, also when the product overflows. */
enum cs_status cs_tensor_init(struct cs_tensor *tensor, struct cs_shape shape, struct cs_error *error);

/* A view of `count(shape)` floats that somebody else owns. */
struct cs_tensor cs_tensor_view(float *data, struct cs_shape shape);

/* The images first .. first+count-1 of a batch, as a view. */
struct cs_tensor cs_tensor_slice(const struct cs_tensor *tensor, int64_t first, int64_t count);

/* Frees what is owned and leaves an empty tensor; safe on a zeroed struct. */
void cs_tensor_fini(struct cs_tensor *tensor);

static inline int64_t cs_tensor_count(const struct cs_tensor *tensor)
{
	return cs_shape_count(&tensor->shape);
}

/* Minimum, maximum and Euclidean norm, what a picture made of the tensor carries with it. NaNs are counted apart. */
struct cs_range {
	float min, max;
	double norm;
	int64_t nans;
};
struct cs_range cs_tensor_range(const struct cs_tensor *tensor);

#endif
