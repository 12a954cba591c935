/* project.h: from an activation back to pixels.
 *
 * A backward rule is three switches (Mahendran & Vedaldi 2016): mask (multiply by the activation's derivative at the
 * forward pass) x switches (unpool to the stored positions; without, to the window's centre cell, rounded down) x rectify
 * (ReLU on the signal going back, at every activation that is not linear or softmax). Going back through a layer the
 * order is: unpool, rectify and mask, filter with the transposed kernel. Rules are linear in the weights: biases play no part, batch
 * norm multiplies by gamma/sqrt(variance + epsilon) and drops its shift, dropout is off, a softmax is never reversed: what
 * is projected from a softmax layer is the class score before it.
 */
#ifndef CS_DECONV_PROJECT_H
#define CS_DECONV_PROJECT_H

#include "nn/trace.h"

struct cs_rule {
	bool mask, switches, rectify;
};

/* "deconvnet" (s r), "gradient" (m s), "guided" (m s r), "none", "m", "s", "r", "mr". Errors name the eight. */
enum cs_status cs_rule_parse(const char *name, struct cs_rule *rule, struct cs_error *error);
const char *cs_rule_name(struct cs_rule rule);
extern const char *const cs_rule_names[8]; /* deconvnet first, then gradient, guided, none, m, s, r, mr */

enum cs_at { CS_AT_MAX, CS_AT_POSITION, CS_AT_MAP };
enum cs_signal { CS_SIGNAL_VALUE, CS_SIGNAL_ONE };

/* What is projected. Features are channels of a map or units of a dense layer. */
struct cs_target {
	int image; /* in the trace, from 0 */
	int layer; /* in the network */
	int64_t feature; /* -1: the whole layer (all features, then `at` must be CS_AT_MAP) */
	enum cs_at at; /* the feature's strongest position, one position, or its whole map */
	int64_t row, column;
	enum cs_signal signal; /* the activations themselves (before a softmax: the scores), or a unit gradient */
};

/* What was found there. */
struct cs_projection {
	bool silent; /* nothing positive to project: the picture is empty because the feature is silent on this image
		      * (no activation above 0 at the place asked for; with signal `one` never) */
	int64_t row, column; /* the position used; -1 for whole maps and layers */
	float value; /* the activation there; of a map, its largest */
	float min, max; /* of the projection */
	double norm;
	/* the part of the input it can reach (exclusive ends), clipped to the image; empty for a unit that sees padding alone */
	int64_t top, left, bottom, right;
};

/* Project `count` targets of one trace (kind CS_TRACE_ALL, filled by an inference pass; a CS_TRACE_TRAIN serves where it kept every
 * map from the input up to the targets).
 *
 * out       [count,h,w,c] float32, written: the network's input space
 * infos     [count], written; may be NULL
 * Errors    CS_ERR_ARGUMENT for a target that does not exist (naming the range), CS_ERR_UNSUPPORTED naming a layer that cannot be
 *           reversed or a softmax below the target's layer, CS_ERR_MEMORY, CS_ERR_CANCELLED (job may be NULL; it is asked
 *           before each group of up to 32 targets). Targets are checked before anything is written; a cancelled call
 *           leaves `out` half written.
 * Faster for many targets of one layer in one call than one by one: kernels are prepared once, and they share products.
 * Runs on the trace's workers; the result does not depend on their number. */
struct cs_job;
enum cs_status cs_project(const struct cs_trace *trace, const struct cs_target *targets, int count, struct cs_rule rule,
	struct cs_tensor *out, struct cs_projection *infos, struct cs_job *job, struct cs_error *error);

/* Can layers 0 .. layer of this network be reversed? Errors as above, before anything is computed. */
enum cs_status cs_project_check(const struct cs_network *network, int layer, struct cs_error *error);

/* Where a feature of one image of a trace fires most: position and value (first of equals; NaN is skipped, and when there is
 * nothing else the answer is 0, 0 and NaN). Of a softmax layer: the scores before it. */
void cs_strongest(const struct cs_trace *trace, int layer, int image, int64_t feature, int64_t *row, int64_t *column,
	float *value);

#endif
