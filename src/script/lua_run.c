/* lua_run.c: training in Lua: one call that runs to the end, calling back after each batch and epoch; and what runs left on disk.
 *
 * The callbacks run in the calling thread, between batches. What they raise stops the run as a signal would, saved and
 * resumable, and is raised again with its own traceback when the run has ended. cs.train in the Lua library fills the options.
 */
#include "script/images.h"
#include "script/longcall.h"
#include "script/network.h"
#include "script/rooms.h"
#include "script/value.h"

#include "core/alloc.h"
#include "data/whiten.h"
#include "run/curves.h"
#include "run/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_number(lua_State *L, const char *key, double value)
{
	if (isnan(value)) /* nothing known: no field */
		return;
	lua_pushnumber(L, value);
	lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, int64_t value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool value)
{
	lua_pushboolean(L, value);
	lua_setfield(L, -2, key);
}

static void set_text(lua_State *L, const char *key, const char *value)
{
	lua_pushstring(L, value);
	lua_setfield(L, -2, key);
}

/* { number = 3, train = { loss, accuracy }, val = { loss, accuracy, top5 }, rate, images_per_second, seconds, time } */
static void push_epoch(lua_State *L, const struct cs_epoch *epoch)
{
	lua_createtable(L, 0, 10);
	set_integer(L, "number", (int64_t)epoch->epoch);
	lua_createtable(L, 0, 2);
	set_number(L, "loss", epoch->train_loss);
	set_number(L, "accuracy", epoch->train_accuracy);
	lua_setfield(L, -2, "train");
	lua_createtable(L, 0, 3);
	set_number(L, "loss", epoch->val_loss);
	set_number(L, "accuracy", epoch->val_accuracy);
	set_number(L, "top5", epoch->val_top5);
	lua_setfield(L, -2, "val");
	set_number(L, "rate", epoch->rate);
	set_number(L, "images_per_second", epoch->images_per_second);
	set_number(L, "seconds", epoch->seconds);
	set_number(L, "time", epoch->time);
}

static void push_news(lua_State *L, const struct cs_run_news *news)
{
	lua_createtable(L, 0, 16);
	set_integer(L, "epoch", news->epoch);
	set_integer(L, "epochs", news->epochs);
	set_integer(L, "batch", news->batch);
	set_integer(L, "batches", news->batches);
	set_integer(L, "step", news->step);
	set_number(L, "loss", news->loss);
	set_number(L, "accuracy", news->accuracy);
	set_number(L, "rate", news->rate);
	set_number(L, "images_per_second", news->images_per_second);
	if (news->eta >= 0)
		set_number(L, "eta", news->eta);
	set_boolean(L, "best", news->best);
	set_integer(L, "since_best", news->since_best);
	set_integer(L, "patience", news->patience);
	set_text(L, "phase", news->phase);
}

struct watching {
	lua_State *L;
	int on_batch, on_epoch, raised; /* stack positions; nil where there is nothing */
	bool failed;
};

static int add_traceback(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

static bool watch(void *context, const struct cs_run_news *news)
{
	struct watching *w = context;
	lua_State *L = w->L;
	int base = lua_gettop(L);
	bool go_on = true;

	if (lua_isnil(L, news->finished ? w->on_epoch : w->on_batch))
		return true;
	lua_pushcfunction(L, add_traceback);
	lua_pushvalue(L, news->finished ? w->on_epoch : w->on_batch);
	push_news(L, news);
	if (news->finished) { /* what a script wants first: the epoch; the news besides */
		push_epoch(L, news->finished);
		set_boolean(L, "best", news->best);
		lua_insert(L, -2);
	}
	if (lua_pcall(L, news->finished ? 2 : 1, 1, base + 1)) {
		lua_replace(L, w->raised);
		w->failed = true;
		go_on = false;
	} else if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
		go_on = false;
	}
	lua_settop(L, base);
	return go_on;
}

static void read_optimizer(lua_State *L, int arg, struct cs_optimizer_spec *spec)
{
	static const char *const names[] = {"kind", "rate", "momentum", "nesterov", "beta1", "beta2", "epsilon",
		"weight_decay", "clip_norm", "average", NULL};
	static const char *const kinds[] = {"sgd", "adam", NULL};
	int at;

	if (lua_getfield(L, arg, "optimizer") != LUA_TNIL) {
		at = lua_gettop(L);
		luaL_checktype(L, at, LUA_TTABLE);
		cs_value_options(L, at, names);
		*spec = cs_optimizer_default((enum cs_optimizer_kind)cs_value_choice(L, at, "kind", "sgd", kinds));
		spec->rate = (float)cs_value_number(L, at, "rate", (double)spec->rate);
		spec->momentum = (float)cs_value_number(L, at, "momentum", (double)spec->momentum);
		spec->nesterov = cs_value_boolean(L, at, "nesterov", spec->nesterov);
		spec->beta1 = (float)cs_value_number(L, at, "beta1", (double)spec->beta1);
		spec->beta2 = (float)cs_value_number(L, at, "beta2", (double)spec->beta2);
		spec->epsilon = (float)cs_value_number(L, at, "epsilon", (double)spec->epsilon);
		spec->weight_decay = (float)cs_value_number(L, at, "weight_decay", (double)spec->weight_decay);
		spec->clip_norm = (float)cs_value_number(L, at, "clip_norm", (double)spec->clip_norm);
		spec->average = (float)cs_value_number(L, at, "average", (double)spec->average);
	}
	lua_pop(L, 1);
}

static void read_schedule(lua_State *L, int arg, struct cs_schedule *schedule)
{
	static const char *const names[] = {"kind", "warmup", "factor", "every", "final", "peak_at", "start", NULL};
	static const char *const kinds[] = {"constant", "step", "cosine", "one-cycle", NULL};
	int at;

	if (lua_getfield(L, arg, "schedule") != LUA_TNIL) {
		at = lua_gettop(L);
		luaL_checktype(L, at, LUA_TTABLE);
		cs_value_options(L, at, names);
		*schedule =
			cs_schedule_default((enum cs_schedule_kind)cs_value_choice(L, at, "kind", "constant", kinds));
		schedule->warmup = cs_value_integer(L, at, "warmup", schedule->warmup, 0, INT64_MAX);
		schedule->factor = cs_value_number(L, at, "factor", schedule->factor);
		schedule->every = cs_value_integer(L, at, "every", schedule->every, 1, INT64_MAX);
		schedule->final = cs_value_number(L, at, "final", schedule->final);
		schedule->peak_at = cs_value_number(L, at, "peak_at", schedule->peak_at);
		schedule->start = cs_value_number(L, at, "start", schedule->start);
	}
	lua_pop(L, 1);
}

static void read_augment(lua_State *L, int arg, struct cs_run_options *options)
{
	static const char *const names[] = {"flip", "flip_vertical", "shift", "rotate", "crop", "brightness",
		"contrast", "saturation", "hue", "cutout", "val", NULL};
	struct cs_augment *augment = &options->augment;
	int at;

	if (lua_getfield(L, arg, "augment") != LUA_TNIL) {
		at = lua_gettop(L);
		luaL_checktype(L, at, LUA_TTABLE);
		cs_value_options(L, at, names);
		augment->flip = cs_value_boolean(L, at, "flip", false);
		augment->flip_vertical = cs_value_boolean(L, at, "flip_vertical", false);
		augment->shift = (int)cs_value_integer(L, at, "shift", 0, INT32_MIN, INT32_MAX);
		augment->rotate = (float)cs_value_number(L, at, "rotate", 0);
		augment->crop = (float)cs_value_number(L, at, "crop", 0);
		augment->brightness = (float)cs_value_number(L, at, "brightness", 0);
		augment->contrast = (float)cs_value_number(L, at, "contrast", 0);
		augment->saturation = (float)cs_value_number(L, at, "saturation", 0);
		augment->hue = (float)cs_value_number(L, at, "hue", 0);
		augment->cutout = (int)cs_value_integer(L, at, "cutout", 0, INT32_MIN, INT32_MAX);
		options->augment_val = cs_value_boolean(L, at, "val", false);
	}
	lua_pop(L, 1);
}

/* `zca`: true for the usual epsilon, or the epsilon. */
static float read_zca(lua_State *L, int arg)
{
	float zca = 0;

	if (lua_getfield(L, arg, "zca") == LUA_TBOOLEAN)
		zca = lua_toboolean(L, -1) ? CS_WHITEN_EPSILON : 0;
	else
		zca = (float)cs_value_number(L, arg, "zca", 0);
	lua_pop(L, 1);
	return zca;
}

/* `teacher`, a network that stays on the stack, and `teacher_share`; its handle, NULL where there is none. */
static struct cs_handle *read_teacher(lua_State *L, int arg, struct cs_run_options *options)
{
	options->teacher_share = (float)cs_value_number(L, arg, "teacher_share", (double)options->teacher_share);
	if (lua_getfield(L, arg, "teacher") == LUA_TNIL)
		return NULL;
	options->teacher = cs_lua_network_check(L, lua_gettop(L));
	return cs_handle_at(L, lua_gettop(L), &cs_lua_network_type);
}

/* A function, or nil; left on the stack. */
static int push_callback(lua_State *L, int arg, const char *key)
{
	int type = lua_getfield(L, arg, key);

	if (type != LUA_TNIL && type != LUA_TFUNCTION)
		luaL_argerror(L, arg,
			lua_pushfstring(L, "option '%s' must be a function, not a %s", key, lua_typename(L, type)));
	return lua_gettop(L);
}

static const char *const ends[] = {[CS_RUN_COMPLETE] = "complete",
	[CS_RUN_PATIENCE] = "patience",
	[CS_RUN_STOPPED] = "stopped",
	[CS_RUN_DIVERGED] = "diverged"};

static void push_summary(lua_State *L, const struct cs_run_summary *summary, const char *directory)
{
	lua_createtable(L, 0, 14);
	set_text(L, "finish", ends[summary->end]);
	set_integer(L, "epochs", summary->epochs);
	if (summary->best_epoch >= 0) {
		set_integer(L, "best_epoch", summary->best_epoch);
		set_number(L, "best_val_accuracy", summary->best_val_accuracy);
		set_number(L, "best_val_loss", summary->best_val_loss);
	}
	set_number(L, "last_train_accuracy", summary->last_train_accuracy);
	set_number(L, "last_train_loss", summary->last_train_loss);
	set_number(L, "seconds", summary->seconds);
	set_number(L, "images_per_second", summary->images_per_second);
	set_number(L, "loader_wait_share", summary->loader_wait_share);
	set_text(L, "message", summary->message);
	set_text(L, "directory", directory);
}

/* What a training is asked to be; `teacher` stays on the stack, NULL: there is none. */
struct asked {
	struct cs_run_options options;
	enum cs_precision precision;
	struct cs_handle *teacher;
	bool resume;
};

/* Raises what cannot be. */
static struct asked read_asked(lua_State *L, int arg, const struct cs_network *network)
{
	static const char *const names[] = {"out", "epochs", "batch", "patience", "optimizer", "schedule", "augment",
		"smoothing", "seed", "threads", "overwrite", "keep_preprocess", "checkpoint_seconds", "config",
		"precision", "resume", "zca", "teacher", "teacher_share", "on_batch", "on_epoch", NULL};
	struct asked asked = {.options = cs_run_options_default(), .precision = network->precision};
	struct cs_run_options *options = &asked.options;
	struct cs_error error;

	cs_value_options(L, arg, names);
	options->directory = cs_value_string(L, arg, "out", NULL);
	options->epochs = (int)cs_value_integer(L, arg, "epochs", options->epochs, 1, INT32_MAX);
	options->batch = (int)cs_value_integer(L, arg, "batch", options->batch, 1, 1 << 16);
	options->patience = (int)cs_value_integer(L, arg, "patience", options->patience, 0, INT32_MAX);
	options->smoothing = (float)cs_value_number(L, arg, "smoothing", (double)options->smoothing);
	options->seed = (uint64_t)cs_value_integer(L, arg, "seed", (int64_t)options->seed, 0, INT64_MAX);
	options->threads = (int)cs_value_integer(L, arg, "threads", cs_value_threads(L), 0, 4096);
	options->overwrite = cs_value_boolean(L, arg, "overwrite", options->overwrite);
	options->fixed_preprocess = cs_value_boolean(L, arg, "keep_preprocess", options->fixed_preprocess);
	options->checkpoint_seconds = cs_value_number(L, arg, "checkpoint_seconds", options->checkpoint_seconds);
	options->config = cs_value_string(L, arg, "config", NULL);
	if (cs_precision_parse(
		    cs_value_string(L, arg, "precision", cs_precision_name(asked.precision)), &asked.precision, &error))
		luaL_argerror(L, arg, error.message);
	asked.resume = cs_value_boolean(L, arg, "resume", false);
	luaL_argcheck(
		L, !asked.resume || options->directory, arg, "option 'resume' needs 'out', the run to go on with");
	read_optimizer(L, arg, &options->optimizer);
	read_schedule(L, arg, &options->schedule);
	read_augment(L, arg, options);
	options->zca = read_zca(L, arg);
	asked.teacher = read_teacher(L, arg, options);
	return asked;
}

/* cs_run_train(), in which nobody else touches what it works with: the network and the data set of the first two arguments. */
static enum cs_status train(
	lua_State *L, const struct asked *asked, struct cs_run_summary *summary, struct cs_error *error)
{
	struct cs_handle *busy[] = {
		cs_handle_at(L, 1, &cs_lua_network_type), cs_handle_at(L, 2, &cs_lua_dataset_type), asked->teacher};
	enum cs_status status;

	cs_handle_orphan(L, 1); /* traces of the weights that are about to change */
	for (size_t i = 0; i < sizeof busy / sizeof *busy && busy[i]; i++)
		busy[i]->busy++;
	cs_longcall_guard(NULL);
	status = cs_run_train(busy[0]->object, busy[1]->object, &asked->options, asked->resume, NULL, summary, error);
	cs_longcall_unguard(summary->end == CS_RUN_STOPPED);
	for (size_t i = 0; i < sizeof busy / sizeof *busy && busy[i]; i++)
		busy[i]->busy--;
	return status;
}

/* The summary; behind nil, message, code where the training failed or a signal ended it. Returns how many values. */
static int push_outcome(
	lua_State *L, const struct cs_run_summary *summary, const char *directory, const struct cs_error *error)
{
	int pushed = 0;

	if (error->status) {
		pushed = cs_value_fail(L, error);
	} else if (summary->end == CS_RUN_STOPPED && cs_longcall_signal()) {
		lua_pushnil(L);
		lua_pushstring(L, summary->message);
		lua_pushstring(L, cs_status_name(CS_ERR_CANCELLED));
		pushed = 3;
	}
	push_summary(L, summary, directory);
	return pushed + 1;
}

/* engine.train(net, data, options): see cs.train in init.lua. */
static int l_train(lua_State *L)
{
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct cs_handle *network = cs_handle_at(L, 1, &cs_lua_network_type);
	struct cs_run_summary summary = {.best_epoch = -1};
	struct watching watching = {.L = L};
	struct cs_error error = {0};
	struct asked asked;

	cs_handle_check(L, 2, &cs_lua_dataset_type);
	lua_settop(L, 3);
	if (network->busy)
		return luaL_argerror(L, 1, "this network is being trained already");
	asked = read_asked(L, 3, model->network);
	luaL_argcheck(
		L, asked.teacher != network, 3, "option 'teacher' is the network itself: it can teach itself nothing");
	watching.on_batch = push_callback(L, 3, "on_batch");
	watching.on_epoch = push_callback(L, 3, "on_epoch");
	lua_pushnil(L);
	watching.raised = lua_gettop(L);
	luaL_checkstack(L, 20, NULL);
	if (cs_network_set_precision(model->network, asked.precision, &error))
		return cs_value_fail(L, &error);
	asked.options.watch = watch;
	asked.options.context = &watching;
	error.status = train(L, &asked, &summary, &error);
	if (watching.failed) {
		lua_pushvalue(L, watching.raised);
		return lua_error(L);
	}
	return push_outcome(L, &summary, asked.options.directory, &error);
}

/*** cs.run_state(directory)
 * What is known of a run, finished or not: a table with `path`, `model`, `dataset`, `finished`, `alive` (a process is writing it now),
 * `epoch`, `epochs`, `best_epoch`, `best_val_accuracy`, `modified` (seconds since 1970). nil, message, code when the directory holds
 * none.
 */
static int l_run_state(lua_State *L)
{
	struct cs_run_state state;
	struct cs_error error;

	if (cs_run_inspect(luaL_checkstring(L, 1), &state, &error))
		return cs_value_fail(L, &error);
	lua_createtable(L, 0, 10);
	set_text(L, "path", state.path);
	set_text(L, "model", state.model);
	set_text(L, "dataset", state.dataset);
	set_boolean(L, "finished", state.finished);
	set_boolean(L, "alive", state.alive);
	set_integer(L, "epoch", state.epoch);
	set_integer(L, "epochs", state.epochs);
	if (state.best_epoch >= 0)
		set_integer(L, "best_epoch", state.best_epoch);
	set_number(L, "best_val_accuracy", state.best_val_accuracy);
	set_number(L, "modified", state.modified);
	return 1;
}

/*** cs.history(directory)
 * The learning curves of a run, also while another process writes it: a table with `epochs` (a list of epochs as on_epoch gets them) and
 * `points` (running means inside the epochs: `step`, `epoch` with its fraction, `loss`, `accuracy`, `rate`,
 * `images_per_second`).
 */
static int l_history(lua_State *L)
{
	const char *directory = luaL_checkstring(L, 1);
	struct cs_curves curves;
	struct cs_error error;

	if (cs_history_read(directory, &curves, &error))
		return cs_value_fail(L, &error);
	lua_createtable(L, 0, 2);
	lua_createtable(L, (int)curves.epoch_count, 0);
	for (int64_t i = 0; i < curves.epoch_count; i++) {
		push_epoch(L, &curves.epochs[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, -2, "epochs");
	lua_createtable(L, (int)curves.point_count, 0);
	for (int64_t i = 0; i < curves.point_count; i++) {
		const struct cs_point *point = &curves.points[i];

		lua_createtable(L, 0, 6);
		set_number(L, "step", point->step);
		set_number(L, "epoch", point->epoch);
		set_number(L, "loss", point->loss);
		set_number(L, "accuracy", point->accuracy);
		set_number(L, "rate", point->rate);
		set_number(L, "images_per_second", point->images_per_second);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, -2, "points");
	cs_curves_fini(&curves);
	return 1;
}

/* The numbers of one line under `key` of the table on top. */
static void set_numbers(lua_State *L, const char *key, const double *from, long count)
{
	if (!from)
		return;
	lua_createtable(L, (int)count, 0);
	for (long i = 0; i < count; i++) {
		lua_pushnumber(L, from[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, -2, key);
}

static void push_lines(lua_State *L, const struct cs_lines *lines)
{
	lua_createtable(L, lines->count, 0);
	for (int i = 0; i < lines->count; i++) {
		const struct cs_line *line = &lines->lines[i];

		lua_createtable(L, 0, 5);
		set_text(L, "name", line->name);
		set_numbers(L, "x", line->x, line->count);
		set_numbers(L, "y", line->y, line->count);
		set_numbers(L, "low", line->low, line->count);
		set_numbers(L, "high", line->high, line->count);
		lua_rawseti(L, -2, i + 1);
	}
}

struct many {
	struct cs_curves curves[CS_CURVE_RUNS], before[CS_CURVE_RUNS];
	struct cs_curve_run runs[CS_CURVE_RUNS];
	int count;
};

/* Read the runs of the list at stack position 1. */
static enum cs_status read_many(lua_State *L, struct many *many, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	for (int i = 0; i < (int)luaL_len(L, 1) && !status; i++) {
		const char *directory, *slash;

		lua_geti(L, 1, i + 1);
		directory = lua_tostring(L, -1); /* the list keeps it */
		lua_pop(L, 1);
		slash = strrchr(directory, '/');
		snprintf(
			many->runs[i].name, sizeof many->runs[i].name, "%s", slash && slash[1] ? slash + 1 : directory);
		many->runs[i].kind = cs_run_kind(directory);
		status = cs_history_read(directory, &many->curves[i], error);
		many->runs[i].curves = &many->curves[i];
		many->runs[i].before = &many->before[i];
		many->count += !status;
		if (!status)
			status = cs_history_read_before(directory, &many->before[i], error);
	}
	return status;
}

/*** cs.curves(directories[, options])
 * The learning curves of one run or of several as the browser draws them: a table with `accuracy` (in percent) and `loss`, each a list of lines with
 * `name`, `x` (epochs done), `y`, and for the mean of several runs `low` and `high` (a standard deviation about it). One run has two lines,
 * train and val; several have one each, those that differ by their seed alone together one. Options: `smooth` (0; epochs of a running
 * mean), `apart` (false: each run has a line of its own).
 */
static int l_curves(lua_State *L)
{
	static const char *const names[] = {"smooth", "apart", NULL};
	struct cs_curve_options options = {.grouped = true};
	struct cs_lines lines[CS_QUANTITIES] = {{0}};
	struct many *many;
	struct cs_error error;
	enum cs_status status;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argcheck(
		L, luaL_len(L, 1) >= 1 && luaL_len(L, 1) <= CS_CURVE_RUNS, 1, "a list of 1 to 24 directories expected");
	for (lua_Integer i = 1; i <= luaL_len(L, 1); i++) {
		luaL_argcheck(L, lua_geti(L, 1, i) == LUA_TSTRING, 1, "a list of directories expected");
		lua_pop(L, 1);
	}
	if (!lua_isnoneornil(L, 2)) {
		cs_value_options(L, 2, names);
		options.smoothing = (int)cs_value_integer(L, 2, "smooth", 0, 0, 1 << 20);
		options.grouped = !cs_value_boolean(L, 2, "apart", false);
	}
	many = cs_value_scratch(L, 1, sizeof *many);
	memset(many, 0, sizeof *many);
	status = read_many(L, many, &error);
	for (int q = 0; q < CS_QUANTITIES && !status; q++) {
		options.quantity = (enum cs_quantity)q;
		status = cs_curves_lines(many->runs, many->count, options, &lines[q], &error);
	}
	if (!status) {
		lua_createtable(L, 0, 2);
		push_lines(L, &lines[CS_QUANTITY_ACCURACY]);
		lua_setfield(L, -2, "accuracy");
		push_lines(L, &lines[CS_QUANTITY_LOSS]);
		lua_setfield(L, -2, "loss");
	}
	for (int q = 0; q < CS_QUANTITIES; q++)
		cs_lines_fini(&lines[q]);
	for (int i = 0; i < many->count; i++) {
		cs_curves_fini(&many->curves[i]);
		cs_curves_fini(&many->before[i]);
	}
	return status ? cs_value_fail(L, &error) : 1;
}

/*** cs.save_history(directory, path)
 * Write the whole history of a run to an HDF5 file: `/epochs` and `/points`, float64, one row each; an attribute `columns` names the columns. true,
 * or nil, message, code.
 */
static int l_save_history(lua_State *L)
{
	const char *directory = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
	struct cs_curves curves;
	struct cs_error error;
	enum cs_status status = cs_history_read(directory, &curves, &error);

	if (!status) {
		status = cs_curves_save(&curves, path, &error);
		cs_curves_fini(&curves);
	}
	if (status)
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

/* engine.results_place(target): where results of analyses of a run or a model file are looked for, and whether that is within the run itself. */
static int l_results_place(lua_State *L)
{
	bool within;
	char *directory = cs_run_results(luaL_checkstring(L, 1), &within);

	if (!directory)
		return luaL_error(L, "there is not enough memory for a path");
	lua_pushstring(L, directory);
	cs_free(directory);
	lua_pushboolean(L, within);
	return 2;
}

static const luaL_Reg functions[] = {
	{"results_place", l_results_place},
	{"train", l_train},
	{"run_state", l_run_state},
	{"history", l_history},
	{"curves", l_curves},
	{"save_history", l_save_history},
	{NULL, NULL},
};

void cs_lua_open_run(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
