/* fuzz_keys.c: the user's file of key bindings. */
#include "fuzz.h"

#include "ui/keys.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_error error = {0};
	int file = memfd_create("keys", MFD_CLOEXEC);
	char path[64];

	if (file < 0 || write(file, data, size) != (ssize_t)size)
		exit(2);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	check_error(cs_keys_load(path, &error), &error);
	close(file);
	cs_keys_reset();
	return 0;
}
