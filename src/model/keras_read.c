/* keras_read.c: weights of every Keras HDF5 dialect into a network. See keras.h and keras_plan.h.
 *
 * What Keras' own loader follows is the attributes: layer_names of the root of weights, weight_names of each group, in their
 * order. Before a network is made, every weight that the architecture asks for is looked up and its stored shape compared, so
 * that a file cannot make us allocate what it does not hold. Dialects, by where they differ:
 *
 *   Keras 1          weight names conv_W; without ":0" they were written under Theano; th kernels are (out,in,rows,columns)
 *   Theano           convolves with flipped kernels: turned by 180 degrees here
 *   .weights.h5      and .keras: layers/<class>_<counter>/vars/<i>; Keras 2.14 has _layer_checkpoint_dependencies
 *                    for layers, and Windows wrote backslashes into names
 *   nested models    one group for all weights inside, trainable ones first: found by name, else by that order
 *   channels_first   the rows behind a flatten that keeps memory order are permuted from c,h,w to h,w,c
 */
#include "core/alloc.h"
#include "core/log.h"
#include "model/keras.h"
#include "model/keras_plan.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WEIGHT_NAME = 1024 };

/* One group of weights and its list. */
struct group {
	const char *name;
	char **weights;
	int count;
};

struct source {
	struct cs_h5 *file;
	const char *root; /* "/model_weights" or "" */
	const char *base; /* .keras and .weights.h5: the group of layers; NULL: the legacy layout */
	char separator; /* between base and address: '\\' where Windows wrote it */
	bool theano; /* said by the backend attribute (Keras 2) */
	struct group *groups;
	int count;
	json_t *index; /* group name -> position */
	char ***chunks; /* layer_names, one block per attribute */
	int chunk_count;
};

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a >= b && !strcmp(text + a - b, end);
}

/* Read a list attribute, also one that was split into name0, name1, ... Blocks go to *chunks, to be freed one by one. */
static enum cs_status read_names(struct cs_h5 *file, const char *path, const char *attribute, char ***chunks[],
	int *chunk_count, int *total, struct cs_error *error)
{
	char name[64];

	*total = 0;
	for (int i = -1; i < CS_KERAS_MAX_LAYERS; i++) {
		char ***grown;
		int count;
		enum cs_status status;

		if (i < 0)
			snprintf(name, sizeof name, "%s", attribute);
		else
			snprintf(name, sizeof name, "%s%d", attribute, i);
		if (!cs_h5_has_attribute(file, path, name)) {
			if (i < 0)
				continue;
			return CS_OK;
		}
		grown = cs_realloc(*chunks, (size_t)*chunk_count + 1, sizeof *grown);
		if (!grown)
			return cs_fail_memory(error, "a model's layers");
		*chunks = grown;
		status = cs_h5_read_strings(file, path, name, &grown[*chunk_count], &count, error);
		if (status)
			return status;
		(*chunk_count)++;
		*total += count;
		if (*total > 16 * CS_KERAS_MAX_LAYERS)
			return cs_fail(
				error, CS_ERR_FORMAT, "%s lists over %d names", attribute, 16 * CS_KERAS_MAX_LAYERS);
		if (i < 0)
			return CS_OK;
	}
	return CS_OK;
}

static void source_fini(struct source *source)
{
	for (int i = 0; i < source->count; i++)
		cs_free(source->groups[i].weights);
	for (int i = 0; i < source->chunk_count; i++)
		cs_free(source->chunks[i]);
	cs_free(source->chunks);
	cs_free(source->groups);
	json_decref(source->index);
}

/* Is it the layout of .keras and .weights.h5, and where are its layers? */
static enum cs_status find_base(struct source *source, struct cs_error *error)
{
	static const char *const bases[] = {"/layers", "/_layer_checkpoint_dependencies"};
	struct cs_h5 *file = source->file;
	char **names;
	int count;
	enum cs_status status;

	if (cs_h5_is_group(file, "/model_weights") || cs_h5_has_attribute(file, "/", "layer_names") ||
		cs_h5_has_attribute(file, "/", "layer_names0"))
		return CS_OK;
	source->separator = '/';
	/* Versions that wrote the second left the first empty, if they made it at all. */
	for (int i = 1; i >= 0 && !source->base; i--) {
		if (cs_h5_is_group(file, bases[i]))
			source->base = bases[i];
	}
	if (source->base)
		return CS_OK;
	status = cs_h5_list(file, "/", &names, &count, error);
	if (status)
		return status;
	for (int i = 0; i < count && !source->base; i++) {
		for (int k = 0; k < 2; k++) {
			size_t length = strlen(bases[k] + 1);

			if (!strncmp(names[i], bases[k] + 1, length) && names[i][length] == '\\') {
				source->base = bases[k];
				source->separator = '\\';
			}
		}
	}
	cs_free(names);
	return CS_OK;
}

static enum cs_status source_init(struct source *source, struct cs_h5 *file, struct cs_error *error)
{
	char *backend = NULL;
	enum cs_status status;
	int total = 0;

	*source = (struct source){.file = file, .index = json_object()};
	if (find_base(source, error))
		return error ? error->status : CS_ERR_FORMAT;
	if (source->base)
		return CS_OK;
	if (cs_h5_is_group(file, "/model_weights"))
		source->root = "/model_weights";
	else if (cs_h5_has_attribute(file, "/", "layer_names") || cs_h5_has_attribute(file, "/", "layer_names0"))
		source->root = "";
	else
		return cs_fail(error, CS_ERR_FORMAT, "the file has no group model_weights: the weights are missing");
	/* Both places are in use; a file that says nothing was not written under Theano by Keras 2. */
	for (int i = 0; i < 2 && !backend; i++) {
		const char *place = i ? "/" : *source->root ? source->root : "/";

		if (cs_h5_has_attribute(file, place, "backend") &&
			cs_h5_read_string(file, place, "backend", &backend, NULL))
			backend = NULL;
	}
	source->theano = backend && !strcmp(backend, "theano");
	cs_free(backend);
	status = read_names(file, *source->root ? source->root : "/", "layer_names", &source->chunks,
		&source->chunk_count, &total, error);
	if (status)
		return status;
	source->groups = cs_calloc((size_t)total + 1, sizeof *source->groups);
	if (!source->groups || !source->index)
		return cs_fail_memory(error, "a model's layers");
	for (int i = 0; i < source->chunk_count; i++) {
		for (char **name = source->chunks[i]; *name; name++) {
			if (json_object_set_new_nocheck(source->index, *name, json_integer(source->count)))
				return cs_fail_memory(error, "a model's layers");
			source->groups[source->count++] = (struct group){.name = *name, .count = -1};
		}
	}
	return CS_OK;
}

/* The weight names of a group, read when first asked for. */
static enum cs_status read_group(struct source *source, struct group *group, struct cs_error *error)
{
	char ***chunks = NULL, *path;
	int chunk_count = 0, total = 0, done = 0;
	size_t bytes;
	enum cs_status status;

	if (group->count >= 0)
		return CS_OK;
	path = cs_format("%s/%s", source->root, group->name);
	if (!path)
		return cs_fail_memory(error, "a model's layers");
	if (!cs_h5_is_group(source->file, path)) {
		status = cs_fail(error, CS_ERR_FORMAT, "group '%.80s' of the weights is missing", group->name);
		goto out;
	}
	status = read_names(source->file, path, "weight_names", &chunks, &chunk_count, &total, error);
	if (status)
		goto out;
	/* One block again: pointers, then text. */
	bytes = ((size_t)total + 1) * sizeof(char *);
	for (int i = 0; i < chunk_count; i++) {
		for (char **name = chunks[i]; *name; name++) {
			if (strlen(*name) > MAX_WEIGHT_NAME) {
				status = cs_fail(error, CS_ERR_FORMAT,
					"group '%.80s' names a weight with %zu characters; %d are enough", group->name,
					strlen(*name), MAX_WEIGHT_NAME);
				goto out;
			}
			bytes += strlen(*name) + 1;
		}
	}
	group->weights = cs_alloc(bytes);
	if (!group->weights) {
		status = cs_fail_memory(error, "a model's layers");
		goto out;
	}
	char *text = (char *)(group->weights + total + 1);

	for (int i = 0; i < chunk_count; i++) {
		for (char **name = chunks[i]; *name; name++) {
			group->weights[done++] = text;
			text = stpcpy(text, *name) + 1;
		}
	}
	group->weights[done] = NULL;
	group->count = done;
out:
	for (int i = 0; i < chunk_count; i++)
		cs_free(chunks[i]);
	cs_free(chunks);
	cs_free(path);
	return status;
}

static int find_group(const struct source *source, const char *name)
{
	const json_t *position = json_object_get(source->index, name);

	return position ? (int)json_integer_value(position) : -1;
}

/* Keras' own loader goes by order. We go by name, and by order only where names do not match at all: weights that were
 * saved from a model with other layer names. group_of[layer] is filled for layers with parameters. */
static enum cs_status match_groups(
	struct source *source, const struct cs_keras_plan *plan, int *group_of, struct cs_error *error)
{
	const char *names[CS_MAX_PARAMS], *missing = NULL, *last = NULL;
	struct cs_shape shapes[CS_MAX_PARAMS];
	int wanted = 0, found = 0, next = 0;
	enum cs_status status;

	if (source->base)
		return CS_OK;
	for (int i = 0; i < plan->count; i++) {
		const struct cs_keras_layer *layer = &plan->layers[i];

		group_of[i] = -1;
		if (!cs_keras_params(layer, names, shapes))
			continue;
		wanted++;
		group_of[i] = find_group(source, layer->group);
		if (group_of[i] >= 0)
			found++;
		else if (!missing)
			missing = layer->group;
	}
	if (!missing)
		return CS_OK;
	if (found)
		return cs_fail(error, CS_ERR_FORMAT, "layer '%.80s' has no weights in the file", missing);
	for (int i = 0; i < plan->count; i++) {
		const struct cs_keras_layer *layer = &plan->layers[i];

		if (!cs_keras_params(layer, names, shapes))
			continue;
		if (last && layer->nested && !strcmp(last, layer->group)) {
			group_of[i] = next - 1;
			continue;
		}
		last = layer->group;
		for (; next < source->count; next++) {
			status = read_group(source, &source->groups[next], error);
			if (status)
				return status;
			if (source->groups[next].count > 0)
				break;
		}
		if (next >= source->count)
			return cs_fail(error, CS_ERR_FORMAT,
				"layer '%.80s' has no weights in the file: the architecture has %d layers with "
				"weights, the file "
				"fewer",
				layer->name, wanted);
		group_of[i] = next++;
	}
	return CS_OK;
}

/* Does the path `weight` end in "layer/name", with or without ":0"? */
static bool names_weight(const char *weight, const char *layer, const char *name)
{
	char end[2 * MAX_WEIGHT_NAME];

	snprintf(end, sizeof end, "%.1000s/%s", layer, name);
	if (ends_with(weight, end))
		return true;
	snprintf(end, sizeof end, "%.1000s/%s:0", layer, name);
	return ends_with(weight, end);
}

/* Where in its group the k-th parameter of a layer inside a nested model stands. By name, or, when names do not tell, in
 * Keras' order: what is trainable of all layers first, then what is not. */
static const char *nested_weight(const struct group *group, const struct cs_keras_plan *plan, int layer, int k)
{
	const char *names[CS_MAX_PARAMS];
	struct cs_shape shapes[CS_MAX_PARAMS];
	const char *own = plan->layers[layer].group;
	int position = 0, pass, found = -1;
	bool moving;

	cs_keras_params(&plan->layers[layer], names, shapes);
	for (int i = 0; i < group->count; i++) {
		if (names_weight(group->weights[i], plan->layers[layer].name, names[k]))
			return group->weights[i];
	}
	moving = !strncmp(names[k], "moving_", 7);
	for (pass = 0; pass < 2 && found < 0; pass++) {
		for (int i = 0; i < plan->count && found < 0; i++) {
			const char *others[CS_MAX_PARAMS];
			int n;

			if (strcmp(plan->layers[i].group, own))
				continue;
			n = cs_keras_params(&plan->layers[i], others, shapes);
			for (int j = 0; j < n; j++) {
				if ((!strncmp(others[j], "moving_", 7)) != (pass == 1))
					continue;
				if (i == layer && j == k && moving == (pass == 1)) {
					found = position;
					break;
				}
				position++;
			}
		}
	}
	return found >= 0 && found < group->count ? group->weights[found] : NULL;
}

/* How one parameter is stored: where, and whether as (out,in,rows,columns). */
struct stored {
	char *path;
	bool turned; /* 180 degrees */
	bool out_first; /* Keras 1, th */
};

/* Where a parameter stands in the layout of .keras: /layers/conv2d_1/vars/0. */
static enum cs_status locate_by_class(struct source *source, const struct cs_keras_layer *layer, int k, int params,
	const char *name, struct stored *out, struct cs_error *error)
{
	char *group = cs_format("%s%c%s/vars", source->base, source->separator, layer->address), *extra;

	if (!group)
		return cs_fail_memory(error, "a model's layers");
	for (char *at = group + 1; source->separator != '/' && at < group + strlen(group) - 5; at++)
		*at = *at == '/' ? source->separator : *at;
	out->path = cs_format("%s/%d", group, k);
	extra = cs_format("%s/%d", group, params);
	cs_free(group);
	if (!out->path || !extra) {
		cs_free(extra);
		return cs_fail_memory(error, "a model's layers");
	}
	if (!cs_h5_exists(source->file, out->path) || cs_h5_exists(source->file, extra)) {
		bool more = cs_h5_exists(source->file, extra);

		cs_free(extra);
		return cs_fail(error, CS_ERR_FORMAT,
			"layer '%.80s' (%.40s) has %s weights in the file than its %d: %s is %.200s", layer->name,
			layer->class_name, more ? "more" : "fewer", params, name, out->path);
	}
	cs_free(extra);
	return CS_OK;
}

static enum cs_status locate(struct source *source, const struct cs_keras_plan *plan, int index, int group_index, int k,
	int params, const char *name, struct stored *out, struct cs_error *error)
{
	const struct cs_keras_layer *layer = &plan->layers[index];
	struct group *group;
	const char *weight;
	enum cs_status status;

	if (source->base)
		return locate_by_class(source, layer, k, params, name, out, error);
	group = &source->groups[group_index];
	status = read_group(source, group, error);
	if (status) {
		cs_error_prefix(error, "layer '%.80s' (%.40s)", layer->name, layer->class_name);
		return status;
	}
	if (layer->nested) {
		weight = nested_weight(group, plan, index, k);
	} else if (group->count != params) {
		return cs_fail(error, CS_ERR_FORMAT, "layer '%.80s' (%.40s) has %d weights in the file, expected %d",
			layer->name, layer->class_name, group->count, params);
	} else {
		weight = group->weights[k];
	}
	if (!weight)
		return cs_fail(error, CS_ERR_FORMAT,
			"layer '%.80s' (%.40s): its %s is not among the weights of '%.80s'", layer->name,
			layer->class_name, name, group->name);
	out->out_first = layer->theano_order && !strcmp(name, "kernel");
	out->turned = layer->spec.ops == &cs_conv_layer && !strcmp(name, "kernel") &&
		(layer->keras1 ? !ends_with(weight, ":0") : source->theano);
	out->path = cs_format("%s/%s/%s", source->root, group->name, weight);
	return out->path ? CS_OK : cs_fail_memory(error, "a model's layers");
}

/* The stored shape must be what the architecture asks for. */
static enum cs_status check_stored(struct source *source, const struct cs_keras_layer *layer, const char *name,
	const struct stored *stored, struct cs_shape shape, struct cs_error *error)
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
	if (!cs_shape_equal(&found, &shape))
		return cs_fail(error, CS_ERR_SHAPE,
			"layer '%.80s' (%.40s): its %s is %s in the file, but the architecture asks for %s",
			layer->name, layer->class_name, name, cs_shape_text(&found, text, sizeof text),
			cs_shape_text(&shape, expected, sizeof expected));
	return CS_OK;
}

/* (out,in,rows,columns) -> (rows,columns,in,out), and 180 degrees where asked. */
static void copy_kernel(const float *from, float *to, const struct cs_shape *shape, const struct stored *stored)
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

static enum cs_status load_param(struct source *source, const struct cs_keras_layer *layer, struct cs_param *param,
	const struct stored *stored, struct cs_error *error)
{
	const struct cs_shape *shape = &param->value.shape;
	int64_t count = cs_tensor_count(&param->value);
	struct cs_tensor tensor = {0};
	enum cs_status status = cs_h5_read_tensor(source->file, stored->path, count, &tensor, error);

	if (status) {
		cs_error_prefix(error, "layer '%.80s' (%.40s), %s", layer->name, layer->class_name, param->name);
		return status;
	}
	if (stored->turned || stored->out_first)
		copy_kernel(tensor.data, param->value.data, shape, stored);
	else if (layer->permute[0] && strcmp(param->name, "bias") &&
		shape->dim[0] == layer->permute[0] * layer->permute[1] * layer->permute[2])
		copy_permuted(tensor.data, param->value.data, layer->permute, count / shape->dim[0]);
	else
		memcpy(param->value.data, tensor.data, (size_t)count * sizeof(float));
	cs_tensor_fini(&tensor);
	return CS_OK;
}

/* Two passes over all parameters: look up and check without a network, then load into it. */
static enum cs_status each_param(struct source *source, const struct cs_keras_plan *plan, const int *group_of,
	struct cs_network *network, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	for (int i = 0; i < plan->count && !status; i++) {
		const struct cs_keras_layer *layer = &plan->layers[i];
		const char *names[CS_MAX_PARAMS];
		struct cs_shape shapes[CS_MAX_PARAMS];
		int params = cs_keras_params(layer, names, shapes);

		for (int k = 0; k < params && !status; k++) {
			struct stored stored = {0};

			status = locate(source, plan, i, group_of[i], k, params, names[k], &stored, error);
			if (!status && !network) {
				status = check_stored(source, layer, names[k], &stored, shapes[k], error);
			} else if (!status) {
				struct cs_param *param = cs_layer_param(&network->layers[i], names[k]);

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

enum cs_status cs_keras_read_within(
	struct cs_h5 *file, const char *arch, int64_t limit, struct cs_network **out, struct cs_error *error)
{
	struct cs_keras_plan plan = {0};
	struct source source = {0};
	struct cs_network *network = NULL;
	int *group_of = NULL, bad;
	char *json = NULL;
	enum cs_status status = find_config(file, arch, &json, error);

	if (status)
		goto out;
	status = cs_keras_plan_new(json, &plan, error);
	if (status)
		goto out;
	if (plan.params > limit) {
		status = cs_fail(error, CS_ERR_MEMORY,
			"the architecture asks for %.3g parameters, far more than a file of this size can hold",
			(double)plan.params);
		goto out;
	}
	status = source_init(&source, file, error);
	if (status)
		goto out;
	group_of = cs_calloc((size_t)plan.count, sizeof *group_of);
	status = group_of ? match_groups(&source, &plan, group_of, error) : cs_fail_memory(error, "a model's layers");
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
	source_fini(&source);
	cs_keras_plan_fini(&plan);
	cs_free(json);
	return status;
}

enum cs_status cs_keras_read(struct cs_h5 *file, const char *arch, struct cs_network **out, struct cs_error *error)
{
	return cs_keras_read_within(file, arch, CS_KERAS_MAX_VOLUME * 4, out, error);
}
