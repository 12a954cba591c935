/* model.h: a network with what one needs to use it: pre-processing, class names, where it came from. */
#ifndef CS_MODEL_MODEL_H
#define CS_MODEL_MODEL_H

#include "core/preprocess.h"
#include "nn/network.h"

struct cs_model {
	struct cs_network *network; /* owned */
	struct cs_preprocess preprocess; /* its whitening is set by cs_model_set_whitening() alone */
	struct cs_whitening *whitening; /* a share of its own, or NULL */
	bool preprocess_known; /* false: the file said nothing, the default is in use */
	bool preprocess_remembered, classes_remembered; /* said by a person (sidecar.h), not by the file */
	int class_count;
	char **class_ids, **class_names; /* [class_count] or NULL */
	char *dataset; /* specification of the data it was trained on, or NULL */
	char *path; /* where it was read from, or NULL */
	char *sidecar; /* where what was said of it is remembered, or NULL */
	char *given_arch; /* the architecture and size that its file lacks, as they were given or remembered; or NULL, 0 */
	int64_t given_size[2];
	/* The curves of its training as rows of numbers (history.h: struct cs_epoch, struct cs_point), kept for whoever writes the model anew. */
	double *record[2];
	int64_t record_rows[2], record_columns[2];
};

struct cs_model_options {
	const char *arch; /* architecture JSON for weights-only files; may be NULL */
	int64_t size[2]; /* rows and columns of pictures for models that leave them open; 0: not known */
};

/* Takes the network. Class names are copied. */
enum cs_status cs_model_new(struct cs_network *network, struct cs_model **out, struct cs_error *error);
enum cs_status cs_model_set_classes(
	struct cs_model *model, int count, char *const *ids, char *const *names, struct cs_error *error);
/* Takes a share of the whitening (NULL: none any more); it must be of the network's input shape. */
void cs_model_set_whitening(struct cs_model *model, struct cs_whitening *whitening);
/* The pre-processing of another model of the same input shape, whitening included. */
void cs_model_take_preprocess(struct cs_model *model, const struct cs_model *from);
enum cs_status cs_model_set_dataset(struct cs_model *model, const char *spec, struct cs_error *error);
void cs_model_free(struct cs_model *model);

/* A number that is the same for models that answer the same: layers, weights and pre-processing. */
uint64_t cs_model_mark(const struct cs_model *model);

/* `name` is a model file, a run directory (its best.hdf5, else last.hdf5) or the name of an installed model; the path of the
 * file, to be freed. Errors: CS_ERR_NOT_FOUND naming the choices. */
enum cs_status cs_model_resolve(const char *name, char **path, struct cs_error *error);

/* The directory of an installed model that came with the record of its training, to be freed: it is a run directory. NULL: there is none of that
 * name. */
char *cs_model_installed_run(const char *name);

/* A directory of installed models with such records, those that came with the program first, to be freed; NULL: there is none. */
char *cs_model_installed_runs(void);

/* Resolve and read. Errors name the file, the layer and what was expected. */
enum cs_status cs_model_load(
	const char *name, const struct cs_model_options *options, struct cs_model **out, struct cs_error *error);

/* Remember what was said of a model that was read from a file: pre-processing and class names as far as they are marked, the architecture and
 * size it was read with. In a file beside it, or in the user's data directory; model->sidecar is where. Errors: CS_ERR_ARGUMENT (it has no
 * file), CS_ERR_IO (neither place can be written). */
enum cs_status cs_model_remember(struct cs_model *model, struct cs_error *error);

/* Write Keras 2 HDF5 (model_config, model_weights) with our own group beside it, safely (temporary, sync, rename). */
enum cs_status cs_model_save(const struct cs_model *model, const char *path, struct cs_error *error);
/* Likewise a .keras file, as Keras 3 writes it and 2.15 reads it too; a .weights.h5; and the architecture's JSON alone. */
enum cs_status cs_model_save_keras(const struct cs_model *model, const char *path, struct cs_error *error);
enum cs_status cs_model_save_weights(const struct cs_model *model, const char *path, struct cs_error *error);
enum cs_status cs_model_save_architecture(const struct cs_model *model, const char *path, struct cs_error *error);

/* The forms in which a model can be written; one without ending ends the list. A new one is a row in formats.c. */
struct cs_model_format {
	const char *ending; /* of the file's name: ".onnx" */
	const char *what; /* for people */
	enum cs_status (*write)(const struct cs_model *model, const char *path, struct cs_error *error);
};
extern const struct cs_model_format cs_model_formats[];
/* The one that the ending of `path` asks for; NULL: none. */
const struct cs_model_format *cs_model_format_of(const char *path);
/* Write in that form; with another ending, as cs_model_save does. */
enum cs_status cs_model_write(const struct cs_model *model, const char *path, struct cs_error *error);

#endif
