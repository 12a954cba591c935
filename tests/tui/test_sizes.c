/* The browser in windows of any size, and in terminals with few colours or characters. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#define ESC "\033"

static void start(struct terminal_kind kind)
{
	play(kind, "runs/tiny/best.hdf5");
}

static void any_size_is_survived(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int sixel = 0; sixel < 2; sixel++) {
		start((struct terminal_kind){.sixel = sixel});
		expect("network  tiny");
		expect("silent: features");
		for (const char *screens = "2i?t"; *screens; screens++) {
			harness_keys(&h, (char[]){*screens, '\0'});
			for (int i = 0; i < 15; i++) {
				int rows = 1 + rand_r(&seed) % 60, columns = 1 + rand_r(&seed) % 200;

				harness_resize(&h, i == 3 ? 5 : rows, i == 3 ? 20 : columns);
				harness_pump(&h, 15);
				assert_false(h.ended);
			}
			if (*screens == '?')
				harness_keys(&h, ESC);
		}
		harness_resize(&h, 24, 80);
		expect("network  tiny");
		expect("silent: features");
		quit();
	}
}

static void a_window_of_twenty_by_five_still_says_where_one_is(void **state)
{
	(void)state;
	start((struct terminal_kind){.rows = 5, .columns = 20});
	expect("network  tiny");
	harness_keys(&h, "2");
	expect("conv2  20");
	harness_keys(&h, "i");
	expect("image ");
	harness_resize(&h, 2, 9);
	expect("too small");
	harness_resize(&h, 24, 80);
	expect("strongest in");
	quit();
}

static void narrow_tiles_keep_their_numbers(void **state)
{
	(void)state;
	start((struct terminal_kind){.rows = 24, .columns = 50}); /* no room beside the tiles */
	press("2", "conv2  20");
	harness_settle(&h);
	harness_keys(&h, "----"); /* as small as they get */
	harness_settle(&h);
	for (int i = 0; i < 3; i++) {
		int feature = -1, used = 0, room = 0, number = 0;
		float strongest = 0, value = 0;

		/* "17: 8.31" for the one under the cursor, "17 8" or so below the first tile */
		assert_int_equal(sscanf(harness_row(&h, 1), " %d: %f%n", &feature, &strongest, &used), 2);
		assert_true(strongest > 0);
		for (int row = 2; i == 0 && row < 8 && !room; row++)
			room = sscanf(harness_row(&h, row), " %d %f", &number, &value) == 2;
		if (i == 0) {
			assert_true(room && number == feature);
			assert_true(value > 0.5f * strongest && value < 1.5f * strongest);
		}
		harness_keys(&h, "l");
		harness_settle(&h);
	}
	quit();
}

static void without_utf8_only_ascii_is_written(void **state)
{
	(void)state;
	for (int sixel = 0; sixel < 2; sixel++) {
		start((struct terminal_kind){.no_utf8 = true, .sixel = sixel});
		expect("network  tiny");
		for (const char *key = "2\r\ri?"; *key; key++) {
			harness_keys(&h, (char[]){*key, '\0'});
			harness_settle(&h);
			for (int row = 0; row < h.rows; row++) {
				for (const char *at = harness_row(&h, row); *at; at++)
					assert_in_range(*at, ' ', '~');
			}
		}
		harness_keys(&h, "\033");
		expect("strongest in conv2");
		quit();
	}
}

static void few_or_no_colours_are_enough(void **state)
{
	static const char *const terms[] = {"xterm", "vt100", "linux", "xterm-direct", "screen-256color", "xterm-mono"};

	(void)state;
	for (int i = 0; i < 6; i++) {
		start((struct terminal_kind){.term = terms[i]});
		expect("network  tiny");
		harness_keys(&h, "2");
		expect("20 features");
		harness_settle(&h);
		expect("fires on");
		quit();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_size_is_survived),
		cmocka_unit_test(a_window_of_twenty_by_five_still_says_where_one_is),
		cmocka_unit_test(narrow_tiles_keep_their_numbers),
		cmocka_unit_test(without_utf8_only_ascii_is_written),
		cmocka_unit_test(few_or_no_colours_are_enough),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
