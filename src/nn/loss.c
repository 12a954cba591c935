/* loss.c: categorical cross-entropy from scores. See loss.h.
 *
 * log softmax(s)[k] = s[k] - max(s) - log(sum exp(s - max(s))), in double precision, image by image in order: stable for any
 * finite scores, and the same for any number of threads. A score that is NaN, or infinite upwards, makes the loss NaN: the run stops on
 * it instead of going on with nonsense.
 */
#include "nn/loss.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

int cs_argmax(const float *scores, int64_t n)
{
	int64_t best = 0;

	for (int64_t k = 1; k < n; k++) {
		if (scores[k] > scores[best] || (isnan(scores[best]) && !isnan(scores[k])))
			best = k;
	}
	return (int)best;
}

/* How many of n scores stand before `label`: higher ones, and equal ones of a lower index. NaN: behind everyone. */
static int64_t rank_of(const float *scores, int64_t n, int64_t label)
{
	int64_t rank = 0;

	if (isnan(scores[label]))
		return n;
	for (int64_t k = 0; k < n; k++)
		rank += scores[k] > scores[label] || (scores[k] == scores[label] && k < label);
	return rank;
}

/* The target distribution of one image: one-hot of the label or soft, mixed with the uniform one. */
struct target {
	const float *soft; /* NULL: one-hot */
	int64_t label;
	double keep, even; /* keep * t + even */
};

static double target_at(const struct target *target, int64_t k)
{
	double t = target->soft ? (double)target->soft[k] : k == target->label;

	return target->keep * t + target->even;
}

/* Loss of one image; d (or NULL) gets its gradient times `weight`: softmax(s) * sum(t) - t. */
static double one_loss(const float *scores, int64_t n, const struct target *target, double weight, float *d)
{
	double highest = (double)scores[cs_argmax(scores, n)], sum = 0, loss = 0, mass = 0, log_sum;

	for (int64_t k = 0; k < n; k++)
		sum += exp((double)scores[k] - highest);
	log_sum = log(sum);
	for (int64_t k = 0; k < n; k++) {
		double t = target_at(target, k);

		/* a class of no weight adds nothing, also where its score is minus infinity */
		if (t != 0 || isnan(scores[k]))
			loss -= t * ((double)scores[k] - highest - log_sum);
		mass += t;
	}
	for (int64_t k = 0; d && k < n; k++) {
		double p = exp((double)scores[k] - highest - log_sum);

		d[k] = (float)(weight * (p * mass - target_at(target, k)));
	}
	return loss;
}

static enum cs_status check(
	const struct cs_trace *trace, const struct cs_batch *batch, int64_t classes, struct cs_error *error)
{
	struct cs_shape out = cs_network_output(trace->network);
	char text[CS_SHAPE_TEXT];

	if (out.dim[out.rank - 1] != classes)
		return cs_fail(error, CS_ERR_SHAPE,
			"the network ends in %s, not in one row of class scores; end it with flatten and dense or with "
			"a global pool",
			cs_shape_text(&out, text, sizeof text));
	if (batch->count != trace->count)
		return cs_fail(error, CS_ERR_SHAPE, "a batch of %d images, but %d went through the network",
			batch->count, trace->count);
	if (!batch->labels && !batch->targets)
		return cs_fail(error, CS_ERR_SHAPE, "the batch has neither labels nor targets");
	for (int i = 0; batch->labels && i < batch->count; i++) {
		if (batch->labels[i] >= classes)
			return cs_fail(error, CS_ERR_SHAPE,
				"image %" PRId64 " has label %d, but the network tells %" PRId64
				" classes apart (0 to %" PRId64 "); the data set has more classes than the network",
				batch->index ? batch->index[i] : i, batch->labels[i], classes, classes - 1);
	}
	return CS_OK;
}

/* The label that counts as right: the one that stands there, else the heaviest soft target; -1: none. */
static int label_of(const struct cs_batch *batch, int image, int64_t classes)
{
	if (batch->labels && batch->labels[image] >= 0)
		return batch->labels[image];
	return batch->targets ? cs_argmax(batch->targets + image * classes, classes) : -1;
}

enum cs_status cs_loss_cross_entropy(struct cs_trace *trace, const struct cs_batch *batch, float smoothing,
	struct cs_loss *loss, struct cs_error *error)
{
	const float *scores = cs_trace_scores(trace);
	struct cs_shape out = cs_network_output(trace->network);
	int64_t classes = cs_shape_count(&out);
	float *d_out = trace->slots[trace->network->layer_count - 1].d_out;
	struct cs_loss result = {0};
	enum cs_status status = check(trace, batch, classes, error);

	if (status)
		return status;
	if (!(smoothing >= 0 && smoothing < 1))
		return cs_fail(
			error, CS_ERR_ARGUMENT, "label smoothing of %g: expected 0 to below 1", (double)smoothing);
	for (int i = 0; i < batch->count; i++)
		result.count += label_of(batch, i, classes) >= 0;
	for (int i = 0; i < batch->count; i++) {
		const float *row = scores + i * classes;
		float *d = d_out ? d_out + i * classes : NULL;
		struct target target = {
			.soft = batch->targets ? batch->targets + i * classes : NULL,
			.label = label_of(batch, i, classes),
			.keep = 1 - (double)smoothing,
			.even = (double)smoothing / (double)classes,
		};
		int64_t rank;

		if (target.label < 0) {
			if (d)
				memset(d, 0, (size_t)classes * sizeof *d);
			continue;
		}
		result.sum += one_loss(row, classes, &target, 1.0 / result.count, d);
		rank = rank_of(row, classes, target.label);
		result.correct += rank == 0;
		result.correct5 += rank < 5;
	}
	*loss = result;
	return CS_OK;
}
