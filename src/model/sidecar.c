/* sidecar.c: what was said of a model file, remembered beside it. See sidecar.h.
 *
 * {"convscope": 1, "scale": 0.00392, "mean": [0, 0, 0], "std": [1, 1, 1], "bgr": false, "classes": ["cat", ...], "size": [224, 224],
 *  "architecture": {...}}
 *
 * Any of them may be missing. Such a file may have come along with the model from anywhere: it is data, read within limits, checked value by
 * value, and whatever is wrong with it costs one warning and no more.
 */
#include "model/sidecar.h"

#include "core/alloc.h"
#include "core/log.h"
#include "io/file.h"
#include "model/json_text.h"
#include "model/keras_plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 16 << 20 };

static char *beside(const char *path)
{
	return cs_format("%s.convscope.json", path);
}

/* $XDG_DATA_HOME/convscope/models/<name>-<hash of the whole path>.json, to be freed; NULL without a home. */
static char *in_data_directory(const char *path)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char *whole = realpath(path, NULL), *found = NULL;
	const char *name;
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	if (!whole)
		return NULL;
	for (const char *at = whole; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 1099511628211u;
	name = strrchr(whole, '/') ? strrchr(whole, '/') + 1 : whole;
	if (data && *data == '/')
		found = cs_format("%s/convscope/models/%.100s-%016" PRIx64 ".json", data, name, hash);
	else if (home && *home)
		found = cs_format("%s/.local/share/convscope/models/%.100s-%016" PRIx64 ".json", home, name, hash);
	free(whole);
	return found;
}

json_t *cs_sidecar_open(const char *path, char **where)
{
	char *places[] = {in_data_directory(path), beside(path)};
	json_t *found = NULL;

	*where = NULL;
	for (int i = 0; i < 2 && !*where; i++) {
		struct cs_error error;
		char *text;
		size_t size;

		if (!places[i] || !cs_file_exists(places[i]))
			continue;
		*where = cs_strdup(places[i]);
		if (cs_file_read_regular(places[i], FILE_LIMIT, &text, &size, &error)) {
			cs_warn("what was said of this model cannot be read: %s", error.message);
			break;
		}
		if (cs_json_text_parse(text, size, JSON_REJECT_DUPLICATES, places[i], &found, &error))
			cs_warn("%s: what was said of this model is not used; say it again, or remove the file", error.message);
		cs_free(text);
		if (found && !json_is_object(found)) {
			cs_warn("'%s' holds no JSON object: what was said of this model is not used; say it again, or remove the file",
				places[i]);
			json_decref(found);
			found = NULL;
		}
	}
	cs_free(places[0]);
	cs_free(places[1]);
	return found;
}

char *cs_sidecar_arch(const json_t *sidecar, int64_t size[2])
{
	const json_t *sides = json_object_get(sidecar, "size"), *arch = json_object_get(sidecar, "architecture");
	char *text = json_is_object(arch) ? json_dumps(arch, JSON_COMPACT) : NULL, *copy = text ? cs_strdup(text) : NULL;

	free(text);
	for (size_t i = 0; i < 2; i++) {
		json_int_t side = json_integer_value(json_array_get(sides, i));

		if (side > 0 && side <= 1 << 16)
			size[i] = side;
	}
	return copy;
}

/* A number, or three. */
static bool read_three(const json_t *value, bool divides, float out[3])
{
	float numbers[3];

	if (!value)
		return true;
	if (!json_is_number(value) && json_array_size(value) != 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		const json_t *one = json_is_number(value) ? value : json_array_get(value, i);

		numbers[i] = (float)json_number_value(one);
		if (!json_is_number(one) || !isfinite(numbers[i]) || (divides && numbers[i] == 0))
			return false;
	}
	memcpy(out, numbers, sizeof numbers);
	return true;
}

static bool apply_pixels(const json_t *sidecar, struct cs_model *model)
{
	struct cs_preprocess pre = cs_preprocess_default();
	const json_t *scale = json_object_get(sidecar, "scale"), *bgr = json_object_get(sidecar, "bgr");
	bool any = scale || bgr || json_object_get(sidecar, "mean") || json_object_get(sidecar, "std");
	float three[3] = {pre.scale, pre.scale, pre.scale};

	if (!any || (model->preprocess_known && !model->preprocess_remembered))
		return true;
	if ((scale && !json_is_number(scale)) || !read_three(scale, true, three) || (bgr && !json_is_boolean(bgr)) ||
		!read_three(json_object_get(sidecar, "mean"), false, pre.mean) ||
		!read_three(json_object_get(sidecar, "std"), true, pre.deviation))
		return false;
	pre.scale = three[0];
	pre.bgr = json_is_true(bgr);
	model->preprocess = pre;
	model->preprocess_known = model->preprocess_remembered = true;
	return true;
}

static bool apply_classes(const json_t *sidecar, struct cs_model *model)
{
	const json_t *list = json_object_get(sidecar, "classes");
	struct cs_shape out = cs_network_output(model->network);
	size_t count = json_array_size(list);
	char **names;
	bool valid = true;

	if (!list)
		return true;
	if (!json_is_array(list) || out.rank != 1 || (int64_t)count != out.dim[0])
		return false;
	names = cs_calloc(count + 1, sizeof *names);
	for (size_t i = 0; names && i < count; i++) {
		names[i] = (char *)(uintptr_t)json_string_value(json_array_get(list, i));
		valid = valid && names[i];
	}
	valid = valid && names && !cs_model_set_classes(model, (int)count, names, names, NULL);
	cs_free(names);
	model->classes_remembered = valid;
	return valid;
}

void cs_sidecar_apply(const json_t *sidecar, const char *where, struct cs_model *model)
{
	bool pixels = apply_pixels(sidecar, model), classes = apply_classes(sidecar, model);

	if (!pixels)
		cs_warn("'%s' says what scale, mean, std or bgr cannot be: how pixels go in is not known; say it again, or remove the file",
			where);
	if (!classes)
		cs_warn("'%s' names classes, but not the %lld that the model tells apart: they are not used", where,
			(long long)cs_network_output(model->network).dim[0]);
	model->sidecar = cs_strdup(where);
}

static json_t *three(const float values[3])
{
	return json_pack("[f,f,f]", (double)values[0], (double)values[1], (double)values[2]);
}

/* What the model knows that its file does not. A new reference. */
static json_t *describe(const struct cs_model *model)
{
	json_t *sidecar = json_pack("{s:i}", "convscope", 1), *list;

	if (model->preprocess_remembered) {
		json_object_set_new(sidecar, "scale", json_real((double)model->preprocess.scale));
		json_object_set_new(sidecar, "mean", three(model->preprocess.mean));
		json_object_set_new(sidecar, "std", three(model->preprocess.deviation));
		json_object_set_new(sidecar, "bgr", json_boolean(model->preprocess.bgr));
	}
	if (model->classes_remembered && model->class_names) {
		list = json_array();
		for (int i = 0; i < model->class_count; i++)
			json_array_append_new(list, json_string(model->class_names[i]));
		json_object_set_new(sidecar, "classes", list);
	}
	if (model->given_size[0] && model->given_size[1])
		json_object_set_new(sidecar, "size",
			json_pack("[I,I]", (json_int_t)model->given_size[0], (json_int_t)model->given_size[1]));
	if (model->given_arch) {
		json_t *arch = NULL;

		if (!cs_keras_json(model->given_arch, &arch, NULL))
			json_object_set_new(sidecar, "architecture", arch);
	}
	return sidecar;
}

static enum cs_status write_text(const char *path, const char *text, struct cs_error *error)
{
	char *slash = strrchr(path, '/');
	char *directory = slash ? cs_strndup(path, (size_t)(slash - path)) : NULL;
	enum cs_status status = directory ? cs_file_make_directories(directory, error) : CS_OK;

	cs_free(directory);
	return status ? status : cs_file_write(path, text, strlen(text), error);
}

enum cs_status cs_model_remember(struct cs_model *model, struct cs_error *error)
{
	char *near = model->path ? beside(model->path) : NULL, *far = model->path ? in_data_directory(model->path) : NULL;
	json_t *sidecar = describe(model);
	char *text = sidecar ? json_dumps(sidecar, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
	struct cs_error first;
	enum cs_status status;
	bool written_far = false;

	if (!model->path) {
		status = cs_fail(error, CS_ERR_ARGUMENT, "a network that came from no file has no place to be remembered at");
		goto out;
	}
	if (!text || !near) {
		status = cs_fail_memory(error, "what is said of a model");
		goto out;
	}
	status = cs_file_write(near, text, strlen(text), &first);
	if (!status && far && cs_file_exists(far))
		remove(far);
	if (status && far) {
		status = write_text(far, text, error);
		written_far = !status;
	} else if (status && error) {
		*error = first;
	}
	if (!status) {
		cs_free(model->sidecar);
		model->sidecar = cs_strdup(written_far ? far : near);
	}
out:
	json_decref(sidecar);
	free(text);
	cs_free(near);
	cs_free(far);
	return status;
}
