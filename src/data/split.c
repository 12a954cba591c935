/* split.c: the three parts of a data set. See dataset.h.
 *
 * Images are held out per class, so that every part has the classes in the same proportions. Which ones is drawn from the
 * stream (seed, CS_RANDOM_SPLIT, class): another class or another share never changes who is first in line of this one.
 */
#include "data/split.h"

#include "core/alloc.h"
#include "core/random.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const split_names[CS_SPLIT_COUNT] = {"train", "val", "test"};

const char *cs_split_name(enum cs_split_kind kind)
{
	assert(kind >= 0 && kind < CS_SPLIT_COUNT);
	return split_names[kind];
}

bool cs_split_parse(const char *name, enum cs_split_kind *kind)
{
	for (int i = 0; i < CS_SPLIT_COUNT; i++) {
		if (strcmp(name, split_names[i]) == 0) {
			*kind = (enum cs_split_kind)i;
			return true;
		}
	}
	return false;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

enum cs_status cs_split_add(struct cs_split *split, const int64_t *images, int64_t count, struct cs_error *error)
{
	int64_t *grown;

	if (count == 0)
		return CS_OK;
	grown = cs_realloc(split->images, (size_t)(split->count + count), sizeof *grown);
	if (!grown)
		return cs_fail_memory(error, "the splits of a data set");
	memcpy(grown + split->count, images, (size_t)count * sizeof *grown);
	split->images = grown;
	split->count += count;
	qsort(grown, (size_t)split->count, sizeof *grown, ascending);
	return CS_OK;
}

/* How many of a class of n are held out for a share, when `left` may still be taken. */
static int64_t held_out(int64_t n, float share, int64_t left)
{
	int64_t held = llrint((double)n * (double)share);

	if (share > 0 && held < 1)
		held = 1;
	return held < left ? held : left;
}

/* Where each class begins in a list of pool positions ordered by class; unknown labels come last, as one more class. */
static void order_by_class(const int *labels, int64_t count, int classes, int64_t *begin, int64_t *order)
{
	memset(begin, 0, (size_t)(classes + 2) * sizeof *begin);
	for (int64_t i = 0; i < count; i++)
		begin[(labels[i] < 0 ? classes : labels[i]) + 1]++;
	for (int c = 0; c <= classes; c++)
		begin[c + 1] += begin[c];
	for (int64_t i = 0; i < count; i++)
		order[begin[labels[i] < 0 ? classes : labels[i]]++] = i;
	for (int c = classes + 1; c > 0; c--)
		begin[c] = begin[c - 1];
	begin[0] = 0;
}

enum cs_status cs_split_by_class(struct cs_dataset *data, const int64_t *pool, const int *labels, int64_t count,
	float val_share, float test_share, uint64_t seed, struct cs_error *error)
{
	int classes = data->class_count;
	int64_t *begin = cs_alloc((size_t)(classes + 2) * sizeof *begin);
	int64_t *order = cs_alloc((size_t)count * sizeof *order);
	int64_t *parts = cs_alloc((size_t)count * sizeof *parts * CS_SPLIT_COUNT);
	int64_t filled[CS_SPLIT_COUNT] = {0};
	enum cs_status status = CS_OK;

	if (!(val_share >= 0) || !(test_share >= 0) || !(val_share + test_share < 1)) {
		status = cs_fail(error, CS_ERR_ARGUMENT,
			"shares of %g for validation and %g for test leave nothing to train on: their sum must be "
			"below 1",
			(double)val_share, (double)test_share);
		goto out;
	}
	if (!begin || !order || !parts) {
		status = cs_fail_memory(error, "the splits of a data set");
		goto out;
	}
	order_by_class(labels, count, classes, begin, order);
	for (int c = 0; c <= classes; c++) {
		int64_t n = begin[c + 1] - begin[c], val, test;
		struct cs_random random;

		cs_random_init(&random, seed, CS_RANDOM_SPLIT, 0, (uint64_t)c);
		cs_random_shuffle(&random, order + begin[c], n);
		val = c == classes ? 0 : held_out(n, val_share, n > 0 ? n - 1 : 0);
		test = c == classes ? n : held_out(n, test_share, n > 0 ? n - 1 - val : 0);
		for (int64_t i = 0; i < n; i++) {
			enum cs_split_kind kind = i < val ? CS_SPLIT_VAL
				: i < val + test          ? CS_SPLIT_TEST
							  : CS_SPLIT_TRAIN;

			parts[kind * count + filled[kind]++] = pool[order[begin[c] + i]];
		}
	}
	for (int kind = 0; kind < CS_SPLIT_COUNT && !status; kind++)
		status = cs_split_add(&data->split[kind], parts + kind * count, filled[kind], error);
out:
	cs_free(begin);
	cs_free(order);
	cs_free(parts);
	return status;
}
