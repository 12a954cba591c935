/* lua_invert.c: true inverses in Lua. See deconv/invert.h. */
#include "script/longcall.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/trace.h"
#include "script/value.h"

#include "core/whitening.h"
#include "deconv/invert.h"

struct inverting {
	const struct cs_trace *trace;
	int image, layer;
	struct cs_solver solver;
	const struct cs_whitening *undo; /* of a whitening network, or NULL */
	float *out;
	struct cs_inversion inversion;
};

static enum cs_status invert(struct cs_job *job, void *context, struct cs_error *error)
{
	struct inverting *v = context;

	enum cs_status status = cs_invert(v->trace, v->image, v->layer, &v->solver, v->out, &v->inversion, job, error);

	if (!status && v->undo)
		cs_whitening_undo(v->undo, 1, true, v->out);
	return status;
}

/* The layers that were solved, deepest first. */
static void push_solutions(lua_State *L, const struct inverting *v)
{
	lua_createtable(L, 4, 0);
	for (int i = v->layer; i >= 0; i--) {
		const struct cs_layer *layer = &v->trace->network->layers[i];

		if (layer->ops != &cs_conv_layer && layer->ops != &cs_dense_layer)
			continue;
		lua_createtable(L, 0, 3);
		lua_pushstring(L, layer->spec.name);
		lua_setfield(L, -2, "layer");
		lua_pushinteger(L, v->inversion.layers[i].iterations);
		lua_setfield(L, -2, "iterations");
		lua_pushnumber(L, v->inversion.layers[i].residual);
		lua_setfield(L, -2, "residual");
		lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	}
}

/*** cs.invert(trace, layer[, options])
 * The true inverse, as far as there is one: pixels that explain what a layer put out, a tensor of the network's input shape. Layer by layer the activation
 * is inverted exactly (the sigmoid's and tanh's clamped to their open range; of a ReLU the silent units say nothing), the bias taken off and the kernel undone;
 * a max-pool knows the cells that won. Options:
 *
 * `image` (0): which image of the trace.
 * `filter` ("least-squares"): how a kernel is undone: by the smallest input that explains the known outputs best (conjugate gradients), or
 * "transposed", as projections do.
 * `iterations` (30) at most a layer, `tolerance` (1e-3) of the gradient's norm, `damping` (0): above 0, faint directions of the kernel, which mostly hold
 * noise, are left out the more the larger it is (0.01 is a mild one).
 * `whitened` (false): of a network that whitens its inputs, what it would have to be given; else the pixels that become that.
 *
 * Also returns a list with a table for each layer with a kernel, deepest first: `layer`, `iterations`, `residual` (the share of what was known
 * that is left unexplained). nil, message, code for a layer that is not there, or one on the way that cannot be inverted.
 */
static int l_invert(lua_State *L)
{
	static const char *const names[] = {"image", "filter", "iterations", "tolerance", "damping", "whitened", NULL};
	static const char *const filters[] = {"least-squares", "transposed", NULL};
	struct cs_lua_trace *trace = cs_lua_trace_check(L, 1);
	struct inverting v = {.trace = trace->trace};
	struct cs_error error = {0};
	int out;

	lua_settop(L, 3);
	v.layer = cs_lua_network_layer(L, 2, trace->model, &error);
	if (v.layer < 0)
		return cs_value_fail(L, &error);
	cs_value_options(L, 3, names);
	v.image = (int)cs_value_integer(L, 3, "image", 0, INT32_MIN, INT32_MAX);
	cs_value_check_index(L, 3, v.image, trace->trace->count, "image");
	v.undo = cs_value_boolean(L, 3, "whitened", false) ? NULL : trace->model->whitening;
	v.solver.iterations = (int)cs_value_integer(L, 3, "iterations", 30, 1, 1 << 20);
	v.solver.tolerance = cs_value_number(L, 3, "tolerance", 1e-3);
	v.solver.damping = cs_value_number(L, 3, "damping", 0);
	luaL_argcheck(L, v.solver.damping >= 0, 3, "option 'damping' must be 0 or more");
	if (cs_value_choice(L, 3, "filter", "least-squares", filters) == 1)
		v.solver.iterations = 0;
	if (trace->trace->kind != CS_TRACE_ALL) {
		cs_fail(&error, CS_ERR_ARGUMENT,
			"this trace did not keep every layer; trace with kind = \"all\" to invert");
		return cs_value_fail(L, &error);
	}
	v.inversion.layers = cs_value_scratch(L, (size_t)v.layer + 1, sizeof *v.inversion.layers);
	v.out = cs_lua_tensor_push(L, trace->model->network->input)->data;
	out = lua_gettop(L);
	if (cs_longcall_run(L, invert, &v, &error))
		return cs_value_fail(L, &error);
	lua_pushvalue(L, out);
	push_solutions(L, &v);
	return 2;
}

static const luaL_Reg functions[] = {{"invert", l_invert}, {NULL, NULL}};

void cs_lua_open_invert(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
