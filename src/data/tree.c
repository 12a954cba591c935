/* tree.c: listing and reading folders, zips and tars alike. See tree.h.
 *
 * A folder is walked with stat(), which says size and time of every file: they make the fingerprint by which a cache knows
 * its source. A symbolic link to a directory above itself would never end: each directory remembers its ancestors. A tar has
 * no index, so all of it is unpacked once, into a file without a name, and read from there.
 */
#include "data/tree.h"
#include "data/tree_order.h"

#include "core/alloc.h"
#include "core/hash.h"
#include "core/job.h"
#include "io/archive.h"
#include "io/file.h"
#include "io/tarball.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 32, TAR_BEST_RATIO = 200, TAR_ALWAYS = 256 << 20, MAX_FILE = 256 << 20 /* larger files are no pictures */ };

struct list {
	struct cs_tree *tree;
	int64_t room;
	bool top; /* only what is in the folder itself */
};

struct ancestor {
	const struct ancestor *above;
	dev_t device;
	ino_t inode;
	int depth;
};

static bool hidden(const char *name, size_t length)
{
	return name[0] == '.' || (length == 8 && strncmp(name, "__MACOSX", 8) == 0) ||
		(length == 9 && strncasecmp(name, "Thumbs.db", 9) == 0) ||
		(length == 11 && strncasecmp(name, "desktop.ini", 11) == 0);
}

static enum cs_status append(struct list *list, const struct cs_tree_file *file, struct cs_error *error)
{
	struct cs_tree *tree = list->tree;

	if (tree->count == list->room) {
		int64_t room = list->room ? 2 * list->room : 1024;
		struct cs_tree_file *grown = cs_realloc(tree->files, (size_t)room, sizeof *grown);

		if (!grown)
			return cs_fail_memory(error, "a list of files");
		tree->files = grown;
		list->room = room;
	}
	tree->files[tree->count++] = *file;
	return CS_OK;
}

/* "<prefix><name>" and a slash for a directory; NULL without memory. Once for every file, so without printf. */
static char *path_of(const char *prefix, const char *name, bool directory)
{
	size_t before = strlen(prefix), length = strlen(name);
	char *path = cs_alloc(before + length + 2);

	if (path) {
		memcpy(path, prefix, before);
		memcpy(path + before, name, length);
		path[before + length] = directory ? '/' : '\0';
		path[before + length + 1] = '\0';
	}
	return path;
}

static enum cs_status walk(struct list *list, int parent, const char *name, const char *prefix,
	const struct ancestor *here, struct cs_error *error);

/* One name in the open directory `directory`. */
static enum cs_status visit(struct list *list, int directory, const char *prefix, const char *name,
	const struct ancestor *here, struct cs_error *error)
{
	struct cs_tree_file file = {.member = -1};
	enum cs_status status = CS_OK;
	struct stat about;

	if (fstatat(directory, name, &about, 0) != 0) /* a dangling link, or gone since */
		return CS_OK;
	if (!S_ISDIR(about.st_mode) && !S_ISREG(about.st_mode))
		return CS_OK;
	file.path = path_of(prefix, name, S_ISDIR(about.st_mode));
	if (!file.path)
		return cs_fail_memory(error, "a file name");
	if (S_ISDIR(about.st_mode)) {
		const struct ancestor next = {here, about.st_dev, about.st_ino, here->depth + 1};

		for (const struct ancestor *a = here; a; a = a->above) {
			if (a->device == about.st_dev && a->inode == about.st_ino)
				goto out;
		}
		if (next.depth <= MAX_DEPTH && !list->top)
			status = walk(list, directory, name, file.path, &next, error);
	} else {
		file.size = file.packed = (int64_t)about.st_size;
		file.time = (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec;
	}
	if (!status)
		status = append(list, &file, error);
	if (!status)
		file.path = NULL; /* the list's now */
out:
	cs_free(file.path);
	return status;
}

/* What is in directory `name` of the open directory `parent`; `prefix` is its path in the tree. */
static enum cs_status walk(struct list *list, int parent, const char *name, const char *prefix,
	const struct ancestor *here, struct cs_error *error)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	enum cs_status status = CS_OK;
	struct dirent *entry;

	if (!stream) {
		status = cs_fail_errno(error, "cannot read the folder", *prefix ? prefix : name);
		if (fd >= 0)
			close(fd);
		return status;
	}
	while (!status && (entry = readdir(stream)) != NULL) {
		status = cs_job_heed("the listing of files", error);
		if (status)
			break;
		if (!hidden(entry->d_name, strlen(entry->d_name)))
			status = visit(list, fd, prefix, entry->d_name, here, error);
	}
	closedir(stream);
	return status;
}

/* Is any part of a member's path hidden, or does it climb out? */
static bool unwanted(const char *path)
{
	if (path[0] == '/')
		return true;
	while (*path) {
		size_t length = strcspn(path, "/");

		if (hidden(path, length))
			return true;
		path += length;
		path += *path == '/';
	}
	return false;
}

static enum cs_status list_zip(struct list *list, const char *path, struct cs_error *error)
{
	struct cs_archive *archive;
	enum cs_status status = cs_archive_open(path, &list->tree->archive, error);

	if (status)
		return status;
	archive = list->tree->archive;
	for (int64_t i = 0; i < cs_archive_count(archive) && !status; i++) {
		const char *name = cs_archive_name(archive, i);
		struct cs_tree_file file = {.member = i};

		status = cs_job_heed("the listing of files", error);
		if (status)
			break;
		if (!name || !*name || unwanted(name))
			continue;
		cs_archive_sizes(archive, i, &file.size, &file.packed);
		file.path = cs_strdup(name);
		status = file.path ? append(list, &file, error) : cs_fail_memory(error, "a list of files");
		if (status)
			cs_free(file.path);
	}
	return status;
}

static enum cs_status add_from_tar(
	void *context, const char *name, int64_t at, int64_t size, struct cs_error *error)
{
	struct cs_tree_file file = {.member = at, .size = size, .packed = size};
	struct list *list = context;
	enum cs_status status;

	if (!*name || unwanted(name))
		return CS_OK;
	file.path = cs_strdup(name);
	status = file.path ? append(list, &file, error) : cs_fail_memory(error, "a list of files");
	if (status)
		cs_free(file.path);
	return status;
}

static enum cs_status list_tar(
	struct list *list, const char *path, int64_t packed, bool memory, struct cs_error *error)
{
	struct cs_tree *tree = list->tree;

	tree->unpacked = cs_file_nameless(memory);
	if (tree->unpacked < 0)
		return cs_fail_errno(error, "no room to unpack", path);
	return cs_tarball_unpack(path,
		packed < INT64_MAX / TAR_BEST_RATIO / 2 ? TAR_ALWAYS + packed * TAR_BEST_RATIO : INT64_MAX, tree->unpacked,
		add_from_tar, list, error);
}

bool cs_tree_recognise(const char *path)
{
	return cs_file_is_directory(path) || cs_archive_recognise(path) || cs_tarball_recognise(path);
}

static enum cs_status open_tree(
	const char *path, bool top, bool memory, struct cs_tree *out, struct cs_error *error)
{
	struct cs_tree tree = {.zip = !cs_file_is_directory(path), .unpacked = -1};
	struct list list = {.tree = &tree, .top = top};
	struct stat about;
	enum cs_status status;

	tree.tar = tree.zip && cs_tarball_recognise(path);

	if (stat(path, &about) != 0)
		return cs_fail_errno(error, "cannot open", path);
	tree.root = cs_strdup(path);
	if (!tree.root) {
		status = cs_fail_memory(error, "a file name");
	} else if (tree.tar) {
		status = list_tar(&list, path, (int64_t)about.st_size, memory, error);
	} else if (tree.zip) {
		status = list_zip(&list, path, error);
	} else {
		const struct ancestor here = {NULL, about.st_dev, about.st_ino, 0};

		status = walk(&list, AT_FDCWD, path, "", &here, error);
	}
	if (!status)
		status = cs_tree_sort(&tree, error);
	if (status) {
		cs_tree_close(&tree);
		return status;
	}
	*out = tree;
	return CS_OK;
}

enum cs_status cs_tree_open(const char *path, bool memory, struct cs_tree *out, struct cs_error *error)
{
	return open_tree(path, false, memory, out, error);
}

enum cs_status cs_tree_open_top(const char *path, struct cs_tree *out, struct cs_error *error)
{
	return open_tree(path, true, true, out, error);
}

void cs_tree_close(struct cs_tree *tree)
{
	if (tree->tar && tree->unpacked >= 0)
		close(tree->unpacked);
	cs_archive_close(tree->archive);
	for (int64_t i = 0; i < tree->count; i++)
		cs_free(tree->files[i].path);
	cs_free(tree->files);
	cs_free(tree->root);
	*tree = (struct cs_tree){0};
}

const struct cs_tree_file *cs_tree_find(const struct cs_tree *tree, const char *path)
{
	const struct cs_tree_file key = {.path = (char *)path};

	return tree->count ? bsearch(&key, tree->files, (size_t)tree->count, sizeof key, cs_tree_order) : NULL;
}

int64_t cs_tree_first(const struct cs_tree *tree, const char *directory)
{
	const struct cs_tree_file key = {.path = (char *)directory};
	int64_t low = 0, high = tree->count;

	while (low < high) {
		int64_t middle = (low + high) / 2;

		if (cs_tree_order(&tree->files[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum cs_status cs_tree_enter(struct cs_tree *tree, const char *directory, struct cs_error *error)
{
	size_t length = strlen(directory);
	int64_t kept = 0;

	if (!tree->zip && length) {
		char *root = cs_file_join(tree->root, directory);

		if (!root)
			return cs_fail_memory(error, "a file name");
		cs_free(tree->root);
		tree->root = root;
	}

	for (int64_t i = 0; i < tree->count; i++) {
		char *path = tree->files[i].path;

		if (strncmp(path, directory, length) != 0 || path[length] == '\0') {
			cs_free(path);
			continue;
		}
		memmove(path, path + length, strlen(path + length) + 1);
		tree->files[kept++] = tree->files[i];
	}
	tree->count = kept;
	return CS_OK;
}

/* The one directory at the top, slash included, to be freed; NULL when there is none, or when it holds nothing but files and so
 * is itself what is looked for. Files beside it do not count. */
static char *only_directory(const struct cs_tree *tree)
{
	const char *top = NULL;
	size_t length = 0;
	bool directories = false;

	for (int64_t i = 0; i < tree->count; i++) {
		const char *path = tree->files[i].path, *slash = strchr(path, '/');

		if (!slash)
			continue;
		if (!top) {
			top = path;
			length = (size_t)(slash - path) + 1;
		}
		if (strncmp(path, top, length) != 0)
			return NULL;
		directories |= strchr(path + length, '/') != NULL;
	}
	return top && directories ? cs_strndup(top, length) : NULL;
}

enum cs_status cs_tree_strip(struct cs_tree *tree, const char *const *stops, struct cs_error *error)
{
	char *top;

	while ((top = only_directory(tree)) != NULL) {
		enum cs_status status = CS_OK;
		bool stop = false;

		for (int i = 0; stops && stops[i]; i++)
			stop |= strlen(stops[i]) == strlen(top) - 1 &&
				strncasecmp(stops[i], top, strlen(stops[i])) == 0;
		if (!stop)
			status = cs_tree_enter(tree, top, error);
		cs_free(top);
		if (stop || status)
			return status;
	}
	return CS_OK;
}

uint64_t cs_tree_hash(const struct cs_tree *tree)
{
	uint64_t hash = CS_HASH_BEGIN;

	for (int64_t i = 0; i < tree->count; i++) {
		const struct cs_tree_file *file = &tree->files[i];

		hash = cs_hash_bytes(hash, file->path, strlen(file->path) + 1);
		hash = cs_hash_bytes(hash, &file->size, sizeof file->size);
		hash = cs_hash_bytes(hash, &file->time, sizeof file->time);
	}
	return hash;
}

struct cs_tree_reader {
	const struct cs_tree *tree;
	struct cs_archive *archive;
	char *bytes;
	size_t capacity;
};

enum cs_status cs_tree_reader_new(const struct cs_tree *tree, struct cs_tree_reader **out, struct cs_error *error)
{
	struct cs_tree_reader *reader = cs_calloc(1, sizeof *reader);
	enum cs_status status = CS_OK;

	if (!reader)
		return cs_fail_memory(error, "reading files");
	reader->tree = tree;
	if (tree->archive)
		status = cs_archive_borrow(tree->archive, &reader->archive, error);
	if (status)
		cs_free(reader);
	else
		*out = reader;
	return status;
}

void cs_tree_reader_free(struct cs_tree_reader *reader)
{
	if (!reader)
		return;
	if (reader->archive)
		cs_archive_give_back(reader->archive);
	cs_free(reader->bytes);
	cs_free(reader);
}

enum cs_status cs_tree_read(struct cs_tree_reader *reader, const struct cs_tree_file *file, size_t limit,
	const char **bytes, size_t *size, struct cs_error *error)
{
	enum cs_status status;
	char *path;

	if (reader->tree->tar) {
		if ((uint64_t)file->size > limit)
			return cs_fail(error, CS_ERR_MEMORY, "'%s' has %" PRId64 " bytes, more than the limit of %zu", file->path,
				file->size, limit);
		if (reader->capacity <= (size_t)file->size) {
			char *grown = cs_realloc(reader->bytes, (size_t)file->size + 1, 1);

			if (!grown)
				return cs_fail_memory(error, "a file");
			reader->bytes = grown;
			reader->capacity = (size_t)file->size + 1;
		}
		*size = (size_t)file->size;
		reader->bytes[*size] = '\0';
		status = cs_file_read_at(
			reader->tree->unpacked, file->path, file->member, reader->bytes, *size, error);
	} else if (reader->archive) {
		status = cs_archive_read(
			reader->archive, file->member, limit, &reader->bytes, &reader->capacity, size, error);
		if (!status && reader->capacity <= *size) { /* room for the NUL */
			char *grown = cs_realloc(reader->bytes, *size + 1, 1);

			if (!grown)
				return cs_fail_memory(error, "a file");
			reader->bytes = grown;
			reader->capacity = *size + 1;
		}
		if (!status)
			reader->bytes[*size] = '\0';
	} else {
		path = cs_file_join(reader->tree->root, file->path);
		if (!path)
			return cs_fail_memory(error, "a file name");
		cs_free(reader->bytes);
		reader->bytes = NULL;
		status = cs_file_read(path, limit, &reader->bytes, size, error);
		cs_free(path);
	}
	if (!status)
		*bytes = reader->bytes;
	return status;
}

/* The bytes of a file of a tar to the end of `to`. */
static enum cs_status copy_from_tar(
	const struct cs_tree *tree, const struct cs_tree_file *file, int to, struct cs_error *error)
{
	enum { BLOCK = 1 << 16 };
	char block[BLOCK];
	enum cs_status status = CS_OK;

	for (int64_t at = 0; at < file->size && !status; at += BLOCK) {
		size_t size = file->size - at < BLOCK ? (size_t)(file->size - at) : BLOCK;

		status = cs_file_read_at(tree->unpacked, file->path, file->member + at, block, size, error);
		if (!status)
			status = cs_file_append(to, file->path, block, size, error);
	}
	return status;
}

enum cs_status cs_tree_unpack(struct cs_tree_reader *reader, const struct cs_tree_file *file, int64_t limit, int fd,
	int64_t *size, struct cs_error *error)
{
	if (reader->archive)
		return cs_archive_unpack(reader->archive, file->member, limit, fd, size, error);
	*size = file->size;
	return copy_from_tar(reader->tree, file, fd, error);
}

size_t cs_tree_peek(struct cs_tree_reader *reader, const struct cs_tree_file *file, char *bytes, size_t size)
{
	size_t have = 0;
	char *path;

	if (reader->archive)
		return cs_archive_peek(reader->archive, file->member, bytes, size, &have, NULL) ? 0 : have;
	if (reader->tree->tar) {
		have = (uint64_t)file->size < size ? (size_t)file->size : size;
		return cs_file_read_at(reader->tree->unpacked, file->path, file->member, bytes, have, NULL) ? 0 : have;
	}
	path = cs_file_join(reader->tree->root, file->path);
	have = path ? cs_file_peek(path, bytes, size) : 0;
	cs_free(path);
	return have;
}

enum cs_status cs_tree_pictures_new(void *context, void **reader, struct cs_error *error)
{
	struct cs_tree_reader *made;
	enum cs_status status = cs_tree_reader_new(context, &made, error);

	if (!status)
		*reader = made;
	return status;
}

enum cs_status cs_tree_pictures_read(void *reader, int64_t item, struct cs_picture *out, struct cs_error *error)
{
	struct cs_tree_reader *r = reader;
	const struct cs_tree_file *file = &r->tree->files[item];
	const char *bytes;
	size_t size;
	enum cs_status status = cs_tree_read(r, file, MAX_FILE, &bytes, &size, error);

	return status ? status : cs_picture_decode(bytes, size, file->path, out, error);
}

void cs_tree_pictures_free(void *reader)
{
	cs_tree_reader_free(reader);
}
