/* work.h: the browser's background work: started, polled, dropped.
 *
 * Each piece runs in a thread of its own (core/job.h) on data of its own. A view that is done with a piece drops it: the piece is
 * told to stop and forgotten, and its memory goes when it has noticed. Nothing here ever waits, but for the end of the program.
 */
#ifndef CS_WORK_WORK_H
#define CS_WORK_WORK_H

#include "core/job.h"

struct cs_work;
struct cs_works;

enum cs_status cs_works_new(struct cs_works **out, struct cs_error *error);
/* Cancel everything, wait for it, and release. */
void cs_works_free(struct cs_works *works);

/* Cancel everything and wait so long for it to notice; false: something has not. */
bool cs_works_stop(struct cs_works *works, double seconds);

/* Start `run` on `context`; takes the context: `release` frees it when the work has ended and was dropped or taken, also when starting fails.
 * `what` is for the status line ("looking for exemplars") and must stay; NULL: too small to be mentioned. */
enum cs_status cs_work_start(struct cs_works *works, const char *what, cs_job_work run, void *context,
	void (*release)(void *context), struct cs_work **out, struct cs_error *error);

bool cs_work_finished(struct cs_work *work);
/* After cs_work_finished: how it ended. */
enum cs_status cs_work_result(struct cs_work *work, struct cs_error *error);
void *cs_work_context(struct cs_work *work);
/* Ask it to stop, and go on watching. */
void cs_work_cancel(struct cs_work *work);
/* How far it is: 0 .. 1, negative where unknown, and its latest words. */
double cs_work_progress(struct cs_work *work, char *text, unsigned size);
/* Done with it: cancelled if it still runs. NULL is fine. */
void cs_work_drop(struct cs_work *work);

/* Release what was dropped and has ended. */
void cs_works_reap(struct cs_works *works);

/* Anything at all that has not been released yet, dropped or not. */
bool cs_works_any(const struct cs_works *works);

/* Pieces that run and were not dropped; the latest one's progress as text ("looking for exemplars 43 %"). */
int cs_works_busy(struct cs_works *works, char *text, unsigned size);

#endif
