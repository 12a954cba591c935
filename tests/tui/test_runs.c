/* Lists of runs and their learning curves: a thousand runs, filters and marks, several runs in one figure, a long history, a run that
 * another process writes, and the mouse.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#include "model/history.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>

/* A run directory of `epochs` made-up epochs. */
static struct cs_history *make_run(const char *name, int seed, int epochs, bool close)
{
	struct cs_history *history = NULL;
	struct cs_error error;
	char path[200];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", tiny_directory, name);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/%s/config.json", tiny_directory, name);
	file = fopen(path, "w");
	fprintf(file,
		"{ \"network\": { \"name\": \"%s\", \"seed\": %d }, \"train\": { \"seed\": %d, \"epochs\": 100 } }\n",
		seed < 100 ? "net" : "other", seed, seed);
	fclose(file);
	snprintf(path, sizeof path, "%s/%s", tiny_directory, name);
	assert_int_equal(cs_history_create(path, NULL, 0, NULL, 0, &history, &error), CS_OK);
	for (int i = 0; i < epochs; i++) {
		struct cs_epoch epoch = {.epoch = i,
			.train_loss = 2.0 / (1 + i),
			.train_accuracy = 0.5 + 0.4 * i / epochs,
			.val_loss = 2.2 / (1 + i),
			.val_accuracy = 0.4 + 0.4 * i / epochs + 0.01 * (seed % 100),
			.rate = 0.1,
			.images_per_second = 100,
			.seconds = 1,
			.time = 1.7e9};

		assert_int_equal(cs_history_add_epoch(history, &epoch, &error), CS_OK);
	}
	if (!close)
		return history;
	assert_int_equal(cs_history_close(history, &error), CS_OK);
	return NULL;
}

static void a_thousand_runs_are_listed_and_filtered_as_one_types(void **state)
{
	char path[200];

	(void)state;
	snprintf(path, sizeof path, "%s/many", tiny_directory);
	mkdir(path, 0700);
	for (int i = 0; i < 1000; i++) {
		FILE *file;

		snprintf(path, sizeof path, "%s/many/run%04d", tiny_directory, i);
		mkdir(path, 0700);
		snprintf(path, sizeof path, "%s/many/run%04d/summary.json", tiny_directory, i);
		file = fopen(path, "w");
		fprintf(file, "{}\n");
		fclose(file);
	}
	play((struct terminal_kind){.columns = 100}, "many");
	expect("1000 runs");
	press("ooo", "sort: state"); /* written, model, run, state */
	press("O", "sort: state ▴");
	press("&run07", "100 of 1000 runs");
	press("77", "1 of 1000 runs");
	expect("run0777");
	press("\177", "10 of 1000 runs");
	press("\033", " 1000 runs");
	press("&0999\r", "filter: 0999");
	press("&\025\r", "1000 runs");
	quit();
}

static void marked_runs_share_a_figure_and_seeds_a_band(void **state)
{
	char command[300];

	(void)state;
	snprintf(command, sizeof command, "mkdir %s/some", tiny_directory);
	assert_int_equal(system(command), 0);
	make_run("some/a1", 1, 30, true);
	make_run("some/a2", 2, 30, true);
	make_run("some/a3", 3, 25, true);
	make_run("some/b", 100, 30, true);
	play((struct terminal_kind){.columns = 120, .rows = 40}, "some");
	expect("4 runs");
	press("ooo", "sort: state");
	press("O", "state ▴");
	press("Om", "1 marked"); /* from the top, wherever the newest stands */
	press("mmm", "4 marked");
	press("\r", "4 runs: a1");
	expect("a1: best"); /* whose numbers these are */
	expect("a1 ×3");
	expect("b 78");
	press("M", "each run for itself");
	expect("a2 ");
	press("M", "a standard deviation about it");
	press("S", "running means over 3 epochs");
	press("y", "logarithmic axis");
	press("l", "epoch 1: ");
	press("lll", "epoch 4: ");
	press(":export curves\r", "wrote curves-accuracy.png");
	snprintf(command, sizeof command,
		"cd %s && test -s curves-accuracy.svg && test -s curves-loss.svg && test -s curves.hdf5 && grep -q 'a1 "
		"×3' curves.csv",
		tiny_directory);
	assert_int_equal(system(command), 0);
	quit();
}

static void the_mouse_reads_off_zooms_selects_and_sorts(void **state)
{
	(void)state;
	play((struct terminal_kind){.columns = 120, .rows = 40}, "some");
	expect("4 runs");
	press("\033[<0;2;3M\033[<0;2;3m", "sort: run ▾"); /* the head of the first column */
	press("\033[<0;2;3M\033[<0;2;3m", "sort: run ▴");
	press("\033[<0;2;3M\033[<0;2;3m", "sort: run ▾");
	harness_keys(&h, "\033[<0;5;5M\033[<0;5;5m"); /* the second row, */
	harness_settle(&h);
	press("\033[<0;5;5M\033[<0;5;5m", "some/a2"); /* and again: opens it */
	expect("accuracy, %");
	harness_settle(&h);
	press("\033[<0;30;12M\033[<0;30;12m", "epoch 1"); /* read off somewhere */
	expect("train ");
	harness_keys(&h, "\033[<0;20;12M\033[<32;30;12M\033[<0;30;12m"); /* drag: zoom */
	harness_settle(&h);
	assert_false(harness_has(&h, "no data"));
	press("\033[<64;30;12M", "epoch");
	quit();
}

static void fifty_thousand_points_open_and_are_thinned(void **state)
{
	double began;

	(void)state;
	make_run("long", 1, 50000, true);
	play((struct terminal_kind){.columns = 120, .rows = 40, .sixel = true}, "long");
	began = harness_now();
	expect("50000 of ");
	print_message("50,000 epochs stand on the screen after %.0f ms\n", 1000 * (harness_now() - began));
	quit();
}

static void a_run_is_followed_while_another_process_writes_it(void **state)
{
	struct cs_history *history = make_run("live", 5, 3, false);
	struct cs_epoch epoch = {.epoch = 3, .train_loss = 1, .train_accuracy = .5, .val_loss = 1, .val_accuracy = .99};
	struct cs_error error;
	int ends[2];
	pid_t writer;

	(void)state;
	assert_int_equal(cs_history_close(history, &error), CS_OK);
	assert_int_equal(pipe(ends), 0);
	writer = fork();
	if (writer == 0) { /* writes when it is told to, and is killed in the middle of it */
		char path[200], byte;

		snprintf(path, sizeof path, "%s/live", tiny_directory);
		if (cs_history_create(path, NULL, 0, NULL, 0, &history, &error))
			_exit(1);
		while (read(ends[0], &byte, 1) == 1)
			cs_history_add_epoch(history, &epoch, &error);
		pause();
	}
	assert_int_equal(write(ends[1], "x", 1), 1);
	play((struct terminal_kind){.columns = 100}, "live");
	expect(" 1 of ");
	assert_int_equal(write(ends[1], "xxxx", 4), 4);
	expect(" 5 of ");
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	harness_pump(&h, 2000);
	expect(" 5 of "); /* nothing is lost, nothing breaks */
	press("L", "convscope  live");
	quit();
	close(ends[0]);
	close(ends[1]);
}

static void the_best_is_named_where_the_axis_has_it(void **state)
{
	(void)state;
	make_run("after", 5, 4, true); /* each better than the one before */
	play((struct terminal_kind){.columns = 100}, "after");
	expect("best 75.0 % at epoch 4 ");
	press("h", "epoch 4: ");
	quit();
	assert_int_equal(
		shell("{ head -1 after/history.csv; for i in 0 1 2 3 4 5 6; do echo $i,3,.1,3,.1,.2,.1,99,1,0; done; } "
		      ">after/before-1-history.csv"),
		0);
	play((struct terminal_kind){.columns = 100}, "after");
	expect("after 7 before");
	expect("best 75.0 % at epoch 11 ");
	press("h", "epoch 11: ");
	quit();
}

static void a_single_epoch_has_its_values(void **state)
{
	(void)state;
	make_run("once", 5, 1, true);
	play((struct terminal_kind){.columns = 100}, "once");
	expect("train 50.0");
	expect("val 45.0");
	expect("val 2.20");
	quit();
}

/* The browser in a directory without runs; installed models lie below the test's directory, in `context`. */
static int browse_nowhere(void *context)
{
	struct cs_ui_request request = {.threads = 1};
	struct cs_ui_hooks hooks = {.evaluate = tiny_evaluate};
	struct cs_error error = {0};
	char models[200];

	snprintf(models, sizeof models, "%s/%s", tiny_directory, (const char *)context);
	if (setenv("CONVSCOPE_MODELS", models, 1) || chdir(tiny_directory) || (mkdir("nowhere", 0700) && errno != EEXIST) ||
		chdir("nowhere"))
		return 99;
	if (cs_ui_browse(&request, &hooks, &error)) {
		fprintf(stderr, "convscope: %s\n", error.message);
		return 1;
	}
	return 0;
}

static void without_runs_there_are_the_installed_networks(void **state)
{
	(void)state;
	assert_int_equal(shell("mkdir -p installed none && cp -r runs/tiny installed/mine"), 0);
	harness_start(&h, (struct terminal_kind){.columns = 100}, browse_nowhere, (char[]){"installed"});
	expect("no runs in '.': these networks are installed");
	expect("1 run ");
	press("\r", "installed/mine");
	press("2", "conv2 ");
	quit();
	harness_start(&h, (struct terminal_kind){.stderr_too = true}, browse_nowhere, (char[]){"none"});
	expect("nothing to browse here: no runs in '.'; train one");
	assert_int_equal(harness_end(&h, PLAY_LEAVE_SECONDS), 1);
	harness_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_runs_are_listed_and_filtered_as_one_types),
		cmocka_unit_test(marked_runs_share_a_figure_and_seeds_a_band),
		cmocka_unit_test(the_mouse_reads_off_zooms_selects_and_sorts),
		cmocka_unit_test(fifty_thousand_points_open_and_are_thinned),
		cmocka_unit_test(a_run_is_followed_while_another_process_writes_it),
		cmocka_unit_test(the_best_is_named_where_the_axis_has_it),
		cmocka_unit_test(a_single_epoch_has_its_values),
		cmocka_unit_test(without_runs_there_are_the_installed_networks),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
