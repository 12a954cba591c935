/* handle.h: engine objects as Lua sees them: full userdata that raise when they are used after their end, and never crash.
 *
 * A handle points at one engine object and owns it. It may have a parent that must live at least as long (a trace has its
 * network, a view its tensor): the child keeps the parent from the collector, and closing the parent closes its children
 * first, so that no handle ever points into freed memory. While a long call works on an object its handle is busy, and
 * cannot be closed by a callback. Every kind of handle has :close(), works as a to-be-closed variable (`local t <close>`)
 * and is closed by the collector.
 */
#ifndef CS_SCRIPT_HANDLE_H
#define CS_SCRIPT_HANDLE_H

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>

struct cs_handle_type {
	const char *name; /* "trace": in messages, and behind "convscope." the name of the metatable */
	void (*close)(void *object);
	const luaL_Reg *methods; /* object:name(...) */
	const luaL_Reg *getters; /* object.name; called with the object; may be NULL */
	const luaL_Reg *meta; /* further metamethods; may be NULL */
	lua_CFunction index; /* object[key] for keys that are not strings; may be NULL */
};

struct cs_handle {
	const struct cs_handle_type *type;
	void *object; /* NULL: closed */
	int busy;
};

/* User values of every handle. */
enum { CS_HANDLE_PARENT = 1, CS_HANDLE_CHILDREN, CS_HANDLE_EXTRA, CS_HANDLE_VALUES = CS_HANDLE_EXTRA };

/* Make the type's metatable; its table of methods goes into the table at `engine` as methods[name], for the Lua library to
 * add to. */
void cs_handle_register(lua_State *L, int engine, const struct cs_handle_type *type);

/* Push a new handle that points at nothing yet: it is made before the object, so that running out of memory leaks nothing. */
struct cs_handle *cs_handle_push(lua_State *L, const struct cs_handle_type *type);

/* The object of a handle of that type; raises for other values and for closed ones. */
void *cs_handle_check(lua_State *L, int arg, const struct cs_handle_type *type);

/* The same without raising for other values (NULL); still raises for closed ones. */
void *cs_handle_test(lua_State *L, int arg, const struct cs_handle_type *type);

/* The handle itself, closed or not. NULL when the value is another. */
struct cs_handle *cs_handle_at(lua_State *L, int arg, const struct cs_handle_type *type);

/* Tie `child` to `parent` (both stack positions). */
void cs_handle_adopt(lua_State *L, int child, int parent);

/* Close every child of the handle at `arg`: what they point into is about to change. */
void cs_handle_orphan(lua_State *L, int arg);

/* While locked (counted), no handle of this state can be closed by hand: a progress function runs beside an engine call. */
void cs_handle_lock(lua_State *L, int change);

/* Tell the collector about memory that it cannot see. */
void cs_handle_weigh(lua_State *L, size_t bytes);

#endif
