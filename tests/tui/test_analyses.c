/* Analyses in the browser: the whole program, Lua included, on a small trained network. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#include <errno.h>

#define ESC "\033"

static void start(struct terminal_kind kind)
{
	play_program(kind, "runs/tiny");
	expect("1 conv1 6");
}

/* An analysis of the user's own, in the user's own directory. */
static void write_analysis(const char *name, const char *text)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof path, "%s/convscope", tiny_directory);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/convscope/analyses", tiny_directory);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/convscope/analyses/%s.lua", tiny_directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char mine[] =
	"local cs = require 'convscope'\n"
	"return { title = 'an analysis of my own', options = { rows = 7, word = 'plum' },\n"
	"  run = function(job, net, data, opt)\n"
	"    print('this must not reach the screen')\n"
	"    local result = cs.result { 'what', 'how much' }\n"
	"    for i = 1, opt.rows do result:add(opt.word .. i, i * i) end\n"
	"    result:note('a sentence about ' .. opt.word)\n"
	"    result:plot('curve', cs.plot { title = 'my curve', series = { { name = 'up', y = { 1, 2, 4, 8 } } } })\n"
	"    result:plot('bars', cs.plot { title = 'my bars', categories = { 'left', 'right' }, series = { { kind = "
	"'bars', y = { 3, 5 } } } })\n"
	"    result:plot('heat', cs.plot { title = 'my heat', cells = cs.tensor { { 0, 1 }, { 2, 9 } } })\n"
	"    result:mosaic('tiles', cs.tensor({ 6, 8, 8, 3 }, 0.5))\n"
	"    return result\n"
	"  end }\n";

static const char endless[] =
	"return { title = 'it never ends', options = {}, run = function(job)\n"
	"  local n = 0\n"
	"  while true do n = n + 1 if n % 100000 == 0 then job:progress(0.25, 'a quarter') end end\n"
	"end }\n";

static int set_up(void **state)
{
	int failed = tiny_set_up(state);

	if (!failed) {
		write_analysis("aaa-mine", mine);
		write_analysis("bbb-endless", endless);
		write_analysis("ccc-broken", "return { title = 'no function' }\n");
	}
	return failed;
}

static void the_list_holds_ours_and_the_users_own(void **state)
{
	(void)state;
	start((struct terminal_kind){0});
	harness_keys(&h, "a");
	expect("an analysis of my own");
	expect("it never ends");
	expect("the file returns no table"); /* cut, but there */
	expect("confusion");
	expect("options of aaa-mine");
	expect("plum");
	harness_keys(&h, "/noise\r");
	expect("options of noise");
	harness_keys(&h, ESC);
	expect("accuracy, %");
	quit();
}

static void an_analysis_runs_and_its_result_is_drawn(void **state)
{
	struct terminal_kind kinds[] = {
		{0}, {.sixel = true, .rows = 30, .columns = 100}, {.no_utf8 = true, .term = "vt100"}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		start(kinds[i]);
		harness_keys(&h, "a");
		expect("options of aaa-mine");
		harness_keys(&h, "r");
		expect("aaa-mine is done in");
		assert_false(harness_has(&h, "this must not reach"));
		harness_keys(&h, "\r");
		expect("a sentence about plum");
		expect("in words 1/6");
		if (kinds[i].sixel) { /* the first figure stands below them */
			harness_settle(&h);
			assert_int_equal(harness_whole(&h), 1);
		} else {
			expect("my curve");
		}
		harness_keys(&h, "\t");
		expect("table 2/6");
		expect("plum7");
		assert_int_equal(harness_whole(&h), 0);
		assert_false(harness_has(&h, "my curve"));
		harness_keys(&h, "lo"); /* by the second column, largest first */
		expect("sorted by how much, largest first");
		assert_non_null(strstr(harness_row(&h, 4), "plum7"));
		harness_keys(&h, "\t");
		expect("curve 3/6");
		harness_keys(&h, "\t");
		expect("bars 4/6");
		if (!kinds[i].sixel) {
			expect("my bars");
			expect("right");
		}
		harness_keys(&h, "\t");
		expect("heat 5/6");
		harness_keys(&h, "\t");
		expect("tiles 6/6");
		expect(kinds[i].no_utf8 ? "each on its own scale, +-" : "each on its own scale, ±");
		harness_settle(&h);
		if (kinds[i].sixel)
			assert_int_equal(harness_whole(&h), 6);
		harness_keys(&h, "=");
		expect("one scale: grey is 0");
		quit();
	}
}

static void options_are_edited_and_given_to_the_analysis(void **state)
{
	(void)state;
	start((struct terminal_kind){.columns = 120});
	harness_keys(&h, "a");
	expect("options of aaa-mine");
	harness_keys(&h, "\tj\r"); /* to the options, the second one, edit */
	harness_pump(&h, 200);
	harness_keys(&h, "\025cherry\r"); /* C-u empties the line */
	expect("word is set to cherry");
	expect("cherry  (set)");
	harness_keys(&h, ESC "r");
	expect("aaa-mine is done in");
	harness_keys(&h, "\r");
	expect("a sentence about cherry");
	quit();
}

static void a_running_analysis_shows_progress_and_is_cancelled(void **state)
{
	(void)state;
	start((struct terminal_kind){0});
	harness_keys(&h, "a");
	expect("options of aaa-mine");
	harness_keys(&h, "/bbb\r");
	expect("options of bbb-endless");
	harness_keys(&h, "r");
	expect("25 %");
	expect("bbb-endless: a quarter");
	harness_keys(&h, "2"); /* something else meanwhile */
	expect("conv2  20 features");
	expect("bbb-endless");
	harness_keys(&h, ESC);
	expect("it never ends");
	harness_keys(&h, "s");
	expect("bbb-endless was cancelled");
	harness_keys(&h, "r");
	expect("25 %");
	quit(); /* and one that runs is no hindrance to leaving */
}

static void export_writes_tables_and_figures(void **state)
{
	char path[200];

	(void)state;
	start((struct terminal_kind){.columns = 130});
	harness_keys(&h, "a");
	expect("options of aaa-mine");
	harness_keys(&h, "r");
	expect("aaa-mine is done in");
	harness_keys(&h, "\r");
	expect("in words 1/6");
	harness_keys(&h, "\te");
	expect("wrote runs/tiny/figures/aaa-mine.csv");
	harness_keys(&h, "\te");
	expect("wrote runs/tiny/figures/aaa-mine-curve.png and .svg");
	snprintf(path, sizeof path, "%s/runs/tiny/figures/aaa-mine-curve.svg", tiny_directory);
	assert_int_equal(access(path, R_OK), 0);
	harness_keys(&h, "\t\t\te");
	expect("wrote runs/tiny/figures/aaa-mine-tiles.png and .hdf5");
	quit();
}

/* Press, move with the button down, let go: columns from 1, as the terminal reports them. */
static void drag(int row, int from, int to)
{
	char report[100];

	snprintf(report, sizeof report, "\033[<0;%d;%dM\033[<32;%d;%dM\033[<0;%d;%dm", from, row, (from + to) / 2, row,
		to, row);
	harness_keys(&h, report);
}

static void a_drag_over_a_figure_shows_that_part_of_it(void **state)
{
	(void)state;
	for (int sixel = 0; sixel < 2; sixel++) {
		start((struct terminal_kind){.sixel = sixel});
		harness_keys(&h, "a");
		expect("options of aaa-mine");
		harness_keys(&h, "r");
		expect("aaa-mine is done in");
		harness_keys(&h, "\r");
		expect("in words 1/6");
		harness_keys(&h, "\t\t");
		expect("curve 3/6");
		harness_settle(&h);
		assert_false(harness_has(&h, "% of the width"));
		drag(12, 20, 50);
		expect("% of the width");
		harness_keys(&h, "-"); /* twice as much: nearly all */
		harness_keys(&h, "-");
		harness_settle(&h);
		assert_false(harness_has(&h, "% of the width"));
		harness_keys(&h, "\033[<64;40;12M"); /* the wheel */
		expect("% of the width");
		harness_keys(&h, "\t\t");
		expect("heat 5/6");
		harness_settle(&h);
		assert_false(harness_has(&h, "% of the width"));
		harness_keys(&h, "+");
		expect("25-75 % of the width, 25-75 % of the height");
		quit();
	}
}

static void small_screens_show_what_fits(void **state)
{
	(void)state;
	start((struct terminal_kind){0});
	harness_keys(&h, "a");
	expect("options of aaa-mine");
	harness_keys(&h, "r");
	expect("aaa-mine is done in");
	harness_resize(&h, 5, 20);
	harness_keys(&h, "g");
	expect("aaa-mine");
	harness_keys(&h, "\r\t\t\t\t\t\t\t");
	harness_resize(&h, 24, 80);
	expect("in words 1/6");
	quit();
}

/* A run may come from elsewhere: results do not go where a link in it leads. */
static void results_stay_out_of_a_link_in_the_run(void **state)
{
	char kept[200], analyses[200], other[200], path[240];

	(void)state;
	snprintf(analyses, sizeof analyses, "%s/runs/tiny/analyses", tiny_directory);
	snprintf(kept, sizeof kept, "%s/kept", tiny_directory);
	snprintf(other, sizeof other, "%s/elsewhere", tiny_directory);
	assert_true(!rename(analyses, kept) || errno == ENOENT);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(symlink(other, analyses), 0);
	start((struct terminal_kind){0});
	harness_keys(&h, "a");
	expect("options of aaa-mine");
	harness_keys(&h, "r");
	expect("aaa-mine is done in");
	quit();
	assert_int_equal(rmdir(other), 0); /* nothing is in it */
	snprintf(path, sizeof path, "%s/convscope-analyses/tiny/aaa-mine.hdf5", tiny_directory);
	assert_int_equal(access(path, R_OK), 0);
	assert_int_equal(unlink(analyses), 0);
	assert_true(!rename(kept, analyses) || errno == ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_holds_ours_and_the_users_own),
		cmocka_unit_test(an_analysis_runs_and_its_result_is_drawn),
		cmocka_unit_test(options_are_edited_and_given_to_the_analysis),
		cmocka_unit_test(a_running_analysis_shows_progress_and_is_cancelled),
		cmocka_unit_test(export_writes_tables_and_figures),
		cmocka_unit_test(a_drag_over_a_figure_shows_that_part_of_it),
		cmocka_unit_test(small_screens_show_what_fits),
		cmocka_unit_test(results_stay_out_of_a_link_in_the_run),
	};

	return cmocka_run_group_tests(tests, set_up, tiny_tear_down);
}
