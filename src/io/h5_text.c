/* h5_text.c: text and single numbers, in data sets and in attributes. See h5.h.
 *
 * HDF5 has strings of fixed and of variable length, padded by NULs or spaces, in ASCII or UTF-8, and Keras and h5py have written
 * all of them over the years. Reading takes every kind; writing makes what h5py would make of a Python string (variable, UTF-8)
 * and of an array of bytes (fixed, NUL-padded).
 */
#include "io/h5_internal.h"

#include "core/alloc.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The most text that one list may hold, and the most strings. */
enum { TEXT_LIMIT = 256 << 20, STRINGS_LIMIT = 4 << 20 };
/* What fits an object header, and so an attribute in files of the oldest format. */
enum { HEADER_LIMIT = 65000 };

/* An open data set or attribute. */
struct holder {
	hid_t id, type, space;
	bool attribute;
	hssize_t count; /* elements; 0 also where there is no data space */
	char what[400]; /* for messages: "attribute 'x' of '/y'" */
};

static void describe(struct holder *holder, const char *path, const char *attribute)
{
	if (attribute)
		snprintf(holder->what, sizeof holder->what, "attribute '%.120s' of '%.200s'", attribute, path);
	else
		snprintf(holder->what, sizeof holder->what, "'%.300s'", path);
}

static void close_holder(struct holder *holder)
{
	if (holder->type >= 0)
		H5Tclose(holder->type);
	if (holder->space >= 0)
		H5Sclose(holder->space);
	if (holder->id >= 0 && holder->attribute)
		H5Aclose(holder->id);
	else if (holder->id >= 0)
		H5Dclose(holder->id);
}

static bool attribute_exists(const struct cs_h5 *file, const char *path, const char *attribute)
{
	return cs_h5_path_exists(file, path) && H5Aexists_by_name(file->file, path, attribute, H5P_DEFAULT) > 0;
}

static enum cs_status open_holder(const struct cs_h5 *file, const char *path, const char *attribute,
	struct holder *holder, struct cs_error *error)
{
	enum cs_status status;

	*holder = (struct holder){.id = -1, .type = -1, .space = -1, .attribute = attribute != NULL};
	describe(holder, path, attribute);
	if (attribute) {
		if (!attribute_exists(file, path, attribute))
			return cs_fail(error, CS_ERR_NOT_FOUND, "'%s' has no %s", file->name, holder->what);
		holder->id = H5Aopen_by_name(file->file, path, attribute, H5P_DEFAULT, H5P_DEFAULT);
		if (holder->id < 0)
			return cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot open %s", holder->what);
		holder->type = H5Aget_type(holder->id);
		holder->space = H5Aget_space(holder->id);
	} else {
		status = cs_h5_open_data(file, path, &holder->id, error);
		if (status != CS_OK)
			return status;
		holder->type = H5Dget_type(holder->id);
		holder->space = H5Dget_space(holder->id);
	}
	if (holder->type < 0 || holder->space < 0) {
		status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot read %s", holder->what);
		close_holder(holder);
		return status;
	}
	if (H5Sget_simple_extent_type(holder->space) != H5S_NULL)
		holder->count = H5Sget_simple_extent_npoints(holder->space);
	if (holder->count < 0 || holder->count > STRINGS_LIMIT) {
		status = cs_fail(
			error, CS_ERR_MEMORY, "'%s': %s has too many elements to read", file->name, holder->what);
		close_holder(holder);
		return status;
	}
	return CS_OK;
}

static herr_t read_holder(const struct holder *holder, hid_t type, void *out)
{
	return holder->attribute ? H5Aread(holder->id, type, out)
				 : H5Dread(holder->id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
}

/* Strings found, as (start, length) into `raw` or into the library's own blocks. */
struct found {
	char **variable; /* [count], the library's memory */
	char *fixed; /* [count][size] */
	size_t size;
	bool spaces; /* padded by spaces */
};

static size_t text_length(const struct found *found, hssize_t i)
{
	const char *text;
	size_t length;

	if (found->variable)
		return found->variable[i] ? strlen(found->variable[i]) : 0;
	text = found->fixed + (size_t)i * found->size;
	length = strnlen(text, found->size);
	while (found->spaces && length > 0 && text[length - 1] == ' ')
		length--;
	return length;
}

static const char *text_start(const struct found *found, hssize_t i)
{
	if (found->variable)
		return found->variable[i] ? found->variable[i] : "";
	return found->fixed + (size_t)i * found->size;
}

static enum cs_status read_found(
	const struct cs_h5 *file, const struct holder *holder, struct found *found, struct cs_error *error)
{
	size_t count = (size_t)holder->count;
	void *block;

	if (H5Tget_class(holder->type) != H5T_STRING)
		return cs_fail(error, CS_ERR_FORMAT, "'%s': %s is not text", file->name, holder->what);
	found->spaces = H5Tget_strpad(holder->type) == H5T_STR_SPACEPAD;
	if (H5Tis_variable_str(holder->type) > 0) {
		block = found->variable = cs_calloc(count, sizeof *found->variable);
	} else {
		found->size = H5Tget_size(holder->type);
		if (found->size == 0 || found->size > TEXT_LIMIT / count)
			return cs_fail(error, CS_ERR_MEMORY,
				"'%s': %s holds %zu strings of %zu bytes, over the limit of %d bytes", file->name,
				holder->what, count, found->size, TEXT_LIMIT);
		if (!holder->attribute && found->size * count > 1 << 20 &&
			H5Dget_storage_size(holder->id) < found->size * count / CS_H5_BEST_RATIO)
			return cs_fail(error, CS_ERR_FORMAT, "'%s': %s says it has more text than is stored",
				file->name, holder->what);
		block = found->fixed = cs_calloc(count, found->size);
	}
	if (!block)
		return cs_fail(error, CS_ERR_MEMORY, "not enough memory for %s of '%s'", holder->what, file->name);
	if (read_holder(holder, holder->type, block) < 0)
		return cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot read %s", holder->what);
	return CS_OK;
}

static void drop_found(const struct holder *holder, struct found *found)
{
	if (found->variable)
		H5Dvlen_reclaim(holder->type, holder->space, H5P_DEFAULT, found->variable);
	cs_free(found->variable);
	cs_free(found->fixed);
}

enum cs_status cs_h5_read_string(
	struct cs_h5 *file, const char *path, const char *attribute, char **text, struct cs_error *error)
{
	struct found found = {0};
	struct holder holder;
	enum cs_status status;
	char *copy = NULL;

	if (file->guard)
		return cs_guard_read_string(file->guard, path, attribute, text, error);
	cs_h5_lock();
	status = open_holder(file, path, attribute, &holder, error);
	if (status != CS_OK) {
		cs_h5_unlock();
		return status;
	}
	if (holder.count != 1)
		status = cs_fail(error, CS_ERR_FORMAT, "'%s': %s has %lld elements, one string was expected",
			file->name, holder.what, (long long)holder.count);
	else
		status = read_found(file, &holder, &found, error);
	if (status == CS_OK) {
		copy = cs_strndup(text_start(&found, 0), text_length(&found, 0));
		if (!copy)
			status = cs_fail(
				error, CS_ERR_MEMORY, "not enough memory for %s of '%s'", holder.what, file->name);
	}
	drop_found(&holder, &found);
	close_holder(&holder);
	cs_h5_unlock();
	if (status == CS_OK)
		*text = copy;
	return status;
}

/* One block: pointers, a NULL, the characters. NULL without memory. */
static char **make_list(const struct found *found, hssize_t count)
{
	size_t pointers = ((size_t)count + 1) * sizeof(char *);
	size_t bytes = pointers;
	char **list;
	char *at;

	for (hssize_t i = 0; i < count; i++)
		bytes += text_length(found, i) + 1;
	list = cs_alloc(bytes);
	if (!list)
		return NULL;
	at = (char *)list + pointers;
	for (hssize_t i = 0; i < count; i++) {
		size_t length = text_length(found, i);

		list[i] = at;
		memcpy(at, text_start(found, i), length);
		at[length] = '\0';
		at += length + 1;
	}
	list[count] = NULL;
	return list;
}

enum cs_status cs_h5_read_strings(
	struct cs_h5 *file, const char *path, const char *attribute, char ***out, int *count, struct cs_error *error)
{
	struct found found = {0};
	struct holder holder;
	enum cs_status status;
	char **list = NULL;

	if (file->guard)
		return cs_guard_read_strings(file->guard, CS_GUARD_STRINGS, path, attribute, out, count, error);
	cs_h5_lock();
	status = open_holder(file, path, attribute, &holder, error);
	if (status != CS_OK) {
		cs_h5_unlock();
		return status;
	}
	if (holder.count > 0)
		status = read_found(file, &holder, &found, error);
	if (status == CS_OK) {
		list = make_list(&found, holder.count);
		if (!list)
			status = cs_fail(
				error, CS_ERR_MEMORY, "not enough memory for %s of '%s'", holder.what, file->name);
	}
	drop_found(&holder, &found);
	close_holder(&holder);
	cs_h5_unlock();
	if (status == CS_OK) {
		*out = list;
		*count = (int)holder.count;
	}
	return status;
}

/* Make a data set or attribute and write it; `bytes` is its size, for the hint. */
static enum cs_status write_holder(const struct cs_h5 *file, const char *path, const char *attribute, hid_t type,
	hid_t space, const void *data, size_t bytes, struct cs_error *error)
{
	struct holder holder = {.id = -1, .type = -1, .space = -1, .attribute = attribute != NULL};
	enum cs_status status;
	herr_t written = 0;
	hid_t links = -1, creation = -1;

	describe(&holder, path, attribute);
	if (attribute) {
		status = cs_h5_need_group(file, path, error);
		if (status != CS_OK)
			return status;
		if (attribute_exists(file, path, attribute))
			H5Adelete_by_name(file->file, path, attribute, H5P_DEFAULT);
		holder.id = H5Acreate_by_name(
			file->file, path, attribute, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
		if (holder.id >= 0 && data)
			written = H5Awrite(holder.id, type, data);
	} else {
		status = cs_h5_make_way(file, path, error);
		if (status != CS_OK)
			return status;
		links = cs_h5_link_properties();
		creation = cs_h5_data_properties();
		holder.id = H5Dcreate2(file->file, path, type, space, links, creation, H5P_DEFAULT);
		if (holder.id >= 0 && data)
			written = H5Dwrite(holder.id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
	}
	if (holder.id < 0 || written < 0) {
		if (attribute && bytes > HEADER_LIMIT)
			status = cs_h5_fail(file, error, CS_ERR_IO,
				"cannot write %s: %zu bytes do not fit an attribute of this file (64 KiB)", holder.what,
				bytes);
		else
			status = cs_h5_fail(file, error, CS_ERR_IO, "cannot write %s", holder.what);
	}
	if (links >= 0)
		H5Pclose(links);
	if (creation >= 0)
		H5Pclose(creation);
	close_holder(&holder);
	return status;
}

enum cs_status cs_h5_write_string(
	struct cs_h5 *file, const char *path, const char *attribute, const char *text, struct cs_error *error)
{
	enum cs_status status;
	hid_t type, space;

	cs_h5_lock();
	type = H5Tcopy(H5T_C_S1);
	H5Tset_size(type, H5T_VARIABLE);
	H5Tset_cset(type, H5T_CSET_UTF8);
	space = H5Screate(H5S_SCALAR);
	status = write_holder(file, path, attribute, type, space, &text, 0, error);
	H5Sclose(space);
	H5Tclose(type);
	cs_h5_unlock();
	return status;
}

enum cs_status cs_h5_write_strings(struct cs_h5 *file, const char *path, const char *attribute, const char *const *list,
	int count, struct cs_error *error)
{
	hsize_t dims[1] = {(hsize_t)count};
	enum cs_status status;
	hid_t type, space;
	size_t size = 1;
	bool ascii = true;
	char *block;

	for (int i = 0; i < count; i++) {
		size_t length = strlen(list[i]);

		size = length > size ? length : size;
		for (size_t k = 0; k < length; k++)
			ascii = ascii && (unsigned char)list[i][k] < 0x80;
	}
	block = cs_calloc((size_t)count, size);
	if (!block)
		return cs_fail_memory(error, "a list of strings");
	for (int i = 0; i < count; i++)
		memcpy(block + (size_t)i * size, list[i], strlen(list[i]));
	cs_h5_lock();
	space = H5Screate_simple(1, dims, NULL);
	if (count == 0) {
		type = H5Tcopy(H5T_IEEE_F64LE); /* what numpy makes of an empty list, and so what every Keras wrote */
	} else {
		type = H5Tcopy(H5T_C_S1);
		H5Tset_size(type, size);
		H5Tset_strpad(type, H5T_STR_NULLPAD);
		H5Tset_cset(type, ascii ? H5T_CSET_ASCII : H5T_CSET_UTF8);
	}
	status = write_holder(file, path, attribute, type, space, count ? block : NULL, size * (size_t)count, error);
	H5Sclose(space);
	H5Tclose(type);
	cs_h5_unlock();
	cs_free(block);
	return status;
}

bool cs_h5_has_attribute(struct cs_h5 *file, const char *path, const char *attribute)
{
	bool exists;

	if (file->guard)
		return cs_guard_truth(file->guard, CS_GUARD_HAS_ATTRIBUTE, path, attribute);
	cs_h5_lock();
	exists = attribute_exists(file, path, attribute);
	cs_h5_unlock();
	return exists;
}

enum cs_status cs_h5_read_number(
	struct cs_h5 *file, const char *path, const char *attribute, double *value, struct cs_error *error)
{
	struct holder holder;
	enum cs_status status;
	double number = 0;

	if (file->guard)
		return cs_guard_read_number(file->guard, path, attribute, value, error);
	cs_h5_lock();
	status = open_holder(file, path, attribute, &holder, error);
	if (status == CS_OK) {
		H5T_class_t class = H5Tget_class(holder.type);

		if (holder.count != 1 || (class != H5T_FLOAT && class != H5T_INTEGER && class != H5T_ENUM))
			status = cs_fail(
				error, CS_ERR_FORMAT, "'%s': %s is not a single number", file->name, holder.what);
		else if (read_holder(&holder, H5T_NATIVE_DOUBLE, &number) < 0)
			status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot read %s", holder.what);
		close_holder(&holder);
	}
	cs_h5_unlock();
	if (status == CS_OK)
		*value = number;
	return status;
}

enum cs_status cs_h5_write_number(
	struct cs_h5 *file, const char *path, const char *attribute, double value, struct cs_error *error)
{
	enum cs_status status;
	hid_t space;

	cs_h5_lock();
	space = H5Screate(H5S_SCALAR);
	status = write_holder(file, path, attribute, H5T_NATIVE_DOUBLE, space, &value, 0, error);
	H5Sclose(space);
	cs_h5_unlock();
	return status;
}
