/* walk.h: reversing layer after layer for a group of targets that start at the same layer.
 *
 * Each kind of layer has one row in a table (inverse.c), found by the layer's ops: nn knows nothing of deconv. Going back
 * through a layer the order is unpool; rectify and mask by the layer's activation; filter. All memory was sized before from
 * the windows of the targets, so reversing allocates nothing and cannot fail.
 */
#ifndef CS_DECONV_WALK_H
#define CS_DECONV_WALK_H

#include "deconv/patch.h"
#include "deconv/sparse.h"

/* Signals in a group at most, and fewer where kernels are small enough to stay in the caches. */
enum { CS_WALK_GROUP = 32, CS_WALK_SMALL_GROUP = 8 };

/* One row of a matrix product: whose it is (a number in the group), and where its block begins in the map below. */
struct cs_walk_row {
	int patch;
	float *block;
};

/* Scratch of one worker, shared by the signals of its group. */
struct cs_walk_scratch {
	int32_t *found; /* [channels] of the widest pool */
	int32_t *starts; /* [window cells + 1] of the largest pool */
	cs_switch *centres; /* [channels] of the widest pool */
	float *factors; /* [channels] of the widest map */
	int32_t *marks; /* [features] of the widest filter; all -1 between uses */
	int32_t *chosen; /* [few] */
	float *few_weights; /* a pack of `few` features */
	float *rows, *columns; /* [limit,features] and [limit,kernel] of a filter */
	struct cs_walk_row *row_list; /* [limit] */
};

/* A group of signals on their way back. */
struct cs_walk {
	const struct cs_trace *trace;
	struct cs_rule rule;
	enum cs_isa isa;
	int few; /* as many features are packed for a group by itself */
	const struct cs_pack *packs; /* [layers]; weights NULL where a kernel was not packed for all groups */
	struct cs_patch *patches;
	int count;
	struct cs_walk_scratch scratch;
};

/* How a kind of layer is reversed. */
struct cs_inverse {
	const struct cs_layer_ops *kind;

	/* From the layer's output to its input: takes every signal of the walk to map and window below. */
	void (*reverse)(struct cs_walk *walk, const struct cs_layer *layer);
};

/* The row for a layer's kind, or NULL. */
const struct cs_inverse *cs_inverse_of(const struct cs_layer *layer);

/* Rows that a filter's matrix product takes at a time, by the kernel's size alone. */
int64_t cs_unfilter_rows(const struct cs_layer *layer);

/* rectify.c: the layer's own activation. Signals stay where they are. */
void cs_rectify(struct cs_walk *walk, const struct cs_layer *layer);

/* Will layer `index` drop everything that is not above 0? */
bool cs_rectify_drops(const struct cs_walk *walk, int index);

/* unfilter.c: convolution and dense layers, their activation included. */
void cs_unfilter(struct cs_walk *walk, const struct cs_layer *layer);

/* Can signals arrive at this layer's filter so sparse that packing its kernel pays? (A max-pool stands right above.) */
bool cs_unfilter_expects_sparse(const struct cs_network *network, int layer);

/* unpool.c */
void cs_unpool_max(struct cs_walk *walk, const struct cs_layer *layer);
void cs_unpool_average(struct cs_walk *walk, const struct cs_layer *layer);

#endif
