/* The noise and occlusion screens: live maps of one image, and the results of the analyses. The whole program, on a small trained
 * network. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#include "data/loader.h"
#include "io/h5.h"
#include "nn/loss.h"

#include <math.h>

#define ESC "\033"

static void start(struct terminal_kind kind)
{
	play_program(kind, "runs/tiny");
	expect("1 conv1 6");
	harness_settle(&h);
}

static void an_images_maps_come_coarse_first_and_then_finer(void **state)
{
	(void)state;
	start((struct terminal_kind){.sixel = true, .columns = 120, .rows = 30});
	harness_keys(&h, "H");
	expect("occlusion  image");
	expect("a square of 8 pixels, steps 2 apart"); /* a quarter of 32; the last round */
	expect("lost of");
	expect("conv2 feature");
	harness_settle(&h);
	assert_int_equal(harness_whole(&h), 3); /* the input and two maps */
	harness_keys(&h, "[");
	expect("conv1 feature");
	harness_keys(&h, "/f3\r");
	expect("conv1 feature 3");
	harness_keys(&h, "l");
	expect("steps 2 apart");
	harness_keys(&h, "\r");
	expect("of test ("); /* the image screen, and from there back to this image's occlusion */
	harness_keys(&h, "H");
	expect("occlusion  image");
	quit();
}

/* One place of the exported map, computed here from the definition: the mean over all squares that hide the pixel. */
static void the_map_is_the_loss_of_probability(void **state)
{
	static float scores[4];
	struct cs_data_options opening = cs_data_options_default();
	struct cs_tensor images, map;
	struct cs_trace *trace;
	struct cs_dataset *data;
	struct cs_model *model;
	struct cs_h5 *file;
	uint8_t pixels[32 * 32 * 3], hidden[32 * 32 * 3];
	double whole = 0, sum = 0;
	int64_t image;
	int label, count = 0;
	char path[200];

	(void)state;
	start((struct terminal_kind){.columns = 120, .rows = 30});
	harness_keys(&h, "H");
	expect("steps 2 apart");
	harness_settle(&h);
	harness_keys(&h, "e");
	expect("wrote runs/tiny/figures/occlusion-image");
	quit();
	snprintf(path, sizeof path, "%s/runs/tiny/best.hdf5", tiny_directory);
	assert_int_equal(cs_dataset_open(TINY_DATA, &opening, NULL, &data, NULL), CS_OK);
	assert_int_equal(cs_model_load(path, NULL, &model, NULL), CS_OK);
	image = data->split[CS_SPLIT_TEST].images[0];
	label = cs_dataset_label(data, image);
	cs_dataset_pixels(data, image, pixels, NULL);
	cs_tensor_init(&images, CS_SHAPE(1, 32, 32, 3), NULL);
	cs_trace_new(model->network, CS_TRACE_ALL, 1, NULL, &trace, NULL);
	for (int top = -6; top < 28; top += 2) { /* -8/2 = -4 and on in twos; others do not hide (13, 20) anyway */
		for (int left = -4; left < 28; left += 2) {
			double total = 0;
			bool none = top == -6;

			if (none && left > -4)
				continue;
			if (!none && !(13 >= top && 13 < top + 8 && 20 >= left && 20 < left + 8))
				continue;
			memcpy(hidden, pixels, sizeof pixels);
			for (int y = top < 0 ? 0 : top; !none && y < top + 8 && y < 32; y++)
				for (int x = left < 0 ? 0 : left; x < left + 8 && x < 32; x++)
					memset(hidden + 3 * (32 * y + x), 128, 3);
			cs_preprocess_apply(&model->preprocess, hidden, 32 * 32, 3, images.data);
			cs_network_forward(trace, &images);
			memcpy(scores, cs_trace_scores(trace), sizeof scores);
			for (int c = 0; c < 4; c++)
				total += exp((double)scores[c] - (double)scores[label]);
			if (none) {
				whole = 1 / total;
			} else {
				sum += whole - 1 / total;
				count++;
			}
		}
	}
	assert_int_equal(count, 16);
	snprintf(path, sizeof path, "%s/runs/tiny/figures/occlusion-image%lld.hdf5", tiny_directory, (long long)image);
	assert_int_equal(cs_h5_open(path, CS_H5_READ, &file, NULL), CS_OK);
	assert_int_equal(cs_h5_read_tensor(file, "/lost-probability", 1 << 20, &map, NULL), CS_OK);
	assert_true(fabs((double)map.data[13 * 32 + 20] - sum / count) < 1e-4);
	cs_h5_close(file, NULL);
	cs_tensor_fini(&map);
	cs_tensor_fini(&images);
	cs_trace_free(trace);
	cs_model_free(model);
	cs_dataset_close(data);
}

static void the_data_sets_summary_is_made_and_its_pictures_opened(void **state)
{
	(void)state;
	start((struct terminal_kind){.columns = 130, .rows = 40});
	harness_keys(&h, "H\t");
	expect("There is no result of this analysis for this model yet.");
	harness_keys(&h, "r");
	expect("occlusion is done in");
	expect("on the object");
	expect("network");
	expect("decides: probability of the true class");
	harness_keys(&h, "G");
	harness_keys(&h, "\r");
	harness_pump(&h, 500);
	assert_true(harness_has(&h, "this row is no picture") || harness_has(&h, "of test ("));
	quit();
}

static void noise_is_drawn_by_level_and_layer(void **state)
{
	struct terminal_kind kinds[] = {
		{.columns = 132, .rows = 36}, {0}, {.sixel = true, .columns = 100}, {.no_utf8 = true, .term = "vt100"}};

	(void)state;
	for (int i = 0; i < 4; i++) {
		start(kinds[i]);
		harness_keys(&h, "Z");
		if (i == 0) {
			expect("There is no result of this analysis for this model yet.");
			harness_keys(&h, "r");
		}
		expect("gaussian: accuracy");
		if (!kinds[i].sixel) {
			expect("accuracy");
		} else {
			harness_settle(&h);
			assert_int_equal(harness_whole(&h), 2);
		}
		if (i == 0) {
			expect("activation drift");
			expect("reconstruction similarity");
			expect("conv2 ");
		}
		harness_keys(&h, "lll");
		expect("jpeg: accuracy");
		harness_keys(&h, "\t\t\t");
		expect("under Gaussian noise, a row a level");
		expect("each on its own scale");
		harness_resize(&h, 5, 20);
		expect("noise");
		expect("without,"); /* the words, whole */
		harness_resize(&h, 24, 80);
		expect("under Gaussian noise, a row a level");
		harness_keys(&h, "\te");
		expect("wrote runs/tiny/figures/noise-jpeg.csv, and");
		harness_keys(&h, "+"); /* the levels about the middle, in all charts */
		harness_settle(&h);
		expect("jpeg: accuracy");
		harness_keys(&h, "T");
		expect("in words 1/");
		quit();
	}
}

static void the_map_fits_small_screens(void **state)
{
	(void)state;
	start((struct terminal_kind){.no_utf8 = true, .term = "vt100"});
	harness_keys(&h, "H");
	expect("lost of");
	harness_resize(&h, 5, 20);
	expect("occlusion");
	harness_keys(&h, "\t\tlh");
	harness_resize(&h, 24, 80);
	expect("lost of");
	quit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_images_maps_come_coarse_first_and_then_finer),
		cmocka_unit_test(the_map_is_the_loss_of_probability),
		cmocka_unit_test(the_data_sets_summary_is_made_and_its_pictures_opened),
		cmocka_unit_test(noise_is_drawn_by_level_and_layer),
		cmocka_unit_test(the_map_fits_small_screens),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
