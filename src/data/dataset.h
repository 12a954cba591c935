/* dataset.h: images with labels, split three ways, whatever they were stored as.
 *
 * A data set is opened from one word: `shapes`, `shapes:key=value,...`, a folder, a zip, a tar, a file of arrays. After opening, every
 * image has the same size, is RGB, and can be read by any thread: decoding, resizing and validation were done once (a
 * cache in the user's cache directory for what is stored compressed). Images, classes, rows and columns count from 0.
 */
#ifndef CS_DATA_DATASET_H
#define CS_DATA_DATASET_H

#include "core/job.h"
#include "core/tensor.h"

struct cs_dataset;
struct cs_place;

struct cs_box {
	int left, top, right, bottom; /* in pixels of the delivered image; right and bottom are exclusive */
};

/* What is known of one image beside its pixels. Pointers are valid while the data set is open. */
struct cs_sample {
	int label; /* -1: unknown */
	bool has_box;
	struct cs_box box;
	const char *name; /* a path or a description: "n01443537_0.JPEG", "shapes 17: red striped disc on sky" */
};

enum cs_split_kind { CS_SPLIT_TRAIN, CS_SPLIT_VAL, CS_SPLIT_TEST, CS_SPLIT_COUNT };

/* A part of a data set: image numbers, ascending. May be empty. */
struct cs_split {
	int64_t *images;
	int64_t count;
};

/* How a picture of another shape comes to the size that is asked for. */
enum cs_fit {
	CS_FIT_CROP, /* the shorter side fits, what stands over is cut off at both ends */
	CS_FIT_STRETCH, /* both sides fit; the aspect changes, nothing is lost */
};

struct cs_data_options {
	int size; /* images are fitted to size x size (shorter side, centre crop); 0 = the source's own, else 64 */
	int width, height; /* both set: instead of size */
	uint64_t seed; /* of the split and of procedural sets */
	float val_share; /* held out from training images per class where the source has no val split: 0.1 */
	float test_share; /* likewise: 0.1 */
	bool strict; /* a corrupt picture stops instead of being skipped */
	bool no_cache;
	enum cs_fit fit; /* of stored pictures; `fit=crop|stretch` among the pairs */
	const char *pairs; /* "key=value,..." of the specification, may be NULL */
};

/* A kind of source: one const row, one file. */
struct cs_dataset_ops {
	const char *name; /* "shapes" */
	const char *expects; /* for the message that lists the choices: "tiny-imagenet-200.zip" */

	/* Is the place (a word or a path) mine? Looks at content, never long: what a zip holds is asked of the place. */
	bool (*recognise)(struct cs_place *place);

	/* Read the catalogue, decode what must be decoded, fill classes, splits, sizes. */
	enum cs_status (*open)(struct cs_dataset *data, struct cs_place *place, const struct cs_data_options *options,
		struct cs_job *job, struct cs_error *error);

	/* RGB bytes [height,width,3] of one image. Any thread. May fail for I/O errors only. */
	enum cs_status (*pixels)(const struct cs_dataset *data, int64_t image, uint8_t *rgb, struct cs_error *error);

	void (*sample)(const struct cs_dataset *data, int64_t image, struct cs_sample *out);

	/* 1 where the object is, [height,width]; NULL when the source knows no masks. */
	void (*mask)(const struct cs_dataset *data, int64_t image, uint8_t *mask);

	void (*close)(struct cs_dataset *data);

	/* Only the label of sample(): quick. NULL: sample() is asked. */
	int (*label)(const struct cs_dataset *data, int64_t image);

	/* Exact sums of one image's channel bytes and of their squares, known without reading it; false (or NULL) when not. */
	bool (*sums)(const struct cs_dataset *data, int64_t image, uint64_t sum[3], uint64_t square[3]);
};

struct cs_dataset {
	const struct cs_dataset_ops *ops;
	char *spec; /* as it was asked for */
	int width, height;
	int class_count;
	char **class_ids; /* [class_count] stable names: folder names, wnids */
	char **class_names; /* [class_count] for people: "goldfish"; may equal the ids */
	int64_t count; /* images in all */
	struct cs_split split[CS_SPLIT_COUNT];
	int64_t skipped; /* corrupt pictures left out, named in the log */
	void *state; /* the source's own */
};

extern const struct cs_dataset_ops *const cs_dataset_kinds[]; /* NULL-ended */

struct cs_data_options cs_data_options_default(void);

/* Find the source that recognises `spec` and open it. Errors: CS_ERR_NOT_FOUND ("no dataset 'tiny-imagnet': expected shapes, a
 * folder of class folders, tiny-imagenet-200.zip or an .h5 file"), CS_ERR_FORMAT, CS_ERR_CANCELLED. */
enum cs_status cs_dataset_open(const char *spec, const struct cs_data_options *options, struct cs_job *job,
	struct cs_dataset **out, struct cs_error *error);
void cs_dataset_close(struct cs_dataset *data);

enum cs_status cs_dataset_pixels(const struct cs_dataset *data, int64_t image, uint8_t *rgb, struct cs_error *error);
void cs_dataset_sample(const struct cs_dataset *data, int64_t image, struct cs_sample *out);
int cs_dataset_label(const struct cs_dataset *data, int64_t image); /* cheaper than a whole sample; -1: unknown */
bool cs_dataset_has_masks(const struct cs_dataset *data);
void cs_dataset_mask(const struct cs_dataset *data, int64_t image, uint8_t *mask);

/* "train", "val", "test"; parse returns false for other words. */
const char *cs_split_name(enum cs_split_kind kind);
bool cs_split_parse(const char *name, enum cs_split_kind *kind);

/* Split `count` images with these labels per class and by seed: for sources without splits of their own. `pool` are the
 * image numbers, each once. They are added to what data->split holds already. Every class keeps at least one image
 * for training and, as far as its images reach, gives at least one to each split whose share is above 0. Images without a
 * label (-1) go to the test split. Errors: CS_ERR_ARGUMENT for shares that leave nothing to train on. */
enum cs_status cs_split_by_class(struct cs_dataset *data, const int64_t *pool, const int *labels, int64_t count,
	float val_share, float test_share, uint64_t seed, struct cs_error *error);

/* Mean and standard deviation of each channel over the training split (all its images, pixels as 0..1), cached with the data
 * set's cache where there is one. */
enum cs_status cs_dataset_statistics(
	const struct cs_dataset *data, struct cs_job *job, float mean[3], float deviation[3], struct cs_error *error);

/* Write all of a data set to a file that cs_dataset_open() reads again, and others with h5py:
 * /x uint8 [n,h,w,3], /y int32 [n] (-1: unknown), /split uint8 [n] (0 train, 1 val, 2 test), /class_ids and /class_names
 * strings, /box int32 [n,4] (left, top, right, bottom; right 0: none) where there are boxes, /name strings. The file appears whole or
 * not at all. Errors: CS_ERR_IO, CS_ERR_MEMORY, CS_ERR_CANCELLED. */
enum cs_status cs_dataset_export(
	const struct cs_dataset *data, const char *path, struct cs_job *job, struct cs_error *error);

#endif
