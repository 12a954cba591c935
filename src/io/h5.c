/* h5.c: HDF5 files, their groups and what the library says about errors. Numbers are read in h5_data.c and
 * written in h5_write.c, text is in h5_text.c.
 *
 * The library keeps global state and is not built for threads, so one lock guards it all, to the end of the process: the
 * exit handler below takes the lock and keeps it, so that the library's own handler, which runs after it, closes files while no
 * thread is inside.
 *
 * A file may come from anywhere. What could reach beyond it is switched off for the whole process: external links (their link
 * class is removed) and filter plug-ins; external and virtual storage is refused where data sets are opened.
 */
#include "io/h5_internal.h"

#include "core/alloc.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_LIMIT = 4096, NAMES_LIMIT = 4 << 20, NAME_BYTES_LIMIT = 256 << 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void shut_for_good(void)
{
	pthread_mutex_lock(&lock);
}

void cs_h5_lock(void)
{
	static bool ready;
	static _Thread_local bool quiet;

	pthread_mutex_lock(&lock);
	if (!quiet) {
		/* Where the library was built for threads, each thread has an error stack of its own that prints. */
		H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
		quiet = true;
	}
	if (ready)
		return;
	ready = true;
	/* The call above, the first to the library, has registered its exit handler, which now runs after ours. */
	atexit(shut_for_good);
	H5Lunregister(H5L_TYPE_EXTERNAL);
	H5PLset_loading_state(0);
}

void cs_h5_unlock(void)
{
	H5Eclear2(H5E_DEFAULT); /* a thread that ends with errors on its stack would leak them */
	pthread_mutex_unlock(&lock);
}

struct complaint {
	char *text;
	size_t size;
};

static herr_t first_complaint(unsigned n, const H5E_error2_t *entry, void *data)
{
	struct complaint *complaint = data;

	(void)n;
	if (!entry->desc || !*entry->desc)
		return 0;
	snprintf(complaint->text, complaint->size, "%s", entry->desc);
	return 1;
}

/* What the system said, where the library wraps it up: "file write failed: time = ..., error message = 'No space left on device', buf = ...". */
static void unwrap(char *text)
{
	static const char before[] = "error message = '";
	char *from = strstr(text, before), *end = from ? strchr(from + sizeof before - 1, '\'') : NULL;

	if (!end)
		return;
	*end = '\0';
	memmove(text, from + sizeof before - 1, strlen(from + sizeof before - 1) + 1);
}

void cs_h5_complaint(char *text, size_t size)
{
	struct complaint complaint = {text, size};

	text[0] = '\0';
	H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_complaint, &complaint);
	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = ' ';
	unwrap(text);
}

enum cs_status cs_h5_fail(
	const struct cs_h5 *file, struct cs_error *error, enum cs_status status, const char *format, ...)
{
	char sentence[500], complaint[300];
	va_list args;

	cs_h5_complaint(complaint, sizeof complaint);
	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	return cs_fail(error, status, "'%s': %s%s%s", file->name, sentence, complaint[0] ? ": " : "", complaint);
}

/* Access properties: closing a file closes all that is open in it; locks are heeded where the file system has them. */
static hid_t access_properties(enum cs_h5_mode mode)
{
	hid_t list = H5Pcreate(H5P_FILE_ACCESS);

	H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
	H5Pset_file_locking(list, 1, 1);
	/* From 1.8 on attributes may exceed 64 KiB (a Keras model of thousands of layers needs that). SWMR needs the latest. */
	if (mode == CS_H5_CREATE_SWMR)
		H5Pset_libver_bounds(list, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
	else if (mode == CS_H5_CREATE || mode == CS_H5_WRITE)
		H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
	return list;
}

enum cs_status cs_h5_refuse(const char *name, struct cs_error *error)
{
	return cs_fail(error, CS_ERR_FORMAT,
		"'%s' is not an HDF5 file: expected one (.h5, .hdf5) as convscope, Keras or h5py write it; "
		"name another, or write this one again",
		name);
}

/* Let the system say why a file cannot be opened: it says it better than the library. */
static enum cs_status try_path(const char *path, const char *name, enum cs_h5_mode mode, struct cs_error *error)
{
	bool create = mode == CS_H5_CREATE || mode == CS_H5_CREATE_SWMR;
	int fd = open(
		path, (create || mode == CS_H5_WRITE ? O_RDWR : O_RDONLY) | (create ? O_CREAT : 0) | O_CLOEXEC, 0666);
	char byte;

	if (fd < 0)
		return create ? cs_file_cannot_write(name, error) : cs_fail_errno(error, "cannot open", path);
	if (!create && read(fd, &byte, 1) < 0) {
		cs_fail_errno(error, "cannot read", path);
		close(fd);
		return CS_ERR_IO;
	}
	close(fd);
	if (create)
		return CS_OK;
	if (H5Fis_hdf5(path) <= 0)
		return cs_h5_refuse(path, error);
	return CS_OK;
}

static hid_t open_file(const char *path, enum cs_h5_mode mode)
{
	hid_t access = access_properties(mode);
	hid_t file;

	if (mode == CS_H5_CREATE || mode == CS_H5_CREATE_SWMR) {
		hid_t creation = H5Pcreate(H5P_FILE_CREATE);

		H5Pset_obj_track_times(creation, false);
		file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
		/* Closing property lists leaves the error stack of the call above alone only while they succeed; they do. */
		if (file >= 0)
			H5Pclose(creation);
	} else {
		unsigned flags = mode == CS_H5_WRITE ? H5F_ACC_RDWR
			: mode == CS_H5_READ_SWMR    ? H5F_ACC_RDONLY | H5F_ACC_SWMR_READ
						     : H5F_ACC_RDONLY;

		file = H5Fopen(path, flags, access);
	}
	if (file >= 0)
		H5Pclose(access);
	return file;
}

enum cs_status cs_h5_open(const char *path, enum cs_h5_mode mode, struct cs_h5 **out, struct cs_error *error)
{
	struct cs_h5 *file = cs_calloc(1, sizeof *file);
	enum cs_status status;

	if (file)
		file->name = mode == CS_H5_CREATE || mode == CS_H5_CREATE_SWMR ? cs_file_wanted(path) : cs_strdup(path);
	if (!file || !file->name) {
		cs_free(file);
		return cs_fail_memory(error, "an HDF5 file");
	}
	file->mode = mode;
	cs_h5_lock();
	status = try_path(path, file->name, mode, error);
	if (status == CS_OK) {
		file->file = open_file(path, mode);
		if (file->file < 0)
			status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot be opened as HDF5");
	}
	cs_h5_unlock();
	if (status != CS_OK) {
		cs_free(file->name);
		cs_free(file);
		return status;
	}
	*out = file;
	return CS_OK;
}

enum cs_status cs_h5_close(struct cs_h5 *file, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	if (!file)
		return CS_OK;
	if (file->guard) {
		cs_guard_close(file->guard);
		cs_free(file->name);
		cs_free(file);
		return CS_OK;
	}
	cs_h5_lock();
	if (file->mode != CS_H5_READ && file->mode != CS_H5_READ_SWMR && H5Fflush(file->file, H5F_SCOPE_LOCAL) < 0)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot be written");
	if (H5Fclose(file->file) < 0 && status == CS_OK)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot be closed");
	cs_h5_unlock();
	cs_free(file->name);
	cs_free(file);
	return status;
}

bool cs_h5_path_exists(const struct cs_h5 *file, const char *path)
{
	return strnlen(path, PATH_LIMIT) < PATH_LIMIT && H5Oexists_by_name(file->file, path, H5P_DEFAULT) > 0;
}

bool cs_h5_exists(struct cs_h5 *file, const char *path)
{
	bool exists;

	if (file->guard)
		return cs_guard_truth(file->guard, CS_GUARD_EXISTS, path, NULL);
	cs_h5_lock();
	exists = cs_h5_path_exists(file, path);
	cs_h5_unlock();
	return exists;
}

static bool path_is_group(const struct cs_h5 *file, const char *path)
{
	bool group = false;

	if (cs_h5_path_exists(file, path)) {
		hid_t object = H5Oopen(file->file, path, H5P_DEFAULT);

		group = object >= 0 && H5Iget_type(object) == H5I_GROUP;
		if (object >= 0)
			H5Oclose(object);
	}
	return group;
}

bool cs_h5_is_group(struct cs_h5 *file, const char *path)
{
	bool group;

	if (file->guard)
		return cs_guard_truth(file->guard, CS_GUARD_IS_GROUP, path, NULL);
	cs_h5_lock();
	group = path_is_group(file, path);
	cs_h5_unlock();
	return group;
}

hid_t cs_h5_link_properties(void)
{
	hid_t list = H5Pcreate(H5P_LINK_CREATE);

	H5Pset_char_encoding(list, H5T_CSET_UTF8);
	return list;
}

hid_t cs_h5_data_properties(void)
{
	hid_t list = H5Pcreate(H5P_DATASET_CREATE);

	H5Pset_obj_track_times(list, false);
	return list;
}

static enum cs_status make_one_group(const struct cs_h5 *file, const char *path, struct cs_error *error)
{
	hid_t creation, links, group;
	enum cs_status status = CS_OK;

	if (cs_h5_path_exists(file, path))
		return CS_OK;
	links = cs_h5_link_properties();
	creation = H5Pcreate(H5P_GROUP_CREATE);
	H5Pset_obj_track_times(creation, false);
	group = H5Gcreate2(file->file, path, links, creation, H5P_DEFAULT);
	if (group < 0)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot make the group '%s'", path);
	else
		H5Gclose(group);
	H5Pclose(creation);
	H5Pclose(links);
	return status;
}

/* One by one: groups that the library makes on the way would carry time stamps. */
enum cs_status cs_h5_need_group(const struct cs_h5 *file, const char *path, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	char *part;

	if (cs_h5_path_exists(file, path))
		return CS_OK;
	part = cs_strdup(path);
	if (!part)
		return cs_fail_memory(error, "a group name");
	for (char *slash = part; status == CS_OK && (slash = strchr(slash + 1, '/')) != NULL;) {
		*slash = '\0';
		status = make_one_group(file, part, error);
		*slash = '/';
	}
	if (status == CS_OK)
		status = make_one_group(file, path, error);
	cs_free(part);
	return status;
}

enum cs_status cs_h5_make_group(struct cs_h5 *file, const char *path, struct cs_error *error)
{
	enum cs_status status;

	cs_h5_lock();
	status = cs_h5_need_group(file, path, error);
	if (status == CS_OK && !path_is_group(file, path))
		status = cs_fail(
			error, CS_ERR_EXISTS, "'%s': '%s' is a data set, a group was expected", file->name, path);
	cs_h5_unlock();
	return status;
}

enum cs_status cs_h5_make_way(const struct cs_h5 *file, const char *path, struct cs_error *error)
{
	const char *slash = strrchr(path, '/');
	enum cs_status status;
	char *parent;

	if (cs_h5_path_exists(file, path)) {
		if (H5Ldelete(file->file, path, H5P_DEFAULT) < 0)
			return cs_h5_fail(file, error, CS_ERR_IO, "cannot replace '%s'", path);
		return CS_OK;
	}
	if (!slash || slash == path)
		return CS_OK;
	parent = cs_strndup(path, (size_t)(slash - path));
	if (!parent)
		return cs_fail_memory(error, "a group name");
	status = cs_h5_need_group(file, parent, error);
	cs_free(parent);
	return status;
}

/* Names one after the other, each with its NUL. */
struct names {
	char *bytes;
	size_t used, capacity;
	int count;
	bool no_memory;
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
	struct names *names = data;
	size_t length = strlen(name) + 1;

	(void)group;
	(void)info;
	if (names->count >= NAMES_LIMIT || length > NAME_BYTES_LIMIT - names->used) {
		names->no_memory = true;
		return -1;
	}
	if (names->used + length > names->capacity) {
		size_t wanted =
			names->used + length > 2 * names->capacity ? names->used + length + 1024 : 2 * names->capacity;
		char *larger = cs_realloc(names->bytes, wanted, 1);

		if (!larger) {
			names->no_memory = true;
			return -1;
		}
		names->bytes = larger;
		names->capacity = wanted;
	}
	memcpy(names->bytes + names->used, name, length);
	names->used += length;
	names->count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One block: pointers, a NULL, then the characters. NULL without memory. */
static char **names_block(const struct names *names)
{
	size_t pointers = ((size_t)names->count + 1) * sizeof(char *);
	char **list = cs_alloc(pointers + names->used);
	char *at = (char *)list + pointers;

	if (!list)
		return NULL;
	if (names->used)
		memcpy(at, names->bytes, names->used);
	for (int i = 0; i < names->count; i++, at += strlen(at) + 1)
		list[i] = at;
	list[names->count] = NULL;
	qsort(list, (size_t)names->count, sizeof *list, by_name);
	return list;
}

enum cs_status cs_h5_list(struct cs_h5 *file, const char *path, char ***out, int *count, struct cs_error *error)
{
	struct names names = {0};
	enum cs_status status = CS_OK;
	char **list = NULL;
	hid_t group = -1;

	if (file->guard)
		return cs_guard_read_strings(file->guard, CS_GUARD_LIST, path, NULL, out, count, error);
	cs_h5_lock();
	if (!cs_h5_path_exists(file, path)) {
		status = cs_fail(error, CS_ERR_NOT_FOUND, "'%s' has no group '%.300s'", file->name, path);
		goto out;
	}
	if (!path_is_group(file, path)) {
		status = cs_fail(
			error, CS_ERR_FORMAT, "'%s': '%s' is a data set, a group was expected", file->name, path);
		goto out;
	}
	group = H5Gopen2(file->file, path, H5P_DEFAULT);
	if (group < 0) {
		status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot open the group '%s'", path);
		goto out;
	}
	if (H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_name, &names) < 0 && !names.no_memory) {
		status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot list the group '%s'", path);
		goto out;
	}
	list = names.no_memory ? NULL : names_block(&names);
	if (!list)
		status = cs_fail(
			error, CS_ERR_MEMORY, "'%s': not enough memory to list the group '%s'", file->name, path);
out:
	if (group >= 0)
		H5Gclose(group);
	cs_h5_unlock();
	cs_free(names.bytes);
	if (status == CS_OK) {
		*out = list;
		*count = names.count;
	}
	return status;
}

enum cs_status cs_h5_start_swmr(struct cs_h5 *file, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	cs_h5_lock();
	if (H5Fstart_swmr_write(file->file) < 0)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot be opened to readers (SWMR)");
	cs_h5_unlock();
	return status;
}

enum cs_status cs_h5_flush(struct cs_h5 *file, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	cs_h5_lock();
	if (H5Fflush(file->file, H5F_SCOPE_LOCAL) < 0)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot be written");
	cs_h5_unlock();
	return status;
}
