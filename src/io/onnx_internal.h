/* onnx_internal.h: what the onnx*.c files share. Nobody else includes it, or the generated onnx.pb-c.h. */
#ifndef CS_IO_ONNX_INTERNAL_H
#define CS_IO_ONNX_INTERNAL_H

#include "io/guard.h"
#include "io/onnx.h"
#include "io/wire.h"

/* TensorProto.DataType */
enum cs_onnx_type {
	CS_ONNX_FLOAT = 1,
	CS_ONNX_UINT8 = 2,
	CS_ONNX_INT8 = 3,
	CS_ONNX_UINT16 = 4,
	CS_ONNX_INT16 = 5,
	CS_ONNX_INT32 = 6,
	CS_ONNX_INT64 = 7,
	CS_ONNX_STRING = 8,
	CS_ONNX_BOOL = 9,
	CS_ONNX_FLOAT16 = 10,
	CS_ONNX_DOUBLE = 11,
	CS_ONNX_UINT32 = 12,
	CS_ONNX_UINT64 = 13,
	CS_ONNX_BFLOAT16 = 16,
};

/* Where a tensor's numbers are. */
struct cs_onnx_numbers {
	int type; /* enum cs_onnx_type, or what the file says */
	int64_t count;
	bool external;
	const uint8_t
		*raw; /* little-endian, one after the other; NULL where they stand in a field of their own type: */
	struct cs_wire body; /* the whole TensorProto, to look for it */
	float *floats; /* that field, unpacked once somebody asked; owned */
};

struct cs_onnx {
	char *name; /* for messages */
	struct cs_guard *guard; /* a foreign file: its helper answers for us; else NULL and: */
	const uint8_t *bytes;
	size_t size;
	bool mapped;
	char *text; /* the description */
	struct cs_onnx_numbers *tensors;
	int count, capacity;
};

/* onnx_parse.c: fill text and tensors from bytes. */
enum cs_status cs_onnx_parse(struct cs_onnx *file, struct cs_error *error);

/* onnx_numbers.c: how many numbers a TensorProto holds in the field of its type; -1 where that field is damaged. */
int64_t cs_onnx_typed_count(struct cs_wire body, int type);
/* Those numbers; the one packed run of float32 that they may be is not copied: *run says where it lies. */
void cs_onnx_typed_floats(struct cs_wire body, int type, float *out);
void cs_onnx_typed_integers(struct cs_wire body, int type, int64_t first, int64_t count, int64_t *out);
const uint8_t *cs_onnx_typed_run(struct cs_wire body, int type, int64_t count);
/* Raw numbers. */
void cs_onnx_raw_floats(const uint8_t *raw, int type, int64_t count, float *out);
void cs_onnx_raw_integers(const uint8_t *raw, int type, int64_t count, int64_t *out);

#endif
