/* Run directories that somebody else filled, in the browser: pipes, devices and rubbish where files belong, models that are none, names and
 * texts with escape sequences in them. Each of them is looked at as a user would; the browser answers its keys, sends the terminal nothing
 * that a file says, writes nowhere else and leaves when it is told to.
 *
 * With CS_SHARED_DIR the malformed models there are tried too, as the best network and as the curves of a run.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/tiny.h"

#include <dirent.h>

#define OWNED "\033]0;owned\a\033[2J"

static struct harness h;

static int shell(const char *format, ...)
{
	char command[1200], whole[1400];
	va_list rest;

	va_start(rest, format);
	vsnprintf(command, sizeof command, format, rest);
	va_end(rest);
	snprintf(whole, sizeof whole, "cd '%s' && %s", tiny_directory, command);
	return system(whole);
}

static void write_file(const char *path, const char *text)
{
	char whole[400];
	FILE *file;

	snprintf(whole, sizeof whole, "%s/%s", tiny_directory, path);
	file = fopen(whole, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A run like any other, in which something is then wrong. */
static void make_run(const char *name)
{
	assert_int_equal(shell("rm -rf bad outside pwned && mkdir -p outside 'bad/%s' && cp -r runs/tiny/. 'bad/%s'",
				 name, name),
		0);
}

/* Help comes up and goes away, as often as asked: what is read in the background holds up no key. */
static double slowest_answer(void)
{
	double worst = 0;

	for (int i = 0; i < 3; i++) {
		double began = harness_now();

		harness_keys(&h, "?");
		assert_true(harness_wait(&h, "help · keys of", 20));
		worst = harness_now() - began > worst ? harness_now() - began : worst;
		harness_keys(&h, "q");
		while (harness_has(&h, "help · keys of") && harness_now() - began < 20)
			harness_pump(&h, 5);
	}
	return worst;
}

/* The run called so, from the list of runs and by itself: its log, network, analyses and images. */
static void look_at(const char *name)
{
	static const char *const keys[] = {"L", "a", "j", "q", "\r", "t", "1", "i", "q", "x", "q", "C", "q"};
	char whole[300];

	snprintf(whole, sizeof whole, "bad/%s", name);
	for (int round = 0; round < 2; round++) {
		double worst;

		harness_start(&h, (struct terminal_kind){.rows = 30, .columns = 100}, tiny_browse,
			round ? (void *)whole : (void *)(char[]){"bad"});
		assert_true(harness_wait(&h, "help", 20));
		harness_settle(&h);
		worst = slowest_answer();
		for (size_t i = 0; round && i < sizeof keys / sizeof *keys; i++) {
			harness_keys(&h, keys[i]);
			harness_pump(&h, 40);
		}
		if (round == 0) {
			harness_keys(&h, "\r");
			harness_settle(&h);
			worst = slowest_answer();
		}
		if (worst > 2)
			fail_msg("%s: a key waited %.1f s", name, worst);
		harness_keys(&h, "\033\033"); /* it may have been left by q already */
		harness_pump(&h, 100);
		harness_keys(&h, "Q");
		if (harness_end(&h, 20) != 0)
			fail_msg("%s: the browser ended badly", name);
		assert_true(strncmp(h.title, "owned", 5) != 0);
		assert_false(h.alternate);
		harness_close(&h);
	}
	assert_int_equal(shell("test -z \"$(ls outside)\" && test ! -e pwned"), 0);
}

static void what_is_no_file_is_passed_over(void **state)
{
	static const char *const files[] = {"config.json", "summary.json", "history.csv", "points.csv", "history.hdf5",
		"best.hdf5", "last.hdf5", "log.txt", "lock", "best.hdf5.convscope.json"};
	static const char *const made[] = {"mkfifo %s", "mkdir %s", "ln -s /dev/zero %s", "ln -s %s %s",
		"truncate -s 300M %s", "head -c 5000 /dev/urandom > %s"};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		/* each kind of file meets each kind of trouble in some build; all would take minutes */
		for (size_t k = i % 2; k < sizeof made / sizeof *made; k += 2) {
			char command[200];

			make_run("run");
			snprintf(command, sizeof command, made[k], files[i], files[i]);
			assert_int_equal(shell("cd bad/run && rm -rf %s && %s", files[i], command), 0);
			look_at("run");
		}
	}
}

static void texts_reach_no_terminal_as_they_are(void **state)
{
	char *deep = malloc(200001);

	(void)state;
	make_run("run");
	write_file("bad/run/config.json",
		"{\"run\": {\"network\": \"\\u001b]0;owned\\u0007\\u001b[2J\", \"dataset\": \"\\u009b31m\\u202e "
		"../../x\","
		" \"epochs\": 9223372036854775807}}");
	write_file("bad/run/summary.json",
		"{\"finished\": false, \"best_epoch\": 1e308, \"end\": \"failed\", \"message\": "
		"\"\\u001b]0;owned\\u0007\"}");
	write_file("bad/run/log.txt",
		OWNED "\nline\n\x9b"
		      "2J\r\b\b\001\002\xff\xfe\xc3\n");
	write_file("bad/run/history.csv",
		"epoch,train_loss\n9e18,1e308,1e308,-1e308,nan\n-5,inf,inf,-inf,1e999\n" OWNED ",1,1,1,1\n");
	look_at("run");
	make_run("run");
	memset(deep, '[', 200000);
	deep[200000] = '\0';
	write_file("bad/run/config.json", deep);
	write_file(
		"bad/run/summary.json", "{\"finished\": NaN, \"best_epoch\": -Infinity, \"best_val_accuracy\": 1e999}");
	look_at("run");
	memset(deep, 'n', 10000);
	strcpy(deep + 10000, "\"}}");
	memcpy(deep, "{\"run\": {\"network\": \"", 21);
	write_file("bad/run/config.json", deep);
	look_at("run");
	free(deep);
}

static void names_are_shown_without_their_escapes(void **state)
{
	static const char *const names[] = {OWNED, "\xff\xfe\x80", "new\nline\ttab", "-rf", "$(touch pwned)", "%s%n%d",
		"\xe2\x80\xae"
		"abc\xcc\x81"};
	char long_name[256];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		make_run(names[i]);
		look_at(names[i]);
	}
	memset(long_name, 'n', 255);
	long_name[255] = '\0';
	make_run(long_name);
	look_at(long_name);
}

static void results_of_analyses_are_not_believed(void **state)
{
	(void)state;
	make_run("run");
	assert_int_equal(shell("cd bad/run && ln -s ../../outside analyses"), 0);
	look_at("run");
	make_run("run");
	assert_int_equal(shell("mkdir -p bad/run/analyses && cd bad/run/analyses && mkfifo noise.h5 && truncate -s "
			       "300M colour.h5 && "
			       "head -c 3000 /dev/urandom > confusion.h5 && ln -s /dev/zero stages.h5 && "
			       "head -c 2000 ../best.hdf5 > similarity.h5 && cp ../best.hdf5 occlusion.h5 && "
			       "echo 'os.execute(\"touch pwned\")' > evil.lua"),
		0);
	look_at("run");
}

static void malformed_models_are_one_line(void **state)
{
	const char *shared = getenv("CS_SHARED_DIR");
	char folder[400];
	struct dirent *entry;
	DIR *dir;
	int tried = 0;

	(void)state;
	snprintf(folder, sizeof folder, "%s/data/malformed", shared ? shared : "");
	dir = shared ? opendir(folder) : NULL;
	if (!dir) {
		print_message("CS_SHARED_DIR is not set: no malformed files to look at\n");
		skip();
		return;
	}
	while ((entry = readdir(dir))) {
		const char *end = strrchr(entry->d_name, '.');

		/* every third: all of them go through the commands in tests/e2e/hostile.sh */
		if (!end || (strcmp(end, ".h5") && strcmp(end, ".keras")) || tried++ % 3)
			continue;
		make_run("run");
		assert_int_equal(shell("cp '%s/%s' bad/run/best.hdf5 && cp '%s/%s' bad/run/history.hdf5", folder,
					 entry->d_name, folder, entry->d_name),
			0);
		look_at("run");
	}
	closedir(dir);
	assert_true(tried > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_file_is_passed_over),
		cmocka_unit_test(texts_reach_no_terminal_as_they_are),
		cmocka_unit_test(names_are_shown_without_their_escapes),
		cmocka_unit_test(results_of_analyses_are_not_believed),
		cmocka_unit_test(malformed_models_are_one_line),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
