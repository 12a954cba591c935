/* lua_picture.c: pictures in Lua: from tensors and files, mosaics, PNG. The numbers behind a picture go with it, and into the
 * PNG's text chunks when it is saved.
 */
#include "script/picture.h"

#include "script/images.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include "core/alloc.h"
#include "core/preprocess.h"
#include "figure/montage.h"
#include "io/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void close_picture(void *object)
{
	cs_picture_fini(object);
	cs_free(object);
}

struct cs_picture *cs_lua_picture_push(lua_State *L)
{
	struct cs_handle *handle = cs_handle_push(L, &cs_lua_picture_type);

	handle->object = cs_calloc(1, sizeof(struct cs_picture));
	if (!handle->object)
		luaL_error(L, "not enough memory for a picture");
	return handle->object;
}

struct cs_picture *cs_lua_picture_check(lua_State *L, int arg)
{
	return cs_handle_check(L, arg, &cs_lua_picture_type);
}

struct cs_picture *cs_lua_picture_test(lua_State *L, int arg)
{
	return cs_handle_test(L, arg, &cs_lua_picture_type);
}

/* Note a number or text with the picture on top of the stack. */
static void note(lua_State *L, const char *key, const char *value)
{
	cs_value_extra(L, -1);
	luaL_getsubtable(L, -1, "text");
	lua_pushstring(L, value);
	lua_setfield(L, -2, key);
	lua_pop(L, 2);
}

static void note_number(lua_State *L, const char *key, double value)
{
	char text[40];

	snprintf(text, sizeof text, "%.9g", value);
	note(L, key, text);
}

static const char *const picture_options[] = {"shared", "limit", "map", "zoom", "columns", "gap", "photo", NULL};

static struct cs_scale read_scale(lua_State *L, int arg)
{
	struct cs_scale scale = {.kind = cs_value_boolean(L, arg, "shared", false) ? CS_SCALE_SHARED : CS_SCALE_OWN};
	double limit = cs_value_number(L, arg, "limit", NAN);

	if (!isnan(limit)) {
		luaL_argcheck(L, limit > 0 && isfinite(limit), arg, "option 'limit' must be above 0");
		scale.kind = CS_SCALE_FIXED;
		scale.limit = (float)limit;
	}
	return scale;
}

static const struct cs_colormap *read_map(lua_State *L, int arg)
{
	static const char *const names[] = {"diverging", "heat", "grey", NULL};

	return cs_colormap_find(names[cs_value_choice(L, arg, "map", "diverging", names)]);
}

/* Magnify in place by repeating pixels. */
static enum cs_status magnify(struct cs_picture *picture, int zoom, struct cs_error *error)
{
	struct cs_picture large;
	enum cs_status status;

	if (zoom == 1)
		return CS_OK;
	status = cs_picture_resize(picture, picture->width * zoom, picture->height * zoom, false, &large, error);
	if (status)
		return status;
	cs_picture_fini(picture);
	*picture = large;
	return CS_OK;
}

static enum cs_status from_photo(const struct cs_tensor *image, struct cs_picture *picture, struct cs_error *error)
{
	const struct cs_preprocess raw = {.scale = 1, .deviation = {1, 1, 1}};
	enum cs_status status = cs_picture_init(picture, (int)image->shape.dim[1], (int)image->shape.dim[0], error);

	if (!status)
		cs_preprocess_undo(&raw, image->data, image->shape.dim[0] * image->shape.dim[1],
			(int)image->shape.dim[2], picture->rgb);
	return status;
}

/* A tensor [h,w,c]; [h,w] and [1,h,w,c] are taken too. Raises for others. */
static struct cs_tensor check_image(lua_State *L, int arg)
{
	struct cs_tensor image = *cs_lua_tensor_check(L, arg);
	char text[CS_SHAPE_TEXT];

	image.owned = false;
	if (image.shape.rank == 2)
		image.shape = CS_SHAPE(image.shape.dim[0], image.shape.dim[1], 1);
	if (image.shape.rank == 4 && image.shape.dim[0] == 1)
		image.shape = CS_SHAPE(image.shape.dim[1], image.shape.dim[2], image.shape.dim[3]);
	if (image.shape.rank != 3 || cs_tensor_count(&image) == 0)
		luaL_argerror(L, arg,
			lua_pushfstring(L, "a picture is made of a tensor [height,width,channels], not %s",
				cs_shape_text(&image.shape, text, sizeof text)));
	return image;
}

/*** cs.picture(tensor[, options]), cs.picture(path)
 * A picture of a tensor [height,width,channels], or the PNG or JPEG file at that path. Three channels are drawn as colours around
 * mid-grey (0), other numbers of channels as their norm (one: as it is) through a colour map. Options: `limit` (the absolute value that
 * gets full colour; unless said the largest there is), `map` ("diverging", "heat", "grey"), `zoom` (1), `photo` (the numbers are
 * pixels 0 .. 255 and are shown as they are).
 */
static int l_picture(lua_State *L)
{
	struct cs_picture *picture;
	struct cs_error error;
	struct cs_tensor image;
	struct cs_range range;
	int zoom;

	if (lua_type(L, 1) == LUA_TSTRING) {
		picture = cs_lua_picture_push(L);
		if (cs_picture_load(lua_tostring(L, 1), picture, &error))
			return cs_value_fail(L, &error);
		return 1;
	}
	lua_settop(L, 2);
	image = check_image(L, 1);
	cs_value_options(L, 2, picture_options);
	zoom = (int)cs_value_integer(L, 2, "zoom", 1, 1, 1000);
	picture = cs_lua_picture_push(L);
	if (cs_value_boolean(L, 2, "photo", false)) {
		luaL_argcheck(L, image.shape.dim[2] == 3 || image.shape.dim[2] == 1, 1, "a photo has 3 channels, or 1");
		if (from_photo(&image, picture, &error))
			return cs_value_fail(L, &error);
	} else {
		float used = 0;

		if (cs_montage_image(&image, read_scale(L, 2), read_map(L, 2), picture, &used, &error))
			return cs_value_fail(L, &error);
		range = cs_tensor_range(&image);
		note_number(L, "limit", (double)used);
		note_number(L, "min", (double)range.min);
		note_number(L, "max", (double)range.max);
		note_number(L, "norm", range.norm);
	}
	if (magnify(picture, zoom, &error))
		return cs_value_fail(L, &error);
	return 1;
}

/* A mosaic of the pictures in the list at 1. */
static int mosaic_of_pictures(lua_State *L, int columns, int zoom, int gap)
{
	int count = (int)luaL_len(L, 1);
	struct cs_picture *pictures = cs_value_scratch(L, (size_t)count, sizeof *pictures), *out;
	struct cs_error error;

	luaL_argcheck(L, count > 0, 1, "no pictures");
	for (int i = 0; i < count; i++) {
		lua_geti(L, 1, i + 1);
		pictures[i] = *cs_lua_picture_check(L, -1);
		lua_pop(L, 1);
		if (pictures[i].width != pictures[0].width || pictures[i].height != pictures[0].height)
			return luaL_argerror(L, 1,
				lua_pushfstring(L, "pictures of one size: picture %d is %dx%d, the first %dx%d", i + 1,
					pictures[i].width, pictures[i].height, pictures[0].width, pictures[0].height));
	}
	out = cs_lua_picture_push(L);
	if (cs_montage_pictures(pictures, count, columns, zoom, gap, out, &error))
		return cs_value_fail(L, &error);
	return 1;
}

static void note_limits(lua_State *L, const float *used, int64_t count, bool shared)
{
	luaL_Buffer text;

	if (shared) {
		note_number(L, "limit", (double)used[0]);
		return;
	}
	lua_checkstack(L, 6);
	luaL_buffinit(L, &text);
	for (int64_t i = 0; i < count; i++) {
		char number[40];

		snprintf(number, sizeof number, i ? " %.6g" : "%.6g", (double)used[i]);
		luaL_addstring(&text, number);
	}
	luaL_pushresult(&text);
	lua_insert(L, -2);
	note(L, "limits", lua_tostring(L, -2));
	lua_remove(L, -2);
}

/*** cs.mosaic(tensor | pictures[, options])
 * Many pictures in one: of a tensor [n,height,width,channels] or of a list of pictures of one size. Options: `columns` (near square unless
 * said), `zoom` (1), `gap` (1, pixels between); for tensors also `shared` (one scale for all; unless said each has its own),
 * `limit`, `map`, `photo` as for cs.picture.
 */
static int l_mosaic(lua_State *L)
{
	struct cs_tensor *images;
	struct cs_picture *picture;
	struct cs_scale scale;
	struct cs_error error;
	struct cs_range range;
	int columns, zoom, gap;
	float *used;

	lua_settop(L, 2);
	cs_value_options(L, 2, picture_options);
	columns = (int)cs_value_integer(L, 2, "columns", 0, 0, 10000);
	zoom = (int)cs_value_integer(L, 2, "zoom", 1, 1, 1000);
	gap = (int)cs_value_integer(L, 2, "gap", 1, 0, 1000);
	if (lua_type(L, 1) == LUA_TTABLE)
		return mosaic_of_pictures(L, columns, zoom, gap);
	images = cs_lua_tensor_check(L, 1);
	luaL_argcheck(L, images->shape.rank == 4 && cs_tensor_count(images) > 0, 1,
		"expected a tensor [n,height,width,channels]");
	if (cs_value_boolean(L, 2, "photo", false)) {
		int64_t n = images->shape.dim[0];

		lua_createtable(L, (int)n, 0);
		for (int64_t i = 0; i < n; i++) {
			struct cs_tensor one = cs_tensor_slice(images, i, 1);

			one.shape = CS_SHAPE(images->shape.dim[1], images->shape.dim[2], images->shape.dim[3]);
			luaL_argcheck(
				L, one.shape.dim[2] == 3 || one.shape.dim[2] == 1, 1, "a photo has 3 channels, or 1");
			picture = cs_lua_picture_push(L);
			if (from_photo(&one, picture, &error))
				return cs_value_fail(L, &error);
			lua_rawseti(L, -2, i + 1);
		}
		lua_replace(L, 1);
		lua_settop(L, 2);
		return mosaic_of_pictures(L, columns, zoom, gap);
	}
	scale = read_scale(L, 2);
	used = cs_value_scratch(L, (size_t)images->shape.dim[0], sizeof *used);
	picture = cs_lua_picture_push(L);
	if (cs_montage_mosaic(images, scale, read_map(L, 2), columns, zoom, gap, picture, used, &error))
		return cs_value_fail(L, &error);
	range = cs_tensor_range(images);
	note_limits(L, used, images->shape.dim[0], scale.kind != CS_SCALE_OWN);
	note_number(L, "min", (double)range.min);
	note_number(L, "max", (double)range.max);
	note_number(L, "norm", range.norm);
	return 1;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*** picture:save(path[, text])
 * Write a PNG, whose name ends in .png, by way of a temporary file; the numbers behind it (`picture.text`, and the pairs of the table
 * given) go along as text chunks. Returns the picture, or nil, message, code.
 */
static int l_save(lua_State *L)
{
	struct cs_picture *picture = cs_lua_picture_check(L, 1);
	const char *path = luaL_checkstring(L, 2), *dot = strrchr(path, '.');
	const char **pairs;
	struct cs_error error;
	size_t count = 0;

	if ((!dot || strcasecmp(dot, ".png")) && !cs_file_is_directory(path)) {
		cs_fail(&error, CS_ERR_ARGUMENT, "a picture is saved as .png, not '%s'", path);
		return cs_value_fail(L, &error);
	}
	lua_settop(L, 3);
	lua_newtable(L); /* both tables in one, so that a key comes once */
	cs_value_extra(L, 1);
	for (int pass = 0; pass < 2; pass++) {
		if (pass == 0)
			luaL_getsubtable(L, -1, "text");
		else if (lua_isnil(L, 3))
			break;
		else
			lua_pushvalue(L, 3);
		luaL_checktype(L, -1, LUA_TTABLE);
		lua_pushnil(L);
		while (lua_next(L, -2)) {
			luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING, 3, "text has names");
			lua_pushvalue(L, -2);
			luaL_tolstring(L, -2, NULL);
			lua_settable(L, 4);
			lua_pop(L, 1);
			count++;
		}
		lua_pop(L, 1);
	}
	lua_settop(L, 4);
	pairs = cs_value_scratch(L, 2 * count + 1, sizeof *pairs);
	count = 0;
	lua_pushnil(L);
	while (lua_next(L, 4)) {
		pairs[count++] = lua_tostring(L, -2); /* strings in a table: they stay */
		pairs[count++] = lua_tostring(L, -1);
		lua_pop(L, 1);
	}
	pairs[count] = NULL;
	qsort(pairs, count / 2, 2 * sizeof *pairs, by_key); /* the same file every time */
	if (cs_picture_save(picture, path, pairs, &error))
		return cs_value_fail(L, &error);
	lua_settop(L, 1);
	return 1;
}

/*** picture:get(row, column)
 * Red, green and blue of one pixel, 0 .. 255.
 */
static int l_get(lua_State *L)
{
	struct cs_picture *picture = cs_lua_picture_check(L, 1);
	int64_t row = cs_value_index(L, 2, picture->height, "row"),
		column = cs_value_index(L, 3, picture->width, "column");

	for (int i = 0; i < 3; i++)
		lua_pushinteger(L, picture->rgb[(row * picture->width + column) * 3 + i]);
	return 3;
}

/*** picture:fit(width, height), picture:resize(width, height[, smooth])
 * A copy of another size: `fit` keeps the aspect (shorter side, centre crop), `resize` does not; pixels are repeated unless
 * `smooth` is true.
 */
static int change_size(lua_State *L, bool fit)
{
	struct cs_picture *picture = cs_lua_picture_check(L, 1), *out;
	int width = (int)luaL_checkinteger(L, 2), height = (int)luaL_checkinteger(L, 3);
	bool smooth = lua_toboolean(L, 4);
	struct cs_error error;

	luaL_argcheck(L, width > 0 && width <= CS_PICTURE_MAX_SIDE, 2, "expected 1 .. 30000 pixels");
	luaL_argcheck(L, height > 0 && height <= CS_PICTURE_MAX_SIDE, 3, "expected 1 .. 30000 pixels");
	out = cs_lua_picture_push(L);
	if (fit ? cs_picture_fit(picture, width, height, out, &error)
		: cs_picture_resize(picture, width, height, smooth, out, &error))
		return cs_value_fail(L, &error);
	return 1;
}

static int l_fit(lua_State *L)
{
	return change_size(L, true);
}

static int l_resize(lua_State *L)
{
	return change_size(L, false);
}

/*** picture:paste(other, row, column)
 * Copy another picture into this one with its upper left corner there (what lies outside is cut off). Returns the picture.
 */
static int l_paste(lua_State *L)
{
	struct cs_picture *picture = cs_lua_picture_check(L, 1), *from = cs_lua_picture_check(L, 2);
	lua_Integer row = luaL_checkinteger(L, 3), column = luaL_checkinteger(L, 4);

	luaL_argcheck(L, row > -CS_PICTURE_MAX_SIDE && row < CS_PICTURE_MAX_SIDE, 3, "far outside");
	luaL_argcheck(L, column > -CS_PICTURE_MAX_SIDE && column < CS_PICTURE_MAX_SIDE, 4, "far outside");
	cs_picture_paste(picture, from, (int)column, (int)row);
	lua_settop(L, 1);
	return 1;
}

/*** picture:pixels()
 * The pixels as a tensor [height,width,3], 0 .. 255.
 */
static int l_pixels(lua_State *L)
{
	struct cs_picture *picture = cs_lua_picture_check(L, 1);
	struct cs_tensor *out = cs_lua_tensor_push(L, CS_SHAPE(picture->height, picture->width, 3));

	for (int64_t i = 0, n = cs_tensor_count(out); i < n; i++)
		out->data[i] = picture->rgb[i];
	return 1;
}

/*** picture.width, picture.height, picture.text
 * Its size, and the table of texts it is saved with: `limit` (the number that got full colour; `limits` of a mosaic whose tiles
 * have their own), `min`, `max`, `norm` of the tensor it was made from. Add to it what should go into the PNG.
 */
static int get_width(lua_State *L)
{
	lua_pushinteger(L, cs_lua_picture_check(L, 1)->width);
	return 1;
}

static int get_height(lua_State *L)
{
	lua_pushinteger(L, cs_lua_picture_check(L, 1)->height);
	return 1;
}

static int get_text(lua_State *L)
{
	cs_lua_picture_check(L, 1);
	cs_value_extra(L, 1);
	luaL_getsubtable(L, -1, "text");
	return 1;
}

static const luaL_Reg methods[] = {
	{"save", l_save},
	{"get", l_get},
	{"fit", l_fit},
	{"resize", l_resize},
	{"paste", l_paste},
	{"pixels", l_pixels},
	{NULL, NULL},
};

static const luaL_Reg getters[] = {
	{"width", get_width},
	{"height", get_height},
	{"text", get_text},
	{NULL, NULL},
};

const struct cs_handle_type cs_lua_picture_type = {
	.name = "picture",
	.close = close_picture,
	.methods = methods,
	.getters = getters,
};

static const luaL_Reg functions[] = {{"picture", l_picture}, {"mosaic", l_mosaic}, {NULL, NULL}};

void cs_lua_open_picture(lua_State *L)
{
	cs_handle_register(L, -1, &cs_lua_picture_type);
	luaL_setfuncs(L, functions, 0);
}
