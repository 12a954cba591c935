/* whiten.h: fitting a ZCA whitening (core/whitening.h) to the training images of a data set. */
#ifndef CS_DATA_WHITEN_H
#define CS_DATA_WHITEN_H

#include "core/job.h"
#include "core/preprocess.h"
#include "core/whitening.h"
#include "data/dataset.h"

/* What an epsilon is unless it is said: in variances of pixels that were divided by their deviation. Keras' 1e-6 amplifies what the compression of
 * photographs left in the highest frequencies a thousandfold; this one at most tenfold. */
#define CS_WHITEN_EPSILON 0.01f

/* Errors: CS_ERR_ARGUMENT for an epsilon that is none. */
enum cs_status cs_whiten_check(float epsilon, struct cs_error *error);

/* Fit to the training split, as `preprocess` (without whitening) and `channels` (3 or 1) make numbers of its pictures.
 *
 * Every image is read once, none is augmented. A whole whitening of n numbers takes n^2 products an image, 20 n^2 bytes, and an eigenproblem
 * (half a minute for 32x32x3, which cannot be cancelled); a filter a DCT an image. With fewer images than numbers the directions that no image
 * has are amplified by 1/sqrt(epsilon), as in Keras.
 * Same bits for any number of threads: sums are taken over shards that follow from the shapes and the number of images.
 * Errors    CS_ERR_ARGUMENT without training images, CS_ERR_CANCELLED, CS_ERR_MEMORY, what reading pictures gives. */
enum cs_status cs_whiten_fit(const struct cs_dataset *data, const struct cs_preprocess *preprocess, int channels, float epsilon,
	struct cs_job *job, struct cs_whitening **out, struct cs_error *error);

#endif
