/* folder.c: reading a folder or zip of class folders. See folder.h.
 *
 * A file counts as a picture when its name says so or, whatever its name, its first bytes do: a picture that is damaged should be
 * noticed, a text beside the pictures should not. What is called like a picture but is of a kind that is not read (GIF, BMP)
 * is skipped and named like a damaged one.
 */
#include "data/folder.h"

#include "core/alloc.h"
#include "core/job.h"
#include "data/catalogue.h"
#include "data/place.h"
#include "data/stored.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const part_folders[] = {"train", "training", "val", "valid", "validation", "test", "testing", NULL};
static const enum cs_split_kind part_kinds[] = {
	CS_SPLIT_TRAIN, CS_SPLIT_TRAIN, CS_SPLIT_VAL, CS_SPLIT_VAL, CS_SPLIT_VAL, CS_SPLIT_TEST, CS_SPLIT_TEST};

struct folder {
	struct cs_tree tree;
	bool parts; /* train/ and so on are at the top */
	const char *given; /* the path, for messages */
};

static bool folder_recognise(struct cs_place *place)
{
	return cs_tree_recognise(place->name);
}

static bool has_extension(const char *path)
{
	static const char *const known[] = {
		".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", NULL};
	const char *dot = strrchr(path, '.');

	for (int i = 0; dot && known[i]; i++) {
		if (strcasecmp(dot, known[i]) == 0)
			return true;
	}
	return false;
}

/* Which part a path is in by its first folder, or -1; *rest is what follows. */
static int part_of(const char *path, const char **rest)
{
	size_t length = strcspn(path, "/");

	for (int i = 0; part_folders[i]; i++) {
		if (path[length] == '/' && strlen(part_folders[i]) == length &&
			strncasecmp(part_folders[i], path, length) == 0) {
			*rest = path + length + 1;
			return (int)part_kinds[i];
		}
	}
	return -1;
}

/* Where a file belongs: false when it is in no class folder. */
static bool place(const struct folder *folder, const char *path, int *part, const char **class, size_t *length)
{
	*part = CS_SPLIT_TRAIN;
	if (folder->parts) {
		*part = part_of(path, &path);
		if (*part < 0)
			return false;
	}
	*class = path;
	*length = strcspn(path, "/");
	return path[*length] == '/';
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The class folders of all parts, each once, in byte order. */
static enum cs_status list_classes(const struct folder *folder, struct cs_catalogue *out, struct cs_error *error)
{
	char **names = NULL;
	int64_t count = 0, room = 0;
	enum cs_status status = CS_OK;

	for (int64_t i = 0; i < folder->tree.count && !status; i++) {
		const char *class;
		size_t length;
		int part;

		if (!place(folder, folder->tree.files[i].path, &part, &class, &length))
			continue;
		if (count && strncmp(names[count - 1], class, length) == 0 && names[count - 1][length] == '\0')
			continue; /* as the file before: nearly always */
		if (count == room) {
			char **grown = cs_realloc(names, (size_t)(room = room ? 2 * room : 256), sizeof *grown);

			if (!grown) {
				status = cs_fail_memory(error, "the classes of a data set");
				break;
			}
			names = grown;
		}
		names[count] = cs_strndup(class, length);
		if (names[count])
			count++;
		else
			status = cs_fail_memory(error, "the classes of a data set");
	}
	if (count)
		qsort(names, (size_t)count, sizeof *names, by_bytes);
	for (int64_t i = 0; i < count && !status; i++) {
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			status = cs_catalogue_class(out, names[i], NULL, error);
	}
	for (int64_t i = 0; i < count; i++)
		cs_free(names[i]);
	cs_free(names);
	return status;
}

static int label_of(const struct cs_catalogue *c, const char *class, size_t length)
{
	int low = 0, high = c->class_count;

	while (low < high) {
		int middle = (low + high) / 2;
		int order = strncmp(c->class_ids[middle], class, length);

		if (order == 0)
			order = c->class_ids[middle][length] != '\0';
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static bool is_picture(struct cs_tree_reader *reader, const struct cs_tree_file *file)
{
	char bytes[8];

	return has_extension(file->path) ||
		cs_stored_is_picture(bytes, cs_tree_peek(reader, file, bytes, sizeof bytes));
}

static enum cs_status list_pictures(const struct folder *folder, struct cs_catalogue *out, struct cs_error *error)
{
	struct cs_tree_reader *reader = NULL;
	enum cs_status status = cs_tree_reader_new(&folder->tree, &reader, error);

	for (int64_t i = 0; i < folder->tree.count && !status; i++) {
		const struct cs_tree_file *file = &folder->tree.files[i];
		size_t path_length = strlen(file->path), length;
		const char *class;
		int part;

		status = cs_job_heed("the listing of pictures", error);
		if (status)
			break;
		if (file->path[path_length - 1] == '/' || !place(folder, file->path, &part, &class, &length) ||
			!is_picture(reader, file))
			continue;
		status = cs_catalogue_add(out,
			&(struct cs_entry){
				.name = cs_strdup(file->path),
				.label = label_of(out, class, length),
				.part = (enum cs_split_kind)part,
				.item = i,
			},
			error);
	}
	cs_tree_reader_free(reader);
	return status;
}

static enum cs_status no_pictures(const struct folder *folder, struct cs_error *error)
{
	const char *what = folder->tree.tar ? "tar" : folder->tree.zip ? "zip" : "folder";
	int64_t loose = 0;

	for (int64_t i = 0; i < folder->tree.count; i++)
		loose += has_extension(folder->tree.files[i].path);
	if (folder->tree.count == 0)
		return cs_fail(error, CS_ERR_FORMAT,
			"the %s '%s' is empty: expected class folders with JPEG or PNG pictures", what, folder->given);
	if (loose)
		return cs_fail(error, CS_ERR_FORMAT,
			"the %s '%s' has %" PRId64
			" pictures but no class folders: expected CLASS/*.jpg or train/CLASS/*.jpg",
			what, folder->given, loose);
	return cs_fail(error, CS_ERR_FORMAT,
		"the %s '%s' holds no pictures: expected class folders with JPEG or PNG files, or "
		"tiny-imagenet-200.zip",
		what, folder->given);
}

static enum cs_status folder_catalogue(void *context, struct cs_catalogue *out, struct cs_error *error)
{
	const struct folder *folder = context;
	enum cs_status status = list_classes(folder, out, error);

	if (!status)
		status = list_pictures(folder, out, error);
	if (!status && out->count == 0)
		status = no_pictures(folder, error);
	if (!status && out->class_count < 2)
		status = cs_fail(error, CS_ERR_FORMAT,
			"'%s' has one class folder ('%s'): a data set needs at least two classes", folder->given,
			out->class_ids[0]);
	return status;
}

/* The side that all pictures have, judged by one of each class, or 64. */
static enum cs_status own_size(struct folder *folder, int *own, struct cs_error *error)
{
	struct cs_tree_reader *reader = NULL;
	char before[256] = "";
	int side = 0;
	enum cs_status status = cs_tree_reader_new(&folder->tree, &reader, error);

	*own = 64;
	if (status)
		return status;
	for (int64_t i = 0; i < folder->tree.count; i++) {
		const struct cs_tree_file *file = &folder->tree.files[i];
		struct cs_picture picture;
		const char *class;
		size_t length;
		int part;

		status = cs_job_heed("the listing of pictures", error);
		if (status)
			break;
		if (!place(folder, file->path, &part, &class, &length) || !has_extension(file->path) ||
			(strncmp(before, class, length) == 0 && before[length] == '\0'))
			continue;
		if (cs_tree_pictures_read(reader, i, &picture, NULL) != CS_OK)
			continue;
		snprintf(before, sizeof before, "%.*s", (int)length, class);
		if (picture.width != picture.height || (side && side != picture.width))
			side = -1;
		else
			side = picture.width;
		cs_picture_fini(&picture);
		if (side < 0)
			break;
	}
	if (side > 0 && side <= 512)
		*own = side;
	cs_tree_reader_free(reader);
	return status;
}

/* Are train/ and its like at the top? They must then be complete: val/ and test/ alone are no classes called so. */
static enum cs_status find_parts(struct folder *folder, struct cs_error *error)
{
	bool train = false, held = false, others = false;

	for (int64_t i = 0; i < folder->tree.count; i++) {
		const char *path = folder->tree.files[i].path, *rest = path;
		int part = part_of(path, &rest);

		train |= part == CS_SPLIT_TRAIN && strchr(rest, '/');
		held |= part > CS_SPLIT_TRAIN && strchr(rest, '/');
		others |= part < 0 && strchr(path, '/');
	}
	folder->parts = train;
	if (held && !train && !others)
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s' has folders of validation or test images, but none called train", folder->given);
	return CS_OK;
}

static enum cs_status folder_open(struct cs_dataset *data, struct cs_place *place, const struct cs_data_options *given,
	struct cs_job *job, struct cs_error *error)
{
	const char *spec = place->name;
	struct folder folder = {.given = spec};
	struct cs_source source = {
		.kind = "folder",
		.context = &folder,
		.catalogue = folder_catalogue,
		.reader_new = cs_tree_pictures_new,
		.picture = cs_tree_pictures_read,
		.reader_free = cs_tree_pictures_free,
	};
	struct cs_data_options options;
	char *real = NULL;
	int own = 64;
	enum cs_status status = cs_stored_options(given, spec, NULL, &options, error);

	if (!status)
		status = cs_stored_path(spec, &real, error);
	if (!status)
		status = cs_stored_fingerprint(real, &source.fingerprint, error);
	if (!status)
		status = cs_place_tree(place, real, options.no_cache, &folder.tree, error);
	if (status)
		goto out;
	if (!folder.tree.zip) /* the time of a folder itself says nothing of what is deeper */
		source.fingerprint = cs_tree_hash(&folder.tree);
	status = cs_tree_strip(&folder.tree, part_folders, error);
	if (status)
		goto out;
	status = find_parts(&folder, error);
	if (status)
		goto out;
	source.path = real;
	if (!options.size && !options.width)
		status = own_size(&folder, &own, error);
	if (!status)
		status = cs_stored_open(data, &source, own, &options, job, error);
out:
	cs_tree_close(&folder.tree);
	cs_free(real);
	return status;
}

const struct cs_dataset_ops cs_folder_dataset = {
	.name = "folder",
	.expects = "a folder of class folders",
	.recognise = folder_recognise,
	.open = folder_open,
	.pixels = cs_stored_pixels,
	.sample = cs_stored_sample,
	.close = cs_stored_close,
	.label = cs_stored_label,
	.sums = cs_stored_sums,
};
