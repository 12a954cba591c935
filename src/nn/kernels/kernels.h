/* kernels.h: the inner loops that have a form per instruction set, behind one table chosen once per process.
 *
 * Every entry has a portable form (portable.c), which is the reference; avx2.c and avx512.c override the entries they do
 * better. Each is bound by the portable form's contract: same shapes, same ties, same NaN rules; sums may round
 * differently. Nothing here allocates, starts threads or knows of layers.
 */
#ifndef CS_NN_KERNELS_H
#define CS_NN_KERNELS_H

#include "core/cpu.h"
#include "core/random.h"
#include "nn/layer.h"

struct cs_blocked;

struct cs_kernels {
	enum cs_isa isa;

	/* columns[oh*ow, kh*kw*c] of one image in[h,w,c]: row by row the window each output sees, zeros outside. `rows`
	 * output rows from `first_row` on. */
	void (*im2col)(const struct cs_layer *conv, const float *in, int64_t first_row, int64_t rows, float *columns);

	/* The transpose: add columns back into in[h,w,c] (which the caller has zeroed). */
	void (*col2im)(const struct cs_layer *conv, const float *columns, int64_t first_row, int64_t rows, float *in);

	/* rows[n,width] += bias[width], then activation (all kinds but softmax). */
	void (*bias_activate)(
		enum cs_activation activation, float alpha, const float *bias, float *rows, int64_t n, int64_t width);

	/* out[n,width] = (in - mean[width]) * factor[width] + offset[width]; out may be in. */
	void (*normalise)(const float *mean, const float *factor, const float *offset, const float *in, float *out,
		int64_t n, int64_t width);

	/* The way back: d_in[n,width] = normalise(in) + gain[width] * d_out; d_in may be d_out. */
	void (*normalise_back)(const float *mean, const float *factor, const float *offset, const float *gain, const float *in,
		const float *d_out, float *d_in, int64_t n, int64_t width);

	/* sums[2,width] += the columns' sums and sums of squares over n rows, in double precision. */
	void (*moments)(const float *rows, int64_t n, int64_t width, double *sums);

	/* As normalise (norm: mean, factor, offset), where `rectified` max(x, 0), and maxpool, one after the other on one image, the maps
	 * between them nowhere written; `winners` receives the inputs of the cells that won, before all this. */
	void (*norm_maxpool)(const struct cs_layer *pool, const float *const norm[3], bool rectified, const float *in,
		float *out, float *winners, cs_switch *switches);

	/* Max-pool one image, switches included; pool.h has the definition. `switches` may be NULL. */
	void (*maxpool)(const struct cs_layer *pool, const float *in, float *out, cs_switch *switches);

	/* Its transpose for one image: each d_out goes to the cell that won. Where windows do not overlap a cell belongs to one window
	 * at most and its gradient is chosen; where they do, gradients add, window by window in row-major order. */
	void (*maxpool_back)(const struct cs_layer *pool, const float *d_out, const cs_switch *switches, float *d_in);

	/* y[n] += x[n], y[n] += a * x[n], sum of columns: out[width] = sum over n rows, of which a few are summed in
	 * float32 and all in double: gradients of biases cancel. */
	void (*add)(int64_t n, const float *x, float *y);
	void (*axpy)(int64_t n, float a, const float *x, float *y);
	void (*column_sums)(int64_t n, int64_t width, const float *rows, float *out);

	/* gradient[n] *= the activation's derivative, from its outputs[n] (all kinds but softmax). */
	void (*derive)(enum cs_activation activation, float alpha, const float *outputs, float *gradient, int64_t n);

	/* to[c * to_row + r] = from[r * from_row + c] for r < rows and c < columns. */
	void (*transpose)(
		const float *from, int64_t from_row, int64_t rows, int64_t columns, float *to, int64_t to_row);

	/* Dropout's mask from a stream just opened: keep[i] = 1 where the next 16 bits (a word's lower half first) are not below
	 * threshold, else 0. Every table gives the same bits. */
	void (*dropout_mask)(const struct cs_random *stream, uint32_t threshold, int64_t n, uint8_t *keep);

	/* to[n] = from[n] * factor where it is kept, else 0, a NaN dropped too; from may be to. */
	void (*dropout)(const uint8_t *keep, float factor, const float *from, float *to, int64_t n);

	/* The loops of the fast convolutions (blocked.h); NULL where there are none. */
	const struct cs_blocked *blocked;
};

/* The table for the chosen instruction set (cs_isa_chosen); falls back to portable when the environment asks for nonsense (main
 * has reported that by then). */
const struct cs_kernels *cs_kernels(void);

/* The table of one set, for tests; NULL when this machine lacks it. */
const struct cs_kernels *cs_kernels_for(enum cs_isa isa);

#endif
