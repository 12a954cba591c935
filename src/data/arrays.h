/* arrays.h: data sets that are named arrays of numbers, as HDF5 and NumPy files hold them: which array holds what, and how images lie in it.
 *
 * Images are arrays [n,h,w,c] or [n,c,h,w] with 1 or 3 channels, [n,h,w] of grey, or [n,h*h] of square grey ones. What their numbers mean
 * follows from a sample of them: whole numbers are 0..255 (0..65535 when some are larger), booleans black and white,
 * floating-point ones 0..1 when none is larger, -1..1 when some are below 0, else 0..255. Labels are whole numbers [n] or [n,1], or rows with a single 1.
 *
 *	x, y                                  images and labels; also images and labels, data and labels, arr_0 and arr_1
 *	x_train, y_train, x_val, x_test ...   with splits; also train_images, train_labels, test_images ...
 *	split, box, name                      beside x, y: see cs_dataset_export
 *	class_ids, class_names                what the classes are called
 */
#ifndef CS_DATA_ARRAYS_H
#define CS_DATA_ARRAYS_H

#include "data/catalogue.h"
#include "data/dataset.h"

/* How a kind of file is read: one const row. `file` is what open() made, for one thread; names are without slashes and endings. */
struct cs_array_ops {
	enum cs_status (*open)(void *context, void **file, struct cs_error *error); /* NULL: the context is the file */
	void (*close)(void *file); /* NULL: nothing to do */
	/* The names of all arrays, NULL-ended, one block to be freed. */
	enum cs_status (*list)(void *file, char ***names, int *count, struct cs_error *error);
	/* Shape and kind of elements: 'f' floating, 'i' integer, 'b' boolean, 's' text, '?' other. */
	enum cs_status (*info)(
		void *file, const char *name, struct cs_shape *shape, char *kind, struct cs_error *error);
	/* Rows first .. first+count-1 into out[count,...]. */
	enum cs_status (*rows)(
		void *file, const char *name, int64_t first, int64_t count, float *out, struct cs_error *error);
	/* A list of text, one block; NULL-ended. */
	enum cs_status (*strings)(void *file, const char *name, char ***list, int *count, struct cs_error *error);
	int64_t block; /* bytes of images that are best read at once */
};

/* Images and labels that belong together. */
struct cs_array_section {
	char *images, *labels; /* names of arrays; labels may be NULL */
	int part; /* enum cs_split_kind, or -1: all images, split by /split or by drawing */
	int64_t first, count; /* number of its first image, and how many */
	char kind;
};

enum { CS_ARRAY_SECTIONS = 3 };

struct cs_arrays {
	const struct cs_array_ops *ops;
	void *context; /* for ops->open */
	const char *given; /* the path, for messages */
	int64_t size; /* bytes of the file; 0: not known */
	struct cs_array_section section[CS_ARRAY_SECTIONS];
	int sections;
	int width, height, channels;
	bool planes; /* [n,c,h,w] */
	bool sparse_names; /* see struct cs_labels */
	bool transposed; /* columns lie where rows should (EMNIST); square images alone are turned */
	float scale, shift; /* number * scale + shift is 0..255 */
};

/* Find the images and their shape. Errors: CS_ERR_FORMAT when there are none, or of a shape that pictures cannot have; the message says what
 * was found and what is expected. */
enum cs_status cs_arrays_init(struct cs_arrays *arrays, struct cs_error *error);
void cs_arrays_fini(struct cs_arrays *arrays);
/* The one of the names, ended by NULL, that is `wanted`, whatever its case; or NULL. */
const char *cs_arrays_name(char *const *names, const char *wanted);

/* A thread begins and ends to read a file of arrays. */
static inline enum cs_status cs_arrays_begin(const struct cs_arrays *arrays, void **file, struct cs_error *error)
{
	if (arrays->ops->open)
		return arrays->ops->open(arrays->context, file, error);
	*file = arrays->context;
	return CS_OK;
}

static inline void cs_arrays_end(const struct cs_arrays *arrays, void *file)
{
	if (arrays->ops->close)
		arrays->ops->close(file);
}

/* A data set of arrays, all else being known: `kind` and `fingerprint` name its cache, `real` is its path (struct cs_source). Finds the images
 * and opens them (cs_stored_open_sized). Errors: those of cs_arrays_init and of reading. */
enum cs_status cs_arrays_open(struct cs_dataset *data, const char *kind, const char *real, uint64_t fingerprint,
	struct cs_arrays *arrays, const struct cs_data_options *options, struct cs_job *job, struct cs_error *error);

#endif
