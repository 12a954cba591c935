/* keras_parse.c: a Keras architecture (JSON) into a plan of our layers. See keras_plan.h.
 *
 * Models of Keras 1, 2 and 3, Sequential or functional chains, are walked layer by layer (keras_classes.c knows the classes,
 * keras_graph.c the order of functional ones); nested models are flattened. Of each layer is kept where its weights will be
 * found: the group of the outermost nested model in the legacy layout, an address by class and counter in the newer one.
 */
#include "core/alloc.h"
#include "model/keras.h"
#include "model/json_text.h"
#include "model/keras_plan.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some versions write a tuple as {"class_name": "__tuple__", "items": [...]}. */
static const json_t *as_list(const json_t *value)
{
	const json_t *items = json_object_get(value, "items");

	return json_is_array(items) ? items : value;
}

/* Take the input's shape from a config that names one, where none is known yet. It is judged when all layers are known
 * (keras_shape.c): an unknown layer is the better reason to refuse. */
static enum cs_status take_input(
	struct cs_keras_plan *plan, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	static const struct {
		const char *key;
		size_t skip;
	} keys[] = {{"batch_input_shape", 1}, {"batch_shape", 1}, {"build_input_shape", 1}, {"input_shape", 0}};
	const json_t *shape = NULL, *input_dim = json_object_get(config, "input_dim");
	size_t skip = 0, rank = 1;
	char *text;

	if (plan->rank)
		return CS_OK;
	for (size_t i = 0; i < sizeof keys / sizeof *keys && !json_is_array(shape); i++) {
		shape = as_list(json_object_get(config, keys[i].key));
		skip = keys[i].skip;
		/* What stands elsewhere is no excuse for a shape that is none. */
		if (shape && !json_is_null(shape) && (!json_is_array(shape) || (skip && !json_array_size(shape))))
			return cs_keras_unexpected(
				where, keys[i].key, shape, "a list of sizes, the batch first", CS_ERR_FORMAT, error);
	}
	/* Keras 3 keeps one shape for each input, of which a chain has one. */
	if (json_array_size(shape) == 1 && json_is_array(json_array_get(shape, 0)))
		shape = json_array_get(shape, 0);
	if (json_is_array(shape)) {
		rank = json_array_size(shape) - (json_array_size(shape) ? skip : 0);
	} else if (json_is_integer(input_dim)) {
		shape = input_dim;
	} else {
		return CS_OK;
	}
	if (!rank)
		return CS_OK;
	text = json_dumps(shape, JSON_ENCODE_ANY | JSON_COMPACT);
	snprintf(plan->said, sizeof plan->said, "layer '%.40s' (%.30s): input shape is %.40s", where.name,
		where.class_name, text ? text : "unreadable");
	free(text);
	for (size_t i = 0; i < rank && i < 3; i++) {
		const json_t *side = json_is_array(shape) ? json_array_get(shape, i + skip) : shape;

		plan->dims[i] = json_integer_value(side);
		if (!json_is_null(side) && (plan->dims[i] < 1 || plan->dims[i] > CS_KERAS_MAX_VOLUME))
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"%s, expected sizes of at least 1 and at most 2^28 numbers an image", plan->said);
	}
	plan->rank = (int)(rank < 4 ? rank : 4);
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

/* A name of our own length that no layer has yet; `used` collects them. Keras' own name when it fits, without
 * slashes, else cut between characters. */
static enum cs_status our_name(
	const char *keras, int index, json_t *used, char name[CS_NAME_SIZE], struct cs_error *error)
{
	size_t cut = strlen(keras) < 56 ? strlen(keras) : 56;
	char *plain = cs_strdup(keras);

	if (!plain)
		return cs_fail_memory(error, "a model's layers");
	/* Slashes are the paths of files and of HDF5 to us. */
	for (char *at = plain; *at; at++)
		*at = *at == '/' ? '_' : (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
	keras = plain;
	while (cut && ((unsigned char)keras[cut] & 0xC0) == 0x80)
		cut--;
	if (strlen(keras) < CS_NAME_SIZE)
		snprintf(name, CS_NAME_SIZE, "%s", keras);
	else
		snprintf(name, CS_NAME_SIZE, "%.*s~%d", (int)cut, keras, index);
	if (json_object_get(used, name))
		snprintf(name, CS_NAME_SIZE, "%.*s~%d", (int)cut, keras, index);
	cs_free(plain);
	if (json_object_set_new_nocheck(used, name, json_true()))
		return cs_fail_memory(error, "a model's layers");
	return CS_OK;
}

static void free_constants(struct cs_keras_layer *layer)
{
	for (int i = 0; i < CS_MAX_PARAMS; i++)
		cs_free(layer->constants[i]);
}

static void free_layer(struct cs_keras_layer *layer)
{
	free_constants(layer);
	cs_free(layer->name);
	cs_free(layer->class_name);
	cs_free(layer->group);
	cs_free(layer->address);
	cs_free(layer->doubled);
	cs_free(layer->model);
}

struct reader {
	struct cs_keras_plan *plan;
	json_t *used; /* names taken */
	bool begun; /* a layer has been met */
	const json_t *late; /* of a later layer: the config of the first that says a shape. Often stale */
	char late_name[64], late_class[40];
};

/* The model whose layers are being read. */
struct scope {
	const char *group; /* name of the outermost nested model; NULL at the top */
	const char *name; /* of this model; NULL at the top */
	const char *address[2]; /* of this model among its parent's layers, in both ways of counting; NULL at the top */
	json_t *classes[2]; /* how often each class has been counted in it */
	int depth;
	size_t read; /* its layers so far */
};

static enum cs_status count_class(json_t *classes, const char *snake, json_int_t *seen)
{
	*seen = json_integer_value(json_object_get(classes, snake));
	return json_object_set_new_nocheck(classes, snake, json_integer(*seen + 1)) ? CS_ERR_MEMORY : CS_OK;
}

/* Keras 3 files layers by their class and a counter in their model, whatever they are called. To be freed. */
static char *address_of(struct scope *scope, const char *class_name, int way)
{
	char snake[80], number[24] = "";
	json_int_t seen;

	cs_keras_snake(class_name, snake, sizeof snake);
	if (count_class(scope->classes[way], snake, &seen))
		return NULL;
	if (seen)
		snprintf(number, sizeof number, "_%lld", (long long)seen);
	return scope->address[way] ? cs_format("%s%c%s%s", scope->address[way], CS_KERAS_LAYERS, snake, number)
				   : cs_format("%s%s", snake, number);
}

/* Keras 2.12 went through a list that has layers with weights twice. */
static void count_again(struct scope *scope, const char *class_name)
{
	char snake[80];
	json_int_t seen;

	cs_keras_snake(class_name, snake, sizeof snake);
	/* Without memory the address that follows is wrong, and its weights are not found. */
	(void)count_class(scope->classes[1], snake, &seen);
}

static bool has_weights(const struct cs_keras_layer *layer)
{
	const struct cs_layer_ops *ops = layer->spec.ops;

	return (ops == &cs_conv_layer || ops == &cs_dense_layer || ops == &cs_batchnorm_layer) && !layer->constant_count;
}

static enum cs_status read_model(struct reader *reader, const json_t *model, const char *group,
	const char *const address[2], int depth, struct cs_error *error);

static enum cs_status read_nested(struct reader *reader, struct scope *scope, const json_t *entry,
	struct cs_keras_where where, struct cs_error *error)
{
	/* Keras calls the class of functional models Model or Functional, and files both as the latter. */
	const char *class_name = strcmp(where.class_name, "Model") ? where.class_name : "Functional";
	char *address[2] = {address_of(scope, class_name, 0), address_of(scope, class_name, 1)};
	int before = reader->plan->count;
	enum cs_status status = address[0] && address[1]
		? read_model(reader, entry, scope->group ? scope->group : where.name,
			  (const char *const[]){address[0], address[1]}, scope->depth + 1, error)
		: cs_fail_memory(error, "a model's layers");
	bool weights = false;

	for (int i = before; i < reader->plan->count; i++)
		weights = weights || has_weights(&reader->plan->layers[i]);
	if (weights)
		count_again(scope, class_name);
	cs_free(address[0]);
	cs_free(address[1]);
	return status;
}

/* A class of somebody's own may bear any name: its module tells. */
static bool is_foreign(const json_t *entry)
{
	static const char *const own[] = {"keras", "tf_keras", "tensorflow", "builtins"};
	const char *module = json_string_value(json_object_get(entry, "module"));
	const char *registered = json_string_value(json_object_get(entry, "registered_name"));

	if (registered && strchr(registered, '>'))
		return true;
	for (size_t i = 0; module && i < sizeof own / sizeof *own; i++) {
		if (!strncmp(module, own[i], strlen(own[i])))
			return false;
	}
	return module != NULL;
}

/* The input's shape stands in the first layer there is. What later ones say counts where nothing else does. */
static enum cs_status note_shape(
	struct reader *reader, struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	static const char *const keys[] = {"batch_input_shape", "batch_shape"};

	if (!reader->begun) {
		reader->begun = true;
		return take_input(reader->plan, where, config, error);
	}
	for (size_t i = 0; i < 2 && !reader->late; i++) {
		if (!json_is_array(json_object_get(config, keys[i])))
			continue;
		reader->late = config;
		snprintf(reader->late_name, sizeof reader->late_name, "%.63s", where.name);
		snprintf(reader->late_class, sizeof reader->late_class, "%.39s", where.class_name);
	}
	return CS_OK;
}

/* Weights of eight bits or fewer are kept with scales of their own. */
static bool is_quantised(const json_t *config)
{
	const json_t *policy = json_object_get(config, "dtype"), *mode = json_object_get(config, "quantization_config");
	const char *class_name = json_string_value(json_object_get(policy, "class_name"));
	const char *word = json_string_value(policy);

	/* Keras 3's first word for such a policy was int8_from_float32. */
	return (class_name && strstr(class_name, "Quantized")) || (word && strstr(word, "_from_")) ||
		(mode && !json_is_null(mode));
}

/* Weights are of floating point, whatever the policy is called that says so. */
static enum cs_status check_arithmetic(struct cs_keras_where where, const json_t *config, struct cs_error *error)
{
	static const char *const others[] = {"int", "uint", "bool", "complex", "string"};
	const json_t *policy = json_object_get(config, "dtype"), *word = policy;
	bool valid = true;

	if (!policy || json_is_null(policy))
		return CS_OK;
	if (json_is_object(policy))
		word = json_object_get(json_object_get(policy, "config"), "name");
	for (size_t i = 0; i < sizeof others / sizeof *others && json_is_string(word); i++)
		valid = valid && strncmp(json_string_value(word), others[i], strlen(others[i]));
	if (valid && (json_is_object(policy) || json_is_string(policy)))
		return CS_OK;
	return cs_keras_unexpected(where, "dtype", policy, "a floating-point type", CS_ERR_UNSUPPORTED, error);
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
	if (scope->depth == 0 && strcmp(where.class_name, "InputLayer"))
		plan->tops++;
	if (!strcmp(where.class_name, "Sequential") || !strcmp(where.class_name, "Model") ||
		!strcmp(where.class_name, "Functional"))
		return read_nested(reader, scope, entry, where, error);
	if (!json_is_object(config))
		return cs_fail(
			error, CS_ERR_FORMAT, "layer '%.80s' (%.40s) has no config", where.name, where.class_name);
	if (!strcmp(where.class_name, "InputLayer") && scope->read)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"layer '%.80s' (%.40s) stands behind other layers; convscope reads models that begin with their one input",
			where.name, where.class_name);
	status = note_shape(reader, where, config, error);
	if (status || !strcmp(where.class_name, "InputLayer"))
		return status;
	if (is_foreign(entry))
		return cs_keras_unknown(where, error);
	if (is_quantised(config))
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"layer '%.80s' (%.40s) is quantised; convscope reads weights of 16, 32 and 64 bits", where.name,
			where.class_name);
	status = cs_keras_fill(&layer, where, config, error);
	if (!status && has_weights(&layer))
		status = check_arithmetic(where, config, error);
	if (!status)
		status = cs_keras_bool(where, config, "trainable", NULL, &trainable, error);
	if (!status)
		status = grow(plan, error);
	if (!status)
		status = our_name(where.name, plan->count, reader->used, layer.spec.name, error);
	if (status) {
		free_constants(&layer);
		return status;
	}
	layer.frozen = !trainable || layer.normalization || layer.constant_count;
	layer.nested = scope->depth > 0;
	layer.top = plan->tops - 1;
	layer.address = address_of(scope, where.class_name, 0);
	layer.doubled = address_of(scope, where.class_name, 1);
	if (has_weights(&layer))
		count_again(scope, where.class_name);
	layer.name = cs_strdup(where.name);
	layer.class_name = cs_strdup(where.class_name);
	layer.group = cs_strdup(scope->group ? scope->group : where.name);
	layer.model = scope->name ? cs_strdup(scope->name) : NULL;
	plan->layers[plan->count++] = layer;
	if ((scope->name && !layer.model) || !layer.name || !layer.class_name || !layer.group || !layer.address || !layer.doubled)
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
static enum cs_status read_model(struct reader *reader, const json_t *model, const char *group,
	const char *const address[2], int depth, struct cs_error *error)
{
	const char *class_name = json_string_value(json_object_get(model, "class_name"));
	const json_t *config = json_object_get(model, "config");
	const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
	bool sequential = class_name && !strcmp(class_name, "Sequential");
	const char *name = json_string_value(json_object_get(config, "name"));
	struct cs_keras_where where = {.name = name ? name : "model", .class_name = class_name};
	struct scope scope = {.group = group, .name = depth ? name : NULL, .depth = depth};
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
	if (depth && !count)
		return cs_fail(error, CS_ERR_FORMAT, "layer '%.80s' (%.40s) has no layers; a nested model has one or more",
			where.name, class_name);
	if (depth == 0 && name)
		snprintf(reader->plan->name, sizeof reader->plan->name, "%.63s", name);
	if (!sequential && count) {
		order = cs_calloc(count, sizeof *order);
		status = order ? cs_keras_chain(config, order, error) : cs_fail_memory(error, "a model's layers");
	}
	for (int way = 0; way < 2; way++) {
		scope.classes[way] = json_object();
		scope.address[way] = address ? address[way] : NULL;
	}
	if (!status && (!scope.classes[0] || !scope.classes[1]))
		status = cs_fail_memory(error, "a model's layers");
	for (; scope.read < count && !status; scope.read++)
		status = read_layer(reader, &scope,
			json_array_get(layers, order ? (size_t)order[scope.read] : scope.read), error);
	json_decref(scope.classes[0]);
	json_decref(scope.classes[1]);
	/* Keras 3 keeps the shape of a model that was built late beside its layers. */
	if (!status && depth == 0)
		status = take_input(reader->plan, where, config, error);
	if (!status && depth == 0)
		status = take_built_shape(reader->plan, where, model, error);
	if (!status && depth == 0 && reader->late)
		status = take_input(reader->plan,
			(struct cs_keras_where){.name = reader->late_name, .class_name = reader->late_class}, reader->late,
			error);
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
			free_layer(layer);
			continue;
		}
		plan->layers[kept++] = *layer;
	}
	plan->count = kept;
}

enum cs_status cs_keras_json(const char *text, json_t **out, struct cs_error *error)
{
	json_t *root = NULL;
	enum cs_status status = cs_json_text_parse(text, strlen(text), 0, "the architecture", &root, error);

	/* Some programs encode the text twice. */
	if (!status && json_is_string(root)) {
		json_t *inner = NULL;

		status = cs_json_text_parse(
			json_string_value(root), json_string_length(root), 0, "the architecture", &inner, error);
		json_decref(root);
		root = inner;
	}
	if (!status)
		*out = root;
	return status;
}

/* Keras 0.3 wrote layers as flat objects, whose "name" is the class and whose own name is one for many. In the form of Keras 1;
 * a new reference. */
static json_t *modernise(json_t *root)
{
	const char *class_name = json_string_value(json_object_get(root, "name"));
	json_t *layers = json_object_get(root, "layers"), *list, *layer;
	size_t i;

	if (!json_is_object(root) || json_object_get(root, "class_name") || !class_name || !json_is_array(layers))
		return json_incref(root);
	list = json_array();
	json_array_foreach(layers, i, layer)
	{
		const char *kind = json_string_value(json_object_get(layer, "name"));
		const char *own = json_string_value(json_object_get(layer, "custom_name"));
		json_t *config = json_copy(layer), *name = json_sprintf("%s_%zu", own ? own : "layer", i);

		json_object_set_new(config, "name", name);
		json_array_append_new(list, json_pack("{s:s*, s:o}", "class_name", kind, "config", config));
	}
	return json_pack("{s:s, s:o}", "class_name", class_name, "config", list);
}

enum cs_status cs_keras_plan_new(
	const char *json, const int64_t size[2], struct cs_keras_plan *plan, struct cs_error *error)
{
	struct reader reader = {.plan = plan, .used = json_object()};
	json_t *root = NULL, *whole;
	enum cs_status status = cs_keras_json(json, &root, error);

	*plan = (struct cs_keras_plan){0};
	if (status)
		goto out;
	whole = modernise(root);
	json_decref(root);
	root = whole;
	if (!reader.used || !root) {
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
		status = cs_keras_plan_shape(plan, size, error);
out:
	json_decref(root);
	json_decref(reader.used);
	if (status)
		cs_keras_plan_fini(plan);
	return status;
}

void cs_keras_plan_fini(struct cs_keras_plan *plan)
{
	for (int i = 0; i < plan->count; i++)
		free_layer(&plan->layers[i]);
	cs_free(plan->layers);
	*plan = (struct cs_keras_plan){0};
}

enum cs_status cs_keras_parse(const char *json, struct cs_network **out, struct cs_error *error)
{
	struct cs_keras_plan plan;
	enum cs_status status = cs_keras_plan_new(json, NULL, &plan, error);

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
