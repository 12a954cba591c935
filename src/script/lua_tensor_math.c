/* lua_tensor_math.c: arithmetic and reductions of tensors in Lua.
 *
 * Results are new tensors. Operands are numbers, tensors of one shape, or a tensor whose shape is the end of the other's (a
 * vector of 3 against images [n,h,w,3]). Sums are taken in double precision, in memory order.
 */
#include "core/gemm.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include <math.h>
#include <string.h>

typedef float (*operation)(float a, float b);

static float add(float a, float b)
{
	return a + b;
}

static float subtract(float a, float b)
{
	return a - b;
}

static float multiply(float a, float b)
{
	return a * b;
}

static float divide(float a, float b)
{
	return a / b;
}

/* Is `part` the end of `whole`? */
static bool ends_with(const struct cs_shape *whole, const struct cs_shape *part)
{
	int skip = whole->rank - part->rank;

	if (skip < 0)
		return false;
	for (int i = 0; i < part->rank; i++) {
		if (whole->dim[skip + i] != part->dim[i])
			return false;
	}
	return true;
}

static int raise_misfit(lua_State *L, const struct cs_tensor *a, const struct cs_tensor *b)
{
	char x[CS_SHAPE_TEXT], y[CS_SHAPE_TEXT];

	return luaL_error(L, "tensors of %s and %s do not go together", cs_shape_text(&a->shape, x, sizeof x),
		cs_shape_text(&b->shape, y, sizeof y));
}

static int combine(lua_State *L, operation op)
{
	struct cs_tensor *a = cs_lua_tensor_test(L, 1), *b = cs_lua_tensor_test(L, 2), *out;
	int64_t count;

	if (a && b) {
		int64_t na = cs_tensor_count(a), nb = cs_tensor_count(b);

		if (!ends_with(&a->shape, &b->shape) && !ends_with(&b->shape, &a->shape))
			return raise_misfit(L, a, b);
		out = cs_lua_tensor_push(L, a->shape.rank >= b->shape.rank ? a->shape : b->shape);
		count = cs_tensor_count(out);
		for (int64_t i = 0; i < count; i++)
			out->data[i] = op(a->data[na == count ? i : i % na], b->data[nb == count ? i : i % nb]);
		return 1;
	}
	if (a) {
		float x = (float)luaL_checknumber(L, 2);

		out = cs_lua_tensor_push(L, a->shape);
		count = cs_tensor_count(out);
		for (int64_t i = 0; i < count; i++)
			out->data[i] = op(a->data[i], x);
	} else {
		float x = (float)luaL_checknumber(L, 1);

		out = cs_lua_tensor_push(L, b->shape);
		count = cs_tensor_count(out);
		for (int64_t i = 0; i < count; i++)
			out->data[i] = op(x, b->data[i]);
	}
	return 1;
}

/*** a + b, a - b, a * b, a / b, -a
 * Number by number. One of the two may be a number, or a tensor whose shape is the end of the other's: adding a vector of 3
 * to images [n,h,w,3] adds it to every pixel.
 */
static int l_add(lua_State *L)
{
	return combine(L, add);
}

static int l_subtract(lua_State *L)
{
	return combine(L, subtract);
}

static int l_multiply(lua_State *L)
{
	return combine(L, multiply);
}

static int l_divide(lua_State *L)
{
	return combine(L, divide);
}

static int apply(lua_State *L, float (*function)(float))
{
	struct cs_tensor *a = cs_lua_tensor_check(L, 1), *out = cs_lua_tensor_push(L, a->shape);

	for (int64_t i = 0, n = cs_tensor_count(out); i < n; i++)
		out->data[i] = function(a->data[i]);
	return 1;
}

static float negate(float x)
{
	return -x;
}

static int l_negate(lua_State *L)
{
	return apply(L, negate);
}

/*** tensor:abs(), tensor:sqrt(), tensor:exp(), tensor:log()
 * Number by number.
 */
static int l_abs(lua_State *L)
{
	return apply(L, fabsf);
}

static int l_sqrt(lua_State *L)
{
	return apply(L, sqrtf);
}

static int l_exp(lua_State *L)
{
	return apply(L, expf);
}

static int l_log(lua_State *L)
{
	return apply(L, logf);
}

/*** tensor:clamp(low, high)
 * Number by number, kept within low .. high; NaN stays NaN.
 */
static int l_clamp(lua_State *L)
{
	struct cs_tensor *a = cs_lua_tensor_check(L, 1), *out;
	float low = (float)luaL_checknumber(L, 2), high = (float)luaL_checknumber(L, 3);

	luaL_argcheck(L, low <= high, 3, "the upper limit is below the lower one");
	out = cs_lua_tensor_push(L, a->shape);
	for (int64_t i = 0, n = cs_tensor_count(out); i < n; i++) {
		float x = a->data[i];

		out->data[i] = x < low ? low : x > high ? high : x;
	}
	return 1;
}

/* A reduction of `count` numbers, `step` apart. */
typedef double (*reduction)(const float *x, int64_t count, int64_t step);

static double sum(const float *x, int64_t count, int64_t step)
{
	double total = 0;

	for (int64_t i = 0; i < count; i++)
		total += (double)x[i * step];
	return total;
}

static double mean(const float *x, int64_t count, int64_t step)
{
	return count ? sum(x, count, step) / (double)count : NAN;
}

static double deviation(const float *x, int64_t count, int64_t step)
{
	double m = mean(x, count, step), total = 0;

	for (int64_t i = 0; i < count; i++)
		total += ((double)x[i * step] - m) * ((double)x[i * step] - m);
	return count ? sqrt(total / (double)count) : NAN;
}

static double smallest(const float *x, int64_t count, int64_t step)
{
	double best = count ? (double)x[0] : NAN;

	for (int64_t i = 1; i < count && !isnan(best); i++) {
		if (!((double)x[i * step] >= best))
			best = (double)x[i * step];
	}
	return best;
}

static double largest(const float *x, int64_t count, int64_t step)
{
	double best = count ? (double)x[0] : NAN;

	for (int64_t i = 1; i < count && !isnan(best); i++) {
		if (!((double)x[i * step] <= best))
			best = (double)x[i * step];
	}
	return best;
}

static double where_largest(const float *x, int64_t count, int64_t step)
{
	int64_t best = 0;

	for (int64_t i = 1; i < count; i++) {
		if (x[i * step] > x[best * step] || isnan(x[best * step]))
			best = i;
	}
	return (double)best;
}

static double norm(const float *x, int64_t count, int64_t step)
{
	double total = 0;

	for (int64_t i = 0; i < count; i++)
		total += (double)x[i * step] * (double)x[i * step];
	return sqrt(total);
}

static int reduce(lua_State *L, reduction function, bool integer)
{
	struct cs_tensor *a = cs_lua_tensor_check(L, 1), *out;
	int64_t outer = 1, inner = 1, dim;
	struct cs_shape shape = {0};
	int axis;

	if (lua_isnoneornil(L, 2)) {
		double x = function(a->data, cs_tensor_count(a), 1);

		if (integer)
			lua_pushinteger(L, (lua_Integer)x);
		else
			lua_pushnumber(L, x);
		return 1;
	}
	axis = (int)cs_value_index(L, 2, a->shape.rank, "axis");
	dim = a->shape.dim[axis];
	for (int i = 0; i < a->shape.rank; i++) {
		if (i < axis)
			outer *= a->shape.dim[i];
		if (i > axis)
			inner *= a->shape.dim[i];
		if (i != axis)
			shape.dim[shape.rank++] = a->shape.dim[i];
	}
	out = cs_lua_tensor_push(L, shape);
	for (int64_t i = 0; i < outer; i++) {
		for (int64_t k = 0; k < inner; k++)
			out->data[i * inner + k] = (float)function(a->data + i * dim * inner + k, dim, inner);
	}
	return 1;
}

/*** tensor:sum([axis]), :mean, :std, :min, :max, :norm, :argmax
 * Of all numbers, or along an axis (from 0), which the result then lacks. `std` divides by n; `norm` is Euclidean; `argmax` is
 * the position of the first largest number (of the whole tensor: in memory order), NaN skipped; `min` and `max` are NaN where
 * there is one.
 */
static int l_sum(lua_State *L)
{
	return reduce(L, sum, false);
}

static int l_mean(lua_State *L)
{
	return reduce(L, mean, false);
}

static int l_std(lua_State *L)
{
	return reduce(L, deviation, false);
}

static int l_min(lua_State *L)
{
	return reduce(L, smallest, false);
}

static int l_max(lua_State *L)
{
	return reduce(L, largest, false);
}

static int l_norm(lua_State *L)
{
	return reduce(L, norm, false);
}

static int l_argmax(lua_State *L)
{
	return reduce(L, where_largest, true);
}

/*** a:dot(b)
 * Of two vectors the number, of two matrices [m,k] and [k,n] the product [m,n].
 */
static int l_dot(lua_State *L)
{
	struct cs_tensor *a = cs_lua_tensor_check(L, 1), *b = cs_lua_tensor_check(L, 2), *out;

	if (a->shape.rank == 1 && cs_shape_equal(&a->shape, &b->shape)) {
		double total = 0;

		for (int64_t i = 0; i < a->shape.dim[0]; i++)
			total += (double)a->data[i] * (double)b->data[i];
		lua_pushnumber(L, total);
		return 1;
	}
	if (a->shape.rank != 2 || b->shape.rank != 2 || a->shape.dim[1] != b->shape.dim[0])
		return raise_misfit(L, a, b);
	out = cs_lua_tensor_push(L, CS_SHAPE(a->shape.dim[0], b->shape.dim[1]));
	if (cs_tensor_count(out) && a->shape.dim[1])
		cs_gemm(false, false, a->shape.dim[0], b->shape.dim[1], a->shape.dim[1], a->data, a->shape.dim[1],
			b->data, b->shape.dim[1], 0, out->data, b->shape.dim[1]);
	return 1;
}

/*** tensor:transpose()
 * The transpose of a matrix: a copy.
 */
static int l_transpose(lua_State *L)
{
	struct cs_tensor *a = cs_lua_tensor_check(L, 1), *out;

	luaL_argcheck(L, a->shape.rank == 2, 1, "only a matrix (two dimensions) can be transposed");
	out = cs_lua_tensor_push(L, CS_SHAPE(a->shape.dim[1], a->shape.dim[0]));
	for (int64_t i = 0; i < a->shape.dim[0]; i++) {
		for (int64_t j = 0; j < a->shape.dim[1]; j++)
			out->data[j * a->shape.dim[0] + i] = a->data[i * a->shape.dim[1] + j];
	}
	return 1;
}

/*** tensor:range()
 * Smallest and largest number, Euclidean norm and how many are NaN (which the others leave out).
 */
static int l_range(lua_State *L)
{
	struct cs_range range = cs_tensor_range(cs_lua_tensor_check(L, 1));

	lua_pushnumber(L, (lua_Number)range.min);
	lua_pushnumber(L, (lua_Number)range.max);
	lua_pushnumber(L, range.norm);
	lua_pushinteger(L, range.nans);
	return 4;
}

/* a == b: same shape, same numbers. */
static int l_equal(lua_State *L)
{
	struct cs_tensor *a = cs_lua_tensor_test(L, 1), *b = cs_lua_tensor_test(L, 2);
	bool same = a && b && cs_shape_equal(&a->shape, &b->shape);

	for (int64_t i = 0, n = same ? cs_tensor_count(a) : 0; same && i < n; i++)
		same = a->data[i] == b->data[i];
	lua_pushboolean(L, same);
	return 1;
}

static const luaL_Reg methods[] = {
	{"abs", l_abs},
	{"sqrt", l_sqrt},
	{"exp", l_exp},
	{"log", l_log},
	{"clamp", l_clamp},
	{"sum", l_sum},
	{"mean", l_mean},
	{"std", l_std},
	{"min", l_min},
	{"max", l_max},
	{"norm", l_norm},
	{"argmax", l_argmax},
	{"dot", l_dot},
	{"transpose", l_transpose},
	{"range", l_range},
	{NULL, NULL},
};

static const luaL_Reg meta[] = {
	{"__add", l_add},
	{"__sub", l_subtract},
	{"__mul", l_multiply},
	{"__div", l_divide},
	{"__unm", l_negate},
	{"__eq", l_equal},
	{NULL, NULL},
};

void cs_lua_open_tensor_math(lua_State *L)
{
	lua_getfield(L, -1, "methods");
	lua_getfield(L, -1, "tensor");
	luaL_setfuncs(L, methods, 0);
	lua_pop(L, 2);
	luaL_getmetatable(L, "convscope.tensor");
	luaL_setfuncs(L, meta, 0);
	lua_pop(L, 1);
}
