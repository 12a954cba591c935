/* blocked.h: the inner loops of the fast convolutions, on maps cut into blocks of `lanes` channels.
 *
 * A *block* is a plane of cells, each `lanes` neighbouring channels wide, the last block filled up with zeros. Features are
 * cut the same way, and computed one or two blocks at a time (`wide` = 1 or 2). The algorithms that use these loops
 * (conv_planes.c, conv_winograd.c, conv_sparse.c) own layout and order; these only compute. Portable C has no such table:
 * there convolutions run by im2col + GEMM.
 */
#ifndef CS_NN_KERNELS_BLOCKED_H
#define CS_NN_KERNELS_BLOCKED_H

#include "nn/layer.h"

/* A product of a strided operand with packed weights: for each row r and feature n
 *   out[n / lanes][r][n % lanes] = start[n] + sum over terms t and i < step of a[offsets[t] + r * step + i] * b[(t * step + i)][n]
 * with n < wide * lanes; start NULL = 0. step is 1 (channels few: one plane each) or lanes (blocks). */
struct cs_product {
	int64_t rows, step, terms;
	const float *a;
	const int64_t *offsets; /* [terms] in floats */
	const float *b; /* [terms * step, wide * lanes] */
	const float *start; /* [wide * lanes] or NULL */
	float *out; /* [wide][rows][lanes]: rows are `row` floats apart, blocks `gap` */
	int64_t row, gap;
	bool add; /* to what stands in out; start is then not read */
	int wide;
};

/* The products of filtered lines of few channels, all points of one feature block: for each point p, row r and tile t
 *   out[p * gap + (r * tiles + t) * lanes + n] = (start[n], at point 1) + sum over channels c and taps k < 3 or 5 of
 *     a[p * point + c * plane + (r + k) * tiles + t] * b[((p * channels + c) * taps + k) * lanes + n] */
struct cs_lines {
	int taps, points;
	int64_t channels, rows, tiles;
	const float *a, *b;
	int64_t point, plane;
	const float *start; /* [lanes] or NULL */
	float *out;
	int64_t gap;
};

/* One entry of the gradient that came back through a max-pool: where in the (padded) input its window begins, and how much. */
struct cs_live {
	uint32_t offset; /* in floats */
	float value;
};

/* The lists of several features, one behind the other, and the taps that each entry reaches. */
struct cs_lists {
	const struct cs_live *live;
	const uint32_t *heads; /* [features + 1] into live */
	int64_t features;
	int rows, columns; /* of taps: [features][rows][columns][lanes] */
	int64_t row; /* floats of the map's */
	const float *
		ahead; /* numbers that will be wanted next, to be asked for meanwhile: `wanted` of them, `apart` floats from one to the next */
	int64_t wanted, apart;
};

/* Minimal filtering (Winograd 1980; Toom-Cook points): m outputs of a kernel of r taps by m + r - 1 = `points` products. */
enum cs_filtering { CS_F2_3, CS_F3_3, CS_F4_3, CS_F6_3, CS_F3_5, CS_F6_5, CS_S3_3, CS_FILTERINGS };

/* CS_S3_3 has a stride of 2: its taps fall on even pixels and odd ones by turns, two on the one and one on the other, and each of
 * the two is filtered by itself: 7 products for 9. A tile of it sees 7 pixels, and the next begins 6 further on. */
struct cs_filtering_size {
	int outputs, taps, points, stride;
};
extern const struct cs_filtering_size cs_filtering_sizes[CS_FILTERINGS];

struct cs_blocked {
	int lanes;

	void (*product)(const struct cs_product *product);

	void (*lines)(const struct cs_lines *lines);

	/* Lines are filtered by F(3, 3), F(6, 3), F(3, 5) or F(6, 5).
	 *
	 * One row of pixels[., width] through the input transform, for tiles that begin `outputs` pixels apart: point p of tile t,
	 * channel block b (of `step` channels) goes to out[p * point + b * plane + t * step]. width is a multiple of step. */
	void (*lines_in)(enum cs_filtering f, const float *row, int64_t width, int64_t tiles, int64_t step, float *out,
		int64_t point, int64_t plane);

	/* One feature block in[points][n][lanes], points `point` floats apart, to out[n * outputs][lanes]. */
	void (*lines_out)(enum cs_filtering f, const float *in, int64_t point, int64_t n, float *out);

	/* lines_out and max-pool in one, nothing stored between them: for windows `wide` (of 3 or of 2 columns, where a tile's outputs are
	 * a multiple of that) by `rows` that neither overlap nor stand apart. in[points][rows][pitch][lanes] gives n windows,
	 * `channels` numbers apart, of which the first `valid` are wanted; `norm` is NULL, or what affine would have been given:
	 * mean, factor, offset; `rectified` and switches as in maxpool_block, `streamed` as in unblock. */
	void (*lines_pool)(enum cs_filtering f, int64_t wide, int64_t rows, const float *in, int64_t point,
		int64_t pitch, int64_t n, const float *const norm[3], bool rectified, int64_t valid, float *out,
		cs_switch *switches, int64_t channels, bool streamed);

	/* Weights of the 1-D transform: taps[taps] rows `stride` floats apart of `n` <= lanes features, to out[p * point]. */
	void (*lines_weights)(
		enum cs_filtering f, const float *taps, int64_t stride, int64_t n, float *out, int64_t point);

	/* All 2-D tiles of one image's channel blocks: tile t (row-major, tiles[0] x tiles[1]) of block b, point p to
	 * out[p * point + b * plane + t * tile]. Outside the map is zero; tile (0,0) begins `before` rows and columns outside. `streamed`:
	 * what is written will not be read before the caches have lost it; everything is then a multiple of `lanes`, and out aligned to
	 * as many floats; settle() afterwards. */
	void (*tiles_in)(enum cs_filtering f, const float *in, const struct cs_shape *shape, const int64_t before[2],
		const int64_t tiles[2], float *out, int64_t point, int64_t plane, int64_t tile, bool streamed);

	/* Backward, the gradient of a map to the points: the transpose of tiles_out, for tiles from row `first` on. Blocks are counted in
	 * pairs: tile t of block b to out[p * point + b / 2 * plane + b % 2 * half + t * tile]. */
	void (*tiles_spread)(enum cs_filtering f, const float *gradient, const struct cs_shape *shape, int64_t first,
		const int64_t tiles[2], float *out, int64_t point, int64_t plane, int64_t half, int64_t tile);

	/* And from the points to the gradient of the input: the transpose of tiles_in, for one block, in[p * point + t * lanes]; a tile is
	 * added to cells[.][pitch][lanes], `outputs` times the stride on from the one before. */
	void (*tiles_gather)(enum cs_filtering f, const float *in, int64_t point, const int64_t tiles[2], float *cells,
		int64_t pitch);

	/* And from the points to the taps: the transpose of tiles_weights, for n <= lanes features. */
	void (*tiles_collect)(enum cs_filtering f, const float *in, int64_t point, int64_t n, float *taps, int64_t row,
		int64_t column);

	/* The 2-D tiles of one feature block, in[points * points][tiles][lanes], back to a plane
	 * out[tiles[0] * outputs][tiles[1] * outputs][lanes], with bias[lanes] added where it is not NULL. `next` is where, from a tile on,
	 * one stands that will be wanted later, or 0. */
	void (*tiles_out)(enum cs_filtering f, const float *in, int64_t point, const int64_t tiles[2],
		const float *bias, float *out, int64_t next);

	/* As lines_weights for taps x taps; rows of the kernel are `row` floats apart, columns `column`. `streamed` as in tiles_in. */
	void (*tiles_weights)(enum cs_filtering f, const float *taps, int64_t row, int64_t column, int64_t n,
		float *out, int64_t point, bool streamed);

	/* At the end of a task that streamed: what it wrote is there for every thread. */
	void (*settle)(void);

	/* (x - mean) * factor + offset of n cells of one feature block, in place, `rectified` max(x, 0) of that: numbers of the first
	 * `valid` lanes, the others become 0. The same bits as cs_kernels.normalise. */
	void (*affine)(const float *mean, const float *factor, const float *offset, int64_t valid, bool rectified,
		float *cells, int64_t n);

	/* max(x, 0) of n cells, in place; NaN stays. */
	void (*rectify)(float *cells, int64_t n);

	/* A block's cells to a map: out[rows][columns][channels], the first `valid` lanes. pitch is the plane's columns. `streamed` as in
	 * tiles_in, where whole vectors allow it. */
	void (*unblock)(const float *cells, int64_t pitch, int64_t rows, int64_t columns, int64_t valid, float *out,
		int64_t channels, bool streamed);

	/* The reverse for one channel block: in[rows][columns][channels] into cells[.][pitch], zero lanes beyond `valid`. */
	void (*block)(const float *in, int64_t rows, int64_t columns, int64_t channels, int64_t valid, float *cells,
		int64_t pitch);

	/* Max-pool the windows of output rows first .. end - 1 from a plane whose row 0 is the map's row `top`; `rectified`:
	 * as if max(x, 0) had been applied to the plane first. out and switches point at the feature block of output row
	 * 0 and have pool->out.dim[2] channels a cell; switches may be NULL. */
	void (*maxpool_block)(const struct cs_layer *pool, const float *cells, int64_t pitch, int64_t top,
		int64_t first, int64_t end, bool rectified, int64_t valid, float *out, cs_switch *switches);

	/* How many of n numbers are not zero. */
	int64_t (*live_total)(const float *gradient, int64_t n);

	/* How many of gradient[cells][features] are not zero, for features first .. first + valid - 1: counts[valid]. */
	void (*live_count)(const float *gradient, int64_t cells, int64_t features, int64_t valid, uint32_t *counts);

	/* List them: feature i's entries go to lists[i] on, cell by cell in the order order[0..cells). A cell q whose window
	 * cell s won lies at base[q] + within[s]. */
	void (*live_list)(const float *gradient, const cs_switch *switches, int64_t cells, int64_t features,
		int64_t valid, const uint32_t *order, const int32_t *base, const int32_t *within,
		struct cs_live *const *lists);

	/* For every entry of every feature's list and each of its taps (r,c):
	 * map[offset + r * row + c * lanes] += value * taps[feature][r][c], `lanes` wide. */
	void (*scatter)(const struct cs_lists *lists, const float *taps, float *map);

	/* The transpose: taps[feature][r][c] += sum of value * map[offset + ...]. */
	void (*collect)(const struct cs_lists *lists, float *taps, const float *map);

	/* A row of n outputs `step` floats apart, of which each sees `width` floats, to whole vectors: zeros behind them. */
	void (*widen)(const float *row, int64_t step, int64_t n, int64_t width, float *out);

	/* Where most cells are live, without lists. For one row of `cells` pooled cells and the first `valid` features of a block, and
	 * for every kernel row r and vector v of a widened map:
	 *   sums[feature][r][v] += gradient[cell][feature] * map[columns[cell] + within[switch] + r * row + v * lanes]
	 * and totals[feature] += gradient[cell][feature]. Where `outputs` (laid out as the gradient) is not NULL, gradient counts only where
	 * an output is positive. `within` has `window` entries, and is readable for `lanes`. */
	void (*collect_cells)(const float *gradient, const float *outputs, const cs_switch *switches, int64_t cells,
		int64_t features, int64_t valid, const int32_t *columns, const int32_t *within, int64_t window,
		int rows, int vectors, const float *map, int64_t row, float *sums, double *totals);
};

#endif
