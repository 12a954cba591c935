/* Two models on the same images, driven by keys: kept, compared, listed, looked at side by side. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#include "data/loader.h"
#include "measure/agreement.h"
#include "nn/loss.h"

#define ESC "\033"

static struct cs_agreement
	agreement; /* of runs/short (first) and runs/tiny, as the models answer outside of the browser */

static int answers(const char *run, const struct cs_dataset *data, int *out)
{
	const struct cs_split *split = &data->split[CS_SPLIT_TEST];
	struct cs_trace *trace = NULL;
	struct cs_batch batch = {0};
	struct cs_model *model;
	char path[160];

	snprintf(path, sizeof path, "%s/%s/best.hdf5", tiny_directory, run);
	if (cs_model_load(path, NULL, &model, NULL) ||
		cs_trace_new(model->network, CS_TRACE_OUTPUT, (int)split->count, NULL, &trace, NULL) ||
		cs_loader_read(data, split->images, (int)split->count, 3, &model->preprocess, &batch, NULL))
		return -1;
	cs_network_forward(trace, &batch.images);
	for (int i = 0; i < split->count; i++)
		out[i] = cs_argmax(cs_trace_scores(trace) + 4 * i, 4);
	cs_batch_fini(&batch);
	cs_trace_free(trace);
	cs_model_free(model);
	return 0;
}

static int set_up(void **state)
{
	struct cs_data_options opening = cs_data_options_default();
	struct cs_dataset *data;
	int a[300], b[300];
	char path[128];

	if (tiny_set_up(state))
		return -1;
	snprintf(path, sizeof path, "%s/runs/short", tiny_directory);
	if (tiny_train(path, 1) || cs_dataset_open(TINY_DATA, &opening, NULL, &data, NULL) ||
		answers("runs/short", data, a) || answers("runs/tiny", data, b))
		return -1;
	for (int i = 0; i < data->split[CS_SPLIT_TEST].count; i++) {
		int label = cs_dataset_label(data, data->split[CS_SPLIT_TEST].images[i]);

		cs_agreement_add(&agreement, a[i] == label, b[i] == label);
	}
	cs_dataset_close(data);
	return 0;
}

/* Keep runs/short, open runs/tiny, compare. */
static void start(struct terminal_kind kind)
{
	play(kind, "runs");
	expect("2 runs");
	harness_keys(&h, "/short\r\r");
	expect("convscope  runs/short");
	expect("1 conv1 6");
	harness_settle(&h);
	harness_keys(&h, "m");
	expect("runs/short is kept");
	harness_keys(&h, ESC);
	expect("2 runs");
	harness_keys(&h, "/tiny\r\r");
	expect("convscope  runs/tiny");
	expect("1 conv1 6");
	harness_settle(&h);
	harness_keys(&h, "m");
	expect("A runs/short   B runs/tiny");
}

static void the_numbers_are_those_of_the_models(void **state)
{
	char wanted[160];

	(void)state;
	start((struct terminal_kind){.columns = 120});
	snprintf(wanted, sizeof wanted, " 32 test images: A %.1f %%, B %.1f %%",
		100 * cs_agreement_first(&agreement), 100 * cs_agreement_second(&agreement));
	expect(wanted);
	snprintf(wanted, sizeof wanted, "McNemar p = %.2g: %s · both %d, A alone %d, B alone %d, neither %d",
		cs_agreement_p(&agreement), cs_agreement_p(&agreement) < 0.05 ? "more than chance" : "could be chance",
		(int)agreement.both, (int)agreement.first, (int)agreement.second, (int)agreement.neither);
	expect(wanted);
	snprintf(wanted, sizeof wanted, "gained: %d that B alone knows", (int)agreement.second);
	expect(wanted);
	snprintf(wanted, sizeof wanted, "lost: %d that A alone knows", (int)agreement.first);
	expect(wanted);
	harness_keys(&h, "e");
	expect("wrote runs/tiny/figures/compare.csv");
	quit();
}

static void both_projections_stand_side_by_side_on_one_scale(void **state)
{
	(void)state;
	assert_true(agreement.first + agreement.second > 0); /* one epoch and three do not know the same */
	start((struct terminal_kind){.sixel = true, .columns = 130, .rows = 30});
	expect("gained:");
	if (agreement.second == 0)
		harness_keys(&h, "\t");
	expect("rule deconvnet · one scale");
	expect("conv2 feature");
	harness_settle(&h);
	expect("both: mid-grey is 0, full colour ±");
	assert_in_range(harness_whole(&h), 2, 3); /* the input, and what is not silent */
	harness_keys(&h, "[");
	expect("conv1 feature");
	harness_keys(&h, "/f3\r");
	expect("conv1 feature 3");
	harness_keys(&h, "i");
	expect("alone knows");
	harness_keys(&h, ESC "\r");
	expect("of test (");
	quit();
}

static void small_screens_show_one_part_at_a_time(void **state)
{
	(void)state;
	start((struct terminal_kind){.no_utf8 = true, .term = "vt100"});
	expect("gained:");
	harness_keys(&h, "\t");
	expect("lost:");
	harness_keys(&h, "\t");
	harness_settle(&h);
	assert_true(harness_has(&h, "one scale") || harness_has(&h, "no picture to look at"));
	harness_resize(&h, 5, 20);
	expect("compare");
	harness_keys(&h, "\t\t\tjk");
	harness_resize(&h, 24, 80);
	expect("McNemar");
	quit();
}

static void two_marked_runs_are_compared_from_the_list(void **state)
{
	(void)state;
	harness_start(&h, (struct terminal_kind){.columns = 120}, tiny_browse, (void *)"runs");
	expect("2 runs");
	harness_keys(&h, "x");
	expect("mark two runs to compare them");
	harness_keys(&h, "/short\rm");
	expect("1 marked");
	harness_keys(&h, "/tiny\rmx");
	expect("A runs/short   B runs/tiny");
	expect("McNemar p =");
	expect("gained:");
	harness_keys(&h, ESC);
	expect("2 marked");
	quit();
}

static void a_model_alone_is_only_kept(void **state)
{
	(void)state;
	harness_start(&h, (struct terminal_kind){0}, tiny_browse, (void *)"runs/tiny");
	expect("1 conv1 6");
	harness_settle(&h);
	harness_keys(&h, "mm");
	expect("runs/tiny is kept: open another model");
	quit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_numbers_are_those_of_the_models),
		cmocka_unit_test(both_projections_stand_side_by_side_on_one_scale),
		cmocka_unit_test(small_screens_show_one_part_at_a_time),
		cmocka_unit_test(two_marked_runs_are_compared_from_the_list),
		cmocka_unit_test(a_model_alone_is_only_kept),
	};

	return cmocka_run_group_tests(tests, set_up, tiny_tear_down);
}
