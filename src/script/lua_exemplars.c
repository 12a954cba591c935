/* lua_exemplars.c: which images excite the features of a layer most, in Lua, and what the network saw in them.
 *
 * The search streams all images once, for several layers at a time. What is kept are positions in the choice of images; the views (patch
 * and projection of every exemplar) are made by a second pass over the few images that won, each traced once.
 */
#include "script/images.h"
#include "script/longcall.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/trace.h"
#include "script/value.h"

#include "core/alloc.h"
#include "core/whitening.h"
#include "deconv/exemplars.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void close_exemplars(void *object)
{
	cs_exemplars_fini(object);
	cs_free(object);
}

static const struct cs_handle_type exemplars_type;

static struct cs_exemplars *check(lua_State *L)
{
	return cs_handle_check(L, 1, &exemplars_type);
}

/* The images the search went over, of the handle at 1. */
static const struct cs_lua_images *images_of(lua_State *L)
{
	const struct cs_lua_images *images;

	cs_value_extra(L, 1);
	lua_getfield(L, -1, "images");
	images = cs_lua_images_check(L, -1);
	lua_pop(L, 2);
	return images;
}

struct searching {
	const struct cs_model *model;
	const struct cs_lua_images *images;
	struct cs_trace *trace;
	struct cs_tensor batch;
	int64_t *index;
	struct cs_exemplars **exemplars;
	int layers;
	int last; /* the deepest of them */
};

static enum cs_status search(struct cs_job *job, void *context, struct cs_error *error)
{
	struct searching *s = context;
	int64_t total = s->images->count, capacity = s->trace->capacity;

	for (int64_t first = 0; first < total; first += capacity) {
		int64_t count = total - first < capacity ? total - first : capacity;
		struct cs_tensor images = cs_tensor_slice(&s->batch, 0, count);
		enum cs_status status;

		cs_job_progress(job, (double)first / (double)total, "searching %" PRId64 " of %" PRId64 " images",
			first, total);
		if (cs_job_cancelled(job))
			return cs_fail(error, CS_ERR_CANCELLED, "cancelled");
		status = cs_lua_images_read(s->images, first, count, s->model, s->batch.data, NULL, error);
		if (status)
			return status;
		cs_network_forward_to(s->trace, &images, s->last);
		for (int64_t i = 0; i < count; i++)
			s->index[i] = first + i;
		for (int i = 0; i < s->layers; i++)
			cs_exemplars_add(s->exemplars[i], s->trace, s->index);
	}
	return CS_OK;
}

/* [count, shape...] */
static struct cs_shape batch_shape(int64_t count, const struct cs_shape *shape)
{
	struct cs_shape out = {.rank = shape->rank + 1, .dim = {count}};

	memcpy(out.dim + 1, shape->dim, sizeof *shape->dim * (size_t)shape->rank);
	return out;
}

/* Push a handle of exemplars of one layer, tied to network (1) and images (2). */
static struct cs_exemplars *push_layer(
	lua_State *L, const struct cs_model *model, int layer, int top, struct cs_error *error)
{
	struct cs_handle *handle = cs_handle_push(L, &exemplars_type);
	struct cs_exemplars *exemplars = cs_calloc(1, sizeof *exemplars);

	if (!exemplars) {
		cs_fail_memory(error, "exemplars");
		return NULL;
	}
	if (cs_exemplars_init(exemplars, model->network, layer, top, error)) {
		cs_free(exemplars);
		return NULL;
	}
	handle->object = exemplars;
	cs_handle_adopt(L, -1, 1);
	cs_value_extra(L, -1);
	lua_pushvalue(L, 2);
	lua_setfield(L, -2, "images");
	lua_pop(L, 1);
	return exemplars;
}

/*** cs.exemplars(net, images, layer | list of layers[, options])
 * The images on which each feature of a layer fires most: exemplars, or a list of them when a list of layers was given (they are found
 * in one pass). Options: `top` (9) images a feature, `batch` (32). An image counts once a feature, by its strongest position;
 * features that never fire have none.
 */
static int l_exemplars(lua_State *L)
{
	static const char *const names[] = {"top", "batch", NULL};
	struct cs_model *model = cs_lua_network_check(L, 1);
	struct searching s = {.model = model, .images = cs_lua_images_check(L, 2), .layers = 1};
	struct cs_error error = {0};
	struct cs_lua_trace *trace;
	enum cs_status status;
	int top, batch, result;
	bool list, *wanted;

	lua_settop(L, 4);
	cs_value_options(L, 4, names);
	top = (int)cs_value_integer(L, 4, "top", 9, 1, 1000);
	batch = (int)cs_value_integer(L, 4, "batch", 32, 1, 1 << 16);
	list = lua_istable(L, 3);
	if (list)
		s.layers = (int)luaL_len(L, 3);
	luaL_argcheck(L, s.layers > 0, 3, "no layers");
	if (cs_lua_images_fit(s.images, model, &error))
		return cs_value_fail(L, &error);
	if (s.images->count == 0) {
		cs_fail(&error, CS_ERR_ARGUMENT, "no images to search: the split is empty");
		return cs_value_fail(L, &error);
	}
	s.exemplars = cs_value_scratch(L, (size_t)s.layers, sizeof(*s.exemplars));
	wanted = cs_value_scratch(L, (size_t)model->network->layer_count, sizeof *wanted);
	memset(wanted, 0, (size_t)model->network->layer_count * sizeof *wanted);
	lua_createtable(L, s.layers, 0);
	result = lua_gettop(L);
	for (int i = 0; i < s.layers; i++) {
		int layer;

		if (list)
			lua_geti(L, 3, i + 1);
		else
			lua_pushvalue(L, 3);
		lua_replace(L, 4);
		layer = cs_lua_network_layer(L, 4, model, &error);
		if (layer < 0)
			return cs_value_fail(L, &error);
		s.exemplars[i] = push_layer(L, model, layer, top, &error);
		if (!s.exemplars[i])
			return cs_value_fail(L, &error);
		lua_rawseti(L, result, i + 1);
		if (!cs_exemplars_see_pool(model->network, layer))
			wanted[layer] = true;
		s.last = layer > s.last ? layer : s.last;
	}
	batch = s.images->count < batch ? (int)s.images->count : batch;
	s.index = cs_value_scratch(L, (size_t)batch, sizeof *s.index);
	s.batch = *cs_lua_tensor_push(L, batch_shape(batch, &model->network->input));
	trace = cs_lua_trace_push_wanted(L, 1, CS_TRACE_WANTED, wanted, batch, &error);
	if (!trace)
		return cs_value_fail(L, &error);
	s.trace = trace->trace;
	status = cs_longcall_run(L, search, &s, &error);
	cs_lua_trace_drop(L);
	if (status)
		return cs_value_fail(L, &error);
	if (list)
		lua_settop(L, result);
	else
		lua_rawgeti(L, result, 1);
	return 1;
}

static void set_integer(lua_State *L, const char *key, int64_t value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, key);
}

/*** exemplars:list(feature)
 * The strongest images of a feature, strongest first: a list of tables with `position` (among the images searched), `image` (its number
 * in the data set), `row`, `column` and `value`.
 */
static int l_list(lua_State *L)
{
	struct cs_exemplars *exemplars = check(L);
	const struct cs_lua_images *images = images_of(L);
	int64_t feature = cs_value_index(L, 2, exemplars->features, "feature");

	lua_createtable(L, exemplars->counts[feature], 0);
	for (int i = 0; i < exemplars->counts[feature]; i++) {
		const struct cs_exemplar *item = &exemplars->items[feature * exemplars->top + i];

		lua_createtable(L, 0, 5);
		set_integer(L, "position", item->image);
		set_integer(L, "image", images->numbers[item->image]);
		set_integer(L, "row", item->row);
		set_integer(L, "column", item->column);
		lua_pushnumber(L, (lua_Number)item->value);
		lua_setfield(L, -2, "value");
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/*** exemplars:fired(feature), exemplars:mean(feature)
 * On how many images a feature was above 0, and the mean over all images of its strongest activation.
 */
static int l_fired(lua_State *L)
{
	struct cs_exemplars *exemplars = check(L);

	lua_pushinteger(L, exemplars->fired[cs_value_index(L, 2, exemplars->features, "feature")]);
	return 1;
}

static int l_mean(lua_State *L)
{
	struct cs_exemplars *exemplars = check(L);
	double sum = exemplars->sum[cs_value_index(L, 2, exemplars->features, "feature")];

	lua_pushnumber(L, exemplars->seen ? sum / (double)exemplars->seen : 0);
	return 1;
}

/*** exemplars.layer, exemplars.features, exemplars.top, exemplars.seen, exemplars.images
 * The layer's name, how many features it has, places a feature, images searched, and those images.
 */
static int get_layer(lua_State *L)
{
	struct cs_exemplars *exemplars = check(L);

	lua_getiuservalue(L, 1, CS_HANDLE_PARENT);
	lua_pushstring(L, cs_lua_network_check(L, -1)->network->layers[exemplars->layer].spec.name);
	return 1;
}

static int get_features(lua_State *L)
{
	lua_pushinteger(L, check(L)->features);
	return 1;
}

static int get_top(lua_State *L)
{
	lua_pushinteger(L, check(L)->top);
	return 1;
}

static int get_seen(lua_State *L)
{
	lua_pushinteger(L, check(L)->seen);
	return 1;
}

static int get_images(lua_State *L)
{
	check(L);
	cs_value_extra(L, 1);
	lua_getfield(L, -1, "images");
	return 1;
}

/* One exemplar's place: sorted by image, so that each image is traced once. */
struct place {
	int64_t image;
	int64_t slot; /* feature * top + rank */
};

static int by_image(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->image != y->image)
		return x->image < y->image ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

enum { CHUNK = 64 }; /* projections made at once */

struct viewing {
	const struct cs_model *model;
	const struct cs_lua_images *images;
	const struct cs_exemplars *exemplars;
	struct cs_trace *trace;
	struct cs_rule rule;
	enum cs_signal signal;
	int64_t *winners; /* positions of the images of the places, each once, ascending */
	int64_t winner_count;
	struct place *places;
	int64_t place_count;
	int64_t first_slot; /* of the first feature viewed: row 0 of the results */
	struct cs_field field; /* clipped to the image */
	struct cs_tensor batch; /* [capacity,h,w,c] */
	struct cs_tensor pixels; /* [capacity,h,w,3] raw */
	struct cs_tensor chunk; /* [CHUNK,h,w,c] */
	struct cs_tensor patches; /* [features*top,fh,fw,3] */
	struct cs_tensor projections; /* [features*top,fh,fw,c] */
};

/* Cut the field of unit (row, column) out of image[h,w,c]; outside of the image the patch stays as it is. */
static void cut(const struct viewing *v, const float *image, int64_t channels, int64_t row, int64_t column, float *out)
{
	const struct cs_shape *input = &v->model->network->input;
	int64_t top = v->field.start[0] + row * v->field.step[0], left = v->field.start[1] + column * v->field.step[1];

	for (int64_t y = 0; y < v->field.size[0]; y++) {
		for (int64_t x = 0; x < v->field.size[1]; x++) {
			int64_t iy = top + y, ix = left + x;

			if (iy < 0 || ix < 0 || iy >= input->dim[0] || ix >= input->dim[1])
				continue;
			memcpy(out + (y * v->field.size[1] + x) * channels,
				image + (iy * input->dim[1] + ix) * channels, sizeof(float) * (size_t)channels);
		}
	}
}

/* Project and cut the places first .. first+count-1, whose images stand in the trace from `base` on (as a position among the winners). */
static enum cs_status view_places(struct viewing *v, int64_t first, int64_t count, int64_t base, struct cs_error *error)
{
	int64_t size = cs_shape_count(&v->model->network->input),
		pixels = (int64_t)v->images->width * v->images->height * 3;
	int64_t channels = v->model->network->input.dim[2], field = v->field.size[0] * v->field.size[1];
	struct cs_target targets[CHUNK];
	int64_t winner = base;

	for (int64_t i = 0; i < count; i++) {
		const struct place *place = &v->places[first + i];
		const struct cs_exemplar *item = &v->exemplars->items[place->slot];

		while (v->winners[winner] != place->image)
			winner++;
		targets[i] = (struct cs_target){.image = (int)(winner - base),
			.layer = v->exemplars->layer,
			.feature = place->slot / v->exemplars->top,
			.at = CS_AT_POSITION,
			.row = item->row,
			.column = item->column,
			.signal = v->signal};
	}
	{
		struct cs_tensor out = cs_tensor_slice(&v->chunk, 0, count);
		enum cs_status status = cs_project(v->trace, targets, (int)count, v->rule, &out, NULL, NULL, error);

		if (status)
			return status;
		if (v->model->whitening)
			cs_whitening_undo(v->model->whitening, count, false, out.data);
	}
	for (int64_t i = 0; i < count; i++) {
		const struct place *place = &v->places[first + i];

		cut(v, v->chunk.data + i * size, channels, targets[i].row, targets[i].column,
			v->projections.data + (place->slot - v->first_slot) * field * channels);
		cut(v, v->pixels.data + targets[i].image * pixels, 3, targets[i].row, targets[i].column,
			v->patches.data + (place->slot - v->first_slot) * field * 3);
	}
	return CS_OK;
}

/* Bring the winners first .. first+count-1 into the trace, and their pixels beside it. */
static enum cs_status read_winners(struct viewing *v, int64_t first, int64_t count, struct cs_error *error)
{
	int64_t size = cs_shape_count(&v->model->network->input),
		raw = (int64_t)v->images->width * v->images->height * 3;
	struct cs_tensor images = cs_tensor_slice(&v->batch, 0, count);

	for (int64_t i = 0; i < count; i++) {
		int64_t at = v->winners[first + i];
		enum cs_status status =
			cs_lua_images_read(v->images, at, 1, v->model, v->batch.data + i * size, NULL, error);

		if (!status)
			status = cs_lua_images_pixels(v->images, at, 1, v->pixels.data + i * raw, error);
		if (status)
			return status;
	}
	cs_network_forward_to(v->trace, &images, v->exemplars->layer);
	return CS_OK;
}

static enum cs_status view(struct cs_job *job, void *context, struct cs_error *error)
{
	struct viewing *v = context;
	int64_t capacity = v->trace->capacity, place = 0;

	for (int64_t first = 0; first < v->winner_count; first += capacity) {
		int64_t count = v->winner_count - first < capacity ? v->winner_count - first : capacity;
		int64_t last = v->winners[first + count - 1];
		enum cs_status status;

		cs_job_progress(job, (double)first / (double)v->winner_count,
			"projecting from %" PRId64 " of %" PRId64 " images", first, v->winner_count);
		if (cs_job_cancelled(job))
			return cs_fail(error, CS_ERR_CANCELLED, "cancelled");
		status = read_winners(v, first, count, error);
		while (!status && place < v->place_count && v->places[place].image <= last) {
			int64_t n = 1;

			while (n < CHUNK && place + n < v->place_count && v->places[place + n].image <= last)
				n++;
			status = view_places(v, place, n, first, error);
			place += n;
		}
		if (status)
			return status;
	}
	return CS_OK;
}

/* The part of the input a unit sees, no larger than the image; units that see all of it share one place. */
static struct cs_field clipped_field(const struct cs_network *network, int layer)
{
	struct cs_field field = cs_network_field(network, layer);

	for (int i = 0; i < 2; i++) {
		if (field.size[i] >= network->input.dim[i]) {
			field.size[i] = network->input.dim[i];
			field.start[i] = field.step[i] = 0;
		}
	}
	return field;
}

/* All exemplars of the features first .. first+count-1, sorted by image; the winners besides. Scratch on the stack. */
static void list_places(lua_State *L, struct viewing *v, int64_t first, int64_t count)
{
	const struct cs_exemplars *exemplars = v->exemplars;

	v->places = cs_value_scratch(L, (size_t)(count * exemplars->top), sizeof *v->places);
	v->winners = cs_value_scratch(L, (size_t)(count * exemplars->top), sizeof *v->winners);
	for (int64_t feature = first; feature < first + count; feature++) {
		for (int i = 0; i < exemplars->counts[feature]; i++) {
			int64_t slot = feature * exemplars->top + i;

			v->places[v->place_count++] =
				(struct place){.image = exemplars->items[slot].image, .slot = slot};
		}
	}
	qsort(v->places, (size_t)v->place_count, sizeof *v->places, by_image);
	for (int64_t i = 0; i < v->place_count; i++) {
		if (i == 0 || v->places[i].image != v->places[i - 1].image)
			v->winners[v->winner_count++] = v->places[i].image;
	}
}

/*** exemplars:views([options])
 * What the network saw in its exemplars: a table with `patches` (the part of each image that the unit can see, pixels 0 .. 255, mid-grey
 * beyond the image's border) and `projections` (the same part of its projection), tensors [features*top,rows,columns,channels] with the places
 * of feature f from f*top on; places nobody took are grey and 0. Options: `rule` ("deconvnet"), `signal` ("value"), `first` (0) and
 * `count` (all): which features (place 0 then is the first one's), `batch` (32).
 */
static int l_views(lua_State *L)
{
	static const char *const names[] = {"rule", "signal", "first", "count", "batch", NULL};
	static const char *const signals[] = {"value", "one", NULL};
	struct viewing v = {.exemplars = check(L), .images = images_of(L)};
	struct cs_lua_trace *trace;
	struct cs_error error = {0};
	const struct cs_shape *input;
	int64_t first, count, places;
	int network, result, batch;

	lua_settop(L, 2);
	cs_value_options(L, 2, names);
	if (cs_rule_parse(cs_value_string(L, 2, "rule", "deconvnet"), &v.rule, &error))
		return cs_value_fail(L, &error);
	v.signal = (enum cs_signal)cs_value_choice(L, 2, "signal", "value", signals);
	first = cs_value_integer(L, 2, "first", 0, 0, v.exemplars->features - 1);
	count = cs_value_integer(L, 2, "count", v.exemplars->features - first, 1, v.exemplars->features - first);
	batch = (int)cs_value_integer(L, 2, "batch", 32, 1, 1 << 16);
	lua_getiuservalue(L, 1, CS_HANDLE_PARENT);
	network = lua_gettop(L);
	v.model = cs_lua_network_check(L, network);
	if (cs_project_check(v.model->network, v.exemplars->layer, &error))
		return cs_value_fail(L, &error);
	input = &v.model->network->input;
	v.field = clipped_field(v.model->network, v.exemplars->layer);
	list_places(L, &v, first, count);
	places = count * v.exemplars->top;
	lua_createtable(L, 0, 2);
	result = lua_gettop(L);
	v.patches = *cs_lua_tensor_push(L, CS_SHAPE(places, v.field.size[0], v.field.size[1], 3));
	lua_setfield(L, result, "patches");
	for (int64_t i = 0, n = cs_tensor_count(&v.patches); i < n; i++)
		v.patches.data[i] = 128;
	v.projections = *cs_lua_tensor_push(L, CS_SHAPE(places, v.field.size[0], v.field.size[1], input->dim[2]));
	lua_setfield(L, result, "projections");
	if (v.winner_count == 0)
		return 1;
	batch = v.winner_count < batch ? (int)v.winner_count : batch;
	v.first_slot = first * v.exemplars->top;
	v.batch = *cs_lua_tensor_push(L, batch_shape(batch, input));
	v.pixels = *cs_lua_tensor_push(L, CS_SHAPE(batch, input->dim[0], input->dim[1], 3));
	v.chunk = *cs_lua_tensor_push(L, batch_shape(CHUNK, input));
	trace = cs_lua_trace_push(L, network, CS_TRACE_ALL, batch, &error);
	if (!trace)
		return cs_value_fail(L, &error);
	v.trace = trace->trace;
	{
		enum cs_status status = cs_longcall_run(L, view, &v, &error);

		cs_lua_trace_drop(L);
		if (status)
			return cs_value_fail(L, &error);
	}
	lua_settop(L, result);
	return 1;
}

static const luaL_Reg methods[] = {
	{"list", l_list},
	{"fired", l_fired},
	{"mean", l_mean},
	{"views", l_views},
	{NULL, NULL},
};

static const luaL_Reg getters[] = {
	{"layer", get_layer},
	{"features", get_features},
	{"top", get_top},
	{"seen", get_seen},
	{"images", get_images},
	{NULL, NULL},
};

static const struct cs_handle_type exemplars_type = {
	.name = "exemplars",
	.close = close_exemplars,
	.methods = methods,
	.getters = getters,
};

static const luaL_Reg functions[] = {{"exemplars", l_exemplars}, {NULL, NULL}};

void cs_lua_open_exemplars(lua_State *L)
{
	cs_handle_register(L, -1, &exemplars_type);
	luaL_setfuncs(L, functions, 0);
}
