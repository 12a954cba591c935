/* tree_order.c: the order of a tree's files. See tree_order.h.
 *
 * qsort() cannot be stopped, and a million names take it seconds: pieces of the list are sorted so, and merged.
 */
#include "data/tree_order.h"

#include "core/alloc.h"
#include "core/job.h"

#include <stdlib.h>
#include <string.h>

enum { SORTED = 1 << 14 }; /* files in a piece */

int cs_tree_order(const void *a, const void *b)
{
	const char *x = ((const struct cs_tree_file *)a)->path, *y = ((const struct cs_tree_file *)b)->path;
	const char *x_slash = strrchr(x, '/'), *y_slash = strrchr(y, '/');
	size_t x_length = x_slash ? (size_t)(x_slash - x) + 1 : 0, y_length = y_slash ? (size_t)(y_slash - y) + 1 : 0;
	size_t common = x_length < y_length ? x_length : y_length;
	int order = common ? memcmp(x, y, common) : 0;

	if (order)
		return order;
	if (x_length != y_length)
		return x_length < y_length ? -1 : 1;
	order = strverscmp(x + x_length, y + y_length);
	return order ? order : strcmp(x, y);
}

/* Two sorted pieces of `from`, first .. middle-1 and middle .. end-1, as one in the same place of `to`. */
static enum cs_status merge(const struct cs_tree_file *from, struct cs_tree_file *to, int64_t first, int64_t middle,
	int64_t end, struct cs_error *error)
{
	enum cs_status status = CS_OK;
	int64_t a = first, b = middle;

	for (int64_t i = first; i < end && !status; i++) {
		bool left = b == end || (a < middle && cs_tree_order(&from[a], &from[b]) <= 0);

		to[i] = left ? from[a++] : from[b++];
		if (i % SORTED == 0)
			status = cs_job_heed("the listing of files", error);
	}
	return status;
}

enum cs_status cs_tree_sort(struct cs_tree *tree, struct cs_error *error)
{
	struct cs_tree_file *from = tree->files, *to = NULL, *other;
	int64_t count = tree->count;
	enum cs_status status = CS_OK;

	for (int64_t first = 0; first < count && !status; first += SORTED) {
		qsort(from + first, (size_t)(first + SORTED < count ? SORTED : count - first), sizeof *from, cs_tree_order);
		status = cs_job_heed("the listing of files", error);
	}
	if (!status && count > SORTED) {
		to = cs_calloc((size_t)count, sizeof *to);
		if (!to)
			status = cs_fail_memory(error, "a list of files");
	}
	for (int64_t width = SORTED; width < count && !status; width *= 2) {
		for (int64_t first = 0; first < count && !status; first += 2 * width) {
			int64_t middle = first + width < count ? first + width : count;

			status = merge(from, to, first, middle, middle + width < count ? middle + width : count, error);
		}
		if (status)
			break; /* all are still in `from` */
		other = from;
		from = to;
		to = other;
	}
	tree->files = from;
	cs_free(to);
	return status;
}
