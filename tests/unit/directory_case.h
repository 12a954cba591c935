/* directory_case.h: a directory for a test's files, made before its tests and gone after them. */
#ifndef CS_TESTS_DIRECTORY_CASE_H
#define CS_TESTS_DIRECTORY_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char directory[64];

static inline int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/cs-test.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static inline int remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

/* The path of a file in it; the last four stay. */
static inline const char *in_directory(const char *name)
{
	static char paths[4][160];
	static int next;
	char *path = paths[next];

	next = (next + 1) % 4;
	snprintf(path, sizeof paths[0], "%s/%s", directory, name);
	return path;
}

#endif
