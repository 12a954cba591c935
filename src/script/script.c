/* script.c: Lua states for the program: where the library lies, the command line, the prompt. See script.h.
 *
 * The library is looked for in $CONVSCOPE_LUA, beside the executable (lua/, ../lua/: the build tree), and where it was
 * installed; a directory counts when it holds convscope/init.lua. It comes before the system's own directories, so that a
 * build tree does not load what is installed.
 */
#include "script/script.h"

#include "script/longcall.h"
#include "script/state.h"

#include "core/alloc.h"
#include "core/log.h"
#include "io/file.h"

#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char hooks_key;

const struct cs_script_hooks *cs_state_hooks(lua_State *L)
{
	const struct cs_script_hooks *hooks;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key);
	hooks = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return hooks;
}

static bool holds_library(const char *directory)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof path, "%s/convscope/init.lua", directory) < (int)sizeof path &&
		cs_file_exists(path);
}

/* The directory of the library into path. */
static void find_library(char path[PATH_MAX])
{
	const char *wish = getenv("CONVSCOPE_LUA");
	char program[PATH_MAX];
	ssize_t length;

	if (wish && *wish && holds_library(wish) && snprintf(path, PATH_MAX, "%s", wish) < PATH_MAX)
		return;
	length = readlink("/proc/self/exe", program, sizeof program - 1);
	if (length > 0) {
		char *slash;

		program[length] = '\0';
		slash = strrchr(program, '/');
		if (slash)
			*slash = '\0';
		if (snprintf(path, PATH_MAX, "%s/lua", program) < PATH_MAX && holds_library(path))
			return;
		if (snprintf(path, PATH_MAX, "%s/../lua", program) < PATH_MAX && holds_library(path))
			return;
	}
	snprintf(path, PATH_MAX, "%s", CS_LUADIR);
}

/* Runs protected: everything here may run out of memory. */
static int set_up(lua_State *L)
{
	char library[PATH_MAX];

	luaL_openlibs(L);
	lua_pushvalue(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &hooks_key);
	find_library(library);
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "path");
	lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", library, library, lua_tostring(L, -1));
	lua_setfield(L, -3, "path");
	lua_pop(L, 1);
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, luaopen_convscope_engine);
	lua_setfield(L, -2, "convscope.engine");
	lua_pop(L, 1);
	lua_pushstring(L, library);
	lua_setfield(L, -2, "convscope_library");
	return 0;
}

struct lua_State *cs_script_new(const struct cs_script_hooks *hooks)
{
	lua_State *L = luaL_newstate();

	if (!L)
		return NULL;
	lua_pushcfunction(L, set_up);
	lua_pushlightuserdata(L, (void *)hooks);
	if (lua_pcall(L, 1, 0, 0)) {
		lua_close(L);
		return NULL;
	}
	return L;
}

void cs_script_free(struct lua_State *state)
{
	if (state)
		lua_close(state);
}

static int add_traceback(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

/* Warnings of the engine, on a terminal: the progress line that stands there gives way. */
static void warn_on_terminal(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	if (level >= CS_LOG_WARNING)
		fprintf(stderr, "\r\033[Kconvscope: warning: %s\n", line);
}

int cs_script_main(int argc, char **argv, const struct cs_script_hooks *hooks)
{
	lua_State *L = cs_script_new(hooks);
	int code = 1;

	if (!L) {
		fprintf(stderr, "convscope: not enough memory for a Lua state\n");
		return 1;
	}
	cs_longcall_interrupts(L);
	if (isatty(STDERR_FILENO))
		cs_log_to(warn_on_terminal, NULL);
	lua_pushcfunction(L, add_traceback);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "convscope.cli");
	if (lua_pcall(L, 1, 1, 1)) {
		const char *message = lua_tostring(L, -1);

		if (strstr(message, "'convscope.cli' not found"))
			fprintf(stderr,
				"convscope: cannot find its Lua library; set CONVSCOPE_LUA to the directory that holds "
				"convscope/\n");
		else
			fprintf(stderr, "convscope: cannot load its Lua library: %s\n", message);
		goto out;
	}
	lua_createtable(L, argc, 1);
	for (int i = 0; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i);
	}
	if (lua_pcall(L, 1, 1, 1))
		fprintf(stderr, "convscope: %s\n",
			lua_isstring(L, -1) ? lua_tostring(L, -1) : "an error that is no text");
	else
		code = (int)lua_tointeger(L, -1);
out:
	cs_longcall_interrupts(NULL);
	cs_log_to(NULL, NULL);
	lua_close(L);
	return code;
}

/* print() of the prompt: into the buffer that is upvalue 1 (a table of strings). */
static int collect_print(lua_State *L)
{
	int count = lua_gettop(L);

	for (int i = 1; i <= count; i++) {
		luaL_tolstring(L, i, NULL);
		if (i > 1) {
			lua_pushliteral(L, "\t");
			lua_insert(L, -2);
			lua_concat(L, 2);
		}
		lua_rawseti(L, lua_upvalueindex(1), (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)) + 1);
	}
	lua_pushliteral(L, "\n");
	lua_rawseti(L, lua_upvalueindex(1), (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)) + 1);
	return 0;
}

/* Evaluate the line (string at 1); returns what was printed and returned as one string. Runs protected. */
static int evaluate(lua_State *L)
{
	const char *line = lua_tostring(L, 1);
	luaL_Buffer text;
	int before;

	lua_getglobal(L, "cs");
	if (lua_isnil(L, -1)) { /* at the prompt the library is at hand */
		lua_getglobal(L, "require");
		lua_pushliteral(L, "convscope");
		lua_call(L, 1, 1);
		lua_setglobal(L, "cs");
	}
	lua_settop(L, 1);
	lua_newtable(L); /* 2: what is printed */
	lua_getglobal(L, "print"); /* 3: to be put back */
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, collect_print, 1);
	lua_setglobal(L, "print");
	before = lua_gettop(L);
	lua_pushfstring(L, "return %s", line);
	if (luaL_loadbuffer(L, lua_tostring(L, -1), strlen(lua_tostring(L, -1)), "=prompt")) {
		lua_settop(L, before);
		if (luaL_loadbuffer(L, line, strlen(line), "=prompt")) {
			lua_pushvalue(L, 3);
			lua_setglobal(L, "print");
			return lua_error(L);
		}
	} else {
		lua_remove(L, before + 1);
	}
	if (lua_pcall(L, 0, LUA_MULTRET, 0)) {
		lua_pushvalue(L, 3);
		lua_setglobal(L, "print");
		return lua_error(L);
	}
	lua_pushvalue(L, 3);
	lua_setglobal(L, "print");
	if (lua_gettop(L) > before) { /* results, as print would show them */
		lua_pushvalue(L, 2);
		lua_pushcclosure(L, collect_print, 1);
		lua_insert(L, before + 1);
		lua_call(L, lua_gettop(L) - before - 1, 0);
	}
	luaL_buffinit(L, &text);
	for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, 2); i <= n; i++) {
		lua_rawgeti(L, 2, i);
		luaL_addvalue(&text);
	}
	luaL_pushresult(&text);
	return 1;
}

enum cs_status cs_script_evaluate(struct lua_State *state, const char *line, char **text, struct cs_error *error)
{
	lua_State *L = state;
	enum cs_status status = CS_OK;
	int base = lua_gettop(L);

	*text = NULL;
	if (!lua_checkstack(L, 8))
		return cs_fail_memory(error, "a line of Lua");
	lua_pushcfunction(L, evaluate);
	lua_pushstring(L, line);
	if (lua_pcall(L, 1, 1, 0)) {
		const char *message = luaL_tolstring(L, -1, NULL);

		status = cs_fail(error, CS_ERR_ARGUMENT, "%s", message);
	} else {
		*text = cs_strdup(lua_tostring(L, -1));
		if (!*text)
			status = cs_fail_memory(error, "the answer");
	}
	lua_settop(L, base);
	return status;
}
