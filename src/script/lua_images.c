/* lua_images.c: choices of images in Lua: splits, slices, random samples, held pixels. See images.h. */
#include "script/images.h"

#include "core/alloc.h"
#include "core/random.h"
#include "core/whitening.h"
#include "script/picture.h"
#include "script/rooms.h"
#include "script/tensor.h"
#include "script/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void close_images(void *object)
{
	struct cs_lua_images *images = object;

	cs_free(images->numbers);
	cs_free(images->labels);
	cs_tensor_fini(&images->held);
	cs_free(images);
}

struct cs_lua_images *cs_lua_images_check(lua_State *L, int arg)
{
	return cs_handle_check(L, arg, &cs_lua_images_type);
}

/* A handle with room for `count` numbers, and for labels when asked. */
static struct cs_lua_images *push_empty(lua_State *L, int64_t count, bool labelled)
{
	struct cs_handle *handle = cs_handle_push(L, &cs_lua_images_type);
	struct cs_lua_images *images = cs_calloc(1, sizeof *images);

	handle->object = images;
	if (images) {
		images->count = count;
		images->numbers = cs_calloc((size_t)count + 1, sizeof *images->numbers);
		images->labels = labelled ? cs_calloc((size_t)count + 1, sizeof *images->labels) : NULL;
	}
	if (!images || !images->numbers || (labelled && !images->labels))
		luaL_error(L, "not enough memory for a list of %I images", (LUAI_UACINT)count);
	return images;
}

struct cs_lua_images *cs_lua_images_push(lua_State *L, int dataset, const int64_t *numbers, int64_t count)
{
	const struct cs_dataset *data = cs_handle_check(L, dataset, &cs_lua_dataset_type);
	struct cs_lua_images *images;

	dataset = lua_absindex(L, dataset);
	images = push_empty(L, count, false);
	memcpy(images->numbers, numbers, sizeof *numbers * (size_t)count);
	images->data = data;
	images->width = data->width;
	images->height = data->height;
	cs_handle_adopt(L, -1, dataset);
	return images;
}

static int label_of(const struct cs_lua_images *images, int64_t i)
{
	struct cs_sample sample = {.label = -1};

	if (images->labels)
		return images->labels[i];
	if (images->data)
		cs_dataset_sample(images->data, images->numbers[i], &sample);
	return sample.label;
}

/* Push the images at `positions` of the images at stack position 1. */
static struct cs_lua_images *push_chosen(
	lua_State *L, const struct cs_lua_images *from, const int64_t *positions, int64_t count)
{
	bool held = from->held.data;
	struct cs_lua_images *images = push_empty(L, count, held);
	struct cs_shape shape = from->held.shape;
	struct cs_error error;

	images->data = from->data;
	images->width = from->width;
	images->height = from->height;
	for (int64_t i = 0; i < count; i++)
		images->numbers[i] = from->numbers[positions[i]];
	if (held) {
		size_t size = sizeof(float) * 3 * (size_t)from->width * (size_t)from->height;

		shape.dim[0] = count;
		cs_handle_weigh(L, size * (size_t)count);
		if (cs_tensor_init(&images->held, shape, &error))
			luaL_error(L, "%s", error.message);
		for (int64_t i = 0; i < count; i++) {
			images->labels[i] = from->labels[positions[i]];
			memcpy((char *)images->held.data + (size_t)i * size,
				(char *)from->held.data + (size_t)positions[i] * size, size);
		}
	}
	if (lua_getiuservalue(L, 1, CS_HANDLE_PARENT) == LUA_TUSERDATA)
		cs_handle_adopt(L, -2, -1);
	lua_pop(L, 1);
	return images;
}

/*** cs.images(tensor[, labels])
 * Images of your own: pixels 0 .. 255, RGB, as a tensor [n,height,width,3], with a list of labels where they are known. Like
 * the splits of a data set, they can be given to every network, which pre-processes them as it was trained.
 */
static int l_images_new(lua_State *L)
{
	struct cs_tensor *pixels = cs_lua_tensor_check(L, 1);
	struct cs_lua_images *images;
	struct cs_error error;

	luaL_argcheck(L, pixels->shape.rank == 4 && pixels->shape.dim[3] == 3, 1, "expected pixels [n,height,width,3]");
	lua_settop(L, 2);
	images = push_empty(L, pixels->shape.dim[0], true);
	images->height = (int)pixels->shape.dim[1];
	images->width = (int)pixels->shape.dim[2];
	if (cs_tensor_init(&images->held, pixels->shape, &error))
		return cs_value_fail(L, &error);
	memcpy(images->held.data, pixels->data, sizeof(float) * (size_t)cs_tensor_count(pixels));
	for (int64_t i = 0; i < images->count; i++) {
		images->numbers[i] = i;
		images->labels[i] = -1;
		if (!lua_isnil(L, 2)) {
			lua_geti(L, 2, i + 1);
			images->labels[i] = lua_isnil(L, -1) ? -1 : (int)luaL_checkinteger(L, -1);
			lua_pop(L, 1);
		}
	}
	return 1;
}

/*** images:images(first[, count])
 * The images `first` .. first+count-1 of these (to the end unless said), positions counting from 0.
 */
static int l_images(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1);
	int64_t first = luaL_checkinteger(L, 2), count = luaL_optinteger(L, 3, images->count - first), *positions;

	if (first < 0 || count < 0 || first > images->count || count > images->count - first)
		return luaL_argerror(L, 2,
			lua_pushfstring(L, "images %I to %I are out of range: there are %I", (LUAI_UACINT)first,
				(LUAI_UACINT)(first + count - 1), (LUAI_UACINT)images->count));
	positions = cs_value_scratch(L, (size_t)count, sizeof *positions);
	for (int64_t i = 0; i < count; i++)
		positions[i] = first + i;
	push_chosen(L, images, positions, count);
	return 1;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*** images:sample(n[, seed])
 * At most n of these images, chosen at random by seed (0), in ascending order.
 */
static int l_sample(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1);
	int64_t n = luaL_checkinteger(L, 2), *positions;
	lua_Integer seed = luaL_optinteger(L, 3, 0);
	struct cs_random random;

	luaL_argcheck(L, n >= 0, 2, "expected 0 or more");
	n = n < images->count ? n : images->count;
	positions = cs_value_scratch(L, (size_t)images->count, sizeof *positions);
	for (int64_t i = 0; i < images->count; i++)
		positions[i] = i;
	cs_random_init(&random, (uint64_t)seed, CS_RANDOM_SAMPLE, 0, 0);
	cs_random_shuffle(&random, positions, images->count);
	qsort(positions, (size_t)n, sizeof *positions, ascending);
	push_chosen(L, images, positions, n);
	return 1;
}

/*** images:choose(positions)
 * The images at a list of positions, from 0, in that order.
 */
static int l_choose(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1);
	int64_t *positions, n;

	luaL_checktype(L, 2, LUA_TTABLE);
	n = luaL_len(L, 2);
	positions = cs_value_scratch(L, (size_t)n, sizeof *positions);
	for (int64_t i = 0; i < n; i++) {
		lua_geti(L, 2, i + 1);
		positions[i] = luaL_checkinteger(L, -1);
		cs_value_check_index(L, 2, positions[i], images->count, "image");
		lua_pop(L, 1);
	}
	push_chosen(L, images, positions, n);
	return 1;
}

/*** images:of_class(class)
 * Those of one class.
 */
static int l_of_class(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1);
	lua_Integer class = luaL_checkinteger(L, 2);
	int64_t *positions, n = 0;

	if (images->data)
		cs_value_check_index(L, 2, class, images->data->class_count, "class");
	positions = cs_value_scratch(L, (size_t)images->count, sizeof *positions);
	for (int64_t i = 0; i < images->count; i++) {
		if (label_of(images, i) == class)
			positions[n++] = i;
	}
	push_chosen(L, images, positions, n);
	return 1;
}

/* Raw pixels 0..255 are what this pre-processing gives. */
static const struct cs_preprocess raw = {.scale = 1, .deviation = {1, 1, 1}};

static enum cs_status read_batch(const struct cs_lua_images *images, int64_t first, int64_t count, int channels,
	const struct cs_preprocess *preprocess, float *out, int *labels, struct cs_error *error)
{
	struct cs_batch batch = {0};
	enum cs_status status;

	batch.images = cs_tensor_view(out, CS_SHAPE(count, images->height, images->width, channels));
	batch.labels = cs_calloc((size_t)count + 1, sizeof *batch.labels);
	batch.index = cs_calloc((size_t)count + 1, sizeof *batch.index);
	if (!batch.labels || !batch.index) {
		status = cs_fail_memory(error, "a batch of images");
		goto out;
	}
	status = cs_loader_read(images->data, images->numbers + first, (int)count, channels, preprocess, &batch, error);
	if (!status && labels)
		memcpy(labels, batch.labels, sizeof *labels * (size_t)count);
out:
	cs_free(batch.labels);
	cs_free(batch.index);
	return status;
}

enum cs_status cs_lua_images_pixels(
	const struct cs_lua_images *images, int64_t first, int64_t count, float *out, struct cs_error *error)
{
	int64_t size = (int64_t)images->height * images->width * 3;

	if (count == 0)
		return CS_OK;
	if (!images->held.data)
		return read_batch(images, first, count, 3, &raw, out, NULL, error);
	memcpy(out, images->held.data + first * size, sizeof(float) * (size_t)(count * size));
	return CS_OK;
}

/*** images:pixels()
 * Their pixels as a tensor [n,height,width,3], RGB, 0 .. 255.
 */
static int l_pixels(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1);
	struct cs_tensor *tensor = cs_lua_tensor_push(L, CS_SHAPE(images->count, images->height, images->width, 3));
	struct cs_error error;

	if (cs_lua_images_pixels(images, 0, images->count, tensor->data, &error))
		return cs_value_fail(L, &error);
	return 1;
}

/*** images:with(pixels)
 * The same images (numbers, labels) with other pixels: for noise, occlusion and other changes. The tensor is copied.
 */
static int l_with(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1), *out;
	struct cs_tensor *pixels = cs_lua_tensor_check(L, 2);
	char text[CS_SHAPE_TEXT];
	struct cs_error error;

	if (pixels->shape.rank != 4 || pixels->shape.dim[0] != images->count || pixels->shape.dim[3] != 3)
		return luaL_argerror(L, 2,
			lua_pushfstring(L, "expected pixels [%I,height,width,3], not %s", (LUAI_UACINT)images->count,
				cs_shape_text(&pixels->shape, text, sizeof text)));
	out = push_empty(L, images->count, true);
	out->data = images->data;
	out->height = (int)pixels->shape.dim[1];
	out->width = (int)pixels->shape.dim[2];
	memcpy(out->numbers, images->numbers, sizeof *out->numbers * (size_t)images->count);
	for (int64_t i = 0; i < images->count; i++)
		out->labels[i] = label_of(images, i);
	if (cs_tensor_init(&out->held, pixels->shape, &error))
		return cs_value_fail(L, &error);
	memcpy(out->held.data, pixels->data, sizeof(float) * (size_t)cs_tensor_count(pixels));
	if (lua_getiuservalue(L, 1, CS_HANDLE_PARENT) == LUA_TUSERDATA)
		cs_handle_adopt(L, -2, -1);
	lua_pop(L, 1);
	return 1;
}

/*** images:picture(i)
 * The image at position i as a picture (held pixels are rounded and clamped).
 */
static int l_picture(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1);
	int64_t i = cs_value_index(L, 2, images->count, "image"), pixels = (int64_t)images->width * images->height;
	struct cs_picture *picture = cs_lua_picture_push(L);
	struct cs_error error;

	if (cs_picture_init(picture, images->width, images->height, &error))
		return cs_value_fail(L, &error);
	if (images->held.data)
		cs_preprocess_undo(&raw, images->held.data + i * pixels * 3, pixels, 3, picture->rgb);
	else if (cs_dataset_pixels(images->data, images->numbers[i], picture->rgb, &error))
		return cs_value_fail(L, &error);
	return 1;
}

/*** images:number(i), images:label(i), images:labels()
 * The number in its data set of the image at position i, its label (nil: unknown), and all labels as a list.
 */
static int l_number(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1);

	lua_pushinteger(L, images->numbers[cs_value_index(L, 2, images->count, "image")]);
	return 1;
}

static int l_label(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1);
	int label = label_of(images, cs_value_index(L, 2, images->count, "image"));

	if (label < 0)
		lua_pushnil(L);
	else
		lua_pushinteger(L, label);
	return 1;
}

static int l_labels(lua_State *L)
{
	struct cs_lua_images *images = cs_lua_images_check(L, 1);

	lua_createtable(L, (int)images->count, 0);
	for (int64_t i = 0; i < images->count; i++) {
		lua_pushinteger(L, label_of(images, i));
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/*** images.count, images.width, images.height, images.name, images.data
 * How many they are (also `#images`), their size in pixels, the name of the split ("" for a part of one), and the data set
 * they belong to (nil where there is none).
 */
static int get_count(lua_State *L)
{
	lua_pushinteger(L, cs_lua_images_check(L, 1)->count);
	return 1;
}

static int get_width(lua_State *L)
{
	lua_pushinteger(L, cs_lua_images_check(L, 1)->width);
	return 1;
}

static int get_height(lua_State *L)
{
	lua_pushinteger(L, cs_lua_images_check(L, 1)->height);
	return 1;
}

static int get_name(lua_State *L)
{
	lua_pushstring(L, cs_lua_images_check(L, 1)->name);
	return 1;
}

static int get_data(lua_State *L)
{
	cs_lua_images_check(L, 1);
	lua_getiuservalue(L, 1, CS_HANDLE_PARENT);
	return 1;
}

enum cs_status cs_lua_images_fit(
	const struct cs_lua_images *images, const struct cs_model *model, struct cs_error *error)
{
	const struct cs_shape *input = &model->network->input;
	char text[CS_SHAPE_TEXT];

	if (input->rank != 3 || (input->dim[2] != 3 && input->dim[2] != 1))
		return cs_fail(error, CS_ERR_SHAPE,
			"the network takes %s, and images are height x width x 3 (or 1); give it a tensor",
			cs_shape_text(input, text, sizeof text));
	if (images->height != input->dim[0] || images->width != input->dim[1])
		return cs_fail(error, CS_ERR_SHAPE,
			"the network takes images of %" PRId64 "x%" PRId64
			", these are %dx%d (height x width); open the data set with "
			"width = %" PRId64 ", height = %" PRId64,
			input->dim[0], input->dim[1], images->height, images->width, input->dim[1], input->dim[0]);
	return CS_OK;
}

/* As cs_preprocess_pixels, for pixels that are not bytes. */
static void preprocess_numbers(
	const struct cs_preprocess *pre, const float *pixels, int64_t count, int channels, float *out)
{
	for (int64_t i = 0; i < count; i++, pixels += 3, out += channels) {
		if (channels == 1) {
			float luma = 0.299f * pixels[0] + 0.587f * pixels[1] + 0.114f * pixels[2];

			out[0] = (luma * pre->scale - pre->mean[0]) / pre->deviation[0];
			continue;
		}
		for (int k = 0; k < 3; k++)
			out[k] = (pixels[pre->bgr ? 2 - k : k] * pre->scale - pre->mean[k]) / pre->deviation[k];
	}
}

enum cs_status cs_lua_images_read(const struct cs_lua_images *images, int64_t first, int64_t count,
	const struct cs_model *model, float *out, int *labels, struct cs_error *error)
{
	int64_t pixels = (int64_t)images->width * images->height;
	int channels = (int)model->network->input.dim[2];
	enum cs_status status = cs_lua_images_fit(images, model, error);

	if (status || count == 0)
		return status;
	if (!images->held.data)
		return read_batch(images, first, count, channels, &model->preprocess, out, labels, error);
	preprocess_numbers(&model->preprocess, images->held.data + first * pixels * 3, count * pixels, channels, out);
	if (model->preprocess.whitening)
		cs_whitening_apply(model->preprocess.whitening, count, out);
	if (labels)
		memcpy(labels, images->labels + first, sizeof *labels * (size_t)count);
	return CS_OK;
}

static const luaL_Reg methods[] = {
	{"images", l_images},
	{"sample", l_sample},
	{"choose", l_choose},
	{"of_class", l_of_class},
	{"pixels", l_pixels},
	{"with", l_with},
	{"picture", l_picture},
	{"number", l_number},
	{"label", l_label},
	{"labels", l_labels},
	{NULL, NULL},
};

static const luaL_Reg getters[] = {
	{"count", get_count},
	{"width", get_width},
	{"height", get_height},
	{"name", get_name},
	{"data", get_data},
	{NULL, NULL},
};

static const luaL_Reg meta[] = {{"__len", get_count}, {NULL, NULL}};

const struct cs_handle_type cs_lua_images_type = {
	.name = "images",
	.close = close_images,
	.methods = methods,
	.getters = getters,
	.meta = meta,
};

static const luaL_Reg functions[] = {{"images", l_images_new}, {NULL, NULL}};

void cs_lua_open_images(lua_State *L)
{
	cs_handle_register(L, -1, &cs_lua_images_type);
	luaL_setfuncs(L, functions, 0);
}
