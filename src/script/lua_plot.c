/* lua_plot.c: plots in Lua: a table that describes a figure, drawn by cairo or with characters. See figure/plot.h.
 *
 * cs.plot in the Lua library wraps the table; here it is read anew for every drawing.
 */
#include "script/longcall.h"
#include "script/picture.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include "figure/plot.h"

#include <math.h>
#include <string.h>

/* The field `key` of the table at `at`: a list of numbers or a vector, as doubles in scratch memory that is left on the stack; nil is
 * NULL. Sets *count when it is -1, else checks it. */
static double *numbers(lua_State *L, int at, const char *key, long *count)
{
	const struct cs_tensor *tensor;
	double *out;
	long n;
	int type = lua_getfield(L, at, key);

	if (type == LUA_TNIL)
		return NULL;
	tensor = cs_lua_tensor_test(L, -1);
	if (!tensor && type != LUA_TTABLE)
		luaL_error(L, "'%s' of a series must be a list of numbers or a vector, not a %s", key,
			luaL_typename(L, -1));
	n = tensor ? (long)cs_tensor_count(tensor) : (long)luaL_len(L, -1);
	if (*count >= 0 && n != *count)
		luaL_error(L, "'%s' of a series has %d numbers, y has %d", key, (int)n, (int)*count);
	*count = n;
	out = cs_value_scratch(L, (size_t)n, sizeof *out);
	for (long i = 0; i < n; i++) {
		if (tensor) {
			out[i] = (double)tensor->data[i];
			continue;
		}
		lua_geti(L, -2, i + 1);
		out[i] = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : NAN;
		lua_pop(L, 1);
	}
	return out;
}

static void read_series(lua_State *L, int at, int i, struct cs_series *series)
{
	static const char *const names[] = {"kind", "name", "x", "y", "low", "high", "colour", NULL};
	static const char *const kinds[] = {"line", "points", "bars", NULL};

	luaL_checktype(L, at, LUA_TTABLE);
	cs_value_options(L, at, names);
	luaL_checkstack(L, 12, "series");
	*series = (struct cs_series){.count = -1, .colour = cs_series_colour(i), .mark = i};
	series->kind = (enum cs_series_kind)cs_value_choice(L, at, "kind", "line", kinds);
	series->name = cs_value_string(L, at, "name", NULL);
	series->y = numbers(L, at, "y", &series->count);
	if (!series->y)
		luaL_error(L, "series %d has no y", i + 1);
	series->x = numbers(L, at, "x", &series->count);
	series->low = numbers(L, at, "low", &series->count);
	series->high = numbers(L, at, "high", &series->count);
	if (lua_getfield(L, at, "colour") == LUA_TTABLE) {
		for (int k = 0; k < 3; k++) {
			lua_geti(L, -1, k + 1);
			(&series->colour.r)[k] = (uint8_t)luaL_checkinteger(L, -1);
			lua_pop(L, 1);
		}
	}
}

/* The table at stack position 1 as a plot; what it points to stays on the stack. */
static struct cs_plot read_plot(lua_State *L)
{
	static const char *const names[] = {"title", "x_label", "y_label", "series", "log_y", "zero", "x_low", "x_high",
		"y_low", "y_high", "categories", "cells", "map", "dark", NULL};
	static const char *const maps[] = {"heat", "diverging", "grey", NULL};
	struct cs_plot plot = {0};
	struct cs_series *series;
	struct cs_tensor *cells;

	luaL_checktype(L, 1, LUA_TTABLE);
	cs_value_options(L, 1, names);
	plot.title = cs_value_string(L, 1, "title", NULL);
	plot.x_label = cs_value_string(L, 1, "x_label", NULL);
	plot.y_label = cs_value_string(L, 1, "y_label", NULL);
	plot.log_y = cs_value_boolean(L, 1, "log_y", false);
	plot.zero = cs_value_boolean(L, 1, "zero", false);
	plot.x_low = cs_value_number(L, 1, "x_low", 0);
	plot.x_high = cs_value_number(L, 1, "x_high", 0);
	plot.y_low = cs_value_number(L, 1, "y_low", 0);
	plot.y_high = cs_value_number(L, 1, "y_high", 0);
	plot.dark = cs_value_boolean(L, 1, "dark", false);
	plot.map = cs_colormap_find(maps[cs_value_choice(L, 1, "map", "heat", maps)]);
	if (lua_getfield(L, 1, "cells") != LUA_TNIL) {
		cells = cs_lua_tensor_check(L, -1);
		if (cells->shape.rank != 2 || cs_tensor_count(cells) == 0)
			luaL_error(L, "'cells' of a plot must be a tensor [rows,columns]");
		plot.cells = cells->data;
		plot.cell_rows = (int)cells->shape.dim[0];
		plot.cell_columns = (int)cells->shape.dim[1];
	}
	if (lua_getfield(L, 1, "series") == LUA_TTABLE) {
		int list = lua_gettop(L);

		plot.series_count = (int)luaL_len(L, list);
		series = cs_value_scratch(L, (size_t)plot.series_count, sizeof *series);
		for (int i = 0; i < plot.series_count; i++) {
			lua_geti(L, list, i + 1);
			read_series(L, lua_gettop(L), i, &series[i]);
		}
		plot.series = series;
	}
	if (lua_getfield(L, 1, "categories") == LUA_TTABLE && plot.series_count > 0) {
		long n = (long)luaL_len(L, -1);
		int list = lua_gettop(L);
		const char **words;

		if (n != plot.series[0].count)
			luaL_error(L, "%d categories for %d bars", (int)n, (int)plot.series[0].count);
		words = cs_value_scratch(L, (size_t)n, sizeof *words);
		for (long i = 0; i < n; i++) {
			lua_geti(L, list, i + 1);
			words[i] = luaL_checkstring(L, -1); /* the list keeps it */
			lua_pop(L, 1);
		}
		plot.categories = words;
	}
	if (!plot.cells && plot.series_count == 0)
		luaL_error(L, "a plot needs series or cells");
	return plot;
}

/* engine.plot_save(table, path, width, height): PNG or SVG by the ending of the path. */
static int l_save(lua_State *L)
{
	const char *path = luaL_checkstring(L, 2), *dot = strrchr(path, '.');
	int width = (int)luaL_checkinteger(L, 3), height = (int)luaL_checkinteger(L, 4);
	struct cs_plot plot = read_plot(L);
	struct cs_error error;
	enum cs_status status;

	if (dot && !strcmp(dot, ".png"))
		status = cs_plot_save_png(&plot, width, height, path, &error);
	else if (dot && !strcmp(dot, ".svg"))
		status = cs_plot_save_svg(&plot, width, height, path, &error);
	else
		status = cs_fail(&error, CS_ERR_ARGUMENT, "a plot is saved as .png or .svg, not '%s'", path);
	if (status)
		return cs_value_fail(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

/* engine.plot_picture(table, width, height) */
static int l_picture(lua_State *L)
{
	int width = (int)luaL_checkinteger(L, 2), height = (int)luaL_checkinteger(L, 3);
	struct cs_plot plot = read_plot(L);
	struct cs_picture *picture = cs_lua_picture_push(L);
	struct cs_error error;

	if (cs_plot_picture(&plot, width, height, picture, &error))
		return cs_value_fail(L, &error);
	return 1;
}

static void add_utf8(luaL_Buffer *out, uint32_t c)
{
	char bytes[4];
	size_t n = 0;

	if (c < 0x80) {
		bytes[n++] = (char)(c ? c : ' ');
	} else if (c < 0x800) {
		bytes[n++] = (char)(0xc0 | c >> 6);
		bytes[n++] = (char)(0x80 | (c & 63));
	} else {
		bytes[n++] = (char)(0xe0 | c >> 12);
		bytes[n++] = (char)(0x80 | (c >> 6 & 63));
		bytes[n++] = (char)(0x80 | (c & 63));
	}
	luaL_addlstring(out, bytes, n);
}

/* engine.plot_text(table, columns, rows, ascii): lines of text. */
static int l_text(lua_State *L)
{
	int columns = (int)luaL_checkinteger(L, 2), rows = (int)luaL_checkinteger(L, 3);
	bool ascii = lua_toboolean(L, 4);
	struct cs_plot plot;
	struct cs_cell *cells;
	struct cs_error error;
	luaL_Buffer out;

	luaL_argcheck(L, columns > 0 && columns <= 1000, 2, "expected 1 .. 1000 columns");
	luaL_argcheck(L, rows > 0 && rows <= 1000, 3, "expected 1 .. 1000 rows");
	plot = read_plot(L);
	cells = cs_value_scratch(L, (size_t)columns * (size_t)rows, sizeof *cells);
	if (cs_plot_cells(&plot, columns, rows, ascii, cells, &error))
		return cs_value_fail(L, &error);
	luaL_buffinit(L, &out);
	for (int y = 0; y < rows; y++) {
		int last = columns;

		while (last > 0 &&
			(cells[y * columns + last - 1].character == ' ' ||
				cells[y * columns + last - 1].character == 0))
			last--;
		for (int x = 0; x < last; x++)
			add_utf8(&out, cells[y * columns + x].character);
		luaL_addchar(&out, '\n');
	}
	luaL_pushresult(&out);
	return 1;
}

static const luaL_Reg functions[] = {
	{"plot_save", l_save},
	{"plot_picture", l_picture},
	{"plot_text", l_text},
	{NULL, NULL},
};

void cs_lua_open_plot(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
