/* lua_preprocess.c: how pixels become a network's numbers, in Lua: methods of networks (lua_model.c). See core/preprocess.h and core/whitening.h. */
#include "script/network.h"
#include "script/tensor.h"
#include "script/value.h"

#include "core/whitening.h"

#include <math.h>
#include <string.h>

/*** net.preprocess
 * How pixels become the network's numbers: a table with `scale`, `mean` and `std` (lists of three), `bgr`, `known` (false: nothing
 * was said, pixels are divided by 255) and `remembered` (a person said it, not the file). A pixel p in 0 .. 255 becomes (p * scale - mean) / std. Where
 * the picture is whitened then (ZCA), `whitening` is a table with `kind` ("whole", or "filter", averaged over translations) and `epsilon`.
 */
int cs_lua_get_preprocess(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);

	lua_createtable(L, 0, 5);
	lua_pushnumber(L, (lua_Number)model->preprocess.scale);
	lua_setfield(L, -2, "scale");
	for (int part = 0; part < 2; part++) {
		lua_createtable(L, 3, 0);
		for (int i = 0; i < 3; i++) {
			lua_pushnumber(L, (lua_Number)(part ? model->preprocess.deviation : model->preprocess.mean)[i]);
			lua_rawseti(L, -2, i + 1);
		}
		lua_setfield(L, -2, part ? "std" : "mean");
	}
	lua_pushboolean(L, model->preprocess.bgr);
	lua_setfield(L, -2, "bgr");
	lua_pushboolean(L, model->preprocess_known);
	lua_setfield(L, -2, "known");
	lua_pushboolean(L, model->preprocess_remembered);
	lua_setfield(L, -2, "remembered");
	if (model->whitening) {
		lua_createtable(L, 0, 2);
		lua_pushstring(L, model->whitening->kind == CS_WHITENING_WHOLE ? "whole" : "filter");
		lua_setfield(L, -2, "kind");
		lua_pushnumber(L, (lua_Number)model->whitening->epsilon);
		lua_setfield(L, -2, "epsilon");
		lua_setfield(L, -2, "whitening");
	}
	return 1;
}

static void read_three(lua_State *L, const char *key, bool divides, float out[3])
{
	int type = lua_getfield(L, 2, key);

	for (int i = 0; i < 3 && type != LUA_TNIL; i++) {
		int ok;

		if (type == LUA_TTABLE)
			lua_geti(L, -1, i + 1);
		else
			lua_pushvalue(L, -1);
		out[i] = (float)lua_tonumberx(L, -1, &ok);
		lua_pop(L, 1);
		if (!ok || !isfinite(out[i]) || (divides && out[i] == 0))
			luaL_argerror(L, 2,
				lua_pushfstring(
					L, "option '%s' must be a number or three%s", key, divides ? ", not 0" : ""));
	}
	lua_pop(L, 1);
}

/*** net:take_preprocess(other)
 * The pre-processing of another network of the same input shape, its whitening included. Returns the network.
 */
int cs_lua_take_preprocess(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1), *from = cs_lua_network_check(L, 2);

	luaL_argcheck(L, cs_shape_equal(&model->network->input, &from->network->input), 2, "networks of the same input shape expected");
	if (from != model)
		cs_model_take_preprocess(model, from);
	lua_settop(L, 1);
	return 1;
}

/*** net:unwhiten(tensor[, options])
 * A copy of an input of the network ([height,width,channels], or several) as it was before the network's whitening: pixels, normalised. `mean` (true):
 * false for a projection, which is a direction in the whitened space and has no mean to add (cs.project does this itself). Without a whitening
 * the copy has the same numbers.
 */
int cs_lua_unwhiten(lua_State *L)
{
	static const char *const names[] = {"mean", NULL};
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_tensor *in = cs_lua_tensor_check(L, 2), *out;
	const struct cs_shape *shape = &model->network->input;
	int64_t size = cs_shape_count(shape), count = cs_tensor_count(in);
	bool fits = in->shape.rank >= shape->rank;
	bool mean;

	lua_settop(L, 3);
	cs_value_options(L, 3, names);
	mean = cs_value_boolean(L, 3, "mean", true);
	for (int i = 0; fits && i < shape->rank; i++)
		fits = in->shape.dim[in->shape.rank - shape->rank + i] == shape->dim[i];
	luaL_argcheck(L, fits, 2, "a tensor of the network's input shape (or several) expected");
	out = cs_lua_tensor_push(L, in->shape);
	memcpy(out->data, in->data, (size_t)count * sizeof *out->data);
	if (model->whitening && size > 0)
		cs_whitening_undo(model->whitening, count / size, mean, out->data);
	return 1;
}

/*** net:set_preprocess(options)
 * Say how pixels become the network's numbers: `scale`, `mean`, `std` (a number or three), `bgr`. What is not said stays.
 * Returns the network.
 */
int cs_lua_set_preprocess(lua_State *L)
{
	static const char *const names[] = {"scale", "mean", "std", "bgr", "known", "remembered", "whitening", NULL};
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_preprocess pre = model->preprocess;

	luaL_checktype(L, 2, LUA_TTABLE);
	cs_value_options(L, 2, names);
	pre.scale = (float)cs_value_number(L, 2, "scale", (double)pre.scale);
	luaL_argcheck(L, pre.scale != 0 && isfinite(pre.scale), 2, "option 'scale' must not be 0");
	read_three(L, "mean", false, pre.mean);
	read_three(L, "std", true, pre.deviation);
	pre.bgr = cs_value_boolean(L, 2, "bgr", pre.bgr);
	model->preprocess = pre;
	model->preprocess_known = model->preprocess_remembered = true;
	lua_settop(L, 1);
	return 1;
}
