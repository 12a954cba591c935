/* value.c: Lua values <-> C. See value.h. */
#include "script/value.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cs_value_fail(lua_State *L, const struct cs_error *error)
{
	lua_pushnil(L);
	lua_pushstring(L, error->message);
	lua_pushstring(L, cs_status_name(error->status));
	return 3;
}

void cs_value_check_index(lua_State *L, int arg, int64_t value, int64_t count, const char *what)
{
	char text[160];

	if (value >= 0 && value < count)
		return;
	if (count == 0)
		snprintf(text, sizeof text, "%s %" PRId64 " is out of range: there are none", what, value);
	else
		snprintf(text, sizeof text, "%s %" PRId64 " is out of range: 0 to %" PRId64, what, value, count - 1);
	luaL_argerror(L, arg, lua_pushstring(L, text));
}

int64_t cs_value_index(lua_State *L, int arg, int64_t count, const char *what)
{
	lua_Integer value = luaL_checkinteger(L, arg);

	cs_value_check_index(L, arg, value, count, what);
	return value;
}

static void raise_unknown(lua_State *L, int arg, const char *key, const char *const *names)
{
	luaL_Buffer text;

	luaL_buffinit(L, &text);
	luaL_addstring(&text, "no option '");
	luaL_addstring(&text, key);
	luaL_addstring(&text, "'; there are ");
	for (int i = 0; names[i]; i++) {
		if (i)
			luaL_addstring(&text, ", ");
		luaL_addstring(&text, names[i]);
	}
	luaL_pushresult(&text);
	luaL_argerror(L, arg, lua_tostring(L, -1));
}

void cs_value_options(lua_State *L, int arg, const char *const *names)
{
	if (lua_isnoneornil(L, arg)) {
		lua_settop(L, lua_gettop(L) < arg ? arg : lua_gettop(L));
		lua_newtable(L);
		lua_replace(L, arg);
		return;
	}
	luaL_checktype(L, arg, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, arg)) {
		bool known = false;

		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_argerror(L, arg,
				lua_pushfstring(L, "options have names, this one has a %s", luaL_typename(L, -1)));
		for (int i = 0; names[i] && !known; i++)
			known = !strcmp(lua_tostring(L, -1), names[i]);
		if (!known)
			raise_unknown(L, arg, lua_tostring(L, -1), names);
	}
}

/* The value that is wrong is on top of the stack. */
static void raise_option(lua_State *L, int arg, const char *key, const char *expected)
{
	const char *found = luaL_typename(L, -1);

	if (lua_type(L, -1) == LUA_TSTRING)
		found = lua_pushfstring(L, "'%s'", lua_tostring(L, -1));
	else if (lua_type(L, -1) == LUA_TNUMBER || lua_type(L, -1) == LUA_TBOOLEAN)
		found = luaL_tolstring(L, -1, NULL);
	luaL_argerror(L, arg, lua_pushfstring(L, "option '%s' must be %s, not %s", key, expected, found));
}

double cs_value_number(lua_State *L, int arg, const char *key, double standard)
{
	double value = standard;

	if (lua_getfield(L, arg, key) != LUA_TNIL) {
		if (lua_type(L, -1) != LUA_TNUMBER)
			raise_option(L, arg, key, "a number");
		value = lua_tonumber(L, -1);
	}
	lua_pop(L, 1);
	return value;
}

int64_t cs_value_integer(lua_State *L, int arg, const char *key, int64_t standard, int64_t low, int64_t high)
{
	int64_t value = standard;
	int is_integer = 1;

	if (lua_getfield(L, arg, key) != LUA_TNIL) {
		value = lua_tointegerx(L, -1, &is_integer);
		if (!is_integer || lua_type(L, -1) != LUA_TNUMBER)
			raise_option(L, arg, key, "an integer");
		if (value < low || value > high) {
			char range[80];

			if (high >= INT32_MAX)
				snprintf(range, sizeof range, "%" PRId64 " or more", low);
			else
				snprintf(range, sizeof range, "between %" PRId64 " and %" PRId64, low, high);
			raise_option(L, arg, key, range);
		}
	}
	lua_pop(L, 1);
	return value;
}

bool cs_value_boolean(lua_State *L, int arg, const char *key, bool standard)
{
	bool value = standard;

	if (lua_getfield(L, arg, key) != LUA_TNIL) {
		if (!lua_isboolean(L, -1))
			raise_option(L, arg, key, "true or false");
		value = lua_toboolean(L, -1);
	}
	lua_pop(L, 1);
	return value;
}

const char *cs_value_string(lua_State *L, int arg, const char *key, const char *standard)
{
	const char *value = standard;

	if (lua_getfield(L, arg, key) != LUA_TNIL) {
		if (lua_type(L, -1) != LUA_TSTRING)
			raise_option(L, arg, key, "a string");
		value = lua_tostring(L, -1);
	}
	lua_pop(L, 1);
	return value;
}

int cs_value_choice(lua_State *L, int arg, const char *key, const char *standard, const char *const *words)
{
	const char *value = cs_value_string(L, arg, key, standard);
	luaL_Buffer text;

	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], value))
			return i;
	}
	luaL_buffinit(L, &text);
	luaL_addstring(&text, "option '");
	luaL_addstring(&text, key);
	luaL_addstring(&text, "' is '");
	luaL_addstring(&text, value);
	luaL_addstring(&text, "'; expected ");
	for (int i = 0; words[i]; i++) {
		luaL_addstring(&text, i == 0 ? "" : words[i + 1] ? ", " : " or ");
		luaL_addstring(&text, words[i]);
	}
	luaL_pushresult(&text);
	return luaL_argerror(L, arg, lua_tostring(L, -1));
}

static int64_t pair_element(lua_State *L, int arg, const char *key, int64_t low)
{
	int ok;
	int64_t value = lua_tointegerx(L, -1, &ok);

	if (!ok || value < low || value > INT32_MAX)
		luaL_argerror(L, arg,
			lua_pushfstring(L,
				"option '%s' must be an integer of at least %I or two of them (rows, columns)", key,
				(LUAI_UACINT)low));
	return value;
}

void cs_value_pair(lua_State *L, int arg, const char *key, int64_t low, int64_t pair[2])
{
	int type = lua_getfield(L, arg, key);

	if (type == LUA_TTABLE) {
		for (int i = 0; i < 2; i++) {
			lua_geti(L, -1, i + 1);
			pair[i] = pair_element(L, arg, key, low);
			lua_pop(L, 1);
		}
	} else if (type != LUA_TNIL) {
		pair[0] = pair[1] = pair_element(L, arg, key, low);
	}
	lua_pop(L, 1);
}

struct cs_shape cs_value_shape(lua_State *L, int arg)
{
	struct cs_shape shape = {0};
	lua_Integer rank;

	luaL_checktype(L, arg, LUA_TTABLE);
	rank = luaL_len(L, arg);
	if (rank > CS_MAX_RANK)
		luaL_argerror(
			L, arg, lua_pushfstring(L, "a shape has at most %d dimensions, not %I", CS_MAX_RANK, rank));
	shape.rank = (int)rank;
	for (int i = 0; i < shape.rank; i++) {
		int ok;

		lua_geti(L, arg, i + 1);
		shape.dim[i] = lua_tointegerx(L, -1, &ok);
		if (!ok || shape.dim[i] < 0)
			luaL_argerror(
				L, arg, lua_pushfstring(L, "dimension %d of a shape must be an integer, 0 or more", i));
		lua_pop(L, 1);
	}
	return shape;
}

void cs_value_push_shape(lua_State *L, const struct cs_shape *shape)
{
	lua_createtable(L, shape->rank, 0);
	for (int i = 0; i < shape->rank; i++) {
		lua_pushinteger(L, shape->dim[i]);
		lua_rawseti(L, -2, i + 1);
	}
}

void *cs_value_scratch(lua_State *L, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		luaL_error(L, "not enough memory");
	cs_handle_weigh(L, bytes);
	return lua_newuserdatauv(L, bytes ? bytes : 1, 0);
}

void cs_value_extra(lua_State *L, int arg)
{
	arg = lua_absindex(L, arg);
	if (lua_getiuservalue(L, arg, CS_HANDLE_EXTRA) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setiuservalue(L, arg, CS_HANDLE_EXTRA);
}

/* The pool of threads: a handle in the registry, replaced when the number asked for changes. */
static const char pool_key, threads_key;

static void close_pool(void *object)
{
	cs_workers_free(object);
}

static const luaL_Reg pool_methods[] = {{NULL, NULL}};

const struct cs_handle_type cs_value_pool_type = {.name = "pool", .close = close_pool, .methods = pool_methods};

int cs_value_threads(lua_State *L)
{
	const char *wish = getenv("CONVSCOPE_THREADS");
	int threads = wish ? atoi(wish) : 0;

	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &threads_key) == LUA_TNUMBER)
		threads = (int)lua_tointeger(L, -1);
	lua_pop(L, 1);
	return threads < 0 ? 0 : threads;
}

void cs_value_set_threads(lua_State *L, int threads)
{
	if (threads == cs_value_threads(L))
		return;
	lua_pushinteger(L, threads);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &threads_key);
	lua_pushnil(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &pool_key);
}

enum cs_status cs_value_workers(lua_State *L, struct cs_workers **workers, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	struct cs_handle *handle;

	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &pool_key) == LUA_TUSERDATA) {
		handle = cs_handle_at(L, -1, &cs_value_pool_type);
		*workers = handle->object;
	} else {
		handle = cs_handle_push(L, &cs_value_pool_type);
		status = cs_workers_new(cs_value_threads(L), workers, error);
		if (!status) {
			handle->object = *workers;
			lua_rawsetp(L, LUA_REGISTRYINDEX, &pool_key);
		} else {
			lua_pop(L, 1);
		}
	}
	lua_pop(L, 1);
	return status;
}

void cs_value_anchor_workers(lua_State *L, int arg)
{
	cs_value_extra(L, arg);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &pool_key);
	lua_setfield(L, -2, "pool");
	lua_pop(L, 1);
}
