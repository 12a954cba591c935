/* confusion.h: which class was taken for which. Rows are true classes, columns what was predicted; the sum of all cells
 * is the number of labelled images and the trace is accuracy times that. */
#ifndef CS_MEASURE_CONFUSION_H
#define CS_MEASURE_CONFUSION_H

#include "core/status.h"

#include <stdint.h>

struct cs_confusion {
	int classes;
	int64_t *cells; /* [classes,classes] */
	int64_t images, correct, correct5;
	double loss_sum;
};

enum cs_status cs_confusion_init(struct cs_confusion *confusion, int classes, struct cs_error *error);
void cs_confusion_fini(struct cs_confusion *confusion);

/* Count one image; the highest of scores[classes] is the prediction, the first of equals. NaN scores count as class 0 wrong
 * unless the label is 0 too: callers check for NaN before. `loss` is the image's own. */
void cs_confusion_add(struct cs_confusion *confusion, int label, const float *scores, double loss);

double cs_confusion_accuracy(const struct cs_confusion *confusion);
double cs_confusion_top5(const struct cs_confusion *confusion);
double cs_confusion_loss(const struct cs_confusion *confusion);

#endif
