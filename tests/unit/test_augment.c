/* test_augment.c: flips and shifts do what they say, by seed, epoch and image. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "data/augment.h"

#include <stdbool.h>
#include <string.h>

enum { W = 7, H = 5, SIZE = W * H * 3 };

static uint8_t picture[SIZE];

static int fill(void **state)
{
	(void)state;
	for (int i = 0; i < SIZE; i++)
		picture[i] = (uint8_t)(i * 37 + 11);
	return 0;
}

static int clamp(int x, int high)
{
	return x < 0 ? 0 : x > high ? high : x;
}

/* The slow way: move, then mirror. */
static void reference(int across, int down, bool flip, bool flip_vertical, uint8_t *out)
{
	for (int y = 0; y < H; y++) {
		for (int x = 0; x < W; x++) {
			int from_x = clamp((flip ? W - 1 - x : x) - across, W - 1);
			int from_y = clamp((flip_vertical ? H - 1 - y : y) - down, H - 1);

			memcpy(out + 3 * (y * W + x), picture + 3 * (from_y * W + from_x), 3);
		}
	}
}

/* Which of the changes up to `shift` gives this result: their number, and the last one found. */
static int explain(const uint8_t *result, int shift, bool flips, int found[4])
{
	int ways = 0;

	for (int across = -shift; across <= shift; across++) {
		for (int down = -shift; down <= shift; down++) {
			for (int flip = 0; flip < (flips ? 4 : 1); flip++) {
				uint8_t expected[SIZE];

				reference(across, down, flip & 1, flip >> 1, expected);
				if (memcmp(expected, result, SIZE) == 0) {
					ways++;
					found[0] = across;
					found[1] = down;
					found[2] = flip & 1;
					found[3] = flip >> 1;
				}
			}
		}
	}
	return ways;
}

static void every_result_is_one_shift_and_flip(void **state)
{
	const struct cs_augment augment = {.flip = true, .flip_vertical = true, .shift = 3};
	int seen[4][7] = {{0}};

	(void)state;
	for (int i = 0; i < 400; i++) {
		uint8_t out[SIZE];
		int found[4];

		cs_augment_apply(&augment, 9, 2, i, W, H, picture, out);
		assert_int_equal(explain(out, 3, true, found), 1);
		seen[0][found[0] + 3]++;
		seen[1][found[1] + 3]++;
		seen[2][found[2]]++;
		seen[3][found[3]]++;
	}
	for (int s = 0; s < 7; s++) {
		assert_in_range(seen[0][s], 30, 90);
		assert_in_range(seen[1][s], 30, 90);
	}
	assert_in_range(seen[2][1], 160, 240);
	assert_in_range(seen[3][1], 160, 240);
}

static void same_seed_epoch_and_image_same_bits(void **state)
{
	const struct cs_augment augment = {.flip = true, .shift = 2};
	uint8_t a[SIZE], b[SIZE];
	int differ = 0;

	(void)state;
	for (int i = 0; i < 50; i++) {
		cs_augment_apply(&augment, 1, 7, i, W, H, picture, a);
		cs_augment_apply(&augment, 1, 7, i, W, H, picture, b);
		assert_memory_equal(a, b, SIZE);
		cs_augment_apply(&augment, 1, 8, i, W, H, picture, b);
		differ += memcmp(a, b, SIZE) != 0;
	}
	assert_true(differ > 30);
}

static void nothing_asked_nothing_changed(void **state)
{
	const struct cs_augment none = {0}, flip = {.flip = true};
	uint8_t out[SIZE];

	(void)state;
	assert_false(cs_augment_active(&none));
	assert_true(cs_augment_active(&flip));
	for (int i = 0; i < 20; i++) {
		cs_augment_apply(&none, 1, 1, i, W, H, picture, out);
		assert_memory_equal(out, picture, SIZE);
	}
}

static void shifting_is_the_same_with_and_without_flips(void **state)
{
	const struct cs_augment shift = {.shift = 2}, both = {.shift = 2, .flip = true};

	(void)state;
	for (int i = 0; i < 100; i++) {
		uint8_t a[SIZE], b[SIZE];
		int x[4], y[4];

		cs_augment_apply(&shift, 3, 1, i, W, H, picture, a);
		cs_augment_apply(&both, 3, 1, i, W, H, picture, b);
		assert_int_equal(explain(a, 2, false, x), 1);
		assert_int_equal(explain(b, 2, true, y), 1);
		assert_int_equal(x[0], y[0]);
		assert_int_equal(x[1], y[1]);
	}
}

static void shifts_wider_than_the_picture_stay_inside_it(void **state)
{
	const struct cs_augment wide = {.shift = 50, .flip = true};

	(void)state;
	for (int i = 0; i < 200; i++) {
		uint8_t out[SIZE];

		cs_augment_apply(&wide, 3, 1, i, W, H, picture, out);
		for (int p = 0; p < W * H; p++) {
			bool known = false;

			for (int q = 0; q < W * H && !known; q++)
				known = memcmp(out + 3 * p, picture + 3 * q, 3) == 0;
			assert_true(known);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_result_is_one_shift_and_flip),
		cmocka_unit_test(same_seed_epoch_and_image_same_bits),
		cmocka_unit_test(nothing_asked_nothing_changed),
		cmocka_unit_test(shifting_is_the_same_with_and_without_flips),
		cmocka_unit_test(shifts_wider_than_the_picture_stay_inside_it),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
