/* keras_write.c: the HDF5 layout of Keras 2's model.save("m.h5"). See keras.h.
 *
 * /                            attributes keras_version, backend, model_config
 * /model_weights               attributes layer_names, backend, keras_version
 * /model_weights/conv1         attribute weight_names: conv1/kernel:0, conv1/bias:0
 * /model_weights/conv1/conv1/kernel:0
 */
#include "core/alloc.h"
#include "model/keras.h"
#include "model/keras_plan.h"

#include <stdio.h>
#include <string.h>

/* An attribute in an object's header holds 64 KiB; Keras splits longer lists into layer_names0, layer_names1, ... */
enum { ATTRIBUTE_BYTES = 64512 };

static enum cs_status write_names(struct cs_h5 *file, const char *path, const char *attribute, const char *const *names,
	int count, struct cs_error *error)
{
	size_t longest = 1;
	int each, chunks;
	enum cs_status status = CS_OK;

	for (int i = 0; i < count; i++) {
		if (strlen(names[i]) > longest)
			longest = strlen(names[i]);
	}
	if (longest * (size_t)count <= ATTRIBUTE_BYTES)
		return cs_h5_write_strings(file, path, attribute, names, count, error);
	each = (int)(ATTRIBUTE_BYTES / longest);
	chunks = (count + each - 1) / each;
	for (int i = 0; i < chunks && !status; i++) {
		char name[64];
		int left = count - i * each;

		snprintf(name, sizeof name, "%s%d", attribute, i);
		status = cs_h5_write_strings(
			file, path, name, names + (size_t)i * (size_t)each, left < each ? left : each, error);
	}
	return status;
}

/* The group of one layer, which may be without weights. */
static enum cs_status write_layer(
	struct cs_h5 *file, const char *name, const struct cs_layer *layer, struct cs_error *error)
{
	char *group = cs_format("/model_weights/%s", name), *names[CS_MAX_PARAMS] = {0};
	int params = layer ? layer->param_count : 0;
	enum cs_status status =
		group ? cs_h5_make_group(file, group, error) : cs_fail_memory(error, "a model's layers");

	for (int i = 0; i < params && !status; i++) {
		char *path;

		names[i] = cs_format("%s/%s:0", name, layer->params[i].name);
		path = names[i] ? cs_format("%s/%s", group, names[i]) : NULL;
		status = path ? cs_h5_write_tensor(file, path, &layer->params[i].value, error)
			      : cs_fail_memory(error, "a model's layers");
		cs_free(path);
	}
	if (!status)
		status = write_names(file, group, "weight_names", (const char *const *)names, params, error);
	for (int i = 0; i < params; i++)
		cs_free(names[i]);
	cs_free(group);
	return status;
}

static enum cs_status write_weights(const struct cs_network *network, struct cs_h5 *file, struct cs_error *error)
{
	char **names = cs_calloc(2 * (size_t)network->layer_count, sizeof *names);
	enum cs_status status = CS_OK;
	int count = 0;

	if (!names)
		return cs_fail_memory(error, "a model's layers");
	for (int i = 0; i < network->layer_count && !status; i++) {
		const struct cs_layer *layer = &network->layers[i];
		char split[2 * CS_NAME_SIZE];

		names[count] = cs_strdup(layer->spec.name);
		status = names[count] ? write_layer(file, names[count], layer, error)
				      : cs_fail_memory(error, "a model's layers");
		count++;
		if (status || !cs_keras_splits(layer))
			continue;
		cs_keras_split_name(network, i, split, sizeof split);
		names[count] = cs_strdup(split);
		status = names[count] ? write_layer(file, split, NULL, error)
				      : cs_fail_memory(error, "a model's layers");
		count++;
	}
	if (!status)
		status = write_names(file, "/model_weights", "layer_names", (const char *const *)names, count, error);
	for (int i = 0; i < count; i++)
		cs_free(names[i]);
	cs_free(names);
	return status;
}

enum cs_status cs_keras_write(const struct cs_network *network, struct cs_h5 *file, struct cs_error *error)
{
	static const char *const places[] = {"/", "/model_weights"};
	char *json = NULL;
	enum cs_status status = cs_keras_config(network, &json, error);

	if (!status)
		status = cs_h5_make_group(file, "/model_weights", error);
	for (int i = 0; i < 2 && !status; i++) {
		status = cs_h5_write_string(file, places[i], "keras_version", CS_KERAS_VERSION, error);
		if (!status)
			status = cs_h5_write_string(file, places[i], "backend", "tensorflow", error);
	}
	if (!status)
		status = cs_h5_write_string(file, "/", "model_config", json, error);
	if (!status)
		status = write_weights(network, file, error);
	cs_free(json);
	return status;
}
