/* test_measure_pictures.c: similarity, gradients, spectra, colours and perturbations, by hand and by their laws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/random.h"
#include "measure/colour.h"
#include "measure/gradient.h"
#include "measure/perturb.h"
#include "measure/quality.h"
#include "measure/similarity.h"
#include "measure/spectrum.h"

#include <math.h>
#include <string.h>

enum { SIDE = 32, PIXELS = SIDE * SIDE, NUMBERS = PIXELS * 3 };

static void noise(uint64_t stream, float *out, int n)
{
	struct cs_random random;

	cs_random_init(&random, 3, CS_RANDOM_USER, 0, stream);
	for (int i = 0; i < n; i++)
		out[i] = cs_random_between(&random, 0, 255);
}

static double mean_square(const float *a, const float *b, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += (double)(a[i] - b[i]) * (double)(a[i] - b[i]);
	return sum / n;
}

static void correlation_by_hand(void **state)
{
	const float a[4] = {1, 2, 3, 4}, b[4] = {-2, -4, -6, -8}, c[4] = {1, 3, 2, 4},
		    flat[4] = {0.1f, 0.1f, 0.1f, 0.1f};

	(void)state;
	assert_true(fabs(cs_similarity_correlation(a, b, 4) + 1) < 1e-12);
	assert_true(fabs(cs_similarity_correlation(a, c, 4) - 0.8) < 1e-12);
	assert_true(isnan(cs_similarity_correlation(a, flat, 4)));
	assert_true(isnan(cs_similarity_correlation(a, a, 1)));
}

static void ssim_is_one_for_equals_falls_with_noise_and_knows_constants(void **state)
{
	float a[NUMBERS], b[NUMBERS];
	double x, before = 1;

	(void)state;
	noise(0, a, NUMBERS);
	assert_int_equal(cs_similarity_ssim(a, a, SIDE, SIDE, 3, 255, &x, NULL), CS_OK);
	assert_true(fabs(x - 1) < 1e-9);
	for (int i = 1; i < 4; i++) {
		cs_perturb_gaussian(a, SIDE, SIDE, 3, 0.1f * (float)i, 1, 1, b);
		cs_similarity_ssim(a, b, SIDE, SIDE, 3, 255, &x, NULL);
		assert_true(x < before);
		before = x;
	}
	/* two constants: (2 m n + C1) / (m^2 + n^2 + C1), the rest is 1 */
	for (int i = 0; i < NUMBERS; i++) {
		a[i] = 100;
		b[i] = 50;
	}
	cs_similarity_ssim(a, b, SIDE, SIDE, 3, 255, &x, NULL);
	assert_true(fabs(x - (10000 + 6.5025) / (12500 + 6.5025)) < 1e-6);
	cs_similarity_ssim(a, a, 3, 4, 1, 0, &x, NULL);
	assert_true(isnan(x));
}

static void sobel_of_a_ramp_is_its_slope(void **state)
{
	float image[5 * 6], out[5 * 6];

	(void)state;
	for (int i = 0; i < 30; i++)
		image[i] = (float)(3 * (i % 6) + 4 * (i / 6));
	cs_gradient_sobel(image, 5, 6, 1, out);
	for (int y = 1; y < 4; y++) {
		for (int x = 1; x < 5; x++)
			assert_true(fabsf(out[y * 6 + x] - 5) < 1e-5f);
	}
	assert_true(out[0] < 5); /* repeated borders halve it there */
}

static void windows_are_means_over_what_lies_inside(void **state)
{
	const float map[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	const struct cs_windows windows = {.rows = 2, .columns = 2, .start = {-1, 0}, .step = {2, 3}, .size = {2, 2}};
	float out[4];

	(void)state;
	cs_gradient_windows(map, 3, 3, &windows, out);
	assert_true(out[0] == 1.5f && out[1] == 0 && out[2] == 6 && out[3] == 0);
}

static void power_obeys_parseval_and_sits_where_the_wave_is(void **state)
{
	float image[24 * 20], power[24 * 20];
	double sum = 0, square = 0, rings[10];

	(void)state;
	noise(5, image, 24 * 20);
	assert_int_equal(cs_spectrum_power(image, 24, 20, 1, false, power, NULL), CS_OK);
	for (int i = 0; i < 24 * 20; i++) {
		sum += (double)power[i];
		square += (double)image[i] * (double)image[i];
	}
	assert_true(fabs(sum / (24 * 20) / square - 1) < 1e-5);
	for (int i = 0; i < 24 * 20; i++)
		image[i] = cosf(6.2831853f * (3.0f * (float)(i / 20) / 24 + 2.0f * (float)(i % 20) / 20));
	cs_spectrum_power(image, 24, 20, 1, false, power, NULL);
	for (int i = 0; i < 24 * 20; i++) {
		bool here = i == 3 * 20 + 2 || i == 21 * 20 + 18;

		assert_true(here ? fabsf(power[i] / (240.0f * 240) - 1) < 1e-4f : power[i] < 1);
	}
	cs_spectrum_radial(power, 24, 20, 10, rings); /* 0.16 cycles a pixel */
	for (int b = 0; b < 10; b++)
		assert_true(b == 3 ? rings[b] > 100 : rings[b] < 1);
}

/* The power of ten pictures of noise, with a dot in every fourth row and column of this brightness. */
static void power_of_dots(float brightness, float *power)
{
	float image[64 * 64], one[64 * 64];

	memset(power, 0, sizeof image);
	for (uint64_t k = 0; k < 10; k++) {
		noise(100 + k, image, 64 * 64);
		for (int i = 0; i < 64 * 64; i++)
			image[i] += i / 64 % 4 == 1 && i % 4 == 2 ? brightness : 0;
		assert_int_equal(cs_spectrum_power(image, 64, 64, 1, true, one, NULL), CS_OK);
		for (int i = 0; i < 64 * 64; i++)
			power[i] += one[i];
	}
}

static void a_grid_shows_at_its_own_period_alone(void **state)
{
	float power[64 * 64];
	double plain;

	(void)state;
	power_of_dots(0, power);
	plain = cs_spectrum_grid(power, 64, 64, 4);
	assert_true(fabs(plain - 1) < 0.2);
	power_of_dots(200, power);
	assert_true(cs_spectrum_grid(power, 64, 64, 4) > 4);
	assert_true(cs_spectrum_grid(power, 64, 64, 5) < 1.3);
	assert_true(isnan(cs_spectrum_grid(power, 64, 64, 9)));
	assert_true(isnan(cs_spectrum_grid(power, 64, 64, 1)));
}

static void hues_turn_around_the_wheel(void **state)
{
	const float rgb[12] = {255, 0, 0, 154, 223, 222, 90, 90, 90, 10, 200, 60};
	const float green[12] = {0, 255, 0, 222, 154, 223, 90, 90, 90, 60, 10, 200};
	float out[12];

	(void)state;
	cs_colour_rotate(rgb, 4, 120, out);
	for (int i = 0; i < 12; i++)
		assert_true(fabsf(out[i] - green[i]) < 0.01f);
	for (int i = 0; i < 4; i++)
		cs_colour_rotate(i ? out : rgb, 4, 90, out);
	for (int i = 0; i < 12; i++)
		assert_true(fabsf(out[i] - rgb[i]) < 0.01f);
}

static void channels_go_and_change_places(void **state)
{
	const float rgb[3] = {100, 150, 200}, gain[3] = {0, 1, 2};
	float out[3];

	(void)state;
	cs_colour_gain(rgb, 1, gain, out);
	assert_true(out[0] == 0 && out[1] == 150 && out[2] == 255);
	cs_colour_reorder(rgb, 1, (const int[3]){2, 0, 1}, out);
	assert_true(out[0] == 200 && out[1] == 100 && out[2] == 150);
	cs_colour_grey(rgb, 1, out);
	assert_true(out[0] == out[2] && fabsf(out[1] - 140.75f) < 0.01f);
}

static void noise_depends_on_seed_and_sample_alone_and_grows_with_its_level(void **state)
{
	float a[NUMBERS], b[NUMBERS], c[NUMBERS];
	int changed = 0;

	(void)state;
	for (int i = 0; i < NUMBERS; i++)
		a[i] = 128;
	cs_perturb_gaussian(a, SIDE, SIDE, 3, 0.1f, 4, 17, b);
	cs_perturb_gaussian(a, SIDE, SIDE, 3, 0.1f, 4, 17, c);
	assert_memory_equal(b, c, sizeof b);
	assert_true(fabs(sqrt(mean_square(a, b, NUMBERS)) / 25.5 - 1) < 0.05);
	cs_perturb_gaussian(a, SIDE, SIDE, 3, 0.1f, 4, 18, c);
	assert_true(mean_square(b, c, NUMBERS) > 500);
	cs_perturb_salt_pepper(a, SIDE, SIDE, 3, 0.2f, 4, 17, b);
	for (int i = 0; i < PIXELS; i++) {
		assert_true(b[i * 3] == b[i * 3 + 1] && (b[i * 3] == 128 || b[i * 3] == 0 || b[i * 3] == 255));
		changed += b[i * 3] != 128;
	}
	assert_in_range(changed, PIXELS / 5 - 45, PIXELS / 5 + 45);
}

static void blur_keeps_constants_and_the_mean_and_takes_noise_away(void **state)
{
	float a[NUMBERS], b[NUMBERS];
	double before = 0, after = 0;

	(void)state;
	noise(8, a, NUMBERS);
	assert_int_equal(cs_perturb_blur(a, SIDE, SIDE, 3, 0, b, NULL), CS_OK);
	assert_memory_equal(a, b, sizeof a);
	cs_perturb_blur(a, SIDE, SIDE, 3, 2, b, NULL);
	for (int i = 0; i < NUMBERS; i++) {
		before += (double)(a[i] - 127.5f) * (double)(a[i] - 127.5f);
		after += (double)(b[i] - 127.5f) * (double)(b[i] - 127.5f);
	}
	assert_true(after < before / 10);
	for (int i = 0; i < NUMBERS; i++)
		a[i] = 77;
	cs_perturb_blur(a, SIDE, SIDE, 3, 3, b, NULL);
	for (int i = 0; i < NUMBERS; i++)
		assert_true(fabsf(b[i] - 77) < 1e-3f);
	assert_int_equal(cs_perturb_blur(a, SIDE, SIDE, 3, -1, b, NULL), CS_ERR_ARGUMENT);
}

static void jpeg_loses_more_at_lower_quality_and_next_to_nothing_at_100(void **state)
{
	float a[30 * 27 * 3], b[30 * 27 * 3];
	double before;

	(void)state;
	for (int i = 0; i < 30 * 27; i++) {
		for (int k = 0; k < 3; k++)
			a[i * 3 + k] =
				127 + 100 * sinf((float)(i / 27) * 0.4f + (float)k) * cosf((float)(i % 27) * 0.9f);
	}
	cs_perturb_jpeg(a, 30, 27, 100, b);
	before = mean_square(a, b, 30 * 27 * 3);
	assert_true(before < 1);
	for (int quality = 80; quality >= 10; quality -= 35) {
		double now;

		cs_perturb_jpeg(a, 30, 27, quality, b);
		now = mean_square(a, b, 30 * 27 * 3);
		assert_true(now > before);
		before = now;
	}
	assert_true(before < 1000);
}

static void motions_put_pixels_where_they_say(void **state)
{
	float a[25] = {0}, b[25];

	(void)state;
	a[1 * 5 + 1] = 100;
	cs_perturb_move(a, 5, 5, 1, &(struct cs_motion){.scale = 1, .down = 2, .right = 1}, b);
	assert_true(b[3 * 5 + 2] == 100 && b[6] == 0);
	a[6] = 0;
	a[1 * 5 + 2] = 100; /* above the centre: a quarter turn counter-clockwise brings it to the left */
	cs_perturb_move(a, 5, 5, 1, &(struct cs_motion){.scale = 1, .degrees = 90}, b);
	assert_true(fabsf(b[2 * 5 + 1] - 100) < 0.01f);
	cs_perturb_move(a, 5, 5, 1, &(struct cs_motion){.scale = 2}, b); /* twice as far from the centre */
	assert_true(fabsf(b[0 * 5 + 2] - 100) < 0.01f && fabsf(b[1 * 5 + 2] - 50) < 0.01f);
}

static void scrambling_moves_patches_and_loses_nothing(void **state)
{
	float a[NUMBERS], b[NUMBERS];
	double sum = 0;

	(void)state;
	noise(9, a, NUMBERS);
	assert_int_equal(cs_perturb_scramble(a, SIDE, SIDE, 3, 8, 1, 2, b, NULL), CS_OK);
	assert_true(mean_square(a, b, NUMBERS) > 100);
	for (int i = 0; i < NUMBERS; i++)
		sum += (double)a[i] - (double)b[i];
	assert_true(fabs(sum) < 1e-6);
	for (int patch = 0; patch < 16; patch++) { /* every patch of b is one of a, row by row */
		const float *at = b + ((patch / 4 * 8) * SIDE + patch % 4 * 8) * 3;
		int found = 0;

		for (int from = 0; from < 16; from++) {
			const float *in = a + ((from / 4 * 8) * SIDE + from % 4 * 8) * 3;
			bool same = true;

			for (int y = 0; y < 8; y++)
				same = same && !memcmp(at + y * SIDE * 3, in + y * SIDE * 3, sizeof(float) * 24);
			found += same;
		}
		assert_int_equal(found, 1);
	}
	assert_int_equal(cs_perturb_scramble(a, SIDE, SIDE, 3, 0, 1, 2, b, NULL), CS_ERR_ARGUMENT);
}

static void occlusion_is_clipped_to_the_picture(void **state)
{
	float a[16] = {0};
	const float fill = 9;

	(void)state;
	cs_perturb_occlude(a, 4, 4, 1, -1, 2, 3, &fill);
	for (int i = 0; i < 16; i++)
		assert_true(a[i] == (i / 4 < 2 && i % 4 >= 2 ? 9.0f : 0.0f));
}

static void running_out_of_memory_is_reported(void **state)
{
	float a[NUMBERS], b[NUMBERS];
	double x;

	(void)state;
	noise(1, a, NUMBERS);
	for (long nth = 1; nth <= 4; nth++) {
		cs_alloc_fail_after(nth);
		assert_int_equal(cs_spectrum_power(a, SIDE, SIDE, 3, true, b, NULL), CS_ERR_MEMORY);
	}
	for (long nth = 1; nth <= 2; nth++) {
		cs_alloc_fail_after(nth);
		assert_int_equal(cs_perturb_blur(a, SIDE, SIDE, 3, 1, b, NULL), CS_ERR_MEMORY);
	}
	cs_alloc_fail_after(1);
	assert_int_equal(cs_similarity_ssim(a, a, SIDE, SIDE, 3, 0, &x, NULL), CS_ERR_MEMORY);
	assert_int_equal(cs_similarity_edges(a, a, SIDE, SIDE, 3, &x, NULL), CS_ERR_MEMORY);
	assert_int_equal(cs_perturb_scramble(a, SIDE, SIDE, 3, 8, 0, 0, b, NULL), CS_ERR_MEMORY);
	cs_alloc_fail_after(0);
}

/* A ramp with an edge, plus normal noise of deviation `noise`, blurred `blurred` times by a 3-tap mean along both axes. */
static void make_scene(float *plane, int side, double noise, int blurred)
{
	struct cs_random random;

	cs_random_init(&random, 9, CS_RANDOM_USER, 0, 0);
	for (int i = 0; i < side * side; i++)
		plane[i] = (float)(i % side + 2 * (i / side) + (i % side > side / 2 ? 60 : 0) + noise * (double)cs_random_normal(&random));
	for (int b = 0; b < blurred; b++) {
		for (int y = 0; y < side; y++) {
			for (int x = 1; x < side - 1; x++)
				plane[y * side + x] = (plane[y * side + x - 1] + plane[y * side + x] + plane[y * side + x + 1]) / 3;
		}
		for (int y = 1; y < side - 1; y++) {
			for (int x = 0; x < side; x++)
				plane[y * side + x] = (plane[(y - 1) * side + x] + plane[y * side + x] + plane[(y + 1) * side + x]) / 3;
		}
	}
}

static void the_noise_that_was_added_is_measured(void **state)
{
	enum { EDGE = 96 };
	static float plane[EDGE * EDGE];

	(void)state;
	for (int sigma = 0; sigma <= 20; sigma += 5) {
		make_scene(plane, EDGE, sigma, 0);
		assert_true(fabs(cs_quality_noise(plane, EDGE, EDGE, 0) - sigma) < 0.05 * sigma + 0.01);
	}
	/* a slanted edge, which the mask takes for noise, is left out as one of the strongest */
	for (int i = 0; i < EDGE * EDGE; i++)
		plane[i] = i % EDGE + i / EDGE > EDGE ? 200 : 50;
	assert_true(cs_quality_noise(plane, EDGE, EDGE, 0.1) < 0.2 * cs_quality_noise(plane, EDGE, EDGE, 0));
	assert_true(isnan(cs_quality_noise(plane, 2, 96, 0)));
}

static void blur_lowers_sharpness_and_contrast_does_not(void **state)
{
	enum { EDGE = 48 };
	static float plane[EDGE * EDGE];
	double before = INFINITY, sharp;

	(void)state;
	for (int blurred = 0; blurred < 4; blurred++) {
		make_scene(plane, EDGE, 0, blurred);
		sharp = cs_quality_sharpness(plane, EDGE, EDGE);
		assert_true(sharp < 0.95 * before);
		before = sharp;
		for (int i = 0; i < EDGE * EDGE; i++)
			plane[i] = 3 * plane[i] - 100;
		assert_true(fabs(cs_quality_sharpness(plane, EDGE, EDGE) / sharp - 1) < 1e-3);
	}
	for (int i = 0; i < EDGE * EDGE; i++)
		plane[i] = 7;
	assert_true(isnan(cs_quality_sharpness(plane, EDGE, EDGE)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(correlation_by_hand),
		cmocka_unit_test(ssim_is_one_for_equals_falls_with_noise_and_knows_constants),
		cmocka_unit_test(sobel_of_a_ramp_is_its_slope),
		cmocka_unit_test(the_noise_that_was_added_is_measured),
		cmocka_unit_test(blur_lowers_sharpness_and_contrast_does_not),
		cmocka_unit_test(windows_are_means_over_what_lies_inside),
		cmocka_unit_test(power_obeys_parseval_and_sits_where_the_wave_is),
		cmocka_unit_test(a_grid_shows_at_its_own_period_alone),
		cmocka_unit_test(hues_turn_around_the_wheel),
		cmocka_unit_test(channels_go_and_change_places),
		cmocka_unit_test(noise_depends_on_seed_and_sample_alone_and_grows_with_its_level),
		cmocka_unit_test(blur_keeps_constants_and_the_mean_and_takes_noise_away),
		cmocka_unit_test(jpeg_loses_more_at_lower_quality_and_next_to_nothing_at_100),
		cmocka_unit_test(motions_put_pixels_where_they_say),
		cmocka_unit_test(scrambling_moves_patches_and_loses_nothing),
		cmocka_unit_test(occlusion_is_clipped_to_the_picture),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
