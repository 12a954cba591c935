/* test_archive.c: zip files: names, finding, limits, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/job.h"
#include "core/random.h"
#include "io/archive.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zip.h>

static struct cs_error error;
static char directory[] = "/tmp/cs-test-archive-XXXXXX";
static char *good; /* the path of a zip made below */

enum { MANY = 3000, BIG = 4 << 20 };

static void add(zip_t *zip, const char *name, const void *bytes, size_t size)
{
	zip_source_t *source = zip_source_buffer(zip, bytes, size, 0);

	assert_true(zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) >= 0);
}

static int make_zip(void **state)
{
	static char zeros[BIG];
	static char numbers[MANY][16];
	zip_t *zip;

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	good = cs_file_join(directory, "good.zip");
	zip = zip_open(good, ZIP_CREATE | ZIP_EXCL, NULL);
	if (!zip)
		return -1;
	add(zip, "config.json", "{}", 2);
	add(zip, "layers\\conv2d\\vars\\0", "backslash", 9);
	add(zip, "empty", "", 0);
	add(zip, "zeros", zeros, sizeof zeros);
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(numbers[i], sizeof numbers[i], "%d", i);
		snprintf(name, sizeof name, "many/%d.txt", (i * 7919) % MANY);
		snprintf(numbers[i], sizeof numbers[i], "%d", (i * 7919) % MANY);
		add(zip, name, numbers[i], strlen(numbers[i]));
	}
	return zip_close(zip);
}

static int remove_zip(void **state)
{
	(void)state;
	unlink(good);
	cs_free(good);
	return rmdir(directory);
}

static void every_member_is_found_and_read(void **state)
{
	struct cs_archive *archive;
	char *bytes = NULL;
	size_t capacity = 0, size = 0;

	(void)state;
	assert_true(cs_archive_recognise(good));
	assert_int_equal(cs_archive_open(good, &archive, &error), CS_OK);
	assert_int_equal(cs_archive_count(archive), MANY + 4);
	for (int i = 0; i < MANY; i++) {
		char name[32];
		int64_t entry;

		snprintf(name, sizeof name, "many/%d.txt", i);
		entry = cs_archive_find(archive, name);
		assert_true(entry >= 0);
		assert_string_equal(cs_archive_name(archive, entry), name);
		assert_int_equal(cs_archive_read(archive, entry, 100, &bytes, &capacity, &size, &error), CS_OK);
		snprintf(name, sizeof name, "%d", i);
		assert_int_equal(size, strlen(name));
		assert_memory_equal(bytes, name, size);
	}
	assert_int_equal(cs_archive_find(archive, "many/3000.txt"), -1);
	assert_int_equal(cs_archive_find(archive, ""), -1);
	assert_int_equal(cs_archive_find(archive, "zzz"), -1);
	assert_null(cs_archive_name(archive, -1));
	assert_int_equal(cs_archive_read(archive, MANY + 4, 100, &bytes, &capacity, &size, &error), CS_ERR_ARGUMENT);
	assert_int_equal(
		cs_archive_read(archive, cs_archive_find(archive, "empty"), 0, &bytes, &capacity, &size, &error),
		CS_OK);
	assert_int_equal(size, 0);
	cs_free(bytes);
	cs_archive_close(archive);
}

static void backslashes_become_slashes(void **state)
{
	struct cs_archive *archive;
	char *bytes = NULL;
	size_t capacity = 0, size = 0;
	int64_t entry;

	(void)state;
	assert_int_equal(cs_archive_open(good, &archive, &error), CS_OK);
	entry = cs_archive_find(archive, "layers/conv2d/vars/0");
	assert_true(entry >= 0);
	assert_int_equal(cs_archive_read(archive, entry, 100, &bytes, &capacity, &size, &error), CS_OK);
	assert_memory_equal(bytes, "backslash", 9);
	cs_free(bytes);
	cs_archive_close(archive);
}

static void unpacking_stops_at_the_limit(void **state)
{
	struct cs_archive *archive;
	char *bytes = NULL;
	size_t capacity = 0, size = 0;
	int64_t entry;

	(void)state;
	assert_int_equal(cs_archive_open(good, &archive, &error), CS_OK);
	entry = cs_archive_find(archive, "zeros");
	assert_int_equal(cs_archive_read(archive, entry, BIG - 1, &bytes, &capacity, &size, &error), CS_ERR_MEMORY);
	assert_non_null(strstr(error.message, "zeros"));
	assert_int_equal(capacity, 0);
	assert_int_equal(cs_archive_read(archive, entry, BIG, &bytes, &capacity, &size, &error), CS_OK);
	assert_int_equal(size, BIG);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(bytes[i], 0);
	cs_free(bytes);
	cs_archive_close(archive);
}

static void failed_allocations_are_errors(void **state)
{
	long nth;

	(void)state;
	for (nth = 1; nth < 30; nth++) {
		struct cs_archive *archive = NULL;
		char *bytes = NULL;
		size_t capacity = 0, size = 0;
		enum cs_status status;

		cs_alloc_fail_after(nth);
		status = cs_archive_open(good, &archive, &error);
		if (status == CS_OK)
			status = cs_archive_read(
				archive, cs_archive_find(archive, "zeros"), BIG, &bytes, &capacity, &size, &error);
		cs_alloc_fail_after(0);
		cs_archive_close(archive);
		cs_free(bytes);
		if (status == CS_OK)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
	}
	assert_in_range(nth, 5, 20);
}

static void damaged_archives_never_crash(void **state)
{
	char *bytes = NULL, *path = cs_file_join(directory, "bad.zip");
	struct cs_random random;
	size_t size = 0;

	(void)state;
	cs_random_init(&random, 5, CS_RANDOM_USER, 2, 0);
	assert_int_equal(cs_file_read(good, 1 << 24, &bytes, &size, &error), CS_OK);
	/* Keep it small: the first members and the directory are what matters. */
	for (int round = 0; round < 60; round++) {
		struct cs_archive *archive = NULL;
		char *copy = cs_alloc(size);
		size_t length = round % 3 == 0 ? cs_random_below(&random, (uint32_t)size) : size;

		memcpy(copy, bytes, size);
		for (int i = 0; i < 40; i++)
			copy[cs_random_below(&random, (uint32_t)size)] = (char)cs_random_below(&random, 256);
		assert_int_equal(cs_file_write(path, copy, length, &error), CS_OK);
		cs_free(copy);
		if (cs_archive_open(path, &archive, &error) != CS_OK)
			continue;
		for (int64_t i = 0; i < cs_archive_count(archive); i += 17) {
			char *member = NULL;
			size_t capacity = 0, got = 0;

			(void)cs_archive_read(archive, i, 1 << 20, &member, &capacity, &got, &error);
			cs_free(member);
		}
		cs_archive_close(archive);
	}
	unlink(path);
	cs_free(path);
	cs_free(bytes);
}

static void what_is_no_zip_is_said_to_be_none(void **state)
{
	char *path = cs_file_join(directory, "text");
	struct cs_archive *archive = NULL;

	(void)state;
	assert_int_equal(cs_file_write(path, "just text, no zip", 17, &error), CS_OK);
	assert_false(cs_archive_recognise(path));
	assert_int_equal(cs_archive_open(path, &archive, &error), CS_ERR_FORMAT);
	assert_non_null(strstr(error.message, path));
	unlink(path);
	assert_false(cs_archive_recognise(path));
	assert_int_equal(cs_archive_open(path, &archive, &error), CS_ERR_NOT_FOUND);
	assert_int_not_equal(cs_archive_open(directory, &archive, &error), CS_OK);
	assert_null(archive);
	cs_free(path);
}

static void a_hundred_thousand_members_open_at_once(void **state)
{
	const char *shared = getenv("CS_SHARED_DIR");
	struct timespec from, to;
	struct cs_archive *archive;
	char *path, *bytes = NULL;
	size_t capacity = 0, size = 0;
	double seconds;

	(void)state;
	if (!shared) {
		print_message("CS_SHARED_DIR is not set: skipped\n");
		skip();
	}
	path = cs_format("%s/data/tiny-imagenet-200.zip", shared);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(cs_archive_open(path, &archive, &error), CS_OK);
	clock_gettime(CLOCK_MONOTONIC, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
	print_message("%lld members opened in %.3f s\n", (long long)cs_archive_count(archive), seconds);
	assert_true(cs_archive_count(archive) > 100000);
	for (int64_t i = 0; i < cs_archive_count(archive); i += 997) {
		assert_int_equal(cs_archive_find(archive, cs_archive_name(archive, i)), i);
		assert_int_equal(cs_archive_read(archive, i, 1 << 22, &bytes, &capacity, &size, &error), CS_OK);
	}
	cs_free(bytes);
	cs_archive_close(archive);
	cs_free(path);
}

static void two_readers_of_one_archive_do_not_meet(void **state)
{
	struct cs_archive *archive, *first, *second, *third;
	char *bytes = NULL;
	size_t capacity = 0, size = 0;

	(void)state;
	assert_int_equal(cs_archive_open(good, &archive, &error), CS_OK);
	assert_int_equal(cs_archive_borrow(archive, &first, &error), CS_OK);
	assert_int_equal(cs_archive_borrow(archive, &second, &error), CS_OK);
	assert_ptr_equal(first, archive); /* which has read its directory */
	assert_ptr_not_equal(second, archive);
	for (int64_t i = 4; i < 4 + MANY; i++) {
		struct cs_archive *reader = i % 2 ? first : second;
		char name[32];
		int length = snprintf(name, sizeof name, "many/%d.txt", (int)((i - 4) * 7919 % MANY));

		assert_string_equal(cs_archive_name(reader, i), name);
		assert_int_equal(cs_archive_read(reader, i, 16, &bytes, &capacity, &size, &error), CS_OK);
		assert_int_equal(size, length - 9);
		assert_memory_equal(bytes, name + 5, size);
	}
	cs_archive_give_back(first);
	assert_int_equal(cs_archive_borrow(archive, &third, &error), CS_OK);
	assert_ptr_equal(third, archive);
	cs_archive_give_back(third);
	cs_archive_give_back(second);
	cs_free(bytes);
	cs_archive_close(archive);
}

static enum cs_status open_when_told_to_stop(struct cs_job *job, void *context, struct cs_error *why)
{
	struct cs_archive *archive = NULL;

	(void)context;
	cs_job_cancel(job);
	return cs_archive_open(good, &archive, why);
}

/* Also where no job is handed down, as when a file is asked what kind it is. */
static void listing_heeds_a_cancel(void **state)
{
	struct cs_archive *archive;
	struct cs_job job;

	(void)state;
	assert_int_equal(cs_job_start(&job, open_when_told_to_stop, NULL, &error), CS_OK);
	assert_int_equal(cs_job_join(&job, &error), CS_ERR_CANCELLED);
	cs_job_fini(&job);
	assert_false(cs_job_interrupted()); /* the thread here is no job's */
	assert_int_equal(cs_archive_open(good, &archive, &error), CS_OK);
	cs_archive_close(archive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_is_found_and_read),
		cmocka_unit_test(backslashes_become_slashes),
		cmocka_unit_test(unpacking_stops_at_the_limit),
		cmocka_unit_test(failed_allocations_are_errors),
		cmocka_unit_test(damaged_archives_never_crash),
		cmocka_unit_test(what_is_no_zip_is_said_to_be_none),
		cmocka_unit_test(two_readers_of_one_archive_do_not_meet),
		cmocka_unit_test(listing_heeds_a_cancel),
		cmocka_unit_test(a_hundred_thousand_members_open_at_once),
	};

	return cmocka_run_group_tests(tests, make_zip, remove_zip);
}
