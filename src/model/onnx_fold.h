/* onnx_fold.h: what the onnx_fold*.c files share. Nobody else includes it. */
#ifndef CS_MODEL_ONNX_FOLD_H
#define CS_MODEL_ONNX_FOLD_H

#include "model/onnx_import.h"

enum { CS_ONNX_FOLD_MOST = 4096 /* numbers in a constant that is computed */ };

/* The result of a node, and the inputs it is made from. */
struct cs_onnx_folding {
	struct cs_onnx_import *import;
	const struct cs_onnx_node *node;
	struct cs_onnx_constant out;
};

/* Input i; NULL where it was left out. */
struct cs_onnx_constant *cs_onnx_fold_input(const struct cs_onnx_folding *f, int i);
enum cs_status cs_onnx_fold_missing(const struct cs_onnx_folding *f, struct cs_error *error);
/* The integers of input i. */
enum cs_status cs_onnx_fold_integers(
	const struct cs_onnx_folding *f, int i, struct cs_onnx_constant **out, struct cs_error *error);
/* Room for a result of integers. */
enum cs_status cs_onnx_fold_make(struct cs_onnx_folding *f, int rank, int64_t count, struct cs_error *error);
/* The input's numbers as they are. */
enum cs_status cs_onnx_fold_copy(struct cs_onnx_folding *f, struct cs_error *error);

/* --- onnx_fold_shape.c --- */

enum cs_status cs_onnx_fold_slice(struct cs_onnx_folding *f, struct cs_error *error);
enum cs_status cs_onnx_fold_reshape(struct cs_onnx_folding *f, struct cs_error *error);
enum cs_status cs_onnx_fold_unsqueeze(struct cs_onnx_folding *f, struct cs_error *error);
enum cs_status cs_onnx_fold_squeeze(struct cs_onnx_folding *f, struct cs_error *error);
enum cs_status cs_onnx_fold_transpose(struct cs_onnx_folding *f, struct cs_error *error);
enum cs_status cs_onnx_fold_expand(struct cs_onnx_folding *f, struct cs_error *error);

#endif
