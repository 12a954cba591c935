/* The browser under a monkey's fingers; how fast it answers, and that it sleeps when there is nothing to do. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/tiny.h"

static struct harness h;

static void start(struct terminal_kind kind)
{
	harness_start(&h, kind, tiny_browse, (char[]){"runs/tiny/best.hdf5"});
}

static void quit(void)
{
	harness_keys(&h, "Q");
	assert_int_equal(harness_end(&h, 10), 0);
	harness_close(&h);
}

#define expect(text) assert_true(harness_wait(&h, text, 15))

/* Processor time of the child, in clock ticks. */
static long ticks(void)
{
	char path[64], text[1024];
	long user = 0, kernel = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", h.child);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof text, file));
	fclose(file);
	assert_int_equal(
		sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &kernel), 2);
	return user + kernel;
}

static void idle_it_sleeps(void **state)
{
	long before;

	(void)state;
	start((struct terminal_kind){.sixel = true});
	expect("network  tiny");
	expect("silent: features");
	harness_keys(&h, "2");
	harness_settle(&h);
	sleep(1);
	harness_settle(&h);
	before = ticks();
	harness_pump(&h, 2000);
	assert_true(ticks() - before <= 2);
	quit();
}

static void a_key_is_answered_at_once_while_the_engine_works(void **state)
{
	double worst = 0;

	(void)state;
	start((struct terminal_kind){0});
	expect("network  tiny");
	for (int i = 0; i < 10; i++) {
		double began = harness_now();

		harness_keys(&h, i % 2 ? "\033" : "1");
		while (harness_has(&h, "conv1  6 features") != !(i % 2) && harness_now() < began + 5)
			harness_pump(&h, 1);
		worst = harness_now() - began > worst ? harness_now() - began : worst;
	}
	print_message("slowest answer to a key: %.0f ms\n", 1000 * worst);
	assert_true(worst < 1.0); /* the machine may be busy; the figure above is what matters */
	quit();
}

static void a_monkey_finds_nothing(void **state)
{
	static const char *const keys[] = {"\033", "\r", "q", "h", "j", "k", "l", "1", "2", "3", "9", "[", "]", "t",
		"i", "v", "o", "b", "s", "a", "=", "y", "L", "r", "c", "w", "+", "-", "n", "N", "?", " ", "<", "\t",
		"g", "G", "\014", "e", "\033OA", "\033OB", "\033OC", "\033OD", "\033[5~", "\033[6~", "/7\r", "/red\r",
		"/f3\r", ":long\r", ":x\r", "\033[?62;4;22c", "\033[6;16;8t", "\033[", "\033]11;rgb:ff/ff/ff\033\\",
		"\x80", "\xc3\xa9", "\001"};
	const char *seconds = getenv("CS_MONKEY_SECONDS"), *from = getenv("CS_MONKEY_SEED");
	double end = harness_now() + (seconds ? atof(seconds) : 8);
	unsigned seed = from ? (unsigned)atoi(from) : 4711;
	long pressed = 0, starts = 0;

	(void)state;
	while (harness_now() < end) {
		struct terminal_kind kind = {.sixel = rand_r(&seed) % 2,
			.rows = 5 + rand_r(&seed) % 50,
			.columns = 20 + rand_r(&seed) % 150};

		start(kind);
		starts++;
		while (harness_now() < end && harness_pump(&h, rand_r(&seed) % 25)) {
			harness_keys(&h, keys[rand_r(&seed) % (sizeof keys / sizeof *keys)]);
			pressed++;
			if (rand_r(&seed) % 40 == 0)
				harness_resize(&h, 1 + rand_r(&seed) % 60, 1 + rand_r(&seed) % 200);
		}
		harness_keys(&h, "\033\033"); /* out of a prompt; the monkey may have left by itself */
		harness_pump(&h, 100);
		harness_keys(&h, "Q");
		assert_int_equal(harness_end(&h, 30), 0);
		assert_false(h.alternate);
		harness_close(&h);
	}
	print_message("%ld keys in %ld sessions\n", pressed, starts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_it_sleeps),
		cmocka_unit_test(a_key_is_answered_at_once_while_the_engine_works),
		cmocka_unit_test(a_monkey_finds_nothing),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
