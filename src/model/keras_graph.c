/* keras_graph.c: functional models that are a chain in disguise. See keras_plan.h.
 *
 * A functional model lists its layers in any order; each says in `inbound_nodes` whose output it takes. Keras 1 and 2 write
 * [["conv1", 0, 0, {}]], Keras 3 objects with a "keras_history" of the same three. We follow the chain from the one layer
 * without input to the end, in linear time; whatever joins, branches or is used twice is refused by name.
 */
#include "core/alloc.h"
#include "model/keras_plan.h"

#include <string.h>

struct link {
	const char *name, *class_name;
	int from; /* the layer whose output it takes; -1: an input */
	int users; /* layers that take its own */
	int next; /* one of them */
};

/* Collect the names of the tensors that a node's arguments mention; counts those over one too. */
static int mentions(const json_t *node, const char **first, int depth)
{
	const json_t *history = json_object_get(node, "keras_history");
	const char *key;
	json_t *value;
	size_t i;
	int count = 0;

	if (depth > 16)
		return 0;
	if (history)
		node = history;
	if (json_is_array(node) && json_array_size(node) >= 3 && json_is_string(json_array_get(node, 0)) &&
		json_is_integer(json_array_get(node, 1)) && json_is_integer(json_array_get(node, 2))) {
		*first = json_string_value(json_array_get(node, 0));
		return 1;
	}
	if (json_is_array(node)) {
		json_array_foreach(node, i, value) count += mentions(value, first, depth + 1);
	} else if (json_is_object(node)) {
		json_object_foreach((json_t *)node, key, value) count += mentions(value, first, depth + 1);
	}
	return count;
}

/* Fill the links from the inbound nodes; `names` maps layer names to positions. */
static enum cs_status connect(const json_t *layers, const json_t *names, struct link *links, struct cs_error *error)
{
	size_t i;
	json_t *layer;

	/* Of a branching model the join is what people know by name (Add, Concatenate): it comes before the fork. */
	json_array_foreach(layers, i, layer)
	{
		const json_t *nodes = json_object_get(layer, "inbound_nodes");
		const char *from = NULL;
		int count = json_array_size(nodes) == 1 ? mentions(nodes, &from, 0) : 0;

		if (count > 1)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"layer '%.80s' (%.40s) joins %d tensors: convscope reads chains of layers, without "
				"branches",
				links[i].name, links[i].class_name, count);
	}

	json_array_foreach(layers, i, layer)
	{
		const json_t *nodes = json_object_get(layer, "inbound_nodes"), *position;
		struct link *link = &links[i];
		const char *from = NULL;
		int count;

		link->from = -1;
		if (json_array_size(nodes) == 0)
			continue;
		if (json_array_size(nodes) > 1)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"layer '%.80s' (%.40s) is used %zu times: convscope reads chains of layers, without "
				"shared "
				"layers",
				link->name, link->class_name, json_array_size(nodes));
		count = mentions(nodes, &from, 0);
		if (count == 0)
			return cs_fail(error, CS_ERR_FORMAT, "layer '%.80s' (%.40s): its inbound_nodes name no layer",
				link->name, link->class_name);
		position = json_object_get(names, from);
		if (!position)
			return cs_fail(error, CS_ERR_FORMAT,
				"layer '%.80s' (%.40s) takes its input from '%.80s', which does not exist", link->name,
				link->class_name, from);
		link->from = (int)json_integer_value(position);
		links[link->from].next = (int)i;
		if (++links[link->from].users > 1)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"layer '%.80s' (%.40s) feeds more than one layer: convscope reads chains of layers, "
				"without "
				"branches",
				links[link->from].name, links[link->from].class_name);
	}
	return CS_OK;
}

enum cs_status cs_keras_chain(const json_t *config, int *order, struct cs_error *error)
{
	const json_t *layers = json_object_get(config, "layers"), *outputs = json_object_get(config, "output_layers");
	size_t count = json_array_size(layers), i;
	struct link *links = cs_calloc(count, sizeof *links);
	json_t *names = json_object(), *layer;
	enum cs_status status = CS_OK;
	const char *output = NULL;
	int at = -1, done = 0;

	if (!links || !names) {
		status = cs_fail_memory(error, "a model's layers");
		goto out;
	}
	json_array_foreach(layers, i, layer)
	{
		const char *class_name = json_string_value(json_object_get(layer, "class_name"));
		const char *name = json_string_value(json_object_get(layer, "name"));

		if (!name)
			name = json_string_value(json_object_get(json_object_get(layer, "config"), "name"));
		if (!name || !class_name || json_object_get(names, name)) {
			status = cs_fail(error, CS_ERR_FORMAT, "layer %zu of the functional model has no %s", i,
				!class_name    ? "class_name"
					: name ? "name of its own"
					       : "name");
			goto out;
		}
		links[i] = (struct link){.name = name, .class_name = class_name, .next = -1};
		if (json_object_set_new(names, name, json_integer((json_int_t)i))) {
			status = cs_fail_memory(error, "a model's layers");
			goto out;
		}
	}
	status = connect(layers, names, links, error);
	if (status)
		goto out;
	for (i = 0; i < count; i++) {
		if (links[i].from >= 0)
			continue;
		if (at >= 0) {
			status = cs_fail(error, CS_ERR_UNSUPPORTED,
				"the model has two inputs, '%.80s' and '%.80s': convscope reads chains of layers",
				links[at].name, links[i].name);
			goto out;
		}
		at = (int)i;
	}
	for (; at >= 0 && done < (int)count; at = links[at].next)
		order[done++] = at;
	if (done < (int)count) {
		status = cs_fail(error, CS_ERR_FORMAT,
			"the model's layers are no chain: only %d of %zu can be reached from its "
			"input",
			done, count);
		goto out;
	}
	if (mentions(outputs, &output, 0) > 1)
		status = cs_fail(error, CS_ERR_UNSUPPORTED,
			"the model has several outputs: convscope reads chains of layers with "
			"one");
	else if (output && done && strcmp(output, links[order[done - 1]].name))
		status = cs_fail(error, CS_ERR_UNSUPPORTED,
			"the model's output is layer '%.80s', but its chain goes on to '%.80s'", output,
			links[order[done - 1]].name);
out:
	json_decref(names);
	cs_free(links);
	return status;
}
