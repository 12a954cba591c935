/* optimizer.h: what a step does with the gradients. */
#ifndef CS_NN_OPTIMIZER_H
#define CS_NN_OPTIMIZER_H

#include "nn/trace.h"

enum cs_optimizer_kind { CS_SGD, CS_ADAM };

/* Keras' meaning of every field: SGD v = momentum * v - rate * g, w += v (Nesterov: w += momentum * v - rate * g); Adam with bias
 * correction in the rate, epsilon outside the root. Weight decay is decoupled (w -= rate * decay * w) and touches kernels only. */
struct cs_optimizer_spec {
	enum cs_optimizer_kind kind;
	float rate; /* before the schedule */
	float momentum; /* SGD */
	bool nesterov; /* SGD */
	float beta1, beta2; /* Adam */
	float epsilon; /* Adam */
	float weight_decay;
	float clip_norm; /* scale the gradient of all parameters together down to this norm; 0 = off */
	float average; /* decay of a running average of all parameters, batch statistics too (0.999); 0 = none is kept */
};

struct cs_optimizer;

struct cs_optimizer_spec cs_optimizer_default(enum cs_optimizer_kind kind); /* SGD 0.01; Adam 0.001, .9, .999, 1e-7 */

/* Are its numbers what they can be? Errors: CS_ERR_ARGUMENT naming the field. */
enum cs_status cs_optimizer_check(const struct cs_optimizer_spec *spec, struct cs_error *error);

/* For the trainable parameters of this network (borrowed; frozen ones too: they may thaw). Errors: CS_ERR_ARGUMENT naming the field,
 * CS_ERR_MEMORY. */
enum cs_status cs_optimizer_new(const struct cs_optimizer_spec *spec, const struct cs_network *network,
	struct cs_optimizer **out, struct cs_error *error);
void cs_optimizer_free(struct cs_optimizer *optimizer);

/* One step with the gradients in the trace, at this rate (the schedule's word). Frozen layers stay as they are. Also lets layers
 * fold their batch statistics in. `network` is the trace's own, writable. */
void cs_optimizer_step(struct cs_optimizer *optimizer, struct cs_network *network, struct cs_trace *trace, float rate);

/* Exchange the network's parameters for their running averages, and back by a second call. After step t the average is
 * d * average + (1 - d) * parameter with d = min(average, (t - 1) / (t + 9)), so that the beginning is soon forgotten and after one step the
 * average is the parameter itself (Polyak & Juditsky 1992). Nothing where no average is kept, or before the
 * first step. */
void cs_optimizer_exchange_average(struct cs_optimizer *optimizer, struct cs_network *network);

/* The state, for checkpoints: step count, and one tensor per slot and trainable parameter, named "conv1/kernel/momentum"; and the averages of
 * all parameters, "conv1/kernel/average", where they are kept. */
int64_t cs_optimizer_steps(const struct cs_optimizer *optimizer);
void cs_optimizer_set_steps(struct cs_optimizer *optimizer, int64_t steps);
int cs_optimizer_state_count(const struct cs_optimizer *optimizer);
struct cs_tensor *cs_optimizer_state(struct cs_optimizer *optimizer, int i, char *name, size_t size);

#endif
