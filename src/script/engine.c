/* engine.c: the C module under the Lua library: every room's functions in one table. See state.h. */
#include "script/rooms.h"
#include "script/state.h"
#include "script/value.h"

static void (*const rooms[])(lua_State *L) = {
	cs_lua_open_tensor,
	cs_lua_open_tensor_math,
	cs_lua_open_random,
	cs_lua_open_picture,
	cs_lua_open_plot,
	cs_lua_open_sheet,
	cs_lua_open_h5,
	cs_lua_open_dataset,
	cs_lua_open_images,
	cs_lua_open_network,
	cs_lua_open_model,
	cs_lua_open_trace,
	cs_lua_open_project,
	cs_lua_open_invert,
	cs_lua_open_exemplars,
	cs_lua_open_run,
	cs_lua_open_measure,
	cs_lua_open_perturb,
	cs_lua_open_statistics,
	cs_lua_open_machine,
	cs_lua_open_system,
};

__attribute__((visibility("default"))) int luaopen_convscope_engine(lua_State *L)
{
	luaL_checkversion(L);
	lua_newtable(L);
	cs_handle_register(L, -1, &cs_value_pool_type);
	for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
		rooms[i](L);
	lua_pushliteral(L, CS_VERSION);
	lua_setfield(L, -2, "version");
	return 1;
}
