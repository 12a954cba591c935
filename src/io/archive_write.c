/* archive_write.c: making zip files, by libzip. See archive_write.h.
 *
 * libzip writes when the archive is closed, to a temporary name of its own that it renames; what it makes is a temporary file to us in turn, which
 * is synced and takes its place when it is whole.
 */
#include "io/archive_write.h"

#include "core/alloc.h"
#include "io/file.h"

#include <stdio.h>
#include <unistd.h>
#include <zip.h>

static enum cs_status add_part(zip_t *zip, const struct cs_archive_part *part, struct cs_error *error)
{
	zip_source_t *source = part->file ? zip_source_file(zip, part->file, 0, -1)
					  : zip_source_buffer(zip, part->bytes, part->size, 0);
	zip_int64_t index = source ? zip_file_add(zip, part->name, source, ZIP_FL_ENC_UTF_8) : -1;

	if (index < 0) {
		zip_source_free(source);
		return cs_fail(error, CS_ERR_IO, "cannot put '%s' into a zip file: %s", part->name, zip_strerror(zip));
	}
	if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0))
		return cs_fail(error, CS_ERR_IO, "cannot put '%s' into a zip file: %s", part->name, zip_strerror(zip));
	return CS_OK;
}

enum cs_status cs_archive_write(
	const char *path, const struct cs_archive_part *parts, int count, struct cs_error *error)
{
	char *temporary = cs_file_temporary(path);
	enum cs_status status = CS_OK;
	zip_t *zip;
	int code;

	if (!temporary)
		return cs_fail_memory(error, "a path");
	zip = zip_open(temporary, ZIP_CREATE | ZIP_TRUNCATE, &code);
	if (!zip) {
		zip_error_t why;

		zip_error_init_with_code(&why, code);
		status = cs_fail(error, CS_ERR_IO, "cannot write '%s': %s", path, zip_error_strerror(&why));
		zip_error_fini(&why);
		goto out;
	}
	for (int i = 0; i < count && !status; i++)
		status = add_part(zip, &parts[i], error);
	if (!status && zip_close(zip) < 0)
		status = cs_fail(error, CS_ERR_IO, "cannot write '%s': %s", path, zip_strerror(zip));
	else if (!status)
		zip = NULL;
	if (zip)
		zip_discard(zip);
	if (!status)
		status = cs_file_commit(temporary, path, error);
	if (status)
		unlink(temporary);
out:
	cs_free(temporary);
	return status;
}
