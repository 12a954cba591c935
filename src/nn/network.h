/* network.h: a chain of layers, shaped and checked before anything is computed.
 *
 * A network owns its layers and their parameters and nothing that belongs to a pass: two traces of one network can be
 * held side by side and filled by two threads at once.
 */
#ifndef CS_NN_NETWORK_H
#define CS_NN_NETWORK_H

#include "nn/layer.h"

struct cs_network {
	char name[CS_NAME_SIZE]; /* "seed"; may be empty */
	struct cs_shape input; /* h,w,c (or n) of one image */
	int layer_count;
	struct cs_layer *layers; /* in order; the last one's output is the network's */
	enum cs_precision precision; /* of passes planned from now on: cs_network_set_precision() */
};

/* Deeper networks are refused: a specification gone wrong, not a network. */
enum { CS_MAX_LAYERS = 4096 };

/* Build and initialise. Pool strides of 0 become the window; empty names are filled in; names are unique. Weights come from
 * (seed, CS_RANDOM_INITIALISE, layer). Default initialiser: He normal before ReLU kinds, Glorot uniform elsewhere.
 * Errors: CS_ERR_SHAPE naming the layer and both shapes ("layer 3 (conv 3x3, 128 features) needs at least 3x3 pixels, but
 * layer 2 leaves 2x2; use padding = "same" or one pooling less"), CS_ERR_ARGUMENT, CS_ERR_MEMORY. */
enum cs_status cs_network_new(struct cs_shape input, const struct cs_layer_spec *specs, int count, uint64_t seed,
	struct cs_network **out, struct cs_error *error);
void cs_network_free(struct cs_network *network);

/* A deep copy: the same layers with the same weights. */
enum cs_status cs_network_copy(const struct cs_network *network, struct cs_network **out, struct cs_error *error);

/* Plan passes (traces made from now on) in another precision than float32, where this machine can. Parameters stay as they are.
 * Errors: CS_ERR_UNSUPPORTED, with what was found; the network is then left alone. */
enum cs_status cs_network_set_precision(
	struct cs_network *network, enum cs_precision precision, struct cs_error *error);

/* "fp32", "bf16"; and back: CS_ERR_ARGUMENT for another word. */
const char *cs_precision_name(enum cs_precision precision);
enum cs_status cs_precision_parse(const char *name, enum cs_precision *precision, struct cs_error *error);

/* The layer of that name, or -1. cs_network_find_or_fail says which names there are. */
int cs_network_find(const struct cs_network *network, const char *name);
enum cs_status cs_network_find_or_fail(
	const struct cs_network *network, const char *name, int *layer, struct cs_error *error);

/* Shape of one image's output; [classes] for a classifier. */
struct cs_shape cs_network_output(const struct cs_network *network);

/* The layer whose softmax makes the class probabilities that the network ends in (only flatten may follow it), or -1. */
int cs_network_softmax(const struct cs_network *network);

int64_t cs_network_params(const struct cs_network *network); /* numbers in all parameters */
int64_t cs_layer_params(const struct cs_layer *layer);
int64_t cs_layer_macs(const struct cs_layer *layer);
void cs_layer_describe(const struct cs_layer *layer, char *text, size_t size);

/* The part of the input that a unit of a layer sees: size and step in pixels, and where the field of unit (0,0) begins (0 or
 * negative where padding reaches outside). Fields of dense units are the whole input. */
struct cs_field {
	int64_t size[2], step[2], start[2];
};
struct cs_field cs_network_field(const struct cs_network *network, int layer);

/* All weights zero under a rectifier never learn: the loss stays at ln(classes). True when the network is in that state. */
bool cs_network_is_dead(const struct cs_network *network);

/* NaN or infinity among the parameters: the first layer that holds one, or -1. */
int cs_network_first_bad_layer(const struct cs_network *network);

#endif
