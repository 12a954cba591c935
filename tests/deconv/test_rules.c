/* Projections by all eight rules through whole random networks, against the reference of deconv_case.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/deconv/deconv_case.h"

#include <stdio.h>

enum { NETWORKS = 150, TARGETS = 12, IMAGES = 3 };

static void compare_network(const struct cs_network *network, uint64_t seed, const char *rule_name, int layer)
{
	struct cs_trace *trace = case_trace(network, CS_TRACE_ALL, IMAGES, NULL, seed);
	struct cs_random random = case_random(seed + 1000);
	struct cs_target targets[TARGETS];
	struct cs_projection infos[TARGETS];
	struct cs_tensor out = case_pictures(network, TARGETS);
	int64_t size = cs_shape_count(&network->input);
	struct cs_error error = {0};
	struct cs_rule rule;

	assert_int_equal(cs_rule_parse(rule_name, &rule, NULL), CS_OK);
	for (int t = 0; t < TARGETS; t++)
		targets[t] = case_target(
			&random, trace, layer >= 0 ? layer : (int)case_between(&random, 0, network->layer_count - 1));
	if (cs_project(trace, targets, TARGETS, rule, &out, infos, NULL, &error))
		fail_msg("network %d: %s", (int)seed, error.message);
	for (int t = 0; t < TARGETS; t++) {
		double *expected = case_reference(trace, &targets[t], rule);
		double difference = case_difference(out.data + t * size, expected, size);

		if (!(difference < 1e-4)) { /* float32 through a whole network */
			for (int i = 0; i <= targets[t].layer; i++) {
				char text[160];

				cs_layer_describe(&network->layers[i], text, sizeof text);
				print_error("layer %d: %s\n", i, text);
			}
			fail_msg(
				"network %d, rule %s, layer %d, feature %d, at %d, signal %d: off by %g of the largest",
				(int)seed, rule_name, targets[t].layer, (int)targets[t].feature, targets[t].at,
				targets[t].signal, difference);
		}
		free(expected);
	}
	cs_tensor_fini(&out);
	cs_trace_free(trace);
}

static void all_eight_rules_equal_the_reference_on_random_networks(void **state)
{
	int built = 0;

	(void)state;
	for (uint64_t seed = 1; built < NETWORKS; seed++) {
		struct cs_network *network = case_network(seed);

		if (!network)
			continue;
		built++;
		for (int r = 0; r < 8; r++)
			compare_network(network, seed, cs_rule_names[r], -1);
		cs_network_free(network);
	}
}

/* Enough targets of one deep layer, above max-pools, that kernels are packed and groups are full. */
static void deep_units_equal_the_reference_where_kernels_are_packed(void **state)
{
	static const struct {
		int64_t features[3], kernel[3], window[2];
		enum cs_padding padding;
	} cases[] = {
		{{48, 40, 24}, {5, 3, 3}, {3, 2}, CS_PADDING_VALID},
		{{50, 17, 33}, {3, 3, 2}, {2, 2}, CS_PADDING_SAME},
		{{64, 64, 20}, {4, 1, 3}, {2, 3}, CS_PADDING_SAME},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cs_layer_spec specs[] = {
			case_conv(cases[i].features[0], cases[i].kernel[0], CS_RELU),
			case_pool(&cs_maxpool_layer, cases[i].window[0], 0),
			case_conv(cases[i].features[1], cases[i].kernel[1], CS_RELU),
			cs_layer_spec_default(&cs_batchnorm_layer),
			case_pool(&cs_maxpool_layer, cases[i].window[1], 0),
			case_conv(cases[i].features[2], cases[i].kernel[2], CS_RELU),
		};
		struct cs_network *network;

		for (int l = 0; l < 6; l++)
			specs[l].padding = cases[i].padding;
		assert_int_equal(cs_network_new(CS_SHAPE(32, 36, 3), specs, 6, 1, &network, NULL), CS_OK);
		case_randomise(network, 5);
		for (int r = 0; r < 8; r++)
			compare_network(network, i, cs_rule_names[r], 5);
		cs_network_free(network);
	}
}

static void rules_are_known_by_name(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct cs_rule rule;

		assert_int_equal(cs_rule_parse(cs_rule_names[i], &rule, NULL), CS_OK);
		assert_string_equal(cs_rule_name(rule), cs_rule_names[i]);
	}
}

static void rules_mean_what_the_literature_means(void **state)
{
	struct cs_rule rule;

	(void)state;
	cs_rule_parse("deconvnet", &rule, NULL);
	assert_true(!rule.mask && rule.switches && rule.rectify);
	cs_rule_parse("gradient", &rule, NULL);
	assert_true(rule.mask && rule.switches && !rule.rectify);
	cs_rule_parse("guided", &rule, NULL);
	assert_true(rule.mask && rule.switches && rule.rectify);
	cs_rule_parse("none", &rule, NULL);
	assert_true(!rule.mask && !rule.switches && !rule.rectify);
	cs_rule_parse("mr", &rule, NULL);
	assert_true(rule.mask && !rule.switches && rule.rectify);
}

static void an_unknown_rule_names_the_eight(void **state)
{
	struct cs_rule rule;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_rule_parse("deconv", &rule, &error), CS_ERR_ARGUMENT);
	for (int i = 0; i < 8; i++)
		assert_non_null(strstr(error.message, cs_rule_names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_eight_rules_equal_the_reference_on_random_networks),
		cmocka_unit_test(deep_units_equal_the_reference_where_kernels_are_packed),
		cmocka_unit_test(rules_are_known_by_name),
		cmocka_unit_test(rules_mean_what_the_literature_means),
		cmocka_unit_test(an_unknown_rule_names_the_eight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
