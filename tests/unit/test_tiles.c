/* test_tiles.c: convolutions in bfloat16: forward against double precision on factors that were rounded the same way, pooled as they are
 * computed or afterwards, backward as in float32; and what is said where there are no tiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cpu.h"
#include "nn/conv.h"
#include "nn/network.h"
#include "nn/pool.h"
#include "nn/trace.h"
#include "tests/unit/layer_case.h"
#include "tests/unit/reference.h"

static const double TOLERANCE = 1e-5;

/* To the nearest number of 8 binary digits, ties to even. Numbers here are far from infinite. */
static float rounded(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof bits);
	bits += 0x7fff + ((bits >> 16) & 1);
	bits &= 0xffff0000;
	memcpy(&x, &bits, sizeof x);
	return x;
}

/* Skip the test, and say so, where there are no tiles. */
static void need_tiles(void)
{
	struct cs_error error;

	if (!cs_cpu_take_amx(&error))
		return;
	print_message("skipped: %s\n", error.message);
	skip();
}

static struct cs_layer_spec random_conv(struct cs_random *random)
{
	struct cs_layer_spec spec = case_spec(&cs_conv_layer);

	for (int axis = 0; axis < 2; axis++) {
		spec.kernel[axis] = CASE_PICK(random, 1, 2, 3, 3, 3, 4, 5, 7);
		spec.stride[axis] = CASE_PICK(random, 1, 1, 1, 1, 2, 3);
	}
	if (cs_random_below(random, 3) == 0)
		spec.kernel[1] = spec.kernel[0];
	spec.features = CASE_PICK(random, 16, 17, 31, 32, 33, 48, 64, 100);
	spec.padding = cs_random_below(random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
	spec.activation = (enum cs_activation)cs_random_below(random, CS_SOFTMAX + 1);
	spec.bias = cs_random_below(random, 4) != 0;
	return spec;
}

static struct cs_shape random_input(struct cs_random *random, const struct cs_layer_spec *spec, int64_t least)
{
	int64_t h = spec->kernel[0] + (least + (int64_t)cs_random_below(random, 12)) * spec->stride[0];
	int64_t w = spec->kernel[1] + (least + (int64_t)cs_random_below(random, 12)) * spec->stride[1];

	return CS_SHAPE(h, w, CASE_PICK(random, 1, 3, 3, 5, 8, 16, 20, 31, 32, 33, 64, 70));
}

static void calm(struct layer_case *c)
{
	struct cs_tensor *kernel = &c->layer.params[0].value;
	int64_t n = cs_tensor_count(kernel);

	for (int64_t i = 0; i < n; i++)
		kernel->data[i] /= sqrtf((float)(n / c->layer.spec.features));
}

/* The layer on rounded factors, in double precision. */
static void compare_with_reference(struct layer_case *c)
{
	struct cs_layer *l = &c->layer;
	int64_t f = l->out.dim[2], weights = cs_tensor_count(&l->params[0].value);
	double *out = reference_doubles(c->out_size);
	float *in = case_floats(c->in_size), *kernel = l->params[0].value.data, *round = case_floats(weights);

	for (int64_t i = 0; i < c->in_size; i++)
		in[i] = rounded(c->in[i]);
	for (int64_t i = 0; i < weights; i++)
		round[i] = rounded(kernel[i]);
	l->params[0].value.data = round;
	reference_conv(l, c->pass.count, in, out);
	l->params[0].value.data = kernel;
	for (int64_t i = 0; i < c->out_size; i += f)
		reference_activate(l->spec.activation, (double)l->spec.alpha, out + i, f);
	case_compare("outputs", c->out, out, c->out_size, TOLERANCE);
	cs_free(in);
	cs_free(round);
	free(out);
}

static void random_shapes_match_double_precision_on_rounded_factors(void **state)
{
	struct cs_random random = case_random(1);
	int tiled = 0;

	(void)state;
	need_tiles();
	for (int i = 0; i < 300; i++) {
		struct cs_layer_spec spec = random_conv(&random);
		struct layer_case c;

		case_open_in(CS_BF16, &c, &spec, random_input(&random, &spec, 0), 1 + (int)cs_random_below(&random, 5),
			2, &random);
		if (strcmp(c.need.algorithm, cs_conv_tiles.name) == 0) {
			tiled++;
			calm(&c);
			case_forward(&c);
			compare_with_reference(&c);
		}
		case_close(&c);
	}
	print_message("%d of 300 ran on tiles\n", tiled);
	assert_true(tiled > 200);
}

/* Maps in many bands, images in few tasks, operands in many planes. */
static void every_way_of_splitting_matches_double_precision(void **state)
{
	static const struct {
		int64_t h, w, c, kernel, features, stride;
		int batch;
	} shapes[] = {
		{64, 64, 3, 5, 80, 1, 2}, /* widened, in bands */
		{70, 33, 130, 3, 260, 1, 5}, /* planes, in bands, all features at once */
		{20, 20, 64, 3, 200, 1, 1}, /* features over tasks */
		{41, 37, 48, 5, 40, 3, 4}, /* nine phases */
		{9, 200, 4, 3, 33, 2, 3}, /* wide rows, fewer numbers than a tile takes */
		{1, 1, 64, 1, 64, 1, 5}, /* one position */
	};
	struct cs_random random = case_random(2);

	(void)state;
	need_tiles();
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		struct cs_layer_spec spec = case_spec(&cs_conv_layer);
		struct layer_case c;

		spec.kernel[0] = spec.kernel[1] = shapes[i].kernel;
		spec.stride[0] = spec.stride[1] = shapes[i].stride;
		spec.features = shapes[i].features;
		spec.padding = i % 2 ? CS_PADDING_SAME : CS_PADDING_VALID;
		case_open_in(CS_BF16, &c, &spec, CS_SHAPE(shapes[i].h, shapes[i].w, shapes[i].c), shapes[i].batch, 2,
			&random);
		assert_string_equal(c.need.algorithm, cs_conv_tiles.name);
		calm(&c);
		case_forward(&c);
		compare_with_reference(&c);
		case_close(&c);
	}
}

static void gradients_are_those_of_float32(void **state)
{
	struct cs_layer_spec spec = case_spec(&cs_conv_layer);
	struct cs_random a = case_random(3), b = case_random(3);
	struct layer_case tiles, plain;
	int64_t weights;

	(void)state;
	need_tiles();
	spec.kernel[0] = spec.kernel[1] = 3;
	spec.features = 40;
	case_open_in(CS_BF16, &tiles, &spec, CS_SHAPE(11, 10, 24), 3, 2, &a);
	case_open(&plain, &spec, CS_SHAPE(11, 10, 24), 3, 2, &b);
	weights = cs_tensor_count(&plain.layer.params[0].value);
	case_forward(&tiles);
	case_forward(&plain);
	case_backward(&tiles);
	case_backward(&plain);
	assert_memory_equal(tiles.d_in, plain.d_in, (size_t)plain.in_size * sizeof(float));
	assert_memory_equal(tiles.pass.d_params[0], plain.pass.d_params[0], (size_t)weights * sizeof(float));
	case_close(&tiles);
	case_close(&plain);
}

static void nan_is_seen_in_every_output_that_sees_it_alone(void **state)
{
	struct cs_random random = case_random(4);

	(void)state;
	need_tiles();
	for (int widened = 0; widened < 2; widened++) {
		struct cs_layer_spec spec = case_spec(&cs_conv_layer);
		int64_t channels = widened ? 5 : 32;
		struct layer_case c;

		spec.kernel[0] = spec.kernel[1] = 3;
		spec.features = 20;
		case_open_in(CS_BF16, &c, &spec, CS_SHAPE(7, 7, channels), 1, 0, &random);
		c.in[(3 * 7 + 6) * channels + 1] = NAN; /* row 3, the last column */
		case_forward(&c);
		for (int64_t i = 0; i < c.out_size; i++) {
			int64_t y = i / 20 / 5, x = i / 20 % 5;

			assert_int_equal(isnan(c.out[i]), y >= 1 && y <= 3 && x == 4);
		}
		case_close(&c);
	}
}

/* Two convolutions with their pools, batch norm and activation between them at times, and a dense layer: as a network, so that plans and
 * traces are the real ones. */
static struct cs_network *random_network(struct cs_random *random)
{
	struct cs_layer_spec specs[10];
	struct cs_network *network;
	struct cs_error error;
	int64_t size = 24 + (int64_t)cs_random_below(random, 12);
	int count = 0;

	for (int i = 0; i < 2; i++) {
		enum cs_activation activation = cs_random_below(random, 3) ? CS_RELU : CS_TANH;
		bool apart = cs_random_below(random, 2);
		struct cs_layer_spec *spec = &specs[count++];

		*spec = cs_layer_spec_default(&cs_conv_layer);
		spec->features = CASE_PICK(random, 16, 24, 40, 64);
		spec->kernel[0] = CASE_PICK(random, 2, 3, 5);
		spec->kernel[1] = CASE_PICK(random, 2, 3, 5);
		spec->padding = cs_random_below(random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
		spec->activation = apart ? CS_LINEAR : activation;
		if (apart) {
			if (cs_random_below(random, 2))
				specs[count++] = cs_layer_spec_default(&cs_batchnorm_layer);
			specs[count] = cs_layer_spec_default(&cs_activation_layer);
			specs[count++].activation = activation;
		}
		spec = &specs[count++];
		*spec = cs_layer_spec_default(&cs_maxpool_layer);
		spec->window[0] = spec->window[1] = CASE_PICK(random, 2, 2, 3);
		spec->stride[0] = spec->stride[1] = CASE_PICK(random, 2, 2, 3);
		spec->padding = cs_random_below(random, 2) ? CS_PADDING_SAME : CS_PADDING_VALID;
	}
	specs[count++] = cs_layer_spec_default(&cs_flatten_layer);
	specs[count] = cs_layer_spec_default(&cs_dense_layer);
	specs[count].features = 7;
	specs[count++].activation = CS_SOFTMAX;
	if (cs_network_new(CS_SHAPE(size, size + 3, 3), specs, count, 5, &network, &error) ||
		cs_network_set_precision(network, CS_BF16, &error))
		fail_msg("%s", error.message);
	return network;
}

static void fused_traced_and_threaded_passes_agree_to_the_bit(void **state)
{
	enum { IMAGES = 5 };
	struct cs_random random = case_random(6);

	(void)state;
	need_tiles();
	for (int i = 0; i < 30; i++) {
		struct cs_network *network = random_network(&random);
		struct cs_shape shape = CS_SHAPE(IMAGES, network->input.dim[0], network->input.dim[1], 3);
		int64_t n = cs_shape_count(&shape);
		struct cs_tensor images = cs_tensor_view(case_floats(n), shape);
		struct cs_workers *workers[2];
		struct cs_trace *all, *other;
		struct cs_error error;

		case_fill(&random, images.data, n);
		assert_int_equal(cs_workers_new(3, &workers[0], &error), CS_OK);
		assert_int_equal(cs_workers_new(1, &workers[1], &error), CS_OK);
		assert_int_equal(cs_trace_new(network, CS_TRACE_ALL, IMAGES, workers[0], &all, &error), CS_OK);
		cs_network_forward(all, &images);
		for (int kind = CS_TRACE_OUTPUT; kind <= CS_TRACE_TRAIN; kind++) {
			for (int t = 0; t < 2; t++) {
				int last = network->layer_count - 1;
				const struct cs_slot *a = &all->slots[last], *b;

				assert_int_equal(cs_trace_new(network, (enum cs_trace_kind)kind, IMAGES + t, workers[t],
							 &other, &error),
					CS_OK);
				assert_int_equal(other->precision, CS_BF16);
				cs_network_forward(other, &images);
				b = &other->slots[last];
				assert_memory_equal(b->out.data, a->out.data, IMAGES * 7 * sizeof(float));
				for (int l = 0; l < last && kind != CS_TRACE_OUTPUT; l++) {
					if (!all->slots[l].switches)
						continue;
					assert_memory_equal(other->slots[l].switches, all->slots[l].switches,
						(size_t)cs_shape_count(&network->layers[l].out) * IMAGES *
							sizeof(cs_switch));
				}
				cs_trace_free(other);
			}
		}
		cs_trace_free(all);
		for (int t = 0; t < 2; t++)
			cs_workers_free(workers[t]);
		cs_free(images.data);
		cs_network_free(network);
	}
}

/* The instruction set of every test program's own process: where it has no tiles, the refusal says why and what to do. */
static void without_tiles_the_refusal_says_what_was_found_and_what_to_do(void **state)
{
	struct cs_layer_spec spec = cs_layer_spec_default(&cs_conv_layer);
	struct cs_network *network;
	struct cs_error error;
	enum cs_isa isa;

	(void)state;
	assert_int_equal(cs_isa_chosen(&isa, &error), CS_OK);
	spec.features = 16;
	spec.kernel[0] = spec.kernel[1] = 3;
	assert_int_equal(cs_network_new(CS_SHAPE(9, 9, 3), &spec, 1, 0, &network, &error), CS_OK);
	assert_int_equal(network->precision, CS_FP32);
	if (!cs_network_set_precision(network, CS_BF16, &error)) {
		assert_int_equal(isa, CS_ISA_AVX512);
		assert_int_equal(network->precision, CS_BF16);
		cs_network_free(network);
		skip();
	}
	assert_int_equal(network->precision, CS_FP32);
	assert_non_null(strstr(error.message, "precision bf16 needs"));
	assert_non_null(strstr(error.message, "fp32"));
	if (cs_cpu_has_amx() && isa < CS_ISA_AVX512)
		assert_non_null(strstr(error.message, "CONVSCOPE_ISA"));
	cs_network_free(network);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_shapes_match_double_precision_on_rounded_factors),
		cmocka_unit_test(every_way_of_splitting_matches_double_precision),
		cmocka_unit_test(gradients_are_those_of_float32),
		cmocka_unit_test(nan_is_seen_in_every_output_that_sees_it_alone),
		cmocka_unit_test(fused_traced_and_threaded_passes_agree_to_the_bit),
		cmocka_unit_test(without_tiles_the_refusal_says_what_was_found_and_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return case_every_isa(run);
}
