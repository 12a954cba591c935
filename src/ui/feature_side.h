/* feature_side.h: what is known of one feature, in a column beside the pictures of its layer. */
#ifndef CS_UI_FEATURE_SIDE_H
#define CS_UI_FEATURE_SIDE_H

#include "ui/session.h"

struct cs_exhibit;

enum { CS_FEATURE_SIDE = 25 }; /* columns it takes */

/* The numbers of a feature of a layer from the second row of the screen on: its scale (of `exhibit`, which may be NULL), how strongly and how
 * often it fires, for which class, how it takes to colours, what stands among its strongest images. */
void cs_feature_side_show(
	struct cs_session *session, int at, int64_t feature, const struct cs_exhibit *exhibit, int column);

#endif
