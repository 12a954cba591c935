/* fuzz_archive.c: zip files: the index, and every member. */
#include "fuzz.h"

#include "core/alloc.h"
#include "io/archive.h"

#include <sys/mman.h>
#include <unistd.h>

enum { LIMIT = 1 << 20, MEMBERS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_archive *archive = NULL;
	struct cs_error error = {0};
	int file = memfd_create("zip", MFD_CLOEXEC);
	enum cs_status status;
	char path[64];

	if (file < 0 || write(file, data, size) != (ssize_t)size)
		exit(2);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	cs_archive_recognise(path);
	status = cs_archive_open(path, &archive, &error);
	check_error(status, &error);
	for (int64_t i = 0; !status && i < cs_archive_count(archive) && i < MEMBERS; i++) {
		const char *name = cs_archive_name(archive, i);
		size_t capacity = 0, unpacked = 0;
		char *bytes = NULL;

		/* Of members of one name the first is found. */
		if (!name || cs_archive_find(archive, name) > i || cs_archive_find(archive, name) < 0)
			abort();
		check_error(cs_archive_read(archive, i, LIMIT, &bytes, &capacity, &unpacked, &error), &error);
		if (unpacked > LIMIT)
			abort();
		cs_free(bytes);
	}
	if (!status)
		cs_archive_close(archive);
	close(file);
	return 0;
}
