/* lua_trace.c: traces in Lua: what a pass through a network left behind, layer by layer.
 *
 * A trace is large; it can be closed by hand, by `local trace <close>`, or by the collector, which is told its size. Tensors taken
 * from it are views: they end with it.
 */
#include "script/trace.h"

#include "script/images.h"
#include "script/longcall.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include "core/alloc.h"
#include "deconv/project.h"
#include "nn/pool.h"

#include <inttypes.h>
#include <math.h>

static void close_trace(void *object)
{
	struct cs_lua_trace *trace = object;

	cs_trace_free(trace->trace);
	cs_free(trace);
}

struct cs_lua_trace *cs_lua_trace_check(lua_State *L, int arg)
{
	return cs_handle_check(L, arg, &cs_lua_trace_type);
}

struct cs_lua_trace *cs_lua_trace_push(
	lua_State *L, int network, enum cs_trace_kind kind, int capacity, struct cs_error *error)
{
	return cs_lua_trace_push_wanted(L, network, kind, NULL, capacity, error);
}

struct cs_lua_trace *cs_lua_trace_push_wanted(lua_State *L, int network, enum cs_trace_kind kind, const bool *wanted,
	int capacity, struct cs_error *error)
{
	const struct cs_model *model = cs_lua_network_check(L, network);
	struct cs_workers *workers;
	struct cs_lua_trace *trace;
	struct cs_handle *handle;

	network = lua_absindex(L, network);
	if (cs_value_workers(L, &workers, error))
		return NULL;
	cs_handle_weigh(L, cs_trace_bytes(model->network, kind, capacity, cs_workers_count(workers)));
	handle = cs_handle_push(L, &cs_lua_trace_type);
	trace = cs_calloc(1, sizeof *trace);
	if (!trace) {
		cs_fail_memory(error, "a trace");
		lua_pop(L, 1);
		return NULL;
	}
	if (wanted ? cs_trace_new_wanted(model->network, wanted, capacity, workers, &trace->trace, error)
		   : cs_trace_new(model->network, kind, capacity, workers, &trace->trace, error)) {
		cs_free(trace);
		lua_pop(L, 1);
		return NULL;
	}
	trace->model = model;
	handle->object = trace;
	cs_value_anchor_workers(L, -1);
	cs_handle_adopt(L, -1, network);
	return trace;
}

void cs_lua_trace_drop(lua_State *L)
{
	lua_getfield(L, -1, "close");
	lua_insert(L, -2);
	lua_call(L, 1, 0);
}

struct tracing {
	struct cs_lua_trace *trace;
	struct cs_lua_input input;
	struct cs_tensor batch;
};

static enum cs_status run_pass(struct cs_job *job, void *context, struct cs_error *error)
{
	struct tracing *t = context;
	enum cs_status status =
		cs_lua_input_read(&t->input, t->trace->model, 0, t->input.count, t->batch.data, NULL, error);

	(void)job;
	if (!status)
		cs_network_forward(t->trace->trace, &t->batch);
	return status;
}

/*** net:trace(images[, options])
 * Run images (or a tensor, a picture, a list of pictures) through the network and keep every layer's output and every
 * switch. Options: `kind` ("all"; "output" keeps the network's output alone). The memory is that of all activations of all images:
 * `net:plan { kind = "all", batch = n }.bytes`. A trace can be closed (`local trace <close> = net:trace(...)`).
 */
static int l_trace(lua_State *L)
{
	static const char *const names[] = {"kind", NULL};
	static const char *const kinds[] = {"output", "all", NULL};
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct tracing tracing = {0};
	struct cs_error error = {0};
	struct cs_shape shape;
	enum cs_trace_kind kind;
	enum cs_status status;

	lua_settop(L, 3);
	cs_value_options(L, 3, names);
	kind = (enum cs_trace_kind)cs_value_choice(L, 3, "kind", "all", kinds);
	if (cs_lua_input_get(L, 2, model, &tracing.input, &error))
		return cs_value_fail(L, &error);
	luaL_argcheck(L, tracing.input.count > 0, 2, "no images");
	luaL_argcheck(L, tracing.input.count <= 1 << 16, 2, "too many images for one trace");
	shape = (struct cs_shape){.rank = model->network->input.rank + 1, .dim = {tracing.input.count}};
	for (int i = 0; i < model->network->input.rank; i++)
		shape.dim[i + 1] = model->network->input.dim[i];
	if (tracing.input.images)
		tracing.batch = *cs_lua_tensor_push(L, shape);
	else
		tracing.batch = tracing.input.tensor;
	tracing.trace = cs_lua_trace_push(L, 1, kind, (int)tracing.input.count, &error);
	if (!tracing.trace)
		return cs_value_fail(L, &error);
	if (tracing.input.images) {
		cs_value_extra(L, -1);
		lua_pushvalue(L, 2);
		lua_setfield(L, -2, "images");
		lua_pop(L, 1);
		status = cs_longcall_run(L, run_pass, &tracing, &error);
		if (status)
			return cs_value_fail(L, &error);
	} else {
		cs_network_forward(tracing.trace->trace, &tracing.batch);
	}
	return 1;
}

static int find_layer(lua_State *L, const struct cs_lua_trace *trace, struct cs_error *error)
{
	int layer = cs_lua_network_layer(L, 2, trace->model, error);

	if (layer >= 0 && !trace->trace->slots[layer].out.data) {
		cs_fail(error, CS_ERR_ARGUMENT,
			"this trace kept the network's output alone; trace with kind = \"all\" to see layer %s",
			trace->model->network->layers[layer].spec.name);
		return -1;
	}
	return layer;
}

/*** trace:output(layer)
 * What a layer put out, after its activation, for all images: a tensor [images,...] that is a view of the trace and ends with it
 * (:copy() outlives it).
 */
static int l_output(lua_State *L)
{
	struct cs_lua_trace *trace = cs_lua_trace_check(L, 1);
	struct cs_error error;
	int layer = find_layer(L, trace, &error);
	struct cs_tensor *out;
	struct cs_shape shape;

	if (layer < 0)
		return cs_value_fail(L, &error);
	out = &trace->trace->slots[layer].out;
	shape = out->shape;
	shape.dim[0] = trace->trace->count;
	cs_lua_tensor_push_view(L, out->data, shape, 1);
	return 1;
}

/*** trace:input()
 * What went in, pre-processed: a tensor [images,height,width,channels], a view.
 */
static int l_input(lua_State *L)
{
	struct cs_lua_trace *trace = cs_lua_trace_check(L, 1);
	struct cs_error error;
	struct cs_shape shape;

	if (trace->trace->kind == CS_TRACE_OUTPUT) {
		cs_fail(&error, CS_ERR_ARGUMENT,
			"this trace kept the network's output alone; trace with kind = \"all\" to see the input");
		return cs_value_fail(L, &error);
	}
	shape = trace->trace->input.shape;
	shape.dim[0] = trace->trace->count;
	cs_lua_tensor_push_view(L, trace->trace->input.data, shape, 1);
	return 1;
}

/*** trace:switches(layer)
 * Where the maxima of a max-pool layer came from: a tensor [images,rows,columns,features] of positions in the map that was
 * pooled, row * width + column. A copy.
 */
static int l_switches(lua_State *L)
{
	struct cs_lua_trace *trace = cs_lua_trace_check(L, 1);
	struct cs_error error;
	int at = find_layer(L, trace, &error);
	const struct cs_layer *layer;
	const cs_switch *switches;
	struct cs_tensor *out;
	struct cs_shape shape;

	if (at < 0)
		return cs_value_fail(L, &error);
	layer = &trace->trace->network->layers[at];
	switches = trace->trace->slots[at].switches;
	if (!switches) {
		cs_fail(&error, CS_ERR_ARGUMENT, "layer %s is a %s layer; only max-pool layers have switches",
			layer->spec.name, layer->ops->type);
		return cs_value_fail(L, &error);
	}
	shape = trace->trace->slots[at].out.shape;
	shape.dim[0] = trace->trace->count;
	out = cs_lua_tensor_push(L, shape);
	for (int64_t i = 0, n = cs_tensor_count(out); i < n; i++) {
		int64_t cell = i / shape.dim[3];

		out->data[i] = (float)cs_pool_position(
			layer, cell / shape.dim[2] % shape.dim[1], cell % shape.dim[2], switches[i]);
	}
	return 1;
}

/* Copy [count,classes] numbers into a tensor. */
static int push_rows(lua_State *L, const struct cs_trace *trace, const float *rows)
{
	struct cs_shape out = cs_network_output(trace->network);
	int64_t width = cs_shape_count(&out);
	struct cs_tensor *tensor = cs_lua_tensor_push(L, CS_SHAPE(trace->count, width));

	for (int64_t i = 0, n = cs_tensor_count(tensor); i < n; i++)
		tensor->data[i] = rows[i];
	return 1;
}

/*** trace:scores(), trace:probabilities()
 * The class scores (before the softmax) and the probabilities, [images,classes]; copies. A network that does not end in a softmax has no
 * probabilities: nil, message, code.
 */
static int l_scores(lua_State *L)
{
	struct cs_lua_trace *trace = cs_lua_trace_check(L, 1);

	return push_rows(L, trace->trace, cs_trace_scores(trace->trace));
}

static int l_probabilities(lua_State *L)
{
	struct cs_lua_trace *trace = cs_lua_trace_check(L, 1);
	const float *rows = cs_trace_probabilities(trace->trace);
	struct cs_error error;

	if (!rows) {
		cs_fail(&error, CS_ERR_UNSUPPORTED, "the network does not end in a softmax; use trace:scores()");
		return cs_value_fail(L, &error);
	}
	return push_rows(L, trace->trace, rows);
}

/*** trace:strongest(layer, feature[, image])
 * Where a feature fires most: a table with `image` (its position in the trace), `row`, `column` and `value`; over all images of the
 * trace unless one is named. The first of equals. Dense layers have row 0 and column 0.
 */
static int l_strongest(lua_State *L)
{
	struct cs_lua_trace *trace = cs_lua_trace_check(L, 1);
	struct cs_error error;
	int layer = find_layer(L, trace, &error), first, last, best = -1;
	int64_t feature, row = 0, column = 0;
	float value = 0;

	if (layer < 0)
		return cs_value_fail(L, &error);
	{
		const struct cs_shape *shape = &trace->trace->network->layers[layer].out;

		feature = cs_value_index(L, 3, shape->dim[shape->rank - 1], "feature");
	}
	first = 0;
	last = trace->trace->count - 1;
	if (!lua_isnoneornil(L, 4))
		first = last = (int)cs_value_index(L, 4, trace->trace->count, "image");
	for (int i = first; i <= last; i++) {
		int64_t r, c;
		float v;

		cs_strongest(trace->trace, layer, i, feature, &r, &c, &v);
		if (best < 0 || v > value) {
			best = i;
			row = r;
			column = c;
			value = v;
		}
	}
	lua_createtable(L, 0, 4);
	lua_pushinteger(L, best);
	lua_setfield(L, -2, "image");
	lua_pushinteger(L, row);
	lua_setfield(L, -2, "row");
	lua_pushinteger(L, column);
	lua_setfield(L, -2, "column");
	lua_pushnumber(L, (lua_Number)value);
	lua_setfield(L, -2, "value");
	return 1;
}

/*** trace.count, trace.bytes, trace.images, trace.network
 * How many images went through, the memory it takes, the images themselves (nil for tensors and pictures), and its network.
 */
static int get_count(lua_State *L)
{
	lua_pushinteger(L, cs_lua_trace_check(L, 1)->trace->count);
	return 1;
}

static int get_bytes(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)cs_lua_trace_check(L, 1)->trace->bytes);
	return 1;
}

static int get_images(lua_State *L)
{
	cs_lua_trace_check(L, 1);
	cs_value_extra(L, 1);
	lua_getfield(L, -1, "images");
	return 1;
}

static int get_network(lua_State *L)
{
	cs_lua_trace_check(L, 1);
	lua_getiuservalue(L, 1, CS_HANDLE_PARENT);
	return 1;
}

static const luaL_Reg methods[] = {
	{"output", l_output},
	{"input", l_input},
	{"switches", l_switches},
	{"scores", l_scores},
	{"probabilities", l_probabilities},
	{"strongest", l_strongest},
	{NULL, NULL},
};

static const luaL_Reg getters[] = {
	{"count", get_count},
	{"bytes", get_bytes},
	{"images", get_images},
	{"network", get_network},
	{NULL, NULL},
};

const struct cs_handle_type cs_lua_trace_type = {
	.name = "trace",
	.close = close_trace,
	.methods = methods,
	.getters = getters,
};

static const luaL_Reg network_methods[] = {{"trace", l_trace}, {NULL, NULL}};

void cs_lua_open_trace(lua_State *L)
{
	cs_handle_register(L, -1, &cs_lua_trace_type);
	lua_getfield(L, -1, "methods");
	lua_getfield(L, -1, "network");
	luaL_setfuncs(L, network_methods, 0);
	lua_pop(L, 2);
}
