/* tint.h: what the colour analysis found about single features, for the screens that show features. */
#ifndef CS_UI_TINT_H
#define CS_UI_TINT_H

#include "ui/session.h"

struct cs_result;

/* The result of the colour analysis of the open model, read when first asked for and kept up to date; NULL: none yet. */
const struct cs_result *cs_tint_result(struct cs_session *session);

/* The share of a feature's response that goes without red, green, blue (NaN where it could not be measured), and what it goes by
 * ("colour", "shape", "both", "neither", "silent"; valid until the next tick). False when the result does not hold the feature. */
bool cs_tint_feature(struct cs_session *session, int layer, int64_t feature, float lost[3], const char **by);

/* What the feature of a row of the table loses without channel 0, 1 or 2, as it fires: the share that goes times its response, so that one that hardly
 * fires is not first because it loses all of nothing. NaN where it could not be measured. */
double cs_tint_lost(const struct cs_result *result, int64_t row, int channel);

/* order[count]: the features that the rows of the table from `first` on are of, as numbers from 0, by what they lose, most first. False when nothing is
 * known. */
bool cs_tint_rank(const struct cs_result *result, int64_t first, int64_t count, int channel, int64_t *order);

/* order[features]: by what they lose (cs_tint_lost), most first; by number where nothing is known. False when nothing is. */
bool cs_tint_sort(struct cs_session *session, int layer, int channel, int64_t features, int64_t *order);

#endif
