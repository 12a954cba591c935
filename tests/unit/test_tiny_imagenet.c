/* test_tiny_imagenet.c: the layout of tiny-imagenet-200.zip, whole, incomplete and wrong; and the real one where it is at hand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "data_case.h"

enum { CLASSES = 4, TRAIN = 20, VAL = 3 };

static const char *const wnids[CLASSES] = {"n03", "n01", "n04", "n02"}; /* not in order, as in the real list */

/* A small copy of the layout below `top`. Pictures: level 10 * class, mark = number. */
static void make_tiny(const char *top)
{
	char name[300], line[100], text[4000] = "";

	snprintf(name, sizeof name, "%s/wnids.txt", top);
	case_text(name, "n03\nn01\nn04\nn02\n");
	snprintf(name, sizeof name, "%s/words.txt", top);
	case_text(name,
		"n00\tentity\nn01\tgoldfish, Carassius auratus\nn02\tEgyptian cat\nn03\tbrass, memorial "
		"tablet\nn04\tobelisk\n");
	for (int c = 0; c < CLASSES; c++) {
		char boxes[4000] = "";

		for (int i = 0; i < TRAIN; i++) {
			snprintf(name, sizeof name, "%s/train/%s/images/%s_%d.JPEG", top, wnids[c], wnids[c], i);
			case_picture(name, 64, 64, (uint8_t)(10 * c), i);
			snprintf(line, sizeof line, "%s_%d.JPEG\t%d\t4\t51\t63\n", wnids[c], i, i);
			strcat(boxes, line);
		}
		snprintf(name, sizeof name, "%s/train/%s/%s_boxes.txt", top, wnids[c], wnids[c]);
		case_text(name, boxes);
	}
	for (int i = 0; i < VAL * CLASSES; i++) {
		snprintf(name, sizeof name, "%s/val/images/val_%d.JPEG", top, i);
		case_picture(name, 64, 64, (uint8_t)(100 + i), i);
		snprintf(line, sizeof line, "val_%d.JPEG\t%s\t0\t32\t44\t62\n", i, wnids[i % CLASSES]);
		strcat(text, line);
	}
	snprintf(name, sizeof name, "%s/val/val_annotations.txt", top);
	case_text(name, text);
	snprintf(name, sizeof name, "%s/test/images/test_0.JPEG", top);
	case_picture(name, 64, 64, 1, 1);
}

static void check_tiny(const struct cs_dataset *data)
{
	assert_string_equal(data->ops->name, "tiny_imagenet");
	assert_int_equal(data->count, CLASSES * (TRAIN + VAL));
	assert_int_equal(data->class_count, CLASSES);
	assert_int_equal(data->split[CS_SPLIT_TRAIN].count, CLASSES * TRAIN * 9 / 10);
	assert_int_equal(data->split[CS_SPLIT_VAL].count, CLASSES * TRAIN / 10);
	assert_int_equal(data->split[CS_SPLIT_TEST].count, CLASSES * VAL);
	for (int c = 0; c < CLASSES; c++)
		assert_string_equal(data->class_ids[c], wnids[c]);
	for (int64_t i = 0; i < data->count; i++) {
		uint8_t rgb[64 * 64 * 3];
		struct cs_sample sample;

		cs_dataset_sample(data, i, &sample);
		cs_dataset_pixels(data, i, rgb, NULL);
		if (i < CLASSES * TRAIN) {
			assert_int_equal(sample.label, i / TRAIN);
			assert_int_equal(rgb[0], i % TRAIN);
			assert_int_equal(rgb[5], 10 * (i / TRAIN));
		} else {
			assert_int_equal(rgb[0], i - CLASSES * TRAIN);
			assert_int_equal(sample.label, (i - CLASSES * TRAIN) % CLASSES);
		}
	}
}

static void zip_and_folder_with_and_without_a_top_folder(void **state)
{
	static const char *const specs[] = {"a/tiny-imagenet-200", "a", "with.zip", "without.zip"};

	(void)state;
	make_tiny("a/tiny-imagenet-200");
	case_zip("a", "with.zip");
	case_zip("a/tiny-imagenet-200", "without.zip");
	for (int i = 0; i < 4; i++) {
		for (int again = 0; again < 2; again++) {
			struct cs_dataset *data = case_open(case_path(specs[i]), NULL);
			struct cs_sample sample;

			check_tiny(data);
			assert_string_equal(data->class_names[1], "goldfish");
			assert_string_equal(data->class_names[0], "brass");
			cs_dataset_sample(data, 5, &sample);
			assert_string_equal(sample.name, "n03_5.JPEG");
			assert_true(sample.has_box);
			assert_int_equal(sample.box.left, 5);
			assert_int_equal(sample.box.top, 4);
			assert_int_equal(sample.box.right, 52); /* the file's 51 is inside */
			assert_int_equal(sample.box.bottom, 64);
			cs_dataset_close(data);
		}
	}
	assert_string_equal(case_log, "");
}

static void boxes_are_scaled_with_the_images(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data;
	struct cs_sample sample;

	(void)state;
	make_tiny("t");
	options.size = 32;
	data = case_open(case_path("t"), &options);
	cs_dataset_sample(data, CLASSES * TRAIN, &sample); /* 0 32 44 62 of 64 */
	assert_int_equal(sample.box.left, 0);
	assert_int_equal(sample.box.top, 16);
	assert_int_equal(sample.box.right, 23); /* 45 / 2, rounded out */
	assert_int_equal(sample.box.bottom, 32);
	cs_dataset_close(data);
	options.size = 0;
	options.width = 128;
	options.height = 64; /* scaled by 2, cropped to the middle half */
	data = case_open(case_path("t"), &options);
	cs_dataset_sample(data, CLASSES * TRAIN, &sample);
	assert_int_equal(sample.box.right, 90);
	assert_int_equal(sample.box.top, 32);
	assert_int_equal(sample.box.bottom, 64);
	cs_dataset_close(data);
}

static void words_and_boxes_may_be_missing(void **state)
{
	struct cs_dataset *data;
	struct cs_sample sample;

	(void)state;
	make_tiny("t");
	unlink(case_path("t/words.txt"));
	unlink(case_path("t/train/n03/n03_boxes.txt"));
	data = case_open(case_path("t"), NULL);
	check_tiny(data);
	assert_string_equal(data->class_names[1], "n01");
	cs_dataset_sample(data, 0, &sample);
	assert_false(sample.has_box);
	cs_dataset_sample(data, TRAIN, &sample);
	assert_true(sample.has_box);
	cs_dataset_close(data);
}

static void a_class_without_pictures_is_left_out_and_said(void **state)
{
	struct cs_data_options strict = cs_data_options_default();
	struct cs_dataset *data;

	(void)state;
	make_tiny("t");
	assert_int_equal(nftw(case_path("t/train/n04"), case_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
	data = case_open(case_path("t"), NULL);
	assert_int_equal(data->class_count, 3);
	assert_string_equal(data->class_ids[2], "n02");
	assert_int_equal(data->split[CS_SPLIT_TEST].count, 3 * VAL);
	assert_non_null(strstr(case_log, "no training pictures of 1 of the 4 classes of wnids.txt (the first is n04)"));
	cs_dataset_close(data);
	strict.strict = true;
	strict.no_cache = true;
	assert_non_null(strstr(case_refused(case_path("t"), &strict), "n04"));
}

static void val_sorted_into_class_folders_is_understood(void **state)
{
	struct cs_dataset *data;

	(void)state;
	make_tiny("t");
	for (int i = 0; i < VAL * CLASSES; i++) {
		char from[100], to[100];

		snprintf(from, sizeof from, "t/val/images/val_%d.JPEG", i);
		snprintf(to, sizeof to, "t/val/%s/val_%d.JPEG", wnids[i % CLASSES], i);
		case_directory_of(to);
		assert_int_equal(rename(case_path(from), case_path(to)), 0);
	}
	unlink(case_path("t/val/val_annotations.txt"));
	data = case_open(case_path("t"), NULL);
	assert_int_equal(data->split[CS_SPLIT_TEST].count, CLASSES * VAL);
	for (int64_t i = CLASSES * TRAIN; i < data->count; i++) {
		struct cs_sample sample;

		cs_dataset_sample(data, i, &sample);
		assert_int_equal(sample.label, atoi(sample.name + 4) % CLASSES);
	}
	cs_dataset_close(data);
}

static void corrupt_pictures_are_skipped_or_stop(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data;

	(void)state;
	make_tiny("t");
	case_truncate("t/train/n01/images/n01_3.JPEG", 0.6);
	case_zip("t", "t.zip");
	data = case_open(case_path("t.zip"), NULL);
	assert_int_equal(data->skipped, 1);
	assert_int_equal(data->count, CLASSES * (TRAIN + VAL) - 1);
	assert_non_null(strstr(case_log, "n01_3.JPEG"));
	cs_dataset_close(data);
	options.strict = true;
	assert_non_null(strstr(case_refused(case_path("t.zip"), &options), "n01_3.JPEG"));
}

static void a_zip_without_its_pictures_is_refused(void **state)
{
	(void)state;
	case_text("t/wnids.txt", "n01\nn02\n");
	case_text("t/words.txt", "n01\tfish\n");
	case_zip("t", "t.zip");
	assert_non_null(strstr(
		case_refused(case_path("t.zip"), NULL), "looks like Tiny ImageNet, but holds training pictures of 0"));
	make_tiny("whole");
	case_zip("whole", "cut.zip");
	case_truncate("cut.zip", 0.7);
	assert_non_null(strstr(case_refused(case_path("cut.zip"), NULL), "cut.zip"));
}

/* The real one, decoded into the test's own cache (1.4 GB, a few seconds), once. */
static void the_whole_of_it(void **state)
{
	const char *shared = getenv("CS_SHARED_DIR");
	struct cs_dataset *data;
	char path[600];
	int per_class[CS_SPLIT_COUNT][200] = {{0}};
	int64_t boxes = 0;

	(void)state;
	if (!shared) {
		print_message("CS_SHARED_DIR is not set: no tiny-imagenet-200.zip\n");
		skip();
	}
	snprintf(path, sizeof path, "%s/data/tiny-imagenet-200.zip", shared);
	data = case_open(path, NULL);
	assert_int_equal(data->class_count, 200);
	assert_int_equal(data->skipped, 0);
	assert_int_equal(data->split[CS_SPLIT_TRAIN].count, 90000);
	assert_int_equal(data->split[CS_SPLIT_VAL].count, 10000);
	assert_int_equal(data->split[CS_SPLIT_TEST].count, 10000);
	for (int kind = 0; kind < CS_SPLIT_COUNT; kind++) {
		for (int64_t i = 0; i < data->split[kind].count; i++) {
			struct cs_sample sample;

			cs_dataset_sample(data, data->split[kind].images[i], &sample);
			per_class[kind][sample.label]++;
			boxes += sample.has_box;
		}
	}
	for (int c = 0; c < 200; c++) {
		assert_int_equal(per_class[CS_SPLIT_TRAIN][c], 450);
		assert_int_equal(per_class[CS_SPLIT_VAL][c], 50);
		assert_int_equal(per_class[CS_SPLIT_TEST][c], 50);
	}
	assert_int_equal(boxes, 110000);
	cs_dataset_close(data);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, case_begin, case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(zip_and_folder_with_and_without_a_top_folder),
		WITH_ROOT(boxes_are_scaled_with_the_images),
		WITH_ROOT(words_and_boxes_may_be_missing),
		WITH_ROOT(a_class_without_pictures_is_left_out_and_said),
		WITH_ROOT(val_sorted_into_class_folders_is_understood),
		WITH_ROOT(corrupt_pictures_are_skipped_or_stop),
		WITH_ROOT(a_zip_without_its_pictures_is_refused),
		WITH_ROOT(the_whole_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
