/* npz.c: data sets in one NumPy file: the arrays of arrays.h, unpacked from a zip. See npz.h.
 *
 * An array is unpacked whole, once, into a file without a name (io/file.h), the first time a row of it is wanted; all threads read
 * there. So memory does not follow from what the file holds, and a valid cache saves even that. What comes out must be as long as the
 * array's shape says, to the byte.
 */
#include "data/npz.h"

#include "core/alloc.h"
#include "data/arrays.h"
#include "data/place.h"
#include "data/stored.h"
#include "io/archive.h"
#include "io/file.h"
#include "io/npy.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, MAX_ARRAYS = 64, MAX_TEXT = 1024, MAX_STRINGS = 1 << 22, MAX_TEXT_BYTES = 64 << 20 };

/* The most that one array may unpack to. */
#define MAX_BYTES ((int64_t)256 << 30)

struct member {
	char *name; /* without .npy */
	int64_t entry;
	struct cs_npy npy;
	struct cs_error error; /* of its header; status CS_OK when it is good */
	int fd; /* of the unpacked member; -1 until it is wanted */
	const unsigned char *map; /* all of it, where the order is Fortran's and rows are scattered; else NULL */
	size_t size;
};

struct npz {
	const char *real;
	bool memory; /* unpack into memory */
	pthread_mutex_t lock; /* of the archive, and of unpacking */
	struct cs_tree tree;
	struct cs_archive *archive; /* the tree's */
	struct member members[MAX_ARRAYS];
	int count;
};

/* --- the members --- */

/* "a/x_train.npy" is x_train; NULL for what is no array. */
static char *array_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t length = strlen(base);

	return length > 4 && strcasecmp(base + length - 4, ".npy") == 0 ? cs_strndup(base, length - 4) : NULL;
}

static enum cs_status list_members(struct npz *npz, struct cs_error *error)
{
	char *header = cs_alloc(CS_NPY_HEADER);
	enum cs_status status = header ? CS_OK : cs_fail_memory(error, "a NumPy file");

	for (int64_t i = 0; i < cs_archive_count(npz->archive) && npz->count < MAX_ARRAYS && !status; i++) {
		struct member *m = &npz->members[npz->count];
		size_t got;

		m->name = array_name(cs_archive_name(npz->archive, i));
		if (!m->name)
			continue;
		m->entry = i;
		m->fd = -1;
		npz->count++;
		if (!cs_archive_peek(npz->archive, i, header, CS_NPY_HEADER, &got, &m->error))
			cs_npy_parse(header, got, m->name, &m->npy, &m->error);
	}
	cs_free(header);
	return status;
}

static void npz_close(struct npz *npz)
{
	for (int i = 0; i < npz->count; i++) {
		if (npz->members[i].map)
			munmap((void *)(uintptr_t)npz->members[i].map, npz->members[i].size);
		if (npz->members[i].fd >= 0)
			close(npz->members[i].fd);
		cs_free(npz->members[i].name);
	}
	cs_tree_close(&npz->tree);
	pthread_mutex_destroy(&npz->lock);
}

/* The member of that name with a good header, or its error. */
static enum cs_status find(struct npz *npz, const char *name, struct member **out, struct cs_error *error)
{
	for (int i = 0; i < npz->count; i++) {
		struct member *m = &npz->members[i];

		if (strcmp(m->name, name) != 0)
			continue;
		if (m->error.status) {
			if (error)
				*error = m->error;
			return m->error.status;
		}
		*out = m;
		return CS_OK;
	}
	return cs_fail(error, CS_ERR_NOT_FOUND, "'%s' has no array '%s'", npz->real, name);
}

static enum cs_status unpack(struct npz *npz, struct member *m, struct cs_error *error)
{
	int64_t wanted = m->npy.data + m->npy.count * m->npy.size, size = 0;
	int fd;
	enum cs_status status;

	if (wanted > MAX_BYTES)
		return cs_fail(error, CS_ERR_MEMORY, "'%s': %s says it has %" PRId64 " bytes, too many to unpack", npz->real,
			m->name, wanted);
	fd = cs_file_nameless(npz->memory);
	if (fd < 0)
		return cs_fail_errno(error, "no room to unpack", npz->real);
	status = cs_archive_unpack(npz->archive, m->entry, wanted, fd, &size, error);
	if (!status && size != wanted)
		status = cs_fail(error, CS_ERR_FORMAT,
			"'%s': %s is cut off: its shape needs %" PRId64 " bytes, but there are %" PRId64, npz->real, m->name,
			wanted, size);
	if (!status && m->npy.fortran && m->npy.shape.rank > 1 && size > 0) {
		void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);

		if (map == MAP_FAILED)
			status = cs_fail_memory(error, "an array of a NumPy file");
		else
			m->map = map;
		m->size = (size_t)size;
	}
	if (status)
		close(fd);
	else
		m->fd = fd;
	return status;
}

/* See that an array is unpacked. */
static enum cs_status need(struct npz *npz, struct member *m, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	pthread_mutex_lock(&npz->lock);
	if (m->fd < 0)
		status = unpack(npz, m, error);
	pthread_mutex_unlock(&npz->lock);
	return status;
}

/* --- as arrays.h wants them --- */

static enum cs_status list_arrays(void *file, char ***names, int *count, struct cs_error *error)
{
	const struct npz *npz = file;
	size_t size = ((size_t)npz->count + 1) * sizeof(char *);
	char **list, *at;

	for (int i = 0; i < npz->count; i++)
		size += strlen(npz->members[i].name) + 1;
	list = cs_alloc(size);
	if (!list)
		return cs_fail_memory(error, "the names in a NumPy file");
	at = (char *)(list + npz->count + 1);
	for (int i = 0; i < npz->count; i++) {
		list[i] = at;
		at = stpcpy(at, npz->members[i].name) + 1;
	}
	list[npz->count] = NULL;
	*names = list;
	*count = npz->count;
	return CS_OK;
}

static enum cs_status array_info(
	void *file, const char *name, struct cs_shape *shape, char *kind, struct cs_error *error)
{
	struct member *m = NULL;
	enum cs_status status = find(file, name, &m, error);

	if (!status) {
		*shape = m->npy.shape;
		*kind = m->npy.kind;
	}
	return status;
}

/* The elements of a row lie one after the other; in Fortran's order those of all rows are interleaved, index by index from the last. */
static void gather_row(const struct cs_npy *npy, const unsigned char *data, int64_t row, float *out)
{
	const struct cs_shape *s = &npy->shape;
	int64_t step[CS_MAX_RANK], at = 0, index[CS_MAX_RANK] = {0}, numbers = 1;

	step[0] = npy->size;
	for (int i = 1; i < s->rank; i++) {
		step[i] = step[i - 1] * s->dim[i - 1];
		numbers *= s->dim[i];
	}
	at = row * step[0];
	for (int64_t n = 0; n < numbers; n++) {
		cs_npy_floats(npy, data + at, 0, 1, out + n);
		for (int i = s->rank - 1; i > 0; i--) {
			at += step[i];
			if (++index[i] < s->dim[i])
				break;
			at -= step[i] * s->dim[i];
			index[i] = 0;
		}
	}
}

/* Elements that lie one after the other. */
static enum cs_status read_floats(
	const struct npz *npz, const struct member *m, int64_t first, int64_t count, float *out, struct cs_error *error)
{
	size_t size = (size_t)(count * m->npy.size);
	char *bytes = cs_alloc(size);
	enum cs_status status = bytes ? cs_file_read_at(m->fd, npz->real, m->npy.data + first * m->npy.size, bytes, size, error)
				      : cs_fail_memory(error, "images of a NumPy file");

	if (!status)
		cs_npy_floats(&m->npy, bytes, m->npy.size, count, out);
	cs_free(bytes);
	return status;
}

static enum cs_status array_rows(
	void *file, const char *name, int64_t first, int64_t count, float *out, struct cs_error *error)
{
	struct member *m = NULL;
	enum cs_status status = find(file, name, &m, error);
	int64_t row;

	if (!status && (m->npy.shape.rank < 1 || first < 0 || count < 0 || first > m->npy.shape.dim[0] ||
			count > m->npy.shape.dim[0] - first || !strchr("fib", m->npy.kind)))
		status = cs_fail(error, CS_ERR_ARGUMENT, "%s has no rows %" PRId64 " and on", name, first);
	if (!status)
		status = need(file, m, error);
	if (status || count == 0)
		return status;
	row = m->npy.count / m->npy.shape.dim[0];
	if (!m->map)
		return read_floats(file, m, first * row, count * row, out, error);
	for (int64_t i = 0; i < count; i++)
		gather_row(&m->npy, m->map + m->npy.data, first + i, out + i * row);
	return CS_OK;
}

static enum cs_status array_strings(void *file, const char *name, char ***out, int *count, struct cs_error *error)
{
	struct member *m = NULL;
	char text[MAX_TEXT], *bytes = NULL, **list = NULL, *at;
	size_t size = sizeof(char *), all;
	enum cs_status status = find(file, name, &m, error);

	if (!status && (m->npy.kind != 's' || m->npy.count > MAX_STRINGS || m->npy.count * m->npy.size > MAX_TEXT_BYTES))
		status = cs_fail(error, CS_ERR_FORMAT, "%s is no list of text, or too long a one", name);
	if (!status)
		status = need(file, m, error);
	if (status)
		return status;
	all = (size_t)(m->npy.count * m->npy.size);
	bytes = cs_alloc(all);
	status = bytes ? cs_file_read_at(m->fd, name, m->npy.data, bytes, all, error)
		       : cs_fail_memory(error, "the text in a NumPy file");
	for (int64_t i = 0; i < m->npy.count && !status; i++) {
		cs_npy_text(&m->npy, bytes + i * m->npy.size, text, sizeof text);
		size += sizeof(char *) + strlen(text) + 1;
	}
	if (!status && !(list = cs_alloc(size)))
		status = cs_fail_memory(error, "the text in a NumPy file");
	if (!status) {
		at = (char *)(list + m->npy.count + 1);
		for (int64_t i = 0; i < m->npy.count; i++) {
			cs_npy_text(&m->npy, bytes + i * m->npy.size, text, sizeof text);
			list[i] = at;
			at = stpcpy(at, text) + 1;
		}
		list[m->npy.count] = NULL;
		*out = list;
		*count = (int)m->npy.count;
	}
	cs_free(bytes);
	return status;
}

static const struct cs_array_ops npz_arrays = {
	.list = list_arrays,
	.info = array_info,
	.rows = array_rows,
	.strings = array_strings,
	.block = BLOCK,
};

/* --- the data set --- */

/* A zip with an array at its top. */
static bool npz_recognise(struct cs_place *place)
{
	const struct cs_tree *tree = cs_place_zip(place);
	struct cs_archive *archive = tree ? tree->archive : NULL;
	bool found = false;

	for (int64_t i = 0; archive && i < cs_archive_count(archive) && i < MAX_ARRAYS && !found; i++) {
		char *name = array_name(cs_archive_name(archive, i)), start[10];
		size_t got = 0;

		found = name && cs_archive_peek(archive, i, start, sizeof start, &got, NULL) == CS_OK &&
			cs_npy_recognise(start, got);
		cs_free(name);
	}
	return found;
}

static enum cs_status npz_open(struct cs_dataset *data, struct cs_place *place, const struct cs_data_options *given,
	struct cs_job *job, struct cs_error *error)
{
	const char *spec = place->name;
	struct npz *npz = cs_calloc(1, sizeof *npz);
	struct cs_arrays arrays = {.ops = &npz_arrays, .context = npz, .given = spec};
	struct cs_data_options options;
	uint64_t fingerprint = 0;
	char *real = NULL;
	enum cs_status status;

	if (!npz)
		return cs_fail_memory(error, "a NumPy file");
	pthread_mutex_init(&npz->lock, NULL);
	status = cs_stored_options(given, spec, NULL, &options, error);
	if (!status)
		status = cs_stored_path(spec, &real, error);
	if (!status)
		status = cs_stored_fingerprint(real, &fingerprint, error);
	if (!status)
		status = cs_place_tree(place, real, options.no_cache, &npz->tree, error);
	if (!status) {
		npz->archive = npz->tree.archive;
		npz->real = spec;
		npz->memory = options.no_cache;
		arrays.size = cs_stored_size(real);
		status = list_members(npz, error);
	}
	if (!status)
		status = cs_arrays_open(data, "npz", real, fingerprint, &arrays, &options, job, error);
	npz_close(npz);
	cs_free(npz);
	cs_free(real);
	return status;
}

const struct cs_dataset_ops cs_npz_dataset = {
	.name = "npz",
	.expects = "an .npz file",
	.recognise = npz_recognise,
	.open = npz_open,
	.pixels = cs_stored_pixels,
	.sample = cs_stored_sample,
	.close = cs_stored_close,
	.label = cs_stored_label,
	.sums = cs_stored_sums,
};
