/* opened.c: opening a model with its images, and passes through it. See opened.h. */
#include "work/opened.h"

#include "core/alloc.h"

#include <stdio.h>
#include <string.h>

struct cs_opened *cs_opened_new(const char *target, const char *wish, int threads)
{
	struct cs_opened *opened = cs_calloc(1, sizeof *opened);

	if (!opened)
		return NULL;
	pthread_mutex_init(&opened->lock, NULL);
	atomic_init(&opened->users, 1);
	opened->threads = threads;
	opened->target = cs_strdup(target);
	opened->wish = wish ? cs_strdup(wish) : NULL;
	if (!opened->target || (wish && !opened->wish)) {
		cs_opened_release(opened);
		return NULL;
	}
	return opened;
}

struct cs_opened *cs_opened_use(struct cs_opened *opened)
{
	atomic_fetch_add(&opened->users, 1);
	return opened;
}

void cs_opened_release(struct cs_opened *opened)
{
	if (!opened || atomic_fetch_sub(&opened->users, 1) != 1)
		return;
	for (int i = 0; i < 2; i++)
		cs_pass_free(opened->kept[i]);
	cs_workers_free(opened->workers);
	cs_opened_close_files(opened);
	cs_dataset_close(opened->data);
	cs_model_free(opened->model);
	cs_free(opened->predicted);
	cs_free(opened->confidence);
	cs_free(opened->layers);
	cs_free(opened->target);
	cs_free(opened->wish);
	pthread_mutex_destroy(&opened->lock);
	cs_free(opened);
}

void cs_opened_notice(struct cs_opened *opened, char *text, size_t size)
{
	pthread_mutex_lock(&opened->lock);
	snprintf(text, size, "%s", opened->notice);
	pthread_mutex_unlock(&opened->lock);
}

static void set_notice(struct cs_opened *opened, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void set_notice(struct cs_opened *opened, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&opened->lock);
	va_start(args, format);
	vsnprintf(opened->notice, sizeof opened->notice, format, args);
	va_end(args);
	pthread_mutex_unlock(&opened->lock);
}

int64_t cs_layer_features(const struct cs_layer *layer)
{
	return layer->out.rank > 0 ? layer->out.dim[layer->out.rank - 1] : 1;
}

static bool is_kind(const struct cs_layer *layer, const struct cs_layer_ops *ops)
{
	return layer->ops == ops;
}

/* The layer whose maps stand for those of layer `i`, which has weights: the activation right behind it, with a batch norm
 * between them or not, or the layer itself. */
static int activated(const struct cs_network *network, int i)
{
	int next = i + 1;

	if (network->layers[i].spec.activation != CS_LINEAR)
		return i;
	if (next < network->layer_count && is_kind(&network->layers[next], &cs_batchnorm_layer))
		next++;
	return next < network->layer_count && is_kind(&network->layers[next], &cs_activation_layer) ? next : i;
}

int cs_layer_block(const struct cs_network *network, int layer)
{
	return is_kind(&network->layers[layer], &cs_conv_layer) || is_kind(&network->layers[layer], &cs_dense_layer)
		? activated(network, layer)
		: layer;
}

int cs_layer_begin(const struct cs_network *network, int layer)
{
	for (int i = layer - 1; i >= 0 && i >= layer - 2; i--) {
		if (cs_layer_block(network, i) == layer)
			return i;
	}
	return layer;
}

const char *cs_layer_name(const struct cs_network *network, int layer)
{
	return network->layers[cs_layer_begin(network, layer)].spec.name;
}

static enum cs_status find_layers(struct cs_opened *opened, struct cs_error *error)
{
	const struct cs_network *network = opened->model->network;

	opened->layers = cs_calloc((size_t)network->layer_count + 1, sizeof *opened->layers);
	if (!opened->layers)
		return cs_fail_memory(error, "a list of layers");
	for (int i = 0; i < network->layer_count; i++) {
		const struct cs_layer *layer = &network->layers[i];

		if (is_kind(layer, &cs_conv_layer) || is_kind(layer, &cs_dense_layer))
			opened->layers[opened->layer_count++] = activated(network, i);
	}
	return CS_OK;
}

static enum cs_status open_images(
	struct cs_opened *opened, const char *spec, struct cs_job *job, struct cs_error *error)
{
	struct cs_data_options options = cs_data_options_default();
	const struct cs_shape *input = &opened->model->network->input;
	struct cs_dataset *data;
	enum cs_status status;

	options.height = (int)input->dim[0];
	options.width = (int)input->dim[1];
	status = cs_dataset_open(spec, &options, job, &data, error);
	if (status)
		return status;
	if (data->height != options.height || data->width != options.width) {
		status = cs_fail(error, CS_ERR_SHAPE, "its images are %dx%d, but the network sees %dx%d", data->height,
			data->width, options.height, options.width);
		cs_dataset_close(data);
		return status;
	}
	opened->split = data->split[CS_SPLIT_TEST].count ? CS_SPLIT_TEST
		: data->split[CS_SPLIT_VAL].count        ? CS_SPLIT_VAL
							 : CS_SPLIT_TRAIN;
	opened->images = data->split[opened->split].images;
	opened->image_count = data->split[opened->split].count;
	opened->data = data;
	if (opened->image_count == 0)
		return cs_fail(error, CS_ERR_NOT_FOUND, "there are no images in '%s'", spec);
	cs_free(opened->predicted);
	cs_free(opened->confidence);
	opened->predicted = cs_calloc((size_t)opened->image_count, sizeof *opened->predicted);
	opened->confidence = cs_calloc((size_t)opened->image_count, sizeof *opened->confidence);
	if (!opened->predicted || !opened->confidence)
		return cs_fail_memory(error, "the list of predictions");
	for (int64_t i = 0; i < opened->image_count; i++)
		atomic_init(&opened->predicted[i], -1);
	return CS_OK;
}

static enum cs_status load_images(struct cs_opened *opened, struct cs_job *job, struct cs_error *error)
{
	const struct cs_shape *input = &opened->model->network->input;
	const char *spec = opened->wish ? opened->wish : opened->model->dataset;
	struct cs_error why = {0};
	enum cs_status status;

	if (input->rank != 3 || (input->dim[2] != 1 && input->dim[2] != 3)) {
		char shape[CS_SHAPE_TEXT];

		set_notice(opened, "this network sees %s, not images: no pictures",
			cs_shape_text(input, shape, sizeof shape));
		return CS_ERR_UNSUPPORTED;
	}
	if (!spec)
		set_notice(opened,
			"the model does not say what it was trained on: showing shapes; -d DATASET chooses others");
	status = spec ? open_images(opened, spec, job, &why) : CS_ERR_NOT_FOUND;
	if (status && status != CS_ERR_CANCELLED) {
		if (spec && !opened->wish && why.status == CS_ERR_NOT_FOUND)
			set_notice(opened, "showing shapes instead; -d PATH shows its own images: %s", why.message);
		else if (spec)
			set_notice(opened, "showing shapes instead: %s", why.message);
		if (opened->data)
			cs_dataset_close(opened->data);
		opened->data = NULL;
		status = open_images(opened, "shapes", job, error);
		if (status && status != CS_ERR_CANCELLED)
			set_notice(opened, "no images: %s", error->message);
	}
	return status;
}

enum cs_status cs_opened_load(struct cs_job *job, void *context, struct cs_error *error)
{
	struct cs_opened *opened = context;
	enum cs_status status;

	cs_job_progress(job, -1, "opening the model");
	status = cs_model_load(opened->target, NULL, &opened->model, error);
	if (!status)
		status = find_layers(opened, error);
	if (!status)
		status = cs_workers_new(opened->threads, &opened->workers, error);
	if (status) {
		set_notice(opened, "%s", error->message);
		atomic_store(&opened->stage, CS_STAGE_FAILED);
		return status;
	}
	atomic_store(&opened->stage, CS_STAGE_MODEL);
	cs_job_progress(job, -1, "opening the images");
	status = load_images(opened, job, error);
	atomic_store(&opened->stage, status ? CS_STAGE_NO_IMAGES : CS_STAGE_READY);
	return status;
}

const char *cs_opened_class(const struct cs_opened *opened, int64_t label, char *text, size_t size)
{
	if (label < 0)
		return "?";
	if (opened->model->class_names && label < opened->model->class_count)
		return opened->model->class_names[label];
	if (opened->data && label < opened->data->class_count)
		return opened->data->class_names[label];
	snprintf(text, size, "class %lld", (long long)label);
	return text;
}

const char *cs_opened_label(const struct cs_opened *opened, int label, char *text, size_t size)
{
	if (label < 0)
		return "?";
	if (opened->data && label < opened->data->class_count)
		return opened->data->class_names[label];
	return cs_opened_class(opened, label, text, size);
}

int64_t cs_opened_position(const struct cs_opened *opened, int64_t image)
{
	int64_t low = 0, high = opened->image_count - 1;

	while (low <= high) {
		int64_t middle = low + (high - low) / 2;

		if (opened->images[middle] == image)
			return middle;
		if (opened->images[middle] < image)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

enum cs_status cs_pass_new(const struct cs_network *network, int depth, int capacity, struct cs_workers *workers,
	struct cs_pass_kept **out, struct cs_error *error)
{
	struct cs_pass_kept *pass = cs_calloc(1, sizeof *pass);
	enum cs_status status;

	if (!pass)
		return cs_fail_memory(error, "a pass through the network");
	pass->head = *network; /* borrows the layers: never freed by cs_network_free */
	pass->head.layer_count = depth + 1;
	pass->depth = depth;
	pass->capacity = capacity;
	status = cs_trace_new(&pass->head, CS_TRACE_ALL, capacity, workers, &pass->trace, error);
	if (status) {
		cs_free(pass);
		return status;
	}
	*out = pass;
	return CS_OK;
}

void cs_pass_free(struct cs_pass_kept *pass)
{
	if (!pass)
		return;
	cs_trace_free(pass->trace);
	cs_free(pass);
}

enum cs_status cs_opened_take(
	struct cs_opened *opened, int depth, int capacity, struct cs_pass_kept **out, struct cs_error *error)
{
	struct cs_pass_kept **slot = &opened->kept[capacity > 1];
	struct cs_pass_kept *pass;

	pthread_mutex_lock(&opened->lock);
	pass = *slot;
	if (pass && pass->capacity >= capacity && pass->depth == depth)
		*slot = NULL;
	else
		pass = NULL;
	pthread_mutex_unlock(&opened->lock);
	*out = pass;
	return pass ? CS_OK : cs_pass_new(opened->model->network, depth, capacity, opened->workers, out, error);
}

void cs_opened_give(struct cs_opened *opened, struct cs_pass_kept *pass)
{
	struct cs_pass_kept **slot, *old;

	if (!pass)
		return;
	slot = &opened->kept[pass->capacity > 1];
	pthread_mutex_lock(&opened->lock);
	old = *slot;
	*slot = pass;
	pthread_mutex_unlock(&opened->lock);
	cs_pass_free(old);
}

enum cs_status cs_opened_forward(
	struct cs_opened *opened, struct cs_pass_kept *pass, const int64_t *images, int count, struct cs_error *error)
{
	struct cs_batch batch = {0};
	struct cs_tensor part;
	enum cs_status status;

	if (pass->count == count && memcmp(pass->images, images, (size_t)count * sizeof *images) == 0)
		return CS_OK;
	pass->count = 0;
	status = cs_opened_read(opened, images, count, &batch, error);
	if (status)
		return status;
	part = cs_tensor_slice(&batch.images, 0, count);
	cs_network_forward(pass->trace, &part);
	cs_batch_fini(&batch);
	memcpy(pass->images, images, (size_t)count * sizeof *images);
	pass->count = count;
	return CS_OK;
}
