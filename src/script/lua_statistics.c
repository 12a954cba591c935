/* lua_statistics.c: how sure a number is, in Lua (cs.statistics). See measure/statistics.h. */
#include "measure/agreement.h"
#include "measure/statistics.h"

#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

/* Values at `arg`: a list of numbers, a vector [n] or a table [n,columns]. The memory is the tensor's or scratch on the stack. */
static const float *read_values(lua_State *L, int arg, int64_t *n, int64_t *columns, bool *table)
{
	struct cs_tensor *tensor = cs_lua_tensor_test(L, arg);
	float *values;

	*columns = 1;
	*table = false;
	if (tensor) {
		luaL_argcheck(L, tensor->shape.rank == 1 || tensor->shape.rank == 2, arg,
			"expected a vector [n] or a table [n,columns]");
		*n = tensor->shape.dim[0];
		*table = tensor->shape.rank == 2;
		*columns = *table ? tensor->shape.dim[1] : 1;
		return tensor->data;
	}
	luaL_checktype(L, arg, LUA_TTABLE);
	*n = (int64_t)luaL_len(L, arg);
	values = cs_value_scratch(L, (size_t)*n, sizeof *values);
	for (int64_t i = 0; i < *n; i++) {
		lua_geti(L, arg, i + 1);
		values[i] = (float)luaL_checknumber(L, -1);
		lua_pop(L, 1);
	}
	return values;
}

/* Three numbers a column: as numbers for one, as vectors for a table. */
static int push_three(lua_State *L, const double *values, int64_t columns, bool table)
{
	for (int k = 0; k < 3; k++) {
		struct cs_tensor *out;

		if (!table) {
			lua_pushnumber(L, values[k]);
			continue;
		}
		out = cs_lua_tensor_push(L, CS_SHAPE(columns));
		for (int64_t i = 0; i < columns; i++)
			out->data[i] = (float)values[i * 3 + k];
	}
	return 3;
}

_Static_assert(sizeof(struct cs_interval) == 3 * sizeof(double) && sizeof(struct cs_paired) == 3 * sizeof(double),
	"three numbers a column");

/*** cs.statistics.bootstrap(values[, options])
 * The mean and its bootstrap interval: mean, low, high. Of a table [n,columns] three vectors; its rows are resampled together. NaN is a
 * missing value. Options: `seed` (0), `resamples` (1000), `confidence` (0.95).
 */
static int l_bootstrap(lua_State *L)
{
	static const char *const names[] = {"seed", "resamples", "confidence", NULL};
	struct cs_interval *out;
	struct cs_error error;
	int64_t n, columns;
	const float *values;
	double confidence;
	uint64_t seed;
	int resamples;
	bool table;

	lua_settop(L, 2);
	cs_value_options(L, 2, names);
	seed = (uint64_t)cs_value_integer(L, 2, "seed", 0, 0, INT64_MAX);
	resamples = (int)cs_value_integer(L, 2, "resamples", 1000, 10, 1000000);
	confidence = cs_value_number(L, 2, "confidence", 0.95);
	values = read_values(L, 1, &n, &columns, &table);
	out = cs_value_scratch(L, (size_t)columns, sizeof *out);
	if (cs_statistics_bootstrap(values, n, columns, resamples, confidence, seed, out, &error))
		return cs_value_fail(L, &error);
	return push_three(L, &out->mean, columns, table);
}

/*** cs.statistics.paired(differences[, options])
 * Is the mean difference of pairs other than 0? mean, effect (Cohen's d of the pairs), p (two-sided, signs turned at random). Of a
 * table [n,columns] three vectors. Options: `seed` (0), `permutations` (2000).
 */
static int l_paired(lua_State *L)
{
	static const char *const names[] = {"seed", "permutations", NULL};
	struct cs_paired *out;
	struct cs_error error;
	int64_t n, columns;
	const float *values;
	int permutations;
	uint64_t seed;
	bool table;

	lua_settop(L, 2);
	cs_value_options(L, 2, names);
	seed = (uint64_t)cs_value_integer(L, 2, "seed", 0, 0, INT64_MAX);
	permutations = (int)cs_value_integer(L, 2, "permutations", 2000, 10, 1000000);
	values = read_values(L, 1, &n, &columns, &table);
	out = cs_value_scratch(L, (size_t)columns, sizeof *out);
	if (cs_statistics_paired(values, n, columns, permutations, seed, out, &error))
		return cs_value_fail(L, &error);
	return push_three(L, &out->mean, columns, table);
}

/*** cs.statistics.mann_whitney(a, b)
 * Are the numbers of one sample larger than those of another? p (two-sided) and the chance that one of a is above one of b (0.5: no
 * difference). Lists or vectors; NaN is left out.
 */
static int l_mann_whitney(lua_State *L)
{
	int64_t n[2], columns;
	const float *values[2];
	struct cs_ranks ranks;
	struct cs_error error;
	bool table;

	lua_settop(L, 2);
	for (int k = 0; k < 2; k++) {
		values[k] = read_values(L, k + 1, &n[k], &columns, &table);
		luaL_argcheck(L, !table, k + 1, "expected a list or a vector");
	}
	if (cs_statistics_mann_whitney(values[0], n[0], values[1], n[1], &ranks, &error))
		return cs_value_fail(L, &error);
	lua_pushnumber(L, ranks.p);
	lua_pushnumber(L, ranks.area);
	return 2;
}

/*** cs.statistics.fdr(p)
 * Benjamini and Hochberg's adjusted p-values of a list or vector, as a list: those below 0.05 hold at a false discovery rate of 5 %.
 */
static int l_fdr(lua_State *L)
{
	int64_t n, columns;
	const float *values;
	struct cs_error error;
	double *p;
	bool table;

	lua_settop(L, 1);
	values = read_values(L, 1, &n, &columns, &table);
	luaL_argcheck(L, !table, 1, "expected a list or a vector");
	p = cs_value_scratch(L, (size_t)n, sizeof *p);
	for (int64_t i = 0; i < n; i++)
		p[i] = (double)values[i];
	if (cs_statistics_fdr(p, n, p, &error))
		return cs_value_fail(L, &error);
	lua_createtable(L, (int)n, 0);
	for (int64_t i = 0; i < n; i++) {
		lua_pushnumber(L, p[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/*** cs.statistics.mcnemar(first, second)
 * Two networks on the same images: lists or vectors, above 0 where each was right. A table: `p` (McNemar's exact test, two-sided), `both`,
 * `first`, `second` (right alone), `neither`, and how much more the second knows: `difference`, `low`, `high` (shares of the images, 95 %).
 */
static int l_mcnemar(lua_State *L)
{
	struct cs_agreement agreement = {0};
	struct cs_agreement_difference difference;
	const float *values[2];
	int64_t n[2], columns;
	bool table;

	lua_settop(L, 2);
	for (int k = 0; k < 2; k++) {
		values[k] = read_values(L, k + 1, &n[k], &columns, &table);
		luaL_argcheck(L, !table, k + 1, "expected a list or a vector");
	}
	if (n[0] != n[1])
		return luaL_error(
			L, "cs.statistics.mcnemar: %d answers of one and %d of the other", (int)n[0], (int)n[1]);
	for (int64_t i = 0; i < n[0]; i++)
		cs_agreement_add(&agreement, values[0][i] > 0, values[1][i] > 0);
	difference = cs_agreement_difference(&agreement);
	lua_createtable(L, 0, 8);
	lua_pushnumber(L, cs_agreement_p(&agreement));
	lua_setfield(L, -2, "p");
	lua_pushinteger(L, agreement.both);
	lua_setfield(L, -2, "both");
	lua_pushinteger(L, agreement.first);
	lua_setfield(L, -2, "first");
	lua_pushinteger(L, agreement.second);
	lua_setfield(L, -2, "second");
	lua_pushinteger(L, agreement.neither);
	lua_setfield(L, -2, "neither");
	lua_pushnumber(L, difference.mean);
	lua_setfield(L, -2, "difference");
	lua_pushnumber(L, difference.low);
	lua_setfield(L, -2, "low");
	lua_pushnumber(L, difference.high);
	lua_setfield(L, -2, "high");
	return 1;
}

static const luaL_Reg functions[] = {
	{"bootstrap", l_bootstrap},
	{"paired", l_paired},
	{"mann_whitney", l_mann_whitney},
	{"fdr", l_fdr},
	{"mcnemar", l_mcnemar},
	{NULL, NULL},
};

void cs_lua_open_statistics(lua_State *L)
{
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "statistics");
}
