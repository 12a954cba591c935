/* fuzz.h: what the targets share. A target is a program around one function, libFuzzer's LLVMFuzzerTestOneInput; where there is no
 * libFuzzer, driver.c calls it. A target asserts what must hold for any bytes; crashes are for the sanitizers to see. */
#ifndef CS_TESTS_FUZZ_H
#define CS_TESTS_FUZZ_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What fails says so, in one line. */
static inline void check_error(enum cs_status status, const struct cs_error *error)
{
	if (status && (!*error->message || strchr(error->message, '\n'))) {
		fprintf(stderr, "status %d with the message '%s'\n", (int)status, error->message);
		abort();
	}
}

/* A new directory, in memory where the system has such a place; gone at exit. */
static char scratch[64];

static inline void remove_scratch(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", scratch);
	if (system(command))
		perror(scratch);
}

static inline const char *scratch_directory(void)
{
	if (!*scratch) {
		snprintf(scratch, sizeof scratch, "%s/convscope-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
		if (!mkdtemp(scratch))
			exit(2);
		atexit(remove_scratch);
	}
	return scratch;
}

/* Write a file of that name below `directory`. */
static inline void put_file(const char *directory, const char *name, const void *bytes, size_t size)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	file = fopen(path, "wb");
	if (!file || (size && fwrite(bytes, 1, size, file) != size) || fclose(file)) {
		perror(path);
		exit(2);
	}
}

/* The next part of an input that holds several files, which end at a NUL. */
static inline const uint8_t *next_part(const uint8_t **at, size_t *left, size_t *size)
{
	const uint8_t *start = *at, *end = *left ? memchr(start, 0, *left) : NULL;

	*size = end ? (size_t)(end - start) : *left;
	*at += end ? *size + 1 : *size;
	*left -= end ? *size + 1 : *size;
	return start;
}

#endif
