/* onnx.h: ONNX files: what they hold, as text and numbers. What it means as a network is the model room's (model/onnx.h).
 *
 * An ONNX file is one protobuf message: a graph of named operators and its weights. Such files come from anywhere, so a process of its
 * own takes them apart (io/guard.h); what it hands over is
 *
 *   - a description, JSON:
 *       {"ir": 8, "producer": "pytorch 2.4", "functions": 0,
 *        "opsets": [["", 17], ...],                                    domain, version
 *        "metadata": {"convscope.classes": "...", ...},                entries whose key begins with "convscope." alone
 *        "inputs":  [{"name": "x", "type": 1, "dims": ["N", 3, 64, 64]}, ...],   dims: a number, a name or null (not said); absent
 *        "outputs": [likewise],                                                  where the shape is not said at all
 *        "tensors": [{"name": "conv1.weight", "dims": [...], "type": 1, "kind": "f", "count": 432, "initialiser": true,
 *                     "external": {"location": "m.data", "offset": "0", "length": "1728"}}, ...],
 *        "nodes":   [{"name": "/conv1/Conv", "op": "Conv", "domain": "", "in": [...], "out": [...],
 *                     "attributes": {"strides": [1, 1], "axis": 1, "mode": "constant", "value": {"tensor": 17},
 *                                    "max": {"real": "inf"}, "body": {"other": "a graph"}}}, ...]}
 *     kind: 'f' floating, 'i' integer, '?' what convscope does not read (text, complex, below 8 bits). Initialisers come first;
 *   - the numbers of each tensor, by its place in that list. Those of external tensors are in other files: cs_onnx_external.
 *
 * Nested graphs (bodies of loops) are never looked into.
 */
#ifndef CS_IO_ONNX_H
#define CS_IO_ONNX_H

#include "core/tensor.h"

#include <stdint.h>

struct cs_onnx;

/* Does the file begin like an ONNX model? There is no signature: its fields are walked until the graph comes. */
bool cs_onnx_recognise(const char *path);
/* The same of a descriptor, from its beginning; its position stays. */
bool cs_onnx_recognise_descriptor(int descriptor);

/* Open and take apart, in a process of its own. Errors: CS_ERR_NOT_FOUND, CS_ERR_FORMAT (damaged), CS_ERR_UNSUPPORTED, CS_ERR_MEMORY. */
enum cs_status cs_onnx_open_foreign(const char *path, struct cs_onnx **out, struct cs_error *error);
/* The same in this process: of a file; of bytes, which are borrowed; of a descriptor, which stays the caller's. */
enum cs_status cs_onnx_open(const char *path, struct cs_onnx **out, struct cs_error *error);
enum cs_status cs_onnx_open_image(
	const void *bytes, size_t size, const char *name, struct cs_onnx **out, struct cs_error *error);
enum cs_status cs_onnx_open_descriptor(int descriptor, const char *name, struct cs_onnx **out, struct cs_error *error);
void cs_onnx_close(struct cs_onnx *file);

/* The description, to be freed. */
enum cs_status cs_onnx_describe(struct cs_onnx *file, char **json, struct cs_error *error);

/* The numbers of tensor `index`, of which there must be `count`: of any kind as float32, one row; of integers as int64, at most
 * CS_ONNX_MOST_INTEGERS, to be freed. */
enum { CS_ONNX_MOST_INTEGERS = 1 << 20 };
enum cs_status cs_onnx_floats(
	struct cs_onnx *file, int index, int64_t count, struct cs_tensor *out, struct cs_error *error);
enum cs_status cs_onnx_integers(struct cs_onnx *file, int index, int64_t count, int64_t **out, struct cs_error *error);

/* Numbers that a model keeps in a file beside itself, named by `location`: `count` of ONNX's element type `type`, from `offset`. `model` is
 * the model's own path. The name must be plain (no slash, no leading dot), the file a regular one and no symbolic link, and it must
 * hold what is asked for; so a model cannot make anything else be read. Errors: CS_ERR_UNSUPPORTED, CS_ERR_NOT_FOUND, CS_ERR_FORMAT. */
enum cs_status cs_onnx_external(const char *model, const char *location, int64_t offset, int type, int64_t count,
	struct cs_tensor *out, struct cs_error *error);
/* The size of such a file under the same conditions. */
enum cs_status cs_onnx_external_size(const char *model, const char *location, int64_t *size, struct cs_error *error);

/* Bytes of one number of ONNX's element type, 0 for what convscope does not read; and whether it is an integer. */
int cs_onnx_width(int type);
bool cs_onnx_is_integer(int type);
/* "float16" */
const char *cs_onnx_type_name(int type);

/* --- for the helper program alone --- */

/* Tensors and what is known of one: their number; 'f', 'i' or '?'; how many numbers; where in the file they begin when they lie there
 * as this machine's float32, else -1. */
int cs_onnx_count(const struct cs_onnx *file);
char cs_onnx_kind(const struct cs_onnx *file, int index, int64_t *count, int64_t *address);
/* Numbers first .. first+count-1, which must be there. */
enum cs_status cs_onnx_slice(
	struct cs_onnx *file, int index, int64_t first, int64_t count, float *out, struct cs_error *error);
enum cs_status cs_onnx_integer_slice(
	struct cs_onnx *file, int index, int64_t first, int64_t count, int64_t *out, struct cs_error *error);

#endif
