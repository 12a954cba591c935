/* model_internal.h: what model.c shares with the forms of model files. Inside the model room only. */
#ifndef CS_MODEL_MODEL_INTERNAL_H
#define CS_MODEL_MODEL_INTERNAL_H

#include "io/h5.h"
#include "model/model.h"

/* Write something more into the file that is being saved. */
typedef enum cs_status (*cs_model_extra)(struct cs_h5 *file, const void *context, struct cs_error *error);

/* cs_model_save with more in the file; `extra` may be NULL. */
enum cs_status cs_model_save_with(const struct cs_model *model, const char *path, cs_model_extra extra,
	const void *context, struct cs_error *error);

/* The group /convscope: pre-processing, classes, the data set and, where asked for, the curves of its training. */
enum cs_status cs_model_write_own(const struct cs_model *model, struct cs_h5 *file, bool record, struct cs_error *error);

/* Read the model of an open file that was found at `path`. */
enum cs_status cs_model_read(struct cs_h5 *file, const char *path, const struct cs_model_options *options,
	struct cs_model **out, struct cs_error *error);

/* The model of an HDF5 file from anywhere: at `path`, or, where `member` is not NULL, that part of it, which has been unpacked into
 * `descriptor`; that stays the caller's. */
enum cs_status cs_model_load_h5(const char *path, const char *member, int descriptor,
	const struct cs_model_options *options, struct cs_model **out, struct cs_error *error);

/* keras_zip.c: the model of a .keras file. */
enum cs_status cs_keras_zip_load(const char *path, const struct cs_model_options *options, struct cs_model **out,
	struct cs_error *error);

/* onnx_model.c: the model of an ONNX file. */
enum cs_status cs_onnx_model_load(const char *path, struct cs_model **out, struct cs_error *error);
/* onnx_export.c: and back. */
enum cs_status cs_onnx_model_save(const struct cs_model *model, const char *path, struct cs_error *error);

#endif
