/* lua_machine.c: the machine and the engine on it, in Lua: version, processor, threads, speed. */
#include "script/images.h"
#include "script/network.h"
#include "script/peak.h"
#include "script/rooms.h"
#include "script/trace.h"
#include "script/value.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/gemm.h"
#include "core/random.h"
#include "nn/loss.h"
#include "nn/optimizer.h"

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

/* A network that is measured, and what a training step of it takes. */
struct bench {
	struct cs_network *network;
	struct cs_trace *trace;
	struct cs_optimizer *optimizer; /* NULL: inference */
	uint32_t step;
};

enum { BENCH_RATE_DIVISOR = 10000 }; /* a learning rate of 1e-4: weights stay sane, and the rate of a step does not depend on it */

static enum cs_status bench_open(struct bench *bench, bool train, struct cs_error *error)
{
	struct cs_optimizer_spec spec = cs_optimizer_default(CS_SGD);

	spec.rate = 1.0f / BENCH_RATE_DIVISOR;
	spec.momentum = 0.9f;
	return train ? cs_optimizer_new(&spec, bench->network, &bench->optimizer, error) : CS_OK;
}

/* Forward, or forward, loss, backward and optimiser step, as a training run takes it. */
static enum cs_status bench_pass(struct bench *bench, const struct cs_batch *batch, struct cs_error *error)
{
	struct cs_tensor images = cs_tensor_slice(&batch->images, 0, batch->count);
	struct cs_loss loss = {0};
	enum cs_status status;

	if (!bench->optimizer) {
		cs_network_forward(bench->trace, &images);
		return CS_OK;
	}
	cs_network_forward_training(bench->trace, &images, 1, bench->step++);
	status = cs_loss_cross_entropy(bench->trace, batch, 0, &loss, error);
	if (status)
		return status;
	cs_network_backward(bench->trace, true, NULL);
	cs_optimizer_step(bench->optimizer, bench->network, bench->trace, 1.0f / BENCH_RATE_DIVISOR);
	return CS_OK;
}

/* engine.bench_steps(net, batch, rounds, train): seconds of one pass over `batch` random images (forward, or forward, loss, backward and
 * optimiser step), the median of `rounds` after one to warm up. The weights change when training: give it a copy. */
static int l_bench_steps(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	int size = (int)luaL_checkinteger(L, 2), rounds = (int)luaL_checkinteger(L, 3);
	bool train = lua_toboolean(L, 4);
	struct bench bench = {.network = model->network};
	struct cs_batch batch = {0};
	struct cs_lua_trace *trace;
	struct cs_error error = {0};
	struct cs_shape out = cs_network_output(model->network);
	struct cs_random random;
	enum cs_status status;
	double *seconds;

	luaL_argcheck(L, size > 0 && size <= 1 << 16, 2, "expected 1 .. 65536 images");
	luaL_argcheck(L, rounds > 0 && rounds <= 1000, 3, "expected 1 .. 1000 rounds");
	seconds = cs_value_scratch(L, (size_t)rounds, sizeof *seconds);
	trace = cs_lua_trace_push(L, 1, train ? CS_TRACE_TRAIN : CS_TRACE_OUTPUT, size, &error);
	if (!trace)
		return cs_value_fail(L, &error);
	if (model->network->input.rank != 3) {
		cs_fail(&error, CS_ERR_UNSUPPORTED, "only networks of images can be measured");
		return cs_value_fail(L, &error);
	}
	bench.trace = trace->trace;
	status = cs_batch_init(&batch, size, model->network->input, &error);
	if (status)
		goto out;
	batch.count = size;
	cs_random_init(&random, 1, CS_RANDOM_USER, 0, 0);
	for (int64_t i = 0, n = cs_tensor_count(&batch.images); i < n; i++)
		batch.images.data[i] = cs_random_normal(&random);
	for (int i = 0; i < size; i++)
		batch.labels[i] = (int)cs_random_below(&random, (uint32_t)out.dim[out.rank - 1]);
	status = bench_open(&bench, train, &error);
	for (int i = -1; i < rounds && !status; i++) {
		double start = cs_now();

		status = bench_pass(&bench, &batch, &error);
		if (i >= 0)
			seconds[i] = cs_now() - start;
	}
out:
	cs_optimizer_free(bench.optimizer);
	cs_batch_fini(&batch);
	cs_lua_trace_drop(L);
	if (status)
		return cs_value_fail(L, &error);
	lua_pushnumber(L, cs_peak_median(seconds, rounds));
	return 1;
}

enum { EPOCH_BLOCK = 20 }; /* batches of a block */

/* One block: `count` batches from the loader, or the last one again and again. Seconds a batch. */
static enum cs_status bench_block(struct bench *bench, struct cs_loader *loader, bool load, int count,
	const struct cs_batch **batch, double *seconds, struct cs_error *error)
{
	double start = cs_now();
	enum cs_status status = CS_OK;

	for (int i = 0; i < count && !status; i++) {
		if (load)
			*batch = cs_loader_next(loader, error);
		if (!*batch)
			return error->status ? error->status
					     : cs_fail(error, CS_ERR_ARGUMENT, "the data set has no more batches");
		status = bench_pass(bench, *batch, error);
	}
	*seconds = (cs_now() - start) / count;
	return status;
}

/* engine.bench_epoch(net, data, batch, blocks): a part of an epoch of the data set's training images, flipped and shifted, with the loader that
 * training uses: seconds a batch, and seconds of the bare step beside it (the batch before, again and again), in blocks of 20 in turn; both
 * medians of `blocks` after one to warm up. The weights change: give it a copy. */
static int l_bench_epoch(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	const struct cs_dataset *data = cs_handle_check(L, 2, &cs_lua_dataset_type);
	const struct cs_split *split = &data->split[CS_SPLIT_TRAIN];
	int size = (int)luaL_checkinteger(L, 3), blocks = (int)luaL_checkinteger(L, 4);
	struct cs_loader_options loading = {
		.batch = size,
		.shuffle = true,
		.seed = 1,
		.preprocess = cs_preprocess_default(),
		.augment = {.flip = true, .shift = 4},
		.ahead = 8,
	};
	struct cs_shape out = cs_network_output(model->network);
	struct bench bench = {.network = model->network};
	const struct cs_batch *batch = NULL;
	struct cs_loader *loader = NULL;
	struct cs_lua_trace *trace;
	struct cs_error error = {0};
	enum cs_status status;
	double *seconds[2];

	luaL_argcheck(L, size > 0 && size <= 1 << 16, 3, "expected 1 .. 65536 images");
	luaL_argcheck(L, blocks > 0 && blocks <= 1000, 4, "expected 1 .. 1000 blocks");
	luaL_argcheck(L,
		model->network->input.rank == 3 && model->network->input.dim[0] == data->height &&
			model->network->input.dim[1] == data->width && data->class_count <= out.dim[out.rank - 1],
		2, "images and classes that the network was not made for");
	if (split->count < (int64_t)size * (blocks + 1) * EPOCH_BLOCK) {
		cs_fail(&error, CS_ERR_ARGUMENT,
			"'%s' has %d training images; %d batches of %d, the part of an epoch that is to be measured, take %d",
			data->spec, (int)split->count, (blocks + 1) * EPOCH_BLOCK, size,
			(blocks + 1) * EPOCH_BLOCK * size);
		return cs_value_fail(L, &error);
	}
	for (int load = 0; load < 2; load++)
		seconds[load] = cs_value_scratch(L, (size_t)blocks + 1, sizeof *seconds[load]);
	trace = cs_lua_trace_push(L, 1, CS_TRACE_TRAIN, size, &error);
	if (!trace)
		return cs_value_fail(L, &error);
	bench.trace = trace->trace;
	loading.channels = (int)model->network->input.dim[2];
	loading.threads = cs_workers_count(bench.trace->workers) >= 4 ? 2 : 1;
	status = bench_open(&bench, true, &error);
	if (!status)
		status = cs_loader_new(data, split->images, split->count, &loading, &loader, &error);
	if (!status)
		cs_loader_start(loader, 0, 0);
	for (int block = 0; block <= blocks && !status; block++) {
		for (int load = 1; load >= 0 && !status; load--)
			status = bench_block(
				&bench, loader, load, EPOCH_BLOCK, &batch, &seconds[load][block], &error);
	}
	cs_loader_free(loader);
	cs_optimizer_free(bench.optimizer);
	cs_lua_trace_drop(L);
	if (status)
		return cs_value_fail(L, &error);
	for (int load = 1; load >= 0; load--)
		lua_pushnumber(L, cs_peak_median(seconds[load] + 1, blocks));
	return 2;
}

static const luaL_Reg functions[] = {
	{"threads", l_threads},
	{"machine", l_machine},
	{"speed", l_speed},
	{"bench_steps", l_bench_steps},
	{"bench_epoch", l_bench_epoch},
	{NULL, NULL},
};

void cs_lua_open_machine(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
