/* onnx_write.h: ONNX files written: nodes and tensors are added one by one, then all goes to disk. */
#ifndef CS_IO_ONNX_WRITE_H
#define CS_IO_ONNX_WRITE_H

#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

struct cs_onnx_writer;

/* An attribute of a node; a list of them ends with one without name. */
struct cs_onnx_attribute {
	const char *name;
	enum { CS_ONNX_INT_ATTRIBUTE, CS_ONNX_FLOAT_ATTRIBUTE, CS_ONNX_INTS_ATTRIBUTE } kind;
	int64_t number;
	float real;
	const int64_t *list;
	int count; /* of the list */
};

/* Writes the `count` numbers of a tensor into out. */
typedef void (*cs_onnx_numbers_of)(const void *context, int64_t count, float *out);

/* A graph of that name; operators as of `opset`. Memory errors are remembered and told by cs_onnx_writer_save. */
enum cs_status cs_onnx_writer_new(
	const char *graph, const char *version, int opset, struct cs_onnx_writer **out, struct cs_error *error);
void cs_onnx_writer_free(struct cs_onnx_writer *writer);

/* An entry of the file's metadata. */
void cs_onnx_writer_metadata(struct cs_onnx_writer *writer, const char *key, const char *value);

/* The graph's input or output, float32: dims[rank] behind the number of images, which is open. */
void cs_onnx_writer_value(struct cs_onnx_writer *writer, bool output, const char *name, const int64_t *dims, int rank);

/* A node; inputs are NULL-ended; attributes may be NULL. */
void cs_onnx_writer_node(struct cs_onnx_writer *writer, const char *op, const char *name, const char *const *inputs,
	const char *output, const struct cs_onnx_attribute *attributes);

/* A float32 tensor, whose numbers are asked for while the file is written: `context` must live until then. Rank 0 is one number. */
void cs_onnx_writer_tensor(struct cs_onnx_writer *writer, const char *name, const int64_t *dims, int rank,
	cs_onnx_numbers_of numbers, const void *context);
/* One float32 number, rank 0; a list of int64. */
void cs_onnx_writer_number(struct cs_onnx_writer *writer, const char *name, float number);
void cs_onnx_writer_integers(struct cs_onnx_writer *writer, const char *name, const int64_t *numbers, int count);

/* Write it all, by way of a temporary file. Errors: CS_ERR_UNSUPPORTED over 2 GB, which no ONNX file may exceed; CS_ERR_MEMORY,
 * CS_ERR_IO. */
enum cs_status cs_onnx_writer_save(struct cs_onnx_writer *writer, const char *path, struct cs_error *error);

#endif
