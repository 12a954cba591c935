/* loader.h: batches of a split, read, augmented and pre-processed ahead of the engine by threads of its own.
 *
 * The order of an epoch is (seed, CS_RANDOM_SHUFFLE, epoch); what batch k of epoch e holds does not depend on threads, on
 * how far ahead the loader is, or on where in the epoch one starts: that is what makes resuming exact.
 */
#ifndef CS_DATA_LOADER_H
#define CS_DATA_LOADER_H

#include "core/batch.h"
#include "core/preprocess.h"
#include "data/augment.h"
#include "data/dataset.h"

struct cs_loader;

struct cs_loader_options {
	int batch;
	int channels; /* 3 or 1 */
	bool shuffle;
	uint64_t seed;
	struct cs_preprocess preprocess;
	struct cs_augment augment;
	int threads; /* 0: one */
	int ahead;   /* batches kept ready; 0: four */
};

/* Takes copies of the options and of the image list; the data set is borrowed and must outlive the loader. */
enum cs_status cs_loader_new(const struct cs_dataset *data, const int64_t *images, int64_t count,
	const struct cs_loader_options *options, struct cs_loader **out, struct cs_error *error);
void cs_loader_free(struct cs_loader *loader);

/* Batches in an epoch (the last may be smaller). */
int64_t cs_loader_batches(const struct cs_loader *loader);

/* Begin epoch `epoch` at batch `first`; what was read ahead is dropped. */
void cs_loader_start(struct cs_loader *loader, uint32_t epoch, int64_t first);

/* The next batch, valid until the next call; NULL at the end of the epoch (status CS_OK) or on an error. */
const struct cs_batch *cs_loader_next(struct cs_loader *loader, struct cs_error *error);

/* Seconds the caller has waited in cs_loader_next since the epoch began: how far loading starves the engine. */
double cs_loader_waited(const struct cs_loader *loader);

/* A batch of chosen images, read here and now, without augmentation: for browsing and analyses. */
enum cs_status cs_loader_read(const struct cs_dataset *data, const int64_t *images, int count, int channels,
	const struct cs_preprocess *preprocess, struct cs_batch *batch, struct cs_error *error);

#endif
