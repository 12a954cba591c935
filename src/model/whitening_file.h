/* whitening_file.h: a whitening (core/whitening.h) as a group of a model's HDF5 file. */
#ifndef CS_MODEL_WHITENING_FILE_H
#define CS_MODEL_WHITENING_FILE_H

#include "core/tensor.h"
#include "core/whitening.h"
#include "io/h5.h"

enum cs_status cs_whitening_write(const struct cs_whitening *whitening, struct cs_h5 *file, struct cs_error *error);

/* *out stays NULL where the file has none. `input` is the network's. Errors: CS_ERR_FORMAT for what is no whitening of that shape. */
enum cs_status cs_whitening_read(
	struct cs_h5 *file, const struct cs_shape *input, struct cs_whitening **out, struct cs_error *error);

#endif
