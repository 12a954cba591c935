/* lua_h5.c: HDF5 files in Lua: tensors, texts and numbers in groups. See io/h5.h.
 *
 * A file that is created is written beside its place and renamed when it is closed without error; dropped by the collector or by an
 * error it leaves nothing behind.
 */
#include "script/picture.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include "core/alloc.h"
#include "io/file.h"
#include "io/h5.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct file {
	struct cs_h5 *h5;
	char *path, *temporary; /* temporary: NULL unless the file is being made */
	bool writable;
};

static void close_file(void *object)
{
	struct file *file = object;

	if (file->h5)
		cs_h5_close(file->h5, NULL);
	if (file->temporary)
		unlink(file->temporary);
	cs_free(file->temporary);
	cs_free(file->path);
	cs_free(file);
}

static const struct cs_handle_type file_type;

static struct file *check(lua_State *L)
{
	return cs_handle_check(L, 1, &file_type);
}

/* Numbers that one data set may hold when read: 16 GB. */
static const int64_t most_numbers = (int64_t)4 << 30;

/*** cs.h5.open(path[, mode])
 * Open an HDF5 file: "read" (unless said), "create" (a new file, put in place when it is closed), or "write" (change what is there). Returns a
 * file, or nil, message, code. It can be a to-be-closed variable. For reading, files are opened by convscope-reader, in a process of its own: a
 * file that means harm is an error. For writing they are not: write to files of your own.
 */
static int l_open(lua_State *L)
{
	static const char *const modes[] = {"read", "create", "write", NULL};
	const char *path = luaL_checkstring(L, 1);
	int mode = luaL_checkoption(L, 2, "read", modes);
	struct cs_handle *handle = cs_handle_push(L, &file_type);
	struct file *file = cs_calloc(1, sizeof *file);
	struct cs_error error;

	handle->object = file;
	if (!file || !(file->path = cs_strdup(path)) || (mode == 1 && !(file->temporary = cs_file_temporary(path)))) {
		cs_fail_memory(&error, "a file");
		return cs_value_fail(L, &error);
	}
	file->writable = mode != 0;
	/* What is only read may come from anywhere. */
	if (mode == 0 ? cs_h5_open_foreign(path, &file->h5, &error)
		      : cs_h5_open(mode == 1 ? file->temporary : path, mode == 1 ? CS_H5_CREATE : CS_H5_WRITE,
				&file->h5, &error))
		return cs_value_fail(L, &error);
	return 1;
}

/* Data sets are named with or without the leading slash. */
static const char *check_path(lua_State *L, int arg)
{
	const char *path = luaL_checkstring(L, arg);

	return path[0] == '/' ? path : lua_pushfstring(L, "/%s", path);
}

/*** file:read(name)
 * The data set of that name as a tensor, whatever number type it was stored in; nil, message, code when there is none.
 */
static int l_read(lua_State *L)
{
	struct file *file = check(L);
	const char *path = check_path(L, 2);
	struct cs_tensor *out, read;
	struct cs_error error;
	struct cs_shape shape;
	char kind;

	if (cs_h5_info(file->h5, path, &shape, &kind, &error))
		return cs_value_fail(L, &error);
	cs_handle_weigh(L, sizeof(float) * (size_t)cs_shape_count(&shape));
	out = cs_lua_tensor_push(L, CS_SHAPE(0));
	if (cs_h5_read_tensor(file->h5, path, most_numbers, &read, &error))
		return cs_value_fail(L, &error);
	cs_tensor_fini(out);
	*out = read;
	return 1;
}

static int fail_read_only(lua_State *L, const struct file *file)
{
	struct cs_error error;

	cs_fail(&error, CS_ERR_ARGUMENT, "'%s' is open for reading; open it with mode \"create\" or \"write\"",
		file->path);
	return cs_value_fail(L, &error);
}

/*** file:write(name, tensor)
 * Store a tensor under that name; groups on the way are made. A list of numbers is taken too. Returns the file.
 */
static int l_write(lua_State *L)
{
	struct file *file = check(L);
	struct cs_tensor *tensor = cs_lua_tensor_check(L, 3);
	const char *path = check_path(L, 2);
	struct cs_error error;

	if (!file->writable)
		return fail_read_only(L, file);
	if (cs_h5_write_tensor(file->h5, path, tensor, &error))
		return cs_value_fail(L, &error);
	lua_settop(L, 1);
	return 1;
}

/*** file:list([group])
 * The names in a group ("/" unless said), in alphabetical order.
 */
static int l_list(lua_State *L)
{
	struct file *file = check(L);
	const char *group = lua_isnoneornil(L, 2) ? "/" : check_path(L, 2);
	struct cs_error error;
	char **names;
	int count;

	if (cs_h5_list(file->h5, group, &names, &count, &error))
		return cs_value_fail(L, &error);
	lua_createtable(L, count, 0);
	for (int i = 0; i < count; i++) {
		lua_pushstring(L, names[i]);
		lua_rawseti(L, -2, i + 1);
	}
	cs_free(names);
	return 1;
}

/*** file:shape(name)
 * The shape of a data set, without reading it, and its kind: "f" floating, "i" integer, "s" text. nil, message, code for groups
 * and what is not there.
 */
static int l_shape(lua_State *L)
{
	struct file *file = check(L);
	struct cs_error error;
	struct cs_shape shape;
	char kind;

	if (cs_h5_info(file->h5, check_path(L, 2), &shape, &kind, &error))
		return cs_value_fail(L, &error);
	cs_value_push_shape(L, &shape);
	lua_pushlstring(L, &kind, 1);
	return 2;
}

/*** file:has(name)
 * Is there a data set or a group of that name?
 */
static int l_has(lua_State *L)
{
	struct file *file = check(L);

	lua_pushboolean(L, cs_h5_exists(file->h5, check_path(L, 2)));
	return 1;
}

/*** file:group(name)
 * Make a group, and those on the way; one that is there already stays. Returns the file.
 */
static int l_group(lua_State *L)
{
	struct file *file = check(L);
	const char *path = check_path(L, 2);
	struct cs_error error;

	if (!file->writable)
		return fail_read_only(L, file);
	if (!cs_h5_is_group(file->h5, path) && cs_h5_make_group(file->h5, path, &error))
		return cs_value_fail(L, &error);
	lua_settop(L, 1);
	return 1;
}

/*** file:attribute(name, attribute[, value])
 * Read an attribute of a data set or a group (a number or a text; nil where there is none), or set it.
 */
static int l_attribute(lua_State *L)
{
	struct file *file = check(L);
	const char *path, *attribute = luaL_checkstring(L, 3);
	struct cs_error error;
	enum cs_status status;
	double number;
	char *text;

	lua_settop(L, 4);
	path = check_path(L, 2);
	if (!lua_isnoneornil(L, 4)) {
		if (!file->writable)
			return fail_read_only(L, file);
		if (lua_type(L, 4) == LUA_TNUMBER)
			status = cs_h5_write_number(file->h5, path, attribute, lua_tonumber(L, 4), &error);
		else
			status = cs_h5_write_string(file->h5, path, attribute, luaL_checkstring(L, 4), &error);
		if (status)
			return cs_value_fail(L, &error);
		lua_settop(L, 1);
		return 1;
	}
	if (!cs_h5_has_attribute(file->h5, path, attribute)) {
		lua_pushnil(L);
		return 1;
	}
	if (!cs_h5_read_number(file->h5, path, attribute, &number, &error)) {
		lua_pushnumber(L, number);
		return 1;
	}
	if (cs_h5_read_string(file->h5, path, attribute, &text, &error))
		return cs_value_fail(L, &error);
	lua_pushstring(L, text);
	cs_free(text);
	return 1;
}

/*** file:text(name[, text])
 * Read a data set of text, or write one.
 */
static int l_text(lua_State *L)
{
	struct file *file = check(L);
	struct cs_error error;
	const char *path;
	char *text;

	lua_settop(L, 3);
	path = check_path(L, 2);
	if (!lua_isnoneornil(L, 3)) {
		if (!file->writable)
			return fail_read_only(L, file);
		if (cs_h5_write_string(file->h5, path, NULL, luaL_checkstring(L, 3), &error))
			return cs_value_fail(L, &error);
		lua_settop(L, 1);
		return 1;
	}
	if (cs_h5_read_string(file->h5, path, NULL, &text, &error))
		return cs_value_fail(L, &error);
	lua_pushstring(L, text);
	cs_free(text);
	return 1;
}

/*** file:texts(name[, list])
 * Read a data set of many texts as a list, or write one (fixed length, as h5py reads numpy bytes).
 */
static int l_texts(lua_State *L)
{
	struct file *file = check(L);
	struct cs_error error;
	const char *path, **list;
	char **found;
	int count;

	lua_settop(L, 3);
	path = check_path(L, 2);
	if (lua_isnil(L, 3)) {
		if (cs_h5_read_strings(file->h5, path, NULL, &found, &count, &error))
			return cs_value_fail(L, &error);
		lua_createtable(L, count, 0);
		for (int i = 0; i < count; i++) {
			lua_pushstring(L, found[i]);
			lua_rawseti(L, -2, i + 1);
		}
		cs_free(found);
		return 1;
	}
	luaL_checktype(L, 3, LUA_TTABLE);
	if (!file->writable)
		return fail_read_only(L, file);
	count = (int)luaL_len(L, 3);
	list = cs_value_scratch(L, (size_t)count + 1, sizeof *list);
	for (int i = 0; i < count; i++) {
		lua_geti(L, 3, i + 1);
		list[i] = luaL_checkstring(L, -1); /* the list keeps it */
		luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 3, "expected a list of texts");
		lua_pop(L, 1);
	}
	if (cs_h5_write_strings(file->h5, path, NULL, list, count, &error))
		return cs_value_fail(L, &error);
	lua_settop(L, 1);
	return 1;
}

/*** file:picture(name, picture)
 * Store a picture under that name, bytes [height,width,3]. Returns the file.
 */
static int l_picture(lua_State *L)
{
	struct file *file = check(L);
	const struct cs_picture *picture = cs_lua_picture_check(L, 3);
	const char *path = check_path(L, 2);
	struct cs_error error;

	if (!file->writable)
		return fail_read_only(L, file);
	if (cs_h5_write_array(
		    file->h5, path, CS_H5_U8, CS_SHAPE(picture->height, picture->width, 3), picture->rgb, &error))
		return cs_value_fail(L, &error);
	lua_settop(L, 1);
	return 1;
}

/*** file:finish()
 * Write everything and close; a new file appears at its place now. true, or nil, message, code (nothing is left then). A file that
 * is closed any other way before is discarded when it was being created.
 */
static int l_finish(lua_State *L)
{
	struct file *file = check(L);
	struct cs_error error;
	enum cs_status status = cs_h5_close(file->h5, &error);

	file->h5 = NULL;
	if (!status && file->temporary) {
		status = cs_file_commit(file->temporary, file->path, &error);
		if (!status) {
			cs_free(file->temporary);
			file->temporary = NULL;
		}
	}
	cs_handle_at(L, 1, &file_type)->object = NULL;
	close_file(file);
	if (status)
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

static const luaL_Reg methods[] = {
	{"read", l_read},
	{"write", l_write},
	{"list", l_list},
	{"shape", l_shape},
	{"has", l_has},
	{"group", l_group},
	{"attribute", l_attribute},
	{"text", l_text},
	{"texts", l_texts},
	{"picture", l_picture},
	{"finish", l_finish},
	{NULL, NULL},
};

static const struct cs_handle_type file_type = {.name = "file", .close = close_file, .methods = methods};

void cs_lua_open_h5(lua_State *L)
{
	cs_handle_register(L, -1, &file_type);
	lua_pushcfunction(L, l_open);
	lua_setfield(L, -2, "h5_open");
}
