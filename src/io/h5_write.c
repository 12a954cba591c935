/* h5_write.c: numbers into HDF5 data sets: tensors, typed arrays, and tables that grow. See h5.h.
 *
 * Numbers are stored little-endian whatever the machine is, and without time stamps: equal data, equal bytes.
 */
#include "io/h5_internal.h"

static hid_t stored_type(enum cs_h5_type type)
{
	switch (type) {
	case CS_H5_U8:
		return H5T_STD_U8LE;
	case CS_H5_I32:
		return H5T_STD_I32LE;
	case CS_H5_I64:
		return H5T_STD_I64LE;
	case CS_H5_F32:
		return H5T_IEEE_F32LE;
	case CS_H5_F64:
		return H5T_IEEE_F64LE;
	}
	return -1;
}

/* Make a data set, and write all of it unless `numbers` is NULL. The lock is held. */
static enum cs_status make_array(const struct cs_h5 *file, const char *path, enum cs_h5_type type,
	const struct cs_shape *shape, const void *numbers, struct cs_error *error)
{
	hid_t space = -1, creation = -1, links = -1, to = -1;
	enum cs_status status = cs_h5_make_way(file, path, error);
	hsize_t dims[CS_MAX_RANK];

	if (status != CS_OK)
		return status;
	for (int i = 0; i < shape->rank; i++)
		dims[i] = (hsize_t)shape->dim[i];
	space = shape->rank ? H5Screate_simple(shape->rank, dims, NULL) : H5Screate(H5S_SCALAR);
	creation = cs_h5_data_properties();
	links = cs_h5_link_properties();
	to = H5Dcreate2(file->file, path, stored_type(type), space, links, creation, H5P_DEFAULT);
	if (to < 0)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot make '%s'", path);
	else if (numbers && cs_shape_count(shape) > 0 &&
		H5Dwrite(to, cs_h5_memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) < 0)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot write '%s'", path);
	if (to >= 0 && H5Dclose(to) < 0 && status == CS_OK)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot write '%s'", path);
	H5Pclose(links);
	H5Pclose(creation);
	H5Sclose(space);
	return status;
}

enum cs_status cs_h5_write_array(struct cs_h5 *file, const char *path, enum cs_h5_type type, struct cs_shape shape,
	const void *data, struct cs_error *error)
{
	enum cs_status status;

	cs_h5_lock();
	status = make_array(file, path, type, &shape, data, error);
	cs_h5_unlock();
	return status;
}

enum cs_status cs_h5_make_array(
	struct cs_h5 *file, const char *path, enum cs_h5_type type, struct cs_shape shape, struct cs_error *error)
{
	enum cs_status status;

	cs_h5_lock();
	status = make_array(file, path, type, &shape, NULL, error);
	cs_h5_unlock();
	return status;
}

enum cs_status cs_h5_write_rows(struct cs_h5 *file, const char *path, enum cs_h5_type type, int64_t first,
	int64_t count, const void *rows, struct cs_error *error)
{
	struct cs_shape shape;
	enum cs_status status;
	hid_t data;

	cs_h5_lock();
	status = cs_h5_open_data(file, path, &data, error);
	if (status != CS_OK)
		goto out;
	status = cs_h5_shape_of(file, path, data, &shape, error);
	if (status == CS_OK && (shape.rank == 0 || first < 0 || count < 0 || first > shape.dim[0] - count))
		status = cs_fail(error, CS_ERR_ARGUMENT, "'%s': '%s' has no rows %lld to %lld", file->name, path,
			(long long)first, (long long)(first + count - 1));
	if (status == CS_OK && count > 0) {
		hid_t in_file, memory = cs_h5_select_rows(data, &shape, first, count, &in_file);

		if (H5Dwrite(data, cs_h5_memory_type(type), memory, in_file, H5P_DEFAULT, rows) < 0)
			status = cs_h5_fail(file, error, CS_ERR_IO, "cannot write '%s'", path);
		H5Sclose(memory);
		H5Sclose(in_file);
	}
	if (H5Dclose(data) < 0 && status == CS_OK)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot write '%s'", path);
out:
	cs_h5_unlock();
	return status;
}

enum cs_status cs_h5_write_tensor(
	struct cs_h5 *file, const char *path, const struct cs_tensor *tensor, struct cs_error *error)
{
	return cs_h5_write_array(file, path, CS_H5_F32, tensor->shape, tensor->data, error);
}

enum cs_status cs_h5_make_growing(
	struct cs_h5 *file, const char *path, enum cs_h5_type type, int64_t columns, struct cs_error *error)
{
	size_t row = cs_h5_type_size(type) * (columns > 0 ? (size_t)columns : 1);
	hsize_t dims[2] = {0, (hsize_t)columns};
	hsize_t most[2] = {H5S_UNLIMITED, (hsize_t)columns};
	hsize_t chunk[2] = {8192 / row > 16 ? 8192 / row : 16, (hsize_t)columns};
	int rank = columns > 0 ? 2 : 1;
	hid_t space, creation, links, data;
	enum cs_status status;

	cs_h5_lock();
	status = cs_h5_make_way(file, path, error);
	if (status != CS_OK)
		goto out;
	space = H5Screate_simple(rank, dims, most);
	creation = cs_h5_data_properties();
	H5Pset_chunk(creation, rank, chunk);
	links = cs_h5_link_properties();
	data = H5Dcreate2(file->file, path, stored_type(type), space, links, creation, H5P_DEFAULT);
	if (data < 0)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot make the table '%s'", path);
	else
		H5Dclose(data);
	H5Pclose(links);
	H5Pclose(creation);
	H5Sclose(space);
out:
	cs_h5_unlock();
	return status;
}

static enum cs_status append_rows(const struct cs_h5 *file, const char *path, hid_t data, enum cs_h5_type type,
	const void *rows, int64_t count, struct cs_error *error)
{
	struct cs_shape shape;
	enum cs_status status = cs_h5_shape_of(file, path, data, &shape, error);
	hsize_t grown[CS_MAX_RANK];
	hid_t memory, in_file;
	int64_t first;

	if (status != CS_OK)
		return status;
	if (shape.rank < 1 || shape.rank > 2)
		return cs_fail(error, CS_ERR_SHAPE, "'%s': '%s' is not a table that grows", file->name, path);
	first = shape.dim[0];
	grown[0] = (hsize_t)(first + count);
	grown[1] = (hsize_t)(shape.rank == 2 ? shape.dim[1] : 0);
	if (H5Dset_extent(data, grown) < 0)
		return cs_h5_fail(file, error, CS_ERR_IO, "cannot add %lld rows to '%s'", (long long)count, path);
	memory = cs_h5_select_rows(data, &shape, first, count, &in_file);
	if (H5Dwrite(data, cs_h5_memory_type(type), memory, in_file, H5P_DEFAULT, rows) < 0)
		status = cs_h5_fail(file, error, CS_ERR_IO, "cannot add %lld rows to '%s'", (long long)count, path);
	H5Sclose(memory);
	H5Sclose(in_file);
	return status;
}

enum cs_status cs_h5_append(struct cs_h5 *file, const char *path, enum cs_h5_type type, const void *rows, int64_t count,
	struct cs_error *error)
{
	enum cs_status status;
	hid_t data;

	if (count <= 0)
		return CS_OK;
	cs_h5_lock();
	status = cs_h5_open_data(file, path, &data, error);
	if (status == CS_OK) {
		status = append_rows(file, path, data, type, rows, count, error);
		if (H5Dclose(data) < 0 && status == CS_OK)
			status = cs_h5_fail(
				file, error, CS_ERR_IO, "cannot add %lld rows to '%s'", (long long)count, path);
	}
	cs_h5_unlock();
	return status;
}
