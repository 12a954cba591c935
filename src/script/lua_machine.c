/* lua_machine.c: the machine and the engine on it, in Lua: version, processor, threads, speed. */
#include "script/network.h"
#include "script/peak.h"
#include "script/rooms.h"
#include "script/trace.h"
#include "script/value.h"

#include "core/alloc.h"
#include "core/gemm.h"
#include "core/random.h"
#include "nn/loss.h"
#include "nn/optimizer.h"

#include <stdlib.h>
#include <time.h>

/*** cs.threads([n])
 * How many threads the engine uses in this program; with a number, use that many from now on (0: one for each processor).
 * CONVSCOPE_THREADS sets what it begins with.
 */
static int l_threads(lua_State *L)
{
	struct cs_workers *workers;
	struct cs_error error;

	if (!lua_isnoneornil(L, 1)) {
		lua_Integer threads = luaL_checkinteger(L, 1);

		luaL_argcheck(L, threads >= 0 && threads <= 4096, 1, "expected 0 (all) to 4096 threads");
		cs_value_set_threads(L, (int)threads);
	}
	if (cs_value_workers(L, &workers, &error))
		return cs_value_fail(L, &error);
	lua_pushinteger(L, cs_workers_count(workers));
	return 1;
}

/*** cs.machine()
 * What the engine runs on: a table with `cpu`, `processors`, `isa` (in use), `best_isa`, `bf16`, `amx`, `blas` (the kernel that OpenBLAS
 * chose) and `blas_version`.
 */
static int l_machine(lua_State *L)
{
	struct cs_error error;
	enum cs_isa isa;

	if (cs_isa_chosen(&isa, &error))
		return cs_value_fail(L, &error);
	lua_createtable(L, 0, 8);
	lua_pushstring(L, cs_cpu_name());
	lua_setfield(L, -2, "cpu");
	lua_pushinteger(L, cs_processors());
	lua_setfield(L, -2, "processors");
	lua_pushstring(L, cs_isa_name(isa));
	lua_setfield(L, -2, "isa");
	lua_pushstring(L, cs_isa_name(cs_cpu_isa()));
	lua_setfield(L, -2, "best_isa");
	lua_pushboolean(L, cs_cpu_has_bf16());
	lua_setfield(L, -2, "bf16");
	lua_pushboolean(L, cs_cpu_has_amx());
	lua_setfield(L, -2, "amx");
	lua_pushstring(L, cs_gemm_kernel());
	lua_setfield(L, -2, "blas");
	lua_pushstring(L, cs_gemm_version());
	lua_setfield(L, -2, "blas_version");
	return 1;
}

/*** cs.speed()
 * Measured now, in about half a second: a table with `fma_peak_gflops` (multiply-adds in registers, all threads),
 * `fma_one_gflops` (one thread), `gemm_gflops` (OpenBLAS, one thread, 1024 x 1024).
 */
static int l_speed(lua_State *L)
{
	enum cs_isa isa = cs_cpu_isa();
	struct cs_workers *workers;
	struct cs_error error;

	if (cs_value_workers(L, &workers, &error))
		return cs_value_fail(L, &error);
	lua_createtable(L, 0, 3);
	lua_pushnumber(L, cs_peak_fma(isa, workers));
	lua_setfield(L, -2, "fma_peak_gflops");
	lua_pushnumber(L, cs_peak_fma(isa, NULL));
	lua_setfield(L, -2, "fma_one_gflops");
	lua_pushnumber(L, cs_peak_gemm(1024));
	lua_setfield(L, -2, "gemm_gflops");
	return 1;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* engine.bench_steps(net, batch, rounds, train): seconds of one pass over `batch` random images (forward, or forward, loss, backward and
 * optimiser step), the median of `rounds` after one to warm up. The weights change when training: give it a copy. */
static int l_bench_steps(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	int batch = (int)luaL_checkinteger(L, 2), rounds = (int)luaL_checkinteger(L, 3);
	bool train = lua_toboolean(L, 4);
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);
	struct cs_optimizer *optimizer = NULL;
	struct cs_batch images = {0};
	struct cs_lua_trace *trace;
	struct cs_error error = {0};
	struct cs_shape out = cs_network_output(model->network);
	struct cs_random random;
	enum cs_status status;
	double *seconds;

	luaL_argcheck(L, batch > 0 && batch <= 1 << 16, 2, "expected 1 .. 65536 images");
	luaL_argcheck(L, rounds > 0 && rounds <= 1000, 3, "expected 1 .. 1000 rounds");
	seconds = cs_value_scratch(L, (size_t)rounds, sizeof *seconds);
	trace = cs_lua_trace_push(L, 1, train ? CS_TRACE_TRAIN : CS_TRACE_OUTPUT, batch, &error);
	if (!trace)
		return cs_value_fail(L, &error);
	if (model->network->input.rank != 3) {
		cs_fail(&error, CS_ERR_UNSUPPORTED, "only networks of images can be measured");
		return cs_value_fail(L, &error);
	}
	status = cs_batch_init(&images, batch, model->network->input, &error);
	if (status)
		goto out;
	images.count = batch;
	cs_random_init(&random, 1, CS_RANDOM_USER, 0, 0);
	for (int64_t i = 0, n = cs_tensor_count(&images.images); i < n; i++)
		images.images.data[i] = cs_random_normal(&random);
	for (int i = 0; i < batch; i++)
		images.labels[i] = (int)cs_random_below(&random, (uint32_t)out.dim[out.rank - 1]);
	spec.rate = 1e-4f; /* weights that stay sane: the rate of a step does not depend on it */
	if (train)
		status = cs_optimizer_new(&spec, model->network, &optimizer, &error);
	for (int i = -1; i < rounds && !status; i++) {
		double start = now();

		if (train) {
			struct cs_loss loss = {0};

			cs_network_forward_training(trace->trace, &images.images, 1, (uint32_t)(i + 1));
			status = cs_loss_cross_entropy(trace->trace, &images, 0, &loss, &error);
			if (status)
				break;
			cs_network_backward(trace->trace, true, NULL);
			cs_optimizer_step(optimizer, model->network, trace->trace, spec.rate);
		} else {
			cs_network_forward(trace->trace, &images.images);
		}
		if (i >= 0)
			seconds[i] = now() - start;
	}
out:
	cs_optimizer_free(optimizer);
	cs_batch_fini(&images);
	cs_lua_trace_drop(L);
	if (status)
		return cs_value_fail(L, &error);
	qsort(seconds, (size_t)rounds, sizeof *seconds, by_value);
	lua_pushnumber(L, seconds[rounds / 2]);
	return 1;
}

static const luaL_Reg functions[] = {
	{"threads", l_threads},
	{"machine", l_machine},
	{"speed", l_speed},
	{"bench_steps", l_bench_steps},
	{NULL, NULL},
};

void cs_lua_open_machine(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
