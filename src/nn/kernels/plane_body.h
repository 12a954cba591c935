/* plane_body.h: what happens to planes of cells around the products: to and from NHWC, rectifying, pooling. */
#ifndef CS_NN_KERNELS_PLANE_BODY_H
#define CS_NN_KERNELS_PLANE_BODY_H

#include "nn/kernels/blocked.h"
#include "nn/kernels/vector.h"

static void rectify(float *cells, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		vstore(cells + i * LANES, vrectify(vload(cells + i * LANES)));
}

/* Can vectors be streamed to such places? */
INLINE int streamable(const float *out, int64_t channels, int64_t valid)
{
	return valid == LANES && channels % LANES == 0 && (uintptr_t)out % sizeof(vec) == 0;
}

static void unblock(const float *cells, int64_t pitch, int64_t rows, int64_t columns, int64_t valid, float *out,
	int64_t channels, bool streamed)
{
	if (streamed && streamable(out, channels, valid)) {
		for (int64_t y = 0; y < rows; y++) {
			for (int64_t x = 0; x < columns; x++, out += channels)
				vstream(out, vload(cells + (y * pitch + x) * LANES));
		}
		return;
	}
	for (int64_t y = 0; y < rows; y++) {
		for (int64_t x = 0; x < columns; x++, out += channels) {
			__builtin_prefetch(out + 16 * channels, 1);
			vstore_part(out, vload(cells + (y * pitch + x) * LANES), valid);
		}
	}
}

static void block(
	const float *in, int64_t rows, int64_t columns, int64_t channels, int64_t valid, float *cells, int64_t pitch)
{
	for (int64_t y = 0; y < rows; y++) {
		for (int64_t x = 0; x < columns; x++, in += channels) {
			__builtin_prefetch(in + 16 * channels);
			vstore(cells + (y * pitch + x) * LANES, vload_part(in, valid));
		}
	}
}

/* One window: its cells rows[0] .. rows[1]-1 by columns[0] .. columns[1]-1, of which `cells` points at (0,0). */
INLINE void window(const float *cells, int64_t pitch, const int64_t rows[2], const int64_t columns[2],
	int64_t window_columns, int rectified, int64_t valid, float *out, cs_switch *switches)
{
	int first = (int)(rows[0] * window_columns + columns[0]);
	vec best = vload(cells + (rows[0] * pitch + columns[0]) * LANES);
	vcell cell = vcell_set(first);

	for (int64_t y = rows[0]; y < rows[1]; y++) {
		for (int64_t x = columns[0]; x < columns[1]; x++) {
			vec value = vload(cells + (y * pitch + x) * LANES);
			vmask wins = vwins(value, best);

			best = vchoose(wins, value, best);
			cell = vcell_choose(wins, vcell_set((int)(y * window_columns + x)), cell);
		}
	}
	if (rectified) {
		/* rectifying first would have made a window without a positive number all zeros: its first cell wins */
		cell = vcell_choose(vdead(best), vcell_set(first), cell);
		best = vrectify(best);
	}
	vstore_part(out, best, valid);
	if (switches)
		vcell_store(switches, cell, valid);
}

/* The same for a whole window of constant size, unrolled. */
INLINE void window_whole(const float *cells, int64_t pitch, const int size, int rectified, int64_t valid, float *out,
	cs_switch *switches)
{
	vec best = vload(cells);
	vcell cell = vcell_set(0);

#pragma GCC unroll 4
	for (int y = 0; y < size; y++) {
#pragma GCC unroll 4
		for (int x = 0; x < size; x++) {
			vec value;
			vmask wins;

			if (x + y == 0)
				continue;
			value = vload(cells + (y * pitch + x) * LANES);
			wins = vwins(value, best);
			best = vchoose(wins, value, best);
			cell = vcell_choose(wins, vcell_set(y * size + x), cell);
		}
	}
	if (rectified) {
		cell = vcell_choose(vdead(best), vcell_set(0), cell);
		best = vrectify(best);
	}
	vstore_part(out, best, valid);
	if (switches)
		vcell_store(switches, cell, valid);
}

static void maxpool_block(const struct cs_layer *pool, const float *cells, int64_t pitch, int64_t top, int64_t first,
	int64_t end, bool rectified, int64_t valid, float *out, cs_switch *switches)
{
	int64_t h = pool->in.dim[0], w = pool->in.dim[1], ow = pool->out.dim[1], c = pool->out.dim[2];
	int64_t wr = pool->spec.window[0], wc = pool->spec.window[1];

	for (int64_t row = first; row < end; row++) {
		int64_t y = row * pool->spec.stride[0] - pool->pad_top;
		int64_t rows[2] = {y < 0 ? -y : 0, y + wr > h ? h - y : wr};

		for (int64_t column = 0; column < ow; column++) {
			int64_t x = column * pool->spec.stride[1] - pool->pad_left;
			int64_t columns[2] = {x < 0 ? -x : 0, x + wc > w ? w - x : wc};
			int64_t at = (row * ow + column) * c, from = ((y - top) * pitch + x) * LANES;
			int whole = wr == wc && rows[0] == 0 && columns[0] == 0 && rows[1] == wr && columns[1] == wc;
			cs_switch *to = switches ? switches + at : NULL;

			if (whole && wr == 2)
				window_whole(cells + from, pitch, 2, rectified, valid, out + at, to);
			else if (whole && wr == 3)
				window_whole(cells + from, pitch, 3, rectified, valid, out + at, to);
			else
				window(cells + from, pitch, rows, columns, wc, rectified, valid, out + at, to);
		}
	}
}

#endif
