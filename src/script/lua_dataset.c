/* lua_dataset.c: data sets in Lua. Choices of their images are in lua_images.c. */
#include "script/images.h"
#include "script/longcall.h"
#include "script/picture.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include "core/alloc.h"

#include <string.h>

static void close_dataset(void *object)
{
	cs_dataset_close(object);
}

static struct cs_dataset *check(lua_State *L)
{
	return cs_handle_check(L, 1, &cs_lua_dataset_type);
}

struct opening {
	const char *spec;
	struct cs_data_options options;
	struct cs_handle *handle;
};

static enum cs_status open_dataset(struct cs_job *job, void *context, struct cs_error *error)
{
	struct opening *opening = context;
	struct cs_dataset *data;
	enum cs_status status = cs_dataset_open(opening->spec, &opening->options, job, &data, error);

	if (!status)
		opening->handle->object = data;
	return status;
}

/*** cs.dataset(spec[, options])
 * Open a data set: `shapes` (built in, procedural), `shapes:key=value,...`, `tiny-imagenet-200.zip` or its unpacked folder, a
 * folder, zip or tar of class folders, files of CIFAR or MNIST, an .npz file, or an .h5 file as `convscope data export` makes it. Options: `size` (images are fitted to size x
 * size; unless said the source's own), or `width` and `height`; `seed` (0) of the split and of procedural sets; `val` and
 * `test` (0.1), the shares held out where the source has no such split; `strict` (a corrupt picture stops instead of being
 * skipped); `fit`, how stored pictures of another shape come to that size: "crop" (the shorter side fits, what stands over is cut
 * off) or "stretch"; `cache` (true). Returns nil, message, code when there is no such data set or it cannot be read.
 */
static int l_dataset(lua_State *L)
{
	static const char *const names[] = {
		"size", "width", "height", "seed", "val", "test", "strict", "fit", "cache", NULL};
	static const char *const fits[] = {"crop", "stretch", NULL};
	struct opening opening = {.spec = luaL_checkstring(L, 1), .options = cs_data_options_default()};
	struct cs_error error = {0};

	lua_settop(L, 2);
	cs_value_options(L, 2, names);
	opening.options.size = (int)cs_value_integer(L, 2, "size", opening.options.size, 0, 4096);
	opening.options.width = (int)cs_value_integer(L, 2, "width", opening.options.width, 0, 4096);
	opening.options.height = (int)cs_value_integer(L, 2, "height", opening.options.height, 0, 4096);
	opening.options.seed = (uint64_t)cs_value_integer(L, 2, "seed", (int64_t)opening.options.seed, 0, INT64_MAX);
	opening.options.val_share = (float)cs_value_number(L, 2, "val", (double)opening.options.val_share);
	opening.options.test_share = (float)cs_value_number(L, 2, "test", (double)opening.options.test_share);
	opening.options.strict = cs_value_boolean(L, 2, "strict", opening.options.strict);
	opening.options.fit = (enum cs_fit)cs_value_choice(L, 2, "fit", fits[opening.options.fit], fits);
	opening.options.no_cache = !cs_value_boolean(L, 2, "cache", !opening.options.no_cache);
	opening.handle = cs_handle_push(L, &cs_lua_dataset_type);
	if (cs_longcall_run(L, open_dataset, &opening, &error))
		return cs_value_fail(L, &error);
	return 1;
}

/* A whole split as images, made once. */
static int push_split(lua_State *L, enum cs_split_kind kind)
{
	struct cs_dataset *data = check(L);

	cs_value_extra(L, 1);
	if (lua_getfield(L, -1, cs_split_name(kind)) == LUA_TNIL) {
		struct cs_lua_images *images;

		lua_pop(L, 1);
		images = cs_lua_images_push(L, 1, data->split[kind].images, data->split[kind].count);
		strncpy(images->name, cs_split_name(kind), sizeof images->name - 1);
		lua_pushvalue(L, -1);
		lua_setfield(L, -3, cs_split_name(kind));
	}
	return 1;
}

/*** data.train, data.val, data.test
 * The three splits, as images (see below). A split may be empty.
 */
static int get_train(lua_State *L)
{
	return push_split(L, CS_SPLIT_TRAIN);
}

static int get_val(lua_State *L)
{
	return push_split(L, CS_SPLIT_VAL);
}

static int get_test(lua_State *L)
{
	return push_split(L, CS_SPLIT_TEST);
}

/*** data:split(name)
 * The split of that name: "train", "val" or "test"; nil, message, code for others.
 */
static int l_split(lua_State *L)
{
	enum cs_split_kind kind;
	struct cs_error error;

	check(L);
	if (!cs_split_parse(luaL_checkstring(L, 2), &kind)) {
		cs_fail(&error, CS_ERR_NOT_FOUND, "no split '%s': expected train, val or test", lua_tostring(L, 2));
		return cs_value_fail(L, &error);
	}
	return push_split(L, kind);
}

/*** data.classes, data.class_names, data.class_ids
 * How many classes there are, their names for people and their stable ids as Lua lists: class 0 is `class_names[1]`.
 */
static int get_classes(lua_State *L)
{
	lua_pushinteger(L, check(L)->class_count);
	return 1;
}

static int push_names(lua_State *L, char **names, int count)
{
	lua_createtable(L, count, 0);
	for (int i = 0; i < count; i++) {
		lua_pushstring(L, names[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

static int get_class_names(lua_State *L)
{
	struct cs_dataset *data = check(L);

	return push_names(L, data->class_names, data->class_count);
}

static int get_class_ids(lua_State *L)
{
	struct cs_dataset *data = check(L);

	return push_names(L, data->class_ids, data->class_count);
}

/*** data:class_name(class)
 * The name of a class, from 0.
 */
static int l_class_name(lua_State *L)
{
	struct cs_dataset *data = check(L);

	lua_pushstring(L, data->class_names[cs_value_index(L, 2, data->class_count, "class")]);
	return 1;
}

/*** data.width, data.height, data.count, data.spec, data.kind, data.skipped
 * The size of its images in pixels, how many there are in all, what it was opened from, what kind of source that is, and how
 * many corrupt pictures were left out.
 */
static int get_width(lua_State *L)
{
	lua_pushinteger(L, check(L)->width);
	return 1;
}

static int get_height(lua_State *L)
{
	lua_pushinteger(L, check(L)->height);
	return 1;
}

static int get_count(lua_State *L)
{
	lua_pushinteger(L, check(L)->count);
	return 1;
}

static int get_spec(lua_State *L)
{
	lua_pushstring(L, check(L)->spec);
	return 1;
}

static int get_kind(lua_State *L)
{
	lua_pushstring(L, check(L)->ops->name);
	return 1;
}

static int get_skipped(lua_State *L)
{
	lua_pushinteger(L, check(L)->skipped);
	return 1;
}

/*** data:images([first, count])
 * Images of the whole data set by number, whatever split they belong to.
 */
static int l_images(lua_State *L)
{
	struct cs_dataset *data = check(L);
	int64_t first = luaL_optinteger(L, 2, 0), count = luaL_optinteger(L, 3, data->count - first);
	int64_t *numbers;

	if (first < 0 || count < 0 || first > data->count || count > data->count - first)
		return luaL_argerror(L, 2,
			lua_pushfstring(L, "images %I to %I are out of range: there are %I", (LUAI_UACINT)first,
				(LUAI_UACINT)(first + count - 1), (LUAI_UACINT)data->count));
	numbers = cs_value_scratch(L, (size_t)count, sizeof *numbers);
	for (int64_t i = 0; i < count; i++)
		numbers[i] = first + i;
	cs_lua_images_push(L, 1, numbers, count);
	return 1;
}

/*** data:sample(i)
 * What is known of image i: a table with `number`, `label` (nil: unknown), `class` (its name), `name` (where it came from) and
 * `box` (left, top, right, bottom in pixels; right and bottom are exclusive) where there is one.
 */
static int l_sample(lua_State *L)
{
	struct cs_dataset *data = check(L);
	int64_t image = cs_value_index(L, 2, data->count, "image");
	struct cs_sample sample = {.label = -1};

	cs_dataset_sample(data, image, &sample);
	lua_createtable(L, 0, 5);
	lua_pushinteger(L, image);
	lua_setfield(L, -2, "number");
	lua_pushstring(L, sample.name);
	lua_setfield(L, -2, "name");
	if (sample.label >= 0) {
		lua_pushinteger(L, sample.label);
		lua_setfield(L, -2, "label");
		lua_pushstring(L, data->class_names[sample.label]);
		lua_setfield(L, -2, "class");
	}
	if (sample.has_box) {
		lua_createtable(L, 0, 4);
		lua_pushinteger(L, sample.box.left);
		lua_setfield(L, -2, "left");
		lua_pushinteger(L, sample.box.top);
		lua_setfield(L, -2, "top");
		lua_pushinteger(L, sample.box.right);
		lua_setfield(L, -2, "right");
		lua_pushinteger(L, sample.box.bottom);
		lua_setfield(L, -2, "bottom");
		lua_setfield(L, -2, "box");
	}
	return 1;
}

/*** data:picture(i)
 * Image i as a picture.
 */
static int l_picture(lua_State *L)
{
	struct cs_dataset *data = check(L);
	int64_t image = cs_value_index(L, 2, data->count, "image");
	struct cs_picture *picture = cs_lua_picture_push(L);
	struct cs_error error;

	if (cs_picture_init(picture, data->width, data->height, &error) ||
		cs_dataset_pixels(data, image, picture->rgb, &error))
		return cs_value_fail(L, &error);
	return 1;
}

/*** data:mask(i), data.has_masks
 * Where the object of image i is: a tensor [height,width] of 0 and 1. nil, message, code where the source knows no masks.
 */
static int l_mask(lua_State *L)
{
	struct cs_dataset *data = check(L);
	int64_t image = cs_value_index(L, 2, data->count, "image"), count = (int64_t)data->width * data->height;
	struct cs_tensor *tensor;
	struct cs_error error;
	uint8_t *mask;

	if (!cs_dataset_has_masks(data)) {
		cs_fail(&error, CS_ERR_UNSUPPORTED, "the data set '%s' knows no masks; shapes does", data->spec);
		return cs_value_fail(L, &error);
	}
	mask = cs_value_scratch(L, (size_t)count, 1);
	cs_dataset_mask(data, image, mask);
	tensor = cs_lua_tensor_push(L, CS_SHAPE(data->height, data->width));
	for (int64_t i = 0; i < count; i++)
		tensor->data[i] = mask[i];
	return 1;
}

static int get_has_masks(lua_State *L)
{
	lua_pushboolean(L, cs_dataset_has_masks(check(L)));
	return 1;
}

struct measuring {
	const struct cs_dataset *data;
	float mean[3], deviation[3];
};

static enum cs_status measure(struct cs_job *job, void *context, struct cs_error *error)
{
	struct measuring *m = context;

	return cs_dataset_statistics(m->data, job, m->mean, m->deviation, error);
}

/*** data:statistics()
 * Mean and standard deviation of each channel over the training split, pixels as 0 .. 1: two lists of three.
 */
static int l_statistics(lua_State *L)
{
	struct measuring measuring = {.data = check(L)};
	struct cs_error error = {0};

	if (cs_longcall_run(L, measure, &measuring, &error))
		return cs_value_fail(L, &error);
	for (int part = 0; part < 2; part++) {
		lua_createtable(L, 3, 0);
		for (int i = 0; i < 3; i++) {
			lua_pushnumber(L, (lua_Number)(part ? measuring.deviation : measuring.mean)[i]);
			lua_rawseti(L, -2, i + 1);
		}
	}
	return 2;
}

struct exporting {
	const struct cs_dataset *data;
	const char *path;
};

static enum cs_status export(struct cs_job *job, void *context, struct cs_error *error) {
	struct exporting *e = context;

	return cs_dataset_export(e->data, e->path, job, error);
}

/*** data:export(path)
 * Write all of it to one HDF5 file that cs.dataset opens again (`x`, `y`, `split`, `class_names`, ...). true, or nil, message, code.
 */
static int l_export(lua_State *L)
{
	struct exporting exporting = {.data = check(L), .path = luaL_checkstring(L, 2)};
	struct cs_error error = {0};

	if (cs_longcall_run(L, export, &exporting, &error))
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

static const luaL_Reg methods[] = {
	{"split", l_split},
	{"export", l_export},
	{"class_name", l_class_name},
	{"images", l_images},
	{"sample", l_sample},
	{"picture", l_picture},
	{"mask", l_mask},
	{"statistics", l_statistics},
	{NULL, NULL},
};

static const luaL_Reg getters[] = {
	{"train", get_train},
	{"val", get_val},
	{"test", get_test},
	{"classes", get_classes},
	{"class_names", get_class_names},
	{"class_ids", get_class_ids},
	{"width", get_width},
	{"height", get_height},
	{"count", get_count},
	{"spec", get_spec},
	{"kind", get_kind},
	{"skipped", get_skipped},
	{"has_masks", get_has_masks},
	{NULL, NULL},
};

const struct cs_handle_type cs_lua_dataset_type = {
	.name = "data set",
	.close = close_dataset,
	.methods = methods,
	.getters = getters,
};

static const luaL_Reg functions[] = {{"dataset", l_dataset}, {NULL, NULL}};

void cs_lua_open_dataset(lua_State *L)
{
	cs_handle_register(L, -1, &cs_lua_dataset_type);
	luaL_setfuncs(L, functions, 0);
}
