/* test_planted.c: a cause that was planted must be found: a network whose one feature detects red, by construction, looks at
 * procedural pictures whose masks are known; what it projects must lie on the red object.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "data/loader.h"
#include "data/shapes.h"
#include "deconv/project.h"

#include <string.h>

enum { SIZE = 64, IMAGES = 2000, RED = 0, REACH = 3 };

/* conv1's only feature is the mean over 5x5 of R - (G + B) / 2, above a threshold; conv2 averages it. */
static struct cs_network *red_detector(void)
{
	struct cs_layer_spec specs[3] = {cs_layer_spec_default(&cs_conv_layer),
		cs_layer_spec_default(&cs_maxpool_layer), cs_layer_spec_default(&cs_conv_layer)};
	static const float weight[3] = {1, -0.5f, -0.5f};
	struct cs_network *network;
	struct cs_layer *conv;

	specs[0].features = specs[2].features = 1;
	specs[0].kernel[0] = specs[0].kernel[1] = 5;
	specs[0].activation = specs[2].activation = CS_RELU;
	specs[1].window[0] = specs[1].window[1] = 2;
	specs[2].kernel[0] = specs[2].kernel[1] = 3;
	assert_int_equal(cs_network_new(CS_SHAPE(SIZE, SIZE, 3), specs, 3, 1, &network, NULL), CS_OK);
	conv = &network->layers[0];
	for (int i = 0; i < 25; i++) {
		for (int k = 0; k < 3; k++)
			conv->params[0].value.data[i * 3 + k] = weight[k] / 25;
	}
	conv->params[1].value.data[0] = -0.3f;
	for (int i = 0; i < 9; i++)
		network->layers[2].params[0].value.data[i] = 1.0f / 9;
	return network;
}

/* Red objects on grounds that hold no red of their own. */
static bool suits(const struct cs_dataset *data, int64_t image)
{
	int ground = cs_shapes_factor(data, image, CS_FACTOR_BACKGROUND);

	return cs_shapes_factor(data, image, CS_FACTOR_COLOUR) == RED && ground != CS_GROUND_BRICK &&
		ground != CS_GROUND_DUSK && ground != CS_GROUND_WALL && ground != CS_GROUND_SAND;
}

/* Share of the projection's energy within REACH pixels of the object, and of the picture that this is. */
static double share_on_object(const float *projection, const uint8_t *mask, double *area)
{
	double on = 0, all = 0;
	int near = 0;

	for (int y = 0; y < SIZE; y++) {
		for (int x = 0; x < SIZE; x++) {
			const float *p = projection + (y * SIZE + x) * 3;
			double energy = (double)p[0] * p[0] + (double)p[1] * p[1] + (double)p[2] * p[2];
			bool close = false;

			for (int v = y - REACH; v <= y + REACH && !close; v++) {
				for (int u = x - REACH; u <= x + REACH && !close; u++)
					close = v >= 0 && v < SIZE && u >= 0 && u < SIZE && mask[v * SIZE + u];
			}
			all += energy;
			on += close ? energy : 0;
			near += close;
		}
	}
	*area = (double)near / (SIZE * SIZE);
	return all > 0 ? on / all : 0;
}

static void look(const struct cs_dataset *data, struct cs_trace *trace, int64_t image, enum cs_at at, double *share,
	double *area, bool *silent)
{
	const struct cs_preprocess pre = cs_preprocess_default();
	const struct cs_target target = {.layer = 2, .at = at};
	struct cs_projection info;
	struct cs_rule rule;
	struct cs_batch batch;
	struct cs_tensor out;
	uint8_t mask[SIZE * SIZE];

	assert_int_equal(cs_rule_parse("deconvnet", &rule, NULL), CS_OK);
	assert_int_equal(cs_batch_init(&batch, 1, CS_SHAPE(SIZE, SIZE, 3), NULL), CS_OK);
	assert_int_equal(cs_tensor_init(&out, CS_SHAPE(1, SIZE, SIZE, 3), NULL), CS_OK);
	assert_int_equal(cs_loader_read(data, &image, 1, 3, &pre, &batch, NULL), CS_OK);
	cs_network_forward(trace, &batch.images);
	assert_int_equal(cs_project(trace, &target, 1, rule, &out, &info, NULL, NULL), CS_OK);
	cs_dataset_mask(data, image, mask);
	*silent = info.silent;
	*share = share_on_object(out.data, mask, area);
	cs_tensor_fini(&out);
	cs_batch_fini(&batch);
}

static void judge(enum cs_at at)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_network *network = red_detector();
	struct cs_dataset *data;
	struct cs_trace *trace;
	double shares = 0, areas = 0;
	int seen = 0, silent_seen = 0;

	options.size = SIZE;
	assert_int_equal(cs_dataset_open("shapes:count=2000,cause=shape", &options, NULL, &data, NULL), CS_OK);
	assert_int_equal(cs_trace_new(network, CS_TRACE_ALL, 1, NULL, &trace, NULL), CS_OK);
	for (int64_t image = 0; image < IMAGES; image++) {
		double share, area;
		bool silent;

		if (!suits(data, image))
			continue;
		look(data, trace, image, at, &share, &area, &silent);
		silent_seen += silent;
		if (silent)
			continue;
		seen++;
		shares += share;
		areas += area;
	}
	cs_trace_free(trace);
	cs_dataset_close(data);
	cs_network_free(network);
	print_message("  %d red objects (%d silent): %.3f of the energy on %.3f of the area\n", seen, silent_seen,
		shares / seen, areas / seen);
	assert_true(seen >= 50);
	assert_true(silent_seen < seen / 10);
	assert_true(areas / seen < 0.4);
	assert_true(shares / seen > 0.95);
}

static void the_strongest_unit_projects_onto_the_object(void **state)
{
	(void)state;
	judge(CS_AT_MAX);
}

static void the_whole_map_projects_onto_the_object(void **state)
{
	(void)state;
	judge(CS_AT_MAP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_strongest_unit_projects_onto_the_object),
		cmocka_unit_test(the_whole_map_projects_onto_the_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
