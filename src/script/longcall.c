/* longcall.c: long calls, progress and signals. See longcall.h.
 *
 * Handlers are installed for the time of a guarded call and put back afterwards, so that a stock lua5.4 keeps its own. A
 * signal that is ignored when the call begins (nohup) stays ignored. A second signal of the same call has the effect it would
 * have had without us: someone who presses ^C twice means it. So has one that came too late to end the call: a script of many
 * short calls would lose it otherwise.
 */
#include "script/longcall.h"

#include "run/run.h"
#include "script/handle.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SIGNALS = 3 };
static const int signals[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

/* What is being guarded, outermost first: a training run may call back into a script that starts a job. NULL: a run. */
enum { DEEPEST = 8 };
static struct cs_job *volatile guarded[DEEPEST];
static volatile sig_atomic_t depth;

static volatile sig_atomic_t caught; /* the last signal: of the outermost guarded call, or that is about to be raised */
static volatile sig_atomic_t held; /* one that came in the outermost guarded call */
static volatile sig_atomic_t pending; /* one that came outside, and will be raised as soon as Lua goes on */
static struct sigaction before[SIGNALS];
static const char progress_key;

int cs_longcall_signal(void)
{
	return caught;
}

const char *cs_longcall_signal_name(int signal_number)
{
	switch (signal_number) {
	case SIGINT:
		return "SIGINT";
	case SIGTERM:
		return "SIGTERM";
	case SIGHUP:
		return "SIGHUP";
	default:
		return "a signal";
	}
}

static void on_signal(int number)
{
	caught = held = number;
	for (int i = 0; i < SIGNALS; i++) {
		if (signals[i] == number)
			sigaction(number, &before[i], NULL);
	}
	for (int i = 0; i < depth && i < DEEPEST; i++) {
		if (guarded[i])
			cs_job_cancel(guarded[i]); /* one atomic store */
		else
			cs_run_request_stop(number);
	}
}

/* Signals belong to the main thread; a Lua state in a background thread is cancelled by whoever started it. */
static bool on_main_thread(void)
{
	return gettid() == getpid();
}

void cs_longcall_guard(struct cs_job *job)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	if (!on_main_thread())
		return;
	if (depth == 0) {
		held = 0;
		caught = pending;
	}
	if (depth < DEEPEST)
		guarded[depth] = job;
	depth++;
	if (depth > 1)
		return;
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < SIGNALS; i++) {
		sigaction(signals[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

void cs_longcall_unguard(bool ended)
{
	if (!on_main_thread())
		return;
	depth--;
	if (depth > 0)
		return;
	for (int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
	if (held && !ended)
		raise(held);
}

void cs_longcall_set_progress(lua_State *L)
{
	lua_rawsetp(L, LUA_REGISTRYINDEX, &progress_key);
}

void cs_longcall_get_progress(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &progress_key);
}

static void wait_a_little(long milliseconds)
{
	struct timespec time = {.tv_nsec = milliseconds * 1000000};

	nanosleep(&time, NULL);
}

/* Watch a job in the background; returns 0, or Lua's status with the error on the stack. */
static int watch(lua_State *L, struct cs_job *job)
{
	long pause = 1;
	int told = 0;

	while (!cs_job_finished(job)) {
		wait_a_little(pause);
		pause = pause < 50 ? pause * 2 : 100;
		if (pause >= 100) { /* what is over in a moment needs no progress */
			char text[sizeof job->text];
			double done = cs_job_snapshot(job, text, sizeof text);
			int status;

			cs_longcall_get_progress(L);
			if (done >= 0)
				lua_pushnumber(L, done);
			else
				lua_pushnil(L);
			lua_pushstring(L, text);
			status = lua_pcall(L, 2, 0, 0);
			if (status)
				return status;
			told = 1;
		}
	}
	if (told) {
		cs_longcall_get_progress(L); /* f(): over, the line can go */
		return lua_pcall(L, 0, 0, 0);
	}
	return 0;
}

enum cs_status cs_longcall_run(lua_State *L, cs_job_work work, void *context, struct cs_error *error)
{
	struct cs_job job;
	enum cs_status status;
	bool background;
	int raised = 0;

	luaL_checkstack(L, 8, NULL);
	cs_longcall_get_progress(L);
	background = lua_isfunction(L, -1);
	lua_pop(L, 1);
	if (background) {
		status = cs_job_start(&job, work, context, error);
		if (status)
			return status;
		cs_longcall_guard(&job);
		cs_handle_lock(L, 1);
		raised = watch(L, &job);
		cs_handle_lock(L, -1);
		if (raised)
			cs_job_cancel(&job);
		status = cs_job_join(&job, error);
	} else {
		cs_job_init(&job);
		cs_longcall_guard(&job);
		status = work(&job, context, error);
	}
	cs_longcall_unguard(status == CS_ERR_CANCELLED);
	cs_job_fini(&job);
	if (raised)
		lua_error(L);
	if (status == CS_ERR_CANCELLED && caught)
		return cs_fail(error, CS_ERR_CANCELLED, "interrupted by %s", cs_longcall_signal_name(caught));
	return status;
}

/* Signals outside of long calls: the state that runs the program's script. */
static lua_State *volatile main_state;

static void raise_interrupt(lua_State *L, lua_Debug *debug)
{
	(void)debug;
	lua_sethook(L, NULL, 0, 0);
	pending = 0;
	luaL_error(L, "interrupted by %s", cs_longcall_signal_name(caught));
}

static void on_main_signal(int number)
{
	lua_State *L = main_state;
	struct sigaction standard = {.sa_handler = SIG_DFL};

	caught = pending = number;
	sigaction(number, &standard, NULL);
	if (L) /* as lua.c does it: setting a hook is safe in a handler */
		lua_sethook(L, raise_interrupt, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

void cs_longcall_interrupts(lua_State *L)
{
	struct sigaction action = {.sa_handler = on_main_signal};

	sigemptyset(&action.sa_mask);
	main_state = L;
	for (int i = 0; i < SIGNALS; i++) {
		struct sigaction now;

		sigaction(signals[i], NULL, &now);
		if (now.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}
