/* What was done by hand in the browser is done again by the script it recorded: the program itself, in a terminal and headless. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/tiny.h"

#include "io/file.h"

#include <limits.h>

static struct harness h;
static char program[PATH_MAX];

#define expect(text) assert_true(harness_wait(&h, text, 30))

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

static void quit(void)
{
	harness_keys(&h, "Q");
	assert_int_equal(harness_end(&h, 20), 0);
	harness_close(&h);
}

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...)
{
	char command[3 * PATH_MAX];
	va_list args;
	int used = snprintf(command, sizeof command, "cd '%s' && ", tiny_directory);

	va_start(args, format);
	vsnprintf(command + used, sizeof command - (size_t)used, format, args);
	va_end(args);
	return system(command);
}

/* Keys, and what stands on the screen once they were heeded. */
static void press(const char *keys, const char *then)
{
	harness_keys(&h, keys);
	expect(then);
	harness_settle(&h);
}

static void pictures_are_the_same_again_byte_by_byte(void **state)
{
	static const char *const names[] = {"conv2-projections-page1", "conv2-patches-page1", "shared", "feature", "image",
		"rules", "unit", "filters"};

	(void)state;
	harness_start(&h, (struct terminal_kind){.rows = 40, .columns = 150}, browse, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	expect("silent: features");
	press("2", "fires on");
	press(":record again.lua\r", "recording into again.lua");
	press("e", "wrote convscope-conv2-projections-page1.png");
	press("v", "the patch that the unit sees");
	press(":export convscope-conv2-patches-page1\r", "wrote convscope-conv2-patches-page1.png");
	press("vb=", "one scale for all pictures");
	press(":export convscope-shared\r", "wrote convscope-shared.png");
	press("=\r", "strongest 9 of 32 images");
	press(":export convscope-feature\r", "wrote convscope-feature.png");
	press("\r", "strongest in conv2");
	press("b", "rule guided");
	press(":export convscope-image\r", "wrote convscope-image.png");
	press("B", "rule each");
	press(":export convscope-rules\r", "wrote convscope-rules.png");
	press("B.jjj\033[5~", "under the cursor in conv2");
	press(":export convscope-unit\r", "wrote convscope-unit.png");
	press(".1", "strongest in conv1");
	press("t1vv", "the filters themselves");
	press(":export convscope-filters\r", "wrote convscope-filters.png");
	press(":271827 + 1\r", "271828");
	press(":record\r", "recorded again.lua");
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
	press(":record orders.lua\r", "recording into orders.lua");
	press("2", "fires on");
	press("ooo", "sort: selectivity");
	press(":export convscope-orders\r", "wrote convscope-orders.png");
	press("a", "options of ");
	press("/confusion\r", "options of confusion");
	press("r", "confusion is done in");
	press(":record\r", "recorded orders.lua");
	quit();
	assert_int_equal(shell("mkdir -p by-hand && mv convscope-orders.png runs/tiny/analyses/confusion.csv by-hand/"), 0);
	assert_int_equal(shell("'%s' run orders.lua > said 2>&1 || { cat said orders.lua >&2; false; }", program), 0);
	assert_int_equal(shell("cmp by-hand/convscope-orders.png convscope-orders.png"), 0);
	assert_int_equal(shell("cmp by-hand/confusion.csv runs/tiny/analyses/confusion.csv"), 0);
	/* the order that the script finds is the one that stood on the screen */
	assert_int_equal(shell("sed -n 's/.*sheet:projection(\"conv2-\\([0-9]*\\)\".*/\\1/p' orders.lua | head -10 | xargs > shown && "
			       "sed -n 's/^conv2 by selectivity: //p' said | tail -1 > found && test -s found && diff shown found >&2"),
		0);
}

static void a_script_is_not_written_over(void **state)
{
	(void)state;
	assert_int_equal(shell("echo mine > mine.lua"), 0);
	harness_start(&h, (struct terminal_kind){.columns = 120}, browse, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	press(":record mine.lua\r", "'mine.lua' is there already");
	press(":record /nowhere/at/all.lua\r", "/nowhere/at/all.lua");
	quit();
	assert_int_equal(shell("test \"$(cat mine.lua)\" = mine"), 0);
}

static void tab_completes_names_of_lua_layers_and_paths(void **state)
{
	(void)state;
	harness_start(&h, (struct terminal_kind){.columns = 120}, browse, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	expect("silent: features");
	press(":cs.proj\t", "project  project_layer");
	press("_\t(model, data.test, \"den\t", "\"dense1");
	press("\025model.clas\t", "model.class");
	press("\t", "class_ids  class_name  class_names  classes");
	press("\025open runs/t\t", "open runs/tiny/");
	press("\025#model.layers\r", "6");
	press(":data.test.count\r", "32");
	press(":\033[A\033[A\r", "6"); /* the history */
	quit();
}

static void a_picture_file_is_looked_at_like_an_image(void **state)
{
	(void)state;
	assert_int_equal(shell("cp by-hand/convscope-filters.png photo.png"), 0);
	harness_start(&h, (struct terminal_kind){.rows = 40, .columns = 150}, browse, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	expect("silent: features");
	press("Oph\t\r", "photo.png (a file)");
	press(":record file.lua\r", "recording into");
	press(":export convscope-file\r", "wrote convscope-file.png");
	press(":record\r", "recorded file.lua");
	press("Onone.png\r", "none.png");
	press("l", "(0 of 32)");
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
		cmocka_unit_test(a_script_is_not_written_over),
		cmocka_unit_test(tab_completes_names_of_lua_layers_and_paths),
		cmocka_unit_test(a_picture_file_is_looked_at_like_an_image),
	};

	return cmocka_run_group_tests(tests, set_up, tiny_tear_down);
}
