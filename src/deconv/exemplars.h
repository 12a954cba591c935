/* exemplars.h: which images excite a feature most (Zeiler & Fergus' top 9), collected while a data set streams by.
 *
 * An image counts once per feature, by its strongest position. Equal values rank by image number, so the result does not
 * depend on batching or threads. Silent features (never above 0) have an empty list. NaN is ignored. Of a softmax layer the scores
 * before it are ranked, as they are what is projected.
 */
#ifndef CS_DECONV_EXEMPLARS_H
#define CS_DECONV_EXEMPLARS_H

#include "deconv/project.h"

struct cs_exemplar {
	int64_t image; /* its number in the data set */
	int64_t row, column;
	float value;
};

struct cs_exemplars {
	int layer;
	int64_t features;
	int top; /* places per feature */
	struct cs_exemplar *items; /* [features,top], strongest first */
	int *counts; /* [features] places taken */
	int64_t *fired; /* [features] images on which it was above 0 */
	double *sum; /* [features] of the strongest activation over images */
	int64_t seen; /* images */
	float *latest; /* NULL, or room for [images of a pass,features]: receives the strongest activations of the last pass; borrowed */
};

enum cs_status cs_exemplars_init(
	struct cs_exemplars *exemplars, const struct cs_network *network, int layer, int top, struct cs_error *error);
void cs_exemplars_fini(struct cs_exemplars *exemplars);

/* Can the strongest units of a layer be told from the max-pool behind it, because it sees every unit? Then a search does without the
 * layer's map. */
bool cs_exemplars_see_pool(const struct cs_network *network, int layer);

/* Take in the images of a trace's last pass; index[i] is the number of image i in the data set. The trace holds the layer's map, or
 * (cs_exemplars_see_pool) its pool's; the result is the same, but that a NaN hides the others of its window. */
void cs_exemplars_add(struct cs_exemplars *exemplars, const struct cs_trace *trace, const int64_t *index);

/* The images that appear anywhere in the lists, each once, ascending, into a new array that the caller frees. */
enum cs_status cs_exemplars_images(
	const struct cs_exemplars *exemplars, int64_t **images, int64_t *count, struct cs_error *error);

#endif
