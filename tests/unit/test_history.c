/* Learning curves: written and read at once, after a kill, by another process, and quickly. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "directory_case.h"

#include "core/alloc.h"
#include "model/history.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Sanitizers make everything slower: there the tests keep their limits in spirit only. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static void remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	unlink(path);
}

static struct cs_epoch epoch(int i)
{
	return (struct cs_epoch){
		.epoch = i,
		.train_loss = 1.0 / 3 / (i + 1),
		.train_accuracy = 0.1 * i,
		.val_loss = NAN,
		.val_accuracy = 1e-17 * i,
		.rate = 0.01,
		.time = 1.7e9 + i / 7.0,
	};
}

static struct cs_point point(int i)
{
	return (struct cs_point){.step = i, .epoch = i / 1e4, .loss = 1.0 / (i + 1), .accuracy = 0.25, .rate = 0.1};
}

static void assert_rows(const struct cs_curves *curves, int64_t epochs, int64_t points)
{
	assert_int_equal(curves->epoch_count, epochs);
	assert_int_equal(curves->point_count, points);
	for (int i = 0; i < epochs; i++) {
		struct cs_epoch expected = epoch(i), found = curves->epochs[i];

		assert_true(isnan(found.val_loss));
		expected.val_loss = found.val_loss = 0;
		assert_memory_equal(&found, &expected, sizeof found);
	}
	for (int i = 0; i < points; i++) {
		struct cs_point expected = point(i);

		assert_memory_equal(&curves->points[i], &expected, sizeof expected);
	}
}

static struct cs_history *write_rows(int epochs, int points)
{
	struct cs_history *history;
	struct cs_error error;

	if (cs_history_create(directory, NULL, 0, NULL, 0, &history, &error))
		fail_msg("%s", error.message);
	for (int i = 0; i < points; i++) {
		struct cs_point row = point(i);

		assert_int_equal(cs_history_add_point(history, &row, &error), CS_OK);
	}
	for (int i = 0; i < epochs; i++) {
		struct cs_epoch row = epoch(i);

		assert_int_equal(cs_history_add_epoch(history, &row, &error), CS_OK);
	}
	return history;
}

static void rows_are_read_while_they_are_written(void **state)
{
	struct cs_history *history = write_rows(3, 20);
	struct cs_curves curves;
	struct cs_error error;

	(void)state;
	if (cs_history_read(directory, &curves, &error))
		fail_msg("%s", error.message);
	assert_rows(&curves, 3, 20);
	cs_curves_fini(&curves);
	assert_int_equal(cs_history_close(history, &error), CS_OK);
	assert_int_equal(cs_history_read(directory, &curves, &error), CS_OK);
	assert_rows(&curves, 3, 20);
	cs_curves_fini(&curves);
}

static void the_csv_alone_tells_the_same(void **state)
{
	struct cs_history *history = write_rows(5, 30);
	struct cs_curves curves;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_history_close(history, &error), CS_OK);
	remove_file("history.hdf5");
	if (cs_history_read(directory, &curves, &error))
		fail_msg("%s", error.message);
	assert_rows(&curves, 5, 30);
	cs_curves_fini(&curves);
}

static void a_torn_last_line_is_left_out(void **state)
{
	struct cs_history *history = write_rows(2, 2);
	struct cs_curves curves;
	struct cs_error error;
	char path[128];
	FILE *file;

	(void)state;
	assert_int_equal(cs_history_close(history, &error), CS_OK);
	remove_file("history.hdf5");
	snprintf(path, sizeof path, "%s/history.csv", directory);
	file = fopen(path, "a");
	fputs("2,0.1,0.", file);
	fclose(file);
	assert_int_equal(cs_history_read(directory, &curves, &error), CS_OK);
	assert_rows(&curves, 2, 2);
	cs_curves_fini(&curves);
}

/* A writer in another process is killed between two rows; HDF5 would not open its file for writing again. */
static void a_killed_writer_leaves_its_rows(void **state)
{
	struct cs_curves curves;
	struct cs_history *history;
	struct cs_error error;
	int ready[2], status;
	char byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		write_rows(4, 50);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	/* While it lives, another process reads. */
	assert_int_equal(cs_history_read(directory, &curves, &error), CS_OK);
	assert_rows(&curves, 4, 50);
	cs_curves_fini(&curves);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	if (cs_history_read(directory, &curves, &error))
		fail_msg("%s", error.message);
	assert_rows(&curves, 4, 50);
	/* Resuming keeps what lies before its checkpoint and goes on. */
	assert_int_equal(cs_history_create(directory, curves.epochs, 2, curves.points, 25, &history, &error), CS_OK);
	cs_curves_fini(&curves);
	for (int i = 25; i < 40; i++) {
		struct cs_point row = point(i);

		assert_int_equal(cs_history_add_point(history, &row, &error), CS_OK);
	}
	assert_int_equal(cs_history_read(directory, &curves, &error), CS_OK);
	assert_rows(&curves, 2, 40);
	cs_curves_fini(&curves);
	assert_int_equal(cs_history_close(history, &error), CS_OK);
	close(ready[0]);
	close(ready[1]);
}

/* Processor time: how busy the machine is does not count. */
static void fifty_thousand_points_take_a_tenth_of_a_second_of_work(void **state)
{
	struct cs_point *points = cs_calloc(50000, sizeof *points);
	struct cs_history *history;
	struct cs_curves curves;
	struct cs_error error;
	struct timespec a, b;
	double best = 1e9;

	(void)state;
	for (int i = 0; i < 50000; i++)
		points[i] = point(i);
	assert_int_equal(cs_history_create(directory, NULL, 0, points, 50000, &history, &error), CS_OK);
	assert_int_equal(cs_history_close(history, &error), CS_OK);
	for (int i = 0; i < 5; i++) {
		double seconds;

		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		assert_int_equal(cs_history_read(directory, &curves, &error), CS_OK);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		seconds = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
		best = seconds < best ? seconds : best;
		assert_rows(&curves, 0, 50000);
		cs_curves_fini(&curves);
	}
	print_message("50,000 points: %.1f ms of processor time\n", 1e3 * best);
	assert_true(best < (SANITIZED ? 2 : 0.1));
	cs_free(points);
}

static void a_directory_without_history_says_so(void **state)
{
	struct cs_curves curves;
	struct cs_error error = {0};

	(void)state;
	assert_int_equal(cs_history_read("/nonexistent/run", &curves, &error), CS_ERR_NOT_FOUND);
	assert_non_null(strstr(error.message, "/nonexistent/run"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_writer_leaves_its_rows),
		cmocka_unit_test(rows_are_read_while_they_are_written),
		cmocka_unit_test(the_csv_alone_tells_the_same),
		cmocka_unit_test(a_torn_last_line_is_left_out),
		cmocka_unit_test(fifty_thousand_points_take_a_tenth_of_a_second_of_work),
		cmocka_unit_test(a_directory_without_history_says_so),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
