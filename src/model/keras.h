/* keras.h: networks in HDF5 as Keras writes them: reading every dialect we know, writing Keras 2's. */
#ifndef CS_MODEL_KERAS_H
#define CS_MODEL_KERAS_H

#include "io/h5.h"
#include "nn/network.h"

/* The network of an open file: model_config and model_weights. `arch` (JSON text, may be NULL) serves weights-only files. */
enum cs_status cs_keras_read(struct cs_h5 *file, const char *arch, struct cs_network **out, struct cs_error *error);

/* Write keras_version, backend, model_config and model_weights, Sequential, channels_last. */
enum cs_status cs_keras_write(const struct cs_network *network, struct cs_h5 *file, struct cs_error *error);

/* Write the weights as .weights.h5 and .keras files have them: layers/<class>_<counter>/vars/<i>. */
enum cs_status cs_keras_write_vars(const struct cs_network *network, struct cs_h5 *file, struct cs_error *error);
/* The architecture as Keras 3's JSON text, which 2.15 reads too, to be freed. */
enum cs_status cs_keras_config3(const struct cs_network *network, char **json, struct cs_error *error);

/* The architecture as Keras 2's JSON text, to be freed; and back, with fresh (zero) weights. */
enum cs_status cs_keras_config(const struct cs_network *network, char **json, struct cs_error *error);
enum cs_status cs_keras_parse(const char *json, struct cs_network **out, struct cs_error *error);

#endif
