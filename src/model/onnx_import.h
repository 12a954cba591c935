/* onnx_import.h: an ONNX graph on its way to a network. Inside the model room only.
 *
 * Names of values lead to one of two things: a constant (an initialiser, or what follows from constants and shapes alone), or the
 * flow: the one value that depends on the picture, as it stands after the nodes so far. Each node on the way adds layers, or changes
 * only how the flow is laid out. Weights are noted, not read, until the whole graph has been understood.
 */
#ifndef CS_MODEL_ONNX_IMPORT_H
#define CS_MODEL_ONNX_IMPORT_H

#include "model/onnx.h"

enum { CS_ONNX_MAX_RANK = 8, CS_ONNX_MAX_INPUTS = 16 };

/* Stands in shapes for the number of images, which is not known. */
#define CS_ONNX_BATCH (INT64_MIN + 1)

struct cs_onnx_constant {
	int rank;
	int64_t dims[CS_ONNX_MAX_RANK];
	int64_t count;
	bool integer;
	int tensor; /* in the file, or -1: computed, and all there */
	const char *location; /* external: the file beside the model, else NULL; where in it; ONNX's element type */
	int64_t offset;
	int type;
	bool turned; /* what the file has is of shape `from`, and axis i here is its axis axes[i] */
	int64_t from[CS_ONNX_MAX_RANK];
	int axes[CS_ONNX_MAX_RANK];
	int64_t *integers; /* once read; owned */
	float *floats;
};

/* How the one value that depends on the picture is laid out. */
struct cs_onnx_flow {
	int rank; /* as ONNX has it, batch included: 2 to 4 */
	struct cs_shape shape; /* as we have it: h,w,c; or n */
	int order[3]; /* of a map: which of h,w,c (0, 1, 2) ONNX has in each dimension behind the batch */
	int place; /* of a row: which of those dimensions it is; the others are 1 */
	int64_t permute[3]; /* a row: h,w,c of the map it was, when its numbers come in c,h,w order; else zeros */
	bool positive; /* no number in it is below 0 */
};

struct cs_onnx_value {
	const char *name;
	bool flows;
	struct cs_onnx_constant constant;
	struct cs_onnx_flow flow;
	const char *taker; /* the node that went on from here; NULL: none yet */
};

/* The order in which the file has a parameter. */
enum cs_onnx_order { CS_ONNX_VECTOR, CS_ONNX_OIHW, CS_ONNX_IN_OUT, CS_ONNX_OUT_IN };

struct cs_onnx_weight {
	const char *param; /* "kernel" */
	int value; /* a constant */
	enum cs_onnx_order order;
	float factor; /* mostly 1 */
};

/* A layer to be. */
struct cs_onnx_layer {
	struct cs_layer_spec spec;
	char base[CS_NAME_SIZE]; /* name, as far as the file has one */
	struct cs_onnx_weight weights[CS_MAX_PARAMS];
	int weight_count;
	int64_t permute[3]; /* of its rows: as in the flow */
	float *scale, *shift; /* a batch norm that stands for x * scale + shift, per channel; owned, else NULL */
	int64_t channels; /* of these two */
};

struct cs_onnx_node {
	const char *name, *op;
	const json_t *attributes;
	const char *in[CS_ONNX_MAX_INPUTS]; /* "" where an optional one is left out */
	int in_count;
	const char *out; /* the first */
	struct cs_onnx_value *values[CS_ONNX_MAX_INPUTS]; /* what the names stand for; NULL where left out */
};

struct cs_onnx_import {
	struct cs_onnx *file;
	const char *path;
	json_t *root; /* the description: all text is borrowed from it */
	json_t *by_name; /* name -> index of a value */
	struct cs_onnx_value *values;
	int count, capacity;
	struct cs_onnx_layer *layers;
	int layer_count, layer_capacity;
	struct cs_shape input;
	int64_t batch; /* as the file has it, or -1: open */
	int opset;
	bool ours; /* written by convscope */
	int64_t limit, computed; /* numbers that may be held: in all parameters, in computed constants so far */
	json_t *locations; /* files beside the model that are in use -> their sizes */
};

/* "node 'NAME' (Op) <message>"; returns status. */
enum cs_status cs_onnx_fail(const struct cs_onnx_node *node, enum cs_status status, struct cs_error *error,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Text of a JSON value, "" where it is none. */
const char *cs_onnx_text(const json_t *value);

/* --- attributes; a missing one leaves *out as it is; of another type is an error --- */

enum cs_status cs_onnx_int(const struct cs_onnx_node *node, const char *key, int64_t *out, struct cs_error *error);
enum cs_status cs_onnx_float(const struct cs_onnx_node *node, const char *key, float *out, struct cs_error *error);
/* Exactly `count` numbers, each min .. max. */
enum cs_status cs_onnx_ints(const struct cs_onnx_node *node, const char *key, int count, int64_t min, int64_t max,
	int64_t *out, struct cs_error *error);
const char *cs_onnx_word(const struct cs_onnx_node *node, const char *key, const char *otherwise);
/* A list of integers that newer exporters give as an input and older ones as an attribute. *out (most[most]) and *count; -1 where it is
 * not there at all. */
enum cs_status cs_onnx_list(struct cs_onnx_import *import, const struct cs_onnx_node *node, const char *key, int input,
	int64_t *out, int most, int *count, struct cs_error *error);

/* --- onnx_constant.c --- */

/* A value of that name; NULL where there is none. */
struct cs_onnx_value *cs_onnx_find(struct cs_onnx_import *import, const char *name);
/* A new value, empty. Pointers to values do not last beyond this. Errors: CS_ERR_FORMAT when the name is taken. */
enum cs_status cs_onnx_add(
	struct cs_onnx_import *import, const char *name, struct cs_onnx_value **out, struct cs_error *error);
/* All initialisers as values. */
enum cs_status cs_onnx_add_initialisers(struct cs_onnx_import *import, struct cs_error *error);
/* Have the numbers of a constant at hand. */
enum cs_status cs_onnx_need_integers(
	struct cs_onnx_import *import, struct cs_onnx_constant *constant, struct cs_error *error);
enum cs_status cs_onnx_need_floats(
	struct cs_onnx_import *import, struct cs_onnx_constant *constant, struct cs_error *error);
/* The one number of a constant. */
enum cs_status cs_onnx_scalar(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_constant *constant, float *out, struct cs_error *error);
/* The numbers as the file has them, turned, into *out, which is the caller's; nothing is kept. */
enum cs_status cs_onnx_load(struct cs_onnx_import *import, const struct cs_onnx_constant *constant,
	struct cs_tensor *out, struct cs_error *error);
/* Its numbers can be read, and there are enough of them; said before any memory is taken. */
enum cs_status cs_onnx_check_there(
	struct cs_onnx_import *import, const struct cs_onnx_constant *constant, struct cs_error *error);
/* A tensor inside of an attribute. */
enum cs_status cs_onnx_attribute_tensor(struct cs_onnx_import *import, const struct cs_onnx_node *node, const char *key,
	struct cs_onnx_constant *out, struct cs_error *error);
void cs_onnx_constant_fini(struct cs_onnx_constant *constant);

/* --- onnx_fold.c --- */

/* A node whose inputs are constants, or that asks only for a shape: its output as a new constant. *done is false where the operator is
 * none that is worked out here. */
enum cs_status cs_onnx_fold(
	struct cs_onnx_import *import, const struct cs_onnx_node *node, bool *done, struct cs_error *error);

/* --- onnx_ops.c, onnx_windows.c, onnx_layout.c --- */

typedef enum cs_status (*cs_onnx_op)(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_flow *flow, struct cs_error *error);

/* What a node does to the flow, which comes in by input `live`. CS_ERR_UNSUPPORTED, naming what is supported, for what is not. */
enum cs_status cs_onnx_apply(struct cs_onnx_import *import, const struct cs_onnx_node *node, int live,
	struct cs_onnx_flow *flow, struct cs_error *error);

enum cs_status cs_onnx_conv(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);
enum cs_status cs_onnx_pool(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);
enum cs_status cs_onnx_pad(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);
enum cs_status cs_onnx_global(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);
enum cs_status cs_onnx_reduce(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);
enum cs_status cs_onnx_flatten(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);
enum cs_status cs_onnx_reshape(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);
enum cs_status cs_onnx_squeeze(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);
enum cs_status cs_onnx_unsqueeze(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);
enum cs_status cs_onnx_transpose(
	struct cs_onnx_import *, const struct cs_onnx_node *, struct cs_onnx_flow *, struct cs_error *);

/* --- onnx_layer.c --- */

/* A new layer of that kind at the end, named after the weights or the node; its row order is the flow's. */
enum cs_status cs_onnx_layer(struct cs_onnx_import *import, const struct cs_layer_ops *ops,
	const struct cs_onnx_node *node, const char *weights, const struct cs_onnx_flow *flow,
	struct cs_onnx_layer **out, struct cs_error *error);
/* The name that a node gives its layer; "" where it says no more than its operator. */
void cs_onnx_base(const struct cs_onnx_import *import, const struct cs_onnx_node *node, const char *weights,
	char base[CS_NAME_SIZE]);
/* Note that input `input` is a parameter of that shape. */
enum cs_status cs_onnx_weigh(struct cs_onnx_import *import, const struct cs_onnx_node *node,
	struct cs_onnx_layer *layer, const char *param, int input, enum cs_onnx_order order, int64_t count,
	struct cs_error *error);

/* What pictures are computed with is of floating point; ONNX has no sum or product of two types. `what`: "kernel". */
enum cs_status cs_onnx_check_floating(const struct cs_onnx_node *node, const struct cs_onnx_constant *constant,
	const char *what, struct cs_error *error);

/* --- onnx_layout.c --- */

/* The dimensions of the flow without the batch, in ONNX's order: dims[rank - 1]. */
void cs_onnx_dims(const struct cs_onnx_flow *flow, int64_t dims[3]);
/* "3x64x64" for messages */
const char *cs_onnx_dims_text(const struct cs_onnx_flow *flow, char *text, size_t size);
/* In which of ONNX's dimensions, batch included, a map has its rows (0), columns (1) or channels (2); a row its numbers. */
int cs_onnx_axis(const struct cs_onnx_flow *flow, int which);
/* A map as ONNX's own operators want it: n,c,h,w. */
bool cs_onnx_channels_first(const struct cs_onnx_flow *flow);
/* The map becomes a row. */
enum cs_status cs_onnx_to_row(struct cs_onnx_import *import, const struct cs_onnx_node *node, int rank,
	struct cs_onnx_flow *flow, struct cs_error *error);

/* --- onnx_weights.c --- */

/* All noted weights into the network made of these layers. */
enum cs_status cs_onnx_fill(struct cs_onnx_import *import, struct cs_network *network, struct cs_error *error);

#endif
