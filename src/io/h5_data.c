/* h5_data.c: numbers out of HDF5 data sets: tensors, typed arrays, rows. See h5.h; h5_write.c writes them.
 *
 * What a data set claims is checked before memory is taken for it: the rank, the product of its sides, the caller's limit,
 * the size of a chunk, and whether the bytes stored could hold that much at all.
 */
#include "io/h5_internal.h"

#include "core/alloc.h"

#include <endian.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Below this many bytes a claim is not worth doubting. */
static const uint64_t doubt_above = (uint64_t)64 << 20;

hid_t cs_h5_memory_type(enum cs_h5_type type)
{
	switch (type) {
	case CS_H5_U8:
		return H5T_NATIVE_UINT8;
	case CS_H5_I32:
		return H5T_NATIVE_INT32;
	case CS_H5_I64:
		return H5T_NATIVE_INT64;
	case CS_H5_F32:
		return H5T_NATIVE_FLOAT;
	case CS_H5_F64:
		return H5T_NATIVE_DOUBLE;
	}
	return -1;
}

size_t cs_h5_type_size(enum cs_h5_type type)
{
	return type == CS_H5_U8 ? 1 : type == CS_H5_I32 || type == CS_H5_F32 ? 4 : 8;
}

/* 'f', 'i', 's' or '?': what the elements of an open data set are. */
static char kind_of(hid_t data)
{
	hid_t type = H5Dget_type(data);
	char kind = '?';

	if (type < 0)
		return kind;
	switch (H5Tget_class(type)) {
	case H5T_FLOAT:
		kind = 'f';
		break;
	case H5T_INTEGER:
	case H5T_ENUM: /* h5py's booleans */
		kind = 'i';
		break;
	case H5T_STRING:
		kind = 's';
		break;
	case H5T_OPAQUE: /* h5py's way of keeping bfloat16, a type HDF5 has no name for */
		kind = H5Tget_size(type) == 2 ? 'f' : '?';
		break;
	default:
		break;
	}
	H5Tclose(type);
	return kind;
}

/* No filter but those the library brings itself: others would have to be loaded from somewhere. */
static enum cs_status check_filters(const struct cs_h5 *file, const char *path, hid_t creation, struct cs_error *error)
{
	int filters = H5Pget_nfilters(creation);

	for (int i = 0; i < filters; i++) {
		unsigned flags, config;
		size_t values = 0;
		char name[64] = "";
		H5Z_filter_t filter =
			H5Pget_filter2(creation, (unsigned)i, &flags, &values, NULL, sizeof name, name, &config);

		if (filter < 0 || H5Zfilter_avail(filter) <= 0)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"'%s': '%s' is compressed by filter %d (%.60s), which is not built into the HDF5 "
				"library: write "
				"it with gzip or uncompressed",
				file->name, path, (int)filter, name[0] ? name : "no name");
	}
	return CS_OK;
}

enum cs_status cs_h5_open_data(const struct cs_h5 *file, const char *path, hid_t *out, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	hid_t object = -1, creation = -1;
	H5D_layout_t layout;

	if (!cs_h5_path_exists(file, path))
		return cs_fail(error, CS_ERR_NOT_FOUND,
			"'%s' has no '%.300s' (or it is a link that leads nowhere or elsewhere)", file->name, path);
	object = H5Oopen(file->file, path, H5P_DEFAULT);
	if (object < 0) {
		status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot open '%s'", path);
		goto out;
	}
	if (H5Iget_type(object) != H5I_DATASET) {
		status = cs_fail(error, CS_ERR_FORMAT, "'%s': '%s' is a %s, a data set was expected", file->name, path,
			H5Iget_type(object) == H5I_GROUP ? "group" : "named type");
		goto out;
	}
	creation = H5Dget_create_plist(object);
	layout = creation < 0 ? H5D_LAYOUT_ERROR : H5Pget_layout(creation);
	if (layout == H5D_LAYOUT_ERROR) {
		status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot open '%s'", path);
		goto out;
	}
	if (layout == H5D_VIRTUAL || H5Pget_external_count(creation) != 0) {
		status = cs_fail(error, CS_ERR_UNSUPPORTED,
			"'%s': '%s' keeps its data in other files (%s storage); only files that hold their data are "
			"read",
			file->name, path, layout == H5D_VIRTUAL ? "virtual" : "external");
		goto out;
	}
	status = check_filters(file, path, creation, error);
out:
	if (creation >= 0)
		H5Pclose(creation);
	if (status == CS_OK)
		*out = object;
	else if (object >= 0)
		H5Oclose(object);
	return status;
}

enum cs_status cs_h5_shape_of(
	const struct cs_h5 *file, const char *path, hid_t data, struct cs_shape *shape, struct cs_error *error)
{
	hid_t space = H5Dget_space(data);
	enum cs_status status = CS_OK;
	hsize_t dims[H5S_MAX_RANK];
	int64_t count = 1;
	int rank;

	if (space < 0)
		return cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot read the shape of '%s'", path);
	*shape = (struct cs_shape){.rank = 1};
	if (H5Sget_simple_extent_type(space) == H5S_NULL)
		goto out;
	rank = H5Sget_simple_extent_ndims(space);
	if (rank < 0 || H5Sget_simple_extent_dims(space, dims, NULL) < 0) {
		status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot read the shape of '%s'", path);
		goto out;
	}
	if (rank > CS_MAX_RANK) {
		status = cs_fail(error, CS_ERR_UNSUPPORTED, "'%s': '%s' has %d dimensions, at most %d are read",
			file->name, path, rank, CS_MAX_RANK);
		goto out;
	}
	shape->rank = rank;
	for (int i = 0; i < rank; i++) {
		shape->dim[i] = dims[i] > INT64_MAX ? INT64_MAX : (int64_t)dims[i];
		if (dims[i] && (count > INT64_MAX / 8 / shape->dim[i])) {
			status = cs_fail(error, CS_ERR_MEMORY,
				"'%s': '%s' says it has more numbers than fit any memory", file->name, path);
			goto out;
		}
		if (dims[i])
			count *= shape->dim[i];
	}
out:
	H5Sclose(space);
	return status;
}

enum cs_status cs_h5_info(
	struct cs_h5 *file, const char *path, struct cs_shape *shape, char *kind, struct cs_error *error)
{
	struct cs_shape found;
	enum cs_status status;
	hid_t data;

	if (file->guard)
		return cs_guard_info(file->guard, path, shape, kind, error);
	cs_h5_lock();
	status = cs_h5_open_data(file, path, &data, error);
	if (status == CS_OK) {
		status = cs_h5_shape_of(file, path, data, &found, error);
		if (status == CS_OK) {
			if (shape)
				*shape = found;
			if (kind)
				*kind = kind_of(data);
		}
		H5Dclose(data);
	}
	cs_h5_unlock();
	return status;
}

/* Could the bytes that are stored be `count` numbers of this data set, and are its chunks of a sane size? */
static enum cs_status check_storage(
	const struct cs_h5 *file, const char *path, hid_t data, uint64_t count, struct cs_error *error)
{
	hid_t creation = H5Dget_create_plist(data);
	hid_t type = H5Dget_type(data);
	enum cs_status status = CS_OK;
	uint64_t element = type < 0 ? 0 : H5Tget_size(type);
	uint64_t claimed = 0, stored = 0;
	hsize_t size = 0;
	bool chunked;

	if (creation < 0 || element == 0 || __builtin_mul_overflow(count, element, &claimed)) {
		status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot read '%s'", path);
		goto out;
	}
	chunked = H5Pget_layout(creation) == H5D_CHUNKED;
	if (chunked) {
		hsize_t dims[H5S_MAX_RANK];
		int rank = H5Pget_chunk(creation, H5S_MAX_RANK, dims);
		uint64_t chunk = element;

		for (int i = 0; i < rank; i++)
			if (__builtin_mul_overflow(chunk, dims[i], &chunk))
				chunk = UINT64_MAX;
		if (rank < 0 || (chunk > doubt_above && chunk / 2 > claimed)) {
			status = cs_fail(error, CS_ERR_MEMORY,
				"'%s': '%s' is stored in chunks of %llu bytes, too large to read", file->name, path,
				(unsigned long long)chunk);
			goto out;
		}
	}
	if (claimed <= doubt_above)
		goto out;
	stored = H5Dget_storage_size(data);
	if (H5Fget_filesize(file->file, &size) >= 0 && stored > size)
		stored = size;
	if (stored < claimed / (chunked ? CS_H5_BEST_RATIO : 1))
		status = cs_fail(error, CS_ERR_FORMAT, "'%s': '%s' says it has %llu bytes, but only %llu are stored",
			file->name, path, (unsigned long long)claimed, (unsigned long long)stored);
out:
	if (creation >= 0)
		H5Pclose(creation);
	if (type >= 0)
		H5Tclose(type);
	return status;
}

/* Read `count` selected numbers as float32. The two bytes of a bfloat16 are the upper half of one; they are read behind the room that
 * those already widened take. */
static bool read_floats(hid_t data, hid_t memory, hid_t in_file, int64_t count, float *out)
{
	hid_t type = H5Dget_type(data);
	bool opaque = type >= 0 && H5Tget_class(type) == H5T_OPAQUE, ok;
	uint16_t *half = (uint16_t *)out + count;

	if (!opaque) {
		ok = H5Dread(data, H5T_NATIVE_FLOAT, memory, in_file, H5P_DEFAULT, out) >= 0;
	} else {
		ok = H5Dread(data, type, memory, in_file, H5P_DEFAULT, half) >= 0;
		for (int64_t i = 0; ok && i < count; i++) {
			uint16_t stored;
			uint32_t bits;

			memcpy(&stored, half + i, sizeof stored);
			bits = (uint32_t)le16toh(stored) << 16;
			memcpy(out + i, &bits, sizeof bits);
		}
	}
	if (type >= 0)
		H5Tclose(type);
	return ok;
}

static enum cs_status check_kind(
	const struct cs_h5 *file, const char *path, hid_t data, bool whole, struct cs_error *error)
{
	char kind = kind_of(data);

	if (kind == 'i' || (kind == 'f' && !whole))
		return CS_OK;
	return cs_fail(error, CS_ERR_FORMAT, "'%s': '%s' holds %s, %s were expected", file->name, path,
		kind == 's'           ? "text"
			: kind == 'f' ? "floating-point numbers"
				      : "elements that are not numbers",
		whole ? "whole numbers" : "numbers");
}

/* Open, check everything, and say the shape; on success the data set is open and safe to read. */
static enum cs_status open_numbers(const struct cs_h5 *file, const char *path, bool whole, int64_t limit, hid_t *data,
	struct cs_shape *shape, struct cs_error *error)
{
	enum cs_status status = cs_h5_open_data(file, path, data, error);
	char text[CS_SHAPE_TEXT];

	if (status != CS_OK)
		return status;
	status = check_kind(file, path, *data, whole, error);
	if (status == CS_OK)
		status = cs_h5_shape_of(file, path, *data, shape, error);
	if (status == CS_OK && cs_shape_count(shape) > limit)
		status = cs_fail(error, CS_ERR_MEMORY, "'%s': '%s' has %s numbers, over the limit of %lld", file->name,
			path, cs_shape_text(shape, text, sizeof text), (long long)limit);
	if (status == CS_OK)
		status = check_storage(file, path, *data, (uint64_t)cs_shape_count(shape), error);
	if (status != CS_OK)
		H5Dclose(*data);
	return status;
}

static enum cs_status read_whole(const struct cs_h5 *file, const char *path, hid_t data, enum cs_h5_type type,
	int64_t count, void *out, struct cs_error *error)
{
	bool ok = count == 0 ||
		(type == CS_H5_F32 ? read_floats(data, H5S_ALL, H5S_ALL, count, out)
				   : H5Dread(data, cs_h5_memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);

	if (!ok)
		return cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot read '%s'", path);
	return CS_OK;
}

enum cs_status cs_h5_read_tensor(
	struct cs_h5 *file, const char *path, int64_t limit, struct cs_tensor *out, struct cs_error *error)
{
	struct cs_tensor tensor = {0};
	struct cs_shape shape = {0};
	enum cs_status status;
	hid_t data;

	if (file->guard)
		return cs_guard_read_tensor(file->guard, path, limit, out, error);
	cs_h5_lock();
	status = open_numbers(file, path, false, limit, &data, &shape, error);
	if (status == CS_OK) {
		status = cs_tensor_init(&tensor, shape, error);
		if (status == CS_OK)
			status = read_whole(file, path, data, CS_H5_F32, cs_shape_count(&shape), tensor.data, error);
		H5Dclose(data);
	}
	cs_h5_unlock();
	if (status == CS_OK)
		*out = tensor;
	else
		cs_tensor_fini(&tensor);
	return status;
}

enum cs_status cs_h5_read_array(struct cs_h5 *file, const char *path, enum cs_h5_type type, int64_t limit, void **data,
	struct cs_shape *shape, struct cs_error *error)
{
	bool whole = type != CS_H5_F32 && type != CS_H5_F64;
	struct cs_shape found = {0};
	enum cs_status status;
	void *block = NULL;
	hid_t from;

	if (file->guard)
		return cs_guard_read_array(file->guard, path, type, limit, data, shape, error);
	cs_h5_lock();
	status = open_numbers(file, path, whole, limit, &from, &found, error);
	if (status == CS_OK) {
		int64_t count = cs_shape_count(&found);

		block = cs_alloc((size_t)count * cs_h5_type_size(type));
		if (!block)
			status = cs_fail(error, CS_ERR_MEMORY, "not enough memory for '%s' of '%s'", path, file->name);
		else
			status = read_whole(file, path, from, type, count, block, error);
		H5Dclose(from);
	}
	cs_h5_unlock();
	if (status != CS_OK) {
		cs_free(block);
		return status;
	}
	*data = block;
	if (shape)
		*shape = found;
	return CS_OK;
}

hid_t cs_h5_select_rows(hid_t data, const struct cs_shape *shape, int64_t first, int64_t count, hid_t *in_file)
{
	hsize_t start[CS_MAX_RANK] = {(hsize_t)first};
	hsize_t size[CS_MAX_RANK];
	hid_t memory;

	for (int i = 0; i < shape->rank; i++)
		size[i] = (hsize_t)(i ? shape->dim[i] : count);
	*in_file = H5Dget_space(data);
	memory = H5Screate_simple(shape->rank, size, NULL);
	if (*in_file >= 0)
		H5Sselect_hyperslab(*in_file, H5S_SELECT_SET, start, NULL, size, NULL);
	return memory;
}

enum cs_status cs_h5_read_rows(
	struct cs_h5 *file, const char *path, int64_t first, int64_t count, float *out, struct cs_error *error)
{
	struct cs_shape shape = {0};
	enum cs_status status;
	hid_t data;

	if (file->guard)
		return cs_guard_read_rows(file->guard, path, first, count, out, error);
	cs_h5_lock();
	status = open_numbers(file, path, false, INT64_MAX, &data, &shape, error);
	if (status != CS_OK)
		goto out;
	if (shape.rank == 0 || first < 0 || count < 0 || first > shape.dim[0] || count > shape.dim[0] - first) {
		status = cs_fail(error, CS_ERR_ARGUMENT,
			"'%s': '%s' has %lld rows; %lld rows from row %lld on are not there", file->name, path,
			(long long)(shape.rank ? shape.dim[0] : 0), (long long)count, (long long)first);
	} else if (count > 0 && cs_shape_count(&shape) > 0) {
		hid_t in_file;
		hid_t memory = cs_h5_select_rows(data, &shape, first, count, &in_file);

		if (!read_floats(data, memory, in_file, count * cs_shape_count(&shape) / shape.dim[0], out))
			status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot read '%s'", path);
		H5Sclose(memory);
		H5Sclose(in_file);
	}
	H5Dclose(data);
out:
	cs_h5_unlock();
	return status;
}

enum cs_status cs_h5_refresh(struct cs_h5 *file, const char *path, struct cs_error *error)
{
	enum cs_status status;
	hid_t data;

	cs_h5_lock();
	status = cs_h5_open_data(file, path, &data, error);
	if (status == CS_OK) {
		if (H5Drefresh(data) < 0)
			status = cs_h5_fail(file, error, CS_ERR_IO, "cannot look again at '%s'", path);
		H5Dclose(data);
	}
	cs_h5_unlock();
	return status;
}
