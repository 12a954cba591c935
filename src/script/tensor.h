/* tensor.h: tensors as Lua values. */
#ifndef CS_SCRIPT_TENSOR_H
#define CS_SCRIPT_TENSOR_H

#include "core/tensor.h"
#include "script/handle.h"

extern const struct cs_handle_type cs_lua_tensor_type;

/* Push a new zeroed tensor. Raises when there is no memory. */
struct cs_tensor *cs_lua_tensor_push(lua_State *L, struct cs_shape shape);

/* Push a view into memory that the handle at `parent` keeps. */
void cs_lua_tensor_push_view(lua_State *L, float *data, struct cs_shape shape, int parent);

struct cs_tensor *cs_lua_tensor_check(lua_State *L, int arg);
struct cs_tensor *cs_lua_tensor_test(lua_State *L, int arg); /* NULL for other values */

#endif
