/* test_montage.c: what numbers look like, and that the scale is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "figure/montage.h"

#include <math.h>
#include <string.h>

static struct cs_error error;
static const struct cs_scale own = {CS_SCALE_OWN, 0}, shared = {CS_SCALE_SHARED, 0};

static const uint8_t *pixel(const struct cs_picture *picture, int x, int y)
{
	return picture->rgb + 3 * (y * picture->width + x);
}

static void assert_colour(const struct cs_picture *picture, int x, int y, int r, int g, int b)
{
	const uint8_t *at = pixel(picture, x, y);

	assert_int_equal(at[0], r);
	assert_int_equal(at[1], g);
	assert_int_equal(at[2], b);
}

static void three_channels_are_colour_around_mid_grey(void **state)
{
	float data[] = {0, 0, 0, 2, -2, 0, 1, -1, -0.5f};
	struct cs_tensor image = cs_tensor_view(data, CS_SHAPE(1, 3, 3));
	struct cs_picture picture;
	float used;

	(void)state;
	assert_int_equal(cs_montage_image(&image, own, NULL, &picture, &used, &error), CS_OK);
	assert_true(used == 2);
	assert_colour(&picture, 0, 0, 128, 128, 128);
	assert_colour(&picture, 1, 0, 255, 0, 128);
	assert_colour(&picture, 2, 0, 192, 64, 96);
	cs_picture_fini(&picture);
}

static void silence_is_mid_grey_with_limit_0(void **state)
{
	for (int channels = 1; channels <= 5; channels++) {
		float data[20] = {0};
		struct cs_tensor image = cs_tensor_view(data, CS_SHAPE(2, 2, channels));
		struct cs_picture picture;
		float used = -1;

		assert_int_equal(
			cs_montage_image(&image, own, cs_colormap_find("heat"), &picture, &used, &error), CS_OK);
		assert_true(used == 0);
		assert_colour(&picture, 1, 1, 128, 128, 128);
		cs_picture_fini(&picture);
	}
	(void)state;
}

static void nan_is_magenta_and_does_not_set_the_scale(void **state)
{
	float colour[] = {NAN, 0, 0, 1, 0, 0}, grey[] = {NAN, 0.5f, -1, INFINITY};
	struct cs_tensor image = cs_tensor_view(colour, CS_SHAPE(1, 2, 3));
	struct cs_picture picture;
	float used;

	(void)state;
	assert_int_equal(cs_montage_image(&image, own, NULL, &picture, &used, &error), CS_OK);
	assert_true(used == 1);
	assert_colour(&picture, 0, 0, 255, 0, 255);
	cs_picture_fini(&picture);
	image = cs_tensor_view(grey, CS_SHAPE(1, 4, 1));
	assert_int_equal(cs_montage_image(&image, own, NULL, &picture, &used, &error), CS_OK);
	assert_true(used == 1);
	assert_colour(&picture, 0, 0, 255, 0, 255);
	assert_colour(&picture, 2, 0, 0, 0, 0);
	assert_colour(&picture, 3, 0, 255, 255, 255);
	cs_picture_fini(&picture);
}

static void one_channel_is_symmetric_only_where_numbers_are_signed(void **state)
{
	const struct cs_colormap *grey = cs_colormap_find("grey");
	float positive[] = {0, 2}, both[] = {0, -2};
	struct cs_tensor image = cs_tensor_view(positive, CS_SHAPE(1, 2, 1));
	struct cs_picture picture;

	(void)state;
	assert_int_equal(cs_montage_image(&image, own, grey, &picture, NULL, &error), CS_OK);
	assert_int_equal(pixel(&picture, 0, 0)[0], 0);
	assert_int_equal(pixel(&picture, 1, 0)[0], 255);
	cs_picture_fini(&picture);
	image = cs_tensor_view(both, CS_SHAPE(1, 2, 1));
	assert_int_equal(cs_montage_image(&image, own, grey, &picture, NULL, &error), CS_OK);
	assert_int_equal(pixel(&picture, 0, 0)[0], grey->at[128].r);
	assert_int_equal(pixel(&picture, 1, 0)[0], 0);
	cs_picture_fini(&picture);
}

static void other_channels_are_joined_by_their_norm(void **state)
{
	float data[] = {3, 4, 0, 0};
	struct cs_tensor image = cs_tensor_view(data, CS_SHAPE(1, 2, 2));
	struct cs_picture picture;
	float used;

	(void)state;
	assert_int_equal(cs_montage_image(&image, own, NULL, &picture, &used, &error), CS_OK);
	assert_true(used == 5);
	assert_int_equal(pixel(&picture, 0, 0)[0], 255);
	assert_int_equal(pixel(&picture, 1, 0)[0], 0);
	cs_picture_fini(&picture);
}

static void scales_are_own_shared_or_fixed_as_asked(void **state)
{
	float data[] = {1, 1, 1, -4, -4, -4}, used[2];
	struct cs_tensor images = cs_tensor_view(data, CS_SHAPE(2, 1, 1, 3));
	struct cs_scale fixed = {CS_SCALE_FIXED, 2};
	struct cs_picture picture;

	(void)state;
	assert_int_equal(cs_montage_mosaic(&images, own, NULL, 2, 1, 0, &picture, used, &error), CS_OK);
	assert_true(used[0] == 1 && used[1] == 4);
	assert_int_equal(pixel(&picture, 0, 0)[0], 255);
	cs_picture_fini(&picture);
	assert_int_equal(cs_montage_mosaic(&images, shared, NULL, 2, 1, 0, &picture, used, &error), CS_OK);
	assert_true(used[0] == 4 && used[1] == 4);
	assert_int_equal(pixel(&picture, 0, 0)[0], 160);
	cs_picture_fini(&picture);
	assert_int_equal(cs_montage_mosaic(&images, fixed, NULL, 2, 1, 0, &picture, used, &error), CS_OK);
	assert_true(used[0] == 2 && used[1] == 2);
	assert_int_equal(pixel(&picture, 0, 0)[0], 192);
	assert_int_equal(pixel(&picture, 1, 0)[0], 0);
	cs_picture_fini(&picture);
}

static void tiles_stand_where_the_grid_says(void **state)
{
	struct cs_tensor images;
	struct cs_picture picture;

	(void)state;
	assert_int_equal(cs_tensor_init(&images, CS_SHAPE(5, 2, 3, 1), &error), CS_OK);
	for (int i = 0; i < 30; i++)
		images.data[i] = (float)(i / 6 + 1);
	assert_int_equal(
		cs_montage_mosaic(&images, shared, cs_colormap_find("grey"), 0, 4, 2, &picture, NULL, &error), CS_OK);
	assert_int_equal(picture.width, 3 * 12 + 2 * 2);
	assert_int_equal(picture.height, 2 * 8 + 2);
	for (int i = 0; i < 5; i++) {
		int left = i % 3 * 14, top = i / 3 * 10;
		int expected = cs_colormap_at(cs_colormap_find("grey"), (float)(i + 1), 0, 5).r;

		assert_int_equal(pixel(&picture, left, top)[0], expected);
		assert_int_equal(pixel(&picture, left + 11, top + 7)[0], expected);
	}
	assert_colour(&picture, 12, 0, 40, 40, 40);
	assert_colour(&picture, 39, 17, 40, 40, 40);
	cs_picture_fini(&picture);
	cs_tensor_fini(&images);
}

static void pictures_are_laid_out_alike(void **state)
{
	struct cs_picture tiles[3] = {0}, mosaic;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(cs_picture_init(&tiles[i], 4, 3, &error), CS_OK);
		memset(tiles[i].rgb, 50 * (i + 1), 36);
	}
	assert_int_equal(cs_montage_pictures(tiles, 3, 2, 2, 1, &mosaic, &error), CS_OK);
	assert_int_equal(mosaic.width, 17);
	assert_int_equal(mosaic.height, 13);
	assert_colour(&mosaic, 0, 0, 50, 50, 50);
	assert_colour(&mosaic, 16, 5, 100, 100, 100);
	assert_colour(&mosaic, 7, 12, 150, 150, 150);
	assert_colour(&mosaic, 16, 12, 40, 40, 40);
	cs_picture_fini(&mosaic);
	cs_picture_fini(&tiles[2]);
	assert_int_equal(cs_picture_init(&tiles[2], 5, 3, &error), CS_OK);
	assert_int_equal(cs_montage_pictures(tiles, 3, 2, 2, 1, &mosaic, &error), CS_ERR_SHAPE);
	assert_int_equal(cs_montage_pictures(tiles, 0, 2, 2, 1, &mosaic, &error), CS_ERR_ARGUMENT);
	for (int i = 0; i < 3; i++)
		cs_picture_fini(&tiles[i]);
}

static void what_cannot_be_drawn_is_an_error(void **state)
{
	float data[4] = {0};
	struct cs_tensor flat = cs_tensor_view(data, CS_SHAPE(2, 2)),
			 image = cs_tensor_view(data, CS_SHAPE(1, 2, 2, 1));
	struct cs_picture picture;

	(void)state;
	assert_int_equal(cs_montage_image(&flat, own, NULL, &picture, NULL, &error), CS_ERR_SHAPE);
	assert_int_equal(cs_montage_mosaic(&image, own, NULL, 1, 20000, 0, &picture, NULL, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_montage_mosaic(&image, own, NULL, 1, 0, 0, &picture, NULL, &error), CS_ERR_ARGUMENT);
	image = cs_tensor_view(data, CS_SHAPE(0, 2, 2, 1));
	assert_int_equal(cs_montage_mosaic(&image, own, NULL, 1, 1, 0, &picture, NULL, &error), CS_ERR_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_channels_are_colour_around_mid_grey),
		cmocka_unit_test(silence_is_mid_grey_with_limit_0),
		cmocka_unit_test(nan_is_magenta_and_does_not_set_the_scale),
		cmocka_unit_test(one_channel_is_symmetric_only_where_numbers_are_signed),
		cmocka_unit_test(other_channels_are_joined_by_their_norm),
		cmocka_unit_test(scales_are_own_shared_or_fixed_as_asked),
		cmocka_unit_test(tiles_stand_where_the_grid_says),
		cmocka_unit_test(pictures_are_laid_out_alike),
		cmocka_unit_test(what_cannot_be_drawn_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
