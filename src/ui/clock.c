/* clock.c: the monotonic clock. */
#include "ui/clock.h"

#include <time.h>

double cs_ui_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
