/* h5_save.c: see h5_save.h. */
#include "io/h5_save.h"

#include "core/alloc.h"
#include "io/file.h"

#include <unistd.h>

enum cs_status cs_h5_save(const char *path,
	enum cs_status (*fill)(struct cs_h5 *file, void *context, struct cs_error *error), void *context,
	struct cs_error *error)
{
	char *temporary = cs_file_temporary(path);
	struct cs_h5 *file = NULL;
	enum cs_status status;

	if (!temporary)
		return cs_fail_memory(error, "a path");
	status = cs_h5_open(temporary, CS_H5_CREATE, &file, error);
	if (!status) {
		enum cs_status closed;

		status = fill(file, context, error);
		closed = cs_h5_close(file, status ? NULL : error);
		status = status ? status : closed;
		if (!status)
			status = cs_file_commit(temporary, path, error);
		if (status)
			unlink(temporary);
	}
	cs_free(temporary);
	return status;
}
