/* rival.h: a second model beside the one that is open, asked about the same images.
 *
 * It is opened with the images of the first, in a size of its own where its input has another one; image numbers, splits and labels
 * are the same then. What it cannot be compared in is said, not guessed.
 */
#ifndef CS_UI_RIVAL_H
#define CS_UI_RIVAL_H

#include "measure/agreement.h"
#include "ui/session.h"

struct cs_rival;

/* Begin to open `target` beside the session's model, whose images must be ready. */
enum cs_status cs_rival_new(
	struct cs_session *session, const char *target, struct cs_rival **out, struct cs_error *error);
void cs_rival_free(struct cs_rival *rival);

/* See how far opening and asking are; true when there is something new. */
bool cs_rival_tick(struct cs_rival *rival);

/* It and its images can be looked at; NULL before. */
struct cs_opened *cs_rival_opened(struct cs_rival *rival);
/* Its pictures, for cs_tiles_begin(), want, end; NULL before. */
struct cs_tiles *cs_rival_tiles(struct cs_rival *rival);
/* Why not (yet), or why no comparison is possible. */
void cs_rival_why_not(struct cs_rival *rival, char *text, size_t size);

/* Who was right, over the images that both have answered so far (`first` is the rival), and the numbers of those that the session's model
 * alone knows (gained) or the rival alone (lost), ascending. The lists are the rival's, valid until the next tick. */
const struct cs_agreement *cs_rival_agreement(const struct cs_rival *rival);
const int64_t *cs_rival_gained(const struct cs_rival *rival, int64_t *count);
const int64_t *cs_rival_lost(const struct cs_rival *rival, int64_t *count);

/* The rival's layer of the same name as the session's model's layer; -1: none. */
int cs_rival_layer(struct cs_rival *rival, int layer);

#endif
