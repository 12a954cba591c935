/* The adjoint identity: going back through a filter is its transpose, <W x, y> = <x, W' y>, for any x and y. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/deconv/deconv_case.h"

/* A signal of any kind as a whole layer: written over the layer's output, which is where it is read from. One number is made
 * positive, so that the layer is not silent. */
static void plant(struct cs_random *random, struct cs_trace *trace, float share)
{
	struct cs_slot *slot = &trace->slots[trace->network->layer_count - 1];
	int64_t count = cs_tensor_count(&slot->out);

	for (int64_t i = 0; i < count; i++)
		slot->out.data[i] = case_chance(random, share) ? cs_random_normal(random) : 0;
	slot->out.data[cs_random_below(random, (uint32_t)count)] = 2;
}

static void check_adjoint(const struct cs_layer_spec *spec, struct cs_shape input, uint64_t seed, float share)
{
	static const struct cs_rule rule = {.switches = true};
	struct cs_target target = {.feature = -1, .at = CS_AT_MAP};
	struct cs_random random = case_random(seed);
	struct cs_network *network;
	struct cs_trace *trace;
	struct cs_tensor out;
	struct cs_error error;
	double left = 0, right = 0, scale = 0;
	float *forward;
	int64_t n_out, n_in = cs_shape_count(&input);

	if (cs_network_new(input, spec, 1, 1, &network, NULL))
		return; /* the kernel does not fit */
	case_randomise(network, seed);
	memset(network->layers[0].params[1].value.data, 0,
		(size_t)cs_tensor_count(&network->layers[0].params[1].value) * 4);
	trace = case_trace(network, CS_TRACE_ALL, 1, NULL, seed);
	out = case_pictures(network, 1);
	n_out = cs_shape_count(&network->layers[0].out);
	forward = malloc((size_t)n_out * sizeof *forward);
	memcpy(forward, trace->slots[0].out.data, (size_t)n_out * sizeof *forward);
	plant(&random, trace, share);
	if (cs_project(trace, &target, 1, rule, &out, NULL, NULL, &error))
		fail_msg("%s", error.message);
	for (int64_t i = 0; i < n_out; i++) {
		left += (double)forward[i] * (double)trace->slots[0].out.data[i];
		scale += fabs((double)forward[i] * (double)trace->slots[0].out.data[i]);
	}
	for (int64_t i = 0; i < n_in; i++) {
		right += (double)trace->input.data[i] * (double)out.data[i];
		scale += fabs((double)trace->input.data[i] * (double)out.data[i]);
	}
	if (!(fabs(left - right) < 2e-6 * scale))
		fail_msg("seed %d: <Wx,y> = %g, <x,W'y> = %g", (int)seed, left, right);
	free(forward);
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	cs_network_free(network);
}

static void unfiltering_is_the_transpose_of_convolving(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 400; seed++) {
		struct cs_random random = case_random(seed);
		struct cs_layer_spec spec = case_conv(case_between(&random, 1, 70), 1, CS_LINEAR);
		struct cs_shape input = CS_SHAPE(case_between(&random, 1, 14), case_between(&random, 1, 14),
			case_between(&random, 1, seed % 4 ? 9 : 90));

		for (int axis = 0; axis < 2; axis++) {
			spec.kernel[axis] = case_between(&random, 1, 6);
			spec.stride[axis] = case_between(&random, 1, 4);
		}
		spec.padding = case_chance(&random, 0.5f) ? CS_PADDING_SAME : CS_PADDING_VALID;
		check_adjoint(&spec, input, seed, seed % 2 ? 1 : 0.1f);
	}
}

static void unfiltering_is_the_transpose_of_a_dense_layer(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct cs_random random = case_random(seed);
		struct cs_layer_spec spec = case_dense(case_between(&random, 1, 90), CS_LINEAR);

		check_adjoint(&spec, CS_SHAPE(case_between(&random, 1, 200)), seed, seed % 2 ? 1 : 0.05f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unfiltering_is_the_transpose_of_convolving),
		cmocka_unit_test(unfiltering_is_the_transpose_of_a_dense_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
