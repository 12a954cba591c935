/* onnx_model.c: a model in an ONNX file: the network, and what convscope keeps beside it in the file's metadata. See onnx.h.
 *
 * convscope.preprocess   {"scale": 0.0039, "mean": [0, 0, 0], "std": [1, 1, 1], "bgr": false}
 * convscope.classes      {"ids": [...], "names": [...]}, either may be missing
 * convscope.dataset      the specification of the data it was trained on
 */
#include "core/alloc.h"
#include "model/json_text.h"
#include "model/model_internal.h"
#include "model/onnx.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* An entry that is JSON, or NULL. */
static json_t *entry(const json_t *metadata, const char *key)
{
	const char *text = json_string_value(json_object_get(metadata, key));

	json_t *value = NULL;

	if (text && cs_json_text_parse(text, strlen(text), 0, key, &value, NULL))
		value = NULL;
	return value;
}

static enum cs_status read_preprocess(const json_t *metadata, struct cs_model *model, struct cs_error *error)
{
	json_t *object = entry(metadata, "convscope.preprocess");
	const json_t *mean = json_object_get(object, "mean"), *deviation = json_object_get(object, "std");
	struct cs_preprocess pre = {.scale = (float)json_number_value(json_object_get(object, "scale"))};
	bool valid = isfinite(pre.scale) && pre.scale != 0;

	if (!json_object_get(metadata, "convscope.preprocess"))
		return CS_OK;
	for (size_t i = 0; i < 3; i++) {
		pre.mean[i] = (float)json_number_value(json_array_get(mean, i));
		pre.deviation[i] = (float)json_number_value(json_array_get(deviation, i));
		valid = valid && json_is_number(json_array_get(mean, i)) && isfinite(pre.mean[i]) &&
			isfinite(pre.deviation[i]) && pre.deviation[i] != 0;
	}
	pre.bgr = json_is_true(json_object_get(object, "bgr"));
	json_decref(object);
	if (!valid)
		return cs_fail(error, CS_ERR_FORMAT,
			"its entry convscope.preprocess is not a scale, three means and three deviations other than 0");
	model->preprocess = pre;
	model->preprocess_known = true;
	return CS_OK;
}

/* A list of `count` names, borrowed from the JSON, in one block; NULL where the file has none. */
static enum cs_status read_names(const json_t *list, int64_t count, char ***out, struct cs_error *error)
{
	char **names;

	*out = NULL;
	if (!list)
		return CS_OK;
	if (json_array_size(list) != (size_t)count)
		return cs_fail(error, CS_ERR_FORMAT,
			"its entry convscope.classes names %zu classes, but the network has %lld outputs",
			json_array_size(list), (long long)count);
	names = cs_calloc((size_t)count, sizeof *names);
	if (!names)
		return cs_fail_memory(error, "the names of classes");
	for (int64_t i = 0; i < count; i++) {
		names[i] = (char *)(uintptr_t)json_string_value(json_array_get(list, (size_t)i));
		if (!names[i]) {
			cs_free(names);
			return cs_fail(
				error, CS_ERR_FORMAT, "its entry convscope.classes holds something else than names");
		}
	}
	*out = names;
	return CS_OK;
}

static enum cs_status read_classes(const json_t *metadata, struct cs_model *model, struct cs_error *error)
{
	json_t *object = entry(metadata, "convscope.classes");
	struct cs_shape shape = cs_network_output(model->network);
	int64_t count = shape.rank == 1 ? shape.dim[0] : 0;
	char **ids = NULL, **names = NULL;
	enum cs_status status = read_names(json_object_get(object, "ids"), count, &ids, error);

	if (!status)
		status = read_names(json_object_get(object, "names"), count, &names, error);
	if (!status && (ids || names))
		status = cs_model_set_classes(model, (int)count, ids, names, error);
	cs_free(ids);
	cs_free(names);
	json_decref(object);
	return status;
}

static enum cs_status read_file(struct cs_onnx *file, const char *path, struct cs_model **out, struct cs_error *error)
{
	int64_t limit = 16 << 20; /* parameters: layers may share weights, but not without end */
	struct cs_network *network;
	struct cs_model *model = NULL;
	json_t *metadata = NULL;
	struct stat info;
	enum cs_status status;

	if (!stat(path, &info) && info.st_size > limit)
		limit = info.st_size;
	status = cs_onnx_import(file, path, limit, &network, &metadata, error);
	if (status)
		return status;
	status = cs_model_new(network, &model, error);
	if (!status)
		status = read_preprocess(metadata, model, error);
	if (!status)
		status = read_classes(metadata, model, error);
	if (!status)
		status = cs_model_set_dataset(
			model, json_string_value(json_object_get(metadata, "convscope.dataset")), error);
	if (!status) {
		model->path = cs_strdup(path);
		status = model->path ? CS_OK : cs_fail_memory(error, "a path");
	}
	json_decref(metadata);
	if (status)
		cs_model_free(model);
	else
		*out = model;
	return status;
}

enum cs_status cs_onnx_model_load(const char *path, struct cs_model **out, struct cs_error *error)
{
	struct cs_onnx *file;
	/* as for HDF5, model.c: a build that installs the helper announces it */
#ifdef CS_LIBEXECDIR
	enum cs_status status = cs_onnx_open_foreign(path, &file, error);
#else
	enum cs_status status = cs_onnx_open(path, &file, error);
#endif

	if (status)
		return status;
	status = read_file(file, path, out, error);
	if (status)
		cs_error_prefix(error, "%s", path);
	cs_onnx_close(file);
	return status;
}
