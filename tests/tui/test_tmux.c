/* The browser inside tmux: symbols, or pixels through it where the user and tmux allow that; left there and taken up again from a
 * terminal of another size and kind. The terminal around tmux is the harness. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#define TMUX "tmux -S sock -u "

static bool there;

static int set_up(void **state)
{
	there = system("tmux -V >/dev/null 2>&1") == 0;
	return tiny_set_up(state);
}

static int tear_down(void **state)
{
	if (there && shell(TMUX "kill-server 2>/dev/null; true"))
		return -1;
	return tiny_tear_down(state);
}

/* tmux' side of the terminal: the client that attaches, or begins the session. */
static int client(void *context)
{
	if (chdir(tiny_directory) == 0)
		execl("/bin/sh", "sh", "-c", (const char *)context, (char *)NULL);
	return 99;
}

/* A session with the browser in it, as large as the terminal; `options` are lines of tmux' configuration. */
static void begin(struct terminal_kind kind, const char *options)
{
	if (!there) {
		print_message("tmux is not installed\n");
		skip();
	}
	assert_int_equal(shell("printf '%%s\\n' 'set -g status off' '%s' > tmux.conf", options), 0);
	harness_start(&h, kind, client,
		(char[]){TMUX "-f tmux.conf new-session \"$CONVSCOPE\" browse runs/tiny/best.hdf5 --threads 1"});
	expect("network  tiny");
	expect("silent: features");
}

/* The terminal goes away and the session stays; then another terminal takes it up. */
static void change_terminal(struct terminal_kind kind)
{
	assert_int_equal(shell(TMUX "detach-client -a 2>/dev/null; " TMUX "detach-client"), 0);
	assert_int_equal(harness_end(&h, PLAY_LEAVE_SECONDS), 0);
	harness_close(&h);
	harness_start(&h, kind, client, (char[]){TMUX "attach-session"});
}

/* The browser ends, and tmux with it. */
static void end(void)
{
	harness_keys(&h, "Q");
	assert_int_equal(harness_end(&h, PLAY_LEAVE_SECONDS), 0);
	harness_close(&h);
	shell(TMUX "kill-server 2>/dev/null; true");
}

/* Is the text at the right edge of the row (but for a column)? */
static bool ends_right(int row, const char *text)
{
	const char *line = harness_row(&h, row), *at = strstr(line, text);
	int columns = 0;

	for (const char *c = line; *c; c++)
		columns += (*c & 0xc0) != 0x80;
	return at && at[strlen(text)] == '\0' && columns >= h.columns - 2;
}

static void inside_pictures_are_symbols(void **state)
{
	(void)state;
	begin((struct terminal_kind){.sixel = true, .rows = 30, .columns = 100}, "");
	press("2", "conv2  20 features");
	expect("fires on");
	harness_settle(&h);
	assert_int_equal(h.pictures_seen, 0);
	assert_true(harness_has(&h, "▄") || harness_has(&h, "▀") || harness_has(&h, "█") || harness_has(&h, "▌"));
	end();
}

static void another_terminal_takes_it_up_in_its_own_size(void **state)
{
	(void)state;
	begin((struct terminal_kind){.rows = 24, .columns = 80}, "");
	press("2", "conv2  20 features");
	harness_settle(&h);
	change_terminal((struct terminal_kind){.rows = 40, .columns = 132, .term = "screen-256color"});
	expect("conv2  20 features");
	expect("page 1/1");
	assert_true(ends_right(0, "page 1/1"));
	press("x", "most often taken for another");
	change_terminal((struct terminal_kind){.rows = 12, .columns = 40, .term = "linux"});
	expect("confusion");
	press("t", "network  tiny");
	assert_int_equal(h.pictures_seen, 0);
	end();
}

static void allowed_pixels_go_through_and_are_drawn_again(void **state)
{
	long seen;

	(void)state;
	assert_int_equal(shell("mkdir -p convscope && echo passthrough on > convscope/config"), 0);
	begin((struct terminal_kind){.sixel = true, .rows = 30, .columns = 100}, "set -g allow-passthrough on");
	press("2", "conv2  20 features");
	expect("fires on");
	for (double until = harness_now() + 60; h.pictures_seen < 20 && harness_now() < until;)
		harness_pump(&h, 50);
	assert_true(h.pictures_seen >= 20);
	harness_settle(&h);
	harness_pump(&h, 500);
	seen = h.pictures_seen;
	harness_keys(&h, "\014"); /* whatever tmux wiped */
	for (double until = harness_now() + 60; h.pictures_seen < seen + 20 && harness_now() < until;)
		harness_pump(&h, 50);
	assert_true(h.pictures_seen >= seen + 20);
	/* taken up by a terminal without pixels, it draws symbols; by one that has them, pixels again */
	change_terminal((struct terminal_kind){.rows = 30, .columns = 90});
	expect("fires on");
	for (double until = harness_now() + 60;
		!harness_has(&h, "▄") && !harness_has(&h, "▀") && !harness_has(&h, "█") && harness_now() < until;)
		harness_pump(&h, 50);
	assert_true(harness_has(&h, "▄") || harness_has(&h, "▀") || harness_has(&h, "█"));
	change_terminal((struct terminal_kind){.sixel = true, .rows = 36, .columns = 110});
	expect("fires on");
	for (double until = harness_now() + 60; h.pictures_seen < 20 && harness_now() < until;)
		harness_pump(&h, 50);
	assert_true(h.pictures_seen >= 20);
	end();
	assert_int_equal(shell("rm convscope/config"), 0);
}

static void what_is_not_allowed_falls_back_to_symbols(void **state)
{
	(void)state;
	assert_int_equal(shell("mkdir -p convscope && echo passthrough on > convscope/config"), 0);
	begin((struct terminal_kind){.sixel = true, .rows = 30, .columns = 100}, "set -g allow-passthrough off");
	press("2", "conv2  20 features");
	expect("fires on");
	for (double until = harness_now() + 60;
		!harness_has(&h, "▄") && !harness_has(&h, "▀") && !harness_has(&h, "█") && harness_now() < until;)
		harness_pump(&h, 50);
	assert_true(harness_has(&h, "▄") || harness_has(&h, "▀") || harness_has(&h, "█"));
	assert_int_equal(h.pictures_seen, 0);
	end();
	assert_int_equal(shell("rm convscope/config"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inside_pictures_are_symbols),
		cmocka_unit_test(another_terminal_takes_it_up_in_its_own_size),
		cmocka_unit_test(allowed_pixels_go_through_and_are_drawn_again),
		cmocka_unit_test(what_is_not_allowed_falls_back_to_symbols),
	};

	cmocka_set_test_filter(getenv("CS_TMUX_TEST"));
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
