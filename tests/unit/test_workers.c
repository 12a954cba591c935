/* The thread pool: every task once, on a worker that exists, for any number of threads and callers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { TASKS = 500 };

struct count {
	int runs[TASKS]; /* not atomic: each task owns its element */
	atomic_int highest_worker;
	atomic_int total;
};

static void count_task(void *context, int task, int worker)
{
	struct count *count = context;
	int highest = atomic_load(&count->highest_worker);

	count->runs[task]++;
	atomic_fetch_add(&count->total, 1);
	while (worker > highest && !atomic_compare_exchange_weak(&count->highest_worker, &highest, worker)) {}
}

static void every_task_runs_once(void **state)
{
	static const int threads[] = {1, 2, 4, 7};

	(void)state;
	for (int t = 0; t < 4; t++) {
		struct cs_workers *workers = NULL;

		assert_int_equal(cs_workers_new(threads[t], &workers, NULL), CS_OK);
		assert_int_equal(cs_workers_count(workers), threads[t]);
		for (int tasks = 0; tasks <= TASKS; tasks += tasks < 10 ? 1 : 70) {
			struct count count = {.highest_worker = 0};

			cs_workers_run(workers, tasks, count_task, &count);
			for (int i = 0; i < TASKS; i++)
				assert_int_equal(count.runs[i], i < tasks);
			assert_true(atomic_load(&count.highest_worker) < threads[t]);
		}
		cs_workers_free(workers);
	}
}

static void many_short_rounds_follow_each_other(void **state)
{
	struct cs_workers *workers = NULL;
	struct count count = {.highest_worker = 0};

	(void)state;
	assert_int_equal(cs_workers_new(4, &workers, NULL), CS_OK);
	for (int round = 0; round < 5000; round++)
		cs_workers_run(workers, 1 + round % 5, count_task, &count);
	assert_int_equal(count.runs[0], 5000);
	assert_int_equal(count.runs[4], 1000);
	assert_int_equal(atomic_load(&count.total), 5000 + 4000 + 3000 + 2000 + 1000);
	cs_workers_free(workers);
}

static void without_a_pool_tasks_run_here_in_order(void **state)
{
	struct count count = {.highest_worker = 0};

	(void)state;
	assert_int_equal(cs_workers_count(NULL), 1);
	cs_workers_run(NULL, 9, count_task, &count);
	assert_int_equal(atomic_load(&count.total), 9);
	assert_int_equal(atomic_load(&count.highest_worker), 0);
	cs_workers_free(NULL);
}

struct caller {
	struct cs_workers *workers;
	struct count count;
};

static void *call_often(void *argument)
{
	struct caller *caller = argument;

	for (int i = 0; i < 300; i++)
		cs_workers_run(caller->workers, 20, count_task, &caller->count);
	return NULL;
}

static void several_threads_may_call_at_once(void **state)
{
	struct cs_workers *workers = NULL;
	static struct caller callers[3];
	pthread_t threads[3];

	(void)state;
	assert_int_equal(cs_workers_new(3, &workers, NULL), CS_OK);
	for (int i = 0; i < 3; i++) {
		callers[i] = (struct caller){.workers = workers};
		assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		for (int task = 0; task < 20; task++)
			assert_int_equal(callers[i].count.runs[task], 300);
	}
	cs_workers_free(workers);
}

static void what_one_round_wrote_the_next_one_reads(void **state)
{
	struct cs_workers *workers = NULL;
	struct count count = {.highest_worker = 0};

	(void)state;
	assert_int_equal(cs_workers_new(2, &workers, NULL), CS_OK);
	for (int round = 1; round <= 200; round++) {
		cs_workers_run(workers, 50, count_task, &count);
		for (int i = 0; i < 50; i++)
			assert_int_equal(count.runs[i], round);
	}
	cs_workers_free(workers);
}

static void numbers_of_threads_out_of_range_are_refused(void **state)
{
	struct cs_workers *workers = NULL;
	struct cs_error error;

	(void)state;
	assert_int_equal(cs_workers_new(-1, &workers, &error), CS_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "-1 threads"));
	assert_int_equal(cs_workers_new(5000, &workers, &error), CS_ERR_ARGUMENT);
	assert_null(workers);
	assert_true(cs_processors() >= 1);
	assert_int_equal(cs_workers_new(0, &workers, &error), CS_OK);
	assert_int_equal(cs_workers_count(workers), cs_processors());
	cs_workers_free(workers);
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
	long n = 1;

	(void)state;
	for (;; n++) {
		struct cs_workers *workers = NULL;
		struct cs_error error = {0};
		enum cs_status status;

		cs_alloc_fail_after(n);
		status = cs_workers_new(4, &workers, &error);
		cs_alloc_fail_after(0);
		cs_workers_free(workers);
		if (!status)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
	}
	assert_true(n > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once),
		cmocka_unit_test(many_short_rounds_follow_each_other),
		cmocka_unit_test(without_a_pool_tasks_run_here_in_order),
		cmocka_unit_test(several_threads_may_call_at_once),
		cmocka_unit_test(what_one_round_wrote_the_next_one_reads),
		cmocka_unit_test(numbers_of_threads_out_of_range_are_refused),
		cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
