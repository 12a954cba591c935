/* trace.c: running a network forward and backward over planned memory. See trace.h, plan.h.
 *
 * A pass walks the plan's steps; it allocates nothing and cannot fail. What a step needs to know (pointers into the
 * trace's block, the random stream, the workers) is put together anew in a cs_pass for each layer.
 */
#include "nn/trace.h"

#include "core/alloc.h"
#include "nn/memory.h"
#include "nn/plan.h"

#include <assert.h>
#include <string.h>

static void *at(const struct cs_trace *trace, size_t offset)
{
	return offset == CS_NOWHERE ? NULL : trace->memory + offset;
}

/* [capacity, shape...] */
static struct cs_shape batch_of(int count, const struct cs_shape *shape)
{
	struct cs_shape batch = {.rank = shape->rank + 1, .dim = {count}};

	assert(shape->rank < CS_MAX_RANK);
	for (int i = 0; i < shape->rank; i++)
		batch.dim[i + 1] = shape->dim[i];
	return batch;
}

static void fill_slots(struct cs_trace *trace)
{
	const struct cs_network *network = trace->network;
	const struct cs_plan *plan = trace->plan;

	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_place *place = &plan->places[i];
		struct cs_slot *slot = &trace->slots[i];
		bool kept = trace->kind != CS_TRACE_OUTPUT || i == network->layer_count - 1;

		slot->out = cs_tensor_view(
			kept ? at(trace, place->out) : NULL, batch_of(trace->capacity, &network->layers[i].out));
		slot->d_out = at(trace, place->d_out);
		slot->switches = at(trace, place->switches);
		slot->aux = at(trace, place->aux);
		slot->need = place->need;
		for (int p = 0; p < CS_MAX_PARAMS; p++)
			slot->d_params[p] = at(trace, place->d_params[p]);
	}
	trace->input = cs_tensor_view(at(trace, plan->input), batch_of(trace->capacity, &network->input));
	trace->worker_scratch = at(trace, plan->worker_scratch);
	trace->worker_stride = plan->worker_stride;
	trace->shared = at(trace, plan->shared);
}

static enum cs_status new_trace(const struct cs_network *network, enum cs_trace_kind kind, const bool *wanted,
	int capacity, struct cs_workers *workers, struct cs_trace **out, struct cs_error *error)
{
	struct cs_trace *trace = NULL;
	struct cs_plan *plan = NULL;
	enum cs_status status = cs_plan_new(network, kind, wanted, capacity, cs_workers_count(workers), &plan, error);

	if (status)
		return status;
	trace = cs_calloc(1, sizeof *trace);
	if (!trace) {
		cs_plan_free(plan);
		return cs_fail_memory(error, "the plan of a pass");
	}
	trace->network = network;
	trace->kind = kind;
	trace->precision = network->precision;
	trace->capacity = capacity;
	trace->workers = workers;
	trace->plan = plan;
	trace->bytes = plan->bytes;
	trace->slots = cs_calloc((size_t)network->layer_count, sizeof *trace->slots);
	if (!trace->slots) {
		status = cs_fail_memory(error, "the plan of a pass");
		goto out;
	}
	status = cs_memory_check(plan->bytes, "a pass", NULL);
	if (!status) {
		trace->memory = cs_map(plan->bytes);
		status = trace->memory ? CS_OK : CS_ERR_MEMORY;
	}
	if (status) {
		cs_fail(error, status,
			"a pass of %d images takes %.1f MB of memory, more than there is (%.1f MB free); use a smaller "
			"batch",
			capacity, (double)plan->bytes / 1e6, (double)cs_memory_available() / 1e6);
		goto out;
	}
	fill_slots(trace);
out:
	if (status)
		cs_trace_free(trace);
	else
		*out = trace;
	return status;
}

enum cs_status cs_trace_new(const struct cs_network *network, enum cs_trace_kind kind, int capacity,
	struct cs_workers *workers, struct cs_trace **out, struct cs_error *error)
{
	return new_trace(network, kind, NULL, capacity, workers, out, error);
}

enum cs_status cs_trace_new_wanted(const struct cs_network *network, const bool *wanted, int capacity,
	struct cs_workers *workers, struct cs_trace **out, struct cs_error *error)
{
	return new_trace(network, CS_TRACE_WANTED, wanted, capacity, workers, out, error);
}

void cs_trace_free(struct cs_trace *trace)
{
	if (!trace)
		return;
	cs_plan_free(trace->plan);
	cs_free(trace->slots);
	cs_unmap(trace->memory, trace->bytes);
	cs_free(trace);
}

size_t cs_trace_bytes(const struct cs_network *network, enum cs_trace_kind kind, int capacity, int workers)
{
	struct cs_plan *plan;
	size_t bytes;

	if (cs_plan_new(network, kind, NULL, capacity, workers, &plan, NULL))
		return SIZE_MAX;
	bytes = plan->bytes;
	cs_plan_free(plan);
	return bytes;
}

/* What layer i sees of the last pass: its input and output, its switches and aux, scratch, streams. No gradients. */
static struct cs_pass pass_of(const struct cs_trace *trace, int i)
{
	const struct cs_slot *slot = &trace->slots[i];

	return (struct cs_pass){
		.count = trace->count,
		.training = trace->training,
		.precision = trace->precision,
		.seed = trace->seed,
		.step = trace->step,
		.in = i ? at(trace, trace->plan->places[i - 1].out) : trace->input.data,
		.out = at(trace, trace->plan->places[i].out),
		.switches = slot->switches,
		.aux = slot->aux,
		.workers = trace->workers,
		.worker_scratch = trace->worker_scratch,
		.worker_stride = trace->worker_stride,
		.shared = trace->shared,
		.kept = at(trace, trace->plan->places[i].kept),
	};
}

/* What the first layer of a step sees; a step of several has the others' shares with it. */
static struct cs_pass pass_of_step(const struct cs_trace *trace, const struct cs_step *step)
{
	struct cs_pass pass = pass_of(trace, step->first);

	for (int i = step->first + 1; i <= step->last; i++) {
		const struct cs_layer *layer = &trace->network->layers[i];
		float *out = at(trace, trace->plan->places[i].out);

		if (layer->ops == &cs_activation_layer || layer->ops == &cs_batchnorm_layer) {
			pass.stages[pass.stage_count++] = (struct cs_pass_stage){layer, out, trace->slots[i].aux};
			continue;
		}
		pass.next = layer;
		pass.next_out = out;
		pass.next_switches = trace->slots[i].switches;
		pass.d_next_out = trace->slots[i].d_out;
	}
	return pass;
}

static void run_step(struct cs_trace *trace, const struct cs_step *step)
{
	const struct cs_layer *layer = &trace->network->layers[step->first];
	struct cs_pass pass = pass_of_step(trace, step);

	layer->ops->forward(layer, &pass);
}

/* Through the layers up to `last`. */
static void forward(
	struct cs_trace *trace, const struct cs_tensor *images, int last, bool training, uint64_t seed, uint32_t step)
{
	struct cs_shape one = images->shape;
	int count = (int)images->shape.dim[0];

	one.rank--;
	memmove(one.dim, one.dim + 1, (size_t)one.rank * sizeof *one.dim);
	assert(cs_shape_equal(&one, &trace->network->input));
	assert(images->shape.dim[0] >= 1 && images->shape.dim[0] <= trace->capacity);
	trace->count = count;
	trace->training = training;
	trace->seed = seed;
	trace->step = step;
	if (trace->kind == CS_TRACE_OUTPUT)
		trace->input = cs_tensor_view(images->data, images->shape);
	else if (images->data != trace->input.data)
		memcpy(trace->input.data, images->data, (size_t)cs_tensor_count(images) * sizeof(float));
	for (int i = 0; i < trace->network->layer_count; i++)
		trace->slots[i].out.shape.dim[0] = count;
	for (int s = 0; s < trace->plan->step_count && trace->plan->steps[s].first <= last; s++)
		run_step(trace, &trace->plan->steps[s]);
	if (trace->kind == CS_TRACE_OUTPUT)
		trace->input.data = NULL; /* the caller's, and only lent */
}

void cs_network_forward(struct cs_trace *trace, const struct cs_tensor *images)
{
	forward(trace, images, trace->network->layer_count - 1, false, 0, 0);
}

void cs_network_forward_to(struct cs_trace *trace, const struct cs_tensor *images, int layer)
{
	forward(trace, images, layer, false, 0, 0);
}

void cs_network_forward_training(struct cs_trace *trace, const struct cs_tensor *images, uint64_t seed, uint32_t step)
{
	assert(trace->kind == CS_TRACE_TRAIN);
	forward(trace, images, trace->network->layer_count - 1, true, seed, step);
}

static bool learns(const struct cs_layer *layer)
{
	for (int p = 0; p < layer->param_count; p++) {
		if (layer->params[p].trainable)
			return !layer->frozen;
	}
	return false;
}

/* How far back the gradient must go: to the images, or to the deepest layer that learns; layer_count when none does. */
static int deepest(const struct cs_network *network, bool to_input)
{
	int i = 0;

	if (to_input)
		return 0;
	while (i < network->layer_count && !learns(&network->layers[i]))
		i++;
	return i;
}

/* One step back, as far as layer `first`: from its last layer's d_out to its first's d_in and all its parameters' gradients. */
static void run_step_back(struct cs_trace *trace, const struct cs_step *step, int first, int softmax, float *d_input)
{
	const struct cs_layer *layer = &trace->network->layers[step->first];
	struct cs_slot *slot = &trace->slots[step->first];
	struct cs_pass pass = pass_of_step(trace, step);

	if (step->first < first)
		return;
	/* what stands behind a pool comes back through it; behind stages alone, through them */
	pass.d_out = pass.next ? slot->d_out : trace->slots[step->last].d_out;
	pass.d_in = step->first > first ? trace->slots[step->first - 1].d_out : step->first == 0 ? d_input : NULL;
	pass.d_out_is_logits = step->first == softmax;
	for (int p = 0; p < CS_MAX_PARAMS; p++)
		pass.d_params[p] = layer->frozen ? NULL : slot->d_params[p];
	layer->ops->backward(layer, &pass);
}

void cs_network_backward(struct cs_trace *trace, bool to_logits, float *d_input)
{
	int softmax = to_logits ? cs_network_softmax(trace->network) : -1;
	int first = deepest(trace->network, d_input != NULL);

	assert(trace->kind == CS_TRACE_TRAIN && trace->count > 0);
	for (int s = trace->plan->step_count - 1; s >= 0; s--)
		run_step_back(trace, &trace->plan->steps[s], first, softmax, d_input);
}

void cs_trace_update(struct cs_trace *trace, struct cs_network *network)
{
	assert(trace->network == network);
	if (!trace->training)
		return;
	for (int i = 0; i < network->layer_count; i++) {
		struct cs_layer *layer = &network->layers[i];
		struct cs_pass pass = pass_of(trace, i);

		if (layer->ops->update && !layer->frozen)
			layer->ops->update(layer, &pass);
	}
}

const float *cs_trace_scores(const struct cs_trace *trace)
{
	int softmax = cs_network_softmax(trace->network);

	return softmax >= 0 ? trace->slots[softmax].aux : trace->slots[trace->network->layer_count - 1].out.data;
}

const float *cs_trace_probabilities(const struct cs_trace *trace)
{
	return cs_network_softmax(trace->network) >= 0 ? trace->slots[trace->network->layer_count - 1].out.data : NULL;
}
