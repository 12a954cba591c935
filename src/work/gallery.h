/* gallery.h: the images of the split that is looked at, in an order, all of them or those of some classes: what the list shows and what left
 * and right go through.
 */
#ifndef CS_WORK_GALLERY_H
#define CS_WORK_GALLERY_H

#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

struct cs_opened;

enum cs_gallery_order {
	CS_GALLERY_NUMBER,
	CS_GALLERY_CLASS,
	CS_GALLERY_WRONG, /* those taken for another class alone, the most confident first */
	CS_GALLERY_UNSURE, /* the least confident first; those not looked at yet last */
	CS_GALLERY_RANDOM,
	CS_GALLERY_ORDERS,
};

struct cs_gallery {
	enum cs_gallery_order order;
	char filter[64]; /* a part of class names; "": all */
	int64_t *positions, count; /* in the split */
	int verdicts; /* the network's words that were known when it was made */
};

/* Make the list; on an error the old one stays. The random order is the same each time. */
enum cs_status cs_gallery_make(struct cs_gallery *gallery, struct cs_opened *opened, enum cs_gallery_order order,
	const char *filter, struct cs_error *error);
void cs_gallery_fini(struct cs_gallery *gallery);

/* Where a position of the split stands in the list; -1: it is not in it. */
int64_t cs_gallery_place(const struct cs_gallery *gallery, int64_t position);

const char *cs_gallery_order_name(enum cs_gallery_order order);

#endif
