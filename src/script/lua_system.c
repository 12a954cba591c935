/* lua_system.c: the little of the system that the command line needs and Lua lacks: terminals, clocks, directories, signals, and the hooks
 * of the program.
 */
#include "script/longcall.h"
#include "script/picture.h"
#include "script/rooms.h"
#include "script/script.h"
#include "script/state.h"
#include "script/value.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* system.isatty(0 | 1 | 2) */
static int l_isatty(lua_State *L)
{
	lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
	return 1;
}

/* system.columns(): width of the terminal that standard error is, or 80. */
static int l_columns(lua_State *L)
{
	struct winsize size;

	lua_pushinteger(L, ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80);
	return 1;
}

/* system.clock(): seconds that only go forward. */
static int l_clock(lua_State *L)
{
	lua_pushnumber(L, cs_now());
	return 1;
}

/* system.exists(path), system.is_directory(path) */
static int l_exists(lua_State *L)
{
	lua_pushboolean(L, cs_file_exists(luaL_checkstring(L, 1)));
	return 1;
}

static int l_is_directory(lua_State *L)
{
	lua_pushboolean(L, cs_file_is_directory(luaL_checkstring(L, 1)));
	return 1;
}

/* system.absolute(path): without links and dots; nil when it does not exist. */
static int l_absolute(lua_State *L)
{
	char *path = realpath(luaL_checkstring(L, 1), NULL);

	lua_pushstring(L, path);
	free(path);
	return 1;
}

/* system.make_directories(path) */
static int l_make_directories(lua_State *L)
{
	struct cs_error error;

	if (cs_file_make_directories(luaL_checkstring(L, 1), &error))
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

/* system.writable(path): whether a file of that name could be made now: true, or nil, message, code. */
static int l_writable(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1), *slash = strrchr(path, '/');
	struct cs_error error;

	lua_pushlstring(L, slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1);
	if (cs_file_is_directory(path)) {
		cs_fail(&error, CS_ERR_ARGUMENT, "cannot write '%s': it is a directory", path);
		return cs_value_fail(L, &error);
	}
	if (access(lua_tostring(L, -1), W_OK | X_OK)) {
		cs_fail_errno(&error, "cannot write", path);
		return cs_value_fail(L, &error);
	}
	lua_pushboolean(L, true);
	return 1;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* system.list(directory): names, sorted, without dot files; nil, message, code. */
static int l_list(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	DIR *directory = opendir(path);
	char **names = NULL;
	int count = 0, room = 0;
	struct cs_error error;

	if (!directory) {
		cs_fail_errno(&error, "cannot list", path);
		return cs_value_fail(L, &error);
	}
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_name[0] == '.')
			continue;
		if (count == room) {
			char **more = cs_realloc(names, (size_t)(room = room ? 2 * room : 64), sizeof *names);

			if (!more)
				break;
			names = more;
		}
		names[count] = cs_strdup(entry->d_name);
		if (!names[count])
			break;
		count++;
	}
	closedir(directory);
	if (count)
		qsort(names, (size_t)count, sizeof *names, compare_names);
	lua_createtable(L, count, 0);
	for (int i = 0; i < count; i++) {
		lua_pushstring(L, names[i]);
		lua_rawseti(L, -2, i + 1);
		cs_free(names[i]);
	}
	cs_free(names);
	return 1;
}

/* system.read(path[, pipe]): a whole file of at most 64 MB as a string; with `pipe`, what somebody writes into a pipe, too. */
static int l_read(lua_State *L)
{
	struct cs_error error;
	char *bytes;
	size_t size;

	if ((lua_toboolean(L, 2) ? cs_file_read : cs_file_read_regular)(
		    luaL_checkstring(L, 1), 64 << 20, &bytes, &size, &error))
		return cs_value_fail(L, &error);
	lua_pushlstring(L, bytes, size);
	cs_free(bytes);
	return 1;
}

/*** cs.write_file(path, text)
 * Write a whole file by way of a temporary one that is renamed: a reader sees the old or the new, never a half. true, or nil, message, code.
 */
static int l_write(lua_State *L)
{
	struct cs_error error;
	const char *path = luaL_checkstring(L, 1), *text;
	size_t size;

	text = luaL_checklstring(L, 2, &size);
	if (cs_file_write(path, text, size, &error))
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

/* system.modified(path): seconds since 1970, or nil. */
static int l_modified(lua_State *L)
{
	struct stat info;

	if (stat(luaL_checkstring(L, 1), &info) == 0)
		lua_pushinteger(L, (lua_Integer)info.st_mtime);
	else
		lua_pushnil(L);
	return 1;
}

/* system.progress(f | nil): who is told how far long calls are, f(fraction or nil, text); f() when one is over. Returns who was told before. */
static int l_progress(lua_State *L)
{
	if (!lua_isnoneornil(L, 1))
		luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	cs_longcall_get_progress(L);
	lua_insert(L, 1);
	cs_longcall_set_progress(L);
	return 1;
}

/* system.report(fraction | nil, text): tell it from Lua; does nothing when nobody listens. */
static int l_report(lua_State *L)
{
	lua_settop(L, 2);
	cs_longcall_get_progress(L);
	if (lua_isfunction(L, -1)) {
		lua_insert(L, 1);
		lua_call(L, 2, 0);
	}
	return 0;
}

/* system.interrupted(): the name of the signal that ended the last long call, or nil. */
static int l_interrupted(lua_State *L)
{
	if (cs_longcall_signal())
		lua_pushstring(L, cs_longcall_signal_name(cs_longcall_signal()));
	else
		lua_pushnil(L);
	return 1;
}

/* system.flush(): true, or nil and why standard output could not be written ("Broken pipe"), and whether it is just that. */
static int l_flush(lua_State *L)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout)) {
		lua_pushboolean(L, true);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, errno ? strerror(errno) : "an earlier write failed");
	lua_pushboolean(L, errno == EPIPE || errno == 0);
	return 3;
}

static int fail_no_hook(lua_State *L, const char *what)
{
	struct cs_error error;

	cs_fail(&error, CS_ERR_UNSUPPORTED, "%s needs the convscope program; a stock lua5.4 has no screen", what);
	return cs_value_fail(L, &error);
}

/* system.browse(target | nil, dataset | nil, graphics | nil, threads) */
static int l_browse(lua_State *L)
{
	const struct cs_script_hooks *hooks = cs_state_hooks(L);
	struct cs_error error = {0};

	if (!hooks || !hooks->browse)
		return fail_no_hook(L, "the browser");
	if (hooks->browse(hooks->context, luaL_optstring(L, 1, NULL), luaL_optstring(L, 2, NULL),
		    luaL_optstring(L, 3, NULL), (int)luaL_optinteger(L, 4, 0), &error))
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

/*** picture:show([graphics])
 * Draw the picture in the terminal where the cursor stands; what is printed next comes below it. `graphics`: "auto", "sixel", "symbols" or
 * "ascii". true, or nil, message, code when standard output is no terminal or this is not the convscope program.
 */
static int l_show(lua_State *L)
{
	const struct cs_script_hooks *hooks = cs_state_hooks(L);
	struct cs_picture *picture = cs_lua_picture_check(L, 1);
	const char *graphics = luaL_optstring(L, 2, NULL);
	struct cs_error error = {0};

	if (!hooks || !hooks->show)
		return fail_no_hook(L, "drawing in the terminal");
	fflush(stdout);
	if (hooks->show(hooks->context, picture, graphics, &error))
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

/* system.terminal(): lines of "key: value", or nil, message, code. */
static int l_terminal(lua_State *L)
{
	const struct cs_script_hooks *hooks = cs_state_hooks(L);
	struct cs_error error = {0};
	char *text;

	if (!hooks || !hooks->terminal)
		return fail_no_hook(L, "a report on the terminal");
	text = hooks->terminal(hooks->context);
	if (!text) {
		cs_fail_memory(&error, "a report on the terminal");
		return cs_value_fail(L, &error);
	}
	lua_pushstring(L, text);
	cs_free(text);
	return 1;
}

static const luaL_Reg functions[] = {
	{"isatty", l_isatty},
	{"columns", l_columns},
	{"clock", l_clock},
	{"exists", l_exists},
	{"is_directory", l_is_directory},
	{"absolute", l_absolute},
	{"make_directories", l_make_directories},
	{"writable", l_writable},
	{"list", l_list},
	{"read", l_read},
	{"write", l_write},
	{"modified", l_modified},
	{"progress", l_progress},
	{"report", l_report},
	{"interrupted", l_interrupted},
	{"flush", l_flush},
	{"browse", l_browse},
	{"terminal", l_terminal},
	{NULL, NULL},
};

static const luaL_Reg picture_methods[] = {{"show", l_show}, {NULL, NULL}};

void cs_lua_open_system(lua_State *L)
{
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "system");
	lua_getfield(L, -1, "methods");
	lua_getfield(L, -1, "picture");
	luaL_setfuncs(L, picture_methods, 0);
	lua_pop(L, 2);
}
