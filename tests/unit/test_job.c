/* Background jobs: progress out, cancel in, errors back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/job.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static enum cs_status work_to_the_end(struct cs_job *job, void *context, struct cs_error *error)
{
	int *done = context;

	(void)error;
	for (int i = 0; i < 1000; i++) {
		cs_job_progress(job, i / 1000.0, "image %d of 1000", i);
		*done = i + 1;
	}
	return CS_OK;
}

static enum cs_status work_until_cancelled(struct cs_job *job, void *context, struct cs_error *error)
{
	(void)context;
	cs_job_progress(job, -1, "waiting");
	while (!cs_job_cancelled(job))
		sched_yield();
	return cs_fail(error, CS_ERR_CANCELLED, "cancelled");
}

static enum cs_status work_that_fails(struct cs_job *job, void *context, struct cs_error *error)
{
	(void)job;
	return cs_fail(error, CS_ERR_IO, "cannot read '%s'", (const char *)context);
}

static enum cs_status work_that_looks_at_signals(struct cs_job *job, void *context, struct cs_error *error)
{
	sigset_t mask;

	(void)job;
	(void)error;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	*(int *)context = sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGWINCH);
	return CS_OK;
}

static void a_job_runs_and_tells_how_far_it_is(void **state)
{
	struct cs_job job;
	struct cs_error error;
	char text[100];
	double before = -2;
	int done = 0;

	(void)state;
	assert_int_equal(cs_job_start(&job, work_to_the_end, &done, &error), CS_OK);
	while (!cs_job_finished(&job)) {
		double now = cs_job_snapshot(&job, text, sizeof text);

		assert_true(now >= before); /* never backwards */
		before = now;
	}
	assert_int_equal(cs_job_join(&job, &error), CS_OK);
	assert_int_equal(done, 1000);
	assert_true(cs_job_snapshot(&job, text, sizeof text) == 0.999);
	assert_string_equal(text, "image 999 of 1000");
	cs_job_snapshot(&job, text, 6);
	assert_string_equal(text, "image");
	assert_true(cs_job_snapshot(&job, NULL, 0) == 0.999);
	cs_job_fini(&job);
}

static void a_job_ends_when_cancelled(void **state)
{
	struct cs_job job;
	struct cs_error error = {0};

	(void)state;
	assert_int_equal(cs_job_start(&job, work_until_cancelled, NULL, &error), CS_OK);
	assert_false(cs_job_finished(&job));
	cs_job_cancel(&job);
	assert_int_equal(cs_job_join(&job, &error), CS_ERR_CANCELLED);
	assert_true(cs_job_finished(&job));
	assert_string_equal(error.message, "cancelled");
	assert_int_equal(cs_job_join(&job, &error), CS_ERR_CANCELLED); /* again, the same answer */
	cs_job_fini(&job);
}

static void giving_a_job_up_cancels_and_waits(void **state)
{
	struct cs_job job;

	(void)state;
	assert_int_equal(cs_job_start(&job, work_until_cancelled, NULL, NULL), CS_OK);
	cs_job_fini(&job);
	assert_true(cs_job_finished(&job));
}

static void errors_come_back_with_the_join(void **state)
{
	struct cs_job job;
	struct cs_error error = {0};
	char path[] = "a.png";

	(void)state;
	assert_int_equal(cs_job_start(&job, work_that_fails, path, &error), CS_OK);
	assert_int_equal(cs_job_join(&job, &error), CS_ERR_IO);
	assert_int_equal(error.status, CS_ERR_IO);
	assert_string_equal(error.message, "cannot read 'a.png'");
	cs_job_fini(&job);
}

static void signals_are_left_to_the_others(void **state)
{
	struct cs_job job;
	int blocked = 0;
	sigset_t before, after;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(cs_job_start(&job, work_that_looks_at_signals, &blocked, NULL), CS_OK);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(cs_job_join(&job, NULL), CS_OK);
	assert_true(blocked);
	assert_int_equal(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
	cs_job_fini(&job);
}

static void work_in_the_foreground_uses_the_same_handle(void **state)
{
	struct cs_job job;
	char text[300];
	char line[400];
	int done;

	(void)state;
	cs_job_init(&job);
	assert_true(cs_job_snapshot(&job, text, sizeof text) < 0);
	assert_string_equal(text, "");
	assert_int_equal(work_to_the_end(&job, &done, NULL), CS_OK);
	assert_false(cs_job_cancelled(&job));
	cs_job_cancel(&job);
	assert_true(cs_job_cancelled(&job));
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	cs_job_progress(&job, 0.5, "%s", line); /* cut, not overflowing */
	cs_job_snapshot(&job, text, sizeof text);
	assert_int_equal(strlen(text), sizeof job.text - 1);
	cs_job_fini(&job);
}

static void nobody_need_watch(void **state)
{
	(void)state;
	cs_job_progress(NULL, 0.5, "unseen");
	assert_false(cs_job_cancelled(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_runs_and_tells_how_far_it_is),
		cmocka_unit_test(a_job_ends_when_cancelled),
		cmocka_unit_test(giving_a_job_up_cancels_and_waits),
		cmocka_unit_test(errors_come_back_with_the_join),
		cmocka_unit_test(signals_are_left_to_the_others),
		cmocka_unit_test(work_in_the_foreground_uses_the_same_handle),
		cmocka_unit_test(nobody_need_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
