/* Training runs and their directories: what they leave, what they never overwrite, share or write through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_case.h"

#include "run/curves.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void a_run_leaves_its_files(void **state)
{
	static const char *const names[] = {"config.json", "summary.json", "best.hdf5", "last.hdf5", "history.hdf5",
		"history.csv", "points.csv", "log.txt"};
	const char *whole = uninterrupted();

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[200];

		snprintf(path, sizeof path, "%s/%s", whole, names[i]);
		if (!cs_file_exists(path))
			fail_msg("%s is missing", path);
	}
}

static void an_old_run_is_not_overwritten_unasked(void **state)
{
	struct cs_run_options options = make_options("whole");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	struct cs_error error;

	(void)state;
	uninterrupted();
	assert_int_equal(cs_run_train(model, data, &options, false, NULL, &summary, &error), CS_ERR_EXISTS);
	assert_non_null(strstr(error.message, "holds a run already"));
	cs_model_free(model);
}

static void overwriting_clears_what_the_old_run_left(void **state)
{
	struct cs_run_options options = make_options("overwritten");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	char figures[200], figure[220], analyses[200], other[220];
	struct cs_error error;

	(void)state;
	train(model, &options, false, &summary);
	/* a link in the place of a folder leads to what is not the run's */
	snprintf(analyses, sizeof analyses, "%s/analyses", options.directory);
	snprintf(other, sizeof other, "%s-other/kept.csv", options.directory);
	*strrchr(other, '/') = '\0';
	assert_int_equal(cs_file_make_directories(other, &error), CS_OK);
	assert_int_equal(symlink(other, analyses), 0);
	other[strlen(other)] = '/';
	assert_int_equal(cs_file_write(other, "x", 1, &error), CS_OK);
	snprintf(figures, sizeof figures, "%s/figures", options.directory);
	snprintf(figure, sizeof figure, "%s/curve.png", figures);
	assert_int_equal(cs_file_make_directories(figures, &error), CS_OK);
	assert_int_equal(cs_file_write(figure, "x", 1, &error), CS_OK);
	cs_model_free(model);
	model = make_model(16, CS_INIT_DEFAULT);
	options.overwrite = true;
	train(model, &options, false, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	assert_false(cs_file_exists(figure));
	assert_true(cs_file_exists(other));
	assert_same_curves(uninterrupted(), options.directory);
	cs_model_free(model);
}

static bool try_second(void *context, const struct cs_run_news *news)
{
	struct cs_run_options options = *(struct cs_run_options *)context;
	struct cs_run_state state;
	struct cs_run_summary summary;
	struct cs_model *model;
	struct cs_error error;

	if (news->step != 2)
		return true;
	options.watch = NULL;
	model = make_model(16, CS_INIT_DEFAULT);
	assert_int_equal(cs_run_train(model, data, &options, true, NULL, &summary, &error), CS_ERR_EXISTS);
	assert_non_null(strstr(error.message, "is training into"));
	cs_model_free(model);
	assert_int_equal(cs_run_inspect(options.directory, &state, &error), CS_OK);
	assert_true(state.alive);
	assert_false(state.finished);
	return false;
}

static void two_runs_never_share_a_directory(void **state)
{
	struct cs_run_options options = make_options("locked");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	struct cs_run_state seen;
	struct cs_error error;

	(void)state;
	options.watch = try_second;
	options.context = &options;
	train(model, &options, false, &summary);
	assert_int_equal(summary.end, CS_RUN_STOPPED);
	assert_int_equal(cs_run_inspect(options.directory, &seen, &error), CS_OK);
	assert_false(seen.alive);
	cs_model_free(model);
}

/* What stands in the place of a run's file in a directory from elsewhere is not written through, nor waited for. */
static void links_and_pipes_in_a_run_are_refused_and_what_they_lead_to_stays(void **state)
{
	static const char *const names[] = {"log.txt", "lock", "config.json", "summary.json", "best.hdf5", "last.hdf5",
		"history.hdf5", "history.csv", "points.csv"};
	struct cs_run_options options = make_options("linked");
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	char victim[200], place[240], *bytes;
	size_t size;
	struct cs_error error;

	(void)state;
	snprintf(victim, sizeof victim, "%s-victim", options.directory);
	assert_int_equal(cs_file_make_directories(options.directory, &error), CS_OK);
	assert_int_equal(cs_file_write(victim, "precious", 8, &error), CS_OK);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(place, sizeof place, "%s/%s", options.directory, names[i]);
		for (int pipe = 0; pipe < 2; pipe++) {
			struct cs_run_state seen;

			(void)unlink(place); /* the lock, which every attempt leaves */
			assert_int_equal(pipe ? mkfifo(place, 0600) : symlink(victim, place), 0);
			assert_int_equal(cs_run_train(model, data, &options, true, NULL, &summary, &error), CS_ERR_IO);
			if (!strstr(error.message, pipe ? "is a pipe" : "is a symbolic link") ||
				!strstr(error.message, names[i]))
				fail_msg("%s: %s", place, error.message);
			(void)cs_run_inspect(options.directory, &seen, &error); /* which does not wait */
			assert_int_equal(unlink(place), 0);
		}
		assert_int_equal(cs_file_read(victim, 100, &bytes, &size, &error), CS_OK);
		assert_string_equal(bytes, "precious");
		cs_free(bytes);
	}
	cs_model_free(model);
}

/* A full disk, played by a limit on the size of files. */
static void a_full_disk_is_told_and_the_old_checkpoint_stands(void **state)
{
	struct cs_run_options options = make_options("full");
	struct stopper stopper = {.step = 5};
	struct cs_model *model = make_model(16, CS_INIT_DEFAULT);
	struct cs_run_summary summary;
	int status;
	pid_t child;

	(void)state;
	options.watch = watch;
	options.context = &stopper;
	train(model, &options, false, &summary);
	child = fork();
	if (child == 0) {
		struct rlimit limit = {20000, 20000};
		struct cs_error error = {0};
		enum cs_status end;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		stopper.step = 7;
		end = cs_run_train(model, data, &options, true, NULL, &summary, &error);
		if (end != CS_ERR_IO || !strstr(error.message, "last.hdf5"))
			fprintf(stderr, "status %d: %s\n", end, error.message);
		_exit(end == CS_ERR_IO && strstr(error.message, "last.hdf5") ? 0 : 1);
	}
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	stopper.step = -1;
	train(model, &options, true, &summary);
	assert_int_equal(summary.end, CS_RUN_COMPLETE);
	cs_model_free(model);
	assert_same_files(uninterrupted(), options.directory, "last.hdf5");
}

static uint64_t kind_of(const char *config)
{
	char path[200], whole[300];
	FILE *file;

	snprintf(path, sizeof path, "%s/kind", directory);
	mkdir(path, 0700);
	snprintf(whole, sizeof whole, "%s/config.json", path);
	file = fopen(whole, "w");
	assert_non_null(file);
	fputs(config, file);
	fclose(file);
	return cs_run_kind(path);
}

/* Whatever the order in which its configuration was written, and when. */
static void runs_that_differ_by_their_seed_alone_are_of_one_kind(void **state)
{
	uint64_t kind = kind_of("{\"train\": {\"seed\": 3, \"rate\": 0.1, \"augment\": [1, 2]}, \"run\": {\"begun\": "
				"5, \"batch\": 16}}");

	(void)state;
	assert_true(kind != 0);
	assert_true(kind ==
		kind_of("{\"run\":{\"batch\":16,\"begun\":77},\"train\":{\"augment\":[1,2],\"rate\":0.1,\"seed\":4}}"));
	assert_true(kind !=
		kind_of("{\"run\":{\"batch\":16,\"begun\":5},\"train\":{\"augment\":[1,2],\"rate\":0.2,\"seed\":3}}"));
	assert_true(kind !=
		kind_of("{\"run\":{\"batch\":16,\"begun\":5},\"train\":{\"augment\":[2,1],\"rate\":0.1,\"seed\":3}}"));
	assert_true(kind !=
		kind_of("{\"run\":{\"rate\":0.1,\"begun\":5},\"train\":{\"augment\":[1,2],\"batch\":16,\"seed\":3}}"));
	assert_true(kind_of("{\"run\":") == 0);
}

static void a_thousand_runs_are_listed_quickly(void **state)
{
	struct timespec a, b;
	struct cs_run_state seen;
	struct cs_error error;
	double seconds;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(cs_run_inspect(uninterrupted(), &seen, &error), CS_OK);
	clock_gettime(CLOCK_MONOTONIC, &b);
	seconds = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
	print_message("1,000 runs: %.0f ms\n", 1e3 * seconds);
	assert_true(seconds < 3);
	assert_true(seen.finished);
	assert_int_equal(seen.epoch, 3);
	assert_int_equal(cs_run_inspect(directory, &seen, &error), CS_ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_leaves_its_files),
		cmocka_unit_test(an_old_run_is_not_overwritten_unasked),
		cmocka_unit_test(overwriting_clears_what_the_old_run_left),
		cmocka_unit_test(two_runs_never_share_a_directory),
		cmocka_unit_test(links_and_pipes_in_a_run_are_refused_and_what_they_lead_to_stays),
		cmocka_unit_test(a_full_disk_is_told_and_the_old_checkpoint_stands),
		cmocka_unit_test(runs_that_differ_by_their_seed_alone_are_of_one_kind),
		cmocka_unit_test(a_thousand_runs_are_listed_quickly),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
