/* onnx_parse.h: what the onnx_parse*.c files share. Nobody else includes it. */
#ifndef CS_IO_ONNX_PARSE_H
#define CS_IO_ONNX_PARSE_H

#include "io/onnx.pb-c.h"
#include "io/onnx_internal.h"

#include <jansson.h>

/* What a model has in practice is far below. */
enum {
	CS_ONNX_MOST_PARTS = 1 << 16, /* nodes; tensors */
	CS_ONNX_MOST_LINKS = 256, /* inputs, or outputs, of one node */
	CS_ONNX_MOST_VALUES = 64, /* numbers in an attribute that are handed over */
	CS_ONNX_MOST_NAME = 2048,
	CS_ONNX_MOST_RANK = 8,
	CS_ONNX_MOST_TEXT = 16 << 20, /* the description */
};

/* What is being made. */
struct cs_onnx_parse {
	struct cs_onnx *file;
	json_t *root, *tensors, *nodes;
	struct cs_wire graph;
	int graphs, functions, sparse;
	size_t text; /* bytes that the description takes, about */
};

/* A message without its large parts, as protobuf-c wants it: in one piece. */
struct cs_onnx_gathering {
	uint8_t *bytes;
	size_t size, capacity;
};

/* A field of a message that is not gathered. */
typedef enum cs_status (*cs_onnx_part)(
	struct cs_onnx_parse *parse, const struct cs_wire_field *field, void *context, struct cs_error *error);

/* Gather the fields of `message` whose bit is set in `keep`. The others are passed to `part`, which may be NULL. `what` it is that cannot
 * be read when it is damaged. */
enum cs_status cs_onnx_sift(struct cs_onnx_parse *parse, struct cs_wire message, uint32_t keep, cs_onnx_part part,
	void *context, const char *what, struct cs_onnx_gathering *to, struct cs_error *error);

enum cs_status cs_onnx_damaged(const struct cs_onnx_parse *parse, const char *what, struct cs_error *error);
enum cs_status cs_onnx_too_much(const struct cs_onnx_parse *parse, const char *what, struct cs_error *error);

/* Into an object under `key`, or, where that is NULL, to the end of a list. A string of the file: what is not UTF-8 cannot be a name. */
enum cs_status cs_onnx_put_text(
	struct cs_onnx_parse *parse, json_t *object, const char *key, const char *text, struct cs_error *error);
/* Takes the value. */
enum cs_status cs_onnx_put(
	struct cs_onnx_parse *parse, json_t *object, const char *key, json_t *value, struct cs_error *error);

/* onnx_parse_tensor.c: one more tensor of the description. */
enum cs_status cs_onnx_parse_tensor(
	struct cs_onnx_parse *parse, struct cs_wire message, bool initialiser, json_t **out, struct cs_error *error);

#endif
