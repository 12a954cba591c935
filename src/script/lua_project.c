/* lua_project.c: projections in Lua: from an activation back to pixels. See deconv/project.h. */
#include "script/longcall.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/trace.h"
#include "script/value.h"

#include "core/whitening.h"
#include "deconv/project.h"

#include <math.h>
#include <string.h>

/* A number in the table at the top of the stack; `standard` when it is not there. */
static int64_t field(lua_State *L, const char *key, int64_t standard)
{
	int64_t value = standard;

	if (lua_getfield(L, -1, key) != LUA_TNIL) {
		int ok;

		value = lua_tointegerx(L, -1, &ok);
		if (!ok)
			luaL_error(L, "'%s' of a target must be an integer, not a %s", key, luaL_typename(L, -1));
	}
	lua_pop(L, 1);
	return value;
}

/* Read `at` (on top of the stack) into a target: a word, {row, column}, or what trace:strongest() found. */
static void read_at(lua_State *L, int arg, struct cs_target *target)
{
	if (lua_isnil(L, -1)) {
		target->at = target->feature < 0 ? CS_AT_MAP : CS_AT_MAX;
	} else if (lua_istable(L, -1)) {
		target->at = CS_AT_POSITION;
		if (lua_getfield(L, -1, "row") != LUA_TNIL) {
			lua_pop(L, 1);
			target->row = field(L, "row", 0);
			target->column = field(L, "column", 0);
			target->image = (int)field(L, "image", target->image);
			return;
		}
		lua_pop(L, 1);
		for (int i = 1; i <= 2; i++) {
			int ok;

			lua_geti(L, -1, i);
			*(i == 1 ? &target->row : &target->column) = lua_tointegerx(L, -1, &ok);
			lua_pop(L, 1);
			if (!ok)
				luaL_argerror(L, arg,
					"option 'at' must be \"max\", \"map\", {row, column} or what trace:strongest() "
					"found");
		}
	} else if (lua_isstring(L, -1) && !strcmp(lua_tostring(L, -1), "map")) {
		target->at = CS_AT_MAP;
	} else if (lua_isstring(L, -1) && !strcmp(lua_tostring(L, -1), "max")) {
		target->at = CS_AT_MAX;
	} else {
		luaL_argerror(
			L, arg, "option 'at' must be \"max\", \"map\", {row, column} or what trace:strongest() found");
	}
}

/* Ranges are a script's mistake: they raise, before anything is computed. */
static void check_target(lua_State *L, int arg, const struct cs_trace *trace, const struct cs_target *target)
{
	const struct cs_shape *shape = &trace->network->layers[target->layer].out;

	cs_value_check_index(L, arg, target->image, trace->count, "image");
	if (target->feature != -1)
		cs_value_check_index(L, arg, target->feature, shape->dim[shape->rank - 1], "feature");
	else if (target->at != CS_AT_MAP)
		luaL_argerror(
			L, arg, "a whole layer is projected with at = \"map\"; name a feature to project one position");
	if (target->at == CS_AT_POSITION) {
		cs_value_check_index(L, arg, target->row, shape->rank == 3 ? shape->dim[0] : 1, "row");
		cs_value_check_index(L, arg, target->column, shape->rank == 3 ? shape->dim[1] : 1, "column");
	}
}

static void set_integer(lua_State *L, const char *key, int64_t value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, double value)
{
	lua_pushnumber(L, value);
	lua_setfield(L, -2, key);
}

static void push_info(lua_State *L, const struct cs_target *target, const struct cs_projection *info)
{
	lua_createtable(L, 0, 14);
	lua_pushboolean(L, info->silent);
	lua_setfield(L, -2, "silent");
	set_integer(L, "image", target->image);
	if (target->feature >= 0)
		set_integer(L, "feature", target->feature);
	if (info->row >= 0) {
		set_integer(L, "row", info->row);
		set_integer(L, "column", info->column);
	}
	set_number(L, "value", (double)info->value);
	set_number(L, "min", (double)info->min);
	set_number(L, "max", (double)info->max);
	set_number(L, "norm", info->norm);
	set_integer(L, "top", info->top);
	set_integer(L, "left", info->left);
	set_integer(L, "bottom", info->bottom);
	set_integer(L, "right", info->right);
}

struct projecting {
	const struct cs_trace *trace;
	const struct cs_target *targets;
	int count;
	struct cs_rule rule;
	const struct cs_whitening *undo; /* to show pixels of a whitening network, or NULL */
	struct cs_tensor *out;
	struct cs_projection *infos;
};

/* From the whitened space to that of pixels; what is said of a projection's numbers follows. */
static void unwhiten(struct projecting *p)
{
	int64_t size = cs_tensor_count(p->out) / p->count;

	cs_whitening_undo(p->undo, p->count, false, p->out->data);
	for (int i = 0; i < p->count; i++) {
		const float *x = p->out->data + i * size;
		struct cs_projection *info = &p->infos[i];
		double square = 0;

		info->min = info->max = size > 0 ? x[0] : 0;
		for (int64_t k = 0; k < size; k++) {
			info->min = x[k] < info->min ? x[k] : info->min;
			info->max = x[k] > info->max ? x[k] : info->max;
			square += (double)x[k] * (double)x[k];
		}
		info->norm = sqrt(square);
	}
}

static enum cs_status project(struct cs_job *job, void *context, struct cs_error *error)
{
	struct projecting *p = context;
	enum cs_status status = cs_project(p->trace, p->targets, p->count, p->rule, p->out, p->infos, job, error);

	if (!status && p->undo)
		unwhiten(p);
	return status;
}

/* How many targets the options at 3 ask for; *list says whether the result is a batch. */
static int count_targets(lua_State *L, const struct cs_layer *layer, bool *list)
{
	int count = 1;
	int type;

	*list = true;
	if (lua_getfield(L, 3, "targets") == LUA_TTABLE) {
		count = (int)luaL_len(L, -1);
	} else if ((type = lua_getfield(L, 3, "feature")) == LUA_TTABLE) {
		count = (int)luaL_len(L, -1);
		lua_pop(L, 1);
	} else if (type == LUA_TSTRING && !strcmp(lua_tostring(L, -1), "all")) {
		count = (int)layer->out.dim[layer->out.rank - 1];
		lua_pop(L, 1);
	} else {
		*list = false;
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return count;
}

static void read_targets(
	lua_State *L, const struct cs_trace *trace, struct cs_target standard, struct cs_target *targets, int count)
{
	int feature;

	if (lua_getfield(L, 3, "targets") == LUA_TTABLE) {
		for (int i = 0; i < count; i++) {
			targets[i] = standard;
			if (lua_geti(L, -1, i + 1) != LUA_TTABLE)
				luaL_argerror(L, 3, "option 'targets' must be a list of tables");
			targets[i].image = (int)field(L, "image", standard.image);
			targets[i].feature = field(L, "feature", -1);
			if (lua_getfield(L, -1, "row") != LUA_TNIL) {
				lua_pop(L, 1);
				lua_pushvalue(L, -1);
			} else {
				lua_pop(L, 1);
				lua_getfield(L, -1, "at");
			}
			read_at(L, 3, &targets[i]);
			lua_pop(L, 2);
			check_target(L, 3, trace, &targets[i]);
		}
		lua_pop(L, 1);
		return;
	}
	lua_pop(L, 1);
	feature = lua_getfield(L, 3, "feature");
	for (int i = 0; i < count; i++) {
		int ok = 1;

		targets[i] = standard;
		if (feature == LUA_TTABLE) {
			lua_geti(L, -1, i + 1);
			targets[i].feature = lua_tointegerx(L, -1, &ok);
			lua_pop(L, 1);
		} else if (feature == LUA_TSTRING) {
			targets[i].feature = i;
			if (strcmp(lua_tostring(L, -1), "all") != 0)
				ok = 0;
		} else if (feature != LUA_TNIL) {
			targets[i].feature = lua_tointegerx(L, -1, &ok);
		} else {
			targets[i].feature = -1;
		}
		if (!ok)
			luaL_argerror(L, 3, "option 'feature' must be a number, a list of numbers or \"all\"");
		if (feature != LUA_TNIL && targets[i].feature < 0)
			targets[i].feature =
				INT32_MIN; /* -1 means the whole layer to the engine, but not to a script */
		lua_getfield(L, 3, "at");
		read_at(L, 3, &targets[i]);
		lua_pop(L, 1);
		check_target(L, 3, trace, &targets[i]);
	}
	lua_pop(L, 1);
}

/*** cs.project(trace, layer[, options])
 * Project what a layer saw back to the input: a tensor of the network's input shape, and a table of what was found. Options:
 *
 * `feature`: a feature (a unit of a dense layer, a class), a list of them or "all" (the result is then a batch and a list of tables);
 * without it the whole layer.
 * `image` (0): which image of the trace.
 * `at`: "max" (the feature's strongest position), "map" (all of its map), {row, column}, or what `trace:strongest()` found.
 * `rule` ("deconvnet"): also "gradient", "guided", "none", "m", "s", "r", "mr".
 * `signal` ("value"): the activations themselves, or "one".
 * `targets`: instead of the first three, a list of tables with `image`, `feature`, and `at` or `row` and `column`.
 * `whitened` (false): of a network that whitens its inputs, the projection as it is in the whitened space; else it is taken back to pixels
 * (net:unwhiten), where it may reach a little beyond `top` .. `right`.
 *
 * The tables hold `silent` (the feature does not fire there: the projection is empty), `row`, `column`, `value` (the
 * activation), `min`, `max`, `norm` of the projection, and `top`, `left`, `bottom`, `right`: the part of the input it can reach.
 * nil, message, code for a layer that is not there or cannot be reversed.
 */
static int l_project(lua_State *L)
{
	static const char *const names[] = {"feature", "image", "at", "rule", "signal", "targets", "whitened", NULL};
	static const char *const signals[] = {"value", "one", NULL};
	struct cs_lua_trace *trace = cs_lua_trace_check(L, 1);
	const struct cs_shape *input = &trace->model->network->input;
	struct projecting p = {.trace = trace->trace};
	struct cs_target standard = {0}, *targets;
	struct cs_shape shape = {.rank = input->rank + 1};
	struct cs_error error = {0};
	int out;
	bool list;

	lua_settop(L, 3);
	standard.layer = cs_lua_network_layer(L, 2, trace->model, &error);
	if (standard.layer < 0)
		return cs_value_fail(L, &error);
	if (trace->trace->kind == CS_TRACE_OUTPUT) {
		cs_fail(&error, CS_ERR_ARGUMENT,
			"this trace kept the network's output alone; trace with kind = \"all\" to project");
		return cs_value_fail(L, &error);
	}
	cs_value_options(L, 3, names);
	if (cs_rule_parse(cs_value_string(L, 3, "rule", "deconvnet"), &p.rule, &error))
		return cs_value_fail(L, &error);
	standard.signal = (enum cs_signal)cs_value_choice(L, 3, "signal", "value", signals);
	p.undo = cs_value_boolean(L, 3, "whitened", false) ? NULL : trace->model->whitening;
	standard.image = (int)cs_value_integer(L, 3, "image", 0, INT32_MIN, INT32_MAX);
	p.count = count_targets(L, &trace->model->network->layers[standard.layer], &list);
	luaL_argcheck(L, p.count > 0, 3, "nothing to project: the list is empty");
	targets = cs_value_scratch(L, (size_t)p.count, sizeof *targets);
	read_targets(L, trace->trace, standard, targets, p.count);
	p.infos = cs_value_scratch(L, (size_t)p.count, sizeof *p.infos);
	p.targets = targets;
	shape.dim[0] = p.count;
	memcpy(shape.dim + 1, input->dim, sizeof *input->dim * (size_t)input->rank);
	if (shape.rank > CS_MAX_RANK)
		return luaL_error(L, "the network's input has too many dimensions");
	p.out = cs_lua_tensor_push(L, shape);
	out = lua_gettop(L);
	if (cs_longcall_run(L, project, &p, &error))
		return cs_value_fail(L, &error);
	if (!list) {
		p.out->shape = *input;
		lua_pushvalue(L, out);
		push_info(L, &targets[0], &p.infos[0]);
		return 2;
	}
	lua_pushvalue(L, out);
	lua_createtable(L, p.count, 0);
	for (int i = 0; i < p.count; i++) {
		push_info(L, &targets[i], &p.infos[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 2;
}

/*** cs.can_project(net, layer)
 * True, or nil, message, code naming the layer on the way that cannot be reversed.
 */
static int l_can_project(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_error error;
	int layer = cs_lua_network_layer(L, 2, model, &error);

	if (layer < 0 || cs_project_check(model->network, layer, &error))
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

static const luaL_Reg functions[] = {{"project", l_project}, {"can_project", l_can_project}, {NULL, NULL}};

void cs_lua_open_project(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
	lua_newtable(L);
	for (int i = 0; i < 8; i++) {
		lua_pushstring(L, cs_rule_names[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, -2, "rules");
}
