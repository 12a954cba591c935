/* clock.h: how long something takes. */
#ifndef CS_CORE_CLOCK_H
#define CS_CORE_CLOCK_H

double cs_now(void); /* seconds since some moment; only forward, whatever is done to the clock on the wall */

#endif
