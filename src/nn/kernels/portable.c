/* portable.c: the inner loops in plain C: the reference for every other instruction set. See kernels.h.
 *
 * Maps are [rows,columns,channels], so the channel is the fastest index and every inner loop runs over channels, or over
 * the `kernel columns x channels` numbers that lie together in one row of the input.
 */
#include "nn/kernels/portable.h"

#include "nn/kernels/instruction_sets.h"
#include "nn/pool.h"

#include <math.h>
#include <string.h>

/* The part of [0, size) that a window of `window` cells from `start` on covers: first and last + 1, as cells of the window. */
static inline void clip(int64_t start, int64_t window, int64_t size, int64_t *first, int64_t *end)
{
	*first = start < 0 ? -start : 0;
	*end = start + window > size ? size - start : window;
	if (*end < *first)
		*end = *first;
}

void cs_portable_im2col(const struct cs_layer *conv, const float *in, int64_t first_row, int64_t rows, float *columns)
{
	int64_t h = conv->in.dim[0], w = conv->in.dim[1], c = conv->in.dim[2], ow = conv->out.dim[1];
	int64_t kh = conv->spec.kernel[0], kw = conv->spec.kernel[1];

	for (int64_t oy = first_row; oy < first_row + rows; oy++) {
		int64_t y = oy * conv->spec.stride[0] - conv->pad_top;

		for (int64_t ox = 0; ox < ow; ox++) {
			int64_t x = ox * conv->spec.stride[1] - conv->pad_left;
			int64_t first, end;

			clip(x, kw, w, &first, &end);
			for (int64_t ky = 0; ky < kh; ky++, columns += kw * c) {
				if (y + ky < 0 || y + ky >= h) {
					memset(columns, 0, (size_t)(kw * c) * sizeof *columns);
					continue;
				}
				memset(columns, 0, (size_t)(first * c) * sizeof *columns);
				memcpy(columns + first * c, in + ((y + ky) * w + x + first) * c,
					(size_t)((end - first) * c) * sizeof *columns);
				memset(columns + end * c, 0, (size_t)((kw - end) * c) * sizeof *columns);
			}
		}
	}
}

void cs_portable_col2im(const struct cs_layer *conv, const float *columns, int64_t first_row, int64_t rows, float *in)
{
	int64_t h = conv->in.dim[0], w = conv->in.dim[1], c = conv->in.dim[2], ow = conv->out.dim[1];
	int64_t kh = conv->spec.kernel[0], kw = conv->spec.kernel[1];

	for (int64_t oy = first_row; oy < first_row + rows; oy++) {
		int64_t y = oy * conv->spec.stride[0] - conv->pad_top;

		for (int64_t ox = 0; ox < ow; ox++) {
			int64_t x = ox * conv->spec.stride[1] - conv->pad_left;
			int64_t first, end;

			clip(x, kw, w, &first, &end);
			for (int64_t ky = 0; ky < kh; ky++, columns += kw * c) {
				if (y + ky >= 0 && y + ky < h)
					cs_portable_add((end - first) * c, columns + first * c,
						in + ((y + ky) * w + x + first) * c);
			}
		}
	}
}

void cs_portable_bias_activate(
	enum cs_activation activation, float alpha, const float *bias, float *rows, int64_t n, int64_t width)
{
	for (int64_t row = 0; bias && row < n; row++)
		cs_portable_add(width, bias, rows + row * width);
	cs_activate(activation, alpha, rows, n, width);
}

/* One window: out and switches [c]. The window's cell (0,0) stands at row y, column x of the map and may lie outside it;
 * rows[] and columns[] are the cells that lie inside. */
static void maxpool_window(const struct cs_layer *pool, const float *in, int64_t y, int64_t x, const int64_t rows[2],
	const int64_t columns[2], float *restrict out, cs_switch *restrict switches)
{
	int64_t w = pool->in.dim[1], c = pool->in.dim[2], window_columns = pool->spec.window[1];
	cs_switch first = (cs_switch)(rows[0] * window_columns + columns[0]);

	memcpy(out, in + ((y + rows[0]) * w + x + columns[0]) * c, (size_t)c * sizeof *out);
	for (int64_t i = 0; switches && i < c; i++)
		switches[i] = first;
	for (int64_t row = rows[0]; row < rows[1]; row++) {
		for (int64_t column = columns[0]; column < columns[1]; column++) {
			const float *cell = in + ((y + row) * w + x + column) * c;
			cs_switch number = (cs_switch)(row * window_columns + column);

			for (int64_t i = 0; i < c; i++) {
				/* true for a greater number and for the first NaN, never against a NaN */
				bool wins = !(cell[i] <= out[i]) && out[i] == out[i];

				out[i] = wins ? cell[i] : out[i];
				if (switches)
					switches[i] = wins ? number : switches[i];
			}
		}
	}
}

void cs_portable_maxpool(const struct cs_layer *pool, const float *in, float *out, cs_switch *switches)
{
	int64_t h = pool->in.dim[0], w = pool->in.dim[1], c = pool->in.dim[2];
	int64_t oh = pool->out.dim[0], ow = pool->out.dim[1];

	for (int64_t oy = 0; oy < oh; oy++) {
		int64_t y = oy * pool->spec.stride[0] - pool->pad_top;
		int64_t rows[2];

		clip(y, pool->spec.window[0], h, &rows[0], &rows[1]);
		for (int64_t ox = 0; ox < ow; ox++) {
			int64_t x = ox * pool->spec.stride[1] - pool->pad_left;
			int64_t columns[2];

			clip(x, pool->spec.window[1], w, &columns[0], &columns[1]);
			maxpool_window(pool, in, y, x, rows, columns, out, switches);
			out += c;
			switches = switches ? switches + c : NULL;
		}
	}
}

/* Window (row,column) gives `d_out`[c] to the cells of d_in that won: chosen, where no other window reaches them. */
static void give_alone(const struct cs_layer *pool, int64_t row, int64_t column, const cs_switch *switches,
	const float *d_out, float *d_in)
{
	int64_t h = pool->in.dim[0], w = pool->in.dim[1], c = pool->in.dim[2];
	int64_t y = row * pool->spec.stride[0] - pool->pad_top, x = column * pool->spec.stride[1] - pool->pad_left;
	int64_t rows = pool->spec.window[0], columns = pool->spec.window[1];

	for (int64_t i = y < 0 ? -y : 0; i < rows && y + i < h; i++) {
		for (int64_t j = x < 0 ? -x : 0; j < columns && x + j < w; j++) {
			float *cell = d_in + ((y + i) * w + x + j) * c;
			cs_switch number = (cs_switch)(i * columns + j);

			for (int64_t k = 0; k < c; k++)
				cell[k] = switches[k] == number ? d_out[k] : 0;
		}
	}
}

/* The same where windows share cells: added. */
static void give_shared(const struct cs_layer *pool, int64_t row, int64_t column, const cs_switch *switches,
	const float *d_out, float *d_in)
{
	int64_t c = pool->in.dim[2];

	for (int64_t k = 0; k < c; k++)
		d_in[cs_pool_position(pool, row, column, switches[k]) * c + k] += d_out[k];
}

bool cs_portable_pool_covers(const struct cs_layer *pool)
{
	for (int axis = 0; axis < 2; axis++) {
		int64_t before = axis ? pool->pad_left : pool->pad_top;
		int64_t end = (pool->out.dim[axis] - 1) * pool->spec.stride[axis] + pool->spec.window[axis] - before;

		if (pool->spec.stride[axis] != pool->spec.window[axis] || end < pool->in.dim[axis])
			return false;
	}
	return true;
}

void cs_portable_maxpool_back(const struct cs_layer *pool, const float *d_out, const cs_switch *switches, float *d_in)
{
	int64_t c = pool->in.dim[2], oh = pool->out.dim[0], ow = pool->out.dim[1];
	bool overlaps = cs_pool_overlaps(pool);

	if (!cs_portable_pool_covers(pool))
		memset(d_in, 0, (size_t)cs_shape_count(&pool->in) * sizeof *d_in);
	for (int64_t row = 0; row < oh; row++) {
		for (int64_t column = 0; column < ow; column++, switches += c, d_out += c)
			(overlaps ? give_shared : give_alone)(pool, row, column, switches, d_out, d_in);
	}
}

/* Each number is read before it is written, so that the loop may be vectorised in place, too. */
void cs_portable_normalise(const float *mean, const float *factor, const float *offset, const float *in, float *out,
	int64_t n, int64_t width)
{
	for (int64_t row = 0; row < n; row++, in += width, out += width) {
#pragma GCC ivdep
		for (int64_t c = 0; c < width; c++)
			out[c] = (in[c] - mean[c]) * factor[c] + offset[c];
	}
}

void cs_portable_normalise_back(const float *mean, const float *factor, const float *offset, const float *gain,
	const float *in, const float *d_out, float *d_in, int64_t n, int64_t width)
{
	for (int64_t row = 0; row < n; row++, in += width, d_out += width, d_in += width) {
#pragma GCC ivdep
		for (int64_t c = 0; c < width; c++)
			d_in[c] = (in[c] - mean[c]) * factor[c] + offset[c] + gain[c] * d_out[c];
	}
}

void cs_portable_moments(const float *rows, int64_t n, int64_t width, double *sums)
{
	double *restrict sum = sums, *restrict squares = sums + width;

	for (int64_t row = 0; row < n; row++, rows += width) {
		for (int64_t c = 0; c < width; c++) {
			sum[c] += (double)rows[c];
			squares[c] += (double)rows[c] * (double)rows[c];
		}
	}
}

void cs_portable_norm_maxpool(const struct cs_layer *pool, const float *const norm[3], bool rectified, const float *in,
	float *out, float *winners, cs_switch *switches)
{
	int64_t h = pool->in.dim[0], w = pool->in.dim[1], c = pool->in.dim[2], ow = pool->out.dim[1];
	int64_t wr = pool->spec.window[0], wc = pool->spec.window[1];

	for (int64_t i = 0; i < pool->out.dim[0] * ow; i++, out += c, winners += c, switches += c) {
		int64_t y = i / ow * pool->spec.stride[0] - pool->pad_top;
		int64_t x = i % ow * pool->spec.stride[1] - pool->pad_left;
		bool begun = false;

		for (int64_t cell = 0; cell < wr * wc; cell++) {
			int64_t row = y + cell / wc, column = x + cell % wc;
			const float *from = in + (row * w + column) * c;

			if (row < 0 || row >= h || column < 0 || column >= w)
				continue;
			for (int64_t k = 0; k < c; k++) {
				float value = (from[k] - norm[0][k]) * norm[1][k] + norm[2][k];

				if (rectified && value <= 0)
					value = 0;
				if (begun && !(value > out[k] || (isnan(value) && !isnan(out[k]))))
					continue;
				out[k] = value;
				winners[k] = from[k];
				switches[k] = (cs_switch)cell;
			}
			begun = true;
		}
	}
}

void cs_portable_add(int64_t n, const float *x, float *y)
{
	for (int64_t i = 0; i < n; i++)
		y[i] += x[i];
}

void cs_portable_axpy(int64_t n, float a, const float *x, float *y)
{
	for (int64_t i = 0; i < n; i++)
		y[i] += a * x[i];
}

/* Rows of a block are summed first, then blocks: the error grows with the square root of n's, not with n. */
void cs_portable_column_sums(int64_t n, int64_t width, const float *rows, float *out)
{
	enum { LANES = 64, BLOCK = 32 };

	for (int64_t first = 0; first < width; first += LANES) {
		int64_t lanes = width - first < LANES ? width - first : LANES;
		double total[LANES] = {0};

		for (int64_t block = 0; block < n; block += BLOCK) {
			int64_t end = block + BLOCK < n ? block + BLOCK : n;
			float part[LANES] = {0};

			for (int64_t row = block; row < end; row++)
				cs_portable_add(lanes, rows + row * width + first, part);
			for (int64_t i = 0; i < lanes; i++)
				total[i] += (double)part[i];
		}
		for (int64_t i = 0; i < lanes; i++)
			out[first + i] = (float)total[i];
	}
}

void cs_portable_derive(enum cs_activation activation, float alpha, const float *outputs, float *gradient, int64_t n)
{
	cs_activate_backward(activation, alpha, outputs, gradient, 1, n);
}

void cs_portable_dropout_mask(const struct cs_random *stream, uint32_t threshold, int64_t n, uint8_t *keep)
{
	struct cs_random random = *stream;
	int64_t i = 0;

	for (; i + 1 < n; i += 2) {
		uint32_t word = cs_random_u32(&random);

		keep[i] = (word & 0xffff) >= threshold;
		keep[i + 1] = (word >> 16) >= threshold;
	}
	if (i < n)
		keep[i] = (cs_random_u32(&random) & 0xffff) >= threshold;
}

void cs_portable_dropout(const uint8_t *keep, float factor, const float *from, float *to, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		to[i] = keep[i] ? from[i] * factor : 0.0f;
}

/* By squares of both, so that neither is walked through in long strides. */
static void transpose(const float *from, int64_t from_row, int64_t rows, int64_t columns, float *to, int64_t to_row)
{
	enum { SQUARE = 16 };

	for (int64_t r = 0; r < rows; r += SQUARE) {
		int64_t bottom = r + SQUARE < rows ? r + SQUARE : rows;

		for (int64_t c = 0; c < columns; c += SQUARE) {
			int64_t right = c + SQUARE < columns ? c + SQUARE : columns;

			for (int64_t j = c; j < right; j++) {
				for (int64_t i = r; i < bottom; i++)
					to[j * to_row + i] = from[i * from_row + j];
			}
		}
	}
}

const struct cs_kernels cs_kernels_portable = {
	.isa = CS_ISA_PORTABLE,
	.im2col = cs_portable_im2col,
	.col2im = cs_portable_col2im,
	.bias_activate = cs_portable_bias_activate,
	.normalise = cs_portable_normalise,
	.normalise_back = cs_portable_normalise_back,
	.moments = cs_portable_moments,
	.norm_maxpool = cs_portable_norm_maxpool,
	.maxpool = cs_portable_maxpool,
	.maxpool_back = cs_portable_maxpool_back,
	.add = cs_portable_add,
	.axpy = cs_portable_axpy,
	.column_sums = cs_portable_column_sums,
	.derive = cs_portable_derive,
	.transpose = transpose,
	.dropout_mask = cs_portable_dropout_mask,
	.dropout = cs_portable_dropout,
};
