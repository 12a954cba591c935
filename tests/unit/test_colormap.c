/* test_colormap.c: colour maps that can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "figure/colormap.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static double linear(uint8_t byte)
{
	double x = byte / 255.0;

	return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

/* CIE L*, another measure of lightness than the one the maps are made with. */
static double lightness(struct cs_rgb c)
{
	double y = 0.2126 * linear(c.r) + 0.7152 * linear(c.g) + 0.0722 * linear(c.b);

	return y > 0.008856 ? 116 * cbrt(y) - 16 : 903.3 * y;
}

/* As a person without the red (protan) or green (deutan) cones sees it: a common linear approximation of the confusion. */
static struct cs_rgb deficient(struct cs_rgb c, bool protan)
{
	double r = linear(c.r), g = linear(c.g), b = linear(c.b);
	double mixed = protan ? 0.11 * r + 0.89 * g : 0.29 * r + 0.71 * g;
	double out[3] = {mixed, mixed, protan ? b : -0.02 * r + 0.02 * g + b};
	uint8_t bytes[3];

	for (int k = 0; k < 3; k++) {
		double x = out[k] < 0 ? 0 : out[k] > 1 ? 1 : out[k];

		bytes[k] = (uint8_t)lrint(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055));
	}
	return (struct cs_rgb){bytes[0], bytes[1], bytes[2]};
}

static void lightness_rises_evenly(void **state)
{
	static const char *const names[] = {"grey", "heat"};

	(void)state;
	for (int m = 0; m < 2; m++) {
		const struct cs_colormap *map = cs_colormap_find(names[m]);

		for (int i = 1; i < 256; i++) {
			double step = lightness(map->at[i]) - lightness(map->at[i - 1]);

			assert_true(step > -0.15 && step < 1.5); /* a byte's rounding is allowed, a step back is not */
		}
		for (int i = 8; i < 256; i++)
			assert_true(lightness(map->at[i]) > lightness(map->at[i - 8]) + 0.5);
		assert_true(lightness(map->at[0]) < 8);
		assert_true(lightness(map->at[255]) > 92);
	}
}

static void the_diverging_map_is_lightest_in_the_middle_on_both_sides_alike(void **state)
{
	const struct cs_colormap *map = cs_colormap_find("diverging");

	(void)state;
	for (int i = 8; i < 128; i++) {
		assert_true(lightness(map->at[i]) > lightness(map->at[i - 8]) + 0.5);
		assert_true(lightness(map->at[255 - i]) > lightness(map->at[255 - i + 8]) + 0.5);
		assert_true(fabs(lightness(map->at[i]) - lightness(map->at[255 - i])) < 8);
	}
	assert_true(map->at[0].b > map->at[0].r + 80);
	assert_true(map->at[255].r > map->at[255].b + 80);
	assert_true(lightness(map->at[127]) > 94);
}

static void maps_can_be_read_without_red_or_green(void **state)
{
	const struct cs_colormap *heat = cs_colormap_find("heat"), *two = cs_colormap_find("diverging");

	(void)state;
	for (int protan = 0; protan < 2; protan++) {
		struct cs_rgb low = deficient(two->at[20], protan), high = deficient(two->at[235], protan);

		for (int i = 16; i < 256; i++)
			assert_true(lightness(deficient(heat->at[i], protan)) >
				lightness(deficient(heat->at[i - 16], protan)));
		/* The two ends differ in blue against yellow, which both see. */
		assert_true((low.b - low.r) - (high.b - high.r) > 100);
	}
}

static void colours_are_clamped_and_nan_is_magenta(void **state)
{
	const struct cs_colormap *map = cs_colormap_find("heat");
	struct cs_rgb c = cs_colormap_at(map, NAN, 0, 1);

	(void)state;
	assert_true(c.r == 255 && c.g == 0 && c.b == 255);
	c = cs_colormap_at(map, -5, 0, 1);
	assert_memory_equal(&c, &map->at[0], sizeof c);
	c = cs_colormap_at(map, INFINITY, 0, 1);
	assert_memory_equal(&c, &map->at[255], sizeof c);
	c = cs_colormap_at(map, 0.2f, 0, 1);
	assert_memory_equal(&c, &map->at[51], sizeof c);
	c = cs_colormap_at(map, 3, 3, 3);
	assert_memory_equal(&c, &map->at[128], sizeof c);
	assert_null(cs_colormap_find("jet"));
}

static void neighbouring_series_have_different_colours(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++)
		for (int k = 0; k < i; k++) {
			struct cs_rgb a = cs_series_colour(i), b = cs_series_colour(k);

			assert_true(abs(a.r - b.r) + abs(a.g - b.g) + abs(a.b - b.b) > 60);
		}
	assert_int_equal(cs_series_colour(7).g, cs_series_colour(0).g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lightness_rises_evenly),
		cmocka_unit_test(the_diverging_map_is_lightest_in_the_middle_on_both_sides_alike),
		cmocka_unit_test(maps_can_be_read_without_red_or_green),
		cmocka_unit_test(colours_are_clamped_and_nan_is_magenta),
		cmocka_unit_test(neighbouring_series_have_different_colours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
