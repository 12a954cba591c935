/* catalogue.h: what a stored data set consists of, before anything is decoded; and where its pictures come from. */
#ifndef CS_DATA_CATALOGUE_H
#define CS_DATA_CATALOGUE_H

#include "data/dataset.h"
#include "io/picture.h"

/* One picture of the source. */
struct cs_entry {
	char *name; /* for people: "n01443537_0.JPEG" */
	int label; /* -1: unknown */
	enum cs_split_kind part; /* CS_SPLIT_TRAIN: may still be held out */
	bool has_box;
	float box[4]; /* left, top, right, bottom (exclusive) in pixels of the source's picture */
	int64_t item; /* the source's own number of it */
};

struct cs_catalogue {
	int class_count;
	char **class_ids, **class_names; /* [class_count] */
	struct cs_entry *entries; /* [count] in the order in which images are numbered */
	int64_t count, room;
	bool fixed; /* the parts are final: nothing more is held out of training */
};

/* Add a class; `name` NULL: as the id. Add an entry (takes entry->name, which may be NULL after a failed allocation). Errors:
 * CS_ERR_MEMORY. */
enum cs_status cs_catalogue_class(
	struct cs_catalogue *catalogue, const char *id, const char *name, struct cs_error *error);
enum cs_status cs_catalogue_add(struct cs_catalogue *catalogue, const struct cs_entry *entry, struct cs_error *error);
void cs_catalogue_fini(struct cs_catalogue *catalogue);

/* How many images each class has in each part, [CS_SPLIT_COUNT][classes]. */
struct cs_census {
	int64_t *count;
	int classes;
};
enum cs_status cs_census_init(struct cs_census *census, int classes, struct cs_error *error);
static inline void cs_census_add(struct cs_census *census, int part, int label)
{
	if (label >= 0)
		census->count[part * census->classes + label]++;
}
void cs_census_fini(struct cs_census *census);

/* Can this be trained and measured on? A class without training images is CS_ERR_FORMAT; one that a validation or test split lacks
 * is a warning, with `strict` CS_ERR_FORMAT too. One line either way: it names the class, the split and `path`. */
enum cs_status cs_census_check(const struct cs_census *census, char *const *class_ids, const char *path, bool strict,
	bool warn, struct cs_error *error);

/* Where the pictures of a catalogue come from: one const row a kind of source. `context` is the source's own. */
struct cs_source {
	const char *kind; /* "folder" */
	const char *path; /* absolute, without symbolic links */
	uint64_t fingerprint; /* of its state: names, sizes, times */
	void *context;

	/* List it. Called only when no cache is valid. */
	enum cs_status (*catalogue)(void *context, struct cs_catalogue *out, struct cs_error *error);

	/* Readers, one a thread, that decode one entry. An error of `picture` is that of one corrupt picture. */
	enum cs_status (*reader_new)(void *context, void **reader, struct cs_error *error);
	enum cs_status (*picture)(void *reader, int64_t item, struct cs_picture *out, struct cs_error *error);
	void (*reader_free)(void *reader);
};

#endif
