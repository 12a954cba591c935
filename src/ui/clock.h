/* clock.h: seconds that only go forward. */
#ifndef CS_UI_CLOCK_H
#define CS_UI_CLOCK_H

double cs_ui_clock(void);

#endif
