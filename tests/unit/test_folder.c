/* test_folder.c: class folders, in a directory or a zip, whole and broken. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "data_case.h"

#include "data/blob.h"
#include "data/folder.h"

static void one_set_is_split_by_class_and_seed(void **state)
{
	struct cs_dataset *data;

	(void)state;
	case_classes("set", 3, 20, 10);
	data = case_open(case_path("set"), NULL);
	assert_string_equal(data->ops->name, "folder");
	assert_int_equal(data->count, 60);
	assert_int_equal(data->class_count, 3);
	assert_string_equal(data->class_ids[2], "c");
	assert_int_equal(data->width, 10); /* the pictures' own size */
	assert_int_equal(data->split[CS_SPLIT_TRAIN].count, 48);
	assert_int_equal(data->split[CS_SPLIT_VAL].count, 6);
	assert_int_equal(data->split[CS_SPLIT_TEST].count, 6);
	for (int i = 0; i < 60; i++) {
		struct cs_sample sample;
		uint8_t rgb[300];
		char name[20];

		cs_dataset_sample(data, i, &sample);
		snprintf(name, sizeof name, "%c/%d.png", 'a' + i / 20, i % 20); /* 2.png before 10.png */
		assert_string_equal(sample.name, name);
		assert_int_equal(sample.label, i / 20);
		assert_false(sample.has_box);
		assert_int_equal(cs_dataset_pixels(data, i, rgb, NULL), CS_OK);
		assert_int_equal(rgb[0], i % 20);
		assert_int_equal(rgb[299], 20 * (i / 20));
	}
	assert_false(cs_dataset_has_masks(data));
	cs_dataset_close(data);
}

static void folders_called_train_val_test_are_the_splits(void **state)
{
	static const char *const names[] = {"val", "valid", "Validation"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		char root[20], part[60];
		struct cs_dataset *data;

		snprintf(root, sizeof root, "set%d", i);
		snprintf(part, sizeof part, "%s/train", root);
		case_classes(part, 2, 10, 8);
		snprintf(part, sizeof part, "%s/%s", root, names[i]);
		case_classes(part, 2, 4, 8);
		snprintf(part, sizeof part, "%s/test", root);
		case_classes(part, 2, 3, 8);
		data = case_open(case_path(root), NULL);
		assert_int_equal(data->class_count, 2);
		assert_int_equal(data->split[CS_SPLIT_TRAIN].count, 20);
		assert_int_equal(data->split[CS_SPLIT_VAL].count, 8);
		assert_int_equal(data->split[CS_SPLIT_TEST].count, 6);
		cs_dataset_close(data);
	}
}

static void what_is_not_given_is_held_out_of_training(void **state)
{
	struct cs_dataset *data;
	char spec[300];

	(void)state;
	case_classes("set/train", 2, 20, 8);
	case_classes("set/test", 2, 5, 8);
	snprintf(spec, sizeof spec, "%s:val=0.25,seed=9", case_path("set"));
	data = case_open(spec, NULL);
	assert_int_equal(data->split[CS_SPLIT_TRAIN].count, 30);
	assert_int_equal(data->split[CS_SPLIT_VAL].count, 10);
	assert_int_equal(data->split[CS_SPLIT_TEST].count, 10);
	cs_dataset_close(data);
}

static void a_zip_is_as_good_as_its_folder(void **state)
{
	struct cs_dataset *plain, *zipped;

	(void)state;
	case_classes("around/set/train", 3, 9, 8);
	case_classes("around/set/test", 3, 2, 8);
	case_text("around/__MACOSX/junk/1.png", "no picture");
	case_text("around/set/train/a/notes.txt", "not a picture either");
	case_text("around/README.txt", "beside all");
	case_zip("around", "set.zip");
	plain = case_open(case_path("around"), NULL);
	zipped = case_open(case_path("set.zip"), NULL);
	assert_int_equal(plain->count, 33);
	assert_int_equal(zipped->count, plain->count);
	assert_int_equal(plain->skipped + zipped->skipped, 0);
	for (int i = 0; i < plain->count; i++) {
		uint8_t x[192], y[192];
		struct cs_sample a, b;

		cs_dataset_sample(plain, i, &a);
		cs_dataset_sample(zipped, i, &b);
		assert_string_equal(a.name, b.name);
		assert_int_equal(a.label, b.label);
		cs_dataset_pixels(plain, i, x, NULL);
		cs_dataset_pixels(zipped, i, y, NULL);
		assert_memory_equal(x, y, 192);
	}
	cs_dataset_close(plain);
	cs_dataset_close(zipped);
}

static void pictures_are_known_by_content_and_found_at_any_depth(void **state)
{
	struct cs_dataset *data;

	(void)state;
	case_classes("set", 2, 5, 8);
	case_picture("set/a/deep/er/x.png", 8, 8, 1, 1);
	case_picture("set/b/y.png", 8, 8, 1, 1);
	assert_int_equal(rename(case_path("set/b/y.png"), case_path("set/b/no-extension")), 0);
	data = case_open(case_path("set"), NULL);
	assert_int_equal(data->count, 12);
	cs_dataset_close(data);
}

static void pictures_are_fitted_to_the_size_asked_for(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data;
	uint8_t rgb[20 * 20 * 3];

	(void)state;
	case_picture("set/a/wide.png", 60, 20, 50, 50);
	case_picture("set/a/tall.png", 10, 30, 60, 60);
	case_picture("set/b/small.png", 3, 3, 70, 70);
	case_picture("set/b/large.png", 200, 200, 80, 80);
	data = case_open(case_path("set"), &options);
	assert_int_equal(data->width, 64); /* no size of their own */
	cs_dataset_close(data);
	options.size = 20;
	data = case_open(case_path("set"), &options);
	assert_int_equal(data->width, 20);
	assert_int_equal(data->height, 20);
	for (int i = 0; i < 4; i++) {
		struct cs_sample sample;
		int level;

		cs_dataset_sample(data, i, &sample);
		cs_dataset_pixels(data, i, rgb, NULL);
		level = strstr(sample.name, "wide")    ? 50
			: strstr(sample.name, "tall")  ? 60
			: strstr(sample.name, "small") ? 70
						       : 80;
		assert_int_equal(rgb[600], level);
	}
	cs_dataset_close(data);
}

/* A band at the left edge of a wide picture: cropped it is cut off, stretched it is there, a third as wide. */
static void fitting_crops_or_stretches_as_asked(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data;
	char spec[300];
	uint8_t rgb[20 * 20 * 3];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct cs_picture picture;

		case_directory_of(i ? "set/b/x.png" : "set/a/x.png");
		assert_int_equal(cs_picture_init(&picture, 60, 20, NULL), CS_OK);
		for (int at = 0; at < 60 * 20 * 3; at++)
			picture.rgb[at] = at / 3 % 60 < 15 ? 200 : 40;
		assert_int_equal(
			cs_picture_save(&picture, case_path(i ? "set/b/x.png" : "set/a/x.png"), NULL, NULL), CS_OK);
		cs_picture_fini(&picture);
	}
	options.size = 20;
	for (int round = 0; round < 4; round++) { /* cropped, stretched, and both again from their caches */
		bool stretched = round % 2 == 1;

		options.fit = stretched ? CS_FIT_STRETCH : CS_FIT_CROP;
		data = case_open(case_path("set"), &options);
		assert_int_equal(cs_dataset_pixels(data, 0, rgb, NULL), CS_OK);
		assert_int_equal(rgb[0], stretched ? 200 : 40);
		assert_int_equal(rgb[19 * 3], 40);
		cs_dataset_close(data);
	}
	options.fit = CS_FIT_CROP;
	snprintf(spec, sizeof spec, "%s:fit=stretch", case_path("set"));
	data = case_open(spec, &options);
	assert_int_equal(cs_dataset_pixels(data, 0, rgb, NULL), CS_OK);
	assert_int_equal(rgb[0], 200);
	cs_dataset_close(data);
}

static void corrupt_pictures_are_named_counted_and_skipped(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data;

	(void)state;
	case_classes("set", 2, 10, 8);
	case_truncate("set/a/3.png", 0.5);
	case_text("set/b/4.png", "this is no picture");
	data = case_open(case_path("set"), &options);
	assert_int_equal(data->count, 18);
	assert_int_equal(data->skipped, 2);
	assert_non_null(strstr(case_log, "a/3.png"));
	assert_non_null(strstr(case_log, "b/4.png"));
	assert_non_null(strstr(case_log, "skipped 2 corrupt pictures"));
	for (int i = 0; i < 18; i++) {
		struct cs_sample sample;
		uint8_t rgb[192];
		int mark;

		cs_dataset_sample(data, i, &sample);
		cs_dataset_pixels(data, i, rgb, NULL);
		assert_int_equal(sscanf(sample.name + 2, "%d", &mark), 1);
		assert_int_equal(rgb[0], mark);
		assert_int_equal(rgb[191], 20 * sample.label);
	}
	cs_dataset_close(data);
	/* named again when the cache is opened, and an error with strict: from the cache and without it */
	case_log[0] = '\0';
	data = case_open(case_path("set"), &options);
	assert_int_equal(data->skipped, 2);
	assert_non_null(strstr(case_log, "a/3.png"));
	cs_dataset_close(data);
	options.strict = true;
	assert_non_null(strstr(case_refused(case_path("set"), &options), "a/3.png"));
	options.no_cache = true;
	assert_non_null(strstr(case_refused(case_path("set"), &options), ".png"));
}

static void what_is_no_data_set_is_refused_in_one_line(void **state)
{
	struct cs_data_options strict = cs_data_options_default();

	(void)state;
	strict.strict = true;
	case_directory("empty");
	assert_non_null(strstr(case_refused(case_path("empty"), NULL), "is empty: expected class folders"));
	case_directory("hollow/a");
	case_directory("hollow/b");
	assert_non_null(strstr(case_refused(case_path("hollow"), NULL), "holds no pictures"));
	case_picture("loose/1.png", 8, 8, 0, 0);
	assert_non_null(strstr(case_refused(case_path("loose"), NULL), "has 1 pictures but no class folders"));
	case_classes("single", 1, 3, 8);
	assert_non_null(strstr(case_refused(case_path("single"), NULL), "at least two classes"));
	case_classes("lacking", 2, 3, 8);
	case_directory("lacking/zebra");
	assert_non_null(strstr(case_refused(case_path("lacking"), NULL), "'zebra'"));
	case_classes("untrained/train", 2, 3, 8);
	case_classes("untrained/test", 3, 3, 8);
	assert_non_null(
		strstr(case_refused(case_path("untrained"), NULL), "no training images of 1 of its 3 classes ('c')"));
	case_classes("untested/train", 3, 3, 8);
	case_classes("untested/test", 2, 3, 8);
	assert_string_equal(case_refused(case_path("untested"), NULL), "");
	assert_non_null(strstr(case_log, "the test split of"));
	assert_non_null(strstr(case_log, "('c')"));
	assert_non_null(strstr(case_refused(case_path("untested"), &strict), "the test split of"));
	case_classes("headless/val", 2, 3, 8);
	case_classes("headless/test", 2, 3, 8);
	assert_non_null(strstr(case_refused(case_path("headless"), NULL), "but none called train"));
	case_text("wrong.zip", "PK\003\004 and then nothing");
	assert_non_null(strstr(case_refused(case_path("wrong.zip"), NULL), "wrong.zip"));
	case_text("plain/readme.txt", "a zip of texts");
	case_zip("plain", "texts.zip");
	assert_non_null(strstr(case_refused(case_path("texts.zip"), NULL), "holds no pictures"));
	case_text("ruined/a/1.png", "x");
	case_text("ruined/b/1.png", "x");
	assert_non_null(strstr(case_refused(case_path("ruined"), NULL), "none of the 2 pictures"));
	assert_non_null(strstr(case_refused(case_path("single:shape=3"), NULL), "no key 'shape'"));
}

static void a_zip_is_listed_once_for_all_who_look(void **state)
{
	struct cs_place place = {0};
	const struct cs_tree *listed;
	struct cs_tree_file *files;
	struct cs_tree tree;
	struct cs_blobs blobs;
	struct cs_error error;

	(void)state;
	case_classes("set", 2, 4, 8);
	case_zip("set", "set.zip");
	place.name = case_path("set.zip");
	listed = cs_place_zip(&place);
	assert_non_null(listed);
	files = listed->files;
	for (int i = 0; cs_dataset_kinds[i]; i++)
		assert_int_equal(cs_dataset_kinds[i]->recognise(&place), cs_dataset_kinds[i] == &cs_folder_dataset);
	assert_true(cs_blobs_look(&blobs, &place));
	assert_ptr_equal(blobs.tree.files, files);
	cs_blobs_fini(&blobs); /* gives it back */
	assert_ptr_equal(cs_place_zip(&place)->files, files);
	assert_int_equal(cs_place_tree(&place, place.name, true, &tree, &error), CS_OK);
	assert_ptr_equal(tree.files, files);
	assert_ptr_not_equal(cs_place_zip(&place)->files, files); /* who looks now lists it anew */
	cs_tree_close(&tree);
	cs_place_fini(&place);
	place = (struct cs_place){.name = case_path("set")};
	assert_null(cs_place_zip(&place)); /* folders are listed as deep as each kind wants */
	cs_place_fini(&place);
}

static void forty_thousand_files_are_listed_in_order(void **state)
{
	enum { MANY = 40000 };
	struct cs_error error;
	struct cs_tree tree;
	zip_t *zip = zip_open(case_path("many.zip"), ZIP_CREATE, NULL);

	(void)state;
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof name, "%c/%d.txt", "bac"[i % 3], (int)(i * 7919LL % MANY));
		if (zip_file_add(zip, name, zip_source_buffer(zip, "", 0, 0), 0) < 0)
			abort();
	}
	assert_int_equal(zip_close(zip), 0);
	assert_int_equal(cs_tree_open(case_path("many.zip"), true, &tree, &error), CS_OK);
	assert_int_equal(tree.count, MANY);
	for (int64_t i = 0; i < MANY; i++) {
		const char *path = tree.files[i].path, *before = i ? tree.files[i - 1].path : "a/-1.txt";

		assert_true(*path > *before || (*path == *before && atoi(path + 2) > atoi(before + 2)));
		assert_ptr_equal(cs_tree_find(&tree, path), &tree.files[i]);
	}
	cs_tree_close(&tree);
}

static void links_in_circles_end(void **state)
{
	struct cs_dataset *data;

	(void)state;
	case_classes("set", 2, 4, 8);
	assert_int_equal(symlink("..", case_path("set/a/up")), 0);
	assert_int_equal(symlink("nowhere", case_path("set/b/dangling.png")), 0);
	data = case_open(case_path("set"), NULL);
	assert_int_equal(data->count, 8);
	cs_dataset_close(data);
}

static void a_zip_of_many_jpegs(void **state)
{
	const char *shared = getenv("CS_SHARED_DIR");
	struct cs_dataset *data;
	char path[600];

	(void)state;
	if (!shared) {
		print_message("CS_SHARED_DIR is not set: no cifar10-6k.zip\n");
		skip();
	}
	snprintf(path, sizeof path, "%s/data/cifar10-6k.zip", shared);
	data = case_open(path, NULL);
	assert_int_equal(data->count, 6000);
	assert_int_equal(data->width, 32);
	assert_int_equal(data->split[CS_SPLIT_TRAIN].count, 4500);
	assert_int_equal(data->split[CS_SPLIT_VAL].count, 500);
	assert_int_equal(data->split[CS_SPLIT_TEST].count, 1000);
	assert_string_equal(data->class_names[9], "truck");
	cs_dataset_close(data);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, case_begin, case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(one_set_is_split_by_class_and_seed),
		WITH_ROOT(folders_called_train_val_test_are_the_splits),
		WITH_ROOT(what_is_not_given_is_held_out_of_training),
		WITH_ROOT(a_zip_is_as_good_as_its_folder),
		WITH_ROOT(pictures_are_known_by_content_and_found_at_any_depth),
		WITH_ROOT(pictures_are_fitted_to_the_size_asked_for),
		WITH_ROOT(fitting_crops_or_stretches_as_asked),
		WITH_ROOT(corrupt_pictures_are_named_counted_and_skipped),
		WITH_ROOT(what_is_no_data_set_is_refused_in_one_line),
		WITH_ROOT(a_zip_is_listed_once_for_all_who_look),
		WITH_ROOT(forty_thousand_files_are_listed_in_order),
		WITH_ROOT(links_in_circles_end),
		WITH_ROOT(a_zip_of_many_jpegs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
