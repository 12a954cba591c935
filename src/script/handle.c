/* handle.c: userdata that own engine objects. See handle.h.
 *
 * The children of a handle are the keys of a weak table in its second user value. Finalisers run in reverse order of
 * creation, so the collector closes children before parents by itself; the table serves explicit closing.
 */
#include "script/handle.h"

#include <stdbool.h>
#include <stdio.h>

/* Every metatable of ours carries the type under this key's address. */
static const char type_key;

static struct cs_handle *any_handle(lua_State *L, int arg)
{
	struct cs_handle *handle = NULL;

	arg = lua_absindex(L, arg);
	if (lua_type(L, arg) == LUA_TUSERDATA && lua_getmetatable(L, arg)) {
		if (lua_rawgetp(L, -1, &type_key) == LUA_TLIGHTUSERDATA)
			handle = lua_touserdata(L, arg);
		lua_pop(L, 2);
	}
	return handle;
}

struct cs_handle *cs_handle_at(lua_State *L, int arg, const struct cs_handle_type *type)
{
	struct cs_handle *handle = any_handle(L, arg);

	return handle && handle->type == type ? handle : NULL;
}

static void raise_closed(lua_State *L, int arg, const struct cs_handle_type *type)
{
	luaL_argerror(L, arg, lua_pushfstring(L, "this %s was closed", type->name));
}

void *cs_handle_check(lua_State *L, int arg, const struct cs_handle_type *type)
{
	struct cs_handle *handle = cs_handle_at(L, arg, type);

	if (!handle)
		luaL_typeerror(L, arg, type->name);
	else if (!handle->object)
		raise_closed(L, arg, type);
	else
		return handle->object;
	return NULL;
}

void *cs_handle_test(lua_State *L, int arg, const struct cs_handle_type *type)
{
	struct cs_handle *handle = cs_handle_at(L, arg, type);

	if (handle && !handle->object)
		raise_closed(L, arg, type);
	return handle ? handle->object : NULL;
}

/* The first busy handle among `arg` and all below it. */
static struct cs_handle *find_busy(lua_State *L, int arg)
{
	struct cs_handle *handle = any_handle(L, arg), *busy = NULL;

	luaL_checkstack(L, 6, "too many handles inside handles");
	arg = lua_absindex(L, arg);
	if (handle->busy)
		return handle;
	if (lua_getiuservalue(L, arg, CS_HANDLE_CHILDREN) == LUA_TTABLE) {
		lua_pushnil(L);
		while (!busy && lua_next(L, -2)) {
			lua_pop(L, 1);
			busy = find_busy(L, -1);
		}
		if (busy)
			lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return busy;
}

static void close_all(lua_State *L, int arg)
{
	struct cs_handle *handle = any_handle(L, arg);
	void *object = handle->object;

	arg = lua_absindex(L, arg);
	if (!object)
		return;
	handle->object = NULL;
	cs_handle_orphan(L, arg);
	handle->type->close(object);
	for (int i = 1; i <= CS_HANDLE_VALUES; i++) {
		lua_pushnil(L);
		lua_setiuservalue(L, arg, i);
	}
}

void cs_handle_orphan(lua_State *L, int arg)
{
	arg = lua_absindex(L, arg);
	if (lua_getiuservalue(L, arg, CS_HANDLE_CHILDREN) == LUA_TTABLE) {
		lua_pushnil(L);
		while (lua_next(L, -2)) {
			lua_pop(L, 1);
			close_all(L, -1);
		}
	}
	lua_pop(L, 1);
}

static const char lock_key;

void cs_handle_lock(lua_State *L, int change)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &lock_key);
	lua_pushinteger(L, lua_tointeger(L, -1) + change);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &lock_key);
	lua_pop(L, 1);
}

static bool locked(lua_State *L)
{
	lua_Integer count;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &lock_key);
	count = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return count > 0;
}

static int l_close(lua_State *L)
{
	struct cs_handle *handle = any_handle(L, 1), *busy;

	if (!handle)
		return luaL_typeerror(L, 1, "handle");
	if (!handle->object) /* closing twice is no mistake */
		return 0;
	if (locked(L))
		return luaL_error(L, "a progress function cannot close a %s: a call is in work", handle->type->name);
	busy = find_busy(L, 1);
	if (busy)
		return luaL_error(L, "this %s is in use by a call that has not returned; it cannot be closed now",
			busy->type->name);
	close_all(L, 1);
	return 0;
}

static int l_collect(lua_State *L)
{
	if (any_handle(L, 1))
		close_all(L, 1);
	return 0;
}

static int l_tostring(lua_State *L)
{
	struct cs_handle *handle = any_handle(L, 1);

	if (handle && !handle->object)
		lua_pushfstring(L, "%s (closed)", handle->type->name);
	else if (handle)
		lua_pushfstring(L, "%s: %p", handle->type->name, handle->object);
	else
		lua_pushliteral(L, "handle");
	return 1;
}

/* object[key]: methods, then getters, then the type's own function. Upvalues: methods, getters, index or nil, name. An
 * unknown name raises: a typing mistake shows where it was made. */
static int l_index(lua_State *L)
{
	if (lua_type(L, 2) == LUA_TSTRING) {
		lua_pushvalue(L, 2);
		if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
			return 1;
		lua_pushvalue(L, 2);
		if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) {
			lua_CFunction getter = lua_tocfunction(L, -1);

			lua_settop(L, 1);
			return getter(L); /* not through lua_call: errors then name the script's line */
		}
		return luaL_error(
			L, "a %s has no member '%s'", lua_tostring(L, lua_upvalueindex(4)), lua_tostring(L, 2));
	}
	if (lua_isnil(L, lua_upvalueindex(3)))
		return luaL_error(L, "a %s cannot be indexed with a %s", lua_tostring(L, lua_upvalueindex(4)),
			luaL_typename(L, 2));
	return lua_tocfunction(L, lua_upvalueindex(3))(L);
}

static const luaL_Reg common_meta[] = {
	{"__gc", l_collect},
	{"__close", l_close},
	{"__tostring", l_tostring},
	{NULL, NULL},
};

static void metatable_name(const struct cs_handle_type *type, char *name, size_t size)
{
	snprintf(name, size, "convscope.%s", type->name);
}

void cs_handle_register(lua_State *L, int engine, const struct cs_handle_type *type)
{
	char name[64];

	engine = lua_absindex(L, engine);
	metatable_name(type, name, sizeof name);
	if (!luaL_newmetatable(L, name)) { /* the library was opened twice in one state */
		lua_pop(L, 1);
		return;
	}
	lua_pushstring(L, type->name);
	lua_setfield(L, -2, "__name");
	lua_pushlightuserdata(L, (void *)type);
	lua_rawsetp(L, -2, &type_key);
	luaL_setfuncs(L, common_meta, 0);
	if (type->meta)
		luaL_setfuncs(L, type->meta, 0);

	lua_newtable(L);
	luaL_setfuncs(L, type->methods, 0);
	lua_pushcfunction(L, l_close);
	lua_setfield(L, -2, "close");
	luaL_getsubtable(L, engine, "methods");
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, type->name);
	lua_pop(L, 1);

	lua_newtable(L);
	if (type->getters)
		luaL_setfuncs(L, type->getters, 0);
	luaL_getsubtable(L, engine, "getters");
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, type->name);
	lua_pop(L, 1);
	if (type->index)
		lua_pushcfunction(L, type->index);
	else
		lua_pushnil(L);
	lua_pushstring(L, type->name);
	lua_pushcclosure(L, l_index, 4);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}

struct cs_handle *cs_handle_push(lua_State *L, const struct cs_handle_type *type)
{
	struct cs_handle *handle = lua_newuserdatauv(L, sizeof *handle, CS_HANDLE_VALUES);
	char name[64];

	*handle = (struct cs_handle){.type = type};
	metatable_name(type, name, sizeof name);
	luaL_setmetatable(L, name);
	return handle;
}

void cs_handle_adopt(lua_State *L, int child, int parent)
{
	child = lua_absindex(L, child);
	parent = lua_absindex(L, parent);
	lua_pushvalue(L, parent);
	lua_setiuservalue(L, child, CS_HANDLE_PARENT);
	if (lua_getiuservalue(L, parent, CS_HANDLE_CHILDREN) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_createtable(L, 0, 1);
		lua_pushliteral(L, "k");
		lua_setfield(L, -2, "__mode");
		lua_setmetatable(L, -2);
		lua_pushvalue(L, -1);
		lua_setiuservalue(L, parent, CS_HANDLE_CHILDREN);
	}
	lua_pushvalue(L, child);
	lua_pushboolean(L, true);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

void cs_handle_weigh(lua_State *L, size_t bytes)
{
	/* A step "as if" so many kilobytes had been allocated: the collector's own account of time passing. */
	if (bytes >= 64 << 10 && lua_gc(L, LUA_GCISRUNNING))
		lua_gc(L, LUA_GCSTEP, (int)(bytes >> 10 < 1 << 30 ? bytes >> 10 : 1 << 30));
}
