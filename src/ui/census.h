/* census.h: the network's word on every image of the split that is browsed, found in the background and kept with the opened model.
 *
 * What the exemplar scan has seen already is not asked again. Dropping it loses nothing: the next one goes on where it was.
 */
#ifndef CS_UI_CENSUS_H
#define CS_UI_CENSUS_H

#include "ui/opened.h"
#include "ui/work.h"

struct cs_census;

/* Start on a model whose images are ready. Errors: CS_ERR_UNSUPPORTED for a network that names no classes, CS_ERR_MEMORY. */
enum cs_status cs_census_start(
	struct cs_works *works, struct cs_opened *opened, struct cs_census **out, struct cs_error *error);
/* Stop it and forget it. NULL is fine. */
void cs_census_drop(struct cs_census *census);

/* Images it was asked about and has an answer for; those that are left out are known from before. Grows while it runs. */
int64_t cs_census_seen(struct cs_census *census);
bool cs_census_finished(struct cs_census *census);
/* Once it has finished: how. */
enum cs_status cs_census_result(struct cs_census *census, struct cs_error *error);

/* The class that the network names for image number `position` of the split; -1: not known yet. */
static inline int cs_predicted(struct cs_opened *opened, int64_t position)
{
	return atomic_load(&opened->predicted[position]);
}

/* Classes that labels and answers can name. */
int cs_census_classes(const struct cs_opened *opened);

#endif
