/* input.c: what a script may give to a network: images, pictures, or numbers as they are. See network.h.
 *
 * Images and pictures are pre-processed as the model says; a tensor goes in as it is.
 */
#include "script/images.h"
#include "script/network.h"
#include "script/picture.h"
#include "script/tensor.h"
#include "script/value.h"

#include <inttypes.h>
#include <string.h>

/* Fit the pictures at the stack positions or in the list at `arg` into a new tensor. */
static enum cs_status fit_pictures(
	lua_State *L, int arg, const struct cs_model *model, struct cs_lua_input *input, struct cs_error *error)
{
	const struct cs_shape *in = &model->network->input;
	bool single = cs_lua_picture_test(L, arg);
	int64_t count = single ? 1 : (int64_t)luaL_len(L, arg), size;
	char text[CS_SHAPE_TEXT];

	if (in->rank != 3 || (in->dim[2] != 3 && in->dim[2] != 1))
		return cs_fail(error, CS_ERR_SHAPE,
			"the network takes %s, and pictures are height x width x 3; give it a tensor",
			cs_shape_text(in, text, sizeof text));
	input->tensor = *cs_lua_tensor_push(L, CS_SHAPE(count, in->dim[0], in->dim[1], in->dim[2]));
	input->tensor.owned = false;
	input->count = count;
	size = cs_shape_count(in);
	for (int64_t i = 0; i < count; i++) {
		struct cs_picture *picture, fitted = {0};
		enum cs_status status;

		if (!single)
			lua_geti(L, arg, i + 1);
		picture = cs_lua_picture_check(L, single ? arg : -1);
		if (!single)
			lua_pop(L, 1);
		status = cs_picture_fit(picture, (int)in->dim[1], (int)in->dim[0], &fitted, error);
		if (status)
			return status;
		cs_preprocess_apply(&model->preprocess, fitted.rgb, in->dim[0] * in->dim[1], (int)in->dim[2],
			input->tensor.data + i * size);
		cs_picture_fini(&fitted);
	}
	return CS_OK;
}

enum cs_status cs_lua_input_get(
	lua_State *L, int arg, const struct cs_model *model, struct cs_lua_input *input, struct cs_error *error)
{
	const struct cs_shape *in = &model->network->input;
	struct cs_tensor *tensor = cs_lua_tensor_test(L, arg);
	char a[CS_SHAPE_TEXT], b[CS_SHAPE_TEXT];
	struct cs_shape batch = {.rank = in->rank + 1};

	*input = (struct cs_lua_input){0};
	if (tensor) {
		batch.dim[0] = cs_shape_equal(&tensor->shape, in) ? 1 : tensor->shape.dim[0];
		memcpy(batch.dim + 1, in->dim, sizeof *in->dim * (size_t)in->rank);
		if (!cs_shape_equal(&tensor->shape, in) && !cs_shape_equal(&tensor->shape, &batch))
			return cs_fail(error, CS_ERR_SHAPE,
				"the network takes %s (or several of them), the tensor is %s",
				cs_shape_text(in, a, sizeof a), cs_shape_text(&tensor->shape, b, sizeof b));
		input->tensor = cs_tensor_view(tensor->data, batch);
		input->count = batch.dim[0];
		return CS_OK;
	}
	input->images = cs_handle_test(L, arg, &cs_lua_images_type);
	if (input->images) {
		input->count = input->images->count;
		return cs_lua_images_fit(input->images, model, error);
	}
	if (!cs_lua_picture_test(L, arg) && !lua_istable(L, arg))
		luaL_typeerror(L, arg, "images, tensor, picture or list of pictures");
	return fit_pictures(L, arg, model, input, error);
}

enum cs_status cs_lua_input_read(const struct cs_lua_input *input, const struct cs_model *model, int64_t first,
	int64_t count, float *out, int *labels, struct cs_error *error)
{
	int64_t size = cs_shape_count(&model->network->input);

	if (input->images)
		return cs_lua_images_read(input->images, first, count, model, out, labels, error);
	memcpy(out, input->tensor.data + first * size, sizeof(float) * (size_t)(count * size));
	for (int64_t i = 0; labels && i < count; i++)
		labels[i] = -1;
	return CS_OK;
}
