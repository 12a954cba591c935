/* lua_perturb.c: pictures spoiled on purpose, in Lua (cs.perturb): noise, blur, colours, occlusion, motion. See
 * measure/perturb.h and measure/colour.h.
 *
 * Every function takes images or a tensor [n,height,width,channels] of pixels 0 .. 255, and gives back the same kind. What is random
 * depends on the seed and the image's number in its data set (of a tensor: its place), not on which others it is among.
 */
#include "measure/colour.h"
#include "measure/perturb.h"
#include "script/images.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include <math.h>
#include <string.h>

/* What is asked of one function. */
struct spoil {
	float level;
	float fill[3];
	int size, top, left;
	int order[3];
	uint64_t seed;
	struct cs_motion motion;
};

typedef enum cs_status (*spoiler)(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample,
	float *out, struct cs_error *error);

/* The pixels of the images or the tensor at 1, spoiled one by one. `colour`: three channels are needed. */
static int run(lua_State *L, const struct spoil *spoil, spoiler one, bool colour)
{
	struct cs_lua_images *images = cs_handle_test(L, 1, &cs_lua_images_type);
	struct cs_tensor *in, *out;
	struct cs_error error;
	int64_t size;

	lua_settop(L, 1);
	if (images) {
		lua_getfield(L, 1, "pixels");
		lua_pushvalue(L, 1);
		lua_call(L, 1, 3);
		if (lua_isnil(L, 2))
			return 3;
		lua_settop(L, 2);
	} else {
		lua_pushvalue(L, 1);
	}
	in = cs_lua_tensor_check(L, 2);
	luaL_argcheck(L,
		in->shape.rank == 4 && in->shape.dim[1] <= INT32_MAX && in->shape.dim[2] <= INT32_MAX &&
			in->shape.dim[3] <= INT32_MAX,
		1, "expected images or pixels [n,height,width,channels]");
	luaL_argcheck(L, !colour || in->shape.dim[3] == 3, 1, "expected three channels");
	out = cs_lua_tensor_push(L, in->shape);
	size = in->shape.dim[1] * in->shape.dim[2] * in->shape.dim[3];
	for (int64_t i = 0; i < in->shape.dim[0]; i++) {
		uint64_t sample = (uint64_t)(images ? images->numbers[i] : i);

		if (one(spoil, in->data + i * size, (int)in->shape.dim[1], (int)in->shape.dim[2], (int)in->shape.dim[3],
			    sample, out->data + i * size, &error))
			return cs_value_fail(L, &error);
	}
	if (!images)
		return 1;
	lua_getfield(L, 1, "with");
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 3);
	lua_call(L, 2, 1);
	return 1;
}

static uint64_t seed_at(lua_State *L, int arg)
{
	return (uint64_t)luaL_optinteger(L, arg, 0);
}

static float number_at(lua_State *L, int arg, double low, double high)
{
	double x = luaL_checknumber(L, arg);

	if (!(x >= low && x <= high))
		luaL_argerror(
			L, arg, lua_pushfstring(L, "expected %f .. %f", (LUAI_UACNUMBER)low, (LUAI_UACNUMBER)high));
	return (float)x;
}

static int integer_at(lua_State *L, int arg, int low)
{
	lua_Integer x = luaL_checkinteger(L, arg);

	if (x < low || x > INT32_MAX / 2)
		luaL_argerror(L, arg, lua_pushfstring(L, "expected %d or more", low));
	return (int)x;
}

static enum cs_status gaussian(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample,
	float *out, struct cs_error *error)
{
	(void)error;
	cs_perturb_gaussian(in, h, w, c, spoil->level, spoil->seed, sample, out);
	return CS_OK;
}

static enum cs_status salt_pepper(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample,
	float *out, struct cs_error *error)
{
	(void)error;
	cs_perturb_salt_pepper(in, h, w, c, spoil->level, spoil->seed, sample, out);
	return CS_OK;
}

static enum cs_status blur(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample, float *out,
	struct cs_error *error)
{
	(void)sample;
	return cs_perturb_blur(in, h, w, c, spoil->level, out, error);
}

static enum cs_status jpeg(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample, float *out,
	struct cs_error *error)
{
	(void)c;
	(void)sample;
	(void)error;
	cs_perturb_jpeg(in, h, w, spoil->size, out);
	return CS_OK;
}

/*** cs.perturb.gaussian(images, level[, seed]), cs.perturb.salt_pepper(images, share[, seed])
 * Normal noise whose standard deviation is `level` of the full range (0.1: 25.5 of 255), clamped; a share of the pixels made black or
 * white. One seed gives the same noise at every level.
 */
static int l_gaussian(lua_State *L)
{
	return run(L, &(struct spoil){.level = number_at(L, 2, 0, 1000), .seed = seed_at(L, 3)}, gaussian, false);
}

static int l_salt_pepper(lua_State *L)
{
	return run(L, &(struct spoil){.level = number_at(L, 2, 0, 1), .seed = seed_at(L, 3)}, salt_pepper, false);
}

/*** cs.perturb.blur(images, sigma), cs.perturb.jpeg(images, quality)
 * Gaussian blur, sigma in pixels; what JPEG of that quality (1 .. 100) loses, chroma at full resolution.
 */
static int l_blur(lua_State *L)
{
	return run(L, &(struct spoil){.level = number_at(L, 2, 0, 100)}, blur, false);
}

static int l_jpeg(lua_State *L)
{
	return run(L, &(struct spoil){.size = (int)number_at(L, 2, 1, 100)}, jpeg, true);
}

static enum cs_status occlude(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample,
	float *out, struct cs_error *error)
{
	(void)sample;
	(void)error;
	memcpy(out, in, sizeof *out * (size_t)h * (size_t)w * (size_t)c);
	cs_perturb_occlude(out, h, w, c, spoil->top, spoil->left, spoil->size, spoil->fill);
	return CS_OK;
}

/*** cs.perturb.occlude(images, top, left, size[, fill])
 * A grey square (or of colour `fill`, a list of three) over the same place of every image, clipped to it.
 */
static int l_occlude(lua_State *L)
{
	struct spoil spoil = {
		.top = (int)luaL_checkinteger(L, 2), .left = (int)luaL_checkinteger(L, 3), .size = integer_at(L, 4, 1)};

	for (int k = 0; k < 3; k++) {
		spoil.fill[k] = 127.5f;
		if (!lua_isnoneornil(L, 5)) {
			luaL_checktype(L, 5, LUA_TTABLE);
			lua_geti(L, 5, k + 1);
			spoil.fill[k] = (float)luaL_checknumber(L, -1);
			lua_pop(L, 1);
		}
	}
	return run(L, &spoil, occlude, true);
}

static enum cs_status move(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample, float *out,
	struct cs_error *error)
{
	(void)sample;
	(void)error;
	cs_perturb_move(in, h, w, c, &spoil->motion, out);
	return CS_OK;
}

/*** cs.perturb.shift(images, down, right), cs.perturb.rotate(images, degrees), cs.perturb.scale(images, factor)
 * Moved by so many pixels, turned (counter-clockwise) and magnified about the centre; bilinear, border pixels repeated.
 */
static int l_shift(lua_State *L)
{
	struct cs_motion motion = {
		.scale = 1, .down = (float)luaL_checknumber(L, 2), .right = (float)luaL_checknumber(L, 3)};

	return run(L, &(struct spoil){.motion = motion}, move, false);
}

static int l_rotate(lua_State *L)
{
	return run(L, &(struct spoil){.motion = {.scale = 1, .degrees = number_at(L, 2, -36000, 36000)}}, move, false);
}

static int l_scale(lua_State *L)
{
	return run(L, &(struct spoil){.motion = {.scale = number_at(L, 2, 0.001, 1000)}}, move, false);
}

static enum cs_status scramble(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample,
	float *out, struct cs_error *error)
{
	return cs_perturb_scramble(in, h, w, c, spoil->size, spoil->seed, sample, out, error);
}

/*** cs.perturb.scramble(images, size[, seed])
 * Patches of `size` pixels put into random order: colour and local texture stay, shape goes.
 */
static int l_scramble(lua_State *L)
{
	return run(L, &(struct spoil){.size = integer_at(L, 2, 1), .seed = seed_at(L, 3)}, scramble, false);
}

static enum cs_status hue(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample, float *out,
	struct cs_error *error)
{
	(void)c;
	(void)sample;
	(void)error;
	cs_colour_rotate(in, (int64_t)h * w, spoil->level, out);
	return CS_OK;
}

static enum cs_status gain(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample, float *out,
	struct cs_error *error)
{
	(void)c;
	(void)sample;
	(void)error;
	cs_colour_gain(in, (int64_t)h * w, spoil->fill, out);
	return CS_OK;
}

static enum cs_status grey(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample, float *out,
	struct cs_error *error)
{
	(void)spoil;
	(void)c;
	(void)sample;
	(void)error;
	cs_colour_grey(in, (int64_t)h * w, out);
	return CS_OK;
}

static enum cs_status reorder(const struct spoil *spoil, const float *in, int h, int w, int c, uint64_t sample,
	float *out, struct cs_error *error)
{
	(void)c;
	(void)sample;
	(void)error;
	cs_colour_reorder(in, (int64_t)h * w, spoil->order, out);
	return CS_OK;
}

/*** cs.perturb.hue(images, degrees), cs.perturb.gain(images, {r, g, b}), cs.perturb.grey(images), cs.perturb.reorder(images, {2, 0, 1})
 * Hues turned around the wheel; channels multiplied (0 takes one away) and clamped; every channel the luma; channels in another order,
 * by number from 0.
 */
static int l_hue(lua_State *L)
{
	return run(L, &(struct spoil){.level = number_at(L, 2, -36000, 36000)}, hue, true);
}

static int l_gain(lua_State *L)
{
	struct spoil spoil = {0};

	luaL_checktype(L, 2, LUA_TTABLE);
	for (int k = 0; k < 3; k++) {
		lua_geti(L, 2, k + 1);
		spoil.fill[k] = (float)luaL_checknumber(L, -1);
		lua_pop(L, 1);
	}
	return run(L, &spoil, gain, true);
}

static int l_grey(lua_State *L)
{
	return run(L, &(struct spoil){0}, grey, true);
}

static int l_reorder(lua_State *L)
{
	struct spoil spoil = {0};

	luaL_checktype(L, 2, LUA_TTABLE);
	for (int k = 0; k < 3; k++) {
		lua_geti(L, 2, k + 1);
		spoil.order[k] = (int)luaL_checkinteger(L, -1);
		cs_value_check_index(L, 2, spoil.order[k], 3, "channel");
		lua_pop(L, 1);
	}
	return run(L, &spoil, reorder, true);
}

static const luaL_Reg functions[] = {
	{"gaussian", l_gaussian},
	{"salt_pepper", l_salt_pepper},
	{"blur", l_blur},
	{"jpeg", l_jpeg},
	{"occlude", l_occlude},
	{"shift", l_shift},
	{"rotate", l_rotate},
	{"scale", l_scale},
	{"scramble", l_scramble},
	{"hue", l_hue},
	{"gain", l_gain},
	{"grey", l_grey},
	{"reorder", l_reorder},
	{NULL, NULL},
};

void cs_lua_open_perturb(lua_State *L)
{
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "perturb");
}
