/* basic_body.h: the entries of struct cs_kernels with vectors; im2col, which only copies, stays the portable one. */
#ifndef CS_NN_KERNELS_BASIC_BODY_H
#define CS_NN_KERNELS_BASIC_BODY_H

#include "nn/kernels/portable.h"
#include "nn/kernels/vector.h"
#include "nn/pool.h"

#include <string.h>

static void add(int64_t n, const float *x, float *y)
{
	int64_t i = 0;

	for (; i + LANES <= n; i += LANES)
		vstore(y + i, vload(y + i) + vload(x + i));
	if (i < n)
		vstore_part(y + i, vload_part(y + i, n - i) + vload_part(x + i, n - i), n - i);
}

static void col2im(const struct cs_layer *conv, const float *columns, int64_t first_row, int64_t rows, float *in)
{
	int64_t h = conv->in.dim[0], w = conv->in.dim[1], c = conv->in.dim[2], ow = conv->out.dim[1];
	int64_t kh = conv->spec.kernel[0], kw = conv->spec.kernel[1];

	for (int64_t i = first_row * ow; i < (first_row + rows) * ow; i++) {
		int64_t y = i / ow * conv->spec.stride[0] - conv->pad_top,
			x = i % ow * conv->spec.stride[1] - conv->pad_left;
		int64_t left = x < 0 ? -x : 0, right = x + kw > w ? w - x : kw;

		for (int64_t ky = 0; ky < kh; ky++, columns += kw * c) {
			if (y + ky >= 0 && y + ky < h)
				add((right - left) * c, columns + left * c, in + ((y + ky) * w + x + left) * c);
		}
	}
}

static void axpy(int64_t n, float a, const float *x, float *y)
{
	int64_t i = 0;

	for (; i + LANES <= n; i += LANES)
		vstore(y + i, vload(y + i) + a * vload(x + i));
	if (i < n)
		vstore_part(y + i, vload_part(y + i, n - i) + a * vload_part(x + i, n - i), n - i);
}

static void column_sums(int64_t n, int64_t width, const float *rows, float *out)
{
	enum { BLOCK = 32 };

	for (int64_t first = 0; first < width; first += LANES) {
		int64_t valid = width - first < LANES ? width - first : LANES;
		double total[LANES] = {0};

		for (int64_t block = 0; block < n; block += BLOCK) {
			int64_t end = block + BLOCK < n ? block + BLOCK : n;
			vec part = vset(0);
			float sums[LANES];

			for (int64_t row = block; row < end; row++)
				part += vload_part(rows + row * width + first, valid);
			vstore(sums, part);
			for (int i = 0; i < LANES; i++)
				total[i] += (double)sums[i];
		}
		for (int64_t i = 0; i < valid; i++)
			out[first + i] = (float)total[i];
	}
}

static void bias_activate(
	enum cs_activation activation, float alpha, const float *bias, float *rows, int64_t n, int64_t width)
{
	if (activation != CS_RELU && activation != CS_LINEAR) {
		for (int64_t row = 0; bias && row < n; row++)
			add(width, bias, rows + row * width);
		cs_activate(activation, alpha, rows, n, width);
		return;
	}
	for (int64_t row = 0; row < n; row++, rows += width) {
		for (int64_t i = 0; i < width; i += LANES) {
			int64_t valid = width - i < LANES ? width - i : LANES;
			vec x = vload_part(rows + i, valid);

			if (bias)
				x += vload_part(bias + i, valid);
			vstore_part(rows + i, activation == CS_RELU ? vrectify(x) : x, valid);
		}
	}
}

static void derive(enum cs_activation activation, float alpha, const float *outputs, float *gradient, int64_t n)
{
	int64_t i = 0;

	if (activation != CS_RELU) {
		cs_activate_backward(activation, alpha, outputs, gradient, 1, n);
		return;
	}
	for (; i + LANES <= n; i += LANES)
		vstore(gradient + i, vpositive(vload(outputs + i), vload(gradient + i)));
	if (i < n)
		vstore_part(gradient + i, vpositive(vload_part(outputs + i, n - i), vload_part(gradient + i, n - i)),
			n - i);
}

static void maxpool(const struct cs_layer *pool, const float *in, float *out, cs_switch *switches)
{
	int64_t h = pool->in.dim[0], w = pool->in.dim[1], c = pool->in.dim[2];
	int64_t oh = pool->out.dim[0], ow = pool->out.dim[1], wr = pool->spec.window[0], wc = pool->spec.window[1];

	for (int64_t i = 0; i < oh * ow; i++, out += c) {
		int64_t y = i / ow * pool->spec.stride[0] - pool->pad_top,
			x = i % ow * pool->spec.stride[1] - pool->pad_left;
		int64_t top = y < 0 ? -y : 0, bottom = y + wr > h ? h - y : wr;
		int64_t left = x < 0 ? -x : 0, right = x + wc > w ? w - x : wc;

		for (int64_t k = 0; k < c; k += LANES) {
			int64_t valid = c - k < LANES ? c - k : LANES;
			vec best = vload_part(in + ((y + top) * w + x + left) * c + k, valid);
			vcell cell = vcell_set((int)(top * wc + left));

			for (int64_t r = top; r < bottom; r++) {
				for (int64_t s = left; s < right; s++) {
					vec value = vload_part(in + ((y + r) * w + x + s) * c + k, valid);
					vmask wins = vwins(value, best);

					best = vchoose(wins, value, best);
					cell = vcell_choose(wins, vcell_set((int)(r * wc + s)), cell);
				}
			}
			vstore_part(out + k, best, valid);
			if (switches)
				vcell_store(switches + i * c + k, cell, valid);
		}
	}
}

static void maxpool_back(const struct cs_layer *pool, const float *d_out, const cs_switch *switches, float *d_in)
{
	int64_t h = pool->in.dim[0], w = pool->in.dim[1], c = pool->in.dim[2];
	int64_t oh = pool->out.dim[0], ow = pool->out.dim[1], wr = pool->spec.window[0], wc = pool->spec.window[1];

	if (cs_pool_overlaps(pool)) {
		cs_portable_maxpool_back(pool, d_out, switches, d_in);
		return;
	}
	if (!cs_portable_pool_covers(pool))
		memset(d_in, 0, (size_t)(h * w * c) * sizeof *d_in);
	for (int64_t i = 0; i < oh * ow; i++, d_out += c, switches += c) {
		int64_t y = i / ow * pool->spec.stride[0] - pool->pad_top,
			x = i % ow * pool->spec.stride[1] - pool->pad_left;
		int64_t top = y < 0 ? -y : 0, bottom = y + wr > h ? h - y : wr;
		int64_t left = x < 0 ? -x : 0, right = x + wc > w ? w - x : wc;

		for (int64_t k = 0; k < c; k += LANES) {
			int64_t valid = c - k < LANES ? c - k : LANES;
			vec d = vload_part(d_out + k, valid);
			vcell cells = vcell_load(switches + k, valid);

			for (int64_t r = top; r < bottom; r++) {
				for (int64_t s = left; s < right; s++)
					vstore_part(d_in + ((y + r) * w + x + s) * c + k,
						vchoose(vcell_is(cells, (int)(r * wc + s)), d, vset(0)), valid);
			}
		}
	}
}

#endif
