/* stored.h: what all data sets share that are decoded once and kept (folder, zip, Tiny ImageNet, HDF5). */
#ifndef CS_DATA_STORED_H
#define CS_DATA_STORED_H

#include "data/catalogue.h"

struct cs_pair;

/* The options with the keys of a specification in them: size, fit, seed, val, test, and the source's own `more` (ended by a NULL key; NULL:
 * none). Errors: CS_ERR_ARGUMENT. */
enum cs_status cs_stored_options(const struct cs_data_options *given, const char *what, const struct cs_pair *more,
	struct cs_data_options *out, struct cs_error *error);

/* Open the images of a source at the size that the options ask for (`own` pixels a side when they do not), and fill classes,
 * splits and state. Training images are held out for splits that the source does not have. */
enum cs_status cs_stored_open(struct cs_dataset *data, const struct cs_source *source, int own,
	const struct cs_data_options *options, struct cs_job *job, struct cs_error *error);

/* The same for a source whose images all have one size, which need not be square. */
enum cs_status cs_stored_open_sized(struct cs_dataset *data, const struct cs_source *source, int width, int height,
	const struct cs_data_options *options, struct cs_job *job, struct cs_error *error);

/* Rows of struct cs_dataset_ops. */
enum cs_status cs_stored_pixels(const struct cs_dataset *data, int64_t image, uint8_t *rgb, struct cs_error *error);
void cs_stored_sample(const struct cs_dataset *data, int64_t image, struct cs_sample *out);
int cs_stored_label(const struct cs_dataset *data, int64_t image);
bool cs_stored_sums(const struct cs_dataset *data, int64_t image, uint64_t sum[3], uint64_t square[3]);
void cs_stored_close(struct cs_dataset *data);

/* The absolute path of a source's file or folder without links, to be freed, and the fingerprint of a file (path, size, time of the last
 * change). Errors: CS_ERR_NOT_FOUND, CS_ERR_IO. */
enum cs_status cs_stored_path(const char *path, char **real, struct cs_error *error);
enum cs_status cs_stored_fingerprint(const char *real, uint64_t *fingerprint, struct cs_error *error);

/* The size of a file; 0 when that cannot be said. */
int64_t cs_stored_size(const char *real);

/* Is this the beginning of a JPEG or PNG file? */
bool cs_stored_is_picture(const void *bytes, size_t size);

#endif
