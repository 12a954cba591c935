/* Pictures in the browser: what sixel terminals show, compared with the engine's own numbers pixel by pixel; and that nothing
 * is left behind, sent too soon, or sent to terminals that cannot show it.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#include "data/loader.h"
#include "deconv/project.h"
#include "figure/montage.h"
#include "term/show.h"

#define ESC "\033"

static struct cs_model *model;
static struct cs_dataset *data;

static int set_up(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_error error;
	char path[128];

	if (tiny_set_up(state))
		return -1;
	snprintf(path, sizeof path, "%s/runs/tiny/best.hdf5", tiny_directory);
	options.width = options.height = 32;
	return cs_model_load(path, NULL, &model, &error) || cs_dataset_open(TINY_DATA, &options, NULL, &data, &error)
		? -1
		: 0;
}

static int tear_down(void **state)
{
	cs_model_free(model);
	cs_dataset_close(data);
	return tiny_tear_down(state);
}

static void start(struct terminal_kind kind)
{
	play(kind, "runs/tiny/best.hdf5");
}

/* True within 15 seconds: a busy machine draws late. */
#define soon(condition) \
	do { \
		double until = harness_now() + 15; \
\
		while (!(condition) && harness_now() < until) \
			harness_pump(&h, 20); \
		assert_true(condition); \
	} while (0)

/* The smallest difference of any whole picture on the screen to `picture`, magnified as that one is. */
static double closest(const struct cs_picture *picture)
{
	double best = 255;

	for (int i = 0; i < h.picture_count; i++) {
		struct cs_picture scaled = {0};
		double difference;

		if (h.pictures[i].damaged || h.pictures[i].width < picture->width)
			continue;
		assert_int_equal(
			cs_picture_resize(picture, h.pictures[i].width, h.pictures[i].height, false, &scaled, NULL),
			CS_OK);
		difference = harness_difference(&h.pictures[i], &scaled);
		best = difference < best ? difference : best;
		cs_picture_fini(&scaled);
	}
	return best;
}

static struct cs_picture image_picture(int64_t position)
{
	struct cs_picture picture = {0};

	assert_int_equal(cs_picture_init(&picture, 32, 32, NULL), CS_OK);
	assert_int_equal(
		cs_dataset_pixels(data, data->split[CS_SPLIT_TEST].images[position], picture.rgb, NULL), CS_OK);
	return picture;
}

/* The strongest feature of a layer on an image, projected back, drawn on its own scale: by the engine alone. */
static struct cs_picture projected(int64_t position, const char *layer, const char *rule_name)
{
	int64_t image = data->split[CS_SPLIT_TEST].images[position];
	struct cs_target target = {.layer = cs_network_find(model->network, layer), .at = CS_AT_MAX};
	struct cs_scale scale = {.kind = CS_SCALE_OWN};
	struct cs_picture picture = {0};
	struct cs_batch batch = {0};
	struct cs_tensor out = {0}, one;
	struct cs_trace *trace;
	struct cs_rule rule;
	float best = -1;

	assert_int_equal(cs_loader_read(data, &image, 1, 3, &model->preprocess, &batch, NULL), CS_OK);
	assert_int_equal(cs_trace_new(model->network, CS_TRACE_ALL, 1, NULL, &trace, NULL), CS_OK);
	cs_network_forward(trace, &batch.images);
	for (int64_t f = 0; f < model->network->layers[target.layer].out.dim[2]; f++) {
		int64_t row, column;
		float value;

		cs_strongest(trace, target.layer, 0, f, &row, &column, &value);
		if (value > best) {
			best = value;
			target.feature = f;
		}
	}
	assert_int_equal(cs_rule_parse(rule_name, &rule, NULL), CS_OK);
	assert_int_equal(cs_tensor_init(&out, CS_SHAPE(1, 32, 32, 3), NULL), CS_OK);
	assert_int_equal(cs_project(trace, &target, 1, rule, &out, NULL, NULL, NULL), CS_OK);
	one = cs_tensor_view(out.data, CS_SHAPE(32, 32, 3));
	assert_int_equal(cs_montage_image(&one, scale, cs_colormap_find("diverging"), &picture, NULL, NULL), CS_OK);
	cs_tensor_fini(&out);
	cs_trace_free(trace);
	cs_batch_fini(&batch);
	return picture;
}

static void the_image_and_its_projections_are_shown_pixel_by_pixel(void **state)
{
	struct cs_picture input = image_picture(3), other = image_picture(4),
			  deconvnet = projected(3, "conv2", "deconvnet"), guided = projected(3, "conv2", "guided"),
			  first = projected(3, "conv1", "deconvnet");

	(void)state;
	start((struct terminal_kind){.sixel = true, .rows = 36, .columns = 120});
	expect("network  tiny");
	expect("silent: features");
	harness_keys(&h, "illl");
	expect("(3 of 32)");
	harness_settle(&h);
	soon(closest(&input) < 6); /* 64 colours and percentages stand between */
	soon(closest(&deconvnet) < 6);
	soon(closest(&first) < 6);
	assert_true(closest(&other) > 10); /* the comparison can fail */
	harness_keys(&h, "bb");
	expect("rule guided");
	harness_settle(&h);
	soon(closest(&guided) < 6);
	soon(harness_remnants(&h) == 0);
	quit();
	cs_picture_fini(&input);
	cs_picture_fini(&other);
	cs_picture_fini(&deconvnet);
	cs_picture_fini(&guided);
	cs_picture_fini(&first);
}

static void nothing_of_a_picture_stays_behind(void **state)
{
	int whole;

	(void)state;
	start((struct terminal_kind){.sixel = true, .rows = 32, .columns = 100});
	expect("network  tiny");
	expect("silent: features");
	harness_keys(&h, "2");
	expect("fires on");
	harness_settle(&h);
	soon(harness_whole(&h) == 20); /* every feature */
	whole = harness_whole(&h);
	soon(harness_remnants(&h) == 0);
	for (int i = 0; i < 3; i++) {
		harness_keys(&h, "?");
		expect("help · keys");
		harness_settle(&h);
		soon(harness_whole(&h) == 0);
		soon(harness_remnants(&h) == 0);
		harness_keys(&h, ESC);
		expect("fires on");
		harness_settle(&h);
		soon(harness_whole(&h) == whole); /* all are sent again */
	}
	for (const char *key = "\r\033v+-]\r\033i lak\tt2="; *key; key++) {
		harness_keys(&h, (char[]){*key, '\0'});
		harness_pump(&h, 120);
	}
	harness_settle(&h);
	soon(harness_remnants(&h) == 0);
	quit();
}

static void the_next_picture_waits_for_the_terminals_answer(void **state)
{
	struct cs_picture last = image_picture(5), passed = image_picture(3);
	long seen;

	(void)state;
	start((struct terminal_kind){.sixel = true});
	expect("network  tiny");
	expect("silent: features");
	harness_keys(&h, "i");
	expect("(0 of 32)");
	harness_settle(&h);
	h.kind.hold_answers = true;
	harness_keys(&h, "l");
	expect("(1 of 32)");
	harness_pump(&h, 400);
	seen = h.pictures_seen;
	harness_keys(&h, "llll");
	expect("(5 of 32)"); /* text goes on */
	harness_pump(&h, 700);
	assert_int_equal(h.pictures_seen, seen);
	assert_true(closest(&last) > 10);
	h.kind.hold_answers = false;
	harness_let_go(&h);
	harness_settle(&h);
	soon(closest(&last) < 6); /* the newest came, */
	assert_true(h.pictures_seen - seen <= 12); /* those between were dropped */
	assert_true(closest(&passed) > 10);
	quit();
	cs_picture_fini(&last);
	cs_picture_fini(&passed);
}

static void terminals_without_sixel_never_get_any(void **state)
{
	(void)state;
	start((struct terminal_kind){0});
	expect("network  tiny");
	harness_keys(&h, "2");
	expect("fires on");
	harness_settle(&h);
	assert_int_equal(h.pictures_seen, 0);
	assert_true(harness_has(&h, "▀") || harness_has(&h, "▄") || harness_has(&h, "▌"));
	quit();
}

static void the_size_of_a_cell_is_had_from_the_window_where_the_terminal_does_not_say(void **state)
{
	(void)state;
	start((struct terminal_kind){.sixel = true, .silent_size = true});
	expect("network  tiny");
	harness_keys(&h, "2");
	expect("fires on");
	harness_settle(&h);
	soon(harness_whole(&h) > 0);
	soon(harness_remnants(&h) == 0);
	quit();
}

static void pictures_come_again_after_a_resize(void **state)
{
	struct cs_picture input = image_picture(0);

	(void)state;
	start((struct terminal_kind){.sixel = true});
	expect("network  tiny");
	expect("silent: features");
	harness_keys(&h, "i");
	expect("(0 of 32)");
	harness_settle(&h);
	harness_resize(&h, 40, 130);
	harness_pump(&h, 300);
	harness_settle(&h);
	soon(closest(&input) < 6);
	soon(harness_remnants(&h) == 0);
	quit();
	cs_picture_fini(&input);
}

static struct cs_picture flag(void)
{
	struct cs_picture picture = {0};

	assert_int_equal(cs_picture_init(&picture, 24, 12, NULL), CS_OK);
	for (int i = 0; i < 24 * 12; i++) {
		picture.rgb[3 * i] = (uint8_t)(i % 24 < 8 ? 200 : 20);
		picture.rgb[3 * i + 1] = (uint8_t)(i % 24 < 16 ? 40 : 230);
		picture.rgb[3 * i + 2] = (uint8_t)(i / 24 * 21);
	}
	return picture;
}

static int show(void *context)
{
	struct cs_picture picture = flag();
	struct cs_error error;
	enum cs_status status = cs_show_picture(&picture, NULL, &error);

	(void)context;
	cs_picture_fini(&picture);
	if (status)
		fprintf(stderr, "%s\n", error.message);
	else
		printf("below it\n");
	return status ? 1 : 0;
}

static void one_picture_is_drawn_without_the_browser(void **state)
{
	struct cs_picture picture = flag();

	(void)state;
	harness_start(&h, (struct terminal_kind){.sixel = true}, show, NULL);
	assert_int_equal(harness_end(&h, 10), 0);
	assert_int_equal(h.pictures_seen, 1);
	assert_true(closest(&picture) < 1.5); /* exact but for the percentages that sixel counts colours in */
	harness_close(&h);
	harness_start(&h, (struct terminal_kind){0}, show, NULL);
	assert_int_equal(harness_end(&h, 10), 0);
	assert_int_equal(h.pictures_seen, 0);
	assert_true(harness_has(&h, "below it"));
	harness_close(&h);
	harness_start(&h, (struct terminal_kind){.term = "dumb", .stderr_too = true}, show, NULL);
	assert_int_equal(harness_end(&h, 10), 1);
	assert_true(harness_has(&h, "TERM=dumb cannot show pictures"));
	harness_close(&h);
	cs_picture_fini(&picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_image_and_its_projections_are_shown_pixel_by_pixel),
		cmocka_unit_test(nothing_of_a_picture_stays_behind),
		cmocka_unit_test(the_next_picture_waits_for_the_terminals_answer),
		cmocka_unit_test(terminals_without_sixel_never_get_any),
		cmocka_unit_test(the_size_of_a_cell_is_had_from_the_window_where_the_terminal_does_not_say),
		cmocka_unit_test(pictures_come_again_after_a_resize),
		cmocka_unit_test(one_picture_is_drawn_without_the_browser),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
