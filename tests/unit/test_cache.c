/* test_cache.c: decoded once, whole or not at all, right after every mishap. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "data_case.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* The one cache file, or "" when there is none; *others counts files beside it and its lock. */
static const char *cache_file(int *others)
{
	static char path[900];
	DIR *stream = opendir(case_path("cache/convscope"));
	struct dirent *entry;

	path[0] = '\0';
	*others = 0;
	while (stream && (entry = readdir(stream)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || (length > 5 && strcmp(entry->d_name + length - 5, ".lock") == 0))
			continue;
		if (length > 7 && strcmp(entry->d_name + length - 7, ".pixels") == 0 && !path[0])
			snprintf(path, sizeof path, "%s/%s", case_path("cache/convscope"), entry->d_name);
		else
			++*others;
	}
	if (stream)
		closedir(stream);
	return path;
}

static ino_t inode_of(const char *path)
{
	struct stat about;

	return stat(path, &about) == 0 ? about.st_ino : 0;
}

static void make_set(void)
{
	case_classes("set", 3, 10, 12);
}

/* All images are what make_set() drew. */
static void check_set(struct cs_dataset *data)
{
	assert_int_equal(data->count, 30);
	for (int i = 0; i < 30; i++) {
		uint8_t rgb[12 * 12 * 3];

		assert_int_equal(cs_dataset_pixels(data, i, rgb, NULL), CS_OK);
		assert_int_equal(rgb[0], i % 10);
		for (int k = 3; k < 12 * 12 * 3; k++)
			assert_int_equal(rgb[k], 20 * (i / 10));
	}
}

static void open_and_check(void)
{
	struct cs_dataset *data = case_open(case_path("set"), NULL);

	check_set(data);
	cs_dataset_close(data);
}

static void the_second_opening_decodes_nothing(void **state)
{
	char first[900];
	int others;
	ino_t inode;

	(void)state;
	make_set();
	open_and_check();
	snprintf(first, sizeof first, "%s", cache_file(&others));
	assert_int_equal(others, 0);
	inode = inode_of(first);
	assert_int_not_equal(inode, 0);
	open_and_check();
	assert_string_equal(first, cache_file(&others));
	assert_int_equal(inode, inode_of(first));
	assert_string_equal(case_log, "");
}

static void statistics_are_exact_and_the_same_from_cache_memory_and_pixels(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	float mean[3], deviation[3], again[3], other[3];
	double sum[3] = {0}, square[3] = {0};
	struct cs_dataset *data;
	struct cs_error error;
	double n;

	(void)state;
	make_set();
	data = case_open(case_path("set"), &options);
	assert_int_equal(cs_dataset_statistics(data, NULL, mean, deviation, &error), CS_OK);
	n = (double)data->split[CS_SPLIT_TRAIN].count * 144;
	for (int64_t i = 0; i < data->split[CS_SPLIT_TRAIN].count; i++) {
		uint8_t rgb[432];

		cs_dataset_pixels(data, data->split[CS_SPLIT_TRAIN].images[i], rgb, NULL);
		for (int k = 0; k < 432; k++) {
			sum[k % 3] += rgb[k] / 255.0;
			square[k % 3] += rgb[k] / 255.0 * (rgb[k] / 255.0);
		}
	}
	for (int k = 0; k < 3; k++) {
		double m = sum[k] / n, d = sqrt(square[k] / n - m * m);

		assert_true(fabs(mean[k] - m) < 1e-6);
		assert_true(fabs(deviation[k] - d) < 1e-6);
	}
	cs_dataset_close(data);
	options.no_cache = true;
	data = case_open(case_path("set"), &options);
	assert_int_equal(cs_dataset_statistics(data, NULL, again, other, &error), CS_OK);
	assert_memory_equal(mean, again, sizeof mean);
	assert_memory_equal(deviation, other, sizeof mean);
	cs_dataset_close(data);
}

static void truncated_foreign_and_damaged_caches_are_made_anew(void **state)
{
	char path[900];
	int others;

	(void)state;
	make_set();
	open_and_check();
	snprintf(path, sizeof path, "%s", cache_file(&others));
	for (int mishap = 0; mishap < 5; mishap++) {
		struct stat about;
		FILE *file;

		assert_int_equal(stat(path, &about), 0);
		if (mishap < 2) {
			assert_int_equal(truncate(path, mishap ? 100 : about.st_size - 9), 0);
		} else {
			static const char *const words[] = {"another file", "XX", "\xFF\xFF\xFF"};
			long at = mishap == 2 ? 0 : mishap == 3 ? 40 : (long)about.st_size - 400;

			file = fopen(path, "r+");
			assert_non_null(file);
			assert_int_equal(fseek(file, at, SEEK_SET), 0);
			fputs(words[mishap - 2], file);
			assert_int_equal(fclose(file), 0);
		}
		case_log[0] = '\0';
		open_and_check();
		assert_non_null(strstr(case_log, "it is made anew"));
		case_log[0] = '\0';
		open_and_check();
		assert_string_equal(case_log, "");
	}
	assert_string_equal(path, cache_file(&others));
	assert_int_equal(others, 0);
}

static void a_changed_source_makes_the_cache_stale(void **state)
{
	struct cs_dataset *data;
	uint8_t rgb[432];

	(void)state;
	make_set();
	open_and_check();
	case_picture("set/a/7.png", 12, 12, 200, 201);
	data = case_open(case_path("set"), NULL);
	cs_dataset_pixels(data, 7, rgb, NULL);
	assert_int_equal(rgb[0], 201);
	assert_int_equal(rgb[431], 200);
	cs_dataset_close(data);
	case_picture("set/b/more.png", 12, 12, 9, 9);
	data = case_open(case_path("set"), NULL);
	assert_int_equal(data->count, 31);
	cs_dataset_close(data);
}

static void a_zip_written_again_makes_the_cache_stale(void **state)
{
	struct cs_dataset *data;

	(void)state;
	make_set();
	case_zip("set", "set.zip");
	data = case_open(case_path("set.zip"), NULL);
	assert_int_equal(data->count, 30);
	cs_dataset_close(data);
	case_picture("set/c/99.png", 12, 12, 9, 9);
	unlink(case_path("set.zip"));
	case_zip("set", "set.zip");
	data = case_open(case_path("set.zip"), NULL);
	assert_int_equal(data->count, 31);
	cs_dataset_close(data);
}

static void another_seed_needs_no_decoding_another_size_does(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *a, *b, *c;
	int others;

	(void)state;
	make_set();
	a = case_open(case_path("set"), &options);
	options.seed = 5;
	b = case_open(case_path("set"), &options);
	cache_file(&others);
	assert_int_equal(others, 0);
	assert_memory_not_equal(a->split[1].images, b->split[1].images, (size_t)a->split[1].count * sizeof(int64_t));
	options.size = 6;
	c = case_open(case_path("set"), &options);
	assert_int_equal(c->width, 6);
	cache_file(&others);
	assert_int_equal(others, 1);
	check_set(a);
	cs_dataset_close(a);
	cs_dataset_close(b);
	cs_dataset_close(c);
}

static void two_processes_make_one_cache(void **state)
{
	pid_t children[4];
	int others;

	(void)state;
	make_set();
	for (int i = 0; i < 4; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			struct cs_dataset *data = NULL;
			struct cs_error error;
			int wrong = cs_dataset_open(case_path("set"), NULL, NULL, &data, &error) != CS_OK ||
				data->count != 30;

			for (int k = 0; k < 30 && !wrong; k++) {
				uint8_t rgb[432];

				cs_dataset_pixels(data, k, rgb, NULL);
				wrong = rgb[0] != k % 10 || rgb[431] != 20 * (k / 10);
			}
			cs_dataset_close(data);
			_exit(wrong);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_string_not_equal(cache_file(&others), "");
	assert_int_equal(others, 0);
	open_and_check();
}

static void *cancel_soon(void *job)
{
	usleep(300000);
	cs_job_cancel(job);
	return NULL;
}

static void who_waits_for_another_can_be_cancelled(void **state)
{
	struct cs_dataset *data = NULL;
	struct cs_error error;
	struct cs_job job;
	char path[900], text[200];
	pthread_t thread;
	int others, lock;

	(void)state;
	make_set();
	open_and_check();
	snprintf(path, sizeof path, "%s", cache_file(&others));
	unlink(path);
	strcat(path, ".lock");
	lock = open(path, O_RDWR | O_CLOEXEC);
	assert_true(lock >= 0);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	cs_job_init(&job);
	pthread_create(&thread, NULL, cancel_soon, &job);
	assert_int_equal(cs_dataset_open(case_path("set"), NULL, &job, &data, &error), CS_ERR_CANCELLED);
	pthread_join(thread, NULL);
	cs_job_snapshot(&job, text, sizeof text);
	assert_non_null(strstr(text, "waiting for another convscope"));
	assert_non_null(strstr(case_log, "waiting for another convscope"));
	cs_job_fini(&job);
	close(lock);
	open_and_check();
}

static void a_cancelled_or_killed_maker_leaves_nothing_in_the_way(void **state)
{
	struct cs_dataset *data = NULL;
	struct cs_error error;
	struct cs_job job;
	char path[1000];
	int others;

	(void)state;
	make_set();
	cs_job_init(&job);
	cs_job_cancel(&job);
	assert_int_equal(cs_dataset_open(case_path("set"), NULL, &job, &data, &error), CS_ERR_CANCELLED);
	cs_job_fini(&job);
	assert_string_equal(cache_file(&others), "");
	assert_int_equal(others, 0);
	open_and_check();
	/* what a killed process leaves: a temporary file, and no cache */
	snprintf(path, sizeof path, "%s", cache_file(&others));
	unlink(path);
	strcat(path, ".tmp-1-0");
	case_text(path + strlen(case_root) + 1, "half a cache");
	open_and_check();
	cache_file(&others);
	assert_int_equal(others, 0);
}

static void without_a_cache_directory_images_are_held_in_memory(void **state)
{
	(void)state;
	make_set();
	case_text("cache", "a file is in the way of the directory");
	open_and_check();
	assert_non_null(strstr(case_log, "cannot keep decoded images in '"));
	assert_non_null(strstr(case_log, case_path("cache/convscope")));
}

/* A full disk, played by the limit on file sizes. */
static void a_full_disk_falls_back_to_memory(void **state)
{
	struct rlimit before, small;
	int others;

	(void)state;
	make_set();
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 9000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	open_and_check();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(case_log, "cannot keep decoded images in '"));
	assert_string_equal(cache_file(&others), "");
	assert_int_equal(others, 0);
}

static void no_cache_touches_no_disk(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data;

	(void)state;
	make_set();
	options.no_cache = true;
	data = case_open(case_path("set"), &options);
	check_set(data);
	cs_dataset_close(data);
	assert_false(cs_file_exists(case_path("cache")));
}

static void no_memory_is_an_error_not_a_crash(void **state)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data = NULL;
	struct cs_error error;
	enum cs_status status = CS_ERR_MEMORY;
	long nth;

	(void)state;
	case_classes("set", 2, 3, 8);
	options.no_cache = true;
	for (nth = 1; nth < 3000 && status != CS_OK; nth++) {
		cs_alloc_fail_after(nth);
		status = cs_dataset_open(case_path("set"), &options, NULL, &data, &error);
		cs_alloc_fail_after(0);
		if (status == CS_OK && data->skipped) {
			cs_dataset_close(data);
			fail_msg("allocation %ld failed, and pictures were skipped for it", nth);
		}
	}
	assert_int_equal(status, CS_OK);
	assert_true(nth > 50);
	assert_int_equal(data->count, 6); /* and no picture was taken for a corrupt one */
	cs_dataset_close(data);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, case_begin, case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(the_second_opening_decodes_nothing),
		WITH_ROOT(statistics_are_exact_and_the_same_from_cache_memory_and_pixels),
		WITH_ROOT(truncated_foreign_and_damaged_caches_are_made_anew),
		WITH_ROOT(a_changed_source_makes_the_cache_stale),
		WITH_ROOT(a_zip_written_again_makes_the_cache_stale),
		WITH_ROOT(another_seed_needs_no_decoding_another_size_does),
		WITH_ROOT(two_processes_make_one_cache),
		WITH_ROOT(who_waits_for_another_can_be_cancelled),
		WITH_ROOT(a_cancelled_or_killed_maker_leaves_nothing_in_the_way),
		WITH_ROOT(without_a_cache_directory_images_are_held_in_memory),
		WITH_ROOT(a_full_disk_falls_back_to_memory),
		WITH_ROOT(no_cache_touches_no_disk),
		WITH_ROOT(no_memory_is_an_error_not_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
