/* dataset.c: opening a data set by one word, and asking it for images. See dataset.h.
 *
 * A specification is "NAME" or "NAME:key=value,...", where NAME is a word or a path. What exists as a file under its whole
 * text is that file, colons included. Built-in words go before paths; then the sources are asked from the last of the table, the
 * particular before the general, and the first that recognises NAME opens it: its own message says what is wrong with it.
 */
#include "data/dataset.h"

#include "core/alloc.h"
#include "data/cifar.h"
#include "data/folder.h"
#include "data/h5_dataset.h"
#include "data/idx.h"
#include "data/npz.h"
#include "data/place.h"
#include "data/shapes.h"
#include "data/tiny_imagenet.h"
#include "io/file.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct cs_dataset_ops *const cs_dataset_kinds[] = {
	&cs_shapes_dataset, &cs_folder_dataset, &cs_cifar_dataset, &cs_idx_dataset, &cs_npz_dataset, &cs_h5_dataset,
	&cs_tiny_imagenet_dataset, NULL};

struct cs_data_options cs_data_options_default(void)
{
	return (struct cs_data_options){.val_share = 0.1f, .test_share = 0.1f};
}

/* "shapes, tiny-imagenet-200.zip, ... or an .h5 file". */
static void choices(char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; cs_dataset_kinds[i] && used < size; i++) {
		const char *between = i == 0 ? "" : cs_dataset_kinds[i + 1] ? ", " : " or ";

		used += (size_t)snprintf(text + used, size - used, "%s%s", between, cs_dataset_kinds[i]->expects);
	}
}

static enum cs_status nobody_knows(const char *spec, struct cs_error *error)
{
	char text[300];

	choices(text, sizeof text);
	if (!cs_file_exists(spec) && strstr(spec, "tiny-imagenet-200"))
		return cs_fail(error, CS_ERR_NOT_FOUND,
			"'%s' is not here: Tiny ImageNet is http://cs231n.stanford.edu/tiny-imagenet-200.zip; name where it lies with -d", spec);
	if (cs_file_exists(spec) && access(spec, R_OK))
		return cs_fail_errno(error, "cannot read the data set", spec);
	if (cs_file_exists(spec))
		return cs_fail(error, CS_ERR_FORMAT, "'%s' is not a data set: expected %s", spec, text);
	return cs_fail(error, CS_ERR_NOT_FOUND, "no dataset '%s': expected %s", spec, text);
}

static const struct cs_dataset_ops *kind_of(struct cs_place *place)
{
	int count = 0;

	if (cs_shapes_dataset.recognise(place)) /* also where a folder is called so */
		return &cs_shapes_dataset;
	while (cs_dataset_kinds[count])
		count++;
	while (count-- > 0) {
		if (cs_dataset_kinds[count]->recognise(place))
			return cs_dataset_kinds[count];
	}
	return NULL;
}

/* The pairs of the specification and those of the options, as one text; the options' come last and win. */
static char *join_pairs(const char *a, const char *b)
{
	return cs_format("%s%s%s", a ? a : "", a && b ? "," : "", b ? b : "");
}

static enum cs_status check_options(const struct cs_data_options *options, struct cs_error *error)
{
	if (options->size < 0 || options->width < 0 || options->height < 0 || options->size > 4096 ||
		options->width > 4096 || options->height > 4096)
		return cs_fail(error, CS_ERR_ARGUMENT, "images of %dx%d pixels: expected 1 to 4096 a side",
			options->width ? options->width : options->size,
			options->height ? options->height : options->size);
	if (!options->width != !options->height)
		return cs_fail(error, CS_ERR_ARGUMENT, "width and height are given together or not at all");
	return CS_OK;
}

enum cs_status cs_dataset_open(const char *spec, const struct cs_data_options *given, struct cs_job *job,
	struct cs_dataset **out, struct cs_error *error)
{
	struct cs_data_options options = given ? *given : cs_data_options_default();
	struct cs_dataset *data = cs_calloc(1, sizeof *data);
	char *name = cs_strdup(spec), *colon, *pairs = NULL;
	struct cs_place place = {.name = name};
	enum cs_status status;

	if (!data || !name) {
		status = cs_fail_memory(error, "a data set");
		goto out;
	}
	status = check_options(&options, error);
	if (status)
		goto out;
	data->spec = cs_strdup(spec);
	/* the last colon with a pair behind it ends the name */
	colon = cs_file_exists(name) ? NULL : strrchr(name, ':');
	if (colon && (strchr(colon, '=') || strncmp(name, "shapes:", 7) == 0))
		*colon++ = '\0';
	else
		colon = NULL;
	pairs = join_pairs(colon, options.pairs);
	if (!data->spec || !pairs) {
		status = cs_fail_memory(error, "a data set");
		goto out;
	}
	options.pairs = pairs;
	cs_job_progress(job, -1, "looking at %s", name);
	data->ops = kind_of(&place);
	if (cs_job_cancelled(job)) { /* what was asked then may have said no to what is its own */
		status = cs_fail(error, CS_ERR_CANCELLED, "the opening of '%s' was cancelled", name);
		goto out;
	}
	status = data->ops ? data->ops->open(data, &place, &options, job, error) : nobody_knows(name, error);
out:
	cs_place_fini(&place);
	cs_free(name);
	cs_free(pairs);
	if (status)
		cs_dataset_close(data);
	else
		*out = data;
	return status;
}

void cs_dataset_close(struct cs_dataset *data)
{
	if (!data)
		return;
	if (data->ops)
		data->ops->close(data);
	for (int i = 0; i < data->class_count; i++) {
		if (data->class_ids)
			cs_free(data->class_ids[i]);
		if (data->class_names)
			cs_free(data->class_names[i]);
	}
	for (int i = 0; i < CS_SPLIT_COUNT; i++)
		cs_free(data->split[i].images);
	cs_free(data->class_ids);
	cs_free(data->class_names);
	cs_free(data->spec);
	cs_free(data);
}

enum cs_status cs_dataset_pixels(const struct cs_dataset *data, int64_t image, uint8_t *rgb, struct cs_error *error)
{
	assert(image >= 0 && image < data->count);
	return data->ops->pixels(data, image, rgb, error);
}

void cs_dataset_sample(const struct cs_dataset *data, int64_t image, struct cs_sample *out)
{
	assert(image >= 0 && image < data->count);
	*out = (struct cs_sample){.label = -1};
	data->ops->sample(data, image, out);
}

int cs_dataset_label(const struct cs_dataset *data, int64_t image)
{
	struct cs_sample sample;

	assert(image >= 0 && image < data->count);
	if (data->ops->label)
		return data->ops->label(data, image);
	cs_dataset_sample(data, image, &sample);
	return sample.label;
}

bool cs_dataset_has_masks(const struct cs_dataset *data)
{
	return data->ops->mask != NULL;
}

void cs_dataset_mask(const struct cs_dataset *data, int64_t image, uint8_t *mask)
{
	assert(image >= 0 && image < data->count && data->ops->mask);
	data->ops->mask(data, image, mask);
}
