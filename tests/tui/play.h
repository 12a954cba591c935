/* play.h: what nearly every test of the browser does: start it on something in the test's directory, press keys and see what comes of
 * them, leave it.
 *
 * One terminal at a time: `h`. How long is waited matters to a test that fails alone, so it is one long time for all: the machine may be
 * busy.
 */
#ifndef CS_TESTS_TUI_PLAY_H
#define CS_TESTS_TUI_PLAY_H

#include "tests/tui/tiny.h"

static struct harness h;

enum { PLAY_SECONDS = 120, PLAY_LEAVE_SECONDS = 60 };

/* A text comes up, or the test fails with what is on the screen instead. */
#define expect(text) assert_true(harness_wait(&h, text, PLAY_SECONDS))

/* The browser on a path below the test's directory (NULL: on nothing), or the whole program with Lua. */
static inline void play(struct terminal_kind kind, const char *target)
{
	harness_start(&h, kind, tiny_browse, (void *)target);
}

static inline void play_program(struct terminal_kind kind, const char *target)
{
	harness_start(&h, kind, tiny_program, (void *)target);
}

/* The program is told to end, and does so well. */
static inline void quit(void)
{
	harness_keys(&h, "Q");
	assert_int_equal(harness_end(&h, PLAY_LEAVE_SECONDS), 0);
	harness_close(&h);
}

/* Keys, and what stands on the screen once they were heeded. */
static inline void press(const char *keys, const char *then)
{
	harness_keys(&h, keys);
	expect(then);
}

/* A command of the shell in the test's directory; its exit status. */
static inline int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int shell(const char *format, ...)
{
	char *command = NULL, *whole = NULL;
	va_list args;
	int status = -1;

	va_start(args, format);
	if (vasprintf(&command, format, args) >= 0 && asprintf(&whole, "cd '%s' && %s", tiny_directory, command) >= 0)
		status = system(whole);
	va_end(args);
	free(command);
	free(whole);
	return status;
}

#endif
