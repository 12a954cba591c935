/* least_squares.c: conjugate gradients with a layer's own products. See least_squares.h.
 *
 * W p and its transpose are a forward and a backward pass of a network of one layer: the layer without its bias and its activation. Started
 * at 0, every iterate lies in the span of W^T, so that what it converges to is the smallest of all solutions.
 */
#include "deconv/least_squares.h"

#include "core/alloc.h"
#include "nn/trace.h"

#include <math.h>
#include <string.h>

struct system {
	struct cs_network *network;
	struct cs_trace *trace;
	const uint8_t *known;
	int64_t inputs, outputs;
	float *residual, *step; /* [outputs] */
	float *gradient, *direction; /* [inputs] */
};

static double square(const float *values, int64_t n)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += (double)values[i] * (double)values[i];
	return sum;
}

static void forget(const struct system *s, float *values)
{
	for (int64_t i = 0; s->known && i < s->outputs; i++)
		values[i] = s->known[i] ? values[i] : 0;
}

/* step = W direction, where it is known. */
static void apply(struct system *s)
{
	struct cs_tensor in = {.shape = s->network->input, .data = s->direction};

	in.shape.rank++;
	memmove(in.shape.dim + 1, in.shape.dim, (size_t)s->network->input.rank * sizeof *in.shape.dim);
	in.shape.dim[0] = 1;
	cs_network_forward(s->trace, &in);
	memcpy(s->step, s->trace->slots[0].out.data, (size_t)s->outputs * sizeof *s->step);
	forget(s, s->step);
}

/* gradient = W^T residual. */
static void transpose(struct system *s)
{
	memcpy(s->trace->slots[0].d_out, s->residual, (size_t)s->outputs * sizeof *s->residual);
	cs_network_backward(s->trace, false, s->gradient);
}

static enum cs_status prepare(const struct cs_layer *layer, struct cs_workers *workers, const uint8_t *known,
	struct system *s, struct cs_error *error)
{
	struct cs_layer_spec spec = layer->spec;
	enum cs_status status;

	*s = (struct system){
		.known = known, .inputs = cs_shape_count(&layer->in), .outputs = cs_shape_count(&layer->out)};
	spec.activation = CS_LINEAR;
	spec.bias = false;
	status = cs_network_new(layer->in, &spec, 1, 0, &s->network, error);
	if (status)
		return status;
	memcpy(s->network->layers[0].params[0].value.data, layer->params[0].value.data,
		(size_t)cs_tensor_count(&layer->params[0].value) * sizeof(float));
	s->network->layers[0].frozen = true; /* the kernel wants no gradient */
	status = cs_trace_new(s->network, CS_TRACE_TRAIN, 1, workers, &s->trace, error);
	if (status)
		return status;
	s->residual = cs_alloc((size_t)s->outputs * sizeof(float));
	s->step = cs_alloc((size_t)s->outputs * sizeof(float));
	s->gradient = cs_alloc((size_t)s->inputs * sizeof(float));
	s->direction = cs_calloc((size_t)s->inputs, sizeof(float));
	if (!s->residual || !s->step || !s->gradient || !s->direction)
		return cs_fail_memory(error, "an inversion");
	return CS_OK;
}

enum cs_status cs_least_squares(const struct cs_layer *layer, const float *z, const uint8_t *known,
	const struct cs_solver *solver, struct cs_workers *workers, float *x, struct cs_solution *solution,
	struct cs_error *error)
{
	struct system s;
	double all, descent, first, price = 0;
	int done = 0;
	enum cs_status status = prepare(layer, workers, known, &s, error);

	if (status)
		goto out;
	memcpy(s.residual, z, (size_t)s.outputs * sizeof *z);
	forget(&s, s.residual);
	all = square(s.residual, s.outputs);
	apply(&s); /* of a direction that is 0: the pass that a backward pass wants before it */
	transpose(&s);
	memset(x, 0, (size_t)s.inputs * sizeof *x);
	memcpy(s.direction, s.gradient, (size_t)s.inputs * sizeof *s.direction);
	first = descent = square(s.gradient, s.inputs);
	if (solver->iterations == 0)
		memcpy(x, s.gradient, (size_t)s.inputs * sizeof *x);
	while (done < solver->iterations && descent > 0 && descent > first * solver->tolerance * solver->tolerance) {
		double length, alpha, before = descent;

		apply(&s);
		length = square(s.step, s.outputs);
		if (done == 0)
			price = solver->damping * length / descent; /* the direction is the gradient yet */
		length += price * square(s.direction, s.inputs);
		if (!(length > 0))
			break;
		alpha = descent / length;
		for (int64_t i = 0; i < s.inputs; i++)
			x[i] += (float)alpha * s.direction[i];
		for (int64_t i = 0; i < s.outputs; i++)
			s.residual[i] -= (float)alpha * s.step[i];
		transpose(&s);
		for (int64_t i = 0; i < s.inputs && price > 0; i++)
			s.gradient[i] -= (float)price * x[i];
		descent = square(s.gradient, s.inputs);
		for (int64_t i = 0; i < s.inputs; i++)
			s.direction[i] = s.gradient[i] + (float)(descent / before) * s.direction[i];
		done++;
	}
	*solution = (struct cs_solution){done, all > 0 ? sqrt(square(s.residual, s.outputs) / all) : 0};
out:
	cs_free(s.residual);
	cs_free(s.step);
	cs_free(s.gradient);
	cs_free(s.direction);
	cs_trace_free(s.trace);
	cs_network_free(s.network);
	return status;
}
