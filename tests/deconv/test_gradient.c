/* The rule `gradient` is the gradient: of any unit's output, by central differences in double precision (tests/grad/reference.h),
 * and as the training pass computes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/deconv/deconv_case.h"
#include "tests/grad/reference.h"

enum { NETWORKS = 60, TARGETS = 6, PROBES = 12 };

static const struct cs_rule gradient = {.mask = true, .switches = true};

/* What a target sums: one unit, or a whole map, of the layer's output or of the scores before its softmax. */
static double objective(const struct ref *ref, const struct cs_target *target)
{
	const struct cs_layer *l = &ref->network->layers[target->layer];
	const double *values =
		ref->scores[target->layer] && case_is_softmax(l) ? ref->scores[target->layer] : ref->out[target->layer];
	int64_t size[3];
	double sum = 0;

	case_sizes(&l->out, size);
	for (int64_t p = 0; p < size[0] * size[1]; p++) {
		if (target->at == CS_AT_MAP || p == target->row * size[1] + target->column)
			sum += values[p * size[2] + target->feature];
	}
	return sum;
}

/* Compare some numbers of a projection with central differences; returns how many could be compared. */
static int probe(
	struct ref *ref, struct cs_random *random, const struct cs_target *target, const float *picture, uint64_t seed)
{
	const double step = 1e-5;
	int64_t count = cs_shape_count(&ref->network->input);
	double largest = 1e-3;
	int compared = 0;

	for (int64_t i = 0; i < count; i++)
		largest = fabs((double)picture[i]) > largest ? fabs((double)picture[i]) : largest;
	for (int p = 0; p < PROBES; p++) {
		int64_t i = case_between(random, 0, count - 1);
		double x = ref->in[i], above, below, slope;
		bool smooth;
		uint64_t signature;

		ref_forward(ref);
		signature = ref->signature;
		ref->in[i] = x + step;
		ref_forward(ref);
		above = objective(ref, target);
		smooth = ref->signature == signature;
		ref->in[i] = x - step;
		ref_forward(ref);
		below = objective(ref, target);
		smooth = smooth && ref->signature == signature;
		ref->in[i] = x;
		if (!smooth)
			continue; /* a kink or another winner in between */
		slope = (above - below) / (2 * step);
		compared++;
		if (!(fabs(slope - (double)picture[i]) < 1e-4 * largest))
			fail_msg("network %d, layer %d, feature %d, input %d: slope %g, projected %g (largest %g)",
				(int)seed, target->layer, (int)target->feature, (int)i, slope, (double)picture[i],
				largest);
	}
	return compared;
}

static int probe_network(const struct cs_network *network, uint64_t seed)
{
	struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, 1, NULL, seed);
	struct cs_random random = case_random(seed + 3);
	struct ref ref = ref_new(network, 1, false);
	struct cs_target targets[TARGETS];
	struct cs_tensor out = case_pictures(network, TARGETS);
	int64_t count = cs_shape_count(&network->input);
	struct cs_error error;
	int compared = 0;

	for (int64_t i = 0; i < count; i++)
		ref.in[i] = (double)trace->input.data[i];
	for (int t = 0; t < TARGETS; t++) {
		targets[t] = case_target(&random, trace,
			t ? (int)case_between(&random, 0, network->layer_count - 1) : network->layer_count - 1);
		targets[t].signal = CS_SIGNAL_ONE;
		targets[t].at = targets[t].at == CS_AT_MAP ? CS_AT_MAP : CS_AT_POSITION;
		targets[t].feature = targets[t].feature < 0 ? 0 : targets[t].feature;
	}
	if (cs_project(trace, targets, TARGETS, gradient, &out, NULL, NULL, &error))
		fail_msg("network %d: %s", (int)seed, error.message);
	for (int t = 0; t < TARGETS; t++)
		compared += probe(&ref, &random, &targets[t], out.data + t * count, seed);
	ref_free(&ref);
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	return compared;
}

static void gradient_equals_central_differences_on_random_networks(void **state)
{
	int built = 0, compared = 0;

	(void)state;
	for (uint64_t seed = 1; built < NETWORKS; seed++) {
		struct cs_network *network = case_network(seed);

		if (!network)
			continue;
		built++;
		compared += probe_network(network, seed);
		cs_network_free(network);
	}
	if (compared < NETWORKS * TARGETS * PROBES * 9 / 10)
		fail_msg("only %d of %d numbers could be compared", compared, NETWORKS * TARGETS * PROBES);
}

/* The last layer's gradient with respect to the images, as training takes it. */
static void compare_with_training(const struct cs_network *network, uint64_t seed)
{
	enum { IMAGES = 2 };

	struct cs_trace *trace = case_trace(network, CS_TRACE_TRAIN, IMAGES, NULL, seed);
	struct cs_trace *kept =
		case_trace(network, CS_TRACE_ALL, IMAGES, NULL, seed); /* training keeps not every map */
	struct cs_random random = case_random(seed);
	int last = network->layer_count - 1;
	struct cs_tensor out = case_pictures(network, IMAGES);
	int64_t size[3], count = cs_shape_count(&network->input), n_out = cs_shape_count(&network->layers[last].out);
	float *d_input = calloc((size_t)(IMAGES * count), sizeof *d_input);
	double *expected = calloc((size_t)count, sizeof *expected);
	struct cs_target targets[IMAGES];
	struct cs_error error;

	case_sizes(&network->layers[last].out, size);
	memset(trace->slots[last].d_out, 0, (size_t)(IMAGES * n_out) * sizeof(float));
	for (int i = 0; i < IMAGES; i++) {
		targets[i] = (struct cs_target){
			.image = i,
			.layer = last,
			.feature = case_between(&random, 0, size[2] - 1),
			.at = CS_AT_POSITION,
			.row = case_between(&random, 0, size[0] - 1),
			.column = case_between(&random, 0, size[1] - 1),
			.signal = CS_SIGNAL_ONE,
		};
		trace->slots[last].d_out[i * n_out + (targets[i].row * size[1] + targets[i].column) * size[2] +
			targets[i].feature] = 1;
	}
	if (cs_project(kept, targets, IMAGES, gradient, &out, NULL, NULL, &error))
		fail_msg("network %d: %s", (int)seed, error.message);
	cs_network_backward(trace, case_is_softmax(&network->layers[last]), d_input);
	for (int i = 0; i < IMAGES; i++) {
		for (int64_t k = 0; k < count; k++)
			expected[k] = (double)d_input[i * count + k];
		if (!(case_difference(out.data + i * count, expected, count) < 2e-5))
			fail_msg("network %d, image %d: off by %g of the largest", (int)seed, i,
				case_difference(out.data + i * count, expected, count));
	}
	free(d_input);
	free(expected);
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	cs_trace_free(kept);
}

static void gradient_equals_what_training_computes(void **state)
{
	int built = 0;

	(void)state;
	for (uint64_t seed = 1000; built < NETWORKS; seed++) {
		struct cs_network *network = case_network(seed);

		if (!network)
			continue;
		built++;
		compare_with_training(network, seed);
		cs_network_free(network);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gradient_equals_central_differences_on_random_networks),
		cmocka_unit_test(gradient_equals_what_training_computes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
