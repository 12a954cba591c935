/* lua_random.c: random numbers that depend on a seed alone, for scripts. See core/random.h. */
#include "core/alloc.h"
#include "core/random.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

static void close_random(void *object)
{
	cs_free(object);
}

static const struct cs_handle_type random_type;

static struct cs_random *check(lua_State *L)
{
	return cs_handle_check(L, 1, &random_type);
}

/*** cs.random(seed[, stream])
 * A stream of random numbers named by a seed and a stream number (0): the same numbers on every machine. Streams of one seed
 * are independent of each other.
 */
static int l_random(lua_State *L)
{
	lua_Integer seed = luaL_checkinteger(L, 1), stream = luaL_optinteger(L, 2, 0);
	struct cs_handle *handle = cs_handle_push(L, &random_type);

	handle->object = cs_alloc(sizeof(struct cs_random));
	if (!handle->object)
		return luaL_error(L, "not enough memory");
	cs_random_init(handle->object, (uint64_t)seed, CS_RANDOM_USER, 0, (uint64_t)stream);
	return 1;
}

/* A number, or with a shape as second argument a tensor of them. */
static int draw(lua_State *L, int arg, float (*one)(struct cs_random *random, float a, float b), float a, float b)
{
	struct cs_random *random = check(L);
	struct cs_tensor *out;

	if (lua_isnoneornil(L, arg)) {
		lua_pushnumber(L, (lua_Number)one(random, a, b));
		return 1;
	}
	out = cs_lua_tensor_push(L, cs_value_shape(L, arg));
	for (int64_t i = 0, n = cs_tensor_count(out); i < n; i++)
		out->data[i] = one(random, a, b);
	return 1;
}

static float uniform(struct cs_random *random, float low, float high)
{
	return cs_random_between(random, low, high);
}

static float normal(struct cs_random *random, float mean, float deviation)
{
	return mean + deviation * cs_random_normal(random);
}

/*** random:uniform([low, high[, shape]]), random:normal([mean, deviation[, shape]])
 * One number, or a tensor of them: uniform in [low, high) (0, 1), or normal with that mean and standard deviation (0, 1).
 */
static int l_uniform(lua_State *L)
{
	return draw(L, 4, uniform, (float)luaL_optnumber(L, 2, 0), (float)luaL_optnumber(L, 3, 1));
}

static int l_normal(lua_State *L)
{
	return draw(L, 4, normal, (float)luaL_optnumber(L, 2, 0), (float)luaL_optnumber(L, 3, 1));
}

/*** random:below(n)
 * A whole number 0 .. n-1, each as likely.
 */
static int l_below(lua_State *L)
{
	struct cs_random *random = check(L);
	lua_Integer n = luaL_checkinteger(L, 2);

	luaL_argcheck(L, n > 0 && n <= UINT32_MAX, 2, "expected 1 or more, at most 4294967295");
	lua_pushinteger(L, cs_random_below(random, (uint32_t)n));
	return 1;
}

/*** random:shuffle(list)
 * The list, put into random order in place.
 */
static int l_shuffle(lua_State *L)
{
	struct cs_random *random = check(L);

	luaL_checktype(L, 2, LUA_TTABLE);
	for (lua_Integer i = luaL_len(L, 2); i > 1; i--) {
		lua_Integer k = (lua_Integer)cs_random_below(random, (uint32_t)i) + 1;

		lua_geti(L, 2, i);
		lua_geti(L, 2, k);
		lua_seti(L, 2, i);
		lua_seti(L, 2, k);
	}
	lua_settop(L, 2);
	return 1;
}

static const luaL_Reg methods[] = {
	{"uniform", l_uniform},
	{"normal", l_normal},
	{"below", l_below},
	{"shuffle", l_shuffle},
	{NULL, NULL},
};

static const struct cs_handle_type random_type = {.name = "random", .close = close_random, .methods = methods};

static const luaL_Reg functions[] = {{"random", l_random}, {NULL, NULL}};

void cs_lua_open_random(lua_State *L)
{
	cs_handle_register(L, -1, &random_type);
	luaL_setfuncs(L, functions, 0);
}
