/* The colour screen, from no result to the features of a layer by channel. The whole program, on a small trained network. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#define ESC "\033"

static void start(struct terminal_kind kind)
{
	play_program(kind, "runs/tiny");
	expect("1 conv1 6");
}

static void without_a_result_one_is_made_from_the_screen(void **state)
{
	(void)state;
	start((struct terminal_kind){.columns = 110, .rows = 30});
	harness_keys(&h, "C");
	expect("There is no result of this analysis for this model yet.");
	expect("[r] starts it");
	harness_keys(&h, "r");
	expect("running");
	expect("colour or shape?  conv1:");
	expect("hue that excites most");
	expect("turquoise car");
	expect("of 6 features (FDR 5 %)");
	harness_keys(&h, "j");
	expect("colour or shape?  conv2:");
	expect("of 20 features (FDR 5 %)");
	harness_keys(&h, "o");
	expect("conv2, most lost without green:");
	harness_keys(&h, "\r");
	expect("conv2  20 features");
	expect("sort: green");
	expect("goes by");
	harness_keys(&h, ESC "T");
	expect("in words 1/");
	quit();
}

static void who_comes_for_the_first_time_is_shown_the_way(void **state)
{
	(void)state;
	start((struct terminal_kind){.columns = 80, .rows = 24});
	expect("[C] colour");
	harness_keys(&h, "?");
	expect("Which feature reacts to red?");
	expect("layer, by what they lose without red.");
	harness_resize(&h, 30, 120); /* written anew for the width, and with the names for the keys file */
	expect("Measure it once; then the features of a layer, by");
	expect("next-pane");
	harness_resize(&h, 24, 46);
	expect("red? Measure it once;");
	harness_keys(&h, ESC "C");
	expect("[r] run");
	quit();
}

static void the_result_is_shown_in_every_kind_of_terminal(void **state)
{
	struct terminal_kind kinds[] = {{0}, {.sixel = true}, {.no_utf8 = true, .term = "vt100"}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		start(kinds[i]);
		harness_keys(&h, "C");
		expect("colour or shape?  conv1:");
		harness_resize(&h, 5, 20);
		expect("conv1: R ");
		harness_resize(&h, 24, 80);
		expect("colour or shape?  conv1:");
		harness_keys(&h, "e");
		expect("wrote runs/tiny/figures/colour-layers.csv");
		quit();
	}
}

static void the_features_that_lose_most_are_shown_as_pictures(void **state)
{
	(void)state;
	start((struct terminal_kind){.columns = 120, .rows = 40, .sixel = true});
	press("C", "colour or shape?  conv1:");
	press("j", "conv2, most lost without red: strongest patch, what of it is seen, answer to the hues");
	expect("turquoise car");
	for (double end = harness_now() + PLAY_SECONDS;
		harness_now() < end && (harness_whole(&h) < 8 || harness_whole(&h) % 2);)
		harness_pump(&h, 50); /* they come one after the other */
	harness_settle(&h);
	assert_int_equal(harness_remnants(&h), 0);
	assert_true(harness_whole(&h) >= 8); /* patches, and as many projections */
	assert_int_equal(harness_whole(&h) % 2, 0);
	for (int i = 0; i < h.picture_count; i++) { /* between the words and the probes */
		if (!h.pictures[i].damaged)
			assert_in_range(h.pictures[i].row, 10, 28);
	}
	press("\033[<0;5;14M\033[<0;5;14m", "strongest 9 of"); /* a press on the first: that feature */
	press("\033", "most lost without red:");
	harness_resize(&h, 24, 80);
	press("o", "conv2, most lost without green: strongest patch, answer to the hues");
	harness_resize(&h, 20, 80); /* no room: in words */
	expect("conv2, most lost without green:  ");
	quit();
}

/* Eight convolutions, each with a batch norm and an activation behind it. */
static void blocks_go_by_the_name_of_their_convolution(void **state)
{
	(void)state;
	assert_int_equal(
		shell("cat >normed.lua <<'END'\n"
		      "local cs = require 'convscope'\n"
		      "return { title = 'eight blocks', training = { epochs = 1 }, network = function(options)\n"
		      "  local spec = { input = options.input }\n"
		      "  for i = 1, 8 do\n"
		      "    spec[#spec + 1] = cs.conv { i == 8 and 5 or 4, 3, padding = 'same', bias = false }\n"
		      "    spec[#spec + 1] = cs.batchnorm {}\n"
		      "    spec[#spec + 1] = cs.activation { 'relu' }\n"
		      "  end\n"
		      "  spec[#spec + 1] = cs.global_avgpool {}\n"
		      "  spec[#spec + 1] = cs.dense { options.classes, activation = 'softmax' }\n"
		      "  return spec\n"
		      "end }\n"
		      "END\n"
		      "'%s' train -m normed.lua --size 16 -d shapes:count=80,size=16,classes=4 -o runs/normed "
		      "--threads 1 "
		      ">said 2>&1",
			getenv("CONVSCOPE")),
		0);
	play_program((struct terminal_kind){.columns = 110, .rows = 40}, "runs/normed");
	expect("8 conv8 5"); /* the model is there */
	press("t", " 8  conv8 ");
	expect("    norm8 ");
	expect("    activation8 ");
	harness_settle(&h);
	press("\t", "conv8      5 ");
	expect("relu + norm");
	press("\t8", "conv8  5 features"); /* the figure, */
	press("\033", " 8  conv8 ");
	press("]]]]]]]\r", "conv8  5 features"); /* seven further than the first, */
	press("\033", " 8  conv8 ");
	press("/conv8\r\r", "conv8  5 features"); /* and by its name */
	press("\r", "conv8 · feature ");
	press("\033C", "There is no result of this analysis");
	press("r", "colour or shape?  conv1:");
	press("jjjjjjj", "colour or shape?  conv8:");
	press("\r", "conv8  5 features");
	expect("sort: red");
	expect("goes by");
	press(":record blocks.lua\r", "recording into blocks.lua");
	press("o", "sort: green");
	harness_settle(&h);
	press(":export convscope-tiles\r", "wrote convscope-tiles.png");
	press("\033\033\033", " 8  conv8 "); /* colour, the layer it was asked for in, the network */
	press("i", "strongest in conv8"); /* the image's last block */
	harness_settle(&h);
	press(":export convscope-panels\r", "wrote convscope-panels.png");
	press(":record\r", "recorded blocks.lua");
	quit();
	/* pictures in exported files, too */
	assert_int_equal(
		shell("grep -aq 'conv8-[0-4]' convscope-tiles.hdf5 && grep -aq 'conv8-feature[0-4]' "
		      "convscope-panels.hdf5 && ! grep -a 'activation8' convscope-tiles.hdf5 convscope-panels.hdf5"),
		0);
	/* and the recorded script finds the block in the result of the analysis, the layer at its end in the network */
	assert_int_equal(
		shell("mkdir by-hand && mv convscope-*.png convscope-*.hdf5 by-hand/ && '%s' run blocks.lua >said 2>&1 "
		      "|| { cat said blocks.lua >&2; false; }",
			getenv("CONVSCOPE")),
		0);
	assert_int_equal(
		shell("grep -q '^conv8 by green: [0-4] [0-4] [0-4] [0-4] [0-4]$' said || { cat said >&2; false; }"), 0);
	assert_int_equal(
		shell("cmp by-hand/convscope-tiles.png convscope-tiles.png && cmp by-hand/convscope-panels.png "
		      "convscope-panels.png"),
		0);
}

static void the_layer_screen_shows_and_sorts_by_colour(void **state)
{
	(void)state;
	start((struct terminal_kind){.columns = 110, .rows = 34});
	harness_keys(&h, "2");
	expect("conv2  20 features");
	harness_settle(&h);
	expect("colour R");
	harness_keys(&h, "ooooo"); /* fires on, mean, selectivity, index, red */
	expect("sort: red");
	quit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_for_the_first_time_is_shown_the_way),
		cmocka_unit_test(without_a_result_one_is_made_from_the_screen),
		cmocka_unit_test(the_result_is_shown_in_every_kind_of_terminal),
		cmocka_unit_test(the_features_that_lose_most_are_shown_as_pictures),
		cmocka_unit_test(the_layer_screen_shows_and_sorts_by_colour),
		cmocka_unit_test(blocks_go_by_the_name_of_their_convolution),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
