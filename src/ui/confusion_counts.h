/* confusion_counts.h: the numbers of the confusion screen (view_confusion.c): which classes are taken for which, counted from the verdicts that are there,
 * the most frequent confusions, and the order of the classes.
 */
#ifndef CS_UI_CONFUSION_COUNTS_H
#define CS_UI_CONFUSION_COUNTS_H

#include "ui/table.h"
#include "ui/view.h"

enum cs_confusion_size { CS_CONFUSION_WHOLE, CS_CONFUSION_BLOCKS, CS_CONFUSION_NUMBERS, CS_CONFUSION_SIZES };

enum cs_confusion_order { CS_CONFUSION_BY_INDEX, CS_CONFUSION_BY_ERROR, CS_CONFUSION_BY_NAME, CS_CONFUSION_ORDERS };

struct cs_confusion_pair {
	int truth, said;
	int64_t count;
};

struct cs_confusion_state {
	struct cs_work *asking; /* for the verdicts on every image */
	struct cs_error trouble;
	bool ended;
	int classes;
	int64_t *cells, *of; /* [classes,classes] counts, [classes] images with an answer */
	int64_t known, right, labelled;
	int *order; /* [classes] which class stands where */
	enum cs_confusion_order by;
	int row, column, top, left; /* places in the order */
	enum cs_confusion_size size;
	bool sized; /* chosen by hand */
	struct cs_confusion_pair *pairs; /* [pair_count] the most frequent confusions */
	int pair_count;
	struct cs_table list;
	bool in_list;
	int64_t counted; /* answers when the cells were counted last */
};

/* Images of the class `truth` that are taken for `said`. */
int64_t cs_confusion_cell(const struct cs_confusion_state *state, int truth, int said);

/* Count anew, with the frequent confusions and the order of the classes. */
void cs_confusion_count(struct cs_view *view);

/* The classes in the order `by`; the cursor goes with its classes. */
void cs_confusion_sort(struct cs_view *view);

#endif
