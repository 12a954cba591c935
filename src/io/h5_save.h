/* h5_save.h: a new HDF5 file that appears whole or not at all. */
#ifndef CS_IO_H5_SAVE_H
#define CS_IO_H5_SAVE_H

#include "io/h5.h"

/* Make a file beside `path` under a temporary name, let `fill` write into it, sync it and rename it. When anything fails the temporary
 * file is removed and what stood at `path` stays. */
enum cs_status cs_h5_save(const char *path,
	enum cs_status (*fill)(struct cs_h5 *file, void *context, struct cs_error *error), void *context,
	struct cs_error *error);

#endif
