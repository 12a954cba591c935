/* verdicts.h: the network's word on every image of the split, in the background and behind everything else. */
#ifndef CS_WORK_VERDICTS_H
#define CS_WORK_VERDICTS_H

#include "work/opened.h"
#include "work/work.h"

/* Classify all images that were not looked at yet; opened->predicted and opened->confidence fill as it goes. */
enum cs_status cs_verdicts_start(
	struct cs_works *works, struct cs_opened *opened, struct cs_work **out, struct cs_error *error);

/* The class that the network names for the image at `position` of the split; -1: not known yet. */
static inline int cs_verdict(struct cs_opened *opened, int64_t position)
{
	return atomic_load(&opened->predicted[position]);
}

/* How many are known. */
int64_t cs_verdicts_known(struct cs_opened *opened);

/* Classes that labels and verdicts can name. */
int cs_verdicts_classes(const struct cs_opened *opened);

/* Note what a pass through the whole network says of its images. */
void cs_verdicts_note(struct cs_opened *opened, const struct cs_pass_kept *pass);

#endif
