/* keras_parse.c: a Keras architecture (JSON) into a plan of our layers. See keras_plan.h.
 *
 * Models of Keras 1, 2 and 3, Sequential or functional chains, are walked layer by layer (keras_classes.c knows the classes,
 * keras_graph.c the order of functional ones); nested models are flattened. Of each layer is kept where its weights will be
 * found: the group of the outermost nested model in the legacy layout, an address by class and counter in the newer one.
 */
#include "core/alloc.h"
#include "model/keras.h"
#include "model/keras_plan.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Take the input's shape from the first place that names it; stale copies in later layers are ignored. */
static enum cs_status take_input(
	struct cs_keras_plan *plan, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	static const struct {
		const char *key;
		size_t skip;
	} keys[] = {{"batch_input_shape", 1}, {"batch_shape", 1}, {"build_input_shape", 1}, {"input_shape", 0}};
	const json_t *shape = NULL, *input_dim = json_object_get(config, "input_dim");
	size_t skip = 0, rank;

	if (plan->rank)
		return CS_OK;
	for (size_t i = 0; i < sizeof keys / sizeof *keys && !json_is_array(shape); i++) {
		shape = json_object_get(config, keys[i].key);
		skip = keys[i].skip;
	}
	if (!json_is_array(shape) && json_is_integer(input_dim)) {
		shape = input_dim;
		plan->dims[0] = json_integer_value(input_dim);
		rank = 1;
	} else if (!json_is_array(shape)) {
		return CS_OK;
	} else {
		rank = json_array_size(shape) - (json_array_size(shape) ? skip : 0);
		if (rank != 1 && rank != 3)
			return cs_keras_unexpected(where, "input shape", shape,
				"rows, columns and channels, or one row of numbers", CS_ERR_UNSUPPORTED, error);
		for (size_t i = 0; i < rank; i++)
			plan->dims[i] = json_integer_value(json_array_get(shape, i + skip));
	}
	for (size_t i = 0; i < rank; i++) {
		if (plan->dims[i] < 1 || plan->dims[i] > CS_KERAS_MAX_VOLUME)
			return cs_keras_unexpected(where, "input shape", shape, "sizes of at least 1, none left open",
				CS_ERR_UNSUPPORTED, error);
	}
	if (rank == 3 &&
		(double)plan->dims[0] * (double)plan->dims[1] * (double)plan->dims[2] > (double)CS_KERAS_MAX_VOLUME)
		return cs_keras_unexpected(
			where, "input shape", shape, "at most 2^28 numbers an image", CS_ERR_MEMORY, error);
	plan->rank = (int)rank;
	return CS_OK;
}

static enum cs_status grow(struct cs_keras_plan *plan, struct cs_error *error)
{
	int capacity = plan->capacity ? 2 * plan->capacity : 32;
	struct cs_keras_layer *layers;

	if (plan->count >= CS_KERAS_MAX_LAYERS)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "the model has over %d layers, more than convscope takes",
			CS_KERAS_MAX_LAYERS);
	if (plan->count < plan->capacity)
		return CS_OK;
	layers = cs_realloc(plan->layers, (size_t)capacity, sizeof *layers);
	if (!layers)
		return cs_fail_memory(error, "a model's layers");
	plan->layers = layers;
	plan->capacity = capacity;
	return CS_OK;
}

/* A name of our own length that no layer has yet; `used` collects them. Keras' own name when it fits. */
static enum cs_status our_name(
	const char *keras, int index, json_t *used, char name[CS_NAME_SIZE], struct cs_error *error)
{
	if (strlen(keras) < CS_NAME_SIZE)
		snprintf(name, CS_NAME_SIZE, "%s", keras);
	else
		snprintf(name, CS_NAME_SIZE, "%.56s~%d", keras, index);
	if (json_object_get(used, name))
		snprintf(name, CS_NAME_SIZE, "%.56s~%d", keras, index);
	/* Cutting may have split a character: json keys must be UTF-8, our names need not be looked up then. */
	if (json_object_set_new_nocheck(used, name, json_true()))
		return cs_fail_memory(error, "a model's layers");
	return CS_OK;
}

struct reader {
	struct cs_keras_plan *plan;
	json_t *used; /* names taken */
};

/* The model whose layers are being read. */
struct scope {
	const char *group; /* name of the outermost nested model; NULL at the top */
	const char *address; /* of this model among its parent's layers; NULL at the top */
	json_t *classes; /* how often each class has been seen in it */
	int depth;
};

/* "BatchNormalization" -> "batch_normalization", "Conv2D" -> "conv2d": Keras' own rule, as far as it matters to classes
 * with weights. */
static void snake_case(const char *class_name, char *out, size_t size)
{
	size_t used = 0;

	for (const char *at = class_name; *at && used + 3 < size; at++) {
		bool upper = *at >= 'A' && *at <= 'Z', word = at[1] >= 'a' && at[1] <= 'z';

		if (upper && word && at > class_name)
			out[used++] = '_';
		out[used++] = upper ? (char)(*at - 'A' + 'a') : *at;
	}
	out[used] = '\0';
}

/* Keras 3 files layers by their class and a counter in their model, whatever they are called. To be freed. */
static char *address_of(struct scope *scope, const char *class_name)
{
	char snake[80], number[24] = "";
	json_int_t seen;

	snake_case(class_name, snake, sizeof snake);
	seen = json_integer_value(json_object_get(scope->classes, snake));
	if (json_object_set_new_nocheck(scope->classes, snake, json_integer(seen + 1)))
		return NULL;
	if (seen)
		snprintf(number, sizeof number, "_%lld", (long long)seen);
	return cs_format(
		"%s%s%s%s", scope->address ? scope->address : "", scope->address ? "/layers/" : "", snake, number);
}

static enum cs_status read_model(struct reader *reader, const json_t *model, const char *group, const char *address,
	int depth, struct cs_error *error);

static enum cs_status read_nested(struct reader *reader, struct scope *scope, const json_t *entry,
	struct cs_keras_where where, struct cs_error *error)
{
	/* Keras calls the class of functional models Model or Functional, and files both as the latter. */
	char *address = address_of(scope, strcmp(where.class_name, "Model") ? where.class_name : "Functional");
	enum cs_status status = address
		? read_model(reader, entry, scope->group ? scope->group : where.name, address, scope->depth + 1, error)
		: cs_fail_memory(error, "a model's layers");

	cs_free(address);
	return status;
}

static enum cs_status read_layer(
	struct reader *reader, struct scope *scope, const json_t *entry, struct cs_error *error)
{
	struct cs_keras_plan *plan = reader->plan;
	const json_t *config = json_object_get(entry, "config");
	struct cs_keras_where where = {
		.name = json_string_value(json_object_get(config, "name")),
		.class_name = json_string_value(json_object_get(entry, "class_name")),
	};
	struct cs_keras_layer layer = {.layout = -1, .axis = INT_MIN};
	char number[32];
	bool trainable = true;
	enum cs_status status;

	snprintf(number, sizeof number, "number %d", plan->count);
	if (!where.class_name)
		return cs_fail(error, CS_ERR_FORMAT, "layer %d of the architecture has no class_name", plan->count);
	if (!where.name)
		where.name = json_string_value(json_object_get(entry, "name"));
	if (!where.name)
		where.name = number;
	if (!strcmp(where.class_name, "Sequential") || !strcmp(where.class_name, "Model") ||
		!strcmp(where.class_name, "Functional"))
		return read_nested(reader, scope, entry, where, error);
	if (!json_is_object(config))
		return cs_fail(
			error, CS_ERR_FORMAT, "layer '%.80s' (%.40s) has no config", where.name, where.class_name);
	status = take_input(plan, where, config, error);
	if (status || !strcmp(where.class_name, "InputLayer"))
		return status;
	status = cs_keras_fill(&layer, where, config, error);
	if (!status)
		status = cs_keras_bool(where, config, "trainable", NULL, &trainable, error);
	if (!status)
		status = grow(plan, error);
	if (!status)
		status = our_name(where.name, plan->count, reader->used, layer.spec.name, error);
	if (status)
		return status;
	layer.frozen = !trainable;
	layer.nested = scope->depth > 0;
	layer.address = address_of(scope, where.class_name);
	layer.name = cs_strdup(where.name);
	layer.class_name = cs_strdup(where.class_name);
	layer.group = cs_strdup(scope->group ? scope->group : where.name);
	plan->layers[plan->count++] = layer;
	if (!layer.name || !layer.class_name || !layer.group || !layer.address)
		return cs_fail_memory(error, "a model's layers");
	return CS_OK;
}

/* Keras 3 and 2.15 keep the shape a model was built with in build_config, batch included. */
static enum cs_status take_built_shape(
	struct cs_keras_plan *plan, struct cs_keras_where where, const json_t *model, struct cs_error *error)
{
	json_t *shape = json_object_get(json_object_get(model, "build_config"), "input_shape");
	json_t *config = json_is_array(shape) ? json_pack("{s:O}", "batch_shape", shape) : NULL;
	enum cs_status status = config ? take_input(plan, where, config, error) : CS_OK;

	json_decref(config);
	return status;
}

/* A Sequential or functional model, nested or not; `group` is the outermost nested model's name. */
static enum cs_status read_model(struct reader *reader, const json_t *model, const char *group, const char *address,
	int depth, struct cs_error *error)
{
	const char *class_name = json_string_value(json_object_get(model, "class_name"));
	const json_t *config = json_object_get(model, "config");
	const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
	bool sequential = class_name && !strcmp(class_name, "Sequential");
	const char *name = json_string_value(json_object_get(config, "name"));
	struct cs_keras_where where = {.name = name ? name : "model", .class_name = class_name};
	struct scope scope = {.group = group, .address = address, .depth = depth};
	size_t count = json_array_size(layers);
	enum cs_status status = CS_OK;
	int *order = NULL;

	if (depth > CS_KERAS_MAX_NESTING)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "models are nested more than %d deep", CS_KERAS_MAX_NESTING);
	if (!class_name || (!sequential && strcmp(class_name, "Model") && strcmp(class_name, "Functional")))
		return cs_fail(error, class_name ? CS_ERR_UNSUPPORTED : CS_ERR_FORMAT,
			"the architecture is a %.60s: expected a Sequential or functional model",
			class_name ? class_name : "JSON text without class_name");
	if (!json_is_array(layers))
		return cs_fail(error, CS_ERR_FORMAT, "model '%.80s' has no list of layers", where.name);
	if (count > CS_KERAS_MAX_LAYERS)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "the model has %zu layers; convscope takes up to %d", count,
			CS_KERAS_MAX_LAYERS);
	if (depth == 0 && name)
		snprintf(reader->plan->name, sizeof reader->plan->name, "%.63s", name);
	if (!sequential && count) {
		order = cs_calloc(count, sizeof *order);
		status = order ? cs_keras_chain(config, order, error) : cs_fail_memory(error, "a model's layers");
	}
	scope.classes = json_object();
	if (!status && !scope.classes)
		status = cs_fail_memory(error, "a model's layers");
	for (size_t i = 0; i < count && !status; i++)
		status = read_layer(reader, &scope, json_array_get(layers, order ? (size_t)order[i] : i), error);
	json_decref(scope.classes);
	/* Keras 3 keeps the shape of a model that was built late beside its layers. */
	if (!status && depth == 0)
		status = take_input(reader->plan, where, config, error);
	if (!status && depth == 0)
		status = take_built_shape(reader->plan, where, model, error);
	cs_free(order);
	return status;
}

/* The layers that our writer split in two (keras_config.c) become one again. */
static void rejoin(struct cs_keras_plan *plan, const json_t *fused)
{
	int kept = 0;

	for (int i = 0; i < plan->count; i++) {
		struct cs_keras_layer *layer = &plan->layers[i], *before = kept ? &plan->layers[kept - 1] : NULL;

		if (before && layer->spec.ops == &cs_activation_layer &&
			json_is_true(json_object_get(fused, layer->name)) &&
			(before->spec.ops == &cs_conv_layer || before->spec.ops == &cs_dense_layer) &&
			before->spec.activation == CS_LINEAR) {
			before->spec.activation = layer->spec.activation;
			before->spec.alpha = layer->spec.alpha;
			before->axis = layer->axis;
			cs_free(layer->name);
			cs_free(layer->class_name);
			cs_free(layer->group);
			cs_free(layer->address);
			continue;
		}
		plan->layers[kept++] = *layer;
	}
	plan->count = kept;
}

enum cs_status cs_keras_plan_new(const char *json, struct cs_keras_plan *plan, struct cs_error *error)
{
	struct reader reader = {.plan = plan, .used = json_object()};
	json_error_t where;
	json_t *root = json_loads(json, JSON_DECODE_ANY, &where);
	enum cs_status status;

	*plan = (struct cs_keras_plan){0};
	/* Some programs encode the text twice. */
	if (json_is_string(root)) {
		json_t *inner = json_loads(json_string_value(root), 0, &where);

		json_decref(root);
		root = inner;
	}
	if (!root) {
		status = cs_fail(
			error, CS_ERR_FORMAT, "the architecture is not JSON: %.120s (line %d)", where.text, where.line);
		goto out;
	}
	if (!reader.used) {
		status = cs_fail_memory(error, "a model's layers");
		goto out;
	}
	status = read_model(&reader, root, NULL, NULL, 0, error);
	if (!status)
		rejoin(plan, json_object_get(json_object_get(root, "convscope"), "fused"));
	if (!status && !plan->count)
		status = cs_fail(error, CS_ERR_FORMAT, "the architecture has no layers");
	if (!status && !plan->rank)
		status = cs_fail(error, CS_ERR_FORMAT,
			"the architecture does not say the shape of its input (batch_input_shape or batch_shape)");
	if (!status)
		status = cs_keras_plan_shape(plan, error);
out:
	json_decref(root);
	json_decref(reader.used);
	if (status)
		cs_keras_plan_fini(plan);
	return status;
}

void cs_keras_plan_fini(struct cs_keras_plan *plan)
{
	for (int i = 0; i < plan->count; i++) {
		cs_free(plan->layers[i].name);
		cs_free(plan->layers[i].class_name);
		cs_free(plan->layers[i].group);
		cs_free(plan->layers[i].address);
	}
	cs_free(plan->layers);
	*plan = (struct cs_keras_plan){0};
}

enum cs_status cs_keras_parse(const char *json, struct cs_network **out, struct cs_error *error)
{
	struct cs_keras_plan plan;
	enum cs_status status = cs_keras_plan_new(json, &plan, error);

	if (status)
		return status;
	if (plan.params > CS_KERAS_MAX_VOLUME * 4)
		status = cs_fail(error, CS_ERR_MEMORY,
			"the architecture asks for %.3g parameters; convscope takes up to %.3g", (double)plan.params,
			(double)CS_KERAS_MAX_VOLUME * 4);
	else
		status = cs_keras_plan_network(&plan, out, error);
	cs_keras_plan_fini(&plan);
	return status;
}
