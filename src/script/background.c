/* background.c: Lua states for background work. See background.h.
 *
 * Cancelling works from two sides: a count hook looks at the job while Lua runs, and the progress function of the state, which long
 * engine calls ask ten times a second, raises. Both raise again and again, so that no pcall of a script holds it up for long.
 */
#include "script/background.h"

#include "core/alloc.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STEPS = 10000, NICE = 10 };

static const char job_key;

static struct cs_job *job_of(lua_State *L)
{
	struct cs_job *job;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &job_key);
	job = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return job;
}

static void look_for_cancel(lua_State *L, lua_Debug *debug)
{
	(void)debug;
	if (cs_job_cancelled(job_of(L)))
		luaL_error(L, "cancelled");
}

/* progress(fraction or nil, text), with the analysis' name as upvalue. */
static int report(lua_State *L)
{
	struct cs_job *job = job_of(L);
	const char *text = lua_isstring(L, 2) ? lua_tostring(L, 2) : "";

	if (cs_job_cancelled(job))
		return luaL_error(L, "cancelled");
	if (!lua_isnone(L, 1) || *text)
		cs_job_progress(job, lua_isnumber(L, 1) ? lua_tonumber(L, 1) : -1, *text ? "%s: %s" : "%s%s",
			lua_tostring(L, lua_upvalueindex(1)), text);
	return 0;
}

static int add_traceback(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

/* require "convscope.background"[name], left on the stack. */
static void push_function(lua_State *L, const char *name)
{
	lua_getglobal(L, "require");
	lua_pushliteral(L, "convscope.background");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, name);
	lua_remove(L, -2);
}

static int list(lua_State *L)
{
	push_function(L, "list");
	lua_call(L, 0, 1);
	return 1;
}

/* A state without output: the terminal belongs to somebody else. */
static lua_State *quiet_state(const struct cs_script_hooks *hooks)
{
	static const char silence[] = "local nowhere = io.open('/dev/null', 'w') io.output(nowhere) "
				      "io.stdout, io.stderr = nowhere, nowhere print = function() end";
	lua_State *L = cs_script_new(hooks);

	if (L && luaL_dostring(L, silence)) {
		cs_script_free(L);
		return NULL;
	}
	return L;
}

enum cs_status cs_script_analyses(const struct cs_script_hooks *hooks, char **text, struct cs_error *error)
{
	lua_State *L = quiet_state(hooks);
	enum cs_status status = CS_OK;

	if (!L)
		return cs_fail_memory(error, "a Lua state");
	lua_pushcfunction(L, list);
	if (lua_pcall(L, 0, 1, 0))
		status = cs_fail(error, CS_ERR_ARGUMENT, "%s", luaL_tolstring(L, -1, NULL));
	else if (!(*text = cs_strdup(lua_tostring(L, -1))))
		status = cs_fail_memory(error, "the list of analyses");
	cs_script_free(L);
	return status;
}

/* run(request): true, or nil, message, code. */
static int run(lua_State *L)
{
	const struct cs_script_analysis *what = lua_touserdata(L, 1);

	push_function(L, "analyze");
	lua_createtable(L, 0, 8);
	lua_pushstring(L, what->name);
	lua_pushvalue(L, -1);
	lua_pushcclosure(L, report, 1);
	lua_setfield(L, -3, "progress");
	lua_setfield(L, -2, "name");
	lua_pushstring(L, what->model);
	lua_setfield(L, -2, "model");
	lua_pushstring(L, what->dataset);
	lua_setfield(L, -2, "dataset");
	lua_pushstring(L, what->directory);
	lua_setfield(L, -2, "directory");
	lua_pushstring(L, what->options);
	lua_setfield(L, -2, "options");
	lua_pushinteger(L, what->threads);
	lua_setfield(L, -2, "threads");
	lua_call(L, 1, 3);
	return 3;
}

enum cs_status cs_script_analyze(const struct cs_script_hooks *hooks, const struct cs_script_analysis *what,
	struct cs_job *job, struct cs_error *error)
{
	lua_State *L;
	enum cs_status status = CS_OK;

	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	cs_job_progress(job, -1, "%s", what->name);
	L = quiet_state(hooks);
	if (!L)
		return cs_fail_memory(error, "a Lua state");
	lua_pushlightuserdata(L, job);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &job_key);
	lua_sethook(L, look_for_cancel, LUA_MASKCOUNT, STEPS);
	lua_pushcfunction(L, add_traceback);
	lua_pushcfunction(L, run);
	lua_pushlightuserdata(L, (void *)what);
	if (lua_pcall(L, 1, 3, 1))
		status = cs_fail(error, CS_ERR_ARGUMENT, "%s: %s", what->name, luaL_tolstring(L, -1, NULL));
	else if (!lua_toboolean(L, -3))
		status = cs_fail(error, CS_ERR_ARGUMENT, "%s: %s", what->name, luaL_tolstring(L, -2, NULL));
	if (status && cs_job_cancelled(job))
		status = cs_fail(error, CS_ERR_CANCELLED, "%s was cancelled", what->name);
	lua_sethook(L, NULL, 0, 0);
	cs_script_free(L);
	return status;
}
