/* keras_read.c: weights of every Keras HDF5 dialect into a network. See keras.h, keras_source.h.
 *
 * Before a network is made, every weight that the architecture asks for is looked up and its stored shape compared, so that a
 * file cannot make us allocate what it does not hold. Then each is read, turned and permuted into our own order:
 * rows, columns, in, out; what a channels_first model flattened as c,h,w becomes h,w,c.
 */
#include "core/alloc.h"
#include "core/log.h"
#include "model/keras.h"
#include "model/keras_source.h"

#include <stdio.h>
#include <string.h>

/* The stored shape must be what the architecture asks for. */
static enum cs_status check_stored(struct cs_keras_source *source, const struct cs_keras_layer *layer, const char *name,
	const struct cs_keras_stored *stored, struct cs_shape shape, struct cs_error *error)
{
	char expected[CS_SHAPE_TEXT], text[CS_SHAPE_TEXT], kind;
	struct cs_shape found;
	enum cs_status status = cs_h5_info(source->file, stored->path, &found, &kind, error);

	if (status) {
		cs_error_prefix(error, "layer '%.80s' (%.40s), %s", layer->name, layer->class_name, name);
		return status;
	}
	if (stored->out_first)
		shape = CS_SHAPE(shape.dim[3], shape.dim[2], shape.dim[0], shape.dim[1]);
	if (kind != 'f' && kind != 'i')
		return cs_fail(error, CS_ERR_FORMAT, "layer '%.80s' (%.40s): its %s does not hold numbers", layer->name,
			layer->class_name, name);
	/* Normalization keeps one number for all channels where it was told to, also as 1x1x1xC. */
	if (layer->normalization && (cs_shape_count(&found) == 1 || cs_shape_count(&found) == cs_shape_count(&shape)))
		return CS_OK;
	if (!cs_shape_equal(&found, &shape))
		return cs_fail(error, CS_ERR_SHAPE,
			"layer '%.80s' (%.40s): its %s is %s in the file, but the architecture asks for %s",
			layer->name, layer->class_name, name, cs_shape_text(&found, text, sizeof text),
			cs_shape_text(&shape, expected, sizeof expected));
	return CS_OK;
}

/* (out,in,rows,columns) -> (rows,columns,in,out), and 180 degrees where asked. */
static void copy_kernel(
	const float *from, float *to, const struct cs_shape *shape, const struct cs_keras_stored *stored)
{
	int64_t rows = shape->dim[0], columns = shape->dim[1], in = shape->dim[2], out = shape->dim[3];

	for (int64_t r = 0; r < rows; r++) {
		for (int64_t c = 0; c < columns; c++) {
			int64_t y = stored->turned ? rows - 1 - r : r, x = stored->turned ? columns - 1 - c : c;

			for (int64_t i = 0; i < in; i++) {
				for (int64_t o = 0; o < out; o++) {
					int64_t source = stored->out_first ? ((o * in + i) * rows + y) * columns + x
									   : ((y * columns + x) * in + i) * out + o;

					to[((r * columns + c) * in + i) * out + o] = from[source];
				}
			}
		}
	}
}

/* Rows in c,h,w order -> h,w,c order. */
static void copy_permuted(const float *from, float *to, const int64_t permute[3], int64_t width)
{
	int64_t h = permute[0], w = permute[1], c = permute[2];

	for (int64_t y = 0; y < h; y++) {
		for (int64_t x = 0; x < w; x++) {
			for (int64_t k = 0; k < c; k++)
				memcpy(to + ((y * w + x) * c + k) * width, from + ((k * h + y) * w + x) * width,
					(size_t)width * sizeof *to);
		}
	}
}

static enum cs_status load_param(struct cs_keras_source *source, const struct cs_keras_layer *layer,
	struct cs_param *param, const struct cs_keras_stored *stored, struct cs_error *error)
{
	const struct cs_shape *shape = &param->value.shape;
	int64_t count = cs_tensor_count(&param->value);
	struct cs_tensor tensor = {0};
	enum cs_status status = cs_h5_read_tensor(source->file, stored->path, count, &tensor, error);

	if (status) {
		cs_error_prefix(error, "layer '%.80s' (%.40s), %s", layer->name, layer->class_name, param->name);
		return status;
	}
	if (cs_tensor_count(&tensor) < count)
		for (int64_t i = 0; i < count; i++)
			param->value.data[i] = tensor.data[0];
	else if (stored->turned || stored->out_first)
		copy_kernel(tensor.data, param->value.data, shape, stored);
	else if (layer->permute[0] && strcmp(param->name, "bias") &&
		shape->dim[0] == layer->permute[0] * layer->permute[1] * layer->permute[2])
		copy_permuted(tensor.data, param->value.data, layer->permute, count / shape->dim[0]);
	else
		memcpy(param->value.data, tensor.data, (size_t)count * sizeof(float));
	cs_tensor_fini(&tensor);
	return CS_OK;
}

/* What Keras' Normalization calls its numbers, the batch norm that stands for it calls so. */
static const char *our_name(const char *name)
{
	return !strcmp(name, "mean") ? "moving_mean" : !strcmp(name, "variance") ? "moving_variance" : name;
}

/* Two passes over all parameters: look up and check without a network, then load into it. */
static enum cs_status each_param(struct cs_keras_source *source, const struct cs_keras_plan *plan, const int *group_of,
	struct cs_network *network, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	for (int i = 0; i < plan->count && !status; i++) {
		const struct cs_keras_layer *layer = &plan->layers[i];
		const char *names[CS_MAX_PARAMS];
		struct cs_shape shapes[CS_MAX_PARAMS];
		int params = cs_keras_params(layer, names, shapes);

		for (int k = 0; k < params && !status; k++) {
			struct cs_keras_stored stored = {0};

			status = cs_keras_locate(source, plan, i, group_of[i], k, params, names[k], &stored, error);
			if (!status && !network) {
				status = check_stored(source, layer, names[k], &stored, shapes[k], error);
			} else if (!status) {
				struct cs_param *param = cs_layer_param(&network->layers[i], our_name(names[k]));

				status = param ? load_param(source, layer, param, &stored, error)
					       : cs_fail(error, CS_ERR_FORMAT, "layer '%.80s' has no %s", layer->name,
							 names[k]);
			}
			cs_free(stored.path);
		}
	}
	return status;
}

/* The architecture's JSON: the file's own, else the caller's. To be freed. */
static enum cs_status find_config(struct cs_h5 *file, const char *arch, char **json, struct cs_error *error)
{
	enum cs_status status;

	if (cs_h5_has_attribute(file, "/", "model_config")) {
		status = cs_h5_read_string(file, "/", "model_config", json, error);
		if (status)
			cs_error_prefix(error, "model_config");
		return status;
	}
	if (arch) {
		*json = cs_strdup(arch);
		return *json ? CS_OK : cs_fail_memory(error, "a model's architecture");
	}
	if (cs_h5_has_attribute(file, "/", "layer_names") || cs_h5_has_attribute(file, "/", "layer_names0") ||
		cs_h5_has_attribute(file, "/", "nb_layers") || cs_h5_is_group(file, "/layers") ||
		cs_h5_is_group(file, "/_layer_checkpoint_dependencies"))
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"it holds weights without an architecture; give the architecture with --arch FILE.json (what "
			"Keras' "
			"model.to_json() returns)");
	return cs_fail(error, CS_ERR_FORMAT, "it is HDF5, but not a Keras model: there is no model_config");
}

enum cs_status cs_keras_read_within(struct cs_h5 *file, const char *arch, const int64_t size[2], int64_t limit,
	struct cs_network **out, struct cs_error *error)
{
	struct cs_keras_plan plan = {0};
	struct cs_keras_source source = {0};
	struct cs_network *network = NULL;
	int *group_of = NULL, bad;
	char *json = NULL;
	enum cs_status status = find_config(file, arch, &json, error);

	if (status)
		goto out;
	status = cs_keras_plan_new(json, size, &plan, error);
	if (status)
		goto out;
	if (plan.params > limit) {
		status = cs_fail(error, CS_ERR_MEMORY,
			"the architecture asks for %.3g parameters, far more than a file of this size can hold",
			(double)plan.params);
		goto out;
	}
	status = cs_keras_source_init(&source, file, error);
	if (status)
		goto out;
	group_of = cs_calloc((size_t)plan.count, sizeof *group_of);
	status = group_of ? cs_keras_match(&source, &plan, group_of, error) : cs_fail_memory(error, "a model's layers");
	if (!status)
		status = each_param(&source, &plan, group_of, NULL, error);
	if (!status)
		status = cs_keras_plan_network(&plan, &network, error);
	if (!status)
		status = each_param(&source, &plan, group_of, network, error);
	if (status)
		goto out;
	bad = cs_network_first_bad_layer(network);
	if (bad >= 0)
		cs_warn("layer '%s' holds weights that are NaN or infinite: what the network answers is not valid",
			network->layers[bad].spec.name);
	*out = network;
	network = NULL;
out:
	cs_network_free(network);
	cs_free(group_of);
	cs_keras_source_fini(&source);
	cs_keras_plan_fini(&plan);
	cs_free(json);
	return status;
}

enum cs_status cs_keras_read(struct cs_h5 *file, const char *arch, struct cs_network **out, struct cs_error *error)
{
	return cs_keras_read_within(file, arch, NULL, CS_KERAS_MAX_VOLUME * 4, out, error);
}
