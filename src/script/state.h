/* state.h: what a Lua state of ours knows of the program around it; and the C module `convscope.engine`. */
#ifndef CS_SCRIPT_STATE_H
#define CS_SCRIPT_STATE_H

#include <lua.h>

struct cs_script_hooks;

/* The program's hooks; NULL in a stock lua5.4. */
const struct cs_script_hooks *cs_state_hooks(lua_State *L);

/* The module: `require "convscope.engine"`. In the program it is preloaded; a stock lua5.4 finds it as convscope/engine.so. */
int luaopen_convscope_engine(lua_State *L);

#endif
