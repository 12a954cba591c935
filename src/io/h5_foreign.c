/* h5_foreign.c: HDF5 files that are not trusted: handed to the helper (guard.h) here, and opened by the helper there.
 *
 * The helper may open nothing, so the library reads through a driver of our own over a descriptor that is already open. The
 * driver only reads: everything that would write fails.
 */
#include "io/h5_internal.h"

#include "core/alloc.h"
#include "io/guard.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

static enum cs_status wrap(struct cs_guard *guard, const char *name, struct cs_h5 **out, struct cs_error *error)
{
	struct cs_h5 *file = cs_calloc(1, sizeof *file);

	if (file)
		file->name = cs_strdup(name);
	if (!file || !file->name) {
		cs_free(file);
		cs_guard_close(guard);
		return cs_fail_memory(error, "an HDF5 file");
	}
	file->file = -1;
	file->mode = CS_H5_READ;
	file->guard = guard;
	*out = file;
	return CS_OK;
}

enum cs_status cs_h5_open_foreign(const char *path, struct cs_h5 **out, struct cs_error *error)
{
	struct cs_guard *guard;
	enum cs_status status = cs_guard_open(path, &guard, error);

	return status ? status : wrap(guard, path, out, error);
}

enum cs_status cs_h5_open_foreign_descriptor(
	int descriptor, const char *name, struct cs_h5 **out, struct cs_error *error)
{
	struct cs_guard *guard;
	enum cs_status status = cs_guard_open_descriptor(descriptor, name, &guard, error);

	return status ? status : wrap(guard, name, out, error);
}

enum cs_status cs_h5_lost(struct cs_h5 *file, struct cs_error *error)
{
	return file->guard ? cs_guard_lost(file->guard, error) : CS_OK;
}

/* --- the driver --- */

struct descriptor {
	H5FD_t common; /* first, as the library asks */
	int descriptor;
	haddr_t end, allocated;
};

static H5FD_t *open_descriptor(const char *name, unsigned flags, hid_t access, haddr_t most)
{
	const int *given = H5Pget_driver_info(access);
	struct descriptor *file;
	struct stat info;

	(void)name;
	(void)most;
	if (!given || (flags & ~H5F_ACC_SWMR_READ) != H5F_ACC_RDONLY || fstat(*given, &info))
		return NULL;
	file = cs_calloc(1, sizeof *file);
	if (!file)
		return NULL;
	file->descriptor = *given;
	file->end = (haddr_t)info.st_size;
	return &file->common;
}

static herr_t close_descriptor(H5FD_t *file)
{
	cs_free(file);
	return 0;
}

static herr_t query(const H5FD_t *file, unsigned long *flags)
{
	(void)file;
	/* Small reads of structure and of data are gathered by the library. */
	*flags = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_SUPPORTS_SWMR_IO;
	return 0;
}

static haddr_t get_allocated(const H5FD_t *file, H5FD_mem_t type)
{
	(void)type;
	return ((const struct descriptor *)(const void *)file)->allocated;
}

static herr_t set_allocated(H5FD_t *file, H5FD_mem_t type, haddr_t address)
{
	(void)type;
	((struct descriptor *)(void *)file)->allocated = address;
	return 0;
}

static haddr_t get_end(const H5FD_t *file, H5FD_mem_t type)
{
	(void)type;
	return ((const struct descriptor *)(const void *)file)->end;
}

/* Past the end are zeros, as in the library's own driver. */
static herr_t read_bytes(H5FD_t *common, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer)
{
	const struct descriptor *file = (const struct descriptor *)(const void *)common;
	char *to = buffer;

	(void)type;
	(void)transfer;
	if (address > INT64_MAX || size > INT64_MAX - address)
		return -1;
	while (size) {
		ssize_t got = pread(file->descriptor, to, size, (off_t)address);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0) {
			memset(to, 0, size);
			return 0;
		}
		to += got;
		address += (haddr_t)got;
		size -= (size_t)got;
	}
	return 0;
}

static herr_t write_bytes(
	H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, const void *buffer)
{
	(void)file;
	(void)type;
	(void)transfer;
	(void)address;
	(void)size;
	(void)buffer;
	return -1;
}

static const H5FD_class_t driver = {
#ifdef H5FD_CLASS_VERSION
	.version = H5FD_CLASS_VERSION,
	.value = (H5FD_class_value_t)600,
#endif
	.name = "descriptor",
	.maxaddr = INT64_MAX,
	.fc_degree = H5F_CLOSE_STRONG,
	.fapl_size = sizeof(int),
	.open = open_descriptor,
	.close = close_descriptor,
	.query = query,
	.get_eoa = get_allocated,
	.set_eoa = set_allocated,
	.get_eof = get_end,
	.read = read_bytes,
	.write = write_bytes,
	.fl_map = H5FD_FLMAP_DICHOTOMY,
};

/* Where the format allows the signature: at 0, 512, 1024, 2048 and so on. */
bool cs_h5_recognise(int descriptor)
{
	static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
	unsigned char found[8];

	for (off_t at = 0; pread(descriptor, found, sizeof found, at) == sizeof found; at = at ? 2 * at : 512)
		if (memcmp(found, signature, sizeof found) == 0)
			return true;
	return false;
}

enum cs_status cs_h5_open_descriptor(int descriptor, const char *name, struct cs_h5 **out, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	struct cs_h5 *file;
	hid_t id, access;

	if (!cs_h5_recognise(descriptor))
		return cs_h5_refuse(name, error);
	file = cs_calloc(1, sizeof *file);
	if (file)
		file->name = cs_strdup(name);
	if (!file || !file->name) {
		cs_free(file);
		return cs_fail_memory(error, "an HDF5 file");
	}
	file->mode = CS_H5_READ;
	cs_h5_lock();
	id = H5FDregister(&driver);
	access = H5Pcreate(H5P_FILE_ACCESS);
	H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
	file->file = id < 0 || H5Pset_driver(access, id, &descriptor) < 0 ? -1 : H5Fopen(name, H5F_ACC_RDONLY, access);
	/* What somebody is writing to, or a killed writer left, opens so alone. */
	if (file->file < 0 && id >= 0) {
		hid_t growing = H5Fopen(name, H5F_ACC_RDONLY | H5F_ACC_SWMR_READ, access);

		file->file = growing;
	}
	if (file->file < 0)
		status = cs_h5_fail(file, error, CS_ERR_FORMAT, "cannot be opened as HDF5");
	H5Pclose(access);
	if (id >= 0)
		H5FDunregister(id); /* an open file keeps its own hold on it */
	cs_h5_unlock();
	if (status) {
		cs_free(file->name);
		cs_free(file);
		return status;
	}
	*out = file;
	return CS_OK;
}

int64_t cs_h5_grain(struct cs_h5 *file, const char *path)
{
	hsize_t chunk[H5S_MAX_RANK];
	hid_t data, creation;
	int64_t grain = 0;

	if (file->guard)
		return 0;
	cs_h5_lock();
	if (cs_h5_open_data(file, path, &data, NULL) == CS_OK) {
		creation = H5Dget_create_plist(data);
		if (creation >= 0 && H5Pget_layout(creation) == H5D_CONTIGUOUS)
			grain = 1;
		else if (creation >= 0 && H5Pget_layout(creation) == H5D_CHUNKED &&
			H5Pget_chunk(creation, H5S_MAX_RANK, chunk) > 0 && chunk[0] <= INT32_MAX)
			grain = (int64_t)chunk[0];
		if (creation >= 0)
			H5Pclose(creation);
		H5Dclose(data);
	}
	cs_h5_unlock();
	return grain;
}

int64_t cs_h5_address(struct cs_h5 *file, const char *path)
{
	hid_t data, creation, type;
	int64_t address = -1;

	if (file->guard)
		return -1;
	cs_h5_lock();
	if (cs_h5_open_data(file, path, &data, NULL) == CS_OK) {
		creation = H5Dget_create_plist(data);
		type = H5Dget_type(data);
		if (creation >= 0 && type >= 0 && H5Pget_layout(creation) == H5D_CONTIGUOUS &&
			H5Tequal(type, H5T_NATIVE_FLOAT) > 0) {
			haddr_t found = H5Dget_offset(data);

			address = found == HADDR_UNDEF || found > INT64_MAX ? -1 : (int64_t)found;
		}
		if (creation >= 0)
			H5Pclose(creation);
		if (type >= 0)
			H5Tclose(type);
		H5Dclose(data);
	}
	cs_h5_unlock();
	return address;
}
