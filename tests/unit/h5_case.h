/* h5_case.h: one HDF5 file in a directory of its own, for the tests of the h5 files. */
#ifndef CS_TESTS_H5_CASE_H
#define CS_TESTS_H5_CASE_H

#include "io/h5.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct cs_error error;
static char directory[] = "/tmp/cs-test-h5-XXXXXX";
static char path[100];

#define OK(call) \
	do { \
		if ((call) != CS_OK) \
			fail_msg("%s", error.message); \
	} while (0)

static inline int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof path, "%s/test.h5", directory);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

#endif
