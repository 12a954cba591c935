/* Data sets, pictures and zips that mean harm, made here from good ones (hostile_case.h). Each is opened as a user's would be. It may load where what
 * was changed did not matter; else it is one sentence, in seconds, and nothing outside it is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostile_case.h"

static void open_data(const char *what, const char *name)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data = NULL;
	struct cs_error error = {0};
	enum cs_status status;

	options.no_cache = true;
	options.size = 8;
	status = cs_dataset_open(case_path(name), &options, NULL, &data, &error);
	judge(what, case_path(name), status, &error);
	cs_dataset_close(data);
}

static void open_picture(const char *what, const char *name)
{
	struct cs_picture picture;
	struct cs_error error = {0};
	enum cs_status status = cs_picture_load(case_path(name), &picture, &error);

	judge(what, case_path(name), status, &error);
	if (!status)
		cs_picture_fini(&picture);
}

static void changed_data_sets_end_in_a_sentence(void **state)
{
	struct cs_dataset *data = case_open("shapes:count=30,size=16", NULL);
	struct cs_error error;

	(void)state;
	need_reader();
	assert_int_equal(cs_dataset_export(data, case_path("d.h5"), NULL, &error), CS_OK);
	cs_dataset_close(data);
	keep_good("d.h5");
	try_changed("d.h5", 250, 15, open_data);
}

static void data_sets_that_point_elsewhere_or_lie_are_refused(void **state)
{
	static const hsize_t dims[4] = {30, 16, 16, 3}, huge[4] = {1 << 28, 4096, 4096, 3}, chunk[4] = {1, 1, 1, 1},
			     many[4] = {100000000, 1, 1, 1}, wide[4] = {30, 16384, 16384, 3}, labels[1] = {30};

	(void)state;
	need_reader();
	for (int how = 0; how < 8; how++) {
		struct cs_dataset *data = case_open("shapes:count=30,size=16", NULL);
		struct cs_error error;
		hid_t file;
		char what[40];

		assert_int_equal(cs_dataset_export(data, case_path("d.h5"), NULL, &error), CS_OK);
		cs_dataset_close(data);
		file = open_for_change("d.h5");
		switch (how) {
		case 0:
			elsewhere(file, "/x", 4, dims, "/etc/passwd");
			break;
		case 1:
			elsewhere(file, "/x", 4, dims, "/dev/zero");
			break;
		case 2:
			chunked(file, "/x", 4, huge, chunk);
			break;
		case 3:
			chunked(file, "/x", 4, many, chunk);
			break;
		case 4:
			chunked(file, "/x", 4, wide, chunk);
			break;
		case 5:
			elsewhere(file, "/y", 1, labels, "/etc/passwd");
			break;
		case 6:
			filtered(file, "/x", 4, dims);
			break;
		default:
			H5Ldelete(file, "/x", H5P_DEFAULT);
			H5Lcreate_external("/etc/passwd", "/x", file, "/x", H5P_DEFAULT, H5P_DEFAULT);
		}
		H5Fclose(file);
		refused = 0;
		snprintf(what, sizeof what, "spoilt in way %d", how);
		open_data(what, "d.h5");
		if (!refused)
			fail_msg("a data set %s was taken", what);
	}
}

/* --- zips --- */

static void changed_zips_end_in_a_sentence(void **state)
{
	(void)state;
	case_classes("set", 2, 6, 8);
	case_zip("set", "z.zip");
	keep_good("z.zip");
	try_changed("z.zip", 600, 10, open_data);
}

static void zips_reach_nothing_outside(void **state)
{
	static const char *const names[] = {"../../../../tmp/climbs/1.png", "/absolute/1.png", "a/../../climbs/2.png",
		"..\\climbs\\3.png", "C:/drive/4.png", "a/./5.png", "a//6.png", "\033[2J/7.png"};
	struct cs_dataset *data;
	char *png = NULL;
	size_t size = 0;
	struct cs_picture picture;
	zip_t *zip;

	(void)state;
	assert_int_equal(cs_picture_init(&picture, 8, 8, NULL), CS_OK);
	assert_int_equal(cs_picture_encode(&picture, NULL, &png, &size, NULL), CS_OK);
	cs_picture_fini(&picture);
	zip = zip_open(case_path("evil.zip"), ZIP_CREATE | ZIP_TRUNCATE, NULL);
	assert_non_null(zip);
	for (int i = 0; i < 20; i++) {
		char name[40];

		snprintf(name, sizeof name, "%c/%d.png", 'a' + i % 2, 100 + i);
		assert_true(zip_file_add(zip, name, zip_source_buffer(zip, png, size, 0), ZIP_FL_ENC_UTF_8) >= 0);
	}
	for (size_t i = 0; i < 3; i++)
		assert_true(zip_file_add(zip, names[i], zip_source_buffer(zip, png, size, 0), ZIP_FL_ENC_UTF_8) >= 0);
	{
		/* what a zip calls a symbolic link is no picture, and is not followed */
		zip_int64_t entry = zip_file_add(zip, "a/link.png", zip_source_buffer(zip, "/etc/passwd", 11, 0), 0);

		assert_true(entry >= 0);
		zip_file_set_external_attributes(
			zip, (zip_uint64_t)entry, 0, ZIP_OPSYS_UNIX, (zip_uint32_t)0120777 << 16);
	}
	assert_int_equal(zip_close(zip), 0);
	data = case_open(case_path("evil.zip"), NULL);
	assert_int_equal(data->count, 20);
	assert_int_equal(data->class_count, 2);
	assert_int_equal(data->skipped, 1);
	cs_dataset_close(data);
	assert_int_equal(access("/tmp/climbs", F_OK), -1);
	cs_free(png);
}

/* --- pictures --- */

static void changed_pictures_end_in_a_sentence(void **state)
{
	struct cs_picture picture;

	(void)state;
	assert_int_equal(cs_picture_init(&picture, 33, 21, NULL), CS_OK);
	for (int i = 0; i < 33 * 21 * 3; i++)
		picture.rgb[i] = (uint8_t)(i * 37 % 251);
	assert_int_equal(cs_picture_save(&picture, case_path("p.png"), NULL, NULL), CS_OK);
	cs_picture_fini(&picture);
	keep_good("p.png");
	try_changed("p.png", 1500, 10, open_picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(changed_data_sets_end_in_a_sentence, case_begin, case_end),
		cmocka_unit_test_setup_teardown(
			data_sets_that_point_elsewhere_or_lie_are_refused, case_begin, case_end),
		cmocka_unit_test_setup_teardown(changed_zips_end_in_a_sentence, case_begin, case_end),
		cmocka_unit_test_setup_teardown(zips_reach_nothing_outside, case_begin, case_end),
		cmocka_unit_test_setup_teardown(changed_pictures_end_in_a_sentence, case_begin, case_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
