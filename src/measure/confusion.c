/* confusion.c: counting which class was taken for which. See confusion.h.
 *
 * One image adds one cell, so the matrix sums to the labelled images and its diagonal to the right ones; accuracy is never
 * counted apart from it.
 */
#include "measure/confusion.h"

#include "core/alloc.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

enum { TOP = 5 };

enum cs_status cs_confusion_init(struct cs_confusion *confusion, int classes, struct cs_error *error)
{
	int64_t *cells;

	if (classes < 1)
		return cs_fail(
			error, CS_ERR_ARGUMENT, "a confusion matrix of %d classes: expected at least 1", classes);
	cells = cs_calloc((size_t)classes * (size_t)classes, sizeof *cells);
	if (!cells)
		return cs_fail(error, CS_ERR_MEMORY, "not enough memory for a confusion matrix of %d classes", classes);
	*confusion = (struct cs_confusion){.classes = classes, .cells = cells};
	return CS_OK;
}

void cs_confusion_fini(struct cs_confusion *confusion)
{
	cs_free(confusion->cells);
	*confusion = (struct cs_confusion){0};
}

static bool any_nan(const float *scores, int classes)
{
	for (int i = 0; i < classes; i++) {
		if (isnan(scores[i]))
			return true;
	}
	return false;
}

/* How many classes stand before `label` when scores are sorted, equals in the order of their index. */
static int rank_of(int label, const float *scores, int classes)
{
	int before = 0;

	for (int i = 0; i < classes; i++)
		before += scores[i] > scores[label] || (scores[i] == scores[label] && i < label);
	return before;
}

static int highest(const float *scores, int classes)
{
	int best = 0;

	for (int i = 1; i < classes; i++) {
		if (scores[i] > scores[best])
			best = i;
	}
	return best;
}

void cs_confusion_add(struct cs_confusion *confusion, int label, const float *scores, double loss)
{
	bool bad = any_nan(scores, confusion->classes);
	int predicted = bad ? 0 : highest(scores, confusion->classes);

	if (label < 0)
		return; /* its class is unknown */
	assert(label < confusion->classes);
	confusion->cells[(int64_t)label * confusion->classes + predicted]++;
	confusion->images++;
	confusion->correct += predicted == label;
	confusion->correct5 += bad ? label == 0 : rank_of(label, scores, confusion->classes) < TOP;
	confusion->loss_sum += loss;
}

static double mean(double sum, int64_t images)
{
	return images ? sum / (double)images : 0;
}

double cs_confusion_accuracy(const struct cs_confusion *confusion)
{
	return mean((double)confusion->correct, confusion->images);
}

double cs_confusion_top5(const struct cs_confusion *confusion)
{
	return mean((double)confusion->correct5, confusion->images);
}

double cs_confusion_loss(const struct cs_confusion *confusion)
{
	return mean(confusion->loss_sum, confusion->images);
}
