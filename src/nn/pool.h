/* pool.h: pooling switches: the one definition.
 *
 * A switch says which element of a max-pool window won: as stored (cs_switch) the cell inside the window, row *
 * window_columns + column; as read through cs_pool_position(), the position inside the input plane of one image and one
 * channel, row * width + column, from 0. The input is the map as it reaches the pool, after bias and activation, also where
 * a kernel fuses the three. Ties go to the first in row-major order, so a window of zeros has its first cell (its
 * first cell inside the map, where padding 'same' lets a window begin outside). A NaN wins its window, so that it is
 * seen. Windows may overlap; unpooling then adds, as the transpose of pooling does.
 */
#ifndef CS_NN_POOL_H
#define CS_NN_POOL_H

#include "nn/layer.h"

/* The input position (row * width + column) that switch `cell` of output (row, column) of a max-pool layer stands for. */
static inline int64_t cs_pool_position(const struct cs_layer *pool, int64_t row, int64_t column, cs_switch cell)
{
	int64_t y = row * pool->spec.stride[0] - pool->pad_top + cell / pool->spec.window[1];
	int64_t x = column * pool->spec.stride[1] - pool->pad_left + cell % pool->spec.window[1];

	return y * pool->in.dim[1] + x;
}

/* Do windows share cells? Then unpooling adds. */
static inline bool cs_pool_overlaps(const struct cs_layer *pool)
{
	return pool->spec.stride[0] < pool->spec.window[0] || pool->spec.stride[1] < pool->spec.window[1];
}

/* What max and average pooling share: the shape with its errors (a stride of 0 becomes the window), the line for people and
 * the geometry. */
enum cs_status cs_pool_shape(struct cs_layer *layer, struct cs_error *error);
void cs_pool_describe(const char *kind, const struct cs_layer *layer, char *text, size_t size);
void cs_pool_geometry(const struct cs_layer *layer, int64_t window[2], int64_t stride[2], int64_t before[2]);

#endif
