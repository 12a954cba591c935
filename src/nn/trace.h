/* trace.h: all that a pass through a network leaves behind: activations, switches, gradients. One plan, made with the
 * trace, sizes every buffer; passes allocate nothing.
 */
#ifndef CS_NN_TRACE_H
#define CS_NN_TRACE_H

#include "nn/network.h"

enum cs_trace_kind {
	CS_TRACE_OUTPUT, /* the network's output alone is kept: inference */
	CS_TRACE_ALL, /* every layer's output and every switch: for looking inside */
	CS_TRACE_TRAIN, /* and gradients */
	CS_TRACE_WANTED, /* as ALL, but maps that need not be written (a pool takes them as they are computed) only where wanted: for searching */
};

/* What a trace holds of one layer. */
struct cs_slot {
	struct cs_tensor out; /* [count,...] the layer's output, after its activation; data NULL where it is not kept */
	/* CS_TRACE_TRAIN: gradient with respect to out. Layers take turns in the same memory: the last layer's may be written before
	 * cs_network_backward(), the others' hold nothing afterwards. */
	float *d_out;
	cs_switch *switches; /* max-pool: one per output element, as in pool.h */
	void *aux; /* what the kind keeps; softmax kinds: logits first, [batch,...] float */
	struct cs_need need; /* what was planned, for `info --plan` */
	float *d_params[CS_MAX_PARAMS];
};

struct cs_trace {
	const struct cs_network *network; /* borrowed */
	enum cs_trace_kind kind;
	enum cs_precision precision; /* the network's when it was planned */
	int capacity; /* images it has room for */
	int count; /* images of the last pass */
	struct cs_tensor
		input; /* [capacity,h,w,c]: a copy of what went in (CS_TRACE_OUTPUT: a view, valid during the pass) */
	struct cs_slot *slots; /* one a layer */
	struct cs_workers *workers; /* borrowed; may be NULL */
	size_t bytes; /* memory planned in all */
	/* the plan's own: */
	char *memory, *worker_scratch, *shared;
	size_t worker_stride;
	bool training; /* the last pass was a training pass, of this seed and step */
	uint64_t seed;
	uint32_t step;
	struct cs_plan *plan;
};

/* Plan for at most `capacity` images a pass. Errors: CS_ERR_MEMORY with the amount, CS_ERR_UNSUPPORTED when a layer cannot
 * be trained. */
enum cs_status cs_trace_new(const struct cs_network *network, enum cs_trace_kind kind, int capacity,
	struct cs_workers *workers, struct cs_trace **out, struct cs_error *error);
void cs_trace_free(struct cs_trace *trace);

/* A trace of kind CS_TRACE_WANTED: wanted[layers] says whose maps are kept in any case. */
enum cs_status cs_trace_new_wanted(const struct cs_network *network, const bool *wanted, int capacity,
	struct cs_workers *workers, struct cs_trace **out, struct cs_error *error);

/* Bytes that such a trace would take, without making it: for `info`. */
size_t cs_trace_bytes(const struct cs_network *network, enum cs_trace_kind kind, int capacity, int workers);

/* Run images [n,h,w,c], n <= capacity, through the network; the results stand in trace->slots. In inference dropout is off
 * and batch norm uses its moving statistics. The shape was checked by the caller (asserts). */
void cs_network_forward(struct cs_trace *trace, const struct cs_tensor *images);

/* As cs_network_forward, but no further than `layer` (and what is computed in one pass with it): for looking at what lies below. What the
 * trace holds of later layers is of no use then. */
void cs_network_forward_to(struct cs_trace *trace, const struct cs_tensor *images, int layer);

/* As cs_network_forward, with dropout on and batch statistics: random masks come from (seed, step). */
void cs_network_forward_training(struct cs_trace *trace, const struct cs_tensor *images, uint64_t seed, uint32_t step);

/* From the gradient in the last slot's d_out back to all parameters (slot.d_params). With `to_logits` d_out is with respect to
 * the input of the final softmax. d_input [n,h,w,c] receives the gradient with respect to the images when not NULL. */
void cs_network_backward(struct cs_trace *trace, bool to_logits, float *d_input);

/* After an optimiser step: let layers fold what the last training pass measured into their moving statistics. Frozen layers stay
 * as they are. `network` is the trace's own, writable. */
void cs_trace_update(struct cs_trace *trace, struct cs_network *network);

/* The class scores of the last pass, [count,classes]: the input of the final softmax where there is one, else the output. */
const float *cs_trace_scores(const struct cs_trace *trace);
/* The probabilities: the output when it is a softmax, else NULL. */
const float *cs_trace_probabilities(const struct cs_trace *trace);

#endif
