/* gallery.c: see gallery.h. */
#include "work/gallery.h"

#include "core/alloc.h"
#include "core/random.h"
#include "work/opened.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	int64_t position;
	int label, confidence;
};

static int by_class(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

static int by_confidence(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->confidence != y->confidence)
		return x->confidence > y->confidence ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

static int by_doubt(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->confidence != y->confidence)
		return x->confidence < y->confidence ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

/* Which classes a filter lets through; NULL: all (or no memory). */
static bool *wanted_classes(const struct cs_opened *opened, const char *filter)
{
	int classes = opened->data->class_count;
	bool *wanted = *filter ? cs_calloc((size_t)classes + 1, sizeof *wanted) : NULL;
	char name[64];

	for (int i = 0; wanted && i < classes; i++)
		wanted[i] = strcasestr(cs_opened_label(opened, i, name, sizeof name), filter) != NULL;
	return wanted;
}

static int64_t collect(
	struct cs_opened *opened, enum cs_gallery_order order, const bool *wanted, struct entry *entries, int *known)
{
	int64_t count = 0;

	for (int64_t i = 0; i < opened->image_count; i++) {
		int label = cs_dataset_label(opened->data, opened->images[i]);
		int word = atomic_load(&opened->predicted[i]);
		struct entry entry = {i, label, atomic_load(&opened->confidence[i])};

		*known += word >= 0;
		if (wanted && (label < 0 || !wanted[label]))
			continue;
		if (order == CS_GALLERY_WRONG && (word < 0 || word == label))
			continue;
		if (order == CS_GALLERY_UNSURE && word < 0)
			entry.confidence = 2000000;
		entries[count++] = entry;
	}
	return count;
}

enum cs_status cs_gallery_make(struct cs_gallery *gallery, struct cs_opened *opened, enum cs_gallery_order order,
	const char *filter, struct cs_error *error)
{
	struct entry *entries = cs_alloc((size_t)(opened->image_count + 1) * sizeof *entries);
	int64_t *positions = cs_alloc((size_t)(opened->image_count + 1) * sizeof *positions), count;
	bool *wanted = wanted_classes(opened, filter);
	int known = 0;

	if (!entries || !positions) {
		cs_free(entries);
		cs_free(positions);
		cs_free(wanted);
		return cs_fail_memory(error, "a list of images");
	}
	count = collect(opened, order, wanted, entries, &known);
	if (order == CS_GALLERY_CLASS)
		qsort(entries, (size_t)count, sizeof *entries, by_class);
	else if (order == CS_GALLERY_WRONG)
		qsort(entries, (size_t)count, sizeof *entries, by_confidence);
	else if (order == CS_GALLERY_UNSURE)
		qsort(entries, (size_t)count, sizeof *entries, by_doubt);
	for (int64_t i = 0; i < count; i++)
		positions[i] = entries[i].position;
	if (order == CS_GALLERY_RANDOM) {
		struct cs_random random;

		cs_random_init(&random, 1, CS_RANDOM_USER, 0, 0);
		cs_random_shuffle(&random, positions, count);
	}
	cs_free(gallery->positions);
	gallery->positions = positions;
	gallery->count = count;
	gallery->order = order;
	gallery->verdicts = known;
	if (filter != gallery->filter)
		snprintf(gallery->filter, sizeof gallery->filter, "%s", filter);
	cs_free(entries);
	cs_free(wanted);
	return CS_OK;
}

void cs_gallery_fini(struct cs_gallery *gallery)
{
	cs_free(gallery->positions);
	*gallery = (struct cs_gallery){0};
}

int64_t cs_gallery_place(const struct cs_gallery *gallery, int64_t position)
{
	for (int64_t i = 0; i < gallery->count; i++) {
		if (gallery->positions[i] == position)
			return i;
	}
	return -1;
}

const char *cs_gallery_order_name(enum cs_gallery_order order)
{
	static const char *const names[] = {"number", "class", "wrong, most confident first", "least sure first", "random"};

	return names[order];
}
