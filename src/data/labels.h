/* labels.h: classes out of labels that are numbers. */
#ifndef CS_DATA_LABELS_H
#define CS_DATA_LABELS_H

#include "data/catalogue.h"

/* Labels are below this. */
enum { CS_LABELS_MAX = 1 << 20 };

struct cs_labels {
	const char *given; /* the data set, for messages */
	int32_t *label; /* [count] -1: unknown; numbered anew where classes are left out */
	int64_t count;
	char *const *ids, *const *names; /* what the source calls its classes; either may be missing */
	int id_count, name_count;
	bool sparse; /* names are those of numbers, and classes those that occur all the same */
};

/* Add the classes to `out`: those that are named or, without names, one for each number that occurs. Numbers that do not occur (EMNIST's letters
 * begin with 1) are passed over and the labels counted anew, which is said in a warning. Errors: CS_ERR_FORMAT for a label without a
 * name, fewer than two classes. */
enum cs_status cs_labels_classes(const struct cs_labels *labels, struct cs_catalogue *out, struct cs_error *error);

#endif
