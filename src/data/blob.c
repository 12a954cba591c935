/* blob.c: files that may be packed, read at any place. See blob.h. */
#include "data/blob.h"

#include "core/alloc.h"
#include "io/archive.h"
#include "io/file.h"
#include "io/gzip.h"

#include <string.h>
#include <unistd.h>

/* Pictures do not pack better; what unpacks to more is made to fill disks. */
enum { BEST_RATIO = 200, MAGIC = 3 };
#define ALWAYS ((int64_t)64 << 20)

static int64_t most_of(int64_t packed)
{
	return packed < (INT64_MAX - ALWAYS) / BEST_RATIO ? ALWAYS + packed * BEST_RATIO : INT64_MAX;
}

/* Where an open file is packed by gzip, go on with what it unpacks to. Takes and gives descriptors. */
static enum cs_status gunzip(int *fd, int64_t *size, const char *name, bool memory, struct cs_error *error)
{
	unsigned char magic[MAGIC];
	enum cs_status status;
	int to;

	if (*size < MAGIC || pread(*fd, magic, MAGIC, 0) != MAGIC || !cs_gzip_recognise(magic, MAGIC))
		return CS_OK;
	to = cs_file_nameless(memory);
	if (to < 0)
		return cs_fail_errno(error, "no room to unpack", name);
	status = cs_gzip_unpack(*fd, 0, *size, most_of(*size), to, name, size, error);
	if (status) {
		close(to);
		return status;
	}
	close(*fd);
	*fd = to;
	return CS_OK;
}

/* Takes the descriptor. */
static enum cs_status finish(
	int fd, int64_t size, const char *name, bool memory, struct cs_blob *out, struct cs_error *error)
{
	enum cs_status status = gunzip(&fd, &size, name, memory, error);
	char *copy = status ? NULL : cs_strdup(name);

	if (!status && !copy)
		status = cs_fail_memory(error, "a file name");
	if (status)
		close(fd);
	else
		*out = (struct cs_blob){.fd = fd, .size = size, .name = copy};
	return status;
}

enum cs_status cs_blob_open(const char *path, bool memory, struct cs_blob *out, struct cs_error *error)
{
	int64_t size = 0;
	int fd = -1;
	enum cs_status status = cs_file_open(path, &fd, &size, error);

	return status ? status : finish(fd, size, path, memory, out, error);
}

enum cs_status cs_blob_of(struct cs_tree_reader *reader, const struct cs_tree *tree, const struct cs_tree_file *file,
	bool memory, struct cs_blob *out, struct cs_error *error)
{
	char *path = cs_file_join(tree->root, file->path);
	int64_t size = 0;
	enum cs_status status;
	int fd;

	if (!path)
		return cs_fail_memory(error, "a file name");
	if (file->member < 0) {
		status = cs_blob_open(path, memory, out, error);
	} else {
		fd = cs_file_nameless(memory);
		status = fd < 0 ? cs_fail_errno(error, "no room to unpack", path)
				: cs_tree_unpack(reader, file, most_of(file->packed), fd, &size, error);
		if (!status)
			status = finish(fd, size, path, memory, out, error);
		else if (fd >= 0)
			close(fd);
	}
	cs_free(path);
	return status;
}

void cs_blob_close(struct cs_blob *blob)
{
	if (blob->name)
		close(blob->fd);
	cs_free(blob->name);
	*blob = (struct cs_blob){.fd = -1};
}

enum cs_status cs_blob_read(const struct cs_blob *blob, int64_t at, void *bytes, size_t size, struct cs_error *error)
{
	return cs_file_read_at(blob->fd, blob->name, at, bytes, size, error);
}

size_t cs_blob_peek(const char *path, void *bytes, size_t size)
{
	int64_t all = 0;
	ssize_t got;
	int fd = -1;

	if (cs_file_open(path, &fd, &all, NULL))
		return 0;
	got = pread(fd, bytes, size, 0);
	if (got > 0 && cs_gzip_recognise(bytes, (size_t)got))
		got = (ssize_t)cs_gzip_peek(fd, 0, all, bytes, size);
	close(fd);
	return got > 0 ? (size_t)got : 0;
}

size_t cs_blob_peek_of(struct cs_tree_reader *reader, const struct cs_tree *tree, const struct cs_tree_file *file,
	void *bytes, size_t size)
{
	char *path;
	size_t got;

	if (file->member >= 0) {
		unsigned char magic[MAGIC];
		struct cs_blob blob;

		got = cs_tree_peek(reader, file, (char *)magic, MAGIC);
		if (!cs_gzip_recognise(magic, got))
			return cs_tree_peek(reader, file, bytes, size);
		/* packed twice: rare and small enough to be unpacked */
		if (cs_blob_of(reader, tree, file, true, &blob, NULL))
			return 0;
		got = (int64_t)size < blob.size ? size : (size_t)blob.size;
		if (cs_blob_read(&blob, 0, bytes, got, NULL))
			got = 0;
		cs_blob_close(&blob);
		return got;
	}
	path = cs_file_join(tree->root, file->path);
	got = path ? cs_blob_peek(path, bytes, size) : 0;
	cs_free(path);
	return got;
}

enum cs_status cs_blobs_need(struct cs_blobs *blobs, int64_t file, struct cs_blob **out, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	pthread_mutex_lock(&blobs->lock);
	if (!blobs->blobs[file].name)
		status = cs_blob_of(blobs->reader, &blobs->tree, &blobs->tree.files[file], blobs->memory,
			&blobs->blobs[file], error);
	*out = &blobs->blobs[file];
	pthread_mutex_unlock(&blobs->lock);
	return status;
}

/* Directories of a tree in `directory`, files in `files`; the number of the only directory. */
static int64_t count_kinds(const struct cs_tree *tree, int64_t *files, int64_t *directories)
{
	int64_t only = -1;

	*files = *directories = 0;
	for (int64_t i = 0; i < tree->count; i++) {
		const char *path = tree->files[i].path;

		if (path[strlen(path) - 1] == '/') {
			only = i;
			++*directories;
		} else {
			++*files;
		}
	}
	return only;
}

/* The tree of a folder for a data set that is a few files. */
static enum cs_status folder_tree(const char *path, struct cs_tree *out, struct cs_error *error)
{
	enum { DEEPEST = 3 };
	char *at;
	enum cs_status status;

	if (cs_file_is_directory(path)) {
		at = cs_strdup(path);
	} else {
		const char *slash = strrchr(path, '/');

		at = slash ? cs_strndup(path, (size_t)(slash - path) + (slash == path)) : cs_strdup(".");
	}
	if (!at)
		return cs_fail_memory(error, "a file name");
	status = cs_tree_open_top(at, out, error);
	for (int deep = 0; !status && deep < DEEPEST && cs_file_is_directory(path); deep++) {
		int64_t files, directories, only = count_kinds(out, &files, &directories);
		char *below;

		if (files > 0 || directories != 1)
			break;
		below = cs_file_join(at, out->files[only].path);
		cs_tree_close(out);
		cs_free(at);
		at = below;
		status = at ? cs_tree_open_top(at, out, error) : cs_fail_memory(error, "a file name");
	}
	cs_free(at);
	return status;
}

/* Takes the tree, also on an error. */
static enum cs_status init(
	struct cs_blobs *blobs, struct cs_place *lender, const struct cs_tree *tree, bool memory, struct cs_error *error)
{
	enum cs_status status;

	*blobs = (struct cs_blobs){.tree = *tree, .lender = lender, .memory = memory};
	pthread_mutex_init(&blobs->lock, NULL);
	blobs->blobs = cs_calloc((size_t)blobs->tree.count + 1, sizeof *blobs->blobs);
	status = blobs->blobs ? cs_tree_reader_new(&blobs->tree, &blobs->reader, error)
			      : cs_fail_memory(error, "the files of a data set");
	if (status)
		cs_blobs_fini(blobs);
	return status;
}

void cs_blobs_fini(struct cs_blobs *blobs)
{
	for (int64_t i = 0; blobs->blobs && i < blobs->tree.count; i++)
		cs_blob_close(&blobs->blobs[i]);
	cs_free(blobs->blobs);
	blobs->blobs = NULL;
	cs_tree_reader_free(blobs->reader);
	blobs->reader = NULL;
	if (blobs->lender) {
		blobs->lender->zip = blobs->tree;
		blobs->lender->listed = true;
	} else {
		cs_tree_close(&blobs->tree);
	}
	blobs->tree = (struct cs_tree){0};
	pthread_mutex_destroy(&blobs->lock);
}

enum cs_status cs_blobs_open(
	struct cs_blobs *blobs, struct cs_place *place, const char *real, bool memory, struct cs_error *error)
{
	struct cs_tree tree = {0};
	enum cs_status status = !cs_file_is_directory(real) && cs_tree_recognise(real)
		? cs_place_tree(place, real, memory, &tree, error)
		: folder_tree(real, &tree, error);

	return status ? status : init(blobs, NULL, &tree, memory, error);
}

bool cs_blobs_look(struct cs_blobs *blobs, struct cs_place *place)
{
	enum { MOST = 1000 };
	const bool folder = cs_file_is_directory(place->name);
	const struct cs_tree *zip = folder ? NULL : cs_place_zip(place);
	struct cs_tree tree = {0};

	if (zip && zip->count <= MOST && !cs_place_tree(place, place->name, true, &tree, NULL))
		return init(blobs, place, &tree, true, NULL) == CS_OK;
	if (!folder || folder_tree(place->name, &tree, NULL))
		return false;
	if (tree.count <= MOST)
		return init(blobs, NULL, &tree, true, NULL) == CS_OK;
	cs_tree_close(&tree);
	return false;
}
