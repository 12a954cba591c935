/* confusion_counts.c: see confusion_counts.h. */
#include "ui/confusion_counts.h"

#include "core/alloc.h"
#include "work/verdicts.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PAIRS = 400 };

static int by_count(const void *a, const void *b)
{
	const struct cs_confusion_pair *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->truth != y->truth)
		return x->truth < y->truth ? -1 : 1;
	return x->said < y->said ? -1 : x->said > y->said;
}

int64_t cs_confusion_cell(const struct cs_confusion_state *state, int truth, int said)
{
	return state->cells[(int64_t)truth * state->classes + said];
}

static void find_pairs(struct cs_confusion_state *state)
{
	int room = 0, count = 0, at = state->list.cursor;
	struct cs_confusion_pair *all, before = {-1, -1, 0};

	if (state->in_list && at >= 0 && at < state->pair_count)
		before = state->pairs[at]; /* the cursor goes with it */

	for (int64_t i = 0; i < (int64_t)state->classes * state->classes; i++)
		room += state->cells[i] > 0;
	all = cs_alloc(((size_t)room + 1) * sizeof *all);
	for (int t = 0; all && t < state->classes; t++) {
		for (int s = 0; s < state->classes; s++) {
			if (s != t && cs_confusion_cell(state, t, s) > 0)
				all[count++] = (struct cs_confusion_pair){t, s, cs_confusion_cell(state, t, s)};
		}
	}
	if (!all)
		return;
	qsort(all, (size_t)count, sizeof *all, by_count);
	cs_free(state->pairs);
	state->pairs = all;
	state->pair_count = count < MOST_PAIRS ? count : MOST_PAIRS;
	state->list.count = state->pair_count;
	for (int i = 0; i < state->pair_count; i++) {
		if (all[i].truth == before.truth && all[i].said == before.said)
			state->list.cursor = i;
	}
}

struct sorting {
	const struct cs_confusion_state *state;
	const struct cs_opened *opened;
};

static double error_of(const struct cs_confusion_state *state, int c)
{
	return state->of[c] ? 1 - (double)cs_confusion_cell(state, c, c) / (double)state->of[c] : -1;
}

static int compare(const void *a, const void *b, void *context)
{
	const struct sorting *with = context;
	int x = *(const int *)a, y = *(const int *)b, word;
	char p[64], q[64];

	if (with->state->by == CS_CONFUSION_BY_ERROR) {
		double ex = error_of(with->state, x), ey = error_of(with->state, y);

		if (ex != ey)
			return ex > ey ? -1 : 1;
	} else if (with->state->by == CS_CONFUSION_BY_NAME) {
		word = strcasecmp(
			cs_opened_label(with->opened, x, p, sizeof p), cs_opened_label(with->opened, y, q, sizeof q));
		if (word)
			return word;
	}
	return x < y ? -1 : x > y;
}

void cs_confusion_sort(struct cs_view *view)
{
	struct cs_confusion_state *state = view->state;
	int truth = state->order[state->row], said = state->order[state->column];
	struct sorting with = {state, view->session->opened};

	for (int i = 0; i < state->classes; i++)
		state->order[i] = i;
	qsort_r(state->order, (size_t)state->classes, sizeof *state->order, compare, &with);
	for (int i = 0; i < state->classes; i++) {
		if (state->order[i] == truth)
			state->row = i;
		if (state->order[i] == said)
			state->column = i;
	}
}

void cs_confusion_count(struct cs_view *view)
{
	struct cs_confusion_state *state = view->state;
	struct cs_opened *opened = view->session->opened;

	memset(state->cells, 0, (size_t)state->classes * (size_t)state->classes * sizeof *state->cells);
	memset(state->of, 0, (size_t)state->classes * sizeof *state->of);
	state->known = state->right = state->labelled = 0;
	for (int64_t i = 0; i < opened->image_count; i++) {
		int said = cs_verdict(opened, i), truth = cs_dataset_label(opened->data, opened->images[i]);

		state->known += said >= 0;
		if (said < 0 || truth < 0 || said >= state->classes || truth >= state->classes)
			continue;
		state->cells[(int64_t)truth * state->classes + said]++;
		state->of[truth]++;
		state->labelled++;
		state->right += said == truth;
	}
	find_pairs(state);
	cs_confusion_sort(view);
}
