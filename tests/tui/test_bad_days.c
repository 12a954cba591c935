/* The browser when the world does not play along: stopped and continued, files that cannot be written, settings with mistakes, a run that
 * goes away, terminals without a mouse.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

static volatile sig_atomic_t browser;

static void stop_browser(int number)
{
	(void)number;
	kill(browser, SIGTSTP);
}

/* A shell with job control, as far as it is needed: the browser in a process group of its own in the foreground; stopped by SIGUSR1, said to be
 * so, and continued a little later. */
static int under_a_shell(void *context)
{
	int status = 0;

	signal(SIGTTOU, SIG_IGN);
	browser = fork();
	if (browser == 0) {
		setpgid(0, 0);
		tcsetpgrp(0, getpid());
		signal(SIGTTOU, SIG_DFL);
		_exit(tiny_browse(context));
	}
	setpgid(browser, browser);
	signal(SIGUSR1, stop_browser);
	while (waitpid(browser, &status, WUNTRACED) < 0 || WIFSTOPPED(status)) {
		if (!WIFSTOPPED(status))
			continue;
		tcsetpgrp(0, getpgrp());
		printf("\r\nthe shell is back\r\n");
		fflush(stdout);
		usleep(700000);
		status = 0;
		tcsetpgrp(0, browser);
		kill(-browser, SIGCONT);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void stopped_it_gives_the_terminal_back_and_continued_it_paints(void **state)
{
	(void)state;
	harness_start(&h, (struct terminal_kind){.sixel = true}, under_a_shell, (char[]){"runs/tiny/best.hdf5"});
	expect("network  tiny");
	assert_true(h.alternate);
	kill(h.child, SIGUSR1);
	expect("the shell is back");
	assert_false(h.alternate);
	expect("network  tiny");
	assert_true(h.alternate);
	assert_false(harness_has(&h, "the shell is back"));
	press("2", "20 features");
	quit();
}

static void what_cannot_be_written_is_said_and_leaves_nothing(void **state)
{
	(void)state;
	play((struct terminal_kind){.columns = 140}, "runs/tiny/best.hdf5");
	expect("network  tiny");
	expect("silent: features");
	press("2", "20 features");
	harness_settle(&h);
	press(":export /nowhere/at/all\r", "/nowhere/at/all");
	if (access("/dev/full", W_OK) == 0)
		press(":record /dev/full\r", "/dev/full");
	assert_int_equal(shell("mkdir taken.hdf5"), 0); /* the second of two files cannot be put in place */
	press(":export taken\r", "taken.hdf5");
	harness_settle(&h);
	assert_int_equal(shell("test ! -e taken.png && test -z \"$(ls | grep tmp-)\""), 0);
	press("l", "20 features"); /* and it goes on */
	quit();
}

static void a_full_disk_leaves_nothing_half_written(void **state)
{
	(void)state;
	if (shell("mkdir -p small && mount -t tmpfs -o size=64k none small 2>/dev/null")) {
		print_message("no small file system can be mounted here\n");
		skip();
	}
	assert_int_equal(shell("head -c 61000 /dev/zero > small/filler"), 0);
	play((struct terminal_kind){.columns = 140}, "runs/tiny/best.hdf5");
	expect("network  tiny");
	expect("silent: features");
	press("2", "20 features");
	harness_settle(&h);
	press(":export small/page\r", "small/page");
	harness_settle(&h);
	assert_false(harness_has(&h, "wrote"));
	quit();
	assert_int_equal(shell("test \"$(ls small)\" = filler"), 0);
	assert_int_equal(shell("umount small"), 0);
}

static void a_mistake_in_the_settings_is_one_line_and_the_rest_holds(void **state)
{
	(void)state;
	assert_int_equal(shell("mkdir -p convscope && printf 'mouse off\\nbackground light\\ncolour blue\\n' > "
			       "convscope/config"),
		0);
	play((struct terminal_kind){.columns = 120}, "runs/tiny/best.hdf5");
	expect("convscope/config:3: no setting 'colour'");
	expect("network  tiny");
	quit();
	assert_int_equal(shell("rm convscope/config"), 0);
}

static void an_export_into_a_run_that_is_gone_does_not_bring_it_back(void **state)
{
	(void)state;
	assert_int_equal(shell("cp -r runs/tiny runs/brief"), 0);
	play((struct terminal_kind){.columns = 140}, "runs/brief");
	expect("1 conv1 6");
	assert_int_equal(shell("rm -rf runs/brief"), 0);
	expect("this run was removed");
	press("e", "is not there any more");
	quit();
	assert_int_equal(shell("test ! -e runs/brief"), 0);
}

static void terminals_without_a_mouse_are_left_alone(void **state)
{
	(void)state;
	play((struct terminal_kind){.term = "linux"}, "runs/tiny/best.hdf5");
	expect("network  tiny");
	press("\033[M !!", "network  tiny"); /* an old report all the same: no key in it is heeded */
	press("2", "20 features");
	quit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stopped_it_gives_the_terminal_back_and_continued_it_paints),
		cmocka_unit_test(what_cannot_be_written_is_said_and_leaves_nothing),
		cmocka_unit_test(a_full_disk_leaves_nothing_half_written),
		cmocka_unit_test(a_mistake_in_the_settings_is_one_line_and_the_rest_holds),
		cmocka_unit_test(an_export_into_a_run_that_is_gone_does_not_bring_it_back),
		cmocka_unit_test(terminals_without_a_mouse_are_left_alone),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
