/* tiny_imagenet.c: the layout of tiny-imagenet-200.zip. See tiny_imagenet.h.
 *
 *   wnids.txt                       the 200 classes
 *   words.txt                       "n01443537<TAB>goldfish, Carassius auratus" for all of WordNet
 *   train/<wnid>/images/ *.JPEG     and train/<wnid>/<wnid>_boxes.txt: "name<TAB>left<TAB>top<TAB>right<TAB>bottom"
 *   val/images/ *.JPEG              and val/val_annotations.txt: "name<TAB>wnid<TAB>left<TAB>top<TAB>right<TAB>bottom"
 *   test/images/ *.JPEG             without labels
 *
 * with or without a folder around all. Boxes include their last row and column. Copies in the wild lack this or that: words and
 * boxes may be missing, a class without pictures is left out with a warning, and pictures of val may lie in class folders
 * instead of being listed.
 */
#include "data/tiny_imagenet.h"

#include "core/alloc.h"
#include "core/log.h"
#include "data/cache.h"
#include "data/place.h"
#include "data/stored.h"
#include "io/archive.h"
#include "io/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 64 << 20 };

struct tiny {
	struct cs_tree tree; /* first: see cs_tree_pictures_new */
	struct cs_place *place;
	const char *given;
	bool strict;
};

/* A line of a text, as fields between tabs (or blanks, where there are no tabs). */
enum { FIELDS = 6 };
struct line {
	char *field[FIELDS];
	int count;
};

/* Cut the next line off *text; false at the end. Blank lines are passed over. */
static bool next_line(char **text, bool tabs, struct line *line)
{
	while (**text) {
		char *at = *text, *end = at + strcspn(at, "\r\n");
		bool last = *end == '\0';

		*end = '\0';
		*text = last ? end : end + 1;
		line->count = 0;
		while (line->count < FIELDS) {
			char *field = strsep(&at, tabs ? "\t" : "\t ");

			if (!field)
				break;
			if (*field || tabs)
				line->field[line->count++] = field;
		}
		if (line->count && line->field[0][0])
			return true;
	}
	return false;
}

/* A copy of a text file of the tree, to be freed; NULL when there is none (*status stays CS_OK) or on an error. */
static char *read_text(const struct tiny *tiny, struct cs_tree_reader *reader, const char *path, enum cs_status *status,
	struct cs_error *error)
{
	const struct cs_tree_file *file = cs_tree_find(&tiny->tree, path);
	const char *bytes;
	size_t size;
	char *copy;

	if (!file)
		return NULL;
	*status = cs_tree_read(reader, file, MAX_TEXT, &bytes, &size, error);
	if (*status)
		return NULL;
	copy = cs_strndup(bytes, strnlen(bytes, size));
	if (!copy)
		*status = cs_fail_memory(error, path);
	return copy;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_pictures(const struct tiny *tiny, const char *wnid)
{
	char prefix[300];
	size_t length = (size_t)snprintf(prefix, sizeof prefix, "train/%s/", wnid);

	for (int64_t low = cs_tree_first(&tiny->tree, prefix);
		low < tiny->tree.count && strncmp(tiny->tree.files[low].path, prefix, length) == 0; low++) {
		const char *dot = strrchr(tiny->tree.files[low].path, '.');

		if (dot &&
			(strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".png") == 0))
			return true;
	}
	return false;
}

/* The wnids whose folders hold pictures: of wnids.txt in its order or, without it, of train/ in byte order. */
static enum cs_status list_wnids(const struct tiny *tiny, char *text, struct cs_catalogue *out, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	int lacking = 0;
	char first[100] = "";
	struct line line;

	if (!text) {
		const char *before = "";

		for (int64_t i = 0; i < tiny->tree.count && !status; i++) {
			const char *path = tiny->tree.files[i].path + 6;
			size_t length;
			char wnid[200];

			if (strncmp(tiny->tree.files[i].path, "train/", 6) != 0)
				continue;
			length = strcspn(path, "/");
			if (path[length] != '/' || strncmp(path, before, length + 1) == 0)
				continue;
			before = path;
			snprintf(wnid, sizeof wnid, "%.*s", (int)length, path);
			if (has_pictures(tiny, wnid))
				status = cs_catalogue_class(out, wnid, NULL, error);
		}
		if (out->class_count)
			qsort(out->class_ids, (size_t)out->class_count, sizeof *out->class_ids, by_bytes);
		for (int i = 0; i < out->class_count && !status; i++) {
			cs_free(out->class_names[i]);
			out->class_names[i] = cs_strdup(out->class_ids[i]);
			if (!out->class_names[i])
				status = cs_fail_memory(error, "the classes of a data set");
		}
		return status;
	}
	while (!status && next_line(&text, false, &line)) {
		if (has_pictures(tiny, line.field[0]))
			status = cs_catalogue_class(out, line.field[0], NULL, error);
		else if (lacking++ == 0)
			snprintf(first, sizeof first, "%s", line.field[0]);
	}
	if (!status && lacking && tiny->strict)
		return cs_fail(error, CS_ERR_FORMAT,
			"'%s' has no training pictures of %d of the %d classes of wnids.txt (the first is %s)",
			tiny->given, lacking, lacking + out->class_count, first);
	if (!status && lacking && out->class_count)
		cs_warn("'%s' has no training pictures of %d of the %d classes of wnids.txt (the first is %s): left "
			"out",
			tiny->given, lacking, lacking + out->class_count, first);
	return status;
}

/* Classes by wnid, for many look-ups: indices in byte order of their ids. */
struct index {
	const struct cs_catalogue *catalogue;
	int *order;
};

static int compare_ids(const void *a, const void *b, void *context)
{
	char *const *ids = context;

	return strcmp(ids[*(const int *)a], ids[*(const int *)b]);
}

static int label_of(const struct index *index, const char *wnid, size_t length)
{
	int low = 0, high = index->catalogue->class_count;

	while (low < high) {
		int middle = (low + high) / 2;
		const char *id = index->catalogue->class_ids[index->order[middle]];
		int order = strncmp(id, wnid, length);

		if (order == 0 && id[length] == '\0')
			return index->order[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

/* The first of the comma-separated words of each class. */
static enum cs_status name_classes(
	const struct index *index, char *text, struct cs_catalogue *out, struct cs_error *error)
{
	struct line line;

	while (next_line(&text, true, &line)) {
		int label = line.count < 2 ? -1 : label_of(index, line.field[0], strlen(line.field[0]));
		char *name;

		if (label < 0)
			continue;
		name = cs_strndup(line.field[1], strcspn(line.field[1], ","));
		if (!name)
			return cs_fail_memory(error, "the classes of a data set");
		cs_free(out->class_names[label]);
		out->class_names[label] = name;
	}
	return CS_OK;
}

static bool parse_box(char *const field[4], float box[4])
{
	for (int i = 0; i < 4; i++) {
		char *end;

		box[i] = strtof(field[i], &end);
		if (end == field[i])
			return false;
	}
	box[2] += 1; /* the file's last row and column are inside */
	box[3] += 1;
	return box[2] > box[0] && box[3] > box[1];
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The entry of this name among first .. count-1, which are in the order of their names; NULL. */
static struct cs_entry *entry_of(const struct cs_catalogue *c, int64_t first, int64_t count, const char *name)
{
	while (first < count) {
		int64_t middle = (first + count) / 2;
		int order = strverscmp(c->entries[middle].name, name);

		if (order == 0)
			return &c->entries[middle];
		if (order < 0)
			first = middle + 1;
		else
			count = middle;
	}
	return NULL;
}

/* All pictures below a folder, with one label. */
static enum cs_status add_below(const struct tiny *tiny, const char *prefix, int label, enum cs_split_kind part,
	int64_t *from, struct cs_catalogue *out, struct cs_error *error)
{
	size_t length = strlen(prefix);
	int64_t low = cs_tree_first(&tiny->tree, prefix);
	enum cs_status status = CS_OK;

	*from = out->count;
	for (; low < tiny->tree.count && !status && strncmp(tiny->tree.files[low].path, prefix, length) == 0; low++) {
		const char *path = tiny->tree.files[low].path, *base = base_of(path), *dot = strrchr(base, '.');

		if (!dot || strcasecmp(dot, ".txt") == 0)
			continue;
		status = cs_catalogue_add(out,
			&(struct cs_entry){.name = cs_strdup(base), .label = label, .part = part, .item = low}, error);
	}
	return status;
}

static enum cs_status add_train(
	const struct tiny *tiny, struct cs_tree_reader *reader, struct cs_catalogue *out, struct cs_error *error)
{
	enum cs_status status = CS_OK;

	for (int label = 0; label < out->class_count && !status; label++) {
		char path[700];
		char *text, *at;
		struct line line;
		int64_t from;

		snprintf(path, sizeof path, "train/%s/", out->class_ids[label]);
		status = add_below(tiny, path, label, CS_SPLIT_TRAIN, &from, out, error);
		if (status)
			break;
		snprintf(path, sizeof path, "train/%s/%s_boxes.txt", out->class_ids[label], out->class_ids[label]);
		text = at = read_text(tiny, reader, path, &status, error);
		while (at && next_line(&at, false, &line)) {
			struct cs_entry *entry = line.count < 5 ? NULL : entry_of(out, from, out->count, line.field[0]);

			if (entry)
				entry->has_box = parse_box(line.field + 1, entry->box);
		}
		cs_free(text);
	}
	return status;
}

/* val as it is published: one folder of pictures and a list; or sorted into class folders, as many scripts leave it. */
static enum cs_status add_val(const struct tiny *tiny, const struct index *index, struct cs_tree_reader *reader,
	struct cs_catalogue *out, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	int64_t from, kept;
	char *text = read_text(tiny, reader, "val/val_annotations.txt", &status, error), *at = text;
	struct line line;

	if (!status)
		status = add_below(tiny, "val/", -1, CS_SPLIT_TEST, &from, out, error);
	if (status)
		goto out;
	for (int64_t i = from; i < out->count; i++) {
		const char *rest = tiny->tree.files[out->entries[i].item].path + strlen("val/");
		size_t length = strcspn(rest, "/");

		if (rest[length] == '/')
			out->entries[i].label = label_of(index, rest, length);
	}
	while (at && next_line(&at, false, &line)) {
		struct cs_entry *entry = line.count < 2 ? NULL : entry_of(out, from, out->count, line.field[0]);

		if (!entry)
			continue;
		entry->label = label_of(index, line.field[1], strlen(line.field[1]));
		if (line.count >= 6)
			entry->has_box = parse_box(line.field + 2, entry->box);
	}
	/* pictures of no class that is here cannot be tested on */
	kept = from;
	for (int64_t i = from; i < out->count; i++) {
		if (out->entries[i].label >= 0)
			out->entries[kept++] = out->entries[i];
		else
			cs_free(out->entries[i].name);
	}
	if (kept < out->count)
		cs_warn("'%s': %" PRId64 " pictures of val have no class that is known here: left out", tiny->given,
			out->count - kept);
	out->count = kept;
out:
	cs_free(text);
	return status;
}

static enum cs_status tiny_catalogue(void *context, struct cs_catalogue *out, struct cs_error *error)
{
	const struct tiny *tiny = context;
	struct cs_tree_reader *reader = NULL;
	struct index index = {.catalogue = out};
	char *wnids = NULL, *words = NULL;
	enum cs_status status = cs_tree_reader_new(&tiny->tree, &reader, error);

	if (status)
		return status;
	wnids = read_text(tiny, reader, "wnids.txt", &status, error);
	if (!status)
		status = list_wnids(tiny, wnids, out, error);
	if (!status && out->class_count < 2)
		status = cs_fail(error, CS_ERR_FORMAT,
			"'%s' looks like Tiny ImageNet, but holds training pictures of %d classes: expected "
			"train/<wnid>/images/*.JPEG for the classes of wnids.txt",
			tiny->given, out->class_count);
	if (status)
		goto out;
	index.order = cs_alloc((size_t)out->class_count * sizeof *index.order);
	if (!index.order) {
		status = cs_fail_memory(error, "the classes of a data set");
		goto out;
	}
	for (int i = 0; i < out->class_count; i++)
		index.order[i] = i;
	qsort_r(index.order, (size_t)out->class_count, sizeof *index.order, compare_ids, out->class_ids);
	words = read_text(tiny, reader, "words.txt", &status, error);
	if (!status && words)
		status = name_classes(&index, words, out, error);
	if (!status)
		status = add_train(tiny, reader, out, error);
	if (!status)
		status = add_val(tiny, &index, reader, out, error);
out:
	cs_free(index.order);
	cs_free(wnids);
	cs_free(words);
	cs_tree_reader_free(reader);
	return status;
}

/* Is this the path of a file that only Tiny ImageNet has? *length gets that of the folder around it. */
static bool is_mark(const char *path, size_t *length)
{
	static const char *const marks[] = {"wnids.txt", "val/val_annotations.txt"};
	size_t all = strlen(path);

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		size_t own = strlen(marks[i]);

		if (all >= own && strcmp(path + all - own, marks[i]) == 0 &&
			(all == own || path[all - own - 1] == '/')) {
			*length = all - own;
			return true;
		}
	}
	return false;
}

static bool is_cached(const char *spec)
{
	struct cs_source source = {.kind = cs_tiny_imagenet_dataset.name};
	char *real = NULL;
	bool known = false;

	if (cs_stored_path(spec, &real, NULL) == CS_OK &&
		cs_stored_fingerprint(real, &source.fingerprint, NULL) == CS_OK) {
		source.path = real;
		known = cs_cache_knows(&source);
	}
	cs_free(real);
	return known;
}

static bool tiny_recognise(struct cs_place *place)
{
	static const char *const marks[] = {"wnids.txt", "val/val_annotations.txt", "tiny-imagenet-200/wnids.txt"};
	const char *spec = place->name;
	const struct cs_tree *tree;
	bool found = false;
	size_t length;

	if (cs_file_is_directory(spec)) {
		for (size_t i = 0; i < sizeof marks / sizeof *marks && !found; i++) {
			char *path = cs_file_join(spec, marks[i]);

			found = path && cs_file_exists(path);
			cs_free(path);
		}
		return found;
	}
	if (!cs_archive_recognise(spec))
		return false;
	if (is_cached(spec)) /* its 110,000 members need not be listed again */
		return true;
	tree = cs_place_zip(place);
	for (int64_t i = 0; tree && i < tree->count && !found; i++)
		found = is_mark(tree->files[i].path, &length);
	return found;
}

/* List the tree, and go to where the marks are. */
static enum cs_status enter(struct tiny *tiny, const char *real, struct cs_error *error)
{
	enum cs_status status = cs_place_tree(tiny->place, real, false, &tiny->tree, error);
	size_t length = 0, shortest = SIZE_MAX;
	char *top = NULL;

	for (int64_t i = 0; i < tiny->tree.count; i++) {
		if (is_mark(tiny->tree.files[i].path, &length) && length < shortest) {
			shortest = length;
			cs_free(top);
			top = cs_strndup(tiny->tree.files[i].path, length);
		}
	}
	if (top && !status)
		status = cs_tree_enter(&tiny->tree, top, error);
	cs_free(top);
	return status;
}

/* A zip need not even be listed while its cache is valid. */
static enum cs_status catalogue_when_needed(void *context, struct cs_catalogue *out, struct cs_error *error)
{
	struct tiny *tiny = context;

	if (tiny->tree.zip && tiny->tree.count == 0) {
		char *root = tiny->tree.root;
		enum cs_status status;

		tiny->tree = (struct cs_tree){0};
		status = enter(tiny, root, error);
		cs_free(root);
		if (status)
			return status;
	}
	return tiny_catalogue(context, out, error);
}

static enum cs_status tiny_open(struct cs_dataset *data, struct cs_place *place, const struct cs_data_options *given,
	struct cs_job *job, struct cs_error *error)
{
	const char *spec = place->name;
	struct tiny tiny = {.place = place, .given = spec, .strict = given->strict};
	struct cs_source source = {
		.kind = cs_tiny_imagenet_dataset.name,
		.context = &tiny,
		.catalogue = catalogue_when_needed,
		.reader_new = cs_tree_pictures_new,
		.picture = cs_tree_pictures_read,
		.reader_free = cs_tree_pictures_free,
	};
	struct cs_data_options options;
	char *real = NULL;
	enum cs_status status = cs_stored_options(given, spec, NULL, &options, error);

	if (!status)
		status = cs_stored_path(spec, &real, error);
	if (!status)
		status = cs_stored_fingerprint(real, &source.fingerprint, error);
	if (status)
		goto out;
	if (cs_file_is_directory(real)) {
		status = enter(&tiny, real, error);
		if (!status)
			source.fingerprint = cs_tree_hash(&tiny.tree);
	} else {
		tiny.tree.zip = true;
		tiny.tree.root = cs_strdup(real);
		if (!tiny.tree.root)
			status = cs_fail_memory(error, "a file name");
	}
	source.path = real;
	if (!status)
		status = cs_stored_open(data, &source, 64, &options, job, error);
out:
	cs_tree_close(&tiny.tree);
	cs_free(real);
	return status;
}

const struct cs_dataset_ops cs_tiny_imagenet_dataset = {
	.name = "tiny_imagenet",
	.expects = "tiny-imagenet-200.zip",
	.recognise = tiny_recognise,
	.open = tiny_open,
	.pixels = cs_stored_pixels,
	.sample = cs_stored_sample,
	.close = cs_stored_close,
	.label = cs_stored_label,
	.sums = cs_stored_sums,
};
