/* keras_source.c: where a file keeps the weights of each layer. See keras_source.h.
 *
 * What Keras' own loader follows in the legacy layout is the attributes: layer_names of the root of weights, weight_names of
 * each group, in their order. Dialects, by where they differ:
 *
 *   Keras 0.3        layer_0/param_0, counted from the first layer; no names
 *   Keras 1          weight names conv_W; without ":0" they were written under Theano; th kernels are (out,in,rows,columns)
 *   Theano           convolves with flipped kernels: they are turned by 180 degrees when read
 *   nested models    one group for all weights inside, trainable ones first: found by name, else by that order
 *   long lists       over 64 KiB are split into layer_names0, layer_names1, ...
 *   .weights.h5      and .keras: layers/<class>_<counter>/vars/<i>; Keras 2.12 to 2.14 have _layer_checkpoint_dependencies
 *                    for layers, the first counted layers with weights twice, and Windows wrote backslashes into names
 */
#include "model/keras_source.h"

#include "core/alloc.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WEIGHT_NAME = 1024 };

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

void cs_keras_source_fini(struct cs_keras_source *source)
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
static enum cs_status find_base(struct cs_keras_source *source, struct cs_error *error)
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

enum cs_status cs_keras_source_init(struct cs_keras_source *source, struct cs_h5 *file, struct cs_error *error)
{
	char *backend = NULL;
	enum cs_status status;
	int total = 0;

	*source = (struct cs_keras_source){.file = file, .index = json_object()};
	if (find_base(source, error))
		return error ? error->status : CS_ERR_FORMAT;
	if (source->base)
		return CS_OK;
	if (cs_h5_is_group(file, "/model_weights"))
		source->root = "/model_weights";
	else if (cs_h5_has_attribute(file, "/", "layer_names") || cs_h5_has_attribute(file, "/", "layer_names0"))
		source->root = "";
	else if (cs_h5_has_attribute(file, "/", "nb_layers"))
		source->numbered = true;
	else
		return cs_fail(error, CS_ERR_FORMAT, "the file has no group model_weights: the weights are missing");
	if (source->numbered)
		return CS_OK;
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
			source->groups[source->count++] = (struct cs_keras_group){.name = *name, .count = -1};
		}
	}
	return CS_OK;
}

/* The weight names of a group, read when first asked for. */
static enum cs_status read_group(struct cs_keras_source *source, struct cs_keras_group *group, struct cs_error *error)
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

static int find_group(const struct cs_keras_source *source, const char *name)
{
	const json_t *position = json_object_get(source->index, name);

	return position ? (int)json_integer_value(position) : -1;
}

/* "/layers/sequential/layers/conv2d_1/vars" of an address; Windows' separators stand everywhere but before vars. To be freed. */
static char *vars_group(const struct cs_keras_source *source, const char *address)
{
	char *group = cs_format("%s%c", source->base, source->separator);

	for (const char *at = address; group && *at;) {
		size_t length = strcspn(at, (char[]){CS_KERAS_LAYERS, '\0'});
		char *longer = cs_format("%s%.*s", group, (int)length, at);

		cs_free(group);
		group = longer;
		at += length;
		if (group && *at == CS_KERAS_LAYERS) {
			longer = cs_format("%s%c%s%c", group, source->separator, source->base + 1, source->separator);
			cs_free(group);
			group = longer;
			at++;
		}
	}
	if (group) {
		char *whole = cs_format("%s/vars", group);

		cs_free(group);
		group = whole;
	}
	return group;
}

/* Which way of counting finds the weights of every layer? */
static enum cs_status choose_counting(
	struct cs_keras_source *source, const struct cs_keras_plan *plan, struct cs_error *error)
{
	const char *names[CS_MAX_PARAMS];
	struct cs_shape shapes[CS_MAX_PARAMS];
	bool all[2] = {true, true};

	for (int i = 0; i < plan->count && all[0]; i++) {
		const struct cs_keras_layer *layer = &plan->layers[i];

		if (!cs_keras_params(layer, names, shapes))
			continue;
		for (int way = 0; way < 2; way++) {
			char *group = vars_group(source, way ? layer->doubled : layer->address);

			if (!group)
				return cs_fail_memory(error, "a model's layers");
			all[way] = all[way] && cs_h5_exists(source->file, group);
			cs_free(group);
		}
	}
	if (all[0])
		return CS_OK;
	for (int i = 0; i < plan->count && all[1]; i++) {
		char *group = cs_keras_params(&plan->layers[i], names, shapes)
			? vars_group(source, plan->layers[i].doubled)
			: NULL;

		all[1] = !group || cs_h5_exists(source->file, group);
		cs_free(group);
	}
	source->doubled = all[1];
	return CS_OK;
}

/* Keras' own loader goes by order. We go by name, and by order only where names do not match at all: weights that were
 * saved from a model with other layer names. group_of[layer] is filled for layers with parameters. */
enum cs_status cs_keras_match(
	struct cs_keras_source *source, const struct cs_keras_plan *plan, int *group_of, struct cs_error *error)
{
	const char *names[CS_MAX_PARAMS], *missing = NULL, *last = NULL;
	struct cs_shape shapes[CS_MAX_PARAMS];
	int wanted = 0, found = 0, next = 0;
	enum cs_status status;

	if (source->base)
		return choose_counting(source, plan, error);
	if (source->numbered)
		return CS_OK;
	for (int i = 0; i < plan->count; i++) {
		const struct cs_keras_layer *layer = &plan->layers[i];

		group_of[i] = -1;
		if (!cs_keras_params(layer, names, shapes))
			continue;
		wanted++;
		group_of[i] = find_group(source, layer->group);
		/* Keras 1 and the first of 2 gave nested Sequential models no name in the architecture, but one in the list of
		 * groups; older ones filed their layers as if they stood at the top. */
		if (group_of[i] < 0 && layer->nested)
			group_of[i] = find_group(source, layer->name);
		if (group_of[i] < 0 && layer->nested && source->count == plan->tops)
			group_of[i] = layer->top;
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

/* Does the path `weight` end in `end`, with or without ":0", as whole parts? */
static bool ends_in(const char *weight, const char *end)
{
	size_t length = strlen(weight), tail = strlen(end);

	if (ends_with(weight, ":0"))
		length -= 2;
	return length >= tail && !strncmp(weight + length - tail, end, tail) &&
		(length == tail || weight[length - tail - 1] == '/');
}

/* The one weight of a group that is called "[model/]layer/name"; NULL when there is none or more than one. */
static const char *named_weight(
	const struct cs_keras_group *group, const char *model, const char *layer, const char *name)
{
	char end[2 * MAX_WEIGHT_NAME];
	const char *found = NULL;

	snprintf(end, sizeof end, "%.500s%s%.1000s/%s", model ? model : "", model ? "/" : "", layer, name);
	for (int i = 0; i < group->count; i++) {
		if (!ends_in(group->weights[i], end))
			continue;
		if (found)
			return NULL;
		found = group->weights[i];
	}
	return found;
}

/* Where in its group the k-th parameter of a layer inside a nested model stands. By name, or, when names do not tell, in
 * Keras' order: what is trainable of all layers first, then what is not. */
static const char *nested_weight(const struct cs_keras_group *group, const struct cs_keras_plan *plan, int layer, int k)
{
	const char *names[CS_MAX_PARAMS];
	struct cs_shape shapes[CS_MAX_PARAMS];
	const char *own = plan->layers[layer].group;
	int position = 0, pass, found = -1;
	const char *named;
	bool moving;

	cs_keras_params(&plan->layers[layer], names, shapes);
	named = named_weight(group, plan->layers[layer].model, plan->layers[layer].name, names[k]);
	if (!named)
		named = named_weight(group, NULL, plan->layers[layer].name, names[k]);
	if (named)
		return named;
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

/* Where a parameter stands in the layout of .keras: /layers/conv2d_1/vars/0. */
static enum cs_status locate_by_class(struct cs_keras_source *source, const struct cs_keras_layer *layer, int k,
	int params, const char *name, struct cs_keras_stored *out, struct cs_error *error)
{
	char *group = vars_group(source, source->doubled ? layer->doubled : layer->address), *extra;

	if (!group)
		return cs_fail_memory(error, "a model's layers");
	out->path = cs_format("%s/%d", group, k);
	extra = cs_format("%s/%d", group, params + layer->normalization);
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

/* Where a parameter stands in the layout of Keras 0.3: /layer_3/param_0. Such files say nothing of what wrote them: kernels in Theano's
 * order are taken for Theano's. */
static enum cs_status locate_numbered(struct cs_keras_source *source, const struct cs_keras_layer *layer, int k,
	int params, const char *name, struct cs_keras_stored *out, struct cs_error *error)
{
	char *group = cs_format("/layer_%d", layer->top);
	double count = 0;
	enum cs_status status = CS_OK;

	out->path = cs_format("/layer_%d/param_%d", layer->top, k);
	if (!group || !out->path) {
		status = cs_fail_memory(error, "a model's layers");
	} else if (!cs_h5_is_group(source->file, group) ||
		cs_h5_read_number(source->file, group, "nb_params", &count, NULL) || (int)count != params) {
		status = cs_fail(error, CS_ERR_FORMAT, "layer '%.80s' (%.40s) has %d weights in %s of the file, expected %d",
			layer->name, layer->class_name, (int)count, group, params);
	} else {
		out->out_first = layer->theano_order && !strcmp(name, "kernel");
		out->turned = out->out_first;
	}
	cs_free(group);
	return status;
}

enum cs_status cs_keras_locate(struct cs_keras_source *source, const struct cs_keras_plan *plan, int index,
	int group_index, int k, int params, const char *name, struct cs_keras_stored *out, struct cs_error *error)
{
	const struct cs_keras_layer *layer = &plan->layers[index];
	struct cs_keras_group *group;
	const char *weight;
	enum cs_status status;

	if (source->base)
		return locate_by_class(source, layer, k, params, name, out, error);
	if (source->numbered)
		return locate_numbered(source, layer, k, params, name, out, error);
	group = &source->groups[group_index];
	status = read_group(source, group, error);
	if (status) {
		cs_error_prefix(error, "layer '%.80s' (%.40s)", layer->name, layer->class_name);
		return status;
	}
	/* A group of the layer's own name, but not its model's: filed as if it stood at the top. */
	if (layer->nested && (strcmp(group->name, layer->name) || !strcmp(group->name, layer->group))) {
		weight = nested_weight(group, plan, index, k);
	} else if (group->count != params + layer->normalization) {
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
