/* keras_plan.h: what a Keras architecture asks of us, between its JSON and our network. Inside the model room only.
 *
 * A plan is checked as far as it can be without weights: every layer known, every number in range, every shape inferred.
 * That comes before any memory is taken, so that a hostile file is refused for the price of its JSON.
 */
#ifndef CS_MODEL_KERAS_PLAN_H
#define CS_MODEL_KERAS_PLAN_H

#include "io/h5.h"
#include "nn/network.h"

#include <jansson.h>

enum {
	CS_KERAS_MAX_LAYERS = 4096,
	CS_KERAS_MAX_NESTING = 8,
	CS_KERAS_MAX_FEATURES = 1 << 20,
};

#define CS_KERAS_LAYERS '\1'

/* Numbers in one image of input or one layer's output, at most. */
#define CS_KERAS_MAX_VOLUME (1LL << 28)

/* A Keras layer that became one of ours. */
struct cs_keras_layer {
	struct cs_layer_spec spec;
	char *name; /* as Keras has it, of any length */
	char *class_name; /* "Conv2D" */
	char *group; /* of its weights: its own name, or that of the outermost nested model it stands in */
	/* Of its weights in .keras and .weights.h5 files: "conv2d_1", "sequential\1dense", with CS_KERAS_LAYERS where the group of a model's
	 * layers comes. The second as Keras 2.12 and 2.13 counted: layers with weights twice. */
	char *address, *doubled;
	char *model; /* the nested model it stands in directly; NULL at the top */
	int top; /* its place, or that of the model it stands in, among the layers at the top; inputs are not counted */
	bool nested;
	bool frozen; /* trainable = false */
	bool keras1; /* written by Keras 1: other weight layouts */
	bool theano_order; /* Keras 1: kernels are (out, in, rows, columns) */
	bool raw_flatten; /* a flatten that keeps the order of memory */
	int64_t permute
		[3]; /* h,w,c of the flattened map, when the rows of the weights are in c,h,w order; else zeros */
	bool keepdims; /* a global pool that leaves 1x1 maps: it becomes a pool over the whole map */
	bool normalization; /* the file keeps mean, variance and count */
	bool reshape; /* not yet known what: a flatten or nothing (keras_shape.c) */
	bool resize; /* likewise: nothing, or refused */
	bool one_by_one; /* Dense on a map: a convolution of 1x1 whose kernel is stored as (in, out) */
	int64_t target[3]; /* reshape and resize: the shape to come; -1: whatever is left */
	int target_rank;
	/* Numbers that stand in the architecture: gamma and beta, or mean and variance, `constant_count` of each (1: for all channels). */
	float *constants[CS_MAX_PARAMS];
	int64_t constant_count;
	int layout; /* -1: said nothing, 0: channels_last, 1: channels_first */
	int axis; /* batch norm and softmax layer: as Keras counts, batch included; INT_MIN: said nothing */
	struct cs_shape in, out;
};

struct cs_keras_plan {
	char name[CS_NAME_SIZE];
	int64_t dims[3]; /* input as Keras has it, without batch; 0: left open */
	int rank; /* 0: not said yet; over 3: only to be refused */
	char said[160]; /* where it stands, and what: "layer 'in' (InputLayer): input shape is [null,8,8,3]" */
	struct cs_shape input; /* channels last */
	bool channels_first;
	struct cs_keras_layer *layers;
	int count, capacity;
	int tops; /* layers at the top */
	int64_t params; /* numbers in all parameters */
};

/* An architecture's JSON, also where some program encoded it twice; a new reference. Errors: json_text.h. */
enum cs_status cs_keras_json(const char *text, json_t **out, struct cs_error *error);

/* Read, check and shape an architecture. `size`: rows and columns of an input that leaves them open; NULL or zeros: not known. */
enum cs_status cs_keras_plan_new(
	const char *json, const int64_t size[2], struct cs_keras_plan *plan, struct cs_error *error);
void cs_keras_plan_fini(struct cs_keras_plan *plan);

/* Infer all shapes, the layout and where rows must be permuted (keras_shape.c; called by cs_keras_plan_new). */
enum cs_status cs_keras_plan_shape(struct cs_keras_plan *plan, const int64_t size[2], struct cs_error *error);

/* The parameters of a layer that a file holds, in Keras' order: names and shapes as Keras has them; their number, 0 to 4. */
int cs_keras_params(
	const struct cs_keras_layer *layer, const char *names[CS_MAX_PARAMS], struct cs_shape shapes[CS_MAX_PARAMS]);

/* The network of a plan, all weights zero. */
enum cs_status cs_keras_plan_network(const struct cs_keras_plan *plan, struct cs_network **out, struct cs_error *error);

/* As cs_keras_read, with the rows and columns of open inputs (NULL: not known), refusing architectures of more than `limit` parameters. */
enum cs_status cs_keras_read_within(struct cs_h5 *file, const char *arch, const int64_t size[2], int64_t limit,
	struct cs_network **out, struct cs_error *error);

/* --- keras_config.c --- */

/* "BatchNormalization" -> "batch_normalization", "Conv2D" -> "conv2d", "LeakyReLU" -> "leaky_re_lu": Keras' own rule. */
void cs_keras_snake(const char *class_name, char *out, size_t size);
/* The class that a layer is written as; the second that a layer which splits is. */
const char *cs_keras_class(const struct cs_layer *layer);
const char *cs_keras_split_class(const struct cs_layer *layer);

/* The version of Keras whose layout we write. */
#define CS_KERAS_VERSION "2.15.0"

/* Is this layer written as two, because its activation needs a layer of its own? And the second one's name. */
bool cs_keras_splits(const struct cs_layer *layer);
void cs_keras_split_name(const struct cs_network *network, int layer, char *name, size_t size);

/* --- keras_json.c: numbers and words out of a layer's config, with errors that name layer, key and value --- */

struct cs_keras_where {
	const char *name, *class_name;
};

/* Each looks for `key` (and `old`, Keras 1's word for it, when not NULL); missing or null leaves *out as it is. */
enum cs_status cs_keras_int(struct cs_keras_where where, const json_t *config, const char *key, const char *old,
	int64_t min, int64_t max, int64_t *out, struct cs_error *error);
enum cs_status cs_keras_pair(struct cs_keras_where where, const json_t *config, const char *key, const char *old,
	int64_t min, int64_t max, int64_t out[2], struct cs_error *error);
enum cs_status cs_keras_number(struct cs_keras_where where, const json_t *config, const char *key, const char *old,
	float *out, struct cs_error *error);
enum cs_status cs_keras_bool(struct cs_keras_where where, const json_t *config, const char *key, const char *old,
	bool *out, struct cs_error *error);
/* "valid" or "same". */
enum cs_status cs_keras_padding(
	struct cs_keras_where where, const json_t *config, enum cs_padding *out, struct cs_error *error);
/* channels_last (tf), channels_first (th) or nothing. */
enum cs_status cs_keras_layout(struct cs_keras_where where, const json_t *config, int *out, struct cs_error *error);
/* A word, or an object that stands for one. */
enum cs_status cs_keras_activation(struct cs_keras_where where, const json_t *value, enum cs_activation *out,
	float *alpha, struct cs_error *error);
/* "layer 'c1' (Conv2D): <key> is <value>, expected <what>" */
enum cs_status cs_keras_unexpected(struct cs_keras_where where, const char *key, const json_t *value,
	const char *expected, enum cs_status status, struct cs_error *error);
/* "layer 'c1' (Conv2D) has <what>, which convscope cannot do" */
enum cs_status cs_keras_lacks(struct cs_keras_where where, const char *what, struct cs_error *error);

/* --- keras_constants.c: classes whose numbers stand in the architecture; as cs_keras_fill() --- */

enum cs_status cs_keras_rescaling(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error);
enum cs_status cs_keras_normalization(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error);

/* --- keras_classes.c --- */

/* "layer 'x' is a Y, which convscope cannot run; supported are ..." */
enum cs_status cs_keras_unknown(struct cs_keras_where where, struct cs_error *error);

/* layer->spec and what the class alone knows, from a layer's config. CS_ERR_UNSUPPORTED, naming layer, class and what is
 * supported, for classes we do not know. */
enum cs_status cs_keras_fill(
	struct cs_keras_layer *layer, struct cs_keras_where where, const json_t *config, struct cs_error *error);

/* --- keras_graph.c: functional models --- */

/* The layers of a functional model in the order of its chain: order[count], borrowed indices into config.layers. Errors:
 * CS_ERR_UNSUPPORTED for branches, joins and shared layers; CS_ERR_FORMAT for dangling names. */
enum cs_status cs_keras_chain(const json_t *config, int *order, struct cs_error *error);

#endif
