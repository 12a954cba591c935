/* onnx.h: networks in ONNX files, as PyTorch and others export them: chains of the layers that convscope has.
 *
 * What is read: one input, one output, one path between them (nodes that only compute shapes or constants beside it are worked out).
 * Convolutions, dense layers, pools, batch norms, activations, dropout, padding, flattening in the forms that exporters give them; images
 * channels first or last. Their maps become channels-last here, kernels turn from (out, in, rows, columns) to ours, and the
 * rows of a dense layer behind a flatten that counted c,h,w are put in our order. Everything else is refused with a line that names the
 * node, its operator and why.
 */
#ifndef CS_MODEL_ONNX_H
#define CS_MODEL_ONNX_H

#include "io/onnx.h"
#include "nn/network.h"

#include <jansson.h>

/* The network of an open file, whose path serves to find weights that stand beside it. At most `limit` parameters. *metadata: the file's
 * entries whose key begins with "convscope.", an object of strings to be released; may be NULL. */
enum cs_status cs_onnx_import(struct cs_onnx *file, const char *path, int64_t limit, struct cs_network **out,
	json_t **metadata, struct cs_error *error);

#endif
