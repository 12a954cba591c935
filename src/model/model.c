/* model.c: a network with its pre-processing, classes and origin, as one file. See model.h.
 *
 * The file is Keras' (keras_write.c); what Keras has no place for stands in a group of our own that Keras ignores:
 *
 * /convscope                  attributes version, dataset
 * /convscope/preprocess       float32: scale, mean 3, deviation 3, bgr
 * /convscope/whitening        a group (whitening_file.c)
 * /convscope/class_ids        text
 * /convscope/class_names      text
 * /convscope/training         checkpoints only (checkpoint.c)
 */
#include "model/model.h"

#include "core/alloc.h"
#include "core/hash.h"
#include "core/name.h"
#include "core/whitening.h"
#include "io/archive.h"
#include "io/file.h"
#include "io/h5_save.h"
#include "model/keras.h"
#include "model/keras_plan.h"
#include "model/model_internal.h"
#include "model/onnx.h"
#include "model/sidecar.h"
#include "model/whitening_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PREPROCESS_NUMBERS = 8, RECORD_LIMIT = 1 << 26 };

enum cs_status cs_model_new(struct cs_network *network, struct cs_model **out, struct cs_error *error)
{
	struct cs_model *model = cs_calloc(1, sizeof *model);

	if (!model) {
		cs_network_free(network);
		return cs_fail_memory(error, "a model");
	}
	model->network = network;
	model->preprocess = cs_preprocess_default();
	*out = model;
	return CS_OK;
}

static void free_list(char **list, int count)
{
	for (int i = 0; list && i < count; i++)
		cs_free(list[i]);
	cs_free(list);
}

/* Names end up on terminals. */
static char **copy_list(int count, char *const *from)
{
	char **list = cs_calloc((size_t)count + 1, sizeof *list);

	for (int i = 0; list && i < count; i++) {
		list[i] = cs_name_plain(from[i]);
		if (!list[i]) {
			free_list(list, count);
			return NULL;
		}
	}
	return list;
}

enum cs_status cs_model_set_classes(
	struct cs_model *model, int count, char *const *ids, char *const *names, struct cs_error *error)
{
	char **own_ids = ids ? copy_list(count, ids) : NULL, **own_names = names ? copy_list(count, names) : NULL;

	if ((ids && !own_ids) || (names && !own_names)) {
		free_list(own_ids, count);
		free_list(own_names, count);
		return cs_fail_memory(error, "the names of classes");
	}
	free_list(model->class_ids, model->class_count);
	free_list(model->class_names, model->class_count);
	model->class_count = count;
	model->class_ids = own_ids;
	model->class_names = own_names;
	return CS_OK;
}

enum cs_status cs_model_set_dataset(struct cs_model *model, const char *spec, struct cs_error *error)
{
	char *copy = spec ? cs_strdup(spec) : NULL;

	if (spec && !copy)
		return cs_fail_memory(error, "a model");
	cs_free(model->dataset);
	model->dataset = copy;
	return CS_OK;
}

void cs_model_set_whitening(struct cs_model *model, struct cs_whitening *whitening)
{
	cs_whitening_free(model->whitening);
	model->whitening = whitening;
	model->preprocess.whitening = whitening;
}

void cs_model_take_preprocess(struct cs_model *model, const struct cs_model *from)
{
	struct cs_whitening *share = cs_whitening_share(from->whitening);

	model->preprocess = from->preprocess;
	model->preprocess_known = from->preprocess_known;
	cs_model_set_whitening(model, share);
}

void cs_model_free(struct cs_model *model)
{
	if (!model)
		return;
	cs_network_free(model->network);
	cs_whitening_free(model->whitening);
	free_list(model->class_ids, model->class_count);
	free_list(model->class_names, model->class_count);
	cs_free(model->dataset);
	cs_free(model->path);
	cs_free(model->sidecar);
	cs_free(model->given_arch);
	cs_free(model->record[0]);
	cs_free(model->record[1]);
	cs_free(model);
}

static uint64_t mark_numbers(uint64_t hash, const struct cs_tensor *tensor)
{
	return cs_hash_bytes(hash, tensor->data, (size_t)cs_tensor_count(tensor) * sizeof(float));
}

static uint64_t mark_whitening(uint64_t hash, const struct cs_whitening *w)
{
	int64_t means = cs_whitening_means(w->kind, w->height, w->width, w->channels),
		gains = cs_whitening_gains(w->kind, w->height, w->width, w->channels);

	hash = cs_hash_bytes(hash, w->mean, (size_t)means * sizeof *w->mean);
	if (w->axes)
		hash = cs_hash_bytes(hash, w->axes, (size_t)(means * means) * sizeof *w->axes);
	return cs_hash_bytes(hash, w->gain, (size_t)gains * sizeof *w->gain);
}

uint64_t cs_model_mark(const struct cs_model *model)
{
	const struct cs_preprocess *pre = &model->preprocess;
	uint64_t hash = CS_HASH_BEGIN;

	for (int i = 0; i < model->network->layer_count; i++) {
		const struct cs_layer *layer = &model->network->layers[i];
		const struct cs_layer_spec *spec = &layer->spec;
		float alpha = isnan(spec->alpha) ? -1 : spec->alpha; /* Keras' own; one kind of NaN is not another's bits */
		int64_t stride[2] = {
			spec->stride[0] ? spec->stride[0] : spec->window[0], spec->stride[1] ? spec->stride[1] : spec->window[1]};

		hash = cs_hash_bytes(hash, spec->ops->type, strlen(spec->ops->type) + 1);
		hash = cs_hash_bytes(hash, spec->kernel, sizeof spec->kernel);
		hash = cs_hash_bytes(hash, spec->window, sizeof spec->window);
		hash = cs_hash_bytes(hash, stride, sizeof stride);
		hash = cs_hash_bytes(hash, &spec->padding, sizeof spec->padding);
		hash = cs_hash_bytes(hash, spec->border, sizeof spec->border);
		hash = cs_hash_bytes(hash, &spec->activation, sizeof spec->activation);
		hash = cs_hash_bytes(hash, &alpha, sizeof alpha);
		hash = cs_hash_bytes(hash, &spec->factor, sizeof spec->factor);
		hash = cs_hash_bytes(hash, &spec->offset, sizeof spec->offset);
		hash = cs_hash_bytes(hash, &spec->epsilon, sizeof spec->epsilon);
		for (int k = 0; k < layer->param_count; k++)
			hash = mark_numbers(hash, &layer->params[k].value);
	}
	hash = cs_hash_bytes(hash, &pre->scale, sizeof pre->scale);
	hash = cs_hash_bytes(hash, pre->mean, sizeof pre->mean);
	hash = cs_hash_bytes(hash, pre->deviation, sizeof pre->deviation);
	hash = cs_hash_bytes(hash, &pre->bgr, sizeof pre->bgr);
	return model->whitening ? mark_whitening(hash, model->whitening) : hash;
}

/* Where a checkpoint (checkpoint.c) and a model that was written anew keep the curves. */
static const char *const record_paths[] = {"/convscope/training/epochs", "/convscope/training/points"};

static enum cs_status write_record(const struct cs_model *model, struct cs_h5 *file, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	for (int i = 0; i < 2 && !status; i++) {
		if (model->record_rows[i])
			status = cs_h5_write_array(file, record_paths[i], CS_H5_F64,
				CS_SHAPE(model->record_rows[i], model->record_columns[i]), model->record[i], error);
	}
	return status;
}

enum cs_status cs_model_write_own(const struct cs_model *model, struct cs_h5 *file, bool record, struct cs_error *error)
{
	const struct cs_preprocess *pre = &model->preprocess;
	const float numbers[PREPROCESS_NUMBERS] = {
		pre->scale,
		pre->mean[0],
		pre->mean[1],
		pre->mean[2],
		pre->deviation[0],
		pre->deviation[1],
		pre->deviation[2],
		pre->bgr ? 1 : 0,
	};
	const struct {
		const char *path;
		char *const *list;
	} lists[] = {{"/convscope/class_ids", model->class_ids}, {"/convscope/class_names", model->class_names}};
	enum cs_status status = cs_h5_make_group(file, "/convscope", error);

	if (!status)
		status = cs_h5_write_string(file, "/convscope", "version", CS_VERSION, error);
	if (!status && model->dataset)
		status = cs_h5_write_string(file, "/convscope", "dataset", model->dataset, error);
	if (!status && model->preprocess_known)
		status = cs_h5_write_array(
			file, "/convscope/preprocess", CS_H5_F32, CS_SHAPE(PREPROCESS_NUMBERS), numbers, error);
	if (!status && model->whitening)
		status = cs_whitening_write(model->whitening, file, error);
	for (int i = 0; i < 2 && !status; i++) {
		if (lists[i].list)
			status = cs_h5_write_strings(file, lists[i].path, NULL, (const char *const *)lists[i].list,
				model->class_count, error);
	}
	return status || !record ? status : write_record(model, file, error);
}

static enum cs_status read_record(struct cs_h5 *file, struct cs_model *model, struct cs_error *error)
{
	for (int i = 0; i < 2; i++) {
		struct cs_shape shape;
		void *rows;
		enum cs_status status;

		if (!cs_h5_exists(file, record_paths[i]))
			continue;
		status = cs_h5_read_array(file, record_paths[i], CS_H5_F64, RECORD_LIMIT, &rows, &shape, error);
		if (status)
			return status;
		model->record[i] = rows;
		if (shape.rank != 2)
			continue;
		model->record_rows[i] = shape.dim[0];
		model->record_columns[i] = shape.dim[1];
	}
	return CS_OK;
}

/* What write_whole() writes. */
struct whole {
	const struct cs_model *model;
	cs_model_extra extra;
	const void *context;
};

static enum cs_status write_whole(struct cs_h5 *file, void *context, struct cs_error *error)
{
	const struct whole *whole = context;
	enum cs_status status = cs_keras_write(whole->model->network, file, error);

	if (!status)
		status = cs_model_write_own(whole->model, file, !whole->extra, error);
	if (!status && whole->extra)
		status = whole->extra(file, whole->context, error);
	return status;
}

enum cs_status cs_model_save_with(const struct cs_model *model, const char *path, cs_model_extra extra,
	const void *context, struct cs_error *error)
{
	struct whole whole = {model, extra, context};
	enum cs_status status = cs_h5_save(path, write_whole, &whole, error);

	if (status)
		cs_error_prefix(error, "cannot save '%s'", path);
	return status;
}

enum cs_status cs_model_save(const struct cs_model *model, const char *path, struct cs_error *error)
{
	return cs_model_save_with(model, path, NULL, NULL, error);
}

/* A list of class names, NULL where the file has none. */
static enum cs_status read_list(struct cs_h5 *file, const char *path, char ***list, int *count, struct cs_error *error)
{
	*list = NULL;
	if (!cs_h5_exists(file, path))
		return CS_OK;
	return cs_h5_read_strings(file, path, NULL, list, count, error);
}

static enum cs_status read_preprocess(struct cs_h5 *file, struct cs_model *model, struct cs_error *error)
{
	struct cs_preprocess *pre = &model->preprocess;
	struct cs_shape shape;
	float *numbers = NULL;
	void *data = NULL;
	bool valid = true;
	enum cs_status status;

	if (!cs_h5_exists(file, "/convscope/preprocess"))
		return CS_OK;
	status = cs_h5_read_array(file, "/convscope/preprocess", CS_H5_F32, PREPROCESS_NUMBERS, &data, &shape, error);
	if (status)
		return status;
	numbers = data;
	if (cs_shape_count(&shape) != PREPROCESS_NUMBERS) {
		cs_free(data);
		return cs_fail(error, CS_ERR_FORMAT, "/convscope/preprocess has %lld numbers, expected %d",
			(long long)cs_shape_count(&shape), PREPROCESS_NUMBERS);
	}
	for (int i = 0; i < PREPROCESS_NUMBERS; i++)
		valid = valid && isfinite(numbers[i]);
	if (valid && numbers[0] != 0 && numbers[4] != 0 && numbers[5] != 0 && numbers[6] != 0) {
		pre->scale = numbers[0];
		memcpy(pre->mean, numbers + 1, sizeof pre->mean);
		memcpy(pre->deviation, numbers + 4, sizeof pre->deviation);
		pre->bgr = numbers[7] != 0;
		model->preprocess_known = true;
	} else {
		status = cs_fail(
			error, CS_ERR_FORMAT, "/convscope/preprocess holds a zero or a number that is not finite");
	}
	cs_free(data);
	return status;
}

static enum cs_status read_whitening(struct cs_h5 *file, struct cs_model *model, struct cs_error *error)
{
	const struct cs_shape *in = &model->network->input;
	struct cs_whitening *whitening = NULL;
	enum cs_status status;

	if (!model->preprocess_known) /* it is of pixels as that leaves them */
		return CS_OK;
	status = cs_whitening_read(file, in, &whitening, error);

	if (!status && whitening)
		cs_model_set_whitening(model, whitening);
	return status;
}

static enum cs_status read_own(struct cs_h5 *file, struct cs_model *model, struct cs_error *error)
{
	char **ids = NULL, **names = NULL;
	int id_count = 0, name_count = 0;
	enum cs_status status;

	if (!cs_h5_is_group(file, "/convscope"))
		return CS_OK;
	if (cs_h5_has_attribute(file, "/convscope", "dataset")) {
		status = cs_h5_read_string(file, "/convscope", "dataset", &model->dataset, error);
		if (status)
			return status;
	}
	status = read_preprocess(file, model, error);
	if (!status)
		status = read_whitening(file, model, error);
	if (!status)
		status = read_record(file, model, error);
	if (!status)
		status = read_list(file, "/convscope/class_ids", &ids, &id_count, error);
	if (!status)
		status = read_list(file, "/convscope/class_names", &names, &name_count, error);
	if (!status && (ids || names)) {
		int count = ids ? id_count : name_count;
		int64_t classes = cs_network_output(model->network).dim[0];

		if ((names && name_count != count) || count != classes)
			status = cs_fail(error, CS_ERR_FORMAT,
				"/convscope names %d class ids and %d classes, but the network has %lld outputs",
				id_count, name_count, (long long)classes);
		else
			status = cs_model_set_classes(model, count, ids, names, error);
	}
	cs_free(ids);
	cs_free(names);
	return status;
}

enum cs_status cs_model_read(struct cs_h5 *file, const char *path, const struct cs_model_options *options,
	struct cs_model **out, struct cs_error *error)
{
	struct cs_network *network;
	struct cs_model *model = NULL;
	int64_t limit = 16 << 20; /* parameters */
	struct stat info;
	enum cs_status status;

	/* Compressed weights may unpack to more than the file: up to 64 times is honest, a bomb is far over it. */
	if (!stat(path, &info) && info.st_size > limit / 16)
		limit = 16 * (int64_t)info.st_size;
	status = cs_keras_read_within(
		file, options ? options->arch : NULL, options ? options->size : NULL, limit, &network, error);
	if (status)
		return status;
	status = cs_model_new(network, &model, error);
	if (status)
		return status;
	status = read_own(file, model, error);
	if (!status) {
		model->path = cs_strdup(path);
		if (!model->path)
			status = cs_fail_memory(error, "a path");
	}
	if (status) {
		cs_model_free(model);
		return status;
	}
	*out = model;
	return CS_OK;
}

/* What a file is that is no model, said better than "no model"; and whether it is an HDF5 file. */
static enum cs_status recognise(const char *path, bool *h5, struct cs_error *error)
{
	unsigned char head[64] = {0};
	int64_t size = 0;
	int file = -1;
	enum cs_status status = cs_file_open(path, &file, &size, error); /* a pipe or a device is none */

	if (status)
		return status;
	if (size)
		status = cs_file_read_at(
			file, path, 0, head, size < (int64_t)sizeof head ? (size_t)size : sizeof head - 1, error);
	*h5 = cs_h5_recognise(file);
	close(file);
	if (status)
		return status;
	if (size == 0)
		return cs_fail(error, CS_ERR_FORMAT, "'%s' is empty", path);
	if (!strncmp((char *)head, "version https://git-lfs", 23))
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s' is a Git LFS pointer, not a model: fetch the file itself with git lfs pull", path);
	if (head[strspn((char *)head, " \t\r\n")] == '<')
		return cs_fail(
			error, CS_ERR_FORMAT, "'%s' is a web page (HTML), not a model: download the file itself", path);
	return CS_OK;
}

/* Model files come from anywhere, so a process of its own reads them (io/guard.h): convscope-reader, which a build that installs it
 * announces by CS_LIBEXECDIR. Without it the file is read here. */
static enum cs_status open_weights(const char *path, int descriptor, struct cs_h5 **out, struct cs_error *error)
{
#ifdef CS_LIBEXECDIR
	return descriptor < 0 ? cs_h5_open_foreign(path, out, error)
			      : cs_h5_open_foreign_descriptor(descriptor, path, out, error);
#else
	return descriptor < 0 ? cs_h5_open(path, CS_H5_READ, out, error)
			      : cs_h5_open_descriptor(descriptor, path, out, error);
#endif
}

enum cs_status cs_model_load_h5(const char *path, const char *member, int descriptor,
	const struct cs_model_options *options, struct cs_model **out, struct cs_error *error)
{
	struct cs_model *model = NULL;
	struct cs_h5 *file = NULL;
	enum cs_status status = open_weights(member ? member : path, descriptor, &file, error), lost;

	if (status) {
		if (member)
			cs_error_prefix(error, "%s", path);
		return status;
	}
	status = cs_model_read(file, path, options, &model, error);
	if (status)
		cs_error_prefix(error, "%s", path);
	/* Where the process that reads the file has ended, that is the error, whatever the reader made of it. */
	lost = cs_h5_lost(file, error);
	cs_h5_close(file, NULL);
	if (lost || status) {
		cs_model_free(model);
		return lost ? lost : status;
	}
	*out = model;
	return CS_OK;
}

/* By content, whatever the file is called. */
static enum cs_status load_file(
	const char *path, const struct cs_model_options *options, struct cs_model **out, struct cs_error *error)
{
	bool h5 = false;
	enum cs_status status = recognise(path, &h5, error);

	if (status)
		return status;
	if (cs_archive_recognise(path))
		return cs_keras_zip_load(path, options, out, error);
	if (cs_onnx_recognise(path))
		return cs_onnx_model_load(path, out, error);
	if (!h5)
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s' is not an HDF5 file, a .keras file or an ONNX file, which models are read from: "
			"save it as one of them in the program it comes from (PyTorch: torch.onnx.export)",
			path);
	return cs_model_load_h5(path, NULL, -1, options, out, error);
}

enum cs_status cs_model_load(
	const char *name, const struct cs_model_options *options, struct cs_model **out, struct cs_error *error)
{
	struct cs_model_options all = options ? *options : (struct cs_model_options){0};
	char *path = NULL, *where = NULL, *arch = NULL;
	struct cs_model *model = NULL;
	json_t *sidecar;
	enum cs_status status = cs_model_resolve(name, &path, error);

	if (status)
		return status;
	/* What is said now goes before what was said once. */
	sidecar = cs_sidecar_open(path, &where);
	if (sidecar) {
		int64_t size[2] = {0};

		arch = cs_sidecar_arch(sidecar, size);
		all.arch = all.arch ? all.arch : arch;
		for (int i = 0; i < 2; i++)
			all.size[i] = all.size[i] ? all.size[i] : size[i];
	}
	status = load_file(path, &all, &model, error);
	if (status)
		goto out;
	if (sidecar)
		cs_sidecar_apply(sidecar, where, model);
	model->given_arch = all.arch ? cs_strdup(all.arch) : NULL;
	memcpy(model->given_size, all.size, sizeof model->given_size);
	*out = model;
out:
	json_decref(sidecar);
	cs_free(arch);
	cs_free(where);
	cs_free(path);
	return status;
}
