/* cifar.c: CIFAR-10 and CIFAR-100 in their binary version. See cifar.h.
 *
 * A file is records: one byte of label (CIFAR-10) or two, coarse and fine (CIFAR-100), then 32 x 32 bytes each of red, green and blue. Nothing
 * else tells such a file: its length is a whole number of records, and the labels are below 10, or below 20 and 100. Files whose name has
 * `test` in it are the test split, the others are for training; all files of a set are one array to arrays.h, x_train or x_test.
 *
 * Names of classes stand beside them: batches.meta.txt, fine_label_names.txt, coarse_label_names.txt.
 * Source: www.cs.toronto.edu/~kriz/cifar.html.
 */
#include "data/cifar.h"

#include "core/alloc.h"
#include "core/hash.h"
#include "data/arrays.h"
#include "data/blob.h"
#include "data/pairs.h"
#include "data/stored.h"
#include "io/file.h"
#include "io/tarball.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SIDE = 32, PIXELS = 3 * SIDE * SIDE, MAX_FILES = 64, PEEK_RECORDS = 32, BLOCK = 1 << 20, MAX_NAMES = 1 << 14 };

/* The two sorts, by the bytes of label before the pixels. */
enum sort { NEITHER, TEN, HUNDRED };

struct cifar {
	const char *given;
	struct cs_blobs blobs;
	enum sort sort;
	int coarse; /* CIFAR-100's twenty classes instead of the hundred */
	int64_t files[2][MAX_FILES]; /* numbers of the training files and of the test files in the tree, in its order */
	int count[2];
	bool whole; /* one file alone, split by drawing */
	int64_t names; /* the file that names the classes, -1 */
};

static int64_t record_of(enum sort sort)
{
	return PIXELS + (sort == TEN ? 1 : 2);
}

static bool labels_fit(enum sort sort, const unsigned char *record)
{
	return sort == TEN ? record[0] < 10 : record[0] < 20 && record[1] < 100;
}

/* Which sort a file of `size` bytes is that begins so. */
static enum sort sort_of(int64_t size, const unsigned char *bytes, size_t have)
{
	for (enum sort sort = TEN; sort <= HUNDRED; sort++) {
		int64_t record = record_of(sort);
		bool fits = size >= record && size % record == 0 && have >= 2;

		for (size_t at = 0; fits && at + 2 <= have; at += (size_t)record)
			fits = labels_fit(sort, bytes + at);
		if (fits)
			return sort;
	}
	return NEITHER;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_bin(const char *path)
{
	const char *dot = strrchr(base_of(path), '.');

	return dot && strcasecmp(dot, ".bin") == 0;
}

static bool is_test(const char *path)
{
	return strcasestr(base_of(path), "test") != NULL;
}

/* --- finding the files --- */

/* The files of a tree; what is not of the sort of the first is an error, what is of none is passed over. */
static enum cs_status find_files(struct cifar *c, struct cs_error *error)
{
	const struct cs_tree *tree = &c->blobs.tree;
	unsigned char *bytes = cs_alloc(PEEK_RECORDS * (PIXELS + 2));
	enum cs_status status = bytes ? CS_OK : cs_fail_memory(error, "a data set");

	for (int64_t i = 0; i < tree->count && !status; i++) {
		const struct cs_tree_file *file = &tree->files[i];
		bool test = is_test(file->path);
		enum sort sort;
		size_t got;

		if (!is_bin(file->path))
			continue;
		got = cs_blob_peek_of(c->blobs.reader, tree, file, bytes, PEEK_RECORDS * (PIXELS + 2));
		sort = sort_of(file->size, bytes, got);
		if (sort == NEITHER)
			continue;
		if (c->sort != NEITHER && sort != c->sort)
			status = cs_fail(error, CS_ERR_FORMAT,
				"'%s' holds files of CIFAR-10 and of CIFAR-100: name the folder of one of them", c->given);
		else if (c->count[test] == MAX_FILES)
			status = cs_fail(error, CS_ERR_FORMAT, "'%s' holds more than %d files of CIFAR", c->given, MAX_FILES);
		else
			c->files[test][c->count[test]++] = i;
		c->sort = sort;
	}
	cs_free(bytes);
	if (!status && c->count[0] + c->count[1] == 0)
		status = cs_fail(error, CS_ERR_FORMAT,
			"'%s' holds no files of CIFAR: expected data_batch_1.bin and so on, or train.bin", c->given);
	if (!status && c->count[0] == 0) {
		/* nothing but test images: they are all there is */
		memcpy(c->files[0], c->files[1], sizeof c->files[0]);
		c->count[0] = c->count[1];
		c->count[1] = 0;
		c->whole = true;
	}
	return status;
}

static void find_names(struct cifar *c)
{
	const char *wanted = c->sort == TEN ? "batches.meta.txt" : c->coarse ? "coarse_label_names.txt" : "fine_label_names.txt";

	c->names = -1;
	for (int64_t i = 0; i < c->blobs.tree.count; i++)
		if (strcasecmp(base_of(c->blobs.tree.files[i].path), wanted) == 0)
			c->names = i;
}

/* --- as arrays.h wants them --- */

static int set_of(const struct cifar *c, const char *name)
{
	(void)c;
	return strstr(name, "_test") != NULL;
}

static int64_t images_of(const struct cifar *c, int set)
{
	int64_t count = 0;

	for (int i = 0; i < c->count[set]; i++)
		count += c->blobs.tree.files[c->files[set][i]].size / record_of(c->sort);
	return count;
}

static enum cs_status list_arrays(void *file, char ***names, int *count, struct cs_error *error)
{
	const struct cifar *c = file;
	char **list = cs_calloc(6, sizeof *list);
	int n = 0;

	if (!list)
		return cs_fail_memory(error, "the arrays of a data set");
	/* only read, never written to */
	list[n++] = (char *)(uintptr_t)(c->whole ? "x" : "x_train");
	list[n++] = (char *)(uintptr_t)(c->whole ? "y" : "y_train");
	if (c->count[1]) {
		list[n++] = (char *)(uintptr_t) "x_test";
		list[n++] = (char *)(uintptr_t) "y_test";
	}
	if (c->names >= 0)
		list[n++] = (char *)(uintptr_t) "class_names";
	*names = list;
	*count = n;
	return CS_OK;
}

static enum cs_status array_info(
	void *file, const char *name, struct cs_shape *shape, char *kind, struct cs_error *error)
{
	const struct cifar *c = file;

	(void)error;
	*kind = *name == 'c' ? 's' : 'i';
	if (*name == 'x')
		*shape = CS_SHAPE(images_of(c, set_of(c, name)), 3, SIDE, SIDE);
	else
		*shape = CS_SHAPE(images_of(c, set_of(c, name)));
	return CS_OK;
}

/* Records of one file: their pixels, or their labels, as floats. */
static enum cs_status read_records(struct cifar *c, int64_t file, bool pixels, int64_t first, int64_t count, float *out,
	struct cs_error *error)
{
	enum { TOGETHER = 128 };
	int64_t record = record_of(c->sort), label = c->sort == HUNDRED && !c->coarse ? 1 : 0;
	unsigned char *bytes = cs_alloc((size_t)(TOGETHER * record));
	struct cs_blob *blob = NULL;
	enum cs_status status = bytes ? cs_blobs_need(&c->blobs, file, &blob, error) : cs_fail_memory(error, "images");

	for (int64_t i = 0; i < count && !status; i += TOGETHER) {
		int64_t n = count - i < TOGETHER ? count - i : TOGETHER;

		status = cs_blob_read(blob, (first + i) * record, bytes, (size_t)(n * record), error);
		for (int64_t k = 0; k < n && !status; k++) {
			const unsigned char *at = bytes + k * record;

			if (!labels_fit(c->sort, at))
				status = cs_fail(error, CS_ERR_FORMAT,
					"'%s': record %lld has label %d: this is no file of CIFAR-%d", blob->name,
					(long long)(first + i + k), at[c->sort == HUNDRED], c->sort == TEN ? 10 : 100);
			else if (!pixels)
				*out++ = at[label];
			for (int p = 0; pixels && !status && p < PIXELS; p++)
				*out++ = at[record - PIXELS + p];
		}
	}
	cs_free(bytes);
	return status;
}

static enum cs_status array_rows(
	void *file, const char *name, int64_t first, int64_t count, float *out, struct cs_error *error)
{
	struct cifar *c = file;
	int set = set_of(c, name);
	int64_t row = *name == 'x' ? PIXELS : 1;
	enum cs_status status = CS_OK;

	for (int i = 0; i < c->count[set] && count > 0 && !status; i++) {
		int64_t here = c->blobs.tree.files[c->files[set][i]].size / record_of(c->sort), n;

		if (first >= here) {
			first -= here;
			continue;
		}
		n = here - first < count ? here - first : count;
		status = read_records(c, c->files[set][i], *name == 'x', first, n, out, error);
		out += n * row;
		count -= n;
		first = 0;
	}
	return status;
}

static enum cs_status read_names(void *file, const char *name, char ***out, int *count, struct cs_error *error)
{
	enum { MOST = 100 };
	struct cifar *c = file;
	struct cs_blob *blob = NULL;
	char **list, *text, *save = NULL;
	size_t size;
	enum cs_status status = cs_blobs_need(&c->blobs, c->names, &blob, error);

	(void)name;
	if (status)
		return status;
	size = blob->size < MAX_NAMES ? (size_t)blob->size : MAX_NAMES;
	list = cs_calloc(1, (MOST + 1) * sizeof *list + size + 1);
	if (!list)
		return cs_fail_memory(error, "the names of classes");
	text = (char *)(list + MOST + 1);
	status = cs_blob_read(blob, 0, text, size, error);
	*count = 0;
	for (char *line = status ? NULL : strtok_r(text, "\r\n", &save); line && *count < MOST; line = strtok_r(NULL, "\r\n", &save))
		list[(*count)++] = line;
	if (status)
		cs_free(list);
	else
		*out = list;
	return status;
}

static const struct cs_array_ops cifar_arrays = {
	.list = list_arrays,
	.info = array_info,
	.rows = array_rows,
	.strings = read_names,
	.block = BLOCK,
};

/* --- the data set --- */

static bool see_records(void *context, const char *name, int64_t size, const unsigned char *head, size_t head_size)
{
	bool *found = context;

	*found = is_bin(name) && sort_of(size, head, head_size) != NEITHER;
	return !*found;
}

static bool cifar_recognise(struct cs_place *place)
{
	enum { FIRST = 16 };
	const char *spec = place->name;
	struct cifar *c;
	bool is = false;

	if (!cs_file_exists(spec))
		return false;
	if (cs_tarball_recognise(spec)) {
		cs_tarball_walk(spec, FIRST, see_records, &is, NULL);
		return is;
	}
	if (!cs_tree_recognise(spec)) {
		unsigned char bytes[2];
		size_t got = cs_file_peek(spec, bytes, sizeof bytes);

		return is_bin(spec) && sort_of(cs_stored_size(spec), bytes, got) != NEITHER;
	}
	c = cs_calloc(1, sizeof *c);
	if (c && cs_blobs_look(&c->blobs, place)) {
		c->given = spec;
		is = find_files(c, NULL) == CS_OK || c->sort != NEITHER;
		cs_blobs_fini(&c->blobs);
	}
	cs_free(c);
	return is;
}

/* One file given by name stands for itself alone. */
static void keep_only(struct cifar *c, const char *path)
{
	const char *base = base_of(path);

	for (int set = 0; set < 2; set++) {
		for (int i = 0; i < c->count[set]; i++) {
			int64_t file = c->files[set][i];

			if (strcmp(base_of(c->blobs.tree.files[file].path), base) != 0)
				continue;
			c->files[0][0] = file;
			c->count[0] = 1;
			c->count[1] = 0;
			c->whole = true;
			return;
		}
	}
}

static uint64_t fingerprint_of(const struct cifar *c, uint64_t hash)
{
	hash = cs_hash_bytes(hash, &c->coarse, sizeof c->coarse);
	for (int64_t i = 0; i < c->blobs.tree.count; i++) {
		const struct cs_tree_file *file = &c->blobs.tree.files[i];

		if (!is_bin(file->path) && i != c->names)
			continue;
		hash = cs_hash_bytes(hash, file->path, strlen(file->path) + 1);
		hash = cs_hash_bytes(hash, &file->size, sizeof file->size);
		hash = cs_hash_bytes(hash, &file->time, sizeof file->time);
	}
	return hash;
}

static enum cs_status cifar_open(struct cs_dataset *data, struct cs_place *place, const struct cs_data_options *given,
	struct cs_job *job, struct cs_error *error)
{
	static const char *const labels[] = {"fine", "coarse", NULL};
	struct cifar *c = cs_calloc(1, sizeof *c);
	const char *spec = place->name;
	struct cs_arrays arrays = {.ops = &cifar_arrays, .context = c, .given = spec};
	struct cs_data_options options;
	uint64_t fingerprint = 0;
	char *real = NULL;
	bool ready = false;
	int coarse = 0;
	const struct cs_pair more[] = {{.key = "labels", .kind = 'w', .value = &coarse, .words = labels}, {0}};
	enum cs_status status = c ? cs_stored_options(given, spec, more, &options, error) : cs_fail_memory(error, "a data set");

	if (!status)
		status = cs_stored_path(spec, &real, error);
	if (!status)
		status = cs_stored_fingerprint(real, &fingerprint, error);
	if (!status) {
		status = cs_blobs_open(&c->blobs, place, real, options.no_cache, error);
		ready = !status;
		c->given = spec;
		c->coarse = coarse;
	}
	if (!status)
		status = find_files(c, error);
	if (!status) {
		if (!cs_file_is_directory(real) && !cs_tree_recognise(real))
			keep_only(c, real);
		find_names(c);
		fingerprint = fingerprint_of(c, cs_file_is_directory(real) ? CS_HASH_BEGIN : fingerprint);
	}
	if (!status)
		status = cs_arrays_open(data, "cifar", real, fingerprint, &arrays, &options, job, error);
	if (ready)
		cs_blobs_fini(&c->blobs);
	cs_free(c);
	cs_free(real);
	return status;
}

const struct cs_dataset_ops cs_cifar_dataset = {
	.name = "cifar",
	.expects = "CIFAR's .bin files",
	.recognise = cifar_recognise,
	.open = cifar_open,
	.pixels = cs_stored_pixels,
	.sample = cs_stored_sample,
	.close = cs_stored_close,
	.label = cs_stored_label,
	.sums = cs_stored_sums,
};
