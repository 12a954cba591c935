/* tree_order.h: the order in which a tree lists its files. */
#ifndef CS_DATA_TREE_ORDER_H
#define CS_DATA_TREE_ORDER_H

#include "data/tree.h"

/* Of two struct cs_tree_file: directories first compare as bytes, then names in one directory with their numbers by value. */
int cs_tree_order(const void *a, const void *b);

/* Sort a tree's files. Errors: CS_ERR_MEMORY, CS_ERR_CANCELLED in the thread of a job that was told to stop. */
enum cs_status cs_tree_sort(struct cs_tree *tree, struct cs_error *error);

#endif
