/* opened_files.c: pictures from files beside the images of the data set. See opened.h.
 *
 * They are numbered on from the data set's last image. A file is decoded and fitted once, as the network sees it; the entry is complete
 * before the count that makes it visible grows, so that work in the background reads it without a lock.
 */
#include "work/opened.h"

#include "core/alloc.h"
#include "core/preprocess.h"
#include "data/loader.h"

#include <assert.h>
#include <string.h>

enum cs_status cs_opened_add_file(
	struct cs_opened *opened, const char *path, int64_t *image, struct cs_error *error)
{
	int count = atomic_load(&opened->file_count);
	struct cs_picture whole = {0};
	struct cs_opened_file *file;
	enum cs_status status;

	for (int i = 0; i < count; i++) {
		if (strcmp(opened->files[i].path, path) == 0) {
			*image = opened->data->count + i;
			return CS_OK;
		}
	}
	if (count == CS_OPENED_FILES)
		return cs_fail(error, CS_ERR_ARGUMENT, "%d pictures from files are open already", count);
	file = &opened->files[count];
	status = cs_picture_load(path, &whole, error);
	if (status)
		return status;
	*file = (struct cs_opened_file){.path = cs_strdup(path)};
	status = file->path ? cs_picture_fit(&whole, opened->data->width, opened->data->height, &file->picture, error)
			    : cs_fail_memory(error, "a picture");
	cs_picture_fini(&whole);
	if (status) {
		cs_free(file->path);
		return status;
	}
	atomic_store(&opened->file_count, count + 1);
	*image = opened->data->count + count;
	return CS_OK;
}

const char *cs_opened_file(const struct cs_opened *opened, int64_t image)
{
	int64_t i = opened->data ? image - opened->data->count : -1;

	return i >= 0 && i < atomic_load(&opened->file_count) ? opened->files[i].path : NULL;
}

void cs_opened_close_files(struct cs_opened *opened)
{
	for (int i = 0; i < atomic_load(&opened->file_count); i++) {
		cs_free(opened->files[i].path);
		cs_picture_fini(&opened->files[i].picture);
	}
}

enum cs_status cs_opened_pixels(
	const struct cs_opened *opened, int64_t image, uint8_t *rgb, struct cs_error *error)
{
	const struct cs_picture *picture;

	if (!cs_opened_file(opened, image))
		return cs_dataset_pixels(opened->data, image, rgb, error);
	picture = &opened->files[image - opened->data->count].picture;
	memcpy(rgb, picture->rgb, (size_t)picture->width * (size_t)picture->height * 3);
	return CS_OK;
}

void cs_opened_sample(const struct cs_opened *opened, int64_t image, struct cs_sample *out)
{
	const char *file = cs_opened_file(opened, image);

	*out = (struct cs_sample){.label = -1};
	if (!file) {
		cs_dataset_sample(opened->data, image, out);
		return;
	}
	out->name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
}

enum cs_status cs_opened_read(struct cs_opened *opened, const int64_t *images, int count, struct cs_batch *batch,
	struct cs_error *error)
{
	int channels = (int)opened->model->network->input.dim[2];
	int64_t pixels = (int64_t)opened->data->width * opened->data->height;
	int64_t stand_in[CS_PASS_MOST] = {0};
	enum cs_status status;

	assert(count <= CS_PASS_MOST);
	for (int i = 0; i < count; i++) /* files are filled in below */
		stand_in[i] = cs_opened_file(opened, images[i]) ? 0 : images[i];
	status = cs_loader_read(
		opened->data, stand_in, count, channels, &opened->model->preprocess, batch, error);
	for (int i = 0; i < count && !status; i++) {
		if (cs_opened_file(opened, images[i]))
			cs_preprocess_apply(&opened->model->preprocess,
				opened->files[images[i] - opened->data->count].picture.rgb, pixels, channels,
				batch->images.data + i * pixels * channels);
	}
	return status;
}
