/* What the feature and layer screens say of a feature beside its pictures: habits, selectivity, answers to colour and noise, and whether its
 * projections are learnt. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/tui/play.h"

#include "work/closeup.h"
#include "work/scan.h"

#include <math.h>

#define ESC "\033"

static void start(struct terminal_kind kind)
{
	play(kind, "runs/tiny");
	expect("1 conv1 6");
	harness_settle(&h);
}

static void a_feature_is_looked_at_closely_once_it_stays(void **state)
{
	struct terminal_kind kinds[] = {{.columns = 130, .rows = 36}, {.sixel = true, .columns = 120, .rows = 36},
		{.no_utf8 = true, .term = "vt100"}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		start(kinds[i]);
		harness_keys(&h, "2");
		expect("conv2  20 features");
		harness_settle(&h);
		harness_keys(&h, "\r");
		expect("conv2 ");
		expect("activation 0 ");
		expect("selects ");
		expect("hues turned ");
		expect("without R ");
		expect("redrawn image or learnt feature? ");
		expect("like the randomised network: ");
		harness_keys(&h, "b"); /* another rule: looked at anew */
		expect("rule gradient");
		expect("like the randomised network: ");
		quit();
	}
}

static void paging_through_features_starts_nothing(void **state)
{
	(void)state;
	start((struct terminal_kind){.columns = 120, .rows = 30});
	harness_keys(&h, "2");
	expect("conv2  20 features");
	harness_settle(&h);
	harness_keys(&h, "\r");
	for (int i = 0; i < 6; i++)
		harness_keys(&h, ">");
	expect("redrawn image or learnt feature? ");
	expect("like the randomised network: "); /* only of the one that stays */
	quit();
}

static void the_layer_is_sorted_by_selectivity(void **state)
{
	(void)state;
	start((struct terminal_kind){.columns = 110, .rows = 30});
	harness_keys(&h, "2");
	expect("conv2  20 features");
	harness_settle(&h);
	harness_keys(&h, "ooo");
	expect("sort: selectivity");
	expect("selects");
	quit();
}

/* Opened outside of the browser, as it does it. */
static struct cs_opened *open_tiny(void)
{
	struct cs_opened *opened;
	struct cs_job job;
	char path[160];

	snprintf(path, sizeof path, "%s/runs/tiny", tiny_directory);
	opened = cs_opened_new(path, NULL, 1);
	cs_job_init(&job);
	assert_int_equal(cs_opened_load(&job, opened, NULL), CS_OK);
	cs_job_fini(&job);
	return opened;
}

static struct cs_close_answer ask(
	struct cs_works *works, struct cs_opened *opened, const struct cs_close_question *question)
{
	struct cs_close_answer answer = {0};
	struct cs_closeup *closeup;
	double end = harness_now() + 60;

	assert_int_equal(cs_closeup_start(works, opened, question, &closeup, NULL), CS_OK);
	assert_true(cs_closeup_asks(closeup, question));
	while (!answer.has_trust && harness_now() < end) {
		usleep(5000);
		cs_closeup_answer(closeup, &answer);
	}
	assert_true(answer.has_trust);
	cs_closeup_drop(closeup);
	return answer;
}

/* A feature of the first convolution, projected back with a unit gradient, is its own filter: a fresh filter has nothing to do with it. */
static void the_first_layers_filters_are_learnt_whatever_the_image(void **state)
{
	struct cs_opened *opened = open_tiny();
	struct cs_works *works;
	struct cs_close_answer answer;
	struct cs_close_question question = {.layer = opened->layers[0], .rule = 0, .feature = 2, .count = 3};

	(void)state;
	cs_works_new(&works, NULL);
	for (int i = 0; i < 3; i++)
		question.images[i] = (struct cs_exemplar){.image = opened->images[i], .row = 10 + i, .column = 12};
	answer = ask(works, opened, &question);
	assert_true(fabs(answer.alike) < 0.35); /* 75 random numbers, three draws */
	assert_true(answer.low <= answer.alike && answer.alike <= answer.high);
	if (answer.has_response) {
		assert_true(fabsf(answer.hue[0] - 1) < 0.02f); /* not turned at all, but for rounding */
		for (int c = 0; c < 3; c++)
			assert_true(answer.lost[c] <= 1);
	}
	cs_works_free(works);
	cs_opened_release(opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_feature_is_looked_at_closely_once_it_stays),
		cmocka_unit_test(paging_through_features_starts_nothing),
		cmocka_unit_test(the_layer_is_sorted_by_selectivity),
		cmocka_unit_test(the_first_layers_filters_are_learnt_whatever_the_image),
	};

	return cmocka_run_group_tests(tests, tiny_set_up, tiny_tear_down);
}
