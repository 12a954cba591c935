/* onnx_import.c: from the description of an ONNX file to a network. See onnx.h, onnx_import.h.
 *
 * Nodes that the output does not need are left out. The rest are taken in the file's order, which must be one in which everything is
 * made before it is used: so there can be no circle. Whoever goes on from the flow takes it; a second one would be a branch, and is
 * refused. When the last node is through, the layers make a network, and only then weights are read.
 */
#include "model/onnx_import.h"
#include "core/alloc.h"
#include "core/log.h"
#include "model/json_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Operators have changed their meaning little by little; up to here their changes are known. */
enum { NEWEST_OPSET = 25 };

enum cs_status cs_onnx_fail(
	const struct cs_onnx_node *node, enum cs_status status, struct cs_error *error, const char *format, ...)
{
	char message[700];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	if (*node->name)
		return cs_fail(error, status, "node '%.120s' (%.60s) %s", node->name, node->op, message);
	return cs_fail(error, status, "the node that makes '%.120s' (%.60s) %s", node->out, node->op, message);
}

const char *cs_onnx_text(const json_t *value)
{
	const char *text = json_string_value(value);

	return text ? text : "";
}

/* --- attributes --- */

static enum cs_status wrong(
	const struct cs_onnx_node *node, const char *key, const char *expected, struct cs_error *error)
{
	char *text = json_dumps(
		json_object_get(node->attributes, key), JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
	enum cs_status status = cs_onnx_fail(
		node, CS_ERR_FORMAT, error, "has %s = %.60s; expected %s", key, text ? text : "?", expected);

	free(text);
	return status;
}

enum cs_status cs_onnx_int(const struct cs_onnx_node *node, const char *key, int64_t *out, struct cs_error *error)
{
	const json_t *value = json_object_get(node->attributes, key);

	if (value && !json_is_integer(value))
		return wrong(node, key, "a whole number", error);
	if (value)
		*out = json_integer_value(value);
	return CS_OK;
}

enum cs_status cs_onnx_float(const struct cs_onnx_node *node, const char *key, float *out, struct cs_error *error)
{
	const json_t *value = json_object_get(node->attributes, key);

	if (value && !json_is_number(value))
		return wrong(node, key, "a number", error);
	if (value)
		*out = (float)json_number_value(value);
	return CS_OK;
}

enum cs_status cs_onnx_ints(const struct cs_onnx_node *node, const char *key, int count, int64_t min, int64_t max,
	int64_t *out, struct cs_error *error)
{
	const json_t *value = json_object_get(node->attributes, key);
	char expected[80];

	if (!value)
		return CS_OK;
	snprintf(expected, sizeof expected, "%d whole numbers from %" PRId64 " to %" PRId64, count, min, max);
	if (!json_is_array(value) || json_array_size(value) != (size_t)count)
		return wrong(node, key, expected, error);
	for (int i = 0; i < count; i++) {
		const json_t *one = json_array_get(value, (size_t)i);

		if (!json_is_integer(one) || json_integer_value(one) < min || json_integer_value(one) > max)
			return wrong(node, key, expected, error);
	}
	for (int i = 0; i < count; i++)
		out[i] = json_integer_value(json_array_get(value, (size_t)i));
	return CS_OK;
}

const char *cs_onnx_word(const struct cs_onnx_node *node, const char *key, const char *otherwise)
{
	const json_t *value = json_object_get(node->attributes, key);

	return json_is_string(value) ? json_string_value(value) : otherwise;
}

enum cs_status cs_onnx_list(struct cs_onnx_import *import, const struct cs_onnx_node *node, const char *key, int input,
	int64_t *out, int most, int *count, struct cs_error *error)
{
	const json_t *value = json_object_get(node->attributes, key);
	struct cs_onnx_value *given = input < node->in_count ? node->values[input] : NULL;
	enum cs_status status;

	*count = -1;
	if (value) {
		if (json_array_size(value) > (size_t)most)
			return wrong(node, key, "a shorter list of whole numbers", error);
		status = cs_onnx_ints(node, key, (int)json_array_size(value), INT64_MIN, INT64_MAX, out, error);
		if (!status)
			*count = (int)json_array_size(value);
		return status;
	}
	if (!given)
		return CS_OK;
	if (given->flows)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "takes its %s from the picture", key);
	status = cs_onnx_need_integers(import, &given->constant, error);
	if (status)
		return cs_error_prefix(error, "node '%.120s' (%.60s): its %s", node->name, node->op, key);
	if (given->constant.count > most)
		return cs_onnx_fail(node, CS_ERR_FORMAT, error,
			"has %" PRId64 " numbers as its %s; expected at most %d", given->constant.count, key, most);
	*count = (int)given->constant.count;
	memcpy(out, given->constant.integers, (size_t)given->constant.count * sizeof *out);
	return CS_OK;
}

/* --- input and output --- */

/* Does the graph read images channels first? Asked of the first node that tells. */
static bool first_layout(const struct cs_onnx_import *import, const int64_t dims[3])
{
	static const char *const telling[] = {
		"Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization"};
	const json_t *nodes = json_object_get(import->root, "nodes");
	bool turned = false;

	for (size_t i = 0; i < json_array_size(nodes); i++) {
		const json_t *node = json_array_get(nodes, i), *perm;
		const char *op = cs_onnx_text(json_object_get(node, "op"));

		perm = json_object_get(json_object_get(node, "attributes"), "perm");
		if (!strcmp(op, "Transpose") && json_array_size(perm) == 4 &&
			json_integer_value(json_array_get(perm, 1)) == 3)
			turned = true;
		/* with one channel, exporters turn by a reshape */
		if (!strcmp(op, "Reshape") && dims[2] == 1 && dims[0] != 1)
			turned = true;
		for (size_t k = 0; k < sizeof telling / sizeof *telling; k++) {
			if (!strcmp(op, telling[k]))
				return !turned;
		}
	}
	return dims[0] == 1 || dims[0] == 3 || (dims[2] != 1 && dims[2] != 3);
}

/* The one input that is no initialiser becomes the flow. */
static enum cs_status take_input(struct cs_onnx_import *import, struct cs_error *error)
{
	const json_t *inputs = json_object_get(import->root, "inputs"), *found = NULL, *dims;
	struct cs_onnx_value *value;
	struct cs_onnx_flow flow = {0};
	int64_t sizes[3] = {0};
	const char *name;
	enum cs_status status;

	for (size_t i = 0; i < json_array_size(inputs); i++) {
		const json_t *input = json_array_get(inputs, i);

		/* up to 2019 initialisers had to be listed as inputs as well */
		if (cs_onnx_find(import, cs_onnx_text(json_object_get(input, "name"))))
			continue;
		if (found)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"it has several inputs ('%.80s', '%.80s'); convscope reads networks of one",
				cs_onnx_text(json_object_get(found, "name")),
				cs_onnx_text(json_object_get(input, "name")));
		found = input;
	}
	if (!found)
		return cs_fail(error, CS_ERR_FORMAT, "its graph has no input: expected one, of images");
	name = cs_onnx_text(json_object_get(found, "name"));
	dims = json_object_get(found, "dims");
	flow.rank = (int)json_array_size(dims);
	if (!json_is_array(dims))
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"its input '%.80s' has no shape: export it with a fixed image size", name);
	if (flow.rank != 4 && flow.rank != 2)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"its input '%.80s' has %d dimensions: expected 4 (images, channels, rows, columns) or 2 "
			"(images, numbers)",
			name, flow.rank);
	for (int i = 1; i < flow.rank; i++) {
		const json_t *dim = json_array_get(dims, (size_t)i);

		sizes[i - 1] = json_integer_value(dim);
		if (!json_is_integer(dim) || sizes[i - 1] < 1 || sizes[i - 1] > INT32_MAX)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"dimension %d of its input '%.80s' is %s: export it with a fixed image size (only the "
				"first, the number of "
				"images, may be open)",
				i, name, json_is_integer(dim) ? "no size" : "left open");
	}
	import->batch = json_is_integer(json_array_get(dims, 0)) ? json_integer_value(json_array_get(dims, 0)) : -1;
	if (flow.rank == 4) {
		bool first = first_layout(import, sizes);

		memcpy(flow.order, first ? (int[]){2, 0, 1} : (int[]){0, 1, 2}, sizeof flow.order);
		flow.shape = first ? CS_SHAPE(sizes[1], sizes[2], sizes[0]) : CS_SHAPE(sizes[0], sizes[1], sizes[2]);
	} else {
		flow.shape = CS_SHAPE(sizes[0]);
	}
	import->input = flow.shape;
	status = cs_onnx_add(import, name, &value, error);
	if (!status) {
		value->flows = true;
		value->flow = flow;
	}
	return status;
}

/* Is the output what the network made of it puts out, number by number? */
static enum cs_status check_output(struct cs_onnx_import *import, const char *name, struct cs_error *error)
{
	const struct cs_onnx_value *value = cs_onnx_find(import, name);

	if (!value || !value->flows)
		return cs_fail(error, CS_ERR_FORMAT, "its output '%.80s' does not come from its input", name);
	if (value->taker)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"its output '%.80s' is not the end: '%.80s' goes on from there", name, value->taker);
	if (value->flow.permute[0])
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"its output '%.80s' is a flattened map: convscope would put it in another order; end it with "
			"the map or with a dense "
			"layer",
			name);
	if (!import->layer_count)
		return cs_fail(error, CS_ERR_UNSUPPORTED, "its output is its input: there is no layer in it");
	return CS_OK;
}

/* --- nodes --- */

/* needed: a set of names of values. Walks back from the output. */
static enum cs_status find_needed(
	const struct cs_onnx_import *import, const char *output, json_t *needed, struct cs_error *error)
{
	const json_t *nodes = json_object_get(import->root, "nodes");

	if (json_object_set_new(needed, output, json_true()))
		return cs_fail_memory(error, "an ONNX graph");
	for (size_t i = json_array_size(nodes); i-- > 0;) {
		const json_t *node = json_array_get(nodes, i), *in = json_object_get(node, "in"),
			     *out = json_object_get(node, "out");
		bool used = false;

		for (size_t k = 0; k < json_array_size(out); k++)
			used = used || json_object_get(needed, cs_onnx_text(json_array_get(out, k)));
		for (size_t k = 0; used && k < json_array_size(in); k++) {
			const char *name = cs_onnx_text(json_array_get(in, k));

			if (*name && json_object_set_new(needed, name, json_true()))
				return cs_fail_memory(error, "an ONNX graph");
		}
	}
	return CS_OK;
}

/* The parts of a node; its inputs looked up. */
static enum cs_status read_node(struct cs_onnx_import *import, const json_t *json, const json_t *needed,
	struct cs_onnx_node *node, struct cs_error *error)
{
	const json_t *in = json_object_get(json, "in"), *out = json_object_get(json, "out");
	const char *domain = cs_onnx_text(json_object_get(json, "domain"));

	*node = (struct cs_onnx_node){
		.name = cs_onnx_text(json_object_get(json, "name")),
		.op = cs_onnx_text(json_object_get(json, "op")),
		.attributes = json_object_get(json, "attributes"),
		.in_count = (int)json_array_size(in),
		.out = cs_onnx_text(json_array_get(out, 0)),
	};
	if (*domain && strcmp(domain, "ai.onnx"))
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"is of the domain '%.60s': convscope reads ONNX's own operators; export without optimising for "
			"a runtime",
			domain);
	if (json_array_size(in) > CS_ONNX_MAX_INPUTS)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error, "has %zu inputs", json_array_size(in));
	for (size_t i = 1; i < json_array_size(out); i++) {
		const char *name = cs_onnx_text(json_array_get(out, i));

		if (*name && json_object_get(needed, name))
			return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
				"has a second output that is used ('%.80s'); convscope reads chains", name);
	}
	/* its second input only names a type, and here all numbers are of one */
	if (!strcmp(node->op, "CastLike") && node->in_count == 2)
		node->in_count = 1;
	for (int i = 0; i < node->in_count; i++) {
		node->in[i] = cs_onnx_text(json_array_get(in, (size_t)i));
		if (!*node->in[i])
			continue;
		node->values[i] = cs_onnx_find(import, node->in[i]);
		if (!node->values[i])
			return cs_onnx_fail(node, CS_ERR_FORMAT, error,
				"takes '%.80s', which nothing before it makes: the file is damaged or cut off",
				node->in[i]);
	}
	return CS_OK;
}

static enum cs_status take_node(struct cs_onnx_import *import, const struct cs_onnx_node *node, struct cs_error *error)
{
	struct cs_onnx_value *from, *to;
	struct cs_onnx_flow flow;
	int live = -1;
	bool done = false;
	enum cs_status status;

	for (int i = 0; i < node->in_count; i++) {
		if (!node->values[i] || !node->values[i]->flows)
			continue;
		if (live >= 0)
			return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
				"joins two branches ('%.80s' and '%.80s'); convscope reads chains of layers",
				node->in[live], node->in[i]);
		live = i;
	}
	if (live < 0 || !strcmp(node->op, "Shape")) {
		status = cs_onnx_fold(import, node, &done, error);
		if (!status && !done)
			status = cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
				"computes a constant in a way that convscope does not know; export the model with "
				"constants folded");
		return status;
	}
	from = node->values[live];
	if (from->taker)
		return cs_onnx_fail(node, CS_ERR_UNSUPPORTED, error,
			"takes '%.80s', and so does '%.80s': a branch; convscope reads chains of layers",
			node->in[live], from->taker);
	from->taker = *node->name ? node->name : node->out;
	flow = from->flow;
	status = cs_onnx_apply(import, node, live, &flow, error);
	if (!status)
		status = cs_onnx_add(import, node->out, &to, error);
	if (!status) {
		to->flows = true;
		to->flow = flow;
	}
	return status;
}

static enum cs_status take_nodes(struct cs_onnx_import *import, const char *output, struct cs_error *error)
{
	const json_t *nodes = json_object_get(import->root, "nodes");
	json_t *needed = json_object();
	enum cs_status status =
		needed ? find_needed(import, output, needed, error) : cs_fail_memory(error, "an ONNX graph");

	for (size_t i = 0; i < json_array_size(nodes) && !status; i++) {
		const json_t *json = json_array_get(nodes, i);
		struct cs_onnx_node node;

		if (!json_object_get(needed, cs_onnx_text(json_array_get(json_object_get(json, "out"), 0))))
			continue;
		status = read_node(import, json, needed, &node, error);
		if (!status)
			status = take_node(import, &node, error);
	}
	json_decref(needed);
	return status;
}

/* --- layers --- */

/* Names must differ: the second 'pool' is 'pool_1'. */
static enum cs_status name_layers(struct cs_onnx_import *import, struct cs_error *error)
{
	json_t *used = json_object(); /* name -> the number to try next behind it */
	bool failed = !used;

	for (int i = 0; i < import->layer_count && !failed; i++) {
		char *name = import->layers[i].spec.name;
		const char *base = import->layers[i].base;
		int64_t number = json_integer_value(json_object_get(used, base));

		snprintf(name, CS_NAME_SIZE, "%s", base);
		if (!*base)
			continue;
		for (; json_object_get(used, name); number++)
			snprintf(name, CS_NAME_SIZE, "%.*s_%" PRId64, CS_NAME_SIZE - 14, base, number);
		failed = json_object_set_new(used, base, json_integer(number ? number : 1)) ||
			(strcmp(name, base) && json_object_set_new(used, name, json_integer(1)));
	}
	json_decref(used);
	return failed ? cs_fail_memory(error, "a model's layers") : CS_OK;
}

static enum cs_status build(struct cs_onnx_import *import, struct cs_network **out, struct cs_error *error)
{
	struct cs_layer_spec *specs = cs_calloc((size_t)import->layer_count, sizeof *specs);
	struct cs_network *network = NULL;
	int64_t numbers = 0;
	enum cs_status status = specs ? CS_OK : cs_fail_memory(error, "a model's layers");

	for (int i = 0; i < import->layer_count && !status; i++) {
		const struct cs_onnx_layer *layer = &import->layers[i];

		for (int k = 0; k < layer->weight_count; k++)
			numbers += import->values[layer->weights[k].value].constant.count;
		if (numbers > import->limit)
			status = cs_fail(error, CS_ERR_MEMORY,
				"its layers ask for %.3g parameters, far more than the file holds", (double)numbers);
	}
	if (!status)
		status = name_layers(import, error);
	if (status)
		goto out;
	for (int i = 0; i < import->layer_count; i++) {
		specs[i] = import->layers[i].spec;
		/* Whoever reads weights needs no random ones first. */
		specs[i].initialiser = CS_INIT_ZEROS;
	}
	status = cs_network_new(import->input, specs, import->layer_count, 0, &network, error);
	for (int i = 0; i < import->layer_count && !status; i++)
		network->layers[i].spec.initialiser = CS_INIT_DEFAULT;
	if (!status)
		status = cs_onnx_fill(import, network, error);
	if (!status) {
		*out = network;
		network = NULL;
	}
out:
	cs_network_free(network);
	cs_free(specs);
	return status;
}

/* --- all of it --- */

static enum cs_status read_description(struct cs_onnx_import *import, struct cs_error *error)
{
	char *text;
	enum cs_status status = cs_onnx_describe(import->file, &text, error);

	if (status)
		return status;
	status = cs_json_text_parse(text, strlen(text), 0, "what was read of its graph", &import->root, error);
	cs_free(text);
	if (!status && !json_is_object(import->root))
		status = cs_fail(error, CS_ERR_FORMAT, "what was read of its graph makes no sense");
	return status;
}

static enum cs_status check_versions(struct cs_onnx_import *import, struct cs_error *error)
{
	const json_t *opsets = json_object_get(import->root, "opsets");
	const char *producer = cs_onnx_text(json_object_get(import->root, "producer"));

	import->opset = 1;
	for (size_t i = 0; i < json_array_size(opsets); i++) {
		const json_t *pair = json_array_get(opsets, i);
		const char *domain = cs_onnx_text(json_array_get(pair, 0));
		int64_t version = json_integer_value(json_array_get(pair, 1));

		if (!*domain || !strcmp(domain, "ai.onnx"))
			import->opset = version > 0 && version < INT32_MAX ? (int)version : 1;
	}
	import->ours = !strncmp(producer, "convscope", 9);
	if (import->opset > NEWEST_OPSET)
		cs_warn("the model uses ONNX operators of version %d; those up to %d are known", import->opset,
			NEWEST_OPSET);
	if (json_integer_value(json_object_get(import->root, "functions")) > 0)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"it defines functions of its own: export it with them inlined (PyTorch 2.5 or later does, or "
			"onnx.inliner)");
	return CS_OK;
}

static void fini(struct cs_onnx_import *import)
{
	for (int i = 0; i < import->count; i++)
		cs_onnx_constant_fini(&import->values[i].constant);
	for (int i = 0; i < import->layer_count; i++) {
		cs_free(import->layers[i].scale);
		cs_free(import->layers[i].shift);
	}
	cs_free(import->values);
	cs_free(import->layers);
	json_decref(import->by_name);
	json_decref(import->locations);
	json_decref(import->root);
}

enum cs_status cs_onnx_import(struct cs_onnx *file, const char *path, int64_t limit, struct cs_network **out,
	json_t **metadata, struct cs_error *error)
{
	struct cs_onnx_import import = {
		.file = file, .path = path, .limit = limit, .by_name = json_object(), .locations = json_object()};
	const json_t *outputs;
	struct cs_network *network = NULL;
	struct cs_error own;
	const char *output, *name;
	int bad;
	enum cs_status status;

	error = error ? error : &own;
	status = import.by_name && import.locations ? read_description(&import, error)
						    : cs_fail_memory(error, "an ONNX graph");
	if (!status)
		status = check_versions(&import, error);
	if (status)
		goto out;
	outputs = json_object_get(import.root, "outputs");
	if (json_array_size(outputs) != 1) {
		status = cs_fail(error, json_array_size(outputs) ? CS_ERR_UNSUPPORTED : CS_ERR_FORMAT,
			"it has %zu outputs%s%.200s; convscope reads networks of one", json_array_size(outputs),
			json_array_size(outputs) ? ", the second " : "",
			cs_onnx_text(json_object_get(json_array_get(outputs, 1), "name")));
		goto out;
	}
	output = cs_onnx_text(json_object_get(json_array_get(outputs, 0), "name"));
	status = cs_onnx_add_initialisers(&import, error);
	if (!status)
		status = take_input(&import, error);
	if (!status)
		status = take_nodes(&import, output, error);
	if (!status)
		status = check_output(&import, output, error);
	if (!status)
		status = build(&import, &network, error);
	if (status)
		goto out;
	name = cs_onnx_text(json_object_get(import.root, "graph"));
	snprintf(network->name, sizeof network->name, "%.63s", import.ours && strcmp(name, "network") ? name : "");
	bad = cs_network_first_bad_layer(network);
	if (bad >= 0)
		cs_warn("layer '%s' holds weights that are NaN or infinite: what the network answers is not valid",
			network->layers[bad].spec.name);
	if (metadata)
		*metadata = json_incref(json_object_get(import.root, "metadata"));
	*out = network;
out:
	fini(&import);
	return status;
}
