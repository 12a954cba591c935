/* What was done by hand in the browser is done again by the script it recorded: the program itself, in a terminal and headless. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#include "io/file.h"

#include <limits.h>

static char program[PATH_MAX];

static int set_up(void **state)
{
	const char *source = getenv("CS_SOURCE_DIR");
	char lua[PATH_MAX];

	if (!realpath("convscope", program))
		return -1;
	if (source && realpath(source, lua) && strlen(lua) + 5 < sizeof lua)
		setenv("CONVSCOPE_LUA", strcat(lua, "/lua"), 1);
	return tiny_set_up(state);
}

/* The program itself, on `context`. */
static int browse(void *context)
{
	if (chdir(tiny_directory) == 0)
		execl(program, program, "browse", (const char *)context, "--threads", "1", (char *)NULL);
	return 99;
}

/* Keys, and what stands on the screen once they were heeded. */
static void perform(const char *keys, const char *then)
{
	harness_keys(&h, keys);
	expect(then);
	harness_settle(&h);
}

static void pictures_are_the_same_again_byte_by_byte(void **state)
{
	static const char *const names[] = {"conv2-projections-page1", "conv2-patches-page1", "shared", "feature",
		"image", "rules", "unit", "filters"};

	(void)state;
	harness_start(&h, (struct terminal_kind){.rows = 40, .columns = 150}, browse, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	expect("silent: features");
	perform("2", "fires on");
	perform(":record again.lua\r", "recording into again.lua");
	perform("e", "wrote convscope-conv2-projections-page1.png");
	perform("v", "the patch that the unit sees");
	perform(":export convscope-conv2-patches-page1\r", "wrote convscope-conv2-patches-page1.png");
	perform("vb=", "one scale for all pictures");
	perform(":export convscope-shared\r", "wrote convscope-shared.png");
	perform("=\r", "strongest 9 of 32 images");
	perform(":export convscope-feature\r", "wrote convscope-feature.png");
	perform("\r", "strongest in conv2");
	perform("b", "rule guided");
	perform(":export convscope-image\r", "wrote convscope-image.png");
	perform("B", "rule each");
	perform(":export convscope-rules\r", "wrote convscope-rules.png");
	perform("B.jjj\033[5~", "under the cursor in conv2");
	perform(":export convscope-unit\r", "wrote convscope-unit.png");
	perform(".1", "strongest in conv1");
	perform("t1vv", "the filters themselves");
	perform(":export convscope-filters\r", "wrote convscope-filters.png");
	perform(":271827 + 1\r", "271828");
	perform(":record\r", "recorded again.lua");
	quit();
	assert_int_equal(shell("mkdir by-hand && mv convscope-* by-hand/"), 0);
	assert_int_equal(shell("'%s' run again.lua > said 2>&1 || { cat said again.lua >&2; false; }", program), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_int_equal(shell("cmp by-hand/convscope-%s.png convscope-%s.png", names[i], names[i]), 0);
		assert_int_equal(shell("test -s convscope-%s.hdf5", names[i]), 0);
	}
	assert_int_equal(shell("grep -qx 271828 said"), 0); /* the line that was typed */
}

static void analyses_and_orders_are_done_again(void **state)
{
	(void)state;
	harness_start(&h, (struct terminal_kind){.rows = 40, .columns = 150}, browse, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	expect("silent: features that fire on none of 32 images"); /* all were looked at: the order stays as it is */
	perform(":record orders.lua\r", "recording into orders.lua");
	perform("2", "fires on");
	perform("ooo", "sort: selectivity");
	perform(":export convscope-orders\r", "wrote convscope-orders.png");
	perform("a", "options of ");
	perform("/confusion\r", "options of confusion");
	perform("r", "confusion is done in");
	perform(":record\r", "recorded orders.lua");
	quit();
	assert_int_equal(
		shell("mkdir -p by-hand && mv convscope-orders.png runs/tiny/analyses/confusion.csv by-hand/"), 0);
	assert_int_equal(shell("'%s' run orders.lua > said 2>&1 || { cat said orders.lua >&2; false; }", program), 0);
	assert_int_equal(shell("cmp by-hand/convscope-orders.png convscope-orders.png"), 0);
	assert_int_equal(shell("cmp by-hand/confusion.csv runs/tiny/analyses/confusion.csv"), 0);
	/* the order that the script finds is the one that stood on the screen */
	assert_int_equal(shell("sed -n 's/.*sheet:projection(\"conv2-\\([0-9]*\\)\".*/\\1/p' orders.lua | head -10 | "
			       "xargs > shown && "
			       "sed -n 's/^conv2 by selectivity: //p' said | tail -1 > found && test -s found && diff "
			       "shown found >&2"),
		0);
}

/* The files of both directories are the same, byte by byte, and there are so many of them. */
static void assert_done_again(const char *script, int files)
{
	assert_int_equal(shell("rm -rf first && mkdir first && mv convscope-* first/"), 0);
	assert_int_equal(shell("'%s' run %s > said 2>&1 || { cat said %s >&2; false; }", program, script, script), 0);
	assert_int_equal(shell("for f in first/*; do cmp $f $(basename $f) || exit 1; done >&2"), 0);
	assert_int_equal(shell("ls first >&2; test $(ls first | wc -l) = %d", files), 0);
	assert_int_equal(shell("rm convscope-*"), 0);
}

static void tables_and_figures_are_the_same_again(void **state)
{
	(void)state;
	assert_int_equal(shell("rm -f convscope-*"), 0);
	assert_int_equal(shell("cp -r runs/tiny runs/other && sed -i 's/\"seed\": *[0-9]*/\"seed\": 77/' "
			       "runs/other/config.json; true"),
		0);
	harness_start(&h, (struct terminal_kind){.rows = 40, .columns = 150}, browse, (char[]){"runs"});
	expect("2 runs");
	perform(":record tables.lua\r", "recording into tables.lua");
	perform("oO", "sort: model");
	perform(":export convscope-runs\r", "wrote convscope-runs.csv");
	perform("/other\r", "other");
	perform("m/tiny\rm\r", "2 runs: ");
	perform(":export convscope-both\r", "wrote convscope-both-accuracy.png");
	perform("MSy", "logarithmic");
	perform(":export convscope-apart\r", "wrote convscope-apart-accuracy.png");
	perform("\033", "2 runs");
	harness_keys(&h, "mgm/tiny\r\r:export convscope-early\r"); /* in one go, before anything of it can be read */
	expect("the history is still being read");
	perform("", "done · 3 of 3 epochs"); /* it was read: its title alone is there before */
	perform(":export convscope-run\r", "wrote convscope-run-accuracy.png");
	perform("t", "silent: features that fire on none of 32 images");
	perform(":export convscope-network\r", "wrote convscope-network.csv");
	perform("Ioooo", "sort: random");
	perform(":export convscope-images\r", "wrote convscope-images.csv");
	perform("x", "most often taken for another");
	perform("o", "by error");
	perform(":export convscope-confusion\r", "wrote convscope-confusion.csv");
	perform("I&re\r", "class: re");
	perform("oo", "sort: class");
	perform(":export convscope-reds\r", "wrote convscope-reds.csv");
	perform("H", "steps 2 apart");
	perform(":export convscope-evidence\r", "wrote convscope-evidence.png");
	perform(":record\r", "recorded tables.lua");
	quit();
	assert_done_again("tables.lua", 27);
}

static void results_of_analyses_are_exported_again(void **state)
{
	(void)state;
	assert_int_equal(shell("rm -f convscope-*"), 0);
	assert_int_equal(shell("'%s' analyze colour runs/tiny --threads 1 --set images=12 >said 2>&1", program), 0);
	assert_int_equal(
		shell("'%s' analyze noise runs/tiny -o runs/tiny/analyses --threads 1 --set images=12 >said 2>&1",
			program),
		0);
	harness_start(&h, (struct terminal_kind){.rows = 40, .columns = 150}, browse, (char[]){"runs/tiny"});
	expect("1 conv1 6");
	perform(":record results.lua\r", "recording into results.lua");
	perform("C", "colour or shape?");
	perform(":export convscope-colour\r", "wrote convscope-colour.csv");
	perform("\r", "sort: red");
	perform("o", "sort: green");
	perform(":export convscope-green\r", "wrote convscope-green.png");
	perform("C", "colour or shape?");
	perform("T", "in words 1/");
	perform("\tloo", "smallest first");
	perform(":export convscope-table\r", "wrote convscope-table.csv");
	perform("\t", " 3/");
	perform(":export convscope-figure\r", "wrote convscope-figure.png");
	perform("Z", "accuracy");
	perform("l", "without");
	perform(":export convscope-noise\r", "wrote convscope-noise.csv");
	perform("T", "in words 1/");
	perform("\t\t\t\t", " 5/");
	perform(":export convscope-part\r", "wrote convscope-part.png");
	perform("\t\t\t\t", " 9/9");
	perform(":export convscope-mosaic\r", "wrote convscope-mosaic.png");
	perform(":record\r", "recorded results.lua");
	quit();
	assert_int_equal(shell("grep -q '^  local order = assert(cs.exports.colour_order' results.lua"), 0);
	assert_done_again("results.lua", 17);
}

static void two_models_are_compared_again(void **state)
{
	(void)state;
	assert_int_equal(shell("rm -f convscope-*"), 0);
	harness_start(&h, (struct terminal_kind){.rows = 40, .columns = 150}, browse, (char[]){"runs"});
	expect("2 runs");
	perform("/other\rm/tiny\rm", "marked");
	perform(":record compare.lua\r", "recording into compare.lua");
	perform("x", " 32 test images");
	perform(":export convscope-compare\r", "wrote convscope-compare.csv");
	perform(":record\r", "recorded compare.lua");
	quit();
	assert_done_again("compare.lua", 1); /* both are the same model: neither gained a picture */
}

static void a_script_is_not_written_over(void **state)
{
	(void)state;
	assert_int_equal(shell("echo mine > mine.lua"), 0);
	harness_start(&h, (struct terminal_kind){.columns = 120}, browse, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	perform(":record mine.lua\r", "'mine.lua' is there already");
	perform(":record /nowhere/at/all.lua\r", "/nowhere/at/all.lua");
	quit();
	assert_int_equal(shell("test \"$(cat mine.lua)\" = mine"), 0);
}

static void tab_completes_names_of_lua_layers_and_paths(void **state)
{
	(void)state;
	harness_start(&h, (struct terminal_kind){.columns = 120}, browse, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	expect("silent: features");
	perform(":cs.proj\t", "project  project_layer");
	perform("_\t(model, data.test, \"den\t", "\"dense1");
	perform("\025model.clas\t", "model.class");
	perform("\t", "class_ids  class_name  class_names  classes");
	perform("\025open runs/t\t", "open runs/tiny/");
	perform("\025#model.layers\r", "6");
	perform(":data.test.count\r", "32");
	perform(":\033[A\033[A\r", "6"); /* the history */
	harness_resize(&h, 24, 80);
	perform(":cs.\t", "activation  adam  "); /* more than a row holds */
	expect("write_file  zeropad");
	perform("\025", "[?] help"); /* the hints again */
	perform("cs.\t", "write_file  zeropad");
	harness_resize(&h, 5, 20);
	expect("activation  adam  …");
	press("\033", "network  tiny");
	quit();
}

static void a_picture_file_is_looked_at_like_an_image(void **state)
{
	(void)state;
	assert_int_equal(shell("cp by-hand/convscope-filters.png photo.png"), 0);
	harness_start(&h, (struct terminal_kind){.rows = 40, .columns = 150}, browse, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	expect("silent: features");
	perform("Oph\t\r", "photo.png (a file)");
	perform(":record file.lua\r", "recording into");
	perform(":export convscope-file\r", "wrote convscope-file.png");
	perform(":record\r", "recorded file.lua");
	perform("Onone.png\r", "none.png");
	perform("l", "(0 of 32)");
	quit();
	assert_int_equal(shell("mv convscope-file.png by-hand/"), 0);
	assert_int_equal(shell("'%s' run file.lua", program), 0);
	assert_int_equal(shell("cmp by-hand/convscope-file.png convscope-file.png"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures_are_the_same_again_byte_by_byte),
		cmocka_unit_test(analyses_and_orders_are_done_again),
		cmocka_unit_test(tables_and_figures_are_the_same_again),
		cmocka_unit_test(results_of_analyses_are_exported_again),
		cmocka_unit_test(two_models_are_compared_again),
		cmocka_unit_test(a_script_is_not_written_over),
		cmocka_unit_test(tab_completes_names_of_lua_layers_and_paths),
		cmocka_unit_test(a_picture_file_is_looked_at_like_an_image),
	};

	cmocka_set_test_filter(getenv("CS_RECORD_TEST"));
	return cmocka_run_group_tests(tests, set_up, tiny_tear_down);
}
