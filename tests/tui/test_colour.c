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
		expect("colour");
		harness_resize(&h, 24, 80);
		expect("colour or shape?  conv1:");
		harness_keys(&h, "e");
		expect("wrote runs/tiny/figures/colour-layers.csv");
		quit();
	}
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
		cmocka_unit_test(the_layer_screen_shows_and_sorts_by_colour),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
