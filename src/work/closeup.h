/* closeup.h: one feature looked at closely, in the background at low priority: how it answers to colour, hue and noise on the images that
 * excite it most, and whether what is projected back is something it learnt or the image redrawn.
 *
 * The last is a test by randomised parameters (Adebayo et al. 2018, "Sanity checks for saliency maps"): the layers from the second
 * convolution up to the feature's get fresh weights (of a feature of the first convolution: that one), three times, and the same unit is
 * projected from the same images. The more the pictures correlate with those of the trained network, the less of them is the feature's.
 */
#ifndef CS_WORK_CLOSEUP_H
#define CS_WORK_CLOSEUP_H

#include "deconv/exemplars.h"
#include "work/opened.h"
#include "work/work.h"

enum { CS_CLOSE_IMAGES = 9, CS_CLOSE_HUES = 12, CS_CLOSE_LEVELS = 4 };
extern const float cs_close_levels[CS_CLOSE_LEVELS]; /* of noise: standard deviations, shares of the range */

struct cs_closeup;

struct cs_close_question {
	int layer, rule; /* in cs_rule_names */
	int64_t feature;
	int count;
	struct cs_exemplar images[CS_CLOSE_IMAGES];
};

/* Shares are of its response (the strongest activation) to the images as they are, means over them. */
struct cs_close_answer {
	bool has_response; /* what follows is known: */
	float lost[3]; /* the share that goes without red, green, blue */
	float hue[CS_CLOSE_HUES]; /* what is left as hues turn by multiples of 30 degrees */
	float noise[CS_CLOSE_LEVELS]; /* what is left under noise */
	bool has_trust; /* what follows too: */
	double alike, low, high; /* correlation with the randomised network's pictures, 95 % over images; NaN: neither has a picture */
};

enum cs_status cs_closeup_start(struct cs_works *works, struct cs_opened *opened,
	const struct cs_close_question *question, struct cs_closeup **out, struct cs_error *error);
/* Stop and forget. NULL is fine. */
void cs_closeup_drop(struct cs_closeup *closeup);

bool cs_closeup_asks(const struct cs_closeup *closeup, const struct cs_close_question *question); /* it is this one's */
bool cs_closeup_about(const struct cs_closeup *closeup, const struct cs_close_question *question); /* the feature and rule are */
unsigned cs_closeup_version(struct cs_closeup *closeup);
void cs_closeup_answer(struct cs_closeup *closeup, struct cs_close_answer *out);

#endif
