/* layer_spec.h: a layer's specification as a flat Lua table, { type = "conv", features = 512, kernel = {5, 5}, ... }, and back. */
#ifndef CS_SCRIPT_LAYER_SPEC_H
#define CS_SCRIPT_LAYER_SPEC_H

#include "nn/layer.h"

#include <lua.h>

/* The specification in the table at the stack position `at`; what it leaves out has Keras' defaults. Raises for kinds, options and words that do not
 * exist, naming those that do. */
struct cs_layer_spec cs_lua_layer_spec_read(lua_State *L, int at);

/* Push the table that reads as this layer's specification. */
void cs_lua_layer_spec_push(lua_State *L, const struct cs_layer *layer);

#endif
