/* test_file.c: whole files in, whole files out, and nothing half-done in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "io/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/cs-test-file-XXXXXX";

static char *in_directory(const char *name)
{
	char *path = cs_file_join(directory, name);

	assert_non_null(path);
	return path;
}

static int entries(void)
{
	DIR *open = opendir(directory);
	int count = 0;

	assert_non_null(open);
	while (readdir(open))
		count++;
	closedir(open);
	return count - 2;
}

static void what_is_written_is_read_back(void **state)
{
	char *path = in_directory("a");
	struct cs_error error;
	char *bytes = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(cs_file_write(path, "one\0two", 7, &error), CS_OK);
	assert_int_equal(cs_file_read(path, 7, &bytes, &size, &error), CS_OK);
	assert_int_equal(size, 7);
	assert_memory_equal(bytes, "one\0two", 8);
	cs_free(bytes);
	assert_int_equal(cs_file_write(path, "", 0, &error), CS_OK);
	assert_int_equal(cs_file_read(path, 0, &bytes, &size, &error), CS_OK);
	assert_int_equal(size, 0);
	assert_string_equal(bytes, "");
	cs_free(bytes);
	assert_int_equal(entries(), 1);
	unlink(path);
	cs_free(path);
}

static void a_file_over_the_limit_is_refused(void **state)
{
	char *path = in_directory("b");
	struct cs_error error;
	char *bytes = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(cs_file_write(path, "12345678", 8, &error), CS_OK);
	assert_int_equal(cs_file_read(path, 7, &bytes, &size, &error), CS_ERR_MEMORY);
	assert_non_null(strstr(error.message, path));
	assert_null(bytes);
	unlink(path);
	cs_free(path);
	/* A file without a size of its own cannot run over either. */
	assert_int_equal(cs_file_read("/proc/self/maps", 20, &bytes, &size, &error), CS_ERR_MEMORY);
	assert_null(bytes);
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
	char *pipe_path = in_directory("pipe");
	struct cs_error error;
	char *bytes = NULL;
	int64_t length;
	size_t size;
	int fd;

	(void)state;
	assert_int_equal(cs_file_read("/dev/zero", 1 << 20, &bytes, &size, &error), CS_ERR_IO);
	assert_non_null(strstr(error.message, "device"));
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	/* nobody writes to it: neither waits for ever */
	assert_int_equal(cs_file_peek(pipe_path, &fd, sizeof fd), 0);
	assert_int_equal(cs_file_open(pipe_path, &fd, &length, &error), CS_ERR_IO);
	assert_non_null(strstr(error.message, "pipe"));
	assert_int_equal(cs_file_read(pipe_path, 10, &bytes, &size, &error), CS_ERR_IO);
	assert_non_null(strstr(error.message, "pipe"));
	unlink(pipe_path);
	cs_free(pipe_path);
}

static void a_pipe_is_read_to_its_end(void **state)
{
	char path[64], *bytes = NULL;
	struct cs_error error;
	size_t size = 0;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "picture", 7), 7);
	close(ends[1]);
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	assert_int_equal(cs_file_read(path, 100, &bytes, &size, &error), CS_OK);
	assert_int_equal(size, 7);
	assert_memory_equal(bytes, "picture", 8);
	cs_free(bytes);
	close(ends[0]);
}

static void missing_files_and_directories_are_told_apart(void **state)
{
	char *path = in_directory("nothing");
	struct cs_error error;
	char *bytes = NULL;
	size_t size;

	(void)state;
	assert_int_equal(cs_file_read(path, 10, &bytes, &size, &error), CS_ERR_NOT_FOUND);
	assert_int_equal(cs_file_read(directory, 10, &bytes, &size, &error), CS_ERR_IO);
	assert_non_null(strstr(error.message, "directory"));
	cs_free(path);
}

static void a_failed_write_leaves_the_old_file_and_no_litter(void **state)
{
	char *path = in_directory("kept");
	char *blocked = in_directory("no/such/place");
	struct cs_error error;
	char *bytes = NULL;
	size_t size;

	(void)state;
	assert_int_equal(cs_file_write(path, "old", 3, &error), CS_OK);
	for (long nth = 1; nth < 4; nth++) {
		cs_alloc_fail_after(nth);
		if (cs_file_write(path, "new", 3, &error) != CS_OK)
			assert_int_equal(error.status, CS_ERR_MEMORY);
		cs_alloc_fail_after(0);
		assert_int_equal(entries(), 1);
		assert_int_equal(cs_file_read(path, 10, &bytes, &size, &error), CS_OK);
		assert_int_equal(size, 3);
		cs_free(bytes);
	}
	assert_int_equal(cs_file_write(blocked, "new", 3, &error), CS_ERR_NOT_FOUND);
	assert_non_null(strstr(error.message, "there is no directory '"));
	assert_null(strstr(error.message, ".tmp-"));
	assert_int_equal(cs_file_write(directory, "new", 3, &error), CS_ERR_IO);
	assert_non_null(strstr(error.message, "it is a directory; name a file in it"));
	assert_int_equal(entries(), 1);
	unlink(path);
	cs_free(path);
	cs_free(blocked);
}

static void a_full_disk_is_an_error(void **state)
{
	struct cs_error error;

	(void)state;
	if (access("/dev/full", W_OK) != 0)
		skip();
	assert_int_equal(cs_file_write("/dev/full", "x", 1, &error), CS_ERR_IO);
	assert_non_null(strstr(error.message, "/dev/full"));
}

static void devices_are_written_through_and_links_keep_their_target(void **state)
{
	char *target = in_directory("target");
	char *alias = in_directory("alias");
	struct cs_error error;
	struct stat about;
	char *bytes = NULL;
	size_t size;

	(void)state;
	assert_int_equal(cs_file_write("/dev/null", "x", 1, &error), CS_OK);
	assert_int_equal(stat("/dev/null", &about), 0);
	assert_true(S_ISCHR(about.st_mode));
	assert_int_equal(cs_file_write(target, "1", 1, &error), CS_OK);
	assert_int_equal(symlink("target", alias), 0);
	assert_int_equal(cs_file_write(alias, "22", 2, &error), CS_OK);
	assert_int_equal(lstat(alias, &about), 0);
	assert_true(S_ISLNK(about.st_mode));
	assert_int_equal(cs_file_read(target, 10, &bytes, &size, &error), CS_OK);
	assert_string_equal(bytes, "22");
	cs_free(bytes);
	unlink(alias);
	unlink(target);
	cs_free(alias);
	cs_free(target);
}

static void directories_are_made_with_their_parents(void **state)
{
	char *deep = in_directory("x//y/z/");
	char *file = in_directory("x/file");
	char *under = in_directory("x/file/y");
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_file_make_directories(deep, &error), CS_OK);
	assert_true(cs_file_is_directory(deep));
	assert_int_equal(cs_file_make_directories(deep, &error), CS_OK);
	assert_int_equal(cs_file_write(file, "", 0, &error), CS_OK);
	assert_int_equal(cs_file_make_directories(file, &error), CS_ERR_EXISTS);
	assert_int_not_equal(cs_file_make_directories(under, &error), CS_OK);
	unlink(file);
	rmdir(deep);
	cs_free(deep);
	deep = in_directory("x/y");
	rmdir(deep);
	cs_free(deep);
	deep = in_directory("x");
	assert_int_equal(rmdir(deep), 0);
	cs_free(deep);
	cs_free(file);
	cs_free(under);
}

static void assert_joined(const char *left, const char *right, const char *expected)
{
	char *joined = cs_file_join(left, right);

	assert_string_equal(joined, expected);
	cs_free(joined);
}

static void joined_paths_have_one_slash(void **state)
{
	(void)state;
	assert_joined("a", "b", "a/b");
	assert_joined("a/", "b", "a/b");
	assert_joined("a//", "/b", "a/b");
	assert_joined("/", "b", "/b");
	assert_joined("", "b", "b");
}

static void the_cache_follows_xdg(void **state)
{
	char *path;
	char *expected = in_directory("cache/convscope/thing");
	char *made = in_directory("cache/convscope");
	char *parent = in_directory("cache");

	(void)state;
	setenv("XDG_CACHE_HOME", parent, 1);
	path = cs_file_cache("thing");
	assert_string_equal(path, expected);
	assert_true(cs_file_is_directory(made));
	cs_free(path);
	rmdir(made);
	rmdir(parent);
	setenv("XDG_CACHE_HOME", "relative", 1); /* the specification says: ignore it */
	setenv("HOME", directory, 1);
	path = cs_file_cache("thing");
	assert_non_null(strstr(path, "/.cache/convscope/thing"));
	cs_free(path);
	cs_free(made);
	cs_free(parent);
	cs_free(expected);
	made = in_directory(".cache/convscope");
	parent = in_directory(".cache");
	rmdir(made);
	rmdir(parent);
	cs_free(made);
	cs_free(parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_file_over_the_limit_is_refused),
		cmocka_unit_test(what_is_no_file_is_refused_without_waiting),
		cmocka_unit_test(a_pipe_is_read_to_its_end),
		cmocka_unit_test(missing_files_and_directories_are_told_apart),
		cmocka_unit_test(a_failed_write_leaves_the_old_file_and_no_litter),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(devices_are_written_through_and_links_keep_their_target),
		cmocka_unit_test(directories_are_made_with_their_parents),
		cmocka_unit_test(joined_paths_have_one_slash),
		cmocka_unit_test(the_cache_follows_xdg),
	};
	int failed;

	if (!mkdtemp(directory))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}
