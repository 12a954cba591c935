/* lua_measure.c: the measure room in Lua: comparing pictures and maps (cs.measure), spectra among them. Pictures and maps are
 * [n,height,width,channels]; what is measured of each of the n comes back in their order. See also lua_perturb.c, lua_statistics.c.
 */
#include "core/alloc.h"
#include "measure/colour.h"
#include "measure/gradient.h"
#include "measure/quality.h"
#include "measure/similarity.h"
#include "measure/spectrum.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include <math.h>
#include <string.h>

/* Maps [n,h,w,c] with sides an int can count. */
static struct cs_tensor *check_maps(lua_State *L, int arg, int64_t channels)
{
	struct cs_tensor *maps = cs_lua_tensor_check(L, arg);
	const int64_t *dim = maps->shape.dim;
	char text[CS_SHAPE_TEXT];

	if (maps->shape.rank != 4 || (channels && dim[3] != channels) || dim[1] > INT32_MAX || dim[2] > INT32_MAX ||
		dim[3] > INT32_MAX || cs_tensor_count(maps) == 0)
		luaL_argerror(L, arg,
			lua_pushfstring(L, "expected [n,height,width,%s], not %s",
				channels == 0           ? "channels"
					: channels == 3 ? "3"
							: "1",
				cs_shape_text(&maps->shape, text, sizeof text)));
	return maps;
}

static void check_same(lua_State *L, const struct cs_tensor *a, const struct cs_tensor *b)
{
	char text[2][CS_SHAPE_TEXT];

	if (!cs_shape_equal(&a->shape, &b->shape))
		luaL_argerror(L, 2,
			lua_pushfstring(L, "expected a tensor of %s as the first, not %s",
				cs_shape_text(&a->shape, text[0], CS_SHAPE_TEXT),
				cs_shape_text(&b->shape, text[1], CS_SHAPE_TEXT)));
}

/*** cs.measure.correlation(a, b)
 * Pearson's correlation of a[i] with b[i] for each i of the first dimension: a vector. NaN where one of them is constant.
 */
static int l_correlation(lua_State *L)
{
	struct cs_tensor *a = cs_lua_tensor_check(L, 1), *b = cs_lua_tensor_check(L, 2), *out;
	int64_t n, size;

	check_same(L, a, b);
	luaL_argcheck(L, a->shape.rank > 0 && a->shape.dim[0] > 0, 1, "nothing to compare");
	n = a->shape.dim[0];
	size = cs_tensor_count(a) / n;
	out = cs_lua_tensor_push(L, CS_SHAPE(n));
	for (int64_t i = 0; i < n; i++)
		out->data[i] = (float)cs_similarity_correlation(a->data + i * size, b->data + i * size, size);
	return 1;
}

/*** cs.measure.map_correlation(maps, reference)
 * How each feature's map [n,rows,columns,features] goes with one reference map an image [n,rows,columns,1]: correlations
 * [n,features], NaN where a map is constant (a silent feature).
 */
static int l_map_correlation(lua_State *L)
{
	struct cs_tensor *maps = check_maps(L, 1, 0), *reference = check_maps(L, 2, 1), *out;
	int64_t n = maps->shape.dim[0], cells = maps->shape.dim[1] * maps->shape.dim[2], features = maps->shape.dim[3];
	float *one;

	luaL_argcheck(L,
		reference->shape.dim[0] == n && reference->shape.dim[1] == maps->shape.dim[1] &&
			reference->shape.dim[2] == maps->shape.dim[2],
		2, "the reference must have the maps' images, rows and columns");
	one = cs_value_scratch(L, (size_t)cells, sizeof *one);
	out = cs_lua_tensor_push(L, CS_SHAPE(n, features));
	for (int64_t i = 0; i < n; i++) {
		for (int64_t f = 0; f < features; f++) {
			for (int64_t k = 0; k < cells; k++)
				one[k] = maps->data[(i * cells + k) * features + f];
			out->data[i * features + f] =
				(float)cs_similarity_correlation(one, reference->data + i * cells, cells);
		}
	}
	return 1;
}

/*** cs.measure.ssim(a, b[, range]), cs.measure.edges(a, b)
 * Structural similarity (Wang et al. 2004), and the correlation of gradient magnitudes, of a[i] with b[i]: vectors. `range` is what the
 * pixels may span (255; unless said what the two span together). Pictures of unlike units want cs.measure.standardise first.
 */
static int l_ssim(lua_State *L)
{
	struct cs_tensor *a = check_maps(L, 1, 0), *b = check_maps(L, 2, 0), *out;
	int64_t size = cs_tensor_count(a) / a->shape.dim[0];
	double range = luaL_optnumber(L, 3, 0);
	struct cs_error error;

	check_same(L, a, b);
	out = cs_lua_tensor_push(L, CS_SHAPE(a->shape.dim[0]));
	for (int64_t i = 0; i < a->shape.dim[0]; i++) {
		double x;

		if (cs_similarity_ssim(a->data + i * size, b->data + i * size, (int)a->shape.dim[1],
			    (int)a->shape.dim[2], (int)a->shape.dim[3], range, &x, &error))
			return cs_value_fail(L, &error);
		out->data[i] = (float)x;
	}
	return 1;
}

static int l_edges(lua_State *L)
{
	struct cs_tensor *a = check_maps(L, 1, 0), *b = check_maps(L, 2, 0), *out;
	int64_t size = cs_tensor_count(a) / a->shape.dim[0];
	struct cs_error error;

	check_same(L, a, b);
	out = cs_lua_tensor_push(L, CS_SHAPE(a->shape.dim[0]));
	for (int64_t i = 0; i < a->shape.dim[0]; i++) {
		double x;

		if (cs_similarity_edges(a->data + i * size, b->data + i * size, (int)a->shape.dim[1],
			    (int)a->shape.dim[2], (int)a->shape.dim[3], &x, &error))
			return cs_value_fail(L, &error);
		out->data[i] = (float)x;
	}
	return 1;
}

/*** cs.measure.standardise(tensor)
 * Each entry of the first dimension shifted and scaled to mean 0 and deviation 1; constants become zeros.
 */
static int l_standardise(lua_State *L)
{
	struct cs_tensor *in = cs_lua_tensor_check(L, 1), *out;
	int64_t size;

	luaL_argcheck(L, in->shape.rank > 0 && in->shape.dim[0] > 0, 1, "nothing to standardise");
	size = cs_tensor_count(in) / in->shape.dim[0];
	out = cs_lua_tensor_push(L, in->shape);
	for (int64_t i = 0; i < in->shape.dim[0]; i++)
		cs_similarity_standardise(in->data + i * size, size, out->data + i * size);
	return 1;
}

static struct cs_tensor *push_planes(lua_State *L, const struct cs_tensor *maps)
{
	return cs_lua_tensor_push(L, CS_SHAPE(maps->shape.dim[0], maps->shape.dim[1], maps->shape.dim[2], 1));
}

/*** cs.measure.sobel(maps), cs.measure.energy(maps), cs.measure.luminance(pixels)
 * One plane a picture, [n,height,width,1]: the gradient's magnitude (Sobel, all channels together), the sum of squares over
 * channels, the luma of RGB.
 */
static int l_sobel(lua_State *L)
{
	struct cs_tensor *maps = check_maps(L, 1, 0), *out = push_planes(L, maps);
	int64_t size = cs_tensor_count(maps) / maps->shape.dim[0], cells = maps->shape.dim[1] * maps->shape.dim[2];

	for (int64_t i = 0; i < maps->shape.dim[0]; i++)
		cs_gradient_sobel(maps->data + i * size, (int)maps->shape.dim[1], (int)maps->shape.dim[2],
			(int)maps->shape.dim[3], out->data + i * cells);
	return 1;
}

static int l_energy(lua_State *L)
{
	struct cs_tensor *maps = check_maps(L, 1, 0), *out = push_planes(L, maps);
	int64_t channels = maps->shape.dim[3];

	for (int64_t i = 0, n = cs_tensor_count(out); i < n; i++) {
		double sum = 0;

		for (int64_t k = 0; k < channels; k++)
			sum += (double)maps->data[i * channels + k] * (double)maps->data[i * channels + k];
		out->data[i] = (float)sum;
	}
	return 1;
}

static int l_luminance(lua_State *L)
{
	struct cs_tensor *maps = check_maps(L, 1, 3), *out = push_planes(L, maps);

	cs_colour_luminance(maps->data, cs_tensor_count(out), out->data);
	return 1;
}

/* Two numbers of the list layer[key]. */
static void read_two(lua_State *L, int arg, const char *key, int64_t out[2])
{
	if (lua_getfield(L, arg, key) != LUA_TTABLE || luaL_len(L, -1) < 2)
		luaL_argerror(L, arg, lua_pushfstring(L, "'%s' of a layer must be a list of two numbers", key));
	for (int i = 0; i < 2; i++) {
		lua_geti(L, -1, i + 1);
		out[i] = luaL_checkinteger(L, -1);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/*** cs.measure.windows(planes, layer)
 * Planes [n,height,width,1] of the input seen with a layer's eyes: the mean over the receptive field of each of its cells,
 * [n,rows,columns,1]. `layer` is a table as net:layer() returns it.
 */
static int l_windows(lua_State *L)
{
	struct cs_tensor *maps = check_maps(L, 1, 1), *out;
	int64_t cells[2], in = maps->shape.dim[1] * maps->shape.dim[2];
	struct cs_windows windows;

	luaL_checktype(L, 2, LUA_TTABLE);
	read_two(L, 2, "output", cells);
	read_two(L, 2, "receptive_start", windows.start);
	read_two(L, 2, "receptive_step", windows.step);
	read_two(L, 2, "receptive_field", windows.size);
	luaL_argcheck(L, cells[0] > 0 && cells[1] > 0 && cells[0] < INT32_MAX && cells[1] < INT32_MAX, 2,
		"the layer has no rows and columns");
	windows.rows = (int)cells[0];
	windows.columns = (int)cells[1];
	out = cs_lua_tensor_push(L, CS_SHAPE(maps->shape.dim[0], cells[0], cells[1], 1));
	for (int64_t i = 0; i < maps->shape.dim[0]; i++)
		cs_gradient_windows(maps->data + i * in, (int)maps->shape.dim[1], (int)maps->shape.dim[2], &windows,
			out->data + i * cells[0] * cells[1]);
	return 1;
}

/*** cs.measure.power(maps[, window]), cs.measure.radial(power, bins), cs.measure.grid(power, period)
 * The power spectrum of each picture [n,height,width,1], summed over channels (under a Hann window unless `window` is false); its mean in
 * `bins` rings from 0 to 0.5 cycles a pixel, [n,bins]; and how far a grid of that period (in pixels) shows through: the power at its
 * frequencies over that around them, a vector: about 1 where there is none, NaN for periods too long for the picture.
 */
static int l_power(lua_State *L)
{
	struct cs_tensor *maps = check_maps(L, 1, 0), *out = push_planes(L, maps);
	int64_t size = cs_tensor_count(maps) / maps->shape.dim[0], cells = maps->shape.dim[1] * maps->shape.dim[2];
	bool window = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
	struct cs_error error;

	for (int64_t i = 0; i < maps->shape.dim[0]; i++) {
		if (cs_spectrum_power(maps->data + i * size, (int)maps->shape.dim[1], (int)maps->shape.dim[2],
			    (int)maps->shape.dim[3], window, out->data + i * cells, &error))
			return cs_value_fail(L, &error);
	}
	return 1;
}

static int l_radial(lua_State *L)
{
	struct cs_tensor *power = check_maps(L, 1, 1), *out;
	int64_t bins = luaL_checkinteger(L, 2), cells = power->shape.dim[1] * power->shape.dim[2];
	double *rings;

	luaL_argcheck(L, bins > 0 && bins <= 4096, 2, "expected 1 .. 4096");
	rings = cs_value_scratch(L, (size_t)bins, sizeof *rings);
	out = cs_lua_tensor_push(L, CS_SHAPE(power->shape.dim[0], bins));
	for (int64_t i = 0; i < power->shape.dim[0]; i++) {
		cs_spectrum_radial(
			power->data + i * cells, (int)power->shape.dim[1], (int)power->shape.dim[2], (int)bins, rings);
		for (int64_t b = 0; b < bins; b++)
			out->data[i * bins + b] = (float)rings[b];
	}
	return 1;
}

static int l_grid(lua_State *L)
{
	struct cs_tensor *power = check_maps(L, 1, 1), *out;
	int64_t cells = power->shape.dim[1] * power->shape.dim[2];
	double period = luaL_checknumber(L, 2);

	out = cs_lua_tensor_push(L, CS_SHAPE(power->shape.dim[0]));
	for (int64_t i = 0; i < power->shape.dim[0]; i++)
		out->data[i] = (float)cs_spectrum_grid(
			power->data + i * cells, (int)power->shape.dim[1], (int)power->shape.dim[2], period);
	return 1;
}

/*** cs.measure.cosines(kernel)
 * The cosine between every two features' kernels, [features,features], of [...,features]; 0 with a kernel that is all zero.
 */
static int l_cosines(lua_State *L)
{
	struct cs_tensor *kernel = cs_lua_tensor_check(L, 1), *out;
	int64_t features, rows;

	luaL_argcheck(L, kernel->shape.rank > 0 && cs_tensor_count(kernel) > 0, 1, "expected a kernel [...,features]");
	features = kernel->shape.dim[kernel->shape.rank - 1];
	rows = cs_tensor_count(kernel) / features;
	out = cs_lua_tensor_push(L, CS_SHAPE(features, features));
	for (int64_t r = 0; r < rows; r++) {
		const float *row = kernel->data + r * features;

		for (int64_t a = 0; a < features; a++) {
			for (int64_t b = 0; b <= a; b++)
				out->data[a * features + b] += row[a] * row[b];
		}
	}
	for (int64_t a = features - 1; a >= 0; a--) {
		for (int64_t b = 0; b <= a; b++) {
			float both = sqrtf(out->data[a * features + a]) * sqrtf(out->data[b * features + b]);

			if (b < a)
				out->data[a * features + b] = out->data[b * features + a] =
					both > 0 ? out->data[a * features + b] / both : 0;
		}
	}
	for (int64_t a = 0; a < features; a++)
		out->data[a * features + a] = out->data[a * features + a] > 0 ? 1 : 0;
	return 1;
}

/*** cs.measure.noise_level(planes[, skipped]), cs.measure.sharpness(planes)
 * Of each plane of [n,height,width,1] a number: the deviation of its noise (Immerkaer 1996; the strongest edges, this share of the pixels (0.1), left
 * out), and its sharpness, the variance of the Laplacian over the plane's own. NaN where there is nothing to measure.
 */
static int l_noise_level(lua_State *L)
{
	struct cs_tensor *planes = check_maps(L, 1, 1), *out;
	double skipped = luaL_optnumber(L, 2, 0.1);
	const int64_t *dim = planes->shape.dim;

	luaL_argcheck(L, skipped >= 0 && skipped < 1, 2, "a share from 0 to below 1 expected");
	out = cs_lua_tensor_push(L, CS_SHAPE(dim[0]));
	for (int64_t i = 0; i < dim[0]; i++)
		out->data[i] = (float)cs_quality_noise(planes->data + i * dim[1] * dim[2], (int)dim[1], (int)dim[2], skipped);
	return 1;
}

static int l_sharpness(lua_State *L)
{
	struct cs_tensor *planes = check_maps(L, 1, 1), *out;
	const int64_t *dim = planes->shape.dim;

	out = cs_lua_tensor_push(L, CS_SHAPE(dim[0]));
	for (int64_t i = 0; i < dim[0]; i++)
		out->data[i] = (float)cs_quality_sharpness(planes->data + i * dim[1] * dim[2], (int)dim[1], (int)dim[2]);
	return 1;
}

static const luaL_Reg functions[] = {
	{"correlation", l_correlation},
	{"map_correlation", l_map_correlation},
	{"ssim", l_ssim},
	{"edges", l_edges},
	{"standardise", l_standardise},
	{"sobel", l_sobel},
	{"energy", l_energy},
	{"luminance", l_luminance},
	{"windows", l_windows},
	{"power", l_power},
	{"radial", l_radial},
	{"noise_level", l_noise_level},
	{"sharpness", l_sharpness},
	{"grid", l_grid},
	{"cosines", l_cosines},
	{NULL, NULL},
};

void cs_lua_open_measure(lua_State *L)
{
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "measure");
}
