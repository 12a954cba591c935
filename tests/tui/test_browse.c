/* The browser's screens, driven by keys and read as text, in terminals with and without pictures. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#define ESC "\033"

static void without_a_target_the_newest_run_comes_up(void **state)
{
	(void)state;
	play((struct terminal_kind){0}, NULL);
	expect("convscope  runs/tiny");
	expect("done · 3 of 3 epochs");
	expect("accuracy, %");
	expect("layers");
	expect("1 conv1 6  2 conv2 20  3 dense1 4");
	harness_keys(&h, ESC);
	expect("1 run · sort: written");
	expect("tiny");
	harness_keys(&h, ESC); /* back from the first screen: the end */
	assert_int_equal(harness_end(&h, 10), 0);
	harness_close(&h);
}

static void the_layer_table_says_what_each_layer_is(void **state)
{
	(void)state;
	play((struct terminal_kind){.columns = 110}, "runs/tiny/best.hdf5");
	expect("network  tiny");
	expect("28×28×6");
	expect("456"); /* parameters of conv1: 5 x 5 x 3 x 6 + 6 */
	expect("5×5"); /* what it sees */
	expect("10×10"); /* and conv2: 5 + (3 - 1) * 2 and the pool's one: 5+1+2*2 */
	expect("softmax");
	expect("silent: features that fire on none of");
	quit();
}

static void every_screen_is_reached_by_keys(void **state)
{
	struct terminal_kind kinds[] = {{0}, {.sixel = true}, {.rows = 40, .columns = 132, .sixel = true}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		play(kinds[i], "runs/tiny");
		expect("1 conv1 6");
		harness_keys(&h, "\r");
		expect("network  tiny");
		harness_keys(&h, "2");
		expect("conv2  20 features");
		expect("strongest image, projected back");
		harness_settle(&h);
		expect("strongest");
		expect("fires on");
		harness_keys(&h, "\r");
		expect("conv2 · feature");
		expect("strongest 9 of 32 images");
		harness_settle(&h);
		harness_keys(&h, "\r");
		expect("of test (");
		expect("input");
		expect("strongest in conv2");
		expect("scale ±");
		harness_keys(&h, "?");
		expect("help · keys of the image screen");
		expect("the wrong ones, the most confident first");
		harness_keys(&h, ESC);
		expect("strongest in conv2");
		harness_keys(&h, "t"); /* straight back to the table */
		expect("network  tiny");
		quit();
	}
}

static void esc_goes_back_step_by_step(void **state)
{
	(void)state;
	play((struct terminal_kind){0}, "runs/tiny");
	expect("1 conv1 6");
	harness_keys(&h, "\r");
	expect("network  tiny");
	harness_keys(&h, "3");
	expect("dense1  4 units");
	harness_keys(&h, ESC);
	expect("network  tiny");
	harness_keys(&h, ESC);
	expect("accuracy, %");
	quit();
}

static void layers_change_with_brackets_and_figures(void **state)
{
	(void)state;
	play((struct terminal_kind){0}, "runs/tiny/best.hdf5");
	expect("network  tiny");
	harness_keys(&h, "1");
	expect("conv1  6 features");
	harness_keys(&h, "]");
	expect("conv2  20 features");
	harness_keys(&h, "]");
	expect("dense1  4 units");
	harness_keys(&h, "[[");
	expect("conv1  6 features");
	harness_keys(&h, "9");
	expect("there are 3 layers with features");
	harness_keys(&h, "vv"); /* projections, patches, filters: it is a first layer */
	expect("the filters themselves");
	quit();
}

static void rule_signal_and_scale_hold_on_every_screen(void **state)
{
	(void)state;
	play((struct terminal_kind){0}, "runs/tiny/best.hdf5");
	expect("network  tiny");
	harness_keys(&h, "2");
	expect("rule deconvnet · signal value");
	harness_keys(&h, "b");
	expect("rule gradient · signal value");
	harness_keys(&h, "s=");
	expect("rule gradient · signal one · one scale");
	harness_keys(&h, "i");
	expect("the feature's strongest position · rule gradient · signal one · one scale");
	harness_keys(&h, "a");
	expect("the feature's whole map");
	harness_keys(&h, "a");
	expect("the whole layer");
	expect("all 20 features");
	quit();
}

static void finding_goes_to_numbers_and_names(void **state)
{
	(void)state;
	play((struct terminal_kind){0}, "runs/tiny/best.hdf5");
	expect("network  tiny");
	harness_keys(&h, "2");
	expect("20 features");
	harness_settle(&h);
	harness_keys(&h, "/13\r");
	expect("feature 13");
	harness_keys(&h, "/20\r");
	expect("no feature '20': expected 0 to 19");
	harness_keys(&h, "i");
	expect("input");
	harness_keys(&h, "/f7\r");
	expect("feature 7");
	harness_keys(&h, "/nonesuch\r");
	expect("no class is called 'nonesuch'");
	quit();
}

static void esc_and_an_arrow_right_behind_it_are_two_keys(void **state)
{
	(void)state;
	play((struct terminal_kind){0}, "runs/tiny/best.hdf5");
	expect("network  tiny");
	press("?", "help · keys of the network screen");
	press("\033\033[B\r", "pool1  6 features"); /* back, a row further, in */
	press("?\033\033[?62;22c\033", "network  tiny"); /* and Esc as the terminal answers */
	quit();
}

static void images_are_chosen_by_key(void **state)
{
	(void)state;
	play((struct terminal_kind){0}, "runs/tiny/best.hdf5");
	expect("network  tiny");
	expect("silent: features");
	harness_keys(&h, "i");
	expect("(0 of 32)");
	harness_keys(&h, "l");
	expect("(1 of 32)");
	harness_keys(&h, "G");
	expect("(31 of 32)");
	harness_keys(&h, "g");
	expect("(0 of 32)");
	harness_keys(&h, "h");
	expect("(0 of 32)"); /* there is none before the first */
	harness_settle(&h);
	harness_keys(&h, "j");
	harness_keys(&h, "\t");
	expect("strongest in dense1");
	quit();
}

static void lua_answers_in_the_status_line_or_on_a_screen(void **state)
{
	(void)state;
	play((struct terminal_kind){0}, "runs/tiny");
	expect("1 conv1 6");
	harness_keys(&h, ":1 + 1\r");
	expect("you said 1 + 1");
	harness_keys(&h, ":long\r");
	expect("third line");
	harness_keys(&h, ESC);
	expect("accuracy, %");
	harness_keys(&h, ":fail\r");
	expect("line 1: it failed as asked");
	harness_keys(&h, ":\033[A\033[A\r"); /* the line before the last again, from the history */
	expect("third line");
	quit();
}

static void export_writes_pictures_and_numbers(void **state)
{
	char path[160];

	(void)state;
	play((struct terminal_kind){.columns = 120}, "runs/tiny");
	expect("1 conv1 6");
	harness_keys(&h, "e");
	expect("wrote runs/tiny/figures/curves-accuracy.png");
	harness_keys(&h, "2");
	expect("20 features");
	harness_settle(&h);
	harness_keys(&h, "e");
	expect("wrote runs/tiny/figures/conv2-projections-page1.png and .hdf5");
	snprintf(path, sizeof path, "%s/runs/tiny/figures/conv2-projections-page1.png", tiny_directory);
	assert_int_equal(access(path, R_OK), 0);
	snprintf(path, sizeof path, "%s/runs/tiny/figures/conv2-projections-page1.hdf5", tiny_directory);
	assert_int_equal(access(path, R_OK), 0);
	quit();
}

static void keys_can_be_changed_in_a_file(void **state)
{
	char path[160];
	FILE *file;

	(void)state;
	snprintf(path, sizeof path, "%s/convscope", tiny_directory);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/convscope/keys", tiny_directory);
	file = fopen(path, "w");
	fputs("# my keys\nrule x F5\nquit Z\nnonsense y\n", file);
	fclose(file);
	play((struct terminal_kind){0}, "runs/tiny/best.hdf5");
	expect("convscope/keys:4: no action 'nonsense'");
	expect("network  tiny");
	harness_keys(&h, "2");
	expect("rule deconvnet");
	harness_keys(&h, "b"); /* no longer means anything */
	harness_keys(&h, "x");
	expect("rule gradient");
	harness_keys(&h, "Z");
	assert_int_equal(harness_end(&h, 10), 0);
	harness_close(&h);
	unlink(path);
}

static void a_run_that_is_removed_is_said_to_be_gone(void **state)
{
	char command[200];

	(void)state;
	snprintf(command, sizeof command, "cp -r %s/runs/tiny %s/runs/brief", tiny_directory, tiny_directory);
	assert_int_equal(system(command), 0);
	play((struct terminal_kind){0}, "runs/brief");
	expect("1 conv1 6");
	snprintf(command, sizeof command, "rm -rf %s/runs/brief", tiny_directory);
	assert_int_equal(system(command), 0);
	expect("this run was removed");
	quit();
}

static void missing_images_are_replaced_by_shapes_with_a_word(void **state)
{
	struct cs_model *model;
	struct cs_error error;
	char path[160];

	(void)state;
	snprintf(path, sizeof path, "%s/runs/tiny/best.hdf5", tiny_directory);
	assert_int_equal(cs_model_load(path, NULL, &model, &error), CS_OK);
	assert_int_equal(cs_model_set_dataset(model, "/nowhere/at/all.zip", &error), CS_OK);
	snprintf(path, sizeof path, "%s/orphan.h5", tiny_directory);
	assert_int_equal(cs_model_save(model, path, &error), CS_OK);
	cs_model_free(model);
	play((struct terminal_kind){.columns = 160}, "orphan.h5");
	expect("network  tiny");
	expect("showing shapes instead");
	quit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_target_the_newest_run_comes_up),
		cmocka_unit_test(the_layer_table_says_what_each_layer_is),
		cmocka_unit_test(every_screen_is_reached_by_keys),
		cmocka_unit_test(esc_goes_back_step_by_step),
		cmocka_unit_test(layers_change_with_brackets_and_figures),
		cmocka_unit_test(rule_signal_and_scale_hold_on_every_screen),
		cmocka_unit_test(finding_goes_to_numbers_and_names),
		cmocka_unit_test(esc_and_an_arrow_right_behind_it_are_two_keys),
		cmocka_unit_test(images_are_chosen_by_key),
		cmocka_unit_test(lua_answers_in_the_status_line_or_on_a_screen),
		cmocka_unit_test(export_writes_pictures_and_numbers),
		cmocka_unit_test(keys_can_be_changed_in_a_file),
		cmocka_unit_test(a_run_that_is_removed_is_said_to_be_gone),
		cmocka_unit_test(missing_images_are_replaced_by_shapes_with_a_word),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
