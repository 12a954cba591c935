/* The browser and its terminal: refusals, endings, signals. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

static void start(struct terminal_kind kind)
{
	play(kind, "runs/tiny/best.hdf5");
}

static void terminals_that_cannot_do_it_are_refused_in_one_line(void **state)
{
	(void)state;
	start((struct terminal_kind){.term = "dumb", .columns = 200, .stderr_too = true});
	assert_int_equal(harness_end(&h, 10), 1);
	assert_true(harness_has(&h, "convscope: the terminal 'dumb' cannot place the cursor"));
	assert_false(h.alternate);
	harness_close(&h);
	start((struct terminal_kind){.term = "no-such-terminal", .columns = 200, .stderr_too = true});
	assert_int_equal(harness_end(&h, 10), 1);
	assert_true(harness_has(&h, "the terminal 'no-such-terminal' is not known here"));
	harness_close(&h);
}

static void without_a_terminal_it_says_what_to_use_instead(void **state)
{
	char path[128], line[400] = "";
	FILE *file;
	pid_t child;
	int status;

	(void)state;
	snprintf(path, sizeof path, "%s/refusal", tiny_directory);
	child = fork();
	if (child == 0) {
		if (!freopen("/dev/null", "r", stdin) || !freopen(path, "w", stdout) || dup2(1, 2) < 0)
			_exit(98);
		_exit(tiny_browse((char[]){"runs/tiny"}));
	}
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	file = fopen(path, "r");
	assert_non_null(fgets(line, sizeof line, file));
	fclose(file);
	assert_non_null(strstr(line, "the browser needs a terminal"));
}

static void nothing_to_browse_is_said_before_the_screen_is_taken(void **state)
{
	(void)state;
	harness_start(
		&h, (struct terminal_kind){.columns = 200, .stderr_too = true}, tiny_browse, (char[]){"runs/nonesuch"});
	assert_int_equal(harness_end(&h, 10), 1);
	assert_true(harness_has(&h, "convscope: "));
	assert_true(harness_has(&h, "nonesuch"));
	assert_false(h.alternate);
	harness_close(&h);
}

static void signals_that_end_it_restore_the_terminal(void **state)
{
	static const int signals[] = {SIGHUP, SIGTERM, SIGINT};

	(void)state;
	for (int i = 0; i < 3; i++) {
		start((struct terminal_kind){.sixel = i == 1});
		expect("network  tiny");
		harness_keys(&h, "2"); /* with work in the background */
		expect("20 features");
		assert_true(h.alternate);
		kill(h.child, signals[i]);
		assert_int_equal(harness_end(&h, 10), 0);
		assert_false(h.alternate);
		harness_close(&h);
	}
}

static void a_crash_restores_the_terminal_too(void **state)
{
	static const int signals[] = {SIGSEGV, SIGABRT};
	int status;

	(void)state;
	for (int i = 0; i < 2; i++) {
		start((struct terminal_kind){.stderr_too = i == 0});
		expect("network  tiny");
		assert_true(h.alternate);
		kill(h.child, signals[i]);
		status = harness_end(&h, 10);
		assert_true(status != 0 && status != -1);
		assert_false(h.alternate);
		harness_close(&h);
	}
}

static void a_terminal_that_goes_away_ends_it(void **state)
{
	int status = 0, waited = 0;

	(void)state;
	start((struct terminal_kind){0});
	expect("network  tiny");
	close(h.master);
	h.master = open("/dev/null", O_RDWR);
	while (waitpid(h.child, &status, WNOHANG) == 0 && waited++ < 1000)
		usleep(10000);
	assert_true(waited < 1000);
	h.child = 0;
	harness_close(&h);
}

static void continuing_paints_the_screen_again(void **state)
{
	(void)state;
	start((struct terminal_kind){.sixel = true});
	expect("network  tiny");
	expect("silent: features");
	vterm_input_write(h.vt, "\033[2J\033[HSOMETHING ELSE", 21); /* a shell wrote over it meanwhile */
	assert_true(harness_has(&h, "SOMETHING ELSE"));
	kill(h.child, SIGCONT);
	expect("network  tiny");
	expect("silent: features");
	assert_false(harness_has(&h, "SOMETHING ELSE"));
	vterm_input_write(h.vt, "\033[2J", 4);
	harness_keys(&h, "\014"); /* Ctrl-L does the same */
	expect("network  tiny");
	quit();
}

static void what_is_pointed_at_on_the_way_out_means_nothing(void **state)
{
	static const char *const late[] = {"q\033[<0;12;5M", "q\033[A", "q\033[M !!", "Q\033[<64;5;5M"};

	(void)state;
	for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
		start((struct terminal_kind){
			.sixel = true, .hold_answers = true}); /* it waits for them before it goes */
		expect("network  tiny");
		harness_keys(&h, late[i]);
		assert_int_equal(harness_end(&h, 10), 0);
		assert_false(h.alternate);
		harness_close(&h);
	}
}

/* What terminfo holds differs: colours 0, 8, 16, 256 and 2^24, erasing with or without colour, function keys. */
static void every_kind_of_terminal_shows_the_same_words(void **state)
{
	static const char *const terms[] = {"xterm", "xterm-16color", "xterm-mono", "xterm-direct", "linux", "linux-m",
		"vt100", "vt220", "ansi", "screen", "screen-256color", "tmux-256color", "rxvt-unicode-256color",
		"putty", "st-256color", "foot", "mlterm", "alacritty"};
	int tried = 0;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof terms / sizeof *terms; i++) {
		struct terminal_kind kind = {.term = terms[i / 2], .no_utf8 = i % 2};
		char command[100];

		snprintf(command, sizeof command, "infocmp %s >/dev/null 2>&1", kind.term);
		if (system(command) != 0)
			continue; /* ncurses-term is not installed */
		start(kind);
		expect("network  tiny");
		harness_keys(&h, "2");
		expect("conv2  20 features");
		expect("fires on");
		harness_settle(&h);
		harness_keys(&h, "x");
		expect("most often taken for another");
		harness_resize(&h, 5, 20);
		harness_resize(&h, 24, 80);
		expect("most often taken for another");
		quit();
		assert_false(h.alternate);
		tried++;
	}
	print_message("%d kinds of terminals\n", tried / 2);
	assert_true(tried >= 6);
}

/* Keys that lie in the terminal before the program has begun: none is lost, whatever the terminal answers meanwhile, and though the model they are
 * about has not been opened yet. */
static void keys_typed_ahead_are_heeded(void **state)
{
	static const struct {
		const char *keys, *then;
	} cases[] = {
		{"2", "conv2  20 features"},
		{"\033[B\033OB\r", "conv2  20 features"}, /* two rows down, as either kind of cursor key */
		{"2[", "conv1  6 features"},
		{"i", "strongest position"},
		{"2\033?", "keys of the network screen"}, /* thought better of */
		{":you", ":you"},
	};

	(void)state;
	for (size_t i = 0; i < 3 * (sizeof cases / sizeof *cases); i++) {
		start((struct terminal_kind){.columns = 120, .rows = 40, .sixel = i % 3 == 0, .hold_answers = i % 3 == 1});
		harness_keys(&h, cases[i / 3].keys);
		expect(cases[i / 3].then);
		if (cases[i / 3].keys[0] == ':')
			harness_keys(&h, "\033");
		harness_pump(&h, 100);
		harness_let_go(&h);
		harness_settle(&h);
		quit();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_typed_ahead_are_heeded),
		cmocka_unit_test(terminals_that_cannot_do_it_are_refused_in_one_line),
		cmocka_unit_test(without_a_terminal_it_says_what_to_use_instead),
		cmocka_unit_test(nothing_to_browse_is_said_before_the_screen_is_taken),
		cmocka_unit_test(signals_that_end_it_restore_the_terminal),
		cmocka_unit_test(a_crash_restores_the_terminal_too),
		cmocka_unit_test(a_terminal_that_goes_away_ends_it),
		cmocka_unit_test(continuing_paints_the_screen_again),
		cmocka_unit_test(every_kind_of_terminal_shows_the_same_words),
		cmocka_unit_test(what_is_pointed_at_on_the_way_out_means_nothing),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
