/* lua_network.c: networks in Lua: building them from layer specifications, and what can be known of them without running
 * them. The Lua library turns `cs.conv { 512, 5 }` into the flat tables read here. Running is in lua_evaluate.c.
 */
#include "script/network.h"

#include "script/layer_spec.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include "core/alloc.h"
#include "nn/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void close_network(void *object)
{
	cs_model_free(object);
}

struct cs_model *cs_lua_network_check(lua_State *L, int arg)
{
	return cs_handle_check(L, arg, &cs_lua_network_type);
}

void cs_lua_network_push(lua_State *L, struct cs_model *model)
{
	cs_handle_push(L, &cs_lua_network_type)->object = model;
}

int cs_lua_network_find(const struct cs_network *network, const char *name, struct cs_error *error)
{
	bool first = !strncmp(name, "first ", 6), last = !strncmp(name, "last ", 5);
	int layer = -1;

	if (!strcmp(name, "last"))
		return network->layer_count - 1;
	if (cs_network_find(network, name) < 0 && (first || last)) {
		const char *type = strchr(name, ' ') + 1;

		for (int i = 0; i < network->layer_count && !(first && layer >= 0); i++) {
			if (!strcmp(network->layers[i].ops->type, type))
				layer = i;
		}
		if (layer >= 0)
			return layer;
	}
	if (cs_network_find_or_fail(network, name, &layer, error))
		return -1;
	return layer;
}

int cs_lua_network_layer(lua_State *L, int arg, const struct cs_model *model, struct cs_error *error)
{
	if (lua_type(L, arg) == LUA_TNUMBER)
		return (int)cs_value_index(L, arg, model->network->layer_count, "layer");
	return cs_lua_network_find(model->network, luaL_checkstring(L, arg), error);
}

/* engine.network { input = {h, w, c}, layers = { {type = ...}, ... }, name = "", seed = 0 }: see cs.network in init.lua. */
static int l_network(lua_State *L)
{
	static const char *const names[] = {"input", "layers", "name", "seed", NULL};
	struct cs_network *network;
	struct cs_layer_spec *specs;
	struct cs_handle *handle;
	struct cs_model *model;
	struct cs_error error;
	struct cs_shape input;
	const char *name;
	uint64_t seed;
	int count;

	cs_value_options(L, 1, names);
	lua_settop(L, 1);
	name = cs_value_string(L, 1, "name", "");
	seed = (uint64_t)cs_value_integer(L, 1, "seed", 0, 0, INT64_MAX);
	lua_getfield(L, 1, "input");
	input = cs_value_shape(L, 2);
	lua_getfield(L, 1, "layers");
	luaL_checktype(L, 3, LUA_TTABLE);
	count = (int)luaL_len(L, 3);
	specs = cs_value_scratch(L, (size_t)count, sizeof *specs);
	for (int i = 0; i < count; i++) {
		lua_geti(L, 3, i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		specs[i] = cs_lua_layer_spec_read(L, lua_gettop(L));
		lua_pop(L, 1);
	}
	handle = cs_handle_push(L, &cs_lua_network_type);
	if (cs_network_new(input, specs, count, seed, &network, &error))
		return cs_value_fail(L, &error);
	snprintf(network->name, sizeof network->name, "%s", name);
	if (cs_model_new(network, &model, &error)) /* takes the network, also when it fails */
		return cs_value_fail(L, &error);
	handle->object = model;
	return 1;
}

static void set_pair(lua_State *L, const char *key, const int64_t pair[2])
{
	struct cs_shape shape = CS_SHAPE(pair[0], pair[1]);

	cs_value_push_shape(L, &shape);
	lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, int64_t value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, key);
}

static void push_layer(lua_State *L, const struct cs_network *network, int i)
{
	const struct cs_layer *layer = &network->layers[i];
	struct cs_field field = cs_network_field(network, i);
	char text[200];

	cs_layer_describe(layer, text, sizeof text);
	lua_createtable(L, 0, 12);
	set_integer(L, "index", i);
	lua_pushstring(L, layer->spec.name);
	lua_setfield(L, -2, "name");
	lua_pushstring(L, layer->ops->type);
	lua_setfield(L, -2, "type");
	lua_pushstring(L, text);
	lua_setfield(L, -2, "description");
	cs_value_push_shape(L, &layer->in);
	lua_setfield(L, -2, "input");
	cs_value_push_shape(L, &layer->out);
	lua_setfield(L, -2, "output");
	set_integer(L, "features", layer->out.dim[layer->out.rank - 1]);
	set_integer(L, "parameters", cs_layer_params(layer));
	set_integer(L, "macs", cs_layer_macs(layer));
	set_pair(L, "receptive_field", field.size);
	set_pair(L, "receptive_step", field.step);
	set_pair(L, "receptive_start", field.start);
	lua_pushboolean(L, layer->frozen);
	lua_setfield(L, -2, "frozen");
	lua_createtable(L, layer->param_count, 0);
	for (int k = 0; k < layer->param_count; k++) {
		lua_pushstring(L, layer->params[k].name);
		lua_rawseti(L, -2, k + 1);
	}
	lua_setfield(L, -2, "weights");
	cs_lua_layer_spec_push(L, layer);
	lua_setfield(L, -2, "spec");
}

/*** net.layers
 * A list with a table for each layer: `index` (from 0), `name`, `type`, `description`, `input` and `output` (shapes of one
 * image), `features`, `parameters`, `macs` (multiply-accumulates for one image), `receptive_field`, `receptive_step` and
 * `receptive_start` ({rows, columns} in input pixels), `frozen`, `weights` (the names of its parameter tensors), and `spec` (the layer
 * as cs.network takes it).
 */
static int get_layers(lua_State *L)
{
	const struct cs_network *network = cs_lua_network_check(L, 1)->network;

	lua_createtable(L, network->layer_count, 0);
	for (int i = 0; i < network->layer_count; i++) {
		push_layer(L, network, i);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/*** net:layer(layer)
 * The table of one layer. Everywhere a layer is asked for it can be a name ("conv3"), a number from 0, or words: "last", "first
 * conv", "last conv". nil, message, code when there is none of that name.
 */
static int l_layer(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_error error;
	int layer = cs_lua_network_layer(L, 2, model, &error);

	if (layer < 0)
		return cs_value_fail(L, &error);
	push_layer(L, model->network, layer);
	return 1;
}

/*** net.name, net.input, net.output, net.parameters, net.macs
 * Its name (""), the shapes of one image going in and coming out, how many numbers its parameters hold, and the
 * multiply-accumulates of one image.
 */
static int get_name(lua_State *L)
{
	lua_pushstring(L, cs_lua_network_check(L, 1)->network->name);
	return 1;
}

static int get_input(lua_State *L)
{
	cs_value_push_shape(L, &cs_lua_network_check(L, 1)->network->input);
	return 1;
}

static int get_output(lua_State *L)
{
	struct cs_shape shape = cs_network_output(cs_lua_network_check(L, 1)->network);

	cs_value_push_shape(L, &shape);
	return 1;
}

static int get_parameters(lua_State *L)
{
	lua_pushinteger(L, cs_network_params(cs_lua_network_check(L, 1)->network));
	return 1;
}

static int get_macs(lua_State *L)
{
	const struct cs_network *network = cs_lua_network_check(L, 1)->network;
	int64_t macs = 0;

	for (int i = 0; i < network->layer_count; i++)
		macs += cs_layer_macs(&network->layers[i]);
	lua_pushinteger(L, macs);
	return 1;
}

/*** net.precision
 * What its convolutions are computed in on the way forward: "fp32" or "bf16".
 */
static int get_precision(lua_State *L)
{
	lua_pushstring(L, cs_precision_name(cs_lua_network_check(L, 1)->network->precision));
	return 1;
}

/*** net:set_precision(name)
 * "bf16": compute convolutions forward with factors of 8 binary digits (bfloat16), on the matrix tiles of processors that have them (AMX),
 * which is faster and less exact; "fp32": as ever. Gradients, and everything that is not a convolution, stay float32; so do the
 * weights. Holds for passes from now on; traces that were made before keep theirs. Returns the network; nil, message, code where this machine
 * has no such tiles.
 */
static int l_set_precision(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	enum cs_precision precision;
	struct cs_error error;

	if (cs_precision_parse(luaL_checkstring(L, 2), &precision, &error))
		return luaL_argerror(L, 2, error.message);
	if (cs_network_set_precision(model->network, precision, &error))
		return cs_value_fail(L, &error);
	lua_settop(L, 1);
	return 1;
}

/*** net.dead
 * True when all weights are zero under a rectifier, so that training would never change them.
 */
static int get_dead(lua_State *L)
{
	lua_pushboolean(L, cs_network_is_dead(cs_lua_network_check(L, 1)->network));
	return 1;
}

static const char *const kinds[] = {"output", "all", "train", NULL};

/*** net:plan([options])
 * How a pass would run. Options: `kind` ("output": inference, "all": a trace, "train"), `batch` (32). Returns a list with a
 * table for each layer: `name`, `algorithm`, `why`, `back` (the way back, for "train"; "" where there is no choice), `aux`, `switches`, `per_worker` and `shared` (bytes); its field `bytes` is the
 * memory planned in all, parameters not counted.
 */
static int l_plan(lua_State *L)
{
	static const char *const names[] = {"kind", "batch", NULL};
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_workers *workers;
	struct cs_trace *trace;
	struct cs_error error;
	enum cs_trace_kind kind;
	int batch;

	lua_settop(L, 2);
	cs_value_options(L, 2, names);
	kind = (enum cs_trace_kind)cs_value_choice(L, 2, "kind", "output", kinds);
	batch = (int)cs_value_integer(L, 2, "batch", 32, 1, 1 << 16);
	lua_createtable(L, model->network->layer_count, 1);
	if (cs_value_workers(L, &workers, &error) || cs_trace_new(model->network, kind, batch, workers, &trace, &error))
		return cs_value_fail(L, &error);
	lua_checkstack(L, 4);
	set_integer(L, "bytes", (int64_t)trace->bytes);
	for (int i = 0; i < model->network->layer_count; i++) {
		const struct cs_need *need = &trace->slots[i].need;

		lua_createtable(L, 0, 7);
		lua_pushstring(L, model->network->layers[i].spec.name);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, need->algorithm ? need->algorithm : "");
		lua_setfield(L, -2, "algorithm");
		lua_pushstring(L, need->why);
		lua_setfield(L, -2, "why");
		lua_pushstring(L, need->back);
		lua_setfield(L, -2, "back");
		set_integer(L, "aux", (int64_t)need->aux);
		set_integer(L, "switches", (int64_t)(need->switches * sizeof(cs_switch)));
		set_integer(L, "per_worker", (int64_t)need->per_worker);
		set_integer(L, "shared", (int64_t)need->shared);
		lua_rawseti(L, -2, i + 1);
	}
	cs_trace_free(trace);
	return 1;
}

/* The parameter that (layer at 2, name at 3) stand for; raises for a name that is not there. NULL with error: no such layer. */
static struct cs_param *find_param(lua_State *L, const struct cs_model *model, struct cs_error *error)
{
	int layer = cs_lua_network_layer(L, 2, model, error);
	const char *name = luaL_optstring(L, 3, "kernel");
	struct cs_param *param;

	if (layer < 0)
		return NULL;
	param = cs_layer_param(&model->network->layers[layer], name);
	if (!param)
		cs_fail(error, CS_ERR_NOT_FOUND, "layer %s has no weights '%s'",
			model->network->layers[layer].spec.name, name);
	return param;
}

/*** net:weights(layer[, name])
 * A copy of a parameter tensor: "kernel" unless said; "bias", "gamma", "beta", "moving_mean", "moving_variance". Kernels are
 * [rows,columns,in,out] for convolutions, [in,out] for dense layers.
 */
static int l_weights(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_error error;
	struct cs_param *param = find_param(L, model, &error);

	if (!param)
		return cs_value_fail(L, &error);
	memcpy(cs_lua_tensor_push(L, param->value.shape)->data, param->value.data,
		sizeof(float) * (size_t)cs_tensor_count(&param->value));
	return 1;
}

/*** net:set_weights(layer, name, tensor)
 * Put other numbers into a parameter tensor; the shape must be its own. Returns the network.
 */
static int l_set_weights(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 4);
	char a[CS_SHAPE_TEXT], b[CS_SHAPE_TEXT];
	struct cs_error error;
	struct cs_param *param = find_param(L, model, &error);

	if (!param)
		return cs_value_fail(L, &error);
	if (!cs_shape_equal(&param->value.shape, &tensor->shape)) {
		cs_fail(&error, CS_ERR_SHAPE, "the weights '%s' are %s, the tensor is %s", param->name,
			cs_shape_text(&param->value.shape, a, sizeof a), cs_shape_text(&tensor->shape, b, sizeof b));
		return cs_value_fail(L, &error);
	}
	memcpy(param->value.data, tensor->data, sizeof(float) * (size_t)cs_tensor_count(tensor));
	lua_settop(L, 1);
	return 1;
}

/*** net:freeze(layer[, frozen])
 * Keep training from changing a layer (true unless said). Returns the network.
 */
static int l_freeze(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_error error;
	int layer = cs_lua_network_layer(L, 2, model, &error);

	if (layer < 0)
		return cs_value_fail(L, &error);
	model->network->layers[layer].frozen = lua_isnoneornil(L, 3) || lua_toboolean(L, 3);
	lua_settop(L, 1);
	return 1;
}

static const luaL_Reg methods[] = {
	{"layer", l_layer},
	{"plan", l_plan},
	{"weights", l_weights},
	{"set_weights", l_set_weights},
	{"freeze", l_freeze},
	{"set_precision", l_set_precision},
	{NULL, NULL},
};

static const luaL_Reg getters[] = {
	{"layers", get_layers},
	{"name", get_name},
	{"input", get_input},
	{"output", get_output},
	{"parameters", get_parameters},
	{"macs", get_macs},
	{"dead", get_dead},
	{"precision", get_precision},
	{NULL, NULL},
};

const struct cs_handle_type cs_lua_network_type = {
	.name = "network",
	.close = close_network,
	.methods = methods,
	.getters = getters,
};

static const luaL_Reg functions[] = {{"network", l_network}, {NULL, NULL}};

void cs_lua_open_network(lua_State *L)
{
	cs_handle_register(L, -1, &cs_lua_network_type);
	luaL_setfuncs(L, functions, 0);
}
