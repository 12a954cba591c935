/* blocks.h: a network's hyperparameters at a glance: a row a block, as papers print them.
 *
 * A block is a layer with weights and what follows it up to the next one: its activation, its batch norm, its pool, its dropout.
 */
#ifndef CS_UI_BLOCKS_H
#define CS_UI_BLOCKS_H

#include "nn/network.h"
#include "ui/session.h"

struct cs_block {
	int layer; /* the one with weights */
	int64_t maps; /* features or units */
	char kernel[24], stride[24], padding[16], activation[24], pool[32], dropout[16], sizes[64]; /* "5×5", "1", "valid", "relu",
		"max 3×3", "0.5", "60→20": what it has no word for is "-" */
	bool normalised; /* there is a batch norm in it */
};

/* The blocks of a network into blocks[most]; returns how many there are, which may be more. */
int cs_blocks_of(const struct cs_network *network, struct cs_block *blocks, int most);

/* Draw them from `row` on, a head line first, at most `rows` lines; nothing where there is no room for one block. Returns lines used. */
int cs_blocks_show(struct cs_session *session, const struct cs_network *network, int row, int rows);

#endif
