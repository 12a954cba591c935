/* The browser under a monkey's fingers; how fast it answers, and that it sleeps when there is nothing to do. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/monkey.h"
#include "tests/tui/play.h"

#include <limits.h>
#include <math.h>

static void start(struct terminal_kind kind)
{
	play(kind, "runs/tiny/best.hdf5");
}

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

/* A few seconds; CS_MONKEY_SECONDS of it, or with CONVSCOPE_LONG=1 a hundred thousand keys. */
static void a_monkey_finds_nothing(void **state)
{
	const char *seconds = getenv("CS_MONKEY_SECONDS"), *from = getenv("CS_MONKEY_SEED"),
		   *is_long = getenv("CONVSCOPE_LONG");
	long most = is_long && *is_long == '1' ? 100000 : LONG_MAX, pressed = 0, starts = 0;
	double end = most < LONG_MAX ? INFINITY : harness_now() + (seconds ? atof(seconds) : 8);
	unsigned seed = from ? (unsigned)atoi(from) : 4711;

	(void)state;
	print_message("seed %u\n", seed);
	while (harness_now() < end && pressed < most) {
		struct terminal_kind kind = {.sixel = rand_r(&seed) % 2,
			.rows = 5 + rand_r(&seed) % 50,
			.columns = 20 + rand_r(&seed) % 150};

		start(kind);
		starts++;
		while (harness_now() < end && pressed < most && harness_pump(&h, rand_r(&seed) % 25)) {
			harness_keys(&h, any_key(&seed));
			pressed++;
			if (rand_r(&seed) % 40 == 0)
				harness_resize(&h, 1 + rand_r(&seed) % 60, 1 + rand_r(&seed) % 200);
		}
		harness_keys(&h, "\033\033"); /* out of a prompt; the monkey may have left by itself */
		harness_pump(&h, 100);
		harness_keys(&h, "Q");
		assert_int_equal(harness_end(&h, 60), 0);
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
