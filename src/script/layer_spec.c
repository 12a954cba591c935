/* layer_spec.c: layers as Lua tables. See layer_spec.h.
 *
 * One table says which options a kind of layer has, another where each option lives in the specification; reading and writing are
 * two walks over the same rows.
 */
#include "script/layer_spec.h"

#include "script/value.h"

#include <lauxlib.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

enum form { COUNT, PAIR, NUMBER, FLAG, PADDING, ACTIVATION, INITIALISER, BORDER };

struct option {
	const char *name;
	enum form form;
	size_t at;
};

#define AT(field) offsetof(struct cs_layer_spec, field)

static const struct option options[] = {
	{"features", COUNT, AT(features)},
	{"kernel", PAIR, AT(kernel)},
	{"window", PAIR, AT(window)},
	{"stride", PAIR, AT(stride)},
	{"padding", PADDING, AT(padding)},
	{"border", BORDER, AT(border)},
	{"activation", ACTIVATION, AT(activation)},
	{"alpha", NUMBER, AT(alpha)},
	{"bias", FLAG, AT(bias)},
	{"rate", NUMBER, AT(rate)},
	{"epsilon", NUMBER, AT(epsilon)},
	{"momentum", NUMBER, AT(momentum)},
	{"centre", FLAG, AT(centre)},
	{"scale", FLAG, AT(scale)},
	{"factor", NUMBER, AT(factor)},
	{"offset", NUMBER, AT(offset)},
	{"init", INITIALISER, AT(initialiser)},
	{"deviation", NUMBER, AT(deviation)},
};

static const struct {
	const char *type;
	const char *const *names; /* NULL-ended; "type" and "name" among them */
} kinds[] = {
	{"conv",
		(const char *const[]){"type", "name", "features", "kernel", "stride", "padding", "activation", "alpha",
			"bias", "init", "deviation", NULL}},
	{"maxpool", (const char *const[]){"type", "name", "window", "stride", "padding", NULL}},
	{"avgpool", (const char *const[]){"type", "name", "window", "stride", "padding", NULL}},
	{"dense",
		(const char *const[]){
			"type", "name", "features", "activation", "alpha", "bias", "init", "deviation", NULL}},
	{"activation", (const char *const[]){"type", "name", "activation", "alpha", NULL}},
	{"dropout", (const char *const[]){"type", "name", "rate", NULL}},
	{"batchnorm", (const char *const[]){"type", "name", "epsilon", "momentum", "centre", "scale", NULL}},
	{"zeropad", (const char *const[]){"type", "name", "border", NULL}},
	{"rescale", (const char *const[]){"type", "name", "factor", "offset", NULL}},
};

static const char *const *names_of(const char *type)
{
	static const char *const plain[] = {"type", "name", NULL};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!strcmp(kinds[i].type, type))
			return kinds[i].names;
	}
	return plain;
}

static const char *const paddings[] = {"valid", "same", NULL};
static const char *const initialisers[] = {"default", "he", "glorot", "lecun", "normal", "zeros", NULL};

static void read_border(lua_State *L, int arg, int64_t border[4])
{
	if (lua_getfield(L, arg, "border") == LUA_TTABLE && luaL_len(L, -1) == 4) {
		for (int i = 0; i < 4; i++) {
			int ok;

			lua_geti(L, -1, i + 1);
			border[i] = lua_tointegerx(L, -1, &ok);
			if (!ok || border[i] < 0)
				luaL_error(L, "a border is made of whole numbers, 0 or more: top, bottom, left, right");
			lua_pop(L, 1);
		}
	} else {
		int64_t pair[2] = {0, 0};

		cs_value_pair(L, arg, "border", 0, pair);
		border[0] = border[1] = pair[0];
		border[2] = border[3] = pair[1];
	}
	lua_pop(L, 1);
}

static void read_option(lua_State *L, int at, const struct option *option, struct cs_layer_spec *spec)
{
	void *field = (char *)spec + option->at;
	const char *word;

	switch (option->form) {
	case COUNT:
		*(int64_t *)field = cs_value_integer(L, at, option->name, *(int64_t *)field, 1, INT32_MAX);
		break;
	case PAIR:
		cs_value_pair(L, at, option->name, 1, field);
		break;
	case NUMBER:
		*(float *)field = (float)cs_value_number(L, at, option->name, (double)*(float *)field);
		break;
	case FLAG:
		*(bool *)field = cs_value_boolean(L, at, option->name, *(bool *)field);
		break;
	case PADDING:
		spec->padding =
			(enum cs_padding)cs_value_choice(L, at, option->name, paddings[spec->padding], paddings);
		break;
	case ACTIVATION:
		word = cs_value_string(L, at, option->name, cs_activation_name(spec->activation));
		if (!cs_activation_parse(word, &spec->activation))
			luaL_error(L,
				"no activation '%s'; there are linear, relu, leaky_relu, elu, sigmoid, tanh and "
				"softmax",
				word);
		break;
	case INITIALISER:
		spec->initialiser = (enum cs_initialiser)cs_value_choice(
			L, at, option->name, initialisers[spec->initialiser], initialisers);
		break;
	case BORDER:
		read_border(L, at, spec->border);
		break;
	}
}

static void push_integers(lua_State *L, const int64_t *values, int count)
{
	lua_createtable(L, count, 0);
	for (int i = 0; i < count; i++) {
		lua_pushinteger(L, values[i]);
		lua_rawseti(L, -2, i + 1);
	}
}

/* Push the value; false when the layer leaves it to its default. */
static bool push_option(lua_State *L, const struct option *option, const struct cs_layer_spec *spec)
{
	const void *field = (const char *)spec + option->at;

	switch (option->form) {
	case COUNT:
		lua_pushinteger(L, *(const int64_t *)field);
		return true;
	case PAIR:
		if (*(const int64_t *)field < 1) /* a pool's stride that is its window */
			return false;
		push_integers(L, field, 2);
		return true;
	case NUMBER:
		if (isnan(*(const float *)field))
			return false;
		lua_pushnumber(L, (double)*(const float *)field);
		return true;
	case FLAG:
		lua_pushboolean(L, *(const bool *)field);
		return true;
	case PADDING:
		lua_pushstring(L, paddings[spec->padding]);
		return true;
	case ACTIVATION:
		lua_pushstring(L, cs_activation_name(spec->activation));
		return true;
	case INITIALISER:
		lua_pushstring(L, initialisers[spec->initialiser]);
		return true;
	case BORDER:
		push_integers(L, field, 4);
		return true;
	}
	return false;
}

/* The row of an option; NULL for "type" and "name", which every layer has. */
static const struct option *find(const char *name)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (!strcmp(options[i].name, name))
			return &options[i];
	}
	return NULL;
}

struct cs_layer_spec cs_lua_layer_spec_read(lua_State *L, int at)
{
	const char *type = cs_value_string(L, at, "type", ""), *name;
	const struct cs_layer_ops *ops = cs_layer_kind(type);
	const char *const *names = names_of(type);
	struct cs_layer_spec spec;

	if (!ops)
		luaL_error(L, "no kind of layer '%s'", type);
	cs_value_options(L, at, names);
	spec = cs_layer_spec_default(ops);
	name = cs_value_string(L, at, "name", "");
	if (strlen(name) >= sizeof spec.name)
		luaL_error(L, "the name '%s' of a layer is too long", name);
	strcpy(spec.name, name);
	for (; *names; names++) {
		const struct option *option = find(*names);

		if (option)
			read_option(L, at, option, &spec);
	}
	return spec;
}

void cs_lua_layer_spec_push(lua_State *L, const struct cs_layer *layer)
{
	const char *const *names = names_of(layer->ops->type);

	lua_createtable(L, 0, 12);
	lua_pushstring(L, layer->ops->type);
	lua_setfield(L, -2, "type");
	lua_pushstring(L, layer->spec.name);
	lua_setfield(L, -2, "name");
	for (; *names; names++) {
		const struct option *option = find(*names);

		if (option && push_option(L, option, &layer->spec))
			lua_setfield(L, -2, option->name);
	}
}
