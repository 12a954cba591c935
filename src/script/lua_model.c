/* lua_model.c: models in Lua: their files, names of classes and data set. Running one over many images is in lua_evaluate.c.
 *
 * A network in Lua is a model: what a file holds besides weights goes with it.
 */
#include "script/network.h"
#include "script/rooms.h"
#include "script/value.h"

#include "core/alloc.h"
#include "io/file.h"
#include "run/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void read_size(lua_State *L, int64_t size[2])
{
	int type = lua_istable(L, 2) ? lua_getfield(L, 2, "size") : (lua_pushnil(L), LUA_TNIL);

	for (int i = 0; i < 2 && type != LUA_TNIL; i++) {
		int ok;

		if (type == LUA_TTABLE)
			lua_geti(L, -1, i + 1);
		else
			lua_pushvalue(L, -1);
		size[i] = (int64_t)lua_tointegerx(L, -1, &ok);
		lua_pop(L, 1);
		if (!ok || size[i] < 1 || size[i] > 1 << 16)
			luaL_argerror(L, 2, "option 'size' must be a number of pixels, or two");
	}
	lua_pop(L, 1);
}

/*** cs.load(name[, options])
 * A network from a model file, a run directory (its best), or the name of an installed model. Options: `arch`, the path of a JSON file
 * with the architecture, for files that hold weights only; `size`, a number or {rows, columns}, for models that leave open how large pictures
 * are. What was remembered of the file (net:remember) is applied. nil, message, code when it cannot be read.
 */
static int l_load(lua_State *L)
{
	static const char *const names[] = {"arch", "size", NULL};
	const char *name = luaL_checkstring(L, 1), *arch;
	struct cs_model_options options = {0};
	struct cs_model *model;
	struct cs_handle *handle;
	struct cs_error error;
	char *text = NULL;
	size_t size;
	enum cs_status status;

	lua_settop(L, 2);
	cs_value_options(L, 2, names);
	arch = cs_value_string(L, 2, "arch", NULL);
	read_size(L, options.size);
	handle = cs_handle_push(L, &cs_lua_network_type);
	if (arch && cs_file_read(arch, 16 << 20, &text, &size, &error))
		return cs_value_fail(L, &error);
	options.arch = text;
	status = cs_model_load(name, &options, &model, &error);
	cs_free(text);
	if (status)
		return cs_value_fail(L, &error);
	handle->object = model;
	return 1;
}

/*** cs.find_model(name)
 * The path of the file that `cs.load(name)` would read; nil, message, code when there is none.
 */
static int l_find_model(lua_State *L)
{
	struct cs_error error;
	char *path;

	if (cs_model_resolve(luaL_checkstring(L, 1), &path, &error))
		return cs_value_fail(L, &error);
	lua_pushstring(L, path);
	cs_free(path);
	return 1;
}

/*** cs.find_run(name)
 * The run directory that a name stands for, a run's or that of an installed model that came with the record of its training; nil: none.
 */
static int l_find_run(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	struct cs_run_state state;
	char *path;

	if (!cs_run_inspect(name, &state, NULL)) {
		lua_settop(L, 1);
		return 1;
	}
	path = cs_model_installed_run(name);
	lua_pushstring(L, path);
	cs_free(path);
	return 1;
}

/*** net:save(path)
 * Write the model in the form that the ending of the path asks for (cs.model_formats), otherwise as Keras 2 does (HDF5), by way of a
 * temporary file. Returns the network, or nil, message, code.
 */
static int l_save(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_error error;

	if (cs_model_write(model, luaL_checkstring(L, 2), &error))
		return cs_value_fail(L, &error);
	lua_settop(L, 1);
	return 1;
}

/*** cs.model_formats()
 * The forms in which `net:save` can write: a list of tables with `ending` (".onnx") and `what` (a line for people).
 */
static int l_model_formats(lua_State *L)
{
	lua_newtable(L);
	for (int i = 0; cs_model_formats[i].ending; i++) {
		lua_createtable(L, 0, 2);
		lua_pushstring(L, cs_model_formats[i].ending);
		lua_setfield(L, -2, "ending");
		lua_pushstring(L, cs_model_formats[i].what);
		lua_setfield(L, -2, "what");
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/*** net:copy()
 * A network of its own with the same layers, weights, pre-processing and class names.
 */
static int l_copy(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1), *copy;
	struct cs_handle *handle = cs_handle_push(L, &cs_lua_network_type);
	struct cs_network *network;
	struct cs_error error;

	if (cs_network_copy(model->network, &network, &error) || cs_model_new(network, &copy, &error))
		return cs_value_fail(L, &error);
	handle->object = copy;
	cs_model_take_preprocess(copy, model);
	if ((model->class_names &&
		    cs_model_set_classes(copy, model->class_count, model->class_ids, model->class_names, &error)) ||
		(model->dataset && cs_model_set_dataset(copy, model->dataset, &error)))
		return cs_value_fail(L, &error);
	return 1;
}

int cs_lua_class_count(const struct cs_model *model)
{
	struct cs_shape shape = cs_network_output(model->network);

	return shape.rank == 1 ? (int)shape.dim[0] : 0;
}

/*** net.classes, net.class_names, net.class_ids
 * How many classes it tells apart (0: it is no classifier); their names and stable ids as lists (class 0 first), nil where the file says
 * nothing.
 */
static int get_classes(lua_State *L)
{
	lua_pushinteger(L, cs_lua_class_count(cs_lua_network_check(L, 1)));
	return 1;
}

static int push_names(lua_State *L, char **names, int count)
{
	if (!names) {
		lua_pushnil(L);
		return 1;
	}
	lua_createtable(L, count, 0);
	for (int i = 0; i < count; i++) {
		lua_pushstring(L, names[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

static int get_class_names(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);

	return push_names(L, model->class_names, model->class_count);
}

static int get_class_ids(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);

	return push_names(L, model->class_ids, model->class_count);
}

/*** net:class_name(class)
 * The name of a class, from 0; "class 3" where names are not known.
 */
static int l_class_name(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	int64_t class = cs_value_index(L, 2, cs_lua_class_count(model), "class");

	if (model->class_names && class < model->class_count)
		lua_pushstring(L, model->class_names[class]);
	else
		lua_pushfstring(L, "class %I", (LUAI_UACINT) class);
	return 1;
}

/*** net:set_classes(names[, ids])
 * Name the classes: as many as the network tells apart. Returns the network.
 */
static int l_set_classes(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	int count = cs_lua_class_count(model);
	char **names, **ids;
	struct cs_error error;

	luaL_checktype(L, 2, LUA_TTABLE);
	if (luaL_len(L, 2) != count)
		return luaL_argerror(L, 2,
			lua_pushfstring(L, "the network tells %d classes apart, here are %d names", count,
				(int)luaL_len(L, 2)));
	names = cs_value_scratch(L, (size_t)count, sizeof *names);
	ids = cs_value_scratch(L, (size_t)count, sizeof *ids);
	luaL_checkstack(L, 2 * count + 4, "class names");
	for (int i = 0; i < count; i++) {
		lua_geti(L, 2, i + 1);
		names[i] = ids[i] = (char *)luaL_checkstring(L, -1);
		if (lua_istable(L, 3)) {
			lua_geti(L, 3, i + 1);
			ids[i] = (char *)luaL_checkstring(L, -1);
		}
	}
	if (cs_model_set_classes(model, count, ids, names, &error))
		return cs_value_fail(L, &error);
	model->classes_remembered = true;
	lua_settop(L, 1);
	return 1;
}

/*** net:remember()
 * Remember beside its file what was said of a network that came from one: pre-processing (net:set_preprocess) and class names
 * (net:set_classes), the architecture and size it was loaded with. Whoever loads the file next has them; the file itself is not touched. Returns
 * the path of what was written (MODEL.convscope.json, or one in the user's data directory), or nil, message, code.
 */
static int l_remember(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_error error;

	if (cs_model_remember(model, &error))
		return cs_value_fail(L, &error);
	lua_pushstring(L, model->sidecar);
	return 1;
}

/*** net.remembered
 * The path of the file with what is remembered of the network's; nil where there is none.
 */
static int get_remembered(lua_State *L)
{
	lua_pushstring(L, cs_lua_network_check(L, 1)->sidecar);
	return 1;
}

/*** net.mark
 * A text that is the same for networks that answer the same: of layers, weights and pre-processing.
 */
static int get_mark(lua_State *L)
{
	char text[17];

	snprintf(text, sizeof text, "%016" PRIx64, cs_model_mark(cs_lua_network_check(L, 1)));
	lua_pushstring(L, text);
	return 1;
}

/*** net.dataset, net.path
 * The data set it was trained on and the file it came from; nil where that is not known.
 */
static int get_dataset(lua_State *L)
{
	lua_pushstring(L, cs_lua_network_check(L, 1)->dataset);
	return 1;
}

static int get_path(lua_State *L)
{
	lua_pushstring(L, cs_lua_network_check(L, 1)->path);
	return 1;
}

/*** net:set_dataset(spec)
 * Remember the data set it was trained on. Returns the network.
 */
static int l_set_dataset(lua_State *L)
{
	struct cs_error error;

	if (cs_model_set_dataset(cs_lua_network_check(L, 1), luaL_checkstring(L, 2), &error))
		return cs_value_fail(L, &error);
	lua_settop(L, 1);
	return 1;
}

static const luaL_Reg methods[] = {
	{"save", l_save},
	{"remember", l_remember},
	{"copy", l_copy},
	{"class_name", l_class_name},
	{"set_classes", l_set_classes},
	{"set_preprocess", cs_lua_set_preprocess},
	{"take_preprocess", cs_lua_take_preprocess},
	{"unwhiten", cs_lua_unwhiten},
	{"set_dataset", l_set_dataset},
	{"predict", cs_lua_predict},
	{"evaluate", cs_lua_evaluate},
	{NULL, NULL},
};

static const luaL_Reg getters[] = {
	{"classes", get_classes},
	{"class_names", get_class_names},
	{"class_ids", get_class_ids},
	{"preprocess", cs_lua_get_preprocess},
	{"dataset", get_dataset},
	{"path", get_path},
	{"mark", get_mark},
	{"remembered", get_remembered},
	{NULL, NULL},
};

static const luaL_Reg functions[] = {
	{"load", l_load}, {"find_model", l_find_model}, {"find_run", l_find_run}, {"model_formats", l_model_formats}, {NULL, NULL}};

void cs_lua_open_model(lua_State *L)
{
	lua_getfield(L, -1, "methods");
	lua_getfield(L, -1, "network");
	luaL_setfuncs(L, methods, 0);
	lua_pop(L, 2);
	lua_getfield(L, -1, "getters");
	lua_getfield(L, -1, "network");
	luaL_setfuncs(L, getters, 0);
	lua_pop(L, 2);
	luaL_setfuncs(L, functions, 0);
}
