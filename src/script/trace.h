/* trace.h: traces as Lua values. */
#ifndef CS_SCRIPT_TRACE_H
#define CS_SCRIPT_TRACE_H

#include "nn/trace.h"
#include "script/network.h"

/* A trace with the model whose network it is of (the parent handle's). */
struct cs_lua_trace {
	struct cs_trace *trace;
	const struct cs_model *model;
};

extern const struct cs_handle_type cs_lua_trace_type;

struct cs_lua_trace *cs_lua_trace_check(lua_State *L, int arg);

/* Push a new trace of the network at stack position `network`. NULL with error (and nothing pushed) when it cannot be planned. */
struct cs_lua_trace *cs_lua_trace_push(
	lua_State *L, int network, enum cs_trace_kind kind, int capacity, struct cs_error *error);

/* The same of kind CS_TRACE_WANTED: wanted[layers] says whose maps are kept in any case. */
struct cs_lua_trace *cs_lua_trace_push_wanted(lua_State *L, int network, enum cs_trace_kind kind, const bool *wanted,
	int capacity, struct cs_error *error);

/* Close the handle on top of the stack now, rather than when the collector comes by, and pop it. */
void cs_lua_trace_drop(lua_State *L);

#endif
