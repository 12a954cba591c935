/* optimizer.c: SGD and Adam over all trainable parameters. See optimizer.h.
 *
 * The parameters are cut into blocks of a fixed size, in order; a block is a task. The gradient's norm is the sum over blocks, in
 * block order, of double-precision sums, so that clipping too gives the same bits for any number of threads.
 */
#include "nn/optimizer.h"

#include "core/alloc.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

enum { BLOCK = 1 << 14, MAX_STATES = 2 };

/* One parameter and its state. Those that no gradient changes are here only to be averaged. */
struct entry {
	int layer, param;
	bool trainable;
	struct cs_tensor states[MAX_STATES];
	struct cs_tensor average;
};

struct block {
	int entry;
	int64_t begin, end;
};

struct cs_optimizer {
	struct cs_optimizer_spec spec;
	int64_t steps;
	int entry_count, block_count, states; /* states: tensors a trainable entry has, beside its average */
	int trainable_count; /* of the entries, which come first */
	struct entry *entries;
	struct block *blocks;
	double *squares; /* of each block's gradient */
	const struct cs_network *of; /* whose parameters these are: names, for checkpoints */
};

struct cs_optimizer_spec cs_optimizer_default(enum cs_optimizer_kind kind)
{
	return (struct cs_optimizer_spec){
		.kind = kind,
		.rate = kind == CS_ADAM ? 0.001f : 0.01f,
		.beta1 = 0.9f,
		.beta2 = 0.999f,
		.epsilon = 1e-7f,
	};
}

enum cs_status cs_optimizer_check(const struct cs_optimizer_spec *spec, struct cs_error *error)
{
	const struct {
		const char *what, *expected;
		float value;
		bool good;
	} fields[] = {
		{"learning rate", "0 or more", spec->rate, spec->rate >= 0 && isfinite(spec->rate)},
		{"momentum", "0 to below 1", spec->momentum, spec->momentum >= 0 && spec->momentum < 1},
		{"beta1", "0 to below 1", spec->beta1, spec->kind != CS_ADAM || (spec->beta1 >= 0 && spec->beta1 < 1)},
		{"beta2", "0 to below 1", spec->beta2, spec->kind != CS_ADAM || (spec->beta2 >= 0 && spec->beta2 < 1)},
		{"epsilon", "a small number above 0 (1e-7)", spec->epsilon, spec->kind != CS_ADAM || spec->epsilon > 0},
		{"weight decay", "0 or more", spec->weight_decay,
			spec->weight_decay >= 0 && isfinite(spec->weight_decay)},
		{"clip norm", "a norm above 0, or 0 for none", spec->clip_norm, spec->clip_norm >= 0},
		{"average", "a decay of 0 (none) to below 1, as 0.999", spec->average,
			spec->average >= 0 && spec->average < 1},
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (!fields[i].good)
			return cs_fail(error, CS_ERR_ARGUMENT, "the optimizer's %s is %g: expected %s", fields[i].what,
				(double)fields[i].value, fields[i].expected);
	}
	return CS_OK;
}

static enum cs_status add_entry(
	struct cs_optimizer *optimizer, int layer, int param, const struct cs_param *value, struct cs_error *error)
{
	struct entry *entry = &optimizer->entries[optimizer->entry_count];
	int64_t count = cs_tensor_count(&value->value);
	enum cs_status status = CS_OK;

	optimizer->entry_count++; /* before its state: freeing sees it, half made */
	*entry = (struct entry){.layer = layer, .param = param, .trainable = value->trainable};
	for (int s = 0; s < optimizer->states && entry->trainable && !status; s++)
		status = cs_tensor_init(&entry->states[s], value->value.shape, error);
	if (!status && optimizer->spec.average > 0)
		status = cs_tensor_init(&entry->average, value->value.shape, error);
	for (int64_t begin = 0; begin < count && !status; begin += BLOCK)
		optimizer->blocks[optimizer->block_count++] = (struct block){
			optimizer->entry_count - 1, begin, begin + BLOCK < count ? begin + BLOCK : count};
	return status;
}

/* The trainable parameters in order; then the others, where averages are kept. */
static enum cs_status add_entries(
	struct cs_optimizer *optimizer, const struct cs_network *network, struct cs_error *error)
{
	for (int trainable = 1; trainable >= (optimizer->spec.average > 0 ? 0 : 1); trainable--) {
		for (int i = 0; i < network->layer_count; i++) {
			const struct cs_layer *layer = &network->layers[i];

			for (int p = 0; p < layer->param_count; p++) {
				enum cs_status status = CS_OK;

				if (layer->params[p].trainable == trainable)
					status = add_entry(optimizer, i, p, &layer->params[p], error);
				if (status)
					return status;
			}
		}
		if (trainable)
			optimizer->trainable_count = optimizer->entry_count;
	}
	return CS_OK;
}

enum cs_status cs_optimizer_new(const struct cs_optimizer_spec *spec, const struct cs_network *network,
	struct cs_optimizer **out, struct cs_error *error)
{
	struct cs_optimizer *optimizer;
	size_t entries = 0, blocks = 0;
	enum cs_status status = cs_optimizer_check(spec, error);

	if (status)
		return status;
	optimizer = cs_calloc(1, sizeof *optimizer);
	if (!optimizer)
		return cs_fail_memory(error, "the optimizer");
	optimizer->spec = *spec;
	optimizer->of = network;
	optimizer->states = spec->kind == CS_ADAM ? 2 : spec->momentum > 0 ? 1 : 0;
	for (int i = 0; i < network->layer_count; i++) {
		for (int p = 0; p < network->layers[i].param_count; p++) {
			entries++;
			blocks += (size_t)(cs_tensor_count(&network->layers[i].params[p].value) + BLOCK - 1) / BLOCK;
		}
	}
	optimizer->entries = cs_calloc(entries, sizeof *optimizer->entries);
	optimizer->blocks = cs_calloc(blocks, sizeof *optimizer->blocks);
	optimizer->squares = cs_calloc(blocks, sizeof *optimizer->squares);
	if (!optimizer->entries || !optimizer->blocks || !optimizer->squares)
		status = cs_fail_memory(error, "the optimizer");
	else
		status = add_entries(optimizer, network, error);
	if (status)
		cs_optimizer_free(optimizer);
	else
		*out = optimizer;
	return status;
}

void cs_optimizer_free(struct cs_optimizer *optimizer)
{
	if (!optimizer)
		return;
	for (int e = 0; e < optimizer->entry_count; e++) {
		for (int s = 0; s < MAX_STATES; s++)
			cs_tensor_fini(&optimizer->entries[e].states[s]);
		cs_tensor_fini(&optimizer->entries[e].average);
	}
	cs_free(optimizer->entries);
	cs_free(optimizer->blocks);
	cs_free(optimizer->squares);
	cs_free(optimizer);
}

/* One step, as its tasks see it. */
struct step {
	struct cs_optimizer *optimizer;
	struct cs_network *network;
	const struct cs_trace *trace;
	float rate; /* Adam: with bias correction */
	float shrink; /* what decaying weights are multiplied by */
	float scale; /* of the gradient: clipping */
	float fresh; /* what the parameters of now count in their averages */
};

/* The gradient of an entry, NULL when its layer is frozen or no gradient reaches it. */
static const float *gradient_of(const struct step *step, const struct entry *entry)
{
	return !entry->trainable || step->network->layers[entry->layer].frozen
		? NULL
		: step->trace->slots[entry->layer].d_params[entry->param];
}

static void square_block(void *context, int task, int worker)
{
	const struct step *step = context;
	const struct block *block = &step->optimizer->blocks[task];
	const float *g = gradient_of(step, &step->optimizer->entries[block->entry]);
	double sum = 0;

	(void)worker;
	for (int64_t i = block->begin; g && i < block->end; i++)
		sum += (double)g[i] * (double)g[i];
	step->optimizer->squares[task] = sum;
}

static void sgd(const struct cs_optimizer_spec *spec, const struct step *step, int64_t n, const float *restrict g,
	float *restrict w, float *restrict v)
{
	float momentum = spec->momentum, rate = step->rate * step->scale;

	if (!v) {
		for (int64_t i = 0; i < n; i++)
			w[i] -= rate * g[i];
	} else if (spec->nesterov) {
		for (int64_t i = 0; i < n; i++) {
			v[i] = momentum * v[i] - rate * g[i];
			w[i] += momentum * v[i] - rate * g[i];
		}
	} else {
		for (int64_t i = 0; i < n; i++) {
			v[i] = momentum * v[i] - rate * g[i];
			w[i] += v[i];
		}
	}
}

static void adam(const struct cs_optimizer_spec *spec, const struct step *step, int64_t n,
	const float *restrict gradient, float *restrict w, float *restrict m, float *restrict v)
{
	float beta1 = spec->beta1, beta2 = spec->beta2, epsilon = spec->epsilon, rate = step->rate;

	for (int64_t i = 0; i < n; i++) {
		float g = gradient[i] * step->scale;

		m[i] += (1 - beta1) * (g - m[i]);
		v[i] += (1 - beta2) * (g * g - v[i]);
		w[i] -= rate * m[i] / (sqrtf(v[i]) + epsilon);
	}
}

static void descend(
	const struct step *step, const struct block *block, const struct entry *entry, bool decays, float *w)
{
	const struct cs_optimizer *optimizer = step->optimizer;
	int64_t begin = block->begin, n = block->end - begin;
	const float *g = gradient_of(step, entry);

	if (!g)
		return;
	for (int64_t i = 0; decays && step->shrink != 1 && i < n; i++)
		w[i] *= step->shrink;
	if (optimizer->spec.kind == CS_ADAM)
		adam(&optimizer->spec, step, n, g + begin, w, entry->states[0].data + begin,
			entry->states[1].data + begin);
	else
		sgd(&optimizer->spec, step, n, g + begin, w, optimizer->states ? entry->states[0].data + begin : NULL);
}

static void step_block(void *context, int task, int worker)
{
	const struct step *step = context;
	const struct block *block = &step->optimizer->blocks[task];
	const struct entry *entry = &step->optimizer->entries[block->entry];
	const struct cs_param *param = &step->network->layers[entry->layer].params[entry->param];
	float *w = param->value.data + block->begin;
	float *average = entry->average.data ? entry->average.data + block->begin : NULL;

	(void)worker;
	descend(step, block, entry, param->decays, w);
	for (int64_t i = 0; average && i < block->end - block->begin; i++)
		average[i] += step->fresh * (w[i] - average[i]);
}

/* What the gradient is multiplied by so that its norm is at most clip_norm. A norm that is not a number clips nothing: the
 * loss shows it. */
static float clip_scale(struct step *step, struct cs_workers *workers)
{
	struct cs_optimizer *optimizer = step->optimizer;
	double sum = 0, norm;

	if (!(optimizer->spec.clip_norm > 0))
		return 1;
	cs_workers_run(workers, optimizer->block_count, square_block, step);
	for (int b = 0; b < optimizer->block_count; b++)
		sum += optimizer->squares[b];
	norm = sqrt(sum);
	return norm > (double)optimizer->spec.clip_norm ? (float)((double)optimizer->spec.clip_norm / norm) : 1;
}

void cs_optimizer_step(struct cs_optimizer *optimizer, struct cs_network *network, struct cs_trace *trace, float rate)
{
	const struct cs_optimizer_spec *spec = &optimizer->spec;
	struct step step = {optimizer, network, trace, rate, 1 - rate * spec->weight_decay, 1, 0};

	assert(trace->network == network && trace->kind == CS_TRACE_TRAIN);
	step.fresh = 1 - fminf(spec->average, (float)optimizer->steps / (float)(optimizer->steps + 10));
	optimizer->steps++;
	if (spec->kind == CS_ADAM) {
		double t = (double)optimizer->steps;

		step.rate = (float)((double)rate * sqrt(1 - pow((double)spec->beta2, t)) /
			(1 - pow((double)spec->beta1, t)));
	}
	step.scale = clip_scale(&step, trace->workers);
	cs_workers_run(trace->workers, optimizer->block_count, step_block, &step);
	cs_trace_update(trace, network);
}

int64_t cs_optimizer_steps(const struct cs_optimizer *optimizer)
{
	return optimizer->steps;
}

void cs_optimizer_set_steps(struct cs_optimizer *optimizer, int64_t steps)
{
	optimizer->steps = steps;
}

void cs_optimizer_exchange_average(struct cs_optimizer *optimizer, struct cs_network *network)
{
	if (!(optimizer->spec.average > 0) || optimizer->steps == 0)
		return;
	for (int e = 0; e < optimizer->entry_count; e++) {
		struct entry *entry = &optimizer->entries[e];
		float *a = network->layers[entry->layer].params[entry->param].value.data, *b = entry->average.data;
		int64_t count = cs_tensor_count(&entry->average);

		for (int64_t i = 0; i < count; i++) {
			float keep = a[i];

			a[i] = b[i];
			b[i] = keep;
		}
	}
}

int cs_optimizer_state_count(const struct cs_optimizer *optimizer)
{
	return optimizer->trainable_count * optimizer->states +
		(optimizer->spec.average > 0 ? optimizer->entry_count : 0);
}

struct cs_tensor *cs_optimizer_state(struct cs_optimizer *optimizer, int i, char *name, size_t size)
{
	static const char *const adam_names[] = {"momentum", "velocity"}; /* as Keras 3 calls them */
	int states = optimizer->trainable_count * optimizer->states;
	bool average = i >= states;
	struct entry *entry = &optimizer->entries[average ? i - states : i / optimizer->states];
	const struct cs_layer *layer = &optimizer->of->layers[entry->layer];
	int state = average ? 0 : i % optimizer->states;

	assert(i >= 0 && i < cs_optimizer_state_count(optimizer));
	snprintf(name, size, "%s/%s/%s", layer->spec.name, layer->params[entry->param].name,
		average                                   ? "average"
			: optimizer->spec.kind == CS_ADAM ? adam_names[state]
							  : "momentum");
	return average ? &entry->average : &entry->states[state];
}
