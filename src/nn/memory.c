/* memory.c: what is left to use. See memory.h. */
#include "nn/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Below this nobody asks: the answer costs a system call or two, and no machine lacks it. */
enum { UNASKED = 16 << 20 };

static size_t system_available(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	size_t bytes = SIZE_MAX;
	unsigned long long kilobytes;

	if (!file)
		return bytes;
	while (fgets(line, sizeof line, file)) {
		if (sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1) {
			bytes = (size_t)kilobytes * 1024;
			break;
		}
	}
	fclose(file);
	return bytes;
}

/* A file of one number; SIZE_MAX when it is missing or says "max". */
static size_t read_number(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned long long value;
	size_t bytes = SIZE_MAX;

	if (!file)
		return bytes;
	if (fscanf(file, "%llu", &value) == 1 && value < SIZE_MAX)
		bytes = (size_t)value;
	fclose(file);
	return bytes;
}

size_t cs_memory_available(void)
{
	size_t available = system_available();
	size_t limit = read_number("/sys/fs/cgroup/memory.max");
	size_t used = read_number("/sys/fs/cgroup/memory.current");

	/* what the group uses counts its page cache, which gives way: the limit alone binds when usage is unknown or near it */
	if (limit != SIZE_MAX && used != SIZE_MAX && used < limit && limit - used > limit / 4)
		limit -= used;
	return limit < available ? limit : available;
}

enum cs_status cs_memory_check(size_t bytes, const char *what, struct cs_error *error)
{
	size_t available;

	if (bytes <= UNASKED)
		return CS_OK;
	available = cs_memory_available();
	if (bytes <= available)
		return CS_OK;
	return cs_fail(error, CS_ERR_MEMORY, "%s takes %.1f GB of memory, but this machine has %.1f GB free", what,
		(double)bytes / 1e9, (double)available / 1e9);
}
