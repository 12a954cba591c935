/* picture.h: pictures as Lua values. */
#ifndef CS_SCRIPT_PICTURE_H
#define CS_SCRIPT_PICTURE_H

#include "io/picture.h"
#include "script/handle.h"

extern const struct cs_handle_type cs_lua_picture_type;

/* Push a new handle with an empty picture in it, to be filled; its EXTRA table holds `text`: the numbers it was made from. */
struct cs_picture *cs_lua_picture_push(lua_State *L);

struct cs_picture *cs_lua_picture_check(lua_State *L, int arg);
struct cs_picture *cs_lua_picture_test(lua_State *L, int arg);

#endif
