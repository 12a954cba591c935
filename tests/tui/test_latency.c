/* How fast the browser is on things of life size: a network with a layer of 512 features, 60,000 images, 1,000 runs, a terminal that answers
 * nothing. What is promised is that each of them works; the figures are printed and judge nothing: the machine may be busy.
 *
 * CS_LATENCY_MODEL and CS_LATENCY_DATA measure a model and images of one's own instead; CS_LATENCY_TEST names the one test to run. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#include "io/archive_write.h"
#include "io/file.h"
#include "model/model.h"

#define IMAGES "shapes:count=600000,size=64,classes=4,cause=colour"

#define directory tiny_directory

static int browse(void *context)
{
	struct cs_ui_request request = {.target = context, .threads = 2, .dataset = getenv("CS_LATENCY_DATA")};
	struct cs_ui_hooks hooks = {0};
	struct cs_error error = {0};

	if (chdir(directory) != 0)
		return 99;
	if (cs_ui_browse(&request, &hooks, &error)) {
		fprintf(stderr, "convscope: %s\n", error.message);
		return 1;
	}
	return 0;
}

/* The layers of the seed network, without training. */
static struct cs_network *seed_network(struct cs_error *error)
{
	static const char *const kinds[] = {
		"conv", "maxpool", "conv", "maxpool", "dropout", "conv", "maxpool", "flatten", "dense"};
	struct cs_layer_spec s[9];
	struct cs_network *network = NULL;

	for (int i = 0; i < 9; i++)
		s[i] = cs_layer_spec_default(cs_layer_kind(kinds[i]));
	s[0].features = 512;
	s[0].kernel[0] = s[0].kernel[1] = 5;
	s[1].window[0] = s[1].window[1] = 3;
	s[2].features = 256;
	s[5].features = 128;
	s[2].kernel[0] = s[2].kernel[1] = s[5].kernel[0] = s[5].kernel[1] = 3;
	s[0].activation = s[2].activation = s[5].activation = CS_RELU;
	s[8].features = 4;
	s[8].activation = CS_SOFTMAX;
	return cs_network_new(CS_SHAPE(64, 64, 3), s, 9, 1, &network, error) ? NULL : network;
}

enum { ZIPPED = 60000 };

/* A zip of class folders with 60,000 pictures; where it is. */
static bool write_zip(char path[128], struct cs_error *error)
{
	struct cs_archive_part *parts = calloc(ZIPPED, sizeof *parts);
	char(*names)[40] = calloc(ZIPPED, sizeof *names), png[128];
	struct cs_picture picture;
	enum cs_status status;

	snprintf(png, sizeof png, "%s/one.png", directory);
	snprintf(path, 128, "%s/many.zip", directory);
	status = cs_picture_init(&picture, 8, 8, error);
	if (!status)
		status = cs_picture_save(&picture, png, NULL, error);
	for (int i = 0; i < ZIPPED; i++) {
		snprintf(names[i], sizeof names[i], "class%02d/%05d.png", i % 10, i);
		parts[i] = (struct cs_archive_part){.name = names[i], .file = png};
	}
	if (!status)
		status = cs_archive_write(path, parts, ZIPPED, error);
	cs_picture_fini(&picture);
	free(names);
	free(parts);
	return status == CS_OK;
}

/* An untrained seed network that remembers these images. */
static bool write_model(const char *name, const char *images, struct cs_error *error)
{
	struct cs_network *network = seed_network(error);
	struct cs_model *model;
	char path[128];
	bool good;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	if (!network || cs_model_new(network, &model, error))
		return false;
	good = !cs_model_set_dataset(model, images, error) && !cs_model_save(model, path, error);
	cs_model_free(model);
	return good;
}

static int set_up(void **state)
{
	struct cs_error error = {0};
	char path[128];

	(void)state;
	cs_log_to(tiny_log, NULL);
	strcpy(directory, "/tmp/test_latency.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	setenv("XDG_CONFIG_HOME", directory, 1);
	if (!write_model("seed.hdf5", IMAGES, &error) || !write_zip(path, &error) ||
		!write_model("zipped.hdf5", path, &error)) {
		fprintf(stderr, "%s\n", error.message);
		return -1;
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof path, "%s/many", directory);
		mkdir(path, 0700);
		snprintf(path, sizeof path, "%s/many/run%04d", directory, i);
		mkdir(path, 0700);
		snprintf(path, sizeof path, "%s/many/run%04d/summary.json", directory, i);
		if (cs_file_write(path, "{}\n", 3, &error))
			return -1;
	}
	return 0;
}

static void start(struct terminal_kind kind, const char *target)
{
	harness_start(&h, kind, browse, (void *)target);
}

static const char *model(void)
{
	const char *given = getenv("CS_LATENCY_MODEL");

	return given ? given : "seed.hdf5";
}

/* Milliseconds until a text stands on the screen. */
static double until(const char *text)
{
	double began = harness_now();

	while (!harness_has(&h, text) && harness_now() - began < 120 && harness_pump(&h, 1))
		;
	assert_true(harness_has(&h, text));
	return 1000 * (harness_now() - began);
}

/* Milliseconds until a row of the screen holds another text than `before`. */
static double until_another(int row, const char *before)
{
	double began = harness_now();

	while (strcmp(harness_row(&h, row), before) == 0 && harness_now() - began < 120 && harness_pump(&h, 1))
		;
	assert_string_not_equal(harness_row(&h, row), before);
	return 1000 * (harness_now() - began);
}

/* The number with which a row of a list begins. */
static long long number_of(int row)
{
	return strtoll(harness_row(&h, row), NULL, 10);
}

/* Milliseconds until that is another than `before`: what else stands in the row comes later, and is no answer to a key. */
static double until_number(int row, long long before)
{
	double began = harness_now();

	while (number_of(row) == before && harness_now() - began < 120 && harness_pump(&h, 1))
		;
	assert_int_not_equal(number_of(row), before);
	return 1000 * (harness_now() - began);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, double *ms, int count)
{
	qsort(ms, (size_t)count, sizeof *ms, by_size);
	print_message("%s: median %.0f ms, worst %.0f ms of %d\n", what, ms[count / 2], ms[count - 1], count);
}

static void the_first_screen_does_not_wait_for_the_terminal(void **state)
{
	static const char *const names[] = {"that answers", "with pixels", "that answers nothing"};
	struct terminal_kind kinds[] = {{0}, {.sixel = true}, {.sixel = true, .hold_answers = true}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		char what[80];
		double ms[9], left[9];

		for (int k = 0; k < 9; k++) {
			start(kinds[i], model());
			ms[k] = until("network");
			left[k] = harness_now();
			quit();
			left[k] = 1000 * (harness_now() - left[k]);
		}
		snprintf(what, sizeof what, "first screen on a terminal %s", names[i]);
		report(what, ms, 9);
		report("and away again", left, 9);
	}
}

static void every_page_of_512_features_comes_at_once(void **state)
{
	double ms[40];
	int count = 0, pages = 0;

	(void)state;
	for (int sixel = 0; sixel < 2; sixel++) {
		start((struct terminal_kind){.columns = 132, .rows = 40, .sixel = sixel}, model());
		expect("features that fire on none of");
		harness_keys(&h, "1");
		expect("conv1  512 features");
		for (int row = 0; row < h.rows; row++) {
			const char *at = strstr(harness_row(&h, row), "page 1/");

			if (at)
				sscanf(at, "page 1/%d", &pages);
		}
		assert_true(pages > 1);
		for (int page = 2; page <= pages && count < 40; page++) {
			char text[40];

			snprintf(text, sizeof text, "page %d/", page);
			harness_keys(&h, "\033[6~");
			ms[count++] = until(text);
		}
		report(sixel ? "next page of 512 features, pixels" : "next page of 512 features", ms, count);
		count = 0;
		for (int i = 0; i < 40; i++) { /* and one by one back */
			harness_keys(&h, i % 2 ? "h" : "k");
			harness_pump(&h, 15);
		}
		harness_keys(&h, "g");
		ms[count++] = until("page 1/");
		report("the first page after 40 keys in a row", ms, count);
		count = 0;
		quit();
	}
}

static void a_new_projection_replaces_the_old_one(void **state)
{
	double answer[16], shown[16];

	(void)state;
	start((struct terminal_kind){.columns = 100, .rows = 30, .sixel = true}, model());
	expect("features that fire on none of");
	harness_keys(&h, "i");
	expect("strongest in");
	harness_pump(&h, 1000);
	for (int i = 0; i < 16;
		i++) { /* all eight rules twice: the first time they are computed, then they are known */
		char before[2048];
		long seen = h.pictures_seen;
		double began = harness_now();

		snprintf(before, sizeof before, "%s", harness_row(&h, h.rows - 1));
		harness_keys(&h, "b");
		answer[i] = until_another(h.rows - 1, before);
		while (h.pictures_seen == seen && harness_now() < began + 60 && harness_pump(&h, 1))
			;
		shown[i] = 1000 * (harness_now() - began);
		assert_true(h.pictures_seen > seen);
		harness_pump(&h, 400); /* until the others are there as well */
	}
	report("another rule: the key is answered", answer, 16);
	report("another rule: its projection is on the screen", shown, 8);
	report("a rule that was seen before", shown + 8, 8);
	quit();
}

static void sixty_thousand_images_are_listed(void **state)
{
	double ms[7];

	(void)state;
	start((struct terminal_kind){.columns = 100, .rows = 30}, model());
	expect("features that fire on none of");
	harness_keys(&h, "I");
	ms[0] = until("sort: number");
	report("the list of images", ms, 1);
	if (!getenv("CS_LATENCY_DATA"))
		expect("60,000 images of test");
	for (int i = 0; i < 7; i++) {
		long long before = number_of(4);

		harness_keys(&h, i % 2 ? "g" : "G");
		ms[i] = until_number(4, before);
	}
	report("its other end", ms, 7);
	harness_keys(&h, "o");
	ms[0] = until("sort: class");
	report("in another order", ms, 1);
	harness_keys(&h, "&re");
	ms[0] = until("class: re");
	report("filtered as one types", ms, 1);
	harness_keys(&h, "\033");
	quit();
}

/* While the members of a large zip are listed the keys are heeded, another model can be opened, and leaving does not wait for it. */
static void a_large_zip_is_left_at_any_moment(void **state)
{
	static const int moments[] = {0, 10, 30, 60, 100, 150, 250, 400}; /* ms */
	enum { MOMENTS = sizeof moments / sizeof *moments };
	double help[MOMENTS], other[MOMENTS], left[MOMENTS];

	(void)state;
	for (int i = 0; i < MOMENTS; i++) {
		double began;

		start((struct terminal_kind){.columns = 100, .rows = 30}, "zipped.hdf5");
		expect("network");
		began = harness_now();
		while (1000 * (harness_now() - began) < moments[i] && harness_pump(&h, 1))
			;
		harness_keys(&h, "?");
		help[i] = until("keys of the network screen");
		harness_keys(&h, i % 2 ? "q:open seed.hdf5\r" : "q");
		other[i] = i % 2 ? until("features that fire on none of") : until("sees 64");
		began = harness_now();
		quit();
		left[i] = 1000 * (harness_now() - began);
	}
	report("help while a zip of 60,000 images is opened", help, MOMENTS);
	report("back, or on to another model and its images", other, MOMENTS);
	report("away while it is opened", left, MOMENTS);
}

/* Keys are heeded while pictures are on the way, text comes before them, and pictures of pages that are left already are not sent. */
static void a_slow_link_stays_usable(void **state)
{
	enum { PAGES = 8, QUICK = 30 };
	struct terminal_kind kind = {.columns = 100, .rows = 30, .sixel = true, .bits_per_second = 1e6, .latency = 0.2};
	double text[PAGES], all[PAGES];
	long each, seen;

	(void)state;
	start(kind, model());
	expect("features that fire on none of");
	harness_keys(&h, "1");
	expect("conv1  512 features");
	harness_pump(&h, 3000);
	each = h.bytes_seen;
	for (int i = 0; i < PAGES; i++) {
		char page[40];
		double began = harness_now(), last = began;

		snprintf(page, sizeof page, "page %d/", i + 2);
		harness_keys(&h, "\033[6~");
		text[i] = until(page);
		for (seen = h.pictures_seen; harness_now() - last < 1.5; harness_pump(&h, 5)) {
			if (h.pictures_seen != seen)
				last = harness_now();
			seen = h.pictures_seen;
		}
		all[i] = 1000 * (last - began);
	}
	each = (h.bytes_seen - each) / PAGES;
	seen = h.bytes_seen;
	for (int i = 0; i < QUICK; i++) {
		harness_keys(&h, i % 2 ? "\033[5~" : "\033[6~");
		harness_pump(&h, 60);
	}
	harness_pump(&h, 3000);
	report("1 Mbit/s, 200 ms: the next page's text", text, PAGES);
	report("1 Mbit/s, 200 ms: its last picture", all, PAGES);
	print_message("%ld bytes a page, %ld for %d pages in a hurry\n", each, h.bytes_seen - seen, QUICK);
	assert_true(h.bytes_seen - seen < each * QUICK);
	quit();
}

static void a_thousand_runs_are_listed(void **state)
{
	double ms[9];

	(void)state;
	for (int i = 0; i < 9; i++) {
		start((struct terminal_kind){.columns = 100}, "many");
		ms[i] = until("1000 runs");
		quit();
	}
	report("1,000 runs listed, the program's start included", ms, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_screen_does_not_wait_for_the_terminal),
		cmocka_unit_test(a_thousand_runs_are_listed),
		cmocka_unit_test(a_large_zip_is_left_at_any_moment),
		cmocka_unit_test(a_slow_link_stays_usable),
		cmocka_unit_test(sixty_thousand_images_are_listed),
		cmocka_unit_test(every_page_of_512_features_comes_at_once),
		cmocka_unit_test(a_new_projection_replaces_the_old_one),
	};

	cmocka_set_test_filter(getenv("CS_LATENCY_TEST"));
	return cmocka_run_group_tests(tests, set_up, tiny_tear_down);
}
