/* place.c: listing once what many ask for. See place.h. */
#include "data/place.h"

#include "io/archive.h"

const struct cs_tree *cs_place_zip(struct cs_place *place)
{
	if (!place->listed && !place->broken) {
		if (cs_archive_recognise(place->name) && !cs_tree_open(place->name, true, &place->zip, NULL))
			place->listed = true;
		else
			place->broken = true;
	}
	return place->listed ? &place->zip : NULL;
}

enum cs_status cs_place_tree(
	struct cs_place *place, const char *real, bool memory, struct cs_tree *out, struct cs_error *error)
{
	if (!place->listed)
		return cs_tree_open(real, memory, out, error);
	*out = place->zip;
	place->zip = (struct cs_tree){0};
	place->listed = false;
	return CS_OK;
}

void cs_place_fini(struct cs_place *place)
{
	if (place->listed)
		cs_tree_close(&place->zip);
	place->listed = false;
}
