/* test_resampling.c: what rotations, crops, colour jitter and cutout do to a picture. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "data/augment.h"
#include "data/jitter.h"
#include "data/warp.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { N = 16, SIZE = N * N * 3 };

static uint8_t picture[SIZE];

static int fill(void **state)
{
	(void)state;
	for (int i = 0; i < SIZE; i++)
		picture[i] = (uint8_t)(i * i * 7 + i * 13);
	return 0;
}

static void the_identity_changes_no_byte(void **state)
{
	const struct cs_warp identity = {{1, 0, 0}, {0, 1, 0}};
	const struct cs_jitter plain = {1, 1, 1, 0};
	uint8_t out[SIZE];

	(void)state;
	cs_warp_apply(&identity, N, N, picture, out);
	assert_memory_equal(out, picture, SIZE);
	cs_jitter_apply(&plain, N * N, out);
	for (int i = 0; i < SIZE; i++)
		assert_true(abs(out[i] - picture[i]) <= 1);
}

static void a_quarter_turn_transposes_and_mirrors(void **state)
{
	/* (x, y) of the result lies at (y, N - x) */
	const struct cs_warp turn = {{0, 1, 0}, {-1, 0, N}};
	uint8_t out[SIZE];

	(void)state;
	cs_warp_apply(&turn, N, N, picture, out);
	for (int y = 0; y < N; y++) {
		for (int x = 0; x < N; x++)
			assert_memory_equal(out + 3 * (y * N + x), picture + 3 * ((N - 1 - x) * N + y), 3);
	}
}

static void half_a_pixel_is_the_mean_of_two_and_edges_repeat(void **state)
{
	const struct cs_warp half = {{1, 0, 0.5}, {0, 1, 0}}, far = {{1, 0, 10 * N}, {0, 1, -10 * N}};
	uint8_t out[SIZE];

	(void)state;
	cs_warp_apply(&half, N, N, picture, out);
	for (int y = 0; y < N; y++) {
		for (int i = 0; i < 3 * (N - 1); i++)
			assert_int_equal(
				out[3 * y * N + i], (picture[3 * y * N + i] + picture[3 * y * N + i + 3] + 1) / 2);
		assert_memory_equal(out + 3 * (y * N + N - 1), picture + 3 * (y * N + N - 1), 3);
	}
	cs_warp_apply(&far, N, N, picture, out);
	for (int p = 0; p < N * N; p++)
		assert_memory_equal(out + 3 * p, picture + 3 * (N - 1), 3);
}

static void rotation_keeps_the_middle_and_the_distances(void **state)
{
	const struct cs_augment any = {.rotate = 180};
	uint8_t spot[SIZE] = {0}, out[SIZE];
	int quadrants[4] = {0};

	(void)state;
	/* a bright spot to the right of the middle comes out as far away, anywhere around */
	for (int y = -1; y <= 1; y++)
		memset(spot + 3 * ((N / 2 + y) * N + N / 2 + 3), 255, 9);
	for (int i = 0; i < 200; i++) {
		double sum = 0, cx = 0, cy = 0;

		cs_augment_apply(&any, 4, 0, i, N, N, spot, out);
		for (int p = 0; p < N * N; p++) {
			sum += out[3 * p];
			cx += out[3 * p] * (p % N + 0.5 - N / 2);
			cy += out[3 * p] * (p / N + 0.5 - N / 2);
		}
		assert_true(sum > 100);
		cx /= sum;
		cy /= sum;
		assert_true(fabs(sqrt(cx * cx + cy * cy) - sqrt(4.5 * 4.5 + 0.5 * 0.5)) < 0.2);
		quadrants[2 * (cy > 0) + (cx > 0)]++;
	}
	for (int q = 0; q < 4; q++)
		assert_in_range(quadrants[q], 25, 80);
}

/* A crop of a share s of a ramp leaves a ramp whose slopes, multiplied, are s. */
static void crops_keep_the_share_they_promise(void **state)
{
	enum { M = 64 };
	static uint8_t ramp[M * M * 3], out[M * M * 3];
	const struct cs_augment crop = {.crop = 0.25f};
	double least = 1, most = 0;

	(void)state;
	for (int p = 0; p < M * M; p++) {
		ramp[3 * p] = (uint8_t)(p % M * 4);
		ramp[3 * p + 1] = (uint8_t)(p / M * 4);
	}
	for (int i = 0; i < 300; i++) {
		double across, down, share, ratio;

		cs_augment_apply(&crop, 5, 3, i, M, M, ramp, out);
		across = (out[3 * (M / 2 * M + M - 2)] - out[3 * (M / 2 * M + 1)]) / (4.0 * (M - 3));
		down = (out[3 * ((M - 2) * M + M / 2) + 1] - out[3 * (M + M / 2) + 1]) / (4.0 * (M - 3));
		share = across * down;
		ratio = across / down;
		assert_true(share > 0.23 && share < 1.02);
		assert_true(ratio > 0.72 && ratio < 1.39);
		least = share < least ? share : least;
		most = share > most ? share : most;
	}
	assert_true(least < 0.3 && most > 0.9);
}

static void colours_change_as_they_are_asked_to(void **state)
{
	const struct cs_jitter bright = {1.5f, 1, 1, 0}, flat = {1, 0, 1, 0}, grey = {1, 1, 0, 0},
			       around = {1, 1, 1, 360};
	uint8_t out[SIZE];
	double luma = 0;

	(void)state;
	for (int p = 0; p < N * N; p++)
		luma += (0.299 * picture[3 * p] + 0.587 * picture[3 * p + 1] + 0.114 * picture[3 * p + 2]) / (N * N);
	memcpy(out, picture, SIZE);
	cs_jitter_apply(&bright, N * N, out);
	for (int i = 0; i < SIZE; i++)
		assert_true(fabs(out[i] - fmin(255, 1.5 * picture[i])) <= 1);
	memcpy(out, picture, SIZE);
	cs_jitter_apply(&flat, N * N, out);
	for (int i = 0; i < SIZE; i++)
		assert_true(fabs(out[i] - luma) <= 1);
	memcpy(out, picture, SIZE);
	cs_jitter_apply(&grey, N * N, out);
	for (int p = 0; p < N * N; p++) {
		assert_true(abs(out[3 * p] - out[3 * p + 1]) <= 1 && abs(out[3 * p] - out[3 * p + 2]) <= 1);
		assert_true(fabs(out[3 * p] -
				    (0.299 * picture[3 * p] + 0.587 * picture[3 * p + 1] +
					    0.114 * picture[3 * p + 2])) <= 1);
	}
	memcpy(out, picture, SIZE);
	cs_jitter_apply(&around, N * N, out);
	for (int i = 0; i < SIZE; i++)
		assert_true(abs(out[i] - picture[i]) <= 1);
}

static void hue_and_saturation_leave_greys_alone_and_hue_moves_red(void **state)
{
	const struct cs_jitter wild = {1, 1, 1.8f, 77}, turned = {1, 1, 1, 120};
	uint8_t greys[256 * 3], red[3] = {200, 40, 40};

	(void)state;
	for (int i = 0; i < 256; i++)
		memset(greys + 3 * i, i, 3);
	cs_jitter_apply(&wild, 256, greys);
	for (int i = 0; i < 768; i++)
		assert_true(abs(greys[i] - i / 3) <= 1);
	cs_jitter_apply(&turned, 1, red);
	assert_true(red[0] < 120 && (red[1] > red[0] || red[2] > red[0]));
}

static void the_hole_is_grey_of_its_size_and_the_rest_untouched(void **state)
{
	const struct cs_augment moved = {.flip = true, .shift = 2}, cut = {.flip = true, .shift = 2, .cutout = 6};
	bool whole = false;

	(void)state;
	for (int i = 0; i < 100; i++) {
		uint8_t a[SIZE], b[SIZE];
		int changed = 0;

		cs_augment_apply(&moved, 6, 1, i, N, N, picture, a);
		cs_augment_apply(&cut, 6, 1, i, N, N, picture, b);
		for (int p = 0; p < N * N; p++) {
			if (!memcmp(a + 3 * p, b + 3 * p, 3))
				continue;
			changed++;
			assert_true(b[3 * p] == 128 && b[3 * p + 1] == 128 && b[3 * p + 2] == 128);
		}
		assert_in_range(changed, 3 * 3, 6 * 6);
		whole = whole || changed == 36;
	}
	assert_true(whole);
}

static void nonsense_is_refused_by_name(void **state)
{
	const struct {
		struct cs_augment augment;
		const char *names;
	} cases[] = {
		{{.rotate = 400}, "rotate"},
		{{.rotate = NAN}, "rotate"},
		{{.crop = 1.5f}, "crop"},
		{{.crop = 0.001f}, "crop"},
		{{.brightness = -0.1f}, "brightness"},
		{{.hue = 200}, "hue"},
		{{.cutout = -1}, "cutout"},
		{{.shift = -2}, "shift"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cs_error error;

		assert_int_equal(cs_augment_check(&cases[i].augment, &error), CS_ERR_ARGUMENT);
		assert_non_null(strstr(error.message, cases[i].names));
	}
	assert_int_equal(cs_augment_check(&(struct cs_augment){.rotate = 360, .crop = 1, .hue = 180}, NULL), CS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_identity_changes_no_byte),
		cmocka_unit_test(a_quarter_turn_transposes_and_mirrors),
		cmocka_unit_test(half_a_pixel_is_the_mean_of_two_and_edges_repeat),
		cmocka_unit_test(rotation_keeps_the_middle_and_the_distances),
		cmocka_unit_test(crops_keep_the_share_they_promise),
		cmocka_unit_test(colours_change_as_they_are_asked_to),
		cmocka_unit_test(hue_and_saturation_leave_greys_alone_and_hue_moves_red),
		cmocka_unit_test(the_hole_is_grey_of_its_size_and_the_rest_untouched),
		cmocka_unit_test(nonsense_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
