/* whitening.h: ZCA whitening of what a network sees, and back.
 *
 * An input x (height x width x channels, as cs_preprocess gives it) becomes W (x - mean) with W = (C + epsilon I)^(-1/2), C the covariance
 * of the training images: the whitened picture that is nearest to the picture (Bell & Sejnowski 1997, "zero-phase"; Krizhevsky 2009, appendix A).
 * `epsilon` is what Keras calls zca_epsilon: directions whose variance is below it are hardly amplified. It counts in variances of what
 * it is applied to, pixels that were divided by their deviation, where Keras' counts in those of whatever it is given.
 *
 * Whole: C is that of all numbers of a picture, kept as its axes (eigenvectors) and a gain for each; up to 3072 numbers (32x32x3).
 * Filter: larger pictures have no room for C. The nearest matrix to it (Frobenius) that is a filter with mirrored borders is
 * taken in its place: in the basis of the two-dimensional DCT-II all products of different frequencies are dropped, which is to average C over
 * translations and mirror images; what is left is a channels x channels matrix a frequency, and W is one too. Here `mean` is a number a channel.
 * Deviation from Keras, which knows the first alone.
 *
 * Both are exactly invertible: axes and DCT are orthonormal, gains are above 0. A whitening never changes, and is shared by counting.
 */
#ifndef CS_CORE_WHITENING_H
#define CS_CORE_WHITENING_H

#include "core/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { CS_WHITENING_WHOLE_LIMIT = 3072, CS_WHITENING_SIDE_LIMIT = 1024 };

enum cs_whitening_kind { CS_WHITENING_WHOLE, CS_WHITENING_FILTER };

struct cs_whitening {
	enum cs_whitening_kind kind;
	int height, width, channels; /* channels 1 or 3 */
	float epsilon;
	float *mean; /* whole: [height,width,channels]; filter: [channels] */
	float *axes; /* whole: [n,n], an axis a row; filter: NULL */
	float *gain; /* whole: [n]; filter: [height,width,channels,channels], by vertical and horizontal frequency */
	float *inverse; /* of gain, in its shape */
	float *rows, *columns; /* filter: the DCT's bases [height,height] and [width,width], a frequency a row */
	atomic_int users;
};

/* What a shape gets: whole up to CS_WHITENING_WHOLE_LIMIT numbers, else the filter. */
enum cs_whitening_kind cs_whitening_kind_for(int height, int width, int channels);
int64_t cs_whitening_means(enum cs_whitening_kind kind, int height, int width, int channels); /* numbers in `mean` */
int64_t cs_whitening_gains(enum cs_whitening_kind kind, int height, int width, int channels); /* numbers in `gain` */

/* Made of copies of the numbers (axes NULL for a filter); one user. Errors: CS_ERR_FORMAT for numbers that cannot be a whitening (not
 * finite, a gain of 0, a gain's matrix without inverse) and shapes beyond the limits, CS_ERR_MEMORY. */
enum cs_status cs_whitening_new(enum cs_whitening_kind kind, int height, int width, int channels, float epsilon,
	const float *mean, const float *axes, const float *gain, struct cs_whitening **out, struct cs_error *error);

/* One more user; one less, the last of which frees it. NULL is no whitening. */
struct cs_whitening *cs_whitening_share(struct cs_whitening *whitening);
void cs_whitening_free(struct cs_whitening *whitening);

/* `count` inputs [count,height,width,channels], whitened in place. Allocates nothing, no failure; the bits of one input do not depend on the others
 * for the filter, nor for the whole where they are given in the same groups. */
void cs_whitening_apply(const struct cs_whitening *whitening, int64_t count, float *inputs);

/* Back: W^-1 y, plus the mean when `mean`. For an input, with the mean; for a projection, which is a direction in the whitened space, without. */
void cs_whitening_undo(const struct cs_whitening *whitening, int64_t count, bool mean, float *inputs);

/* The DCT-II of one input [height,width,channels] in place, or back, as the filter takes it. */
void cs_whitening_dct(const struct cs_whitening *bases, bool back, float *input);

#endif
