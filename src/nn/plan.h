/* plan.h: where everything a pass leaves behind lies in memory. Private to trace.c and the plan itself.
 *
 * The plan is made once, with the trace, and is pure arithmetic: offsets into one block of memory. The network is run as a
 * list of steps; a step covers one layer, or several that a kernel does as one.
 */
#ifndef CS_NN_PLAN_H
#define CS_NN_PLAN_H

#include "nn/trace.h"

/* An offset of something that was not planned. */
#define CS_NOWHERE SIZE_MAX

/* Layers first .. last, run as one: `first` by itself, or with layers behind it where its kind could fuse them (see struct
 * cs_layer_ops). Layers are gathered into steps in plan.c and walked in trace.c. What stands between the layers of a step is
 * `hidden`: it has neither out nor d_out, but in a trace of kind CS_TRACE_ALL, which promises every output, and where it is wanted. */
struct cs_step {
	int first, last;
};

/* Offsets of one layer's share. Layers may share `out` (in place, views, ping-pong) and `d_out`. */
struct cs_place {
	size_t out, d_out, switches, aux, kept;
	size_t d_params[CS_MAX_PARAMS];
	bool hidden;
	struct cs_need need;
};

struct cs_plan {
	int step_count;
	struct cs_step *steps; /* in order */
	struct cs_place *places; /* one a layer */
	size_t input; /* copy of the images; CS_NOWHERE for CS_TRACE_OUTPUT */
	size_t worker_scratch, worker_stride, shared;
	size_t bytes; /* of the whole block */
};

/* `wanted` is for CS_TRACE_WANTED, else NULL. Errors: CS_ERR_MEMORY (also when the sizes overflow), CS_ERR_UNSUPPORTED when a layer cannot be trained. */
enum cs_status cs_plan_new(const struct cs_network *network, enum cs_trace_kind kind, const bool *wanted, int capacity,
	int workers, struct cs_plan **out, struct cs_error *error);
void cs_plan_free(struct cs_plan *plan);

#endif
