/* lua_tensor.c: tensors in Lua: making, indexing, cutting, lists. Arithmetic is in lua_tensor_math.c.
 *
 * A tensor is float32 numbers with a shape of up to four dimensions; rows, columns, channels and images count from 0.
 * t[i] of a tensor with more than one dimension is a view: it shares t's memory. Everything else that returns a tensor
 * returns a copy.
 */
#include "core/alloc.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include <string.h>

static void close_tensor(void *object)
{
	cs_tensor_fini(object);
	cs_free(object);
}

struct cs_tensor *cs_lua_tensor_check(lua_State *L, int arg)
{
	return cs_handle_check(L, arg, &cs_lua_tensor_type);
}

struct cs_tensor *cs_lua_tensor_test(lua_State *L, int arg)
{
	return cs_handle_test(L, arg, &cs_lua_tensor_type);
}

static struct cs_tensor *push_empty(lua_State *L)
{
	struct cs_handle *handle = cs_handle_push(L, &cs_lua_tensor_type);

	handle->object = cs_calloc(1, sizeof(struct cs_tensor));
	if (!handle->object)
		luaL_error(L, "not enough memory for a tensor");
	return handle->object;
}

struct cs_tensor *cs_lua_tensor_push(lua_State *L, struct cs_shape shape)
{
	struct cs_error error = {0};
	struct cs_tensor *tensor;

	cs_handle_weigh(L, (size_t)cs_shape_count(&shape) * sizeof(float));
	tensor = push_empty(L);
	if (cs_tensor_init(tensor, shape, &error))
		luaL_error(L, "%s", error.message);
	return tensor;
}

void cs_lua_tensor_push_view(lua_State *L, float *data, struct cs_shape shape, int parent)
{
	parent = lua_absindex(L, parent);
	*push_empty(L) = cs_tensor_view(data, shape);
	cs_handle_adopt(L, -1, parent);
}

/* Fill a tensor from nested lists; `depth` is the dimension of the list on top of the stack. */
static float *fill(lua_State *L, const struct cs_shape *shape, int depth, float *out)
{
	if (lua_type(L, -1) != LUA_TTABLE || (int64_t)luaL_len(L, -1) != shape->dim[depth])
		luaL_error(L,
			"a list of lists for a tensor must be even: dimension %d has %d entries here and elsewhere not",
			depth, (int)shape->dim[depth]);
	luaL_checkstack(L, 3, "lists inside lists");
	for (int64_t i = 1; i <= shape->dim[depth]; i++) {
		lua_geti(L, -1, i);
		if (depth + 1 < shape->rank) {
			out = fill(L, shape, depth + 1, out);
		} else {
			int ok;

			*out++ = (float)lua_tonumberx(L, -1, &ok);
			if (!ok)
				luaL_error(L, "a tensor holds numbers, not a %s", luaL_typename(L, -1));
		}
		lua_pop(L, 1);
	}
	return out;
}

/*** cs.tensor(list | shape, number | tensor)
 * A new tensor: from a list of numbers or of lists (`cs.tensor {{1, 2}, {3, 4}}` is 2x2), or of a shape with one number
 * everywhere: `cs.tensor({2, 3}, 0)`. From a tensor: a copy.
 */
static int l_tensor(lua_State *L)
{
	struct cs_tensor *from = cs_lua_tensor_test(L, 1), *tensor;
	struct cs_shape shape = {0};

	if (from) {
		tensor = cs_lua_tensor_push(L, from->shape);
		memcpy(tensor->data, from->data, sizeof(float) * (size_t)cs_tensor_count(from));
		return 1;
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!lua_isnoneornil(L, 2)) {
		float x = (float)luaL_checknumber(L, 2);

		tensor = cs_lua_tensor_push(L, cs_value_shape(L, 1));
		for (int64_t i = 0, n = cs_tensor_count(tensor); x != 0 && i < n; i++)
			tensor->data[i] = x;
		return 1;
	}
	lua_pushvalue(L, 1);
	while (lua_type(L, -1) == LUA_TTABLE) {
		if (shape.rank == CS_MAX_RANK)
			return luaL_argerror(L, 1, "a tensor has at most 4 dimensions");
		shape.dim[shape.rank++] = (int64_t)luaL_len(L, -1);
		lua_geti(L, -1, 1);
		lua_replace(L, -2);
	}
	lua_settop(L, 1);
	tensor = cs_lua_tensor_push(L, shape);
	lua_pushvalue(L, 1);
	fill(L, &shape, 0, tensor->data);
	lua_pop(L, 1);
	return 1;
}

/* How many leading indices are at `arg` (a number or a list of numbers), and the offset they lead to. */
static int64_t locate(lua_State *L, const struct cs_tensor *tensor, int arg, int *given)
{
	int64_t offset = 0, step = cs_tensor_count(tensor);
	int count = lua_istable(L, arg) ? (int)luaL_len(L, arg) : 1;

	if (count < 1 || count > tensor->shape.rank)
		luaL_argerror(L, arg,
			lua_pushfstring(L, "%d indices for a tensor of %d dimensions", count, tensor->shape.rank));
	for (int i = 0; i < count; i++) {
		int64_t dim = tensor->shape.dim[i], at;
		int ok;

		if (lua_istable(L, arg))
			lua_geti(L, arg, i + 1);
		else
			lua_pushvalue(L, arg);
		at = lua_tointegerx(L, -1, &ok);
		if (!ok)
			luaL_argerror(L, arg,
				lua_pushfstring(L, "an index must be an integer, not a %s", luaL_typename(L, -1)));
		lua_pop(L, 1);
		cs_value_check_index(L, arg, at, dim, "index");
		step /= dim;
		offset += at * step;
	}
	*given = count;
	return offset;
}

static int push_at(lua_State *L, const struct cs_tensor *tensor, int64_t offset, int given)
{
	struct cs_shape rest = {.rank = tensor->shape.rank - given};

	if (rest.rank == 0) {
		lua_pushnumber(L, (lua_Number)tensor->data[offset]);
		return 1;
	}
	for (int i = 0; i < rest.rank; i++)
		rest.dim[i] = tensor->shape.dim[given + i];
	cs_lua_tensor_push_view(L, tensor->data + offset, rest, 1);
	return 1;
}

/*** tensor[i], tensor[{i, j, ...}]
 * The number there, from 0; with fewer indices than dimensions the part there, as a view that shares the memory. Indices
 * outside of the tensor raise and name the range. Assigning a number (or to a part: a number or a tensor of its shape) works
 * the same way: `t[{0, 3}] = 1.5`.
 */
static int l_index(lua_State *L)
{
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 1);
	int given;
	int64_t offset = locate(L, tensor, 2, &given);

	return push_at(L, tensor, offset, given);
}

static void assign(lua_State *L, struct cs_tensor *tensor, int64_t offset, int given, int value)
{
	struct cs_tensor *from = cs_lua_tensor_test(L, value);
	struct cs_shape rest = {.rank = tensor->shape.rank - given};
	int64_t count;

	for (int i = 0; i < rest.rank; i++)
		rest.dim[i] = tensor->shape.dim[given + i];
	count = cs_shape_count(&rest);
	if (from) {
		char a[CS_SHAPE_TEXT], b[CS_SHAPE_TEXT];

		if (!cs_shape_equal(&from->shape, &rest))
			luaL_argerror(L, value,
				lua_pushfstring(L, "a tensor of %s does not fit a part of %s",
					cs_shape_text(&from->shape, a, sizeof a), cs_shape_text(&rest, b, sizeof b)));
		memmove(tensor->data + offset, from->data, sizeof(float) * (size_t)count);
	} else {
		float x = (float)luaL_checknumber(L, value);

		for (int64_t i = 0; i < count; i++)
			tensor->data[offset + i] = x;
	}
}

static int l_newindex(lua_State *L)
{
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 1);
	int64_t offset;
	int given;

	if (lua_type(L, 2) == LUA_TSTRING)
		return luaL_error(L, "a tensor has no member '%s' to assign to", lua_tostring(L, 2));
	offset = locate(L, tensor, 2, &given);
	assign(L, tensor, offset, given, 3);
	return 0;
}

/* Collect the indices at positions 2 .. last into a list at position 2. */
static void gather_indices(lua_State *L, int last)
{
	lua_createtable(L, last - 1, 0);
	for (int i = 2; i <= last; i++) {
		lua_pushvalue(L, i);
		lua_rawseti(L, -2, i - 1);
	}
	lua_insert(L, 2);
}

/*** tensor:get(i, j, ...)
 * As `tensor[{i, j, ...}]`.
 */
static int l_get(lua_State *L)
{
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 1);
	int64_t offset;
	int given;

	gather_indices(L, lua_gettop(L));
	offset = locate(L, tensor, 2, &given);
	return push_at(L, tensor, offset, given);
}

/*** tensor:set(i, j, ..., value)
 * As `tensor[{i, j, ...}] = value`; returns the tensor.
 */
static int l_set(lua_State *L)
{
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 1);
	int64_t offset;
	int given;

	if (lua_gettop(L) < 3)
		return luaL_error(L, "tensor:set needs indices and a value");
	gather_indices(L, lua_gettop(L) - 1);
	offset = locate(L, tensor, 2, &given);
	assign(L, tensor, offset, given, lua_gettop(L));
	lua_settop(L, 1);
	return 1;
}

/* Split the shape around an axis: how many runs before it, how many numbers in one step of it. */
static void around(const struct cs_shape *shape, int axis, int64_t *outer, int64_t *inner)
{
	*outer = *inner = 1;
	for (int i = 0; i < axis; i++)
		*outer *= shape->dim[i];
	for (int i = axis + 1; i < shape->rank; i++)
		*inner *= shape->dim[i];
}

/*** tensor:slice(first, count[, axis])
 * A copy of `count` entries from `first` on along an axis (0, the first one, unless said): images 0 to 7 of a batch are
 * `t:slice(0, 8)`, its third channel `t:slice(2, 1, 3)`.
 */
static int l_slice(lua_State *L)
{
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 1), *out;
	int64_t first = luaL_checkinteger(L, 2), count = luaL_checkinteger(L, 3), outer, inner, dim;
	int axis = (int)luaL_optinteger(L, 4, 0);
	struct cs_shape shape = tensor->shape;

	cs_value_check_index(L, 4, axis, shape.rank, "axis");
	dim = shape.dim[axis];
	if (first < 0 || count < 0 || first > dim || count > dim - first)
		return luaL_argerror(L, 2,
			lua_pushfstring(L, "entries %I to %I are out of range: axis %d has %I", (LUAI_UACINT)first,
				(LUAI_UACINT)(first + count - 1), axis, (LUAI_UACINT)dim));
	shape.dim[axis] = count;
	around(&shape, axis, &outer, &inner);
	out = cs_lua_tensor_push(L, shape);
	for (int64_t i = 0; i < outer; i++)
		memcpy(out->data + i * count * inner, tensor->data + (i * dim + first) * inner,
			sizeof(float) * (size_t)(count * inner));
	return 1;
}

/*** tensor:reshape(shape)
 * A copy with the same numbers in the same order under another shape; one dimension may be -1 (what is left).
 */
static int l_reshape(lua_State *L)
{
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 1), *out;
	char a[CS_SHAPE_TEXT], b[CS_SHAPE_TEXT];
	struct cs_shape shape;
	int64_t known = 1;
	int open = -1;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_newtable(L); /* a copy, for the entry that is -1 */
	for (lua_Integer i = 1, n = luaL_len(L, 2); i <= n; i++) {
		lua_Integer dim;

		lua_geti(L, 2, i);
		dim = luaL_checkinteger(L, -1);
		lua_pop(L, 1);
		if (dim == -1 && open < 0) {
			open = (int)i - 1;
			dim = 1;
		} else {
			known *= dim;
		}
		lua_pushinteger(L, dim);
		lua_rawseti(L, -2, i);
	}
	shape = cs_value_shape(L, lua_gettop(L));
	if (open >= 0 && known > 0)
		shape.dim[open] = cs_tensor_count(tensor) / known;
	if (cs_shape_count(&shape) != cs_tensor_count(tensor))
		return luaL_argerror(L, 2,
			lua_pushfstring(L, "%s numbers cannot be seen as %s",
				cs_shape_text(&tensor->shape, a, sizeof a), cs_shape_text(&shape, b, sizeof b)));
	out = cs_lua_tensor_push(L, shape);
	memcpy(out->data, tensor->data, sizeof(float) * (size_t)cs_tensor_count(tensor));
	return 1;
}

/*** tensor:copy()
 * A tensor of its own with the same numbers.
 */
static int l_copy(lua_State *L)
{
	cs_lua_tensor_check(L, 1);
	lua_settop(L, 1);
	return l_tensor(L);
}

static const float *push_list(lua_State *L, const struct cs_shape *shape, int depth, const float *data)
{
	luaL_checkstack(L, 3, NULL);
	lua_createtable(L, (int)shape->dim[depth], 0);
	for (int64_t i = 1; i <= shape->dim[depth]; i++) {
		if (depth + 1 < shape->rank)
			data = push_list(L, shape, depth + 1, data);
		else
			lua_pushnumber(L, (lua_Number)*data++);
		lua_rawseti(L, -2, i);
	}
	return data;
}

/*** tensor:tolist()
 * The numbers as a Lua list, of lists where there is more than one dimension (a Lua list begins at 1).
 */
static int l_tolist(lua_State *L)
{
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 1);

	if (tensor->shape.rank == 0)
		lua_pushnumber(L, (lua_Number)tensor->data[0]);
	else
		push_list(L, &tensor->shape, 0, tensor->data);
	return 1;
}

/*** tensor.shape, tensor.rank, tensor.count
 * Its dimensions as a list, how many they are, how many numbers it holds. `#tensor` is the first dimension.
 */
static int get_shape(lua_State *L)
{
	cs_value_push_shape(L, &cs_lua_tensor_check(L, 1)->shape);
	return 1;
}

static int get_rank(lua_State *L)
{
	lua_pushinteger(L, cs_lua_tensor_check(L, 1)->shape.rank);
	return 1;
}

static int get_count(lua_State *L)
{
	lua_pushinteger(L, cs_tensor_count(cs_lua_tensor_check(L, 1)));
	return 1;
}

static int l_len(lua_State *L)
{
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 1);

	lua_pushinteger(L, tensor->shape.rank ? tensor->shape.dim[0] : 1);
	return 1;
}

static int l_tostring(lua_State *L)
{
	struct cs_handle *handle = cs_handle_at(L, 1, &cs_lua_tensor_type);
	const struct cs_tensor *tensor = handle ? handle->object : NULL;
	char text[CS_SHAPE_TEXT];
	luaL_Buffer out;

	if (!tensor) {
		lua_pushliteral(L, "tensor (closed)");
		return 1;
	}
	luaL_buffinit(L, &out);
	lua_pushfstring(L, "tensor %s", cs_shape_text(&tensor->shape, text, sizeof text));
	luaL_addvalue(&out);
	if (cs_tensor_count(tensor) <= 16) {
		luaL_addstring(&out, " {");
		for (int64_t i = 0; i < cs_tensor_count(tensor); i++) {
			lua_pushfstring(L, i ? ", %f" : "%f", (LUAI_UACNUMBER)tensor->data[i]);
			luaL_addvalue(&out);
		}
		luaL_addstring(&out, "}");
	}
	luaL_pushresult(&out);
	return 1;
}

/*** cs.concat(list of tensors)
 * One behind the other along the first dimension; the others must agree.
 */
static int l_concat(lua_State *L)
{
	struct cs_shape shape = {0};
	struct cs_tensor *out;
	lua_Integer n;
	float *to;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = luaL_len(L, 1);
	luaL_argcheck(L, n > 0, 1, "no tensors");
	for (lua_Integer i = 1; i <= n; i++) {
		char a[CS_SHAPE_TEXT], b[CS_SHAPE_TEXT];
		const struct cs_tensor *tensor;
		struct cs_shape rest;

		lua_geti(L, 1, i);
		tensor = cs_lua_tensor_check(L, -1);
		lua_pop(L, 1);
		luaL_argcheck(L, tensor->shape.rank > 0, 1, "tensors without dimensions cannot be joined");
		rest = tensor->shape;
		if (i == 1)
			shape = rest;
		else
			rest.dim[0] = shape.dim[0];
		if (!cs_shape_equal(&rest, &shape))
			return luaL_argerror(L, 1,
				lua_pushfstring(L, "a tensor of %s does not fit behind one of %s",
					cs_shape_text(&tensor->shape, a, sizeof a),
					cs_shape_text(&shape, b, sizeof b)));
		if (i > 1)
			shape.dim[0] += tensor->shape.dim[0];
	}
	out = cs_lua_tensor_push(L, shape);
	to = out->data;
	for (lua_Integer i = 1; i <= n; i++) {
		const struct cs_tensor *tensor;

		lua_geti(L, 1, i);
		tensor = cs_lua_tensor_check(L, -1);
		lua_pop(L, 1);
		memcpy(to, tensor->data, sizeof(float) * (size_t)cs_tensor_count(tensor));
		to += cs_tensor_count(tensor);
	}
	return 1;
}

static const luaL_Reg methods[] = {
	{"get", l_get},
	{"set", l_set},
	{"slice", l_slice},
	{"reshape", l_reshape},
	{"copy", l_copy},
	{"tolist", l_tolist},
	{NULL, NULL},
};

static const luaL_Reg getters[] = {
	{"shape", get_shape},
	{"rank", get_rank},
	{"count", get_count},
	{NULL, NULL},
};

static const luaL_Reg meta[] = {
	{"__newindex", l_newindex},
	{"__len", l_len},
	{"__tostring", l_tostring},
	{NULL, NULL},
};

const struct cs_handle_type cs_lua_tensor_type = {
	.name = "tensor",
	.close = close_tensor,
	.methods = methods,
	.getters = getters,
	.meta = meta,
	.index = l_index,
};

static const luaL_Reg functions[] = {
	{"tensor", l_tensor},
	{"concat", l_concat},
	{NULL, NULL},
};

void cs_lua_open_tensor(lua_State *L)
{
	cs_handle_register(L, -1, &cs_lua_tensor_type);
	luaL_setfuncs(L, functions, 0);
}
