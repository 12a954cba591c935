/* clock.c: the monotonic clock. */
#include "ui/clock.h"

#include "core/clock.h"

double cs_ui_clock(void)
{
	return cs_now();
}
