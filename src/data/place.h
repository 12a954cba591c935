/* place.h: what a data set is asked for by, a word or a path, looked at for all kinds of source together.
 *
 * To list a zip of many members takes long, and nearly every kind of source must see its members to know whether it is meant. So it is listed
 * once, when the first asks, and the source that opens it takes the listing over.
 */
#ifndef CS_DATA_PLACE_H
#define CS_DATA_PLACE_H

#include "data/tree.h"

struct cs_place {
	const char *name; /* the word or path */
	struct cs_tree zip; /* where it is a zip that somebody has asked for */
	bool listed, broken; /* broken: it could not be listed */
};

/* The files of a zip; NULL for what is none, or a damaged one. The place's. */
const struct cs_tree *cs_place_zip(struct cs_place *place);

/* All files of a folder, zip or tar as the caller's own, as cs_tree_open() lists them. `real` is the place's path. */
enum cs_status cs_place_tree(
	struct cs_place *place, const char *real, bool memory, struct cs_tree *out, struct cs_error *error);

void cs_place_fini(struct cs_place *place);

#endif
