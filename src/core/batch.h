/* batch.h: what a data set hands to a network: images, their labels, and where they came from. */
#ifndef CS_CORE_BATCH_H
#define CS_CORE_BATCH_H

#include "core/tensor.h"

struct cs_batch {
	struct cs_tensor images; /* [capacity,h,w,c], pre-processed; only the first `count` images are valid */
	float *targets;          /* [capacity,classes] soft targets, or NULL: one-hot of labels */
	int *labels;             /* [capacity]; -1 where unknown */
	int64_t *index;          /* [capacity] the images' numbers in the data set */
	int count;               /* images in this batch, 1 .. capacity */
};

/* Room for `capacity` images of shape h x w x c (a rank-3 shape). Targets are not allocated. */
enum cs_status cs_batch_init(struct cs_batch *batch, int capacity, struct cs_shape image, struct cs_error *error);
void cs_batch_fini(struct cs_batch *batch);

#endif
