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
	int ahead; /* batches kept ready; 0: four */
};

/* Takes copies of the options and of the image list; the data set is borrowed and must outlive the loader. */
enum cs_status cs_loader_new(const struct cs_dataset *data, const int64_t *images, int64_t count,
	const struct cs_loader_options *options, struct cs_loader **out, struct cs_error *error);
void cs_loader_free(struct cs_loader *loader);

/* Batches in an epoch (the last may be smaller). */
int64_t cs_loader_batches(const struct cs_loader *loader);

/* Begin epoch `epoch` at batch `first` (0 .. batches; at `batches` the epoch is over); what was read ahead is dropped. A new
 * loader reads nothing until it is started. */
void cs_loader_start(struct cs_loader *loader, uint32_t epoch, int64_t first);

/* The next batch, valid until the next call (of next, start or free); NULL at the end of the epoch (error->status CS_OK) or
 * on an error, which is told again until the next start. start, next and waited belong to one thread. */
const struct cs_batch *cs_loader_next(struct cs_loader *loader, struct cs_error *error);

/* Seconds the caller has waited in cs_loader_next since the epoch began: how far loading starves the engine. */
double cs_loader_waited(const struct cs_loader *loader);

/* A batch of chosen images, read here and now, without augmentation: for browsing and analyses. `batch` is either zeroed,
 * and then made here with room for `count` images, or was made for images of this size with room for at least as many; the caller
 * frees it with cs_batch_fini(). On an error a batch made here is gone again. */
enum cs_status cs_loader_read(const struct cs_dataset *data, const int64_t *images, int count, int channels,
	const struct cs_preprocess *preprocess, struct cs_batch *batch, struct cs_error *error);

#endif
