/* opened.h: a model and its images, shared by the screens and by the background work that reads them.
 *
 * Counted by users, because work that was told to stop may still be in the middle of a batch when the person has moved on
 * to another model. Opening is background work itself: first the model is there, then the images.
 */
#ifndef CS_WORK_OPENED_H
#define CS_WORK_OPENED_H

#include "core/batch.h"
#include "data/dataset.h"
#include "io/picture.h"
#include "model/model.h"
#include "nn/trace.h"

#include <stdatomic.h>

enum cs_stage {
	CS_STAGE_OPENING, /* nothing yet */
	CS_STAGE_MODEL, /* `model` and `layers` may be read */
	CS_STAGE_READY, /* `data` and `images` too */
	CS_STAGE_NO_IMAGES, /* the model only: `notice` says why */
	CS_STAGE_FAILED, /* nothing: `notice` says why */
};

enum { CS_PASS_MOST = 8, CS_OPENED_FILES = 64 };

/* A picture from a file, fitted to what the network sees. */
struct cs_opened_file {
	char *path;
	struct cs_picture picture;
};

/* A trace with the images that went through it last, kept for the next question about them. The network is cut off after layer
 * `depth`: what lies beyond would be computed in vain. */
struct cs_pass_kept {
	struct cs_network head;
	struct cs_trace *trace;
	int depth, capacity;
	int64_t images[CS_PASS_MOST];
	int count;
};

struct cs_opened {
	atomic_int users, stage;
	char *target, *wish; /* model file or run directory; the data set asked for, or NULL */
	int threads;
	struct cs_model *model;
	int *layers; /* those with features worth looking at, ascending: what the keys 1 to 9 stand for */
	int layer_count;
	struct cs_dataset *data;
	enum cs_split_kind split;
	const int64_t *images; /* the split's */
	int64_t image_count;
	atomic_int *predicted; /* [image_count] the class the network names; -1: not looked at yet */
	atomic_int *confidence; /* [image_count] and how sure it is, in parts per million; written before */
	struct cs_opened_file files[CS_OPENED_FILES]; /* images data->count and on */
	atomic_int file_count;
	struct cs_workers *workers; /* for the screen's own questions */
	pthread_mutex_t lock; /* guards what follows */
	char notice[500];
	struct cs_pass_kept *kept[2]; /* for one image, and for several */
};

/* Begin with one user. Nothing is read yet: run cs_opened_load() in the background. */
struct cs_opened *cs_opened_new(const char *target, const char *wish, int threads);
struct cs_opened *cs_opened_use(struct cs_opened *opened); /* one user more */
void cs_opened_release(struct cs_opened *opened); /* one less; the last one frees */

/* The work: load the model, open its images (or shapes in their place, and say so). Context: the opened thing. */
enum cs_status cs_opened_load(struct cs_job *job, void *opened, struct cs_error *error);

static inline enum cs_stage cs_opened_stage(struct cs_opened *opened)
{
	return (enum cs_stage)atomic_load(&opened->stage);
}

/* What is to be said about the opening, copied into text[size]. */
void cs_opened_notice(struct cs_opened *opened, char *text, size_t size);

/* The name of a class for people, "class 3" where nothing is known, "?" for -1. Valid while opened. */
const char *cs_opened_class(const struct cs_opened *opened, int64_t label, char *text, size_t size);
/* The same for a label of the data set, whose classes may be others than the model's. */
const char *cs_opened_label(const struct cs_opened *opened, int label, char *text, size_t size);

/* Where image `image` of the data set stands in `images`; -1 when it is not there. */
int64_t cs_opened_position(const struct cs_opened *opened, int64_t image);

/* Decode a picture file and number it as an image behind those of the data set (again the same number for the same path). From one
 * thread at a time. Errors: those of cs_picture_load(). */
enum cs_status cs_opened_add_file(struct cs_opened *opened, const char *path, int64_t *image, struct cs_error *error);
/* The path of an image that is such a file; NULL for those of the data set. */
const char *cs_opened_file(const struct cs_opened *opened, int64_t image);
void cs_opened_close_files(struct cs_opened *opened);

/* What cs_dataset_pixels(), cs_dataset_sample() and cs_loader_read() give, files included. */
enum cs_status cs_opened_pixels(const struct cs_opened *opened, int64_t image, uint8_t *rgb, struct cs_error *error);
void cs_opened_sample(const struct cs_opened *opened, int64_t image, struct cs_sample *out);
enum cs_status cs_opened_read(
	struct cs_opened *opened, const int64_t *images, int count, struct cs_batch *batch, struct cs_error *error);

/* Take a pass for at most `capacity` images through layer `depth`, a kept one where it fits, and give it back. */
enum cs_status cs_opened_take(
	struct cs_opened *opened, int depth, int capacity, struct cs_pass_kept **out, struct cs_error *error);
void cs_opened_give(struct cs_opened *opened, struct cs_pass_kept *pass);

/* Fill it with these images (at most its capacity), unless it holds them already. */
enum cs_status cs_opened_forward(
	struct cs_opened *opened, struct cs_pass_kept *pass, const int64_t *images, int count, struct cs_error *error);

/* A pass of one's own: made, freed. `workers` is borrowed. */
enum cs_status cs_pass_new(const struct cs_network *network, int depth, int capacity, struct cs_workers *workers,
	struct cs_pass_kept **out, struct cs_error *error);
void cs_pass_free(struct cs_pass_kept *pass);

/* Features of a layer: its channels or units. */
int64_t cs_layer_features(const struct cs_layer *layer);

/* A layer with weights, the batch norm and the activation that belong to it are a block: the layer at its end, whose maps stand for it; any other layer is its
 * own. And what people call a layer: the end of a block by the name of the layer with weights, as analyses do. */
int cs_layer_block(const struct cs_network *network, int layer);
int cs_layer_begin(const struct cs_network *network,
	int layer); /* the layer with weights of the block that ends there; else the layer itself */
const char *cs_layer_name(const struct cs_network *network, int layer);

#endif
