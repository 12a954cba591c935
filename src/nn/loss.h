/* loss.h: categorical cross-entropy, from scores, stable for any scores. */
#ifndef CS_NN_LOSS_H
#define CS_NN_LOSS_H

#include "core/batch.h"
#include "nn/trace.h"

struct cs_loss {
	double sum;   /* of the losses of the images with a label, in nats */
	int correct;  /* images whose highest score is their label (the first of equals counts) */
	int correct5; /* among the five highest; equals count in index order */
	int count;    /* images with a label */
};

/* The loss of the last pass against batch->labels (or batch->targets). When the trace is a training trace, also writes the
 * gradient of the mean loss with respect to the scores into the last slot's d_out, for
 * cs_network_backward(trace, true, ...). `smoothing` in [0,1) mixes one-hot targets with the uniform distribution.
 * A network whose end is not a softmax gets one on top. Errors: CS_ERR_SHAPE when labels do not fit the output. */
enum cs_status cs_loss_cross_entropy(struct cs_trace *trace, const struct cs_batch *batch, float smoothing,
	struct cs_loss *loss, struct cs_error *error);

/* Position of the largest of n scores; the first of equals. */
int cs_argmax(const float *scores, int64_t n);

#endif
