/* reading.h: the result file of an analysis, read in the background and read again when it is another one. */
#ifndef CS_WORK_READING_H
#define CS_WORK_READING_H

#include "figure/result.h"
#include "work/work.h"

struct cs_reading;

/* Begin to look at `path`, about once a second whenever cs_reading_tick() is called. */
enum cs_status cs_reading_new(
	struct cs_works *works, const char *path, struct cs_reading **out, struct cs_error *error);
void cs_reading_free(struct cs_reading *reading);

/* True when there is something new: a result, that it is gone, that it cannot be read. */
bool cs_reading_tick(struct cs_reading *reading);

/* The result, valid until the next tick; NULL: none. Grows with each news: */
const struct cs_result *cs_reading_result(const struct cs_reading *reading);
unsigned cs_reading_version(const struct cs_reading *reading);
/* It was looked for; why it cannot be read (status CS_OK: it is there, or there is none); when it was written, seconds since 1970. */
bool cs_reading_looked(const struct cs_reading *reading);
const struct cs_error *cs_reading_trouble(const struct cs_reading *reading);
double cs_reading_stamp(const struct cs_reading *reading);

#endif
