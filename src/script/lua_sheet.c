/* lua_sheet.c: several pictures on one sheet, with their numbers. See figure/sheet.h; cs.sheet in the Lua library wraps it. */
#include "script/picture.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include "figure/sheet.h"

/* The item that is the table on top of the stack; what it points to stays in that table. */
static struct cs_sheet_item read_item(lua_State *L)
{
	struct cs_sheet_item item = {0};
	int at = lua_gettop(L);

	luaL_checktype(L, at, LUA_TTABLE);
	item.name = cs_value_string(L, at, "name", "");
	item.value = (float)cs_value_number(L, at, "value", 0);
	lua_getfield(L, at, "numbers");
	item.numbers = cs_lua_tensor_test(L, -1);
	lua_getfield(L, at, "picture");
	item.picture = cs_lua_picture_test(L, -1);
	if (item.numbers && item.numbers->shape.rank != 3)
		luaL_error(L, "the numbers of '%s' must be a tensor [height,width,channels]", item.name);
	lua_settop(L, at);
	return item;
}

/* engine.sheet_export(items, columns, shared, stem): stem.png and stem.hdf5. */
static int l_export(lua_State *L)
{
	struct cs_sheet_item *items;
	struct cs_error error;
	enum cs_status status;
	const char *stem = luaL_checkstring(L, 4);
	int count, columns = (int)luaL_checkinteger(L, 2);

	luaL_checktype(L, 1, LUA_TTABLE);
	count = (int)luaL_len(L, 1);
	items = cs_value_scratch(L, (size_t)count + 1, sizeof *items);
	for (int i = 0; i < count; i++) {
		lua_geti(L, 1, i + 1);
		items[i] = read_item(L);
		lua_pop(L, 1);
	}
	status = cs_sheet_draw(items, count, lua_toboolean(L, 3), &error);
	if (!status)
		status = cs_sheet_export(items, count, columns, stem, &error);
	for (int i = 0; i < count; i++)
		cs_picture_fini(&items[i].drawn);
	if (status)
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

static const luaL_Reg functions[] = {{"sheet_export", l_export}, {NULL, NULL}};

void cs_lua_open_sheet(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
