/* rooms.h: what each lua_<room>.c puts into the engine table, which is on top of the stack when it is called. */
#ifndef CS_SCRIPT_ROOMS_H
#define CS_SCRIPT_ROOMS_H

#include <lua.h>

void cs_lua_open_dataset(lua_State *L);
void cs_lua_open_exemplars(lua_State *L);
void cs_lua_open_h5(lua_State *L);
void cs_lua_open_images(lua_State *L);
void cs_lua_open_invert(lua_State *L);
void cs_lua_open_machine(lua_State *L);
void cs_lua_open_measure(lua_State *L);
void cs_lua_open_model(lua_State *L);
void cs_lua_open_network(lua_State *L);
void cs_lua_open_perturb(lua_State *L);
void cs_lua_open_picture(lua_State *L);
void cs_lua_open_plot(lua_State *L);
void cs_lua_open_project(lua_State *L);
void cs_lua_open_random(lua_State *L);
void cs_lua_open_run(lua_State *L);
void cs_lua_open_sheet(lua_State *L);
void cs_lua_open_statistics(lua_State *L);
void cs_lua_open_system(lua_State *L);
void cs_lua_open_tensor(lua_State *L);
void cs_lua_open_tensor_math(lua_State *L);
void cs_lua_open_trace(lua_State *L);

#endif
