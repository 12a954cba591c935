/* The confusion matrix and the images behind its cells, driven by keys. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#include "data/loader.h"
#include "nn/loss.h"

#define ESC "\033"

static int counts[4][4], images; /* as the model answers outside of the browser */

static void start(struct terminal_kind kind)
{
	play(kind, "runs/tiny");
	expect("1 conv1 6");
	expect("layers");
	harness_settle(&h);
}

/* Ask the model itself about the test split. */
static int count_all(void)
{
	struct cs_data_options opening = cs_data_options_default();
	struct cs_trace *trace = NULL;
	struct cs_batch batch = {0};
	struct cs_dataset *data;
	struct cs_model *model;
	char path[160];

	snprintf(path, sizeof path, "%s/runs/tiny/best.hdf5", tiny_directory);
	if (cs_dataset_open(TINY_DATA, &opening, NULL, &data, NULL) || cs_model_load(path, NULL, &model, NULL) ||
		cs_trace_new(model->network, CS_TRACE_OUTPUT, 64, NULL, &trace, NULL))
		return -1;
	images = (int)data->split[CS_SPLIT_TEST].count;
	if (images > 64 ||
		cs_loader_read(data, data->split[CS_SPLIT_TEST].images, images, 3, &model->preprocess, &batch, NULL))
		return -1;
	cs_network_forward(trace, &batch.images);
	for (int i = 0; i < images; i++)
		counts[cs_dataset_label(data, data->split[CS_SPLIT_TEST].images[i])]
		      [cs_argmax(cs_trace_scores(trace) + 4 * i, 4)]++;
	cs_batch_fini(&batch);
	cs_trace_free(trace);
	cs_model_free(model);
	cs_dataset_close(data);
	return 0;
}

static int set_up(void **state)
{
	return tiny_set_up(state) || count_all();
}

static void every_cell_is_what_the_model_answers(void **state)
{
	char wanted[80];
	int right = 0;

	(void)state;
	start((struct terminal_kind){0});
	harness_keys(&h, "x");
	for (int c = 0; c < 4; c++)
		right += counts[c][c];
	snprintf(wanted, sizeof wanted, "%d test images · accuracy %.1f %%", images, 100.0 * right / images);
	expect(wanted);
	for (int row = 0; row < 4; row++) {
		int of = counts[row][0] + counts[row][1] + counts[row][2] + counts[row][3];

		harness_keys(&h, "g");
		for (int i = 0; i < row; i++)
			harness_keys(&h, "j");
		for (int column = 0; column < 4; column++) {
			snprintf(wanted, sizeof wanted, ": %d of %d images", counts[row][column], of);
			expect(wanted);
			harness_keys(&h, "l");
		}
	}
	quit();
}

static void a_cells_images_are_looked_at(void **state)
{
	int truth = -1, said = -1;
	char wanted[80];

	(void)state;
	for (int t = 0; t < 4; t++) { /* the first one that holds a confusion, else a right answer */
		for (int s = 0; s < 4; s++) {
			if (counts[t][s] > 0 && (truth < 0 || (t != s && truth == said)))
				truth = t, said = s;
		}
	}
	start((struct terminal_kind){.sixel = true, .columns = 100, .rows = 30});
	harness_keys(&h, "x");
	expect(" images · accuracy"); /* of all, not "so far" */
	for (int i = 0; i < truth; i++)
		harness_keys(&h, "j");
	for (int i = 0; i < said; i++)
		harness_keys(&h, "l");
	snprintf(wanted, sizeof wanted, ": %d of", counts[truth][said]);
	expect(wanted);
	harness_keys(&h, "\r");
	snprintf(wanted, sizeof wanted, "1-%d of %d", counts[truth][said], counts[truth][said]);
	expect(wanted);
	harness_settle(&h);
	assert_int_equal(harness_whole(&h), counts[truth][said]);
	harness_keys(&h, "\r");
	expect("of test (");
	harness_keys(&h, ESC ESC);
	expect(" images · accuracy"); /* of all, not "so far" */
	quit();
}

static void sizes_orders_and_the_list_are_chosen_by_key(void **state)
{
	struct terminal_kind kinds[] = {{0}, {.no_utf8 = true, .term = "vt100"}, {.sixel = true}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		start(kinds[i]);
		harness_keys(&h, "x");
		expect("4 classes by class");
		harness_keys(&h, "o");
		expect("4 classes by error");
		harness_keys(&h, "--");
		expect("most often taken for another");
		if (kinds[i].sixel) {
			harness_settle(&h);
			assert_int_equal(harness_whole(&h), 1);
		}
		harness_keys(&h, "++");
		harness_keys(&h, "\t");
		expect("taken for");
		harness_resize(&h, 5, 20);
		expect("confusion");
		harness_resize(&h, 24, 80);
		expect("4 classes by error");
		quit();
	}
}

static void export_writes_the_matrix(void **state)
{
	char path[200], line[200];
	FILE *file;

	(void)state;
	start((struct terminal_kind){.columns = 110});
	harness_keys(&h, "x");
	expect(" images · accuracy"); /* of all, not "so far" */
	harness_settle(&h);
	harness_keys(&h, "e");
	expect("wrote runs/tiny/figures/confusion.csv, .png and .svg");
	snprintf(path, sizeof path, "%s/runs/tiny/figures/confusion.csv", tiny_directory);
	file = fopen(path, "r");
	assert_non_null(file);
	for (int row = -1; row < 4; row++) {
		char wanted[80];

		assert_non_null(fgets(line, sizeof line, file));
		if (row < 0)
			continue;
		snprintf(wanted, sizeof wanted, ",%d,%d,%d,%d\n", counts[row][0], counts[row][1], counts[row][2],
			counts[row][3]);
		assert_non_null(strstr(line, wanted));
	}
	fclose(file);
	quit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_is_what_the_model_answers),
		cmocka_unit_test(a_cells_images_are_looked_at),
		cmocka_unit_test(sizes_orders_and_the_list_are_chosen_by_key),
		cmocka_unit_test(export_writes_the_matrix),
	};

	return cmocka_run_group_tests(tests, set_up, tiny_tear_down);
}
