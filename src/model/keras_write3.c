/* keras_write3.c: the newer files of Keras: .weights.h5, and .keras, a zip around one. See keras.h, model.h.
 *
 * /layers/conv2d/vars/0, 1           kernel, bias of the first convolution, whatever it is called
 * /layers/conv2d_1/vars/0, 1         of the second
 * /vars                              of the model itself: none
 * /convscope                         what Keras has no place for (model.c), which it does not look at
 *
 * A .keras file holds metadata.json, config.json and model.weights.h5, stored as they are.
 */
#include "core/alloc.h"
#include "io/archive_write.h"
#include "io/file.h"
#include "model/keras.h"
#include "model/keras_plan.h"
#include "model/model_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The next group of a class: "conv2d", then "conv2d_1". */
static enum cs_status open_group(
	json_t *counters, const char *class_name, struct cs_h5 *file, char **vars, struct cs_error *error)
{
	char snake[80], number[24] = "";
	json_int_t seen;

	cs_keras_snake(class_name, snake, sizeof snake);
	seen = json_integer_value(json_object_get(counters, snake));
	if (seen)
		snprintf(number, sizeof number, "_%lld", (long long)seen);
	*vars = cs_format("/layers/%s%s/vars", snake, number);
	if (!*vars || json_object_set_new(counters, snake, json_integer(seen + 1)))
		return cs_fail_memory(error, "a model's layers");
	return cs_h5_make_group(file, *vars, error);
}

static enum cs_status write_vars(
	json_t *counters, const struct cs_layer *layer, const char *class_name, int params, struct cs_h5 *file,
	struct cs_error *error)
{
	char *vars = NULL;
	enum cs_status status = open_group(counters, class_name, file, &vars, error);

	for (int k = 0; k < params && !status; k++) {
		char *path = cs_format("%s/%d", vars, k);

		status = path ? cs_h5_write_tensor(file, path, &layer->params[k].value, error)
			      : cs_fail_memory(error, "a model's layers");
		cs_free(path);
	}
	cs_free(vars);
	return status;
}

enum cs_status cs_keras_write_vars(const struct cs_network *network, struct cs_h5 *file, struct cs_error *error)
{
	json_t *counters = json_object();
	enum cs_status status = counters ? cs_h5_make_group(file, "/layers", error) : cs_fail_memory(error, "a model");

	if (!status)
		status = cs_h5_make_group(file, "/vars", error);
	for (int i = 0; i < network->layer_count && !status; i++) {
		const struct cs_layer *layer = &network->layers[i];

		status = write_vars(counters, layer, cs_keras_class(layer), layer->param_count, file, error);
		if (!status && cs_keras_splits(layer))
			status = write_vars(counters, layer, cs_keras_split_class(layer), 0, file, error);
	}
	json_decref(counters);
	return status;
}

/* Weights and our own group into a file that is made anew. */
static enum cs_status write_file(const struct cs_model *model, const char *path, struct cs_error *error)
{
	struct cs_h5 *file = NULL;
	enum cs_status status = cs_h5_open(path, CS_H5_CREATE, &file, error), closed;

	if (status)
		return status;
	status = cs_keras_write_vars(model->network, file, error);
	if (!status)
		status = cs_model_write_own(model, file, true, error);
	closed = cs_h5_close(file, status ? NULL : error);
	return status ? status : closed;
}

enum cs_status cs_model_save_weights(const struct cs_model *model, const char *path, struct cs_error *error)
{
	char *temporary = cs_file_temporary(path);
	enum cs_status status = temporary ? write_file(model, temporary, error) : cs_fail_memory(error, "a path");

	if (!status)
		status = cs_file_commit(temporary, path, error);
	if (status && temporary)
		unlink(temporary);
	if (status)
		cs_error_prefix(error, "cannot save '%s'", path);
	cs_free(temporary);
	return status;
}

enum cs_status cs_model_save_architecture(const struct cs_model *model, const char *path, struct cs_error *error)
{
	char *json = NULL;
	enum cs_status status = cs_keras_config3(model->network, &json, error);

	if (!status)
		status = cs_file_write(path, json, strlen(json), error);
	cs_free(json);
	return status;
}

enum cs_status cs_model_save_keras(const struct cs_model *model, const char *path, struct cs_error *error)
{
	char *weights = cs_file_temporary(path), *json = NULL, metadata[128], date[40] = "";
	time_t now = time(NULL);
	struct tm broken;
	enum cs_status status = weights ? cs_keras_config3(model->network, &json, error) : cs_fail_memory(error, "a path");

	if (!status)
		status = write_file(model, weights, error);
	if (!status) {
		if (gmtime_r(&now, &broken))
			strftime(date, sizeof date, "%Y-%m-%d@%H:%M:%S", &broken);
		/* The first that wrote such files as we do. */
		snprintf(metadata, sizeof metadata, "{\"keras_version\": \"3.0.0\", \"date_saved\": \"%s\"}", date);
		const struct cs_archive_part parts[] = {
			{.name = "metadata.json", .bytes = metadata, .size = strlen(metadata)},
			{.name = "config.json", .bytes = json, .size = strlen(json)},
			{.name = "model.weights.h5", .file = weights},
		};

		status = cs_archive_write(path, parts, 3, error);
	}
	if (weights)
		unlink(weights);
	if (status)
		cs_error_prefix(error, "cannot save '%s'", path);
	cs_free(weights);
	cs_free(json);
	return status;
}
