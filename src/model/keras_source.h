/* keras_source.h: where a file keeps the weights of each layer, whatever wrote it. Inside the model room only. */
#ifndef CS_MODEL_KERAS_SOURCE_H
#define CS_MODEL_KERAS_SOURCE_H

#include "model/keras_plan.h"

/* One group of weights and its list. */
struct cs_keras_group {
	const char *name;
	char **weights;
	int count;
};

struct cs_keras_source {
	struct cs_h5 *file;
	const char *root; /* "/model_weights" or "" */
	const char *base; /* .keras and .weights.h5: the group of layers; NULL: the legacy layout */
	bool doubled; /* its layers are numbered as Keras 2.12 did */
	char separator; /* between base and address: '\\' where Windows wrote it */
	bool numbered; /* Keras 0.3: layer_0/param_0, without names */
	bool theano; /* said by the backend attribute (Keras 2) */
	struct cs_keras_group *groups;
	int count;
	json_t *index; /* group name -> position */
	char ***chunks; /* layer_names, one block per attribute */
	int chunk_count;
};

/* How one parameter is stored: where, and whether as (out,in,rows,columns). */
struct cs_keras_stored {
	char *path;
	bool turned; /* 180 degrees */
	bool out_first; /* Keras 1, th */
};

/* Find the layout and its lists of names. To be released with fini also after an error. */
enum cs_status cs_keras_source_init(struct cs_keras_source *source, struct cs_h5 *file, struct cs_error *error);
void cs_keras_source_fini(struct cs_keras_source *source);

/* group_of[layer] for each layer with parameters: its group among source->groups. */
enum cs_status cs_keras_match(
	struct cs_keras_source *source, const struct cs_keras_plan *plan, int *group_of, struct cs_error *error);

/* Where the k-th of `params` parameters of a layer, called `name`, stands; out->path is to be freed. */
enum cs_status cs_keras_locate(struct cs_keras_source *source, const struct cs_keras_plan *plan, int index,
	int group_index, int k, int params, const char *name, struct cs_keras_stored *out, struct cs_error *error);

#endif
