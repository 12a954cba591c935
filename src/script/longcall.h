/* longcall.h: long engine calls from Lua: progress out, signals in.
 *
 * A call that may take long runs as a job. When the state has a progress function (the command line sets one), the job runs
 * in a thread of its own while the calling thread tells that function how far it is; otherwise it runs right here. SIGINT,
 * SIGTERM and SIGHUP cancel it either way: the call then returns CS_ERR_CANCELLED, "interrupted by SIGINT".
 */
#ifndef CS_SCRIPT_LONGCALL_H
#define CS_SCRIPT_LONGCALL_H

#include "core/job.h"

#include <lua.h>

/* Run `work`. Raises what the progress function raised, after the work has stopped; `context` must own nothing that would be
 * lost by that (scratch memory and handles are safe). */
enum cs_status cs_longcall_run(lua_State *L, cs_job_work work, void *context, struct cs_error *error);

/* The progress function of the state: called as f(fraction or nil, text). Pops it (nil: none). */
void cs_longcall_set_progress(lua_State *L);
/* Push it. */
void cs_longcall_get_progress(lua_State *L);

/* Between these two a signal stops the training run in work, or cancels `job` when it is not NULL. They nest: a signal ends
 * all that is in work. `ended`: it did; else one that came is raised again when the outermost guard is gone. In other threads
 * than the main one they do nothing. */
void cs_longcall_guard(struct cs_job *job);
void cs_longcall_unguard(bool ended);

/* The signal that came since the outermost guard began (0: none), and a signal's name. */
int cs_longcall_signal(void);
const char *cs_longcall_signal_name(int signal_number);

/* For the program: outside of guarded calls, signals raise "interrupted by SIGINT" in this state from now on. */
void cs_longcall_interrupts(lua_State *L);

#endif
