/* workspace.h: how much memory a group of targets needs on its way back, and handing it out.
 *
 * A target's windows follow from the network's shapes and the position it starts at, so all sizes are known before anything is
 * computed.
 */
#ifndef CS_DECONV_WORKSPACE_H
#define CS_DECONV_WORKSPACE_H

#include "deconv/walk.h"

/* What one signal needs at its largest. */
struct cs_workspace_patch {
	int64_t numbers; /* in each of its two rooms */
	int64_t places, entries;
	struct cs_span reach; /* the part of the input it can reach */
};

/* A signal that starts at `window` of a layer's output; `entries` alive there, when it starts as a list. */
struct cs_workspace_patch cs_workspace_measure(
	const struct cs_network *network, int layer, struct cs_span window, int64_t entries);

/* Bytes for a group of `count` signals that start at `layer`, `few` as in cs_walk. */
size_t cs_workspace_bytes(
	const struct cs_network *network, int layer, int few, const struct cs_workspace_patch *sizes, int count);

/* Hand out `memory` of at least that size to the walk's signals and scratch. */
void cs_workspace_hand_out(struct cs_walk *walk, int layer, const struct cs_workspace_patch *sizes, char *memory);

#endif
