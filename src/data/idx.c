/* idx.c: data sets in idx files. See idx.h.
 *
 * An idx file says what it is in its first bytes: 0, 0, the type of its numbers, how many dimensions, then those, big-endian. Three dimensions (or
 * four, with channels) are images, one is labels. Which labels belong to which images, and to which split, is said by names alone:
 * train-images-idx3-ubyte and train-labels-idx1-ubyte; t10k, test and val are the others. To arrays.h a pair is x_train and y_train,
 * and so on.
 *
 * EMNIST's images are stored with rows and columns exchanged; files that are called emnist are turned back, and the texts called mapping.txt
 * beside them name the classes.
 */
#include "data/idx.h"

#include "core/alloc.h"
#include "core/hash.h"
#include "data/arrays.h"
#include "data/blob.h"
#include "data/stored.h"
#include "io/file.h"
#include "io/npy.h"
#include "io/tarball.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 4 + 4 * CS_MAX_RANK, MAX_PAIRS = 64, MAX_LOOKED_AT = 4096, KEY = 128, BLOCK = 1 << 20, MAX_MAPPING = 1 << 16 };

/* One file: its numbers are described as NumPy's are. */
struct array {
	int64_t file; /* in the tree */
	struct cs_npy numbers; /* `data` is where they begin */
};

struct pair {
	struct array images, labels;
	int part; /* enum cs_split_kind, -1: not said */
	char key[KEY]; /* its name without what tells splits apart: equal in one data set */
};

struct idx {
	const char *given;
	struct cs_blobs blobs;
	struct pair pairs[MAX_PAIRS];
	int count;
	int64_t mapping; /* file that names classes, -1 */
};

static uint32_t big_endian(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A header in the first bytes of a file; false when they are none. */
static bool parse_header(const unsigned char *bytes, size_t size, struct cs_npy *out)
{
	static const struct {
		unsigned char code;
		char type, kind;
		int size;
	} types[] = {{0x08, 'u', 'i', 1}, {0x09, 'i', 'i', 1}, {0x0B, 'i', 'i', 2}, {0x0C, 'i', 'i', 4}, {0x0D, 'f', 'f', 4},
		{0x0E, 'f', 'f', 8}};
	struct cs_npy npy = {.big = true, .count = 1};

	if (size < 8 || bytes[0] || bytes[1] || bytes[3] < 1 || bytes[3] > CS_MAX_RANK || size < 4 + 4u * bytes[3])
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (types[i].code == bytes[2]) {
			npy.type = types[i].type;
			npy.kind = types[i].kind;
			npy.size = types[i].size;
		}
	}
	if (!npy.size)
		return false;
	npy.shape.rank = bytes[3];
	for (int i = 0; i < npy.shape.rank; i++) {
		npy.shape.dim[i] = big_endian(bytes + 4 + 4 * i);
		if (__builtin_mul_overflow(npy.count, npy.shape.dim[i], &npy.count) || npy.count > INT64_MAX / 64)
			return false;
	}
	npy.data = 4 + 4 * npy.shape.rank;
	*out = npy;
	return true;
}

static bool is_images(const struct cs_npy *npy)
{
	return npy->shape.rank >= 3 && npy->shape.dim[0] > 0;
}

/* --- which files belong together --- */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A name in small letters without `.gz`, and without the words (each once). */
static void strip(const char *path, const char *const *words, char key[KEY])
{
	size_t length;

	snprintf(key, KEY, "%s", base_of(path));
	for (char *at = key; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	length = strlen(key);
	if (length > 3 && strcmp(key + length - 3, ".gz") == 0)
		key[length - 3] = '\0';
	for (; *words; words++) {
		char *found = strstr(key, *words);

		if (found)
			memmove(found, found + strlen(*words), strlen(found + strlen(*words)) + 1);
	}
}

static const char *const kind_words[] = {"images", "image", "labels", "label", "idx1", "idx3", "idx4", NULL};
static const char *const all_words[] = {"images", "image", "labels", "label", "idx1", "idx3", "idx4", "train", "t10k",
	"test", "validation", "valid", "val", NULL};

static int part_of(const char *path)
{
	static const struct {
		const char *word;
		int part;
	} words[] = {{"train", CS_SPLIT_TRAIN}, {"t10k", CS_SPLIT_TEST}, {"test", CS_SPLIT_TEST}, {"val", CS_SPLIT_VAL}};
	static const char *const none[] = {NULL};
	char key[KEY];

	strip(path, none, key);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strstr(key, words[i].word))
			return words[i].part;
	return -1;
}

struct found {
	struct array *list;
	int count, images;
};

static enum cs_status look_at_files(const struct idx *idx, struct found *found, struct cs_error *error)
{
	const struct cs_tree *tree = &idx->blobs.tree;

	found->list = cs_calloc((size_t)tree->count + 1, sizeof *found->list);
	if (!found->list)
		return cs_fail_memory(error, "the files of a data set");
	for (int64_t i = 0; i < tree->count && i < MAX_LOOKED_AT; i++) {
		struct array *array = &found->list[found->count];
		unsigned char header[HEADER];
		size_t got;

		if (tree->files[i].path[strlen(tree->files[i].path) - 1] == '/')
			continue;
		got = cs_blob_peek_of(idx->blobs.reader, tree, &tree->files[i], header, sizeof header);
		if (!parse_header(header, got, &array->numbers))
			continue;
		array->file = i;
		found->count++;
		found->images += is_images(&array->numbers);
	}
	return CS_OK;
}

/* The labels that go with images: those of the same name but for the words; where names do not help, the only ones of that number. */
static const struct array *labels_of(const struct idx *idx, const struct found *found, const struct array *images)
{
	const struct array *by_count = NULL;
	char key[KEY], other[KEY];
	int fits = 0;

	strip(idx->blobs.tree.files[images->file].path, kind_words, key);
	for (int i = 0; i < found->count; i++) {
		const struct array *labels = &found->list[i];

		if (labels->numbers.shape.rank != 1)
			continue;
		strip(idx->blobs.tree.files[labels->file].path, kind_words, other);
		if (strcmp(key, other) == 0)
			return labels;
		if (labels->numbers.shape.dim[0] == images->numbers.shape.dim[0]) {
			by_count = labels;
			fits++;
		}
	}
	return fits == 1 && found->images == 1 ? by_count : NULL;
}

static enum cs_status find_pairs(struct idx *idx, struct cs_error *error)
{
	struct found found = {0};
	const char *lonely = NULL;
	enum cs_status status = look_at_files(idx, &found, error);

	for (int i = 0; i < found.count && !status && idx->count < MAX_PAIRS; i++) {
		const char *path = idx->blobs.tree.files[found.list[i].file].path;
		struct pair *pair = &idx->pairs[idx->count];
		const struct array *labels;

		if (!is_images(&found.list[i].numbers))
			continue;
		labels = labels_of(idx, &found, &found.list[i]);
		if (!labels) {
			lonely = path;
			continue;
		}
		pair->images = found.list[i];
		pair->labels = *labels;
		pair->part = part_of(path);
		strip(path, all_words, pair->key);
		idx->count++;
	}
	if (!status && idx->count == 0)
		status = cs_fail(error, CS_ERR_FORMAT,
			"'%s': no labels go with the images of %s: expected a file called like it, with 'labels' for 'images'",
			idx->given, lonely ? lonely : "it");
	cs_free(found.list);
	return status;
}

/* Of several data sets in one folder the one is kept that the given file belongs to. */
static enum cs_status choose(struct idx *idx, const char *spec, struct cs_error *error)
{
	bool one = !cs_file_is_directory(spec) && !cs_tree_recognise(spec);
	char wanted[KEY];
	int kept = 0, parts[CS_SPLIT_COUNT] = {0}, unsaid = 0;

	if (one)
		strip(spec, all_words, wanted);
	else
		snprintf(wanted, sizeof wanted, "%s", idx->pairs[0].key);
	for (int i = 0; i < idx->count; i++) {
		if (strcmp(idx->pairs[i].key, wanted) != 0) {
			if (one)
				continue;
			return cs_fail(error, CS_ERR_FORMAT,
				"'%s' holds several data sets, %s and %s among them: name one of the files of the one that is wanted",
				idx->given, base_of(idx->blobs.tree.files[idx->pairs[0].images.file].path),
				base_of(idx->blobs.tree.files[idx->pairs[i].images.file].path));
		}
		if (idx->pairs[i].part < 0)
			unsaid++;
		else if (parts[idx->pairs[i].part]++)
			continue; /* the same unpacked beside packed */
		idx->pairs[kept++] = idx->pairs[i];
	}
	idx->count = kept;
	if (kept == 0)
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s': no file of labels goes with it: expected one called like it, with 'labels' for 'images'", spec);
	/* one file of images is the whole set, whatever it is called */
	if (!parts[CS_SPLIT_TRAIN] || unsaid) {
		idx->count = 1;
		idx->pairs[0].part = -1;
	}
	return CS_OK;
}

static bool is_emnist(const struct idx *idx)
{
	return strncasecmp(base_of(idx->blobs.tree.files[idx->pairs[0].images.file].path), "emnist", 6) == 0;
}

/* "emnist-letters-mapping.txt" beside "emnist-letters-train-images-idx3-ubyte". */
static void find_mapping(struct idx *idx)
{
	static const char *const words[] = {"mapping.txt", NULL}, *const none[] = {NULL};
	char key[KEY], wanted[KEY];

	strip(idx->blobs.tree.files[idx->pairs[0].images.file].path, all_words, wanted);
	idx->mapping = -1;
	for (int64_t i = 0; i < idx->blobs.tree.count; i++) {
		strip(idx->blobs.tree.files[i].path, none, key);
		if (!strstr(key, "mapping.txt"))
			continue;
		strip(idx->blobs.tree.files[i].path, words, key);
		/* what is left is "emnist-letters-", which both begin with */
		if (strncmp(key, wanted, strlen(key)) == 0 && *key)
			idx->mapping = i;
	}
}

/* --- as arrays.h wants them --- */

static const char *const image_names[] = {"x_train", "x_val", "x_test"};
static const char *const label_names[] = {"y_train", "y_val", "y_test"};

static const struct array *array_called(const struct idx *idx, const char *name)
{
	for (int i = 0; i < idx->count; i++) {
		const struct pair *pair = &idx->pairs[i];

		if (strcmp(name, pair->part < 0 ? "x" : image_names[pair->part]) == 0)
			return &pair->images;
		if (strcmp(name, pair->part < 0 ? "y" : label_names[pair->part]) == 0)
			return &pair->labels;
	}
	return NULL;
}

static enum cs_status list_arrays(void *file, char ***names, int *count, struct cs_error *error)
{
	static const char *const all[] = {"x", "y", "x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "class_ids", "class_names"};
	const struct idx *idx = file;
	char **list = cs_calloc(sizeof all / sizeof *all + 1, sizeof *list);

	if (!list)
		return cs_fail_memory(error, "the arrays of a data set");
	*count = 0;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (array_called(idx, all[i]) || (idx->mapping >= 0 && strcmp(all[i], "class_names") == 0))
			list[(*count)++] = (char *)(uintptr_t)all[i]; /* only read */
	*names = list;
	return CS_OK;
}

static enum cs_status array_info(
	void *file, const char *name, struct cs_shape *shape, char *kind, struct cs_error *error)
{
	const struct array *array = array_called(file, name);

	if (!array && strcmp(name, "class_names") == 0) {
		*shape = CS_SHAPE(0);
		*kind = 's';
		return CS_OK;
	}
	if (!array)
		return cs_fail(error, CS_ERR_NOT_FOUND, "there are no %s", name);
	*shape = array->numbers.shape;
	*kind = array->numbers.kind;
	return CS_OK;
}

static enum cs_status array_rows(
	void *file, const char *name, int64_t first, int64_t count, float *out, struct cs_error *error)
{
	struct idx *idx = file;
	const struct array *array = array_called(idx, name);
	const struct cs_npy *npy = &array->numbers;
	struct cs_blob *blob = NULL;
	int64_t row = npy->shape.dim[0] ? npy->count / npy->shape.dim[0] : 0;
	size_t size = (size_t)(count * row * npy->size);
	char *bytes;
	enum cs_status status = cs_blobs_need(&idx->blobs, array->file, &blob, error);

	if (!status && blob->size - npy->data < npy->count * npy->size)
		status = cs_fail(error, CS_ERR_FORMAT,
			"'%s' is cut off: it says it holds %lld numbers of %d bytes, but has %lld bytes", blob->name,
			(long long)npy->count, npy->size, (long long)blob->size);
	if (status)
		return status;
	bytes = cs_alloc(size);
	status = bytes ? cs_blob_read(blob, npy->data + first * row * npy->size, bytes, size, error)
		       : cs_fail_memory(error, "images of an idx file");
	if (!status)
		cs_npy_floats(npy, bytes, npy->size, count * row, out);
	cs_free(bytes);
	return status;
}

/* Lines of a label and the code of its character (letters: of the capital and the small one); the first is the name. */
static enum cs_status read_mapping(void *file, const char *name, char ***out, int *count, struct cs_error *error)
{
	enum { MOST = 256, ROOM = 16 };
	struct idx *idx = file;
	struct cs_blob *blob = NULL;
	char text[MAX_MAPPING + 1], *save = NULL, **list, *names;
	int most = -1;
	size_t size;
	enum cs_status status = cs_blobs_need(&idx->blobs, idx->mapping, &blob, error);

	(void)name;
	if (status)
		return status;
	size = blob->size < MAX_MAPPING ? (size_t)blob->size : MAX_MAPPING;
	status = cs_blob_read(blob, 0, text, size, error);
	if (status)
		return status;
	text[size] = '\0';
	list = cs_calloc(1, (MOST + 1) * sizeof(char *) + (size_t)MOST * ROOM);
	if (!list)
		return cs_fail_memory(error, "the names of classes");
	names = (char *)(list + MOST + 1);
	for (int i = 0; i < MOST; i++)
		snprintf(names + (size_t)i * ROOM, ROOM, "%d", i);
	for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
		int label, code;

		if (sscanf(line, "%d %d", &label, &code) != 2 || label < 0 || label >= MOST || code <= ' ' || code >= 127)
			continue;
		snprintf(names + (size_t)label * ROOM, ROOM, "%c", code);
		most = label > most ? label : most;
	}
	for (int i = 0; i <= most; i++)
		list[i] = names + (size_t)i * ROOM;
	*out = list;
	*count = most + 1;
	return CS_OK;
}

static const struct cs_array_ops idx_arrays = {
	.list = list_arrays,
	.info = array_info,
	.rows = array_rows,
	.strings = read_mapping,
	.block = BLOCK,
};

/* --- the data set --- */

static bool is_idx_file(const char *path)
{
	unsigned char header[HEADER];
	struct cs_npy numbers;

	return parse_header(header, cs_blob_peek(path, header, sizeof header), &numbers);
}

static bool see_images(void *context, const char *name, int64_t size, const unsigned char *head, size_t head_size)
{
	bool *found = context;
	struct cs_npy numbers;

	(void)name;
	(void)size;
	*found = parse_header(head, head_size, &numbers) && is_images(&numbers);
	return !*found;
}

static bool idx_recognise(struct cs_place *place)
{
	const char *spec = place->name;
	enum { FIRST = 16 };
	struct idx idx = {.given = spec};
	struct found found = {0};
	bool is = false;

	if (!cs_file_exists(spec))
		return false;
	if (!cs_tree_recognise(spec))
		return is_idx_file(spec);
	if (cs_tarball_recognise(spec)) {
		cs_tarball_walk(spec, FIRST, see_images, &is, NULL);
		return is;
	}
	if (!cs_blobs_look(&idx.blobs, place))
		return false;
	is = look_at_files(&idx, &found, NULL) == CS_OK && found.images > 0;
	cs_free(found.list);
	cs_blobs_fini(&idx.blobs);
	return is;
}

/* What the cache is valid for: the files that are used, as they are now. */
static uint64_t fingerprint_of(const struct idx *idx, uint64_t hash)
{
	for (int i = 0; i < idx->count; i++) {
		const int64_t files[] = {idx->pairs[i].images.file, idx->pairs[i].labels.file, idx->mapping};

		hash = cs_hash_bytes(hash, &idx->pairs[i].part, sizeof idx->pairs[i].part);
		for (int k = 0; k < 3 && files[k] >= 0; k++) {
			const struct cs_tree_file *file = &idx->blobs.tree.files[files[k]];

			hash = cs_hash_bytes(hash, file->path, strlen(file->path) + 1);
			hash = cs_hash_bytes(hash, &file->size, sizeof file->size);
			hash = cs_hash_bytes(hash, &file->time, sizeof file->time);
		}
	}
	return hash;
}

static enum cs_status idx_open(struct cs_dataset *data, struct cs_place *place, const struct cs_data_options *given,
	struct cs_job *job, struct cs_error *error)
{
	struct idx *idx = cs_calloc(1, sizeof *idx);
	const char *spec = place->name;
	struct cs_arrays arrays = {.ops = &idx_arrays, .context = idx, .given = spec};
	struct cs_data_options options;
	uint64_t fingerprint = 0;
	char *real = NULL;
	bool ready = false;
	enum cs_status status = idx ? cs_stored_options(given, spec, NULL, &options, error)
				    : cs_fail_memory(error, "a data set");

	if (!status)
		status = cs_stored_path(spec, &real, error);
	if (!status)
		status = cs_stored_fingerprint(real, &fingerprint, error);
	if (!status) {
		status = cs_blobs_open(&idx->blobs, place, real, options.no_cache, error);
		ready = !status;
		idx->given = spec;
	}
	if (!status)
		status = find_pairs(idx, error);
	if (!status)
		status = choose(idx, real, error);
	if (!status) {
		find_mapping(idx);
		if (cs_file_is_directory(real)) /* its own time says nothing of its files */
			fingerprint = CS_HASH_BEGIN;
		fingerprint = fingerprint_of(idx, fingerprint);
		for (int i = 0; i < idx->count; i++)
			arrays.size += idx->blobs.tree.files[idx->pairs[i].images.file].packed;
		arrays.sparse_names = true;
		arrays.transposed = is_emnist(idx);
	}
	if (!status)
		status = cs_arrays_open(data, "idx", real, fingerprint, &arrays, &options, job, error);
	if (ready)
		cs_blobs_fini(&idx->blobs);
	cs_free(idx);
	cs_free(real);
	return status;
}

const struct cs_dataset_ops cs_idx_dataset = {
	.name = "idx",
	.expects = "MNIST's idx files",
	.recognise = idx_recognise,
	.open = idx_open,
	.pixels = cs_stored_pixels,
	.sample = cs_stored_sample,
	.close = cs_stored_close,
	.label = cs_stored_label,
	.sums = cs_stored_sums,
};
