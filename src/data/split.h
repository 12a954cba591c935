/* split.h: what sources need of the splits beside dataset.h. */
#ifndef CS_DATA_SPLIT_H
#define CS_DATA_SPLIT_H

#include "data/dataset.h"

/* Add image numbers to a split, which stays in ascending order. Errors: CS_ERR_MEMORY. */
enum cs_status cs_split_add(struct cs_split *split, const int64_t *images, int64_t count, struct cs_error *error);

#endif
