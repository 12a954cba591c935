/* plan.c: sizing every buffer of a trace. See plan.h.
 *
 * Outputs    kept traces (ALL, TRAIN) give every layer's output a place of its own; views (flatten) share their input's. An
 *            inference trace has two buffers, and each layer writes the one it does not read, or its own input where the
 *            kind allows that.
 * Gradients  a layer's d_out is dead once its backward has run, so two buffers serve there as well, and kinds whose d_in may
 *            overwrite d_out stay in the same one.
 * Steps      a layer that can run those behind it does, and what stands between them gets no place.
 * Scratch    lives only while one layer runs: the largest need counts.
 * Kept       what layers make of their parameters (transformed weights) is kept from pass to pass where these do not change with every
 *            pass, for the first layers that find room in KEPT_BYTES.
 *
 * Every size is summed with overflow checks: one that leaves the address space makes the whole plan too large.
 */
#include "nn/plan.h"

#include "core/alloc.h"

#include <stdio.h>

enum { ALIGNMENT = 64, KEPT_BYTES = 64 << 20 };

struct sizer {
	size_t bytes;
	bool overflow;
};

static size_t times(struct sizer *sizer, size_t a, size_t b)
{
	size_t product = 0;

	if (__builtin_mul_overflow(a, b, &product))
		sizer->overflow = true;
	return product;
}

static size_t aligned(struct sizer *sizer, size_t bytes)
{
	if (bytes > (size_t)PTRDIFF_MAX - ALIGNMENT) {
		sizer->overflow = true;
		return 0;
	}
	return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The offset of a new piece; CS_NOWHERE for an empty one. */
static size_t place(struct sizer *sizer, size_t bytes)
{
	size_t offset = sizer->bytes;

	if (bytes == 0)
		return CS_NOWHERE;
	if (__builtin_add_overflow(sizer->bytes, aligned(sizer, bytes), &sizer->bytes) || sizer->bytes > PTRDIFF_MAX)
		sizer->overflow = true;
	return offset;
}

static size_t batch_bytes(struct sizer *sizer, const struct cs_shape *shape, int capacity)
{
	return times(sizer, times(sizer, (size_t)cs_shape_count(shape), sizeof(float)), (size_t)capacity);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void place_kept_outputs(
	struct cs_plan *plan, const struct cs_network *network, int capacity, struct sizer *sizer)
{
	for (int i = 0; i < network->layer_count; i++) {
		struct cs_place *p = &plan->places[i];

		if (p->hidden)
			continue;
		if (i > 0 && p->need.view)
			p->out = plan->places[i - 1].out;
		else
			p->out = place(sizer, batch_bytes(sizer, &network->layers[i].out, capacity));
	}
}

static void place_passing_outputs(
	struct cs_plan *plan, const struct cs_network *network, int capacity, struct sizer *sizer)
{
	size_t size[2] = {0, 0}, offset[2];
	int current = 1; /* the first layer writes buffer 0: the images are not ours to write on */

	for (int i = 0; i < network->layer_count; i++) {
		struct cs_place *p = &plan->places[i];

		if (p->hidden)
			continue;
		if (i == 0 || !(p->need.in_place || p->need.view))
			current = 1 - current;
		size[current] = larger(size[current], batch_bytes(sizer, &network->layers[i].out, capacity));
		p->out = (size_t)current;
	}
	for (int b = 0; b < 2; b++)
		offset[b] = place(sizer, size[b]);
	for (int i = 0; i < network->layer_count; i++) {
		if (!plan->places[i].hidden)
			plan->places[i].out = offset[plan->places[i].out];
	}
}

static void place_gradients(struct cs_plan *plan, const struct cs_network *network, int capacity, struct sizer *sizer)
{
	size_t size[2] = {0, 0}, offset[2];
	int current = 0;

	for (int i = network->layer_count - 1; i >= 0; i--) {
		struct cs_place *p = &plan->places[i];

		if (p->hidden)
			continue;
		size[current] = larger(size[current], batch_bytes(sizer, &network->layers[i].out, capacity));
		p->d_out = (size_t)current;
		if (!(p->need.d_in_place || p->need.view))
			current = 1 - current;
	}
	for (int b = 0; b < 2; b++)
		offset[b] = place(sizer, size[b]);
	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *layer = &network->layers[i];
		struct cs_place *p = &plan->places[i];

		if (!p->hidden)
			p->d_out = offset[p->d_out];
		for (int k = 0; k < layer->param_count; k++) {
			if (layer->params[k].trainable)
				p->d_params[k] = place(sizer, batch_bytes(sizer, &layer->params[k].value.shape, 1));
		}
	}
}

/* A layer that another one runs still says what it keeps. Its scratch is not used, and its output is not where its input is: that
 * is never written. */
static void ask_fused(const struct cs_layer *layer, struct cs_need *need)
{
	layer->ops->plan(layer, need);
	need->in_place = need->d_in_place = need->view = false;
	need->per_worker = need->shared = need->kept = 0;
	need->algorithm = "fused";
	snprintf(need->why, sizeof need->why, "computed with the layer before it");
}

/* One layer's need, and those of `behind` following layers that it can run as well: how many. */
static int ask_layer(const struct cs_layer *layer, int behind, struct cs_need *need)
{
	int fused = layer->ops->fuse ? layer->ops->fuse(layer, behind, need) : 0;

	if (!fused)
		layer->ops->plan(layer, need);
	return fused;
}

/* Ask every layer what it needs, and gather layers into steps where one can run those behind it. */
static void ask(struct cs_plan *plan, const struct cs_network *network, enum cs_trace_kind kind, const bool *wanted,
	int capacity)
{
	size_t kept = 0;

	for (int i = 0; i < network->layer_count; i++) {
		struct cs_place *p = &plan->places[i];

		p->out = p->d_out = p->switches = p->aux = p->kept = CS_NOWHERE;
		for (int k = 0; k < CS_MAX_PARAMS; k++)
			p->d_params[k] = CS_NOWHERE;
		p->need.batch = capacity;
		p->need.training = kind == CS_TRACE_TRAIN;
		p->need.precision = network->precision;
		p->need.keeps = kind != CS_TRACE_TRAIN;
	}
	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *layer = &network->layers[i];
		struct cs_place *p = &plan->places[i];
		struct cs_step *step = &plan->steps[plan->step_count++];
		struct cs_need asked = p->need;

		*step = (struct cs_step){i, i + ask_layer(layer, network->layer_count - 1 - i, &p->need)};
		if (p->need.kept > KEPT_BYTES - kept) {
			p->need = asked;
			p->need.keeps = false;
			ask_layer(layer, network->layer_count - 1 - i, &p->need);
		}
		kept += p->need.kept;
		while (i < step->last) {
			plan->places[i].hidden = kind != CS_TRACE_ALL && !(wanted && wanted[i]);
			i++;
			ask_fused(&network->layers[i], &plan->places[i].need);
		}
	}
}

static enum cs_status check_trainable(const struct cs_network *network, struct cs_error *error)
{
	for (int i = 0; i < network->layer_count; i++) {
		char text[160];

		if (network->layers[i].ops->backward)
			continue;
		cs_layer_describe(&network->layers[i], text, sizeof text);
		return cs_fail(error, CS_ERR_UNSUPPORTED, "layer %d (%s) cannot be trained through", i, text);
	}
	return CS_OK;
}

enum cs_status cs_plan_new(const struct cs_network *network, enum cs_trace_kind kind, const bool *wanted, int capacity,
	int workers, struct cs_plan **out, struct cs_error *error)
{
	struct sizer sizer = {0};
	enum cs_status status = CS_OK;
	struct cs_plan *plan;
	size_t per_worker = 0, shared = 0;
	int count = network->layer_count;

	if (capacity < 1)
		return cs_fail(error, CS_ERR_ARGUMENT, "a batch of %d images: expected at least 1", capacity);
	if (kind == CS_TRACE_TRAIN)
		status = check_trainable(network, error);
	if (status)
		return status;
	plan = cs_calloc(1, sizeof *plan);
	if (plan) {
		plan->steps = cs_calloc((size_t)count, sizeof *plan->steps);
		plan->places = cs_calloc((size_t)count, sizeof *plan->places);
	}
	if (!plan || !plan->steps || !plan->places) {
		cs_plan_free(plan);
		return cs_fail_memory(error, "the plan of a pass");
	}
	ask(plan, network, kind, wanted, capacity);

	plan->input = CS_NOWHERE;
	if (kind == CS_TRACE_OUTPUT) {
		place_passing_outputs(plan, network, capacity, &sizer);
	} else {
		plan->input = place(&sizer, batch_bytes(&sizer, &network->input, capacity));
		place_kept_outputs(plan, network, capacity, &sizer);
	}
	if (kind == CS_TRACE_TRAIN)
		place_gradients(plan, network, capacity, &sizer);
	for (int i = 0; i < count; i++) {
		struct cs_place *p = &plan->places[i];

		p->aux = place(&sizer, p->need.aux);
		p->kept = place(&sizer, p->need.kept);
		if (kind != CS_TRACE_OUTPUT)
			p->switches = place(&sizer, times(&sizer, p->need.switches, sizeof(cs_switch)));
		per_worker = larger(per_worker, p->need.per_worker);
		shared = larger(shared, p->need.shared);
	}
	plan->worker_stride = aligned(&sizer, per_worker);
	plan->worker_scratch = place(&sizer, times(&sizer, plan->worker_stride, (size_t)workers));
	plan->shared = place(&sizer, shared);
	plan->bytes = sizer.bytes;
	if (sizer.overflow) {
		cs_plan_free(plan);
		return cs_fail(error, CS_ERR_MEMORY,
			"a pass of %d images needs more memory than any machine has; use a smaller batch", capacity);
	}
	*out = plan;
	return CS_OK;
}

void cs_plan_free(struct cs_plan *plan)
{
	if (!plan)
		return;
	cs_free(plan->steps);
	cs_free(plan->places);
	cs_free(plan);
}
